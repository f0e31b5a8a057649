#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Mixed storms for as long as one likes: after each cycle the daemon is what it was, to the byte
of every listing; and beside them a host of libvrs that checks every answer (soak_host.c).

    python3 tests/e2e/soak_test.py --build DIR [--long | --seconds N] [-k TEXT]

Half a minute; `--long` is 30 minutes, of a sanitized build 10. VRS_SEED repeats a run's choices. Runs
itself again in a network namespace of its own; ends only what it started.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402
from daemon import Daemon  # noqa: E402
from soak_peers import Api, Feed, HostRun, Peer, of_process, wait  # noqa: E402
from soak_storms import BLOCK, PLAIN, Storms  # noqa: E402
from speaker import NOTIFICATION, attributes, nlri  # noqa: E402

MIB = 1 << 20
BUILD = None
LONG = False
SECONDS = None
SEED = int(os.environ.get("VRS_SEED") or random.SystemRandom().randrange(2**31))

CONFIG = """
process: {{stateDir: "{{dir}}", controlSocket: "{{dir}}/vrs.sock"}}
virtualNetworks:
  - name: hub
    addressPrefixes: [10.0.0.0/16, "fd00:1::/48"{prefixes}]
    subnets:
      - {{name: RouteServerSubnet, addressPrefixes: [10.0.0.0/26, "fd00:1::/64"]}}
      - {{name: nva, addressPrefixes: [10.0.1.0/24, "fd00:1:0:1::/64"]}}
      - {{name: vms, addressPrefix: 10.0.2.0/24, routeTable: rt}}
      - {{name: others, addressPrefix: 10.0.3.0/24}}
routeTables:
  - name: rt
    routes:
      - {{name: a, addressPrefix: 203.0.113.0/24, nextHopType: None}}{routes}
networkInterfaces:
  - {{name: vm, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.4}}
  - {{name: other, virtualNetwork: hub, subnet: others, privateIpAddress: 10.0.3.4}}{nics}
routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterIps: [10.0.0.4, 10.0.0.5, "fd00:1::4", "fd00:1::5"]
    bgpConnections:
      - {{name: feed-a, peerIp: 10.0.1.4, peerAsn: 65001, passive: true}}
      - {{name: feed-b, peerIp: 10.0.1.5, peerAsn: 65002, passive: true}}
      - {{name: feed-c, peerIp: "fd00:1:0:1::6", peerAsn: 65003, passive: true}}
      - {{name: nva, peerIp: 10.0.1.7, peerAsn: 65007, passive: true}}
      - {{name: bystander, peerIp: 10.0.1.8, peerAsn: 65008, passive: true}}
      - {{name: twin, peerIp: 10.0.1.9, peerAsn: 65009, passive: true}}{guest}{connections}
"""
ADDRESSES = ["10.0.0.4", "10.0.0.5", "fd00:1::4", "fd00:1::5", "10.0.1.4", "10.0.1.5",
             "fd00:1:0:1::6", "10.0.1.7", "10.0.1.8", "10.0.1.9", "10.0.1.10", "10.0.1.66",
             "10.0.0.20", "10.0.1.21", "10.0.1.22", "10.0.1.23"]

def sanitized():
    with open(f"{BUILD}/meson-info/intro-buildoptions.json", encoding="utf-8") as f:
        return next(o["value"] for o in json.load(f) if o["name"] == "b_sanitize") != "none"


