/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The numbers are those measured on real tables (1.05 M IPv4 and 220 k IPv6 prefixes): shares
 * of prefix lengths below; 33,000 distinct /16s per 1.05 M prefixes (1,700 of
 * them from prefixes shorter than /16); 4 to 6 prefixes share an
 * attribute set of about 60 bytes with a path of 4 to 5 hops (one of them is ours, added when
 * sending).
 *
 * **How.** Quotas per length, filled exactly, shuffled. A table is cut into sets of 1 to 9
 * prefixes; a set has a home block (/16, or /32 for IPv6), most of its prefixes lie there, as
 * those of one origin do. Homes are chosen with a bias to the first blocks: a few are crowded
 * and many hold a handful. What is taken is remembered in one hash of {prefix, length}.
 */

#include "tools/vrslab/synth.h"

#include <errno.h>
#include <stdlib.h>

#include "io/bgp/attr.h"
#include "rib/aspath.h"

/* Shares in hundred-thousandths. What a quota cannot hold goes to the filler length. */
struct share {
	uint8_t len;
	uint32_t share;
};

static const struct share shares_ip4[] = {{8, 2}, {9, 2}, {10, 4}, {11, 10}, {12, 30}, {13, 60},
	{14, 120}, {15, 200}, {16, 1300}, {17, 870}, {18, 1600}, {19, 2802}, {20, 4500}, {21, 5000},
	{22, 11000}, {23, 10500}, {24, 62000}};
static const struct share shares_ip6[] = {{20, 10}, {24, 50}, {28, 350}, {29, 3600}, {30, 300},
	{31, 200}, {32, 12000}, {33, 2400}, {34, 1900}, {35, 1200}, {36, 5000}, {37, 400},
	{38, 1300}, {39, 500}, {40, 8500}, {41, 400}, {42, 1600}, {43, 500}, {44, 9000}, {45, 900},
	{46, 2500}, {47, 2390}, {48, 45000}};

/* One family's plan. */
struct plan {
	enum vrs_afi afi;
	const struct share *shares;
	size_t n_shares;
	uint8_t block_len; /* 16 or 32. */
	uint8_t filler;    /* 24 or 48. */
	uint32_t n;
	uint32_t *blocks; /* First block_len bits of each home. */
	uint32_t n_blocks;
	uint8_t *lens; /* Of each prefix, shuffled. */
};

struct generator {
	uint64_t state;
	struct vrs_routes *out;
	uint64_t *taken; /* Open addressing; 0 = empty. */
	size_t n_slots;
};

