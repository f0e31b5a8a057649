/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Frames of any bytes: parsed as they are and as if the port had found their checksums good. What is a TCP
 * segment is built again and must be read back the same; a neighbour table hears the rest, and what it
 * says must be sound.
 */

#include <stdlib.h>
#include <string.h>

#include "io/dpdk/frame.h"
#include "io/dpdk/neigh.h"
#include "tests/fuzz/fuzz.h"

enum { REBUILD_MAX = 9000, FLAT_MAX = 70000, SECOND = 1000000 };

static uint8_t flat[FLAT_MAX];

static enum vrs_frame_kind parse_built(const struct vrs_wire_tx *tx, struct vrs_frame_info *out)
{
	struct vrs_frame f = {.data = flat, .size = tx->head_size};

	memcpy(flat, tx->head, tx->head_size);
	for (unsigned i = 0; i < tx->n_pieces; i++) {
		const struct vrs_wire_piece *p = &tx->pieces[i];

		FUZZ_CHECK(f.size + p->size <= FLAT_MAX);
		memcpy(flat + f.size, p->chunk->data + p->offset, p->size);
		f.size += p->size;
	}
	FUZZ_CHECK(f.size == tx->head_size + tx->size);
	return vrs_frame_parse(&f, out);
}

/* A wire that sends nothing, and wants it sound. */
static bool check_tx(struct vrs_wire *w, const struct vrs_wire_tx *tx)
{
	struct vrs_frame_info in;

	FUZZ_CHECK(parse_built(tx, &in) != VRS_FRAME_BAD);
	return true;
}

static const struct vrs_wire_ops check_ops = {.tx = check_tx};

static struct vrs_addr ip4(uint8_t last)
{
	return (struct vrs_addr){{192, 0, 2, last}, VRS_AFI_IP4};
}

static struct vrs_addr ip6(uint8_t last)
{
	return (struct vrs_addr){{0x20, 1, 0xd, 0xb8, [15] = last}, VRS_AFI_IP6};
}

static void same_segment(const struct vrs_frame_info *a, const struct vrs_frame_info *b)
{
	const struct vrs_tcp_segment *s = &a->tcp, *t = &b->tcp;

	FUZZ_CHECK(vrs_addr_equal(&a->src, &b->src) && vrs_addr_equal(&a->dst, &b->dst));
	FUZZ_CHECK(a->src_port == b->src_port && a->dst_port == b->dst_port);
	FUZZ_CHECK(a->vlan == b->vlan && a->ttl == b->ttl);
	FUZZ_CHECK(s->seq == t->seq && s->ack == t->ack && s->window == t->window);
	FUZZ_CHECK(s->flags == t->flags && s->has_ts == t->has_ts && s->sack_ok == t->sack_ok);
	FUZZ_CHECK(s->wscale == t->wscale && s->mss == t->mss && s->wscale <= 14);
	FUZZ_CHECK(!s->has_ts || (s->ts_val == t->ts_val && s->ts_ecr == t->ts_ecr));
	FUZZ_CHECK(s->n_sack >= t->n_sack && s->n_sack <= VRS_TCP_SACK_MAX);
	FUZZ_CHECK(memcmp(s->sack, t->sack, t->n_sack * sizeof(s->sack[0])) == 0);
	FUZZ_CHECK(s->size == t->size && memcmp(s->data, t->data, s->size) == 0);
	FUZZ_CHECK((a->md5 != NULL) == (b->md5 != NULL));
}

static void rebuild(const struct vrs_frame_info *in)
{
	struct vrs_frame_link link = {.vlan = in->vlan};
	struct vrs_flow_key key = {in->src, in->dst, in->src_port, in->dst_port};
	struct vrs_chunk *c = vrs_chunk_new(in->tcp.size);
	const char *md5_key = in->md5 != NULL ? "key" : NULL;
	uint32_t third = in->tcp.size / 3;
	struct vrs_frame_info out;
	struct vrs_wire_tx tx = {.n_pieces = 2, .size = in->tcp.size};

	FUZZ_CHECK(c != NULL);
	memcpy(c->data, in->tcp.data, in->tcp.size);
	c->size = in->tcp.size;
	tx.pieces[0] = (struct vrs_wire_piece){c, 0, third};
	tx.pieces[1] = (struct vrs_wire_piece){c, third, c->size - third};
	vrs_frame_build_tcp(&tx, &link, &key, in->ttl, &in->tcp, md5_key, false);
	FUZZ_CHECK(parse_built(&tx, &out) == VRS_FRAME_TCP);
	same_segment(in, &out);
	FUZZ_CHECK(out.l4_head_size == 20 + vrs_frame_tcp_options(&in->tcp, md5_key != NULL));
	if (md5_key != NULL) {
		FUZZ_CHECK(vrs_frame_md5_good(&out, md5_key));
		(void)vrs_frame_md5_good(in, md5_key);
	}
	vrs_chunk_put(c);
}

static void echo(const struct vrs_frame_info *in)
{
	struct vrs_frame_link link = {.vlan = in->vlan};
	struct vrs_frame_info out;
	struct vrs_wire_tx tx;

	FUZZ_CHECK(vrs_frame_build_echo(&tx, &link, in, &in->dst));
	(void)parse_built(&tx, &out);
	if (tx.n_pieces > 0)
		vrs_chunk_put(tx.pieces[0].chunk);
}

