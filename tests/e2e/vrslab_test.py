#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""vrslab run and vrslab compare against real daemons.

    python3 tests/e2e/vrslab_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402

BUILD = None
TIMEOUT_S = 240
# A NIC that sees what is learned, and one that does not.
VRSD = """process: {stateDir: "{dir}", controlSocket: "{dir}/vrs.sock"}
virtualNetworks:
  - name: lab
    addressPrefixes: [10.0.0.0/16]
    subnets:
      - {name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}
      - {name: peers, addressPrefix: 10.0.1.0/24}
      - {name: hops, addressPrefix: 10.0.64.0/18}
      - {name: vms, addressPrefix: 10.0.32.0/24}
      - {name: others, addressPrefix: 10.0.33.0/24, routeTable: rt}
routeTables:
  - {name: rt, disableBgpRoutePropagation: true, routes: []}
networkInterfaces:
  - {name: vm, virtualNetwork: lab, subnet: vms, privateIpAddress: 10.0.32.4}
  - {name: other, virtualNetwork: lab, subnet: others, privateIpAddress: 10.0.33.4}
routeServers:
  - name: rs
    virtualNetwork: lab
    virtualRouterIps: [10.0.0.4]
    bgpConnections:
      - {name: p1, peerIp: 10.0.1.1, peerAsn: 65001, passive: true}
      - {name: p2, peerIp: 10.0.1.2, peerAsn: 65002, passive: true}
"""


