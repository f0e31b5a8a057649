#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Reloads: what is refused changes nothing, what is accepted resets no session that need not be
reset and ignores nothing, and watches follow.

    python3 tests/e2e/reload_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import json
import os
import re
import select
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402
from daemon import Daemon  # noqa: E402
from speaker import KEEPALIVE, OPEN, Speaker, capabilities, heard  # noqa: E402

CONFIG = """
process: {{stateDir: "{{dir}}", controlSocket: "{{dir}}/vrs.sock"{process}}}
virtualNetworks:
  - name: hub
    addressPrefixes: [{prefixes}]
    subnets:
      - {{name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}}
      - {{name: nva, addressPrefix: 10.0.1.0/24}}
      - {{name: vms, addressPrefix: 10.0.2.0/24{table}}}
{subnets}
routeTables: [{{name: closed, disableBgpRoutePropagation: true}}{tables}]
networkInterfaces:
  - {{name: vm1, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.4}}
{nics}
routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterIps: {ips}
{server}
    bgpConnections:
      - {{name: {name}, peerIp: {ip}, peerAsn: {asn}, passive: {passive}{more}}}
      - {{name: other, peerIp: 10.0.1.5, peerAsn: 65002, passive: true}}
{peers}
"""
BASE = {"process": "", "prefixes": "10.0.0.0/16", "table": "", "subnets": "", "tables": "",
        "nics": "", "ips": "[10.0.0.4]", "server": "", "name": "nva", "ip": "10.0.1.4", "asn": "65001",
        "passive": "true", "more": "", "peers": ""}
VM2 = "  - {name: vm2, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.5}"
AS_65514 = "    virtualRouterAsn: 65514"
KEPT, CONFIG_CHANGE, DECONFIGURED, SHUTDOWN, MAX_PREFIXES = None, 6, 3, 2, 1
BUILD = None

# What is changed; how the session of `nva`, then that of `other` ends; what has to be true then
# (a method below, without its "then_").
CHANGES = [
    ("nothing", {}, KEPT, KEPT, None),
    ("a NIC added", {"nics": VM2}, KEPT, KEPT, "vm2_has_a_table"),
    ("a subnet added", {"subnets": "      - {name: more, addressPrefix: 10.0.3.0/24}"},
     KEPT, KEPT, "subnet_is_there"),
    ("a route table added", {"tables": ", {name: rt}"}, KEPT, KEPT, "route_table_is_there"),
    ("a route table attached", {"table": ", routeTable: closed"}, KEPT, KEPT, "vm1_is_closed"),
    ("another connection", {"peers": "      - {name: third, peerIp: 10.0.1.6, peerAsn: 65003}"},
     KEPT, KEPT, "third_opens"),
    ("maxPrefixes over what is there", {"more": ", maxPrefixes: 3"}, KEPT, KEPT, "two_prefixes_fit"),
    ("maxPrefixes under it", {"more": ", maxPrefixes: 1"}, MAX_PREFIXES, KEPT, None),
    ("maxPrefixes under it, discard", {"more": ", maxPrefixes: 1, maxPrefixAction: discard"},
     KEPT, KEPT, "one_is_usable"),
    ("maxPrefixes under it, warn", {"more": ", maxPrefixes: 1, maxPrefixAction: warn"},
     KEPT, KEPT, "two_prefixes_fit"),
    ("routesPerPeer under it", {"server": "    limits: {routesPerPeer: 1}"},
     MAX_PREFIXES, KEPT, None),
    ("limits.peers", {"server": "    limits: {peers: 2}"}, KEPT, KEPT, None),
    ("limits.counting", {"server": "    limits: {counting: azure}"}, KEPT, KEPT, None),
    ("attributeScrub", {"server": "    attributeScrub: [8]"}, KEPT, KEPT, "communities_are_gone"),
    ("hubRoutingPreference", {"server": "    hubRoutingPreference: ASPath"}, KEPT, KEPT,
     "preference_is_as_path"),
    ("allowBranchToBranchTraffic", {"server": "    allowBranchToBranchTraffic: true"},
     KEPT, KEPT, "branch_to_branch_is_on"),
    ("memoryLimit", {"server": "    memoryLimit: 1000000000"}, KEPT, KEPT, None),
    ("keepaliveSeconds", {"more": ", keepaliveSeconds: 1"}, KEPT, KEPT, "keepalives_come"),
    ("passive", {"passive": "false"}, KEPT, KEPT, None),
    ("a second virtualRouterIp", {"ips": "[10.0.0.4, 10.0.0.5]"}, KEPT, KEPT, "second_opens"),
    ("holdSeconds", {"more": ", holdSeconds: 30"}, CONFIG_CHANGE, KEPT, "hold_is_30"),
    ("peerAsn", {"asn": "65009"}, CONFIG_CHANGE, KEPT, "opens_as_65009"),
    ("peerPort", {"more": ", peerPort: 1790"}, CONFIG_CHANGE, KEPT, "opens"),
    ("peerIp", {"ip": "10.0.1.6"}, CONFIG_CHANGE, KEPT, "opens_from_6"),
    ("addressFamilies", {"more": ", addressFamilies: [ipv4]"}, CONFIG_CHANGE, KEPT,
     "ip4_is_offered_alone"),
    ("role", {"more": ", role: rs"}, CONFIG_CHANGE, KEPT, "role_is_sent"),
    ("kind", {"more": ", kind: VpnGateway"}, CONFIG_CHANGE, KEPT, "kind_is_vpn"),
    ("passwordFile", {"more": ", passwordFile: secret"}, CONFIG_CHANGE, KEPT, "does_not_open"),
    ("ttlSecurity", {"more": ", ttlSecurity: 2"}, CONFIG_CHANGE, KEPT, "is_not_established"),
    ("enabled", {"more": ", enabled: false"}, SHUTDOWN, KEPT, "does_not_open"),
    ("the name", {"name": "renamed"}, DECONFIGURED, KEPT, "opens"),
    ("virtualRouterAsn", {"server": AS_65514}, DECONFIGURED, DECONFIGURED,
     "as_65514_opens"),
    ("bgpPort", {"process": ", bgpPort: 1179"}, CONFIG_CHANGE, CONFIG_CHANGE, "opens_on_1179"),
    ("another virtualRouterIp", {"ips": "[10.0.0.5]"}, DECONFIGURED, DECONFIGURED, "second_opens"),
]

