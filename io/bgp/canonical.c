/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * From a decoded UPDATE to the canonical bytes of rib/attrs.h. Slots come by code already;
 * what is left to do is the next hop of the right family, 4-byte AS numbers, the merge of
 * AS4_PATH and AS4_AGGREGATOR (RFC 6793 section 4.2.3), and large communities once each
 * (RFC 8092 section 3).
 */

#include <errno.h>
#include <limits.h>

#include "io/bgp/open.h"
#include "io/bgp/update.h"
#include "rib/aspath.h"
#include "rib/community.h"

static const struct vrs_span no_span = {NULL, 0};

/* --- facts ------------------------------------------------------------------------------ */

static void note_communities(struct vrs_attrs_info *info, struct vrs_span value)
{
	struct vrs_reader r = vrs_reader_span(value);

	while (vrs_reader_left(&r) >= 4) {
		uint32_t c = vrs_read_u32(&r);

		if (c == VRS_COMMUNITY_NO_EXPORT || c == VRS_COMMUNITY_NO_EXPORT_SUBCONFED)
			info->flags |= VRS_ATTRS_NO_EXPORT;
		else if (c == VRS_COMMUNITY_NO_ADVERTISE)
			info->flags |= VRS_ATTRS_NO_ADVERTISE;
	}
}

static void note_next_hop(struct vrs_attrs_info *info, struct vrs_span value)
{
	bool ip4 = value.size == 4;

	info->next_hop = (struct vrs_addr){.afi = ip4 ? VRS_AFI_IP4 : VRS_AFI_IP6};
	memcpy(info->next_hop.bytes, value.data, ip4 ? 4 : VRS_MIN(value.size, 16u));
}

/* Take the facts from one canonical attribute. */
static void note(struct vrs_attrs_info *info, uint8_t code, struct vrs_span value)
{
	struct vrs_reader r = vrs_reader_span(value);

	switch (code) {
	case VRS_BGP_ORIGIN:
		info->origin = vrs_read_u8(&r);
		break;
	case VRS_BGP_AS_PATH:
		info->path_len = (uint16_t)vrs_aspath_len(value);
		info->first_as = vrs_aspath_first(value);
		break;
	case VRS_BGP_NEXT_HOP:
		note_next_hop(info, value);
		break;
	case VRS_BGP_MED:
		info->med = vrs_read_u32(&r);
		info->flags |= VRS_ATTRS_HAS_MED;
		break;
	case VRS_BGP_LOCAL_PREF:
		info->local_pref = vrs_read_u32(&r);
		info->flags |= VRS_ATTRS_HAS_LOCAL_PREF;
		break;
	case VRS_BGP_COMMUNITIES:
		note_communities(info, value);
		break;
	case VRS_BGP_ORIGINATOR_ID:
		info->originator_id = vrs_read_u32(&r);
		info->flags |= VRS_ATTRS_HAS_ORIGINATOR;
		break;
	case VRS_BGP_CLUSTER_LIST:
		info->cluster_len = (uint8_t)VRS_MIN(value.size / 4, 255u);
		break;
	default:
		break;
	}
}

static void info_init(struct vrs_attrs_info *info)
{
	*info = (struct vrs_attrs_info){.local_pref = 100};
}

void vrs_bgp_attrs_info(const uint8_t *canonical, size_t size, struct vrs_attrs_info *info)
{
	struct vrs_reader r = vrs_reader_init(canonical, size);
	struct vrs_bgp_attr a;

	info_init(info);
	while (vrs_bgp_attr_next(&r, &a))
		note(info, a.code, a.value);
}

/* --- AS paths of 2-byte peers ----------------------------------------------------------- */

struct segment {
	uint8_t type;
	unsigned n;
	struct vrs_reader asns;
};

static bool next_segment(struct vrs_reader *r, unsigned width, struct segment *s)
{
	if (vrs_reader_left(r) == 0)
		return false;
	s->type = vrs_read_u8(r);
	s->n = vrs_read_u8(r);
	s->asns = vrs_reader_span(vrs_read_span(r, (size_t)s->n * width));
	return vrs_reader_ok(r);
}

static unsigned path_len(struct vrs_span path, unsigned width)
{
	struct vrs_reader r = vrs_reader_span(path);
	struct segment s;
	unsigned len = 0;

	while (next_segment(&r, width, &s))
		len += s.type == VRS_AS_SEQUENCE ? s.n : s.type == VRS_AS_SET ? 1 : 0;
	return len;
}

/* A path being written; sequences that meet are joined while they fit one segment, so that a
 * merged path has the bytes of the path it was before a 2-byte speaker split it. */
