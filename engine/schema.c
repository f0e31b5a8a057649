/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/schema.h"

#include <string.h>
#include <strings.h>

#include "engine/config.h"

/* A field, a list {array, count}, and a list that stands in the struct itself. */
#define FIELD(type, f) .offset = offsetof(struct type, f), .size = sizeof(((struct type *)0)->f)
#define LIST(type, f, n)                                                            \
	.offset = offsetof(struct type, f), .size = sizeof(*((struct type *)0)->f), \
	.count_offset = offsetof(struct type, n)
#define OBJECTS(type, f, n) \
	LIST(type, f, n), .mark_offset = offsetof(typeof(*((struct type *)0)->f), mark)

#define NAME_BOUNDS .min = 1, .max = 80
#define PATH_BOUNDS .min = 1, .max = 4095

/* sun_path is 108 bytes and holds a NUL. */
#define SOCKET_BOUNDS .min = 1, .max = 107

static_assert(offsetof(struct vrs_cfg_bgp_connection, ip6) ==
		offsetof(struct vrs_cfg_bgp_connection, ip4) + sizeof(bool),
	"addressFamilies is one FLAGS row over both");

static const struct vrs_schema_name transport_kinds[] = {
	[VRS_TRANSPORT_KERNEL] = {"kernel"},
	[VRS_TRANSPORT_DPDK] = {"dpdk", .later = VRS_HAVE_DPDK == 0,
		.instead = "in: meson -Ddpdk=enabled, Debian's libdpdk-dev"},
	{0},
};
static const struct vrs_schema_name countings[] = {{"distinct"}, {"azure"}, {0}};
static const struct vrs_schema_name roles[] = {{"none"}, {"rs"}, {0}};
static const struct vrs_schema_name families[] = {{"ipv4"}, {"ipv6"}, {0}};

static const struct vrs_schema_name next_hop_types[] = {
	[VRS_NH_VIRTUAL_APPLIANCE] = {"VirtualAppliance"},
	[VRS_NH_VIRTUAL_NETWORK_GATEWAY] = {"VirtualNetworkGateway"},
	[VRS_NH_VNET_LOCAL] = {"VnetLocal"},
	[VRS_NH_INTERNET] = {"Internet"},
	[VRS_NH_NONE] = {"None"},
	{0},
};

static const struct vrs_schema_name peer_kinds[] = {
	[VRS_PEER_NVA] = {"NetworkVirtualAppliance"},
	[VRS_PEER_VPN_GATEWAY] = {"VpnGateway"},
	[VRS_PEER_EXPRESSROUTE_GATEWAY] = {"ExpressRouteGateway"},
	{0},
};

static const struct vrs_schema_name max_prefix_actions[] = {
	[VRS_MAX_PREFIX_RESTART] = {"restart"},
	[VRS_MAX_PREFIX_WARN] = {"warn"},
	[VRS_MAX_PREFIX_DISCARD] = {"discard"},
	{0},
};

static const struct vrs_schema_name preferences[] = {
	[VRS_PREFER_EXPRESSROUTE] = {"ExpressRoute"},
	[VRS_PREFER_VPN_GATEWAY] = {"VpnGateway"},
	[VRS_PREFER_AS_PATH] = {"ASPath"},
	{0},
};

