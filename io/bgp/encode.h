/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * UPDATE, outward: canonical attributes rendered once per {attribute set, export context,
 * family}, then prefixes packed behind them into messages as large as the peer takes.
 *
 *     vrs_bgp_encode_attrs(&ctx, canonical, size, afi, buf, sizeof(buf), &block);
 *     vrs_bgp_pack_begin(&p, out, max, &block);
 *     while (... vrs_bgp_pack_add(&p, &prefix)) ...
 *     size = vrs_bgp_pack_end(&p);
 *
 * IPv4 with an IPv4 next hop, and IPv4 withdrawals, use the classic fields; all else
 * MP_REACH_NLRI or MP_UNREACH_NLRI, as the first attribute (RFC 7606 section 5.1). A message
 * announces or withdraws one family, never both.
 */

#include "io/bgp/update.h"

/** What a peer is told depends on this, beside the attributes. */
struct vrs_bgp_export {
	bool ibgp; /**< Internal: LOCAL_PREF always, MED kept, reflection attributes kept. */
	bool as4;  /**< The peer has 4-byte AS numbers. */
	uint32_t prepend_as;      /**< Put in front of AS_PATH once; 0 = none. */
	uint32_t originator_id;   /**< iBGP to iBGP (RFC 4456): ORIGINATOR_ID where absent; 0 = no
				   *   reflection, nor CLUSTER_LIST. */
	uint32_t cluster_id;      /**< Put in front of CLUSTER_LIST when reflecting. */
	uint32_t otc_as;          /**< ONLY_TO_CUSTOMER where absent (RFC 9234); 0 = none. */
	struct vrs_addr next_hop; /**< Instead of the learned one; VRS_AFI_NONE = unchanged. */
};

/** Rendered attributes; borrows the buffer they were rendered into. */
struct vrs_bgp_attr_block {
	uint8_t afi;
	bool mp;               /**< Prefixes go into MP_REACH_NLRI. */
	uint8_t next_hop_size; /**< With mp: 4, 16 or 32. */
	uint8_t next_hop[32];
	struct vrs_span attrs; /**< Without MP_REACH_NLRI. */
};

/**
 * Render canonical attributes for prefixes of @p afi.
 *
 * @param canonical   As rib/attrs.h defines them.
 * @param[out] block  Borrows @p buf.
 * @return            0; -EMSGSIZE when they do not fit @p cap: then the peer cannot be told,
 *                    and the routes count as withdrawn to it (RFC 8654 section 4); -EINVAL
 *                    without a usable next hop (an IPv6 prefix with an IPv4 one).
 */
VRS_NODISCARD int vrs_bgp_encode_attrs(const struct vrs_bgp_export *ctx, const uint8_t *canonical,
	size_t size, enum vrs_afi afi, uint8_t *buf, size_t cap, struct vrs_bgp_attr_block *block);

/** A message in the making. */
struct vrs_bgp_pack {
	struct vrs_writer w;
	const struct vrs_bgp_attr_block *block; /* NULL: withdrawals */
	uint8_t afi;
	bool mp;
	size_t limit;    /* Size the message may have before what pack_end() appends. */
	size_t attrs_at; /* Of the path attribute length. */
	size_t mp_at;    /* Of the MP attribute. */
	uint32_t n;      /* Prefixes in it. */
};

/**
 * Begin a message that announces.
 *
 * @param cap    Room in @p buf, at most what the peer takes: 4096 or 65535.
 * @param block  Borrowed until pack_end().
 * @return       Whether it can hold a prefix of any length.
 */
VRS_NODISCARD bool vrs_bgp_pack_begin(
	struct vrs_bgp_pack *p, uint8_t *buf, size_t cap, const struct vrs_bgp_attr_block *block);

/** Begin a message that withdraws prefixes of @p afi; @p cap at least 64. */
void vrs_bgp_pack_begin_withdraw(
	struct vrs_bgp_pack *p, uint8_t *buf, size_t cap, enum vrs_afi afi);

/** Add a prefix of the message's family. @return false when it is full: not added; end it, and
 *  begin the next with this prefix. */
bool vrs_bgp_pack_add(struct vrs_bgp_pack *p, const struct vrs_prefix *prefix);

/** Finish it. @return Its size; 0 without a prefix in it. */
size_t vrs_bgp_pack_end(struct vrs_bgp_pack *p);

/** End-of-RIB (RFC 4724). @return Bytes written: 23 or 29; 0 when they do not fit. */
size_t vrs_bgp_eor_encode(enum vrs_afi afi, uint8_t *buf, size_t cap);

/**
 * Canonical bytes of a route of our own: origin IGP, an empty AS path, @p next_hop.
 *
 * @return Bytes written: at most 64; 0 when they do not fit.
 */
size_t vrs_bgp_local_attrs(
	const struct vrs_addr *next_hop, uint8_t *buf, size_t cap, struct vrs_attrs_info *info);
