/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * OPEN and its capabilities (RFC 4271 section 4.2, RFC 5492; extended optional parameters of
 * RFC 9072 in both directions).
 */

#include "io/bgp/message.h"

/** Capabilities we know, as bits of vrs_bgp_open.caps. */
enum vrs_bgp_cap {
	VRS_BGP_CAP_MULTIPROTOCOL = 1 << 0,    /**< Code 1, RFC 4760. */
	VRS_BGP_CAP_REFRESH = 1 << 1,          /**< Code 2, RFC 2918. */
	VRS_BGP_CAP_EXT_NEXT_HOP = 1 << 2,     /**< Code 5, RFC 8950. */
	VRS_BGP_CAP_EXT_MESSAGE = 1 << 3,      /**< Code 6, RFC 8654. */
	VRS_BGP_CAP_ROLE = 1 << 4,             /**< Code 9, RFC 9234. */
	VRS_BGP_CAP_GRACEFUL_RESTART = 1 << 5, /**< Code 64, RFC 4724. */
	VRS_BGP_CAP_AS4 = 1 << 6,              /**< Code 65, RFC 6793. */
	VRS_BGP_CAP_ENHANCED_REFRESH = 1 << 7, /**< Code 70, RFC 7313. */
};

/** Unicast families, as bits. */
enum vrs_bgp_family {
	VRS_BGP_IP4 = 1 << 0,
	VRS_BGP_IP6 = 1 << 1,
};

/** RFC 9234 section 4.1. */
enum vrs_bgp_role {
	VRS_BGP_ROLE_PROVIDER = 0,
	VRS_BGP_ROLE_RS = 1,
	VRS_BGP_ROLE_RS_CLIENT = 2,
	VRS_BGP_ROLE_CUSTOMER = 3,
	VRS_BGP_ROLE_PEER = 4,
};

#define VRS_BGP_AS_TRANS     23456u
#define VRS_BGP_SAFI_UNICAST 1

struct vrs_bgp_open {
	uint32_t asn; /**< 4-byte where the capability gave one. */
	uint32_t id;  /**< BGP Identifier, host order. */
	uint16_t hold;
	uint16_t caps;         /**< enum vrs_bgp_cap. */
	uint8_t families;      /**< Without the multiprotocol capability: VRS_BGP_IP4. */
	uint8_t ext_next_hop;  /**< Families that may have an IPv6 next hop: VRS_BGP_IP4 or 0. */
	uint8_t role;          /**< With VRS_BGP_CAP_ROLE. */
	uint8_t gr_flags;      /**< Graceful restart: R 0x8, N 0x4 (RFC 8538). */
	uint16_t gr_time;      /**< Seconds. */
	uint8_t gr_families;   /**< Families it can keep. */
	uint8_t gr_forwarding; /**< Of those, kept their forwarding state. */
	bool extended;         /**< Encode: use RFC 9072 even where 255 bytes are enough. */
};

/** @return ACCEPT with *out, or RESET with what the NOTIFICATION shall say. */
struct vrs_bgp_verdict vrs_bgp_open_decode(
	const uint8_t *body, size_t size, struct vrs_bgp_open *out);

/**
 * What the peer said against what we expect: its AS (2/2); on an internal session an
 * identifier that is not ours (RFC 6286; 2/3); with a role of our own the matching one of
 * RFC 9234 section 4.2 (2/11), which may be absent.
 */
struct vrs_bgp_verdict vrs_bgp_open_check(
	const struct vrs_bgp_open *ours, const struct vrs_bgp_open *theirs, uint32_t expect_asn);

/** @return Bytes written; 0 when they do not fit. */
size_t vrs_bgp_open_encode(const struct vrs_bgp_open *open, uint8_t *buf, size_t cap);
