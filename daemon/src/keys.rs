//! Keys of an overlay as an operator sees them: a report of every daemon, ready to be shown or sent as JSON, and why a change was refused.
//!
//! Keys are named by their ids everywhere; the keys themselves are in no report, error or log. For the steps of a change and what makes them safe
//! see [`KeyCommand`].

use std::fmt;

use gossiperl_idl::code;
use gossiperl_overlay::{DaemonKeys, KeyAnswer, KeyCommand, KeyOutcome, KeyRefusal, State};
use serde::Serialize;
use utoipa::ToSchema;

/// What became of a command about keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeysReport {
    /// The overlay.
    pub overlay: String,
    /// `list`, `add`, `use` or `retire`.
    pub operation: &'static str,
    /// Id of the key in question, 8 hexadecimal digits; for `list` none.
    pub key: Option<String>,
    /// Whether every daemon said that it is so now (for `list`: answered).
    pub complete: bool,
    /// Every daemon that is known and has not left: the one that was asked first, the others by name.
    pub daemons: Vec<DaemonReport>,
}

/// One daemon's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DaemonReport {
    /// Its member name.
    pub name: String,
    /// Its address and port.
    pub address: String,
    /// `reachable`, `quarantine` or `unreachable`.
    pub state: &'static str,
    /// `listed`, `done`, `already` (so before), `refused`, or `silent` (no answer in time, or not there).
    pub result: &'static str,
    /// Why it refused: a code of protocol 2.
    pub code: Option<i32>,
    /// The same in words, with the remedy.
    pub message: Option<&'static str>,
    /// Of a retired key: its clients that had not been heard under another one, and are cut off.
    pub cut_off: u32,
    /// Its ring, the key that seals first; empty where it did not say.
    pub keys: Vec<KeyReport>,
}

/// A key of a ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeyReport {
    /// 8 hexadecimal digits.
    pub id: String,
    /// Whether the daemon seals with it; all its keys open.
    pub seals: bool,
    /// The daemon's own clients that were last heard under it.
    pub clients: u32,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The overlay was left, or had to begin anew, before there was an outcome; ask again to see what stands.
    Ended,
    /// Nothing was changed on any daemon.
    Refused {
        /// Why.
        refusal: KeyRefusal,
        /// What every daemon has.
        report: Box<KeysReport>,
    },
}

impl KeyError {
    /// A stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            KeyError::Ended => "overlay_ended",
            KeyError::Refused { refusal, .. } => match refusal {
                KeyRefusal::Length(_) => "bad_key_length",
                KeyRefusal::Busy(_) => "keys_busy",
                KeyRefusal::Unknown(_) => "key_unknown",
                KeyRefusal::Missing(_) => "key_missing",
                KeyRefusal::Silent(_) => "daemons_silent",
                KeyRefusal::Sealing(_) => "key_sealing",
                KeyRefusal::Diverged(_) => "rings_diverged",
                KeyRefusal::Leaving => "overlay_leaving",
            },
        }
    }

    /// What every daemon has, where they were asked.
    pub fn report(&self) -> Option<&KeysReport> {
        match self {
            KeyError::Ended => None,
            KeyError::Refused { report, .. } => Some(report),
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Ended => formatter
                .write_str("the overlay ended before there was an outcome; list the keys to see what stands"),
            KeyError::Refused { refusal, .. } => refusal.fmt(formatter),
        }
    }
}

impl std::error::Error for KeyError {}

/// The name of a command in reports.
pub(crate) fn operation(command: &KeyCommand) -> &'static str {
    match command {
        KeyCommand::List => "list",
        KeyCommand::Add(_) => "add",
        KeyCommand::Use { .. } => "use",
        KeyCommand::Retire { .. } => "retire",
    }
}

/// An outcome as an operator gets it.
pub(crate) fn report(
    overlay: &str,
    operation: &'static str,
    outcome: KeyOutcome,
) -> Result<KeysReport, KeyError> {
    let silent = |daemon: &DaemonKeys| matches!(daemon.answer, KeyAnswer::Silent | KeyAnswer::Refused(_));
    let report = KeysReport {
        overlay: overlay.to_owned(),
        operation,
        key: outcome.id.map(|id| id.to_string()),
        complete: outcome.refused.is_none() && !outcome.daemons.iter().any(silent),
        daemons: outcome.daemons.into_iter().map(daemon_report).collect(),
    };
    match outcome.refused {
        Some(refusal) => Err(KeyError::Refused { refusal, report: Box::new(report) }),
        None => Ok(report),
    }
}

fn daemon_report(daemon: DaemonKeys) -> DaemonReport {
    let keys = daemon.keys.iter().enumerate().map(|(place, key)| KeyReport {
        id: key.id.to_string(),
        seals: place == 0,
        clients: key.clients,
    });
    let (result, code, cut_off) = match daemon.answer {
        KeyAnswer::Listed => ("listed", None, 0),
        KeyAnswer::Done { cut_off } => ("done", None, cut_off),
        KeyAnswer::Already => ("already", None, 0),
        KeyAnswer::Refused(code) => ("refused", Some(code), 0),
        KeyAnswer::Silent => ("silent", None, 0),
    };
    DaemonReport {
        address: daemon.address.to_string(),
        state: match daemon.state {
            State::Reachable => "reachable",
            State::Quarantine => "quarantine",
            State::Unreachable => "unreachable",
            State::Left => "left",
        },
        result,
        code,
        message: code.map(code::text),
        cut_off,
        keys: keys.collect(),
        name: daemon.name,
    }
}
