/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A case for every rule of the configuration: the text, and every line of its report.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/config.h"
#include "tests/test.h"

struct rule_case {
	const char *name;
	const char *text;
	const char *report; /* "" = accepted without a word. */
};

/* Two lines: a network with a route server subnet. */
#define HUB(more)                                                                     \
	"virtualNetworks:\n"                                                          \
	"- {name: hub, addressPrefixes: [10.0.0.0/16, fd00::/48], subnets: [{name: "  \
	"RouteServerSubnet, addressPrefixes: [10.0.0.0/26, fd00::/64]}, {name: vms, " \
	"addressPrefix: 10.0.2.0/24}" more "]}\n"

/* Three lines; peers follow, one a line, with a comma after each. */
#define SERVER                                                  \
	"routeServers:\n"                                       \
	"- {name: rs, virtualNetwork: hub, virtualRouterIps: [" \
	"10.0.0.4, 10.0.0.5],\n bgpConnections: [\n"

static const struct rule_case cases[] = {
	/* Syntax. */
	{"not YAML", "process: {\n",
		"t:2:1: error: syntax: did not find expected node content, while parsing a flow "
		"node\n"},
	{"empty", "", "t:1:1: error: wrong-type: the document must be a mapping; it is empty\n"},
	{"a list", "- a\n", "t:1:1: error: wrong-type: the document must be a mapping\n"},
	{"an alias", "process: &a {}\nrouteTables: *a\n",
		"t:1:10: error: syntax: anchors and aliases are not supported (&a)\n"
		"t:2:14: error: syntax: anchors and aliases are not supported (*a)\n"},
	{"a tag", "process: !!map {}\n",
		"t:1:10: error: syntax: tags are not supported (tag:yaml.org,2002:map)\n"},
	{"a second document", "process: {}\n---\nprocess: {}\n",
		"t:2:1: error: syntax: a second document; the configuration is one\n"},
	{"a control character", "process:\n  stateDir: a\x01\n",
		"t:2:14: error: syntax: control characters are not allowed\n"},
	{"a NUL", "process: {stateDir: \"a\\0b\"}\n",
		"t:1:21: error: syntax: stateDir has a NUL character in it\n"},
	{"a duplicate key", "process: {bgpPort: 1, bgpPort: 2}\n",
		"t:1:23: error: duplicate-key: bgpPort is given twice\n"},
	{"a key that is a list", "? [a]\n: 1\n",
		"t:1:3: error: wrong-type: a key must be a string\n"},
	/* Schema. */
	{"unknown key", "process:\n  stateDri: /x\n",
		"t:2:3: error: unknown-key: no key \"stateDri\" in process (did you mean "
		"\"stateDir\"?)\n"},
	{"unknown key at the top", "virtualNetwork: []\n",
		"t:1:1: error: unknown-key: no key \"virtualNetwork\" in the document (did you "
		"mean \"virtualNetworks\"?)\n"},
	{"unknown key far from any", "process: {colour: red}\n",
		"t:1:11: error: unknown-key: no key \"colour\" in process\n"},
	{"the wrong type of everything",
		"process:\n  stateDir: 3\n  controlSocket: [a]\n  http: {listen: localhost}\n"
		"  bgpPort: 3x\n  transport: kernel\nvirtualNetworks: {}\nrouteTables: [rt]\n",
		"t:2:13: error: wrong-type: stateDir must be a string, not the integer 3\n"
		"t:3:18: error: wrong-type: controlSocket must be a string, not a list\n"
		"t:4:18: error: wrong-type: listen must be an ADDRESS:PORT, not the string "
		"\"localhost\"\n"
		"t:5:12: error: wrong-type: bgpPort must be an integer, not the string \"3x\"\n"
		"t:6:14: error: wrong-type: transport must be a mapping, not a single value\n"
		"t:7:18: error: wrong-type: virtualNetworks must be a list of mappings, not a "
		"mapping\n"
		"t:8:15: error: wrong-type: an item of routeTables must be a mapping, not a single "
		"value\n"},
	{"numbers are strict", "process: {bgpPort: \"3\"}\n",
		"t:1:20: error: wrong-type: bgpPort must be an integer, not the string \"3\"\n"},
	{"octal is refused", "process: {bgpPort: 010}\n",
		"t:1:20: error: wrong-type: bgpPort must be a plain decimal integer, not 010\n"},
	{"nothing is not a list", "routeTables:\n",
		"t:1:13: error: wrong-type: routeTables must be a list of mappings, not nothing\n"},
	{"yes is not true", "routeTables: [{name: a, disableBgpRoutePropagation: yes}]\n",
		"t:1:53: error: wrong-type: disableBgpRoutePropagation must be true or false, not "
		"the string \"yes\" (did you mean \"true\"?)\n"},
	{"a name is not a number", "routeTables: [{name: 1.5}]\n",
		"t:1:22: error: wrong-type: name must be a string, not the number 1.5\n"},
	{"a name with a slash", "routeTables: [{name: a/b}]\n",
		"t:1:22: error: out-of-range: name \"a/b\" has a space, slash or quote in it\n"},
	{"a quoted number is a name", "routeTables: [{name: \"15\"}]\n", ""},
	{"out of range", "process: {bgpPort: 65536}\n",
		"t:1:20: error: out-of-range: bgpPort is 65536; 1 to 65535 are allowed\n"},
	{"negative", "process: {bgpPort: -1}\n",
		"t:1:20: error: out-of-range: bgpPort is -1; 1 to 65535 are allowed\n"},
	{"past 64 bits", "routeServers: [{memoryLimit: 99999999999999999999}]\n",
		"t:1:16: error: missing-key: name is missing\n"
		"t:1:16: error: missing-key: virtualNetwork is missing\n"
		"t:1:16: error: missing-key: virtualRouterIps is missing\n"
		"t:1:30: error: out-of-range: memoryLimit is 99999999999999999999; 0 to "
		"18446744073709551615 are allowed\n"},
	{"host bits", "virtualNetworks: [{name: a, addressPrefixes: [10.0.0.1/16, fd00::1/64]}]\n",
		"t:1:47: error: out-of-range: addressPrefixes 10.0.0.1/16 has bits set past its "
		"length (did you mean \"10.0.0.0/16\"?)\n"
		"t:1:60: error: out-of-range: addressPrefixes fd00::1/64 has bits set past its "
		"length (did you mean \"fd00::/64\"?)\n"},
	{"a prefix without a length", "virtualNetworks: [{name: a, addressPrefixes: [10.0.0.0]}]\n",
		"t:1:47: error: wrong-type: an item of addressPrefixes must be a prefix, not the "
		"string \"10.0.0.0\"\n"},
	{"a prefix too long", "virtualNetworks: [{name: a, addressPrefixes: [10.0.0.0/33]}]\n",
		"t:1:47: error: out-of-range: addressPrefixes 10.0.0.0/33 is longer than its "
		"address\n"},
	{"an empty list", "virtualNetworks: [{name: a, addressPrefixes: []}]\n",
		"t:1:46: error: out-of-range: addressPrefixes is empty\n"},
	{"address space nobody has",
		"virtualNetworks: [{name: a, addressPrefixes: [224.0.0.0/8]}]\n",
		"t:1:47: error: out-of-range: 224.0.0.0/8 cannot be address space of a network: it "
		"overlaps 224.0.0.0/3\n"},
	{"missing keys",
		"virtualNetworks: [{}]\nrouteTables: [{}]\nnetworkInterfaces: [{}]\nrouteServers: "
		"[{}]\n",
		"t:1:19: error: missing-key: name is missing\n"
		"t:1:19: error: missing-key: addressPrefixes is missing\n"
		"t:2:15: error: missing-key: name is missing\n"
		"t:3:21: error: missing-key: name is missing\n"
		"t:3:21: error: missing-key: virtualNetwork is missing\n"
		"t:3:21: error: missing-key: subnet is missing\n"
		"t:3:21: error: missing-key: privateIpAddress or privateIpAddresses is missing\n"
		"t:4:16: error: missing-key: name is missing\n"
		"t:4:16: error: missing-key: virtualNetwork is missing\n"
		"t:4:16: error: missing-key: virtualRouterIps is missing\n"},
	{"both of two",
		HUB("") "networkInterfaces:\n- {name: n, virtualNetwork: hub, subnet: vms, "
			"privateIpAddress: 10.0.2.4, privateIpAddresses: [10.0.2.5]}\n",
		"t:4:75: error: duplicate-key: privateIpAddress and privateIpAddresses say the "
		"same; give one of them\n"},
	{"keyword",
		HUB("") SERVER "{name: a, kind: VpnGatway, peerIp: 10.0.2.4, peerAsn: 65001}]}\n",
		"t:6:17: error: out-of-range: kind \"VpnGatway\" is none of "
		"NetworkVirtualAppliance, VpnGateway, ExpressRouteGateway (did you mean "
		"\"VpnGateway\"?)\n"},
	{"families",
		HUB("") SERVER
		"{name: a, addressFamilies: [ipv4, ipv5], peerIp: 10.0.2.4, peerAsn: 65001},"
		"\n{name: b, addressFamilies: [], peerIp: 10.0.2.5, peerAsn: 65001}]}\n",
		"t:6:35: error: out-of-range: addressFamilies \"ipv5\" is none of ipv4, ipv6 (did "
		"you mean \"ipv4\"?)\n"
		"t:7:28: error: out-of-range: addressFamilies is empty\n"},
	{"not built", "process:\n  ioThreads: 65\n  instance: 0\n",
		"t:2:14: error: not-built: ioThreads over 64 is not built yet\n"
		"t:3:3: error: not-built: instance is not built yet\n"},
	{"DPDK", "process:\n  transport: {kind: dpdk, eal: [], ports: []}\n",
		VRS_HAVE_DPDK ? "t:2:43: error: missing-key: kind dpdk needs ports\n"
			      : "t:2:21: error: not-built: kind dpdk is not built in: "
				"meson -Ddpdk=enabled, Debian's libdpdk-dev\n"},
	{"DPDK's keys with the kernel",
		"process:\n  transport: {eal: [-v], ports: [{device: net_ring0, addresses: "
		"[10.0.0.4/26]}]}\n",
		"t:2:20: error: out-of-range: eal is given; only kind dpdk has it\n"
		"t:2:33: error: out-of-range: ports is given; only kind dpdk has them\n"},
	{"a bad ioThreads is one finding", "process: {ioThreads: 1000}\n",
		"t:1:22: error: out-of-range: ioThreads is 1000; 0 to 256 are allowed\n"},
	/* Names. */
	{"references",
		HUB(", {name: s, addressPrefix: 10.0.3.0/24, routeTable: tr-a}") "routeTables: "
										 "[{name: "
										 "rt-a}]"
										 "\nnetworkInterfac"
										 "es:\n"
										 "- {name: n, "
										 "virtualNetwork: "
										 "hbu, subnet: "
										 "vms, "
										 "privateIpAddress:"
										 " 10.0.2.4}\n"
										 "- {name: m, "
										 "virtualNetwork: "
										 "hub, subnet: vm, "
										 "privateIpAddress:"
										 " 10.0.2.4}\n"
										 "routeServers:\n- "
										 "{name: rs, "
										 "virtualNetwork: "
										 "Hub, "
										 "virtualRouterIps:"
										 " [10.0.0.4]}\n",
		"t:2:229: error: reference: there is no route table \"tr-a\" (did you mean "
		"\"rt-a\"?)\n"
		"t:5:29: error: reference: there is no virtual network \"hbu\" (did you mean "
		"\"hub\"?)\n"
		"t:6:42: error: reference: network \"hub\" has no subnet \"vm\" (did you mean "
		"\"vms\"?)\n"
		"t:8:30: error: reference: there is no virtual network \"Hub\" (did you mean "
		"\"hub\"?)\n"},
	{"duplicate names",
		HUB(", {name: vms, addressPrefix: 10.0.3.0/24}") "- {name: hub, addressPrefixes: "
								 "[10.1.0.0/16]}\n"
								 "routeTables: [{name: a}, {name: "
								 "a}]\n"
								 "networkInterfaces:\n- {name: n, "
								 "virtualNetwork: hub, subnet: "
								 "vms, privateIpAddress: "
								 "10.0.2.4}\n"
								 "- {name: n, virtualNetwork: hub, "
								 "subnet: vms, privateIpAddress: "
								 "10.0.2.5}\n" SERVER
								 "{name: a, peerIp: 10.0.2.6, "
								 "peerAsn: 65001},\n{name: a, "
								 "peerIp: 10.0.2.7, peerAsn: "
								 "65001}]}\n",
		"t:2:186: error: duplicate-name: there already is a subnet \"vms\"\n"
		"t:3:10: error: duplicate-name: there already is a virtual network \"hub\"\n"
		"t:4:33: error: duplicate-name: there already is a route table \"a\"\n"
		"t:7:10: error: duplicate-name: there already is a network interface \"n\"\n"
		"t:12:8: error: duplicate-name: there already is a bgpConnection \"a\"\n"},
	/* Networks. */
	{"overlap in a network",
		"virtualNetworks: [{name: a, addressPrefixes: [10.0.0.0/16, 10.0.1.0/24]}]\n",
		"t:1:60: error: vnet-overlap: 10.0.1.0/24 of \"a\" overlaps 10.0.0.0/16 of "
		"\"a\"\n"},
	{"the wider one comes later",
		"virtualNetworks: [{name: a, addressPrefixes: [10.0.1.0/24, 10.0.0.0/16]}]\n",
		"t:1:60: error: vnet-overlap: 10.0.0.0/16 of \"a\" overlaps 10.0.1.0/24 of "
		"\"a\"\n"},
	{"subnets",
		HUB(",\n {name: a, addressPrefix: 10.0.2.128/25},\n {name: b, addressPrefix: "
		    "10.1.0.0/24}"),
		"t:3:27: error: vnet-overlap: 10.0.2.128/25 of \"a\" overlaps 10.0.2.0/24 of "
		"\"vms\"\n"
		"t:4:27: error: vnet-overlap: 10.1.0.0/24 is not inside network \"hub\"\n"},
	{"peered networks overlap",
		"virtualNetworks:\n"
		"- {name: a, addressPrefixes: [10.0.0.0/16], virtualNetworkPeerings: [{name: p, "
		"remoteVirtualNetwork: b}]}\n"
		"- {name: b, addressPrefixes: [10.0.128.0/17], virtualNetworkPeerings: [{name: p, "
		"remoteVirtualNetwork: a}]}\n",
		"t:2:102: error: vnet-overlap: 10.0.128.0/17 of \"b\" overlaps 10.0.0.0/16 of "
		"\"a\"\n"},
	{"two spokes of one hub overlap",
		"virtualNetworks:\n"
		"- name: a\n  addressPrefixes: [10.0.0.0/16]\n  virtualNetworkPeerings:\n"
		"  - {name: p, remoteVirtualNetwork: b}\n  - {name: q, remoteVirtualNetwork: c}\n"
		"- {name: b, addressPrefixes: [10.1.0.0/16], virtualNetworkPeerings: [{name: p, "
		"remoteVirtualNetwork: a}]}\n"
		"- {name: c, addressPrefixes: [10.1.0.0/16], virtualNetworkPeerings: [{name: p, "
		"remoteVirtualNetwork: a}]}\n",
		"t:6:37: error: vnet-overlap: 10.1.0.0/16 of \"c\" overlaps 10.1.0.0/16 of "
		"\"b\"\n"},
	{"peerings",
		"virtualNetworks:\n"
		"- name: a\n  addressPrefixes: [10.0.0.0/16]\n  virtualNetworkPeerings:\n"
		"  - {name: p, remoteVirtualNetwork: b}\n  - {name: q, remoteVirtualNetwork: b}\n"
		"  - {name: r, remoteVirtualNetwork: a}\n  - {name: r, remoteVirtualNetwork: bb}\n"
		"- {name: b, addressPrefixes: [10.1.0.0/16]}\n",
		"t:5:37: warning: peering-one-sided: \"b\" declares no peering back to \"a\"; not "
		"connected\n"
		"t:6:37: error: duplicate-name: there already is a peering with \"b\"\n"
		"t:7:37: error: reference: network \"a\" cannot peer with itself\n"
		"t:8:12: error: duplicate-name: there already is a peering \"r\"\n"
		"t:8:37: error: reference: there is no virtual network \"bb\" (did you mean "
		"\"b\"?)\n"},
	{"gateway transit is not allowed",
		HUB("") "- name: b\n  addressPrefixes: [10.1.0.0/16]\n  virtualNetworkPeerings:\n"
			"  - {name: p, remoteVirtualNetwork: hub, useRemoteGateways: true}\n",
		"t:6:37: warning: peering-one-sided: \"hub\" declares no peering back to \"b\"; "
		"not connected\n"
		"t:6:61: error: gateway-transit: \"hub\" has no peering back with "
		"allowGatewayTransit\n"
		"t:6:61: error: gateway-transit: \"hub\" has no route server to use\n"},
	{"gateway transit twice, and with a server of one's own",
		"virtualNetworks:\n"
		"- name: a\n  addressPrefixes: [10.0.0.0/16]\n"
		"  subnets: [{name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}]\n  "
		"virtualNetworkPeerings:\n"
		"  - {name: p, remoteVirtualNetwork: b, useRemoteGateways: true}\n"
		"  - {name: q, remoteVirtualNetwork: c, useRemoteGateways: true}\n"
		"- {name: b, addressPrefixes: [10.1.0.0/16], subnets: [{name: RouteServerSubnet, "
		"addressPrefix: 10.1.0.0/26}],\n"
		"   virtualNetworkPeerings: [{name: p, remoteVirtualNetwork: a, "
		"allowGatewayTransit: true}]}\n"
		"- {name: c, addressPrefixes: [10.2.0.0/16], virtualNetworkPeerings: [{name: p, "
		"remoteVirtualNetwork: a, allowGatewayTransit: true}]}\n"
		"routeServers:\n- {name: ra, virtualNetwork: a, virtualRouterIps: [10.0.0.4]}\n"
		"- {name: rb, virtualNetwork: b, virtualRouterIps: [10.1.0.4]}\n",
		"t:6:59: error: gateway-transit: network \"a\" has a route server of its own\n"
		"t:7:59: error: gateway-transit: peering \"p\" already uses remote gateways; one "
		"per network\n"
		"t:7:59: error: gateway-transit: network \"a\" has a route server of its own\n"
		"t:7:59: error: gateway-transit: \"c\" has no route server to use\n"},
	/* Route tables. */
	{"next hops",
		"routeTables:\n- name: rt\n  routes:\n"
		"  - {name: a, addressPrefix: 10.0.0.0/8, nextHopType: VirtualAppliance}\n"
		"  - {name: b, addressPrefix: 11.0.0.0/8, nextHopType: Internet, nextHopIpAddress: "
		"10.0.0.1}\n"
		"  - {name: c, addressPrefix: 12.0.0.0/8, nextHopType: VirtualAppliance, "
		"nextHopIpAddress: fd00::1}\n"
		"  - {name: d, addressPrefix: 13.0.0.0/8, nextHopType: internet}\n"
		"  - {name: e, addressPrefix: 14.0.0.0/8, nextHopType: VirtualAppliance, "
		"nextHopIpAddress: 10.0.0}\n"
		"  - {name: e, addressPrefix: 14.0.0.0/8, nextHopType: None}\n",
		"t:4:55: error: next-hop: VirtualAppliance needs a nextHopIpAddress\n"
		"t:5:83: error: next-hop: Internet has no nextHopIpAddress; only VirtualAppliance "
		"has one\n"
		"t:6:91: error: next-hop: nextHopIpAddress is not of the family of addressPrefix\n"
		"t:7:55: error: next-hop: nextHopType \"internet\" is none of VirtualAppliance, "
		"VirtualNetworkGateway, VnetLocal, Internet, None (did you mean \"Internet\"?)\n"
		"t:8:91: error: wrong-type: nextHopIpAddress must be an address, not the string "
		"\"10.0.0\"\n"
		"t:9:12: error: duplicate-name: there already is a route \"e\"\n"
		"t:9:30: error: duplicate-prefix: route \"e\" of this table already has "
		"14.0.0.0/8\n"},
	/* Network interfaces. */
	{"addresses of interfaces",
		HUB("") "networkInterfaces:\n"
			"- {name: n, virtualNetwork: hub, subnet: vms, privateIpAddress: "
			"10.0.2.4}\n"
			"- {name: m, virtualNetwork: hub, subnet: vms, privateIpAddress: "
			"10.0.2.4}\n"
			"- {name: o, virtualNetwork: hub, subnet: vms, privateIpAddress: "
			"10.0.3.4}\n"
			"- {name: p, virtualNetwork: hub, subnet: RouteServerSubnet, "
			"privateIpAddress: 10.0.0.9}\n",
		"t:5:65: error: nic-address: 10.0.2.4 already is an address of \"n\"\n"
		"t:6:65: error: nic-address: 10.0.3.4 is not in subnet \"vms\"\n"
		"t:7:42: error: subnet-dedicated: no network interface may be in "
		"RouteServerSubnet\n"},
	/* Route servers. */
	{"subnet name",
		"virtualNetworks:\n- {name: hub, addressPrefixes: [10.0.0.0/16], subnets: [{name: "
		"routeserversubnet, addressPrefix: 10.0.0.0/26}]}\n"
		"routeServers:\n- {name: rs, virtualNetwork: hub, virtualRouterIps: [10.0.0.4]}\n",
		"t:2:64: error: subnet-name: network \"hub\" has a route server, but no subnet "
		"named RouteServerSubnet (did you mean \"RouteServerSubnet\"?)\n"},
	{"no such subnet",
		"virtualNetworks:\n- {name: hub, addressPrefixes: [10.0.0.0/16]}\n"
		"routeServers:\n- {name: rs, virtualNetwork: hub, virtualRouterIps: [10.0.0.4]}\n",
		"t:4:30: error: subnet-name: network \"hub\" has a route server, but no subnet "
		"named RouteServerSubnet\n"},
	{"subnet size",
		"virtualNetworks:\n- name: hub\n  addressPrefixes: [10.0.0.0/16]\n  subnets: "
		"[{name: RouteServerSubnet, addressPrefix: 10.0.0.0/28}]\n"
		"- {name: b, addressPrefixes: [10.1.0.0/16], subnets: [{name: RouteServerSubnet, "
		"addressPrefix: 10.1.0.0/27}]}\n",
		"t:4:54: error: subnet-size: 10.0.0.0/28 is too small; RouteServerSubnet is /27 or "
		"larger\n"
		"t:5:96: warning: subnet-size: 10.1.0.0/27 is small; /26 or larger is recommended "
		"for RouteServerSubnet\n"},
	{"subnet dedicated",
		"virtualNetworks:\n- name: hub\n  addressPrefixes: [10.0.0.0/16]\n  subnets:\n"
		"  - {name: RouteServerSubnet, addressPrefix: 10.0.0.0/26, routeTable: rt,\n"
		"     serviceEndpoints: [{service: a, addressPrefixes: [192.0.2.0/24]}]}\n"
		"routeTables: [{name: rt}]\n"
		"routeServers:\n- {name: a, virtualNetwork: hub, virtualRouterIps: [10.0.0.3, "
		"10.0.0.63]}\n",
		"t:5:71: error: subnet-dedicated: RouteServerSubnet cannot have a route table\n"
		"t:6:24: error: subnet-dedicated: RouteServerSubnet cannot have service endpoints\n"
		"t:9:53: error: subnet-dedicated: virtualRouterIp 10.0.0.3 is one of the first "
		"four or the last address of 10.0.0.0/26\n"
		"t:9:63: error: subnet-dedicated: virtualRouterIp 10.0.0.63 is one of the first "
		"four or the last address of 10.0.0.0/26\n"},
	{"router ip outside its subnet",
		HUB("") "routeServers:\n- {name: a, virtualNetwork: hub, virtualRouterIps: "
			"[10.0.2.4]}\n",
		"t:4:53: error: subnet-dedicated: virtualRouterIp 10.0.2.4 is not in "
		"RouteServerSubnet\n"},
	{"router ip, IPv6",
		HUB("") "routeServers:\n- name: a\n  virtualNetwork: hub\n"
			"  virtualRouterIps: [10.0.0.4, 10.0.0.5, fd00::3, "
			"fd00::ffff:ffff:ffff:ffff]\n",
		"t:6:42: error: subnet-dedicated: virtualRouterIp fd00::3 is one of the first four "
		"or the last address of fd00::/64\n"
		"t:6:51: error: subnet-dedicated: virtualRouterIp fd00::ffff:ffff:ffff:ffff is one "
		"of the first four or the last address of fd00::/64\n"},
	{"router ips of two families",
		HUB("") "routeServers:\n- {name: a, virtualNetwork: hub, virtualRouterIps: "
			"[10.0.0.4, fd00::4]}\n",
		"t:4:63: error: router-ip: two virtualRouterIps are of one family; for both give "
		"four\n"},
	{"router ips in the wrong order",
		HUB("") "routeServers:\n- {name: a, virtualNetwork: hub, virtualRouterIps: "
			"[fd00::4, 10.0.0.4, 10.0.0.5, fd00::5]}\n",
		"t:4:53: error: router-ip: four virtualRouterIps are two IPv4, then two IPv6 "
		"addresses\n"},
	{"three router ips",
		HUB("") "routeServers:\n- {name: a, virtualNetwork: hub, virtualRouterIps: "
			"[10.0.0.4, 10.0.0.5, 10.0.0.6]}\n",
		"t:4:52: error: out-of-range: virtualRouterIps has 3 items; 1, 2 or 4 are "
		"allowed\n"},
	{"five router ips",
		HUB("") "routeServers:\n- {name: a, virtualNetwork: hub, virtualRouterIps: "
			"[10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8]}\n",
		"t:4:52: error: out-of-range: virtualRouterIps has 5 items; at most 4 are "
		"allowed\n"},
	{"two servers, one address",
		HUB("") "routeServers:\n- {name: a, virtualNetwork: hub, virtualRouterIps: "
			"[10.0.0.4]}\n"
			"- {name: b, virtualNetwork: hub, virtualRouterIps: [10.0.0.4]}\n",
		"t:5:29: error: one-route-server: network \"hub\" already has route server \"a\"\n"
		"t:5:53: error: router-ip: 10.0.0.4 already is a virtualRouterIp of \"a\"\n"},
	{"scrub",
		HUB("") "routeServers:\n- {name: a, virtualNetwork: hub, virtualRouterIps: "
			"[10.0.0.4], attributeScrub: [2, 256, 16]}\n",
		"t:4:81: error: out-of-range: attributeScrub cannot drop attribute 2: routes need "
		"it\n"
		"t:4:84: error: out-of-range: attributeScrub is 256; 1 to 255 are allowed\n"},
	{"reserved AS numbers",
		HUB("") SERVER
		"{name: a, peerIp: 10.0.2.4, peerAsn: 65515},\n"
		"{name: b, peerIp: 10.0.2.5, peerAsn: 0},\n"
		"{name: c, peerIp: 10.0.2.6, peerAsn: 8075},\n"
		"{name: d, peerIp: 10.0.2.7, peerAsn: 65551},\n"
		"{name: e, peerIp: 10.0.2.8, peerAsn: 4294967295},\n"
		"{name: f, peerIp: 10.0.2.9, peerAsn: 65515, kind: VpnGateway},\n"
		"{name: g, peerIp: 10.0.2.10, peerAsn: 12076, kind: ExpressRouteGateway},\n"
		"{name: h, peerIp: 10.0.2.11, peerAsn: 0, kind: VpnGateway},\n"
		"{name: i, peerIp: 10.0.2.12, peerAsn: 65534}]}\n",
		"t:6:38: error: reserved-asn: peerAsn 65515 is the route server's own; only "
		"gateways may share it\n"
		"t:7:38: error: reserved-asn: peerAsn 0 is nobody's (RFC 7607)\n"
		"t:8:38: error: reserved-asn: peerAsn 8075 is reserved; an appliance cannot use "
		"it\n"
		"t:9:38: error: reserved-asn: peerAsn 65551 is reserved; an appliance cannot use "
		"it\n"
		"t:10:38: error: reserved-asn: peerAsn 4294967295 is reserved; an appliance cannot "
		"use it\n"
		"t:13:39: error: reserved-asn: peerAsn 0 is nobody's (RFC 7607)\n"},
	{"peer addresses",
		HUB("") SERVER "{name: a, peerIp: 10.1.2.4, peerAsn: 65001},\n"
			       "{name: b, peerIp: 10.0.2.5, peerAsn: 65001},\n"
			       "{name: c, peerIp: 10.0.2.5, peerAsn: 65001},\n"
			       "{name: d, peerIp: 10.0.0.5, peerAsn: 65001},\n"
			       "{name: e, peerIp: fd00::9, peerAsn: 65001}]}\n",
		"t:6:19: error: peer-address: peerIp 10.1.2.4 is not in network \"hub\" or one "
		"peered to it\n"
		"t:8:19: error: peer-address: peerIp 10.0.2.5 already is that of \"b\"\n"
		"t:9:19: error: peer-address: peerIp 10.0.0.5 is a virtualRouterIp\n"
		"t:10:19: error: peer-address: peerIp fd00::9 needs virtualRouterIps of its "
		"family\n"},
	{"a peer in a connected network is fine, in a one-sided one not",
		"virtualNetworks:\n- name: hub\n  addressPrefixes: [10.0.0.0/16]\n"
		"  subnets: [{name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}]\n  "
		"virtualNetworkPeerings:\n"
		"  - {name: b, remoteVirtualNetwork: b}\n  - {name: c, remoteVirtualNetwork: c}\n"
		"- {name: b, addressPrefixes: [10.1.0.0/16], virtualNetworkPeerings: [{name: p, "
		"remoteVirtualNetwork: hub}]}\n"
		"- {name: c, addressPrefixes: [10.2.0.0/16]}\n" SERVER
		"{name: a, peerIp: 10.1.0.4, peerAsn: 65001},\n{name: b, peerIp: 10.2.0.4, "
		"peerAsn: 65001}]}\n",
		"t:7:37: warning: peering-one-sided: \"c\" declares no peering back to \"hub\"; "
		"not connected\n"
		"t:14:19: error: peer-address: peerIp 10.2.0.4 is not in network \"hub\" or one "
		"peered to it\n"},
	{"ip forwarding",
		HUB("") "networkInterfaces: [{name: n, virtualNetwork: hub, subnet: vms, "
			"privateIpAddress: 10.0.2.4}]\n" SERVER
			"{name: a, peerIp: 10.0.2.4, peerAsn: 65001}]}\n",
		"t:7:19: warning: ip-forwarding: peerIp 10.0.2.4 is network interface \"n\", whose "
		"enableIpForwarding is false\n"},
	{"timers",
		HUB("") SERVER "{name: a, peerIp: 10.0.2.4, peerAsn: 65001, holdSeconds: 2},\n"
			       "{name: b, peerIp: 10.0.2.5, peerAsn: 65001, holdSeconds: 30, "
			       "keepaliveSeconds: 31},\n"
			       "{name: c, peerIp: 10.0.2.6, peerAsn: 65001, keepaliveSeconds: 0},\n"
			       "{name: d, peerIp: 10.0.2.7, peerAsn: 65001, holdSeconds: 0},\n"
			       "{name: e, peerIp: 10.0.2.8, peerAsn: 65001, holdSeconds: 3}]}\n",
		"t:6:58: error: out-of-range: holdSeconds is 2; 0 or 3 to 65535 are allowed\n"
		"t:7:80: error: out-of-range: keepaliveSeconds is 31, more than holdSeconds, which "
		"is 30\n"
		"t:8:63: error: out-of-range: keepaliveSeconds is 0, but holdSeconds is 180\n"},
	{"passwords",
		HUB("") SERVER
		"{name: a, peerIp: 10.0.2.4, peerAsn: 65001, passwordFile: absent},\n"
		"{name: b, peerIp: 10.0.2.5, peerAsn: 65001, passwordFile: full.yaml},\n"
		"{name: c, peerIp: 10.0.2.6, peerAsn: 65001, passwordFile: /dev/null},\n"
		"{name: d, peerIp: 10.0.2.7, peerAsn: 65001, passwordFile: password}]}\n",
		"t:6:59: error: password-file: cannot read absent: No such file or directory\n"
		"t:7:59: error: password-file: full.yaml must hold a password of 1 to 80 bytes\n"
		"t:8:59: error: password-file: cannot read /dev/null: Invalid argument\n"},
	{"more peers than the limit",
		HUB("") "routeServers:\n- {name: rs, virtualNetwork: hub, virtualRouterIps: "
			"[10.0.0.4], limits: {peers: 1}, bgpConnections: [\n"
			"{name: a, peerIp: 10.0.2.4, peerAsn: 65001},\n"
			"{name: b, peerIp: 10.0.2.5, peerAsn: 65001}]}\n",
		"t:6:1: error: limit: 2 bgpConnections; limits.peers is 1\n"},
};

static char *report_of(const struct rule_case *c, int *rc)
{
	struct vrs_cfg_report report;
	struct vrs_config *config = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	*rc = vrs_config_parse("t", VRS_SOURCE_DIR "/tests/engine/data", c->text, strlen(c->text),
		&report, &config);
	vrs_cfg_report_print(&report, f);
	(void)fclose(f);
	assert_true((*rc == 0) == (report.n_errors == 0));
	vrs_cfg_report_fini(&report);
	vrs_config_free(config);
	return text;
}

static void every_rule_reports_its_place_and_the_nearest_name(void **)
{
	unsigned failed = 0;

	for (size_t i = 0; i < VRS_N_ELEMS(cases); i++) {
		int rc;
		char *text = report_of(&cases[i], &rc);
		if (strcmp(text, cases[i].report) != 0) {
			print_error("%s:\n%sexpected:\n%s\n", cases[i].name, text, cases[i].report);
			failed++;
		}
		assert_true(rc == 0 || rc == -EINVAL);
		free(text);
	}
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_reports_its_place_and_the_nearest_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
