/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Segments to a stack, one by one, and what it answers: who is let in, who gets a RST and who gets nothing, how
 * many connections a peer has, what distance and digest (RFC 5082, 2385) keep out.
 */

#include <errno.h>

#include "tests/io/raw_lab.h"

/* --- who is let in --- */

static void strangers_get_no_answer_at_all(void **state)
{
	static const struct raw_options families[] = {{.ip6 = false}, {.ip6 = true}};
	static const struct {
		uint8_t flags;
		uint16_t to;
		bool other_address; /* The peer, to an address of ours that it is no peer of. */
	} rows[] = {{SYN, PORT, false}, {SYN, 80, false}, {ACK, PORT, false}, {RST, PORT, false},
		{FIN | ACK, PORT, false}, {SYN | ACK, PORT, false}, {0, PORT, false},
		{SYN, PORT, true}, {ACK, PORT, true}};

	for (unsigned k = 0; k < VRS_N_ELEMS(families); k++) {
		raw_begin(&families[k]);
		uint64_t sent = raw.its->stat.tx_frames;
		for (unsigned i = 0; i < VRS_N_ELEMS(rows); i++) {
			raw_shoot(&(struct raw_shot){.flags = rows[i].flags,
				.to = rows[i].to,
				.seq = SEQ,
				.ack = SEQ,
				.size = 10,
				.src = rows[i].other_address ? &raw.peer : &raw.stranger,
				.dst = rows[i].other_address ? &raw.us2 : &raw.us});
			assert_int_equal(raw_seen().unknown, i + 1);
			assert_int_equal(raw.others, i + 1);
		}
		raw_run(5000);
		/* Not even a question who that is. */
		assert_int_equal(raw.its->stat.tx_frames, sent);
		assert_int_equal(raw_stat().refused_unknown, VRS_N_ELEMS(rows));
		assert_int_equal(raw_stat().open, 0);
		raw_end();
	}
}

static void a_peer_without_connection_gets_a_rst(void **state)
{
	static const struct raw_options options[] = {{.ip6 = false}, {.ip6 = true},
		{.password = "secret"}, {.ttl_security = 1}, {.vlan = 7}};
	static const struct {
		uint8_t flags;
		uint16_t to;
		uint8_t reply; /* 0: none. */
		uint32_t seq, ack;
	} rows[] = {
		{SYN, 80, RST | ACK, 0, SEQ + 11},
		{ACK, PORT, RST, 0x55, 0},
		{SYN | ACK, PORT, RST, 0x55, 0},
		{FIN | ACK, 80, RST, 0x55, 0},
		{0, PORT, RST | ACK, 0, SEQ + 10},
		{RST, PORT, 0, 0, 0},
		{RST | ACK, 80, 0, 0, 0},
	};

	for (unsigned k = 0; k < VRS_N_ELEMS(options); k++) {
		raw_begin(&options[k]);
		for (unsigned i = 0; i < VRS_N_ELEMS(rows); i++) {
			raw_shoot(&(struct raw_shot){.flags = rows[i].flags,
				.to = rows[i].to,
				.seq = SEQ,
				.ack = 0x55,
				.size = 10});
			assert_int_equal(raw_seen().no_conn, i + 1);
			if (rows[i].reply != 0) {
				const struct vrs_tcp_segment *s = raw_expect(rows[i].reply, FROM);
				assert_int_equal(s->seq, rows[i].seq);
				if (rows[i].reply & ACK)
					assert_int_equal(s->ack, rows[i].ack);
			}
			raw_silence();
		}
		assert_int_equal(raw_stat().open, 0);
		raw_end();
	}
}

static void a_peer_opens_talks_and_closes(void **state)
{
	static const struct raw_options options[] = {{.ip6 = false}, {.ip6 = true},
		{.password = "secret"}, {.ip6 = true, .password = "secret"}, {.ttl_security = 1},
		{.vlan = 7}};

	for (unsigned k = 0; k < VRS_N_ELEMS(options); k++) {
		raw_begin(&options[k]);
		uint32_t ack = raw_open(FROM);
		raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 1, .ack = ack, .size = 10});
		assert_int_equal(raw.received, 10);
		raw_run(50);
		assert_int_equal(raw_expect(ACK, FROM)->ack, SEQ + 11);
		raw_shoot(&(struct raw_shot){.flags = FIN | ACK, .seq = SEQ + 11, .ack = ack});
		assert_int_equal(raw.down, 1);
		assert_int_equal(raw.err, 0);
		const struct vrs_tcp_segment *s = raw_expect(FIN | ACK, FROM);
		assert_int_equal(s->seq, ack);
		assert_int_equal(s->ack, SEQ + 12);
		raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 12, .ack = ack + 1});
		raw_silence();
		assert_int_equal(raw_stat().open, 0);
		raw_end();
	}
}

