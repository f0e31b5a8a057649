/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * A frame's life: it is lost; or it takes its turn behind the rate (a time at which the line is free
 * again, moved on by each frame's size, whichever of its wires sends it), waits for the delay and perhaps longer, and leaves. One that
 * may leave at once and whole is passed on as it is. Others are copied, headers and one chunk of their
 * own, so that spoiling them spoils nobody else's bytes and waiting pins nobody's chunks; they wait in a
 * heap ordered by time, then by age.
 *
 * When the inner wire has no room, what is due stays at the heap's top until the next rx(), tx() or flush(),
 * and tx() takes nothing more: the owner is told what the inner wire would have told it.
 */

#include "io/dpdk/badwire.h"

#include <string.h>

#include "rib/base/hash.h"

enum {
	ETHERNET_SIZE = 14,
	REORDER_US = 5000,
	QUEUE_BYTES = 1 << 20,
	WAIT_BYTES_MAX = 256 << 20, /* A second of delay at 2 Gbit/s; the rest is lost. */
};

/* A frame of our own: its payload is one chunk that only we refer to. */
struct held {
	uint64_t due_us, order;
	struct vrs_wire_tx tx;
};

struct badwire {
	struct vrs_wire wire;
	struct vrs_wire *inner;
	struct vrs_badwire_config c;
	vrs_badwire_clock now_us;
	void *clock_ctx;
	uint64_t random;
	struct vrs_badwire_line own, *line;
	uint64_t n_taken, wait_bytes, refused;
	struct held **heap;
	size_t n_held, room;
	struct vrs_badwire_stat stat;
};

static struct badwire *of(struct vrs_wire *w)
{
	return VRS_CONTAINER_OF(w, struct badwire, wire);
}

static uint32_t draw_below(struct badwire *b, uint32_t n)
{
	return (uint32_t)((vrs_splitmix64(&b->random) >> 32) * n >> 32);
}

static bool chance(struct badwire *b, uint32_t ppm)
{
	return draw_below(b, 1000000) < ppm;
}

static bool earlier(const struct held *x, const struct held *y)
{
	return x->due_us != y->due_us ? x->due_us < y->due_us : x->order < y->order;
}

static bool heap_insert(struct badwire *b, struct held *h)
{
	if (b->n_held == b->room) {
		size_t room = VRS_MAX((size_t)64, 2 * b->room);
		void *heap = vrs_mem_realloc(VRS_MEM_QUEUE, b->heap,
			b->room * sizeof(struct held *), room * sizeof(struct held *));

		if (heap == NULL)
			return false;
		b->heap = heap;
		b->room = room;
	}
	size_t at = b->n_held++;
	for (; at > 0 && earlier(h, b->heap[(at - 1) / 2]); at = (at - 1) / 2)
		b->heap[at] = b->heap[(at - 1) / 2];
	b->heap[at] = h;
	b->wait_bytes += h->tx.head_size + h->tx.size;
	return true;
}

static struct held *heap_remove(struct badwire *b)
{
	struct held *top = b->heap[0], *h = b->heap[--b->n_held];

	for (size_t at = 0, child = 1; b->n_held > 0; child = 2 * at + 1) {
		if (child + 1 < b->n_held && earlier(b->heap[child + 1], b->heap[child]))
			child++;
		if (child >= b->n_held || !earlier(b->heap[child], h)) {
			b->heap[at] = h;
			break;
		}
		b->heap[at] = b->heap[child];
		at = child;
	}
	b->wait_bytes -= top->tx.head_size + top->tx.size;
	return top;
}

static void held_free(struct held *h)
{
	if (h->tx.n_pieces > 0)
		vrs_chunk_put(h->tx.pieces[0].chunk);
	vrs_mem_free(VRS_MEM_QUEUE, h, sizeof(*h));
}

static struct held *held_new(const struct vrs_wire_tx *tx)
{
	struct held *h = vrs_mem_alloc(VRS_MEM_QUEUE, sizeof(*h));
	struct vrs_chunk *chunk = NULL;

