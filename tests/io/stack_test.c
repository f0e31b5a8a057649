/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Stacks as a transport, two on one wire in memory and on a virtual clock: what every transport promises
 * (transport_cases.h), over IPv4 and IPv6, gateways, VLANs, ports that compute checksums, and a family of two
 * threads of which one hears nothing; then what only ours can show.
 */

#include "io/dpdk/stack.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "rib/base/bytes.h"
#include "rib/base/mem.h"
#include "tests/io/mem_wire.h"
#include "tests/io/nic_wire.h"
#include "tests/io/transport_cases.h"

enum {
	PORT = 179,
	SHORT = 24,
	/* Variants. */
	IP6 = 1,
	GATEWAY = 2, /* The sides are in different prefixes, and each other's gateway. */
	VLAN = 4,
	OFFLOAD = 8, /* The port computes checksums. */
	FAMILY = 16, /* a is the second of two threads; the first has the only queue. */
};

static struct {
	unsigned variant;
	uint64_t now_us, tick_us;
	struct vrs_transport *listener; /* Of a's family; NULL: a itself. */
	struct nic_wire nic[3];         /* a's, b's, the listener's. */
	bool a_stands;                  /* It is not polled. */
	unsigned n_others;              /* Frames that are for nobody in a's family. */
} w;

/* --- the lab --- */

static uint64_t clock_us(void *ctx)
{
	return w.now_us;
}

static uint64_t now_ms(void)
{
	return w.now_us / 1000;
}

static void step(void)
{
	w.now_us += w.tick_us;
	for (unsigned i = 0; i < 3; i++) {
		if (w.listener != NULL)
			assert_true(w.listener->ops->poll(w.listener, 0) >= 0);
		if (!w.a_stands)
			assert_true(lab.a->ops->poll(lab.a, 0) >= 0);
		assert_true(lab.b->ops->poll(lab.b, 0) >= 0);
	}
}

static struct vrs_addr make_addr(unsigned i)
{
	uint8_t net = w.variant & GATEWAY ? (uint8_t)(i + 1) : 0;

	return w.variant & IP6
		? (struct vrs_addr){{0x20, 1, 0xd, 0xb8, 0, net, [15] = (uint8_t)(i + 1)},
			  VRS_AFI_IP6}
		: (struct vrs_addr){{10, 0, net, (uint8_t)(i + 1)}, VRS_AFI_IP4};
}

/* What takes minutes need not be looked at by milliseconds. */
static void minutes_pass(void)
{
	w.tick_us = 20000;
}

static void count_other(void *ctx, unsigned port, const struct vrs_frame *f)
{
	w.n_others++;
}

/* A family of @p n on side @p i. */
static void make_side(
	unsigned i, unsigned n, struct vrs_wire *const *wires, struct vrs_transport **out)
{
	bool ip6 = w.variant & IP6;
	struct vrs_addr own[2] = {make_addr(i), make_addr(i)};
	uint8_t lens[2] = {ip6 ? 64 : 24, ip6 ? 64 : 24};
	struct vrs_dpdk_port port = {
		.addresses = own, .lens = lens, .n_addresses = 1, .vlan = w.variant & VLAN ? 7 : 0};

	if (w.variant & GATEWAY) {
		port.n_addresses = 2;
		port.gateways[ip6] = make_addr(1 - i);
		/* A net that both are in. */
		own[1].bytes[ip6 ? 5 : 2] = port.gateways[ip6].bytes[ip6 ? 5 : 2] = 9;
	}
	assert_int_equal(vrs_stacks_new(
				 &(struct vrs_stack_config){
					 .n_threads = n,
					 .n_ports = 1,
					 .ports = &port,
					 .wires = wires,
					 .now_us = clock_us,
					 .seed = 7 + i,
					 .other = i == 0 ? count_other : NULL,
				 },
				 out),
		0);
}

