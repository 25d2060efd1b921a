"""Serf's agents: how they are started and what their log says."""

import re
import signal
import subprocess
from pathlib import Path

from network import Network
from observer import Kind, Parse

PORT = 7946
RPC_PORT = 7373

_MEMBER = re.compile(r"\[INFO\] serf: EventMember(Join|Failed|Leave|Reap): (\S+) ")
_EVENT = re.compile(r"\[INFO\] agent: Received event: user-event: (\S+)$")
_KINDS = {"Join": Kind.ALIVE, "Failed": Kind.FAILED, "Leave": Kind.GONE, "Reap": Kind.GONE}


def parse(line: str) -> tuple[Kind, str] | None:
    """What a line of an agent's log says."""
    if member := _MEMBER.search(line):
        return _KINDS[member[1]], member[2]
    if event := _EVENT.search(line):
        return Kind.HEARD, event[1]
    return None


class Serf:
    """`serf agent`, as Debian packages it."""

    title = "Serf"
    settings = (
        "profile lan (the default) and every other default, so nothing is encrypted; `serf agent -retry-join` "
        "with three seeds; failures and joins are the log's lines `serf: EventMember…`, which come before the "
        "seconds for which events are gathered for handlers; `serf event -coalesce=false`, until every agent has "
        "logged it"
    )
    # Leaves in order.
    leave_signal = signal.SIGINT

    def __init__(self, program: str, network: Network) -> None:
        self._program = program
        self._network = network

    def version(self) -> str:
        """Debian's, since the program's own falls behind."""
        package = ["dpkg-query", "-W", "-f", "Serf ${Version} (Debian)", "serf"]
        try:
            return subprocess.run(package, check=True, capture_output=True, text=True).stdout
        except (OSError, subprocess.CalledProcessError):
            said = subprocess.run(
                [self._program, "version"], check=True, capture_output=True, text=True
            ).stdout
            return f"Serf {said.splitlines()[0]}"

    def command(self, number: int, name: str, seeds: list[int], _folder: Path) -> list[str]:
        """Starts the agent of this name on the host of this number."""
        joining = [f"-retry-join={self._network.address(seed)}:{PORT}" for seed in seeds if seed != number]
        bind = f"-bind={self._network.address(number)}:{PORT}"
        return [self._program, "agent", f"-node={name}", bind, self._rpc(number), "-profile=lan", *joining]

    def parser(self) -> Parse:
        """Reads an agent's log."""
        return parse

    def publish(self, number: int, label: str, _folder: Path) -> list[str]:
        """Sends an event of this name from that host."""
        return [self._program, "event", "-coalesce=false", self._rpc(number), label]

    def subscribe(self, _number: int, _folder: Path) -> None:
        """Agents log events themselves."""

    def _rpc(self, number: int) -> str:
        return f"-rpc-addr={self._network.local_address(number)}:{RPC_PORT}"
