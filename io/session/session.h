/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * One BGP session: the state machine of RFC 4271 section 8 for one peer on one of our
 * addresses, over any transport, on any clock.
 *
 * While both sides connect at once a session has two connections, each with a state of its
 * own, until section 6.8 leaves one. What is told outward is the better of the two.
 *
 * **Threads.** One: that of the transport and of the wheel. Every callback runs there.
 * **Ownership.** The session borrows transport, wheel, ops and user until vrs_session_free(),
 * which must not be called from inside its own callbacks; everything else may be.
 *
 * **Departures from RFC 4271.** No DelayOpen. IdleHoldTime (DampPeerOscillations) starts at
 * 1 s and doubles to 60 s; a session that stood for 60 s starts again at 1 s. During it a peer
 * that ended the session itself may come back at once, any other after a second. A second incoming connection replaces
 * one that is not Established: the peer has given that up. The hold timer waits while we do
 * not read because the user of update() asked for a pause, for one more hold time at most.
 */

#include "io/bgp/notification.h"
#include "io/bgp/open.h"
#include "io/bgp/refresh.h"
#include "io/bgp/update.h"
#include "io/session/wheel.h"
#include "io/transport.h"

struct vrs_session;

enum vrs_session_state {
	VRS_SESSION_IDLE,
	VRS_SESSION_CONNECT,
	VRS_SESSION_ACTIVE,
	VRS_SESSION_OPEN_SENT,
	VRS_SESSION_OPEN_CONFIRM,
	VRS_SESSION_ESTABLISHED,
};

/** "Idle", "Connect", ... as in RFC 4271. */
const char *vrs_session_state_str(enum vrs_session_state state);

struct vrs_session_config {
	const char *name;             /**< For the log; copied, at most 63 bytes. */
	struct vrs_endpoint endpoint; /**< Addresses, ports, passive, password, ttl_security. */
	uint32_t local_as, peer_as;
	uint32_t router_id; /**< Ours, host order. */
	uint16_t hold_s;    /**< 0 or 3 and more. */
	uint16_t keepalive_s;
	uint8_t families; /**< enum vrs_bgp_family. */
	bool role_rs;     /**< Send the role Route Server (RFC 9234). */
	bool as2_only;    /**< Do not offer 4-byte AS numbers (tests, load generator). */
	uint8_t role;     /**< With send_role: another role (load generator). */
	bool send_role;
	uint8_t scrub[32];         /**< Bit per attribute code to drop on receipt. */
	uint32_t connect_retry_ms; /**< 0: 5000. */
	uint64_t seed;             /**< Of the jitter; any. */
};

enum vrs_session_direction {
	VRS_SESSION_ERROR_NONE,
	VRS_SESSION_ERROR_SENT,     /**< We sent a NOTIFICATION. */
	VRS_SESSION_ERROR_RECEIVED, /**< The peer did. */
	VRS_SESSION_ERROR_LOCAL,    /**< Neither: the connection failed; see err. */
};

struct vrs_session_error {
	uint8_t code, subcode; /**< Of the NOTIFICATION. */
	enum vrs_session_direction direction;
	int err;        /**< errno of the transport; 0 = none, or closed by the peer. */
	uint64_t at_ms; /**< On the wheel's clock. */
	char text[VRS_BGP_SHUTDOWN_STRLEN]; /**< The reason, or the text of RFC 9003. */
};

struct vrs_session_stat {
	uint64_t rx[VRS_BGP_N_TYPES]; /**< Messages by type. */
	uint64_t tx[VRS_BGP_N_TYPES];
	uint64_t treat_as_withdraw; /**< UPDATEs so treated. */
	uint64_t attr_discarded;    /**< Attributes dropped for an error. */
	uint64_t established;       /**< Times. */
	uint64_t collisions;        /**< Connections closed by section 6.8. */
};

/** What was agreed; only while Established. */
struct vrs_session_negotiated {
	struct vrs_bgp_open ours, theirs;
	struct vrs_bgp_decode_ctx decode; /**< How the peer's UPDATEs are read. */
	uint16_t hold_s;                  /**< 0 = none. */
	uint32_t keepalive_ms;            /**< 0 = none. */
	uint32_t max_tx;                  /**< Largest message the peer takes: 4096 or 65535. */
	uint8_t families;                 /**< enum vrs_bgp_family. */
	bool as4, refresh, enhanced_refresh, ext_next_hop, ibgp;
};

