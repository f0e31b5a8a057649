/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What a NIC does with an address, and its whole table: the class's overlay and the RIB's
 * snapshot, joined at look-up (DESIGN section 4 is in docs/architecture.md).
 *
 * **Threads.** Any registered thread, inside a read section; everything returned is borrowed
 * until it ends. Never blocks the writers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/model.h"
#include "rib/base/thread.h"
#include "rib/group.h"
#include "rib/overlay.h"
#include "rib/snapshot.h"

/** "Default", "VirtualNetworkGateway", "User". */
const char *vrs_route_source_str(enum vrs_route_source source);

enum vrs_route_state {
	VRS_ROUTE_ACTIVE,
	VRS_ROUTE_INVALID,
	VRS_ROUTE_SUPPRESSED,
};

/** "Active", "Invalid", "Suppressed". */
const char *vrs_route_state_str(enum vrs_route_state state);

/** One route of a NIC, whatever its source. */
struct vrs_effective_route {
	enum vrs_route_source source;
	enum vrs_route_state state;
	enum vrs_next_hop_type type;
	struct vrs_prefix prefix;
	const struct vrs_addr *next_hops; /**< n_next_hops of them; NULL when there is none. */
	size_t n_next_hops;
	const struct vrs_hop_rule *only; /**< Of them those that it allows; NULL: all. */
	struct vrs_prefix by;    /**< What suppressed it or made it invalid; afi 0 = nothing. */
	const char *route_table; /**< User routes: the table's name. */
};

/** Whether next hop @p i may be used: all may, but for a moment after some were taken away. */
static inline bool vrs_effective_hop(const struct vrs_effective_route *r, size_t i)
{
	return r->only == NULL || vrs_hop_rule_allows(r->only, &r->next_hops[i]);
}

/** A class with everything a look-up needs, taken once per read section. */
struct vrs_effective_view {
	const struct vrs_class *class;
	const struct vrs_version *version; /**< NULL: no route server. */
	const struct vrs_group_store *groups;
};

/** The view of a NIC on the current version. */
struct vrs_effective_view vrs_effective_view(const struct vrs_model *m, size_t nic) VRS_RCU_READER;

/**
 * Where a packet to @p addr goes. @return false when no route covers it.
 */
bool vrs_effective_match(const struct vrs_effective_view *v, const struct vrs_addr *addr,
	struct vrs_effective_route *out) VRS_RCU_READER;

/** @return 0 to go on, anything else to stop. */
typedef int (*vrs_effective_fn)(void *ctx, const struct vrs_effective_route *route);

/** A listing in progress; see vrs_effective_list(). Zero it, then set the first three. */
struct vrs_effective_cursor {
	bool all;  /**< Suppressed BGP routes too. */
	bool only; /**< Only routes on exactly `prefix`. */
	struct vrs_prefix prefix;
	unsigned phase;         /* Default, BGP IPv4, BGP IPv6, User. */
	size_t index;           /* In the overlay. */
	struct vrs_prefix last; /* BGP: continue after this one; afi 0 = from the start. */
};

/**
 * List a NIC's routes: Default, VirtualNetworkGateway, User; inside by address and length.
 *
 * @param v    The version must be the same pinned one for the whole listing.
 * @param max  Routes to look at in this call, so that a read section stays short.
 * @return     1: more is to come, 0: done, else what @p fn returned.
 */
int vrs_effective_list(const struct vrs_effective_view *v, struct vrs_effective_cursor *cursor,
	unsigned max, vrs_effective_fn fn, void *ctx) VRS_RCU_READER;

/** Why a candidate does or does not carry an address. */
enum vrs_outcome {
	VRS_OUTCOME_ACTIVE,
	VRS_OUTCOME_INVALID,
	VRS_OUTCOME_SHORTER,
	VRS_OUTCOME_SUPPRESSED,
};

/** "active", ... */
const char *vrs_outcome_str(enum vrs_outcome outcome);

/** @param reason  Static text: the rule. @param by  The route that decided; NULL for the active one. */
typedef void (*vrs_explain_fn)(void *ctx, const struct vrs_effective_route *candidate,
	enum vrs_outcome outcome, const char *reason, const struct vrs_prefix *by);

/** Every route that covers @p addr, with its fate; the active one first. */
void vrs_effective_explain(const struct vrs_effective_view *v, const struct vrs_addr *addr,
	vrs_explain_fn fn, void *ctx) VRS_RCU_READER;
