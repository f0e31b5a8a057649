/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/group.h"

#include <errno.h>

/* Ids here and in our intern table. */
static uint32_t id_of(const struct vrs_group_store *s, uint32_t inner)
{
	return inner << s->bits | s->index;
}

static uint32_t inner_of(const struct vrs_group_store *s, uint32_t id)
{
	return id >> s->bits;
}

/* Unlinked: ask propagation. Without memory for the message the group stays allocated. */
static void unlinked(void *ctx, uint32_t id)
{
	struct vrs_group_store *s = ctx;

	(void)!vrs_spsc_push(&s->idle, id_of(s, id));
}

int vrs_group_store_init(struct vrs_group_store *s, struct vrs_reclaim *reclaim)
{
	s->all = NULL;
	s->index = s->bits = 0;
	s->table = vrs_intern_new(
		VRS_MEM_GROUP, offsetof(struct vrs_group, next_hops), reclaim, unlinked, s);
	if (s->table == NULL)
		return -ENOMEM;
	if (vrs_spsc_init(&s->idle) != 0)
		goto out_table;
	if (vrs_spsc_init(&s->done) != 0)
		goto out_idle;
	return 0;
out_idle:
	vrs_spsc_fini(&s->idle);
out_table:
	vrs_intern_free(s->table);
	return -ENOMEM;
}

void vrs_group_store_fini(struct vrs_group_store *s)
{
	vrs_intern_free(s->table);
	vrs_spsc_fini(&s->idle);
	vrs_spsc_fini(&s->done);
}

void vrs_group_store_join(struct vrs_group_store *s, struct vrs_group_store *const *all,
	uint32_t index, uint32_t mask)
{
	s->all = all;
	s->index = index;
	s->bits = (uint32_t)__builtin_popcount(mask);
}

uint32_t vrs_group_intern(struct vrs_group_store *s, const struct vrs_addr *hops, size_t n)
{
	bool fresh;
	uint32_t inner = vrs_intern_intern(s->table, hops, n * sizeof(*hops), &fresh);

	return inner != 0 ? id_of(s, inner) : VRS_GROUP_NONE;
}

bool vrs_group_is_single(const struct vrs_group_store *s, uint32_t id, const struct vrs_addr *hop)
{
	if (!vrs_group_linked(s, id))
		return false;
	const struct vrs_group *g = vrs_intern_record(s->table, inner_of(s, id));
	return vrs_group_size(g) == 1 && vrs_addr_equal(&g->next_hops[0], hop);
}

bool vrs_group_linked(const struct vrs_group_store *s, uint32_t id)
{
	return vrs_intern_linked(s->table, inner_of(s, id));
}

void vrs_group_get(struct vrs_group_store *s, uint32_t id)
{
	if (id != VRS_GROUP_NONE)
		vrs_intern_get(s->table, inner_of(s, id), 1);
}

void vrs_group_put(struct vrs_group_store *s, uint32_t id)
{
	if (id != VRS_GROUP_NONE)
		vrs_intern_put(s->table, inner_of(s, id), 1);
}

bool vrs_group_turn(struct vrs_group_store *s)
{
	uint32_t ids[64], n;
	bool any = false;

	vrs_intern_turn(s->table);
	while ((n = vrs_spsc_pop(&s->done, ids, VRS_N_ELEMS(ids))) > 0) {
		for (uint32_t i = 0; i < n; i++)
			vrs_intern_release(s->table, inner_of(s, ids[i]));
		any = true;
	}
	return any;
}

const struct vrs_group *vrs_group_find(const struct vrs_group_store *s, uint32_t id)
{
	if (s->all != NULL)
		s = s->all[id & ((1u << s->bits) - 1)];
	return vrs_intern_find(s->table, inner_of(s, id));
}
