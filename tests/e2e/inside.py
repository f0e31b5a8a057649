# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Run a test script inside a network namespace of its own, with addresses on its loopback."""

import argparse
import os
import subprocess
import sys
import unittest


def main(module, addresses):
    """Run the tests of `module` (its BUILD is set from --build, its LONG and SECONDS, where it has
    them, from --long and --seconds) and print the closing line."""
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
        os.execvp("unshare", ["unshare", "-n", sys.executable, os.path.abspath(module.__file__),
                              "--inside", "--build", module.BUILD, *more])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in addresses:
        subprocess.run(["ip", "addr", "add", f"{address}/{128 if ':' in address else 32}", "dev", "lo"], check=True)
    loader = unittest.TestLoader()
    if args.only:
        loader.testNamePatterns = [f"*{args.only}*"]
    suite = loader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len({str(t) for t, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0
