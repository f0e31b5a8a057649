/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/base/mem.h"
#include "rib/base/reclaim.h"
#include "rib/base/thread.h"

/**
 * @file
 * Objects of one size that are named by a 32-bit index: half a pointer, stable for life, and
 * dense, so side arrays can be indexed by it. Index 0 is never given out.
 *
 * Objects lie in chunks of 1024, found through a table of chunk pointers that never moves
 * (virtual memory only, until used). A chunk whose objects are all free is given back.
 *
 * **Threads.** One writer allocates and frees. Any thread may turn an index that it read
 * under RCU into an address with vrs_pool_at(), or look at every index with vrs_pool_peek().
 * An index is freed through rib/base/reclaim.h when readers may hold it; chunks then wait for
 * a grace period of their own.
 */

#define VRS_POOL_SHIFT 10u
#define VRS_POOL_CHUNK (1u << VRS_POOL_SHIFT) /* Objects in a chunk. */

struct vrs_pool_chunk;

struct vrs_pool {
	void **table;                   /* Chunk payloads; writer publishes, readers load. */
	struct vrs_pool_chunk **chunks; /* Writer's: header of each payload. */
	struct vrs_pool_chunk *partial; /* With free objects. */
	uint32_t n_table;               /* Slots in table[]. */
	uint32_t n_chunks;              /* Highest slot ever used, plus one. */
	uint32_t hint;                  /* No free slot in table[] below this. */
	uint32_t object_size;
	uint32_t n_live;
	enum vrs_mem_tag tag;
	struct vrs_reclaim *reclaim;
};

/**
 * @param object_size  A multiple of 8.
 * @param max_objects  Most objects ever, up to 2^32 - 1024; sizes the pointer table.
 * @param reclaim      For emptied chunks; outlives the pool. NULL: no reader ever scans.
 * @return             0 or -ENOMEM.
 */
VRS_NODISCARD int vrs_pool_init(struct vrs_pool *p, enum vrs_mem_tag tag, uint32_t object_size,
	uint64_t max_objects, struct vrs_reclaim *reclaim);

/** Frees every chunk, objects in use included. */
void vrs_pool_fini(struct vrs_pool *p);

/** @return An object's index, or 0 if out of memory or indices. Its bytes are zero the first
 *  time, and what the last user left afterwards: a reader that scans may be looking. */
uint32_t vrs_pool_alloc(struct vrs_pool *p) VRS_NODISCARD;

void vrs_pool_free(struct vrs_pool *p, uint32_t index);

/** @return The object's address. The index must be in use. */
static inline void *vrs_pool_at(const struct vrs_pool *p, uint32_t index)
{
	char *payload = vrs_rcu_load(p->table[index >> VRS_POOL_SHIFT]);

	return payload + (size_t)(index & (VRS_POOL_CHUNK - 1)) * p->object_size;
}

/** @return The object's address, or NULL where no chunk is (any index; for readers of ids from
 *          outside). */
static inline void *vrs_pool_peek(const struct vrs_pool *p, uint32_t index)
{
	if (index >> VRS_POOL_SHIFT >= p->n_table)
		return NULL;
	char *payload = vrs_rcu_load(p->table[index >> VRS_POOL_SHIFT]);

	return payload == NULL ? NULL
			       : payload + (size_t)(index & (VRS_POOL_CHUNK - 1)) * p->object_size;
}

/** @return One more than the highest index ever in use: the bound for a scan by index. */
static inline uint32_t vrs_pool_bound(const struct vrs_pool *p)
{
	return p->n_chunks << VRS_POOL_SHIFT;
}
