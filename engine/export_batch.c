/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Jobs are sorted so that what goes to the same listeners follows each other: withdrawals, then
 * announcements, by family, by the connection that must not hear them, by attribute set.
 *
 * An entry was told, and its best path is now that of another connection, whose sessions had heard
 * the old one: they get a correction, a withdrawal for them alone. It goes before the announcement,
 * because a job that is done is forgotten: when room or memory runs out between the two, the
 * correction is said twice rather than not at all. For one session the order of a prefix's messages
 * is right either way, as it hears only one of the two.
 */

#include "engine/export_batch.h"

#include <stdlib.h>

#include "engine/propagate.h"
#include "io/bgp/encode.h"
#include "io/bgp/open.h"

enum {
	BATCH = 4096, /* Entries looked at in one run: about 500 us. */
	ATTRS_MAX = 65535,
};

/* --- Who is told what --- */

static bool family_of(const struct vrs_export_group *g, unsigned afi)
{
	return g->kind.families & (afi == VRS_AFI_IP4 ? VRS_BGP_IP4 : VRS_BGP_IP6);
}

bool vrs_export_tells_system(const struct vrs_export_group *g, const struct vrs_prefix *p)
{
	return family_of(g, p->afi) && g->kind.next_hops[p->afi == VRS_AFI_IP6].afi != VRS_AFI_NONE;
}

/* Whether peers of the group are to have this entry's best route, by its export word; but for
 * those of @p source. */
static bool eligible(const struct vrs_export_group *g, uint32_t index, const struct vrs_entry *e,
	uint64_t word, uint16_t *source)
{
	if (!(word & VRS_EXPORT_VALID) || word & VRS_EXPORT_NO_ADVERTISE)
		return false;
	if (word & VRS_EXPORT_NO_EXPORT && !g->kind.ibgp)
		return false;
	if (!family_of(g, e->afi))
		return false;
	/* A gateway hears learned routes only with branch-to-branch; what an NVA must not hear
	 * was kept out of the word (rib/table_decide.c). */
	if (g->kind.class != VRS_CLASS_NVA && !atomic_load(&g->rib->branch_to_branch))
		return false;
	const struct vrs_table_peer *peer =
		vrs_table_peer(vrs_rib_table(g->rib, index), VRS_EXPORT_PEER(word));
	if (peer == NULL)
		return false;
	*source = peer->source.connection;
	struct vrs_prefix p = vrs_rib_prefix(g->rib, index);
	return !vrs_rib_is_system(g->rib, &p);
}

/* What the peers were told of this prefix is the network's own route now: no withdrawal. */
static bool hidden_by_system(const struct vrs_export_group *g, uint32_t index)
{
	struct vrs_prefix p = vrs_rib_prefix(g->rib, index);

	return vrs_rib_is_system(g->rib, &p) && vrs_export_tells_system(g, &p);
}

static struct vrs_bgp_export context(
	const struct vrs_export_group *g, uint32_t index, uint64_t word)
{
	struct vrs_bgp_export c = {.ibgp = g->kind.ibgp, .as4 = g->kind.as4};

	if (!g->kind.ibgp) {
		c.prepend_as = g->kind.own_as;
		c.otc_as = g->kind.otc ? g->kind.own_as : 0;
	} else if (!(word & VRS_EXPORT_EBGP)) {
		const struct vrs_table_peer *source =
			vrs_table_peer(vrs_rib_table(g->rib, index), VRS_EXPORT_PEER(word));

		c.originator_id = source != NULL ? source->source.router_id : 0;
		c.cluster_id = g->kind.router_id;
	}
	return c;
}

/* Whether nobody in the group is of another connection. */
static bool only_of(const struct vrs_export_group *g, uint16_t connection)
{
	for (const struct vrs_export *x = g->members; x != NULL; x = x->next_member)
		if (x->peer.connection != connection)
			return false;
	return true;
}

static bool any_of(const struct vrs_export_group *g, uint16_t connection)
{
	for (const struct vrs_export *x = g->members; x != NULL; x = x->next_member)
		if (x->peer.connection == connection)
			return true;
	return false;
}

