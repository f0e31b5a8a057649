/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/base/ring.h"

#include <errno.h>
#include <string.h>

enum { BLOCK_BYTES = 16384 };

struct vrs_ring_block {
	struct vrs_ring_block *next; /* Written before the items behind it are published. */
	uint64_t items[BLOCK_BYTES / 8 - 1];
};
static_assert(sizeof(struct vrs_ring_block) == BLOCK_BYTES, "whole pages");

static struct vrs_ring_block *block_new(void)
{
	struct vrs_ring_block *b = vrs_mem_alloc(VRS_MEM_QUEUE, sizeof(*b));

	if (b != NULL)
		b->next = NULL;
	return b;
}

static void block_free(struct vrs_ring_block *b)
{
	vrs_mem_free(VRS_MEM_QUEUE, b, sizeof(*b));
}

int vrs_ring_init(struct vrs_ring *r, uint32_t item_size)
{
	memset(r, 0, sizeof(*r));
	r->item_size = item_size;
	r->block_items = (uint32_t)(sizeof(r->tail->items) / item_size);
	r->head = r->tail = block_new();
	return r->head != NULL ? 0 : -ENOMEM;
}

void vrs_ring_fini(struct vrs_ring *r)
{
	while (r->head != NULL) {
		struct vrs_ring_block *next = r->head->next;

		block_free(r->head);
		r->head = next;
	}
	block_free(atomic_load(&r->spare));
	r->tail = NULL;
}

static void *item(const struct vrs_ring *r, struct vrs_ring_block *b, uint32_t at)
{
	return (char *)b->items + (size_t)at * r->item_size;
}

void *vrs_ring_push(struct vrs_ring *r)
{
	if (VRS_UNLIKELY(r->at_tail == r->block_items)) {
		/* Acquire: the consumer has done with it. */
		struct vrs_ring_block *fresh =
			atomic_exchange_explicit(&r->spare, NULL, memory_order_acquire);

		if (fresh == NULL)
			fresh = block_new();
		if (fresh == NULL)
			return NULL;
		fresh->next = NULL;
		r->tail->next = fresh;
		r->tail = fresh;
		r->at_tail = 0;
	}
	r->n_pushed++;
	return item(r, r->tail, r->at_tail++);
}

bool vrs_ring_publish(struct vrs_ring *r)
{
	if (atomic_load_explicit(&r->n_published, memory_order_relaxed) == r->n_pushed)
		return false;
	/* Release: whoever sees the number sees the items and the links to their blocks. */
	atomic_store_explicit(&r->n_published, r->n_pushed, memory_order_release);
	return true;
}

/* The block at the head has been read. */
static void next_block(struct vrs_ring *r)
{
	struct vrs_ring_block *b = r->head;

	r->head = b->next;
	r->at_head = 0;
	b = atomic_exchange_explicit(&r->spare, b, memory_order_acq_rel);
	if (b != NULL)
		block_free(b);
}

uint32_t vrs_ring_pop(struct vrs_ring *r, void *items, uint32_t max)
{
	uint64_t left = atomic_load_explicit(&r->n_published, memory_order_acquire) - r->n_popped;
	uint32_t got = 0;

	max = (uint32_t)VRS_MIN(left, (uint64_t)max);
	while (got < max) {
		if (r->at_head == r->block_items)
			next_block(r);
		uint32_t n = VRS_MIN(max - got, r->block_items - r->at_head);
		memcpy((char *)items + (size_t)got * r->item_size, item(r, r->head, r->at_head),
			(size_t)n * r->item_size);
		r->at_head += n;
		got += n;
	}
	r->n_popped += got;
	return got;
}

void vrs_ring_done(struct vrs_ring *r)
{
	/* Release: partner of vrs_ring_length(). */
	atomic_store_explicit(&r->n_done, r->n_popped, memory_order_release);
}
