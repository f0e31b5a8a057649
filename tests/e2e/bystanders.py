# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""What tests of hostile surroundings share: good peers of a daemon that must not notice them."""

import os
import sys
import unittest

from daemon import NETWORK, Daemon
from speaker import NOTIFICATION, Speaker, heard

CONFIG = NETWORK + """networkInterfaces:
  - {name: vm, virtualNetwork: hub, subnet: nva, privateIpAddress: 10.0.1.100}
routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterIps: [10.0.0.4]
SERVER
    bgpConnections:
      - {name: bad, peerIp: 10.0.1.4, peerAsn: 65001, passive: true, holdSeconds: HOLD}
      - {name: bystander, peerIp: 10.0.1.5, peerAsn: 65002, passive: true}
      - {name: prober, peerIp: 10.0.1.6, peerAsn: 65003, passive: true}
"""
SERVER, BAD = ("10.0.0.4", 179), "10.0.1.4"


def config(server="", hold=180, process=""):
    text = CONFIG.replace("SERVER", server).replace("HOLD", str(hold))
    return text.replace('vrs.sock"', 'vrs.sock"' + process)


def block(i):
    """256 prefixes."""
    return [f"{11 + i // 256}.{i % 256}.{j}.0/24" for j in range(256)]


class Bystanders(unittest.TestCase):
    """A daemon with two good peers, which are asked in the end whether all is as it was."""

    def start(self, server="", hold=180, process="", wrapper=()):
        build = sys.modules[type(self).__module__].BUILD
        self.daemon = Daemon(build, config(server, hold, process), wrapper)
        self.addCleanup(lambda: self.assertEqual(self.daemon.stop(), 0))
        self.bystander = self.speaker("10.0.1.5", 65002)
        self.prober = self.speaker("10.0.1.6", 65003)
        self.bystander.announce(["198.51.100.0/24"])
        self.n_probes = 0
        self.probe()
        self.fds, self.rss = self.n_fds(), self.status("VmRSS")

    def speaker(self, local=BAD, asn=65001, **how):
        s = Speaker(local, SERVER[0], asn, **how)
        self.addCleanup(s.close)
        return s.open()

    def status(self, key):
        with open(f"/proc/{self.daemon.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith(key + ":"))

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))

    def counter(self, name):
        return self.daemon.vrsctl("status")["counters"][name]

    def session(self, name="bad"):
        return self.daemon.sessions()[(name, 0)]

    def probe(self):
        """A route of one good peer reaches the other within 10 s, and goes again."""
        self.n_probes += 1
        prefix = f"192.0.2.{self.n_probes}/32"
        self.prober.announce([prefix])
        word = f"+{prefix} via 10.0.1.6 path 65515-65003"
        self.assertTrue(self.bystander.wait(lambda got: word in heard(got[-200:]), 10), word)
        self.prober.withdraw([prefix])
        self.assertTrue(self.bystander.wait(lambda got: f"-{prefix}" in heard(got[-200:]), 10))

    def tearDown(self):
        """All is as it was."""
        if getattr(self, "bystander", None) is None or self.daemon.process.poll() is not None:
            return
        self.probe()
        for speaker in (self.bystander, self.prober):
            self.assertFalse([k for k, _ in speaker.received if k == NOTIFICATION])
        after = self.session("bystander")
        self.assertEqual((after["state"], after["timesEstablished"], after["prefixesReceived"]),
                         ("Established", 1, 1))
        self.daemon.wait(lambda: self.n_fds() <= self.fds + 2)
        if not self.sanitized():
            self.assertLess(self.status("VmRSS"), self.rss + 150000, "kB")

    def sanitized(self):
        with open(f"/proc/{self.daemon.process.pid}/maps", encoding="utf-8") as f:
            maps = f.read()
        return "libasan" in maps or "libtsan" in maps
