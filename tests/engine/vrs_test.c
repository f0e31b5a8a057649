/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * libvrs as a host sees it. Routes are put into the engine's table as a session would put them, on
 * the thread that owns it; the rest goes through engine/vrs.h. A forwarding table kept from a
 * cursor alone must answer every address as a look-up does, whatever is announced, withdrawn
 * or configured meanwhile.
 */

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/vrs_lab.h"
#include "tests/test.h"

static unsigned n_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void a_bad_configuration_is_refused_with_its_findings(void **state)
{
	static const char bad[] = "process: {bgpPort: 0}\nrouteServer: []\nnonsense: 1\n";
	char report[400], cut[60];
	struct vrs *v = NULL;

	assert_int_equal(vrs_open(&v, bad, sizeof(bad) - 1, NULL, report, sizeof(report)), -EPERM);
	vrs_thread_register();
	struct vrs_options o = {.size = sizeof(o), .name = "mine"};
	assert_int_equal(vrs_open(&v, bad, sizeof(bad) - 1, &o, report, sizeof(report)), -EINVAL);
	assert_null(v);
	assert_non_null(strstr(report, "mine:1:20: error: out-of-range: "));
	assert_non_null(strstr(report, "mine:3:1: error: unknown-key: "));
	/* Cut where a line ends. */
	assert_int_equal(vrs_open(&v, bad, sizeof(bad) - 1, &o, cut, sizeof(cut)), -EINVAL);
	assert_true(cut[0] == '\0' || cut[strlen(cut) - 1] == '\n');
	assert_int_equal(vrs_open(&v, bad, sizeof(bad) - 1, NULL, NULL, 0), -EINVAL);
	/* An older, shorter struct of options. */
	o = (struct vrs_options){.size = offsetof(struct vrs_options, base_dir), .name = "old"};
	assert_int_equal(vrs_open(&v, bad, sizeof(bad) - 1, &o, report, sizeof(report)), -EINVAL);
	assert_non_null(strstr(report, "old:3:1:"));
	vrs_thread_unregister();
}

static void without_io_threads_no_thread_is_started(void **state)
{
	unsigned before = n_threads();
	struct world *w = world_new(&(struct variant){0}, NULL);
	struct vrs_status s = {.size = sizeof(s)};

	for (unsigned i = 0; i < 50; i++) {
		churn(w);
		(void)vrs_poll(w->vrs, 0);
	}
	reload(w);
	settle(w);
	assert_int_equal(n_threads(), before);
	assert_int_equal(vrs_status_get(w->vrs, &s), 0);
	assert_true(s.prefixes > 0 && s.deltas > 0 && s.versions > 0);
	assert_int_equal(s.n_nics, 5);
	assert_int_equal(s.n_route_servers, 1);
	assert_int_equal(s.n_classes, vrs_n_classes(w->vrs));
	assert_true(vrs_poll_fd(w->vrs) >= 0);
	int ms = vrs_poll_timeout(w->vrs);
	assert_true(ms >= 0 && ms <= 500);
	world_free(w);
	assert_int_equal(n_threads(), before);
}

static void a_handle_is_its_names_across_reloads(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	uint32_t an, again;
	struct vrs_ip ip;
	struct vrs_answer a;

	assert_int_equal(vrs_ip_parse(&ip, "10.0.2.7"), 0);
	assert_int_equal(vrs_nic(w->vrs, "an", &an), -ENOENT);
	w->variant.extra = 1;
	reload(w);
	assert_int_equal(vrs_nic(w->vrs, "an", &an), 0);
	for (unsigned i = 0; i < NICS; i++) {
		assert_int_equal(vrs_nic(w->vrs, nic_names[i], &again), 0);
		assert_int_equal(again, w->nics[i]);
		assert_true(again != an);
	}
	assert_int_equal(vrs_nic_class(w->vrs, an), vrs_nic_class(w->vrs, w->nics[0]));
	assert_int_equal(vrs_effective(w->vrs, an, &ip, &a), 0);
	assert_int_equal(a.type, VRS_HOP_VNET_LOCAL);
	assert_int_equal(a.source, VRS_FROM_DEFAULT);
	assert_int_equal(a.prefix_len, 16);
	w->variant.extra = 0;
	reload(w);
	assert_int_equal(vrs_effective(w->vrs, an, &ip, &a), -ENOENT);
	assert_int_equal(vrs_nic_class(w->vrs, an), -ENOENT);
	w->variant.extra = 1;
	reload(w);
	assert_int_equal(vrs_nic(w->vrs, "an", &again), 0);
	assert_int_equal(again, an);
	ip.family = 3;
	assert_int_equal(vrs_effective(w->vrs, an, &ip, &a), -EAFNOSUPPORT);
	world_free(w);
}

