/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Frames to a stack that are no segments, or none of ours: what is believed of ICMP, echoes, what is for others, what
 * is nothing, a neighbour that moves.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/bytes.h"
#include "tests/io/raw_lab.h"

/* --- ICMP --- */

static void put_sum(uint8_t *at, uint64_t sum)
{
	uint16_t folded = vrs_csum_fold(sum);

	memcpy(at, &folded, 2);
}

/* An ICMP message from @p src: its header of 8 bytes, then @p body. */
static void icmp(const struct vrs_addr *src, const struct vrs_addr *dst, const uint8_t head[8],
	const uint8_t *body, size_t size)
{
	uint8_t f[FRAME_MAX] = {0}, *ip = f + L2, *m;
	size_t total = 8 + size;

	memcpy(f, raw.its->mac, 6);
	memcpy(f + 6, raw.wire->mac, 6);
	if (raw.o.ip6) {
		m = ip + 40;
		memcpy(f + 12, (uint8_t[]){0x86, 0xdd, 0x60}, 3);
		vrs_put_u16(ip + 4, (uint16_t)total);
		memcpy(ip + 6, (uint8_t[]){58, 64}, 2);
		memcpy(ip + 8, src->bytes, 16);
		memcpy(ip + 24, dst->bytes, 16);
	} else {
		m = ip + 20;
		memcpy(f + 12, (uint8_t[]){8, 0, 0x45}, 3);
		vrs_put_u16(ip + 2, (uint16_t)(20 + total));
		memcpy(ip + 8, (uint8_t[]){64, 1}, 2);
		memcpy(ip + 12, src->bytes, 4);
		memcpy(ip + 16, dst->bytes, 4);
		put_sum(ip + 10, vrs_csum_add(0, ip, 20));
	}
	memcpy(m, head, 8);
	memcpy(m + 8, body, size);
	uint64_t sum = vrs_csum_add(0, m, total);
	if (raw.o.ip6) {
		uint8_t pseudo[8] = {0};

		vrs_put_u16(pseudo + 2, (uint16_t)total);
		pseudo[7] = 58;
		sum = vrs_csum_add(vrs_csum_add(sum, ip + 8, 32), pseudo, 8);
	}
	put_sum(m + 2, sum);
	raw_frame(f, (size_t)(m + total - f));
	raw_run(3);
}

enum error { TOO_BIG, PORT_UNREACHABLE, HOST_UNREACHABLE };

/* About the frame @p o that the stack sent, perhaps changed. */
static void icmp_about(const struct raw_out *o, enum error what, uint16_t mtu, const char *change)
{
	static const uint8_t types[][2][2] = {{{3, 4}, {2, 0}}, {{3, 3}, {1, 4}}, {{3, 1}, {1, 3}}};
	size_t ip = raw.o.ip6 ? 40 : 20;
	uint8_t head[8] = {types[what][raw.o.ip6][0], types[what][raw.o.ip6][1]}, body[68];

	memcpy(body, o->data + L2, ip + 8);
	if (what == TOO_BIG)
		vrs_put_u16(head + 6, mtu);
	if (strcmp(change, "sequence") == 0)
		body[ip + 4] ^= 0x40;
	else if (strcmp(change, "our port") == 0)
		body[ip] ^= 1;
	else if (strcmp(change, "its port") == 0)
		body[ip + 2] ^= 1;
	icmp(&raw.stranger, &raw.us, head, body, ip + 8);
}

/* The peer acknowledges all that has come. */
static void acknowledge_all(uint32_t *ack, uint32_t max_packet)
{
	for (unsigned idle = 0; idle < 400; idle++) {
		const struct raw_out *o;
		bool any = false;

		raw_run(1);
		while ((o = raw_next()) != NULL) {
			assert_true(o->size - L2 <= max_packet);
			if (o->in.tcp.seq == *ack && o->in.tcp.size > 0) {
				*ack += o->in.tcp.size;
				any = true;
			}
		}
		raw_skip();
		if (any) {
			raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 1, .ack = *ack});
			idle = 0;
		}
	}
}

