/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * One row per rule about malformed UPDATEs, named by its clause. Rows without a number before
 * the clause are RFC 7606.
 */

#include "io/bgp/notification.h"
#include "io/bgp/open.h"
#include "io/bgp/update.h"
#include "tests/io/bgp_build.h"
#include "tests/test.h"

enum {
	A = VRS_BGP_ACCEPT,
	D = VRS_BGP_ATTR_DISCARD,
	W = VRS_BGP_TREAT_AS_WITHDRAW,
	R = VRS_BGP_RESET
};

/* Kinds of session. */
enum { E4, I4, E2, I2 };

static const struct vrs_bgp_decode_ctx sessions[] = {
	[E4] = {.as4 = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65001},
	[I4] = {.as4 = true, .ibgp = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65515},
	[E2] = {.families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65001},
	[I2] = {.ibgp = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65515},
};

struct rule {
	const char *clause;
	int session;
	int action;
	uint8_t subcode; /* with W and R, and D */
	uint8_t attr;    /* attribute blamed */
	const char *attrs;
	const char *nlri;
	uint8_t absent; /* attribute that must not be in the canonical bytes; 0 = none */
};

#define OK  HEX_BASE
#define OK2 HEX_ORIGIN HEX_PATH2 HEX_NEXT_HOP

