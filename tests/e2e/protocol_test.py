#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""The corners of the protocol that no daemon shows at will: extended messages, enhanced refresh,
roles, timers, reasons, texts; each against a running vrsd.

    python3 tests/e2e/protocol_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import os
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402
from daemon import NETWORK, Daemon  # noqa: E402
from speaker import (KEEPALIVE, NOTIFICATION, OPEN, REFRESH, UPDATE, Speaker,  # noqa: E402
                     attribute, capabilities, heard, message, nlri)

CONFIG = NETWORK + """routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterIps: [10.0.0.4]
    bgpConnections:
      - {name: a, peerIp: 10.0.1.4, peerAsn: 65001, passive: true}
      - {name: b, peerIp: 10.0.1.5, peerAsn: 65002, passive: true}
      - {name: c, peerIp: 10.0.1.6, peerAsn: 65003, passive: true, role: rs}
      - {name: d, peerIp: 10.0.1.7, peerAsn: 65004, passive: true, holdSeconds: 0}
      - {name: e, peerIp: 10.0.1.8, peerAsn: 65005, passive: true, holdSeconds: 9}
"""
ADDRESSES = {"a": "10.0.1.4", "b": "10.0.1.5", "c": "10.0.1.6", "d": "10.0.1.7", "e": "10.0.1.8"}
ASNS = {"a": 65001, "b": 65002, "c": 65003, "d": 65004, "e": 65005}
EXTENDED_MESSAGES, ENHANCED_REFRESH = bytes([6, 0]), bytes([70, 0])
BORR, EORR = 1, 2
BUILD = None


def role(number):
    return bytes([9, 1, number])


class Peer(Speaker):
    """A speaker of one of the configured connections, with further capabilities."""

    def __init__(self, name, extra=b"", **options):
        super().__init__(ADDRESSES[name], "10.0.0.4", ASNS[name], **options)
        self.extra = extra

    def capabilities(self):
        return super().capabilities() + self.extra

    def send_refresh(self, subtype):
        self.sock.sendall(message(REFRESH, struct.pack("!HBB", 1, subtype, 1)))

    def has(self, word):
        """Whether a word that begins like this was heard in time."""
        return self.wait(lambda got: any(w.startswith(word) for w in heard(got)))


