# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""The machine that runs happen on: what it is, and made ready for them."""

import ctypes
import mmap
import os
import platform
import time

# What the hungriest daemons need for a path, and what it costs at most to be ready for it.
BYTES_A_PATH = 4096
MOST_OF_FREE = 0.5
LEAST = 256 << 20


def describe():
    """Where it ran, for who reads the report later."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        model = next((l.split(":", 1)[1].strip() for l in f if l.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"CPU": f"{os.cpu_count()} x {model} ({platform.machine()})",
            "memory": f"{memory:.0f} GiB", "kernel": f"Linux {platform.release()}"}


def available():
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(l.split()[1]) << 10 for l in f if l.startswith("MemAvailable"))


def warm_memory(n_paths):
    """Touch as much memory as the runs may need. A page that a virtual machine has never touched
    is made by its host at the first touch, for microseconds: without this the first daemons of
    an evening pay for it, and the hungriest most (here: FRR with 1 M prefixes, 11.7 s of load
    instead of 8.1). Returns (bytes, seconds), or None where little is needed."""
    size = min(n_paths * BYTES_A_PATH, int(available() * MOST_OF_FREE))
    if size < LEAST:
        return None
    began = time.monotonic()
    with mmap.mmap(-1, size) as area:
        ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(area)), 1, size)
    return size, time.monotonic() - began
