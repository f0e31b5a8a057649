/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * TCP's receiving half: ACKs, SACK blocks, windows, messages that lie across frames. RFC 9293, 2018, 2883, 5681.
 */

#include <errno.h>

#include "tests/io/tcp_lab.h"
#include "tests/random.h"
#include "tests/test.h"

enum { SYN = VRS_TCP_SYN, ACK = VRS_TCP_ACK, FIN = VRS_TCP_FIN, RST = VRS_TCP_RST };

static const struct lab_options plain = {0};

static void expect_sack(struct tcp_lab *l, uint32_t ack, unsigned n, const uint32_t (*blocks)[2])
{
	const struct lab_out *o = lab_next(l);

	assert_non_null(o);
	assert_int_equal(o->seg.ack, ack);
	assert_int_equal(o->seg.n_sack, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(o->seg.sack[i].from, blocks[i][0]);
		assert_int_equal(o->seg.sack[i].to, blocks[i][1]);
	}
}

/* --- ACKs --- */

static void one_segment_is_acknowledged_late_and_two_at_once(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, ACK, 1, 1, 100);
	lab_wait(&l, VRS_TCP_DELAYED_ACK_MS - 2);
	lab_expect_none(&l);
	lab_wait(&l, 4);
	lab_expect(&l, ACK, 1, 101, 0);
	lab_in(&l, ACK, 101, 1, 100);
	lab_in(&l, ACK, 201, 1, 100);
	lab_expect(&l, ACK, 1, 301, 0);
	lab_wait(&l, 100);
	lab_expect_none(&l);
	lab_fini(&l);
}

static void a_burst_has_one_ack(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	for (unsigned i = 0; i < 20; i++) {
		struct vrs_tcp_segment s = lab_segment(&l, ACK, 1 + 100 * i, 1, 100);

		lab_feed(&l, &s);
	}
	lab_turn(&l);
	lab_expect(&l, ACK, 1, 2001, 0);
	lab_expect_none(&l);
	lab_fini(&l);
}

static void data_of_ours_carries_the_ack(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, ACK, 1, 1, 100);
	lab_send(&l, 10);
	lab_expect(&l, ACK, 1, 101, 10);
	lab_wait(&l, 60);
	lab_skip(&l); /* A probe for the tail may be among it. */
	lab_fini(&l);
}

/* --- gaps --- */

static void what_is_behind_a_gap_is_told_newest_first(void **state) /* RFC 2018 section 4 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, ACK, 101, 1, 100);
	expect_sack(&l, 1, 1, (const uint32_t[][2]){{101, 201}});
	lab_in(&l, ACK, 301, 1, 100);
	expect_sack(&l, 1, 2, (const uint32_t[][2]){{301, 401}, {101, 201}});
	lab_in(&l, ACK, 501, 1, 100);
	expect_sack(&l, 1, 3, (const uint32_t[][2]){{501, 601}, {301, 401}, {101, 201}});
	lab_in(&l, ACK, 201, 1, 100); /* Joins the first two. */
	expect_sack(&l, 1, 2, (const uint32_t[][2]){{101, 401}, {501, 601}});
	assert_int_equal(l.rx, 0);
	lab_in(&l, ACK, 1, 1, 100);
	expect_sack(&l, 401, 1, (const uint32_t[][2]){{501, 601}});
	assert_int_equal(l.rx, 400);
	lab_in(&l, ACK, 401, 1, 100);
	expect_sack(&l, 601, 0, NULL);
	assert_int_equal(l.rx, 600);
	lab_fini(&l);
}

static void data_sent_behind_a_gap_does_not_hide_the_blocks(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	struct vrs_tcp_segment s = lab_segment(&l, ACK, 101, 1, 100);
	lab_feed(&l, &s);
	lab_send(&l, 10);
	lab_expect(&l, ACK, 1, 1, 10);
	expect_sack(&l, 1, 1, (const uint32_t[][2]){{101, 201}});
	lab_fini(&l);
}

