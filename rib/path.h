/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The paths of one entry: one inside it, several in an array of their own that doubles. Private
 * to the RIB's writer; order carries no meaning.
 */

#include "rib/table.h"

/** The entry's paths, e->n_paths of them, back to back. */
static inline struct vrs_path *vrs_entry_paths(struct vrs_entry *e)
{
	return e->room == 0 ? &e->paths.inside : e->paths.array;
}

/** The path of a peer slot, or NULL. */
static inline struct vrs_path *vrs_path_of(struct vrs_entry *e, uint16_t peer)
{
	struct vrs_path *p = vrs_entry_paths(e);

	for (unsigned i = 0; i < e->n_paths; i++)
		if (p[i].peer == peer)
			return &p[i];
	return NULL;
}

/** Make room for one more; fill it at once. @return It, or NULL if out of memory or at 65,534. */
struct vrs_path *vrs_path_add(struct vrs_slab *slab, struct vrs_entry *e);

/** Remove @p p, which is one of the entry's; the last path takes its place. */
void vrs_path_remove(struct vrs_slab *slab, struct vrs_entry *e, struct vrs_path *p);

void vrs_path_clear(struct vrs_slab *slab, struct vrs_entry *e);
