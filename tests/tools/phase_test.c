/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A phase between two ends of one connection, both ours: what is sent is what is heard, so every
 * table must come out right, and what is left out, changed or late must be seen.
 */

#include "tools/vrslab/phase.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/bgp/open.h"
#include "tests/test.h"
#include "tools/vrslab/synth.h"
#include "tools/vrslab/words.h"

enum { N = 5000, SENDER_AS = 65001, N_CHANGES = 300, MAX_MS = 20000 };

/* One sender (sessions[0]) and one listener (sessions[1]): the two ends. */
struct bench {
	struct vrs_routes routes;
	struct vrs_universe universe;
	struct vrs_plan plan;
	struct vrs_lab_session sessions[2];
	struct vrs_phase phase;
	struct vrs_stream_policy policy;
};

static void make(struct bench *b)
{
	struct vrs_synth synth = {.n_ip4 = N, .seed = 7};
	int fds[2];

	*b = (struct bench){.policy = {.asn = SENDER_AS, .as4 = true}};
	assert_int_equal(vrs_addr_parse(&b->policy.next_hop, "10.0.1.1"), 0);
	assert_int_equal(vrs_synth_make(&synth, &b->routes), 0);
	assert_int_equal(vrs_universe_init(&b->universe, N), 0);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(vrs_universe_add(&b->universe, &b->routes.list[i].prefix), i);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (size_t i = 0; i < 2; i++) {
		struct vrs_lab_session *s = &b->sessions[i];
		s->tx_fd = s->rx_fd = fds[i];
		s->ctx = (struct vrs_bgp_decode_ctx){
			.as4 = true, .families = VRS_BGP_IP4, .peer_as = SENDER_AS};
		s->strict = i == 1;
		s->rx = malloc(VRS_LAB_RX_SIZE);
		assert_non_null(s->rx);
		assert_int_equal(vrs_ledger_init(&s->ledger, &b->universe), 0);
	}
	assert_int_equal(vrs_plan_init(&b->plan, 1, N, 1000), 0);
}

static void unmake(struct bench *b)
{
	for (size_t i = 0; i < 2; i++) {
		(void)close(b->sessions[i].tx_fd);
		free(b->sessions[i].rx);
		vrs_ledger_fini(&b->sessions[i].ledger);
	}
	vrs_plan_fini(&b->plan);
	vrs_phase_fini(&b->phase);
	vrs_universe_fini(&b->universe);
	vrs_routes_fini(&b->routes);
}

static uint32_t word_of(const struct bench *b, size_t i)
{
	return vrs_word_of_set(vrs_routes_set(&b->routes, b->routes.list[i].set), 0);
}

static void want_table(struct bench *b)
{
	for (uint32_t i = 0; i < N; i++)
		vrs_ledger_want(&b->sessions[1].ledger, i, word_of(b, i));
	assert_int_equal(vrs_stream_announce(
				 &b->plan.scripts[0].stream, &b->routes, VRS_AFI_IP4, &b->policy),
		0);
	assert_int_equal(vrs_plan_step(&b->plan, 0, 0), 0);
}

/* Of @p n prefixes from @p i on, in one UPDATE. */
static void change_some(
	struct bench *b, uint32_t i, uint32_t n, uint64_t at_ns, enum vrs_change_kind kind)
{
	struct vrs_prefix prefixes[N];
	uint32_t numbers[N], from = (uint32_t)b->plan.n_changes;
	struct vrs_plan_change c = {.at_ns = at_ns,
		.numbers = numbers,
		.prefixes = prefixes,
		.n = n,
		.kind = kind,
		.set = vrs_routes_set(&b->routes, b->routes.list[i].set)};

	for (uint32_t k = 0; k < n; k++) {
		numbers[k] = i + k;
		prefixes[k] = b->routes.list[i + k].prefix;
	}
	assert_int_equal(vrs_plan_change(&b->plan, &c, &b->policy), 0);
	assert_int_equal(b->plan.n_changes, from + n);
	for (uint32_t k = 0; k < n; k++)
		vrs_ledger_want(&b->sessions[1].ledger, i + k, vrs_plan_word(&b->plan, from + k));
}

static void change(struct bench *b, uint32_t i, uint64_t at_ns, bool withdraw)
{
	change_some(b, i, 1, at_ns, withdraw ? VRS_CHANGE_WITHDRAW : VRS_CHANGE_PATH);
}

