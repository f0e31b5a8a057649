# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""What every daemon that plays an NVA has in common: its place in the laboratory, its settings,
the routes it is to announce, and the questions that a test may ask."""

import dataclasses
import signal

from lab import ASN, RS4, RS6, nva4, nva6, run


@dataclasses.dataclass(frozen=True)
class Settings:
    """How an NVA configures its sessions. What is said here holds for all of them."""
    families: tuple = (4, 6)   # of routes
    instances: int = 2         # sessions: one to each virtualRouterIp
    asn: int = None            # its own; None: the one it was made with
    remote_asn: int = ASN      # the one it expects of vrsd
    password: str = None       # TCP-MD5
    ttl_hops: int = 0          # TTL security: the longest way, 0: none
    as4: bool = True           # AS numbers of 4 bytes
    max_prefixes: int = 0      # taken from an instance per family before it ends the session


class Nva:
    """A daemon in a namespace of its own. `family` is that of its sessions; routes of all
    families of its settings go over them, with the NVA's own address of the family as next hop.

    A daemon's class adds:
        start() announce(routes) established() received(i) refresh(i) down(i, text) up(i)
        refreshes_heard(i)     how often an instance asked for its routes
        heard_text(text)       whether a NOTIFICATION with this text of RFC 9003 was taken in
        notified(code, subcode) how many NOTIFICATIONs like this it was sent; or, where it says
                               only words, the three heard_...() below
        hurry()                start what waits after an error, if the daemon waits for long
    """

    PROGRAMS = ()        # what must be installed
    PACKAGE = None       # of Debian
    SHUTDOWN_TEXT = "spare part \N{LATIN SMALL LETTER U WITH DIAERESIS}ber Nacht"  # of down()
    UNABLE = {}          # a case, (case, other values) or "case: part" of the matrix: why not
    OWN_PATHS = False    # it can put only its own AS number into a path

    def __init__(self, lab, name, host, asn, family=4, passive=False, **settings):
        self.lab, self.name, self.host, self._asn = lab, name, host, asn
        self.family, self.passive = family, passive
        self.settings = Settings(**settings)
        self.ns = lab.nva_host(name, host)
        self.local = nva4(host) if family == 4 else nva6(host)
        self.routes = {}
        self.process = None

    @property
    def asn(self):
        return self.settings.asn or self._asn

    @property
    def remotes(self):
        return (RS4 if self.family == 4 else RS6)[:self.settings.instances]

    def address(self, family):
        return nva4(self.host) if family == 4 else nva6(self.host)

    def path_of(self, route):
        """As vrs writes it."""
        return "-".join(str(a) for a in (self.asn, *route.path))

    def expected(self):
        """What vrsd must have learned: {prefix: (AS path, next hop)}."""
        return {r.prefix: (self.path_of(r), r.next_hop or self.address(r.family))
                for r in self.routes.values()}

    def change(self, **settings):
        """Restart it with other settings."""
        self.stop()
        self.settings = dataclasses.replace(self.settings, **settings)
        self.start()

    def stop(self, sig=signal.SIGTERM):
        return self.process.stop(sig)

    def alive(self):
        return self.process is not None and self.process.running()

    def heard_shutdown(self):
        """How often it was told Administrative Shutdown."""
        return self.notified(6, 2)

    def heard_refusal(self):
        """Whether all instances told it Bad Peer AS."""
        return self.notified(2, 2) >= len(self.remotes)

    def heard_limit(self):
        """Whether an instance told it Maximum Number of Prefixes Reached."""
        return self.notified(6, 1) > 0

    def hurry(self):
        """Most need no help."""

    def forget(self, prefixes):
        """Cease to announce these."""
        self.announce([r for r in self.routes.values() if r.prefix not in prefixes])

    def kill(self):
        if self.process is not None:
            self.process.stop(signal.SIGKILL)

    def tcp_ports(self):
        """(local, remote) ports of its TCP connections to vrsd."""
        out = run("ip", "netns", "exec", self.ns, "ss", "-tnH", "state", "established")
        pairs = [line.split()[2:4] for line in out.splitlines()]
        return {(int(a.rsplit(":", 1)[1]), int(b.rsplit(":", 1)[1])) for a, b in pairs}
