/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Path attributes as one table of rows: expected flags, the sessions an attribute belongs to,
 * its sizes, the verdict for each way to be wrong (RFC 7606 section 7 and the RFC that defines
 * it), a validity check and a text form. A new attribute is a new row.
 */

#include "io/bgp/message.h"

enum vrs_bgp_attr_code {
	VRS_BGP_ORIGIN = 1,
	VRS_BGP_AS_PATH = 2,
	VRS_BGP_NEXT_HOP = 3,
	VRS_BGP_MED = 4,
	VRS_BGP_LOCAL_PREF = 5,
	VRS_BGP_ATOMIC_AGGREGATE = 6,
	VRS_BGP_AGGREGATOR = 7,
	VRS_BGP_COMMUNITIES = 8,
	VRS_BGP_ORIGINATOR_ID = 9,
	VRS_BGP_CLUSTER_LIST = 10,
	VRS_BGP_MP_REACH = 14,
	VRS_BGP_MP_UNREACH = 15,
	VRS_BGP_EXT_COMMUNITIES = 16,
	VRS_BGP_AS4_PATH = 17,
	VRS_BGP_AS4_AGGREGATOR = 18,
	VRS_BGP_PMSI_TUNNEL = 22,
	VRS_BGP_TUNNEL_ENCAP = 23,
	VRS_BGP_IP6_EXT_COMMUNITIES = 25,
	VRS_BGP_AIGP = 26,
	VRS_BGP_ENTROPY_LABEL = 28,
	VRS_BGP_LS = 29,
	VRS_BGP_LARGE_COMMUNITIES = 32,
	VRS_BGP_OTC = 35,
	VRS_BGP_PREFIX_SID = 40,
	VRS_BGP_ATTR_SET = 128,
};

enum {
	VRS_BGP_FLAG_OPTIONAL = 0x80,
	VRS_BGP_FLAG_TRANSITIVE = 0x40,
	VRS_BGP_FLAG_PARTIAL = 0x20,
	VRS_BGP_FLAG_EXTENDED = 0x10,
};

/** What the bytes of a session mean: the decode context. */
struct vrs_bgp_decode_ctx {
	bool as4;             /**< Both sides have 4-byte AS numbers (RFC 6793). */
	bool ibgp;            /**< The peer is in our AS. */
	uint8_t families;     /**< Negotiated, enum vrs_bgp_family; others are ignored. */
	uint8_t ext_next_hop; /**< Families with IPv6 next hops allowed (RFC 8950). */
	uint32_t peer_as;
	uint8_t scrub[32]; /**< Bit per attribute code to drop on receipt; not for 1-3, 14, 15. */
};

/** Sessions on which an attribute means something. */
enum {
	VRS_BGP_ON_EBGP = 1 << 0,
	VRS_BGP_ON_IBGP = 1 << 1,
	VRS_BGP_ON_AS2 = 1 << 2,
	VRS_BGP_ON_AS4 = 1 << 3,
	VRS_BGP_ON_ALL = 0xf,
};

struct vrs_bgp_attr_row {
	const char *name; /**< NULL: an unknown code. */
	uint8_t flags;    /**< Optional and transitive bits as they must be. */
	uint8_t sessions; /**< VRS_BGP_ON_*; elsewhere: on_session. */
	uint8_t on_flags, on_length, on_value, on_session; /**< enum vrs_bgp_action. */
	uint8_t subcode;                                   /**< For a wrong value. */
	bool opaque;             /**< Known by name only: handled as unrecognised. */
	bool drop;               /**< Checked, then not kept (non-transitive and of no use here). */
	uint16_t min, max, unit; /**< Size: min..max and a multiple of unit. */
	/** Whether a value of a right size is right. NULL: any is. */
	bool (*valid)(const struct vrs_bgp_decode_ctx *ctx, struct vrs_span value);
	/** Text of a canonical value. */
	void (*text)(struct vrs_span value, char *out, size_t size);
};

/** @return The row of @p code; its name is NULL where the code is unknown. Static. */
const struct vrs_bgp_attr_row *vrs_bgp_attr_row(uint8_t code);

/** One attribute as it stands in a message or in canonical bytes. */
struct vrs_bgp_attr {
	uint8_t flags;
	uint8_t code;
	struct vrs_span value;
	struct vrs_span raw; /**< With its header; what is left of it where it is cut short. */
};

/** Read the next attribute. @return false at the end, or, with the reader failed, when it is
 *  cut short: then flags and code are those read, or 0. */
bool vrs_bgp_attr_next(struct vrs_reader *r, struct vrs_bgp_attr *a);

/** Find one in canonical bytes. @return Whether it is there; *value is borrowed. */
bool vrs_bgp_attr_find(
	const uint8_t *bytes, size_t size, enum vrs_bgp_attr_code code, struct vrs_span *value);

/** Append a whole attribute, extended length exactly when the value is over 255 bytes. */
void vrs_bgp_attr_write(struct vrs_writer *w, uint8_t flags, uint8_t code, struct vrs_span value);

/** Begin an attribute whose size is not known yet. @return Where, for vrs_bgp_attr_close(). */
size_t vrs_bgp_attr_open(struct vrs_writer *w, uint8_t flags, uint8_t code);

/** End it: what was written since is its value. */
void vrs_bgp_attr_close(struct vrs_writer *w, size_t at);

/** Text of a canonical value, e.g. "IGP", "65001 65010"; hexadecimal for unknown codes; cut to
 *  fit. @return @p out. */
const char *vrs_bgp_attr_str(uint8_t code, struct vrs_span value, char *out, size_t size);

/** Whether @p path is well formed with AS numbers of @p width bytes: known segments, none
 *  empty, no AS 0 (RFC 7607); @p confed: confederation segments pass (RFC 6793 section 6). */
bool vrs_bgp_as_path_valid(struct vrs_span path, unsigned width, bool confed);

/** Whether a next hop of 4, 16 or 32 bytes is an address a host can have. */
bool vrs_bgp_next_hop_valid(struct vrs_span next_hop);