# What is wrong; what the log says of it.
REFUSALS = [
    ({"more": ", colour: red"}, r"vrs.yaml:\d+:\d+: error: unknown-key: no key \"colour\""),
    ({"asn": "65515"}, r"vrs.yaml:\d+:\d+: error: reserved-asn: "),
    ({"nics": VM2.replace("10.0.2.5", "10.0.9.5")}, r"vrs.yaml:\d+:\d+: error: nic-address: "),
    ({"more": "}"}, r"vrs.yaml:\d+:\d+: error: syntax: "),
    ({"process": ", ioThreads: 17"}, r"(not-built|process.ioThreads cannot change)"),
    ({"process": ', http: {listen: "127.0.0.1:1"}'}, r"process.http.listen cannot change"),
]


def config(**change):
    return CONFIG.format(**{**BASE, **change})


class Changes(unittest.TestCase):
    def start(self):
        daemon = Daemon(BUILD, config())
        self.addCleanup(lambda: self.assertEqual(daemon.stop(), 0))
        with open(f"{daemon.dir}/secret", "w", encoding="ascii") as f:
            f.write("s3cret")
        self.daemon = daemon
        self.nva = self.speaker()
        self.other = self.speaker("10.0.1.5", asn=65002)
        self.nva.announce(["192.0.2.0/24", "203.0.113.0/24"], communities=[(65001, 7)])
        self.hears(self.other, "+203.0.113.0/24 via 10.0.1.4 path 65515-65001 attr8")

    def speaker(self, local="10.0.1.4", peer="10.0.0.4", asn=65001, port=179, timeout=15):
        speaker = Speaker(local, peer, asn, port=port)
        self.addCleanup(speaker.close)
        return speaker.open(timeout)

    def hears(self, speaker, word):
        self.assertTrue(speaker.wait(lambda got: word in heard(got)),
                        f"no {word}: {heard(speaker.received)}")

    def assert_kept(self, speaker, probe):
        """It is told a new route: the connection is the one it was, and all before has come."""
        self.hears(speaker, probe)
        words = heard(speaker.received)
        self.assertEqual([w for w in words if w.startswith(("cease", "notification"))], [])
        self.assertEqual(sum(kind == OPEN for kind, _ in speaker.received), 1)

    def check(self, ends_nva, ends_other, full=False):
        for speaker, ends in ((self.nva, ends_nva), (self.other, ends_other)):
            if ends is not KEPT:
                self.hears(speaker, f"cease {ends}")
        if full:
            self.nva.withdraw(["192.0.2.0/24"])  # Room for one more.
            self.nva.withdraw(["203.0.113.0/24"])
        if ends_other is KEPT and ends_nva is KEPT:
            self.nva.announce(["198.51.100.0/24"])
            self.hears(self.other, "+198.51.100.0/24 via 10.0.1.4 path 65515-65001")
            self.nva.withdraw(["198.51.100.0/24"])
        if ends_nva is KEPT:
            self.other.announce(["198.51.101.0/24"])
            self.assert_kept(self.nva, "+198.51.101.0/24 via 10.0.1.5 path 65515-65002")
        if ends_other is KEPT:
            third = "-203.0.113.0/24" if ends_nva is not KEPT else "-198.51.100.0/24"
            self.assert_kept(self.other, third)
        states = {k: s["state"] for k, s in self.daemon.sessions().items()}
        if ends_other is KEPT:
            self.assertEqual(states[("other", 0)], "Established")
        if ends_nva is KEPT:
            self.assertEqual(states[("nva", 0)], "Established")

    def one(self, name, change, ends_nva, ends_other, then):
        self.start()
        self.daemon.reload(config(**change))
        if then is not None and ends_nva is KEPT:
            getattr(self, f"then_{then}")()
        self.check(ends_nva, ends_other, then == "one_is_usable")
        if then is not None and ends_nva is not KEPT:
            getattr(self, f"then_{then}")()

    # What has to be true then.

    def then_vm2_has_a_table(self):
        self.assertEqual(self.daemon.table("vm1"), self.daemon.table("vm2"))

    def then_subnet_is_there(self):
        names = [s["name"] for s in self.daemon.vrsctl("vnet", "show", "hub")["subnets"]]
        self.assertEqual(names[-1], "more")

    def then_route_table_is_there(self):
        self.assertIn("rt", json.dumps(self.daemon.vrsctl("route-table", "list")))

    def then_vm1_is_closed(self):
        self.assertNotIn("192.0.2.0/24", json.dumps(self.daemon.table("vm1")))

    def then_third_opens(self):
        third = self.speaker("10.0.1.6", asn=65003)
        self.hears(third, "+192.0.2.0/24 via 10.0.1.4 path 65515-65001 attr8")

    def usable(self, n):
        self.daemon.wait(lambda: self.daemon.sessions()[("nva", 0)]["prefixesUsable"] == n)

    def then_two_prefixes_fit(self):
        self.usable(2)

    def then_one_is_usable(self):
        self.usable(1)

    def then_communities_are_gone(self):
        self.hears(self.nva, "refresh")
        self.nva.announce(["192.0.2.0/24", "203.0.113.0/24"], communities=[(65001, 7)])
        self.hears(self.other, "+203.0.113.0/24 via 10.0.1.4 path 65515-65001")

    def server(self):
        return self.daemon.vrsctl("routeserver", "show", "rs")

    def then_preference_is_as_path(self):
        self.assertEqual(self.server()["hubRoutingPreference"], "ASPath")

    def then_branch_to_branch_is_on(self):
        self.assertIs(self.server()["allowBranchToBranchTraffic"], True)

    def then_keepalives_come(self):
        count = sum(k == KEEPALIVE for k, _ in self.nva.received)
        self.assertTrue(self.nva.wait(
            lambda got: sum(k == KEEPALIVE for k, _ in got) >= count + 2, 10))

    def then_second_opens(self):
        self.hears(self.speaker(peer="10.0.0.5"), "+10.0.0.0/16 via 10.0.0.5 path 65515")

    def then_opens(self):
        self.nva.close()
        self.hears(self.speaker(), "+10.0.0.0/16 via 10.0.0.4 path 65515")

    def opened(self, **how):
        self.nva.close()
        return self.speaker(**how).received[0][1]

    def then_hold_is_30(self):
        self.assertEqual(int.from_bytes(self.opened()[3:5], "big"), 30)

    def then_opens_as_65009(self):
        self.opened(asn=65009)

    def then_opens_from_6(self):
        self.opened(local="10.0.1.6")

    def then_ip4_is_offered_alone(self):
        self.assertEqual(capabilities(self.opened())[1], [b"\0\1\0\1"])

    def then_role_is_sent(self):
        self.assertEqual(capabilities(self.opened())[9], [b"\1"])

    def then_kind_is_vpn(self):
        self.opened()
        peers = self.daemon.vrsctl("routeserver", "peering", "show", "nva")
        self.assertIn("VpnGateway", json.dumps(peers))

    def then_does_not_open(self):
        self.nva.close()
        with self.assertRaises(TimeoutError):
            self.speaker(timeout=1)

    def then_is_not_established(self):
        """What a plain speaker sends has TTL 64. Its OPEN may come before the socket is told."""
        self.nva.close()
        try:
            self.speaker(timeout=1)
        except TimeoutError:
            pass
        self.assertNotEqual(self.daemon.sessions()[("nva", 0)]["state"], "Established")

    def then_as_65514_opens(self):
        self.assertEqual(int.from_bytes(self.opened()[1:3], "big"), 65514)

    def then_opens_on_1179(self):
        self.opened(port=1179)

    # Refused.

    def everything(self):
        """All that may be asked for, without clocks."""
        d = self.daemon
        status = d.vrsctl("status")
        for clock in ("uptimeSeconds", "memory", "counters", "threads"):
            status.pop(clock, None)
        text = json.dumps([
            status, d.table("vm1"), d.vrsctl("nic", "list"), d.vrsctl("vnet", "list"),
            d.vrsctl("route-table", "list"), d.vrsctl("routeserver", "list"),
            *[d.vrsctl("routeserver", "peering", what, "--name", name)
              for name in ("nva", "other")
              for what in ("list-learned-routes", "list-advertised-routes")]])
        return re.sub(r'"(\w*[sS]econds|bytes\w*|\w*Bytes)": \d+', "", text)

    def test_a_reload_that_is_refused_changes_nothing(self):
        self.start()
        self.daemon.wait(
            lambda: self.daemon.sessions()[("other", 0)]["prefixesAdvertised"] == 3)
        before = self.everything()
        received = [len(s.received) for s in (self.nva, self.other)]
        for change, message in REFUSALS:
            with self.subTest(message):
                log = self.daemon.reload(config(**change), refused=True)
                self.assertRegex(log, message)
                self.assertEqual(self.everything(), before)
        self.assertEqual([len(s.received) for s in (self.nva, self.other)], received)
        # And the right one is read after the wrong ones.
        self.daemon.reload(config(nics=VM2))
        self.then_vm2_has_a_table()
        self.assertEqual([len(s.received) for s in (self.nva, self.other)], received)

    def test_a_connection_is_enabled(self):
        self.daemon = Daemon(BUILD, config(more=", enabled: false"))
        self.addCleanup(lambda: self.assertEqual(self.daemon.stop(), 0))
        with self.assertRaises(TimeoutError):
            self.speaker(timeout=0.5)
        self.daemon.reload(config())
        self.hears(self.speaker(), "+10.0.0.0/16 via 10.0.0.4 path 65515")

    def test_a_peer_that_cannot_refresh_is_reset_for_a_scrub(self):
        self.start()
        self.nva.close()
        self.nva = Speaker("10.0.1.4", "10.0.0.4", 65001, refresh=False).open()
        self.addCleanup(self.nva.close)
        self.nva.announce(["203.0.113.0/24"])
        self.hears(self.other, "+203.0.113.0/24 via 10.0.1.4 path 65515-65001")
        self.daemon.reload(config(server="    attributeScrub: [8]"))
        self.check(CONFIG_CHANGE, KEPT)

    def test_a_second_instance_leaves_alone(self):
        self.start()
        self.daemon.reload(config(ips="[10.0.0.4, 10.0.0.5]"))
        second = self.speaker(peer="10.0.0.5")
        self.daemon.reload(config())
        self.hears(second, f"cease {DECONFIGURED}")
        self.check(KEPT, KEPT)


