/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/path.h"

enum { PER_BLOCK = 7 };

struct vrs_path *vrs_path_list_add(struct vrs_slab *slab, union vrs_path_list *list, uint16_t *n)
{
	unsigned at = *n;

	if (at == UINT16_MAX - 1)
		return NULL;
	if (at < 3) {
		*n = (uint16_t)(at + 1);
		return &list->inside[at];
	}
	/* From position 2 on paths live in blocks; the fourth path moves the third there. */
	if (at == 3 || (at - 2) % PER_BLOCK == 0) {
		struct vrs_path_block *b = vrs_slab_alloc(slab, sizeof(*b)), **last = &list->more;

		if (b == NULL)
			return NULL;
		b->next = NULL;
		if (at == 3) {
			b->paths[0] = list->inside[2];
		} else {
			for (unsigned i = (at - 2) / PER_BLOCK; i > 0; i--)
				last = &(*last)->next;
		}
		*last = b;
	}
	*n = (uint16_t)(at + 1);
	struct vrs_path_block *last = list->more;
	for (unsigned i = (at - 2) / PER_BLOCK; i > 0; i--)
		last = last->next;
	return &last->paths[(at - 2) % PER_BLOCK];
}

void vrs_path_list_remove(
	struct vrs_slab *slab, union vrs_path_list *list, uint16_t *n, struct vrs_path *p)
{
	unsigned last = *n - 1u;

	*p = *vrs_path_at(list, *n, last);
	*n = (uint16_t)last;
	if (last == 3) {
		struct vrs_path_block *b = list->more;

		list->inside[2] = b->paths[0];
		vrs_slab_free(slab, b);
	} else if (last > 3 && (last - 2) % PER_BLOCK == 0) {
		struct vrs_path_block **link = &list->more;

		while ((*link)->next != NULL)
			link = &(*link)->next;
		vrs_slab_free(slab, *link);
		*link = NULL;
	}
}

void vrs_path_list_clear(struct vrs_slab *slab, union vrs_path_list *list, uint16_t *n)
{
	if (*n > 3) {
		for (struct vrs_path_block *b = list->more, *next; b != NULL; b = next) {
			next = b->next;
			vrs_slab_free(slab, b);
		}
	}
	*n = 0;
}