static void who_closes_inside_down_ends_as_any_other(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		raw_begin(&(struct raw_options){.ip6 = false});
		raw.close_in_down = true;
		uint32_t ack = raw_open(FROM);
		raw_shoot(&(struct raw_shot){
			.flags = i == 0 ? FIN | ACK : RST, .seq = SEQ + 1, .ack = ack});
		assert_int_equal(raw.down, 1);
		if (i == 0) {
			assert_int_equal(raw_expect(FIN | ACK, FROM)->seq, ack);
			raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 2, .ack = ack + 1});
		}
		raw_run(2000);
		raw_silence();
		assert_int_equal(raw_stat().open, 0);
		raw_end();
	}
}

static void a_refused_peer_sees_the_end_of_the_stream(void **state)
{
	raw_begin(&(struct raw_options){.refuse = true});
	raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ});
	uint32_t ack = raw_expect(SYN | ACK, FROM)->seq + 1;
	raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 1, .ack = ack});
	assert_int_equal(raw_expect(FIN | ACK, FROM)->seq, ack);
	assert_int_equal(raw_stat().refused_idle, 1);
	/* It does not answer: a second later it is told that nobody is there. */
	raw_run(2000);
	raw_skip();
	assert_int_equal(raw_stat().open, 0);
	raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 1, .ack = ack + 1});
	(void)raw_expect(RST, FROM);
	raw_end();
}

static void a_reset_ends_a_connection(void **state)
{
	raw_begin(&(struct raw_options){.ip6 = false});
	(void)raw_open(FROM);
	raw_shoot(&(struct raw_shot){.flags = RST, .seq = SEQ + 1});
	assert_int_equal(raw.down, 1);
	assert_int_equal(raw.err, ECONNRESET);
	raw_silence();
	raw_end();
}

static void who_closes_with_something_unread_resets(void **state)
{
	raw_begin(&(struct raw_options){.ip6 = false});
	raw.take_nothing = true;
	uint32_t ack = raw_open(FROM);
	raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 1, .ack = ack, .size = 100});
	raw_run(50);
	raw_skip();
	raw.t->ops->close(raw.conn, false);
	raw_run(1);
	(void)raw_expect(RST | ACK, FROM);
	assert_int_equal(raw_stat().open, 0);
	raw_end();
}

/* --- how many --- */

static void a_peer_has_two_handshakes_at_a_time(void **state)
{
	raw_begin(&(struct raw_options){.ip6 = false});
	raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ, .from = FROM});
	uint32_t ack = raw_expect(SYN | ACK, FROM)->seq + 1;
	raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ, .from = FROM + 1});
	(void)raw_expect(SYN | ACK, FROM + 1);
	/* The first again: its answer was lost. */
	raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ, .from = FROM});
	(void)raw_expect(SYN | ACK, FROM);
	raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 1, .ack = ack, .from = FROM});
	assert_int_equal(raw.accepted, 1);
	raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ, .from = FROM + 2});
	(void)raw_expect(SYN | ACK, FROM + 2);
	assert_int_equal(raw_stat().open, 3);
	/* One too many, */
	raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ, .from = FROM + 3});
	raw_silence();
	assert_int_equal(raw_stat().refused_crowd, 1);
	/* but the older one has its time only. */
	raw_run(101);
	raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ, .from = FROM + 3});
	(void)raw_expect(RST | ACK, FROM + 1);
	ack = raw_expect(SYN | ACK, FROM + 3)->seq + 1;
	assert_int_equal(raw_stat().open, 3);
	assert_int_equal(raw_stat().refused_crowd, 2);
	raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 1, .ack = ack, .from = FROM + 3});
	assert_int_equal(raw.accepted, 2);
	raw_end();
}

