/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Configuration: one YAML document, read whole, checked whole, applied whole or not at all.
 *
 * A vrs_config is an immutable value: it owns everything it points to, every string and array,
 * and is freed in one piece. The engine compares two of them to apply a change. Names and
 * meaning of every field: INTERFACE section 2 (docs/configuration.md). One table of schema
 * rows (engine/schema.c) drives the parser, the JSON Schema, --help and the man page.
 *
 * Threads: pure; a vrs_config may be read from any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "io/dpdk/badwire.h"
#include "rib/prefix.h"

/** Where a thing stands in its file, both from 1; 0 where it was defaulted. */
struct vrs_mark {
	uint32_t line;
	uint32_t column;
};

#define VRS_CFG_IO_THREADS_MAX 64u
#define VRS_CFG_PORTS_MAX      16u

enum vrs_transport_kind {
	VRS_TRANSPORT_KERNEL,
	VRS_TRANSPORT_DPDK,
};

/** An address of ours and the prefix that is on its link: "10.0.0.4/26". */
struct vrs_cfg_interface_address {
	struct vrs_addr addr;
	uint8_t len;
};

struct vrs_cfg_port {
	const char *device;
	struct vrs_cfg_interface_address *addresses;
	size_t n_addresses;
	struct vrs_addr *gateways; /* at most one of each family */
	size_t n_gateways;
	uint16_t vlan;             /* 0 = untagged */
	uint16_t mtu;              /* 0 = the port's own */
	uint16_t queues;           /* 0 = one for each I/O thread */
	const char *exception_tap; /* NULL = none */
	struct vrs_badwire_config bad_wire;
	struct vrs_mark mark;
};

struct vrs_cfg_process {
	const char *state_dir;
	const char *control_socket;
	const char *http_listen; /* "127.0.0.1:8179" or NULL = off */
	uint16_t bgp_port;
	uint32_t io_threads; /* 0: the caller's thread does everything. */
	enum vrs_transport_kind transport;
	const char **eal;
	size_t n_eal;
	struct vrs_cfg_port *ports;
	size_t n_ports;
};

struct vrs_cfg_service_endpoint {
	const char *service;
	struct vrs_prefix *prefixes;
	size_t n_prefixes;
	struct vrs_mark mark;
};

struct vrs_cfg_subnet {
	const char *name;
	struct vrs_prefix *prefixes;
	size_t n_prefixes;
	const char *route_table; /* NULL = none */
	int route_table_index;   /* in vrs_config.route_tables, -1 = none */
	struct vrs_cfg_service_endpoint *service_endpoints;
	size_t n_service_endpoints;
	struct vrs_mark mark;
};

struct vrs_cfg_vnet_peering {
	const char *name;
	const char *remote; /* name of the remote network */
	int remote_index;   /* in vrs_config.vnets; never -1 in an accepted configuration */
	bool allow_gateway_transit;
	bool use_remote_gateways;
	bool connected; /* the other side declares a peering back */
	struct vrs_mark mark;
};

struct vrs_cfg_vnet {
	const char *name;
	struct vrs_prefix *prefixes;
	size_t n_prefixes;
	struct vrs_cfg_subnet *subnets;
	size_t n_subnets;
	struct vrs_cfg_vnet_peering *peerings;
	size_t n_peerings;
	int route_server_index; /* in vrs_config.route_servers, -1 = none */
	struct vrs_mark mark;
};

/** Types of a user route's next hop, and of a row in the effective table. */
enum vrs_next_hop_type {
	VRS_NH_VIRTUAL_APPLIANCE,
	VRS_NH_VIRTUAL_NETWORK_GATEWAY,
	VRS_NH_VNET_LOCAL,
	VRS_NH_INTERNET,
	VRS_NH_NONE,
	/* Only in effective tables, never configured: */
	VRS_NH_VNET_PEERING,
	VRS_NH_SERVICE_ENDPOINT,
};

/** "VirtualAppliance", "VnetLocal", "VNetPeering", "VirtualNetworkServiceEndpoint", ... */
const char *vrs_next_hop_type_str(enum vrs_next_hop_type type);

struct vrs_cfg_route {
	const char *name;
	struct vrs_prefix prefix;
	enum vrs_next_hop_type next_hop_type;
	struct vrs_addr next_hop; /* afi 0 = none */
	struct vrs_mark mark;
};

struct vrs_cfg_route_table {
	const char *name;
	bool disable_bgp_propagation;
	struct vrs_cfg_route *routes;
	size_t n_routes;
	struct vrs_mark mark;
};

