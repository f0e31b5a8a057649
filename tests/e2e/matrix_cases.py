# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""The cases of the interop matrix. Each is a function of a Bench, which is one setting of all
the other axes: vrsd between two NVAs of one kind. `a` is put to the test; `b` stays as it is,
hears what `a` says, and shows that others do not mind."""

import ipaddress
import os
import random
import signal
import time

import carrier
import lab
from daemons import DAEMONS
from lab import Lab, Route, Seen, connection, wait_equal, wait_for

SYSTEM = {4: "10.0.0.0/16", 6: "fd00:db8::/48"}
ONLY_A = {4: "198.51.100.0/24", 6: "2001:db8:a::/48"}
ONLY_B = {4: "192.0.2.0/24", 6: "2001:db8:b::/48"}
SHARED = {4: "198.18.0.0/24", 6: "2001:db8:e::/48"}
ASNS = {"2-byte": (65001, 65002), "4-byte": (4200000001, 4200000002)}
KINDS = ("communities", "large", "extended")
# What vrsd counts where the kernel has these counters.
OURS = {"TCPMinTTLDrop": "segmentsTooFar", "TCPMD5NotFound": "segmentsBadSignature",
        "TCPMD5Unexpected": "segmentsBadSignature", "TCPMD5Failure": "segmentsBadSignature"}
UP = 60  # GoBGP connects every 5 to 10 s, and may meet a vrsd that waits after an error
CASES = {}


def case(function):
    """Enter a function into the matrix, under its name with dashes."""
    CASES[function.__name__.replace("_", "-")] = function
    return function


class Bench:
    """vrsd and two NVAs, as one row of the matrix without its case says."""

    def __init__(self, build, row, name):
        self.row, self.family = row, row["family"]
        self.n = row["instances"]
        self.lab = Lab(build, name)
        try:
            self._start()
        except BaseException:
            self.tails = list(self.lab.tails())
            self.lab.close()
            raise

    def _start(self):
        pair = lab.RS4 if self.family == 4 else lab.RS6
        asns = ASNS[self.row["asn"]]
        to_vrsd = self.row["opens"] == "daemon"
        # IPv6 on both instances needs the IPv4 addresses too; on one it stands alone.
        ips = lab.RS4 + pair * (self.family == 6) if self.n == 2 else pair[:1]
        self.defaults = [connection("ab"[i], 4 + i, asns[i], self.family, passive=to_vrsd)
                         for i in (0, 1)]
        self.vrsd = self.lab.vrsd([dict(c) for c in self.defaults], router_ips=ips)
        kind = DAEMONS[self.row["daemon"]]
        self.a, self.b = (self.lab.add(kind(
            self.lab, "ab"[i], 4 + i, asns[i], family=self.family, passive=not to_vrsd,
            families=(self.family,), instances=self.n)) for i in (0, 1))
        self.settings = self.a.settings
        self.base_a = [Route(ONLY_A[self.family]), Route(SHARED[self.family])]
        self.base_b = [Route(ONLY_B[self.family]), Route(SHARED[self.family])]

    def close(self):
        self.lab.close()

    # --- The way back to where every case begins ---

    def baseline(self):
        if not self.vrsd.alive():
            self.vrsd.start()
        for nva, routes in ((self.a, self.base_a), (self.b, self.base_b)):
            if not nva.alive():
                nva.settings = self.settings
                nva.start()
            elif nva.settings != self.settings:
                nva.change(**vars(self.settings))
            nva.announce(routes)
        if self.vrsd.connections != self.defaults or self.vrsd.spokes:
            self.vrsd.connections = [dict(c) for c in self.defaults]
            self.vrsd.spokes = {}
            self.reload()
        self.settled()

    def reload(self):
        self.vrsd.write()
        assert self.vrsd.reload(), "vrsd refused its configuration"

    def connection(self, number=0, **changes):
        """Reload with other keys of a connection: its defaults, and these."""
        self.vrsd.connections[number] = {**self.defaults[number], **changes}
        self.reload()

    # --- Conditions ---

    def reset(self):
        """What an operator would do at vrsd."""
        lab.run(os.path.join(self.lab.build, "tools", "vrsctl", "vrsctl"), "--control-socket",
                self.vrsd.socket, "routeserver", "peering", "reset", "--routeserver", "rs",
                "--name", "a")

    def up(self, *nvas, resets=False):
        """Wait until all sessions are up, as both sides see it."""
        nvas = nvas or (self.a, self.b)
        names = [n.name for n in nvas]
        last, gap = time.monotonic(), 4

        def all_up():
            nonlocal last, gap
            if self.vrsd.established(*names) and all(n.established() for n in nvas):
                return True
            if time.monotonic() - last > gap:
                last = time.monotonic()
                for n in nvas:
                    n.hurry()
                if resets:
                    self.reset()
                    gap *= 2  # A reset takes down an instance that is up as well: give it time.
            return False
        wait_for(f"sessions of {' and '.join(names)} up", all_up, 2 * UP if resets else UP, 0.1)

    def learned(self, nva):
        return [{p: (path, hop) for p, (path, hop, _) in rows.items()}
                for rows in self.vrsd.learned(nva.name)[:self.n]]

    def settled(self):
        """All is up, and everybody holds what it should: vrsd what the NVAs announce, the NVAs
        the network and what the other one has and they have not."""
        self.up()
        for nva in (self.a, self.b):
            wait_equal(f"routes learned from {nva.name}", lambda n=nva: self.learned(n),
                       [nva.expected()] * self.n)
        for nva, other in ((self.a, self.b), (self.b, self.a)):
            must = {SYSTEM[self.family], *(set(other.routes) - set(nva.routes))}
            for i in range(self.n):
                wait_for(f"{nva.name} heard instance {i}",
                         lambda n=nva, i=i, m=must: m <= set(n.received(i)))

    def heard(self, nva, prefix, path, **attributes):
        """Wait until both instances told an NVA about a prefix so; a path of None: nothing.
        Of the attributes those that are named are looked at."""
        def get():
            out = []
            for i in range(self.n):
                seen = nva.received(i).get(prefix)
                out.append(seen and (seen.path, {k: getattr(seen, k) for k in attributes}))
            return out
        wait_equal(f"what {nva.name} heard of {prefix}", get,
                   [None if path is None else (path, attributes)] * self.n)

    def hops(self, prefix, *nvas):
        """Wait until the NIC uses exactly these NVAs for a prefix; none: no route."""
        wait_equal(f"next hops of {prefix} on vm1", lambda: self.vrsd.gateway_hops(prefix),
                   sorted(n.address(self.family) for n in nvas) if nvas else None)

    def errors(self, name="a"):
        """Of each session: is it down, and the last error's code, subcode, direction."""
        return [(s["state"] != "Established",
                 *((s["lastError"] or {}).get(k) for k in ("code", "subcode", "direction")))
                for s in self.vrsd.sessions(name)]

    def refused(self, what, code, subcode, direction):
        """Wait until all sessions of `a` are down with this as their last error. In the end it
        is: a later attempt may end otherwise, but the next one brings it back."""
        last = time.monotonic()

        def get():
            nonlocal last
            if time.monotonic() - last > 4:
                last = time.monotonic()
                self.a.hurry()
            return self.errors()
        wait_equal(what, get, [(True, code, subcode, direction)] * self.n, UP)

    def count(self, key, name="a"):
        return [s[key] for s in self.vrsd.sessions(name)]

    def kernel(self, ns, *names):
        """The sum of TCP's counters in a namespace; vrsd's own where it does TCP itself."""
        if carrier.DPDK and ns == self.vrsd.ns:
            return sum(self.vrsd.counter(k) for k in {OURS[n] for n in names})
        text = lab.run("ip", "netns", "exec", ns, "cat", "/proc/net/netstat").splitlines()
        keys, values = (line.split()[1:] for line in text if line.startswith("TcpExt:"))
        counters = dict(zip(keys, values))
        return sum(int(counters.get(n, 0)) for n in names)

    def never_up(self, ns, *names):
        """Wait until the kernel has dropped three packets for this reason, and then `a` must
        not have come up, while `b` has not noticed."""
        before = self.kernel(ns, *names)
        others = self.count("timesEstablished", "b")
        wait_for(f"three packets dropped: {' '.join(names)}",
                 lambda: self.kernel(ns, *names) >= before + 3, UP, 0.2)
        if ns == self.vrsd.ns:
            assert self.count("timesEstablished") == [0] * self.n, self.errors()
        else:  # It may have taken the OPEN in before it could tell the kernel.
            assert not self.a.established()
        assert self.vrsd.established("b")
        assert self.count("timesEstablished", "b") == others

    def path(self, nva, route):
        return f"{lab.ASN}-{nva.path_of(route)}"


