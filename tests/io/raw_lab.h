/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A stack, and at the other end of its wire the test, which sends frames of its own making and looks at each one that
 * comes back. Its neighbour discovery has manners, all else is up to it. Time is virtual.
 */

#include "io/dpdk/stack.h"
#include "tests/io/mem_wire.h"
#include "tests/test.h"

enum {
	PORT = 179,
	FROM = 40000, /* The peer's port. */
	SEQ = 0x10000000,
	WINDOW = 60000,
	OUT_MAX = 2200,
	FRAME_MAX = 2048,
	L2 = 14,
	SYN = VRS_TCP_SYN,
	ACK = VRS_TCP_ACK,
	RST = VRS_TCP_RST,
	FIN = VRS_TCP_FIN,
};

/** What the stack is told of its peer. */
struct raw_options {
	bool ip6;
	const char *password;
	uint8_t ttl_security;
	uint16_t vlan;
	bool refuse;
};

/** A TCP frame of the test's; what is 0 is as the peer would say it. */
struct raw_shot {
	uint8_t flags;
	uint32_t seq, ack, size;
	uint16_t from, to;
	uint8_t ttl;
	const char *key; /* "": unsigned. */
	const struct vrs_addr *src, *dst;
	uint16_t vlan;
	bool other_mac;
};

struct raw_out {
	struct vrs_frame_info in;
	uint8_t data[FRAME_MAX];
	uint32_t size;
};

struct raw_lab {
	struct raw_options o;
	struct vrs_transport *t;
	struct vrs_wire *wire, *its; /* The test's, the stack's. */
	uint64_t now_us;
	struct vrs_addr us, us2, peer, stranger;
	struct raw_out *out; /* All but neighbour discovery. */
	unsigned n_out, n_seen;
	/* The user of the stack's connections. */
	struct vrs_conn *conn;
	unsigned accepted, up, down, others;
	int err;
	uint64_t received;
	bool take_nothing, close_in_down;
};

extern struct raw_lab raw;

void raw_begin(const struct raw_options *o);

/** Checks that every frame came back and all memory. */
void raw_end(void);

/** Let time pass. */
void raw_run(unsigned ms);

/** Hand in bytes as a frame. */
void raw_frame(const uint8_t *data, size_t size);

/** Hand in a segment, and let a few milliseconds go by. */
void raw_shoot(const struct raw_shot *s);

/** @return The next frame out that was not looked at; NULL: none. */
const struct raw_out *raw_next(void);
#define raw_silence() assert_null(raw_next())

/** The next frame out is a segment with these flags to that port. */
const struct vrs_tcp_segment *raw_expect(uint8_t flags, uint16_t to);

/** Pass over what has come. */
void raw_skip(void);

/** Handshake from port @p from. @return What is to be acknowledged next. */
uint32_t raw_open(uint16_t from);

/** The stack's user sends. */
void raw_send(uint32_t size);

/** What frames from us begin with. */
struct vrs_frame_link raw_link(void);

struct vrs_addr raw_addr(bool ip6, uint8_t last);

extern const struct vrs_conn_ops raw_user_ops;

struct vrs_stack_stat raw_seen(void);
struct vrs_transport_stat raw_stat(void);
