/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * The verdict of an UPDATE. Every error goes through raise_to(), which keeps the strongest
 * action and who asked for it first (RFC 7606 section 3 h); a reset ends the decoding.
 *
 * Where the NLRI field starts is known before the first attribute is read, from the two
 * lengths at the top; so attributes that are cut short never hide classic NLRI, and whether
 * NEXT_HOP matters is known in time. MP_REACH and MP_UNREACH that cannot be parsed do hide
 * theirs: reset (section 3 j). So does any withdraw verdict when nothing reachable was found
 * among attributes that are not only MP_UNREACH (section 5.2).
 */

#include "io/bgp/update.h"

#include "io/bgp/notification.h"
#include "io/bgp/open.h"

struct decoding {
	struct vrs_bgp_update *u;
	const struct vrs_bgp_decode_ctx *ctx;
	const uint8_t *body;
	uint64_t seen[4];  /* Bit per attribute code. */
	bool classic;      /* The NLRI field is not empty. */
	bool bare;         /* Attributes alone, from an MRT file. */
	bool mp_reachable; /* MP_REACH of any family holds prefixes. */
	bool mp_empty;     /* MP_UNREACH holds none. */
	uint8_t mp_afi;
	bool other_attr; /* Anything but MP_UNREACH. */
};

static void raise_to(struct decoding *d, enum vrs_bgp_action action, uint8_t subcode,
	uint8_t attr_code, struct vrs_span data, const char *reason)
{
	struct vrs_bgp_verdict *v = &d->u->verdict;

	if (action <= v->action)
		return;
	*v = (struct vrs_bgp_verdict){
		.action = action,
		.code = VRS_BGP_ERR_UPDATE,
		.subcode = subcode,
		.attr_code = attr_code,
		.offset =
			data.data != NULL && d->body != NULL ? (uint16_t)(data.data - d->body) : 0,
		.data = data,
		.reason = reason,
	};
}

/* An attribute's error: counts a discard. @return Whether to go on with the attributes. */
static bool attr_error(struct decoding *d, enum vrs_bgp_action action, uint8_t subcode,
	const struct vrs_bgp_attr *a, const char *reason)
{
	raise_to(d, action, subcode, a->code, a->raw, reason);
	if (action == VRS_BGP_ATTR_DISCARD)
		d->u->n_discarded++;
	return action != VRS_BGP_RESET;
}

/* Check every prefix of a field, once and for all. */
static bool check_nlri(struct vrs_span span, unsigned afi, struct vrs_bgp_nlri *out)
{
	struct vrs_reader r = vrs_reader_span(span);
	unsigned width = vrs_afi_width(afi);
	uint32_t n = 0;

	while (vrs_reader_left(&r) > 0) {
		unsigned len = vrs_read_u8(&r);

		if (len > width)
			return false;
		vrs_read_bytes(&r, (len + 7) / 8);
		n++;
	}
	if (!vrs_reader_ok(&r))
		return false;
	*out = (struct vrs_bgp_nlri){(uint8_t)afi, n, span};
	return true;
}

static bool is_unicast(unsigned afi, unsigned safi)
{
	return safi == VRS_BGP_SAFI_UNICAST && (afi == VRS_AFI_IP4 || afi == VRS_AFI_IP6);
}

static uint8_t family_bit(unsigned afi)
{
	return afi == VRS_AFI_IP4 ? VRS_BGP_IP4 : VRS_BGP_IP6;
}

/* RFC 7606 section 7.11, RFC 2545 section 3, RFC 8950 section 4. */
static bool next_hop_size_ok(const struct vrs_bgp_decode_ctx *ctx, unsigned afi, size_t size)
{
	if (afi == VRS_AFI_IP4 && size == 4)
		return true;
	if (afi == VRS_AFI_IP4 && (ctx->ext_next_hop & VRS_BGP_IP4) == 0)
		return false;
	return size == 16 || size == 32;
}

