//! What a connection's stream tells.

use gossiperl_client::{Delivery, MemberEvent, Name};

use crate::Error;

/// One thing that happened. The end of the stream is no event: [`Connection::next_events`](crate::Connection::next_events) says it.
#[derive(Clone, Debug)]
pub enum Event {
    /// There is a session with the daemon.
    Connected {
        /// The daemon's member name.
        daemon: Name,
        /// True where the daemon still had the session, and nothing had to be sent again.
        resumed: bool,
    },
    /// There is no session any more. The connection goes on trying; publishing waits, subscriptions come back.
    Disconnected {
        /// Why, as a sentence.
        reason: String,
    },
    /// The daemon serves these event types: asked for, or brought back after a reconnection.
    Subscribed {
        /// The types.
        event_types: Vec<Name>,
    },
    /// The daemon serves these no longer.
    Unsubscribed {
        /// The types.
        event_types: Vec<Name>,
    },
    /// A message.
    Delivery(Delivery),
    /// A member changed; only after [`Connection::watch_members`](crate::Connection::watch_members).
    Member(MemberEvent),
    /// The daemon refused the session or a request. A refused session is asked for again, ever more rarely.
    Failed(Error),
    /// Something was lost because this side was too slow.
    Dropped {
        /// Deliveries of this type, by the policy `drop_oldest`; `None`: events other than deliveries.
        event_type: Option<Name>,
        /// How many since the last such event.
        count: u64,
    },
    /// The daemon takes no messages of this type for now: a subscriber is too slow.
    Paused {
        /// The type.
        event_type: Name,
    },
    /// The daemon takes messages of this type again.
    Resumed {
        /// The type.
        event_type: Name,
    },
}

impl Event {
    /// Its name, the same in every language.
    pub const fn name(&self) -> &'static str {
        match self {
            Event::Connected { .. } => "connected",
            Event::Disconnected { .. } => "disconnected",
            Event::Subscribed { .. } => "subscribed",
            Event::Unsubscribed { .. } => "unsubscribed",
            Event::Delivery(_) => "delivery",
            Event::Member(_) => "member",
            Event::Failed(_) => "failed",
            Event::Dropped { .. } => "dropped",
            Event::Paused { .. } => "paused",
            Event::Resumed { .. } => "resumed",
        }
    }
}