def varied(bench, nva, n, seed):
    """n routes with all sorts of attributes; paths as far as the daemon can make them."""
    rng = random.Random(seed)
    routes = []
    for i in range(n):
        prefix = (f"100.{64 + seed}.{i}.0/{rng.randint(24, 32)}" if bench.family == 4
                  else f"2001:db8:{seed:x}:{i:x}::/{rng.randint(64, 128)}")
        asns = [nva.asn] if nva.OWN_PATHS else [65010, 3356, 4200000077, 196608, 1]
        routes.append(Route(
            str(ipaddress.ip_network(prefix)),
            tuple(rng.choice(asns) for _ in range(rng.randint(0, 6))), rng.choice(lab.ORIGINS),
            tuple(sorted({f"{rng.randint(1, 65534)}:{rng.randint(0, 65535)}"
                          for _ in range(rng.randint(0, 4))})),
            tuple(sorted({f"{rng.randint(1, 2**32 - 1)}:{rng.randint(0, 9)}:7"
                          for _ in range(rng.randint(0, 3))}))))
    return routes


def can(nva, part):
    """Whether a part of a case is for this kind of NVA."""
    return part not in nva.UNABLE


# --- The cases ---


@case
def up_from_either_side(bench):
    mine_is_179 = bench.row["opens"] == "vrsd"
    for nva in (bench.a, bench.b):
        # The side that listened has port 179, for every session.
        wait_for(f"connections of {nva.name} opened by {bench.row['opens']}",
                 lambda n=nva: (ports := n.tcp_ports()) and len(ports) == bench.n
                 and all((mine if mine_is_179 else his) == 179 for mine, his in ports))
        got = [s["localAddress"] for s in bench.vrsd.sessions(nva.name)]
        assert got == list(nva.remotes), got


