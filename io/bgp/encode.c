/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/encode.h"

#include <errno.h>

#include "io/bgp/open.h"
#include "rib/aspath.h"

enum {
	DEFAULT_LOCAL_PREF = 100,
	TRANSITIVE = VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_TRANSITIVE,
	LONGEST_NLRI = 17,
};

struct rendering {
	const struct vrs_bgp_export *ctx;
	struct vrs_bgp_attr_block *block;
	struct vrs_writer w;
	struct vrs_span path;       /* Canonical AS_PATH. */
	struct vrs_span aggregator; /* Canonical AGGREGATOR. */
};

/* --- AS paths --------------------------------------------------------------------------- */

static void write_asn(struct vrs_writer *w, uint32_t asn, unsigned width)
{
	if (width == 4)
		vrs_write_u32(w, asn);
	else
		vrs_write_u16(w, (uint16_t)(asn > UINT16_MAX ? VRS_BGP_AS_TRANS : asn));
}

/* The path as it leaves: our AS once in front (RFC 4271 section 5.1.2), in the segment that is
 * there while it has room. */
static void write_path(struct vrs_writer *w, struct vrs_span path, uint32_t prepend, unsigned width)
{
	struct vrs_reader r = vrs_reader_span(path);
	bool first = true;

	while (vrs_reader_left(&r) > 0) {
		uint8_t type = vrs_read_u8(&r);
		unsigned n = vrs_read_u8(&r);
		bool merge = first && prepend != 0 && type == VRS_AS_SEQUENCE && n < UINT8_MAX;

		if (first && prepend != 0 && !merge) {
			vrs_write_u8(w, VRS_AS_SEQUENCE);
			vrs_write_u8(w, 1);
			write_asn(w, prepend, width);
		}
		vrs_write_u8(w, type);
		vrs_write_u8(w, (uint8_t)(n + merge));
		if (merge)
			write_asn(w, prepend, width);
		for (unsigned i = 0; i < n && vrs_reader_ok(&r); i++)
			write_asn(w, vrs_read_u32(&r), width);
		first = false;
	}
	if (first && prepend != 0) {
		vrs_write_u8(w, VRS_AS_SEQUENCE);
		vrs_write_u8(w, 1);
		write_asn(w, prepend, width);
	}
}

static bool path_is_wide(struct vrs_span path, uint32_t prepend)
{
	struct vrs_reader r = vrs_reader_span(path);

	if (prepend > UINT16_MAX)
		return true;
	while (vrs_reader_left(&r) > 0) {
		vrs_read_u8(&r);
		for (unsigned n = vrs_read_u8(&r); n > 0 && vrs_reader_ok(&r); n--) {
			if (vrs_read_u32(&r) > UINT16_MAX)
				return true;
		}
	}
	return false;
}

static void put_path(struct rendering *e, const struct vrs_bgp_attr *a)
{
	e->path = a->value;
	if (e->ctx->as4 && e->ctx->prepend_as == 0) {
		vrs_bgp_attr_write(&e->w, a->flags, a->code, a->value);
		return;
	}
	size_t at = vrs_bgp_attr_open(&e->w, a->flags, a->code);
	write_path(&e->w, a->value, e->ctx->prepend_as, e->ctx->as4 ? 4 : 2);
	vrs_bgp_attr_close(&e->w, at);
}

static void put_aggregator(struct rendering *e, const struct vrs_bgp_attr *a)
{
	struct vrs_reader r = vrs_reader_span(a->value);

	if (e->ctx->as4) {
		vrs_bgp_attr_write(&e->w, a->flags, a->code, a->value);
		return;
	}
	e->aggregator = a->value;
	size_t at = vrs_bgp_attr_open(&e->w, a->flags, a->code);
	write_asn(&e->w, vrs_read_u32(&r), 2);
	vrs_write_u32(&e->w, vrs_read_u32(&r));
	vrs_bgp_attr_close(&e->w, at);
}

