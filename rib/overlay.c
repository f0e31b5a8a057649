/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Building: prefixes nest or are disjoint, so their first and last addresses, in order, are
 * the only places where the answer can change. At each such place the answer is computed from
 * the routes that cover it, once; equal neighbours are merged. That is routes x boundaries,
 * a few thousand steps for the few hundred routes that a class has, and only when the
 * configuration changes.
 *
 * Looking up: the last start that is not after the address. IPv4 starts stand in a tree of
 * lines of 16, each level the first starts of the lines below it, so that a step compares one
 * cache line without a branch and 256 intervals take two. A binary search of the same array was
 * nine steps that each waited for the one before. IPv6 starts rarely use their low half: then
 * only the high ones are searched.
 */

#include "rib/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "rib/base/mem.h"
#include "rib/radix.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef unsigned __int128 u128;

enum { LINE = 16, MAX_LEVELS = 6 };
#define NO_ROUTE 0xffffffu

struct interval {
	uint32_t route : 24; /* NO_ROUTE = none. */
	uint32_t min_len : 8;
};

/* While building. */
struct intervals {
	u128 *starts; /* Ascending; starts[0] = 0. */
	struct interval *what;
	uint32_t n, cap;
};

struct tree4 {
	uint32_t *keys;        /* The levels, each ending with a full line. */
	struct interval *what; /* By start. */
	uint32_t n_levels;
	uint32_t at[MAX_LEVELS];   /* Where in keys a level begins; [0] has every start. */
	uint32_t last[MAX_LEVELS]; /* Of its keys. */
	uint32_t n;                /* Intervals. */
	uint32_t n_keys;
};

struct list6 {
	uint64_t *high;        /* Of every start, */
	uint64_t *low;         /* and this, where any has one; else NULL. */
	struct interval *what; /* In the same order. */
	uint32_t n;
};

struct vrs_overlay {
	struct tree4 ip4;
	struct list6 ip6;
	struct vrs_overlay_route *routes;
	size_t n_routes;
	bool bgp;
};

static u128 bits_of(const uint8_t bytes[16])
{
	u128 v = 0;

	for (unsigned i = 0; i < 16; i++)
		v = v << 8 | bytes[i];
	return v;
}

static int cmp_routes(const void *a, const void *b)
{
	const struct vrs_overlay_route *x = a, *y = b;
	int c = vrs_prefix_cmp(&x->prefix, &y->prefix);

	if (c != 0)
		return c;
	if (x->source != y->source)
		return (int)y->source - (int)x->source;
	return (x->tag > y->tag) - (x->tag < y->tag);
}

