/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/attrs.h"
#include "rib/base/pool.h"
#include "rib/base/reclaim.h"
#include "rib/base/spsc.h"
#include "rib/decide.h"
#include "rib/group.h"
#include "rib/radix.h"

/**
 * @file
 * A RIB: for every prefix, the paths that peers announced, the decision between them, and the
 * two words that the rest of the system reads. One table serves both families of one route
 * server.
 *
 * **Threads.** One *writer* (the I/O thread that owns the table) calls everything except what is
 * marked. It never locks and never waits. With several I/O threads a RIB is several tables, one
 * each (rib/shards.h): a session's *home* is the table of its own thread, which is told
 * everything and hands on what belongs to others. *Propagation* (one thread) consumes the dirty ring and gives back
 * entries it is done with. Any thread may read an entry's published words inside an RCU read
 * section; the trees and path lists belong to the writer alone, anyone else asks it by message
 * (longest match is the snapshot's business).
 *
 * **Changes are queued** and done up to 256 at a time, whatever UPDATE or peer they came from, so
 * that cache misses overlap (a dependent miss costs 140-220 ns here, an overlapped one 11-13
 * ns). They are done in order. Every other function of the writer's does what is queued first;
 * vrs_table_flush() does only that.
 *
 * **Dirty protocol.** The writer exchanges a published word, then adds its bit to `dirty` and
 * enqueues the entry if no bit was set. Propagation clears `dirty` by an exchange, then reads
 * the words. All four are sequentially consistent: either the writer sees the bits cleared and
 * enqueues again, or propagation reads the new words. The bits keep a change of the ECMP set
 * from being exported and a change of attributes from touching the snapshot.
 *
 * **Life of an entry.** first path -> ... -> last path gone (VRS_EXPORT_EMPTY, dirty) ->
 * propagation has told everyone -> vrs_table_give_back() -> writer unlinks it, unless a path
 * came back -> grace period -> freed, the index free again. From the moment propagation takes
 * an entry until it gives it back, `dirty` carries VRS_DIRTY_HELD, and the writer leaves it:
 * a give-back may be overtaken by another change that propagation has taken already.
 */

/** One path: 8 bytes. */
struct vrs_path {
	uint32_t attrs; /**< Id in the attribute store. */
	uint16_t peer;  /**< Peer slot. */
	uint8_t reason; /**< enum vrs_path_reason. */
	uint8_t epoch;  /* The peer's of this family, when it was announced: vrs_path_stale(). */
};
static_assert(sizeof(struct vrs_path) == 8, "one in an entry");

/** Paths of an entry: one inside it, or an array of several (rib/path.h). */
union vrs_path_list {
	struct vrs_path inside;
	struct vrs_path *array;
};

/** Fields of the export word. */
#define VRS_EXPORT_ATTRS(w)     ((uint32_t)(w))
#define VRS_EXPORT_PEER(w)      ((uint16_t)((w) >> 32))
#define VRS_EXPORT_VALID        (1ull << 48) /**< There is a best path that may be exported. */
#define VRS_EXPORT_EBGP         (1ull << 49) /**< It came from an eBGP peer. */
#define VRS_EXPORT_NO_EXPORT    (1ull << 50)
#define VRS_EXPORT_NO_ADVERTISE (1ull << 51)
#define VRS_EXPORT_EMPTY        (1ull << 63) /**< The entry has no path at all. */

/** Half a cache line. */
struct vrs_entry {
	uint32_t addr; /* IPv4: as on the wire. IPv6: where it is in the table's addrs. */
	uint8_t len;
	uint8_t afi;
	uint16_t n_paths;          /* Writer's; 65535 when the entry is not in the tree. */
	_Atomic uint8_t dirty;     /* enum vrs_dirty; a change bit = in the ring. */
	uint8_t room;              /* Writer's: paths.array has room for 1 << room; 0 = none. */
	bool plain;                /* Writer's: see table_decide.c. */
	bool fresh;                /* Writer's: nobody else has seen it. */
	_Atomic uint32_t forward;  /**< Next-hop group id; 0 = nothing usable. */
	_Atomic uint64_t export;   /**< VRS_EXPORT_*. */
	union vrs_path_list paths; /* Writer's. */
};
static_assert(sizeof(struct vrs_entry) == VRS_CACHE_LINE / 2, "two in a line");

