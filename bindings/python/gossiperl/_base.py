"""What a client is in asyncio and in threads alike."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, Optional, TypedDict, Union

from ._digest import Writable
from ._errors import ClosedError
from ._events import Event
from ._native import Connection, Settings

Message = Union[bytes, bytearray, memoryview, Mapping[int, Writable]]
"""What is published: 0 to 60,000 bytes, or typed fields by their ids."""

State = Literal["connecting", "connected", "closed"]
"""Where a client stands."""

SlowPolicy = Literal["wait", "drop_oldest"]
"""What happens to deliveries that are read too slowly: they hold publishers back, or the oldest are dropped and counted."""

BATCH = 1024
"""Events that cross from the native part at a time, where the reader does not say; and messages that cross to it."""


def batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """The messages in lists of ``BATCH`` at most."""
    left = iter(messages)
    while batch := list(islice(left, BATCH)):
        yield batch


class _Required(TypedDict):
    port: int
    name: str
    key: Union[str, bytes]


class Options(_Required, total=False):
    """The options of a client, by name."""

    overlay: Optional[str]
    secret: Union[str, bytes]
    additional_keys: Sequence[Union[str, bytes]]
    protocol: int
    address: Optional[str]
    connect_timeout: Optional[float]
    close_timeout: Optional[float]
    publish_window: Optional[int]
    publish_window_bytes: Optional[int]
    delivery_buffer: Optional[int]
    delivery_buffer_bytes: Optional[int]
    slow_policy: Optional[SlowPolicy]


class Base:
    """The options, the state, and the events that have been taken but not handed out."""

    def __init__(
        self,
        *,
        port: int,
        name: str,
        key: Union[str, bytes],
        overlay: Optional[str] = None,
        secret: Union[str, bytes] = b"",
        additional_keys: Sequence[Union[str, bytes]] = (),
        protocol: int = 2,
        address: Optional[str] = None,
        connect_timeout: Optional[float] = None,
        close_timeout: Optional[float] = None,
        publish_window: Optional[int] = None,
        publish_window_bytes: Optional[int] = None,
        delivery_buffer: Optional[int] = None,
        delivery_buffer_bytes: Optional[int] = None,
        slow_policy: Optional[SlowPolicy] = None,
    ) -> None:
        options: dict[str, object] = {
            "port": port,
            "name": name,
            "key": key,
            "overlay": overlay,
            "secret": secret,
            "additional_keys": additional_keys,
            "protocol": protocol,
            "address": address,
            "connect_timeout": connect_timeout,
            "close_timeout": close_timeout,
            "publish_window": publish_window,
            "publish_window_bytes": publish_window_bytes,
            "delivery_buffer": delivery_buffer,
            "delivery_buffer_bytes": delivery_buffer_bytes,
            "slow_policy": slow_policy,
        }
        self._process = os.getpid()
        self._connection: Optional[Connection] = None
        self._ready: deque[Event] = deque()
        self._settings = Settings(options)
        self._name = name
        self._overlay = overlay

    @property
    def name(self) -> str:
        """The client's name."""
        return self._name

    @property
    def overlay(self) -> Optional[str]:
        """What the application calls the overlay."""
        return self._overlay

    @property
    def state(self) -> State:
        """``connecting`` while there is no session, ``connected``, or ``closed``; ``closed`` before it is started too."""
        return "closed" if self._connection is None else self._connection.state()[0]

    @property
    def daemon(self) -> Optional[str]:
        """The member name of the daemon there is a session with; ``None`` while there is none."""
        return None if self._connection is None else self._connection.state()[1]

    def add_key(self, key: Union[str, bytes]) -> None:
        """Adds a key of the overlay's ring to those the client opens with, where the overlay's keys are being changed."""
        self._open().add_key(key)

    def try_send(self, event_type: str, message: Message) -> None:
        """As ``send``, now or not at all: raises ``BusyError`` where there is no room."""
        self._open().try_send(event_type, message)

    def _open(self) -> Connection:
        if self._connection is None:
            raise ClosedError("the client is not started: connect() or start() it first")
        return self._connection

    def _settle(self, connection: Connection) -> None:
        self._connection = connection

    def _unstarted(self) -> Settings:
        if self._connection is not None:
            raise ClosedError("the client was started before: make a new one to connect again")
        return self._settings

    def _take(self, max: int) -> list[Event]:
        """At most ``max`` of the events there are, perhaps none."""
        if max < 1:
            raise ValueError(f"max is {max}: give at least 1")
        ready = self._ready
        if not ready:
            events = self._open().take(max)
            if events is None and not ready:
                raise ClosedError("the client is closed, and everything has been read")
            if events:
                return events
        taken: list[Event] = []
        try:
            while len(taken) < max:
                taken.append(ready.popleft())
        except IndexError:
            pass
        return taken

    def __repr__(self) -> str:
        overlay = "" if self._overlay is None else f" of overlay {self._overlay!r}"
        state = "inherited" if self._process != os.getpid() else self.state
        return f"<{type(self).__module__}.{type(self).__qualname__} {self._name!r}{overlay}, {state}>"

    def __del__(self, _warn: Any = warnings.warn, _getpid: Any = os.getpid) -> None:
        connection: Optional[Connection] = getattr(self, "_connection", None)
        if connection is not None and self._process == _getpid() and connection.state()[0] != "closed":
            _warn(f"unclosed client {self._name!r}", ResourceWarning, source=self)
