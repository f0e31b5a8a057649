# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Frames that nobody should send, made by scapy: a session of a real peer stays up, its routes stay, memory does not
grow, what happened is counted, and strangers hear nothing.
"""

import ipaddress
import json
import logging
import os
import random
import socket
import struct
import sys
import time

import carrier
from dpdk_lab import OTHER, OTHER6, PEER, PEER6, STRANGER, STRANGER6, US, US6, Wired, drain, ip, ours
from speaker import KEEPALIVE, heard, heard6, message

try:
    import scapy  # noqa: F401
except ImportError:
    sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, for a Python that is not.
try:
    logging.getLogger("scapy").setLevel(logging.ERROR)
    from scapy.layers.inet import ICMP, IP, TCP, fragment
    from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect,
                                    ICMPv6NDOptDstLLAddr, ICMPv6NDOptMTU, ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig,
                                    ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6, IPv6ExtHdrFragment,
                                    IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
    from scapy.layers.l2 import ARP, Ether
    from scapy.packet import Raw
    SCAPY = True
except ImportError:
    SCAPY = False

SEED = int(os.environ.get("VRS_SEED", "1"))
EVIL_MAC = "02:00:00:00:00:ee"
FLOOD = 10000


def mac_of(interface):
    return json.loads(ip("-j", "link", "show", interface))[0]["address"]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


def packed(address):
    return ipaddress.ip_address(address).packed


def packet6(ethernet, addresses, protocol, body, sum_at):
    """An IPv6 packet as a frame."""
    sum_body = checksum(addresses + struct.pack("!II", len(body), protocol) + body)
    return ethernet + struct.pack("!IHBB", 6 << 28, len(body), protocol, 255) + addresses + body[:sum_at] \
        + struct.pack("!H", sum_body) + body[sum_at + 2:]


def syn(ethernet, source, to, port, seq):
    """A SYN as a frame: scapy is slow for 10,000."""
    addresses = packed(source) + packed(to)
    tcp = struct.pack("!HHIIBBHHH", port, 179, seq, 0, 0x60, 2, 64000, 0, 0) + b"\2\4\5\xb4"
    if ":" in to:
        return packet6(ethernet, addresses, 6, tcp, 16)
    sum_tcp = checksum(addresses + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + addresses
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return ethernet + header + tcp[:16] + struct.pack("!H", sum_tcp) + tcp[18:]


class Attacked(Wired):
    """See the module. `peer` has a route and is attacked, `bystander` is told of it. What is here is for both
    families."""

    us, at_peer, at_other, stranger, router = US, PEER, OTHER, STRANGER, "10.0.0.1"

    def setUp(self):
        super().setUp()
        if not SCAPY:
            self.skipTest("no python3-scapy")
        self.wire(self.at_peer, self.at_other)
        self.d = self.vrsd([{"peerIp": a} for a in (self.at_peer, self.at_other)],
                           [ours(addresses=[f"{self.us}/{48 if ':' in self.us else 16}"])], us=(self.us,))
        self.bystander = self.opened(self.at_other)
        self.peer = self.opened(self.at_peer)
        self.announce(self.peer, ["2001:db8:64::/48" if self.ip6 else "198.51.100.0/24"])
        self.n_probes = 0
        self.tap = self.packets("vrs0")
        self.ours, self.theirs = mac_of("vrs1"), mac_of("vrs0")
        self.probe()
        drain(self.tap)
        self.rss = self.d.resident_kib()
        self.before = self.d.counters()

    # --- the family ---

    @property
    def ip6(self):
        return ":" in self.us

    def opened(self, address):
        return self.speaker(address, self.us, next_hop6=address if self.ip6 else None)

    def announce(self, who, prefixes):
        (who.announce6 if self.ip6 else who.announce)(prefixes)

    def ether(self, source=None):
        return Ether(dst=self.ours, src=source or self.theirs)

    def packet(self, source, to=None, **more):
        """From whomever, to us."""
        if self.ip6:
            return self.ether() / IPv6(src=source, dst=to or self.us, **more)
        return self.ether() / IP(src=source, dst=to or self.us, flags="DF", **more)

    @property
    def layer(self):
        return IPv6 if self.ip6 else IP

    def is_tcp(self, frame, to=None):
        """... of this family, and to whom."""
        at, kind, size = (20, b"\x86\xdd", 16) if self.ip6 else (23, b"\x08\x00", 4)
        whom = 38 if self.ip6 else 30
        return frame[12:14] == kind and frame[at] == 6 and (to is None or frame[whom:whom + size] == packed(to))

    def size(self, frame):
        """Of the packet in it."""
        return struct.unpack_from("!H", frame, 18)[0] + 40 if self.ip6 else struct.unpack_from("!H", frame, 16)[0]

    # --- what tests do ---

    def send(self, frames):
        for f in frames if isinstance(frames, list) else [frames]:
            for attempt in range(1000):
                try:
                    self.tap.send(bytes(f))
                    break
                except OSError:  # ENOBUFS
                    time.sleep(0.001)

    def probe(self):
        """A route of the peer reaches the bystander, and goes again."""
        self.n_probes += 1
        if self.ip6:
            prefix, words, withdraw = f"2001:db8:0:{self.n_probes:x}::/64", heard6, self.peer.withdraw6
            word = f"+{prefix} via {self.at_peer}"
        else:
            prefix, words, withdraw = f"192.0.2.{self.n_probes}/32", heard, self.peer.withdraw
            word = f"+{prefix} via {self.at_peer} path 65515-65001"
        self.announce(self.peer, [prefix])
        self.assertTrue(self.bystander.wait(lambda got: word in words(got[-50:]), 20), self.d.log()[-2000:])
        withdraw([prefix])
        self.assertTrue(self.bystander.wait(lambda got: f"-{prefix}" in words(got[-50:]), 20))

    def where(self):
        """The connection as vrsd sees it: port, what it expects and what it sends next; by a KEEPALIVE that it
        acknowledges."""
        drain(self.tap)
        port = self.peer.sock.getsockname()[1]
        self.peer.sock.sendall(message(KEEPALIVE))
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for f in reversed(drain(self.tap, 0.2)):  # Its last word.
                p = Ether(f)
                if self.is_tcp(f, self.at_peer) and p[TCP].dport == port:
                    stamp = next((v for k, v in p[TCP].options if k == "Timestamp"), None)
                    return {"port": port, "ack": p[TCP].seq + len(p[TCP].payload), "seq": p[TCP].ack,
                            "window": p[TCP].window, "stamp": stamp}
        self.fail("no ACK of a KEEPALIVE")

    def segment(self, w, flags="A", seq=0, ack=0, payload=b"", **more):
        """Spoofed as the peer's; seq and ack from where it is."""
        t = {"sport": w["port"], "dport": 179, "seq": (w["seq"] + seq) & 0xffffffff,
             "ack": (w["ack"] + ack) & 0xffffffff, "flags": flags, "window": 500, **more}
        if "options" not in t and w["stamp"]:
            t["options"] = [("NOP", None), ("NOP", None), ("Timestamp", (w["stamp"][1], w["stamp"][0]))]
        return self.packet(self.at_peer) / TCP(**t) / Raw(payload)

    def moved(self, *names, at_least=1):
        """Counters that have grown."""
        def grown():
            c = self.d.counters()
            return all(c[n] - self.before[n] >= at_least for n in names)
        self.until(f"{names} move", grown, 20)

    def unhurt(self, quiet=True):
        """All is as it was, and nobody but peers was said anything: neighbor discovery's answers aside."""
        frames = drain(self.tap, 0.1)
        self.probe()
        for s in (self.peer, self.bystander):
            session = self.d.session(s.local)
            self.assertEqual((session["state"], session["timesEstablished"]), ("Established", 1))
        self.assertEqual(self.d.session(self.at_peer)["prefixesReceived"], 1)
        self.assertEqual(self.d.counter("sessionsLost"), 0)
        if not self.d.sanitized():
            self.assertLess(self.d.resident_kib() - self.rss, 8192)
        allowed = {packed(self.at_peer), packed(self.at_other)}
        strange = [f.hex() for f in frames if f[12:14] == b"\x08\x00" and f[30:34] not in allowed]
        strange += [f.hex() for f in frames if f[12:14] == b"\x86\xdd" and f[38:54] not in allowed
                    and not (f[20] == 58 and f[54] in (135, 136))]
        if quiet:
            self.assertEqual(strange[:3], [])
        return frames

    def answers(self, frames, flags=None):
        """Segments to the peer, with these flags."""
        found = [Ether(f) for f in frames if self.is_tcp(f, self.at_peer)]
        return [p for p in found if flags is None or p[TCP].flags == flags]

    def test_blind_resets_and_syns_do_not_end_a_session(self):
        w = self.where()
        self.send([self.segment(w, "R", seq=s) for s in [1, 2, 1000, 1 << 16, (1 << 20), -1, -1000, 1 << 31]])
        self.send([self.segment(w, "RA", seq=s) for s in range(1, 60000, 997)])
        # Exactly right, but of other connections.
        self.send([self.segment(w, "R", sport=p) for p in (w["port"] - 1, w["port"] + 1)])
        self.send([self.packet(self.stranger) / TCP(sport=w["port"], dport=179, seq=w["seq"], flags="R")])
        self.send([self.segment(w, "S", seq=s, options=[("MSS", 1460)]) for s in (-1, 0, 1, 1 << 20, 1 << 31)])
        self.send([self.segment(w, "SA", seq=s, options=[]) for s in (-1, 0, 1, 1 << 20)])
        self.moved("challengeAcks", "segmentsUnacceptable")
        frames = self.unhurt()
        c = self.d.counters()
        self.assertLessEqual(c["challengeAcks"] - self.before["challengeAcks"], 64)
        # To a challenge the peer says nothing. Nobody is reset.
        self.assertEqual(len(self.answers(frames, "R")) + len(self.answers(frames, "RA")), 0)
        self.say(f"challenge ACKs {c['challengeAcks'] - self.before['challengeAcks']}, "
                 f"unacceptable {c['segmentsUnacceptable'] - self.before['segmentsUnacceptable']}")

    def test_blind_data_and_absurd_acks_change_nothing(self):
        w, update = self.where(), message(2, b"\0\0\0\0")
        self.send([self.segment(w, "PA", seq=s, payload=b"\xff" * 100) for s in (-5000, 1 << 23, 1 << 31, -(1 << 30))])
        self.send([self.segment(w, "PA", ack=a, payload=update) for a in (1, 1000, 1 << 20, 1 << 31, -(1 << 30))])
        self.send([self.segment(w, "A", ack=a) for a in (1, 65536, 1 << 31)])
        self.send([self.segment(w, "", payload=update), self.segment(w, "F", payload=b""),
                   self.segment(w, "FPU", payload=update), self.segment(w, "FSRPAU", seq=1)])
        # Too old by its timestamp (PAWS), and without one.
        self.send([self.segment(w, "PA", payload=update, options=[("NOP", None), ("NOP", None), (
            "Timestamp", ((w["stamp"][1] - 100000) & 0xffffffff, w["stamp"][0]))]),
            self.segment(w, "PA", payload=update, options=[])])
        self.moved("challengeAcks", "segmentsUnacceptable")
        self.unhurt()

    def test_overlapping_segments_of_the_peer_are_taken_once(self):
        """A KEEPALIVE in pieces that lie over one another, out of order; then the peer sends it, as it did not know."""
        w, data = self.where(), message(KEEPALIVE)
        before = self.d.session(self.at_peer)["messagesReceived"]
        for a, b in ((10, 19), (5, 12), (14, 19), (0, 7), (0, 19), (3, 15)):
            self.send(self.segment(w, "PA", seq=a, payload=data[a:b]))
        self.until("one message", lambda: self.d.session(self.at_peer)["messagesReceived"] == before + 1, 10)
        self.peer.sock.sendall(data)
        self.peer.sock.sendall(data)
        self.until("another", lambda: self.d.session(self.at_peer)["messagesReceived"] == before + 2, 10)
        self.moved("segmentsOutOfOrder", "segmentsDuplicate")
        self.unhurt()

    def errors(self, source, about):
        """ICMP errors of all kinds about a packet, as frames."""
        codes = ((0, 0), (1, 0), (2, 0), (3, 0), (4, 68), (4, 576), (4, 0), (13, 0))
        head = self.ether() / IP(src=source, dst=US)
        frames = [head / ICMP(type=3, code=c, nexthopmtu=m) / bytes(about)[:n] for c, m in codes for n in (28, 40)]
        return frames + [head / ICMP(type=t) / bytes(about)[:28] for t in (4, 5, 11, 12)]

    def told_long(self):
        """A large table for the peer: the lengths of the packets that take it there."""
        drain(self.tap)
        if self.ip6:
            self.bystander.announce6([f"2001:db8:{i:x}:1::/64" for i in range(256)])
            self.peer.wait(lambda got: "+2001:db8:ff:1::/64" in str(heard6(got[-3:])), 10)
        else:
            self.bystander.announce([f"16.0.{i}.0/24" for i in range(256)], communities=[(1, i) for i in range(200)])
            self.peer.wait(lambda got: "+16.0.255.0/24" in str(heard(got[-3:])), 10)
        return [self.size(f) for f in drain(self.tap, 0.2) if self.is_tcp(f, self.at_peer)]

    def sent(self, w, ahead=0):
        """A segment of vrsd's from so far ahead of what it sends next."""
        return (IPv6 if self.ip6 else IP)(src=self.us, dst=self.at_peer) / TCP(
            sport=179, dport=w["port"], seq=(w["ack"] + ahead) & 0xffffffff, flags="A")

    def test_forged_icmp_is_not_believed(self):
        w = self.where()
        for about in (self.sent(w), self.sent(w, 1 << 30)):
            for source in (self.at_peer, self.stranger, self.router):
                self.send(self.errors(source, about))
        self.unhurt()
        # Its segments are as long as before.
        self.assertEqual(max(self.told_long()), 1500)

    def test_icmp_about_what_is_in_flight_ends_nothing(self):
        """Whoever sees our segments can forge that: they become shorter then, down to what any path takes, and that is
        all."""
        w = self.where()
        carrier.command("nft", "add", "table", "inet", "deaf")
        carrier.command("nft", "add", "chain", "inet", "deaf", "out", "{ type filter hook output priority 0 ; }")
        carrier.command("nft", "add", "rule", "inet", "deaf", "out", "ip6" if self.ip6 else "ip", "saddr", self.at_peer,
                        "tcp", "dport", "179", "drop")
        try:
            self.announce(self.bystander, ["2001:db8:77::/48" if self.ip6 else "198.51.77.0/24"])
            self.moved("retransmits")
            self.send([f for s in (self.at_peer, self.stranger) for f in self.errors(s, self.sent(w))] * 3)
            self.moved("framesReceived", at_least=100)
        finally:
            carrier.command("nft", "delete", "table", "inet", "deaf")
        words = heard6 if self.ip6 else heard
        self.assertTrue(self.peer.wait(lambda got: any("77" in x for x in words(got[-5:])), 20))
        self.unhurt()
        self.assertEqual(max(self.told_long()), 1280 if self.ip6 else 576)

    def test_a_flood_of_syns_leaves_room_for_who_is_there(self):
        ethernet = bytes(self.ether())[:12] + (b"\x86\xdd" if self.ip6 else b"\x08\x00")
        dice = random.Random(SEED)
        for i in range(FLOOD):
            port, a, b = 1024 + i % 60000, 2 + i % 200, 1 + i % 250
            for source in (self.at_peer, f"fd00:1:0:{a:x}::{b:x}" if self.ip6 else f"10.0.{a}.{b}"):
                self.send(syn(ethernet, source, self.us, port, dice.getrandbits(32)))
        self.until("taken in", lambda: self.d.counter("framesReceived") - self.before["framesReceived"] > FLOOD, 20)
        frames = self.unhurt()
        c = self.d.counters()
        self.assertGreater(c["connectionsRefused"], self.before["connectionsRefused"])
        # A connection of its own is as soon there as before.
        began = time.monotonic()
        self.peer.close()
        self.until("it is down", lambda: not self.d.is_up(self.at_peer), 10)
        again = self.opened(self.at_peer)
        self.announce(again, ["2001:db8:64::/48" if self.ip6 else "198.51.100.0/24"])
        self.until("up again", lambda: self.d.session(self.at_peer)["prefixesReceived"] == 1, 20)
        self.say(f"{FLOOD} SYNs each of a peer and of strangers: {len(self.answers(frames, 'SA'))} answers; a new "
                 f"session after {time.monotonic() - began:.1f} s; strangers counted "
                 f"{c['connectionsRefused'] - self.before['connectionsRefused']}, crowd "
                 f"{c['connectionsRefusedCrowd'] - self.before['connectionsRefusedCrowd']}")


