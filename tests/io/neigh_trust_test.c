/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/dpdk/neigh.h"

#include <stdio.h>

#include "tests/io/neigh_lab.h"
#include "tests/test.h"

static void behind_a_gateway_the_gateway_is_asked_for(void **)
{
	struct lab l;

	lab_init(&l);
	assert_at(&l, "198.51.100.1", NULL);
	assert_request(&l, "192.0.2.254", NULL);
	answer(&l, "192.0.2.254", peer_mac);
	assert_at(&l, "198.51.100.1", peer_mac);
	assert_at(&l, "203.0.113.9", peer_mac);
	assert_at(&l, "2001:db8:9::1", NULL);
	assert_request(&l, "fe80::1", NULL);
	answer_to(&l, "fe80::1", peer_mac, "fe80::2");
	assert_at(&l, "2001:db8:9::1", peer_mac);
	/* It got another card. */
	pass(&l, 2 * SECOND);
	suspect(&l, "203.0.113.9");
	pass(&l, SECOND);
	answer(&l, "192.0.2.254", other_mac);
	assert_at(&l, "198.51.100.1", other_mac);
	lab_fini(&l);
}

static void what_another_shows_is_learnt_from_and_not_answered(void **)
{
	struct lab_frame f = lab_hex(LAB_ARP_REPLY);
	struct vrs_frame_info in;
	struct lab l;

	lab_init(&l);
	assert_at(&l, "192.0.2.1", NULL);
	assert_int_equal(n_sent(&l), 1);
	lab_edit(&f, "6:020000000010 22:020000000010");
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_ARP);
	vrs_neigh_learn(l.n, &in, l.now_us);
	assert_at(&l, "192.0.2.1", peer_mac);
	f = lab_hex(LAB_ARP_REQUEST);
	lab_edit(&f, "6:020000000010 22:020000000010");
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_ARP);
	vrs_neigh_learn(l.n, &in, l.now_us);
	assert_int_equal(n_sent(&l), 0);
	lab_fini(&l);
}

static void strangers_make_no_entries(void **)
{
	struct lab l;

	lab_init(&l);
	for (unsigned i = 1; i < 200; i++) {
		char who[VRS_ADDR_STRLEN];

		(void)snprintf(who, sizeof(who), "192.0.2.%u", i == 2 ? 3 : i);
		request(&l, who, other_mac, "192.0.2.2");
		answer(&l, who, other_mac);
		(void)snprintf(who, sizeof(who), "2001:db8::%x", i + 2);
		request(&l, who, other_mac, "2001:db8::2");
		answer(&l, who, other_mac);
	}
	assert_int_equal(stat_of(&l).entries, 0);
	assert_int_equal(stat_of(&l).ignored, 2 * 199);
	lab_fini(&l);
}

static void an_answer_that_nobody_waits_for_changes_nothing(void **)
{
	static const char *const whom[] = {"192.0.2.1", "2001:db8::1"};
	struct lab l;

	lab_init(&l);
	for (unsigned i = 0; i < 2; i++) {
		meet(&l, whom[i]);
		/* The second to answer loses; so do requests and announcements while it is fresh. */
		answer(&l, whom[i], other_mac);
		assert_at(&l, whom[i], peer_mac);
		request(&l, whom[i], other_mac, whom[i]);
		assert_at(&l, whom[i], peer_mac);
	}
	answer_to(&l, "2001:db8::1", other_mac, "ff02::1");
	assert_at(&l, "2001:db8::1", peer_mac);
	assert_int_equal(stat_of(&l).ignored, 5);
	assert_int_equal(stat_of(&l).changed, 0);
	lab_fini(&l);
}

static void a_request_makes_an_awaited_neighbour_known(void **)
{
	struct vrs_chunk *c = chunk_abcd();
	struct lab l;

	lab_init(&l);
	pend(&l, "192.0.2.1", c, 9);
	assert_request(&l, "192.0.2.1", NULL);
	request(&l, "192.0.2.1", peer_mac, "192.0.2.77");
	assert_pending_came(&l, peer_mac, 9);
	assert_at(&l, "192.0.2.1", peer_mac);
	/* Not proven: it is probed after 5 s. */
	pass(&l, 5 * SECOND);
	assert_request(&l, "192.0.2.1", peer_mac);
	vrs_chunk_put(c);
	lab_fini(&l);
}

