#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""`vrslab compare`: the same work for several daemons, one after the other, and one table.

Everything happens in a network namespace of its own. Repeats are interleaved (A B A B), so that
a machine that becomes slower does not favour one of them.
"""

import argparse
import contextlib
import ctypes
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import figures  # noqa: E402
import machine  # noqa: E402
import onerun  # noqa: E402
import report  # noqa: E402
import tables  # noqa: E402
import targets  # noqa: E402
import verdict  # noqa: E402
from progress import Progress  # noqa: E402

CLONE_NEWNET = 0x40000000


def fail(text):
    print(f"vrslab compare: {text}", file=sys.stderr)
    sys.exit(2)


def repeats(text):
    """"3,gobgp=1": {None: 3, "gobgp": 1}."""
    out = {None: 3}
    for word in text.split(","):
        name, number = word.split("=", 1) if "=" in word else (None, word)
        if not number.isdecimal() or int(number) < 1 or name not in (None, *targets.TARGETS):
            raise argparse.ArgumentTypeError(f"{word}: must be a number of at least 1, or NAME=N")
        out[name] = int(number)
    return out


def target_path(text):
    """"bird=/usr/local/sbin/bird": what it is split into."""
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise argparse.ArgumentTypeError(f"{text}: must be NAME=PROGRAM")
    if name not in targets.TARGETS:
        raise argparse.ArgumentTypeError(
            f"there is no target \"{name}\"; there are {', '.join(targets.TARGETS)}")
    return name, path


def bad_wire(text):
    """"lossPpm=10000,seed=1": as numbers."""
    out = {}
    for word in text.split(","):
        name, _, number = word.partition("=")
        if name not in targets.VrsDpdk.BAD_WIRE:
            raise argparse.ArgumentTypeError(f"{name}: there are {', '.join(targets.VrsDpdk.BAD_WIRE)}")
        if not number.isdecimal():
            raise argparse.ArgumentTypeError(f"{word}: must be {name}=NUMBER")
        out[name] = int(number)
    return out


def arguments(words=None):
    p = argparse.ArgumentParser(
        prog="vrslab compare", description=__doc__.split("\n", maxsplit=1)[0],
        epilog="Other options (--rate, --seconds, --pool, --listeners ...) go to vrslab run; see "
        "vrslab run --help and vrslab profiles.")
    p.add_argument("--targets", default="vrs,bird,frr,openbgpd,gobgp", metavar="A,B,...",
                   help=f"of {', '.join(targets.TARGETS)}; default: %(default)s")
    p.add_argument("--profile", default="load")
    p.add_argument("--prefixes", default="100k", help="of each sender (default %(default)s)")
    p.add_argument("--peers", metavar="M", help="senders (default: the profile's)")
    p.add_argument("--ipv6", action="store_true", help="IPv6 prefixes over IPv6 sessions")
    p.add_argument("--repeats", type=repeats, default="3", metavar="N[,NAME=N...]",
                   help="runs of each target; fewer for one that is slow (default %(default)s)")
    p.add_argument("--target-path", type=target_path, action="append", default=[], metavar="NAME=PROGRAM",
                   help="a daemon that you built yourself")
    p.add_argument("--bad-wire", type=bad_wire, metavar="KEY=N,...",
                   help="what happens to frames that vrs-dpdk sends, by the keys of badWire in its configuration: "
                   f"{', '.join(targets.VrsDpdk.BAD_WIRE)}")
    p.add_argument("--out", metavar="DIR", help="records, histograms, plots and report.html go there; "
                   "what an earlier run left there is replaced")
    o, rest = p.parse_known_args(words)
    o.targets = o.targets.split(",")
    for t in o.targets:
        if t not in targets.TARGETS:
            fail(f"there is no target \"{t}\"; there are {', '.join(targets.TARGETS)}")
    if o.bad_wire and targets.VrsDpdk.NAME not in o.targets:
        fail(f"--bad-wire is of {targets.VrsDpdk.NAME}, which is none of --targets")
    o.wired = any(targets.TARGETS[t].WIRED for t in o.targets)
    o.paths = dict(o.target_path)
    o.family = 6 if o.ipv6 else 4
    o.run = ["--profile", o.profile, "--prefixes", o.prefixes, *rest]
    if o.peers:
        o.run += ["--senders", o.peers]
    if o.ipv6:
        o.run.append("--ipv6")
    return o


def vrslab(*words):
    return subprocess.run([os.environ["VRSLAB"], *words], text=True, check=False,
                          capture_output=True)


def records(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def check_machine(o):
    """What is missing is named before anything starts."""
    if os.geteuid() != 0:
        fail("it takes root: a network namespace of its own, port 179, daemons that drop privileges")
    if shutil.which("ip") is None:
        fail("ip is not there (Debian package iproute2)")
    if o.wired and shutil.which("ethtool") is None:
        fail("ethtool is not there (Debian package ethtool)")


def prepare_folder(folder):
    """Make it, and take away what an earlier comparison wrote; nothing else."""
    try:
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            kind = os.path.splitext(name)[1]
            if name in ("summary.json", "summary.json.new", "report.html") or report.is_plot(name) \
                    or kind in (".ndjson", ".hgrm", ".hlog"):
                os.remove(os.path.join(folder, name))
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as e:
        fail(f"--out {folder}: {e.strerror}")


def command(*words, text=None):
    done = subprocess.run(words, input=text, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        fail(f"{words[0]}: {done.stderr.strip()}")


def cable():
    """For a target that reads frames. They must be whole: nobody fills in checksums or cuts segments on a veth."""
    kernels, ours = targets.VrsDpdk.WIRE
    command("ip", "link", "add", kernels, "type", "veth", "peer", "name", ours)
    with open(f"/proc/sys/net/ipv6/conf/{ours}/disable_ipv6", "w", encoding="ascii") as f:
        f.write("1")
    command("ethtool", "-K", kernels, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
    for end in (kernels, ours):
        command("ip", "link", "set", end, "up")
    for a in targets.VrsDpdk.OWN.values():
        command("ip", "route", "add", f"{a}/{128 if ':' in a else 32}", "dev", kernels)
    return kernels


def namespace(peers, wired):
    """A network of our own, with every address of the run. No port of the machine matters in it."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        fail(f"cannot make a network namespace: {os.strerror(ctypes.get_errno())}; it takes root")
    command("ip", "link", "set", "lo", "up")
    # Neighbor discovery is for addresses of the interface itself; what is between two of them is local anyway.
    device = cable() if wired else "lo"
    lines = []
    for a in [*targets.ADDRESS.values(), *(p["address"] for p in peers)]:
        lines.append(f"address add {a}/128 dev {device} nodad" if ":" in a else f"address add {a}/32 dev {device}")
    command("ip", "-batch", "-", text="\n".join(lines) + "\n")