class Hostile(Attacked):
    """IPv4, and what is its alone."""

    def test_malformed_frames_are_counted_and_dropped(self):
        w, data = self.where(), message(KEEPALIVE)
        good = bytes(self.segment(w, "PA", payload=data))
        frames = [self.segment(w, "PA", payload=data, chksum=1), self.segment(w, "R", chksum=2)]
        frames += [self.segment(w, "PA", payload=data, dataofs=o) for o in (0, 1, 4, 15)]
        for broken in (b"\x08\x00", b"\x08\x01", b"\x08\xff", b"\x02\x04\x05", b"\x05\x0b\0\0", b"\x13\x12",
                       b"\x08\x0a\0"):
            # One that says it is longer than there is room, at the end of the options.
            body = bytes(TCP(sport=w["port"], dport=179, seq=w["seq"], ack=w["ack"], flags="R"))[:12]
            options = (b"\x01" * 4 + broken)[-4:].rjust(4, b"\x01")
            body += bytes([0x60, 0x04]) + struct.pack("!HHH", 0, 0, 0) + options
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, 6, 0) + socket.inet_aton(PEER) \
                + socket.inet_aton(US)
            header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
            pseudo = socket.inet_aton(PEER) + socket.inet_aton(US) + struct.pack("!BBH", 0, 6, len(body))
            frames.append(good[:14] + header + body[:16] + struct.pack("!H", checksum(pseudo + body)) + body[18:])
        frames += [self.ether() / IP(src=PEER, dst=US, **bad) / TCP(sport=w["port"], dport=179, flags="R", seq=w["seq"])
                   for bad in ({"ihl": 4}, {"ihl": 15}, {"len": 19}, {"len": 4000}, {"version": 5}, {"chksum": 3})]
        frames += [good[:n] for n in range(14, len(good), 3)]
        self.send(frames)
        self.moved("framesBad", at_least=len(frames) // 2)
        self.unhurt()
        self.say(f"of {len(frames)} malformed frames {self.d.counter('framesBad') - self.before['framesBad']} bad, "
                 f"{self.d.counter('framesOther') - self.before['framesOther']} for nobody")

    def test_fragments_and_a_land_attack_change_nothing(self):
        """The kernel puts fragments together for net_af_packet (a fan-out with DEFRAG): what is true of segments is
        true of them."""
        w = self.where()
        whole = self.segment(w, "PA", seq=1 << 28, payload=b"\xff" * 1200)[IP]
        whole.flags = 0
        pieces = [self.ether() / f for f in fragment(whole, 400)]
        # Overlapping ones, and one that ends behind 64 KiB.
        pieces += [self.ether() / IP(src=PEER, dst=US, flags="MF", frag=f, proto=6) / Raw(b"\xff" * 64)
                   for f in (0, 1, 3, 8189, 8190)]
        land = [self.ether() / IP(src=US, dst=US) / TCP(sport=179, dport=179, flags=f, seq=1)
                for f in ("S", "SA", "R", "PA")]
        self.send((pieces + land) * 20)
        self.moved("segmentsUnacceptable", "framesOther")
        frames = self.unhurt()
        self.assertEqual([f for f in frames if f[12:14] == b"\x08\x00" and f[26:34] == socket.inet_aton(US) * 2], [])

    def test_floods_of_arp_and_neighbor_discovery_change_nobody(self):
        evil = bytes.fromhex(EVIL_MAC.replace(":", ""))
        w, frames = self.where(), []
        for source in (PEER, OTHER, STRANGER, US, "10.0.0.1"):
            for op in (1, 2):
                for target in (US, PEER, "0.0.0.0", source):
                    frames.append(Ether(dst="ff:ff:ff:ff:ff:ff" if op == 1 else self.ours, src=EVIL_MAC) / ARP(
                        op=op, hwsrc=EVIL_MAC, psrc=source, pdst=target, hwdst=self.ours))
        for target in ("fd00:1::4", "fd00:1:0:1::4", "fe80::1"):
            frames.append(Ether(dst=self.ours, src=EVIL_MAC) / IPv6(src=target, dst="ff02::1", hlim=255) / ICMPv6ND_NA(
                tgt=target, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=EVIL_MAC))
        self.send([bytes(f) for f in frames] * 50)
        arp = bytearray(bytes(frames[0]))
        for i in range(5000):  # Each a neighbor of its own.
            arp[28:32] = struct.pack("!I", 0x0a002000 + i)
            self.send(bytes(arp))
        self.moved("addressConflicts")
        sent = self.unhurt()
        c = self.d.counters()
        self.assertLessEqual(c["neighbors"], self.before["neighbors"] + 2)
        self.assertEqual(c["neighborsChanged"], self.before["neighborsChanged"])
        to_evil = [f for f in sent if f[:6] == evil and f[12:14] == b"\x08\x00"]
        self.assertEqual(to_evil, [])
        self.assertEqual(self.where()["port"], w["port"])

    def test_random_garbage_is_survived(self):
        dice = random.Random(SEED)
        w = self.where()
        seeds = [bytes(self.segment(w, "PA", seq=1 << 24, payload=bytes(40))),
                 bytes(self.ether() / IP(src=PEER, dst=US) / ICMP(type=3, code=4) / bytes(28)),
                 bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src=EVIL_MAC) / ARP(op=1, psrc=STRANGER, pdst=US)),
                 bytes(Ether(dst=self.ours, src=EVIL_MAC) / IPv6(src="fe80::1", dst="fd00:1::4") / ICMPv6ND_NA(
                     tgt="fe80::2"))]
        for i in range(20000):
            if i % 4 == 0:
                f = bytearray(dice.randbytes(dice.randrange(14, 400)))
                f[:6] = bytes.fromhex(self.ours.replace(":", ""))
                f[12:14] = dice.choice((b"\x08\x00", b"\x08\x06", b"\x86\xdd", b"\x81\x00", bytes(f[12:14])))
            else:
                f = bytearray(dice.choice(seeds))
                for _ in range(dice.randrange(1, 6)):
                    f[dice.randrange(14, len(f))] = dice.getrandbits(8)
                f = f[:dice.randrange(14, len(f) + 1)]
            self.send(bytes(f))
        self.moved("framesBad", at_least=1000)
        self.unhurt(quiet=False)
        c = self.d.counters()
        self.say(f"20,000 frames of seed {SEED}: bad {c['framesBad'] - self.before['framesBad']}, for nobody "
                 f"{c['framesOther'] - self.before['framesOther']}, resident "
                 f"{self.d.resident_kib() - self.rss:+d} kB")