/* clang-format off */
static const struct rule rules[] = {
	{"a good route", E4, A, 0, 0, OK, HEX_NLRI},
	{"a good route from a 2-byte peer", E2, A, 0, 0, OK2, HEX_NLRI},
	{"an empty AS_PATH is legal", I4, A, 0, 0, HEX_ORIGIN "40 02 00 " HEX_NEXT_HOP, HEX_NLRI},
	{"4271 4.3 the extended length flag may stand with a short value", E4, A, 0, 0, "50 01 0001 00 " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"4271 4.3 the low four flag bits are ignored", E4, A, 0, 0, "4f 01 01 00 40 02 06 0201 0000fde9 43 03 04 0a000104", HEX_NLRI},
	{"attributes in any order", E4, A, 0, 0, HEX_NEXT_HOP HEX_PATH HEX_ORIGIN, HEX_NLRI},

	/* 3 c: Optional or Transitive in conflict; the partial bit is not part of it. */
	{"3 c flags of ORIGIN", E4, W, 4, 1, "c0 01 01 00 " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"3 c flags of ORIGIN, transitive clear", E4, W, 4, 1, "00 01 01 00 " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"3 c flags of AS_PATH", E4, W, 4, 2, HEX_ORIGIN "c0 02 06 0201 0000fde9 " HEX_NEXT_HOP, HEX_NLRI},
	{"3 c flags of NEXT_HOP", E4, W, 4, 3, HEX_ORIGIN HEX_PATH "80 03 04 0a000104", HEX_NLRI},
	{"3 c flags of MED", E4, W, 4, 4, OK "c0 04 04 00000001", HEX_NLRI},
	{"3 c flags of MED, well known", E4, W, 4, 4, OK "40 04 04 00000001", HEX_NLRI},
	{"3 c flags of LOCAL_PREF, iBGP", I4, W, 4, 5, OK "c0 05 04 00000064", HEX_NLRI},
	{"3 c flags of LOCAL_PREF, eBGP", E4, W, 4, 5, OK "c0 05 04 00000064", HEX_NLRI},
	{"3 c flags of ATOMIC_AGGREGATE", E4, W, 4, 6, OK "c0 06 00", HEX_NLRI},
	{"3 c flags of AGGREGATOR", E4, W, 4, 7, OK "80 07 08 0000fde9 0a000001", HEX_NLRI},
	{"3 c flags of COMMUNITIES", E4, W, 4, 8, OK "80 08 04 fde90001", HEX_NLRI},
	{"3 c flags of ORIGINATOR_ID, iBGP", I4, W, 4, 9, OK "c0 09 04 0a000001", HEX_NLRI},
	{"3 c flags of CLUSTER_LIST, iBGP", I4, W, 4, 10, OK "c0 0a 04 0a000001", HEX_NLRI},
	{"3 c flags of MP_REACH_NLRI", E4, W, 4, 14, HEX_ORIGIN HEX_PATH "c0 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8", ""},
	{"3 c flags of MP_UNREACH_NLRI alone: 5.2 does not reset", E4, W, 4, 15, "c0 0f 08 0002 01 20 20010db8", ""},
	{"3 c flags of EXTENDED_COMMUNITIES", E4, W, 4, 16, OK "80 10 08 0002fde900000001", HEX_NLRI},
	{"3 c flags of AS4_PATH", E2, W, 4, 17, OK2 "80 11 06 0201 0000fde9", HEX_NLRI},
	{"3 c flags of PMSI_TUNNEL", E4, W, 4, 22, OK "80 16 05 00 00 000000", HEX_NLRI},
	{"3 c flags of TUNNEL_ENCAPSULATION", E4, W, 4, 23, OK "80 17 04 0008 0000", HEX_NLRI},
	{"3 c flags of IPV6_EXTENDED_COMMUNITIES", E4, W, 4, 25, OK "80 19 14 0002 20010db8000000000000000000000001 0001", HEX_NLRI},
	{"3 c flags of BGP_LS", E4, W, 4, 29, OK "c0 1d 04 0400 0000", HEX_NLRI},
	{"3 c flags of LARGE_COMMUNITIES", E4, W, 4, 32, OK "80 20 0c 000000010000000200000003", HEX_NLRI},
	{"3 c flags of OTC", E4, W, 4, 35, OK "80 23 04 0000fde9", HEX_NLRI},
	{"3 c flags of PREFIX_SID, iBGP", I4, W, 4, 40, OK "80 28 0a 01 0007 00000000000001", HEX_NLRI},
	{"3 c flags of ATTR_SET", E4, W, 4, 128, OK "80 80 04 0000fde9", HEX_NLRI},
	{"3 c the partial bit on a well-known attribute is no error", E4, A, 0, 0, "60 01 01 00 " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"3 c the partial bit on a non-transitive attribute is no error", E4, A, 0, 0, OK "a0 04 04 00000001", HEX_NLRI},
	{"3 c the partial bit on an optional transitive one is no error", E4, A, 0, 0, OK "e0 08 04 fde90001", HEX_NLRI},

	/* 3 d: missing. */
	{"3 d ORIGIN missing", E4, W, 3, 1, HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"3 d AS_PATH missing", E4, W, 3, 2, HEX_ORIGIN HEX_NEXT_HOP, HEX_NLRI},
	{"3 d NEXT_HOP missing beside NLRI", E4, W, 3, 3, HEX_ORIGIN HEX_PATH, HEX_NLRI},
	{"3 d all missing", E4, W, 3, 1, "", HEX_NLRI},
	{"4760 3 NEXT_HOP is not needed beside MP_REACH_NLRI", E4, A, 0, 0, HEX_ORIGIN HEX_PATH HEX_MP_REACH, ""},
	{"4760 3 ORIGIN missing beside MP_REACH_NLRI", E4, W, 3, 1, HEX_PATH HEX_MP_REACH, ""},
	{"4760 3 AS_PATH missing beside MP_REACH_NLRI", E4, W, 3, 2, HEX_ORIGIN HEX_MP_REACH, ""},
	{"3 d NEXT_HOP missing with NLRI and MP_REACH_NLRI", E4, W, 3, 3, HEX_ORIGIN HEX_PATH HEX_MP_REACH, HEX_NLRI},
	{"LOCAL_PREF missing on iBGP counts as 100", I4, A, 0, 0, OK, HEX_NLRI},

	/* 3 g: repeated. */
	{"3 g ORIGIN twice: the first counts", E4, D, 1, 1, OK "40 01 01 02", HEX_NLRI},
	{"3 g AS_PATH twice", E4, D, 1, 2, OK HEX_PATH, HEX_NLRI},
	{"3 g COMMUNITIES twice", E4, D, 1, 8, OK "c0 08 04 fde90001 c0 08 04 fde90002", HEX_NLRI},
	{"3 g an unknown attribute twice", E4, D, 1, 99, OK "c0 63 01 00 c0 63 01 01", HEX_NLRI},
	{"3 g a malformed second occurrence is only discarded", E4, D, 1, 1, OK "40 01 01 07", HEX_NLRI},
	{"3 g MP_REACH_NLRI twice", E4, R, 1, 14, HEX_ORIGIN HEX_PATH HEX_MP_REACH HEX_MP_REACH, ""},
	{"3 g MP_UNREACH_NLRI twice", E4, R, 1, 15, "80 0f 03 0002 01 80 0f 03 0002 01", ""},

	/* 3 h: the strongest action. */
	{"3 h discard, then withdraw", E4, W, 5, 4, OK "40 06 01 00 80 04 03 000000", HEX_NLRI},
	{"3 h withdraw, then discard", E4, W, 6, 1, "40 01 01 03 " HEX_PATH HEX_NEXT_HOP "40 06 01 00", HEX_NLRI},
	{"3 h withdraw, then reset", E4, R, 1, 14, "40 01 01 03 " HEX_PATH HEX_MP_REACH HEX_MP_REACH, ""},

	/* 4: lengths. */
	{"4 the last attribute overruns", E4, W, 5, 8, OK "c0 08 08 fde90001", HEX_NLRI},
	{"4 one byte left", E4, W, 5, 0, OK "c0", HEX_NLRI},
	{"4 two bytes left", E4, W, 5, 8, OK "c0 08", HEX_NLRI},
	{"4 three bytes left of an extended one", E4, W, 5, 8, OK "d0 08 00", HEX_NLRI},
	{"4 an overrun without NLRI: 5.2 resets", E4, R, 5, 8, OK "c0 08 08 fde90001", ""},
	{"4 an overrun after MP_REACH_NLRI", E4, W, 5, 8, HEX_MP_REACH HEX_ORIGIN HEX_PATH "c0 08 08 fde90001", ""},
	{"3 j an overrun of MP_REACH_NLRI hides its NLRI", E4, R, 5, 14, HEX_ORIGIN HEX_PATH "80 0e 40 0002 01", ""},
	{"3 j an overrun of MP_UNREACH_NLRI hides its NLRI", E4, R, 5, 15, "80 0f 09 0002 01 20 2001", ""},
	{"3 j the same beside NLRI", E4, R, 5, 14, OK "80 0e 40 0002 01", HEX_NLRI},

	/* 5.2: nothing reachable. */
	{"5.2 a withdraw verdict without NLRI", E4, R, 6, 1, "40 01 01 03 " HEX_PATH HEX_NEXT_HOP, ""},
	{"5.2 the same beside MP_UNREACH_NLRI", E4, R, 6, 1, "40 01 01 03 80 0f 08 0002 01 20 20010db8", ""},
	{"5.2 a discard verdict without NLRI is none", E4, D, 5, 6, OK "40 06 01 00", ""},
	{"5.2 attributes without NLRI are legal", E4, A, 0, 0, OK, ""},
	{"5.2 an empty MP_REACH_NLRI is nothing reachable", E4, R, 6, 1, "40 01 01 03 " HEX_PATH "80 0e 15 0002 01 10 20010db8000000000000000000000001 00", ""},
	{"5.2 missing attributes do not matter without NLRI", E4, A, 0, 0, HEX_ORIGIN, ""},

	/* 5.3: NLRI. */
	{"5.3 an IPv4 prefix of 33 bits", E4, R, 10, 0, OK, "21 0a01010100"},
	{"5.3 an IPv4 prefix cut short", E4, R, 10, 0, OK, "18 0a01"},
	{"5.3 the second prefix cut short", E4, R, 10, 0, OK, HEX_NLRI "20 0a"},
	{"5.3 an IPv6 prefix of 129 bits", E4, R, 9, 14, HEX_ORIGIN HEX_PATH "80 0e 27 0002 01 10 20010db8000000000000000000000001 00 81 20010db80000000000000000000000000000", ""},
	{"5.3 an IPv6 prefix cut short", E4, R, 9, 14, HEX_ORIGIN HEX_PATH "80 0e 18 0002 01 10 20010db8000000000000000000000001 00 20 2001", ""},
	{"5.3 an unreachable IPv6 prefix of 129 bits", E4, R, 9, 15, "80 0f 05 0002 01 81 00", ""},
	{"5.3 an unreachable IPv6 prefix cut short", E4, R, 9, 15, "80 0f 06 0002 01 20 2001", ""},
	{"5.3 bits past the length do not matter", E4, A, 0, 0, OK, "0c 0aff"},
	{"5.3 a default route", E4, A, 0, 0, OK, "00"},

	/* 7.1 .. 7.16 */
	{"7.1 ORIGIN 3", E4, W, 6, 1, "40 01 01 03 " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"7.1 ORIGIN 255", E4, W, 6, 1, "40 01 01 ff " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"7.1 ORIGIN of 0 bytes", E4, W, 5, 1, "40 01 00 " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"7.1 ORIGIN of 2 bytes", E4, W, 5, 1, "40 01 02 0000 " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"7.2 AS_PATH with an unknown segment type", E4, W, 11, 2, HEX_ORIGIN "40 02 06 0501 0000fde9 " HEX_NEXT_HOP, HEX_NLRI},
	{"7.2 AS_PATH with segment type 0", E4, W, 11, 2, HEX_ORIGIN "40 02 06 0001 0000fde9 " HEX_NEXT_HOP, HEX_NLRI},
	{"7.2 AS_PATH segment overrun", E4, W, 11, 2, HEX_ORIGIN "40 02 06 0202 0000fde9 " HEX_NEXT_HOP, HEX_NLRI},
	{"7.2 AS_PATH segment underrun", E4, W, 11, 2, HEX_ORIGIN "40 02 07 0201 0000fde9 02 " HEX_NEXT_HOP, HEX_NLRI},
	{"7.2 AS_PATH with an empty segment", E4, W, 11, 2, HEX_ORIGIN "40 02 08 0201 0000fde9 0200 " HEX_NEXT_HOP, HEX_NLRI},
	{"7.2 AS_PATH of the wrong width", E4, W, 11, 2, HEX_ORIGIN HEX_PATH2 HEX_NEXT_HOP, HEX_NLRI},
	{"5065 5.3 AS_CONFED_SEQUENCE", E4, W, 11, 2, HEX_ORIGIN "40 02 06 0301 0000fde9 " HEX_NEXT_HOP, HEX_NLRI},
	{"5065 5.3 AS_CONFED_SET", E4, W, 11, 2, HEX_ORIGIN "40 02 06 0401 0000fde9 " HEX_NEXT_HOP, HEX_NLRI},
	{"5065 5.3 AS_CONFED_SEQUENCE on iBGP", I4, W, 11, 2, HEX_ORIGIN "40 02 06 0301 0000fde9 " HEX_NEXT_HOP, HEX_NLRI},
	{"an AS_SET is accepted", E4, A, 0, 0, HEX_ORIGIN "40 02 10 0201 0000fde9 0102 00000001 00000002 " HEX_NEXT_HOP, HEX_NLRI},
	{"7607 2 AS 0 in AS_PATH", E4, W, 11, 2, HEX_ORIGIN "40 02 0a 0202 0000fde9 00000000 " HEX_NEXT_HOP, HEX_NLRI},
	{"7607 2 AS 0 in AS_PATH of 2-byte numbers", E2, W, 11, 2, HEX_ORIGIN "40 02 06 0202 fde9 0000 " HEX_NEXT_HOP, HEX_NLRI},
	{"7.3 NEXT_HOP of 3 bytes", E4, W, 5, 3, HEX_ORIGIN HEX_PATH "40 03 03 0a0001", HEX_NLRI},
	{"7.3 NEXT_HOP of 0 bytes", E4, W, 5, 3, HEX_ORIGIN HEX_PATH "40 03 00", HEX_NLRI},
	{"7.3 NEXT_HOP of 16 bytes", E4, W, 5, 3, HEX_ORIGIN HEX_PATH "40 03 10 20010db8000000000000000000000001", HEX_NLRI},
	{"4271 6.3 NEXT_HOP 0.0.0.0", E4, W, 8, 3, HEX_ORIGIN HEX_PATH "40 03 04 00000000", HEX_NLRI},
	{"4271 6.3 NEXT_HOP 127.0.0.1", E4, W, 8, 3, HEX_ORIGIN HEX_PATH "40 03 04 7f000001", HEX_NLRI},
	{"4271 6.3 NEXT_HOP 224.0.0.1", E4, W, 8, 3, HEX_ORIGIN HEX_PATH "40 03 04 e0000001", HEX_NLRI},
	{"4271 6.3 NEXT_HOP 255.255.255.255", E4, W, 8, 3, HEX_ORIGIN HEX_PATH "40 03 04 ffffffff", HEX_NLRI},
	{"4760 3 the value of NEXT_HOP does not matter without NLRI", E4, A, 0, 0, HEX_ORIGIN HEX_PATH "40 03 04 00000000 " HEX_MP_REACH, ""},
	{"7.4 MED of 3 bytes", E4, W, 5, 4, OK "80 04 03 000001", HEX_NLRI},
	{"7.4 MED of 5 bytes", I4, W, 5, 4, OK "80 04 05 0000000001", HEX_NLRI},
	{"7.5 LOCAL_PREF from eBGP", E4, D, 9, 5, OK "40 05 04 000000c8", HEX_NLRI, 5},
	{"7.5 LOCAL_PREF from eBGP, of any size", E4, D, 9, 5, OK "40 05 03 0000c8", HEX_NLRI, 5},
	{"7.5 LOCAL_PREF of 3 bytes from iBGP", I4, W, 5, 5, OK "40 05 03 0000c8", HEX_NLRI},
	{"7.5 LOCAL_PREF of 0 bytes from iBGP", I4, W, 5, 5, OK "40 05 00", HEX_NLRI},
	{"7.6 ATOMIC_AGGREGATE of 1 byte", E4, D, 5, 6, OK "40 06 01 00", HEX_NLRI, 6},
	{"7.7 AGGREGATOR of 6 bytes from a 4-byte peer", E4, D, 9, 7, OK "c0 07 06 fde9 0a000001", HEX_NLRI, 7},
	{"7.7 AGGREGATOR of 8 bytes from a 2-byte peer", E2, D, 9, 7, OK2 "c0 07 08 0000fde9 0a000001", HEX_NLRI, 7},
	{"7.7 AGGREGATOR of 5 bytes", E4, D, 5, 7, OK "c0 07 05 fde9 0a0000", HEX_NLRI, 7},
	{"7.7 AGGREGATOR of 0 bytes", E4, D, 5, 7, OK "c0 07 00", HEX_NLRI, 7},
	{"7607 2 AS 0 in AGGREGATOR", E4, D, 9, 7, OK "c0 07 08 00000000 0a000001", HEX_NLRI, 7},
	{"7607 2 AS 0 in AGGREGATOR of a 2-byte peer", E2, D, 9, 7, OK2 "c0 07 06 0000 0a000001", HEX_NLRI, 7},
	{"7.8 COMMUNITIES of 5 bytes", E4, W, 5, 8, OK "c0 08 05 fde9000100", HEX_NLRI},
	{"7.8 COMMUNITIES of 0 bytes", E4, W, 5, 8, OK "c0 08 00", HEX_NLRI},
	{"7.9 ORIGINATOR_ID from eBGP", E4, D, 9, 9, OK "80 09 04 0a000001", HEX_NLRI, 9},
	{"7.9 ORIGINATOR_ID of 3 bytes from iBGP", I4, W, 5, 9, OK "80 09 03 0a0000", HEX_NLRI},
	{"7.10 CLUSTER_LIST from eBGP", E4, D, 9, 10, OK "80 0a 04 0a000001", HEX_NLRI, 10},
	{"7.10 CLUSTER_LIST of 6 bytes from iBGP", I4, W, 5, 10, OK "80 0a 06 0a0000010a00", HEX_NLRI},
	{"7.10 CLUSTER_LIST of 0 bytes from iBGP", I4, W, 5, 10, OK "80 0a 00", HEX_NLRI},
	{"4456 8 reflection attributes from iBGP", I4, A, 0, 0, OK "80 09 04 0a000001 80 0a 08 0a0000010a000002", HEX_NLRI},
	{"7.11 IPv6 next hop of 4 bytes", E4, R, 9, 14, HEX_ORIGIN HEX_PATH "80 0e 0e 0002 01 04 0a000001 00 20 20010db8", ""},
	{"7.11 IPv6 next hop of 0 bytes", E4, R, 9, 14, HEX_ORIGIN HEX_PATH "80 0e 0a 0002 01 00 00 20 20010db8", ""},
	{"7.11 IPv6 next hop of 24 bytes", E4, R, 9, 14, HEX_ORIGIN HEX_PATH "80 0e 22 0002 01 18 000000000000000020010db8000000000000000000000001 00 20 20010db8", ""},
	{"2545 3 IPv6 next hop with a link-local one", E4, A, 0, 0, HEX_ORIGIN HEX_PATH "80 0e 2a 0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00 20 20010db8", ""},
	{"7.11 next hop longer than the attribute", E4, R, 9, 14, HEX_ORIGIN HEX_PATH "80 0e 06 0002 01 10 2001", ""},
	{"7.11 MP_REACH_NLRI of 4 bytes", E4, R, 5, 14, HEX_ORIGIN HEX_PATH "80 0e 04 0002 01 00", ""},
	{"8950 4 IPv4 NLRI with an IPv6 next hop, not negotiated", E4, R, 9, 14, HEX_ORIGIN HEX_PATH "80 0e 18 0001 01 10 20010db8000000000000000000000001 00 10 0a01", ""},
	{"4760 IPv4 in MP_REACH_NLRI", E4, A, 0, 0, HEX_ORIGIN HEX_PATH "80 0e 0c 0001 01 04 0a000104 00 10 0a01", ""},
	{"an IPv6 next hop of ::", E4, W, 8, 14, HEX_ORIGIN HEX_PATH "80 0e 1a 0002 01 10 00000000000000000000000000000000 00 20 20010db8", ""},
	{"an IPv6 next hop of ::1", E4, W, 8, 14, HEX_ORIGIN HEX_PATH "80 0e 1a 0002 01 10 00000000000000000000000000000001 00 20 20010db8", ""},
	{"an IPv6 multicast next hop", E4, W, 8, 14, HEX_ORIGIN HEX_PATH "80 0e 1a 0002 01 10 ff020000000000000000000000000001 00 20 20010db8", ""},
	{"a family that is not ours is ignored", E4, A, 0, 0, HEX_ORIGIN HEX_PATH "80 0e 0d 0019 46 04 0a000001 00 02 01aabb", ""},
	{"a family that is not ours, cut short", E4, R, 9, 14, HEX_ORIGIN HEX_PATH "80 0e 06 0019 46 40 0a00", ""},
	{"a withdrawn family that is not ours is ignored", E4, A, 0, 0, "80 0f 05 0019 46 0201", ""},
	{"7.12 MP_UNREACH_NLRI of 2 bytes", E4, R, 5, 15, "80 0f 02 0002", ""},
	{"7.14 EXTENDED_COMMUNITIES of 7 bytes", E4, W, 5, 16, OK "c0 10 07 0002fde9000000", HEX_NLRI},
	{"7.14 EXTENDED_COMMUNITIES of 0 bytes", E4, W, 5, 16, OK "c0 10 00", HEX_NLRI},
	{"7.14 an unknown extended community is no error", E4, A, 0, 0, OK "c0 10 08 ffffffffffffffff", HEX_NLRI},
	{"7.15 IPV6_EXTENDED_COMMUNITIES of 19 bytes", E4, W, 5, 25, OK "c0 19 13 0002 20010db8000000000000000000000001 00", HEX_NLRI},
	{"7.15 IPV6_EXTENDED_COMMUNITIES of 0 bytes", E4, W, 5, 25, OK "c0 19 00", HEX_NLRI},
	{"7.16 ATTR_SET of 3 bytes", E4, W, 5, 128, OK "c0 80 03 0000fd", HEX_NLRI},
	{"7.16 ATTR_SET with a bad attribute", E4, W, 9, 128, OK "c0 80 08 0000fde9 40 01 01 07", HEX_NLRI},
	{"7.16 ATTR_SET with an attribute cut short", E4, W, 9, 128, OK "c0 80 07 0000fde9 40 01 01", HEX_NLRI},
	{"7.16 ATTR_SET with MP_REACH_NLRI", E4, W, 9, 128, OK "c0 80 07 0000fde9 80 0e 00", HEX_NLRI},
	{"7.16 a good ATTR_SET", E4, A, 0, 0, OK "c0 80 08 0000fde9 40 01 01 00", HEX_NLRI},

	/* RFC 4271 section 6.3, unchanged. */
	{"4271 6.3 an unrecognised well-known attribute", E4, R, 2, 99, OK "40 63 01 00", HEX_NLRI},
	{"4271 6.3 the same, transitive clear", E4, R, 2, 99, OK "00 63 01 00", HEX_NLRI},
	{"4271 9 an unknown transitive attribute passes", E4, A, 0, 0, OK "c0 63 01 00", HEX_NLRI},
	{"4271 9 an unknown transitive attribute of 0 bytes passes", E4, A, 0, 0, OK "c0 63 00", HEX_NLRI},
	{"4271 9 an unknown non-transitive attribute stops here", E4, A, 0, 0, OK "80 63 01 00", HEX_NLRI, 99},
	{"4271 9 internal codes are only unknown attributes", E4, A, 0, 0, OK "c0 ff 01 00 c0 00 01 00", HEX_NLRI},

	/* RFC 6793 section 6, and 7607. */
	{"6793 3 AS4_PATH from a 4-byte peer", E4, D, 9, 17, OK "c0 11 06 0201 0000fde9", HEX_NLRI, 17},
	{"6793 3 AS4_AGGREGATOR from a 4-byte peer", E4, D, 9, 18, OK "c0 12 08 0000fde9 0a000001", HEX_NLRI, 18},
	{"6793 6 AS4_PATH of 5 bytes", E2, D, 5, 17, OK2 "c0 11 05 0201 0000fd", HEX_NLRI, 17},
	{"6793 6 AS4_PATH of 7 bytes", E2, D, 5, 17, OK2 "c0 11 07 0201 0000fde9 00", HEX_NLRI, 17},
	{"6793 6 AS4_PATH segment overrun", E2, D, 9, 17, OK2 "c0 11 06 0202 0000fde9", HEX_NLRI, 17},
	{"6793 6 AS4_PATH with an empty segment", E2, D, 9, 17, OK2 "c0 11 08 0201 0000fde9 0200", HEX_NLRI, 17},
	{"6793 6 AS4_PATH with an unknown segment", E2, D, 9, 17, OK2 "c0 11 06 0501 0000fde9", HEX_NLRI, 17},
	{"6793 6 confederation segments in AS4_PATH are no error", E2, A, 0, 0, OK2 "c0 11 0c 0301 0000fde9 0201 0000fde9", HEX_NLRI, 17},
	{"7607 2 AS 0 in AS4_PATH", E2, D, 9, 17, OK2 "c0 11 06 0201 00000000", HEX_NLRI, 17},
	{"6793 6 AS4_AGGREGATOR of 7 bytes", E2, D, 5, 18, OK2 "c0 12 07 0000fde9 0a0000", HEX_NLRI, 18},
	{"7607 2 AS 0 in AS4_AGGREGATOR", E2, D, 9, 18, OK2 "c0 12 08 00000000 0a000001", HEX_NLRI, 18},

	/* The same on iBGP, and the corners between the rules. */
	{"3 c flags of ORIGIN, iBGP", I4, W, 4, 1, "80 01 01 00 " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"3 c flags of AS_PATH, iBGP", I4, W, 4, 2, HEX_ORIGIN "80 02 06 0201 0000fde9 " HEX_NEXT_HOP, HEX_NLRI},
	{"3 c flags of NEXT_HOP, iBGP", I4, W, 4, 3, HEX_ORIGIN HEX_PATH "c0 03 04 0a000104", HEX_NLRI},
	{"3 c flags of MED, iBGP", I4, W, 4, 4, OK "40 04 04 00000001", HEX_NLRI},
	{"3 c flags of AS4_AGGREGATOR", E2, W, 4, 18, OK2 "80 12 08 0000fde9 0a000001", HEX_NLRI},
	{"3 c flags of ORIGINATOR_ID, eBGP", E4, W, 4, 9, OK "40 09 04 0a000001", HEX_NLRI},
	{"3 c flags of CLUSTER_LIST, eBGP", E4, W, 4, 10, OK "40 0a 04 0a000001", HEX_NLRI},
	{"3 c flags of MP_REACH_NLRI beside NLRI", E4, W, 4, 14, OK "40 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8", HEX_NLRI},
	{"3 c flags wrong and MP_REACH_NLRI cut short: reset", E4, R, 9, 14, HEX_ORIGIN HEX_PATH "c0 0e 06 0002 01 10 2001", ""},
	{"3 c wrong flags count before a wrong length", E4, W, 4, 4, OK "c0 04 03 000001", HEX_NLRI},
	{"3 c the partial bit on ORIGIN, iBGP, is no error", I4, A, 0, 0, "60 01 01 00 " HEX_PATH HEX_NEXT_HOP "60 05 04 00000064", HEX_NLRI},
	{"3 c the partial bit on MP_REACH_NLRI is no error", E4, A, 0, 0, HEX_ORIGIN HEX_PATH "a0 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8", ""},
	{"3 d ORIGIN missing, iBGP", I4, W, 3, 1, HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"3 d AS_PATH missing, iBGP", I4, W, 3, 2, HEX_ORIGIN HEX_NEXT_HOP, HEX_NLRI},
	{"3 d NEXT_HOP missing, iBGP", I4, W, 3, 3, HEX_ORIGIN HEX_PATH, HEX_NLRI},
	{"3 g LOCAL_PREF twice from eBGP", E4, D, 9, 5, OK "40 05 04 00000064 40 05 04 000000c8", HEX_NLRI, 5},
	{"3 g LARGE_COMMUNITIES twice", I4, D, 1, 32, OK "c0 20 0c 000000010000000200000003 c0 20 0c 000000010000000200000004", HEX_NLRI},
	{"3 g twice, the first of them malformed", E4, W, 6, 1, "40 01 01 07 40 01 01 00 " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"3 i MP_REACH_NLRI last", E4, A, 0, 0, HEX_ORIGIN HEX_PATH "c0 08 04 fde90001 " HEX_MP_REACH, ""},
	{"4 an extended length that the message has not", E4, W, 5, 8, OK "d0 08 ffff 00", HEX_NLRI},
	{"4 an overrun of NEXT_HOP", E4, W, 5, 3, HEX_ORIGIN HEX_PATH "40 03 20 0a000104", HEX_NLRI},
	{"4 an overrun on iBGP", I4, W, 5, 5, OK "40 05 08 00000064", HEX_NLRI},
	{"4271 4.3 extended length with a long AS_PATH", E4, A, 0, 0, HEX_ORIGIN "50 02 0006 0201 0000fde9 " HEX_NEXT_HOP, HEX_NLRI},
	{"4271 6.3 NEXT_HOP 240.0.0.1", E4, W, 8, 3, HEX_ORIGIN HEX_PATH "40 03 04 f0000001", HEX_NLRI},
	{"4271 6.3 NEXT_HOP 0.0.0.1", I4, W, 8, 3, HEX_ORIGIN HEX_PATH "40 03 04 00000001", HEX_NLRI},
	{"7.1 ORIGIN 3, iBGP", I4, W, 6, 1, "40 01 01 03 " HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"7.2 AS_PATH of 1 byte", E4, W, 11, 2, HEX_ORIGIN "40 02 01 02 " HEX_NEXT_HOP, HEX_NLRI},
	{"7.2 AS_PATH of 4-byte numbers from a 2-byte peer", E2, W, 11, 2, HEX_ORIGIN HEX_PATH HEX_NEXT_HOP, HEX_NLRI},
	{"7607 2 AS 0 in an AS_SET", E4, W, 11, 2, HEX_ORIGIN "40 02 10 0201 0000fde9 0102 00000001 00000000 " HEX_NEXT_HOP, HEX_NLRI},
	{"7607 2 AS 0 first, iBGP", I4, W, 11, 2, HEX_ORIGIN "40 02 06 0201 00000000 " HEX_NEXT_HOP, HEX_NLRI},
	{"7.5 LOCAL_PREF of 5 bytes from iBGP", I4, W, 5, 5, OK "40 05 05 0000000064", HEX_NLRI},
	{"7.6 ATOMIC_AGGREGATE of 1 byte, iBGP", I4, D, 5, 6, OK "40 06 01 00", HEX_NLRI, 6},
	{"7.7 a good AGGREGATOR of a 2-byte peer", E2, A, 0, 0, OK2 "c0 07 06 fde9 0a000001", HEX_NLRI},
	{"7.8 COMMUNITIES of 2 bytes, iBGP", I4, W, 5, 8, OK "c0 08 02 fde9", HEX_NLRI},
	{"7.9 ORIGINATOR_ID of 0 bytes from iBGP", I4, W, 5, 9, OK "80 09 00", HEX_NLRI},
	{"7.9 ORIGINATOR_ID from eBGP, of any size", E4, D, 9, 9, OK "80 09 01 0a", HEX_NLRI, 9},
	{"7.10 CLUSTER_LIST from eBGP, of any size", E4, D, 9, 10, OK "80 0a 03 0a0000", HEX_NLRI, 10},
	{"5.3 NLRI of 255 bits", E4, R, 10, 0, OK, "ff 0a010101"},
	{"5.3 NLRI that is only a length", E4, R, 10, 0, OK, "08"},
	{"8950 4 IPv4 NLRI with an IPv6 next hop of 32 bytes, not negotiated", E4, R, 9, 14, HEX_ORIGIN HEX_PATH "80 0e 28 0001 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00 10 0a01", ""},
	

	/* Others, each by its own RFC. */
	{"6514 5 PMSI_TUNNEL of 4 bytes", E4, W, 5, 22, OK "c0 16 04 00 06 0000", HEX_NLRI},
	{"6514 5 PMSI_TUNNEL with a bad tunnel identifier", E4, W, 9, 22, OK "c0 16 08 00 06 000000 0a0000", HEX_NLRI},
	{"7385 3 an unknown PMSI tunnel type is no error", E4, A, 0, 0, OK "c0 16 06 00 7f 000000 0a", HEX_NLRI},
	{"9012 13 TUNNEL_ENCAPSULATION TLV overrun", E4, W, 9, 23, OK "c0 17 06 0008 0004 0401", HEX_NLRI},
	{"9012 13 TUNNEL_ENCAPSULATION sub-TLV overrun", E4, W, 9, 23, OK "c0 17 07 0008 0003 04 04 00", HEX_NLRI},
	{"9012 13 TUNNEL_ENCAPSULATION with a long sub-TLV", E4, A, 0, 0, OK "c0 17 09 0008 0005 80 0002 0000", HEX_NLRI},
	{"7311 3.2 AIGP is not enabled", E4, D, 9, 26, OK "80 1a 0b 01 000b 0000000000000001", HEX_NLRI, 26},
	{"7311 3.2 AIGP marked transitive", E4, D, 4, 26, OK "c0 1a 0b 01 000b 0000000000000001", HEX_NLRI, 26},
	{"7311 3.2 AIGP of 0 bytes", E4, D, 9, 26, OK "80 1a 00", HEX_NLRI, 26},
	{"7447 ENTROPY_LABEL passes as unrecognised", E4, A, 0, 0, OK "c0 1c 00", HEX_NLRI},
	{"9552 8.2.2 BGP_LS TLV overrun", E4, D, 9, 29, OK "80 1d 05 0400 0002 00", HEX_NLRI, 29},
	{"9552 BGP_LS means nothing here", E4, A, 0, 0, OK "80 1d 04 0400 0000", HEX_NLRI, 29},
	{"8092 5 LARGE_COMMUNITIES of 11 bytes", E4, W, 5, 32, OK "c0 20 0b 0000000100000002000000", HEX_NLRI},
	{"8092 5 LARGE_COMMUNITIES of 0 bytes", E4, W, 5, 32, OK "c0 20 00", HEX_NLRI},
	{"9234 5 OTC of 3 bytes", E4, W, 5, 35, OK "c0 23 03 00fde9", HEX_NLRI},
	{"9234 5 OTC of 0 bytes", E4, W, 5, 35, OK "c0 23 00", HEX_NLRI},
	{"9234 5 OTC", E4, A, 0, 0, OK "c0 23 04 0000fde9", HEX_NLRI},
	{"8669 4 PREFIX_SID from eBGP", E4, D, 9, 40, OK "c0 28 0a 01 0007 00000000000001", HEX_NLRI, 40},
	{"8669 6 PREFIX_SID TLV overrun", I4, D, 9, 40, OK "c0 28 04 01 0007 00", HEX_NLRI, 40},
	{"8669 6 PREFIX_SID label index of 6 bytes", I4, D, 9, 40, OK "c0 28 09 01 0006 000000000000", HEX_NLRI, 40},
	{"8669 PREFIX_SID on iBGP", I4, A, 0, 0, OK "c0 28 0a 01 0007 00000000000001", HEX_NLRI},
};
/* clang-format on */

