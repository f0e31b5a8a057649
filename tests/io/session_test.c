/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Sessions on an in-memory net and a virtual clock. "ours" is the session under test at
 * 10.0.0.4; the peer at 10.0.1.4 is a session too, or a script that sends raw bytes.
 */

#include "io/session/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/bgp/encode.h"
#include "tests/io/bgp_build.h"
#include "tests/io/mem_transport.h"
#include "tests/test.h"

enum { OUR_ID = 0x0a000004, LOW_ID = 0x0a000001, HIGH_ID = 0x0a0000ff };

/* What a session told its user. */
struct log {
	unsigned established, down, updates, refreshes, writable;
	unsigned withdraws;
	bool refuse; /* update() says no */
	struct vrs_session_error error;
	unsigned subtype;
};

/* A scripted connection of the peer. */
struct raw {
	struct vrs_conn *conn;
	uint8_t got[65536];
	size_t n_got;
	bool up, closed;
};

static struct {
	struct mem_net *net;
	struct vrs_transport *ta, *tb;
	struct vrs_wheel wheel;
	struct vrs_session *a, *b;
	struct log la, lb;
	struct raw in, out; /* accepted from us; opened to us */
	bool raw_refuse;
} w;

/* --- the user of a session -------------------------------------------------------------- */

static void on_established(void *user, struct vrs_session *)
{
	((struct log *)user)->established++;
}

static void on_down(void *user, struct vrs_session *, const struct vrs_session_error *e)
{
	struct log *l = user;

	l->down++;
	l->error = *e;
}

static bool on_update(void *user, struct vrs_session *, const struct vrs_bgp_update *u)
{
	struct log *l = user;

	if (l->refuse)
		return false;
	l->updates++;
	l->withdraws += u->announce_is_withdraw;
	return true;
}

static void on_refresh(void *user, struct vrs_session *, enum vrs_afi, unsigned subtype)
{
	struct log *l = user;

	l->refreshes++;
	l->subtype = subtype;
}

static void on_writable(void *user, struct vrs_session *)
{
	((struct log *)user)->writable++;
}

static const struct vrs_session_ops ops = {
	.established = on_established,
	.down = on_down,
	.update = on_update,
	.refresh = on_refresh,
	.writable = on_writable,
};

/* --- the script ------------------------------------------------------------------------- */

static void raw_up(void *user, struct vrs_conn *)
{
	((struct raw *)user)->up = true;
}

static size_t raw_rx(void *user, struct vrs_conn *, const uint8_t *data, size_t size)
{
	struct raw *r = user;

	assert_true(r->n_got + size <= sizeof(r->got));
	memcpy(r->got + r->n_got, data, size);
	r->n_got += size;
	return size;
}

static void raw_down(void *user, struct vrs_conn *, int)
{
	struct raw *r = user;

	r->closed = true;
	r->conn = NULL;
}

static void raw_writable(void *, struct vrs_conn *)
{
}

static const struct vrs_conn_ops raw_ops = {raw_up, raw_rx, raw_down, raw_writable};

static bool raw_accept(
	void *, void *, struct vrs_conn *conn, const struct vrs_conn_ops **o, void **user)
{
	if (w.raw_refuse)
		return false;
	if (w.in.conn != NULL)
		w.tb->ops->close(w.in.conn, false);
	w.in = (struct raw){.conn = conn, .up = true};
	*o = &raw_ops;
	*user = &w.in;
	return true;
}

static void raw_send(struct raw *r, const uint8_t *data, size_t size)
{
	struct vrs_chunk *c = vrs_chunk_new((uint32_t)size);

	assert_non_null(c);
	assert_non_null(r->conn);
	memcpy(c->data, data, size);
	assert_int_equal(w.tb->ops->send(r->conn, c, 0, (uint32_t)size), 0);
	vrs_chunk_put(c);
}

static void raw_hex(struct raw *r, const char *hex)
{
	uint8_t buf[4096];

	raw_send(r, buf, build_hex(hex, buf, sizeof(buf)));
}

#define MARKER    "ffffffffffffffffffffffffffffffff "
#define KEEPALIVE MARKER "0013 04 "
#define UPDATE    MARKER "0017 02 0000 0000 "
#define REFRESH   MARKER "0017 05 0001 00 01 "

static void raw_open(struct raw *r, uint32_t asn, uint32_t id, uint16_t hold)
{
	const struct vrs_bgp_open o = {
		.asn = asn,
		.id = id,
		.hold = hold,
		.caps = VRS_BGP_CAP_MULTIPROTOCOL | VRS_BGP_CAP_AS4 | VRS_BGP_CAP_REFRESH,
		.families = VRS_BGP_IP4,
	};
	uint8_t buf[512];

	raw_send(r, buf, vrs_bgp_open_encode(&o, buf, sizeof(buf)));
}

