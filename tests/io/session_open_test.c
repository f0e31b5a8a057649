/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Sessions: how they come up, which connection stays, and what is refused.
 */

#include "tests/io/session_lab.h"

#include "tests/test.h"

/* --- Coming up --- */

static void a_session_comes_up_at_once_from_either_side(void **state)
{
	for (int passive = 0; passive < 2; passive++) {
		struct vrs_session_config ca = lab_config(true), cb = lab_config(false);

		ca.endpoint.passive = passive == 0;
		cb.endpoint.passive = passive == 1;
		lab_pair(&ca, &cb);
		if (passive == 1) {
			/* It knocked before the other was there: the connect-retry time. */
			lab_run_ms(5000);
		}
		assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
		assert_int_equal(vrs_session_state(lab.b), VRS_SESSION_ESTABLISHED);
		assert_int_equal(lab.la.established, 1);
		assert_int_equal(lab.lb.established, 1);
		lab_teardown(state);
		lab_setup(state);
	}
}

static void both_sides_agree_on_what_was_negotiated(void **)
{
	struct vrs_session_config ca = lab_config(true), cb = lab_config(false);

	cb.hold_s = 30;
	cb.families = VRS_BGP_IP6;
	ca.endpoint.passive = true;
	lab_pair(&ca, &cb);
	const struct vrs_session_negotiated *n = vrs_session_negotiated(lab.a);
	assert_non_null(n);
	assert_int_equal(n->hold_s, 30);
	assert_int_equal(n->keepalive_ms, 10000);
	assert_int_equal(n->families, VRS_BGP_IP6);
	assert_int_equal(n->max_tx, 65535);
	assert_true(n->as4 && n->refresh && n->enhanced_refresh);
	assert_false(n->ext_next_hop || n->ibgp);
	assert_int_equal(n->theirs.asn, 65001);
	assert_int_equal(n->decode.peer_as, 65001);

	struct vrs_addr local, remote;
	uint16_t lp, rp;
	assert_true(vrs_session_addresses(lab.a, &local, &lp, &remote, &rp));
	assert_int_equal(vrs_addr_ip4_bits(&remote), 0x0a000104);
	assert_int_equal(lp, 179);
	lab_run_ms(5000);
	assert_in_range(vrs_session_uptime_ms(lab.a), 5000, 5200);
}

static void both_connecting_at_once_leave_one_connection(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct vrs_session_config ca = lab_config(true), cb = lab_config(false);

		cb.router_id = i == 0 ? HIGH_ID : i == 1 ? LOW_ID : OUR_ID;
		/* Both listen before either connects. */
		lab.a = lab_session(&ca, true);
		lab.b = lab_session(&cb, false);
		mem_net_blackhole(lab.net, true);
		assert_int_equal(vrs_session_start(lab.a), 0);
		assert_int_equal(vrs_session_start(lab.b), 0);
		lab_run_ms(100);
		mem_net_blackhole(lab.net, false);
		lab_run_ms(1000);
		assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
		assert_int_equal(vrs_session_state(lab.b), VRS_SESSION_ESTABLISHED);
		assert_int_equal(mem_transport_conns(lab.ta), 1);
		assert_int_equal(lab.la.established, 1);
		assert_int_equal(lab.la.down, 0);
		assert_true(
			vrs_session_stat(lab.a)->collisions + vrs_session_stat(lab.b)->collisions >
			0);
		/* Of equal identifiers the higher AS's: ours. */
		uint16_t port;
		assert_true(vrs_session_addresses(lab.a, NULL, &port, NULL, NULL));
		assert_int_equal(port == 179, i == 0);
		lab_teardown(state);
		lab_setup(state);
	}
}

static void collisions_resolve_whichever_open_comes_first(void **state)
{
	for (int i = 0; i < 4; i++) {
		bool peer_wins = i % 2 == 0, out_first = i / 2 == 0;
		struct vrs_session_config ca = lab_config(true);
		uint32_t id = peer_wins ? HIGH_ID : LOW_ID;

		lab_scripted(&ca); /* lab.in: the connection that we opened */
		raw_connect();     /* lab.out: the one that the peer opened */
		assert_true(lab.out.up);
		raw_open(out_first ? &lab.out : &lab.in, 65001, id, 90);
		lab_settle();
		assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_OPEN_CONFIRM);
		raw_open(out_first ? &lab.in : &lab.out, 65001, id, 90);
		lab_settle();
		/* The connection opened by the side with the higher identifier stays. */
		struct raw *winner = peer_wins ? &lab.out : &lab.in,
			   *loser = peer_wins ? &lab.in : &lab.out;
		expect_notification(loser, VRS_BGP_ERR_CEASE, VRS_BGP_CEASE_COLLISION);
		assert_false(winner->closed);
		raw_hex(winner, KEEPALIVE);
		lab_settle();
		assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
		assert_int_equal(lab.la.down, 0);
		lab_teardown(state);
		lab_setup(state);
	}
}

