/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The list of paths of one entry: three inside it, more in chained 64-byte blocks. Private to
 * the RIB's writer; order carries no meaning.
 */

#include "rib/table.h"

struct vrs_path_block {
	struct vrs_path paths[7];
	struct vrs_path_block *next;
};
static_assert(sizeof(struct vrs_path_block) == VRS_CACHE_LINE, "one line");

struct vrs_path_iter {
	union vrs_path_list *list;
	struct vrs_path_block *block;
	uint32_t n, index, at;
};

static inline struct vrs_path_iter vrs_path_iter_init(union vrs_path_list *list, unsigned n)
{
	return (struct vrs_path_iter){.list = list, .block = n > 3 ? list->more : NULL, .n = n};
}

/** The next path, or NULL; afterwards it.index is its position plus one. */
static inline struct vrs_path *vrs_path_next(struct vrs_path_iter *it)
{
	if (it->index == it->n)
		return NULL;
	uint32_t i = it->index++;
	if (i < 2 || it->block == NULL)
		return &it->list->inside[i];
	if (it->at == VRS_N_ELEMS(it->block->paths)) {
		it->block = it->block->next;
		it->at = 0;
	}
	return &it->block->paths[it->at++];
}

/** The path at a position below @p n. */
static inline struct vrs_path *vrs_path_at(union vrs_path_list *list, unsigned n, unsigned index)
{
	if (index < 2 || n <= 3)
		return &list->inside[index];
	struct vrs_path_block *b = list->more;
	for (index -= 2; index >= VRS_N_ELEMS(b->paths); index -= VRS_N_ELEMS(b->paths))
		b = b->next;
	return &b->paths[index];
}

/** The path of a peer slot, or NULL. */
static inline struct vrs_path *vrs_path_of(union vrs_path_list *list, unsigned n, uint16_t peer)
{
	struct vrs_path_iter it = vrs_path_iter_init(list, n);

	for (struct vrs_path *p; (p = vrs_path_next(&it)) != NULL;)
		if (p->peer == peer)
			return p;
	return NULL;
}

/** Make room for one more; fill it at once. @return It, or NULL if out of memory or at 65,534. */
struct vrs_path *vrs_path_list_add(struct vrs_slab *slab, union vrs_path_list *list, uint16_t *n);

/** Remove @p p, which is in the list; the last path takes its place. */
void vrs_path_list_remove(
	struct vrs_slab *slab, union vrs_path_list *list, uint16_t *n, struct vrs_path *p);

void vrs_path_list_clear(struct vrs_slab *slab, union vrs_path_list *list, uint16_t *n);
