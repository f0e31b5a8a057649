/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A flow's state, for those who embed one (include io/dpdk/tcp.h). Members are tcp*.c's own unless they
 * say otherwise.
 */

#include <stdbool.h>
#include <stdint.h>

#include "io/dpdk/wire.h"
#include "io/session/wheel.h"

struct vrs_tcp_held;
struct vrs_tcp_host;

/** What is queued and not acknowledged, oldest first; a ring. */
struct vrs_tcp_piece {
	struct vrs_chunk *chunk;
	uint32_t offset, size, seq;
};

/** A segment that was sent and is not acknowledged. */
struct vrs_tcp_sent {
	uint64_t sent_us;  /* The last time, */
	uint64_t first_us; /* and the first. */
	uint32_t seq, size;
	uint32_t next,
		prev;  /* Of those that are out, in the order of sending; places in the ring. */
	uint8_t state; /* enum sent_state */
	bool fin, retransmitted;
};

/** Data behind a gap. */
struct vrs_tcp_range {
	uint32_t from, to;
	uint32_t stamp; /* When it grew last. */
	struct vrs_tcp_held *first, *last;
};

struct vrs_tcp_cc {
	uint32_t cwnd, ssthresh; /* Bytes. */
	/* CUBIC (RFC 9438), in segments. */
	double w_max, k, w_est, cwnd_prior;
	uint64_t epoch_us; /* 0: the next ACK begins one. */
	/* To be restored when the loss was none. */
	uint32_t undo_cwnd, undo_ssthresh;
	double undo_w_max;
};

struct vrs_tcp {
	struct vrs_tcp_host *host;
	struct vrs_tcp *next_ready;
	bool in_ready;
	uint8_t state;    /* enum vrs_tcp_state */
	uint8_t recovery; /* enum recovery */
	uint8_t rtx_mode; /* What the rtx timer is for. */
	bool ip6, md5, ts_on, sack_on, wscale_on;
	bool paused, present_due, shut, fin_sent, fin_seen, eof_seen, eof_told;
	bool ack_now, ack_soon, active_open;
	bool undo_possible, tlp_retransmit, reordering_seen, tlp_out;
	uint16_t mss, mtu, link_mtu; /* mss: payload of a segment, options taken off. */
	uint16_t peer_mss, ack_segments;
	uint8_t snd_wscale, rcv_wscale;
	uint8_t backoff, reo_wnd_mult, reo_wnd_persist, dupacks;

	/* Sending (RFC 9293 section 3.3.1). */
	uint32_t iss, snd_una, snd_nxt, snd_wnd, snd_wl1, snd_wl2, max_wnd;
	uint32_t recovery_point, prr_out, prr_delivered, recover_fs, undo_ts;
	uint32_t tlp_end;
	struct vrs_tcp_piece *pieces; /* Ring; capacity a power of two. */
	uint32_t piece_head, n_pieces, piece_capacity;
	uint32_t queue_end;        /* Sequence behind the last byte queued. */
	struct vrs_tcp_sent *sent; /* Ring; places go on for ever, masked. */
	uint32_t sent_head, sent_tail, sent_capacity;
	uint32_t order_first, order_last;     /* By time. */
	uint32_t lost_hint;                   /* No place before it is lost. */
	uint32_t in_flight, n_lost, n_sacked; /* Bytes, records, records. */
	uint32_t delivered;                   /* Bytes by the ACK at hand. */
	uint64_t progress_us;                 /* Last time something was acknowledged. */
	uint64_t cwnd_full_us;                /* Last time cwnd was what held us back. */
	uint64_t mtu_us;                      /* When mtu became smaller than link_mtu. */

	/* Round trip and RACK. */
	uint32_t srtt_us, rttvar_us, rto_ms, min_rtt_us, rack_rtt_us;
	uint64_t min_rtt_at_us, rack_sent_us;
	uint32_t rack_end, fack, reo_round;

	struct vrs_tcp_cc cc;

	/* Receiving. */
	uint32_t irs, rcv_nxt, rcv_adv, rcv_buffer, last_ack_sent;
	uint32_t ts_recent, ts_offset;
	uint32_t fin_seq; /* Of the peer's FIN, when fin_seen. */
	uint64_t ts_recent_us, challenge_us;
	uint32_t challenge_credit;
	struct vrs_tcp_held *queue, *queue_last; /* In order, not presented yet. */
	uint32_t queue_bytes;
	uint64_t held_memory;         /* Bytes that it and what lies behind gaps take. */
	struct vrs_tcp_range *ranges; /* VRS_TCP_RANGES_MAX, made when first needed; by sequence. */
	uint32_t n_ranges, range_stamp;
	uint8_t *left; /* Beginning of a message. */
	uint32_t left_size, left_capacity;
	bool has_dsack;
	uint32_t dsack_from, dsack_to;
	uint32_t
		duplicate_nxt; /* rcv_nxt at duplicate_us: when the peer began to send again what we have. */
	uint64_t duplicate_us;
	int soft_error;

	struct vrs_timer rtx, reo, ack, life;
};
