/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * One RIB as several tables, each written by a thread of its own.
 *
 * A prefix belongs to one table (vrs_table_shard()). A session has a *home*, the table of the
 * thread that reads it: there its attribute sets are interned, once per UPDATE, and from there
 * prefixes of other tables go to their owners in bursts, over a ring for each pair of tables.
 * What concerns all of a peer's prefixes (it came up, it went, a refresh began or ended) goes
 * down the same rings, so it is done after what was sent before it. A peer's slot is free again
 * when every table has said that nothing of it is left.
 *
 * **Attribute sets** are counted by their home alone: it counts a hold for each prefix that it
 * hands on, and the owner sends the id back when the path has gone. Any thread may read a set
 * that a path or word names, in a read section.
 *
 * **A full ring** is a state, not a loop: while vrs_shards_full() says so, do not take more from
 * the session, and go on with other work.
 *
 * **Threads.** Everything of a table is called by its writer, as in rib/table.h; init, fini and
 * set_wake while none runs.
 */

#include "rib/base/ring.h"
#include "rib/base/spsc.h"
#include "rib/table.h"

#define VRS_SHARDS_MAX 64u
#define VRS_SHARDS_FULL \
	16384u /**< Changes that may wait for another table before it counts as full. */

struct vrs_shards {
	unsigned n;
	struct vrs_table *tables[VRS_SHARDS_MAX];
	struct vrs_attrs_store *stores[VRS_SHARDS_MAX];
	struct vrs_group_store *groups[VRS_SHARDS_MAX];
	struct vrs_ring *ops;   /* [from * n + to]: struct vrs_table_op. */
	struct vrs_spsc *holds; /* [from * n + to]: attribute ids that `from` lets go of. */
	void (*wake)(void *ctx, unsigned shard);
	void *wake_ctx;
};

/**
 * Init in the caller's storage.
 *
 * @param n         1 to VRS_SHARDS_MAX tables.
 * @param reclaims  Of each writer; they outlive the tables.
 * @return          0 or -ENOMEM.
 */
VRS_NODISCARD int vrs_shards_init(struct vrs_shards *s, unsigned n,
	struct vrs_reclaim *const *reclaims, const struct vrs_table_config *config);

/** No thread uses them any more. */
void vrs_shards_fini(struct vrs_shards *s);

/** Free one table before, on its writer's thread: no other has or will have anything for it. */
void vrs_shards_free_table(struct vrs_shards *s, unsigned index);

/** @param wake  Called by any writer when it has something for another. May be NULL. */
void vrs_shards_set_wake(
	struct vrs_shards *s, void (*wake)(void *ctx, unsigned shard), void *wake_ctx);

/** Whether another table is far behind with what @p t hands on. */
bool vrs_shards_full(const struct vrs_table *t);

/** Whether other tables have handed something on that @p t has not taken. Its writer. */
bool vrs_shards_waiting(const struct vrs_table *t);

/** Whether anything that @p t handed on has not been taken. Its writer. */
bool vrs_shards_pending(const struct vrs_table *t);

/** A peer's counters over all tables. Any thread, in a read section. */
struct vrs_shards_peer_stat {
	uint32_t n_paths, n_usable;
	uint64_t n_refused, n_failed, n_added, n_removed;
};
struct vrs_shards_peer_stat vrs_shards_peer_stat(const struct vrs_table *t, uint16_t slot)
	VRS_RCU_READER;

/** Whether the peer has as many usable paths as it may have, not counting @p has of them. (Several
 *  writers that look at once may come to one more each.) */
bool vrs_shards_over_limit(const struct vrs_table *t, const struct vrs_table_peer *peer, bool has);

/** Attribute sets of a home, let go of by @p t. */
void vrs_shards_give_back(struct vrs_table *t, unsigned home, uint32_t attrs);
