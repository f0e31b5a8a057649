# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""A tiny BGP speaker on raw sockets, for tests that need one peer and a handful of routes.

IPv4 unicast (IPv6 too for who has a next hop of it), 4-byte AS numbers, no timers: tests are shorter
than a hold time. Every wait has a limit.
"""

import ipaddress
import socket
import struct
import threading
import time

OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5


def whole_messages(buffer):
    """(kind, body) of each whole message that a bytearray begins with; they are taken off it at the end."""
    at = 0
    while len(buffer) - at >= 19:
        size, kind = struct.unpack_from("!HB", buffer, at + 16)
        if len(buffer) - at < size:
            break
        yield kind, bytes(buffer[at + 19:at + size])
        at += size
    del buffer[:at]


def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body


def nlri(prefix):
    net = ipaddress.ip_network(prefix)
    return bytes([net.prefixlen]) + net.network_address.packed[: (net.prefixlen + 7) // 8]


def attribute(flags, code, value):
    if len(value) > 255:
        return struct.pack("!BBH", flags | 0x10, code, len(value)) + value
    return struct.pack("!BBB", flags, code, len(value)) + value


def prefixes(data, width=4):
    """The prefixes of a field, of a family whose addresses have so many bytes."""
    found = []
    while data:
        size = (data[0] + 7) // 8
        address = ipaddress.ip_address(data[1:1 + size].ljust(width, b"\0"))
        found.append(f"{address}/{data[0]}")
        data = data[1 + size:]
    return found


def attributes(data):
    """{code: value}"""
    found = {}
    while data:
        extended = data[0] & 0x10
        size = struct.unpack("!H", data[2:4])[0] if extended else data[2]
        start = 4 if extended else 3
        found[data[1]] = data[start:start + size]
        data = data[start + size:]
    return found


def capabilities(body):
    """{code: [value]} of an OPEN."""
    found, data = {}, body[10:]
    while data:
        kind, size = data[0], data[1]
        value, data = data[2:2 + size], data[2 + size:]
        while kind == 2 and value:
            found.setdefault(value[0], []).append(value[2:2 + value[1]])
            value = value[2 + value[1]:]
    return found


def heard(received):
    """Messages as words: "-PREFIX", "+PREFIX via HOP path A-B", "end", "refresh", "cease N"."""
    words = []
    for kind, body in received:
        if kind == REFRESH:
            words.append("refresh")
        elif kind == NOTIFICATION:
            words.append(f"cease {body[1]}" if body[0] == 6 else f"notification {body[0]}")
        elif kind == OPEN:
            words.append("open")
        elif kind == UPDATE:
            size = struct.unpack("!H", body[:2])[0]
            end = 4 + size + struct.unpack("!H", body[2 + size:4 + size])[0]
            attrs = attributes(body[4 + size:end])
            words += [f"-{p}" for p in prefixes(body[2:2 + size])]
            if end < len(body):
                path = struct.unpack(f"!{attrs[2][1]}I", attrs[2][2:]) if attrs[2] else ()
                extra = "".join(f" attr{c}" for c in sorted(attrs) if c > 3)
                words += [f"+{p} via {ipaddress.ip_address(attrs[3])} path "
                          f"{'-'.join(map(str, path))}{extra}" for p in prefixes(body[end:])]
            elif size == 0:
                words.append("end")
    return words


def heard6(received):
    """IPv6 routes as words: "+PREFIX via HOP", "-PREFIX"."""
    words = []
    for kind, body in received:
        if kind != UPDATE:
            continue
        size = struct.unpack("!H", body[:2])[0]
        attrs = attributes(body[4 + size:])
        if 14 in attrs:
            hop, routes = attrs[14][4:20], attrs[14][5 + attrs[14][3]:]
            words += [f"+{p} via {ipaddress.ip_address(hop)}" for p in prefixes(routes, 16)]
        words += [f"-{p}" for p in prefixes(attrs.get(15, b"")[3:], 16)]
    return words


class Speaker:
    """One session from `local` to `peer`; `received` holds (kind, body) in order."""

    def __init__(self, local, peer, asn, port=179, hold=180, refresh=True, next_hop6=None):
        self.local, self.peer, self.asn, self.port, self.hold = local, peer, asn, port, hold
        self.refresh, self.next_hop6 = refresh, next_hop6
        self.sock = None
        self.received = []
        self.changed = threading.Condition()
        self.reader = None

    def capabilities(self):
        """IPv4 unicast, 4-byte AS numbers and, if asked for, IPv6 unicast and route refresh."""
        caps = bytes([1, 4, 0, 1, 0, 1, 65, 4]) + struct.pack("!I", self.asn)
        if self.next_hop6:
            caps += bytes([1, 4, 0, 2, 0, 1])
        return caps + bytes([2, 0]) if self.refresh else caps

    def connect(self):
        """A socket to the peer."""
        return socket.create_connection((self.peer, self.port), 2, (self.local, 0))

    def open(self, timeout=15):
        """Connect, exchange OPEN and KEEPALIVE, read on in a thread."""
        deadline, last = time.monotonic() + timeout, None
        while True:
            try:
                self.sock = self.connect()
                self.sock.settimeout(max(0.1, deadline - time.monotonic()))
                caps = self.capabilities()
                ident = ipaddress.ip_address(self.local).packed[-4:]
                my_as = self.asn if self.asn < 65536 else 23456
                self.sock.sendall(message(OPEN, struct.pack("!BHH", 4, my_as, self.hold) + ident
                                          + bytes([len(caps) + 2, 2, len(caps)]) + caps))
                if self._read()[0] == OPEN:
                    self.sock.sendall(message(KEEPALIVE))
                    if self._read()[0] == KEEPALIVE:
                        break
            except OSError as e:
                last = e
            self.close()
            if time.monotonic() > deadline:
                raise TimeoutError(f"no session from {self.local} to {self.peer}: {last}")
            time.sleep(0.05)
        self.sock.settimeout(None)
        self.reader = threading.Thread(target=self._read_on, daemon=True)
        self.reader.start()
        return self

    def announce(self, prefixes, next_hop=None, path=None, med=None, communities=()):
        attrs = self._origin_and_path(path if path is not None else [self.asn])
        attrs += attribute(0x40, 3, ipaddress.ip_address(next_hop or self.local).packed)
        if med is not None:
            attrs += attribute(0x80, 4, struct.pack("!I", med))
        if communities:
            attrs += attribute(0xC0, 8, b"".join(struct.pack("!HH", *c) for c in communities))
        self._update(b"", attrs, b"".join(map(nlri, prefixes)))

    def withdraw(self, prefixes):
        self._update(b"".join(map(nlri, prefixes)), b"", b"")

    def announce6(self, prefixes):
        """By MP_REACH_NLRI (RFC 4760)."""
        value = b"\0\2\1\x10" + ipaddress.ip_address(self.next_hop6).packed + b"\0"
        self._update(b"", self._origin_and_path([self.asn])
                     + attribute(0x80, 14, value + b"".join(map(nlri, prefixes))), b"")

    def withdraw6(self, prefixes):
        """By MP_UNREACH_NLRI."""
        self._update(b"", attribute(0x80, 15, b"\0\2\1" + b"".join(map(nlri, prefixes))), b"")

    def wait(self, condition, timeout=15):
        """Until condition(received) holds. Returns whether it does."""
        with self.changed:
            return self.changed.wait_for(lambda: condition(self.received), timeout)

    def close(self):
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.sock.close()
            self.sock = None
        if self.reader is not None:
            self.reader.join(5)
            self.reader = None

    @staticmethod
    def _origin_and_path(path):
        segment = bytes([2, len(path)]) + b"".join(struct.pack("!I", a) for a in path)
        return attribute(0x40, 1, b"\0") + attribute(0x40, 2, segment)

    def _update(self, withdrawn, attrs, announced):
        self.sock.sendall(message(UPDATE, struct.pack("!H", len(withdrawn)) + withdrawn
                                  + struct.pack("!H", len(attrs)) + attrs + announced))

    def _read_exactly(self, sock, size):
        data = b""
        while len(data) < size:
            piece = sock.recv(size - len(data))
            if not piece:
                raise ConnectionError("closed")
            data += piece
        return data

    def _read(self):
        sock = self.sock
        if sock is None:
            raise ConnectionError("closed")
        size, kind = struct.unpack("!HB", self._read_exactly(sock, 19)[16:])
        body = self._read_exactly(sock, size - 19)
        with self.changed:
            self.received.append((kind, body))
            self.changed.notify_all()
        return kind, body

    def _read_on(self):
        try:
            while True:
                self._read()
        except OSError:
            pass
