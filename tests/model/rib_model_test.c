/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * RIB, propagation, snapshot and overlays against a naive twin: arrays of "who announces what",
 * lists of routes, and loops that follow the rules as the documentation words them. A seeded
 * script announces, withdraws, drops sessions and changes the configuration; at every
 * checkpoint each prefix's ECMP set and exported path, and the effective route of sampled
 * addresses in every class, must be the same in both.
 *
 * All the while other threads look at the current version and at pinned ones. Sentinel
 * prefixes get one next hop together between two versions, so whoever sees two of them
 * disagree has seen a torn or mixed version.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/effective.h"
#include "engine/propagate.h"
#include "io/bgp/encode.h"
#include "tests/random.h"
#include "tests/test.h"

enum {
	PREFIXES = 600, /* Half of each family. */
	PEERS = 6,
	ATTRS = 40,
	CLASSES = 8,
	HOPS = 4,
	READERS = 2,
	SENTINELS = 7,
};

/* Where rng_addr() never looks: they change no other answer. */
static const char *const sentinel_texts[SENTINELS] = {"11.0.0.0/15", "11.22.0.0/16",
	"11.22.33.0/24", "11.22.33.44/32", "b0b::/16", "b0b:1::/48", "b0b:1::1/128"};

struct twin_attrs {
	struct vrs_attrs_info info;
	uint8_t bytes[64];
	size_t size;
};

struct world {
	struct vrs_reclaim *reclaim;
	struct vrs_propagation propagation;
	struct vrs_table *table;
	struct vrs_rib *rib;
	struct vrs_table_config config;

	struct vrs_prefix prefixes[PREFIXES];
	struct twin_attrs attrs[ATTRS];
	struct vrs_path_source sources[PEERS];
	int slots[PEERS];
	int announced[PREFIXES][PEERS]; /* Attribute set + 1; 0 = nothing. */

	struct vrs_class classes[CLASSES];
	struct vrs_overlay_route routes[CLASSES][24];
	size_t n_routes[CLASSES];
	struct vrs_prefix sentinels[SENTINELS];
	int sentinel_slot;
	pthread_t readers[READERS];
	_Atomic bool stop;
	_Atomic uint64_t looks, mixed;
	struct rng rng;
};

static void no_wake(void *ctx, uint64_t which)
{
}

/* --- Making a world --- */

static void make_attrs(struct world *w, struct twin_attrs *a, unsigned i)
{
	struct vrs_addr hop = vrs_addr_ip4(0x0a000100 + i % HOPS);
	size_t size = vrs_bgp_local_attrs(&hop, a->bytes, sizeof(a->bytes), &a->info);

	/* The bytes only need to differ; the facts are what the decision reads. */
	a->bytes[size++] = (uint8_t)i;
	a->size = size;
	a->info.path_len = (uint16_t)(1 + rng_below(&w->rng, 3));
	a->info.origin = (uint8_t)rng_below(&w->rng, 2);
	a->info.local_pref = rng_below(&w->rng, 4) == 0 ? 200 : 100;
	a->info.med = rng_below(&w->rng, 3);
	a->info.first_as = 65001 + rng_below(&w->rng, 2);
	a->info.cluster_len = (uint8_t)rng_below(&w->rng, 2);
	a->info.flags = VRS_ATTRS_HAS_MED;
	if (rng_below(&w->rng, 4) == 0) {
		a->info.flags |= VRS_ATTRS_HAS_ORIGINATOR;
		a->info.originator_id = rng_below(&w->rng, 5);
	}
}

static void make_class(struct world *w, unsigned c)
{
	static const struct vrs_overlay_route kinds[] = {
		{.source = VRS_SOURCE_DEFAULT, .type = VRS_NH_VNET_LOCAL, .pinned = true},
		{.source = VRS_SOURCE_DEFAULT, .type = VRS_NH_INTERNET},
		{.source = VRS_SOURCE_DEFAULT,
			.type = VRS_NH_SERVICE_ENDPOINT,
			.pinned = true,
			.endpoint = true},
		{.source = VRS_SOURCE_USER, .type = VRS_NH_VIRTUAL_APPLIANCE},
		{.source = VRS_SOURCE_USER, .type = VRS_NH_NONE},
	};

	w->n_routes[c] = rng_below(&w->rng, 24);
	for (size_t i = 0; i < w->n_routes[c]; i++) {
		struct vrs_overlay_route *r = &w->routes[c][i];

		*r = kinds[rng_below(&w->rng, VRS_N_ELEMS(kinds))];
		/* Often a prefix that BGP has too. */
		r->prefix = rng_below(&w->rng, 2) ? w->prefixes[rng_below(&w->rng, PREFIXES)]
						  : rng_prefix(&w->rng, 1 + rng_below(&w->rng, 2));
		r->tag = (uint32_t)i;
		for (size_t j = 0; j < i; j++)
			if (w->routes[c][j].source == r->source &&
				vrs_prefix_equal(&w->routes[c][j].prefix, &r->prefix)) {
				w->n_routes[c] = i;
				break;
			}
	}
	vrs_overlay_free(w->classes[c].overlay);
	w->classes[c].overlay = vrs_overlay_new(w->routes[c], w->n_routes[c], c % 4 != 3);
	assert_non_null(w->classes[c].overlay);
}

