/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The writer's side of the tree, and the ordered walk. Matching is in rib/radix_match.c.
 *
 * Every structural change builds one new node beside the old one and stores one pointer, so a
 * reader sees the tree before or after it and never between. In a persistent tree the path
 * from the root to that pointer is made of blocks born in the open version: own_*() copies
 * what is older on the way down. Everything a change needs is allocated before the first
 * store that matters, so running out of memory changes nothing a reader can see.
 *
 * Why three page levels: a version of one change copies a page of each level and one node,
 * about 1.5 KB; two levels of 2-3 KB copied 5.6 KB, too much at 100,000 versions a second.
 *
 * Invariant: a node without values has at least two children.
 */

#include "rib/radix.h"

#include <errno.h>
#include <string.h>

#include "rib/radix_node.h"

enum { MAX_DEPTH = 18 };

void vrs_radix_init(struct vrs_radix *t, enum vrs_afi afi, enum vrs_mem_tag tag, bool persistent,
	vrs_radix_retire_fn retire, void *retire_ctx)
{
	memset(t, 0, sizeof(*t));
	t->root.afi = (uint8_t)afi;
	t->persistent = persistent;
	t->retire = retire;
	t->retire_ctx = retire_ctx;
	vrs_slab_init(&t->slab, tag);
}

void vrs_radix_block_free(struct vrs_radix *t, void *block)
{
	vrs_slab_free(&t->slab, block);
}

static size_t page_size(const struct vrs_radix_page *p)
{
	return sizeof(*p) + p->n_slots * sizeof(p->slots[0]);
}

static size_t node_size(bool wide, unsigned kids, unsigned values)
{
	return sizeof(struct vrs_radix_node) + (wide ? sizeof(struct vrs_key) : 0) +
		kids * sizeof(void *) + values * sizeof(uint32_t);
}

static size_t node_size_of(const struct vrs_radix_node *n)
{
	return node_size(n->wide, n_kids(n), n_values(n));
}

/* A block that has left the open tree: free at once if no version ever reached it. */
static void discard(struct vrs_radix *t, void *block, size_t size, uint32_t born)
{
	if (t->persistent && born == t->open)
		vrs_slab_free(&t->slab, block);
	else
		t->retire(t->retire_ctx, t, block, size, born);
}

static void node_discard(struct vrs_radix *t, struct vrs_radix_node *n)
{
	discard(t, n, node_size_of(n), n->born);
}

static void fill_ranks(struct vrs_radix_node *n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < 8; i++) {
		n->rank[i] = (uint16_t)sum;
		sum += (unsigned)__builtin_popcountll(n->bits[i]);
	}
	sum = 0;
	for (unsigned i = 0; i < 4; i++) {
		n->krank[i] = (uint8_t)sum;
		sum += (unsigned)__builtin_popcountll(n->kids[i]);
	}
}

/* Header of a node at byte for key; bitmaps empty. */
static void node_head(
	struct vrs_radix *t, struct vrs_radix_node *n, unsigned byte, struct vrs_key k)
{
	memset(n, 0, sizeof(*n));
	n->byte = (uint8_t)byte;
	n->wide = t->root.afi == VRS_AFI_IP6;
	n->born = t->open;
	/* Only the bytes before its own belong to the key. */
	if (byte < 8) {
		k.hi = byte == 0 ? 0 : k.hi & ~0ull << (64 - 8 * byte);
		k.lo = 0;
	} else {
		k.lo = byte == 8 ? 0 : k.lo & ~0ull << (128 - 8 * byte);
	}
	n->key4 = (uint32_t)(k.hi >> 32);
	if (n->wide)
		memcpy(n + 1, &k, sizeof(k));
}

/* One change to a node: a value or a child, added or taken away. */
struct edit {
	enum { ADD_VALUE, DEL_VALUE, ADD_KID, DEL_KID } what;
	unsigned at; /* Heap position or byte. */
	uint32_t value;
	void *kid;
};

