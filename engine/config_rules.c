/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Rules that look at more than one value: names and references, address plans, peerings,
 * route tables, network interfaces. Route servers and their peers: config_rules_bgp.c.
 *
 * A field that the decoder refused is zero (NULL, family 0) and is skipped here. Overlaps are
 * found by sorting: in vrs_prefix_cmp() order what covers a prefix stands before it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/config_load.h"
#include "engine/schema.h"

/* ---- Names -------------------------------------------------------------------------------- */

static int name_cmp(const void *a, const void *b)
{
	const struct vrs_config_name *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : (x->index > y->index) - (x->index < y->index);
}

struct vrs_config_names vrs_config_names(struct vrs_config_load *load, const void *objects,
	size_t n, size_t size, size_t mark_offset, const char *kind)
{
	struct vrs_config_names names = {.refs = vrs_config_alloc(load, n, sizeof(*names.refs))};
	const char *base = objects;

	if (names.refs == NULL)
		return names;
	for (size_t i = 0; i < n; i++) {
		const char *name = *(const char *const *)(base + i * size);
		if (name != NULL)
			names.refs[names.n++] = (struct vrs_config_name){name, i};
	}
	qsort(names.refs, names.n, sizeof(*names.refs), name_cmp);
	for (size_t i = 1; i < names.n; i++) {
		const char *later = base + names.refs[i].index * size;
		if (strcmp(names.refs[i].name, names.refs[i - 1].name) != 0)
			continue;
		vrs_config_error(load,
			vrs_config_mark(
				load, later, *(const struct vrs_mark *)(later + mark_offset)),
			"duplicate-name", NULL, "there already is a %s \"%.80s\"", kind,
			names.refs[i].name);
	}
	return names;
}

static const struct vrs_config_name *name_find(
	const struct vrs_config_names *names, const char *name)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(names->refs[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < names->n && strcmp(names->refs[low].name, name) == 0 ? &names->refs[low]
									  : NULL;
}

int vrs_config_refer(struct vrs_config_load *load, const struct vrs_config_names *names,
	const char *const *field, struct vrs_mark mark, const char *kind)
{
	if (*field == NULL)
		return -1;
	const struct vrs_config_name *found = name_find(names, *field);
	if (found != NULL)
		return (int)found->index;

	struct vrs_nearest near = vrs_nearest_init(*field);
	for (size_t i = 0; i < names->n; i++)
		vrs_nearest_offer(&near, names->refs[i].name);
	vrs_config_error(load, vrs_config_mark(load, field, mark), "reference", near.best,
		"there is no %s \"%.80s\"", kind, *field);
	return -1;
}

/* ---- Prefixes ----------------------------------------------------------------------------- */

const struct vrs_prefix *vrs_config_covering(
	const struct vrs_prefix *prefixes, size_t n, const struct vrs_addr *addr)
{
	for (size_t i = 0; i < n; i++) {
		if (vrs_prefix_covers_addr(&prefixes[i], addr))
			return &prefixes[i];
	}
	return NULL;
}

/* A prefix in a check for overlaps, and where to complain about it. */
struct claim {
	struct vrs_prefix prefix;
	size_t order; /* The later of two is the one at fault. */
	struct vrs_mark mark;
	const char *owner;
};

struct claims {
	struct claim *list;
	size_t n;
};

static int claim_cmp(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int c = vrs_prefix_cmp(&x->prefix, &y->prefix);

	return c != 0 ? c : (x->order > y->order) - (x->order < y->order);
}

static void claim_add(struct claims *c, const struct vrs_prefix *p, size_t order,
	struct vrs_mark mark, const char *owner)
{
	if (p->afi != VRS_AFI_NONE)
		c->list[c->n++] = (struct claim){*p, order, mark, owner != NULL ? owner : "?"};
}

/* Claims of the same order are one owner's and not compared; that is another check. */
static void check_overlaps(struct vrs_config_load *load, struct claims *c, bool same_owner)
{
	char a[VRS_PREFIX_STRLEN], b[VRS_PREFIX_STRLEN];
	const struct claim *cover = NULL;

	qsort(c->list, c->n, sizeof(*c->list), claim_cmp);
	for (size_t i = 0; i < c->n; i++) {
		const struct claim *e = &c->list[i];
		if (cover == NULL || !vrs_prefix_covers(&cover->prefix, &e->prefix)) {
			cover = e;
			continue;
		}
		if (cover->order == e->order && !same_owner)
			continue;
		const struct claim *late = e->order >= cover->order ? e : cover;
		const struct claim *soon = late == e ? cover : e;
		vrs_config_error(load, late->mark, "vnet-overlap", NULL,
			"%s of \"%.50s\" overlaps %s of \"%.50s\"",
			vrs_prefix_str(&late->prefix, a), late->owner,
			vrs_prefix_str(&soon->prefix, b), soon->owner);
	}
}

/* Blocks that no virtual network can be made of. */
static void check_usable(
	struct vrs_config_load *load, const struct vrs_prefix *p, struct vrs_mark mark)
{
	static const char *const unusable[] = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16",
		"224.0.0.0/3", "::/8", "fe80::/10", "ff00::/8"};
	char s[VRS_PREFIX_STRLEN];
	struct vrs_prefix u;

	for (size_t i = 0; i < VRS_N_ELEMS(unusable); i++) {
		if (vrs_prefix_parse(&u, unusable[i]) != 0)
			continue;
		if (!vrs_prefix_covers(&u, p) && !vrs_prefix_covers(p, &u))
			continue;
		vrs_config_error(load, mark, "out-of-range", NULL,
			"%s cannot be address space of a network: it overlaps %s",
			vrs_prefix_str(p, s), unusable[i]);
	}
}

