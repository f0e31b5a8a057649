# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""A laboratory of network namespaces: vrsd, the daemons of daemons/ and raw BGP speakers, each
at home in its own.

One bridge in a namespace called "fabric" routes between the two subnets of the network, as
the virtual network of a cloud does, so that every session is multihop:

    RouteServerSubnet  10.0.0.0/26  fd00:db8::/64       vrsd: .4 .5  ::4 ::5
    nva                10.0.1.0/24  fd00:db8:0:1::/64   NVAs: .N     ::N

Nothing sleeps in order to synchronise: wait_for() polls a condition until a deadline. Only
processes started here are ended, by their process object. Everything goes away at exit, also
after a failure or a SIGTERM; a SIGKILL leaves namespaces called vrs-PID-* behind.
"""

import atexit
import contextlib
import ctypes
import dataclasses
import http.client
import ipaddress
import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse

import carrier
from carrier import carried

ASN = 65515
RS4 = ("10.0.0.4", "10.0.0.5")
RS6 = ("fd00:db8::4", "fd00:db8::5")
VNET = ("10.0.0.0/16", "fd00:db8::/48")
OWN = [*(f"{a}/26" for a in RS4), *(f"{a}/64" for a in RS6)]
GATEWAYS = ["10.0.0.1", "fd00:db8::1"]
PORT = carrier.port("eth0", OWN, GATEWAYS)  # vrsd's, when DPDK carries it.
DEADLINE = 30  # BIRD may wait 3 s before its first UPDATE, GoBGP 5 to 10 s before it connects

_libc = ctypes.CDLL(None, use_errno=True)
_serial = itertools.count(1)


def nva4(host):
    return f"10.0.1.{host}"


def nva6(host):
    return f"fd00:db8:0:1::{host:x}"


def run(*argv, timeout=30):
    """Run a command that must succeed; its standard output."""
    p = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    if p.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit {p.returncode}: {p.stderr or p.stdout}")
    return p.stdout


def wait_for(what, condition, timeout=DEADLINE, every=0.05):
    """Poll until condition() is true and return what it gave. An AssertionError or a missing
    answer in it means "not yet"; the last one is told when the deadline passes."""
    end = time.monotonic() + timeout
    while True:
        last = None
        try:
            value = condition()
            if value:
                return value
            last = value
        except (AssertionError, LookupError, OSError, RuntimeError, http.client.HTTPException,
                json.JSONDecodeError) as e:
            last = e
        if time.monotonic() >= end:
            raise AssertionError(f"not within {timeout} s: {what}; last: {last}")
        time.sleep(every)


def wait_equal(what, get, expected, timeout=DEADLINE):
    """Wait until get() gives exactly this."""
    def check():
        got = get()
        if got != expected:
            raise AssertionError(difference(got, expected))
        return True
    wait_for(what, check, timeout)


def difference(got, expected):
    """What two collections do not share, cut to a readable length."""
    if isinstance(got, dict) and isinstance(expected, dict):
        lines = [f"{k}: got {got.get(k, 'nothing')}, expected {expected.get(k, 'nothing')}"
                 for k in sorted(set(got) | set(expected), key=str)
                 if got.get(k) != expected.get(k)]
    elif isinstance(got, (set, frozenset)) and isinstance(expected, (set, frozenset)):
        lines = [f"too many: {x}" for x in sorted(got - expected, key=str)]
        lines += [f"missing: {x}" for x in sorted(expected - got, key=str)]
    elif (isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected)
          and any(isinstance(x, (dict, set)) for x in got)):
        return "; ".join(f"[{i}] {difference(g, e)}" for i, (g, e) in enumerate(zip(got, expected))
                         if g != e)
    else:
        return f"got {got}, expected {expected}"
    more = f"; and {len(lines) - 10} more" if len(lines) > 10 else ""
    return f"{len(lines)} differences: " + "; ".join(lines[:10]) + more


# --- Routes ---

ORIGINS = ("IGP", "EGP", "incomplete")


@dataclasses.dataclass(frozen=True)
class Route:
    """What an NVA originates; `path` is what stands behind its own AS number."""
    prefix: str
    path: tuple = ()
    origin: str = "IGP"
    communities: tuple = ()
    large: tuple = ()
    next_hop: str = None
    extended: tuple = ()  # of route targets: "rt:65001:100"

    @property
    def family(self):
        return 6 if ":" in self.prefix else 4


@dataclasses.dataclass(frozen=True)
class Seen:
    """A route as somebody's table shows it. None: that table does not show it."""
    path: str
    next_hop: str = None
    origin: str = None
    communities: tuple = None
    large: tuple = None
    extended: tuple = ()