static void peer_up(struct world *w, unsigned p)
{
	w->slots[p] = vrs_table_peer_add(w->table, &w->sources[p]);
	assert_true(w->slots[p] >= 0);
}

static void *reader(void *arg);

static struct world *world_new(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));

	vrs_thread_register_rcu();
	w->rng.s = seed;
	w->reclaim = vrs_reclaim_new(VRS_RECLAIM_WORKER);
	assert_int_equal(
		vrs_propagation_init(&w->propagation, VRS_RECLAIM_WORKER, no_wake, NULL), 0);
	w->table = vrs_table_new(w->reclaim, &w->config);
	w->rib = vrs_rib_new(&w->propagation, w->table);
	vrs_propagation_add(&w->propagation, w->rib);
	for (unsigned i = 0; i < PREFIXES; i++) {
		struct vrs_prefix p;
		bool again;

		do {
			p = rng_prefix(&w->rng, 1 + i % 2);
			again = vrs_prefix_martian(&p);
			for (unsigned j = 0; j < i; j++)
				again |= vrs_prefix_equal(&w->prefixes[j], &p);
		} while (again);
		w->prefixes[i] = p;
	}
	for (unsigned i = 0; i < ATTRS; i++)
		make_attrs(w, &w->attrs[i], i);
	for (unsigned i = 0; i < PEERS; i++) {
		w->sources[i] = (struct vrs_path_source){
			.addr = vrs_addr_ip4(0x0a000200 + i / 2),
			.router_id = 1 + rng_below(&w->rng, 3),
			.connection = (uint16_t)(i / 2),
			.instance = (uint8_t)(i % 2),
			.class = (uint8_t)(i / 2),
			.ebgp = i != 5,
		};
		peer_up(w, i);
	}
	for (unsigned c = 0; c < CLASSES; c++)
		make_class(w, c);
	for (unsigned i = 0; i < SENTINELS; i++)
		assert_int_equal(vrs_prefix_parse(&w->sentinels[i], sentinel_texts[i]), 0);
	struct vrs_path_source source = {
		.addr = vrs_addr_ip4(0x0a0002ff), .connection = 99, .ebgp = true};
	w->sentinel_slot = vrs_table_peer_add(w->table, &source);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&w->readers[i], NULL, reader, w), 0);
	return w;
}

static void world_free(struct world *w)
{
	for (unsigned c = 0; c < CLASSES; c++)
		vrs_overlay_free(w->classes[c].overlay);
	vrs_propagation_remove(&w->propagation, w->rib);
	vrs_rib_free(w->rib);
	vrs_table_free(w->table);
	vrs_propagation_fini(&w->propagation);
	vrs_reclaim_free(w->reclaim);
	vrs_thread_unregister_rcu();
	free(w);
}

/* --- Readers --- */

VRS_RCU_READER static void look(struct world *w, const struct vrs_version *v)
{
	uint32_t first = 0;

	for (unsigned i = 0; i < SENTINELS; i++) {
		uint32_t group = 0;

		(void)vrs_radix_find(
			&v->root[w->sentinels[i].afi == VRS_AFI_IP6], &w->sentinels[i], &group);
		if (i == 0)
			first = group;
		else if (group != first)
			atomic_fetch_add(&w->mixed, 1);
	}
	if (first != 0 && vrs_group_find(&w->table->groups, first) == NULL)
		atomic_fetch_add(&w->mixed, 1);
	atomic_fetch_add(&w->looks, 1);
}