static void a_stale_neighbour_may_say_that_it_has_moved(void **)
{
	static const char *const whom[] = {"192.0.2.1", "2001:db8::1"};

	for (unsigned i = 0; i < 2; i++) {
		struct lab l;

		lab_init(&l);
		meet(&l, whom[i]);
		pass(&l, 31 * SECOND);
		request(&l, whom[i], other_mac, whom[i]);
		assert_at(&l, whom[i], other_mac);
		assert_int_equal(stat_of(&l).changed, 1);
		lab_fini(&l);
	}
}

static void an_announcement_to_all_is_a_hint_too(void **)
{
	struct lab l;

	lab_init(&l);
	meet(&l, "2001:db8::1");
	meet(&l, "192.0.2.1");
	pass(&l, 31 * SECOND);
	answer_to(&l, "2001:db8::1", other_mac, "ff02::1");
	assert_at(&l, "2001:db8::1", other_mac);
	answer_to(&l, "192.0.2.1", other_mac, "192.0.2.1");
	assert_at(&l, "192.0.2.1", other_mac);
	lab_fini(&l);
}

static void what_may_not_override_does_not(void **)
{
	struct lab_frame f = lab_hex(LAB_NA);
	struct vrs_frame_info in;
	struct lab l;

	lab_init(&l);
	meet(&l, "2001:db8::1");
	pass(&l, 2 * SECOND);
	suspect(&l, "2001:db8::1");
	pass(&l, SECOND);
	/* RFC 4861 7.2.5: solicited, without override, another MAC. The parse says good checksums. */
	lab_edit(&f, "58:40 80:020000000011");
	assert_int_equal(lab_parse(&f, VRS_FRAME_L4_GOOD, &in), VRS_FRAME_ND);
	vrs_neigh_input(l.n, &in, l.now_us);
	assert_at(&l, "2001:db8::1", peer_mac);
	lab_edit(&f, "58:60");
	assert_int_equal(lab_parse(&f, VRS_FRAME_L4_GOOD, &in), VRS_FRAME_ND);
	vrs_neigh_input(l.n, &in, l.now_us);
	assert_at(&l, "2001:db8::1", other_mac);
	/* Nor unsolicited. */
	pass(&l, 40 * SECOND);
	lab_edit(&f, "58:00 80:020000000010");
	assert_int_equal(lab_parse(&f, VRS_FRAME_L4_GOOD, &in), VRS_FRAME_ND);
	vrs_neigh_input(l.n, &in, l.now_us);
	assert_at(&l, "2001:db8::1", other_mac);
	lab_fini(&l);
}

static void an_advertisement_without_a_mac_confirms_and_teaches_nothing(void **)
{
	struct lab_frame f = lab_hex(LAB_NA);
	struct vrs_frame_info in;
	struct lab l;

	lab_init(&l);
	f.size -= 8;
	lab_edit(&f, "6:020000000010 18:0018");
	assert_int_equal(lab_parse(&f, VRS_FRAME_L4_GOOD, &in), VRS_FRAME_ND);
	assert_at(&l, "2001:db8::1", NULL);
	vrs_neigh_input(l.n, &in, l.now_us);
	assert_at(&l, "2001:db8::1", NULL);
	answer(&l, "2001:db8::1", peer_mac);
	pass(&l, 2 * SECOND);
	suspect(&l, "2001:db8::1");
	vrs_neigh_input(l.n, &in, l.now_us);
	assert_at(&l, "2001:db8::1", peer_mac);
	(void)n_sent(&l);
	pass(&l, 20 * SECOND);
	assert_int_equal(n_sent(&l), 0);
	lab_fini(&l);
}

static void tcp_progress_keeps_a_neighbour_fresh_without_probes(void **)
{
	struct lab l;

	lab_init(&l);
	meet(&l, "192.0.2.1");
	for (unsigned s = 0; s < 1000; s += 10) {
		pass(&l, 10 * SECOND);
		assert_at(&l, "192.0.2.1", peer_mac);
		confirm(&l, "192.0.2.1");
	}
	/* Fresh until 30 s behind the last progress, and no longer. */
	pass(&l, 25 * SECOND);
	request(&l, "192.0.2.1", other_mac, "192.0.2.1");
	assert_at(&l, "192.0.2.1", peer_mac);
	pass(&l, 5 * SECOND);
	request(&l, "192.0.2.1", other_mac, "192.0.2.1");
	assert_at(&l, "192.0.2.1", other_mac);
	assert_int_equal(n_sent(&l), 0);
	lab_fini(&l);
}

