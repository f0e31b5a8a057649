/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Adj-RIB-Out: what each peer has been told, and how it comes to be told the rest.
 *
 * A session that comes up gets one vrs_export, and a new one when it comes up again. For each
 * the RIB's propagation keeps two sets of entry indices: *told* (announced and not withdrawn)
 * and *pending* (to be looked at). Encoding looks at a pending entry's export word as it is at
 * that moment, so a slow peer has a set of bits instead of a queue, a prefix that changed
 * twice is told once, and announce and withdraw of one prefix can never be reordered. Pending
 * entries are taken thousands at a time, sorted by attribute set and packed.
 *
 * **Threads.** The I/O thread makes and frees a vrs_export and drains its outbox; propagation
 * does everything between. **Bound.** Propagation stops encoding for a peer that has
 * VRS_EXPORT_WINDOW bytes waiting, until the I/O thread has taken some.
 *
 * **Life.** io: new, submit -> propagation: start ... -> io: close -> propagation: stop, hand
 * back -> io: free.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/chunk.h"
#include "rib/base/bitset.h"
#include "rib/decide.h"
#include "rib/table.h"

#define VRS_EXPORT_WINDOW (1u << 20) /**< Bytes under way to one peer. */

struct vrs_rib;

/** What a receiver is, fixed while its session lasts. */
struct vrs_export_peer {
	uint16_t connection; /**< Index of its bgpConnection: it is not told its own routes. */
	uint8_t instance;
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

struct vrs_export {
	struct vrs_export_peer peer;
	struct vrs_rib *rib;

	/* Between the threads. */
	struct vrs_chunk *_Atomic outbox; /* Newest first; pushed by propagation, taken whole. */
	_Atomic uint64_t pushed;          /* Bytes ever pushed; propagation. */
	_Atomic uint64_t taken;           /* Bytes ever handed to the transport; I/O. */
	_Atomic bool blocked;             /* Propagation waits for `taken` to move. */
	_Atomic bool closed;              /* The session is over. */
	_Atomic uint32_t refresh;         /* Families asked for again (RFC 2918). */
	_Atomic uint32_t n_told; /* Prefixes the peer has from us, the network's own included. */
	struct vrs_export *next_incoming, *next_closing, *next_dead; /* Stacks of propagate.h. */

	/* Propagation's. */
	struct vrs_export *next; /* In the RIB's list. */
	struct vrs_bitset pending, told;
	uint32_t cursor;           /* Where the next batch begins. */
	uint8_t eor_due;           /* Families whose End-of-RIB is sent when pending is empty. */
	uint8_t eorr_due;          /* Likewise End-of-Route-Refresh. */
	struct vrs_prefix *system; /* The network's prefixes it was told. */
	size_t n_system;
	bool system_due;

	/* The I/O thread's: taken from the outbox and not yet sent, oldest first. */
	struct vrs_chunk *sending;
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

/** Everything is to be looked at again for one receiver. Propagation, in a read section. */
void vrs_export_mark_all(struct vrs_export *x);

/** The network's prefixes changed (rib->system). Propagation. */
void vrs_export_system_changed(struct vrs_rib *rib, const struct vrs_prefix *old, size_t n_old);

/** Whether vrs_export_run() has anything it can do now. Propagation. */
bool vrs_export_ready(struct vrs_export *x);

/** Encode a batch of what is pending. Propagation, in a read section. @return Whether anything
 *  was pushed to the outbox. */
bool vrs_export_run(struct vrs_export *x);

/** Take what was pushed, oldest first, linked by next; NULL when there is none. I/O thread. */
struct vrs_chunk *vrs_export_take(struct vrs_export *x);