class Soak(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seconds = SECONDS or ((600 if sanitized() else 1800) if LONG else 20)
        print(f"VRS_SEED={SEED}, {cls.seconds} s", flush=True)
        cls.host = HostRun(BUILD, cls.seconds, SEED, sanitized())
        cls.host.start()

    @classmethod
    def tearDownClass(cls):
        cls.host.over.set()
        cls.host.join(60)
        shutil.rmtree(cls.host.dir)

    # What the daemon is now.

    def sessions(self, status=None):
        peerings = (status or self.api.status())["routeServers"][0]["peerings"]
        return {(p["name"], s["instance"]): s for p in peerings for s in p["sessions"]}

    def session(self, name):
        return self.sessions()[name, 0]

    def picture(self):
        """What must be the same whenever it is quiet; and status."""
        status = self.api.status()
        server = status["routeServers"][0]
        keys = ("prefixesReceived", "prefixesUsable", "prefixesAdvertised", "bytesWaiting",
                "stalledMs", "ownUpdateGroup", "parked")
        picture = {f"{name} {i}": [s["state"] == "Established", *(s[k] for k in keys)]
                   for (name, i), s in self.sessions(status).items()}
        for key in ("prefixes", "paths", "effectivePrefixes", "pendingExports", "dirty", "pins"):
            picture[key] = server[key]
        picture["memory"] = server["memory"]["state"]
        picture["watches"] = server["deltaConsumers"]["count"]
        picture["clients"] = status["counters"]["apiConnections"]
        picture["fds"] = len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))
        picture["threads"] = of_process(self.daemon.process.pid, "Threads")
        return picture, status

    def reload(self, change, refused=False):
        """As daemon.reload(), of a log that has become long."""
        size = os.path.getsize(f"{self.daemon.dir}/log")
        word = b"reload refused" if refused else b"configuration read again"
        self.daemon.write(CONFIG.format(**change))
        self.daemon.process.send_signal(signal.SIGHUP)

        def told():
            with open(f"{self.daemon.dir}/log", "rb") as f:
                f.seek(size)
                return word in f.read()
        wait(told, word)

    def setUp(self):
        self.rng = random.Random(SEED)

    def start(self):
        self.daemon = Daemon(BUILD, CONFIG.format(**PLAIN))
        self.addCleanup(self.end)
        self.api = Api(f"{self.daemon.dir}/vrs.sock")
        n4, n6 = (4000, 800) if sanitized() else (20000, 4000)
        if self.seconds >= 300:
            n4, n6 = (n * (3 if sanitized() else 10) for n in (n4, n6))
        table = ["--prefixes", str(n4), "--ipv6", str(n6), "--seed", "1"]
        four, six = ["--peer", "10.0.0.4", "--peer", "10.0.0.5"], ["--peer", "[fd00:1::4]:179",
                                                                   "--peer", "[fd00:1::5]:179"]
        self.feeds = [Feed(BUILD, self.daemon.dir, *words) for words in (
            ("--local", "10.0.1.4", "--asn", "65001", *four, *table, "--next-hop", "fd00:1:0:1::4"),
            ("--local", "10.0.1.5", "--asn", "65002", *four, *table, "--next-hop", "10.9.0.5",
             "--next-hop", "fd00:9::5"),
            ("--local", "fd00:1:0:1::6", "--asn", "65003", *six, "--ipv6", str(n6), "--seed", "2"))]
        self.nva, self.twin, self.guest, self.bystander = (
            Peer(f"10.0.1.{i}", "10.0.0.4", 65000 + i) for i in (7, 9, 10, 8))
        self.peers = self.nva, self.twin, self.guest, self.bystander
        for peer in self.peers:
            self.addCleanup(peer.close)
        return n4, n6

    def load(self, n4, n6):
        """Bring everything up, and see that it is."""
        for feed in self.feeds:
            feed.start()
        for peer, block in zip(self.peers, (BLOCK, BLOCK, BLOCK[:16], ["198.18.0.0/24"])):
            peer.open().announce(block)
        n, a = self.told_all(n4, n6)
        feeds = {"a": n4 + n6, "b": n4 + n6, "c": n6}
        wanted = {f"feed-{x} {i}": [True, k, k] for x, k in feeds.items() for i in range(2)}
        wanted |= {f"{name} 0": [True, k, k]
                   for name, k in (("nva", 256), ("twin", 256), ("guest", 16), ("bystander", 1))}

        def loaded():
            got = self.picture()[0]
            return got["prefixes"] == got["effectivePrefixes"] == n and got["pendingExports"] == 0 \
                and all(got[k][:3] == v for k, v in wanted.items())
        wait(loaded, lambda: self.picture()[0])
        self.probe()
        wait(loaded, lambda: self.picture()[0])
        self.told_rightly(a)

    def end(self):
        for feed in getattr(self, "feeds", ()):
            if feed.process is not None:
                feed.end(signal.SIGKILL)
        self.assertEqual(self.daemon.stop(), 0)

    def made(self, directory, *words):
        """What a feed's table is, by another way: as the peer of who wrote it would have it."""
        subprocess.run([f"{BUILD}/tools/vrslab/vrslab", "table", "--asn", "65001", *words,
                        "--messages-out", f"{directory}/table"], check=True, capture_output=True,
                       timeout=60)
        peer = Peer("10.0.1.8", "10.0.0.4", 65008)
        with open(f"{directory}/table", "rb") as f:
            data = bytearray(f.read())
            peer.take(data)
            self.assertEqual(data, b"")
        return peer.table

    def probe(self):
        """What comes behind everything else has been heard by all."""
        key = nlri("198.18.9.0/24")
        for sender in (self.nva, self.bystander):
            others = [p for p in self.peers if p is not sender]
            sender.announce(["198.18.9.0/24"])
            wait(lambda: all(key in p.table[4] for p in others), "a probe")  # noqa: B023
            sender.withdraw(["198.18.9.0/24"])
            wait(lambda: not any(key in p.table[4] for p in others), "its end")  # noqa: B023

    def told_all(self, n4, n6):
        """The bystander's table has the prefixes that were sent to the daemon. Returns how many the
        daemon has, and feed A's table."""
        a = self.made(self.daemon.dir, "--prefixes", str(n4), "--ipv6", str(n6), "--seed", "1")
        c = self.made(self.daemon.dir, "--ipv6", str(n6), "--seed", "2")
        self.assertEqual((len(a[4]), len(a[6]), len(c[6])), (n4, n6, n6))
        wanted = {4: set(a[4]) | {nlri(p) for p in [*BLOCK, "10.0.0.0/16", "10.9.0.0/16"]},
                  6: set(a[6]) | set(c[6]) | {nlri(p) for p in ("fd00:1::/48", "fd00:9::/48")}}
        for family, keys in wanted.items():
            wait(lambda: set(self.bystander.table[family]) == keys,  # noqa: B023
                 lambda: f"{len(self.bystander.table[family])} of {len(keys)}")  # noqa: B023
        # Of these, four are the network's; the bystander is not told its own.
        return sum(map(len, wanted.values())) - 4 + 1, a

    def told_rightly(self, a):
        """Some routes, and what is done with them."""
        for key in self.rng.sample(sorted(k for k in a[4] if k[0] == 24), 50):
            sent, told = (attributes(t[4][key]) for t in (a, self.bystander.table))
            self.assertEqual(told[2], bytes([2, sent[2][1] + 1]) + struct.pack("!I", 65515) + sent[2][2:])
            self.assertEqual(told[3], socket.inet_aton("10.0.1.4"))
            way = json.loads(self.api.get("/v1/networkInterfaces/other/nextHop?destIp="
                                          + socket.inet_ntoa(key[1:] + b"\7")))
            self.assertEqual(way["nextHopIpAddress"], ["10.0.1.4", "10.9.0.5"], key)

    # The tests.

    def test_storms_leave_nothing_behind(self):
        deadline = time.monotonic() + self.seconds
        n4, n6 = self.start()
        self.load(n4, n6)
        empty = self.empty()
        self.load(n4, n6)
        wait(lambda: self.picture()[0]["clients"] == 1, "clients gone")
        self.quiet = self.picture()[0]
        self.told = [(p, {f: dict(t) for f, t in p.table.items()})
                     for p in self.peers]
        self.digests, self.cycles, self.most, self.storms = {}, [], {}, Storms(self)
        while time.monotonic() < deadline or len(self.cycles) < 3:
            self.cycle()
        print(f"{len(self.cycles)} cycles, at most {self.most}")
        self.steady("counted", [sum(c.values()) for c, _ in self.cycles])
        # Sanitizers keep what was freed.
        self.steady("resident", [rss for _, rss in self.cycles], not sanitized())
        after = self.empty()
        print(f"empty at first: {empty}\nempty again:    {after}")
        for what, n in after.items():
            self.assertLess(n, empty[what] * 1.25 + MIB, what)
        if len(self.cycles) > 50:
            for what, n in self.most.items():
                self.assertGreater(n, 0, what)

    def seen(self):
        """What status says in the middle of it."""
        server = self.api.status()["routeServers"][0]
        now = {"pinned versions": server["pins"]["versions"],
               "deltas behind": server["deltaConsumers"]["largestLag"],
               "stalled for ms": max(s["stalledMs"] for s in self.sessions().values())}
        self.most = {k: max(v, self.most.get(k, 0)) for k, v in now.items()}
        return server

    def listings(self):
        rs = "/v1/routeServers/rs/bgpConnections/"
        return [f"/v1/networkInterfaces/{nic}/effectiveRouteTable" for nic in ("vm", "other")] + [
            f"{rs}{peer}/{what}" for peer in ("feed-a", "feed-b", "feed-c", "nva", "bystander")
            for what in ("learnedRoutes", "advertisedRoutes")]

    def cycle(self):
        began = time.monotonic()
        chosen = self.rng.sample(self.storms.all(), 5)
        names = " ".join(storm.__name__[6:] for storm in chosen)
        going = [storm() for storm in chosen]
        while going:
            storm = self.rng.choice(going)
            if next(storm, going) is going:
                going.remove(storm)
            if self.seen()["dirty"] > 0 and self.rng.random() < 0.5:
                wait(lambda: self.seen()["dirty"] == 0, names)
        stormed = time.monotonic()
        self.settled(names)
        for path in self.rng.sample(self.listings(), 2):
            digest = hashlib.sha256(self.api.get(path)).hexdigest()
            self.assertEqual(self.digests.setdefault(path, digest), digest, (names, path))
        status = self.api.status()
        self.assertEqual(status["counters"]["outOfMemory"], 0)
        self.cycles.append((self.bytes(), of_process(self.daemon.process.pid, "VmRSS") * 1024))
        print(f"{len(self.cycles)}: {names}: {stormed - began:.1f} s, right after "
              f"{time.monotonic() - stormed:.1f} s, {self.cycles[-1][1] / 1e6:.1f} MB", flush=True)

    def settled(self, names):
        """Until all is as it was."""
        def differs():
            now = self.picture()[0]
            return [(k, v, now[k]) for k, v in self.quiet.items()
                    if (now[k] > v if k in ("clients", "fds", "threads") else now[k] != v)] + [
                f"what {p.local} was told" for p, table in self.told if p.table != table]
        wait(lambda: not differs(), lambda: (names, differs()))
        session = self.session("bystander")
        self.assertEqual(session["timesEstablished"], 2, names)  # See empty().
        for peer, _ in self.told:
            self.assertNotIn(NOTIFICATION, peer.kinds, names)

    def steady(self, what, values, check=True):
        """Medians of the first and the last third, without the tenth that warms up. A few values
        vary by the megabytes that happened to be free, and prove less."""
        values = values[len(values) // 10:]
        third = max(1, len(values) // 3)
        first, last = (statistics.median(part) / MIB for part in (values[:third], values[-third:]))
        print(f"{what}: {first:.1f} to {last:.1f} MiB, the least {min(values) / MIB:.1f}, "
              f"the most {max(values) / MIB:.1f}")
        if check:
            self.assertLess(last, first * 1.03 + (4 if len(values) >= 20 else 12), what)

    def empty(self):
        """Without peers nothing is left of what they brought. Returns the bytes by purpose."""
        for feed in self.feeds:
            feed.end(signal.SIGTERM)
        for peer in self.peers:
            peer.close()

        def gone():
            status = self.api.status()
            server = status["routeServers"][0]
            return not any(s["state"] == "Established" for s in self.sessions(status).values()) \
                and server["paths"] == server["effectivePrefixes"] == server["pendingExports"] == 0 \
                and status["counters"]["limboObjects"] == 0
        wait(gone, lambda: self.api.get("/v1/status"))
        return self.bytes()

    def bytes(self):
        """By purpose, as the daemon counts them; without the log of deltas, which fills up first."""
        memory = self.api.status()["memory"]
        return {k: v for k, v in memory.items() if k not in ("resident", "delta")}

    def test_the_host_sees_one_version_at_a_time(self):
        self.host.join(self.seconds + 600)
        if self.host.error is not None:
            raise self.host.error
        print(self.host.words)
        self.assertEqual(self.host.code, 0)
        words = self.host.words.split()
        for what, n in zip(words[::2], words[1::2]):
            self.assertGreater(int(n), 0, what)
        self.steady("the host", self.host.rss, not sanitized())


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"], ADDRESSES))
