/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/export.h"

#include <stdlib.h>
#include <string.h>

#include "engine/propagate.h"
#include "io/bgp/encode.h"
#include "io/bgp/open.h"
#include "io/bgp/refresh.h"

enum {
	BATCH = 4096,        /* Entries looked at in one run: about 500 us. */
	CHUNK_SIZE = 131072, /* Messages are at most 64 KiB, so two always fit. */
	ATTRS_MAX = 65535,
};

struct vrs_export *vrs_export_new(struct vrs_rib *rib, const struct vrs_export_peer *peer)
{
	struct vrs_export *x = vrs_mem_zalloc(VRS_MEM_EXPORT, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->peer = *peer;
	x->rib = rib;
	vrs_bitset_init(&x->pending, VRS_MEM_EXPORT);
	vrs_bitset_init(&x->told, VRS_MEM_EXPORT);
	return x;
}

static void chunks_put(struct vrs_chunk *c)
{
	while (c != NULL) {
		struct vrs_chunk *next = c->next;

		vrs_chunk_put(c);
		c = next;
	}
}

void vrs_export_free(struct vrs_export *x)
{
	chunks_put(atomic_load(&x->outbox));
	chunks_put(x->sending);
	vrs_bitset_fini(&x->pending);
	vrs_bitset_fini(&x->told);
	free(x->system);
	vrs_mem_free(VRS_MEM_EXPORT, x, sizeof(*x));
}

/* --- The outbox --- */

static void push(struct vrs_export *x, struct vrs_chunk *c)
{
	atomic_fetch_add_explicit(&x->pushed, c->size, memory_order_relaxed);
	c->next = atomic_load_explicit(&x->outbox, memory_order_relaxed);
	/* Release: the taker sees the bytes. */
	while (!atomic_compare_exchange_weak_explicit(
		&x->outbox, &c->next, c, memory_order_release, memory_order_relaxed))
		;
}

struct vrs_chunk *vrs_export_take(struct vrs_export *x)
{
	struct vrs_chunk *c, *oldest = NULL;

