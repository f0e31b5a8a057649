/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * A family of two stacks on two threads with one queue, and a peer on a third, in real time: what a sanitizer for
 * threads shall see. Endpoints come and go while frames are handed over.
 */

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "io/dpdk/stack.h"
#include "rib/base/mem.h"
#include "tests/io/mem_wire.h"
#include "tests/io/nic_wire.h"
#include "tests/test.h"

enum { PORT = 179, MESSAGE = 1000, MESSAGES = 2000, SIZE = MESSAGE * MESSAGES, LIMIT_S = 60 };
enum { LISTENER, OWNER, PEER, N };

static struct {
	struct vrs_transport *t[N];
	struct nic_wire nic[N];
	pthread_mutex_t lock;
	struct vrs_addr addr[2];
	_Atomic uint64_t received[2]; /* By the owner, by the peer. */
	_Atomic unsigned down;
	_Atomic bool over;
} w;

static void say_all(struct vrs_transport *t, struct vrs_conn *conn)
{
	struct vrs_chunk *c = vrs_chunk_new(SIZE);

	assert_non_null(c);
	memset(c->data, 'x', SIZE);
	for (uint32_t i = 0; i < MESSAGES; i++)
		memcpy(c->data + i * MESSAGE + 16, (uint8_t[]){MESSAGE >> 8, MESSAGE & 0xff}, 2);
	c->size = SIZE;
	assert_int_equal(t->ops->send(conn, c, 0, SIZE), 0);
	vrs_chunk_put(c);
}

static void on_up(void *user, struct vrs_conn *conn)
{
	say_all(w.t[PEER], conn);
}

static size_t on_rx(void *user, struct vrs_conn *conn, const uint8_t *data, size_t size)
{
	size_t whole = size - size % MESSAGE;

	atomic_fetch_add((_Atomic uint64_t *)user, whole);
	return whole;
}

static void on_down(void *user, struct vrs_conn *conn, int err)
{
	assert_int_equal(err, 0);
	atomic_fetch_add(&w.down, 1);
}

static void on_writable(void *user, struct vrs_conn *conn)
{
}

static const struct vrs_conn_ops ops = {on_up, on_rx, on_down, on_writable};

static struct vrs_conn *accepted;

static bool on_accept(void *ctx, void *endpoint_user, struct vrs_conn *conn,
	const struct vrs_conn_ops **o, void **user)
{
	accepted = conn;
	*o = &ops;
	*user = &w.received[0];
	say_all(w.t[OWNER], conn);
	return true;
}

static struct vrs_endpoint endpoint(unsigned from)
{
	return (struct vrs_endpoint){.local = w.addr[from],
		.remote = w.addr[1 - from],
		.local_port = PORT,
		.remote_port = PORT};
}

static void *listen_on(void *arg)
{
	while (!w.over)
		(void)w.t[LISTENER]->ops->poll(w.t[LISTENER], 10);
	return NULL;
}

/* Its endpoint goes before its connection does. */
static void *own(void *arg)
{
	struct vrs_transport *t = w.t[OWNER];
	struct vrs_endpoint ep = endpoint(0), other = ep;
	bool closed = false;

	other.remote.bytes[3] = 99;
	for (bool there = false; !w.over;) {
		(void)t->ops->poll(t, 10);
		if (closed)
			continue;
		/* What others look up changes all the time. */
		if (there)
			t->ops->endpoint_remove(t, &other.local, &other.remote);
		else
			(void)t->ops->endpoint_add(t, &other, NULL);
		there = !there;
		if (w.received[0] < SIZE || w.received[1] < SIZE)
			continue;
		t->ops->endpoint_remove(t, &ep.local, &ep.remote);
		t->ops->close(accepted, true);
		closed = true;
	}
	return NULL;
}

static void make_side(
	unsigned side, unsigned n, struct vrs_wire *const *wires, struct vrs_transport **out)
{
	struct vrs_addr address = w.addr[side];
	uint8_t len = 24;
	struct vrs_dpdk_port port = {.addresses = &address, .lens = &len, .n_addresses = 1};

	assert_int_equal(vrs_stacks_new(
				 &(struct vrs_stack_config){
					 .n_threads = n,
					 .n_ports = 1,
					 .ports = &port,
					 .wires = wires,
				 },
				 out),
		0);
}

static void a_family_on_two_threads_talks_to_a_peer(void **state)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();
	struct vrs_wire *wires[2];
	struct timespec now;
	struct vrs_conn *conn;
	pthread_t threads[2];

	(void)pthread_mutex_init(&w.lock, NULL);
	for (unsigned i = 0; i < 2; i++)
		w.addr[i] = (struct vrs_addr){{10, 0, 0, (uint8_t)(i + 1)}, VRS_AFI_IP4};
	wires[0] = nic_wire_init(&w.nic[LISTENER], mem_wire(pair, 0), false, &w.lock);
	wires[1] = nic_wire_init(&w.nic[OWNER], mem_wire(pair, 0), true, &w.lock);
	make_side(0, 2, wires, w.t);
	wires[0] = nic_wire_init(&w.nic[PEER], mem_wire(pair, 1), false, &w.lock);
	make_side(1, 1, wires, &w.t[PEER]);
	w.t[OWNER]->accept = on_accept;

	struct vrs_endpoint ep = endpoint(0);
	struct vrs_transport *peer = w.t[PEER];
	assert_int_equal(w.t[OWNER]->ops->endpoint_add(w.t[OWNER], &ep, NULL), 0);
	ep = endpoint(1);
	assert_int_equal(peer->ops->endpoint_add(peer, &ep, NULL), 0);
	assert_int_equal(pthread_create(&threads[0], NULL, listen_on, NULL), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, own, NULL), 0);
	assert_int_equal(
		peer->ops->connect(peer, &ep.local, &ep.remote, &ops, &w.received[1], &conn), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	for (time_t until = now.tv_sec + LIMIT_S; w.down == 0 && now.tv_sec < until;) {
		struct vrs_stack_stat st;

		assert_true(peer->ops->poll(peer, 10) >= 0);
		vrs_stack_stat(w.t[OWNER], &st);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	}
	w.over = true;
	for (unsigned i = 0; i < 2; i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(w.down, 1);
	assert_int_equal(w.received[0], SIZE);
	assert_int_equal(w.received[1], SIZE);
	struct vrs_stack_stat st;
	vrs_stack_stat(w.t[LISTENER], &st);
	assert_true(st.handed > SIZE / 1500);
	assert_int_equal(st.unknown, 0);
	peer->ops->free(peer);
	w.t[OWNER]->ops->free(w.t[OWNER]);
	w.t[LISTENER]->ops->free(w.t[LISTENER]);
	assert_int_equal(vrs_mem_used(VRS_MEM_SESSION), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_QUEUE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_on_two_threads_talks_to_a_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
