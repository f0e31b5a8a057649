#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""A generator of BGP sessions: one process, any number of peers, each with an address, an AS
number and a prefix of its own and one session to each route server address.

    many.py --peers N --first ADDRESS --asn ASN --to ADDRESS [--to ADDRESS]

Connects all at once, announces, and prints a JSON line whenever its figures have changed:
sessions that are up, prefixes that they hold in all, and the least and the most that one holds.
It offers a hold time of 0, so it has no timers; it ends at the end of its input.
"""

import argparse
import asyncio
import ipaddress
import json
import resource
import struct
import sys

from speaker import KEEPALIVE, NOTIFICATION, OPEN, UPDATE, attribute, message, nlri, whole_messages


class Figures:
    """What is counted over all sessions."""

    def __init__(self):
        self.up = self.lost = self.refused = 0
        self.sessions = []

    def line(self):
        sizes = [len(s.held) for s in self.sessions]
        return {"sessions": len(sizes), "up": self.up, "lost": self.lost, "refused": self.refused,
                "held": sum(sizes), "least": min(sizes), "most": max(sizes)}


def prefix_of(number):
    """The prefix that a peer announces."""
    return f"100.{64 + number // 256}.{number % 256}.0/24"


class Session(asyncio.Protocol):
    """One session: OPEN, KEEPALIVE, one UPDATE, then it listens."""

    known = {}  # NLRI bytes, once for all sessions

    def __init__(self, figures, number, local, asn):
        self.figures, self.number, self.local, self.asn = figures, number, local, asn
        self.held = set()
        self.buffer = bytearray()
        self.transport, self.is_up = None, False
        figures.sessions.append(self)

    def connection_made(self, transport):
        self.transport = transport
        caps = bytes([1, 4, 0, 1, 0, 1, 65, 4]) + struct.pack("!I", self.asn)
        asn = self.asn if self.asn < 65536 else 23456
        transport.write(message(OPEN, struct.pack("!BHH", 4, asn, 0) + self.local.packed
                                + bytes([len(caps) + 2, 2, len(caps)]) + caps))

    def connection_lost(self, _):
        self.figures.lost += 1
        self.figures.up -= self.is_up
        self.held.clear()

    def data_received(self, data):
        self.buffer += data
        for kind, body in whole_messages(self.buffer):
            self.take(kind, body)

    def take(self, kind, body):
        if kind == OPEN:
            self.transport.write(message(KEEPALIVE))
        elif kind == KEEPALIVE and not self.is_up:
            self.is_up = True
            self.figures.up += 1
            path = attribute(0x40, 2, bytes([2, 1]) + struct.pack("!I", self.asn))
            attributes = attribute(0x40, 1, b"\0") + path + attribute(0x40, 3, self.local.packed)
            self.transport.write(message(UPDATE, struct.pack("!HH", 0, len(attributes))
                                         + attributes + nlri(prefix_of(self.number))))
        elif kind == UPDATE:
            withdrawn, = struct.unpack_from("!H", body)
            rest = 2 + withdrawn
            attributes, = struct.unpack_from("!H", body, rest)
            self.held.difference_update(self.pieces(body[2:rest]))
            self.held.update(self.pieces(body[rest + 2 + attributes:]))
        elif kind == NOTIFICATION:
            self.figures.refused += 1

    def pieces(self, data):
        while data:
            size = 1 + (data[0] + 7) // 8
            piece = data[:size]
            yield self.known.setdefault(piece, piece)
            data = data[size:]


async def generate(options):
    figures, loop = Figures(), asyncio.get_running_loop()
    first = ipaddress.ip_address(options.first)

    async def connect(number, remote):
        local = first + number
        await loop.create_connection(
            lambda: Session(figures, number, local, options.asn + number), remote, 179,
            local_addr=(str(local), 0))

    ended = loop.run_in_executor(None, sys.stdin.read)
    await asyncio.gather(*(connect(n, to) for n in range(options.peers) for to in options.to))
    last = None
    while not ended.done():
        line = figures.line()
        if line != last:
            print(json.dumps(line), flush=True)
        last = line
        await asyncio.wait([ended], timeout=0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=int, required=True)
    parser.add_argument("--first", required=True, help="address of the first peer")
    parser.add_argument("--asn", type=int, required=True, help="AS number of the first peer")
    parser.add_argument("--to", action="append", required=True, help="route server address")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(generate(options))


if __name__ == "__main__":
    main()
