/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * TCP's sending half: windows, timers, losses and how they are found and mended. RFC 9293, 5681, 6298, 2018, 6937,
 * 8985, 6582, 3522, 9438, 1191. A segment is LAB_MSS bytes; segment k begins at 1 + k * LAB_MSS.
 */

#include <errno.h>

#include "io/dpdk/tcp_internal.h"
#include "tests/io/tcp_lab.h"
#include "tests/test.h"

enum { ACK = VRS_TCP_ACK, FIN = VRS_TCP_FIN, RST = VRS_TCP_RST, M = LAB_MSS };

static const struct lab_options plain = {0};

/* Where segment k begins. */
static uint32_t at(uint32_t k)
{
	return 1 + k * M;
}

/* n segments are sent and in flight. */
static void in_flight(struct tcp_lab *l, const struct lab_options *o, unsigned n)
{
	lab_open(l, o);
	lab_send(l, n * M);
	assert_int_equal(l->n_out, n);
	lab_skip(l);
	lab_wait(l, 10);
	assert_int_equal(l->n_out, 0);
}

static void end(struct tcp_lab *l)
{
	lab_fini(l);
}

/* --- windows --- */

static void it_begins_with_ten_segments(void **state) /* RFC 6928 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_send(&l, 100 * M);
	assert_int_equal(l.n_out, 10);
	for (unsigned k = 0; k < 10; k++)
		lab_expect(&l, ACK, at(k), 1, M);
	end(&l);
}

static void slow_start_doubles(void **state) /* RFC 5681 section 3.1 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_send(&l, 1000 * M);
	lab_skip(&l);
	lab_wait(&l, 10);
	lab_ack(&l, at(10), 0);
	assert_int_equal(l.n_out, 20);
	lab_wait(&l, 10);
	lab_ack(&l, at(30), 0);
	assert_int_equal(l.n_out, 60);
	end(&l);
}

static void a_window_that_is_not_used_does_not_grow(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	for (unsigned k = 0; k < 200; k++) {
		lab_send(&l, M);
		lab_wait(&l, 10);
		lab_ack(&l, at(k + 1), 0);
	}
	assert_in_range(l.flow.cc.cwnd, 10 * M, 12 * M);
	end(&l);
}

static void the_peers_window_is_kept(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.no_wscale = true, .window = 5000});
	lab_send(&l, 100000);
	uint32_t sent = 0;
	for (const struct lab_out *o; (o = lab_next(&l)) != NULL;)
		sent += o->seg.size;
	/* Three segments; what is left of the window is a sliver. */
	assert_int_equal(sent, 3 * M);
	end(&l);
}

static void a_closed_window_is_probed_as_long_as_it_answers(void **state) /* RFC 9293 3.8.6.1 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	l.o.window = 0;
	struct vrs_tcp_segment s = lab_segment(&l, ACK, 1, 1, 0);
	s.window = 0;
	lab_feed(&l, &s);
	lab_send(&l, 1000);
	lab_expect_none(&l);
	unsigned probes = 0;
	for (unsigned i = 0; i < 400000; i++) { /* Longer than the user timeout. */
		lab_wait(&l, 1);
		const struct lab_out *o = lab_next(&l);
		if (o == NULL)
			continue;
		assert_int_equal(o->seg.size, 0);
		assert_int_equal(o->seg.seq, 0);
		probes++;
		s = lab_segment(&l, ACK, 1, 1, 0);
		s.window = 0;
		lab_feed(&l, &s);
		lab_turn(&l);
	}
	assert_int_equal(l.n_closed, 0);
	assert_in_range(probes, 10, 20); /* Every minute in the end. */
	lab_skip(&l);
	s.window = 8;
	lab_feed(&l, &s);
	lab_turn(&l);
	lab_expect(&l, ACK, 1, 1, 1000);
	end(&l);
}

static void a_closed_window_and_a_dead_peer_are_given_up(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	struct vrs_tcp_segment s = lab_segment(&l, ACK, 1, 1, 0);
	s.window = 0;
	lab_feed(&l, &s);
	lab_send(&l, 1000);
	lab_wait(&l, 400000);
	assert_int_equal(l.n_closed, 1);
	assert_int_equal(l.err, ETIMEDOUT);
	end(&l);
}