/* --- the others ------------------------------------------------------------------------- */

static void put_u32(struct rendering *e, uint8_t flags, uint8_t code, uint32_t value)
{
	uint8_t bytes[4];

	vrs_put_u32(bytes, value);
	vrs_bgp_attr_write(&e->w, flags, code, (struct vrs_span){bytes, sizeof(bytes)});
}

/* The next hop goes into the classic attribute, or waits for the message's MP_REACH_NLRI. */
static void put_next_hop(struct rendering *e, const struct vrs_bgp_attr *a)
{
	const struct vrs_addr *own = &e->ctx->next_hop;
	struct vrs_span nh = a->value;

	if (own->afi != VRS_AFI_NONE)
		nh = (struct vrs_span){own->bytes, own->afi == VRS_AFI_IP4 ? 4 : 16};
	if (nh.size > sizeof(e->block->next_hop))
		return;
	e->block->next_hop_size = (uint8_t)nh.size;
	memcpy(e->block->next_hop, nh.data, nh.size);
	e->block->mp = e->block->afi != VRS_AFI_IP4 || nh.size != 4;
	if (!e->block->mp)
		vrs_bgp_attr_write(&e->w, a->flags, a->code, nh);
}

static void put_cluster_list(struct rendering *e, struct vrs_span learned)
{
	size_t at = vrs_bgp_attr_open(&e->w, VRS_BGP_FLAG_OPTIONAL, VRS_BGP_CLUSTER_LIST);

	if (e->ctx->originator_id != 0)
		vrs_write_u32(&e->w, e->ctx->cluster_id);
	vrs_write_bytes(&e->w, learned.data, learned.size);
	vrs_bgp_attr_close(&e->w, at);
}

/* One attribute of the set. */
static void pass(struct rendering *e, const struct vrs_bgp_attr *a)
{
	switch (a->code) {
	case VRS_BGP_AS_PATH:
		put_path(e, a);
		return;
	case VRS_BGP_NEXT_HOP:
		put_next_hop(e, a);
		return;
	case VRS_BGP_AGGREGATOR:
		put_aggregator(e, a);
		return;
	case VRS_BGP_CLUSTER_LIST:
		if (e->ctx->ibgp)
			put_cluster_list(e, a->value);
		return;
	case VRS_BGP_MED:
	case VRS_BGP_LOCAL_PREF:
	case VRS_BGP_ORIGINATOR_ID:
		if (!e->ctx->ibgp)
			return;
		break;
	default:
		break;
	}
	vrs_bgp_attr_write(&e->w, a->flags, a->code, a->value);
}

/* Attributes that may be sent although the set has none of the code. */
static const uint8_t added[] = {VRS_BGP_LOCAL_PREF, VRS_BGP_ORIGINATOR_ID, VRS_BGP_CLUSTER_LIST,
	VRS_BGP_AS4_PATH, VRS_BGP_AS4_AGGREGATOR, VRS_BGP_OTC};

static void put_as4_path(struct rendering *e)
{
	if (e->ctx->as4 || !path_is_wide(e->path, e->ctx->prepend_as))
		return;
	size_t at = vrs_bgp_attr_open(&e->w, TRANSITIVE, VRS_BGP_AS4_PATH);
	write_path(&e->w, e->path, e->ctx->prepend_as, 4);
	vrs_bgp_attr_close(&e->w, at);
}

static void put_as4_aggregator(struct rendering *e)
{
	struct vrs_reader r = vrs_reader_span(e->aggregator);

	if (e->aggregator.size > 0 && vrs_read_u32(&r) > UINT16_MAX)
		vrs_bgp_attr_write(&e->w, TRANSITIVE, VRS_BGP_AS4_AGGREGATOR, e->aggregator);
}

