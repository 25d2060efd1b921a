"""The members of one system: starts them gently, knows who runs, ends them."""

import os
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gossiperl import Gossiperl
from network import Network
from observer import Event, Kind, Observer, Parse
from serf import Serf

# Seconds after which a start, or a fleet in which not all know all, counts as failed.
START_WITHIN = 30
WHOLE_WITHIN = 180
# The first members are the seeds of all.
SEEDS = 3


System = Serf | Gossiperl


@dataclass
class Member:
    """A running member."""

    name: str
    number: int
    process: subprocess.Popen[bytes]


class Fleet:
    """Members 1 to `size` of a system, and whoever is added. Closing it ends everything it started."""

    def __init__(self, system: System, network: Network, size: int, folder: Path) -> None:
        self.system = system
        self.network = network
        self.size = size
        self.members: dict[str, Member] = {}
        self.observer = Observer()
        self._folder = folder
        self._others: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_others()
        for name in list(self.members):
            self.kill(name)
        self.observer.close()

    def start_all(self) -> None:
        """Starts one after the other, each when its predecessor is up, and waits until all know all."""
        for number in range(1, self.size + 1):
            self.start(name_of(number), number)
            self.wait_until_ready(name_of(number))
        if not self.wait_until_whole():
            raise RuntimeError(f"after {WHOLE_WITHIN} s {self.ignorant()} know not all others")

    def start(self, name: str, number: int) -> Member:
        """Starts a member on the host of this number; whether it is up is not waited for."""
        folder = self.folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        seeds = list(range(1, min(SEEDS, self.size) + 1))
        words = self.system.command(number, name, seeds, folder)
        member = Member(
            name, number, self._spawn(name, self.network.command(number, words), self.system.parser())
        )
        self.members[name] = member
        return member

    def wait_until_ready(self, name: str) -> None:
        """Waits until the member serves."""
        if not self.observer.wait(lambda: name in self.observer.ready, START_WITHIN):
            raise RuntimeError(f"{name} does not start:\n{self.observer.last_lines(name)}")

    def kill(self, name: str) -> None:
        """Ends a member without a warning."""
        member = self.members.pop(name)
        member.process.kill()
        member.process.wait()
        self.observer.forget(name)

    def leave(self, name: str) -> None:
        """Lets a member leave in order; waits until it has and all others know."""
        member = self.members.pop(name)
        member.process.send_signal(self.system.leave_signal)
        try:
            member.process.wait(START_WITHIN)
        except subprocess.TimeoutExpired:
            member.process.kill()
            member.process.wait()
        self.observer.forget(name)
        self.observer.wait(lambda: not self.who_say(Kind.ALIVE, name), WHOLE_WITHIN)

    def signal(self, names: Iterable[str], number: signal.Signals) -> None:
        """Sends all of them a signal."""
        for name in names:
            os.kill(self.members[name].process.pid, number)

    def add(self, name: str, number: int, words: list[str], parse: Parse) -> subprocess.Popen[bytes]:
        """Starts another program on that host, whose lines count as `name`'s."""
        process = self._spawn(name, self.network.command(number, words), parse)
        self._others.append(process)
        return process

    def end_others(self) -> None:
        """Ends what `add` has started."""
        for process in self._others:
            process.kill()
            process.wait()
        self._others.clear()

    def folder(self, name: str) -> Path:
        """What the member keeps."""
        return self._folder / name

    def who_say(self, kind: Kind, about: str) -> list[str]:
        """The running members that say this about that one."""
        views = self.observer.views
        return [name for name in self.members if views.get(name, {}).get(about) is kind]

    def ignorant(self) -> list[str]:
        """The running members that do not take all other running ones for alive."""
        views = self.observer.views
        return [
            name
            for name in self.members
            if any(
                views.get(name, {}).get(other) is not Kind.ALIVE for other in self.members if other != name
            )
        ]

    def is_whole(self) -> bool:
        """Whether every member takes every other for alive. It is asked at each event of a start, so most noes are found by counting."""
        counts = self.observer.alive
        return (
            all(counts.get(name, 0) >= len(self.members) - 1 for name in self.members) and not self.ignorant()
        )

    def wait_until_whole(self) -> bool:
        """Waits until every member takes every other for alive; False: in `WHOLE_WITHIN` they did not."""
        return self.observer.wait(self.is_whole, WHOLE_WITHIN)

    def failures_since(self, mark: int) -> list[Event]:
        """Every member's declarations since then that another has failed."""
        return [event for event in self.observer.since(mark) if event.kind is Kind.FAILED]

    def _spawn(self, name: str, words: list[str], parse: Parse) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        self.observer.watch(name, process.stdout, parse)
        return process


def name_of(number: int) -> str:
    """Of one of the first members."""
    return f"member-{number}"
