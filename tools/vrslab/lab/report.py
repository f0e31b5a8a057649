#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""`vrslab report DIR`: plots and one self-contained page out of what `vrslab compare --out` kept.

DIR holds summary.json, a NAME-RUN.ndjson per run and the histograms (.hgrm, .hlog). Writes PNG and
SVG plots (gnuplot) and report.html beside them; with --markdown the tables to stdout, and no file.
"""

import argparse
import base64
import glob
import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tables  # noqa: E402
import verdict  # noqa: E402

COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")
STYLE = """body{font:15px/1.5 sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.25em .6em;
text-align:right}td:first-child,th:first-child,td.text{text-align:left}th{background:#f3f3f3}
td small{color:#666;display:block}pre{background:#f6f6f6;padding:.7em;overflow-x:auto}
div{overflow-x:auto}img{max-width:100%;display:block;margin:1em 0}.wrong{color:#a00}
.said{margin:.2em 0}"""


class Missing(Exception):
    """The folder is no result of vrslab compare."""


# What every summary.json has, and each of its targets.
KEYS = ("vrslab", "command", "profile", "date", "machine", "repeats", "columns", "skipped",
        "interrupted", "targets")
TARGET_KEYS = ("version", "date", "setup", "wrong", "busy", "medians")


def lacks(value, keys):
    """What of an object's keys is not there, in words, or None."""
    if not isinstance(value, dict):
        return "it is no object"
    gone = [k for k in keys if k not in value]
    return f"it has no {', '.join(gone)}" if gone else None


def load_summary(folder):
    path = os.path.join(folder, "summary.json")
    try:
        with open(path, encoding="utf-8") as f:
            got = json.load(f)
        wrong = lacks(got, KEYS) or lacks(got["targets"], ()) or next(
            (f"target {n}: {w}" for n, t in got["targets"].items() if (w := lacks(t, TARGET_KEYS))), None)
    except (OSError, ValueError) as e:
        wrong = str(e)
    if wrong:
        raise Missing(f"{path}: {wrong}; is it a folder of vrslab compare --out?")
    return got


def load_records(path):
    """A run's. A last line that is torn (the disk was full, the run was killed) is none."""
    with open(path, encoding="utf-8", errors="replace") as f:
        lines = [(i, line) for i, line in enumerate(f, 1) if line.startswith("{")]
    got = []
    for i, line in lines:
        try:
            got.append(json.loads(line))
        except ValueError as e:
            if i != lines[-1][0]:
                raise Missing(f"{path}: line {i}: {e}") from e
    return got


class Results:
    """What a folder holds."""

    def __init__(self, folder):
        self.folder = folder
        self.summary = load_summary(folder)
        self.names = list(self.summary["targets"])

    def runs(self, name):
        """(path without its ending, records) of every run of a target that was right."""
        out = []
        for path in sorted(glob.glob(os.path.join(glob.escape(self.folder), f"{name}-*.ndjson"))):
            got = load_records(path)
            if any(r["event"] == "result" and r["verdict"] == "right" for r in got):
                out.append((path.removesuffix(".ndjson"), got))
        return out


# --- Plots ---


def curve_of_percentiles(path):
    """(1/(1-p), milliseconds) of a .hgrm file, that is in microseconds."""
    out = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            words = line.split()
            if len(words) >= 3 and not line.startswith("#") and words[0] != "Value":
                count = int(words[2])
                x = float(words[3]) if len(words) > 3 else max(2.0, 2.0 * count)
                out.append((x, max(float(words[0]) / 1000, 1e-4)))
    return out


def phases_of(records):
    return list(dict.fromkeys(r["phase"] for r in records if r["event"] == "sample"))


def samples(records, phase, value):
    """(seconds, value) of a phase, with where it began and ended."""
    return [(r["phase_s"], value(r)) for r in records
            if r["event"] == "sample" and r["phase"] == phase]


def convergence(records, phase):
    out = samples(records, phase, lambda r: 100 * r["right"])
    out += [(r["seconds"], 100.0) for r in records
            if r["event"] == "phase" and r["phase"] == phase and r["verdict"] == "right"]
    return sorted(out)


def whole_run(records, value):
    """(seconds, value) over all phases, one after the other."""
    out, offset = [], 0.0
    for phase in phases_of(records):
        part = samples(records, phase, value)
        out += [(offset + t, v) for t, v in part]
        offset += part[-1][0] if part else 0
    return out


def cpu_share(records):
    """Per cent of one core, between samples."""
    out, offset = [], 0.0
    for phase in phases_of(records):
        part = samples(records, phase, lambda r: r["target_cpu_s"])
        # CPU time comes in ticks of 10 ms: over 200 ms, or it is only noise.
        step = max(1, min(4, len(part) - 1))
        for (t0, c0), (t1, c1) in zip(part, part[step:]):
            if t1 > t0:
                out.append((offset + t1, 100 * (c1 - c0) / (t1 - t0)))
        offset += part[-1][0] if part else 0
    return out


class Plot:
    """One picture: curves by target; all its runs have its colour."""

    def __init__(self, name, title, x, y, settings=()):
        self.name, self.title, self.x, self.y, self.settings = name, title, x, y, settings
        self.curves = []  # (target, points)

    def add(self, target, points):
        if len(points) > 1:
            self.curves.append((target, points))

    def script(self, terminal, path, data):
        targets = list(dict.fromkeys(t for t, _ in self.curves))
        lines = [f"set terminal {terminal}", f"set output {json.dumps(path)}",
                 f"set title {json.dumps(self.title)} noenhanced", f"set xlabel {json.dumps(self.x)}",
                 f"set ylabel {json.dumps(self.y)}", "set grid", "set key outside right noenhanced",
                 *self.settings]
        parts, seen = [], set()
        for (target, _), file in zip(self.curves, data):
            colour = COLOURS[targets.index(target) % len(COLOURS)]
            title = "notitle" if target in seen else f"title {json.dumps(target)}"
            seen.add(target)
            parts.append(f"{json.dumps(file)} using 1:2 with lines lw 2 lc rgb '{colour}' {title}")
        return "\n".join([*lines, "plot " + ", ".join(parts), "unset output", ""])

    def draw(self, folder):
        """Writes NAME.svg and NAME.png. Returns what went wrong, or None."""
        with tempfile.TemporaryDirectory() as scratch:
            data = []
            for i, (_, points) in enumerate(self.curves):
                data.append(os.path.join(scratch, f"{i}.dat"))
                with open(data[-1], "w", encoding="ascii") as f:
                    f.writelines(f"{x} {y}\n" for x, y in points)
            for terminal, suffix in (("svg size 960,420 font 'sans,14' background '#ffffff'", "svg"),
                                     ("pngcairo size 960,420 font 'sans,11'", "png")):
                path = os.path.join(folder, f"{self.name}.{suffix}")
                run = subprocess.run(["gnuplot"], text=True, capture_output=True, check=False,
                                     input=self.script(terminal, path, data), timeout=60)
                if run.returncode != 0:
                    return f"gnuplot: {run.stderr.strip()}"
        return None


# gnuplot formats a label when it sees a percent sign: two of them are one.
PERCENT_TICS = ("set logscale xy", "set xtics ('0 %%' 1, '50 %%' 2, '90 %%' 10, '99 %%' 100, "
                "'99.9 %%' 1000, '99.99 %%' 10000, '99.999 %%' 100000, '99.9999 %%' 1000000)")


def is_plot(name):
    """Whether a file is one that we drew."""
    return re.fullmatch(r"(percentiles|generator-lag|effective|cpu|memory|convergence-.*)\.(svg|png)",
                        name) is not None


def plots(results):
    """Every plot that has something to show."""
    out = []
    percentiles = Plot("percentiles", "Change due to change received", "percentile of changes",
                       "milliseconds", PERCENT_TICS)
    lag = Plot("generator-lag", "The generator: change due to change sent",
               "percentile of changes", "milliseconds", PERCENT_TICS)
    effective = Plot("effective", "Change due to effective on a VM (vrs only: through its watch stream)",
                     "percentile of changes", "milliseconds", PERCENT_TICS)
    cpu = Plot("cpu", "CPU of the target", "seconds", "% of one core", ("set yrange [0:]",))
    memory = Plot("memory", "Resident memory of the target", "seconds", "MB", ("set yrange [0:]",))
    phases = {}
    for name in results.names:
        for path, records in results.runs(name):
            for plot, measure in ((percentiles, "received"), (lag, "lag"), (effective, "effective")):
                for file in sorted(glob.glob(f"{glob.escape(path)}-*-{measure}.hgrm")):
                    plot.add(name, curve_of_percentiles(file))
            for phase in phases_of(records):
                plot = phases.setdefault(phase, Plot(
                    f"convergence-{phase}", f"Convergence: {phase}", "seconds",
                    "% of what had to change", ("set yrange [0:105]",)))
                plot.add(name, convergence(records, phase))
            cpu.add(name, cpu_share(records))
            memory.add(name, whole_run(records, lambda r: r["target_rss_bytes"] / 1e6))
    for plot in (percentiles, effective, *phases.values(), cpu, memory, lag):
        if plot.curves:
            out.append(plot)
    return out


# --- The page ---


def paragraphs(lines, kind):
    return "".join(f"<p class={kind}>{html.escape(line)}</p>" for line in lines)


def environment(summary):
    rows = "".join(f"<tr><td>{html.escape(k)}</td><td class=text>{html.escape(str(v))}</td></tr>"
                   for k, v in tables.environment(summary))
    return f"<table>{rows}</table>"


def numbers(summary):
    """Tables and what may be said of them."""
    if not summary["columns"]:
        return "<p>No run has ended well: there are no numbers.</p>"
    return tables.page(tables.costs(summary)) + paragraphs(verdict.lines(summary), "said") \
        + tables.page(tables.conditions(summary)) \
        + "".join(map(tables.page, tables.stages(summary)))


def picture(folder, plot):
    with open(os.path.join(folder, f"{plot.name}.svg"), "rb") as f:
        code = base64.b64encode(f.read()).decode()
    return f"<img alt=\"{html.escape(plot.title)}\" src=\"data:image/svg+xml;base64,{code}\">"


def write_report(folder):
    """Plots and report.html. Returns what could not be done, as lines."""
    results = Results(folder)
    summary, wrong, pictures = results.summary, [], []
    if shutil.which("gnuplot") is None:
        wrong.append("gnuplot is not there (Debian package gnuplot-nox): no plots")
    else:
        for plot in plots(results):
            failed = plot.draw(folder)
            if failed:
                wrong.append(failed)
            else:
                pictures.append(picture(folder, plot))
    title = f"vrslab: {summary['profile']}, {', '.join(results.names)}"
    page = f"""<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>{html.escape(title)}</title>
<style>{STYLE}</style></head><body><h1>{html.escape(title)}</h1>{paragraphs(tables.remarks(summary), 'wrong')}
{numbers(summary)}{''.join(pictures)}{paragraphs(wrong, 'wrong')}
<h2>How it was measured</h2><p>A number counts only when every receiver's table was right at the end. Latencies run
from the time a change was due, not from when it could be sent. CPU is that of the target's processes; foreign CPU is
what others used meanwhile, stolen what the hypervisor took. One session per peer, no policy. Who is faster is said only
where the ranges of the repeats do not overlap, our generator was not the limit, less than
{100 * verdict.OTHERS:.0f} % of the machine went elsewhere and, of latencies, our sender was late by less than a third of
the percentile and {100 - 100 * verdict.UNHEARD:.0f} % of the changes were heard of.</p>{environment(summary)}
<p>To repeat it:</p><pre>{html.escape(shlex.join(summary['command']))}</pre></body></html>
"""
    scratch = os.path.join(folder, ".report.html")
    with open(scratch, "w", encoding="utf-8") as f:
        f.write(page)
    os.replace(scratch, os.path.join(folder, "report.html"))
    return wrong


def write_markdown(folder, out):
    """The tables for a README."""
    summary = Results(folder).summary
    lines = [f"- {line}" for line in [*verdict.lines(summary), *tables.remarks(summary)]]
    about = [f"- {k}: {v}" for k, v in tables.environment(summary) if k != "command"]
    out.write("\n".join([tables.markdown(tables.costs(summary)), *lines, "",
                         tables.markdown(tables.conditions(summary)),
                         *map(tables.markdown, tables.stages(summary)), *about, "", "```",
                         shlex.join(summary["command"]), "```", ""]))


def main():
    p = argparse.ArgumentParser(prog="vrslab report",
                                description="Plots and report.html from a folder of vrslab compare.")
    p.add_argument("--markdown", action="store_true",
                   help="the tables, versions and command as Markdown to stdout, and no plots")
    p.add_argument("folder", metavar="DIR")
    o = p.parse_args()
    wrong = []
    try:
        if o.markdown:
            write_markdown(o.folder, sys.stdout)
        else:
            wrong = write_report(o.folder)
            print(os.path.join(o.folder, "report.html"))
    except Missing as e:
        print(f"vrslab report: {e}", file=sys.stderr)
        return 2
    except OSError as e:
        print(f"vrslab report: {e.filename}: {e.strerror}", file=sys.stderr)
        return 1
    for w in wrong:
        print(f"vrslab report: {w}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