/* The type of the last whole message that @p r got; for a NOTIFICATION its code and subcode. */
static unsigned raw_last(const struct raw *r, unsigned *code, unsigned *subcode)
{
	size_t at = 0;
	unsigned type = 0;
	struct vrs_bgp_message m;
	struct vrs_bgp_verdict v;

	while (vrs_bgp_message_frame(r->got + at, r->n_got - at, 65535, &m, &v) ==
		VRS_BGP_FRAME_MESSAGE) {
		type = m.type;
		if (type == VRS_BGP_NOTIFICATION) {
			*code = m.body.data[0];
			*subcode = m.body.data[1];
		}
		at += m.raw.size;
	}
	return type;
}

static void expect_notification(const struct raw *r, unsigned code, unsigned subcode)
{
	unsigned c = 0, s = 0, type = raw_last(r, &c, &s);

	if (type != VRS_BGP_NOTIFICATION || c != code || s != subcode)
		fail_msg("got type %u %u/%u, not a NOTIFICATION %u/%u", type, c, s, code, subcode);
	assert_true(r->closed);
}

/* --- the world -------------------------------------------------------------------------- */

static struct vrs_session_config config_of(bool ours)
{
	struct vrs_session_config c = {
		.name = ours ? "ours" : "peer",
		.local_as = ours ? 65515 : 65001,
		.peer_as = ours ? 65001 : 65515,
		.router_id = ours ? OUR_ID : HIGH_ID,
		.hold_s = 90,
		.keepalive_s = 30,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6,
		.seed = ours ? 1 : 2,
	};

	c.endpoint.local = vrs_addr_ip4(ours ? 0x0a000004 : 0x0a000104);
	c.endpoint.remote = vrs_addr_ip4(ours ? 0x0a000104 : 0x0a000004);
	c.endpoint.local_port = c.endpoint.remote_port = 179;
	return c;
}

static void settle(void)
{
	mem_net_settle(w.net);
}

static void run_ms(uint64_t ms)
{
	uint64_t until = w.wheel.now_ms + ms;

	for (settle(); w.wheel.now_ms < until; settle())
		vrs_wheel_advance(&w.wheel, VRS_MIN(until, w.wheel.now_ms + 50));
}

static int setup(void **)
{
	memset(&w, 0, sizeof(w));
	w.net = mem_net_new();
	w.ta = mem_transport_new(w.net);
	w.tb = mem_transport_new(w.net);
	w.ta->accept = vrs_session_accept;
	w.tb->accept = vrs_session_accept;
	vrs_wheel_init(&w.wheel, 1000);
	return 0;
}

static int teardown(void **)
{
	vrs_session_free(w.a);
	vrs_session_free(w.b);
	w.ta->ops->free(w.ta);
	w.tb->ops->free(w.tb);
	mem_net_free(w.net);
	assert_int_equal(w.wheel.n, 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_EXPORT), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_SESSION), 0);
	return 0;
}

static struct vrs_session *session_new(const struct vrs_session_config *c, bool ours)
{
	struct vrs_session *s =
		vrs_session_new(c, ours ? w.ta : w.tb, &w.wheel, &ops, ours ? &w.la : &w.lb);

	assert_non_null(s);
	return s;
}

/* Two sessions, both Established. */
static void pair(const struct vrs_session_config *ca, const struct vrs_session_config *cb)
{
	w.a = session_new(ca, true);
	w.b = session_new(cb, false);
	assert_int_equal(vrs_session_start(w.a), 0);
	assert_int_equal(vrs_session_start(w.b), 0);
	run_ms(100);
}

/* Our session against the script; the script listens. */
static void scripted(const struct vrs_session_config *ca)
{
	struct vrs_session_config cb = config_of(false);

	w.tb->accept = raw_accept;
	assert_int_equal(w.tb->ops->endpoint_add(w.tb, &cb.endpoint, NULL), 0);
	w.a = session_new(ca, true);
	assert_int_equal(vrs_session_start(w.a), 0);
	settle();
}

static void raw_connect_as(struct raw *r)
{
	struct vrs_session_config cb = config_of(false);

	*r = (struct raw){0};
	assert_int_equal(w.tb->ops->connect(w.tb, &cb.endpoint.local, &cb.endpoint.remote, &raw_ops,
				 r, &r->conn),
		0);
	settle();
}

static void raw_connect(void)
{
	raw_connect_as(&w.out);
}

static void scripted_established(uint16_t hold)
{
	struct vrs_session_config ca = config_of(true);

	scripted(&ca);
	raw_open(&w.in, 65001, HIGH_ID, hold);
	raw_hex(&w.in, KEEPALIVE);
	settle();
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
}

/* --- coming up -------------------------------------------------------------------------- */

static void a_session_comes_up_at_once_from_either_side(void **state)
{
	for (int passive = 0; passive < 2; passive++) {
		struct vrs_session_config ca = config_of(true), cb = config_of(false);

		ca.endpoint.passive = passive == 0;
		cb.endpoint.passive = passive == 1;
		pair(&ca, &cb);
		if (passive == 1) {
			/* It knocked before the other was there: the connect-retry time. */
			run_ms(5000);
		}
		assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
		assert_int_equal(vrs_session_state(w.b), VRS_SESSION_ESTABLISHED);
		assert_int_equal(w.la.established, 1);
		assert_int_equal(w.lb.established, 1);
		teardown(state);
		setup(state);
	}
}