static void a_smaller_path_is_believed_for_what_is_in_flight(void **state)
{
	static const struct {
		bool ip6;
		uint16_t said;
		const char *change;
		uint32_t packet; /* 1500: it was not believed. */
	} rows[] = {
		{false, 1000, "", 1000},
		{false, 100, "", 576},
		{false, 0, "", 576},
		{false, 1500, "", 1500},
		{false, 9000, "", 1500},
		{false, 1000, "sequence", 1500},
		{false, 1000, "our port", 1500},
		{false, 1000, "its port", 1500},
		{true, 1400, "", 1400},
		{true, 600, "", 1280},
		{true, 1400, "sequence", 1500},
		{true, 1400, "our port", 1500},
	};

	for (unsigned i = 0; i < VRS_N_ELEMS(rows); i++) {
		raw_begin(&(struct raw_options){.ip6 = rows[i].ip6});
		uint32_t ack = raw_open(FROM);
		raw_send(30000);
		const struct raw_out *o = raw_next();
		assert_int_equal(o->size - L2, 1500);
		icmp_about(o, TOO_BIG, rows[i].said, rows[i].change);
		bool believed = rows[i].packet < 1500;
		assert_int_equal(raw_seen().icmp_believed, believed);
		assert_int_equal(raw_seen().icmp_ignored, !believed);
		if (believed) {
			/* The rest of the old ones is passed over. */
			while (raw.n_seen < raw.n_out &&
				raw.out[raw.n_seen].size - L2 > rows[i].packet)
				raw.n_seen++;
			assert_true(raw.n_seen < raw.n_out);
			assert_int_equal(raw.out[raw.n_seen].in.tcp.seq, ack);
			assert_int_equal(raw.out[raw.n_seen].size - L2, rows[i].packet);
		} else {
			raw.n_seen = 0;
		}
		uint32_t first = ack;
		acknowledge_all(&ack, rows[i].packet);
		assert_int_equal(ack - first, 30000);
		raw_end();
	}
}

static void an_old_path_message_is_not_believed(void **state)
{
	raw_begin(&(struct raw_options){.ip6 = false});
	uint32_t ack = raw_open(FROM);
	raw_send(30000);
	struct raw_out *first = malloc(sizeof(*first));
	assert_non_null(first);
	*first = raw.out[0];
	acknowledge_all(&ack, 1500);
	icmp_about(first, TOO_BIG, 600, "");
	assert_int_equal(raw_seen().icmp_ignored, 1);
	free(first);
	raw_end();
}

static void unreachable_ends_an_open_alone(void **state)
{
	static const struct {
		enum error what;
		const char *change;
		int err; /* 0: it goes on. */
	} rows[] = {{PORT_UNREACHABLE, "", ECONNREFUSED}, {PORT_UNREACHABLE, "sequence", 0},
		{PORT_UNREACHABLE, "its port", 0}, {HOST_UNREACHABLE, "", 0}};

	for (unsigned i = 0; i < 2 * VRS_N_ELEMS(rows); i++) {
		struct vrs_conn *conn;

		raw_begin(&(struct raw_options){.ip6 = i % 2 == 1});
		assert_int_equal(
			raw.t->ops->connect(raw.t, &raw.us, &raw.peer, &raw_user_ops, NULL, &conn),
			0);
		raw_run(3);
		const struct raw_out *o = raw_next();
		assert_int_equal(o->in.tcp.flags, SYN);
		icmp_about(o, rows[i / 2].what, 0, rows[i / 2].change);
		assert_int_equal(raw.down, rows[i / 2].err != 0);
		assert_int_equal(raw.err, rows[i / 2].err);
		raw_end();
	}
	raw_begin(&(struct raw_options){.ip6 = false});
	uint32_t ack = raw_open(FROM);
	raw_send(100);
	icmp_about(&raw.out[0], PORT_UNREACHABLE, 0, "");
	assert_int_equal(raw.down, 0);
	acknowledge_all(&ack, 1500);
	assert_int_equal(raw.down, 0);
	raw_end();
}

static void echoes_are_answered_a_thousand_a_second(void **state)
{
	static const uint8_t body[56] = "0123456789";

	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		raw_begin(&(struct raw_options){.ip6 = ip6});
		uint8_t request = ip6 ? 128 : 8, reply = ip6 ? 129 : 0;
		uint8_t head[8] = {request, 0, 0, 0, 1, 2, 3, 4};

		icmp(&raw.stranger, &raw.us, head, body, sizeof(body));
		const struct raw_out *o = raw_next();
		assert_non_null(o);
		const uint8_t *m = o->data + L2 + (ip6 ? 40 : 20);
		assert_int_equal(m[0], reply);
		assert_memory_equal(m + 4, head + 4, 4);
		assert_memory_equal(m + 8, body, sizeof(body));
		assert_true(vrs_addr_equal(&o->in.dst, &raw.stranger));
		assert_true(vrs_addr_equal(&o->in.src, &raw.us));
		raw_skip();
		uint64_t before = raw.now_us;
		raw_run(1000);
		for (unsigned i = 0; i < 1100; i++) {
			icmp(&raw.stranger, &raw.us2, head, body, sizeof(body));
			raw.now_us = before + 1500000; /* It stands still. */
		}
		assert_int_equal(raw.n_out, 1000);
		assert_int_equal(raw_seen().echos, 1001);
		raw_skip();
		raw_run(1000);
		icmp(&raw.stranger, &raw.us, head, body, sizeof(body));
		assert_int_equal(raw.n_out, 1);
		raw_end();
	}
}