static void a_connection_still_in_open_sent_goes_when_the_other_is_established(void **)
{
	struct vrs_session_config ca = lab_config(true);

	lab_scripted(&ca);
	raw_connect();
	raw_open(&lab.in, 65001, HIGH_ID, 90);
	raw_hex(&lab.in, KEEPALIVE);
	lab_settle();
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
	expect_notification(&lab.out, VRS_BGP_ERR_CEASE, VRS_BGP_CEASE_COLLISION);
}

static void a_connection_to_an_established_session_gets_cease_7(void **)
{
	lab_scripted_established(90);
	raw_connect();
	expect_notification(&lab.out, VRS_BGP_ERR_CEASE, VRS_BGP_CEASE_COLLISION);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
	assert_int_equal(lab.la.down, 0);
}

static void a_second_knock_replaces_one_that_was_given_up(void **)
{
	struct vrs_session_config ca = lab_config(true);
	static struct raw first;

	ca.endpoint.passive = true;
	lab_scripted(&ca);
	raw_connect_as(&first);
	raw_connect();
	assert_true(lab.out.up);
	expect_notification(&first, VRS_BGP_ERR_CEASE, VRS_BGP_CEASE_COLLISION);
	raw_open(&lab.out, 65001, HIGH_ID, 90);
	raw_hex(&lab.out, KEEPALIVE);
	lab_settle();
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
}

/* --- The state table --- */

static void messages_out_of_place_are_fsm_errors(void **state)
{
	static const struct {
		enum vrs_session_state in;
		const char *hex; /* NULL: an OPEN */
		uint8_t code, subcode;
	} rows[] = {
		{VRS_SESSION_OPEN_SENT, KEEPALIVE, 5, 1},
		{VRS_SESSION_OPEN_SENT, UPDATE, 5, 1},
		{VRS_SESSION_OPEN_SENT, REFRESH, 5, 1},
		{VRS_SESSION_OPEN_SENT, MARKER "0013 09", 1, 3},
		{VRS_SESSION_OPEN_SENT, MARKER "0012 01", 1, 2},
		{VRS_SESSION_OPEN_SENT, "00000000000000000000000000000000 0013 04", 1, 1},
		{VRS_SESSION_OPEN_CONFIRM, NULL, 5, 2},
		{VRS_SESSION_OPEN_CONFIRM, UPDATE, 5, 2},
		{VRS_SESSION_OPEN_CONFIRM, REFRESH, 5, 2},
		{VRS_SESSION_ESTABLISHED, NULL, 5, 3},
		{VRS_SESSION_ESTABLISHED, MARKER "0018 05 0001 00 01 00", 7, 1},
		{VRS_SESSION_ESTABLISHED, MARKER "0018 02 0000 0001 00", 3, 5},
		{VRS_SESSION_ESTABLISHED, MARKER "0017 02 0001 0000", 3, 1},
		{VRS_SESSION_ESTABLISHED, MARKER "0014 04 00", 1, 2},
	};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct vrs_session_config ca = lab_config(true);

		lab_scripted(&ca);
		if (rows[i].in >= VRS_SESSION_OPEN_CONFIRM)
			raw_open(&lab.in, 65001, HIGH_ID, 90);
		if (rows[i].in >= VRS_SESSION_ESTABLISHED)
			raw_hex(&lab.in, KEEPALIVE);
		lab_settle();
		assert_int_equal(vrs_session_state(lab.a), rows[i].in);
		if (rows[i].hex == NULL)
			raw_open(&lab.in, 65001, HIGH_ID, 90);
		else
			raw_hex(&lab.in, rows[i].hex);
		lab_settle();
		expect_notification(&lab.in, rows[i].code, rows[i].subcode);
		assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_IDLE);
		assert_int_equal(lab.la.down, rows[i].in == VRS_SESSION_ESTABLISHED);
		const struct vrs_session_error *e = vrs_session_last_error(lab.a);
		assert_int_equal(e->code, rows[i].code);
		assert_int_equal(e->subcode, rows[i].subcode);
		assert_int_equal(e->direction, VRS_SESSION_ERROR_SENT);
		lab_teardown(state);
		lab_setup(state);
	}
}

