/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/export_out.h"

#include <assert.h>
#include <string.h>

enum {
	CHUNK_SIZE = 131072, /* Messages are at most 64 KiB, so two always fit. */
	SMALL_CHUNK = 16384,
	MASK = VRS_OUTBOX_PIECES - 1,
};

/* --- A session's outbox --- */

const struct vrs_piece *vrs_outbox_peek(const struct vrs_outbox *b)
{
	uint32_t head = atomic_load_explicit(&b->head, memory_order_relaxed);

	/* Acquire: partner of push(). */
	if (head == atomic_load_explicit(&b->tail, memory_order_acquire))
		return NULL;
	return &b->pieces[head & MASK];
}

void vrs_outbox_drop(struct vrs_outbox *b)
{
	uint32_t head = atomic_load_explicit(&b->head, memory_order_relaxed);

	vrs_chunk_put(b->pieces[head & MASK].chunk);
	/* Sequentially consistent: propagation looks at the room after it has said that it waits. */
	atomic_store(&b->head, head + 1);
}

/* A small piece of a large chunk would pin all of it: it is copied. @return Its chunk, with a
 * reference. */
static struct vrs_chunk *chunk_of(const struct vrs_piece *p, uint32_t *offset)
{
	struct vrs_chunk *own = NULL;

	*offset = p->offset;
	if (p->chunk->capacity >= SMALL_CHUNK && p->size < p->chunk->capacity / 16)
		own = vrs_chunk_new(p->size);
	if (own == NULL)
		return vrs_chunk_get(p->chunk);
	memcpy(own->data, p->chunk->data + p->offset, p->size);
	own->size = p->size;
	*offset = 0;
	return own;
}

static void push(struct vrs_outbox *b, const struct vrs_piece *p)
{
	uint32_t tail = atomic_load_explicit(&b->tail, memory_order_relaxed);
	struct vrs_piece *to = &b->pieces[tail & MASK];

	assert(vrs_outbox_room(b) > 0);
	*to = *p;
	to->chunk = chunk_of(p, &to->offset);
	atomic_fetch_add_explicit(&b->pushed, p->size, memory_order_relaxed);
	/* Release: the taker sees piece and bytes. */
	atomic_store_explicit(&b->tail, tail + 1, memory_order_release);
}

void vrs_outbox_fini(struct vrs_outbox *b)
{
	while (vrs_outbox_peek(b) != NULL)
		vrs_outbox_drop(b);
}

/* --- Messages --- */

void vrs_out_init(struct vrs_out *o)
{
	o->n_chunks = o->n_segments = 0;
	o->mode = VRS_OUT_ALL;
	o->connection = 0;
	o->size = 0;
	o->failed = false;
}

void vrs_out_address(struct vrs_out *o, enum vrs_out_mode mode, uint16_t connection)
{
	o->mode = (uint8_t)mode;
	o->connection = connection;
}

bool vrs_out_has_room(const struct vrs_out *o)
{
	/* A message opens at most one segment and one chunk; some calls write two. */
	return o->n_segments + 2 <= VRS_OUT_SEGMENTS && o->n_chunks + 2 <= VRS_OUT_CHUNKS;
}

uint8_t *vrs_out_room(struct vrs_out *o, size_t need)
{
	struct vrs_chunk *c = o->n_chunks > 0 ? o->chunks[o->n_chunks - 1] : NULL;

	if (c == NULL || c->capacity - c->size < need) {
		c = o->n_chunks < VRS_OUT_CHUNKS
			? vrs_chunk_new((uint32_t)VRS_MAX(need, (size_t)CHUNK_SIZE))
			: NULL;
		if (c == NULL) {
			o->failed = true;
			return NULL;
		}
		o->chunks[o->n_chunks++] = c;
	}
	return c->data + c->size;
}

void vrs_out_wrote(struct vrs_out *o, size_t size)
{
	struct vrs_out_segment *s = o->n_segments > 0 ? &o->segments[o->n_segments - 1] : NULL;
	unsigned at = o->n_chunks - 1;

	if (size == 0)
		return;
	if (s == NULL || s->chunk != at || s->mode != o->mode || s->connection != o->connection) {
		assert(o->n_segments < VRS_OUT_SEGMENTS);
		s = &o->segments[o->n_segments++];
		*s = (struct vrs_out_segment){.chunk = (uint16_t)at,
			.connection = o->connection,
			.mode = o->mode,
			.offset = o->chunks[at]->size};
	}
	s->size += (uint32_t)size;
	s->n_messages++;
	o->chunks[at]->size += (uint32_t)size;
	o->size += size;
}

/* A chunk that is mostly empty would pin its memory in the socket queue. */
static struct vrs_chunk *cut(struct vrs_chunk *c)
{
	if (c->size >= c->capacity / 2 || c->size == 0)
		return c;
	struct vrs_chunk *small = vrs_chunk_new(c->size);
	if (small == NULL)
		return c;
	memcpy(small->data, c->data, c->size);
	small->size = c->size;
	vrs_chunk_put(c);
	return small;
}

void vrs_out_close(struct vrs_out *o)
{
	for (unsigned i = 0; i < o->n_chunks; i++)
		o->chunks[i] = cut(o->chunks[i]);
}

static bool is_for(const struct vrs_out_segment *s, uint16_t connection)
{
	return s->mode == VRS_OUT_ALL || (s->connection == connection) == (s->mode == VRS_OUT_ONLY);
}

uint64_t vrs_out_give(const struct vrs_out *o, struct vrs_outbox *to, uint16_t connection)
{
	struct vrs_piece p = {0};
	uint64_t size = 0;

	for (unsigned i = 0; i < o->n_segments; i++) {
		const struct vrs_out_segment *s = &o->segments[i];
		if (!is_for(s, connection))
			continue;
		if (p.chunk == o->chunks[s->chunk] && p.offset + p.size == s->offset) {
			p.size += s->size;
			p.n_messages += s->n_messages;
			continue;
		}
		if (p.chunk != NULL)
			push(to, &p);
		size += p.size;
		p = (struct vrs_piece){o->chunks[s->chunk], s->offset, s->size, s->n_messages};
	}
	if (p.chunk != NULL)
		push(to, &p);
	return size + p.size;
}

void vrs_out_fini(struct vrs_out *o)
{
	for (unsigned i = 0; i < o->n_chunks; i++)
		vrs_chunk_put(o->chunks[i]);
	o->n_chunks = o->n_segments = 0;
}
