#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""libvrs as it is installed: the examples are built against `meson install --destdir`, as C and as
C++, and run against a BGP peer; and vrsd without I/O threads.

    python3 tests/e2e/embed_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import json
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from ipaddress import ip_network

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402
import carrier  # noqa: E402
from carrier import carried  # noqa: E402
from daemon import Daemon  # noqa: E402
from speaker import Speaker  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = None
# Where the peers of the FIB test announce: examples/fib.c asks near them.
IPV4, IPV6 = int(ip_network("20.0.0.0/8")[0]), int(ip_network("2001:db8::/32")[0])
CONFIG = """
process: {{{process}ioThreads: {threads}}}
virtualNetworks:
  - name: hub
    addressPrefixes: [10.0.0.0/16, "fd00:10::/48"]
    subnets:
      - {{name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}}
      - {{name: nva, addressPrefixes: [10.0.1.0/24, "fd00:10:0:1::/64"]}}
      - {{name: vms, addressPrefix: 10.0.2.0/24}}
      - {{name: users, addressPrefix: 10.0.3.0/24, routeTable: rt}}
      - {{name: closed, addressPrefix: 10.0.4.0/24, routeTable: no-bgp}}
routeTables:
  - name: rt
    routes:
      - {{name: a, addressPrefix: 203.0.113.0/24, nextHopType: None}}
      - {{name: b, addressPrefix: 20.0.0.0/20, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.1.9}}
      - {{name: c, addressPrefix: "2001:db8::/60", nextHopType: VirtualAppliance, nextHopIpAddress: "fd00:10:0:1::9"}}
  - {{name: no-bgp, disableBgpRoutePropagation: true}}
networkInterfaces:
  - {{name: vm1, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.4}}
  - {{name: vm2, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.5}}
  - {{name: user, virtualNetwork: hub, subnet: users, privateIpAddress: 10.0.3.4}}
  - {{name: closed, virtualNetwork: hub, subnet: closed, privateIpAddress: 10.0.4.4}}
routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterIps: [10.0.0.4]
    bgpConnections:
      - {{name: nva, peerIp: 10.0.1.4, peerAsn: 65001, passive: true}}
      - {{name: nvb, peerIp: 10.0.1.5, peerAsn: 65002, passive: true}}
"""


class Installed:
    """A tree that meson installed into, once for all tests."""

    tree = None

    @classmethod
    def get(cls):
        if cls.tree is None:
            cls.tree = tempfile.mkdtemp(prefix="vrs-embed-")
            subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.tree],
                           check=True, capture_output=True, timeout=120)
        return cls.tree

    @classmethod
    def libdir(cls):
        for directory, _, files in os.walk(cls.get()):
            if "libvrs.pc" in files:
                return os.path.dirname(directory)
        raise AssertionError("libvrs.pc was not installed")

    @classmethod
    def flags(cls, *more):
        """What pkg-config says, with the tree as the root of all that is asked for."""
        env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=cls.get(),
                   PKG_CONFIG_PATH=f"{cls.libdir()}/pkgconfig")
        out = subprocess.run(["pkg-config", "--cflags", "--libs", *more, "libvrs"], check=True,
                             capture_output=True, text=True, timeout=20, env=env).stdout
        return out.split()

    @classmethod
    def env(cls):
        return dict(os.environ, LD_LIBRARY_PATH=cls.libdir())


def sanitizer():
    options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", BUILD], check=True,
                                        capture_output=True, text=True, timeout=60).stdout)
    value = next(o["value"] for o in options if o["name"] == "b_sanitize")
    return [] if value == "none" else [f"-fsanitize={value}"]


def compile_example(name, out, compiler, *flags):
    subprocess.run([*compiler, "-O1", "-g", "-Wall", "-Wextra", "-Werror", *sanitizer(),
                    f"{ROOT}/examples/{name}", "-x", "none", *flags, "-o", out],
                   check=True, timeout=120)


C = ["cc", "-std=gnu17", "-pedantic", "-x", "c"]
CXX = ["g++", "-std=c++17", "-pedantic", "-x", "c++"]


class Program:
    """examples/embed with its lines, read as they come."""

    def __init__(self, command, env):
        self.process = subprocess.Popen(command, env=env, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.table = {}

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def next(self, timeout=20):
        line = self.lines.get(timeout=timeout)
        if line is None:
            raise AssertionError(f"it ended: {self.process.wait()}")
        words = line.split()
        if words[0] == "resync":
            self.table = {}
        elif words[0] == "set":
            self.table[words[1]] = " ".join(words[2:])
        elif words[0] == "delete":
            del self.table[words[1]]
        return line

    def until(self, condition, timeout=20):
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"not within {timeout} s: {self.table}")
            try:
                self.next(0.1)
            except queue.Empty:
                pass

    def ask(self, address):
        self.process.stdin.write(f"{address}\n")
        self.process.stdin.flush()
        line = ""
        while not line.startswith(f"{address}: "):
            line = self.next()
        return line[len(address) + 2:]

    def end(self):
        self.process.stdin.close()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()


