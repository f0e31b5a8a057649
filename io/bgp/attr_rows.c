/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * The table of attributes, and what "valid" and "text" mean for each. Verdicts that differ
 * from RFC 7606's general rules say which section they come from. Codes 14 and 15 are decoded
 * by update.c; their rows hold flags, and reset for everything that would hide the NLRI.
 */

#include <arpa/inet.h>
#include <stdio.h>

#include "io/bgp/attr.h"
#include "io/bgp/notification.h"
#include "rib/aspath.h"
#include "rib/community.h"
#include "rib/prefix.h"

/* --- valid ------------------------------------------------------------------------------ */

enum { CONFED_SEQUENCE = 3, CONFED_SET = 4 };

bool vrs_bgp_as_path_valid(struct vrs_span path, unsigned width, bool confed)
{
	struct vrs_reader r = vrs_reader_span(path);

	while (vrs_reader_left(&r) > 0) {
		uint8_t type = vrs_read_u8(&r);
		unsigned n = vrs_read_u8(&r);
		struct vrs_reader asns = vrs_reader_span(vrs_read_span(&r, (size_t)n * width));

		if (!vrs_reader_ok(&r) || n == 0 || type < VRS_AS_SET ||
			type > (confed ? (uint8_t)CONFED_SET : (uint8_t)VRS_AS_SEQUENCE))
			return false;
		while (vrs_reader_left(&asns) > 0) {
			if ((width == 4 ? vrs_read_u32(&asns) : vrs_read_u16(&asns)) == 0)
				return false;
		}
	}
	return vrs_reader_ok(&r);
}

/* RFC 4271 section 6.3 wants a valid IP host address: not 0/8, 127/8, multicast or 240/4; nor
 * ::, ::1, or multicast. */
bool vrs_bgp_next_hop_valid(struct vrs_span next_hop)
{
	static const uint8_t zero[15];
	struct vrs_reader r = vrs_reader_span(next_hop);
	uint8_t first = vrs_read_u8(&r);

	if (next_hop.size == 4)
		return first != 0 && first != 127 && first < 224;
	if (next_hop.size != 16 && next_hop.size != 32)
		return false;
	const uint8_t *rest = vrs_read_bytes(&r, 14);
	uint8_t last = vrs_read_u8(&r);
	return first != 0xff && !(first == 0 && memcmp(rest, zero, 14) == 0 && last <= 1);
}

static bool valid_origin(const struct vrs_bgp_decode_ctx *, struct vrs_span v)
{
	return v.data[0] <= 2;
}

static bool valid_as_path(const struct vrs_bgp_decode_ctx *ctx, struct vrs_span v)
{
	return vrs_bgp_as_path_valid(v, ctx->as4 ? 4 : 2, false);
}

static bool valid_as4_path(const struct vrs_bgp_decode_ctx *, struct vrs_span v)
{
	return vrs_bgp_as_path_valid(v, 4, true);
}

/* 8 bytes with 4-byte AS numbers, else 6 (RFC 7606 section 7.7); AS 0: RFC 7607. */
static bool valid_aggregator(const struct vrs_bgp_decode_ctx *ctx, struct vrs_span v)
{
	struct vrs_reader r = vrs_reader_span(v);

	if (v.size != (ctx->as4 ? 8 : 6))
		return false;
	return (ctx->as4 ? vrs_read_u32(&r) : vrs_read_u16(&r)) != 0;
}

static bool valid_as4_aggregator(const struct vrs_bgp_decode_ctx *, struct vrs_span v)
{
	struct vrs_reader r = vrs_reader_span(v);

	return vrs_read_u32(&r) != 0;
}

/* RFC 6514 section 5: malformed when the tunnel identifier cannot be parsed. An unknown tunnel
 * type is no error (RFC 7385). Sizes come in pairs, IPv4 and IPv6. */
