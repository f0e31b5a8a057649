#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Runs every benchmark once on small tables: each must run and find its own result right.

    python3 tests/bench/smoke.py VRS_BENCH

Prints one cmocka-like line for each, so that tools/check counts them.
"""

import json
import os
import subprocess
import sys

FILES = ["commit", "decide", "decode", "effective", "encode", "export", "intern", "latency", "model", "overlay", "radix", "table"]


def main():
    env = dict(os.environ, VRS_BENCH_MAX_PREFIXES="10000")
    run = subprocess.run([sys.argv[1], "--benchmark_min_time=0.01", "--benchmark_format=json"],
                         capture_output=True, text=True, timeout=240, check=False, env=env)
    rows = json.loads(run.stdout)["benchmarks"] if run.stdout else []
    failed = run.returncode != 0
    for row in rows:
        wrong = row.get("error_message") or (None if row["cpu_time"] > 0 else "no time")
        name = row["name"].replace("/", "_")
        print(f"[  FAILED  ] {name}\n{wrong}" if wrong else f"[       OK ] {name}")
        failed |= wrong is not None
    missing = set(FILES) - {row["name"].split("/")[0] for row in rows}
    if missing or run.returncode != 0:
        print(f"exit {run.returncode}, nothing from: {sorted(missing)}\n{run.stderr[-2000:]}")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