@case
def routes_equal_both_ways(bench):
    for seed, nva in ((1, bench.a), (2, bench.b)):
        nva.announce(varied(bench, nva, 20, seed))
    bench.settled()
    own = SYSTEM[bench.family]
    for nva, other in ((bench.a, bench.b), (bench.b, bench.a)):
        for i in range(bench.n):
            expected = {r.prefix: Seen(bench.path(nva, r), nva.address(bench.family), r.origin,
                                       r.communities, r.large) for r in nva.routes.values()}
            expected[own] = Seen(str(lab.ASN), other.remotes[i], "IGP", (), ())
            wait_equal(f"{other.name}'s table from instance {i}",
                       lambda o=other, i=i: o.received(i), expected)
            told = bench.vrsd.advertised(other.name)[i]
            assert told == {p: (s.path, s.next_hop) for p, s in expected.items()}, told
        for r in nva.routes.values():
            for p in bench.vrsd.paths(r.prefix):
                got = (p["asPath"], p["origin"], sorted(p["communities"]),
                       sorted(p["largeCommunities"]))
                assert got == (nva.path_of(r), r.origin, list(r.communities),
                               list(r.large)), (r, got)


@case
def withdraw(bench):
    prefix = ONLY_A[bench.family]
    bench.hops(prefix, bench.a)
    bench.heard(bench.b, prefix, f"{lab.ASN}-{bench.a.asn}")
    bench.a.announce(bench.base_a[1:])
    bench.hops(prefix)
    bench.heard(bench.b, prefix, None)
    assert bench.vrsd.paths(prefix) == []
    bench.a.announce(bench.base_a)
    bench.hops(prefix, bench.a)
    bench.heard(bench.b, prefix, f"{lab.ASN}-{bench.a.asn}")


