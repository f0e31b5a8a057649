#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""`vrslab compare`: the same work for several daemons, one after the other, and one table.

Everything happens in a network namespace of its own. Repeats are interleaved (A B A B), so that
a machine that becomes slower does not favour one of them.
"""

import argparse
import ctypes
import datetime
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import report  # noqa: E402
import targets  # noqa: E402

FIRST_PEER = "10.0.16.1"
CLONE_NEWNET = 0x40000000
READY_S = 60


def fail(text):
    print(f"vrslab compare: {text}", file=sys.stderr)
    sys.exit(2)


def arguments():
    p = argparse.ArgumentParser(
        prog="vrslab compare", description=__doc__.split("\n", maxsplit=1)[0],
        epilog="Other options (--rate, --seconds, --pool, --listeners ...) go to vrslab run; see "
        "vrslab run --help and vrslab profiles.")
    p.add_argument("--targets", default="vrs,bird,frr,openbgpd,gobgp", metavar="A,B,...",
                   help="default: %(default)s")
    p.add_argument("--profile", default="load")
    p.add_argument("--prefixes", default="100k", help="of each sender (default %(default)s)")
    p.add_argument("--peers", metavar="M", help="senders (default: the profile's)")
    p.add_argument("--repeats", type=int, default=3, metavar="N", help="default: %(default)s")
    p.add_argument("--target-path", action="append", default=[], metavar="NAME=PROGRAM",
                   help="a daemon that you built yourself")
    p.add_argument("--out", metavar="DIR", help="records, histograms, plots and report.html go there; "
                   "what an earlier run left there is replaced")
    o, rest = p.parse_known_args()
    if o.repeats < 1:
        fail("--repeats must be at least 1")
    o.targets = o.targets.split(",")
    for t in o.targets:
        if t not in targets.TARGETS:
            fail(f"there is no target \"{t}\"; there are {', '.join(targets.TARGETS)}")
    o.paths = dict(t.split("=", 1) for t in o.target_path if "=" in t)
    o.run = ["--profile", o.profile, "--prefixes", o.prefixes, *rest]
    if o.peers:
        o.run += ["--senders", o.peers]
    return o


def vrslab(*words, **options):
    return subprocess.run([os.environ["VRSLAB"], *words], text=True, check=False, **options)


def records(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def namespace(peers):
    """A network of our own, with every address of the run."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        fail(f"cannot make a network namespace: {os.strerror(ctypes.get_errno())}; it takes root")
    lines = ["link set lo up", f"address add {targets.ADDRESS}/32 dev lo"]
    lines += [f"address add {p['address']}/32 dev lo" for p in peers]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


def prepare_folder(folder):
    """Make it, and take away what an earlier comparison wrote; nothing else."""
    try:
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            kind = os.path.splitext(name)[1]
            if name in ("summary.json", "report.html") or kind in (".ndjson", ".hgrm", ".hlog"):
                os.remove(os.path.join(folder, name))
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as e:
        fail(f"--out {folder}: {e.strerror}")


def check_machine():
    """What is missing is named before anything starts."""
    if os.geteuid() != 0:
        fail("it takes root: a network namespace of its own, port 179, daemons that drop privileges")
    if shutil.which("ip") is None:
        fail("ip is not there (Debian package iproute2)")


def check_ports():
    """Nobody else listens where a target will."""
    for address, port in ((targets.ADDRESS, 179), ("127.0.0.1", 50051)):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((address, port))
            except OSError as e:
                fail(f"{address} port {port}: {e.strerror}")


def wait_ready(target):
    """Until it listens."""
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        if target.process.poll() is not None:
            return f"ended at once with status {target.process.returncode}"
        with socket.socket() as s:
            s.bind((FIRST_PEER, 0))
            s.settimeout(1)
            if s.connect_ex((targets.ADDRESS, 179)) == 0:
                return None
        time.sleep(0.05)
    return f"does not listen after {READY_S} s"