/* Copy n items with room made for one at `at`, or the one there left out. */
static void copy_around(void *to, const void *from, size_t item, size_t n, size_t at, bool room)
{
	char *d = to;
	const char *s = from;

	memcpy(d, s, at * item);
	if (room)
		memcpy(d + (at + 1) * item, s + at * item, (n - at) * item);
	else
		memcpy(d + at * item, s + (at + 1) * item, (n - at - 1) * item);
}

/* A copy of old with the edit applied; NULL if out of memory. */
static struct vrs_radix_node *node_edit(
	struct vrs_radix *t, const struct vrs_radix_node *old, const struct edit *e)
{
	unsigned kids = n_kids(old), values = n_values(old);
	unsigned new_kids = kids + (e->what == ADD_KID) - (e->what == DEL_KID);
	unsigned new_values = values + (e->what == ADD_VALUE) - (e->what == DEL_VALUE);
	struct vrs_radix_node *n =
		vrs_slab_alloc(&t->slab, node_size(old->wide, new_kids, new_values));

	if (n == NULL)
		return NULL;
	memcpy(n, old, sizeof(*n) + (old->wide ? sizeof(struct vrs_key) : 0));
	n->born = t->open;
	if (e->what == ADD_VALUE || e->what == DEL_VALUE)
		n->bits[e->at / 64] ^= 1ull << e->at % 64;
	else
		n->kids[e->at / 64] ^= 1ull << e->at % 64;
	fill_ranks(n);

	if (new_kids == kids) {
		memcpy(node_kids(n), node_kids(old), kids * sizeof(void *));
	} else {
		unsigned at = kid_rank(old, e->at);

		copy_around(
			node_kids(n), node_kids(old), sizeof(void *), kids, at, new_kids > kids);
		if (e->what == ADD_KID)
			node_kids(n)[at] = e->kid;
	}
	if (new_values == values) {
		memcpy(node_values(n), node_values(old), values * sizeof(uint32_t));
	} else {
		unsigned at = value_rank(old, e->at);

		copy_around(node_values(n), node_values(old), sizeof(uint32_t), values, at,
			new_values > values);
		if (e->what == ADD_VALUE)
			node_values(n)[at] = e->value;
	}
	return n;
}

/* A node with one value, and above `kid` unless that is NULL. */
static struct vrs_radix_node *leaf_new(struct vrs_radix *t, struct vrs_key k, unsigned len,
	uint32_t value, struct vrs_radix_node *kid)
{
	bool wide = t->root.afi == VRS_AFI_IP6;
	struct vrs_radix_node *n = vrs_slab_alloc(&t->slab, node_size(wide, kid != NULL, 1));

	if (n == NULL)
		return NULL;
	unsigned byte = byte_of_len(len), pos = heap_pos(k, byte, len);
	node_head(t, n, byte, k);
	n->bits[pos / 64] = 1ull << pos % 64;
	if (kid != NULL) {
		unsigned at = key_byte(node_key(kid), byte);

		n->kids[at / 64] = 1ull << at % 64;
	}
	fill_ranks(n);
	if (kid != NULL)
		node_kids(n)[0] = kid;
	node_values(n)[0] = value;
	return n;
}

/* A node at byte with two children, which differ there, and no value. */
static struct vrs_radix_node *fork_new(
	struct vrs_radix *t, unsigned byte, struct vrs_radix_node *a, struct vrs_radix_node *b)
{
	bool wide = t->root.afi == VRS_AFI_IP6;
	struct vrs_radix_node *n = vrs_slab_alloc(&t->slab, node_size(wide, 2, 0));

	if (n == NULL)
		return NULL;
	unsigned at = key_byte(node_key(a), byte), bt = key_byte(node_key(b), byte);
	node_head(t, n, byte, node_key(a));
	n->kids[at / 64] |= 1ull << at % 64;
	n->kids[bt / 64] |= 1ull << bt % 64;
	fill_ranks(n);
	node_kids(n)[at > bt] = a;
	node_kids(n)[bt > at] = b;
	return n;
}

static struct vrs_radix_page *page_new(struct vrs_radix *t, unsigned bits)
{
	size_t size = sizeof(struct vrs_radix_page) + sizeof(void *) * (1u << bits);
	struct vrs_radix_page *p = vrs_slab_alloc(&t->slab, size);

