//! What membership reports.

use std::{net::SocketAddr, sync::Arc};

use gossiperl_idl::Salt;

use super::table::MemberId;
use crate::stats::counters;

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

counters! {
    /// What membership has counted; rises only, and saturates.
    pub struct MemberCounters {
        claims {
            /// Updates about members that were no claims.
            malformed,
            /// Claims about members that told something new.
            news,
            /// Claims about members that told what is known: copies that arrived once more.
            known,
            /// Claims about members that lost against what is known.
            stale,
            /// Claims of a second daemon with a live one's name.
            conflicts,
            /// Newcomers refused because the table of members is full.
            no_room,
        }
        detection {
            /// Probes begun.
            probes,
            /// Probes that neither the member nor a helper answered.
            probes_failed,
            /// Suspicions of ours, begun or confirmed after a failed probe.
            accusations,
            /// Members we declared failed.
            failures,
            /// Accusations against us that we refuted.
            refutations,
            /// Times we noticed that we had not been run for long.
            stalls,
            /// Frames or events of membership dropped because nobody took them.
            overflows,
        }
    }
}

/// Adds one and stays at the end of the scale.
pub(super) fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
