/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * TCP (RFC 9293) as a pure machine: segments and times go in, segments come out. It knows no frame, no
 * address and no clock of its own; the stack (io/dpdk/stack.c) or a test drives it.
 *
 * What it has: window scale, timestamps and PAWS (RFC 7323), SACK both ways with D-SACK (2018, 2883,
 * 6675's scoreboard), RACK-TLP (8985), PRR (6937), RTO (6298), CUBIC or NewReno (9438, 5681), Eifel
 * undo (3522, 4015), persist, delayed ACK, challenge ACKs (5961), TIME_WAIT (and its early end, 6191),
 * simultaneous open, user timeout, path MTU. What it has not, on purpose: urgent data (its bytes are
 * data), keepalive (BGP has its own), ECN.
 *
 * **Turns.** Input, timers and senders only change state and mark a flow ready; segments leave in
 * vrs_tcp_host_turn(), once per burst: so there is one ACK per burst and flow.
 *
 * **Threads.** A host and all of its flows belong to one thread. **Ownership.** A flow is its user's
 * memory, from vrs_tcp_init() to vrs_tcp_fini(); it may not go before closed() has returned, nor
 * inside any callback. Chunks are referenced until acknowledged. Received frames are borrowed; one that
 * has to wait (out of order, or its reader is paused) is kept by reference as long as the host holds fewer
 * than hold_max, and copied from then on.
 */

#include "io/dpdk/frame.h"
#include "io/dpdk/wire.h"
#include "io/session/wheel.h"

enum vrs_tcp_state {
	VRS_TCP_CLOSED,
	VRS_TCP_SYN_SENT,
	VRS_TCP_SYN_RCVD,
	VRS_TCP_ESTABLISHED,
	VRS_TCP_FIN_WAIT_1,
	VRS_TCP_FIN_WAIT_2,
	VRS_TCP_CLOSE_WAIT,
	VRS_TCP_CLOSING,
	VRS_TCP_LAST_ACK,
	VRS_TCP_TIME_WAIT,
};

enum {
	VRS_TCP_RTO_MIN_MS = 200, /**< Linux's; RFC 6298 has 1 s, from days of 500 ms clocks. */
	VRS_TCP_RTO_MAX_MS = 60000,
	VRS_TCP_RTO_FIRST_MS = 1000,
	VRS_TCP_RTO_UNKNOWN_MS = 3000, /**< After a SYN that was sent again (RFC 6298 (5.7)). */
	VRS_TCP_DELAYED_ACK_MS = 40,
	VRS_TCP_TIME_WAIT_MS = 60000,
	VRS_TCP_SYN_TIMEOUT_MS = 180000, /**< RFC 9293 section 3.8.3: at least 3 minutes. */
	VRS_TCP_HALF_OPEN_TIMEOUT_MS =
		63000, /**< A passive open: sent again five times, as Linux. */
	VRS_TCP_USER_TIMEOUT_MS =
		300000,          /**< Nothing acknowledged for so long: the peer is gone. */
	VRS_TCP_MTU_MS = 600000, /**< For so long the path is as narrow as an ICMP said. */
	VRS_TCP_RECEIVE_BUFFER = 4 << 20,
	VRS_TCP_RANGES_MAX = 64, /**< Gaps between what has arrived; more is dropped. */
};

struct vrs_tcp;

/** What a host does for its flows. None may be NULL unless it says so. */
struct vrs_tcp_ops {
	/** Send @p seg with the payload in @p pieces. @return false: no room on the wire now. */
	bool (*output)(struct vrs_tcp *t, const struct vrs_tcp_segment *seg,
		const struct vrs_wire_piece *pieces, unsigned n_pieces);
	/** Give back a frame that was kept. */
	void (*put)(struct vrs_tcp *t, struct vrs_frame *f);
	/** The handshake is done. */
	void (*established)(struct vrs_tcp *t);
	/** In-order bytes, borrowed. @return How many were consumed: whole messages. Returning fewer
	 *  although need() says there is a whole one means "not now": call vrs_tcp_pause() too. */
	size_t (*receive)(struct vrs_tcp *t, const uint8_t *data, size_t size);
	/** @return Bytes of the message that begins at @p data: more than @p size when it is not all
	 *  there (then as many as are needed to know better). NULL: all is presented again each time. */
	size_t (*need)(struct vrs_tcp *t, const uint8_t *data, size_t size);
	/** The peer sends no more; all it sent has been presented. */
	void (*eof)(struct vrs_tcp *t);
	/** It is over: 0 after both FINs, else an errno: ECONNRESET, ECONNREFUSED, ETIMEDOUT, ... */
	void (*closed)(struct vrs_tcp *t, int err);
	/** Bytes have left the send queue. */
	void (*sent)(struct vrs_tcp *t);
	/** Nothing comes back, or something did: what neighbour discovery wants to know. */
	void (*suspect)(struct vrs_tcp *t);
	void (*confirm)(struct vrs_tcp *t);
};

struct vrs_tcp_stat {
	uint64_t rx_segments, tx_segments, rx_bytes, tx_bytes;
	uint64_t rx_in_place;     /**< Bytes presented where they lay in a frame. */
	uint64_t rx_stitched;     /**< Messages put together of two frames or more. */
	uint64_t rx_out_of_order; /**< Segments. */
	uint64_t rx_duplicate;    /**< Segments with nothing new. */
	uint64_t rx_dropped;      /**< Segments: no room or memory to keep them. */
	uint64_t rx_copied;       /**< Frames copied since too many were held. */
	uint64_t rx_unacceptable; /**< Segments outside the window, PAWS, or with an absurd ACK. */
	uint64_t challenge_acks, challenge_limited; /**< RFC 5961. */
	uint64_t resets;                            /**< Connections that a RST ended. */
	uint64_t retransmits;                       /**< Segments. */
	uint64_t rtos, tlps, recoveries, undos;
	uint64_t zero_windows; /**< Persist probes. */
	uint64_t dsacks;       /**< Received. */
	uint64_t timeouts;     /**< Connections given up. */
	uint64_t tx_full;      /**< output() had no room. */
	uint64_t renegs;       /**< SACKed data that the peer dropped. */
};

/** Flows of one core. */
struct vrs_tcp_host {
	const struct vrs_tcp_ops *ops;
	struct vrs_wheel wheel; /* 1 ms */
	uint64_t now_us;
	uint64_t rng;
	uint32_t n_held, hold_max; /* Frames. */
	struct vrs_tcp *ready;     /* To have their turn. */
	struct vrs_tcp **ready_end;
	bool newreno; /**< Congestion control: CUBIC, or NewReno. */
	struct vrs_tcp_stat stat;
};

void vrs_tcp_host_init(struct vrs_tcp_host *h, const struct vrs_tcp_ops *ops, uint64_t now_us,
	uint64_t seed, uint32_t hold_max);

/** Set the clock and fire timers. @return Timers fired. */
size_t vrs_tcp_host_advance(struct vrs_tcp_host *h, uint64_t now_us);

/** Send what is to be sent. @return false: some wait for room on the wire. */
bool vrs_tcp_host_turn(struct vrs_tcp_host *h);

/** How a flow begins. */
struct vrs_tcp_params {
	uint32_t iss;       /**< RFC 6528. */
	uint32_t ts_offset; /**< RFC 7323 section 5.4: a random beginning. */
	uint16_t mtu;       /**< Of our side: an IP packet. */
	bool ip6;
	bool md5; /**< Segments carry 20 bytes of options for it; no timestamps, so that SACK has room. */
	uint32_t receive_buffer; /**< 0: VRS_TCP_RECEIVE_BUFFER. */
};

#include "io/dpdk/tcp_flow.h"

/** Make @p t a closed flow. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_tcp_init(
	struct vrs_tcp *t, struct vrs_tcp_host *h, const struct vrs_tcp_params *p);

/** Drop everything it has; no callback. */
void vrs_tcp_fini(struct vrs_tcp *t);

/** Active open. */
void vrs_tcp_connect(struct vrs_tcp *t);

/** Passive open: @p syn has arrived for a closed flow (a SYN without ACK and RST). */
void vrs_tcp_accept(struct vrs_tcp *t, const struct vrs_tcp_segment *syn);

/** A segment has arrived. @p f is where its payload lies: when its buffer is NULL on return it was kept. */
void vrs_tcp_input(struct vrs_tcp *t, const struct vrs_tcp_segment *seg, struct vrs_frame *f);

/** Queue bytes. @return 0 (also, without effect, when nothing can be sent any more) or -ENOMEM. */
VRS_NODISCARD int vrs_tcp_send(
	struct vrs_tcp *t, struct vrs_chunk *chunk, uint32_t offset, uint32_t size);

/** @return Bytes not sent for the first time yet. */
size_t vrs_tcp_unsent(const struct vrs_tcp *t);

/** @return Bytes sent or not that are not acknowledged. */
size_t vrs_tcp_unacked(const struct vrs_tcp *t);

/** FIN behind what is queued. What arrives from now on is acknowledged and dropped. */
void vrs_tcp_shut(struct vrs_tcp *t);

/** End at once, with a RST where the peer may know of us. closed() is not called. */
void vrs_tcp_abort(struct vrs_tcp *t);

/** Stop presenting bytes; go on with it from the next turn. */
void vrs_tcp_pause(struct vrs_tcp *t);
void vrs_tcp_resume(struct vrs_tcp *t);

/** The path takes packets of @p mtu bytes only, says an ICMP about our segment at @p seq (RFC 1191, 8201;
 *  believed when seq is in flight, RFC 5927). @return Whether it was believed. */
bool vrs_tcp_mtu(struct vrs_tcp *t, uint32_t seq, uint32_t mtu);

/** The peer cannot be reached, says an ICMP (RFC 5927): ends an open, else it is only noted. @return
 *  Whether it was believed. */
bool vrs_tcp_unreachable(struct vrs_tcp *t, uint32_t seq, int err);

/** Who takes our frames for the peer does not answer: that ends an open, as of a kernel; what is established goes on
 *  until it times out, and says so then (RFC 1122 4.2.3.9, 5461). */
void vrs_tcp_no_hop(struct vrs_tcp *t);

/** The path may be there again: what timed out is sent again now, not when its back-off is over. */
void vrs_tcp_kick(struct vrs_tcp *t);

/** @return Whether a SYN for a flow in TIME_WAIT may begin anew (RFC 6191). */
bool vrs_tcp_may_recycle(const struct vrs_tcp *t, const struct vrs_tcp_segment *syn);

/** The answer of nobody to a segment (RFC 9293 section 3.10.7.1). @return false: a RST is not answered. */
VRS_NODISCARD bool vrs_tcp_refuse(const struct vrs_tcp_segment *seg, struct vrs_tcp_segment *out);

static inline bool vrs_tcp_seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool vrs_tcp_seq_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}
