/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Look-ups: the class's overlay, the longest match in the snapshot, and which of them wins
 * (vrs_effective_match() does the same one at a time, for tables and explanations).
 *
 * Many at once go in bursts of 32, stage by stage, so that the misses of a stage overlap: class,
 * overlay, tree, group. The tree's stage wants addresses of one tree in a row: as a rule a burst has
 * one tree and its addresses are used where they lie, else they are gathered by tree.
 */

#include <errno.h>
#include <string.h>

#include "engine/vrs_internal.h"

enum { BURST = VRS_OVERLAY_BURST, MEMO = 64 };

static const struct vrs_answer nothing = {.source = VRS_FROM_NOTHING};

/* Answers of groups met in one call: a table has a few, and finding one is three loads. */
struct memo {
	uint32_t groups[MEMO]; /* By group; 0 = none. */
	const struct vrs_group_store *stores[MEMO];
	struct vrs_answer answers[MEMO];
};

static inline void memo_init(struct memo *m)
{
	memset(m->groups, 0, sizeof(m->groups));
}

/* @param rule  Of the version; NULL: none. */
static inline void answer_bgp(const struct vrs_view_class *c, const struct vrs_hop_rule *rule,
	uint32_t group, uint8_t len, struct vrs_answer *out)
{
	const struct vrs_group *g = vrs_group_find(c->groups, group);

	*out = (struct vrs_answer){
		.prefix_len = len,
		.source = VRS_FROM_BGP,
		.type = VRS_HOP_VIRTUAL_NETWORK_GATEWAY,
		.group = group,
	};
	/* A version that a reader sees keeps its groups; this is against our own mistakes. */
	if (g == NULL)
		return;
	if (rule != NULL) {
		out->n_next_hops =
			(uint32_t)vrs_hop_rule_pick(rule, g, (struct vrs_addr *)&out->next_hop, 1);
		return;
	}
	memcpy(&out->next_hop, &g->next_hops[0], sizeof(out->next_hop));
	out->n_next_hops = (uint32_t)vrs_group_size(g);
}

static inline void answer_again(struct memo *m, const struct vrs_view_class *c, uint32_t group,
	uint8_t len, struct vrs_answer *out)
{
	unsigned at = group % MEMO;

	if (m->groups[at] != group || m->stores[at] != c->groups) {
		answer_bgp(c, NULL, group, len, &m->answers[at]);
		m->groups[at] = group;
		m->stores[at] = c->groups;
	}
	*out = m->answers[at];
	out->prefix_len = len;
}

static inline void answer_overlay(
	const struct vrs_view_class *c, uint32_t route, struct vrs_answer *out)
{
	size_t n;

	if (route == VRS_OVERLAY_NO_ROUTE) {
		*out = nothing;
		return;
	}
	const struct vrs_overlay_route *r = &vrs_overlay_routes(c->overlay, &n)[route];
	*out = (struct vrs_answer){
		.prefix_len = r->prefix.len,
		.source = vrs_source_out(r->source),
		.type = r->type,
		.n_next_hops = r->next_hop.afi != VRS_AFI_NONE,
	};
	memcpy(&out->next_hop, &r->next_hop, sizeof(out->next_hop));
}

static inline bool good_family(const struct vrs_ip *ip)
{
	return ip->family == VRS_IP4 || ip->family == VRS_IP6;
}

static inline bool bgp_wins(struct vrs_overlay_hit hit, uint8_t len)
{
	/* A miss is VRS_RADIX_MISS, which is VRS_OVERLAY_NO_BGP too. */
	return len != VRS_RADIX_MISS && len >= hit.bgp_min_len;
}

/* The version that look-ups of a class are to see; NULL: BGP does not reach it. */
VRS_RCU_READER static inline const struct vrs_version *version_of(const struct vrs_view_class *c)
{
	return c->snapshot != NULL ? vrs_snapshot_current(c->snapshot) : NULL;
}

VRS_RCU_READER static void look(const struct vrs_view_class *c, const struct vrs_version *v,
	const struct vrs_ip *ip, struct vrs_answer *out)
{
	const struct vrs_addr *addr = vrs_ip_in(ip);
	struct vrs_overlay_hit hit = vrs_overlay_match(c->overlay, addr);
	uint8_t len;
	uint32_t group;

	if (hit.bgp_min_len != VRS_OVERLAY_NO_BGP && v != NULL &&
		vrs_version_match(v, c->groups, addr, hit.bgp_min_len, &group, &len))
		answer_bgp(c, v->hops, group, len, out);
	else
		answer_overlay(c, hit.route, out);
}