static bool valid_pmsi(const struct vrs_bgp_decode_ctx *, struct vrs_span v)
{
	static const uint8_t sizes[][2] = {
		{0, 0}, {12, 24}, {0xff, 0xff}, {8, 32}, {8, 32}, {8, 32}, {4, 16}};
	struct vrs_reader r = vrs_reader_span(v);

	vrs_read_u8(&r); /* flags */
	uint8_t type = vrs_read_u8(&r);
	vrs_read_bytes(&r, 3); /* label */
	size_t left = vrs_reader_left(&r);
	if (type >= VRS_N_ELEMS(sizes) || sizes[type][0] == 0xff)
		return true;
	return left == sizes[type][0] || left == sizes[type][1];
}

/* RFC 9012 section 13: the last byte of a TLV is the last byte of its last sub-TLV. */
static bool valid_sub_tlvs(struct vrs_span v)
{
	struct vrs_reader r = vrs_reader_span(v);

	while (vrs_reader_left(&r) > 0) {
		uint8_t type = vrs_read_u8(&r);

		vrs_read_bytes(&r, type >= 128 ? vrs_read_u16(&r) : vrs_read_u8(&r));
	}
	return vrs_reader_ok(&r);
}

static bool valid_tunnel_encap(const struct vrs_bgp_decode_ctx *, struct vrs_span v)
{
	struct vrs_reader r = vrs_reader_span(v);

	while (vrs_reader_left(&r) > 0) {
		vrs_read_u16(&r);
		size_t size = vrs_read_u16(&r);
		struct vrs_span tlv = vrs_read_span(&r, size);

		if (!vrs_reader_ok(&r) || !valid_sub_tlvs(tlv))
			return false;
	}
	return vrs_reader_ok(&r);
}

/* RFC 9552 section 8.2.2: {type 2, length 2, value}, nothing left over. */
static bool valid_ls(const struct vrs_bgp_decode_ctx *, struct vrs_span v)
{
	struct vrs_reader r = vrs_reader_span(v);

	while (vrs_reader_left(&r) > 0) {
		vrs_read_u16(&r);
		vrs_read_bytes(&r, vrs_read_u16(&r));
	}
	return vrs_reader_ok(&r);
}

/* RFC 8669 section 3: {type 1, length 2, value}; label index 7 bytes, SRGB 2 + 6n. */
static bool valid_prefix_sid(const struct vrs_bgp_decode_ctx *, struct vrs_span v)
{
	enum { LABEL_INDEX = 1, ORIGINATOR_SRGB = 3 };
	struct vrs_reader r = vrs_reader_span(v);

	while (vrs_reader_left(&r) > 0) {
		uint8_t type = vrs_read_u8(&r);
		size_t size = vrs_read_u16(&r);

		vrs_read_bytes(&r, size);
		if (type == LABEL_INDEX && size != 7)
			return false;
		if (type == ORIGINATOR_SRGB && (size < 8 || (size - 2) % 6 != 0))
			return false;
	}
	return vrs_reader_ok(&r);
}

static bool size_fits(const struct vrs_bgp_attr_row *row, size_t size)
{
	return size >= row->min && size <= row->max && size % row->unit == 0;
}

/* RFC 6368 section 5: an origin AS, then attributes of the customer's iBGP, with 4-byte AS
 * numbers; MP_REACH and MP_UNREACH must not be there. A set in a set is not looked into. */
static bool valid_attr_set(const struct vrs_bgp_decode_ctx *, struct vrs_span v)
{
	static const struct vrs_bgp_decode_ctx inner = {.as4 = true, .ibgp = true};
	struct vrs_reader r = vrs_reader_span(v);
	struct vrs_bgp_attr a;

	vrs_read_u32(&r);
	while (vrs_bgp_attr_next(&r, &a)) {
		const struct vrs_bgp_attr_row *row = vrs_bgp_attr_row(a.code);
		const uint8_t kind = VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_TRANSITIVE;

		if (a.code == VRS_BGP_MP_REACH || a.code == VRS_BGP_MP_UNREACH)
			return false;
		if (row->name == NULL || row->opaque || a.code == VRS_BGP_ATTR_SET)
			continue;
		if ((a.flags & kind) != row->flags || !size_fits(row, a.value.size))
			return false;
		if (row->valid != NULL && !row->valid(&inner, a.value))
			return false;
	}
	return vrs_reader_ok(&r);
}

