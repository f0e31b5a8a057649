/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Paths in and out.
 *
 * Changes wait in a queue and are done 32 at a time in four passes: find the prefixes in the
 * trees (32 finds under way at once), touch their entries, touch what the decision will read
 * of them, change them. A prefix may stand several times in a burst: what was not found is looked
 * for again when its turn comes.
 */

#include "rib/table_internal.h"

#include <errno.h>
#include <string.h>

#include "rib/base/clock.h"

enum { BURST = 32 };

static bool entry_set_prefix(struct vrs_table *t, struct vrs_entry *e, const struct vrs_prefix *p)
{
	uint32_t addr;

	if (p->afi == VRS_AFI_IP6) {
		addr = vrs_pool_alloc(&t->addrs);
		if (addr == 0)
			return false;
		memcpy(vrs_pool_at(&t->addrs, addr), p->addr, sizeof(p->addr));
	} else {
		memcpy(&addr, p->addr, sizeof(addr));
	}
	e->addr = addr;
	e->len = p->len;
	e->afi = p->afi;
	return true;
}

/* The entry of p, made if there is none. @return Its index, or 0 if out of memory. */
static uint32_t entry_get(struct vrs_table *t, const struct vrs_prefix *p)
{
	uint32_t index = vrs_pool_alloc(&t->entries), there = 0;

	if (index == 0)
		return 0;
	struct vrs_entry *e = vrs_table_entry(t, index);
	/* A scan may be looking at the words; prefix and paths it reads only behind a VALID one. */
	atomic_store_explicit(&e->export, VRS_EXPORT_EMPTY, memory_order_relaxed);
	atomic_store_explicit(&e->forward, 0, memory_order_relaxed);
	atomic_store_explicit(&e->dirty, 0, memory_order_relaxed);
	e->room = 0;
	e->plain = false;
	e->fresh = true;
	int r = vrs_radix_add(vrs_table_radix(t, p->afi), p, index, &there);
	if (r == 1 && entry_set_prefix(t, e, p)) {
		e->n_paths = 0;
		if (index >= atomic_load_explicit(&t->bound, memory_order_relaxed))
			atomic_store_explicit(&t->bound, index + 1, memory_order_release);
		return index;
	}
	if (r == 1)
		(void)!vrs_radix_remove(vrs_table_radix(t, p->afi), p);
	e->n_paths = VRS_TABLE_UNLINKED;
	vrs_pool_free(&t->entries, index);
	return there;
}

/* What a path names is held: of sessions at home here by the path alone, of others by what brought it
 * here (vrs_table_announce()), until the path takes that over. */
static void used(struct vrs_table *t, const struct vrs_table_op *op)
{
	if (vrs_table_is_home(t, op->slot))
		vrs_attrs_get(t->attrs, op->attrs, 1);
}

static void unused(struct vrs_table *t, const struct vrs_table_op *op)
{
	if (!vrs_table_is_home(t, op->slot))
		vrs_shards_give_back(t, op->slot & t->slot_mask, op->attrs);
}

/* No memory for a path of a peer that has none there. */
static void fail(struct vrs_table *t, struct vrs_table_peer *peer, const struct vrs_table_op *op)
{
	unused(t, op);
	vrs_table_count(&peer->n_failed, 1);
}

static struct vrs_path path_of_op(
	const struct vrs_table_peer *peer, const struct vrs_table_op *op, uint8_t reason)
{
	return (struct vrs_path){
		op->attrs, op->slot, reason, peer->epoch[op->prefix.afi == VRS_AFI_IP6]};
}

/* The path of the same peer's session before this one, which has still to be swept; NULL: there is none. */
static struct vrs_path *path_before(
	const struct vrs_table *t, const struct vrs_table_peer *peer, struct vrs_entry *e)
{
	for (unsigned i = 0; i < e->n_paths; i++) {
		struct vrs_path *path = &vrs_entry_paths(e)[i];
		const struct vrs_table_peer *p = vrs_table_peer(t, path->peer);

		if (p->down && p->source.connection == peer->source.connection &&
			p->source.instance == peer->source.instance)
			return path;
	}
	return NULL;
}

/* A path of the new session takes the place of that one: the peer never counts twice. */
static void take_over(struct vrs_table *t, struct vrs_table_peer *peer, uint32_t index,
	struct vrs_entry *e, struct vrs_path *path, const struct vrs_table_op *op, uint8_t reason)
{
	struct vrs_table_peer *before = vrs_table_peer(t, path->peer);
	struct vrs_path gone = *path;

	*path = path_of_op(peer, op, reason);
	used(t, op);
	vrs_peer_count(&before->n_paths, -1);
	vrs_peer_count(&before->n_usable, -(gone.reason == VRS_PATH_USABLE));
	vrs_table_count(&before->n_removed, 1);
	vrs_peer_count(&peer->n_paths, 1);
	vrs_peer_count(&peer->n_usable, reason == VRS_PATH_USABLE);
	vrs_table_count(&peer->n_added, 1);
	vrs_table_decide(t, index, e);
	vrs_table_attrs_put(t, gone.peer, gone.attrs);
	vrs_table_peer_settle(t, before);
}

