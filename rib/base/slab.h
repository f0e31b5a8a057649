/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/base/mem.h"

/**
 * @file
 * Objects of a few sizes, allocated and freed by one thread, at a few nanoseconds each.
 *
 * Sizes are rounded up to units of 64 (or 32) bytes; each size has its own 16 KiB chunks, and a
 * chunk whose objects are all free goes back to the allocator, so a table that empties gives
 * its memory back. Objects are aligned to the unit and come uninitialised.
 *
 * **Threads.** One writer calls everything. Readers may look at objects; what they may still
 * hold is freed through rib/base/reclaim.h.
 */

#define VRS_SLAB_UNIT    64u
#define VRS_SLAB_SMALL   32u /**< The other unit there may be. */
#define VRS_SLAB_CLASSES 72u
#define VRS_SLAB_MAX     (VRS_SLAB_UNIT * VRS_SLAB_CLASSES) /**< Largest object, bytes. */

struct vrs_slab_chunk;

/** The caller's storage; see vrs_slab_init(). */
struct vrs_slab {
	enum vrs_mem_tag tag;
	uint32_t unit;
	struct vrs_slab_chunk *partial[VRS_SLAB_CLASSES + 1]; /* With free objects, by units. */
	size_t n_chunks;
};

/** @param unit  VRS_SLAB_UNIT or VRS_SLAB_SMALL; the largest object is VRS_SLAB_CLASSES units. */
void vrs_slab_init(struct vrs_slab *s, enum vrs_mem_tag tag, unsigned unit);

/** Every object must have been freed. */
void vrs_slab_fini(struct vrs_slab *s);

/** @return At least @p size (1 byte to the largest) bytes; NULL if out of memory. */
void *vrs_slab_alloc(struct vrs_slab *s, size_t size) VRS_NODISCARD;

/** Free an object of this slab. */
void vrs_slab_free(struct vrs_slab *s, void *obj);

/** @return Bytes of its chunks, free objects included. Writer only. */
size_t vrs_slab_bytes(const struct vrs_slab *s);

/** @return Bytes of @p size after rounding to VRS_SLAB_UNIT: what such an object has room for. */
static inline size_t vrs_slab_round(size_t size)
{
	return (size + VRS_SLAB_UNIT - 1) & ~(size_t)(VRS_SLAB_UNIT - 1);
}
