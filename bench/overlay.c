/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: what it costs to ask where a NIC sends a packet (vrs_effective_match(): the class's
 * overlay joined with the longest match in the current version, next hops included), one
 * random address at a time: with an empty overlay (bgp), with a network's system routes, one
 * class for all (system), and with 1,000 classes that each have 32 user routes on top, every
 * address asked of another one (user).
 *
 * Unit: ns a look-up; the range is learned prefixes. Addresses are random hosts of random
 * learned prefixes. radix/match is the same without the join. There is no look-up of many
 * addresses at once at this level; radix/bulk shows what one could save.
 */

#include <stdlib.h>

#include "bench/suite.h"
#include "engine/effective.h"
#include "rib/base/thread.h"
#include "tests/random.h"

enum { BGP, SYSTEM, USER };
enum { CLASSES = 1000, USER_ROUTES = 32, GROUPS = 64, LABS = 4, MOST_ROUTES = 64 };

struct lab {
	const struct vrs_bench_data *data;
	struct vrs_reclaim *reclaim;
	struct vrs_snapshot *snapshot;
	struct vrs_group_store groups;
	struct vrs_class empty, system, user[CLASSES];
};

static struct vrs_overlay_route route(const char *prefix, enum vrs_next_hop_type type, bool pinned)
{
	struct vrs_overlay_route r = {
		.source = VRS_SOURCE_DEFAULT, .type = (uint8_t)type, .pinned = pinned};

	vrs_bench_must(vrs_prefix_parse(&r.prefix, prefix) == 0, "no prefix");
	return r;
}

/* What a network with a peered one has. @return How many. */
static size_t system_routes(struct vrs_overlay_route *out)
{
	static const struct {
		const char *prefix;
		enum vrs_next_hop_type type;
		bool pinned;
	} rows[] = {{"10.0.0.0/16", VRS_NH_VNET_LOCAL, true},
		{"10.1.0.0/16", VRS_NH_VNET_PEERING, true}, {"0.0.0.0/0", VRS_NH_INTERNET, false},
		{"10.0.0.0/8", VRS_NH_NONE, false}, {"172.16.0.0/12", VRS_NH_NONE, false},
		{"192.168.0.0/16", VRS_NH_NONE, false}, {"100.64.0.0/10", VRS_NH_NONE, false},
		{"fd00::/48", VRS_NH_VNET_LOCAL, true}, {"::/0", VRS_NH_INTERNET, false}};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++)
		out[i] = route(rows[i].prefix, rows[i].type, rows[i].pinned);
	return VRS_N_ELEMS(rows);
}

static void class_init(struct vrs_class *c, const struct vrs_overlay_route *routes, size_t n)
{
	c->overlay = vrs_bench_need(vrs_overlay_new(routes, n, true));
	c->route_table = "rt";
}

static void make_classes(struct lab *l)
{
	struct vrs_overlay_route routes[MOST_ROUTES];
	size_t n = system_routes(routes);
	struct rng rng = {5};

	class_init(&l->empty, routes, 0);
	class_init(&l->system, routes, n);
	for (size_t c = 0; c < CLASSES; c++) {
		for (size_t i = 0; i < USER_ROUTES; i++) {
			size_t at = rng_below(&rng, (uint32_t)l->data->n);

			routes[n + i] = (struct vrs_overlay_route){
				.prefix = l->data->routes.list[at].prefix,
				.next_hop = vrs_addr_ip4(0x0a000204),
				.source = VRS_SOURCE_USER,
				.type = VRS_NH_VIRTUAL_APPLIANCE,
				.tag = (uint32_t)i};
		}
		class_init(&l->user[c], routes, n + USER_ROUTES);
	}
}

