/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * TCP's handshakes, endings, and what an attacker who does not see the connection may do to it: RFC 9293,
 * 5961, 6191, 1337.
 */

#include <errno.h>

#include "tests/io/tcp_lab.h"
#include "tests/test.h"

enum { SYN = VRS_TCP_SYN, ACK = VRS_TCP_ACK, FIN = VRS_TCP_FIN, RST = VRS_TCP_RST };

static const struct lab_options plain = {0};

/* --- handshakes --- */

static void a_syn_offers_what_we_have(void **state)
{
	struct tcp_lab l;

	lab_init(&l, &plain);
	vrs_tcp_connect(&l.flow);
	const struct vrs_tcp_segment *s = &lab_next(&l)->seg;
	assert_int_equal(s->flags, SYN);
	assert_int_equal(s->mss, LAB_MTU - 40);
	assert_int_equal(s->wscale, 7); /* 4 MiB does not fit into 65535 << 6. */
	assert_true(s->sack_ok);
	assert_true(s->has_ts);
	assert_int_equal(s->window, 65535);
	lab_fini(&l);
}

static void with_md5_there_is_room_for_sack_and_not_for_timestamps(void **state)
{
	struct tcp_lab l;

	lab_init(&l, &(struct lab_options){.md5 = true});
	vrs_tcp_connect(&l.flow);
	assert_false(lab_next(&l)->seg.has_ts);
	assert_true(l.out[0].seg.sack_ok);
	lab_in(&l, SYN | ACK, 0, 1, 0);
	assert_int_equal(l.flow.mss, LAB_MTU - 40 - 20);
	lab_fini(&l);
}

static void what_the_peer_does_not_offer_is_not_used(void **state)
{
	struct tcp_lab l;

	lab_open(&l,
		&(struct lab_options){
			.no_ts = true, .no_sack = true, .no_wscale = true, .mss = 1000});
	assert_int_equal(l.flow.mss, 1000);
	lab_send(&l, 500);
	const struct lab_out *o = lab_next(&l);
	assert_false(o->seg.has_ts);
	assert_int_equal(o->seg.window, 65535); /* Not scaled. */
	lab_fini(&l);
}

static void without_an_mss_option_segments_are_small(void **state) /* RFC 9293 3.7.1 */
{
	struct tcp_lab l;

	lab_init(&l, &plain);
	vrs_tcp_connect(&l.flow);
	struct vrs_tcp_segment s = lab_segment(&l, SYN | ACK, 0, 1, 0);
	s.mss = 0;
	lab_feed(&l, &s);
	assert_int_equal(l.flow.mss, 536 - 12);
	lab_fini(&l);
}

static void a_passive_open_answers_and_waits_for_the_ack(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.passive = true});
	lab_in(&l, ACK, 1, 1, 100);
	assert_int_equal(l.rx, 100);
	lab_fini(&l);
}

static void data_may_come_with_the_last_ack_of_the_handshake(void **state)
{
	struct tcp_lab l;

	lab_init(&l, &plain);
	struct vrs_tcp_segment syn = lab_segment(&l, SYN, 0, 0, 0);
	vrs_tcp_accept(&l.flow, &syn);
	lab_in(&l, ACK, 1, 1, 50);
	assert_int_equal(l.n_established, 1);
	assert_int_equal(l.rx, 50);
	lab_fini(&l);
}

static void a_syn_is_sent_again_with_back_off_and_given_up(void **state) /* RFC 6298 (5.5) */
{
	static const unsigned at_s[] = {1, 3, 7, 15, 31, 63, 123};
	struct tcp_lab l;

	lab_init(&l, &plain);
	vrs_tcp_connect(&l.flow);
	uint64_t from = l.out[0].at_us;
	lab_wait(&l, 250000);
	assert_int_equal(l.n_out, 1 + VRS_N_ELEMS(at_s));
	for (unsigned i = 0; i < VRS_N_ELEMS(at_s); i++)
		assert_in_range(l.out[i + 1].at_us - from, at_s[i] * 1000000ull,
			at_s[i] * 1000000ull + 10000);
	assert_int_equal(l.n_closed, 1);
	assert_int_equal(l.err, ETIMEDOUT);
	assert_int_equal(l.n_suspect, VRS_N_ELEMS(at_s));
	lab_fini(&l);
}

