/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/io/transport_cases.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rib/base/macro.h"
#include "rib/base/mem.h"

enum { HEADER = 19, LENGTH_AT = 16, SHORT = 24 };

struct transport_lab lab;

/* --- ends --- */

static void deed(struct transport_end *e, struct vrs_conn *conn, enum transport_deed what)
{
	if (what == DO_NOTHING)
		return;
	e->t->ops->close(conn, what == DO_FLUSH);
	e->conn = NULL;
}

static void on_up(void *user, struct vrs_conn *conn)
{
	struct transport_end *e = user;

	assert_ptr_equal(e->conn, conn);
	e->up++;
	deed(e, conn, e->in_up);
}

static size_t on_rx(void *user, struct vrs_conn *conn, const uint8_t *data, size_t size)
{
	struct transport_end *e = user;
	size_t at = 0;

	assert_non_null(e->conn);
	e->presented++;
	while (e->take > 0 && size - at >= HEADER) {
		size_t n = (size_t)data[at + LENGTH_AT] << 8 | data[at + LENGTH_AT + 1];

		assert_true(n >= HEADER);
		if (n > size - at)
			break;
		for (size_t i = 0; i < n; i++)
			e->sum += data[at + i] * (e->received + i + 1);
		e->received += n;
		e->messages++;
		e->take--;
		at += n;
	}
	if (e->in_rx != DO_NOTHING)
		deed(e, conn, e->in_rx);
	else if (e->take == 0 && e->pause)
		e->t->ops->pause(conn);
	return at;
}

static void on_down(void *user, struct vrs_conn *conn, int err)
{
	struct transport_end *e = user;

	assert_ptr_equal(e->conn, conn);
	e->down++;
	e->err = err;
	e->conn = NULL;
	deed(e, conn, e->in_down);
}

static void on_writable(void *user, struct vrs_conn *conn)
{
	struct transport_end *e = user;

	e->writable++;
	deed(e, conn, e->in_writable);
}

const struct vrs_conn_ops transport_end_ops = {on_up, on_rx, on_down, on_writable};

struct vrs_chunk *transport_messages(uint32_t n, uint32_t size)
{
	struct vrs_chunk *c = vrs_chunk_new(n * size);

	assert_non_null(c);
	for (c->size = 0; c->size < n * size; c->size++) {
		uint32_t at = c->size % size;

		c->data[c->size] = at == LENGTH_AT ? (uint8_t)(size >> 8)
			: at == LENGTH_AT + 1      ? (uint8_t)size
						   : (uint8_t)(c->size * 7 + c->size / size);
	}
	return c;
}

void transport_say(struct transport_end *e, uint32_t size)
{
	struct vrs_chunk *c = transport_messages(1, size);

	assert_int_equal(e->t->ops->send(e->conn, c, 0, size), 0);
	vrs_chunk_put(c);
}

/* --- the lab --- */

static bool on_accept(void *ctx, void *endpoint_user, struct vrs_conn *conn,
	const struct vrs_conn_ops **o, void **user)
{
	struct vrs_transport *t = ctx;
	struct transport_end *e = t == lab.a ? &lab.in : &lab.in2;

	assert_ptr_equal(endpoint_user, t);
	lab.accepts++;
	*o = &transport_end_ops;
	*user = e;
	if (lab.last_word) {
		struct transport_end last = {.conn = conn, .t = t};

		transport_say(&last, SHORT);
		t->ops->close(conn, true);
		*o = &transport_end_ops; /* Whatever it says. */
		return lab.admits;
	}
	if (lab.refuse)
		return false;
	*e = (struct transport_end){.t = t, .conn = conn, .take = UINT64_MAX};
	return true;
}

void transport_lab_init(void)
{
	lab.a->accept = lab.b->accept = on_accept;
	lab.a->accept_ctx = lab.a;
	lab.b->accept_ctx = lab.b;
	lab.out = (struct transport_end){.t = lab.b, .take = UINT64_MAX};
	lab.out2 = (struct transport_end){.t = lab.a, .take = UINT64_MAX};
}

