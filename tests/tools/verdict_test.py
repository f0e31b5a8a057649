#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""vrslab compare with records made by hand: what may be said of two targets, and what the tables hold.

    python3 tests/tools/verdict_test.py

Prints one cmocka-like line for each test, so that tools/check counts them.
"""

import contextlib
import copy
import importlib.machinery
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import types
import unittest
from unittest import mock

import counted

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools/vrslab/lab"))
import check  # noqa: E402
import compare  # noqa: E402
import figures  # noqa: E402
import onerun  # noqa: E402
import progress  # noqa: E402
import report  # noqa: E402
import tables  # noqa: E402
import targets  # noqa: E402
import verdict  # noqa: E402

CORES = os.cpu_count()
TRAFFIC = {"sent_bytes": 1000000, "received_bytes": 2000000, "received_updates": 50,
           "received_announced": 90, "received_withdrawn": 10, "sent_segments": 7,
           "received_segments": 8}


def phase(name, seconds, **changes):
    """A phase of a run in which nothing was in the way."""
    out = {"event": "phase", "phase": name, "seconds": seconds, "lasted_s": seconds, "traffic": TRAFFIC,
           "changes": 0, "changes_seen": 0, "listeners_heard": 1,
           "target_cpu_s": seconds / 2, "target_rss_bytes": 20e6, "target_peak_bytes": 30e6,
           "own_cpu_s": 0.2, "foreign_cpu_s": 0.01, "stolen_cpu_s": 0.0,
           "generator": {"sender_cpu_s": 0.1, "receiver_cpu_s": 0.1, "watcher_cpu_s": 0.0,
                         "sender_wait_s": 0.0, "receiver_wait_s": 0.0, "watcher_wait_s": 0.0,
                         "blocked_s": 0.0, "lag_p50_ns": 500, "lag_p99_ns": 1000}}
    generator = {**out["generator"], **changes.pop("generator", {})}
    return {**out, **changes, "generator": generator}


def histogram(name, measure, ms):
    return {"event": "histogram", "phase": name, "measure": measure, "n": 200,
            "overtaken": 50, "p50_ns": ms * 1e6, "p99_ns": 2 * ms * 1e6, "max_ns": 3 * ms * 1e6}


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
    changes = {"changes": 100, "changes_seen": 200, "listeners_heard": 2, **changes}
    return [[phase("load", 1.0), histogram("churn", "received", m), histogram("churn", "lag", 0.001),
             phase("churn", 2.0, **changes)] for m in ms]


CAPTURE = {"event": "capture", "file": "c", "warning": "", "left_out": 4, "updates": 9, "changes": 11}


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
            got[-1].update(target_peak_bytes=60e6, seconds=4.0, lasted_s=4.0, target_cpu_s=9.0)
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
        for busy in ({"sender_cpu_s": 1.95}, {"receiver_cpu_s": 1.95}, {"watcher_cpu_s": 1.95}):
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

    def test_a_thread_that_waits_for_a_cpu_is_at_its_limit(self):
        for generator, settled, word in (
                ({"sender_cpu_s": 0.2, "sender_wait_s": 1.7}, 0, "our generator was the limit"),
                ({"receiver_cpu_s": 1.0, "receiver_wait_s": 0.95}, 0, "our generator was the limit"),
                # Two threads' times are not one's; to be blocked is not to be busy.
                ({"sender_cpu_s": 1.0, "receiver_wait_s": 0.95}, 0, "faster"),
                ({"sender_cpu_s": 0.1, "blocked_s": 1.9}, 0, "faster"),
                ({"sender_cpu_s": 1.95, "blocked_s": 1.9}, 0, "our generator was the limit"),
                # Of all the time that the figures are of.
                ({"receiver_cpu_s": 1.95}, 1, "faster")):
            with self.subTest(generator):
                slow = loads(2, 2, generator=generator, lasted_s=2.0 + settled)
                self.assertIn(word, said(summary(vrs=loads(1, 1), bird=slow), "load s")[0])

    def test_what_else_ran_refuses(self):
        for key in ("foreign_cpu_s", "stolen_cpu_s"):
            for share, word in ((0.08, "faster"), (0.11, "took 10 % of the machine or more")):
                noisy = loads(2, 2)
                noisy[0][0][key] = share * 2 * CORES
                self.assertIn(word, said(summary(vrs=loads(1, 1), bird=noisy), "load s")[0])
        of = summary(vrs=loads(0.004, 0.004), bird=loads(2, 2))
        self.assertIn("too short to see what else ran", said(of, "load s")[0])
        # What settling took is in the figures, so it is in the capacity.
        settled = loads(2, 2, foreign_cpu_s=0.11 * 2 * CORES, lasted_s=4.0)
        self.assertIn("faster", said(summary(vrs=loads(1, 1), bird=settled), "load s")[0])

    def test_what_all_phases_made_is_judged_over_all_of_them(self):
        """A short first phase does not spoil the CPU time of the whole run."""
        fast, slow = churns(1, 1), churns(1, 1)
        for a, b in zip(fast, slow):
            a[0]["lasted_s"] = b[0]["lasted_s"] = 0.004
            b[-1]["target_cpu_s"] = 8.0
        of = summary(vrs=fast, bird=slow)
        self.assertIn("too short", said(of, "load MB")[0])
        self.assertIn("lower", said(of, "CPU s")[0])
        for got in slow:
            got[-1]["foreign_cpu_s"] = CORES
        self.assertIn("other programs", said(summary(vrs=fast, bird=slow), "CPU s")[0])

    def test_a_late_sender_refuses_latencies_only(self):
        late = "our sender's own lag was more than a third of the"
        for p50_ms, p99_ms, of_p50, of_p99 in ((0.3, 0.6, "faster", "faster"),
                                               (0.3, 0.7, "faster", late + " p99"),
                                               (0.4, 0.6, late + " p50", "faster")):
            lag = {"lag_p50_ns": p50_ms * 1e6, "lag_p99_ns": p99_ms * 1e6}
            of = summary(vrs=churns(1, 1, generator=lag), bird=churns(9, 9))
            self.assertIn(of_p50, said(of, "p50 ms")[0])
            self.assertIn(of_p99, said(of, "p99 ms")[0])
            self.assertIn("overlap", said(of, "churn s")[0])

    def test_changes_never_heard_of_refuse_latencies_only(self):
        for seen, word in ((190, "faster"), (189, "some changes were never heard of")):
            few = churns(9, 9)
            few[1][-1].update(changes_seen=seen, seconds=4.0)
            few[0][-1].update(seconds=4.0)
            for pair in ({"vrs": churns(1, 1), "bird": few}, {"bird": few, "vrs": churns(1, 1)}):
                of = summary(**pair)
                for column in ("p50 ms", "p99 ms"):
                    self.assertIn(word, said(of, column)[0])
                self.assertIn("faster", said(of, "churn s")[0])

    def test_an_old_summary_without_what_latencies_ran_in_says_nothing_of_them(self):
        of = summary(vrs=churns(1, 1), bird=churns(9, 9))
        for t in of["targets"].values():
            t["phases"]["churn"] = {"busy": False, "short": False, "others": 0, "lag": 0}
        self.assertIn("it is not known", said(of, "p99 ms")[0])

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
        self.assertEqual(got["heard %"], 100)
        self.assertEqual(got["overtaken %"], 25)
        self.assertEqual(figures.figures([]), {})
        for column in ("heard %", "overtaken %"):
            self.assertNotIn(column, figures.figures(loads(1)[0]))

    def test_rows_are_the_same_in_three_ways(self):
        t = tables.costs(self.summary)
        self.assertNotIn("packets", t.head)
        for line in (tables.text(t), tables.markdown(t)):
            self.assertIn("5.00 [4.00..6.00] x4.00", line)
        self.assertIn("<td>5.00 x4.00<small>4.00..6.00</small></td>", tables.page(t))
        rows = tables.markdown(t).splitlines()
        self.assertEqual(len({row.count("|") for row in rows[:4]}), 1)

    def test_stages_are_medians_of_the_runs_that_have_them(self):
        def stages(ms, **more):
            return {"event": "stages", "phase": "churn", "stages": [
                {"thread": "io", "stage": "queue", "count": 10, "total_ms": ms, "p50_us": ms,
                 "p99_us": 2 * ms, "max_us": 3 * ms},
                {"thread": "io", "stage": "decide", "count": 10, "total_ms": 10 * ms, "p50_us": ms,
                 "p99_us": 2 * ms, "max_us": 3 * ms}], **more}
        watched = churns(1, 2, 3)
        for i, ms in ((0, 4), (1, 8)):
            watched[i].insert(1, stages(ms))
        t = tables.stages(summary(vrs=watched, bird=churns(4, 6)))
        self.assertEqual(len(t), 1)
        rows = dict((name, [c.value for c in cells]) for name, cells in t[0].rows)
        # 60 ms of the phase's 2 s are 3 %; nobody works while a change waits.
        self.assertEqual(rows["churn: io decide"], ["10", "60.00", "3.00", "6.00", "12.00", "18.00"])
        self.assertEqual(rows["churn: io queue"][2], "-")
        self.assertIn("| stage | times |", tables.markdown(t[0]))
        self.assertEqual(tables.stages(self.summary), [])
        old = summary(vrs=churns(1))
        del old["targets"]["vrs"]["stages"]  # Of an earlier version.
        self.assertEqual(tables.stages(old), [])

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


    def test_a_capture_is_said_once_and_a_warning_of_a_good_run_is_kept(self):
        runs = [[CAPTURE, *got] for got in loads(1, 1)]
        of = summary(vrs=runs, bird=runs)
        self.assertEqual(tables.remarks(of), [
            "of the capture, 11 changes are replayed and 4 left out (reserved prefixes, private AS "
            "numbers, well-known communities, other senders' prefixes)"])
        bird = figures.Runs("", "", "")
        for got in ([{**CAPTURE, "warning": "c: torn at offset 7"}, *loads(1)[0]],) * 2:
            bird.add(got, "vrslab run: c: torn at offset 7; the whole records are used\nvrslab run: odd")
        of["targets"]["bird"] = bird.summary(["load s"])
        got = tables.remarks(of)
        self.assertIn("the capture is damaged: c: torn at offset 7", got)
        self.assertEqual([line for line in got if line.startswith("bird")], ["bird: vrslab run: odd"])
        self.assertEqual(len(got), 3)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vrs-verdict-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        return path


def quiet():
    return contextlib.redirect_stdout(io.StringIO())


class Compare(Folder):
    def options(self, **more):
        return types.SimpleNamespace(**{"repeats": {None: 1}, "profile": "load", "run": [], "version": "0",
                                        "targets": ["vrs"], "paths": {}, "family": 4, "bad_wire": None,
                                        "out": None, **more})

    def test_repeats(self):
        self.assertEqual(compare.repeats("5"), {None: 5})
        self.assertEqual(compare.repeats("gobgp=1"), {None: 3, "gobgp": 1})
        self.assertEqual(compare.repeats("4,gobgp=1,frr=2"), {None: 4, "gobgp": 1, "frr": 2})
        for text in ("", "0", "-1", "x", "1.5", "3,", "gobgp=", "gobgp=0", "nobody=1", "=1", "gobgp=1=2"):
            with self.subTest(text), self.assertRaises(compare.argparse.ArgumentTypeError):
                compare.repeats(text)

    def test_a_target_path_names_a_target_and_a_program(self):
        self.assertEqual(compare.arguments(["--target-path", "bird=/x=y"]).paths, {"bird": "/x=y"})
        for text, why in (("/x", "must be NAME=PROGRAM"), ("bird=", "must be NAME=PROGRAM"),
                          ("nobody=/x", 'there is no target "nobody"')):
            said_of_it = io.StringIO()
            with self.subTest(text), contextlib.redirect_stderr(said_of_it), \
                    self.assertRaises(SystemExit) as left:
                compare.arguments(["--target-path", text])
            self.assertEqual(left.exception.code, 2)
            self.assertIn(why, said_of_it.getvalue())

    def test_as_numbers_never_meet(self):
        first = int(onerun.first_words(4)[-1])
        peers = [{"asn": first + i} for i in range(1000)]
        self.assertIsNone(compare.met_asn(peers, list(targets.TARGETS)))
        self.assertIn("of bird, 64512", compare.met_asn([{"asn": 64511}, {"asn": 64512}], ["vrs", "bird"]))
        self.assertIsNone(compare.met_asn([{"asn": 64512}], ["vrs"]))
        self.assertIn("of vrs, 65515", compare.met_asn([{"asn": 65515}], ["bird", "vrs"]))

    def test_an_exception_of_a_run_is_its_text(self):
        results = {n: figures.Runs("", "", "") for n in ("vrs", "bird", "frr")}
        kept, errors = [], {"bird": subprocess.TimeoutExpired("bird", 20), "frr": OSError(28, "No space")}

        def measure(name, *_):
            if name in errors:
                raise errors[name]
            return loads(1)[0], None, "a warning"

        with mock.patch.object(onerun, "measure", measure), contextlib.redirect_stderr(io.StringIO()):
            self.assertFalse(compare.run_all(self.options(repeats={None: 2}), [], results,
                                             lambda: kept.append(1)))
        self.assertEqual(len(kept), 6)
        self.assertEqual((len(results["vrs"].figures), results["vrs"].said), (2, ["a warning"]))
        self.assertIn("TimeoutExpired", results["bird"].wrong[0])
        self.assertIn("No space", results["frr"].wrong[1])

    def test_records_that_lack_something_are_that_runs_fault(self):
        runs = figures.Runs("", "", "")
        got = loads(1)[0]
        del got[0]["lasted_s"]
        with mock.patch.object(onerun, "measure", lambda *_: (got, None, "")):
            compare.one_run("vrs", self.options(), [], 1, runs, None)
        self.assertIn("KeyError: 'lasted_s'", runs.wrong[0])
        self.assertEqual(runs.summary(["load s"])["medians"], {})

    def test_a_summary_is_kept_after_every_run(self):
        o, results = self.options(out=self.folder), {"vrs": figures.Runs("", "", "")}
        results["vrs"].add(loads(1)[0])
        for interrupted in (True, False):
            self.assertTrue(compare.write_summary(compare.summarize(results, o, [], interrupted), o.out))
            self.assertEqual(report.load_summary(self.folder)["interrupted"], interrupted)
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertFalse(compare.write_summary({}, self.path("none")))

    def test_a_target_that_cannot_say_its_version_is_skipped(self):
        late = subprocess.TimeoutExpired(["bird", "--version"], 20)
        for method, error in (("version", late), ("date", FileNotFoundError(2, "No dpkg-query")),
                              ("date", late)):
            with self.subTest(error), mock.patch.object(targets.Bird, method, side_effect=error), quiet():
                results, skipped = compare.find_targets(
                    self.options(targets=["bird"], paths={"bird": "/bin/true"}), [])
            self.assertEqual((results, len(skipped)), ({}, 1))
            self.assertIn("skipped bird: ", skipped[0])
            self.assertIn(str(error), skipped[0])

    def test_children_are_found(self):
        # A name with a bracket and a space.
        shell = self.path("a) b")
        os.symlink("/bin/sh", shell)
        with subprocess.Popen([shell, "-c", "sleep 60 & sleep 60; true"]) as parent:
            found, end = [], time.monotonic() + 10
            while len(found) < 2 and time.monotonic() < end:
                found = targets.children(parent.pid)
            grand = targets.children(os.getpid())
            for pid in (parent.pid, *found):
                os.kill(pid, 9)
        self.assertEqual(len(found), 2)
        self.assertIn(parent.pid, grand)


class Check(unittest.TestCase):
    def test_the_band_is_the_baselines(self):
        old, noisy = {"median": 1, "min": 0.9, "max": 1.1}, {"median": 1.5, "min": 1, "max": 3}
        self.assertEqual(check.judge(old, noisy, 0.1)[0], "worse")
        self.assertEqual(check.judge(noisy, old, 0.1)[0], "")
        self.assertEqual(check.judge(old, noisy, 0.6)[0], "")

    def test_another_machine_or_version_is_said(self):
        old = summary(vrs=loads(1), bird=loads(1))
        self.assertEqual(check.differences(old, old), [])
        new = copy.deepcopy(old)
        new["machine"]["CPU"] = "Two"
        new["targets"]["bird"]["version"] = "version 2"
        del new["targets"]["vrs"]
        self.assertEqual(check.differences(old, new), [
            "not the same machine: One -> Two", "not the same version of bird: version 1 -> version 2"])


class Kept(Folder):
    def test_what_is_no_summary_is_said(self):
        whole = json.dumps({**summary(vrs=loads(1)), "profile": "load"})
        for text in ("{}", "[]", "7", "", whole[:len(whole) // 2],
                     json.dumps({**json.loads(whole), "targets": []}),
                     json.dumps({**json.loads(whole), "targets": {"vrs": {}}})):
            self.path("summary.json", text)
            with self.subTest(text[:20]), self.assertRaises(report.Missing) as e:
                report.Results(self.folder)
            self.assertIn("summary.json: ", str(e.exception))
        self.path("summary.json", whole)
        self.assertEqual(report.Results(self.folder).names, ["vrs"])

    def test_a_torn_last_line_is_none(self):
        line = json.dumps({"event": "result", "verdict": "right"})
        self.path("summary.json", json.dumps({**summary(vrs=loads(1)), "profile": "load"}))
        self.path("vrs-1.ndjson", f"{line}\n{line[:9]}")
        self.assertEqual(len(report.Results(self.folder).runs("vrs")[0][1]), 1)
        self.path("vrs-1.ndjson", f"{line[:9]}\n{line}\n")
        with self.assertRaisesRegex(report.Missing, "vrs-1.ndjson: line 1"):
            report.Results(self.folder).runs("vrs")


def daemons():
    """bench/daemons, that has no ending."""
    loader = importlib.machinery.SourceFileLoader("daemons", os.path.join(ROOT, "bench/daemons"))
    was, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("daemons", loader))
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = was
    return module


class Daemons(Folder):
    def setUp(self):
        super().setUp()
        self.daemons = daemons()

    def keep(self, name, of):
        os.makedirs(self.path(name), exist_ok=True)
        self.path(f"{name}/summary.json", of if isinstance(of, str) else json.dumps(of))

    def test_a_folder_that_is_not_whole_is_run_again(self):
        whole = summary(vrs=loads(1))
        for of, found in ((whole, True), ({**whole, "interrupted": True}, False),
                          ({**whole, "targets": {}}, False), ("{", False), ("[]", False), ("{}", False)):
            self.keep("load-1x1m", of)
            self.assertEqual(self.daemons.load(self.path("load-1x1m")) is not None, found)
        self.assertIsNone(self.daemons.load(self.path("none")))

    def test_cells_have_spread_dagger_and_legend(self):
        name = "churn-1to1-1k"
        busy = churns(4, 6, generator={"sender_cpu_s": 1.95})
        self.keep(name, summary(vrs=churns(1, 2), bird=busy, gobgp=churns(7)))
        got = self.daemons.matrix(self.folder, self.daemons.ONE, self.daemons.latency).splitlines()
        self.assertEqual(got[2], "| 1k/s | 1.50 / 3.00 (2.00 to 4.00) | 5.00 / 10.0 (8.00 to 12.0) \u2020 "
                         "| 7.00 / 14.0 |")
        self.assertEqual(got[-1], "Medians of 2 runs (smallest to largest); of gobgp one run; \u2020 our "
                         "generator was the limit.")
        # Of another phase: no dagger.
        of = summary(vrs=churns(1, 2), bird=busy)
        self.assertEqual(self.daemons.seconds("load-1x1m", of["targets"]["bird"]), "1.00 (1.00 to 1.00)")
        self.assertIn("\u2020", self.daemons.cpu_and_memory("", of["targets"]["bird"]))


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


if __name__ == "__main__":
    counted.main()
