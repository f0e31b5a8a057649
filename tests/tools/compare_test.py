#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""bench/compare with reports made by hand: what counts as a change, and what it refuses.

    python3 tests/tools/compare_test.py

Prints one cmocka-like line for each test, so that tools/check counts them.
"""

import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest

import counted

COMPARE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/compare")
CONTEXT = {"cpu": "One", "num_cpus": 2, "buildtype": "release"}


def report(context=None, **times):
    """Google Benchmark's JSON: a list of CPU times in ns for each name, and its aggregates."""
    rows = []
    for name, values in times.items():
        for i, t in enumerate(values):
            rows.append({"name": name, "run_name": name, "run_type": "iteration",
                         "repetition_index": i, "real_time": 2 * t, "cpu_time": t,
                         "time_unit": "ns", "items_per_second": 1e9 / t})
        rows.append({"name": name + "_median", "run_name": name, "run_type": "aggregate",
                     "cpu_time": 7, "time_unit": "ns"})
    return {"context": {**CONTEXT, **(context or {})}, "benchmarks": rows}


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vrs-compare-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, what):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(what if isinstance(what, str) else json.dumps(what))
        return path

    def compare(self, *words):
        return subprocess.run([sys.executable, COMPARE, *words], capture_output=True, text=True,
                              timeout=60, check=False)

    def two(self, before, after, *words):
        return self.compare(self.write("a", before), self.write("b", after), *words)

    def line(self, run, name):
        self.assertEqual(run.returncode in (0, 1), True, run.stderr)
        return next(text for text in run.stdout.splitlines() if text.startswith(name)).split()

    def refused(self, run, why):
        self.assertEqual(run.returncode, 2, run.stdout)
        self.assertIn(why, run.stderr)
        self.assertNotIn("Traceback", run.stderr)

    def test_medians_ratio_and_spread(self):
        run = self.two(report(find=[98, 99, 100, 101, 102]), report(find=[49, 50, 50, 50, 90]))
        self.assertEqual(self.line(run, "find"), ["find", "100", "ns", "2.0", "%", "50", "ns",
                                                  "0.0", "%", "0.50", "10.0", "%", "faster"])
        self.assertEqual(run.returncode, 0)

    def test_slower_fails_only_with_check(self):
        pair = report(find=[100] * 3), report(find=[120] * 3)
        self.assertEqual(self.line(self.two(*pair), "find")[-1], "slower")
        self.assertEqual(self.two(*pair).returncode, 0)
        self.assertEqual(self.two(*pair, "--check").returncode, 1)
        self.assertEqual(self.two(*pair, "--check", "--noise", "25").returncode, 0)

    def test_inside_the_band_nothing_is_marked(self):
        run = self.two(report(find=[100] * 3), report(find=[109] * 3), "--check")
        self.assertEqual(self.line(run, "find")[-1], "%")
        self.assertEqual(run.returncode, 0)

    def test_wide_spreads_widen_the_band(self):
        run = self.two(report(find=[80, 100, 120]), report(find=[100, 120, 140]), "--check")
        self.assertEqual(self.line(run, "find")[-2:], ["36.7", "%"])
        self.assertEqual(run.returncode, 0)

    def test_units_are_converted(self):
        after = report(find=[1.5] * 3)
        for row in after["benchmarks"]:
            row["time_unit"] = "us"
        self.assertIn("1.5 us", self.two(report(find=[1500] * 3), after).stdout)

    def test_what_only_one_has_is_named(self):
        run = self.two(report(find=[1] * 3, old=[1] * 3), report(find=[1] * 3, new=[1] * 3))
        self.assertIn("only before: old", run.stdout)
        self.assertIn("only after: new", run.stdout)

    def test_another_machine_is_told(self):
        run = self.two(report(find=[1] * 3), report({"cpu": "Two"}, find=[1] * 3))
        self.assertIn("cpu differs: One, then Two", run.stderr)

    def test_a_failed_benchmark_has_no_number(self):
        before = report(find=[1] * 3, bad=[1] * 3)
        before["benchmarks"].append({"name": "bad", "run_name": "bad", "error_occurred": True,
                                     "error_message": "wrong", "run_type": "iteration"})
        run = self.two(before, report(find=[1] * 3, bad=[1] * 3))
        self.assertIn("bad: wrong", run.stderr)
        self.assertIn("only after: bad", run.stdout)

    def test_bad_input_is_refused(self):
        good = self.write("good", report(find=[1] * 3))
        for name, what, why in [("text", "no", "no JSON"), ("list", "[]", "no report"),
                                ("empty", "{}", "no report"),
                                ("row", '{"benchmarks": [{}]}', "no report"),
                                ("none", report(), "in common"),
                                ("other", report(other=[1] * 3), "in common"),
                                ("zero", {**report(), "benchmarks": [
                                    {"name": "find", "cpu_time": 0}]}, "no time"),
                                ("base", {"format": "vrs-bench-baseline-1"}, "no report"),
                                ("smoke", report({"max_prefixes": "9"}, find=[1] * 3), "smoke")]:
            with self.subTest(name):
                self.refused(self.compare(self.write(name, what), good), why)
                self.refused(self.compare(good, os.path.join(self.folder, name)), why)
        self.refused(self.compare(good, self.folder + "/missing"), "No such file")

    def test_bad_arguments_are_refused(self):
        for words in [[], ["one"], ["--run", "x", "a", "b"], ["a", "b", "--save"],
                      ["--run", "x", "--save", "--filter", "find"]]:
            with self.subTest(words):
                self.refused(self.compare(*words), "usage")
        self.refused(self.compare("--run", self.folder), "not there")

    def program(self, what):
        """A build directory whose vrs-bench writes a report."""
        os.makedirs(f"{self.folder}/bench", exist_ok=True)
        path = self.write("bench/vrs-bench", f"""#!{sys.executable}
import sys
out = [w for w in sys.argv if w.startswith("--benchmark_out=")][0].split("=", 1)[1]
open(out, "w").write({json.dumps(what)!r})
""")
        os.chmod(path, stat.S_IRWXU)

    def test_a_run_is_saved_and_compared(self):
        baseline = f"{self.folder}/base.json"
        self.program(report({"date": "today", "host_name": "secret"}, find=[100, 101, 102]))
        run = self.compare("--run", self.folder, "--baseline", baseline, "--save")
        self.assertEqual(run.returncode, 0, run.stderr)
        with open(baseline, encoding="utf-8") as f:
            saved = json.load(f)
        self.assertEqual(saved["benchmarks"]["find"]["median_ns"], 101)
        self.assertEqual(saved["benchmarks"]["find"]["n"], 6)
        self.assertNotIn("host_name", saved["context"])
        self.program(report(find=[200] * 3))
        run = self.compare("--run", self.folder, "--baseline", baseline, "--check")
        self.assertEqual(self.line(run, "find")[-1], "slower")
        self.assertEqual(run.returncode, 1)

    def test_a_run_without_a_report_is_refused(self):
        self.program(report(find=[1] * 3))
        self.write("bench/vrs-bench", "#!/bin/sh\necho broken >&2\nexit 3\n")
        self.refused(self.compare("--run", self.folder), "exit 3: broken")


if __name__ == "__main__":
    counted.main()
