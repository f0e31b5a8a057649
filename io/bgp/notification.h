/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * NOTIFICATION (RFC 4271 section 4.5): error codes with their names, and the shutdown text of
 * RFC 9003.
 */

#include "io/bgp/message.h"

enum vrs_bgp_error {
	VRS_BGP_ERR_HEADER = 1,
	VRS_BGP_ERR_OPEN = 2,
	VRS_BGP_ERR_UPDATE = 3,
	VRS_BGP_ERR_HOLD_TIMER = 4,
	VRS_BGP_ERR_FSM = 5,
	VRS_BGP_ERR_CEASE = 6,
	VRS_BGP_ERR_REFRESH = 7,         /**< RFC 7313. */
	VRS_BGP_ERR_SEND_HOLD_TIMER = 8, /**< RFC 9687. */
};

enum {
	VRS_BGP_HEADER_NOT_SYNCHRONIZED = 1,
	VRS_BGP_HEADER_BAD_LENGTH = 2,
	VRS_BGP_HEADER_BAD_TYPE = 3,
};

enum {
	VRS_BGP_OPEN_UNSPECIFIC = 0,
	VRS_BGP_OPEN_BAD_VERSION = 1,
	VRS_BGP_OPEN_BAD_PEER_AS = 2,
	VRS_BGP_OPEN_BAD_ID = 3,
	VRS_BGP_OPEN_BAD_PARAMETER = 4,
	VRS_BGP_OPEN_BAD_HOLD_TIME = 6,
	VRS_BGP_OPEN_NO_CAPABILITY = 7,  /**< RFC 5492. */
	VRS_BGP_OPEN_ROLE_MISMATCH = 11, /**< RFC 9234. */
};

enum {
	VRS_BGP_UPDATE_MALFORMED_LIST = 1,
	VRS_BGP_UPDATE_UNKNOWN_WELL_KNOWN = 2,
	VRS_BGP_UPDATE_MISSING_WELL_KNOWN = 3,
	VRS_BGP_UPDATE_FLAGS = 4,
	VRS_BGP_UPDATE_LENGTH = 5,
	VRS_BGP_UPDATE_ORIGIN = 6,
	VRS_BGP_UPDATE_NEXT_HOP = 8,
	VRS_BGP_UPDATE_OPTIONAL = 9,
	VRS_BGP_UPDATE_NETWORK = 10,
	VRS_BGP_UPDATE_AS_PATH = 11,
};

/** A message that the state does not allow (RFC 6608). */
enum {
	VRS_BGP_FSM_OPEN_SENT = 1,
	VRS_BGP_FSM_OPEN_CONFIRM = 2,
	VRS_BGP_FSM_ESTABLISHED = 3,
};

/** RFC 4486, 8538, 9384. */
enum vrs_bgp_cease {
	VRS_BGP_CEASE_MAX_PREFIXES = 1,
	VRS_BGP_CEASE_SHUTDOWN = 2,
	VRS_BGP_CEASE_DECONFIGURED = 3,
	VRS_BGP_CEASE_RESET = 4,
	VRS_BGP_CEASE_REJECTED = 5,
	VRS_BGP_CEASE_CONFIG_CHANGE = 6,
	VRS_BGP_CEASE_COLLISION = 7,
	VRS_BGP_CEASE_RESOURCES = 8,
	VRS_BGP_CEASE_HARD_RESET = 9,
	VRS_BGP_CEASE_BFD_DOWN = 10,
};

enum { VRS_BGP_REFRESH_BAD_LENGTH = 1 };

/** Room for the longest shutdown text and its NUL. */
#define VRS_BGP_SHUTDOWN_STRLEN 256

struct vrs_bgp_notification {
	uint8_t code, subcode;
	struct vrs_span data;               /**< Borrowed from the message. */
	char text[VRS_BGP_SHUTDOWN_STRLEN]; /**< RFC 9003 text, control characters as '?'; or "". */
};

/** Decode a NOTIFICATION body. @return 0, or -EBADMSG when it is shorter than two bytes. */
VRS_NODISCARD int vrs_bgp_notification_decode(
	const uint8_t *body, size_t size, struct vrs_bgp_notification *out);

/** @return Bytes written; data that does not fit is cut (RFC 8654 section 5); 0 if @p cap is
 *          below 21. */
size_t vrs_bgp_notification_encode(
	uint8_t code, uint8_t subcode, struct vrs_span data, uint8_t *buf, size_t cap);

/**
 * A Cease with the text of RFC 9003 for subcodes 2 and 4; others carry none. NULL or "" sends
 * no text; a longer one is cut after the last whole character within 255 bytes; one that is
 * not UTF-8 is left out.
 *
 * @return Bytes written; 0 when they do not fit.
 */
size_t vrs_bgp_cease_encode(enum vrs_bgp_cease subcode, const char *text, uint8_t *buf, size_t cap);

/** @return Name of an error code, e.g. "Cease"; "Unknown". */
const char *vrs_bgp_error_str(unsigned code);

/** @return Name of a subcode, e.g. "Administrative Shutdown"; "" for 0 and unknown ones. */
const char *vrs_bgp_suberror_str(unsigned code, unsigned subcode);
