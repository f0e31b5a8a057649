/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/effective.h"

#include <string.h>

#include "engine/io.h"

enum { PHASE_DEFAULT, PHASE_BGP4, PHASE_BGP6, PHASE_USER, PHASE_END };

const char *vrs_route_source_str(enum vrs_route_source source)
{
	static const char *const names[] = {
		[VRS_SOURCE_DEFAULT] = "Default",
		[VRS_SOURCE_BGP] = "VirtualNetworkGateway",
		[VRS_SOURCE_USER] = "User",
	};

	return names[source];
}

const char *vrs_route_state_str(enum vrs_route_state state)
{
	static const char *const names[] = {"Active", "Invalid", "Suppressed"};

	return names[state];
}

const char *vrs_outcome_str(enum vrs_outcome outcome)
{
	static const char *const names[] = {"active", "invalid", "shorter", "suppressed"};

	return names[outcome];
}

struct vrs_effective_view vrs_effective_view(const struct vrs_model *m, size_t nic)
{
	const struct vrs_class *c = &m->classes[m->nic_class[nic]];
	struct vrs_effective_view v = {.class = c};

	if (c->route_server >= 0 && m->servers[c->route_server] != NULL) {
		const struct vrs_server *s = m->servers[c->route_server];

		v.version = vrs_snapshot_current(s->rib->snapshot);
		v.groups = &s->table->groups;
	}
	return v;
}

static struct vrs_effective_route of_overlay(
	const struct vrs_class *c, const struct vrs_overlay_route *r)
{
	return (struct vrs_effective_route){
		.source = r->source,
		.type = r->type,
		.prefix = r->prefix,
		.next_hops = r->next_hop.afi != VRS_AFI_NONE ? &r->next_hop : NULL,
		.n_next_hops = r->next_hop.afi != VRS_AFI_NONE,
		.route_table = r->source == VRS_SOURCE_USER ? c->route_table : NULL,
	};
}

static struct vrs_effective_route of_group(
	const struct vrs_effective_view *v, const struct vrs_prefix *p, uint32_t group)
{
	const struct vrs_group *g = vrs_group_find(v->groups, group);

	return (struct vrs_effective_route){
		.source = VRS_SOURCE_BGP,
		.type = VRS_NH_VIRTUAL_NETWORK_GATEWAY,
		.prefix = *p,
		.next_hops = g != NULL ? g->next_hops : NULL,
		.n_next_hops = g != NULL ? vrs_group_size(g) : 0,
		.only = v->version->hops,
	};
}

static const struct vrs_radix_root *root_of(const struct vrs_effective_view *v, unsigned afi)
{
	return &v->version->root[afi == VRS_AFI_IP6];
}

bool vrs_effective_match(const struct vrs_effective_view *v, const struct vrs_addr *addr,
	struct vrs_effective_route *out)
{
	struct vrs_overlay_hit hit = vrs_overlay_match(v->class->overlay, addr);
	uint32_t group;
	uint8_t len;
	size_t n;

	if (hit.bgp_min_len != VRS_OVERLAY_NO_BGP && v->version != NULL &&
		vrs_version_match(v->version, v->groups, addr, hit.bgp_min_len, &group, &len)) {
		struct vrs_prefix p = vrs_prefix_of(addr, len);

		*out = of_group(v, &p, group);
		return true;
	}
	if (hit.route == VRS_OVERLAY_NO_ROUTE)
		return false;
	*out = of_overlay(v->class, &vrs_overlay_routes(v->class->overlay, &n)[hit.route]);
	return true;
}

/* --- States --- */

/* BGP's route on exactly this prefix. */
VRS_RCU_READER static bool bgp_find(
	const struct vrs_effective_view *v, const struct vrs_prefix *p, uint32_t *group)
{
	return vrs_radix_find(root_of(v, p->afi), p, group) &&
		vrs_version_usable(v->version, v->groups, *group);
}

/* Whether there is one and it reaches the class. */
VRS_RCU_READER static bool bgp_at(const struct vrs_effective_view *v, const struct vrs_prefix *p)
{
	uint32_t group;

	return v->version != NULL && vrs_overlay_bgp(v->class->overlay) && bgp_find(v, p, &group) &&
		vrs_overlay_pin_of(v->class->overlay, p) == NULL;
}

