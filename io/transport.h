/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The one interface between sessions and whatever carries their bytes: kernel sockets
 * (io/kernel), our own TCP over DPDK (io/dpdk), or memory in tests.
 *
 * **Threads.** A transport belongs to one I/O thread: every function and callback runs there,
 * except wake(), which any thread may call. **Ownership.** Connections belong to the
 * transport; a user holds a pointer from connect()/accept until down() returns or it calls
 * close(). Spans given to rx() are borrowed during the call.
 *
 * **Peers.** A transport talks to configured peers only. An endpoint {local, remote} is added
 * before it may connect or be accepted; whoever else knocks is closed before any byte is read
 * or written, and counted. One peer has at most VRS_CONNS_PER_PEER connections at a time:
 * that is the session's, one that takes its place, and some that flush a last word.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/chunk.h"
#include "rib/prefix.h"

struct vrs_transport;
struct vrs_conn;

/** A configured peer, as the transport needs to know it. */
struct vrs_endpoint {
	struct vrs_addr local;  /**< Our address (a virtualRouterIp). */
	struct vrs_addr remote; /**< The peer's. */
	uint16_t local_port;    /**< Port we listen on. */
	uint16_t remote_port;   /**< Port we connect to. */
	uint8_t ttl_security; /**< Hops the peer may be away (RFC 5082), 0 = off: TTL 64 out, any in. */
	bool passive;         /**< We never connect; accept only. */
	char password[81]; /**< TCP-MD5 (RFC 2385), empty = none. */
};

/** What a connection tells its user. All on the owner thread. */
struct vrs_conn_ops {
	/** The connection is established (active opens only; accepted ones are up already). */
	void (*up)(void *user, struct vrs_conn *conn);
	/**
	 * Bytes have arrived. @return How many were consumed. The rest is presented again, in one
	 * piece with what follows it, when more arrives or after resume(). Returning less than a
	 * whole available message means "not now": call pause() too; reading stops until resume().
	 */
	size_t (*rx)(void *user, struct vrs_conn *conn, const uint8_t *data, size_t size);
	/** The connection is gone: @p err is 0 for an orderly close by the peer, else an errno.
	 *  @p conn is invalid after this returns. Not called for a close() of our own. */
	void (*down)(void *user, struct vrs_conn *conn, int err);
	/** Queued bytes fell below the low-water mark after having been above the high one. */
	void (*writable)(void *user, struct vrs_conn *conn);
};

/** Connections between two addresses, those that still flush included. */
#define VRS_CONNS_PER_PEER 8

/** Bytes queued in a connection at which a user should stop, and go on (writable()). */
#define VRS_CONN_HIGH_WATER (1u << 20)
#define VRS_CONN_LOW_WATER  (1u << 18)

/**
 * A configured peer knocks. @return true to take it, with @p ops and @p user filled in; the
 * connection is up. false closes it. It may also send a last word and close() it, flushing,
 * from inside; then what it returns does not matter.
 */
typedef bool (*vrs_accept_fn)(void *ctx, void *endpoint_user, struct vrs_conn *conn,
	const struct vrs_conn_ops **ops, void **user);

struct vrs_transport_stat {
	uint64_t accepted;
	uint64_t refused_unknown; /**< Closed: no endpoint with that remote address. */
	uint64_t refused_crowd;   /**< Closed: the peer has that many connections already. */
	uint64_t refused_idle;    /**< Closed: the session did not want it (accept() said no). */
	uint64_t refused_want;    /**< Closed for want of descriptors or memory. */
	uint64_t connects;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	uint64_t polls;
	uint64_t open; /**< Connections now, those that still flush included. */
	/** What a transport that does TCP itself sees besides; others leave it 0. */
	struct vrs_transport_wire {
		uint64_t rx_frames, tx_frames, tx_full;
		uint64_t bad;     /**< Frames: malformed, or with a wrong checksum. */
		uint64_t other;   /**< Frames that are for nobody here. */
		uint64_t md5;     /**< Segments with a wrong signature, none, or one too many. */
		uint64_t ttl_low; /**< Segments from too far away (RFC 5082). */
		uint64_t no_conn; /**< Segments of peers for no connection: answered with RST. */
		uint64_t in_place,
			stitched; /**< Bytes read where they lay; messages put together. */
		uint64_t out_of_order, duplicate, dropped, copied;
		uint64_t retransmits, timeouts, probes, recoveries, undone;
		uint64_t zero_windows, challenges, unacceptable;
		uint64_t handed, handed_full; /**< Frames between threads; lost there. */
		uint64_t unresolved, neighbors, neighbors_failed, neighbors_changed, conflicts;
		uint64_t idle_polls;
	} wire;
};