int transport_setup(void **state)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();
	struct vrs_transport *family[2];
	struct vrs_wire *wires[2];

	memset(&lab, 0, sizeof(lab));
	memset(&w, 0, sizeof(w));
	w.variant = *state != NULL ? *(const unsigned *)*state : 0;
	w.now_us = 5000000;
	w.tick_us = 1000;
	for (unsigned i = 0; i < 2; i++) {
		struct vrs_wire *inner = mem_wire(pair, i);

		inner->caps = w.variant & OFFLOAD ? VRS_WIRE_TX_CSUM : 0;
		wires[i] = nic_wire_init(&w.nic[i], inner, false, NULL);
	}
	make_side(1, 1, &wires[1], &lab.b);
	if (w.variant & FAMILY) {
		wires[1] = nic_wire_init(&w.nic[2], w.nic[0].inner, true, NULL);
		make_side(0, 2, wires, family);
		w.listener = family[0];
		lab.a = family[1];
	} else {
		make_side(0, 1, wires, &lab.a);
	}
	lab.ep_a = (struct vrs_endpoint){.local = make_addr(0),
		.remote = make_addr(1),
		.local_port = PORT,
		.remote_port = PORT};
	lab.ep_b = lab.ep_a;
	lab.ep_b.local = lab.ep_a.remote;
	lab.ep_b.remote = lab.ep_a.local;
	lab.memory_max = 10 << 20;
	lab.now_ms = now_ms;
	lab.step = step;
	transport_lab_init();
	return 0;
}

int transport_teardown(void **state)
{
	lab.a->ops->free(lab.a);
	if (w.listener != NULL)
		w.listener->ops->free(w.listener);
	lab.b->ops->free(lab.b);
	assert_int_equal(vrs_mem_used(VRS_MEM_SESSION), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_EXPORT), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_QUEUE), 0);
	return 0;
}

static struct vrs_stack_stat seen(const struct vrs_transport *t)
{
	struct vrs_stack_stat st;

	vrs_stack_stat(t, &st);
	return st;
}

/* --- opening --- */

static void a_peer_that_listens_elsewhere_refuses(void **state)
{
	lab.ep_a.local_port = PORT + 1;
	transport_lab_add(lab.a, &lab.ep_a);
	transport_lab_add(lab.b, &lab.ep_b);
	transport_lab_dial();
	assert_int_equal(lab.out.down, 0);
	LAB_UNTIL(lab.out.down == 1);
	assert_int_equal(lab.out.err, ECONNREFUSED);
	assert_int_equal(lab.out.up, 0);
	assert_int_equal(transport_open(lab.b), 0);
}

static void who_is_no_peer_over_there_hears_nothing_for_minutes(void **state)
{
	enum { LIMIT_MS = 180000, LATE_MS = 61000 };

	minutes_pass();
	transport_lab_add(lab.b, &lab.ep_b);
	transport_lab_dial();
	transport_lab_spin(LIMIT_MS - 100);
	assert_int_equal(lab.out.down, 0);
	LAB_WITHIN(LATE_MS, lab.out.down == 1);
	assert_int_equal(lab.out.err, ETIMEDOUT);
	assert_int_equal(transport_open(lab.b), 0);
	assert_true(seen(lab.a).unknown > 5);
	assert_int_equal(seen(lab.a).tcp.tx_segments, 0);
}

/* Itself, or the gateway to it. The next attempt ends as the first. */
static void a_silent_neighbour_ends_an_open_after_three_seconds(void **state)
{
	w.a_stands = true;
	transport_lab_add(lab.b, &lab.ep_b);
	for (unsigned i = 1; i <= 2; i++) {
		transport_lab_dial();
		transport_lab_spin(2980);
		assert_int_equal(lab.out.down, i - 1);
		LAB_WITHIN(40, lab.out.down == i);
		assert_int_equal(lab.out.err, EHOSTUNREACH);
		assert_int_equal(transport_open(lab.b), 0);
		assert_int_equal(seen(lab.b).neigh.failed, i);
	}
	/* And one behind somebody else goes on. */
	w.a_stands = false;
	transport_lab_add(lab.a, &lab.ep_a);
	transport_lab_dial();
	LAB_UNTIL(lab.out.up == 1);
}

static void a_neighbour_that_falls_silent_ends_nothing_that_is_established(void **state)
{
	enum { AWAY_MS = 60000 };

	transport_lab_link();
	transport_say(&lab.out, SHORT);
	transport_lab_spin(10);
	w.a_stands = true;
	transport_say(&lab.out, SHORT);
	transport_lab_spin(AWAY_MS);
	assert_true(seen(lab.b).neigh.failed > 0);
	assert_int_equal(lab.out.down, 0);
	w.a_stands = false;
	LAB_WITHIN(AWAY_MS, lab.in.received == 2 * SHORT);
	assert_int_equal(lab.in.down + lab.out.down, 0);
}