/* As a scan does: look at entries by index, which change meanwhile. */
VRS_RCU_READER static void look_at_entries(struct world *w)
{
	uint32_t bound = atomic_load(&w->table->bound);

	for (uint32_t i = 1; i < bound; i++) {
		const struct vrs_entry *e = vrs_pool_peek(&w->table->entries, i);
		uint64_t word = e != NULL ? atomic_load(&e->export) : 0;

		if (!(word & VRS_EXPORT_VALID))
			continue;
		struct vrs_prefix p = vrs_entry_prefix(w->table, e);
		atomic_fetch_add(&w->looks, p.afi != 0);
	}
}

static void *reader(void *arg)
{
	struct world *w = arg;

	vrs_thread_register_rcu();
	while (!atomic_load(&w->stop)) {
		vrs_rcu_enter();
		look(w, vrs_snapshot_current(w->rib->snapshot));
		look_at_entries(w);
		struct vrs_version *v = vrs_snapshot_pin(w->rib->snapshot);
		vrs_rcu_leave();
		for (unsigned i = 0; i < 20; i++) {
			vrs_rcu_enter();
			if (vrs_version_check(v) == 0)
				look(w, v);
			vrs_rcu_leave();
		}
		vrs_version_unpin(v);
	}
	vrs_thread_unregister_rcu();
	return NULL;
}

static void send(struct world *w, int slot, const struct vrs_prefix *p, int attrs);

/* All of them in one batch, before the next version. */
static void move_sentinels(struct world *w, int attrs)
{
	for (unsigned i = 0; i < SENTINELS; i++)
		send(w, w->sentinel_slot, &w->sentinels[i], attrs);
}

/* --- The script --- */

/* Announce with a set of attributes, or withdraw (attrs < 0). */
static void send(struct world *w, int slot, const struct vrs_prefix *p, int attrs)
{
	uint8_t nlri[17];
	struct vrs_writer wr = vrs_writer_init(nlri, sizeof(nlri));
	uint32_t id;

	vrs_prefix_write(&wr, p);
	struct vrs_span span = {nlri, vrs_writer_size(&wr)};
	if (attrs < 0) {
		vrs_table_withdraw(w->table, (uint16_t)slot, p->afi, span);
		return;
	}
	const struct twin_attrs *a = &w->attrs[attrs];
	assert_int_equal(vrs_attrs_intern(w->table->attrs, a->bytes, a->size, &a->info, &id), 0);
	vrs_table_announce(w->table, (uint16_t)slot, p->afi, span, id, VRS_PATH_USABLE);
}

static void announce(struct world *w, unsigned prefix, unsigned peer, unsigned attrs)
{
	send(w, w->slots[peer], &w->prefixes[prefix], (int)attrs);
	w->announced[prefix][peer] = (int)attrs + 1;
}

static void withdraw(struct world *w, unsigned prefix, unsigned peer)
{
	send(w, w->slots[peer], &w->prefixes[prefix], -1);
	w->announced[prefix][peer] = 0;
}

static void step(struct world *w)
{
	unsigned what = rng_below(&w->rng, 100000), peer = rng_below(&w->rng, PEERS);
	unsigned prefix = rng_below(&w->rng, PREFIXES);

	if (what < 2) {
		/* A session goes and a new one comes while the old routes are being swept. */
		vrs_table_peer_down(w->table, (uint16_t)w->slots[peer]);
		for (unsigned i = 0; i < PREFIXES; i++)
			w->announced[i][peer] = 0;
		peer_up(w, peer);
	} else if (what < 4) {
		w->config.preference = rng_below(&w->rng, 3);
		w->config.branch_to_branch = rng_below(&w->rng, 2);
		vrs_table_configure(w->table, &w->config);
	} else if (what < 20) {
		make_class(w, rng_below(&w->rng, CLASSES));
	} else if (what < 55000) {
		announce(w, prefix, peer, rng_below(&w->rng, ATTRS));
	} else {
		withdraw(w, prefix, peer);
	}
}

/* --- The twin's answers --- */

struct answer {
	struct vrs_addr hops[PEERS];
	size_t n_hops;
	int best; /* Peer whose path is exported, -1 = none. */
};

static int class_rank(const struct world *w, unsigned peer)
{
	bool er = w->sources[peer].class == VRS_CLASS_EXPRESSROUTE;

	if (w->config.preference == VRS_PREFERENCE_EXPRESSROUTE)
		return er;
	return w->config.preference == VRS_PREFERENCE_VPN ? !er : 0;
}

