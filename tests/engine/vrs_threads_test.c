/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * libvrs with threads: the engine's own, and those of a host that look up, follow and reload while others write.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/vrs_lab.h"
#include "tests/test.h"

static _Atomic bool stop;

static void *poll_it(void *arg)
{
	vrs_thread_register();
	while (!atomic_load(&stop))
		assert_true(vrs_poll(arg, 1000) >= 0);
	vrs_thread_unregister();
	return NULL;
}

static void *reload_it(void *arg)
{
	struct vrs *v = arg;
	const char *text = yaml(&(struct variant){.user = 2});

	vrs_thread_register();
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(vrs_reload(v, text, strlen(text), NULL, 0), 0);
	vrs_thread_unregister();
	atomic_store(&stop, true);
	return NULL;
}

static void two_threads_may_reload_though_one_has_to_poll(void **state)
{
	struct world *w = world_new(&(struct variant){.user = 2}, NULL);
	char *text = strdup(yaml(&w->variant));
	pthread_t thread;

	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, reload_it, w->vrs), 0);
	while (!atomic_load(&stop)) {
		assert_int_equal(vrs_reload(w->vrs, text, strlen(text), NULL, 0), 0);
		assert_true(vrs_poll(w->vrs, 1) >= 0);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	free(text);
	world_free(w);
}

static void other_threads_may_ask_while_one_polls(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	struct vrs_status s = {.size = sizeof(s)};
	pthread_t thread;

	churn(w);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, poll_it, w->vrs), 0);
	/* From its first turn on it is the owner. */
	while (atomic_load(&w->vrs->engine.io.counters.turns) == 0)
		(void)poll(NULL, 0, 1);
	for (unsigned i = 0; i < 20; i++) {
		w->variant.user = i % 3;
		reload(w);
		assert_int_equal(vrs_status_get(w->vrs, &s), 0);
		assert_int_equal(vrs_engine_call_io(&w->vrs->engine, churn, w), 0);
	}
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	world_free(w);
}

static void *look_it_up(void *arg)
{
	struct world *w = arg;
	struct vrs_ip ips[64];
	struct vrs_answer out[64];
	uint32_t nics[64];

	vrs_thread_register();
	struct world mine = {.rng = {5}}; /* The other one is the writers'. */
	memcpy(mine.prefixes, w->prefixes, sizeof(mine.prefixes));
	for (unsigned i = 0; i < 64; i++) {
		ips[i] = some_ip(&mine);
		nics[i] = w->nics[i % NICS];
	}
	while (!atomic_load(&stop)) {
		assert_int_equal(vrs_effective_many(w->vrs, nics, ips, 64, out), 0);
		assert_int_equal(vrs_effective_bulk(w->vrs, nics[0], ips, 64, out), 0);
		for (unsigned i = 0; i < 64; i++) {
			struct vrs_ip hops[HOPS_MAX];

			if (vrs_effective(w->vrs, nics[i], &ips[i], &out[i]) == 0)
				(void)vrs_next_hops(w->vrs, nics[i], &out[i], hops, HOPS_MAX);
		}
	}
	vrs_thread_unregister();
	return NULL;
}

/* A reader that is stuck in the middle of a look-up. */
static void *stand_still(void *arg)
{
	vrs_thread_register();
	vrs_rcu_enter();
	atomic_store((_Atomic bool *)arg, true);
	while (!atomic_load(&stop))
		(void)poll(NULL, 0, 1);
	vrs_rcu_leave();
	vrs_thread_unregister();
	return NULL;
}

static uint64_t limbo(struct world *w)
{
	struct vrs_reclaim_stat io, propagation;

	vrs_reclaim_stat(w->vrs->engine.io.reclaim, &io);
	vrs_reclaim_stat(w->vrs->engine.propagation.reclaim, &propagation);
	return io.limbo_objects + propagation.limbo_objects;
}

/* One that is configured, and has sessions, may ask the others to judge again before their turn comes. */
static void every_part_of_a_server_has_its_rules_before_it_is_configured(void **state)
{
	struct world *w = world_new(&(struct variant){.threads = 3}, NULL);
	struct vrs_engine *e = &w->vrs->engine;
	struct vrs_cfg_route_server rs = {
		.name = "another", .asn = 65515, .limit_as_path = 7, .limit_communities = 9};
	struct vrs_hop_rule *rule = vrs_hop_rule_new(NULL, 0, NULL, 0);
	struct vrs_server *s = vrs_server_new(e->ios, e->n_ios, 1, &rs, rule);

	assert_int_equal(e->n_ios, 3);
	assert_non_null(s);
	for (unsigned i = 0; i < e->n_ios; i++) {
		assert_ptr_equal(s->parts[i]->hops, rule);
		assert_int_equal(s->parts[i]->max_as_path, 7);
		assert_int_equal(s->parts[i]->max_communities, 9);
	}
	vrs_rib_free(s->rib);
	vrs_server_free(s);
	vrs_hop_rule_put(rule);
	world_free(w);
}