static void an_address_without_a_route_is_an_error_at_once(void **state)
{
	struct vrs_endpoint far = lab.ep_b;
	struct vrs_conn *conn = NULL;

	far.remote.bytes[0] = 198;
	transport_lab_add(lab.b, &far);
	assert_int_equal(lab.b->ops->connect(lab.b, &far.local, &far.remote, &transport_end_ops,
				 &lab.out, &conn),
		-ENETUNREACH);
	assert_null(conn);
	assert_int_equal(transport_open(lab.b), 0);
}

static bool accept_all(void *ctx, void *endpoint_user, struct vrs_conn *conn,
	const struct vrs_conn_ops **ops, void **user)
{
	struct transport_end *e = (struct transport_end *)ctx + lab.accepts++;

	*e = (struct transport_end){.t = lab.a, .conn = conn, .take = UINT64_MAX};
	*ops = &transport_end_ops;
	*user = e;
	return true;
}

static void a_peer_has_eight_connections_and_the_next_waits(void **state)
{
	enum { N = VRS_CONNS_PER_PEER + 1 };
	struct transport_end ends[N], accepted[N];
	struct vrs_transport_stat st;
	const struct vrs_endpoint *e = &lab.ep_b;
	unsigned up = 0, first = N;

	transport_lab_add(lab.a, &lab.ep_a);
	transport_lab_add(lab.b, &lab.ep_b);
	lab.a->accept = accept_all;
	lab.a->accept_ctx = accepted;
	for (unsigned i = 0; i < N; i++) {
		ends[i] = (struct transport_end){.t = lab.b, .take = UINT64_MAX};
		assert_int_equal(lab.b->ops->connect(lab.b, &e->local, &e->remote,
					 &transport_end_ops, &ends[i], &ends[i].conn),
			0);
	}
	minutes_pass();
	LAB_WITHIN(70000, lab.accepts == N - 1);
	transport_lab_spin(70000);
	assert_int_equal(lab.accepts, N - 1);
	assert_int_equal(transport_open(lab.a), N - 1);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(ends[i].down, 0);
		up += ends[i].up;
		if (ends[i].up > 0 && first == N)
			first = i;
	}
	assert_int_equal(up, N - 1);
	lab.a->ops->stat(lab.a, &st);
	assert_true(st.refused_crowd > 0);
	/* One goes, the last comes in. */
	lab.b->ops->close(ends[first].conn, false);
	LAB_WITHIN(70000, lab.accepts == N);
}

static void an_endpoint_removed_in_the_handshake_is_none(void **state)
{
	transport_lab_add(lab.a, &lab.ep_a);
	transport_lab_add(lab.b, &lab.ep_b);
	transport_lab_dial();
	/* b's SYN, a's answer; the neighbours first. */
	for (unsigned i = 0; i < 3; i++) {
		(void)lab.b->ops->poll(lab.b, 0);
		(void)lab.a->ops->poll(lab.a, 0);
	}
	assert_int_equal(transport_open(lab.a), 1);
	assert_int_equal(lab.accepts, 0);
	lab.a->ops->endpoint_remove(lab.a, &lab.ep_a.local, &lab.ep_a.remote);
	LAB_UNTIL(lab.out.down == 1);
	assert_int_equal(lab.accepts, 0);
	assert_int_equal(lab.out.err, ECONNRESET);
	assert_int_equal(transport_open(lab.a), 0);
}

/* --- going away --- */

static void who_closes_while_it_accepts_is_not_called_again(void **state)
{
	lab.last_word = lab.admits = true;
	transport_lab_link();
	minutes_pass();
	transport_lab_spin(2 * VRS_TCP_TIME_WAIT_MS);
	assert_int_equal(lab.out.down, 1);
	assert_int_equal(lab.in.down, 0);
}

static void a_peer_that_vanishes_ends_a_flush_after_a_second(void **state)
{
	transport_lab_link();
	transport_say(&lab.out, SHORT);
	transport_lab_spin(10);
	w.a_stands = true;
	transport_say(&lab.out, SHORT);
	lab.b->ops->close(lab.out.conn, true);
	transport_lab_spin(990);
	assert_int_equal(transport_open(lab.b), 1);
	transport_lab_spin(20);
	assert_int_equal(transport_open(lab.b), 0);
	assert_int_equal(lab.out.down, 0);
	/* It comes back, and hears the rest and the reset. */
	w.a_stands = false;
	LAB_UNTIL(lab.in.down == 1);
	assert_int_equal(lab.in.received, 2 * SHORT);
}

