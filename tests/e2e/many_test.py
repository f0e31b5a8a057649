#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""A thousand sessions at once from one generator (many.py): 500 NVAs, each with a session to both
instances, all told of all the others; then the generator dies.

    python3 tests/e2e/many_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402
import carrier  # noqa: E402
from carrier import carried  # noqa: E402
from lab import UnixHTTP, wait_for  # noqa: E402

PEERS, ASN, NETWORK = 500, 4200000000, "10.0.16.0/20"
DEADLINE = 120  # TSan is slow
BUILD = None


def setUpModule():
    # All addresses of a network at once.
    subprocess.run(["ip", "route", "add", "local", NETWORK, "dev", "lo"], check=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Many(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="vrs-many-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.socket = f"{self.dir}/vrs.sock"
        config = {
            "process": {"stateDir": self.dir, "controlSocket": self.socket},
            "virtualNetworks": [{"name": "hub", "addressPrefixes": ["10.0.0.0/16"], "subnets": [
                {"name": "RouteServerSubnet", "addressPrefix": "10.0.0.0/26"},
                {"name": "nvas", "addressPrefix": NETWORK}]}],
            "routeServers": [{
                "name": "rs", "virtualNetwork": "hub",
                "virtualRouterIps": ["10.0.0.4", "10.0.0.5"], "bgpConnections": [
                    {"name": f"nva{i}", "peerIp": f"10.0.{16 + i // 256}.{i % 256}",
                     "peerAsn": ASN + i, "passive": True} for i in range(PEERS)]}]}
        with open(f"{self.dir}/vrs.yaml", "w", encoding="ascii") as f:
            json.dump(carried(config), f)
        self.log = open(f"{self.dir}/log", "w+", encoding="utf-8")
        self.addCleanup(self.log.close)
        self.daemon = subprocess.Popen(
            [f"{BUILD}/engine/vrsd", "--config", f"{self.dir}/vrs.yaml", "--log-level",
             "warning"], stderr=self.log)
        self.addCleanup(self.stop)
        wait_for("vrsd answers", lambda: self.server()["name"] == "rs")
        carrier.plug_in("vrs1")

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(60), 0)

    def server(self):
        connection = UnixHTTP(self.socket)
        connection.request("GET", "/v1/routeServers/rs")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def sessions(self):
        """How many are Established, and the sums of what they received and were told."""
        up = received = told = 0
        for peering in self.server()["peerings"]:
            for s in peering["sessions"]:
                up += s["state"] == "Established"
                received += s["prefixesReceived"]
                told += s["prefixesAdvertised"]
        return up, received, told

    def peak(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) // 1024

    def generate(self):
        here = os.path.dirname(os.path.abspath(__file__))
        p = subprocess.Popen(
            [sys.executable, f"{here}/many.py", "--peers", str(PEERS), "--first", "10.0.16.0",
             "--asn", str(ASN), "--to", "10.0.0.4", "--to", "10.0.0.5"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.stdin.close)
        self.addCleanup(p.wait, 20)
        self.addCleanup(p.kill)
        self.figures = {}

        def read():
            for line in p.stdout:
                self.figures = json.loads(line)
        threading.Thread(target=read, daemon=True).start()
        return p

    def test_a_thousand_sessions_at_once(self):
        sessions = 2 * PEERS
        each = PEERS - 1 + 1  # the other NVAs' prefixes, and the network's
        for turn in ("first", "second"):
            began = time.monotonic()
            generator = self.generate()
            wait_for("all sessions up", lambda: self.figures.get("up") == sessions, DEADLINE)
            up = time.monotonic() - began
            wait_for("everybody was told of all the others", lambda: self.figures == {
                "sessions": sessions, "up": sessions, "lost": 0, "refused": 0,
                "held": sessions * each, "least": each, "most": each}, DEADLINE)
            wait_for("vrsd says the same", lambda: self.sessions() == (
                sessions, sessions, sessions * each), DEADLINE)
            server = self.server()
            self.assertEqual((server["prefixes"], server["paths"]), (PEERS, sessions))
            told = time.monotonic() - began
            generator.kill()
            began = time.monotonic()
            wait_for("nothing is left of them", lambda: self.sessions() == (0, 0, 0), DEADLINE)
            server = self.server()
            self.assertEqual((server["prefixes"], server["paths"]), (0, 0))
            print(f"{turn}: {sessions} sessions up in {up:.1f} s, {sessions * each} prefixes told "
                  f"in {told:.1f} s, gone in {time.monotonic() - began:.1f} s, "
                  f"peak {self.peak()} MiB", flush=True)


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"], ["10.0.0.4", "10.0.0.5"]))