@case
def prepend(bench):
    prefix, a, b = SHARED[bench.family], bench.a, bench.b
    bench.hops(prefix, a, b)
    a.announce([bench.base_a[0], Route(prefix, (a.asn, a.asn))])
    bench.hops(prefix, b)
    bench.heard(a, prefix, f"{lab.ASN}-{b.asn}")
    wait_equal("the step that beats a", lambda: [
        (p["state"], p["reason"]) for p in bench.vrsd.paths(prefix) if p["peer"] == "a"],
        [("valid", "as-path-length")] * bench.n)
    b.announce([bench.base_b[0], Route(prefix, (b.asn, b.asn, b.asn))])
    bench.hops(prefix, a)
    bench.heard(b, prefix, f"{lab.ASN}-{a.asn}-{a.asn}-{a.asn}")


@case
def ecmp(bench):
    prefix, a, b = SHARED[bench.family], bench.a, bench.b
    inside = str(ipaddress.ip_network(prefix)[7])
    bench.hops(prefix, a, b)
    best = [p for p in bench.vrsd.paths(prefix) if p["state"] == "best"]
    assert len(best) == 1, best
    for nvas, gone in (((b,), a), ((a,), b)):
        gone.forget([prefix])
        bench.hops(prefix, *nvas)
        gone.announce(bench.base_a if gone is a else bench.base_b)
        bench.hops(prefix, a, b)
    got = sorted(bench.vrsd.next_hop(inside)["nextHopIpAddress"])
    assert got == sorted(n.address(bench.family) for n in (a, b)), got


@case
def communities(bench):
    a, prefix = bench.a, ONLY_A[bench.family]
    full = {"communities": ("65001:1", "65001:2"), "large": ("4200000001:2:3", "65001:4:5"),
            "extended": ("rt:65001:100", "rt:65001:200")}
    other = {"communities": ("65001:3",), "large": ("65001:6:7",), "extended": ("rt:65001:300",)}
    none = dict.fromkeys(KINDS, ())
    for kinds in (full, other, none, *({**none, k: full[k]} for k in KINDS)):
        a.announce([Route(prefix, **kinds), bench.base_a[1]])
        bench.heard(bench.b, prefix, f"{lab.ASN}-{a.asn}", **kinds)
        wait_equal("the communities in vrsd", lambda: [
            {k: tuple(sorted(p[key])) for k, key in zip(
                KINDS, ("communities", "largeCommunities", "extCommunities"))}
            for p in bench.vrsd.paths(prefix)], [kinds] * bench.n)


@case
def two_byte_peer(bench):
    """An NVA without RFC 6793 hears 23456 for what is longer; the others hear the number."""
    a, b = bench.a, bench.b
    small, large = 65001, 4200000002
    bench.vrsd.connections[0]["peerAsn"] = small
    bench.vrsd.connections[1]["peerAsn"] = large
    bench.reload()
    a.change(as4=False, asn=small)
    b.change(asn=large)
    bench.settled()
    family = bench.family
    heard = [p for i in range(bench.n) for p in [a.received(i)[ONLY_B[family]].path]]
    # Some put AS4_PATH back into the path, some show what is on the wire.
    assert set(heard) <= {f"{lab.ASN}-23456", f"{lab.ASN}-{large}"}, heard
    bench.heard(b, ONLY_A[family], f"{lab.ASN}-{small}")
    bench.hops(SHARED[family], a, b)