static void handshakes_that_never_end_make_room_in_minutes(void **state)
{
	raw_begin(&(struct raw_options){.ip6 = false});
	for (uint16_t i = 0; i < 2; i++)
		raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ, .from = FROM + i});
	assert_int_equal(raw_stat().open, 2);
	raw_run(VRS_TCP_SYN_TIMEOUT_MS + VRS_TCP_RTO_MAX_MS);
	assert_int_equal(raw_stat().open, 0);
	assert_int_equal(raw.accepted, 0);
	/* 1 + 2 + 4 + ... seconds. */
	assert_in_range(raw.n_out, 2 * 7, 2 * 10);
	raw_skip();
	(void)raw_open(FROM + 2);
	raw_end();
}

static void a_peer_has_eight_connections(void **state)
{
	raw_begin(&(struct raw_options){.ip6 = false});
	for (uint16_t i = 0; i < VRS_CONNS_PER_PEER; i++)
		(void)raw_open(FROM + i);
	raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ, .from = FROM + VRS_CONNS_PER_PEER});
	raw_silence();
	assert_int_equal(raw_stat().refused_crowd, 1);
	assert_int_equal(raw_stat().open, VRS_CONNS_PER_PEER);
	raw_shoot(&(struct raw_shot){.flags = RST, .seq = SEQ + 1, .from = FROM});
	(void)raw_open(FROM + VRS_CONNS_PER_PEER);
	raw_end();
}

/* We close first: TIME_WAIT. @return What the peer has acknowledged. */
static uint32_t into_time_wait(uint16_t from)
{
	uint32_t ack = raw_open(from);

	raw.t->ops->close(raw.conn, true);
	raw_run(1);
	assert_int_equal(raw_expect(FIN | ACK, from)->seq, ack);
	raw_shoot(&(struct raw_shot){
		.flags = FIN | ACK, .seq = SEQ + 1, .ack = ack + 1, .from = from});
	assert_int_equal(raw_expect(ACK, from)->ack, SEQ + 2);
	raw_silence();
	return ack + 1;
}

static void a_peer_has_sixteen_in_time_wait_and_the_oldest_goes(void **state)
{
	enum { MAX = 16 };
	uint32_t acks[MAX + 1];

	raw_begin(&(struct raw_options){.ip6 = false});
	for (uint16_t i = 0; i <= MAX; i++)
		acks[i] = into_time_wait(FROM + i);
	/* The FIN again: who knows of it acknowledges it. */
	for (uint16_t i = 0; i <= MAX; i++) {
		raw_shoot(&(struct raw_shot){
			.flags = FIN | ACK, .seq = SEQ + 1, .ack = acks[i], .from = FROM + i});
		(void)raw_expect(i == 0 ? RST : ACK, FROM + i);
	}
	raw_end();
}

static void a_new_syn_in_time_wait_begins_anew_and_an_old_one_does_not(void **state)
{
	static const struct raw_options options[] = {
		{.ip6 = false}, {.password = "secret"}, {.ttl_security = 1}};

	for (unsigned k = 0; k < VRS_N_ELEMS(options); k++) {
		raw_begin(&options[k]);
		(void)into_time_wait(FROM);
		raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ});
		assert_int_equal(raw_expect(ACK, FROM)->ack, SEQ + 2);
		if (raw.o.password != NULL) {
			raw_shoot(&(struct raw_shot){
				.flags = SYN, .seq = SEQ + 1000, .key = "other"});
			raw_silence();
			assert_int_equal(raw_seen().md5_bad, 1);
		}
		if (raw.o.ttl_security != 0) {
			raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ + 1000, .ttl = 254});
			raw_silence();
			assert_int_equal(raw_seen().ttl_low, 1);
		}
		raw_shoot(&(struct raw_shot){.flags = RST, .seq = SEQ + 2});
		raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ + 1000});
		const struct vrs_tcp_segment *s = raw_expect(SYN | ACK, FROM);
		assert_int_equal(s->ack, SEQ + 1001);
		raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 1001, .ack = s->seq + 1});
		assert_int_equal(raw.accepted, 2);
		raw_end();
	}
}

/* --- RFC 5082 and 2385 --- */

