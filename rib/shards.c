/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * What can fail for want of memory, and what then: a change that cannot be handed on makes the
 * peer's routes wrong, so it is counted (n_lost) and the session has to end; that a peer went is
 * told again in the next turn (owed), as nobody else can say it; an id that cannot be given back
 * keeps its attribute set alive.
 */

#include "rib/shards.h"

#include <errno.h>
#include <string.h>

#include "rib/table_internal.h"

enum { TAKE = 256, TAKE_TURN = 8192 };

static struct vrs_ring *ring(const struct vrs_shards *s, unsigned from, unsigned to)
{
	return &s->ops[from * s->n + to];
}

static struct vrs_spsc *holds(const struct vrs_shards *s, unsigned from, unsigned to)
{
	return &s->holds[from * s->n + to];
}

static size_t n_pairs(const struct vrs_shards *s)
{
	return (size_t)s->n * s->n;
}

int vrs_shards_init(struct vrs_shards *s, unsigned n, struct vrs_reclaim *const *reclaims,
	const struct vrs_table_config *config)
{
	uint16_t mask = 0;

	assert(n >= 1 && n <= VRS_SHARDS_MAX);
	memset(s, 0, sizeof(*s));
	s->n = n;
	while (mask + 1u < n)
		mask = (uint16_t)(mask << 1 | 1);
	s->ops = vrs_mem_zalloc(VRS_MEM_QUEUE, n_pairs(s) * sizeof(*s->ops));
	s->holds = vrs_mem_zalloc(VRS_MEM_QUEUE, n_pairs(s) * sizeof(*s->holds));
	if (s->ops == NULL || s->holds == NULL)
		goto out;
	for (unsigned i = 0; i < n * n; i++)
		if (vrs_ring_init(&s->ops[i], sizeof(struct vrs_table_op)) != 0 ||
			vrs_spsc_init(&s->holds[i]) != 0)
			goto out;
	for (unsigned i = 0; i < n; i++) {
		struct vrs_table *t = s->tables[i] = vrs_table_new(reclaims[i], config);

		if (t == NULL)
			goto out;
		t->shards = n > 1 ? s : NULL;
		t->index = (uint16_t)i;
		t->slot_mask = mask;
		t->stores = s->stores;
		s->stores[i] = t->attrs;
		s->groups[i] = &t->groups;
		vrs_group_store_join(&t->groups, s->groups, i, mask);
	}
	return 0;
out:
	vrs_shards_fini(s);
	return -ENOMEM;
}

/* VRS_OP_PEER_UP brings the other table's record of the peer, where other ops have an address. */
static void put_peer(struct vrs_table_op *op, struct vrs_table_peer *peer)
{
	uintptr_t at = (uintptr_t)peer;

	memcpy(op->prefix.addr, &at, sizeof(at));
}

static struct vrs_table_peer *peer_in(const struct vrs_table_op *op)
{
	uintptr_t at;

	memcpy(&at, op->prefix.addr, sizeof(at));
	return (struct vrs_table_peer *)at; /* NOLINT(performance-no-int-to-ptr) */
}

/* Records of peers that came up at home and were never taken here. */
static void drop_ops(struct vrs_ring *r)
{
	struct vrs_table_op op;

	(void)vrs_ring_publish(r);
	while (vrs_ring_pop(r, &op, 1) > 0) {
		struct vrs_table_peer *peer;

		if (op.kind != VRS_OP_PEER_UP)
			continue;
		peer = peer_in(&op);
		vrs_mem_free(VRS_MEM_OTHER, peer, sizeof(*peer));
	}
}

void vrs_shards_fini(struct vrs_shards *s)
{
	for (unsigned i = 0; i < s->n * s->n; i++) {
		if (s->ops != NULL && s->ops[i].head != NULL)
			drop_ops(&s->ops[i]);
		if (s->ops != NULL)
			vrs_ring_fini(&s->ops[i]);
		if (s->holds != NULL && s->holds[i].head != NULL)
			vrs_spsc_fini(&s->holds[i]);
	}
	/* All that they retired first: it may name what the others own. */
	for (unsigned i = 0; i < s->n; i++)
		if (s->tables[i] != NULL)
			vrs_reclaim_drain(s->tables[i]->reclaim);
	for (unsigned i = 0; i < s->n; i++)
		vrs_shards_free_table(s, i);
	vrs_mem_free(VRS_MEM_QUEUE, s->ops, n_pairs(s) * sizeof(*s->ops));
	vrs_mem_free(VRS_MEM_QUEUE, s->holds, n_pairs(s) * sizeof(*s->holds));
	s->n = 0;
}

void vrs_shards_free_table(struct vrs_shards *s, unsigned index)
{
	vrs_table_free(s->tables[index]);
	s->tables[index] = NULL;
}

