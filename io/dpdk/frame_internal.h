/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What the files of io/dpdk/frame.h share: numbers of the wire, and sums.
 */

#include <arpa/inet.h>

#include "io/dpdk/frame.h"
#include "rib/base/bytes.h"

enum {
	ETHERNET_SIZE = 14,
	VLAN_SIZE = 4,
	ARP_SIZE = 28,
	IP4_SIZE = 20,
	IP6_SIZE = 40,
	TCP_SIZE = 20,
	ICMP_SIZE = 8,
	ND_SIZE = 24, /* With the target, without options. */

	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IP6 = 0x86dd,

	PROTO_HOP_BY_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_ESP = 50,
	PROTO_AH = 51,
	PROTO_ICMP6 = 58,
	PROTO_DESTINATION = 60,
	PROTO_MOBILITY = 135,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,

	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_UNREACHABLE_FRAG = 4,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_NS = 135,
	ICMP6_NA = 136,
	ND_SOURCE_MAC = 1,
	ND_TARGET_MAC = 2,
	ND_HOP_LIMIT = 255, /* RFC 4861: nobody behind a router can send it. */

	TCP_OPT_END = 0,
	TCP_OPT_NOP = 1,
	TCP_OPT_MSS = 2,
	TCP_OPT_WSCALE = 3,
	TCP_OPT_SACK_OK = 4,
	TCP_OPT_SACK = 5,
	TCP_OPT_TS = 8,
	TCP_OPT_MD5 = 19,
	TCP_OPTIONS_MAX = 40,
	MD5_SIZE = 16,
};

/** Ones' complement sum of two sums. */
static inline uint64_t vrs_csum_join(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;

	return sum + (sum < b);
}

/** The sum of the pseudo header of RFC 9293 3.1 or RFC 8200 8.1. Both families' come to the same: addresses,
 *  protocol, size. @p src and @p dst are 4 or 16 bytes. */
static inline uint64_t vrs_csum_pseudo(
	unsigned afi, const uint8_t *src, const uint8_t *dst, uint8_t proto, uint32_t size)
{
	size_t width = vrs_afi_width(afi) / 8;
	uint64_t sum = (uint64_t)htonl(proto) + htonl(size);

	return vrs_csum_add(vrs_csum_add(sum, src, width), dst, width);
}

static inline enum vrs_frame_kind vrs_frame_bad(struct vrs_frame_info *out, enum vrs_frame_bad why)
{
	out->bad = why;
	return out->kind = VRS_FRAME_BAD;
}

static inline enum vrs_frame_kind vrs_frame_is(struct vrs_frame_info *out, enum vrs_frame_kind kind)
{
	return out->kind = kind;
}

static inline bool vrs_mac_can_be(const uint8_t mac[6])
{
	return (mac[0] & 1) == 0 && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]) != 0;
}

bool vrs_frame_unspecified(const struct vrs_addr *a);

static inline bool vrs_frame_multicast(const struct vrs_addr *a)
{
	return a->afi == VRS_AFI_IP4 ? a->bytes[0] >> 4 == 0xe : a->bytes[0] == 0xff;
}

/** ICMP and ICMPv6, with addresses, ttl and l4 in @p out already. @p flags are the frame's. */
enum vrs_frame_kind vrs_frame_icmp(struct vrs_frame_info *out, uint16_t flags);