static void what_comes_from_too_far_away_does_nothing(void **state)
{
	for (uint8_t hops = 1; hops <= 3; hops += 2) {
		uint8_t least = (uint8_t)(256 - hops);

		for (unsigned ip6 = 0; ip6 < 2; ip6++) {
			raw_begin(&(struct raw_options){.ttl_security = hops, .ip6 = ip6});
			raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ, .ttl = least - 1});
			raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ, .ttl = least - 1});
			raw_silence();
			assert_int_equal(raw_seen().ttl_low, 2);
			assert_int_equal(raw_stat().open, 0);
			uint32_t ack = raw_open(FROM);
			struct raw_shot data = {
				.flags = ACK, .seq = SEQ + 1, .ack = ack, .size = 10};
			data.ttl = least - 1;
			raw_shoot(&data);
			assert_int_equal(raw.received, 0);
			raw_shoot(
				&(struct raw_shot){.flags = RST, .seq = SEQ + 1, .ttl = least - 1});
			assert_int_equal(raw.down, 0);
			assert_int_equal(raw_seen().ttl_low, 4);
			raw_run(50);
			raw_silence();
			data.ttl = least;
			raw_shoot(&data);
			assert_int_equal(raw.received, 10);
			raw_end();
		}
	}
}

static void without_ttl_security_any_distance_will_do(void **state)
{
	raw_begin(&(struct raw_options){.ip6 = false});
	uint32_t ack = raw_open(FROM);
	raw_shoot(
		&(struct raw_shot){.flags = ACK, .seq = SEQ + 1, .ack = ack, .size = 10, .ttl = 1});
	assert_int_equal(raw.received, 10);
	raw_end();
}

static void segments_with_a_wrong_digest_do_nothing(void **state)
{
	static const struct {
		const char *password, *key;
	} rows[] = {{"secret", "other"}, {"secret", ""}, {NULL, "secret"}};
	static const uint8_t flags[] = {ACK, FIN | ACK, RST, RST | ACK, SYN, SYN | ACK};

	for (unsigned k = 0; k < 2 * VRS_N_ELEMS(rows); k++) {
		const char *key = rows[k / 2].key;
		unsigned n = 0;

		raw_begin(
			&(struct raw_options){.ip6 = k % 2 == 1, .password = rows[k / 2].password});
		/* Nobody is there, and somebody. */
		for (unsigned i = 0; i < VRS_N_ELEMS(flags); i++, n++)
			raw_shoot(&(struct raw_shot){.flags = flags[i], .seq = SEQ, .key = key});
		raw_run(2000);
		raw_silence();
		assert_int_equal(raw_stat().open, 0);
		uint32_t ack = raw_open(FROM);
		for (unsigned i = 0; i < VRS_N_ELEMS(flags); i++, n++)
			raw_shoot(&(struct raw_shot){.flags = flags[i],
				.seq = SEQ + 1,
				.ack = ack,
				.size = flags[i] == ACK ? 10 : 0,
				.key = key});
		raw_run(2000);
		raw_silence();
		assert_int_equal(raw.received + raw.down, 0);
		bool missing = *key == '\0';
		assert_int_equal(raw_seen().md5_missing, missing ? n : 0);
		assert_int_equal(raw_seen().md5_bad, missing ? 0 : n);
		raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 1, .ack = ack, .size = 10});
		assert_int_equal(raw.received, 10);
		raw_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_get_no_answer_at_all),
		cmocka_unit_test(a_peer_without_connection_gets_a_rst),
		cmocka_unit_test(a_peer_opens_talks_and_closes),
		cmocka_unit_test(who_closes_inside_down_ends_as_any_other),
		cmocka_unit_test(a_refused_peer_sees_the_end_of_the_stream),
		cmocka_unit_test(a_reset_ends_a_connection),
		cmocka_unit_test(who_closes_with_something_unread_resets),
		cmocka_unit_test(a_peer_has_two_handshakes_at_a_time),
		cmocka_unit_test(handshakes_that_never_end_make_room_in_minutes),
		cmocka_unit_test(a_peer_has_eight_connections),
		cmocka_unit_test(a_peer_has_sixteen_in_time_wait_and_the_oldest_goes),
		cmocka_unit_test(a_new_syn_in_time_wait_begins_anew_and_an_old_one_does_not),
		cmocka_unit_test(what_comes_from_too_far_away_does_nothing),
		cmocka_unit_test(without_ttl_security_any_distance_will_do),
		cmocka_unit_test(segments_with_a_wrong_digest_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