/* splitmix64: small, fast, and the same everywhere. */
static uint64_t next(struct generator *g)
{
	uint64_t z = g->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Uniform in 0..n-1 (n < 2^32; the bias of a multiply is far below what anyone could see). */
static uint32_t below(struct generator *g, uint32_t n)
{
	return (uint32_t)(((next(g) >> 32) * n) >> 32);
}

/* ---- Where prefixes may be ---------------------------------------------------------------- */

/* Public unicast: a prefix that touches none of these in either direction. */
static bool is_public_ip4(uint32_t bits, unsigned len)
{
	static const struct {
		uint32_t bits;
		uint8_t len;
	} not_public[] = {{0x00000000, 8}, {0x0a000000, 8}, {0x64400000, 10}, {0x7f000000, 8},
		{0xa9fe0000, 16}, {0xac100000, 12}, {0xc0a80000, 16}, {0xe0000000, 3}};

	for (size_t i = 0; i < VRS_N_ELEMS(not_public); i++) {
		unsigned common = VRS_MIN(len, (unsigned)not_public[i].len);
		if ((bits ^ not_public[i].bits) >> (32 - common) == 0)
			return false;
	}
	return true;
}

/* First 32 bits in a registry's block of 2000::/3, not 2001:db8::/32. */
static uint32_t random_block_ip6(struct generator *g)
{
	static const uint32_t registries[] = {
		0x20010000, 0x24000000, 0x26000000, 0x28000000, 0x2a000000, 0x2c000000};
	uint32_t base = registries[below(g, VRS_N_ELEMS(registries))];
	uint32_t bits = base == 0x20010000 ? base | below(g, 1u << 16) : base | below(g, 1u << 20);

	return bits != 0x20010db8 ? bits : bits + 1;
}

static int make_blocks_ip4(struct generator *g, struct plan *p)
{
	uint32_t n = 0, want = (uint32_t)((uint64_t)p->n * 31500 / 1050000) + 1;

	p->blocks = calloc(1u << 16, sizeof(*p->blocks));
	if (p->blocks == NULL)
		return -ENOMEM;
	for (uint32_t b = 0; b < 1u << 16; b++) {
		if (is_public_ip4(b << 16, 16))
			p->blocks[n++] = b;
	}
	p->n_blocks = VRS_MIN(want, n);
	for (uint32_t i = 0; i < p->n_blocks; i++) {
		uint32_t j = i + below(g, n - i), b = p->blocks[i];
		p->blocks[i] = p->blocks[j];
		p->blocks[j] = b;
	}
	return 0;
}

static bool take(struct generator *g, uint64_t key)
{
	size_t i = (key * 0x9e3779b97f4a7c15ull) >> 20 & (g->n_slots - 1);

	for (; g->taken[i] != 0; i = (i + 1) & (g->n_slots - 1)) {
		if (g->taken[i] == key)
			return false;
	}
	g->taken[i] = key;
	return true;
}

/* Blocks of IPv6 are drawn, not enumerated; the hash keeps them apart. */
static int make_blocks_ip6(struct generator *g, struct plan *p)
{
	p->n_blocks = p->n / 5 + 1;
	p->blocks = calloc(p->n_blocks, sizeof(*p->blocks));
	if (p->blocks == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n_blocks;) {
		uint32_t bits = random_block_ip6(g);
		if (take(g, (uint64_t)bits << 8 | 0xff))
			p->blocks[i++] = bits;
	}
	return 0;
}

/* ---- How many of each length -------------------------------------------------------------- */

/* Prefixes of a length that may be used: four fifths, so that drawing one stays cheap. */
static uint64_t capacity(const struct plan *p, unsigned len)
{
	if (len < p->block_len)
		return (UINT64_C(1) << (len < 20 ? len : 20)) / (p->afi == VRS_AFI_IP4 ? 2 : 64);
	return ((uint64_t)p->n_blocks << (len - p->block_len)) * 4 / 5;
}

static int make_lens(struct generator *g, struct plan *p)
{
	uint32_t used = 0;

	p->lens = malloc(p->n);
	if (p->lens == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_shares; i++) {
		uint64_t quota = (uint64_t)p->n * p->shares[i].share / 100000;
		quota = VRS_MIN(VRS_MIN(quota, capacity(p, p->shares[i].len)), p->n - used);
		memset(p->lens + used, p->shares[i].len, quota);
		used += (uint32_t)quota;
	}
	memset(p->lens + used, p->filler, p->n - used);
	for (uint32_t i = p->n - 1; i > 0; i--) {
		uint32_t j = below(g, i + 1);
		uint8_t len = p->lens[i];
		p->lens[i] = p->lens[j];
		p->lens[j] = len;
	}
	return 0;
}

/* ---- Prefixes ----------------------------------------------------------------------------- */

/* What is taken. No IPv6 prefix here is longer than 48, so its first 48 bits are enough. */
static uint64_t key_of(const struct plan *p, uint64_t bits, unsigned len)
{
	return (p->afi == VRS_AFI_IP4 ? bits : bits >> 16) << 8 | len;
}

/* First 64 bits of a prefix (IPv4: the low 32 of them). */
static struct vrs_prefix prefix_of(enum vrs_afi afi, uint64_t bits, unsigned len)
{
	struct vrs_prefix p = {.len = (uint8_t)len, .afi = (uint8_t)afi};

	if (afi == VRS_AFI_IP4) {
		vrs_put_u32(p.addr, (uint32_t)bits);
	} else {
		vrs_put_u32(p.addr, (uint32_t)(bits >> 32));
		vrs_put_u32(p.addr + 4, (uint32_t)bits);
	}
	return p;
}

/* Shorter than a block: anywhere that is public. */
static uint64_t draw_short(struct generator *g, const struct plan *p, unsigned len)
{
	for (;;) {
		uint64_t bits;
		if (p->afi == VRS_AFI_IP4) {
			bits = (uint64_t)below(g, 1u << len) << (32 - len);
			if (!is_public_ip4((uint32_t)bits, len))
				continue;
		} else {
			uint32_t head = random_block_ip6(g);
			head &= ~0u << (32 - len);
			if (((head ^ 0x20010db8u) >> (32 - len)) == 0)
				continue;
			bits = (uint64_t)head << 32;
		}
		if (take(g, key_of(p, bits, len)))
			return bits;
	}
}

static uint32_t draw_block(struct generator *g, const struct plan *p)
{
	/* The square of a uniform number crowds the first blocks and starves none. */
	uint64_t u = below(g, 1u << 20), v = below(g, 4);

	if (v == 0)
		return below(g, p->n_blocks);
	return (uint32_t)((u * u >> 20) * p->n_blocks >> 20);
}

/* In @p home, or where that is full in one of the blocks behind it. */
static uint64_t draw_long(struct generator *g, const struct plan *p, unsigned len, uint32_t home)
{
	unsigned width = p->afi == VRS_AFI_IP4 ? 32 : 64;
	uint64_t per_block = UINT64_C(1) << (len - p->block_len);

	for (unsigned tries = 0;; tries++) {
		if (tries >= 4)
			home = tries < 8 ? draw_block(g, p) : (home + 1) % p->n_blocks;
		uint64_t low = next(g) & (per_block - 1);
		uint64_t bits =
			(uint64_t)p->blocks[home] << (width - p->block_len) | low << (width - len);
		if (take(g, key_of(p, bits, len)))
			return bits;
	}
}

/* ---- Attribute sets ----------------------------------------------------------------------- */

/* A public AS number: 2-byte ones first, a third are 4-byte. */
static uint32_t draw_asn(struct generator *g)
{
	return below(g, 3) > 0 ? 100 + below(g, 63800) : 131072 + below(g, 270000);
}

static void write_path(struct generator *g, struct vrs_writer *w)
{
	/* Hops without ours: 2 to 6, 3.5 on average; one path in ten is prepended. */
	static const uint8_t hops[16] = {2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 6};
	unsigned n = hops[below(g, 16)], again = below(g, 10) == 0 ? 1 + below(g, 3) : 0;
	size_t at = vrs_bgp_attr_open(w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_AS_PATH);

	vrs_write_u8(w, VRS_AS_SEQUENCE);
	vrs_write_u8(w, (uint8_t)(n + again));
	vrs_write_u32(w, 1000 + 37 * below(g, 24)); /* A few upstreams carry everything. */
	for (unsigned i = 1; i + 1 < n; i++)
		vrs_write_u32(w, 3000 + 7 * below(g, 2000));
	uint32_t origin = draw_asn(g);
	for (unsigned i = 0; i <= again; i++)
		vrs_write_u32(w, origin);
	vrs_bgp_attr_close(w, at);
}

static void write_u32(struct vrs_writer *w, uint8_t flags, uint8_t code, uint32_t value)
{
	uint8_t bytes[4];

	vrs_put_u32(bytes, value);
	vrs_bgp_attr_write(w, flags, code, (struct vrs_span){bytes, sizeof(bytes)});
}

/* One that is not among the @p n before it: some daemons send a repeated one once. */
static uint32_t draw_community(struct generator *g, const uint32_t *before, unsigned n)
{
	for (;;) {
		uint32_t c = (1000 + 37 * below(g, 24)) << 16 | below(g, 30000);
		unsigned i = 0;

		while (i < n && before[i] != c)
			i++;
		if (i == n)
			return c;
	}
}

static void write_communities(struct generator *g, struct vrs_writer *w)
{
	const uint8_t flags = VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_TRANSITIVE;

	if (below(g, 5) == 0)
		return;
	size_t at = vrs_bgp_attr_open(w, flags, VRS_BGP_COMMUNITIES);
	uint32_t list[8];
	for (unsigned i = 0, n = 1 + below(g, 8); i < n; i++) {
		list[i] = draw_community(g, list, i);
		vrs_write_u32(w, list[i]);
	}
	vrs_bgp_attr_close(w, at);
}

static void write_large_communities(struct generator *g, struct vrs_writer *w)
{
	const uint8_t flags = VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_TRANSITIVE;

	if (below(g, 5) > 0)
		return;
	size_t at = vrs_bgp_attr_open(w, flags, VRS_BGP_LARGE_COMMUNITIES);
	for (unsigned n = 1 + below(g, 3); n > 0; n--) {
		vrs_write_u32(w, draw_asn(g));
		vrs_write_u32(w, below(g, 100));
		vrs_write_u32(w, below(g, 10000));
	}
	vrs_bgp_attr_close(w, at);
}

static int add_set(struct generator *g, enum vrs_afi afi, uint32_t *set)
{
	static const uint8_t next_hop[16] = {0};
	uint8_t buf[512];
	struct vrs_writer w = vrs_writer_init(buf, sizeof(buf));
	uint32_t kind = below(g, 100);
	uint8_t origin = kind < 85 ? 0 : kind < 86 ? 1 : 2;

	vrs_bgp_attr_write(
		&w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_ORIGIN, (struct vrs_span){&origin, 1});
	write_path(g, &w);
	vrs_bgp_attr_write(&w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_NEXT_HOP,
		(struct vrs_span){next_hop, afi == VRS_AFI_IP4 ? 4 : 16});
	if (below(g, 4) == 0)
		write_u32(&w, VRS_BGP_FLAG_OPTIONAL, VRS_BGP_MED, below(g, 1000));
	if (below(g, 8) == 0) {
		uint8_t aggregator[8];
		vrs_put_u32(aggregator, draw_asn(g));
		vrs_put_u32(aggregator + 4, 0xc0000200 + below(g, 256));
		vrs_bgp_attr_write(&w, VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_TRANSITIVE,
			VRS_BGP_AGGREGATOR, (struct vrs_span){aggregator, sizeof(aggregator)});
	}
	write_communities(g, &w);
	write_large_communities(g, &w);
	return vrs_routes_add_set(g->out, buf, vrs_writer_size(&w), set);
}

/* ---- A family ----------------------------------------------------------------------------- */

static int make_routes(struct generator *g, const struct plan *p)
{
	uint32_t left = 0, home = 0, set = 0;
	int rc = 0;

	for (uint32_t i = 0; i < p->n && rc == 0; i++) {
		if (left == 0) {
			left = 1 + below(g, 9); /* 5 on average. */
			home = draw_block(g, p);
			rc = add_set(g, p->afi, &set);
			if (rc != 0)
				break;
		}
		left--;
		unsigned len = p->lens[i];
		uint32_t block = below(g, 4) > 0 ? home : draw_block(g, p);
		uint64_t bits =
			len < p->block_len ? draw_short(g, p, len) : draw_long(g, p, len, block);
		struct vrs_prefix prefix = prefix_of(p->afi, bits, len);
		rc = vrs_routes_add(g->out, &prefix, set);
	}
	return rc;
}

static int make_family(struct generator *g, struct plan *p)
{
	int rc;

	if (p->n == 0)
		return 0;
	g->n_slots = 1024;
	while (g->n_slots < (size_t)p->n * 2 + p->n / 2)
		g->n_slots *= 2;
	g->taken = calloc(g->n_slots, sizeof(*g->taken));
	if (g->taken == NULL)
		return -ENOMEM;
	rc = p->afi == VRS_AFI_IP4 ? make_blocks_ip4(g, p) : make_blocks_ip6(g, p);
	if (rc == 0)
		rc = make_lens(g, p);
	if (rc == 0)
		rc = make_routes(g, p);
	free(p->blocks);
	free(p->lens);
	free(g->taken);
	g->taken = NULL;
	return rc;
}

int vrs_synth_make(const struct vrs_synth *options, struct vrs_routes *out)
{
	/* One family's bytes do not depend on the size of the other. */
	struct generator g4 = {.state = options->seed, .out = out};
	struct generator g6 = {.state = ~options->seed, .out = out};
	struct plan ip4 = {.afi = VRS_AFI_IP4,
		.shares = shares_ip4,
		.n_shares = VRS_N_ELEMS(shares_ip4),
		.block_len = 16,
		.filler = 24,
		.n = options->n_ip4};
	struct plan ip6 = {.afi = VRS_AFI_IP6,
		.shares = shares_ip6,
		.n_shares = VRS_N_ELEMS(shares_ip6),
		.block_len = 32,
		.filler = 48,
		.n = options->n_ip6};

	if (options->n_ip4 > VRS_SYNTH_MAX || options->n_ip6 > VRS_SYNTH_MAX)
		return -EINVAL;
	int rc = make_family(&g4, &ip4);
	return rc == 0 ? make_family(&g6, &ip6) : rc;
}
