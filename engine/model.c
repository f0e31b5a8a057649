/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/model.h"

#include <stdlib.h>
#include <string.h>

#include "rib/hop_rule.h"

struct routes {
	struct vrs_overlay_route *at;
	size_t n, cap;
	bool failed;
};

static void add(struct routes *r, const struct vrs_prefix *p, enum vrs_route_source source,
	enum vrs_next_hop_type type)
{
	if (r->n == r->cap) {
		size_t cap = r->cap == 0 ? 32 : r->cap * 2;
		struct vrs_overlay_route *at = realloc(r->at, cap * sizeof(*at));

		if (at == NULL) {
			r->failed = true;
			return;
		}
		r->at = at;
		r->cap = cap;
	}
	r->at[r->n] = (struct vrs_overlay_route){
		.prefix = *p,
		.source = (uint8_t)source,
		.type = (uint8_t)type,
		.pinned = type == VRS_NH_VNET_PEERING || type == VRS_NH_SERVICE_ENDPOINT ||
			(type == VRS_NH_VNET_LOCAL && source == VRS_SOURCE_DEFAULT),
		.endpoint = type == VRS_NH_SERVICE_ENDPOINT,
		.tag = (uint32_t)r->n,
	};
	r->n++;
}

/* A default route of the platform, left out where the network's own prefixes hide it. */
static void add_default(struct routes *r, const struct vrs_cfg_vnet *v, const char *text,
	enum vrs_next_hop_type type)
{
	struct vrs_prefix p;

	if (vrs_prefix_parse(&p, text) != 0)
		return;
	for (size_t i = 0; i < v->n_prefixes; i++)
		if (vrs_prefix_covers(&v->prefixes[i], &p))
			return;
	add(r, &p, VRS_SOURCE_DEFAULT, type);
}

static bool has_ip6(const struct vrs_cfg_vnet *v)
{
	for (size_t i = 0; i < v->n_prefixes; i++)
		if (v->prefixes[i].afi == VRS_AFI_IP6)
			return true;
	return false;
}

static void add_system(struct routes *r, const struct vrs_config *c, const struct vrs_cfg_vnet *v,
	const struct vrs_cfg_subnet *s)
{
	for (size_t i = 0; i < v->n_prefixes; i++)
		add(r, &v->prefixes[i], VRS_SOURCE_DEFAULT, VRS_NH_VNET_LOCAL);
	for (size_t i = 0; i < v->n_peerings; i++) {
		const struct vrs_cfg_vnet_peering *p = &v->peerings[i];

		if (!p->connected)
			continue;
		const struct vrs_cfg_vnet *remote = &c->vnets[p->remote_index];
		for (size_t j = 0; j < remote->n_prefixes; j++)
			add(r, &remote->prefixes[j], VRS_SOURCE_DEFAULT, VRS_NH_VNET_PEERING);
	}
	for (size_t i = 0; i < s->n_service_endpoints; i++) {
		const struct vrs_cfg_service_endpoint *e = &s->service_endpoints[i];

		for (size_t j = 0; j < e->n_prefixes; j++)
			add(r, &e->prefixes[j], VRS_SOURCE_DEFAULT, VRS_NH_SERVICE_ENDPOINT);
	}
	add_default(r, v, "0.0.0.0/0", VRS_NH_INTERNET);
	add_default(r, v, "10.0.0.0/8", VRS_NH_NONE);
	add_default(r, v, "172.16.0.0/12", VRS_NH_NONE);
	add_default(r, v, "192.168.0.0/16", VRS_NH_NONE);
	add_default(r, v, "100.64.0.0/10", VRS_NH_NONE);
	if (has_ip6(v))
		add_default(r, v, "::/0", VRS_NH_INTERNET);
}

/* The route server that NICs of a network hear: its own, or that of the peered network whose
 * gateway it uses. */
static int route_server_of(const struct vrs_config *c, const struct vrs_cfg_vnet *v)
{
	if (v->route_server_index >= 0)
		return v->route_server_index;
	for (size_t i = 0; i < v->n_peerings; i++) {
		const struct vrs_cfg_vnet_peering *p = &v->peerings[i];

		if (p->connected && p->use_remote_gateways)
			return c->vnets[p->remote_index].route_server_index;
	}
	return -1;
}

