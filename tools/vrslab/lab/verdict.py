# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""What may be said of two targets, and why not where nothing may.

Only the first target is compared with each of the others, never "the fastest". Something is said when
at least two repeats each have a number, their ranges do not overlap, and what was measured was the
targets: not our generator, not what else ran on the machine, not our sender's own lateness, not the
few changes that one of them told at all.
"""

import figures

OTHERS = 0.10                   # Share of the machine.
LEAST = 1.05                    # Ratio of medians; a paced phase takes as long as its schedule.
LAG = 1 / 3                     # Share of the measured percentile.
UNHEARD = 0.05                  # Share of the changes.
CPU_S = 10 * figures.TICK_S     # Less is mostly the clock's steps.

OTHERS_TOOK = f"other programs or the hypervisor took {100 * OTHERS:.0f} % of the machine or more"
ONE_REPEAT = "Nothing is said of who is faster: one repeat has no spread (--repeats 2 or more)."


def word_of(column, phases):
    """How the better one is called, or None for what is not judged."""
    if column == "CPU s":
        return "lower"
    if column in ("load MB", "peak MB"):
        return "smaller"
    if column in ("p50 ms", "p99 ms") or (column.endswith(" s") and column[:-2] in phases):
        return "faster"
    return None


def concerned(column, phases):
    """The circumstances that a column's number comes from."""
    if column.endswith(" ms"):
        return [c for c in phases.values() if f"lag {column}" in c]
    own = column.rsplit(" ", 1)[0]
    return [phases[own if own in phases else figures.WHOLE]]


def refusal_of_latency(column, where):
    """What spoils latencies only, or None."""
    if any(c["unheard"] > UNHEARD for c in where):
        return "some changes were never heard of"
    if any(c[f"lag {column}"] > LAG for c in where):
        return f"our sender's own lag was more than a third of the {column.split()[0]}"
    return None


def refusal(column, a, b):
    """Why nothing can be said of two targets' column, or None."""
    x, y = a["medians"][column], b["medians"][column]
    where = concerned(column, a["phases"]) + concerned(column, b["phases"])
    if min(len(x["values"]), len(y["values"])) < 2:
        return "one run has no spread"
    if not where:
        return "it is not known what they ran in"
    if any(c["busy"] for c in where):
        return "our generator was the limit"
    if any(c["others"] >= OTHERS for c in where):
        if any(c["others"] >= OTHERS and not c["short"] for c in where):
            return OTHERS_TOOK
        return "it was too short to see what else ran"
    late = refusal_of_latency(column, where) if column.endswith(" ms") else None
    if late:
        return late
    if min(x["min"], y["min"]) < (CPU_S if column == "CPU s" else 1e-9):
        return "it is too little to be measured"
    if x["min"] <= y["max"] and y["min"] <= x["max"]:
        return "their ranges overlap"
    if max(x["median"], y["median"]) < LEAST * min(x["median"], y["median"]):
        return f"they differ by less than {100 * LEAST - 100:.0f} %"
    return None


def sentence(column, word, ends):
    """`ends`: the two (median, name)."""
    (low, better), (high, worse) = sorted(ends)
    return (f"{column}: {better} {figures.number(high / low)} times {word} than {worse} "
            f"({figures.number(low)} to {figures.number(high)})")


def of_column(column, word, targets):
    """The first target beside each other one; refusals for one reason are one line."""
    (first, a), *others = targets.items()
    said, refused = [], {}
    for name, b in others:
        if column not in a["medians"] or column not in b["medians"]:
            continue
        why = refusal(column, a, b)
        if why is None:
            ends = [(t["medians"][column]["median"], n) for n, t in ((first, a), (name, b))]
            said.append(sentence(column, word, ends))
        else:
            refused.setdefault(why, []).append(name)
    return said + [f"{column}: nothing can be said of {first} and "
                   f"{'each of ' if len(names) > 1 else ''}{', '.join(names)}: {why}"
                   for why, names in refused.items()]


def lines(summary):
    """Verdicts and refusals of a summary.json, in the order of its columns."""
    targets = {n: t for n, t in summary["targets"].items() if t["medians"] and "phases" in t}
    if len(targets) < 2:
        return []
    if all(len(m["values"]) < 2 for t in targets.values() for m in t["medians"].values()):
        return [ONE_REPEAT]
    phases = {p for t in targets.values() for p in t["phases"]}
    return [line for c in summary["columns"] if (word := word_of(c, phases))
            for line in of_column(c, word, targets)]
