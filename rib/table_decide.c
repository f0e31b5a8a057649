/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The decision, and its two published words.
 *
 * Most decisions are made from the words beside attribute ids (vrs_decide_fact()), and most
 * changes of an entry with many paths without looking at the others: an entry is *plain* when
 * its best path is fresh, comes from a peer whose routes are exported, and no path of the ECMP set
 * has anything that the steps after the key compare in the attributes (MED, ORIGINATOR_ID,
 * CLUSTER_LIST). Then one more path is worse (nothing happens), better (it is alone) or equal (its
 * next hop joins the group, and the sources decide which one is exported); and a path with a
 * lower key than the best comes and goes unseen. Everything else is decided from all paths.
 *
 * There is no per-entry sequence: the forwarding word and the export word have different
 * readers (snapshot and export), each takes one of them, and a change of either marks the
 * entry dirty again, so no reader ever needs the two to agree (docs/adr/0003).
 */

#include <stdlib.h>
#include <string.h>

#include "rib/table_internal.h"

/* --- Publishing --- */

void vrs_table_mark(struct vrs_table *t, uint32_t index, struct vrs_entry *e, uint8_t what)
{
	/* In the ring with these bits already, and not taken yet: nothing to do. */
	if ((atomic_load(&e->dirty) & what) == what ||
		(atomic_fetch_or(&e->dirty, what) & ~VRS_DIRTY_HELD) != 0)
		return;
	if (vrs_spsc_push(&t->dirty, index))
		vrs_table_count(&t->n_marked, 1);
	else
		/* Out of memory: the next change of the entry tries again. */
		atomic_fetch_and(&e->dirty, VRS_DIRTY_HELD);
}

/* Nobody else knows the entry: the ring's release store shows it whole. */
static void publish_fresh(
	struct vrs_table *t, uint32_t index, struct vrs_entry *e, uint32_t forward, uint64_t export)
{
	e->fresh = false;
	if (forward != VRS_GROUP_NONE) {
		vrs_group_get(&t->groups, forward);
		vrs_table_count(&t->n_usable, 1);
	}
	atomic_store_explicit(&e->forward, forward, memory_order_relaxed);
	atomic_store_explicit(
		&e->dirty, VRS_DIRTY_FORWARD | VRS_DIRTY_EXPORT, memory_order_relaxed);
	/* Release: a scan over all entries may find it first (vrs_export_start()). */
	atomic_store_explicit(&e->export, export, memory_order_release);
	if (vrs_spsc_push(&t->dirty, index))
		vrs_table_count(&t->n_marked, 1);
	else
		atomic_store(&e->dirty, 0);
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

static void publish(
	struct vrs_table *t, uint32_t index, struct vrs_entry *e, uint32_t forward, uint64_t export)
{
	uint32_t had = atomic_load_explicit(&e->forward, memory_order_relaxed);
	uint64_t told = atomic_load_explicit(&e->export, memory_order_relaxed);
	uint8_t what = 0;

	if (e->fresh) {
		publish_fresh(t, index, e, forward, export);
		return;
	}
	if (had != forward) {
		vrs_group_get(&t->groups, forward);
		atomic_exchange(&e->forward, forward);
		vrs_group_put(&t->groups, had);
		vrs_table_count(&t->n_usable, (forward != 0) - (had != 0));
		what |= VRS_DIRTY_FORWARD;
	}
	if (told != export) {
		atomic_exchange(&e->export, export);
		if (!tells_the_same(t, told, export))
			what |= VRS_DIRTY_EXPORT;
	}
	if (what != 0)
		vrs_table_mark(t, index, e, what);
}

static uint64_t export_word(const struct vrs_table *t, const struct vrs_path *p)
{
	uint64_t fact = vrs_table_fact(t, p->peer, p->attrs);

	return p->attrs | (uint64_t)p->peer << 32 | VRS_EXPORT_VALID |
		(vrs_table_peer(t, p->peer)->source.ebgp ? VRS_EXPORT_EBGP : 0) |
		(fact & VRS_FACT_NO_EXPORT ? VRS_EXPORT_NO_EXPORT : 0) |
		(fact & VRS_FACT_NO_ADVERTISE ? VRS_EXPORT_NO_ADVERTISE : 0);
}

/* --- Groups --- */

static uint32_t single_group(struct vrs_table *t, const struct vrs_path *p)
{
	struct vrs_attrs *a = vrs_table_attrs_at(t, p->peer, p->attrs);

	/* The record's cache is its home's. */
	if (!vrs_table_is_home(t, p->peer))
		return vrs_group_intern(&t->groups, &a->info.next_hop, 1);
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
	struct vrs_table *t, struct vrs_entry *e, const struct vrs_candidate *c, size_t n)
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
		return single_group(t, &vrs_entry_paths(e)[c[0].index]);
	return vrs_group_intern(&t->groups, t->scratch_hops, distinct);
}

/* One row of a cache: what becomes of a group when the next hop of another one joins. Forgotten
 * whenever an id may come to mean another group. */
struct vrs_group_join {
	uint32_t group, hop, joined;
};

enum { JOINS = 1024 };