/** A source of paths: one incarnation of one session. A new session gets a new slot, so its
 *  routes live beside those of the old one until the old ones are swept. */
struct vrs_table_peer {
	struct vrs_path_source source;
	/* Written by the table's writer, read by any thread in a read section. */
	_Atomic uint32_t n_paths;   /**< In Adj-RIB-In, in this table. */
	_Atomic uint32_t n_usable;  /**< Of these, without a reason. */
	_Atomic uint64_t n_refused; /**< Announcements not taken: new prefixes while refuse_new. */
	_Atomic uint64_t n_failed;  /**< Likewise for want of memory: it has no path there. */
	_Atomic uint64_t n_added;   /**< Announcements that added a path, ever. */
	_Atomic uint64_t n_removed; /**< Withdrawals, and ends of a refresh, that removed one. */
	const _Atomic uint32_t *limit_at_home; /* The home's: its record is the last to go. */
	_Atomic uint32_t
		limit; /**< Usable paths it may have in all tables together; more are kept with
				 *   reason `limit`. 0 = none. The home's is looked at. */

	uint64_t
		n_lost; /**< Home: what could not be handed on for want of memory: the peer's routes are
			  *   wrong, end its session. */
	uint64_t owed;   /* Home: by shard, those that have still to be told that it went. */
	uint32_t n_away; /* Home: tables of others that know it. */
	uint16_t slot;
	bool down;        /**< Being swept. */
	bool marked;      /* A refresh has begun that not all entries have been looked at for. */
	bool sweeping[2]; /* By family: paths from before sweep_to go. */
	uint8_t epoch[2]; /* By family: refreshes begun, modulo 256. */
	uint8_t sweep_to[2], scanned[2];
};

/** Why a path may not be used; see vrs_table_revalidate(). */
typedef enum vrs_path_reason (*vrs_table_reason_fn)(void *ctx, const struct vrs_attrs *attrs,
	const struct vrs_table_peer *peer, const struct vrs_prefix *p);

struct vrs_table_config {
	enum vrs_preference preference;
	bool branch_to_branch; /**< Gateways' paths may be exported. */
};

struct vrs_table {
	/* Read by all. */
	struct vrs_radix radix[2]; /* [0] IPv4, [1] IPv6. */
	struct vrs_pool entries;
	struct vrs_pool addrs;           /* 16 bytes each: of IPv6 entries. */
	struct vrs_attrs_store *attrs;   /* Of sessions that are at home here. */
	struct vrs_attrs_store **stores; /* Of all homes: vrs_table_attrs_of(). */
	struct vrs_shards *shards;       /* NULL: the only table. */
	uint16_t index, slot_mask;       /* Among them; of a slot, its home's index. */
	struct vrs_group_store groups;
	struct vrs_table_peer *_Atomic *peers; /* By slot; the writer publishes. */
	struct vrs_spsc dirty;                 /* Writer to propagation: entry indices. */
	struct vrs_spsc returns;               /* Propagation to writer: entry indices. */
	_Atomic uint64_t n_usable;             /* Prefixes with a usable best. */
	_Atomic uint64_t n_paths;
	_Atomic uint64_t n_prefixes; /* Entries with at least one path. */
	_Atomic uint64_t n_marked;   /* Times an entry was put in the dirty ring. */
	_Atomic uint32_t unjudged;   /* Requests for new reasons of all paths that are not done. */
	_Atomic uint32_t bound;      /* One more than the highest entry index ever in use. */