static void a_peer_that_vanishes_is_noticed_when_there_is_something_to_say(void **state)
{
	transport_lab_link();
	w.a_stands = true;
	minutes_pass();
	transport_lab_spin(400000);
	assert_int_equal(lab.out.down, 0);
	transport_say(&lab.out, SHORT);
	LAB_WITHIN(VRS_TCP_USER_TIMEOUT_MS + 61000, lab.out.down == 1);
	/* What is known of the reason: its neighbour has been asked meanwhile. */
	assert_int_equal(lab.out.err, EHOSTUNREACH);
}

static void who_closes_waits_a_minute_without_being_counted(void **state)
{
	transport_lab_link();
	int64_t two = vrs_mem_used(VRS_MEM_SESSION);
	lab.b->ops->close(lab.out.conn, true);
	LAB_UNTIL(transport_open(lab.a) + transport_open(lab.b) == 0);
	transport_lab_spin(1000);
	int64_t one = vrs_mem_used(VRS_MEM_SESSION);
	assert_true(one < two);
	minutes_pass();
	transport_lab_spin(VRS_TCP_TIME_WAIT_MS);
	assert_true(vrs_mem_used(VRS_MEM_SESSION) < one);
}

static void who_connects_over_and_over_keeps_sixteen_in_time_wait(void **state)
{
	enum { WAITING = 16, MORE = 4 };
	int64_t used[WAITING + MORE];

	transport_lab_add(lab.a, &lab.ep_a);
	transport_lab_add(lab.b, &lab.ep_b);
	for (unsigned i = 0; i < WAITING + MORE; i++) {
		lab.out.up = 0;
		transport_lab_dial();
		LAB_UNTIL(lab.out.up == 1);
		lab.b->ops->close(lab.out.conn, true);
		transport_lab_spin(1100);
		used[i] = vrs_mem_used(VRS_MEM_SESSION);
	}
	assert_true(used[WAITING - 1] > used[WAITING - 2]);
	assert_int_equal(used[WAITING + MORE - 1], used[WAITING - 1]);
}

static void what_is_acknowledged_is_let_go(void **state)
{
	struct vrs_chunk *c = transport_messages(1000, 1000);

	transport_lab_link();
	assert_int_equal(lab.b->ops->send(lab.out.conn, c, 0, c->size), 0);
	vrs_chunk_put(c);
	assert_true(vrs_mem_used(VRS_MEM_EXPORT) > 0);
	LAB_UNTIL(lab.in.messages == 1000);
	transport_lab_spin(100);
	assert_int_equal(vrs_mem_used(VRS_MEM_EXPORT), 0);
}

static void a_closed_window_is_probed_and_nothing_is_sent_twice(void **state)
{
	struct vrs_chunk *c = transport_messages(12000, 1000);

	transport_lab_link();
	lab.in.take = 0;
	lab.in.pause = true;
	assert_int_equal(lab.b->ops->send(lab.out.conn, c, 0, c->size), 0);
	minutes_pass();
	transport_lab_spin(120000);
	w.tick_us = 1000;
	assert_true(seen(lab.b).tcp.zero_windows > 2);
	assert_int_equal(seen(lab.b).tcp.retransmits, 0);
	assert_int_equal(lab.out.writable, 0);
	lab.in.take = UINT64_MAX;
	lab.a->ops->resume(lab.in.conn);
	LAB_UNTIL(lab.in.received == c->size);
	assert_int_equal(lab.out.writable, 1);
	assert_int_equal(seen(lab.a).tcp.rx_dropped, 0);
	vrs_chunk_put(c);
}

static void a_wire_with_little_room_carries_all(void **state)
{
	struct vrs_chunk *c = transport_messages(3000, 1000);

	transport_lab_link();
	mem_wire_room(w.nic[1].inner, 5);
	assert_int_equal(lab.b->ops->send(lab.out.conn, c, 0, c->size), 0);
	LAB_UNTIL(lab.in.received == c->size);
	assert_true(seen(lab.b).tcp.tx_full > 0);
	assert_int_equal(seen(lab.b).tcp.retransmits, 0);
	vrs_chunk_put(c);
}

