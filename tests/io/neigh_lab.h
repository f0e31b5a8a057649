/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A neighbour table on one side of a pair of wires in memory, the test on the other, and time.
 */

#include <stdlib.h>
#include <string.h>

#include "io/dpdk/neigh.h"
#include "tests/io/frame_lab.h"
#include "tests/io/mem_wire.h"
#include "tests/test.h"

enum { SECOND = 1000000, BURST = 32 };

static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 0x10}, other_mac[6] = {2, 0, 0, 0, 0, 0x11};

/* A table on side 0 of a pair, the link on side 1, and time. */
struct lab {
	uint64_t now_us;
	struct vrs_wire *wire, *link;
	struct vrs_neigh *n;
	struct vrs_addr addresses[4];
	uint8_t lens[4];
	struct vrs_dpdk_port port;
	unsigned n_conflicts;
	struct vrs_addr conflict;
};

static inline void on_conflict(void *ctx, const struct vrs_addr *ours, const uint8_t mac[6])
{
	struct lab *l = ctx;

	assert_memory_equal(mac, other_mac, 6);
	l->n_conflicts++;
	l->conflict = *ours;
}

static inline void lab_init_as(struct lab *l, bool announce, uint16_t vlan)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();

	*l = (struct lab){.now_us = 1000 * SECOND,
		.wire = mem_wire(pair, 0),
		.link = mem_wire(pair, 1),
		.addresses = {lab_addr("192.0.2.2"), lab_addr("10.0.0.1"), lab_addr("2001:db8::2"),
			lab_addr("fe80::2")},
		.lens = {24, 30, 64, 64}};
	l->port = (struct vrs_dpdk_port){.addresses = l->addresses,
		.lens = l->lens,
		.n_addresses = 4,
		.gateways = {lab_addr("192.0.2.254"), lab_addr("fe80::1")},
		.vlan = vlan};
	l->n = vrs_neigh_new(&(struct vrs_neigh_config){.wire = l->wire,
				     .port = &l->port,
				     .announce = announce,
				     .conflict = on_conflict,
				     .ctx = l},
		l->now_us);
	assert_non_null(l->n);
}

static inline void lab_init(struct lab *l)
{
	lab_init_as(l, false, 0);
}

static inline void lab_fini(struct lab *l)
{
	vrs_neigh_free(l->n);
	l->wire->ops->free(l->wire);
	l->link->ops->free(l->link);
}

/* The next frame on the link. @return false: none. */
static inline bool sent(struct lab *l, struct vrs_frame_info *in)
{
	struct vrs_frame f;

	l->wire->ops->flush(l->wire);
	if (l->link->ops->rx(l->link, &f, 1) == 0)
		return false;
	(void)vrs_frame_parse(&f, in);
	l->link->ops->put(l->link, &f);
	return true;
}

static inline unsigned n_sent(struct lab *l)
{
	struct vrs_frame_info in;
	unsigned n = 0;

	while (sent(l, &in))
		n++;
	return n;
}

static inline void assert_request(struct lab *l, const char *target, const uint8_t *dst_mac)
{
	struct vrs_frame_info in;

	assert_true(sent(l, &in));
	assert_true(in.kind == VRS_FRAME_ARP || in.kind == VRS_FRAME_ND);
	assert_true(in.is_request);
	assert_memory_equal(in.mac, l->wire->mac, 6);
	lab_assert_addr(&in.target, target);
	if (dst_mac != NULL)
		assert_memory_equal(in.dst_mac, dst_mac, 6);
	else
		assert_int_equal(in.dst_mac[0] & 1, 1);
}

/* Time goes on, step by step as next() says. */
static inline void pass(struct lab *l, uint64_t us)
{
	uint64_t until = l->now_us + us;

	while (vrs_neigh_next(l->n) <= until) {
		uint64_t next = vrs_neigh_next(l->n);

		l->now_us = VRS_MAX(l->now_us, next);
		vrs_neigh_advance(l->n, l->now_us);
		assert_true(vrs_neigh_next(l->n) > l->now_us);
	}
	l->now_us = until;
}

static inline void hear(struct lab *l, const struct vrs_wire_tx *tx)
{
	struct lab_frame f = lab_flat(tx);
	struct vrs_frame_info in;

	assert_int_not_equal(lab_parse(&f, 0, &in), VRS_FRAME_BAD);
	vrs_neigh_input(l->n, &in, l->now_us);
}