def find_targets(o, peers):
    """{name: its Runs}, and lines about those that are not there."""
    results, skipped = {}, []
    for name in o.targets:
        kind = targets.TARGETS[name]
        try:
            target = kind(".", peers, o.paths.get(name), o.family, o.bad_wire)
            results[name] = figures.Runs(target.version(), target.date(), target.SETUP)
        except (targets.Missing, OSError, subprocess.SubprocessError) as e:
            why = str(e) if isinstance(e, targets.Missing) else f"{name}: {e}"
            skipped.append(f"skipped {why}")
            print(f"  skipped {why}")
            continue
        print(f"  {name}: {results[name].version}, {results[name].date}; {target.SETUP}")
    return results, skipped


def met_asn(peers, names):
    """Why no session can come up between one of the peers and a target, or None."""
    asns = [p["asn"] for p in peers]
    for name in names:
        if targets.TARGETS[name].ASN in asns:
            return f"--asn: a peer would have the AS number of {name}, {targets.TARGETS[name].ASN}: " \
                f"they are {min(asns)} to {max(asns)}"
    return None


def interrupt_once(*_):
    """Ctrl-C or SIGTERM. What follows is the end: daemons are ended and the report is written."""
    for s in (signal.SIGINT, signal.SIGTERM):
        signal.signal(s, signal.SIG_IGN)
    raise KeyboardInterrupt


def one_run(name, o, peers, number, runs, progress):
    """Into `runs`. Whatever happens in it, the numbers of the others are kept."""
    try:
        got, wrong, said = onerun.measure(name, o, peers, number, progress)
        if wrong is None:
            runs.add(got, said)
    except Exception as e:  # pylint: disable=broad-exception-caught
        wrong = f"not measured: {type(e).__name__}: {e}"
    if wrong:
        runs.wrong.append(wrong)


