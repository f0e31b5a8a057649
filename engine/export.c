/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/export.h"

#include <stdlib.h>
#include <string.h>

#include "engine/export_batch.h"
#include "engine/propagate.h"
#include "io/bgp/encode.h"
#include "io/bgp/open.h"
#include "io/bgp/refresh.h"

enum { STUCK_MS = 50 }; /* So long others wait for a peer that does not read, once. */

/* --- Groups --- */

/* Whether two peers hear the same of learned routes, but for their own. */
static bool same_kind(const struct vrs_export_peer *a, const struct vrs_export_peer *b)
{
	/* Our identifier is in what is reflected; of our addresses it matters whether there is one to
	 * announce the network's own prefixes with. */
	return a->class == b->class && a->ibgp == b->ibgp && a->as4 == b->as4 &&
		a->families == b->families && a->max_message == b->max_message &&
		a->own_as == b->own_as && (!a->ibgp || a->router_id == b->router_id) &&
		a->ext_next_hop == b->ext_next_hop && a->otc == b->otc &&
		a->next_hops[0].afi == b->next_hops[0].afi &&
		a->next_hops[1].afi == b->next_hops[1].afi;
}

static struct vrs_export_group *group_new(struct vrs_rib *rib, const struct vrs_export_peer *kind)
{
	struct vrs_export_group *g = vrs_mem_zalloc(VRS_MEM_EXPORT, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->rib = rib;
	g->kind = *kind;
	vrs_bitset_init(&g->pending, VRS_MEM_EXPORT);
	vrs_bitset_init(&g->told, VRS_MEM_EXPORT);
	return g;
}

static void group_free(struct vrs_export_group *g)
{
	vrs_bitset_fini(&g->pending);
	vrs_bitset_fini(&g->told);
	vrs_mem_free(VRS_MEM_EXPORT, g->sources, g->cap_sources * sizeof(*g->sources));
	vrs_mem_free(VRS_MEM_EXPORT, g->of_source, g->cap_of_source * sizeof(*g->of_source));
	vrs_mem_free(VRS_MEM_EXPORT, g, sizeof(*g));
}

static void group_link(struct vrs_export_group *g)
{
	g->next = g->rib->export_groups;
	g->rib->export_groups = g;
}

/* Out of the list; entries that only it knew may go. */
static void group_remove(struct vrs_export_group *g)
{
	struct vrs_export_group **link = &g->rib->export_groups;

	while (*link != g)
		link = &(*link)->next;
	*link = g->next;
	for (int64_t i = vrs_bitset_next(&g->told, 0); i >= 0;
		i = vrs_bitset_next(&g->told, (uint32_t)i + 1)) {
		if (!vrs_bitset_has(&g->pending, (uint32_t)i))
			vrs_rib_entry_put(g->rib, (uint32_t)i);
	}
	for (int64_t i = vrs_bitset_next(&g->pending, 0); i >= 0;
		i = vrs_bitset_next(&g->pending, (uint32_t)i + 1))
		vrs_rib_entry_put(g->rib, (uint32_t)i);
	group_free(g);
}

static void member_add(struct vrs_export_group *g, struct vrs_export *x)
{
	x->group = g;
	x->next_member = g->members;
	g->members = x;
	g->n_members++;
}

/* The last one takes the group along. */
static void member_remove(struct vrs_export *x)
{
	struct vrs_export_group *g = x->group;
	struct vrs_export **link = &g->members;

	while (*link != x)
		link = &(*link)->next_member;
	*link = x->next_member;
	x->group = NULL;
	if (--g->n_members == 0)
		group_remove(g);
}

/* @return false: no memory. */
static bool copy_array(void *to, const void *from, uint32_t n, size_t size)
{
	void **at = to;

	if (n == 0)
		return true;
	*at = vrs_mem_alloc(VRS_MEM_EXPORT, n * size);
	if (*at == NULL)
		return false;
	memcpy(*at, from, n * size);
	return true;
}

/* Another group that knows what this one knows, without members. */
static struct vrs_export_group *group_copy(const struct vrs_export_group *g)
{
	struct vrs_export_group *c = group_new(g->rib, &g->kind);

