#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""vrsd against BIRD 2, GoBGP, speakers by hand and real captures; see README.md.

    interop_test.py --build DIR [-k PATTERN] [-j N]

The last line is "N passed, N failed" and, when something is missing, ", N skipped".
"""

import argparse
import contextlib
import ipaddress
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import carrier  # noqa: E402
import lab  # noqa: E402
from daemons.bird import Bird  # noqa: E402
from daemons.gobgp import Gobgp  # noqa: E402
from lab import Lab, Route, Seen, connection, wait_equal, wait_for  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("VRS_DATA_DIR") or os.path.join(os.path.dirname(ROOT), "shared", "data")
SEED = int(os.environ.get("VRS_SEED") or random.SystemRandom().randrange(1 << 32))
BUILD = None  # --build

SYSTEM = {4: "10.0.0.0/16", 6: "fd00:db8::/48"}
ONLY_A = {4: "198.51.100.0/24", 6: "2001:db8:a::/48"}
ONLY_B = {4: "192.0.2.0/24", 6: "2001:db8:b::/48"}
SHARED = {4: "198.18.0.0/24", 6: "2001:db8:e::/48"}

# What two NVAs announce when a test asks for nothing else.
BASE_A = [Route(ONLY_A[4], communities=("65001:100",)), Route(ONLY_A[6]),
          Route(SHARED[4]), Route(SHARED[6])]
BASE_B = [Route(ONLY_B[4]), Route(ONLY_B[6]), Route(SHARED[4]), Route(SHARED[6])]


def needs(*programs):
    missing = [p for p in programs if shutil.which(p) is None]
    return unittest.skipIf(missing, f"not installed: {' '.join(missing)}")


def without(routes, *prefixes):
    return [r for r in routes if r.prefix not in prefixes]


def changed(routes, *new):
    """The routes with those of the same prefix replaced, or added."""
    return without(routes, *(r.prefix for r in new)) + list(new)


def varied_routes(rng, n, private):
    """n routes of each family with all sorts of attributes."""
    routes = []
    for i in range(n):
        for prefix in (f"100.{64 + private}.{i}.0/{rng.randint(24, 32)}",
                       f"2001:db8:{private:x}:{i:x}::/{rng.randint(64, 128)}"):
            routes.append(Route(
                str(ipaddress.ip_network(prefix)),
                tuple(rng.choice((65010, 3356, 4200000001, 196608, 1))
                      for _ in range(rng.randint(0, 6))),
                rng.choice(lab.ORIGINS),
                # 65535:65281 and :65282 (no-export, no-advertise) would not be passed on.
                tuple(sorted({f"{rng.randint(1, 65534)}:{rng.randint(0, 65535)}"
                              for _ in range(rng.randint(0, 4))})),
                tuple(sorted({f"{rng.randint(1, 2**32 - 1)}:{rng.randint(0, 9)}:7"
                              for _ in range(rng.randint(0, 3))}))))
    return routes


class LabTest(unittest.TestCase):
    """Tests that share one laboratory."""

    lab = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(BUILD, cls.__name__.lower())
        cls.addClassCleanup(cls.lab.close)
        try:
            cls.build()
        except BaseException:
            print("\n".join(cls.lab.tails()))
            raise

    @classmethod
    def build(cls):
        raise NotImplementedError

    @classmethod
    def session_counts(cls, *peers):
        return {p: [s["timesEstablished"] for s in cls.vrsd.sessions(p)] for p in peers}


# --- NVAs ---


class Nvas:
    """Two NVAs of one kind with sessions of one family: `a` waits for vrsd to connect, `b`
    connects to a vrsd that waits. A third one, `c`, has another AS number than vrsd expects."""

    KIND, FAMILY = None, None
    VARIED = 100

    @classmethod
    def build(cls):
        family = cls.FAMILY
        cls.vrsd = cls.lab.vrsd([
            connection("a", 4, 65001, family),
            connection("b", 5, 65002, family, passive=True),
            connection("c", 6, 65009, family)])
        make = cls.KIND
        cls.a = make(cls.lab, "a", 4, 65001, family=family, passive=True)
        cls.b = make(cls.lab, "b", 5, 65002, family=family)
        cls.c = make(cls.lab, "c", 6, 65010, family=family)
        for nva in (cls.a, cls.b, cls.c):
            cls.lab.add(nva)
        cls.baseline()

    @classmethod
    def baseline(cls):
        cls.a.announce(BASE_A)
        cls.b.announce(BASE_B)
        cls.settled()

    @classmethod
    def settled(cls, timeout=45):
        """Both sessions of both are up, and all that they announce, and nothing else, is in
        vrsd and at the other one."""
        wait_for("sessions up", lambda: cls.vrsd.established("a", "b"), timeout)
        for nva in (cls.a, cls.b):
            wait_for(f"{nva.name} sees its sessions up", nva.established, timeout)
            wait_equal(f"routes learned from {nva.name}",
                       lambda n=nva: [{p: (path, hop) for p, (path, hop, _) in rows.items()}
                                      for rows in cls.vrsd.learned(n.name)],
                       [nva.expected()] * 2)
        for nva in (cls.a, cls.b):
            for i in (0, 1):
                wait_for(f"{nva.name} heard instance {i}",
                         lambda n=nva, i=i: set(SYSTEM.values()) <= set(n.received(i)))

    def setUp(self):
        # A test that failed half-way must not take the others with it.
        for daemon in (self.vrsd, self.a, self.b, self.c):
            if not daemon.alive():
                daemon.start()
        self.baseline()

    def hops(self, prefix, *nvas):
        """The NIC must come to use exactly these NVAs for a prefix; none: no route."""
        family = 6 if ":" in prefix else 4
        wait_equal(f"next hops of {prefix} on vm1", lambda: self.vrsd.gateway_hops(prefix),
                   sorted(n.address(family) for n in nvas) if nvas else None)

    def test_either_side_opens(self):
        # The side that listened has port 179, for both sessions.
        wait_for("two connections from vrsd to a",
                 lambda: (ports := self.a.tcp_ports()) and len(ports) == 2
                 and all(mine == 179 for mine, _ in ports))
        wait_for("two connections from b to vrsd",
                 lambda: (ports := self.b.tcp_ports()) and len(ports) == 2
                 and all(his == 179 for _, his in ports))
        for peer in ("a", "b"):
            self.assertEqual([s["localAddress"] for s in self.vrsd.sessions(peer)],
                             list(self.a.remotes))

    def test_routes_equal_both_ways(self):
        rng = random.Random(SEED)
        self.a.announce(varied_routes(rng, self.VARIED, 1))
        self.b.announce(varied_routes(rng, self.VARIED, 2))
        self.settled()
        for nva, other in ((self.a, self.b), (self.b, self.a)):
            for i in (0, 1):
                # The NVA's table, vrsd's view of it, and what was asked for.
                learned = self.vrsd.learned(nva.name)[i]
                sent = nva.sent(i)
                self.assertEqual(set(sent), set(nva.routes))
                self.assertEqual({p: s.path for p, s in sent.items()},
                                 {p: path for p, (path, _, _) in learned.items()})
                for p, s in sent.items():
                    self.assertIn(s.next_hop, (None, learned[p][1]), p)
                    self.assertIsNone(learned[p][2], p)
                # What vrsd says it told the other, and what the other holds.
                expected = {p: Seen(f"{lab.ASN}-{s.path}", learned[p][1], s.origin,
                                    s.communities, s.large) for p, s in sent.items()}
                for family, own in SYSTEM.items():
                    pair = lab.RS4 if family == 4 else lab.RS6
                    expected[own] = Seen(str(lab.ASN), pair[i], "IGP", (), ())
                wait_equal(f"{other.name}'s table from instance {i}",
                           lambda o=other, i=i: o.received(i), expected)
                self.assertEqual(self.vrsd.advertised(other.name)[i],
                                 {p: (s.path, s.next_hop) for p, s in expected.items()})
            for p, s in sent.items():
                paths = [x for x in self.vrsd.paths(p) if x["peer"] == nva.name]
                self.assertEqual([x["instance"] for x in sorted(
                    paths, key=lambda x: x["instance"])], [0, 1], p)
                for x in paths:
                    self.assertEqual(
                        (x["asPath"], x["origin"], sorted(x["communities"]),
                         sorted(x["largeCommunities"])),
                        (s.path, s.origin, sorted(s.communities), sorted(s.large)), p)

    def test_own_prefixes(self):
        for nva in (self.a, self.b):
            for i in (0, 1):
                seen = nva.received(i)
                for family, own in SYSTEM.items():
                    pair = lab.RS4 if family == 4 else lab.RS6
                    self.assertEqual((seen[own].path, seen[own].next_hop, seen[own].origin),
                                     (str(lab.ASN), pair[i], "IGP"))

    def test_withdraw(self):
        for family in (4, 6):
            self.hops(ONLY_A[family], self.a)
            wait_for("b holds it", lambda f=family: all(
                ONLY_A[f] in self.b.received(i) for i in (0, 1)))
        self.a.announce(without(BASE_A, *ONLY_A.values()))
        for family in (4, 6):
            self.hops(ONLY_A[family])
            wait_for("b lost it", lambda f=family: not any(
                ONLY_A[f] in self.b.received(i) for i in (0, 1)))
            self.assertEqual(self.vrsd.paths(ONLY_A[family]), [])

    def test_equal_paths_are_ecmp(self):
        for family, prefix in SHARED.items():
            self.hops(prefix, self.a, self.b)
            rows = self.vrsd.effective(prefix)
            self.assertEqual(len(rows), 1, rows)
            states = {(p["peer"], p["state"]) for p in self.vrsd.paths(prefix)}
            self.assertEqual(states & {("a", "valid"), ("b", "valid")}, set())
            self.assertEqual(len([p for p in self.vrsd.paths(prefix)
                                  if p["state"] == "best"]), 1)
            address = "198.18.0.7" if family == 4 else "2001:db8:e::7"
            self.assertEqual(sorted(self.vrsd.next_hop(address)["nextHopIpAddress"]),
                             sorted(n.address(family) for n in (self.a, self.b)))

    def test_prepending_moves_traffic(self):
        longer = [Route(p, (65001, 65001)) for p in SHARED.values()]
        for prefix in SHARED.values():
            self.hops(prefix, self.a, self.b)
        self.a.announce(changed(BASE_A, *longer))
        for prefix in SHARED.values():
            self.hops(prefix, self.b)
            # The losers name the step that decided.
            for p in self.vrsd.paths(prefix):
                if p["peer"] == "a":
                    self.assertEqual((p["state"], p["reason"]), ("valid", "as-path-length"))
        self.a.announce(BASE_A)
        for prefix in SHARED.values():
            self.hops(prefix, self.a, self.b)
        self.b.announce(changed(BASE_B, *(Route(p, (65002,)) for p in SHARED.values())))
        for prefix in SHARED.values():
            self.hops(prefix, self.a)

    def test_wrong_asn(self):
        def refused():
            return [(s["state"] != "Established", (s["lastError"] or {}).get("code"),
                     (s["lastError"] or {}).get("subcode"),
                     (s["lastError"] or {}).get("direction")) for s in self.vrsd.sessions("c")]
        # A connection may also be refused while vrsd waits: then that is the last error, and
        # the next OPEN brings this one back.
        wait_equal("both sessions of c refused", refused, [(True, 2, 2, "sent")] * 2)
        wait_for("c was told", self.c.heard_refusal)
        self.assertEqual(self.session_counts("c"), {"c": [0, 0]})
        self.assertEqual(self.vrsd.learned("c"), [{}, {}])

    def test_restart_of_the_nva(self):
        for nva, sig, only in ((self.a, signal.SIGTERM, ONLY_A), (self.b, signal.SIGKILL, ONLY_B)):
            counts = self.session_counts("a", "b")
            other = self.b if nva is self.a else self.a
            nva.stop(sig)
            for family in (4, 6):
                self.hops(only[family])
                self.hops(SHARED[family], other)
            nva.start()
            self.settled()
            for family in (4, 6):
                self.hops(only[family], nva)
                self.hops(SHARED[family], self.a, self.b)
            after = self.session_counts("a", "b")
            self.assertEqual(after[other.name], counts[other.name])
            self.assertTrue(all(x > y for x, y in zip(after[nva.name], counts[nva.name])))

    def test_restart_of_vrsd(self):
        heard = {n.name: n.heard_shutdown() for n in (self.a, self.b)}
        self.assertEqual(self.vrsd.stop(), 0)
        for nva in (self.a, self.b):
            wait_for(f"{nva.name} was told Administrative Shutdown by both instances",
                     lambda n=nva: n.heard_shutdown() >= heard[n.name] + 2)
            wait_equal(f"{nva.name} holds nothing of vrsd",
                       lambda n=nva: [set(n.received(i)) for i in (0, 1)], [set(), set()])
        self.assertFalse(os.path.exists(self.vrsd.socket))
        self.vrsd.start()
        self.settled()
        for family in (4, 6):
            self.hops(SHARED[family], self.a, self.b)

    def test_next_hop_outside(self):
        routes = [Route("203.0.113.0/24", next_hop="172.16.9.9"),
                  Route("2001:db8:c::/48", next_hop="fd99::9"),
                  # A third party inside is fine.
                  Route("203.0.112.0/24", next_hop="10.0.200.9")]
        self.a.announce(changed(BASE_A, *routes))
        self.settled()
        for i in (0, 1):
            learned = self.vrsd.learned("a")[i]
            self.assertEqual([learned[r.prefix][2] for r in routes],
                             ["next-hop", "next-hop", None])
        wait_equal("third party in use", lambda: self.vrsd.gateway_hops("203.0.112.0/24"),
                   ["10.0.200.9"])
        wait_for("b heard the usable one", lambda: all(
            "203.0.112.0/24" in self.b.received(i) for i in (0, 1)))
        for r in routes[:2]:
            self.assertIsNone(self.vrsd.gateway_hops(r.prefix), r.prefix)
            for i in (0, 1):
                self.assertNotIn(r.prefix, self.b.received(i))

    def test_suppressed_inside_the_network(self):
        inside = {4: "10.0.77.0/24", 6: "fd00:db8:0:77::/64"}
        supernet = {4: "10.0.0.0/15", 6: "fd00:db8::/47"}
        self.addCleanup(self.a.forget, SYSTEM.values())
        self.a.announce(changed(BASE_A, *(Route(p) for d in (inside, supernet, SYSTEM)
                                          for p in d.values())))
        self.settled()
        for family in (4, 6):
            self.hops(supernet[family], self.a)
            for prefix in (inside[family], SYSTEM[family]):
                self.assertIsNone(self.vrsd.gateway_hops(prefix))
                wait_equal(f"{prefix} suppressed", lambda p=prefix: [
                    (r["nextHopIpAddress"], r["suppressedBy"])
                    for r in self.vrsd.effective(p, all="true") if r["state"] == "Suppressed"],
                    [([self.a.address(family)], SYSTEM[family])])
            address = "10.0.77.7" if family == 4 else "fd00:db8:0:77::7"
            self.assertEqual(self.vrsd.next_hop(address)["nextHopType"], "VnetLocal")
            for i in (0, 1):
                # Only NICs are spared: the other NVA hears it, the network's own stays ours.
                wait_for("b heard what is inside", lambda f=family, i=i:
                         inside[f] in self.b.received(i))
                self.assertEqual(self.b.received(i)[SYSTEM[family]].path, str(lab.ASN))

    def test_reload(self):
        added = {4: "10.9.0.0/16", 6: "fd00:db9::/48"}
        before = {(p, s["instance"]): s for p in ("a", "b") for s in self.vrsd.sessions(p)}
        tables = {(n.name, i): n.received(i) for n in (self.a, self.b) for i in (0, 1)}
        wait_for("a second of uptime", lambda: all(
            s["uptimeSeconds"] > 0 for p in "ab" for s in self.vrsd.sessions(p)))

        def same_sessions():
            for p in ("a", "b"):
                for s in self.vrsd.sessions(p):
                    was = before[p, s["instance"]]
                    self.assertEqual((s["state"], s["timesEstablished"]),
                                     ("Established", was["timesEstablished"]))
                    self.assertGreaterEqual(s["uptimeSeconds"], max(1, was["uptimeSeconds"]))

        def tables_are(prefixes):
            for nva in (self.a, self.b):
                for i in (0, 1):
                    expected = dict(tables[nva.name, i])
                    for family, prefix in added.items():
                        if prefix in prefixes:
                            pair = lab.RS4 if family == 4 else lab.RS6
                            expected[prefix] = Seen(str(lab.ASN), pair[i], "IGP", (), ())
                    wait_equal(f"table of {nva.name}", lambda n=nva, i=i: n.received(i), expected)

        prefixes = list(self.vrsd.prefixes)
        try:
            self.vrsd.prefixes += added.values()
            self.vrsd.write()
            self.assertTrue(self.vrsd.reload())
            tables_are(set(added.values()))
            same_sessions()
            # Errors: of YAML, of the schema, of a rule. Each is refused whole.
            broken = self.vrsd.document()
            broken["virtualNetworks"][0]["addressPrefixes"] = ["10.0.0.0/16"]
            for text in ("routeServers: [", json.dumps({"routeServer": []}), json.dumps(broken)):
                model = self.vrsd.get("/v1/virtualNetworks")
                self.vrsd.write(text)
                self.assertFalse(self.vrsd.reload(), text[:40])
                self.assertEqual(self.vrsd.get("/v1/virtualNetworks"), model)
            tables_are(set(added.values()))
            same_sessions()
        finally:
            self.vrsd.prefixes = prefixes
            self.vrsd.write()
            self.assertTrue(self.vrsd.reload())
        tables_are(set())
        same_sessions()


class BirdTests(Nvas):
    KIND = Bird

    def test_own_as_is_unusable(self):
        # GoBGP does not send such a route at all, so this is for BIRD, and in Speakers.
        loops = [Route("203.0.113.0/24", (65010, lab.ASN)),
                 Route("2001:db8:c::/48", (lab.ASN, 65010))]
        self.a.announce(changed(BASE_A, *loops))
        self.settled()
        for r in loops:
            for i in (0, 1):
                self.assertEqual(self.vrsd.learned("a")[i][r.prefix][2], "own-as")
                self.assertNotIn(r.prefix, self.b.received(i))
            self.assertIsNone(self.vrsd.gateway_hops(r.prefix))
            self.assertEqual({(p["state"], p["reason"]) for p in self.vrsd.paths(r.prefix)},
                             {("unusable", "own-as")})


@needs("ip", "bird", "birdc")
class BirdOverIp4(BirdTests, LabTest):
    FAMILY = 4

    def test_vrsctl_says_what_the_api_says(self):
        def vrsctl(*words):
            return json.loads(lab.run(os.path.join(BUILD, "tools", "vrsctl", "vrsctl"),
                                      "--control-socket", self.vrsd.socket, *words, "-o", "json"))
        def names(d):
            return [(p["name"], [(s["localAddress"], s["state"]) for s in p["sessions"]])
                    for p in d["routeServers"][0]["peerings"] if p["name"] != "c"]
        self.assertEqual(names(vrsctl("status")), names(self.vrsd.status()))
        for verb, get in (("list-learned-routes", "learnedRoutes"),
                          ("list-advertised-routes", "advertisedRoutes")):
            self.assertEqual(
                vrsctl("routeserver", "peering", verb, "--routeserver", "rs", "--name", "a"),
                self.vrsd.get(f"/v1/routeServers/rs/bgpConnections/a/{get}"))
        self.assertEqual(vrsctl("nic", "show-effective-route-table", "--name", "vm1"),
                         self.vrsd.get("/v1/networkInterfaces/vm1/effectiveRouteTable"))
        self.assertEqual(vrsctl("nic", "show-next-hop", "--name", "vm1", "--dest-ip",
                                "198.18.0.7"), self.vrsd.next_hop("198.18.0.7"))


@needs("ip", "bird", "birdc")
class BirdOverIp6(BirdTests, LabTest):
    FAMILY = 6


@needs("ip", "gobgpd", "gobgp")
class GobgpOverIp4(Nvas, LabTest):
    KIND, FAMILY, VARIED = Gobgp, 4, 25


@needs("ip", "gobgpd", "gobgp")
class GobgpOverIp6(Nvas, LabTest):
    KIND, FAMILY, VARIED = Gobgp, 6, 25


# --- Speakers by hand ---


@needs("ip")
class Speakers(LabTest):
    """What no well-behaved daemon sends. Peers wait for nobody: every session is opened here."""

    @classmethod
    def build(cls):
        cls.vrsd = cls.lab.vrsd([connection(f"s{i}", 20 + i, 65020 + i, passive=True)
                                 for i in range(2)])
        # .20 and .21 are configured, .30 is not.
        cls.ns = cls.lab.nva_host("speakers", 20, 21, 30)

    def setUp(self):
        self.open = []
        self.counts = self.session_counts("s0")
        self.addCleanup(self.drop)

    def drop(self):
        for s in self.open:
            s.abort()
        wait_for("sessions down", lambda: not any(
            s["state"] == "Established" for p in ("s0", "s1") for s in self.vrsd.sessions(p)))

    def connect(self, i, instance=0):
        """A TCP connection of speaker i that vrsd has accepted. After a session that failed,
        vrsd refuses for some seconds."""
        def attempt():
            s = lab.Speaker(self.ns, lab.nva4(20 + i), lab.RS4[instance], 65020 + i)
            # vrsd speaks first: an OPEN, or a close while it holds back.
            s.sock.settimeout(5)
            try:
                first = s.sock.recv(1, socket.MSG_PEEK)
            except OSError:
                first = b""
            if first:
                return s
            s.close()
            return None
        s = wait_for(f"vrsd accepts speaker {i}", attempt, every=0.2)
        self.open.append(s)
        return s

    def up(self, i, instance=0):
        return self.connect(i, instance).open()

    def attributes(self, i, *path):
        return (lab.ORIGIN_IGP + lab.as_path(65020 + i, *path)
                + lab.next_hop(lab.nva4(20 + i)))

    def learned(self, i, instance=0):
        return {p: reason for p, (_, _, reason) in self.vrsd.learned(f"s{i}")[instance].items()}

    def test_unusable_routes(self):
        s = self.up(0)
        s.send(lab.update(["203.0.113.0/24"], self.attributes(0, lab.ASN))
               + lab.update(["203.0.112.0/24"], lab.ORIGIN_IGP + lab.as_path(65099)
                            + lab.next_hop(lab.nva4(20)))
               + lab.update(["127.1.0.0/16"], self.attributes(0))
               # An address of the route server itself: BIRD would not send this one.
               + lab.update(["203.0.111.0/24"], lab.ORIGIN_IGP + lab.as_path(65020)
                            + lab.next_hop(lab.RS4[0]))
               + lab.update(["203.0.110.0/24"], lab.ORIGIN_IGP + lab.as_path(65020)
                            + lab.next_hop(lab.RS4[1]))
               + lab.update(["198.51.100.0/24"], self.attributes(0)))
        wait_equal("learned", lambda: self.learned(0),
                   {"203.0.113.0/24": "own-as", "203.0.112.0/24": "first-as",
                    "203.0.111.0/24": "next-hop", "203.0.110.0/24": "next-hop",
                    "127.1.0.0/16": "martian", "198.51.100.0/24": None})
        for p in ("203.0.113.0/24", "203.0.112.0/24", "203.0.111.0/24", "203.0.110.0/24",
                  "127.1.0.0/16"):
            self.assertIsNone(self.vrsd.gateway_hops(p))
        wait_equal("the good one in use", lambda: self.vrsd.gateway_hops("198.51.100.0/24"),
                   [lab.nva4(20)])

    def test_unknown_source_is_closed_without_a_byte(self):
        before = self.vrsd.counter("connectionsRefused")
        accepted = self.vrsd.counter("connectionsAccepted")
        for n in range(1, 6):
            with contextlib.closing(lab.socket_in(self.ns)) as s:
                s.settimeout(lab.DEADLINE)
                s.bind((lab.nva4(30), 0))
                got = b""
                if carrier.DPDK:  # Not a word: to it, nobody is there.
                    s.settimeout(0.5)
                    with self.assertRaises(TimeoutError):
                        s.connect((lab.RS4[n % 2], 179))
                    wait_for("counted", lambda: self.vrsd.counter("connectionsRefused") >= before + n)
                    continue
                with contextlib.suppress(ConnectionResetError):
                    s.connect((lab.RS4[n % 2], 179))
                    got = s.recv(100)  # The end of the stream, or a RST.
                self.assertEqual(got, b"")
            wait_equal("counted", lambda: self.vrsd.counter("connectionsRefused"), before + n)
        self.assertEqual(self.vrsd.counter("connectionsAccepted"), accepted)

    def test_wrong_asn_is_told(self):
        s = self.connect(0)
        s.asn = 65099
        s.send(s.open_message())
        got = []
        while (m := s.receive()) is not None:
            got.append(m)
        # Its own OPEN, Bad Peer AS (whose data is not defined), and the end.
        self.assertEqual([kind for kind, _ in got], [lab.OPEN, lab.NOTIFICATION])
        self.assertEqual(got[1][1][:2], b"\2\2")
        self.assertEqual(self.session_counts("s0"), self.counts)

    def test_malformed_update_is_a_withdrawal(self):
        s, other = self.up(0), self.up(1)
        prefixes = [f"203.0.113.{i * 16}/28" for i in range(4)]
        s.send(lab.update(prefixes, self.attributes(0)))
        other.until(lambda: set(prefixes) <= set(other.held), "the routes at the other")
        before = self.vrsd.sessions("s0")[0]
        # RFC 7606: an ORIGIN of 2 bytes, an undefined ORIGIN, no NEXT_HOP, a wrong NEXT_HOP
        # length: treat as withdraw, each.
        bad = [lab.attribute(0x40, 1, b"\0\0") + lab.as_path(65020) + lab.next_hop(lab.nva4(20)),
               lab.attribute(0x40, 1, b"\x07") + lab.as_path(65020) + lab.next_hop(lab.nva4(20)),
               lab.ORIGIN_IGP + lab.as_path(65020),
               lab.ORIGIN_IGP + lab.as_path(65020) + lab.attribute(0x40, 3, b"\x0a\0\x01")]
        for n, (prefix, attributes) in enumerate(zip(prefixes, bad), 1):
            s.send(lab.update([prefix], attributes))
            other.until(lambda p=prefix: p not in other.held, f"{prefix} withdrawn")
            wait_equal("learned", lambda n=n: set(self.learned(0)), set(prefixes[n:]))
        after = self.vrsd.sessions("s0")[0]
        self.assertEqual((after["state"], after["timesEstablished"], after["treatAsWithdraw"]),
                         ("Established", before["timesEstablished"],
                          before["treatAsWithdraw"] + len(bad)))
        # Both sessions still carry routes.
        s.send(lab.update(prefixes[:1], self.attributes(0)))
        other.until(lambda: prefixes[0] in other.held, "the route once more")

    def test_garbage_resets_only_that_session(self):
        other = self.up(1)
        other.send(lab.update(["198.51.100.0/24"], self.attributes(1)))
        wait_equal("the other's route", lambda: self.learned(1), {"198.51.100.0/24": None})
        before = self.vrsd.sessions("s1")[0]
        rng = random.Random(SEED)
        # Bad marker; a length under 19; an unknown type; random bytes.
        for data, code, subcode in (
                (b"\0" * 19, 1, 1), (lab.MARKER + b"\0\x12\4", 1, 2),
                (lab.MARKER + b"\0\x13\x63", 1, 3), (b"\0" + rng.randbytes(4096), 1, 1)):
            s = self.up(0)
            s.send(lab.update(["203.0.113.0/24"], self.attributes(0)))
            other.until(lambda: "203.0.113.0/24" in other.held, "the route")
            s.send(data)
            told = []
            # RFC 4271: a NOTIFICATION, then the end.
            with contextlib.suppress(TimeoutError):
                while (got := s.receive(10)) is not None:
                    told.append(got)
            notes = [body[:2] for kind, body in told if kind == lab.NOTIFICATION]
            self.assertEqual(notes, [bytes([code, subcode])])
            other.until(lambda: "203.0.113.0/24" not in other.held, "its route withdrawn")
        after = self.vrsd.sessions("s1")[0]
        self.assertEqual((after["state"], after["timesEstablished"]),
                         ("Established", before["timesEstablished"]))
        self.assertEqual(self.learned(1), {"198.51.100.0/24": None})

    def test_reload_announces_just_the_difference(self):
        s = self.up(0)
        had = dict(s.held)
        self.assertEqual(set(had), {SYSTEM[4]})
        del s.updates[:]
        self.vrsd.prefixes.append("10.9.0.0/16")
        try:
            self.vrsd.write()
            self.assertTrue(self.vrsd.reload())
            s.until(lambda: "10.9.0.0/16" in s.held, "the new prefix")
        finally:
            self.vrsd.prefixes.remove("10.9.0.0/16")
            self.vrsd.write()
            self.assertTrue(self.vrsd.reload())
        s.until(lambda: "10.9.0.0/16" not in s.held, "its withdrawal")
        # Two UPDATEs: one announces it, one withdraws it. (Also one refresh request may come:
        # the network grew.)
        self.assertEqual(len(s.updates), 2, [u.hex() for u in s.updates])
        self.assertEqual(s.held, had)

    def test_vanished_control_clients(self):
        s = self.up(0)
        self.vrsd.status()
        fds = self.vrsd.fds()
        watch = (b"GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"GET /v1/watch?nic=vm1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"GET /v1/watch HTTP/1.1\r\nHo", b"")
        for n in range(300):
            # A full backlog is waited for: no time limit, so that connect() blocks.
            c = socket.socket(socket.AF_UNIX)
            c.connect(self.vrsd.socket)
            c.settimeout(lab.DEADLINE)
            # vrsd may refuse while 128 of the vanished are still being cleared away.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                c.sendall(watch[n % len(watch)])
            if n % 10 == 0:
                # Something happens while they watch.
                s.send(lab.update(["203.0.113.0/24"], self.attributes(0, 64512 + n)))
            c.close()
        self.assertTrue(self.vrsd.alive())
        wait_for("their descriptors are closed", lambda: self.vrsd.fds() <= fds)
        # A watcher that stays still hears.
        with contextlib.closing(lab.UnixHTTP(self.vrsd.socket)) as c:
            c.request("GET", f"/v1/watch?since={self.vrsd.server()['sequence']}")
            answer = c.getresponse()
            s.send(lab.update(["198.51.100.0/24"], self.attributes(0)))
            end = time.monotonic() + lab.DEADLINE
            while True:
                self.assertLess(time.monotonic(), end)
                row = json.loads(answer.readline())
                if row["prefix"] == "198.51.100.0/24":
                    break
            self.assertEqual((row["op"], row["nextHops"]), ("set", [lab.nva4(20)]))
        self.assertEqual(self.vrsd.sessions("s0")[0]["state"], "Established")


# --- Captures ---


class Feed:
    """vrslab feed as an NVA, one session."""

    def __init__(self, of, name, host, asn, path):
        self.name = name
        self.process = lab.Process(of, of.nva_host(name, host), name, [
            os.path.join(BUILD, "tools", "vrslab", "vrslab"), "feed", "--local", lab.nva4(host),
            "--asn", str(asn), "--peer", lab.RS4[0], "--mrt", path, "--next-hop", lab.nva4(host),
            "--next-hop", lab.nva6(host), "--json"])

    def events(self, name):
        if not self.process.running():
            raise ValueError(f"vrslab ended: {self.process.text()[-500:]}")
        for line in self.process.text().splitlines():
            with contextlib.suppress(ValueError):
                e = json.loads(line)
                if e.get("event") == name:
                    yield e

    def kill(self):
        self.process.stop(signal.SIGKILL)


# bgpdump's names of communities.
WELL_KNOWN = {"no-export": "65535:65281", "no-advertise": "65535:65282",
              "local-AS": "65535:65283"}


def oracle(path):
    """What bgpdump says the peers of a file hold at its end: {peer: {prefix: attributes}},
    and how many announcements each made."""
    tables, announcements = {}, {}
    with subprocess.Popen(["bgpdump", "-m", path], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as p:
        for line in p.stdout:
            f = line.rstrip("\n").split("|")
            peer = (f[3], f[4])
            table = tables.setdefault(peer, {})
            if f[2] in "AB":
                table[f[5]] = (f[6], f[7], f[11])
                if "0" in f[6].replace("{", " ").replace("}", " ").replace(",", " ").split():
                    del table[f[5]]  # AS 0 makes a path malformed (RFC 7607): a withdrawal.
                announcements[peer] = announcements.get(peer, 0) + 1
            elif f[2] == "W":
                table.pop(f[5], None)
            elif f[2] == "STATE" and f[6] != f[5] and f[5] == "6":
                table.clear()  # It was Established and is not now.
    if p.returncode != 0:
        raise AssertionError(f"bgpdump {path}: exit {p.returncode}")
    return tables, announcements


def as_vrs_writes(path):
    """bgpdump's AS path in vrs's spelling; both keep the order inside a set."""
    return "-".join(hop.replace(",", " ") for hop in path.split())


def set_free(path):
    """A path with each AS_SET as a sorted tuple: its order means nothing."""
    out = []
    for part in path.replace("{", "|{").replace("}", "}|").split("|"):
        if part.startswith("{"):
            out.append(tuple(sorted(int(a) for a in part[1:-1].replace(",", " ").split())))
        else:
            out += [int(a) for a in part.split("-") if a]
    return tuple(out)


@needs("ip", "bgpdump")
@unittest.skipUnless(os.path.isdir(DATA), f"no captures: {DATA} is absent (VRS_DATA_DIR)")
class Captures(LabTest):
    """vrslab feeds a capture; vrsd must hold what bgpdump reads in it."""

    FILES = ("bview.20020722.2337.gz", "updates.et-header.2015.gz", "updates.20260222.1530.bz2")

    @classmethod
    def build(cls):
        cls.vrsd = cls.lab.vrsd([connection(f"f{i}", 40 + i, 65040 + i, passive=True)
                                 for i in range(len(cls.FILES))])

    def check(self, i):
        path = os.path.join(DATA, self.FILES[i])
        self.assertTrue(os.path.exists(path), path)
        asn, name = 65040 + i, f"f{i}"
        feed = Feed(self.lab, name, 40 + i, asn, path)
        self.lab.daemons.append(feed)
        tables, announcements = oracle(path)
        peer = max(announcements, key=announcements.get)
        expected = {p: v for p, v in tables[peer].items() if not p.startswith("10.")}
        self.assertGreater(len(expected), 1000)

        sent = wait_for("the feed has sent all", lambda: next(feed.events("sent"), None), 60)
        self.assertIn(f"peer {peer[0]} AS {peer[1]} ", feed.process.text())
        self.assertEqual(sent["prefixes"], len(expected))
        wait_equal("prefixes received", lambda: self.vrsd.sessions(name)[0]["prefixesReceived"],
                   len(expected), 60)
        got = {r["network"]: r["asPath"] for r in self.vrsd.lines(
            f"/v1/routeServers/rs/bgpConnections/{name}/learnedRoutes")}
        self.assertEqual(len(got), len(expected))
        wrong = {}
        for prefix, (as_path, _, _) in expected.items():
            want = as_vrs_writes(f"{asn} {as_path}")
            have = got.get(prefix)
            if have != want and (have is None or set_free(have) != set_free(want)):
                wrong[prefix] = (have, want)
        self.assertEqual(list(wrong.items())[:10], [], f"{len(wrong)} of {len(expected)}")

        rng = random.Random(SEED)
        for prefix in rng.sample(sorted(expected), 300):
            _, origin, communities = expected[prefix]
            mine = [p for p in self.vrsd.paths(prefix) if p["peer"] == name]
            self.assertEqual(len(mine), 1, prefix)
            want = sorted(WELL_KNOWN.get(c, c) for c in communities.split())
            # bgpdump puts large communities into the same field.
            have = sorted(mine[0]["communities"] + mine[0]["largeCommunities"])
            self.assertEqual((mine[0]["origin"].lower(), have), (origin.lower(), want), prefix)
            self.assertEqual(mine[0]["nextHop"], lab.nva6(40 + i) if ":" in prefix
                             else lab.nva4(40 + i))
        self.assertEqual(feed.process.stop(), 0)
        wait_equal("gone with the session", lambda: self.vrsd.learned(name), [{}, {}], 60)

    def test_table_dump_2002(self):
        self.check(0)

    def test_full_transfer_2015(self):
        self.check(1)

    def test_updates_2026(self):
        self.check(2)


# --- Running ---


class Result(unittest.TestResult):
    """Tells each test as it ends. Printing is shared by threads; a line goes out whole."""

    out = threading.Lock()

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.started = {}

    def tell(self, test, verdict, text=""):
        took = time.monotonic() - self.started.get(str(test), time.monotonic())
        lines = [f"{verdict:4} {took:5.1f} s  {self.name(test)}{text}"]
        if verdict == "FAIL" and getattr(test, "lab", None) is not None:
            lines += list(test.lab.tails())
        with self.out:
            print("\n".join(lines), flush=True)

    @staticmethod
    def name(test):
        return ".".join(test.id().split(".")[-2:]) if hasattr(test, "_testMethodName") \
            else str(test)

    def startTest(self, test):
        super().startTest(test)
        self.started[str(test)] = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        self.tell(test, "ok")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell(test, "FAIL", "\n" + self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.tell(test, "FAIL", "\n" + self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.tell(test, "skip", f": {reason}")


def run_class(tests):
    result = Result()
    unittest.TestSuite(tests).run(result)
    return result


def main():
    global BUILD
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="build directory")
    parser.add_argument("-k", metavar="PATTERN", default="",
                        help="only tests with this in Class.test_name")
    parser.add_argument("-j", type=int, default=6, help="labs at once (default %(default)s)")
    options = parser.parse_args()
    BUILD = os.path.abspath(options.build)
    if not os.access(os.path.join(BUILD, "engine", "vrsd"), os.X_OK):
        parser.error(f"no engine/vrsd in {BUILD}")
    Lab.end_on_signals()

    loader = unittest.TestLoader()
    groups = []
    for case in (Captures, GobgpOverIp4, GobgpOverIp6, BirdOverIp4, BirdOverIp6, Speakers):
        tests = [t for t in loader.loadTestsFromTestCase(case)
                 if options.k.lower() in f"{case.__name__}.{t._testMethodName}".lower()]
        if tests:
            groups.append(tests)
    if not groups:
        parser.error(f"no test is called *{options.k}*")
    print(f"seed {SEED} (VRS_SEED)", flush=True)
    start = time.monotonic()
    with ThreadPoolExecutor(options.j) as pool:
        results = list(pool.map(run_class, groups))
    passed = sum(r.passed for r in results)
    skipped = sum(len(r.skipped) for r in results)
    # What a failed set-up kept from running has not passed.
    failed = sum(map(len, groups)) - passed - skipped
    # An error outside of any test, such as in clearing away.
    failed = max(failed, int(any(r.errors or r.failures for r in results)))
    print(f"{time.monotonic() - start:.0f} s")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