static void both_sides_agree_on_what_was_negotiated(void **)
{
	struct vrs_session_config ca = config_of(true), cb = config_of(false);

	cb.hold_s = 30;
	cb.families = VRS_BGP_IP6;
	ca.endpoint.passive = true;
	pair(&ca, &cb);
	const struct vrs_session_negotiated *n = vrs_session_negotiated(w.a);
	assert_non_null(n);
	assert_int_equal(n->hold_s, 30);
	assert_int_equal(n->keepalive_ms, 10000);
	assert_int_equal(n->families, VRS_BGP_IP6);
	assert_int_equal(n->max_tx, 65535);
	assert_true(n->as4 && n->refresh && n->enhanced_refresh);
	assert_false(n->ext_next_hop || n->ibgp);
	assert_int_equal(n->theirs.asn, 65001);
	assert_int_equal(n->decode.peer_as, 65001);

	struct vrs_addr local, remote;
	uint16_t lp, rp;
	assert_true(vrs_session_addresses(w.a, &local, &lp, &remote, &rp));
	assert_int_equal(vrs_addr_ip4_bits(&remote), 0x0a000104);
	assert_int_equal(lp, 179);
	run_ms(5000);
	assert_in_range(vrs_session_uptime_ms(w.a), 5000, 5200);
}

static void both_connecting_at_once_leave_one_connection(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct vrs_session_config ca = config_of(true), cb = config_of(false);

		cb.router_id = i == 0 ? HIGH_ID : i == 1 ? LOW_ID : OUR_ID;
		/* Both listen before either connects. */
		w.a = session_new(&ca, true);
		w.b = session_new(&cb, false);
		mem_net_blackhole(w.net, true);
		assert_int_equal(vrs_session_start(w.a), 0);
		assert_int_equal(vrs_session_start(w.b), 0);
		run_ms(100);
		mem_net_blackhole(w.net, false);
		run_ms(1000);
		assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
		assert_int_equal(vrs_session_state(w.b), VRS_SESSION_ESTABLISHED);
		assert_int_equal(mem_transport_conns(w.ta), 1);
		assert_int_equal(w.la.established, 1);
		assert_int_equal(w.la.down, 0);
		assert_true(
			vrs_session_stat(w.a)->collisions + vrs_session_stat(w.b)->collisions > 0);
		/* Of equal identifiers the higher AS's: ours. */
		uint16_t port;
		assert_true(vrs_session_addresses(w.a, NULL, &port, NULL, NULL));
		assert_int_equal(port == 179, i == 0);
		teardown(state);
		setup(state);
	}
}

static void collisions_resolve_whichever_open_comes_first(void **state)
{
	for (int i = 0; i < 4; i++) {
		bool peer_wins = i % 2 == 0, out_first = i / 2 == 0;
		struct vrs_session_config ca = config_of(true);
		uint32_t id = peer_wins ? HIGH_ID : LOW_ID;

		scripted(&ca); /* w.in: the connection that we opened */
		raw_connect(); /* w.out: the one that the peer opened */
		assert_true(w.out.up);
		raw_open(out_first ? &w.out : &w.in, 65001, id, 90);
		settle();
		assert_int_equal(vrs_session_state(w.a), VRS_SESSION_OPEN_CONFIRM);
		raw_open(out_first ? &w.in : &w.out, 65001, id, 90);
		settle();
		/* The connection opened by the side with the higher identifier stays. */
		struct raw *winner = peer_wins ? &w.out : &w.in,
			   *loser = peer_wins ? &w.in : &w.out;
		expect_notification(loser, VRS_BGP_ERR_CEASE, VRS_BGP_CEASE_COLLISION);
		assert_false(winner->closed);
		raw_hex(winner, KEEPALIVE);
		settle();
		assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
		assert_int_equal(w.la.down, 0);
		teardown(state);
		setup(state);
	}
}

static void a_connection_still_in_open_sent_goes_when_the_other_is_established(void **)
{
	struct vrs_session_config ca = config_of(true);

	scripted(&ca);
	raw_connect();
	raw_open(&w.in, 65001, HIGH_ID, 90);
	raw_hex(&w.in, KEEPALIVE);
	settle();
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
	expect_notification(&w.out, VRS_BGP_ERR_CEASE, VRS_BGP_CEASE_COLLISION);
}

static void a_connection_to_an_established_session_gets_cease_7(void **)
{
	scripted_established(90);
	raw_connect();
	expect_notification(&w.out, VRS_BGP_ERR_CEASE, VRS_BGP_CEASE_COLLISION);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
	assert_int_equal(w.la.down, 0);
}

