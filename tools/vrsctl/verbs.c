/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrsctl/verbs.h"

/* clang-format off */
const struct vrs_option vrs_options[VRS_OPT_N] = {
	[VRS_OPT_NAME] = {.name = "name", .metavar = "NAME", .help = "which one"},
	[VRS_OPT_ROUTESERVER] = {.name = "routeserver", .metavar = "RS", .query = "routeServer",
		.help = "route server; may be left out when there is only one"},
	[VRS_OPT_VNET] = {.name = "vnet", .metavar = "VNET", .help = "virtual network"},
	[VRS_OPT_TABLE] = {.name = "table", .metavar = "TABLE", .help = "route table"},
	[VRS_OPT_NIC] = {.name = "nic", .metavar = "NIC", .query = "nic",
		.help = "only what changes for this network interface"},
	[VRS_OPT_PREFIX] = {.name = "prefix", .metavar = "PREFIX", .query = "prefix",
		.help = "this prefix only, such as 192.0.2.0/24"},
	[VRS_OPT_DEST_IP] = {.name = "dest-ip", .metavar = "ADDRESS", .query = "destIp",
		.help = "where the packet goes"},
	[VRS_OPT_ALL] = {.name = "all", .query = "all", .help = "suppressed routes too"},
	[VRS_OPT_SINCE] = {.name = "since", .metavar = "SEQUENCE", .query = "since", .integer = true,
		.help = "begin after this delta, not now"},
	[VRS_OPT_ESTABLISHED] = {.name = "established", .metavar = "N", .integer = true,
		.help = "so many sessions Established, or more"},
	[VRS_OPT_ROUTES] = {.name = "routes", .metavar = "N", .integer = true,
		.help = "so many prefixes with a usable path, or more"},
	[VRS_OPT_EXACT] = {.name = "exact", .help = "just so many prefixes, not more"},
	[VRS_OPT_QUIET_MS] = {.name = "quiet-ms", .metavar = "MS", .integer = true,
		.help = "no change for so long, and nothing left to send"},
	[VRS_OPT_TIMEOUT] = {.name = "timeout", .metavar = "SECONDS", .seconds = true,
		.help = "give up after this long (60)"},
	[VRS_OPT_CONTROL_SOCKET] = {.name = "control-socket", .metavar = "PATH", .global = true,
		.help = "or VRS_CONTROL_SOCKET (/run/vrs/vrs.sock)"},
	[VRS_OPT_OUTPUT] = {.name = "output", .letter = "o", .metavar = "FORMAT", .global = true,
		.help = "table (default), json or ndjson"},
	[VRS_OPT_HELP] = {.name = "help", .letter = "h", .global = true,
		.help = "what a verb does and takes"},
	[VRS_OPT_VERSION] = {.name = "version", .global = true, .help = "print the version"},
	[VRS_OPT_URL] = {.name = "url", .metavar = "URL", .global = true},
};

#define NAME        VRS_OPT_BIT(VRS_OPT_NAME)
#define ROUTESERVER VRS_OPT_BIT(VRS_OPT_ROUTESERVER)
#define VNET        VRS_OPT_BIT(VRS_OPT_VNET)
#define TABLE       VRS_OPT_BIT(VRS_OPT_TABLE)
#define NIC         VRS_OPT_BIT(VRS_OPT_NIC)
#define PREFIX      VRS_OPT_BIT(VRS_OPT_PREFIX)
#define DEST_IP     VRS_OPT_BIT(VRS_OPT_DEST_IP)
#define ALL         VRS_OPT_BIT(VRS_OPT_ALL)
#define SINCE       VRS_OPT_BIT(VRS_OPT_SINCE)
#define NOTHING     VRS_OPT_NONE

/* --- Views --- */

static const struct vrs_view route_servers = {.columns = {
	{"Name", "name"}, {"Virtual Network", "virtualNetwork"}, {"ASN", "virtualRouterAsn"},
	{"Router IPs", "virtualRouterIps"}, {"Branch To Branch", "allowBranchToBranchTraffic"},
	{"Preference", "hubRoutingPreference"}, {"Prefixes", "prefixes"}, {"Paths", "paths"}}};

static const struct vrs_view peerings = {.rows = "sessions", .columns = {
	{"Name", "^name"}, {"Peer IP", "^peerIp"}, {"Peer ASN", "^peerAsn"}, {"Kind", "^kind"},
	{"Instance", "instance"}, {"Local Address", "localAddress"}, {"State", "state"},
	{"Received", "prefixesReceived"}, {"Usable", "prefixesUsable"},
	{"Advertised", "prefixesAdvertised"}, {"Last Error", "lastError"}}};

static const struct vrs_view reset = {.columns = {{"Sessions Reset", "sessionsReset"}}};

static const struct vrs_view learned = {.columns = {
	{"Network", "network", 18}, {"Next Hop", "nextHop", 15}, {"AS Path", "asPath", 12},
	{"Origin", "origin"}, {"Weight", "weight"}, {"Instance", "instance"}, {"Reason", "reason"}}};

