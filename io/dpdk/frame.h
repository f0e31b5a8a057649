/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Ethernet frames to what the stack wants to know and back: 802.1Q, ARP (RFC 826), IPv4 (RFC 791),
 * IPv6 (RFC 8200), ICMP (RFC 792), ICMPv6 with neighbour discovery (RFC 4443, 4861), TCP (RFC 9293,
 * options of RFC 2018, 2385, 7323).
 *
 * Pure functions over bounded bytes: any thread, no allocation; every input has a verdict. A frame is
 * parsed once, whole, and what is returned points into it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/dpdk/wire.h"
#include "rib/base/macro.h"
#include "rib/prefix.h"

enum vrs_frame_kind {
	VRS_FRAME_TCP,
	VRS_FRAME_ARP,
	VRS_FRAME_ND,   /**< Neighbour solicitation or advertisement. */
	VRS_FRAME_ECHO, /**< ICMP or ICMPv6 echo request. */
	VRS_FRAME_ERROR, /**< ICMP or ICMPv6: unreachable, too big, time exceeded; about a TCP segment. */
	VRS_FRAME_OTHER, /**< Well-formed as far as we look, and not for us to understand. */
	VRS_FRAME_BAD,   /**< Malformed; `bad` says how. */
};

/** Why a frame is VRS_FRAME_BAD; counted one by one. */
enum vrs_frame_bad {
	VRS_BAD_SHORT, /**< Ends in the middle of a header, or says it is longer than it is. */
	VRS_BAD_HEADER, /**< A header that says nonsense: version, header length, hardware type, ... */
	VRS_BAD_IP_CSUM,
	VRS_BAD_L4_CSUM,
	VRS_BAD_FRAGMENT, /**< Fragments are not put together: our peers send with DF set. */
	VRS_BAD_OPTION, /**< An IPv4 source route, an IPv6 extension header, a TCP option beyond its room. */
	VRS_BAD_ADDRESS, /**< A source that cannot be: multicast, unspecified, loopback; a group's MAC. Ours is
			  *  checked elsewhere. */
	VRS_BAD_N
};

enum vrs_tcp_flags {
	VRS_TCP_FIN = 0x01,
	VRS_TCP_SYN = 0x02,
	VRS_TCP_RST = 0x04,
	VRS_TCP_PSH = 0x08,
	VRS_TCP_ACK = 0x10,
	VRS_TCP_URG = 0x20,
};

enum { VRS_TCP_SACK_MAX = 4 };

struct vrs_tcp_sack {
	uint32_t from, to; /**< [from, to) */
};

/** A TCP segment, received or to be sent: what the protocol machine (io/dpdk/tcp.h) sees of it. */
struct vrs_tcp_segment {
	uint32_t seq, ack;
	uint16_t window; /**< As on the wire: not scaled. */
	uint8_t flags;   /**< enum vrs_tcp_flags; ECN's and reserved bits are left out. */
	uint8_t n_sack;
	bool has_ts;   /**< RFC 7323 timestamps. */
	bool sack_ok;  /**< SYN: SACK permitted. */
	int8_t wscale; /**< SYN: window scale 0..14 (greater is 14, RFC 7323 2.3), -1: none. */
	uint16_t mss;  /**< SYN: 0: none. */
	uint32_t ts_val, ts_ecr;
	struct vrs_tcp_sack sack[VRS_TCP_SACK_MAX];
	const uint8_t *data; /**< Payload; borrowed from the frame. */
	uint32_t size;
};

/** Where a segment comes from and goes to. */
struct vrs_flow_key {
	struct vrs_addr local, remote; /* Of one family. */
	uint16_t local_port, remote_port;
};

/** What is in a frame. Which members are set depends on kind; kind, vlan and the MACs always are, but in
 *  VRS_FRAME_BAD, which has kind and bad. */
