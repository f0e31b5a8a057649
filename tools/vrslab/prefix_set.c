/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/prefix_set.h"

#include <errno.h>
#include <stdlib.h>

#include "rib/base/hash.h"

void vrs_prefix_set_fini(struct vrs_prefix_set *set)
{
	free(set->slots);
	*set = (struct vrs_prefix_set){0};
}

static uint64_t key_of(const struct vrs_prefix *p)
{
	uint64_t h = vrs_hash(p, sizeof(*p));

	return h != 0 ? h : 1;
}

/* The slot that holds @p key, or the empty one where it would go. */
static size_t slot_of(const struct vrs_prefix_set *set, uint64_t key)
{
	size_t i = key & (set->n_slots - 1);

	while (set->slots[i] != 0 && set->slots[i] != key)
		i = (i + 1) & (set->n_slots - 1);
	return i;
}

static int grow(struct vrs_prefix_set *set)
{
	struct vrs_prefix_set fresh = {
		.n_slots = VRS_MAX(set->n_slots * 2, (size_t)1024), .n = set->n};

	fresh.slots = calloc(fresh.n_slots, sizeof(*fresh.slots));
	if (fresh.slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < set->n_slots; i++) {
		if (set->slots[i] != 0)
			fresh.slots[slot_of(&fresh, set->slots[i])] = set->slots[i];
	}
	free(set->slots);
	*set = fresh;
	return 0;
}

int vrs_prefix_set_insert(struct vrs_prefix_set *set, const struct vrs_prefix *p)
{
	uint64_t key = key_of(p);

	if (set->n * 2 >= set->n_slots && grow(set) != 0)
		return -ENOMEM;
	size_t i = slot_of(set, key);
	if (set->slots[i] != 0)
		return 0;
	set->slots[i] = key;
	set->n++;
	return 1;
}

bool vrs_prefix_set_remove(struct vrs_prefix_set *set, const struct vrs_prefix *p)
{
	size_t mask = set->n_slots - 1;

	if (set->n == 0)
		return false;
	size_t hole = slot_of(set, key_of(p));
	if (set->slots[hole] == 0)
		return false;
	/* Close the gap: move up what a search would no longer reach. */
	for (size_t i = (hole + 1) & mask; set->slots[i] != 0; i = (i + 1) & mask) {
		size_t home = set->slots[i] & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			set->slots[hole] = set->slots[i];
			hole = i;
		}
	}
	set->slots[hole] = 0;
	set->n--;
	return true;
}