int vrs_effective(struct vrs *v, uint32_t nic, const struct vrs_ip *addr, struct vrs_answer *out)
{
	struct vrs_answer a = nothing;
	int err = 0;

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	if (!good_family(addr))
		return -EAFNOSUPPORT;
	vrs_rcu_enter();
	const struct vrs_view_class *c = vrs_view_class_of(vrs_view_of(v), nic);
	if (c != NULL)
		look(c, version_of(c), addr, &a);
	else
		err = -ENOENT;
	vrs_rcu_leave();
	if (err == 0 && a.source == VRS_FROM_NOTHING)
		err = -ENETUNREACH;
	if (err == 0)
		*out = a;
	return err;
}

/* --- Many --- */

struct found {
	uint32_t groups[BURST];
	uint8_t lens[BURST];
};

/* The longest match of each address in its tree (NULL: none is asked). */
VRS_RCU_READER static void match_trees(const struct vrs_radix_root **roots,
	const struct vrs_ip *addrs, unsigned n, struct found *f)
{
	struct vrs_addr part[BURST];
	uint32_t groups[BURST];
	uint8_t at[BURST], lens[BURST];
	bool todo[BURST];

	for (unsigned i = 0; i < n; i++) {
		todo[i] = roots[i] != NULL;
		f->lens[i] = VRS_RADIX_MISS;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned k = 0;

		for (unsigned j = i; todo[i] && j < n; j++)
			if (roots[j] == roots[i])
				at[k++] = (uint8_t)j;
		if (k == n) {
			vrs_radix_match_bulk(roots[0], vrs_ip_in(addrs), n, f->groups, f->lens);
			return;
		}
		if (k == 0)
			continue;
		for (unsigned j = 0; j < k; j++)
			memcpy(&part[j], &addrs[at[j]], sizeof(part[j]));
		vrs_radix_match_bulk(roots[i], part, k, groups, lens);
		for (unsigned j = 0; j < k; j++) {
			f->groups[at[j]] = groups[j];
			f->lens[at[j]] = lens[j];
			todo[at[j]] = false;
		}
	}
}

/* All of one family and version; NULL: BGP has nothing. */
VRS_RCU_READER static inline void match_tree(
	const struct vrs_version *v, const struct vrs_ip *addrs, unsigned n, struct found *f)
{
	if (v != NULL)
		vrs_radix_match_bulk(&v->root[addrs[0].family == VRS_IP6], vrs_ip_in(addrs), n,
			f->groups, f->lens);
	else
		memset(f, VRS_RADIX_MISS, sizeof(*f));
}

/* Addresses of one family, all there are as a rule, go in step; a mixture one by one, and all while next
 * hops that may not be used have to be passed over. */
VRS_RCU_READER static void look_burst(struct memo *m, const struct vrs_view_class *c,
	const struct vrs_version *v, const struct vrs_ip *addrs, unsigned n, struct vrs_answer *out)
{
	struct vrs_overlay_hit hits[BURST];
	struct found f;
	bool mixed = !good_family(&addrs[0]) || (v != NULL && v->hops != NULL);

	for (unsigned i = 1; i < n; i++)
		mixed |= addrs[i].family != addrs[0].family;
	for (unsigned i = 0; mixed && i < n; i++) {
		if (good_family(&addrs[i]))
			look(c, v, &addrs[i], &out[i]);
		else
			out[i] = nothing;
	}
	if (mixed)
		return;
	vrs_overlay_match_bulk(c->overlay, vrs_ip_in(addrs), n, hits);
	match_tree(v, addrs, n, &f);
	for (unsigned i = 0; i < n; i++) {
		if (bgp_wins(hits[i], f.lens[i]))
			answer_again(m, c, f.groups[i], f.lens[i], &out[i]);
		else
			answer_overlay(c, hits[i].route, &out[i]);
	}
}

int vrs_effective_bulk(
	struct vrs *v, uint32_t nic, const struct vrs_ip *addrs, size_t n, struct vrs_answer *out)
{
	struct memo memo;
	int err = 0;

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	memo_init(&memo);
	vrs_rcu_enter();
	const struct vrs_view_class *c = vrs_view_class_of(vrs_view_of(v), nic);
	const struct vrs_version *version = NULL;
	if (c == NULL) {
		err = -ENOENT;
		n = 0;
	} else if (vrs_overlay_bgp(c->overlay)) {
		version = version_of(c);
	}
	for (size_t at = 0; at < n; at += BURST)
		look_burst(&memo, c, version, addrs + at, (unsigned)VRS_MIN(n - at, (size_t)BURST),
			out + at);
	vrs_rcu_leave();
	return err;
}