void transport_lab_add(struct vrs_transport *t, const struct vrs_endpoint *ep)
{
	assert_int_equal(t->ops->endpoint_add(t, ep, t), 0);
}

void transport_lab_dial(void)
{
	const struct vrs_endpoint *e = &lab.ep_b;

	assert_int_equal(lab.b->ops->connect(lab.b, &e->local, &e->remote, &transport_end_ops,
				 &lab.out, &lab.out.conn),
		0);
}

void transport_lab_link(void)
{
	transport_lab_add(lab.a, &lab.ep_a);
	transport_lab_add(lab.b, &lab.ep_b);
	transport_lab_dial();
	LAB_UNTIL(lab.out.up == 1 && lab.accepts == 1);
}

void transport_lab_spin(uint64_t ms)
{
	for (uint64_t until = lab.now_ms() + ms; lab.now_ms() < until;)
		lab.step();
}

uint64_t transport_open(struct vrs_transport *t)
{
	struct vrs_transport_stat st;

	t->ops->stat(t, &st);
	return st.open;
}

/* --- meeting --- */

void two_ends_meet_and_know_their_addresses(void **state)
{
	struct vrs_addr local, remote;
	uint16_t lp, rp, rp2;

	transport_lab_link();
	lab.a->ops->info(lab.in.conn, &local, &lp, &remote, &rp);
	assert_true(vrs_addr_equal(&local, &lab.ep_a.local));
	assert_true(vrs_addr_equal(&remote, &lab.ep_a.remote));
	assert_int_equal(lp, lab.ep_a.local_port);
	lab.b->ops->info(lab.out.conn, &local, &lp, NULL, &rp2);
	assert_int_equal(lp, rp);
	assert_int_equal(rp2, lab.ep_a.local_port);
	assert_true(vrs_addr_equal(&local, &lab.ep_b.local));
	lab.b->ops->info(lab.out.conn, NULL, NULL, NULL, NULL);
	transport_say(&lab.out, HEADER);
	transport_say(&lab.in, SHORT);
	LAB_UNTIL(lab.in.received == HEADER && lab.out.received == SHORT);
}

void a_refused_connection_is_closed(void **state)
{
	struct vrs_transport_stat st;

	lab.refuse = true;
	transport_lab_link();
	LAB_UNTIL(lab.out.down == 1);
	assert_int_equal(lab.out.received, 0);
	lab.a->ops->stat(lab.a, &st);
	assert_int_equal(st.refused_idle, 1);
}

void a_last_word_is_heard_before_the_close(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		lab.last_word = true;
		lab.admits = i == 1;
		transport_lab_link();
		LAB_UNTIL(lab.out.down == 1);
		assert_int_equal(lab.out.received, SHORT);
		assert_int_equal(lab.out.err, 0);
		LAB_UNTIL(transport_open(lab.a) == 0);
		assert_int_equal(lab.in.down, 0);
		if (i == 0) {
			transport_teardown(state);
			transport_setup(state);
		}
	}
}

void endpoints_are_unique_and_can_come_back(void **state)
{
	const struct vrs_endpoint *ep = &lab.ep_a;
	struct vrs_endpoint foreign = *ep;
	struct vrs_conn *conn;

	foreign.local.bytes[0] = 198;
	transport_lab_add(lab.a, ep);
	assert_int_equal(lab.a->ops->endpoint_add(lab.a, ep, NULL), -EEXIST);
	assert_int_equal(lab.a->ops->endpoint_add(lab.a, &foreign, NULL), -EADDRNOTAVAIL);
	lab.a->ops->endpoint_remove(lab.a, &ep->local, &ep->remote);
	assert_int_equal(lab.a->ops->connect(
				 lab.a, &ep->local, &ep->remote, &transport_end_ops, NULL, &conn),
		-ENOENT);
	lab.a->ops->endpoint_remove(lab.a, &ep->local, &ep->remote);
	transport_lab_link();
}

