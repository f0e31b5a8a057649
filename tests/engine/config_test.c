/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/config.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/schema.h"
#include "tests/test.h"

#define DATA VRS_SOURCE_DIR "/tests/engine/data/"

static struct vrs_config *load(const char *path)
{
	struct vrs_cfg_report report;
	struct vrs_config *config = NULL;
	int rc = vrs_config_load(path, &report, &config);

	vrs_cfg_report_print(&report, stdout);
	assert_int_equal(rc, 0);
	vrs_cfg_report_fini(&report);
	return config;
}

static int parse(const char *text, size_t size)
{
	struct vrs_cfg_report report;
	struct vrs_config *config = NULL;
	int rc = vrs_config_parse("t", NULL, text, size, &report, &config);

	assert_true(rc == 0 || (rc == -EINVAL && report.n_errors > 0));
	assert_true((rc == 0) == (config != NULL));
	vrs_cfg_report_fini(&report);
	vrs_config_free(config);
	return rc;
}

static char *slurp(const char *path, size_t *size)
{
	FILE *f = fopen(path, "r");
	char *text = malloc(1 << 16);

	assert_non_null(f);
	assert_non_null(text);
	*size = fread(text, 1, 1 << 16, f);
	(void)fclose(f);
	return text;
}

static void assert_prefix(const struct vrs_prefix *p, const char *text)
{
	char s[VRS_PREFIX_STRLEN];

	assert_string_equal(vrs_prefix_str(p, s), text);
}

static void assert_addr(const struct vrs_addr *a, const char *text)
{
	char s[VRS_ADDR_STRLEN];

	assert_string_equal(vrs_addr_str(a, s), text);
}

static void the_full_example_has_its_process_and_networks(void **)
{
	struct vrs_config *c = load(DATA "full.yaml");
	const struct vrs_cfg_vnet *hub = &c->vnets[0], *spoke = &c->vnets[1];

	assert_string_equal(c->process.state_dir, "/var/lib/vrs");
	assert_string_equal(c->process.control_socket, "/run/vrs/vrs.sock");
	assert_string_equal(c->process.http_listen, "127.0.0.1:8179");
	assert_int_equal(c->process.bgp_port, 179);
	assert_int_equal(c->process.io_threads, 1);

	assert_int_equal(c->n_vnets, 2);
	assert_string_equal(hub->name, "hub");
	assert_int_equal(hub->mark.line, 9);
	assert_int_equal(hub->mark.column, 5);
	assert_int_equal(hub->n_prefixes, 1);
	assert_prefix(&hub->prefixes[0], "10.0.0.0/16");
	assert_int_equal(hub->route_server_index, 0);
	assert_int_equal(hub->n_subnets, 3);
	assert_string_equal(hub->subnets[0].name, "RouteServerSubnet");
	assert_prefix(&hub->subnets[0].prefixes[0], "10.0.0.0/26");
	assert_int_equal(hub->subnets[0].route_table_index, -1);
	assert_null(hub->subnets[0].route_table);
	assert_string_equal(hub->subnets[1].route_table, "rt-nva");
	assert_int_equal(hub->subnets[1].route_table_index, 0);
	assert_int_equal(hub->subnets[2].n_service_endpoints, 1);
	assert_string_equal(hub->subnets[2].service_endpoints[0].service, "Storage");
	assert_int_equal(hub->subnets[2].service_endpoints[0].n_prefixes, 1);
	assert_prefix(&hub->subnets[2].service_endpoints[0].prefixes[0], "198.51.100.0/24");

	assert_int_equal(hub->n_peerings, 1);
	assert_string_equal(hub->peerings[0].name, "to-spoke");
	assert_string_equal(hub->peerings[0].remote, "spoke");
	assert_int_equal(hub->peerings[0].remote_index, 1);
	assert_true(hub->peerings[0].allow_gateway_transit);
	assert_false(hub->peerings[0].use_remote_gateways);
	assert_true(hub->peerings[0].connected);
	assert_int_equal(spoke->route_server_index, -1);
	assert_int_equal(spoke->peerings[0].remote_index, 0);
	assert_true(spoke->peerings[0].use_remote_gateways);
	assert_false(spoke->peerings[0].allow_gateway_transit);
	vrs_config_free(c);
}

