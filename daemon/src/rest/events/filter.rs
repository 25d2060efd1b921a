//! Which events a reader wants, and whom an event concerns.

use std::collections::BTreeSet;

use gossiperl_overlay::Change;

/// Events of the overlay itself, beside those of members.
const OF_OVERLAY: [&str; 6] =
    ["name_conflict", "refused", "new_generation", "undeliverable", "key_ring", "stalled"];

/// Events that every reader is told of, whatever it asked for.
pub(super) const GAP: &str = "gap";
pub(super) const RESTARTED: &str = "restarted";
pub(super) const FAILED: &str = "failed";
pub(super) const REMOVED: &str = "removed";
pub(super) const STOPPING: &str = "stopping";

/// Every event that is no message.
pub(crate) fn event_names() -> impl Iterator<Item = &'static str> {
    let told_to_all = [GAP, RESTARTED, FAILED, REMOVED, STOPPING];
    choosable().chain(told_to_all)
}

/// Those that a reader may choose among.
fn choosable() -> impl Iterator<Item = &'static str> {
    Change::ALL.iter().map(|change| change.event_type()).chain(OF_OVERLAY)
}

/// Whom an event concerns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::rest) enum Concern {
    /// Every reader.
    All,
    /// Who wants any of what happens in the overlay.
    Events,
    /// Who wants this of it.
    Event(&'static str),
    /// Who wants messages, of whatever type.
    Messages,
    /// Who wants messages of this type.
    Message(String),
}

/// Which events a reader wants.
#[derive(Clone, Debug)]
pub(in crate::rest) struct Filter {
    events: BTreeSet<&'static str>,
    messages: BTreeSet<String>,
}

/// What happens in the overlay, and no messages.
impl Default for Filter {
    fn default() -> Self {
        Filter { events: choosable().collect(), messages: BTreeSet::new() }
    }
}

impl Filter {
    /// Of a comma-separated list of event types and message types.
    pub(in crate::rest) fn of(types: &str) -> Self {
        let mut filter = Filter { events: BTreeSet::new(), messages: BTreeSet::new() };
        for name in types.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match event_names().find(|event| *event == name) {
                Some(event) => drop(filter.events.insert(event)),
                None => drop(filter.messages.insert(name.to_owned())),
            }
        }
        filter
    }

    /// The types of messages wanted.
    pub(in crate::rest) fn messages(&self) -> impl ExactSizeIterator<Item = &str> {
        self.messages.iter().map(String::as_str)
    }

    /// Whether the reader is among those whom an event concerns.
    pub(super) fn takes(&self, concern: &Concern) -> bool {
        match concern {
            Concern::All => true,
            Concern::Events => !self.events.is_empty(),
            Concern::Event(name) => self.events.contains(name),
            Concern::Messages => !self.messages.is_empty(),
            Concern::Message(name) => self.messages.contains(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_what_it_chose_and_what_concerns_all() {
        let takes =
            |types: Option<&str>, concern: Concern| types.map(Filter::of).unwrap_or_default().takes(&concern);
        let message = || Concern::Message("news".to_owned());
        for (types, concern, taken) in [
            (None, Concern::Event("member_in"), true),
            (None, Concern::Events, true),
            (None, Concern::Messages, false),
            (None, message(), false),
            (Some("news"), message(), true),
            (Some("news"), Concern::Messages, true),
            (Some("news"), Concern::Events, false),
            (Some("news"), Concern::Event("member_in"), false),
            (Some(" member_in ,,gap"), Concern::Event("member_in"), true),
            (Some("member_in,gap"), Concern::Messages, false),
            (Some("member_in"), Concern::Event("member_out"), false),
            (Some(""), Concern::All, true),
        ] {
            assert_eq!(takes(types, concern.clone()), taken, "{types:?}, {concern:?}");
        }
    }
}