VRS_RCU_READER static void state_of_overlay(const struct vrs_effective_view *v,
	const struct vrs_overlay_route *r, struct vrs_effective_route *out)
{
	const struct vrs_overlay *o = v->class->overlay;
	const struct vrs_overlay_route *endpoint = vrs_overlay_endpoint_of(o, &r->prefix), *first;
	size_t n;

	out->state = VRS_ROUTE_INVALID;
	out->by = r->prefix;
	if (r->endpoint) {
		/* Of several endpoints on one prefix the first stands. */
		first = vrs_overlay_routes(o, &n);
		while (!first->endpoint || !vrs_prefix_equal(&first->prefix, &r->prefix))
			first++;
		if (first != r)
			return;
	} else if (r->source == VRS_SOURCE_USER && endpoint != NULL) {
		out->by = endpoint->prefix;
		return;
	} else if (r->source == VRS_SOURCE_DEFAULT) {
		if (endpoint != NULL && vrs_prefix_equal(&endpoint->prefix, &r->prefix))
			return;
		if (vrs_overlay_user_at(o, &r->prefix) != NULL || bgp_at(v, &r->prefix))
			return;
		first = vrs_overlay_routes(o, &n);
		while (!vrs_prefix_equal(&first->prefix, &r->prefix))
			first++;
		if (first != r)
			return;
	} else if (vrs_overlay_user_at(o, &r->prefix) != r) {
		return;
	}
	out->state = VRS_ROUTE_ACTIVE;
	out->by = (struct vrs_prefix){.afi = VRS_AFI_NONE};
}

static void state_of_bgp(const struct vrs_effective_view *v, struct vrs_effective_route *out)
{
	const struct vrs_overlay_route *r = vrs_overlay_pin_of(v->class->overlay, &out->prefix);

	out->state = VRS_ROUTE_ACTIVE;
	if (r != NULL)
		out->state = VRS_ROUTE_SUPPRESSED;
	else if ((r = vrs_overlay_user_at(v->class->overlay, &out->prefix)) != NULL)
		out->state = VRS_ROUTE_INVALID;
	if (r != NULL)
		out->by = r->prefix;
}

/* --- Listing --- */

VRS_RCU_READER static int list_overlay(const struct vrs_effective_view *v,
	struct vrs_effective_cursor *cursor, unsigned *budget, vrs_effective_fn fn, void *ctx)
{
	enum vrs_route_source source =
		cursor->phase == PHASE_DEFAULT ? VRS_SOURCE_DEFAULT : VRS_SOURCE_USER;
	size_t n;
	const struct vrs_overlay_route *routes = vrs_overlay_routes(v->class->overlay, &n);

	for (; cursor->index < n; cursor->index++) {
		const struct vrs_overlay_route *r = &routes[cursor->index];

		if (r->source != source ||
			(cursor->only && !vrs_prefix_equal(&r->prefix, &cursor->prefix)))
			continue;
		if (*budget == 0)
			return 1;
		--*budget;
		struct vrs_effective_route out = of_overlay(v->class, r);
		state_of_overlay(v, r, &out);
		int stop = fn(ctx, &out);
		if (stop != 0)
			return stop;
	}
	return 0;
}

struct bgp_walk {
	const struct vrs_effective_view *view;
	struct vrs_effective_cursor *cursor;
	unsigned *budget;
	vrs_effective_fn fn;
	void *ctx;
};

static int list_one(void *arg, const struct vrs_prefix *p, uint32_t group)
{
	struct bgp_walk *w = arg;

	if (w->cursor->last.afi != VRS_AFI_NONE && vrs_prefix_equal(p, &w->cursor->last))
		return 0;
	if (*w->budget == 0)
		return 1;
	--*w->budget;
	if (!vrs_version_usable(w->view->version, w->view->groups, group)) {
		w->cursor->last = *p;
		return 0;
	}
	struct vrs_effective_route out = of_group(w->view, p, group);
	state_of_bgp(w->view, &out);
	if (out.state != VRS_ROUTE_SUPPRESSED || w->cursor->all) {
		int stop = w->fn(w->ctx, &out);

		if (stop != 0)
			return stop;
	}
	w->cursor->last = *p;
	return 0;
}

VRS_RCU_READER static int list_bgp(const struct vrs_effective_view *v,
	struct vrs_effective_cursor *cursor, unsigned *budget, vrs_effective_fn fn, void *ctx)
{
	struct bgp_walk w = {v, cursor, budget, fn, ctx};
	unsigned afi = cursor->phase == PHASE_BGP4 ? VRS_AFI_IP4 : VRS_AFI_IP6;
	uint32_t group;

	if (v->version == NULL || !vrs_overlay_bgp(v->class->overlay))
		return 0;
	if (cursor->only) {
		if (cursor->prefix.afi != afi || !bgp_find(v, &cursor->prefix, &group))
			return 0;
		return list_one(&w, &cursor->prefix, group);
	}
	return vrs_radix_walk(root_of(v, afi),
		cursor->last.afi != VRS_AFI_NONE ? &cursor->last : NULL, list_one, &w);
}

