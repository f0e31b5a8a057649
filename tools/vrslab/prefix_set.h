/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * How many different prefixes are held: a set that remembers a 64-bit hash of each, 8 bytes a
 * slot. Two of a million prefixes share a hash once in 37 million runs; it only counts.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/prefix.h"

struct vrs_prefix_set {
	uint64_t *slots; /* 0 = empty. */
	size_t n_slots;  /* A power of two. */
	size_t n;        /* Prefixes held. */
};

void vrs_prefix_set_fini(struct vrs_prefix_set *set);

/** @return 1 when it is new, 0 when it was held, -ENOMEM. */
VRS_NODISCARD int vrs_prefix_set_insert(struct vrs_prefix_set *set, const struct vrs_prefix *p);

/** @return Whether it was held. */
bool vrs_prefix_set_remove(struct vrs_prefix_set *set, const struct vrs_prefix *p);