static void progress_during_a_delay_or_probe_ends_it(void **)
{
	struct lab l;

	lab_init(&l);
	meet(&l, "192.0.2.1");
	pass(&l, 31 * SECOND);
	assert_at(&l, "192.0.2.1", peer_mac);
	pass(&l, 4 * SECOND);
	confirm(&l, "192.0.2.1");
	pass(&l, 10 * SECOND);
	assert_int_equal(n_sent(&l), 0);
	suspect(&l, "192.0.2.1");
	assert_request(&l, "192.0.2.1", peer_mac);
	confirm(&l, "192.0.2.1");
	pass(&l, 10 * SECOND);
	assert_int_equal(n_sent(&l), 0);
	/* What is not known cannot be confirmed. */
	assert_at(&l, "192.0.2.9", NULL);
	confirm(&l, "192.0.2.9");
	assert_at(&l, "192.0.2.9", NULL);
	confirm(&l, "192.0.2.10");
	suspect(&l, "192.0.2.10");
	assert_int_equal(stat_of(&l).entries, 2);
	lab_fini(&l);
}

static void a_used_stale_neighbour_is_probed_after_5_seconds(void **)
{
	struct lab l;

	lab_init(&l);
	meet(&l, "192.0.2.1");
	pass(&l, 100 * SECOND);
	assert_int_equal(n_sent(&l), 0);
	assert_at(&l, "192.0.2.1", peer_mac);
	pass(&l, 5 * SECOND - 1);
	assert_int_equal(n_sent(&l), 0);
	pass(&l, 1);
	assert_request(&l, "192.0.2.1", peer_mac);
	answer(&l, "192.0.2.1", peer_mac);
	pass(&l, 29 * SECOND);
	assert_int_equal(n_sent(&l), 0);
	lab_fini(&l);
}

static void a_suspect_is_probed_itself_then_on_the_link_and_used_meanwhile(void **)
{
	static const char *const whom[] = {"192.0.2.1", "2001:db8::1"};

	for (unsigned i = 0; i < 2; i++) {
		struct lab l;

		lab_init(&l);
		meet(&l, whom[i]);
		pass(&l, 2 * SECOND);
		suspect(&l, whom[i]);
		for (unsigned k = 0; k < 6; k++) {
			assert_request(&l, whom[i], k < 3 ? peer_mac : NULL);
			suspect(&l, whom[i]);
			assert_int_equal(n_sent(&l), 0);
			assert_at(&l, whom[i], peer_mac);
			pass(&l, SECOND);
		}
		assert_int_equal(stat_of(&l).failed, 1);
		assert_at(&l, whom[i], NULL);
		assert_request(&l, whom[i], NULL);
		lab_fini(&l);
	}
}

static void a_neighbour_with_a_new_mac_is_found_by_the_probe_of_the_link(void **)
{
	struct lab l;

	lab_init(&l);
	meet(&l, "192.0.2.1");
	pass(&l, 2 * SECOND);
	suspect(&l, "192.0.2.1");
	pass(&l, 3 * SECOND);
	answer(&l, "192.0.2.1", other_mac);
	assert_at(&l, "192.0.2.1", other_mac);
	assert_int_equal(stat_of(&l).changed, 1);
	(void)n_sent(&l);
	pass(&l, 20 * SECOND);
	assert_int_equal(n_sent(&l), 0);
	lab_fini(&l);
}

static void a_suspect_that_announces_itself_is_followed_and_probed_there(void **)
{
	struct lab l;

	lab_init(&l);
	meet(&l, "192.0.2.1");
	pass(&l, 2 * SECOND);
	suspect(&l, "192.0.2.1");
	assert_request(&l, "192.0.2.1", peer_mac);
	pass(&l, SECOND);
	assert_request(&l, "192.0.2.1", peer_mac);
	request(&l, "192.0.2.1", other_mac, "192.0.2.1");
	assert_at(&l, "192.0.2.1", other_mac);
	assert_int_equal(n_sent(&l), 0);
	pass(&l, SECOND);
	assert_request(&l, "192.0.2.1", other_mac);
	/* And back, when the link is about to be asked. */
	pass(&l, 2 * SECOND);
	(void)n_sent(&l);
	request(&l, "192.0.2.1", peer_mac, "192.0.2.1");
	pass(&l, SECOND);
	assert_request(&l, "192.0.2.1", peer_mac);
	lab_fini(&l);
}

