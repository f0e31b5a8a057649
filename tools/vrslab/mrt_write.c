/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Each peer's routes are sorted by index, then merged: the peers' next routes are compared, the
 * least prefix becomes a record. That is a comparison per peer and prefix, and memory for one
 * record.
 */

#include "tools/vrslab/mrt_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/bgp/encode.h"

enum {
	TYPE_TABLE_DUMP_V2 = 13,
	PEER_INDEX_TABLE = 1,
	RIB_IPV4_UNICAST = 2,
	RIB_IPV6_UNICAST = 4,
	PEER_IS_IP6 = 1,
	PEER_HAS_AS4 = 2,
	HEADER_SIZE = 12,
	PEER_MAX_SIZE = 1 + 4 + 16 + 4,
	/* Index, time, size; attributes; an MP_REACH_NLRI with its header. */
	ENTRY_MAX_SIZE = 2 + 4 + 2 + VRS_BGP_MAX_SIZE + 4 + 33,
	RECORD_MAX_FIXED = HEADER_SIZE + 4 + 17 + 2,
};

/* What is left of a peer's routes. */
struct sorted {
	uint32_t *order; /* Indexes of live routes. */
	size_t n, next;
};

struct writing {
	struct vrs_mrt_write *what;
	struct vrs_outfile *out;
	struct sorted *sorted;
	uint8_t *record;
	size_t cap;
	uint32_t sequence;
};

static int route_cmp(const void *a, const void *b, void *routes)
{
	const struct vrs_route *list = routes;
	const uint32_t *i = a, *j = b;

	return vrs_prefix_cmp(&list[*i].prefix, &list[*j].prefix);
}

static int sort(struct sorted *s, const struct vrs_routes *r)
{
	s->order = calloc(r->n_live + 1, sizeof(*s->order));
	if (s->order == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++) {
		if (r->list[i].set != VRS_ROUTES_NO_SET)
			s->order[s->n++] = (uint32_t)i;
	}
	qsort_r(s->order, s->n, sizeof(*s->order), route_cmp, r->list);
	return 0;
}

static const struct vrs_route *next_of(const struct writing *w, size_t peer)
{
	const struct sorted *s = &w->sorted[peer];

	return s->next < s->n ? &w->what->peers[peer].routes->list[s->order[s->next]] : NULL;
}

/* ---- Records ------------------------------------------------------------------------------ */

static struct vrs_writer record_begin(struct writing *w, unsigned subtype)
{
	struct vrs_writer r = vrs_writer_init(w->record, w->cap);

	vrs_write_u32(&r, w->what->time);
	vrs_write_u16(&r, TYPE_TABLE_DUMP_V2);
	vrs_write_u16(&r, (uint16_t)subtype);
	vrs_write_u32(&r, 0);
	return r;
}

static void record_end(struct writing *w, struct vrs_writer *r)
{
	/* The buffer has room for every peer's largest entry. */
	assert(vrs_writer_ok(r));
	vrs_put_u32(w->record + 8, (uint32_t)(vrs_writer_size(r) - HEADER_SIZE));
	vrs_outfile_write(w->out, w->record, vrs_writer_size(r));
}

static void write_peer_index(struct writing *w)
{
	struct vrs_writer r = record_begin(w, PEER_INDEX_TABLE);

	vrs_write_u32(&r, 0); /* The collector, which there is not. */
	vrs_write_u16(&r, 0); /* Its view has no name. */
	vrs_write_u16(&r, (uint16_t)w->what->n_peers);
	for (size_t i = 0; i < w->what->n_peers; i++) {
		const struct vrs_mrt_peer *p = &w->what->peers[i].peer;
		bool ip6 = p->addr.afi == VRS_AFI_IP6;
		vrs_write_u8(&r, (uint8_t)(PEER_HAS_AS4 | (ip6 ? PEER_IS_IP6 : 0)));
		/* BGP Identifier: the address, as most routers have it; else not known. */
		vrs_write_u32(&r, vrs_addr_ip4_bits(&p->addr));
		vrs_write_bytes(&r, p->addr.bytes, ip6 ? 16 : 4);
		vrs_write_u32(&r, p->asn);
	}
	record_end(w, &r);
}

