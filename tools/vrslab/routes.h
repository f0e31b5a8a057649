/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A table to be announced: prefixes and the attribute sets they share.
 *
 * Filled by the synthetic generator (append only) or by an MRT file (keyed by prefix: the last
 * word about a prefix stands), then read by stream.c. Sets are canonical bytes as rib/attrs.h
 * defines them, without our own AS in front.
 *
 * Threads: one at a time. Cost: 24 bytes a route, 4 to 8 more when keyed, and the sets' bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/bytes.h"
#include "rib/prefix.h"

/** Set of a route that was withdrawn again. */
#define VRS_ROUTES_NO_SET UINT32_MAX

struct vrs_route {
	struct vrs_prefix prefix;
	uint32_t set;
};

struct vrs_routes_set {
	size_t at;
	uint32_t size;
};

struct vrs_routes {
	struct vrs_route *list;
	size_t n, cap;
	size_t n_live; /* Routes with a set. */

	struct vrs_routes_set *sets;
	size_t n_sets, cap_sets;
	uint8_t *bytes;
	size_t n_bytes, cap_bytes;

	/* Open addressing, index + 1; only with intern() and put(). */
	uint32_t *set_slots, *route_slots;
	size_t n_set_slots, n_route_slots; /* Powers of two. */
};

/** Zeroed storage is an empty table. Releases it to that state. */
void vrs_routes_fini(struct vrs_routes *r);

/** Append a set without looking for an equal one. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_routes_add_set(
	struct vrs_routes *r, const uint8_t *bytes, size_t size, uint32_t *set);

/** Find or append a set. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_routes_intern(
	struct vrs_routes *r, const uint8_t *bytes, size_t size, uint32_t *set);

/** Append a route that is known to be new. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_routes_add(
	struct vrs_routes *r, const struct vrs_prefix *prefix, uint32_t set);

/** Insert or replace by prefix; VRS_ROUTES_NO_SET withdraws. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_routes_put(
	struct vrs_routes *r, const struct vrs_prefix *prefix, uint32_t set);

/** Withdraw every route. */
void vrs_routes_clear(struct vrs_routes *r);

/** @return The set's bytes, borrowed until the next set is added. */
static inline struct vrs_span vrs_routes_set(const struct vrs_routes *r, uint32_t set)
{
	assert(r->sets != NULL && set < r->n_sets);
	return (struct vrs_span){r->bytes + r->sets[set].at, r->sets[set].size};
}
