/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Versions and who keeps their blocks alive.
 *
 * Taking a pin races with a commit. The reader counts itself on the version it found, then
 * looks whether that version is still current; the writer makes the new version current, then
 * looks at the old one's count. Both sides are sequentially consistent, so at least one of
 * them sees the other: either the writer counts the pin, or the reader finds a newer version
 * and tries again.
 *
 * A block that leaves with the commit of version r+1 was visible in [born, r]. If the newest
 * pinned version p <= r is younger than `born` is old (p >= born), the block waits on p's
 * list; otherwise nobody can see it and a grace period frees it. When p loses its last pin,
 * each block on its list moves to the next older pinned version that can see it, or goes.
 */

#include "rib/snapshot.h"

#include <errno.h>
#include <string.h>

#include "rib/base/mem.h"

enum { GARBAGE_ITEMS = 250 };

struct item {
	struct vrs_radix *radix;
	void *block;
	uint32_t size;
	uint32_t born;
};

struct vrs_garbage {
	struct vrs_garbage *next;
	unsigned n;
	struct item items[GARBAGE_ITEMS];
};

struct vrs_snapshot {
	struct vrs_version *current; /* Published by the writer. */
	struct vrs_radix radix[2];   /* The open version. */
	struct vrs_reclaim *reclaim;
	struct vrs_version *pinned;  /* Replaced versions with pins, newest first. */
	struct vrs_garbage *retired; /* Left the open version; sorted out at commit. */
	struct vrs_hop_rule *hops;   /* Of the open version. */
	uint64_t hops_since, hops_until;
	uint64_t now_ms; /* As last told by turn(). */
	bool changed;
};

/* Version numbers are 64 bits, births 32: enough to compare within 2^31 versions of now. */
static bool born_after(uint32_t born, uint64_t version)
{
	return (int32_t)(born - (uint32_t)version) > 0;
}

static void block_free(void *ctx, void *block)
{
	vrs_radix_block_free(ctx, block);
}

static void version_free(void *ctx, void *arg)
{
	struct vrs_version *v = arg;

	vrs_hop_rule_put(v->hops);
	vrs_mem_free(VRS_MEM_SNAPSHOT, v, sizeof(struct vrs_version));
}

static void let_go(struct vrs_snapshot *s, const struct item *i)
{
	vrs_reclaim_retire(s->reclaim, block_free, i->radix, i->block, i->size);
}

/* Append to a list. @return false: out of memory. */
static bool garbage_add(struct vrs_garbage **list, const struct item *i)
{
	struct vrs_garbage *g = *list;

	if (g == NULL || g->n == GARBAGE_ITEMS) {
		g = vrs_mem_alloc(VRS_MEM_SNAPSHOT, sizeof(*g));
		if (g == NULL)
			return false;
		g->next = *list;
		g->n = 0;
		*list = g;
	}
	g->items[g->n++] = *i;
	return true;
}

/* The tree lets a block go while the version is open: it is visible up to the current one. */
static void retire(void *ctx, struct vrs_radix *radix, void *block, size_t size, uint32_t born)
{
	struct vrs_snapshot *s = ctx;
	struct item i = {radix, block, (uint32_t)size, born};

	/* Without memory for the note the block is lost: never freed, never wrong. */
	(void)garbage_add(&s->retired, &i);
}

size_t vrs_snapshot_bytes(const struct vrs_snapshot *s)
{
	return vrs_slab_bytes(&s->radix[0].slab) + vrs_slab_bytes(&s->radix[1].slab);
}