static void a_second_knock_replaces_one_that_was_given_up(void **)
{
	struct vrs_session_config ca = config_of(true);
	static struct raw first;

	ca.endpoint.passive = true;
	scripted(&ca);
	raw_connect_as(&first);
	raw_connect();
	assert_true(w.out.up);
	expect_notification(&first, VRS_BGP_ERR_CEASE, VRS_BGP_CEASE_COLLISION);
	raw_open(&w.out, 65001, HIGH_ID, 90);
	raw_hex(&w.out, KEEPALIVE);
	settle();
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
}

/* --- the state table -------------------------------------------------------------------- */

static void messages_out_of_place_are_fsm_errors(void **state)
{
	static const struct {
		enum vrs_session_state in;
		const char *hex; /* NULL: an OPEN */
		uint8_t code, subcode;
	} rows[] = {
		{VRS_SESSION_OPEN_SENT, KEEPALIVE, 5, 1},
		{VRS_SESSION_OPEN_SENT, UPDATE, 5, 1},
		{VRS_SESSION_OPEN_SENT, REFRESH, 5, 1},
		{VRS_SESSION_OPEN_SENT, MARKER "0013 09", 1, 3},
		{VRS_SESSION_OPEN_SENT, MARKER "0012 01", 1, 2},
		{VRS_SESSION_OPEN_SENT, "00000000000000000000000000000000 0013 04", 1, 1},
		{VRS_SESSION_OPEN_CONFIRM, NULL, 5, 2},
		{VRS_SESSION_OPEN_CONFIRM, UPDATE, 5, 2},
		{VRS_SESSION_OPEN_CONFIRM, REFRESH, 5, 2},
		{VRS_SESSION_ESTABLISHED, NULL, 5, 3},
		{VRS_SESSION_ESTABLISHED, MARKER "0018 05 0001 00 01 00", 7, 1},
		{VRS_SESSION_ESTABLISHED, MARKER "0018 02 0000 0001 00", 3, 5},
		{VRS_SESSION_ESTABLISHED, MARKER "0017 02 0001 0000", 3, 1},
		{VRS_SESSION_ESTABLISHED, MARKER "0014 04 00", 1, 2},
	};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct vrs_session_config ca = config_of(true);

		scripted(&ca);
		if (rows[i].in >= VRS_SESSION_OPEN_CONFIRM)
			raw_open(&w.in, 65001, HIGH_ID, 90);
		if (rows[i].in >= VRS_SESSION_ESTABLISHED)
			raw_hex(&w.in, KEEPALIVE);
		settle();
		assert_int_equal(vrs_session_state(w.a), rows[i].in);
		if (rows[i].hex == NULL)
			raw_open(&w.in, 65001, HIGH_ID, 90);
		else
			raw_hex(&w.in, rows[i].hex);
		settle();
		expect_notification(&w.in, rows[i].code, rows[i].subcode);
		assert_int_equal(vrs_session_state(w.a), VRS_SESSION_IDLE);
		assert_int_equal(w.la.down, rows[i].in == VRS_SESSION_ESTABLISHED);
		const struct vrs_session_error *e = vrs_session_last_error(w.a);
		assert_int_equal(e->code, rows[i].code);
		assert_int_equal(e->subcode, rows[i].subcode);
		assert_int_equal(e->direction, VRS_SESSION_ERROR_SENT);
		teardown(state);
		setup(state);
	}
}

static void bad_opens_are_answered_and_backed_off(void **state)
{
	static const struct {
		uint32_t asn, id;
		uint16_t hold;
		uint8_t subcode;
	} rows[] = {{65002, HIGH_ID, 90, 2}, {65001, 0, 90, 3}, {65001, HIGH_ID, 2, 6},
		{0, HIGH_ID, 90, 2}};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct vrs_session_config ca = config_of(true);

		scripted(&ca);
		raw_open(&w.in, rows[i].asn, rows[i].id, rows[i].hold);
		settle();
		expect_notification(&w.in, VRS_BGP_ERR_OPEN, rows[i].subcode);
		assert_int_equal(vrs_session_state(w.a), VRS_SESSION_IDLE);
		/* Refused while it backs off. */
		raw_connect();
		assert_true(w.out.closed);
		assert_int_equal(w.out.n_got, 0);
		teardown(state);
		setup(state);
	}
}

/* However often it erred: our own attempts wait longer and longer, the peer's a second. */
static void a_peer_that_erred_may_come_again_after_a_second(void **)
{
	struct vrs_session_config ca = config_of(true);

	ca.endpoint.passive = true;
	scripted(&ca);
	for (unsigned i = 0; i < 6; i++) {
		raw_connect();
		assert_false(w.out.closed);
		assert_int_equal(vrs_session_state(w.a), VRS_SESSION_OPEN_SENT);
		raw_open(&w.out, 65002, HIGH_ID, 90);
		settle();
		assert_int_equal(vrs_session_state(w.a), VRS_SESSION_IDLE);
		run_ms(1001);
	}
}

