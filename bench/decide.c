/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: what a decision between 1, 2, 4 or 16 paths of a prefix costs: as a function of
 * candidates whose keys are equal, so that the later steps must choose (steps); and inside the
 * RIB, where one of the paths is announced with other attributes and all of them are decided
 * again: all in one ECMP set (ecmp), or one better than the others (best). The range is the
 * number of paths.
 *
 * Unit: ns a decision; the RIB's include finding the entry and storing the path, which table.c
 * measures (table/change: one path). Paths point at attribute sets in random order, of 100,000
 * prefixes and one set of sets for each peer: they come from memory, not from a cache.
 */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench/suite.h"
#include "rib/base/thread.h"
#include "rib/decide.h"
#include "rib/group.h"
#include "rib/table.h"

enum { PREFIXES = 100000, MAX_PATHS = 16, STEPS_GROUPS = 16384, TURN = 256, TAKE = 1024 };
enum { ECMP, BEST };

static struct vrs_path_source source_of(size_t peer)
{
	return (struct vrs_path_source){.addr = vrs_addr_ip4(0x0a000104u + (uint32_t)peer),
		.router_id = 100 + (uint32_t)peer,
		.connection = (uint16_t)peer,
		.ebgp = true};
}

/* --- The steps by themselves --- */

/* A decision's candidates, those of group g from cs[g * n] on; their facts lie in @p infos. */
static struct vrs_candidate *make_candidates(
	size_t groups, size_t n, struct vrs_attrs_info *infos, struct vrs_path_source *sources)
{
	const struct vrs_bench_decoded *d = vrs_bench_decoded(VRS_AFI_IP4, vrs_bench_cap(PREFIXES));
	struct vrs_bench_order order = vrs_bench_order(groups * n, 7);
	struct vrs_candidate *cs = vrs_bench_need(calloc(groups * n, sizeof(*cs)));

	for (size_t i = 0; i < groups * n; i++) {
		/* MED and neighbour AS as they come, what the key holds equal. */
		infos[i] = *d->sets[i % d->n].info;
		infos[i].path_len = 4;
		infos[i].origin = 0;
		infos[i].local_pref = 100;
		cs[i] = (struct vrs_candidate){
			.source = &sources[i % n], .index = (uint32_t)(i % n)};
	}
	for (size_t i = 0; i < groups * n; i++)
		cs[i].attrs = &infos[order.at[i]];
	free(order.at);
	return cs;
}

static void steps(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	size_t n = (size_t)vrs_bench_range(s), groups = vrs_bench_cap(STEPS_GROUPS);
	struct vrs_attrs_info *infos = vrs_bench_need(calloc(groups * n, sizeof(*infos)));
	struct vrs_path_source sources[MAX_PATHS];
	struct vrs_candidate c[MAX_PATHS];
	uint64_t winners = 0, wrong = 0;

	for (size_t i = 0; i < MAX_PATHS; i++)
		sources[i] = source_of(i);
	struct vrs_candidate *cs = make_candidates(groups, n, infos, sources);
	while (vrs_bench_keep(s, groups)) {
		for (size_t g = 0; g < groups; g++) {
			memcpy(c, &cs[g * n], n * sizeof(*c));
			for (size_t i = 0; i < n; i++)
				c[i].key = vrs_decide_key(vrs_decide_fact(c[i].attrs), c[i].source,
					c[i].reason, c[i].stale, VRS_PREFERENCE_EXPRESSROUTE);
			vrs_decide_best(c, n);
			winners += c[0].index;
		}
	}
	vrs_bench_use(winners);
	for (size_t g = 0; g < groups; g++) {
		memcpy(c, &cs[g * n], n * sizeof(*c));
		for (size_t i = 0; i < n; i++) {
			c[i].key = vrs_decide_key(vrs_decide_fact(c[i].attrs), c[i].source,
				c[i].reason, c[i].stale, VRS_PREFERENCE_EXPRESSROUTE);
			wrong += c[i].key != c[0].key || !(c[i].key & VRS_KEY_USABLE);
		}
		vrs_decide_best(c, n);
		for (size_t i = 0; i < n; i++)
			wrong += (vrs_decide_why(c, n, i, VRS_PREFERENCE_EXPRESSROUTE) ==
					 VRS_STEP_NONE) != (i == 0);
	}
	if (wrong > 0)
		vrs_bench_fail(s, "keys differ, or not everyone lost against the best");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	free(infos);
	free(cs);
}

/* --- In the RIB --- */

struct rib {
	struct vrs_reclaim *reclaim;
	struct vrs_table *table;
	const struct vrs_bench_decoded *decoded;
	uint16_t slots[MAX_PATHS];
	uint32_t *ids[MAX_PATHS]; /* Of decoded's sets as each peer has them. */
	size_t n_peers;
};