/* --- What is told --- */

void vrs_export_forget(struct vrs_export_group *g, uint32_t index)
{
	if (!vrs_bitset_remove(&g->told, index))
		return;
	g->of_source[g->sources[index]]--;
	g->sources[index] = 0; /* So that two groups can be compared. */
}

/* Make an array of `size`-byte items long enough for `index`. @return false: no memory. */
static bool reach(void *array, uint32_t *cap, uint32_t index, size_t size)
{
	void **at = array;

	if (index < *cap)
		return true;
	uint32_t n = VRS_MAX(index + 1, VRS_MAX(*cap * 2, 64u));
	char *a = vrs_mem_realloc(VRS_MEM_EXPORT, *at, *cap * size, n * size);
	if (a == NULL)
		return false;
	memset(a + *cap * size, 0, (n - *cap) * size);
	*at = a;
	*cap = n;
	return true;
}

/* @return false: no memory, and nothing has changed. */
static bool remember(struct vrs_export_group *g, uint32_t index, uint16_t source)
{
	if (!reach(&g->sources, &g->cap_sources, index, sizeof(*g->sources)) ||
		!reach(&g->of_source, &g->cap_of_source, source, sizeof(*g->of_source)))
		return false;
	int fresh = vrs_bitset_add(&g->told, index);
	if (fresh < 0)
		return false;
	if (fresh == 0)
		g->of_source[g->sources[index]]--;
	g->sources[index] = source;
	g->of_source[source]++;
	return true;
}

/* Was looked at: known to this group only if it is told. */
static void settle(struct vrs_export_group *g, uint32_t index)
{
	vrs_bitset_remove(&g->pending, index);
	if (!vrs_bitset_has(&g->told, index))
		vrs_rib_entry_put(g->rib, index);
}

/* --- Jobs --- */

/* One entry of a batch: what to do with it. */
struct job {
	uint64_t key; /* withdraw first, then family, source and attribute set */
	uint32_t index;
	uint64_t word;
};

#define JOB_ANNOUNCE  (1ull << 49)
#define JOB_IP6       (1ull << 48)
#define JOB_SOURCE(k) ((uint16_t)((k) >> 32))

