/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/io/raw_lab.h"

#include <stdlib.h>
#include <string.h>

#include "rib/base/mem.h"

struct raw_lab raw;

/* --- the user --- */

static void on_up(void *user, struct vrs_conn *conn)
{
	raw.up++;
}

static size_t on_rx(void *user, struct vrs_conn *conn, const uint8_t *data, size_t size)
{
	if (raw.take_nothing) {
		raw.t->ops->pause(conn);
		return 0;
	}
	raw.received += size;
	return size;
}

static void on_down(void *user, struct vrs_conn *conn, int err)
{
	raw.down++;
	raw.err = err;
	raw.conn = NULL;
	if (raw.close_in_down)
		raw.t->ops->close(conn, false);
}

static void on_writable(void *user, struct vrs_conn *conn)
{
}

const struct vrs_conn_ops raw_user_ops = {on_up, on_rx, on_down, on_writable};

static bool on_accept(void *ctx, void *endpoint_user, struct vrs_conn *conn,
	const struct vrs_conn_ops **ops, void **user)
{
	raw.accepted++;
	if (raw.o.refuse)
		return false;
	raw.conn = conn;
	*ops = &raw_user_ops;
	return true;
}

/* --- the wire --- */

static uint64_t clock_us(void *ctx)
{
	return raw.now_us;
}

static void on_other(void *ctx, unsigned port, const struct vrs_frame *f)
{
	assert_int_equal(port, 0);
	assert_true(f->size > 0);
	raw.others++;
}

void raw_frame(const uint8_t *data, size_t size)
{
	struct vrs_wire_tx tx = {.n_pieces = 1, .size = (uint32_t)size};
	struct vrs_chunk *c = vrs_chunk_new((uint32_t)size);

	assert_non_null(c);
	memcpy(c->data, data, size);
	c->size = (uint32_t)size;
	tx.pieces[0] = (struct vrs_wire_piece){c, 0, (uint32_t)size};
	assert_true(raw.wire->ops->tx(raw.wire, &tx));
	raw.wire->ops->flush(raw.wire);
	vrs_chunk_put(c);
}

struct vrs_frame_link raw_link(void)
{
	struct vrs_frame_link link = {.vlan = raw.o.vlan};

	memcpy(link.src_mac, raw.wire->mac, 6);
	memcpy(link.dst_mac, raw.its->mac, 6);
	return link;
}

/* The test's end has a neighbour's manners. */
static void answer(const struct vrs_frame_info *in)
{
	struct vrs_frame_link link = raw_link();
	struct vrs_wire_tx tx = {.n_pieces = 0};

	if (!in->is_request || !vrs_addr_equal(&in->target, &raw.peer))
		return;
	if (in->kind == VRS_FRAME_ARP)
		vrs_frame_build_arp(&tx, &link, false, &raw.peer, &in->src, in->mac);
	else
		vrs_frame_build_na(&tx, &link, &raw.peer, &in->src, true);
	assert_true(raw.wire->ops->tx(raw.wire, &tx));
	raw.wire->ops->flush(raw.wire);
}

static void keep(const struct vrs_frame *f)
{
	struct raw_out *o = &raw.out[raw.n_out];
	struct vrs_frame copy = {.data = o->data, .size = f->size};

	assert_true(f->size <= sizeof(o->data) && raw.n_out < OUT_MAX);
	memcpy(o->data, f->data, f->size);
	o->size = f->size;
	assert_int_not_equal(vrs_frame_parse(&copy, &o->in), VRS_FRAME_BAD);
	if (o->in.kind == VRS_FRAME_ARP || o->in.kind == VRS_FRAME_ND)
		answer(&o->in);
	else
		raw.n_out++;
}

void raw_run(unsigned ms)
{
	for (unsigned i = 0; i < 3 * ms; i++) {
		struct vrs_frame f;

		raw.now_us += i % 3 == 0 ? 1000 : 0;
		assert_true(raw.t->ops->poll(raw.t, 0) >= 0);
		while (raw.wire->ops->rx(raw.wire, &f, 1) == 1) {
			keep(&f);
			raw.wire->ops->put(raw.wire, &f);
		}
	}
	assert_int_equal(mem_wire_waiting(raw.its), 0);
}

const struct raw_out *raw_next(void)
{
	return raw.n_seen < raw.n_out ? &raw.out[raw.n_seen++] : NULL;
}

void raw_skip(void)
{
	raw.n_seen = raw.n_out = 0;
}

static const char *key_of(const struct raw_shot *s)
{
	const char *key = s->key != NULL ? s->key : raw.o.password;

	return key == NULL || *key == '\0' ? NULL : key;
}

/* Hand it in, and let a few milliseconds go by. */
void raw_shoot(const struct raw_shot *s)
{
	struct vrs_frame_link link = raw_link();
	struct vrs_flow_key key = {.local = s->src != NULL ? *s->src : raw.peer,
		.remote = s->dst != NULL ? *s->dst : raw.us,
		.local_port = s->from != 0 ? s->from : FROM,
		.remote_port = s->to != 0 ? s->to : PORT};
	struct vrs_tcp_segment seg = {.seq = s->seq,
		.ack = s->ack,
		.flags = s->flags,
		.window = WINDOW,
		.wscale = -1,
		.mss = s->flags & SYN ? 1460 : 0};
	struct vrs_chunk *c = vrs_chunk_new(s->size + 1);
	struct vrs_wire_tx tx = {.n_pieces = 0};

	assert_non_null(c);
	memset(c->data, 'x', s->size);
	c->size = s->size;
	if (s->size > 0) {
		tx.n_pieces = 1;
		tx.pieces[0] = (struct vrs_wire_piece){c, 0, s->size};
		tx.size = s->size;
	}
	if (s->vlan != 0)
		link.vlan = s->vlan;
	link.dst_mac[5] ^= s->other_mac ? 0x40 : 0;
	vrs_frame_build_tcp(&tx, &link, &key,
		s->ttl != 0                  ? s->ttl
			: raw.o.ttl_security ? 255
					     : 64,
		&seg, key_of(s), false);
	assert_true(raw.wire->ops->tx(raw.wire, &tx));
	raw.wire->ops->flush(raw.wire);
	vrs_chunk_put(c);
	raw_run(3);
}