static void a_sliver_of_a_window_is_used_when_nothing_else_happens(
	void **state) /* RFC 9293 3.8.6.2.1 */
{
	struct tcp_lab l;

	lab_open(&l, &(struct lab_options){.no_wscale = true, .window = 10000});
	struct vrs_tcp_segment s = lab_segment(&l, ACK, 1, 1, 0);
	s.window = 300;
	lab_feed(&l, &s);
	lab_send(&l, 5000);
	lab_expect_none(&l);
	lab_wait(&l, 300);
	lab_expect(&l, ACK, 1, 1, 300);
	end(&l);
}

static void a_full_wire_loses_nothing(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	l.full = true;
	lab_send(&l, 5 * M);
	lab_expect_none(&l);
	l.full = false;
	lab_turn(&l);
	for (unsigned k = 0; k < 5; k++)
		lab_expect(&l, ACK, at(k), 1, M);
	end(&l);
}

/* --- the retransmission timer --- */

static void a_timeout_sends_the_first_again_and_backs_off(void **state) /* RFC 6298 section 5 */
{
	struct tcp_lab l;
	uint64_t last;

	in_flight(&l, &(struct lab_options){.no_sack = true}, 5);
	last = l.host.now_us - 10000;
	for (unsigned i = 0; i < 5; i++) {
		lab_wait(&l, VRS_TCP_RTO_MIN_MS << i);
		lab_wait(&l, 20);
		const struct lab_out *o = lab_next(&l);
		assert_non_null(o);
		assert_int_equal(o->seg.seq, at(0));
		uint64_t waited_ms = (o->at_us - last) / 1000;
		assert_in_range(waited_ms, VRS_TCP_RTO_MIN_MS << i, (VRS_TCP_RTO_MIN_MS << i) + 20);
		last = o->at_us;
		lab_expect_none(&l);
	}
	assert_int_equal(l.n_suspect, 5);
	lab_ack(&l, at(1), 0); /* Slow start from one segment. */
	lab_expect(&l, ACK, at(1), 1, M);
	lab_expect(&l, ACK, at(2), 1, M);
	lab_expect_none(&l);
	end(&l);
}

static void a_peer_that_never_answers_is_given_up(void **state)
{
	struct tcp_lab l;

	in_flight(&l, &plain, 1);
	lab_wait(&l, VRS_TCP_USER_TIMEOUT_MS - 1000);
	assert_int_equal(l.n_closed, 0);
	lab_wait(&l, 62000);
	assert_int_equal(l.n_closed, 1);
	assert_int_equal(l.err, ETIMEDOUT);
	end(&l);
}

static void the_timeout_follows_the_round_trip(void **state) /* RFC 6298 section 2 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	for (unsigned k = 0; k < 100; k++) {
		lab_send(&l, M);
		uint32_t echo = l.ts_echo;
		lab_wait(&l, 500);
		l.ts_echo = echo; /* Of the first sending. */
		lab_ack(&l, at(k + 1), 0);
	}
	/* What was sent twice was not measured as a short one. */
	assert_in_range(l.flow.srtt_us, 400000, 510000);
	assert_in_range(l.flow.rto_ms, 500, 2000);
	end(&l);
}

static void sending_on_does_not_put_the_timeout_off(void **state)
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	for (unsigned i = 0; i < 60;
		i++) { /* Every 10 ms into nowhere; a probe would be 22 ms after the last. */
		lab_send(&l, 10);
		lab_wait(&l, 10);
	}
	assert_true(l.host.stat.rtos > 0);
	end(&l);
}

static void what_comes_in_does_not_put_the_probe_of_a_window_off(void **state)
{
	struct tcp_lab l;
	struct vrs_tcp_segment s;

	lab_open(&l, &plain);
	s = lab_segment(&l, ACK, 1, 1, 0);
	s.window = 0;
	lab_feed(&l, &s);
	lab_send(&l, 1000);
	for (unsigned i = 0; i < 100; i++) {
		s = lab_segment(&l, ACK, 1 + 100 * i, 1, 100);
		s.window = 0;
		lab_feed(&l, &s);
		lab_wait(&l, 10);
	}
	assert_true(l.host.stat.zero_windows >= 2);
	end(&l);
}