class Protocol(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(BUILD, CONFIG)
        self.addCleanup(lambda: self.assertEqual(self.daemon.stop(), 0))

    def peer(self, name, extra=b"", **options):
        peer = Peer(name, extra, **options).open()
        self.addCleanup(peer.close)
        self.assertTrue(peer.has("end"), heard(peer.received))
        return peer

    def last_error(self, name):
        return self.daemon.sessions()[(name, 0)]["lastError"]

    def route(self, prefix):
        return self.daemon.vrsctl("route", "show", prefix, "--routeserver", "rs")["paths"]

    def test_extended_messages_go_both_ways(self):
        """RFC 8654: 24 kB of communities reach who can take them, and nobody else."""
        a, b, e = self.peer("a", EXTENDED_MESSAGES), self.peer("b", EXTENDED_MESSAGES), self.peer("e")
        a.announce(["192.0.2.0/24"])
        for peer in (b, e):
            self.assertTrue(peer.has("+192.0.2.0/24"))
        communities = [(65001, i) for i in range(6000)]
        a.announce(["192.0.2.0/24", "198.51.100.0/24"], communities=communities)
        self.assertTrue(b.has("+198.51.100.0/24"))
        sizes = [len(body) for kind, body in b.received if kind == UPDATE]
        self.assertGreater(max(sizes), 24000)
        # RFC 8654 section 4: who cannot be told has it withdrawn.
        self.assertTrue(e.has("-192.0.2.0/24"), heard(e.received))
        self.assertFalse(any("+198.51.100.0/24" in w for w in heard(e.received)))
        self.assertLess(max(len(body) for _, body in e.received), 4096)
        a.announce(["192.0.2.0/24", "198.51.100.0/24"])
        self.assertTrue(e.has("+198.51.100.0/24"))

    def test_a_length_that_is_none_is_not_waited_for(self):
        """RFC 4271 section 6.1, also when the header comes in two pieces."""
        for cut in (19, 10, 18):
            with self.subTest(cut=cut):
                peer = self.peer("e")
                peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                before = self.daemon.counter("receiveBytes")
                header = b"\xff" * 16 + struct.pack("!HB", 30000, KEEPALIVE)
                peer.sock.sendall(header[:cut])
                # They have been read by themselves.
                self.daemon.wait(lambda b=before, c=cut: self.daemon.counter("receiveBytes") >= b + c)
                peer.sock.sendall(header[cut:])
                self.assertTrue(peer.has("notification 1"), heard(peer.received))
                peer.close()

    def test_a_refresh_marks_and_sweeps(self):
        """RFC 7313: stale between BoRR and EoRR, gone after it if not announced again."""
        a, b = self.peer("a", ENHANCED_REFRESH), self.peer("b", ENHANCED_REFRESH)
        a.announce(["192.0.2.0/24", "198.51.100.0/24"])
        b.announce(["192.0.2.0/24"], path=[65002, 65010])
        self.assertTrue(b.has("+198.51.100.0/24"))
        self.daemon.wait(lambda: len(self.route("192.0.2.0/24")) == 2)
        self.assertEqual(self.route("192.0.2.0/24")[0]["peer"], "a")
        a.send_refresh(BORR)
        # The longer path wins over the stale one.
        self.daemon.wait(lambda: self.route("192.0.2.0/24")[0]["peer"] == "b")
        self.assertEqual(self.route("192.0.2.0/24")[1]["reason"], "stale")
        a.announce(["192.0.2.0/24"])
        self.daemon.wait(lambda: self.route("192.0.2.0/24")[0]["peer"] == "a")
        a.send_refresh(EORR)
        self.assertTrue(b.has("-198.51.100.0/24"), heard(b.received))
        self.assertEqual(self.daemon.sessions()[("a", 0)]["prefixesReceived"], 1)
        # And the other way: what we send again stands between markers.
        with b.changed:
            b.received.clear()
        b.send_refresh(0)
        self.assertTrue(b.wait(lambda got: (REFRESH, bytes([0, 1, EORR, 1])) in got))
        kinds = [(k, body[2]) for k, body in b.received if k == REFRESH]
        self.assertEqual(kinds, [(REFRESH, BORR), (REFRESH, EORR)])
        self.assertIn("+10.0.0.0/16 via 10.0.0.4 path 65515", heard(b.received))

    def test_what_a_refresh_sweeps_counts_no_more(self):
        """limits.counting azure: swept routes are gone from the count, too."""
        limited = CONFIG.replace("    bgpConnections:", "    limits: {routesPerPeer: 5, counting: "
                                 "azure}\n    bgpConnections:")
        self.daemon.reload(limited)
        a = self.peer("a", ENHANCED_REFRESH)
        for i in range(5):
            a.send_refresh(BORR)
            a.announce([f"192.0.{2 * i}.0/24", f"192.0.{2 * i + 1}.0/24"])
            a.send_refresh(EORR)
            self.daemon.wait(lambda: {r["network"] for r in self.daemon.vrsctl(
                "routeserver", "peering", "list-learned-routes", "--routeserver", "rs", "--name",
                "a")["RouteServiceRole_IN_0"]} == {f"192.0.{2 * i}.0/24", f"192.0.{2 * i + 1}.0/24"}
                or self.assertEqual(self.daemon.sessions()[("a", 0)]["state"], "Established"))
        self.assertEqual(self.daemon.counter("maxPrefixHits"), 0)

    def test_a_network_of_many_prefixes(self):
        """All of them are told and listed, before what was learned."""
        own = ["10.0.0.0/16"] + [f"10.{1 + i // 256}.{i % 256}.0/24" for i in range(700)]
        self.daemon.reload(CONFIG.replace("[10.0.0.0/16]", "[" + ", ".join(own) + "]", 1))
        a, b = self.peer("a"), self.peer("b")
        a.announce(["192.0.2.0/24"])
        self.assertTrue(b.has("+192.0.2.0/24"))
        told = self.daemon.vrsctl("routeserver", "peering", "list-advertised-routes",
                                  "--routeserver", "rs", "--name", "b")
        networks = [r["network"] for r in told["RouteServiceRole_IN_0"]]
        self.assertEqual(sorted(networks[:-1]), sorted(own))
        self.assertEqual(networks[-1], "192.0.2.0/24")

    def test_med_is_no_step_between_neighbour_ases(self):
        """MED says nothing between neighbour ASes: the identifiers decide."""
        a, b = self.peer("a"), self.peer("b")
        a.announce(["192.0.2.0/24"], path=[65001, 7], med=10)
        b.announce(["192.0.2.0/24"], path=[65002, 7], med=5)
        self.daemon.wait(lambda: len(self.route("192.0.2.0/24")) == 2)
        steps = {p["peer"]: p.get("reason") for p in self.route("192.0.2.0/24")}
        self.assertEqual(steps["b"], "router-id")

    def test_roles(self):
        """RFC 9234: we are the Route Server; a client's ONLY_TO_CUSTOMER is a leak."""
        wrong = Peer("c", role(0))
        with self.assertRaises(TimeoutError):
            wrong.open(timeout=2)
        notes = [tuple(body[:2]) for kind, body in wrong.received if kind == NOTIFICATION]
        self.assertIn((2, 11), notes)
        self.assertEqual((self.last_error("c")["code"], self.last_error("c")["subcode"]), (2, 11))
        self.daemon.wait(lambda: self.daemon.sessions()[("c", 0)]["state"] != "Idle", 40)
        c, a = self.peer("c", role(2)), self.peer("a")
        opens = [capabilities(body) for kind, body in c.received if kind == OPEN]
        self.assertEqual(opens[-1][9], [bytes([1])])
        self.assertIn("+10.0.0.0/16 via 10.0.0.4 path 65515 attr35", heard(c.received))
        a.announce(["192.0.2.0/24"])
        self.assertTrue(c.has("+192.0.2.0/24 via 10.0.1.4 path 65515-65001 attr35"))
        leak = attribute(0x40, 1, b"\0") + attribute(0x40, 2, struct.pack("!BBI", 2, 1, 65003))
        leak += attribute(0x40, 3, bytes([10, 0, 1, 6])) + attribute(0xC0, 35, bytes([0, 0, 0, 9]))
        c._update(b"", leak, nlri("203.0.113.0/24"))
        c.announce(["198.51.100.0/24"])
        self.assertTrue(a.has("+198.51.100.0/24"))
        self.assertFalse(any("203.0.113.0/24" in w for w in heard(a.received)))
        self.assertEqual(self.route("203.0.113.0/24")[0]["reason"], "otc")

    def test_timers(self):
        """RFC 4271 section 4.2: the lower hold time of both, a third of it, or none at all."""
        d, e = self.peer("d", hold=3), self.peer("e", hold=3)
        begin = time.monotonic()
        self.assertTrue(e.wait(lambda got: sum(k == KEEPALIVE for k, _ in got) >= 4))
        self.assertLess(time.monotonic() - begin, 6)
        # Nothing is sent to, nor wanted from, a peer without a hold time; 3 s of silence end
        # the other.
        self.assertTrue(e.wait(lambda got: any(k == NOTIFICATION for k, _ in got)))
        self.assertEqual([tuple(b[:2]) for k, b in e.received if k == NOTIFICATION], [(4, 0)])
        self.assertEqual(sum(k == KEEPALIVE for k, _ in d.received), 1)
        self.assertEqual(self.daemon.sessions()[("d", 0)]["state"], "Established")
        self.assertEqual(self.last_error("e")["code"], 4)

    def test_unusable_routes_keep_their_reason(self):
        a, b = self.peer("a"), self.peer("b")
        a.announce(["192.0.2.0/24"], path=[65001, 65515])
        a.announce(["198.51.100.0/24"], path=[65009, 65001])
        a.announce(["203.0.113.0/24"], next_hop="172.16.0.1")
        a.announce(["203.0.114.0/24"], next_hop="10.0.0.4")
        a.announce(["127.1.0.0/16", "20.0.0.0/8"])
        self.assertTrue(b.has("+20.0.0.0/8"))
        rows = self.daemon.vrsctl("routeserver", "peering", "list-learned-routes", "--routeserver",
                                  "rs", "--name", "a")["RouteServiceRole_IN_0"]
        self.assertEqual({r["network"]: r.get("reason") for r in rows}, {
            "192.0.2.0/24": "own-as", "198.51.100.0/24": "first-as", "203.0.113.0/24": "next-hop",
            "203.0.114.0/24": "next-hop", "127.1.0.0/16": "martian", "20.0.0.0/8": None})
        self.assertEqual([w for w in heard(b.received) if w.startswith("+")],
                         ["+10.0.0.0/16 via 10.0.0.4 path 65515",
                          "+20.0.0.0/8 via 10.0.1.4 path 65515-65001"])

    def test_errors_are_treated_one_by_one(self):
        """RFC 7606: a bad route goes, its session and its neighbours stay."""
        a, b = self.peer("a"), self.peer("b")
        a.announce(["192.0.2.0/24", "198.51.100.0/24"])
        self.assertTrue(b.has("+198.51.100.0/24"))
        bad = attribute(0x40, 1, b"\7") + attribute(0x40, 2, struct.pack("!BBI", 2, 1, 65001))
        bad += attribute(0x40, 3, bytes([10, 0, 1, 4]))
        a._update(b"", bad, nlri("192.0.2.0/24"))
        self.assertTrue(b.has("-192.0.2.0/24"))
        session = self.daemon.sessions()[("a", 0)]
        self.assertEqual((session["state"], session["treatAsWithdraw"],
                          session["prefixesReceived"]), ("Established", 1, 1))
        a._update(b"", bad, b"\x40")
        self.assertTrue(a.wait(lambda got: any(k == NOTIFICATION for k, _ in got)))
        self.assertTrue(b.has("-198.51.100.0/24"))
        self.assertEqual((self.last_error("a")["code"], self.last_error("a")["subcode"]), (3, 10))

    def test_texts_are_shown_and_logged(self):
        """RFC 9003, in any language."""
        a = self.peer("a")
        text = "Wartung bis 06:00 \u2013 gr\u00fc\u00dfe".encode()
        a.sock.sendall(message(NOTIFICATION, bytes([6, 2, len(text)]) + text))
        self.daemon.wait(lambda: self.last_error("a") is not None)
        self.assertEqual(self.last_error("a")["text"], text.decode())
        self.assertEqual(self.last_error("a")["direction"], "received")
        self.assertIn(f"received Cease, Administrative Shutdown: {text.decode()}",
                      self.daemon.log())


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules[__name__], ["10.0.0.4", *ADDRESSES.values()]))