	/* Writer's. */
	struct vrs_table_config config;
	struct vrs_reclaim *reclaim;
	struct vrs_slab arrays; /* Of paths. */
	struct vrs_table_op *queue;
	uint32_t n_queue;
	struct vrs_group_join *joins; /* Cache: a group and one more next hop. */
	struct vrs_candidate *scratch;
	struct vrs_addr *scratch_hops;
	uint32_t cap_scratch;
	uint32_t n_down;             /* Peers that are down and have paths still. */
	uint32_t n_owed;             /* Peers that other tables have still to be told of. */
	uint64_t owed;               /* By shard, those that have still to revalidate. */
	uint32_t scan_at, scan_left; /* The scan over all entries: next index, visits left, */
	uint32_t scan_end;           /* and how many entries there were when it was asked for. */
	bool redecide;               /* What it does: decide everything anew, */
	uint32_t revalidating; /* and, if not 0, give paths their reasons again: so many asked. */
	vrs_table_reason_fn reason; /* How, when another table asks for it too; may be NULL. */
	void *reason_ctx;
	uint16_t next_slot;
	uint64_t *full_ns; /**< What flushes of a full queue take is added here; NULL = not told. */
	bool refuse_new;   /**< Take no prefix that is not in the table; paths of others change. */
};

/** @return A table, owned; NULL if out of memory. @param reclaim  Outlives the table. */
struct vrs_table *vrs_table_new(struct vrs_reclaim *reclaim, const struct vrs_table_config *config)
	VRS_NODISCARD;

/** No other thread uses it any more. NULL is ignored. */
void vrs_table_free(struct vrs_table *t);

/** The store that holds the attribute sets of a peer's paths. Any thread. */
static inline struct vrs_attrs_store *vrs_table_attrs_of(const struct vrs_table *t, uint16_t slot)
{
	return t->stores[slot & t->slot_mask];
}

/** The shard of @p n that owns @p p: equal /16s (IPv4) or /32s (IPv6) go together. Pure. */
unsigned vrs_table_shard(const struct vrs_prefix *p, unsigned n);

/** @return The slot for a new session's paths, or -ENOMEM (also when 65,535 are in use). */
VRS_NODISCARD int vrs_table_peer_add(struct vrs_table *t, const struct vrs_path_source *source);

/** The session is over: its paths go, in the chunks that vrs_table_turn() sweeps. */
void vrs_table_peer_down(struct vrs_table *t, uint16_t slot);

/** The peer in @p slot; any thread inside a read section, or the writer. NULL when it is gone. */
struct vrs_table_peer *vrs_table_peer(const struct vrs_table *t, uint16_t slot);

/**
 * A peer announces prefixes with one attribute set: queued.
 *
 * What there is no memory for is not taken (n_failed); a path that is there already needs none.
 *
 * @param nlri    Validated NLRI of @p afi (RFC 4271 section 4.3), prefixes back to back.
 * @param attrs   Id in t->attrs, interned since the last turn or held.
 * @param reason  Of the whole set: own-as, first-as, next-hop. Martians are found here.
 */
void vrs_table_announce(struct vrs_table *t, uint16_t slot, enum vrs_afi afi, struct vrs_span nlri,
	uint32_t attrs, enum vrs_path_reason reason);

/** A peer withdraws prefixes; those it never announced are ignored. Queued. */
void vrs_table_withdraw(struct vrs_table *t, uint16_t slot, enum vrs_afi afi, struct vrs_span nlri);

/** Do what is queued. */
void vrs_table_flush(struct vrs_table *t);

/** Mark the entry of @p p, if there is one, as if what is exported of it had changed. */
void vrs_table_touch(struct vrs_table *t, const struct vrs_prefix *p);

/** All paths of a peer and family are stale from now on, or those still stale go (RFC 7313): in the turns
 *  that follow, a bounded part of the table in each. */
void vrs_table_mark_stale(struct vrs_table *t, uint16_t slot, enum vrs_afi afi);
void vrs_table_sweep_stale(struct vrs_table *t, uint16_t slot, enum vrs_afi afi);

