# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Faults on the way and on either side, while tables are on their way: who keeps a session, who loses it, and how soon
it is back."""

import signal
import socket
import struct
import subprocess
import time

import carrier
from dpdk_lab import OTHER, OTHER6, PEER, PEER6, US, US6, Wired, drain, ip, is_long, ours, sysctl

N = 400000 if is_long() else 200000
HOLD = 4
MACS = ("02:00:00:00:0a:01", "02:00:00:00:0a:02")


class Moves(Wired):
    """See the module. The feed at the first of a pair sends, the one at the second listens. The tests here, of
    neighbors that move, are for both families."""

    us, pair, net, on_link = US, (PEER, OTHER), 16, 26
    gateways = ("10.0.0.1", "10.0.1.1")  # Of vrsd, of its peers.

    @property
    def ip6(self):
        return ":" in self.us

    def begin(self, ports, hold=180, **where):
        """vrsd, and who listens."""
        self.d = self.vrsd([{"peerIp": a, "holdSeconds": hold} for a in self.pair], ports, us=(self.us,))
        self.listener = self.feed(self.pair[1], peer=self.us, **where)
        self.until("the listener is up", lambda: self.d.is_up(self.pair[1]), 20)
        return self.d

    def start(self, hold=180):
        return self.begin([ours(addresses=[f"{self.us}/{self.net}"])], hold)

    def under_way(self, n=N, **where):
        """A feed in the middle of its table."""
        peer = self.pair[0]
        f = self.feed(peer, peer=self.us, **({"n6": n} if self.ip6 else {"n": n}), **where)
        self.until("under way", lambda: n // 20 < self.d.session(peer)["prefixesReceived"], 30, 0.005)
        self.assertLess(self.d.session(peer)["prefixesReceived"], n, "too fast for this test")
        return f

    def all_there(self, n=N, sessions=1):
        """Exactly, on all sides. Returns the seconds."""
        took = self.received(self.d, self.pair[0], n)
        took += self.until("all is told", lambda: self.listener.held() == n + 1, 60, 0.05)
        self.assertEqual(self.d.session(self.pair[0])["timesEstablished"], sessions)
        return took

    # --- neighbors ---

    def move(self):
        """The peers' MAC is another one, and they do not say so."""
        ip("link", "set", "vrs0", "address", MACS[1])

    def test_a_neighbor_whose_mac_changes_while_it_sends_is_found_again(self):
        self.cable("vrs0", "vrs1", "address", MACS[0])
        self.home("vrs0", *self.pair)
        self.start()
        self.under_way()
        self.move()
        took = self.all_there()
        c = self.d.counters()
        self.assertEqual((c["sessionsLost"], c["neighborsChanged"]), (0, 2))
        self.say(f"MAC of both peers changed: all there {took:.1f} s later")
        self.assertLess(took, 20)

    def test_a_neighbor_whose_mac_changes_while_it_listens_is_found_again(self):
        self.cable("vrs0", "vrs1", "address", MACS[0])
        self.home("vrs0", *self.pair)
        self.start()
        speaker = self.speaker(self.pair[0], self.us, next_hop6=self.pair[0] if self.ip6 else None)
        announce = speaker.announce6 if self.ip6 else speaker.announce
        announce(["2001:db8:64::/48" if self.ip6 else "198.51.100.0/24"])
        self.until("told", lambda: self.listener.held() == 2, 10)
        self.move()
        began = time.monotonic()
        announce(["2001:db8:65::/48" if self.ip6 else "198.51.101.0/24"])
        # The kernel sends its own again, which is how we notice the one; the other does not acknowledge ours.
        self.until("told", lambda: self.listener.held() == 3, 30)
        self.assertEqual(self.d.counter("sessionsLost"), 0)
        self.say(f"MAC changed while nothing went on: the next prefix took {time.monotonic() - began:.1f} s")

    def router(self, name, mac, up):
        """A router between vrsd's link and the peers'."""
        self.namespace(name)
        for leg, (port, address) in enumerate(zip("sf", self.gateways)):
            self.cable(f"{name}{port}", f"{name}{port}x")
            ip("link", "set", f"{name}{port}", "master", "brs" if leg == 0 else "brf")
            ip("link", "set", f"{name}{port}x", "netns", name)
            ip("link", "set", f"{name}{port}x", "address", f"{mac}{leg}", "arp", "on", "down", namespace=name)
            length = 64 if self.ip6 else (26, 24)[leg]
            ip("addr", "add", f"{address}/{length}", "dev", f"{name}{port}x", *(["nodad"] if self.ip6 else []),
               namespace=name)
            if up:
                ip("link", "set", f"{name}{port}x", "up", namespace=name)
        sysctl("net/ipv6/conf/all/forwarding" if self.ip6 else "net/ipv4/ip_forward", 1, name)

    def switches(self):
        """Two, brs for vrsd and brf for peers."""
        self.cable("vrs0", "vrs1")
        self.bridge("brs", "vrs0")
        self.bridge("brf")

    def far(self, name, mac, *addresses, bridge="brf", length=24):
        """A host on a switch."""
        self.namespace(name)
        self.cable(f"{name}0", f"{name}1")
        ip("link", "set", f"{name}0", "master", bridge)
        ip("link", "set", f"{name}1", "netns", name)
        ip("link", "set", f"{name}1", "address", mac, "arp", "on", namespace=name)
        for a in addresses:
            ip("addr", "add", f"{a}/{max(length, 48) if ':' in a else length}", "dev", f"{name}1",
               *(["nodad"] if ":" in a else []), namespace=name)
        ip("link", "set", f"{name}1", "up", namespace=name)
        return name

    def test_a_gateway_that_another_replaces_costs_no_session(self):
        self.switches()
        self.router("ra", "02:00:00:00:1a:0", True)
        self.router("rb", "02:00:00:00:1b:0", False)
        self.far("far", MACS[0], *self.pair, length=64 if self.ip6 else 24)
        ip("route", "add", "default", "via", self.gateways[1], namespace="far")
        self.begin([ours(addresses=[f"{self.us}/{self.on_link}"], gateway=self.gateways[0])], namespace="far")
        self.under_way(namespace="far")
        for leg in "sf":
            ip("link", "set", f"ra{leg}x", "down", namespace="ra")
            ip("link", "set", f"rb{leg}x", "up", namespace="rb")
        if self.ip6:
            # The kernel of the peers, which TCP keeps content, has to be told, as VRRP would: by a solicitation from
            # the gateway's own address. vrsd finds out itself.
            carrier.command("ip", "netns", "exec", "rb", "ping", "-c", "1", "-W", "5", "-I", self.gateways[1],
                            self.pair[0])
        took = self.all_there()
        c = self.d.counters()
        self.assertEqual((c["sessionsLost"], c["neighborsChanged"]), (0, 1))
        self.say(f"another gateway: all there {took:.1f} s later")
        self.assertLess(took, 60)