@case
def md5_wrong_and_right(bench):
    names = ("TCPMD5NotFound", "TCPMD5Unexpected", "TCPMD5Failure")
    files = {}
    for word in ("wrong", "right"):
        files[word] = os.path.join(bench.lab.dir, f"password-{word}")
        with open(files[word], "w", encoding="ascii") as f:
            f.write(word)
        os.chmod(files[word], 0o600)
    # Who takes the first packet drops it.
    ns = bench.vrsd.ns if bench.row["opens"] == "daemon" else bench.a.ns
    bench.connection(passwordFile=files["wrong"])
    bench.a.change(password="right")
    bench.never_up(ns, *names)
    bench.connection(passwordFile=files["right"])
    bench.settled()
    bench.hops(SHARED[bench.family], bench.a, bench.b)


@case
def ttl_security(bench):
    """A router lies between: what was sent with 255 arrives with 254, two hops."""
    bench.connection(ttlSecurity=2)
    bench.never_up(bench.vrsd.ns, "TCPMinTTLDrop")
    bench.a.change(ttl_hops=2)
    # Some refuse the first connections, in packets that vrsd must drop, and vrsd then waits for
    # an OPEN, as long as RFC 4271 says (4 minutes).
    bench.up(resets=True)
    bench.settled()
    bench.connection(ttlSecurity=1)
    bench.never_up(bench.vrsd.ns, "TCPMinTTLDrop")
    if can(bench.a, "ttl-security: check of the daemon"):
        bench.connection(ttlSecurity=0)
        bench.never_up(bench.a.ns, "TCPMinTTLDrop")


@case
def wrong_asn(bench):
    others = bench.count("timesEstablished", "b")
    bench.connection(peerAsn=65099)
    bench.refused("vrsd refuses the AS number of a", 2, 2, "sent")
    wait_for("a was told", bench.a.heard_refusal)
    assert bench.count("timesEstablished") == [0] * bench.n
    bench.connection()
    bench.up()
    bench.a.change(remote_asn=65514)
    bench.refused("a refuses the AS number of vrsd", 2, 2, "received")
    assert bench.learned(bench.a) == [{}] * bench.n
    bench.hops(SHARED[bench.family], bench.b)
    assert bench.count("timesEstablished", "b") == others


@case
def refresh_both_ways(bench):
    a = bench.a
    for i in range(bench.n if can(a, "refresh-both-ways: request of the daemon") else 0):
        before = bench.vrsd.sessions("a")[i]
        a.refresh(i)

        def answered(i=i, before=before):
            now = bench.vrsd.sessions("a")[i]
            # Two routes at least: the network's and the other NVA's.
            return now["refreshesReceived"] > before["refreshesReceived"] \
                and now["updatesSent"] >= before["updatesSent"] + 2
        wait_for(f"vrsd took the request of a to instance {i} and sent all again", answered)
    bench.settled()
    if not can(a, "refresh-both-ways: request of vrsd"):
        return
    heard = [a.refreshes_heard(i) for i in range(bench.n)]
    before = bench.vrsd.sessions("a")
    # A network that joins: the NVAs that can are asked for their routes.
    bench.vrsd.spokes = {"spoke": ["10.7.0.0/16" if bench.family == 4 else "fd00:db9::/48"]}
    bench.reload()
    for i in range(bench.n):
        wait_for(f"a was asked by instance {i}", lambda i=i: a.refreshes_heard(i) > heard[i])

        def sent_again(i=i):
            now = bench.vrsd.sessions("a")[i]
            return now["refreshesSent"] > before[i]["refreshesSent"] \
                and now["updatesReceived"] > before[i]["updatesReceived"]
        if can(a, "refresh-both-ways: answer of the daemon"):
            wait_for(f"a sent instance {i} its routes again", sent_again)
        wait_for(f"a heard of the spoke from instance {i}",
                 lambda i=i: bench.vrsd.spokes["spoke"][0] in a.received(i))
    assert bench.count("timesEstablished") == [s["timesEstablished"] for s in before]