VRS_RCU_READER static void look_burst_many(struct memo *m,
	const struct vrs_view_class *const *classes, const struct vrs_version *const *versions,
	const struct vrs_ip *addrs, unsigned n, struct vrs_answer *out)
{
	const struct vrs_overlay *overlays[BURST];
	const struct vrs_radix_root *roots[BURST];
	struct vrs_overlay_hit hits[BURST];
	struct found f;

	for (unsigned i = 0; i < n; i++)
		overlays[i] = classes[i]->overlay;
	vrs_overlay_match_many(overlays, vrs_ip_in(addrs), n, hits);
	for (unsigned i = 0; i < n; i++) {
		roots[i] = NULL;
		if (hits[i].bgp_min_len != VRS_OVERLAY_NO_BGP && versions[i] != NULL)
			roots[i] = &versions[i]->root[addrs[i].family == VRS_IP6];
	}
	match_trees(roots, addrs, n, &f);
	for (unsigned i = 0; i < n; i++) {
		if (bgp_wins(hits[i], f.lens[i]))
			answer_again(m, classes[i], f.groups[i], f.lens[i], &out[i]);
		else
			answer_overlay(classes[i], hits[i].route, &out[i]);
	}
}

/* A burst in step when every address has a class and a family, and every class's version is as good as its
 * groups; else one by one. */
VRS_RCU_READER static void look_some(struct memo *m, const struct vrs_view *w, const uint32_t *nics,
	const struct vrs_ip *addrs, unsigned n, struct vrs_answer *out)
{
	const struct vrs_view_class *classes[BURST];
	const struct vrs_version *versions[BURST];
	unsigned good = 0;

	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch(&w->class_of[nics[i] < w->n_handles ? nics[i] : 0]);
	for (unsigned i = 0; i < n; i++) {
		classes[i] = good_family(&addrs[i]) ? vrs_view_class_of(w, nics[i]) : NULL;
		__builtin_prefetch(classes[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		versions[i] = classes[i] != NULL ? version_of(classes[i]) : NULL;
		good += classes[i] != NULL && (versions[i] == NULL || versions[i]->hops == NULL);
	}
	if (good == n) {
		look_burst_many(m, classes, versions, addrs, n, out);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		if (classes[i] != NULL)
			look(classes[i], versions[i], &addrs[i], &out[i]);
		else
			out[i] = nothing;
	}
}

int vrs_effective_many(struct vrs *v, const uint32_t *nics, const struct vrs_ip *addrs, size_t n,
	struct vrs_answer *out)
{
	struct memo memo;

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	memo_init(&memo);
	vrs_rcu_enter();
	const struct vrs_view *w = vrs_view_of(v);
	for (size_t at = 0; at < n; at += BURST)
		look_some(&memo, w, nics + at, addrs + at, (unsigned)VRS_MIN(n - at, (size_t)BURST),
			out + at);
	vrs_rcu_leave();
	return 0;
}

/* --- Next hops --- */

int vrs_next_hops(struct vrs *v, uint32_t nic, const struct vrs_answer *answer, struct vrs_ip *out,
	size_t cap)
{
	int n = (int)answer->n_next_hops;

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	if (answer->group == 0) {
		if (n > 0 && cap > 0)
			out[0] = answer->next_hop;
		return n;
	}
	vrs_rcu_enter();
	const struct vrs_view_class *c = vrs_view_class_of(vrs_view_of(v), nic);
	const struct vrs_group *g =
		c != NULL && c->groups != NULL ? vrs_group_find(c->groups, answer->group) : NULL;
	const struct vrs_hop_rule *rule = g != NULL ? version_of(c)->hops : NULL;
	struct vrs_addr first;
	/* The id may name another group by now, or all of it may be used again. */
	if (g == NULL || vrs_hop_rule_pick(rule, g, &first, 1) != answer->n_next_hops ||
		(n > 0 && memcmp(&first, &answer->next_hop, sizeof(first)) != 0))
		n = -ESTALE;
	else
		(void)vrs_hop_rule_pick(rule, g, (struct vrs_addr *)out, cap);
	vrs_rcu_leave();
	return n;
}
