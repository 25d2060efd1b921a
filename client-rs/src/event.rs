//! What a client tells about itself and its session.

use thiserror::Error;
use tokio::sync::broadcast;

use crate::{MemberEvent, Name, Refusal};

/// Something that happened to the client, from [`Client::events`](crate::Client::events).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There is a session with the daemon.
    Connected {
        /// The daemon's member name.
        daemon: Name,
        /// True where the daemon still had our session, so that nothing had to be sent again.
        resumed: bool,
    },
    /// There is no session any more. The client goes on trying; publishing waits, subscriptions come back by themselves.
    Disconnected(DisconnectReason),
    /// The daemon serves these subscriptions: asked for, or brought back after a reconnection.
    Subscribed(Vec<Name>),
    /// The daemon serves these no longer.
    Unsubscribed(Vec<Name>),
    /// The daemon refused the session or a request. A refused session is asked for again, ever more rarely.
    Refused(Refusal),
    /// A member changed. Only while somebody watches: [`Client::watch_members`](crate::Client::watch_members).
    Member(MemberEvent),
    /// A subscription with [`SlowPolicy::DropOldest`](crate::SlowPolicy) lost messages of this type.
    Dropped {
        /// The type.
        event_type: Name,
        /// How many since the last such event.
        count: u64,
    },
    /// The daemon takes no messages of this type for now: a subscriber is too slow.
    Paused(Name),
    /// The daemon takes messages of this type again.
    Resumed(Name),
    /// The client is closed; nothing follows.
    Closed,
    /// The reader of the events was too slow: so many are missing here.
    Missed(u64),
}

/// Why there is no session any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// Nothing was heard of the daemon for too long.
    #[error("nothing was heard of the daemon for too long")]
    Silent,
    /// The system says that nobody listens on the daemon's port.
    #[error("nobody listens on the daemon's port any more")]
    Unreachable,
    /// The daemon said goodbye: it stops, or leaves the overlay.
    #[error("the daemon has left the overlay")]
    Goodbye,
    /// The daemon has started anew and does not know the session.
    #[error("the daemon has started anew")]
    Restarted,
    /// The daemon sent what the protocol does not allow; the session starts again from nothing.
    #[error("the daemon sent what the protocol does not allow")]
    Protocol,
}

/// The events of one client, from [`Client::events`](crate::Client::events).
///
/// Each reader sees every event from the moment it was made. Up to 256 wait for a slow reader; then the oldest go, and
/// [`Event::Missed`] says how many.
#[derive(Debug)]
pub struct Events {
    pub(crate) receiver: broadcast::Receiver<Event>,
    pub(crate) ended: bool,
}

impl Events {
    /// The next event; `None` after [`Event::Closed`]. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        match self.receiver.recv().await {
            Ok(event) => Some(self.note(event)),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Event::Missed(count)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The next event if one waits.
    pub fn try_next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        match self.receiver.try_recv() {
            Ok(event) => Some(self.note(event)),
            Err(broadcast::error::TryRecvError::Lagged(count)) => Some(Event::Missed(count)),
            Err(_) => None,
        }
    }

    fn note(&mut self, event: Event) -> Event {
        self.ended = event == Event::Closed;
        event
    }
}

/// Events that may wait for a slow reader.
pub(crate) const EVENTS_KEPT: usize = 256;
