/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Sessions: hold times, retries and back-off, and a user or a peer that does not keep up.
 */

#include "tests/io/session_lab.h"

#include <errno.h>
#include <string.h>

#include "tests/test.h"

/* --- Timers --- */

static void silence_ends_the_session_after_the_hold_time(void **)
{
	lab_scripted_established(9);
	lab_run_ms(8900);
	assert_int_equal(lab.la.down, 0);
	raw_hex(&lab.in, KEEPALIVE);
	lab_run_ms(8900);
	assert_int_equal(lab.la.down, 0);
	lab_run_ms(200);
	assert_int_equal(lab.la.down, 1);
	expect_notification(&lab.in, VRS_BGP_ERR_HOLD_TIMER, 0);
}

static void an_open_that_never_comes_is_given_four_minutes(void **)
{
	struct vrs_session_config ca = lab_config(true);

	lab_scripted(&ca);
	lab_run_ms(239000);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_OPEN_SENT);
	lab_run_ms(1100);
	expect_notification(&lab.in, VRS_BGP_ERR_HOLD_TIMER, 0);
}

static unsigned keepalives_in(uint64_t ms)
{
	uint64_t before = vrs_session_stat(lab.a)->tx[VRS_BGP_KEEPALIVE];

	for (uint64_t t = 0; t < ms; t += 1000) {
		raw_hex(&lab.in, KEEPALIVE);
		lab_run_ms(1000);
	}
	return (unsigned)(vrs_session_stat(lab.a)->tx[VRS_BGP_KEEPALIVE] - before);
}

static void keepalives_come_at_a_third_of_the_hold_time_or_faster(void **)
{
	lab_scripted_established(30);
	/* Every 7.5 .. 10 s. */
	assert_in_range(keepalives_in(300000), 29, 41);
}

static void a_hold_time_of_zero_means_no_timers(void **)
{
	lab_scripted_established(0);
	lab_run_ms(1000000);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
	assert_int_equal(vrs_session_stat(lab.a)->tx[VRS_BGP_KEEPALIVE], 1);
}

static void a_peer_that_does_not_read_is_dropped_after_the_send_hold_time(void **)
{
	struct vrs_chunk *c = vrs_chunk_new(200000);

	lab_scripted_established(90);
	mem_transport_stall(lab.tb, true);
	assert_non_null(c);
	c->size = 200000;
	memset(c->data, 0, c->size);
	assert_int_equal(vrs_session_send(lab.a, c, 0, c->size, 1), 0);
	vrs_chunk_put(c);
	for (int s = 0; s < 478; s++) {
		raw_hex(&lab.in, KEEPALIVE);
		lab_run_ms(1000);
	}
	assert_int_equal(lab.la.down, 0);
	for (int s = 0; s < 65 && lab.la.down == 0; s++) {
		raw_hex(&lab.in, KEEPALIVE);
		lab_run_ms(1000);
	}
	assert_int_equal(lab.la.down, 1);
	assert_int_equal(lab.la.error.code, VRS_BGP_ERR_SEND_HOLD_TIMER);
}

static void refused_connections_are_tried_again_every_five_seconds(void **)
{
	struct vrs_session_config ca = lab_config(true);

	lab.a = lab_session(&ca, true);
	assert_int_equal(vrs_session_start(lab.a), 0);
	lab_run_ms(60000);
	struct vrs_transport_stat st;
	lab.ta->ops->stat(lab.ta, &st);
	/* 3.75 .. 5 s apart. */
	assert_in_range(st.connects, 12, 17);
	assert_int_equal(vrs_session_last_error(lab.a)->err, ECONNREFUSED);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ACTIVE);
}

static void attempts_without_an_answer_are_replaced(void **)
{
	struct vrs_session_config ca = lab_config(true), cb = lab_config(false);

	cb.endpoint.passive = true;
	mem_net_blackhole(lab.net, true);
	lab_pair(&ca, &cb);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_CONNECT);
	lab_run_ms(20000);
	assert_int_equal(mem_transport_conns(lab.ta), 1);
	mem_net_blackhole(lab.net, false);
	lab_run_ms(100);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
}

