/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A real daemon sends its table attribute set by attribute set, each set's prefixes packed
 * behind it. So does this: a counting sort brings the routes of a set together.
 */

#include "tools/vrslab/stream.h"

#include <errno.h>
#include <stdlib.h>

#include "io/bgp/encode.h"
#include "rib/aspath.h"

void vrs_stream_fini(struct vrs_stream *s)
{
	free(s->bytes);
	*s = (struct vrs_stream){0};
}

/* Room for one more message of any size. */
static uint8_t *room(struct vrs_stream *s, size_t size)
{
	if (s->cap - s->size < size) {
		size_t cap = VRS_MAX(s->cap * 2, s->size + size + ((size_t)1 << 16));
		uint8_t *p = realloc(s->bytes, cap);
		if (p == NULL)
			return NULL;
		s->bytes = p;
		s->cap = cap;
	}
	return s->bytes + s->size;
}

int vrs_stream_append(struct vrs_stream *s, const uint8_t *message, size_t size)
{
	uint8_t *to = room(s, size);

	if (to == NULL)
		return -ENOMEM;
	memcpy(to, message, size);
	s->size += size;
	s->n_messages++;
	return 0;
}

/* Routes of one family in the order of their sets. */
struct grouped {
	uint32_t *order; /* Indexes into routes->list. */
	uint32_t *ends;  /* End of each set's run in order. */
};

static void grouped_fini(struct grouped *g)
{
	free(g->order);
	free(g->ends);
}

static bool is_of(const struct vrs_route *route, enum vrs_afi afi)
{
	return route->prefix.afi == afi && route->set != VRS_ROUTES_NO_SET;
}

static int group(struct grouped *g, const struct vrs_routes *r, enum vrs_afi afi)
{
	uint32_t sum = 0;

	g->order = calloc(r->n_live + 1, sizeof(*g->order));
	g->ends = calloc(r->n_sets + 1, sizeof(*g->ends));
	if (g->order == NULL || g->ends == NULL) {
		grouped_fini(g);
		return -ENOMEM;
	}
	for (size_t i = 0; i < r->n; i++) {
		if (is_of(&r->list[i], afi))
			g->ends[r->list[i].set]++;
	}
	for (size_t i = 0; i < r->n_sets; i++) {
		uint32_t n = g->ends[i];
		g->ends[i] = sum;
		sum += n;
	}
	for (size_t i = 0; i < r->n; i++) {
		if (is_of(&r->list[i], afi))
			g->order[g->ends[r->list[i].set]++] = (uint32_t)i;
	}
	return 0;
}

size_t vrs_stream_prepend(
	struct vrs_span set, uint32_t asn, unsigned times, uint8_t *out, size_t cap)
{
	struct vrs_reader r = vrs_reader_span(set);
	struct vrs_writer w = vrs_writer_init(out, cap);
	struct vrs_bgp_attr a;

	while (vrs_bgp_attr_next(&r, &a)) {
		if (a.code != VRS_BGP_AS_PATH || times == 0) {
			vrs_bgp_attr_write(&w, a.flags, a.code, a.value);
			continue;
		}
		size_t at = vrs_bgp_attr_open(&w, a.flags, a.code);
		vrs_write_u8(&w, VRS_AS_SEQUENCE);
		vrs_write_u8(&w, (uint8_t)times);
		for (unsigned i = 0; i < times; i++)
			vrs_write_u32(&w, asn);
		vrs_write_bytes(&w, a.value.data, a.value.size);
		vrs_bgp_attr_close(&w, at);
	}
	return vrs_writer_ok(&w) ? vrs_writer_size(&w) : 0;
}

/* Rendering as for iBGP keeps MED; these three are then cut out for an external peer. */
static void cut_internal(struct vrs_bgp_attr_block *block, uint8_t *buf)
{
	struct vrs_reader r = vrs_reader_span(block->attrs);
	struct vrs_bgp_attr a;
	size_t used = 0;

	while (vrs_bgp_attr_next(&r, &a)) {
		if (a.code == VRS_BGP_LOCAL_PREF || a.code == VRS_BGP_ORIGINATOR_ID ||
			a.code == VRS_BGP_CLUSTER_LIST)
			continue;
		memmove(buf + used, a.raw.data, a.raw.size);
		used += a.raw.size;
	}
	block->attrs = (struct vrs_span){buf, used};
}

static void end_message(struct vrs_stream *s, struct vrs_bgp_pack *p)
{
	s->n_prefixes += p->n;
	s->n_messages += p->n > 0;
	s->size += vrs_bgp_pack_end(p);
}

static int pack_set(struct vrs_stream *s, const struct vrs_routes *r,
	const struct vrs_bgp_attr_block *block, const uint32_t *order, size_t n)
{
	struct vrs_bgp_pack p;

	for (size_t i = 0; i < n;) {
		uint8_t *to = room(s, VRS_BGP_MAX_SIZE);
		if (to == NULL)
			return -ENOMEM;
		if (!vrs_bgp_pack_begin(&p, to, VRS_BGP_MAX_SIZE, block)) {
			s->n_refused += n;
			return 0;
		}
		while (i < n && vrs_bgp_pack_add(&p, &r->list[order[i]].prefix))
			i++;
		end_message(s, &p);
	}
	return 0;
}