	if (atomic_load_explicit(&x->outbox, memory_order_relaxed) == NULL)
		return NULL;
	c = atomic_exchange_explicit(&x->outbox, NULL, memory_order_acquire);
	while (c != NULL) {
		struct vrs_chunk *next = c->next;

		c->next = oldest;
		oldest = c;
		c = next;
	}
	return oldest;
}

/* Messages on their way into chunks. */
struct out {
	struct vrs_export *x;
	struct vrs_chunk *chunk;
	bool any;
	bool failed; /* No memory: what was not written stays pending. */
};

/* Room for @p need bytes in one piece; NULL if out of memory. */
static uint8_t *out_room(struct out *o, size_t need)
{
	if (o->chunk != NULL && o->chunk->capacity - o->chunk->size < need) {
		push(o->x, o->chunk);
		o->chunk = NULL;
	}
	if (o->chunk == NULL) {
		o->chunk = vrs_chunk_new((uint32_t)VRS_MAX(need, (size_t)CHUNK_SIZE));
		if (o->chunk == NULL) {
			o->failed = true;
			return NULL;
		}
	}
	return o->chunk->data + o->chunk->size;
}

static void out_wrote(struct out *o, size_t size)
{
	o->chunk->size += (uint32_t)size;
	o->chunk->n_messages += size > 0;
	o->any |= size > 0;
}

/* A chunk that is mostly empty would pin its memory in the socket queue: cut it to size. */
static void out_flush(struct out *o)
{
	struct vrs_chunk *c = o->chunk;

	o->chunk = NULL;
	if (c == NULL)
		return;
	if (c->size == 0) {
		vrs_chunk_put(c);
		return;
	}
	if (c->size < c->capacity / 2) {
		struct vrs_chunk *small = vrs_chunk_new(c->size);

		if (small != NULL) {
			memcpy(small->data, c->data, c->size);
			small->size = c->size;
			small->n_messages = c->n_messages;
			vrs_chunk_put(c);
			c = small;
		}
	}
	push(o->x, c);
}

/* --- Who is told what --- */

static bool in_list(const struct vrs_prefix *list, size_t n, const struct vrs_prefix *p)
{
	for (size_t i = 0; i < n; i++)
		if (vrs_prefix_equal(&list[i], p))
			return true;
	return false;
}

static bool family_of(const struct vrs_export *x, unsigned afi)
{
	return x->peer.families & (afi == VRS_AFI_IP4 ? VRS_BGP_IP4 : VRS_BGP_IP6);
}

/* Whether the peer is to have this entry's best route, by its export word. */
static bool eligible(const struct vrs_export *x, const struct vrs_entry *e, uint64_t word)
{
	if (!(word & VRS_EXPORT_VALID) || word & VRS_EXPORT_NO_ADVERTISE)
		return false;
	if (word & VRS_EXPORT_NO_EXPORT && !x->peer.ibgp)
		return false;
	if (!family_of(x, e->afi))
		return false;
	/* A gateway hears learned routes only with branch-to-branch; what an NVA must not hear
	 * was kept out of the word (rib/table.c). */
	if (x->peer.class != VRS_CLASS_NVA && !atomic_load(&x->rib->branch_to_branch))
		return false;
	const struct vrs_table_peer *source = vrs_table_peer(x->rib->table, VRS_EXPORT_PEER(word));
	if (source == NULL || source->source.connection == x->peer.connection)
		return false;
	struct vrs_prefix p = vrs_entry_prefix(e);
	return !vrs_rib_is_system(x->rib, &p);
}

/* What the peer was told of this prefix is the network's own route now: no withdrawal. */
static bool hidden_by_system(const struct vrs_export *x, const struct vrs_entry *e)
{
	struct vrs_prefix p = vrs_entry_prefix(e);

	return in_list(x->system, x->n_system, &p);
}

static struct vrs_bgp_export context(const struct vrs_export *x, uint64_t word)
{
	struct vrs_bgp_export c = {.ibgp = x->peer.ibgp, .as4 = x->peer.as4};

