"""The command line."""

import argparse
from collections.abc import Callable
from pathlib import Path

SYSTEMS = ("gossiperl", "serf")
# Namespaces of a run are addressed in 10.79.0.0/16; beyond some hundred members two cores measure themselves.
MOST_MEMBERS = 200


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line, or ends with what is wrong with it."""
    parser = argparse.ArgumentParser(
        prog="ci/compare/membership",
        description="Compares the membership of gossiperl and Serf, and prints one Markdown table.",
    )
    parser.add_argument("--only", choices=SYSTEMS, help="only this system")
    parser.add_argument(
        "--sizes", type=_numbers(2, MOST_MEMBERS), default=[8, 30, 60], help="members of each fleet (8,30,60)"
    )
    parser.add_argument(
        "--loss",
        type=_numbers(0, 90),
        default=[0, 5, 20],
        help="percent of received packets that are lost (0,5,20)",
    )
    parser.add_argument(
        "--kills",
        type=_number(1, 1_000),
        default=10,
        help="kills, newcomers and messages at each size and loss (10)",
    )
    parser.add_argument(
        "--quiet", type=_number(1, 86_400), default=60, help="seconds of the quiet period (60)"
    )
    parser.add_argument(
        "--stalls",
        type=_number(1, 10_000),
        default=6,
        help="how often members are stopped for 5 s, every 10 s (6)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of who is killed, stopped and publishes (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes every figure there")
    parser.add_argument(
        "--quick", action="store_true", help="8 members, one short round: does it all still work?"
    )
    parser.add_argument(
        "--loopback", action="store_true", help="on loopback addresses, as where namespaces are not permitted"
    )
    parser.add_argument("--gossiperld", default="gossiperld", help=argparse.SUPPRESS)
    parser.add_argument("--gossiperl", default="gossiperl", help=argparse.SUPPRESS)
    parser.add_argument("--serf", default="serf", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.quick:
        options.sizes, options.loss, options.kills, options.quiet, options.stalls = [8], [0, 5], 1, 5, 1
    options.systems = [options.only] if options.only else list(SYSTEMS)
    return options


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not from {least} to {most}")
        return value

    return number


def _numbers(least: int, most: int) -> Callable[[str], list[int]]:
    number = _number(least, most)

    def numbers(text: str) -> list[int]:
        return sorted({number(part) for part in text.split(",")})

    return numbers