/* --- losses --- */

static void a_hole_that_sack_shows_is_filled_at_once(void **state)
{
	struct tcp_lab l;

	in_flight(&l, &plain, 10);
	lab_ack(&l, at(0), at(1), at(2), 0);
	lab_ack(&l, at(0), at(1), at(3), 0);
	lab_expect_none(&l);
	lab_ack(&l, at(0), at(1), at(4), 0); /* The third. */
	lab_expect(&l, ACK, at(0), 1, M);
	assert_int_equal(l.host.stat.recoveries, 1);
	assert_int_equal(l.host.stat.retransmits, 1);
	lab_wait(&l, 10);
	lab_ack(&l, at(10), 0);
	assert_int_equal(l.flow.cc.cwnd, l.flow.cc.ssthresh);
	assert_in_range(l.flow.cc.cwnd, 7 * M - 10, 7 * M + 10);
	end(&l);
}

static void many_holes_are_filled_within_what_leaves(void **state) /* RFC 6937 */
{
	struct tcp_lab l;

	in_flight(&l, &plain, 10);
	/* Every second one is lost. Each ACK brings one more. */
	lab_ack(&l, at(0), at(1), at(2), 0);
	lab_ack(&l, at(0), at(3), at(4), at(1), at(2), 0);
	lab_ack(&l, at(0), at(5), at(6), at(3), at(4), at(1), at(2), 0);
	lab_ack(&l, at(0), at(7), at(8), at(5), at(6), at(3), at(4), 0);
	lab_ack(&l, at(0), at(9), at(10), at(7), at(8), at(5), at(6), 0);
	assert_in_range(l.n_out, 3, 5);
	for (unsigned k = 0; k < l.n_out; k++)
		lab_expect(&l, ACK, at(2 * k), 1, M);
	lab_wait(&l, 10);
	lab_ack(&l, at(l.n_out * 2), at(l.n_out * 2 + 1), at(10), 0);
	lab_wait(&l, 20);
	lab_ack(&l, at(10), 0);
	assert_int_equal(l.host.stat.rtos, 0);
	assert_int_equal(l.host.stat.recoveries, 1);
	assert_int_equal(l.flow.in_flight, 0);
	end(&l);
}

static void a_lost_retransmission_is_found_too(
	void **state) /* RFC 8985: what DupThresh could not */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_send(&l, 40 * M);
	lab_wait(&l, 10);
	lab_skip(&l);
	lab_ack(&l, at(0), at(1), at(5), 0);
	lab_expect(&l, ACK, at(0), 1, M);
	lab_skip(&l);
	lab_wait(&l, 10);
	lab_ack(&l, at(0), at(1), at(10), 0); /* New data goes out. */
	assert_true(l.n_out > 0);
	uint32_t until = l.flow.snd_nxt - LAB_ISS;
	lab_skip(&l);
	lab_wait(&l, 12); /* It comes back, the retransmission does not. */
	lab_ack(&l, at(0), at(1), until, 0);
	bool again = false;
	lab_wait(&l, 12);
	for (const struct lab_out *o; (o = lab_next(&l)) != NULL;)
		again |= o->seg.seq == at(0);
	assert_true(again);
	assert_int_equal(l.host.stat.rtos, 0);
	end(&l);
}

static void a_little_reordering_is_no_loss(void **state) /* RFC 8985 section 6.2 */
{
	struct tcp_lab l;

	in_flight(&l, &plain, 10);
	lab_ack(&l, at(0), at(1), at(3), 0);
	lab_ack(&l, at(3), 0); /* It was late, that is all. */
	assert_true(l.flow.reordering_seen);
	lab_skip(&l);
	lab_ack(&l, at(3), at(4), at(10), 0); /* Six behind a hole: not yet. */
	lab_expect_none(&l);
	lab_wait(&l, 1);
	lab_ack(&l, at(10), 0);
	lab_wait(&l, 5);
	assert_int_equal(l.host.stat.retransmits, 0);
	assert_int_equal(l.host.stat.recoveries, 0);
	end(&l);
}

