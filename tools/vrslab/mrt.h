/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Reader of MRT files (RFC 6396, RFC 8050): TABLE_DUMP, TABLE_DUMP_V2, BGP4MP, BGP4MP_ET;
 * plain, gzip or bzip2 by their first bytes. And of message files: BGP messages one after the
 * other, with 4-byte AS numbers, of one peer that has no address (0.0.0.0) and no AS (0), at
 * time 0. A file is one when it begins with BGP's marker: no MRT type is 0xffff.
 *
 * It streams: memory is one record (at most 16 MiB). Records of other types, and of subtypes
 * that say nothing of unicast routes, are counted and passed over; so is a record whose body
 * makes no sense, as the next one's place is known. A file that ends inside a record gives
 * every whole record first. A message whose header makes no sense ends a message file: nothing
 * tells where the next one is.
 *
 * Threads: one per reader. Ownership: spans of an event are borrowed until the next call.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/bytes.h"
#include "rib/prefix.h"

/** Largest record that is read. */
#define VRS_MRT_MAX_RECORD ((size_t)16 << 20)

struct vrs_mrt_peer {
	struct vrs_addr addr;
	uint32_t asn;
};

enum vrs_mrt_kind {
	VRS_MRT_ROUTE,   /**< One RIB entry: prefix, attrs. */
	VRS_MRT_MESSAGE, /**< A BGP message: message. */
	VRS_MRT_STATE,   /**< A session changed state: old_state, new_state (RFC 4271, 1..6). */
};

struct vrs_mrt_event {
	enum vrs_mrt_kind kind;
	uint32_t time;         /**< 0 = none. */
	uint32_t microseconds; /**< Of BGP4MP_ET; `fine` says whether there are any. */
	bool fine;
	uint32_t peer; /**< Index in vrs_mrt_peers(). */
	bool as4;      /**< AS numbers in attrs or message are 4 bytes wide. */
	struct vrs_prefix prefix;
	struct vrs_span attrs;   /**< MP_REACH_NLRI may be abbreviated (RFC 6396, 4.3.4). */
	struct vrs_span message; /**< With its header, not checked. */
	uint16_t old_state, new_state;
};

struct vrs_mrt_stats {
	size_t n_records;       /**< Or messages. */
	size_t n_passed_over;   /**< Of types or subtypes that are not read. */
	size_t n_malformed;     /**< Whose body makes no sense. */
	uint64_t bad_offset;    /**< Of the first of those. */
	const char *bad_reason; /**< Static. */
};

struct vrs_mrt;

/** @return 0, or a negative errno: -ENOENT, ..., -ENOMEM. */
VRS_NODISCARD int vrs_mrt_open(const char *path, struct vrs_mrt **out);
void vrs_mrt_close(struct vrs_mrt *m);

/**
 * @return 1 with an event; 0 at the end; -EBADMSG when the file is cut short or is neither MRT
 *         nor messages, -EIO, -ENOMEM: then vrs_mrt_error() says what and where.
 */
VRS_NODISCARD int vrs_mrt_next(struct vrs_mrt *m, struct vrs_mrt_event *e);

/** @return "at offset 4711: ..."; offsets are those of the uncompressed bytes. */
const char *vrs_mrt_error(const struct vrs_mrt *m);

/** @return Where the record of the last event is. */
uint64_t vrs_mrt_offset(const struct vrs_mrt *m);

const struct vrs_mrt_stats *vrs_mrt_stats(const struct vrs_mrt *m);

/** @return Peers seen so far, in the order they were first seen; borrowed until the next call. */
const struct vrs_mrt_peer *vrs_mrt_peers(const struct vrs_mrt *m, size_t *n);
