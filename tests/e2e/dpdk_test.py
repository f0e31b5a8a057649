#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""vrsd over DPDK, its own TCP against the kernel's and against itself: ports of several kinds, faults and bad
wires on the way, hostile frames, and what tshark reads in captures.

    python3 tests/e2e/dpdk_test.py --build DIR [--long]

Runs itself again in namespaces of its own; ends only what it started. A build without DPDK skips everything.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside  # noqa: E402
from dpdk_capture import Captures, Captures6  # noqa: E402,F401
from dpdk_faults import Faults, Faults6  # noqa: E402,F401
from dpdk_hostile import Hostile, Hostile6  # noqa: E402,F401
from dpdk_ports import Ports  # noqa: E402,F401
from dpdk_trouble import Trouble  # noqa: E402,F401

BUILD = None
LONG = False

if __name__ == "__main__":
    sys.exit(inside.main(sys.modules["__main__"], None))