static void the_full_example_has_its_tables_and_interfaces(void **)
{
	struct vrs_config *c = load(DATA "full.yaml");
	const struct vrs_cfg_route *r = &c->route_tables[0].routes[0];

	assert_int_equal(c->n_route_tables, 1);
	assert_string_equal(c->route_tables[0].name, "rt-nva");
	assert_false(c->route_tables[0].disable_bgp_propagation);
	assert_int_equal(c->route_tables[0].n_routes, 1);
	assert_string_equal(r->name, "internet");
	assert_prefix(&r->prefix, "0.0.0.0/0");
	assert_int_equal(r->next_hop_type, VRS_NH_INTERNET);
	assert_int_equal(r->next_hop.afi, VRS_AFI_NONE);

	assert_int_equal(c->n_nics, 2);
	assert_string_equal(c->nics[0].name, "vm1");
	assert_string_equal(c->nics[0].vnet, "hub");
	assert_string_equal(c->nics[0].subnet, "vms");
	assert_int_equal(c->nics[0].vnet_index, 0);
	assert_int_equal(c->nics[0].subnet_index, 2);
	assert_int_equal(c->nics[0].n_addresses, 1);
	assert_addr(&c->nics[0].addresses[0], "10.0.2.4");
	assert_false(c->nics[0].enable_ip_forwarding);
	assert_true(c->nics[1].enable_ip_forwarding);
	assert_int_equal(c->nics[1].subnet_index, 1);
	vrs_config_free(c);
}

static void the_full_example_has_its_route_server(void **)
{
	struct vrs_config *c = load(DATA "full.yaml");
	const struct vrs_cfg_route_server *rs = &c->route_servers[0];
	const struct vrs_cfg_bgp_connection *p = rs->connections;

	assert_int_equal(c->n_route_servers, 1);
	assert_string_equal(rs->name, "rs");
	assert_string_equal(rs->vnet, "hub");
	assert_int_equal(rs->vnet_index, 0);
	assert_int_equal(rs->asn, 65515);
	assert_int_equal(rs->n_router_ips, 2);
	assert_addr(&rs->router_ips[0], "10.0.0.4");
	assert_addr(&rs->router_ips[1], "10.0.0.5");
	assert_false(rs->branch_to_branch);
	assert_int_equal(rs->preference, VRS_PREFER_EXPRESSROUTE);
	assert_int_equal(rs->limit_peers, 0);
	assert_int_equal(rs->limit_routes_per_peer, 0);
	assert_false(rs->limit_counting_azure);
	assert_int_equal(rs->n_scrub, 0);
	assert_int_equal(rs->memory_limit, 0);

	assert_int_equal(rs->n_connections, 2);
	assert_string_equal(p[0].name, "nva1");
	assert_int_equal(p[0].kind, VRS_PEER_NVA);
	assert_addr(&p[0].peer_ip, "10.0.1.4");
	assert_int_equal(p[0].peer_asn, 65001);
	assert_int_equal(p[0].peer_port, 179);
	assert_false(p[0].passive);
	assert_true(p[0].enabled);
	assert_int_equal(p[0].keepalive_s, 60);
	assert_int_equal(p[0].hold_s, 180);
	assert_null(p[0].password_file);
	assert_string_equal(p[0].password, "");
	assert_int_equal(p[0].ttl_security, 0);
	assert_int_equal(p[0].max_prefixes, 0);
	assert_int_equal(p[0].max_prefix_action, VRS_MAX_PREFIX_RESTART);
	assert_true(p[0].ip4 && p[0].ip6);
	assert_false(p[0].role_rs);
	assert_int_equal(p[0].mark.line, 41);
	assert_int_equal(p[0].mark.column, 9);
	assert_int_equal(p[1].kind, VRS_PEER_VPN_GATEWAY);
	assert_int_equal(p[1].peer_asn, 65515);
	vrs_config_free(c);
}

