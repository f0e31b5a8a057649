/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Work that touches every entry: peers that went, refreshes that began or ended (RFC 7313), another
 * configuration, other limits. One scan serves them all, some thousand entries a turn; it goes
 * round until every entry has been visited since the last of them was asked for.
 *
 * Routes that come meanwhile are taken as ever. A session that comes up again has a new slot; its paths take the
 * places of those that the one before left (rib/table_apply.c). What a path's staleness is told by is the
 * refresh it was announced in (an epoch of its peer and family), not a mark that the scan would have to
 * set in time.
 */

#include "rib/table_internal.h"

enum {
	CHUNK = 8192, /* Entries visited in one turn: about 100 us when there is nothing to do. */
	MOVED = 2048, /* And of them so many changed. */
	SMALL = 2048, /* Entries that are visited at once where that is simpler: some 50 us. */
};

static void done(struct vrs_table *t);

/* Visit every entry that there is now; those that come later are as they should be. */
static void ask(struct vrs_table *t)
{
	t->scan_left = t->scan_end = vrs_pool_bound(&t->entries);
	if (t->scan_left == 0)
		done(t);
}

/* --- Refreshes --- */

static bool sweepable(const struct vrs_table_peer *peer, unsigned f, const struct vrs_path *path)
{
	return peer->sweeping[f] && (int8_t)(path->epoch - peer->sweep_to[f]) < 0;
}

static void local_mark_stale(struct vrs_table *t, struct vrs_table_peer *peer, enum vrs_afi afi)
{
	unsigned f = afi == VRS_AFI_IP6;

	/* A refresh that begins before all routes have been looked at for the last one: of a small table
	 * we look now; in a large one it is the same refresh, and what was announced since the first
	 * beginning counts as announced again. */
	if (peer->epoch[f] != peer->scanned[f] && t->scan_left > 0) {
		if (t->scan_end > SMALL)
			return;
		while (vrs_table_scan(t))
			;
	}
	peer->epoch[f]++;
	peer->marked = true;
	ask(t);
}

static void local_sweep_stale(struct vrs_table *t, struct vrs_table_peer *peer, enum vrs_afi afi)
{
	unsigned f = afi == VRS_AFI_IP6;

	peer->sweeping[f] = true;
	peer->sweep_to[f] = peer->epoch[f];
	ask(t);
}

/* --- Reasons --- */

void vrs_table_set_reason(struct vrs_table *t, vrs_table_reason_fn reason, void *ctx)
{
	t->reason = reason;
	t->reason_ctx = ctx;
}

static void local_revalidate(struct vrs_table *t)
{
	t->revalidating++;
	ask(t);
}

/* @p n requests are done, or (less than none) asked for. */
static void judged(struct vrs_table *t, int n)
{
	/* Release: whoever finds none left sees the entries that were marked. */
	(void)atomic_fetch_sub_explicit(&t->unjudged, (uint32_t)n, memory_order_acq_rel);
}

bool vrs_table_judged(const struct vrs_table *t)
{
	return atomic_load_explicit(&t->unjudged, memory_order_acquire) == 0;
}

/* @return Whether the path's reason is another one now. */
static bool revalidate(struct vrs_table *t, const struct vrs_entry *e, struct vrs_path *path,
	struct vrs_table_peer *peer)
{
	struct vrs_prefix p = vrs_entry_prefix(t, e);

	if (t->reason == NULL)
		return false;
	uint8_t now = (uint8_t)t->reason(
		t->reason_ctx, vrs_table_attrs_at(t, path->peer, path->attrs), peer, &p);
	if (now == VRS_PATH_USABLE &&
		vrs_shards_over_limit(t, peer, path->reason == VRS_PATH_USABLE))
		now = VRS_PATH_LIMIT;
	if (now == path->reason)
		return false;
	vrs_peer_count(
		&peer->n_usable, (now == VRS_PATH_USABLE) - (path->reason == VRS_PATH_USABLE));
	path->reason = now;
	return true;
}

void vrs_table_configure(struct vrs_table *t, const struct vrs_table_config *config)
{
	if (t->config.preference == config->preference &&
		t->config.branch_to_branch == config->branch_to_branch)
		return;
	vrs_table_flush(t);
	t->config = *config;
	t->redecide = true;
	ask(t);
}

/* --- Peers that went --- */

static void local_down(struct vrs_table *t, struct vrs_table_peer *peer)
{
	peer->down = true;
	t->n_down++;
	if (vrs_peer_n(&peer->n_paths) > 0)
		ask(t);
	vrs_table_peer_settle(t, peer);
}