static void bad_opens_are_answered_and_backed_off(void **state)
{
	static const struct {
		uint32_t asn, id;
		uint16_t hold;
		uint8_t subcode;
	} rows[] = {{65002, HIGH_ID, 90, 2}, {65001, 0, 90, 3}, {65001, HIGH_ID, 2, 6},
		{0, HIGH_ID, 90, 2}};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct vrs_session_config ca = lab_config(true);

		lab_scripted(&ca);
		raw_open(&lab.in, rows[i].asn, rows[i].id, rows[i].hold);
		lab_settle();
		expect_notification(&lab.in, VRS_BGP_ERR_OPEN, rows[i].subcode);
		assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_IDLE);
		/* Refused while it backs off. */
		raw_connect();
		assert_true(lab.out.closed);
		assert_int_equal(lab.out.n_got, 0);
		lab_teardown(state);
		lab_setup(state);
	}
}

/* However often it erred: our own attempts wait longer and longer, the peer's a second. */
static void a_peer_that_erred_may_come_again_after_a_second(void **)
{
	struct vrs_session_config ca = lab_config(true);

	ca.endpoint.passive = true;
	lab_scripted(&ca);
	for (unsigned i = 0; i < 6; i++) {
		raw_connect();
		assert_false(lab.out.closed);
		assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_OPEN_SENT);
		raw_open(&lab.out, 65002, HIGH_ID, 90);
		lab_settle();
		assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_IDLE);
		lab_run_ms(1001);
	}
}

static void no_family_in_common_is_an_unsupported_capability(void **)
{
	struct vrs_session_config ca = lab_config(true);

	ca.families = VRS_BGP_IP6;
	lab_scripted(&ca);
	raw_open(&lab.in, 65001, HIGH_ID, 90);
	lab_settle();
	expect_notification(&lab.in, VRS_BGP_ERR_OPEN, VRS_BGP_OPEN_NO_CAPABILITY);
}

static void roles_that_do_not_match_are_refused(void **)
{
	struct vrs_session_config ca = lab_config(true), cb = lab_config(false);

	ca.role_rs = true;
	cb.send_role = true;
	cb.role = VRS_BGP_ROLE_PROVIDER;
	ca.endpoint.passive = true;
	lab_pair(&ca, &cb);
	assert_int_not_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
	assert_int_equal(vrs_session_last_error(lab.a)->subcode, VRS_BGP_OPEN_ROLE_MISMATCH);
}

static void notifications_end_the_session_and_leave_their_text(void **)
{
	uint8_t buf[512];

	lab_scripted_established(90);
	raw_send(&lab.in, buf,
		vrs_bgp_cease_encode(VRS_BGP_CEASE_SHUTDOWN, "maintenance", buf, sizeof(buf)));
	lab_settle();
	assert_int_equal(lab.la.down, 1);
	assert_int_equal(lab.la.error.direction, VRS_SESSION_ERROR_RECEIVED);
	assert_int_equal(lab.la.error.code, VRS_BGP_ERR_CEASE);
	assert_string_equal(lab.la.error.text, "maintenance");
	/* It ended the session itself, so it may come back before we would. */
	raw_connect();
	assert_false(lab.out.closed);
	raw_open(&lab.out, 65001, HIGH_ID, 90);
	raw_hex(&lab.out, KEEPALIVE);
	lab_settle();
	assert_int_equal(lab.la.established, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(a_session_comes_up_at_once_from_either_side),
		LAB_TEST(both_sides_agree_on_what_was_negotiated),
		LAB_TEST(both_connecting_at_once_leave_one_connection),
		LAB_TEST(collisions_resolve_whichever_open_comes_first),
		LAB_TEST(a_connection_still_in_open_sent_goes_when_the_other_is_established),
		LAB_TEST(a_connection_to_an_established_session_gets_cease_7),
		LAB_TEST(a_second_knock_replaces_one_that_was_given_up),
		LAB_TEST(messages_out_of_place_are_fsm_errors),
		LAB_TEST(bad_opens_are_answered_and_backed_off),
		LAB_TEST(a_peer_that_erred_may_come_again_after_a_second),
		LAB_TEST(no_family_in_common_is_an_unsupported_capability),
		LAB_TEST(roles_that_do_not_match_are_refused),
		LAB_TEST(notifications_end_the_session_and_leave_their_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