def run_once(name, o, peers, number):
    """One run against one target: its records, and what went wrong or None."""
    folder = tempfile.mkdtemp(prefix=f"vrslab-{name}-")
    target = targets.TARGETS[name](folder, peers, o.paths.get(name))
    try:
        target.start()
        wrong = wait_ready(target)
        if wrong:
            return [], f"{wrong}; its log ends: {' | '.join(target.log_end())}"
        words = ["run", "--target", targets.ADDRESS, "--local", FIRST_PEER, "--name", name, *o.run]
        words += [w for pid in target.pids() for w in ("--pid", str(pid))]
        if o.out:
            words += ["--histograms", os.path.join(o.out, f"{name}-{number}")]
        done = vrslab(*words, capture_output=True)
        got = records(done.stdout)
        if o.out:
            with open(os.path.join(o.out, f"{name}-{number}.ndjson"), "w", encoding="utf-8") as f:
                f.write(done.stdout)
        if done.returncode == 0:
            return got, None
        result = next((r for r in got if r["event"] == "result"), {})
        wrong = f"{result.get('verdict', 'failed')}: {result.get('why', '')} {done.stderr.strip()}"
        return got, f"{wrong}; its log ends: {' | '.join(target.log_end())}"
    finally:
        target.stop()
        shutil.rmtree(folder, ignore_errors=True)


def figures(got):
    """What the table shows of a run: {column: value}."""
    out = {}
    for r in got:
        if r["event"] == "phase":
            out[f"{r['phase']} s"] = r["seconds"]
            out["CPU s"] = out.get("CPU s", 0) + r["target_cpu_s"]
            out["peak MB"] = r["target_peak_bytes"] / 1e6
            heard = r["traffic"]["received_announced"] + r["traffic"]["received_withdrawn"]
            if heard > 0:
                out["updates/prefix"] = r["traffic"]["received_updates"] / heard
            out["packets"] = r["traffic"]["sent_segments"] + r["traffic"]["received_segments"]
            if r["phase"] == "load":
                out["load MB"] = r["target_rss_bytes"] / 1e6
            out["foreign s"] = out.get("foreign s", 0) + r["foreign_cpu_s"]
        elif r["event"] == "histogram" and r["measure"] == "received":
            out["p50 ms"] = r["p50_ns"] / 1e6
            out["p99 ms"] = r["p99_ns"] / 1e6
            out["max ms"] = r["max_ns"] / 1e6
    return out


def busy_generator(got):
    """The phases in which our own threads were at their limit: they measured us."""
    return [r["phase"] for r in got if r["event"] == "phase" and r["seconds"] > 0.2
            and max(r["generator"]["sender_cpu_s"] - r["generator"]["blocked_s"],
                    r["generator"]["receiver_cpu_s"]) > 0.9 * r["seconds"]]


def columns_of(results):
    columns = []
    for runs in results.values():
        for f in runs["figures"]:
            columns += [c for c in f if c not in columns]
    return columns


def machine():
    """Where it ran, for who reads the report later."""
    model, memory = "?", 0
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        model = next((l.split(":", 1)[1].strip() for l in f if l.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"CPU": f"{os.cpu_count()} x {model} ({platform.machine()})",
            "memory": f"{memory:.0f} GiB", "kernel": f"Linux {platform.release()}"}


def median_of(runs, column):
    values = [f[column] for f in runs["figures"] if column in f]
    if not values or runs["wrong"]:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "values": values}


def write_summary(results, o, skipped, interrupted):
    """summary.json: what report.html is made of, and a baseline for vrslab check."""
    columns = columns_of(results)
    out = {"vrslab": vrslab("--version", capture_output=True).stdout.strip(),
           "command": ["vrslab", "compare", *sys.argv[1:]], "profile": o.profile, "run": o.run,
           "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
           "machine": machine(), "repeats": o.repeats, "columns": columns, "skipped": skipped,
           "interrupted": interrupted, "targets": {}}
    for name, runs in results.items():
        medians = {c: median_of(runs, c) for c in columns}
        out["targets"][name] = {
            "version": runs["version"], "date": runs["date"], "setup": targets.TARGETS[name].SETUP,
            "wrong": runs["wrong"], "busy": runs["busy"],
            "medians": {c: m for c, m in medians.items() if m}}
    path = os.path.join(o.out, "summary.json")
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(out, f, indent=1)
        f.write("\n")
    os.replace(path + ".new", path)