	if (p == NULL)
		return NULL;
	memset(p, 0, size);
	p->born = t->open;
	p->n_slots = 1u << bits;
	return p;
}

/* Make *link a page that may be written: made, or copied when a version holds it. */
static struct vrs_radix_page *own_page(struct vrs_radix *t, void **link, unsigned bits)
{
	struct vrs_radix_page *old = *link, *p;

	if (old != NULL && (!t->persistent || old->born == t->open))
		return old;
	p = page_new(t, bits);
	if (p == NULL)
		return NULL;
	if (old != NULL)
		memcpy(p->slots, old->slots, old->n_slots * sizeof(p->slots[0]));
	vrs_rcu_publish(*link, (void *)p);
	if (old != NULL)
		t->retire(t->retire_ctx, t, old, page_size(old), old->born);
	return p;
}

/* As own_page() for the node in *link, which is there. */
static struct vrs_radix_node *own_node(struct vrs_radix *t, void **link)
{
	struct vrs_radix_node *old = *link, *n;

	if (!t->persistent || old->born == t->open)
		return old;
	size_t size = node_size_of(old);
	n = vrs_slab_alloc(&t->slab, size);
	if (n == NULL)
		return NULL;
	memcpy(n, old, size);
	n->born = t->open;
	vrs_rcu_publish(*link, (void *)n);
	t->retire(t->retire_ctx, t, old, size, old->born);
	return n;
}

/* The writable link that the way to (k, len) starts from; NULL if out of memory. */
static void **first_link(struct vrs_radix *t, struct vrs_key k, unsigned len)
{
	unsigned slot = key_slot(k);

	if (len < 16)
		return &t->root.shorts;
	struct vrs_radix_page *p = own_page(t, &t->root.top, TOP_BITS);
	if (p == NULL)
		return NULL;
	p = own_page(t, &p->slots[slot >> (MID_BITS + LEAF_BITS)], MID_BITS);
	if (p == NULL)
		return NULL;
	p = own_page(t, &p->slots[slot >> LEAF_BITS & ((1u << MID_BITS) - 1)], LEAF_BITS);
	return p == NULL ? NULL : &p->slots[slot & ((1u << LEAF_BITS) - 1)];
}

/* Replace the node in *link by n. */
static int swap_in(struct vrs_radix *t, void **link, struct vrs_radix_node *n)
{
	struct vrs_radix_node *old = *link;

	if (n == NULL)
		return -ENOMEM;
	vrs_rcu_publish(*link, (void *)n);
	node_discard(t, old);
	return 0;
}

/* The node in *link parts from the way to (k, len) at byte diff, or lies below it. */
static int put_above(struct vrs_radix *t, void **link, struct vrs_key k, unsigned len,
	uint32_t value, unsigned diff)
{
	bool below = diff >= byte_of_len(len);
	struct vrs_radix_node *top = leaf_new(t, k, len, value, below ? *link : NULL);

	if (top == NULL)
		return -ENOMEM;
	if (!below) {
		struct vrs_radix_node *leaf = top;

		top = fork_new(t, diff, *link, leaf);
		if (top == NULL) {
			vrs_slab_free(&t->slab, leaf);
			return -ENOMEM;
		}
	}
	vrs_rcu_publish(*link, (void *)top);
	return 1;
}

/* The node in *link is the one for (k, len). */
static int put_value(
	struct vrs_radix *t, void **link, struct vrs_key k, unsigned len, uint32_t value)
{
	struct vrs_radix_node *n = *link;
	unsigned pos = heap_pos(k, n->byte, len);

	if (has_value(n, pos)) {
		n = own_node(t, link);
		if (n == NULL)
			return -ENOMEM;
		__atomic_store_n(&node_values(n)[value_rank(n, pos)], value, __ATOMIC_RELEASE);
		return 0;
	}
	int err = swap_in(t, link, node_edit(t, n, &(struct edit){ADD_VALUE, pos, value, NULL}));
	return err != 0 ? err : 1;
}

