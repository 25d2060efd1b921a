//! One thing that happened, as readers are told it.

use gossiperl_overlay::{Event, RingChange};
use serde_json::{Value, json};

use super::filter::{Concern, FAILED, GAP, REMOVED, RESTARTED, STOPPING};
use crate::rest::{answer::timestamp, routes::member};

/// The event's name on the stream where it is a message.
const DELIVERY: &str = "delivery";

/// One thing that happened.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::rest) struct Entry {
    /// Who is told.
    pub(super) concern: Concern,
    /// What it is.
    pub(in crate::rest) name: &'static str,
    /// The rest, as JSON. It has no line breaks.
    pub(in crate::rest) data: String,
}

impl Entry {
    /// A message of this type.
    pub(super) fn message(event_type: String, data: &Value) -> Self {
        Entry { concern: Concern::Message(event_type), name: DELIVERY, data: data.to_string() }
    }

    /// Something is missing here that these readers would have been told; `None`: it is not known how much.
    pub(super) fn gap(concern: Concern, missed: Option<u64>) -> Self {
        Entry { concern, name: GAP, data: gap(missed) }
    }

    /// The overlay was started anew.
    pub(super) fn restarted() -> Self {
        Entry::to_all(RESTARTED, json!({}))
    }

    /// The overlay does not run for now, and why.
    pub(super) fn failed(why: &str) -> Self {
        Entry::to_all(FAILED, json!({ "why": why }))
    }

    /// The overlay is no longer served, for good.
    pub(super) fn removed() -> Self {
        Entry::to_all(REMOVED, json!({}))
    }

    /// The daemon stops, or is drained.
    pub(super) fn stopping() -> Self {
        Entry::to_all(STOPPING, json!({}))
    }

    fn to_all(name: &'static str, mut data: Value) -> Self {
        data["timestamp"] = timestamp().into();
        Entry { concern: Concern::All, name, data: data.to_string() }
    }

    /// Whether it is about messages.
    pub(super) fn is_of_messages(&self) -> bool {
        matches!(self.concern, Concern::Messages | Concern::Message(_))
    }
}

/// What is told of a gap.
pub(in crate::rest) fn gap(missed: Option<u64>) -> String {
    json!({ "missed": missed }).to_string()
}

impl From<&Event> for Entry {
    fn from(event: &Event) -> Self {
        let (name, mut data): (&'static str, Value) = match event {
            Event::Member(change, view) => (change.event_type(), json!({ "member": member(view) })),
            Event::NameConflict { name, address } => {
                ("name_conflict", json!({ "name": name, "address": address }))
            }
            Event::Refused { by, code } => {
                ("refused", json!({ "by": by, "code": code, "reason": gossiperl_idl::code::text(*code) }))
            }
            Event::NewGenerationNeeded { .. } => ("new_generation", json!({})),
            Event::Undeliverable { client, bytes } => {
                ("undeliverable", json!({ "client": client, "bytes": bytes }))
            }
            Event::KeyRing { change, id, by, cut_off } => {
                let change = match change {
                    RingChange::Added => "added",
                    RingChange::Used => "used",
                    RingChange::Retired => "retired",
                };
                let data = json!({ "change": change, "key": id.to_string(), "by": by, "cut_off": cut_off });
                ("key_ring", data)
            }
            Event::Stalled { client } => ("stalled", json!({ "client": client })),
        };
        data["timestamp"] = timestamp().into();
        Entry { concern: Concern::Event(name), name, data: data.to_string() }
    }
}