struct vrs_frame_info {
	enum vrs_frame_kind kind;
	enum vrs_frame_bad bad;
	uint8_t src_mac[6], dst_mac[6];
	uint16_t vlan;            /**< 0: none. */
	uint8_t ttl;              /**< Or hop limit. */
	struct vrs_addr src, dst; /**< afi 0 in VRS_FRAME_OTHER: neither IP nor ARP. */
	/** TCP. */
	uint16_t src_port, dst_port;
	struct vrs_tcp_segment tcp;
	const uint8_t *md5;    /**< RFC 2385 digest, 16 bytes in the frame; NULL: none. */
	const uint8_t *l4;     /**< The TCP or ICMP header and what follows: l4_size bytes. */
	uint32_t l4_size;      /**< As IP says: padding of short frames is left out. */
	uint32_t l4_head_size; /**< TCP's header with options. */
	/** ARP and ND. src: who asks or answers (ARP's sender address; ND: the IP source). */
	bool is_request;          /**< ARP request, neighbour solicitation. */
	bool solicited, override; /**< Neighbour advertisement's flags; ARP replies: both true. */
	struct vrs_addr target;   /**< Whom it is about: ARP's target address, ND's target. */
	bool has_mac;   /**< mac is there (ND's link-layer address option; ARP: always). */
	uint8_t mac[6]; /**< Of src in requests and ARP replies, of target in advertisements. */
	/** ICMP errors: of what we are told to have sent. */
	uint8_t icmp_type, icmp_code;
	struct vrs_flow_key about; /**< Local is the embedded packet's source. */
	uint32_t about_seq;
	uint32_t mtu; /**< Too big: of the next hop, 0 = it does not say. Else 0. */
};

/** Look at a frame. Never reads past @p f->size. Checksums are verified where the port has not.
 *  @return out->kind. */
enum vrs_frame_kind vrs_frame_parse(const struct vrs_frame *f, struct vrs_frame_info *out);

/** What every frame we send begins with. */
struct vrs_frame_link {
	uint8_t src_mac[6], dst_mac[6];
	uint16_t vlan; /**< 0: untagged. */
};

/**
 * Build a TCP segment's headers in @p tx->head; tx->pieces, n_pieces and size are set by the caller and
 * are the payload.
 *
 * @param key      Local is the source.
 * @param ttl      Or hop limit. IPv4 has DF set and identification 0 (RFC 6864).
 * @param seg      flags, seq, ack, window, timestamps, SACK blocks (as many as there is room for beside
 *                 the other options are written: 4, with timestamps 3, with MD5 2, with both 1; none in a
 *                 SYN), and in a SYN mss, wscale, sack_ok. data and size are not looked at.
 * @param md5_key  NULL or the key of RFC 2385: the segment is signed.
 * @param offload  Leave the checksums to the port (tx->csum).
 */
void vrs_frame_build_tcp(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const struct vrs_flow_key *key, uint8_t ttl, const struct vrs_tcp_segment *seg,
	const char *md5_key, bool offload);

/** @return Bytes of TCP options that vrs_frame_build_tcp() would write, a multiple of 4. */
unsigned vrs_frame_tcp_options(const struct vrs_tcp_segment *seg, bool md5);

/** @return Whether the segment carries the digest that @p md5_key makes (RFC 2385 section 2), compared
 *  in constant time. */
bool vrs_frame_md5_good(const struct vrs_frame_info *in, const char *md5_key);

/** An ARP request (@p request) or reply. @p target_mac is all zeros in a request. Frame goes to
 *  link->dst_mac. A gratuitous announcement (RFC 5227): request with sender = target. */
void vrs_frame_build_arp(struct vrs_wire_tx *tx, const struct vrs_frame_link *link, bool request,
	const struct vrs_addr *sender, const struct vrs_addr *target, const uint8_t target_mac[6]);

/** A neighbour solicitation for @p target with our link-layer address; to its solicited-node group, with
 *  that group's MAC (link->dst_mac is not looked at), or, @p unicast, to itself at link->dst_mac. */
void vrs_frame_build_ns(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const struct vrs_addr *src, const struct vrs_addr *target, bool unicast);

/** A neighbour advertisement with our link-layer address; override is set. @p dst is who asked, or the
 *  all-nodes group (then unsolicited, to its MAC). */
void vrs_frame_build_na(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const struct vrs_addr *src, const struct vrs_addr *dst, bool solicited);

/** The answer to an echo request, with its data. @return false: it is too big for one head
 *  (VRS_WIRE_HEAD_MAX is not enough and no chunk could be had). The caller drops a chunk reference of
 *  tx->pieces[0] after sending when n_pieces is 1. */
VRS_NODISCARD bool vrs_frame_build_echo(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const struct vrs_frame_info *request, const struct vrs_addr *src);

/** Internet checksum (RFC 1071) of @p size bytes on top of @p sum, not folded. Any alignment. The bytes
 *  start at an even place of what is summed. A sum is a 64-bit one, carries brought round: two are joined
 *  by adding them and the carry. */
uint64_t vrs_csum_add(uint64_t sum, const void *data, size_t size);

/** Fold and complement: what goes into a header, by memcpy() of its two bytes. 0 of what has its checksum in
 *  it already: it is right. */
uint16_t vrs_csum_fold(uint64_t sum);