/* @return Whether the peer can announce it. */
static bool write_entry(
	struct writing *w, struct vrs_writer *r, size_t peer, const struct vrs_route *route)
{
	const struct vrs_mrt_write_peer *p = &w->what->peers[peer];
	uint8_t buf[VRS_BGP_MAX_SIZE];
	struct vrs_bgp_attr_block block;

	if (vrs_stream_attrs(vrs_routes_set(p->routes, route->set), route->prefix.afi,
		    &p->policy[route->prefix.afi == VRS_AFI_IP6], buf, sizeof(buf), &block) != 0) {
		w->what->n_refused++;
		return false;
	}
	vrs_write_u16(r, (uint16_t)peer);
	vrs_write_u32(r, w->what->time);
	size_t at = vrs_writer_size(r);
	vrs_write_u16(r, 0);
	vrs_write_bytes(r, block.attrs.data, block.attrs.size);
	if (block.mp) {
		/* Section 4.3.4: the next hop's length and the next hop, nothing else. */
		size_t mp = vrs_bgp_attr_open(r, VRS_BGP_FLAG_OPTIONAL, VRS_BGP_MP_REACH);
		vrs_write_u8(r, block.next_hop_size);
		vrs_write_bytes(r, block.next_hop, block.next_hop_size);
		vrs_bgp_attr_close(r, mp);
	}
	vrs_put_u16(r->start + at, (uint16_t)(vrs_writer_size(r) - at - 2));
	w->what->n_entries++;
	return true;
}

/* The record of @p prefix, from every peer whose next route it is. */
static void write_rib(struct writing *w, const struct vrs_prefix *prefix)
{
	struct vrs_writer r =
		record_begin(w, prefix->afi == VRS_AFI_IP4 ? RIB_IPV4_UNICAST : RIB_IPV6_UNICAST);
	uint16_t n = 0;

	vrs_write_u32(&r, w->sequence);
	vrs_prefix_write(&r, prefix);
	size_t at = vrs_writer_size(&r);
	vrs_write_u16(&r, 0);
	for (size_t i = 0; i < w->what->n_peers; i++) {
		const struct vrs_route *route = next_of(w, i);
		if (route == NULL || !vrs_prefix_equal(&route->prefix, prefix))
			continue;
		n += write_entry(w, &r, i, route);
		w->sorted[i].next++;
	}
	if (n == 0)
		return;
	vrs_put_u16(w->record + at, n);
	record_end(w, &r);
	w->sequence++;
	w->what->n_records++;
}

static const struct vrs_route *least(const struct writing *w)
{
	const struct vrs_route *best = NULL;

	for (size_t i = 0; i < w->what->n_peers; i++) {
		const struct vrs_route *r = next_of(w, i);
		if (r != NULL && (best == NULL || vrs_prefix_cmp(&r->prefix, &best->prefix) < 0))
			best = r;
	}
	return best;
}

int vrs_mrt_write(struct vrs_mrt_write *what, struct vrs_outfile *out)
{
	struct writing w = {.what = what, .out = out};
	const struct vrs_route *route;
	int rc = 0;

	if (what->n_peers > UINT16_MAX)
		return -E2BIG;
	w.cap = RECORD_MAX_FIXED + what->n_peers * (size_t)ENTRY_MAX_SIZE;
	static_assert(PEER_MAX_SIZE < ENTRY_MAX_SIZE, "the peer index fits, too");
	w.record = malloc(w.cap);
	w.sorted = calloc(what->n_peers + 1, sizeof(*w.sorted));
	if (w.record == NULL || w.sorted == NULL)
		rc = -ENOMEM;
	for (size_t i = 0; i < what->n_peers && rc == 0; i++)
		rc = sort(&w.sorted[i], what->peers[i].routes);
	if (rc == 0) {
		what->n_records = what->n_entries = what->n_refused = 0;
		write_peer_index(&w);
		while ((route = least(&w)) != NULL)
			write_rib(&w, &route->prefix);
	}
	for (size_t i = 0; w.sorted != NULL && i < what->n_peers; i++)
		free(w.sorted[i].order);
	free(w.sorted);
	free(w.record);
	return rc;
}