struct vrs_snapshot *vrs_snapshot_new(struct vrs_reclaim *reclaim)
{
	struct vrs_snapshot *s = vrs_mem_zalloc(VRS_MEM_SNAPSHOT, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->reclaim = reclaim;
	s->current = vrs_mem_zalloc(VRS_MEM_SNAPSHOT, sizeof(*s->current));
	if (s->current == NULL) {
		vrs_mem_free(VRS_MEM_SNAPSHOT, s, sizeof(*s));
		return NULL;
	}
	for (unsigned i = 0; i < 2; i++) {
		vrs_radix_init(&s->radix[i], i == 0 ? VRS_AFI_IP4 : VRS_AFI_IP6, VRS_MEM_SNAPSHOT,
			true, retire, s);
		s->radix[i].open = 2;
		s->current->root[i] = s->radix[i].root;
	}
	s->current->number = 1;
	return s;
}

/* Move each block of a list to the newest pinned version that can see it, or let it go. */
static void sort_out(struct vrs_snapshot *s, struct vrs_garbage *list, struct vrs_version *newest)
{
	while (list != NULL) {
		struct vrs_garbage *g = list;

		list = g->next;
		for (unsigned i = 0; i < g->n; i++) {
			struct item *it = &g->items[i];

			if (newest == NULL || born_after(it->born, newest->number))
				let_go(s, it);
			else if (garbage_add(&newest->garbage, it))
				newest->garbage_bytes += it->size;
		}
		vrs_mem_free(VRS_MEM_SNAPSHOT, g, sizeof(*g));
	}
}

void vrs_snapshot_free(struct vrs_snapshot *s)
{
	if (s == NULL)
		return;
	for (struct vrs_version *v = s->pinned, *older; v != NULL; v = older) {
		older = v->older;
		sort_out(s, v->garbage, NULL);
		version_free(NULL, v);
	}
	sort_out(s, s->retired, NULL);
	vrs_reclaim_drain(s->reclaim);
	version_free(NULL, s->current);
	vrs_hop_rule_put(s->hops);
	vrs_radix_fini(&s->radix[0]);
	vrs_radix_fini(&s->radix[1]);
	vrs_mem_free(VRS_MEM_SNAPSHOT, s, sizeof(*s));
}

static struct vrs_radix *radix_of(const struct vrs_snapshot *s, const struct vrs_prefix *p)
{
	return (struct vrs_radix *)&s->radix[p->afi == VRS_AFI_IP6];
}

bool vrs_snapshot_get(const struct vrs_snapshot *s, const struct vrs_prefix *p, uint32_t *group)
{
	return vrs_radix_get(radix_of(s, p), p, group);
}

int vrs_snapshot_set(
	struct vrs_snapshot *s, const struct vrs_prefix *p, uint32_t group, uint32_t *old)
{
	uint32_t had = 0;
	int r = vrs_radix_exchange(radix_of(s, p), p, group, &had);

	/* Even a failed insert may have copied part of the path: publish that. */
	s->changed = true;
	if (r < 0)
		return r;
	*old = had;
	return 0;
}

int vrs_snapshot_remove(struct vrs_snapshot *s, const struct vrs_prefix *p, uint32_t *old)
{
	uint32_t had;

	if (!vrs_radix_get(radix_of(s, p), p, &had)) {
		*old = 0;
		return 0;
	}
	int r = vrs_radix_remove(radix_of(s, p), p);
	s->changed = true;
	if (r < 0)
		return r;
	*old = had;
	return 0;
}

void vrs_snapshot_touch(const struct vrs_snapshot *s, const struct vrs_prefix *prefixes, unsigned n)
{
	enum { BURST = 32 };
	const struct vrs_prefix *of[2][BURST];
	uint32_t values[BURST];

	while (n > 0) {
		unsigned m[2] = {0, 0}, burst = VRS_MIN(n, (unsigned)BURST);

		for (unsigned i = 0; i < burst; i++) {
			unsigned f = prefixes[i].afi == VRS_AFI_IP6;

			of[f][m[f]++] = &prefixes[i];
		}
		for (unsigned f = 0; f < 2; f++)
			vrs_radix_get_bulk(&s->radix[f], of[f], m[f], values);
		prefixes += burst;
		n -= burst;
	}
}

void vrs_snapshot_set_hops(struct vrs_snapshot *s, struct vrs_hop_rule *rule)
{
	struct vrs_hop_rule *old = s->hops;

	s->hops = vrs_hop_rule_get(rule);
	vrs_hop_rule_put(old);
	s->changed = true;
	if (rule != NULL)
		s->hops_since = vrs_snapshot_open(s);
	s->hops_until = rule == NULL ? vrs_snapshot_open(s) : 0;
}

const struct vrs_hop_rule *vrs_snapshot_hops(const struct vrs_snapshot *s)
{
	return s->hops;
}

uint64_t vrs_snapshot_open(const struct vrs_snapshot *s)
{
	return s->current->number + 1;
}

int vrs_snapshot_commit(struct vrs_snapshot *s)
{
	struct vrs_version *old = s->current, *v;

	if (!s->changed)
		return 0;
	v = vrs_mem_zalloc(VRS_MEM_SNAPSHOT, sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	v->number = old->number + 1;
	v->n_prefixes = s->radix[0].n + s->radix[1].n;
	v->hops = vrs_hop_rule_get(s->hops);
	v->hops_since = s->hops_since;
	v->hops_until = s->hops_until;
	for (unsigned i = 0; i < 2; i++) {
		v->root[i] = s->radix[i].root;
		s->radix[i].open = (uint32_t)(v->number + 1);
	}
	/* Publish, then look for pins: partner of vrs_snapshot_pin(). */
	__atomic_store_n(&s->current, v, __ATOMIC_SEQ_CST);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&old->pins) > 0) {
		old->older = s->pinned;
		old->pinned_since_ms = s->now_ms;
		s->pinned = old;
	} else {
		vrs_reclaim_retire(s->reclaim, version_free, NULL, old, sizeof(*old));
	}
	sort_out(s, s->retired, s->pinned);
	s->retired = NULL;
	s->changed = false;
	return 0;
}

