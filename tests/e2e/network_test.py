#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""A network that changes under running sessions: exact UPDATEs, ROUTE-REFRESH, NIC tables.

    python3 tests/e2e/network_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402
from daemon import Daemon  # noqa: E402
from speaker import OPEN, Speaker, heard  # noqa: E402

CONFIG = """
process: {{stateDir: "{{dir}}", controlSocket: "{{dir}}/vrs.sock"}}
virtualNetworks:
  - name: hub
    addressPrefixes: [10.0.0.0/16{prefixes}]
    subnets:
      - {{name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}}
      - {{name: nva, addressPrefix: 10.0.1.0/24}}
      - {{name: vms, addressPrefix: 10.0.2.0/24{table}}}
      - {{name: closed, addressPrefix: 10.0.3.0/24, routeTable: closed}}
    virtualNetworkPeerings: [{hub}]
  - name: spoke
    addressPrefixes: [10.1.0.0/16]
    subnets: [{{name: apps, addressPrefix: 10.1.0.0/24}}]
    virtualNetworkPeerings: [{spoke}]
routeTables:
  - {{name: closed, disableBgpRoutePropagation: true}}
  - {{name: rt, routes: [{{name: d, addressPrefix: 0.0.0.0/0, nextHopType: Internet}}]}}
networkInterfaces:
  - {{name: vm, virtualNetwork: hub, subnet: {subnet}}}
  - {{name: app, virtualNetwork: spoke, subnet: apps, privateIpAddress: 10.1.0.4}}
routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterIps: [10.0.0.4, 10.0.0.5]
    bgpConnections:
      - {{name: a, peerIp: 10.0.1.4, peerAsn: 65001, passive: true}}
      - {{name: b, peerIp: 10.0.1.5, peerAsn: 65002, passive: true}}
"""
PLAIN = {"prefixes": "", "table": "", "hub": "", "spoke": "",
         "subnet": "vms, privateIpAddress: 10.0.2.4"}
JOINED = {"hub": "{name: p, remoteVirtualNetwork: spoke, allowGatewayTransit: true}",
          "spoke": "{name: p, remoteVirtualNetwork: hub, useRemoteGateways: true}"}
DEFAULTS = ["Default Active 0.0.0.0/0 Internet", "Default Active 10.0.0.0/8 None",
            "Default Active 10.0.0.0/16 VnetLocal", "Default Active 100.64.0.0/10 None",
            "Default Active 172.16.0.0/12 None", "Default Active 192.168.0.0/16 None"]
BUILD = None


def config(**change):
    return CONFIG.format(**{**PLAIN, **change})


