/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/base/hash.h"

#include <sys/random.h>
#include <time.h>
#include <xxhash.h>

static uint64_t seed;

/* Before main(), so that every thread sees one value. A constructor here cannot be dropped by
 * the linker: whoever hashes pulls this object in. */
__attribute__((constructor)) static void draw_seed(void)
{
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
		struct timespec ts;

		clock_gettime(CLOCK_REALTIME, &ts);
		seed = (uint64_t)ts.tv_nsec * 0x9e3779b97f4a7c15ull + (uint64_t)ts.tv_sec;
	}
}

uint64_t vrs_hash(const void *bytes, size_t size)
{
	return XXH3_64bits_withSeed(bytes, size, seed);
}
