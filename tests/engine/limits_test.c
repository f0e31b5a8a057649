/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * memoryLimit, stage by stage (engine/limits.h), on a clock that stands still until told. What
 * the RIB holds stays as it is and the limit is moved around it, so no stage is passed by chance.
 */

#include <stdlib.h>
#include <string.h>

#include "engine/limits.h"
#include "tests/engine/network_lab.h"
#include "tests/test.h"

enum { OVER_MS = 2000, GAP_MS = 5000, CLOSED_MS = 60000, ENOUGH_MS = 10000 };

static const char config[] =
	LAB_SERVER "    memoryLimit: %llu\n"
		   "    bgpConnections:\n"
		   "      - {name: large, peerIp: 10.0.1.4, peerAsn: 65001, passive: true}\n"
		   "      - {name: small, peerIp: 10.0.1.5, peerAsn: 65002, passive: true}\n"
		   "      - {name: tiny, peerIp: 10.0.1.6, peerAsn: 65003, passive: true}\n";

/* What the peers have, in paths. */
enum { N_LARGE = 100, N_SMALL = 50, N_TINY = 2 };

struct room {
	struct lab *lab;
	struct lab_peer *large, *small, *tiny;
	uint64_t used; /* What the RIB takes when all have told what they have. */
};

static void announce(struct room *r, struct lab_peer *p, const char *prefix, int med)
{
	struct lab_route route = {.prefix = prefix, .med = med, .local_pref = -1};

	lab_announce(r->lab, p, &route);
}

static void tell(struct room *r, struct lab_peer *p, unsigned block, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char prefix[VRS_PREFIX_STRLEN];

		(void)snprintf(prefix, sizeof(prefix), "%u.0.%u.0/24", block, i);
		announce(r, p, prefix, (int)i);
	}
}

/* The limit becomes what makes the RIB's size so many per cent of it. */
static void set_percent(struct room *r, unsigned percent)
{
	char yaml[sizeof(config) + 20];

	(void)snprintf(yaml, sizeof(yaml), config,
		percent == 0 ? 0ULL : (unsigned long long)(r->used * 100 / percent));
	lab_reload(r->lab, yaml);
}

static enum vrs_memory_state state(const struct room *r)
{
	return (enum vrs_memory_state)atomic_load(&lab_server(r->lab)->memory);
}

static uint32_t n_prefixes(const struct room *r)
{
	return (uint32_t)atomic_load(&lab_server(r->lab)->table->n_prefixes);
}

static bool up(const struct lab_peer *p)
{
	return lab_state(p) == VRS_SESSION_ESTABLISHED;
}

static int open_room(void **state)
{
	struct room *r = calloc(1, sizeof(*r));
	char yaml[sizeof(config) + 20];

	assert_non_null(r);
	(void)snprintf(yaml, sizeof(yaml), config, 0ULL);
	r->lab = lab_new(yaml);
	r->large = lab_peer(r->lab, "large/0");
	r->small = lab_peer(r->lab, "small/0");
	r->tiny = lab_peer(r->lab, "tiny/1");
	tell(r, r->large, 11, N_LARGE);
	tell(r, r->small, 12, N_SMALL);
	tell(r, r->tiny, 13, N_TINY);
	/* What waited for a grace period is gone. */
	lab_wait(r->lab, ENOUGH_MS);
	r->used = atomic_load(&lab_server(r->lab)->memory_used);
	assert_int_equal(n_prefixes(r), N_LARGE + N_SMALL + N_TINY);
	(void)lab_heard(r->large);
	(void)lab_heard(r->small);
	(void)lab_heard(r->tiny);
	*state = r;
	return 0;
}

static int close_room(void **state)
{
	struct room *r = *state;

	lab_free(r->lab);
	free(r);
	return 0;
}

static void test_below_90_per_cent_nothing_happens(void **s)
{
	struct room *r = *s;

	set_percent(r, 88);
	announce(r, r->large, "203.0.113.0/24", 1);
	lab_wait(r->lab, ENOUGH_MS);
	assert_int_equal(state(r), VRS_MEMORY_OK);
	assert_int_equal(n_prefixes(r), N_LARGE + N_SMALL + N_TINY + 1);
	assert_true(up(r->large) && up(r->small) && up(r->tiny));
}

static void test_from_90_unusable_paths_are_not_kept(void **s)
{
	struct room *r = *s;
	struct lab_route looped = {
		.prefix = "203.0.113.0/24", .path = "65001-65515", .med = -1, .local_pref = -1};

	lab_announce(r->lab, r->large, &looped);
	assert_int_equal(n_prefixes(r), N_LARGE + N_SMALL + N_TINY + 1);
	set_percent(r, 92);
	assert_int_equal(state(r), VRS_MEMORY_TIGHT);
	lab_announce(r->lab, r->large, &looped);
	assert_int_equal(n_prefixes(r), N_LARGE + N_SMALL + N_TINY);
	/* One that can be used is taken, known or not. */
	announce(r, r->large, "198.51.100.0/24", 1);
	assert_int_equal(n_prefixes(r), N_LARGE + N_SMALL + N_TINY + 1);
	lab_wait(r->lab, ENOUGH_MS);
	assert_true(up(r->large) && up(r->small) && up(r->tiny));
	/* Room again: asked of the one who lost something, and of nobody else. */
	set_percent(r, 0);
	assert_string_equal(lab_heard(r->large), "refresh ipv4\nrefresh ipv6\n");
	assert_null(strstr(lab_heard(r->small), "refresh"));
}