/* --- text ------------------------------------------------------------------------------- */

static void text_origin(struct vrs_span v, char *out, size_t size)
{
	static const char *const names[] = {"IGP", "EGP", "incomplete"};
	struct vrs_reader r = vrs_reader_span(v);
	uint8_t origin = vrs_read_u8(&r);

	(void)snprintf(out, size, "%s", origin < VRS_N_ELEMS(names) ? names[origin] : "?");
}

static void text_as_path(struct vrs_span v, char *out, size_t size)
{
	vrs_aspath_str(v, " ", out, size);
}

static void text_next_hop(struct vrs_span v, char *out, size_t size)
{
	struct vrs_addr a = {.afi = v.size == 4 ? VRS_AFI_IP4 : VRS_AFI_IP6};
	char text[VRS_ADDR_STRLEN];

	if (v.size != 4 && v.size < sizeof(a.bytes))
		return;
	memcpy(a.bytes, v.data, VRS_MIN(v.size, sizeof(a.bytes)));
	(void)snprintf(out, size, "%s", vrs_addr_str(&a, text));
}

static void text_u32(struct vrs_span v, char *out, size_t size)
{
	struct vrs_reader r = vrs_reader_span(v);

	(void)snprintf(out, size, "%u", vrs_read_u32(&r));
}

static void text_nothing(struct vrs_span, char *out, size_t)
{
	out[0] = '\0';
}

static void text_aggregator(struct vrs_span v, char *out, size_t size)
{
	struct vrs_reader r = vrs_reader_span(v);
	uint32_t asn = vrs_read_u32(&r);
	struct vrs_addr a = vrs_addr_ip4(vrs_read_u32(&r));
	char text[VRS_ADDR_STRLEN];

	(void)snprintf(out, size, "%u %s", asn, vrs_addr_str(&a, text));
}

/* Elements of @p unit bytes, a space between them; stops where the next does not fit. */
static void text_list(struct vrs_span v, size_t unit,
	const char *(*one)(const uint8_t *value, char *out), char *out, size_t size)
{
	struct vrs_reader r = vrs_reader_span(v);
	size_t at = 0;

	out[0] = '\0';
	while (vrs_reader_left(&r) >= unit) {
		char text[VRS_COMMUNITY_STRLEN];
		const char *s = one(vrs_read_bytes(&r, unit), text);
		size_t n = strlen(s), gap = at > 0 ? 1 : 0;

		if (at + gap + n + 1 > size)
			return;
		if (gap > 0)
			out[at] = ' ';
		memcpy(out + at + gap, s, n + 1);
		at += gap + n;
	}
}

static const char *one_community(const uint8_t *value, char *out)
{
	struct vrs_reader r = vrs_reader_init(value, 4);

	return vrs_community_str(vrs_read_u32(&r), out);
}

static const char *one_ext_community(const uint8_t *value, char *out)
{
	return vrs_ext_community_str(value, out);
}

static const char *one_large_community(const uint8_t *value, char *out)
{
	return vrs_large_community_str(value, out);
}

static const char *one_id(const uint8_t *value, char *out)
{
	struct vrs_reader r = vrs_reader_init(value, 4);
	struct vrs_addr a = vrs_addr_ip4(vrs_read_u32(&r));

	static_assert(VRS_COMMUNITY_STRLEN >= VRS_ADDR_STRLEN, "one buffer for both");
	return vrs_addr_str(&a, out);
}

static void text_communities(struct vrs_span v, char *out, size_t size)
{
	text_list(v, 4, one_community, out, size);
}

static void text_ids(struct vrs_span v, char *out, size_t size)
{
	text_list(v, 4, one_id, out, size);
}

static void text_ext_communities(struct vrs_span v, char *out, size_t size)
{
	text_list(v, 8, one_ext_community, out, size);
}

