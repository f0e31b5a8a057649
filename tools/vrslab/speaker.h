/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * One BGP session that we open: connect, OPEN, keepalives, send prepared streams as fast as
 * the peer reads, count what it says. Not a router: it has no RIB and takes no decision.
 *
 * It runs inside its owner's poll loop and never blocks:
 *
 *     fds[i] = {s->fd, vrs_speaker_events(s)};  poll(until vrs_speaker_deadline(s));
 *     vrs_speaker_io(s, fds[i].revents, now);  vrs_speaker_tick(s, now);
 *
 * A session that is lost goes back to waiting, and connects again at retry_ms (doubling from
 * half a second to 8 s). Threads: one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/bgp/open.h"
#include "io/bgp/update.h"
#include "rib/prefix.h"
#include "tools/vrslab/prefix_set.h"
#include "tools/vrslab/stream.h"

enum vrs_speaker_state {
	VRS_SPEAKER_IDLE,
	VRS_SPEAKER_CONNECT,
	VRS_SPEAKER_OPEN_SENT,
	VRS_SPEAKER_OPEN_CONFIRM,
	VRS_SPEAKER_ESTABLISHED,
	VRS_SPEAKER_CLOSING, /**< Last bytes are on their way. */
	VRS_SPEAKER_STOPPED,
};

/** Why a session ended. */
struct vrs_speaker_end {
	bool established; /**< It was. */
	bool received;    /**< code and subcode came from the peer. */
	uint8_t code;     /**< Of the NOTIFICATION; 0 = there was none. */
	uint8_t subcode;
	char text[320]; /**< One line, with the names. */
};

struct vrs_speaker;

struct vrs_speaker_ops {
	void (*established)(struct vrs_speaker *s);
	/** Everything queued is with the kernel. */
	void (*drained)(struct vrs_speaker *s);
	/** The peer asks for the table of @p afi again (RFC 2918). */
	void (*refresh)(struct vrs_speaker *s, enum vrs_afi afi);
	void (*closed)(struct vrs_speaker *s, const struct vrs_speaker_end *end);
};

#define VRS_SPEAKER_QUEUE 16

struct vrs_speaker {
	/* Set by the owner before the first tick. */
	struct vrs_addr local, peer;
	uint16_t port;
	struct vrs_bgp_open open; /**< What we say: AS, families, capabilities. */
	const struct vrs_speaker_ops *ops;
	void *owner;
	unsigned index;
	bool hand_over; /**< Once established, read nothing more: for vrs_speaker_take(). */

	/* To be read by the owner. */
	enum vrs_speaker_state state;
	int fd; /* -1 = none. */
	struct vrs_bgp_open theirs;
	bool as4, ibgp;
	uint8_t families;
	uint16_t hold_s;
	uint64_t established_ms;
	uint64_t n_rx_messages, n_rx_updates, n_rx_announced, n_rx_withdrawn, n_rx_errors;
	uint64_t last_rx_ms; /**< Last UPDATE with a prefix in it. */
	struct vrs_prefix_set held;
	uint64_t n_sent_bytes;

	/* Private. */
	uint64_t retry_ms, expire_ms, keepalive_ms, close_ms;
	uint32_t backoff_ms;
	bool stop, busy;
	const struct vrs_stream *queue[VRS_SPEAKER_QUEUE];
	size_t n_queue;
	const struct vrs_stream *current;
	size_t at, run_start, run_end; /* In current. */
	bool cut;                      /* Leave current where the run ends. */
	uint8_t control[8192];
	size_t control_at, control_size;
	struct vrs_bgp_decode_ctx ctx;
	struct vrs_bgp_update update;
	uint8_t rx[(size_t)128 << 10];
	size_t rx_size;
};

void vrs_speaker_init(struct vrs_speaker *s);
void vrs_speaker_fini(struct vrs_speaker *s);

/** @return POLLIN, POLLOUT as the session needs; 0 without a socket. */
short vrs_speaker_events(const struct vrs_speaker *s);

/** @return When vrs_speaker_tick() must be called, monotonic ms; UINT64_MAX = never. */
uint64_t vrs_speaker_deadline(const struct vrs_speaker *s);

void vrs_speaker_io(struct vrs_speaker *s, short revents, uint64_t now_ms);
void vrs_speaker_tick(struct vrs_speaker *s, uint64_t now_ms);

/** Send @p stream after what is queued; borrowed until sent. @return false: the queue is full. */
bool vrs_speaker_send(struct vrs_speaker *s, const struct vrs_stream *stream);

/** Drop what is queued and not begun; a message on its way is finished. */
void vrs_speaker_unqueue(struct vrs_speaker *s);

/**
 * Take the socket of an established session with hand_over: the speaker is idle then, and never
 * connects again.
 *
 * @param[out] rest  Read after the last message of the handshake; borrowed from the speaker.
 * @return           The socket, owned by the caller.
 */
int vrs_speaker_take(struct vrs_speaker *s, struct vrs_span *rest);

/** Say Cease / Administrative Shutdown, close, and do not connect again. */
void vrs_speaker_stop(struct vrs_speaker *s, uint64_t now_ms);
