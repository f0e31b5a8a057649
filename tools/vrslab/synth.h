/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A synthetic full table that looks like a real one: prefix lengths, clusters, attribute sets
 * shared by a handful of prefixes, path lengths and communities in measured proportions.
 *
 * The same options give the same bytes, on any machine. Pure; any thread.
 */

#include "tools/vrslab/routes.h"

/** Largest table of one family. */
#define VRS_SYNTH_MAX 5000000u

struct vrs_synth {
	uint32_t n_ip4, n_ip6; /**< Prefixes; at most VRS_SYNTH_MAX each. */
	uint64_t seed;
};

/**
 * Append a table to @p out, IPv4 first, sets in the order they would be sent.
 *
 * No prefix comes twice, none touches private, shared, loopback or class D and E space (IPv6:
 * all are in 2000::/3, none in 2001:db8::/32 or 2002::/16). AS paths do not hold our own AS
 * yet; their AS numbers are public ones. Next hops are placeholders.
 *
 * @return 0, -EINVAL when a count is over VRS_SYNTH_MAX, -ENOMEM.
 */
VRS_NODISCARD int vrs_synth_make(const struct vrs_synth *options, struct vrs_routes *out);