static void no_family_in_common_is_an_unsupported_capability(void **)
{
	struct vrs_session_config ca = config_of(true);

	ca.families = VRS_BGP_IP6;
	scripted(&ca);
	raw_open(&w.in, 65001, HIGH_ID, 90);
	settle();
	expect_notification(&w.in, VRS_BGP_ERR_OPEN, VRS_BGP_OPEN_NO_CAPABILITY);
}

static void roles_that_do_not_match_are_refused(void **)
{
	struct vrs_session_config ca = config_of(true), cb = config_of(false);

	ca.role_rs = true;
	cb.send_role = true;
	cb.role = VRS_BGP_ROLE_PROVIDER;
	ca.endpoint.passive = true;
	pair(&ca, &cb);
	assert_int_not_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
	assert_int_equal(vrs_session_last_error(w.a)->subcode, VRS_BGP_OPEN_ROLE_MISMATCH);
}

static void notifications_end_the_session_and_leave_their_text(void **)
{
	uint8_t buf[512];

	scripted_established(90);
	raw_send(&w.in, buf,
		vrs_bgp_cease_encode(VRS_BGP_CEASE_SHUTDOWN, "maintenance", buf, sizeof(buf)));
	settle();
	assert_int_equal(w.la.down, 1);
	assert_int_equal(w.la.error.direction, VRS_SESSION_ERROR_RECEIVED);
	assert_int_equal(w.la.error.code, VRS_BGP_ERR_CEASE);
	assert_string_equal(w.la.error.text, "maintenance");
	/* It ended the session itself, so it may come back before we would. */
	raw_connect();
	assert_false(w.out.closed);
	raw_open(&w.out, 65001, HIGH_ID, 90);
	raw_hex(&w.out, KEEPALIVE);
	settle();
	assert_int_equal(w.la.established, 2);
}

/* --- timers ----------------------------------------------------------------------------- */

static void silence_ends_the_session_after_the_hold_time(void **)
{
	scripted_established(9);
	run_ms(8900);
	assert_int_equal(w.la.down, 0);
	raw_hex(&w.in, KEEPALIVE);
	run_ms(8900);
	assert_int_equal(w.la.down, 0);
	run_ms(200);
	assert_int_equal(w.la.down, 1);
	expect_notification(&w.in, VRS_BGP_ERR_HOLD_TIMER, 0);
}

static void an_open_that_never_comes_is_given_four_minutes(void **)
{
	struct vrs_session_config ca = config_of(true);

	scripted(&ca);
	run_ms(239000);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_OPEN_SENT);
	run_ms(1100);
	expect_notification(&w.in, VRS_BGP_ERR_HOLD_TIMER, 0);
}

static unsigned keepalives_in(uint64_t ms)
{
	uint64_t before = vrs_session_stat(w.a)->tx[VRS_BGP_KEEPALIVE];

	for (uint64_t t = 0; t < ms; t += 1000) {
		raw_hex(&w.in, KEEPALIVE);
		run_ms(1000);
	}
	return (unsigned)(vrs_session_stat(w.a)->tx[VRS_BGP_KEEPALIVE] - before);
}

static void keepalives_come_at_a_third_of_the_hold_time_or_faster(void **)
{
	scripted_established(30);
	/* Every 7.5 .. 10 s. */
	assert_in_range(keepalives_in(300000), 29, 41);
}

static void a_hold_time_of_zero_means_no_timers(void **)
{
	scripted_established(0);
	run_ms(1000000);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
	assert_int_equal(vrs_session_stat(w.a)->tx[VRS_BGP_KEEPALIVE], 1);
}

static void a_peer_that_does_not_read_is_dropped_after_the_send_hold_time(void **)
{
	struct vrs_chunk *c = vrs_chunk_new(200000);

	scripted_established(90);
	mem_transport_stall(w.tb, true);
	assert_non_null(c);
	c->size = 200000;
	memset(c->data, 0, c->size);
	assert_int_equal(vrs_session_send(w.a, c, 0, c->size, 1), 0);
	vrs_chunk_put(c);
	for (int s = 0; s < 478; s++) {
		raw_hex(&w.in, KEEPALIVE);
		run_ms(1000);
	}
	assert_int_equal(w.la.down, 0);
	for (int s = 0; s < 65 && w.la.down == 0; s++) {
		raw_hex(&w.in, KEEPALIVE);
		run_ms(1000);
	}
	assert_int_equal(w.la.down, 1);
	assert_int_equal(w.la.error.code, VRS_BGP_ERR_SEND_HOLD_TIMER);
}

static void refused_connections_are_tried_again_every_five_seconds(void **)
{
	struct vrs_session_config ca = config_of(true);

	w.a = session_new(&ca, true);
	assert_int_equal(vrs_session_start(w.a), 0);
	run_ms(60000);
	struct vrs_transport_stat st;
	w.ta->ops->stat(w.ta, &st);
	/* 3.75 .. 5 s apart. */
	assert_in_range(st.connects, 12, 17);
	assert_int_equal(vrs_session_last_error(w.a)->err, ECONNREFUSED);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ACTIVE);
}

