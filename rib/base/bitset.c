/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/base/bitset.h"

#include <errno.h>
#include <string.h>

enum { LEVELS = 3 };

void vrs_bitset_init(struct vrs_bitset *b, enum vrs_mem_tag tag)
{
	memset(b, 0, sizeof(*b));
	b->tag = tag;
}

void vrs_bitset_fini(struct vrs_bitset *b)
{
	for (unsigned l = 0; l < LEVELS; l++)
		vrs_mem_free(b->tag, b->level[l], b->words[l] * sizeof(uint64_t));
	vrs_bitset_init(b, b->tag);
}

int vrs_bitset_copy(struct vrs_bitset *to, const struct vrs_bitset *from)
{
	for (unsigned l = 0; l < LEVELS; l++) {
		if (from->words[l] == 0)
			continue;
		to->level[l] = vrs_mem_alloc(to->tag, from->words[l] * sizeof(uint64_t));
		if (to->level[l] == NULL) {
			vrs_bitset_fini(to);
			return -ENOMEM;
		}
		memcpy(to->level[l], from->level[l], from->words[l] * sizeof(uint64_t));
		to->words[l] = from->words[l];
	}
	to->n = from->n;
	return 0;
}

bool vrs_bitset_equal(const struct vrs_bitset *a, const struct vrs_bitset *b)
{
	size_t words = a->words[0] < b->words[0] ? a->words[0] : b->words[0];

	/* As many members, and the same ones below the shorter one's end: there are no others. */
	return a->n == b->n &&
		(words == 0 || memcmp(a->level[0], b->level[0], words * sizeof(*a->level[0])) == 0);
}

/* Each level doubles on its own, so a failure half-way leaves a larger but sound set. */
static int grow(struct vrs_bitset *b, uint32_t i)
{
	size_t need = (size_t)i / 64 + 1;

	for (unsigned l = 0; l < LEVELS; l++, need = (need + 63) / 64) {
		if (need <= b->words[l])
			continue;
		size_t words = VRS_MAX(need, VRS_MAX(b->words[l] * 2, (size_t)16));
		uint64_t *w = vrs_mem_realloc(
			b->tag, b->level[l], b->words[l] * sizeof(*w), words * sizeof(*w));

		if (w == NULL)
			return -ENOMEM;
		memset(w + b->words[l], 0, (words - b->words[l]) * sizeof(*w));
		b->level[l] = w;
		b->words[l] = words;
		need = words;
	}
	return 0;
}

int vrs_bitset_add(struct vrs_bitset *b, uint32_t i)
{
	if (VRS_UNLIKELY((size_t)i / 64 >= b->words[0])) {
		int err = grow(b, i);

		if (err != 0)
			return err;
	}
	if (vrs_bitset_has(b, i))
		return 0;
	for (unsigned l = 0; l < LEVELS; l++, i /= 64) {
		uint64_t *w = &b->level[l][i / 64];
		bool was = *w != 0;

		*w |= 1ull << i % 64;
		if (was)
			break;
	}
	b->n++;
	return 1;
}

bool vrs_bitset_remove(struct vrs_bitset *b, uint32_t i)
{
	if (!vrs_bitset_has(b, i))
		return false;
	for (unsigned l = 0; l < LEVELS; l++, i /= 64) {
		uint64_t *w = &b->level[l][i / 64];

		*w &= ~(1ull << i % 64);
		if (*w != 0)
			break;
	}
	b->n--;
	return true;
}

/* The first set bit at or after `from` in one level; -1 when there is none. */
static int64_t next_at(const struct vrs_bitset *b, unsigned l, uint64_t from)
{
	uint64_t word = from / 64;

	if (word >= b->words[l])
		return -1;
	uint64_t rest = b->level[l][word] & ~0ull << from % 64;
	if (rest != 0)
		return (int64_t)(word * 64 + (uint64_t)__builtin_ctzll(rest));
	if (l + 1 == LEVELS) {
		for (word++; word < b->words[l]; word++)
			if (b->level[l][word] != 0)
				return (int64_t)(word * 64 +
					(uint64_t)__builtin_ctzll(b->level[l][word]));
		return -1;
	}
	int64_t up = next_at(b, l + 1, word + 1); /* NOLINT(misc-no-recursion): three levels */
	if (up < 0)
		return -1;
	return up * 64 + __builtin_ctzll(b->level[l][up]);
}

int64_t vrs_bitset_next(const struct vrs_bitset *b, uint32_t from)
{
	return b->n == 0 ? -1 : next_at(b, 0, from);
}