/* ---- Virtual networks --------------------------------------------------------------------- */

const struct vrs_cfg_subnet *vrs_config_server_subnet(const struct vrs_cfg_vnet *vnet)
{
	for (size_t i = 0; i < vnet->n_subnets; i++) {
		const char *name = vnet->subnets[i].name;
		if (name != NULL && strcmp(name, VRS_ROUTE_SERVER_SUBNET) == 0)
			return &vnet->subnets[i];
	}
	return NULL;
}

static void check_address_space(struct vrs_config_load *load, struct vrs_cfg_vnet *v)
{
	struct claims c = {vrs_config_alloc(load, v->n_prefixes, sizeof(*c.list)), 0};

	if (c.list == NULL)
		return;
	for (size_t i = 0; i < v->n_prefixes; i++) {
		struct vrs_mark mark = vrs_config_mark(load, &v->prefixes[i], v->mark);
		if (v->prefixes[i].afi != VRS_AFI_NONE)
			check_usable(load, &v->prefixes[i], mark);
		claim_add(&c, &v->prefixes[i], i, mark, v->name);
	}
	check_overlaps(load, &c, true);
}

static void check_subnet_inside(
	struct vrs_config_load *load, const struct vrs_cfg_vnet *v, const struct vrs_cfg_subnet *s)
{
	char text[VRS_PREFIX_STRLEN];

	for (size_t i = 0; i < s->n_prefixes; i++) {
		const struct vrs_prefix *p = &s->prefixes[i];
		bool inside = p->afi == VRS_AFI_NONE;
		for (size_t j = 0; j < v->n_prefixes && !inside; j++)
			inside = vrs_prefix_covers(&v->prefixes[j], p);
		if (!inside)
			vrs_config_error(load, vrs_config_mark(load, p, s->mark), "vnet-overlap",
				NULL, "%s is not inside network \"%.80s\"", vrs_prefix_str(p, text),
				v->name != NULL ? v->name : "?");
	}
}

/* subnet-size and the part of subnet-dedicated that the subnet itself says. */
static void check_server_subnet(struct vrs_config_load *load, const struct vrs_cfg_subnet *s)
{
	char text[VRS_PREFIX_STRLEN];

	for (size_t i = 0; i < s->n_prefixes; i++) {
		const struct vrs_prefix *p = &s->prefixes[i];
		struct vrs_mark mark = vrs_config_mark(load, p, s->mark);
		if (p->afi != VRS_AFI_IP4)
			continue;
		if (p->len > 27)
			vrs_config_error(load, mark, "subnet-size", NULL,
				"%s is too small; " VRS_ROUTE_SERVER_SUBNET " is /27 or larger",
				vrs_prefix_str(p, text));
		else if (p->len == 27)
			vrs_config_warn(load, mark, "subnet-size", NULL,
				"%s is small; /26 or larger is recommended "
				"for " VRS_ROUTE_SERVER_SUBNET,
				vrs_prefix_str(p, text));
	}
	if (s->route_table != NULL)
		vrs_config_error(load, vrs_config_mark(load, &s->route_table, s->mark),
			"subnet-dedicated", NULL,
			VRS_ROUTE_SERVER_SUBNET " cannot have a route table");
	if (s->n_service_endpoints > 0)
		vrs_config_error(load, vrs_config_mark(load, &s->service_endpoints, s->mark),
			"subnet-dedicated", NULL,
			VRS_ROUTE_SERVER_SUBNET " cannot have service endpoints");
}