void both_may_connect_at_once(void **state)
{
	const struct vrs_endpoint *e = &lab.ep_a;

	transport_lab_add(lab.a, &lab.ep_a);
	transport_lab_add(lab.b, &lab.ep_b);
	transport_lab_dial();
	assert_int_equal(lab.a->ops->connect(lab.a, &e->local, &e->remote, &transport_end_ops,
				 &lab.out2, &lab.out2.conn),
		0);
	LAB_UNTIL(lab.out.up == 1 && lab.out2.up == 1 && lab.accepts == 2);
	transport_say(&lab.out, SHORT);
	transport_say(&lab.in2, SHORT);
	transport_say(&lab.out2, HEADER);
	transport_say(&lab.in, HEADER);
	LAB_UNTIL(lab.in.received == SHORT && lab.out2.received == SHORT &&
		lab.in2.received == HEADER && lab.out.received == HEADER);
}

void connections_outlive_their_endpoint(void **state)
{
	transport_lab_link();
	lab.a->ops->endpoint_remove(lab.a, &lab.ep_a.local, &lab.ep_a.remote);
	transport_say(&lab.out, SHORT);
	transport_say(&lab.in, SHORT);
	LAB_UNTIL(lab.in.received == SHORT && lab.out.received == SHORT);
	lab.a->ops->close(lab.in.conn, true);
	LAB_UNTIL(lab.out.down == 1);
	assert_int_equal(lab.out.err, 0);
}

/* --- bytes --- */

static uint64_t sum_of(const struct vrs_chunk *c, unsigned times)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < (uint64_t)c->size * times; i++)
		sum += c->data[i % c->size] * (i + 1);
	return sum;
}

void a_big_transfer_goes_both_ways_in_order(void **state)
{
	enum { SIZE = 100000, N = 160 };
	struct vrs_chunk *c = transport_messages(100, SIZE / 100);
	uint64_t sum = sum_of(c, N);

	transport_lab_link();
	for (int i = 0; i < N; i++) {
		/* Whole, and in pieces that join again. */
		assert_int_equal(lab.a->ops->send(lab.in.conn, c, 0, SIZE), 0);
		assert_int_equal(lab.b->ops->send(lab.out.conn, c, 0, 1003), 0);
		assert_int_equal(lab.b->ops->send(lab.out.conn, c, 1003, SIZE - 1003), 0);
	}
	vrs_chunk_put(c);
	assert_int_equal(lab.a->ops->queued(lab.in.conn), SIZE * N);
	LAB_UNTIL(lab.in.received == (uint64_t)SIZE * N && lab.out.received == (uint64_t)SIZE * N);
	assert_true(lab.in.sum == sum);
	assert_true(lab.out.sum == sum);
	assert_int_equal(lab.in.writable, 1);
	assert_int_equal(lab.out.writable, 1);
	assert_int_equal(lab.a->ops->queued(lab.in.conn), 0);
}

enum { FLOOD_MESSAGE = 1 << 10, FLOOD_N = 1 << 14, FLOOD = FLOOD_MESSAGE * FLOOD_N };

/* More than any buffer takes. @return Its sum. */
static uint64_t flood(void)
{
	struct vrs_chunk *c = transport_messages(FLOOD_N, FLOOD_MESSAGE);
	uint64_t sum = sum_of(c, 1);

	assert_int_equal(lab.b->ops->send(lab.out.conn, c, 0, FLOOD), 0);
	vrs_chunk_put(c);
	return sum;
}

void a_paused_reader_stops_the_writer_and_loses_nothing(void **state)
{
	transport_lab_link();
	lab.in.take = 101;
	lab.in.pause = true;
	uint64_t sum = flood();
	transport_lab_spin(300);
	assert_int_equal(lab.in.messages, 101);
	size_t queued = lab.b->ops->queued(lab.out.conn);
	assert_true(queued > 1 << 20);
	assert_int_equal(lab.out.writable, 0);
	unsigned presented = lab.in.presented;
	transport_lab_spin(50);
	assert_int_equal(lab.in.presented, presented);
	assert_int_equal(lab.b->ops->queued(lab.out.conn), queued);

	/* Little by little, then all. */
	for (int i = 0; i < 100; i++) {
		lab.in.take = 3;
		lab.a->ops->resume(lab.in.conn);
		LAB_UNTIL(lab.in.take == 0);
	}
	lab.in.take = UINT64_MAX;
	lab.a->ops->resume(lab.in.conn);
	LAB_UNTIL(lab.in.received == FLOOD);
	assert_true(lab.in.sum == sum);
	assert_int_equal(lab.out.writable, 1);
}

