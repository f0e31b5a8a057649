# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""ExaBGP as an NVA: it has no table of its own, so what it heard is added up from the JSON that
it tells its helper process, and routes are words on a FIFO that the helper hands on."""

import contextlib
import ipaddress
import json
import os
import re

from lab import Process, Seen, nva4, wait_for

from .nva import Nva

# What ExaBGP starts: its events go to a file, commands come from the FIFO.
HELPER = """#!/bin/sh
exec 3<&0
cat <>"{fifo}" &
commands=$!
cat <&3 >>"{events}"
kill "$commands"
"""


class Exabgp(Nva):
    """ExaBGP 4."""

    PROGRAMS = ("exabgp",)
    PACKAGE = "exabgp"
    SHUTDOWN_TEXT = "Administrative Shutdown"  # It has no other.
    UNABLE = {
        "shutdown-text-both-ways: text of vrsd":
            "ExaBGP 4.2 takes the text in with an error of type (bytes and str), and tells nothing",
        "refresh-both-ways: request of vrsd":
            "ExaBGP 4.2 loses the session by an error of its own when it is asked",
        # On its listening socket the limit of what comes is the TTL of what goes as well.
        ("ttl-security", "vrsd"): "ExaBGP 4.2 answers a connection with a TTL below 255",
        "ttl-security: check of the daemon":
            "ExaBGP 4.2 does not look at the TTL on connections that it opens",
        "max-prefix-theirs": "ExaBGP has no limit of prefixes",
    }

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        base = os.path.join(self.lab.dir, self.name)
        self.conf, self.events, self.fifo = f"{base}.conf", f"{base}.events", f"{base}.fifo"
        self.helper = f"{base}.sh"
        self.told = {}
        with open(self.helper, "w", encoding="utf-8") as f:
            f.write(HELPER.format(events=self.events, fifo=self.fifo))
        os.chmod(self.helper, 0o755)

    def _text(self):
        s = self.settings
        out = [f"process api {{ run {self.helper}; encoder json; }}"]
        for n in self.remotes:
            out.append(f"""neighbor {n} {{
  router-id {nva4(self.host)};
  local-address {self.local};
  local-as {self.asn};
  peer-as {s.remote_asn};
  hold-time 9;
  passive {"true" if self.passive else "false"};
  listen 179;
  {f'md5-password "{s.password}";' if s.password else ""}
  {f"outgoing-ttl 255; incoming-ttl {256 - s.ttl_hops};" if s.ttl_hops else ""}
  capability {{ asn4 {"enable" if s.as4 else "disable"}; route-refresh enable; }}
  family {{ {" ".join(f"ipv{f} unicast;" for f in s.families)} }}
  api {{
    processes [ api ];
    neighbor-changes;
    receive {{ parsed; update; refresh; notification; }}
    send {{ parsed; notification; }}
  }}
}}""")
        return "\n".join(out) + "\n"

    def start(self):
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(self._text())
        with open(self.events, "wb"):
            pass
        # A new one: the helper of a process that was killed may still read the old one.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.fifo)
        os.mkfifo(self.fifo)
        self.told = {}
        self.process = Process(self.lab, self.ns, self.name, [
            "env", "exabgp.daemon.user=root", "exabgp.daemon.drop=false", "exabgp.api.cli=false",
            "exabgp.api.ack=false", "exabgp.cache.attributes=false",
            "exabgp.log.destination=stdout",
            f"exabgp.tcp.bind={self.local}" if self.passive else "exabgp.tcp.bind=",
            "exabgp.log.message=true", "exabgp.log.packets=true", "exabgp.log.level=DEBUG",
            "exabgp", self.conf])
        # A reader of the FIFO means that the helper runs.
        wait_for(f"{self.name} runs its helper", self._can_write, 15)
        self.announce(self.routes.values())

    def _can_write(self):
        os.close(os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK))
        return True

    def ctl(self, *lines):
        fd = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        os.set_blocking(fd, True)
        with open(fd, "w", encoding="utf-8") as f:
            f.write("".join(f"{line}\n" for line in lines))

    def _words(self, r):
        path = " ".join(map(str, (self.asn, *r.path)))
        words = [f"route {r.prefix} next-hop {r.next_hop or self.address(r.family)}",
                 f"origin {r.origin.lower()} as-path [ {path} ]"]
        if r.communities:
            words.append(f"community [ {' '.join(r.communities)} ]")
        if r.large:
            words.append(f"large-community [ {' '.join(r.large)} ]")
        if r.extended:
            words.append("extended-community [ "
                         + " ".join(c.replace("rt:", "target:") for c in r.extended) + " ]")
        return " ".join(words)

    def announce(self, routes):
        """Make these its routes, and only these."""
        self.routes = {r.prefix: r for r in routes}
        lines = [f"withdraw {self._words(r)}" for p, r in self.told.items()
                 if p not in self.routes]
        lines += [f"announce {self._words(r)}" for p, r in self.routes.items()
                  if self.told.get(p) != r]
        if lines:
            self.ctl(*lines)
        self.told = dict(self.routes)

    @staticmethod
    def _event(line):
        """A line as data. Of one that is no JSON (ExaBGP quotes nothing in the reason of a
        session that ended) what is looked at."""
        try:
            return json.loads(line, strict=False)
        except json.JSONDecodeError:
            word = dict(re.findall(r'"(type|peer|state)": *"([^"]*)"', line))
            return {"type": word["type"], "neighbor": {
                "address": {"peer": word["peer"]}, "state": word.get("state")}}

    def _events(self, instance=None):
        with open(self.events, encoding="utf-8") as f:
            for line in f:
                if not line.endswith("\n"):
                    return
                e = self._event(line)
                if e["type"] in ("notification", "state", "update", "refresh") and (
                        instance is None or e["neighbor"]["address"]["peer"]
                        == self.remotes[instance]):
                    yield e

    def _state(self, instance):
        state = None
        for e in self._events(instance):
            if e["type"] == "state":
                state = e["neighbor"]["state"]
        return state

    def established(self):
        return all(self._state(i) == "up" for i in range(len(self.remotes)))

    def log_text(self):
        with open(self.events, encoding="utf-8") as f:
            return self.process.text() + f.read()

    @staticmethod
    def _seen(attributes, next_hop):
        return Seen(
            "-".join(str(a) for a in attributes.get("as-path", ())),
            str(ipaddress.ip_address(next_hop)),
            {"igp": "IGP", "egp": "EGP"}.get(attributes.get("origin"), "incomplete"),
            tuple(sorted(":".join(map(str, c)) for c in attributes.get("community", ()))),
            tuple(sorted(":".join(map(str, c)) for c in attributes.get("large-community", ()))),
            tuple(sorted(c["string"].replace("target:", "rt:")
                         for c in attributes.get("extended-community", ()))))

    def received(self, instance):
        """What all that came since the session is up adds up to."""
        table = {}
        for e in self._events(instance):
            if e["type"] == "state" and e["neighbor"]["state"] != "up":
                table.clear()
            elif e["type"] == "update":
                update = e["neighbor"]["message"].get("update", {})
                for routes in update.get("withdraw", {}).values():
                    for r in routes:
                        table.pop(r["nlri"], None)
                for hops in update.get("announce", {}).values():
                    for hop, routes in hops.items():
                        for r in routes:
                            if isinstance(r, dict) and "nlri" in r:
                                table[r["nlri"]] = self._seen(update["attribute"], hop)
        return table

    def refresh(self, instance):
        for family in self.settings.families:
            self.ctl(f"neighbor {self.remotes[instance]} announce route-refresh "
                     f"ipv{family} unicast")

    def refreshes_heard(self, instance):
        return sum(e["type"] == "refresh" for e in self._events(instance))

    def down(self, instance, text):
        self.ctl(f"neighbor {self.remotes[instance]} teardown 2")

    def up(self, instance):
        """It comes back by itself."""

    def heard_text(self, text):
        return text in self.log_text()

    def notified(self, code, subcode):
        n = 0
        for e in self._events():
            if e["type"] == "notification":
                got = e["neighbor"].get("message", e["neighbor"]).get("notification", {})
                n += (got.get("code"), got.get("subcode")) == (code, subcode)
        return n
