/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/base/mem.h"

/**
 * @file
 * A queue of small structs from one thread to another, shown in bursts: what is pushed becomes
 * visible with the next vrs_ring_publish(), so that a burst costs one store that the other side
 * sees. Blocks of items, linked, without a bound of its own; vrs_ring_length() says when the
 * pushing side had better stop for a while.
 *
 * **Threads.** One pushes and publishes, one pops.
 */

struct vrs_ring_block;

struct vrs_ring {
	VRS_ALIGNED(VRS_CACHE_LINE) struct vrs_ring_block *tail; /* Producer's. */
	uint32_t at_tail;                                        /* Items written in it. */
	uint32_t item_size, block_items;
	uint64_t n_pushed;
	_Atomic uint64_t n_published;
	struct vrs_ring_block *_Atomic spare; /* One emptied block, passed back. */
	VRS_ALIGNED(VRS_CACHE_LINE) struct vrs_ring_block *head; /* Consumer's. */
	uint32_t at_head;
	uint64_t n_popped;
	_Atomic uint64_t n_done;
};

/** @param item_size  1 to 256 bytes. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_ring_init(struct vrs_ring *r, uint32_t item_size);

/** NULL in it is ignored, so that what was zeroed may be finished. */
void vrs_ring_fini(struct vrs_ring *r);

/** Producer. @return Where to write one more item, or NULL if out of memory. It is part of the queue
 *  now, to be shown with the next publish. */
void *vrs_ring_push(struct vrs_ring *r) VRS_NODISCARD;

/** Producer: show what was pushed. @return Whether that was anything. */
bool vrs_ring_publish(struct vrs_ring *r);

/** Consumer: copy out up to @p max items. They count until vrs_ring_done(). @return How many. */
uint32_t vrs_ring_pop(struct vrs_ring *r, void *items, uint32_t max);

/** Consumer: what was popped has been dealt with: whoever sees that it counts no more sees what was done. */
void vrs_ring_done(struct vrs_ring *r);

/** Items that are published and not done with. Any thread; of the two, exact for its own side. */
static inline uint64_t vrs_ring_length(const struct vrs_ring *r)
{
	/* Done first: it never passes what was published before. */
	uint64_t done = atomic_load_explicit(&r->n_done, memory_order_acquire);

	return atomic_load_explicit(&r->n_published, memory_order_acquire) - done;
}

/** Producer: items that are not done with, those not published among them. */
static inline uint64_t vrs_ring_backlog(const struct vrs_ring *r)
{
	return r->n_pushed - atomic_load_explicit(&r->n_done, memory_order_acquire);
}
