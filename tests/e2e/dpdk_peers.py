# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""A crowd of signed BGP peers in one thread: each announces a block of its own and counts what it is told.

They have no timers: sessions are without a hold time. All prefixes are /24s from 16.0.0.0 on, four bytes each: what a
peer is told is kept as it comes, and made a set of when it is asked for.
"""

import array
import ipaddress
import selectors
import socket
import struct
import threading

from dpdk_lab import md5
from speaker import KEEPALIVE, NOTIFICATION, OPEN, UPDATE, attribute, message, whole_messages

A_MESSAGE = 900  # Prefixes.
BASE = 16 << 16  # 16.0.0.0/24, as a number of /24s.


def block(first, n):
    """The NLRI of n consecutive /24s."""
    out = bytearray(b"\x18\0\0\0" * n)
    for i in range(n):
        out[4 * i + 1:4 * i + 4] = (BASE + first + i).to_bytes(3, "big")
    return bytes(out)


class One:
    """A peer."""

    def __init__(self, crowd, number):
        self.crowd, self.number = crowd, number
        self.local = crowd.addresses[number]
        self.buffer, self.out = bytearray(), bytearray()
        self.is_up, self.networks = False, 0
        self.told = []  # (whether announced, NLRI)
        self.sock = None

    def connect(self, to):
        self.sock = socket.socket()
        md5(self.sock, to, self.crowd.word)
        self.sock.bind((self.local, 0))
        self.sock.settimeout(30)
        self.sock.connect((to, 179))
        self.sock.setblocking(False)
        asn = self.crowd.asn(self.number)
        caps = bytes([1, 4, 0, 1, 0, 1, 65, 4]) + struct.pack("!I", asn)
        self.out += message(OPEN, struct.pack("!BHH", 4, min(asn, 23456), 0) + socket.inet_aton(self.local)
                            + bytes([len(caps) + 2, 2, len(caps)]) + caps)

    def announce(self):
        attrs = attribute(0x40, 1, b"\0") + attribute(0x40, 2, b"\2\1" + struct.pack(
            "!I", self.crowd.asn(self.number))) + attribute(0x40, 3, socket.inet_aton(self.local))
        self.send_block(lambda nlri: struct.pack("!HH", 0, len(attrs)) + attrs + nlri)

    def withdraw(self):
        self.send_block(lambda nlri: struct.pack("!H", len(nlri)) + nlri + b"\0\0")

    def send_block(self, update):
        for first in range(0, self.crowd.each, A_MESSAGE):
            n = min(A_MESSAGE, self.crowd.each - first)
            self.out += message(UPDATE, update(block(self.number * self.crowd.each + first, n)))

    def write(self):
        if self.out:
            try:
                del self.out[:self.sock.send(self.out)]
            except BlockingIOError:
                pass

    def read(self):
        """@return Whether the session goes on."""
        try:
            data = self.sock.recv(1 << 20)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.buffer += data
        for kind, body in whole_messages(self.buffer):
            self.take(kind, body)
        return bool(data)

    def take(self, kind, body):
        if kind == OPEN:
            self.out += message(KEEPALIVE)
        elif kind == KEEPALIVE and not self.is_up:
            self.is_up = True
            self.crowd.up += 1
            self.announce()
        elif kind == NOTIFICATION:
            self.crowd.refused += 1
        elif kind == UPDATE:
            size, = struct.unpack_from("!H", body)
            attrs, = struct.unpack_from("!H", body, 2 + size)
            self.field(body[2:2 + size], False)
            self.field(body[4 + size + attrs:], True)

    def field(self, data, announced):
        if data[:1] == b"\x10":  # The network's own.
            assert len(data) == 3 and announced
            self.networks += 1
        elif data:
            assert data[::4] == b"\x18" * (len(data) // 4), "only /24s here"
            self.told.append((announced, data))

    def held(self):
        """A set of the prefixes, each a number."""
        found = set()
        for announced, data in self.told[:]:
            (found.update if announced else found.difference_update)(array.array("I", data))
        return found


class Crowd:
    """See the module."""

    def __init__(self, n, each, word, first="10.0.1.1"):
        self.n, self.each, self.word = n, each, word
        self.addresses = [str(ipaddress.ip_address(first) + i) for i in range(n)]
        self.up = self.lost = self.refused = 0
        self.withdrawn = set()
        self.asked, self.going = [], True
        self.peers = [One(self, i) for i in range(n)]
        self.blocks = [array.array("I", block(i * each, each)) for i in range(n)]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.to = None

    @staticmethod
    def asn(i):
        return 4200000000 + i

    def start(self, to):
        self.to = to
        self.thread.start()

    def is_right(self, i):
        """Whether a peer has been told of exactly what the others announce."""
        peer = self.peers[i]
        least = (self.n - 1 - len(self.withdrawn - {i})) * self.each
        if peer.networks < 1 or sum(len(data) for announced, data in peer.told[:] if announced) < 4 * least:
            return False
        held = peer.held()
        wanted = [j for j in range(self.n) if j != i and j not in self.withdrawn]
        return len(held) == least and all(held.issuperset(self.blocks[j]) for j in wanted)

    def again(self):
        """How many prefixes were announced to peers that had them."""
        return sum(sum(len(d) // 4 for a, d in p.told if a) for p in self.peers) - self.n * (self.n - 1) * self.each

    def withdraw(self, i):
        self.withdrawn.add(i)
        self.asked.append(i)

    def run(self):
        selector = selectors.DefaultSelector()
        for p in self.peers:
            p.connect(self.to)
            selector.register(p.sock, selectors.EVENT_READ, p)
        while self.going:
            while self.asked:
                self.peers[self.asked.pop()].withdraw()
            for p in self.peers:
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if p.out else 0)
                if p.sock.fileno() >= 0 and selector.get_key(p.sock).events != wanted:
                    selector.modify(p.sock, wanted, p)
            for key, events in selector.select(0.1):
                p = key.data
                if events & selectors.EVENT_WRITE:
                    p.write()
                if events & selectors.EVENT_READ and not p.read():
                    self.lost += 1
                    selector.unregister(p.sock)
                    p.sock.close()
        selector.close()

    def close(self):
        self.going = False
        if self.thread.is_alive():
            self.thread.join(30)
        for p in self.peers:
            if p.sock is not None:
                p.sock.close()