static void add(struct rendering *e, uint8_t code)
{
	const struct vrs_bgp_export *ctx = e->ctx;
	bool reflect = ctx->ibgp && ctx->originator_id != 0;

	if (code == VRS_BGP_LOCAL_PREF && ctx->ibgp)
		put_u32(e, VRS_BGP_FLAG_TRANSITIVE, code, DEFAULT_LOCAL_PREF);
	else if (code == VRS_BGP_ORIGINATOR_ID && reflect)
		put_u32(e, VRS_BGP_FLAG_OPTIONAL, code, ctx->originator_id);
	else if (code == VRS_BGP_CLUSTER_LIST && reflect)
		put_cluster_list(e, (struct vrs_span){NULL, 0});
	else if (code == VRS_BGP_AS4_PATH)
		put_as4_path(e);
	else if (code == VRS_BGP_AS4_AGGREGATOR)
		put_as4_aggregator(e);
	else if (code == VRS_BGP_OTC && ctx->otc_as != 0)
		put_u32(e, TRANSITIVE, code, ctx->otc_as);
}

int vrs_bgp_encode_attrs(const struct vrs_bgp_export *ctx, const uint8_t *canonical, size_t size,
	enum vrs_afi afi, uint8_t *buf, size_t cap, struct vrs_bgp_attr_block *block)
{
	struct vrs_bgp_attr_block out = {.afi = (uint8_t)afi};
	struct rendering e = {.ctx = ctx, .block = &out, .w = vrs_writer_init(buf, cap)};
	struct vrs_reader r = vrs_reader_init(canonical, size);
	struct vrs_bgp_attr a;
	size_t next = 0;

	while (vrs_bgp_attr_next(&r, &a)) {
		for (; next < sizeof(added) && added[next] < a.code; next++)
			add(&e, added[next]);
		if (next < sizeof(added) && added[next] == a.code)
			next++;
		pass(&e, &a);
	}
	for (; next < sizeof(added); next++)
		add(&e, added[next]);
	if (!vrs_writer_ok(&e.w))
		return -EMSGSIZE;
	if (out.next_hop_size == 0 || (afi == VRS_AFI_IP6 && out.next_hop_size == 4))
		return -EINVAL;
	out.attrs = (struct vrs_span){buf, vrs_writer_size(&e.w)};
	*block = out;
	return 0;
}

/* --- messages --------------------------------------------------------------------------- */

/* The MP attribute's head: always with an extended length, filled in by mp_close(). */
static void mp_open(struct vrs_bgp_pack *p, uint8_t code)
{
	p->mp_at = vrs_writer_size(&p->w);
	vrs_write_u8(&p->w, VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_EXTENDED);
	vrs_write_u8(&p->w, code);
	vrs_write_u16(&p->w, 0);
	vrs_write_u16(&p->w, p->afi);
	vrs_write_u8(&p->w, VRS_BGP_SAFI_UNICAST);
}

static void mp_close(struct vrs_bgp_pack *p)
{
	size_t size = vrs_writer_size(&p->w) - p->mp_at - 4;

	vrs_put_u16(p->w.start + p->mp_at + 2, (uint16_t)size);
}

static void begin(struct vrs_bgp_pack *p, uint8_t *buf, size_t cap)
{
	cap = VRS_MIN(cap, VRS_BGP_MAX_SIZE_EXTENDED);
	*p = (struct vrs_bgp_pack){.w = vrs_writer_init(buf, cap), .limit = cap};
	vrs_bgp_message_begin(&p->w, VRS_BGP_UPDATE);
}