static void every_option_can_differ_from_its_default(void **)
{
	struct vrs_config *c = load(DATA "dual-stack.yaml");
	const struct vrs_cfg_route_server *rs = &c->route_servers[0];
	const struct vrs_cfg_bgp_connection *p = rs->connections;
	const struct vrs_cfg_route *r = c->route_tables[0].routes;

	assert_string_equal(c->process.http_listen, "[::1]:9179");
	assert_int_equal(c->vnets[0].subnets[0].n_prefixes, 2);
	assert_prefix(&c->vnets[0].subnets[0].prefixes[1], "fd00::/64");
	assert_true(c->route_tables[0].disable_bgp_propagation);
	assert_int_equal(r[1].next_hop_type, VRS_NH_VIRTUAL_APPLIANCE);
	assert_addr(&r[1].next_hop, "fd00:0:0:1::4");
	assert_int_equal(r[2].next_hop_type, VRS_NH_VIRTUAL_NETWORK_GATEWAY);
	assert_int_equal(r[3].next_hop_type, VRS_NH_VNET_LOCAL);
	assert_int_equal(r[4].next_hop_type, VRS_NH_NONE);
	assert_int_equal(c->nics[0].n_addresses, 2);

	assert_int_equal(rs->asn, 4200000000u);
	assert_int_equal(rs->n_router_ips, 4);
	assert_addr(&rs->router_ips[3], "fd00::5");
	assert_true(rs->branch_to_branch);
	assert_int_equal(rs->preference, VRS_PREFER_AS_PATH);
	assert_int_equal(rs->limit_peers, 8);
	assert_int_equal(rs->limit_routes_per_peer, 4000);
	assert_true(rs->limit_counting_azure);
	assert_int_equal(rs->n_scrub, 2);
	assert_int_equal(rs->scrub[1], 128);
	assert_int_equal(rs->memory_limit, 8589934592);
	assert_int_equal(p->peer_port, 1179);
	assert_true(p->passive);
	assert_int_equal(p->keepalive_s, 3);
	assert_int_equal(p->hold_s, 9);
	assert_string_equal(p->password, "s3cret word");
	assert_int_equal(p->ttl_security, 2);
	assert_int_equal(p->max_prefixes, 1000);
	assert_int_equal(p->max_prefix_action, VRS_MAX_PREFIX_DISCARD);
	assert_true(!p->ip4 && p->ip6);
	assert_true(p->role_rs);
	assert_false(p->enabled);
	assert_int_equal(p[1].kind, VRS_PEER_EXPRESSROUTE_GATEWAY);
	assert_int_equal(p[1].keepalive_s, 10); /* A third of its hold time. */
	assert_int_equal(p[1].peer_port, 1790); /* bgpPort. */
	vrs_config_free(c);
}