# --- Processes and namespaces ---


class Process:
    """A program in a namespace, its output in a file."""

    def __init__(self, lab, ns, name, argv):
        self.name = name
        self.log = os.path.join(lab.dir, f"{name}.log")
        self.argv = ["ip", "netns", "exec", ns, *argv]
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def send(self, sig):
        self.popen.send_signal(sig)

    def stop(self, sig=signal.SIGTERM, timeout=15):
        """End it; its exit status. One that does not heed the signal is killed and that is
        an error."""
        if self.running():
            self.popen.send_signal(sig)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(timeout)
            raise AssertionError(f"{self.name} did not end within {timeout} s of {sig!r}") from None

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()


class Lab:
    """Namespaces on one bridge, and the daemons in them."""

    open_labs = []

    @classmethod
    def close_all(cls):
        for one in list(cls.open_labs):
            one.close()

    @classmethod
    def end_on_signals(cls):
        """A signal ends the laboratories, then the process: not by an exception, which would
        wait for every test that is running."""
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

        def interrupted(number, _):
            # timeout(1) sends it twice: a second one must not wait for the locks of the first.
            for sig in signals:
                signal.signal(sig, signal.SIG_IGN)
            cls.close_all()
            os._exit(128 + number)

        for sig in signals:
            signal.signal(sig, interrupted)

    def __init__(self, build, name):
        self.build = build
        self.name = name
        self.dir = tempfile.mkdtemp(prefix=f"vrs-{name}-")
        self.prefix = f"vrs-{os.getpid()}-{next(_serial)}-"
        self.namespaces, self.daemons = [], []
        self.links, self.last_link = itertools.count(1), 0
        self.closing, self.closed = threading.Lock(), False
        self.open_labs.append(self)
        try:
            self._fabric()
        except BaseException:
            self.close()
            raise

    def _namespace(self, name):
        ns = self.prefix + name
        with self.closing:
            if self.closed:
                raise RuntimeError("the laboratory is closed")
            run("ip", "netns", "add", ns)
            self.namespaces.append(ns)
        run("ip", "-n", ns, "link", "set", "lo", "up")
        return ns

    def _fabric(self):
        ns = self.fabric = self._namespace("fabric")
        # With an address of its own: else it takes the lowest of its ports, and when a port comes
        # that changes, hosts go on sending to the one that they know, for most of a minute.
        self._batch(ns, "link add br0 address 02:00:00:00:00:01 type bridge mcast_snooping 0",
                    "link set br0 up",
                    "addr add 10.0.0.1/26 dev br0", "addr add 10.0.1.1/24 dev br0",
                    "addr add fd00:db8::1/64 dev br0 nodad",
                    "addr add fd00:db8:0:1::1/64 dev br0 nodad")
        for key in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            self._sysctl(ns, key, "1")
        # Both subnets are on one wire: without this the router would tell hosts a shortcut.
        for key in ("net/ipv4/conf/all/send_redirects", "net/ipv4/conf/br0/send_redirects"):
            self._sysctl(ns, key, "0")

    @staticmethod
    def _batch(ns, *lines):
        p = subprocess.run(["ip", "-n", ns, "-batch", "-"], input="\n".join(lines) + "\n",
                           capture_output=True, text=True, timeout=30, check=False)
        if p.returncode != 0:
            raise RuntimeError(f"ip -n {ns}: {p.stderr}")

    @staticmethod
    def _sysctl(ns, key, value):
        run("ip", "netns", "exec", ns, "sh", "-c", f"echo {value} > /proc/sys/{key}")

    def host(self, name, addresses, gateways):
        """A namespace with a cable to the bridge; addresses with their lengths."""
        ns = self._namespace(name)
        self.last_link = next(self.links)
        port = f"p{self.last_link}"
        run("ip", "-n", self.fabric, "link", "add", port, "type", "veth", "peer", "name", "eth0",
            "netns", ns)
        self._batch(self.fabric, f"link set {port} master br0", f"link set {port} up")
        for conf in ("all", "eth0"):
            # A router of IPv6 tells of a shortcut always: hosts do not listen.
            self._sysctl(ns, f"net/ipv6/conf/{conf}/accept_redirects", "0")
        self._batch(ns, *(f"addr add {a} dev eth0" + (" nodad" if ":" in a else "")
                          for a in addresses),
                    "link set eth0 up", *(f"route add default via {g}" for g in gateways))
        return ns

    def nva_host(self, name, *hosts):
        """The namespace of an NVA with the addresses .host and ::host."""
        return self.host(name, [a for h in hosts
                                for a in (f"{nva4(h)}/24", f"{nva6(h)}/64")],
                         ["10.0.1.1", "fd00:db8:0:1::1"])

    def vrsd(self, connections, **options):
        """Start vrsd in its namespace, on both pairs of addresses."""
        ns = self.host("vrsd", [] if carrier.DPDK else OWN, [] if carrier.DPDK else GATEWAYS)
        if carrier.DPDK:
            carrier.plain_frames(f"p{self.last_link}", self.fabric)
            for conf in ("eth0", "default"):  # The default is that of a TAP.
                self._sysctl(ns, f"net/ipv6/conf/{conf}/disable_ipv6", "1")
        daemon = Vrsd(self, ns, connections, **options)
        self.daemons.append(daemon)
        daemon.start()
        return daemon

    def add(self, daemon):
        self.daemons.append(daemon)
        daemon.start()
        return daemon

    def tails(self, lines=25):
        """The last lines of every log, for whoever reads of a failure."""
        for name in sorted(os.listdir(self.dir)) if os.path.isdir(self.dir) else []:
            if name.endswith(".log"):
                with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as f:
                    for line in f.read().splitlines()[-lines:]:
                        yield f"{self.name}/{name}: {line}"

    def close(self):
        """End every process of ours and remove every namespace of ours. May be called twice."""
        with self.closing:
            self.closed = True
            for d in reversed(self.daemons):
                with contextlib.suppress(Exception):
                    d.kill()
            self.daemons.clear()
            for ns in reversed(self.namespaces):
                subprocess.run(["ip", "netns", "del", ns], capture_output=True, timeout=30,
                               check=False)
            self.namespaces.clear()
            shutil.rmtree(self.dir, ignore_errors=True)
            if self in self.open_labs:
                self.open_labs.remove(self)