enum vrs_port_link {
	VRS_PORT_LINK_UNKNOWN,
	VRS_PORT_LINK_DOWN,
	VRS_PORT_LINK_UP,
};

/** A device below transports, and what it has lost by its own account; a driver that does not count leaves 0. */
struct vrs_transport_port {
	const char *name; /**< Borrowed from the transport. */
	enum vrs_port_link link;
	uint64_t missed;       /**< Frames received while there was no room: we were too slow. */
	uint64_t rx_errors;    /**< Frames received with an error. */
	uint64_t tx_errors;    /**< Frames that it could not send. */
	uint64_t no_buffers;   /**< Times there was no buffer to receive into. */
	uint64_t chained_lost; /**< Frames in several buffers that no one was large enough for. */
	uint64_t tap_lost;     /**< Frames that the exception TAP did not take. */
};

struct vrs_transport_ops {
	/**
	 * Let @p ep connect and be accepted; starts listening on its local address and port when
	 * it is the first there. @return 0; -EEXIST for the same {local, remote}; -EADDRINUSE,
	 * -EADDRNOTAVAIL, -EACCES and the like from listening; -ENOMEM.
	 */
	int (*endpoint_add)(
		struct vrs_transport *t, const struct vrs_endpoint *ep, void *endpoint_user);
	/** Forget it; its connections stay until closed. Stops listening after the last. */
	void (*endpoint_remove)(struct vrs_transport *t, const struct vrs_addr *local,
		const struct vrs_addr *remote);
	/**
	 * Open a connection for a known endpoint; up() or down() follows, never from inside this
	 * call. @return 0 with *out, or a negative errno that is final at once.
	 */
	int (*connect)(struct vrs_transport *t, const struct vrs_addr *local,
		const struct vrs_addr *remote, const struct vrs_conn_ops *ops, void *user,
		struct vrs_conn **out);
	/**
	 * Queue bytes [@p offset, @p offset + @p size) of @p chunk; takes its own reference.
	 * Never blocks and never refuses: watch queued(). @return 0 or -ENOMEM (nothing queued).
	 */
	int (*send)(struct vrs_conn *conn, struct vrs_chunk *chunk, uint32_t offset, uint32_t size);
	/** @return Bytes accepted by send() and not yet handed to the wire. */
	size_t (*queued)(const struct vrs_conn *conn);
	/** Present unconsumed bytes again (from the next poll) and go on reading. */
	void (*resume)(struct vrs_conn *conn);
	/** Stop reading: the peer's window closes in time. Undone by resume(). */
	void (*pause)(struct vrs_conn *conn);
	/**
	 * End a connection. @p flush: send what is queued first, for at most 1 s, then close (for a
	 * NOTIFICATION); otherwise drop it. No callback follows. Allowed inside callbacks.
	 */
	void (*close)(struct vrs_conn *conn, bool flush);
	/** Both ends' addresses and ports. Any may be NULL. */
	void (*info)(const struct vrs_conn *conn, struct vrs_addr *local, uint16_t *local_port,
		struct vrs_addr *remote, uint16_t *remote_port);
	/**
	 * Wait up to @p timeout_ms (0 = do not wait, -1 = for ever) for anything to happen and
	 * run the callbacks, a bounded amount of work at most. @return Events handled, or a
	 * negative errno.
	 */
	int (*poll)(struct vrs_transport *t, int timeout_ms);
	/** Make the current or next poll() return soon. Any thread; async-signal-safe. */
	void (*wake)(struct vrs_transport *t);
	/** @return A descriptor that is readable when poll() has something to do, or may have, for the
	 *  host's own epoll; what poll() put off shows in its result alone. NULL or -1: there is none. */
	int (*fd)(const struct vrs_transport *t);
	/** Any thread. */
	void (*stat)(const struct vrs_transport *t, struct vrs_transport_stat *out);
	/** Close everything at once and free @p t. */
	void (*free)(struct vrs_transport *t);
};

/** First member of every transport. */
struct vrs_transport {
	const struct vrs_transport_ops *ops;
	vrs_accept_fn accept; /**< Set by the user before the first endpoint_add(). */
	void *accept_ctx;
	/** Set by the user, may be NULL: poll() has waited, its callbacks come next. The time is
	 *  another than when poll() was called. */
	void (*woke)(void *ctx);
	void *woke_ctx;
	/**
	 * Set by who made it, NULL: there are no ports. Port @p index of those that all transports of a
	 * family share, as it is now. Any thread; may wait for a device. @return Whether there is one.
	 */
	bool (*port)(void *ctx, unsigned index, struct vrs_transport_port *out);
	void *port_ctx;
	/** Nanoseconds ever spent on writing what was queued, for who shows where time goes; a
	 *  transport that does not know leaves it 0. */
	uint64_t write_ns;
};
