/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Open addressing with linear probing and backward-shift deletion. A slot keeps 32 bits of
 * the hash, so a probe reads no record but the wanted one (save one in 2^32).
 */

#include "rib/intern.h"

#include <string.h>

#include "rib/base/hash.h"
#include "rib/base/pool.h"
#include "rib/base/thread.h"

enum { FIRST_SLOTS = 1024 };

struct slot {
	uint32_t id; /* 0 = empty. */
	uint32_t hash;
};

struct handle {
	/* Published when it is made: its id reaches readers only behind later release stores. */
	struct vrs_intern_head *record;
	uint64_t word; /* The caller's; writer only. */
	uint32_t holders;
	bool idle;     /* On the idle list. */
	bool linked;   /* In slots[]. */
	bool released; /* Waits for its grace period; for the writer, who may see it until then. */
};

struct vrs_intern {
	enum vrs_mem_tag tag;
	size_t bytes_at;
	struct vrs_reclaim *reclaim;
	vrs_intern_hook hook;
	void *hook_ctx;
	struct vrs_pool handles;
	struct slot *slots;
	size_t n_slots; /* A power of two. */
	size_t n_values;
	size_t n_bytes; /* Of all records. */
	uint32_t *idle; /* Ids that came to zero since the last turn. */
	size_t n_idle, cap_idle;
};

