#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Every verb of vrsctl in every format against a real vrsd, first without a peer, then with one.

    python3 tests/e2e/vrsctl_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import argparse
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import carrier  # noqa: E402
from carrier import carried  # noqa: E402
from speaker import Speaker, UPDATE  # noqa: E402

ADDRESSES = ["10.0.0.4", "10.0.0.5", "10.0.1.4", "10.0.2.4"]
IO_THREADS = int(os.environ.get("VRS_IO_THREADS", "1"))
CONFIG = """
process: {{stateDir: {dir}, controlSocket: {dir}/vrs.sock, transport: {{kind: kernel}}}}
virtualNetworks:
  - name: hub
    addressPrefixes: [10.0.0.0/16]
    subnets:
      - {{name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}}
      - {{name: nva, addressPrefix: 10.0.1.0/24, routeTable: rt-nva}}
      - {{name: vms, addressPrefix: 10.0.2.0/24, serviceEndpoints: [{{service: Storage, addressPrefixes: [198.51.100.0/24]}}]}}
    virtualNetworkPeerings:
      - {{name: to-spoke, remoteVirtualNetwork: spoke, allowGatewayTransit: true}}
  - name: spoke
    addressPrefixes: [10.1.0.0/16]
    subnets: [{{name: apps, addressPrefix: 10.1.0.0/24}}]
    virtualNetworkPeerings:
      - {{name: to-hub, remoteVirtualNetwork: hub, useRemoteGateways: true}}
routeTables:
  - name: rt-nva
    routes:
      - {{name: internet, addressPrefix: 0.0.0.0/0, nextHopType: Internet}}
networkInterfaces:
  - {{name: vm1, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.4}}
  - {{name: nva1, virtualNetwork: hub, subnet: nva, privateIpAddress: 10.0.1.4, enableIpForwarding: true}}
routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterAsn: 65515
    virtualRouterIps: [10.0.0.4, 10.0.0.5]
    bgpConnections:
      - {{name: nva1, peerIp: 10.0.1.4, peerAsn: 65001, passive: true}}
      - {{name: nva2, peerIp: 10.0.2.4, peerAsn: 65002, passive: true}}
"""
TABLES = {  # Verb: (columns, keys that every JSON row has)
    "routeserver list": ("Name  Virtual Network", ["name", "prefixes", "paths", "generation"]),
    "routeserver show rs": ("Name  Virtual Network", ["name", "virtualRouterIps", "peerings"]),
    "routeserver peering list": ("Name  Peer IP  Peer ASN", ["name", "peerIp", "sessions"]),
    "routeserver peering show nva1": ("Name  Peer IP  Peer ASN", ["name", "sessions"]),
    "vnet list": ("Name  Address Prefixes  Subnets", ["name", "addressPrefixes", "subnets"]),
    "vnet show --name hub": ("Name  Address Prefixes", ["name", "virtualNetworkPeerings"]),
    "vnet subnet list --vnet hub": ("Name  Address Prefixes  Route Table", ["name", "addressPrefixes"]),
    "vnet subnet show --vnet hub --name vms": ("Name  Address Prefixes", ["name", "serviceEndpoints"]),
    "vnet peering list --vnet hub": ("Name  Remote Virtual Network", ["name", "peeringState"]),
    "vnet peering show --vnet hub to-spoke": ("Name  Remote Virtual Network", ["remoteVirtualNetwork"]),
    "route-table list": ("Name  Disable BGP Propagation  Routes", ["name", "routes"]),
    "route-table show rt-nva": ("Name  Disable BGP Propagation", ["disableBgpRoutePropagation"]),
    "route-table route list --table rt-nva": ("Name  Address Prefix  Next Hop Type", ["addressPrefix"]),
    "route-table route show --table rt-nva internet": ("Name  Address Prefix", ["nextHopType"]),
    "nic list": ("Name  Virtual Network  Subnet", ["name", "subnet", "privateIpAddresses"]),
    "nic show vm1": ("Name  Virtual Network  Subnet", ["name", "enableIpForwarding"]),
    "nic show-effective-route-table --name vm1":
        ("Source  State  Address Prefix  Next Hop Type  Next Hop IP",
         ["source", "state", "addressPrefix", "nextHopType", "nextHopIpAddress"]),
    "nic show-effective-route-table vm1 --all --prefix 0.0.0.0/0":
        ("Source  State  Address Prefix  Next Hop Type  Next Hop IP  Suppressed By", ["source"]),
    "nic show-next-hop --name vm1 --dest-ip 10.0.1.9":
        ("Next Hop Type  Next Hop IP  Route Table", ["nextHopType", "nextHopIpAddress", "routeTableId"]),
    "nic explain --name vm1 --dest-ip 8.8.8.8":
        ("Source  Address Prefix  Next Hop Type  Next Hop IP  Outcome  Reason  By",
         ["nextHopType", "candidates"]),
}


