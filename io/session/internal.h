/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What session.c (the session: start, stop, retry, back-off) and link.c (one connection:
 * messages, hold and keepalive timers, collision) share.
 */

#include "io/session/session.h"
#include "rib/base/log.h"

/** One connection. */
struct vrs_link {
	struct vrs_session *session;
	struct vrs_conn *conn;        /* NULL: none */
	enum vrs_session_state state; /* IDLE without conn; never ACTIVE */
	bool incoming;
	bool parked;
	bool hold_extended;    /* while parked: the one more hold time is running */
	uint64_t last_rx_ms;   /* of a message that counts for the hold timer */
	uint64_t queued_total; /* bytes ever given to the transport */
	uint64_t wire_total;   /* of those, on the wire when last looked at */
	uint64_t progress_ms;  /* when that last grew */
	uint32_t hold_ms;      /* in force; 0 = none */
	struct vrs_timer hold, keepalive, send_hold;
	struct vrs_session_negotiated negotiated; /* from OPEN on */
};

struct vrs_session {
	struct vrs_session_config config;
	char name[64];
	struct vrs_transport *transport;
	struct vrs_wheel *wheel;
	const struct vrs_session_ops *ops;
	void *user;
	bool running;                /* between start and stop */
	bool listening;              /* endpoint added */
	bool idle;                   /* in IdleHold: not connecting */
	uint64_t refuse_until_ms;    /* ...and until then the peer may not either */
	enum vrs_session_state told; /* last given to changed() */
	struct vrs_timer retry;      /* IdleHold and ConnectRetry */
	uint32_t backoff_ms;
	uint64_t established_ms;
	uint64_t random;
	struct vrs_link out, in;
	struct vrs_session_error last_error;
	struct vrs_session_stat stat;
	struct vrs_log_limit log_limit;
};

/** What to do about a connection that ended, when it was the only one. */
enum vrs_link_fate {
	VRS_LINK_RETRY,     /* Active: try again after the connect-retry time */
	VRS_LINK_IDLE_HOLD, /* back off; the peer is refused */
	VRS_LINK_IDLE_OPEN, /* back off; the peer may come back */
};

/* --- link.c ----------------------------------------------------------------------------- */

extern const struct vrs_conn_ops vrs_link_conn_ops;

void vrs_link_init(struct vrs_link *l, struct vrs_session *s, bool incoming);

/** The connection is up: send our OPEN. */
void vrs_link_opened(struct vrs_link *l);

/** Send a NOTIFICATION, flush it, close; no callback, no retry. */
void vrs_link_notify_close(struct vrs_link *l, const uint8_t *message, size_t size);

/** Close without a word. */
void vrs_link_close(struct vrs_link *l, bool flush);

/** Close by collision: Cease 7. */
void vrs_link_collide(struct vrs_link *l);

/** Take over what vrs_session_adapt() changed. */
void vrs_link_adapt(struct vrs_link *l);

/** Queue a message, copied. @return 0 or -ENOMEM. */
int vrs_link_send(struct vrs_link *l, const uint8_t *message, size_t size);

/** Queue part of a chunk. @return 0 or -ENOMEM. */
int vrs_link_send_chunk(
	struct vrs_link *l, struct vrs_chunk *chunk, uint32_t offset, uint32_t size);

/* --- session.c -------------------------------------------------------------------------- */

struct vrs_link *vrs_session_other(struct vrs_link *l);

/** The link that is Established, or NULL. */
struct vrs_link *vrs_session_link(const struct vrs_session *s);

/** A link entered Established. */
void vrs_session_up(struct vrs_link *l);

/** A link ended, closed already. @p was is its state before. */
void vrs_session_link_ended(struct vrs_link *l, enum vrs_session_state was,
	const struct vrs_session_error *e, enum vrs_link_fate fate);

/** Tell changed() if the state is another than last told. */
void vrs_session_tell(struct vrs_session *s);

/** @p ms times 0.75 .. 1.0 (RFC 4271 section 10). */
uint64_t vrs_session_jitter(struct vrs_session *s, uint64_t ms);