static void check_subnets(struct vrs_config_load *load, struct vrs_cfg_vnet *v,
	const struct vrs_config_names *route_tables)
{
	struct claims c = {0};
	size_t n = 0;

	load->subnet_names[v - load->config->vnets] =
		VRS_CONFIG_NAMES(load, v->subnets, v->n_subnets, "subnet");
	for (size_t i = 0; i < v->n_subnets; i++)
		n += v->subnets[i].n_prefixes;
	c.list = vrs_config_alloc(load, n, sizeof(*c.list));
	if (c.list == NULL)
		return;
	for (size_t i = 0; i < v->n_subnets; i++) {
		struct vrs_cfg_subnet *s = &v->subnets[i];
		s->route_table_index = vrs_config_refer(
			load, route_tables, &s->route_table, s->mark, "route table");
		check_subnet_inside(load, v, s);
		for (size_t j = 0; j < s->n_prefixes; j++)
			claim_add(&c, &s->prefixes[j], i,
				vrs_config_mark(load, &s->prefixes[j], s->mark), s->name);
	}
	check_overlaps(load, &c, true);
	const struct vrs_cfg_subnet *server = vrs_config_server_subnet(v);
	if (server != NULL)
		check_server_subnet(load, server);
}

/* ---- Peerings ----------------------------------------------------------------------------- */

static struct vrs_cfg_vnet_peering *peering_to(const struct vrs_cfg_vnet *v, int remote)
{
	for (size_t i = 0; i < v->n_peerings; i++) {
		if (v->peerings[i].remote_index == remote)
			return &v->peerings[i];
	}
	return NULL;
}

static void resolve_peerings(
	struct vrs_config_load *load, int self, const struct vrs_config_names *vnets)
{
	struct vrs_cfg_vnet *v = &load->config->vnets[self];

	(void)VRS_CONFIG_NAMES(load, v->peerings, v->n_peerings, "peering");
	for (size_t i = 0; i < v->n_peerings; i++)
		v->peerings[i].remote_index = -1;
	for (size_t i = 0; i < v->n_peerings; i++) {
		struct vrs_cfg_vnet_peering *p = &v->peerings[i];
		struct vrs_mark mark = vrs_config_mark(load, &p->remote, p->mark);
		int remote = vrs_config_refer(load, vnets, &p->remote, p->mark, "virtual network");
		if (remote == self)
			vrs_config_error(load, mark, "reference", NULL,
				"network \"%.80s\" cannot peer with itself", p->remote);
		else if (remote >= 0 && peering_to(v, remote) != NULL)
			vrs_config_error(load, mark, "duplicate-name", NULL,
				"there already is a peering with \"%.80s\"", p->remote);
		else
			p->remote_index = remote;
	}
}

static void connect_peerings(struct vrs_config_load *load, int self)
{
	struct vrs_cfg_vnet *v = &load->config->vnets[self];

	for (size_t i = 0; i < v->n_peerings; i++) {
		struct vrs_cfg_vnet_peering *p = &v->peerings[i];
		if (p->remote_index < 0)
			continue;
		p->connected = peering_to(&load->config->vnets[p->remote_index], self) != NULL;
		if (!p->connected)
			vrs_config_warn(load, vrs_config_mark(load, &p->remote, p->mark),
				"peering-one-sided", NULL,
				"\"%.60s\" declares no peering back to \"%.60s\"; not connected",
				p->remote, v->name != NULL ? v->name : "?");
	}
}

/*
 * The network's own prefixes and those of every network it peers with. A pair that peers from
 * both sides is looked at from the side that stands first in the file.
 */
