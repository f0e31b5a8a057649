/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * What a NIC does, case by case: a configuration, learned routes, a NIC, and the rows (or the
 * answers for addresses) that the documentation promises. The engine runs without threads;
 * routes are put into its table as a session would.
 */

#include "engine/effective.h"

#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "io/bgp/encode.h"
#include "io/kernel/kernel.h"
#include "tests/test.h"

static const char hub[] =
	"process: {stateDir: /tmp, controlSocket: /tmp/vrs-test.sock}\n"
	"virtualNetworks:\n"
	"  - name: hub\n"
	"    addressPrefixes: [10.0.0.0/16, 'fd00::/48']\n"
	"    subnets:\n"
	"      - {name: RouteServerSubnet, addressPrefixes: [10.0.0.0/26, 'fd00::/64']}\n"
	"      - {name: plain, addressPrefix: 10.0.2.0/24}\n"
	"      - {name: user, addressPrefix: 10.0.3.0/24, routeTable: rt}\n"
	"      - {name: closed, addressPrefix: 10.0.4.0/24, routeTable: no-bgp}\n"
	"      - name: endpoint\n"
	"        addressPrefix: 10.0.5.0/24\n"
	"        routeTable: rt\n"
	"        serviceEndpoints: [{service: Storage, addressPrefixes: [198.51.100.0/24]}]\n"
	"    virtualNetworkPeerings:\n"
	"      - {name: to-spoke, remoteVirtualNetwork: spoke, allowGatewayTransit: true}\n"
	"      - {name: to-shy, remoteVirtualNetwork: shy}\n"
	"  - name: spoke\n"
	"    addressPrefixes: [10.1.0.0/16]\n"
	"    subnets: [{name: apps, addressPrefix: 10.1.0.0/24}]\n"
	"    virtualNetworkPeerings:\n"
	"      - {name: to-hub, remoteVirtualNetwork: hub, useRemoteGateways: true}\n"
	"  - name: shy\n"
	"    addressPrefixes: [10.2.0.0/16]\n"
	"    subnets: [{name: apps, addressPrefix: 10.2.0.0/24}]\n"
	"  - name: wide\n"
	"    addressPrefixes: [10.0.0.0/8]\n"
	"    subnets: [{name: all, addressPrefix: 10.9.0.0/24}]\n"
	"routeTables:\n"
	"  - name: rt\n"
	"    routes:\n"
	"      - {name: all, addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, "
	"nextHopIpAddress: 10.0.2.9}\n"
	"      - {name: drop, addressPrefix: 203.0.113.0/24, nextHopType: None}\n"
	"      - {name: in, addressPrefix: 198.51.100.128/25, nextHopType: Internet}\n"
	"  - name: no-bgp\n"
	"    disableBgpRoutePropagation: true\n"
	"networkInterfaces:\n"
	"  - {name: plain, virtualNetwork: hub, subnet: plain, privateIpAddress: 10.0.2.4}\n"
	"  - {name: user, virtualNetwork: hub, subnet: user, privateIpAddress: 10.0.3.4}\n"
	"  - {name: closed, virtualNetwork: hub, subnet: closed, privateIpAddress: 10.0.4.4}\n"
	"  - {name: endpoint, virtualNetwork: hub, subnet: endpoint, privateIpAddress: 10.0.5.4}\n"
	"  - {name: spoke, virtualNetwork: spoke, subnet: apps, privateIpAddress: 10.1.0.4}\n"
	"  - {name: shy, virtualNetwork: shy, subnet: apps, privateIpAddress: 10.2.0.4}\n"
	"  - {name: wide, virtualNetwork: wide, subnet: all, privateIpAddress: 10.9.0.4}\n"
	"routeServers:\n"
	"  - {name: rs, virtualNetwork: hub, virtualRouterIps: [10.0.0.4, 10.0.0.5]}\n";