/* --- the lab --- */

struct vrs_addr raw_addr(bool ip6, uint8_t last)
{
	return ip6 ? (struct vrs_addr){{0x20, 1, 0xd, 0xb8, [15] = last}, VRS_AFI_IP6}
		   : (struct vrs_addr){{10, 0, 0, last}, VRS_AFI_IP4};
}

static struct vrs_endpoint endpoint(void)
{
	struct vrs_endpoint ep = {.local = raw.us,
		.remote = raw.peer,
		.local_port = PORT,
		.remote_port = PORT,
		.ttl_security = raw.o.ttl_security};

	if (raw.o.password != NULL)
		strcpy(ep.password, raw.o.password);
	return ep;
}

void raw_begin(const struct raw_options *o)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();
	struct vrs_addr own[2];
	struct vrs_dpdk_port port = {.addresses = own,
		.lens = (uint8_t[2]){o->ip6 ? 64 : 24, o->ip6 ? 64 : 24},
		.n_addresses = 2,
		.vlan = o->vlan};

	memset(&raw, 0, sizeof(raw));
	raw.o = *o;
	raw.now_us = 1000000;
	raw.out = calloc(OUT_MAX, sizeof(*raw.out));
	assert_non_null(raw.out);
	raw.us = own[0] = raw_addr(o->ip6, 1);
	raw.us2 = own[1] = raw_addr(o->ip6, 3);
	raw.peer = raw_addr(o->ip6, 2);
	raw.stranger = raw_addr(o->ip6, 9);
	raw.its = mem_wire(pair, 0);
	raw.wire = mem_wire(pair, 1);
	assert_int_equal(vrs_stacks_new(
				 &(struct vrs_stack_config){
					 .n_threads = 1,
					 .n_ports = 1,
					 .ports = &port,
					 .wires = &raw.its,
					 .now_us = clock_us,
					 .seed = 3,
					 .other = on_other,
				 },
				 &raw.t),
		0);
	raw.t->accept = on_accept;
	struct vrs_endpoint ep = endpoint();
	assert_int_equal(raw.t->ops->endpoint_add(raw.t, &ep, NULL), 0);
	raw_run(2100); /* The addresses have been announced and probed for. */
	raw_skip();
}

void raw_end(void)
{
	raw.t->ops->free(raw.t);
	raw.wire->ops->free(raw.wire);
	free(raw.out);
	assert_int_equal(vrs_mem_used(VRS_MEM_SESSION), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_QUEUE), 0);
}

struct vrs_stack_stat raw_seen(void)
{
	struct vrs_stack_stat st;

	vrs_stack_stat(raw.t, &st);
	return st;
}

struct vrs_transport_stat raw_stat(void)
{
	struct vrs_transport_stat st;

	raw.t->ops->stat(raw.t, &st);
	return st;
}

/* The next frame out. */
const struct vrs_tcp_segment *raw_expect(uint8_t flags, uint16_t to)
{
	const struct raw_out *o = raw_next();

	assert_non_null(o);
	assert_int_equal(o->in.kind, VRS_FRAME_TCP);
	assert_int_equal(o->in.tcp.flags & ~VRS_TCP_PSH, flags);
	assert_int_equal(o->in.dst_port, to);
	assert_true(vrs_addr_equal(&o->in.dst, &raw.peer));
	assert_int_equal(o->in.vlan, raw.o.vlan);
	assert_int_equal(o->in.ttl, raw.o.ttl_security != 0 ? 255 : 64);
	if (raw.o.password != NULL)
		assert_true(vrs_frame_md5_good(&o->in, raw.o.password));
	else
		assert_null(o->in.md5);
	return &o->in.tcp;
}

/* Handshake from port @p from. @return What is to be acknowledged next. */
uint32_t raw_open(uint16_t from)
{
	raw_shoot(&(struct raw_shot){.flags = SYN, .seq = SEQ, .from = from});
	const struct vrs_tcp_segment *s = raw_expect(SYN | ACK, from);
	assert_int_equal(s->ack, SEQ + 1);
	uint32_t ack = s->seq + 1;
	unsigned before = raw.accepted;
	raw_shoot(&(struct raw_shot){.flags = ACK, .seq = SEQ + 1, .ack = ack, .from = from});
	assert_int_equal(raw.accepted, before + 1);
	raw_skip();
	return ack;
}

void raw_send(uint32_t size)
{
	struct vrs_chunk *c = vrs_chunk_new(size);

	assert_non_null(c);
	memset(c->data, 'y', size);
	c->size = size;
	assert_int_equal(raw.t->ops->send(raw.conn, c, 0, size), 0);
	vrs_chunk_put(c);
	raw_run(3);
}
