/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"

/**
 * @file
 * Deferred freeing for one writer: objects that readers may still hold wait in batches for a
 * grace period and are freed by the writer itself, so its slabs need no lock.
 *
 * Life of an object:  retire -> open batch -> sealed (1024 objects, 1 MiB, or end of turn)
 *                     -> grace period -> ripe -> freed in vrs_reclaim_turn() by the writer
 *
 * **Threads.** One writer calls everything. With VRS_RECLAIM_WORKER the grace period is waited
 * for by liburcu's worker thread; with VRS_RECLAIM_CALLER no thread exists and
 * vrs_reclaim_turn() waits itself (for hosts that run everything in one thread, where the
 * wait is short: no other reader is inside a section for long). Counters may be read anywhere.
 * **Cost.** 28-50 ns an object in batches, against 110-230 ns one call_rcu each.
 */

enum vrs_reclaim_mode {
	VRS_RECLAIM_WORKER,
	VRS_RECLAIM_CALLER,
};

struct vrs_reclaim;

/** Frees @p obj; @p ctx is what was given to vrs_reclaim_retire(). Runs on the writer. */
typedef void (*vrs_reclaim_fn)(void *ctx, void *obj);

/** @return A reclaimer, owned; NULL if out of memory. */
struct vrs_reclaim *vrs_reclaim_new(enum vrs_reclaim_mode mode) VRS_NODISCARD;

/** Wait for grace periods, free everything that waits, and the reclaimer. NULL is ignored. */
void vrs_reclaim_free(struct vrs_reclaim *r);

/**
 * Free @p obj after a grace period. It must be unreachable for new readers already.
 *
 * Never fails: without memory for a batch it waits for a grace period on the spot.
 *
 * @param obj   Given to @p fn as it is; may be an index in disguise.
 * @param size  Its bytes, for the limbo counter and the batch limit.
 */
void vrs_reclaim_retire(
	struct vrs_reclaim *r, vrs_reclaim_fn fn, void *ctx, void *obj, size_t size);

/** End of a turn: seal the open batch, free the ripe ones. Never inside a read section. */
void vrs_reclaim_turn(struct vrs_reclaim *r);

/** Wait until everything retired so far has been freed. Not for I/O threads. */
void vrs_reclaim_drain(struct vrs_reclaim *r);

struct vrs_reclaim_stat {
	uint64_t limbo_objects; /**< Retired and not yet freed. */
	uint64_t limbo_bytes;
};

/** Any thread. */
void vrs_reclaim_stat(const struct vrs_reclaim *r, struct vrs_reclaim_stat *out);
