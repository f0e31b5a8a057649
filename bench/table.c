/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: what the RIB's one writer pays for a prefix of a full table's UPDATEs, attributes
 * interned already: entries found or made, a path put in, decided, published and marked dirty:
 * into an empty RIB (load), said again unchanged (again), with other attributes (change), and
 * withdrawn until the entry is free (withdraw).
 *
 * Unit: ns a prefix. UPDATEs are those of vrslab's synthetic table, in random order: about five
 * prefixes share one. What propagation does (taking the dirty entries, giving the empty ones
 * back) is not timed; the writer's turn that unlinks them is.
 */

#include <stdatomic.h>

#include "bench/rib.h"

enum { TAKE = 1024, SLICES = 16 };

/* What propagation does with a dirty entry that no peer is told of. */
static void propagate(struct vrs_bench_rib *r)
{
	uint32_t ids[TAKE], n;
	uint8_t what[TAKE];

	while ((n = vrs_table_take_dirty(r->table, ids, what, TAKE)) > 0) {
		for (uint32_t i = 0; i < n; i++) {
			if (atomic_load(&vrs_table_entry(r->table, ids[i])->export) &
				VRS_EXPORT_EMPTY)
				vrs_bench_must(vrs_table_give_back(r->table, ids[i]), "no memory");
		}
	}
	while (vrs_spsc_pop(&r->table->groups.idle, ids, TAKE) > 0)
		;
}

static uint64_t n_in(const struct vrs_bench_rib *r)
{
	return atomic_load(&r->table->n_prefixes);
}

static void load(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	size_t n = (size_t)vrs_bench_range(s);

	while (vrs_bench_keep(s, n)) {
		struct vrs_bench_rib r;

		vrs_bench_pause(s);
		vrs_bench_rib_init(&r, b->afi, n);
		vrs_bench_resume(s);
		uint64_t in = vrs_bench_rib_announce(&r, 0, r.decoded->n, 0, 0);
		vrs_bench_pause(s);
		if (in != n || n_in(&r) != n || atomic_load(&r.table->n_usable) != n)
			vrs_bench_fail(s, "prefixes are missing");
		vrs_bench_counter(s, "bytes/prefix", (double)vrs_table_bytes(r.table) / (double)n);
		vrs_bench_rib_fini(&r);
		vrs_bench_resume(s);
	}
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

static void again_or_change(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	size_t n = (size_t)vrs_bench_range(s), shift = 0;
	struct vrs_bench_rib r;
	uint64_t in, passes = 0, marked;

	vrs_bench_rib_init(&r, b->afi, n);
	in = vrs_bench_rib_announce(&r, 0, r.decoded->n, 0, 0);
	propagate(&r);
	marked = atomic_load(&r.table->n_marked);
	while (vrs_bench_keep(s, n)) {
		shift += (size_t)b->variant;
		in += vrs_bench_rib_announce(&r, 0, r.decoded->n, shift, 0);
		passes++;
		if (b->variant > 0) {
			vrs_bench_pause(s);
			propagate(&r);
			vrs_bench_resume(s);
		}
	}
	marked = atomic_load(&r.table->n_marked) - marked;
	if (in != (passes + 1) * n || n_in(&r) != n)
		vrs_bench_fail(s, "prefixes are missing");
	/* Two UPDATEs in a row may have equal attributes: rarely. */
	if (b->variant == 0 ? marked != 0 : marked < passes * n * 9 / 10)
		vrs_bench_fail(s, "changes were marked that were none, or not marked");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	vrs_bench_rib_fini(&r);
}

/* A slice of the UPDATEs is withdrawn, then (not timed) announced again. */
static void withdraw(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	size_t n = (size_t)vrs_bench_range(s), slice = 0;
	struct vrs_bench_rib r;

	vrs_bench_rib_init(&r, b->afi, n);
	(void)vrs_bench_rib_announce(&r, 0, r.decoded->n, 0, 0);
	propagate(&r);
	const struct vrs_bench_decoded *d = r.decoded;
	for (;;) {
		size_t from = slice * (d->n / SLICES), to = from + d->n / SLICES;
		uint64_t items = 0;

		for (size_t i = from; i < to; i++)
			items += d->shuffled[i].n;
		if (!vrs_bench_keep(s, items))
			break;
		for (size_t i = from; i < to; i++)
			vrs_table_withdraw(r.table, r.slot, r.afi, d->shuffled[i].nlri);
		vrs_table_flush(r.table);
		vrs_bench_pause(s);
		if (n_in(&r) != n - items)
			vrs_bench_fail(s, "not every prefix was withdrawn");
		propagate(&r);
		vrs_bench_resume(s);
		vrs_bench_rib_turn(&r);
		vrs_bench_pause(s);
		if (vrs_bench_rib_announce(&r, from, to, 0, 0) != items || n_in(&r) != n)
			vrs_bench_fail(s, "prefixes are missing");
		propagate(&r);
		slice = (slice + 1) % SLICES;
		vrs_bench_resume(s);
	}
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	vrs_bench_rib_fini(&r);
}

const struct vrs_bench vrs_bench_table[] = {
	{"table/load/ip4", load, VRS_AFI_IP4, 0, {10000, 1000000}, true},
	{"table/load/ip6", load, VRS_AFI_IP6, 0, {10000, 200000}, true},
	{"table/again/ip4", again_or_change, VRS_AFI_IP4, 0, {10000, 1000000}, true},
	{"table/again/ip6", again_or_change, VRS_AFI_IP6, 0, {10000, 200000}, true},
	{"table/change/ip4", again_or_change, VRS_AFI_IP4, 1, {10000, 1000000}, true},
	{"table/change/ip6", again_or_change, VRS_AFI_IP6, 1, {10000, 200000}, true},
	{"table/withdraw/ip4", withdraw, VRS_AFI_IP4, 0, {10000, 1000000}, true},
	{"table/withdraw/ip6", withdraw, VRS_AFI_IP6, 0, {10000, 200000}, true},
	{0},
};
