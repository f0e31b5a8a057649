# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""tshark reads what vrsd said: an independent judge of its TCP. Every retransmission has a reason, every checksum
is right, nothing is sent that the peer has no room for.
"""

import json
import os
import shutil
import signal
import struct
import subprocess
import threading
import time

from dpdk_lab import OTHER, OTHER6, PEER, PEER6, US, US6, SignedSpeaker, ours, sysctl
from dpdk_peers import Crowd
from dpdk_trouble import Bad
from speaker import UPDATE, prefixes

N = 100000
FLAGS = ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment",
         "ack_lost_segment", "duplicate_ack", "window_full", "zero_window", "zero_window_probe", "reused_ports")


def read(path, where, *names):
    """These fields of frames, as tuples of text."""
    r = subprocess.run(
        ["tshark", "-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
         "-o", "tcp.relative_sequence_numbers:FALSE", "-d", "tcp.port==179,data", "-Y", where, "-T", "fields",
         "-E", "separator=|", *(a for n in names for a in ("-e", n))],
        capture_output=True, text=True, timeout=120, check=False)
    if r.returncode != 0:
        raise AssertionError(f"tshark: {r.stderr}")
    return [tuple(line.split("|")) for line in r.stdout.splitlines()]


def after(a, b):
    """Of sequence numbers."""
    return 0 < (a - b) & 0xffffffff < 1 << 31


class Slow(SignedSpeaker):
    """It does not read on once its session is up, until told to."""

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.going = threading.Event()

    def close(self):
        self.going.set()
        super().close()

    def _read_on(self):
        self.going.wait()
        super()._read_on()


class Captured(Bad):
    """What tests of both families do."""

    us, layer, pair, port = US, "ip", (PEER, OTHER), f"{US}/16"

    @property
    def sent_by_us(self):
        return f"{self.layer}.src=={self.us} && tcp"

    def setUp(self):
        super().setUp()
        if shutil.which("tshark") is None or shutil.which("dumpcap") is None:
            self.skipTest("no tshark")

    def capture(self, interface):
        path = f"{self.dir}/{interface}.pcap"
        self.dumpcap = self.process(["dumpcap", "-q", "-P", "-B", "64", "-i", interface, "-w", path],
                                    stderr=subprocess.PIPE, text=True)
        # It says "Capturing on" before it does: until a frame of nobody's has been taken.
        s = self.packets(interface)

        def taken():
            s.send(bytes(12) + b"\x88\xb5" + bytes(46))
            with open(path, "rb") as f:
                return b"\x88\xb5" in f.read(4096)

        self.until("the capture", lambda: os.path.exists(path) and taken(), 20)
        return path

    def captured(self):
        """Ends it."""
        time.sleep(0.3)  # What the kernel hands over late is in no condition to be seen.
        self.dumpcap.send_signal(signal.SIGINT)
        said = self.dumpcap.communicate(timeout=20)[1]
        self.assertIn("/0 (pcap:0", said, "the capture is not whole")

    def judge(self, path):
        """What tshark thinks of vrsd's segments: {name of tcp.analysis: how many}. Checksums are right, and nothing
        went beyond the window."""
        bad = read(path, f"{self.layer}.src=={self.us} && (tcp.checksum.status==0 || ip.checksum.status==0 || "
                   "_ws.malformed)", "frame.number")
        self.assertEqual(bad, [])
        rows = read(path, f"{self.sent_by_us} && tcp.analysis.flags", *(f"tcp.analysis.{f}" for f in FLAGS))
        self.within_windows(path)
        found = {f: sum(row[i] != "" for row in rows) for i, f in enumerate(FLAGS)}
        return {k: v for k, v in found.items() if v}

    def within_windows(self, path):
        """Each segment of vrsd's ends within what its peer has said there is room for; but for probes of one byte."""
        edge, beyond, scale = {}, [], {}
        for source, stream, seq, size, ack, window, shift, flags in read(
                path, f"tcp && {self.layer}", f"{self.layer}.src", "tcp.stream", "tcp.seq", "tcp.len", "tcp.ack",
                "tcp.window_size_value", "tcp.options.wscale.shift", "tcp.flags"):
            seq, size, ack, window = int(seq), int(size), int(ack), int(window)
            if source != self.us:
                if int(flags, 16) & 2:
                    scale[stream] = int(shift or 0)
                    window >>= scale[stream]
                right = (ack + (window << scale.get(stream, 0))) & 0xffffffff
                if stream not in edge or after(right, edge[stream]):
                    edge[stream] = right
            elif size > 0 and stream in edge and after((seq + size) & 0xffffffff, edge[stream]):
                beyond.append((stream, seq, size, edge[stream]))
        self.assertEqual([b for b in beyond if b[2] > 1], [])

    def test_no_loss_no_retransmission(self):
        """But for tail loss probes, whose timers a busy machine may outrun."""
        self.control("cubic")
        self.wire(*self.pair)
        path = self.capture("vrs0")
        d = self.both_ways([ours(addresses=[self.port])], "captured", N, ":" in self.us)
        c = d.counters()
        self.captured()
        found = self.judge(path)
        repeated = sum(found.get(k, 0) for k in ("retransmission",))
        self.say(f"tshark of our segments: {found or 'nothing'}; tail loss probes {c['tailLossProbes']}")
        self.assertFalse({"out_of_order", "lost_segment", "ack_lost_segment", "reused_ports"} & set(found))
        self.assertLessEqual(repeated, c["tailLossProbes"])
        self.assertLessEqual(c["retransmits"], c["tailLossProbes"])
        self.assertLessEqual(c["retransmits"], 10)

    def test_every_retransmission_has_a_reason(self):
        self.control("cubic")
        log = f"{self.dir}/lost"
        wire = self.bad_wire(1, *self.pair, log=log)
        path = self.capture("vrsw1")
        d = self.both_ways([ours(addresses=[self.port])], "1 % lost, captured", 2 * N,
                           ":" in self.us)
        self.captured()
        wire.terminate()
        self.say(json.loads(wire.stdout.read()))
        found = self.judge(path)
        repeats, by_ack, unexplained = self.explain(path, log)
        c = d.counters()
        self.say(f"tshark of our segments: {found}; {repeats} sent again, {by_ack} of them for a lost ACK, "
                 f"{len(unexplained)} for no loss: "
                 f"{unexplained[:5]}; tail loss probes {c['tailLossProbes']}")
        # A probe is sent again for no loss where its ACK is only late.
        self.assertLessEqual(len(unexplained), c["tailLossProbes"] + c["retransmitTimeouts"])
        self.assertLessEqual(found.get("spurious_retransmission", 0), 10)

    def explain(self, path, log):
        """Retransmissions that the capture on vrsd's side of the wire shows: (how many, of these for an ACK, those
        without a reason). One is that what was sent before has been lost, or an ACK of it."""
        lost, lost_acks = set(), []
        with open(log, encoding="ascii") as f:
            for line in f:
                end, seq, size, ack, _ = line.split()
                if end == "vrsw1" and int(size) > 0:
                    lost.add((int(seq), int(size)))
                elif end == "vrsw0":
                    lost_acks.append(int(ack))
        sent, first, repeats, by_ack, unexplained = {}, {}, 0, 0, []
        for stream, number, seq, size in read(path, f"{self.sent_by_us} && tcp.len>0", "tcp.stream", "frame.number",
                                              "tcp.seq", "tcp.len"):
            seq, size = int(seq), int(size)
            start = first.setdefault(stream, seq)
            at = (seq - start) & 0xffffffff
            if at >= sent.get(stream, 0):
                sent[stream] = at + size
                continue
            repeats += 1
            gone = any((s - start) & 0xffffffff < at + size and at < ((s - start) & 0xffffffff) + n for s, n in lost)
            unheard = any(0 <= (a - seq - size) & 0xffffffff < 1 << 20 for a in lost_acks)
            by_ack += unheard and not gone
            if not gone and not unheard:
                unexplained.append((stream, number, at, size))
        return repeats, by_ack, unexplained