static void back_off_doubles_to_a_minute_and_forgets_after_a_stable_one(void **)
{
	static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
	struct vrs_session_config ca = lab_config(true);

	lab_scripted(&ca);
	for (size_t i = 0; i < VRS_N_ELEMS(waits); i++) {
		raw_open(&lab.in, 65002, HIGH_ID, 90);
		lab_settle();
		expect_notification(&lab.in, VRS_BGP_ERR_OPEN, VRS_BGP_OPEN_BAD_PEER_AS);
		lab.in = (struct raw){0};
		lab_run_ms(waits[i] * 3 / 4 - 100);
		assert_null(lab.in.conn);
		lab_run_ms(waits[i] / 4 + 200);
		assert_non_null(lab.in.conn);
	}
	raw_open(&lab.in, 65001, HIGH_ID, 0);
	raw_hex(&lab.in, KEEPALIVE);
	lab_run_ms(61000);
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
	mem_transport_break(lab.ta, ECONNRESET);
	lab_settle();
	assert_int_equal(lab.la.error.err, ECONNRESET);
	lab.in = (struct raw){0};
	lab_run_ms(1100);
	assert_non_null(lab.in.conn);
}

/* --- Backpressure --- */

static void a_refused_update_comes_again_after_resume(void **)
{
	lab_scripted_established(90);
	lab.la.refuse = true;
	raw_hex(&lab.in, UPDATE UPDATE UPDATE KEEPALIVE);
	lab_settle();
	assert_int_equal(lab.la.updates, 0);
	assert_true(vrs_session_parked(lab.a));
	raw_hex(&lab.in, UPDATE);
	lab_run_ms(1000);
	assert_int_equal(lab.la.updates, 0);
	lab.la.refuse = false;
	vrs_session_resume(lab.a);
	lab_settle();
	assert_int_equal(lab.la.updates, 4);
	assert_int_equal(vrs_session_stat(lab.a)->rx[VRS_BGP_UPDATE], 4);
	assert_false(vrs_session_parked(lab.a));
}

static void the_hold_timer_waits_with_us_for_one_more_hold_time(void **)
{
	lab_scripted_established(9);
	lab.la.refuse = true;
	raw_hex(&lab.in, UPDATE);
	lab_run_ms(17800);
	assert_int_equal(lab.la.down, 0);
	lab_run_ms(400);
	assert_int_equal(lab.la.down, 1);
	expect_notification(&lab.in, VRS_BGP_ERR_HOLD_TIMER, 0);
}

static void resume_gives_a_whole_hold_time(void **)
{
	lab_scripted_established(9);
	lab.la.refuse = true;
	raw_hex(&lab.in, UPDATE);
	lab_run_ms(15000);
	lab.la.refuse = false;
	vrs_session_resume(lab.a);
	lab_run_ms(8800);
	assert_int_equal(lab.la.down, 0);
	assert_int_equal(lab.la.updates, 1);
	lab_run_ms(300);
	assert_int_equal(lab.la.down, 1);
}

static void writable_tells_that_a_full_queue_has_drained(void **)
{
	struct vrs_chunk *c = vrs_chunk_new(23 * 60000);

	lab_scripted_established(90);
	assert_non_null(c);
	for (c->size = 0; c->size < c->capacity; c->size += 23)
		memcpy(c->data + c->size,
			"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x17"
			"\x02\0\0\0\0",
			23);
	assert_int_equal(vrs_session_send(lab.a, c, 0, c->size, 60000), 0);
	assert_true(vrs_session_queued(lab.a) > VRS_CONN_HIGH_WATER);
	vrs_chunk_put(c);
	for (int i = 0; i < 200 && lab.la.writable == 0; i++) {
		lab.in.n_got = 0;
		lab.ta->ops->poll(lab.ta, 0);
		lab.tb->ops->poll(lab.tb, 0);
	}
	assert_int_equal(lab.la.writable, 1);
	lab.in.n_got = 0;
	for (int i = 0; i < 200; i++) {
		lab.in.n_got = 0;
		lab.ta->ops->poll(lab.ta, 0);
		lab.tb->ops->poll(lab.tb, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(silence_ends_the_session_after_the_hold_time),
		LAB_TEST(an_open_that_never_comes_is_given_four_minutes),
		LAB_TEST(keepalives_come_at_a_third_of_the_hold_time_or_faster),
		LAB_TEST(a_hold_time_of_zero_means_no_timers),
		LAB_TEST(a_peer_that_does_not_read_is_dropped_after_the_send_hold_time),
		LAB_TEST(refused_connections_are_tried_again_every_five_seconds),
		LAB_TEST(attempts_without_an_answer_are_replaced),
		LAB_TEST(back_off_doubles_to_a_minute_and_forgets_after_a_stable_one),
		LAB_TEST(a_refused_update_comes_again_after_resume),
		LAB_TEST(the_hold_timer_waits_with_us_for_one_more_hold_time),
		LAB_TEST(resume_gives_a_whole_hold_time),
		LAB_TEST(writable_tells_that_a_full_queue_has_drained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
