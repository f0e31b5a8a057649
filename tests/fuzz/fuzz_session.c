/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Bytes into a session on a virtual clock: {count, bytes} by turns; a count of 255 lets ten
 * seconds pass, 254 asks for a pause or ends it, 253 breaks the connection.
 */

#include <errno.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/session_user.h"
#include "tests/io/bgp_build.h"
#include "tests/io/mem_transport.h"

static struct {
	struct mem_net *net;
	struct vrs_transport *a, *b;
	struct vrs_wheel wheel;
	struct vrs_session *s;
	struct vrs_conn *conn;
	struct session_user user;
} w;

static void peer_up(void *, struct vrs_conn *)
{
}

static size_t peer_rx(void *, struct vrs_conn *, const uint8_t *, size_t size)
{
	return size;
}

static void peer_down(void *, struct vrs_conn *, int)
{
	w.conn = NULL;
}

static void peer_writable(void *, struct vrs_conn *)
{
}

static const struct vrs_conn_ops peer_ops = {peer_up, peer_rx, peer_down, peer_writable};

static bool peer_accept(
	void *, void *, struct vrs_conn *conn, const struct vrs_conn_ops **o, void **)
{
	if (w.conn != NULL)
		w.b->ops->close(w.conn, false);
	w.conn = conn;
	*o = &peer_ops;
	return true;
}

static void begin(void)
{
	struct vrs_session_config c = session_user_config;
	struct vrs_endpoint back;

	memset(&w, 0, sizeof(w));
	c.endpoint.local = vrs_addr_ip4(0x0a000004);
	c.endpoint.remote = vrs_addr_ip4(0x0a000104);
	c.endpoint.local_port = c.endpoint.remote_port = 179;
	back = c.endpoint;
	back.local = c.endpoint.remote;
	back.remote = c.endpoint.local;
	w.net = mem_net_new();
	w.a = mem_transport_new(w.net);
	w.b = mem_transport_new(w.net);
	w.a->accept = vrs_session_accept;
	w.b->accept = peer_accept;
	vrs_wheel_init(&w.wheel, 0);
	FUZZ_CHECK(w.b->ops->endpoint_add(w.b, &back, NULL) == 0);
	w.s = vrs_session_new(&c, w.a, &w.wheel, &session_user_ops, &w.user);
	FUZZ_CHECK(w.s != NULL && vrs_session_start(w.s) == 0);
	mem_net_settle(w.net);
}

static void speak(const uint8_t *data, size_t size)
{
	struct vrs_chunk *c = vrs_chunk_new((uint32_t)size);

	FUZZ_CHECK(c != NULL);
	memcpy(c->data, data, size);
	(void)w.b->ops->send(w.conn, c, 0, (uint32_t)size);
	vrs_chunk_put(c);
}

static void pass_time(uint64_t ms)
{
	uint64_t until = w.wheel.now_ms + ms;

	while (w.wheel.now_ms < until) {
		vrs_wheel_advance(&w.wheel, VRS_MIN(until, vrs_wheel_next(&w.wheel)));
		mem_net_settle(w.net);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrs_reader r = vrs_reader_init(data, size);

	begin();
	while (vrs_reader_left(&r) > 0) {
		size_t n = vrs_read_u8(&r);

		if (n == 255) {
			pass_time(10000);
		} else if (n == 254) {
			w.user.refuse = !w.user.refuse;
			vrs_session_resume(w.s);
		} else if (n == 253) {
			mem_transport_break(w.a, ECONNRESET);
		} else {
			struct vrs_span s = vrs_read_span(&r, VRS_MIN(n, vrs_reader_left(&r)));

			if (w.conn != NULL && s.size > 0)
				speak(s.data, s.size);
		}
		mem_net_settle(w.net);
		FUZZ_CHECK(session_user_agrees(&w.user, w.s));
	}
	vrs_session_stop(w.s, VRS_BGP_CEASE_SHUTDOWN, "over");
	FUZZ_CHECK(w.user.up == w.user.down);
	vrs_session_free(w.s);
	FUZZ_CHECK(w.wheel.n == 0);
	w.a->ops->free(w.a);
	w.b->ops->free(w.b);
	mem_net_free(w.net);
	FUZZ_CHECK(vrs_mem_used(VRS_MEM_EXPORT) == 0);
	return 0;
}

#define MARK      "ffffffffffffffffffffffffffffffff"
#define OPEN      "25 " MARK "0025 01 04 fde9 005a 0a000001 08 0206 010400010001 "
#define KEEPALIVE "13 " MARK "0013 04 "

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	static const char *const rows[] = {
		OPEN KEEPALIVE "17 " MARK "0017 02 0000 0000 " KEEPALIVE,
		OPEN KEEPALIVE "fe 17 " MARK "0017 02 0000 0000 ff fe " KEEPALIVE "ff ff",
		OPEN KEEPALIVE "ff ff ff ff ff ff ff ff ff ff",
		OPEN KEEPALIVE "15 " MARK "0015 03 06 02 ff " OPEN KEEPALIVE
			       "fd ff " OPEN KEEPALIVE,
		OPEN KEEPALIVE "17 " MARK "0017 05 0001 00 01 " OPEN,
		OPEN "ff " KEEPALIVE "2e " MARK
		     "002e 02 0000 0012 40010103 4002040201fde9 400304 0a000104 10 0a01 0000",
		KEEPALIVE "ff ff " OPEN,
	};

	return i < VRS_N_ELEMS(rows) ? build_hex(rows[i], out, cap) : 0;
}
