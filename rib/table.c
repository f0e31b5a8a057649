/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The RIB's writer.
 *
 * An UPDATE's prefixes are worked through in bursts: read 32, touch their nodes, find them,
 * touch their entries, then change them, so that cache misses overlap (a dependent miss costs
 * 140-220 ns here, an overlapped one 11-13 ns).
 *
 * There is no per-entry sequence: the forwarding word and the export word have different
 * readers (snapshot and export), each takes one of them, and a change of either marks the
 * entry dirty again, so no reader ever needs the two to agree (docs/adr/0003).
 */

#include "rib/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/hash.h"
#include "rib/path.h"

enum {
	BURST = 32,
	MAX_PEERS = 65536,
	UNLINKED = UINT16_MAX, /* n_paths of an entry that is not in the tree. */
	RETURNS_CHUNK = 2048,  /* Entries unlinked in one turn: about 300 us. */
	SWEEP_CHUNK = 8192,    /* Entries looked at in one turn: about 100 us. */
};

static struct vrs_radix *radix_of(struct vrs_table *t, unsigned afi)
{
	return &t->radix[afi == VRS_AFI_IP6];
}

static void block_free(void *ctx, void *block)
{
	vrs_radix_block_free(ctx, block);
}

/* A live tree's blocks wait for one grace period. */
static void radix_retire(
	void *ctx, struct vrs_radix *radix, void *block, size_t size, uint32_t born)
{
	const struct vrs_table *t = ctx;

	vrs_reclaim_retire(t->reclaim, block_free, radix, block, size);
}

struct vrs_table *vrs_table_new(struct vrs_reclaim *reclaim, const struct vrs_table_config *config)
{
	struct vrs_table *t = vrs_mem_zalloc(VRS_MEM_OTHER, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->reclaim = reclaim;
	t->config = *config;
	vrs_slab_init(&t->blocks, VRS_MEM_ENTRY);
	for (unsigned i = 0; i < 2; i++)
		vrs_radix_init(&t->radix[i], i == 0 ? VRS_AFI_IP4 : VRS_AFI_IP6, VRS_MEM_RADIX,
			false, radix_retire, t);
	t->attrs = vrs_attrs_store_new(reclaim);
	if (t->attrs == NULL)
		goto out_table;
	if (vrs_group_store_init(&t->groups, reclaim) != 0)
		goto out_attrs;
	if (vrs_pool_init(
		    &t->entries, VRS_MEM_ENTRY, sizeof(struct vrs_entry), 1u << 30, reclaim) != 0)
		goto out_groups;
	t->peers = vrs_mem_zalloc(VRS_MEM_OTHER, MAX_PEERS * sizeof(*t->peers));
	if (t->peers == NULL)
		goto out_entries;
	if (vrs_spsc_init(&t->dirty) != 0)
		goto out_peers;
	if (vrs_spsc_init(&t->returns) != 0)
		goto out_dirty;
	return t;
out_dirty:
	vrs_spsc_fini(&t->dirty);
out_peers:
	vrs_mem_free(VRS_MEM_OTHER, (void *)t->peers, MAX_PEERS * sizeof(*t->peers));
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
		struct vrs_entry *e = vrs_pool_peek(&t->entries, i);

		if (e != NULL && e->afi != 0 && e->n_paths != UNLINKED)
			vrs_path_list_clear(&t->blocks, &e->paths, &e->n_paths);
	}
	vrs_slab_fini(&t->blocks);
	vrs_radix_fini(&t->radix[0]);
	vrs_radix_fini(&t->radix[1]);
	vrs_pool_fini(&t->entries);
	vrs_group_store_fini(&t->groups);
	vrs_attrs_store_free(t->attrs);
	for (unsigned i = 0; i < MAX_PEERS && i <= t->next_slot; i++)
		vrs_mem_free(
			VRS_MEM_OTHER, atomic_load(&t->peers[i]), sizeof(struct vrs_table_peer));
	vrs_mem_free(VRS_MEM_OTHER, (void *)t->peers, MAX_PEERS * sizeof(*t->peers));
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
	return (unsigned)(vrs_hash_u64(top) % n);
}