static void a_table_kept_from_deltas_answers_as_a_look_up_does(void **state)
{
	struct vrs_options o = {.size = sizeof(o), .delta_log = 1};
	struct world *w = world_new(&(struct variant){0}, &o);
	struct fib *fibs[NICS];
	uint64_t steps = env_number("VRS_CHURN_OPS", 100000) / 100;

	for (unsigned i = 0; i < NICS; i++)
		fibs[i] = fib_new(w, i);
	for (uint64_t step = 0; step < steps; step++) {
		churn(w);
		/* Now and then so much that the log moves past a cursor. */
		for (unsigned i = 0; step % 200 == 199 && i < 600; i++) {
			churn(w);
			settle(w);
		}
		if (step % 50 == 49) {
			w->variant.user = rng_below(&w->rng, 3);
			w->variant.closed = rng_below(&w->rng, 2);
			w->variant.endpoint = rng_below(&w->rng, 2);
			w->variant.extra = rng_below(&w->rng, 2);
			w->variant.second_ip = rng_below(&w->rng, 2);
			reload(w);
			/* What next hops were taken away is gone before anything is rewritten. */
			unsigned i = rng_below(&w->rng, NICS);
			(void)fib_follow(fibs[i]);
			check_fib(w, i, fibs[i]);
			check_mixed(w);
		}
		settle(w);
		unsigned i = rng_below(&w->rng, NICS);
		(void)fib_follow(fibs[i]);
		check_fib(w, i, fibs[i]);
		check_mixed(w);
	}
	assert_true(steps < 400 || fibs[0]->resyncs > 1);
	for (unsigned i = 0; i < NICS; i++)
		fib_close(fibs[i]);
	world_free(w);
}

static void a_changed_class_is_one_event_and_others_hear_nothing(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	struct fib *plain = fib_new(w, 0), *user = fib_new(w, 1), *closed = fib_new(w, 2);
	struct pollfd fd = {.fd = vrs_cursor_fd(user->cursor), .events = POLLIN};

	for (unsigned i = 0; i < 20; i++)
		churn(w);
	settle(w);
	(void)fib_follow(plain);
	(void)fib_follow(user);
	(void)fib_follow(closed);
	assert_int_equal(poll(&fd, 1, 0), 0);
	w->variant.user = 1;
	w->variant.extra = 1;
	reload(w);
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_false(fib_follow(plain));
	assert_true(fib_follow(user));
	assert_false(fib_follow(user));
	assert_false(fib_follow(closed));
	assert_int_equal(poll(&fd, 1, 0), 0);
	check_fib(w, 1, user);
	w->variant.closed = 1;
	reload(w);
	assert_false(fib_follow(plain));
	assert_false(fib_follow(user));
	assert_true(fib_follow(closed));
	check_fib(w, 2, closed);
	fib_close(plain);
	fib_close(user);
	fib_close(closed);
	world_free(w);
}

static struct vrs_answer answer_of(struct world *w, const char *text)
{
	struct vrs_answer one = {0}, bulk[2], many[2];
	struct vrs_ip ips[2];

	assert_int_equal(vrs_ip_parse(&ips[0], text), 0);
	ips[1] = ips[0];
	assert_int_equal(vrs_effective(w->vrs, w->nics[0], ips, &one), 0);
	assert_int_equal(vrs_effective_bulk(w->vrs, w->nics[0], ips, 2, bulk), 0);
	assert_int_equal(
		vrs_effective_many(w->vrs, (uint32_t[]){w->nics[0], w->nics[0]}, ips, 2, many), 0);
	assert_memory_equal(&one, &bulk[1], sizeof(one));
	assert_memory_equal(&one, &many[1], sizeof(one));
	return one;
}

static void check_hop(struct world *w, const char *text, uint8_t len, const struct vrs_addr *hop)
{
	struct vrs_answer a = answer_of(w, text);
	struct vrs_ip hops[HOPS_MAX];

	assert_int_equal(a.prefix_len, len);
	assert_int_equal(a.n_next_hops, 1);
	assert_memory_equal(&a.next_hop, hop, sizeof(*hop));
	assert_int_equal(vrs_next_hops(w->vrs, w->nics[0], &a, hops, HOPS_MAX), 1);
	assert_memory_equal(&hops[0], hop, sizeof(*hop));
}

