/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The handful of macros that every folder shares.
 */

#include <assert.h>
#include <stddef.h>

#define VRS_NODISCARD    __attribute__((warn_unused_result))
#define VRS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define VRS_PUBLIC       __attribute__((visibility("default")))
#define VRS_ALIGNED(n)   __attribute__((aligned(n)))

#define VRS_LIKELY(x)   __builtin_expect(!!(x), 1)
#define VRS_UNLIKELY(x) __builtin_expect(!!(x), 0)

#define VRS_N_ELEMS(a) (sizeof(a) / sizeof((a)[0]))
#define VRS_MIN(a, b)  ((a) < (b) ? (a) : (b))
#define VRS_MAX(a, b)  ((a) > (b) ? (a) : (b))

/** The struct that holds @p member at @p ptr. */
#define VRS_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/** Bytes of a cache line on every machine this runs on. */
#define VRS_CACHE_LINE 64