static const struct vrs_view advertised = {.columns = {
	{"Network", "network", 18}, {"Next Hop", "nextHop", 15}, {"AS Path", "asPath", 12},
	{"Origin", "origin"}, {"Weight", "weight"}, {"Instance", "instance"}}};

static const struct vrs_view vnets = {.columns = {
	{"Name", "name"}, {"Address Prefixes", "addressPrefixes"}, {"Subnets", "subnets"},
	{"Peerings", "virtualNetworkPeerings"}}};

static const struct vrs_view subnets = {.columns = {
	{"Name", "name"}, {"Address Prefixes", "addressPrefixes"}, {"Route Table", "routeTable"},
	{"Service Endpoints", "serviceEndpoints"}}};

static const struct vrs_view vnet_peerings = {.columns = {
	{"Name", "name"}, {"Remote Virtual Network", "remoteVirtualNetwork"},
	{"State", "peeringState"}, {"Gateway Transit", "allowGatewayTransit"},
	{"Remote Gateways", "useRemoteGateways"}}};

static const struct vrs_view route_tables = {.columns = {
	{"Name", "name"}, {"Disable BGP Propagation", "disableBgpRoutePropagation"},
	{"Routes", "routes"}}};

static const struct vrs_view table_routes = {.columns = {
	{"Name", "name"}, {"Address Prefix", "addressPrefix"}, {"Next Hop Type", "nextHopType"},
	{"Next Hop IP", "nextHopIpAddress"}}};

static const struct vrs_view nics = {.columns = {
	{"Name", "name"}, {"Virtual Network", "virtualNetwork"}, {"Subnet", "subnet"},
	{"IP Addresses", "privateIpAddresses"}, {"IP Forwarding", "enableIpForwarding"}}};

static const struct vrs_view effective = {.expand = "nextHopIpAddress", .columns = {
	{"Source", "source", 21}, {"State", "state"}, {"Address Prefix", "addressPrefix", 18},
	{"Next Hop Type", "nextHopType"}, {"Next Hop IP", "nextHopIpAddress", 15},
	{"Suppressed By", "suppressedBy", 0, ALL}}};

static const struct vrs_view next_hop = {.expand = "nextHopIpAddress", .columns = {
	{"Next Hop Type", "nextHopType"}, {"Next Hop IP", "nextHopIpAddress"},
	{"Route Table", "routeTableId"}}};

static const struct vrs_view explain = {.rows = "candidates", .columns = {
	{"Source", "source"}, {"Address Prefix", "addressPrefix"}, {"Next Hop Type", "nextHopType"},
	{"Next Hop IP", "nextHopIpAddress"}, {"Outcome", "outcome"}, {"Reason", "reason"},
	{"By", "by"}}};

static const struct vrs_view paths = {.rows = "paths", .columns = {
	{"Peer", "peer"}, {"Instance", "instance"}, {"Next Hop", "nextHop"}, {"AS Path", "asPath"},
	{"Origin", "origin"}, {"Local Pref", "localPref"}, {"MED", "med"},
	{"Communities", "communities"}, {"State", "state"}, {"Reason", "reason"}}};

static const struct vrs_view deltas = {.columns = {
	{"Sequence", "sequence", 10}, {"Version", "version", 10}, {"Op", "op", 6},
	{"Prefix", "prefix", 18}, {"Next Hops", "nextHops", 15}, {"Source", "source"}}};

/* --- Verbs --- */

#define LIST(w, h, p, v) {.words = w, .help = h, .path = p, .view = &(v), .positional = NOTHING}
#define SHOW(w, h, p, v) \
	{.words = w, .help = h, .path = p "/{name}", .view = &(v), \
		.positional = VRS_OPT_NAME, .needs = NAME}
#define LATER(w) {.words = w, .later = true, .positional = NOTHING}
#define LATER_CUD(w) LATER(w " create"), LATER(w " update"), LATER(w " delete")

#define CONNECTIONS "/v1/routeServers/{routeserver}/bgpConnections"

