"""The bridge of each event loop, which tells it what the runtime's thread has done."""

from __future__ import annotations

from asyncio import AbstractEventLoop, CancelledError, Future
from typing import TypeVar
from weakref import WeakKeyDictionary

from ._native import Bridge

T = TypeVar("T")

_bridges: WeakKeyDictionary[AbstractEventLoop, Bridge] = WeakKeyDictionary()


def bridge_of(loop: AbstractEventLoop) -> Bridge:
    """The loop's bridge. To be called in the loop's thread."""
    bridge = _bridges.get(loop)
    if bridge is None:
        bridge = Bridge(loop)
        loop.add_reader(bridge.fileno(), bridge.drain)
        _bridges[loop] = bridge
    return bridge


async def ended(bridge: Bridge, future: Future[T]) -> T:
    """Waits for the future; the operation behind it is given up where the waiting is."""
    try:
        return await future
    except CancelledError:
        bridge.forget(future)
        raise
