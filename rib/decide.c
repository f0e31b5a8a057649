/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/decide.h"

#include "rib/base/macro.h"

const char *vrs_path_reason_str(enum vrs_path_reason reason)
{
	static const char *const names[] = {
		[VRS_PATH_OWN_AS] = "own-as",
		[VRS_PATH_FIRST_AS] = "first-as",
		[VRS_PATH_NEXT_HOP] = "next-hop",
		[VRS_PATH_MARTIAN] = "martian",
		[VRS_PATH_LIMIT] = "limit",
		[VRS_PATH_OTC] = "otc",
		[VRS_PATH_CLUSTER_LIST] = "cluster-loop",
	};

	return reason < VRS_N_ELEMS(names) ? names[reason] : NULL;
}

/* VPN against NVA is never a class: only ExpressRoute stands apart. */
static unsigned class_rank(const struct vrs_path_source *source, enum vrs_preference preference)
{
	bool er = source->class == VRS_CLASS_EXPRESSROUTE;

	switch (preference) {
	case VRS_PREFERENCE_EXPRESSROUTE:
		return er;
	case VRS_PREFERENCE_VPN:
		return !er;
	case VRS_PREFERENCE_NONE:
		break;
	}
	return 0;
}

static uint32_t path_len(const struct vrs_candidate *c)
{
	return VRS_MIN(c->attrs->path_len, 1023u);
}

static uint32_t router_id(const struct vrs_candidate *c)
{
	return c->attrs->flags & VRS_ATTRS_HAS_ORIGINATOR ? c->attrs->originator_id
							  : c->source->router_id;
}

