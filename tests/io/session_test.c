/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Sessions that are up: messages, route refresh, stop and restart, another configuration.
 */

#include "tests/io/session_lab.h"

#include <errno.h>
#include <string.h>

#include "tests/io/bgp_build.h"
#include "tests/test.h"

/* --- Messages, stop and restart --- */

static void bytes_may_come_one_at_a_time(void **)
{
	struct vrs_session_config ca = lab_config(true), cb = lab_config(false);
	uint8_t body[256], message[256];
	size_t size = build_update("", HEX_BASE, HEX_NLRI, body, sizeof(body));

	mem_net_dribble(lab.net, 1);
	ca.endpoint.passive = true;
	lab_pair(&ca, &cb);
	assert_int_equal(lab.la.established, 1);
	memset(message, 0xff, 16);
	vrs_put_u16(message + 16, (uint16_t)(19 + size));
	message[18] = VRS_BGP_UPDATE;
	memcpy(message + 19, body, size);
	for (int i = 0; i < 10; i++)
		assert_int_equal(vrs_session_send_message(lab.b, message, 19 + size), 0);
	lab_settle();
	assert_int_equal(lab.la.updates, 10);
	assert_int_equal(vrs_session_stat(lab.b)->tx[VRS_BGP_UPDATE], 10);
}

static void malformed_updates_are_counted(void **)
{
	lab_scripted_established(90);
	/* ORIGIN 3: treat as withdraw; then LOCAL_PREF from eBGP: discard. */
	raw_hex(&lab.in, MARKER "002e 02 0000 0014 40010103 " HEX_PATH HEX_NEXT_HOP HEX_NLRI);
	raw_hex(&lab.in, MARKER "0035 02 0000 001b " HEX_BASE "40 05 04 000000c8 " HEX_NLRI);
	lab_settle();
	assert_int_equal(lab.la.updates, 2);
	assert_int_equal(lab.la.withdraws, 1);
	assert_int_equal(vrs_session_stat(lab.a)->treat_as_withdraw, 1);
	assert_int_equal(vrs_session_stat(lab.a)->attr_discarded, 1);
}

static void route_refresh_goes_both_ways(void **)
{
	struct vrs_session_config ca = lab_config(true), cb = lab_config(false);

	ca.endpoint.passive = true;
	cb.families = VRS_BGP_IP4;
	lab_pair(&ca, &cb);
	assert_int_equal(vrs_session_send_refresh(lab.a, VRS_AFI_IP4, VRS_BGP_REFRESH_REQUEST), 0);
	assert_int_equal(vrs_session_send_refresh(lab.a, VRS_AFI_IP4, VRS_BGP_REFRESH_EORR), 0);
	assert_int_equal(
		vrs_session_send_refresh(lab.a, VRS_AFI_IP6, VRS_BGP_REFRESH_REQUEST), -EOPNOTSUPP);
	lab_settle();
	assert_int_equal(lab.lb.refreshes, 2);
	assert_int_equal(lab.lb.subtype, VRS_BGP_REFRESH_EORR);
}

static void refreshes_that_say_nothing_to_us_are_ignored(void **)
{
	lab_scripted_established(90);
	raw_hex(&lab.in,
		MARKER "0017 05 0002 00 01 " MARKER "0017 05 0001 09 01 " MARKER
		       "0017 05 0019 00 46 " REFRESH);
	lab_settle();
	assert_int_equal(lab.la.refreshes, 1);
	assert_int_equal(vrs_session_send_refresh(lab.a, VRS_AFI_IP4, VRS_BGP_REFRESH_REQUEST), 0);
	assert_int_equal(
		vrs_session_send_refresh(lab.a, VRS_AFI_IP4, VRS_BGP_REFRESH_BORR), -EOPNOTSUPP);
}

static void stop_says_why_and_start_begins_again(void **)
{
	struct vrs_session_config ca = lab_config(true), cb = lab_config(false);

	ca.endpoint.passive = true;
	lab_pair(&ca, &cb);
	vrs_session_stop(lab.a, VRS_BGP_CEASE_SHUTDOWN, "going home");
	assert_int_equal(lab.la.down, 1);
	assert_int_equal(lab.la.error.direction, VRS_SESSION_ERROR_SENT);
	lab_settle();
	assert_int_equal(lab.lb.down, 1);
	assert_int_equal(lab.lb.error.subcode, VRS_BGP_CEASE_SHUTDOWN);
	assert_string_equal(lab.lb.error.text, "going home");
	lab_run_ms(20000);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_IDLE);
	assert_int_equal(mem_transport_conns(lab.ta), 0);
	vrs_session_stop(lab.a, VRS_BGP_CEASE_SHUTDOWN, NULL);
	assert_int_equal(lab.la.down, 1);
	assert_int_equal(vrs_session_start(lab.a), 0);
	lab_run_ms(20000);
	assert_int_equal(lab.la.established, 2);
	assert_int_equal(vrs_session_start(lab.a), 0);
}

