/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/io/stack_lab.h"

#include <stdlib.h>
#include <string.h>

#include "io/bgp/message.h"
#include "tests/test.h"

enum { PORT = 179, LEN_AT = 16 };

static uint64_t clock_us(void *ctx)
{
	return ((struct stack_lab *)ctx)->now_us;
}

/* --- users --- */

static void on_up(void *user, struct vrs_conn *conn)
{
	((struct stack_user *)user)->n_up++;
}

static size_t whole_messages(const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (size - at >= VRS_BGP_HEADER_SIZE) {
		size_t n = (size_t)data[at + LEN_AT] << 8 | data[at + LEN_AT + 1];

		if (n > size - at)
			break;
		at += n;
	}
	return at;
}

static size_t on_rx(void *user, struct vrs_conn *conn, const uint8_t *data, size_t size)
{
	struct stack_user *u = user;
	const struct stack_user *other = &u->lab->side[1 - u->index];
	size_t n = whole_messages(data, size);

	if (u->slow && n > 0 && rng_below(&u->lab->rng, 50) == 0) {
		u->paused = true;
		u->t->ops->pause(conn);
		return 0;
	}
	assert_true(u->received + n <= other->sent);
	assert_memory_equal(data, other->stream + u->received, n);
	u->received += n;
	return n;
}

static void on_down(void *user, struct vrs_conn *conn, int err)
{
	struct stack_user *u = user;

	assert_ptr_equal(u->conn, conn);
	u->conn = NULL;
	u->n_down++;
	u->err = err;
}

static void on_writable(void *user, struct vrs_conn *conn)
{
	((struct stack_user *)user)->n_writable++;
}

static const struct vrs_conn_ops user_ops = {on_up, on_rx, on_down, on_writable};

static bool on_accept(void *ctx, void *endpoint_user, struct vrs_conn *conn,
	const struct vrs_conn_ops **ops, void **user)
{
	struct stack_user *u = endpoint_user;

	if (u->refuse || u->conn != NULL)
		return false;
	u->n_accepted++;
	u->conn = conn;
	*ops = &user_ops;
	*user = u;
	return true;
}

/* Messages of all sizes, most of them small. */
static void make_stream(struct stack_user *u, struct rng *rng, uint32_t wanted)
{
	u->stream = malloc(wanted + VRS_BGP_MAX_SIZE_EXTENDED);
	assert_non_null(u->stream);
	while (u->size < wanted) {
		uint32_t n =
			VRS_BGP_HEADER_SIZE + rng_below(rng, rng_below(rng, 10) == 0 ? 4000 : 300);
		uint8_t *m = u->stream + u->size;

		for (uint32_t i = 0; i < n; i++)
			m[i] = (uint8_t)rng_u64(rng);
		m[LEN_AT] = (uint8_t)(n >> 8);
		m[LEN_AT + 1] = (uint8_t)n;
		u->size += n;
	}
}

static void send_some(struct stack_lab *l, struct stack_user *u)
{
	while (u->conn != NULL && u->sent < u->size && rng_below(&l->rng, 3) != 0 &&
		u->t->ops->queued(u->conn) < VRS_CONN_HIGH_WATER) {
		uint32_t n = 1 + rng_below(&l->rng, rng_below(&l->rng, 3) == 0 ? 40 : 9000);

		n = VRS_MIN(n, u->size - u->sent);
		struct vrs_chunk *c = vrs_chunk_new(n);
		assert_non_null(c);
		memcpy(c->data, u->stream + u->sent, n);
		c->size = n;
		assert_int_equal(u->t->ops->send(u->conn, c, 0, n), 0);
		vrs_chunk_put(c);
		u->sent += n;
	}
}

static void use(struct stack_lab *l, struct stack_user *u)
{
	bool up = u->n_up > 0 || u->n_accepted > 0;

	if (up)
		send_some(l, u);
	if (u->paused && u->conn != NULL && rng_below(&l->rng, 300) == 0) {
		u->paused = false;
		u->t->ops->resume(u->conn);
	}
}

/* --- the lab --- */

static void make_addr(struct stack_lab *l, unsigned i)
{
	uint8_t net = l->o.gateway ? (uint8_t)(i + 1) : 0;

	l->addr[i] = l->o.ip6
		? (struct vrs_addr){{0x20, 1, 0xd, 0xb8, 0, net, [15] = (uint8_t)(i + 1)},
			  VRS_AFI_IP6}
		: (struct vrs_addr){{10, 0, net, (uint8_t)(i + 1)}, VRS_AFI_IP4};
}

