/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A route as the simulator's model knows it, and its bytes on the wire, written without the
 * codec under test.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/prefix.h"

enum { SIM_PATH = 6, SIM_LIST = 3, SIM_BYTES = 512 };

/** Path attributes of one route. */
struct sim_attrs {
	bool there; /**< There is a route at all. */
	uint8_t origin;
	uint32_t path[SIM_PATH]; /**< One AS_SEQUENCE... */
	uint8_t n_path;
	uint32_t set; /**< ...and an AS_SET of this one AS behind it; 0 = none. */
	struct vrs_addr hop;
	bool has_med, has_local_pref, has_originator, unknown;
	uint32_t med, local_pref, originator;
	uint32_t otc; /**< 0 = none. */
	uint32_t communities[SIM_LIST], clusters[SIM_LIST];
	uint8_t n_communities, n_clusters;
	bool large, ext;
};

/** What a receiver keeps: what its session discards is gone, the unknown is partial. */
struct sim_attrs sim_received(const struct sim_attrs *a, bool ibgp);

/** Canonical bytes (rib/attrs.h) of attributes that somebody keeps. @return Their size. */
size_t sim_canonical(const struct sim_attrs *a, uint8_t *out);

/** How an UPDATE is to be wrong. */
enum sim_damage {
	SIM_GOOD,
	SIM_BAD_ORIGIN,   /**< Treat as withdraw. */
	SIM_BAD_MED,      /**< Treat as withdraw. */
	SIM_TWICE,        /**< A repeated attribute, discarded: the route stands. */
	SIM_BAD_ATOMIC,   /**< ATOMIC_AGGREGATE with a byte, discarded: the route stands. */
	SIM_BAD_NLRI,     /**< Reset. */
	SIM_BAD_ATTR_LEN, /**< Attributes overrun: treat as withdraw. */
	SIM_N_DAMAGES,
};

/** An UPDATE message that announces prefixes of one family. @return Its size. */
size_t sim_update(const struct sim_attrs *a, bool as4, const struct vrs_prefix *p, size_t n,
	enum sim_damage damage, uint8_t *out);

/** One that withdraws. */
size_t sim_withdraw(const struct vrs_prefix *p, size_t n, uint8_t *out);

/** End-of-RIB. */
size_t sim_eor(unsigned afi, uint8_t *out);
