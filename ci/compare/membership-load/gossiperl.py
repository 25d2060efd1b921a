"""Our daemons: how they are started and what their log says."""

import json
import secrets
import signal
import subprocess
from pathlib import Path

from network import Network
from observer import Kind, Parse

PORT = 6666
EVENT_TYPE = "compare"

_KINDS = {
    "member_in": Kind.ALIVE,
    "member_rejoin": Kind.ALIVE,
    "member_unreachable": Kind.FAILED,
    "member_drop": Kind.GONE,
    "member_out": Kind.GONE,
}


def parse_log(line: str) -> tuple[Kind, str] | None:
    """What a line of gossiperld's JSON log says; about members, not clients."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    if said.get("message") == "started":
        return Kind.READY, ""
    kind, member = _KINDS.get(str(said.get("message"))), said.get("member")
    return (kind, member) if kind and isinstance(member, str) else None


def parse_subscriber(line: str) -> tuple[Kind, str] | None:
    """What a line of `gossiperl subscribe` says."""
    if line.startswith("subscribed to "):
        return Kind.READY, ""
    event_type, separator, payload = line.partition("  ")
    return (Kind.HEARD, payload) if separator and event_type == EVENT_TYPE else None


class Gossiperl:
    """`gossiperld`, and `gossiperl` for messages."""

    title = "gossiperl"
    settings = (
        "preset lan and every other default, so everything between hosts is sealed; three seeds; failures are "
        "`member_unreachable` and joins `member_in` in the daemon's log; messages go from `gossiperl publish` to "
        "a `gossiperl subscribe` beside each daemon, until all have printed it"
    )
    # Leaves in order.
    leave_signal = signal.SIGTERM

    def __init__(self, daemon: str, program: str, network: Network) -> None:
        self._daemon = daemon
        self._program = program
        self._network = network
        self._key = secrets.token_hex(32)

    def version(self) -> str:
        """As it says itself."""
        return subprocess.run(
            [self._daemon, "--version"], check=True, capture_output=True, text=True
        ).stdout.strip()

    def command(self, number: int, name: str, seeds: list[int], folder: Path) -> list[str]:
        """Starts the daemon of this name on the host of this number, with what it keeps in that folder."""
        configuration = folder / "gossiperl.toml"
        addresses = [self._network.address(seed) for seed in seeds]
        configuration.touch(mode=0o600)
        configuration.write_text(
            f'data_dir = "{folder}/data"\nrest = false\n[log]\nformat = "json"\n[overlays.compare]\n'
            f'ip = "{self._network.address(number)}"\nport = {PORT}\nmember_name = "{name}"\n'
            f'symmetric_key = "{self._key}"\nsecret = "{self._key}"\n'
            f"racks = {{ default = {json.dumps(addresses)} }}\n"
        )
        return [self._daemon, "--config", str(configuration)]

    def parser(self) -> Parse:
        """Reads a daemon's log."""
        return parse_log

    def publish(self, _number: int, label: str, folder: Path) -> list[str]:
        """Publishes this payload on the host of the daemon with that folder."""
        return [self._program, "publish", "--config", str(folder / "gossiperl.toml"), EVENT_TYPE, label]

    def subscribe(self, _number: int, folder: Path) -> tuple[list[str], Parse]:
        """A subscriber on the host of the daemon with that folder, and who reads what it prints."""
        return [
            self._program,
            "subscribe",
            "--config",
            str(folder / "gossiperl.toml"),
            EVENT_TYPE,
        ], parse_subscriber