static int cmp_jobs(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static unsigned afi_of(const struct job *j)
{
	return j->key & JOB_IP6 ? VRS_AFI_IP6 : VRS_AFI_IP4;
}

static struct vrs_prefix prefix_of(const struct vrs_export_group *g, const struct job *j)
{
	return vrs_rib_prefix(g->rib, j->index);
}

static size_t collect(struct vrs_export_group *g, struct job *jobs)
{
	size_t n = 0;
	bool sorted = true;
	int64_t i = vrs_bitset_next(&g->pending, g->cursor);

	if (i < 0)
		i = vrs_bitset_next(&g->pending, 0);
	for (unsigned looked = 0; i >= 0 && looked < BATCH; looked++) {
		uint32_t index = (uint32_t)i;
		const struct vrs_entry *e = vrs_rib_entry(g->rib, index);
		uint64_t word = atomic_load(&e->export), key = e->afi == VRS_AFI_IP6 ? JOB_IP6 : 0;
		uint16_t source = 0;

		g->cursor = index + 1;
		i = vrs_bitset_next(&g->pending, g->cursor);
		if (i >= 0)
			__builtin_prefetch(vrs_rib_entry(g->rib, (uint32_t)i));
		if (eligible(g, index, e, word, &source)) {
			key |= JOB_ANNOUNCE | VRS_EXPORT_ATTRS(word);
		} else if (vrs_bitset_has(&g->told, index) && !hidden_by_system(g, index)) {
			source = g->sources[index];
		} else {
			vrs_export_forget(g, index);
			settle(g, index);
			continue;
		}
		jobs[n] = (struct job){key | (uint64_t)source << 32, index, word};
		sorted &= n == 0 || jobs[n - 1].key <= jobs[n].key;
		n++;
	}
	if (!sorted)
		qsort(jobs, n, sizeof(*jobs), cmp_jobs);
	return n;
}

/* --- Messages --- */

/* Withdraw entries of one family; those that @p done says so are forgotten. @return How many were
 * written. */
static size_t write_withdrawals(struct vrs_export_group *g, struct vrs_out *o,
	const struct job *const *jobs, size_t n, bool done)
{
	struct vrs_bgp_pack pack;
	size_t i = 0;

	while (i < n && vrs_out_has_room(o)) {
		uint8_t *room = vrs_out_room(o, VRS_BGP_MAX_SIZE);

		if (room == NULL)
			break;
		vrs_bgp_pack_begin_withdraw(&pack, room, VRS_BGP_MAX_SIZE, afi_of(jobs[0]));
		for (; i < n; i++) {
			struct vrs_prefix p = prefix_of(g, jobs[i]);

			if (!vrs_bgp_pack_add(&pack, &p))
				break;
			if (!done)
				continue;
			vrs_export_forget(g, jobs[i]->index);
			settle(g, jobs[i]->index);
		}
		vrs_out_wrote(o, vrs_bgp_pack_end(&pack));
	}
	return i;
}

static void withdraw(
	struct vrs_export_group *g, struct vrs_out *o, const struct job *jobs, size_t n)
{
	static _Thread_local const struct job *list[BATCH];
	uint16_t source = JOB_SOURCE(jobs[0].key);

	for (size_t i = 0; i < n; i++)
		list[i] = &jobs[i];
	vrs_out_address(o, VRS_OUT_BUT, source);
	if (!only_of(g, source)) {
		(void)write_withdrawals(g, o, list, n, true);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		vrs_export_forget(g, jobs[i].index);
		settle(g, jobs[i].index);
	}
}

/* Announce the entries of n jobs with one rendered attribute set. */
static void write_announcements(struct vrs_export_group *g, struct vrs_out *o,
	const struct job *jobs, size_t n, const struct vrs_bgp_attr_block *block, size_t max)
{
	uint16_t source = JOB_SOURCE(jobs[0].key);
	struct vrs_bgp_pack pack;

	vrs_out_address(o, VRS_OUT_BUT, source);
	for (size_t i = 0; i < n && !o->failed && vrs_out_has_room(o);) {
		uint8_t *room = vrs_out_room(o, max);

		if (room == NULL || !vrs_bgp_pack_begin(&pack, room, max, block))
			return;
		for (; i < n; i++) {
			struct vrs_prefix p = prefix_of(g, &jobs[i]);

			/* First: what is told and not remembered would never be withdrawn. */
			if (!remember(g, jobs[i].index, source)) {
				o->failed = true;
				break;
			}
			if (!vrs_bgp_pack_add(&pack, &p))
				break;
			settle(g, jobs[i].index);
		}
		/* At least one prefix fits every message that pack_begin() accepts. */
		vrs_out_wrote(o, vrs_bgp_pack_end(&pack));
	}
}

/* Those who alone are in the group are not told what is theirs. */
static void keep_from(
	struct vrs_export_group *g, struct vrs_out *o, const struct job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!remember(g, jobs[i].index, JOB_SOURCE(jobs[i].key))) {
			o->failed = true;
			return;
		}
		settle(g, jobs[i].index);
	}
}

/* Jobs of one key whose attributes fit no message of the kind: they count as withdrawn. */
static void cannot_tell(struct vrs_export_group *g, struct vrs_out *o, struct job *jobs, size_t n)
{
	for (size_t i = 0; i < n && !o->failed; i++) {
		if (!vrs_bitset_has(&g->told, jobs[i].index)) {
			settle(g, jobs[i].index);
			continue;
		}
		if (!vrs_out_has_room(o))
			return;
		uint64_t key = jobs[i].key & JOB_IP6;
		jobs[i].key = key | (uint64_t)g->sources[jobs[i].index] << 32;
		withdraw(g, o, &jobs[i], 1);
	}
}