static void ports_have_addresses_with_their_host_bits(void **)
{
	char text[VRS_ADDR_STRLEN];

	if (!VRS_HAVE_DPDK)
		skip();
	struct vrs_config *c = load(DATA "dpdk.yaml");
	const struct vrs_cfg_port *p = c->process.ports;
	assert_int_equal(c->process.transport, VRS_TRANSPORT_DPDK);
	assert_int_equal(c->process.n_eal, 1);
	assert_string_equal(c->process.eal[0], "--in-memory");
	assert_int_equal(c->process.n_ports, 2);
	assert_string_equal(p->device, "net_af_packet0,iface=veth0");
	assert_int_equal(p->n_addresses, 2);
	assert_string_equal(vrs_addr_str(&p->addresses[1].addr, text), "10.0.0.5");
	assert_int_equal(p->addresses[1].len, 26);
	assert_string_equal(vrs_addr_str(&p->gateways[0], text), "10.0.0.1");
	assert_int_equal(p->n_gateways, 1);
	assert_int_equal(p->vlan, 7);
	assert_int_equal(p->mtu, 1400);
	assert_int_equal(p->queues, 1);
	assert_string_equal(p->exception_tap, "vrs0");
	assert_int_equal(p->bad_wire.loss_ppm, 1);
	assert_int_equal(p->bad_wire.reorder_ppm, 2);
	assert_int_equal(p->bad_wire.reorder_us, 3);
	assert_int_equal(p->bad_wire.duplicate_ppm, 4);
	assert_int_equal(p->bad_wire.corrupt_ppm, 5);
	assert_int_equal(p->bad_wire.delay_us, 6);
	assert_int_equal(p->bad_wire.rate, 7);
	assert_int_equal(p->bad_wire.queue_bytes, 8);
	assert_int_equal(p->bad_wire.seed, 9);
	p++;
	assert_int_equal(p->n_gateways, 2);
	assert_string_equal(vrs_addr_str(&p->gateways[1], text), "fe80::1");
	assert_int_equal(p->vlan + p->mtu + p->queues, 0);
	assert_null(p->exception_tap);
	assert_int_equal(p->bad_wire.loss_ppm + p->bad_wire.delay_us + p->bad_wire.rate, 0);
	vrs_config_free(c);
}

static void an_empty_mapping_is_all_defaults(void **)
{
	struct vrs_cfg_report report;
	struct vrs_config *c = NULL;

	assert_int_equal(vrs_config_parse("t", NULL, "{}", 2, &report, &c), 0);
	assert_string_equal(c->process.state_dir, "/var/lib/vrs");
	assert_string_equal(c->process.control_socket, "/run/vrs/vrs.sock");
	assert_null(c->process.http_listen);
	assert_int_equal(c->process.bgp_port, 179);
	assert_int_equal(c->process.io_threads, 1);
	assert_int_equal(c->process.transport, VRS_TRANSPORT_KERNEL);
	assert_int_equal(c->process.n_eal + c->process.n_ports, 0);
	assert_int_equal(c->n_vnets + c->n_route_tables + c->n_nics + c->n_route_servers, 0);
	vrs_config_free(c);
	vrs_cfg_report_fini(&report);
}

static void no_truncation_and_no_flipped_byte_crashes(void **)
{
	static const char *const files[] = {
		DATA "full.yaml", DATA "dual-stack.yaml", DATA "dpdk.yaml"};
	static const char bytes[] = {
		'\0', '\n', ' ', '-', '[', '{', '"', ':', '&', '9', (char)0xff};

	for (size_t f = 0; f < VRS_N_ELEMS(files); f++) {
		size_t size;
		char *text = slurp(files[f], &size);
		for (size_t i = 0; i <= size; i++) {
			/* A copy of the very size, so that a sanitizer sees one byte too far. */
			char *part = malloc(i > 0 ? i : 1);
			assert_non_null(part);
			memcpy(part, text, i);
			(void)parse(part, i);
			free(part);
		}
		for (size_t i = 0; i < size; i++) {
			char was = text[i];
			text[i] = bytes[i % sizeof(bytes)];
			(void)parse(text, size);
			text[i] = was;
		}
		free(text);
	}
}

static void towers_of_brackets_and_large_files_are_refused(void **)
{
	size_t size = ((size_t)16 << 20) + 1;
	char *text = malloc(size);

	assert_non_null(text);
	memset(text, '[', size);
	assert_int_equal(parse(text, 100000), -EINVAL);
	memset(text, ' ', size);
	text[0] = '{';
	text[1] = '}';
	assert_int_equal(parse(text, size), -EINVAL);
	assert_int_equal(parse(text, size - 1), 0);
	free(text);
}

static void the_nearest_name_bears_any_bytes(void **)
{
	struct vrs_nearest n = vrs_nearest_init("\xff\xffname\xff");

	vrs_nearest_offer(&n, "n\xff\xff");
	vrs_nearest_offer(&n, "\xff");
	vrs_nearest_offer(&n, "");
	assert_null(n.best);
	vrs_nearest_offer(&n, "name\xff");
	assert_string_equal(n.best, "name\xff");
	n = vrs_nearest_init("nmae");
	vrs_nearest_offer(&n, "name");
	assert_int_equal(n.distance, 1);
}