static void add_path(struct vrs_table *t, struct vrs_table_peer *peer, uint32_t index,
	struct vrs_entry *e, const struct vrs_table_op *op, uint8_t reason)
{
	struct vrs_path *before = t->n_down > 0 ? path_before(t, peer, e) : NULL;

	if (before != NULL) {
		take_over(t, peer, index, e, before, op, reason);
		return;
	}
	struct vrs_path *path = vrs_path_add(&t->arrays, e);
	if (path == NULL) {
		fail(t, peer, op);
		/* A fresh entry without paths goes the way of every empty one. */
		if (e->n_paths == 0)
			vrs_table_mark(t, index, e, VRS_DIRTY_EXPORT);
		return;
	}
	*path = path_of_op(peer, op, reason);
	used(t, op);
	vrs_table_count(&t->n_paths, 1);
	if (e->n_paths == 1)
		vrs_table_count(&t->n_prefixes, 1);
	vrs_peer_count(&peer->n_paths, 1);
	vrs_table_count(&peer->n_added, 1);
	vrs_peer_count(&peer->n_usable, reason == VRS_PATH_USABLE);
	vrs_table_decide_added(t, index, e, path);
}

static void announce(struct vrs_table *t, const struct vrs_table_op *op, uint32_t index)
{
	struct vrs_table_peer *peer = vrs_table_peer(t, op->slot);
	uint8_t reason = op->reason;

	if (index == VRS_RADIX_NONE) {
		if (t->refuse_new &&
			!vrs_radix_get(vrs_table_radix(t, op->prefix.afi), &op->prefix, &index)) {
			vrs_table_count(&peer->n_refused, 1);
			unused(t, op);
			return;
		}
		index = entry_get(t, &op->prefix);
		if (index == 0) {
			fail(t, peer, op);
			return;
		}
	}
	struct vrs_entry *e = vrs_table_entry(t, index);
	if (reason == VRS_PATH_USABLE && vrs_prefix_martian(&op->prefix))
		reason = VRS_PATH_MARTIAN;
	struct vrs_path *path = vrs_path_of(e, op->slot);
	bool had = path != NULL && path->reason == VRS_PATH_USABLE;
	if (reason == VRS_PATH_USABLE && !had && vrs_shards_over_limit(t, peer, 0))
		reason = VRS_PATH_LIMIT;
	if (path == NULL) {
		add_path(t, peer, index, e, op, reason);
		return;
	}
	uint32_t old = path->attrs;
	if (old == op->attrs && path->reason == reason && !vrs_path_stale(t, e, path)) {
		unused(t, op);
		return;
	}
	bool apart = vrs_table_stands_apart(t, e, path);
	*path = path_of_op(peer, op, reason);
	used(t, op);
	vrs_peer_count(&peer->n_usable, (reason == VRS_PATH_USABLE) - had);
	if (apart)
		vrs_table_decide_added(t, index, e, path);
	else
		vrs_table_decide(t, index, e);
	/* Only now: until the decision was published its words named the old set. */
	vrs_table_attrs_put(t, op->slot, old);
}

bool vrs_table_remove_path(
	struct vrs_table *t, struct vrs_table_peer *peer, uint32_t index, struct vrs_entry *e)
{
	struct vrs_path *path = vrs_path_of(e, peer->slot);

	if (path == NULL)
		return false;
	struct vrs_path gone = *path;
	vrs_peer_count(&peer->n_paths, -1);
	vrs_peer_count(&peer->n_usable, -(gone.reason == VRS_PATH_USABLE));
	vrs_path_remove(&t->arrays, e, path);
	vrs_table_count(&t->n_paths, -1);
	if (e->n_paths == 0)
		vrs_table_count(&t->n_prefixes, -1);
	vrs_table_decide_removed(t, index, e, &gone);
	vrs_table_attrs_put(t, gone.peer, gone.attrs);
	return true;
}

static void withdraw(struct vrs_table *t, const struct vrs_table_op *op, uint32_t index)
{
	struct vrs_table_peer *peer = vrs_table_peer(t, op->slot);

	if (index == VRS_RADIX_NONE &&
		!vrs_radix_get(vrs_table_radix(t, op->prefix.afi), &op->prefix, &index))
		return;
	vrs_table_count(
		&peer->n_removed, vrs_table_remove_path(t, peer, index, vrs_table_entry(t, index)));
}