static void attempts_without_an_answer_are_replaced(void **)
{
	struct vrs_session_config ca = config_of(true), cb = config_of(false);

	cb.endpoint.passive = true;
	mem_net_blackhole(w.net, true);
	pair(&ca, &cb);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_CONNECT);
	run_ms(20000);
	assert_int_equal(mem_transport_conns(w.ta), 1);
	mem_net_blackhole(w.net, false);
	run_ms(100);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
}

static void back_off_doubles_to_a_minute_and_forgets_after_a_stable_one(void **)
{
	static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
	struct vrs_session_config ca = config_of(true);

	scripted(&ca);
	for (size_t i = 0; i < VRS_N_ELEMS(waits); i++) {
		raw_open(&w.in, 65002, HIGH_ID, 90);
		settle();
		expect_notification(&w.in, VRS_BGP_ERR_OPEN, VRS_BGP_OPEN_BAD_PEER_AS);
		w.in = (struct raw){0};
		run_ms(waits[i] * 3 / 4 - 100);
		assert_null(w.in.conn);
		run_ms(waits[i] / 4 + 200);
		assert_non_null(w.in.conn);
	}
	raw_open(&w.in, 65001, HIGH_ID, 0);
	raw_hex(&w.in, KEEPALIVE);
	run_ms(61000);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
	mem_transport_break(w.ta, ECONNRESET);
	settle();
	assert_int_equal(w.la.error.err, ECONNRESET);
	w.in = (struct raw){0};
	run_ms(1100);
	assert_non_null(w.in.conn);
}

/* --- backpressure ----------------------------------------------------------------------- */

static void a_refused_update_comes_again_after_resume(void **)
{
	scripted_established(90);
	w.la.refuse = true;
	raw_hex(&w.in, UPDATE UPDATE UPDATE KEEPALIVE);
	settle();
	assert_int_equal(w.la.updates, 0);
	assert_true(vrs_session_parked(w.a));
	raw_hex(&w.in, UPDATE);
	run_ms(1000);
	assert_int_equal(w.la.updates, 0);
	w.la.refuse = false;
	vrs_session_resume(w.a);
	settle();
	assert_int_equal(w.la.updates, 4);
	assert_int_equal(vrs_session_stat(w.a)->rx[VRS_BGP_UPDATE], 4);
	assert_false(vrs_session_parked(w.a));
}

static void the_hold_timer_waits_with_us_for_one_more_hold_time(void **)
{
	scripted_established(9);
	w.la.refuse = true;
	raw_hex(&w.in, UPDATE);
	run_ms(17800);
	assert_int_equal(w.la.down, 0);
	run_ms(400);
	assert_int_equal(w.la.down, 1);
	expect_notification(&w.in, VRS_BGP_ERR_HOLD_TIMER, 0);
}

static void resume_gives_a_whole_hold_time(void **)
{
	scripted_established(9);
	w.la.refuse = true;
	raw_hex(&w.in, UPDATE);
	run_ms(15000);
	w.la.refuse = false;
	vrs_session_resume(w.a);
	run_ms(8800);
	assert_int_equal(w.la.down, 0);
	assert_int_equal(w.la.updates, 1);
	run_ms(300);
	assert_int_equal(w.la.down, 1);
}

static void writable_tells_that_a_full_queue_has_drained(void **)
{
	struct vrs_chunk *c = vrs_chunk_new(23 * 60000);

	scripted_established(90);
	assert_non_null(c);
	for (c->size = 0; c->size < c->capacity; c->size += 23)
		memcpy(c->data + c->size,
			"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x17"
			"\x02\0\0\0\0",
			23);
	assert_int_equal(vrs_session_send(w.a, c, 0, c->size, 60000), 0);
	assert_true(vrs_session_queued(w.a) > VRS_CONN_HIGH_WATER);
	vrs_chunk_put(c);
	for (int i = 0; i < 200 && w.la.writable == 0; i++) {
		w.in.n_got = 0;
		w.ta->ops->poll(w.ta, 0);
		w.tb->ops->poll(w.tb, 0);
	}
	assert_int_equal(w.la.writable, 1);
	w.in.n_got = 0;
	for (int i = 0; i < 200; i++) {
		w.in.n_got = 0;
		w.ta->ops->poll(w.ta, 0);
		w.tb->ops->poll(w.tb, 0);
	}
}

/* --- the rest --------------------------------------------------------------------------- */

static void bytes_may_come_one_at_a_time(void **)
{
	struct vrs_session_config ca = config_of(true), cb = config_of(false);
	uint8_t body[256], message[256];
	size_t size = build_update("", HEX_BASE, HEX_NLRI, body, sizeof(body));

	mem_net_dribble(w.net, 1);
	ca.endpoint.passive = true;
	pair(&ca, &cb);
	assert_int_equal(w.la.established, 1);
	memset(message, 0xff, 16);
	vrs_put_u16(message + 16, (uint16_t)(19 + size));
	message[18] = VRS_BGP_UPDATE;
	memcpy(message + 19, body, size);
	for (int i = 0; i < 10; i++)
		assert_int_equal(vrs_session_send_message(w.b, message, 19 + size), 0);
	settle();
	assert_int_equal(w.la.updates, 10);
	assert_int_equal(vrs_session_stat(w.b)->tx[VRS_BGP_UPDATE], 10);
}

