/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The I/O thread: sessions on a transport, writing into the RIBs it owns.
 *
 * It runs to completion: bytes in, messages parsed, paths decided and published, what
 * propagation encoded sent on; then sweeps and reclaim, a bounded amount each turn.
 *
 * **Threads.** Everything here runs on the I/O thread (or before it starts and after it has
 * ended) except where marked. **Ownership.** A vrs_io owns its transport, wheel, reclaimer
 * and servers.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/config.h"
#include "engine/mailbox.h"
#include "engine/observe.h"
#include "engine/propagate.h"
#include "io/session/session.h"
#include "io/transport.h"
#include "rib/base/log.h"
#include "rib/shards.h"

struct vrs_io;
struct vrs_server;

/** One session of a bgpConnection: one of the route server's instances. */
struct vrs_neighbor {
	struct vrs_neighbor *next;
	struct vrs_server *server;
	char *name; /* Of the bgpConnection. */
	struct vrs_addr local, remote;
	uint32_t peer_asn;
	uint16_t connection; /* Number of the bgpConnection; both sessions share it. */
	uint8_t instance;
	uint8_t class; /* enum vrs_peer_class */
	bool ibgp;
	struct vrs_path_source source;    /* Of its paths, while Established. */
	struct vrs_session_config config; /* As the session was made with, or has taken over. */
	struct vrs_addr own[2];           /* The instance's addresses, by family. */
	bool enabled;
	uint32_t max_prefixes; /* The lower of maxPrefixes and routesPerPeer; 0 = none. */
	enum vrs_max_prefix_action max_action;
	bool max_warned;
	bool count_azure;   /* limits.counting: azure; then: */
	uint64_t counted;   /* Announcements, less withdrawals and settled replacements. */
	uint64_t replaced;  /* Of these, replacements not subtracted yet. */
	uint64_t announced; /* Prefixes since it was last settled (engine/limits.h). */
	struct vrs_limits_seen {
		uint64_t added, removed, failed, refused; /* Of the RIB's peer, then. */
	} seen;
	struct vrs_neighbor *next_unsettled;
	bool unsettled;
	struct vrs_timer recount; /* One second after the last UPDATE. */
	uint64_t n_shed;          /* Announcements not kept for want of memory. */
	struct vrs_log_limit log_limit;
	uint8_t stale; /* Families between BoRR and EoRR (enum vrs_bgp_family). */
	struct vrs_timer stale_timer;
	struct vrs_session *session;
	struct vrs_export *export; /* While Established. */
	int slot;                  /* In the table, while Established; -1 otherwise. */
};

/** Which I/O thread has a bgpConnection's sessions: for as long as it is configured. */
struct vrs_server_owner {
	char *connection;
	unsigned io;
};

/**
 * A route server, as one I/O thread knows it: its part of the RIB (rib/shards.h) and the sessions that
 * are at home there. The *head* is the part of the first I/O thread; others know the server by it.
 */
struct vrs_server {
	struct vrs_server *next;
	struct vrs_io *io;
	struct vrs_server *head;
	struct vrs_server **parts; /* By I/O thread. */
	unsigned n_parts;
	struct vrs_shards *shards;

	/* The head's. */
	struct vrs_server_owner *owners; /* Changed while no I/O thread looks. */
	size_t n_owners;
	unsigned first_io; /* Head: whose turn is first among threads with as few connections. */
	_Atomic uint64_t shed_ms; /* When a session was closed for memoryLimit last. */

	/* The part's. */
	_Atomic uint64_t own_bytes; /* Of its table, */
	_Atomic uint64_t own_trees; /* and of the trees in it. */
	_Atomic uint32_t largest;   /* Paths of the session here that has most. */
	char *name;
	uint32_t asn;
	struct vrs_addr router_ips[4];
	size_t n_router_ips;
	struct vrs_table *table;
	struct vrs_rib *rib;
	struct vrs_neighbor *neighbors;
	struct vrs_hop_rule *hops; /* Which learned next hops may be used. */
	uint16_t next_connection;
	uint64_t n_marked; /* Of the table, as of the last turn. */
	uint8_t scrub[32];
	bool revalidate;      /* Reasons of paths have to be looked at again. */
	uint32_t max_as_path; /* limits.asPathLength; 0 = none. */
	uint32_t max_communities;
	uint64_t memory_limit; /* Bytes; 0 = none. */
	uint64_t over_ms;      /* Since when memory is over 110 %; 0 = it is not. */
	struct vrs_log_limit log_limit;
	_Atomic uint64_t memory_used;
	_Atomic uint32_t memory;     /* enum vrs_memory_state */
	_Atomic bool dead;           /* Being removed: whoever looks at it is to let go. */
	_Atomic uint32_t users;      /* Head: models that name it: freed after the last of them. */
	_Atomic uint64_t generation; /* Configurations applied. */
};

/** One row per counter: name, unit, help (engine/metrics.c). Written by the I/O thread. */
struct vrs_io_counters {
	_Atomic uint64_t turns;
	_Atomic uint64_t updates;
	_Atomic uint64_t prefixes_announced;
	_Atomic uint64_t prefixes_withdrawn;
	_Atomic uint64_t treat_as_withdraw;
	_Atomic uint64_t attributes_discarded;
	_Atomic uint64_t out_of_memory;
	_Atomic uint64_t sessions_established;
	_Atomic uint64_t sessions_lost;
	_Atomic uint64_t max_prefix_hits;
	_Atomic uint64_t memory_sheds;
	_Atomic uint64_t stalls;
};

