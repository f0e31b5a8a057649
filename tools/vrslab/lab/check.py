#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""`vrslab check --baseline FILE [DIR]`: did a median get worse than its noise?

FILE is the summary.json of an earlier `vrslab compare --out`, DIR the folder of a later one. Worse is
over the baseline's median by more than the baseline's own spread, and by more than --tolerance.
Exit status 0: nothing got worse; 1: something did, or is missing now; 2: they cannot be compared.
"""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures import CONDITIONS, number  # noqa: E402


def fail(text):
    print(f"vrslab check: {text}", file=sys.stderr)
    sys.exit(2)


def load(path):
    if os.path.isdir(path):
        path = os.path.join(path, "summary.json")
    try:
        with open(path, encoding="utf-8") as f:
            got = json.load(f)
        for t in got["targets"].values():
            for m in t["medians"].values():
                m["median"] + m["min"] + m["max"]  # pylint: disable=pointless-statement
        return got
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        fail(f"{path}: is no summary of vrslab compare --out: {e!r}")


def judge(old, new, tolerance):
    """("worse" | "better" | "", the band's half width)"""
    band = max(old["max"] - old["min"], tolerance * old["median"])
    if new["median"] > old["median"] + band:
        return "worse", band
    return ("better" if new["median"] < old["median"] - band else ""), band


def differences(old, new):
    """What else is not as it was, as lines."""
    out = []
    if old.get("machine") != new.get("machine"):
        was, now = (", ".join((s.get("machine") or {}).values()) for s in (old, new))
        out.append(f"not the same machine: {was or '?'} -> {now or '?'}")
    for name, then in old["targets"].items():
        was, now = then.get("version"), new["targets"].get(name, then).get("version")
        if was != now:
            out.append(f"not the same version of {name}: {was} -> {now}")
    return out


def main():
    p = argparse.ArgumentParser(prog="vrslab check",
                                description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--baseline", required=True, metavar="FILE", help="an earlier summary.json")
    p.add_argument("--tolerance", type=float, default=10, metavar="PERCENT",
                   help="a difference that never counts (default %(default)s)")
    p.add_argument("folder", metavar="DIR", nargs="?", default=".", help="of the later run (default .)")
    o = p.parse_args()
    old, new = load(o.baseline), load(o.folder)
    for key in ("profile", "run"):
        if old.get(key) != new.get(key):
            fail(f"not the same work: {old.get(key)} and {new.get(key)}")
    for line in differences(old, new):
        print(line)
    worse, compared = 0, 0
    for name, then in old["targets"].items():
        now = new["targets"].get(name, {"medians": {}})["medians"]
        for column, m in then["medians"].items():
            if column in CONDITIONS:
                continue
            compared += 1
            if column not in now:
                worse += 1
                print(f"{name} {column}: {number(m['median'])} -> no number")
                continue
            word, band = judge(m, now[column], o.tolerance / 100)
            worse += word == "worse"
            print(f"{name} {column}: {number(m['median'])} -> "
                  f"{number(now[column]['median'])} (band {number(band)}) {word}".rstrip())
    if compared == 0:
        fail("there is nothing to compare")
    print(f"{compared} medians, {worse} worse")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
