/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/hop_rule.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/mem.h"
#include "rib/group.h"

static int cmp(const void *a, const void *b)
{
	return vrs_prefix_cmp(a, b);
}

struct vrs_hop_rule *vrs_hop_rule_new(
	const struct vrs_prefix *in, size_t n, const struct vrs_addr *except, size_t n_except)
{
	struct vrs_hop_rule *r = vrs_mem_zalloc(VRS_MEM_OTHER, sizeof(*r) + n * sizeof(r->in[0]));

	if (r == NULL)
		return NULL;
	assert(n_except <= VRS_HOP_RULE_EXCEPT);
	atomic_init(&r->refs, 1);
	r->cap = n;
	r->n_except = (uint32_t)n_except;
	for (size_t i = 0; i < n_except; i++)
		r->except[i] = except[i];
	for (size_t i = 0; i < n; i++)
		r->in[i] = in[i];
	qsort(r->in, n, sizeof(r->in[0]), cmp);
	for (size_t i = 0; i < n; i++)
		if (r->n == 0 || !vrs_prefix_covers(&r->in[r->n - 1], &r->in[i]))
			r->in[r->n++] = r->in[i];
	return r;
}

struct vrs_hop_rule *vrs_hop_rule_get(struct vrs_hop_rule *r)
{
	if (r != NULL)
		atomic_fetch_add(&r->refs, 1);
	return r;
}

void vrs_hop_rule_put(struct vrs_hop_rule *r)
{
	if (r != NULL && atomic_fetch_sub(&r->refs, 1) == 1)
		vrs_mem_free(VRS_MEM_OTHER, r, sizeof(*r) + r->cap * sizeof(r->in[0]));
}

static bool excepted(const struct vrs_hop_rule *r, const struct vrs_addr *hop)
{
	for (uint32_t i = 0; i < r->n_except; i++)
		if (vrs_addr_equal(&r->except[i], hop))
			return true;
	return false;
}

/* The one that covers @p p, or NULL. */
static const struct vrs_prefix *covering(const struct vrs_hop_rule *r, const struct vrs_prefix *p)
{
	size_t low = 0, high = r->n;

	/* The last that does not come after it: none lies inside another, so no other may cover it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (vrs_prefix_cmp(&r->in[middle], p) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && vrs_prefix_covers(&r->in[low - 1], p) ? &r->in[low - 1] : NULL;
}

bool vrs_hop_rule_allows(const struct vrs_hop_rule *r, const struct vrs_addr *hop)
{
	if (hop->afi == VRS_AFI_NONE || excepted(r, hop))
		return false;
	struct vrs_prefix p = vrs_prefix_of(hop, vrs_afi_width(hop->afi));
	return covering(r, &p) != NULL;
}

bool vrs_hop_rule_equal(const struct vrs_hop_rule *a, const struct vrs_hop_rule *b)
{
	return a->n == b->n && a->n_except == b->n_except &&
		memcmp(a->except, b->except, sizeof(a->except)) == 0 &&
		memcmp(a->in, b->in, a->n * sizeof(a->in[0])) == 0;
}

bool vrs_hop_rule_wider(const struct vrs_hop_rule *now, const struct vrs_hop_rule *old)
{
	if (old == NULL)
		return true;
	for (size_t i = 0; i < now->n; i++)
		if (covering(old, &now->in[i]) == NULL)
			return true;
	for (uint32_t i = 0; i < old->n_except; i++)
		if (vrs_hop_rule_allows(now, &old->except[i]))
			return true;
	return false;
}

size_t vrs_hop_rule_pick(
	const struct vrs_hop_rule *r, const struct vrs_group *g, struct vrs_addr *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < vrs_group_size(g); i++) {
		if (r != NULL && !vrs_hop_rule_allows(r, &g->next_hops[i]))
			continue;
		if (n < cap)
			out[n] = g->next_hops[i];
		n++;
	}
	return n;
}