static void reordering_that_lasts_is_a_loss_after_all(void **state)
{
	struct tcp_lab l;

	in_flight(&l, &plain, 10);
	lab_ack(&l, at(0), at(1), at(3), 0);
	lab_ack(&l, at(3), 0);
	lab_skip(&l);
	lab_ack(&l, at(3), at(4), at(10), 0);
	lab_wait(&l, 4); /* A quarter of the round trip, by its timer. */
	lab_expect(&l, ACK, at(3), 1, M);
	end(&l);
}

static void a_lost_tail_is_probed_for(void **state) /* RFC 8985 section 7 */
{
	struct tcp_lab l;

	in_flight(&l, &plain, 3);
	lab_wait(&l, 20); /* Two round trips in all. */
	lab_expect(&l, ACK, at(2), 1, M);
	assert_int_equal(l.host.stat.tlps, 1);
	lab_wait(&l, 10);
	lab_ack(&l, at(0), at(2), at(3), 0); /* So the first two are lost. */
	lab_wait(&l, 5);
	lab_expect(&l, ACK, at(0), 1, M);
	lab_expect(&l, ACK, at(1), 1, M);
	assert_int_equal(l.host.stat.rtos, 0);
	end(&l);
}

static void a_probe_that_mends_the_loss_costs_a_window(void **state) /* section 7.4 */
{
	struct tcp_lab l;

	in_flight(&l, &plain, 3);
	uint32_t before = l.flow.cc.cwnd;
	lab_wait(&l, 20);
	lab_wait(&l, 10);
	lab_ack(&l, at(3), 0);
	assert_true(l.flow.cc.cwnd < before);
	end(&l);
	/* Unless both have arrived, says D-SACK. */
	in_flight(&l, &plain, 3);
	lab_wait(&l, 30);
	lab_ack(&l, at(3), at(2), at(3), 0);
	assert_true(l.flow.cc.cwnd >= before);
	end(&l);
}

static void without_sack_three_duplicates_are_a_loss(void **state) /* RFC 5681, 6582 */
{
	struct tcp_lab l;

	in_flight(&l, &(struct lab_options){.no_sack = true}, 10);
	lab_ack(&l, at(0), 0); /* Opens the window: no duplicate. */
	lab_ack(&l, at(0), 0);
	lab_ack(&l, at(0), 0);
	lab_expect_none(&l);
	lab_ack(&l, at(0), 0);
	lab_expect(&l, ACK, at(0), 1, M);
	lab_expect_none(&l);
	lab_wait(&l, 10);
	lab_ack(&l, at(5), 0); /* A partial ACK: another hole. */
	lab_expect(&l, ACK, at(5), 1, M);
	lab_ack(&l, at(10), 0);
	assert_int_equal(l.flow.recovery, 0);
	assert_int_equal(l.host.stat.rtos, 0);
	end(&l);
}

static void a_loss_that_was_none_is_undone(void **state) /* RFC 3522, 4015 */
{
	struct tcp_lab l;

	in_flight(&l, &plain, 10);
	uint32_t before = l.flow.cc.cwnd, echo = l.ts_echo;
	lab_ack(&l, at(0), at(1), at(5), 0);
	lab_expect(&l, ACK, at(0), 1, M);
	assert_true(l.flow.cc.ssthresh < before);
	lab_wait(&l, 5);
	l.ts_echo = echo; /* The first sending has arrived after all. */
	lab_ack(&l, at(5), 0);
	assert_int_equal(l.host.stat.undos, 1);
	assert_true(l.flow.cc.cwnd >= before);
	end(&l);
}

static void a_timeout_that_was_none_is_undone(void **state)
{
	struct tcp_lab l;

	in_flight(&l, &plain, 10);
	uint32_t before = l.flow.cc.cwnd, echo = l.ts_echo;
	lab_wait(&l, 400);
	assert_true(l.host.stat.rtos > 0);
	l.ts_echo = echo;
	lab_ack(&l, at(10), 0);
	assert_int_equal(l.host.stat.undos, 1);
	assert_true(l.flow.cc.cwnd >= before);
	end(&l);
}

