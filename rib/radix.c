/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The writer's side of the tree, and exact finds. Matching is in rib/radix_match.c, the ordered walk in
 * rib/radix_walk.c.
 *
 * What only the writer knows (all of a private tree; what was born in the open version of a
 * persistent one) is edited in place: values and children move up by one, which costs a tenth of
 * a copy. Anything else is copied on the way from the root (own_*()), so that every version
 * that was published stays as it is. Everything a change needs is allocated before the first
 * store that matters, so running out of memory changes nothing a reader can see.
 *
 * Why three page levels: a version of one change copies a page of each level and one node,
 * about 1.5 KB; two levels of 2-3 KB copied 5.6 KB, too much at 100,000 versions a second.
 *
 * Invariants: a node without values has at least two children; a leaf (rib/radix_node.h) hangs where it
 * reaches to. A leaf that has to share its place becomes a node first (grown()), and a node left with one value
 * becomes a leaf again where it can (shrunk()).
 */

#include "rib/radix.h"

#include <errno.h>
#include <string.h>

#include "rib/radix_node.h"

void vrs_radix_init(struct vrs_radix *t, enum vrs_afi afi, enum vrs_mem_tag tag, bool persistent,
	vrs_radix_retire_fn retire, void *retire_ctx)
{
	memset(t, 0, sizeof(*t));
	t->root.afi = (uint8_t)afi;
	t->persistent = persistent;
	t->retire = retire;
	t->retire_ctx = retire_ctx;
	vrs_slab_init(&t->slab, tag, VRS_SLAB_UNIT);
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

/* Whether no version reaches a block of this birth: only the writer knows it. */
static bool owned(const struct vrs_radix *t, uint32_t born)
{
	return !t->persistent || born == t->open;
}

/* A block that has left the open tree. */
static void discard(struct vrs_radix *t, void *block, size_t size, uint32_t born)
{
	if (owned(t, born))
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

/* A node for some more than size bytes, its header not filled but for the room; NULL if out of memory. */
static struct vrs_radix_node *node_alloc(struct vrs_radix *t, size_t size)
{
	struct vrs_radix_node *n = vrs_slab_alloc(&t->slab, size);

	if (n != NULL)
		n->room = (uint16_t)(vrs_slab_round(size) / VRS_SLAB_UNIT);
	return n;
}

/* Header of a node at byte for key; bitmaps empty. */
static void node_head(
	struct vrs_radix *t, struct vrs_radix_node *n, unsigned byte, struct vrs_key k)
{
	uint16_t room = n->room;

	memset(n, 0, sizeof(*n));
	n->room = room;
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

/* Bytes of n after the edit. */
static size_t size_after(const struct vrs_radix_node *n, const struct edit *e)
{
	unsigned kids = n_kids(n), values = n_values(n);

	switch (e->what) {
	case ADD_VALUE:
		return node_size(n->wide, kids, values + 1);
	case DEL_VALUE:
		return node_size(n->wide, kids, values - 1);
	case ADD_KID:
		return node_size(n->wide, kids + 1, values);
	case DEL_KID:
		break;
	}
	return node_size(n->wide, kids - 1, values);
}

/* Apply the edit to a node that has the room and that nobody else knows. */
static void edit_in_place(struct vrs_radix_node *n, const struct edit *e)
{
	char *tail = node_tail(n), *end = (char *)n + node_size_of(n);
	bool value = e->what == ADD_VALUE || e->what == DEL_VALUE;
	bool add = e->what == ADD_VALUE || e->what == ADD_KID;
	size_t item = value ? sizeof(uint32_t) : sizeof(void *);
	char *at = value ? (char *)&node_values(n)[value_rank(n, e->at)]
			 : tail + kid_rank(n, e->at) * item;

	if (add) {
		memmove(at + item, at, (size_t)(end - at));
		if (value)
			memcpy(at, &e->value, item);
		else
			memcpy(at, &e->kid, item);
	} else {
		memmove(at, at + item, (size_t)(end - at) - item);
	}
	unsigned word = e->at / 64;
	int one = add ? 1 : -1;
	if (value) {
		n->bits[word] ^= 1ull << e->at % 64;
		while (++word < 8)
			n->rank[word] = (uint16_t)(n->rank[word] + one);
	} else {
		n->kids[word] ^= 1ull << e->at % 64;
		while (++word < 4)
			n->krank[word] = (uint8_t)(n->krank[word] + one);
	}
}

/* A copy of old with the edit applied, and some room to grow; NULL if out of memory. */
static struct vrs_radix_node *node_edit(
	struct vrs_radix *t, const struct vrs_radix_node *old, const struct edit *e)
{
	size_t had = node_size_of(old), size = size_after(old, e), most = VRS_MAX(had, size);
	struct vrs_radix_node *n =
		node_alloc(t, size <= had ? had : VRS_MIN(most + most / 8, (size_t)VRS_SLAB_MAX));

	if (n == NULL)
		return NULL;
	uint16_t room = n->room;
	memcpy(n, old, had);
	n->room = room;
	n->born = t->open;
	edit_in_place(n, e);
	return n;
}

/* A node with one value, and above `kid`, whose link will be `link`, unless they are NULL. */
static struct vrs_radix_node *single_new(struct vrs_radix *t, struct vrs_key k, unsigned len,
	uint32_t value, const struct vrs_radix_node *kid, void *link)
{
	bool wide = t->root.afi == VRS_AFI_IP6;
	struct vrs_radix_node *n = node_alloc(t, node_size(wide, kid != NULL, 1));

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
		node_kids(n)[0] = link;
	node_values(n)[0] = value;
	return n;
}

/* A link for a prefix on its own, below byte `from`: a leaf, or a node; NULL if out of memory. */
static void *lone_new(
	struct vrs_radix *t, unsigned from, struct vrs_key k, unsigned len, uint32_t value)
{
	if (leaf_reaches(from, byte_of_len(len)))
		return leaf_make(k, len, value);
	return single_new(t, k, len, value, NULL, NULL);
}

/* What is not linked after all. */
static void lone_free(struct vrs_radix *t, void *link)
{
	if (!is_leaf(link))
		vrs_slab_free(&t->slab, link);
}

/* The node that a leaf is short for. @param k  What the leaf's link is known to cover. NULL: out of memory. */
static struct vrs_radix_node *grown(struct vrs_radix *t, const void *leaf, struct vrs_key k)
{
	uint8_t bytes[16];

	key_write(k, bytes);
	leaf_write(leaf, bytes);
	return single_new(t, key_of(bytes), leaf_len(leaf), leaf_value(leaf), NULL, NULL);
}

/* The link that says all that node n, below byte `from`, does: a leaf if it can, else n itself. */
static void *shrunk(const struct vrs_radix_node *n, unsigned from)
{
	if (n_values(n) != 1 || n_kids(n) != 0 || !leaf_reaches(from, n->byte))
		return (void *)n; /* NOLINT(bugprone-casting-through-void) */
	unsigned word = 0;
	while (n->bits[word] == 0)
		word++;
	unsigned pos = word * 64 + (unsigned)__builtin_ctzll(n->bits[word]);
	unsigned r = 31 - (unsigned)__builtin_clz(pos);
	uint8_t bytes[16];
	node_write(n, pos << (8 - r) & 0xff, bytes);
	return leaf_make(key_of(bytes), 8 * n->byte + r, node_values(n)[0]);
}

/* A node at byte with two children, which have these bytes there, and no value. */
static struct vrs_radix_node *fork_new(struct vrs_radix *t, unsigned byte, struct vrs_key k,
	unsigned at, void *a, unsigned bt, void *b)
{
	bool wide = t->root.afi == VRS_AFI_IP6;
	struct vrs_radix_node *n = node_alloc(t, node_size(wide, 2, 0));

	if (n == NULL)
		return NULL;
	node_head(t, n, byte, k);
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

	if (old != NULL && owned(t, old->born))
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

	if (owned(t, old->born))
		return old;
	size_t size = node_size_of(old);
	n = node_alloc(t, size);
	if (n == NULL)
		return NULL;
	uint16_t room = n->room;
	memcpy(n, old, size);
	n->room = room;
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

/* Edit the node in *link: in place, or a copy takes its place. @return 0 or -ENOMEM. */
static int edit(struct vrs_radix *t, void **link, const struct edit *e)
{
	struct vrs_radix_node *old = *link;
	size_t size = size_after(old, e), room = (size_t)old->room * VRS_SLAB_UNIT;

	/* Nodes that have shrunk to less than half of their room are copied to give the rest back. */
	if (owned(t, old->born) && size <= room && (size * 2 >= room || room <= 256)) {
		edit_in_place(old, e);
		return 0;
	}
	struct vrs_radix_node *n = node_edit(t, old, e);
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
	struct vrs_radix_node *old = *link, *top;
	bool below = diff >= byte_of_len(len);
	unsigned byte = below ? byte_of_len(len) : diff;
	void *low = shrunk(old, byte);

	if (below) {
		top = single_new(t, k, len, value, old, low);
	} else {
		void *lone = lone_new(t, byte, k, len, value);

		if (lone == NULL)
			return -ENOMEM;
		top = fork_new(
			t, byte, k, key_byte(node_key(old), byte), low, key_byte(k, byte), lone);
		if (top == NULL)
			lone_free(t, lone);
	}
	if (top == NULL)
		return -ENOMEM;
	vrs_rcu_publish(*link, (void *)top);
	if (low != (void *)old)
		node_discard(t, old);
	return 1;
}

/* What becomes of a prefix that is there already. */
struct put {
	uint32_t value;
	bool keep;    /* It keeps its value. */
	uint32_t old; /* Which was this one. */
};

/* The node in *link is the one for (k, len). */
static int put_value(
	struct vrs_radix *t, void **link, struct vrs_key k, unsigned len, struct put *put)
{
	struct vrs_radix_node *n = *link;
	unsigned pos = heap_pos(k, n->byte, len);

	if (has_value(n, pos)) {
		put->old = node_values(n)[value_rank(n, pos)];
		if (put->keep)
			return 0;
		n = own_node(t, link);
		if (n == NULL)
			return -ENOMEM;
		node_values(n)[value_rank(n, pos)] = put->value;
		return 0;
	}
	int err = edit(t, link, &(struct edit){ADD_VALUE, pos, put->value, NULL});
	return err != 0 ? err : 1;
}

/* The node in *link is above (k, len) and has no child on the way. */
static int put_kid(struct vrs_radix *t, void **link, struct vrs_key k, unsigned len, uint32_t value)
{
	struct vrs_radix_node *n = *link;
	void *lone = lone_new(t, n->byte, k, len, value);

	if (lone == NULL)
		return -ENOMEM;
	struct edit e = {ADD_KID, key_byte(k, n->byte), 0, lone};
	int err = edit(t, link, &e);
	if (err == 0)
		return 1;
	lone_free(t, lone);
	return err;
}

/* The leaf in *link is the one for (k, len). */
static int put_leaf(void **link, struct vrs_key k, unsigned len, struct put *put)
{
	put->old = leaf_value(*link);
	if (!put->keep)
		vrs_rcu_publish(*link, leaf_make(k, len, put->value));
	return 0;
}

static int insert_at(
	struct vrs_radix *t, void **link, struct vrs_key k, unsigned len, struct put *put)
{
	uint32_t value = put->value;
	unsigned byte = byte_of_len(len), from = 1;

	for (;;) {
		struct vrs_radix_node *n = *link;

		if (n == NULL) {
			void *lone = lone_new(t, from, k, len, value);

			if (lone == NULL)
				return -ENOMEM;
			vrs_rcu_publish(*link, lone);
			return 1;
		}
		if (is_leaf(n)) {
			if (leaf_is(n, k, byte, len))
				return put_leaf(link, k, len, put);
			n = grown(t, n, k);
			if (n == NULL)
				return -ENOMEM;
			vrs_rcu_publish(*link, (void *)n);
		}
		unsigned diff = key_diff(node_key(n), k);
		if (diff < VRS_MIN((unsigned)n->byte, byte) || n->byte > byte)
			return put_above(t, link, k, len, value, diff);
		if (n->byte == byte)
			return put_value(t, link, k, len, put);
		if (!has_kid(n, key_byte(k, n->byte)))
			return put_kid(t, link, k, len, value);
		n = own_node(t, link);
		if (n == NULL)
			return -ENOMEM;
		from = n->byte;
		link = &node_kids(n)[kid_rank(n, key_byte(k, n->byte))];
	}
}

static int put(struct vrs_radix *t, const struct vrs_prefix *p, struct put *put)
{
	struct vrs_key k = key_of(p->addr);
	void **link = first_link(t, k, p->len);

	if (link == NULL)
		return -ENOMEM;
	int r = insert_at(t, link, k, p->len, put);
	if (r == 1)
		t->n++;
	return r;
}

int vrs_radix_insert(struct vrs_radix *t, const struct vrs_prefix *p, uint32_t value)
{
	return put(t, p, &(struct put){.value = value});
}

int vrs_radix_exchange(
	struct vrs_radix *t, const struct vrs_prefix *p, uint32_t value, uint32_t *old)
{
	struct put w = {.value = value};
	int r = put(t, p, &w);

	if (r == 0)
		*old = w.old;
	return r;
}

int vrs_radix_add(struct vrs_radix *t, const struct vrs_prefix *p, uint32_t value, uint32_t *old)
{
	struct put w = {.value = value, .keep = true};
	int r = put(t, p, &w);

	if (r == 0)
		*old = w.old;
	return r;
}

/* A place on the way down: the link, the byte above it, and what hangs there. */
struct place {
	void **link;
	unsigned from;
};

static void link_discard(struct vrs_radix *t, void *link)
{
	if (!is_leaf(link))
		node_discard(t, link);
}

/* Let `rest`, a child of node n, which hangs at `at`, take n's place. @return 0 or -ENOMEM. */
static int lift(
	struct vrs_radix *t, const struct place *at, struct vrs_radix_node *n, unsigned rest)
{
	void *kid = node_kids(n)[rest];

	if (is_leaf(kid) && !leaf_reaches(at->from, leaf_byte(kid))) {
		/* Its byte of n's, which was said by where it hung. */
		uint8_t bytes[16];
		unsigned byte = 0;

		for (unsigned left = rest + 1; left > 0; byte++)
			left -= has_kid(n, byte);
		node_write(n, byte - 1, bytes);
		kid = grown(t, kid, key_of(bytes));
		if (kid == NULL)
			return -ENOMEM;
	}
	vrs_rcu_publish(*at->link, kid);
	node_discard(t, n);
	return 0;
}

/* A node that has come down to one value is a leaf again, where it can be. */
static void shrink(struct vrs_radix *t, const struct place *at)
{
	struct vrs_radix_node *n = *at->link;
	void *leaf = shrunk(n, at->from);

	if (leaf == (void *)n)
		return;
	vrs_rcu_publish(*at->link, leaf);
	node_discard(t, n);
}

/* What hangs at `at` is empty but for the value that goes; above it is the node at `up`. */
static int take_lone(
	struct vrs_radix *t, const struct place *up, const struct place *at, struct vrs_key k)
{
	void *lone = *at->link;
	int err;

	if (up->link == NULL) {
		vrs_rcu_publish(*at->link, NULL);
		link_discard(t, lone);
		return 0;
	}
	struct vrs_radix_node *parent = *up->link;
	unsigned byte = key_byte(k, parent->byte);
	/* A fork of two without values gives way to the other child. */
	if (n_values(parent) == 0 && n_kids(parent) == 2)
		err = lift(t, up, parent, !kid_rank(parent, byte));
	else
		err = edit(t, up->link, &(struct edit){DEL_KID, byte, 0, NULL});
	if (err != 0)
		return err;
	link_discard(t, lone);
	if (!is_leaf(*up->link))
		shrink(t, up);
	return 0;
}

/* Take (k, len) from the node at `at`, which has it. */
static int take_value(struct vrs_radix *t, const struct place *up, const struct place *at,
	struct vrs_key k, unsigned len)
{
	struct vrs_radix_node *n = *at->link;

	if (n_values(n) == 1 && n_kids(n) == 0)
		return take_lone(t, up, at, k);
	if (n_values(n) == 1 && n_kids(n) == 1)
		return lift(t, at, n, 0);
	int err = edit(t, at->link, &(struct edit){DEL_VALUE, heap_pos(k, n->byte, len), 0, NULL});
	if (err == 0)
		shrink(t, at);
	return err;
}

int vrs_radix_remove(struct vrs_radix *t, const struct vrs_prefix *p)
{
	struct vrs_key k = key_of(p->addr);
	unsigned byte = byte_of_len(p->len);
	uint32_t value;

	if (!vrs_radix_get(t, p, &value))
		return -ENOENT;
	struct place up = {NULL, 1}, at = {first_link(t, k, p->len), 1};
	if (at.link == NULL)
		return -ENOMEM;
	while (!is_leaf(*at.link) && ((struct vrs_radix_node *)*at.link)->byte != byte) {
		struct vrs_radix_node *n = own_node(t, at.link);

		if (n == NULL)
			return -ENOMEM;
		up = at;
		at = (struct place){&node_kids(n)[kid_rank(n, key_byte(k, n->byte))], n->byte};
	}
	int err =
		is_leaf(*at.link) ? take_lone(t, &up, &at, k) : take_value(t, &up, &at, k, p->len);
	if (err == 0)
		t->n--;
	return err;
}

static bool find(const struct vrs_radix_root *root, const struct vrs_prefix *p, uint32_t *value)
{
	struct vrs_key k = key_of(p->addr);
	unsigned byte = byte_of_len(p->len);
	const void *link = p->len < 16 ? vrs_rcu_load(root->shorts) : slot_link(root, key_slot(k));
	const struct vrs_radix_node *n = NULL;

	while (link != NULL && !is_leaf(link)) {
		n = link;
		if (n->byte >= byte)
			break;
		link = node_kid(n, key_byte(k, n->byte));
	}
	/* Key bytes skipped on the way are compared once, here: by the last node on it, and the leaf. */
	if (link == NULL || (n != NULL && !node_covers(n, k)))
		return false;
	if (is_leaf(link)) {
		if (!leaf_is(link, k, byte, p->len))
			return false;
		*value = leaf_value(link);
		return true;
	}
	if (n == NULL || n->byte != byte)
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

/* A find that takes one step whenever what it waits for has been fetched. */
struct step {
	const void *link; /* Where we are: of a node, the header is fetched; NULL: done. */
	const struct vrs_radix_node *up; /* The node above. */
	const void *const *kid;          /* The next link, fetched. */
	const uint32_t *value;           /* Fetched. */
	struct vrs_key key;
	unsigned byte, len;
};

static void step_to(struct step *s, const void *link)
{
	s->link = link;
	if (link != NULL && !is_leaf(link)) {
		__builtin_prefetch(link);
		__builtin_prefetch((const char *)link + 64);
	}
}

/* The end of a find at a leaf. */
static void step_leaf(const struct step *s, uint32_t *value)
{
	if (leaf_is(s->link, s->key, s->byte, s->len) &&
		(s->up == NULL || node_covers(s->up, s->key)))
		*value = leaf_value(s->link);
}

/* @return Whether it has ended; then *value is written if the prefix is there. */
static bool step(struct step *s, uint32_t *value)
{
	const struct vrs_radix_node *n = s->link;

	if (s->value != NULL) {
		*value = *s->value;
		return true;
	}
	if (s->kid != NULL) {
		step_to(s, *s->kid);
		s->kid = NULL;
		return false;
	}
	if (n != NULL && is_leaf(n)) {
		step_leaf(s, value);
		return true;
	}
	if (n == NULL || n->byte > s->byte || (n->byte == s->byte && !node_covers(n, s->key)))
		return true;
	if (n->byte < s->byte) {
		unsigned byte = key_byte(s->key, n->byte);
		const void *const *kid = (const void *const *)&node_kids(n)[kid_rank(n, byte)];

		__builtin_prefetch(kid);
		if (!has_kid(n, byte))
			return true;
		s->kid = kid;
		s->up = n;
		return false;
	}
	unsigned pos = heap_pos(s->key, s->byte, s->len);
	const uint32_t *at = &node_values(n)[value_rank(n, pos)];
	__builtin_prefetch(at);
	if (!has_value(n, pos))
		return true;
	s->value = at;
	return false;
}

enum { DEEP = 32 };

static void get_bulk(const struct vrs_radix *t, const struct vrs_prefix *const *prefixes,
	unsigned n, uint32_t *values)
{
	struct step steps[DEEP];
	uint8_t active[DEEP];
	unsigned n_active = n;

	for (unsigned i = 0; i < n; i++) {
		const struct vrs_prefix *p = prefixes[i];
		struct vrs_key k = key_of(p->addr);

		steps[i] = (struct step){.key = k, .byte = byte_of_len(p->len), .len = p->len};
		step_to(&steps[i], p->len < 16 ? t->root.shorts : slot_link(&t->root, key_slot(k)));
		active[i] = (uint8_t)i;
		values[i] = VRS_RADIX_NONE;
	}
	while (n_active > 0) {
		unsigned left = 0;

		for (unsigned i = 0; i < n_active; i++)
			if (!step(&steps[active[i]], &values[active[i]]))
				active[left++] = active[i];
		n_active = left;
	}
}

void vrs_radix_get_bulk(const struct vrs_radix *t, const struct vrs_prefix *const *prefixes,
	unsigned n, uint32_t *values)
{
	for (unsigned i = 0; i < n; i += DEEP)
		get_bulk(t, prefixes + i, VRS_MIN(n - i, (unsigned)DEEP), values + i);
}

/* --- The end --- */

static void link_fini(struct vrs_radix *t, void *link) /* NOLINT(misc-no-recursion) */
{
	if (link == NULL || is_leaf(link))
		return;
	for (unsigned i = 0; i < n_kids(link); i++)
		link_fini(t, node_kids(link)[i]);
	vrs_slab_free(&t->slab, link);
}

static void page_fini(struct vrs_radix *t, struct vrs_radix_page *p, unsigned level)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		if (p->slots[i] == NULL)
			continue;
		if (level == 2)
			link_fini(t, p->slots[i]);
		else
			page_fini(t, p->slots[i], level + 1); /* NOLINT(misc-no-recursion) */
	}
	vrs_slab_free(&t->slab, p);
}

void vrs_radix_fini(struct vrs_radix *t)
{
	if (t->root.top != NULL)
		page_fini(t, t->root.top, 0);
	link_fini(t, t->root.shorts);
	t->root.top = NULL;
	t->root.shorts = NULL;
	vrs_slab_fini(&t->slab);
}