class Vrslab(unittest.TestCase):
    def vrslab(self, *words):
        return subprocess.run([f"{BUILD}/tools/vrslab/vrslab", *words], capture_output=True,
                              text=True, timeout=TIMEOUT_S, check=False)

    def compare(self, *words):
        """One repeat of a small table. Returns the run and its records by target."""
        folder = tempfile.mkdtemp(prefix="vrs-lab-")
        self.addCleanup(shutil.rmtree, folder)
        run = self.vrslab("compare", "--prefixes", "2000", "--repeats", "1", "--out", folder,
                          *words)
        got = {}
        for path in glob.glob(f"{folder}/*.ndjson"):
            with open(path, encoding="utf-8") as f:
                got[os.path.basename(path).rsplit("-", 1)[0]] = [json.loads(line) for line in f]
        return run, got

    def phases(self, records):
        return {r["phase"]: r for r in records if r["event"] == "phase"}

    def test_a_table_with_every_daemon(self):
        run, got = self.compare("--profile", "load", "--peers", "3")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertGreaterEqual(set(got), {"vrs", "bird", "frr", "openbgpd", "gobgp"})
        for name, records in got.items():
            with self.subTest(name):
                load = self.phases(records)["load"]
                self.assertEqual(load["verdict"], "right")
                # Three senders hear two tables each, the listener three; more where a daemon
                # tells a sender its own.
                self.assertGreaterEqual(load["traffic"]["received_announced"], 9 * 2000)
                self.assertEqual(load["traffic"]["received_errors"], 0)
                self.assertGreater(load["target_rss_bytes"], 1000000)

    def test_every_profile(self):
        """But replay, which needs a capture: vrslab_report_test.py."""
        names = [line.split()[0] for line in self.vrslab("profiles").stdout.splitlines()
                 if not line.startswith(" ") and line.split()[0] != "replay"]
        self.assertGreaterEqual(len(names), 11)
        for name in names:
            with self.subTest(name):
                more = ("--rate", "2k", "--seconds", "1", "--pool", "100")
                run, got = self.compare("--targets", "vrs,bird", "--profile", name, "--listeners",
                                        "2", *more)
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
                for records in got.values():
                    self.check_changes(records)

    def check_changes(self, records):
        """Every change was heard by every listener, but for those overtaken by the next one."""
        phases = self.phases(records)
        last = phases[list(phases)[-1]]
        self.assertEqual(last["verdict"], "right")
        if last["changes"] == 0:
            return
        self.assertEqual(last["changes"], 2000)
        # A slow reader's latencies do not count; what was overtaken is not seen.
        fast = 2 - records[0]["parameters"]["slow"]
        self.assertGreater(last["changes_seen"], fast * 1500)
        self.assertLessEqual(last["changes_seen"], fast * 2000)
        heard = [r for r in records if r["event"] == "histogram" and r["measure"] == "received"]
        self.assertEqual(heard[0]["n"], last["changes_seen"])
        self.assertLessEqual(heard[0]["p50_ns"], heard[0]["p99_ns"])
        self.assertTrue(heard[0]["hdr"].startswith("HISTF"))

    def test_when_changes_are_effective_on_a_vm(self):
        """vrsd's watch stream of a NIC shows every change of a next hop, and the table in the end."""
        with tempfile.TemporaryDirectory(prefix="vrs-lab-") as folder:
            with open(f"{folder}/vrs.yaml", "w", encoding="ascii") as f:
                f.write(VRSD.replace("{dir}", folder))
            with open(f"{folder}/log", "wb") as log:
                daemon = subprocess.Popen([f"{BUILD}/engine/vrsd", "--config", f"{folder}/vrs.yaml"],
                                          stderr=log)
            try:
                end = time.monotonic() + 30
                while not os.path.exists(f"{folder}/vrs.sock") and time.monotonic() < end:
                    time.sleep(0.02)
                for profile, nic, code in (("next-hop-churn", "vm", 0), ("flap-storm", "vm", 0),
                                           ("flap-storm", "none", 1), ("flap-storm", "other", 1)):
                    with self.subTest(profile + nic):
                        self.watch(folder, profile, nic, code)
            finally:
                daemon.terminate()
                daemon.wait(30)

    def watch(self, folder, profile, nic, code):
        run = self.vrslab("run", "--target", "10.0.0.4", "--local", "10.0.1.1", "--profile", profile,
                          "--prefixes", "500", "--rate", "2k", "--seconds", "1", "--pool", "100",
                          "--watch", f"{folder}/vrs.sock", "--nic", nic, "--timeout", "5")
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        records = [json.loads(line) for line in run.stdout.splitlines()]
        if code != 0:
            self.assertIn(f"NIC {nic}: ", records[-1]["why"])
            return
        seen = next(r for r in records if r["event"] == "effective")
        self.assertEqual(seen["expected"], 2000)
        self.assertEqual(seen["strange"], 0)
        self.assertGreater(seen["seen"], 1500)
        of = next(r for r in records if r["event"] == "histogram" and r["measure"] == "effective")
        self.assertEqual(of["n"], seen["seen"])
        self.assertGreater(of["p50_ns"], 1000)

    def test_same_seed_same_bytes(self):
        sent = [self.phases(self.compare("--targets", "bird", "--seed", s)[1]["bird"])
                ["load"]["traffic"]["sent_bytes"] for s in ("3", "3", "4")]
        self.assertEqual(sent[0], sent[1])
        self.assertNotEqual(sent[0], sent[2])

    def test_a_target_that_ends_at_once(self):
        run, _ = self.compare("--targets", "bird", "--target-path", "bird=/bin/false")
        self.assertEqual(run.returncode, 1)
        self.assertIn("bird: no number", run.stdout)
        self.assertIn("ended at once with status 1", run.stdout)

    def test_missing_and_unknown_targets(self):
        run, _ = self.compare("--targets", "bird", "--target-path", "bird=/nonexistent")
        self.assertEqual(run.returncode, 2)
        self.assertIn("skipped bird: /nonexistent is no program", run.stdout)
        run, _ = self.compare("--targets", "quagga")
        self.assertEqual(run.returncode, 2)
        self.assertIn('there is no target "quagga"', run.stderr)

    def test_usage(self):
        for words, text in (
                (("--profile", "nothing"), "there is none of this name"),
                (("--profile", "load", "--rate", "x"), "must be a number from 1"),
                (("--profile", "load", "--listeners", "0"), "nobody listens"),
                (("--profile", "load", "--prefixes", "4M", "--senders", "2"), "over 5M"),
                ((), "--profile is needed")):
            with self.subTest(words):
                run = self.vrslab("run", "--target", "10.0.0.4", "--local", "10.0.1.1", *words)
                self.assertEqual(run.returncode, 2)
                self.assertIn(text, run.stderr)

    def test_nobody_there(self):
        run = self.vrslab("run", "--target", "10.0.0.4", "--local", "10.0.1.1", "--profile",
                          "load", "--prefixes", "10", "--wait", "1")
        self.assertEqual(run.returncode, 1)
        self.assertIn("0 of 2 sessions with 10.0.0.4 are up after 1 s", run.stderr)
        self.assertIn('"verdict":"not connected"', run.stdout)


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"], ["10.0.0.4", "10.0.1.1", "10.0.1.2"]))
