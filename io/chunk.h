/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Shared immutable bytes on their way out: encoded once, sent to many, freed by the last.
 *
 * Threads: get and put from any thread at once. A chunk is filled by its maker before it is
 * handed to anyone and never changes afterwards.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/mem.h"

struct vrs_chunk {
	_Atomic uint32_t refs;
	uint32_t size;     /**< Bytes used in data[]. */
	uint32_t capacity; /**< Bytes in data[]. */
	uint8_t data[];
};

/** @return An empty chunk with room for @p capacity bytes and one reference; NULL if no memory. */
static inline struct vrs_chunk *vrs_chunk_new(uint32_t capacity)
{
	struct vrs_chunk *c = vrs_mem_alloc(VRS_MEM_EXPORT, sizeof(*c) + capacity);

	if (c == NULL)
		return NULL;
	atomic_init(&c->refs, 1);
	c->size = 0;
	c->capacity = capacity;
	return c;
}

static inline struct vrs_chunk *vrs_chunk_get(struct vrs_chunk *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

/** Drop one reference; the last frees it. NULL is ignored. */
static inline void vrs_chunk_put(struct vrs_chunk *c)
{
	/* acq_rel: the last one sees all others' reads done before it frees. */
	if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		vrs_mem_free(VRS_MEM_EXPORT, c, sizeof(*c) + c->capacity);
}
