"""What a client's stream of events tells.

All of them are immutable, and made for ``match``::

    match event:
        case Delivery(type="orders"):
            ...
        case Disconnected(reason):
            ...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional, Union

from ._errors import GossiperlError
from ._native import Delivery

MemberKind = Literal["daemon", "client", "unknown"]
"""What a member is; ``unknown`` in protocol 1, which does not tell."""

MemberState = Literal["reachable", "quarantine", "unreachable", "left"]
"""How a member is: heard of lately; silent; silent for so long that it counts as gone; said goodbye."""

Change = Literal["member_in", "member_quarantine", "member_unreachable", "member_drop", "member_out", "member_rejoin"]
"""What happened to a member: first heard of, silent for a while, silent for longer, given up, gone, back."""


@dataclass(frozen=True)
class Member:
    """A member of the overlay: a daemon, or a client of one."""

    name: str
    kind: MemberKind
    state: MemberState
    address: Optional[tuple[str, int]]
    """Where its datagrams come from; ``None`` in protocol 1."""
    rack: Optional[str]
    """``None`` in protocol 1."""
    heartbeat: int
    """Unix time in seconds at which it was last heard of."""


@dataclass(frozen=True)
class Connected:
    """There is a session with the daemon."""

    daemon: str
    """The daemon's member name."""
    resumed: bool
    """True where the daemon still had the session, and nothing had to be sent again."""


@dataclass(frozen=True)
class Disconnected:
    """There is no session any more. The client goes on trying; publishing waits, subscriptions come back."""

    reason: str


@dataclass(frozen=True)
class Subscribed:
    """The daemon serves these event types: asked for, or brought back after a reconnection."""

    event_types: tuple[str, ...]


@dataclass(frozen=True)
class Unsubscribed:
    """The daemon serves these no longer."""

    event_types: tuple[str, ...]


@dataclass(frozen=True)
class MemberChanged:
    """A member changed; only after ``watch_members``."""

    change: Change
    member: Member


@dataclass(frozen=True)
class Failed:
    """The daemon refused the session or a request. A refused session is asked for again, ever more rarely."""

    error: GossiperlError


@dataclass(frozen=True)
class Dropped:
    """Something was lost because this side was too slow."""

    event_type: Optional[str]
    """Deliveries of this type, by the policy ``drop_oldest``; ``None``: events other than deliveries."""
    count: int
    """How many since the last such event."""


@dataclass(frozen=True)
class Paused:
    """The daemon takes no messages of this type for now: a subscriber is too slow."""

    event_type: str


@dataclass(frozen=True)
class Resumed:
    """The daemon takes messages of this type again."""

    event_type: str


Event = Union[
    Connected, Disconnected, Subscribed, Unsubscribed, Delivery, MemberChanged, Failed, Dropped, Paused, Resumed
]
"""One thing that happened."""
