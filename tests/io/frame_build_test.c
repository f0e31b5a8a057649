/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/dpdk/frame.h"

#include "rib/base/bytes.h"
#include "tests/io/frame_lab.h"
#include "tests/random.h"
#include "tests/test.h"

/* RFC 1071 as it stands there. */
static uint16_t slow_csum(const uint8_t *data, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	if (size % 2 != 0)
		sum += (uint32_t)data[size - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint16_t fold(uint64_t sum)
{
	uint16_t v = vrs_csum_fold(sum);
	uint8_t at[2];

	memcpy(at, &v, 2);
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void a_sum_is_the_naive_one_at_any_size_and_place(void **)
{
	struct rng r = {rng_seed("checksum")};
	uint8_t buffer[4096];

	for (unsigned round = 0; round < 20000; round++) {
		size_t at = rng_below(&r, 16);
		size_t size = rng_below(&r, round % 10 == 0 ? 4000 : 80),
		       even = rng_below(&r, 40) * 2;
		unsigned kind = rng_below(&r, 3);

		for (size_t i = 0; i < size; i++)
			buffer[at + i] = kind == 0 ? 0xff : kind == 1 ? 0 : (uint8_t)rng_u64(&r);
		even = VRS_MIN(even, size & ~(size_t)1);
		assert_int_equal(
			fold(vrs_csum_add(0, buffer + at, size)), slow_csum(buffer + at, size));
		uint64_t sum = vrs_csum_add(0, buffer + at, even);
		sum = vrs_csum_add(sum, buffer + at + even, size - even);
		assert_int_equal(fold(sum), slow_csum(buffer + at, size));
	}
	/* Every way in which carries can run on. */
	for (unsigned i = 0; i < 6 * 6 * 6 * 6; i++) {
		static const uint16_t edges[] = {0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff};
		uint16_t w[4] = {edges[i % 6], edges[i / 6 % 6], edges[i / 36 % 6], edges[i / 216]};
		uint64_t sum;

		memcpy(&sum, w, sizeof(sum));
		assert_int_equal(fold(sum), slow_csum((const uint8_t *)w, sizeof(w)));
	}
	assert_int_equal(fold(0), 0xffff);
	assert_int_equal(fold(UINT64_MAX), 0);
}

struct segment {
	struct vrs_frame_link link;
	struct vrs_flow_key key;
	struct vrs_tcp_segment seg;
	struct vrs_wire_tx tx;
	struct vrs_chunk *chunk;
	const char *md5_key;
	uint8_t ttl;
};

static void random_options(struct rng *r, struct vrs_tcp_segment *seg)
{
	seg->has_ts = rng_below(r, 2) == 0;
	seg->ts_val = (uint32_t)rng_u64(r);
	seg->ts_ecr = (uint32_t)rng_u64(r);
	seg->wscale = (int8_t)(rng_below(r, 16) - 1);
	seg->mss = rng_below(r, 2) == 0 ? 0 : (uint16_t)rng_u64(r);
	seg->sack_ok = rng_below(r, 2) == 0;
	seg->n_sack = (uint8_t)rng_below(r, VRS_TCP_SACK_MAX + 1);
	for (unsigned i = 0; i < VRS_TCP_SACK_MAX; i++)
		seg->sack[i] = (struct vrs_tcp_sack){(uint32_t)rng_u64(r), (uint32_t)rng_u64(r)};
}

static void random_segment(struct rng *r, struct segment *s)
{
	unsigned afi = 1 + rng_below(r, 2);

	*s = (struct segment){.link = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, 0},
		.key = {rng_addr(r, afi), rng_addr(r, afi), (uint16_t)rng_u64(r),
			(uint16_t)rng_u64(r)},
		.seg = {.seq = (uint32_t)rng_u64(r),
			.ack = (uint32_t)rng_u64(r),
			.window = (uint16_t)rng_u64(r),
			.flags = rng_u64(r) & 0x3f},
		.md5_key = rng_below(r, 2) == 0 ? NULL : "a key of some length",
		.ttl = (uint8_t)rng_u64(r)};
	s->key.local.bytes[0] = afi == VRS_AFI_IP4 ? 10 : 0x20;
	s->link.vlan = rng_below(r, 2) == 0 ? 0 : (uint16_t)(1 + rng_below(r, 4094));
	random_options(r, &s->seg);
	s->chunk = vrs_chunk_new(1500);
	assert_non_null(s->chunk);
	for (s->chunk->size = 0; s->chunk->size < 1500;)
		s->chunk->data[s->chunk->size++] = (uint8_t)rng_u64(r);
	s->tx.n_pieces = (uint8_t)rng_below(r, VRS_WIRE_PIECES_MAX + 1);
	for (unsigned i = 0; i < s->tx.n_pieces; i++) {
		struct vrs_wire_piece *p = &s->tx.pieces[i];

		p->chunk = s->chunk;
		p->size = rng_below(r, 170);
		p->offset = rng_below(r, 1500 - p->size);
		s->tx.size += p->size;
	}
}

static void assert_options_survive(const struct segment *s, const struct vrs_tcp_segment *got)
{
	const struct vrs_tcp_segment *seg = &s->seg;
	bool syn = (seg->flags & VRS_TCP_SYN) != 0;
	static const unsigned room[2][2] = {{4, 2}, {3, 1}}; /* [timestamps][MD5] */

	assert_int_equal(got->has_ts, seg->has_ts);
	if (seg->has_ts) {
		assert_int_equal(got->ts_val, seg->ts_val);
		assert_int_equal(got->ts_ecr, seg->ts_ecr);
	}
	assert_int_equal(got->mss, syn ? seg->mss : 0);
	assert_int_equal(got->wscale, syn ? seg->wscale : -1);
	assert_int_equal(got->sack_ok, syn && seg->sack_ok);
	unsigned n_sack = syn ? 0 : VRS_MIN(seg->n_sack, room[seg->has_ts][s->md5_key != NULL]);
	assert_int_equal(got->n_sack, n_sack);
	assert_memory_equal(got->sack, seg->sack, n_sack * sizeof(got->sack[0]));
}

static void assert_survives(const struct segment *s)
{
	struct lab_frame f = lab_flat(&s->tx);
	struct vrs_frame_info in;
	uint32_t at = 0;

	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_TCP);
	assert_int_equal(in.vlan, s->link.vlan);
	assert_int_equal(in.ttl, s->ttl);
	assert_true(vrs_addr_equal(&in.src, &s->key.local));
	assert_true(vrs_addr_equal(&in.dst, &s->key.remote));
	assert_int_equal(in.src_port, s->key.local_port);
	assert_int_equal(in.dst_port, s->key.remote_port);
	assert_int_equal(in.tcp.seq, s->seg.seq);
	assert_int_equal(in.tcp.ack, s->seg.ack);
	assert_int_equal(in.tcp.window, s->seg.window);
	assert_int_equal(in.tcp.flags, s->seg.flags);
	assert_options_survive(s, &in.tcp);
	assert_int_equal(in.tcp.size, s->tx.size);
	for (unsigned i = 0; i < s->tx.n_pieces; at += s->tx.pieces[i++].size)
		assert_memory_equal(in.tcp.data + at, s->chunk->data + s->tx.pieces[i].offset,
			s->tx.pieces[i].size);
	assert_int_equal(in.md5 != NULL, s->md5_key != NULL);
	if (s->md5_key != NULL)
		assert_true(vrs_frame_md5_good(&in, s->md5_key));
	assert_int_equal(in.l4_head_size, s->tx.l4_size);
	assert_int_equal(in.l4_head_size, 20 + vrs_frame_tcp_options(&s->seg, s->md5_key != NULL));
	assert_int_equal(s->tx.head_size, s->tx.l2_size + s->tx.l3_size + s->tx.l4_size);
}

static void what_is_built_is_read_back(void **)
{
	struct rng r = {rng_seed("frame")};

	for (unsigned i = 0; i < 20000; i++) {
		struct segment s;

		random_segment(&r, &s);
		vrs_frame_build_tcp(&s.tx, &s.link, &s.key, s.ttl, &s.seg, s.md5_key, false);
		assert_false(s.tx.csum);
		assert_survives(&s);
		vrs_chunk_put(s.chunk);
	}
}

/* What a port does with tx->csum. */
static void finish_as_a_port(struct lab_frame *f, const struct vrs_wire_tx *tx)
{
	uint8_t *ip = f->data + tx->l2_size, *l4 = ip + tx->l3_size;

	vrs_put_u16(l4 + 16, slow_csum(l4, (size_t)(f->data + f->size - l4)));
	if (!tx->ip6)
		vrs_put_u16(ip + 10, slow_csum(ip, tx->l3_size));
}

static void a_port_may_finish_the_checksums(void **)
{
	struct rng r = {rng_seed("offload")};

	for (unsigned i = 0; i < 5000; i++) {
		struct segment s;

		random_segment(&r, &s);
		vrs_frame_build_tcp(&s.tx, &s.link, &s.key, s.ttl, &s.seg, s.md5_key, false);
		struct lab_frame all = lab_flat(&s.tx);
		vrs_frame_build_tcp(&s.tx, &s.link, &s.key, s.ttl, &s.seg, s.md5_key, true);
		struct lab_frame part = lab_flat(&s.tx);
		assert_true(s.tx.csum);
		assert_int_equal(s.tx.ip6, s.key.local.afi == VRS_AFI_IP6);
		if (!s.tx.ip6)
			assert_memory_equal(part.data + s.tx.l2_size + 10, "\0\0", 2);
		finish_as_a_port(&part, &s.tx);
		assert_int_equal(part.size, all.size);
		assert_memory_equal(part.data, all.data, all.size);
		vrs_chunk_put(s.chunk);
	}
}

static void segments_are_built_as_written(void **)
{
	static const struct vrs_frame_link link = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, 0};
	struct vrs_flow_key key = {lab_addr("192.0.2.1"), lab_addr("192.0.2.2"), 40000, 179};
	struct vrs_flow_key key6 = {lab_addr("2001:db8::1"), lab_addr("2001:db8::2"), 179, 40000};
	struct vrs_tcp_segment syn = {.seq = 0x01020304,
		.window = 64240,
		.flags = VRS_TCP_SYN,
		.has_ts = true,
		.sack_ok = true,
		.wscale = 7,
		.mss = 1460,
		.ts_val = 100};
	struct vrs_tcp_segment data = {.seq = 0x01020304,
		.ack = 0x0a0b0c0d,
		.window = 0x102,
		.flags = VRS_TCP_ACK | VRS_TCP_PSH,
		.has_ts = true,
		.ts_val = 100,
		.ts_ecr = 101,
		.n_sack = 3,
		.sack = {{10, 20}, {30, 40}, {50, 60}}};
	struct vrs_tcp_segment six = {.seq = 1, .ack = 2, .window = 100, .flags = VRS_TCP_ACK};
	struct vrs_chunk *c = vrs_chunk_new(8);
	struct vrs_wire_tx tx = {0};
	struct lab_frame is, should;

	assert_non_null(c);
	for (const char *text = "helloabc"; *text != 0; text++)
		c->data[c->size++] = (uint8_t)*text;
	vrs_frame_build_tcp(&tx, &link, &key, 64, &syn, NULL, false);
	is = lab_flat(&tx), should = lab_hex(LAB_TCP4_SYN);
	assert_memory_equal(&is, &should, sizeof(is));
	/* "hello" in pieces of 3, 1 and 1. */
	tx.n_pieces = 3;
	tx.pieces[0] = (struct vrs_wire_piece){c, 0, 3};
	tx.pieces[1] = (struct vrs_wire_piece){c, 3, 1};
	tx.pieces[2] = (struct vrs_wire_piece){c, 4, 1};
	tx.size = 5;
	vrs_frame_build_tcp(&tx, &link, &key, 64, &data, NULL, false);
	is = lab_flat(&tx), should = lab_hex(LAB_TCP4_SACK);
	assert_memory_equal(&is, &should, sizeof(is));
	data.has_ts = false;
	data.n_sack = 0;
	vrs_frame_build_tcp(&tx, &link, &key, 64, &data, "secret", false);
	is = lab_flat(&tx), should = lab_hex(LAB_TCP4_MD5);
	assert_memory_equal(&is, &should, sizeof(is));
	tx.n_pieces = 1;
	tx.pieces[0] = (struct vrs_wire_piece){c, 5, 3};
	tx.size = 3;
	vrs_frame_build_tcp(&tx, &link, &key6, 64, &six, "secret", false);
	is = lab_flat(&tx), should = lab_hex(LAB_TCP6_MD5);
	assert_memory_equal(&is, &should, sizeof(is));
	vrs_chunk_put(c);
}

