/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * BGP messages: framing (RFC 4271 section 4.1, RFC 8654), and the verdict that every decoder
 * of io/bgp returns.
 *
 * **Threads.** All of io/bgp is pure: no state, no allocation, any thread. **Ownership.**
 * Whatever a decoder hands out is borrowed from the bytes it was given.
 */

#include <stddef.h>
#include <stdint.h>

#include "rib/base/bytes.h"
#include "rib/base/macro.h"

enum vrs_bgp_type {
	VRS_BGP_OPEN = 1,
	VRS_BGP_UPDATE = 2,
	VRS_BGP_NOTIFICATION = 3,
	VRS_BGP_KEEPALIVE = 4,
	VRS_BGP_REFRESH = 5, /**< RFC 2918. */
	VRS_BGP_N_TYPES = 6, /**< Room for counters indexed by type. */
};

#define VRS_BGP_HEADER_SIZE       19u
#define VRS_BGP_MAX_SIZE          4096u
/** With the extended message capability (RFC 8654); never for OPEN and KEEPALIVE. */
#define VRS_BGP_MAX_SIZE_EXTENDED 65535u

/** What a peer's error asks for (RFC 7606 section 2), weakest first. */
enum vrs_bgp_action {
	VRS_BGP_ACCEPT,
	VRS_BGP_ATTR_DISCARD,
	VRS_BGP_TREAT_AS_WITHDRAW,
	VRS_BGP_RESET,
};

/**
 * What a decoder thinks of some bytes. Of several errors the strongest action stands, and the
 * first one that asked for it. All but action is for the log and, with RESET, for the
 * NOTIFICATION.
 */
struct vrs_bgp_verdict {
	enum vrs_bgp_action action;
	uint8_t code, subcode; /**< enum vrs_bgp_error and its subcode. */
	uint8_t attr_code;     /**< Attribute at fault, 0 = none. */
	uint16_t offset;       /**< Where, from the start of the body. */
	struct vrs_span data;  /**< For the NOTIFICATION; in the message or static. */
	const char *reason;    /**< Static; NULL when accepted. */
};

/** A verdict of RESET without data. */
static inline struct vrs_bgp_verdict vrs_bgp_reset(
	uint8_t code, uint8_t subcode, const char *reason)
{
	return (struct vrs_bgp_verdict){
		.action = VRS_BGP_RESET, .code = code, .subcode = subcode, .reason = reason};
}

/** One whole message; borrowed. */
struct vrs_bgp_message {
	uint8_t type;
	struct vrs_span raw;  /**< With its header. */
	struct vrs_span body; /**< Without. */
};

enum vrs_bgp_frame {
	VRS_BGP_FRAME_MORE,    /**< Not whole yet. */
	VRS_BGP_FRAME_MESSAGE, /**< *out is written. */
	VRS_BGP_FRAME_ERROR,   /**< *verdict is RESET (RFC 4271 section 6.1). */
};

/**
 * Find the message at the start of @p data.
 *
 * @param max  Largest message we may be sent: 4096, or 65535 when we advertised RFC 8654.
 */
enum vrs_bgp_frame vrs_bgp_message_frame(const uint8_t *data, size_t size, size_t max,
	struct vrs_bgp_message *out, struct vrs_bgp_verdict *verdict);

/** Start a message: writes its header, the length still open. */
void vrs_bgp_message_begin(struct vrs_writer *w, enum vrs_bgp_type type);

/** Fill in the length of the message that starts at the writer's start.
 *  @return Its size; 0 when it did not fit. */
size_t vrs_bgp_message_end(struct vrs_writer *w);

/** @return Bytes written to @p buf: 19; 0 when they do not fit. */
size_t vrs_bgp_keepalive_encode(uint8_t *buf, size_t cap);

/** @return "OPEN", "UPDATE", ...; "unknown". */
const char *vrs_bgp_type_str(unsigned type);