static void text_large_communities(struct vrs_span v, char *out, size_t size)
{
	text_list(v, 12, one_large_community, out, size);
}

/* --- rows ------------------------------------------------------------------------------- */

/* clang-format off */
#define WELL_KNOWN     VRS_BGP_FLAG_TRANSITIVE
#define TRANSITIVE     (VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_TRANSITIVE)
#define NON_TRANSITIVE VRS_BGP_FLAG_OPTIONAL
#define ANYWHERE       VRS_BGP_ON_ALL
#define IBGP_ONLY      (VRS_BGP_ON_IBGP | VRS_BGP_ON_AS2 | VRS_BGP_ON_AS4)
#define AS2_ONLY       (VRS_BGP_ON_EBGP | VRS_BGP_ON_IBGP | VRS_BGP_ON_AS2)
#define NOWHERE        0
#define EXACTLY(n)     .min = (n), .max = (n), .unit = 1
#define MULTIPLE(n)    .min = (n), .max = UINT16_MAX, .unit = (n)
#define AT_LEAST(n)    .min = (n), .max = UINT16_MAX, .unit = 1
#define WITHDRAW       VRS_BGP_TREAT_AS_WITHDRAW
#define DISCARD        VRS_BGP_ATTR_DISCARD
#define RESET          VRS_BGP_RESET
/* Verdicts for wrong {flags, length, value, session}. */
#define VERDICTS(f, l, v, s) .on_flags = (f), .on_length = (l), .on_value = (v), .on_session = (s)
#define OPTIONAL_ERROR .subcode = VRS_BGP_UPDATE_OPTIONAL

