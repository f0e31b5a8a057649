/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The virtual network as configured, and what its NICs do: effective tables, next hops and
 * explanations. Everything is read from the model and a version, on this thread.
 */

#include <microhttpd.h>
#include <string.h>

#include "engine/api_internal.h"
#include "engine/effective.h"

enum { LIST_STEP = 1024 }; /* Routes of a listing in one read section. */

/* --- As configured --- */

static json_t *subnet_json(const struct vrs_cfg_subnet *s)
{
	json_t *endpoints = json_array();

	for (size_t i = 0; i < s->n_service_endpoints; i++)
		json_array_append_new(endpoints,
			json_pack("{s:s,s:o}", "service", s->service_endpoints[i].service,
				"addressPrefixes",
				vrs_json_prefixes(s->service_endpoints[i].prefixes,
					s->service_endpoints[i].n_prefixes)));
	return json_pack("{s:s,s:o,s:s?,s:o}", "name", s->name, "addressPrefixes",
		vrs_json_prefixes(s->prefixes, s->n_prefixes), "routeTable", s->route_table,
		"serviceEndpoints", endpoints);
}

static json_t *vnet_json(const struct vrs_cfg_vnet *v)
{
	json_t *subnets = json_array(), *peerings = json_array();

	for (size_t i = 0; i < v->n_subnets; i++)
		json_array_append_new(subnets, subnet_json(&v->subnets[i]));
	for (size_t i = 0; i < v->n_peerings; i++) {
		const struct vrs_cfg_vnet_peering *p = &v->peerings[i];

		json_array_append_new(peerings,
			json_pack("{s:s,s:s,s:b,s:b,s:s}", "name", p->name, "remoteVirtualNetwork",
				p->remote, "allowGatewayTransit", p->allow_gateway_transit,
				"useRemoteGateways", p->use_remote_gateways, "peeringState",
				p->connected ? "Connected" : "Initiated"));
	}
	return json_pack("{s:s,s:o,s:o,s:o}", "name", v->name, "addressPrefixes",
		vrs_json_prefixes(v->prefixes, v->n_prefixes), "subnets", subnets,
		"virtualNetworkPeerings", peerings);
}

static json_t *route_table_json(const struct vrs_cfg_route_table *t)
{
	json_t *routes = json_array();

	for (size_t i = 0; i < t->n_routes; i++) {
		const struct vrs_cfg_route *r = &t->routes[i];
		json_t *j = json_pack("{s:s,s:o,s:s}", "name", r->name, "addressPrefix",
			vrs_json_prefix(&r->prefix), "nextHopType",
			vrs_next_hop_type_str(r->next_hop_type));

		if (r->next_hop.afi != VRS_AFI_NONE)
			json_object_set_new(j, "nextHopIpAddress", vrs_json_addr(&r->next_hop));
		json_array_append_new(routes, j);
	}
	return json_pack("{s:s,s:b,s:o}", "name", t->name, "disableBgpRoutePropagation",
		t->disable_bgp_propagation, "routes", routes);
}

static json_t *nic_json(const struct vrs_cfg_nic *n)
{
	return json_pack("{s:s,s:s,s:s,s:o,s:b}", "name", n->name, "virtualNetwork", n->vnet,
		"subnet", n->subnet, "privateIpAddresses",
		vrs_json_addrs(n->addresses, n->n_addresses), "enableIpForwarding",
		n->enable_ip_forwarding);
}

void vrs_api_vnets(struct vrs_request *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->model->config->n_vnets; i++)
		json_array_append_new(list, vnet_json(&r->model->config->vnets[i]));
	vrs_request_json(r, json_pack("{s:o}", "value", list));
}

void vrs_api_vnet(struct vrs_request *r)
{
	const struct vrs_config *c = r->model->config;

	for (size_t i = 0; i < c->n_vnets; i++) {
		if (strcmp(c->vnets[i].name, r->path[0]) == 0) {
			vrs_request_json(r, vnet_json(&c->vnets[i]));
			return;
		}
	}
	vrs_request_error(r, MHD_HTTP_NOT_FOUND, "NotFound", "virtualNetworks",
		"there is no virtual network \"%s\"", r->path[0]);
}

void vrs_api_route_tables(struct vrs_request *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->model->config->n_route_tables; i++)
		json_array_append_new(list, route_table_json(&r->model->config->route_tables[i]));
	vrs_request_json(r, json_pack("{s:o}", "value", list));
}

