"""Where the members stand: each in a network namespace of its own, all on one bridge, or on loopback addresses.

Numbers begin with 1. Loss and counters are nftables' in each namespace: of received UDP and TCP packets a share is
dropped at random, and sent ones are counted with their IP headers.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from containment import NAMES

PREFIX = "10.79"
LOOPBACK_PREFIX = "127.79"
COUNTERS = ("udp", "tcp")


@dataclass(frozen=True)
class Sent:
    """Bytes sent so far, with IP headers."""

    udp: int
    tcp: int


class Segment:
    """One network segment with a namespace for each member. Is to be made inside of `containment.contain`, with which it vanishes."""

    description = (
        "each member in a network namespace of its own, joined by a bridge. Loss is of received UDP and TCP "
        "packets alike, at every member. Bytes are those sent, with IP headers, of the median member"
    )
    # Where the members keep their files: in memory, and seen by nobody else.
    scratch: Path | None = NAMES

    def __init__(self, count: int) -> None:
        # Without spanning tree and querier a bridge passes everything on at once.
        outside = [
            "link add br0 type bridge forward_delay 0 mcast_snooping 0",
            "link set br0 up",
            "link set lo up",
        ]
        for number in range(1, count + 1):
            _run(["ip", "netns", "add", _namespace(number)])
            # No IPv6, whose own multicast would have to be told from the members'.
            self._inside(
                number,
                [
                    "sysctl",
                    "-q",
                    "-w",
                    "net.ipv6.conf.all.disable_ipv6=1",
                    "net.ipv6.conf.default.disable_ipv6=1",
                ],
            )
            # Packets are cut up as on a real network before they are lost, not lost by the train.
            outside += [
                f"link add p{number} gso_max_segs 1 type veth peer name eth0 address {_hardware(number)} netns {_namespace(number)}",
                f"link set p{number} master br0 up",
            ]
        _batch(["ip", "-batch", "-"], outside)
        # The system bounds the neighbours of all namespaces together, the machine's own included, at some thousand; those that are
        # given for good do not count. Without this a fleet of 60 loses its packets, and the machine its network.
        neighbours = [
            f"neighbour add {self.address(other)} lladdr {_hardware(other)} nud permanent dev eth0"
            for other in range(1, count + 1)
        ]
        for number in range(1, count + 1):
            inside = [
                f"address add {self.address(number)}/16 dev eth0",
                "link set eth0 gso_max_segs 1 up",
                "link set lo up",
            ]
            inside += neighbours[: number - 1] + neighbours[number:]
            _batch(["ip", "-n", _namespace(number), "-batch", "-"], inside)
            self._nft(number, ruleset())
        self._count = count

    def address(self, number: int) -> str:
        """Where others find the member."""
        return _address(PREFIX, number)

    def local_address(self, _number: int) -> str:
        """Where the member's own host finds it."""
        return "127.0.0.1"

    def command(self, number: int, words: list[str]) -> list[str]:
        """These words as a command that runs where the member stands."""
        return ["nsenter", f"--net={NAMES / _namespace(number)}", *words]

    def lose(self, percent: int) -> None:
        """From here on so many of a hundred packets are lost on arrival."""
        for number in range(1, self._count + 1):
            self._nft(number, loss_rules(percent))

    def sent(self, number: int) -> Sent:
        """What the member has sent."""
        return sent_bytes(self._inside(number, ["nft", "-j", "list", "counters"]))

    def _nft(self, number: int, rules: str) -> None:
        _batch(self.command(number, ["nft", "-f", "-"]), [rules])

    def _inside(self, number: int, words: list[str]) -> str:
        return _run(self.command(number, words))


class Loopback:
    """The members side by side on addresses of the loopback device: nothing is lost, nothing counted for each."""

    description = (
        "members on loopback addresses, for want of network namespaces (they take root), therefore without loss "
        "and counters; there gossiperl is told by the system which ports are closed"
    )
    scratch: Path | None = None

    def address(self, number: int) -> str:
        """Where others find the member."""
        return _address(LOOPBACK_PREFIX, number)

    def local_address(self, number: int) -> str:
        """Where the member's own host finds it."""
        return self.address(number)

    def command(self, _number: int, words: list[str]) -> list[str]:
        """These words as a command that runs where the member stands, and ends when we do."""
        return ["setpriv", "--pdeathsig", "KILL", *words]

    def lose(self, percent: int) -> None:
        """Nothing can be lost here."""
        if percent:
            raise ValueError("loopback addresses lose nothing")

    def sent(self, _number: int) -> None:
        """Cannot be told apart here."""


Network = Segment | Loopback


def ruleset() -> str:
    """What nftables is told once in each namespace."""
    counters = "".join(f"counter sent-{name} {{}}\n" for name in COUNTERS)
    counting = "".join(f'oifname "eth0" meta l4proto {name} counter name sent-{name}\n' for name in COUNTERS)
    return (
        f"table inet compare {{\n{counters}"
        f"chain sent {{\ntype filter hook output priority 0\n{counting}}}\n"
        "chain received {\ntype filter hook input priority 0\n}\n}\n"
    )


def loss_rules(percent: int) -> str:
    """Replaces what is lost so far."""
    rules = "flush chain inet compare received\n"
    if percent:
        rules += (
            'add rule inet compare received iifname "eth0" meta l4proto { udp, tcp } '
            f"numgen random mod 100 < {percent} drop\n"
        )
    return rules


def sent_bytes(listed: str) -> Sent:
    """Reads `nft -j list counters`."""
    objects = [entry["counter"] for entry in json.loads(listed)["nftables"] if "counter" in entry]
    counted = {counter["name"]: counter["bytes"] for counter in objects}
    return Sent(**{name: counted[f"sent-{name}"] for name in COUNTERS})


def _namespace(number: int) -> str:
    return f"member-{number}"


def _hardware(number: int) -> str:
    return f"02:00:00:00:{number // 256:02x}:{number % 256:02x}"


def _address(prefix: str, number: int) -> str:
    return f"{prefix}.{number // 250}.{number % 250 + 1}"


def _run(words: list[str]) -> str:
    return _batch(words, [])


def _batch(words: list[str], lines: list[str]) -> str:
    done = subprocess.run(words, input="\n".join(lines) + "\n", capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
