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
 * Sizes are rounded up to 64-byte units; each size has its own 64 KiB chunks, and a chunk
 * whose objects are all free goes back to the allocator, so a table that empties gives its
 * memory back. Objects are 64-byte aligned and come uninitialised.
 *
 * **Threads.** One writer calls everything. Readers may look at objects; what they may still
 * hold is freed through rib/base/reclaim.h.
 */

#define VRS_SLAB_UNIT    64u
#define VRS_SLAB_MAX     4608u /**< Largest object, bytes. */
#define VRS_SLAB_CLASSES (VRS_SLAB_MAX / VRS_SLAB_UNIT)

struct vrs_slab_chunk;

/** The caller's storage; zero it except for the tag, see vrs_slab_init(). */
struct vrs_slab {
	enum vrs_mem_tag tag;
	struct vrs_slab_chunk *partial[VRS_SLAB_CLASSES + 1]; /* With free objects, by units. */
	size_t n_chunks;
};

void vrs_slab_init(struct vrs_slab *s, enum vrs_mem_tag tag);

/** Every object must have been freed. */
void vrs_slab_fini(struct vrs_slab *s);

/** @return At least @p size (1..VRS_SLAB_MAX) bytes; NULL if out of memory. */
void *vrs_slab_alloc(struct vrs_slab *s, size_t size) VRS_NODISCARD;

/** Free an object of this slab. */
void vrs_slab_free(struct vrs_slab *s, void *obj);

/** @return Bytes of its chunks, free objects included. Writer only. */
size_t vrs_slab_bytes(const struct vrs_slab *s);

/** @return Bytes of @p size after rounding: what the object really has room for. */
static inline size_t vrs_slab_round(size_t size)
{
	return (size + VRS_SLAB_UNIT - 1) & ~(size_t)(VRS_SLAB_UNIT - 1);
}
