/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: what one core pays in a tree of a given size for a prefix inserted into an empty tree
 * (load) and into a full one (insert), given another value (replace), removed (remove), found
 * exactly (find) or looked for in vain (miss), and for the longest match of an address, one at a
 * time (match) and 32 at a time (bulk).
 *
 * Unit: ns a prefix, or an address. Trees are those of a RIB (changed in place, under readers);
 * what changes unlink is retired and freed in turns of 1024, as in the daemon, grace periods on
 * liburcu's worker. Prefixes are vrslab's synthetic table in random order; addresses are random
 * hosts of random prefixes of it. A size that fits a cache stays in it: the range shows that.
 */

#include <stdlib.h>

#include "bench/suite.h"
#include "rib/base/thread.h"

enum { TURN = 1024, BULK = 32, SLICES = 16, TREES = 8 };

struct tree {
	struct vrs_radix radix;
	struct vrs_reclaim *reclaim;
	const struct vrs_bench_data *data;
};

static void block_free(void *ctx, void *block)
{
	vrs_radix_block_free(ctx, block);
}

static void retire(void *ctx, struct vrs_radix *radix, void *block, size_t size, uint32_t born)
{
	struct tree *t = ctx;

	vrs_reclaim_retire(t->reclaim, block_free, radix, block, size);
}

static void tree_init(struct tree *t, const struct vrs_bench_data *d)
{
	t->data = d;
	t->reclaim = vrs_bench_need(vrs_reclaim_new(VRS_RECLAIM_WORKER));
	vrs_radix_init(&t->radix, d->afi, VRS_MEM_RADIX, false, retire, t);
}

static void tree_fini(struct tree *t)
{
	vrs_reclaim_drain(t->reclaim);
	vrs_radix_fini(&t->radix);
	vrs_reclaim_free(t->reclaim);
}

/* The i-th prefix in random order; its value is its place in that order, plus one. */
static const struct vrs_prefix *nth(const struct vrs_bench_data *d, size_t i)
{
	return &d->shuffled[i];
}

/* Insert prefixes [from, to) with values that are @p add higher. @return How many were new. */
static size_t insert(struct tree *t, size_t from, size_t to, uint32_t add)
{
	size_t n = 0;

	for (size_t i = from; i < to; i++) {
		n += vrs_radix_insert(&t->radix, nth(t->data, i), (uint32_t)i + 1 + add) == 1;
		if (i % TURN == TURN - 1)
			vrs_reclaim_turn(t->reclaim);
	}
	return n;
}

/* @return How many were there. */
static size_t take_out(struct tree *t, size_t from, size_t to)
{
	size_t n = 0;

	for (size_t i = from; i < to; i++) {
		n += vrs_radix_remove(&t->radix, nth(t->data, i)) == 0;
		if (i % TURN == TURN - 1)
			vrs_reclaim_turn(t->reclaim);
	}
	return n;
}

/* A full tree, kept: benchmarks leave it as they found it, values (replace) aside. */
static struct tree *full_tree(const struct vrs_bench_data *d)
{
	static struct tree kept[TREES];

	for (size_t i = 0; i < TREES; i++) {
		if (kept[i].data == d)
			return &kept[i];
		if (kept[i].data != NULL)
			continue;
		tree_init(&kept[i], d);
		vrs_bench_must(insert(&kept[i], 0, d->n, 0) == d->n, "cannot fill a tree");
		return &kept[i];
	}
	vrs_bench_die("too many trees");
}

static const struct vrs_bench_data *data_of(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	return vrs_bench_data(b->afi, (size_t)vrs_bench_range(s));
}

