/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: what propagation pays for a change that becomes visible to look-ups when 1, 16, 256 or
 * 1024 of them share a version (1024 is its most): the copied nodes, the version published, the
 * old one given to the reclaimer. The range is changes a version.
 *
 * Unit: ns a change (times the range: ns a version). Prefixes in random order of a snapshot of
 * a full table: 1,000,000 IPv4 or 200,000 IPv6 prefixes. No version is pinned.
 */

#include <stdlib.h>

#include "bench/suite.h"
#include "rib/base/thread.h"
#include "rib/snapshot.h"

struct lab {
	struct vrs_reclaim *reclaim;
	struct vrs_snapshot *snapshot;
	const struct vrs_bench_data *data;
	uint32_t *group; /* By place in the random order. */
	size_t at;       /* The next to be changed. */
};

static const struct vrs_prefix *nth(const struct vrs_bench_data *d, size_t i)
{
	return &d->shuffled[i];
}

/* Give the next prefix another group. @return Whether it had the one it was given last. */
static bool change(struct lab *l)
{
	uint32_t had = l->group[l->at], old = ~had;
	int rc = vrs_snapshot_set(l->snapshot, nth(l->data, l->at), had + 1, &old);

	l->group[l->at] = had + 1;
	l->at = l->at + 1 < l->data->n ? l->at + 1 : 0;
	return rc == 0 && old == had;
}

static bool commit(struct lab *l)
{
	bool ok = vrs_snapshot_commit(l->snapshot) == 0;

	vrs_snapshot_turn(l->snapshot, 0);
	vrs_reclaim_turn(l->reclaim);
	return ok;
}

/* Full, and kept. */
static struct lab *lab_of(enum vrs_afi afi)
{
	static struct lab kept[2];
	struct lab *l = &kept[afi == VRS_AFI_IP6];
	bool ok = true;

	if (l->data != NULL)
		return l;
	l->data = vrs_bench_data(afi, vrs_bench_cap(afi == VRS_AFI_IP4 ? 1000000 : 200000));
	l->reclaim = vrs_bench_need(vrs_reclaim_new(VRS_RECLAIM_WORKER));
	l->snapshot = vrs_bench_need(vrs_snapshot_new(l->reclaim));
	l->group = vrs_bench_need(calloc(l->data->n, sizeof(*l->group)));
	for (size_t i = 0; i < l->data->n; i++) {
		ok &= change(l);
		if (i % 1024 == 1023 || i + 1 == l->data->n)
			ok &= commit(l);
	}
	vrs_bench_must(ok, "cannot fill a snapshot");
	return l;
}

/* Prefixes that a look-up in the current version sees with another group. */
static size_t n_wrong(const struct lab *l)
{
	size_t wrong = 0;

	vrs_rcu_enter();
	const struct vrs_version *v = vrs_snapshot_current(l->snapshot);
	for (size_t i = 0; i < l->data->n; i++) {
		const struct vrs_prefix *p = nth(l->data, i);
		uint32_t group = 0;

		(void)vrs_radix_find(&v->root[p->afi == VRS_AFI_IP6], p, &group);
		wrong += group != l->group[i];
	}
	wrong += v->n_prefixes != l->data->n;
	vrs_rcu_leave();
	return wrong;
}

static void run(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	size_t n = (size_t)vrs_bench_range(s), rounds = 1 + 1023 / n;
	struct lab *l = lab_of(b->afi);
	uint64_t before = vrs_snapshot_open(l->snapshot), versions = 0;
	bool ok = true;

	while (vrs_bench_keep(s, rounds * n)) {
		for (size_t i = 0; i < rounds; i++) {
			for (size_t j = 0; j < n; j++)
				ok &= change(l);
			ok &= commit(l);
		}
		versions += rounds;
	}
	if (!ok || vrs_snapshot_open(l->snapshot) != before + versions)
		vrs_bench_fail(s, "a change or a version failed");
	if (n_wrong(l) > 0)
		vrs_bench_fail(s, "the last version does not show every change");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	vrs_bench_counter_rate(s, "versions/s", (double)versions);
}

const struct vrs_bench vrs_bench_commit[] = {
	{"commit/ip4", run, VRS_AFI_IP4, 0, {1, 16, 256, 1024}, false},
	{"commit/ip6", run, VRS_AFI_IP6, 0, {1, 16, 256, 1024}, false},
	{0},
};
