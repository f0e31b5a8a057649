# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""One vrsd in a directory of its own, for tests that reload it. Every wait has a limit."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import carrier
from carrier import carried

# One virtual network with a subnet of appliances: how a configuration begins.
NETWORK = """
process: {stateDir: "{dir}", controlSocket: "{dir}/vrs.sock"}
virtualNetworks:
  - name: hub
    addressPrefixes: [10.0.0.0/16]
    subnets:
      - {name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}
      - {name: nva, addressPrefix: 10.0.1.0/24}
"""


class Daemon:
    """Started on `config` (a text, "{dir}" is the directory), by `wrapper` if there is one, as
    descriptor limits or a mount are; stop() it."""

    def __init__(self, build, config, wrapper=()):
        self.build = build
        self.dir = tempfile.mkdtemp(prefix="vrs-e2e-")
        self.write(config)
        with open(f"{self.dir}/log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*(w.replace("{dir}", self.dir) for w in wrapper), f"{build}/engine/vrsd",
                 "--config", f"{self.dir}/vrs.yaml"], stderr=log)
        self.wait(lambda: os.path.exists(f"{self.dir}/vrs.sock"))
        carrier.plug_in("vrs1")

    def write(self, config):
        with open(f"{self.dir}/vrs.yaml", "w", encoding="utf-8") as f:
            f.write(carried(config.replace("{dir}", self.dir)))

    def log(self):
        with open(f"{self.dir}/log", encoding="utf-8") as f:
            return f.read()

    def wait(self, condition, timeout=20):
        end = time.monotonic() + timeout
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"not within {timeout} s\n{self.log()[-3000:]}")
            time.sleep(0.01)

    def reload(self, config, refused=False):
        """Read `config` again. Returns the lines logged meanwhile."""
        word = "reload refused" if refused else "configuration read again"
        before = self.log()
        self.write(config)
        self.process.send_signal(signal.SIGHUP)
        self.wait(lambda: word in self.log()[len(before):])
        return self.log()[len(before):]

    def command(self, *words):
        """vrsctl with these words, to be run."""
        return [f"{self.build}/tools/vrsctl/vrsctl", "--control-socket", f"{self.dir}/vrs.sock", *words]

    def vrsctl(self, *words):
        """What vrsctl -o json says."""
        r = subprocess.run(self.command("-o", "json", *words), capture_output=True, text=True,
                           timeout=60, check=False)
        if r.returncode != 0:
            raise AssertionError(f"vrsctl {words}: {r.returncode}: {r.stderr}")
        return json.loads(r.stdout)

    def counter(self, name):
        return self.vrsctl("status")["counters"][name]

    def sessions(self):
        """{(connection, instance): session} of the first route server's status."""
        server = self.vrsctl("status")["routeServers"][0]
        return {(p["name"], s["instance"]): s for p in server["peerings"] for s in p["sessions"]}

    def table(self, nic):
        """The NIC's rows as one line each, suppressed ones too."""
        rows = self.vrsctl("nic", "show-effective-route-table", "--name", nic, "--all")["value"]
        return [" ".join([r["source"], r["state"], *r["addressPrefix"], r["nextHopType"],
                          *r["nextHopIpAddress"]]) for r in rows]

    def stop(self):
        """Returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        shutil.rmtree(self.dir)
        return code