static int cmp(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Each step: > 0 when a is better than b. */
typedef int (*step_fn)(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p);

static int by_usable(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return cmp(a->reason == VRS_PATH_USABLE, b->reason == VRS_PATH_USABLE);
}

static int by_stale(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return cmp(!a->stale, !b->stale);
}

static int by_class(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return cmp(class_rank(a->source, p), class_rank(b->source, p));
}

static int by_local_pref(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return cmp(a->attrs->local_pref, b->attrs->local_pref);
}

static int by_path_len(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return cmp(path_len(b), path_len(a));
}

static int by_origin(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return cmp(b->attrs->origin, a->attrs->origin);
}

static int by_med(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	if (a->attrs->first_as != b->attrs->first_as)
		return 0;
	return cmp(b->attrs->med, a->attrs->med);
}

static int by_ebgp(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return cmp(a->source->ebgp, b->source->ebgp);
}

static int by_router_id(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return cmp(router_id(b), router_id(a));
}

static int by_cluster_list(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return cmp(b->attrs->cluster_len, a->attrs->cluster_len);
}

static int by_peer_address(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return -vrs_addr_cmp(&a->source->addr, &b->source->addr);
}

static int by_instance(
	const struct vrs_candidate *a, const struct vrs_candidate *b, enum vrs_preference p)
{
	return cmp(b->source->instance, a->source->instance);
}

static const struct {
	const char *name;
	step_fn compare;
} steps[] = {
	[VRS_STEP_USABLE] = {"unusable", by_usable},
	[VRS_STEP_STALE] = {"stale", by_stale},
	[VRS_STEP_CLASS] = {"preference-class", by_class},
	[VRS_STEP_LOCAL_PREF] = {"local-pref", by_local_pref},
	[VRS_STEP_PATH_LEN] = {"as-path-length", by_path_len},
	[VRS_STEP_ORIGIN] = {"origin", by_origin},
	[VRS_STEP_MED] = {"med", by_med},
	[VRS_STEP_EBGP] = {"ebgp", by_ebgp},
	[VRS_STEP_ROUTER_ID] = {"router-id", by_router_id},
	[VRS_STEP_CLUSTER_LIST] = {"cluster-list", by_cluster_list},
	[VRS_STEP_PEER_ADDRESS] = {"peer-address", by_peer_address},
	[VRS_STEP_INSTANCE] = {"instance", by_instance},
};
static_assert(VRS_N_ELEMS(steps) == VRS_STEP_NONE, "one row per step");

const char *vrs_decide_step_str(enum vrs_decide_step step)
{
	return (unsigned)step < VRS_STEP_NONE ? steps[step].name : NULL;
}

uint64_t vrs_decide_fact(const struct vrs_attrs_info *a)
{
	bool ties = a->med != 0 || a->cluster_len != 0 || a->flags & VRS_ATTRS_HAS_ORIGINATOR;

	/* LOCAL_PREF 43..12, path length 11..2, origin 1..0, as in the key */
	return (uint64_t)a->local_pref << 12 | (uint64_t)(1023 - VRS_MIN(a->path_len, 1023u)) << 2 |
		(uint64_t)(3 - VRS_MIN(a->origin, 3u)) | (ties ? VRS_FACT_TIES : 0) |
		(a->flags & VRS_ATTRS_NO_EXPORT ? VRS_FACT_NO_EXPORT : 0) |
		(a->flags & VRS_ATTRS_NO_ADVERTISE ? VRS_FACT_NO_ADVERTISE : 0);
}

uint64_t vrs_decide_key(uint64_t fact, const struct vrs_path_source *source,
	enum vrs_path_reason reason, bool stale, enum vrs_preference preference)
{
	/* usable 63, fresh 62, class 44, then the fact's */
	return (reason == VRS_PATH_USABLE ? VRS_KEY_USABLE : 0) | (uint64_t)!stale << 62 |
		(uint64_t)class_rank(source, preference) << 44 | (fact & VRS_FACT_KEY);
}

int vrs_decide_source_cmp(const struct vrs_path_source *a, const struct vrs_path_source *b)
{
	if (a->ebgp != b->ebgp)
		return cmp(a->ebgp, b->ebgp);
	if (a->router_id != b->router_id)
		return cmp(b->router_id, a->router_id);
	int r = -vrs_addr_cmp(&a->addr, &b->addr);
	return r != 0 ? r : cmp(b->instance, a->instance);
}

/* Whether some candidate of the same neighbour AS has a lower MED (RFC 4271 9.1.2.2 c). */
static bool med_loses(const struct vrs_candidate *c, size_t n, size_t i)
{
	for (size_t j = 0; j < n; j++)
		if (by_med(&c[j], &c[i], VRS_PREFERENCE_NONE) > 0)
			return true;
	return false;
}

void vrs_decide_best(struct vrs_candidate *c, size_t n)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++) {
		if (med_loses(c, n, i))
			continue;
		if (best == n) {
			best = i;
			continue;
		}
		for (unsigned s = VRS_STEP_EBGP; s < VRS_STEP_NONE; s++) {
			int r = steps[s].compare(&c[i], &c[best], VRS_PREFERENCE_NONE);

			if (r > 0)
				best = i;
			if (r != 0)
				break;
		}
	}
	struct vrs_candidate t = c[0];
	c[0] = c[best];
	c[best] = t;
}

enum vrs_decide_step vrs_decide_why(
	const struct vrs_candidate *c, size_t n_set, size_t i, enum vrs_preference preference)
{
	/* MED may have put it out in favour of a third one, which lost later. */
	if (i > 0 && i < n_set && med_loses(c, n_set, i))
		return VRS_STEP_MED;
	for (unsigned s = i < n_set ? VRS_STEP_EBGP : VRS_STEP_USABLE; s < VRS_STEP_NONE; s++)
		if (steps[s].compare(&c[0], &c[i], preference) != 0)
			return s;
	return VRS_STEP_NONE;
}

bool vrs_prefix_martian(const struct vrs_prefix *p)
{
	const uint8_t *a = p->addr;

	if (p->afi == VRS_AFI_IP4) {
		/* A prefix is martian when it lies in a martian block; 0/0 and other covering
		 * prefixes are routes like any other. */
		return (p->len >= 8 && (a[0] == 0 || a[0] == 127)) || (p->len >= 3 && a[0] >= 224);
	}
	return (p->len >= 10 && a[0] == 0xfe && (a[1] & 0xc0) == 0x80) ||
		(p->len >= 8 && a[0] == 0xff);
}
