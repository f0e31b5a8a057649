#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""vrslab replay, self, compare --out, report and check.

    python3 tests/e2e/vrslab_report_test.py --build DIR

Runs itself again in a network namespace of its own; ends only what it started.
"""

import bz2
import copy
import glob
import html
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402

BUILD = None
TIMEOUT_S = 240
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("VRS_DATA_DIR") or os.path.join(os.path.dirname(ROOT), "shared", "data")
CAPTURE = os.path.join(DATA, "updates.20260222.1530.bz2")
# Where tools/install-deps puts what is not of Debian; this test has no network.
NODE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "vrs-node")
HDR_READER = "hdr-histogram-js@3.0.1"
READ_LOG = """
const hdr = require('hdr-histogram-js'), fs = require('fs'), out = {};
for (const line of fs.readFileSync(process.argv[2], 'utf8').split('\\n')) {
    const at = line.indexOf(',HISTF');
    if (at < 0) continue;
    const h = hdr.decodeFromCompressedBase64(line.slice(at + 1));
    out[line.split(',')[0].slice(4)] = [h.totalCount, h.getValueAtPercentile(50),
                                        h.getValueAtPercentile(99), h.maxValue];
}
console.log(JSON.stringify(out));
"""


def have_hdr_reader():
    return os.path.isdir(os.path.join(NODE, "node_modules", "hdr-histogram-js"))


def attribute(code, value, flags=0x40):
    return bytes([flags, code, len(value)]) + value


def update(prefixes=(), path=(), withdrawn=()):
    """An UPDATE as in a capture: /24s of 203.x.y, AS numbers of 4 bytes."""
    def nlri(items):
        return b"".join(bytes([24, 203, x >> 8, x & 255]) for x in items)
    attrs = b""
    if prefixes:
        attrs = attribute(1, b"\0") + attribute(
            2, bytes([2, len(path)]) + b"".join(struct.pack(">I", a) for a in path))
        attrs += attribute(3, bytes([192, 0, 2, 1]))
    gone = nlri(withdrawn)
    body = struct.pack(">H", len(gone)) + gone + struct.pack(">H", len(attrs)) + attrs + nlri(prefixes)
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), 2) + body


def record(seconds, peer, message):
    """BGP4MP_MESSAGE_AS4 (RFC 6396 section 4.4.3)."""
    body = struct.pack(">IIHH", peer, 64500, 0, 1) + bytes([192, 0, 2, peer & 255, 192, 0, 2, 254])
    body += message
    return struct.pack(">IHHI", seconds, 16, 4, len(body)) + body


def capture():
    """Two peers: 3,000 UPDATEs in 30 s; a third that says one thing only."""
    out = []
    for k in range(3000):
        peer = 3333 if k % 3 else 3334
        group = [k % 200, k % 200 + 1] if peer == 3333 else [300 + k % 50]
        if k % 7 == 0:
            out.append(record(1000 + k // 100, peer, update(withdrawn=group)))
        else:
            out.append(record(1000 + k // 100, peer, update(group, [peer, 5000 + k])))
    # Somebody else's prefix, and a path with a private AS: left out.
    out.append(record(1030, 3334, update([3], [3334, 6000])))
    out.append(record(1030, 3333, update([7], [3333, 64512])))
    out.append(record(1030, 3335, update([400], [3335])))
    return b"".join(out)


class Report(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vrs-lab-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as f:
                f.write(content)
        return path

    def vrslab(self, *words):
        return subprocess.run([f"{BUILD}/tools/vrslab/vrslab", *words], capture_output=True,
                              text=True, timeout=TIMEOUT_S, check=False)

    def compare(self, *words, targets="vrs"):
        run = self.vrslab("compare", "--targets", targets, "--repeats", "1", "--out",
                          self.path("out"), *words)
        got = {}
        for path in glob.glob(self.path("out/*.ndjson")):
            with open(path, encoding="utf-8") as f:
                got[os.path.basename(path)] = {r["event"]: r for r in map(json.loads, f)}
        return run, got

    def test_replay_of_a_capture(self):
        for words, least_s in ((("--warp", "x100"), 0.25), (("--warp", "max"), 0),
                               (("--rate", "6k"), 0.45)):
            with self.subTest(words):
                run, got = self.compare("--profile", "replay", "--mrt", self.path("c", capture()),
                                        "--peers", "2", *words, targets="vrs,bird")
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
                for records in got.values():
                    seen = records["capture"]
                    self.assertEqual(seen["peers"], 3)
                    self.assertEqual(seen["updates"], 3001)
                    self.assertEqual(seen["changes"], 2000 * 2 + 1000 + 1)
                    self.assertEqual(seen["left_out"], 2)
                    self.assertIn(f"of the capture, {seen['changes']} changes are replayed and 2 left out",
                                  run.stdout)
                    self.assertGreater(records["phase"]["changes_seen"], 0)
                    self.assertGreaterEqual(records["phase"]["seconds"], least_s)

    def test_replay_of_a_damaged_capture(self):
        whole = capture()
        cut = len(whole) - 40
        # In blocks of 100 kB, so that half of them are whole.
        packed = bz2.compress(whole, 1)
        senseless = struct.pack(">IHHI", 1031, 16, 4, 5) + bytes(5)
        for content, text in ((whole[:cut], "at offset"), (packed[:len(packed) // 2], "at offset"),
                              (whole + senseless, f"the first at offset {len(whole)}")):
            path = self.path("c", content)
            run, got = self.compare("--profile", "replay", "--mrt", path, "--warp", "max")
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            warning = got["vrs-1.ndjson"]["capture"]["warning"]
            self.assertIn(text, warning)
            # Said once, before the numbers, in each way.
            self.assertIn(f"the capture is damaged: {warning}", run.stdout)
            self.assertNotIn("vrs: vrslab run:", run.stdout)
            tables = self.vrslab("report", "--markdown", self.path("out")).stdout
            self.assertIn("- of the capture, ", tables)
            with open(self.path("out/report.html"), encoding="utf-8") as f:
                self.assertIn(html.escape(warning), f.read())
            run, _ = self.compare("--profile", "replay", "--mrt", path, "--warp", "max", "--strict")
            self.assertEqual(run.returncode, 1)
            self.assertIn(text, run.stdout)
            self.assertIn("refused", run.stdout)

    def test_replay_of_what_is_no_capture(self):
        for words, code, text in (
                (("--mrt", "/nonexistent"), 1, "No such file"),
                (("--mrt", self.path("c", capture()), "--senders", "4"), 1, "fewer than 4 announce"),
                ((), 2, "--mrt goes with"), (("--warp", "0"), 2, "must be a number from 1")):
            with self.subTest(words):
                run = self.vrslab("run", "--target", "10.0.0.4", "--local", "10.0.1.1", "--profile",
                                  "replay", "--wait", "1", *words)
                self.assertEqual(run.returncode, code, run.stderr)
                self.assertIn(text, run.stderr)

    @unittest.skipUnless(os.path.exists(CAPTURE), f"no capture: {CAPTURE} is absent (VRS_DATA_DIR)")
    def test_replay_of_a_real_capture(self):
        for warp in ("x1000", "max"):
            run, got = self.compare("--profile", "replay", "--mrt", CAPTURE, "--peers", "10",
                                    "--warp", warp)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            self.assertGreater(got["vrs-1.ndjson"]["phase"]["changes_seen"], 10000)

    def test_self(self):
        run = self.vrslab("self", "--prefixes", "20k", "--changes", "5k")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(len(run.stdout.splitlines()), 3)
        self.assertIn("tables, verified", run.stdout)
        self.assertEqual(self.vrslab("self", "--changes", "0").returncode, 2)

    def test_files_of_a_comparison(self):
        os.mkdir(self.path("out"))
        self.path("out/convergence-old.svg", b"of an earlier run")
        self.path("out/notes.svg", b"somebody's")
        run, _ = self.compare("--profile", "churn", "--prefixes", "5k", "--rate", "5k", "--seconds",
                              "1", targets="vrs,bird")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        with open(self.path("out/report.html"), encoding="utf-8") as f:
            page = f.read()
        for text in ("<td>bird<small>", "<td>vrs<small>", "BIRD version", "To repeat it", "p99 ms",
                     "Where the time goes in vrs,", "<td>churn: vrs-io decide</td>"):
            self.assertIn(text.replace("<small>", ""), page)
        # Self-contained: nothing is fetched.
        self.assertNotIn("src=\"http", page)
        self.assertNotIn("<script", page)
        for plot in ("percentiles", "convergence-load", "convergence-churn", "cpu", "memory"):
            self.assertIn("data:image/svg+xml;base64,", page)
            with open(self.path(f"out/{plot}.svg"), encoding="utf-8") as f:
                drawn = f.read()
            self.assertIn("vrs", drawn)
            self.assertIn("bird", drawn)
            with open(self.path(f"out/{plot}.png"), "rb") as f:
                self.assertEqual(f.read(8), b"\x89PNG\r\n\x1a\n")
        self.assertFalse(os.path.exists(self.path("out/convergence-old.svg")))
        self.assertTrue(os.path.exists(self.path("out/notes.svg")))
        with open(self.path("out/vrs-1-churn-received.hgrm"), encoding="utf-8") as f:
            self.assertIn("#[Mean", f.read())
        # Again, from what was kept.
        os.remove(self.path("out/report.html"))
        self.assertEqual(self.vrslab("report", self.path("out")).returncode, 0)
        self.assertTrue(os.path.exists(self.path("out/report.html")))
        with open(self.path("out/vrs-1.ndjson"), "a", encoding="utf-8") as f:
            f.write('{"event":"sam')
        self.assertEqual(self.vrslab("report", self.path("out")).returncode, 0)

    def test_a_folder_that_is_no_comparison(self):
        for content in (None, b"{}", b"[]", b'{"targets": {"vrs', b'{"targets": 7}', b"\xff"):
            self.path("summary.json", content)
            for words in ((), ("--markdown",)):
                with self.subTest(content):
                    run = self.vrslab("report", *words, self.folder)
                    self.assertEqual(run.returncode, 2)
                    self.assertIn("summary.json: ", run.stderr)
                    self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)

    def test_options_that_are_refused(self):
        for words, text in ((("--target-path", "/bin/true"), "must be NAME=PROGRAM"),
                            (("--target-path", "nobody=/bin/true"), 'no target "nobody"'),
                            (("--repeats", "nobody=2"), "must be a number"),
                            (("--targets", "bird", "--asn", "64511"), "the AS number of bird, 64512"),
                            (("--targets", "vrs", "--asn", "65515"), "the AS number of vrs, 65515")):
            with self.subTest(words):
                run = self.vrslab("compare", *words)
                self.assertEqual(run.returncode, 2, run.stdout)
                self.assertIn(text, run.stderr)
                self.assertEqual(run.stdout, "")

    def test_tables_as_markdown(self):
        run = self.vrslab("compare", "--targets", "vrs,bird", "--profile", "churn", "--prefixes", "1k",
                          "--rate", "1k", "--seconds", "1", "--repeats", "2", "--out",
                          self.path("out"))
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        text = self.vrslab("report", "--markdown", self.path("out")).stdout
        rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
        self.assertEqual([row[0].strip("| ") for row in rows],
                         ["target", "---", "vrs", "bird"] * 2 + ["stage", "---"]
                         + [f"{phase}: {of}" for phase in ("load", "churn") for of in (
                             "vrs-io decode", "vrs-io decide", "vrs-io send", "vrs-io turn",
                             "vrs-propagate queue", "vrs-propagate propagate", "vrs-propagate export")])
        for head, _, vrs, bird in (rows[:4], rows[4:8]):
            self.assertEqual(len({len(head), len(vrs), len(bird)}), 1)
            self.assertRegex(vrs[1], r"^[0-9.]+ \[[0-9.]+\.\.[0-9.]+\]$")
        self.assertRegex(rows[3][1], r" x[0-9.]+$")
        self.assertIn("own CPU s | foreign s | stolen s | lag p99 ms | heard % | overtaken % | packets",
                      text)
        self.assertRegex(text, r"(?m)^- load s: ")
        self.assertRegex(text, r"(?m)^- bird: BIRD version .*, (package of|built) .*20\d\d")
        self.assertIn("vrslab compare --targets vrs,bird", text)
        # The page says the same.
        with open(self.path("out/report.html"), encoding="utf-8") as f:
            page = f.read()
        for line in text.splitlines():
            if line.startswith("- load s: "):
                self.assertIn(html.escape(line[2:]), page)
        self.assertEqual(self.vrslab("report", "--markdown", self.folder).returncode, 2)

    @unittest.skipUnless(have_hdr_reader(), f"npm install --prefix {NODE} {HDR_READER} was not "
                         "done (tools/install-deps test does it where there is npm)")
    def test_histograms_in_another_reader(self):
        """An independent HdrHistogram reader reads what we said of the histograms."""
        run, _ = self.compare("--profile", "churn", "--prefixes", "1k", "--rate", "5k", "--seconds",
                              "1")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        script = self.path("read.js", READ_LOG.encode())
        read = subprocess.run(["node", script, self.path("out/vrs-1.hlog")], capture_output=True,
                              text=True, check=True, timeout=60,
                              env={**os.environ, "NODE_PATH": os.path.join(NODE, "node_modules")})
        got, told = json.loads(read.stdout), {}
        with open(self.path("out/vrs-1.ndjson"), encoding="utf-8") as f:
            for r in map(json.loads, f):
                if r["event"] == "histogram":
                    told[f"{r['phase']}-{r['measure']}"] = r
        self.assertEqual(set(got), set(told))
        for name, (n, p50, p99, most) in got.items():
            self.assertEqual(n, told[name]["n"])
            self.assertAlmostEqual(p50, told[name]["p50_ns"], delta=p50 / 1000 + 1)
            self.assertAlmostEqual(p99, told[name]["p99_ns"], delta=p99 / 1000 + 1)
            self.assertAlmostEqual(most, told[name]["max_ns"], delta=most / 500 + 1)

    def test_check_against_a_baseline(self):
        run, _ = self.compare("--profile", "load", "--prefixes", "2k")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        with open(self.path("out/summary.json"), encoding="utf-8") as f:
            now = json.load(f)

        def against(change):
            old = copy.deepcopy(now)
            change(old)
            path = self.path("old.json", json.dumps(old).encode())
            return self.vrslab("check", "--baseline", path, self.path("out"))

        def scale(by):
            def change(old):
                m = old["targets"]["vrs"]["medians"]["peak MB"]
                m.update({k: m[k] * by for k in ("median", "min", "max")})
            return change

        self.assertEqual(against(lambda old: None).returncode, 0)
        run = against(scale(0.5))
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stdout, r"vrs peak MB: .* worse\n")
        self.assertIn("better", against(scale(2)).stdout)
        run = against(lambda old: old["targets"].update(x=old["targets"]["vrs"]))
        self.assertEqual(run.returncode, 1)
        self.assertIn("no number", run.stdout)
        run = against(lambda old: old.update(profile="churn"))
        self.assertEqual(run.returncode, 2)
        self.assertIn("not the same work", run.stderr)
        run = against(lambda old: old.update(targets=7))
        self.assertEqual(run.returncode, 2)
        self.assertEqual(self.vrslab("check", "--baseline", "/nonexistent").returncode, 2)

    def test_an_interrupted_comparison_has_a_report(self):
        with subprocess.Popen(
                [f"{BUILD}/tools/vrslab/vrslab", "compare", "--targets", "vrs", "--profile", "churn",
                 "--prefixes", "1k", "--rate", "1k", "--seconds", "1", "--repeats", "500", "--out",
                 self.path("out")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                start_new_session=True) as run:
            end = time.monotonic() + 60
            while not os.path.exists(self.path("out/vrs-2.ndjson")) and time.monotonic() < end:
                time.sleep(0.05)
            os.killpg(run.pid, signal.SIGINT)
            out, _ = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130, out)
        with open(self.path("out/summary.json"), encoding="utf-8") as f:
            summary = json.load(f)
        self.assertTrue(summary["interrupted"])
        self.assertGreaterEqual(len(summary["targets"]["vrs"]["medians"]["load s"]["values"]), 1)
        with open(self.path("out/report.html"), encoding="utf-8") as f:
            self.assertIn("Interrupted", f.read())

    def test_a_folder_that_cannot_be_written(self):
        run = self.vrslab("compare", "--targets", "vrs", "--out", "/proc/none")
        self.assertEqual(run.returncode, 2)
        self.assertIn("--out /proc/none", run.stderr)
        self.assertEqual(run.stdout, "")


if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"], ["10.0.0.4", "10.0.1.1"]))