/* clang-format off */
static const struct vrs_schema_row schema[] = {
	/* The document. */
	{"", "process", VRS_SCHEMA_OBJECT, .offset = offsetof(struct vrs_config, process),
		.object = "process", .since = "0.1",
		.help = "the vrsd process itself"},
	{"", "virtualNetworks", VRS_SCHEMA_OBJECT, VRS_SCHEMA_LIST, OBJECTS(vrs_config, vnets, n_vnets),
		.object = "virtualNetworks[]", .since = "0.1",
		.help = "virtual networks: prefixes, subnets, peerings"},
	{"", "routeTables", VRS_SCHEMA_OBJECT, VRS_SCHEMA_LIST,
		OBJECTS(vrs_config, route_tables, n_route_tables), .object = "routeTables[]", .since = "0.1",
		.help = "tables of user-defined routes that subnets refer to"},
	{"", "networkInterfaces", VRS_SCHEMA_OBJECT, VRS_SCHEMA_LIST, OBJECTS(vrs_config, nics, n_nics),
		.object = "networkInterfaces[]", .since = "0.1",
		.help = "network interfaces of virtual machines and appliances"},
	{"", "routeServers", VRS_SCHEMA_OBJECT, VRS_SCHEMA_LIST,
		OBJECTS(vrs_config, route_servers, n_route_servers), .object = "routeServers[]", .since = "0.1",
		.help = "route servers and their BGP connections"},

	{"process", "stateDir", VRS_SCHEMA_STRING, FIELD(vrs_cfg_process, state_dir), PATH_BOUNDS,
		.fallback = "/var/lib/vrs", .since = "0.1",
		.help = "directory for what must survive a restart"},
	{"process", "controlSocket", VRS_SCHEMA_STRING, FIELD(vrs_cfg_process, control_socket),
		SOCKET_BOUNDS, .fallback = "/run/vrs/vrs.sock", .since = "0.1",
		.help = "Unix socket of the control API, mode 0660"},
	{"process", "http", VRS_SCHEMA_OBJECT, .object = "process.http", .since = "0.1",
		.help = "metrics and read-only API over TCP; absent = off"},
	{"process", "bgpPort", VRS_SCHEMA_UINT, FIELD(vrs_cfg_process, bgp_port), .min = 1, .max = 65535,
		.fallback = "179", .since = "0.1",
		.help = "local TCP port of every BGP session"},
	{"process", "ioThreads", VRS_SCHEMA_UINT, FIELD(vrs_cfg_process, io_threads), .min = 0, .max = 256,
		.fallback = "1", .since = "0.1",
		.help = "threads that read sessions, each with a part of every RIB (64 at most); 0: the main thread does everything"},
	{"process", "transport", VRS_SCHEMA_OBJECT, .object = "process.transport", .since = "0.1",
		.help = "what carries TCP"},
	{"process", "instance", VRS_SCHEMA_ANY, VRS_SCHEMA_LATER, .since = "0.1",
		.help = "serve one instance of the pair only"},

	{"process.http", "listen", VRS_SCHEMA_LISTEN, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_process, http_listen), .since = "0.1",
		.help = "ADDRESS:PORT, an IPv6 address in brackets"},

	{"process.transport", "kind", VRS_SCHEMA_ENUM, FIELD(vrs_cfg_process, transport),
		.names = transport_kinds, .fallback = "kernel", .since = "0.1",
		.help = "kernel sockets, or DPDK where it is built in"},
	{"process.transport", "eal", VRS_SCHEMA_STRING, VRS_SCHEMA_LIST,
		LIST(vrs_cfg_process, eal, n_eal), .min = 1, .max = 255, .max_items = 64, .since = "0.2",
		.help = "arguments of DPDK's EAL, behind our own"},
	{"process.transport", "ports", VRS_SCHEMA_OBJECT, VRS_SCHEMA_LIST,
		OBJECTS(vrs_cfg_process, ports, n_ports), .object = "process.transport.ports[]",
		.max_items = VRS_CFG_PORTS_MAX, .since = "0.2", .help = "DPDK ports; each virtualRouterIp is on one"},

	{"process.transport.ports[]", "device", VRS_SCHEMA_STRING, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_port, device), .min = 1, .max = 255, .since = "0.2",
		.help = "a virtual device (net_af_packet0,iface=veth0) or a PCI address (0000:01:00.0)"},
	{"process.transport.ports[]", "addresses", VRS_SCHEMA_INTERFACE,
		VRS_SCHEMA_REQUIRED | VRS_SCHEMA_LIST, LIST(vrs_cfg_port, addresses, n_addresses),
		.min_items = 1, .max_items = 64, .since = "0.2",
		.help = "our addresses, each with the length of the prefix on its link: 10.0.0.4/26"},
	{"process.transport.ports[]", "gateway", VRS_SCHEMA_ADDR, VRS_SCHEMA_SINGLE,
		LIST(vrs_cfg_port, gateways, n_gateways), .instead = "gateways", .since = "0.2",
		.help = "its one gateway, on the link"},
	{"process.transport.ports[]", "gateways", VRS_SCHEMA_ADDR, VRS_SCHEMA_LIST,
		LIST(vrs_cfg_port, gateways, n_gateways), .min_items = 1, .max_items = 2,
		.instead = "gateway", .since = "0.2", .help = "its gateways, one of each family"},
	{"process.transport.ports[]", "vlan", VRS_SCHEMA_UINT, FIELD(vrs_cfg_port, vlan), .min = 1,
		.max = 4094, .since = "0.2", .help = "802.1Q tag of our frames; default: untagged"},
	{"process.transport.ports[]", "mtu", VRS_SCHEMA_UINT, FIELD(vrs_cfg_port, mtu), .min = 576,
		.max = 9000, .unit = "bytes", .since = "0.2",
		.help = "packets' size, 1280 or more with IPv6; default: 1500, or less where the port has less"},
	{"process.transport.ports[]", "queues", VRS_SCHEMA_UINT, FIELD(vrs_cfg_port, queues), .min = 1,
		.max = 64, .since = "0.2",
		.help = "queues at most; default: one for each I/O thread, or as many as the port has"},
	{"process.transport.ports[]", "exceptionTap", VRS_SCHEMA_NAME,
		FIELD(vrs_cfg_port, exception_tap), .min = 1, .max = 15, .since = "0.2",
		.help = "interface to make, which takes what is not for us; default: that is dropped"},
	{"process.transport.ports[]", "badWire", VRS_SCHEMA_OBJECT,
		.object = "process.transport.ports[].badWire", .since = "0.2",
		.help = "for laboratories: what happens to frames that we send"},

	{"process.transport.ports[].badWire", "lossPpm", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_port, bad_wire.loss_ppm), .max = 1000000, .fallback = "0",
		.unit = "per million", .since = "0.2", .help = "frames lost"},
	{"process.transport.ports[].badWire", "reorderPpm", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_port, bad_wire.reorder_ppm), .max = 1000000, .fallback = "0",
		.unit = "per million", .since = "0.2", .help = "frames kept back"},
	{"process.transport.ports[].badWire", "reorderMicroseconds", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_port, bad_wire.reorder_us), .min = 1, .max = 10000000, .fallback = "5000",
		.unit = "microseconds", .since = "0.2", .help = "for so long at most"},
	{"process.transport.ports[].badWire", "duplicatePpm", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_port, bad_wire.duplicate_ppm), .max = 1000000, .fallback = "0",
		.unit = "per million", .since = "0.2", .help = "frames sent twice"},
	{"process.transport.ports[].badWire", "corruptPpm", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_port, bad_wire.corrupt_ppm), .max = 1000000, .fallback = "0",
		.unit = "per million", .since = "0.2", .help = "frames with one bit wrong"},
	{"process.transport.ports[].badWire", "delayMicroseconds", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_port, bad_wire.delay_us), .max = 10000000, .fallback = "0",
		.unit = "microseconds", .since = "0.2", .help = "delay of every frame"},
	{"process.transport.ports[].badWire", "rate", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_port, bad_wire.rate), .fallback = "0", .unit = "bytes a second",
		.since = "0.2", .help = "at most so much is sent by all I/O threads together, 0 = no limit"},
	{"process.transport.ports[].badWire", "queueBytes", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_port, bad_wire.queue_bytes), .max = UINT32_MAX, .fallback = "0",
		.unit = "bytes", .since = "0.2", .help = "what waits for the rate at most, 0 = 1 MiB"},
	{"process.transport.ports[].badWire", "seed", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_port, bad_wire.seed), .fallback = "0", .since = "0.2",
		.help = "one seed and one order of frames give one outcome; each I/O thread draws from it for itself"},

	{"virtualNetworks[]", "name", VRS_SCHEMA_NAME, VRS_SCHEMA_REQUIRED, FIELD(vrs_cfg_vnet, name),
		NAME_BOUNDS, .since = "0.1", .help = "unique among virtual networks"},
	{"virtualNetworks[]", "addressPrefixes", VRS_SCHEMA_PREFIX, VRS_SCHEMA_REQUIRED | VRS_SCHEMA_LIST,
		LIST(vrs_cfg_vnet, prefixes, n_prefixes), .min_items = 1, .since = "0.1",
		.help = "address space, IPv4 and IPv6"},
	{"virtualNetworks[]", "subnets", VRS_SCHEMA_OBJECT, VRS_SCHEMA_LIST,
		OBJECTS(vrs_cfg_vnet, subnets, n_subnets), .object = "virtualNetworks[].subnets[]",
		.since = "0.1", .help = "subnets; a route server needs one named RouteServerSubnet"},
	{"virtualNetworks[]", "virtualNetworkPeerings", VRS_SCHEMA_OBJECT, VRS_SCHEMA_LIST,
		OBJECTS(vrs_cfg_vnet, peerings, n_peerings),
		.object = "virtualNetworks[].virtualNetworkPeerings[]", .since = "0.1",
		.help = "peerings with other networks; both sides declare one"},

	{"virtualNetworks[].subnets[]", "name", VRS_SCHEMA_NAME, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_subnet, name), NAME_BOUNDS, .since = "0.1",
		.help = "unique in its network"},
	{"virtualNetworks[].subnets[]", "addressPrefix", VRS_SCHEMA_PREFIX,
		VRS_SCHEMA_REQUIRED | VRS_SCHEMA_SINGLE, LIST(vrs_cfg_subnet, prefixes, n_prefixes),
		.instead = "addressPrefixes", .since = "0.1", .help = "its one prefix"},
	{"virtualNetworks[].subnets[]", "addressPrefixes", VRS_SCHEMA_PREFIX, VRS_SCHEMA_LIST,
		LIST(vrs_cfg_subnet, prefixes, n_prefixes), .min_items = 1, .instead = "addressPrefix",
		.since = "0.1", .help = "its prefixes, for dual stack"},
	{"virtualNetworks[].subnets[]", "routeTable", VRS_SCHEMA_STRING,
		FIELD(vrs_cfg_subnet, route_table), NAME_BOUNDS, .since = "0.1",
		.help = "name of its route table"},
	{"virtualNetworks[].subnets[]", "serviceEndpoints", VRS_SCHEMA_OBJECT, VRS_SCHEMA_LIST,
		OBJECTS(vrs_cfg_subnet, service_endpoints, n_service_endpoints),
		.object = "virtualNetworks[].subnets[].serviceEndpoints[]", .since = "0.1",
		.help = "services reached without leaving the platform"},

	{"virtualNetworks[].subnets[].serviceEndpoints[]", "service", VRS_SCHEMA_NAME,
		VRS_SCHEMA_REQUIRED, FIELD(vrs_cfg_service_endpoint, service), NAME_BOUNDS, .since = "0.1",
		.help = "name of the service"},
	{"virtualNetworks[].subnets[].serviceEndpoints[]", "addressPrefixes", VRS_SCHEMA_PREFIX,
		VRS_SCHEMA_REQUIRED | VRS_SCHEMA_LIST,
		LIST(vrs_cfg_service_endpoint, prefixes, n_prefixes), .min_items = 1, .since = "0.1",
		.help = "the service's public prefixes"},

	{"virtualNetworks[].virtualNetworkPeerings[]", "name", VRS_SCHEMA_NAME, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_vnet_peering, name), NAME_BOUNDS, .since = "0.1",
		.help = "unique in its network"},
	{"virtualNetworks[].virtualNetworkPeerings[]", "remoteVirtualNetwork", VRS_SCHEMA_STRING,
		VRS_SCHEMA_REQUIRED, FIELD(vrs_cfg_vnet_peering, remote), NAME_BOUNDS, .since = "0.1",
		.help = "name of the other network"},
	{"virtualNetworks[].virtualNetworkPeerings[]", "allowGatewayTransit", VRS_SCHEMA_BOOL,
		FIELD(vrs_cfg_vnet_peering, allow_gateway_transit), .fallback = "false", .since = "0.1",
		.help = "the other side may use this network's route server"},
	{"virtualNetworks[].virtualNetworkPeerings[]", "useRemoteGateways", VRS_SCHEMA_BOOL,
		FIELD(vrs_cfg_vnet_peering, use_remote_gateways), .fallback = "false", .since = "0.1",
		.help = "take learned routes from the other side's route server"},

	{"routeTables[]", "name", VRS_SCHEMA_NAME, VRS_SCHEMA_REQUIRED, FIELD(vrs_cfg_route_table, name),
		NAME_BOUNDS, .since = "0.1", .help = "unique among route tables"},
	{"routeTables[]", "disableBgpRoutePropagation", VRS_SCHEMA_BOOL,
		FIELD(vrs_cfg_route_table, disable_bgp_propagation), .fallback = "false", .since = "0.1",
		.help = "keep learned routes out of the subnets that use this table"},
	{"routeTables[]", "routes", VRS_SCHEMA_OBJECT, VRS_SCHEMA_LIST,
		OBJECTS(vrs_cfg_route_table, routes, n_routes), .object = "routeTables[].routes[]",
		.since = "0.1", .help = "user-defined routes"},

	{"routeTables[].routes[]", "name", VRS_SCHEMA_NAME, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_route, name), NAME_BOUNDS, .since = "0.1", .help = "unique in its table"},
	{"routeTables[].routes[]", "addressPrefix", VRS_SCHEMA_PREFIX, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_route, prefix), .since = "0.1", .help = "destination"},
	{"routeTables[].routes[]", "nextHopType", VRS_SCHEMA_ENUM, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_route, next_hop_type), .names = next_hop_types, .rule = "next-hop",
		.since = "0.1", .help = "what takes the traffic"},
	{"routeTables[].routes[]", "nextHopIpAddress", VRS_SCHEMA_ADDR, FIELD(vrs_cfg_route, next_hop),
		.since = "0.1", .help = "the appliance, with VirtualAppliance only"},

	{"networkInterfaces[]", "name", VRS_SCHEMA_NAME, VRS_SCHEMA_REQUIRED, FIELD(vrs_cfg_nic, name),
		NAME_BOUNDS, .since = "0.1", .help = "unique among network interfaces"},
	{"networkInterfaces[]", "virtualNetwork", VRS_SCHEMA_STRING, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_nic, vnet), NAME_BOUNDS, .since = "0.1", .help = "name of its network"},
	{"networkInterfaces[]", "subnet", VRS_SCHEMA_STRING, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_nic, subnet), NAME_BOUNDS, .since = "0.1",
		.help = "name of its subnet in that network"},
	{"networkInterfaces[]", "privateIpAddress", VRS_SCHEMA_ADDR,
		VRS_SCHEMA_REQUIRED | VRS_SCHEMA_SINGLE, LIST(vrs_cfg_nic, addresses, n_addresses),
		.instead = "privateIpAddresses", .since = "0.1", .help = "its one address"},
	{"networkInterfaces[]", "privateIpAddresses", VRS_SCHEMA_ADDR, VRS_SCHEMA_LIST,
		LIST(vrs_cfg_nic, addresses, n_addresses), .min_items = 1,
		.instead = "privateIpAddress", .since = "0.1", .help = "its addresses, for dual stack"},
	{"networkInterfaces[]", "enableIpForwarding", VRS_SCHEMA_BOOL,
		FIELD(vrs_cfg_nic, enable_ip_forwarding), .fallback = "false", .since = "0.1",
		.help = "may carry traffic that is not its own"},

	{"routeServers[]", "name", VRS_SCHEMA_NAME, VRS_SCHEMA_REQUIRED, FIELD(vrs_cfg_route_server, name),
		NAME_BOUNDS, .since = "0.1", .help = "unique among route servers"},
	{"routeServers[]", "virtualNetwork", VRS_SCHEMA_STRING, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_route_server, vnet), NAME_BOUNDS, .since = "0.1",
		.help = "name of its network; one route server per network"},
	{"routeServers[]", "virtualRouterAsn", VRS_SCHEMA_UINT, FIELD(vrs_cfg_route_server, asn), .min = 1,
		.max = 4294967294u, .fallback = "65515", .since = "0.1", .help = "its own AS number"},
	{"routeServers[]", "virtualRouterIps", VRS_SCHEMA_ADDR,
		VRS_SCHEMA_REQUIRED | VRS_SCHEMA_LIST | VRS_SCHEMA_INLINE,
		.offset = offsetof(struct vrs_cfg_route_server, router_ips),
		.size = sizeof(struct vrs_addr),
		.count_offset = offsetof(struct vrs_cfg_route_server, n_router_ips), .min_items = 1,
		.max_items = 4, .since = "0.1",
		.help = "1 or 2 of one family, or 4: two IPv4, then two IPv6"},
	{"routeServers[]", "allowBranchToBranchTraffic", VRS_SCHEMA_BOOL,
		FIELD(vrs_cfg_route_server, branch_to_branch), .fallback = "false", .since = "0.1",
		.help = "exchange routes between gateways, and between gateways and appliances"},
	{"routeServers[]", "hubRoutingPreference", VRS_SCHEMA_ENUM,
		FIELD(vrs_cfg_route_server, preference), .names = preferences, .fallback = "ExpressRoute",
		.since = "0.1", .help = "which kind of path wins before anything else"},
	{"routeServers[]", "limits", VRS_SCHEMA_OBJECT, .object = "routeServers[].limits",
		.since = "0.1", .help = "limits; the cloud has 8 peers and 4000 routes"},
	{"routeServers[]", "attributeScrub", VRS_SCHEMA_UINT, VRS_SCHEMA_LIST,
		LIST(vrs_cfg_route_server, scrub, n_scrub), .min = 1, .max = 255, .max_items = 255,
		.since = "0.1", .help = "path attribute codes dropped on receipt"},
	{"routeServers[]", "memoryLimit", VRS_SCHEMA_UINT, FIELD(vrs_cfg_route_server, memory_limit),
		.fallback = "0", .unit = "bytes", .since = "0.1",
		.help = "memory ceiling of this RIB, 0 = none: from 90 % unusable paths are not kept, "
			"at 100 % no new prefixes, at 110 % the largest session is closed"},
	{"routeServers[]", "bgpConnections", VRS_SCHEMA_OBJECT, VRS_SCHEMA_LIST,
		OBJECTS(vrs_cfg_route_server, connections, n_connections),
		.object = "routeServers[].bgpConnections[]", .since = "0.1", .help = "BGP peers"},

	{"routeServers[].limits", "peers", VRS_SCHEMA_UINT, FIELD(vrs_cfg_route_server, limit_peers),
		.max = UINT32_MAX, .fallback = "0", .since = "0.1",
		.help = "bgpConnections at most, 0 = no limit"},
	{"routeServers[].limits", "routesPerPeer", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_route_server, limit_routes_per_peer), .max = UINT32_MAX, .fallback = "0",
		.unit = "prefixes", .since = "0.1",
		.help = "prefixes of one session at most, 0 = no limit"},
	{"routeServers[].limits", "counting", VRS_SCHEMA_ENUM,
		FIELD(vrs_cfg_route_server, limit_counting_azure), .names = countings,
		.fallback = "distinct", .since = "0.1",
		.help = "count distinct prefixes, or announcements as the cloud does"},
	{"routeServers[].limits", "asPathLength", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_route_server, limit_as_path), .max = 65535, .fallback = "1023",
		.unit = "AS numbers", .since = "0.2",
		.help = "longer paths are kept, unusable (limit); 0 = no limit"},
	{"routeServers[].limits", "communities", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_route_server, limit_communities), .max = 65535, .fallback = "0",
		.unit = "communities", .since = "0.2",
		.help = "paths with more, of all kinds, are kept, unusable (limit); 0 = no limit"},

	{"routeServers[].bgpConnections[]", "name", VRS_SCHEMA_NAME, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_bgp_connection, name), NAME_BOUNDS, .since = "0.1",
		.help = "unique in its route server"},
	{"routeServers[].bgpConnections[]", "kind", VRS_SCHEMA_ENUM, FIELD(vrs_cfg_bgp_connection, kind),
		.names = peer_kinds, .fallback = "NetworkVirtualAppliance", .since = "0.1",
		.help = "what the peer is"},
	{"routeServers[].bgpConnections[]", "peerIp", VRS_SCHEMA_ADDR, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_bgp_connection, peer_ip), .since = "0.1", .help = "the peer's address"},
	{"routeServers[].bgpConnections[]", "peerAsn", VRS_SCHEMA_UINT, VRS_SCHEMA_REQUIRED,
		FIELD(vrs_cfg_bgp_connection, peer_asn), .max = UINT32_MAX, .since = "0.1",
		.help = "the peer's AS number"},
	{"routeServers[].bgpConnections[]", "peerPort", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_bgp_connection, peer_port), .min = 1, .max = 65535, .since = "0.1",
		.help = "the peer's TCP port; default: bgpPort"},
	{"routeServers[].bgpConnections[]", "passive", VRS_SCHEMA_BOOL,
		FIELD(vrs_cfg_bgp_connection, passive), .fallback = "false", .since = "0.1",
		.help = "wait for the peer to connect"},
	{"routeServers[].bgpConnections[]", "keepaliveSeconds", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_bgp_connection, keepalive_s), .max = 65535, .fallback = "60",
		.unit = "seconds", .since = "0.1",
		.help = "at most holdSeconds; a third of it where that is less than 60"},
	{"routeServers[].bgpConnections[]", "holdSeconds", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_bgp_connection, hold_s), .max = 65535, .fallback = "180",
		.unit = "seconds", .since = "0.1", .help = "hold time: 0 = off, else 3 or more"},
	{"routeServers[].bgpConnections[]", "passwordFile", VRS_SCHEMA_STRING,
		FIELD(vrs_cfg_bgp_connection, password_file), PATH_BOUNDS, .since = "0.1",
		.help = "file with the TCP-MD5 password; relative to this file"},
	{"routeServers[].bgpConnections[]", "ttlSecurity", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_bgp_connection, ttl_security), .max = 254, .fallback = "0", .unit = "hops",
		.since = "0.1", .help = "accept only packets from this near (RFC 5082), 0 = off"},
	{"routeServers[].bgpConnections[]", "maxPrefixes", VRS_SCHEMA_UINT,
		FIELD(vrs_cfg_bgp_connection, max_prefixes), .max = UINT32_MAX, .fallback = "0",
		.unit = "prefixes", .since = "0.1",
		.help = "prefixes of one session at most, 0 = no limit"},
	{"routeServers[].bgpConnections[]", "maxPrefixAction", VRS_SCHEMA_ENUM,
		FIELD(vrs_cfg_bgp_connection, max_prefix_action), .names = max_prefix_actions,
		.fallback = "restart", .since = "0.1", .help = "what happens over the limit"},
	{"routeServers[].bgpConnections[]", "addressFamilies", VRS_SCHEMA_FLAGS,
		.offset = offsetof(struct vrs_cfg_bgp_connection, ip4), .size = sizeof(bool),
		.names = families, .min_items = 1, .fallback = "[ipv4, ipv6]", .since = "0.1",
		.help = "address families to negotiate"},
	{"routeServers[].bgpConnections[]", "role", VRS_SCHEMA_ENUM,
		FIELD(vrs_cfg_bgp_connection, role_rs), .names = roles, .fallback = "none",
		.since = "0.1", .help = "rs: send the Route Server role (RFC 9234)"},
	{"routeServers[].bgpConnections[]", "enabled", VRS_SCHEMA_BOOL,
		FIELD(vrs_cfg_bgp_connection, enabled), .fallback = "true", .since = "0.1",
		.help = "false keeps the connection down"},
};
/* clang-format on */

