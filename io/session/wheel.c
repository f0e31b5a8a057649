/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/session/wheel.h"

static void ring_init(struct vrs_timer *head)
{
	head->next = head->prev = head;
}

static void ring_add(struct vrs_timer *head, struct vrs_timer *t)
{
	t->prev = head->prev;
	t->next = head;
	head->prev->next = t;
	head->prev = t;
}

static void ring_remove(struct vrs_timer *t)
{
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->next = t->prev = NULL;
}

static struct vrs_timer *slot_of(struct vrs_wheel *w, uint64_t tick)
{
	return &w->slots[tick % VRS_WHEEL_SLOTS];
}

void vrs_wheel_init(struct vrs_wheel *w, uint64_t now_ms)
{
	vrs_wheel_init_tick(w, now_ms, VRS_WHEEL_TICK_MS);
}

void vrs_wheel_init_tick(struct vrs_wheel *w, uint64_t now_ms, uint64_t tick_ms)
{
	w->now_ms = w->advanced_ms = now_ms;
	w->slip_ms = 0;
	w->tick_ms = tick_ms;
	w->tick = now_ms / tick_ms;
	w->next_ms = VRS_WHEEL_NEVER;
	w->n = 0;
	for (size_t i = 0; i < VRS_WHEEL_SLOTS; i++)
		ring_init(&w->slots[i]);
}

void vrs_timer_arm(struct vrs_wheel *w, struct vrs_timer *t, uint64_t delay_ms)
{
	uint64_t tick = (w->now_ms + delay_ms + w->tick_ms - 1) / w->tick_ms;

	vrs_timer_cancel(w, t);
	t->due_tick = tick > w->tick ? tick : w->tick + 1;
	ring_add(slot_of(w, t->due_tick), t);
	w->n++;
	if (t->due_tick * w->tick_ms < w->next_ms)
		w->next_ms = t->due_tick * w->tick_ms;
}

void vrs_timer_cancel(struct vrs_wheel *w, struct vrs_timer *t)
{
	if (!vrs_timer_armed(t))
		return;
	ring_remove(t);
	w->n--;
}

size_t vrs_wheel_advance(struct vrs_wheel *w, uint64_t now_ms)
{
	struct vrs_timer due;
	size_t fired = 0;

	if (now_ms < w->now_ms)
		return 0;
	w->slip_ms = now_ms - w->advanced_ms;
	w->now_ms = w->advanced_ms = now_ms;
	uint64_t from = w->tick, to = now_ms / w->tick_ms;
	if (now_ms < w->next_ms || from == to)
		return 0;
	/* What is armed from inside falls behind this tick. */
	w->tick = to;
	if (to - from > VRS_WHEEL_SLOTS)
		from = to - VRS_WHEEL_SLOTS;
	ring_init(&due);
	for (uint64_t tick = from + 1; tick <= to; tick++) {
		struct vrs_timer *head = slot_of(w, tick), *next;

		for (struct vrs_timer *t = head->next; t != head; t = next) {
			next = t->next;
			if (t->due_tick > to)
				continue;
			ring_remove(t);
			ring_add(&due, t);
		}
	}
	w->next_ms = 0; /* Look again. */
	while (due.next != &due) {
		struct vrs_timer *t = due.next;

		vrs_timer_cancel(w, t);
		fired++;
		t->fn(t);
	}
	return fired;
}

uint64_t vrs_wheel_next(struct vrs_wheel *w)
{
	if (w->n == 0)
		return w->next_ms = VRS_WHEEL_NEVER;
	if (w->next_ms > w->now_ms)
		return w->next_ms;
	for (uint64_t tick = w->tick + 1; tick <= w->tick + VRS_WHEEL_SLOTS; tick++) {
		const struct vrs_timer *head = slot_of(w, tick);

		for (const struct vrs_timer *t = head->next; t != head; t = t->next) {
			if (t->due_tick == tick)
				return w->next_ms = tick * w->tick_ms;
		}
	}
	/* None within one turn of the wheel: look again after it. */
	return w->next_ms = (w->tick + VRS_WHEEL_SLOTS) * w->tick_ms;
}
