/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/base/slab.h"

#include <stdbool.h>
#include <string.h>

enum { CHUNK_SIZE = 16384 };

/*
 * At the start of each chunk; an object finds it by masking its address. Which objects are free
 * stands here, not in them: taking one touches none of its lines, which are mostly cold.
 */
struct vrs_slab_chunk {
	struct vrs_slab_chunk *next, *prev; /* In partial[units]; both NULL when alone or full. */
	uint16_t units, n_live, n_max;
	uint16_t word; /* Of free[], where one was freed last or taken last. */
	bool listed;
	uint64_t free[CHUNK_SIZE / VRS_SLAB_SMALL / 64]; /* By number of the object. */
};
enum { HEADER = 2 * VRS_SLAB_UNIT };
static_assert(sizeof(struct vrs_slab_chunk) <= HEADER, "two lines of header");

void vrs_slab_init(struct vrs_slab *s, enum vrs_mem_tag tag, unsigned unit)
{
	memset(s, 0, sizeof(*s));
	s->tag = tag;
	s->unit = unit;
}

void vrs_slab_fini(struct vrs_slab *s)
{
	/* A class keeps one empty chunk at most (see vrs_slab_free()). */
	for (unsigned u = 1; u <= VRS_SLAB_CLASSES; u++) {
		while (s->partial[u] != NULL) {
			struct vrs_slab_chunk *c = s->partial[u];

			assert(c->n_live == 0);
			s->partial[u] = c->next;
			vrs_mem_free(s->tag, c, CHUNK_SIZE);
			s->n_chunks--;
		}
	}
	assert(s->n_chunks == 0);
}

static void list(struct vrs_slab *s, struct vrs_slab_chunk *c)
{
	c->prev = NULL;
	c->next = s->partial[c->units];
	if (c->next != NULL)
		c->next->prev = c;
	s->partial[c->units] = c;
	c->listed = true;
}

static void unlist(struct vrs_slab *s, struct vrs_slab_chunk *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->partial[c->units] = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->next = c->prev = NULL;
	c->listed = false;
}

static struct vrs_slab_chunk *chunk_new(struct vrs_slab *s, unsigned units)
{
	struct vrs_slab_chunk *c = vrs_mem_alloc_aligned(s->tag, CHUNK_SIZE, CHUNK_SIZE);

	if (c == NULL)
		return NULL;
	*c = (struct vrs_slab_chunk){
		.units = (uint16_t)units,
		.n_max = (uint16_t)((CHUNK_SIZE - HEADER) / s->unit / units),
	};
	for (unsigned i = 0; i < c->n_max; i++)
		c->free[i / 64] |= 1ull << i % 64;
	s->n_chunks++;
	list(s, c);
	return c;
}

void *vrs_slab_alloc(struct vrs_slab *s, size_t size)
{
	unsigned units = (unsigned)((size + s->unit - 1) / s->unit);

	assert(units >= 1 && units <= VRS_SLAB_CLASSES);
	struct vrs_slab_chunk *c = s->partial[units];
	if (c == NULL) {
		c = chunk_new(s, units);
		if (c == NULL)
			return NULL;
	}
	unsigned w = c->word;
	while (c->free[w] == 0)
		w = (w + 1) % VRS_N_ELEMS(c->free);
	unsigned i = w * 64 + (unsigned)__builtin_ctzll(c->free[w]);
	c->free[w] &= c->free[w] - 1;
	c->word = (uint16_t)w;
	if (++c->n_live == c->n_max)
		unlist(s, c);
	return (char *)c + HEADER + (size_t)i * units * s->unit;
}

size_t vrs_slab_bytes(const struct vrs_slab *s)
{
	return s->n_chunks * CHUNK_SIZE;
}

void vrs_slab_free(struct vrs_slab *s, void *obj)
{
	struct vrs_slab_chunk *c =
		(struct vrs_slab_chunk *)((uintptr_t)obj & ~(uintptr_t)(CHUNK_SIZE - 1));

	unsigned i = (unsigned)((char *)obj - (char *)c - HEADER) / (c->units * s->unit);
	assert((c->free[i / 64] >> i % 64 & 1) == 0);
	c->free[i / 64] |= 1ull << i % 64;
	c->word = (uint16_t)(i / 64);
	c->n_live--;
	if (!c->listed)
		list(s, c);
	/* Keep one empty chunk per class, so that one object going back and forth is cheap. */
	if (c->n_live == 0 && (c->next != NULL || c->prev != NULL)) {
		unlist(s, c);
		s->n_chunks--;
		vrs_mem_free(s->tag, c, CHUNK_SIZE);
	}
}
