# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""BIRD 2 as an NVA."""

import dataclasses
import os

from lab import Process, Seen, nva4, run, wait_for

from .nva import Nva


class Bird(Nva):
    """BIRD 2."""

    PROGRAMS = ("bird", "birdc")
    PACKAGE = "bird2"

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.conf = os.path.join(self.lab.dir, f"{self.name}.conf")
        self.socket = os.path.join(self.lab.dir, f"{self.name}.ctl")

    @staticmethod
    def _attributes(r):
        path = " ".join(f"bgp_path.prepend({a});" for a in reversed(r.path))
        plain = " ".join("bgp_community.add((%s));" % c.replace(":", ",") for c in r.communities)
        large = " ".join("bgp_large_community.add((%s));" % c.replace(":", ",") for c in r.large)
        extended = " ".join("bgp_ext_community.add((%s));" % c.replace(":", ",")
                            for c in r.extended)
        origin = {"IGP": "ORIGIN_IGP", "EGP": "ORIGIN_EGP", "incomplete": "ORIGIN_INCOMPLETE"}
        return f"bgp_origin = {origin[r.origin]}; {path} {plain} {large} " \
            + extended

    def _text(self):
        out = [f'log "{self.conf}.log" all;', f"router id {nva4(self.host)};",
               "debug protocols { states, events, packets };", "protocol device { }"]
        s = self.settings
        for family in s.families:
            out.append(f"protocol static s{family} {{ ipv{family};")
            out += [f"route {r.prefix} blackhole {{ {self._attributes(r)} }};"
                    for r in self.routes.values() if r.family == family]
            out.append("}")
            hops = [f"if net = {r.prefix} then bgp_next_hop = {r.next_hop};"
                    for r in self.routes.values() if r.family == family and r.next_hop]
            out.append(f"filter out{family} {{ if source != RTS_STATIC then reject; "
                       + " ".join(hops) + " accept; }")
        for i, remote in enumerate(self.remotes):
            out.append(f"""protocol bgp rs{i} {{
  local {self.local} as {self.asn};
  neighbor {remote} as {s.remote_asn};
  multihop {s.ttl_hops or ""};
  ttl security {"yes" if s.ttl_hops else "no"};
  {f'password "{s.password}";' if s.password else ""}
  enable as4 {"yes" if s.as4 else "no"};
  strict bind yes;
  passive {"yes" if self.passive else "no"};
  hold time 9; keepalive time 3;
  connect delay time 1; connect retry time 2; error wait time 1, 2; error forget time 1;""")
            limit = f"import limit {s.max_prefixes} action disable; " if s.max_prefixes else ""
            for family in s.families:
                out.append(f"  ipv{family} {{ import all; export filter out{family}; {limit}"
                           f"next hop address {self.address(family)}; }};")
            out.append("}")
        return "\n".join(out) + "\n"

    def _write(self):
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(self._text())

    def ctl(self, *words):
        return run("birdc", "-s", self.socket, *words)

    def start(self):
        self._write()
        self.process = Process(self.lab, self.ns, self.name, [
            "bird", "-f", "-c", self.conf, "-s", self.socket, "-P", self.conf + ".pid"])
        wait_for(f"{self.name} answers", lambda: "is up" in self.ctl("show", "status"), 15)

    def announce(self, routes):
        """Make these its routes, and only these."""
        self.routes = {r.prefix: r for r in routes}
        self._write()
        out = self.ctl("configure")
        if "econfigur" not in out:
            raise RuntimeError(f"birdc configure: {out}")

    def established(self):
        out = self.ctl("show", "protocols")
        return sum("Established" in line for line in out.splitlines()) == len(self.remotes)

    def log_text(self):
        with open(self.conf + ".log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def _parse(self, text):
        """`show route all`: {prefix: Seen}."""
        table, prefix, attrs = {}, None, {}

        def flush():
            if prefix is not None:
                path = attrs.get("as_path", "").replace(" ", "-")
                table[prefix] = Seen(
                    path, attrs.get("next_hop", "").split(" ")[0] or None,
                    {"IGP": "IGP", "EGP": "EGP", "Incomplete": "incomplete"}[attrs["origin"]],
                    self._tuples(attrs.get("community", "")),
                    self._tuples(attrs.get("large_community", "")),
                    self._tuples(attrs.get("ext_community", "")))

        for line in text.splitlines():
            if line[:1] not in (" ", "\t", "") and "/" in line.split(" ")[0]:
                flush()
                prefix, attrs = line.split(" ")[0], {}
            elif line.strip().startswith("BGP."):
                key, _, value = line.strip()[4:].partition(":")
                attrs[key] = value.strip()
        flush()
        return table

    @staticmethod
    def _tuples(text):
        return tuple(sorted(t.strip("(").replace(", ", ":").replace(",", ":")
                            for t in text.split(")") for t in [t.strip()] if t))

    def received(self, instance):
        """What it holds from one instance."""
        table = {}
        for t in ("master4", "master6"):
            table.update(self._parse(
                self.ctl("show", "route", "table", t, "all", "protocol", f"rs{instance}")))
        return table

    def sent(self, instance):
        """What its own table says it tells one instance. BIRD shows this before its own AS
        number and next hop are put in: the AS number is added here, the next hop is None."""
        table = {}
        for t in ("master4", "master6"):
            table.update(self._parse(
                self.ctl("show", "route", "table", t, "all", "export", f"rs{instance}")))
        return {p: dataclasses.replace(
            s, path="-".join(x for x in (str(self.asn), s.path) if x)) for p, s in table.items()}

    def refresh(self, instance):
        self.ctl("reload", "in", f"rs{instance}")

    def refreshes_heard(self, instance):
        return self.log_text().count(f"rs{instance}: Got ROUTE-REFRESH")

    def down(self, instance, text):
        self.ctl("disable", f"rs{instance}", f'"{text}"')

    def up(self, instance):
        self.ctl("enable", f"rs{instance}")

    def heard_text(self, text):
        return text in self.log_text()

    def heard_limit(self):
        return "Received: Maximum number of prefixes reached" in self.log_text()

    def heard_shutdown(self):
        """How often it was told Cease / Administrative Shutdown."""
        return self.log_text().count("Received: Administrative shutdown")

    def heard_refusal(self):
        """Whether both instances told it Bad Peer AS."""
        return all(f"rs{i}: Received: Bad peer AS" in self.log_text()
                   for i in range(self.settings.instances))
