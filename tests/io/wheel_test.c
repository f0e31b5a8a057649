/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/session/wheel.h"

#include <stdlib.h>

#include "rib/base/macro.h"
#include "tests/test.h"

struct probe {
	struct vrs_timer timer;
	struct vrs_wheel *wheel;
	uint64_t due_ms;
	unsigned fired;
	uint64_t again_ms; /* armed again from inside */
	struct vrs_timer *victim;
	unsigned *order;
	unsigned seen_at;
};

static void on_fire(struct vrs_timer *t)
{
	struct probe *p = VRS_CONTAINER_OF(t, struct probe, timer);

	assert_true(p->wheel->now_ms >= p->due_ms);
	p->fired++;
	if (p->order != NULL)
		p->seen_at = ++*p->order;
	if (p->victim != NULL)
		vrs_timer_cancel(p->wheel, p->victim);
	if (p->again_ms != 0) {
		p->due_ms = p->wheel->now_ms + p->again_ms;
		vrs_timer_arm(p->wheel, t, p->again_ms);
	}
}

static void arm(struct vrs_wheel *w, struct probe *p, uint64_t ms)
{
	p->wheel = w;
	p->timer.fn = on_fire;
	p->due_ms = w->now_ms + ms;
	vrs_timer_arm(w, &p->timer, ms);
}

static void a_timer_fires_once_never_early_and_at_most_a_tick_late(void **)
{
	static struct vrs_wheel w;

	for (uint64_t ms = 0; ms < 12000; ms += 7) {
		struct probe p = {0};
		uint64_t start = 1000003;

		vrs_wheel_init(&w, start);
		arm(&w, &p, ms);
		while (p.fired == 0)
			vrs_wheel_advance(&w, w.now_ms + 1);
		/* A timer of now waits for the next tick. */
		assert_true(w.now_ms - start <= ms + VRS_WHEEL_TICK_MS);
		vrs_wheel_advance(&w, w.now_ms + 20000);
		assert_int_equal(p.fired, 1);
		assert_int_equal(vrs_wheel_next(&w), VRS_WHEEL_NEVER);
	}
}

static void timers_of_a_tick_fire_in_order_and_may_cancel_each_other(void **)
{
	static struct vrs_wheel w;
	unsigned order = 0;
	struct probe a = {.order = &order}, b = {.order = &order}, c = {.order = &order};

	vrs_wheel_init(&w, 0);
	a.victim = &b.timer;
	arm(&w, &a, 50);
	arm(&w, &b, 50);
	arm(&w, &c, 50);
	assert_int_equal(vrs_wheel_advance(&w, 1000), 2);
	assert_int_equal(a.seen_at, 1);
	assert_int_equal(b.fired, 0);
	assert_int_equal(c.seen_at, 2);
}

static void a_timer_armed_from_inside_waits_for_its_time(void **)
{
	static struct vrs_wheel w;
	struct probe p = {.again_ms = 100};

	vrs_wheel_init(&w, 0);
	arm(&w, &p, 100);
	for (unsigned i = 1; i <= 50; i++) {
		vrs_wheel_advance(&w, 100 * i);
		assert_int_equal(p.fired, i);
	}
	/* A jump fires it once: there is nothing to catch up with. */
	vrs_wheel_advance(&w, 1000000);
	assert_int_equal(p.fired, 51);
	vrs_timer_cancel(&w, &p.timer);
	vrs_timer_cancel(&w, &p.timer);
}

static void next_says_when_and_a_random_script_agrees_with_a_list(void **)
{
	enum { N = 200, STEPS = 20000 };
	static struct vrs_wheel w;
	static struct probe p[N];
	unsigned seed = 42;

	print_message("seed %u\n", seed);
	vrs_wheel_init(&w, 5);
	for (unsigned step = 0; step < STEPS; step++) {
		struct probe *x = &p[(unsigned)rand_r(&seed) % N];
		unsigned fired = x->fired;

		if ((unsigned)rand_r(&seed) % 3 != 0) {
			arm(&w, x, (unsigned)rand_r(&seed) % 20000);
		} else {
			vrs_timer_cancel(&w, &x->timer);
			x->due_ms = UINT64_MAX;
		}
		assert_int_equal(x->fired, fired);
		uint64_t earliest = UINT64_MAX;
		for (unsigned i = 0; i < N; i++) {
			if (vrs_timer_armed(&p[i].timer) && p[i].due_ms < earliest)
				earliest = p[i].due_ms;
		}
		uint64_t next = vrs_wheel_next(&w);
		assert_true(next > w.now_ms);
		assert_true(earliest == UINT64_MAX ||
			next <= VRS_MAX(earliest, w.now_ms) + 2 * VRS_WHEEL_TICK_MS);
		vrs_wheel_advance(&w, w.now_ms + (unsigned)rand_r(&seed) % 200);
		for (unsigned i = 0; i < N; i++)
			assert_true(!vrs_timer_armed(&p[i].timer) ||
				p[i].due_ms + VRS_WHEEL_TICK_MS > w.now_ms);
	}
}

static void a_clock_that_goes_back_is_ignored(void **)
{
	static struct vrs_wheel w;
	struct probe p = {0};

	vrs_wheel_init(&w, 10000);
	arm(&w, &p, 100);
	assert_int_equal(vrs_wheel_advance(&w, 500), 0);
	assert_int_equal(w.now_ms, 10000);
	assert_int_equal(vrs_wheel_advance(&w, 10110), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_fires_once_never_early_and_at_most_a_tick_late),
		cmocka_unit_test(timers_of_a_tick_fire_in_order_and_may_cancel_each_other),
		cmocka_unit_test(a_timer_armed_from_inside_waits_for_its_time),
		cmocka_unit_test(next_says_when_and_a_random_script_agrees_with_a_list),
		cmocka_unit_test(a_clock_that_goes_back_is_ignored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