/* One row a line: source letter, state letter, prefix, type, next hops. */
static const struct {
	const char *name;
	const char *routes; /* "PREFIX>HOP ..." of peer 1; after a bar those of peer 2. */
	const char *nic;
	const char *only; /* Rows on this prefix alone, or NULL for all. */
	const char *rows;
} cases[] = {
	{"defaults of a network with IPv6, peered on both sides", "", "plain", NULL,
		"D A 0.0.0.0/0 Internet\nD A 10.0.0.0/8 None\nD A 10.0.0.0/16 VnetLocal\n"
		"D A 10.1.0.0/16 VNetPeering\nD A 100.64.0.0/10 None\nD A 172.16.0.0/12 None\n"
		"D A 192.168.0.0/16 None\nD A ::/0 Internet\nD A fd00::/48 VnetLocal\n"},
	{"a peering that only one side declares gives no route", "", "shy", NULL,
		"D A 0.0.0.0/0 Internet\nD A 10.0.0.0/8 None\nD A 10.2.0.0/16 VnetLocal\n"
		"D A 100.64.0.0/10 None\nD A 172.16.0.0/12 None\nD A 192.168.0.0/16 None\n"},
	{"10/8 is left out where the network has it", "", "wide", "10.0.0.0/8",
		"D A 10.0.0.0/8 VnetLocal\n"},
	{"a learned route reaches the NIC", "192.0.2.0/24>10.0.2.9", "plain", "192.0.2.0/24",
		"B A 192.0.2.0/24 VirtualNetworkGateway 10.0.2.9\n"},
	{"equal paths are one row with two next hops",
		"192.0.2.0/24>10.0.2.9|192.0.2.0/24>10.0.2.8", "plain", "192.0.2.0/24",
		"B A 192.0.2.0/24 VirtualNetworkGateway 10.0.2.8 10.0.2.9\n"},
	{"a learned IPv6 route reaches the NIC", "2001:db8::/32>fd00::9", "plain", "2001:db8::/32",
		"B A 2001:db8::/32 VirtualNetworkGateway fd00::9\n"},
	{"a spoke that uses the gateway has it too", "192.0.2.0/24>10.0.2.9", "spoke",
		"192.0.2.0/24", "B A 192.0.2.0/24 VirtualNetworkGateway 10.0.2.9\n"},
	{"a network that does not, has not", "192.0.2.0/24>10.0.2.9", "shy", "192.0.2.0/24", ""},
	{"none with propagation off", "192.0.2.0/24>10.0.2.9", "closed", "192.0.2.0/24", ""},
	{"equal to the network's prefix: suppressed", "10.0.0.0/16>10.0.2.9", "plain",
		"10.0.0.0/16",
		"D A 10.0.0.0/16 VnetLocal\n"
		"B S 10.0.0.0/16 VirtualNetworkGateway 10.0.2.9 by 10.0.0.0/16\n"},
	{"inside it: suppressed, with the covering route", "10.0.7.0/24>10.0.2.9", "plain",
		"10.0.7.0/24", "B S 10.0.7.0/24 VirtualNetworkGateway 10.0.2.9 by 10.0.0.0/16\n"},
	{"inside a peered network: suppressed", "10.1.7.0/24>10.0.2.9", "plain", "10.1.7.0/24",
		"B S 10.1.7.0/24 VirtualNetworkGateway 10.0.2.9 by 10.1.0.0/16\n"},
	{"a supernet is injected, and beats the None route on it", "10.0.0.0/8>10.0.2.9", "plain",
		"10.0.0.0/8",
		"D I 10.0.0.0/8 None\nB A 10.0.0.0/8 VirtualNetworkGateway 10.0.2.9\n"},
	{"a default route from BGP beats Internet", "0.0.0.0/0>10.0.2.9", "plain", "0.0.0.0/0",
		"D I 0.0.0.0/0 Internet\nB A 0.0.0.0/0 VirtualNetworkGateway 10.0.2.9\n"},
	{"a user route beats both", "0.0.0.0/0>10.0.2.8", "user", "0.0.0.0/0",
		"D I 0.0.0.0/0 Internet\nB I 0.0.0.0/0 VirtualNetworkGateway 10.0.2.8\n"
		"U A 0.0.0.0/0 VirtualAppliance 10.0.2.9\n"},
	{"a user route on a learned prefix makes that Invalid", "203.0.113.0/24>10.0.2.8", "user",
		"203.0.113.0/24",
		"B I 203.0.113.0/24 VirtualNetworkGateway 10.0.2.8\nU A 203.0.113.0/24 None\n"},
	{"a user route inside a service endpoint is Invalid", "", "endpoint", "198.51.100.128/25",
		"U I 198.51.100.128/25 Internet\n"},
	{"a learned route inside a service endpoint is suppressed", "198.51.100.0/25>10.0.2.8",
		"endpoint", "198.51.100.0/25",
		"B S 198.51.100.0/25 VirtualNetworkGateway 10.0.2.8 by 198.51.100.0/24\n"},
	{"the same route elsewhere is not", "198.51.100.0/25>10.0.2.8", "plain", "198.51.100.0/25",
		"B A 198.51.100.0/25 VirtualNetworkGateway 10.0.2.8\n"},
};