void vrs_shards_set_wake(
	struct vrs_shards *s, void (*wake)(void *ctx, unsigned shard), void *wake_ctx)
{
	s->wake = wake;
	s->wake_ctx = wake_ctx;
}

/* --- Home's side --- */

bool vrs_shards_full(const struct vrs_table *t)
{
	const struct vrs_shards *s = t->shards;

	for (unsigned to = 0; s != NULL && to < s->n; to++)
		if (to != t->index && vrs_ring_backlog(ring(s, t->index, to)) > VRS_SHARDS_FULL)
			return true;
	return false;
}

bool vrs_shards_pending(const struct vrs_table *t)
{
	const struct vrs_shards *s = t->shards;

	for (unsigned to = 0; s != NULL && to < s->n; to++)
		if (to != t->index && vrs_ring_length(ring(s, t->index, to)) > 0)
			return true;
	return false;
}

bool vrs_shards_waiting(const struct vrs_table *t)
{
	const struct vrs_shards *s = t->shards;

	for (unsigned from = 0; s != NULL && from < s->n; from++)
		if (from != t->index && vrs_ring_length(ring(s, from, t->index)) > 0)
			return true;
	return false;
}

bool vrs_shards_hand_on(struct vrs_table *t, const struct vrs_table_op *op, unsigned to)
{
	struct vrs_table_op *at = vrs_ring_push(ring(t->shards, t->index, to));

	if (at == NULL)
		return false;
	*at = *op;
	return true;
}

void vrs_shards_publish(struct vrs_table *t)
{
	struct vrs_shards *s = t->shards;

	for (unsigned to = 0; to < s->n; to++)
		if (to != t->index && vrs_ring_publish(ring(s, t->index, to)) && s->wake != NULL)
			s->wake(s->wake_ctx, to);
}

int vrs_shards_peer_up(struct vrs_table *t, struct vrs_table_peer *peer)
{
	struct vrs_shards *s = t->shards;
	struct vrs_table_peer *copies[VRS_SHARDS_MAX] = {0};
	struct vrs_table_op *ops[VRS_SHARDS_MAX] = {0};

	for (unsigned to = 0; to < s->n; to++) {
		if (to == t->index)
			continue;
		copies[to] = vrs_mem_alloc(VRS_MEM_OTHER, sizeof(*peer));
		if (copies[to] == NULL)
			goto out;
		memcpy(copies[to], peer, sizeof(*peer));
	}
	/* What is pushed cannot be taken back: when one fails, the others say nothing. */
	bool ok = true;
	for (unsigned to = 0; to < s->n; to++) {
		ops[to] = to == t->index ? NULL : vrs_ring_push(ring(s, t->index, to));
		ok &= to == t->index || ops[to] != NULL;
	}
	for (unsigned to = 0; to < s->n; to++) {
		if (ops[to] == NULL)
			continue;
		*ops[to] = (struct vrs_table_op){
			.slot = peer->slot, .kind = ok ? VRS_OP_PEER_UP : VRS_OP_NOTHING};
		if (ok)
			put_peer(ops[to], copies[to]);
	}
	if (!ok)
		goto out;
	peer->n_away = s->n - 1;
	return 0;
out:
	for (unsigned to = 0; to < s->n; to++)
		vrs_mem_free(VRS_MEM_OTHER, copies[to], sizeof(*peer));
	return -ENOMEM;
}

void vrs_shards_tell_all(struct vrs_table *t, struct vrs_table_peer *peer,
	enum vrs_table_op_kind kind, enum vrs_afi afi)
{
	struct vrs_shards *s = t->shards;

	for (unsigned to = 0; to < s->n; to++) {
		const struct vrs_table_op op = {.prefix.afi = (uint8_t)afi,
			.slot = peer != NULL ? peer->slot : 0,
			.kind = (uint8_t)kind};

		if (to == t->index || vrs_shards_hand_on(t, &op, to))
			continue;
		if (peer == NULL) {
			/* Told once for both. */
			if (t->owed >> to & 1)
				atomic_fetch_sub(&s->tables[to]->unjudged, 1);
			t->owed |= 1ull << to;
		} else if (kind == VRS_OP_PEER_DOWN) {
			t->n_owed += peer->owed == 0;
			peer->owed |= 1ull << to;
		} else {
			peer->n_lost++;
		}
	}
	vrs_shards_publish(t);
}

/* @return Which of @p owed have still not been told. */
static uint64_t tell_again(struct vrs_table *t, const struct vrs_table_op *op, uint64_t owed)
{
	for (unsigned to = 0; to < t->shards->n; to++)
		if (owed >> to & 1 && vrs_shards_hand_on(t, op, to))
			owed &= ~(1ull << to);
	return owed;
}