const struct vrs_schema_row *vrs_schema_rows(size_t *n)
{
	*n = VRS_N_ELEMS(schema);
	return schema;
}

const struct vrs_schema_row *vrs_schema_object(const char *path, size_t *n)
{
	size_t first = 0, end;

	while (first < VRS_N_ELEMS(schema) && strcmp(schema[first].path, path) != 0)
		first++;
	for (end = first; end < VRS_N_ELEMS(schema) && strcmp(schema[end].path, path) == 0;)
		end++;
	*n = end - first;
	return schema + first;
}

const char *vrs_schema_type_str(const struct vrs_schema_row *row)
{
	static const char *const one[] = {
		[VRS_SCHEMA_STRING] = "a string",
		[VRS_SCHEMA_NAME] = "a string",
		[VRS_SCHEMA_LISTEN] = "an ADDRESS:PORT",
		[VRS_SCHEMA_BOOL] = "true or false",
		[VRS_SCHEMA_UINT] = "an integer",
		[VRS_SCHEMA_ENUM] = "a keyword",
		[VRS_SCHEMA_FLAGS] = "a list of keywords",
		[VRS_SCHEMA_PREFIX] = "a prefix",
		[VRS_SCHEMA_ADDR] = "an address",
		[VRS_SCHEMA_INTERFACE] = "an address with a prefix length",
		[VRS_SCHEMA_OBJECT] = "a mapping",
		[VRS_SCHEMA_ANY] = "anything",
	};

	if ((row->flags & VRS_SCHEMA_LIST) == 0)
		return one[row->type];
	switch (row->type) {
	case VRS_SCHEMA_PREFIX:
		return "a list of prefixes";
	case VRS_SCHEMA_ADDR:
		return "a list of addresses";
	case VRS_SCHEMA_UINT:
		return "a list of integers";
	case VRS_SCHEMA_STRING:
		return "a list of strings";
	case VRS_SCHEMA_INTERFACE:
		return "a list of addresses with prefix lengths";
	default:
		return "a list of mappings";
	}
}