static const struct vrs_attrs_info *path(const struct world *w, unsigned prefix, unsigned peer)
{
	return &w->attrs[w->announced[prefix][peer] - 1].info;
}

/* > 0: a is better by the first six steps. */
static int compare(const struct world *w, unsigned prefix, unsigned a, unsigned b)
{
	const struct vrs_attrs_info *x = path(w, prefix, a), *y = path(w, prefix, b);

	if (class_rank(w, a) != class_rank(w, b))
		return class_rank(w, a) - class_rank(w, b);
	if (x->local_pref != y->local_pref)
		return x->local_pref > y->local_pref ? 1 : -1;
	if (x->path_len != y->path_len)
		return (int)y->path_len - (int)x->path_len;
	return (int)y->origin - (int)x->origin;
}

static uint32_t id_of(const struct world *w, unsigned prefix, unsigned peer)
{
	const struct vrs_attrs_info *x = path(w, prefix, peer);

	return x->flags & VRS_ATTRS_HAS_ORIGINATOR ? x->originator_id : w->sources[peer].router_id;
}

/* > 0: a is better among equals (MED has been looked at). */
static int tie(const struct world *w, unsigned prefix, unsigned a, unsigned b)
{
	const struct vrs_path_source *x = &w->sources[a], *y = &w->sources[b];
	uint32_t ida = id_of(w, prefix, a), idb = id_of(w, prefix, b);

	if (x->ebgp != y->ebgp)
		return x->ebgp ? 1 : -1;
	if (ida != idb)
		return ida < idb ? 1 : -1;
	if (path(w, prefix, a)->cluster_len != path(w, prefix, b)->cluster_len)
		return path(w, prefix, a)->cluster_len < path(w, prefix, b)->cluster_len ? 1 : -1;
	int c = vrs_addr_cmp(&x->addr, &y->addr);
	return c != 0 ? -c : (int)y->instance - (int)x->instance;
}

static size_t front(const struct world *w, unsigned prefix, bool nva_only, unsigned set[PEERS])
{
	size_t n = 0;

	for (unsigned p = 0; p < PEERS; p++) {
		bool beaten =
			w->announced[prefix][p] == 0 || (nva_only && w->sources[p].class != 0);

		for (unsigned q = 0; q < PEERS && !beaten; q++)
			beaten = w->announced[prefix][q] != 0 &&
				!(nva_only && w->sources[q].class != 0) &&
				compare(w, prefix, q, p) > 0;
		if (!beaten)
			set[n++] = p;
	}
	return n;
}

static int export_best(const struct world *w, unsigned prefix, const unsigned *set, size_t n)
{
	int best = -1;

	for (size_t i = 0; i < n; i++) {
		bool loses = false;

		for (size_t j = 0; j < n; j++)
			loses |= path(w, prefix, set[j])->first_as ==
					path(w, prefix, set[i])->first_as &&
				path(w, prefix, set[j])->med < path(w, prefix, set[i])->med;
		if (!loses && (best < 0 || tie(w, prefix, set[i], (unsigned)best) > 0))
			best = (int)set[i];
	}
	return best;
}

static int cmp_addrs(const void *a, const void *b)
{
	return vrs_addr_cmp(a, b);
}

static struct answer answer(const struct world *w, unsigned prefix)
{
	struct answer a = {.best = -1};
	unsigned set[PEERS];
	size_t n = front(w, prefix, false, set);

	for (size_t i = 0; i < n; i++) {
		const struct vrs_addr *hop = &path(w, prefix, set[i])->next_hop;
		bool seen = false;

		for (size_t j = 0; j < a.n_hops; j++)
			seen |= vrs_addr_equal(&a.hops[j], hop);
		if (!seen)
			a.hops[a.n_hops++] = *hop;
	}
	qsort(a.hops, a.n_hops, sizeof(a.hops[0]), cmp_addrs);
	if (!w->config.branch_to_branch)
		n = front(w, prefix, true, set);
	a.best = export_best(w, prefix, set, n);
	return a;
}

/* The effective route of an address, by the rules as written. */
struct effective {
	int route;  /* Of the class's list, -1 = not one of these. */
	int prefix; /* BGP, -1 = not. */
};

static bool suppressed(const struct world *w, unsigned c, const struct vrs_prefix *p)
{
	for (size_t i = 0; i < w->n_routes[c]; i++)
		if (w->routes[c][i].pinned && vrs_prefix_covers(&w->routes[c][i].prefix, p))
			return true;
	return false;
}