/* Groups of 1 to 4 next hops; prefixes get them in turn. */
static void make_snapshot(struct lab *l)
{
	uint32_t ids[GROUPS], old;

	vrs_bench_must(vrs_group_store_init(&l->groups, l->reclaim) == 0, "out of memory");
	for (uint32_t i = 0; i < GROUPS; i++) {
		struct vrs_addr hops[4];

		for (uint32_t j = 0; j < 4; j++)
			hops[j] = vrs_addr_ip4(0x0a000300 + 4 * i + j);
		ids[i] = vrs_group_intern(&l->groups, hops, 1 + i % 4);
		vrs_group_get(&l->groups, ids[i]);
	}
	l->snapshot = vrs_bench_need(vrs_snapshot_new(l->reclaim));
	for (size_t i = 0; i < l->data->n; i++) {
		const struct vrs_prefix *p = &l->data->shuffled[i];

		vrs_bench_must(vrs_snapshot_set(l->snapshot, p, ids[i % GROUPS], &old) == 0 &&
				(i % 1024 != 1023 || vrs_snapshot_commit(l->snapshot) == 0),
			"cannot fill a snapshot");
		vrs_reclaim_turn(l->reclaim);
	}
	vrs_bench_must(vrs_snapshot_commit(l->snapshot) == 0, "cannot fill a snapshot");
}

static struct lab *lab_of(const struct vrs_bench_data *d)
{
	static struct lab kept[LABS];

	for (size_t i = 0; i < LABS; i++) {
		if (kept[i].data == d)
			return &kept[i];
		if (kept[i].data != NULL)
			continue;
		kept[i].data = d;
		kept[i].reclaim = vrs_bench_need(vrs_reclaim_new(VRS_RECLAIM_WORKER));
		make_snapshot(&kept[i]);
		make_classes(&kept[i]);
		return &kept[i];
	}
	vrs_bench_die("too many tables");
}

static const struct vrs_class *class_of(const struct lab *l, int variant, size_t i)
{
	if (variant == USER)
		return &l->user[i % CLASSES];
	return variant == SYSTEM ? &l->system : &l->empty;
}

/*
 * Right is what has a next hop and is at least as long as the prefix an address was drawn from;
 * without user routes it is BGP's, with them nearly always.
 */
static void run(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	const struct vrs_bench_data *d = vrs_bench_data(b->afi, (size_t)vrs_bench_range(s));
	const struct lab *l = lab_of(d);
	uint64_t passes = 0, lens = 0, bgp = 0, hops = 0, at_least = 0;

	for (size_t i = 0; i < d->n; i++)
		at_least += d->routes.list[i].prefix.len;
	while (vrs_bench_keep(s, d->n)) {
		vrs_rcu_enter();
		struct vrs_effective_view view = {
			.version = vrs_snapshot_current(l->snapshot), .groups = &l->groups};
		for (size_t i = 0; i < d->n; i++) {
			struct vrs_effective_route out;

			view.class = class_of(l, b->variant, i);
			if (!vrs_effective_match(&view, &d->addrs[i], &out))
				continue;
			lens += out.prefix.len;
			bgp += out.source == VRS_SOURCE_BGP;
			/* As whoever sends the packet: look at the first. */
			hops += out.next_hops != NULL && out.next_hops[0].afi == VRS_AFI_IP4;
		}
		vrs_rcu_leave();
		passes++;
	}
	if (lens < passes * at_least || hops != passes * d->n)
		vrs_bench_fail(s, "an address found no route, or a shorter one");
	if (b->variant != USER ? bgp != passes * d->n
			       : bgp >= passes * d->n || bgp < passes * d->n * 9 / 10)
		vrs_bench_fail(s, "another kind of route won than should");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

const struct vrs_bench vrs_bench_overlay[] = {
	{"overlay/bgp/ip4", run, VRS_AFI_IP4, BGP, {10000, 1000000}, true},
	{"overlay/bgp/ip6", run, VRS_AFI_IP6, BGP, {10000, 200000}, true},
	{"overlay/system/ip4", run, VRS_AFI_IP4, SYSTEM, {10000, 1000000}, true},
	{"overlay/system/ip6", run, VRS_AFI_IP6, SYSTEM, {10000, 200000}, true},
	{"overlay/user/ip4", run, VRS_AFI_IP4, USER, {10000, 1000000}, true},
	{"overlay/user/ip6", run, VRS_AFI_IP6, USER, {10000, 200000}, true},
	{0},
};
