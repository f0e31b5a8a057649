/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * One pass from the outside in. Each header is read whole before it is believed, its own size then bounds
 * what is in it: Ethernet's padding is behind what IP says, and options end where their header does. Nothing
 * is cleared beforehand; every kind sets the members that frame.h gives it.
 */

#include "io/dpdk/frame.h"

#include "io/dpdk/frame_internal.h"

bool vrs_frame_unspecified(const struct vrs_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

/* A source that no host has: RFC 1122 3.2.1.3, RFC 4291 2.5.3 and 2.7. The unspecified one is for hosts
 * that ask for an address, so what protocol it is decides. */
static bool source_can_be(const struct vrs_addr *a)
{
	static const uint8_t loopback6[16] = {[15] = 1}, broadcast[4] = {255, 255, 255, 255};

	if (vrs_frame_multicast(a))
		return false;
	if (a->afi == VRS_AFI_IP6)
		return memcmp(a->bytes, loopback6, 16) != 0;
	return a->bytes[0] != 127 && memcmp(a->bytes, broadcast, 4) != 0 &&
		(a->bytes[0] != 0 || vrs_frame_unspecified(a));
}

static void read_addr(struct vrs_addr *a, unsigned afi, const uint8_t *at)
{
	if (afi == VRS_AFI_IP4)
		memset(a->bytes + 4, 0, 12);
	memcpy(a->bytes, at, vrs_afi_width(afi) / 8);
	a->afi = (uint8_t)afi;
}

static void tcp_sack(struct vrs_tcp_segment *seg, struct vrs_reader *r)
{
	seg->n_sack = 0;
	while (vrs_reader_left(r) > 0 && seg->n_sack < VRS_TCP_SACK_MAX) {
		struct vrs_tcp_sack *s = &seg->sack[seg->n_sack++];

		s->from = vrs_read_u32(r);
		s->to = vrs_read_u32(r);
	}
}

/* One option whose size (without kind and length) is in @p r. @return false: it is not what it may be. */
static bool tcp_option(struct vrs_frame_info *out, uint8_t kind, struct vrs_reader *r)
{
	static const uint8_t sizes[] = {[TCP_OPT_MSS] = 2,
		[TCP_OPT_WSCALE] = 1,
		[TCP_OPT_SACK_OK] = 0,
		[TCP_OPT_TS] = 8,
		[TCP_OPT_MD5] = MD5_SIZE};
	struct vrs_tcp_segment *seg = &out->tcp;
	bool syn = (seg->flags & VRS_TCP_SYN) != 0;
	size_t size = vrs_reader_left(r);

	switch (kind) {
	case TCP_OPT_SACK:
		if (size == 0 || size % 8 != 0)
			return false;
		tcp_sack(seg, r);
		return true;
	case TCP_OPT_MSS:
	case TCP_OPT_WSCALE:
	case TCP_OPT_SACK_OK:
	case TCP_OPT_TS:
	case TCP_OPT_MD5:
		if (size != sizes[kind])
			return false;
		break;
	default:
		return true;
	}
	if (kind == TCP_OPT_TS) {
		seg->has_ts = true;
		seg->ts_val = vrs_read_u32(r);
		seg->ts_ecr = vrs_read_u32(r);
	} else if (kind == TCP_OPT_MD5) {
		out->md5 = vrs_read_bytes(r, MD5_SIZE);
	} else if (!syn) {
		return true; /* RFC 9293 3.7.1, RFC 7323 2.2, RFC 2018 section 2: only in a SYN. */
	} else if (kind == TCP_OPT_MSS) {
		seg->mss = vrs_read_u16(r);
	} else if (kind == TCP_OPT_WSCALE) {
		uint8_t shift = vrs_read_u8(r);

		seg->wscale = (int8_t)VRS_MIN(shift, 14);
	} else {
		seg->sack_ok = true;
	}
	return true;
}

static bool tcp_options(struct vrs_frame_info *out, struct vrs_span options)
{
	struct vrs_reader r = vrs_reader_span(options);

	/* What nearly every segment has: RFC 7323 appendix A. */
	if (options.size == 12 && memcmp(options.data, "\1\1\10\12", 4) == 0) {
		(void)vrs_read_u32(&r);
		out->tcp.has_ts = true;
		out->tcp.ts_val = vrs_read_u32(&r);
		out->tcp.ts_ecr = vrs_read_u32(&r);
		return true;
	}
	while (vrs_reader_left(&r) > 0) {
		uint8_t kind = vrs_read_u8(&r);

		if (kind == TCP_OPT_END)
			return true;
		if (kind == TCP_OPT_NOP)
			continue;
		uint8_t size = vrs_read_u8(&r);
		if (size < 2)
			return false;
		struct vrs_reader body = vrs_reader_span(vrs_read_span(&r, size - 2u));
		if (!vrs_reader_ok(&r) || !tcp_option(out, kind, &body))
			return false;
	}
	return true;
}

static enum vrs_frame_kind tcp(struct vrs_frame_info *out, uint16_t flags)
{
	struct vrs_reader r = vrs_reader_init(out->l4, out->l4_size);
	const uint8_t *h = vrs_read_bytes(&r, TCP_SIZE);
	struct vrs_tcp_segment *seg = &out->tcp;

	if (h == NULL)
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	out->l4_head_size = (h[12] >> 4) * 4u;
	if (out->l4_head_size < TCP_SIZE)
		return vrs_frame_bad(out, VRS_BAD_HEADER);
	struct vrs_span options = vrs_read_span(&r, out->l4_head_size - TCP_SIZE);
	if (!vrs_reader_ok(&r))
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	if ((flags & VRS_FRAME_L4_GOOD) == 0) {
		uint64_t sum = vrs_csum_pseudo(
			out->src.afi, out->src.bytes, out->dst.bytes, PROTO_TCP, out->l4_size);

		if (vrs_csum_fold(vrs_csum_add(sum, out->l4, out->l4_size)) != 0)
			return vrs_frame_bad(out, VRS_BAD_L4_CSUM);
	}
	struct vrs_reader fields = vrs_reader_init(h, TCP_SIZE);
	out->src_port = vrs_read_u16(&fields);
	out->dst_port = vrs_read_u16(&fields);
	seg->seq = vrs_read_u32(&fields);
	seg->ack = vrs_read_u32(&fields);
	seg->flags = vrs_read_u16(&fields) & 0x3f;
	seg->window = vrs_read_u16(&fields);
	seg->n_sack = 0;
	seg->has_ts = seg->sack_ok = false;
	seg->wscale = -1;
	seg->mss = 0;
	seg->size = (uint32_t)vrs_reader_left(&r);
	seg->data = vrs_read_bytes(&r, seg->size);
	out->md5 = NULL;
	if (options.size > 0 && !tcp_options(out, options))
		return vrs_frame_bad(out, VRS_BAD_OPTION);
	return vrs_frame_is(out, VRS_FRAME_TCP);
}

/* What IP carries: @p proto in out->l4. */
static enum vrs_frame_kind ip_body(struct vrs_frame_info *out, uint8_t proto, uint16_t flags)
{
	bool icmp = proto == (out->src.afi == VRS_AFI_IP4 ? PROTO_ICMP : PROTO_ICMP6);

	if (proto != PROTO_TCP && !icmp)
		return vrs_frame_is(out, VRS_FRAME_OTHER);
	if ((flags & VRS_FRAME_L4_BAD) != 0)
		return vrs_frame_bad(out, VRS_BAD_L4_CSUM);
	if (icmp)
		return vrs_frame_icmp(out, flags);
	if (vrs_frame_unspecified(&out->src))
		return vrs_frame_bad(out, VRS_BAD_ADDRESS);
	return tcp(out, flags);
}

/* @return Whether there is no source route, and every option ends within the header. */
static bool ip4_options_fine(struct vrs_span options)
{
	enum { END = 0, NOP = 1, LOOSE_ROUTE = 131, STRICT_ROUTE = 137 };
	struct vrs_reader r = vrs_reader_span(options);

	while (vrs_reader_left(&r) > 0) {
		uint8_t type = vrs_read_u8(&r);

		if (type == END)
			return true;
		if (type == NOP)
			continue;
		uint8_t size = vrs_read_u8(&r);
		if (size < 2 || type == LOOSE_ROUTE || type == STRICT_ROUTE)
			return false;
		(void)vrs_read_bytes(&r, size - 2u);
		if (!vrs_reader_ok(&r))
			return false;
	}
	return true;
}

static bool ip4_csum_good(const uint8_t *h, struct vrs_span options, uint16_t flags)
{
	if ((flags & (VRS_FRAME_IP_GOOD | VRS_FRAME_IP_BAD)) != 0)
		return (flags & VRS_FRAME_IP_BAD) == 0;
	uint64_t sum = vrs_csum_add(0, h, IP4_SIZE);
	return vrs_csum_fold(vrs_csum_add(sum, options.data, options.size)) == 0;
}

static enum vrs_frame_kind ip4(struct vrs_reader *r, struct vrs_frame_info *out, uint16_t flags)
{
	enum { DF_AND_RESERVED = 0xc000 };
	const uint8_t *h = vrs_read_bytes(r, IP4_SIZE);

	if (h == NULL)
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	struct vrs_reader fields = vrs_reader_init(h, IP4_SIZE);
	uint8_t version = vrs_read_u8(&fields);
	(void)vrs_read_u8(&fields); /* Type of service. */
	uint32_t size = vrs_read_u16(&fields), head_size = (version & 15) * 4u;
	(void)vrs_read_u16(&fields); /* Identification. */
	uint16_t fragment = vrs_read_u16(&fields);
	out->ttl = vrs_read_u8(&fields);
	uint8_t proto = vrs_read_u8(&fields);
	if (version >> 4 != 4 || head_size < IP4_SIZE || size < head_size)
		return vrs_frame_bad(out, VRS_BAD_HEADER);
	struct vrs_span options = vrs_read_span(r, head_size - IP4_SIZE);
	struct vrs_span body = vrs_read_span(r, size - head_size);
	if (!vrs_reader_ok(r))
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	if (!ip4_csum_good(h, options, flags))
		return vrs_frame_bad(out, VRS_BAD_IP_CSUM);
	read_addr(&out->src, VRS_AFI_IP4, h + 12);
	read_addr(&out->dst, VRS_AFI_IP4, h + 16);
	if (!source_can_be(&out->src))
		return vrs_frame_bad(out, VRS_BAD_ADDRESS);
	if ((fragment & ~DF_AND_RESERVED) != 0)
		return vrs_frame_bad(out, VRS_BAD_FRAGMENT);
	if (!ip4_options_fine(options))
		return vrs_frame_bad(out, VRS_BAD_OPTION);
	out->l4 = body.data;
	out->l4_size = (uint32_t)body.size;
	return ip_body(out, proto, flags);
}

/* One hop-by-hop or destination options header (RFC 8200 4.2 to 4.6). @return Whether all in it may be
 * skipped; -> the protocol behind it. */
static bool ip6_options_fine(struct vrs_reader *r, uint8_t *next)
{
	enum { PAD1 = 0, MAY_NOT_SKIP = 0xc0 };

	*next = vrs_read_u8(r);
	size_t size = vrs_read_u8(r) * 8u + 6;
	struct vrs_reader options = vrs_reader_span(vrs_read_span(r, size));
	while (vrs_reader_left(&options) > 0) {
		uint8_t type = vrs_read_u8(&options);

		if (type == PAD1)
			continue;
		if ((type & MAY_NOT_SKIP) != 0)
			return false;
		(void)vrs_read_bytes(&options, vrs_read_u8(&options));
	}
	return vrs_reader_ok(&options);
}

static enum vrs_frame_kind ip6_body(
	struct vrs_reader *r, struct vrs_frame_info *out, uint8_t next, uint16_t flags)
{
	for (bool first = true;; first = false) {
		bool fine = true;

		switch (next) {
		case PROTO_HOP_BY_HOP: /* RFC 8200 4.1: only the first. */
		case PROTO_DESTINATION:
			fine = (first || next == PROTO_DESTINATION) && ip6_options_fine(r, &next);
			if (!vrs_reader_ok(r))
				return vrs_frame_bad(out, VRS_BAD_SHORT);
			break;
		case PROTO_FRAGMENT:
			return vrs_frame_bad(out, VRS_BAD_FRAGMENT);
		case PROTO_ROUTING:
		case PROTO_ESP:
		case PROTO_AH:
		case PROTO_MOBILITY:
		case PROTO_HIP:
		case PROTO_SHIM6:
			fine = false;
			break;
		default:
			out->l4_size = (uint32_t)vrs_reader_left(r);
			out->l4 = vrs_read_bytes(r, out->l4_size);
			return ip_body(out, next, flags);
		}
		if (!fine)
			return vrs_frame_bad(out, VRS_BAD_OPTION);
	}
}

static enum vrs_frame_kind ip6(struct vrs_reader *r, struct vrs_frame_info *out, uint16_t flags)
{
	const uint8_t *h = vrs_read_bytes(r, IP6_SIZE);

	if (h == NULL)
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	struct vrs_reader fields = vrs_reader_init(h, IP6_SIZE);
	uint32_t version = vrs_read_u32(&fields) >> 28;
	uint16_t size = vrs_read_u16(&fields);
	uint8_t next = vrs_read_u8(&fields);
	out->ttl = vrs_read_u8(&fields);
	if (version != 6)
		return vrs_frame_bad(out, VRS_BAD_HEADER);
	struct vrs_reader body = vrs_reader_span(vrs_read_span(r, size));
	if (!vrs_reader_ok(r))
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	read_addr(&out->src, VRS_AFI_IP6, h + 8);
	read_addr(&out->dst, VRS_AFI_IP6, h + 24);
	if (!source_can_be(&out->src))
		return vrs_frame_bad(out, VRS_BAD_ADDRESS);
	return ip6_body(&body, out, next, flags);
}

/* RFC 826; senders without an address are probes (RFC 5227 2.1.1). RFC 1812 3.3.2: no group's MAC. */
static enum vrs_frame_kind arp(struct vrs_reader *r, struct vrs_frame_info *out)
{
	enum { ETHERNET = 1, REQUEST = 1, REPLY = 2 };
	uint16_t hardware = vrs_read_u16(r), protocol = vrs_read_u16(r), sizes = vrs_read_u16(r);
	uint16_t operation = vrs_read_u16(r);
	const uint8_t *mac = vrs_read_bytes(r, 6), *sender = vrs_read_bytes(r, 4);
	(void)vrs_read_bytes(r, 6);
	const uint8_t *target = vrs_read_bytes(r, 4);

	if (!vrs_reader_ok(r))
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	if (hardware != ETHERNET || protocol != ETHERTYPE_IP4 || sizes != 0x0604)
		return vrs_frame_bad(out, VRS_BAD_HEADER);
	out->is_request = operation == REQUEST;
	out->solicited = out->override = operation == REPLY;
	read_addr(&out->src, VRS_AFI_IP4, sender);
	read_addr(&out->target, VRS_AFI_IP4, target);
	out->dst = out->target;
	out->has_mac = true;
	memcpy(out->mac, mac, 6);
	if (operation != REQUEST && operation != REPLY)
		return vrs_frame_is(out, VRS_FRAME_OTHER);
	if (!source_can_be(&out->src) || !vrs_mac_can_be(mac) ||
		(operation == REPLY && vrs_frame_unspecified(&out->src)))
		return vrs_frame_bad(out, VRS_BAD_ADDRESS);
	return vrs_frame_is(out, VRS_FRAME_ARP);
}

enum vrs_frame_kind vrs_frame_parse(const struct vrs_frame *f, struct vrs_frame_info *out)
{
	enum { ID = 0xfff };
	struct vrs_reader r = vrs_reader_init(f->data, f->size);
	const uint8_t *macs = vrs_read_bytes(&r, 12);
	uint16_t type = vrs_read_u16(&r);

	out->vlan = f->vlan & ID;
	/* A tag behind the one that the port has taken out is a second one, which is not ours to understand. */
	if (type == ETHERTYPE_VLAN && f->vlan == 0) {
		out->vlan = vrs_read_u16(&r) & ID;
		type = vrs_read_u16(&r);
	}
	if (macs == NULL || !vrs_reader_ok(&r))
		return vrs_frame_bad(out, VRS_BAD_SHORT);
	memcpy(out->dst_mac, macs, 6);
	memcpy(out->src_mac, macs + 6, 6);
	if ((out->src_mac[0] & 1) != 0)
		return vrs_frame_bad(out, VRS_BAD_HEADER);
	switch (type) {
	case ETHERTYPE_IP4:
		return ip4(&r, out, f->flags);
	case ETHERTYPE_IP6:
		return ip6(&r, out, f->flags);
	case ETHERTYPE_ARP:
		return arp(&r, out);
	default:
		out->src.afi = out->dst.afi = VRS_AFI_NONE;
		return vrs_frame_is(out, VRS_FRAME_OTHER);
	}
}