static void after_a_syn_that_was_lost_the_first_timeout_is_three_seconds(
	void **state) /* RFC 6298 (5.7) */
{
	struct tcp_lab l;

	lab_init(&l, &(struct lab_options){.no_ts = true, .no_sack = true});
	vrs_tcp_connect(&l.flow);
	lab_wait(&l, 1500);
	assert_int_equal(l.n_out, 2);
	lab_in(&l, SYN | ACK, 0, 1, 0);
	lab_send(&l, 100);
	lab_skip(&l);
	uint64_t from = l.host.now_us;
	lab_wait(&l, 3500);
	const struct lab_out *again = lab_next(&l);
	assert_non_null(again);
	assert_int_equal(again->seg.size, 100);
	assert_in_range(again->at_us - from, 3000000, 3010000);
	lab_fini(&l);
}

static void a_refused_open_ends(void **state)
{
	struct tcp_lab l;

	lab_init(&l, &plain);
	vrs_tcp_connect(&l.flow);
	lab_in(&l, RST, 0, 0, 0); /* Without an ACK of our SYN: anybody's. */
	assert_int_equal(l.n_closed, 0);
	lab_in(&l, RST | ACK, 0, 1, 0);
	assert_int_equal(l.n_closed, 1);
	assert_int_equal(l.err, ECONNREFUSED);
	lab_fini(&l);
}

static void an_ack_of_something_else_is_reset_while_opening(void **state) /* RFC 9293 3.10.7.3 */
{
	struct tcp_lab l;

	lab_init(&l, &plain);
	vrs_tcp_connect(&l.flow);
	lab_skip(&l);
	lab_in(&l, SYN | ACK, 0, 77, 0);
	lab_expect(&l, RST, 77, 0, 0);
	assert_int_equal(l.flow.state, VRS_TCP_SYN_SENT);
	lab_in(&l, SYN | ACK, 0, 1, 0);
	assert_int_equal(l.flow.state, VRS_TCP_ESTABLISHED);
	lab_fini(&l);
}

static void both_may_open_at_once(void **state) /* RFC 9293 3.5, figure 7 */
{
	struct tcp_lab l;

	lab_init(&l, &plain);
	vrs_tcp_connect(&l.flow);
	lab_skip(&l);
	lab_in(&l, SYN, 0, 0, 0);
	lab_expect(&l, SYN | ACK, 0, 1, 0);
	assert_int_equal(l.flow.state, VRS_TCP_SYN_RCVD);
	lab_in(&l, SYN | ACK, 0, 1, 0);
	assert_int_equal(l.flow.state, VRS_TCP_ESTABLISHED);
	lab_in(&l, ACK, 1, 1, 10);
	assert_int_equal(l.rx, 10);
	lab_fini(&l);
}

static void a_syn_that_comes_again_is_answered_again(void **state)
{
	struct tcp_lab l;

	lab_init(&l, &plain);
	struct vrs_tcp_segment syn = lab_segment(&l, SYN, 0, 0, 0);
	vrs_tcp_accept(&l.flow, &syn);
	lab_skip(&l);
	lab_in(&l, SYN, 0, 0, 0);
	lab_expect(&l, SYN | ACK, 0, 1, 0);
	lab_expect_none(&l);
	lab_fini(&l);
}

static void a_handshake_may_be_reset(void **state)
{
	struct tcp_lab l;

	lab_init(&l, &plain);
	struct vrs_tcp_segment syn = lab_segment(&l, SYN, 0, 0, 0);
	vrs_tcp_accept(&l.flow, &syn);
	lab_in(&l, RST, 1, 0, 0);
	assert_int_equal(l.n_closed, 1);
	lab_fini(&l);
}

/* --- attackers who do not see --- */

static void a_reset_has_to_be_exact(void **state) /* RFC 5961 section 3.2 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, RST, 1 + 70000, 0, 0);
	lab_expect(&l, ACK, 1, 1, 0);
	lab_in(&l, RST, 1 + (8 << 20), 0, 0); /* Outside the window. */
	lab_in(&l, RST, 0, 0, 0);
	lab_expect_none(&l);
	assert_int_equal(l.n_closed, 0);
	lab_in(&l, RST, 1, 0, 0);
	assert_int_equal(l.n_closed, 1);
	assert_int_equal(l.err, ECONNRESET);
	lab_expect_none(&l);
	lab_fini(&l);
}

