/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/base/spsc.h"
#include "rib/intern.h"
#include "rib/prefix.h"

/**
 * @file
 * Next-hop groups: the sorted, distinct next hops of an ECMP set, each set stored once,
 * immutable, and named by a 32-bit id.
 *
 * An id is held by RIB entries (counted by the RIB's writer), by the snapshot, by old versions
 * that somebody has pinned and by records of the delta log (known to propagation). It is used
 * again only when none of them can hold it:
 *
 *     writer: last entry lets go -> unlinked, id goes down the idle queue
 *     propagation: not in the snapshot, no pin and no log record older than that
 *                  -> id comes back in the done queue
 *     writer: freed after a grace period
 *
 * **Threads.** Two roles, each one thread: the *writer* (intern, get, put, turn) and
 * *propagation* (idle, done). Any thread may vrs_group_find() inside a read section.
 */

#define VRS_GROUP_NONE 0u

struct vrs_group {
	struct vrs_intern_head head;
	struct vrs_addr next_hops[]; /**< vrs_group_size() of them, ascending. */
};

/** Ids of stores that belong together are told apart by their lowest bits, so that one snapshot can
 *  hold all of them, and any of the stores finds any group. */
struct vrs_group_store {
	struct vrs_intern *table;
	struct vrs_group_store *const *all; /* By index; NULL: the only one. */
	uint32_t index, bits;
	struct vrs_spsc idle; /**< Writer to propagation. */
	struct vrs_spsc done; /**< Propagation to writer. */
};

static inline size_t vrs_group_size(const struct vrs_group *g)
{
	return g->head.size / sizeof(g->next_hops[0]);
}

/** Init in the caller's storage. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_group_store_init(struct vrs_group_store *s, struct vrs_reclaim *reclaim);
void vrs_group_store_fini(struct vrs_group_store *s);

/** It is number @p index of @p all, which outlives it; before it gives out an id. @param mask  All bits of
 *  the largest number there may be. */
void vrs_group_store_join(struct vrs_group_store *s, struct vrs_group_store *const *all,
	uint32_t index, uint32_t mask);

/**
 * Find or make a group. Writer.
 *
 * @param hops  Sorted by vrs_addr_cmp(), no two equal, at least one; copied.
 * @return      Its id, or 0 if out of memory.
 */
uint32_t vrs_group_intern(struct vrs_group_store *s, const struct vrs_addr *hops, size_t n)
	VRS_NODISCARD;

/** Whether @p id is the findable group of just @p hop. Any number. Writer. */
bool vrs_group_is_single(const struct vrs_group_store *s, uint32_t id, const struct vrs_addr *hop);

/** Whether vrs_group_intern() would find @p id (any number). Writer. */
bool vrs_group_linked(const struct vrs_group_store *s, uint32_t id);

/** Count entries that hold @p id (0 is ignored). Writer. */
void vrs_group_get(struct vrs_group_store *s, uint32_t id);
void vrs_group_put(struct vrs_group_store *s, uint32_t id);

/** End of a turn: unlink what no entry holds, free what propagation is done with. Writer.
 *  @return Whether ids were freed: they may come to mean other groups. */
bool vrs_group_turn(struct vrs_group_store *s);

/** @return The group, borrowed until the read section ends; NULL if there is none. */
const struct vrs_group *vrs_group_find(const struct vrs_group_store *s, uint32_t id);