static int cmp_u128(const void *a, const void *b)
{
	u128 x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* The answer for one address, from first principles. */
static struct interval answer(const struct vrs_overlay *o, const struct vrs_addr *addr)
{
	struct interval r = {NO_ROUTE, o->bgp ? 0 : VRS_OVERLAY_NO_BGP};
	const struct vrs_overlay_route *best = NULL;
	bool pinned = false;

	for (size_t i = 0; i < o->n_routes; i++) {
		const struct vrs_overlay_route *c = &o->routes[i];

		if (!vrs_prefix_covers_addr(&c->prefix, addr))
			continue;
		pinned |= c->pinned;
		/* An endpoint beats all but a longer endpoint; then length, then user first. The
		 * routes are sorted, so of equals the earlier one stays. */
		if (best == NULL || c->endpoint > best->endpoint ||
			(c->endpoint == best->endpoint &&
				(c->prefix.len > best->prefix.len ||
					(c->prefix.len == best->prefix.len &&
						c->source > best->source)))) {
			best = c;
			r.route = (uint32_t)i & NO_ROUTE;
		}
	}
	if (pinned)
		r.min_len = VRS_OVERLAY_NO_BGP;
	else if (best != NULL && o->bgp)
		/* On the same prefix BGP beats a default route and loses to a user's. */
		r.min_len = (uint8_t)(best->prefix.len + (best->source == VRS_SOURCE_USER));
	return r;
}

static struct vrs_addr addr_of(u128 bits, unsigned afi)
{
	struct vrs_addr a = {.afi = (uint8_t)afi};

	for (unsigned i = 16; i-- > 0; bits >>= 8)
		a.bytes[i] = (uint8_t)bits;
	return a;
}

/* Where the answer may change: 0, each first address, and the one after each last. */
static uint32_t boundaries(const struct vrs_overlay *o, unsigned afi, u128 *out)
{
	uint32_t n = 0;

	out[n++] = 0;
	for (size_t i = 0; i < o->n_routes; i++) {
		const struct vrs_prefix *p = &o->routes[i].prefix;

		if (p->afi != afi)
			continue;
		u128 first = bits_of(p->addr);
		/* IPv4 addresses fill the top 32 bits. */
		u128 after = p->len == 0 ? 0 : first + ((u128)1 << (128 - p->len));
		out[n++] = first;
		if (after != 0)
			out[n++] = after;
	}
	qsort(out, n, sizeof(*out), cmp_u128);
	return n;
}

static bool intervals_build(const struct vrs_overlay *o, unsigned afi, struct intervals *f)
{
	f->cap = (uint32_t)(2 * o->n_routes + 1);
	f->starts = vrs_mem_alloc(VRS_MEM_OVERLAY, f->cap * sizeof(*f->starts));
	f->what = vrs_mem_alloc(VRS_MEM_OVERLAY, f->cap * sizeof(*f->what));
	if (f->starts == NULL || f->what == NULL)
		return false;
	uint32_t n = boundaries(o, afi, f->starts);
	for (uint32_t i = 0; i < n; i++) {
		u128 at = f->starts[i];
		if (i > 0 && at == f->starts[i - 1])
			continue;
		struct vrs_addr a = addr_of(at, afi);
		struct interval w = answer(o, &a);
		if (f->n > 0 && f->what[f->n - 1].route == w.route &&
			f->what[f->n - 1].min_len == w.min_len)
			continue;
		/* f->n <= i: the merged list is written over boundaries already read. */
		f->starts[f->n] = at;
		f->what[f->n++] = w;
	}
	return true;
}

static void intervals_fini(struct intervals *f)
{
	vrs_mem_free(VRS_MEM_OVERLAY, f->starts, f->cap * sizeof(*f->starts));
	vrs_mem_free(VRS_MEM_OVERLAY, f->what, f->cap * sizeof(*f->what));
}

static uint32_t lines(uint32_t n)
{
	return (n + LINE - 1) / LINE;
}

static bool tree4_build(struct tree4 *t, const struct intervals *f)
{
	uint32_t n = f->n;

	t->n = f->n;
	for (;;) {
		t->last[t->n_levels] = n - 1;
		t->at[t->n_levels++] = t->n_keys;
		t->n_keys += lines(n) * LINE;
		if (n <= LINE)
			break;
		n = lines(n);
	}
	t->keys = vrs_mem_alloc(VRS_MEM_OVERLAY, t->n_keys * sizeof(*t->keys));
	t->what = vrs_mem_alloc(VRS_MEM_OVERLAY, t->n * sizeof(*t->what));
	if (t->keys == NULL || t->what == NULL)
		return false;
	memcpy(t->what, f->what, t->n * sizeof(*t->what));
	memset(t->keys, 0xff, t->n_keys * sizeof(*t->keys));
	uint32_t step = 1;
	for (uint32_t level = 0; level < t->n_levels; level++, step *= LINE)
		for (uint32_t i = 0; i <= t->last[level]; i++)
			t->keys[t->at[level] + i] = (uint32_t)(f->starts[(size_t)i * step] >> 96);
	return true;
}

static bool list6_build(struct list6 *l, const struct intervals *f)
{
	bool low = false;

	for (uint32_t i = 0; i < f->n; i++)
		low |= (uint64_t)f->starts[i] != 0;
	l->n = f->n;
	l->high = vrs_mem_alloc(VRS_MEM_OVERLAY, l->n * sizeof(*l->high));
	l->what = vrs_mem_alloc(VRS_MEM_OVERLAY, l->n * sizeof(*l->what));
	l->low = low ? vrs_mem_alloc(VRS_MEM_OVERLAY, l->n * sizeof(*l->low)) : NULL;
	if (l->high == NULL || l->what == NULL || (low && l->low == NULL))
		return false;
	memcpy(l->what, f->what, l->n * sizeof(*l->what));
	for (uint32_t i = 0; i < l->n; i++) {
		l->high[i] = (uint64_t)(f->starts[i] >> 64);
		if (low)
			l->low[i] = (uint64_t)f->starts[i];
	}
	return true;
}

static bool family_build(struct vrs_overlay *o, unsigned afi)
{
	struct intervals f = {0};
	bool ok = intervals_build(o, afi, &f);

	if (ok)
		ok = afi == VRS_AFI_IP4 ? tree4_build(&o->ip4, &f) : list6_build(&o->ip6, &f);
	intervals_fini(&f);
	return ok;
}

struct vrs_overlay *vrs_overlay_new(const struct vrs_overlay_route *routes, size_t n, bool bgp)
{
	struct vrs_overlay *o =
		n < NO_ROUTE / 2 ? vrs_mem_zalloc(VRS_MEM_OVERLAY, sizeof(*o)) : NULL;

	if (o == NULL)
		return NULL;
	o->bgp = bgp;
	o->n_routes = n;
	o->routes = vrs_mem_alloc(VRS_MEM_OVERLAY, (n + 1) * sizeof(*routes));
	if (o->routes == NULL)
		goto out;
	if (n > 0)
		memcpy(o->routes, routes, n * sizeof(*routes));
	qsort(o->routes, n, sizeof(*routes), cmp_routes);
	if (!family_build(o, VRS_AFI_IP4) || !family_build(o, VRS_AFI_IP6))
		goto out;
	return o;
out:
	vrs_overlay_free(o);
	return NULL;
}

void vrs_overlay_free(struct vrs_overlay *o)
{
	if (o == NULL)
		return;
	vrs_mem_free(VRS_MEM_OVERLAY, o->ip4.keys, o->ip4.n_keys * sizeof(*o->ip4.keys));
	vrs_mem_free(VRS_MEM_OVERLAY, o->ip4.what, o->ip4.n * sizeof(*o->ip4.what));
	vrs_mem_free(VRS_MEM_OVERLAY, o->ip6.high, o->ip6.n * sizeof(*o->ip6.high));
	vrs_mem_free(VRS_MEM_OVERLAY, o->ip6.low, o->ip6.n * sizeof(*o->ip6.low));
	vrs_mem_free(VRS_MEM_OVERLAY, o->ip6.what, o->ip6.n * sizeof(*o->ip6.what));
	vrs_mem_free(VRS_MEM_OVERLAY, o->routes, (o->n_routes + 1) * sizeof(*o->routes));
	vrs_mem_free(VRS_MEM_OVERLAY, o, sizeof(*o));
}

/* --- Looking up --- */

typedef uint32_t quad __attribute__((vector_size(16)));
typedef int32_t squad __attribute__((vector_size(16)));

/* How many of a line's ascending keys are not after x; at least one by what lies above it. */
static inline uint32_t rank(const uint32_t *line, uint32_t x)
{
	const quad *k = (const quad *)(const void *)line;
	quad q = {x, x, x, x};
	squad n = (squad)(k[0] <= q) + (squad)(k[1] <= q) + (squad)(k[2] <= q) + (squad)(k[3] <= q);

	/* A comparison is -1 where it holds. */
	return (uint32_t) - (n[0] + n[1] + n[2] + n[3]);
}

static inline uint32_t key4(const struct vrs_addr *addr)
{
	uint32_t bits;

	memcpy(&bits, addr->bytes, sizeof(bits));
	return __builtin_bswap32(bits);
}

static inline const uint32_t *line_of(const struct tree4 *t, uint32_t level, uint32_t line)
{
	return t->keys + t->at[level] + (size_t)line * LINE;
}

/* One level down. Only 255.255.255.255 meets the padding, which lies behind the last start. */
static inline uint32_t down(const struct tree4 *t, uint32_t level, uint32_t line, uint32_t key)
{
	uint32_t at = line * LINE + rank(line_of(t, level, line), key) - 1;

	return VRS_MIN(at, t->last[level]);
}

static inline struct vrs_overlay_hit hit_of(struct interval w)
{
	return (struct vrs_overlay_hit){
		w.route == NO_ROUTE ? VRS_OVERLAY_NO_ROUTE : w.route, (uint8_t)w.min_len};
}

static struct vrs_overlay_hit match4(const struct tree4 *t, uint32_t key)
{
	uint32_t at = 0;

	for (uint32_t level = t->n_levels; level-- > 0;)
		at = down(t, level, at, key);
	return hit_of(t->what[at]);
}

static bool not_after(const struct list6 *l, uint32_t i, uint64_t high, uint64_t low)
{
	return l->high[i] != high ? l->high[i] < high : l->low[i] <= low;
}

static struct vrs_overlay_hit match6(const struct list6 *l, const struct vrs_addr *addr)
{
	u128 key = bits_of(addr->bytes);
	uint64_t high = (uint64_t)(key >> 64);
	uint32_t lo = 0, n = l->n;

	/* The last start that is not after the key; the first one is 0. */
	while (n > 1) {
		uint32_t half = n / 2;
		bool right = l->low == NULL ? l->high[lo + half] <= high
					    : not_after(l, lo + half, high, (uint64_t)key);

		lo = right ? lo + half : lo;
		n -= half;
	}
	return hit_of(l->what[lo]);
}

struct vrs_overlay_hit vrs_overlay_match(const struct vrs_overlay *o, const struct vrs_addr *addr)
{
	return addr->afi == VRS_AFI_IP6 ? match6(&o->ip6, addr) : match4(&o->ip4, key4(addr));
}

#if defined(__x86_64__)
/* A line is one register and one comparison: a third of the time. */
__attribute__((target("avx512f,popcnt"))) static void bulk4_avx512(
	const struct tree4 *t, const struct vrs_addr *addrs, size_t n, struct vrs_overlay_hit *hits)
{
	for (size_t i = 0; i < n; i++) {
		__m512i key = _mm512_set1_epi32((int)key4(&addrs[i]));
		uint32_t at = 0;

		for (uint32_t level = t->n_levels; level-- > 0;) {
			__m512i keys = _mm512_load_si512(line_of(t, level, at));
			uint32_t before = _mm512_cmple_epu32_mask(keys, key);

			at = at * LINE + (uint32_t)__builtin_popcount(before) - 1;
			at = VRS_MIN(at, t->last[level]);
		}
		hits[i] = hit_of(t->what[at]);
	}
}
#endif

void vrs_overlay_match_bulk(const struct vrs_overlay *o, const struct vrs_addr *addrs, size_t n,
	struct vrs_overlay_hit *hits)
{
#if defined(__x86_64__)
	bool ip4 = strcmp(vrs_radix_simd(), "avx512") == 0;

	for (size_t i = 0; ip4 && i < n; i++)
		ip4 = addrs[i].afi == VRS_AFI_IP4;
	if (ip4) {
		bulk4_avx512(&o->ip4, addrs, n, hits);
		return;
	}
#endif
	for (size_t i = 0; i < n; i++)
		hits[i] = vrs_overlay_match(o, &addrs[i]);
}

/* In step: every round takes each address one level down, to a line fetched a round ago. */
void vrs_overlay_match_many(const struct vrs_overlay *const *os, const struct vrs_addr *addrs,
	unsigned n, struct vrs_overlay_hit *hits)
{
	uint32_t at[VRS_OVERLAY_BURST] = {0};
	uint32_t level[VRS_OVERLAY_BURST] = {0}, deepest = 0;

	assert(n <= VRS_OVERLAY_BURST);
	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch(os[i]);
	for (unsigned i = 0; i < n; i++) {
		if (addrs[i].afi == VRS_AFI_IP6)
			continue;
		level[i] = os[i]->ip4.n_levels;
		deepest = VRS_MAX(deepest, level[i]);
		__builtin_prefetch(line_of(&os[i]->ip4, level[i] - 1, 0));
	}
	for (; deepest > 0; deepest--) {
		for (unsigned i = 0; i < n; i++) {
			const struct tree4 *t = &os[i]->ip4;

			if (level[i] < deepest)
				continue;
			at[i] = down(t, --level[i], at[i], key4(&addrs[i]));
			if (level[i] > 0)
				__builtin_prefetch(line_of(t, level[i] - 1, at[i]));
			else
				__builtin_prefetch(&t->what[at[i]]);
		}
	}
	for (unsigned i = 0; i < n; i++)
		hits[i] = addrs[i].afi == VRS_AFI_IP6 ? match6(&os[i]->ip6, &addrs[i])
						      : hit_of(os[i]->ip4.what[at[i]]);
}

/* --- Single routes --- */

const struct vrs_overlay_route *vrs_overlay_routes(const struct vrs_overlay *o, size_t *n)
{
	*n = o->n_routes;
	return o->routes;
}

const struct vrs_overlay_route *vrs_overlay_pin_of(
	const struct vrs_overlay *o, const struct vrs_prefix *p)
{
	const struct vrs_overlay_route *r = NULL;
	struct vrs_addr first = vrs_prefix_addr(p);

	/* What covers the prefix covers its first address, where BGP then cannot win. */
	if (vrs_overlay_match(o, &first).bgp_min_len != VRS_OVERLAY_NO_BGP)
		return NULL;
	for (size_t i = 0; i < o->n_routes; i++)
		if (o->routes[i].pinned && vrs_prefix_covers(&o->routes[i].prefix, p) &&
			(r == NULL || o->routes[i].prefix.len < r->prefix.len))
			r = &o->routes[i];
	return r;
}

/* The first route on exactly p, or NULL; others follow it, users first. */
static const struct vrs_overlay_route *first_at(
	const struct vrs_overlay *o, const struct vrs_prefix *p)
{
	size_t lo = 0, hi = o->n_routes;

	while (lo < hi) {
		size_t at = lo + (hi - lo) / 2;

		if (vrs_prefix_cmp(&o->routes[at].prefix, p) < 0)
			lo = at + 1;
		else
			hi = at;
	}
	return lo < o->n_routes && vrs_prefix_equal(&o->routes[lo].prefix, p) ? &o->routes[lo]
									      : NULL;
}

const struct vrs_overlay_route *vrs_overlay_user_at(
	const struct vrs_overlay *o, const struct vrs_prefix *p)
{
	const struct vrs_overlay_route *r = first_at(o, p);

	return r != NULL && r->source == VRS_SOURCE_USER ? r : NULL;
}

const struct vrs_overlay_route *vrs_overlay_winner_at(
	const struct vrs_overlay *o, const struct vrs_prefix *p)
{
	const struct vrs_overlay_route *at = first_at(o, p), *best = NULL;

	if (at == NULL)
		return NULL;
	/* As answer() does for an address that no longer route covers. */
	for (const struct vrs_overlay_route *r = o->routes;
		r < o->routes + o->n_routes && vrs_prefix_cmp(&r->prefix, p) <= 0; r++)
		if (r->endpoint && vrs_prefix_covers(&r->prefix, p) &&
			(best == NULL || r->prefix.len > best->prefix.len))
			best = r;
	return best != NULL ? best : at;
}

bool vrs_overlay_hides(const struct vrs_overlay *o, const struct vrs_prefix *p)
{
	return !o->bgp || vrs_overlay_user_at(o, p) != NULL || vrs_overlay_pin_of(o, p) != NULL;
}

bool vrs_overlay_equal(const struct vrs_overlay *a, const struct vrs_overlay *b)
{
	if (a->bgp != b->bgp || a->n_routes != b->n_routes)
		return false;
	for (size_t i = 0; i < a->n_routes; i++) {
		const struct vrs_overlay_route *x = &a->routes[i], *y = &b->routes[i];

		if (!vrs_prefix_equal(&x->prefix, &y->prefix) ||
			!vrs_addr_equal(&x->next_hop, &y->next_hop) || x->source != y->source ||
			x->type != y->type || x->pinned != y->pinned || x->endpoint != y->endpoint)
			return false;
	}
	return true;
}

const struct vrs_overlay_route *vrs_overlay_endpoint_of(
	const struct vrs_overlay *o, const struct vrs_prefix *p)
{
	for (size_t i = 0; i < o->n_routes; i++)
		if (o->routes[i].endpoint && vrs_prefix_covers(&o->routes[i].prefix, p))
			return &o->routes[i];
	return NULL;
}

bool vrs_overlay_bgp(const struct vrs_overlay *o)
{
	return o->bgp;
}

size_t vrs_overlay_size(const struct vrs_overlay *o)
{
	return sizeof(*o) + (o->n_routes + 1) * sizeof(*o->routes) +
		o->ip4.n_keys * sizeof(*o->ip4.keys) +
		((size_t)o->ip4.n + o->ip6.n) * sizeof(struct interval) +
		(size_t)o->ip6.n * (o->ip6.low != NULL ? 2 : 1) * sizeof(uint64_t);
}