static bool holds(const struct vrs_version *v)
{
	return atomic_load(&v->pins) > 0 && !atomic_load(&v->revoked);
}

void vrs_snapshot_turn(struct vrs_snapshot *s, uint64_t now_ms)
{
	struct vrs_version **link = &s->pinned, *v;

	s->now_ms = now_ms;
	while ((v = *link) != NULL) {
		if (holds(v)) {
			link = &v->older;
			continue;
		}
		/* Next older pin that still holds; those on the way are handled after. */
		sort_out(s, v->garbage, v->older);
		v->garbage = NULL;
		v->garbage_bytes = 0;
		if (atomic_load(&v->pins) > 0) {
			link = &v->older; /* Revoked: the holder has still to let go of it. */
			continue;
		}
		*link = v->older;
		vrs_reclaim_retire(s->reclaim, version_free, NULL, v, sizeof(*v));
	}
}

unsigned vrs_snapshot_revoke(
	struct vrs_snapshot *s, uint64_t now_ms, uint64_t max_age_ms, uint64_t max_bytes)
{
	unsigned n = 0;

	for (struct vrs_version *v = s->pinned; v != NULL; v = v->older) {
		if (!holds(v))
			continue;
		if (now_ms - v->pinned_since_ms <= max_age_ms && v->garbage_bytes <= max_bytes)
			continue;
		atomic_store(&v->revoked, true);
		n++;
	}
	if (n > 0)
		vrs_snapshot_turn(s, now_ms);
	return n;
}

uint64_t vrs_snapshot_oldest(const struct vrs_snapshot *s)
{
	uint64_t oldest = s->current->number;

	for (const struct vrs_version *v = s->pinned; v != NULL; v = v->older)
		if (holds(v))
			oldest = v->number;
	return oldest;
}

void vrs_snapshot_stat(const struct vrs_snapshot *s, uint64_t now_ms, struct vrs_snapshot_stat *out)
{
	*out = (struct vrs_snapshot_stat){0};
	for (const struct vrs_version *v = s->pinned; v != NULL; v = v->older) {
		out->pinned_versions++;
		out->pinned_bytes += v->garbage_bytes;
		out->oldest_pin_ms = now_ms - v->pinned_since_ms;
	}
}

const struct vrs_version *vrs_snapshot_current(const struct vrs_snapshot *s)
{
	return vrs_rcu_load(s->current);
}

bool vrs_version_usable(
	const struct vrs_version *v, const struct vrs_group_store *groups, uint32_t group)
{
	if (v->hops == NULL)
		return true;
	const struct vrs_group *g = vrs_group_find(groups, group);
	return g != NULL && vrs_hop_rule_pick(v->hops, g, NULL, 0) > 0;
}

/* The longest one that has a next hop left. */
static bool match_left(const struct vrs_version *v, const struct vrs_group_store *groups,
	const struct vrs_addr *addr, uint32_t *group, uint8_t *len)
{
	struct vrs_radix_cover covers[VRS_RADIX_COVERS];
	unsigned n = vrs_radix_covers(&v->root[addr->afi == VRS_AFI_IP6], addr, covers);

	while (n > 0 && !vrs_version_usable(v, groups, covers[n - 1].value))
		n--;
	if (n == 0)
		return false;
	*group = covers[n - 1].value;
	*len = covers[n - 1].len;
	return true;
}

bool vrs_version_match(const struct vrs_version *v, const struct vrs_group_store *groups,
	const struct vrs_addr *addr, uint8_t min_len, uint32_t *group, uint8_t *len)
{
	uint32_t found;
	uint8_t at;

	if (!vrs_radix_match(&v->root[addr->afi == VRS_AFI_IP6], addr, &found, &at) ||
		(!vrs_version_usable(v, groups, found) &&
			!match_left(v, groups, addr, &found, &at)))
		return false;
	*group = found;
	*len = at;
	return at >= min_len;
}

struct vrs_version *vrs_snapshot_pin(struct vrs_snapshot *s)
{
	for (;;) {
		struct vrs_version *v = vrs_rcu_load(s->current);

		/* Count, then look again: partner of vrs_snapshot_commit(). */
		atomic_fetch_add(&v->pins, 1);
		atomic_thread_fence(memory_order_seq_cst);
		if (__atomic_load_n(&s->current, __ATOMIC_SEQ_CST) == v)
			return v;
		atomic_fetch_sub(&v->pins, 1);
	}
}

int vrs_version_check(const struct vrs_version *v)
{
	return atomic_load(&v->revoked) ? -ESTALE : 0;
}

void vrs_version_unpin(struct vrs_version *v)
{
	atomic_fetch_sub(&v->pins, 1);
}
