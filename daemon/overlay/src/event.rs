//! What an overlay tells its driver.

use std::net::{IpAddr, SocketAddr};

use gossiperl_idl::{Salt, sealed::KeyId};

use crate::keys::RingChange;

/// The states of PROTOCOL.md section 4 as the public sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Heard of lately.
    Reachable,
    /// Silent (a client) or suspected (a daemon).
    Quarantine,
    /// Silent for long (a client) or declared failed (a daemon).
    Unreachable,
    /// Left in order.
    Left,
}

/// A change of a member's or client's standing; the names are the reserved event types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// `member_in`: first heard of.
    In,
    /// `member_quarantine`: silent or suspected.
    Quarantine,
    /// `member_unreachable`: silent for long or failed.
    Unreachable,
    /// `member_drop`: unreachable for so long that it is given up.
    Drop,
    /// `member_out`: gone and forgotten.
    Out,
    /// `member_rejoin`: heard of again.
    Rejoin,
}

impl Change {
    /// All of them.
    pub const ALL: [Change; 6] =
        [Change::In, Change::Quarantine, Change::Unreachable, Change::Drop, Change::Out, Change::Rejoin];

    /// The reserved event type.
    pub fn event_type(self) -> &'static str {
        match self {
            Change::In => "member_in",
            Change::Quarantine => "member_quarantine",
            Change::Unreachable => "member_unreachable",
            Change::Drop => "member_drop",
            Change::Out => "member_out",
            Change::Rejoin => "member_rejoin",
        }
    }
}

/// A daemon, or a local client, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name in the overlay.
    pub name: String,
    /// True for a client of this host.
    pub client: bool,
    /// Its standing.
    pub state: State,
    /// Where it is reached.
    pub address: SocketAddr,
    /// Its rack; empty for clients.
    pub rack: String,
    /// Unix time in seconds at which it was last heard of.
    pub heartbeat: i64,
}

/// Something a person or the driver may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A member or local client changed its standing.
    Member(Change, View),
    /// Another daemon came under the name of a member that lives elsewhere, and was refused.
    NameConflict {
        /// The name.
        name: String,
        /// Where the other one is.
        address: SocketAddr,
    },
    /// A daemon refused to know us, with a code of [`gossiperl_idl::code`].
    Refused {
        /// Who.
        by: SocketAddr,
        /// Why.
        code: i32,
    },
    /// Our name is known with a newer run than ours: the clock has gone back. The overlay is to be made anew with a salt above this one.
    NewGenerationNeeded {
        /// The newest salt known under our name.
        above: Salt,
    },
    /// A message was too large for a protocol-1 subscriber.
    Undeliverable {
        /// The subscriber.
        client: String,
        /// Bytes of the payload.
        bytes: usize,
    },
    /// Our key ring was changed.
    KeyRing {
        /// How.
        change: RingChange,
        /// The key.
        id: KeyId,
        /// The daemon that asked for it.
        by: String,
        /// Of a retired key: our clients that had not been heard under another one.
        cut_off: usize,
    },
    /// A subscriber that takes nothing stopped holding publishers back; its oldest messages are dropped from now on.
    Stalled {
        /// The subscriber.
        client: String,
    },
}

/// Whether protocol 1, and sessions of clients, are spoken with this address.
pub(crate) fn is_local(address: &SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
    }
}