struct vrs_prefix vrs_entry_prefix(const struct vrs_entry *e)
{
	struct vrs_prefix p = {.len = e->len, .afi = e->afi};

	memcpy(p.addr, e->addr, sizeof(p.addr));
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
	for (unsigned i = 0; i < MAX_PEERS; i++) {
		uint16_t slot = (uint16_t)(t->next_slot + i);

		if (vrs_table_peer(t, slot) != NULL)
			continue;
		peer->source = *source;
		peer->slot = slot;
		/* Release: whoever finds the slot in a word sees the peer. */
		atomic_store_explicit(&t->peers[slot], peer, memory_order_release);
		t->next_slot = (uint16_t)(slot + 1);
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
static void peer_retire(struct vrs_table *t, struct vrs_table_peer *peer)
{
	atomic_store_explicit(&t->peers[peer->slot], NULL, memory_order_release);
	vrs_reclaim_retire(t->reclaim, peer_free, NULL, peer, sizeof(*peer));
}

void vrs_table_peer_down(struct vrs_table *t, uint16_t slot)
{
	struct vrs_table_peer *peer = vrs_table_peer(t, slot);

	peer->down = true;
	if (peer->n_paths == 0) {
		peer_retire(t, peer);
		return;
	}
	/* One scan, round and round, serves all that are down until none is. */
	t->n_down++;
}

/* --- Decision --- */

static void mark_dirty(struct vrs_table *t, uint32_t index, struct vrs_entry *e, uint32_t what)
{
	/* In the ring with these bits already, and not taken yet: nothing to do. */
	if ((atomic_load(&e->dirty) & what) == what ||
		(atomic_fetch_or(&e->dirty, what) & ~(uint32_t)VRS_DIRTY_HELD) != 0)
		return;
	if (vrs_spsc_push(&t->dirty, index))
		atomic_fetch_add_explicit(&t->n_marked, 1, memory_order_relaxed);
	else
		/* Out of memory: the next change of the entry tries again. */
		atomic_fetch_and(&e->dirty, VRS_DIRTY_HELD);
}

static uint64_t export_word(const struct vrs_path *p, const struct vrs_attrs_info *info, bool ebgp)
{
	return p->attrs | (uint64_t)p->peer << 32 | VRS_EXPORT_VALID |
		(ebgp ? VRS_EXPORT_EBGP : 0) |
		(info->flags & VRS_ATTRS_NO_EXPORT ? VRS_EXPORT_NO_EXPORT : 0) |
		(info->flags & VRS_ATTRS_NO_ADVERTISE ? VRS_EXPORT_NO_ADVERTISE : 0);
}

static uint32_t single_group(struct vrs_table *t, uint32_t attrs_id)
{
	struct vrs_attrs *a = vrs_attrs_at(t->attrs, attrs_id);

	if (!vrs_group_is_single(&t->groups, a->group, &a->info.next_hop))
		a->group = vrs_group_intern(&t->groups, &a->info.next_hop, 1);
	return a->group;
}

static int cmp_hops(const void *a, const void *b)
{
	return vrs_addr_cmp(a, b);
}

/* The group of the first n candidates: their next hops, sorted, each once. */
static uint32_t group_of(
	struct vrs_table *t, const struct vrs_entry *e, const struct vrs_candidate *c, size_t n)
{
	size_t distinct = 1;

	for (size_t i = 0; i < n; i++)
		t->scratch_hops[i] = c[i].attrs->next_hop;
	if (n > 1)
		qsort(t->scratch_hops, n, sizeof(*t->scratch_hops), cmp_hops);
	for (size_t i = 1; i < n; i++)
		if (!vrs_addr_equal(&t->scratch_hops[i], &t->scratch_hops[distinct - 1]))
			t->scratch_hops[distinct++] = t->scratch_hops[i];
	if (distinct == 1)
		return single_group(
			t, vrs_path_at((void *)&e->paths, e->n_paths, c[0].index)->attrs);
	return vrs_group_intern(&t->groups, t->scratch_hops, distinct);
}

static bool scratch_reserve(struct vrs_table *t, uint32_t n)
{
	if (n <= t->cap_scratch)
		return true;
	uint32_t cap = VRS_MAX(n, t->cap_scratch == 0 ? 16 : t->cap_scratch * 2);
	struct vrs_candidate *c = realloc(t->scratch, cap * sizeof(*c));
	if (c == NULL)
		return false;
	t->scratch = c;
	struct vrs_addr *h = realloc(t->scratch_hops, cap * sizeof(*h));
	if (h == NULL)
		return false;
	t->scratch_hops = h;
	t->cap_scratch = cap;
	return true;
}

static struct vrs_candidate candidate(
	const struct vrs_table *t, const struct vrs_path *p, uint32_t index)
{
	struct vrs_candidate c = {
		.attrs = &vrs_attrs_at(t->attrs, p->attrs)->info,
		.source = &vrs_table_peer(t, p->peer)->source,
		.index = index,
		.reason = p->reason,
		.stale = p->stale,
	};

	c.key = vrs_decide_key(&c, t->config.preference);
	return c;
}

/* All candidates with the highest key among those that pass, moved to the front. */
static size_t front_set(struct vrs_candidate *c, size_t n, bool nva_only)
{
	uint64_t top = VRS_KEY_USABLE;
	size_t set = 0;

	for (size_t i = 0; i < n; i++) {
		if (nva_only && c[i].source->class != VRS_CLASS_NVA)
			continue;
		if (c[i].key < top)
			continue;
		if (c[i].key > top) {
			top = c[i].key;
			set = 0;
		}
		struct vrs_candidate moved = c[i];
		c[i] = c[set];
		c[set++] = moved;
	}
	return set;
}

/* Decide between several paths. @return false: out of memory, nothing decided. */
static bool decide_many(
	struct vrs_table *t, struct vrs_entry *e, uint64_t *forward, uint64_t *export)
{
	unsigned n = e->n_paths;
	bool gateways = false;

	if (!scratch_reserve(t, n))
		return false;
	struct vrs_path_iter it = vrs_path_iter_init(&e->paths, n);
	for (const struct vrs_path *p; (p = vrs_path_next(&it)) != NULL;) {
		struct vrs_candidate *c = &t->scratch[it.index - 1];

		*c = candidate(t, p, it.index - 1);
		gateways |= c->source->class != VRS_CLASS_NVA;
	}
	size_t set = front_set(t->scratch, n, false);
	if (set > 0) {
		*forward = group_of(t, e, t->scratch, set);
		if (*forward == VRS_GROUP_NONE)
			return false;
	}
	/* Without branch-to-branch, filter before the decision: only NVAs' paths are told. */
	if (gateways && !t->config.branch_to_branch)
		set = front_set(t->scratch, n, true);
	if (set > 0) {
		vrs_decide_best(t->scratch, set);
		const struct vrs_candidate *c = &t->scratch[0];
		*export =
			export_word(vrs_path_at(&e->paths, n, c->index), c->attrs, c->source->ebgp);
	}
	return true;
}

static bool decide_one(
	struct vrs_table *t, struct vrs_entry *e, uint64_t *forward, uint64_t *export)
{
	const struct vrs_path *p = &e->paths.inside[0];

	if (p->reason != VRS_PATH_USABLE)
		return true;
	*forward = single_group(t, p->attrs);
	if (*forward == VRS_GROUP_NONE)
		return false;
	const struct vrs_path_source *source = &vrs_table_peer(t, p->peer)->source;
	if (source->class == VRS_CLASS_NVA || t->config.branch_to_branch)
		*export = export_word(p, &vrs_attrs_at(t->attrs, p->attrs)->info, source->ebgp);
	return true;
}

/* Whether peers hear the same from two export words. The session it came from matters to
 * nobody when both are eBGP sessions of one connection. */
static bool tells_the_same(const struct vrs_table *t, uint64_t a, uint64_t b)
{
	const struct vrs_table_peer *x, *y;

	if (((a ^ b) & ~((uint64_t)UINT16_MAX << 32)) != 0 || !(a & VRS_EXPORT_EBGP))
		return false;
	x = vrs_table_peer(t, VRS_EXPORT_PEER(a));
	y = vrs_table_peer(t, VRS_EXPORT_PEER(b));
	return x != NULL && y != NULL && x->source.connection == y->source.connection;
}

/* Decide, publish, mark. Out of memory makes the prefix unusable, never wrong. */
static void decide(struct vrs_table *t, uint32_t index, struct vrs_entry *e)
{
	uint64_t forward = 0, export = 0, old;
	uint32_t what = 0;

	if (e->n_paths == 0)
		export = VRS_EXPORT_EMPTY;
	else if (!(e->n_paths == 1 ? decide_one : decide_many)(t, e, &forward, &export))
		forward = export = 0;

	old = atomic_load_explicit(&e->forward, memory_order_relaxed);
	if (old != forward) {
		vrs_group_get(&t->groups, (uint32_t)forward);
		atomic_exchange(&e->forward, forward);
		vrs_group_put(&t->groups, (uint32_t)old);
		if (old == 0)
			atomic_fetch_add_explicit(&t->n_usable, 1, memory_order_relaxed);
		else if (forward == 0)
			atomic_fetch_sub_explicit(&t->n_usable, 1, memory_order_relaxed);
		what |= VRS_DIRTY_FORWARD;
	}
	old = atomic_load_explicit(&e->export, memory_order_relaxed);
	if (old != export) {
		atomic_exchange(&e->export, export);
		if (!tells_the_same(t, old, export))
			what |= VRS_DIRTY_EXPORT;
	}
	if (what != 0)
		mark_dirty(t, index, e, what);
}

/* --- Paths in and out --- */

static uint32_t entry_new(struct vrs_table *t, const struct vrs_prefix *p)
{
	uint32_t index = vrs_pool_alloc(&t->entries);

	if (index == 0)
		return 0;
	struct vrs_entry *e = vrs_table_entry(t, index);
	/* A scan may be looking at the words; prefix and paths it reads only behind a VALID one. */
	atomic_store_explicit(&e->export, VRS_EXPORT_EMPTY, memory_order_relaxed);
	atomic_store_explicit(&e->forward, 0, memory_order_relaxed);
	atomic_store_explicit(&e->dirty, 0, memory_order_relaxed);
	memcpy(e->addr, p->addr, sizeof(e->addr));
	e->len = p->len;
	e->afi = p->afi;
	e->n_paths = 0;
	if (index >= atomic_load_explicit(&t->bound, memory_order_relaxed))
		atomic_store_explicit(&t->bound, index + 1, memory_order_release);
	if (vrs_radix_insert(radix_of(t, p->afi), p, index) != 1) {
		e->n_paths = UNLINKED;
		vrs_pool_free(&t->entries, index);
		return 0;
	}
	return index;
}

static int announce_one(struct vrs_table *t, struct vrs_table_peer *peer,
	const struct vrs_prefix *p, uint32_t index, uint32_t attrs, uint8_t reason)
{
	/* A prefix may stand twice in one UPDATE: look again before making an entry. */
	if (index == 0 && !vrs_radix_get(radix_of(t, p->afi), p, &index)) {
		if (t->refuse_new) {
			peer->n_refused++;
			return 0;
		}
		index = entry_new(t, p);
		if (index == 0)
			return -ENOMEM;
	}
	struct vrs_entry *e = vrs_table_entry(t, index);
	if (reason == VRS_PATH_USABLE && vrs_prefix_martian(p))
		reason = VRS_PATH_MARTIAN;

	struct vrs_path *path = vrs_path_of(&e->paths, e->n_paths, peer->slot);
	bool had = path != NULL && path->reason == VRS_PATH_USABLE;
	if (reason == VRS_PATH_USABLE && !had && peer->limit != 0 && peer->n_usable >= peer->limit)
		reason = VRS_PATH_LIMIT;
	if (path == NULL) {
		path = vrs_path_list_add(&t->blocks, &e->paths, &e->n_paths);
		if (path == NULL) {
			/* A fresh entry without paths goes the way of every empty one. */
			mark_dirty(t, index, e, VRS_DIRTY_EXPORT);
			return -ENOMEM;
		}
		atomic_fetch_add_explicit(&t->n_paths, 1, memory_order_relaxed);
		if (e->n_paths == 1)
			atomic_fetch_add_explicit(&t->n_prefixes, 1, memory_order_relaxed);
		peer->n_paths++;
	} else {
		if (path->attrs == attrs && path->reason == reason && !path->stale)
			return 0;
		vrs_attrs_put(t->attrs, path->attrs, 1);
		peer->n_usable -= path->reason == VRS_PATH_USABLE;
	}
	vrs_attrs_get(t->attrs, attrs, 1);
	*path = (struct vrs_path){attrs, peer->slot, reason, 0};
	peer->n_usable += reason == VRS_PATH_USABLE;
	decide(t, index, e);
	return 0;
}

static void remove_path(
	struct vrs_table *t, struct vrs_table_peer *peer, uint32_t index, struct vrs_entry *e)
{
	struct vrs_path *path = vrs_path_of(&e->paths, e->n_paths, peer->slot);

	if (path == NULL)
		return;
	peer->n_paths--;
	peer->n_usable -= path->reason == VRS_PATH_USABLE;
	vrs_attrs_put(t->attrs, path->attrs, 1);
	vrs_path_list_remove(&t->blocks, &e->paths, &e->n_paths, path);
	atomic_fetch_sub_explicit(&t->n_paths, 1, memory_order_relaxed);
	if (e->n_paths == 0)
		atomic_fetch_sub_explicit(&t->n_prefixes, 1, memory_order_relaxed);
	decide(t, index, e);
}

/* The next prefixes of a validated field with their entries' indices (0 = none yet), fetched. */
struct burst {
	struct vrs_prefix prefixes[BURST];
	uint32_t index[BURST];
	unsigned n;
};

static bool burst_next(
	struct vrs_table *t, enum vrs_afi afi, struct vrs_span *nlri, struct burst *b)
{
	struct vrs_radix *radix = radix_of(t, afi);

	b->n = 0;
	while (b->n < BURST && nlri->size > 0) {
		int used = vrs_prefix_read(&b->prefixes[b->n], afi, nlri->data, nlri->size);

		if (used < 0)
			break; /* The codec validated it: cannot happen, and ends here if it does. */
		nlri->data += used;
		nlri->size -= (size_t)used;
		vrs_radix_prefetch(radix, &b->prefixes[b->n++]);
	}
	for (unsigned i = 0; i < b->n; i++) {
		b->index[i] = 0;
		if (vrs_radix_get(radix, &b->prefixes[i], &b->index[i]))
			__builtin_prefetch(vrs_table_entry(t, b->index[i]), 1);
	}
	return b->n > 0;
}

int vrs_table_announce(struct vrs_table *t, uint16_t slot, enum vrs_afi afi, struct vrs_span nlri,
	uint32_t attrs, enum vrs_path_reason reason)
{
	struct vrs_table_peer *peer = vrs_table_peer(t, slot);
	struct burst b;
	int n = 0;

	while (burst_next(t, afi, &nlri, &b)) {
		for (unsigned i = 0; i < b.n; i++, n++) {
			int err = announce_one(
				t, peer, &b.prefixes[i], b.index[i], attrs, (uint8_t)reason);

			if (err != 0)
				return err;
		}
	}
	return n;
}

void vrs_table_withdraw(struct vrs_table *t, uint16_t slot, enum vrs_afi afi, struct vrs_span nlri)
{
	struct vrs_table_peer *peer = vrs_table_peer(t, slot);
	struct burst b;

	while (burst_next(t, afi, &nlri, &b))
		for (unsigned i = 0; i < b.n; i++)
			if (b.index[i] != 0)
				remove_path(t, peer, b.index[i], vrs_table_entry(t, b.index[i]));
}

/* --- Scans over all entries --- */

static struct vrs_entry *entry_in_use(const struct vrs_table *t, uint32_t index)
{
	struct vrs_entry *e = vrs_pool_peek(&t->entries, index);

	return e != NULL && e->afi != 0 && e->n_paths != UNLINKED ? e : NULL;
}

void vrs_table_mark_stale(struct vrs_table *t, uint16_t slot, enum vrs_afi afi)
{
	for (uint32_t i = 1; i < vrs_pool_bound(&t->entries); i++) {
		struct vrs_entry *e = entry_in_use(t, i);
		struct vrs_path *path = e != NULL && e->afi == afi
			? vrs_path_of(&e->paths, e->n_paths, slot)
			: NULL;

		if (path != NULL) {
			path->stale = 1;
			decide(t, i, e);
		}
	}
}

void vrs_table_sweep_stale(struct vrs_table *t, uint16_t slot, enum vrs_afi afi)
{
	struct vrs_table_peer *peer = vrs_table_peer(t, slot);

	for (uint32_t i = 1; i < vrs_pool_bound(&t->entries); i++) {
		struct vrs_entry *e = entry_in_use(t, i);
		const struct vrs_path *path = e != NULL && e->afi == afi
			? vrs_path_of(&e->paths, e->n_paths, slot)
			: NULL;

		if (path != NULL && path->stale)
			remove_path(t, peer, i, e);
	}
}

/* Whether the peer has so many usable paths that this one is not to be one of them. */
static bool over_limit(const struct vrs_table_peer *peer, const struct vrs_path *path)
{
	bool has_place = path->reason == VRS_PATH_USABLE;

	return peer->limit != 0 && peer->n_usable - has_place >= peer->limit;
}

void vrs_table_revalidate(struct vrs_table *t, vrs_table_reason_fn reason, void *ctx)
{
	for (uint32_t i = 1; i < vrs_pool_bound(&t->entries); i++) {
		struct vrs_entry *e = entry_in_use(t, i);

		if (e == NULL)
			continue;
		struct vrs_prefix p = vrs_entry_prefix(e);
		struct vrs_path_iter it = vrs_path_iter_init(&e->paths, e->n_paths);
		bool changed = false;
		for (struct vrs_path *path; (path = vrs_path_next(&it)) != NULL;) {
			struct vrs_table_peer *peer = vrs_table_peer(t, path->peer);
			uint8_t now =
				(uint8_t)reason(ctx, vrs_attrs_at(t->attrs, path->attrs), peer, &p);

			if (now == VRS_PATH_USABLE && over_limit(peer, path))
				now = VRS_PATH_LIMIT;
			if (now == path->reason)
				continue;
			peer->n_usable += now == VRS_PATH_USABLE;
			peer->n_usable -= path->reason == VRS_PATH_USABLE;
			path->reason = now;
			changed = true;
		}
		if (changed)
			decide(t, i, e);
	}
}

void vrs_table_configure(struct vrs_table *t, const struct vrs_table_config *config)
{
	if (t->config.preference == config->preference &&
		t->config.branch_to_branch == config->branch_to_branch)
		return;
	t->config = *config;
	t->redecide_at = 1;
}

/* Remove the paths of every peer that is down from one entry. */
static void sweep_entry(struct vrs_table *t, uint32_t index, struct vrs_entry *e)
{
	for (unsigned i = e->n_paths; i-- > 0;) {
		struct vrs_table_peer *peer =
			vrs_table_peer(t, vrs_path_at(&e->paths, e->n_paths, i)->peer);

		if (!peer->down)
			continue;
		remove_path(t, peer, index, e);
		if (peer->n_paths == 0) {
			peer_retire(t, peer);
			t->n_down--;
		}
	}
}

static void sweep(struct vrs_table *t)
{
	uint32_t end = vrs_pool_bound(&t->entries);

	for (uint32_t n = 0; n < SWEEP_CHUNK && t->sweep_at < end && t->n_down > 0; n++) {
		struct vrs_entry *e = entry_in_use(t, t->sweep_at);

		if (e != NULL)
			sweep_entry(t, t->sweep_at, e);
		t->sweep_at++;
	}
	if (t->sweep_at >= end)
		t->sweep_at = 1;
}

static void redecide(struct vrs_table *t)
{
	uint32_t end = vrs_pool_bound(&t->entries);

	for (uint32_t n = 0; n < SWEEP_CHUNK && t->redecide_at < end; n++, t->redecide_at++) {
		struct vrs_entry *e = entry_in_use(t, t->redecide_at);

		if (e != NULL)
			decide(t, t->redecide_at, e);
	}
	if (t->redecide_at >= end)
		t->redecide_at = 0;
}

static void entry_free(void *ctx, void *obj)
{
	struct vrs_table *t = ctx;

	vrs_pool_free(&t->entries, (uint32_t)(uintptr_t)obj);
}

/* An empty entry that nobody outside knows of any more. */
static void take_return(struct vrs_table *t, uint32_t index)
{
	struct vrs_entry *e = entry_in_use(t, index);

	/* In use again, taken again, or given back twice while it came and went: not now. */
	if (e == NULL || e->n_paths > 0 || atomic_load(&e->dirty) != 0)
		return;
	struct vrs_prefix p = vrs_entry_prefix(e);
	if (vrs_radix_remove(radix_of(t, p.afi), &p) != 0) {
		/* No memory: go round again. */
		mark_dirty(t, index, e, VRS_DIRTY_EXPORT);
		return;
	}
	e->n_paths = UNLINKED;
	vrs_reclaim_retire(t->reclaim, entry_free, t, (void *)(uintptr_t)index, sizeof(*e));
}

/* @return Whether there may be more. */
static bool take_returns(struct vrs_table *t)
{
	uint32_t ids[RETURNS_CHUNK], n = vrs_spsc_pop(&t->returns, ids, RETURNS_CHUNK);

	for (uint32_t i = 0; i < n; i++)
		take_return(t, ids[i]);
	return n == RETURNS_CHUNK;
}

bool vrs_table_turn(struct vrs_table *t)
{
	if (t->n_down > 0)
		sweep(t);
	if (t->redecide_at != 0)
		redecide(t);
	bool more = take_returns(t);
	vrs_attrs_turn(t->attrs);
	vrs_group_turn(&t->groups);
	return more || t->n_down > 0 || t->redecide_at != 0;
}

/* --- Looking --- */

uint64_t vrs_table_tree_bytes(const struct vrs_table *t)
{
	return vrs_slab_bytes(&t->radix[0].slab) + vrs_slab_bytes(&t->radix[1].slab);
}

uint64_t vrs_table_bytes(const struct vrs_table *t)
{
	return vrs_table_tree_bytes(t) + vrs_slab_bytes(&t->blocks) +
		(uint64_t)t->entries.n_live * sizeof(struct vrs_entry) + vrs_attrs_bytes(t->attrs);
}

const struct vrs_path *vrs_table_path_of(const struct vrs_table *t, uint32_t index, uint16_t slot)
{
	struct vrs_entry *e = entry_in_use(t, index);

	return e != NULL ? vrs_path_of(&e->paths, e->n_paths, slot) : NULL;
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

	if (!vrs_radix_get(radix_of(t, p->afi), p, &index))
		return 0;
	struct vrs_entry *e = vrs_table_entry(t, index);
	size_t n = e->n_paths;
	if (n == 0 || !scratch_reserve(t, (uint32_t)n))
		return 0;

	struct vrs_path_iter it = vrs_path_iter_init(&e->paths, e->n_paths);
	for (const struct vrs_path *path; (path = vrs_path_next(&it)) != NULL;)
		t->scratch[it.index - 1] = candidate(t, path, it.index - 1);
	size_t set = front_set(t->scratch, n, false);
	if (set > 0)
		vrs_decide_best(t->scratch, set);
	size_t sorted = set > 0 ? 1 : 0;
	qsort(t->scratch + sorted, n - sorted, sizeof(*t->scratch), cmp_candidates);

	for (size_t i = 0; i < VRS_MIN(n, max); i++) {
		const struct vrs_candidate *c = &t->scratch[i];
		const struct vrs_path *path = vrs_path_at(&e->paths, e->n_paths, c->index);

		views[i] = (struct vrs_path_view){
			.path = path,
			.attrs = vrs_attrs_at(t->attrs, path->attrs),
			.peer = vrs_table_peer(t, path->peer),
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
		what[i] = (uint8_t)(atomic_exchange(&vrs_table_entry(t, indices[i])->dirty,
					    VRS_DIRTY_HELD) &
			~(uint32_t)VRS_DIRTY_HELD);
	return n;
}

bool vrs_table_give_back(struct vrs_table *t, uint32_t index)
{
	struct vrs_entry *e = vrs_table_entry(t, index);

	/* Let go first: the writer may read the message at once. */
	atomic_fetch_and(&e->dirty, ~(uint32_t)VRS_DIRTY_HELD);
	if (vrs_spsc_push(&t->returns, index))
		return true;
	atomic_fetch_or(&e->dirty, VRS_DIRTY_HELD);
	return false;
}
