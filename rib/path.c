/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Arrays have room for 4, 8, 16 ... paths: up to 256 (2 KiB) from the slab, more from the
 * allocator. A path that goes may leave twice the room that is needed; at a quarter the array
 * shrinks, if there is memory for the smaller one.
 */

#include "rib/path.h"

#include <string.h>

enum { SLAB_PATHS = 256 };

static struct vrs_path *array_new(struct vrs_slab *slab, unsigned n)
{
	size_t size = n * sizeof(struct vrs_path);

	return n <= SLAB_PATHS ? vrs_slab_alloc(slab, size) : vrs_mem_alloc(slab->tag, size);
}

static void array_free(struct vrs_slab *slab, struct vrs_path *array, unsigned n)
{
	if (n <= SLAB_PATHS)
		vrs_slab_free(slab, array);
	else
		vrs_mem_free(slab->tag, array, n * sizeof(*array));
}

/* Move the paths to an array with room for 1 << room. @return false: out of memory. */
static bool resize(struct vrs_slab *slab, struct vrs_entry *e, unsigned room)
{
	struct vrs_path *old = vrs_entry_paths(e), *array = array_new(slab, 1u << room);

	if (array == NULL)
		return false;
	memcpy(array, old, e->n_paths * sizeof(*array));
	if (e->room > 0)
		array_free(slab, old, 1u << e->room);
	e->paths.array = array;
	e->room = (uint8_t)room;
	return true;
}

struct vrs_path *vrs_path_add(struct vrs_slab *slab, struct vrs_entry *e)
{
	if (e->n_paths == UINT16_MAX - 1)
		return NULL;
	if (e->n_paths == 1u << e->room && !resize(slab, e, e->room == 0 ? 2 : e->room + 1u))
		return NULL;
	return &vrs_entry_paths(e)[e->n_paths++];
}

void vrs_path_remove(struct vrs_slab *slab, struct vrs_entry *e, struct vrs_path *p)
{
	struct vrs_path *paths = vrs_entry_paths(e);

	*p = paths[--e->n_paths];
	if (e->room == 0)
		return;
	if (e->n_paths == 1) {
		struct vrs_path last = paths[0];

		array_free(slab, paths, 1u << e->room);
		e->room = 0;
		e->paths.inside = last;
	} else if (e->room > 2 && e->n_paths <= 1u << (e->room - 2)) {
		(void)resize(slab, e, e->room - 1u);
	}
}

void vrs_path_clear(struct vrs_slab *slab, struct vrs_entry *e)
{
	if (e->room > 0)
		array_free(slab, e->paths.array, 1u << e->room);
	e->room = 0;
	e->n_paths = 0;
}