/* Where packets go: the longest prefix, and the rules on top. */
static const struct {
	const char *routes, *nic, *address, *answer;
} addresses[] = {
	{"", "plain", "8.8.8.8", "Internet"},
	{"", "plain", "10.9.9.9", "None"},
	{"", "plain", "10.0.9.9", "VnetLocal"},
	{"", "plain", "10.1.9.9", "VNetPeering"},
	{"10.0.9.0/24>10.0.2.8", "plain", "10.0.9.9", "VnetLocal"},
	{"8.0.0.0/8>10.0.2.8", "plain", "8.8.8.8", "VirtualNetworkGateway 10.0.2.8"},
	{"8.0.0.0/8>10.0.2.8", "user", "8.8.8.8", "VirtualNetworkGateway 10.0.2.8"},
	{"8.0.0.0/8>10.0.2.8", "user", "9.9.9.9", "VirtualAppliance 10.0.2.9"},
	{"8.0.0.0/8>10.0.2.8", "closed", "8.8.8.8", "Internet"},
	{"0.0.0.0/0>10.0.2.8", "user", "9.9.9.9", "VirtualAppliance 10.0.2.9"},
	{"203.0.113.128/25>10.0.2.8", "user", "203.0.113.129", "VirtualNetworkGateway 10.0.2.8"},
	{"203.0.113.128/25>10.0.2.8", "user", "203.0.113.1", "None"},
	{"198.51.100.129/32>10.0.2.8", "endpoint", "198.51.100.129",
		"VirtualNetworkServiceEndpoint"},
	{"", "endpoint", "198.51.100.200", "VirtualNetworkServiceEndpoint"},
	{"", "plain", "2001:db8::1", "Internet"},
	{"2001:db8::/32>fd00::9", "plain", "2001:db8::1", "VirtualNetworkGateway fd00::9"},
	{"2001:db8::/32>fd00::9", "plain", "fd00::1", "VnetLocal"},
	{"", "shy", "2001:db8::1", "-"},
};

/* --- Running them --- */

struct world {
	struct vrs_engine engine;
	struct vrs_model *model;
	struct vrs_server *server;
	int slots[2];
};

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct vrs_cfg_report report = {0};
	struct vrs_config *config;

	vrs_thread_register_rcu();
	int err = vrs_config_parse("hub", NULL, hub, sizeof(hub) - 1, &report, &config);
	if (err != 0)
		vrs_cfg_report_print(&report, stderr);
	assert_int_equal(err, 0);
	vrs_cfg_report_fini(&report);
	assert_int_equal(vrs_engine_init(&w->engine, vrs_kernel_transport_new(),
				 &(struct vrs_engine_options){0}),
		0);
	assert_int_equal(vrs_engine_apply(&w->engine, config), 0);
	w->model = vrs_engine_model(&w->engine);
	w->server = w->model->servers[0];
	for (unsigned i = 0; i < 2; i++) {
		struct vrs_path_source s = {.addr = vrs_addr_ip4(0x0a000208u + i),
			.router_id = i + 1,
			.connection = (uint16_t)i,
			.ebgp = true};

		w->slots[i] = vrs_table_peer_add(w->server->table, &s);
	}
	return w;
}

