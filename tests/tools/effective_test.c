/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * What a NIC's watch stream is taken for: which change a line shows, and when all is as it must be.
 * Against a real vrsd: tests/e2e/vrslab_test.py.
 */

#include "tools/vrslab/effective.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"
#include "tools/vrslab/phase.h"

enum { N = 3, SENDER_AS = 65001, START = 1000000 };

struct bench {
	struct vrs_universe universe;
	struct vrs_prefix prefixes[N];
	struct vrs_plan plan;
	struct vrs_effective e;
};

static struct vrs_addr addr(const char *text)
{
	struct vrs_addr a;

	assert_int_equal(vrs_addr_parse(&a, text), 0);
	return a;
}

/* Prefix @p i of "192.0.2.i/32" has next hop "10.0.80.hop" at @p at_ns; 0 = the sender's, -1 none. */
static void change(struct bench *b, uint32_t i, uint64_t at_ns, int hop)
{
	static const uint8_t set[] = {0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 10, 0, 1, 1};
	struct vrs_stream_policy policy = {
		.asn = SENDER_AS, .as4 = true, .next_hop = addr("10.0.1.1")};
	struct vrs_plan_change c = {.at_ns = at_ns,
		.numbers = &i,
		.prefixes = &b->prefixes[i],
		.n = 1,
		.kind = hop < 0 ? VRS_CHANGE_WITHDRAW : VRS_CHANGE_PATH,
		.set = {set, sizeof(set)},
		.hop = hop < 0 ? 0 : (uint16_t)hop};

	assert_int_equal(vrs_plan_change(&b->plan, &c, &policy), 0);
}

/* Prefix 0: hops 1, 2, 1, none, the sender's; 1: the same next hop again; 2: nothing. */
static int setup(void **state)
{
	static struct bench b;

	b = (struct bench){0};
	assert_int_equal(vrs_universe_init(&b.universe, N), 0);
	for (uint32_t i = 0; i < N; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "192.0.2.%u/32", i);
		assert_int_equal(vrs_prefix_parse(&b.prefixes[i], text), 0);
		assert_int_equal(vrs_universe_add(&b.universe, &b.prefixes[i]), i);
	}
	assert_int_equal(vrs_plan_init(&b.plan, 1, N, 0), 0);
	change(&b, 0, 100, 1);
	change(&b, 1, 150, 0);
	change(&b, 0, 200, 2);
	change(&b, 0, 300, 1);
	change(&b, 0, 400, -1);
	change(&b, 1, 450, 3);
	change(&b, 0, 500, 0);
	b.e = (struct vrs_effective){.nic = "vm",
		.plan = &b.plan,
		.universe = &b.universe,
		.first_hop = addr("10.0.80.1"),
		.n_hops = 64,
		.loaded = true};
	assert_int_equal(vrs_effective_init(&b.e), 0);
	atomic_store(&b.e.start_ns, START);
	*state = &b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	vrs_effective_fini(&b->e);
	vrs_plan_fini(&b->plan);
	vrs_universe_fini(&b->universe);
	return 0;
}

/* As vrsd writes it. */
static size_t line(char *to, size_t size, unsigned prefix, const char *hops)
{
	int n = snprintf(to, size,
		"{\"sequence\":7,\"version\":9,\"nic\":\"vm\",\"op\":\"%s\",\"prefix\":\"192.0.2.%"
		"u/32\","
		"\"nextHops\":[%s],\"source\":\"VirtualNetworkGateway\"}\n",
		hops[0] != '\0' ? "set" : "delete", prefix, hops);

	assert_in_range(n, 1, size - 1);
	return (size_t)n;
}

static void told(struct bench *b, unsigned prefix, const char *hops, uint64_t at)
{
	char text[256];
	size_t size = line(text, sizeof(text), prefix, hops);

	vrs_effective_take(&b->e, text, size, START + at);
}

static void test_changes_that_a_nic_can_see_are_counted(void **state)
{
	struct bench *b = *state;

	/* 1, 2, 1, none, 0 of the first; 3 of the second. */
	assert_int_equal(vrs_effective_expected(&b->plan, true), 6);
	/* Without a route before, the second's first one is news, too. */
	assert_int_equal(vrs_effective_expected(&b->plan, false), 7);
}

static void test_a_latency_runs_from_the_time_that_was_intended(void **state)
{
	struct bench *b = *state;

	told(b, 0, "\"10.0.80.1\"", 130);
	assert_int_equal(b->e.n_seen, 1);
	assert_int_equal(b->e.latency.min, 30);
	told(b, 0, "\"10.0.80.2\"", 260);
	told(b, 0, "\"10.0.80.1\"", 390);
	told(b, 0, "", 420);
	told(b, 0, "\"10.0.1.1\"", 580);
	assert_int_equal(b->e.n_seen, 5);
	assert_int_equal(b->e.latency.max, 90);
	assert_int_equal(b->e.latency.min, 20);
	assert_int_equal(b->e.n_strange, 0);
	assert_false(atomic_load(&b->e.lost));
}

/* To leave them out would hide that the target was late. */
static void test_what_was_overtaken_counts_when_the_newer_one_comes(void **state)
{
	struct bench *b = *state;

	told(b, 0, "\"10.0.80.2\"", 270);
	assert_int_equal(b->e.n_seen, 2);
	assert_int_equal(b->e.n_overtaken, 1);
	assert_int_equal(b->e.latency.min, 70);
	assert_int_equal(b->e.latency.max, 170);
	told(b, 0, "\"10.0.1.1\"", 700);
	assert_int_equal(b->e.n_seen, 5);
	assert_int_equal(b->e.n_overtaken, 3);
	assert_int_equal(b->e.latency.max, 400);
}

