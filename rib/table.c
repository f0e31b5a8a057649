/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The RIB's writer: its life, peers, the end of entries, and looking at what is there. Paths come
 * in and go in table_apply.c, decisions are made in table_decide.c, all entries are visited in
 * table_scan.c.
 */

#include "rib/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/hash.h"
#include "rib/table_internal.h"

enum {
	RETURNS_BURST = 32,
	RETURNS_CHUNK = 2048, /* Entries unlinked in one turn: about 300 us. */
};

struct vrs_table *vrs_table_new(struct vrs_reclaim *reclaim, const struct vrs_table_config *config)
{
	struct vrs_table *t = vrs_mem_zalloc(VRS_MEM_OTHER, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->reclaim = reclaim;
	t->config = *config;
	vrs_slab_init(&t->arrays, VRS_MEM_ENTRY, VRS_SLAB_SMALL);
	for (unsigned i = 0; i < 2; i++)
		vrs_radix_init(&t->radix[i], i == 0 ? VRS_AFI_IP4 : VRS_AFI_IP6, VRS_MEM_RADIX,
			false, NULL, NULL);
	t->stores = &t->attrs;
	t->attrs = vrs_attrs_store_new(reclaim);
	if (t->attrs == NULL)
		goto out_table;
	if (vrs_group_store_init(&t->groups, reclaim) != 0)
		goto out_attrs;
	if (vrs_pool_init(
		    &t->entries, VRS_MEM_ENTRY, sizeof(struct vrs_entry), 1u << 30, reclaim) != 0)
		goto out_groups;
	if (vrs_pool_init(&t->addrs, VRS_MEM_ENTRY, 16, 1u << 30, reclaim) != 0)
		goto out_entries;
	t->queue = vrs_mem_alloc(VRS_MEM_QUEUE, VRS_TABLE_QUEUE * sizeof(*t->queue));
	if (t->queue == NULL)
		goto out_addrs;
	if (vrs_table_joins_init(t) != 0)
		goto out_queue;
	t->peers = vrs_mem_zalloc(VRS_MEM_OTHER, VRS_TABLE_PEERS * sizeof(*t->peers));
	if (t->peers == NULL)
		goto out_joins;
	if (vrs_spsc_init(&t->dirty) != 0)
		goto out_peers;
	if (vrs_spsc_init(&t->returns) != 0)
		goto out_dirty;
	return t;
out_dirty:
	vrs_spsc_fini(&t->dirty);
out_peers:
	vrs_mem_free(VRS_MEM_OTHER, (void *)t->peers, VRS_TABLE_PEERS * sizeof(*t->peers));
out_joins:
	vrs_table_joins_fini(t);
out_queue:
	vrs_mem_free(VRS_MEM_QUEUE, t->queue, VRS_TABLE_QUEUE * sizeof(*t->queue));
out_addrs:
	vrs_pool_fini(&t->addrs);
out_entries:
	vrs_pool_fini(&t->entries);
out_groups:
	vrs_group_store_fini(&t->groups);
out_attrs:
	vrs_attrs_store_free(t->attrs);
out_table:
	vrs_mem_free(VRS_MEM_OTHER, t, sizeof(*t));
	return NULL;
}

void vrs_table_free(struct vrs_table *t)
{
	if (t == NULL)
		return;
	vrs_reclaim_drain(t->reclaim);
	for (uint32_t i = 1; i < vrs_pool_bound(&t->entries); i++) {
		struct vrs_entry *e = vrs_table_in_use(t, i);

		if (e != NULL)
			vrs_path_clear(&t->arrays, e);
	}
	vrs_slab_fini(&t->arrays);
	vrs_radix_fini(&t->radix[0]);
	vrs_radix_fini(&t->radix[1]);
	vrs_pool_fini(&t->entries);
	vrs_pool_fini(&t->addrs);
	vrs_table_joins_fini(t);
	vrs_mem_free(VRS_MEM_QUEUE, t->queue, VRS_TABLE_QUEUE * sizeof(*t->queue));
	vrs_group_store_fini(&t->groups);
	vrs_attrs_store_free(t->attrs);
	for (unsigned i = 0; i < VRS_TABLE_PEERS; i++)
		vrs_mem_free(
			VRS_MEM_OTHER, atomic_load(&t->peers[i]), sizeof(struct vrs_table_peer));
	vrs_mem_free(VRS_MEM_OTHER, (void *)t->peers, VRS_TABLE_PEERS * sizeof(*t->peers));
	vrs_spsc_fini(&t->dirty);
	vrs_spsc_fini(&t->returns);
	free(t->scratch);
	free(t->scratch_hops);
	vrs_mem_free(VRS_MEM_OTHER, t, sizeof(*t));
}

unsigned vrs_table_shard(const struct vrs_prefix *p, unsigned n)
{
	uint64_t top = (uint64_t)p->addr[0] << 24 | (uint64_t)p->addr[1] << 16;

	if (p->afi == VRS_AFI_IP6)
		top |= (uint64_t)p->addr[2] << 8 | p->addr[3];
	/* Shorter prefixes are few and belong to shard 0. */
	if (n <= 1 || p->len < (p->afi == VRS_AFI_IP6 ? 32 : 16))
		return 0;
	return (unsigned)((vrs_hash_u64(top) >> 32) * n >> 32);
}

struct vrs_prefix vrs_entry_prefix(const struct vrs_table *t, const struct vrs_entry *e)
{
	struct vrs_prefix p = {.len = e->len, .afi = e->afi};

