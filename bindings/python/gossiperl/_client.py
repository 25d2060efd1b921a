"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Optional

from ._base import BATCH, Base, Message, batches
from ._errors import ForkedError
from ._events import Event, Member
from ._loops import bridge_of, ended
from ._native import Bridge, Delivery

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._base import Options


class Client(Base):
    """A client of one overlay of the host's daemon: publishes, subscribes, and knows the members.

    ::

        async with Client(port=6666, name="shop", key=KEY) as client:
            await client.subscribe("orders")
            async for delivery in client.deliveries():
                ...

    It connects again by itself when the daemon was away, and subscribes again. It belongs to no event loop: several, in
    several threads, may use it, and one after the other. Whatever is awaited may be cancelled: an event that was waited
    for comes to the next who waits, and what was to be published is published or not, as if it had been called a moment
    later or earlier.

    All of its events come in one stream. Readers share it: each event goes to one of them.
    """

    # The loop it was last used in and that one's bridge, set at once: other threads do the same.
    _last: tuple[Optional[asyncio.AbstractEventLoop], Optional[Bridge]] = (None, None)
    _unwaited = 0

    async def connect(self) -> None:
        """Connects, and waits for the first session.

        Raises ``OptionError``, ``SystemError`` or ``RefusedError`` at once, and ``UnreachableError`` or
        ``TimeoutError`` after ``connect_timeout`` seconds (10).
        """
        settings, bridge = self._unstarted(), self._here()
        self._settle(await ended(bridge, settings.connect(bridge)))

    def start(self) -> None:
        """As ``connect``, without waiting: the daemon may come later, and what is published waits until then."""
        self._settle(self._unstarted().start())

    async def subscribe(self, *event_types: str) -> None:
        """Subscribes to event types, and waits until the daemon serves them; while there is no session, until there is one.

        Those subscribed to already are left as they are. Raises ``ArgumentError``, ``RefusedError`` or
        ``ClosedError``; none of the types is subscribed to then.
        """
        connection, bridge = self._open(), self._here()
        await ended(bridge, connection.subscribe(bridge, event_types))

    async def unsubscribe(self, *event_types: str) -> None:
        """Ends subscriptions, and waits until the daemon knows. What was delivered before is still read."""
        connection, bridge = self._open(), self._here()
        await ended(bridge, connection.unsubscribe(bridge, event_types))

    async def subscriptions(self) -> list[str]:
        """The event types subscribed to, by name. Waits for changes under way."""
        connection, bridge = self._open(), self._here()
        return await ended(bridge, connection.subscriptions(bridge))

    async def publish(self, event_type: str, message: Message) -> None:
        """Publishes bytes or a digest's fields, and waits until the daemon has taken responsibility for it.

        While the daemon is away, or a subscriber of the type is too slow, it waits. Calls made one after the other keep
        their order, whether or not they are awaited together. Raises ``ArgumentError``, ``RefusedError``,
        ``NotAcknowledgedError`` (protocol 1 only) or ``ClosedError``.
        """
        connection, bridge = self._open(), self._here()
        await ended(bridge, connection.publish(bridge, event_type, message))

    async def send(self, event_type: str, message: Message) -> None:
        """Hands over a message as soon as there is room, and does not wait for the acknowledgement: ``flush`` does, and tells what failed."""
        connection = self._open()
        if not connection.offer(event_type, message):
            bridge = self._here()
            await ended(bridge, connection.send(bridge, event_type, message))

    async def send_all(self, event_type: str, messages: Iterable[Message]) -> None:
        """As ``send`` for many messages of one type, in order: it costs much less a message.

        They cross by the thousand. Where one cannot be handed over, those before it may have been.
        """
        for batch in batches(messages):
            connection, bridge = self._open(), self._here()
            await ended(bridge, connection.send_all(bridge, event_type, batch))

    async def flush(self) -> None:
        """Waits until the daemon has taken responsibility for everything published so far. Raises the first failure since the last flush."""
        connection, bridge = self._open(), self._here()
        await ended(bridge, connection.flush(bridge))

    async def members(self) -> list[Member]:
        """The members as the daemon knows them now."""
        connection, bridge = self._open(), self._here()
        return await ended(bridge, connection.members(bridge))

    async def watch_members(self) -> list[Member]:
        """The members as they are now; every change from now on is a ``MemberChanged``."""
        connection, bridge = self._open(), self._here()
        return await ended(bridge, connection.watch_members(bridge))

    async def events(self) -> AsyncIterator[Event]:
        """All events, until the client is closed and everything has been read.

        ``break`` loses nothing: the next reader goes on where this one stopped.
        """
        self._open()
        popleft = self._ready.popleft
        while True:
            try:
                event = popleft()
            except IndexError:
                if not await self._fill():
                    return
                continue
            yield event

    async def deliveries(self) -> AsyncIterator[Delivery]:
        """The messages; passes over all other events."""
        self._open()
        popleft = self._ready.popleft
        while True:
            try:
                event = popleft()
            except IndexError:
                if not await self._fill():
                    return
                continue
            if isinstance(event, Delivery):
                yield event

    async def next_events(self, max: int = BATCH, timeout: Optional[float] = None) -> list[Event]:
        """Waits for events and takes at most ``max`` of them, as many as there are: the cheapest way to read many.

        Empty when ``timeout`` seconds are over. Raises ``ClosedError`` when the client is closed and everything has been read.
        """
        until = None if timeout is None else asyncio.get_running_loop().time() + timeout
        while True:
            await self._turn()
            taken = self._take(max)
            if taken:
                self._unwaited += len(taken)
                return taken
            if until is None:
                await self._readable()
                continue
            try:
                await asyncio.wait_for(self._readable(), until - asyncio.get_running_loop().time())
            except asyncio.TimeoutError:
                return []

    async def next_event(self) -> Event:
        """The next event. Raises ``ClosedError`` when the client is closed and everything has been read."""
        return (await self.next_events(1))[0]

    async def drain(self) -> None:
        """Lets the work under way come to its end: ends all subscriptions, and waits until everything published is acknowledged."""
        connection, bridge = self._open(), self._here()
        await ended(bridge, connection.drain(bridge))

    async def close(self) -> None:
        """Closes: waits until what was published is acknowledged, at most ``close_timeout`` seconds (2), and says goodbye.

        What was delivered can still be read. Closing again does nothing.
        """
        if self._connection is not None:
            bridge = self._here()
            await ended(bridge, self._connection.close(bridge))

    async def _fill(self) -> bool:
        """Waits until events are ready to be handed out; false where none will come."""
        connection, ready = self._open(), self._ready
        while not ready:
            await self._turn()
            taken = connection.take(BATCH)
            if taken is None:
                return bool(ready)
            if taken:
                self._unwaited += len(taken)
                ready.extend(taken)
            elif not ready:
                await self._readable()
        return True

    async def _turn(self) -> None:
        """Lets others run: a reader that finds something each time would keep them from it."""
        if self._unwaited >= BATCH:
            self._unwaited = 0
            await asyncio.sleep(0)

    async def _readable(self) -> None:
        connection, bridge = self._open(), self._here()
        await ended(bridge, connection.readable(bridge))
        self._unwaited = 0

    def _here(self) -> Bridge:
        loop = asyncio.get_running_loop()
        last, bridge = self._last
        if bridge is None or loop is not last:
            bridge = bridge_of(loop)
            self._last = (loop, bridge)
        return bridge

    async def __aenter__(self) -> Client:
        if self._connection is None:
            await self.connect()
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        try:
            await self.close()
        except ForkedError:
            # It is the parent's to close.
            pass


async def connect(**options: Unpack[Options]) -> Client:
    """Makes a client and connects it: ``client = await connect(port=..., name=..., key=...)``."""
    client = Client(**options)
    await client.connect()
    return client


def start(**options: Unpack[Options]) -> Client:
    """Makes a client and starts it, without waiting for the daemon."""
    client = Client(**options)
    client.start()
    return client