static struct effective effective(const struct world *w, const struct answer *answers, unsigned c,
	const struct vrs_addr *addr)
{
	struct effective e = {-1, -1};
	int best_len = -1, best_rank = -1;

	for (size_t i = 0; i < w->n_routes[c]; i++) {
		const struct vrs_overlay_route *r = &w->routes[c][i];

		if (r->endpoint && vrs_prefix_covers_addr(&r->prefix, addr) &&
			r->prefix.len > best_len) {
			e.route = (int)i;
			best_len = r->prefix.len;
		}
	}
	if (e.route >= 0)
		return e;
	for (size_t i = 0; i < w->n_routes[c]; i++) {
		const struct vrs_overlay_route *r = &w->routes[c][i];
		int rank = r->source == VRS_SOURCE_USER ? 2 : 0;

		if (!vrs_prefix_covers_addr(&r->prefix, addr))
			continue;
		if (r->prefix.len > best_len || (r->prefix.len == best_len && rank > best_rank)) {
			e.route = (int)i;
			best_len = r->prefix.len;
			best_rank = rank;
		}
	}
	for (unsigned i = 0; i < PREFIXES && c % 4 != 3; i++) {
		if (answers[i].n_hops == 0 || !vrs_prefix_covers_addr(&w->prefixes[i], addr) ||
			suppressed(w, c, &w->prefixes[i]))
			continue;
		if (w->prefixes[i].len > best_len ||
			(w->prefixes[i].len == best_len && best_rank < 1)) {
			e = (struct effective){-1, (int)i};
			best_len = w->prefixes[i].len;
			best_rank = 1;
		}
	}
	return e;
}

/* --- Checking --- */

static void check_prefix(struct world *w, unsigned i, const struct answer *a)
{
	uint32_t index, group = 0;
	bool known = vrs_radix_get(
		&w->table->radix[w->prefixes[i].afi == VRS_AFI_IP6], &w->prefixes[i], &index);

	if (!vrs_snapshot_get(w->rib->snapshot, &w->prefixes[i], &group))
		group = 0;
	assert_int_equal(group != 0, a->n_hops > 0);
	if (a->n_hops > 0) {
		const struct vrs_group *g = vrs_group_find(&w->table->groups, group);

		assert_non_null(g);
		assert_int_equal(vrs_group_size(g), a->n_hops);
		assert_memory_equal(g->next_hops, a->hops, a->n_hops * sizeof(a->hops[0]));
	}
	if (!known) {
		assert_int_equal(a->best, -1);
		return;
	}
	uint64_t word = atomic_load(&vrs_table_entry(w->table, index)->export);
	assert_int_equal((word & VRS_EXPORT_VALID) != 0, a->best >= 0);
	if (a->best >= 0) {
		const struct twin_attrs *want = &w->attrs[w->announced[i][a->best] - 1];
		const struct vrs_attrs *have =
			vrs_attrs_find(w->table->attrs, VRS_EXPORT_ATTRS(word));

		assert_int_equal(VRS_EXPORT_PEER(word), w->slots[a->best]);
		assert_int_equal(have->head.size, want->size);
		assert_memory_equal(have->bytes, want->bytes, want->size);
	}
}

VRS_RCU_READER static void check_address(struct world *w, const struct answer *answers, unsigned c,
	const struct vrs_effective_view *v)
{
	struct vrs_addr addr = rng_below(&w->rng, 2)
		? rng_addr(&w->rng, 1 + rng_below(&w->rng, 2))
		: vrs_prefix_addr(&w->prefixes[rng_below(&w->rng, PREFIXES)]);
	struct effective want = effective(w, answers, c, &addr);
	struct vrs_effective_route have;
	bool found = vrs_effective_match(v, &addr, &have);

	assert_int_equal(found, want.route >= 0 || want.prefix >= 0);
	if (want.prefix >= 0) {
		assert_int_equal(have.source, VRS_SOURCE_BGP);
		assert_true(vrs_prefix_equal(&have.prefix, &w->prefixes[want.prefix]));
		assert_int_equal(have.n_next_hops, answers[want.prefix].n_hops);
	} else if (want.route >= 0) {
		const struct vrs_overlay_route *r = &w->routes[c][want.route];

		assert_int_equal(have.source, r->source);
		assert_true(vrs_prefix_equal(&have.prefix, &r->prefix));
		assert_int_equal(have.type, r->type);
	}
}