/* Jobs of one key: render the attributes once. */
static void announce(struct vrs_export_group *g, struct vrs_out *o, struct job *jobs, size_t n)
{
	static _Thread_local uint8_t rendered[ATTRS_MAX];
	const struct vrs_attrs *a =
		vrs_attrs_find(vrs_table_attrs_of(g->rib->table, VRS_EXPORT_PEER(jobs[0].word)),
			VRS_EXPORT_ATTRS(jobs[0].word));
	unsigned afi = afi_of(jobs);
	struct vrs_bgp_export ctx = context(g, jobs[0].index, jobs[0].word);
	struct vrs_bgp_attr_block block;
	size_t max = VRS_BGP_MAX_SIZE;

	if (only_of(g, JOB_SOURCE(jobs[0].key))) {
		keep_from(g, o, jobs, n);
		return;
	}
	bool ok = a != NULL &&
		vrs_bgp_encode_attrs(
			&ctx, a->bytes, a->head.size, afi, rendered, sizeof(rendered), &block) == 0;
	if (ok && block.mp && afi == VRS_AFI_IP4 && !g->kind.ext_next_hop)
		ok = false;
	if (ok && block.attrs.size > VRS_BGP_MAX_SIZE / 2)
		max = g->kind.max_message;
	if (ok) {
		struct vrs_bgp_pack probe;
		uint8_t *room = vrs_out_room(o, max);

		if (room == NULL)
			return;
		ok = vrs_bgp_pack_begin(&probe, room, max, &block);
	}
	if (ok)
		write_announcements(g, o, jobs, n, &block, max);
	else
		cannot_tell(g, o, jobs, n);
}

/* Sessions of the new source had heard the old path: they are told that it is gone. @return false:
 * not all of it could be written. */
static bool correct(struct vrs_export_group *g, struct vrs_out *o, const struct job *jobs, size_t n)
{
	static _Thread_local const struct job *list[BATCH];
	uint16_t source = JOB_SOURCE(jobs[0].key);
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		if (vrs_bitset_has(&g->told, jobs[i].index) && g->sources[jobs[i].index] != source)
			list[m++] = &jobs[i];
	if (m == 0 || !any_of(g, source))
		return true;
	vrs_out_address(o, VRS_OUT_ONLY, source);
	return write_withdrawals(g, o, list, m, false) == m;
}

static bool goes_on(const struct vrs_out *o)
{
	return !o->failed && vrs_out_has_room(o) && o->size < VRS_EXPORT_WINDOW;
}

/* Announcements of one family and source. */
static void announce_block(
	struct vrs_export_group *g, struct vrs_out *o, struct job *jobs, size_t n)
{
	if (!correct(g, o, jobs, n))
		return;
	for (size_t i = 0, end; i < n && goes_on(o); i = end) {
		/* An iBGP receiver's attributes depend on the source too, when reflecting. */
		for (end = i + 1; end < n && jobs[end].key == jobs[i].key; end++)
			if (g->kind.ibgp && (jobs[end].word ^ jobs[i].word) >> 32 != 0)
				break;
		announce(g, o, jobs + i, end - i);
	}
}

/* Jobs of one kind, family and source after the other. @return Where it ended, for want of room. */
static size_t run(struct vrs_export_group *g, struct vrs_out *o, struct job *jobs, size_t n)
{
	size_t i = 0;

	for (size_t end; i < n && goes_on(o); i = end) {
		for (end = i + 1; end < n && jobs[end].key >> 32 == jobs[i].key >> 32; end++)
			;
		if (jobs[i].key & JOB_ANNOUNCE)
			announce_block(g, o, jobs + i, end - i);
		else
			withdraw(g, o, jobs + i, end - i);
	}
	return i;
}

void vrs_export_batch(struct vrs_export_group *g, struct vrs_out *o)
{
	static _Thread_local struct job jobs[BATCH];
	size_t n = collect(g, jobs), first = 0;

	/* From where there was no room any more: what stands behind has its turn under any load. */
	while (first < n && jobs[first].key < g->last_key)
		first++;
	size_t end = first + run(g, o, jobs + first, n - first);
	if (end == n)
		end = run(g, o, jobs, first);
	g->last_key = end < n && !goes_on(o) ? jobs[end].key : 0;
}
