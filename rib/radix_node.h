/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The node of rib/radix.h: what it looks like and how to read it. Private to rib/radix*.c.
 *
 * A node at byte p of the key holds prefixes that end in that byte. Inside, a prefix with r
 * bits of the byte (r = 0..8) has heap position 1 << r | those bits, so a longest match is
 * the highest set bit among nine ancestors. One 512-bit bitmap says which positions are
 * taken (one cache line, one zmm register), one of 256 bits which bytes have a child.
 *
 *     64 B  bits[8]                     taken positions
 *     64 B  kids[4] rank krank ...      child bitmap, ranks, place, birth
 *    (16 B  key, IPv6 only)
 *      8 B  per child                   in byte order
 *      4 B  per value                   in heap order
 *
 * **A lone value is no node.** Where one prefix alone hangs on a link, and no more than two bytes of its
 * key lie between the link and its own, the link is a *leaf*: 64 bits that hold all of it, told from
 * a pointer by the lowest one. Four of five nodes of an IPv6 table would be such. What lies before the
 * link is not in it: the node above has to cover the key.
 *
 *     bit 0  1   | 1-4 byte | 5-13 heap position | 16-31 the two bytes before its own | 32-63 value
 *
 * r = 0 is used at byte 0 (the default route) and at byte 2 (/16), where no node above ends.
 * A node that a version reaches never changes; one that only the writer knows is edited in
 * place while its room lasts.
 */

#include "rib/radix.h"

struct vrs_key {
	uint64_t hi, lo; /* The address, host order. */
};

struct vrs_radix_node {
	VRS_ALIGNED(64) uint64_t bits[8];
	uint64_t kids[4];
	uint16_t rank[8]; /* Values before each word of bits. */
	uint8_t krank[4]; /* Children before each word of kids (192 at most). */
	uint8_t byte;     /* Of the key that this node decides on. */
	uint8_t wide;     /* The key has 16 bytes and lies behind the header. */
	uint16_t room;    /* What it was allocated with, in slab units. */
	uint32_t born;    /* Version; persistent trees only. */
	uint32_t key4;    /* First 4 bytes of the key, for IPv4. */
};
static_assert(sizeof(struct vrs_radix_node) == 128, "two lines of header");

/* Pages: 5, 5 and 6 bits of the slot number; 512 bytes of pointers at most. */
enum { TOP_BITS = 5, MID_BITS = 5, LEAF_BITS = 6 };
struct vrs_radix_page {
	uint32_t born;
	uint32_t n_slots;
	void *slots[]; /* Pages; in the lowest level nodes or leaves. */
};

static inline struct vrs_key key_of(const uint8_t bytes[16])
{
	struct vrs_key k;

	memcpy(&k, bytes, sizeof(k));
	k.hi = __builtin_bswap64(k.hi);
	k.lo = __builtin_bswap64(k.lo);
	return k;
}

static inline void key_write(struct vrs_key k, uint8_t bytes[16])
{
	k.hi = __builtin_bswap64(k.hi);
	k.lo = __builtin_bswap64(k.lo);
	memcpy(bytes, &k, sizeof(k));
}

static inline unsigned key_byte(struct vrs_key k, unsigned i)
{
	assert(i < 16);
	return (i < 8 ? k.hi >> (56 - 8 * i) : k.lo >> (120 - 8 * i)) & 0xff;
}

static inline unsigned key_slot(struct vrs_key k)
{
	return (unsigned)(k.hi >> 48);
}

/* The first byte in which they differ; 16 when equal. */
static inline unsigned key_diff(struct vrs_key a, struct vrs_key b)
{
	if (a.hi != b.hi)
		return (unsigned)__builtin_clzll(a.hi ^ b.hi) / 8;
	if (a.lo != b.lo)
		return 8 + (unsigned)__builtin_clzll(a.lo ^ b.lo) / 8;
	return 16;
}

static inline char *node_tail(const struct vrs_radix_node *n)
{
	return (char *)n + sizeof(*n) + (n->wide ? sizeof(struct vrs_key) : 0);
}

static inline struct vrs_key node_key(const struct vrs_radix_node *n)
{
	struct vrs_key k = {(uint64_t)n->key4 << 32, 0};

	if (n->wide)
		memcpy(&k, n + 1, sizeof(k));
	return k;
}

/* The address at which one byte of the node begins. */
static inline void node_write(const struct vrs_radix_node *n, unsigned byte, uint8_t bytes[16])
{
	key_write(node_key(n), bytes);
	bytes[n->byte] = (uint8_t)byte;
}

/* Whether the node lies on the way to k: the bytes before its own are equal. */
static inline bool node_covers(const struct vrs_radix_node *n, struct vrs_key k)
{
	if (VRS_LIKELY(!n->wide))
		return ((n->key4 ^ k.hi >> 32) >> (32 - 8 * n->byte)) == 0;
	return key_diff(node_key(n), k) >= n->byte;
}

static inline unsigned n_kids(const struct vrs_radix_node *n)
{
	return n->krank[3] + (unsigned)__builtin_popcountll(n->kids[3]);
}

static inline unsigned n_values(const struct vrs_radix_node *n)
{
	return n->rank[7] + (unsigned)__builtin_popcountll(n->bits[7]);
}

/* Links are void pointers everywhere: pages, nodes and leaves hang on the same kind of link. */
static inline void **node_kids(const struct vrs_radix_node *n)
{
	return (void **)(void *)node_tail(n);
}

static inline uint32_t *node_values(const struct vrs_radix_node *n)
{
	return (uint32_t *)(void *)(node_tail(n) + n_kids(n) * sizeof(void *));
}