static void malformed_updates_are_counted(void **)
{
	scripted_established(90);
	/* ORIGIN 3: treat as withdraw; then LOCAL_PREF from eBGP: discard. */
	raw_hex(&w.in, MARKER "002e 02 0000 0014 40010103 " HEX_PATH HEX_NEXT_HOP HEX_NLRI);
	raw_hex(&w.in, MARKER "0035 02 0000 001b " HEX_BASE "40 05 04 000000c8 " HEX_NLRI);
	settle();
	assert_int_equal(w.la.updates, 2);
	assert_int_equal(w.la.withdraws, 1);
	assert_int_equal(vrs_session_stat(w.a)->treat_as_withdraw, 1);
	assert_int_equal(vrs_session_stat(w.a)->attr_discarded, 1);
}

static void route_refresh_goes_both_ways(void **)
{
	struct vrs_session_config ca = config_of(true), cb = config_of(false);

	ca.endpoint.passive = true;
	cb.families = VRS_BGP_IP4;
	pair(&ca, &cb);
	assert_int_equal(vrs_session_send_refresh(w.a, VRS_AFI_IP4, VRS_BGP_REFRESH_REQUEST), 0);
	assert_int_equal(vrs_session_send_refresh(w.a, VRS_AFI_IP4, VRS_BGP_REFRESH_EORR), 0);
	assert_int_equal(
		vrs_session_send_refresh(w.a, VRS_AFI_IP6, VRS_BGP_REFRESH_REQUEST), -EOPNOTSUPP);
	settle();
	assert_int_equal(w.lb.refreshes, 2);
	assert_int_equal(w.lb.subtype, VRS_BGP_REFRESH_EORR);
}

static void refreshes_that_say_nothing_to_us_are_ignored(void **)
{
	scripted_established(90);
	raw_hex(&w.in,
		MARKER "0017 05 0002 00 01 " MARKER "0017 05 0001 09 01 " MARKER
		       "0017 05 0019 00 46 " REFRESH);
	settle();
	assert_int_equal(w.la.refreshes, 1);
	assert_int_equal(vrs_session_send_refresh(w.a, VRS_AFI_IP4, VRS_BGP_REFRESH_REQUEST), 0);
	assert_int_equal(
		vrs_session_send_refresh(w.a, VRS_AFI_IP4, VRS_BGP_REFRESH_BORR), -EOPNOTSUPP);
}

static void stop_says_why_and_start_begins_again(void **)
{
	struct vrs_session_config ca = config_of(true), cb = config_of(false);

	ca.endpoint.passive = true;
	pair(&ca, &cb);
	vrs_session_stop(w.a, VRS_BGP_CEASE_SHUTDOWN, "going home");
	assert_int_equal(w.la.down, 1);
	assert_int_equal(w.la.error.direction, VRS_SESSION_ERROR_SENT);
	settle();
	assert_int_equal(w.lb.down, 1);
	assert_int_equal(w.lb.error.subcode, VRS_BGP_CEASE_SHUTDOWN);
	assert_string_equal(w.lb.error.text, "going home");
	run_ms(20000);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_IDLE);
	assert_int_equal(mem_transport_conns(w.ta), 0);
	vrs_session_stop(w.a, VRS_BGP_CEASE_SHUTDOWN, NULL);
	assert_int_equal(w.la.down, 1);
	assert_int_equal(vrs_session_start(w.a), 0);
	run_ms(20000);
	assert_int_equal(w.la.established, 2);
	assert_int_equal(vrs_session_start(w.a), 0);
}

static void restart_refuses_the_peer_until_its_time(void **)
{
	struct vrs_session_config ca = config_of(true), cb = config_of(false);

	pair(&ca, &cb);
	run_ms(6000);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
	vrs_session_restart(w.a, VRS_BGP_CEASE_MAX_PREFIXES, NULL, 60000);
	run_ms(59800);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_IDLE);
	assert_int_equal(w.la.established, 1);
	run_ms(6000);
	assert_int_equal(w.la.established, 2);
	vrs_session_reset(w.a, "again");
	run_ms(100);
	assert_string_equal(w.lb.error.text, "again");
	run_ms(6000);
	assert_int_equal(w.la.established, 3);
}

static void a_stopped_session_sends_nothing(void **)
{
	struct vrs_session_config ca = config_of(true);
	struct vrs_chunk *c = vrs_chunk_new(23);

	assert_non_null(c);
	w.a = session_new(&ca, true);
	assert_int_equal(vrs_session_send(w.a, c, 0, 0, 0), -ENOTCONN);
	assert_int_equal(
		vrs_session_send_refresh(w.a, VRS_AFI_IP4, VRS_BGP_REFRESH_REQUEST), -ENOTCONN);
	assert_int_equal(vrs_session_queued(w.a), 0);
	assert_null(vrs_session_negotiated(w.a));
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_IDLE);
	vrs_session_resume(w.a);
	vrs_chunk_put(c);
}

