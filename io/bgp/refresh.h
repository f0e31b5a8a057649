/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * ROUTE-REFRESH (RFC 2918) and its markers (RFC 7313).
 */

#include "io/bgp/message.h"

enum vrs_bgp_refresh_subtype {
	VRS_BGP_REFRESH_REQUEST = 0,
	VRS_BGP_REFRESH_BORR = 1,
	VRS_BGP_REFRESH_EORR = 2,
};

struct vrs_bgp_refresh {
	uint16_t afi;
	uint8_t safi;
	uint8_t subtype; /**< Others than the three above are to be ignored (RFC 7313 section 5). */
};

/** @return ACCEPT with *out, or RESET with code 7 and the whole message as data. */
struct vrs_bgp_verdict vrs_bgp_refresh_decode(
	const struct vrs_bgp_message *message, struct vrs_bgp_refresh *out);

/** @return Bytes written: 23; 0 when they do not fit. */
size_t vrs_bgp_refresh_encode(const struct vrs_bgp_refresh *refresh, uint8_t *buf, size_t cap);