static inline bool has_value(const struct vrs_radix_node *n, unsigned pos)
{
	return n->bits[pos / 64] >> (pos % 64) & 1;
}

static inline bool has_kid(const struct vrs_radix_node *n, unsigned byte)
{
	return n->kids[byte / 64] >> (byte % 64) & 1;
}

static inline unsigned value_rank(const struct vrs_radix_node *n, unsigned pos)
{
	uint64_t below = n->bits[pos / 64] & ((1ull << pos % 64) - 1);

	return n->rank[pos / 64] + (unsigned)__builtin_popcountll(below);
}

static inline unsigned kid_rank(const struct vrs_radix_node *n, unsigned byte)
{
	uint64_t below = n->kids[byte / 64] & ((1ull << byte % 64) - 1);

	return n->krank[byte / 64] + (unsigned)__builtin_popcountll(below);
}

/* The child for a byte, a link: a node, a leaf, or NULL. */
static inline void *node_kid(const struct vrs_radix_node *n, unsigned byte)
{
	return has_kid(n, byte) ? vrs_rcu_load(node_kids(n)[kid_rank(n, byte)]) : NULL;
}

static inline uint32_t node_value(const struct vrs_radix_node *n, unsigned pos)
{
	/* Acquire: whoever reads an index sees the entry behind it. */
	return __atomic_load_n(&node_values(n)[value_rank(n, pos)], __ATOMIC_ACQUIRE);
}

/* The byte whose node holds prefixes of this length. */
static inline unsigned byte_of_len(unsigned len)
{
	if (len < 16)
		return len <= 8 ? 0 : 1;
	return len <= 24 ? 2 : (len - 1) / 8;
}

static inline unsigned heap_pos(struct vrs_key k, unsigned byte, unsigned len)
{
	unsigned r = len - 8 * byte;

	return 1u << r | key_byte(k, byte) >> (8 - r);
}

/* --- Leaves --- */

static_assert(sizeof(void *) == 8, "a link has room for a leaf");

enum { LEAF_REACH = 3 }; /* Bytes from the link's own to the leaf's, at most. */

static inline bool is_leaf(const void *link)
{
	return (uintptr_t)link & 1;
}

static inline unsigned leaf_byte(const void *leaf)
{
	return (uintptr_t)leaf >> 1 & 0xf;
}

static inline unsigned leaf_pos(const void *leaf)
{
	return (uintptr_t)leaf >> 5 & 0x1ff;
}

static inline uint32_t leaf_value(const void *leaf)
{
	return (uint32_t)((uintptr_t)leaf >> 32);
}

static inline unsigned leaf_len(const void *leaf)
{
	return 8 * leaf_byte(leaf) + 31 - (unsigned)__builtin_clz(leaf_pos(leaf));
}

/* The two bytes of a key before one of its bytes, which is not among the first two. */
static inline unsigned key_pair(struct vrs_key k, unsigned byte)
{
	return key_byte(k, byte - 2) << 8 | key_byte(k, byte - 1);
}

static inline void *leaf_make(struct vrs_key k, unsigned len, uint32_t value)
{
	unsigned byte = byte_of_len(len);

	return (void *)((uintptr_t)value << 32 | (uintptr_t)key_pair(k, byte) << 16 | /* NOLINT */
		(uintptr_t)heap_pos(k, byte, len) << 5 | (uintptr_t)byte << 1 | 1);
}

/* Whether a leaf may hang on a link of byte `from` (1: a slot). Prefixes shorter than /16 are never leaves. */
static inline bool leaf_reaches(unsigned from, unsigned byte)
{
	return byte >= 2 && byte - from <= LEAF_REACH;
}

/* Whether the bytes before its own are those of k, which the node above covers. */
static inline bool leaf_covers(const void *leaf, struct vrs_key k)
{
	return ((uintptr_t)leaf >> 16 & 0xffff) == key_pair(k, leaf_byte(leaf));
}

/* Whether it is the prefix of k with this length. */
static inline bool leaf_is(const void *leaf, struct vrs_key k, unsigned byte, unsigned len)
{
	return leaf_byte(leaf) == byte && leaf_pos(leaf) == heap_pos(k, byte, len) &&
		leaf_covers(leaf, k);
}

/* Whether its prefix covers the address k. */
static inline bool leaf_matches(const void *leaf, struct vrs_key k)
{
	unsigned pos = leaf_pos(leaf), r = 31 - (unsigned)__builtin_clz(pos);

	return (256u | key_byte(k, leaf_byte(leaf))) >> (8 - r) == pos && leaf_covers(leaf, k);
}

/* Its bytes of the address: what the link covers is in `bytes` already. */
static inline void leaf_write(const void *leaf, uint8_t bytes[16])
{
	unsigned byte = leaf_byte(leaf);

	bytes[byte - 2] = (uint8_t)((uintptr_t)leaf >> 24);
	bytes[byte - 1] = (uint8_t)((uintptr_t)leaf >> 16);
	bytes[byte] = (uint8_t)(leaf_pos(leaf) << (8 * byte + 8 - leaf_len(leaf)));
}

/* What hangs in a slot, or NULL. */
static inline void *slot_link(const struct vrs_radix_root *root, unsigned slot)
{
	const struct vrs_radix_page *page = vrs_rcu_load(root->top);

	if (page == NULL)
		return NULL;
	page = vrs_rcu_load(page->slots[slot >> (MID_BITS + LEAF_BITS)]);
	if (page == NULL)
		return NULL;
	page = vrs_rcu_load(page->slots[slot >> LEAF_BITS & ((1u << MID_BITS) - 1)]);
	if (page == NULL)
		return NULL;
	return vrs_rcu_load(page->slots[slot & ((1u << LEAF_BITS) - 1)]);
}