class Daemon:
    def __init__(self, build):
        self.build = build
        self.dir = tempfile.mkdtemp(prefix="vrsctl-test-")
        self.socket = f"{self.dir}/vrs.sock"
        with open(f"{self.dir}/vrs.yaml", "w", encoding="ascii") as f:
            f.write(carried(CONFIG.format(dir=self.dir)))
        self.log = open(f"{self.dir}/log", "w", encoding="ascii")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [f"{self.build}/engine/vrsd", "--config", f"{self.dir}/vrs.yaml"], stderr=self.log)

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
                raise
        self.log.close()

    def command(self, verb, fmt=None):
        words = verb.split() if isinstance(verb, str) else list(verb)
        return ([f"{self.build}/tools/vrsctl/vrsctl"] + words +
                ["--control-socket", self.socket] + (["-o", fmt] if fmt else []))

    def run(self, verb, fmt=None, timeout=90):
        return subprocess.run(self.command(verb, fmt), capture_output=True, text=True,
                              timeout=timeout, check=False)


DAEMON = None
SPEAKERS = []


class Case(unittest.TestCase):
    def ok(self, verb, fmt=None):
        r = DAEMON.run(verb, fmt)
        self.assertEqual((r.returncode, r.stderr), (0, ""), f"{verb} -o {fmt}: {r.stdout}")
        return r.stdout

    def document(self, verb):
        return json.loads(self.ok(verb, "json"))

    def rows(self, verb):
        return [json.loads(line) for line in self.ok(verb, "ndjson").splitlines()]

    def fails(self, verb, code, *reasons, fmt=None):
        r = DAEMON.run(verb, fmt)
        self.assertEqual((r.returncode, r.stdout), (code, ""), f"{verb}: {r.stderr}")
        for reason in reasons:
            self.assertIn(reason, r.stderr)


