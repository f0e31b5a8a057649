# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""What tests of vrsd over DPDK share: a veth pair or more, vrsd on one end, the kernel's TCP on the other.

The test's own namespace is the peers'; vrsd's end of a pair has no address there. Interfaces and processes
that a test makes go away with it. Every wait has a limit.
"""

import ctypes
import functools
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import carrier
from daemon import Daemon
from speaker import Speaker

HERE = os.path.dirname(os.path.abspath(__file__))
US, PEER, OTHER, STRANGER = "10.0.0.4", "10.0.1.4", "10.0.1.5", "10.0.1.9"
US6, PEER6, OTHER6, STRANGER6 = "fd00:1::4", "fd00:1:0:1::4", "fd00:1:0:1::5", "fd00:1:0:1::9"
ASNS = {PEER: 65001, OTHER: 65002, PEER6: 65003, OTHER6: 65004}
ETH_ALL, SOL_PACKET, PACKET_IGNORE_OUTGOING, TCP_MD5SIG, RCVBUFFORCE = 3, 263, 23, 14, 33
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def build():
    return sys.modules["__main__"].BUILD


def is_long():
    return getattr(sys.modules["__main__"], "LONG", False)


@functools.lru_cache(maxsize=None)
def why_not():
    """Why there can be no test, or None."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        json.dump(document([], [{"device": "net_ring0", "addresses": [f"{US}/16"]}]), f)
        f.flush()
        r = subprocess.run([f"{build()}/engine/vrsd", "--check", "--config", f.name], capture_output=True,
                           text=True, timeout=60, check=False)
    if "not-built" in r.stdout + r.stderr:
        return "this build is without DPDK"
    return None


def with_us(*_):
    """Before exec: a process of ours does not outlive us."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def ip(*words, namespace=None):
    where = ["-n", namespace] if namespace else []
    r = subprocess.run(["ip", *where, *words], capture_output=True, text=True, timeout=30, check=False)
    if r.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {r.stderr}")
    return r.stdout


def sysctl(key, value, namespace=None):
    where = ["ip", "netns", "exec", namespace] if namespace else []
    subprocess.run([*where, "sh", "-c", f"echo {value} >/proc/sys/{key}"], check=True, timeout=30)


def document(peers, ports, us=(US,), asn=65515, networks=("10.0.0.0/16",), process=None, nvas=("10.0.1.0/24",)):
    """A configuration as text, "{dir}" in it is the directory. A peer is {peerIp: ..., more keys}."""
    subnets = [{"name": "RouteServerSubnet", "addressPrefixes": ["10.0.0.0/26"]},
               {"name": "nva", "addressPrefixes": list(nvas)}]
    if any(":" in a for a in us):
        networks = [*networks, "fd00:1::/48"]
        subnets[0]["addressPrefixes"].append("fd00:1::/64")
        subnets[1]["addressPrefixes"].append("fd00:1:0:1::/64")
    return {
        "process": {"stateDir": "{dir}", "controlSocket": "{dir}/vrs.sock",
                    "transport": {"kind": "dpdk", "ports": ports}, **(process or {})},
        "virtualNetworks": [{"name": "hub", "addressPrefixes": list(networks), "subnets": subnets}],
        "routeServers": [{
            "name": "rs", "virtualNetwork": "hub", "virtualRouterAsn": asn, "virtualRouterIps": list(us),
            "bgpConnections": [{"name": p["peerIp"], "peerAsn": ASNS.get(p["peerIp"]), "passive": True, **p}
                               for p in peers]}]}


def ours(interface="vrs1", addresses=(f"{US}/16",), options="", **more):
    """vrsd's port on an interface."""
    return {"device": f"net_af_packet0,iface={interface}{options}", "addresses": list(addresses), **more}


def md5(sock, peer, password):
    """TCP-MD5 with this peer on a socket."""
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    address = struct.pack("=HH", family, 0) + (bytes(4) if family == socket.AF_INET6 else b"")
    address += socket.inet_pton(family, peer)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, struct.pack(
        "=128sBBHI80s", address, 0, 0, len(password), 0, password.encode()))