static void check_peered_space(struct vrs_config_load *load, int self)
{
	struct vrs_cfg_vnet *vnets = load->config->vnets, *v = &vnets[self];
	struct claims c = {0};
	size_t n = v->n_prefixes;

	for (size_t i = 0; i < v->n_peerings; i++)
		n += v->peerings[i].remote_index >= 0
			? vnets[v->peerings[i].remote_index].n_prefixes
			: 0;
	c.list = vrs_config_alloc(load, n, sizeof(*c.list));
	if (c.list == NULL)
		return;
	for (size_t i = 0; i < v->n_prefixes; i++)
		claim_add(&c, &v->prefixes[i], 0, v->mark, v->name);
	for (size_t i = 0; i < v->n_peerings; i++) {
		const struct vrs_cfg_vnet_peering *p = &v->peerings[i];
		if (p->remote_index < 0 || (p->connected && p->remote_index < self))
			continue;
		const struct vrs_cfg_vnet *r = &vnets[p->remote_index];
		for (size_t j = 0; j < r->n_prefixes; j++)
			claim_add(&c, &r->prefixes[j], i + 1,
				vrs_config_mark(load, &p->remote, p->mark), r->name);
	}
	check_overlaps(load, &c, false);
}

static void check_transit(struct vrs_config_load *load, int self, struct vrs_cfg_vnet_peering *p)
{
	const struct vrs_cfg_vnet *v = &load->config->vnets[self];
	struct vrs_mark mark = vrs_config_mark(load, &p->use_remote_gateways, p->mark);

	for (const struct vrs_cfg_vnet_peering *q = v->peerings; q < p; q++) {
		if (!q->use_remote_gateways)
			continue;
		vrs_config_error(load, mark, "gateway-transit", NULL,
			"peering \"%.80s\" already uses remote gateways; one per network",
			q->name != NULL ? q->name : "?");
		break;
	}
	if (v->route_server_index >= 0)
		vrs_config_error(load, mark, "gateway-transit", NULL,
			"network \"%.80s\" has a route server of its own",
			v->name != NULL ? v->name : "?");
	if (p->remote_index < 0)
		return;
	const struct vrs_cfg_vnet *remote = &load->config->vnets[p->remote_index];
	const struct vrs_cfg_vnet_peering *back = peering_to(remote, self);
	if (back == NULL || !back->allow_gateway_transit)
		vrs_config_error(load, mark, "gateway-transit", NULL,
			"\"%.80s\" has no peering back with allowGatewayTransit", p->remote);
	if (remote->route_server_index < 0)
		vrs_config_error(load, mark, "gateway-transit", NULL,
			"\"%.80s\" has no route server to use", p->remote);
}

/* ---- Route tables ------------------------------------------------------------------------- */

static void check_next_hop(struct vrs_config_load *load, const struct vrs_cfg_route *r)
{
	struct vrs_mark mark = vrs_config_mark(load, &r->next_hop, r->mark);
	struct vrs_mark type = vrs_config_mark(load, &r->next_hop_type, r->mark);

	if (!vrs_config_valid(load, &r->next_hop_type))
		return;
	if (r->next_hop_type != VRS_NH_VIRTUAL_APPLIANCE) {
		if (vrs_config_given(load, &r->next_hop))
			vrs_config_error(load, mark, "next-hop", NULL,
				"%s has no nextHopIpAddress; only VirtualAppliance has one",
				vrs_next_hop_type_str(r->next_hop_type));
	} else if (!vrs_config_given(load, &r->next_hop)) {
		vrs_config_error(
			load, type, "next-hop", NULL, "VirtualAppliance needs a nextHopIpAddress");
	} else if (r->next_hop.afi != VRS_AFI_NONE && r->prefix.afi != VRS_AFI_NONE &&
		r->next_hop.afi != r->prefix.afi) {
		vrs_config_error(load, mark, "next-hop", NULL,
			"nextHopIpAddress is not of the family of addressPrefix");
	}
}

static int route_cmp(const void *a, const void *b)
{
	const struct vrs_cfg_route *x = *(const struct vrs_cfg_route *const *)a;
	const struct vrs_cfg_route *y = *(const struct vrs_cfg_route *const *)b;
	int c = vrs_prefix_cmp(&x->prefix, &y->prefix);

	return c != 0 ? c : (x > y) - (x < y);
}