static void test_all_is_right_when_the_last_changes_are_there(void **state)
{
	struct bench *b = *state;

	/* The first begins and ends with the sender's: only the second is wrong now. */
	assert_int_equal(atomic_load(&b->e.n_wrong), 1);
	told(b, 0, "\"10.0.80.1\"", 130);
	assert_int_equal(atomic_load(&b->e.n_wrong), 2);
	told(b, 1, "\"10.0.80.3\"", 460);
	told(b, 0, "\"10.0.1.1\"", 580);
	assert_int_equal(atomic_load(&b->e.n_wrong), 0);
}

static void test_a_line_again_changes_nothing(void **state)
{
	struct bench *b = *state;

	told(b, 0, "\"10.0.80.1\"", 130);
	told(b, 0, "\"10.0.80.1\"", 140);
	assert_int_equal(b->e.n_lines, 2);
	assert_int_equal(b->e.n_seen, 1);
	assert_int_equal(b->e.n_strange, 0);
}

static void test_what_no_change_explains_is_strange(void **state)
{
	struct bench *b = *state;

	told(b, 0, "\"10.0.80.9\"", 130);
	told(b, 2, "", 130);
	told(b, 77, "\"10.0.80.1\"", 130);
	assert_int_equal(b->e.n_strange, 3);
	assert_int_equal(b->e.n_seen, 0);
	/* Nor can there be news before the phase has begun. */
	atomic_store(&b->e.start_ns, 0);
	told(b, 0, "\"10.0.80.1\"", 130);
	assert_int_equal(b->e.n_strange, 4);
}

static void test_a_stream_may_be_cut_anywhere(void **state)
{
	struct bench *b = *state;
	char text[512];
	size_t size = line(text, sizeof(text), 0, "\"10.0.80.1\"");

	size += line(text + size, sizeof(text) - size, 1, "\"10.0.80.3\"");
	for (size_t cut = 0; cut <= size; cut++) {
		atomic_store(&b->e.lost, false);
		memset(b->e.seen, 0xff, N * sizeof(*b->e.seen));
		b->e.n_seen = 0;
		vrs_effective_take(&b->e, text, cut, START + 600);
		vrs_effective_take(&b->e, text + cut, size - cut, START + 600);
		assert_int_equal(b->e.n_seen, 2);
		assert_false(atomic_load(&b->e.lost));
	}
}

static void test_what_is_no_delta_ends_the_measurement(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *line, *why;
	} cases[] = {
		{"{\"op\":\"set\",\"prefix\":\"192.0.2.0/"
		 "32\",\"nextHops\":[\"1.1.1.1\",\"1.1.1.2\"]}\n",
			"no delta of one next hop"},
		{"{\"op\":\"set\",\"prefix\":\"192.0.2.0/32\",\"nextHops\":[\"one\"]}\n",
			"no delta"},
		{"{\"op\":\"set\",\"prefix\":\"192.0.2.0/33\",\"nextHops\":[]}\n", "no delta"},
		{"{\"op\":\"set\"}\n", "no delta"},
		{"[]\n", "no delta"},
		{"{\n", "no delta"},
		{"\n", "no delta"},
	};

	for (size_t i = 0; i < VRS_N_ELEMS(cases); i++) {
		atomic_store(&b->e.lost, false);
		vrs_effective_take(&b->e, cases[i].line, strlen(cases[i].line), START + 1);
		assert_true(atomic_load(&b->e.lost));
		assert_non_null(strstr(b->e.why, cases[i].why));
	}
	assert_int_equal(b->e.n_seen, 0);
}

/* The table in the end can still be right; a latency would be a guess. */
static void test_a_stream_that_falls_behind_says_so(void **state)
{
	static const char line[] =
		"{\"sequence\":9,\"op\":\"resync\",\"prefix\":null,\"nextHops\":[]}\n";
	struct bench *b = *state;

	assert_false(atomic_load(&b->e.fell_behind));
	vrs_effective_take(&b->e, line, sizeof(line) - 1, START + 1);
	assert_true(atomic_load(&b->e.fell_behind));
	assert_false(atomic_load(&b->e.lost));
}

static void test_a_line_without_an_end_is_not_kept(void **state)
{
	struct bench *b = *state;
	static char text[65536];

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < 64 && !atomic_load(&b->e.lost); i++)
		vrs_effective_take(&b->e, text, sizeof(text), START + 1);
	assert_true(atomic_load(&b->e.lost));
	assert_non_null(strstr(b->e.why, "without an end"));
}

static void test_no_daemon_is_said(void **state)
{
	struct bench *b = *state;

	b->e.socket = "/nonexistent/vrs.sock";
	assert_int_not_equal(vrs_effective_begin(&b->e), 0);
	assert_non_null(strstr(b->e.why, "no daemon on /nonexistent/vrs.sock"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_changes_that_a_nic_can_see_are_counted),
		TEST(test_a_latency_runs_from_the_time_that_was_intended),
		TEST(test_what_was_overtaken_counts_when_the_newer_one_comes),
		TEST(test_all_is_right_when_the_last_changes_are_there),
		TEST(test_a_line_again_changes_nothing),
		TEST(test_what_no_change_explains_is_strange),
		TEST(test_a_stream_may_be_cut_anywhere),
		TEST(test_what_is_no_delta_ends_the_measurement),
		TEST(test_a_stream_that_falls_behind_says_so),
		TEST(test_a_line_without_an_end_is_not_kept),
		TEST(test_no_daemon_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