static const struct vrs_bgp_attr_row rows[256] = {
	[VRS_BGP_ORIGIN] = {"ORIGIN", WELL_KNOWN, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		.subcode = VRS_BGP_UPDATE_ORIGIN, EXACTLY(1), .valid = valid_origin, .text = text_origin},
	[VRS_BGP_AS_PATH] = {"AS_PATH", WELL_KNOWN, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		.subcode = VRS_BGP_UPDATE_AS_PATH, AT_LEAST(0), .valid = valid_as_path, .text = text_as_path},
	/* Its value is judged by update.c: it counts only beside classic NLRI (RFC 4760 section 3). */
	[VRS_BGP_NEXT_HOP] = {"NEXT_HOP", WELL_KNOWN, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		.subcode = VRS_BGP_UPDATE_NEXT_HOP, EXACTLY(4), .text = text_next_hop},
	[VRS_BGP_MED] = {"MULTI_EXIT_DISC", NON_TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, EXACTLY(4), .text = text_u32},
	[VRS_BGP_LOCAL_PREF] = {"LOCAL_PREF", WELL_KNOWN, IBGP_ONLY, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, EXACTLY(4), .text = text_u32},
	[VRS_BGP_ATOMIC_AGGREGATE] = {"ATOMIC_AGGREGATE", WELL_KNOWN, ANYWHERE, VERDICTS(WITHDRAW, DISCARD, DISCARD, DISCARD),
		OPTIONAL_ERROR, EXACTLY(0), .text = text_nothing},
	[VRS_BGP_AGGREGATOR] = {"AGGREGATOR", TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, DISCARD, DISCARD, DISCARD),
		OPTIONAL_ERROR, AT_LEAST(6), .valid = valid_aggregator, .text = text_aggregator},
	[VRS_BGP_COMMUNITIES] = {"COMMUNITIES", TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, MULTIPLE(4), .text = text_communities},
	[VRS_BGP_ORIGINATOR_ID] = {"ORIGINATOR_ID", NON_TRANSITIVE, IBGP_ONLY, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, EXACTLY(4), .text = text_ids},
	[VRS_BGP_CLUSTER_LIST] = {"CLUSTER_LIST", NON_TRANSITIVE, IBGP_ONLY, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, MULTIPLE(4), .text = text_ids},
	[VRS_BGP_MP_REACH] = {"MP_REACH_NLRI", NON_TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, RESET, RESET, RESET),
		OPTIONAL_ERROR, AT_LEAST(5)},
	[VRS_BGP_MP_UNREACH] = {"MP_UNREACH_NLRI", NON_TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, RESET, RESET, RESET),
		OPTIONAL_ERROR, AT_LEAST(3)},
	[VRS_BGP_EXT_COMMUNITIES] = {"EXTENDED_COMMUNITIES", TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, MULTIPLE(8), .text = text_ext_communities},
	/* RFC 6793 section 6. */
	[VRS_BGP_AS4_PATH] = {"AS4_PATH", TRANSITIVE, AS2_ONLY, VERDICTS(WITHDRAW, DISCARD, DISCARD, DISCARD),
		OPTIONAL_ERROR, .min = 6, .max = UINT16_MAX, .unit = 2, .valid = valid_as4_path, .text = text_as_path},
	[VRS_BGP_AS4_AGGREGATOR] = {"AS4_AGGREGATOR", TRANSITIVE, AS2_ONLY, VERDICTS(WITHDRAW, DISCARD, DISCARD, DISCARD),
		OPTIONAL_ERROR, EXACTLY(8), .valid = valid_as4_aggregator, .text = text_aggregator},
	/* RFC 6514 section 5. */
	[VRS_BGP_PMSI_TUNNEL] = {"PMSI_TUNNEL", TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, AT_LEAST(5), .valid = valid_pmsi},
	/* RFC 9012 section 13. */
	[VRS_BGP_TUNNEL_ENCAP] = {"TUNNEL_ENCAPSULATION", TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, AT_LEAST(4), .valid = valid_tunnel_encap},
	/* RFC 7606 section 7.15 (RFC 5701). */
	[VRS_BGP_IP6_EXT_COMMUNITIES] = {"IPV6_EXTENDED_COMMUNITIES", TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, MULTIPLE(20)},
	/* RFC 7311 sections 3.1, 3.2: not enabled here, so as an unrecognised non-transitive one, whatever is wrong. */
	[VRS_BGP_AIGP] = {"AIGP", NON_TRANSITIVE, NOWHERE, VERDICTS(DISCARD, DISCARD, DISCARD, DISCARD),
		OPTIONAL_ERROR, AT_LEAST(0)},
	/* RFC 7447: deprecated, to be handled as unrecognised. */
	[VRS_BGP_ENTROPY_LABEL] = {"ENTROPY_LABEL", TRANSITIVE, ANYWHERE, .opaque = true},
	/* RFC 9552 section 8.2.2; without BGP-LS NLRI it says nothing, and it is not transitive. */
	[VRS_BGP_LS] = {"BGP_LS", NON_TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, DISCARD, DISCARD, DISCARD),
		OPTIONAL_ERROR, .drop = true, AT_LEAST(0), .valid = valid_ls},
	/* RFC 8092 section 5. */
	[VRS_BGP_LARGE_COMMUNITIES] = {"LARGE_COMMUNITIES", TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, MULTIPLE(12), .text = text_large_communities},
	/* RFC 9234 section 5. */
	[VRS_BGP_OTC] = {"OTC", TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, EXACTLY(4), .text = text_u32},
	/* RFC 8669 sections 4, 6: discarded from eBGP, and when malformed. */
	[VRS_BGP_PREFIX_SID] = {"PREFIX_SID", TRANSITIVE, IBGP_ONLY, VERDICTS(WITHDRAW, DISCARD, DISCARD, DISCARD),
		OPTIONAL_ERROR, AT_LEAST(3), .valid = valid_prefix_sid},
	/* RFC 7606 section 7.16 (RFC 6368). */
	[VRS_BGP_ATTR_SET] = {"ATTR_SET", TRANSITIVE, ANYWHERE, VERDICTS(WITHDRAW, WITHDRAW, WITHDRAW, DISCARD),
		OPTIONAL_ERROR, AT_LEAST(4), .valid = valid_attr_set},
};
/* clang-format on */

const struct vrs_bgp_attr_row *vrs_bgp_attr_row(uint8_t code)
{
	return &rows[code];
}