/* Run it for at most @p max_ms. */
static void run(struct bench *b, unsigned max_ms)
{
	b->phase.sessions = b->sessions;
	b->phase.n_sessions = 2;
	b->phase.plan = &b->plan;
	b->sessions[0].script = &b->plan.scripts[0];
	assert_int_equal(vrs_phase_begin(&b->phase), 0);
	for (unsigned ms = 0; ms < max_ms && !vrs_phase_over(&b->phase); ms++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	vrs_phase_end(&b->phase);
}

static void a_table_comes_out_right(void **state)
{
	struct bench b;

	make(&b);
	want_table(&b);
	run(&b, MAX_MS);
	assert_true(vrs_ledger_right(&b.sessions[1].ledger));
	assert_int_equal(b.sessions[1].n_rx_announced, N);
	assert_int_equal(b.sessions[1].n_rx_errors, 0);
	assert_int_equal(atomic_load(&b.phase.n_right), N);
	assert_true(b.phase.right_ns >= b.phase.start_ns);
	assert_int_equal(b.sessions[0].n_tx_bytes, b.plan.scripts[0].stream.size);
	unmake(&b);
}

static void one_wrong_route_is_not_right(void **state)
{
	struct bench b;

	make(&b);
	want_table(&b);
	vrs_ledger_want(&b.sessions[1].ledger, 17, word_of(&b, 17) ^ 1);
	run(&b, 200);
	assert_true(atomic_load(&b.phase.sent));
	assert_int_equal(b.phase.right_ns, 0);
	assert_int_equal(atomic_load(&b.phase.n_right), N - 1);
	unmake(&b);
}

/* Changes that alternate with withdrawals, 1 ms apart: each is seen once, from its own time. */
static void changes_are_timed_from_when_they_were_due(void **state)
{
	struct bench b;

	make(&b);
	for (uint32_t k = 0; k < N_CHANGES; k++)
		change(&b, k % 10, k * 1000000ull, k / 10 % 2 == 1);
	run(&b, MAX_MS);
	assert_true(b.phase.right_ns != 0);
	assert_int_equal(b.phase.n_changes_seen, N_CHANGES);
	assert_int_equal(b.phase.received.n, N_CHANGES);
	/* Not before the last one is due, and no latency is as long as the phase. */
	assert_true(b.phase.right_ns - b.phase.start_ns >= (N_CHANGES - 1) * 1000000ull);
	assert_true(vrs_hdr_percentile(&b.phase.received, 50) < (N_CHANGES - 1) * 1000000ull);
	assert_int_equal(b.sessions[1].ledger.n_held, 0);
	unmake(&b);
}

/* Changes of one UPDATE have one word and one time, and each prefix its own next change. */
static void an_update_may_hold_many_changes(void **state)
{
	struct bench b;

	make(&b);
	change_some(&b, 0, N, 0, VRS_CHANGE_ATTRIBUTE);
	change_some(&b, 10, 20, 1000000, VRS_CHANGE_WITHDRAW);
	uint32_t word = vrs_plan_word(&b.plan, 29);
	assert_int_equal(word, vrs_plan_word(&b.plan, 10));
	assert_int_equal(vrs_plan_find(&b.plan, word, 29), 29);
	assert_int_equal(vrs_plan_find(&b.plan, word, N), VRS_CHANGE_NONE);
	assert_int_equal(vrs_plan_find(&b.plan, 0, 0), VRS_CHANGE_NONE);
	run(&b, MAX_MS);
	assert_true(b.phase.right_ns != 0);
	assert_int_equal(b.phase.n_changes_seen, N + 20);
	assert_int_equal(b.sessions[1].ledger.n_held, N - 20);
	unmake(&b);
}

/* A target is to treat it as a withdrawal, not to hand it on, though the routes come out the same. */
static void a_malformed_update_that_is_passed_on_is_wrong(void **state)
{
	struct bench b;

	make(&b);
	change(&b, 30, 0, false);
	change_some(&b, 30, 1, 1000000, VRS_CHANGE_MALFORMED);
	run(&b, 200);
	assert_int_equal(b.sessions[1].n_rx_errors, 1);
	assert_int_equal(b.phase.right_ns, 0);
	unmake(&b);
}

/* The wire says less than was planned: the first changes of a prefix were merged. */
static void changes_that_were_overtaken_count_when_the_newer_one_comes(void **state)
{
	struct bench b;
	struct vrs_script *s;
	size_t first = 0;

	make(&b);
	s = &b.plan.scripts[0];
	for (uint32_t k = 0; k < 4; k++) {
		first = s->stream.size;
		change(&b, 7, k * 20000000ull, false);
	}
	/* Only the last is sent. */
	memmove(s->stream.bytes, s->stream.bytes + first, s->stream.size - first);
	s->stream.size -= first;
	s->steps[0] = (struct vrs_script_step){60000000, s->stream.size};
	s->n_steps = 1;
	run(&b, MAX_MS);
	assert_true(b.phase.right_ns != 0);
	assert_int_equal(b.phase.n_changes_seen, 4);
	assert_int_equal(b.phase.n_overtaken, 3);
	assert_true(b.phase.received.max >= 60000000);
	unmake(&b);
}

/* Who announces, its hops, and the target's own address: nothing else is a next hop. */
static void a_next_hop_of_somebody_else_is_strange(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		static const char *const senders[] = {
			"10.0.1.1", "10.0.1.0", "10.0.9.9", "10.0.9.9"};
		struct bench b;

		make(&b);
		assert_int_equal(vrs_addr_parse(&b.phase.senders, senders[i]), 0);
		assert_int_equal(
			vrs_addr_parse(&b.phase.target, i == 2 ? "10.0.1.1" : "10.0.0.4"), 0);
		b.phase.n_senders = 2;
		change(&b, 5, 0, false);
		run(&b, 200);
		assert_int_equal(b.phase.right_ns != 0, i < 3);
		unmake(&b);
	}
}

