/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: what an UPDATE pays to have its attribute set stored once: found again among the sets
 * of a whole table (again), stored for the first time (fresh), and let go by its last holder
 * until its memory is free (release).
 *
 * Unit: ns a set; the range is the table's prefixes, of which about five share a set of some 60
 * bytes (a million prefixes: 200,000 sets, 30 MB). They are read one behind the other, as from
 * the decoder, but lie in the store in another, random order.
 */

#include <stdlib.h>

#include "bench/suite.h"
#include "rib/attrs.h"

enum { TURN = 1024 }; /* Sets between two turns, as after so many UPDATEs. */

struct store {
	struct vrs_reclaim *reclaim;
	struct vrs_attrs_store *attrs;
};

static struct store store_new(void)
{
	struct store t = {.reclaim = vrs_bench_need(vrs_reclaim_new(VRS_RECLAIM_WORKER))};

	t.attrs = vrs_bench_need(vrs_attrs_store_new(t.reclaim));
	return t;
}

static void store_free(struct store *t)
{
	vrs_reclaim_drain(t->reclaim);
	vrs_attrs_store_free(t->attrs);
	vrs_reclaim_free(t->reclaim);
}

static uint32_t intern(struct store *t, const struct vrs_bench_set *set)
{
	uint32_t id = VRS_ATTRS_NONE;

	(void)!vrs_attrs_intern(t->attrs, set->bytes.data, set->bytes.size, set->info, &id);
	return id;
}

/* Intern and hold every set. ids[i] is the id of sets[i]. */
static void fill(struct store *t, const struct vrs_bench_decoded *d, uint32_t *ids, bool shuffled)
{
	for (size_t i = 0; i < d->n; i++) {
		size_t at = shuffled ? d->order.at[i] : i;

		ids[at] = intern(t, &d->sets[at]);
		vrs_attrs_get(t->attrs, ids[at], 1);
	}
}

static const struct vrs_bench_decoded *sets_of(
	struct vrs_bench_state *s, const struct vrs_bench *b, uint32_t **ids)
{
	const struct vrs_bench_decoded *d = vrs_bench_decoded(b->afi, (size_t)vrs_bench_range(s));

	*ids = vrs_bench_need(calloc(d->n, sizeof(**ids)));
	vrs_bench_counter(s, "sets", (double)d->n);
	return d;
}

static void again(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	uint32_t *ids;
	const struct vrs_bench_decoded *d = sets_of(s, b, &ids);
	struct store t = store_new();
	uint64_t wrong = 0;

	fill(&t, d, ids, true);
	while (vrs_bench_keep(s, d->n)) {
		for (size_t i = 0; i < d->n; i++)
			wrong += intern(&t, &d->sets[i]) != ids[i];
	}
	if (wrong > 0)
		vrs_bench_fail(s, "a set was not found again");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	store_free(&t);
	free(ids);
}

/* How many there are with equal ones counted once. */
static size_t n_distinct(const struct vrs_bench_decoded *d, uint32_t *ids)
{
	struct store t = store_new();

	fill(&t, d, ids, false);
	size_t n = vrs_attrs_count(t.attrs);
	store_free(&t);
	return n;
}

static void fresh(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	uint32_t *ids;
	const struct vrs_bench_decoded *d = sets_of(s, b, &ids);
	size_t distinct = n_distinct(d, ids);

	if (distinct < d->n / 2)
		vrs_bench_fail(s, "most sets are equal");
	while (vrs_bench_keep(s, d->n)) {
		vrs_bench_pause(s);
		struct store t = store_new();
		vrs_bench_resume(s);
		fill(&t, d, ids, false);
		vrs_bench_pause(s);
		if (vrs_attrs_count(t.attrs) != distinct)
			vrs_bench_fail(s, "sets are missing");
		store_free(&t);
		vrs_bench_resume(s);
	}
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	free(ids);
}

static void release(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	uint32_t *ids;
	const struct vrs_bench_decoded *d = sets_of(s, b, &ids);
	struct vrs_bench_order order = vrs_bench_order(d->n, 99);
	struct store t = store_new();

	while (vrs_bench_keep(s, d->n)) {
		vrs_bench_pause(s);
		fill(&t, d, ids, false);
		vrs_bench_resume(s);
		for (size_t i = 0; i < d->n; i++) {
			vrs_attrs_put(t.attrs, ids[order.at[i]], 1);
			if (i % TURN == TURN - 1) {
				vrs_attrs_turn(t.attrs);
				vrs_reclaim_turn(t.reclaim);
			}
		}
		vrs_attrs_turn(t.attrs);
		vrs_reclaim_drain(t.reclaim);
		if (vrs_attrs_count(t.attrs) != 0)
			vrs_bench_fail(s, "sets are left");
	}
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	store_free(&t);
	free(order.at);
	free(ids);
}

const struct vrs_bench vrs_bench_intern[] = {
	{"intern/again", again, VRS_AFI_IP4, 0, {10000, 100000, 1000000}, true},
	{"intern/fresh", fresh, VRS_AFI_IP4, 0, {10000, 1000000}, true},
	{"intern/release", release, VRS_AFI_IP4, 0, {10000, 1000000}, true},
	{0},
};