void a_reader_that_leaves_everything_is_paused_for_it(void **state)
{
	transport_lab_link();
	lab.in.take = 0;
	(void)flood();
	transport_lab_spin(200);
	assert_true(lab.b->ops->queued(lab.out.conn) > 0);
	assert_true(vrs_mem_used(VRS_MEM_SESSION) < lab.memory_max);
	lab.in.take = UINT64_MAX;
	lab.a->ops->resume(lab.in.conn);
	LAB_UNTIL(lab.in.received == FLOOD);
}

void what_was_left_is_presented_again_with_what_follows(void **state)
{
	struct vrs_chunk *c = transport_messages(3, SHORT);

	transport_lab_link();
	/* One and a half, two more bytes, the rest. */
	assert_int_equal(lab.b->ops->send(lab.out.conn, c, 0, SHORT + 4), 0);
	LAB_UNTIL(lab.in.messages == 1);
	assert_int_equal(lab.b->ops->send(lab.out.conn, c, SHORT + 4, 2), 0);
	transport_lab_spin(100);
	assert_int_equal(lab.in.received, SHORT);
	assert_int_equal(lab.b->ops->send(lab.out.conn, c, SHORT + 6, 2 * SHORT - 6), 0);
	LAB_UNTIL(lab.in.messages == 3);
	assert_true(lab.in.sum == sum_of(c, 1));
	vrs_chunk_put(c);
}

/* --- ends --- */

void an_orderly_close_comes_after_the_last_byte(void **state)
{
	struct vrs_chunk *c = transport_messages(300, 1000);

	transport_lab_link();
	assert_int_equal(lab.b->ops->send(lab.out.conn, c, 0, c->size), 0);
	vrs_chunk_put(c);
	lab.b->ops->close(lab.out.conn, true);
	lab.out.conn = NULL;
	LAB_UNTIL(lab.in.down == 1);
	assert_int_equal(lab.in.received, 300 * 1000);
	assert_int_equal(lab.in.err, 0);
	assert_int_equal(lab.out.down, 0);
	LAB_UNTIL(transport_open(lab.a) + transport_open(lab.b) == 0);
}

void flushing_waits_a_second_at_most(void **state)
{
	transport_lab_link();
	lab.in.take = 0;
	lab.in.pause = true;
	(void)flood();
	lab.b->ops->close(lab.out.conn, true);
	lab.out.conn = NULL;
	transport_lab_spin(800);
	assert_int_equal(transport_open(lab.b), 1);
	transport_lab_spin(400);
	assert_int_equal(transport_open(lab.b), 0);
}

void a_close_without_flush_drops_the_queue(void **state)
{
	transport_lab_link();
	(void)flood();
	lab.b->ops->close(lab.out.conn, false);
	lab.out.conn = NULL;
	LAB_UNTIL(lab.in.down == 1);
	assert_true(lab.in.received < FLOOD);
	assert_int_equal(lab.out.down, 0);
	assert_int_equal(transport_open(lab.b), 0);
}