static void make_side(struct stack_lab *l, struct mem_wire_pair *pair, unsigned i)
{
	const struct stack_lab_options *o = &l->o;
	struct stack_user *u = &l->side[i];
	/* Across prefixes each is also on the other's link, as an address of its own there. */
	struct vrs_addr addresses[2] = {l->addr[i], l->addr[i]};
	uint8_t lens[2] = {o->ip6 ? 64 : 24, o->ip6 ? 64 : 24};
	struct vrs_dpdk_port port = {
		.addresses = addresses, .lens = lens, .n_addresses = 1, .vlan = o->vlan};
	struct vrs_wire *w = l->wire[i] = mem_wire(pair, i);

	w->mtu = o->mtu > 0 ? o->mtu : 1500;
	if (o->gateway) {
		addresses[1].bytes[o->ip6 ? 14 : 2] = 9; /* A net that both are in. */
		port.n_addresses = 2;
		port.gateways[o->ip6] = l->addr[1 - i];
		port.gateways[o->ip6].bytes[o->ip6 ? 14 : 2] = 9;
	}
	if (vrs_badwire_wanted(&o->bad[i]))
		w = vrs_badwire_new(w, &o->bad[i], NULL, clock_us, l);
	assert_non_null(w);
	assert_int_equal(vrs_stacks_new(
				 &(struct vrs_stack_config){
					 .n_threads = 1,
					 .n_ports = 1,
					 .ports = &port,
					 .wires = &w,
					 .now_us = clock_us,
					 .clock_ctx = l,
					 .seed = o->seed + i,
					 .receive_buffer = o->receive_buffer,
				 },
				 &u->t),
		0);
	u->t->accept = on_accept;
}

static void add_endpoint(struct stack_lab *l, unsigned i)
{
	struct vrs_endpoint ep = {
		.local = l->addr[i],
		.remote = l->addr[1 - i],
		.local_port = PORT,
		.remote_port = PORT,
		.ttl_security = l->o.ttl_security,
		.passive = l->o.passive[i],
	};

	if (l->o.password[i] != NULL)
		strcpy(ep.password, l->o.password[i]);
	assert_int_equal(l->side[i].t->ops->endpoint_add(l->side[i].t, &ep, &l->side[i]), 0);
}

void stack_lab_init(struct stack_lab *l, const struct stack_lab_options *o)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();

	memset(l, 0, sizeof(*l));
	l->o = *o;
	l->rng.s = o->seed;
	l->now_us = 1000000 + rng_u64(&l->rng) % 100000000;
	for (unsigned i = 0; i < 2; i++)
		make_addr(l, i);
	for (unsigned i = 0; i < 2; i++) {
		struct stack_user *u = &l->side[i];

		u->lab = l;
		u->index = i;
		u->slow = o->slow[i];
		make_stream(u, &l->rng, o->size[i]);
		make_side(l, pair, i);
		add_endpoint(l, i);
	}
}

void stack_lab_fini(struct stack_lab *l)
{
	for (unsigned i = 0; i < 2; i++) {
		l->side[i].t->ops->free(l->side[i].t);
		free(l->side[i].stream);
	}
}

void stack_lab_connect(struct stack_lab *l, unsigned i)
{
	struct stack_user *u = &l->side[i];

	assert_int_equal(
		u->t->ops->connect(u->t, &l->addr[i], &l->addr[1 - i], &user_ops, u, &u->conn), 0);
}

void stack_lab_run(struct stack_lab *l, unsigned ms)
{
	for (unsigned k = 0; k < ms; k++) {
		l->now_us += 1000;
		for (unsigned i = 0; i < 2; i++)
			use(l, &l->side[i]);
		/* A round trip where nothing delays. */
		for (unsigned i = 0; i < 6; i++)
			assert_true(l->side[i % 2].t->ops->poll(l->side[i % 2].t, 0) >= 0);
	}
}

bool stack_lab_finish(struct stack_lab *l, unsigned ms)
{
	const struct stack_user *a = &l->side[0], *b = &l->side[1];

	for (unsigned k = 0; k < ms; k++) {
		if (a->received == b->size && b->received == a->size)
			return true;
		stack_lab_run(l, 1);
	}
	return false;
}