const char *vrs_next_hop_type_str(enum vrs_next_hop_type type)
{
	switch (type) {
	case VRS_NH_VNET_PEERING:
		return "VNetPeering";
	case VRS_NH_SERVICE_ENDPOINT:
		return "VirtualNetworkServiceEndpoint";
	default:
		return next_hop_types[type].name;
	}
}

/* Longer names are compared by their first bytes only. */
#define NEAREST_MAX 80u
#define BEGUN_MIN   5u

static int fold(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/*
 * Typing errors between two words: insertions, deletions, substitutions and swapped
 * neighbours count one each, a difference in case alone nothing ("routeserversubnet" is near).
 */
static unsigned edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned rows[3][NEAREST_MAX + 1] = {{0}};
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= nb; j++)
		before[j] = last[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		int ca = fold((unsigned char)a[i - 1]);
		int pa = i > 1 ? fold((unsigned char)a[i - 2]) : -1;
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			int cb = fold((unsigned char)b[j - 1]);
			int pb = j > 1 ? fold((unsigned char)b[j - 2]) : -1;
			row[j] =
				VRS_MIN(last[j - 1] + (ca != cb), VRS_MIN(last[j], row[j - 1]) + 1);
			if (j > 1 && ca == pb && cb == pa)
				row[j] = VRS_MIN(row[j], before[j - 2] + 1);
		}
		unsigned *spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[nb];
}

struct vrs_nearest vrs_nearest_init(const char *wanted)
{
	/* A third of the letters may be wrong; more is another word. */
	unsigned limit = (unsigned)(VRS_MIN(strlen(wanted), NEAREST_MAX) + 2) / 3;

	return (struct vrs_nearest){.wanted = wanted, .distance = limit + 1};
}

void vrs_nearest_offer(struct vrs_nearest *n, const char *name)
{
	size_t na = strnlen(n->wanted, NEAREST_MAX), nb = strnlen(name, NEAREST_MAX);

	/* A name that was begun and not finished is one error, however long the rest is. */
	if (na >= BEGUN_MIN && nb > na && n->distance > 1 &&
		strncasecmp(n->wanted, name, na) == 0) {
		n->distance = 1;
		n->best = name;
		return;
	}
	if (na >= nb + n->distance || nb >= na + n->distance)
		return;
	unsigned d = edit_distance(n->wanted, na, name, nb);
	if (d < n->distance) {
		n->distance = d;
		n->best = name;
	}
}