static void an_unreadable_file_is_a_finding_too(void **)
{
	struct vrs_cfg_report report;
	struct vrs_config *c = NULL;

	assert_int_equal(vrs_config_load("/nonexistent", &report, &c), -ENOENT);
	assert_int_equal(report.n_errors, 1);
	assert_string_equal(report.findings[0].rule, "file");
	vrs_cfg_report_fini(&report);
	assert_int_equal(vrs_config_load("/", &report, &c), -EISDIR);
	vrs_cfg_report_fini(&report);
	assert_null(c);
}

static void a_flood_of_findings_is_cut_off(void **)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	struct vrs_cfg_report report;
	struct vrs_config *c = NULL;

	for (int i = 0; i < 5000; i++)
		(void)fprintf(f, "k%d: 1\n", i);
	(void)fclose(f);
	assert_int_equal(vrs_config_parse("t", NULL, text, size, &report, &c), -EINVAL);
	assert_int_equal(report.n_findings, 1001);
	assert_string_equal(report.findings[1000].rule, "limit");
	vrs_cfg_report_fini(&report);
	free(text);
}

static void the_json_schema_is_json_and_names_every_key(void **)
{
	char *text = NULL;
	size_t size = 0, n;
	FILE *f = open_memstream(&text, &size);
	json_error_t error;
	const struct vrs_schema_row *rows = vrs_schema_rows(&n);

	vrs_config_print_schema(f);
	(void)fclose(f);
	json_t *schema = json_loads(text, 0, &error);
	assert_non_null(schema);
	assert_non_null(json_object_get(json_object_get(schema, "properties"), "routeServers"));
	for (size_t i = 0; i < n; i++) {
		char key[64];
		(void)snprintf(key, sizeof(key), "\"%s\": {", rows[i].key);
		assert_true((rows[i].flags & VRS_SCHEMA_LATER) != 0 || strstr(text, key) != NULL);
	}
	json_decref(schema);
	free(text);
}

static void help_and_documentation_name_every_key(void **)
{
	char *text = NULL;
	size_t size = 0, n, doc_size;
	FILE *f = open_memstream(&text, &size);
	const struct vrs_schema_row *rows = vrs_schema_rows(&n);
	char *doc = slurp(VRS_SOURCE_DIR "/docs/configuration.md", &doc_size);

	assert_true(doc_size < 1 << 16);
	doc[doc_size] = '\0';
	vrs_config_print_help(f);
	(void)fclose(f);
	for (size_t i = 0; i < n; i++) {
		char key[64];
		(void)snprintf(key, sizeof(key), "`%s`", rows[i].key);
		if (strstr(doc, key) == NULL)
			fail_msg("docs/configuration.md does not name %s", key);
		assert_non_null(strstr(text, rows[i].key));
		assert_non_null(rows[i].help);
		assert_non_null(rows[i].since);
	}
	free(doc);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_full_example_has_its_process_and_networks),
		cmocka_unit_test(the_full_example_has_its_tables_and_interfaces),
		cmocka_unit_test(the_full_example_has_its_route_server),
		cmocka_unit_test(every_option_can_differ_from_its_default),
		cmocka_unit_test(ports_have_addresses_with_their_host_bits),
		cmocka_unit_test(an_empty_mapping_is_all_defaults),
		cmocka_unit_test(no_truncation_and_no_flipped_byte_crashes),
		cmocka_unit_test(towers_of_brackets_and_large_files_are_refused),
		cmocka_unit_test(the_nearest_name_bears_any_bytes),
		cmocka_unit_test(an_unreadable_file_is_a_finding_too),
		cmocka_unit_test(a_flood_of_findings_is_cut_off),
		cmocka_unit_test(the_json_schema_is_json_and_names_every_key),
		cmocka_unit_test(help_and_documentation_name_every_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