/* --- neighbours --- */

static void a_peer_whose_mac_changes_is_found_again(void **state)
{
	struct vrs_chunk *c = transport_messages(100, 1000);

	transport_lab_link();
	assert_int_equal(lab.b->ops->send(lab.out.conn, c, 0, c->size), 0);
	LAB_UNTIL(lab.in.received == c->size);
	w.nic[0].wire.mac[5] = 0x77;
	assert_int_equal(lab.b->ops->send(lab.out.conn, c, 0, c->size), 0);
	transport_lab_spin(2000);
	assert_int_equal(lab.in.received, c->size);
	/* Three probes of the old MAC, a second each, then one to all; what waited is sent again at once, not
	 * when the timeout that has backed off to seconds comes. */
	LAB_WITHIN(2700, lab.in.received == 2 * (uint64_t)c->size);
	assert_int_equal(seen(lab.b).neigh.changed, 1);
	assert_int_equal(lab.in.down + lab.out.down, 0);
	vrs_chunk_put(c);
}

/* --- families --- */

/* @p who, at b's MAC, asks all for @p target. */
static void arp_of_b(const struct vrs_addr *who, const struct vrs_addr *target)
{
	struct vrs_frame_link link = {.dst_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	struct vrs_wire_tx tx = {.n_pieces = 0};

	memcpy(link.src_mac, w.nic[1].wire.mac, 6);
	vrs_frame_build_arp(&tx, &link, true, who, target, (const uint8_t[6]){0});
	assert_true(w.nic[1].inner->ops->tx(w.nic[1].inner, &tx));
}

static void frames_for_another_thread_are_handed_over(void **state)
{
	struct vrs_chunk *c = transport_messages(5000, 1000);

	transport_lab_link();
	assert_int_equal(lab.b->ops->send(lab.out.conn, c, 0, c->size), 0);
	assert_int_equal(lab.a->ops->send(lab.in.conn, c, 0, c->size), 0);
	LAB_UNTIL(lab.in.received == c->size && lab.out.received == c->size);
	struct vrs_stack_stat first = seen(w.listener), second = seen(lab.a);
	assert_true(first.handed > 3000);
	assert_int_equal(first.handed_full, 0);
	assert_int_equal(first.tcp.rx_segments, 0);
	assert_int_equal(first.unknown + second.unknown, 0);
	/* It asked, the other one heard the answer. */
	assert_int_equal(second.neigh.requests, 1);
	assert_int_equal(second.neigh.learnt, 1);
	/* Only who hears answers. */
	assert_true(first.neigh.answers > 0);
	assert_int_equal(second.neigh.answers, 0);
	assert_int_equal(seen(lab.b).tcp.retransmits + second.tcp.retransmits, 0);
	vrs_chunk_put(c);
}

static void a_thread_that_stands_still_costs_the_others_nothing(void **state)
{
	enum { ROOM = 2048, MORE = 100 }; /* HANDOVER_ROOM */
	struct vrs_frame_link link = {.vlan = 0};
	struct vrs_flow_key key = {
		.local = lab.ep_b.local, .remote = lab.ep_a.local, 999, .remote_port = PORT};
	struct vrs_tcp_segment seg = {.flags = VRS_TCP_ACK, .wscale = -1};
	struct vrs_wire_tx tx = {.n_pieces = 0};

	transport_lab_add(lab.a, &lab.ep_a);
	memcpy(link.src_mac, w.nic[1].wire.mac, 6);
	memcpy(link.dst_mac, w.nic[0].wire.mac, 6);
	vrs_frame_build_tcp(&tx, &link, &key, 64, &seg, NULL, false);
	for (unsigned i = 0; i < ROOM + MORE; i++)
		assert_true(w.nic[1].inner->ops->tx(w.nic[1].inner, &tx));
	arp_of_b(&lab.ep_b.local, &lab.ep_a.local);
	w.a_stands = true;
	transport_lab_spin(10);
	assert_int_equal(seen(w.listener).handed, ROOM);
	assert_int_equal(seen(w.listener).handed_full, MORE);
	assert_int_equal(seen(w.listener).neigh.answers, 1);
	w.a_stands = false;
	transport_lab_spin(100);
	assert_int_equal(seen(lab.a).no_conn, ROOM);
	transport_lab_add(lab.b, &lab.ep_b);
	transport_lab_dial();
	LAB_UNTIL(lab.out.up == 1 && lab.accepts == 1);
}

static void what_strangers_say_is_told_to_no_thread(void **state)
{
	enum { N = 1000 };

	transport_lab_link();
	transport_lab_spin(3000); /* Announcements and probes are over. */
	uint64_t handed = seen(w.listener).handed, others = w.n_others;
	for (unsigned i = 0; i < N; i++) {
		struct vrs_addr stranger = lab.ep_b.local;

		vrs_put_u16(stranger.bytes + 2, (uint16_t)(0x4000 + i));
		arp_of_b(&stranger, i % 2 == 0 ? &lab.ep_a.local : &stranger);
	}
	transport_lab_spin(10);
	/* The filter is none that is exact. */
	assert_in_range(seen(w.listener).handed - handed, 0, 2);
	assert_int_equal(seen(w.listener).neigh.answers, 1 + N / 2);
	assert_int_equal(w.n_others - others, N / 2);
}

static void no_lock_is_taken_for_segments_of_strangers(void **state)
{
	enum { N = 1000 };
	struct vrs_frame_link link = {.vlan = 0};
	struct vrs_tcp_segment seg = {.flags = VRS_TCP_SYN, .wscale = -1};
	struct vrs_flow_key key = {
		.local = lab.ep_b.local, .remote = lab.ep_a.local, 999, .remote_port = PORT};

	transport_lab_link();
	assert_int_equal(seen(w.listener).searched, 1);
	memcpy(link.src_mac, w.nic[1].wire.mac, 6);
	memcpy(link.dst_mac, w.nic[0].wire.mac, 6);
	for (unsigned i = 0; i < N; i++) {
		struct vrs_wire_tx tx = {.n_pieces = 0};

		vrs_put_u16(key.local.bytes + 2, (uint16_t)(0x4000 + i));
		vrs_frame_build_tcp(&tx, &link, &key, 64, &seg, NULL, false);
		assert_true(w.nic[1].inner->ops->tx(w.nic[1].inner, &tx));
	}
	transport_lab_spin(10);
	assert_int_equal(seen(w.listener).unknown, N);
	/* The filter is none that is exact. */
	assert_in_range(seen(w.listener).searched, 1, 3);
}

/* Also a thread's own neighbour, which the others need not know. The kernel gets each once, not each thread's. */
static void what_a_neighbour_says_is_told_a_thousand_times_a_second(void **state)
{
	enum { N = 1500 };
	struct vrs_addr kernel = lab.ep_a.local;

	kernel.bytes[3] = 77;
	transport_lab_link();
	transport_lab_spin(3000);
	uint64_t handed = seen(w.listener).handed, others = w.n_others;
	for (unsigned i = 0; i < N; i++)
		arp_of_b(&lab.ep_b.local, &kernel);
	transport_lab_spin(20);
	assert_int_equal(seen(w.listener).handed - handed, 1000);
	assert_int_equal(seen(w.listener).tell_limited, N - 1000);
	assert_int_equal(w.n_others - others, N);
	transport_lab_spin(1000);
	arp_of_b(&lab.ep_b.local, &kernel);
	transport_lab_spin(10);
	assert_int_equal(seen(w.listener).handed - handed, 1001);
}

/* --- ports --- */

/* Each port has a peer of its own; the second one is b's. */
static void a_stack_has_several_ports(void **state)
{
	struct mem_wire_pair *pairs[2] = {mem_wire_pair_new(), mem_wire_pair_new()};
	struct vrs_addr own[2] = {{{10, 1, 0, 1}, VRS_AFI_IP4}, {{10, 2, 0, 1}, VRS_AFI_IP4}};
	struct vrs_wire *wires[2], *far[2];
	uint8_t len = 24;
	struct vrs_dpdk_port ports[2] = {{.addresses = &own[0], .lens = &len, .n_addresses = 1},
		{.addresses = &own[1], .lens = &len, .n_addresses = 1}};
	struct vrs_transport *t, *peers[2];
	struct transport_end ends[2], accepted[2];
	struct vrs_stack_config config = {
		.n_threads = 1, .n_ports = 2, .ports = ports, .wires = wires, .now_us = clock_us};

	for (unsigned i = 0; i < 2; i++)
		wires[i] = mem_wire(pairs[i], 0);
	assert_int_equal(vrs_stacks_new(&config, &t), 0);
	config.n_ports = 1;
	for (unsigned i = 0; i < 2; i++) {
		struct vrs_endpoint ours = {
			.local = own[i], .remote = own[i], .local_port = PORT, .remote_port = PORT};

		ours.remote.bytes[3] = 2;
		assert_int_equal(t->ops->endpoint_add(t, &ours, NULL), 0);
		struct vrs_endpoint theirs = ours;
		theirs.local = ours.remote;
		theirs.remote = ours.local;
		far[i] = mem_wire(pairs[i], 1);
		config.wires = &far[i];
		config.ports = &ports[i];
		own[i] = theirs.local; /* The stack has its copy. */
		assert_int_equal(vrs_stacks_new(&config, &peers[i]), 0);
		assert_int_equal(peers[i]->ops->endpoint_add(peers[i], &theirs, NULL), 0);
		peers[i]->accept = accept_all;
		peers[i]->accept_ctx = accepted;
		ends[i] = (struct transport_end){.t = t, .take = UINT64_MAX};
		assert_int_equal(t->ops->connect(t, &ours.local, &ours.remote, &transport_end_ops,
					 &ends[i], &ends[i].conn),
			0);
	}
	for (unsigned i = 0; i < 300; i++) {
		w.now_us += 1000;
		assert_true(t->ops->poll(t, 0) >= 0);
		assert_true(peers[0]->ops->poll(peers[0], 0) >= 0);
		assert_true(peers[1]->ops->poll(peers[1], 0) >= 0);
	}
	assert_int_equal(ends[0].up + ends[1].up, 2);
	assert_int_equal(seen(t).frames[1], wires[0]->stat.tx_frames + wires[1]->stat.tx_frames);
	t->ops->free(t);
	for (unsigned i = 0; i < 2; i++)
		peers[i]->ops->free(peers[i]);
}

static unsigned n_attached, n_last;

static void on_attach(void *ctx)
{
	n_attached++;
}

static void on_last(void *ctx)
{
	n_last++;
}

static void each_thread_attaches_once_and_the_last_one_is_told(void **state)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();
	struct vrs_wire *wires[2] = {mem_wire(pair, 0), mem_wire(pair, 1)};
	struct vrs_addr own = make_addr(0);
	uint8_t len = 24;
	struct vrs_dpdk_port port = {.addresses = &own, .lens = &len, .n_addresses = 1};
	struct vrs_transport *t[2];

	assert_int_equal(vrs_stacks_new(
				 &(struct vrs_stack_config){
					 .n_threads = 2,
					 .n_ports = 1,
					 .ports = &port,
					 .wires = wires,
					 .now_us = clock_us,
					 .attach = on_attach,
					 .last = on_last,
				 },
				 t),
		0);
	for (unsigned i = 0; i < 4; i++)
		assert_true(t[i % 2]->ops->poll(t[i % 2], 0) >= 0);
	assert_int_equal(n_attached, 2);
	t[0]->ops->free(t[0]);
	assert_int_equal(n_last, 0);
	t[1]->ops->free(t[1]);
	assert_int_equal(n_last, 1);
}

