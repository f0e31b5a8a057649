# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Kinds of ports, many peers on one, and what a port costs that has nothing to do."""

import json
import os
import re
import subprocess
import time

from dpdk_lab import (HERE, OTHER, OTHER6, PEER, PEER6, US, US6, Wired, build, document, ip, is_long, ours, sysctl,
                      with_us)
from dpdk_peers import Crowd


class Ports(Wired):
    """See the module."""

    # --- the manual ---

    def test_the_example_for_a_laptop_works_as_it_stands(self):
        with open(os.path.join(HERE, "../../docs/dpdk.md"), encoding="utf-8") as f:
            section = f.read().split("## On a laptop\n")[1].split("\n## ")[0]
        steps = re.findall(r"^```sh\n(.*?)^```$", section, re.M | re.S)[:2]
        programs = ":".join(f"{build()}/{d}" for d in ("engine", "tools/vrsctl", "tools/vrslab"))
        r = subprocess.run(["timeout", "60", "bash", "-ec", "".join(steps).replace("/tmp/vrs", self.dir)],
                           capture_output=True, text=True, check=False, preexec_fn=with_us,
                           env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"})
        said = r.stdout + r.stderr
        self.assertEqual(r.returncode, 0, said)
        for line in (" 0% packet loss", "info: rs/nva1 instance 0: established with AS 65001",
                     "1 of 1 sessions Established, 1000 routes", "net_af_packet0  up    0       0",
                     "nva1  0         10.0.1.4  65001    IGP"):
            self.assertIn(line, said)

    # --- memif: no kernel anywhere ---

    def pair(self, **more):
        """Two vrsd, each the other's NVA, over shared memory; their addresses are in each other's network."""
        ends = [{"us": ["10.0.0.4", "10.0.0.5", "fd00:a::4", "fd00:a::5"], "asn": 65010, "role": "server"},
                {"us": ["10.1.0.4", "10.1.0.5", "fd00:b::4", "fd00:b::5"], "asn": 65020, "role": "client"}]
        return [self.half(ends[i], ends[1 - i], i, **more) for i in range(2)]

    def configuration(self, mine, other, i, extra=(), **more):
        peers = [{"peerIp": a, "peerAsn": other["asn"], "passive": i == 0, **more} for a in other["us"]]
        port = {"device": f"net_memif0,role={mine['role']},socket={self.dir}/m.sock,socket-abstract=no",
                "addresses": [f"{a}/{16 if ':' in a else 8}" for a in mine["us"]]}
        c = document(peers, [port], us=mine["us"], asn=mine["asn"])
        (four, six), letters = ((0, 1), "ab") if i == 0 else ((1, 0), "ba")
        c["virtualNetworks"][0].update(
            addressPrefixes=[f"10.{four}.0.0/16", f"10.{six}.0.0/26", f"fd00:{letters[0]}::/48",
                             f"fd00:{letters[1]}::/64", *extra],
            subnets=[{"name": "RouteServerSubnet",
                      "addressPrefixes": [f"10.{four}.0.0/26", f"fd00:{letters[0]}::/64"]},
                     {"name": "nva", "addressPrefixes": [f"10.{six}.0.0/26", f"fd00:{letters[1]}::/64"]}])
        return c

    def half(self, mine, other, i, **more):
        d = self.serve(self.configuration(mine, other, i, **more))
        d.again = lambda extra: self.configuration(mine, other, i, extra, **more)
        d.networks = {f"10.{i}.0.0/16", f"10.{1 - i}.0.0/26", f"fd00:{'ab'[i]}::/48", f"fd00:{'ab'[1 - i]}::/64"}
        return d

    def learned(self, d):
        """{prefix: how many sessions have it}"""
        found = {}
        for p in d.vrsctl("status")["routeServers"][0]["peerings"]:
            rows = d.vrsctl("routeserver", "peering", "list-learned-routes", "--name", p["name"])
            for key, routes in rows.items():
                for r in routes if key.startswith("RouteServiceRole") else ():
                    found[r["network"]] = found.get(r["network"], 0) + 1
        return found

    def has(self, d, wanted, gone=()):
        """All of the other's by all sessions. (Beside them are those that go around, with our AS number.)"""
        found = self.learned(d)
        return all(found.get(n) == 8 for n in wanted) and not any(n in found for n in gone)

    def two_over_memif(self, **more):
        a, b = self.pair(**more)
        for d, other in ((a, b), (b, a)):
            # Four addresses of the other's, from two of the same family each: eight sessions, of both families' routes.
            self.until("the other's prefixes", lambda d=d, o=other: self.has(d, o.networks), 30, 0.1)
            self.assertTrue(all(s["state"] == "Established" for s in d.sessions().values()))
            self.assertEqual(len(d.sessions()), 8)
        return a, b

    def test_two_vrsd_learn_each_others_networks_over_shared_memory(self):
        a, b = self.two_over_memif()
        more = ["172.20.0.0/16", "172.21.0.0/16", "fd00:c::/48"]
        before = a.log()
        a.reload(json.dumps(a.again(more)))
        took = self.until("those of a reload", lambda: self.has(b, [*a.networks, *more]), 10, 0.05)
        self.assertNotIn(": down", a.log()[len(before):])
        a.reload(json.dumps(a.again([])))
        self.until("gone again", lambda: self.has(b, a.networks, more), 10, 0.05)
        c = a.counters()
        self.assertEqual((c["framesBad"], c["sessionsLost"]), (0, 0))
        self.assertLessEqual(c["retransmits"], 8)  # SYNs: one frame waits for a neighbor, the newest.
        self.say(f"memif: 8 sessions; {len(more)} prefixes of a reload told in {took:.2f} s")

    def test_two_vrsd_sign_what_they_send_over_shared_memory(self):
        a, b = self.two_over_memif(passwordFile=self.password("s3cret of both"))
        for d in (a, b):
            self.assertEqual(d.counter("segmentsBadSignature"), 0)

    def test_sessions_over_shared_memory_come_back_when_one_side_is_killed(self):
        """The client's: one of DPDK 22.11 does not look for its server again, but a server takes the next client."""
        a, b = self.two_over_memif(holdSeconds=6)
        b.kill()
        before = a.cpu_seconds()
        took = self.until("the hold time ends all", lambda: not any(
            s["state"] == "Established" for s in a.sessions().values()), 15, 0.1)
        busy = (a.cpu_seconds() - before) / took
        b.start()
        back = self.until("all is back", lambda: self.has(b, a.networks) and self.has(a, b.networks), 60, 0.2)
        self.say(f"memif: killed, noticed after {took:.1f} s ({100 * busy:.0f} % of a core), all 8 back {back:.1f} s "
                 "after its start")
        if not a.sanitized():
            self.assertLess(busy, 0.5)  # A port that takes nothing is not tried without pause.

    # --- tap ---

    def test_a_tap_is_a_wire_to_the_kernel(self):
        n = 100000
        port = {"device": "net_tap0,iface=vrstap", "addresses": [f"{US}/16", "10.0.0.5/16", f"{US6}/48",
                                                                 "fd00:1::5/48"]}
        d = self.vrsd([{"peerIp": a} for a in (PEER, OTHER, PEER6, OTHER6)], [port],
                      us=[US, "10.0.0.5", US6, "fd00:1::5"])
        sysctl("net/ipv6/conf/vrstap/accept_dad", 0)
        self.home("vrstap", PEER, OTHER, PEER6, OTHER6)
        ip("link", "set", "vrstap", "up")
        listener = self.feed(OTHER)
        listener6 = self.feed(OTHER6, peer=US6)
        speaker = self.speaker(PEER, "10.0.0.5")
        speaker.announce(["198.51.100.0/24"])
        began = time.monotonic()
        feeds = [self.feed(PEER, n), self.feed(PEER6, 0, n6=n // 2, peer=US6, seed=7)]
        self.received(d, PEER, n)
        self.received(d, PEER6, n // 2)
        told = time.monotonic() - began
        for f in feeds:
            self.assertEqual(len(f.all("closed")), 0)
        server = d.vrsctl("status")["routeServers"][0]
        for f, name in ((listener, OTHER), (listener6, OTHER6)):
            self.until("all is told", lambda f=f, name=name: d.session(name)["prefixesAdvertised"] > n // 2
                       and f.held() == d.session(name)["prefixesAdvertised"], 60, 0.2)
        self.assertEqual(listener.held(), server["prefixes"] + 2)
        c = d.counters()
        self.say(f"tap: {n} + {n // 2} prefixes in {told:.1f} s, {listener.held()} told; "
                 f"retransmits {c['retransmits']}, out of order {c['segmentsOutOfOrder']}")

    # --- a crowd ---

    def test_64_signed_peers_and_two_threads(self):
        each = 16384 if is_long() else 4096
        crowd = Crowd(64, each, "a password of the crowd")
        self.addCleanup(crowd.close)
        self.wire(*crowd.addresses)
        peers = [{"peerIp": a, "peerAsn": crowd.asn(i), "passwordFile": self.password("a password of the crowd")}
                 for i, a in enumerate(crowd.addresses)]
        d = self.vrsd(peers, [ours()], process={"ioThreads": 2})
        began = time.monotonic()
        crowd.start(US)
        self.until("all are up", lambda: crowd.up == 64, 60)
        up = time.monotonic() - began
        limit = 600 if is_long() else 120
        for i in range(64):
            self.until(f"peer {i} is told of all the others", lambda i=i: crowd.is_right(i), limit, 0.1)
        told = time.monotonic() - began
        for (name, _), s in d.sessions().items():
            self.assertEqual((name, s["prefixesReceived"], s["prefixesAdvertised"]),
                             (name, each, 63 * each + 1))
        began = time.monotonic()
        crowd.withdraw(5)
        for i in range(64):
            self.until(f"peer {i} is told", lambda i=i: crowd.is_right(i), limit, 0.1)
        c = d.counters()
        self.assertEqual((crowd.lost, c["sessionsLost"], c["segmentsBadSignature"]), (0, 0, 0))
        self.say(f"64 x {each} prefixes: up in {up:.1f} s, {64 * 63 * each / 1e6:.1f} M told in {told:.1f} s, a "
                 f"withdrawal of {each} to all in {time.monotonic() - began:.1f} s; "
                 f"{crowd.again()} announced again; {d.resident_kib() // 1024} MiB; retransmits "
                 f"{c['retransmits']}, handed over {c['framesHandedOver']}, lost {c['framesHandedLost']}")

    # --- beside the kernel ---

    def ping(self, address, namespace=None):
        where = ["ip", "netns", "exec", namespace] if namespace else []
        said = subprocess.run([*where, "ping", "-n", "-c", "5", "-i", "0.1", "-W", "5", address], capture_output=True,
                              text=True, timeout=30, check=False).stdout
        self.assertIn(" 5 received, 0% packet loss", said)

    def test_the_kernel_has_a_way_of_its_own_beside_a_port(self):
        """exceptionTap: the kernel's addresses on it are found and find others, by ARP and ND as any."""
        kernel, kernel6 = "10.0.0.9", "fd00:1::9"
        self.namespace("peer")
        self.cable("vrs0", "vrs1")
        # What comes for the kernel's addresses is on vrs1, too, of which this kernel shall take nothing.
        sysctl("net/ipv4/conf/vrs1/rp_filter", 1)
        ip("link", "set", "vrs0", "netns", "peer")
        ip("link", "set", "vrs0", "arp", "on", "up", namespace="peer")
        for a in (PEER, PEER6):
            ip("addr", "add", f"{a}/{48 if ':' in a else 16}", "dev", "vrs0", *(["nodad"] if ":" in a else []),
               namespace="peer")
        us = [US, "10.0.0.5", US6, "fd00:1::5"]
        d = self.vrsd([{"peerIp": a} for a in (PEER, PEER6)],
                      [ours(addresses=[f"{a}/{48 if ':' in a else 16}" for a in us], exceptionTap="vrsx")], us=us,
                      process={"ioThreads": 2})
        self.home("vrsx", kernel, kernel6)
        feeds = [self.feed(PEER, 1000, namespace="peer"), self.feed(PEER6, n6=1000, peer=US6, namespace="peer")]
        self.received(d, PEER, 1000)
        self.received(d, PEER6, 1000)
        for there, here in ((PEER, kernel), (PEER6, kernel6)):
            self.ping(here, "peer")
            ip("neigh", "flush", "dev", "vrsx")
            self.ping(there)
            self.assertIn("lladdr", ip("neigh", "show", there, "dev", "vrsx"))
            self.assertIn("lladdr", ip("neigh", "show", here, "dev", "vrs0", namespace="peer"))
        # Ours are ours: the kernel has not heard of them, and still we answer for them.
        for address in (US, US6):
            self.assertNotIn("lladdr", ip("neigh", "show", address, "dev", "vrsx"))
            self.ping(address, "peer")
        c = d.counters()
        self.assertEqual((c["sessionsLost"], c["addressConflicts"]), (0, 0))
        self.assertEqual([f.all("closed") for f in feeds], [[], []])

    # --- nothing to do ---

    def test_an_idle_session_costs_next_to_nothing(self):
        self.wire()
        d = self.vrsd()
        speaker = self.speaker()
        speaker.announce(["198.51.100.0/24"])
        self.received(d, PEER, 1)
        before = d.cpu_seconds(), d.counter("idlePolls")
        time.sleep(5)  # What is under test is a time.
        used = (d.cpu_seconds() - before[0]) / 5
        self.say(f"idle: {100 * used:.1f} % of a core, {(d.counter('idlePolls') - before[1]) / 5:.0f} looks a second")
        self.assertLess(used, 0.05)