static void world_free(struct world *w)
{
	vrs_model_put(w->model);
	vrs_engine_stop(&w->engine, NULL);
	vrs_engine_fini(&w->engine);
	free(w);
	vrs_thread_unregister_rcu();
}

static void learn_one(struct world *w, unsigned peer, char *text)
{
	char *hop_text = strchr(text, '>');
	struct vrs_prefix p;
	struct vrs_addr hop;
	struct vrs_attrs_info info;
	uint8_t bytes[64], nlri[17];
	struct vrs_writer wr = vrs_writer_init(nlri, sizeof(nlri));
	uint32_t id;

	*hop_text++ = '\0';
	assert_int_equal(vrs_prefix_parse(&p, text), 0);
	assert_int_equal(vrs_addr_parse(&hop, hop_text), 0);
	size_t size = vrs_bgp_local_attrs(&hop, bytes, sizeof(bytes), &info);
	vrs_prefix_write(&wr, &p);
	assert_int_equal(vrs_attrs_intern(w->server->table->attrs, bytes, size, &info, &id), 0);
	vrs_table_announce(w->server->table, (uint16_t)w->slots[peer], p.afi,
		(struct vrs_span){nlri, vrs_writer_size(&wr)}, id, VRS_PATH_USABLE);
	vrs_table_flush(w->server->table);
}

static void learn(struct world *w, const char *routes)
{
	char copy[512], *peers = copy, *peer, *route, *rest;

	(void)snprintf(copy, sizeof(copy), "%s", routes);
	for (unsigned i = 0; (peer = strsep(&peers, "|")) != NULL; i++)
		for (rest = peer; (route = strtok_r(rest, " ", &rest)) != NULL;)
			learn_one(w, i, route);
	vrs_engine_turn(&w->engine, 0);
	vrs_engine_turn(&w->engine, 0);
}

static void append_hops(char *out, const struct vrs_effective_route *r)
{
	char hop[VRS_ADDR_STRLEN];

	for (size_t i = 0; i < r->n_next_hops; i++) {
		strcat(out, " ");
		strcat(out, vrs_addr_str(&r->next_hops[i], hop));
	}
}

static int append_row(void *ctx, const struct vrs_effective_route *r)
{
	char *out = ctx, prefix[VRS_PREFIX_STRLEN], by[VRS_PREFIX_STRLEN];

	sprintf(out + strlen(out), "%c %c %s %s", "DBU"[r->source], "AIS"[r->state],
		vrs_prefix_str(&r->prefix, prefix), vrs_next_hop_type_str(r->type));
	append_hops(out, r);
	if (r->state == VRS_ROUTE_SUPPRESSED)
		sprintf(out + strlen(out), " by %s", vrs_prefix_str(&r->by, by));
	strcat(out, "\n");
	return 0;
}