/* --- real time --- */

static int bell = -1;

static void *waker(void *t)
{
	static const uint64_t one = 1;

	(void)usleep(50000);
	if (t != NULL)
		((struct vrs_transport *)t)->ops->wake(t);
	else
		(void)!write(bell, &one, sizeof(one));
	return NULL;
}

static uint64_t real_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void an_idle_thread_sleeps_until_it_is_woken_or_frames_come(void **state)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();
	struct vrs_wire *wire = nic_wire_init(&w.nic[0], mem_wire(pair, 0), false, NULL);
	struct vrs_wire *other = mem_wire(pair, 1);
	struct vrs_addr own = make_addr(0);
	struct vrs_dpdk_port port = {.addresses = &own, .lens = (uint8_t[1]){24}, .n_addresses = 1};
	struct vrs_transport *t;
	pthread_t thread;

	w.nic[0].intr_fd = bell = eventfd(0, EFD_NONBLOCK);
	assert_true(bell >= 0);
	assert_int_equal(vrs_stacks_new(
				 &(struct vrs_stack_config){
					 .n_threads = 1,
					 .n_ports = 1,
					 .ports = &port,
					 .wires = &wire,
				 },
				 &t),
		0);
	/* Until our address has been announced twice and probed for three times. */
	for (uint64_t until = real_ms() + 2200; real_ms() < until;)
		assert_true(t->ops->poll(t, 100) >= 0);
	assert_int_equal(seen(t).neigh.announced, 2);
	assert_int_equal(seen(t).neigh.probed, 3);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t polls = seen(t).idle_polls, from = real_ms();

		assert_int_equal(pthread_create(&thread, NULL, waker, i == 0 ? t : NULL), 0);
		assert_true(t->ops->poll(t, 20000) >= 0);
		assert_true(real_ms() - from >= 40 && real_ms() - from < 10000);
		(void)pthread_join(thread, NULL);
		assert_true(seen(t).idle_polls - polls < 5);
	}
	t->ops->free(t);
	other->ops->free(other);
	(void)close(bell);
}