static void a_syn_ends_no_connection(void **state) /* RFC 5961 section 4.2 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, SYN, 1, 0, 0);
	lab_expect(&l, ACK, 1, 1, 0);
	lab_in(&l, SYN, 1 + 100, 0, 0);
	lab_expect(&l, ACK, 1, 1, 0);
	lab_in(&l, SYN, 5 << 20, 0, 0);
	lab_expect(&l, ACK, 1, 1, 0);
	assert_int_equal(l.flow.state, VRS_TCP_ESTABLISHED);
	lab_fini(&l);
}

static void an_absurd_ack_brings_no_data_in(void **state) /* RFC 5961 section 5.2 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_send(&l, 100);
	lab_skip(&l);
	lab_in(&l, ACK, 1, 102, 10); /* Of what was not sent. */
	lab_expect(&l, ACK, 1 + 100, 1, 0);
	lab_in(&l, ACK, 1, (uint32_t) - (9 << 20), 10); /* Too old. */
	lab_expect(&l, ACK, 1 + 100, 1, 0);
	assert_int_equal(l.rx, 0);
	lab_in(&l, ACK, 1, 0, 10); /* Old, and within a window. */
	assert_int_equal(l.rx, 10);
	lab_fini(&l);
}

static void a_segment_without_ack_is_dropped(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, 0, 1, 0, 10);
	assert_int_equal(l.rx, 0);
	lab_expect_none(&l);
	lab_fini(&l);
}

static void challenges_are_limited(void **state) /* RFC 5961 section 7 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	for (unsigned i = 0; i < 100; i++)
		lab_in(&l, SYN, 1 + i, 0, 0);
	assert_in_range(l.n_out, 8, 15);
	assert_int_equal(l.host.stat.challenge_acks, l.n_out);
	assert_int_equal(l.host.stat.challenge_limited, 100 - l.n_out);
	lab_wait(&l, 1000);
	lab_skip(&l);
	lab_in(&l, SYN, 1, 0, 0);
	lab_expect(&l, ACK, 1, 1, 0);
	lab_fini(&l);
}

static void old_timestamps_are_duplicates(void **state) /* RFC 7323 section 5 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_wait(&l, 100);
	lab_in(&l, ACK, 1, 1, 10);
	struct vrs_tcp_segment s = lab_segment(&l, ACK, 11, 1, 10);
	s.ts_val -= 50;
	lab_skip(&l);
	lab_feed(&l, &s);
	lab_turn(&l);
	assert_int_equal(l.rx, 10);
	lab_expect(&l, ACK, 1, 11, 0);
	s = lab_segment(&l, ACK, 11, 1, 10); /* And none at all. */
	s.has_ts = false;
	lab_feed(&l, &s);
	assert_int_equal(l.rx, 10);
	/* 25 days of silence: the clock may have gone round. */
	l.host.now_us += 25ull * 86400 * 1000000;
	s = lab_segment(&l, ACK, 11, 1, 10);
	s.ts_val -= 50;
	lab_feed(&l, &s);
	assert_int_equal(l.rx, 20);
	lab_fini(&l);
}

static void an_absurd_ack_sets_no_time_either(
	void **state) /* Its sender has guessed the window, no more. */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	struct vrs_tcp_segment s = lab_segment(&l, ACK, 1, 0x40000000, 0);
	s.ts_val += 0x30000000;
	lab_feed(&l, &s);
	lab_in(&l, ACK, 1, 1, 10);
	assert_int_equal(l.rx, 10);
	lab_fini(&l);
}

static void nobody_answers_as_the_rfc_says(void **state) /* RFC 9293 3.10.7.1 */
{
	struct vrs_tcp_segment out, seg = {.seq = 5, .ack = 9, .flags = ACK, .size = 3};

	assert_true(vrs_tcp_refuse(&seg, &out));
	assert_int_equal(out.flags, RST);
	assert_int_equal(out.seq, 9);
	seg.flags = SYN;
	assert_true(vrs_tcp_refuse(&seg, &out));
	assert_int_equal(out.flags, RST | ACK);
	assert_int_equal(out.seq, 0);
	assert_int_equal(out.ack, 5 + 3 + 1);
	seg.flags = RST;
	assert_false(vrs_tcp_refuse(&seg, &out));
}

/* --- endings --- */

static void the_peer_closes_first(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, FIN | ACK, 1, 1, 100);
	assert_int_equal(l.rx, 100);
	assert_int_equal(l.n_eof, 1);
	assert_int_equal(l.flow.state, VRS_TCP_CLOSE_WAIT);
	lab_expect(&l, ACK, 1, 102, 0);
	lab_send(&l, 50); /* The other direction is open. */
	lab_expect(&l, ACK, 1, 102, 50);
	vrs_tcp_shut(&l.flow);
	lab_turn(&l);
	lab_expect(&l, FIN | ACK, 51, 102, 0);
	assert_int_equal(l.flow.state, VRS_TCP_LAST_ACK);
	lab_in(&l, ACK, 102, 52, 0);
	assert_int_equal(l.n_closed, 1);
	assert_int_equal(l.err, 0);
	lab_fini(&l);
}