static void load(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	const struct vrs_bench_data *d = data_of(s, b);

	while (vrs_bench_keep(s, d->n)) {
		struct tree t;

		vrs_bench_pause(s);
		tree_init(&t, d);
		vrs_bench_resume(s);
		size_t n = insert(&t, 0, d->n, 0);
		vrs_bench_pause(s);
		if (n != d->n || t.radix.n != d->n)
			vrs_bench_fail(s, "prefixes are missing");
		vrs_bench_counter(
			s, "bytes/prefix", (double)vrs_slab_bytes(&t.radix.slab) / (double)d->n);
		tree_fini(&t);
		vrs_bench_resume(s);
	}
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

/*
 * A tree without one slice, then without the next one: what is removed or inserted in the timed
 * part was not touched just before.
 */
enum { INSERT, REMOVE };

static void insert_or_remove(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	const struct vrs_bench_data *d = data_of(s, b);
	struct tree *t = full_tree(d);
	size_t size = d->n / SLICES, slice = 0, n = take_out(t, 0, size);

	if (n != size)
		vrs_bench_fail(s, "prefixes were missing");
	while (vrs_bench_keep(s, size)) {
		size_t next = (slice + 1) % SLICES, in = 0, out = 0;

		if (b->variant == INSERT) {
			vrs_bench_pause(s);
			out = take_out(t, next * size, (next + 1) * size);
			vrs_bench_resume(s);
			in = insert(t, slice * size, (slice + 1) * size, 0);
		} else {
			out = take_out(t, next * size, (next + 1) * size);
			vrs_bench_pause(s);
			in = insert(t, slice * size, (slice + 1) * size, 0);
			vrs_bench_resume(s);
		}
		if (in != size || out != size || t->radix.n != d->n - size)
			vrs_bench_fail(s, "not every prefix went in or out");
		slice = next;
	}
	n = insert(t, slice * size, (slice + 1) * size, 0);
	if (n != size || t->radix.n != d->n)
		vrs_bench_fail(s, "the tree is not full again");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

static void replace(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	const struct vrs_bench_data *d = data_of(s, b);
	struct tree *t = full_tree(d);
	uint32_t value, add = 0;
	size_t n = 0;

	while (vrs_bench_keep(s, d->n)) {
		add++;
		n += insert(t, 0, d->n, add);
	}
	for (size_t i = 0; i < d->n && add > 0; i++) {
		n += !vrs_radix_get(&t->radix, nth(d, i), &value) || value != i + 1 + add;
	}
	(void)insert(t, 0, d->n, 0);
	if (n != 0)
		vrs_bench_fail(s, "a prefix was new, or has another value");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

static void find(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	const struct vrs_bench_data *d = data_of(s, b);
	const struct tree *t = full_tree(d);
	size_t wrong = 0;

	while (vrs_bench_keep(s, d->n)) {
		vrs_rcu_enter();
		for (size_t i = 0; i < d->n; i++) {
			uint32_t value = 0;

			(void)vrs_radix_find(&t->radix.root, nth(d, i), &value);
			wrong += value != i + 1;
		}
		vrs_rcu_leave();
	}
	if (wrong != 0)
		vrs_bench_fail(s, "a prefix was not found");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

/* Hosts: no prefix of the table is that long. */
static void miss(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	const struct vrs_bench_data *d = data_of(s, b);
	const struct tree *t = full_tree(d);
	struct vrs_prefix *hosts = vrs_bench_need(calloc(d->n, sizeof(*hosts)));
	size_t found = 0;

	for (size_t i = 0; i < d->n; i++)
		hosts[i] = vrs_prefix_of(&d->addrs[i], vrs_afi_width(d->afi));
	while (vrs_bench_keep(s, d->n)) {
		vrs_rcu_enter();
		for (size_t i = 0; i < d->n; i++) {
			uint32_t value;

			found += vrs_radix_find(&t->radix.root, &hosts[i], &value);
		}
		vrs_rcu_leave();
	}
	if (found != 0)
		vrs_bench_fail(s, "a prefix was found that is not there");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	free(hosts);
}

/* A match is at least as long as the prefix that the address was drawn from. */
static void match(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	const struct vrs_bench_data *d = data_of(s, b);
	const struct tree *t = full_tree(d);
	uint64_t passes = 0, lens = 0, values = 0, at_least = 0;

	for (size_t i = 0; i < d->n; i++)
		at_least += nth(d, i)->len;
	while (vrs_bench_keep(s, d->n)) {
		vrs_rcu_enter();
		for (size_t i = 0; i < d->n; i++) {
			uint32_t value = 0;
			uint8_t len = 0;

			(void)vrs_radix_match(&t->radix.root, &d->addrs[i], &value, &len);
			lens += len;
			values += value;
		}
		vrs_rcu_leave();
		passes++;
	}
	vrs_bench_use(values);
	if (lens < passes * at_least || lens > passes * d->n * vrs_afi_width(d->afi))
		vrs_bench_fail(s, "an address found no prefix, or a shorter one");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

static void bulk(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	const struct vrs_bench_data *d = data_of(s, b);
	const struct tree *t = full_tree(d);
	uint32_t values[BULK], wrong = 0;
	uint8_t lens[BULK];
	size_t n = d->n / BULK * BULK;

	while (vrs_bench_keep(s, n)) {
		vrs_rcu_enter();
		for (size_t i = 0; i < n; i += BULK) {
			vrs_radix_match_bulk(&t->radix.root, &d->addrs[i], BULK, values, lens);
			for (size_t j = 0; j < BULK; j++) {
				wrong += lens[j] == VRS_RADIX_MISS;
				vrs_bench_use(values[j]);
			}
		}
		vrs_rcu_leave();
	}
	if (wrong != 0)
		vrs_bench_fail(s, "an address found no prefix");
	/* Once, against the other way to match. */
	vrs_rcu_enter();
	for (size_t i = 0; i < n; i += BULK) {
		vrs_radix_match_bulk(&t->radix.root, &d->addrs[i], BULK, values, lens);
		for (size_t j = 0; j < BULK; j++) {
			uint32_t value = 0;
			uint8_t len = 0;

			(void)vrs_radix_match(&t->radix.root, &d->addrs[i + j], &value, &len);
			wrong += value != values[j] || len != lens[j];
		}
	}
	vrs_rcu_leave();
	if (wrong != 0)
		vrs_bench_fail(s, "bulk and single match differ");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	vrs_bench_label(s, vrs_radix_simd());
}

#define SIZES 10000, 100000, 1000000

const struct vrs_bench vrs_bench_radix[] = {
	{"radix/load/ip4", load, VRS_AFI_IP4, 0, {SIZES}, true},
	{"radix/load/ip6", load, VRS_AFI_IP6, 0, {SIZES}, true},
	{"radix/insert/ip4", insert_or_remove, VRS_AFI_IP4, INSERT, {SIZES}, true},
	{"radix/insert/ip6", insert_or_remove, VRS_AFI_IP6, INSERT, {SIZES}, true},
	{"radix/replace/ip4", replace, VRS_AFI_IP4, 0, {SIZES}, true},
	{"radix/replace/ip6", replace, VRS_AFI_IP6, 0, {SIZES}, true},
	{"radix/remove/ip4", insert_or_remove, VRS_AFI_IP4, REMOVE, {SIZES}, true},
	{"radix/remove/ip6", insert_or_remove, VRS_AFI_IP6, REMOVE, {SIZES}, true},
	{"radix/find/ip4", find, VRS_AFI_IP4, 0, {SIZES}, true},
	{"radix/find/ip6", find, VRS_AFI_IP6, 0, {SIZES}, true},
	{"radix/miss/ip4", miss, VRS_AFI_IP4, 0, {SIZES}, true},
	{"radix/miss/ip6", miss, VRS_AFI_IP6, 0, {SIZES}, true},
	{"radix/match/ip4", match, VRS_AFI_IP4, 0, {SIZES}, true},
	{"radix/match/ip6", match, VRS_AFI_IP6, 0, {SIZES}, true},
	{"radix/bulk/ip4", bulk, VRS_AFI_IP4, 0, {SIZES}, true},
	{"radix/bulk/ip6", bulk, VRS_AFI_IP6, 0, {SIZES}, true},
	{0},
};