static void duplicates_are_told_as_such(void **state) /* RFC 2883 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, ACK, 1, 1, 100);
	lab_in(&l, ACK, 1, 1, 100);
	expect_sack(&l, 101, 1, (const uint32_t[][2]){{1, 101}});
	lab_in(&l, ACK, 301, 1, 100);
	lab_skip(&l);
	lab_in(&l, ACK, 301, 1, 100); /* Behind a gap: the duplicate, then what it is inside of. */
	expect_sack(&l, 101, 2, (const uint32_t[][2]){{301, 401}, {301, 401}});
	lab_in(&l, ACK, 51, 1, 100); /* Half of it is new. */
	expect_sack(&l, 151, 2, (const uint32_t[][2]){{51, 101}, {301, 401}});
	assert_int_equal(l.rx, 150);
	lab_fini(&l);
}

static void without_sack_gaps_have_plain_acks(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.no_sack = true});
	lab_in(&l, ACK, 101, 1, 100);
	expect_sack(&l, 1, 0, NULL);
	lab_expect_none(&l);
	lab_fini(&l);
}

static void a_segment_over_several_gaps_fills_them_all(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_in(&l, ACK, 101, 1, 50);
	lab_in(&l, ACK, 201, 1, 50);
	lab_in(&l, ACK, 51, 1, 300);
	lab_skip(&l);
	lab_in(&l, ACK, 1, 1, 50);
	expect_sack(&l, 351, 0, NULL);
	assert_int_equal(l.rx, 350);
	lab_fini(&l);
}

static void too_many_gaps_drop_what_makes_more(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	for (unsigned i = 0; i < VRS_TCP_RANGES_MAX + 10; i++)
		lab_in(&l, ACK, 11 + 20 * i, 1, 10);
	assert_int_equal(l.flow.n_ranges, VRS_TCP_RANGES_MAX);
	assert_int_equal(l.host.stat.rx_dropped, 10);
	lab_in(&l, ACK, 1, 1, 11 + 20 * (VRS_TCP_RANGES_MAX + 10));
	assert_int_equal(l.rx, 11 + 20 * (VRS_TCP_RANGES_MAX + 10));
	lab_fini(&l);
}

/* Every order of arrival, with overlaps, delivers the stream. */
static void any_order_delivers_the_stream(void **state)
{
	struct rng rng = {rng_seed("tcp_receive")};

	for (unsigned round = 0; round < 300; round++) {
		struct tcp_lab l;
		enum { SIZE = 20000 };

		lab_open(&l,
			&(struct lab_options){
				.hold_max = 1 + rng_below(&rng, 20),
				.message = 1 + rng_below(&rng, 3000),
				.no_need = rng_below(&rng, 4) == 0,
			});
		for (unsigned i = 0; i < 4000 && l.flow.rcv_nxt != (uint32_t)LAB_IRS + 1 + SIZE;
			i++) {
			uint32_t at = rng_below(&rng, SIZE), size;

			if (rng_below(&rng, 3) == 0)
				at = l.flow.rcv_nxt - (uint32_t)LAB_IRS - 1;
			size = 1 + rng_below(&rng, 1460);
			struct vrs_tcp_segment s =
				lab_segment(&l, ACK, 1 + at, 1, VRS_MIN(size, SIZE - at));
			if (rng_below(&rng, 20) == 0)
				vrs_tcp_pause(&l.flow);
			if (rng_below(&rng, 5) == 0)
				vrs_tcp_resume(&l.flow);
			lab_feed(&l, &s);
			if (rng_below(&rng, 4) == 0)
				lab_turn(&l);
			if (l.n_out > 1000)
				lab_skip(&l);
		}
		vrs_tcp_resume(&l.flow);
		lab_turn(&l);
		assert_int_equal(l.flow.rcv_nxt, (uint32_t)LAB_IRS + 1 + SIZE);
		assert_int_equal(l.rx, SIZE / l.o.message * l.o.message);
		assert_int_equal(l.flow.n_ranges, 0);
		lab_fini(&l);
	}
}

/* --- windows --- */