static void we_close_first_and_wait(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_send(&l, 10);
	vrs_tcp_shut(&l.flow);
	lab_turn(&l);
	lab_expect(&l, ACK, 1, 1, 10);
	lab_expect(&l, FIN | ACK, 11, 1, 0);
	assert_int_equal(l.flow.state, VRS_TCP_FIN_WAIT_1);
	lab_in(&l, ACK, 1, 12, 0);
	assert_int_equal(l.flow.state, VRS_TCP_FIN_WAIT_2);
	lab_in(&l, ACK, 1, 12, 500); /* Acknowledged and dropped. */
	assert_int_equal(l.rx, 0);
	lab_in(&l, FIN | ACK, 501, 12, 0);
	assert_int_equal(l.flow.state, VRS_TCP_TIME_WAIT);
	lab_wait(&l, 30000);
	lab_skip(&l);
	lab_in(&l, FIN | ACK, 501, 12, 0); /* Our ACK was lost. */
	lab_expect(&l, ACK, 12, 502, 0);
	lab_wait(&l, 31000);
	assert_int_equal(l.n_closed, 0); /* The wait began anew. */
	lab_wait(&l, 30000);
	assert_int_equal(l.n_closed, 1);
	assert_int_equal(l.err, 0);
	lab_fini(&l);
}

static void a_fin_goes_with_the_last_byte(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	struct vrs_chunk *c = vrs_chunk_new(4);
	assert_non_null(c);
	c->data[0] = 0; /* The pattern's first. */
	c->size = 1;
	assert_int_equal(vrs_tcp_send(&l.flow, c, 0, 1), 0);
	vrs_chunk_put(c);
	vrs_tcp_shut(&l.flow);
	lab_turn(&l);
	lab_expect(&l, FIN | ACK, 1, 1, 1);
	lab_expect_none(&l);
	lab_fini(&l);
}

static void both_close_at_once(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	vrs_tcp_shut(&l.flow);
	lab_turn(&l);
	lab_in(&l, FIN | ACK, 1, 1, 0);
	assert_int_equal(l.flow.state, VRS_TCP_CLOSING);
	lab_in(&l, ACK, 2, 2, 0);
	assert_int_equal(l.flow.state, VRS_TCP_TIME_WAIT);
	lab_fini(&l);
}

static void a_fin_before_its_data_is_remembered(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, FIN | ACK, 101, 1, 0);
	assert_int_equal(l.n_eof, 0);
	lab_in(&l, ACK, 1, 1, 100);
	assert_int_equal(l.rx, 100);
	assert_int_equal(l.n_eof, 1);
	assert_int_equal(l.flow.state, VRS_TCP_CLOSE_WAIT);
	lab_fini(&l);
}

static void bytes_behind_a_fin_are_nothing(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, FIN | ACK, 11, 1, 0);
	lab_in(&l, ACK, 1, 1, 100);
	assert_int_equal(l.rx, 10);
	assert_int_equal(l.n_eof, 1);
	lab_fini(&l);
}

static void a_paused_reader_hears_of_the_end_after_its_data(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	vrs_tcp_pause(&l.flow);
	lab_in(&l, FIN | ACK, 1, 1, 100);
	assert_int_equal(l.n_eof, 0);
	vrs_tcp_resume(&l.flow);
	lab_turn(&l);
	assert_int_equal(l.rx, 100);
	assert_int_equal(l.n_eof, 1);
	lab_fini(&l);
}

static void our_fin_is_sent_again(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	vrs_tcp_shut(&l.flow);
	lab_turn(&l);
	lab_expect(&l, FIN | ACK, 1, 1, 0);
	lab_wait(&l, 400);
	lab_expect(&l, FIN | ACK, 1, 1, 0);
	lab_fini(&l);
}

static void an_abort_tells_the_peer(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_send(&l, 10);
	lab_skip(&l);
	vrs_tcp_abort(&l.flow);
	lab_expect(&l, RST | ACK, 11, 1, 0);
	assert_int_equal(l.n_closed, 0);
	lab_in(&l, ACK, 1, 1, 10);
	lab_expect_none(&l);
	lab_fini(&l);
}

static void time_wait(struct tcp_lab *l, const struct lab_options *o)
{
	lab_open(l, o);
	vrs_tcp_shut(&l->flow);
	lab_turn(l);
	lab_in(l, FIN | ACK, 1, 2, 0);
	assert_int_equal(l->flow.state, VRS_TCP_TIME_WAIT);
	lab_skip(l);
}

