/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A RIB with one peer that announces a synthetic table: what table.c and export.c measure.
 */

#include "bench/suite.h"
#include "rib/table.h"

struct vrs_bench_rib {
	struct vrs_reclaim *reclaim;
	struct vrs_table *table;
	const struct vrs_bench_decoded *decoded;
	enum vrs_afi afi;
	uint16_t slot;
	uint32_t *ids[2]; /**< Of decoded's sets; held. [1]: with another next hop. */
};

/** Empty, with every attribute set interned, in the caller's storage. The program ends when there
 *  is no memory. */
void vrs_bench_rib_init(struct vrs_bench_rib *r, enum vrs_afi afi, size_t n);
void vrs_bench_rib_fini(struct vrs_bench_rib *r);

/** Intern the sets once more with another next hop, for announcements with @p hop 1. */
void vrs_bench_rib_other_hop(struct vrs_bench_rib *r);

/**
 * Announce the UPDATEs [from, to) in random order, with the writer's turns between them.
 *
 * @param shift  Each with the attributes of the UPDATE so many further; 0 = its own.
 * @param hop    0, or 1 for the other next hop.
 * @return       Prefixes taken.
 */
uint64_t vrs_bench_rib_announce(
	struct vrs_bench_rib *r, size_t from, size_t to, size_t shift, unsigned hop);

/** The writer's turn, until it has nothing to do. */
void vrs_bench_rib_turn(struct vrs_bench_rib *r);