static void a_paused_reader_closes_the_window_and_opens_it(void **state)
{
	enum { BUFFER = 65536, SEGMENT = 1024 };
	struct tcp_lab l;
	uint32_t at = 1;

	lab_open(&l, &(struct lab_options){.receive_buffer = BUFFER});
	vrs_tcp_pause(&l.flow);
	for (; at < 1 + 2 * BUFFER; at += SEGMENT)
		lab_in(&l, ACK, at, 1, SEGMENT);
	const struct lab_out *o = &l.out[l.n_out - 1];
	assert_int_equal(o->seg.window, 0);
	assert_in_range(o->seg.ack - 1, BUFFER - SEGMENT, BUFFER + SEGMENT);
	uint32_t taken = o->seg.ack - 1;
	lab_skip(&l);
	lab_in(&l, ACK, taken, 1, 0); /* A window probe is answered. */
	lab_expect(&l, ACK, 1, taken + 1, 0);
	vrs_tcp_resume(&l.flow);
	lab_turn(&l);
	assert_int_equal(l.rx, taken);
	o = lab_next(&l); /* The window has opened, unasked. */
	assert_non_null(o);
	assert_in_range((uint32_t)o->seg.window << l.flow.rcv_wscale, BUFFER / 2, BUFFER);
	lab_fini(&l);
}

static void the_windows_right_edge_does_not_move_left(void **state)
{
	struct rng rng = {rng_seed("tcp_receive")};
	struct tcp_lab l;
	uint32_t edge = 0, at = 1;

	lab_open(&l, &plain);
	vrs_tcp_pause(&l.flow);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t size = 1 + rng_below(&rng, 1448);

		if (rng_below(&rng, 2000) == 0)
			vrs_tcp_resume(&l.flow);
		if (rng_below(&rng, 500) == 0)
			vrs_tcp_pause(&l.flow);
		lab_in(&l, ACK, at, 1, size);
		if (!vrs_tcp_seq_before(l.flow.rcv_nxt, (uint32_t)LAB_IRS + at + size))
			at += size;
		else
			at = l.flow.rcv_nxt - (uint32_t)LAB_IRS; /* The window was full. */
		for (const struct lab_out *o; (o = lab_next(&l)) != NULL;) {
			uint32_t now = o->seg.ack + ((uint32_t)o->seg.window << l.flow.rcv_wscale);

			assert_false(vrs_tcp_seq_before(now, edge));
			edge = now;
		}
		lab_skip(&l);
	}
	lab_fini(&l);
}

static void what_is_outside_the_window_is_cut_off(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.receive_buffer = 4096});
	vrs_tcp_pause(&l.flow);
	lab_in(&l, ACK, 1, 1, 4000);
	lab_in(&l, ACK, 4001, 1, 1000);
	assert_in_range(l.flow.rcv_nxt - (uint32_t)LAB_IRS - 1, 4096, 4096 + 127);
	lab_fini(&l);
}

static void frames_that_wait_are_copied_when_too_many_are_held(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.hold_max = 8});
	vrs_tcp_pause(&l.flow);
	for (unsigned i = 0; i < 1000; i++)
		lab_in(&l, ACK, 1 + i, 1, 1);
	assert_int_equal(l.n_frames, 8);
	assert_int_equal(l.host.n_held, 8);
	vrs_tcp_resume(&l.flow);
	lab_turn(&l);
	assert_int_equal(l.rx, 1000);
	assert_int_equal(l.n_frames, 0);
	lab_fini(&l);
}

static void crumbs_in_the_worst_order_take_no_more_memory_than_twice_the_window(void **state)
{
	enum { BUFFER = 1 << 16, CRUMBS = 40000 };
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.hold_max = 1, .receive_buffer = BUFFER});
	for (uint32_t seq = CRUMBS; seq > 1; seq--) {
		lab_in(&l, ACK, seq, 1, 1);
		lab_skip(&l);
		assert_true(l.flow.held_memory <= 2 * BUFFER);
	}
	assert_true(l.host.stat.rx_dropped > 0);
	/* What was dropped comes again, and nothing else is lost. */
	for (uint32_t seq = 1; seq < CRUMBS; seq += 1000)
		lab_in(&l, ACK, seq, 1, 1000);
	assert_int_equal(l.rx, CRUMBS);
	assert_int_equal(l.flow.held_memory, 0);
	lab_fini(&l);
}

/* --- messages --- */

