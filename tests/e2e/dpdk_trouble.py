# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Against the kernel's TCP over wires that lose and throttle: tables arrive exactly, both ways at once.

The kernel has no netem here and nftables may not be there: dpdk_wire.py loses, by a seed; a bridge with tbf throttles.
"""

import json
import os
import sys
import time

from dpdk_lab import HERE, OTHER, PEER, US, Wired, is_long, ours, sysctl
from dpdk_peers import Crowd

N = 1000000 if is_long() else 200000
SEED = int(os.environ.get("VRS_SEED", "1"))
MOST_S = 240  # BBR of 6.18 is in no hurry over a wire that loses 5 %.


def available():
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control", encoding="ascii") as f:
        return f.read().split()


class Bad(Wired):
    """A test over a wire that loses."""

    def control(self, name):
        """The kernel's congestion control in this namespace."""
        if name not in available():
            self.skipTest(f"the kernel has no {name}")
        with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as f:
            before = f.read().strip()
        sysctl("net/ipv4/tcp_congestion_control", name)
        sysctl("net/ipv4/tcp_no_metrics_save", 1)
        self.addCleanup(sysctl, "net/ipv4/tcp_congestion_control", before)

    def bad_wire(self, loss, *addresses, log=None):
        """dpdk_wire.py between vrs0 and vrs1."""
        self.cable("vrs0", "vrsw0")
        self.cable("vrsw1", "vrs1")
        self.home("vrs0", *(addresses or (PEER, OTHER)))
        p = self.process([sys.executable, f"{HERE}/dpdk_wire.py", "vrsw0", "vrsw1", "--loss", str(loss), "--seed",
                          str(SEED), *(["--log", log] if log else [])], stdout=-1, text=True)
        self.assertEqual(p.stdout.readline(), "ready\n")
        return p

    def both_ways(self, ports=None, what="", n=N):
        """A table to vrsd, and from it to another peer. Returns vrsd."""
        d = self.vrsd(ports=ports)
        listener = self.feed(OTHER)
        self.until("the listener is up", lambda: d.is_up(OTHER), 30)
        began = time.monotonic()
        feed = self.feed(PEER, n)
        self.received(d, PEER, n, MOST_S)
        received = time.monotonic() - began
        self.until("all is told", lambda: listener.held() == n + 1, MOST_S, 0.1)
        told = time.monotonic() - began
        for s in d.sessions().values():
            self.assertEqual((s["state"], s["timesEstablished"]), ("Established", 1))
        self.assertEqual(len(feed.all("closed")) + len(listener.all("closed")), 0)
        c = d.counters()
        self.assertEqual((c["sessionsLost"], c["treatAsWithdraw"]), (0, 0))
        self.say(f"{what}: {n} received in {received:.1f} s, told in {told:.1f} s; out of order "
                 f"{c['segmentsOutOfOrder']}, duplicate {c['segmentsDuplicate']}; retransmits {c['retransmits']}, "
                 f"recoveries {c['lossRecoveries']}, probes {c['tailLossProbes']}, timeouts {c['retransmitTimeouts']}, "
                 f"undone {c['lossesUndone']}")
        return d


class Trouble(Bad):
    """See the module."""

    def through_loss(self, control):
        for loss in (1, 5):
            with self.subTest(loss=loss):
                self.control(control)
                wire = self.bad_wire(loss)
                d = self.both_ways(None, f"{control}, {loss} % lost, seed {SEED}", N if loss < 5 else N // 2)
                self.assertGreater(d.counter("retransmits"), 0)
                wire.terminate()
                carried, lost = json.loads(wire.stdout.read())["vrsw1"]
                self.assertGreater(lost, carried * loss / 200)
            self.doCleanups()
            self.setUp()

    def test_loss_with_reno(self):
        self.through_loss("reno")

    def test_loss_with_cubic(self):
        self.through_loss("cubic")

    def test_loss_with_bbr(self):
        self.through_loss("bbr")

    def signed(self, loss, each):
        crowd = Crowd(2, each, "through trouble")
        self.addCleanup(crowd.close)
        self.bad_wire(loss, *crowd.addresses)
        d = self.vrsd([{"peerIp": a, "peerAsn": crowd.asn(i), "passwordFile": self.password("through trouble")}
                       for i, a in enumerate(crowd.addresses)])
        began = time.monotonic()
        crowd.start(US)
        self.until("all are told", lambda: crowd.is_right(0) and crowd.is_right(1), MOST_S, 0.05)
        for (_, _), s in d.sessions().items():
            self.assertEqual((s["prefixesReceived"], s["timesEstablished"]), (each, 1))
        c = d.counters()
        self.assertEqual((crowd.lost, c["segmentsBadSignature"]), (0, 0))
        self.say(f"MD5, {loss} % lost: 2 x {each} in {time.monotonic() - began:.1f} s; out of order "
                 f"{c['segmentsOutOfOrder']}, retransmits {c['retransmits']}, timeouts {c['retransmitTimeouts']}")

    def test_loss_with_signed_segments(self):
        """Without timestamps then, and with less room for SACK."""
        self.control("cubic")
        self.signed(5, N)

    def test_a_wire_of_50_megabits(self):
        self.control("cubic")
        self.cable("vrs0", "vrsw0")
        self.cable("vrsw1", "vrs1")
        self.bridge("brw", "vrsw0", "vrsw1")
        for end in ("vrsw0", "vrsw1"):
            self.end(self.process(["tc", "qdisc", "add", "dev", end, "root", "tbf", "rate", "50mbit", "burst", "32k",
                                   "latency", "20ms"]), 0)
        self.home("vrs0", PEER, OTHER)
        self.both_ways(what="50 Mbit/s")

    def test_a_bad_wire_of_our_own(self):
        self.control("cubic")
        self.wire()
        self.both_ways([ours(badWire={"lossPpm": 20000, "reorderPpm": 20000, "duplicatePpm": 10000, "corruptPpm": 10000,
                                      "delayMicroseconds": 10000, "seed": SEED})],
                       "badWire with all, 10 ms", N // 2)
