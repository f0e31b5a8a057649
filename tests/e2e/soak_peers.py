# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Who soak_test.py has around a daemon: peers, feeds, API clients; and soak_host.c with peers of its own."""

import http.client
import ipaddress
import json
import random
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from carrier import carried
from speaker import UPDATE, Speaker, attribute, message, whole_messages

HOST = """
process: {{bgpPort: 179}}
virtualNetworks:
  - name: hub
    addressPrefixes: [{prefixes}, "fd00:1::/48"]
    subnets:
      - {{name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}}
      - {{name: vms, addressPrefix: 10.0.2.0/24, routeTable: rt}}
routeTables:
  - {{name: rt, routes: [{route}]}}
networkInterfaces:
  - {{name: vm, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.4}}
routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterIps: [10.0.0.20]
    bgpConnections:
      - {{name: a, peerIp: 10.0.1.21, peerAsn: 65021, passive: true}}
      - {{name: b, peerIp: 10.0.1.22, peerAsn: 65022, passive: true}}
      - {{name: c, peerIp: 10.0.1.23, peerAsn: 65023, passive: true}}
"""
USER_ROUTE = ("{name: u, addressPrefix: 20.0.16.0/20, nextHopType: VirtualAppliance, "
              "nextHopIpAddress: 10.0.99.1}")


def wait(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.02)


def of_process(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key + ":"))


def update(announced=(), withdrawn=(), attrs=b""):
    """An UPDATE of prefixes that are bytes."""
    gone = b"".join(withdrawn)
    return message(UPDATE, struct.pack("!H", len(gone)) + gone + struct.pack("!H", len(attrs))
                   + attrs + b"".join(announced))


def path_attributes(path):
    return attribute(0x40, 1, b"\0") + attribute(
        0x40, 2, bytes([2, len(path)]) + b"".join(struct.pack("!I", a) for a in path))


