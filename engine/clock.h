/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdint.h>
#include <time.h>

/** Where an engine gets the time from. */
struct vrs_clock {
	uint64_t (*now_ms)(void *ctx); /**< NULL: vrs_now_ms(). Any thread of the engine. */
	void *ctx;
};

/** Nanoseconds of a clock that never jumps. */
static inline uint64_t vrs_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/** Milliseconds of it. */
static inline uint64_t vrs_now_ms(void)
{
	return vrs_now_ns() / 1000000;
}

static inline uint64_t vrs_clock_ms(const struct vrs_clock *c)
{
	return c->now_ms != NULL ? c->now_ms(c->ctx) : vrs_now_ms();
}
