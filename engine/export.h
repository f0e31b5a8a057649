/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Adj-RIB-Out: what each peer has been told, and how it comes to be told the rest.
 *
 * A session that comes up gets one vrs_export, and a new one when it comes up again. Sessions that
 * are to hear the same are in one *update group*, which keeps two sets of entry indices: *told*
 * (announced and not withdrawn) and *pending* (to be looked at). Encoding looks at a pending
 * entry's export word as it is at that moment, so a slow group has a set of bits instead of a
 * queue, a prefix that changed twice is told once, and announce and withdraw of one prefix can
 * never be reordered. Pending entries are taken thousands at a time, sorted by source and attribute
 * set, packed, and encoded once for all sessions (export_out.h).
 *
 * Nobody hears its own routes: with each told entry stands the connection it came from, whose
 * sessions were not told. When the best path moves to another connection, that one's sessions
 * are told a withdrawal, as they had heard the path before.
 *
 * A session begins in a group of its own, and joins its kind's when it has been told everything
 * and both have told the same. It leaves for a group of its own, with
 * a copy of what was told, when it asks for a refresh, or when it reads so slowly that more than
 * VRS_EXPORT_LAG waits for it, or takes nothing at all for 50 ms, while others read on.
 *
 * **Threads.** The I/O thread makes and frees a vrs_export and drains its outbox; propagation
 * does everything between. **Bound.** Propagation stops encoding for a group when the quickest
 * of those that it has something for has VRS_EXPORT_WINDOW bytes waiting, until the I/O thread has
 * taken some.
 *
 * **Life.** io: new, submit -> propagation: start ... -> io: close -> propagation: stop, hand
 * back -> io: free.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/export_out.h"
#include "rib/base/bitset.h"
#include "rib/decide.h"
#include "rib/table.h"

#define VRS_EXPORT_WINDOW (1u << 20) /**< Bytes under way to a group's fastest peer. */
#define VRS_EXPORT_LAG    (1u << 23) /**< Bytes under way to one that others do not wait for. */

struct vrs_rib;

/** What a receiver is, fixed while its session lasts. */
struct vrs_export_peer {
	uint16_t connection; /**< Index of its bgpConnection: it is not told its own routes. */
	uint8_t instance;
	uint8_t home;  /**< Number of its I/O thread. */
	uint8_t class; /**< enum vrs_peer_class. */
	bool ibgp;
	bool as4;
	uint8_t families;             /**< enum vrs_bgp_family bits, negotiated. */
	uint32_t max_message;         /**< 4096 or 65535. */
	uint32_t own_as;              /**< The route server's. */
	uint32_t router_id;           /**< Ours: CLUSTER_ID when reflecting. */
	bool ext_next_hop;            /**< IPv4 prefixes may have IPv6 next hops (RFC 8950). */
	bool enhanced_refresh;        /**< RFC 7313. */
	bool otc;                     /**< Add ONLY_TO_CUSTOMER (role: rs; RFC 9234). */
	struct vrs_addr next_hops[2]; /**< Ours, for the network's own prefixes, by family. */
};

/** Sessions that hear the same. Propagation's, but for the first, which comes with its session. */
struct vrs_export_group {
	struct vrs_export_group *next; /* In the RIB's list. */
	struct vrs_export_peer kind;   /* Of its first member: the others are of the same. */
	struct vrs_rib *rib;
	struct vrs_export *members;
	uint32_t n_members;
	bool open; /* Others of the kind may join; one of a kind at most. */
	struct vrs_bitset pending, told;
	uint16_t *sources;   /* By entry, while it is told: the connection that it came from. */
	uint32_t *of_source; /* By connection: how many told entries came from it. */
	uint32_t cap_sources, cap_of_source;
	uint32_t cursor;   /* Where the next batch begins. */
	uint64_t last_key; /* Where the last one ended for want of room: its jobs' key. */
};

struct vrs_export {
	struct vrs_export_peer peer;
	struct vrs_rib *rib;

	/* Between the threads. */
	struct vrs_outbox outbox;
	_Atomic bool blocked; /* Propagation waits for the outbox to empty. */
	_Atomic uint64_t
		stuck_ms;         /* Since when its session has taken nothing; 0 = it takes. I/O. */
	_Atomic bool closed;      /* The session is over. */
	_Atomic uint32_t refresh; /* Families asked for again (RFC 2918). */
	_Atomic bool apart;       /* Alone: it is new, refreshed or shed. Propagation writes. */
	_Atomic uint32_t n_told;  /* Prefixes the peer has from us, the network's own included. */
	struct vrs_export *next_incoming, *next_closing, *next_dead; /* Stacks of propagate.h. */

	/* Propagation's. */
	struct vrs_export *next; /* In the RIB's list. */
	struct vrs_export_group *group;
	struct vrs_export *next_member;
	bool fed;                  /* The group's last batch had something for it. */
	uint8_t eor_due;           /* Families whose End-of-RIB is sent when pending is empty. */
	uint8_t eorr_due;          /* Likewise End-of-Route-Refresh. */
	struct vrs_prefix *system; /* The network's prefixes it was told. */
	size_t n_system;
	bool system_due;
};

/** @return A fresh one, owned; NULL if out of memory. I/O thread. */
struct vrs_export *vrs_export_new(struct vrs_rib *rib, const struct vrs_export_peer *peer)
	VRS_NODISCARD;

/** I/O thread, after propagation has handed it back. */
void vrs_export_free(struct vrs_export *x);

/** Begin: everything is pending. Propagation, in a read section. */
void vrs_export_start(struct vrs_export *x);

/** End: nothing is told any more. Propagation, in a read section. */
void vrs_export_stop(struct vrs_export *x);

/** An entry's export word changed: every receiver is to look at it. Propagation. */
void vrs_export_mark(struct vrs_rib *rib, uint32_t index);

/** Everything is to be looked at again for the groups of gateways. Propagation, in a read section. */
void vrs_export_mark_gateways(struct vrs_rib *rib);

/** Everything is to be looked at again for the peer's group. Propagation, in a read section. */
void vrs_export_mark_all(struct vrs_export *x);

/** The network's prefixes changed (rib->system). Propagation. */
void vrs_export_system_changed(struct vrs_rib *rib);

/** Whether anything can be told to anyone now; when not, rib->export_waits says whether somebody is
 *  waited for: ask again within 20 ms. Propagation. */
bool vrs_export_ready(struct vrs_rib *rib, uint64_t now_ms);

/** Encode a batch for every group. Propagation. @return Whether there is more to do at once.
 *  @param[out] pushed  A bit is set for each I/O thread that something was put into an outbox for. */
bool vrs_export_run(struct vrs_rib *rib, uint64_t now_ms, uint64_t *pushed);

/** What waits: entries to be looked at, over all peers, and bytes of the sets and what is encoded.
 *  Propagation. */
struct vrs_export_stat {
	uint64_t pending, bytes;
};
struct vrs_export_stat vrs_export_stat(const struct vrs_rib *rib);

/** Whether the peer was told an entry. Propagation. */
bool vrs_export_told(const struct vrs_export *x, uint32_t index);