static const char *const actions[] = {"accept", "discard", "withdraw", "reset"};

static void check_absent(const struct rule *rule, const struct vrs_bgp_update *u)
{
	uint8_t buf[4096];
	size_t size;
	struct vrs_attrs_info info;
	struct vrs_span value;

	assert_int_equal(
		vrs_bgp_update_canonical(u, VRS_BGP_CLASSIC, buf, sizeof(buf), &size, &info), 0);
	if (vrs_bgp_attr_find(buf, size, rule->absent, &value))
		fail_msg("%s: attribute %u is kept", rule->clause, rule->absent);
	assert_true(vrs_bgp_attr_find(buf, size, VRS_BGP_ORIGIN, &value));
}

static void every_malformed_update_gets_the_verdict_of_its_clause(void **)
{
	for (size_t i = 0; i < VRS_N_ELEMS(rules); i++) {
		const struct rule *rule = &rules[i];
		static struct vrs_bgp_update u;
		uint8_t body[4096];
		size_t size = build_update("", rule->attrs, rule->nlri, body, sizeof(body));

		vrs_bgp_update_decode(&sessions[rule->session], body, size, &u);
		const struct vrs_bgp_verdict *v = &u.verdict;
		if ((int)v->action != rule->action || v->subcode != rule->subcode ||
			v->attr_code != rule->attr)
			fail_msg("%s: %s, subcode %u, attribute %u (%s)", rule->clause,
				actions[v->action], v->subcode, v->attr_code,
				v->reason != NULL ? v->reason : "-");
		assert_int_equal(v->code, rule->action == A ? 0 : VRS_BGP_ERR_UPDATE);
		assert_int_equal(u.announce_is_withdraw, rule->action == W);
		if (rule->action <= D && rule->absent != 0)
			check_absent(rule, &u);
	}
	print_message("%zu rules\n", VRS_N_ELEMS(rules));
}