static void listening_that_fails_is_reported_and_tried_again(void **)
{
	struct vrs_session_config ca = config_of(true), cb = config_of(false);

	assert_int_equal(w.ta->ops->endpoint_add(w.ta, &ca.endpoint, NULL), 0);
	w.a = session_new(&ca, true);
	w.b = session_new(&cb, false);
	assert_int_equal(vrs_session_start(w.a), -EEXIST);
	assert_int_equal(vrs_session_last_error(w.a)->err, EEXIST);
	w.ta->ops->endpoint_remove(w.ta, &ca.endpoint.local, &ca.endpoint.remote);
	assert_int_equal(vrs_session_start(w.b), 0);
	run_ms(11000);
	assert_int_equal(vrs_session_state(w.a), VRS_SESSION_ESTABLISHED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* --- taking over another configuration ---------------------------------------------------- */

static void a_session_takes_over_keepalive_and_scrub_without_a_reset(void **state)
{
	struct vrs_session_config ca = config_of(true), cb = config_of(false);
	struct vrs_session_live live = {.keepalive_s = 1, .scrub = {1}};

	pair(&ca, &cb);
	uint64_t sent = vrs_session_stat(w.a)->tx[VRS_BGP_KEEPALIVE];
	vrs_session_adapt(w.a, &live);
	run_ms(10000);
	assert_in_range(vrs_session_stat(w.a)->tx[VRS_BGP_KEEPALIVE] - sent, 9, 15);
	assert_int_equal(vrs_session_negotiated(w.a)->decode.scrub[0], 1);
	assert_int_equal(vrs_session_config(w.a)->scrub[0], 1);
	assert_int_equal(w.la.established, 1);
	assert_int_equal(w.la.down, 0);
}

static void a_session_that_is_no_longer_passive_connects_soon(void **state)
{
	struct vrs_session_config ca = config_of(true), cb = config_of(false);
	struct vrs_session_live live = {.keepalive_s = ca.keepalive_s};

	ca.endpoint.passive = cb.endpoint.passive = true;
	pair(&ca, &cb);
	assert_int_equal(w.la.established, 0);
	vrs_session_adapt(w.a, &live);
	run_ms(100);
	assert_int_equal(w.la.established, 1);
	/* And passive again: stands as it is. */
	live.passive = true;
	vrs_session_adapt(w.a, &live);
	run_ms(100);
	assert_int_equal(w.la.down, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_comes_up_at_once_from_either_side),
		TEST(both_sides_agree_on_what_was_negotiated),
		TEST(both_connecting_at_once_leave_one_connection),
		TEST(collisions_resolve_whichever_open_comes_first),
		TEST(a_connection_still_in_open_sent_goes_when_the_other_is_established),
		TEST(a_connection_to_an_established_session_gets_cease_7),
		TEST(a_second_knock_replaces_one_that_was_given_up),
		TEST(messages_out_of_place_are_fsm_errors),
		TEST(bad_opens_are_answered_and_backed_off),
		TEST(a_peer_that_erred_may_come_again_after_a_second),
		TEST(no_family_in_common_is_an_unsupported_capability),
		TEST(roles_that_do_not_match_are_refused),
		TEST(notifications_end_the_session_and_leave_their_text),
		TEST(silence_ends_the_session_after_the_hold_time),
		TEST(an_open_that_never_comes_is_given_four_minutes),
		TEST(keepalives_come_at_a_third_of_the_hold_time_or_faster),
		TEST(a_hold_time_of_zero_means_no_timers),
		TEST(a_peer_that_does_not_read_is_dropped_after_the_send_hold_time),
		TEST(refused_connections_are_tried_again_every_five_seconds),
		TEST(attempts_without_an_answer_are_replaced),
		TEST(back_off_doubles_to_a_minute_and_forgets_after_a_stable_one),
		TEST(a_refused_update_comes_again_after_resume),
		TEST(the_hold_timer_waits_with_us_for_one_more_hold_time),
		TEST(resume_gives_a_whole_hold_time),
		TEST(writable_tells_that_a_full_queue_has_drained),
		TEST(bytes_may_come_one_at_a_time),
		TEST(malformed_updates_are_counted),
		TEST(route_refresh_goes_both_ways),
		TEST(refreshes_that_say_nothing_to_us_are_ignored),
		TEST(stop_says_why_and_start_begins_again),
		TEST(restart_refuses_the_peer_until_its_time),
		TEST(a_stopped_session_sends_nothing),
		TEST(listening_that_fails_is_reported_and_tried_again),
		TEST(a_session_takes_over_keepalive_and_scrub_without_a_reset),
		TEST(a_session_that_is_no_longer_passive_connects_soon),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
