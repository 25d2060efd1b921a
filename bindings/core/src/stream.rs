//! One stream of everything that a connection tells.
//!
//! Nothing is copied into a queue of its own: a reader looks at the client's events, then at the members, then at the deliveries, and takes what is there. So a delivery
//! never overtakes the event of the subscription it came by, and what waits is bounded where it waits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gossiperl_client::{Event as ClientEvent, Events, MemberWatch, Subscription};
use tokio::sync::Notify;

use crate::Event;

/// The reader's end.
pub(crate) struct Stream {
    events: Events,
    members: Option<MemberWatch>,
    subscription: Option<Subscription>,
    /// The client is closed; deliveries may still wait.
    closed: bool,
}

/// What joins a stream while somebody reads it.
#[derive(Default)]
pub(crate) struct Arrivals {
    held: Mutex<Held>,
    some: Notify,
}

#[derive(Default)]
struct Held {
    members: Option<MemberWatch>,
    subscription: Option<Subscription>,
}

impl Arrivals {
    pub(crate) fn members(&self, members: MemberWatch) {
        self.lock().members = Some(members);
        self.some.notify_one();
    }

    pub(crate) fn subscription(&self, subscription: Subscription) {
        self.lock().subscription = Some(subscription);
        self.some.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics between two consistent states.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    pub(crate) fn new(events: Events) -> Self {
        Stream { events, members: None, subscription: None, closed: false }
    }

    /// Waits until there is something, and takes at most `max` of it. `None`: the client is closed and everything has been read. Cancel safe.
    pub(crate) async fn next(&mut self, arrivals: &Arrivals, max: usize) -> Option<Vec<Event>> {
        let mut taken = Vec::new();
        loop {
            self.join(arrivals);
            self.take(&mut taken, max);
            if !taken.is_empty() {
                return Some(taken);
            }
            if self.closed {
                return None;
            }
            tokio::select! {
                biased;
                event = self.events.next() => self.note(event, &mut taken),
                Some(event) = changed(&mut self.members) => taken.push(Event::Member(event)),
                Some(delivery) = delivered(&mut self.subscription) => taken.push(Event::Delivery(delivery)),
                () = arrivals.some.notified() => {}
            }
        }
    }

    /// Takes what is there now, at most `max` of it.
    pub(crate) fn now(&mut self, arrivals: &Arrivals, max: usize) -> Vec<Event> {
        let mut taken = Vec::new();
        self.join(arrivals);
        self.take(&mut taken, max);
        taken
    }

    fn join(&mut self, arrivals: &Arrivals) {
        let mut held = arrivals.lock();
        self.members = held.members.take().or(self.members.take());
        self.subscription = held.subscription.take().or(self.subscription.take());
    }

    /// Takes what is there now.
    fn take(&mut self, taken: &mut Vec<Event>, max: usize) {
        while taken.len() < max
            && let Some(event) = self.events.try_next()
        {
            self.note(Some(event), taken);
        }
        while taken.len() < max
            && let Some(event) = self.members.as_mut().and_then(MemberWatch::try_next)
        {
            taken.push(Event::Member(event));
        }
        while taken.len() < max
            && let Some(delivery) = self.subscription.as_mut().and_then(Subscription::try_next)
        {
            taken.push(Event::Delivery(delivery));
        }
    }

    fn note(&mut self, event: Option<ClientEvent>, taken: &mut Vec<Event>) {
        let event = match event {
            None | Some(ClientEvent::Closed) => {
                self.closed = true;
                return;
            }
            Some(event) => event,
        };
        taken.extend(match event {
            ClientEvent::Connected { daemon, resumed } => Some(Event::Connected { daemon, resumed }),
            ClientEvent::Disconnected(reason) => Some(Event::Disconnected { reason: reason.to_string() }),
            ClientEvent::Subscribed(event_types) => Some(Event::Subscribed { event_types }),
            ClientEvent::Unsubscribed(event_types) => Some(Event::Unsubscribed { event_types }),
            ClientEvent::Refused(refusal) => Some(Event::Failed(refusal.into())),
            ClientEvent::Dropped { event_type, count } => {
                Some(Event::Dropped { event_type: Some(event_type), count })
            }
            ClientEvent::Missed(count) => Some(Event::Dropped { event_type: None, count }),
            ClientEvent::Paused(event_type) => Some(Event::Paused { event_type }),
            ClientEvent::Resumed(event_type) => Some(Event::Resumed { event_type }),
            // Members come from their watch, which knows what a slow reader missed.
            _ => None,
        });
    }
}

/// The next change of a member; never where nobody watches, or nothing more comes.
async fn changed(members: &mut Option<MemberWatch>) -> Option<gossiperl_client::MemberEvent> {
    match members {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

/// The next delivery; never where there is no subscription.
async fn delivered(subscription: &mut Option<Subscription>) -> Option<gossiperl_client::Delivery> {
    match subscription {
        Some(subscription) => subscription.next().await,
        None => std::future::pending().await,
    }
}
