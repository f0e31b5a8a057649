/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/attrs.h"
#include "rib/prefix.h"

/**
 * @file
 * The decision process as one table of named steps (RFC 4271 section 9.1.2.2, RFC 4456).
 *
 * The first six steps are packed in one 64-bit key, bigger wins; paths with the highest key
 * are the ECMP set, and all their next hops are programmed. The other steps choose one path
 * of the set, for export. MED is compared within one neighbour AS only, so it is not a total
 * order, is not in the key and never changes the ECMP set.
 *
 * Pure functions of their arguments; any thread.
 */

/** Why a path is not usable; it stays in Adj-RIB-In. The order is of no meaning. */
enum vrs_path_reason {
	VRS_PATH_USABLE = 0,
	VRS_PATH_OWN_AS,
	VRS_PATH_FIRST_AS,
	VRS_PATH_NEXT_HOP,
	VRS_PATH_MARTIAN,
	VRS_PATH_LIMIT,        /**< Over maxPrefixes, or a path or community list too long. */
	VRS_PATH_OTC,          /**< A route leak by ONLY_TO_CUSTOMER (RFC 9234 section 5). */
	VRS_PATH_CLUSTER_LIST, /**< Reflected by us already (RFC 4456 section 8). */
};

/** "own-as", ...; NULL for a usable path. */
const char *vrs_path_reason_str(enum vrs_path_reason reason);

enum vrs_peer_class {
	VRS_CLASS_NVA,
	VRS_CLASS_VPN,
	VRS_CLASS_EXPRESSROUTE,
};

/** Which class of gateway goes first (hubRoutingPreference). */
enum vrs_preference {
	VRS_PREFERENCE_EXPRESSROUTE,
	VRS_PREFERENCE_VPN,
	VRS_PREFERENCE_NONE,
};

/** What the decision needs to know of where a path came from. */
struct vrs_path_source {
	struct vrs_addr addr; /**< The peer's address. */
	uint32_t router_id;   /**< Its BGP Identifier, host order. */
	uint32_t asn;         /**< Its AS. */
	uint16_t connection;  /**< The bgpConnection; both sessions of one share it. */
	uint8_t instance;     /**< 0 or 1. */
	uint8_t class;        /**< enum vrs_peer_class. */
	bool ebgp;
	bool client; /**< We have the role of a route server towards it (RFC 9234). */
};

/** One candidate. All pointers are borrowed. */
struct vrs_candidate {
	const struct vrs_attrs_info *attrs;
	const struct vrs_path_source *source;
	uint64_t key;   /**< vrs_decide_key(). */
	uint32_t index; /**< The caller's. */
	uint8_t reason; /**< enum vrs_path_reason. */
	bool stale;
};

/** Bit of a key that only usable paths have. */
#define VRS_KEY_USABLE (1ull << 63)

/**
 * What the decision needs of an attribute set, in a word that is kept beside its id: reading it
 * touches no record, and most paths are decided by it.
 */
uint64_t vrs_decide_fact(const struct vrs_attrs_info *a);
#define VRS_FACT_KEY          ((1ull << 44) - 1) /**< Its part of the key. */
#define VRS_FACT_TIES         (1ull << 45) /**< It has something that only the later steps look at. */
#define VRS_FACT_NO_EXPORT    (1ull << 46)
#define VRS_FACT_NO_ADVERTISE (1ull << 47)

/** The first six steps as one number. @param fact  vrs_decide_fact(). */
uint64_t vrs_decide_key(uint64_t fact, const struct vrs_path_source *source,
	enum vrs_path_reason reason, bool stale, enum vrs_preference preference);

/** The steps after MED between two paths without VRS_FACT_TIES. @return > 0 when @p a is better. */
int vrs_decide_source_cmp(const struct vrs_path_source *a, const struct vrs_path_source *b);

/**
 * The best of @p n candidates that have the same, highest key.
 *
 * @param c  At least one; reordered.
 * @return   Index of the best in @p c after reordering (always 0).
 */
void vrs_decide_best(struct vrs_candidate *c, size_t n);

/** Steps in order; the last is the end of the list. */
enum vrs_decide_step {
	VRS_STEP_USABLE,
	VRS_STEP_STALE,
	VRS_STEP_CLASS,
	VRS_STEP_LOCAL_PREF,
	VRS_STEP_PATH_LEN,
	VRS_STEP_ORIGIN,
	VRS_STEP_MED, /* First step after the key. */
	VRS_STEP_EBGP,
	VRS_STEP_ROUTER_ID,
	VRS_STEP_CLUSTER_LIST,
	VRS_STEP_PEER_ADDRESS,
	VRS_STEP_INSTANCE,
	VRS_STEP_NONE,
};

/**
 * Where candidate @p i lost against the best, c[0].
 *
 * @param n_set  The first so many have the same, highest key.
 * @return       VRS_STEP_NONE for the best itself.
 */
enum vrs_decide_step vrs_decide_why(
	const struct vrs_candidate *c, size_t n_set, size_t i, enum vrs_preference preference);

/** "local-pref", ...: the names that `vrsctl route show` prints. */
const char *vrs_decide_step_str(enum vrs_decide_step step);

/** Whether no route may be learned for @p p (0/8 but not 0/0, 127/8, 224/3, fe80::/10, ff00::/8). */
bool vrs_prefix_martian(const struct vrs_prefix *p);
