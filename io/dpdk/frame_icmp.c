/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * ICMP and ICMPv6: echo requests, errors about what we have sent, neighbour discovery. Anything else is
 * VRS_FRAME_OTHER, once its checksum is found to be right.
 */

#include "io/dpdk/frame_internal.h"

static bool csum_good(const struct vrs_frame_info *out, bool ip6)
{
	uint64_t sum = 0;

	if (ip6)
		sum = vrs_csum_pseudo(
			VRS_AFI_IP6, out->src.bytes, out->dst.bytes, PROTO_ICMP6, out->l4_size);
	return vrs_csum_fold(vrs_csum_add(sum, out->l4, out->l4_size)) == 0;
}

static struct vrs_addr take_addr(struct vrs_reader *r, unsigned afi)
{
	struct vrs_addr a = {.afi = (uint8_t)afi};
	size_t width = vrs_afi_width(afi) / 8;
	const uint8_t *p = vrs_read_bytes(r, width);

	if (p != NULL)
		memcpy(a.bytes, p, width);
	return a;
}

/* The packet that the error is about, as far as it came: up to TCP's sequence number (RFC 792, RFC 4443).
 * What is not the beginning of a TCP segment is not about us. */
static enum vrs_frame_kind embedded(struct vrs_reader *r, struct vrs_frame_info *out, bool ip6)
{
	enum { FRAGMENT_OFFSET = 0x1fff };
	uint8_t version = vrs_read_u8(r), proto;
	uint32_t options = 0;
	uint16_t fragment = 0;

	if (ip6) {
		(void)vrs_read_bytes(r, 5);
		proto = vrs_read_u8(r);
		(void)vrs_read_u8(r);
	} else {
		(void)vrs_read_bytes(r, 5);
		fragment = vrs_read_u16(r) & FRAGMENT_OFFSET;
		(void)vrs_read_u8(r);
		proto = vrs_read_u8(r);
		(void)vrs_read_u16(r);
		options = (version & 15) * 4u;
	}
	out->about.local = take_addr(r, out->src.afi);
	out->about.remote = take_addr(r, out->src.afi);
	if (vrs_reader_ok(r) && (version >> 4 != (ip6 ? 6 : 4) || (!ip6 && options < IP4_SIZE)))
		return vrs_frame_bad(out, VRS_BAD_HEADER);
	if (!ip6)
		(void)vrs_read_bytes(r, options < IP4_SIZE ? 0 : options - IP4_SIZE);
	if (vrs_reader_ok(r) && (proto != PROTO_TCP || fragment != 0))
		return vrs_frame_is(out, VRS_FRAME_OTHER);
	out->about.local_port = vrs_read_u16(r);
	out->about.remote_port = vrs_read_u16(r);
	out->about_seq = vrs_read_u32(r);
	if (!vrs_reader_ok(r))
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	return vrs_frame_is(out, VRS_FRAME_ERROR);
}

/* Neighbour discovery's options (RFC 4861 4.6): of all, only the link-layer address that goes with the
 * message is looked at. @return false: malformed. */
static bool nd_options(struct vrs_reader *r, struct vrs_frame_info *out)
{
	uint8_t wanted = out->is_request ? ND_SOURCE_MAC : ND_TARGET_MAC;

	while (vrs_reader_left(r) > 0) {
		uint8_t type = vrs_read_u8(r), units = vrs_read_u8(r);

		if (units == 0)
			return false;
		struct vrs_span body = vrs_read_span(r, units * 8u - 2);
		if (!vrs_reader_ok(r))
			return false;
		if (type != wanted)
			continue;
		if (units != 1 || !vrs_mac_can_be(body.data))
			return false;
		out->has_mac = true;
		memcpy(out->mac, body.data, 6);
	}
	return vrs_reader_ok(r);
}

static bool is_solicited_node(const struct vrs_addr *a)
{
	static const uint8_t head[13] = {0xff, 2, [11] = 1, 0xff};

	return memcmp(a->bytes, head, sizeof(head)) == 0;
}

