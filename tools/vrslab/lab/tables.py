# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""The tables of a comparison: rows are built once, from what summary.json holds, and written as
text, HTML or Markdown."""

import dataclasses
import html
import shlex

from figures import CONDITIONS, number


@dataclasses.dataclass
class Cell:
    """A median, and beside it what it may be compared with."""

    value: str
    spread: str = ""  # smallest..largest
    ratio: str = ""   # x1.50


@dataclasses.dataclass
class Table:
    head: list  # Of strings.
    rows: list  # Of (target, [Cell]).
    note: str
    first: str = "target"  # What the rows are.


def base_of(summary):
    """The target that ratios are to: the first that has numbers; or None."""
    return next((n for n, t in summary["targets"].items() if t["medians"]), None)


def ratio(summary, name, column):
    """Where the generator was the limit for one of the two, it would be a ratio of ourselves."""
    first = base_of(summary)
    base, of = summary["targets"][first], summary["targets"][name]
    if name == first or column in CONDITIONS or base["busy"] or of["busy"] \
            or base["medians"].get(column, {"median": 0})["median"] <= 0:
        return ""
    return f"x{of['medians'][column]['median'] / base['medians'][column]['median']:.2f}"


def cell(summary, name, column):
    m = summary["targets"][name]["medians"].get(column)
    if m is None:
        return Cell("-")
    show = "{:.0f}".format if column == "packets" else number
    spread = f"{show(m['min'])}..{show(m['max'])}" if len(m["values"]) > 1 else ""
    return Cell(show(m["median"]), spread, ratio(summary, name, column))


def table(summary, columns, note):
    return Table(columns, [(n, [cell(summary, n, c) for c in columns])
                           for n in summary["targets"]], note)


def costs(summary):
    """The main table: what the work costs each target."""
    columns = [c for c in summary["columns"] if c not in CONDITIONS]
    first = base_of(summary)
    note = f"Medians of {summary['repeats']} interleaved runs [smallest..largest]" \
        if summary["repeats"] > 1 else "One run"
    once = [n for n, t in summary["targets"].items()
            if any(len(m["values"]) == 1 for m in t["medians"].values())]
    if once and summary["repeats"] > 1:
        note += f", of {', '.join(once)} one"
    if first and len(summary["targets"]) > 1:
        note += f"; x: ratio to {first} in the same runs"
    if any(c.startswith("effective") for c in columns):
        note += "; effective: when a VM's routes had changed, vrs only: through its watch stream"
    return table(summary, columns, note + ".")


def conditions(summary):
    """What the runs happened in: for trust, not for comparing."""
    columns = [c for c in CONDITIONS if c in summary["columns"]]
    return table(summary, columns, "Conditions. own: of the generator; foreign: of what else ran; "
                 "stolen: by the hypervisor; lag: what our sender was late; heard: of the changes that "
                 "receivers should hear of; overtaken: heard of only as a newer one of the prefix.")


def stages(summary):
    """Where the time went in a target that can tell: a table for each, or none. A thread waits the
    rest of the time; a change waits in the queue, which is nobody's work."""
    def row(s):
        share = "-" if s["stage"] == "queue" else number(s["share"])
        return (f"{s['phase']}: {s['thread']} {s['stage']}",
                [Cell(f"{s['count']:.0f}"), Cell(number(s["total_ms"])), Cell(share),
                 *(Cell(number(s[k])) for k in ("p50_us", "p99_us", "max_us"))])
    return [Table(["times", "total ms", "% of the phase", "p50 us", "p99 us", "longest us"],
                  [row(s) for s in t["stages"]],
                  f"Where the time goes in {name}, by thread and stage. turn: the I/O thread's from the end of "
                  "a wait until what came is dealt with, but for writing; queue: how long changes waited for propagation.", "stage")
            for name, t in summary["targets"].items() if t.get("stages")]


def of_capture(c):
    """What is said of a capture that was replayed."""
    damage = [f"the capture is damaged: {c['warning']}"] if c["warning"] else []
    return [*damage, f"of the capture, {c['changes']} changes are replayed and {c['left_out']} left out "
            "(reserved prefixes, private AS numbers, well-known communities, other senders' prefixes)"]


def of_captures(summary):
    """Each once: all targets have replayed the same. A damage is on stderr, too."""
    captures = [c for t in summary["targets"].values() if (c := t.get("capture"))]
    told = [c["warning"] for c in captures if c["warning"]]
    said = [f"{name}: {line}" for name, t in summary["targets"].items() for line in t.get("said", [])
            if not any(w in line for w in told)]
    return list(dict.fromkeys(line for c in captures for line in of_capture(c))) + said


def remarks(summary):
    """What a reader must know before the numbers."""
    out = []
    if summary["interrupted"]:
        out.append("Interrupted: only the runs that had ended count.")
    for name, t in summary["targets"].items():
        out += [f"{name}: no number, for a run was not right: {w}" for w in dict.fromkeys(t["wrong"])]
        if t["busy"]:
            out.append(f"{name}: our generator was the limit in {', '.join(sorted(set(t['busy'])))}: "
                       "no ratio, and nothing can be said of who is faster")
    return out + of_captures(summary) + summary["skipped"]


def environment(summary):
    """What it takes to repeat it: (what, text)."""
    return [("command", shlex.join(summary["command"])), ("date", summary["date"]),
            *summary["machine"].items(), ("vrslab", summary["vrslab"]),
            *((n, f"{t['version']}, {t['date']}; {t['setup']}")
              for n, t in summary["targets"].items())]


# --- Three ways to write one ---


def flat(c):
    """A cell in one line."""
    return " ".join(x for x in (c.value, c.spread and f"[{c.spread}]", c.ratio) if x)


def text(t):
    rows = [[t.first, *t.head]] + [[name, *map(flat, cells)] for name, cells in t.rows]
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in rows) \
        + f"\n{t.note}\n"


def page(t):
    def td(c):
        more = f"<small>{html.escape(c.spread)}</small>" if c.spread else ""
        return f"<td>{html.escape(' '.join(x for x in (c.value, c.ratio) if x))}{more}</td>"
    head = "".join(f"<th>{html.escape(c)}</th>" for c in (t.first, *t.head))
    body = "".join(f"<tr><td>{html.escape(name)}</td>{''.join(map(td, cells))}</tr>"
                   for name, cells in t.rows)
    return f"<div><table><tr>{head}</tr>{body}</table></div><p>{html.escape(t.note)}</p>"


def markdown(t):
    def line(cells):
        return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"
    return "\n".join([line([t.first, *t.head]), "| --- |" + " ---: |" * len(t.head),
                      *(line([name, *map(flat, cells)]) for name, cells in t.rows), "", t.note, ""])
