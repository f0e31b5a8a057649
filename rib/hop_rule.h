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
 * Which next hops may be used: those inside a set of prefixes, but for a few addresses in them.
 *
 * I/O threads ask it once an UPDATE. When a configuration takes some away, versions of the snapshot
 * carry the new rule until every path has been judged by it (rib/snapshot.h): the next-hop status table,
 * said in a few prefixes instead of an address each (docs/adr/0010).
 *
 * **Threads.** Immutable; any thread that holds a reference, or is in a read section of a version that
 * carries it.
 */

#define VRS_HOP_RULE_EXCEPT 4u

struct vrs_group;

struct vrs_hop_rule {
	_Atomic uint32_t refs;
	uint32_t n_except;
	struct vrs_addr except[VRS_HOP_RULE_EXCEPT];
	size_t n, cap;
	struct vrs_prefix in[]; /* Ascending, none inside another. */
};

/**
 * @param in      In any order, copied.
 * @param except  At most VRS_HOP_RULE_EXCEPT, copied.
 * @return        A rule with one reference; NULL if out of memory.
 */
struct vrs_hop_rule *vrs_hop_rule_new(const struct vrs_prefix *in, size_t n,
	const struct vrs_addr *except, size_t n_except) VRS_NODISCARD;

/** NULL is ignored. @return @p r. */
struct vrs_hop_rule *vrs_hop_rule_get(struct vrs_hop_rule *r);

/** The last one frees it. NULL is ignored. */
void vrs_hop_rule_put(struct vrs_hop_rule *r);

/** Some 10 ns, and a step of a binary search for each doubling of the prefixes. */
bool vrs_hop_rule_allows(const struct vrs_hop_rule *r, const struct vrs_addr *hop);

bool vrs_hop_rule_equal(const struct vrs_hop_rule *a, const struct vrs_hop_rule *b);

/** Whether @p now may allow what @p old does not: exact, unless several prefixes of one make up one of the
 *  other. @p old NULL allows nothing. */
bool vrs_hop_rule_wider(const struct vrs_hop_rule *now, const struct vrs_hop_rule *old);

/** Copy a group's next hops that may be used, up to @p cap. @param r  NULL: all of them. @return How many
 *  there are. */
size_t vrs_hop_rule_pick(
	const struct vrs_hop_rule *r, const struct vrs_group *g, struct vrs_addr *out, size_t cap);
