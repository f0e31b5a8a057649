/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/io/session_lab.h"

#include <string.h>

#include "io/bgp/encode.h"
#include "tests/io/bgp_build.h"
#include "tests/test.h"

struct session_lab lab;

/* --- The user of a session --- */

static void on_established(void *user, struct vrs_session *)
{
	((struct lab_log *)user)->established++;
}

static void on_down(void *user, struct vrs_session *, const struct vrs_session_error *e)
{
	struct lab_log *l = user;

	l->down++;
	l->error = *e;
}

static bool on_update(void *user, struct vrs_session *, const struct vrs_bgp_update *u)
{
	struct lab_log *l = user;

	if (l->refuse)
		return false;
	l->updates++;
	l->withdraws += u->announce_is_withdraw;
	return true;
}

static void on_refresh(void *user, struct vrs_session *, enum vrs_afi, unsigned subtype)
{
	struct lab_log *l = user;

	l->refreshes++;
	l->subtype = subtype;
}

static void on_writable(void *user, struct vrs_session *)
{
	((struct lab_log *)user)->writable++;
}

static const struct vrs_session_ops ops = {
	.established = on_established,
	.down = on_down,
	.update = on_update,
	.refresh = on_refresh,
	.writable = on_writable,
};

/* --- The script --- */

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
	if (lab.in.conn != NULL)
		lab.tb->ops->close(lab.in.conn, false);
	lab.in = (struct raw){.conn = conn, .up = true};
	*o = &raw_ops;
	*user = &lab.in;
	return true;
}

void raw_send(struct raw *r, const uint8_t *data, size_t size)
{
	struct vrs_chunk *c = vrs_chunk_new((uint32_t)size);

	assert_non_null(c);
	assert_non_null(r->conn);
	memcpy(c->data, data, size);
	assert_int_equal(lab.tb->ops->send(r->conn, c, 0, (uint32_t)size), 0);
	vrs_chunk_put(c);
}

void raw_hex(struct raw *r, const char *hex)
{
	uint8_t buf[4096];

	raw_send(r, buf, build_hex(hex, buf, sizeof(buf)));
}

void raw_open(struct raw *r, uint32_t asn, uint32_t id, uint16_t hold)
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

void expect_notification(const struct raw *r, unsigned code, unsigned subcode)
{
	unsigned c = 0, s = 0, type = raw_last(r, &c, &s);

	if (type != VRS_BGP_NOTIFICATION || c != code || s != subcode)
		fail_msg("got type %u %u/%u, not a NOTIFICATION %u/%u", type, c, s, code, subcode);
	assert_true(r->closed);
}

/* --- The lab --- */

struct vrs_session_config lab_config(bool ours)
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

void lab_settle(void)
{
	mem_net_settle(lab.net);
}

void lab_run_ms(uint64_t ms)
{
	uint64_t until = lab.wheel.now_ms + ms;

	for (lab_settle(); lab.wheel.now_ms < until; lab_settle())
		vrs_wheel_advance(&lab.wheel, VRS_MIN(until, lab.wheel.now_ms + 50));
}

int lab_setup(void **)
{
	memset(&lab, 0, sizeof(lab));
	lab.net = mem_net_new();
	lab.ta = mem_transport_new(lab.net);
	lab.tb = mem_transport_new(lab.net);
	lab.ta->accept = vrs_session_accept;
	lab.tb->accept = vrs_session_accept;
	vrs_wheel_init(&lab.wheel, 1000);
	return 0;
}

int lab_teardown(void **)
{
	vrs_session_free(lab.a);
	vrs_session_free(lab.b);
	lab.ta->ops->free(lab.ta);
	lab.tb->ops->free(lab.tb);
	mem_net_free(lab.net);
	assert_int_equal(lab.wheel.n, 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_EXPORT), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_SESSION), 0);
	return 0;
}

struct vrs_session *lab_session(const struct vrs_session_config *c, bool ours)
{
	struct vrs_session *s = vrs_session_new(
		c, ours ? lab.ta : lab.tb, &lab.wheel, &ops, ours ? &lab.la : &lab.lb);

	assert_non_null(s);
	return s;
}

void lab_pair(const struct vrs_session_config *ca, const struct vrs_session_config *cb)
{
	lab.a = lab_session(ca, true);
	lab.b = lab_session(cb, false);
	assert_int_equal(vrs_session_start(lab.a), 0);
	assert_int_equal(vrs_session_start(lab.b), 0);
	lab_run_ms(100);
}

void lab_scripted(const struct vrs_session_config *ca)
{
	struct vrs_session_config cb = lab_config(false);

	lab.tb->accept = raw_accept;
	assert_int_equal(lab.tb->ops->endpoint_add(lab.tb, &cb.endpoint, NULL), 0);
	lab.a = lab_session(ca, true);
	assert_int_equal(vrs_session_start(lab.a), 0);
	lab_settle();
}

void raw_connect_as(struct raw *r)
{
	struct vrs_session_config cb = lab_config(false);

	*r = (struct raw){0};
	assert_int_equal(lab.tb->ops->connect(lab.tb, &cb.endpoint.local, &cb.endpoint.remote,
				 &raw_ops, r, &r->conn),
		0);
	lab_settle();
}

void raw_connect(void)
{
	raw_connect_as(&lab.out);
}

void lab_scripted_established(uint16_t hold)
{
	struct vrs_session_config ca = lab_config(true);

	lab_scripted(&ca);
	raw_open(&lab.in, 65001, HIGH_ID, hold);
	raw_hex(&lab.in, KEEPALIVE);
	lab_settle();
	assert_int_equal(vrs_session_state(lab.a), VRS_SESSION_ESTABLISHED);
}