@case
def shutdown_text_both_ways(bench):
    a, text = bench.a, bench.a.SHUTDOWN_TEXT
    a.down(0, text)
    wait_equal("the text at vrsd", lambda: {
        k: v for k, v in (bench.vrsd.sessions("a")[0]["lastError"] or {}).items()},
        {"code": 6, "subcode": 2, "text": text, "direction": "received"})
    if bench.n == 2:
        assert bench.vrsd.sessions("a")[1]["state"] == "Established"
    a.up(0)
    bench.settled()
    hears = can(a, "shutdown-text-both-ways: text of vrsd")
    bench.reset()
    wait_equal("a was reset", lambda: [e[1:] for e in bench.errors()], [(6, 4, "sent")] * bench.n)
    wait_for("a heard why it was reset", lambda: not hears or a.heard_text("reset by operator"))
    bench.settled()
    bench.connection(enabled=False)
    wait_for("a heard why it was shut down", lambda: not hears or (
        a.heard_text("disabled by configuration") and a.heard_shutdown() >= bench.n))
    bench.hops(SHARED[bench.family], bench.b)


@case
def max_prefix_ours(bench):
    """Three routes against a limit of two, with each action. Sessions that the limit ended wait
    for a minute: disabled and enabled again they do not."""
    a, family = bench.a, bench.family
    extra = Route("203.0.113.0/24" if family == 4 else "2001:db8:c::/48")
    bench.connection(maxPrefixes=2, maxPrefixAction="restart")
    bench.settled()
    a.announce([*bench.base_a, extra])
    bench.refused("over the limit: restart", 6, 1, "sent")
    wait_for("a was told", a.heard_limit)
    bench.hops(SHARED[family], bench.b)
    for action, usable in (("discard", 2), ("warn", 3)):
        bench.connection(enabled=False)
        bench.connection(maxPrefixes=2, maxPrefixAction=action)
        bench.up()
        wait_equal(f"over the limit: {action}", lambda: [
            (s["state"], s["prefixesReceived"], s["prefixesUsable"])
            for s in bench.vrsd.sessions("a")], [("Established", 3, usable)] * bench.n)
        reasons = [sorted(r for _, _, r in rows.values() if r)
                   for rows in bench.vrsd.learned("a")[:bench.n]]
        assert reasons == [["limit"] * (3 - usable)] * bench.n, reasons


@case
def max_prefix_theirs(bench):
    """What vrsd tells is more than the NVA takes."""
    bench.a.change(max_prefixes=4)
    bench.settled()
    more = [Route(f"100.99.{i}.0/24" if bench.family == 4 else f"2001:db8:99:{i}::/64")
            for i in range(1, 6)]
    bench.b.announce([*bench.base_b, *more])
    bench.refused("a ends the session", 6, 1, "received")
    bench.hops(SHARED[bench.family], bench.b)
    assert bench.vrsd.established("b")


@case
def daemon_killed(bench):
    a, b, family = bench.a, bench.b, bench.family
    before, others = bench.count("timesEstablished"), bench.count("timesEstablished", "b")
    a.stop(signal.SIGKILL)
    bench.hops(ONLY_A[family])
    bench.hops(SHARED[family], b)
    bench.heard(b, ONLY_A[family], None)
    a.start()
    bench.settled()
    bench.hops(ONLY_A[family], a)
    bench.hops(SHARED[family], a, b)
    assert bench.count("timesEstablished", "b") == others
    assert all(x > y for x, y in zip(bench.count("timesEstablished"), before))


@case
def vrsd_killed(bench):
    bench.vrsd.process.stop(signal.SIGKILL)
    for nva in (bench.a, bench.b):
        wait_equal(f"{nva.name} holds nothing of vrsd",
                   lambda n=nva: [set(n.received(i)) for i in range(bench.n)], [set()] * bench.n)
    bench.vrsd.start()
    bench.settled()
    bench.hops(SHARED[bench.family], bench.a, bench.b)