	if (h == NULL)
		return NULL;
	h->tx = *tx;
	h->tx.n_pieces = 0;
	if (tx->size == 0)
		return h;
	chunk = vrs_chunk_new(tx->size);
	if (chunk == NULL) {
		vrs_mem_free(VRS_MEM_QUEUE, h, sizeof(*h));
		return NULL;
	}
	for (unsigned i = 0; i < tx->n_pieces; i++) {
		const struct vrs_wire_piece *p = &tx->pieces[i];

		assert(p->size <= chunk->capacity - chunk->size);
		memcpy(chunk->data + chunk->size, p->chunk->data + p->offset, p->size);
		chunk->size += p->size;
	}
	assert(chunk->size == tx->size);
	h->tx.n_pieces = 1;
	h->tx.pieces[0] = (struct vrs_wire_piece){chunk, 0, chunk->size};
	return h;
}

/* Flip one bit behind the Ethernet header. */
static void spoil(struct badwire *b, struct held *h)
{
	uint32_t size = h->tx.head_size + h->tx.size;

	if (size <= ETHERNET_SIZE)
		return;
	uint32_t bit = draw_below(b, 8 * (size - ETHERNET_SIZE));
	uint32_t at = ETHERNET_SIZE + bit / 8;
	uint8_t *byte = at < h->tx.head_size ? &h->tx.head[at]
					     : &h->tx.pieces[0].chunk->data[at - h->tx.head_size];
	*byte ^= (uint8_t)(1u << bit % 8);
	b->stat.corrupted++;
}

/* @return Whether nothing that is due is left. */
static bool release(struct badwire *b, uint64_t now_us)
{
	while (b->n_held > 0 && b->heap[0]->due_us <= now_us) {
		if (!b->inner->ops->tx(b->inner, &b->heap[0]->tx))
			return false;
		held_free(heap_remove(b));
	}
	return true;
}

/* Counters are the inner wire's: what really came and went. */
static void mirror(struct badwire *b)
{
	b->wire.stat = b->inner->stat;
	b->wire.stat.tx_full += b->refused;
}

/* Take a turn at the line. @return false: its queue is full. */
static bool pass_rate(struct badwire *b, uint32_t size, uint64_t now_us, uint64_t *out_us)
{
	uint64_t now_ns = now_us * 1000, from, to;
	/* Relaxed: it orders nothing but turns. */
	uint64_t free_ns = atomic_load_explicit(&b->line->free_ns, memory_order_relaxed);

	*out_us = now_us;
	if (b->c.rate == 0)
		return true;
	do {
		from = VRS_MAX(free_ns, now_ns);
		/* At most queue_bytes wait and one frame goes, so the product is about 2^32 * 10^9. */
		uint64_t waiting = (from - now_ns) * b->c.rate / 1000000000;

		if (waiting > 0 && waiting + size > b->c.queue_bytes)
			return false;
		to = from + (uint64_t)size * 1000000000 / b->c.rate;
	} while (!atomic_compare_exchange_weak_explicit(
		&b->line->free_ns, &free_ns, to, memory_order_relaxed, memory_order_relaxed));
	*out_us = (to + 999) / 1000;
	return true;
}

/* One copy of a frame goes on its way. @return false: out of memory. */
static bool send_copy(
	struct badwire *b, const struct vrs_wire_tx *tx, uint64_t now_us, uint64_t due_us)
{
	bool late = chance(b, b->c.reorder_ppm), spoilt = chance(b, b->c.corrupt_ppm);

	if (late) {
		due_us += 1 + draw_below(b, b->c.reorder_us);
		b->stat.reordered++;
	}
	if (due_us <= now_us && !spoilt && b->inner->ops->tx(b->inner, tx))
		return true;
	struct held *h = held_new(tx);
	if (h == NULL)
		return false;
	h->due_us = due_us;
	h->order = b->n_taken++;
	if (spoilt)
		spoil(b, h);
	if (!heap_insert(b, h)) {
		held_free(h);
		return false;
	}
	return true;
}

static bool send(struct badwire *b, const struct vrs_wire_tx *tx, uint64_t now_us)
{
	uint32_t size = tx->head_size + tx->size;
	uint64_t due_us;

	if (chance(b, b->c.loss_ppm)) {
		b->stat.lost++;
		return true;
	}
	if (b->wait_bytes + size > WAIT_BYTES_MAX || !pass_rate(b, size, now_us, &due_us)) {
		b->stat.overflowed++;
		return true;
	}
	due_us += b->c.delay_us;
	if (!send_copy(b, tx, now_us, due_us))
		return false;
	if (chance(b, b->c.duplicate_ppm) && send_copy(b, tx, now_us, due_us))
		b->stat.duplicated++;
	return true;
}