/* Find the prefixes of one family. */
static void find(struct vrs_table *t, const struct vrs_table_op *ops, unsigned n, unsigned afi,
	uint32_t *index)
{
	const struct vrs_prefix *prefixes[BURST];
	uint32_t found[BURST];
	uint8_t of[BURST];
	unsigned m = 0;

	for (unsigned i = 0; i < n; i++) {
		if (ops[i].prefix.afi != afi)
			continue;
		prefixes[m] = &ops[i].prefix;
		of[m++] = (uint8_t)i;
	}
	vrs_radix_get_bulk(vrs_table_radix(t, afi), prefixes, m, found);
	for (unsigned i = 0; i < m; i++)
		index[of[i]] = found[i];
}

static void burst(struct vrs_table *t, const struct vrs_table_op *ops, unsigned n)
{
	uint32_t index[BURST];

	find(t, ops, n, VRS_AFI_IP4, index);
	find(t, ops, n, VRS_AFI_IP6, index);
	for (unsigned i = 0; i < n; i++)
		if (index[i] != VRS_RADIX_NONE)
			__builtin_prefetch(vrs_table_entry(t, index[i]), 1);
	for (unsigned i = 0; i < n; i++) {
		if (index[i] == VRS_RADIX_NONE)
			continue;
		const struct vrs_entry *e = vrs_table_entry(t, index[i]);
		uint64_t word = atomic_load_explicit(&e->export, memory_order_relaxed);

		if (e->room > 0)
			__builtin_prefetch(e->paths.array, 1);
		if (word & VRS_EXPORT_VALID)
			vrs_attrs_prefetch(vrs_table_attrs_of(t, VRS_EXPORT_PEER(word)),
				VRS_EXPORT_ATTRS(word));
	}
	for (unsigned i = 0; i < n; i++) {
		if (ops[i].kind == VRS_OP_WITHDRAW)
			withdraw(t, &ops[i], index[i]);
		else
			announce(t, &ops[i], index[i]);
	}
}

void vrs_table_do(struct vrs_table *t, const struct vrs_table_op *ops, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += BURST)
		burst(t, ops + i, VRS_MIN(n - i, (uint32_t)BURST));
}

/* Do what is queued for this table. */
static void flush_own(struct vrs_table *t)
{
	uint32_t n = t->n_queue;

	/* Nothing below queues anything. */
	t->n_queue = 0;
	vrs_table_do(t, t->queue, n);
}

void vrs_table_flush(struct vrs_table *t)
{
	flush_own(t);
	if (t->shards != NULL)
		vrs_shards_publish(t);
}

void vrs_table_attrs_put(struct vrs_table *t, uint16_t slot, uint32_t attrs)
{
	if (vrs_table_is_home(t, slot))
		vrs_attrs_put(t->attrs, attrs, 1);
	else
		vrs_shards_give_back(t, slot & t->slot_mask, attrs);
}

/* The time goes to the owner's account: it is in the middle of reading. */
static void flush_full(struct vrs_table *t)
{
	uint64_t from = t->full_ns != NULL ? vrs_now_ns() : 0;

	vrs_table_flush(t);
	if (t->full_ns != NULL)
		*t->full_ns += vrs_now_ns() - from;
}

/* @return Prefixes that were handed on to other tables. */
static uint32_t queue(struct vrs_table *t, enum vrs_afi afi, struct vrs_span nlri,
	const struct vrs_table_op *like)
{
	uint32_t n_away = 0;

	while (nlri.size > 0) {
		if (t->n_queue == VRS_TABLE_QUEUE)
			flush_full(t);
		struct vrs_table_op *op = &t->queue[t->n_queue];

		*op = *like;
		int used = vrs_prefix_read(&op->prefix, afi, nlri.data, nlri.size);
		if (used < 0)
			break; /* The codec validated it: cannot happen, and ends here if it does. */
		nlri.data += used;
		nlri.size -= (size_t)used;
		unsigned to =
			t->shards != NULL ? vrs_table_shard(&op->prefix, t->shards->n) : t->index;
		if (to == t->index)
			t->n_queue++;
		else if (vrs_shards_hand_on(t, op, to))
			n_away++;
		else
			vrs_table_peer(t, op->slot)->n_lost++;
	}
	return n_away;
}

void vrs_table_announce(struct vrs_table *t, uint16_t slot, enum vrs_afi afi, struct vrs_span nlri,
	uint32_t attrs, enum vrs_path_reason reason)
{
	const struct vrs_table_op like = {
		.slot = slot, .attrs = attrs, .reason = (uint8_t)reason, .kind = VRS_OP_ANNOUNCE};

	/* It cannot come back before we look for that. */
	uint32_t n_away = queue(t, afi, nlri, &like);
	if (n_away > 0)
		vrs_attrs_get(t->attrs, attrs, n_away);
}

void vrs_table_withdraw(struct vrs_table *t, uint16_t slot, enum vrs_afi afi, struct vrs_span nlri)
{
	(void)queue(t, afi, nlri, &(struct vrs_table_op){.slot = slot, .kind = VRS_OP_WITHDRAW});
}
