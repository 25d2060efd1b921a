"""Reads what all processes print, stamps each line when it comes, and keeps what the lines say.

The time is the observer's for both systems, not the line's: Serf's log tells whole seconds.
"""

import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import IO


class Kind(Enum):
    """What a line says."""

    READY = "ready"
    ALIVE = "alive"
    FAILED = "failed"
    GONE = "gone"
    HEARD = "heard"


@dataclass(frozen=True)
class Event:
    """One line that says something: `observer`'s, about that member or message, at that second of the monotonic clock."""

    at: float
    observer: str
    kind: Kind
    about: str


# What a line of a log says and about whom; None: nothing of interest.
Parse = Callable[[str], tuple[Kind, str] | None]

# Events of one fleet; a healthy run of 60 members has some ten thousand. Beyond it the run ends rather than the memory.
MOST_EVENTS = 2_000_000
# Bytes of a line; longer ones are cut.
LONGEST_LINE = 65_536
# Last lines of each log, for the error message.
LINES_KEPT = 20


class Observer:
    """Watches any number of streams in a thread of its own."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        # What each observer says of each member: ALIVE, FAILED or GONE.
        self.views: dict[str, dict[str, Kind]] = {}
        # How many members each observer takes for alive.
        self.alive: dict[str, int] = {}
        self.ready: set[str] = set()
        self._last_lines: dict[str, deque[str]] = {}
        self._changed = threading.Condition()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._arriving: deque[_Source] = deque()
        self._closing = False
        self._thread = threading.Thread(target=self._read, name="observer", daemon=True)
        self._thread.start()

    def watch(self, name: str, stream: IO[bytes], parse: Parse) -> None:
        """Reads this stream to its end. What the name said in an earlier life is forgotten."""
        with self._changed:
            self.views[name] = {}
            self.alive[name] = 0
            self.ready.discard(name)
            self._last_lines[name] = deque(maxlen=LINES_KEPT)
        self._arriving.append(_Source(name, stream, parse))
        os.write(self._wake_write, b"!")

    def forget(self, name: str) -> None:
        """Its process has ended: it has no view of others any more."""
        with self._changed:
            self.views.pop(name, None)
            self.alive.pop(name, None)
            self.ready.discard(name)

    def wait(self, condition: Callable[[], bool], within: float) -> bool:
        """Waits until the condition holds, which is looked at after each event; False: it did not in so many seconds."""
        with self._changed:
            return self._changed.wait_for(condition, within)

    def mark(self) -> int:
        """Now, for `since`."""
        with self._changed:
            return len(self.events)

    def since(self, mark: int) -> list[Event]:
        """The events since then."""
        with self._changed:
            return self.events[mark:]

    def last_lines(self, name: str) -> str:
        """The end of its log."""
        with self._changed:
            return "\n".join(self._last_lines.get(name, ()))

    def close(self) -> None:
        """Stops reading; what the streams still have to say is lost."""
        self._closing = True
        os.write(self._wake_write, b"!")
        self._thread.join()
        self._register()
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                key.data.stream.close()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _read(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._wake_read, 4_096)
                    self._register()
                    continue
                data = os.read(key.fd, 65_536)
                now = time.monotonic()
                lines = key.data.lines(data)
                if lines:
                    self._handle(now, key.data, lines)
                if not data:
                    self._selector.unregister(key.fd)
                    key.data.stream.close()

    def _register(self) -> None:
        while self._arriving:
            source = self._arriving.popleft()
            self._selector.register(source.stream.fileno(), selectors.EVENT_READ, source)

    def _handle(self, now: float, source: "_Source", lines: list[str]) -> None:
        with self._changed:
            for line in lines:
                self._last_lines[source.name].append(line)
                parsed = source.parse(line)
                if parsed and len(self.events) < MOST_EVENTS:
                    self._take(Event(now, source.name, *parsed))
            self._changed.notify_all()

    def _take(self, event: Event) -> None:
        self.events.append(event)
        if event.kind is Kind.READY or (event.kind is Kind.ALIVE and event.about == event.observer):
            self.ready.add(event.observer)
        elif event.kind is not Kind.HEARD and event.observer in self.views:
            view = self.views[event.observer]
            before = view.get(event.about)
            view[event.about] = event.kind
            self.alive[event.observer] += (event.kind is Kind.ALIVE) - (before is Kind.ALIVE)


class _Source:
    """A stream and the line it is in the middle of."""

    def __init__(self, name: str, stream: IO[bytes], parse: Parse) -> None:
        self.name = name
        self.stream = stream
        self.parse = parse
        self._rest = b""

    def lines(self, data: bytes) -> list[str]:
        """The lines that this data completes; no data is the end, which completes the last one."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if not data and self._rest:
            whole, self._rest = [self._rest], b""
        self._rest = self._rest[:LONGEST_LINE]
        return [line.decode(errors="replace") for line in whole]
