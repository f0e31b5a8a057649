/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The ordered walk: by address, shorter first. A node's prefixes are told byte by byte, each byte's before
 * what hangs below it; prefixes shorter than /16, which have nodes of their own, between the slots that
 * they begin with.
 */

#include <string.h>

#include "rib/radix_node.h"

struct walk {
	struct vrs_prefix from;
	bool bounded; /* Still before or at `from`: compare. */
	vrs_radix_walk_fn fn;
	void *ctx;
	uint8_t afi;
};

/* Tell of the prefix of this address, unless it comes before the first that is wanted. */
static int visit(struct walk *w, const uint8_t bytes[16], unsigned len, uint32_t value)
{
	struct vrs_addr a = {.afi = w->afi};

	memcpy(a.bytes, bytes, sizeof(a.bytes));
	struct vrs_prefix p = vrs_prefix_of(&a, len);
	if (w->bounded && vrs_prefix_cmp(&p, &w->from) < 0)
		return 0;
	w->bounded = false;
	return w->fn(w->ctx, &p, value);
}

/* A leaf below a link that covers these bytes. */
static int walk_leaf(struct walk *w, const void *leaf, uint8_t bytes[16])
{
	leaf_write(leaf, bytes);
	return visit(w, bytes, leaf_len(leaf), leaf_value(leaf));
}

/* The values of n whose prefixes begin at this byte, shortest first. */
static int walk_byte(struct walk *w, const struct vrs_radix_node *n, unsigned byte)
{
	unsigned first = byte == 0 ? 0 : 8 - (unsigned)__builtin_ctz(byte);
	uint8_t bytes[16];

	node_write(n, byte, bytes);
	for (unsigned r = first; r <= 8; r++) {
		unsigned pos = 1u << r | byte >> (8 - r);

		if (!has_value(n, pos))
			continue;
		int stop = visit(w, bytes, 8 * n->byte + r, node_value(n, pos));
		if (stop != 0)
			return stop;
	}
	return 0;
}

/* Bytes at which anything in n begins. */
static void active_bytes(const struct vrs_radix_node *n, uint64_t active[4])
{
	for (unsigned i = 0; i < 4; i++)
		active[i] = n->bits[4 + i] | n->kids[i];
	for (unsigned i = 0; i < 4; i++) {
		for (uint64_t m = n->bits[i]; m != 0; m &= m - 1) {
			unsigned pos = i * 64 + (unsigned)__builtin_ctzll(m);
			unsigned r = 31 - (unsigned)__builtin_clz(pos);
			unsigned byte = (pos ^ 1u << r) << (8 - r);

			active[byte / 64] |= 1ull << byte % 64;
		}
	}
}

/* Whether everything below byte of n comes before w->from. */
static bool before_from(const struct walk *w, const struct vrs_radix_node *n, unsigned byte)
{
	if (!w->bounded)
		return false;
	struct vrs_key k = node_key(n), f = key_of(w->from.addr);
	unsigned diff = key_diff(k, f);
	if (diff < n->byte)
		return key_byte(k, diff) < key_byte(f, diff);
	return byte < key_byte(f, n->byte);
}

static int walk_node(struct walk *w, const struct vrs_radix_node *n);

static int walk_link(
	struct walk *w, const void *link, uint8_t bytes[16]) /* NOLINT(misc-no-recursion) */
{
	return is_leaf(link) ? walk_leaf(w, link, bytes) : walk_node(w, link);
}

/* Depth is at most 16 nodes: each lies at a later byte than its parent. */
static int walk_node(struct walk *w, const struct vrs_radix_node *n) /* NOLINT(misc-no-recursion) */
{
	uint64_t active[4];

	active_bytes(n, active);
	for (unsigned i = 0; i < 4; i++) {
		for (uint64_t m = active[i]; m != 0; m &= m - 1) {
			unsigned byte = i * 64 + (unsigned)__builtin_ctzll(m);
			int stop = walk_byte(w, n, byte);

			if (stop != 0)
				return stop;
			const void *kid = node_kid(n, byte);
			if (kid == NULL || before_from(w, n, byte))
				continue;
			uint8_t bytes[16];
			node_write(n, byte, bytes);
			stop = walk_link(w, kid, bytes);
			if (stop != 0)
				return stop;
		}
	}
	return 0;
}

/* The 256 slots below one first byte, with the short prefixes (node mid) that begin there. */
static int walk_slots(struct walk *w, const struct vrs_radix_root *root,
	const struct vrs_radix_node *mid, unsigned first, unsigned end)
{
	const struct vrs_radix_page *top = vrs_rcu_load(root->top);
	int stop;

	if (mid == NULL &&
		(top == NULL || vrs_rcu_load(top->slots[first >> (MID_BITS + LEAF_BITS)]) == NULL))
		return 0;
	for (unsigned slot = first; slot < end; slot++) {
		if (mid != NULL && (stop = walk_byte(w, mid, slot & 0xff)) != 0)
			return stop;
		const void *link = slot_link(root, slot);
		uint8_t bytes[16] = {(uint8_t)(slot >> 8), (uint8_t)slot};
		if (link != NULL && (stop = walk_link(w, link, bytes)) != 0)
			return stop;
	}
	return 0;
}

int vrs_radix_walk(const struct vrs_radix_root *root, const struct vrs_prefix *from,
	vrs_radix_walk_fn fn, void *ctx)
{
	struct walk w = {.fn = fn, .ctx = ctx, .afi = root->afi};
	const struct vrs_radix_node *top = vrs_rcu_load(root->shorts);
	unsigned first = 0;
	int stop;

	if (from != NULL) {
		w.from = *from;
		w.bounded = true;
		first = key_slot(key_of(from->addr));
	}
	for (unsigned hi = first >> 8; hi < 256; hi++, first = hi << 8) {
		const struct vrs_radix_node *mid = NULL;

		if (top != NULL && top->byte == 0) {
			if ((stop = walk_byte(&w, top, hi)) != 0)
				return stop;
			mid = node_kid(top, hi);
		} else if (top != NULL && key_byte(node_key(top), 0) == hi) {
			mid = top;
		}
		stop = walk_slots(&w, root, mid, first, (hi + 1) << 8);
		if (stop != 0)
			return stop;
	}
	return 0;
}
