/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"

/**
 * @file
 * Memory with a tag: every large or per-route allocation is counted under what it is for, so
 * that "bytes per prefix" can always be printed and a leak has a name.
 *
 * Threads: any, at once; counters are relaxed atomics. Frees are sized, so nothing is stored
 * beside the caller's bytes. Small, cold configuration objects may use malloc directly.
 */

enum vrs_mem_tag {
	VRS_MEM_RADIX,    /**< Nodes and root pages of RIB trees. */
	VRS_MEM_ENTRY,    /**< RIB entries and their path blocks. */
	VRS_MEM_ATTRS,    /**< Interned path attribute sets. */
	VRS_MEM_GROUP,    /**< Next-hop groups. */
	VRS_MEM_SNAPSHOT, /**< Versions that readers look up in. */
	VRS_MEM_OVERLAY,  /**< System and user routes per class. */
	VRS_MEM_DELTA,    /**< The delta log. */
	VRS_MEM_EXPORT,   /**< Adj-RIB-Out state and encoded UPDATEs. */
	VRS_MEM_SESSION,  /**< Sessions and their receive buffers. */
	VRS_MEM_RECLAIM,  /**< Batches that wait for a grace period. */
	VRS_MEM_QUEUE,    /**< Dirty rings and messages between threads. */
	VRS_MEM_OTHER,
	VRS_MEM_N_TAGS,
};

/** @return @p size bytes, 64-byte aligned where size is a multiple of 64; NULL if out of memory. */
void *vrs_mem_alloc(enum vrs_mem_tag tag, size_t size) VRS_NODISCARD;

/** As vrs_mem_alloc(), zeroed. */
void *vrs_mem_zalloc(enum vrs_mem_tag tag, size_t size) VRS_NODISCARD;

/** As vrs_mem_alloc() with @p align, a power of two that divides @p size. */
void *vrs_mem_alloc_aligned(enum vrs_mem_tag tag, size_t align, size_t size) VRS_NODISCARD;

/** Grow or shrink; @p p may be NULL with @p old_size 0. NULL if out of memory: @p p stays. */
void *vrs_mem_realloc(enum vrs_mem_tag tag, void *p, size_t old_size, size_t size) VRS_NODISCARD;

/** Free @p p, got with the same @p tag and @p size. NULL is ignored. */
void vrs_mem_free(enum vrs_mem_tag tag, void *p, size_t size);

/** @return Bytes in use under @p tag now. */
int64_t vrs_mem_used(enum vrs_mem_tag tag);

/** @return The tag's name as status and metrics print it, e.g. "radix". */
const char *vrs_mem_tag_str(enum vrs_mem_tag tag);