/* What is out is in the order of its last sending, both ways round. */
static void check_order(const struct vrs_tcp *t)
{
	uint32_t n = 0, before = NOBODY;

	for (uint32_t i = t->order_first; i != NOBODY; before = i, i = sent_at(t, i)->next) {
		assert_int_equal(sent_at(t, i)->prev, before);
		assert_int_equal(sent_at(t, i)->state, SENT_OUT);
		if (before != NOBODY)
			assert_true(sent_at(t, before)->sent_us <= sent_at(t, i)->sent_us);
		n++;
	}
	assert_int_equal(t->order_last, before);
	assert_int_equal(n + t->n_lost + t->n_sacked, t->sent_tail - t->sent_head);
}

static void an_undo_puts_everything_back_where_its_time_of_sending_is(void **state)
{
	enum { N = 4000 };
	struct tcp_lab l;

	lab_open(&l, &plain);
	l.flow.cc.cwnd = l.flow.snd_wnd = l.flow.max_wnd = 2 * N * M;
	for (unsigned k = 0; k < N; k += 10) {
		lab_send(&l, 10 * M);
		l.n_out = l.n_looked_at = 0;
		lab_wait(&l, k % 100 == 0);
	}
	assert_int_equal(l.flow.sent_tail - l.flow.sent_head, N);
	uint32_t echo = l.ts_echo;
	lab_wait(&l, 400);
	assert_int_equal(l.flow.recovery, RECOVERY_RTO);
	/* Many are sent again, some have arrived, and others are lost still. */
	for (unsigned k = 1; k < N / 8; k++) {
		lab_ack(&l, at(k), at(N / 2 + 3 * k), at(N / 2 + 3 * k + 1), 0);
		l.n_out = l.n_looked_at = 0;
		lab_wait(&l, 1);
		check_order(&l.flow);
	}
	assert_true(l.flow.in_flight > N / 16 * M);
	assert_in_range(l.flow.n_lost, N / 4, N);
	l.ts_echo = echo;
	lab_ack(&l, at(N / 8), 0);
	assert_int_equal(l.host.stat.undos, 1);
	assert_int_equal(l.flow.n_lost, 0);
	check_order(&l.flow);
	end(&l);
}

static void absurd_blocks_say_nothing(void **state)
{
	struct tcp_lab l;

	in_flight(&l, &plain, 10);
	lab_ack(&l, at(0), at(20), at(30), 0);                 /* Not sent. */
	lab_ack(&l, at(0), at(5), at(2), 0);                   /* Backwards. */
	lab_ack(&l, at(0), at(1) + 5, at(1) + 10, 0);          /* Inside of a segment. */
	lab_ack(&l, at(0), (uint32_t)-50000, (uint32_t)-1, 0); /* Long ago. */
	assert_int_equal(l.flow.n_sacked, 0);
	lab_expect_none(&l);
	end(&l);
}

static void a_peer_that_drops_what_it_had_sacked_gets_it_again(
	void **state) /* RFC 2018 section 8 */
{
	struct tcp_lab l;

	in_flight(&l, &plain, 4);
	lab_ack(&l, at(0), at(1), at(4), 0);
	lab_expect(&l, ACK, at(0), 1, M);
	lab_wait(&l, 10);
	lab_ack(&l, at(1), 0); /* And not at(4). */
	lab_skip(&l);
	lab_wait(&l, 300);
	assert_int_equal(l.host.stat.renegs, 1);
	lab_ack(&l, at(2), 0);
	lab_ack(&l, at(4), 0);
	assert_int_equal(l.flow.in_flight, 0);
	end(&l);
}

static void part_of_a_segment_may_be_acknowledged(void **state)
{
	struct tcp_lab l;

	in_flight(&l, &(struct lab_options){.no_sack = true}, 2);
	lab_ack(&l, at(0) + 100, 0);
	assert_int_equal(l.flow.in_flight, 2 * M - 100);
	lab_wait(&l, 300);
	lab_expect(&l, ACK, at(0) + 100, 1, M - 100);
	end(&l);
}

/* --- congestion control --- */

