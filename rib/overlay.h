/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/prefix.h"

/**
 * @file
 * What a class of NICs does with every address before BGP is asked: its system and user
 * routes, pushed down into disjoint intervals.
 *
 * A class has few routes (tens to hundreds) and BGP has a million prefixes, so the two are not
 * merged: a look-up finds the interval here and the longest match in the snapshot, and the
 * interval says how long a BGP prefix must be to win (0xff: none can, where a network's own,
 * a peered network's or a service endpoint's prefix covers the address, or where propagation
 * is off).
 *
 * An overlay is immutable once built. Threads: any may read it; whoever replaces it retires
 * the old one through RCU.
 */

enum vrs_route_source {
	VRS_SOURCE_DEFAULT,
	VRS_SOURCE_BGP, /**< "VirtualNetworkGateway"; never in an overlay. */
	VRS_SOURCE_USER,
};

/** One system or user route of a class. */
struct vrs_overlay_route {
	struct vrs_prefix prefix;
	struct vrs_addr next_hop; /**< afi 0 = none. */
	uint8_t source;           /**< VRS_SOURCE_DEFAULT or VRS_SOURCE_USER. */
	uint8_t type;             /**< The next hop's type; meaning is the engine's. */
	bool pinned;              /**< BGP routes equal to or inside it are suppressed. */
	bool endpoint;            /**< Service endpoint: wins over longer and user routes too. */
	uint32_t tag;             /**< The engine's (position in the configuration). */
};

#define VRS_OVERLAY_NO_ROUTE UINT32_MAX
#define VRS_OVERLAY_NO_BGP   0xff

struct vrs_overlay;

/**
 * @param routes  Copied, and sorted by prefix, then user before default.
 * @param bgp     Whether BGP routes reach this class (propagation).
 * @return        The overlay, owned; NULL if out of memory.
 */
struct vrs_overlay *vrs_overlay_new(const struct vrs_overlay_route *routes, size_t n, bool bgp)
	VRS_NODISCARD;

/** NULL is ignored. */
void vrs_overlay_free(struct vrs_overlay *o);

/** What an address meets. */
struct vrs_overlay_hit {
	uint32_t route;      /**< Index of the winner here; VRS_OVERLAY_NO_ROUTE = none. */
	uint8_t bgp_min_len; /**< Shortest BGP prefix that beats it; VRS_OVERLAY_NO_BGP = none. */
};

struct vrs_overlay_hit vrs_overlay_match(const struct vrs_overlay *o, const struct vrs_addr *addr);

/** As vrs_overlay_match() of @p n addresses of either family. */
void vrs_overlay_match_bulk(const struct vrs_overlay *o, const struct vrs_addr *addrs, size_t n,
	struct vrs_overlay_hit *hits);

/** As vrs_overlay_match() of each address in an overlay of its own, misses overlapped. @param n
 *  VRS_OVERLAY_BURST at most. */
#define VRS_OVERLAY_BURST 32
void vrs_overlay_match_many(const struct vrs_overlay *const *os, const struct vrs_addr *addrs,
	unsigned n, struct vrs_overlay_hit *hits);

/** The routes as sorted; *n of them. Borrowed. */
const struct vrs_overlay_route *vrs_overlay_routes(const struct vrs_overlay *o, size_t *n);

/** The shortest pinned route that covers @p p (a BGP prefix there is suppressed), or NULL. */
const struct vrs_overlay_route *vrs_overlay_pin_of(
	const struct vrs_overlay *o, const struct vrs_prefix *p);

/** The user route on exactly @p p (a BGP prefix there is Invalid), or NULL. */
const struct vrs_overlay_route *vrs_overlay_user_at(
	const struct vrs_overlay *o, const struct vrs_prefix *p);

/** The shortest service endpoint that covers @p p, other than a route on @p p that is itself
 *  one; NULL when there is none. */
const struct vrs_overlay_route *vrs_overlay_endpoint_of(
	const struct vrs_overlay *o, const struct vrs_prefix *p);

/** Whether a BGP route on @p p does not reach this class: pinned, a user's, or no propagation. */
bool vrs_overlay_hides(const struct vrs_overlay *o, const struct vrs_prefix *p);

/**
 * What the class does without BGP with addresses in @p p that no longer route of it covers, where
 * it has a route on exactly @p p: that route, or a service endpoint that covers it; else NULL. So
 * these routes alone, longest prefix first, answer as vrs_overlay_match() does.
 */
const struct vrs_overlay_route *vrs_overlay_winner_at(
	const struct vrs_overlay *o, const struct vrs_prefix *p);

/** Whether both do the same with every address, whatever BGP says. */
bool vrs_overlay_equal(const struct vrs_overlay *a, const struct vrs_overlay *b);

bool vrs_overlay_bgp(const struct vrs_overlay *o);

/** @return Bytes that @p o takes. */
size_t vrs_overlay_size(const struct vrs_overlay *o);