	if (!x->peer.ibgp) {
		c.prepend_as = x->peer.own_as;
		c.otc_as = x->peer.otc ? x->peer.own_as : 0;
	} else if (!(word & VRS_EXPORT_EBGP)) {
		const struct vrs_table_peer *source =
			vrs_table_peer(x->rib->table, VRS_EXPORT_PEER(word));

		c.originator_id = source != NULL ? source->source.router_id : 0;
		c.cluster_id = x->peer.router_id;
	}
	return c;
}

static void forget(struct vrs_export *x, uint32_t index)
{
	if (vrs_bitset_remove(&x->told, index))
		atomic_fetch_sub_explicit(&x->n_told, 1, memory_order_relaxed);
}

/* Was looked at: known to this export only if it is told. */
static void settle(struct vrs_export *x, uint32_t index)
{
	vrs_bitset_remove(&x->pending, index);
	if (!vrs_bitset_has(&x->told, index))
		vrs_rib_entry_put(x->rib, index);
}

/* --- A batch --- */

/* One entry of a batch: what to do with it, in an order that packs well. */
struct job {
	uint64_t key; /* withdraw first, then family and attribute set */
	uint32_t index;
	uint64_t word;
};

#define JOB_ANNOUNCE (1ull << 40)
#define JOB_IP6      (1ull << 32)

static int cmp_jobs(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static size_t collect(struct vrs_export *x, struct job *jobs)
{
	size_t n = 0;
	bool sorted = true;
	int64_t i = vrs_bitset_next(&x->pending, x->cursor);

	if (i < 0)
		i = vrs_bitset_next(&x->pending, 0);
	for (unsigned looked = 0; i >= 0 && looked < BATCH; looked++) {
		uint32_t index = (uint32_t)i;
		const struct vrs_entry *e = vrs_table_entry(x->rib->table, index);
		uint64_t word = atomic_load(&e->export);
		bool ip6 = e->afi == VRS_AFI_IP6;

		x->cursor = index + 1;
		i = vrs_bitset_next(&x->pending, x->cursor);
		if (i >= 0)
			__builtin_prefetch(vrs_table_entry(x->rib->table, (uint32_t)i));
		if (eligible(x, e, word)) {
			jobs[n].key = JOB_ANNOUNCE | (ip6 ? JOB_IP6 : 0) | VRS_EXPORT_ATTRS(word);
		} else if (vrs_bitset_has(&x->told, index) && !hidden_by_system(x, e)) {
			jobs[n].key = ip6 ? JOB_IP6 : 0;
		} else {
			forget(x, index);
			settle(x, index);
			continue;
		}
		jobs[n].index = index;
		jobs[n].word = word;
		sorted &= n == 0 || jobs[n - 1].key <= jobs[n].key;
		n++;
	}
	if (!sorted)
		qsort(jobs, n, sizeof(*jobs), cmp_jobs);
	return n;
}

/* Withdraw the entries of n jobs, all of one family. */
static void withdraw(struct out *o, const struct job *jobs, size_t n)
{
	struct vrs_export *x = o->x;
	unsigned afi = jobs[0].key & JOB_IP6 ? VRS_AFI_IP6 : VRS_AFI_IP4;
	struct vrs_bgp_pack pack;

	for (size_t i = 0; i < n;) {
		uint8_t *room = out_room(o, VRS_BGP_MAX_SIZE);

		if (room == NULL)
			return;
		vrs_bgp_pack_begin_withdraw(&pack, room, VRS_BGP_MAX_SIZE, afi);
		for (; i < n; i++) {
			struct vrs_prefix p =
				vrs_entry_prefix(vrs_table_entry(x->rib->table, jobs[i].index));

			if (!vrs_bgp_pack_add(&pack, &p))
				break;
			forget(x, jobs[i].index);
			settle(x, jobs[i].index);
		}
		out_wrote(o, vrs_bgp_pack_end(&pack));
	}
}

/* Announce the entries of n jobs with one rendered attribute set. */
static void announce(struct out *o, const struct job *jobs, size_t n,
	const struct vrs_bgp_attr_block *block, size_t max)
{
	struct vrs_export *x = o->x;
	struct vrs_bgp_pack pack;

	for (size_t i = 0; i < n;) {
		uint8_t *room = out_room(o, max);

		if (room == NULL)
			return;
		if (!vrs_bgp_pack_begin(&pack, room, max, block))
			return;
		for (; i < n; i++) {
			struct vrs_prefix p =
				vrs_entry_prefix(vrs_table_entry(x->rib->table, jobs[i].index));

			if (!vrs_bgp_pack_add(&pack, &p))
				break;
			int fresh = vrs_bitset_add(&x->told, jobs[i].index);
			if (fresh < 0) {
				o->failed = true;
				break;
			}
			atomic_fetch_add_explicit(
				&x->n_told, (uint32_t)fresh, memory_order_relaxed);
			settle(x, jobs[i].index);
		}
		/* At least one prefix fits every message that pack_begin() accepts. */
		out_wrote(o, vrs_bgp_pack_end(&pack));
		if (o->failed)
			return;
	}
}

/* Jobs of one key: render the attributes once. What cannot be told counts as withdrawn. */
static void announce_run(struct out *o, struct job *jobs, size_t n)
{
	static _Thread_local uint8_t rendered[ATTRS_MAX];
	struct vrs_export *x = o->x;
	const struct vrs_attrs *a =
		vrs_attrs_find(x->rib->table->attrs, VRS_EXPORT_ATTRS(jobs[0].word));
	unsigned afi = jobs[0].key & JOB_IP6 ? VRS_AFI_IP6 : VRS_AFI_IP4;
	struct vrs_bgp_export ctx = context(x, jobs[0].word);
	struct vrs_bgp_attr_block block;
	size_t max = VRS_BGP_MAX_SIZE;
	bool ok = a != NULL &&
		vrs_bgp_encode_attrs(
			&ctx, a->bytes, a->head.size, afi, rendered, sizeof(rendered), &block) == 0;

	if (ok && block.mp && afi == VRS_AFI_IP4 && !x->peer.ext_next_hop)
		ok = false;
	if (ok && block.attrs.size > VRS_BGP_MAX_SIZE / 2)
		max = x->peer.max_message;
	if (ok) {
		struct vrs_bgp_pack probe;
		uint8_t *room = out_room(o, max);

		if (room == NULL)
			return;
		ok = vrs_bgp_pack_begin(&probe, room, max, &block);
	}
	if (ok) {
		announce(o, jobs, n, &block, max);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (vrs_bitset_has(&x->told, jobs[i].index))
			withdraw(o, &jobs[i], 1);
		else
			settle(x, jobs[i].index);
	}
}

static void run_jobs(struct out *o, struct job *jobs, size_t n)
{
	for (size_t i = 0, end; i < n && !o->failed; i = end) {
		/* An iBGP receiver's attributes depend on the source too, when reflecting. */
		for (end = i + 1; end < n && jobs[end].key == jobs[i].key; end++)
			if (o->x->peer.ibgp && (jobs[end].word ^ jobs[i].word) >> 32 != 0)
				break;
		if (jobs[i].key & JOB_ANNOUNCE)
			announce_run(o, jobs + i, end - i);
		else
			withdraw(o, jobs + i, end - i);
	}
}

/* --- The network's own prefixes --- */

static void system_announce(struct out *o, const struct vrs_prefix *p)
{
	const struct vrs_export_peer *peer = &o->x->peer;
	const struct vrs_addr *next_hop = &peer->next_hops[p->afi == VRS_AFI_IP6];
	struct vrs_bgp_export ctx = {.ibgp = peer->ibgp, .as4 = peer->as4};
	uint8_t canonical[64], rendered[256];
	struct vrs_bgp_attr_block block;
	struct vrs_attrs_info info;
	struct vrs_bgp_pack pack;

	if (!peer->ibgp) {
		ctx.prepend_as = peer->own_as;
		ctx.otc_as = peer->otc ? peer->own_as : 0;
	}
	size_t size = vrs_bgp_local_attrs(next_hop, canonical, sizeof(canonical), &info);
	if (vrs_bgp_encode_attrs(
		    &ctx, canonical, size, p->afi, rendered, sizeof(rendered), &block) != 0)
		return;
	uint8_t *room = out_room(o, VRS_BGP_MAX_SIZE);
	if (room == NULL || !vrs_bgp_pack_begin(&pack, room, VRS_BGP_MAX_SIZE, &block))
		return;
	vrs_bgp_pack_add(&pack, p);
	out_wrote(o, vrs_bgp_pack_end(&pack));
}

static void system_withdraw(struct out *o, const struct vrs_prefix *p)
{
	struct vrs_bgp_pack pack;
	uint8_t *room = out_room(o, VRS_BGP_MAX_SIZE);

	if (room == NULL)
		return;
	vrs_bgp_pack_begin_withdraw(&pack, room, VRS_BGP_MAX_SIZE, p->afi);
	vrs_bgp_pack_add(&pack, p);
	out_wrote(o, vrs_bgp_pack_end(&pack));
}

/* Whether this peer can be told the prefix: the family, and an address of ours to point at. */
static bool system_eligible(const struct vrs_export *x, const struct vrs_prefix *p)
{
	return family_of(x, p->afi) && x->peer.next_hops[p->afi == VRS_AFI_IP6].afi != VRS_AFI_NONE;
}

/* Tell the difference between what the peer has and what the network is now. */
static void run_system(struct out *o, bool again)
{
	struct vrs_export *x = o->x;
	const struct vrs_rib *rib = x->rib;
	struct vrs_prefix *now = calloc(rib->n_system + 1, sizeof(*now));
	size_t n = 0;

	if (now == NULL) {
		o->failed = true;
		return;
	}
	for (size_t i = 0; i < rib->n_system; i++)
		if (system_eligible(x, &rib->system[i]) && !in_list(now, n, &rib->system[i]))
			now[n++] = rib->system[i];
	/* A prefix that turned from the network's own into a learned one is looked at as an
	 * entry too (vrs_export_system_changed), which comes after this withdrawal. */
	for (size_t i = 0; i < x->n_system && !o->failed; i++)
		if (!in_list(now, n, &x->system[i]))
			system_withdraw(o, &x->system[i]);
	for (size_t i = 0; i < n && !o->failed; i++)
		if (again || !in_list(x->system, x->n_system, &now[i]))
			system_announce(o, &now[i]);
	if (o->failed) {
		free(now);
		return;
	}
	atomic_fetch_add_explicit(
		&x->n_told, (uint32_t)n - (uint32_t)x->n_system, memory_order_relaxed);
	free(x->system);
	x->system = now;
	x->n_system = n;
	x->system_due = false;
}

/* --- Marking --- */

static void mark(struct vrs_export *x, uint32_t index)
{
	bool known = vrs_bitset_has(&x->told, index);
	int fresh = vrs_bitset_add(&x->pending, index);

	if (fresh == 1 && !known && vrs_rib_entry_get(x->rib, index) != 0) {
		vrs_bitset_remove(&x->pending, index);
		fresh = -1;
	}
	if (fresh < 0)
		/* No memory: the entry is looked at again, for everybody. */
		(void)!vrs_bitset_add(&x->rib->retry, index);
}

void vrs_export_mark(struct vrs_rib *rib, uint32_t index)
{
	for (struct vrs_export *x = rib->exports; x != NULL; x = x->next)
		mark(x, index);
}

static void mark_all(struct vrs_export *x, uint8_t families)
{
	const struct vrs_table *t = x->rib->table;
	uint32_t bound = atomic_load_explicit(&t->bound, memory_order_acquire);

	for (uint32_t i = 1; i < bound; i++) {
		const struct vrs_entry *e = vrs_pool_peek(&t->entries, i);

		if (e == NULL) {
			i |= VRS_POOL_CHUNK - 1; /* No such chunk: on to the next. */
			continue;
		}
		/* Acquire: behind a VALID word the prefix is written. */
		if (!(atomic_load_explicit(&e->export, memory_order_acquire) & VRS_EXPORT_VALID))
			continue;
		if (families & (e->afi == VRS_AFI_IP6 ? VRS_BGP_IP6 : VRS_BGP_IP4))
			mark(x, i);
	}
}

void vrs_export_mark_all(struct vrs_export *x)
{
	mark_all(x, x->peer.families);
}

void vrs_export_start(struct vrs_export *x)
{
	x->next = x->rib->exports;
	x->rib->exports = x;
	x->system_due = true;
	x->eor_due = x->peer.families;
	mark_all(x, x->peer.families);
}

void vrs_export_stop(struct vrs_export *x)
{
	struct vrs_export **link = &x->rib->exports;

	while (*link != x)
		link = &(*link)->next;
	*link = x->next;
	for (int64_t i = vrs_bitset_next(&x->told, 0); i >= 0;
		i = vrs_bitset_next(&x->told, (uint32_t)i + 1)) {
		if (!vrs_bitset_has(&x->pending, (uint32_t)i))
			vrs_rib_entry_put(x->rib, (uint32_t)i);
	}
	for (int64_t i = vrs_bitset_next(&x->pending, 0); i >= 0;
		i = vrs_bitset_next(&x->pending, (uint32_t)i + 1))
		vrs_rib_entry_put(x->rib, (uint32_t)i);
	vrs_bitset_fini(&x->told);
	vrs_bitset_fini(&x->pending);
	atomic_store_explicit(&x->n_told, 0, memory_order_relaxed);
}

void vrs_export_system_changed(struct vrs_rib *rib, const struct vrs_prefix *old, size_t n_old)
{
	for (struct vrs_export *x = rib->exports; x != NULL; x = x->next)
		x->system_due = true;
	/* Learned routes on exactly these prefixes begin or cease to be hidden. */
	for (size_t i = 0; i < n_old + rib->n_system; i++) {
		const struct vrs_prefix *p = i < n_old ? &old[i] : &rib->system[i - n_old];
		uint32_t index;

		vrs_rcu_enter();
		if (vrs_radix_find(&rib->table->radix[p->afi == VRS_AFI_IP6].root, p, &index))
			vrs_export_mark(rib, index);
		vrs_rcu_leave();
	}
}

/* --- Running --- */

static bool has_work(const struct vrs_export *x)
{
	return x->pending.n > 0 || x->system_due || x->eor_due != 0 || x->eorr_due != 0 ||
		atomic_load_explicit(&x->refresh, memory_order_relaxed) != 0;
}

static bool has_room(const struct vrs_export *x)
{
	return atomic_load(&x->pushed) - atomic_load(&x->taken) < VRS_EXPORT_WINDOW;
}

bool vrs_export_ready(struct vrs_export *x)
{
	if (!has_work(x))
		return false;
	if (has_room(x))
		return true;
	/* Say that we wait, then look again: the I/O thread moves `taken`, then looks at this. */
	atomic_store(&x->blocked, true);
	return has_room(x);
}

/* BoRR or EoRR (RFC 7313) in room for 64 bytes. */
static size_t marker(unsigned afi, uint8_t subtype, uint8_t *room)
{
	struct vrs_bgp_refresh r = {(uint16_t)afi, VRS_BGP_SAFI_UNICAST, subtype};

	return vrs_bgp_refresh_encode(&r, room, 64);
}

static void refresh(struct out *o, uint8_t families)
{
	struct vrs_export *x = o->x;

	families &= x->peer.families;
	if (x->peer.enhanced_refresh) {
		for (unsigned afi = VRS_AFI_IP4; afi <= VRS_AFI_IP6; afi++) {
			if (!(families & (afi == VRS_AFI_IP4 ? VRS_BGP_IP4 : VRS_BGP_IP6)))
				continue;
			uint8_t *room = out_room(o, 64);
			if (room == NULL)
				return;
			out_wrote(o, marker(afi, VRS_BGP_REFRESH_BORR, room));
			x->eorr_due |= afi == VRS_AFI_IP4 ? VRS_BGP_IP4 : VRS_BGP_IP6;
		}
	}
	run_system(o, true);
	mark_all(x, families);
}

/* Markers that follow a whole table. */
static void finish(struct out *o)
{
	struct vrs_export *x = o->x;

	for (unsigned afi = VRS_AFI_IP4; afi <= VRS_AFI_IP6; afi++) {
		uint8_t bit = afi == VRS_AFI_IP4 ? VRS_BGP_IP4 : VRS_BGP_IP6;
		uint8_t *room = out_room(o, 64);

		if (room == NULL)
			return;
		if (x->eor_due & bit)
			out_wrote(o, vrs_bgp_eor_encode(afi, room, 64));
		room = out_room(o, 64);
		if (room == NULL)
			return;
		if (x->eorr_due & bit)
			out_wrote(o, marker(afi, VRS_BGP_REFRESH_EORR, room));
		x->eor_due &= (uint8_t)~bit;
		x->eorr_due &= (uint8_t)~bit;
	}
}

bool vrs_export_run(struct vrs_export *x)
{
	static _Thread_local struct job jobs[BATCH];
	struct out o = {.x = x};

	atomic_store(&x->blocked, false);
	uint32_t families = atomic_exchange(&x->refresh, 0);
	if (families != 0)
		refresh(&o, (uint8_t)families);
	if (x->system_due)
		run_system(&o, false);
	if (x->pending.n > 0)
		run_jobs(&o, jobs, collect(x, jobs));
	if (x->pending.n == 0 && (x->eor_due | x->eorr_due) != 0 && !o.failed)
		finish(&o);
	out_flush(&o);
	if (o.failed && families != 0)
		atomic_fetch_or(&x->refresh, families);
	return o.any;
}