	if (c == NULL)
		return NULL;
	if (vrs_bitset_copy(&c->told, &g->told) != 0 ||
		vrs_bitset_copy(&c->pending, &g->pending) != 0)
		goto out;
	if (copy_array(&c->sources, g->sources, g->cap_sources, sizeof(*g->sources)))
		c->cap_sources = g->cap_sources;
	if (copy_array(&c->of_source, g->of_source, g->cap_of_source, sizeof(*g->of_source)))
		c->cap_of_source = g->cap_of_source;
	if (c->cap_sources != g->cap_sources || c->cap_of_source != g->cap_of_source)
		goto out;
	c->cursor = g->cursor;
	/* Every entry here has a place in the RIB's array already: this cannot fail. */
	for (int64_t i = vrs_bitset_next(&c->told, 0); i >= 0;
		i = vrs_bitset_next(&c->told, (uint32_t)i + 1))
		(void)!vrs_rib_entry_get(c->rib, (uint32_t)i);
	for (int64_t i = vrs_bitset_next(&c->pending, 0); i >= 0;
		i = vrs_bitset_next(&c->pending, (uint32_t)i + 1))
		if (!vrs_bitset_has(&c->told, (uint32_t)i))
			(void)!vrs_rib_entry_get(c->rib, (uint32_t)i);
	return c;
out:
	group_free(c);
	return NULL;
}

/* For status: whether the others of its kind are told without it. */
static void set_apart(struct vrs_export *x, bool apart)
{
	atomic_store_explicit(&x->apart, apart, memory_order_relaxed);
}

/* Give a peer a group of its own. @return false: no memory, and all is as it was. */
static bool leave(struct vrs_export *x)
{
	struct vrs_export_group *own;

	if (x->group->n_members == 1) {
		x->group->open = false;
		set_apart(x, true);
		return true;
	}
	own = group_copy(x->group);
	if (own == NULL)
		return false;
	member_remove(x);
	member_add(own, x);
	group_link(own);
	set_apart(x, true);
	return true;
}

static bool is_idle(const struct vrs_export *x)
{
	return !x->system_due && (x->eor_due | x->eorr_due) == 0 &&
		atomic_load_explicit(&x->refresh, memory_order_relaxed) == 0;
}

/* Whether a peer of connection @p c was told an entry, if it is in that group. */
static bool told_to(const struct vrs_export_group *g, uint32_t index, uint16_t c)
{
	return vrs_bitset_has(&g->told, index) && g->sources[index] != c;
}

static bool told_within(
	const struct vrs_export_group *a, const struct vrs_export_group *b, uint16_t c)
{
	for (int64_t i = vrs_bitset_next(&a->told, 0); i >= 0;
		i = vrs_bitset_next(&a->told, (uint32_t)i + 1))
		if (told_to(a, (uint32_t)i, c) != told_to(b, (uint32_t)i, c))
			return false;
	return true;
}

/* Whether a peer was told the same in one group of a kind as in the other. Having nothing pending is
 * not enough: a change that is still on its way here may have been seen by one of them and not by
 * the other. When it comes, both look again. With which attributes they told does not matter: then
 * all are told again. */
static bool know_the_same(
	const struct vrs_export_group *a, const struct vrs_export_group *b, uint16_t connection)
{
	uint32_t n = VRS_MIN(a->cap_sources, b->cap_sources);

	if (a->pending.n > 0 || b->pending.n > 0)
		return false;
	if (vrs_bitset_equal(&a->told, &b->told) &&
		(n == 0 || memcmp(a->sources, b->sources, n * sizeof(*a->sources)) == 0))
		return true;
	return told_within(a, b, connection) && told_within(b, a, connection);
}

/* A group of one that has told everything joins the others of its kind. */
static void join(struct vrs_export_group *g)
{
	struct vrs_export *x = g->members;
	struct vrs_export_group *others = g->rib->export_groups;

	if (g->open || g->pending.n > 0 || !is_idle(x))
		return;
	/* With changes on their way it would be in vain, and it is a pass over all that is told. */
	if (g->rib->retry.n > 0 || !vrs_rib_is_clean(g->rib))
		return;
	while (others != NULL && !(others->open && same_kind(&others->kind, &g->kind)))
		others = others->next;
	if (others == NULL) {
		g->open = true;
		set_apart(x, false);
	} else if (know_the_same(g, others, x->peer.connection)) {
		member_remove(x);
		member_add(others, x);
		set_apart(x, false);
	}
}

/* --- Exports --- */

struct vrs_export *vrs_export_new(struct vrs_rib *rib, const struct vrs_export_peer *peer)
{
	struct vrs_export *x = vrs_mem_zalloc(VRS_MEM_EXPORT, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->peer = *peer;
	x->rib = rib;
	x->group = group_new(rib, peer);
	if (x->group == NULL) {
		vrs_mem_free(VRS_MEM_EXPORT, x, sizeof(*x));
		return NULL;
	}
	return x;
}

void vrs_export_free(struct vrs_export *x)
{
	vrs_outbox_fini(&x->outbox);
	if (x->group != NULL) /* It was never started. */
		group_free(x->group);
	free(x->system);
	vrs_mem_free(VRS_MEM_EXPORT, x, sizeof(*x));
}

bool vrs_export_told(const struct vrs_export *x, uint32_t index)
{
	const struct vrs_export_group *g = x->group;

	return vrs_bitset_has(&g->told, index) && g->sources[index] != x->peer.connection;
}

static void count_told(struct vrs_export *x)
{
	const struct vrs_export_group *g = x->group;
	uint16_t c = x->peer.connection;
	size_t not_told = c < g->cap_of_source ? g->of_source[c] : 0;

	atomic_store_explicit(
		&x->n_told, (uint32_t)(x->n_system + g->told.n - not_told), memory_order_relaxed);
}

/* What is for one peer alone goes out. */
static bool give(struct vrs_export *x, struct vrs_out *o)
{
	vrs_out_close(o);
	bool any = vrs_out_give(o, &x->outbox, x->peer.connection) > 0;
	vrs_out_fini(o);
	return any;
}

/* --- The network's own prefixes --- */

static void system_announce(
	const struct vrs_export *x, struct vrs_out *o, const struct vrs_prefix *p)
{
	const struct vrs_export_peer *peer = &x->peer;
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
	uint8_t *room = vrs_out_room(o, VRS_BGP_MAX_SIZE);
	if (room == NULL || !vrs_bgp_pack_begin(&pack, room, VRS_BGP_MAX_SIZE, &block))
		return;
	vrs_bgp_pack_add(&pack, p);
	vrs_out_wrote(o, vrs_bgp_pack_end(&pack));
}

static void system_withdraw(struct vrs_out *o, const struct vrs_prefix *p)
{
	struct vrs_bgp_pack pack;
	uint8_t *room = vrs_out_room(o, VRS_BGP_MAX_SIZE);

	if (room == NULL)
		return;
	vrs_bgp_pack_begin_withdraw(&pack, room, VRS_BGP_MAX_SIZE, p->afi);
	vrs_bgp_pack_add(&pack, p);
	vrs_out_wrote(o, vrs_bgp_pack_end(&pack));
}

/* Whether a list has the prefix. */
static bool in_list(const struct vrs_prefix *list, size_t n, const struct vrs_prefix *p)
{
	for (size_t i = 0; i < n; i++)
		if (vrs_prefix_equal(&list[i], p))
			return true;
	return false;
}

/* Tell the difference between what the peer has and what the network is now; @p again: all. */
static void write_system(struct vrs_export *x, struct vrs_out *o, bool again)
{
	const struct vrs_rib *rib = x->rib;
	struct vrs_prefix *now = calloc(rib->n_system + 1, sizeof(*now));
	size_t n = 0;

	if (now == NULL) {
		o->failed = true;
		return;
	}
	for (size_t i = 0; i < rib->n_system; i++)
		if (vrs_export_tells_system(x->group, &rib->system[i]) &&
			!in_list(now, n, &rib->system[i]))
			now[n++] = rib->system[i];
	/* A prefix that turned from the network's own into a learned one is looked at as an
	 * entry too (vrs_export_system_changed), which comes after this withdrawal. */
	for (size_t i = 0; i < x->n_system && !o->failed; i++)
		if (!in_list(now, n, &x->system[i]))
			system_withdraw(o, &x->system[i]);
	for (size_t i = 0; i < n && !o->failed; i++)
		if (again || !in_list(x->system, x->n_system, &now[i]))
			system_announce(x, o, &now[i]);
	if (o->failed) {
		free(now);
		return;
	}
	free(x->system);
	x->system = now;
	x->n_system = n;
	x->system_due = false;
}

/* --- Marking --- */

static void mark(struct vrs_export_group *g, uint32_t index)
{
	bool known = vrs_bitset_has(&g->told, index);
	int fresh = vrs_bitset_add(&g->pending, index);

	if (fresh == 1 && !known && vrs_rib_entry_get(g->rib, index) != 0) {
		vrs_bitset_remove(&g->pending, index);
		fresh = -1;
	}
	if (fresh < 0)
		/* No memory: the entry is looked at again, for everybody. */
		(void)!vrs_bitset_add(&g->rib->retry, index);
}

void vrs_export_mark(struct vrs_rib *rib, uint32_t index)
{
	for (struct vrs_export_group *g = rib->export_groups; g != NULL; g = g->next)
		mark(g, index);
}

/* Everything that is exported of one table. */
static void mark_table(struct vrs_export_group *g, uint32_t number, uint8_t families)
{
	const struct vrs_table *t = g->rib->tables[number];
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
			mark(g, i << g->rib->bits | number);
	}
}

static void mark_all(struct vrs_export_group *g, uint8_t families)
{
	for (uint32_t i = 0; i < g->rib->n_tables; i++)
		mark_table(g, i, families);
}

void vrs_export_mark_gateways(struct vrs_rib *rib)
{
	for (struct vrs_export_group *g = rib->export_groups; g != NULL; g = g->next)
		if (g->kind.class != VRS_CLASS_NVA)
			mark_all(g, g->kind.families);
}

void vrs_export_mark_all(struct vrs_export *x)
{
	mark_all(x->group, x->peer.families);
}

void vrs_export_start(struct vrs_export *x)
{
	struct vrs_export_group *g = x->group;

	x->next = x->rib->exports;
	x->rib->exports = x;
	x->system_due = true;
	x->eor_due = x->peer.families;
	set_apart(x, true);
	member_add(g, x);
	group_link(g);
	mark_all(g, x->peer.families);
}

void vrs_export_stop(struct vrs_export *x)
{
	struct vrs_export **link = &x->rib->exports;

	while (*link != x)
		link = &(*link)->next;
	*link = x->next;
	member_remove(x);
	atomic_store_explicit(&x->n_told, 0, memory_order_relaxed);
}

void vrs_export_system_changed(struct vrs_rib *rib)
{
	for (struct vrs_export *x = rib->exports; x != NULL; x = x->next)
		x->system_due = true;
}

/* --- Room --- */

static bool has_room(const struct vrs_export *x, uint64_t window)
{
	return vrs_outbox_bytes(&x->outbox) < window &&
		vrs_outbox_room(&x->outbox) >= VRS_OUT_SEGMENTS;
}

/* Whether the peer can be told something. When not, its I/O thread wakes us as it gets room. */
static bool wait_for_room(struct vrs_export *x, uint64_t window)
{
	if (has_room(x, window))
		return true;
	/* Say that we wait, then look again: the I/O thread moves `taken`, then looks at this. */
	atomic_store(&x->blocked, true);
	return has_room(x, window);
}

/* A peer that is being waited for in vain: nothing of what is for it has gone for a while. */
static bool is_stuck(const struct vrs_export *x, uint64_t now_ms)
{
	uint64_t since = atomic_load(&x->stuck_ms);

	return since != 0 && now_ms >= since + STUCK_MS;
}

/* Whether a group can tell something now. It goes by the quickest of those that the last batch was
 * for (who sends what the others hear has room without end); when they are all stuck, by the rest.
 * A member that falls behind is shed; one whose outbox is full only because its I/O thread has had
 * no time is waited for. */
static bool can_go(struct vrs_export_group *g, uint64_t now_ms)
{
	bool fed = false, fed_room = false, fed_stuck = true, room = false;

	for (struct vrs_export *x = g->members; x != NULL; x = x->next_member) {
		bool has = wait_for_room(x, VRS_EXPORT_WINDOW);

		fed |= x->fed;
		fed_room |= x->fed && has;
		fed_stuck &= !x->fed || has || is_stuck(x, now_ms);
		room |= has;
		if (!has_room(x, VRS_EXPORT_LAG) && vrs_outbox_bytes(&x->outbox) < VRS_EXPORT_LAG &&
			!is_stuck(x, now_ms))
			return false;
	}
	return fed_room || (room && (!fed || fed_stuck));
}

/* --- Running --- */

/* What a peer is due besides what its group has pending. */
static bool is_due(const struct vrs_export *x)
{
	return x->system_due || atomic_load_explicit(&x->refresh, memory_order_relaxed) != 0 ||
		(x->group->pending.n == 0 && (x->eor_due | x->eorr_due) != 0);
}

bool vrs_export_ready(struct vrs_rib *rib, uint64_t now_ms)
{
	rib->export_waits = false;
	for (struct vrs_export_group *g = rib->export_groups; g != NULL; g = g->next) {
		if (g->pending.n > 0 && can_go(g, now_ms))
			return true;
		rib->export_waits |= g->pending.n > 0;
	}
	for (struct vrs_export *x = rib->exports; x != NULL; x = x->next)
		if (is_due(x) && wait_for_room(x, VRS_EXPORT_LAG))
			return true;
	return false;
}

/* BoRR or EoRR (RFC 7313) in room for 64 bytes. */
static size_t marker(unsigned afi, uint8_t subtype, uint8_t *room)
{
	struct vrs_bgp_refresh r = {(uint16_t)afi, VRS_BGP_SAFI_UNICAST, subtype};

	return vrs_bgp_refresh_encode(&r, room, 64);
}

static uint8_t bit_of(unsigned afi)
{
	return afi == VRS_AFI_IP4 ? VRS_BGP_IP4 : VRS_BGP_IP6;
}

/* A peer asked for everything again: alone, as the others did not. */
static void refresh(struct vrs_export *x, struct vrs_out *o)
{
	uint8_t families;

	if (!leave(x))
		return; /* Tried again in the next turn. */
	families = (uint8_t)atomic_exchange(&x->refresh, 0) & x->peer.families;
	for (unsigned afi = VRS_AFI_IP4; afi <= VRS_AFI_IP6; afi++) {
		uint8_t *room;

		if (!x->peer.enhanced_refresh || !(families & bit_of(afi)))
			continue;
		room = vrs_out_room(o, 64);
		if (room == NULL)
			break;
		vrs_out_wrote(o, marker(afi, VRS_BGP_REFRESH_BORR, room));
		x->eorr_due |= bit_of(afi);
	}
	if (!o->failed)
		write_system(x, o, true);
	if (o->failed) {
		atomic_fetch_or(&x->refresh, families);
		return;
	}
	mark_all(x->group, families);
}

/* Markers that follow a whole table. */
static void finish(struct vrs_export *x, struct vrs_out *o)
{
	for (unsigned afi = VRS_AFI_IP4; afi <= VRS_AFI_IP6; afi++) {
		uint8_t bit = bit_of(afi), *room = vrs_out_room(o, 128);

		if (room == NULL)
			return;
		if (x->eor_due & bit)
			vrs_out_wrote(o, vrs_bgp_eor_encode(afi, room, 64));
		room = vrs_out_room(o, 64);
		if (room == NULL)
			return;
		if (x->eorr_due & bit)
			vrs_out_wrote(o, marker(afi, VRS_BGP_REFRESH_EORR, room));
		x->eor_due &= (uint8_t)~bit;
		x->eorr_due &= (uint8_t)~bit;
	}
}

/* What a peer is due by itself, before (or behind) what its group is told. */
static bool run_alone(struct vrs_export *x, bool behind)
{
	static _Thread_local struct vrs_out out;

	if (!is_due(x) || !has_room(x, VRS_EXPORT_LAG))
		return false;
	vrs_out_init(&out);
	if (!behind && atomic_load_explicit(&x->refresh, memory_order_relaxed) != 0)
		refresh(x, &out);
	if (!behind && x->system_due)
		write_system(x, &out, false);
	if (behind && x->group->pending.n == 0)
		finish(x, &out);
	bool any = give(x, &out);
	count_told(x);
	return any;
}

/* Before a batch: a peer that others do not wait for any longer gets a group of its own, one a turn, as
 * it is a pass over all that is told. @return false: not now. */
static bool shed(struct vrs_export_group *g, uint64_t now_ms)
{
	bool left = false;

	for (struct vrs_export *x = g->members, *next; x != NULL; x = next) {
		bool lags = !has_room(x, VRS_EXPORT_LAG) ||
			(!has_room(x, VRS_EXPORT_WINDOW) && is_stuck(x, now_ms));

		next = x->next_member;
		if (lags && g->n_members > 1) {
			if (left || !leave(x))
				return false;
			left = true;
		} else if (x->system_due) {
			return false; /* What the network withdrew goes first: in the next turn. */
		}
	}
	return true;
}

/* @return A bit for each I/O thread that has something to send. */
static uint64_t run_group(struct vrs_export_group *g, uint64_t now_ms)
{
	static _Thread_local struct vrs_out out;
	uint64_t any = 0;

	if (g->pending.n == 0 || !can_go(g, now_ms) || !shed(g, now_ms))
		return 0;
	vrs_out_init(&out);
	vrs_export_batch(g, &out);
	vrs_out_close(&out);
	for (struct vrs_export *x = g->members; x != NULL; x = x->next_member) {
		x->fed = vrs_out_give(&out, &x->outbox, x->peer.connection) > 0;
		any |= (uint64_t)x->fed << x->peer.home;
		count_told(x);
	}
	vrs_out_fini(&out);
	return any;
}

bool vrs_export_run(struct vrs_rib *rib, uint64_t now_ms, uint64_t *pushed)
{
	vrs_rcu_enter();
	for (struct vrs_export *x = rib->exports; x != NULL; x = x->next) {
		atomic_store(&x->blocked, false);
		*pushed |= (uint64_t)run_alone(x, false) << x->peer.home;
	}
	for (struct vrs_export_group *g = rib->export_groups, *next; g != NULL; g = next) {
		next = g->next;
		*pushed |= run_group(g, now_ms);
	}
	for (struct vrs_export *x = rib->exports; x != NULL; x = x->next)
		*pushed |= (uint64_t)run_alone(x, true) << x->peer.home;
	for (struct vrs_export_group *g = rib->export_groups, *next; g != NULL; g = next) {
		next = g->next;
		join(g);
	}
	vrs_rcu_leave();
	return vrs_export_ready(rib, now_ms);
}

struct vrs_export_stat vrs_export_stat(const struct vrs_rib *rib)
{
	struct vrs_export_stat s = {0};

	for (const struct vrs_export_group *g = rib->export_groups; g != NULL; g = g->next) {
		uint64_t waiting = 0;

		for (const struct vrs_export *x = g->members; x != NULL; x = x->next_member)
			waiting = VRS_MAX(waiting, vrs_outbox_bytes(&x->outbox));
		s.pending += (uint64_t)g->pending.n * g->n_members;
		/* Chunks are shared; two bits and a source an entry. */
		s.bytes += waiting + g->cap_sources * sizeof(*g->sources) +
			(g->pending.words[0] + g->told.words[0]) * sizeof(uint64_t);
	}
	return s;
}
