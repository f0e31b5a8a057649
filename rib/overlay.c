/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Building: prefixes nest or are disjoint, so their first and last addresses, in order, are
 * the only places where the answer can change. At each such place the answer is computed from
 * the routes that cover it, once; equal neighbours are merged. That is routes x boundaries,
 * a few thousand steps for the few hundred routes that a class has, and only when the
 * configuration changes.
 */

#include "rib/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "rib/base/mem.h"

typedef unsigned __int128 u128;

struct interval {
	uint32_t route;
	uint8_t min_len;
};

struct family {
	u128 *starts; /* Ascending; starts[0] = 0. */
	struct interval *what;
	uint32_t n, cap;
};

struct vrs_overlay {
	struct vrs_overlay_route *routes;
	size_t n_routes;
	struct family family[2]; /* [0] IPv4, [1] IPv6. */
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
	struct interval r = {VRS_OVERLAY_NO_ROUTE, o->bgp ? 0 : VRS_OVERLAY_NO_BGP};
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
			r.route = (uint32_t)i;
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

static bool family_build(struct vrs_overlay *o, unsigned afi)
{
	struct family *f = &o->family[afi == VRS_AFI_IP6];
	uint32_t cap = (uint32_t)(2 * o->n_routes + 1);

	f->starts = vrs_mem_alloc(VRS_MEM_OVERLAY, cap * sizeof(*f->starts));
	f->what = vrs_mem_alloc(VRS_MEM_OVERLAY, cap * sizeof(*f->what));
	f->cap = cap;
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

struct vrs_overlay *vrs_overlay_new(const struct vrs_overlay_route *routes, size_t n, bool bgp)
{
	struct vrs_overlay *o = vrs_mem_zalloc(VRS_MEM_OVERLAY, sizeof(*o));

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
	for (unsigned i = 0; i < 2; i++) {
		struct family *f = &o->family[i];

		vrs_mem_free(VRS_MEM_OVERLAY, f->starts, f->cap * sizeof(*f->starts));
		vrs_mem_free(VRS_MEM_OVERLAY, f->what, f->cap * sizeof(*f->what));
	}
	vrs_mem_free(VRS_MEM_OVERLAY, o->routes, (o->n_routes + 1) * sizeof(*o->routes));
	vrs_mem_free(VRS_MEM_OVERLAY, o, sizeof(*o));
}

struct vrs_overlay_hit vrs_overlay_match(const struct vrs_overlay *o, const struct vrs_addr *addr)
{
	const struct family *f = &o->family[addr->afi == VRS_AFI_IP6];
	u128 key = bits_of(addr->bytes);
	uint32_t lo = 0, n = f->n;

	/* The last start that is not after the key; starts[0] = 0 is not. */
	while (n > 1) {
		uint32_t half = n / 2;

		lo = f->starts[lo + half] <= key ? lo + half : lo;
		n -= half;
	}
	return (struct vrs_overlay_hit){f->what[lo].route, f->what[lo].min_len};
}

const struct vrs_overlay_route *vrs_overlay_routes(const struct vrs_overlay *o, size_t *n)
{
	*n = o->n_routes;
	return o->routes;
}

const struct vrs_overlay_route *vrs_overlay_pin_of(
	const struct vrs_overlay *o, const struct vrs_prefix *p)
{
	const struct vrs_overlay_route *r = NULL;

	for (size_t i = 0; i < o->n_routes; i++)
		if (o->routes[i].pinned && vrs_prefix_covers(&o->routes[i].prefix, p) &&
			(r == NULL || o->routes[i].prefix.len < r->prefix.len))
			r = &o->routes[i];
	return r;
}

const struct vrs_overlay_route *vrs_overlay_user_at(
	const struct vrs_overlay *o, const struct vrs_prefix *p)
{
	for (size_t i = 0; i < o->n_routes; i++)
		if (o->routes[i].source == VRS_SOURCE_USER &&
			vrs_prefix_equal(&o->routes[i].prefix, p))
			return &o->routes[i];
	return NULL;
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
	size_t size = sizeof(*o) + (o->n_routes + 1) * sizeof(*o->routes);

	for (unsigned i = 0; i < 2; i++)
		size += o->family[i].cap * (sizeof(u128) + sizeof(struct interval));
	return size;
}