static void lengths_beyond_the_message_reset(void **)
{
	static const char *const rows[] = {"0001 0000", "0000 0001", "0002 00", "00", "", "0000",
		"0005 0000 18 0a0101", "ffff ffff"};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		static struct vrs_bgp_update u;
		uint8_t body[64];
		size_t size = build_hex(rows[i], body, sizeof(body));

		vrs_bgp_update_decode(&sessions[E4], body, size, &u);
		assert_int_equal(u.verdict.action, VRS_BGP_RESET);
		assert_int_equal(u.verdict.subcode, VRS_BGP_UPDATE_MALFORMED_LIST);
	}
}

static void withdrawn_routes_are_checked_like_nlri(void **)
{
	static const char *const rows[] = {"21 0a01010100", "18 0a01"};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		static struct vrs_bgp_update u;
		uint8_t body[64];
		size_t size = build_update(rows[i], "", "", body, sizeof(body));

		vrs_bgp_update_decode(&sessions[E4], body, size, &u);
		assert_int_equal(u.verdict.action, VRS_BGP_RESET);
		assert_int_equal(u.verdict.subcode, VRS_BGP_UPDATE_NETWORK);
	}
}

static void a_reset_quotes_the_erroneous_attribute(void **)
{
	static struct vrs_bgp_update u;
	uint8_t body[256];
	size_t size = build_update("", OK "40 63 02 aabb", HEX_NLRI, body, sizeof(body));

	vrs_bgp_update_decode(&sessions[E4], body, size, &u);
	assert_string_equal(build_text(u.verdict.data.data, u.verdict.data.size), "406302aabb");
	assert_memory_equal(body + u.verdict.offset, "\x40\x63\x02\xaa\xbb", 5);

	size = build_update("", HEX_PATH HEX_NEXT_HOP, HEX_NLRI, body, sizeof(body));
	vrs_bgp_update_decode(&sessions[E4], body, size, &u);
	assert_string_equal(build_text(u.verdict.data.data, u.verdict.data.size), "01");
}