/* The number alone does not make a change right. */
static void a_change_with_another_path_is_strange(void **state)
{
	struct bench b;

	make(&b);
	change(&b, 5, 0, false);
	b.plan.changes[0].check ^= 1;
	run(&b, 200);
	assert_int_equal(b.phase.n_changes_seen, 1);
	assert_int_equal(b.phase.right_ns, 0);
	unmake(&b);
}

/* A slow reader hears everything, late, and none of its latencies counts. */
static void a_slow_reader_is_right_in_the_end(void **state)
{
	struct bench b;

	make(&b);
	b.sessions[1].deaf_ns = 100000000;
	change_some(&b, 0, N, 0, VRS_CHANGE_PATH);
	run(&b, MAX_MS);
	assert_true(b.phase.right_ns >= b.phase.start_ns + b.sessions[1].deaf_ns);
	assert_int_equal(b.phase.n_changes_seen, 0);
	unmake(&b);
}

/* What comes after all is right counts, where a target may still have something to say. */
static void with_time_to_settle_the_last_update_counts(void **state)
{
	struct bench b;

	make(&b);
	vrs_ledger_want(&b.sessions[1].ledger, 0, VRS_LEDGER_ANY);
	change(&b, 0, 0, false);
	change(&b, 0, 100000000, true);
	vrs_ledger_want(&b.sessions[1].ledger, 0, VRS_LEDGER_ANY);
	b.phase.settle_ns = 300000000;
	run(&b, MAX_MS);
	assert_true(b.phase.right_ns >= b.phase.start_ns + 100000000);
	assert_true(b.phase.right_ns < b.phase.start_ns + 300000000);
	assert_int_equal(b.sessions[1].ledger.n_held, 0);
	unmake(&b);
}

/* Whoever watches it has time to begin. */
static void a_delayed_phase_sends_nothing_before_its_start(void **state)
{
	struct bench b;
	uint64_t now = vrs_lab_now();

	make(&b);
	change(&b, 0, 0, false);
	b.phase.delay_ns = 50000000;
	run(&b, MAX_MS);
	assert_true(b.phase.start_ns >= now + b.phase.delay_ns);
	assert_true(b.phase.right_ns >= b.phase.start_ns);
	assert_int_equal(b.phase.received.n, 1);
	unmake(&b);
}

static void a_closed_session_is_lost(void **state)
{
	struct bench b;

	make(&b);
	want_table(&b);
	(void)shutdown(b.sessions[0].tx_fd, SHUT_RDWR);
	run(&b, MAX_MS);
	assert_true(atomic_load(&b.phase.lost));
	assert_true(b.sessions[1].lost);
	assert_string_not_equal(b.sessions[1].why, "");
	assert_int_equal(b.phase.right_ns, 0);
	unmake(&b);
}

static void garbage_is_named(void **state)
{
	static const char garbage[64] = "this is not BGP, whatever it may be";
	struct bench b;

	make(&b);
	want_table(&b);
	assert_int_equal(send(b.sessions[0].tx_fd, garbage, sizeof(garbage), 0), sizeof(garbage));
	run(&b, MAX_MS);
	assert_true(b.sessions[1].lost);
	assert_non_null(strstr(b.sessions[1].why, "arker"));
	unmake(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_comes_out_right),
		cmocka_unit_test(one_wrong_route_is_not_right),
		cmocka_unit_test(changes_are_timed_from_when_they_were_due),
		cmocka_unit_test(an_update_may_hold_many_changes),
		cmocka_unit_test(a_slow_reader_is_right_in_the_end),
		cmocka_unit_test(a_malformed_update_that_is_passed_on_is_wrong),
		cmocka_unit_test(changes_that_were_overtaken_count_when_the_newer_one_comes),
		cmocka_unit_test(a_next_hop_of_somebody_else_is_strange),
		cmocka_unit_test(a_change_with_another_path_is_strange),
		cmocka_unit_test(with_time_to_settle_the_last_update_counts),
		cmocka_unit_test(a_delayed_phase_sends_nothing_before_its_start),
		cmocka_unit_test(a_closed_session_is_lost),
		cmocka_unit_test(garbage_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
