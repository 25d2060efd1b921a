//! Members of the overlay as a client sees them.

use std::{fmt, net::SocketAddr};

use crate::Name;

/// A member of the overlay: a daemon, or a client of one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its name, unique in the overlay.
    pub name: Name,
    /// What it is.
    pub kind: MemberKind,
    /// How it is.
    pub state: MemberState,
    /// Where its datagrams come from. `None` in events of protocol 1, which do not tell.
    pub address: Option<SocketAddr>,
    /// The rack it stands in. `None` in protocol 1, which does not tell.
    pub rack: Option<Name>,
    /// Unix time in seconds at which it was last heard of.
    pub heartbeat: i64,
}

impl Member {
    /// A member of which only name and state are known.
    pub(crate) fn named(name: Name, state: MemberState) -> Self {
        Member { name, kind: MemberKind::Unknown, state, address: None, rack: None, heartbeat: 0 }
    }
}

/// What a [`Member`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberKind {
    /// A daemon.
    Daemon,
    /// A client of a daemon.
    Client,
    /// Not told: protocol 1 does not distinguish.
    Unknown,
}

/// How a [`Member`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberState {
    /// Heard of lately.
    Reachable,
    /// Silent; it may still come back.
    Quarantine,
    /// Silent for so long that it counts as gone, though not forgotten.
    Unreachable,
    /// It said goodbye.
    Left,
}

/// One change of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberEvent {
    /// What happened.
    pub change: MemberChange,
    /// The member as it is now.
    pub member: Member,
}

/// What happened to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemberChange {
    /// First heard of.
    In,
    /// Silent for a while.
    Quarantine,
    /// Silent for longer.
    Unreachable,
    /// Given up.
    Drop,
    /// Gone: left, or forgotten after [`MemberChange::Drop`].
    Out,
    /// Heard of again after quarantine or unreachable.
    Rejoin,
}

impl MemberChange {
    /// All of them.
    pub const ALL: [MemberChange; 6] = [
        MemberChange::In,
        MemberChange::Quarantine,
        MemberChange::Unreachable,
        MemberChange::Drop,
        MemberChange::Out,
        MemberChange::Rejoin,
    ];

    /// The reserved event type that stands for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            MemberChange::In => "member_in",
            MemberChange::Quarantine => "member_quarantine",
            MemberChange::Unreachable => "member_unreachable",
            MemberChange::Drop => "member_drop",
            MemberChange::Out => "member_out",
            MemberChange::Rejoin => "member_rejoin",
        }
    }

    /// The change that this reserved event type stands for; `None` where it is not a reserved type.
    pub fn from_event_type(event_type: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str().as_bytes() == event_type)
    }

    /// The state a member is in after the change.
    pub(crate) const fn state(self) -> MemberState {
        match self {
            MemberChange::In | MemberChange::Rejoin => MemberState::Reachable,
            MemberChange::Quarantine => MemberState::Quarantine,
            MemberChange::Unreachable | MemberChange::Drop => MemberState::Unreachable,
            MemberChange::Out => MemberState::Left,
        }
    }
}

impl fmt::Display for MemberChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