/** Take another configuration; every entry is decided anew in the turns that follow. */
void vrs_table_configure(struct vrs_table *t, const struct vrs_table_config *config);

/** How paths are given reasons again. @p reason is called for each, with @p ctx; the peers' own limits come
 *  on top of it. Before the first vrs_table_revalidate(), here or in another table of the same RIB. */
void vrs_table_set_reason(struct vrs_table *t, vrs_table_reason_fn reason, void *ctx);

/** Give every path its reason again (networks or limits changed), in the turns that follow; also in the
 *  other tables of the same RIB, which have paths that came from here. */
void vrs_table_revalidate(struct vrs_table *t);

/** Whether all that was asked so is done: what it changed is marked dirty. Any thread. */
bool vrs_table_judged(const struct vrs_table *t);

/**
 * End of the writer's turn: visit some of the entries that are to be visited, free what is done with.
 *
 * @return Whether more is to be done: call again soon, after other work.
 */
bool vrs_table_turn(struct vrs_table *t);

/** Whether others have left something for it: changes of other tables, what propagation gave back. Writer. */
bool vrs_table_waiting(const struct vrs_table *t);

/** Bytes of its two trees. Writer. */
uint64_t vrs_table_tree_bytes(const struct vrs_table *t);

/** Bytes it occupies: trees, entries, paths, attribute sets. Writer. */
uint64_t vrs_table_bytes(const struct vrs_table *t);

/** One path of an entry with all it refers to. */
struct vrs_path_view {
	const struct vrs_path *path;
	const struct vrs_attrs *attrs;
	const struct vrs_table_peer *peer;
	bool stale;                /**< Announced before a refresh that is not over. */
	bool best;                 /**< Chosen among all usable paths. */
	bool multipath;            /**< In the ECMP set. */
	enum vrs_decide_step step; /**< Where it lost against the best; VRS_STEP_NONE for it. */
};

/**
 * The paths of @p p, best first. Writer.
 *
 * @param views  Room for @p max; borrowed contents, until the table next changes.
 * @return       Paths there are (may be more than @p max), 0 when the prefix is not known.
 */
size_t vrs_table_paths(
	struct vrs_table *t, const struct vrs_prefix *p, struct vrs_path_view *views, size_t max);

/** @return The path of @p slot in entry @p index, or NULL. Writer. */
const struct vrs_path *vrs_table_path_of(const struct vrs_table *t, uint32_t index, uint16_t slot);

/** @return The entry, borrowed until the read section ends. Any thread. */
static inline struct vrs_entry *vrs_table_entry(const struct vrs_table *t, uint32_t index)
{
	return vrs_pool_at(&t->entries, index);
}

/** The prefix of an entry. Any thread, while the entry is somebody's: the writer's, propagation's between
 *  taking and giving it back, or a reader's that found VRS_EXPORT_VALID in this read section. */
struct vrs_prefix vrs_entry_prefix(const struct vrs_table *t, const struct vrs_entry *e);

/** The writer's walk of its entries in the order of vrs_prefix_cmp(); see vrs_radix_walk(). */
int vrs_table_walk(struct vrs_table *t, enum vrs_afi afi, const struct vrs_prefix *from,
	vrs_radix_walk_fn fn, void *ctx);

/** What changed since propagation last took an entry. */
enum vrs_dirty {
	VRS_DIRTY_FORWARD = 1 << 0,
	VRS_DIRTY_EXPORT = 1 << 1,
	VRS_DIRTY_HELD = 1 << 7, /**< Not a change: propagation may know the index. */
};

/**
 * Take up to @p max dirty entries, cleared: read their words now. Propagation.
 *
 * @param[out] what  enum vrs_dirty bits of each.
 */
uint32_t vrs_table_take_dirty(struct vrs_table *t, uint32_t *indices, uint8_t *what, uint32_t max);

/** Nobody outside the table knows of an empty entry any more. Propagation. @return false when
 *  there is no memory for the message: try again later. */
bool vrs_table_give_back(struct vrs_table *t, uint32_t index);
