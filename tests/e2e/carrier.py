# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""What carries vrsd's sessions: kernel sockets, or our own TCP over DPDK on one end of a veth pair whose other
end is the kernel's: VRS_TRANSPORT=dpdk by net_af_packet, VRS_TRANSPORT=dpdk-tap by net_tap, whose interface is
tied to that end. The tests are the same; this says what the configuration and the namespace have to be like.

VRS_IO_THREADS is how many I/O threads there are.
"""

import os
import subprocess

KIND = os.environ.get("VRS_TRANSPORT", "kernel")
if KIND not in ("kernel", "dpdk", "dpdk-tap"):
    raise SystemExit(f"VRS_TRANSPORT: {KIND} is none of kernel, dpdk, dpdk-tap")
DPDK, TAP = KIND != "kernel", "vrstap" if KIND == "dpdk-tap" else None

# What a test calls a virtualRouterIp is vrsd's own; all other addresses are NVAs'.
ROUTERS = {"10.0.0.4", "10.0.0.5", "fd00:1::4", "fd00:1::5"}


def port(interface, addresses, gateways=()):
    """A port on this interface; addresses have their lengths."""
    # In a namespace of its own; the device's name may be the same everywhere.
    # With the same MAC after every start: neighbors would go on with the last one's for a while.
    device = f"net_tap0,iface={TAP},mac=02:00:00:00:00:aa" if TAP else f"net_af_packet0,iface={interface}"
    return {"device": device, "addresses": list(addresses), **({"gateways": list(gateways)} if gateways else {})}


def inside_port():
    """That of a test which runs in one namespace (see inside.py)."""
    return port("vrs1", [f"{a}/{48 if ':' in a else 16}" for a in sorted(ROUTERS)])


def carried(config, ports=None):
    """A configuration, a text or data, with the transport and the I/O threads that are asked for, where it
    does not say itself."""
    options = {}
    threads = os.environ.get("VRS_IO_THREADS")
    if threads and "ioThreads" not in str(config):
        options["ioThreads"] = int(threads)
    if DPDK and "transport" not in str(config):
        options["transport"] = {"kind": "dpdk", "ports": ports or [inside_port()]}
    if not options:
        return config
    if isinstance(config, str):
        # JSON's flow style is YAML's.
        return config.replace("process: {", "process: {" + ", ".join(
            f"{k}: {flow(v)}" for k, v in options.items()) + ", ", 1)
    return {**config, "process": {**config["process"], **options}}


def flow(value):
    """As YAML in flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return f'"{value}"' if isinstance(value, str) and value != "dpdk" else str(value)


def command(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def plain_frames(interface, namespace=None):
    """Whole checksums and segments no longer than the MTU: what DPDK's af_packet port is given is what lies
    on the wire, and on a veth pair that is what the sending side has not done yet."""
    where = ["ip", "netns", "exec", namespace] if namespace else []
    command(*where, "ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off")


def no_ipv6(*interfaces):
    """The kernel shall say nothing there by itself."""
    for name in interfaces:
        with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w", encoding="ascii") as f:
            f.write("1")


def plug_in(interface, namespace=None):
    """After each start of vrsd: what comes to this end of the pair goes to the TAP that it has made, and back."""
    if TAP is None:
        return
    ns = ["-n", namespace] if namespace else []
    subprocess.run(["tc", *ns, "qdisc", "del", "dev", interface, "ingress"], check=False,
                   stderr=subprocess.DEVNULL)
    for here, there in ((interface, TAP), (TAP, interface)):
        command("tc", *ns, "qdisc", "add", "dev", here, "ingress")
        command("tc", *ns, "filter", "add", "dev", here, "parent", "ffff:", "u32", "match", "u32", "0", "0",
                "action", "mirred", "egress", "redirect", "dev", there)


def addresses_inside(addresses):
    """In the namespace we are in: give it these addresses, but not those that a DPDK vrsd answers for."""
    command("ip", "link", "set", "lo", "up")
    device = "lo"
    if DPDK:
        device = "vrs0"
        command("ip", "link", "add", "vrs0", "type", "veth", "peer", "name", "vrs1")
        no_ipv6("vrs1", "default")  # The default is that of a TAP.
        plain_frames("vrs0")
        command("ip", "link", "set", "vrs0", "up")
        command("ip", "link", "set", "vrs1", "up")
    for a in addresses:
        if not DPDK or a not in ROUTERS:
            command("ip", "addr", "add", f"{a}/{128 if ':' in a else 32}", "dev", device,
                    *(["nodad"] if ":" in a else []))
    for a in ROUTERS if DPDK else ():
        command("ip", "route", "add", f"{a}/{128 if ':' in a else 32}", "dev", device)
