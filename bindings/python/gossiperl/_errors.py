"""Exceptions: one class for each kind of error, and one for all of them."""

from __future__ import annotations

import asyncio
import builtins
from typing import ClassVar, Optional


class GossiperlError(Exception):
    """What every error of this package is.

    ``kind`` is its class by name, the same in every language's package. ``code`` is the daemon's own code where the
    daemon refused, else ``None``.
    """

    kind: ClassVar[str] = "error"

    def __init__(self, message: str, *, code: Optional[int] = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return self.message


class OptionError(GossiperlError, ValueError):
    """An option is out of its range or of a wrong type; ``option`` is its name."""

    kind = "option"

    def __init__(self, message: str, *, option: Optional[str] = None, code: Optional[int] = None) -> None:
        super().__init__(message, code=code)
        self.option = option


class ArgumentError(GossiperlError, ValueError):
    """An event type, a payload or a digest is wrong. Nothing was sent."""

    kind = "argument"


class UnreachableError(GossiperlError, ConnectionError):
    """Nobody listens on the daemon's port."""

    kind = "unreachable"


# Before Python 3.11 asyncio has a class of its own.
class TimeoutError(GossiperlError, asyncio.TimeoutError, *(() if issubclass(asyncio.TimeoutError, builtins.TimeoutError) else (builtins.TimeoutError,))):  # type: ignore[misc]
    """The daemon did not answer in time."""

    kind = "timeout"


class RefusedError(GossiperlError):
    """The daemon refused; ``code`` is its code."""

    kind = "refused"


class BusyError(GossiperlError):
    """Not now: the window is full, or a subscriber of the type is too slow. Nothing was sent."""

    kind = "busy"


class NotAcknowledgedError(GossiperlError):
    """Protocol 1 only: sent several times and never acknowledged. It may have been delivered."""

    kind = "not_acknowledged"


class ClosedError(GossiperlError, RuntimeError):
    """The client is closed, or not started yet."""

    kind = "closed"


class ForkedError(GossiperlError, RuntimeError):
    """The client, or the event loop, belongs to the parent process."""

    kind = "forked"


class SystemError(GossiperlError, OSError):
    """The system gave no socket or thread."""

    kind = "system"


_CLASSES: dict[str, type[GossiperlError]] = {
    each.kind: each
    for each in (
        ArgumentError,
        UnreachableError,
        TimeoutError,
        RefusedError,
        BusyError,
        NotAcknowledgedError,
        ClosedError,
        ForkedError,
        SystemError,
    )
}


def error_of(kind: str, message: str, option: Optional[str], code: Optional[int]) -> GossiperlError:
    """The exception of an error of the native part."""
    if kind == OptionError.kind:
        return OptionError(message, option=option, code=code)
    return _CLASSES.get(kind, GossiperlError)(message, code=code)