static bool mp_reach(struct decoding *d, const struct vrs_bgp_attr *a)
{
	struct vrs_reader r = vrs_reader_span(a->value);
	unsigned afi = vrs_read_u16(&r), safi = vrs_read_u8(&r);
	size_t nh_size = vrs_read_u8(&r);
	struct vrs_span nh = vrs_read_span(&r, nh_size);

	vrs_read_u8(&r); /* reserved */
	if (!vrs_reader_ok(&r))
		return attr_error(
			d, VRS_BGP_RESET, VRS_BGP_UPDATE_OPTIONAL, a, "MP_REACH_NLRI is cut short");
	struct vrs_span span = vrs_read_span(&r, vrs_reader_left(&r));
	d->mp_reachable = span.size > 0;
	if (!is_unicast(afi, safi))
		return true;

	struct vrs_bgp_nlri nlri;
	if (!next_hop_size_ok(d->ctx, afi, nh.size))
		return attr_error(d, VRS_BGP_RESET, VRS_BGP_UPDATE_OPTIONAL, a,
			"bad next hop length in MP_REACH_NLRI");
	if (!check_nlri(span, afi, &nlri))
		return attr_error(d, VRS_BGP_RESET, VRS_BGP_UPDATE_OPTIONAL, a,
			"bad prefix in MP_REACH_NLRI");
	if ((d->ctx->families & family_bit(afi)) == 0)
		return true;
	d->u->mp_reach = nlri;
	d->u->mp_next_hop = nh;
	if (nlri.n > 0 && !vrs_bgp_next_hop_valid(nh))
		raise_to(d, VRS_BGP_TREAT_AS_WITHDRAW, VRS_BGP_UPDATE_NEXT_HOP, a->code, a->raw,
			"MP_REACH_NLRI next hop is no host address");
	return true;
}

/* RFC 6396 section 4.3.4: only the next hop's length and address; some writers put the whole
 * attribute all the same (its first byte, of the AFI, is 0). */
static bool mp_reach_bare(struct decoding *d, const struct vrs_bgp_attr *a)
{
	struct vrs_reader r = vrs_reader_span(a->value);
	size_t size = vrs_read_u8(&r);

	if (size == 0) {
		vrs_read_u16(&r);
		size = vrs_read_u8(&r);
	}
	struct vrs_span nh = vrs_read_span(&r, size);
	if (!vrs_reader_ok(&r) || (size != 4 && size != 16 && size != 32))
		return attr_error(
			d, VRS_BGP_TREAT_AS_WITHDRAW, VRS_BGP_UPDATE_OPTIONAL, a, "bad next hop");
	d->u->mp_next_hop = nh;
	return true;
}

static bool mp_unreach(struct decoding *d, const struct vrs_bgp_attr *a)
{
	struct vrs_reader r = vrs_reader_span(a->value);
	unsigned afi = vrs_read_u16(&r), safi = vrs_read_u8(&r);

	if (!vrs_reader_ok(&r))
		return attr_error(d, VRS_BGP_RESET, VRS_BGP_UPDATE_OPTIONAL, a,
			"MP_UNREACH_NLRI is cut short");
	struct vrs_span span = vrs_read_span(&r, vrs_reader_left(&r));
	if (!is_unicast(afi, safi))
		return true;
	struct vrs_bgp_nlri nlri;
	if (!check_nlri(span, afi, &nlri))
		return attr_error(d, VRS_BGP_RESET, VRS_BGP_UPDATE_OPTIONAL, a,
			"bad prefix in MP_UNREACH_NLRI");
	if ((d->ctx->families & family_bit(afi)) == 0)
		return true;
	d->u->mp_unreach = nlri;
	d->mp_empty = span.size == 0;
	d->mp_afi = (uint8_t)afi;
	return true;
}

/* Into its place by code; nearly always the end. */
static void keep(struct vrs_bgp_update *u, uint8_t flags, const struct vrs_bgp_attr *a)
{
	size_t i = u->n_attrs++;

	for (; i > 0 && u->attrs[i - 1].code > a->code; i--)
		u->attrs[i] = u->attrs[i - 1];
	u->attrs[i] =
		(struct vrs_bgp_attr_slot){flags, a->code, (uint16_t)a->value.size, a->value.data};
}

/* RFC 4271 section 9: an unrecognised transitive attribute goes on, marked partial; a
 * non-transitive one stops here. One that claims to be well known must be recognised. */
static bool unrecognised(struct decoding *d, const struct vrs_bgp_attr *a)
{
	if ((a->flags & VRS_BGP_FLAG_OPTIONAL) == 0)
		return attr_error(d, VRS_BGP_RESET, VRS_BGP_UPDATE_UNKNOWN_WELL_KNOWN, a,
			"unrecognised well-known attribute");
	if ((a->flags & VRS_BGP_FLAG_TRANSITIVE) != 0)
		keep(d->u, a->flags | VRS_BGP_FLAG_PARTIAL, a);
	return true;
}

