/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/base/pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct vrs_pool_chunk {
	struct vrs_pool_chunk *next, *prev; /* In partial. */
	uint32_t slot;                      /* In the table. */
	uint16_t n_live;
	uint16_t n_max; /* Index 0 of slot 0 stays out: it means "none". */
	uint16_t word;  /* Of free[], where one was freed last or taken last. */
	bool listed;
	uint64_t free[VRS_POOL_CHUNK / 64]; /* By index: objects need no link word. */
};

int vrs_pool_init(struct vrs_pool *p, enum vrs_mem_tag tag, uint32_t object_size,
	uint64_t max_objects, struct vrs_reclaim *reclaim)
{
	uint64_t n = (max_objects + VRS_POOL_CHUNK) >> VRS_POOL_SHIFT;

	memset(p, 0, sizeof(*p));
	p->tag = tag;
	p->reclaim = reclaim;
	p->object_size = object_size;
	p->n_table = (uint32_t)n;
	p->table = calloc(n, sizeof(*p->table));
	p->chunks = calloc(n, sizeof(struct vrs_pool_chunk *));
	if (p->table == NULL || p->chunks == NULL) {
		free(p->table);
		free(p->chunks);
		return -ENOMEM;
	}
	return 0;
}

static size_t payload_size(const struct vrs_pool *p)
{
	return (size_t)p->object_size << VRS_POOL_SHIFT;
}

static void payload_free(void *ctx, void *payload)
{
	const struct vrs_pool *p = ctx;

	vrs_mem_free(p->tag, payload, payload_size(p));
}

static void *chunk_drop(struct vrs_pool *p, struct vrs_pool_chunk *c)
{
	void *payload = p->table[c->slot];

	vrs_rcu_publish(p->table[c->slot], NULL);
	p->chunks[c->slot] = NULL;
	if (c->slot < p->hint)
		p->hint = c->slot;
	vrs_mem_free(p->tag, c, sizeof(*c));
	return payload;
}

void vrs_pool_fini(struct vrs_pool *p)
{
	for (uint32_t i = 0; i < p->n_chunks; i++)
		if (p->chunks[i] != NULL)
			payload_free(p, chunk_drop(p, p->chunks[i]));
	free(p->table);
	free(p->chunks);
}

static void list(struct vrs_pool *p, struct vrs_pool_chunk *c)
{
	c->prev = NULL;
	c->next = p->partial;
	if (c->next != NULL)
		c->next->prev = c;
	p->partial = c;
	c->listed = true;
}

static void unlist(struct vrs_pool *p, struct vrs_pool_chunk *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		p->partial = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->listed = false;
}

static struct vrs_pool_chunk *chunk_new(struct vrs_pool *p)
{
	while (p->hint < p->n_table && p->chunks[p->hint] != NULL)
		p->hint++;
	if (p->hint == p->n_table)
		return NULL;

	struct vrs_pool_chunk *c = vrs_mem_alloc(p->tag, sizeof(*c));
	void *payload = vrs_mem_zalloc(p->tag, payload_size(p));
	if (c == NULL || payload == NULL) {
		vrs_mem_free(p->tag, c, sizeof(*c));
		vrs_mem_free(p->tag, payload, payload_size(p));
		return NULL;
	}
	c->slot = p->hint;
	c->n_live = 0;
	c->word = 0;
	memset(c->free, 0xff, sizeof(c->free));
	c->free[0] -= c->slot == 0;
	c->n_max = (uint16_t)(VRS_POOL_CHUNK - (c->slot == 0));
	p->chunks[c->slot] = c;
	vrs_rcu_publish(p->table[c->slot], payload);
	if (c->slot >= p->n_chunks)
		p->n_chunks = c->slot + 1;
	list(p, c);
	return c;
}

uint32_t vrs_pool_alloc(struct vrs_pool *p)
{
	struct vrs_pool_chunk *c = p->partial;

	if (c == NULL) {
		c = chunk_new(p);
		if (c == NULL)
			return 0;
	}
	unsigned w = c->word;
	while (c->free[w] == 0)
		w = (w + 1) % VRS_N_ELEMS(c->free);
	uint32_t index = w * 64 + (uint32_t)__builtin_ctzll(c->free[w]);
	c->free[w] &= c->free[w] - 1;
	c->word = (uint16_t)w;
	p->n_live++;
	if (++c->n_live == c->n_max)
		unlist(p, c);
	return c->slot << VRS_POOL_SHIFT | index;
}

void vrs_pool_free(struct vrs_pool *p, uint32_t index)
{
	struct vrs_pool_chunk *c = p->chunks[index >> VRS_POOL_SHIFT];

	index &= VRS_POOL_CHUNK - 1;
	assert((c->free[index / 64] >> index % 64 & 1) == 0);
	c->free[index / 64] |= 1ull << index % 64;
	c->word = (uint16_t)(index / 64);
	c->n_live--;
	p->n_live--;
	if (!c->listed)
		list(p, c);
	if (c->n_live == 0 && (c->next != NULL || c->prev != NULL)) {
		unlist(p, c);
		void *payload = chunk_drop(p, c);
		if (p->reclaim != NULL)
			vrs_reclaim_retire(p->reclaim, payload_free, p, payload, payload_size(p));
		else
			payload_free(p, payload);
	}
}
