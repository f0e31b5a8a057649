/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rib/base/clock.h"

/** Where an engine gets the time from. */
struct vrs_clock {
	uint64_t (*now_ms)(void *ctx); /**< NULL: vrs_now_ms(). Any thread of the engine. */
	void *ctx;
};

/** Milliseconds of vrs_now_ns(). */
static inline uint64_t vrs_now_ms(void)
{
	return vrs_now_ns() / 1000000;
}

static inline uint64_t vrs_clock_ms(const struct vrs_clock *c)
{
	return c->now_ms != NULL ? c->now_ms(c->ctx) : vrs_now_ms();
}

/** The same for one who has read the machine's clock already. */
static inline uint64_t vrs_clock_ms_at(const struct vrs_clock *c, uint64_t now_ns)
{
	return c->now_ms != NULL ? c->now_ms(c->ctx) : now_ns / 1000000;
}