/* The node in *link is above (k, len) and has no child on the way. */
static int put_kid(struct vrs_radix *t, void **link, struct vrs_key k, unsigned len, uint32_t value)
{
	struct vrs_radix_node *n = *link, *leaf = leaf_new(t, k, len, value, NULL);

	if (leaf == NULL)
		return -ENOMEM;
	struct edit e = {ADD_KID, key_byte(k, n->byte), 0, leaf};
	int err = swap_in(t, link, node_edit(t, n, &e));
	if (err == 0)
		return 1;
	vrs_slab_free(&t->slab, leaf);
	return err;
}

static int insert_at(
	struct vrs_radix *t, void **link, struct vrs_key k, unsigned len, uint32_t value)
{
	unsigned byte = byte_of_len(len);

	for (;;) {
		struct vrs_radix_node *n = *link;

		if (n == NULL) {
			n = leaf_new(t, k, len, value, NULL);
			if (n == NULL)
				return -ENOMEM;
			vrs_rcu_publish(*link, (void *)n);
			return 1;
		}
		unsigned diff = key_diff(node_key(n), k);
		if (diff < VRS_MIN((unsigned)n->byte, byte) || n->byte > byte)
			return put_above(t, link, k, len, value, diff);
		if (n->byte == byte)
			return put_value(t, link, k, len, value);
		if (!has_kid(n, key_byte(k, n->byte)))
			return put_kid(t, link, k, len, value);
		n = own_node(t, link);
		if (n == NULL)
			return -ENOMEM;
		link = &node_kids(n)[kid_rank(n, key_byte(k, n->byte))];
	}
}

int vrs_radix_insert(struct vrs_radix *t, const struct vrs_prefix *p, uint32_t value)
{
	struct vrs_key k = key_of(p->addr);
	void **link = first_link(t, k, p->len);

	if (link == NULL)
		return -ENOMEM;
	int r = insert_at(t, link, k, p->len, value);
	if (r == 1)
		t->n++;
	return r;
}

/* The node in *link is empty but for the value that goes; above it is the node in *up. */
static int take_node(struct vrs_radix *t, void **up, void **link, struct vrs_key k)
{
	struct vrs_radix_node *n = *link;

	if (up == NULL) {
		vrs_rcu_publish(*link, NULL);
		node_discard(t, n);
		return 0;
	}
	struct vrs_radix_node *parent = *up;
	unsigned byte = key_byte(k, parent->byte);
	if (n_values(parent) > 0 || n_kids(parent) > 2) {
		int err = swap_in(
			t, up, node_edit(t, parent, &(struct edit){DEL_KID, byte, 0, NULL}));

		if (err == 0)
			node_discard(t, n);
		return err;
	}
	/* A fork of two without values gives way to the other child. */
	vrs_rcu_publish(*up, node_kids(parent)[!kid_rank(parent, byte)]);
	node_discard(t, parent);
	node_discard(t, n);
	return 0;
}

int vrs_radix_remove(struct vrs_radix *t, const struct vrs_prefix *p)
{
	struct vrs_key k = key_of(p->addr);
	unsigned byte = byte_of_len(p->len);
	uint32_t value;
	int err;

	if (!vrs_radix_get(t, p, &value))
		return -ENOENT;
	void **up = NULL, **link = first_link(t, k, p->len);
	if (link == NULL)
		return -ENOMEM;
	struct vrs_radix_node *n = *link;
	while (n->byte != byte) {
		n = own_node(t, link);
		if (n == NULL)
			return -ENOMEM;
		up = link;
		link = &node_kids(n)[kid_rank(n, key_byte(k, n->byte))];
		n = *link;
	}
	if (n_values(n) > 1 || n_kids(n) > 1) {
		struct edit e = {DEL_VALUE, heap_pos(k, byte, p->len), 0, NULL};

		err = swap_in(t, link, node_edit(t, n, &e));
	} else if (n_kids(n) == 1) {
		vrs_rcu_publish(*link, node_kids(n)[0]);
		node_discard(t, n);
		err = 0;
	} else {
		err = take_node(t, up, link, k);
	}
	if (err == 0)
		t->n--;
	return err;
}

