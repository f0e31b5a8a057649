#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""vrslab compare with records made by hand: what may be said of two targets, and what the tables hold.

    python3 tests/tools/verdict_test.py

Prints one cmocka-like line for each test, so that tools/check counts them.
"""

import copy
import io
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools/vrslab/lab"))
import figures  # noqa: E402
import progress  # noqa: E402
import tables  # noqa: E402
import verdict  # noqa: E402

CORES = os.cpu_count()
TRAFFIC = {"sent_bytes": 1000000, "received_bytes": 2000000, "received_updates": 50,
           "received_announced": 90, "received_withdrawn": 10, "sent_segments": 7,
           "received_segments": 8}


def phase(name, seconds, **changes):
    """A phase of a run in which nothing was in the way."""
    out = {"event": "phase", "phase": name, "seconds": seconds, "traffic": TRAFFIC,
           "target_cpu_s": seconds / 2, "target_rss_bytes": 20e6, "target_peak_bytes": 30e6,
           "own_cpu_s": 0.2, "foreign_cpu_s": 0.01, "stolen_cpu_s": 0.0,
           "generator": {"sender_cpu_s": 0.1, "receiver_cpu_s": 0.1, "blocked_s": 0.0,
                         "lag_p99_ns": 1000}}
    generator = {**out["generator"], **changes.pop("generator", {})}
    return {**out, **changes, "generator": generator}


def histogram(name, measure, ms):
    return {"event": "histogram", "phase": name, "measure": measure, "p50_ns": ms * 1e6,
            "p99_ns": 2 * ms * 1e6, "max_ns": 3 * ms * 1e6}


def summary(**runs):
    """Of targets: a list of runs each, of records each."""
    results = {}
    for name, of in runs.items():
        results[name] = figures.Runs("version 1", "built today", "set up")
        for got in of:
            results[name].add(got)
    columns = figures.columns_of(results)
    return {"columns": columns, "repeats": max(map(len, runs.values())), "skipped": [],
            "interrupted": False, "command": ["vrslab", "compare"], "date": "today",
            "machine": {"CPU": "One"}, "vrslab": "vrslab 0",
            "targets": {n: r.summary(columns) for n, r in results.items()}}


def loads(*seconds, **changes):
    return [[phase("load", s, **changes)] for s in seconds]


def churns(*ms, **changes):
    return [[phase("load", 1.0), histogram("churn", "received", m), histogram("churn", "lag", 0.001),
             phase("churn", 2.0, **changes)] for m in ms]


def said(of, column):
    return [line for line in verdict.lines(of) if line.startswith(column + ":")]


class Verdict(unittest.TestCase):
    def test_the_faster_one_is_named_first_in_either_direction(self):
        slow, fast = loads(1.6, 1.61, 1.7), loads(0.7, 0.714, 0.75)
        want = ["load s: vrs 2.25 times faster than bird (0.714 to 1.61)"]
        self.assertEqual(said(summary(vrs=fast, bird=slow), "load s"), want)
        self.assertEqual(said(summary(bird=slow, vrs=fast), "load s"), want)

    def test_only_the_first_is_compared(self):
        of = summary(vrs=loads(1, 1), bird=loads(2, 2), frr=loads(4, 4))
        self.assertEqual(said(of, "load s"), ["load s: vrs 2.00 times faster than bird (1.00 to 2.00)",
                                              "load s: vrs 4.00 times faster than frr (1.00 to 4.00)"])

    def test_every_measure_has_its_word(self):
        a, b = churns(1, 1), churns(4, 4)
        for got in b:
            got[-1].update(target_peak_bytes=60e6, seconds=4.0, target_cpu_s=9.0)
        of = summary(vrs=a, bird=b)
        for column, text in (("churn s", "2.00 times faster"), ("p50 ms", "4.00 times faster"),
                             ("p99 ms", "4.00 times faster"), ("peak MB", "2.00 times smaller"),
                             ("CPU s", "6.33 times lower")):
            self.assertIn(f"{column}: vrs {text} than bird", said(of, column)[0])
        for column in ("max ms", *figures.CONDITIONS):
            self.assertEqual(said(of, column), [])

    def test_ranges_that_overlap_say_nothing(self):
        for other in ((1.3, 2.0), (0.5, 3.0), (1.1, 1.2)):
            with self.subTest(other):
                got = said(summary(vrs=loads(1.0, 1.3), bird=loads(*other)), "load s")
                self.assertEqual(got, ["load s: nothing can be said of vrs and bird: "
                                       "their ranges overlap"])
        self.assertIn("faster", said(summary(vrs=loads(1, 1.3), bird=loads(1.31, 2)), "load s")[0])

    def test_a_schedule_is_no_difference(self):
        got = said(summary(vrs=loads(2.01, 2.02), bird=loads(2.0, 2.0)), "load s")
        self.assertEqual(got, ["load s: nothing can be said of vrs and bird: "
                               "they differ by less than 5 %"])

    def test_one_repeat_says_so_once(self):
        self.assertEqual(verdict.lines(summary(vrs=loads(1), bird=loads(2), frr=loads(3))),
                         [verdict.ONE_REPEAT])
        # Interrupted in the second round.
        of = summary(vrs=loads(1, 1), bird=loads(2))
        self.assertIn("one run has no spread", said(of, "load s")[0])

    def test_a_generator_at_its_limit_refuses_its_phase(self):
        for busy in ({"sender_cpu_s": 1.95}, {"receiver_cpu_s": 1.95}):
            slow = churns(4, 4)
            slow[1][-1]["generator"].update(busy)
            # For one of the two, in one run.
            for pair in ({"vrs": churns(1, 1), "bird": slow}, {"bird": slow, "vrs": churns(1, 1)}):
                of = summary(**pair)
                first, other = pair
                for column in ("churn s", "CPU s", "p99 ms"):
                    self.assertEqual(said(of, column), [
                        f"{column}: nothing can be said of {first} and {other}: "
                        "our generator was the limit"])
                self.assertIn("overlap", said(of, "load s")[0])
        waiting = loads(2, 2, generator={"sender_cpu_s": 1.95, "blocked_s": 1.9})
        self.assertIn("faster", said(summary(vrs=loads(1, 1), bird=waiting), "load s")[0])

    def test_what_else_ran_refuses(self):
        for key in ("foreign_cpu_s", "stolen_cpu_s"):
            for share, word in ((0.08, "faster"), (0.11, "took 10 % of the machine or more")):
                noisy = loads(2, 2)
                noisy[0][0][key] = share * 2 * CORES
                self.assertIn(word, said(summary(vrs=loads(1, 1), bird=noisy), "load s")[0])
        of = summary(vrs=loads(0.004, 0.004), bird=loads(2, 2))
        self.assertIn("too short to see what else ran", said(of, "load s")[0])

    def test_what_all_phases_made_is_judged_over_all_of_them(self):
        """A short first phase does not spoil the CPU time of the whole run."""
        fast, slow = churns(1, 1), churns(1, 1)
        for a, b in zip(fast, slow):
            a[0]["seconds"] = b[0]["seconds"] = 0.004
            b[-1]["target_cpu_s"] = 8.0
        of = summary(vrs=fast, bird=slow)
        self.assertIn("too short", said(of, "load MB")[0])
        self.assertIn("lower", said(of, "CPU s")[0])
        for got in slow:
            got[-1]["foreign_cpu_s"] = CORES
        self.assertIn("other programs", said(summary(vrs=fast, bird=slow), "CPU s")[0])

    def test_a_late_sender_refuses_latencies_only(self):
        for lag_ms, word in ((0.6, "faster"), (0.7, "our sender's own lag")):
            of = summary(vrs=churns(1, 1, generator={"lag_p99_ns": lag_ms * 1e6}), bird=churns(9, 9))
            for column in ("p50 ms", "p99 ms"):
                self.assertIn(word, said(of, column)[0])
            self.assertIn("overlap", said(of, "churn s")[0])

    def test_a_few_ticks_of_cpu_are_no_measure(self):
        of = summary(vrs=loads(1, 1, target_cpu_s=0.01), bird=loads(1, 1, target_cpu_s=5))
        self.assertIn("too little to be measured", said(of, "CPU s")[0])
        of = summary(vrs=loads(1, 1, target_cpu_s=0), bird=loads(1, 1, target_cpu_s=0))
        self.assertIn("too little", said(of, "CPU s")[0])

    def test_one_reason_is_one_line(self):
        of = summary(vrs=loads(1, 1), bird=loads(1, 1), frr=loads(1, 2), gobgp=loads(3, 3))
        self.assertEqual(said(of, "load s"), [
            "load s: vrs 3.00 times faster than gobgp (1.00 to 3.00)",
            "load s: nothing can be said of vrs and each of bird, frr: their ranges overlap"])

    def test_without_two_numbers_nothing_is_said(self):
        wrong = summary(vrs=loads(1, 1), bird=loads(2, 2))
        wrong["targets"]["bird"]["medians"] = {}
        self.assertEqual(verdict.lines(wrong), [])
        self.assertEqual(verdict.lines(summary(vrs=loads(1, 1))), [])
        self.assertEqual(verdict.lines(summary(vrs=[], bird=[])), [])
        old = summary(vrs=loads(1, 1), bird=loads(2, 2))
        for t in old["targets"].values():
            del t["phases"]
        self.assertEqual(verdict.lines(old), [])

    def test_the_first_is_the_first_with_numbers(self):
        of = summary(vrs=[], bird=loads(1, 1), frr=loads(2, 2))
        self.assertEqual(said(of, "load s"), ["load s: bird 2.00 times faster than frr (1.00 to 2.00)"])


class Tables(unittest.TestCase):
    def setUp(self):
        watched = churns(1, 1.5)
        for got in watched:
            got.insert(1, histogram("churn", "effective", 5))
        self.summary = summary(vrs=watched, bird=churns(4, 6))

    def test_figures_and_conditions_of_a_run(self):
        got = figures.figures(churns(1)[0])
        self.assertEqual(got["CPU s"], 1.5)
        self.assertEqual(got["own CPU s"], 0.4)
        self.assertEqual(got["lag p99 ms"], 0.002)
        self.assertEqual(got["MB sent + received"], 3)
        self.assertEqual(got["packets"], 15)
        self.assertEqual(got["updates/prefix"], 0.5)
        self.assertEqual(figures.figures([]), {})

    def test_rows_are_the_same_in_three_ways(self):
        t = tables.costs(self.summary)
        self.assertNotIn("packets", t.head)
        for line in (tables.text(t), tables.markdown(t)):
            self.assertIn("5.00 [4.00..6.00] x4.00", line)
        self.assertIn("<td>5.00 x4.00<small>4.00..6.00</small></td>", tables.page(t))
        rows = tables.markdown(t).splitlines()
        self.assertEqual(len({row.count("|") for row in rows[:4]}), 1)

    def test_effective_is_of_vrs_only(self):
        t = tables.costs(self.summary)
        at = t.head.index("effective p50 ms")
        self.assertEqual([cells[at].value for _, cells in t.rows], ["5.00", "-"])
        self.assertIn("vrs only: through its watch stream", t.note)
        self.assertNotIn("watch stream", tables.costs(summary(bird=churns(1))).note)

    def test_conditions_have_no_ratio(self):
        t = tables.conditions(self.summary)
        self.assertEqual(t.head, list(figures.CONDITIONS))
        self.assertEqual({c.ratio for _, cells in t.rows for c in cells}, {""})

    def test_no_ratio_where_the_generator_was_the_limit(self):
        for busy in ("vrs", "bird"):
            of = copy.deepcopy(self.summary)
            of["targets"][busy]["busy"] = ["churn"]
            self.assertEqual({c.ratio for _, cells in tables.costs(of).rows for c in cells}, {""})
            self.assertIn("our generator was the limit in churn", tables.remarks(of)[0])

    def test_a_run_that_was_wrong_leaves_no_number(self):
        runs = figures.Runs("", "", "", wrong=["timeout"])
        runs.add(loads(1)[0])
        self.assertEqual(runs.summary(["load s"])["medians"], {})


class Screen(io.StringIO):
    def isatty(self):
        return True


class Live(unittest.TestCase):
    def test_redrawn_at_most_ten_times_a_second(self):
        out = Screen()
        with progress.Progress(out).begin("run 1 of 1: bird") as line:
            for i in range(1000):
                line.take({"event": "sample", "phase": "load", "right": i / 1000})
        self.assertLessEqual(out.getvalue().count("load"), 10)
        self.assertTrue(out.getvalue().startswith("\rrun 1 of 1: bird\033[K\rrun 1 of 1: bird load 0 %"))
        self.assertTrue(out.getvalue().endswith("\r\033[K"))


class Result(unittest.TextTestResult):
    def addSuccess(self, test):
        super().addSuccess(test)
        print(f"[       OK ] {test._testMethodName}")  # pylint: disable=protected-access

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(f"[  FAILED  ] {test._testMethodName}")  # pylint: disable=protected-access

    addError = addFailure


if __name__ == "__main__":
    unittest.main(testRunner=unittest.TextTestRunner(resultclass=Result))