static void scrubbed_attributes_are_dropped_unseen(void **)
{
	struct vrs_bgp_decode_ctx ctx = sessions[E4];
	static struct vrs_bgp_update u;
	uint8_t body[256], buf[256];
	size_t n;
	struct vrs_attrs_info info;
	struct vrs_span value;
	size_t size = build_update(
		"", OK "c0 20 05 0102030405 c0 08 04 fde90001", HEX_NLRI, body, sizeof(body));

	ctx.scrub[VRS_BGP_LARGE_COMMUNITIES / 8] |= 1 << VRS_BGP_LARGE_COMMUNITIES % 8;
	ctx.scrub[0] |= 0xe; /* ORIGIN, AS_PATH and NEXT_HOP stay whatever it says */
	vrs_bgp_update_decode(&ctx, body, size, &u);
	assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
	assert_int_equal(
		vrs_bgp_update_canonical(&u, VRS_BGP_CLASSIC, buf, sizeof(buf), &n, &info), 0);
	assert_false(vrs_bgp_attr_find(buf, n, VRS_BGP_LARGE_COMMUNITIES, &value));
	assert_true(vrs_bgp_attr_find(buf, n, VRS_BGP_COMMUNITIES, &value));
	assert_true(vrs_bgp_attr_find(buf, n, VRS_BGP_ORIGIN, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_malformed_update_gets_the_verdict_of_its_clause),
		cmocka_unit_test(lengths_beyond_the_message_reset),
		cmocka_unit_test(withdrawn_routes_are_checked_like_nlri),
		cmocka_unit_test(a_reset_quotes_the_erroneous_attribute),
		cmocka_unit_test(scrubbed_attributes_are_dropped_unseen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
