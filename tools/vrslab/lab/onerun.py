# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""One run against one target: started, waited for, measured, stopped; and in words what went wrong."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import targets

FIRST_PEER = {4: "10.0.16.1", 6: "fd00:0:0:10::1"}
FIRST_ASN = targets.ASN + 1  # 1000 peers end at 65512, before the ones that vrs keeps for itself.
READY_S = 60
PORT_FREE_S = 5


def tcp_socket(address):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)


def port_in_use(target):
    """What still listens where the target will: something that an earlier one left behind."""
    end = time.monotonic() + PORT_FREE_S
    for address, port in target.listens():
        while True:
            with tcp_socket(address) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind((address, port))
                    break
                except OSError as e:
                    if time.monotonic() > end:
                        return f"not started: {address} port {port}: {e.strerror}"
            time.sleep(0.1)
    return None


def wait_ready(target, peer):
    """Until it listens. What went wrong, or None."""
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        if target.process.poll() is not None:
            return f"ended at once with status {target.process.returncode}"
        with tcp_socket(peer) as s:
            s.bind((peer, 0))
            s.settimeout(1)
            if s.connect_ex((target.address, 179)) == 0:
                return None
        time.sleep(0.05)
    return f"does not listen after {READY_S} s"


def run_vrslab(words, path, progress):
    """vrslab run: (records as they came, exit status, what it said on stderr). `path` keeps them."""
    got = []
    with tempfile.TemporaryFile("w+") as said, open(path, "w", encoding="utf-8") as kept, \
            subprocess.Popen([os.environ["VRSLAB"], *words], text=True, stdout=subprocess.PIPE,
                             stderr=said) as run:
        try:
            for line in run.stdout:
                if line.endswith("\n"):
                    kept.write(line)
                    kept.flush()
                    got.append(json.loads(line))
                    progress.take(got[-1])
            run.wait()
        finally:
            run.terminate()  # Of one that has ended, nothing comes.
        said.seek(0)
        return got, run.returncode, said.read().strip()


def first_words(family):
    """What a run's peers are, unless the user says otherwise: a later option counts."""
    return ["--local", FIRST_PEER[family], "--asn", str(FIRST_ASN)]


def explain(target, got, status, said):
    """Why a run was not right, in one line."""
    result = next((r for r in got if r["event"] == "result"), {"verdict": "failed", "why": ""})
    what, why = result["verdict"], result["why"]
    ended = target.ended()
    if ended:
        what = f"the target died ({ended})"
    elif status < 0:
        what = f"vrslab run died ({signal.Signals(-status).name})"
    phase = next((f" in {r['phase']}" for r in reversed(got) if r["event"] == "phase"), "")
    reasons = [w for w in (why if why != "see stderr" else "",
                           said.removeprefix("vrslab run: ").replace("\n", " | ")) if w]
    return f"{what}{phase}: {'; '.join([*reasons, target.log_end()])}"


def measure(name, o, peers, number, progress):
    """One run against one target: its records, what went wrong or None, and what a run that was right
    said on stderr."""
    folder = tempfile.mkdtemp(prefix=f"vrslab-{name}-")
    target = targets.TARGETS[name](folder, peers, o.paths.get(name), o.family, o.bad_wire)
    try:
        wrong = port_in_use(target)
        if wrong:
            return [], wrong, ""
        target.start()
        wrong = wait_ready(target, FIRST_PEER[o.family])
        if wrong:
            return [], f"{wrong}; {target.log_end()}", ""
        words = ["run", "--target", target.address, "--name", name, *first_words(o.family), *o.run,
                 *target.run_options()]
        words += [w for pid in target.pids() for w in ("--pid", str(pid))]
        if o.out:
            words += ["--histograms", os.path.join(o.out, f"{name}-{number}")]
        path = os.path.join(o.out or folder, f"{name}-{number}.ndjson")
        got, status, said = run_vrslab(words, path, progress)
        return (got, explain(target, got, status, said), "") if status != 0 else (got, None, said)
    finally:
        try:
            target.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
