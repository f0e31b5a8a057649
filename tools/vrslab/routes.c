/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/routes.h"

#include <errno.h>
#include <stdlib.h>

#include "rib/base/hash.h"

void vrs_routes_fini(struct vrs_routes *r)
{
	free(r->list);
	free(r->sets);
	free(r->bytes);
	free(r->set_slots);
	free(r->route_slots);
	*r = (struct vrs_routes){0};
}

/* Room for @p more beyond @p n elements; doubles. */
static int reserve(void **array, size_t n, size_t more, size_t *cap, size_t size)
{
	size_t room = VRS_MAX(*cap, (size_t)256);

	if (n + more <= *cap)
		return 0;
	while (room < n + more)
		room *= 2;
	void *p = reallocarray(*array, room, size);
	if (p == NULL)
		return -ENOMEM;
	*array = p;
	*cap = room;
	return 0;
}

int vrs_routes_add_set(struct vrs_routes *r, const uint8_t *bytes, size_t size, uint32_t *set)
{
	if (reserve((void **)&r->sets, r->n_sets, 1, &r->cap_sets, sizeof(*r->sets)) != 0 ||
		reserve((void **)&r->bytes, r->n_bytes, size, &r->cap_bytes, 1) != 0)
		return -ENOMEM;
	if (size > 0)
		memcpy(r->bytes + r->n_bytes, bytes, size);
	*set = (uint32_t)r->n_sets;
	r->sets[r->n_sets++] = (struct vrs_routes_set){r->n_bytes, (uint32_t)size};
	r->n_bytes += size;
	return 0;
}

static uint64_t set_hash(const struct vrs_routes *r, uint32_t index)
{
	struct vrs_span s = vrs_routes_set(r, index);

	return vrs_hash(s.data, s.size);
}

static uint64_t route_hash(const struct vrs_routes *r, uint32_t index)
{
	return vrs_hash(&r->list[index].prefix, sizeof(struct vrs_prefix));
}

static void slot_fill(uint32_t *slots, size_t n_slots, uint64_t hash, uint32_t value)
{
	size_t i = hash & (n_slots - 1);

	while (slots[i] != 0)
		i = (i + 1) & (n_slots - 1);
	slots[i] = value;
}

/* Keep at least half of the slots empty with one more element. */
static int slots_grow(const struct vrs_routes *r, uint32_t **slots, size_t *n_slots, size_t n,
	uint64_t (*hash)(const struct vrs_routes *, uint32_t))
{
	size_t room = VRS_MAX(*n_slots, (size_t)1024);

	if (2 * (n + 1) <= *n_slots)
		return 0;
	while (room < 2 * (n + 1))
		room *= 2;
	uint32_t *fresh = calloc(room, sizeof(*fresh));
	if (fresh == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		slot_fill(fresh, room, hash(r, (uint32_t)i), (uint32_t)i + 1);
	free(*slots);
	*slots = fresh;
	*n_slots = room;
	return 0;
}

int vrs_routes_intern(struct vrs_routes *r, const uint8_t *bytes, size_t size, uint32_t *set)
{
	if (slots_grow(r, &r->set_slots, &r->n_set_slots, r->n_sets, set_hash) != 0)
		return -ENOMEM;
	size_t i = vrs_hash(bytes, size) & (r->n_set_slots - 1);
	for (; r->set_slots[i] != 0; i = (i + 1) & (r->n_set_slots - 1)) {
		struct vrs_span s = vrs_routes_set(r, r->set_slots[i] - 1);
		if (s.size == size && (size == 0 || memcmp(s.data, bytes, size) == 0)) {
			*set = r->set_slots[i] - 1;
			return 0;
		}
	}
	if (vrs_routes_add_set(r, bytes, size, set) != 0)
		return -ENOMEM;
	r->set_slots[i] = *set + 1;
	return 0;
}

int vrs_routes_add(struct vrs_routes *r, const struct vrs_prefix *prefix, uint32_t set)
{
	if (reserve((void **)&r->list, r->n, 1, &r->cap, sizeof(*r->list)) != 0)
		return -ENOMEM;
	r->list[r->n++] = (struct vrs_route){*prefix, set};
	r->n_live += set != VRS_ROUTES_NO_SET;
	return 0;
}

int vrs_routes_put(struct vrs_routes *r, const struct vrs_prefix *prefix, uint32_t set)
{
	if (slots_grow(r, &r->route_slots, &r->n_route_slots, r->n, route_hash) != 0)
		return -ENOMEM;
	size_t i = vrs_hash(prefix, sizeof(*prefix)) & (r->n_route_slots - 1);
	for (; r->route_slots[i] != 0; i = (i + 1) & (r->n_route_slots - 1)) {
		struct vrs_route *route = &r->list[r->route_slots[i] - 1];
		if (!vrs_prefix_equal(&route->prefix, prefix))
			continue;
		r->n_live -= route->set != VRS_ROUTES_NO_SET;
		r->n_live += set != VRS_ROUTES_NO_SET;
		route->set = set;
		return 0;
	}
	if (set == VRS_ROUTES_NO_SET)
		return 0;
	if (vrs_routes_add(r, prefix, set) != 0)
		return -ENOMEM;
	r->route_slots[i] = (uint32_t)r->n;
	return 0;
}

void vrs_routes_clear(struct vrs_routes *r)
{
	for (size_t i = 0; i < r->n; i++)
		r->list[i].set = VRS_ROUTES_NO_SET;
	r->n_live = 0;
}
