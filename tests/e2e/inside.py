# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Run a test script inside a network namespace of its own, with addresses on its loopback."""

import argparse
import os
import sys
import unittest

import carrier


def main(module, addresses):
    """Run the tests of `module` (its BUILD is set from --build, its LONG and SECONDS, where it has
    them, from --long and --seconds) and print the closing line. Where `addresses` is None, the tests
    make what they want, and namespaces that they name go away with the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    if hasattr(module, "LONG"):
        parser.add_argument("--long", action="store_true", help="what takes minutes by nature, too")
    if hasattr(module, "SECONDS"):
        parser.add_argument("--seconds", type=int, help="for so long")
    parser.add_argument("-k", dest="only", metavar="TEXT", help="tests with this in their name")
    args = parser.parse_args()
    module.BUILD = os.path.abspath(args.build)
    more = ["--long"] if getattr(args, "long", False) else []
    if more:
        module.LONG = True
    if getattr(args, "seconds", None):
        more += ["--seconds", str(args.seconds)]
        module.SECONDS = args.seconds
    if args.only:
        more += ["-k", args.only]
    if not args.inside:
        os.execvp("unshare", ["unshare", "-n", *(["-m"] if addresses is None else []), sys.executable,
                              os.path.abspath(module.__file__), "--inside", "--build", module.BUILD, *more])
    if addresses is None:
        os.makedirs("/run/netns", exist_ok=True)
        carrier.command("mount", "-t", "tmpfs", "none", "/run/netns")
        carrier.command("ip", "link", "set", "lo", "up")
    else:
        carrier.addresses_inside(addresses)
    loader = unittest.TestLoader()
    if args.only:
        loader.testNamePatterns = [f"*{args.only}*"]
    suite = loader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len({str(t) for t, _ in result.failures + result.errors})
    skipped = len(result.skipped)
    print(f"{result.testsRun - failed - skipped} passed, {failed} failed"
          + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0