static bool class_build(struct vrs_class *class, const struct vrs_config *c, int vnet, int subnet)
{
	const struct vrs_cfg_vnet *v = &c->vnets[vnet];
	const struct vrs_cfg_subnet *s = &v->subnets[subnet];
	struct routes r = {0};
	bool bgp = true;

	*class = (struct vrs_class){
		.vnet = vnet, .subnet = subnet, .route_server = route_server_of(c, v)};
	add_system(&r, c, v, s);
	if (s->route_table_index >= 0) {
		const struct vrs_cfg_route_table *t = &c->route_tables[s->route_table_index];

		class->route_table = t->name;
		bgp = !t->disable_bgp_propagation;
		for (size_t i = 0; i < t->n_routes; i++) {
			add(&r, &t->routes[i].prefix, VRS_SOURCE_USER, t->routes[i].next_hop_type);
			if (!r.failed)
				r.at[r.n - 1].next_hop = t->routes[i].next_hop;
		}
	}
	if (!r.failed)
		class->overlay = vrs_overlay_new(r.at, r.n, bgp && class->route_server >= 0);
	free(r.at);
	return class->overlay != NULL;
}

/* Whether two subnets of one network give their NICs the same routes. */
static bool same_class(const struct vrs_cfg_subnet *a, const struct vrs_cfg_subnet *b)
{
	return a == b ||
		(a->route_table_index == b->route_table_index && a->n_service_endpoints == 0 &&
			b->n_service_endpoints == 0);
}

/* @param seen  By network and subnet: one more than the class of a NIC there; 0 = none yet. */
static bool classify(struct vrs_model *m, size_t nic, uint32_t *const *seen)
{
	const struct vrs_config *c = m->config;
	const struct vrs_cfg_nic *n = &c->nics[nic];
	const struct vrs_cfg_vnet *v = &c->vnets[n->vnet_index];
	uint32_t *known = &seen[n->vnet_index][n->subnet_index];

	for (size_t i = *known != 0 ? *known - 1 : 0; i < m->n_classes; i++) {
		if (m->classes[i].vnet != n->vnet_index ||
			!same_class(
				&v->subnets[m->classes[i].subnet], &v->subnets[n->subnet_index]))
			continue;
		m->nic_class[nic] = (uint32_t)i;
		*known = (uint32_t)i + 1;
		return true;
	}
	m->nic_class[nic] = (uint32_t)m->n_classes;
	*known = (uint32_t)m->n_classes + 1;
	return class_build(&m->classes[m->n_classes++], c, n->vnet_index, n->subnet_index);
}

/* The class of every NIC. @return false: out of memory. */
static bool classify_all(struct vrs_model *m, size_t n_subnets)
{
	const struct vrs_config *c = m->config;
	uint32_t *slots = calloc(n_subnets + 1, sizeof(*slots)), *at = slots;
	uint32_t **seen = calloc(c->n_vnets + 1, sizeof(*seen));
	bool ok = slots != NULL && seen != NULL;

	for (size_t i = 0; ok && i < c->n_vnets; i++) {
		seen[i] = at;
		at += c->vnets[i].n_subnets;
	}
	for (size_t i = 0; ok && i < c->n_nics; i++)
		ok = classify(m, i, seen);
	free(seen);
	free(slots);
	return ok;
}

static int cmp_nics(const void *a, const void *b, void *ctx)
{
	const struct vrs_config *c = ctx;

	return strcmp(c->nics[*(const uint32_t *)a].name, c->nics[*(const uint32_t *)b].name);
}

struct vrs_model *vrs_model_new(struct vrs_config *config)
{
	struct vrs_model *m = calloc(1, sizeof(*m));
	size_t n_subnets = 0;

	if (m == NULL) {
		vrs_config_free(config);
		return NULL;
	}
	atomic_init(&m->refs, 1);
	m->config = config;
	for (size_t i = 0; i < config->n_vnets; i++)
		n_subnets += config->vnets[i].n_subnets;
	m->classes = calloc(n_subnets + 1, sizeof(*m->classes));
	m->nic_class = calloc(config->n_nics + 1, sizeof(*m->nic_class));
	m->nics_by_name = calloc(config->n_nics + 1, sizeof(*m->nics_by_name));
	m->servers = calloc(config->n_route_servers + 1, sizeof(struct vrs_server *));
	if (m->classes == NULL || m->nic_class == NULL || m->nics_by_name == NULL ||
		m->servers == NULL || !classify_all(m, n_subnets))
		goto out;
	for (size_t i = 0; i < config->n_nics; i++)
		m->nics_by_name[i] = (uint32_t)i;
	qsort_r(m->nics_by_name, config->n_nics, sizeof(*m->nics_by_name), cmp_nics, config);
	return m;
out:
	vrs_model_put(m);
	return NULL;
}

