# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""The daemons that `vrslab compare` knows: configuration, start, version.

Each is set up to do the same work: one session per peer, eBGP, every route of a peer to all
other peers, no policy. A route server where the daemon has one (it does not put its AS in the
path then); vrs always puts its own. SETUP says which, and goes into the report.

A target of your own is a subclass: NAME, PACKAGE, SETUP, config(), argv(); where it needs more,
version(), listens(), run_options().
"""

import contextlib
import datetime
import gzip
import os
import shutil
import signal
import subprocess
import tempfile

ASN = 64512  # The first private one; the peers' follow.
ROUTER_ID = "10.0.0.4"
ADDRESS = {4: ROUTER_ID, 6: "fd00::4"}  # By the family of sessions and routes.


class Missing(Exception):
    """The daemon is not on this machine."""


def children(pid):
    """Of a process, by who says that it is the parent. (/proc/PID/task/*/children is not in every
    kernel.) One that ends meanwhile is none."""
    found = []
    for other in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{other}/stat", "rb") as f:
            # Its name is in brackets and may hold some.
            if int(f.read().rsplit(b")", 1)[1].split()[1]) == pid:
                found.append(int(other))
    return found


class Target:
    """A daemon of one run. `peers` are {"address", "asn"}; files go into `folder`. `family` is 4 or 6,
    of sessions and of routes; `bad_wire` what its frames are to suffer, {option: number}."""

    NAME = PACKAGE = SETUP = None
    PROGRAMS = ()  # The first is the daemon.
    VERSION = ("--version",)
    ASN = ASN
    WIRED = False  # Whether it is behind a cable of its own (WIRE), not on the loopback interface.

    def __init__(self, folder, peers, path=None, family=4, bad_wire=None):
        self.bad_wire = bad_wire or {}
        self.folder = folder
        self.peers = peers
        self.family = family
        self.address = ADDRESS[family]
        self.program = self.find(path)
        self.process = None

    @classmethod
    def find(cls, path=None):
        if path:
            if not os.access(path, os.X_OK):
                raise Missing(f"{cls.NAME}: {path} is no program")
            return path
        for p in (*cls.PROGRAMS, *cls.beside()):
            if shutil.which(p):
                return shutil.which(p)
        raise Missing(f"{cls.NAME}: not found (Debian package {cls.PACKAGE})")

    @classmethod
    def beside(cls):
        """Where else to look."""
        return ()

    def file(self, name):
        return os.path.join(self.folder, name)

    def version(self):
        run = subprocess.run([self.program, *self.VERSION], capture_output=True, text=True,
                             check=False, timeout=20)
        lines = (run.stdout + run.stderr).strip().splitlines()
        return lines[0] if lines else "?"

    def date(self):
        """Of the Debian package's last change; of the program's file, if it is of no package."""
        path = f"/usr/share/doc/{self.PACKAGE}/changelog.Debian.gz"
        owner = subprocess.run(["dpkg-query", "-S", os.path.realpath(self.program)],
                               capture_output=True, check=False, timeout=20)
        if owner.returncode == 0 and os.path.exists(path):
            with gzip.open(path, "rt", encoding="utf-8", errors="replace") as f:
                for line in f:
                    if line.startswith(" -- ") and "  " in line[4:]:
                        return f"package of {line.rsplit('  ', 1)[1].strip()}"
        built = datetime.datetime.fromtimestamp(os.stat(self.program).st_mtime)
        return f"built {built:%Y-%m-%d}"

    def config(self):
        raise NotImplementedError

    def argv(self):
        raise NotImplementedError

    def listens(self):
        """(address, port) that nobody else may have."""
        return [(self.address, 179)]

    def run_options(self):
        """More words for vrslab run."""
        return []

    def start(self):
        with open(self.file("config"), "w", encoding="utf-8") as f:
            f.write(self.config())
        os.chmod(self.file("config"), 0o600)
        with open(self.file("log"), "wb") as log:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True)

    def pids(self):
        """Its processes: the one started, and those that it started."""
        found = [self.process.pid]
        for pid in found:
            found += children(pid)
        return found

    def log_end(self, lines=5):
        with open(self.file("log"), encoding="utf-8", errors="replace") as f:
            last = f.read().splitlines()[-lines:]
        return f"its log ends: {' | '.join(last)}" if last else "its log is empty"

    def ended(self):
        """How its process ended, or None. A session is lost a moment before its process is."""
        try:
            status = self.process.wait(1)
        except subprocess.TimeoutExpired:
            return None
        return signal.Signals(-status).name if status < 0 else f"status {status}"

    def stop(self):
        """By pid, within a time. A daemon that does not go is killed, and what it left behind too."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
        # Its session is its own: nobody else is in the group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Vrs(Target):
    """This project's daemon."""

    NAME, PACKAGE = "vrs", "vrs"
    SETUP = "one virtualRouterIp, one session per peer; prepends its AS; a NIC is watched in the " \
        "profiles in which next hops change"
    ASN = 65515  # Its default.
    PROGRAMS = ()
    NIC = "vm1"  # Whose effective routes are watched.

    @classmethod
    def beside(cls):
        """The one that vrslab was built with, else the one installed."""
        here = os.path.dirname(os.environ["VRSLAB"])
        return (os.path.join(here, "../../engine/vrsd"), os.path.join(here, "vrsd"), "vrsd")

    def process_options(self):
        """More keys of process, as YAML."""
        return ""

    def config(self):
        out = [f"process: {{stateDir: {self.folder}, controlSocket: {self.file('vrs.sock')}{self.process_options()}}}",
               "virtualNetworks:",
               "  - name: lab",
               "    addressPrefixes: [10.0.0.0/16, 'fd00::/48']",
               "    subnets:",
               "      - {name: RouteServerSubnet, addressPrefixes: [10.0.0.0/26, 'fd00::/64']}",
               "      - {name: peers, addressPrefixes: [10.0.16.0/20, 'fd00:0:0:10::/64']}",
               "      - {name: vms, addressPrefixes: [10.0.32.0/24, 'fd00:0:0:20::/64']}",
               # Next hops that are no peer: a route's must be inside the network.
               "      - {name: hops, addressPrefixes: [10.0.64.0/18, 'fd00:0:0:40::/64']}",
               "networkInterfaces:",
               f"  - {{name: {self.NIC}, virtualNetwork: lab, subnet: vms, "
               "privateIpAddresses: [10.0.32.4, 'fd00:0:0:20::4']}",
               "routeServers:",
               "  - name: rs",
               "    virtualNetwork: lab",
               f"    virtualRouterIps: ['{self.address}']",
               "    bgpConnections:"]
        out += [f"      - {{name: p{i}, peerIp: '{p['address']}', peerAsn: {p['asn']}, "
                "passive: true}" for i, p in enumerate(self.peers)]
        return "\n".join(out) + "\n"

    def run_options(self):
        return ["--watch", self.file("vrs.sock"), "--nic", self.NIC]

    def argv(self):
        return [self.program, "--config", self.file("config"), "--log-level", "warning"]


class VrsDpdk(Vrs):
    """The same, with its own TCP on one end of a veth pair. The peers are the kernel's on the other."""

    NAME = "vrs-dpdk"
    SETUP = "as vrs, over DPDK (net_af_packet on a veth pair, MTU 1500, no offload)"
    WIRED = True
    WIRE = ("lab0", "lab1")  # The kernel's end and ours.
    OWN = {4: "10.0.0.8", 6: "fd00::8"}  # Nobody else's: the kernel must not answer for it.
    BAD_WIRE = ("lossPpm", "reorderPpm", "reorderMicroseconds", "duplicatePpm", "corruptPpm", "delayMicroseconds",
                "rate", "queueBytes", "seed")

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.address = self.OWN[self.family]
        if self.bad_wire:
            self.SETUP += "; bad wire " + ", ".join(f"{k} {v}" for k, v in self.bad_wire.items())

    def process_options(self):
        bad = ", ".join(f"{k}: {v}" for k, v in self.bad_wire.items())
        return f""", transport: {{kind: dpdk, ports: [{{device: "net_af_packet0,iface={self.WIRE[1]}", """ \
            f"""addresses: [{self.OWN[4]}/16, "{self.OWN[6]}/48"]{", badWire: {" + bad + "}" if bad else ""}}}]}}"""

    def version(self):
        """Refused where it would refuse its configuration: built without DPDK, or a bad wire that there is not."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(self.config())
            f.flush()
            check = subprocess.run([self.program, "--check", "--config", f.name], capture_output=True, text=True,
                                   check=False, timeout=20)
        if check.returncode != 0:
            said = (check.stdout + check.stderr).strip().splitlines()
            raise Missing(f"{self.NAME}: {said[0].removeprefix(f.name + ':') if said else check.returncode}")
        return super().version()

    def listens(self):
        """No socket."""
        return []


class Bird(Target):
    """BIRD 2."""

    NAME, PACKAGE, PROGRAMS = "bird", "bird2", ("bird",)
    SETUP = "rs client, import all, export all"

    def config(self):
        out = [f"router id {ROUTER_ID};", f'log "{self.file("log")}" {{ warning, error, fatal }};',
               "protocol device { }"]
        for i, p in enumerate(self.peers):
            out.append(f"""protocol bgp p{i} {{
  local {self.address} as {ASN}; neighbor {p['address']} as {p['asn']};
  multihop; rs client; passive yes; strict bind yes;
  ipv{self.family} {{ import all; export all; }};
}}""")
        return "\n".join(out) + "\n"

    def argv(self):
        return [self.program, "-f", "-c", self.file("config"), "-s", self.file("ctl"),
                "-P", self.file("pid")]


class Frr(Target):
    """FRR's bgpd, without zebra."""

    NAME, PACKAGE, PROGRAMS = "frr", "frr", ("/usr/lib/frr/bgpd",)
    SETUP = "bgpd alone (no zebra), a view, route-server-client, no ebgp-requires-policy; its " \
        "coalesce-time is the default, so a first table waits for 1 s"

    def config(self):
        out = [f"router bgp {ASN} view lab", f" bgp router-id {ROUTER_ID}",
               " no bgp ebgp-requires-policy", " no bgp network import-check",
               " no bgp default ipv4-unicast"]
        for p in self.peers:
            n = p["address"]
            out += [f" neighbor {n} remote-as {p['asn']}",
                    f" neighbor {n} update-source {self.address}",
                    f" neighbor {n} ebgp-multihop 64", f" neighbor {n} disable-connected-check",
                    f" neighbor {n} passive"]
        out.append(f" address-family ipv{self.family} unicast")
        for p in self.peers:
            out += [f"  neighbor {p['address']} activate",
                    f"  neighbor {p['address']} route-server-client"]
        return "\n".join([*out, " exit-address-family", "exit"]) + "\n"

    def argv(self):
        # The sockets' folder must be the user's that bgpd checks for, also when it stays root.
        os.mkdir(self.file("vty"))
        shutil.chown(self.file("vty"), "frr", "frr")
        return [self.program, "-f", self.file("config"), "-i", self.file("pid"),
                "--vty_socket", self.file("vty"), "-Z", "-n", "-S", "-P", "0", "-p", "179",
                "-l", self.address, "--log", "stdout", "--log-level", "warnings"]


class Openbgpd(Target):
    """OpenBGPD (portable)."""

    NAME, PACKAGE, PROGRAMS = "openbgpd", "openbgpd", ("bgpd", "/usr/sbin/bgpd")
    SETUP = "transparent-as, no fib-update, allow from any, allow to any"
    VERSION = ("-V",)

    def config(self):
        out = [f"AS {ASN}", f"router-id {ROUTER_ID}", "fib-update no", "nexthop qualify via default",
               f'socket "{self.file("ctl")}"', f"listen on {self.address}", "transparent-as yes"]
        for p in self.peers:
            out.append(f"""neighbor {p['address']} {{
  remote-as {p['asn']}
  local-address {self.address}
  announce IPv4 {"unicast" if self.family == 4 else "none"}
  announce IPv6 {"unicast" if self.family == 6 else "none"}
  multihop 64
  passive
}}""")
        return "\n".join([*out, "allow from any", "allow to any"]) + "\n"

    def argv(self):
        # It changes its root to a folder that only its service makes: here in a /run of its own.
        return ["unshare", "-m", "sh", "-ec",
                'mount -t tmpfs -o mode=755 tmpfs /run; mkdir /run/openbgpd; exec "$@"',
                "sh", self.program, "-d", "-f", self.file("config")]


class Gobgp(Target):
    """GoBGP 3."""

    NAME, PACKAGE, PROGRAMS = "gobgp", "gobgpd", ("gobgpd",)
    API = ("127.0.0.1", 50051)
    SETUP = "eBGP transit (its route server keeps a table per peer); prepends its AS"

    def config(self):
        out = [f"""[global.config]
  as = {ASN}
  router-id = "{ROUTER_ID}"
  port = 179
  local-address-list = ["{self.address}"]"""]
        for p in self.peers:
            out.append(f"""[[neighbors]]
  [neighbors.config]
    neighbor-address = "{p['address']}"
    peer-as = {p['asn']}
  [neighbors.transport.config]
    local-address = "{self.address}"
    passive-mode = true
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 64
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv{self.family}-unicast\"""")
        return "\n".join(out) + "\n"

    def listens(self):
        return [*super().listens(), self.API]

    def argv(self):
        return [self.program, "-f", self.file("config"), "--api-hosts", "%s:%d" % self.API,
                "-l", "warn", "--pprof-disable"]


TARGETS = {t.NAME: t for t in (Vrs, VrsDpdk, Bird, Frr, Openbgpd, Gobgp)}
