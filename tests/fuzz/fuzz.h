/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What a fuzz target gives: the libFuzzer entry point, and seeds from our own encoder for a
 * corpus. replay.c runs the same targets without libFuzzer, as a plain test.
 */

#include <stddef.h>
#include <stdint.h>

/** Survive @p data, and abort() when something that must hold does not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Write seed @p i. @return Its size; 0 when there are no more. */
size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap);

/** assert() that stays in release builds. */
#define FUZZ_CHECK(x)                     \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)