class Test1NoPeer(Case):
    def test_a_missing_daemon_is_exit_3(self):
        for fmt in ("table", "json", "ndjson"):
            r = subprocess.run(
                [f"{DAEMON.build}/tools/vrsctl/vrsctl", "status", "-o", fmt],
                env={"VRS_CONTROL_SOCKET": "/nowhere/vrs.sock"}, capture_output=True, text=True,
                timeout=30, check=False)
            self.assertEqual((r.returncode, r.stdout), (3, ""))
            self.assertIn("/nowhere/vrs.sock", r.stderr)

    def test_every_verb_in_every_format(self):
        for verb, (columns, keys) in TABLES.items():
            with self.subTest(verb):
                lines = self.ok(verb).splitlines()
                titles = [t.strip() for t in lines[0].split("  ") if t.strip()]
                expected = columns.split("  ")
                self.assertEqual(titles[:len(expected)], expected)
                self.assertRegex(lines[1], "^[- ]+$")
                self.assertGreater(len(lines), 2)
                doc = self.document(verb)
                for row in doc["value"] if "value" in doc else [doc]:
                    self.assertLessEqual(set(keys), set(row))
                rows = self.rows(verb)
                expected = doc["value"] if "value" in doc else [doc]
                for row in rows + expected:
                    row.pop("quietMilliseconds", None)
                self.assertEqual(rows, expected)

    def test_status_has_its_shape(self):
        doc = self.document("status")
        self.assertIsInstance(doc["version"], str)
        self.assertIsInstance(doc["uptimeSeconds"], int)
        self.assertGreater(doc["memory"]["resident"], 0)
        self.assertIn("updates", doc["counters"])
        server = doc["routeServers"][0]
        self.assertEqual(server["name"], "rs")
        for key in ("prefixes", "paths", "generation", "quietMilliseconds", "pendingExports"):
            self.assertIsInstance(server[key], int, key)
        session = server["peerings"][0]["sessions"][0]
        for key in ("instance", "uptimeSeconds", "prefixesReceived", "prefixesUsable",
                    "prefixesAdvertised"):
            self.assertIsInstance(session[key], int, key)
        self.assertEqual(len(server["peerings"][0]["sessions"]), 2)
        self.assertEqual(len(self.ok("status", "ndjson").splitlines()), 1)
        for key in ("dirty", "oldestUnpropagatedMs"):
            self.assertEqual(server[key], 0)
        self.assertEqual(server["deltaConsumers"], {"count": 0, "largestLag": 0, "resyncs": 0})
        self.assertEqual(server["pins"], {"versions": 0, "bytes": 0, "oldestMs": 0})
        self.assertEqual((session["stalledMs"], session["bytesWaiting"]), (0, 0))
        threads = {t["name"]: t for t in doc["threads"]}
        self.assertEqual({name: list(t["stages"]) for name, t in threads.items()},
                         {**{f"vrs-io-{i}" if i > 0 else "vrs-io":
                             ["decode", "decide", "send", "turn"] for i in range(IO_THREADS)},
                          "vrs-propagate": ["queue", "propagate", "export", "notify"]})
        for thread in threads.values():
            self.assertGreater(thread["turns"], 0)
            self.assertGreaterEqual(thread["limboBytes"], 0)
        text = self.ok("status")
        self.assertIn("Route server rs (hub): 0 prefixes, 0 paths", text)
        self.assertIn("resident", text)
        self.assertEqual(text.count("nva1"), 2)

    def test_empty_listings_are_titles_only(self):
        for verb in ("list-learned-routes", "list-advertised-routes"):
            verb = f"routeserver peering {verb} --routeserver rs --name nva1"
            self.assertEqual(len(self.ok(verb).splitlines()), 2)
            self.assertEqual(self.ok(verb, "ndjson"), "")
            self.assertEqual(self.document(verb),
                             {"RouteServiceRole_IN_0": [], "RouteServiceRole_IN_1": []})

    def test_a_route_without_next_hop_shows_a_dash(self):
        lines = self.ok("nic show-effective-route-table vm1").splitlines()
        self.assertIn(["Default", "Active", "10.0.0.0/16", "VnetLocal", "-"],
                      [line.split() for line in lines])

    def test_options_stand_anywhere(self):
        r = subprocess.run(
            [f"{DAEMON.build}/tools/vrsctl/vrsctl", f"--control-socket={DAEMON.socket}", "-o",
             "json", "nic", "--name", "vm1", "show"], capture_output=True, text=True,
            timeout=30, check=False)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(json.loads(r.stdout)["name"], "vm1")

    def test_what_is_not_there_is_exit_1_in_every_format(self):
        for fmt in ("table", "json", "ndjson"):
            self.fails("nic show-effective-route-table no-such", 1, "no-such", fmt=fmt)
            self.fails("nic show no/such", 1, fmt=fmt)
            self.fails("vnet subnet show --vnet hub --name no-such", 1, "no-such", fmt=fmt)
            self.fails("vnet show ..", 1, "..", fmt=fmt)
            self.fails("routeserver peering list --routeserver other", 1, "other", fmt=fmt)
            self.fails("routeserver peering list-learned-routes no-such", 1, "no-such", fmt=fmt)
            self.fails("route show 203.0.113.0/24", 1, "203.0.113.0/24", fmt=fmt)
            self.fails("watch --nic no-such", 1, "no-such", fmt=fmt)

    def test_bad_addresses_are_exit_1(self):
        self.fails("route show 203.0.113.1/24", 1, "prefix")
        self.fails("nic show-effective-route-table vm1 --prefix rubbish", 1, "rubbish")
        self.fails("nic show-next-hop vm1 --dest-ip 1.2.3", 1, "IP address")

    def test_wrong_usage_is_exit_2_with_a_suggestion(self):
        self.fails("", 2, "Usage")
        self.fails("nic lst", 2, 'did you mean "nic list"')
        self.fails("stauts", 2, 'did you mean "status"')
        self.fails("nic", 2, "nic explain")
        self.fails("nic show vm1 --naem x", 2, "did you mean --name")
        self.fails("nic show", 2, "--name")
        self.fails("nic show vm1 --all", 2, "no option --all")
        self.fails("nic show vm1 vm2", 2, "vm2")
        self.fails("nic list extra", 2, "extra")
        self.fails("nic show-next-hop vm1", 2, "--dest-ip")
        self.fails("nic list -o jsn", 2, "did you mean json")
        self.fails("wait --established many", 2, "whole number")
        self.fails("wait --exact", 2, "--routes")
        self.fails("watch --since -1", 2, "whole number")
        self.fails("watch --nic vm1 --routeserver rs", 2, "exclude")

    def test_later_verbs_are_not_built(self):
        for verb in ("diagnose", "config check", "config apply f.yaml", "audit",
                     "routeserver create --asn 5 --name x", "nic delete vm1",
                     "vnet subnet update --x", "status --url https://h"):
            self.fails(verb, 1, "not-built")

    def test_help_of_every_verb(self):
        for verb in list(TABLES) + ["status", "wait", "watch", "route show",
                                    "routeserver peering reset",
                                    "routeserver peering list-learned-routes"]:
            self.assertIn("Usage: vrsctl", self.ok(verb + " --help"))
        self.assertIn("nic explain", self.ok("--help"))
        self.assertIn("nic explain", self.ok("nic --help"))
        self.assertNotIn("vnet", self.ok("nic --help").split("--control-socket")[0])
        self.assertRegex(self.ok("--version"), r"^vrsctl \d")

    def test_wait_says_what_is_missing(self):
        self.fails("wait --established 1 --routes 3 --timeout 0.2", 1, "timed out",
                   "0 of 1 sessions", "0 routes of 3")
        self.ok("wait --routes 0 --exact --quiet-ms 1")
        self.assertEqual(self.document("wait --timeout 5")["established"], 0)
        r = subprocess.run([f"{DAEMON.build}/tools/vrsctl/vrsctl", "wait", "--timeout", "0.2",
                            "--control-socket", "/nowhere/s"], capture_output=True, text=True,
                           timeout=30, check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("no daemon", r.stderr)

    def test_reset_counts_sessions(self):
        self.assertEqual(self.document("routeserver peering reset nva1"), {"sessionsReset": 2})

    def test_a_reader_that_leaves_is_no_error(self):
        read, write = os.pipe()
        os.close(read)
        for fmt in ("table", "json", "ndjson"):
            r = subprocess.run(DAEMON.command("nic show-effective-route-table vm1", fmt),
                               stdout=write, stderr=subprocess.PIPE, timeout=30, check=False)
            self.assertEqual((r.returncode, r.stderr), (0, b""))
        os.close(write)

    def test_an_answer_that_breaks_off_is_exit_1(self):
        path = f"{DAEMON.dir}/broken.sock"
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(4)
        server.settimeout(20)

        def serve():
            for _ in range(3):
                peer, _ = server.accept()
                peer.settimeout(10)
                peer.recv(65536)
                row = b'{"source":"Default"}\n'
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
                             b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(row), row))
                peer.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        for fmt in ("table", "json", "ndjson"):
            r = subprocess.run(
                [f"{DAEMON.build}/tools/vrsctl/vrsctl", "nic", "show-effective-route-table", "x",
                 "-o", fmt, "--control-socket", path], capture_output=True, text=True,
                timeout=30, check=False)
            self.assertEqual(r.returncode, 1)
            self.assertIn("broke off", r.stderr)
            self.assertIn("Default", r.stdout)
        thread.join(20)
        server.close()


