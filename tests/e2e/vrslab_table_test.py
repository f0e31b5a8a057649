#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""vrslab table: its MRT in Debian's bgpdump, its messages in a parser of our own, both in a vrsd.

    python3 tests/e2e/vrslab_table_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import bz2
import collections
import gzip
import ipaddress
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
import inside  # noqa: E402

BUILD = None
TIMEOUT_S = 240
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("VRS_DATA_DIR") or os.path.join(os.path.dirname(ROOT), "shared", "data")
CAPTURE = os.path.join(DATA, "bview.20020722.2337.gz")
N4, N6 = 20000, 5000
TABLE = ("--prefixes", "20k", "--ipv6", "5k", "--seed", "7")
ORIGINS = ("IGP", "EGP", "INCOMPLETE")
CONFIG = daemon.NETWORK + """
routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterIps: [10.0.0.4]
    bgpConnections:
      - {name: nva, peerIp: 10.0.1.4, peerAsn: 65001, passive: true}
"""
# What bgpdump -m and a parser agree on about a route.
Route = collections.namedtuple("Route", "path origin next_hop med communities")


def bgpdump(path):
    """{(peer, AS, prefix): Route} of what bgpdump -m reads; no line comes twice."""
    run = subprocess.run(["bgpdump", "-m", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, timeout=TIMEOUT_S, check=True)
    rows = {}
    for line in run.stdout.splitlines():
        f = line.split("|")
        key = (f[3], int(f[4]), f[5])
        assert key not in rows, line
        rows[key] = Route(f[6], f[7], f[8], int(f[10]), f[11])
    return rows


def prefixes(data, afi):
    while data:
        size = (data[0] + 7) // 8
        raw = data[1:1 + size].ljust(4 if afi == 1 else 16, b"\0")
        yield f"{ipaddress.ip_address(raw)}/{data[0]}"
        data = data[1 + size:]


def path_text(data):
    words = []
    while data:
        kind, n = data[0], data[1]
        numbers = [str(a) for a in struct.unpack(f">{n}I", data[2:2 + 4 * n])]
        words += numbers if kind == 2 else ["{" + ",".join(numbers) + "}"]
        data = data[2 + 4 * n:]
    return " ".join(words)


def attributes(data):
    while data:
        wide = data[0] & 0x10
        size = struct.unpack(">H", data[2:4])[0] if wide else data[2]
        at = 4 if wide else 3
        yield data[1], data[at:at + size]
        data = data[at + size:]


def read_messages(data):
    """({prefix: Route}, the families of the End-of-RIBs) of a message file."""
    rows, ends, at = {}, [], 0
    while at < len(data):
        assert data[at:at + 16] == b"\xff" * 16
        size, kind = struct.unpack(">HB", data[at + 16:at + 19])
        body = data[at + 19:at + size]
        at += size
        assert kind == 2 and len(body) == size - 19 and body[:2] == b"\0\0"
        n = struct.unpack(">H", body[2:4])[0]
        seen = dict(attributes(body[4:4 + n]))
        said = list(prefixes(body[4 + n:], 1))
        hop = seen.get(3, b"")
        if 14 in seen:
            width = seen[14][3]
            hop = seen[14][4:4 + width]
            said += prefixes(seen[14][5 + width:], 2)
        if not said:
            ends.append(2 if 15 in seen else 1)
            continue
        communities = struct.unpack(f">{len(seen.get(8, b'')) // 2}H", seen.get(8, b""))
        route = Route(path_text(seen[2]), ORIGINS[seen[1][0]], str(ipaddress.ip_address(hop)),
                      struct.unpack(">I", seen.get(4, b"\0" * 4))[0],
                      " ".join(f"{a}:{b}" for a, b in zip(communities[::2], communities[1::2])))
        for prefix in said:
            assert prefix not in rows, prefix
            rows[prefix] = route
    return rows, ends


def capture():
    """BGP4MP of two peers with some prefixes in common, the second one's AS numbers long."""
    out = []
    for peer, asn, count in ((1, 3333, 300), (2, 400000, 500)):
        for k in range(count):
            attrs = b"\x40\x01\x01\x02" + b"\x40\x02\x0a\x02\x02" + struct.pack(">II", asn, 5000 + k)
            attrs += bytes([0x40, 3, 4, 192, 0, 2, peer])
            body = struct.pack(">HH", 0, len(attrs)) + attrs + bytes([24, 203, k >> 8, k & 255])
            message = b"\xff" * 16 + struct.pack(">HB", 19 + len(body), 2) + body
            head = struct.pack(">IIHH", asn, 64500, 0, 1) + bytes([192, 0, 2, peer, 192, 0, 2, 254])
            out.append(struct.pack(">IHHI", 1000, 16, 4, len(head + message)) + head + message)
    return b"".join(out)


class Table(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vrs-table-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as f:
                f.write(content)
        return path

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def vrslab(self, *words, text=True):
        return subprocess.run([f"{BUILD}/tools/vrslab/vrslab", *words], capture_output=True,
                              text=text, timeout=TIMEOUT_S, check=False)

    def table(self, *words):
        """What it says in JSON."""
        run = self.vrslab("table", *words, "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stderr, "")
        return json.loads(run.stdout)

    def start(self):
        vrsd = daemon.Daemon(BUILD, CONFIG)
        self.addCleanup(vrsd.stop)
        return vrsd

    def feed(self, vrsd, received, *words):
        """vrslab feed until vrsd has so many. Returns what vrsd learned, and the bytes sent."""
        log = self.path("feed.log")
        with open(log, "wb") as err, subprocess.Popen(
                [f"{BUILD}/tools/vrslab/vrslab", "feed", "--local", "10.0.1.4", "--asn", "65001",
                 "--peer", "10.0.0.4", "--once", "--json", *words], stdout=err, stderr=err) as feed:
            try:
                vrsd.wait(lambda: feed.poll() is not None or self.received(vrsd) == received, 60)
                self.assertIsNone(feed.poll(), self.read("feed.log"))
                rows = vrsd.vrsctl("routeserver", "peering", "list-learned-routes", "nva")
            finally:
                feed.send_signal(signal.SIGTERM)
            self.assertEqual(feed.wait(20), 0, self.read("feed.log"))
        vrsd.wait(lambda: self.received(vrsd) == 0)
        events = [json.loads(x) for x in self.read("feed.log").splitlines() if x[:1] == b"{"]
        return rows, sum(e["bytes"] for e in events if e["event"] == "sent")

    def received(self, vrsd):
        return vrsd.sessions()["nva", 0]["prefixesReceived"]

    def test_every_line_of_bgpdump(self):
        said = self.table(*TABLE, "--mrt-out", self.path("t.mrt"), "--messages-out",
                          self.path("t.bgp"))
        want, ends = read_messages(self.read("t.bgp"))
        self.assertEqual(ends, [1, 2])
        self.assertEqual(len(want), N4 + N6)
        self.assertEqual(said["mrtOut"]["entries"], N4 + N6)
        self.assertEqual(said["messagesOut"]["bytes"], len(self.read("t.bgp")))
        for packed in ("t.mrt", "p.mrt.gz", "p.mrt.bz2"):
            with self.subTest(packed):
                if packed != "t.mrt":
                    self.table(*TABLE, "--mrt-out", self.path(packed))
                rows = bgpdump(self.path(packed))
                self.assertEqual({(p, a) for p, a, _ in rows}, {("10.0.1.4", 65001)})
                self.assertEqual({p: r for (_, _, p), r in rows.items()}, want)
        self.assertEqual(gzip.decompress(self.read("p.mrt.gz")), self.read("t.mrt"))
        self.assertEqual(bz2.decompress(self.read("p.mrt.bz2")), self.read("t.mrt"))
        # Sorted: bgpdump keeps the file's order.
        order = [ipaddress.ip_network(p) for _, _, p in bgpdump(self.path("t.mrt"))]
        self.assertEqual(order, sorted(order, key=lambda n: (n.version, n)))

    def test_figures(self):
        said = self.table(*TABLE, "--messages-out", self.path("t.bgp"))["peers"][0]
        rows, _ = read_messages(self.read("t.bgp"))
        for family, version, count in (("ipv4", 4, N4), ("ipv6", 6, N6)):
            nets = [ipaddress.ip_network(p) for p in rows]
            mine = {str(n) for n in nets if n.version == version}
            got = said[family]
            self.assertEqual(got["prefixes"], count)
            self.assertEqual(len(mine), count)
            lens = collections.Counter(p.split("/")[1] for p in mine)
            self.assertEqual(set(got["prefixLengths"]), set(lens))
            for length, n in lens.items():
                self.assertAlmostEqual(got["prefixLengths"][length], n / count, places=5)
            # Ours is in front of the paths of the messages.
            hops = sum(len(rows[p].path.split()) - 1 for p in mine)
            self.assertAlmostEqual(got["meanPathLength"], hops / count, places=4)
            self.assertAlmostEqual(got["prefixesPerSet"], count / got["attributeSets"], places=4)
            self.assertGreaterEqual(got["attributeSets"], len({rows[p] for p in mine}))
        self.assertEqual(said["ipv4"]["slash16s"],
                         len({p.split(".")[0] + "." + p.split(".")[1] for p in rows if "." in p}))
        text = self.vrslab("table", *TABLE)
        self.assertIn(f"IPv4: {N4} prefixes, ", text.stdout)
        self.assertRegex(text.stdout, r"/24 \d+\.\d %, ")

    def test_a_file_written_again(self):
        self.table(*TABLE, "--mrt-out", self.path("t.mrt"), "--messages-out", self.path("t.bgp"))
        # Without an AS number: as it was, from either.
        self.table("--mrt", self.path("t.mrt"), "--mrt-out", self.path("u.mrt"))
        self.assertEqual(self.read("u.mrt"), self.read("t.mrt"))
        self.table("--mrt", self.path("t.bgp"), "--mrt-out", self.path("u.mrt"))
        rows, old = bgpdump(self.path("u.mrt")), bgpdump(self.path("t.mrt"))
        self.assertEqual({(p, a) for p, a, _ in rows}, {("0.0.0.0", 0)})
        self.assertEqual({k[2]: r for k, r in rows.items()}, {k[2]: r for k, r in old.items()})
        # With one: as a transit NVA.
        self.table("--mrt", self.path("t.mrt"), "--asn", "65009", "--prepend", "1", "--next-hop",
                   "10.0.1.9", "--mrt-out", self.path("u.mrt"), "--time", "1000")
        rows = bgpdump(self.path("u.mrt"))
        self.assertEqual(len(rows), N4 + N6)
        for (peer, asn, prefix), r in rows.items():
            was = old["10.0.1.4", 65001, prefix]
            self.assertEqual((peer, asn), ("10.0.1.9", 65009))
            self.assertEqual(r, was._replace(path=f"65009 65009 {was.path}", next_hop="10.0.1.9"
                                             if "." in prefix else "fd00::4"))

    def test_several_peers(self):
        self.path("c", capture())
        said = self.table("--mrt", self.path("c"), "--mrt-peer", "all", "--mrt-out",
                          self.path("t.mrt"))
        self.assertEqual(said["mrtOut"], {"file": self.path("t.mrt"), "records": 500,
                                          "entries": 800, "refused": 0})
        self.assertEqual([p["asn"] for p in said["peers"]], [3333, 400000])
        self.assertEqual(bgpdump(self.path("t.mrt")), bgpdump(self.path("c")))
        # The busiest one alone.
        said = self.table("--mrt", self.path("c"), "--mrt-out", self.path("t.mrt"))
        self.assertEqual({k[:2] for k in bgpdump(self.path("t.mrt"))}, {("192.0.2.2", 400000)})

    @unittest.skipUnless(os.path.exists(CAPTURE), f"no capture: {CAPTURE} is absent (VRS_DATA_DIR)")
    def test_a_real_table_of_many_peers(self):
        self.table("--mrt", CAPTURE, "--mrt-peer", "all", "--mrt-out", self.path("t.mrt.gz"))
        rows = bgpdump(self.path("t.mrt.gz"))
        self.assertEqual(rows, bgpdump(CAPTURE))
        self.assertGreater(len(rows), 100000)
        self.assertGreater(len({p for p, _, _ in rows}), 10)

    def test_in_vrsd(self):
        self.table(*TABLE, "--mrt-out", self.path("t.mrt.bz2"), "--messages-out",
                   self.path("t.bgp.gz"))
        hop = ("--next-hop", "fd00::4")
        vrsd = self.start()
        want = self.feed(vrsd, N4 + N6, *TABLE, *hop)
        # Byte for byte, with no End-of-RIB twice. From MRT our AS comes a second time.
        self.assertEqual(want[1], len(gzip.decompress(self.read("t.bgp.gz"))))
        self.assertEqual(self.feed(vrsd, N4 + N6, "--mrt", self.path("t.bgp.gz"), "--raw"), want)
        again, _ = self.feed(vrsd, N4 + N6, "--mrt", self.path("t.mrt.bz2"), *hop)
        self.assertEqual(json.dumps(again), re.sub(r'"65001-', '"65001-65001-', json.dumps(want[0])))

    def test_damage(self):
        self.table(*TABLE, "--mrt-out", self.path("t.mrt"), "--messages-out", self.path("t.bgp"))
        vrsd = self.start()
        for name, word, raw in (("t.mrt", "record", ()), ("t.bgp", "message", ("--raw",))):
            whole = self.read(name)
            cut = self.path("cut", whole[:len(whole) // 2])
            run = self.vrslab("table", "--mrt", cut, "--json")
            self.assertEqual(run.returncode, 0, run.stderr)
            at = re.search(rf"warning: .*: at offset (\d+): a {word} is cut short", run.stderr)
            self.assertTrue(at, run.stderr)
            # What is before the offset, and nothing else, is used.
            peer = json.loads(run.stdout)["peers"][0]
            n = peer["ipv4"]["prefixes"] + peer["ipv6"]["prefixes"]
            good = self.table("--mrt", self.path("good", whole[:int(at[1])]))["peers"][0]
            self.assertEqual(good, peer)
            self.assertGreater(n, 1000)
            rows, _ = self.feed(vrsd, n, "--mrt", cut, *raw, "--next-hop", "fd00::4")
            self.assertEqual(sum(len(r) for r in rows.values()), n)
            self.assertIn(f"at offset {at[1]}: ".encode(), self.read("feed.log"))
            for command in (("table",), ("feed", "--local", "10.0.1.4", "--asn", "65001", "--peer",
                                         "10.0.0.4", "--next-hop", "fd00::4")):
                run = self.vrslab(*command, "--mrt", cut, "--strict")
                self.assertEqual(run.returncode, 1, run.stderr)
                self.assertIn(f"refused: {cut}: at offset {at[1]}: ", run.stderr)
                self.assertEqual(run.stdout, "")
                run = self.vrslab(*command, "--mrt", self.path("good"), "--strict", *(
                    ("--hold", "0") if command[0] == "feed" else ()))
                self.assertEqual(run.returncode, 0, run.stderr)
        # A marker in the middle.
        data = bytearray(self.read("t.bgp"))
        data[struct.unpack(">H", data[16:18])[0] + 3] = 0
        run = self.vrslab("table", "--mrt", self.path("bad", bytes(data)))
        self.assertIn(f"at offset {struct.unpack('>H', data[16:18])[0]}: no BGP message begins here",
                      run.stderr)
        # A record whose body makes no sense costs itself, or the file.
        data = bytearray(self.read("t.mrt"))
        first = 12 + struct.unpack(">I", data[8:12])[0]
        data[first + 12 + 4] = 33
        bad = self.path("bad", bytes(data))
        run = self.vrslab("table", "--mrt", bad, "--json")
        self.assertIn(f"1 malformed records, the first at offset {first}: ", run.stderr)
        self.assertEqual(json.loads(run.stdout)["peers"][0]["ipv4"]["prefixes"], N4 - 1)
        self.assertEqual(self.vrslab("table", "--mrt", bad, "--strict").returncode, 1)

    def test_replay_of_messages(self):
        # Private AS numbers are left out of a replay: a public one.
        self.table("--prefixes", "3k", "--asn", "3333", "--messages-out", self.path("t.bgp"))
        for words in (("--rate", "10k"), ()):
            run = self.vrslab("compare", "--targets", "vrs", "--repeats", "1", "--profile", "replay",
                              "--mrt", self.path("t.bgp"), "--out", self.path("out"), *words)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            with open(self.path("out/vrs-1.ndjson"), encoding="utf-8") as f:
                got = {r["event"]: r for r in map(json.loads, f)}
            self.assertEqual(got["capture"]["changes"], 3000)
            self.assertEqual(got["capture"]["left_out"], 0)
            self.assertEqual(got["capture"]["seconds"], 0)
            self.assertEqual(got["phase"]["verdict"], "right")
        self.table("--prefixes", "3k", "--messages-out", self.path("t.bgp"))
        run = self.vrslab("run", "--target", "10.0.0.4", "--local", "10.0.1.1", "--profile",
                          "replay", "--mrt", self.path("t.bgp"), "--wait", "1")
        self.assertEqual(run.returncode, 1)
        self.assertIn("all of it is left out (3000)", run.stderr)

    def test_same_seed_same_bytes(self):
        for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
            self.table("--prefixes", "2k", "--ipv6", "1k", "--seed", seed, "--mrt-out",
                       self.path(name + ".mrt"), "--messages-out", self.path(name + ".bgp.gz"))
        for tail in (".mrt", ".bgp.gz"):
            self.assertEqual(self.read("a" + tail), self.read("b" + tail))
            self.assertNotEqual(self.read("a" + tail), self.read("c" + tail))
        # "-" is stdout; what the table is like is told elsewhere.
        run = self.vrslab("table", "--prefixes", "2k", "--ipv6", "1k", "--seed", "3", "--mrt-out",
                          "-", text=False)
        self.assertEqual(run.returncode, 0)
        self.assertEqual(run.stdout, self.read("a.mrt"))
        self.assertIn(b"IPv4: 2000 prefixes", run.stderr)

    def test_what_cannot_be_written(self):
        for option in ("--mrt-out", "--messages-out"):
            for path, text in (("/dev/full", "No space left"), ("/proc/none", "No such file"),
                               (self.path("no/such"), "No such file"), (self.folder, "directory")):
                run = self.vrslab("table", "--prefixes", "20k", option, path)
                self.assertEqual(run.returncode, 1, path)
                self.assertIn(f"vrslab table: {path}: ", run.stderr)
                self.assertIn(text, run.stderr)
                self.assertEqual(run.stdout, "")
        with open("/dev/full", "wb") as full:
            run = subprocess.run([f"{BUILD}/tools/vrslab/vrslab", "table", "--prefixes", "10"],
                                 stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"No space left", run.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_usage(self):
        for words, code, text in (
                ((), 2, "is needed"), (("--prefixes", "5000001"), 2, "up to 5000000"),
                (("--mrt", "x", "--prefixes", "1"), 2, "takes the place"),
                (("--mrt", "/nonexistent"), 1, "No such file"),
                (("--mrt", self.path("e", b"")), 1, "no such peer, or no route"),
                (("--mrt", self.path("e", b"a text, and no table\n")), 1, "at offset 0")):
            with self.subTest(words):
                run = self.vrslab("table", *words)
                self.assertEqual(run.returncode, code, run.stderr)
                self.assertIn(text, run.stderr)
        self.assertIn("--messages-out FILE", self.vrslab("table", "--help").stdout)
        for command in ("feed", "run", "table"):
            self.assertIn("BGP messages one after the other",
                          " ".join(self.vrslab(command, "--help").stdout.split()))


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"], ["10.0.0.4", "10.0.1.1", "10.0.1.4"]))