static bool find(const struct vrs_radix_root *root, const struct vrs_prefix *p, uint32_t *value)
{
	struct vrs_key k = key_of(p->addr);
	unsigned byte = byte_of_len(p->len);
	const struct vrs_radix_node *n =
		p->len < 16 ? vrs_rcu_load(root->shorts) : slot_node(root, key_slot(k));

	while (n != NULL && n->byte < byte)
		n = node_kid(n, key_byte(k, n->byte));
	/* Key bytes skipped on the way are compared once, here. */
	if (n == NULL || n->byte != byte || !node_covers(n, k))
		return false;
	unsigned pos = heap_pos(k, byte, p->len);
	if (!has_value(n, pos))
		return false;
	*value = node_value(n, pos);
	return true;
}

bool vrs_radix_get(const struct vrs_radix *t, const struct vrs_prefix *p, uint32_t *value)
{
	return find(&t->root, p, value);
}

bool vrs_radix_find(const struct vrs_radix_root *root, const struct vrs_prefix *p, uint32_t *value)
{
	return p->afi == root->afi && find(root, p, value);
}

void vrs_radix_prefetch(const struct vrs_radix *t, const struct vrs_prefix *p)
{
	const struct vrs_radix_node *n = slot_node(&t->root, key_slot(key_of(p->addr)));

	if (n != NULL) {
		__builtin_prefetch(n);
		__builtin_prefetch((const char *)n + 64);
	}
}

/* --- Ordered walk --- */

struct walk {
	struct vrs_prefix from;
	bool bounded; /* Still before or at `from`: compare. */
	vrs_radix_walk_fn fn;
	void *ctx;
	uint8_t afi;
};

static struct vrs_prefix prefix_at(
	const struct walk *w, const struct vrs_radix_node *n, unsigned byte, unsigned len)
{
	struct vrs_addr a = {.afi = w->afi};

	key_write(node_key(n), a.bytes);
	a.bytes[n->byte] = (uint8_t)byte;
	return vrs_prefix_of(&a, len);
}

/* The values of n whose prefixes begin at this byte, shortest first. */
static int walk_byte(struct walk *w, const struct vrs_radix_node *n, unsigned byte)
{
	unsigned first = byte == 0 ? 0 : 8 - (unsigned)__builtin_ctz(byte);

	for (unsigned r = first; r <= 8; r++) {
		unsigned pos = 1u << r | byte >> (8 - r);

		if (!has_value(n, pos))
			continue;
		struct vrs_prefix p = prefix_at(w, n, byte, 8 * n->byte + r);
		if (w->bounded) {
			if (vrs_prefix_cmp(&p, &w->from) < 0)
				continue;
			w->bounded = false;
		}
		int stop = w->fn(w->ctx, &p, node_value(n, pos));
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
			const struct vrs_radix_node *kid = node_kid(n, byte);
			if (kid != NULL && !before_from(w, n, byte)) {
				stop = walk_node(w, kid);
				if (stop != 0)
					return stop;
			}
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
		const struct vrs_radix_node *n = slot_node(root, slot);
		if (n != NULL && (stop = walk_node(w, n)) != 0)
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

/* --- The end --- */

static void node_fini(struct vrs_radix *t, struct vrs_radix_node *n) /* NOLINT(misc-no-recursion) */
{
	for (unsigned i = 0; i < n_kids(n); i++)
		node_fini(t, node_kids(n)[i]);
	vrs_slab_free(&t->slab, n);
}

static void page_fini(struct vrs_radix *t, struct vrs_radix_page *p, unsigned level)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		if (p->slots[i] == NULL)
			continue;
		if (level == 2)
			node_fini(t, p->slots[i]);
		else
			page_fini(t, p->slots[i], level + 1); /* NOLINT(misc-no-recursion) */
	}
	vrs_slab_free(&t->slab, p);
}

void vrs_radix_fini(struct vrs_radix *t)
{
	if (t->root.top != NULL)
		page_fini(t, t->root.top, 0);
	if (t->root.shorts != NULL)
		node_fini(t, t->root.shorts);
	t->root.top = NULL;
	t->root.shorts = NULL;
	vrs_slab_fini(&t->slab);
}
