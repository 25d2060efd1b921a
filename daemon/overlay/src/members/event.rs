//! What membership reports.

use std::{net::SocketAddr, sync::Arc};

use gossiperl_idl::Salt;

use super::table::MemberId;

/// Something that happened among the members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberEvent {
    /// A member changed its public standing (PROTOCOL.md section 4 of protocol 1).
    Changed {
        /// What happened.
        kind: MemberEventKind,
        /// Its place, to look up the rest; already free when it was forgotten for lack of room.
        id: MemberId,
        /// Its name.
        name: Arc<str>,
        /// Its address.
        address: SocketAddr,
    },
    /// Two live daemons have one name. The one already known stays; at most once a minute and name.
    Conflict {
        /// The name, perhaps ours.
        name: Arc<str>,
        /// Where the known one is.
        known: SocketAddr,
        /// Where the other one is, which was refused.
        refused: SocketAddr,
    },
    /// A daemon refused our introduction, with one of the codes of `gossiperl_idl::code`; at most once a minute and
    /// address.
    Refused {
        /// Who.
        by: SocketAddr,
        /// Why.
        code: i32,
    },
    /// Our name is known with a newer run that is not ours (our clock went back), or was used up: take a salt greater
    /// than `above` and call `set_generation`. Until then others may not accept us. At most once in ten seconds.
    NewGenerationNeeded {
        /// The newest salt known under our name.
        above: Salt,
    },
}

/// The public standing's changes. For one member always in this order:
/// `In (Quarantine | Unreachable | Rejoin)* (Drop? Out)`, and again from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberEventKind {
    /// First heard of, or heard of again after `Out`.
    In,
    /// Suspected.
    Quarantine,
    /// Declared failed.
    Unreachable,
    /// Failed for so long that it is given up; `Out` follows.
    Drop,
    /// It left, or is given up.
    Out,
    /// It lives after `Quarantine` or `Unreachable`, or as a newer run.
    Rejoin,
}

/// What the public has counted; rises only, and saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberCounters {
    /// Updates that were no claims.
    pub malformed: u64,
    /// Claims that told something new.
    pub news: u64,
    /// Claims that told what is known: copies that arrived once more.
    pub known: u64,
    /// Claims that lost against what is known.
    pub stale: u64,
    /// Claims of a second daemon with a live one's name.
    pub conflicts: u64,
    /// Newcomers refused because the table is full.
    pub no_room: u64,
    /// Probes begun.
    pub probes: u64,
    /// Probes that neither the member nor a helper answered.
    pub probes_failed: u64,
    /// Suspicions of ours, begun or confirmed after a failed probe.
    pub accusations: u64,
    /// Members we declared failed.
    pub failures: u64,
    /// Accusations against us that we refuted.
    pub refutations: u64,
    /// Times we noticed that we had not been run for long.
    pub stalls: u64,
    /// Frames or events dropped because nobody took them.
    pub overflows: u64,
}

/// Adds one and stays at the end of the scale.
pub(super) fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