class Embedding(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="vrs-embed-")
        self.addCleanup(shutil.rmtree, self.dir)

    def config(self, threads):
        path = f"{self.dir}/vrs.yaml"
        with open(path, "w", encoding="ascii") as f:
            f.write(carried(CONFIG.format(process="", threads=threads)))
        return path

    def embed(self, compiler, threads, *more):
        out = f"{self.dir}/embed"
        compile_example("embed.c", out, compiler, *(more or Installed.flags()))
        p = Program([out, self.config(threads), "vm1"], Installed.env())
        self.addCleanup(p.process.kill)
        p.until(lambda: "10.0.0.0/16" in p.table)
        return p

    def follow(self, p):
        a = Speaker("10.0.1.4", "10.0.0.4", 65001).open()
        self.addCleanup(a.close)
        b = Speaker("10.0.1.5", "10.0.0.4", 65002).open()
        self.addCleanup(b.close)
        self.assertEqual(p.table["0.0.0.0/0"], "1 3")
        a.announce(["203.0.113.0/24", "0.0.0.0/0", "10.0.9.0/24"])
        p.until(lambda: p.table.get("203.0.113.0/24") == "2 1 10.0.1.4"
                and p.table["0.0.0.0/0"] == "2 1 10.0.1.4")
        self.assertNotIn("10.0.9.0/24", p.table)  # Inside the network: suppressed.
        b.announce(["203.0.113.0/24"])
        p.until(lambda: p.table["203.0.113.0/24"] == "2 1 10.0.1.4,10.0.1.5")
        self.assertEqual(p.ask("203.0.113.77"), "2 1 /24 10.0.1.4,10.0.1.5")
        self.assertEqual(p.ask("10.0.9.1"), "1 2 /16")
        self.assertEqual(p.ask("8.8.8.8"), "2 1 /0 10.0.1.4")
        self.assertEqual(p.ask("2001:db8::1"), "1 3 /0")
        self.assertEqual(p.ask("nonsense"), "Invalid argument")
        a.withdraw(["0.0.0.0/0"])  # The platform's own comes back.
        p.until(lambda: p.table["0.0.0.0/0"] == "1 3")
        a.close()
        p.until(lambda: p.table["203.0.113.0/24"] == "2 1 10.0.1.5")
        b.close()
        p.until(lambda: "203.0.113.0/24" not in p.table)
        self.assertEqual(p.end(), 0)

    def test_a_c_host_with_a_loop_of_its_own(self):
        p = self.embed(C, 0)
        if not sanitizer():  # They have threads of their own. So has EAL, for interrupts.
            self.assertEqual(len(os.listdir(f"/proc/{p.process.pid}/task")), 1 + carrier.DPDK)
        self.follow(p)

    def test_a_cxx_host_with_threads_of_the_library(self):
        self.follow(self.embed(CXX, 2))

    def test_a_host_linked_statically(self):
        flags = [f for f in Installed.flags("--static") if not f.startswith("-L")]
        flags[flags.index("-lvrs")] = f"{Installed.libdir()}/libvrs.a"
        # Not what nothing asks for: TSan's suppression of liburcu is for one library.
        self.follow(self.embed(C, 0, "-Wl,--as-needed", *flags))

    def test_a_refused_configuration_is_told(self):
        out = f"{self.dir}/embed"
        compile_example("embed.c", out, C, *Installed.flags())
        with open(f"{self.dir}/bad.yaml", "w", encoding="ascii") as f:
            f.write("routeServers: 3\n")
        run = subprocess.run([out, f"{self.dir}/bad.yaml", "vm1"], env=Installed.env(), check=False,
                             capture_output=True, text=True, timeout=20)
        self.assertEqual(run.returncode, 1)
        self.assertIn("config:1:15: error: wrong-type: ", run.stderr)

    def test_a_fib_for_each_class(self):
        has = subprocess.run(["pkg-config", "--exists", "libdpdk"], check=False).returncode == 0
        if not has:
            print("skipped: no libdpdk")
            self.skipTest("no libdpdk")
        dpdk = subprocess.run(["pkg-config", "--cflags", "--libs", "libdpdk"], check=True,
                              capture_output=True, text=True, timeout=20).stdout.split()
        out = f"{self.dir}/fib"
        compile_example("fib.c", out, ["cc", "-std=gnu17", "-x", "c"], *Installed.flags(), *dpdk)
        fib = subprocess.Popen(
            [out, self.config(0), "6", "vm1", "vm2", "user", "closed", "--", "--no-huge",
             "-m", "512", "--no-pci", "--no-shconf", "--no-telemetry", "-l", "0"],
            env=Installed.env(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(fib.kill)
        a = self.speaker(fib, "10.0.1.4", 65001, "fd00:10:0:1::4")
        b = self.speaker(fib, "10.0.1.5", 65002, "fd00:10:0:1::5")
        rng, end = random.Random(1), time.monotonic() + 4

        def some(base, shift, lengths):
            """Prefixes of one of 64 subnets each, or around it."""
            return sorted({f"{ip_network((base + (rng.randrange(64) << shift), n), strict=False)}"
                           for n in rng.choices(lengths, k=50)})

        while time.monotonic() < end:
            peer = rng.choice((a, b))
            routes = some(IPV4, 8, (18, 20, 22, 24))
            routes6 = some(IPV6, 64, (32, 48, 58, 60, 62, 64)) + some(IPV6, 62, (66, 72, 127))
            if rng.random() < 0.6:
                peer.announce([*routes, "0.0.0.0/0", "203.0.113.0/24"])
                peer.announce6([*routes6, "::/0"])
            else:
                peer.withdraw([*routes, "0.0.0.0/0"])
                peer.withdraw6([*routes6, "::/0"])
            time.sleep(0.01)
        text = fib.communicate(timeout=60)[0]
        self.assertEqual(fib.returncode, 0, text)
        m = re.search(r"(\d+) tables, (\d+) resyncs, (\d+) deltas, (\d+) addresses compared, of which "
                      r"learned routes answer (\d+) IPv4 and (\d+) IPv6, (\d+) wrong", text)
        self.assertIsNotNone(m, text)
        print(m.group(0))
        tables, _, deltas, compared, learned4, learned6, wrong = (int(x) for x in m.groups())
        self.assertEqual((tables, wrong), (3, 0))
        self.assertGreater(deltas, 100)
        self.assertGreater(compared, 20000)
        self.assertGreater(learned4, 1000)
        self.assertGreater(learned6, 1000)

    def speaker(self, process, address, asn, next_hop6):
        """Opens when the program listens."""
        end = time.monotonic() + 20
        while True:
            try:
                s = Speaker(address, "10.0.0.4", asn, next_hop6=next_hop6).open()
                self.addCleanup(s.close)
                return s
            except OSError:
                if time.monotonic() > end or process.poll() is not None:
                    raise
                time.sleep(0.05)


class WithoutThreads(unittest.TestCase):
    """vrsd with ioThreads: 0."""

    def test_the_main_thread_does_it_all(self):
        process = 'stateDir: "{dir}", controlSocket: "{dir}/vrs.sock", '
        text = CONFIG.format(process=process, threads=0)
        d = Daemon(BUILD, text)
        self.addCleanup(lambda: self.assertEqual(d.stop(), 0))
        names = {open(f"/proc/{d.process.pid}/task/{t}/comm", encoding="ascii").read().strip()
                 for t in os.listdir(f"/proc/{d.process.pid}/task")}
        self.assertFalse({"vrs-io", "vrs-propagate"} & names, names)
        a = Speaker("10.0.1.4", "10.0.0.4", 65001).open()
        self.addCleanup(a.close)
        a.announce(["203.0.113.0/24"])
        d.wait(lambda: d.vrsctl("nic", "show-next-hop", "--name", "vm1", "--dest-ip",
                                "203.0.113.9")["nextHopIpAddress"] == ["10.0.1.4"])
        self.assertEqual(len(d.vrsctl("route", "show", "203.0.113.0/24", "--routeserver", "rs")
                             ["paths"]), 1)
        d.reload(text.replace("nextHopType: None", "nextHopType: Internet"))
        session = d.sessions()["nva", 0]
        self.assertEqual((session["state"], session["prefixesReceived"]), ("Established", 1))
        d.reload(text.replace("ioThreads: 0", "ioThreads: 1"), refused=True)


if __name__ == "__main__":
    try:
        code = inside.main(sys.modules[__name__], ["10.0.0.4", "10.0.1.4", "10.0.1.5"])
    finally:
        if Installed.tree is not None:
            shutil.rmtree(Installed.tree, ignore_errors=True)
    sys.exit(code)
