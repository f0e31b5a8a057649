/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/base/mem.h"

/**
 * @file
 * A queue of 32-bit items from one thread to another, without a lock and without a bound of
 * its own: blocks of items, linked. Whoever pushes deduplicates (an entry is in the dirty
 * ring once), so its length is bounded by what exists.
 *
 * **Threads.** One pushes, one pops.
 */

#define VRS_SPSC_BLOCK 1020u

struct vrs_spsc_block {
	struct vrs_spsc_block *_Atomic next; /* Set by the producer when this block is full. */
	_Atomic uint32_t n;                  /* Items written; the producer's release store. */
	uint32_t items[VRS_SPSC_BLOCK];
};

struct vrs_spsc {
	VRS_ALIGNED(VRS_CACHE_LINE) struct vrs_spsc_block *tail; /* Producer's. */
	struct vrs_spsc_block *_Atomic spare; /* One emptied block, passed back. */
	VRS_ALIGNED(VRS_CACHE_LINE) struct vrs_spsc_block *head; /* Consumer's. */
	uint32_t at;                                             /* Next item in head. */
};

/** @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_spsc_init(struct vrs_spsc *q);
void vrs_spsc_fini(struct vrs_spsc *q);

/** Producer. @return false only when a new block could not be had (nothing was pushed). */
bool vrs_spsc_push(struct vrs_spsc *q, uint32_t item) VRS_NODISCARD;

/** Consumer: take up to @p max items. @return How many. */
uint32_t vrs_spsc_pop(struct vrs_spsc *q, uint32_t *items, uint32_t max);

/** Consumer: whether nothing is there now. */
bool vrs_spsc_empty(const struct vrs_spsc *q);