/* The peer's own next hop; path lengths that are equal for all, or the longer the higher the peer. */
static uint32_t intern(struct rib *r, const struct vrs_bench_set *set, size_t peer, int variant)
{
	struct vrs_attrs_info info = *set->info;
	uint8_t bytes[1024];
	uint32_t id = VRS_ATTRS_NONE;

	/* The bytes need only differ: the facts are what the decision reads. */
	vrs_bench_must(set->bytes.size < sizeof(bytes), "a large attribute set");
	memcpy(bytes, set->bytes.data, set->bytes.size);
	bytes[set->bytes.size] = (uint8_t)peer;
	info.next_hop = vrs_addr_ip4(0x0a000104u + (uint32_t)peer);
	info.path_len = (uint16_t)(variant == ECMP ? 4 : 4 + peer);
	info.origin = 0;
	vrs_bench_must(
		vrs_attrs_intern(r->table->attrs, bytes, set->bytes.size + 1, &info, &id) == 0,
		"cannot intern");
	vrs_attrs_get(r->table->attrs, id, 1);
	return id;
}

static void propagate(struct rib *r)
{
	uint32_t ids[TAKE];
	uint8_t what[TAKE];

	while (vrs_table_take_dirty(r->table, ids, what, TAKE) > 0)
		;
	while (vrs_spsc_pop(&r->table->groups.idle, ids, TAKE) > 0)
		;
}

/* @return Prefixes taken. */
static uint64_t announce(struct rib *r, size_t peer, size_t shift)
{
	const struct vrs_bench_decoded *d = r->decoded;
	uint64_t n = 0;

	for (size_t i = 0; i < d->n; i++) {
		const struct vrs_bench_update *u = &d->shuffled[i];

		vrs_table_announce(r->table, r->slots[peer], VRS_AFI_IP4, u->nlri,
			r->ids[peer][(u->set + shift) % d->n], VRS_PATH_USABLE);
		n += u->n;
		if (i % TURN == TURN - 1) {
			(void)vrs_table_turn(r->table);
			vrs_reclaim_turn(r->reclaim);
		}
	}
	return n;
}

static void rib_init(struct rib *r, size_t n_peers, int variant)
{
	struct vrs_table_config config = {VRS_PREFERENCE_EXPRESSROUTE, false};
	size_t n = vrs_bench_cap(PREFIXES);

	*r = (struct rib){.decoded = vrs_bench_decoded(VRS_AFI_IP4, n), .n_peers = n_peers};
	r->reclaim = vrs_bench_need(vrs_reclaim_new(VRS_RECLAIM_WORKER));
	r->table = vrs_bench_need(vrs_table_new(r->reclaim, &config));
	for (size_t p = 0; p < n_peers; p++) {
		struct vrs_path_source source = source_of(p);
		int slot = vrs_table_peer_add(r->table, &source);

		vrs_bench_must(slot >= 0, "no slot");
		r->slots[p] = (uint16_t)slot;
		r->ids[p] = vrs_bench_need(calloc(r->decoded->n, sizeof(**r->ids)));
		for (size_t i = 0; i < r->decoded->n; i++)
			r->ids[p][i] = intern(r, &r->decoded->sets[i], p, variant);
	}
	for (size_t p = 0; p < n_peers; p++)
		vrs_bench_must(announce(r, p, 0) == n, "cannot fill a table");
	propagate(r);
}

static void rib_fini(struct rib *r)
{
	vrs_table_free(r->table);
	vrs_reclaim_free(r->reclaim);
	for (size_t p = 0; p < r->n_peers; p++)
		free(r->ids[p]);
}

/* Prefixes whose group has not @p hops next hops. */
static size_t n_wrong(const struct rib *r, size_t hops)
{
	const struct vrs_bench_data *d = vrs_bench_data(VRS_AFI_IP4, vrs_bench_cap(PREFIXES));
	size_t wrong = 0;

	vrs_rcu_enter();
	for (size_t i = 0; i < d->n; i++) {
		uint32_t index;

		if (!vrs_radix_get(&r->table->radix[0], &d->routes.list[i].prefix, &index)) {
			wrong++;
			continue;
		}
		uint32_t id = (uint32_t)atomic_load(&vrs_table_entry(r->table, index)->forward);
		const struct vrs_group *g = vrs_group_find(&r->table->groups, id);
		wrong += g == NULL || vrs_group_size(g) != hops;
	}
	vrs_rcu_leave();
	return wrong;
}

static void in_rib(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	size_t n_peers = (size_t)vrs_bench_range(s), n = vrs_bench_cap(PREFIXES), peer = 0;
	uint64_t taken = 0, passes = 0;
	struct rib r;

	rib_init(&r, n_peers, b->variant);
	while (vrs_bench_keep(s, n)) {
		taken += announce(&r, peer, 1 + passes / n_peers);
		passes++;
		peer = (peer + 1) % n_peers;
		vrs_bench_pause(s);
		propagate(&r);
		vrs_bench_resume(s);
	}
	if (taken != passes * n || atomic_load(&r.table->n_paths) != n * n_peers)
		vrs_bench_fail(s, "paths are missing");
	if (n_wrong(&r, b->variant == ECMP ? n_peers : 1) > 0)
		vrs_bench_fail(s, "an ECMP set is of another size");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	rib_fini(&r);
}

const struct vrs_bench vrs_bench_decide[] = {
	{"decide/steps", steps, VRS_AFI_IP4, 0, {1, 2, 4, 16}, false},
	{"decide/ecmp", in_rib, VRS_AFI_IP4, ECMP, {1, 2, 4, 16}, false},
	{"decide/best", in_rib, VRS_AFI_IP4, BEST, {2, 4, 16}, false},
	{0},
};