struct vrs_session_ops {
	/** Established. Full tables may be sent from now on. */
	void (*established)(void *user, struct vrs_session *s);
	/** No longer, whoever ended it (stop() and reset() too, from inside them). @p e is borrowed. */
	void (*down)(void *user, struct vrs_session *s, const struct vrs_session_error *e);
	/**
	 * An UPDATE: accept, discard or treat as withdraw. @return false for "not now": reading
	 * stops, and the same message comes again after vrs_session_resume(). @p u is borrowed.
	 */
	bool (*update)(void *user, struct vrs_session *s, const struct vrs_bgp_update *u);
	/** A ROUTE-REFRESH of a negotiated family; enum vrs_bgp_refresh_subtype. May be NULL. */
	void (*refresh)(void *user, struct vrs_session *s, enum vrs_afi afi, unsigned subtype);
	/** Queued bytes fell below the low-water mark after having been above the high one. May
	 *  be NULL. */
	void (*writable)(void *user, struct vrs_session *s);
	/** The state that vrs_session_state() tells has changed. May be NULL. */
	void (*changed)(void *user, struct vrs_session *s, enum vrs_session_state from,
		enum vrs_session_state to);
};

/** @return A stopped session, owned; NULL if out of memory. @p config is copied. */
struct vrs_session *vrs_session_new(const struct vrs_session_config *config,
	struct vrs_transport *transport, struct vrs_wheel *wheel, const struct vrs_session_ops *ops,
	void *user) VRS_NODISCARD;

/** Close without a word (stop first for a Cease), without callbacks, and free. NULL is
 *  ignored. */
void vrs_session_free(struct vrs_session *s);

/** What of a configuration a running session can take over without a new OPEN. */
struct vrs_session_live {
	uint16_t keepalive_s;
	bool passive;
	uint8_t scrub[32]; /**< From the next UPDATE on. */
};

/** Take @p live over; a session that is no longer passive connects soon. Never resets. */
void vrs_session_adapt(struct vrs_session *s, const struct vrs_session_live *live);

/**
 * Begin: listen, and connect at once unless passive. No effect when it runs.
 *
 * @return 0, or the negative errno of listening; the session runs all the same and tries to
 *         listen again before each attempt to connect.
 */
int vrs_session_start(struct vrs_session *s);

/** End with a Cease and stay Idle; the peer is refused. @p text as RFC 9003, may be NULL. */
void vrs_session_stop(struct vrs_session *s, enum vrs_bgp_cease subcode, const char *text);

/** End with a Cease, and begin again @p after_ms later; the peer is refused until then. */
void vrs_session_restart(
	struct vrs_session *s, enum vrs_bgp_cease subcode, const char *text, uint64_t after_ms);

/** End with a Cease 4 (Administrative Reset) and begin again about a second later. */
void vrs_session_reset(struct vrs_session *s, const char *text);

/**
 * What to set as vrs_transport.accept: takes the connections of endpoints that
 * vrs_session_start() added.
 */
bool vrs_session_accept(void *ctx, void *endpoint_user, struct vrs_conn *conn,
	const struct vrs_conn_ops **ops, void **user);

/** Whether update() said no and vrs_session_resume() has not been called yet. */
bool vrs_session_parked(const struct vrs_session *s);

/** Present the message that update() refused again (from the next poll), and read on. */
void vrs_session_resume(struct vrs_session *s);

/**
 * Queue whole messages from a shared chunk; takes its own reference. @p n_updates is for the
 * counters. @return 0; -ENOTCONN when not Established; -ENOMEM.
 */
int vrs_session_send(struct vrs_session *s, struct vrs_chunk *chunk, uint32_t offset, uint32_t size,
	uint32_t n_updates);

/** As vrs_session_send() for one message of any type, copied. */
int vrs_session_send_message(struct vrs_session *s, const uint8_t *message, size_t size);

/** Send a ROUTE-REFRESH. @return As vrs_session_send(), or -EOPNOTSUPP when the peer has no
 *  route refresh, or the family is not negotiated. */
int vrs_session_send_refresh(
	struct vrs_session *s, enum vrs_afi afi, enum vrs_bgp_refresh_subtype subtype);

/** @return Bytes queued and not yet handed to the wire; 0 when not Established. */
size_t vrs_session_queued(const struct vrs_session *s);

enum vrs_session_state vrs_session_state(const struct vrs_session *s);

/** @return Borrowed until the session ends; NULL when not Established. */
const struct vrs_session_negotiated *vrs_session_negotiated(const struct vrs_session *s);

/** @return The configuration, borrowed. */
const struct vrs_session_config *vrs_session_config(const struct vrs_session *s);

/** @return Milliseconds it has been Established; 0 when it is not. */
uint64_t vrs_session_uptime_ms(const struct vrs_session *s);

/** @return What ended or hindered it last; direction NONE if nothing has. Borrowed. */
const struct vrs_session_error *vrs_session_last_error(const struct vrs_session *s);

/** @return Borrowed. */
const struct vrs_session_stat *vrs_session_stat(const struct vrs_session *s);

/** The connection's addresses and ports. @return false when not Established. */
bool vrs_session_addresses(const struct vrs_session *s, struct vrs_addr *local,
	uint16_t *local_port, struct vrs_addr *remote, uint16_t *remote_port);