/* --- what is not for us, and what is nothing --- */

static void frames_for_others_are_passed_on_and_do_nothing(void **state)
{
	raw_begin(&(struct raw_options){.vlan = 7});
	static const uint8_t lldp[60] = {1, 0x80, 0xc2, 0, 0, 14, 2, 0, 0, 0, 0, 2, 0x88, 0xcc};
	struct vrs_addr host = raw_addr(false, 77);
	const struct raw_shot rows[] = {
		{.flags = SYN, .seq = SEQ, .vlan = 8},
		{.flags = SYN, .seq = SEQ, .other_mac = true},
		{.flags = SYN, .seq = SEQ, .dst = &host},
	};

	for (unsigned i = 0; i < VRS_N_ELEMS(rows); i++) {
		raw_shoot(&rows[i]);
		assert_int_equal(raw_seen().not_ours, i + 1);
		assert_int_equal(raw.others, i + 1);
	}
	raw.o.vlan = 0;
	raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ});
	raw.o.vlan = 7;
	assert_int_equal(raw_seen().not_ours, 4);
	raw_frame(lldp, sizeof(lldp));
	raw_run(3);
	assert_int_equal(raw.others, 5);
	assert_int_equal(raw_seen().other, 5);
	assert_int_equal(raw_seen().not_ours, 4);
	raw_silence();
	assert_int_equal(raw_stat().open, 0);
	raw_end();
}

/* ARP, or ND, from @p src about @p target. */
static void say(bool request, const struct vrs_addr *src, const struct vrs_addr *target,
	const struct vrs_addr *to)
{
	struct vrs_frame_link link = raw_link();
	struct vrs_wire_tx tx = {.n_pieces = 0};

	if (src->afi == VRS_AFI_IP4)
		vrs_frame_build_arp(&tx, &link, request, src, request ? target : to,
			request ? (const uint8_t[6]){0} : raw.its->mac);
	else if (request)
		vrs_frame_build_ns(&tx, &link, src, target, false);
	else
		vrs_frame_build_na(&tx, &link, src, to, true);
	raw_frame(tx.head, tx.head_size);
	raw_run(3);
}

static void what_neighbours_say_of_others_is_passed_on_and_of_us_is_not(void **state)
{
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct vrs_addr all = {{0xff, 2, [15] = 1}, VRS_AFI_IP6}, kernel, host, nobody;

		raw_begin(&(struct raw_options){.ip6 = ip6});
		(void)raw_open(FROM);
		kernel = raw_addr(ip6, 77);
		host = raw_addr(ip6, 78);
		nobody = (struct vrs_addr){.afi = kernel.afi};
		const struct {
			bool request, passed;
			const struct vrs_addr *src, *target, *to;
		} rows[] = {
			{true, true, &raw.peer, &kernel, NULL},
			{true, true, &host, &kernel, NULL},
			{true, true, &nobody, &kernel, NULL},
			{false, true, &raw.peer, NULL, &kernel},
			{false, true, &host, NULL, ip6 ? &all : &host},
			{true, true, &host, &host, NULL},
			{true, false, &raw.peer, &raw.us, NULL},
			{true, false, &host, &raw.us2, NULL},
			{true, false, &nobody, &raw.us, NULL},
			{false, false, &raw.peer, NULL, &raw.us},
			/* Claims of our addresses. */
			{true, false, &raw.us, &kernel, NULL},
			{false, false, &raw.us, NULL, &kernel},
			{false, false, &raw.us2, NULL, ip6 ? &all : &raw.us2},
		};

		for (unsigned i = 0; i < VRS_N_ELEMS(rows); i++) {
			unsigned before = raw.others;

			say(rows[i].request, rows[i].src, rows[i].target, rows[i].to);
			if (raw.others - before != rows[i].passed)
				fail_msg("row %u, IPv%c", i, ip6 ? '6' : '4');
		}
		assert_int_equal(raw_seen().other, 6);
		assert_int_equal(raw_seen().not_ours, 0);
		raw_end();
	}
}