static void announce_one(void *arg)
{
	struct world *w = arg;

	announce(w, 0, &w->prefixes[2], &second_ip);
}

/* The version of now. */
static bool has_rule(struct world *w)
{
	vrs_rcu_enter();
	bool yes = vrs_snapshot_current(w->server->rib->snapshot)->hops != NULL;
	vrs_rcu_leave();
	return yes;
}

static void a_next_hop_that_is_taken_away_is_passed_over_at_once(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	const struct vrs_addr other = {{10, 0, 2, 99}, VRS_AFI_IP4};
	struct vrs_prefix outer, inner, shared;
	struct fib *f = fib_new(w, 0);

	assert_int_equal(vrs_prefix_parse(&outer, "198.18.0.0/16"), 0);
	assert_int_equal(vrs_prefix_parse(&inner, "198.18.1.0/24"), 0);
	assert_int_equal(vrs_prefix_parse(&shared, "198.19.0.0/16"), 0);
	announce(w, 0, &outer, &other);
	announce(w, 0, &inner, &second_ip);
	announce(w, 0, &shared, &other);
	announce(w, 1, &shared, &second_ip);
	settle(w);
	(void)fib_follow(f);
	check_hop(w, "198.18.1.1", 24, &second_ip);
	assert_int_equal(answer_of(w, "198.19.0.1").n_next_hops, 2);
	/* Nobody has judged a path since, and no group is another. */
	w->variant.second_ip = true;
	reload(w);
	check_hop(w, "198.18.1.1", 16, &other);
	check_hop(w, "198.19.0.1", 16, &other);
	assert_true(fib_follow(f));
	check_fib(w, 0, f);
	/* Then groups are rewritten, which is no news. */
	assert_true(has_rule(w));
	settle(w);
	assert_false(has_rule(w));
	check_hop(w, "198.18.1.1", 16, &other);
	check_hop(w, "198.19.0.1", 16, &other);
	struct vrs_delta_record d;
	assert_int_equal(vrs_cursor_read(f->cursor, &d, 1), 0);
	/* And it comes back by deltas alone. */
	w->variant.second_ip = false;
	reload(w);
	settle(w);
	check_hop(w, "198.18.1.1", 24, &second_ip);
	assert_false(fib_follow(f));
	check_fib(w, 0, f);
	fib_close(f);
	world_free(w);
}

static void a_rule_stays_until_the_last_path_has_been_judged(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	const struct vrs_addr other = {{10, 0, 2, 99}, VRS_AFI_IP4};
	struct vrs_prefix p;
	unsigned turns = 0;

	assert_int_equal(vrs_prefix_parse(&p, "100.64.0.0/10"), 0);
	announce(w, 0, &p, &other);
	/* More than one turn judges. */
	for (unsigned i = 0; i < 16384; i++) {
		struct vrs_addr a = vrs_addr_ip4(0x64400000 + i);

		p = vrs_prefix_of(&a, 32);
		announce(w, 0, &p, &second_ip);
	}
	settle(w);
	check_hop(w, "100.64.63.255", 32, &second_ip);
	w->variant.second_ip = true;
	reload(w);
	for (; has_rule(w) && turns < 1000; turns++) {
		check_hop(w, "100.64.0.0", 10, &other);
		check_hop(w, "100.64.63.255", 10, &other);
		(void)vrs_engine_turn(&w->vrs->engine, 0);
	}
	assert_true(turns > 2 && turns < 1000);
	check_hop(w, "100.64.0.0", 10, &other);
	check_hop(w, "100.64.63.255", 10, &other);
	world_free(w);
}

/* Until no version carries a rule; a little after the last path at most. */
static void rule_goes(struct world *w)
{
	unsigned ms = 0;

	for (; has_rule(w) && ms < 5000; ms++) {
		if (w->variant.threads == 0)
			settle(w);
		else
			(void)poll(NULL, 0, 1);
	}
	assert_true(ms < 5000);
}