static bool bad_tx(struct vrs_wire *w, const struct vrs_wire_tx *tx)
{
	struct badwire *b = of(w);
	uint64_t now_us = b->now_us(b->clock_ctx);
	bool ok;

	assert(!tx->csum);
	ok = release(b, now_us) && send(b, tx, now_us);
	if (ok)
		b->stat.sent++;
	else
		b->refused++;
	(void)release(b, now_us);
	mirror(b);
	return ok;
}

static unsigned bad_rx(struct vrs_wire *w, struct vrs_frame *out, unsigned n)
{
	struct badwire *b = of(w);
	size_t waited = b->n_held;

	(void)release(b, b->now_us(b->clock_ctx));
	if (b->n_held != waited)
		b->inner->ops->flush(b->inner);
	unsigned got = b->inner->ops->rx(b->inner, out, n);
	mirror(b);
	return got;
}

static void bad_put(struct vrs_wire *w, struct vrs_frame *f)
{
	of(w)->inner->ops->put(of(w)->inner, f);
}

static void bad_flush(struct vrs_wire *w)
{
	struct badwire *b = of(w);

	/* A full inner wire may have room behind its own flush. */
	if (!release(b, b->now_us(b->clock_ctx))) {
		b->inner->ops->flush(b->inner);
		(void)release(b, b->now_us(b->clock_ctx));
	}
	b->inner->ops->flush(b->inner);
	mirror(b);
}

static uint64_t bad_next_us(struct vrs_wire *w)
{
	struct badwire *b = of(w);
	uint64_t own = b->n_held > 0 ? b->heap[0]->due_us : UINT64_MAX;
	uint64_t inner =
		b->inner->ops->next_us != NULL ? b->inner->ops->next_us(b->inner) : UINT64_MAX;

	return VRS_MIN(own, inner);
}

static int bad_intr_fd(struct vrs_wire *w)
{
	struct vrs_wire *inner = of(w)->inner;

	return inner->ops->intr_fd != NULL ? inner->ops->intr_fd(inner) : -1;
}

static void bad_intr(struct vrs_wire *w, bool on)
{
	struct vrs_wire *inner = of(w)->inner;

	if (inner->ops->intr != NULL)
		inner->ops->intr(inner, on);
}

static void bad_free(struct vrs_wire *w)
{
	struct badwire *b = of(w);

	for (size_t i = 0; i < b->n_held; i++)
		held_free(b->heap[i]);
	vrs_mem_free(VRS_MEM_QUEUE, b->heap, b->room * sizeof(struct held *));
	b->inner->ops->free(b->inner);
	vrs_mem_free(VRS_MEM_QUEUE, b, sizeof(*b));
}

static const struct vrs_wire_ops ops = {
	.rx = bad_rx,
	.put = bad_put,
	.tx = bad_tx,
	.flush = bad_flush,
	.next_us = bad_next_us,
	.intr_fd = bad_intr_fd,
	.intr = bad_intr,
	.free = bad_free,
};

bool vrs_badwire_wanted(const struct vrs_badwire_config *c)
{
	return (c->loss_ppm | c->reorder_ppm | c->duplicate_ppm | c->corrupt_ppm | c->delay_us |
		       c->rate) != 0;
}

struct vrs_wire *vrs_badwire_new(struct vrs_wire *inner, const struct vrs_badwire_config *c,
	struct vrs_badwire_line *line, vrs_badwire_clock now_us, void *clock_ctx)
{
	struct badwire *b = vrs_mem_zalloc(VRS_MEM_QUEUE, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->wire = *inner;
	b->wire.ops = &ops;
	b->wire.caps &= ~(uint32_t)VRS_WIRE_TX_CSUM;
	b->inner = inner;
	b->c = *c;
	if (b->c.reorder_us == 0)
		b->c.reorder_us = REORDER_US;
	if (b->c.queue_bytes == 0)
		b->c.queue_bytes = QUEUE_BYTES;
	b->line = line != NULL ? line : &b->own;
	b->now_us = now_us;
	b->clock_ctx = clock_ctx;
	b->random = c->seed;
	return &b->wire;
}

void vrs_badwire_stat(const struct vrs_wire *w, struct vrs_badwire_stat *out)
{
	*out = ((const struct badwire *)((const char *)w - offsetof(struct badwire, wire)))->stat;
}