class Faults6(Moves):
    """IPv6."""

    us, pair, net, on_link = US6, (PEER6, OTHER6), 48, 64
    gateways = ("fd00:1::1", "fd00:1:0:1::1")
    # The one that listens shows the same, of what is sent and of what is not acknowledged.
    test_a_neighbor_whose_mac_changes_while_it_sends_is_found_again = None


class Faults(Moves):
    """IPv4, and what has nothing to do with the family."""

    # --- the link ---

    def test_a_link_that_comes_back_in_time_costs_no_session(self):
        self.wire()
        d = self.start()
        self.under_way()
        ip("link", "set", "vrs1", "down")
        time.sleep(1)  # What is under test is a time.
        ip("link", "set", "vrs1", "up")
        took = self.all_there()
        c = d.counters()
        self.assertEqual(c["sessionsLost"], 0)
        self.say(f"link away for 1 s: all there {took:.1f} s later; retransmits {c['retransmits']}, "
                 f"timeouts {c['retransmitTimeouts']}")

    def test_a_link_away_for_longer_than_the_hold_time_ends_sessions_until_it_is_back(self):
        self.wire()
        d = self.start(HOLD)
        self.feed(PEER, N)
        self.all_there()
        ip("link", "set", "vrs1", "down")
        before = d.cpu_seconds()
        took = self.until("the hold timer ends it", lambda: not d.is_up(PEER) and not d.is_up(OTHER), 3 * HOLD, 0.1)
        busy = (d.cpu_seconds() - before) / took
        error = d.session(PEER)["lastError"]
        self.assertEqual((error["code"], error["direction"]), (4, "sent"))
        self.assertEqual(d.session(PEER)["prefixesReceived"], 0)
        ip("link", "set", "vrs1", "up")
        back = self.all_there(sessions=2)
        self.say(f"link away: hold timer after {took:.1f} s ({100 * busy:.0f} % of a core meanwhile), all there again "
                 f"{back:.1f} s after it is back")
        if not d.sanitized():
            self.assertLess(busy, 0.5)

    def test_a_link_that_goes_is_logged_and_shown(self):
        self.wire()
        d = self.start()

        def link():
            port, = d.vrsctl("status")["ports"]
            return port["link"]

        def logged(what):
            return d.log().count(f"port net_af_packet0: link is {what}\n")

        self.assertEqual((link(), logged("down")), ("up", 0))
        ip("link", "set", "vrs0", "down")
        self.until("it is logged, without anybody asking", lambda: logged("down") == 1, 10)
        self.assertEqual(link(), "down")
        self.assertIn('vrs_port_up{port="net_af_packet0"} 0\n', d.metrics())
        ip("link", "set", "vrs0", "up")
        self.assertEqual(link(), "up")
        self.assertEqual((logged("down"), logged("up")), (1, 1))
        self.assertIn('vrs_port_up{port="net_af_packet0"} 1\n', d.metrics())
        self.assertIn('vrs_port_transmit_errors_total{port="net_af_packet0"} 0\n', d.metrics())
        table = subprocess.run(d.command("status"), capture_output=True, text=True, timeout=60, check=True).stdout
        self.assertRegex(table, r"net_af_packet0 +up +0 +0")

    # --- neighbors ---

    def test_a_neighbor_that_is_not_there_is_named_as_the_reason(self):
        """As the kernel's transport does: a gateway to the one peer, the other peer itself."""
        self.cable("vrs0", "vrs1")
        us = [US, "10.0.0.5", US6, "fd00:1::5"]
        d = self.vrsd([{"peerIp": a, "passive": False} for a in (PEER, PEER6)],
                      [ours(addresses=[f"{a}/{48 if ':' in a else 26}" for a in us], gateway="10.0.0.1")], us=us)
        for peer in (PEER, PEER6):
            took = self.until("it is said", lambda p=peer: d.session(p)["lastError"], 10)
            self.assertEqual(d.session(peer)["lastError"]["text"], "cannot connect: No route to host")
            self.say(f"no way to {peer}: said after {took:.1f} s")
        self.assertGreaterEqual(d.counter("neighborsFailed"), 2)
        # Somebody comes who has it.
        self.home("vrs0", PEER6)
        self.feed(PEER6, peer=US6)
        self.until("up", lambda: d.session(PEER6)["state"] == "Established", 20)

    def test_a_host_that_has_our_address_already_is_found_at_the_start(self):
        """It says nothing of itself: the kernel answers our probes. We are up all the same."""
        self.switches()
        self.far("one", MACS[0], PEER, bridge="brs", length=16)
        self.far("double", MACS[1], US, US6, bridge="brs", length=16)
        us = [US, "10.0.0.5", US6, "fd00:1::5"]
        d = self.vrsd([{"peerIp": PEER}], [ours(addresses=[f"{a}/{48 if ':' in a else 16}" for a in us])], us=us)
        for address in (US, US6):
            took = self.until("warned of", lambda a=address: f"{a} is ours and also used by {MACS[1]}" in d.log(), 10)
            self.say(f"{address} is another's too: said {took:.1f} s after the start")
        self.assertGreaterEqual(d.counter("addressConflicts"), 2)
        self.assertEqual(len([line for line in d.log().splitlines() if MACS[1] in line]), 2)
        self.feed(PEER, 10, namespace="one")
        self.received(d, PEER, 10)

    def test_somebody_else_with_our_address_is_warned_of_and_answered(self):
        self.wire()
        wire, begun = self.packets("vrs0"), []

        def probed():
            begun.extend(f for f in drain(wire) if f[12:14] == b"\x08\x06" and f[28:32] == bytes(4))
            return len(begun) == 3

        d = self.start()
        self.until("the beginning is over", probed, 10)
        mac = bytes.fromhex("0200000000aa")
        claim = struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac + socket.inet_aton(US) + bytes(6) + socket.inet_aton(US)
        wire.send(b"\xff" * 6 + mac + b"\x08\x06" + claim)
        self.until("counted", lambda: d.counter("addressConflicts") == 1, 10)
        self.until("warned of", lambda: "02:00:00:00:00:aa" in d.log(), 10)
        said = next(line for line in d.log().splitlines() if "02:00:00:00:00:aa" in line)
        self.assertIn("warning", said)
        self.assertIn(US, said)
        ours_said = [f for f in drain(wire, 0.5) if f[12:14] == b"\x08\x06" and f[28:32] == socket.inet_aton(US)
                     and f[:6] == b"\xff" * 6]
        self.assertGreaterEqual(len(ours_said), 1)
        for _ in range(100):
            wire.send(b"\xff" * 6 + mac + b"\x08\x06" + claim)
        self.until("counted", lambda: d.counter("addressConflicts") == 101, 10)
        self.assertLessEqual(len([f for f in drain(wire, 0.5) if f[12:14] == b"\x08\x06" and f[:6] == b"\xff" * 6]), 1)
        self.assertTrue(d.is_up(OTHER))

    # --- the other host ---

    def test_a_peer_whose_host_reboots_is_taken_again(self):
        """It goes without a word, and comes back with another table."""
        hold = 9
        self.switches()
        ip("link", "set", "vrs0", "master", "brf")
        self.far("one", MACS[0], PEER, length=16)
        self.far("two", MACS[1], OTHER, length=16)
        self.d = self.vrsd([{"peerIp": PEER, "holdSeconds": hold}, {"peerIp": OTHER}])
        self.listener = self.feed(OTHER, namespace="two")
        old = self.feed(PEER, 1000, namespace="one")
        self.received(self.d, PEER, 1000)
        ip("link", "set", "one0", "down")
        old.kill()
        ip("link", "del", "one0")
        ip("netns", "del", "one")
        self.far("one", MACS[0], PEER, length=16)
        began = time.monotonic()
        self.feed(PEER, 500, seed=5, namespace="one")
        self.received(self.d, PEER, 500, 4 * hold)
        took = time.monotonic() - began
        self.assertEqual(self.d.session(PEER)["timesEstablished"], 2)
        self.until("all is told", lambda: self.listener.held() == 501, 20)
        self.say(f"reboot of a peer's host, hold time 9 s: its new table was there after {took:.1f} s")
        self.assertLess(took, 12)

    def test_a_new_connection_from_the_port_of_the_old_one_replaces_it(self):
        """What a host does that has lost its memory: a SYN for a connection that is there. It gets a challenge ACK,
        says RST to that, and its next SYN is taken (RFC 5961 section 4)."""
        self.wire()
        self.start()
        old = self.speaker(PEER, source_port=50179)
        old.announce(["198.51.100.0/24"])
        self.received(self.d, PEER, 1)
        # So that it ends without a word: nothing leaves any more while it is closed.
        ip("link", "set", "vrs0", "down")
        old.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        old.close()
        self.until("nothing of it is left", lambda: ":50179" not in subprocess.run(
            ["ss", "-tan"], capture_output=True, text=True, timeout=10, check=True).stdout, 10)
        ip("link", "set", "vrs0", "up")
        self.until("a way", lambda: "vrs0" in ip("route"), 10)
        began = time.monotonic()
        new = self.speaker(PEER, source_port=50179)
        new.announce(["198.51.101.0/24"])
        self.until("taken", lambda: self.d.session(PEER)["timesEstablished"] == 2
                   and self.d.session(PEER)["prefixesReceived"] == 1, 10)
        if self.d.counter("challengeAcks") == 0:
            # Something of ours was under way when the link came back: the host said RST to that already.
            self.assertIn("reset", self.d.session(PEER)["lastError"]["text"])
        self.say(f"the same port again: taken after {time.monotonic() - began:.1f} s")

    # --- our own ---

    def test_vrsd_killed_and_started_again_has_its_peers_back_soon(self):
        self.wire()
        d = self.start(9)
        self.feed(PEER, N)
        self.all_there()
        d.kill()
        d.start()
        began = time.monotonic()
        self.until("the old connections are refused", lambda: d.counter("segmentsWithoutConnection") >= 2, 10)
        refused = time.monotonic() - began
        self.all_there()
        self.say(f"vrsd killed: peers were told by RST {refused:.1f} s after its start, all there again after "
                 f"{time.monotonic() - began:.1f} s")

    def test_a_stop_of_two_seconds_loses_nothing(self):
        self.wire()
        d = self.start()
        self.under_way()
        d.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(2)  # What is under test is a time.
        finally:
            d.process.send_signal(signal.SIGCONT)
        took = self.all_there()
        self.assertEqual(d.counter("sessionsLost"), 0)
        self.say(f"stopped for 2 s: all there {took:.1f} s later, retransmits {d.counter('retransmits')}")


