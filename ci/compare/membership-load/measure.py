"""The measurements, each on a fleet in which all know all, and each leaving it so."""

import contextlib
import random
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

from fleet import Fleet
from observer import Event, Kind
from usage import cpu_seconds, resident_bytes

# Seconds for a failure, a newcomer or a message to get around before it counts as unknown to the rest.
KNOWN_WITHIN = 120
# Messages of each publisher before those that are measured, at most, and seconds for each.
WARM_UPS, WARMED_UP_WITHIN = 10, 5
# How long members are stopped, and left to recover before the next are.
STOPPED_FOR = 5
STALL_EVERY = 10
# Share of the fleet that is stopped at a time, at least one member.
STOPPED_SHARE = 0.05
# Seconds until what a start or a failure left to be told has been told, and the fleet is idle.
IDLE_AFTER = 10


@dataclass
class Spread:
    """How one thing got around: seconds until each of those who learnt of it did, and how many did not in `KNOWN_WITHIN`."""

    seconds: list[float] = field(default_factory=list)
    missing: int = 0


@dataclass
class Quiet:
    """A period without events: false alarms in all logs, and what a member uses."""

    member_hours: float
    alarms: int
    udp_bytes_per_second: float | None
    tcp_bytes_per_second: float | None
    resident_bytes: float
    cpu_share: float


@dataclass
class Stalls:
    """A period in which members are stopped: declarations about those that were not, and about those that were."""

    member_hours: float
    alarms: int
    stops: int
    stops_declared: int
    declarations: int


@dataclass
class Stop:
    """A member was stopped from then to then."""

    name: str
    begin: float
    end: float


def kills(fleet: Fleet, count: int, chance: random.Random) -> list[Spread]:
    """Kills a member, waits until every other says that it failed, and starts it again; so many times."""
    spreads = []
    for _ in range(count):
        victim = fleet.members[chance.choice(sorted(fleet.members))]
        spreads.append(_kill(fleet, victim.name))
        fleet.start(victim.name, victim.number)
        fleet.wait_until_ready(victim.name)
        heal(fleet)
    return spreads


def _kill(fleet: Fleet, victim: str) -> Spread:
    survivors = fleet.who_say(Kind.ALIVE, victim)
    mark, begin = fleet.observer.mark(), time.monotonic()
    fleet.kill(victim)
    fleet.observer.wait(lambda: set(survivors) <= set(fleet.who_say(Kind.FAILED, victim)), KNOWN_WITHIN)
    return spread(fleet.observer.since(mark), Kind.FAILED, victim, survivors, begin)


def newcomers(fleet: Fleet, count: int) -> tuple[list[Spread], list[Spread]]:
    """Starts a member nobody knows: when the others know it, and when it knows them. It leaves before the next one comes."""
    known, knowing = [], []
    for _ in range(count):
        name = f"newcomer-{fleet.observer.mark()}"
        others = sorted(fleet.members)
        mark, begin = fleet.observer.mark(), time.monotonic()
        fleet.start(name, fleet.size + 1)
        fleet.observer.wait(fleet.is_whole, KNOWN_WITHIN)
        events = fleet.observer.since(mark)
        known.append(spread(events, Kind.ALIVE, name, others, begin))
        own = [event for event in events if event.observer == name and event.kind is Kind.ALIVE]
        first = {event.about: event.at for event in reversed(own)}
        times = [first[other] - begin for other in others if other in first]
        knowing.append(Spread(sorted(times), len(others) - len(times)))
        fleet.leave(name)
        heal(fleet)
    return known, knowing


def quiet(fleet: Fleet, seconds: float) -> Quiet:
    """Leaves the fleet alone for so long, from the moment on when it is idle."""
    time.sleep(IDLE_AFTER)
    members = list(fleet.members.values())
    mark = fleet.observer.mark()
    before = {member.name: (time.monotonic(), fleet.network.sent(member.number)) for member in members}
    cpu_before = {member.name: cpu_seconds(member.process.pid) for member in members}
    begin = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - begin
    cpu = sum(cpu_seconds(member.process.pid) - cpu_before[member.name] for member in members)
    udp, tcp = [], []
    for member in members:
        then, sent_before = before[member.name]
        now, sent = time.monotonic(), fleet.network.sent(member.number)
        if sent is not None and sent_before is not None:
            udp.append((sent.udp - sent_before.udp) / (now - then))
            tcp.append((sent.tcp - sent_before.tcp) / (now - then))
    hours = len(members) * (time.monotonic() - begin) / 3_600
    alarms = len(fleet.failures_since(mark))
    heal(fleet)
    return Quiet(
        member_hours=hours,
        alarms=alarms,
        udp_bytes_per_second=statistics.median(udp) if udp else None,
        tcp_bytes_per_second=statistics.median(tcp) if tcp else None,
        resident_bytes=statistics.median(resident_bytes(member.process.pid) for member in members),
        cpu_share=cpu / elapsed / len(members),
    )


