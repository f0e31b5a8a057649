# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""OpenBGPD as an NVA, with a control socket of its own."""

import ipaddress
import json
import os

from lab import Process, Seen, nva4, run, wait_equal, wait_for

from .nva import Nva


class Openbgpd(Nva):
    """OpenBGPD 7. FRR's bgpd is another program of that name: this one is in /usr/sbin."""

    BGPD = "/usr/sbin/bgpd"
    PROGRAMS = (BGPD, "bgpctl")
    PACKAGE = "openbgpd"
    OWN_PATHS = True
    UNABLE = {
        # Told by its log, with BIRD, FRR or another OpenBGPD as the peer too.
        "refresh-both-ways: answer of the daemon":
            "OpenBGPD 7.7 takes each request for one of a family that is not negotiated",
        ("md5-wrong-and-right", "vrsd"):
            "OpenBGPD 7.7 gives the kernel no key for its listening socket on Linux",
    }

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.conf = os.path.join(self.lab.dir, f"{self.name}.conf")
        self.socket = os.path.join(self.lab.dir, f"{self.name}.sock")

    def _network(self, r):
        # Its own route must be its best, or it is not announced.
        words = [f"origin {r.origin.lower()} localpref 200"]
        words += [f"community {c}" for c in r.communities]
        words += [f"large-community {c}" for c in r.large]
        words += [f"ext-community {c.replace(':', ' ', 1)}" for c in r.extended]
        if r.path:
            words.append(f"prepend-self {len(r.path)}")
        if r.next_hop:
            words.append(f"nexthop {r.next_hop}")
        return f"network {r.prefix} set {{ {' '.join(words)} }}"

    def _text(self):
        s = self.settings
        out = [f"AS {self.asn}", f"router-id {nva4(self.host)}", f'socket "{self.socket}"',
               f"listen on {self.local}", "fib-update no", "holdtime 9", "connect-retry 1",
               "nexthop qualify via default", "log updates"]
        out += [self._network(r) for r in self.routes.values()]
        for i, n in enumerate(self.remotes):
            out += [f"neighbor {n} {{", f"remote-as {s.remote_asn}", f"descr rs{i}",
                    f"local-address {self.local}", f"multihop {s.ttl_hops or 64}",
                    f"ttl-security {'yes' if s.ttl_hops else 'no'}",
                    f"announce as-4byte {'yes' if s.as4 else 'no'}",
                    *(f"announce IPv{f} {'unicast' if f in s.families else 'none'}"
                      for f in (4, 6))]
            if self.passive:
                out.append("passive")
            if s.password:
                out.append(f'tcp md5sig password "{s.password}"')
            if s.max_prefixes:
                out.append(f"max-prefix {s.max_prefixes}")
            out.append("}")
        return "\n".join([*out, "allow from any", "allow to any",
                          f"deny to any AS {s.remote_asn}"]) + "\n"

    def _write(self):
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(self._text())
        os.chmod(self.conf, 0o600)  # It refuses what others may read.

    def ctl(self, *words):
        return run("bgpctl", "-s", self.socket, *words)

    def json(self, *words):
        return json.loads(run("bgpctl", "-j", "-s", self.socket, *words))

    def start(self):
        self._write()
        # It changes its root to a folder that only its service makes: here in a /run of its own.
        self.process = Process(self.lab, self.ns, self.name, [
            "sh", "-ec", 'mount -t tmpfs -o mode=755 tmpfs /run; mkdir /run/openbgpd; exec "$@"',
            "sh", self.BGPD, "-d", "-v", "-f", self.conf])
        wait_for(f"{self.name} answers", lambda: self.json("show", "neighbor"), 15)

    def announce(self, routes):
        """Make these its routes, and only these. One that changes goes before it comes: what
        a reload replaces is at times withdrawn and not announced again."""
        routes = {r.prefix: r for r in routes}
        same = {p: r for p, r in self.routes.items() if routes.get(p) == r}
        for step in ([same] if same != self.routes else []) + [routes]:
            self.routes = step
            self._write()
            self.ctl("reload")
            try:
                wait_equal(f"networks of {self.name}", self._networks, set(step), 10)
            except AssertionError:  # On a busy machine a reload is at times not heard.
                self.ctl("reload")
                wait_equal(f"networks of {self.name}", self._networks, set(step))

    def _networks(self):
        return {word for line in self.ctl("network", "show").splitlines()
                for word in line.split() if "/" in word}

    def _neighbor(self, instance):
        return next(n for n in self.json("show", "neighbor")["neighbors"]
                    if n["remote_addr"] == self.remotes[instance])

    def established(self):
        return all(self._neighbor(i)["state"] == "Established"
                   for i in range(len(self.remotes)))

    def log_text(self):
        return self.process.text()

    @staticmethod
    def _seen(path):
        return Seen(path["aspath"].replace(" ", "-"), str(ipaddress.ip_address(
            path["exit_nexthop"])), {"IGP": "IGP", "EGP": "EGP"}.get(path["origin"], "incomplete"),
            tuple(sorted(path.get("communities", ()))),
            tuple(sorted(path.get("large_communities", ()))),
            tuple(sorted(c.replace(" ", ":", 1) for c in path.get("extended_communities", ()))))

    def received(self, instance):
        """Its Adj-RIB-In, as it came."""
        rib = self.json("show", "rib", "detail", "in", "neighbor", self.remotes[instance])
        return {r["prefix"]: self._seen(r) for r in rib.get("rib", ())}

    def refresh(self, instance):
        self.ctl("neighbor", self.remotes[instance], "refresh")

    def refreshes_heard(self, instance):
        return self._neighbor(instance)["stats"]["message"]["received"]["route_refresh"]

    def down(self, instance, text):
        self.ctl("neighbor", self.remotes[instance], "down", text)

    def up(self, instance):
        self.ctl("neighbor", self.remotes[instance], "up")

    def hurry(self):
        """After an error it waits for 30 s, and twice as long each time."""
        for i, n in enumerate(self.remotes):
            if self._neighbor(i)["state"] == "Idle":
                self.ctl("neighbor", n, "up")

    def heard_text(self, text):
        return text in self.log_text()

    def _notified(self, words):
        return sum("received notification" in line and words in line
                   for line in self.log_text().splitlines())

    def heard_shutdown(self):
        return self._notified("administratively down") + self._notified("Administrative")

    def heard_refusal(self):
        return self._notified("AS unacceptable") >= len(self.remotes)

    def heard_limit(self):
        return self._notified("max-prefix") > 0
