/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * UPDATE (RFC 4271 section 4.3, RFC 4760), inward: one pass over the bytes gives the verdict
 * of RFC 7606, the NLRI fields checked so that a walk with vrs_prefix_read() cannot fail, and
 * where each attribute stands. From that, the canonical bytes of rib/attrs.h.
 *
 * **Cost.** No allocation, no copy but the canonical bytes. struct vrs_bgp_update is about 3
 * KiB and need not be cleared: keep one per session or on the stack. **Ownership.** It borrows
 * from the message, and from the context it was decoded with.
 */

#include "io/bgp/attr.h"
#include "rib/attrs.h"
#include "rib/prefix.h"

/** Prefixes of one field, checked. */
struct vrs_bgp_nlri {
	uint8_t afi; /**< enum vrs_afi. */
	uint32_t n;  /**< Prefixes. */
	struct vrs_span span;
};

/** Where an attribute stands. */
struct vrs_bgp_attr_slot {
	uint8_t flags;
	uint8_t code;
	uint16_t size;
	const uint8_t *value;
};

struct vrs_bgp_update {
	struct vrs_bgp_verdict verdict;

	/* The four fields; n is 0 where there is none, or where its family is not negotiated.
	 * With RESET, none of them may be used. */
	struct vrs_bgp_nlri withdrawn;  /**< Withdrawn Routes, IPv4. */
	struct vrs_bgp_nlri mp_unreach; /**< MP_UNREACH_NLRI. */
	struct vrs_bgp_nlri announced;  /**< NLRI, IPv4: attributes VRS_BGP_CLASSIC. */
	struct vrs_bgp_nlri mp_reach;   /**< MP_REACH_NLRI: attributes VRS_BGP_MP. */

	/** Treat as withdraw: announced and mp_reach hold what is to be withdrawn. */
	bool announce_is_withdraw;
	/** ONLY_TO_CUSTOMER is there (RFC 9234). */
	bool has_otc;
	/** End-of-RIB (RFC 4724 section 2) of this family; VRS_AFI_NONE = not one. */
	uint8_t eor;
	uint16_t n_discarded;        /**< Attributes dropped for an error. */
	struct vrs_span mp_next_hop; /**< 4, 16 or 32 bytes. */

	const struct vrs_bgp_decode_ctx *ctx;
	struct vrs_span as4_path, as4_aggregator; /* From 2-byte peers; size 0 = none. */
	uint16_t n_attrs;
	struct vrs_bgp_attr_slot attrs[256]; /* Kept ones but MP and AS4, by code. */
};

/** Which field's attributes. */
enum vrs_bgp_which {
	VRS_BGP_CLASSIC, /**< For announced: next hop of NEXT_HOP. */
	VRS_BGP_MP,      /**< For mp_reach: its own next hop. */
};

/**
 * Decode an UPDATE body.
 *
 * @param ctx  Borrowed until @p out is last used.
 * @param out  Written whole; out->verdict is what to do.
 */
void vrs_bgp_update_decode(const struct vrs_bgp_decode_ctx *ctx, const uint8_t *body, size_t size,
	struct vrs_bgp_update *out);

/**
 * Decode bare path attributes, as MRT files hold them: no NLRI is expected, so an error is
 * never a reset for want of it, and missing attributes are the caller's business. MP_REACH
 * gives the next hop (also in the abbreviated form of RFC 6396 section 4.3.4: length and
 * address only).
 */
void vrs_bgp_update_decode_attrs(const struct vrs_bgp_decode_ctx *ctx, const uint8_t *attrs,
	size_t size, struct vrs_bgp_update *out);

/** Room that canonical bytes may need. */
#define VRS_BGP_CANONICAL_MAX 65535u

/**
 * Write the canonical attribute bytes of rib/attrs.h, and decode the facts beside them.
 *
 * @param u          Decoded, verdict below TREAT_AS_WITHDRAW.
 * @param[out] size  Bytes written.
 * @param[out] info  Of the same bytes.
 * @return           0; -EMSGSIZE when they do not fit @p cap (2-byte AS numbers grow).
 */
VRS_NODISCARD int vrs_bgp_update_canonical(const struct vrs_bgp_update *u, enum vrs_bgp_which which,
	uint8_t *buf, size_t cap, size_t *size, struct vrs_attrs_info *info);

/** Decode the facts from canonical bytes. */
void vrs_bgp_attrs_info(const uint8_t *canonical, size_t size, struct vrs_attrs_info *info);
