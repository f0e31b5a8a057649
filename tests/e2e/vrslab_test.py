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
import pty
import shutil
import signal
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

# Stands in for a daemon: it takes connections and says nothing.
DEAF = """#!/usr/bin/env python3
import socket, sys, time
if len(sys.argv) == 2:
    sys.exit("deaf 1.0")
s = socket.create_server(("10.0.0.4", 179))
print("deaf on purpose", flush=True)
time.sleep(600)
"""

# Starts the daemon, and something that outlives it and has a port of GoBGP's.
LEAVES = """#!/bin/sh
case "$*" in *-f*)
    setsid python3 -c 'import os, socket, time
s = socket.create_server(("127.0.0.1", 50051))
with open("{pid}", "w") as f:
    f.write(str(os.getpid()))
time.sleep(600)' &
    until [ -s {pid} ]; do sleep 0.05; done
esac
exec bird "$@"
"""


class Vrslab(unittest.TestCase):
    def vrslab(self, *words):
        return subprocess.run([f"{BUILD}/tools/vrslab/vrslab", *words], capture_output=True,
                              text=True, timeout=TIMEOUT_S, check=False)

    def sanitized(self):
        """What others' daemons do is the same there, and takes long."""
        run = subprocess.run(["ldd", f"{BUILD}/tools/vrslab/vrslab"], capture_output=True, text=True,
                             check=False)
        return "libasan" in run.stdout or "libtsan" in run.stdout

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

    def script(self, text):
        """A program made of text."""
        folder = tempfile.mkdtemp(prefix="vrs-lab-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "program")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o755)
        return path

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

    def test_a_table_with_every_daemon_over_ipv6(self):
        names = {"vrs"} if self.sanitized() else {"vrs", "bird", "frr", "openbgpd", "gobgp"}
        run, got = self.compare("--profile", "load", "--ipv6", "--targets", ",".join(sorted(names)))
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(set(got), names)
        for name, records in got.items():
            with self.subTest(name):
                self.assertTrue(records[0]["ipv6"])
                self.assertEqual(records[0]["target"], "fd00::4")
                self.assertEqual(self.phases(records)["load"]["verdict"], "right")

    def test_dpdk_beside_the_kernel_and_over_a_bad_wire(self):
        """The same table by both transports; then late, and with a hundredth of what vrsd sends lost."""
        both = ("--targets", "vrs,vrs-dpdk", "--profile", "load", "--peers", "2")
        for family in ([], ["--ipv6"]):
            run, got = self.compare(*both, *family)
            if "not-built" in run.stdout:
                self.skipTest("this build is without DPDK")
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            self.assertEqual(set(got), {"vrs", "vrs-dpdk"})
            for records in got.values():
                self.assertEqual(self.phases(records)["load"]["verdict"], "right")
        good = self.phases(got["vrs-dpdk"])["load"]["seconds"]
        run, got = self.compare("--targets", "vrs-dpdk", "--profile", "load", "--peers", "2", "--bad-wire",
                                "lossPpm=10000,delayMicroseconds=200000,seed=1")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("bad wire lossPpm 10000, delayMicroseconds 200000, seed 1", run.stdout)
        load = self.phases(got["vrs-dpdk"])["load"]
        self.assertEqual(load["verdict"], "right")
        self.assertGreater(load["seconds"], 0.2)
        print(f"\n  load: {good:.3f} s; by 200 ms and 1 % lost {load['seconds']:.3f} s", flush=True)

    def test_a_bad_wire_is_of_dpdk_alone_and_has_its_keys(self):
        for words, text in (
                (("--targets", "vrs,bird", "--bad-wire", "lossPpm=1"), "--bad-wire is of vrs-dpdk"),
                (("--targets", "vrs-dpdk", "--bad-wire", "loss=1"), "loss: there are lossPpm, reorderPpm"),
                (("--targets", "vrs-dpdk", "--bad-wire", "lossPpm"), "lossPpm: must be lossPpm=NUMBER")):
            with self.subTest(words):
                run = self.vrslab("compare", "--profile", "load", *words)
                self.assertEqual(run.returncode, 2)
                self.assertIn(text, run.stderr)
        run = self.vrslab("compare", "--profile", "load", "--targets", "vrs-dpdk", "--bad-wire", "lossPpm=1000001")
        self.assertEqual(run.returncode, 2)
        self.assertRegex(run.stdout, "skipped vrs-dpdk: .*(lossPpm is 1000001|not-built)")

    def test_every_profile(self):
        """But replay, which needs a capture: vrslab_report_test.py."""
        names = [line.split()[0] for line in self.vrslab("profiles").stdout.splitlines()
                 if not line.startswith(" ") and line.split()[0] != "replay"]
        self.assertGreaterEqual(len(names), 14)
        timed = {line.split()[0] for line in "".join(
            self.vrslab("profiles").stdout.replace("\n              ", " ")).splitlines()
                 if "--rate" in line}
        self.assertGreaterEqual(len(timed), 7)
        for name in names:
            with self.subTest(name):
                more = ("--rate", "2k", "--seconds", "1", "--pool", "100") if name in timed else ()
                targets = "vrs" if self.sanitized() else "vrs,bird"
                run, got = self.compare("--targets", targets, "--profile", name, "--listeners",
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

    def test_a_target_that_dies(self):
        """It is reported as that, and the others keep their numbers."""
        folder = tempfile.mkdtemp(prefix="vrs-lab-")
        self.addCleanup(shutil.rmtree, folder)
        bird = self.script(f"""#!/bin/sh
echo last words of $$
echo $$ >{folder}/pid
exec bird "$@"
""")
        with subprocess.Popen(
                [f"{BUILD}/tools/vrslab/vrslab", "compare", "--targets", "bird,vrs", "--target-path",
                 f"bird={bird}", "--profile", "churn", "--prefixes", "500", "--rate", "500",
                 "--seconds", "4", "--repeats", "1", "--out", folder], text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            self.until_sample(f"{folder}/bird-1.ndjson", "churn")
            with open(f"{folder}/pid", encoding="ascii") as f:
                pid = int(f.read())
            os.kill(pid, signal.SIGKILL)
            out, err = run.communicate(timeout=TIMEOUT_S)
        self.assertEqual(run.returncode, 1, out + err)
        self.assertRegex(out, "bird: no number, .*: the target died \\(SIGKILL\\) in churn: .*; "
                         f"its log ends: .*last words of {pid}")
        with open(f"{folder}/summary.json", encoding="utf-8") as f:
            summary = json.load(f)
        self.assertEqual(summary["targets"]["bird"]["medians"], {})
        self.assertIn("churn s", summary["targets"]["vrs"]["medians"])

    def until_sample(self, path, phase):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if os.path.exists(path):
                with open(path, encoding="utf-8") as f:
                    if f'"sample","phase":"{phase}"' in f.read():
                        return
            time.sleep(0.05)
        self.fail(f"no sample of {phase} in {path}")

    def test_the_reason_of_a_run_without_sessions(self):
        run, _ = self.compare("--targets", "bird", "--target-path", f"bird={self.script(DEAF)}",
                              "--wait", "1")
        self.assertEqual(run.returncode, 1)
        self.assertIn("not connected: 0 of 2 sessions with 10.0.0.4 are up after 1 s", run.stdout)
        self.assertIn("its log ends: deaf on purpose", run.stdout)
        self.assertNotIn("see stderr", run.stdout)

    def test_a_port_in_use(self):
        """What an earlier target left behind is named, and nothing starts beside it."""
        with tempfile.NamedTemporaryFile("r", encoding="ascii") as pid:
            run, got = self.compare("--targets", "bird,gobgp", "--target-path",
                                    f"bird={self.script(LEAVES.format(pid=pid.name))}")
            os.kill(int(pid.read()), signal.SIGKILL)
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
        self.assertIn("gobgp: no number", run.stdout)
        self.assertIn("not started: 127.0.0.1 port 50051: Address already in use", run.stdout)
        self.assertEqual(set(got), {"bird"})

    def test_missing_privileges_are_named_first(self):
        program = f"{BUILD}/tools/vrslab/vrslab"
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        if subprocess.run([*nobody, program, "--version"], capture_output=True,
                          check=False).returncode != 0:
            self.skipTest(f"others may not read {BUILD}")
        less = ["setpriv", "--bounding-set", "-sys_admin"]
        for words, text in ((nobody, "it takes root"), (less, "cannot make a network namespace")):
            with self.subTest(words):
                run = subprocess.run([*words, program, "compare", "--targets", "vrs", "--prefixes",
                                      "100"], capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(run.returncode, 2)
                self.assertIn(text, run.stderr)
                self.assertNotIn("run 1 of", run.stderr)

    def test_progress_on_a_terminal(self):
        """One line that is drawn again and goes away."""
        ours, theirs = pty.openpty()
        start = time.monotonic()
        with subprocess.Popen(
                [f"{BUILD}/tools/vrslab/vrslab", "compare", "--targets", "vrs", "--profile", "churn",
                 "--prefixes", "1k", "--rate", "1k", "--seconds", "1", "--repeats", "1"],
                stdout=subprocess.DEVNULL, stderr=theirs) as run:
            os.close(theirs)
            seen = b""
            try:
                while more := os.read(ours, 4096):
                    seen += more
            except OSError:  # EIO: nobody has the other end.
                pass
            os.close(ours)
        self.assertEqual(run.returncode, 0, seen)
        self.assertRegex(seen, rb"\rrun 1 of 1: vrs churn \d+ %\x1b\[K")
        self.assertTrue(seen.endswith(b"\r\x1b[K"), seen)
        self.assertNotIn(b"\n", seen)
        self.assertLessEqual(seen.count(b"%"), 10 * (time.monotonic() - start) + 1)

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
                (("--profile", "churn", "--rate", "x"), "must be a number from 1"),
                (("--profile", "load", "--listeners", "0"), "nobody listens"),
                (("--profile", "load", "--prefixes", "4M", "--senders", "2"), "over 5M"),
                (("--profile", "load", "--rate", "5"), "means nothing to this profile"),
                (("--profile", "churn", "--duty", "50"), "means nothing to this profile"),
                (("--profile", "churn", "--rate", "1M", "--seconds", "100"), "67 million changes"),
                (("--profile", "churn", "--watch", "x"), "--watch goes with --nic"),
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