class Hostile6(Attacked):
    """IPv6, and what is its alone."""

    us, at_peer, at_other, stranger, router = US6, PEER6, OTHER6, STRANGER6, "fd00:1::1"

    def errors(self, source, about):
        codes = [ICMPv6DestUnreach(code=c) for c in range(7)] + [ICMPv6PacketTooBig(mtu=m) for m in (0, 68, 576, 1280)]
        codes += [ICMPv6TimeExceeded(code=c) for c in (0, 1)] + [ICMPv6ParamProblem(code=c) for c in (0, 1, 2)]
        return [self.packet(source) / code / Raw(bytes(about)[:n]) for code in codes for n in (48, 60)]

    def test_routers_that_nobody_asked_for_change_nothing(self):
        """Advertisements with a smaller MTU, redirects of the peer to elsewhere."""
        w, frames = self.where(), []
        for source in ("fe80::1", "fe80::bad", self.at_peer):
            head = Ether(dst=self.ours, src=EVIL_MAC) / IPv6(src=source, dst="ff02::1", hlim=255)
            frames.append(head / ICMPv6ND_RA(routerlifetime=9000) / ICMPv6NDOptSrcLLAddr(lladdr=EVIL_MAC)
                          / ICMPv6NDOptMTU(mtu=1280))
            head[IPv6].dst = self.us
            frames.append(head / ICMPv6ND_Redirect(tgt="fe80::bad", dst=self.at_peer)
                          / ICMPv6NDOptDstLLAddr(lladdr=EVIL_MAC))
        self.send([bytes(f) for f in frames] * 20)
        self.moved("framesOther", at_least=100)
        self.unhurt()
        self.assertEqual(self.where()["port"], w["port"])
        self.assertEqual(max(self.told_long()), 1500)

    def test_malformed_frames_are_counted_and_dropped(self):
        w, data = self.where(), message(KEEPALIVE)
        good, reset = self.segment(w, "PA", payload=data), TCP(sport=w["port"], dport=179, flags="R", seq=w["seq"])
        frames = [self.segment(w, "PA", payload=data, chksum=1), self.segment(w, "R", chksum=2)]
        frames += [self.segment(w, "PA", payload=data, dataofs=o) for o in (0, 1, 4, 15)]
        frames += [self.packet(self.at_peer, **bad) / reset for bad in (
            {"version": 4}, {"plen": 19}, {"plen": 4000}, {"plen": 0}, {"nh": 43}, {"nh": 44}, {"nh": 0})]
        # A reset that would be right, behind headers that are not.
        frames += [self.packet(self.at_peer) / h / reset for h in (
            IPv6ExtHdrRouting(addresses=[self.us], segleft=1), IPv6ExtHdrFragment(m=1, id=7),
            IPv6ExtHdrHopByHop(len=200), IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting(addresses=["::1"], segleft=0))]
        frames += [self.packet(source) / reset for source in ("ff02::1", "::", "::1")]
        frames += [bytes(good)[:n] for n in range(14, len(bytes(good)), 3)]
        self.send(frames)
        self.moved("framesBad", at_least=len(frames) // 2)
        self.unhurt()
        self.say(f"of {len(frames)} malformed frames {self.d.counter('framesBad') - self.before['framesBad']} bad, "
                 f"{self.d.counter('framesOther') - self.before['framesOther']} for nobody")

    def test_floods_of_neighbor_discovery_change_nobody(self):
        evil = bytes.fromhex(EVIL_MAC.replace(":", ""))
        w, frames = self.where(), []
        for who in (self.at_peer, self.at_other, self.stranger, self.us, "fe80::1"):
            for to, solicited, override in ((self.us, 1, 1), ("ff02::1", 0, 1), ("ff02::1", 0, 0)):
                frames.append(Ether(dst=self.ours, src=EVIL_MAC) / IPv6(src=who, dst=to, hlim=255) / ICMPv6ND_NA(
                    tgt=who, R=0, S=solicited, O=override) / ICMPv6NDOptDstLLAddr(lladdr=EVIL_MAC))
            for target in (self.us, self.at_peer, who):
                frames.append(Ether(dst=self.ours, src=EVIL_MAC) / IPv6(src=who, dst=self.us, hlim=255) / ICMPv6ND_NS(
                    tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=EVIL_MAC))
        self.send([bytes(f) for f in frames] * 50)
        ethernet = bytes(Ether(dst=self.ours, src=EVIL_MAC))[:12] + b"\x86\xdd"
        body = struct.pack("!BBHI", 135, 0, 0, 0) + packed(self.us) + b"\1\1" + evil
        for i in range(5000):  # Each a neighbor of its own.
            self.send(packet6(ethernet, packed(f"fd00:1::2:{i:x}") + packed(self.us), 58, body, 2))
        self.moved("addressConflicts")
        sent = self.unhurt()
        c = self.d.counters()
        self.assertLessEqual(c["neighbors"], self.before["neighbors"] + 2)
        self.assertEqual(c["neighborsChanged"], self.before["neighborsChanged"])
        self.assertEqual([f for f in sent if f[:6] == evil and self.is_tcp(f)], [])
        self.assertEqual(self.where()["port"], w["port"])