/* Where, and how. */
static void close_inside(unsigned where, enum transport_deed how)
{
	lab.out.in_up = where == 0 ? how : DO_NOTHING;
	lab.out.in_writable = where == 1 ? how : DO_NOTHING;
	transport_lab_link();
	if (where == 1)
		(void)flood();
	lab.in.in_rx = where == 2 ? how : DO_NOTHING;
	lab.in.in_down = where == 3 ? how : DO_NOTHING;
	if (where == 3) {
		lab.b->ops->close(lab.out.conn, true);
		lab.out.conn = NULL;
	}
	if (where == 2) {
		transport_say(&lab.out, SHORT);
		transport_say(&lab.out, SHORT);
	}
	LAB_UNTIL((where == 2 ? lab.out.down : lab.in.down) == 1);
	assert_int_equal(where == 2 ? lab.in.down : lab.out.down, 0);
	if (where == 1 && how == DO_FLUSH)
		assert_int_equal(lab.in.received, FLOOD);
	LAB_UNTIL(transport_open(lab.a) + transport_open(lab.b) == 0);
}

void closing_inside_callbacks_is_allowed(void **state)
{
	for (unsigned i = 0; i < 8; i++) {
		if (i > 0) {
			transport_teardown(state);
			transport_setup(state);
		}
		close_inside(i / 2, i % 2 == 0 ? DO_CLOSE : DO_FLUSH);
	}
}

/* --- TCP-MD5, TTL --- */

static bool md5_or_skip(const char *password)
{
	(void)snprintf(lab.ep_a.password, sizeof(lab.ep_a.password), "%s", password);
	int rc = lab.a->ops->endpoint_add(lab.a, &lab.ep_a, lab.a);
	if (rc == -EPERM || rc == -ENOPROTOOPT) {
		print_message("no TCP-MD5 here: errno %d\n", -rc);
		return false;
	}
	assert_int_equal(rc, 0);
	return true;
}

void equal_passwords_connect(void **state)
{
	if (!md5_or_skip("secret"))
		skip();
	(void)snprintf(lab.ep_b.password, sizeof(lab.ep_b.password), "secret");
	transport_lab_add(lab.b, &lab.ep_b);
	transport_lab_dial();
	LAB_UNTIL(lab.out.up == 1 && lab.accepts == 1);
	transport_say(&lab.out, SHORT);
	LAB_UNTIL(lab.in.received == SHORT);
}

void different_or_missing_passwords_get_no_answer(void **state)
{
	static const char *const rows[][2] = {{"secret", "other"}, {"secret", ""}, {"", "secret"}};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		if (i > 0) {
			transport_teardown(state);
			transport_setup(state);
		}
		if (!md5_or_skip(rows[i][0]))
			skip();
		(void)snprintf(lab.ep_b.password, sizeof(lab.ep_b.password), "%s", rows[i][1]);
		transport_lab_add(lab.b, &lab.ep_b);
		transport_lab_dial();
		transport_lab_spin(200);
		assert_int_equal(lab.out.up, 0);
		assert_int_equal(lab.out.down, 0);
		assert_int_equal(lab.accepts, 0);
	}
}

void a_removed_password_is_forgotten(void **state)
{
	struct vrs_endpoint other = lab.ep_a;

	if (!md5_or_skip("secret"))
		skip();
	other.remote.bytes[3] ^= 0x40;
	transport_lab_add(lab.a, &other); /* Keeps the listener, where there is one. */
	lab.a->ops->endpoint_remove(lab.a, &lab.ep_a.local, &lab.ep_a.remote);
	lab.ep_a.password[0] = '\0';
	transport_lab_link();
}

void ttl_security_on_both_sides_connects(void **state)
{
	lab.ep_a.ttl_security = lab.ep_b.ttl_security = 1;
	transport_lab_link();
	transport_say(&lab.out, SHORT);
	transport_say(&lab.in, SHORT);
	LAB_UNTIL(lab.in.received == SHORT && lab.out.received == SHORT);
}

void ttl_security_drops_what_a_plain_peer_sends(void **state)
{
	lab.ep_a.ttl_security = 1;
	transport_lab_add(lab.a, &lab.ep_a);
	transport_lab_add(lab.b, &lab.ep_b);
	transport_lab_dial();
	transport_lab_spin(100);
	if (lab.out.up == 1)
		transport_say(&lab.out, SHORT);
	transport_lab_spin(300);
	assert_int_equal(lab.in.received, 0);
}
