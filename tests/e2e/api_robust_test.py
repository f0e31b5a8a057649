#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""API clients that take descriptors, vanish or dawdle, too few descriptors and a log on a full
disk: peers do not notice, other clients are served, and nothing stays behind.

    python3 tests/e2e/api_robust_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import os
import resource
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402
from bystanders import Bystanders, block, config  # noqa: E402
from speaker import Speaker  # noqa: E402

BUILD = None
TCP = ("127.0.0.1", 8179)
N_BLOCKS = 60  # Of 256 prefixes: a listing of megabytes, more than sockets hold.


def limited(n):
    return ["sh", "-c", f'ulimit -n {n}; exec "$@"', "sh"]


class Clients(Bystanders):
    def start(self, server="", hold=180, **how):
        super().start(server, hold, **how)
        self.socks = []
        self.addCleanup(self.leave)

    def tearDown(self):
        if getattr(self, "socks", None):
            self.leave()
            self.daemon.wait(self.served)
        super().tearDown()

    def counter(self, name):
        """A place that was given back may be free a moment later only."""
        found = []

        def look():
            try:
                found.append(Bystanders.counter(self, name))
            except AssertionError:
                return False
            return True
        self.daemon.wait(look)
        return found[0]

    def leave(self):
        for s in self.socks:
            s.close()
        self.socks = []

    def cpu(self):
        """Seconds of CPU time so far."""
        with open(f"/proc/{self.daemon.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def client(self, tcp=False):
        """A connection to the API. When its queue is full it waits, at most for 10 s."""
        s = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(10)
        self.socks.append(s)
        end = time.monotonic() + 10
        while True:
            try:
                s.connect(TCP if tcp else f"{self.daemon.dir}/vrs.sock")
                return s
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def ask(self, path, tcp=False):
        """Ask and read the beginning of the answer."""
        s = self.client(tcp)
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: v\r\n\r\n".encode())
        self.assertIn(b"HTTP/1.1 200", s.recv(256))
        return s

    def served(self):
        try:
            return Bystanders.counter(self, "apiConnections") >= 0
        except AssertionError:
            return False

    def idle_cpu(self, seconds=1.5):
        """CPU time of the daemon in a window that probes end."""
        before, end = self.cpu(), time.monotonic() + seconds
        while time.monotonic() < end:
            self.probe()
            time.sleep(0.1)  # Else the probes are the load.
        return self.cpu() - before

    # Descriptors.

    def test_clients_leave_descriptors_for_peers(self):
        self.start(wrapper=limited(64))
        for _ in range(64):
            self.client()
        self.speaker()  # A descriptor that clients do not get.
        self.assertLess(self.n_fds(), 64)
        self.assertLess(self.idle_cpu(), 0.4)
        self.leave()
        self.daemon.wait(self.served)
        self.daemon.wait(lambda: self.counter("apiConnections") == 1)
        self.assertGreaterEqual(self.counter("apiRefused"), 64 - 64 // 8 - 1)
        self.assertEqual(self.counter("connectionsRefusedResources"), 0)

    def test_clients_that_no_descriptor_is_left_for_wait_quietly(self):
        self.start()
        pid = self.daemon.process.pid
        old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        self.client()
        self.daemon.wait(lambda: self.n_fds() > self.fds)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.n_fds(), old[1]))
        try:
            for _ in range(30):
                self.client()
            self.assertLess(self.idle_cpu(), 0.4)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
        self.leave()
        self.daemon.wait(self.served)
        self.assertGreater(self.counter("apiStarved"), 1)
        self.assertLess(self.counter("apiStarved"), 100)

    def test_too_few_descriptors_at_the_start_are_said(self):
        """From one that is enough for the configuration to the first that is enough for all."""
        with tempfile.TemporaryDirectory(prefix="vrs-e2e-") as directory:
            with open(f"{directory}/vrs.yaml", "w", encoding="ascii") as f:
                f.write(config().replace("{dir}", directory))
            said = []
            for n in range(5, 32):  # With 4 and less a shell or the loader may give up first.
                with open(f"{directory}/log", "w+", encoding="utf-8") as log:
                    p = subprocess.Popen([*limited(n), f"{BUILD}/engine/vrsd", "--config",
                                          f"{directory}/vrs.yaml"], stderr=log)
                    try:
                        end = time.monotonic() + 20
                        while p.poll() is None and not os.path.exists(f"{directory}/vrs.sock"):
                            self.assertLess(time.monotonic(), end, n)
                            time.sleep(0.01)
                        # There is a moment between the socket file and a failure after it.
                        while p.poll() is None and b" serves " not in os.pread(
                                log.fileno(), 65536, 0):
                            self.assertLess(time.monotonic(), end, n)
                            time.sleep(0.01)
                    finally:
                        if p.poll() is None:
                            p.terminate()
                        code = p.wait(20)
                    text = os.pread(log.fileno(), 65536, 0).decode()
                self.assertIn(f"{n} file descriptors are allowed", text)
                self.assertIn(code, (0, 1), text)
                if code == 0:
                    break
                last = text.splitlines()[-1]
                self.assertRegex(last, "not started: .+: Too many open files$")
                said.append(last.split("not started: ")[1].split(" ")[0])
            self.assertEqual(code, 0, text)
            self.assertEqual(sorted(set(said)), ["BGP", "control", "wakers"])

    # Clients that go.

    def table(self):
        self.bad = bad = self.speaker()
        for i in range(N_BLOCKS):
            bad.announce(block(i))
        self.daemon.wait(lambda: self.session()["prefixesUsable"] == 256 * N_BLOCKS, 60)
        self.daemon.wait(lambda: self.daemon.vrsctl("status")["routeServers"][0]["pendingExports"]
                         == 0, 60)

    def vanish(self, paths, tcp, reset):
        socks = [self.ask(path, tcp) for path in paths]
        n = len(socks)
        self.daemon.wait(lambda: self.counter("apiConnections") == n + 1)  # And the one asking.
        for s in socks:
            if reset:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif tcp:
                s.shutdown(socket.SHUT_WR)  # A FIN before any RST.
            s.close()
        self.leave()
        self.daemon.wait(lambda: self.counter("apiConnections") == 1)
        self.daemon.wait(lambda: self.n_fds() <= self.fds_before)

    def test_clients_that_vanish_in_a_listing_or_a_watch_are_freed(self):
        self.start(process=', http: {listen: "127.0.0.1:8179"}')
        self.table()
        self.fds_before = self.n_fds()
        listings = ["/v1/networkInterfaces/vm/effectiveRouteTable",
                    "/v1/routeServers/rs/bgpConnections/bad/learnedRoutes"]
        watches = ["/v1/watch?since=1", "/v1/watch?nic=vm&since=1"]
        idle = ["/v1/watch", "/v1/watch?nic=vm"]  # With nothing to write that would fail.
        for paths in (listings * 8, watches * 8, idle * 8, listings + watches + idle):
            for tcp, reset in ((False, False), (True, False), (True, True)):
                self.vanish(paths, tcp, reset)
        self.assertEqual(self.counter("apiRefused"), 0)
        for i in range(N_BLOCKS):
            self.bad.withdraw(block(i))
        self.daemon.wait(lambda: self.session()["prefixesReceived"] == 0, 60)
        self.daemon.wait(lambda: self.session("bystander")["prefixesAdvertised"] < 10, 60)

    # Clients that dawdle.

    def test_a_byte_at_a_time_holds_a_place_for_ten_seconds_at_most(self):
        self.start(wrapper=limited(64))
        began, n_refused = time.monotonic(), 0
        slow = [self.client() for _ in range(7)]  # Of eight places.
        self.assertTrue(self.served())
        # The place of the one just served may be free a moment later only.
        self.daemon.wait(lambda: slow.append(self.client()) or not self.served())
        request = b"GET /v1/status HTTP/1.1\r\nX: " + b"a" * 4096
        for i in range(200):
            self.assertLess(time.monotonic() - began, 15)
            for s in slow:
                try:
                    s.send(request[i:i + 1])
                except (BrokenPipeError, ConnectionResetError):
                    pass
            if self.served():
                break
            n_refused += 1
            time.sleep(0.2)
        self.assertGreater(n_refused, 0)  # They held until then.
        self.assertGreater(time.monotonic() - began, 9)
        closed = select.select(slow, [], [], 5)[0]
        self.assertIn(b"", [s.recv(1) for s in closed])
        self.leave()
        self.assertGreaterEqual(self.counter("apiEvicted"), 1)
        self.daemon.wait(lambda: self.counter("apiConnections") == 1)

    # The log.

    def test_a_disk_that_fills_up_costs_log_lines_only(self):
        self.start(wrapper=["unshare", "-m", "sh", "-c", 'mkdir "$0" && mount -t tmpfs -o size=16k '
                            'none "$0" && exec "$@" 2>>"$0/log"', "{dir}/small"])
        small = f"/proc/{self.daemon.process.pid}/root{self.daemon.dir}/small"

        def log():
            with open(f"{small}/log", encoding="utf-8") as f:
                return f.read()
        self.assertIn("established", log())
        with open(f"{small}/log", "ab", buffering=0) as f:
            with self.assertRaises(OSError):
                for _ in range(20000):
                    f.write(b"x")  # To the last byte.
        for n in range(1, 50):
            self.speaker().close()
            self.daemon.wait(lambda: self.session()["timesEstablished"] == n  # noqa: B023
                             and self.session()["state"] != "Established")
            if self.counter("logLinesLost") > 5:
                break
        self.assertGreater(self.counter("logLinesLost"), 5)
        self.probe()
        os.truncate(f"{small}/log", 0)
        lost = self.counter("logLinesLost")
        bad = Speaker("10.0.1.4", "10.0.0.4", 65001).open()
        self.addCleanup(bad.close)
        self.daemon.wait(lambda: "bad: established" in log())
        self.assertEqual(self.counter("logLinesLost"), lost)


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"], ["10.0.0.4", "10.0.1.4", "10.0.1.5", "10.0.1.6"]))
