/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * A configuration file. It is refused with at least one error, each with a place in the file
 * and a rule's name; or it is accepted, and a model can be made of it.
 */

#include <stdio.h>
#include <stdlib.h>

#include "engine/config.h"
#include "engine/model.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrs_cfg_report report = {0};
	struct vrs_config *config = NULL;
	int err = vrs_config_parse(
		"fuzz", "/nonexistent", (const char *)data, size, &report, &config);

	FUZZ_CHECK(err == 0 || err == -22 || err == -12);
	FUZZ_CHECK((err == 0) == (report.n_errors == 0));
	for (size_t i = 0; i < report.n_findings; i++) {
		const struct vrs_cfg_finding *f = &report.findings[i];

		FUZZ_CHECK(f->mark.line >= 1 && f->mark.column >= 1);
		FUZZ_CHECK(f->rule != NULL && f->rule[0] != '\0' && f->text[0] != '\0');
	}
	vrs_cfg_report_fini(&report);
	if (err == 0) {
		struct vrs_model *m = vrs_model_new(config);

		FUZZ_CHECK(m != NULL);
		vrs_model_put(m);
	}
	return 0;
}

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	static const char hub[] =
		"process: {stateDir: /tmp, controlSocket: /tmp/s, bgpPort: 1179, http: {listen: "
		"'127.0.0.1:8179'}, ioThreads: 1, transport: {kind: kernel}}\n"
		"virtualNetworks:\n"
		"  - name: hub\n"
		"    addressPrefixes: [10.0.0.0/16, 'fd00::/48']\n"
		"    subnets:\n"
		"      - {name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}\n"
		"      - {name: nva, addressPrefix: 10.0.1.0/24, routeTable: rt}\n"
		"      - name: vms\n"
		"        addressPrefix: 10.0.2.0/24\n"
		"        serviceEndpoints: [{service: S, addressPrefixes: [198.51.100.0/24]}]\n"
		"    virtualNetworkPeerings:\n"
		"      - {name: s, remoteVirtualNetwork: spoke, allowGatewayTransit: true}\n"
		"  - name: spoke\n"
		"    addressPrefixes: [10.1.0.0/16]\n"
		"    virtualNetworkPeerings:\n"
		"      - {name: h, remoteVirtualNetwork: hub, useRemoteGateways: true}\n";
	static const char rest[] =
		"routeTables:\n"
		"  - name: rt\n"
		"    disableBgpRoutePropagation: true\n"
		"    routes:\n"
		"      - {name: a, addressPrefix: 0.0.0.0/0, nextHopType: Internet}\n"
		"      - {name: b, addressPrefix: 8.0.0.0/8, nextHopType: VirtualAppliance, "
		"nextHopIpAddress: 10.0.1.4}\n"
		"networkInterfaces:\n"
		"  - {name: vm, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.4, "
		"enableIpForwarding: true}\n"
		"routeServers:\n"
		"  - name: rs\n"
		"    virtualNetwork: hub\n"
		"    virtualRouterIps: [10.0.0.4, 10.0.0.5]\n"
		"    hubRoutingPreference: ASPath\n"
		"    limits: {peers: 8, routesPerPeer: 4000, counting: azure}\n"
		"    attributeScrub: [32, 128]\n"
		"    bgpConnections:\n"
		"      - {name: n, peerIp: 10.0.1.4, peerAsn: 65001, holdSeconds: 9, maxPrefixes: "
		"10, maxPrefixAction: warn, addressFamilies: [ipv4], role: rs, ttlSecurity: 1}\n";
	static const char *const small[] = {"process: {}\n", "a: &x [1]\nb: *x\n",
		"virtualNetworks: [{name: a, addressPrefixes: [10.0.0.0/8]}]\n", "--- {}\n--- {}\n",
		"{\"virtualNetworks\": []}\n", "virtualNetworks:\n  - nmae: x\n"};
	int n = 0;

	if (i == 0)
		n = snprintf((char *)out, cap, "%s%s", hub, rest);
	else if (i == 1)
		n = snprintf((char *)out, cap, "%s", hub);
	else if (i - 2 < sizeof(small) / sizeof(small[0]))
		n = snprintf((char *)out, cap, "%s", small[i - 2]);
	return (size_t)n;
}