atexit.register(Lab.close_all)


def socket_in(ns, family=socket.AF_INET):
    """A TCP socket that belongs to a namespace. A thread goes there and comes back with it:
    a thread's namespace is its own."""
    box = []

    def make():
        try:
            fd = os.open(f"/run/netns/{ns}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(fd, 0x40000000) != 0:  # CLONE_NEWNET
                    raise OSError(ctypes.get_errno(), f"setns {ns}")
            finally:
                os.close(fd)
            box.append(socket.socket(family, socket.SOCK_STREAM))
        except OSError as e:
            box.append(e)

    t = threading.Thread(target=make)
    t.start()
    t.join()
    if isinstance(box[0], OSError):
        raise box[0]
    return box[0]


# --- vrsd ---


class UnixHTTP(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class ApiError(AssertionError):
    """An answer that is not 200: status and the error's code."""

    def __init__(self, path, status, body):
        super().__init__(f"GET {path}: {status} {body[:300]!r}")
        self.status = status


def connection(name, host, asn, family=4, **options):
    """A bgpConnection of the configuration, to the NVA at .host or ::host."""
    return {"name": name, "peerIp": nva4(host) if family == 4 else nva6(host), "peerAsn": asn,
            "keepaliveSeconds": 3, "holdSeconds": 9, **options}


class Vrsd:
    """The daemon under test: configuration, process and control API."""

    def __init__(self, lab, ns, connections, prefixes=VNET, router_ips=RS4 + RS6,
                 log_level="info"):
        self.lab, self.ns = lab, ns
        self.connections = list(connections)
        self.prefixes = list(prefixes)
        self.router_ips = list(router_ips)
        self.spokes = {}  # name -> prefixes of networks that are peered with the hub
        self.log_level = log_level
        self.config = os.path.join(lab.dir, "vrsd.yaml")
        self.socket = os.path.join(lab.dir, "vrs.sock")
        self.process = None

    def document(self):
        """The configuration as data. JSON is YAML."""
        return {
            "process": {"stateDir": os.path.join(self.lab.dir, "state"),
                        "controlSocket": self.socket},
            "virtualNetworks": [{
                "name": "hub", "addressPrefixes": self.prefixes,
                "subnets": [
                    {"name": "RouteServerSubnet", "addressPrefixes": ["10.0.0.0/26",
                                                                      "fd00:db8::/64"]},
                    {"name": "nva", "addressPrefixes": ["10.0.1.0/24", "fd00:db8:0:1::/64"]},
                    {"name": "vms", "addressPrefixes": ["10.0.2.0/24", "fd00:db8:0:2::/64"]},
                ],
                "virtualNetworkPeerings": [
                    {"name": name, "remoteVirtualNetwork": name, "allowGatewayTransit": True}
                    for name in self.spokes]},
                *({"name": name, "addressPrefixes": prefixes, "virtualNetworkPeerings": [
                    {"name": "hub", "remoteVirtualNetwork": "hub", "useRemoteGateways": True}]}
                  for name, prefixes in self.spokes.items())],
            "networkInterfaces": [
                {"name": "vm1", "virtualNetwork": "hub", "subnet": "vms",
                 "privateIpAddresses": ["10.0.2.4", "fd00:db8:0:2::4"]}],
            "routeServers": [{
                "name": "rs", "virtualNetwork": "hub", "virtualRouterAsn": ASN,
                "virtualRouterIps": self.router_ips, "bgpConnections": self.connections}],
        }

    def write(self, text=None):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text if text is not None
                    else json.dumps(carried(self.document(), [PORT]), indent=1))

    def start(self):
        self.write()
        self.process = Process(self.lab, self.ns, "vrsd", [
            os.path.join(self.lab.build, "engine", "vrsd"), "--config", self.config,
            "--log-level", self.log_level])
        wait_for("vrsd answers", self.status, 15)
        carrier.plug_in("eth0", self.ns)

    def stop(self):
        return self.process.stop()

    def kill(self):
        if self.process is not None:
            self.process.stop(signal.SIGKILL)

    def alive(self):
        return self.process is not None and self.process.running()

    def get(self, path, **query):
        """GET a resource as JSON."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        with contextlib.closing(UnixHTTP(self.socket)) as c:
            c.request("GET", path)
            r = c.getresponse()
            body = r.read()
            if r.status != 200:
                raise ApiError(path, r.status, body)
        return json.loads(body)

    def lines(self, path):
        """GET a listing as NDJSON, row by row."""
        with contextlib.closing(UnixHTTP(self.socket)) as c:
            c.request("GET", path, headers={"Accept": "application/x-ndjson"})
            r = c.getresponse()
            if r.status != 200:
                raise ApiError(path, r.status, r.read())
            for line in r:
                yield json.loads(line)

    def status(self):
        return self.get("/v1/status")

    def counter(self, key):
        return self.status()["counters"][key]

    def server(self):
        return self.get("/v1/routeServers/rs")

    def sessions(self, peer):
        """Both sessions of a connection."""
        return self.get(f"/v1/routeServers/rs/bgpConnections/{peer}")["sessions"]

    def established(self, *peers):
        return all(s["state"] == "Established" for p in peers for s in self.sessions(p))

    def _rows(self, peer, what):
        both = self.get(f"/v1/routeServers/rs/bgpConnections/{peer}/{what}")
        return [both.get(f"RouteServiceRole_IN_{i}", []) for i in (0, 1)]

    def learned(self, peer):
        """Of each instance: {prefix: (AS path, next hop, reason)}."""
        return [{r["network"]: (r["asPath"], r["nextHop"], r.get("reason")) for r in rows}
                for rows in self._rows(peer, "learnedRoutes")]

    def learned_rows(self, peer):
        return self._rows(peer, "learnedRoutes")

    def advertised(self, peer):
        """Of each instance: {prefix: (AS path, next hop)}."""
        return [{r["network"]: (r["asPath"], r["nextHop"]) for r in rows}
                for rows in self._rows(peer, "advertisedRoutes")]

    def paths(self, prefix):
        """Every path of a prefix; none: []."""
        try:
            return self.get("/v1/routeServers/rs/routes", prefix=prefix)["paths"]
        except ApiError as e:
            if e.status == 404:
                return []
            raise

    def effective(self, prefix, nic="vm1", **query):
        """The rows of a NIC for one prefix."""
        return self.get(f"/v1/networkInterfaces/{nic}/effectiveRouteTable", prefix=prefix,
                        **query)["value"]

    def gateway_hops(self, prefix, nic="vm1"):
        """The sorted next hops of the one active BGP row, or None; two rows are an error."""
        rows = [r for r in self.effective(prefix, nic)
                if r["source"] == "VirtualNetworkGateway" and r["state"] == "Active"]
        if len(rows) > 1:
            raise ValueError(f"{len(rows)} active rows for {prefix}: {rows}")
        return sorted(rows[0]["nextHopIpAddress"]) if rows else None

    def next_hop(self, dest, nic="vm1"):
        return self.get(f"/v1/networkInterfaces/{nic}/nextHop", destIp=dest)

    def reload(self):
        """SIGHUP; returns when the daemon has told its log what came of it: True when it
        took the configuration."""
        def told():
            text = self.process.text()
            return text.count("configuration read again"), text.count("reload refused")
        before = told()
        self.process.send(signal.SIGHUP)
        after = wait_for("vrsd tells what came of SIGHUP",
                         lambda: (t := told()) != before and t)
        return after[0] > before[0]

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


# --- A raw speaker ---

OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
MARKER = b"\xff" * 16


def message(kind, body=b""):
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def attribute(flags, code, value):
    if len(value) > 255:
        return struct.pack("!BBH", flags | 0x10, code, len(value)) + value
    return struct.pack("!BBB", flags, code, len(value)) + value


def nlri(prefix):
    net = ipaddress.ip_network(prefix)
    return bytes([net.prefixlen]) + net.network_address.packed[:(net.prefixlen + 7) // 8]


def as_path(*asns):
    return attribute(0x40, 2, bytes([2, len(asns)]) + b"".join(struct.pack("!I", a) for a in asns)
                     if asns else b"")


def next_hop(address):
    return attribute(0x40, 3, ipaddress.ip_address(address).packed)


ORIGIN_IGP = attribute(0x40, 1, b"\0")


def update(announce=(), attributes=b"", withdraw=()):
    w = b"".join(nlri(p) for p in withdraw)
    return message(UPDATE, struct.pack("!H", len(w)) + w + struct.pack("!H", len(attributes))
                   + attributes + b"".join(nlri(p) for p in announce))


class Speaker:
    """One BGP session spoken by hand over IPv4, without timers: a hold time of 0 is offered."""

    def __init__(self, ns, local, remote, asn, port=179):
        self.local, self.remote, self.asn = local, remote, asn
        self.sock = socket_in(ns)
        self.sock.settimeout(DEADLINE)
        self.sock.bind((local, 0))
        self.sock.connect((remote, port))
        self.buffer = b""
        self.held = {}  # prefix -> attribute bytes, IPv4
        self.updates = []

    def close(self):
        self.sock.close()

    def abort(self):
        """Close with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def receive(self, timeout=DEADLINE):
        """The next message as (type, body); None when the peer closed."""
        end = time.monotonic() + timeout
        while len(self.buffer) < 19 or len(self.buffer) < struct.unpack_from(
                "!H", self.buffer, 16)[0]:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("no BGP message in time")
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.buffer += data
        size, kind = struct.unpack_from("!HB", self.buffer, 16)
        body, self.buffer = self.buffer[19:size], self.buffer[size:]
        return kind, body

    def open_message(self):
        caps = bytes([1, 4, 0, 1, 0, 1]) + bytes([65, 4]) + struct.pack("!I", self.asn) \
            + bytes([2, 0])
        params = bytes([2, len(caps)]) + caps
        asn = self.asn if self.asn < 65536 else 23456
        return message(OPEN, struct.pack("!BHH", 4, asn, 0)
                       + ipaddress.ip_address(self.local).packed
                       + bytes([len(params)]) + params)

    def open(self):
        """Bring the session up; returns when vrsd's End-of-RIB has come."""
        self.send(self.open_message())
        kind, _ = self.receive()
        assert kind == OPEN, f"expected OPEN, got type {kind}"
        self.send(message(KEEPALIVE))
        kind, body = self.receive()
        assert kind == KEEPALIVE, f"expected KEEPALIVE, got type {kind} {body.hex()}"
        self.until(lambda: bool(self.updates) and self.updates[-1] == b"\0" * 4, "End-of-RIB")
        return self

    def until(self, condition, what, timeout=DEADLINE):
        """Take messages in until the condition holds. A NOTIFICATION is an error."""
        end = time.monotonic() + timeout
        while not condition():
            got = self.receive(max(0.01, end - time.monotonic()))
            assert got is not None, f"vrsd closed while waiting for {what}"
            assert got[0] != NOTIFICATION, f"NOTIFICATION {got[1][:2].hex()} before {what}"
            if got[0] == UPDATE:
                self._take(got[1])

    def _take(self, body):
        self.updates.append(body)
        size, = struct.unpack_from("!H", body)
        for p in self._prefixes(body[2:2 + size]):
            self.held.pop(p, None)
        n, = struct.unpack_from("!H", body, 2 + size)
        attributes = body[4 + size:4 + size + n]
        for p in self._prefixes(body[4 + size + n:]):
            self.held[p] = attributes

    @staticmethod
    def _prefixes(data):
        while data:
            size = (data[0] + 7) // 8
            yield f"{ipaddress.ip_address(data[1:1 + size].ljust(4, bytes(1)))}/{data[0]}"
            data = data[1 + size:]