static void check_route_table(struct vrs_config_load *load, const struct vrs_cfg_route_table *t)
{
	char text[VRS_PREFIX_STRLEN];
	const struct vrs_cfg_route **sorted =
		vrs_config_alloc(load, t->n_routes, sizeof(struct vrs_cfg_route *));

	if (sorted == NULL)
		return;
	(void)VRS_CONFIG_NAMES(load, t->routes, t->n_routes, "route");
	for (size_t i = 0; i < t->n_routes; i++) {
		check_next_hop(load, &t->routes[i]);
		sorted[i] = &t->routes[i];
	}
	qsort(sorted, t->n_routes, sizeof(struct vrs_cfg_route *), route_cmp);
	for (size_t i = 1; i < t->n_routes; i++) {
		const struct vrs_prefix *p = &sorted[i]->prefix;
		if (p->afi != VRS_AFI_NONE && vrs_prefix_equal(p, &sorted[i - 1]->prefix))
			vrs_config_error(load, vrs_config_mark(load, p, sorted[i]->mark),
				"duplicate-prefix", NULL,
				"route \"%.80s\" of this table already has %s",
				sorted[i - 1]->name != NULL ? sorted[i - 1]->name : "?",
				vrs_prefix_str(p, text));
	}
}

/* ---- Network interfaces ------------------------------------------------------------------- */

static int nic_addr_cmp(const void *a, const void *b)
{
	const struct vrs_config_nic_addr *x = a, *y = b;

	if (x->vnet != y->vnet)
		return x->vnet - y->vnet;
	return vrs_addr_cmp(&x->addr, &y->addr);
}

const struct vrs_cfg_nic *vrs_config_nic_at(
	const struct vrs_config_load *load, int vnet, const struct vrs_addr *addr)
{
	struct vrs_config_nic_addr key = {.vnet = vnet, .addr = *addr};
	const struct vrs_config_nic_addr *found = NULL;

	if (load->n_nic_addrs > 0)
		found = bsearch(
			&key, load->nic_addrs, load->n_nic_addrs, sizeof(key), nic_addr_cmp);
	return found != NULL ? &load->config->nics[found->nic] : NULL;
}

static void check_nic(struct vrs_config_load *load, struct vrs_cfg_nic *nic)
{
	const struct vrs_cfg_vnet *v = &load->config->vnets[nic->vnet_index];
	const struct vrs_cfg_subnet *s = NULL;
	struct vrs_mark mark = vrs_config_mark(load, &nic->subnet, nic->mark);
	const struct vrs_config_name *found =
		name_find(&load->subnet_names[nic->vnet_index], nic->subnet);
	char text[VRS_ADDR_STRLEN];

	if (found != NULL) {
		s = &v->subnets[found->index];
		nic->subnet_index = (int)found->index;
	} else {
		struct vrs_nearest near = vrs_nearest_init(nic->subnet);

		for (size_t i = 0; i < v->n_subnets; i++)
			if (v->subnets[i].name != NULL)
				vrs_nearest_offer(&near, v->subnets[i].name);
		vrs_config_error(load, mark, "reference", near.best,
			"network \"%.80s\" has no subnet \"%.80s\"", nic->vnet, nic->subnet);
		return;
	}
	if (strcmp(s->name, VRS_ROUTE_SERVER_SUBNET) == 0)
		vrs_config_error(load, mark, "subnet-dedicated", NULL,
			"no network interface may be in " VRS_ROUTE_SERVER_SUBNET);
	for (size_t i = 0; i < nic->n_addresses; i++) {
		const struct vrs_addr *a = &nic->addresses[i];
		if (a->afi == VRS_AFI_NONE ||
			vrs_config_covering(s->prefixes, s->n_prefixes, a) != NULL)
			continue;
		vrs_config_error(load, vrs_config_mark(load, a, nic->mark), "nic-address", NULL,
			"%s is not in subnet \"%.80s\"", vrs_addr_str(a, text), s->name);
	}
}

/* Addresses of one network are unique; the later network interface is the one at fault. */
static void check_nic_addresses(struct vrs_config_load *load)
{
	struct vrs_config_nic_addr *list = load->nic_addrs;
	char text[VRS_ADDR_STRLEN];

	qsort(list, load->n_nic_addrs, sizeof(*list), nic_addr_cmp);
	for (size_t i = 1; i < load->n_nic_addrs; i++) {
		if (nic_addr_cmp(&list[i], &list[i - 1]) != 0)
			continue;
		size_t late = VRS_MAX(list[i].nic, list[i - 1].nic);
		size_t soon = VRS_MIN(list[i].nic, list[i - 1].nic);
		const struct vrs_cfg_nic *nic = &load->config->nics[late];
		const struct vrs_addr *at = nic->addresses;
		for (size_t j = 0; j < nic->n_addresses; j++) {
			if (vrs_addr_equal(&nic->addresses[j], &list[i].addr))
				at = &nic->addresses[j];
		}
		const char *owner = load->config->nics[soon].name;
		vrs_config_error(load, vrs_config_mark(load, at, nic->mark), "nic-address", NULL,
			"%s already is an address of \"%.80s\"", vrs_addr_str(at, text),
			owner != NULL ? owner : "?");
	}
}