static bool on_session(const struct vrs_bgp_attr_row *row, const struct vrs_bgp_decode_ctx *ctx)
{
	uint8_t is = (ctx->ibgp ? VRS_BGP_ON_IBGP : VRS_BGP_ON_EBGP) |
		(ctx->as4 ? VRS_BGP_ON_AS4 : VRS_BGP_ON_AS2);

	return (row->sessions & is) == is;
}

static bool scrubbed(const struct vrs_bgp_decode_ctx *ctx, uint8_t code)
{
	if (code <= VRS_BGP_NEXT_HOP || code == VRS_BGP_MP_REACH || code == VRS_BGP_MP_UNREACH)
		return false;
	return (ctx->scrub[code / 8] >> (code % 8) & 1) != 0;
}

/* An attribute that passed its row. */
static bool take(
	struct decoding *d, const struct vrs_bgp_attr_row *row, const struct vrs_bgp_attr *a)
{
	/* The partial bit means nothing on well-known and non-transitive ones. */
	uint8_t kind = VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_TRANSITIVE;
	uint8_t flags = row->flags == kind ? a->flags : row->flags;

	switch (a->code) {
	case VRS_BGP_MP_REACH:
		return d->bare ? mp_reach_bare(d, a) : mp_reach(d, a);
	case VRS_BGP_MP_UNREACH:
		return mp_unreach(d, a);
	case VRS_BGP_AS4_PATH:
		d->u->as4_path = a->value;
		return true;
	case VRS_BGP_AS4_AGGREGATOR:
		d->u->as4_aggregator = a->value;
		return true;
	case VRS_BGP_OTC:
		d->u->has_otc = true;
		break;
	case VRS_BGP_NEXT_HOP:
		if (d->classic && !vrs_bgp_next_hop_valid(a->value))
			return attr_error(
				d, row->on_value, row->subcode, a, "NEXT_HOP is no host address");
		break;
	default:
		break;
	}
	if (!row->drop)
		keep(d->u, flags, a);
	return true;
}

static bool read_attr(struct decoding *d, const struct vrs_bgp_attr *a)
{
	const struct vrs_bgp_attr_row *row = vrs_bgp_attr_row(a->code);
	const uint8_t kind = VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_TRANSITIVE;
	uint64_t bit = 1ull << (a->code % 64);
	bool mp = a->code == VRS_BGP_MP_REACH || a->code == VRS_BGP_MP_UNREACH;

	d->other_attr |= a->code != VRS_BGP_MP_UNREACH;
	if ((d->seen[a->code / 64] & bit) != 0) {
		/* RFC 7606 section 3 g. */
		return attr_error(d, mp ? VRS_BGP_RESET : VRS_BGP_ATTR_DISCARD,
			VRS_BGP_UPDATE_MALFORMED_LIST, a, "attribute appears twice");
	}
	d->seen[a->code / 64] |= bit;
	if (scrubbed(d->ctx, a->code))
		return true;
	if (row->name == NULL || row->opaque)
		return unrecognised(d, a);

	bool go_on = true;
	if ((a->flags & kind) != row->flags) {
		go_on = attr_error(
			d, row->on_flags, VRS_BGP_UPDATE_FLAGS, a, "attribute flags conflict");
		/* The NLRI inside are still needed, to be withdrawn. */
		return go_on && mp && !d->bare ? take(d, row, a) : go_on;
	}
	if (!on_session(row, d->ctx))
		return attr_error(
			d, row->on_session, row->subcode, a, "attribute not for this session");
	if (!(mp && d->bare) &&
		(a->value.size < row->min || a->value.size > row->max ||
			a->value.size % row->unit != 0))
		return attr_error(
			d, row->on_length, VRS_BGP_UPDATE_LENGTH, a, "bad attribute length");
	if (row->valid != NULL && !row->valid(d->ctx, a->value))
		return attr_error(d, row->on_value, row->subcode, a, "bad attribute value");
	return take(d, row, a);
}

/* @return false after a reset. */
static bool read_attrs(struct decoding *d, struct vrs_span attrs)
{
	struct vrs_reader r = vrs_reader_span(attrs);
	struct vrs_bgp_attr a;

	while (vrs_bgp_attr_next(&r, &a)) {
		if (!read_attr(d, &a))
			return false;
	}
	if (vrs_reader_ok(&r))
		return true;
	/* RFC 7606 section 4; what cannot be parsed of MP attributes is lost: section 3 j. */
	bool mp = a.code == VRS_BGP_MP_REACH || a.code == VRS_BGP_MP_UNREACH;
	d->other_attr |= a.code != VRS_BGP_MP_UNREACH;
	return attr_error(d, mp && !d->bare ? VRS_BGP_RESET : VRS_BGP_TREAT_AS_WITHDRAW,
		VRS_BGP_UPDATE_LENGTH, &a, "attributes overrun their length");
}