def print_table(results, o):
    """A row per target: medians, the spread in brackets, the ratio to the first target."""
    columns = columns_of(results)
    base = next((results[t]["figures"] for t in o.targets
                 if t in results and results[t]["figures"]), [])
    first = next((t for t in o.targets if t in results and results[t]["figures"]), None)
    rows = [["target", *columns]]
    for name, runs in results.items():
        row = [name]
        for c in columns:
            values = [f[c] for f in runs["figures"] if c in f]
            if not values or runs["wrong"]:
                row.append("-")
                continue
            text = report.number(statistics.median(values))
            if len(values) > 1:
                text += f" [{report.number(min(values))}..{report.number(max(values))}]"
            reference = [f[c] for f in base if c in f]
            if name != first and reference and statistics.median(reference) > 0 \
                    and c not in report.NOT_A_RATIO and not runs["busy"]:
                text += f" x{statistics.median(values) / statistics.median(reference):.2f}"
            row.append(text)
        rows.append(row)
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print("  ".join(cell.ljust(w) for cell, w in zip(r, widths)).rstrip())
    ratio = f"; x = ratio to {first}" if first else ""
    print(f"medians of {o.repeats} interleaved runs [smallest..largest]{ratio}")


def find_targets(o, peers):
    """{name: what its runs will say}, and lines about those that are not there."""
    results, skipped = {}, []
    for name in o.targets:
        kind = targets.TARGETS[name]
        try:
            target = kind(".", peers, o.paths.get(name))
            version, date = target.version(), target.date()
        except targets.Missing as e:
            skipped.append(f"skipped {e}")
            print(f"  skipped {e}")
            continue
        print(f"  {name}: {version}, {date}; {kind.SETUP}")
        results[name] = {"figures": [], "wrong": [], "busy": [], "version": version, "date": date}
    return results, skipped


def run_all(o, peers, results):
    """Every run, in turn. Returns whether it was interrupted."""
    try:
        for repeat in range(o.repeats):
            for name, runs in results.items():
                print(f"run {repeat + 1} of {o.repeats}: {name}", file=sys.stderr)
                got, wrong = run_once(name, o, peers, repeat + 1)
                if wrong:
                    runs["wrong"].append(wrong)
                else:
                    runs["figures"].append(figures(got))
                    runs["busy"] += busy_generator(got)
    except KeyboardInterrupt:
        print("vrslab compare: interrupted", file=sys.stderr)
        return True
    return False


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    o = arguments()
    check_machine()
    listed = vrslab("run", "--list-peers", "--local", FIRST_PEER, *o.run, capture_output=True)
    if listed.returncode != 0:
        sys.stderr.write(listed.stderr)
        sys.exit(listed.returncode)
    peers = [r for r in records(listed.stdout) if r["event"] == "peer"]
    if o.out:
        prepare_folder(o.out)
    print(f"{o.profile}: {' '.join(o.run[2:])}; {len(peers)} sessions")
    print(f"{datetime.date.today()}, {', '.join(machine().values())}")
    results, skipped = find_targets(o, peers)
    sys.stdout.flush()
    if not results:
        fail("none of the targets is on this machine")
    namespace(peers)
    check_ports()
    interrupted = run_all(o, peers, results)
    if interrupted:
        print("interrupted: only the runs that had ended count")
    print_table(results, o)
    for name, runs in results.items():
        for wrong in dict.fromkeys(runs["wrong"]):
            print(f"{name}: no number, for a run was not right: {wrong}")
        if runs["busy"]:
            print(f"{name}: our generator was the limit in {', '.join(sorted(set(runs['busy'])))}: "
                  "no ratio, and nothing can be said of who is faster")
    if o.out:
        write_summary(results, o, skipped, interrupted)
        for wrong in report.write_report(o.out):
            print(f"vrslab compare: {wrong}", file=sys.stderr)
        print(os.path.join(o.out, "report.html"))
    if interrupted:
        return 130
    return 1 if any(r["wrong"] for r in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