static void time_wait_is_not_assassinated(void **state) /* RFC 1337 */
{
	struct tcp_lab l;

	time_wait(&l, &plain);
	lab_in(&l, RST, 2, 0, 0);
	assert_int_equal(l.n_closed, 0);
	assert_int_equal(l.flow.state, VRS_TCP_TIME_WAIT);
	lab_fini(&l);
}

static void a_newer_syn_may_end_time_wait(void **state) /* RFC 6191 */
{
	struct tcp_lab l;

	time_wait(&l, &plain);
	struct vrs_tcp_segment s = lab_segment(&l, SYN, 1000, 0, 0);
	assert_false(vrs_tcp_may_recycle(&l.flow, &s)); /* The same millisecond. */
	lab_wait(&l, 1);
	s = lab_segment(&l, SYN, 0, 0, 0);
	assert_true(vrs_tcp_may_recycle(&l.flow, &s));
	lab_fini(&l);
	time_wait(&l, &(struct lab_options){.no_ts = true});
	s = lab_segment(&l, SYN, 1000, 0, 0);
	assert_true(vrs_tcp_may_recycle(&l.flow, &s));
	s = lab_segment(&l, SYN, 1, 0, 0);
	assert_false(vrs_tcp_may_recycle(&l.flow, &s));
	lab_fini(&l);
}

static void an_unreachable_peer_ends_an_open_and_nothing_else(void **state) /* RFC 5927 */
{
	struct tcp_lab l;

	lab_init(&l, &plain);
	vrs_tcp_connect(&l.flow);
	assert_false(vrs_tcp_unreachable(&l.flow, LAB_ISS + 1, ECONNREFUSED));
	assert_true(vrs_tcp_unreachable(&l.flow, LAB_ISS, EHOSTUNREACH));
	assert_int_equal(l.n_closed, 0);
	assert_true(vrs_tcp_unreachable(&l.flow, LAB_ISS, ECONNREFUSED));
	assert_int_equal(l.n_closed, 1);
	lab_fini(&l);
	lab_open(&l, &plain);
	lab_send(&l, 10);
	assert_true(vrs_tcp_unreachable(&l.flow, LAB_ISS + 1, ECONNREFUSED));
	assert_int_equal(l.n_closed, 0);
	lab_fini(&l);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syn_offers_what_we_have),
		cmocka_unit_test(with_md5_there_is_room_for_sack_and_not_for_timestamps),
		cmocka_unit_test(what_the_peer_does_not_offer_is_not_used),
		cmocka_unit_test(without_an_mss_option_segments_are_small),
		cmocka_unit_test(a_passive_open_answers_and_waits_for_the_ack),
		cmocka_unit_test(data_may_come_with_the_last_ack_of_the_handshake),
		cmocka_unit_test(a_syn_is_sent_again_with_back_off_and_given_up),
		cmocka_unit_test(after_a_syn_that_was_lost_the_first_timeout_is_three_seconds),
		cmocka_unit_test(a_refused_open_ends),
		cmocka_unit_test(an_ack_of_something_else_is_reset_while_opening),
		cmocka_unit_test(both_may_open_at_once),
		cmocka_unit_test(a_syn_that_comes_again_is_answered_again),
		cmocka_unit_test(a_handshake_may_be_reset),
		cmocka_unit_test(a_reset_has_to_be_exact),
		cmocka_unit_test(a_syn_ends_no_connection),
		cmocka_unit_test(an_absurd_ack_brings_no_data_in),
		cmocka_unit_test(a_segment_without_ack_is_dropped),
		cmocka_unit_test(challenges_are_limited),
		cmocka_unit_test(old_timestamps_are_duplicates),
		cmocka_unit_test(an_absurd_ack_sets_no_time_either),
		cmocka_unit_test(nobody_answers_as_the_rfc_says),
		cmocka_unit_test(the_peer_closes_first),
		cmocka_unit_test(we_close_first_and_wait),
		cmocka_unit_test(a_fin_goes_with_the_last_byte),
		cmocka_unit_test(both_close_at_once),
		cmocka_unit_test(a_fin_before_its_data_is_remembered),
		cmocka_unit_test(bytes_behind_a_fin_are_nothing),
		cmocka_unit_test(a_paused_reader_hears_of_the_end_after_its_data),
		cmocka_unit_test(our_fin_is_sent_again),
		cmocka_unit_test(an_abort_tells_the_peer),
		cmocka_unit_test(time_wait_is_not_assassinated),
		cmocka_unit_test(a_newer_syn_may_end_time_wait),
		cmocka_unit_test(an_unreachable_peer_ends_an_open_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