static void require(struct decoding *d, enum vrs_bgp_attr_code code, const char *reason)
{
	static const uint8_t codes[] = {0, VRS_BGP_ORIGIN, VRS_BGP_AS_PATH, VRS_BGP_NEXT_HOP};

	if ((d->seen[0] >> code & 1) != 0)
		return;
	raise_to(d, VRS_BGP_TREAT_AS_WITHDRAW, VRS_BGP_UPDATE_MISSING_WELL_KNOWN, (uint8_t)code,
		(struct vrs_span){NULL, 0}, reason);
	if (d->u->verdict.attr_code == code && d->u->verdict.data.data == NULL)
		d->u->verdict.data = (struct vrs_span){&codes[code], 1};
}

/* RFC 7606 sections 3 d and 5.2, RFC 4760 section 3. */
static void check_whole(struct decoding *d)
{
	struct vrs_bgp_update *u = d->u;
	bool reachable = d->classic || d->mp_reachable;

	if (reachable) {
		require(d, VRS_BGP_ORIGIN, "ORIGIN is missing");
		require(d, VRS_BGP_AS_PATH, "AS_PATH is missing");
	}
	if (d->classic)
		require(d, VRS_BGP_NEXT_HOP, "NEXT_HOP is missing");
	if (!reachable && d->other_attr && u->verdict.action == VRS_BGP_TREAT_AS_WITHDRAW)
		u->verdict.action = VRS_BGP_RESET;
	u->announce_is_withdraw = u->verdict.action == VRS_BGP_TREAT_AS_WITHDRAW;
}

static void find_eor(struct decoding *d, bool attrs_empty)
{
	struct vrs_bgp_update *u = d->u;

	if (d->classic || u->withdrawn.span.size > 0 || u->verdict.action != VRS_BGP_ACCEPT)
		return;
	if (attrs_empty)
		u->eor = VRS_AFI_IP4;
	else if (d->mp_empty && !d->other_attr)
		u->eor = d->mp_afi;
}

static void clear(struct vrs_bgp_update *u, const struct vrs_bgp_decode_ctx *ctx)
{
	/* All but attrs[], which n_attrs guards. */
	memset(u, 0, offsetof(struct vrs_bgp_update, attrs));
	u->ctx = ctx;
}

void vrs_bgp_update_decode(const struct vrs_bgp_decode_ctx *ctx, const uint8_t *body, size_t size,
	struct vrs_bgp_update *out)
{
	static const struct vrs_span none = {NULL, 0};
	struct vrs_reader r = vrs_reader_init(body, size);
	struct decoding d = {.u = out, .ctx = ctx, .body = body};

	clear(out, ctx);
	struct vrs_span withdrawn = vrs_read_span(&r, vrs_read_u16(&r));
	struct vrs_span attrs = vrs_read_span(&r, vrs_read_u16(&r));
	if (!vrs_reader_ok(&r)) {
		raise_to(&d, VRS_BGP_RESET, VRS_BGP_UPDATE_MALFORMED_LIST, 0, none,
			"lengths in UPDATE exceed the message");
		return;
	}
	struct vrs_span nlri = vrs_read_span(&r, vrs_reader_left(&r));
	/* Without IPv4 negotiated the fields are still checked, then not given on. */
	bool ip4 = (ctx->families & VRS_BGP_IP4) != 0;
	struct vrs_bgp_nlri w, n;
	if (!check_nlri(withdrawn, VRS_AFI_IP4, &w) || !check_nlri(nlri, VRS_AFI_IP4, &n)) {
		raise_to(
			&d, VRS_BGP_RESET, VRS_BGP_UPDATE_NETWORK, 0, none, "bad prefix in UPDATE");
		return;
	}
	if (ip4) {
		out->withdrawn = w;
		out->announced = n;
	}
	d.classic = nlri.size > 0;
	if (!read_attrs(&d, attrs))
		return;
	check_whole(&d);
	find_eor(&d, attrs.size == 0);
}

void vrs_bgp_update_decode_attrs(const struct vrs_bgp_decode_ctx *ctx, const uint8_t *attrs,
	size_t size, struct vrs_bgp_update *out)
{
	struct decoding d = {.u = out, .ctx = ctx, .body = attrs, .bare = true};

	clear(out, ctx);
	(void)read_attrs(&d, (struct vrs_span){attrs, size});
}
