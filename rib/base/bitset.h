/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/base/mem.h"

/**
 * @file
 * A set of small integers (entry indices) that is cheap when full and when nearly empty: one
 * bit a member, and two levels of summary, so finding the next member of a million skips
 * 262,144 absent ones a step. Grows as needed. One thread at a time.
 */

struct vrs_bitset {
	uint64_t *level[3]; /* [0] members; [1], [2]: which words below are not zero. */
	size_t words[3];
	size_t n; /* Members. */
	enum vrs_mem_tag tag;
};

void vrs_bitset_init(struct vrs_bitset *b, enum vrs_mem_tag tag);
void vrs_bitset_fini(struct vrs_bitset *b);

/** Make @p to, which is empty, a copy. @return 0 or -ENOMEM: it is empty still. */
VRS_NODISCARD int vrs_bitset_copy(struct vrs_bitset *to, const struct vrs_bitset *from);

/** @return Whether both have the same members. */
bool vrs_bitset_equal(const struct vrs_bitset *a, const struct vrs_bitset *b);

/** Add @p i. @return 1 when it is new, 0 when it was there, -ENOMEM. */
VRS_NODISCARD int vrs_bitset_add(struct vrs_bitset *b, uint32_t i);

/** Remove @p i. @return Whether it was there. */
bool vrs_bitset_remove(struct vrs_bitset *b, uint32_t i);

/** The least member that is at least @p from; -1 when there is none. */
int64_t vrs_bitset_next(const struct vrs_bitset *b, uint32_t from);

static inline bool vrs_bitset_has(const struct vrs_bitset *b, uint32_t i)
{
	return i / 64 < b->words[0] && (b->level[0][i / 64] >> (i % 64) & 1);
}