int vrs_stream_attrs(struct vrs_span set, enum vrs_afi afi, const struct vrs_stream_policy *policy,
	uint8_t *buf, size_t cap, struct vrs_bgp_attr_block *block)
{
	struct vrs_bgp_export ctx = {.ibgp = true,
		.as4 = policy->as4,
		.prepend_as = policy->ibgp ? 0 : policy->asn,
		.next_hop = policy->next_hop};
	uint8_t canonical[VRS_BGP_MAX_SIZE];

	/* This copies the path too: what does not fit here fits no message. */
	size_t size =
		vrs_stream_prepend(set, policy->asn, policy->prepend, canonical, sizeof(canonical));
	int rc = size == 0 ? -EMSGSIZE
			   : vrs_bgp_encode_attrs(&ctx, canonical, size, afi, buf, cap, block);
	if (rc == 0 && !policy->ibgp)
		cut_internal(block, buf);
	return rc;
}

static int announce_set(struct vrs_stream *s, const struct vrs_routes *r, enum vrs_afi afi,
	const struct vrs_stream_policy *policy, uint32_t set, const uint32_t *order, size_t n)
{
	uint8_t buf[VRS_BGP_MAX_SIZE];
	struct vrs_bgp_attr_block block;
	int rc = vrs_stream_attrs(vrs_routes_set(r, set), afi, policy, buf, sizeof(buf), &block);

	if (rc == -EMSGSIZE) {
		s->n_refused += n;
		return 0;
	}
	return rc != 0 ? rc : pack_set(s, r, &block, order, n);
}

/* @return How many prefixes the message took. */
static size_t pack_some(
	struct vrs_stream *s, struct vrs_bgp_pack *p, const struct vrs_prefix *prefixes, size_t n)
{
	size_t took = 0;

	while (took < n && vrs_bgp_pack_add(p, &prefixes[took]))
		took++;
	if (took > 0)
		end_message(s, p);
	return took;
}

ssize_t vrs_stream_announce_some(struct vrs_stream *s, const struct vrs_prefix *prefixes, size_t n,
	struct vrs_span set, const struct vrs_stream_policy *policy)
{
	uint8_t buf[VRS_BGP_MAX_SIZE];
	struct vrs_bgp_attr_block block;
	struct vrs_bgp_pack p;
	uint8_t *to = room(s, VRS_BGP_MAX_SIZE);
	int rc = vrs_stream_attrs(set, prefixes->afi, policy, buf, sizeof(buf), &block);

	if (to == NULL)
		return -ENOMEM;
	if (rc != 0)
		return rc;
	if (!vrs_bgp_pack_begin(&p, to, VRS_BGP_MAX_SIZE, &block))
		return -EMSGSIZE;
	size_t took = pack_some(s, &p, prefixes, n);
	return took == 0 ? -EMSGSIZE : (ssize_t)took;
}

ssize_t vrs_stream_withdraw_some(struct vrs_stream *s, const struct vrs_prefix *prefixes, size_t n)
{
	struct vrs_bgp_pack p;
	uint8_t *to = room(s, VRS_BGP_MAX_SIZE);

	if (to == NULL)
		return -ENOMEM;
	vrs_bgp_pack_begin_withdraw(&p, to, VRS_BGP_MAX_SIZE, prefixes->afi);
	return (ssize_t)pack_some(s, &p, prefixes, n);
}

int vrs_stream_announce(struct vrs_stream *s, const struct vrs_routes *routes, enum vrs_afi afi,
	const struct vrs_stream_policy *policy)
{
	struct grouped g;
	uint32_t first = 0;
	int rc = group(&g, routes, afi);

	if (rc != 0)
		return rc;
	for (uint32_t set = 0; set < routes->n_sets && rc == 0; set++) {
		if (g.ends[set] > first)
			rc = announce_set(
				s, routes, afi, policy, set, g.order + first, g.ends[set] - first);
		first = g.ends[set];
	}
	grouped_fini(&g);
	uint8_t eor[32] = {0};
	return rc != 0 ? rc : vrs_stream_append(s, eor, vrs_bgp_eor_encode(afi, eor, sizeof(eor)));
}

int vrs_stream_withdraw(struct vrs_stream *s, const struct vrs_routes *routes, enum vrs_afi afi)
{
	struct vrs_bgp_pack p;

	for (size_t i = 0; i < routes->n;) {
		uint8_t *to = room(s, VRS_BGP_MAX_SIZE);
		if (to == NULL)
			return -ENOMEM;
		vrs_bgp_pack_begin_withdraw(&p, to, VRS_BGP_MAX_SIZE, afi);
		while (i < routes->n &&
			(!is_of(&routes->list[i], afi) ||
				vrs_bgp_pack_add(&p, &routes->list[i].prefix)))
			i++;
		end_message(s, &p);
	}
	return 0;
}

size_t vrs_stream_run(const struct vrs_stream *s, size_t at, size_t max)
{
	size_t end = at;

	while (end < s->size) {
		/* The length field of a message we wrote ourselves: bytes 16 and 17. */
		size_t size = (size_t)s->bytes[end + 16] << 8 | s->bytes[end + 17];
		if (end > at && end + size - at > max)
			break;
		end += size;
	}
	return end;
}