const struct vrs_verb vrs_verbs[] = {
	{.words = "status", .help = "how the daemon and its sessions are, where its time goes, and who is behind",
		.path = "/v1/status", .run = vrs_ctl_status, .positional = NOTHING},
	{.words = "wait", .help = "wait until sessions and routes are there",
		.path = "/v1/status", .run = vrs_ctl_wait, .positional = NOTHING,
		.takes = VRS_OPT_BIT(VRS_OPT_ESTABLISHED) | VRS_OPT_BIT(VRS_OPT_ROUTES) |
			VRS_OPT_BIT(VRS_OPT_EXACT) | VRS_OPT_BIT(VRS_OPT_QUIET_MS) |
			VRS_OPT_BIT(VRS_OPT_TIMEOUT)},

	LIST("routeserver list", "list route servers", "/v1/routeServers", route_servers),
	SHOW("routeserver show", "show a route server", "/v1/routeServers", route_servers),
	{.words = "routeserver peering list", .help = "list the peerings of a route server",
		.path = CONNECTIONS, .view = &peerings, .positional = NOTHING, .takes = ROUTESERVER},
	{.words = "routeserver peering show", .help = "show a peering and its sessions",
		.path = CONNECTIONS "/{name}", .view = &peerings, .positional = VRS_OPT_NAME,
		.takes = ROUTESERVER, .needs = NAME},
	{.words = "routeserver peering reset", .help = "reset the sessions of a peering",
		.method = "POST", .path = CONNECTIONS "/{name}/reset", .view = &reset,
		.positional = VRS_OPT_NAME, .takes = ROUTESERVER, .needs = NAME},
	{.words = "routeserver peering list-learned-routes",
		.help = "list what a peer has announced", .path = CONNECTIONS "/{name}/learnedRoutes",
		.view = &learned, .positional = VRS_OPT_NAME, .takes = ROUTESERVER, .needs = NAME},
	{.words = "routeserver peering list-advertised-routes",
		.help = "list what a peer was told", .path = CONNECTIONS "/{name}/advertisedRoutes",
		.view = &advertised, .positional = VRS_OPT_NAME, .takes = ROUTESERVER, .needs = NAME},

	LIST("vnet list", "list virtual networks", "/v1/virtualNetworks", vnets),
	SHOW("vnet show", "show a virtual network", "/v1/virtualNetworks", vnets),
	{.words = "vnet subnet list", .help = "list the subnets of a virtual network",
		.path = "/v1/virtualNetworks/{vnet}", .member = "subnets", .view = &subnets,
		.positional = NOTHING, .needs = VNET},
	{.words = "vnet subnet show", .help = "show a subnet", .path = "/v1/virtualNetworks/{vnet}",
		.member = "subnets", .pick = true, .view = &subnets, .positional = VRS_OPT_NAME,
		.needs = VNET | NAME},
	{.words = "vnet peering list", .help = "list the peerings of a virtual network",
		.path = "/v1/virtualNetworks/{vnet}", .member = "virtualNetworkPeerings",
		.view = &vnet_peerings, .positional = NOTHING, .needs = VNET},
	{.words = "vnet peering show", .help = "show a peering of a virtual network",
		.path = "/v1/virtualNetworks/{vnet}", .member = "virtualNetworkPeerings",
		.pick = true, .view = &vnet_peerings, .positional = VRS_OPT_NAME, .needs = VNET | NAME},

	LIST("route-table list", "list route tables", "/v1/routeTables", route_tables),
	SHOW("route-table show", "show a route table", "/v1/routeTables", route_tables),
	{.words = "route-table route list", .help = "list the routes of a route table",
		.path = "/v1/routeTables/{table}", .member = "routes", .view = &table_routes,
		.positional = NOTHING, .needs = TABLE},
	{.words = "route-table route show", .help = "show a route of a route table",
		.path = "/v1/routeTables/{table}", .member = "routes", .pick = true,
		.view = &table_routes, .positional = VRS_OPT_NAME, .needs = TABLE | NAME},

	LIST("nic list", "list network interfaces", "/v1/networkInterfaces", nics),
	SHOW("nic show", "show a network interface", "/v1/networkInterfaces", nics),
	{.words = "nic show-effective-route-table", .help = "list the routes that a network interface has",
		.path = "/v1/networkInterfaces/{name}/effectiveRouteTable", .view = &effective,
		.positional = VRS_OPT_NAME, .takes = PREFIX | ALL, .needs = NAME, .query = PREFIX | ALL},
	{.words = "nic show-next-hop", .help = "show where a packet goes",
		.path = "/v1/networkInterfaces/{name}/nextHop", .view = &next_hop,
		.positional = VRS_OPT_NAME, .needs = NAME | DEST_IP, .query = DEST_IP},
	{.words = "nic explain", .help = "explain every candidate, and what it lost by",
		.path = "/v1/networkInterfaces/{name}/explain", .view = &explain,
		.positional = VRS_OPT_NAME, .needs = NAME | DEST_IP, .query = DEST_IP},

	{.words = "route show", .help = "show every path of a prefix, and the step that beat it",
		.path = "/v1/routeServers/{routeserver}/routes", .view = &paths,
		.positional = VRS_OPT_PREFIX, .takes = ROUTESERVER, .needs = PREFIX, .query = PREFIX},
	{.words = "watch", .help = "print changes as they happen", .path = "/v1/watch",
		.view = &deltas, .live = true, .positional = NOTHING,
		.takes = NIC | ROUTESERVER | SINCE, .query = NIC | ROUTESERVER | SINCE},

	LATER_CUD("routeserver"), LATER_CUD("routeserver peering"), LATER_CUD("vnet"),
	LATER_CUD("vnet subnet"), LATER_CUD("vnet peering"), LATER_CUD("route-table"),
	LATER_CUD("route-table route"), LATER_CUD("nic"),
	LATER("diagnose"), LATER("audit"), LATER("config check"), LATER("config diff"),
	LATER("config apply"), LATER("config confirm"), LATER("config undo"),
	LATER("config export"), LATER("config history"), LATER("config"),
	{0},
};