static void a_reader_that_stands_still_keeps_memory_and_nobody_else(void **state)
{
	struct world *w = world_new(&(struct variant){.threads = 1}, NULL);
	struct fib *f = fib_new(w, 0);
	_Atomic bool stands = false;
	pthread_t thread;
	unsigned ms = 0;

	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, stand_still, (void *)&stands), 0);
	while (!atomic_load(&stands))
		(void)poll(NULL, 0, 1);
	uint64_t before = status_of(w).versions;
	/* All go on: as busy as the machine may be, many changes being one version then, versions come. */
	for (unsigned i = 0; i < 200 || (status_of(w).versions < before + 10 && i < 20000); i++) {
		assert_int_equal(vrs_engine_call_io(&w->vrs->engine, churn, w), 0);
		(void)fib_follow(f);
		if (i >= 200)
			(void)poll(NULL, 0, 1);
	}
	assert_true(status_of(w).versions >= before + 10);
	/* What the reader may be looking at waits, and status says how much (/metrics). */
	uint64_t kept = limbo(w);
	assert_true(kept > 100);
	assert_true(limbo(w) >= kept);
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (; limbo(w) > 0 && ms < 10000; ms++)
		(void)poll(NULL, 0, 1);
	assert_int_equal(limbo(w), 0);
	(void)fib_follow(f);
	check_fib(w, 0, f);
	fib_close(f);
	world_free(w);
}

static void *follow_it(void *arg)
{
	struct fib *f = arg;
	struct pollfd fd = {.fd = vrs_cursor_fd(f->cursor), .events = POLLIN};

	vrs_thread_register();
	while (!atomic_load(&stop)) {
		(void)poll(&fd, 1, 100);
		(void)fib_follow(f);
	}
	vrs_thread_unregister();
	return NULL;
}

static void readers_and_followers_run_beside_the_writers(void **state)
{
	struct vrs_options o = {.size = sizeof(o), .delta_log = 1};
	struct world *w = world_new(&(struct variant){.threads = 1}, &o);
	struct fib *fibs[] = {fib_new(w, 0), fib_new(w, 1), fib_new(w, 3)};
	static const unsigned nics[] = {0, 1, 3};
	pthread_t threads[4];
	struct vrs_pin *p;
	uint64_t n = 0;

	assert_int_equal(vrs_poll(w->vrs, 0), -EINVAL);
	assert_int_equal(vrs_poll_fd(w->vrs), -EINVAL);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&threads[3], NULL, look_it_up, w), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, follow_it, fibs[i]), 0);
	for (uint64_t i = 0; i < env_number("VRS_CHURN_OPS", 100000) / 100; i++) {
		assert_int_equal(vrs_engine_call_io(&w->vrs->engine, churn, w), 0);
		if (i % 100 == 99) {
			w->variant.user = i / 100 % 3;
			w->variant.second_ip = i / 200 % 2;
			reload(w);
		}
		if (i % 50 == 49) {
			assert_int_equal(vrs_pin_open(w->vrs, "rs", &p), 0);
			int r = vrs_pin_walk(p, VRS_IP4, count, &n);
			assert_true(r == 0 || r == -ESTALE);
			vrs_pin_close(p);
		}
	}
	/* Let it come to rest: the last change is in every table when the look-ups have it. */
	for (uint64_t quiet = 0, last = 0; quiet < 20;) {
		uint64_t deltas = status_of(w).deltas;

		quiet = deltas == last ? quiet + 1 : 0;
		last = deltas;
		(void)poll(NULL, 0, 2);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		(void)fib_follow(fibs[i]);
		check_fib(w, nics[i], fibs[i]);
		fib_close(fibs[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		char report[200];

		w->variant.threads = i == 0 ? 0 : 3;
		const char *text = yaml(&w->variant);
		assert_int_equal(
			vrs_reload(w->vrs, text, strlen(text), report, sizeof(report)), -EINVAL);
		assert_non_null(strstr(report, "ioThreads cannot change"));
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_of_a_server_has_its_rules_before_it_is_configured),
		cmocka_unit_test(a_reader_that_stands_still_keeps_memory_and_nobody_else),
		cmocka_unit_test(two_threads_may_reload_though_one_has_to_poll),
		cmocka_unit_test(other_threads_may_ask_while_one_polls),
		cmocka_unit_test(readers_and_followers_run_beside_the_writers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