def stalls(fleet: Fleet, turns: int, chance: random.Random) -> Stalls:
    """Stops some members for a while, again and again."""
    mark, begin = fleet.observer.mark(), time.monotonic()
    stops: list[Stop] = []
    for _ in range(turns):
        names = chance.sample(sorted(fleet.members), stopped_at_once(len(fleet.members)))
        stopped = time.monotonic()
        fleet.signal(names, signal.SIGSTOP)
        try:
            time.sleep(STOPPED_FOR)
        finally:
            fleet.signal(names, signal.SIGCONT)
        stops += [Stop(name, stopped, time.monotonic()) for name in names]
        time.sleep(STALL_EVERY - STOPPED_FOR)
    hours = len(fleet.members) * (time.monotonic() - begin) / 3_600
    result = count_stalls(fleet.failures_since(mark), stops, hours)
    heal(fleet)
    return result


def messages(fleet: Fleet, count: int, chance: random.Random) -> list[Spread]:
    """Publishes from random members: when everybody has it, since before the command was started."""
    hearing = {}
    for member in fleet.members.values():
        subscriber = fleet.system.subscribe(member.number, fleet.folder(member.name))
        hearing[member.name] = member.name if subscriber is None else f"{member.name}/subscriber"
        if subscriber is not None:
            fleet.add(hearing[member.name], member.number, *subscriber)
    listeners = sorted(hearing.values())
    fleet.observer.wait(lambda: set(listeners) <= fleet.observer.ready, KNOWN_WITHIN)
    publishers = [chance.choice(sorted(fleet.members)) for _ in range(count)]
    for publisher in dict.fromkeys(publishers):
        # That one gets to all shows that the publisher's host knows of all subscriptions.
        tries = (_publish(fleet, publisher, listeners, WARMED_UP_WITHIN) for _ in range(WARM_UPS))
        if all(tried.missing for tried in tries):
            note(f"{fleet.system.title}: what {publisher} publishes does not get to all")
    spreads = [_publish(fleet, publisher, listeners, KNOWN_WITHIN) for publisher in publishers]
    fleet.end_others()
    return spreads


def _publish(fleet: Fleet, publisher: str, listeners: list[str], within: float) -> Spread:
    label = f"message-{time.monotonic_ns()}"
    number = fleet.members[publisher].number
    mark, begin = fleet.observer.mark(), time.monotonic()
    words = fleet.system.publish(number, label, fleet.folder(publisher))
    process = fleet.add(f"{publisher}/publisher", number, words, lambda _line: None)

    def heard_by_all() -> bool:
        heard = {event.observer for event in fleet.observer.events[mark:] if event.about == label}
        return set(listeners) <= heard

    fleet.observer.wait(heard_by_all, within)
    # It has done its work, or never will; what is left of it ends with the others.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(within)
    return spread(fleet.observer.since(mark), Kind.HEARD, label, listeners, begin)


def heal(fleet: Fleet) -> None:
    """Waits until all know all again; a fleet that does not get there goes on as it is, and that is said."""
    if not fleet.wait_until_whole():
        note(
            f"{fleet.system.title}: some members still do not know all others: {', '.join(fleet.ignorant())}"
        )


def spread(events: list[Event], kind: Kind, about: str, observers: list[str], begin: float) -> Spread:
    """When each of these observers first said so, in seconds from `begin`, sorted."""
    first: dict[str, float] = {}
    for event in events:
        if event.kind is kind and event.about == about:
            first.setdefault(event.observer, event.at - begin)
    seconds = sorted(first[observer] for observer in observers if observer in first)
    return Spread(seconds, len(observers) - len(seconds))


def count_stalls(failures: list[Event], stops: list[Stop], member_hours: float) -> Stalls:
    """Sorts declarations by whether they are about a member that is stopped, or was within the time left to recover."""
    declared = [False] * len(stops)
    declarations = 0
    for event in failures:
        about = [i for i, stop in enumerate(stops) if stop.name == event.about and _belongs(event, stop)]
        declarations += bool(about)
        for i in about:
            declared[i] = True
    return Stalls(member_hours, len(failures) - declarations, len(stops), sum(declared), declarations)


def _belongs(event: Event, stop: Stop) -> bool:
    return stop.begin <= event.at <= stop.end + STALL_EVERY - STOPPED_FOR


def stopped_at_once(members: int) -> int:
    """How many of so many members are stopped at a time."""
    return max(1, round(members * STOPPED_SHARE))


def note(text: str) -> None:
    """Tells whoever waits."""
    print(text, file=sys.stderr, flush=True)