static inline struct vrs_frame_link from(const struct lab *l, const uint8_t mac[6])
{
	struct vrs_frame_link link = {.vlan = l->port.vlan};

	memcpy(link.src_mac, mac, 6);
	memcpy(link.dst_mac, l->wire->mac, 6);
	return link;
}

/* @p who answers @p to, one of ours or all nodes. */
static inline void answer_to(struct lab *l, const char *who, const uint8_t mac[6], const char *to)
{
	struct vrs_frame_link link = from(l, mac);
	struct vrs_addr a = lab_addr(who), b = lab_addr(to);
	struct vrs_wire_tx tx;

	if (a.afi == VRS_AFI_IP4)
		vrs_frame_build_arp(&tx, &link, false, &a, &b, l->wire->mac);
	else
		vrs_frame_build_na(&tx, &link, &a, &b, true);
	hear(l, &tx);
}

static inline void answer(struct lab *l, const char *who, const uint8_t mac[6])
{
	answer_to(l, who, mac, strchr(who, ':') != NULL ? "2001:db8::2" : "192.0.2.2");
}

static inline void request(struct lab *l, const char *who, const uint8_t mac[6], const char *target)
{
	struct vrs_frame_link link = from(l, mac);
	struct vrs_addr a = lab_addr(who), b = lab_addr(target);
	struct vrs_wire_tx tx;

	if (a.afi == VRS_AFI_IP4)
		vrs_frame_build_arp(&tx, &link, true, &a, &b, (const uint8_t[6]){0});
	else
		vrs_frame_build_ns(&tx, &link, &a, &b, false);
	hear(l, &tx);
}

static inline bool resolve(struct lab *l, const char *remote, uint8_t mac[6])
{
	struct vrs_addr a = lab_addr(remote);

	return vrs_neigh_resolve(l->n, &a, mac, l->now_us);
}

static inline void assert_at(struct lab *l, const char *remote, const uint8_t *mac)
{
	uint8_t got[6];
	bool known = resolve(l, remote, got);

	assert_int_equal(known, mac != NULL);
	if (mac != NULL)
		assert_memory_equal(got, mac, 6);
}

static inline void suspect(struct lab *l, const char *remote)
{
	struct vrs_addr a = lab_addr(remote);

	vrs_neigh_suspect(l->n, &a, l->now_us);
}

static inline void confirm(struct lab *l, const char *remote)
{
	struct vrs_addr a = lab_addr(remote);

	vrs_neigh_confirm(l->n, &a, l->now_us);
}

static inline struct vrs_neigh_stat stat_of(const struct lab *l)
{
	struct vrs_neigh_stat s;

	vrs_neigh_stat(l->n, &s);
	return s;
}

/* Ask, and let it answer. */
static inline void meet(struct lab *l, const char *who)
{
	assert_at(l, who, NULL);
	assert_request(l, who, NULL);
	answer(l, who, peer_mac);
	assert_at(l, who, peer_mac);
}

static inline struct vrs_wire_tx frame_of(struct vrs_chunk *c, uint8_t id)
{
	struct vrs_wire_tx tx = {.head_size = 14, .n_pieces = 2, .size = 4};

	tx.head[13] = id;
	tx.pieces[0] = (struct vrs_wire_piece){c, 0, 3};
	tx.pieces[1] = (struct vrs_wire_piece){c, 3, 1};
	return tx;
}

static inline void pend(struct lab *l, const char *remote, struct vrs_chunk *c, uint8_t id)
{
	struct vrs_addr a = lab_addr(remote);
	struct vrs_wire_tx tx = frame_of(c, id);

	vrs_neigh_pend(l->n, &a, &tx, l->now_us);
}

static inline void assert_pending_came(struct lab *l, const uint8_t mac[6], uint8_t id)
{
	struct vrs_frame f;

	l->wire->ops->flush(l->wire);
	assert_int_equal(l->link->ops->rx(l->link, &f, 1), 1);
	assert_int_equal(f.size, 18);
	assert_memory_equal(f.data, mac, 6);
	assert_int_equal(f.data[13], id);
	assert_memory_equal(f.data + 14, "abcd", 4);
	l->link->ops->put(l->link, &f);
}

static inline struct vrs_chunk *chunk_abcd(void)
{
	struct vrs_chunk *c = vrs_chunk_new(4);

	assert_non_null(c);
	while (c->size < 4) {
		c->data[c->size] = (uint8_t)('a' + c->size);
		c->size++;
	}
	return c;
}
