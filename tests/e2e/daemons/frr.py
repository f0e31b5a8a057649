# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""FRR's bgpd as an NVA, without zebra."""

import json
import os
import shutil

from lab import ASN, Process, Seen, nva4, run, wait_for

from .nva import Nva

SAFI = {4: "ipv4 unicast", 6: "ipv6 unicast"}
NET = {4: "ip", 6: "ipv6"}


class Frr(Nva):
    """FRR 8. Its daemons are not on the path: Debian has them in a folder of their own."""

    BGPD = "/usr/lib/frr/bgpd"
    PROGRAMS = (BGPD, "vtysh")
    PACKAGE = "frr"
    UNABLE = {
        "refresh-both-ways: answer of the daemon":
            "FRR 8.4 takes the request of a peer with enhanced refresh and without graceful "
            "restart for one before the End-of-RIB, and does not answer",
        ("two-byte-peer", 6): "FRR can only leave out all capabilities, also that of IPv6",
    }

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.conf = os.path.join(self.lab.dir, f"{self.name}.conf")
        # The sockets' folder must be the user's that bgpd checks for, also when it stays root.
        self.vty = os.path.join(self.lab.dir, f"{self.name}.vty")
        os.mkdir(self.vty)
        shutil.chown(self.vty, "frr", "frr")
        self.told = {}

    def _neighbors(self):
        s, out = self.settings, []
        for n in self.remotes:
            out += [f" neighbor {n} remote-as {s.remote_asn}",
                    f" neighbor {n} update-source {self.local}",
                    f" neighbor {n} timers 3 9", f" neighbor {n} timers connect 1",
                    f" neighbor {n} disable-connected-check",
                    f" neighbor {n} ttl-security hops {s.ttl_hops}" if s.ttl_hops
                    else f" neighbor {n} ebgp-multihop 64"]
            if self.passive:
                out.append(f" neighbor {n} passive")
            if s.password:
                out.append(f" neighbor {n} password {s.password}")
            if not s.as4:
                out.append(f" neighbor {n} dont-capability-negotiate")
        for family in s.families:
            out.append(f" address-family {SAFI[family]}")
            for n in self.remotes:
                out += [f"  neighbor {n} activate",
                        f"  neighbor {n} filter-list no-way-back out"]
                if s.max_prefixes:
                    out.append(f"  neighbor {n} maximum-prefix {s.max_prefixes}")
            out.append(" exit-address-family")
        return out

    def _text(self):
        return "\n".join([
            "debug bgp neighbor-events", "debug bgp updates",
            # Or it would tell one instance what it heard from the other.
            f"bgp as-path access-list no-way-back deny _{ASN}_",
            "bgp as-path access-list no-way-back permit .*",
            f"router bgp {self.asn}", f" bgp router-id {nva4(self.host)}",
            " no bgp ebgp-requires-policy", " no bgp network import-check",
            " no bgp default ipv4-unicast", " coalesce-time 0", *self._neighbors(), "exit"]) + "\n"

    def ctl(self, *commands):
        words = [w for c in commands for w in ("-c", c)]
        return run("vtysh", "--vty_socket", self.vty, "-d", "bgpd", *words)

    def json(self, command):
        return json.loads(self.ctl(f"{command} json"))

    def start(self):
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(self._text())
        self.process = Process(self.lab, self.ns, self.name, [
            self.BGPD, "-f", self.conf, "-i", self.conf + ".pid", "--vty_socket", self.vty,
            "-Z", "-n", "-S", "-P", "0", "-p", "179", "--log", "stdout", "--log-level",
            "debug"])
        wait_for(f"{self.name} answers", lambda: self.ctl("show version"), 15)
        self.told = {}
        self.announce(self.routes.values())

    @staticmethod
    def _map(name, r):
        out = [f"no route-map {name}", f"route-map {name} permit 10",
               f"set origin {r.origin.lower()}"]
        if r.path:
            out.append("set as-path prepend " + " ".join(map(str, r.path)))
        if r.communities:
            out.append("set community " + " ".join(r.communities))
        if r.large:
            out.append("set large-community " + " ".join(r.large))
        if r.extended:
            out.append("set extcommunity rt " + " ".join(c.removeprefix("rt:")
                                                         for c in r.extended))
        if r.next_hop:
            out.append(f"set ip next-hop {r.next_hop}" if r.family == 4
                       else f"set ipv6 next-hop global {r.next_hop}")
        return [*out, "exit"]

    def announce(self, routes):
        """Make these its routes, and only these."""
        self.routes = {r.prefix: r for r in routes}
        lines = []
        for prefix, r in self.told.items():
            if self.routes.get(prefix) != r:
                lines += [f"router bgp {self.asn}", f"address-family {SAFI[r.family]}",
                          f"no network {prefix}", "exit-address-family", "exit"]
        for prefix, r in self.routes.items():
            if self.told.get(prefix) == r:
                continue
            name = "out-" + prefix.replace("/", "-")
            lines += [*self._map(name, r), f"router bgp {self.asn}",
                      f"address-family {SAFI[r.family]}", f"network {prefix} route-map {name}",
                      "exit-address-family", "exit"]
        if lines:
            # "no route-map" of one that is not there is an error, but not the end of a file.
            path = self.conf + ".changes"
            with open(path, "w", encoding="utf-8") as f:
                f.write("\n".join(lines) + "\n")
            run("vtysh", "--vty_socket", self.vty, "-d", "bgpd", "-f", path)
        self.told = dict(self.routes)

    def _neighbor(self, instance):
        return self.json(f"show bgp neighbors {self.remotes[instance]}")[self.remotes[instance]]

    def established(self):
        return all(self._neighbor(i)["bgpState"] == "Established"
                   for i in range(len(self.remotes)))

    def log_text(self):
        return self.process.text()

    @staticmethod
    def _seen(path):
        def strings(key):
            return tuple(sorted(path.get(key, {}).get("string", "").split()))
        hops = path["nexthops"]
        hop = next((h for h in hops if h.get("scope") != "link-local"), hops[0])
        return Seen(path["aspath"]["string"].replace(" ", "-").replace("Local", ""), hop["ip"],
                    path["origin"], strings("community"), strings("largeCommunity"),
                    tuple(c.replace("RT:", "rt:") for c in strings("extendedCommunity")))

    def received(self, instance):
        """Out of the table, where a path stays also without a way to its next hop."""
        table = {}
        for family in self.settings.families:
            routes = self.json(f"show bgp {SAFI[family]} neighbors {self.remotes[instance]} "
                               "routes")["routes"]
            if not routes:
                continue
            # One question for all: the CLI tells the attributes only of one prefix at a time.
            out = self.ctl(*(f"show bgp {SAFI[family]} {p} json" for p in routes))
            decoder, at = json.JSONDecoder(), 0
            for prefix in routes:
                answer, at = decoder.raw_decode(out, out.index("{", at))
                for path in answer.get("paths", []):
                    if path["peer"]["peerId"] == self.remotes[instance]:
                        table[prefix] = self._seen(path)
        return table

    def refresh(self, instance):
        family = "ipv4" if 4 in self.settings.families else "ipv6"
        self.ctl(f"clear bgp {family} unicast {self.remotes[instance]} in")

    def refreshes_heard(self, instance):
        return self._neighbor(instance)["messageStats"]["routeRefreshRecv"]

    def _shutdown(self, instance, words):
        self.ctl("configure terminal", f"router bgp {self.asn}",
                 words % f"neighbor {self.remotes[instance]} shutdown")

    def down(self, instance, text):
        self._shutdown(instance, f"%s message {text}")

    def up(self, instance):
        self._shutdown(instance, "no %s")

    def hurry(self):
        """It doubles its start time with each error, up to a minute."""
        for i, n in enumerate(self.remotes):
            if self._neighbor(i)["bgpState"] != "Established":
                self.ctl(f"clear bgp {n}")

    def heard_text(self, text):
        return text in self.log_text()

    def notified(self, code, subcode):
        return sum("NOTIFICATION: received" in line and f" {code}/{subcode} (" in line
                   for line in self.log_text().splitlines())
