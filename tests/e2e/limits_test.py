#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Limits of a peer: maximum prefixes with each action, and both ways of counting.

    python3 tests/e2e/limits_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402
from daemon import NETWORK, Daemon  # noqa: E402
from speaker import NOTIFICATION, Speaker  # noqa: E402

CONFIG = NETWORK + """routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterIps: [10.0.0.4]
    limits: %s
    bgpConnections:
      - {name: nva, peerIp: 10.0.1.4, peerAsn: 65001, passive: true%s}
"""
PREFIXES = ["203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"]
BUILD = None


class Limits(unittest.TestCase):
    def start(self, limits, more=""):
        self.daemon = Daemon(BUILD, CONFIG % (limits, more))
        self.addCleanup(lambda: self.assertEqual(self.daemon.stop(), 0))
        speaker = Speaker("10.0.1.4", "10.0.0.4", 65001).open()
        self.addCleanup(speaker.close)
        return speaker

    def session(self):
        return self.daemon.sessions()["nva", 0]

    def wait(self, **expected):
        """Until the session's status says so."""
        self.daemon.wait(lambda: expected.items() <= self.session().items())

    def assert_ceased(self, speaker):
        self.assertTrue(speaker.wait(
            lambda got: any(k == NOTIFICATION and b[:2] == b"\x06\x01" for k, b in got)))
        self.daemon.wait(lambda: self.session()["state"] != "Established")
        error = self.session()["lastError"]
        self.assertEqual((error["code"], error["subcode"], error["direction"]), (6, 1, "sent"))

    def test_over_routes_per_peer_is_cease_1(self):
        speaker = self.start("{routesPerPeer: 2}")
        speaker.announce(PREFIXES)
        self.assert_ceased(speaker)

    def test_at_the_limit_stays(self):
        speaker = self.start("{routesPerPeer: 3}")
        speaker.announce(PREFIXES)
        speaker.announce(PREFIXES, med=5)  # Replaces: distinct prefixes are what counts.
        self.wait(prefixesReceived=3)
        self.assertEqual(self.session()["state"], "Established")

    def test_azure_counts_replacements_too(self):
        speaker = self.start("{routesPerPeer: 5, counting: azure}")
        speaker.announce(PREFIXES)
        speaker.announce(PREFIXES, med=5)
        self.assert_ceased(speaker)

    def test_azure_forgives_a_second_later(self):
        speaker = self.start("{routesPerPeer: 5, counting: azure}")
        speaker.announce(PREFIXES)
        speaker.announce(PREFIXES[:2], med=5)  # 5 counted, 3 after a second of quiet
        self.wait(prefixesReceived=3)
        time.sleep(1.3)  # The rule under test is a time.
        speaker.announce(PREFIXES[:2], med=6)
        speaker.withdraw(PREFIXES[2:])
        self.wait(prefixesReceived=2)
        self.assertEqual(self.session()["state"], "Established")

    def test_warn_keeps_the_session_and_the_routes(self):
        speaker = self.start("{}", ", maxPrefixes: 2, maxPrefixAction: warn")
        speaker.announce(PREFIXES)
        self.wait(prefixesUsable=3)
        self.assertEqual(self.session()["state"], "Established")

    def test_discard_keeps_what_is_over_as_unusable(self):
        speaker = self.start("{}", ", maxPrefixes: 2, maxPrefixAction: discard")
        speaker.announce(PREFIXES)
        self.wait(prefixesReceived=3)
        self.assertEqual(self.session()["prefixesUsable"], 2)
        rows = self.daemon.vrsctl("routeserver", "peering", "list-learned-routes", "--name", "nva")
        reasons = [r.get("reason") for r in rows["RouteServiceRole_IN_0"]]
        self.assertEqual(sorted(filter(None, reasons)), ["limit"])


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"], ["10.0.0.4", "10.0.1.4"]))