int vrs_table_joins_init(struct vrs_table *t)
{
	t->joins = vrs_mem_zalloc(VRS_MEM_GROUP, JOINS * sizeof(*t->joins));
	return t->joins != NULL ? 0 : -1;
}

void vrs_table_joins_fini(struct vrs_table *t)
{
	vrs_mem_free(VRS_MEM_GROUP, t->joins, JOINS * sizeof(*t->joins));
}

void vrs_table_joins_forget(struct vrs_table *t)
{
	memset(t->joins, 0, JOINS * sizeof(*t->joins));
}

/* The group of `group` and one more next hop, that of the single group `hop`. 0: out of memory. */
static uint32_t join_anew(struct vrs_table *t, uint32_t group, uint32_t hop)
{
	const struct vrs_group *g = vrs_group_find(&t->groups, group);
	const struct vrs_addr *one = &vrs_group_find(&t->groups, hop)->next_hops[0];
	size_t n = vrs_group_size(g), at = 0;

	if (!vrs_table_scratch(t, (uint32_t)n + 1))
		return VRS_GROUP_NONE;
	while (at < n && vrs_addr_cmp(&g->next_hops[at], one) < 0)
		at++;
	if (at < n && vrs_addr_equal(&g->next_hops[at], one))
		return group;
	memcpy(t->scratch_hops, g->next_hops, at * sizeof(*one));
	t->scratch_hops[at] = *one;
	memcpy(t->scratch_hops + at + 1, g->next_hops + at, (n - at) * sizeof(*one));
	return vrs_group_intern(&t->groups, t->scratch_hops, n + 1);
}

static uint32_t join(struct vrs_table *t, uint32_t group, uint32_t hop)
{
	struct vrs_group_join *row =
		&t->joins[(group * 2654435761u ^ hop * 2246822519u) >> 22 & (JOINS - 1)];

	if (group == hop)
		return group;
	if (row->group == group && row->hop == hop && vrs_group_linked(&t->groups, row->joined))
		return row->joined;
	uint32_t joined = join_anew(t, group, hop);
	*row = (struct vrs_group_join){group, hop, joined};
	return joined;
}

/* --- All paths --- */

bool vrs_table_scratch(struct vrs_table *t, uint32_t n)
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

static uint64_t key_of_path(
	const struct vrs_table *t, const struct vrs_entry *e, const struct vrs_path *p)
{
	return vrs_decide_key(vrs_table_fact(t, p->peer, p->attrs),
		&vrs_table_peer(t, p->peer)->source, p->reason, vrs_path_stale(t, e, p),
		t->config.preference);
}

bool vrs_table_candidates(struct vrs_table *t, struct vrs_entry *e)
{
	const struct vrs_path *paths = vrs_entry_paths(e);

	if (!vrs_table_scratch(t, e->n_paths))
		return false;
	for (uint32_t i = 0; i < e->n_paths; i++)
		t->scratch[i] = (struct vrs_candidate){
			.source = &vrs_table_peer(t, paths[i].peer)->source,
			.key = key_of_path(t, e, &paths[i]),
			.index = i,
			.reason = paths[i].reason,
			.stale = vrs_path_stale(t, e, &paths[i]),
		};
	return true;
}

