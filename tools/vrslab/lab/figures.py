# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""From the records of runs to the figures of a comparison.

A column is a name with its unit. Costs of the target are compared; CONDITIONS are what the runs
happened in and what they moved: shown, never a ratio, never judged.
"""

import dataclasses
import os
import statistics

CONDITIONS = ("own CPU s", "foreign s", "stolen s", "lag p99 ms", "heard %", "overtaken %", "packets",
              "MB sent + received", "updates/prefix")
# Measure of a histogram -> column -> key of its record.
LATENCIES = {"received": {"p50 ms": "p50_ns", "p99 ms": "p99_ns", "max ms": "max_ns"},
             "effective": {"effective p50 ms": "p50_ns", "effective p99 ms": "p99_ns"},
             "lag": {"lag p99 ms": "p99_ns"}}
# Column of a latency -> key of percentiles, of the measured ones and (after "lag_") of our lag.
PERCENTILES = {"p50 ms": "p50_ns", "p99 ms": "p99_ns"}
THREADS = ("sender", "receiver", "watcher")
# A phase that is shorter says nothing of how much of it our threads were busy.
SHORT_S = 0.2
WHOLE = "all phases"
TICK_S = 0.01


def number(v):
    return f"{v:.3f}" if v < 1 else f"{v:.2f}" if v < 100 else f"{v:.0f}"


def phases_of(got):
    return [r for r in got if r["event"] == "phase"]


def histograms_of(got, measure):
    return [r for r in got if r["event"] == "histogram" and r["measure"] == measure]


def heard_share(phases):
    """How many of the changes that receivers should hear of they heard of, at once or overtaken by a
    newer one of the prefix; None where there are no changes."""
    told = [r for r in phases if r["changes"] * r["listeners_heard"] > 0]
    due = sum(r["changes"] * r["listeners_heard"] for r in told)
    return sum(r["changes_seen"] for r in told) / due if told else None


def overtaken_share(got):
    """Of the changes heard of, those that came only as a newer one of the prefix; None without any."""
    received = histograms_of(got, "received")
    n = sum(r["n"] for r in received)
    return sum(r["overtaken"] for r in received) / n if n > 0 else None


def conditions(phases):
    """Of all phases together. Traffic is counted from the sessions' start: the last one's."""
    t = phases[-1]["traffic"]
    out = {"own CPU s": sum(r["own_cpu_s"] for r in phases),
           "foreign s": sum(r["foreign_cpu_s"] for r in phases),
           "stolen s": sum(r["stolen_cpu_s"] for r in phases),
           "packets": t["sent_segments"] + t["received_segments"],
           "MB sent + received": (t["sent_bytes"] + t["received_bytes"]) / 1e6}
    heard = t["received_announced"] + t["received_withdrawn"]
    if heard > 0:
        out["updates/prefix"] = t["received_updates"] / heard
    return out


def figures(got):
    """What the tables show of a run: {column: value}."""
    phases = phases_of(got)
    if not phases:
        return {}
    out = {f"{r['phase']} s": r["seconds"] for r in phases}
    for r in got:
        if r["event"] == "histogram":
            for column, key in LATENCIES.get(r["measure"], {}).items():
                out[column] = max(out.get(column, 0), r[key] / 1e6)
    out["CPU s"] = sum(r["target_cpu_s"] for r in phases)
    out.update({"load MB": r["target_rss_bytes"] / 1e6 for r in phases if r["phase"] == "load"})
    out["peak MB"] = phases[-1]["target_peak_bytes"] / 1e6
    out.update(conditions(phases))
    for column, share in (("heard %", heard_share(phases)), ("overtaken %", overtaken_share(got))):
        if share is not None:
            out[column] = 100 * share
    return out


def generator_was_limit(phase):
    """Whether one of our own threads had no time left in it: then they measured us. A thread that
    waits for a CPU is as late as one that works."""
    g = phase["generator"]
    return phase["lasted_s"] > SHORT_S and max(
        g[f"{t}_cpu_s"] + g[f"{t}_wait_s"] for t in THREADS) > 0.9 * phase["lasted_s"]


def circumstance(phases):
    seconds = sum(r["lasted_s"] for r in phases)
    taken = sum(r["foreign_cpu_s"] + r["stolen_cpu_s"] for r in phases)
    capacity = seconds * os.cpu_count()
    return {"busy": any(map(generator_was_limit, phases)), "short": capacity < 10 * TICK_S,
            "others": taken / max(capacity, TICK_S)}


def circumstances(got):
    """{phase or WHOLE: what decides whether anything can be said of it}.

    busy: our generator was the limit. short: fewer than ten ticks of the clocks in /proc (of 10 ms),
    so that one of them would already be a tenth of it. others: share of the machine that was neither
    the target's nor ours. "lag p50 ms" and "lag p99 ms", where there are latencies: our sender's own,
    as shares of the measured ones. unheard: share of the changes that were never heard of.
    """
    received = {r["phase"]: r for r in histograms_of(got, "received")}
    phases = phases_of(got)
    out = {WHOLE: circumstance(phases), **{r["phase"]: circumstance([r]) for r in phases}}
    for r in phases:
        if r["phase"] in received:
            measured = received[r["phase"]]
            out[r["phase"]].update({f"lag {column}": r["generator"][f"lag_{key}"] / max(measured[key], 1)
                                    for column, key in PERCENTILES.items()})
            out[r["phase"]]["unheard"] = round(1 - (heard_share([r]) or 0), 6)
    return out


def capture_of(got):
    """What a run says of the capture that it replayed, or None."""
    keys = ("file", "warning", "updates", "changes", "left_out")
    return next(({k: r[k] for k in keys} for r in got if r["event"] == "capture"), None)


def stages_of(got):
    """Where a target that can tell it spent its time: {(phase, thread, stage): figures}."""
    lasted = {r["phase"]: r["lasted_s"] for r in phases_of(got)}
    return {(r["phase"], row["thread"], row["stage"]):
            {**{k: v for k, v in row.items() if k not in ("thread", "stage")},
             "share": row["total_ms"] / 10 / max(lasted[r["phase"]], TICK_S)}
            for r in got if r["event"] == "stages" and r["phase"] in lasted for row in r["stages"]}


@dataclasses.dataclass
class Runs:
    """All runs of one target."""

    version: str
    date: str
    setup: str
    figures: list = dataclasses.field(default_factory=list)
    phases: dict = dataclasses.field(default_factory=dict)  # The worst of circumstances().
    wrong: list = dataclasses.field(default_factory=list)
    said: list = dataclasses.field(default_factory=list)  # Warnings of runs that were right.
    capture: dict = None
    stages: list = dataclasses.field(default_factory=list)  # Of each run: stages_of().

    def add(self, got, said=""):
        """A run that was right, and what vrslab run said on stderr all the same."""
        self.figures.append(figures(got))
        self.said += [line for line in said.splitlines() if line not in self.said]
        self.capture = capture_of(got) or self.capture
        self.stages.append(stages_of(got))
        for phase, now in circumstances(got).items():
            was = self.phases.setdefault(phase, now)
            for key, value in now.items():
                was[key] = max(was.get(key, value), value)

    def median(self, column):
        """None when a run was not right: the others would be a choice."""
        values = [f[column] for f in self.figures if column in f]
        if not values or self.wrong:
            return None
        return {"median": statistics.median(values), "min": min(values), "max": max(values),
                "values": values}

    def stage_medians(self):
        """Over the runs that have a stage, in the order of the daemon's own."""
        if self.wrong:
            return []
        out = []
        for at in dict.fromkeys(at for run in self.stages for at in run):
            have = [run[at] for run in self.stages if at in run]
            out.append({**dict(zip(("phase", "thread", "stage"), at)),
                        **{k: statistics.median(h[k] for h in have) for k in have[0]}})
        return out

    def summary(self, columns):
        medians = {c: self.median(c) for c in columns}
        return {"version": self.version, "date": self.date, "setup": self.setup,
                "wrong": self.wrong, "said": self.said, "capture": self.capture, "phases": self.phases,
                "busy": [p for p, c in self.phases.items() if c["busy"] and p != WHOLE],
                "medians": {c: m for c, m in medians.items() if m},
                "stages": self.stage_medians()}


def columns_of(results):
    """Of all targets, in the order of the first that has them."""
    return list(dict.fromkeys(c for runs in results.values() for f in runs.figures for c in f))