static void a_message_across_frames_is_put_together_alone(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.message = 100});
	lab_in(&l, ACK, 1, 1, 350); /* Three whole, half of one. */
	assert_int_equal(l.rx, 300);
	assert_int_equal(l.host.stat.rx_in_place, 300);
	lab_in(&l, ACK, 351, 1, 350); /* The rest of it, three more. */
	assert_int_equal(l.rx, 700);
	assert_int_equal(l.host.stat.rx_stitched, 1);
	assert_int_equal(l.host.stat.rx_in_place, 600);
	for (unsigned i = 0; i < 99; i++)
		lab_in(&l, ACK, 701 + i, 1, 1);
	assert_int_equal(l.rx, 700);
	lab_in(&l, ACK, 800, 1, 1);
	assert_int_equal(l.rx, 800);
	assert_int_equal(l.host.stat.rx_stitched, 2);
	lab_fini(&l);
}

static void a_header_that_has_come_in_pieces_is_presented_by_itself(
	void **state) /* RFC 4271 section 6.1 */
{
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.message = 100, .header = 19});
	lab_in(&l, ACK, 1, 1, 10);
	assert_int_equal(l.rx_calls, 1);
	lab_in(&l, ACK, 11, 1, 8);
	assert_int_equal(l.rx_calls, 1);
	lab_in(&l, ACK, 19, 1, 1);
	assert_int_equal(l.rx_calls, 2);
	for (unsigned i = 0; i < 80; i++)
		lab_in(&l, ACK, 20 + i, 1, 1);
	assert_int_equal(l.rx_calls, 2);
	lab_in(&l, ACK, 100, 1, 1 + 15); /* And the beginning of another one, */
	assert_int_equal(l.rx, 100);
	lab_in(&l, ACK, 116, 1, 85); /* all the rest of which comes at once. */
	assert_int_equal(l.rx, 200);
	assert_int_equal(l.host.stat.rx_stitched, 2);
	lab_fini(&l);
}

static void a_reader_that_says_not_now_is_asked_again(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.message = 100});
	l.pause_in_rx = true;
	lab_in(&l, ACK, 1, 1, 250);
	assert_int_equal(l.rx, 0);
	lab_in(&l, ACK, 251, 1, 50);
	assert_int_equal(l.rx_calls, 1);
	l.pause_in_rx = false;
	vrs_tcp_resume(&l.flow);
	assert_int_equal(l.rx, 0); /* From the next turn. */
	lab_turn(&l);
	assert_int_equal(l.rx, 300);
	lab_fini(&l);
}

static void a_put_together_message_may_have_to_wait_as_well(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.message = 100});
	lab_in(&l, ACK, 1, 1, 50);
	l.pause_in_rx = true;
	lab_in(&l, ACK, 51, 1, 100);
	assert_int_equal(l.rx, 0);
	l.pause_in_rx = false;
	vrs_tcp_resume(&l.flow);
	lab_turn(&l);
	assert_int_equal(l.rx, 100);
	lab_in(&l, ACK, 151, 1, 50);
	assert_int_equal(l.rx, 200);
	lab_fini(&l);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_segment_is_acknowledged_late_and_two_at_once),
		cmocka_unit_test(a_burst_has_one_ack),
		cmocka_unit_test(data_of_ours_carries_the_ack),
		cmocka_unit_test(what_is_behind_a_gap_is_told_newest_first),
		cmocka_unit_test(data_sent_behind_a_gap_does_not_hide_the_blocks),
		cmocka_unit_test(duplicates_are_told_as_such),
		cmocka_unit_test(without_sack_gaps_have_plain_acks),
		cmocka_unit_test(a_segment_over_several_gaps_fills_them_all),
		cmocka_unit_test(too_many_gaps_drop_what_makes_more),
		cmocka_unit_test(any_order_delivers_the_stream),
		cmocka_unit_test(a_paused_reader_closes_the_window_and_opens_it),
		cmocka_unit_test(the_windows_right_edge_does_not_move_left),
		cmocka_unit_test(what_is_outside_the_window_is_cut_off),
		cmocka_unit_test(frames_that_wait_are_copied_when_too_many_are_held),
		cmocka_unit_test(
			crumbs_in_the_worst_order_take_no_more_memory_than_twice_the_window),
		cmocka_unit_test(a_message_across_frames_is_put_together_alone),
		cmocka_unit_test(a_header_that_has_come_in_pieces_is_presented_by_itself),
		cmocka_unit_test(a_reader_that_says_not_now_is_asked_again),
		cmocka_unit_test(a_put_together_message_may_have_to_wait_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