def run_all(o, peers, results, keep):
    """Every run, in turn; `keep` is called after each. Returns whether it was interrupted."""
    progress = Progress(sys.stderr)
    try:
        for repeat in range(max(o.repeats.values())):
            for name, runs in results.items():
                of = o.repeats.get(name, o.repeats[None])
                if repeat >= of:
                    continue
                with progress.begin(f"run {repeat + 1} of {of}: {name}"):
                    one_run(name, o, peers, repeat + 1, runs, progress)
                keep()
    except KeyboardInterrupt:
        print("vrslab compare: interrupted", file=sys.stderr)
        return True
    return False


def summarize(results, o, skipped, interrupted):
    """summary.json: what the tables are made of, and a baseline for vrslab check."""
    columns = figures.columns_of(results)
    return {"vrslab": o.version,
            "command": ["vrslab", "compare", *sys.argv[1:]], "profile": o.profile, "run": o.run,
            "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "machine": machine.describe(), "repeats": o.repeats[None], "columns": columns, "skipped": skipped,
            "interrupted": interrupted,
            "targets": {name: runs.summary(columns) for name, runs in results.items()}}


def write_summary(summary, folder):
    """Without a folder it is not wanted. Returns whether it is not missing: a full disk is said, and
    ends nothing."""
    if not folder:
        return True
    path = os.path.join(folder, "summary.json")
    try:
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(summary, f, indent=1)
            f.write("\n")
        os.replace(path + ".new", path)
    except OSError as e:
        print(f"vrslab compare: {path}: {e.strerror}", file=sys.stderr)
        return False
    return True


def write_report(folder):
    """As write_summary(). Plots that could not be drawn are said in it."""
    if not folder:
        return True
    try:
        for wrong in report.write_report(folder):
            print(f"vrslab compare: {wrong}", file=sys.stderr)
    except (report.Missing, OSError, subprocess.SubprocessError) as e:
        print(f"vrslab compare: no report: {e}", file=sys.stderr)
        return False
    print(os.path.join(folder, "report.html"))
    return True


def show(summary):
    if summary["columns"]:
        print(tables.text(tables.costs(summary)))
        print(tables.text(tables.conditions(summary)))
    for line in [*verdict.lines(summary), *tables.remarks(summary)]:
        print(line)


def n_paths(peers, o):
    """At most as many paths as a target has to keep."""
    unit = {"k": 1000, "M": 1000000}.get(o.prefixes[-1], 1)
    return int(o.prefixes.rstrip("kM")) * unit * sum(p["role"] == "sender" for p in peers)


def compare(o):
    """The exit status."""
    listed = vrslab("run", "--list-peers", *onerun.first_words(o.family), *o.run)
    if listed.returncode != 0:
        sys.stderr.write(listed.stderr)
        return listed.returncode
    peers = [r for r in records(listed.stdout) if r["event"] == "peer"]
    met = met_asn(peers, o.targets)
    if met:
        fail(met)
    o.version = vrslab("--version").stdout.strip()
    if o.out:
        prepare_folder(o.out)
    print(f"{o.profile}: {' '.join(o.run[2:])}; {len(peers)} sessions")
    print(f"{datetime.date.today()}, {', '.join(machine.describe().values())}")
    results, skipped = find_targets(o, peers)
    sys.stdout.flush()
    if not results:
        fail("none of the targets is on this machine")
    namespace(peers, o.wired)
    warm = machine.warm_memory(n_paths(peers, o))
    if warm:
        print(f"{warm[0] / 2**30:.1f} GiB of memory touched in {warm[1]:.1f} s, so that no run is the first")
    # Until all runs have ended, what is kept is that of an interrupted comparison.
    interrupted = run_all(o, peers, results,
                          lambda: write_summary(summarize(results, o, skipped, True), o.out))
    summary = summarize(results, o, skipped, interrupted)
    show(summary)
    written = write_summary(summary, o.out) and write_report(o.out)
    if interrupted:
        return 130
    return 0 if written and not any(r.wrong for r in results.values()) else 1


def main():
    for s in (signal.SIGINT, signal.SIGTERM):
        signal.signal(s, interrupt_once)
    o = arguments()
    check_machine(o)
    with contextlib.suppress(KeyboardInterrupt):
        return compare(o)
    return 130


if __name__ == "__main__":
    sys.exit(main())
