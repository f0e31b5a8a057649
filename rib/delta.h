/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/base/reclaim.h"
#include "rib/base/thread.h"
#include "rib/prefix.h"

/**
 * @file
 * The delta log of one RIB: every change of the snapshot, in order, for consumers that each
 * keep a cursor (a sequence number) and apply their own filter. The writer never waits: a
 * consumer that falls more than the log's length behind gets -ESTALE, resyncs from a pinned
 * version and goes on from the sequence it had then.
 *
 * **Threads.** One writer appends. Readers on any thread, inside a read section.
 */

/** One change: @p old_group became @p new_group (0 = no route). */
struct vrs_delta {
	uint64_t sequence; /**< From 1, without gaps. */
	uint64_t version;  /**< The version that shows it. */
	uint32_t old_group, new_group;
	struct vrs_prefix
		prefix; /**< afi 0: a class-level record, something else than BGP changed. */
};

struct vrs_delta_log;

/** @param blocks  Blocks of 1024 records to keep, a power of two. @return NULL: out of memory. */
struct vrs_delta_log *vrs_delta_log_new(struct vrs_reclaim *reclaim, uint32_t blocks) VRS_NODISCARD;
void vrs_delta_log_free(struct vrs_delta_log *log);

/** Append; seen by readers after vrs_delta_publish(). @return false: out of memory; consumers
 *  are made to resync. Writer. */
bool vrs_delta_append(struct vrs_delta_log *log, const struct vrs_prefix *prefix,
	uint32_t old_group, uint32_t new_group, uint64_t version);

/** Show what was appended: after the version it belongs to is current. Writer. */
void vrs_delta_publish(struct vrs_delta_log *log);

/** Sequence of the last record that readers may see; 0 = none yet. Any thread. */
uint64_t vrs_delta_last(const struct vrs_delta_log *log);

/** Sequence of the oldest record that is kept; groups of older ones are free to go. Writer. */
uint64_t vrs_delta_oldest(const struct vrs_delta_log *log);

/**
 * Read on from a cursor.
 *
 * @param cursor  In: the last sequence seen (0 = from the first). Out: the last one in @p out.
 * @return        Records copied (0 = nothing new), or -ESTALE: the next one is gone.
 */
VRS_NODISCARD int vrs_delta_read(const struct vrs_delta_log *log, uint64_t *cursor,
	struct vrs_delta *out, int max) VRS_RCU_READER;