static void a_rule_goes_also_where_there_is_nothing_to_judge(void **state)
{
	for (unsigned threads = 0; threads < 3; threads++) {
		struct world *w = world_new(&(struct variant){.threads = threads}, NULL);

		for (unsigned i = 0; i < 4; i++) {
			w->variant.second_ip = i % 2 == 0;
			reload(w);
			rule_goes(w);
			/* Of several tables one at least stays empty. */
			if (i == 1)
				assert_int_equal(
					vrs_engine_call_io(&w->vrs->engine, announce_one, w), 0);
		}
		world_free(w);
	}
}

static void a_descriptor_is_readable_until_nothing_is_new(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	struct vrs_delta_record d;
	struct vrs_cursor *c;

	assert_int_equal(vrs_cursor_open(w->vrs, "none", &c), -ENOENT);
	assert_int_equal(vrs_cursor_open(w->vrs, "rs", &c), 0);
	struct pollfd fd = {.fd = vrs_cursor_fd(c), .events = POLLIN};
	assert_int_equal(vrs_cursor_read(c, &d, 1), -ESTALE);
	assert_int_equal(vrs_resync(c, NULL, NULL), 0);
	assert_int_equal(vrs_cursor_read(c, &d, 1), 0);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(poll(&fd, 1, 0), 0);
		for (unsigned i = 0; i < 2; i++) {
			struct vrs_addr a = vrs_addr_ip4(0xc0000200 + 16 * round + i);
			struct vrs_prefix p = vrs_prefix_of(&a, 32);

			tell(w, 0, &p, true);
		}
		settle(w);
		assert_int_equal(poll(&fd, 1, 0), 1);
		assert_int_equal(vrs_cursor_read(c, &d, 1), 1);
		assert_int_equal(d.before.source, VRS_FROM_NOTHING);
		assert_int_equal(d.after.source, VRS_FROM_BGP);
		assert_int_equal(d.after.n_next_hops, 1);
		assert_int_equal(poll(&fd, 1, 0), 1);
		assert_int_equal(vrs_cursor_read(c, &d, 1), 1);
		assert_int_equal(d.sequence, 2 * round + 2);
		assert_int_equal(vrs_cursor_read(c, &d, 1), 0);
	}
	assert_int_equal(vrs_close(w->vrs), -EBUSY);
	vrs_cursor_close(c);
	world_free(w);
}

static void a_cursor_that_is_behind_shows_in_status(void **state)
{
	struct vrs_options o = {.size = sizeof(o), .delta_log = 1};
	struct world *w = world_new(&(struct variant){0}, &o);
	struct vrs_delta_record d[8];
	struct vrs_cursor *c;

	assert_int_equal(vrs_cursor_open(w->vrs, "rs", &c), 0);
	assert_int_equal(status_of(w).cursors, 0);
	assert_int_equal(vrs_resync(c, NULL, NULL), 0);
	for (unsigned i = 0; i < 5; i++) {
		struct vrs_addr a = vrs_addr_ip4(0xc6120000 + i);
		struct vrs_prefix p = vrs_prefix_of(&a, 32);

		tell(w, 0, &p, true);
	}
	settle(w);
	assert_int_equal(status_of(w).cursors, 1);
	assert_int_equal(status_of(w).cursor_lag, 5);
	assert_int_equal(vrs_cursor_read(c, d, 3), 3);
	assert_int_equal(status_of(w).cursor_lag, 2);
	assert_int_equal(vrs_cursor_read(c, d, 8), 2);
	assert_int_equal(status_of(w).cursor_lag, 0);
	/* And so far that the log moves past it. */
	for (unsigned i = 0; i < 1000; i++) {
		churn(w);
		settle(w);
	}
	assert_true(status_of(w).cursor_lag > 1024);
	assert_int_equal(vrs_cursor_read(c, d, 8), -ESTALE);
	assert_int_equal(status_of(w).cursors, 0);
	assert_int_equal(status_of(w).cursor_lag, 0);
	assert_int_equal(status_of(w).cursor_stales, 1);
	assert_int_equal(vrs_resync(c, NULL, NULL), 0);
	assert_int_equal(status_of(w).cursors, 1);
	vrs_cursor_close(c);
	assert_int_equal(status_of(w).cursors, 0);
	world_free(w);
}

static int stop_at_once(void *ctx, const struct vrs_net *net, const struct vrs_hops *hops)
{
	return 7;
}

static uint64_t walked(struct vrs_pin *p)
{
	uint64_t n = 0;

	assert_int_equal(vrs_pin_walk(p, VRS_IP4, count, &n), 0);
	assert_int_equal(vrs_pin_walk(p, VRS_IP6, count, &n), 0);
	return n;
}

