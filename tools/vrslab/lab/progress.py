# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""How far a comparison is: one live line on a terminal, a quiet line for each run elsewhere."""

import time

REDRAW_S = 0.1


class Progress:
    """`stream` is where it is written. Use it in a `with` for each run: the line goes away."""

    def __init__(self, stream):
        self.stream = stream
        self.live = stream.isatty()
        self.label, self.drawn = "", 0.0

    def begin(self, label):
        self.label, self.drawn = label, 0.0
        if self.live:
            self.draw("")
        else:
            print(label, file=self.stream, flush=True)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.live:
            self.stream.write("\r\033[K")
            self.stream.flush()

    def draw(self, more):
        self.stream.write(f"\r{self.label}{more}\033[K")
        self.stream.flush()

    def take(self, record):
        """A record of the run, as it comes."""
        now = time.monotonic()
        if self.live and record["event"] == "sample" and now >= self.drawn + REDRAW_S:
            self.drawn = now
            self.draw(f" {record['phase']} {100 * record['right']:.0f} %")
