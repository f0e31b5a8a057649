/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Batches of retired objects.
 *
 * One grace period serves up to 1024 objects. liburcu's worker runs ripe() on a batch when its
 * grace period is over; it only pushes the batch on a lock-free stack, and the writer frees
 * the objects in its next turn, on the thread that owns the slabs they came from.
 */

#include "rib/base/reclaim.h"

#include <stdatomic.h>

#include "rib/base/mem.h"
#include "rib/base/thread.h"

enum { BATCH_OBJECTS = 1024, BATCH_BYTES = 1 << 20, SPARE_BATCHES = 4 };

struct item {
	vrs_reclaim_fn fn;
	void *ctx;
	void *obj;
};

struct batch {
	struct vrs_rcu_head rcu; /* First: the worker's callback gets this address. */
	struct vrs_reclaim *owner;
	struct batch *next;
	size_t bytes;
	unsigned n;
	struct item items[BATCH_OBJECTS];
};

struct vrs_reclaim {
	enum vrs_reclaim_mode mode;
	struct batch *open;   /* Being filled; writer only. */
	struct batch *sealed; /* Caller mode: waiting for our own grace period. */
	struct batch *spare;  /* Empty ones to use again. */
	unsigned n_spare;
	_Atomic(struct batch *) ripe; /* Pushed by the worker, taken whole by the writer. */
	_Atomic uint64_t objects, bytes;
};

struct vrs_reclaim *vrs_reclaim_new(enum vrs_reclaim_mode mode)
{
	struct vrs_reclaim *r = vrs_mem_zalloc(VRS_MEM_RECLAIM, sizeof(*r));

	if (r != NULL)
		r->mode = mode;
	return r;
}

static struct batch *batch_new(struct vrs_reclaim *r)
{
	struct batch *b = r->spare;

	if (b != NULL) {
		r->spare = b->next;
		r->n_spare--;
	} else {
		b = vrs_mem_alloc(VRS_MEM_RECLAIM, sizeof(*b));
		if (b == NULL)
			return NULL;
	}
	b->owner = r;
	b->next = NULL;
	b->bytes = 0;
	b->n = 0;
	return b;
}

static void batch_put(struct vrs_reclaim *r, struct batch *b)
{
	if (r->n_spare >= SPARE_BATCHES) {
		vrs_mem_free(VRS_MEM_RECLAIM, b, sizeof(*b));
		return;
	}
	b->next = r->spare;
	r->spare = b;
	r->n_spare++;
}

/* On liburcu's worker. */
static void ripe(struct vrs_rcu_head *head)
{
	struct batch *b = (struct batch *)head;
	struct vrs_reclaim *r = b->owner;

	b->next = atomic_load_explicit(&r->ripe, memory_order_relaxed);
	/* Release: the writer's take below sees next and everything before the grace period. */
	while (!atomic_compare_exchange_weak_explicit(
		&r->ripe, &b->next, b, memory_order_release, memory_order_relaxed))
		;
}

static void seal(struct vrs_reclaim *r)
{
	struct batch *b = r->open;

	if (b == NULL || b->n == 0)
		return;
	r->open = NULL;
	if (r->mode == VRS_RECLAIM_WORKER) {
		vrs_rcu_call(&b->rcu, ripe);
	} else {
		b->next = r->sealed;
		r->sealed = b;
	}
}

static void run(struct vrs_reclaim *r, struct batch *b)
{
	while (b != NULL) {
		struct batch *next = b->next;

		for (unsigned i = 0; i < b->n; i++)
			b->items[i].fn(b->items[i].ctx, b->items[i].obj);
		atomic_fetch_sub_explicit(&r->objects, b->n, memory_order_relaxed);
		atomic_fetch_sub_explicit(&r->bytes, b->bytes, memory_order_relaxed);
		batch_put(r, b);
		b = next;
	}
}

void vrs_reclaim_retire(struct vrs_reclaim *r, vrs_reclaim_fn fn, void *ctx, void *obj, size_t size)
{
	struct batch *b = r->open;

	if (b == NULL) {
		b = r->open = batch_new(r);
		if (b == NULL) {
			vrs_rcu_wait();
			fn(ctx, obj);
			return;
		}
	}
	b->items[b->n++] = (struct item){fn, ctx, obj};
	b->bytes += size;
	atomic_fetch_add_explicit(&r->objects, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->bytes, size, memory_order_relaxed);
	if (b->n == BATCH_OBJECTS || b->bytes >= BATCH_BYTES)
		seal(r);
}

void vrs_reclaim_turn(struct vrs_reclaim *r)
{
	seal(r);
	if (r->sealed != NULL) {
		struct batch *b = r->sealed;

		r->sealed = NULL;
		vrs_rcu_wait();
		run(r, b);
	}
	if (atomic_load_explicit(&r->ripe, memory_order_relaxed) != NULL)
		run(r, atomic_exchange_explicit(&r->ripe, NULL, memory_order_acquire));
}

void vrs_reclaim_drain(struct vrs_reclaim *r)
{
	/* A freed object may retire another, so go round until nothing waits. */
	do {
		seal(r);
		if (r->mode == VRS_RECLAIM_WORKER)
			vrs_rcu_barrier();
		vrs_reclaim_turn(r);
	} while (atomic_load_explicit(&r->objects, memory_order_relaxed) > 0);
}

void vrs_reclaim_free(struct vrs_reclaim *r)
{
	if (r == NULL)
		return;
	vrs_reclaim_drain(r);
	if (r->open != NULL)
		vrs_mem_free(VRS_MEM_RECLAIM, r->open, sizeof(*r->open));
	while (r->spare != NULL) {
		struct batch *b = r->spare;

		r->spare = b->next;
		vrs_mem_free(VRS_MEM_RECLAIM, b, sizeof(*b));
	}
	vrs_mem_free(VRS_MEM_RECLAIM, r, sizeof(*r));
}

void vrs_reclaim_stat(const struct vrs_reclaim *r, struct vrs_reclaim_stat *out)
{
	out->limbo_objects = atomic_load_explicit(&r->objects, memory_order_relaxed);
	out->limbo_bytes = atomic_load_explicit(&r->bytes, memory_order_relaxed);
}