/* Say again what could not be said. */
static void pay(struct vrs_table *t)
{
	t->owed = tell_again(t, &(struct vrs_table_op){.kind = VRS_OP_REVALIDATE}, t->owed);
	if (t->n_owed == 0)
		return;
	for (unsigned slot = t->index; slot < VRS_TABLE_PEERS; slot += t->slot_mask + 1u) {
		struct vrs_table_peer *peer = vrs_table_peer(t, (uint16_t)slot);
		const struct vrs_table_op op = {.slot = (uint16_t)slot, .kind = VRS_OP_PEER_DOWN};

		if (peer == NULL || peer->owed == 0)
			continue;
		peer->owed = tell_again(t, &op, peer->owed);
		t->n_owed -= peer->owed == 0;
	}
}

/* --- The other side --- */

void vrs_shards_give_back(struct vrs_table *t, unsigned home, uint32_t attrs)
{
	(void)!vrs_spsc_push(holds(t->shards, t->index, home), attrs);
}

void vrs_shards_peer_gone(struct vrs_table *t, uint16_t slot)
{
	const struct vrs_table_op op = {.slot = slot, .kind = VRS_OP_PEER_GONE};

	/* Without memory its slot is never used again. */
	(void)vrs_shards_hand_on(t, &op, slot & t->slot_mask);
}

static void control(struct vrs_table *t, const struct vrs_table_op *op)
{
	struct vrs_table_peer *peer = vrs_table_peer(t, op->slot);

	switch (op->kind) {
	case VRS_OP_PEER_UP:
		peer = peer_in(op);
		/* Release: whoever finds the slot in a word sees the peer. */
		atomic_store_explicit(&t->peers[op->slot], peer, memory_order_release);
		break;
	case VRS_OP_PEER_GONE:
		peer->n_away--;
		vrs_table_peer_settle(t, peer);
		break;
	default:
		vrs_table_local(t, peer, op->kind, op->prefix.afi);
	}
}

/* Changes in one go, what concerns whole peers between them. */
static void do_ops(struct vrs_table *t, const struct vrs_table_op *ops, uint32_t n)
{
	for (uint32_t i = 0, end; i < n; i = end + 1) {
		for (end = i; end < n && ops[end].kind <= VRS_OP_WITHDRAW; end++)
			;
		vrs_table_do(t, ops + i, end - i);
		if (end < n)
			control(t, &ops[end]);
	}
}

static void take_holds(struct vrs_table *t)
{
	struct vrs_shards *s = t->shards;
	uint32_t ids[TAKE], n;

	for (unsigned from = 0; from < s->n; from++)
		while ((n = vrs_spsc_pop(holds(s, from, t->index), ids, TAKE)) > 0)
			for (uint32_t i = 0; i < n; i++)
				vrs_attrs_put(t->attrs, ids[i], 1);
}

bool vrs_shards_take(struct vrs_table *t)
{
	struct vrs_shards *s = t->shards;
	struct vrs_table_op ops[TAKE];
	uint32_t n, total = 0;
	bool any = true;

	take_holds(t);
	if (t->n_owed > 0 || t->owed != 0)
		pay(t);
	while (any && total < TAKE_TURN) {
		any = false;
		for (unsigned from = 0; from < s->n; from++) {
			if (from == t->index)
				continue;
			n = vrs_ring_pop(ring(s, from, t->index), ops, TAKE);
			do_ops(t, ops, n);
			vrs_ring_done(ring(s, from, t->index));
			total += n;
			any |= n > 0;
		}
	}
	vrs_shards_publish(t);
	return any;
}

/* --- Sums --- */

struct vrs_shards_peer_stat vrs_shards_peer_stat(const struct vrs_table *t, uint16_t slot)
{
	struct vrs_shards_peer_stat sum = {0};
	unsigned n = t->shards != NULL ? t->shards->n : 1;

	for (unsigned i = 0; i < n; i++) {
		const struct vrs_table_peer *p =
			vrs_table_peer(t->shards != NULL ? t->shards->tables[i] : t, slot);

		if (p == NULL)
			continue;
		sum.n_paths += atomic_load_explicit(&p->n_paths, memory_order_relaxed);
		sum.n_usable += atomic_load_explicit(&p->n_usable, memory_order_relaxed);
		sum.n_refused += atomic_load_explicit(&p->n_refused, memory_order_relaxed);
		sum.n_failed += atomic_load_explicit(&p->n_failed, memory_order_relaxed);
		sum.n_added += atomic_load_explicit(&p->n_added, memory_order_relaxed);
		sum.n_removed += atomic_load_explicit(&p->n_removed, memory_order_relaxed);
	}
	return sum;
}

bool vrs_shards_over_limit(const struct vrs_table *t, const struct vrs_table_peer *peer, bool has)
{
	uint32_t limit = atomic_load_explicit(peer->limit_at_home, memory_order_relaxed);

	if (limit == 0)
		return false;
	vrs_rcu_enter();
	uint32_t n = vrs_shards_peer_stat(t, peer->slot).n_usable;
	vrs_rcu_leave();
	return n - has >= limit;
}
