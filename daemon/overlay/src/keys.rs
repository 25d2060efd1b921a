//! The keys of an overlay on all its daemons: what may be asked for, and what is reported.
//!
//! A key is changed in three steps, each of them one command to any daemon: *add* the new key, which then opens everywhere; *use* it, so that
//! everywhere it seals; *retire* the old one. How the daemons do it is in `overlay/keys`.

use std::{fmt, net::SocketAddr};

use gossiperl_idl::sealed::KeyId;
use zeroize::Zeroizing;

use crate::State;

/// Fewest bytes of a key that is added: fewer can be guessed.
pub const SHORTEST_KEY: usize = 16;

/// Most bytes of a key that is added.
pub const LONGEST_KEY: usize = 1_024;

/// What is wanted of the key rings of all daemons. Holds a key: has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyCommand {
    /// Only their reports.
    List,
    /// A further key that opens, [`SHORTEST_KEY`] to [`LONGEST_KEY`] bytes.
    Add(Zeroizing<Vec<u8>>),
    /// The key of this id seals. Refused where a live daemon does not have it, or does not answer; `forced`: used by those that have it. A daemon
    /// without it is still spoken with under a key that it has.
    Use {
        /// Which.
        id: KeyId,
        /// In spite of daemons that lack the key or are silent.
        forced: bool,
    },
    /// The key of this id is taken out. Refused where a live daemon seals with it, or does not answer; `forced`: retired by the others, which cuts
    /// such a daemon off. What the asked daemon itself seals with is never retired.
    Retire {
        /// Which.
        id: KeyId,
        /// In spite of daemons that seal with the key or are silent.
        forced: bool,
    },
}

/// A key of a daemon's ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingKey {
    /// Its id: see [`KeyId`] for why that shows nothing of it.
    pub id: KeyId,
    /// The daemon's own clients that were last heard under it.
    pub clients: u32,
}

/// What a daemon said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// Its ring; nothing was to be changed.
    Listed,
    /// It is so now, and kept on its disk. Of a retired key: so many of its clients had not been heard under another one.
    Done {
        /// Clients cut off.
        cut_off: u32,
    },
    /// It was so before.
    Already,
    /// It refused, with a code of [`gossiperl_idl::code`]; its ring is as reported.
    Refused(i32),
    /// No answer in time, or not asked since it is not there: its state says which. Daemons of a version without key frames do not answer.
    Silent,
}

/// One daemon's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonKeys {
    /// The daemon.
    pub name: String,
    /// Where it is.
    pub address: SocketAddr,
    /// Its standing at the end.
    pub state: State,
    /// What it said.
    pub answer: KeyAnswer,
    /// Its ring as it reported it, the key that seals first; empty where it did not.
    pub keys: Vec<RingKey>,
}

/// Why nothing was changed on any daemon. The names are daemons'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// The key has this many bytes.
    Length(usize),
    /// These, or we ourselves, are in the middle of another change.
    Busy(Vec<String>),
    /// No daemon has the key.
    Unknown(KeyId),
    /// These are alive and do not have the key.
    Missing(Vec<String>),
    /// These are alive and did not answer.
    Silent(Vec<String>),
    /// These seal with the key.
    Sealing(Vec<String>),
    /// These seal with a key that others lack: use one key everywhere first.
    Diverged(Vec<String>),
    /// We are leaving the overlay.
    Leaving,
}

/// What became of a command. The daemons are in the order of their names, ourselves first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyOutcome {
    /// What [`Overlay::change_keys`](crate::Overlay::change_keys) returned.
    pub ticket: i64,
    /// The key in question.
    pub id: Option<KeyId>,
    /// Set where nothing was changed anywhere; then the answers are what the daemons have.
    pub refused: Option<KeyRefusal>,
    /// Every daemon that is known and has not left.
    pub daemons: Vec<DaemonKeys>,
}

/// A change of our own ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingChange {
    /// A further key opens.
    Added,
    /// The key seals.
    Used,
    /// The key is gone.
    Retired,
}

/// Our own ring, to be kept over a restart. Holds keys: has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Ring {
    /// Rises with every change.
    pub version: u64,
    /// The key that seals first.
    pub keys: Vec<Zeroizing<Vec<u8>>>,
}

impl fmt::Display for KeyRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: &[String]| names.join(", ");
        match self {
            KeyRefusal::Length(length) => write!(
                formatter,
                "the key has {length} bytes, but must have {SHORTEST_KEY} to {LONGEST_KEY}; `gossiperl keygen` makes a good one"
            ),
            KeyRefusal::Busy(who) => {
                write!(
                    formatter,
                    "another change of keys is under way on {}; try again in some seconds",
                    names(who)
                )
            }
            KeyRefusal::Unknown(id) => write!(formatter, "no daemon has the key {id}; add it first"),
            KeyRefusal::Missing(who) => {
                write!(formatter, "{} do not have the key; add it again, or force the change", names(who))
            }
            KeyRefusal::Silent(who) => write!(
                formatter,
                "{} did not answer; try again, look after them, or force the change",
                names(who)
            ),
            KeyRefusal::Sealing(who) => write!(
                formatter,
                "{} still seal with the key; use another one first, or force the change, which cuts them off",
                names(who)
            ),
            KeyRefusal::Diverged(who) => write!(
                formatter,
                "{} seal with a key that others do not have; use one key everywhere first, or force the change, which cuts them off",
                names(who)
            ),
            KeyRefusal::Leaving => write!(formatter, "the daemon is leaving the overlay; ask another one"),
        }
    }
}