class Test2Peers(Case):
    @classmethod
    def setUpClass(cls):
        for local, asn in (("10.0.1.4", 65001), ("10.0.2.4", 65002)):
            for peer in ("10.0.0.4", "10.0.0.5"):
                SPEAKERS.append(Speaker(local, peer, asn).open())
        for s in SPEAKERS[:2]:
            s.announce(["203.0.113.0/24", "192.0.2.0/24"], path=[65001, 64000], med=7,
                       communities=[(65001, 99)])
            s.announce(["10.0.7.0/24"])
        SPEAKERS[2].announce(["203.0.113.0/24"], path=[65002, 64001, 64000])
        r = DAEMON.run("wait --established 4 --routes 3 --exact --quiet-ms 100 --timeout 30")
        if r.returncode != 0:
            raise RuntimeError(r.stderr)

    @classmethod
    def tearDownClass(cls):
        for s in SPEAKERS:
            s.close()

    def test_learned_routes(self):
        verb = "routeserver peering list-learned-routes --routeserver rs --name nva1"
        doc = self.document(verb)
        for i in (0, 1):
            rows = {r["network"]: r for r in doc[f"RouteServiceRole_IN_{i}"]}
            self.assertEqual(set(rows), {"203.0.113.0/24", "192.0.2.0/24", "10.0.7.0/24"})
            row = rows["192.0.2.0/24"]
            self.assertEqual(row, {
                "localAddress": ADDRESSES[i], "network": "192.0.2.0/24", "nextHop": "10.0.1.4",
                "sourcePeer": "10.0.1.4", "origin": "EBgp", "asPath": "65001-64000",
                "weight": 32768})
        self.assertEqual(len(self.rows(verb)), 6)
        lines = self.ok(verb).splitlines()
        self.assertEqual(len(lines), 8)
        self.assertEqual(lines[0].split("  ")[0], "Network")
        self.assertIn(["192.0.2.0/24", "10.0.1.4", "65001-64000", "EBgp", "32768", "1", "-"],
                      [line.split() for line in lines])

    def test_advertised_routes(self):
        verb = "routeserver peering list-advertised-routes nva2"
        self.assertTrue(SPEAKERS[2].wait(lambda got: any(k == UPDATE for k, _ in got)))
        rows = {r["network"]: r for r in self.document(verb)["RouteServiceRole_IN_0"]}
        self.assertEqual(rows["192.0.2.0/24"]["asPath"], "65515-65001-64000")
        self.assertEqual(rows["192.0.2.0/24"]["nextHop"], "10.0.1.4")
        self.assertEqual(rows["10.0.0.0/16"]["asPath"], "65515")
        self.assertNotIn("sourcePeer", rows["10.0.0.0/16"])
        self.assertEqual({r["origin"] for r in rows.values()}, {"Igp"})
        self.assertIn("192.0.2.0/24", self.ok(verb))
        self.assertEqual({r["instance"] for r in self.rows(verb)}, {0, 1})

    def test_route_show(self):
        doc = self.document("route show 203.0.113.0/24 --routeserver rs")
        self.assertEqual(doc["prefix"], "203.0.113.0/24")
        self.assertEqual(len(doc["paths"]), 3)
        states = sorted(p["state"] for p in doc["paths"])
        self.assertEqual(states, ["best", "multipath", "valid"])
        lost = next(p for p in doc["paths"] if p["state"] == "valid")
        self.assertEqual((lost["peer"], lost["reason"]), ("nva2", "as-path-length"))
        best = next(p for p in doc["paths"] if p["state"] == "best")
        self.assertEqual((best["med"], best["communities"]), (7, ["65001:99"]))
        text = self.ok("route show 203.0.113.0/24")
        self.assertEqual(len(text.splitlines()), 5)
        self.assertIn("as-path-length", text)
        self.assertEqual(self.rows("route show --prefix 203.0.113.0/24"), [doc])

    def test_effective_table_and_explain(self):
        rows = self.document("nic show-effective-route-table vm1 --prefix 192.0.2.0/24")["value"]
        self.assertEqual(rows, [{
            "source": "VirtualNetworkGateway", "state": "Active",
            "addressPrefix": ["192.0.2.0/24"], "nextHopType": "VirtualNetworkGateway",
            "nextHopIpAddress": ["10.0.1.4"]}])
        text = self.ok("nic show-effective-route-table vm1 --all")
        line = next(x for x in text.splitlines() if "10.0.7.0/24" in x)
        self.assertIn("Suppressed", line)
        self.assertEqual(line.split()[-1], "10.0.0.0/16")
        self.assertNotIn("10.0.7.0/24", self.ok("nic show-effective-route-table vm1"))
        self.assertEqual(self.document("nic show-next-hop vm1 --dest-ip 192.0.2.1"), {
            "nextHopType": "VirtualNetworkGateway", "nextHopIpAddress": ["10.0.1.4"],
            "routeTableId": "System Route"})
        doc = self.document("nic explain vm1 --dest-ip 192.0.2.1")
        outcomes = {c["addressPrefix"]: c["outcome"] for c in doc["candidates"]}
        self.assertEqual(outcomes["192.0.2.0/24"], "active")
        self.assertEqual(outcomes["0.0.0.0/0"], "shorter")

    def test_status_counts(self):
        text = self.ok("status")
        self.assertEqual(text.split().count("Established"), 4)
        self.assertIn("3 prefixes, 7 paths", text)

    def test_status_says_where_time_goes(self):
        for thread in self.document("status")["threads"]:
            for name, stage in thread["stages"].items():
                if name == "notify" or (stage["count"] == 0 and thread["name"][:7] == "vrs-io-"):
                    continue  # Only while somebody watches; only who has a session.
                with self.subTest(name):
                    self.assertGreater(stage["count"], 0)
                    self.assertGreater(stage["p50Us"], 0)
                    self.assertLessEqual(stage["p50Us"], stage["p99Us"])
                    self.assertLessEqual(stage["p99Us"], stage["p999Us"])
                    self.assertLessEqual(stage["p999Us"], stage["maxUs"])
                    self.assertLessEqual(stage["maxUs"], stage["totalUs"])
                    self.assertNotIn("buckets", stage)
        versions = self.document("status")["threads"][-1]["changesPerVersion"]
        self.assertGreaterEqual(versions["total"], 3)
        self.assertRegex(self.ok("status"), r"vrs-io +decode +\d+ +[\d.]+ [mun]?s ")

    def test_buckets_are_the_counts(self):
        for thread in json.loads(self.http("/v1/status?buckets=true"))["threads"]:
            for stage in thread["stages"].values():
                self.assertEqual(sum(n for _, n in stage["buckets"]), stage["count"])
                if stage["count"] == 0:
                    continue
                floors = [at for at, _ in stage["buckets"]]
                self.assertEqual(floors, sorted(set(floors)))
                self.assertLessEqual(floors[-1], 1000 * stage["maxUs"] + 1)

    def http(self, path):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(DAEMON.socket)
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := s.recv(65536):
                answer += piece
        head, body = answer.split(b"\r\n\r\n", 1)
        self.assertIn(b" 200 ", head.splitlines()[0])
        return body.decode()

    def test_metrics_are_of_the_text_format(self):
        """HELP, TYPE and then every sample of a family, each family once; buckets accumulate."""
        types, family, buckets, values = {}, None, {}, {}
        for line in self.http("/metrics").splitlines():
            word = line.split(" ", 3)
            if line.startswith("# HELP "):
                self.assertNotIn(word[2], types)
                family = word[2]
                self.assertRegex(family, "^vrs_[a-z_]+$")
                self.assertTrue(word[3])
            elif line.startswith("# TYPE "):
                self.assertEqual(word[2], family)
                types[family] = word[3]
            else:
                m = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z_]+="[^"]*",?)+)\})? ([0-9.e+-]+)', line)
                self.assertTrue(m, line)
                name, labels, value = m[1], m[2] or "", float(m[3])
                self.assertNotIn((name, labels), values)
                values[name, labels] = value
                if types[family] != "histogram":
                    self.assertEqual(name, family)
                    continue
                self.assertIn(name, [f"{family}_{s}" for s in ("bucket", "sum", "count")])
                if name.endswith("_bucket"):
                    rest, le = re.fullmatch(r'(.*?),?le="([^"]*)"', labels).groups()
                    buckets.setdefault((family, rest), []).append((float(le), value))
        self.assertEqual(set(types.values()), {"counter", "gauge", "histogram"})
        self.assertEqual(len(buckets), 4 * IO_THREADS + 5)
        for (name, labels), pairs in buckets.items():
            self.assertEqual(pairs, sorted(pairs))
            self.assertEqual([n for _, n in pairs], sorted(n for _, n in pairs))
            self.assertEqual(pairs[-1], (float("inf"), values[f"{name}_count", labels]))
            self.assertEqual(values[f"{name}_sum", labels] > 0, pairs[-1][1] > 0)

    def watch(self, verb, fmt, wanted, act):
        """Start a watch, act until lines come, return `wanted` lines."""
        p = subprocess.Popen(DAEMON.command(verb, fmt), stdout=subprocess.PIPE, bufsize=0)
        data, deadline = b"", time.monotonic() + 30
        try:
            act()
            while data.count(b"\n") < wanted and time.monotonic() < deadline:
                if select.select([p.stdout], [], [], 0.5)[0]:
                    piece = os.read(p.stdout.fileno(), 65536)
                    if not piece:
                        break
                    data += piece
        finally:
            p.terminate()
            p.wait(10)
            p.stdout.close()
        return data.decode().splitlines()

    def test_watch_in_every_format(self):
        sequence = self.document("status")["routeServers"][0]["sequence"]

        def flap():
            for s in SPEAKERS[:2]:
                s.announce(["198.18.0.0/15"])
            DAEMON.run("wait --routes 4 --exact --quiet-ms 50 --timeout 20")
            for s in SPEAKERS[:2]:
                s.withdraw(["198.18.0.0/15"])

        for fmt in ("json", "ndjson"):
            lines = [json.loads(x) for x in self.watch(
                f"watch --routeserver rs --since {sequence}", fmt, 2, flap)]
            self.assertEqual([x["op"] for x in lines[:2]], ["set", "delete"])
            self.assertEqual(lines[0]["prefix"], "198.18.0.0/15")
            self.assertEqual(lines[0]["nextHops"], ["10.0.1.4"])
            self.assertEqual(lines[0]["routeServer"], "rs")
            self.assertGreater(lines[1]["sequence"], lines[0]["sequence"])
            DAEMON.run("wait --routes 3 --exact --quiet-ms 50 --timeout 20")
            sequence = self.document("status")["routeServers"][0]["sequence"]
        lines = self.watch(f"watch --nic vm1 --since {sequence}", "table", 4, flap)
        self.assertEqual(lines[0].split()[:3], ["Sequence", "Version", "Op"])
        self.assertEqual([x.split()[2] for x in lines[2:4]], ["set", "delete"])
        DAEMON.run("wait --routes 3 --exact --quiet-ms 50 --timeout 20")