struct vrs_intern *vrs_intern_new(enum vrs_mem_tag tag, size_t bytes_at,
	struct vrs_reclaim *reclaim, vrs_intern_hook hook, void *hook_ctx)
{
	struct vrs_intern *t = vrs_mem_zalloc(tag, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->tag = tag;
	t->bytes_at = bytes_at;
	t->reclaim = reclaim;
	t->hook = hook;
	t->hook_ctx = hook_ctx;
	t->n_slots = FIRST_SLOTS;
	t->slots = vrs_mem_zalloc(tag, t->n_slots * sizeof(*t->slots));
	if (t->slots == NULL)
		goto out_table;
	if (vrs_pool_init(&t->handles, tag, sizeof(struct handle), 1u << 30, reclaim) != 0)
		goto out_slots;
	return t;
out_slots:
	vrs_mem_free(tag, t->slots, t->n_slots * sizeof(*t->slots));
out_table:
	vrs_mem_free(tag, t, sizeof(*t));
	return NULL;
}

static struct handle *handle_at(const struct vrs_intern *t, uint32_t id)
{
	return vrs_pool_at(&t->handles, id);
}

static size_t record_size(const struct vrs_intern *t, size_t bytes)
{
	return (t->bytes_at + bytes + 7) & ~(size_t)7;
}

static void record_free(struct vrs_intern *t, struct vrs_intern_head *record)
{
	t->n_bytes -= record_size(t, record->size);
	vrs_mem_free(t->tag, record, record_size(t, record->size));
}

void vrs_intern_free(struct vrs_intern *t)
{
	if (t == NULL)
		return;
	vrs_reclaim_drain(t->reclaim);
	for (uint32_t id = 1; id < vrs_pool_bound(&t->handles); id++) {
		struct handle *h = vrs_pool_peek(&t->handles, id);

		if (h != NULL && h->record != NULL)
			record_free(t, h->record);
	}
	vrs_pool_fini(&t->handles);
	vrs_mem_free(t->tag, t->slots, t->n_slots * sizeof(*t->slots));
	vrs_mem_free(t->tag, t->idle, t->cap_idle * sizeof(*t->idle));
	vrs_mem_free(t->tag, t, sizeof(*t));
}

static bool resize(struct vrs_intern *t, size_t n_slots)
{
	struct slot *slots = vrs_mem_zalloc(t->tag, n_slots * sizeof(*slots));

	if (slots == NULL)
		return false;
	for (size_t i = 0; i < t->n_slots; i++) {
		if (t->slots[i].id == 0)
			continue;
		size_t at = t->slots[i].hash & (n_slots - 1);

		while (slots[at].id != 0)
			at = (at + 1) & (n_slots - 1);
		slots[at] = t->slots[i];
	}
	vrs_mem_free(t->tag, t->slots, t->n_slots * sizeof(*slots));
	t->slots = slots;
	t->n_slots = n_slots;
	return true;
}

/* Note an id without holders, to be looked at when the turn ends. */
static bool note_idle(struct vrs_intern *t, uint32_t id, struct handle *h)
{
	if (h->idle)
		return true;
	if (t->n_idle == t->cap_idle) {
		size_t cap = t->cap_idle == 0 ? 256 : t->cap_idle * 2;
		uint32_t *idle = vrs_mem_realloc(
			t->tag, t->idle, t->cap_idle * sizeof(*idle), cap * sizeof(*idle));

		if (idle == NULL)
			return false;
		t->idle = idle;
		t->cap_idle = cap;
	}
	t->idle[t->n_idle++] = id;
	h->idle = true;
	return true;
}

static uint32_t add(struct vrs_intern *t, size_t at, uint32_t hash, const void *bytes, size_t size)
{
	struct vrs_intern_head *r = vrs_mem_alloc(t->tag, record_size(t, size));
	uint32_t id = vrs_pool_alloc(&t->handles);

	if (r == NULL || id == 0)
		goto out;
	memset(r, 0, t->bytes_at);
	r->hash = hash;
	r->size = (uint32_t)size;
	memcpy((char *)r + t->bytes_at, bytes, size);
	struct handle *h = handle_at(t, id);
	h->holders = 0;
	h->idle = false;
	if (!note_idle(t, id, h))
		goto out;
	h->released = false;
	vrs_rcu_publish(h->record, r);
	h->linked = true;
	t->slots[at] = (struct slot){id, hash};
	t->n_values++;
	t->n_bytes += record_size(t, size);
	return id;
out:
	if (id != 0)
		vrs_pool_free(&t->handles, id);
	if (r != NULL)
		vrs_mem_free(t->tag, r, record_size(t, size));
	return 0;
}

uint32_t vrs_intern_intern(struct vrs_intern *t, const void *bytes, size_t size, bool *fresh)
{
	uint32_t hash = (uint32_t)vrs_hash(bytes, size);

	if (t->n_values >= t->n_slots / 8 * 7 && !resize(t, t->n_slots * 2))
		return 0;
	size_t at = hash & (t->n_slots - 1);
	for (; t->slots[at].id != 0; at = (at + 1) & (t->n_slots - 1)) {
		if (t->slots[at].hash != hash)
			continue;
		const struct vrs_intern_head *r = handle_at(t, t->slots[at].id)->record;

		if (r->size == size && memcmp((const char *)r + t->bytes_at, bytes, size) == 0) {
			*fresh = false;
			return t->slots[at].id;
		}
	}
	*fresh = true;
	return add(t, at, hash, bytes, size);
}

void *vrs_intern_record(const struct vrs_intern *t, uint32_t id)
{
	return handle_at(t, id)->record;
}

uint64_t vrs_intern_word(const struct vrs_intern *t, uint32_t id)
{
	return handle_at(t, id)->word;
}

void vrs_intern_set_word(struct vrs_intern *t, uint32_t id, uint64_t word)
{
	handle_at(t, id)->word = word;
}

void vrs_intern_prefetch(const struct vrs_intern *t, uint32_t id)
{
	__builtin_prefetch(handle_at(t, id), 1);
}

void vrs_intern_get(struct vrs_intern *t, uint32_t id, uint32_t n)
{
	handle_at(t, id)->holders += n;
}

void vrs_intern_put(struct vrs_intern *t, uint32_t id, uint32_t n)
{
	struct handle *h = handle_at(t, id);

	assert(h->holders >= n);
	h->holders -= n;
	/* Without memory for the note the value stays until it is used again. */
	if (h->holders == 0)
		(void)note_idle(t, id, h);
}

bool vrs_intern_linked(const struct vrs_intern *t, uint32_t id)
{
	const struct handle *h = id != 0 ? vrs_pool_peek(&t->handles, id) : NULL;

	return h != NULL && h->linked;
}

/* Backward shift: close the hole so that no probe sequence breaks. */
static void unlink_slot(struct vrs_intern *t, uint32_t id, uint32_t hash)
{
	size_t mask = t->n_slots - 1, hole = hash & mask;

	while (t->slots[hole].id != id)
		hole = (hole + 1) & mask;
	for (size_t at = (hole + 1) & mask; t->slots[at].id != 0; at = (at + 1) & mask) {
		size_t home = t->slots[at].hash & mask;

		if (((at - home) & mask) >= ((at - hole) & mask)) {
			t->slots[hole] = t->slots[at];
			hole = at;
		}
	}
	t->slots[hole].id = 0;
	t->n_values--;
}

static void reap(void *ctx, void *obj)
{
	struct vrs_intern *t = ctx;
	uint32_t id = (uint32_t)(uintptr_t)obj;
	struct handle *h = handle_at(t, id);

	record_free(t, h->record);
	vrs_rcu_publish(h->record, NULL);
	vrs_pool_free(&t->handles, id);
}

void vrs_intern_release(struct vrs_intern *t, uint32_t id)
{
	struct handle *h = handle_at(t, id);

	assert(!h->linked && !h->released && h->holders == 0);
	h->released = true;
	vrs_reclaim_retire(
		t->reclaim, reap, t, (void *)(uintptr_t)id, record_size(t, h->record->size));
}

void vrs_intern_turn(struct vrs_intern *t)
{
	for (size_t i = 0; i < t->n_idle; i++) {
		uint32_t id = t->idle[i];
		struct handle *h = handle_at(t, id);

		h->idle = false;
		if (h->holders > 0 || !h->linked)
			continue;
		unlink_slot(t, id, h->record->hash);
		h->linked = false;
		if (t->hook != NULL)
			t->hook(t->hook_ctx, id);
		else
			vrs_intern_release(t, id);
	}
	t->n_idle = 0;
	if (t->n_slots > FIRST_SLOTS && t->n_values < t->n_slots / 16)
		(void)resize(t, t->n_slots / 4);
}

const void *vrs_intern_find(const struct vrs_intern *t, uint32_t id)
{
	const struct handle *h = vrs_pool_peek(&t->handles, id);

	return h != NULL ? vrs_rcu_load(h->record) : NULL;
}

size_t vrs_intern_bytes(const struct vrs_intern *t)
{
	return t->n_bytes + t->n_slots * sizeof(*t->slots) +
		(size_t)t->handles.n_live * sizeof(struct handle);
}

size_t vrs_intern_count(const struct vrs_intern *t)
{
	return t->n_values;
}