size_t vrs_table_front_set(struct vrs_table *t, size_t n, bool nva_only)
{
	struct vrs_candidate *c = t->scratch;
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

void vrs_table_fill_attrs(struct vrs_table *t, struct vrs_entry *e, size_t n)
{
	const struct vrs_path *paths = vrs_entry_paths(e);

	for (size_t i = 0; i < n; i++) {
		const struct vrs_path *p = &paths[t->scratch[i].index];

		t->scratch[i].attrs = &vrs_table_attrs_at(t, p->peer, p->attrs)->info;
	}
}

/* Whether all of the first n are fresh and without ties that only attributes break. */
static bool plain_set(const struct vrs_table *t, struct vrs_entry *e, size_t n)
{
	const struct vrs_path *paths = vrs_entry_paths(e);

	for (size_t i = 0; i < n; i++) {
		const struct vrs_path *p = &paths[t->scratch[i].index];

		if (vrs_path_stale(t, e, p) || vrs_table_fact(t, p->peer, p->attrs) & VRS_FACT_TIES)
			return false;
	}
	return n > 0;
}

/* Decide between several paths. @return false: out of memory, nothing decided. */
static bool decide_many(
	struct vrs_table *t, struct vrs_entry *e, uint32_t *forward, uint64_t *export)
{
	unsigned n = e->n_paths;
	bool gateways = false;

	e->plain = false;
	if (!vrs_table_candidates(t, e))
		return false;
	for (unsigned i = 0; i < n; i++)
		gateways |= t->scratch[i].source->class != VRS_CLASS_NVA;
	size_t set = vrs_table_front_set(t, n, false);
	vrs_table_fill_attrs(t, e, set);
	if (set > 0) {
		*forward = group_of(t, e, t->scratch, set);
		if (*forward == VRS_GROUP_NONE)
			return false;
	}
	bool filtered = gateways && !t->config.branch_to_branch;
	e->plain = !filtered && plain_set(t, e, set);
	/* Without branch-to-branch, filter before the decision: only NVAs' paths are told. */
	if (filtered) {
		set = vrs_table_front_set(t, n, true);
		vrs_table_fill_attrs(t, e, set);
	}
	if (set > 0) {
		vrs_decide_best(t->scratch, set);
		*export = export_word(t, &vrs_entry_paths(e)[t->scratch[0].index]);
	}
	return true;
}

static bool is_exported(const struct vrs_table *t, const struct vrs_path *p)
{
	return vrs_table_peer(t, p->peer)->source.class == VRS_CLASS_NVA ||
		t->config.branch_to_branch;
}

static bool plain_path(
	const struct vrs_table *t, const struct vrs_entry *e, const struct vrs_path *p)
{
	return is_exported(t, p) && !vrs_path_stale(t, e, p) &&
		!(vrs_table_fact(t, p->peer, p->attrs) & VRS_FACT_TIES);
}

/* p is the only path, or the only one with the highest key. */
static bool decide_one(struct vrs_table *t, struct vrs_entry *e, const struct vrs_path *p,
	uint32_t *forward, uint64_t *export)
{
	e->plain = false;
	if (p->reason != VRS_PATH_USABLE)
		return true;
	*forward = single_group(t, p);
	if (*forward == VRS_GROUP_NONE)
		return false;
	if (is_exported(t, p))
		*export = export_word(t, p);
	e->plain = plain_path(t, e, p);
	return true;
}

void vrs_table_decide(struct vrs_table *t, uint32_t index, struct vrs_entry *e)
{
	uint32_t forward = VRS_GROUP_NONE;
	uint64_t export = 0;
	bool ok = true;

	if (e->n_paths == 0) {
		export = VRS_EXPORT_EMPTY;
		e->plain = false;
	} else if (e->n_paths == 1) {
		ok = decide_one(t, e, vrs_entry_paths(e), &forward, &export);
	} else {
		ok = decide_many(t, e, &forward, &export);
	}
	if (!ok) {
		forward = VRS_GROUP_NONE;
		export = 0;
		e->plain = false;
	}
	publish(t, index, e, forward, export);
}

/* --- One path, and what is published of the others --- */

/* While a scan is under way, what is published may be of how things were before. */
static bool is_plain(const struct vrs_table *t, const struct vrs_entry *e)
{
	return e->plain && t->scan_left == 0;
}

static uint64_t best_key(const struct vrs_table *t, uint64_t word)
{
	return vrs_decide_key(vrs_table_fact(t, VRS_EXPORT_PEER(word), VRS_EXPORT_ATTRS(word)),
		&vrs_table_peer(t, VRS_EXPORT_PEER(word))->source, VRS_PATH_USABLE, false,
		t->config.preference);
}

bool vrs_table_stands_apart(
	const struct vrs_table *t, const struct vrs_entry *e, const struct vrs_path *path)
{
	if (!is_plain(t, e) || e->n_paths < 2)
		return false;
	uint64_t word = atomic_load_explicit(&e->export, memory_order_relaxed);
	return key_of_path(t, e, path) < best_key(t, word);
}

/* An equal path joins the set. @return false: all have to be looked at. */
static bool join_set(struct vrs_table *t, uint32_t index, struct vrs_entry *e,
	const struct vrs_path *path, uint64_t word)
{
	uint32_t hop = single_group(t, path), forward = VRS_GROUP_NONE;

	if (hop != VRS_GROUP_NONE)
		forward = join(t, atomic_load_explicit(&e->forward, memory_order_relaxed), hop);
	if (forward == VRS_GROUP_NONE)
		return false;
	if (vrs_decide_source_cmp(&vrs_table_peer(t, path->peer)->source,
		    &vrs_table_peer(t, VRS_EXPORT_PEER(word))->source) > 0)
		word = export_word(t, path);
	publish(t, index, e, forward, word);
	return true;
}

void vrs_table_decide_added(
	struct vrs_table *t, uint32_t index, struct vrs_entry *e, const struct vrs_path *path)
{
	if (e->n_paths < 2 || !is_plain(t, e) || !is_exported(t, path)) {
		vrs_table_decide(t, index, e);
		return;
	}
	uint64_t word = atomic_load_explicit(&e->export, memory_order_relaxed);
	uint64_t best = best_key(t, word), key = key_of_path(t, e, path);
	if (key < best)
		return;
	uint32_t forward = VRS_GROUP_NONE;
	uint64_t export = 0;
	if (key > best && decide_one(t, e, path, &forward, &export))
		publish(t, index, e, forward, export);
	else if (key > best || !plain_path(t, e, path) || !join_set(t, index, e, path, word))
		vrs_table_decide(t, index, e);
}

void vrs_table_decide_removed(
	struct vrs_table *t, uint32_t index, struct vrs_entry *e, const struct vrs_path *gone)
{
	if (is_plain(t, e) && e->n_paths > 0) {
		uint64_t word = atomic_load_explicit(&e->export, memory_order_relaxed);

		if (key_of_path(t, e, gone) < best_key(t, word))
			return;
	}
	vrs_table_decide(t, index, e);
}