static void check_nics(struct vrs_config_load *load, const struct vrs_config_names *vnets)
{
	struct vrs_config *c = load->config;
	size_t n = 0;

	(void)VRS_CONFIG_NAMES(load, c->nics, c->n_nics, "network interface");
	for (size_t i = 0; i < c->n_nics; i++)
		n += c->nics[i].n_addresses;
	load->nic_addrs = vrs_config_alloc(load, n, sizeof(*load->nic_addrs));
	if (load->nic_addrs == NULL)
		return;
	for (size_t i = 0; i < c->n_nics; i++) {
		struct vrs_cfg_nic *nic = &c->nics[i];
		nic->subnet_index = -1;
		nic->vnet_index =
			vrs_config_refer(load, vnets, &nic->vnet, nic->mark, "virtual network");
		if (nic->vnet_index < 0)
			continue;
		if (nic->subnet != NULL)
			check_nic(load, nic);
		for (size_t j = 0; j < nic->n_addresses; j++) {
			if (nic->addresses[j].afi != VRS_AFI_NONE)
				load->nic_addrs[load->n_nic_addrs++] = (struct vrs_config_nic_addr){
					nic->vnet_index, nic->addresses[j], i};
		}
	}
	check_nic_addresses(load);
}

/* ---- All of it ---------------------------------------------------------------------------- */

static void resolve_route_servers(
	struct vrs_config_load *load, const struct vrs_config_names *vnets)
{
	struct vrs_config *c = load->config;

	for (size_t i = 0; i < c->n_vnets; i++)
		c->vnets[i].route_server_index = -1;
	for (size_t i = 0; i < c->n_route_servers; i++) {
		struct vrs_cfg_route_server *rs = &c->route_servers[i];
		rs->vnet_index =
			vrs_config_refer(load, vnets, &rs->vnet, rs->mark, "virtual network");
		if (rs->vnet_index < 0)
			continue;
		int *slot = &c->vnets[rs->vnet_index].route_server_index;
		if (*slot < 0) {
			*slot = (int)i;
			continue;
		}
		const char *other = c->route_servers[*slot].name;
		vrs_config_error(load, vrs_config_mark(load, &rs->vnet, rs->mark),
			"one-route-server", NULL,
			"network \"%.80s\" already has route server \"%.80s\"", rs->vnet,
			other != NULL ? other : "?");
	}
}

void vrs_config_rules(struct vrs_config_load *load)
{
	struct vrs_config *c = load->config;
	struct vrs_config_names vnets =
		VRS_CONFIG_NAMES(load, c->vnets, c->n_vnets, "virtual network");
	struct vrs_config_names tables =
		VRS_CONFIG_NAMES(load, c->route_tables, c->n_route_tables, "route table");

	if (vrs_config_valid(load, &c->process.io_threads) &&
		c->process.io_threads > VRS_CFG_IO_THREADS_MAX)
		vrs_config_error(load,
			vrs_config_mark(load, &c->process.io_threads, (struct vrs_mark){0}),
			"not-built", NULL, "ioThreads over %u is not built yet",
			VRS_CFG_IO_THREADS_MAX);
	resolve_route_servers(load, &vnets);
	load->subnet_names = vrs_config_alloc(load, c->n_vnets, sizeof(*load->subnet_names));
	if (load->subnet_names == NULL)
		return;
	for (size_t i = 0; i < c->n_vnets; i++) {
		check_address_space(load, &c->vnets[i]);
		check_subnets(load, &c->vnets[i], &tables);
		resolve_peerings(load, (int)i, &vnets);
	}
	for (size_t i = 0; i < c->n_vnets; i++)
		connect_peerings(load, (int)i);
	for (size_t i = 0; i < c->n_vnets; i++) {
		struct vrs_cfg_vnet *v = &c->vnets[i];
		check_peered_space(load, (int)i);
		for (size_t j = 0; j < v->n_peerings; j++) {
			if (v->peerings[j].use_remote_gateways)
				check_transit(load, (int)i, &v->peerings[j]);
		}
	}
	for (size_t i = 0; i < c->n_route_tables; i++)
		check_route_table(load, &c->route_tables[i]);
	check_nics(load, &vnets);
	vrs_config_rules_bgp(load);
	vrs_config_rules_transport(load);
}