static void a_pinned_version_stays_until_it_is_revoked(void **state)
{
	struct vrs_options o = {.size = sizeof(o), .max_pin_bytes = 8000};
	struct world *w = world_new(&(struct variant){0}, &o);
	struct vrs_status s = {.size = sizeof(s)};
	struct vrs_pin *p;
	uint64_t n = 0;

	for (unsigned i = 0; i < 30; i++)
		churn(w);
	settle(w);
	assert_int_equal(vrs_pin_open(w->vrs, "none", &p), -ENOENT);
	assert_int_equal(vrs_pin_open(w->vrs, "rs", &p), 0);
	uint64_t had = vrs_pin_prefixes(p);
	assert_true(had > 0);
	assert_int_equal(walked(p), had);
	struct vrs_prefix fresh;
	assert_int_equal(vrs_prefix_parse(&fresh, "198.18.77.1/32"), 0);
	tell(w, 0, &fresh, true);
	settle(w);
	assert_int_equal(walked(p), had);
	assert_int_equal(vrs_pin_walk(p, VRS_IP4, stop_at_once, NULL), 7);
	assert_int_equal(vrs_pin_walk(p, (enum vrs_family)3, count, &n), -EAFNOSUPPORT);
	assert_int_equal(vrs_status_get(w->vrs, &s), 0);
	assert_int_equal(s.pins, 1);
	/* Until it keeps more than it may. */
	for (unsigned i = 0; i < 400; i++) {
		churn(w);
		settle(w);
	}
	assert_int_equal(vrs_pin_walk(p, VRS_IP4, count, &n), -ESTALE);
	vrs_pin_close(p);
	settle(w);
	assert_int_equal(vrs_status_get(w->vrs, &s), 0);
	assert_int_equal(s.pins, 0);
	world_free(w);
}

static void who_holds_a_removed_route_server_is_told_and_it_goes_later(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	struct fib *plain = fib_new(w, 0);
	struct vrs_delta_record d;
	struct vrs_cursor *c;
	struct vrs_pin *p;

	churn(w);
	settle(w);
	assert_int_equal(vrs_cursor_open(w->vrs, "rs", &c), 0);
	assert_int_equal(vrs_resync(c, NULL, NULL), 0);
	assert_int_equal(vrs_pin_open(w->vrs, "rs", &p), 0);
	uint64_t had = walked(p);
	(void)fib_follow(plain);
	w->variant.without_rs = true;
	reload(w);
	settle(w);
	assert_int_equal(vrs_cursor_read(c, &d, 1), -ENOENT);
	assert_int_equal(vrs_resync(c, NULL, NULL), -ENOENT);
	assert_int_equal(walked(p), had);
	/* A class without BGP goes on without. */
	assert_true(fib_follow(plain));
	check_fib(w, 0, plain);
	assert_int_equal(atomic_load(&w->vrs->engine.n_removed), 1);
	vrs_pin_close(p);
	vrs_cursor_close(c);
	assert_int_equal(atomic_load(&w->vrs->engine.n_removed), 0);
	/* Another one of that name. */
	w->variant.without_rs = false;
	reload(w);
	assert_int_equal(vrs_engine_call_io(&w->vrs->engine, add_peers, w), 0);
	churn(w);
	settle(w);
	assert_true(fib_follow(plain));
	check_fib(w, 0, plain);
	fib_close(plain);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_configuration_is_refused_with_its_findings),
		cmocka_unit_test(without_io_threads_no_thread_is_started),
		cmocka_unit_test(a_handle_is_its_names_across_reloads),
		cmocka_unit_test(a_table_kept_from_deltas_answers_as_a_look_up_does),
		cmocka_unit_test(a_changed_class_is_one_event_and_others_hear_nothing),
		cmocka_unit_test(a_next_hop_that_is_taken_away_is_passed_over_at_once),
		cmocka_unit_test(a_rule_stays_until_the_last_path_has_been_judged),
		cmocka_unit_test(a_rule_goes_also_where_there_is_nothing_to_judge),
		cmocka_unit_test(a_cursor_that_is_behind_shows_in_status),
		cmocka_unit_test(a_descriptor_is_readable_until_nothing_is_new),
		cmocka_unit_test(a_pinned_version_stays_until_it_is_revoked),
		cmocka_unit_test(who_holds_a_removed_route_server_is_told_and_it_goes_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