static void the_table_of_a_nic_is_as_documented(void **state)
{
	for (size_t i = 0; i < VRS_N_ELEMS(cases); i++) {
		struct world *w = world_new();
		struct vrs_effective_cursor cursor = {.all = true, .only = cases[i].only != NULL};
		char rows[4096] = "";
		int nic = vrs_model_nic(w->model, cases[i].nic), more = 1;

		learn(w, cases[i].routes);
		assert_true(nic >= 0);
		if (cursor.only)
			assert_int_equal(vrs_prefix_parse(&cursor.prefix, cases[i].only), 0);
		/* A row at a time: a listing goes on where it stopped. */
		while (more == 1) {
			vrs_rcu_enter();
			struct vrs_effective_view v = vrs_effective_view(w->model, (size_t)nic);
			more = vrs_effective_list(&v, &cursor, 1, append_row, rows);
			vrs_rcu_leave();
		}
		assert_int_equal(more, 0);
		if (strcmp(rows, cases[i].rows) != 0)
			print_error("case: %s\n", cases[i].name);
		assert_string_equal(rows, cases[i].rows);
		world_free(w);
	}
}

static void an_address_goes_where_the_rules_say(void **state)
{
	for (size_t i = 0; i < VRS_N_ELEMS(addresses); i++) {
		struct world *w = world_new();
		struct vrs_effective_route r;
		struct vrs_addr a;
		char answer[256] = "-";
		int nic = vrs_model_nic(w->model, addresses[i].nic);

		learn(w, addresses[i].routes);
		assert_int_equal(vrs_addr_parse(&a, addresses[i].address), 0);
		vrs_rcu_enter();
		struct vrs_effective_view v = vrs_effective_view(w->model, (size_t)nic);
		if (vrs_effective_match(&v, &a, &r)) {
			strcpy(answer, vrs_next_hop_type_str(r.type));
			append_hops(answer, &r);
		}
		vrs_rcu_leave();
		if (strcmp(answer, addresses[i].answer) != 0)
			print_error(
				"row %zu: %s from %s\n", i, addresses[i].address, addresses[i].nic);
		assert_string_equal(answer, addresses[i].answer);
		world_free(w);
	}
}

struct explained {
	char text[2048];
};

static void note(void *ctx, const struct vrs_effective_route *c, enum vrs_outcome outcome,
	const char *reason, const struct vrs_prefix *by)
{
	struct explained *x = ctx;
	char prefix[VRS_PREFIX_STRLEN];

	assert_non_null(reason);
	assert_int_equal(by == NULL, outcome == VRS_OUTCOME_ACTIVE);
	sprintf(x->text + strlen(x->text), "%c %s %s%s%s\n", "DBU"[c->source],
		vrs_prefix_str(&c->prefix, prefix), vrs_outcome_str(outcome),
		outcome == VRS_OUTCOME_ACTIVE ? ": " : "",
		outcome == VRS_OUTCOME_ACTIVE ? reason : "");
}

static void explain(struct world *w, const char *nic, const char *address, struct explained *x)
{
	struct vrs_addr a;

	x->text[0] = '\0';
	assert_int_equal(vrs_addr_parse(&a, address), 0);
	vrs_rcu_enter();
	struct vrs_effective_view v =
		vrs_effective_view(w->model, (size_t)vrs_model_nic(w->model, nic));
	vrs_effective_explain(&v, &a, note, x);
	vrs_rcu_leave();
}

static void every_candidate_is_explained(void **state)
{
	struct world *w = world_new();
	struct explained x;

	learn(w, "203.0.113.128/25>10.0.2.8 203.0.113.0/24>10.0.2.8 0.0.0.0/0>10.0.2.8");
	explain(w, "user", "203.0.113.129", &x);
	assert_string_equal(x.text,
		"B 203.0.113.128/25 active: longest prefix\n"
		"B 203.0.113.0/24 invalid\nB 0.0.0.0/0 invalid\n"
		"U 203.0.113.0/24 shorter\nD 0.0.0.0/0 invalid\n"
		"U 0.0.0.0/0 shorter\n");
	/* A longer prefix loses to a service endpoint. */
	explain(w, "endpoint", "198.51.100.129", &x);
	assert_non_null(
		strstr(x.text, "D 198.51.100.0/24 active: service endpoint: before every route\n"));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_a_nic_is_as_documented),
		cmocka_unit_test(an_address_goes_where_the_rules_say),
		cmocka_unit_test(every_candidate_is_explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