static void options_fill_their_40_bytes_and_no_more(void **)
{
	struct vrs_tcp_segment syn = {
		.flags = VRS_TCP_SYN, .has_ts = true, .sack_ok = true, .wscale = 7, .mss = 1460};
	struct vrs_tcp_segment ack = {.flags = VRS_TCP_ACK, .n_sack = 4, .wscale = -1};

	assert_int_equal(vrs_frame_tcp_options(&syn, true), 40);
	assert_int_equal(vrs_frame_tcp_options(&syn, false), 20);
	assert_int_equal(vrs_frame_tcp_options(&ack, false), 36);
	assert_int_equal(vrs_frame_tcp_options(&ack, true), 40);
	ack.has_ts = true;
	assert_int_equal(vrs_frame_tcp_options(&ack, false), 40);
	assert_int_equal(vrs_frame_tcp_options(&ack, true), 40);
	ack.n_sack = 0;
	assert_int_equal(vrs_frame_tcp_options(&ack, false), 12);
	assert_int_equal(vrs_frame_tcp_options(&ack, true), 32);
	ack.has_ts = false;
	assert_int_equal(vrs_frame_tcp_options(&ack, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_is_the_naive_one_at_any_size_and_place),
		cmocka_unit_test(what_is_built_is_read_back),
		cmocka_unit_test(a_port_may_finish_the_checksums),
		cmocka_unit_test(segments_are_built_as_written),
		cmocka_unit_test(options_fill_their_40_bytes_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