bool vrs_bgp_pack_begin(
	struct vrs_bgp_pack *p, uint8_t *buf, size_t cap, const struct vrs_bgp_attr_block *block)
{
	begin(p, buf, cap);
	p->block = block;
	p->afi = block->afi;
	p->mp = block->mp;
	vrs_write_u16(&p->w, 0); /* no withdrawn routes */
	p->attrs_at = vrs_writer_size(&p->w);
	vrs_write_u16(&p->w, (uint16_t)block->attrs.size);
	if (p->mp) {
		/* The other attributes follow the prefixes. */
		if (block->attrs.size > p->limit)
			return false;
		p->limit -= block->attrs.size;
		mp_open(p, VRS_BGP_MP_REACH);
		vrs_write_u8(&p->w, block->next_hop_size);
		vrs_write_bytes(&p->w, block->next_hop, block->next_hop_size);
		vrs_write_u8(&p->w, 0); /* reserved */
	} else {
		vrs_write_bytes(&p->w, block->attrs.data, block->attrs.size);
	}
	return vrs_writer_ok(&p->w) && vrs_writer_size(&p->w) + LONGEST_NLRI <= p->limit;
}

void vrs_bgp_pack_begin_withdraw(struct vrs_bgp_pack *p, uint8_t *buf, size_t cap, enum vrs_afi afi)
{
	begin(p, buf, cap);
	p->afi = (uint8_t)afi;
	p->mp = afi != VRS_AFI_IP4;
	if (!p->mp)
		p->limit -= VRS_MIN(p->limit, 2u); /* for the attribute length */
	p->attrs_at = vrs_writer_size(&p->w) + 2;
	vrs_write_u16(&p->w, 0);
	if (p->mp) {
		vrs_write_u16(&p->w, 0);
		mp_open(p, VRS_BGP_MP_UNREACH);
	}
}

bool vrs_bgp_pack_add(struct vrs_bgp_pack *p, const struct vrs_prefix *prefix)
{
	assert(prefix->afi == p->afi);
	if (vrs_writer_size(&p->w) + vrs_prefix_wire_size(prefix) > p->limit)
		return false;
	vrs_prefix_write(&p->w, prefix);
	p->n++;
	return vrs_writer_ok(&p->w);
}

/* Finish, empty or not. */
static size_t finish(struct vrs_bgp_pack *p)
{
	if (!vrs_writer_ok(&p->w))
		return 0;
	if (p->block == NULL && !p->mp) {
		/* Classic withdrawals: their length stands before them, an empty list behind. */
		size_t from = p->attrs_at;

		vrs_put_u16(p->w.start + from - 2, (uint16_t)(vrs_writer_size(&p->w) - from));
		vrs_write_u16(&p->w, 0);
		return vrs_bgp_message_end(&p->w);
	}
	if (p->mp) {
		mp_close(p);
		if (p->block != NULL)
			vrs_write_bytes(&p->w, p->block->attrs.data, p->block->attrs.size);
		vrs_put_u16(p->w.start + p->attrs_at,
			(uint16_t)(vrs_writer_size(&p->w) - p->attrs_at - 2));
	}
	return vrs_bgp_message_end(&p->w);
}

size_t vrs_bgp_pack_end(struct vrs_bgp_pack *p)
{
	return p->n > 0 ? finish(p) : 0;
}

size_t vrs_bgp_eor_encode(enum vrs_afi afi, uint8_t *buf, size_t cap)
{
	struct vrs_bgp_pack p;

	vrs_bgp_pack_begin_withdraw(&p, buf, cap, afi);
	return finish(&p);
}

size_t vrs_bgp_local_attrs(
	const struct vrs_addr *next_hop, uint8_t *buf, size_t cap, struct vrs_attrs_info *info)
{
	static const uint8_t igp = 0;
	struct vrs_writer w = vrs_writer_init(buf, cap);
	size_t nh_size = next_hop->afi == VRS_AFI_IP4 ? 4 : 16;

	vrs_bgp_attr_write(&w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_ORIGIN, (struct vrs_span){&igp, 1});
	vrs_bgp_attr_write(
		&w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_AS_PATH, (struct vrs_span){NULL, 0});
	vrs_bgp_attr_write(&w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_NEXT_HOP,
		(struct vrs_span){next_hop->bytes, nh_size});
	if (!vrs_writer_ok(&w))
		return 0;
	vrs_bgp_attrs_info(buf, vrs_writer_size(&w), info);
	return vrs_writer_size(&w);
}
