/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Encoded messages, ready to be sent: made once before connecting, shared by every session
 * that sends the same, so that what limits a feed is its receiver.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/bgp/encode.h"
#include "rib/prefix.h"
#include "tools/vrslab/routes.h"

/** Whole BGP messages, one after the other. */
struct vrs_stream {
	uint8_t *bytes;
	size_t size, cap;
	size_t n_prefixes, n_messages;
	size_t n_refused; /* Prefixes whose attributes fit no message. */
};

/** How routes leave us. */
struct vrs_stream_policy {
	uint32_t asn;             /**< Put in front of the AS path, unless ibgp; 0 = none. */
	unsigned prepend;         /**< So many times more. */
	bool as4;                 /**< The peer has 4-byte AS numbers. */
	bool ibgp;                /**< LOCAL_PREF goes along, our AS does not. */
	struct vrs_addr next_hop; /**< Ourselves; VRS_AFI_NONE = as it is. */
};

void vrs_stream_fini(struct vrs_stream *s);

/** Append one message. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_stream_append(struct vrs_stream *s, const uint8_t *message, size_t size);

/**
 * Append announcements of every route of family @p afi, set by set in the order of the sets,
 * then End-of-RIB. LOCAL_PREF (but for ibgp), ORIGINATOR_ID and CLUSTER_LIST stay here, MED
 * goes along.
 *
 * @return 0, -ENOMEM, or -EINVAL when the policy's next hop cannot carry that family.
 */
VRS_NODISCARD int vrs_stream_announce(struct vrs_stream *s, const struct vrs_routes *routes,
	enum vrs_afi afi, const struct vrs_stream_policy *policy);

/** Append withdrawals of the same routes. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_stream_withdraw(
	struct vrs_stream *s, const struct vrs_routes *routes, enum vrs_afi afi);

/**
 * Append one UPDATE that announces as many of @p n prefixes (at least one, of one family) as it
 * holds, with @p set (as vrs_routes_set() gives it).
 *
 * @return How many; -ENOMEM, -EMSGSIZE when the attributes fit no message, -EINVAL as above.
 */
VRS_NODISCARD ssize_t vrs_stream_announce_some(struct vrs_stream *s,
	const struct vrs_prefix *prefixes, size_t n, struct vrs_span set,
	const struct vrs_stream_policy *policy);

/** Append one UPDATE that withdraws as many of @p n prefixes (at least one, of one family) as it
 *  holds. @return How many, or -ENOMEM. */
VRS_NODISCARD ssize_t vrs_stream_withdraw_some(
	struct vrs_stream *s, const struct vrs_prefix *prefixes, size_t n);

/**
 * Attributes as the policy's peer gets them with prefixes of @p afi; @p block borrows @p buf.
 *
 * @return 0; -EMSGSIZE when they do not fit @p cap, or no message; -EINVAL as above.
 */
VRS_NODISCARD int vrs_stream_attrs(struct vrs_span set, enum vrs_afi afi,
	const struct vrs_stream_policy *policy, uint8_t *buf, size_t cap,
	struct vrs_bgp_attr_block *block);

/**
 * Canonical attributes with an AS number @p times more in front of the path.
 *
 * @return Bytes written to @p out; 0 = there was no room.
 */
size_t vrs_stream_prepend(
	struct vrs_span set, uint32_t asn, unsigned times, uint8_t *out, size_t cap);

/** @return Where a run of whole messages from @p at on ends, at most @p max bytes further but
 *          at least one message; @p at itself at the end. */
size_t vrs_stream_run(const struct vrs_stream *s, size_t at, size_t max);
