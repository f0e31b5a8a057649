/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Seeded randomness for scripts that must replay: VRS_TEST_SEED chooses the seed, the test
 * prints it.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rib/base/hash.h"
#include "rib/prefix.h"

struct rng {
	uint64_t s;
};

static inline uint64_t rng_u64(struct rng *r)
{
	return vrs_splitmix64(&r->s);
}

static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)((rng_u64(r) >> 32) * n >> 32);
}

/** The environment's seed or one from the clock; printed. */
static inline uint64_t rng_seed(const char *what)
{
	const char *env = getenv("VRS_TEST_SEED");
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t seed = env != NULL ? strtoull(env, NULL, 0)
				    : (uint64_t)ts.tv_nsec << 20 ^ (uint64_t)ts.tv_sec;
	fprintf(stderr, "%s: seed %llu (VRS_TEST_SEED=%llu replays)\n", what,
		(unsigned long long)seed, (unsigned long long)seed);
	return seed;
}

/** A number from the environment, to make a script longer or shorter. */
static inline uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *env = getenv(name);

	return env != NULL ? strtoull(env, NULL, 0) : otherwise;
}

/** An address from a small part of the space, so that prefixes meet: some bytes take few values. */
static inline struct vrs_addr rng_addr(struct rng *r, unsigned afi)
{
	struct vrs_addr a = {.afi = (uint8_t)afi};
	uint64_t x = rng_u64(r), y = rng_u64(r);

	for (unsigned i = 0; i < vrs_afi_width(afi) / 8; i++) {
		uint8_t v = (uint8_t)((i < 8 ? x : y) >> (8 * (i % 8)));

		a.bytes[i] = i == 3 || i == 15 ? v : (v & 1 ? 10 : (v & 7) << 5);
	}
	return a;
}

/** Any length, the ends of ranges more often: 0, 1..15, 16, 24, 25..32, 128. */
static inline struct vrs_prefix rng_prefix(struct rng *r, unsigned afi)
{
	static const uint8_t favourites[] = {0, 8, 15, 16, 17, 24, 25, 32, 48, 64, 127, 128};
	unsigned width = vrs_afi_width(afi), len = rng_below(r, width + 1);
	struct vrs_addr a = rng_addr(r, afi);

	if (rng_below(r, 3) == 0)
		len = favourites[rng_below(r, afi == VRS_AFI_IP4 ? 8 : 12)];
	return vrs_prefix_of(&a, len);
}
