"""Whether what one language publishes arrives unharmed in every other.

One gossiperld, a receiver in each language, then a publisher in each, one after the other. All publish the same messages, made to hurt: empty and 60,000 bytes, bytes that are no UTF-8 in payloads and
names, the extremes of each kind of field, NaN. Each receiver must write each of them exactly as it was given to the publisher, in order.

Some bytes are random: the seed is told, and SEED=… repeats it. VERBOSE=1 shows what differs.
"""

import os
import random
import struct
import sys
import time

from peers import LONG, Daemon, Peer, peers


def hexadecimal(data: bytes) -> str:
    return data.hex() or "-"


def double(value: float) -> str:
    return struct.pack(">d", value).hex()


def extremes() -> list[tuple[int, str, object]]:
    """Every kind of field at its ends."""
    # None of these is a signalling NaN, which may become quiet in a processor's registers.
    nans = ["7ff8000000000000", "fff8000000000000", "7ff8000000000123"]
    doubles = [double(value) for value in (float("inf"), float("-inf"), -0.0, 5e-324, 1.7976931348623157e308)]
    strings = ["-", "00ff80c0", hexadecimal("größe 🙂".encode())]
    values: list[tuple[str, object]] = [("bool", "true"), ("bool", "false")]
    for kind, bits in (("byte", 8), ("i16", 16), ("i32", 32), ("i64", 64)):
        values += [(kind, -(2 ** (bits - 1))), (kind, 2 ** (bits - 1) - 1), (kind, 0)]
    # One that a double does not hold.
    values += [("i64", 2**53 + 1)]
    values += [("double", bits) for bits in doubles + nans] + [("string", text) for text in strings]
    return [(place + 1, kind, value) for place, (kind, value) in enumerate(values)]


def fields(held: list[tuple[int, str, object]]) -> str:
    return ",".join(f"{number}:{kind}:{value}" for number, kind, value in held) or "-"


def messages(generator: random.Random, publisher: str) -> list[str]:
    """The lines that one publisher is given; its name is in every event type."""
    plain, odd, digest = (hexadecimal(kind + publisher.encode()) for kind in (b"plain.", b"\xff\xfe\x00.", b"digest."))
    return [
        f"bytes {plain} -",
        f"bytes {plain} {hexadecimal(b'hello')}",
        f"bytes {plain} {hexadecimal(bytes(range(256)))}",
        f"bytes {plain} {hexadecimal(generator.randbytes(60_000))}",
        f"bytes {odd} {hexadecimal(generator.randbytes(100))}",
        f"digest {digest} -",
        f"digest {digest} {fields(extremes())}",
        f"digest {digest} {fields([(-32768, 'i64', 1), (0, 'string', hexadecimal(b'zero')), (32767, 'byte', -1)])}",
        f"digest {digest} {fields([(7, 'string', hexadecimal(generator.randbytes(50_000)))])}",
    ]


def of_type(lines: list[str], event_type: str) -> list[str]:
    return [line for line in lines if line.split(" ")[1] == event_type]


class Matrix:
    """What each language published, and what came of it."""

    def __init__(self, sent: dict[str, list[str]]) -> None:
        self.sent = sent
        self.passed = self.failed = 0

    def check(self, good: bool, otherwise: str) -> None:
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        if not good:
            print(f"!! {otherwise}")

    def event_types(self) -> list[str]:
        return sorted({line.split(" ")[1] for lines in self.sent.values() for line in lines})

    def publish(self, name: str, publisher: Peer) -> None:
        lines = self.sent[name]
        publisher.write("\n".join(lines) + "\n")
        publisher.end()
        said = publisher.line(time.monotonic() + LONG)
        self.check(said == f"done {len(lines)}", f"{name} said {said!r} instead of done {len(lines)}")
        self.check(publisher.left() == 0, f"{name}: its publisher did not end with 0")

    def receive(self, name: str, receiver: Peer) -> None:
        expected, until, got = sum(map(len, self.sent.values())), time.monotonic() + LONG, list[str]()
        while len(got) < expected and (line := receiver.line(until)) is not None:
            got.append(line)
        for publisher, lines in self.sent.items():
            # Messages of one publisher and one type come in the order they were published.
            types = sorted({line.split(" ")[1] for line in lines})
            wrong = [kind for kind in types if of_type(got, kind) != of_type(lines, kind)]
            self.check(not wrong, f"{publisher} to {name}: {[bytes.fromhex(kind) for kind in wrong]} differ")
            for kind in wrong if os.environ.get("VERBOSE") else []:
                print("\n".join(["sent:", *of_type(lines, kind), "got:", *of_type(got, kind)]))
        receiver.end()
        self.check(receiver.left() == 0, f"{name}: its receiver did not end with 0")


def main() -> int:
    programs = peers("debug", sys.argv[1:])
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    print(f"{len(programs)} peers, SEED={seed}: {', '.join(programs)}")
    generator = random.Random(seed)
    matrix = Matrix({name: messages(generator, name) for name in programs})
    daemon, started = Daemon("debug"), list[Peer]()

    def start(name: str, what: str) -> Peer:
        started.append(Peer(programs[name], what, str(daemon.port), f"{name} {what}s"))
        return started[-1]

    try:
        receivers = {name: start(name, "receive") for name in programs}
        for receiver in receivers.values():
            receiver.write(",".join(matrix.event_types()) + "\n")
        for name, receiver in receivers.items():
            said = receiver.line(time.monotonic() + LONG)
            matrix.check(said == "ready", f"{name} said {said!r} instead of ready")
        for name in programs:
            matrix.publish(name, start(name, "publish"))
        for name, receiver in receivers.items():
            matrix.receive(name, receiver)
    finally:
        for peer in started:
            peer.kill()
        daemon.stop()
    print(f"{matrix.passed} passed, {matrix.failed} failed, 0 skipped")
    return 1 if matrix.failed else 0


if __name__ == "__main__":
    sys.exit(main())