class Network(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(BUILD, config())
        self.addCleanup(lambda: self.assertEqual(self.daemon.stop(), 0))
        self.a = self.speaker("10.0.1.4", "10.0.0.4", 65001)
        self.b = [self.speaker("10.0.1.5", f"10.0.0.{4 + i}", 65002) for i in range(2)]
        self.n_probes = 0
        for i, speaker in enumerate(self.b):
            self.assertTrue(speaker.wait(lambda got: "end" in heard(got)))
            self.assertEqual(self.take(speaker),
                             ["open", f"+10.0.0.0/16 via 10.0.0.{4 + i} path 65515", "end"])

    def speaker(self, local, peer, asn):
        speaker = Speaker(local, peer, asn).open()
        self.addCleanup(speaker.close)
        return speaker

    def take(self, speaker):
        with speaker.changed:
            words, speaker.received[:] = heard(speaker.received), []
        return words

    def news(self, speaker):
        """What a speaker was told since; a route of `a` comes behind it, and goes again."""
        self.n_probes += 1
        probe = f"198.51.{self.n_probes}.0/24"
        self.a.announce([probe])
        self.assertTrue(speaker.wait(lambda got: any(w.startswith(f"+{probe} ")
                                                     for w in heard(got))), heard(speaker.received))
        self.a.withdraw([probe])
        self.assertTrue(speaker.wait(lambda got: f"-{probe}" in heard(got)))
        # Those of earlier probes may still have been on their way to this speaker.
        return [w for w in self.take(speaker) if not w[1:].startswith("198.51.")]

    def assert_not_reset(self):
        for key in (("a", 0), ("b", 0), ("b", 1)):
            self.assertEqual(self.daemon.sessions()[key]["state"], "Established", key)
        for speaker in (self.a, *self.b):
            self.assertLessEqual(sum(kind == OPEN for kind, _ in speaker.received), 1)
        self.assertNotIn(": down", self.daemon.log())

    def routes(self, nic, wanted):
        self.daemon.wait(lambda: self.daemon.table(nic) == wanted or
                         self.assertLess(self.tries(), 400, self.daemon.table(nic)))

    def tries(self):
        self.n_tries = getattr(self, "n_tries", 0) + 1
        return self.n_tries

    def test_prefixes_added_and_removed_are_one_update_each(self):
        self.a.announce(["192.0.2.0/24"])
        for i in range(2):
            self.assertTrue(self.b[i].wait(lambda got: len(heard(got)) > 0))
            self.assertEqual(self.take(self.b[i]), ["+192.0.2.0/24 via 10.0.1.4 path 65515-65001"])
        self.daemon.reload(config(prefixes=", 172.20.0.0/16, 172.21.0.0/16"))
        for i in range(2):
            self.assertEqual(sorted(self.news(self.b[i])), [
                f"+172.20.0.0/16 via 10.0.0.{4 + i} path 65515",
                f"+172.21.0.0/16 via 10.0.0.{4 + i} path 65515", "refresh"])
            self.take(self.b[1 - i])
            if i == 0:
                self.daemon.reload(config())
                self.assertEqual(sorted(self.news(self.b[0])), ["-172.20.0.0/16", "-172.21.0.0/16"])
                self.take(self.b[1])
                self.daemon.reload(config(prefixes=", 172.20.0.0/16, 172.21.0.0/16"))
        self.daemon.reload(config(prefixes=", 172.21.0.0/16"))
        self.assertEqual(self.news(self.b[1]), ["-172.20.0.0/16"])
        self.assert_not_reset()

    def test_a_network_joins_and_leaves(self):
        self.a.announce(["192.0.2.0/24"], next_hop="10.1.0.9")
        self.a.announce(["10.1.9.0/24"])
        self.assertEqual(self.news(self.b[0]), ["+10.1.9.0/24 via 10.0.1.4 path 65515-65001"])
        self.routes("app", [r.replace("10.0.0.0/16", "10.1.0.0/16") for r in DEFAULTS])
        self.daemon.reload(config(**JOINED))
        # The refresh is first: it leaves from the session, the routes from propagation.
        self.assertEqual(sorted(self.news(self.b[0])), [
            "+10.1.0.0/16 via 10.0.0.4 path 65515",
            "+192.0.2.0/24 via 10.1.0.9 path 65515-65001", "refresh"])
        self.assertIn("refresh", self.take(self.a))
        learned = ["VirtualNetworkGateway Suppressed 10.1.9.0/24 VirtualNetworkGateway 10.0.1.4",
                   "VirtualNetworkGateway Active 192.0.2.0/24 VirtualNetworkGateway 10.1.0.9"]
        both = DEFAULTS[:3] + ["Default Active 10.1.0.0/16 VnetLocal"] + DEFAULTS[3:]
        self.routes("app", [r.replace("10.0.0.0/16 VnetLocal", "10.0.0.0/16 VNetPeering")
                            for r in both] + learned)
        self.routes("vm", [r.replace("10.1.0.0/16 VnetLocal", "10.1.0.0/16 VNetPeering")
                           for r in both] + learned)
        self.daemon.reload(config())
        self.assertEqual(sorted(self.news(self.b[0])), ["-10.1.0.0/16", "-192.0.2.0/24"])
        self.assertNotIn("refresh", self.take(self.a))
        self.routes("app", [r.replace("10.0.0.0/16", "10.1.0.0/16") for r in DEFAULTS])
        self.assert_not_reset()

    def test_a_nic_moves_and_its_subnet_gets_a_table(self):
        self.a.announce(["0.0.0.0/0", "192.0.2.0/24"])
        gateway = "VirtualNetworkGateway"
        learned = [f"{gateway} Active 0.0.0.0/0 {gateway} 10.0.1.4",
                   f"{gateway} Active 192.0.2.0/24 {gateway} 10.0.1.4"]
        lost = ["Default Invalid 0.0.0.0/0 Internet"] + DEFAULTS[1:]
        self.news(self.b[0])
        self.routes("vm", lost + learned)
        self.daemon.reload(config(subnet="closed, privateIpAddress: 10.0.3.4"))
        self.routes("vm", DEFAULTS)
        self.daemon.reload(config())
        self.routes("vm", lost + learned)
        self.daemon.reload(config(table=", routeTable: rt"))
        self.routes("vm", lost + [learned[0].replace("Active", "Invalid"), learned[1],
                                  "User Active 0.0.0.0/0 Internet"])
        hop = self.daemon.vrsctl("nic", "show-next-hop", "--name", "vm", "--dest-ip", "8.8.8.8")
        self.assertEqual((hop["nextHopType"], hop["routeTableId"]), ("Internet", "rt"))
        self.daemon.reload(config(table=", routeTable: closed"))
        self.routes("vm", DEFAULTS)
        self.daemon.reload(config())
        self.routes("vm", lost + learned)
        # None of this was any peer's business.
        self.assertEqual(self.news(self.b[0]), [])
        self.assert_not_reset()

    def test_one_appliance_on_one_instance_only(self):
        self.a.announce(["192.0.2.0/24"])
        self.b[1].announce(["192.0.2.0/24"])
        self.routes("vm", DEFAULTS + ["VirtualNetworkGateway Active 192.0.2.0/24 "
                                      "VirtualNetworkGateway 10.0.1.4 10.0.1.5"])
        self.b[1].close()
        self.routes("vm", DEFAULTS + ["VirtualNetworkGateway Active 192.0.2.0/24 "
                                      "VirtualNetworkGateway 10.0.1.4"])


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"],
                         ["10.0.0.4", "10.0.0.5", "10.0.1.4", "10.0.1.5"]))
