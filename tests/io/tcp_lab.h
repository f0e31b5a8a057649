/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * One TCP flow, a virtual clock, and a peer that is the test: it hands in segments and looks at what comes
 * out. Sequence numbers are given relative to both initial ones: 0 is the SYN, 1 the first byte.
 *
 * The bytes of both streams follow a pattern, so that what is wrong, missing or twice is seen: every payload
 * that leaves and every byte that is presented is checked.
 */

#include "io/dpdk/tcp.h"

enum {
	LAB_OUT_MAX = 4096,
	LAB_MTU = 1500,
	LAB_MSS = 1448,        /* With timestamps. */
	LAB_ISS = 0xfffff000u, /* Wraps early. */
	LAB_IRS = 0x7ffffff0u,
};

struct lab_out {
	struct vrs_tcp_segment seg; /* seq and ack are relative; data NULL. */
	uint64_t at_us;
};

/** What the peer says in its SYN, and the lab's flow of itself. */
struct lab_options {
	bool passive, no_ts, no_sack, no_wscale, md5, ip6, newreno, no_need;
	uint16_t mss;    /**< 0: LAB_MTU - 40. */
	uint16_t window; /**< 0: 65535; scaled by 7. */
	uint32_t receive_buffer;
	uint32_t hold_max; /**< 0: 64 frames. */
	uint32_t message;  /**< Bytes of a message; 0: 1, so that all is consumed. */
	uint32_t header;   /**< How many of those say how long it is; 0: nobody has to say. */
};

struct tcp_lab {
	struct vrs_tcp_host host;
	struct vrs_tcp flow;
	struct lab_options o;
	struct lab_out out[LAB_OUT_MAX];
	unsigned n_out, n_looked_at;
	uint32_t peer_ts; /* What its segments say; follows the clock. */
	uint32_t ts_echo;
	uint64_t rx, rx_calls; /* Bytes presented, calls. */
	unsigned n_frames;     /* Kept by the flow. */
	unsigned n_established, n_eof, n_closed, n_sent, n_suspect, n_confirm;
	int err;
	bool full;        /* The wire takes nothing. */
	bool pause_in_rx; /* The next presentation is refused. */
	uint32_t tx;      /* Bytes queued. */
};

/** A closed flow. */
void lab_init(struct tcp_lab *l, const struct lab_options *o);

/** Frees all; checks that no frame is left. */
void lab_fini(struct tcp_lab *l);

/** Handshake, round trip 10 ms; out[] is empty again afterwards. */
void lab_open(struct tcp_lab *l, const struct lab_options *o);

/** A segment of the peer's: relative numbers, payload of @p size bytes of the pattern at seq. */
struct vrs_tcp_segment lab_segment(
	struct tcp_lab *l, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t size);

/** Hand it in, in a frame of its own; no turn yet. */
void lab_feed(struct tcp_lab *l, struct vrs_tcp_segment *seg);

/** The burst is over. */
void lab_turn(struct tcp_lab *l);

/** lab_segment(), lab_feed() and lab_turn(). */
void lab_in(struct tcp_lab *l, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t size);

/** An ACK with SACK blocks: pairs from, to; 0 ends them. */
void lab_ack(struct tcp_lab *l, uint32_t ack, ...);

/** Let time pass, a millisecond at a time. */
void lab_wait(struct tcp_lab *l, unsigned ms);

/** Queue @p size bytes of the pattern and have a turn. */
void lab_send(struct tcp_lab *l, uint32_t size);

/** @return The next segment that left and was not looked at; NULL: none. */
const struct lab_out *lab_next(struct tcp_lab *l);

/** The next one must have these flags, numbers and size. */
void lab_expect(struct tcp_lab *l, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t size);
#define lab_expect_none(l) assert_null(lab_next(l))

/** Pass over what has left. */
void lab_skip(struct tcp_lab *l);
