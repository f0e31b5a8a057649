/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A full table has 4-6 prefixes per distinct set, so a set is stored once and paths name it
 * by id. The store is an intern table (rib/intern.h) whose records carry the decoded facts
 * between head and bytes.
 */

#include "rib/attrs.h"

#include <errno.h>

#include "rib/decide.h"

struct vrs_attrs_store {
	struct vrs_intern *sets;
};

struct vrs_attrs_store *vrs_attrs_store_new(struct vrs_reclaim *reclaim)
{
	struct vrs_attrs_store *s = vrs_mem_zalloc(VRS_MEM_ATTRS, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->sets = vrs_intern_new(
		VRS_MEM_ATTRS, offsetof(struct vrs_attrs, bytes), reclaim, NULL, NULL);
	if (s->sets == NULL) {
		vrs_mem_free(VRS_MEM_ATTRS, s, sizeof(*s));
		return NULL;
	}
	return s;
}

void vrs_attrs_store_free(struct vrs_attrs_store *s)
{
	if (s == NULL)
		return;
	vrs_intern_free(s->sets);
	vrs_mem_free(VRS_MEM_ATTRS, s, sizeof(*s));
}

int vrs_attrs_intern(struct vrs_attrs_store *s, const uint8_t *bytes, size_t size,
	const struct vrs_attrs_info *info, uint32_t *id)
{
	bool fresh;
	uint32_t found = vrs_intern_intern(s->sets, bytes, size, &fresh);

	if (found == 0)
		return -ENOMEM;
	if (fresh) {
		struct vrs_attrs *a = vrs_intern_record(s->sets, found);

		a->info = *info;
		vrs_intern_set_word(s->sets, found, vrs_decide_fact(info));
	}
	*id = found;
	return 0;
}

struct vrs_attrs *vrs_attrs_at(const struct vrs_attrs_store *s, uint32_t id)
{
	return vrs_intern_record(s->sets, id);
}

uint64_t vrs_attrs_fact(const struct vrs_attrs_store *s, uint32_t id)
{
	return vrs_intern_word(s->sets, id);
}

void vrs_attrs_prefetch(const struct vrs_attrs_store *s, uint32_t id)
{
	vrs_intern_prefetch(s->sets, id);
}

void vrs_attrs_get(struct vrs_attrs_store *s, uint32_t id, uint32_t n)
{
	vrs_intern_get(s->sets, id, n);
}

void vrs_attrs_put(struct vrs_attrs_store *s, uint32_t id, uint32_t n)
{
	vrs_intern_put(s->sets, id, n);
}

void vrs_attrs_turn(struct vrs_attrs_store *s)
{
	vrs_intern_turn(s->sets);
}

const struct vrs_attrs *vrs_attrs_find(const struct vrs_attrs_store *s, uint32_t id)
{
	return vrs_intern_find(s->sets, id);
}

size_t vrs_attrs_count(const struct vrs_attrs_store *s)
{
	return vrs_intern_count(s->sets);
}

size_t vrs_attrs_bytes(const struct vrs_attrs_store *s)
{
	return vrs_intern_bytes(s->sets);
}
