"""The Markdown table: a row for each measurement and size, a column for each system and loss."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from measure import Quiet, Spread, Stalls

ABSENT = "–"


@dataclass
class Figures:
    """All that was measured of one system at one size and loss."""

    system: str
    size: int
    loss: int
    kills: list[Spread]
    known: list[Spread]
    knowing: list[Spread]
    messages: list[Spread]
    quiet: Quiet
    stalls: Stalls


Row = tuple[str, Callable[[Figures], str]]


def table(all_figures: list[Figures]) -> str:
    """The whole table."""
    columns = list(dict.fromkeys((figures.loss, figures.system) for figures in all_figures))
    columns.sort(key=lambda column: column[0])
    of = {(figures.size, figures.loss, figures.system): figures for figures in all_figures}
    heads = ["", *(f"{system}, {'no' if loss == 0 else f'{loss} %'} loss" for loss, system in columns)]
    lines = [heads, ["---"] * len(heads)]
    for size in sorted({figures.size for figures in all_figures}):
        for index, (name, show) in enumerate(ROWS):
            head = f"**{size} members**: {name}" if index == 0 else name
            cells = [of.get((size, loss, system)) for loss, system in columns]
            lines.append([head, *(ABSENT if figures is None else show(figures) for figures in cells)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def around(spreads: list[Spread]) -> str:
    """Seconds until the last observer knew: median, least to most; and how often some never did."""
    return _ranged(
        [spread.seconds[-1] for spread in spreads if spread.seconds],
        sum(spread.missing for spread in spreads),
    )


def half(spreads: list[Spread]) -> str:
    """Seconds until the median observer knew."""
    return _ranged([statistics.median(spread.seconds) for spread in spreads if spread.seconds], 0)


def _ranged(values: list[float], missing: int) -> str:
    never = f", {missing} never" if missing else ""
    if not values:
        return ABSENT + never
    return f"{seconds(statistics.median(values))} ({seconds(min(values))} to {seconds(max(values))}){never}"


def seconds(value: float) -> str:
    """Two digits that mean something, three from ten on."""
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def alarms(period: Quiet | Stalls) -> str:
    """False alarms per member-hour, and how many that were."""
    if period.alarms == 0:
        return "0"
    return f"{period.alarms / period.member_hours:.1f} ({period.alarms})"


def stops(period: Stalls) -> str:
    """How many stops somebody took for a failure."""
    return f"{period.stops_declared} of {period.stops}"


def _rate(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.0f}"


ROWS: list[Row] = [
    ("a killed member known to all survivors, s", lambda figures: around(figures.kills)),
    ("known to half of them, s", lambda figures: half(figures.kills)),
    ("a newcomer known to all, s", lambda figures: around(figures.known)),
    ("the newcomer knows all, s", lambda figures: around(figures.knowing)),
    ("a message at all members, s", lambda figures: around(figures.messages)),
    ("false alarms in quiet, per member-hour", lambda figures: alarms(figures.quiet)),
    ("about others while some are stopped, per member-hour", lambda figures: alarms(figures.stalls)),
    ("stops of 5 s told as failures", lambda figures: stops(figures.stalls)),
    ("sent when idle: UDP, B/s", lambda figures: _rate(figures.quiet.udp_bytes_per_second)),
    ("sent when idle: TCP, B/s", lambda figures: _rate(figures.quiet.tcp_bytes_per_second)),
    ("resident memory, MB", lambda figures: f"{figures.quiet.resident_bytes / 1e6:.1f}"),
    ("CPU when idle, %", lambda figures: f"{figures.quiet.cpu_share * 100:.3f}"),
]
