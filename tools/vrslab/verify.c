/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/hash.h"

enum { NUMBER_BITS = 24, BATCH = 32 };

#define NUMBER_MASK ((1ull << NUMBER_BITS) - 1)

/* The place is the hash's low bits, the tag its upper 40: together no two prefixes of a run are
 * taken for one another. */
static uint64_t hash_of(const struct vrs_prefix *p)
{
	return vrs_hash(p, sizeof(*p));
}

int vrs_universe_init(struct vrs_universe *u, uint32_t max)
{
	*u = (struct vrs_universe){.n_slots = 64, .max = max};
	if (max > VRS_UNIVERSE_MAX)
		return -EINVAL;
	while (u->n_slots < (size_t)max * 2)
		u->n_slots *= 2;
	u->slots = calloc(u->n_slots, sizeof(*u->slots));
	return u->slots == NULL ? -ENOMEM : 0;
}

void vrs_universe_fini(struct vrs_universe *u)
{
	free(u->slots);
	*u = (struct vrs_universe){0};
}

/* The slot of the hash, or the empty one where it would go. */
static size_t slot_of(const struct vrs_universe *u, uint64_t hash)
{
	size_t i = hash & (u->n_slots - 1);

	while (u->slots[i] != 0 && (u->slots[i] ^ hash) >> NUMBER_BITS != 0)
		i = (i + 1) & (u->n_slots - 1);
	return i;
}

static int64_t number_at(const struct vrs_universe *u, uint64_t hash)
{
	return (int64_t)(u->slots[slot_of(u, hash)] & NUMBER_MASK) - 1;
}

int64_t vrs_universe_add(struct vrs_universe *u, const struct vrs_prefix *p)
{
	uint64_t hash = hash_of(p);
	size_t i = slot_of(u, hash);

	if (u->slots[i] != 0)
		return (int64_t)(u->slots[i] & NUMBER_MASK) - 1;
	if (u->n == u->max)
		return -ENOSPC;
	u->slots[i] = (hash & ~NUMBER_MASK) | (u->n + 1);
	return u->n++;
}

int64_t vrs_universe_find(const struct vrs_universe *u, const struct vrs_prefix *p)
{
	return number_at(u, hash_of(p));
}

/* --- Ledgers --- */

int vrs_ledger_init(struct vrs_ledger *l, const struct vrs_universe *u)
{
	*l = (struct vrs_ledger){.universe = u, .n_right = u->n};
	l->want = calloc((size_t)u->n + 1, sizeof(*l->want));
	l->have = calloc((size_t)u->n + 1, sizeof(*l->have));
	if (l->want != NULL && l->have != NULL)
		return 0;
	vrs_ledger_fini(l);
	return -ENOMEM;
}

void vrs_ledger_fini(struct vrs_ledger *l)
{
	free(l->want);
	free(l->have);
	*l = (struct vrs_ledger){0};
}

static bool agree(uint32_t want, uint32_t have)
{
	return want == have || want == VRS_LEDGER_ANY;
}

void vrs_ledger_clear(struct vrs_ledger *l)
{
	memset(l->have, 0, l->universe->n * sizeof(*l->have));
	l->n_held = l->n_right = 0;
	for (uint32_t i = 0; i < l->universe->n; i++)
		l->n_right += agree(l->want[i], 0);
}

void vrs_ledger_want(struct vrs_ledger *l, uint32_t number, uint32_t word)
{
	assert(number < l->universe->n);
	l->n_right -= agree(l->want[number], l->have[number]);
	l->want[number] = word;
	l->n_right += agree(word, l->have[number]);
}

static void tell(struct vrs_ledger *l, uint32_t number, uint32_t word)
{
	uint32_t old = l->have[number], want = l->want[number];

	l->n_right += (uint32_t)agree(want, word) - (uint32_t)agree(want, old);
	l->n_held += (uint32_t)(word != 0) - (uint32_t)(old != 0);
	l->have[number] = word;
}

size_t vrs_ledger_told(struct vrs_ledger *l, enum vrs_afi afi, struct vrs_span nlri, uint32_t word,
	vrs_ledger_fn fn, void *ctx)
{
	const struct vrs_universe *u = l->universe;
	uint64_t hashes[BATCH];
	int64_t numbers[BATCH];
	size_t total = 0, n;

	for (size_t at = 0; at < nlri.size; total += n) {
		for (n = 0; n < BATCH && at < nlri.size; n++) {
			struct vrs_prefix p;
			int size = vrs_prefix_read(&p, afi, nlri.data + at, nlri.size - at);

			if (size <= 0) /* The decoder lets none of these pass. */
				return total;
			at += (size_t)size;
			hashes[n] = hash_of(&p);
			__builtin_prefetch(&u->slots[hashes[n] & (u->n_slots - 1)]);
		}
		for (size_t i = 0; i < n; i++) {
			numbers[i] = number_at(u, hashes[i]);
			if (numbers[i] < 0)
				continue;
			__builtin_prefetch(&l->have[numbers[i]], 1);
			__builtin_prefetch(&l->want[numbers[i]]);
		}
		for (size_t i = 0; i < n; i++) {
			if (numbers[i] < 0) {
				l->n_strange += word != 0;
				continue;
			}
			uint32_t number = (uint32_t)numbers[i], old = l->have[number];
			tell(l, number, word);
			if (fn != NULL)
				fn(ctx, number, old, word);
		}
	}
	return total;
}

bool vrs_ledger_right(const struct vrs_ledger *l)
{
	return l->n_right == l->universe->n && l->n_strange == 0;
}
