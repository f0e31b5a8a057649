/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What tcp.c (life), tcp_input.c (segments in), tcp_output.c (segments out), tcp_sent.c (what is in
 * flight, SACK, RACK-TLP, PRR), tcp_cc.c (how much may be) and tcp_receive.c (what has come) share.
 */

#include "io/dpdk/tcp.h"
#include "rib/base/macro.h"
#include "rib/base/mem.h"

enum recovery {
	RECOVERY_NONE,
	RECOVERY_FAST, /* After losses that SACK or duplicates told of; PRR. */
	RECOVERY_RTO,  /* After a timeout; slow start. */
};

enum rtx_mode { RTX_NONE, RTX_RTO, RTX_TLP, RTX_PERSIST, RTX_SYN };

enum sent_state { SENT_OUT, SENT_LOST, SENT_SACKED };

enum { NOBODY = UINT32_MAX }; /* In the order of sending. */

static inline bool seq_in(uint32_t seq, uint32_t from, uint32_t to)
{
	return seq - from < to - from;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return vrs_tcp_seq_after(a, b) ? a : b;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return vrs_tcp_seq_before(a, b) ? a : b;
}

static inline uint64_t now_us(const struct vrs_tcp *t)
{
	return t->host->now_us;
}

/* --- tcp.c --- */

void vrs_tcp_ready(struct vrs_tcp *t);

/* The end: timers off, buffers dropped, the user told. */
void vrs_tcp_end(struct vrs_tcp *t, int err);

/* The same, and the peer is told (RST): we cannot go on. */
void vrs_tcp_give_up(struct vrs_tcp *t, int err);

void vrs_tcp_time_wait(struct vrs_tcp *t);

/* --- tcp_output.c --- */

/* All that may be sent now. @return false: the wire is full. */
bool vrs_tcp_output(struct vrs_tcp *t);

/* A segment without data. */
bool vrs_tcp_send_control(struct vrs_tcp *t, uint32_t seq, uint8_t flags);

/* Send again what is in place @p i of what is in flight. */
bool vrs_tcp_retransmit(struct vrs_tcp *t, uint32_t i);

/* @return How many of @p size queued bytes from @p seq on fit into one segment: fewer where chunks are very small. */
uint32_t vrs_tcp_segment_size(const struct vrs_tcp *t, uint32_t seq, uint32_t size);

/* Send one new segment although cwnd is full. @return false: there is none, or no window. */
bool vrs_tcp_send_new(struct vrs_tcp *t);

/* Acknowledged up to @p seq: drop the chunks. */
void vrs_tcp_drop_pieces(struct vrs_tcp *t, uint32_t seq);

/* Arm the one timer that watches what is in flight or cannot be sent. */
void vrs_tcp_arm_rtx(struct vrs_tcp *t);
void vrs_tcp_on_rtx(struct vrs_timer *timer);

/* Payload of a segment now; options are taken off. */
void vrs_tcp_set_mss(struct vrs_tcp *t);

/* --- tcp_sent.c --- */

static inline struct vrs_tcp_sent *sent_at(const struct vrs_tcp *t, uint32_t i)
{
	return &t->sent[i & (t->sent_capacity - 1)];
}

static inline bool sent_any(const struct vrs_tcp *t)
{
	return t->sent_head != t->sent_tail;
}

/* @return false: there is no place to note one more segment, nor memory for it. */
bool vrs_tcp_sent_room(struct vrs_tcp *t);

/* Note a segment that leaves now: there is room. */
void vrs_tcp_sent_add(struct vrs_tcp *t, uint32_t seq, uint32_t size, bool fin);

/* It leaves again now. */
void vrs_tcp_sent_again(struct vrs_tcp *t, uint32_t i);

/* The first that is lost; sent_tail: none. */
uint32_t vrs_tcp_sent_lost(struct vrs_tcp *t);

/* What an acceptable ACK and its SACK blocks say. */
void vrs_tcp_sent_acked(struct vrs_tcp *t, const struct vrs_tcp_segment *seg);

/* The retransmission timer: all of it is lost. */
void vrs_tcp_sent_timeout(struct vrs_tcp *t);

/* Cut what is in flight anew, all lost: the path's MTU is smaller. */
void vrs_tcp_sent_recut(struct vrs_tcp *t);
void vrs_tcp_sent_clear(struct vrs_tcp *t);

void vrs_tcp_on_reo(struct vrs_timer *timer);

void vrs_tcp_rtt_sample(struct vrs_tcp *t, uint32_t rtt_us);

/* --- tcp_cc.c --- */

void vrs_tcp_cc_init(struct vrs_tcp *t);
void vrs_tcp_cc_acked(struct vrs_tcp *t, uint32_t bytes);
void vrs_tcp_cc_loss(struct vrs_tcp *t);    /* Recovery begins: ssthresh is set, cwnd is PRR's. */
void vrs_tcp_cc_timeout(struct vrs_tcp *t); /* ssthresh and cwnd are set. */
void vrs_tcp_cc_undo(struct vrs_tcp *t);
void vrs_tcp_cc_idle(struct vrs_tcp *t); /* Nothing was in flight for an RTO (RFC 5681 4.1). */

/* --- tcp_receive.c --- */

/* Data at the left edge of the window or behind it; trimmed to the window. */
void vrs_tcp_receive(
	struct vrs_tcp *t, uint32_t seq, const uint8_t *data, uint32_t size, struct vrs_frame *f);

/* Present what waits, as far as its reader takes it. */
void vrs_tcp_present(struct vrs_tcp *t);

/* The window to advertise, from rcv_nxt on, scaled; moves rcv_adv. */
uint16_t vrs_tcp_window(struct vrs_tcp *t, bool syn);

/* Whether the window has opened so much that the peer should know. */
bool vrs_tcp_window_opened(const struct vrs_tcp *t);

/* SACK blocks of what is behind gaps, D-SACK first. */
void vrs_tcp_sack_blocks(struct vrs_tcp *t, struct vrs_tcp_segment *out);

void vrs_tcp_receive_clear(struct vrs_tcp *t);