/* Who makes us suspect a neighbour, by segments in its name, gains nothing by it. */
static void while_a_known_mac_has_time_to_answer_no_other_is_believed(void **)
{
	static const char *const whom[] = {"192.0.2.1", "2001:db8::1"};

	for (unsigned i = 0; i < 2; i++) {
		struct lab l;

		lab_init(&l);
		meet(&l, whom[i]);
		for (unsigned k = 0; k < 3; k++) {
			pass(&l, 2 * SECOND);
			suspect(&l, whom[i]);
			assert_request(&l, whom[i], peer_mac);
			answer(&l, whom[i], other_mac);
			request(&l, whom[i], other_mac, whom[i]);
			pass(&l, SECOND - 20000);
			answer(&l, whom[i], other_mac);
			assert_at(&l, whom[i], peer_mac);
			answer(&l, whom[i], peer_mac);
			answer(&l, whom[i], other_mac);
			assert_at(&l, whom[i], peer_mac);
		}
		assert_int_equal(stat_of(&l).changed, 0);
		assert_int_equal(stat_of(&l).ignored, 3 * 4);
		assert_int_equal(n_sent(&l), 0);
		/* It has moved indeed: a second later all are asked, and it says so again. */
		pass(&l, 2 * SECOND);
		suspect(&l, whom[i]);
		assert_request(&l, whom[i], peer_mac);
		request(&l, whom[i], other_mac, whom[i]);
		pass(&l, SECOND);
		assert_request(&l, whom[i], NULL);
		answer(&l, whom[i], other_mac);
		assert_at(&l, whom[i], other_mac);
		lab_fini(&l);
	}
}

static void suspicions_probe_once_a_second_at_most(void **)
{
	struct lab l;

	lab_init(&l);
	meet(&l, "192.0.2.1");
	for (unsigned ms = 0; ms < 5000; ms += 10) {
		suspect(&l, "192.0.2.1");
		answer(&l, "192.0.2.1", peer_mac);
		pass(&l, 10000);
	}
	assert_in_range(n_sent(&l), 4, 5);
	lab_fini(&l);
}

static void claims_of_our_addresses_are_countered_once_in_ten_seconds(void **)
{
	static const char *const ours[] = {"192.0.2.2", "2001:db8::2"};
	struct lab l;

	lab_init(&l);
	for (unsigned i = 0; i < 2; i++) {
		struct vrs_frame_info in;

		request(&l, ours[i], other_mac, ours[i]);
		assert_int_equal(l.n_conflicts, 2 * i + 1);
		lab_assert_addr(&l.conflict, ours[i]);
		assert_true(sent(&l, &in));
		lab_assert_addr(&in.target, ours[i]);
		assert_int_equal(in.dst_mac[0] & 1, 1);
		for (unsigned s = 0; s < 9; s++) {
			answer_to(&l, ours[i], other_mac, i == 0 ? "192.0.2.1" : "ff02::1");
			pass(&l, SECOND);
		}
		assert_int_equal(n_sent(&l), 0);
		pass(&l, SECOND);
		answer_to(&l, ours[i], other_mac, i == 0 ? "192.0.2.1" : "ff02::1");
		assert_int_equal(n_sent(&l), 1);
		assert_int_equal(l.n_conflicts, 2 * i + 2);
	}
	assert_int_equal(stat_of(&l).conflicts, 22);
	/* Our own frames, come back, are no conflict. */
	request(&l, ours[0], l.wire->mac, ours[0]);
	assert_int_equal(stat_of(&l).conflicts, 22);
	lab_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind_a_gateway_the_gateway_is_asked_for),
		cmocka_unit_test(what_another_shows_is_learnt_from_and_not_answered),
		cmocka_unit_test(strangers_make_no_entries),
		cmocka_unit_test(an_answer_that_nobody_waits_for_changes_nothing),
		cmocka_unit_test(a_request_makes_an_awaited_neighbour_known),
		cmocka_unit_test(a_stale_neighbour_may_say_that_it_has_moved),
		cmocka_unit_test(an_announcement_to_all_is_a_hint_too),
		cmocka_unit_test(what_may_not_override_does_not),
		cmocka_unit_test(an_advertisement_without_a_mac_confirms_and_teaches_nothing),
		cmocka_unit_test(tcp_progress_keeps_a_neighbour_fresh_without_probes),
		cmocka_unit_test(progress_during_a_delay_or_probe_ends_it),
		cmocka_unit_test(a_used_stale_neighbour_is_probed_after_5_seconds),
		cmocka_unit_test(a_suspect_is_probed_itself_then_on_the_link_and_used_meanwhile),
		cmocka_unit_test(a_neighbour_with_a_new_mac_is_found_by_the_probe_of_the_link),
		cmocka_unit_test(a_suspect_that_announces_itself_is_followed_and_probed_there),
		cmocka_unit_test(while_a_known_mac_has_time_to_answer_no_other_is_believed),
		cmocka_unit_test(suspicions_probe_once_a_second_at_most),
		cmocka_unit_test(claims_of_our_addresses_are_countered_once_in_ten_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