struct path_writer {
	struct vrs_writer *w;
	uint8_t *head; /* Of the open segment. */
};

static void path_add(struct path_writer *p, const struct segment *s, unsigned n, unsigned width)
{
	struct vrs_reader asns = s->asns;

	if (p->head != NULL && s->type == VRS_AS_SEQUENCE && p->head[0] == VRS_AS_SEQUENCE &&
		p->head[1] + n <= UINT8_MAX) {
		p->head[1] = (uint8_t)(p->head[1] + n);
	} else {
		p->head = vrs_write_reserve(p->w, 2);
		if (p->head == NULL)
			return;
		p->head[0] = s->type;
		p->head[1] = (uint8_t)n;
	}
	for (unsigned i = 0; i < n; i++)
		vrs_write_u32(p->w, width == 4 ? vrs_read_u32(&asns) : vrs_read_u16(&asns));
}

/* @p path up to @p limit hops. */
static void path_lead(struct path_writer *p, struct vrs_span path, unsigned limit)
{
	struct vrs_reader r = vrs_reader_span(path);
	struct segment s;

	while (limit > 0 && next_segment(&r, 2, &s)) {
		unsigned n = s.type == VRS_AS_SEQUENCE ? VRS_MIN(s.n, limit) : s.n;

		path_add(p, &s, n, 2);
		limit -= s.type == VRS_AS_SEQUENCE ? n : 1;
	}
}

/* The rest, from AS4_PATH, without the confederation segments that must not be there (RFC
 * 6793 section 6). */
static void path_rest(struct path_writer *p, struct vrs_span as4_path)
{
	struct vrs_reader r = vrs_reader_span(as4_path);
	struct segment s;

	while (next_segment(&r, 4, &s)) {
		if (s.type == VRS_AS_SET || s.type == VRS_AS_SEQUENCE)
			path_add(p, &s, s.n, 4);
	}
}

/* --- writing ---------------------------------------------------------------------------- */

struct making {
	const struct vrs_bgp_update *u;
	struct vrs_writer w;
	struct vrs_attrs_info *info;
	bool use_as4; /* AS4_PATH and AS4_AGGREGATOR are to be believed. */
};

static struct vrs_span slot_value(const struct vrs_bgp_attr_slot *s)
{
	return (struct vrs_span){s->value, s->size};
}

static void put(struct making *m, uint8_t flags, uint8_t code, struct vrs_span value)
{
	vrs_bgp_attr_write(&m->w, flags, code, value);
	note(m->info, code, value);
}

/* End an attribute written piece by piece, and note it. */
static void finish(struct making *m, size_t at, uint8_t code)
{
	struct vrs_reader r;
	struct vrs_bgp_attr a;

	vrs_bgp_attr_close(&m->w, at);
	if (!vrs_writer_ok(&m->w))
		return;
	r = vrs_reader_init(m->w.start + at, vrs_writer_size(&m->w) - at);
	if (vrs_bgp_attr_next(&r, &a))
		note(m->info, code, a.value);
}

static void put_as_path(struct making *m, const struct vrs_bgp_attr_slot *s)
{
	struct vrs_span path = slot_value(s);
	struct path_writer p = {.w = &m->w};

	if (m->u->ctx->as4) {
		put(m, s->flags, s->code, path);
		return;
	}
	unsigned len = path_len(path, 2);
	unsigned len4 = m->use_as4 ? path_len(m->u->as4_path, 4) : 0;
	size_t at = vrs_bgp_attr_open(&m->w, s->flags, s->code);
	/* An AS4_PATH longer than the AS_PATH is not believed. */
	if (len4 > 0 && len4 <= len) {
		path_lead(&p, path, len - len4);
		path_rest(&p, m->u->as4_path);
	} else {
		path_lead(&p, path, UINT_MAX);
	}
	finish(m, at, s->code);
}

static void put_aggregator(struct making *m, const struct vrs_bgp_attr_slot *s)
{
	struct vrs_reader r = vrs_reader_span(slot_value(s));
	uint8_t wide[8];

	if (m->u->ctx->as4) {
		put(m, s->flags, s->code, slot_value(s));
		return;
	}
	if (m->use_as4 && m->u->as4_aggregator.size > 0) {
		put(m, s->flags, s->code, m->u->as4_aggregator);
		return;
	}
	vrs_put_u32(wide, vrs_read_u16(&r));
	vrs_put_u32(wide + 4, vrs_read_u32(&r));
	put(m, s->flags, s->code, (struct vrs_span){wide, sizeof(wide)});
}