static void lose_one(struct tcp_lab *l, const struct lab_options *o)
{
	in_flight(l, o, 10);
	lab_ack(l, at(0), at(1), at(4), 0);
	lab_wait(l, 10);
	lab_ack(l, at(10), 0);
	lab_skip(l);
}

static void cubic_gives_up_three_tenths_and_newreno_half(void **state)
{
	struct tcp_lab l;

	lose_one(&l, &plain);
	assert_in_range(l.flow.cc.cwnd, 7 * M - 10, 7 * M + 10);
	end(&l);
	lose_one(&l, &(struct lab_options){.newreno = true});
	assert_in_range(l.flow.cc.cwnd, 5 * M - 10, 5 * M + 10);
	end(&l);
}

/* Round trips of 10 ms with all acknowledged. */
static void rounds(struct tcp_lab *l, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		lab_wait(l, 10);
		lab_ack(l, l->flow.snd_nxt - LAB_ISS, 0);
		lab_skip(l);
	}
}

static void newreno_grows_a_segment_per_round(void **state) /* RFC 5681 section 3.1 */
{
	struct tcp_lab l;

	lose_one(&l, &(struct lab_options){.newreno = true});
	lab_send(&l, 2000 * M);
	rounds(&l, 20);
	assert_in_range(l.flow.cc.cwnd, 22 * M, 26 * M);
	end(&l);
}

static void cubic_comes_back_to_where_it_was(void **state) /* RFC 9438 section 4.2 */
{
	struct tcp_lab l;

	lose_one(&l, &plain);
	lab_send(&l, 4000 * M);
	/* K = cbrt(3 / 0.4) = 1.96 s; Reno's estimate is above that on so short a path. */
	rounds(&l, 5);
	assert_in_range(l.flow.cc.cwnd, 8 * M, 12 * M);
	rounds(&l, 95);
	assert_in_range(l.flow.cc.cwnd, 30 * M, 120 * M);
	end(&l);
}

static void an_idle_connection_begins_small_again(void **state) /* RFC 5681 section 4.1 */
{
	struct tcp_lab l;

	lab_open(&l, &plain);
	lab_send(&l, 500 * M);
	lab_skip(&l);
	rounds(&l, 5);
	while (l.flow.snd_nxt != l.flow.queue_end)
		rounds(&l, 1);
	rounds(&l, 1);
	assert_true(l.flow.cc.cwnd > 50 * M);
	lab_wait(&l, 1000);
	lab_skip(&l);
	lab_send(&l, 100 * M);
	assert_int_equal(l.n_out, 10);
	end(&l);
}

/* --- path MTU --- */

static void a_smaller_path_cuts_anew(void **state) /* RFC 1191, 5927 */
{
	struct tcp_lab l;

	in_flight(&l, &plain, 4);
	assert_false(vrs_tcp_mtu(&l.flow, LAB_ISS + at(4), 1000)); /* Not in flight. */
	assert_false(vrs_tcp_mtu(&l.flow, LAB_ISS + at(0), 1500)); /* Not smaller. */
	assert_true(vrs_tcp_mtu(&l.flow, LAB_ISS + at(0), 1000));
	lab_turn(&l);
	for (uint32_t seq = 1; seq < at(4);) {
		const struct lab_out *o = lab_next(&l);

		assert_non_null(o);
		assert_int_equal(o->seg.seq, seq);
		assert_true(o->seg.size <= 1000 - 52);
		seq += o->seg.size;
	}
	lab_ack(&l, at(4), 0);
	assert_int_equal(l.flow.in_flight, 0);
	assert_true(vrs_tcp_mtu(&l.flow, l.flow.snd_una, 60) == false); /* Nothing in flight. */
	lab_send(&l, 100);
	assert_true(vrs_tcp_mtu(&l.flow, l.flow.snd_una, 60)); /* The floor. */
	assert_int_equal(l.flow.mtu, 576);
	end(&l);
}