static void bad_frames_are_counted_by_what_is_wrong(void **state)
{
	static const struct {
		enum vrs_frame_bad bad;
		unsigned at;
		uint8_t value; /* Put there. */
		unsigned cut;  /* Bytes taken off. */
		bool resum;    /* The IP header's checksum is made right again. */
	} rows[] = {
		{VRS_BAD_SHORT, L2, 0x45, 30, false},
		{VRS_BAD_HEADER, L2, 0x65, 0, true},
		{VRS_BAD_IP_CSUM, L2 + 10, 0x11, 0, false},
		{VRS_BAD_L4_CSUM, L2 + 20 + 16, 0x11, 0, false},
		{VRS_BAD_L4_CSUM, L2 + 20 + 4, 0x11, 0, false},
		{VRS_BAD_FRAGMENT, L2 + 6, 0x20, 0, true},
		{VRS_BAD_ADDRESS, L2 + 12, 127, 0, true},
		{VRS_BAD_OPTION, L2 + 20 + 21, 40, 0, false},
	};
	struct vrs_wire_tx tx = {.n_pieces = 0};
	struct vrs_flow_key key;

	raw_begin(&(struct raw_options){.ip6 = false});
	struct vrs_frame_link link = raw_link();
	key = (struct vrs_flow_key){raw.peer, raw.us, FROM, PORT};
	vrs_frame_build_tcp(&tx, &link, &key, 64,
		&(struct vrs_tcp_segment){.flags = SYN, .seq = SEQ, .mss = 1460, .wscale = -1},
		NULL, false);
	for (unsigned i = 0; i < VRS_N_ELEMS(rows); i++) {
		uint8_t f[VRS_WIRE_HEAD_MAX];

		memcpy(f, tx.head, tx.head_size);
		f[rows[i].at] = rows[i].value;
		if (rows[i].resum) {
			memset(f + L2 + 10, 0, 2);
			put_sum(f + L2 + 10, vrs_csum_add(0, f + L2, 20));
		}
		if (rows[i].bad == VRS_BAD_OPTION) { /* The segment's is right. */
			uint8_t pseudo[12] = {[9] = 6, [11] = (uint8_t)(tx.head_size - L2 - 20)};

			memcpy(pseudo, f + L2 + 12, 8);
			memset(f + L2 + 20 + 16, 0, 2);
			put_sum(f + L2 + 20 + 16,
				vrs_csum_add(vrs_csum_add(0, pseudo, 12), f + L2 + 20,
					tx.head_size - L2 - 20));
		}
		uint64_t before = raw_seen().bad[rows[i].bad];
		raw_frame(f, tx.head_size - rows[i].cut);
		raw_run(3);
		assert_int_equal(raw_seen().bad[rows[i].bad], before + 1);
		raw_silence();
		assert_int_equal(raw_stat().open, 0);
		assert_int_equal(mem_wire_held(raw.its), 0);
	}
	raw_frame(tx.head, tx.head_size);
	raw_run(3);
	(void)raw_expect(SYN | ACK, FROM);
	assert_int_equal(raw.others, 0);
	raw_end();
}

/* --- the gateway, and moving neighbours --- */

static void a_peer_that_announces_another_mac_is_followed_when_it_stands_still(void **state)
{
	raw_begin(&(struct raw_options){.ip6 = false});
	(void)raw_open(FROM);
	raw_run(VRS_NEIGH_FRESH_US / 1000 + 1000);
	raw_skip();
	raw.wire->mac[5] = 0x99;
	struct vrs_frame_link link = raw_link();
	struct vrs_wire_tx tx = {.n_pieces = 0};
	memset(link.dst_mac, 0xff, 6);
	vrs_frame_build_arp(&tx, &link, true, &raw.peer, &raw.peer, (const uint8_t[6]){0});
	assert_true(raw.wire->ops->tx(raw.wire, &tx));
	raw.wire->ops->flush(raw.wire);
	raw_run(3);
	raw_send(100);
	const struct raw_out *o = raw_next();
	assert_non_null(o);
	assert_memory_equal(o->in.dst_mac, raw.wire->mac, 6);
	assert_int_equal(raw_seen().neigh.changed, 1);
	raw_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_smaller_path_is_believed_for_what_is_in_flight),
		cmocka_unit_test(an_old_path_message_is_not_believed),
		cmocka_unit_test(unreachable_ends_an_open_alone),
		cmocka_unit_test(echoes_are_answered_a_thousand_a_second),
		cmocka_unit_test(frames_for_others_are_passed_on_and_do_nothing),
		cmocka_unit_test(what_neighbours_say_of_others_is_passed_on_and_of_us_is_not),
		cmocka_unit_test(bad_frames_are_counted_by_what_is_wrong),
		cmocka_unit_test(
			a_peer_that_announces_another_mac_is_followed_when_it_stands_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
