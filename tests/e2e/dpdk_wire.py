# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""A wire between two interfaces that loses frames by a seed and says which.

    dpdk_wire.py A B --loss PERCENT --seed N [--log FILE]

Says "ready". The log has a line per lost TCP segment: the sender's interface, sequence number, size of the
data, acknowledgment, and the time as captures have it. Ends at SIGTERM, saying how many frames
were carried and lost from either end.
"""

import argparse
import json
import random
import select
import signal
import struct
import sys
import time

from dpdk_lab import packet_socket


def segment(frame):
    """(sequence, size of the data, acknowledgment) of TCP over IP, or None."""
    if frame[12:14] == b"\x08\x00" and frame[23] == 6:
        at = 14 + (frame[14] & 15) * 4
        size = struct.unpack_from("!H", frame, 16)[0] - (at - 14)
    elif frame[12:14] == b"\x86\xdd" and frame[20] == 6:
        at, size = 54, struct.unpack_from("!H", frame, 18)[0]
    else:
        return None
    seq, ack, offset = struct.unpack_from("!IIB", frame, at + 4)
    return seq, size - (offset >> 4) * 4, ack


def carry(one, other, options):
    """Frames both ways until a signal."""
    dice = random.Random(options.seed)
    sockets = {one: (other, options.ends[0]), other: (one, options.ends[1])}
    counts = {name: [0, 0] for name in options.ends}  # Carried and lost, of what comes in there.
    log = open(options.log, "w", encoding="ascii") if options.log else None
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    print("ready", flush=True)
    while going:
        for s in select.select([one, other], [], [], 0.2)[0]:
            to, name = sockets[s]
            for _ in range(64):
                try:
                    frame = s.recv(65536, 0x40)  # MSG_DONTWAIT
                except BlockingIOError:
                    break
                if dice.random() * 100 < options.loss:
                    counts[name][1] += 1
                    told = segment(frame)
                    if log and told:
                        print(name, *told, f"{time.time():.6f}", file=log)
                    continue
                counts[name][0] += 1
                to.send(frame)
    if log:
        log.close()
    print(json.dumps(counts), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ends", nargs=2)
    parser.add_argument("--loss", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log")
    options = parser.parse_args()
    carry(packet_socket(options.ends[0]), packet_socket(options.ends[1]), options)


if __name__ == "__main__":
    sys.exit(main())