static void hear(const struct vrs_frame_info *in)
{
	struct vrs_wire wire = {.ops = &check_ops, .mac = {2, 0, 0, 0, 0, 2}};
	struct vrs_addr own[] = {ip4(2), ip6(2)}, remote[] = {ip4(1), ip6(1)};
	uint8_t lens[] = {24, 64}, mac[6];
	struct vrs_dpdk_port port = {
		.addresses = own, .lens = lens, .n_addresses = 2, .vlan = in->vlan};
	struct vrs_neigh *n = vrs_neigh_new(
		&(struct vrs_neigh_config){.wire = &wire, .port = &port, .announce = true}, 0);

	FUZZ_CHECK(n != NULL);
	for (unsigned i = 0; i < 2; i++)
		(void)vrs_neigh_resolve(n, &remote[i], mac, 0);
	vrs_neigh_input(n, in, 0);
	for (unsigned i = 0; i < 2; i++) {
		if (vrs_neigh_resolve(n, &remote[i], mac, 0))
			FUZZ_CHECK((mac[0] & 1) == 0);
		vrs_neigh_suspect(n, &remote[i], 2 * SECOND);
	}
	vrs_neigh_input(n, in, 2 * SECOND);
	vrs_neigh_advance(n, 3 * SECOND);
	vrs_neigh_learn(n, in, 3 * SECOND);
	vrs_neigh_free(n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t flags[] = {0, VRS_FRAME_IP_GOOD | VRS_FRAME_L4_GOOD};

	for (unsigned i = 0; i < 2; i++) {
		struct vrs_frame f = {.data = data, .size = (uint32_t)size, .flags = flags[i]};
		struct vrs_frame_info in;

		switch (vrs_frame_parse(&f, &in)) {
		case VRS_FRAME_TCP:
			FUZZ_CHECK(in.tcp.data >= data && in.tcp.data + in.tcp.size <= data + size);
			if (in.tcp.size <= REBUILD_MAX)
				rebuild(&in);
			break;
		case VRS_FRAME_ARP:
		case VRS_FRAME_ND:
			hear(&in);
			break;
		case VRS_FRAME_ECHO:
			echo(&in);
			break;
		case VRS_FRAME_ERROR:
			FUZZ_CHECK(in.about.local.afi == in.src.afi);
			break;
		case VRS_FRAME_BAD:
			FUZZ_CHECK(in.bad < VRS_BAD_N);
			break;
		default:
			break;
		}
	}
	return 0;
}

static size_t seed_tcp(unsigned i, struct vrs_wire_tx *tx)
{
	struct vrs_frame_link link = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, i % 2 == 0 ? 0 : 7};
	struct vrs_flow_key key = {ip4(1), ip4(2), 40000, 179};
	struct vrs_tcp_segment seg = {.seq = 1,
		.ack = 2,
		.window = 3,
		.flags = i < 2 ? VRS_TCP_SYN : VRS_TCP_ACK,
		.has_ts = i != 3,
		.sack_ok = true,
		.wscale = 7,
		.mss = 1460,
		.n_sack = 3,
		.sack = {{10, 20}, {30, 40}, {50, 60}}};

	if (i % 4 >= 2) {
		key.local = ip6(1);
		key.remote = ip6(2);
	}
	vrs_frame_build_tcp(tx, &link, &key, 64, &seg, i == 1 || i == 4 ? "key" : NULL, false);
	return tx->head_size;
}

static size_t seed_neigh(unsigned i, struct vrs_wire_tx *tx)
{
	static const uint8_t zero[6];
	struct vrs_frame_link link = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, 0};
	struct vrs_addr a = ip4(1), b = ip4(2), a6 = ip6(1), b6 = ip6(2);

	if (i < 2)
		vrs_frame_build_arp(tx, &link, i == 0, &a, &b, zero);
	else if (i == 2)
		vrs_frame_build_ns(tx, &link, &a6, &b6, false);
	else
		vrs_frame_build_na(tx, &link, &a6, &b6, true);
	return tx->head_size;
}

/* An error about a segment (@p ip6: too big, else fragmentation needed), or an echo request; checksums of 0. */
static size_t seed_icmp(unsigned i, struct vrs_wire_tx *tx)
{
	static const uint8_t types[] = {3, 2, 8, 128}, codes[] = {4, 0, 0, 0};
	bool is_ip6 = i % 2 == 1;
	uint8_t *ip, embedded[60];

	(void)seed_tcp(is_ip6 ? 2 : 0, tx);
	ip = tx->head + 14;
	memcpy(embedded, ip, 60);
	uint8_t *icmp = ip + (is_ip6 ? 40 : 20);
	ip[is_ip6 ? 6 : 9] = is_ip6 ? 58 : 1;
	vrs_put_u16(ip + (is_ip6 ? 4 : 2), is_ip6 ? 68 : 88);
	memset(icmp, 0, 8);
	icmp[0] = types[i];
	icmp[1] = codes[i];
	memcpy(icmp + 8, embedded, 60);
	return (size_t)(icmp + 68 - tx->head);
}

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	struct vrs_wire_tx tx = {0};
	size_t size;

	if (i < 8)
		size = seed_tcp(i, &tx);
	else if (i < 12)
		size = seed_neigh(i - 8, &tx);
	else if (i < 16)
		size = seed_icmp(i - 12, &tx);
	else
		return 0;
	if (size > cap)
		return 0;
	memcpy(out, tx.head, size);
	return size;
}