class Peer(Speaker):
    """Both families over IPv4, no hold time; keeps the table that it is told, as bytes."""

    def __init__(self, local, peer, asn):
        super().__init__(local, peer, asn, hold=0)
        self.table, self.reading, self.kinds = {4: {}, 6: {}}, threading.Event(), set()
        self.reading.set()

    def capabilities(self):
        return super().capabilities() + bytes([1, 4, 0, 2, 0, 1])

    def open(self, timeout=60):
        self.table, self.kinds = {4: {}, 6: {}}, set()
        super().open(timeout)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        return self

    def close(self):
        self.reading.set()
        super().close()

    def _take(self, family, data, attrs):
        at, table = 0, self.table[family]
        while at < len(data):
            end = at + 1 + (data[at] + 7) // 8
            if attrs is None:
                table.pop(data[at:end], None)
            else:
                table[data[at:end]] = attrs
            at = end

    def _read_on(self):
        data, sock = bytearray(), self.sock
        try:
            while True:
                self.reading.wait()
                piece = sock.recv(1 << 18)
                if not piece:
                    return
                data += piece
                self.take(data)
        except OSError:
            pass

    def take(self, data):
        """Take whole messages off data."""
        for kind, body in whole_messages(data):
            if kind == UPDATE:
                self._told(body)
            self.kinds.add(kind)

    def _told(self, body):
        size = struct.unpack("!H", body[:2])[0]
        end = 4 + size + struct.unpack("!H", body[2 + size:4 + size])[0]
        attrs = body[4 + size:end]
        self._take(4, body[2:2 + size], None)
        self._take(4, body[end:], attrs)
        at = 0
        while at < len(attrs):  # MP_REACH_NLRI and MP_UNREACH_NLRI.
            head = 4 if attrs[at] & 0x10 else 3
            size = int.from_bytes(attrs[at + 2:at + head], "big")
            value = attrs[at + head:at + head + size]
            if attrs[at + 1] == 14:
                others = attrs[:at] + value[:4 + value[3]] + attrs[at + head + size:]
                self._take(6, value[5 + value[3]:], others)
            elif attrs[at + 1] == 15:
                self._take(6, value[3:], None)
            at += head + size

    def reset(self):
        """Away without a word (RST)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class Feed:
    """vrslab feed, which is signalled, killed and started again."""

    def __init__(self, build, directory, *words):
        self.command = [f"{build}/tools/vrslab/vrslab", "feed", "--json", *words]
        self.output = f"{directory}/feed-{words[1]}"
        self.process = None

    def start(self):
        with open(self.output, "a", encoding="ascii") as out:
            self.process = subprocess.Popen(self.command, stdout=out, stderr=out)
        wait(lambda: self.process.poll() is not None or self._catches(signal.SIGUSR2), self.command)

    def _catches(self, what):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            masks = [line.split()[1] for line in f if line.startswith(("SigCgt", "SigBlk"))]
        return any(int(mask, 16) >> (what - 1) & 1 for mask in masks)

    def end(self, how):
        self.process.send_signal(signal.SIGCONT)  # Before: LeakSanitizer stops itself at the end.
        self.process.send_signal(how)
        self.process.wait(30)


class Api:
    """vrsd's API over its socket."""

    def __init__(self, path):
        self.path = path

    def ask(self, path, room=None):
        """A request whose answer is not read yet."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        if room:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        s.connect(self.path)
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n".encode())
        return s

    def get(self, path):
        with self.ask(path) as s:
            answer = http.client.HTTPResponse(s)
            answer.begin()
            body = answer.read()
        if answer.status != 200:
            raise AssertionError(f"{path}: {answer.status} {body[:200]}")
        return body

    def status(self):
        return json.loads(self.get("/v1/status"))


class HostRun(threading.Thread):
    """soak_host and its three peers, until told to stop."""

    def __init__(self, build, seconds, seed, slow):
        super().__init__(daemon=True)
        self.build, self.seconds, self.seed = build, seconds, seed
        self.rate, self.n = (4000, 2048) if slow else (25000, 4096)
        if seconds >= 300:
            self.n *= 8
        self.going, self.over = threading.Event(), threading.Event()
        self.busy = threading.Semaphore(3)
        self.dir = tempfile.mkdtemp(prefix="vrs-soak-")
        self.rss, self.words, self.error, self.code = [], "", None, None

    def _ask(self, line, answer, seconds=300):
        try:
            if line:
                self.process.stdin.write(line)
        except BrokenPipeError:
            pass  # Its last line says why.
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            raise AssertionError(f"soak_host: no {answer} within {seconds} s")
        words = self.process.stdout.readline().decode()
        if answer not in words:
            raise AssertionError("soak_host: " + words
                                 + self.process.stdout.read().decode(errors="replace"))
        return words

    def run(self):
        try:
            self._run()
        except Exception as e:
            self.error = e
            self.over.set()
            self.going.set()
            self.process.kill()

    def _run(self):
        paths = [f"{self.dir}/{name}" for name in ("one", "other")]
        # The other one has no place for the IPv4 next hops of the third peer, 10.0.34.X.
        for path, route, prefixes in zip(paths, ("", USER_ROUTE),
                                         ("10.0.0.0/16", "10.0.0.0/19, 10.0.32.0/23")):
            with open(path, "w", encoding="ascii") as f:
                f.write(carried(HOST.format(route=route, prefixes=prefixes)))
        self.process = subprocess.Popen(
            [f"{self.build}/tests/e2e/soak_host", *paths, str(self.seed), str(self.n)], bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._ask(b"", "ready")
        peers = [threading.Thread(target=self._peer, args=(i, random.Random(self.seed + 2 + i)))
                 for i in range(3)]
        for peer in peers:
            peer.start()
        end = time.monotonic() + self.seconds
        pause = max(2, min(10, self.seconds / 5))
        try:
            while True:
                self.going.set()
                self.over.wait(min(pause, max(0, end - time.monotonic())))
                self.going.clear()
                for _ in peers:
                    self.busy.acquire()  # They wait for going.
                for _ in peers:
                    self.busy.release()
                self._ask(b"quiet\n", "settled")
                self.rss.append(of_process(self.process.pid, "VmRSS") * 1024)
                if self.over.is_set() or time.monotonic() > end:
                    break
                self.process.stdin.write(b"go\n")
        finally:
            self.over.set()
            self.going.set()
        for peer in peers:
            peer.join(60)
        self.process.stdin.close()
        self.words = self._ask(b"", "bulks")
        self.code = self.process.wait(60)

    def _peer(self, i, rng):
        """Announce and withdraw, as soak_host.c says, at a pace; now and then lose the session."""
        speaker = HostPeer(f"10.0.1.{21 + i}", "10.0.0.20", 65021 + i)
        blobs, due = {}, time.monotonic()
        try:
            speaker.open()
            while not self.over.is_set():
                if not self.going.is_set():
                    self.going.wait(1)
                    due = time.monotonic()
                    continue
                with self.busy:
                    what = (rng.choice((4, 4, 6)), rng.random() < 0.2, rng.randrange(self.n // 64),
                            rng.choice((0, 1, 2, 3, 4)))
                    if what not in blobs:
                        blobs[what] = chunk(i, *what)
                    speaker.sock.sendall(blobs[what])
                    if rng.random() < 0.0005:
                        speaker.close()
                        speaker.open()
                due += (5 if what[1] else 64) * 3 / self.rate
                time.sleep(max(0, due - time.monotonic()))
        except Exception as e:
            self.error = self.error or e
        finally:
            speaker.close()


class HostPeer(Peer):
    def _told(self, body):
        """Not to be kept."""


def chunk(peer, family, covers, number, generation):
    """The UPDATEs of 64 indexes, or of what covers them; generation 0 withdraws."""
    base, wide = (b"\x14", 8) if family == 4 else (b"\x20\x01\x0d\xb8", 32)
    data = b""
    for kind in (1, 2) if covers else (0,):
        length = wide + 16 - 4 * kind
        cuts = range(number * 64 >> 4 * kind, (number * 64 + 63 >> 4 * kind) + 1)
        for nibble in range(16):
            some = [bytes([length]) + (base + struct.pack("!H", cut << 4 * kind))[:(length + 7) // 8]
                    for cut in cuts if (cut + length) % 16 == nibble]
            if not some:
                continue
            if generation == 0:
                mp = attribute(0x80, 15, b"\0\2\1" + b"".join(some))
                data += update(withdrawn=some) if family == 4 else update(attrs=mp)
                continue
            hop = bytes([32 + peer, generation * 16 + nibble])
            path = path_attributes([65021 + peer] * (1 + generation % 2))
            if family == 4:
                data += update(some, attrs=path + attribute(0x40, 3, b"\x0a\0" + hop))
            else:
                hop = ipaddress.ip_address("fd00:1::").packed[:14] + hop
                data += update(attrs=attribute(
                    0x80, 14, b"\0\2\1\x10" + hop + b"\0" + b"".join(some)) + path)
    return data
