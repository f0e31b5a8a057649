/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/base/spsc.h"

#include <errno.h>
#include <string.h>

static struct vrs_spsc_block *block_new(void)
{
	struct vrs_spsc_block *b = vrs_mem_alloc(VRS_MEM_QUEUE, sizeof(*b));

	if (b != NULL) {
		atomic_init(&b->next, NULL);
		atomic_init(&b->n, 0);
	}
	return b;
}

int vrs_spsc_init(struct vrs_spsc *q)
{
	memset(q, 0, sizeof(*q));
	q->head = q->tail = block_new();
	return q->head != NULL ? 0 : -ENOMEM;
}

void vrs_spsc_fini(struct vrs_spsc *q)
{
	struct vrs_spsc_block *b = q->head;

	while (b != NULL) {
		struct vrs_spsc_block *next = atomic_load(&b->next);

		vrs_mem_free(VRS_MEM_QUEUE, b, sizeof(*b));
		b = next;
	}
	b = atomic_load(&q->spare);
	if (b != NULL)
		vrs_mem_free(VRS_MEM_QUEUE, b, sizeof(*b));
}

bool vrs_spsc_push(struct vrs_spsc *q, uint32_t item)
{
	struct vrs_spsc_block *b = q->tail;
	uint32_t n = atomic_load_explicit(&b->n, memory_order_relaxed);

	if (VRS_UNLIKELY(n == VRS_SPSC_BLOCK)) {
		/* Acquire pairs with the consumer's release of an emptied block. */
		struct vrs_spsc_block *fresh =
			atomic_exchange_explicit(&q->spare, NULL, memory_order_acquire);

		if (fresh == NULL) {
			fresh = block_new();
			if (fresh == NULL)
				return false;
		} else {
			atomic_store_explicit(&fresh->next, NULL, memory_order_relaxed);
			atomic_store_explicit(&fresh->n, 0, memory_order_relaxed);
		}
		fresh->items[0] = item;
		atomic_store_explicit(&fresh->n, 1, memory_order_relaxed);
		q->tail = fresh;
		/* Release: the consumer that sees the link sees the block behind it. */
		atomic_store_explicit(&b->next, fresh, memory_order_release);
		return true;
	}
	b->items[n] = item;
	atomic_store_explicit(&b->n, n + 1, memory_order_release);
	return true;
}

/* Step to the next block when this one is used up. False: nothing there. */
static bool advance(struct vrs_spsc *q)
{
	struct vrs_spsc_block *b = q->head;
	struct vrs_spsc_block *next = atomic_load_explicit(&b->next, memory_order_acquire);

	if (next == NULL)
		return false;
	q->head = next;
	q->at = 0;
	b = atomic_exchange_explicit(&q->spare, b, memory_order_acq_rel);
	if (b != NULL)
		vrs_mem_free(VRS_MEM_QUEUE, b, sizeof(*b));
	return true;
}

uint32_t vrs_spsc_pop(struct vrs_spsc *q, uint32_t *items, uint32_t max)
{
	uint32_t got = 0;

	while (got < max) {
		uint32_t n = atomic_load_explicit(&q->head->n, memory_order_acquire) - q->at;

		if (n == 0) {
			if (q->at < VRS_SPSC_BLOCK || !advance(q))
				break;
			continue;
		}
		n = VRS_MIN(n, max - got);
		memcpy(items + got, q->head->items + q->at, n * sizeof(*items));
		q->at += n;
		got += n;
	}
	return got;
}

bool vrs_spsc_empty(const struct vrs_spsc *q)
{
	return atomic_load_explicit(&q->head->n, memory_order_acquire) == q->at &&
		(q->at < VRS_SPSC_BLOCK ||
			atomic_load_explicit(&q->head->next, memory_order_acquire) == NULL);
}