int vrs_effective_list(const struct vrs_effective_view *v, struct vrs_effective_cursor *cursor,
	unsigned max, vrs_effective_fn fn, void *ctx)
{
	while (cursor->phase < PHASE_END) {
		bool bgp = cursor->phase == PHASE_BGP4 || cursor->phase == PHASE_BGP6;
		int r = (bgp ? list_bgp : list_overlay)(v, cursor, &max, fn, ctx);

		if (r != 0)
			return r;
		cursor->phase++;
		cursor->index = 0;
		cursor->last = (struct vrs_prefix){.afi = VRS_AFI_NONE};
	}
	return 0;
}

/* --- Explaining --- */

struct explain {
	const struct vrs_effective_view *view;
	const struct vrs_addr *addr;
	struct vrs_effective_route active;
	bool any;
	vrs_explain_fn fn;
	void *ctx;
};

static bool same_route(const struct vrs_effective_route *a, const struct vrs_effective_route *b)
{
	return a->source == b->source && a->type == b->type && a->next_hops == b->next_hops &&
		vrs_prefix_equal(&a->prefix, &b->prefix);
}

static void tell(struct explain *x, const struct vrs_effective_route *r)
{
	const struct vrs_overlay_route *endpoint;

	if (x->any && same_route(r, &x->active)) {
		x->fn(x->ctx, r, VRS_OUTCOME_ACTIVE,
			r->type == VRS_NH_SERVICE_ENDPOINT ? "service endpoint: before every route"
							   : "longest prefix",
			NULL);
		return;
	}
	struct vrs_prefix whole = vrs_prefix_of(x->addr, vrs_afi_width(x->addr->afi));
	endpoint = vrs_overlay_endpoint_of(x->view->class->overlay, &whole);
	if (r->state == VRS_ROUTE_SUPPRESSED)
		x->fn(x->ctx, r, VRS_OUTCOME_SUPPRESSED,
			"equal to or inside a prefix of the network, a peered network or a service "
			"endpoint",
			&r->by);
	else if (endpoint != NULL && r->type != VRS_NH_SERVICE_ENDPOINT &&
		r->prefix.len >= endpoint->prefix.len)
		x->fn(x->ctx, r, VRS_OUTCOME_INVALID, "inside a service endpoint",
			&endpoint->prefix);
	else if (r->state == VRS_ROUTE_INVALID)
		x->fn(x->ctx, r, VRS_OUTCOME_INVALID,
			"same prefix: User, then VirtualNetworkGateway, then Default", &r->by);
	else
		x->fn(x->ctx, r, VRS_OUTCOME_SHORTER, "a longer prefix matches",
			x->any ? &x->active.prefix : NULL);
}

VRS_RCU_READER static void explain_bgp(struct explain *x, bool active)
{
	const struct vrs_effective_view *v = x->view;
	unsigned afi = x->addr->afi;

	if (v->version == NULL || !vrs_overlay_bgp(v->class->overlay))
		return;
	struct vrs_radix_cover covers[VRS_RADIX_COVERS];
	unsigned n = vrs_radix_covers(root_of(v, afi), x->addr, covers);

	while (n-- > 0) {
		struct vrs_prefix p = vrs_prefix_of(x->addr, covers[n].len);

		if (!vrs_version_usable(v->version, v->groups, covers[n].value))
			continue;
		struct vrs_effective_route r = of_group(v, &p, covers[n].value);
		state_of_bgp(v, &r);
		if (same_route(&r, &x->active) == active)
			tell(x, &r);
	}
}

VRS_RCU_READER static void explain_overlay(struct explain *x, bool active)
{
	size_t n;
	const struct vrs_overlay_route *routes = vrs_overlay_routes(x->view->class->overlay, &n);

	/* Longest first: sorted by address and length, so those that cover come in length order. */
	for (size_t i = n; i-- > 0;) {
		if (!vrs_prefix_covers_addr(&routes[i].prefix, x->addr))
			continue;
		struct vrs_effective_route r = of_overlay(x->view->class, &routes[i]);
		state_of_overlay(x->view, &routes[i], &r);
		if (same_route(&r, &x->active) == active)
			tell(x, &r);
	}
}

void vrs_effective_explain(const struct vrs_effective_view *v, const struct vrs_addr *addr,
	vrs_explain_fn fn, void *ctx)
{
	struct explain x = {.view = v, .addr = addr, .fn = fn, .ctx = ctx};

	x.any = vrs_effective_match(v, addr, &x.active);
	for (int active = 1; active >= 0; active--) {
		if (active && !x.any)
			continue;
		explain_bgp(&x, active);
		explain_overlay(&x, active);
	}
}