class Captures6(Captured):
    """IPv6."""

    us, layer, pair, port = US6, "ipv6", (PEER6, OTHER6), f"{US6}/48"
    test_no_loss_no_retransmission = None  # With loss, too, there is a reason for each.


class Captures(Captured):
    """IPv4, and what has nothing to do with the family."""

    def test_a_slow_reader_is_never_sent_more_than_it_has_room_for(self):
        self.control("cubic")
        with open("/proc/sys/net/ipv4/tcp_rmem", encoding="ascii") as f:
            self.addCleanup(sysctl, "net/ipv4/tcp_rmem", f'"{f.read().strip()}"')
        sysctl("net/ipv4/tcp_rmem", '"4096 131072 262144"')
        self.wire()
        d = self.vrsd(ports=[ours()])
        path = self.capture("vrs0")
        slow = Slow(OTHER, US, 65002)
        self.addCleanup(slow.close)
        slow.open()
        self.feed(PEER, 2 * N)
        self.received(d, PEER, 2 * N)
        self.until("its window is closed", lambda: d.counter("windowProbes") >= 2
                   and d.session(OTHER)["stalledMs"] > 500, 20)
        slow.going.set()

        def told():
            with slow.changed:
                return sum(len(body) for kind, body in slow.received if kind == UPDATE)

        self.until("it has all", lambda: d.session(OTHER)["prefixesAdvertised"] == 2 * N + 1
                   and d.session(OTHER)["bytesWaiting"] == 0, 60)
        last = -1
        while last != told():
            last = told()
            slow.wait(lambda _: False, 0.3)
        self.captured()
        with slow.changed:
            held = set()
            for kind, body in slow.received:
                if kind == UPDATE:
                    size, = struct.unpack_from("!H", body)
                    attrs, = struct.unpack_from("!H", body, 2 + size)
                    held.update(prefixes(body[4 + size + attrs:]))
        self.assertEqual(len(held), 2 * N + 1)
        found = self.judge(path)
        self.say(f"a slow reader: tshark of our segments: {found}; probes of its window {d.counter('windowProbes')}, "
                 f"retransmits {d.counter('retransmits')}")
        self.assertFalse([k for k in found if k in ("out_of_order", "lost_segment", "ack_lost_segment")])

    def test_all_of_a_signed_session_is_signed(self):
        self.control("cubic")
        crowd = Crowd(2, 20000, "captured")
        self.addCleanup(crowd.close)
        self.wire(*crowd.addresses)
        path = self.capture("vrs0")
        d = self.vrsd([{"peerIp": a, "peerAsn": crowd.asn(i), "passwordFile": self.password("captured")}
                       for i, a in enumerate(crowd.addresses)])
        crowd.start(US)
        self.until("all are told", lambda: crowd.is_right(0) and crowd.is_right(1), 60)
        self.captured()
        self.judge(path)
        self.assertEqual(read(path, f"{self.sent_by_us} && !tcp.options.md5", "frame.number"), [])
        self.assertGreater(len(read(path, f"{self.sent_by_us} && tcp.options.md5", "frame.number")), 50)
        self.assertEqual(read(path, f"{self.sent_by_us} && tcp.options.timestamp.tsval", "frame.number"), [])
        self.assertEqual(d.counter("segmentsBadSignature"), 0)