class Watches(unittest.TestCase):
    def watch(self, *words):
        p = subprocess.Popen(self.daemon.command("watch", *words), stdout=subprocess.PIPE)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait, 20)
        return p

    def line(self, process, timeout=15):
        ready, _, _ = select.select([process.stdout], [], [], timeout)
        self.assertTrue(ready, "no line")
        return json.loads(process.stdout.readline())

    def reload(self, **change):
        self.daemon.reload(config(**{"nics": VM2, **change}))

    def test_watches_follow_reloads_and_end_with_their_server(self):
        self.daemon = Daemon(BUILD, config(nics=VM2))
        self.addCleanup(lambda: self.assertEqual(self.daemon.stop(), 0))
        vm1, vm2 = self.watch("--nic", "vm1"), self.watch("--nic", "vm2")
        server = self.watch("--routeserver", "rs")
        # Until each stream has been seen to follow a reload: then it is open for sure.
        for process in (vm1, vm2):
            for n in range(20):
                self.reload(prefixes=f"10.0.0.0/16, 10.{n + 1}.0.0/16")
                if select.select([process.stdout], [], [], 1.5)[0]:
                    break
            self.assertEqual(self.line(process)["op"], "resync")
        self.reload(table=", routeTable: closed")
        self.reload()
        self.reload(nics="")
        self.assertEqual(vm2.wait(20), 0)
        self.assertIsNone(vm1.poll())
        # The route server is another one now: nothing of the old one may be touched again.
        self.reload(nics="", server=AS_65514)
        self.assertEqual(vm1.wait(20), 0)
        self.assertEqual(server.wait(20), 0)
        self.reload(nics="")
        self.assertEqual(self.daemon.sessions()["nva", 0]["state"], "Active")
        self.assertNotIn("still being read", self.daemon.log())


def case(row):
    def test(self):
        self.one(*row)
    return test


for number, each in enumerate(CHANGES):
    word = re.sub(r"[^a-zA-Z]+", "_", each[0])
    setattr(Changes, f"test_{number:02}_{word}", case(each))


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"], ["10.0.0.4", "10.0.0.5", "10.0.1.4", "10.0.1.5",
                                                        "10.0.1.6"]))
