"""The client for threads: the same as in asyncio, without ``await``.

::

    from gossiperl.blocking import Client

    with Client(port=6666, name="shop", key=KEY) as client:
        client.subscribe("orders")
        for delivery in client.deliveries():
            ...

What waits releases the interpreter, so that other threads run, and ends with ``KeyboardInterrupt`` on Ctrl-C.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Optional

from ._base import BATCH, Base, Message, batches
from ._errors import ForkedError
from ._events import Event, Member
from ._native import Delivery

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._base import Options

__all__ = ["Client", "connect", "start"]


class Client(Base):
    """A client of one overlay of the host's daemon: publishes, subscribes, and knows the members.

    It connects again by itself when the daemon was away, and subscribes again. Several threads may use it at once.
    All of its events come in one stream. Readers share it: each event goes to one of them.
    """

    def connect(self) -> None:
        """Connects, and waits for the first session.

        Raises ``OptionError``, ``SystemError`` or ``RefusedError`` at once, and ``UnreachableError`` or
        ``TimeoutError`` after ``connect_timeout`` seconds (10).
        """
        self._settle(self._unstarted().connect(None))

    def start(self) -> None:
        """As ``connect``, without waiting: the daemon may come later, and what is published waits until then."""
        self._settle(self._unstarted().start())

    def subscribe(self, *event_types: str) -> None:
        """Subscribes to event types, and waits until the daemon serves them; while there is no session, until there is one.

        Those subscribed to already are left as they are. Raises ``ArgumentError``, ``RefusedError`` or
        ``ClosedError``; none of the types is subscribed to then.
        """
        self._open().subscribe(None, event_types)

    def unsubscribe(self, *event_types: str) -> None:
        """Ends subscriptions, and waits until the daemon knows. What was delivered before is still read."""
        self._open().unsubscribe(None, event_types)

    def subscriptions(self) -> list[str]:
        """The event types subscribed to, by name. Waits for changes under way."""
        return self._open().subscriptions(None)

    def publish(self, event_type: str, message: Message) -> None:
        """Publishes bytes or a digest's fields, and waits until the daemon has taken responsibility for it.

        While the daemon is away, or a subscriber of the type is too slow, it waits. Raises ``ArgumentError``,
        ``RefusedError``, ``NotAcknowledgedError`` (protocol 1 only) or ``ClosedError``.
        """
        self._open().publish(None, event_type, message)

    def send(self, event_type: str, message: Message) -> None:
        """Hands over a message as soon as there is room, and does not wait for the acknowledgement: ``flush`` does, and tells what failed."""
        connection = self._open()
        if not connection.offer(event_type, message):
            connection.send(None, event_type, message)

    def send_all(self, event_type: str, messages: Iterable[Message]) -> None:
        """As ``send`` for many messages of one type, in order: it costs much less a message.

        They cross by the thousand. Where one cannot be handed over, those before it may have been.
        """
        for batch in batches(messages):
            self._open().send_all(None, event_type, batch)

    def flush(self) -> None:
        """Waits until the daemon has taken responsibility for everything published so far. Raises the first failure since the last flush."""
        self._open().flush(None)

    def members(self) -> list[Member]:
        """The members as the daemon knows them now."""
        return self._open().members(None)

    def watch_members(self) -> list[Member]:
        """The members as they are now; every change from now on is a ``MemberChanged``."""
        return self._open().watch_members(None)

    def events(self) -> Iterator[Event]:
        """All events, until the client is closed and everything has been read.

        ``break`` loses nothing: the next reader goes on where this one stopped.
        """
        self._open()
        popleft = self._ready.popleft
        while True:
            try:
                event = popleft()
            except IndexError:
                if not self._fill():
                    return
                continue
            yield event

    def deliveries(self) -> Iterator[Delivery]:
        """The messages; passes over all other events."""
        for event in self.events():
            if isinstance(event, Delivery):
                yield event

    def next_events(self, max: int = BATCH, timeout: Optional[float] = None) -> list[Event]:
        """Waits for events and takes at most ``max`` of them, as many as there are: the cheapest way to read many.

        Empty when ``timeout`` seconds are over. Raises ``ClosedError`` when the client is closed and everything has been read.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            taken = self._take(max)
            if taken:
                return taken
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0 or not self._open().wait_readable(left):
                return []

    def next_event(self, timeout: Optional[float] = None) -> Optional[Event]:
        """The next event; ``None`` when ``timeout`` seconds are over.

        Raises ``ClosedError`` when the client is closed and everything has been read.
        """
        events = self.next_events(1, timeout)
        return events[0] if events else None

    def drain(self) -> None:
        """Lets the work under way come to its end: ends all subscriptions, and waits until everything published is acknowledged."""
        self._open().drain(None)

    def close(self) -> None:
        """Closes: waits until what was published is acknowledged, at most ``close_timeout`` seconds (2), and says goodbye.

        What was delivered can still be read. Closing again does nothing.
        """
        if self._connection is not None:
            self._connection.close(None)

    def _fill(self) -> bool:
        """Waits until events are ready to be handed out; false where none will come."""
        connection, ready = self._open(), self._ready
        while not ready:
            taken = connection.take(BATCH)
            if taken is None:
                return bool(ready)
            if taken:
                ready.extend(taken)
            elif not ready:
                connection.wait_readable()
        return True

    def __enter__(self) -> Client:
        if self._connection is None:
            self.connect()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        try:
            self.close()
        except ForkedError:
            # It is the parent's to close.
            pass


def connect(**options: Unpack[Options]) -> Client:
    """Makes a client and connects it."""
    client = Client(**options)
    client.connect()
    return client


def start(**options: Unpack[Options]) -> Client:
    """Makes a client and starts it, without waiting for the daemon."""
    client = Client(**options)
    client.start()
    return client