struct vrs_model *vrs_model_get(struct vrs_model *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void vrs_model_put(struct vrs_model *m)
{
	/* acq_rel: the last one sees everybody's reads done. */
	if (m == NULL || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (m->release != NULL)
		m->release(m);
	for (size_t i = 0; m->classes != NULL && i < m->n_classes; i++)
		vrs_overlay_free(m->classes[i].overlay);
	free(m->classes);
	free(m->nic_class);
	free(m->nics_by_name);
	free(m->servers);
	vrs_config_free(m->config);
	free(m);
}

int vrs_model_nic(const struct vrs_model *m, const char *name)
{
	size_t lo = 0, hi = m->config->n_nics;

	while (lo < hi) {
		size_t at = lo + (hi - lo) / 2;
		int c = strcmp(m->config->nics[m->nics_by_name[at]].name, name);

		if (c == 0)
			return (int)m->nics_by_name[at];
		if (c < 0)
			lo = at + 1;
		else
			hi = at;
	}
	return -1;
}

int vrs_model_route_server(const struct vrs_model *m, const char *name)
{
	for (size_t i = 0; i < m->config->n_route_servers; i++)
		if (strcmp(m->config->route_servers[i].name, name) == 0)
			return (int)i;
	return -1;
}

static size_t copy(struct vrs_prefix *out, const struct vrs_cfg_vnet *v)
{
	memcpy(out, v->prefixes, v->n_prefixes * sizeof(*out));
	return v->n_prefixes;
}

/* Whether `remote` uses the gateway of `v` through a connected peering. */
static bool uses_gateway_of(
	const struct vrs_config *c, const struct vrs_cfg_vnet *remote, const struct vrs_cfg_vnet *v)
{
	for (size_t i = 0; i < remote->n_peerings; i++) {
		const struct vrs_cfg_vnet_peering *p = &remote->peerings[i];

		if (p->connected && p->use_remote_gateways && &c->vnets[p->remote_index] == v)
			return true;
	}
	return false;
}

size_t vrs_model_system_prefixes(
	const struct vrs_config *c, const struct vrs_cfg_route_server *rs, struct vrs_prefix *out)
{
	const struct vrs_cfg_vnet *v = &c->vnets[rs->vnet_index];
	size_t n = copy(out, v);

	for (size_t i = 0; i < v->n_peerings; i++) {
		const struct vrs_cfg_vnet *remote = &c->vnets[v->peerings[i].remote_index];

		if (v->peerings[i].connected && uses_gateway_of(c, remote, v))
			n += copy(out + n, remote);
	}
	return n;
}

struct vrs_hop_rule *vrs_model_hop_rule(
	const struct vrs_config *c, const struct vrs_cfg_route_server *rs)
{
	const struct vrs_cfg_vnet *v = &c->vnets[rs->vnet_index];
	struct vrs_prefix *in = calloc(vrs_model_n_prefixes(c, rs) + 1, sizeof(*in));

	if (in == NULL)
		return NULL;
	size_t n = copy(in, v);
	for (size_t i = 0; i < v->n_peerings; i++)
		if (v->peerings[i].connected)
			n += copy(in + n, &c->vnets[v->peerings[i].remote_index]);
	struct vrs_hop_rule *r = vrs_hop_rule_new(in, n, rs->router_ips, rs->n_router_ips);
	free(in);
	return r;
}

size_t vrs_model_n_prefixes(const struct vrs_config *c, const struct vrs_cfg_route_server *rs)
{
	const struct vrs_cfg_vnet *v = &c->vnets[rs->vnet_index];
	size_t n = v->n_prefixes;

	for (size_t i = 0; i < v->n_peerings; i++)
		n += c->vnets[v->peerings[i].remote_index].n_prefixes;
	return n;
}