	if (e->afi == VRS_AFI_IP6)
		memcpy(p.addr, vrs_pool_at(&t->addrs, e->addr), sizeof(p.addr));
	else
		memcpy(p.addr, &e->addr, sizeof(e->addr));
	return p;
}

/* --- Peers --- */

struct vrs_table_peer *vrs_table_peer(const struct vrs_table *t, uint16_t slot)
{
	return atomic_load_explicit(&t->peers[slot], memory_order_acquire);
}

int vrs_table_peer_add(struct vrs_table *t, const struct vrs_path_source *source)
{
	struct vrs_table_peer *peer = vrs_mem_zalloc(VRS_MEM_OTHER, sizeof(*peer));

	if (peer == NULL)
		return -ENOMEM;
	/* Slots are used in turn, so a slot that was just freed rests for a while. */
	for (unsigned i = 0; i < VRS_TABLE_PEERS; i += t->slot_mask + 1u) {
		uint16_t slot =
			(uint16_t)(((t->next_slot + i) & ~(unsigned)t->slot_mask) | t->index);

		if (vrs_table_peer(t, slot) != NULL)
			continue;
		peer->source = *source;
		peer->slot = slot;
		peer->limit_at_home = &peer->limit;
		if (t->shards != NULL && vrs_shards_peer_up(t, peer) != 0)
			break;
		/* Release: whoever finds the slot in a word sees the peer. */
		atomic_store_explicit(&t->peers[slot], peer, memory_order_release);
		t->next_slot = (uint16_t)(slot + t->slot_mask + 1);
		return slot;
	}
	vrs_mem_free(VRS_MEM_OTHER, peer, sizeof(*peer));
	return -ENOMEM;
}

static void peer_free(void *ctx, void *obj)
{
	vrs_mem_free(VRS_MEM_OTHER, obj, sizeof(struct vrs_table_peer));
}

/* No path refers to it any more; readers of a word may, until their section ends. */
void vrs_table_peer_retire(struct vrs_table *t, struct vrs_table_peer *peer)
{
	atomic_store_explicit(&t->peers[peer->slot], NULL, memory_order_release);
	vrs_reclaim_retire(t->reclaim, peer_free, NULL, peer, sizeof(*peer));
}

/* --- The end of an entry --- */

static void entry_free(void *ctx, void *obj)
{
	struct vrs_table *t = ctx;
	uint32_t index = (uint32_t)(uintptr_t)obj;
	const struct vrs_entry *e = vrs_table_entry(t, index);

	if (e->afi == VRS_AFI_IP6)
		vrs_pool_free(&t->addrs, e->addr);
	vrs_pool_free(&t->entries, index);
}

/* Whether nobody else has anything to do with an entry that was given back. */
static bool is_over(const struct vrs_entry *e)
{
	/* In use again, taken again, or given back twice while it came and went: not now. */
	return e != NULL && e->n_paths == 0 && atomic_load(&e->dirty) == 0;
}

/* An empty entry that nobody outside knows of any more. */
static void take_return(struct vrs_table *t, uint32_t index)
{
	struct vrs_entry *e = vrs_table_in_use(t, index);

	if (!is_over(e))
		return;
	struct vrs_prefix p = vrs_entry_prefix(t, e);
	if (vrs_radix_remove(vrs_table_radix(t, p.afi), &p) != 0) {
		/* No memory: go round again. */
		vrs_table_mark(t, index, e, VRS_DIRTY_EXPORT);
		return;
	}
	e->n_paths = VRS_TABLE_UNLINKED;
	vrs_reclaim_retire(t->reclaim, entry_free, t, (void *)(uintptr_t)index, sizeof(*e));
}

/* Touch what removing some of them will read. */
static void touch_returns(struct vrs_table *t, const uint32_t *ids, uint32_t n)
{
	struct vrs_prefix prefixes[2][RETURNS_BURST];
	const struct vrs_prefix *list[2][RETURNS_BURST];
	uint32_t values[RETURNS_BURST], m[2] = {0, 0};

	for (uint32_t i = 0; i < n; i++)
		__builtin_prefetch(vrs_table_entry(t, ids[i]), 1);
	for (uint32_t i = 0; i < n; i++) {
		const struct vrs_entry *e = vrs_table_in_use(t, ids[i]);

		if (!is_over(e))
			continue;
		unsigned f = e->afi == VRS_AFI_IP6;
		prefixes[f][m[f]] = vrs_entry_prefix(t, e);
		list[f][m[f]] = &prefixes[f][m[f]];
		m[f]++;
	}
	for (unsigned f = 0; f < 2; f++)
		vrs_radix_get_bulk(&t->radix[f], list[f], m[f], values);
}

/* @return Whether there may be more. */
static bool take_returns(struct vrs_table *t)
{
	uint32_t ids[RETURNS_BURST], n;

	for (unsigned total = 0; total < RETURNS_CHUNK; total += n) {
		n = vrs_spsc_pop(&t->returns, ids, RETURNS_BURST);
		touch_returns(t, ids, n);
		for (uint32_t i = 0; i < n; i++)
			take_return(t, ids[i]);
		if (n < RETURNS_BURST)
			return false;
	}
	return true;
}

bool vrs_table_turn(struct vrs_table *t)
{
	vrs_table_flush(t);
	bool more = t->shards != NULL && vrs_shards_take(t);
	more |= vrs_table_scan(t);
	more |= take_returns(t);
	vrs_attrs_turn(t->attrs);
	if (vrs_group_turn(&t->groups))
		vrs_table_joins_forget(t);
	return more;
}

bool vrs_table_waiting(const struct vrs_table *t)
{
	return vrs_shards_waiting(t) || !vrs_spsc_empty(&t->returns) ||
		!vrs_spsc_empty(&t->groups.done);
}

void vrs_table_touch(struct vrs_table *t, const struct vrs_prefix *p)
{
	uint32_t index;

	vrs_table_flush(t);
	if (vrs_radix_get(vrs_table_radix(t, p->afi), p, &index))
		vrs_table_mark(t, index, vrs_table_entry(t, index), VRS_DIRTY_EXPORT);
}

/* --- Looking --- */

int vrs_table_walk(struct vrs_table *t, enum vrs_afi afi, const struct vrs_prefix *from,
	vrs_radix_walk_fn fn, void *ctx)
{
	vrs_table_flush(t);
	return vrs_radix_walk(&vrs_table_radix(t, afi)->root, from, fn, ctx);
}

uint64_t vrs_table_tree_bytes(const struct vrs_table *t)
{
	return vrs_slab_bytes(&t->radix[0].slab) + vrs_slab_bytes(&t->radix[1].slab);
}

uint64_t vrs_table_bytes(const struct vrs_table *t)
{
	return vrs_table_tree_bytes(t) + vrs_slab_bytes(&t->arrays) +
		(uint64_t)t->addrs.n_live * t->addrs.object_size +
		(uint64_t)t->entries.n_live * sizeof(struct vrs_entry) + vrs_attrs_bytes(t->attrs);
}

const struct vrs_path *vrs_table_path_of(const struct vrs_table *t, uint32_t index, uint16_t slot)
{
	struct vrs_entry *e = vrs_table_in_use(t, index);

	return e != NULL ? vrs_path_of(e, slot) : NULL;
}

static int cmp_candidates(const void *a, const void *b)
{
	const struct vrs_candidate *x = a, *y = b;

	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

size_t vrs_table_paths(
	struct vrs_table *t, const struct vrs_prefix *p, struct vrs_path_view *views, size_t max)
{
	uint32_t index;

	vrs_table_flush(t);
	if (!vrs_radix_get(vrs_table_radix(t, p->afi), p, &index))
		return 0;
	struct vrs_entry *e = vrs_table_entry(t, index);
	size_t n = e->n_paths;
	if (n == 0 || !vrs_table_candidates(t, e))
		return 0;
	vrs_table_fill_attrs(t, e, n);
	size_t set = vrs_table_front_set(t, n, false);
	if (set > 0)
		vrs_decide_best(t->scratch, set);
	size_t sorted = set > 0 ? 1 : 0;
	qsort(t->scratch + sorted, n - sorted, sizeof(*t->scratch), cmp_candidates);

	for (size_t i = 0; i < VRS_MIN(n, max); i++) {
		const struct vrs_candidate *c = &t->scratch[i];
		const struct vrs_path *path = &vrs_entry_paths(e)[c->index];

		views[i] = (struct vrs_path_view){
			.path = path,
			.attrs = vrs_table_attrs_at(t, path->peer, path->attrs),
			.peer = vrs_table_peer(t, path->peer),
			.stale = c->stale,
			.best = set > 0 && i == 0,
			.multipath = i < set,
			.step = i == 0 ? VRS_STEP_NONE
				       : vrs_decide_why(t->scratch, set, i, t->config.preference),
		};
	}
	return n;
}

/* --- Propagation's side --- */

uint32_t vrs_table_take_dirty(struct vrs_table *t, uint32_t *indices, uint8_t *what, uint32_t max)
{
	uint32_t n = vrs_spsc_pop(&t->dirty, indices, max);

	for (uint32_t i = 0; i < n; i++)
		__builtin_prefetch(vrs_table_entry(t, indices[i]), 1);
	for (uint32_t i = 0; i < n; i++)
		what[i] = atomic_exchange(&vrs_table_entry(t, indices[i])->dirty, VRS_DIRTY_HELD) &
			(uint8_t)~VRS_DIRTY_HELD;
	return n;
}

bool vrs_table_give_back(struct vrs_table *t, uint32_t index)
{
	struct vrs_entry *e = vrs_table_entry(t, index);

	/* Let go first: the writer may read the message at once. */
	atomic_fetch_and(&e->dirty, (uint8_t)~VRS_DIRTY_HELD);
	if (vrs_spsc_push(&t->returns, index))
		return true;
	atomic_fetch_or(&e->dirty, VRS_DIRTY_HELD);
	return false;
}
