/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Timers on a hashed wheel, driven by a clock that is passed in: the monotonic clock in the
 * daemon, a virtual one in tests and in the simulator.
 *
 * A timer never fires early and at most one tick (10 ms, or what the wheel was made with) late,
 * counted from the first vrs_wheel_advance() that reaches it. Arm and cancel are O(1); timers of one tick fire in the
 * order they were armed.
 *
 * **Threads.** One: that of the sessions on it. **Ownership.** A timer is a member of whatever
 * it belongs to; cancel it before that goes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VRS_WHEEL_TICK_MS 10u
#define VRS_WHEEL_SLOTS   512u
/** No timer is armed. */
#define VRS_WHEEL_NEVER   UINT64_MAX

struct vrs_timer {
	struct vrs_timer *next, *prev; /* NULL: not armed */
	uint64_t due_tick;
	void (*fn)(struct vrs_timer *t);
};

struct vrs_wheel {
	uint64_t now_ms;      /**< The clock, as of the last advance or touch. */
	uint64_t advanced_ms; /**< As of the last advance. */
	uint64_t slip_ms;     /**< How far the last advance moved it. */
	uint64_t tick_ms;
	uint64_t tick;
	uint64_t next_ms;                        /* Nothing is due before. */
	size_t n;                                /* Armed timers. */
	struct vrs_timer slots[VRS_WHEEL_SLOTS]; /* Heads of rings. */
};

/** Make @p w empty, its clock at @p now_ms. */
void vrs_wheel_init(struct vrs_wheel *w, uint64_t now_ms);

/** With ticks of @p tick_ms. */
void vrs_wheel_init_tick(struct vrs_wheel *w, uint64_t now_ms, uint64_t tick_ms);

/** Set the clock and fire what is due. A clock that goes back is ignored. Timers may be armed
 *  and cancelled from inside. @return Timers fired. */
size_t vrs_wheel_advance(struct vrs_wheel *w, uint64_t now_ms);

/** Set the clock alone: what arrives is noted at the right time, timers fire at the next
 *  advance. A clock that goes back is ignored. */
static inline void vrs_wheel_touch(struct vrs_wheel *w, uint64_t now_ms)
{
	if (now_ms > w->now_ms)
		w->now_ms = now_ms;
}

/** @return When to advance next, at the latest; VRS_WHEEL_NEVER without timers. */
uint64_t vrs_wheel_next(struct vrs_wheel *w);

/** (Re)arm @p t for @p delay_ms from the wheel's clock; t->fn is set. */
void vrs_timer_arm(struct vrs_wheel *w, struct vrs_timer *t, uint64_t delay_ms);

/** Not armed any more; a timer that is not is left alone. */
void vrs_timer_cancel(struct vrs_wheel *w, struct vrs_timer *t);

static inline bool vrs_timer_armed(const struct vrs_timer *t)
{
	return t->next != NULL;
}
