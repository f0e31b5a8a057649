#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""The interop matrix: daemon by case by option; see README.md.

    matrix_test.py --build DIR [--long | --all-builds] [-k PATTERN] [-j N] [--list]

A pairwise cover of the matrix is divided over the three builds, and this runs the cells of the
build in DIR; --all-builds runs those of the other two as well, --long the full product. The last
line is "N passed, N failed" and, when something is missing, ", N skipped".
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from cover import cover, pairs_of, product  # noqa: E402
from daemons import DAEMONS  # noqa: E402
from lab import Lab  # noqa: E402
from matrix_cases import CASES, Bench  # noqa: E402

AXES = {
    "daemon": tuple(DAEMONS),
    "case": tuple(CASES),
    "family": (4, 6),
    "opens": ("vrsd", "daemon"),
    "instances": (1, 2),
    "asn": ("2-byte", "4-byte"),
    "build": ("plain", "asan", "tsan"),
}


def why_not(row):
    """Why a cell is not applicable, or None."""
    values = set(row.values())
    for what, why in DAEMONS[row["daemon"]].UNABLE.items():
        if {what} <= values if isinstance(what, str) else set(what) <= values:
            return why
    return None


def applicable(row):
    return why_not(row) is None


def build_of(directory):
    """Which of the axis's builds a build directory holds."""
    with open(os.path.join(directory, "meson-info", "intro-buildoptions.json"),
              encoding="utf-8") as f:
        options = {o["name"]: o["value"] for o in json.load(f)}
    sanitize = str(options.get("b_sanitize", "none"))
    return "asan" if "address" in sanitize else "tsan" if "thread" in sanitize else "plain"


def name_of(row):
    return "-".join(str(row[axis]) for axis in ("daemon", "family", "opens", "instances", "asn"))


def missing(daemon):
    """Why a daemon's cells are skipped: it is not there and apt has no package of it."""
    kind = DAEMONS[daemon]
    if all(map(shutil.which, kind.PROGRAMS)):
        return None
    found = subprocess.run(["apt-cache", "show", kind.PACKAGE], capture_output=True, timeout=60,
                           check=False)
    return None if found.returncode == 0 else f"apt has no package {kind.PACKAGE}"


class Tally:
    """Counts, and prints a line per cell whole."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0

    def tell(self, verdict, name, seconds=0.0, text=""):
        with self.lock:
            self.passed += verdict == "ok"
            self.failed += verdict == "FAIL"
            self.skipped += verdict == "skip"
            print(f"{verdict:4} {seconds:5.1f} s  {name}{text}", flush=True)


def run_cells(build, rows, tally):
    """The cells of one bench, one after the other. A cell that failed gets its successors a new
    bench."""
    bench = None
    for row in rows:
        name, began = f"{name_of(row)}: {row['case']}", time.monotonic()
        try:
            if bench is None:
                bench = Bench(build, row, name_of(row))
            bench.baseline()
            CASES[row["case"]](bench)
            tally.tell("ok", name, time.monotonic() - began)
        except Exception as e:  # Whatever it was, the others go on.
            tails = bench.lab.tails() if bench else getattr(e, "tails", ())
            text = "\n".join(["", traceback.format_exc(), *tails])
            tally.tell("FAIL", name, time.monotonic() - began, text)
            if bench is not None:
                bench.close()
            bench = None
    if bench is not None:
        bench.close()


def check_cover(rows):
    """The cover must hold every pair that the full product holds. As a test of its own."""
    lost = pairs_of(product(AXES, applicable)) - pairs_of(rows)
    wrong = [row for row in rows if not applicable(row)]
    return None if not lost and not wrong else f"\nlost {lost}\nnot applicable {wrong}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="build directory")
    parser.add_argument("--long", action="store_true", help="the full product")
    parser.add_argument("--all-builds", action="store_true",
                        help="also the cells that are for the other builds")
    parser.add_argument("-k", metavar="PATTERN", default="",
                        help="only cells with this in DAEMON-FAMILY-OPENS-INSTANCES-ASN: CASE")
    parser.add_argument("-j", type=int, default=8, help="labs at once (default %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the cells, run none")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    if not os.access(os.path.join(build, "engine", "vrsd"), os.X_OK):
        parser.error(f"no engine/vrsd in {build}")

    Lab.end_on_signals()

    start = time.monotonic()
    tally = Tally()
    rows = list(product(AXES, applicable)) if options.long else cover(AXES, "case", applicable)
    lost = check_cover(rows)
    tally.tell("FAIL" if lost else "ok", "the cover has every pair", text=lost or "")
    for daemon, kind in DAEMONS.items():
        for what, why in kind.UNABLE.items():
            name = what if isinstance(what, str) else ", ".join(map(str, what))
            print(f"not applicable: {daemon}, {name}: {why}")
    mine = build_of(build)
    benches, skips = {}, {daemon: missing(daemon) for daemon in DAEMONS}
    for row in rows:
        name = f"{name_of(row)}: {row['case']}"
        if (row["build"] != mine and not options.all_builds) or options.k not in name:
            continue
        if skips[row["daemon"]]:
            tally.tell("skip", name, text=f": {skips[row['daemon']]}")
        else:
            benches.setdefault(name_of(row), {})[row["case"]] = row
    if options.list:
        print("\n".join(f"{b}: {c}" for b, cells in benches.items() for c in cells))
        return 0
    with ThreadPoolExecutor(options.j) as pool:
        # The long ones first.
        for cells in sorted(benches.values(), key=len, reverse=True):
            pool.submit(run_cells, build, list(cells.values()), tally)
    print(f"{sum(map(len, benches.values()))} cells in {len(benches)} labs, {mine}, "
          f"{time.monotonic() - start:.0f} s")
    print(f"{tally.passed} passed, {tally.failed} failed"
          + (f", {tally.skipped} skipped" if tally.skipped else ""))
    return 0 if tally.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