/* Many at once answer as one at a time. */
static void check_overlays(struct world *w)
{
	const struct vrs_overlay *overlays[VRS_OVERLAY_BURST];
	struct vrs_addr addrs[VRS_OVERLAY_BURST];
	struct vrs_overlay_hit many[VRS_OVERLAY_BURST], bulk[VRS_OVERLAY_BURST], one;

	for (unsigned i = 0; i < VRS_OVERLAY_BURST; i++) {
		overlays[i] = w->classes[rng_below(&w->rng, CLASSES)].overlay;
		addrs[i] = rng_addr(&w->rng, 1 + rng_below(&w->rng, 8) / 7);
	}
	addrs[0] = vrs_addr_ip4(UINT32_MAX);
	addrs[1] = vrs_addr_ip4(0);
	vrs_overlay_match_many(overlays, addrs, VRS_OVERLAY_BURST, many);
	for (unsigned i = 0; i < VRS_OVERLAY_BURST; i++) {
		one = vrs_overlay_match(overlays[i], &addrs[i]);
		assert_memory_equal(&many[i].route, &one.route, sizeof(one.route));
		assert_int_equal(many[i].bgp_min_len, one.bgp_min_len);
	}
	for (unsigned n = 1; n <= VRS_OVERLAY_BURST; n += VRS_OVERLAY_BURST - 1) {
		vrs_overlay_match_bulk(overlays[0], addrs, n == 1 ? 2 : n, bulk);
		for (unsigned i = 0; i < n; i++) {
			one = vrs_overlay_match(overlays[0], &addrs[i]);
			assert_int_equal(bulk[i].route, one.route);
			assert_int_equal(bulk[i].bgp_min_len, one.bgp_min_len);
		}
	}
}

static void settle(struct world *w)
{
	while (vrs_table_turn(w->table))
		;
	while (vrs_propagation_turn(&w->propagation))
		;
	(void)vrs_table_turn(w->table);
	vrs_reclaim_turn(w->reclaim);
}

static void check(struct world *w)
{
	struct answer answers[PREFIXES];

	settle(w);
	vrs_rcu_enter();
	for (unsigned i = 0; i < PREFIXES; i++) {
		answers[i] = answer(w, i);
		check_prefix(w, i, &answers[i]);
	}
	for (unsigned c = 0; c < CLASSES; c++) {
		struct vrs_effective_view v = {.class = &w->classes[c],
			.version = vrs_snapshot_current(w->rib->snapshot),
			.groups = &w->table->groups};

		for (unsigned k = 0; k < 20; k++)
			check_address(w, answers, c, &v);
	}
	vrs_rcu_leave();
	check_overlays(w);
}

static void a_million_operations_agree_with_the_twin(void **state)
{
	uint64_t n = env_number("VRS_MODEL_OPS", 1000000);
	struct world *w = world_new(rng_seed("rib model"));

	for (uint64_t i = 0; i < n; i++) {
		step(w);
		if (i % 128 == 0) {
			move_sentinels(w, (int)rng_below(&w->rng, ATTRS + 1) - 1);
			settle(w);
		}
		if (i % 2048 == 0)
			check(w);
	}
	check(w);
	atomic_store(&w->stop, true);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(w->readers[i], NULL);
	print_message("%llu looks of readers\n", (unsigned long long)atomic_load(&w->looks));
	assert_true(atomic_load(&w->looks) > 0);
	assert_int_equal(atomic_load(&w->mixed), 0);
	move_sentinels(w, -1);
	/* Everything withdrawn: nothing is left behind. */
	for (unsigned p = 0; p < PEERS; p++)
		for (unsigned i = 0; i < PREFIXES; i++)
			if (w->announced[i][p])
				withdraw(w, i, p);
	check(w);
	for (unsigned i = 0; i < 4; i++) {
		settle(w);
		vrs_reclaim_drain(w->reclaim);
	}
	assert_int_equal(w->table->radix[0].n + w->table->radix[1].n, 0);
	assert_int_equal(w->table->entries.n_live, 0);
	assert_int_equal(vrs_attrs_count(w->table->attrs), 0);
	assert_int_equal(atomic_load(&w->table->n_usable), 0);
	world_free(w);
	assert_int_equal(vrs_mem_used(VRS_MEM_ENTRY), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_RADIX), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_SNAPSHOT), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_ATTRS), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_GROUP), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_operations_agree_with_the_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
