# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Against the kernel's TCP over wires that lose and throttle: tables arrive exactly, both ways at once.

A switch in a namespace of its own loses (nftables, by the kernel's dice) and throttles (tbf). dpdk_wire.py, which
loses by a seed and says what, is for tests that want to know.
"""

import json
import os
import subprocess
import sys
import time

import carrier
from dpdk_lab import HERE, OTHER, OTHER6, PEER, PEER6, US, US6, Wired, ip, is_long, ours, sysctl
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

    def bad_switch(self, loss=0, mbits=0, addresses=(PEER, OTHER)):
        """Between vrs0 and vrs1: it loses of each direction, and lets so much through."""
        self.namespace("switch")
        self.cable("vrs0", "vrsw0")
        self.cable("vrs1", "vrsw1")
        ip("link", "add", "brw", "type", "bridge", "mcast_snooping", "0", namespace="switch")
        for end in ("vrsw0", "vrsw1"):
            ip("link", "set", end, "netns", "switch")
            ip("link", "set", end, "master", "brw", "arp", "off", "up", namespace="switch")
            if mbits:
                carrier.command("tc", "-n", "switch", "qdisc", "add", "dev", end, "root", "tbf", "rate", f"{mbits}mbit",
                                "burst", "32k", "latency", "20ms")
        ip("link", "set", "brw", "arp", "off", "up", namespace="switch")
        self.nft("add table bridge t; add chain bridge t f { type filter hook forward priority 0; }; "
                 f"add rule bridge t f numgen random mod 1000 < {round(loss * 10)} counter drop; "
                 "add rule bridge t f counter")
        self.home("vrs0", *addresses)

    def nft(self, *words):
        return subprocess.run(["ip", "netns", "exec", "switch", "nft", *words], capture_output=True, text=True,
                              timeout=30, check=True).stdout

    def dropped(self):
        """(Frames that the switch lost, frames that passed.)"""
        rules = json.loads(self.nft("-j", "list", "chain", "bridge", "t", "f"))["nftables"]
        return [e["counter"]["packets"] for r in rules if "rule" in r for e in r["rule"]["expr"] if "counter" in e]

    def both_ways(self, ports=None, what="", n=N, ip6=False):
        """A table to vrsd, and from it to another peer. Returns vrsd."""
        peer, other, us = (PEER6, OTHER6, US6) if ip6 else (PEER, OTHER, US)
        table = {"n6": n} if ip6 else {"n": n}
        if ip6 and ports is None:
            ports = [ours(addresses=(f"{US6}/48",))]
        d = self.vrsd([{"peerIp": a} for a in (peer, other)], ports, us=(us,))
        listener = self.feed(other, peer=us)
        self.until("the listener is up", lambda: d.is_up(other), 30)
        began = time.monotonic()
        feed = self.feed(peer, peer=us, **table)
        self.received(d, peer, n, MOST_S)
        received = time.monotonic() - began
        # And the network's own prefix.
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

    def through_loss(self, control, ip6=False):
        for loss in (1, 5):
            with self.subTest(loss=loss):
                self.control(control)
                self.bad_switch(loss, 200, (PEER6, OTHER6) if ip6 else (PEER, OTHER))
                d = self.both_ways(None, f"{control}, 200 Mbit/s, {loss} % lost{', IPv6' * ip6}",
                                   N if loss < 5 else N // 2, ip6)
                self.assertGreater(d.counter("retransmits"), 0)
                lost, passed = self.dropped()
                self.assertGreater(lost, passed * loss / 200)
            self.doCleanups()
            self.setUp()

    def test_loss_with_reno(self):
        self.through_loss("reno")

    def test_loss_with_cubic(self):
        self.through_loss("cubic")

    def test_loss_with_bbr(self):
        self.through_loss("bbr")

    def test_loss_over_ipv6(self):
        self.through_loss("cubic", ip6=True)

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
        self.bad_switch(0, 50)
        self.both_ways(what="50 Mbit/s")

    def test_a_bad_wire_of_our_own(self):
        self.control("cubic")
        self.wire()
        self.both_ways([ours(badWire={"lossPpm": 20000, "reorderPpm": 20000, "duplicatePpm": 10000, "corruptPpm": 10000,
                                      "delayMicroseconds": 10000, "seed": SEED})],
                       "badWire with all, 10 ms", N // 2)