/** Add to a counter of the I/O thread's. */
static inline void vrs_count(_Atomic uint64_t *c, uint64_t n)
{
	/* One writer: a plain add that readers may see late. */
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

struct vrs_io {
	struct vrs_transport *transport;
	struct vrs_wheel wheel;
	struct vrs_reclaim *reclaim;
	unsigned index; /* Among the engine's. */
	struct vrs_propagation *propagation;
	struct vrs_mailbox mailbox;
	uint32_t inline_changes; /* So many are propagated here when propagation sleeps. */
	struct vrs_server *servers;
	struct vrs_neighbor *unsettled; /* Sent something since they were last settled. */
	_Atomic uint32_t asleep;        /* Waits in the transport's poll. */
	_Atomic bool stop;
	bool sweeping;              /* Tables have more to do. */
	bool parked;                /* Sessions wait for other I/O threads' tables. */
	uint64_t woke_ms, asked_ms; /* When poll() was last left, and how long it was to wait. */
	bool stalled;               /* That was much later. */
	struct vrs_io_counters counters;
	struct vrs_hist stages[VRS_IO_N_STAGES];
	uint64_t woke_ns, write_ns; /* When poll() was left, and the transport's write_ns then. */
	uint64_t decide_ns;         /* Of this turn; tables add what they do while we read. */
	uint64_t seed;
	struct vrs_clock clock;
	uint8_t *canonical; /* Scratch for one attribute set. */
};

/** @param transport  Taken, also on failure. @param seed  Of timers' jitter. The clock is that of
 *  @p propagation. @return 0 or a negative errno. */
VRS_NODISCARD int vrs_io_init(struct vrs_io *io, unsigned index, struct vrs_transport *transport,
	struct vrs_propagation *propagation, enum vrs_reclaim_mode mode, uint64_t seed);

/** Servers are gone. */
void vrs_io_fini(struct vrs_io *io);

/** Make it look at its mailbox and outboxes. Any thread; fits vrs_mailbox_call(). */
void vrs_io_wake(void *ctx);

/**
 * Before waiting up to @p timeout_ms (-1 = for ever): from now until the next turn vrs_io_wake()
 * wakes the transport. @return For how long to wait; 0 when there is work already.
 */
int vrs_io_timeout(struct vrs_io *io, int timeout_ms);

/** One turn, waiting up to @p timeout_ms for something to do. @return Whether there was, or is
 *  more of it. */
bool vrs_io_turn(struct vrs_io *io, int timeout_ms);

#define VRS_IO_NAME_SIZE 16
/** The name of its thread: "vrs-io", "vrs-io-1" ... */
void vrs_io_name(const struct vrs_io *io, char out[VRS_IO_NAME_SIZE]);

/** Run until io->stop. The thread is RCU-registered. */
void vrs_io_run(struct vrs_io *io);

/** A route server with a part for each of @p n I/O threads, in none of their lists yet.
 *
 *  @param first  The thread that gets the first connection.
 *  @param hops   What next hops are judged by from the first path on; each part takes a reference.
 *  @return       The head; NULL: out of memory. Any thread. */
struct vrs_server *vrs_server_new(struct vrs_io *const *ios, unsigned n, unsigned first,
	const struct vrs_cfg_route_server *rs, struct vrs_hop_rule *hops) VRS_NODISCARD;

/** Put a part into its I/O thread's list, or take it out. */
void vrs_server_link(struct vrs_server *s);
void vrs_server_unlink(struct vrs_server *s);

/** Choose an I/O thread for each connection that has none: the one with the fewest. Before the parts are
 *  brought in line; none is looking. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_server_assign(struct vrs_server *head, const struct vrs_cfg_route_server *rs);

/**
 * Bring a part in line with its configuration: sessions that did not change stay as they
 * are, others are made, closed (Cease 3) or made anew (Cease 6).
 *
 * @param hops  Which learned next hops may be used; a reference is taken.
 * @return      0 or -ENOMEM.
 */
VRS_NODISCARD int vrs_server_apply(struct vrs_server *s, const struct vrs_config *config,
	const struct vrs_cfg_route_server *rs, struct vrs_hop_rule *hops);

/** Why a peer's attribute set may not be used, whatever the prefix. @param canonical  Its bytes. */
enum vrs_path_reason vrs_server_reason(const struct vrs_server *s,
	const struct vrs_path_source *source, const uint8_t *canonical, size_t size,
	const struct vrs_attrs_info *info);

/** What sessions call. */
extern const struct vrs_session_ops vrs_neighbor_ops;

static inline uint8_t vrs_family_bit(enum vrs_afi afi)
{
	return afi == VRS_AFI_IP6 ? VRS_BGP_IP6 : VRS_BGP_IP4;
}

/** Prefixes with a usable best path and paths, of all parts. Any thread. */
static inline uint64_t vrs_server_n_usable(const struct vrs_server *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < s->n_parts; i++)
		n += atomic_load(&s->shards->tables[i]->n_usable);
	return n;
}

static inline uint64_t vrs_server_n_paths(const struct vrs_server *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < s->n_parts; i++)
		n += atomic_load(&s->shards->tables[i]->n_paths);
	return n;
}

/** Ask a peer for all its routes again. @return false when it cannot be asked (no route refresh). */
bool vrs_neighbor_ask_again(struct vrs_neighbor *n);

/** Close every session with a Cease @p subcode. */
void vrs_server_close(struct vrs_server *s, enum vrs_bgp_cease subcode, const char *text);

/** Free its closed sessions. */
void vrs_server_drop_neighbors(struct vrs_server *s);

/** Free a part's table, on its I/O thread; it is out of the list, its RIB has left propagation, its exports
 *  have come back, and the other parts' tables have nothing for it. */
void vrs_server_free_table(struct vrs_server *s);

/** Free what is left when all tables are. */
void vrs_server_free(struct vrs_server *head);

/** Free exports that propagation has handed back. */
void vrs_io_take_dead(struct vrs_io *io);
