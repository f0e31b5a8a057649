/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Hashing of bytes that peers choose: XXH3 with a seed drawn once per process, so that nobody
 * outside can aim at one bucket. Threads: any; the seed is fixed before main() returns from
 * its first call.
 */

#include <stddef.h>
#include <stdint.h>

/** @return XXH3-64 of @p size bytes under the process seed. */
uint64_t vrs_hash(const void *bytes, size_t size);

/** splitmix64: the next number of a sequence that a seed determines. For jitter, chances and tests; whoever sees
 *  some of it can tell the rest. */
static inline uint64_t vrs_splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/** Mix one integer (for table slots of trusted ids; not seeded). */
static inline uint64_t vrs_hash_u64(uint64_t x)
{
	x ^= x >> 32;
	x *= 0x9e3779b97f4a7c15ull;
	return x ^ (x >> 29);
}
