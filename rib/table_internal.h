/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What the files of the RIB's writer share: table.c (life, sweeps, looking), table_apply.c (paths
 * in and out) and table_decide.c (the decision, published). The writer's thread alone.
 */

#include "rib/path.h"
#include "rib/shards.h"
#include "rib/table.h"

enum {
	VRS_TABLE_QUEUE = 256,           /* Changes that are done together. */
	VRS_TABLE_UNLINKED = UINT16_MAX, /* n_paths of an entry that is not in the tree. */
	VRS_TABLE_PEERS = 65536,
};

/** One prefix of one peer's, or something that concerns all of its prefixes. */
struct vrs_table_op {
	struct vrs_prefix prefix; /* What concerns all of them has a family here, or nothing. */
	uint16_t slot;
	uint32_t attrs; /* Announce: held for this op, when it comes from another table. */
	uint8_t reason; /* enum vrs_path_reason. */
	uint8_t kind;
};
enum vrs_table_op_kind {
	VRS_OP_ANNOUNCE,
	VRS_OP_WITHDRAW,
	/* Between tables only, from home: */
	VRS_OP_PEER_UP,
	VRS_OP_PEER_DOWN,
	VRS_OP_MARK_STALE,
	VRS_OP_SWEEP_STALE,
	VRS_OP_REVALIDATE, /* Of no peer. */
	/* To home: no path of a peer that went is left. */
	VRS_OP_PEER_GONE,
	VRS_OP_NOTHING,
};

/** Do announcements and withdrawals, in order. */
void vrs_table_do(struct vrs_table *t, const struct vrs_table_op *ops, uint32_t n);

/** What other tables told this one; and what it owes others. @return Whether there is more. */
bool vrs_shards_take(struct vrs_table *t);

/** Queue an op of a session that is at home here for the table that owns the prefix. @return false: no
 *  memory. */
bool vrs_shards_hand_on(struct vrs_table *t, const struct vrs_table_op *op, unsigned to);

/** Show others what was handed on. */
void vrs_shards_publish(struct vrs_table *t);

/** A session at home here came up (@p peer is the home's), or an op for all other tables (@p peer is NULL
 *  where it concerns none). */
VRS_NODISCARD int vrs_shards_peer_up(struct vrs_table *t, struct vrs_table_peer *peer);
void vrs_shards_tell_all(struct vrs_table *t, struct vrs_table_peer *peer,
	enum vrs_table_op_kind kind, enum vrs_afi afi);

/** A peer that went has no path left in this table, which is not its home. */
void vrs_shards_peer_gone(struct vrs_table *t, uint16_t slot);

/** This table's part of what concerns all of a peer's prefixes. */
void vrs_table_local(struct vrs_table *t, struct vrs_table_peer *peer, enum vrs_table_op_kind kind,
	enum vrs_afi afi);

/** The table's record of a peer goes, after a grace period. */
void vrs_table_peer_retire(struct vrs_table *t, struct vrs_table_peer *peer);

/** A peer that is down: forget it when nothing anywhere knows it any more. */
void vrs_table_peer_settle(struct vrs_table *t, struct vrs_table_peer *peer);

static inline bool vrs_table_is_home(const struct vrs_table *t, uint16_t slot)
{
	return (slot & t->slot_mask) == t->index;
}

/** vrs_decide_fact() of a path's attributes. */
static inline uint64_t vrs_table_fact(const struct vrs_table *t, uint16_t slot, uint32_t attrs)
{
	return vrs_attrs_fact(vrs_table_attrs_of(t, slot), attrs);
}

/** The record of a path's attributes. */
static inline struct vrs_attrs *vrs_table_attrs_at(
	const struct vrs_table *t, uint16_t slot, uint32_t attrs)
{
	return vrs_attrs_at(vrs_table_attrs_of(t, slot), attrs);
}

/** A path lets go of its attributes. */
void vrs_table_attrs_put(struct vrs_table *t, uint16_t slot, uint32_t attrs);

static inline struct vrs_radix *vrs_table_radix(struct vrs_table *t, unsigned afi)
{
	return &t->radix[afi == VRS_AFI_IP6];
}

/** Add to a counter that the writer alone writes. */
static inline void vrs_table_count(_Atomic uint64_t *counter, int n)
{
	uint64_t was = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, was + (uint64_t)(int64_t)n, memory_order_relaxed);
}

/** Likewise of a peer's. */
static inline void vrs_peer_count(_Atomic uint32_t *counter, int n)
{
	uint32_t was = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, was + (uint32_t)n, memory_order_relaxed);
}

static inline uint32_t vrs_peer_n(const _Atomic uint32_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/** @return The entry when it is in the tree, else NULL. */
static inline struct vrs_entry *vrs_table_in_use(const struct vrs_table *t, uint32_t index)
{
	struct vrs_entry *e = vrs_pool_peek(&t->entries, index);

	return e != NULL && e->afi != 0 && e->n_paths != VRS_TABLE_UNLINKED ? e : NULL;
}

/** Whether a path was announced before a refresh that is not over. */
static inline bool vrs_path_stale(
	const struct vrs_table *t, const struct vrs_entry *e, const struct vrs_path *p)
{
	return p->epoch != vrs_table_peer(t, p->peer)->epoch[e->afi == VRS_AFI_IP6];
}

/** Visit some entries. @return Whether more are to be visited. */
bool vrs_table_scan(struct vrs_table *t);

/** Put an entry into the dirty ring with these bits. */
void vrs_table_mark(struct vrs_table *t, uint32_t index, struct vrs_entry *e, uint8_t what);

/** Decide anew, publish, mark. Out of memory makes the prefix unusable, never wrong. */
void vrs_table_decide(struct vrs_table *t, uint32_t index, struct vrs_entry *e);

/** As vrs_table_decide(), after @p path has been added to the others, which are as they were. */
void vrs_table_decide_added(
	struct vrs_table *t, uint32_t index, struct vrs_entry *e, const struct vrs_path *path);

/** As vrs_table_decide(), after @p gone has been removed (a copy, its attributes still held). */
void vrs_table_decide_removed(
	struct vrs_table *t, uint32_t index, struct vrs_entry *e, const struct vrs_path *gone);

/** Whether a path is not one that the decision chose: it may change unseen. */
bool vrs_table_stands_apart(
	const struct vrs_table *t, const struct vrs_entry *e, const struct vrs_path *path);

/** Remove the peer's path, if it has one. @return Whether it had. */
bool vrs_table_remove_path(
	struct vrs_table *t, struct vrs_table_peer *peer, uint32_t index, struct vrs_entry *e);

/** Room for @p n in t->scratch and t->scratch_hops. @return false: out of memory. */
bool vrs_table_scratch(struct vrs_table *t, uint32_t n);

/** Candidates of all paths in t->scratch, facts and keys filled in but no attributes. @return false: out of memory. */
bool vrs_table_candidates(struct vrs_table *t, struct vrs_entry *e);

/** Of the first @p n in t->scratch, move those with the highest usable key to the front. @return How
 *  many. */
size_t vrs_table_front_set(struct vrs_table *t, size_t n, bool nva_only);

/** Fill in the attributes of the first @p n in t->scratch. */
void vrs_table_fill_attrs(struct vrs_table *t, struct vrs_entry *e, size_t n);

int vrs_table_joins_init(struct vrs_table *t);
void vrs_table_joins_fini(struct vrs_table *t);
void vrs_table_joins_forget(struct vrs_table *t);