void vrs_api_route_table(struct vrs_request *r)
{
	const struct vrs_config *c = r->model->config;

	for (size_t i = 0; i < c->n_route_tables; i++) {
		if (strcmp(c->route_tables[i].name, r->path[0]) == 0) {
			vrs_request_json(r, route_table_json(&c->route_tables[i]));
			return;
		}
	}
	vrs_request_error(r, MHD_HTTP_NOT_FOUND, "NotFound", "routeTables",
		"there is no route table \"%s\"", r->path[0]);
}

/* NICs are many: streamed. */
struct nics {
	struct vrs_stream stream; /* First. */
	size_t at;
	bool open;
};

static int nics_fill(struct vrs_stream *s, struct vrs_text *out)
{
	struct nics *n = (struct nics *)s;
	const struct vrs_config *c = s->model->config;

	if (!n->open && !s->ndjson)
		vrs_text_add(out, "{\"value\":[", 10);
	n->open = true;
	for (unsigned i = 0; i < 256 && n->at < c->n_nics; i++)
		vrs_stream_row(s, out, nic_json(&c->nics[n->at++]));
	if (n->at < c->n_nics)
		return 1;
	if (!s->ndjson)
		vrs_text_add(out, "]}\n", 3);
	return 0;
}

void vrs_api_nics(struct vrs_request *r)
{
	(void)vrs_request_stream(r, sizeof(struct nics), nics_fill, NULL);
}

/* The NIC named by path[0]; -1 when the error has been answered. */
static int nic_of(struct vrs_request *r)
{
	int nic = vrs_model_nic(r->model, r->path[0]);

	if (nic < 0)
		vrs_request_error(r, MHD_HTTP_NOT_FOUND, "NotFound", "networkInterfaces",
			"there is no network interface \"%s\"", r->path[0]);
	return nic;
}

void vrs_api_nic(struct vrs_request *r)
{
	int nic = nic_of(r);

	if (nic >= 0)
		vrs_request_json(r, nic_json(&r->model->config->nics[nic]));
}

/* --- The effective table --- */

struct effective {
	struct vrs_stream stream; /* First. */
	size_t nic;
	struct vrs_effective_view view;
	struct vrs_version *pin;
	struct vrs_effective_cursor cursor;
	struct vrs_text *out; /* While filling. */
	bool open;
};

static json_t *hops_json(const struct vrs_effective_route *route)
{
	json_t *j = json_array();

	for (size_t i = 0; i < route->n_next_hops; i++)
		if (vrs_effective_hop(route, i))
			json_array_append_new(j, vrs_json_addr(&route->next_hops[i]));
	return j;
}

static json_t *route_json(const struct vrs_effective_route *route)
{
	json_t *j = json_pack("{s:s,s:s,s:[o],s:s,s:o}", "source",
		vrs_route_source_str(route->source), "state", vrs_route_state_str(route->state),
		"addressPrefix", vrs_json_prefix(&route->prefix), "nextHopType",
		vrs_next_hop_type_str(route->type), "nextHopIpAddress", hops_json(route));

	if (route->state == VRS_ROUTE_SUPPRESSED)
		json_object_set_new(j, "suppressedBy", vrs_json_prefix(&route->by));
	return j;
}

static int effective_row(void *ctx, const struct vrs_effective_route *route)
{
	struct effective *e = ctx;

	vrs_stream_row(&e->stream, e->out, route_json(route));
	return 0;
}

/* Pin the version that this listing shows. */
static void effective_begin(struct effective *e)
{
	vrs_rcu_enter();
	e->view = vrs_effective_view(e->stream.model, e->nic);
	if (e->view.version != NULL) {
		const struct vrs_class *c = e->view.class;

		e->pin = vrs_snapshot_pin(e->stream.model->servers[c->route_server]->rib->snapshot);
		e->view.version = e->pin;
	}
	vrs_rcu_leave();
}