class Test3Stopping(Case):
    def test_watch_ends_when_the_daemon_does(self):
        p = subprocess.Popen(DAEMON.command("watch"), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        self.assertTrue(select.select([p.stdout], [], [], 0.5)[0] or p.poll() is None)
        DAEMON.process.send_signal(signal.SIGTERM)
        self.assertEqual(DAEMON.process.wait(20), 0)
        p.communicate(timeout=20)
        self.assertIn(p.returncode, (0, 1, 3))


def main():
    global DAEMON
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args, rest = parser.parse_known_args()
    if not args.inside:
        os.execvp("unshare", ["unshare", "-n", sys.executable, os.path.abspath(__file__),
                              "--inside", "--build", os.path.abspath(args.build)] + rest)
    carrier.addresses_inside(ADDRESSES)
    DAEMON = Daemon(args.build)
    try:
        # wait is to stand a socket that is not there yet.
        wait = subprocess.Popen(DAEMON.command("wait --timeout 30"), stdout=subprocess.DEVNULL)
        DAEMON.start()
        if wait.wait(40) != 0:
            raise RuntimeError(open(f"{DAEMON.dir}/log", encoding="ascii").read())
        loader = unittest.defaultTestLoader
        names = [r for r in rest if not r.startswith("-")]
        module = sys.modules["__main__"]
        suite = (loader.loadTestsFromNames(names, module) if names
                 else loader.loadTestsFromModule(module))
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    finally:
        DAEMON.stop()
        shutil.rmtree(DAEMON.dir)
    failed = len({str(t).split(" (verb")[0] for t, _ in result.failures + result.errors})
    print(f"{max(result.testsRun - failed, 0)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
