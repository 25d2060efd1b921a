"""How fast each language publishes and receives, beside Rust in the same run, as a table in Markdown.

Messages of 200 B over one gossiperld, one publisher and one subscriber, of which one is the language's and the other Rust's. CPU is the user and system time of the language's own process for each message, its
start and end left out by taking the difference of a long and a short run: what crossing into the language costs is that of the language less that of Rust.

    ROUNDS=5 MESSAGES=300000 ci/bench-bindings python node
"""

import json
import os
import pathlib
import statistics
import sys
import time

from peers import LONG, Daemon, Peer, peers

SIZE = 200
ROUNDS = int(os.environ.get("ROUNDS", "3"))
MESSAGES = int(os.environ.get("MESSAGES", "300000"))
# The short run, whose CPU is that of starting and ending.
FEW = 1_000


class Measured:
    """One run of a peer: messages a second, and its CPU time in seconds."""

    def __init__(self, publisher: Peer, receiver: Peer, of: Peer) -> None:
        line = of.line(time.monotonic() + LONG)
        if line is None:
            sys.exit("a peer said nothing: it failed, or takes too long")
        said = json.loads(line)
        self.rate = said["messages"] / max(said["seconds"], 1e-9)
        for peer in (publisher, receiver):
            peer.end()
        self.cpu = 0.0
        for peer in (publisher, receiver):
            _, status, usage = os.wait4(peer.process.pid, 0)
            peer.process.returncode = os.waitstatus_to_exitcode(status)
            if peer.process.returncode != 0:
                sys.exit(f"a peer ended with {peer.process.returncode}")
            if peer is of:
                self.cpu = usage.ru_utime + usage.ru_stime


def run(daemon: Daemon, publishing: pathlib.Path, receiving: pathlib.Path, count: int, of_receiver: bool) -> Measured:
    port = str(daemon.port)
    receiver = Peer(receiving, "bench-receive", port, "receiver", str(count))
    if receiver.line(time.monotonic() + LONG) != "ready":
        sys.exit(f"{receiving} was not ready")
    publisher = Peer(publishing, "bench-publish", port, "publisher", str(count), str(SIZE))
    return Measured(publisher, receiver, receiver if of_receiver else publisher)


def main() -> int:
    programs = peers("release", sys.argv[1:])
    rust = programs["rust"]
    print(f"| language | published/s, acknowledged | of Rust's | CPU a message | delivered/s | of Rust's | CPU a message |\n|{'---|' * 7}")
    base: list[float] = []
    for name, program in programs.items():
        rates: tuple[list[float], list[float]] = ([], [])
        cpus: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            for side, (publishing, receiving) in enumerate([(program, rust), (rust, program)]):
                daemon = Daemon("release")
                try:
                    short = run(daemon, publishing, receiving, FEW, side == 1)
                    long = run(daemon, publishing, receiving, MESSAGES, side == 1)
                finally:
                    daemon.stop()
                rates[side].append(long.rate)
                cpus[side].append((long.cpu - short.cpu) / (MESSAGES - FEW))
        middle = [statistics.median(rate) for rate in rates]
        base = base or middle
        cells = [name]
        for side in range(2):
            cpu = statistics.median(cpus[side]) * 1e6
            cells += [f"{middle[side]:,.0f}", f"{middle[side] / base[side]:.0%}", f"{cpu:.2f} µs"]
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\n{MESSAGES:,} messages of {SIZE} B, medians of {ROUNDS} rounds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