static int effective_fill(struct vrs_stream *s, struct vrs_text *out)
{
	struct effective *e = (struct effective *)s;
	int more;

	if (!e->open) {
		effective_begin(e);
		if (!s->ndjson)
			vrs_text_add(out, "{\"value\":[", 10);
		e->open = true;
	}
	e->out = out;
	vrs_rcu_enter();
	/* A revoked pin cannot be read any more: the listing breaks off, the client asks again. */
	more = e->pin != NULL ? vrs_version_check(e->pin) : 0;
	if (more == 0)
		more = vrs_effective_list(&e->view, &e->cursor, LIST_STEP, effective_row, e);
	vrs_rcu_leave();
	if (more != 0)
		return vrs_stream_ended(s) ? -1 : more;
	if (!s->ndjson)
		vrs_text_add(out, "]}\n", 3);
	return 0;
}

static void effective_fini(struct vrs_stream *s)
{
	struct effective *e = (struct effective *)s;

	if (e->pin != NULL)
		vrs_version_unpin(e->pin);
}

void vrs_api_effective(struct vrs_request *r)
{
	const char *prefix = vrs_request_query(r, "prefix"), *all = vrs_request_query(r, "all");
	struct vrs_prefix only = {.afi = VRS_AFI_NONE};
	int nic = nic_of(r);

	if (nic < 0)
		return;
	if (prefix != NULL && vrs_prefix_parse(&only, prefix) != 0) {
		vrs_request_error(r, MHD_HTTP_BAD_REQUEST, "BadRequest", "prefix",
			"\"%s\" is not a prefix without host bits", prefix);
		return;
	}
	struct effective *e = vrs_request_stream(r, sizeof(*e), effective_fill, effective_fini);
	if (e == NULL)
		return;
	e->nic = (size_t)nic;
	e->cursor.all = all != NULL && strcmp(all, "false") != 0;
	e->cursor.only = prefix != NULL;
	e->cursor.prefix = only;
}

/* --- One address --- */

static bool dest_of(struct vrs_request *r, struct vrs_addr *dest)
{
	const char *text = vrs_request_query(r, "destIp");

	if (text != NULL && vrs_addr_parse(dest, text) == 0)
		return true;
	vrs_request_error(
		r, MHD_HTTP_BAD_REQUEST, "BadRequest", "destIp", "destIp= takes an IP address");
	return false;
}

static json_t *next_hop_json(const struct vrs_effective_route *route)
{
	if (route == NULL)
		return json_pack("{s:s,s:[],s:s}", "nextHopType", "None", "nextHopIpAddress",
			"routeTableId", "System Route");
	return json_pack("{s:s,s:o,s:s}", "nextHopType", vrs_next_hop_type_str(route->type),
		"nextHopIpAddress", hops_json(route), "routeTableId",
		route->route_table != NULL ? route->route_table : "System Route");
}

void vrs_api_next_hop(struct vrs_request *r)
{
	struct vrs_effective_route route;
	struct vrs_addr dest;
	int nic = nic_of(r);

	if (nic < 0 || !dest_of(r, &dest))
		return;
	vrs_rcu_enter();
	struct vrs_effective_view v = vrs_effective_view(r->model, (size_t)nic);
	bool found = vrs_effective_match(&v, &dest, &route);
	vrs_request_json(r, next_hop_json(found ? &route : NULL));
	vrs_rcu_leave();
}

static void explain_row(void *ctx, const struct vrs_effective_route *c, enum vrs_outcome outcome,
	const char *reason, const struct vrs_prefix *by)
{
	json_array_append_new(ctx,
		json_pack("{s:s,s:o,s:s,s:o,s:s,s:s,s:o}", "source",
			vrs_route_source_str(c->source), "addressPrefix",
			vrs_json_prefix(&c->prefix), "nextHopType", vrs_next_hop_type_str(c->type),
			"nextHopIpAddress", hops_json(c), "outcome", vrs_outcome_str(outcome),
			"reason", reason, "by", by != NULL ? vrs_json_prefix(by) : json_null()));
}

void vrs_api_explain(struct vrs_request *r)
{
	struct vrs_effective_route route;
	struct vrs_addr dest;
	int nic = nic_of(r);

	if (nic < 0 || !dest_of(r, &dest))
		return;
	json_t *candidates = json_array();
	vrs_rcu_enter();
	struct vrs_effective_view v = vrs_effective_view(r->model, (size_t)nic);
	bool found = vrs_effective_match(&v, &dest, &route);
	json_t *j = next_hop_json(found ? &route : NULL);
	vrs_effective_explain(&v, &dest, explain_row, candidates);
	vrs_rcu_leave();
	json_object_set_new(j, "candidates", candidates);
	vrs_request_json(r, j);
}