static void restart_refuses_the_peer_until_its_time(void **)
{
	struct vrs_session_config ca = lab_config(true), cb = lab_config(false);

	lab_pair(&ca, &cb);
	lab_run_ms(6000);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
	vrs_session_restart(lab.a, VRS_BGP_CEASE_MAX_PREFIXES, NULL, 60000);
	lab_run_ms(59800);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_IDLE);
	assert_int_equal(lab.la.established, 1);
	lab_run_ms(6000);
	assert_int_equal(lab.la.established, 2);
	vrs_session_reset(lab.a, "again");
	lab_run_ms(100);
	assert_string_equal(lab.lb.error.text, "again");
	lab_run_ms(6000);
	assert_int_equal(lab.la.established, 3);
}

static void a_stopped_session_sends_nothing(void **)
{
	struct vrs_session_config ca = lab_config(true);
	struct vrs_chunk *c = vrs_chunk_new(23);

	assert_non_null(c);
	lab.a = lab_session(&ca, true);
	assert_int_equal(vrs_session_send(lab.a, c, 0, 0, 0), -ENOTCONN);
	assert_int_equal(
		vrs_session_send_refresh(lab.a, VRS_AFI_IP4, VRS_BGP_REFRESH_REQUEST), -ENOTCONN);
	assert_int_equal(vrs_session_queued(lab.a), 0);
	assert_null(vrs_session_negotiated(lab.a));
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_IDLE);
	vrs_session_resume(lab.a);
	vrs_chunk_put(c);
}

static void listening_that_fails_is_reported_and_tried_again(void **)
{
	struct vrs_session_config ca = lab_config(true), cb = lab_config(false);

	assert_int_equal(lab.ta->ops->endpoint_add(lab.ta, &ca.endpoint, NULL), 0);
	lab.a = lab_session(&ca, true);
	lab.b = lab_session(&cb, false);
	assert_int_equal(vrs_session_start(lab.a), -EEXIST);
	assert_int_equal(vrs_session_last_error(lab.a)->err, EEXIST);
	lab.ta->ops->endpoint_remove(lab.ta, &ca.endpoint.local, &ca.endpoint.remote);
	assert_int_equal(vrs_session_start(lab.b), 0);
	lab_run_ms(11000);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
}

/* --- Taking over another configuration --- */

static void a_session_takes_over_keepalive_and_scrub_without_a_reset(void **state)
{
	struct vrs_session_config ca = lab_config(true), cb = lab_config(false);
	struct vrs_session_live live = {.keepalive_s = 1, .scrub = {1}};

	lab_pair(&ca, &cb);
	uint64_t sent = vrs_session_stat(lab.a)->tx[VRS_BGP_KEEPALIVE];
	vrs_session_adapt(lab.a, &live);
	lab_run_ms(10000);
	assert_in_range(vrs_session_stat(lab.a)->tx[VRS_BGP_KEEPALIVE] - sent, 9, 15);
	assert_int_equal(vrs_session_negotiated(lab.a)->decode.scrub[0], 1);
	assert_int_equal(vrs_session_config(lab.a)->scrub[0], 1);
	assert_int_equal(lab.la.established, 1);
	assert_int_equal(lab.la.down, 0);
}

static void a_session_that_is_no_longer_passive_connects_soon(void **state)
{
	struct vrs_session_config ca = lab_config(true), cb = lab_config(false);
	struct vrs_session_live live = {.keepalive_s = ca.keepalive_s};

	ca.endpoint.passive = cb.endpoint.passive = true;
	lab_pair(&ca, &cb);
	assert_int_equal(lab.la.established, 0);
	vrs_session_adapt(lab.a, &live);
	lab_run_ms(100);
	assert_int_equal(lab.la.established, 1);
	/* And passive again: stands as it is. */
	live.passive = true;
	vrs_session_adapt(lab.a, &live);
	lab_run_ms(100);
	assert_int_equal(lab.la.down, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(bytes_may_come_one_at_a_time),
		LAB_TEST(malformed_updates_are_counted),
		LAB_TEST(route_refresh_goes_both_ways),
		LAB_TEST(refreshes_that_say_nothing_to_us_are_ignored),
		LAB_TEST(stop_says_why_and_start_begins_again),
		LAB_TEST(restart_refuses_the_peer_until_its_time),
		LAB_TEST(a_stopped_session_sends_nothing),
		LAB_TEST(listening_that_fails_is_reported_and_tried_again),
		LAB_TEST(a_session_takes_over_keepalive_and_scrub_without_a_reset),
		LAB_TEST(a_session_that_is_no_longer_passive_connects_soon),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
