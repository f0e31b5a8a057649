# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""GoBGP 3 as an NVA."""

import json
import os

from lab import ORIGINS, Process, Seen, nva4, nva6, run, wait_for

from .nva import Nva


class Gobgp(Nva):
    """GoBGP 3."""

    PROGRAMS = ("gobgpd", "gobgp")
    PACKAGE = "gobgpd"
    UNABLE = {
        "refresh-both-ways: request of the daemon":
            "softresetin goes through GoBGP's own Adj-RIB-In again and asks nobody",
        "two-byte-peer": "gobgpd always announces AS numbers of 4 bytes",
    }

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.conf = os.path.join(self.lab.dir, f"{self.name}.toml")
        self.told = {}

    def _text(self):
        listen = f'"{nva4(self.host)}", "{nva6(self.host)}"'
        out = [f"""[global.config]
  as = {self.asn}
  router-id = "{nva4(self.host)}"
  port = 179
  local-address-list = [{listen}]"""]
        s = self.settings
        ttl = f"""[neighbors.ttl-security.config]
    enabled = true
    ttl-min = {256 - s.ttl_hops}""" if s.ttl_hops else """[neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 64"""
        for remote in self.remotes:
            out.append(f"""[[neighbors]]
  [neighbors.config]
    neighbor-address = "{remote}"
    peer-as = {s.remote_asn}
    {f'auth-password = "{s.password}"' if s.password else ""}
  [neighbors.transport.config]
    local-address = "{self.local}"
    passive-mode = {"true" if self.passive else "false"}
  {ttl}
  [neighbors.timers.config]
    hold-time = 9
    keepalive-interval = 3
    connect-retry = 5
    idle-hold-time-after-reset = 5""")
            for family in s.families:
                out.append(f"""  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv{family}-unicast\"""")
                if s.max_prefixes:
                    out.append(f"""    [neighbors.afi-safis.prefix-limit.config]
      max-prefixes = {s.max_prefixes}""")
        return "\n".join(out) + "\n"

    def ctl(self, *words):
        return run("ip", "netns", "exec", self.ns, "gobgp", "-u", "127.0.0.1", "-p", "50051",
                   *words)

    def json(self, *words):
        out = self.ctl(*words, "-j").strip()
        # "Network not in table" and the like are not JSON: an empty table.
        return json.loads(out) if out.startswith(("{", "[")) else {}

    def start(self):
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(self._text())
        self.process = Process(self.lab, self.ns, self.name, [
            "gobgpd", "-f", self.conf, "--api-hosts", "127.0.0.1:50051", "-l", "debug",
            "--pprof-disable"])
        wait_for(f"{self.name} answers", lambda: self.json("neighbor"), 15)
        self.told = {}
        self.announce(self.routes.values())

    def _words(self, r):
        words = [r.prefix, "origin", r.origin.lower(), "nexthop",
                 r.next_hop or self.address(r.family)]
        if r.path:
            words += ["aspath", ",".join(str(a) for a in r.path)]
        if r.communities:
            words += ["community", ",".join(r.communities)]
        if r.large:
            words += ["large-community", ",".join(r.large)]
        for c in r.extended:
            words += ["rt", c.removeprefix("rt:")]
        return words + ["-a", f"ipv{r.family}"]

    def announce(self, routes):
        """Make these its routes, and only these."""
        self.routes = {r.prefix: r for r in routes}
        for prefix, r in list(self.told.items()):
            if prefix not in self.routes:
                self.ctl("global", "rib", "del", prefix, "-a", f"ipv{r.family}")
        for prefix, r in self.routes.items():
            if self.told.get(prefix) != r:
                self.ctl("global", "rib", "add", *self._words(r))
        self.told = dict(self.routes)

    def forget(self, prefixes):
        """By a restart. When GoBGP 3.10 loses its own route on a prefix that it also hears
        from vrsd, the next best is a loop for the other instance; it then sends that instance
        nothing at all, not the withdrawal (its filterpath() ends at isASLoop())."""
        self.stop()
        self.routes = {p: r for p, r in self.routes.items() if p not in prefixes}
        self.start()

    def established(self):
        states = [n["state"].get("session_state") for n in self.json("neighbor")]
        return states == [6] * len(self.remotes)

    def log_text(self):
        return self.process.text()

    @staticmethod
    def _seen(path):
        got = {"path": "", "origin": None, "communities": (), "large": (), "next_hop": None,
               "extended": ()}
        for a in path["attrs"]:
            if a["type"] == 1:
                got["origin"] = ORIGINS[a["value"]]
            elif a["type"] == 2:
                got["path"] = "-".join(str(n) for s in a["as_paths"] for n in s["asns"])
            elif a["type"] in (3, 14):
                got["next_hop"] = a["nexthop"]
            elif a["type"] == 8:
                got["communities"] = tuple(sorted(f"{c >> 16}:{c & 65535}"
                                                  for c in a["communities"]))
            elif a["type"] == 16:
                got["extended"] = tuple(sorted("rt:" + c["value"] for c in a["value"]))
            elif a["type"] == 32:
                got["large"] = tuple(sorted(
                    f"{c['ASN']}:{c['LocalData1']}:{c['LocalData2']}" for c in a["value"]))
        return Seen(**got)

    def _table(self, instance, which):
        table = {}
        for family in self.settings.families:
            try:
                rows = self.json("neighbor", self.remotes[instance], which, "-a", f"ipv{family}")
            except RuntimeError as e:
                # A session that is down holds nothing; gobgp makes that an error.
                if "is not established" not in str(e):
                    raise
                rows = {}
            table.update({p: self._seen(paths[0]) for p, paths in rows.items()})
        return table

    def received(self, instance):
        return self._table(instance, "adj-in")

    def sent(self, instance):
        return self._table(instance, "adj-out")

    def _notifications(self, code, subcode):
        """How often a session of its ended because vrsd sent this."""
        n = 0
        for line in self.log_text().splitlines():
            if '"state changed"' not in line:
                continue
            reason = json.loads(line)["reason"]
            body = (reason.get("BGPNotification") or {}).get("Body") or {}
            n += (reason["Type"] == 5  # received
                  and (body.get("ErrorCode"), body.get("ErrorSubcode")) == (code, subcode))
        return n

    def refreshes_heard(self, instance):
        for n in self.json("neighbor"):
            if n["conf"]["neighbor_address"] == self.remotes[instance]:
                return n["state"]["messages"]["received"].get("refresh", 0)
        return 0

    def down(self, instance, text):
        """"disable" is the newer word, but drops the text."""
        self.ctl("neighbor", self.remotes[instance], "shutdown", "--reason", text)

    def up(self, instance):
        self.ctl("neighbor", self.remotes[instance], "enable")

    def heard_text(self, text):
        return text in self.log_text()

    def heard_limit(self):
        return self._notifications(6, 1) > 0

    def heard_shutdown(self):
        return self._notifications(6, 2)

    def heard_refusal(self):
        """Whether both instances sent it a NOTIFICATION and no session is up. GoBGP tells
        the codes of one that comes in OpenConfirm nowhere; that they are 2/2 is checked at
        vrsd, by BIRD and by a speaker."""
        states = [n["state"] for n in self.json("neighbor")]
        return all(s["messages"]["received"].get("notification", 0) > 0
                   and s.get("session_state") != 6 for s in states)