static void a_smaller_path_cuts_what_lies_in_crumbs(void **state)
{
	enum { CRUMB = 30, N = 60 };
	struct tcp_lab l;

	lab_open(&l, &plain);
	for (unsigned i = 0; i < N; i++)
		lab_send(&l, CRUMB);
	vrs_tcp_shut(&l.flow);
	lab_turn(&l);
	l.n_out = l.n_looked_at = 0;
	assert_true(vrs_tcp_mtu(&l.flow, l.flow.snd_una, 600));
	lab_turn(&l);
	for (uint32_t seq = 1; seq < 1 + CRUMB * N;) {
		const struct lab_out *o = lab_next(&l);

		assert_non_null(o);
		assert_int_equal(o->seg.seq, seq);
		assert_int_equal((o->seg.flags & FIN) != 0, seq + o->seg.size == 1 + CRUMB * N);
		seq += o->seg.size;
	}
	lab_ack(&l, 1 + CRUMB * N + 1, 0);
	assert_int_equal(l.flow.state, VRS_TCP_FIN_WAIT_2);
	end(&l);
}

static void a_smaller_path_is_forgotten_after_ten_minutes(void **state) /* RFC 1191 section 6.3 */
{
	struct tcp_lab l;

	in_flight(&l, &plain, 1);
	assert_true(vrs_tcp_mtu(&l.flow, l.flow.snd_una, 1000));
	lab_turn(&l);
	lab_ack(&l, at(1), 0);
	lab_wait(&l, VRS_TCP_MTU_MS - 1000);
	lab_skip(&l);
	lab_send(&l, M);
	assert_int_equal(lab_next(&l)->seg.size, 1000 - 52);
	lab_ack(&l, at(2), 0);
	lab_wait(&l, 2000);
	lab_skip(&l);
	lab_send(&l, M);
	assert_int_equal(lab_next(&l)->seg.size, M);
	end(&l);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_with_ten_segments),
		cmocka_unit_test(slow_start_doubles),
		cmocka_unit_test(a_window_that_is_not_used_does_not_grow),
		cmocka_unit_test(the_peers_window_is_kept),
		cmocka_unit_test(a_closed_window_is_probed_as_long_as_it_answers),
		cmocka_unit_test(a_closed_window_and_a_dead_peer_are_given_up),
		cmocka_unit_test(a_sliver_of_a_window_is_used_when_nothing_else_happens),
		cmocka_unit_test(a_full_wire_loses_nothing),
		cmocka_unit_test(a_timeout_sends_the_first_again_and_backs_off),
		cmocka_unit_test(a_peer_that_never_answers_is_given_up),
		cmocka_unit_test(the_timeout_follows_the_round_trip),
		cmocka_unit_test(sending_on_does_not_put_the_timeout_off),
		cmocka_unit_test(what_comes_in_does_not_put_the_probe_of_a_window_off),
		cmocka_unit_test(a_hole_that_sack_shows_is_filled_at_once),
		cmocka_unit_test(many_holes_are_filled_within_what_leaves),
		cmocka_unit_test(a_lost_retransmission_is_found_too),
		cmocka_unit_test(a_little_reordering_is_no_loss),
		cmocka_unit_test(reordering_that_lasts_is_a_loss_after_all),
		cmocka_unit_test(a_lost_tail_is_probed_for),
		cmocka_unit_test(a_probe_that_mends_the_loss_costs_a_window),
		cmocka_unit_test(without_sack_three_duplicates_are_a_loss),
		cmocka_unit_test(a_loss_that_was_none_is_undone),
		cmocka_unit_test(a_timeout_that_was_none_is_undone),
		cmocka_unit_test(an_undo_puts_everything_back_where_its_time_of_sending_is),
		cmocka_unit_test(absurd_blocks_say_nothing),
		cmocka_unit_test(a_peer_that_drops_what_it_had_sacked_gets_it_again),
		cmocka_unit_test(part_of_a_segment_may_be_acknowledged),
		cmocka_unit_test(cubic_gives_up_three_tenths_and_newreno_half),
		cmocka_unit_test(newreno_grows_a_segment_per_round),
		cmocka_unit_test(cubic_comes_back_to_where_it_was),
		cmocka_unit_test(an_idle_connection_begins_small_again),
		cmocka_unit_test(a_smaller_path_cuts_anew),
		cmocka_unit_test(a_smaller_path_cuts_what_lies_in_crumbs),
		cmocka_unit_test(a_smaller_path_is_forgotten_after_ten_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