def packet_socket(interface, incoming_only=True, size=1 << 26):
    """Everything that comes to an interface; frames sent into it leave by it."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
    s.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, size)
    if incoming_only:
        s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.bind((interface, 0))
    return s


def drain(sock, timeout=0.0):
    """The frames that are there, and those that come within `timeout` of one another."""
    frames = []
    while select.select([sock], [], [], timeout)[0]:
        frames.append(sock.recv(65536))
    return frames


class Vrsd(Daemon):
    """A Daemon from a configuration as data, which can be killed and started again."""

    def __init__(self, config, wrapper=()):
        self.wrapper = wrapper
        super().__init__(build(), json.dumps(config, indent=1), wrapper)

    def kill(self):
        self.process.kill()
        self.process.wait(20)

    def start(self):
        """Again, on what is configured."""
        if os.path.exists(f"{self.dir}/vrs.sock"):
            os.unlink(f"{self.dir}/vrs.sock")
        with open(f"{self.dir}/log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([f"{self.build}/engine/vrsd", "--config", f"{self.dir}/vrs.yaml"],
                                            stderr=log)
        self.wait(lambda: os.path.exists(f"{self.dir}/vrs.sock"))

    def session(self, name, instance=0):
        return self.sessions()[(name, instance)]

    def is_up(self, *names):
        sessions = self.sessions()
        return all(s["state"] == "Established" for (name, _), s in sessions.items() if name in names)

    def counters(self):
        return self.vrsctl("status")["counters"]

    def metrics(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(f"{self.dir}/vrs.sock")
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n")
            with s.makefile(encoding="utf-8", newline="") as f:
                return f.read()

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def sanitized(self):
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as f:
            return "libasan" in f.read()


class Feed:
    """vrslab feed: announces a table, or with none listens; `events` are what it says."""

    def __init__(self, local, peer=US, n=0, n6=0, asn=None, seed=1, namespace=None):
        where = ["ip", "netns", "exec", namespace] if namespace else []
        self.events, self.changed = [], threading.Condition()
        self.process = subprocess.Popen(
            [*where, f"{build()}/tools/vrslab/vrslab", "feed", "--json", "--local", local, "--asn",
             str(asn or ASNS[local]), "--peer", f"[{peer}]" if ":" in peer else peer, "--seed", str(seed),
             "--prefixes", str(n), "--ipv6", str(n6)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            preexec_fn=with_us)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()

    def all(self, name):
        with self.changed:
            return [e for e in self.events if e["event"] == name]

    def held(self):
        """How many prefixes it holds, as it said last (when nothing came for 0.3 s)."""
        got = self.all("received")
        return got[-1]["prefixes"] if got else 0

    def wait(self, condition, timeout=60):
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise AssertionError(f"not within {timeout} s: {self.events[-5:]}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        self.reader.join(20)
        self.process.stdout.close()


class SignedSpeaker(Speaker):
    """A Speaker with a TCP-MD5 password, or a source port of its own."""

    password, source_port = None, 0

    def connect(self):
        s = socket.socket(socket.AF_INET6 if ":" in self.peer else socket.AF_INET)
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self.password:
                md5(s, self.peer, self.password)
            s.bind((self.local, self.source_port))
            s.settimeout(2)
            s.connect((self.peer, self.port))
        except BaseException:
            s.close()
            raise
        return s


class Wired(unittest.TestCase):
    """A test with interfaces, daemons and peers of its own."""

    def setUp(self):
        if why_not():
            self.skipTest(why_not())
        self.dir = tempfile.mkdtemp(prefix="vrs-dpdk-")
        self.daemons = []
        self.addCleanup(shutil.rmtree, self.dir)

    def say(self, *words):
        print(f"\n  {' '.join(map(str, words))}", flush=True)

    def cable(self, one, other, *more):
        """A veth pair of which nobody has addresses yet."""
        ip("link", "add", one, *more, "type", "veth", "peer", "name", other)
        self.addCleanup(subprocess.run, ["ip", "link", "del", one], stderr=subprocess.DEVNULL, check=False)
        for end in (one, other):
            sysctl(f"net/ipv6/conf/{end}/disable_ipv6", 1)
            carrier.plain_frames(end)
            # The kernel would answer for its addresses on any interface, and take what comes.
            ip("link", "set", end, "arp", "off", "up")

    def home(self, interface, *addresses):
        """The kernel's own: on the link of everybody in the network."""
        ip("link", "set", interface, "arp", "on")
        if any(":" in a for a in addresses):
            sysctl(f"net/ipv6/conf/{interface}/disable_ipv6", 0)
        for a in addresses:
            ip("addr", "add", f"{a}/{48 if ':' in a else 16}", "dev", interface,
               *(["nodad"] if ":" in a else []))

    def bridge(self, name, *ends):
        """A switch of these ends of cables."""
        ip("link", "add", name, "type", "bridge", "mcast_snooping", "0")
        self.addCleanup(ip, "link", "del", name)
        sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 1)
        for end in ends:
            ip("link", "set", end, "master", name)
        ip("link", "set", name, "arp", "off", "up")

    def wire(self, *addresses):
        """vrs0, the peers', and vrs1 for vrsd."""
        self.cable("vrs0", "vrs1")
        self.home("vrs0", *(addresses or (PEER, OTHER)))

    def vrsd(self, peers=None, ports=None, **how):
        if peers is None:
            peers = [{"peerIp": PEER}, {"peerIp": OTHER}]
        return self.serve(document(peers, ports or [ours()], **how))

    def serve(self, config):
        d = Vrsd(config)
        self.daemons.append(d)
        self.addCleanup(self._end, d)
        return d

    def _end(self, d):
        if d.process.returncode == -signal.SIGKILL:
            shutil.rmtree(d.dir)
            return
        if d.process.poll() is not None:
            print(d.log()[-5000:])
        self.assertEqual(d.stop(), 0)

    def feed(self, local, n=0, **how):
        f = Feed(local, n=n, **how)
        self.addCleanup(f.kill)
        return f

    def speaker(self, local=PEER, peer=US, password=None, source_port=0, **how):
        s = SignedSpeaker(local, peer, ASNS[local], **how)
        s.password, s.source_port = password, source_port
        self.addCleanup(s.close)
        return s.open()

    def password(self, text, name="password"):
        path = f"{self.dir}/{name}"
        with open(path, "w", encoding="ascii") as f:
            f.write(text + "\n")
        return path

    def packets(self, interface, **how):
        s = packet_socket(interface, **how)
        self.addCleanup(s.close)
        return s

    def namespace(self, name):
        ip("netns", "add", name)
        self.addCleanup(subprocess.run, ["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)
        ip("link", "set", "lo", "up", namespace=name)
        return name

    def process(self, argv, **how):
        """A helper process that is ended at last."""
        p = subprocess.Popen(argv, preexec_fn=with_us, **how)
        self.addCleanup(self.end, p)
        return p

    @staticmethod
    def end(p, sig=signal.SIGTERM):
        if p.poll() is None:
            p.send_signal(sig)
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait(10)
        for pipe in (p.stdin, p.stdout, p.stderr):
            if pipe is not None:
                pipe.close()

    def until(self, what, condition, timeout=60, every=0.02):
        """Seconds until it holds."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > timeout:
                self.fail(f"not within {timeout} s: {what}\n" + "\n".join(map(self.told, self.daemons)))
            time.sleep(every)
        return time.monotonic() - began

    @staticmethod
    def told(d):
        """For whoever reads of a failure."""
        try:
            figures = {k: v for k, v in d.counters().items() if v}
            sessions = {k: (s["state"], s["lastError"], s["prefixesReceived"], s["prefixesAdvertised"],
                            s["bytesWaiting"]) for k, s in sorted(d.sessions().items())[:8]}
        except (AssertionError, OSError, subprocess.SubprocessError) as e:
            figures, sessions = e, None
        return f"{d.log()[-2500:]}\n{figures}\n{sessions}"

    def received(self, d, name, n, timeout=60, instance=0):
        """vrsd has exactly so many prefixes of a peer. Returns the seconds."""
        return self.until(f"{n} prefixes of {name}",
                          lambda: d.session(name, instance)["prefixesReceived"] == n, timeout, 0.1)
