# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""The storms of soak_test.py."""

import signal
import socket
import struct

from soak_peers import path_attributes, update, wait
from speaker import NOTIFICATION, REFRESH, attribute, message, nlri

REFRESHES = b"".join(message(REFRESH, struct.pack("!HBB", afi, 0, 1)) for afi in (1, 2))
BLOCK = [f"198.19.{i}.0/24" for i in range(256)]  # What the speakers by hand announce.
# Feed B's next hops are in here: without them its table is heard and not used.
PLAIN = {"prefixes": ', 10.9.0.0/16, "fd00:9::/48"', "routes": "", "nics": "", "connections": "",
         "guest": "\n      - {name: guest, peerIp: 10.0.1.10, peerAsn: 65010, passive: true}"}


class Storms:
    """What comes over the daemon. Each is a generator: what it does goes on between two steps,
    while others have their turn; when it has ended all is as it was."""

    def __init__(self, test):
        self.t, self.rng, self.change = test, test.rng, {}

    def all(self):
        return [getattr(self, n) for n in sorted(vars(Storms)) if n.startswith("storm_")]

    def feed(self):
        return self.rng.choice(self.t.feeds)

    # Tables and sessions.

    def storm_withdraw_and_load(self):
        for feed in self.rng.sample(self.t.feeds, self.rng.randrange(1, 4)):
            feed.process.send_signal(signal.SIGUSR1)
            yield
            feed.process.send_signal(signal.SIGUSR2)
            yield

    def storm_feed_dies(self):
        feed = self.feed()
        feed.end(self.rng.choice((signal.SIGKILL, signal.SIGTERM)))
        yield
        feed.start()

    def storm_peer_stops(self):
        feed = self.feed()
        feed.process.send_signal(signal.SIGSTOP)
        yield
        yield
        feed.process.send_signal(signal.SIGCONT)

    def storm_peer_does_not_read(self):
        twin = self.t.twin
        twin.reading.clear()

        def stalled():
            twin.sock.sendall(REFRESHES)
            return self.t.session("twin")["stalledMs"] > 0
        wait(stalled, "a peer that does not read")
        for _ in range(3):
            yield
        twin.reading.set()

    def storm_churn(self):
        nva = self.t.nva
        for _ in range(self.rng.randrange(2, 12)):
            some = self.rng.sample(BLOCK, 128)
            if self.rng.random() < 0.3:
                nva.withdraw(some)
            else:
                nva.announce(some, next_hop=f"10.0.1.{self.rng.randrange(100, 200)}",
                             path=[65007] * self.rng.randrange(1, 4),
                             med=self.rng.choice((None, 5)),
                             communities=[(65007, self.rng.randrange(9))])
            if self.rng.random() < 0.3:
                yield
        nva.announce(BLOCK)

    def storm_resets(self):
        nva = self.t.nva
        for i in range(self.rng.randrange(2, 8)):
            if self.rng.random() < 0.3:
                nva.sock.sendall(message(NOTIFICATION, b"\x06\x04"))
            if i % 2:
                nva.close()
            else:
                nva.reset()
            nva.open()
            nva.announce(BLOCK[:self.rng.randrange(1, 256)], path=[65007, 65007])
            yield
        nva.announce(BLOCK)

    def storm_same_table(self):
        """Equal paths, longer ones, none, equal ones: what ECMP makes of it."""
        for path in ([65009, 65009], None, [65009]):
            if path is None:
                self.t.twin.withdraw(BLOCK)
            else:
                self.t.twin.announce(BLOCK, path=path)
            yield
        self.t.twin.announce(BLOCK)

    def storm_refresh(self):
        for _ in range(10):
            for peer in (self.t.nva, self.t.twin, self.t.bystander):
                peer.sock.sendall(REFRESHES)
            if self.rng.random() < 0.2:
                yield

    def storm_end_of_rib(self):
        for _ in range(20):
            self.t.nva.sock.sendall(update() + update(attrs=attribute(
                0x80, 15, struct.pack("!HB", 2, 1))))
        yield

    def storm_malformed(self):
        before = self.t.session("nva")["treatAsWithdraw"]
        bad = attribute(0x40, 1, b"\x09") + path_attributes([65007])[4:] + attribute(
            0x40, 3, socket.inet_aton("10.0.1.7"))
        for i in range(0, 256, 8):
            self.t.nva.sock.sendall(update([nlri(p) for p in BLOCK[i:i + 8]], attrs=bad))
        wait(lambda: self.t.session("nva")["treatAsWithdraw"] >= before + 32, "malformed")
        yield
        self.t.nva.announce(BLOCK)

    def storm_connections(self):
        socks = []
        for source in ["10.0.1.66", "10.0.1.4"] * 15:
            try:
                socks.append(socket.create_connection(("10.0.0.4", 179), 5, (source, 0)))
            except OSError:
                pass
        yield
        for s in socks:
            s.close()

    # Configurations.

    def reload(self, **change):
        self.change.update(change)
        self.t.reload({**PLAIN, **self.change})

    def undo(self, *keys):
        for key in keys:
            self.change.pop(key, None)
        self.reload()

    def storm_reload_routes(self):
        for _ in range(self.rng.randrange(1, 4)):
            n = self.rng.randrange(1, 200)
            self.reload(routes="".join(
                f"\n      - {{name: r{i}, addressPrefix: {self.rng.randrange(20, 99)}.{i}.0.0/16, "
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.1.99}" for i in range(n)))
            yield
        self.undo("routes")

    def storm_reload_nics(self):
        for _ in range(self.rng.randrange(1, 4)):
            self.reload(nics="".join(
                f"\n  - {{name: n{i}, virtualNetwork: hub, subnet: {s}, "
                f"privateIpAddress: 10.0.{2 if s == 'vms' else 3}.{i}}}"
                for i, s in ((i, self.rng.choice(("vms", "others"))) for i in range(10, 200))))
            yield
        self.undo("nics")

    def storm_reload_connections(self):
        for _ in range(2):
            self.reload(connections="".join(
                f"\n      - {{name: x{i}, peerIp: 10.0.1.{i}, peerAsn: {65000 + i}, passive: true}}"
                for i in range(30, 30 + self.rng.randrange(1, 50))))
            yield
        self.undo("connections")

    def storm_reload_removes_a_peer(self):
        guest = self.t.guest
        self.reload(guest="")
        wait(lambda: NOTIFICATION in guest.kinds, "a Cease for who is removed")
        yield
        self.undo("guest")
        guest.close()
        guest.open().announce(BLOCK[:16])

    def storm_reload_network(self):
        """Next hops become invalid, and valid again."""
        self.reload(prefixes=self.rng.choice(("", ", 10.9.0.0/16", ", 10.8.0.0/16")))
        yield
        self.undo("prefixes")

    def storm_reload_refused(self):
        self.t.reload({**PLAIN, "connections": "\n      - {name: nva}"}, refused=True)
        yield

    # Clients of the API.

    def storm_listing_stalls(self):
        socks = [self.t.api.ask(f"/v1/{path}", 4096)
                 for path in ("networkInterfaces/vm/effectiveRouteTable",
                              "routeServers/rs/bgpConnections/feed-a/learnedRoutes",
                              "routeServers/rs/bgpConnections/nva/advertisedRoutes")]
        for s in socks:
            s.recv(256)

        def held():  # An answer's head may come before its version is chosen: replace that one, too.
            self.t.nva.announce(BLOCK, next_hop=f"10.0.1.{self.rng.randrange(100, 200)}")
            return self.t.seen()["pins"]["versions"] > 0
        wait(held, "a listing holds a version")
        for _ in range(self.rng.randrange(1, 4)):
            yield
        for s in socks:
            s.close()
        self.t.nva.announce(BLOCK)

    def storm_watch_stalls(self):
        socks = [self.t.api.ask(f"/v1/watch?{what}", 4096)
                 for what in ("routeServer=rs", "nic=vm") * 2]
        for _ in range(self.rng.randrange(1, 4)):
            yield
        for s in socks:
            s.close()

    def storm_requests(self):
        for path in ("/v1/status", "/metrics", "/v1/networkInterfaces/vm/explain?destIp=198.19.7.1",
                     "/v1/routeServers/rs/routes?prefix=198.19.7.0/24") * 5:
            self.t.api.get(path)
        yield