enum { LARGE_SIZE = 12, TABLE_BITS = 14, TABLE_SIZE = 1 << TABLE_BITS };
static_assert(TABLE_SIZE > 2 * (UINT16_MAX / LARGE_SIZE), "half empty at the most");

/* Whether one of the @p n elements before @p one equals it; enters it into @p table if not.
 * table[] holds 1 + index, open addressing. */
static bool seen_before(uint16_t *table, const uint8_t *first, const uint8_t *one)
{
	struct vrs_reader r = vrs_reader_init(one, LARGE_SIZE);
	uint32_t h = vrs_read_u32(&r) * 0x9e3779b1u;

	h = (h ^ vrs_read_u32(&r)) * 0x85ebca6bu;
	h = (h ^ vrs_read_u32(&r)) * 0xc2b2ae35u;
	for (uint32_t i = h >> (32 - TABLE_BITS);; i = (i + 1) % TABLE_SIZE) {
		if (table[i] == 0) {
			table[i] = (uint16_t)(1 + (size_t)(one - first) / LARGE_SIZE);
			return false;
		}
		if (memcmp(first + (size_t)(table[i] - 1) * LARGE_SIZE, one, LARGE_SIZE) == 0)
			return true;
	}
}

static bool seen_among(const uint8_t *first, const uint8_t *one)
{
	for (const uint8_t *p = first; p < one; p += LARGE_SIZE) {
		if (memcmp(p, one, LARGE_SIZE) == 0)
			return true;
	}
	return false;
}

static void put_large(struct making *m, const struct vrs_bgp_attr_slot *s)
{
	enum { FEW = 16 };
	struct vrs_reader r = vrs_reader_span(slot_value(s));
	size_t at = vrs_bgp_attr_open(&m->w, s->flags, s->code);
	bool few = s->size / LARGE_SIZE <= FEW;
	uint16_t table[TABLE_SIZE];

	if (!few)
		memset(table, 0, sizeof(table));
	while (vrs_reader_left(&r) > 0) {
		const uint8_t *one = vrs_read_bytes(&r, LARGE_SIZE);

		if (!(few ? seen_among(s->value, one) : seen_before(table, s->value, one)))
			vrs_write_bytes(&m->w, one, LARGE_SIZE);
	}
	finish(m, at, s->code);
}

/* RFC 6793 section 4.2.3: when AGGREGATOR is there with a real AS number, the path went
 * through an aggregating 2-byte speaker after the AS4 attributes were made: ignore both. */
static bool believe_as4(const struct vrs_bgp_update *u)
{
	if (u->ctx->as4)
		return false;
	if (u->as4_aggregator.size == 0)
		return true;
	for (size_t i = 0; i < u->n_attrs && u->attrs[i].code <= VRS_BGP_AGGREGATOR; i++) {
		if (u->attrs[i].code == VRS_BGP_AGGREGATOR) {
			struct vrs_reader r = vrs_reader_span(slot_value(&u->attrs[i]));

			return vrs_read_u16(&r) == VRS_BGP_AS_TRANS;
		}
	}
	return true;
}

int vrs_bgp_update_canonical(const struct vrs_bgp_update *u, enum vrs_bgp_which which, uint8_t *buf,
	size_t cap, size_t *size, struct vrs_attrs_info *info)
{
	struct making m = {
		u, vrs_writer_init(buf, VRS_MIN(cap, VRS_BGP_CANONICAL_MAX)), info, believe_as4(u)};
	struct vrs_span mp_next_hop = which == VRS_BGP_MP ? u->mp_next_hop : no_span;

	info_init(info);
	for (size_t i = 0; i < u->n_attrs; i++) {
		const struct vrs_bgp_attr_slot *s = &u->attrs[i];

		if (mp_next_hop.size > 0 && s->code >= VRS_BGP_NEXT_HOP) {
			put(&m, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_NEXT_HOP, mp_next_hop);
			mp_next_hop = no_span;
		}
		if (s->code == VRS_BGP_NEXT_HOP && which == VRS_BGP_MP)
			continue;
		if (s->code == VRS_BGP_AS_PATH)
			put_as_path(&m, s);
		else if (s->code == VRS_BGP_AGGREGATOR)
			put_aggregator(&m, s);
		else if (s->code == VRS_BGP_LARGE_COMMUNITIES)
			put_large(&m, s);
		else
			put(&m, s->flags, s->code, slot_value(s));
	}
	if (mp_next_hop.size > 0)
		put(&m, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_NEXT_HOP, mp_next_hop);
	if (!vrs_writer_ok(&m.w))
		return -EMSGSIZE;
	*size = vrs_writer_size(&m.w);
	return 0;
}