static void test_from_100_new_prefixes_are_refused(void **s)
{
	struct room *r = *s;

	set_percent(r, 102);
	assert_int_equal(state(r), VRS_MEMORY_FULL);
	announce(r, r->large, "203.0.113.0/24", 1);
	announce(r, r->large, "12.0.0.0/24", 1); /* The other's: a path more, no prefix more. */
	assert_int_equal(n_prefixes(r), N_LARGE + N_SMALL + N_TINY);
	assert_int_equal(
		atomic_load(&lab_server(r->lab)->table->n_paths), N_LARGE + N_SMALL + N_TINY + 1);
	lab_wait(r->lab, ENOUGH_MS);
	assert_true(up(r->large) && up(r->small) && up(r->tiny));
	/* Still so between 80 and 100: no half-filled tables. */
	set_percent(r, 85);
	assert_int_equal(state(r), VRS_MEMORY_FULL);
	announce(r, r->large, "203.0.113.0/24", 1);
	assert_int_equal(n_prefixes(r), N_LARGE + N_SMALL + N_TINY);
	set_percent(r, 70);
	assert_int_equal(state(r), VRS_MEMORY_OK);
	assert_non_null(strstr(lab_heard(r->large), "refresh ipv4\n"));
	announce(r, r->large, "203.0.113.0/24", 1);
	assert_int_equal(n_prefixes(r), N_LARGE + N_SMALL + N_TINY + 1);
}

static void test_above_110_for_a_while_the_largest_session_is_closed(void **s)
{
	struct room *r = *s;

	set_percent(r, 500);
	lab_wait(r->lab, OVER_MS - 200);
	assert_true(up(r->large));
	lab_wait(r->lab, 400);
	assert_false(up(r->large));
	assert_true(up(r->small) && up(r->tiny));
	const struct vrs_session_error *e = lab_error(r->large);
	assert_int_equal(e->code, VRS_BGP_ERR_CEASE);
	assert_int_equal(e->subcode, VRS_BGP_CEASE_RESOURCES);
	assert_int_equal(e->direction, VRS_SESSION_ERROR_RECEIVED);
	assert_int_equal(n_prefixes(r), N_SMALL + N_TINY);
	assert_int_equal(atomic_load(&lab_server(r->lab)->io->counters.memory_sheds), 1);
}

static void test_sessions_are_closed_one_at_a_time(void **s)
{
	struct room *r = *s;

	set_percent(r, 500);
	lab_wait(r->lab, OVER_MS + 200);
	assert_true(!up(r->large) && up(r->small));
	lab_wait(r->lab, GAP_MS - 400);
	assert_true(up(r->small));
	lab_wait(r->lab, 400);
	assert_true(!up(r->small) && up(r->tiny));
	assert_int_equal(atomic_load(&lab_server(r->lab)->io->counters.memory_sheds), 2);
}

static void test_memory_that_is_freed_in_time_costs_no_session(void **s)
{
	struct room *r = *s;

	for (unsigned i = 0; i < 5; i++) {
		set_percent(r, 500);
		lab_wait(r->lab, OVER_MS - 200);
		set_percent(r, 105);
		lab_wait(r->lab, 200);
	}
	assert_true(up(r->large) && up(r->small) && up(r->tiny));
	assert_int_equal(atomic_load(&lab_server(r->lab)->io->counters.memory_sheds), 0);
}

static void test_a_closed_session_comes_back_after_a_minute(void **s)
{
	struct room *r = *s;

	set_percent(r, 500);
	lab_wait(r->lab, OVER_MS + 200);
	assert_false(up(r->large));
	set_percent(r, 0);
	lab_wait(r->lab, CLOSED_MS - 1000);
	assert_false(up(r->large));
	lab_wait(r->lab, 2 * (uint64_t)CLOSED_MS);
	assert_true(up(r->large));
	tell(r, r->large, 11, N_LARGE);
	assert_int_equal(n_prefixes(r), N_LARGE + N_SMALL + N_TINY);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_room, close_room)
	const struct CMUnitTest tests[] = {
		CASE(test_below_90_per_cent_nothing_happens),
		CASE(test_from_90_unusable_paths_are_not_kept),
		CASE(test_from_100_new_prefixes_are_refused),
		CASE(test_above_110_for_a_while_the_largest_session_is_closed),
		CASE(test_sessions_are_closed_one_at_a_time),
		CASE(test_memory_that_is_freed_in_time_costs_no_session),
		CASE(test_a_closed_session_comes_back_after_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