struct vrs_cfg_nic {
	const char *name;
	const char *vnet;
	const char *subnet;
	int vnet_index, subnet_index;
	struct vrs_addr *addresses;
	size_t n_addresses;
	bool enable_ip_forwarding;
	struct vrs_mark mark;
};

enum vrs_peer_kind {
	VRS_PEER_NVA,
	VRS_PEER_VPN_GATEWAY,
	VRS_PEER_EXPRESSROUTE_GATEWAY,
};

enum vrs_max_prefix_action {
	VRS_MAX_PREFIX_RESTART,
	VRS_MAX_PREFIX_WARN,
	VRS_MAX_PREFIX_DISCARD,
};

struct vrs_cfg_bgp_connection {
	const char *name;
	enum vrs_peer_kind kind;
	struct vrs_addr peer_ip;
	uint32_t peer_asn;
	uint16_t peer_port; /* defaulted from process.bgpPort */
	bool passive;
	bool enabled;
	uint16_t keepalive_s, hold_s;
	const char *password_file; /* NULL = none */
	char password[81];         /* read from password_file while loading */
	uint8_t ttl_security;
	uint32_t max_prefixes; /* 0 = none */
	enum vrs_max_prefix_action max_prefix_action;
	bool ip4, ip6; /* addressFamilies */
	bool role_rs;  /* role: rs (RFC 9234) */
	struct vrs_mark mark;
};

enum vrs_routing_preference {
	VRS_PREFER_EXPRESSROUTE,
	VRS_PREFER_VPN_GATEWAY,
	VRS_PREFER_AS_PATH,
};

struct vrs_cfg_route_server {
	const char *name;
	const char *vnet;
	int vnet_index;
	uint32_t asn;
	struct vrs_addr router_ips[4]; /* [v4 inst 0, v4 inst 1, v6 inst 0, v6 inst 1]; see n */
	size_t n_router_ips;           /* 1, 2 or 4 */
	bool branch_to_branch;
	enum vrs_routing_preference preference;
	uint32_t limit_peers;
	uint32_t limit_routes_per_peer;
	bool limit_counting_azure;
	uint32_t limit_as_path;     /* AS numbers; 0 = none */
	uint32_t limit_communities; /* of all kinds; 0 = none */
	uint8_t *scrub;             /* attribute codes */
	size_t n_scrub;
	uint64_t memory_limit;
	struct vrs_cfg_bgp_connection *connections;
	size_t n_connections;
	struct vrs_mark mark;
};

struct vrs_config {
	struct vrs_cfg_process process;
	struct vrs_cfg_vnet *vnets;
	size_t n_vnets;
	struct vrs_cfg_route_table *route_tables;
	size_t n_route_tables;
	struct vrs_cfg_nic *nics;
	size_t n_nics;
	struct vrs_cfg_route_server *route_servers;
	size_t n_route_servers;
};

/** One finding: an error, or a warning that does not stop anything. */
struct vrs_cfg_finding {
	bool warning;
	struct vrs_mark mark;
	const char *rule; /* "unknown-key", ...: static */
	char text[256];   /* with its "(did you mean ...?)" */
};

struct vrs_cfg_report {
	const char *file; /* borrowed: as given to the loader */
	struct vrs_cfg_finding *findings;
	size_t n_findings;
	size_t n_errors;
};

/**
 * Parse and check @p size bytes of YAML.
 *
 * @param file         Name for messages; borrowed as long as @p report is used.
 * @param base_dir     Directory that a relative passwordFile starts from; NULL = the current.
 * @param[out] report  Every error and warning, in file order; release with
 *                     vrs_cfg_report_fini() whatever is returned.
 * @param[out] out     The configuration, owned by the caller; written only on success.
 * @return             0; -EINVAL when the report has errors; -ENOMEM.
 */
VRS_NODISCARD int vrs_config_parse(const char *file, const char *base_dir, const char *text,
	size_t size, struct vrs_cfg_report *report, struct vrs_config **out);

/** As vrs_config_parse() from a file of at most 16 MiB. Also a negative errno from reading,
 *  which then is in the report too. */
VRS_NODISCARD int vrs_config_load(
	const char *path, struct vrs_cfg_report *report, struct vrs_config **out);

void vrs_config_free(struct vrs_config *config);

/** One line per finding: FILE:LINE:COL: error|warning: RULE: text */
void vrs_cfg_report_print(const struct vrs_cfg_report *report, FILE *to);
void vrs_cfg_report_fini(struct vrs_cfg_report *report);

/** The JSON Schema of the configuration, and the table of keys for --help. */
void vrs_config_print_schema(FILE *to);
void vrs_config_print_help(FILE *to);
