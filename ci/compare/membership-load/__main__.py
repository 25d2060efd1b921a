"""Runs both systems through the same measurements and prints the table; `ci/compare/membership` starts it."""

import argparse
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import containment
import measure
import options
from fleet import Fleet, System
from gossiperl import Gossiperl
from measure import note
from network import Loopback, Network, Segment
from serf import Serf
from table import Figures, table


def main() -> None:
    """The whole run."""
    chosen = options.parse()
    contained = not chosen.loopback and containment.contain()
    containment.stop_in_order()
    network: Network = Segment(max(chosen.sizes) + 1) if contained else Loopback()
    if not contained:
        note(network.description)
        chosen.loss = [0]
    systems: dict[str, System] = {
        "gossiperl": Gossiperl(chosen.gossiperld, chosen.gossiperl, network),
        "serf": Serf(chosen.serf, network),
    }
    running = [systems[name] for name in chosen.systems]
    begin = time.monotonic()
    figures: list[Figures] = []
    for size in chosen.sizes:
        for system in running:
            figures += measure_fleet(system, network, size, chosen)
            if chosen.json:
                # At once, so that an interrupted run leaves what it has.
                keep(chosen.json, running, chosen.seed, figures)
    minutes = (time.monotonic() - begin) / 60
    print(table(figures))
    print()
    print(conditions(chosen, network, running, minutes))


def keep(file: Path, running: list[System], seed: int, figures: list[Figures]) -> None:
    """Writes every figure there is so far."""
    systems = {system.title: {"version": system.version(), "settings": system.settings} for system in running}
    everything = {"systems": systems, "seed": seed, "figures": [dataclasses.asdict(each) for each in figures]}
    file.write_text(json.dumps(everything, indent=1) + "\n")


def measure_fleet(system: System, network: Network, size: int, chosen: argparse.Namespace) -> list[Figures]:
    """Everything about one system at one size."""
    figures = []
    network.lose(0)
    with (
        tempfile.TemporaryDirectory(prefix="membership-", dir=network.scratch) as folder,
        Fleet(system, network, size, Path(folder)) as fleet,
    ):
        note(f"{system.title}, {size} members: starting")
        fleet.start_all()
        for loss in chosen.loss:
            network.lose(loss)
            # The same members are killed, stopped and publish in both systems.
            chance = random.Random(f"{chosen.seed} {size} {loss}")
            where = f"{system.title}, {size} members, {loss} % loss"
            note(f"{where}: quiet for {chosen.quiet} s")
            quiet = measure.quiet(fleet, chosen.quiet)
            note(f"{where}: kills")
            kills = measure.kills(fleet, chosen.kills, chance)
            note(f"{where}: newcomers")
            known, knowing = measure.newcomers(fleet, chosen.kills)
            note(f"{where}: messages")
            messages = measure.messages(fleet, chosen.kills, chance)
            note(f"{where}: stops")
            stalls = measure.stalls(fleet, chosen.stalls, chance)
            figures.append(Figures(system.title, size, loss, kills, known, knowing, messages, quiet, stalls))
    return figures


def conditions(chosen: argparse.Namespace, network: Network, running: list[System], minutes: float) -> str:
    """What the table's figures were taken with."""
    general = (
        f"Medians of {chosen.kills} (least to most in parentheses), all in one run of {minutes:.0f} minutes on "
        f"{os.cpu_count()} cores, one fleet at a time; {network.description}. Memory is of the median member, "
        "CPU the mean of all. Killed with SIGKILL; the member's host stays. "
        f"Quiet: {chosen.quiet} s; stopped: 5 % of the members, at least one, for 5 s every 10 s, "
        f"{chosen.stalls} times. Seed {chosen.seed}."
    )
    return "\n".join(
        [general, "", *(f"- {system.title}: {system.version()}; {system.settings}." for system in running)]
    )


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(f"ci/compare/membership: {error}")