void vrs_table_peer_settle(struct vrs_table *t, struct vrs_table_peer *peer)
{
	uint16_t slot = peer->slot;

	if (!peer->down || vrs_peer_n(&peer->n_paths) > 0 || peer->n_away > 0)
		return;
	t->n_down--;
	vrs_table_peer_retire(t, peer);
	if (!vrs_table_is_home(t, slot))
		vrs_shards_peer_gone(t, slot);
}

/* --- What concerns all prefixes of a peer, or of all peers --- */

void vrs_table_local(struct vrs_table *t, struct vrs_table_peer *peer, enum vrs_table_op_kind kind,
	enum vrs_afi afi)
{
	switch (kind) {
	case VRS_OP_PEER_DOWN:
		local_down(t, peer);
		break;
	case VRS_OP_MARK_STALE:
		local_mark_stale(t, peer, afi);
		break;
	case VRS_OP_SWEEP_STALE:
		local_sweep_stale(t, peer, afi);
		break;
	case VRS_OP_REVALIDATE:
		local_revalidate(t);
		break;
	default:
		break;
	}
}

/* After what is queued here and what is on its way to other tables. */
static void everywhere(struct vrs_table *t, struct vrs_table_peer *peer,
	enum vrs_table_op_kind kind, enum vrs_afi afi)
{
	vrs_table_flush(t);
	/* First: the home's record may go at once. */
	if (t->shards != NULL)
		vrs_shards_tell_all(t, peer, kind, afi);
	vrs_table_local(t, peer, kind, afi);
}

void vrs_table_peer_down(struct vrs_table *t, uint16_t slot)
{
	everywhere(t, vrs_table_peer(t, slot), VRS_OP_PEER_DOWN, VRS_AFI_NONE);
}

void vrs_table_mark_stale(struct vrs_table *t, uint16_t slot, enum vrs_afi afi)
{
	everywhere(t, vrs_table_peer(t, slot), VRS_OP_MARK_STALE, afi);
}

void vrs_table_sweep_stale(struct vrs_table *t, uint16_t slot, enum vrs_afi afi)
{
	everywhere(t, vrs_table_peer(t, slot), VRS_OP_SWEEP_STALE, afi);
}

void vrs_table_revalidate(struct vrs_table *t)
{
	for (unsigned i = 0; t->shards != NULL && i < t->shards->n; i++)
		if (i != t->index)
			judged(t->shards->tables[i], -1);
	judged(t, -1);
	everywhere(t, NULL, VRS_OP_REVALIDATE, VRS_AFI_NONE);
}

/* --- The scan --- */

/* @return Whether anything changed. */
static bool visit(struct vrs_table *t, uint32_t index, struct vrs_entry *e)
{
	unsigned f = e->afi == VRS_AFI_IP6;
	bool removed = false, changed = t->redecide;

	for (unsigned i = e->n_paths; i-- > 0;) {
		struct vrs_path *path = &vrs_entry_paths(e)[i];
		struct vrs_table_peer *peer = vrs_table_peer(t, path->peer);

		if (peer->down || sweepable(peer, f, path)) {
			vrs_table_count(&peer->n_removed, vrs_table_remove_path(t, peer, index, e));
			removed = true;
			vrs_table_peer_settle(t, peer);
			continue;
		}
		/* So that epochs need not be told apart for longer than a scan. */
		if (path->epoch != peer->epoch[f])
			path->epoch = (uint8_t)(peer->epoch[f] - 1);
		changed |= peer->marked;
		if (t->revalidating > 0)
			changed |= revalidate(t, e, path, peer);
	}
	if (changed && e->n_paths > 0)
		vrs_table_decide(t, index, e);
	return removed || changed;
}

/* Every entry has been visited. */
static void done(struct vrs_table *t)
{
	judged(t, (int)t->revalidating);
	t->revalidating = 0;
	t->redecide = false;
	for (uint32_t slot = 0; slot < VRS_TABLE_PEERS; slot++) {
		struct vrs_table_peer *peer = vrs_table_peer(t, (uint16_t)slot);

		if (peer == NULL)
			continue;
		peer->marked = false;
		for (unsigned f = 0; f < 2; f++) {
			peer->sweeping[f] = false;
			peer->scanned[f] = peer->epoch[f];
		}
	}
}

bool vrs_table_scan(struct vrs_table *t)
{
	uint32_t moved = 0;

	if (t->scan_left == 0)
		return false;
	for (unsigned n = 0; n < CHUNK && moved < MOVED && t->scan_left > 0; n++) {
		if (t->scan_at >= t->scan_end)
			t->scan_at = 0;
		struct vrs_entry *e = vrs_table_in_use(t, t->scan_at);
		if (e != NULL)
			moved += visit(t, t->scan_at, e);
		t->scan_at++;
		t->scan_left--;
	}
	if (t->scan_left == 0)
		done(t);
	return t->scan_left > 0;
}