/* RFC 4861 7.1.1 and 7.1.2. */
static enum vrs_frame_kind nd(struct vrs_reader *r, struct vrs_frame_info *out)
{
	enum { SOLICITED = 0x40, OVERRIDE = 0x20 };
	uint8_t flags = vrs_read_u8(r);

	(void)vrs_read_bytes(r, 3);
	out->target = take_addr(r, VRS_AFI_IP6);
	if (!vrs_reader_ok(r))
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	out->is_request = out->icmp_type == ICMP6_NS;
	out->solicited = !out->is_request && (flags & SOLICITED) != 0;
	out->override = !out->is_request && (flags & OVERRIDE) != 0;
	out->has_mac = false;
	if (out->ttl != ND_HOP_LIMIT || out->icmp_code != 0 || vrs_frame_multicast(&out->target))
		return vrs_frame_bad(out, VRS_BAD_HEADER);
	if (out->solicited && vrs_frame_multicast(&out->dst))
		return vrs_frame_bad(out, VRS_BAD_HEADER);
	if (!nd_options(r, out))
		return vrs_frame_bad(out, VRS_BAD_OPTION);
	if (vrs_frame_unspecified(&out->target))
		return vrs_frame_bad(out, VRS_BAD_ADDRESS);
	/* Who has no address yet looks whether another has it, and says nothing of itself. */
	if (vrs_frame_unspecified(&out->src) &&
		(!out->is_request || out->has_mac || !is_solicited_node(&out->dst)))
		return vrs_frame_bad(out, VRS_BAD_ADDRESS);
	return vrs_frame_is(out, VRS_FRAME_ND);
}

static enum vrs_frame_kind echo(struct vrs_frame_info *out)
{
	if (out->icmp_code != 0)
		return vrs_frame_bad(out, VRS_BAD_HEADER);
	if (vrs_frame_unspecified(&out->src))
		return vrs_frame_bad(out, VRS_BAD_ADDRESS);
	return vrs_frame_is(out, VRS_FRAME_ECHO);
}

static enum vrs_frame_kind error(struct vrs_reader *r, struct vrs_frame_info *out, bool ip6)
{
	uint32_t rest = vrs_read_u32(r);

	out->mtu = 0;
	if (ip6 && out->icmp_type == ICMP6_TOO_BIG)
		out->mtu = rest;
	if (!ip6 && out->icmp_type == ICMP_UNREACHABLE && out->icmp_code == ICMP_UNREACHABLE_FRAG)
		out->mtu = rest & 0xffff; /* RFC 1191 section 4. */
	if (vrs_frame_unspecified(&out->src))
		return vrs_frame_bad(out, VRS_BAD_ADDRESS);
	return embedded(r, out, ip6);
}

enum vrs_frame_kind vrs_frame_icmp(struct vrs_frame_info *out, uint16_t flags)
{
	bool ip6 = out->src.afi == VRS_AFI_IP6;
	struct vrs_reader r = vrs_reader_init(out->l4, out->l4_size);

	if (out->l4_size < ICMP_SIZE)
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	if ((flags & VRS_FRAME_L4_GOOD) == 0 && !csum_good(out, ip6))
		return vrs_frame_bad(out, VRS_BAD_L4_CSUM);
	out->icmp_type = vrs_read_u8(&r);
	out->icmp_code = vrs_read_u8(&r);
	(void)vrs_read_u16(&r);
	out->l4_head_size = ICMP_SIZE;
	switch (out->icmp_type | (ip6 ? 0x100 : 0)) {
	case ICMP_ECHO:
	case 0x100 | ICMP6_ECHO:
		return echo(out);
	case ICMP_UNREACHABLE:
	case ICMP_TIME_EXCEEDED:
	case 0x100 | ICMP6_UNREACHABLE:
	case 0x100 | ICMP6_TOO_BIG:
	case 0x100 | ICMP6_TIME_EXCEEDED:
		return error(&r, out, ip6);
	case 0x100 | ICMP6_NS:
	case 0x100 | ICMP6_NA:
		return nd(&r, out);
	default:
		return vrs_frame_is(out, VRS_FRAME_OTHER);
	}
}