static const unsigned plain, ip6 = IP6, gateway = GATEWAY, family = FAMILY;
static const unsigned everything = IP6 | GATEWAY | VLAN | OFFLOAD | FAMILY;

#define TEST_ON(f, variant)                       \
	cmocka_unit_test_prestate_setup_teardown( \
		f, transport_setup, transport_teardown, (void *)(uintptr_t) & (variant))
#define TEST(f)          TEST_ON(f, plain)
#define ON_PLAIN(f)      TEST_ON(f, plain),
#define ON_FAMILY(f)     TEST_ON(f, family),
#define ON_EVERYTHING(f) TEST_ON(f, everything),

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(a_peer_that_listens_elsewhere_refuses),
		TEST_ON(a_silent_neighbour_ends_an_open_after_three_seconds, plain),
		TEST_ON(a_silent_neighbour_ends_an_open_after_three_seconds, ip6),
		TEST_ON(a_silent_neighbour_ends_an_open_after_three_seconds, gateway),
		TEST_ON(a_neighbour_that_falls_silent_ends_nothing_that_is_established, plain),
		TEST_ON(a_neighbour_that_falls_silent_ends_nothing_that_is_established, gateway),
		TEST(who_is_no_peer_over_there_hears_nothing_for_minutes),
		TEST(an_address_without_a_route_is_an_error_at_once),
		TEST(a_peer_has_eight_connections_and_the_next_waits),
		TEST(an_endpoint_removed_in_the_handshake_is_none),
		TEST(who_closes_while_it_accepts_is_not_called_again),
		TEST(a_peer_that_vanishes_ends_a_flush_after_a_second),
		TEST(a_peer_that_vanishes_is_noticed_when_there_is_something_to_say),
		TEST(who_closes_waits_a_minute_without_being_counted),
		TEST(who_connects_over_and_over_keeps_sixteen_in_time_wait),
		TEST(what_is_acknowledged_is_let_go),
		TEST(a_closed_window_is_probed_and_nothing_is_sent_twice),
		TEST(a_wire_with_little_room_carries_all),
		TEST_ON(a_peer_whose_mac_changes_is_found_again, plain),
		TEST_ON(a_peer_whose_mac_changes_is_found_again, ip6),
		TEST_ON(a_peer_whose_mac_changes_is_found_again, gateway),
		TEST_ON(frames_for_another_thread_are_handed_over, family),
		TEST_ON(frames_for_another_thread_are_handed_over, everything),
		TEST_ON(a_thread_that_stands_still_costs_the_others_nothing, family),
		TEST_ON(what_strangers_say_is_told_to_no_thread, family),
		TEST_ON(no_lock_is_taken_for_segments_of_strangers, family),
		TEST_ON(what_a_neighbour_says_is_told_a_thousand_times_a_second, family),
		TEST(a_stack_has_several_ports),
		TEST(each_thread_attaches_once_and_the_last_one_is_told),
		cmocka_unit_test(an_idle_thread_sleeps_until_it_is_woken_or_frames_come),
		TRANSPORT_CASES(ON_PLAIN) TRANSPORT_CASES(ON_FAMILY)
			TRANSPORT_CASES(ON_EVERYTHING)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
