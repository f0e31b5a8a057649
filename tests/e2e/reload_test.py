#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Reloads while watches are open: they follow the configuration, and end with what they watch.

    python3 tests/e2e/reload_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402

CONFIG = """
process: {{stateDir: {dir}, controlSocket: {dir}/vrs.sock}}
virtualNetworks:
  - name: hub
    addressPrefixes: [{prefixes}]
    subnets:
      - {{name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}}
      - {{name: nva, addressPrefix: 10.0.1.0/24}}
      - {{name: vms, addressPrefix: 10.0.2.0/24{table}}}
routeTables:
  - {{name: closed, disableBgpRoutePropagation: true}}
networkInterfaces:
  - {{name: vm1, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.4}}
{vm2}
routeServers:
  - name: rs
    virtualNetwork: hub
    virtualRouterAsn: {asn}
    virtualRouterIps: [10.0.0.4]
    bgpConnections:
      - {{name: nva, peerIp: 10.0.1.4, peerAsn: 65001, passive: true}}
"""
VM2 = "  - {name: vm2, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.5}"
BUILD = None


class Reload(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="vrs-reload-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.write()
        log = open(f"{self.dir}/log", "w", encoding="ascii")
        self.addCleanup(log.close)
        self.daemon = subprocess.Popen(
            [f"{BUILD}/engine/vrsd", "--config", f"{self.dir}/vrs.yaml"], stderr=log)
        self.addCleanup(self.stop)
        self.vrsctl("wait", "--timeout", "30")

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(20), 0)

    def command(self, *words):
        return [f"{BUILD}/tools/vrsctl/vrsctl", "--control-socket", f"{self.dir}/vrs.sock", *words]

    def vrsctl(self, *words):
        r = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=60,
                           check=False)
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout

    def write(self, prefixes="10.0.0.0/16", table="", vm2=VM2, asn=65515):
        with open(f"{self.dir}/vrs.yaml", "w", encoding="ascii") as f:
            f.write(CONFIG.format(dir=self.dir, prefixes=prefixes, table=table, vm2=vm2, asn=asn))

    def log(self):
        with open(f"{self.dir}/log", encoding="ascii") as f:
            return f.read()

    def reload(self, **change):
        before = self.log().count("configuration read again")
        self.write(**change)
        self.daemon.send_signal(signal.SIGHUP)
        end = time.monotonic() + 20
        while self.log().count("configuration read again") == before:
            self.assertIsNone(self.daemon.poll(), self.log())
            self.assertLess(time.monotonic(), end, self.log())
            time.sleep(0.02)

    def watch(self, *words):
        p = subprocess.Popen(self.command("watch", *words), stdout=subprocess.PIPE)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait, 20)
        return p

    def line(self, process, timeout=15):
        ready, _, _ = select.select([process.stdout], [], [], timeout)
        self.assertTrue(ready, "no line")
        return json.loads(process.stdout.readline())

    def test_watches_follow_reloads_and_end_with_their_server(self):
        vm1, vm2 = self.watch("--nic", "vm1"), self.watch("--nic", "vm2")
        server = self.watch("--routeserver", "rs")
        # Until each stream has been seen to follow a reload: then it is open for sure.
        for process in (vm1, vm2):
            for n in range(20):
                self.reload(prefixes=f"10.0.0.0/16, 10.{n + 1}.0.0/16")
                if select.select([process.stdout], [], [], 1.5)[0]:
                    break
            self.assertEqual(self.line(process)["op"], "resync")
        self.reload(table=", routeTable: closed")
        self.reload(table="")
        self.reload(vm2="")
        self.assertEqual(vm2.wait(20), 0)
        self.assertIsNone(vm1.poll())
        # The route server is another one now: nothing of the old one may be touched again.
        self.reload(vm2="", asn=65514)
        self.assertEqual(vm1.wait(20), 0)
        self.assertEqual(server.wait(20), 0)
        self.reload(vm2="")
        self.assertIn('"state": "Active"', self.vrsctl("-o", "json", "status"))
        self.assertNotIn("still being read", self.log())


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"], ["10.0.0.4", "10.0.0.5", "10.0.1.4"]))
