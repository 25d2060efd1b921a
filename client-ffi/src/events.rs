//! Events, a batch at a time: an array that the caller walks, whose pointers are into the messages as they came. Nothing is copied and nothing is called for a message.

use gossiperl_bindings::{Delivery, Event as CoreEvent, MemberChange as CoreChange, MessageId};

use crate::{
    bytes::{Bytes, free},
    error::Error,
    list::{Member, Members, Names, items},
};

/// One thing that happened. What is not said of its kind is 0, NULL or none.
#[repr(C)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// MEMBER: what happened to it; otherwise 0.
    pub change: MemberChange,
    /// DELIVERY, PAUSED, RESUMED: the event type. DROPPED: the event type whose deliveries were dropped; none: events other than deliveries. CONNECTED: the daemon's name.
    pub name: Bytes,
    /// DELIVERY: the payload, 0 to 60,000 bytes. DISCONNECTED: why, as a sentence in UTF-8.
    pub payload: Bytes,
    /// DELIVERY in protocol 2: made at random, once in the life of the client that published it.
    pub publisher: i64,
    /// DELIVERY in protocol 2: rising from one message of the publisher to the next, not necessarily by one. Publisher and sequence make the message's id.
    pub sequence: i64,
    /// DELIVERY in protocol 1: the envelope's id, which is the message's id; none in protocol 2.
    pub envelope_id: Bytes,
    /// DROPPED: how many since the last such event.
    pub count: u64,
    /// SUBSCRIBED, UNSUBSCRIBED: the event types.
    pub names: *const Bytes,
    /// How many `names` there are.
    pub names_length: usize,
    /// MEMBER: the member as it is now.
    pub member: *const Member,
    /// FAILED: what the daemon refused.
    pub error: *const Error,
    /// CONNECTED: whether the daemon still had the session, and nothing had to be sent again.
    pub resumed: bool,
}

/// What happened.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum EventKind {
    /// There is a session with the daemon.
    Connected = 1,
    /// There is no session any more. The client goes on trying; publishing waits, subscriptions come back.
    Disconnected = 2,
    /// The daemon serves these event types: asked for, or brought back after a reconnection.
    Subscribed = 3,
    /// The daemon serves these no longer.
    Unsubscribed = 4,
    /// A message.
    Delivery = 5,
    /// A member changed; only after `gossiperl_watch_members`.
    Member = 6,
    /// The daemon refused the session or a request. A refused session is asked for again, ever more rarely.
    Failed = 7,
    /// Something was lost because this side was too slow.
    Dropped = 8,
    /// The daemon takes no messages of this type for now: a subscriber is too slow.
    Paused = 9,
    /// The daemon takes messages of this type again.
    Resumed = 10,
}

/// What happened to a member.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum MemberChange {
    /// Nothing, or nothing that this version of the library knows.
    None = 0,
    /// First heard of.
    In = 1,
    /// Silent for a while.
    Quarantine = 2,
    /// Silent for longer.
    Unreachable = 3,
    /// Given up.
    Drop = 4,
    /// Gone: left, or forgotten after being given up.
    Out = 5,
    /// Heard of again after quarantine or unreachable.
    Rejoin = 6,
}

/// A batch of events. It does not change: any thread may read it, several at once.
pub struct Events {
    items: Box<[Event]>,
    /// What `items` point into.
    _owned: Vec<Owned>,
}

/// What one event points into, where it is anything at all.
enum Owned {
    Delivery { _delivery: Delivery },
    Event { _event: CoreEvent },
    Names { _names: Box<Names> },
    Member { _member: Box<Members> },
    Error { _error: Box<Error> },
}

// SAFETY: its pointers are into what it owns and nobody changes.
unsafe impl Send for Events {}
// SAFETY: as above.
unsafe impl Sync for Events {}

impl Events {
    /// The handle of a batch; NULL where there is none.
    pub(crate) fn made(events: Option<Vec<CoreEvent>>) -> *mut Events {
        let Some(events) = events else { return std::ptr::null_mut() };
        let mut items = Vec::with_capacity(events.len());
        let mut owned = Vec::with_capacity(events.len());
        for event in events {
            let (item, own) = described(event);
            items.push(item);
            owned.push(own);
        }
        Box::into_raw(Box::new(Events { items: items.into_boxed_slice(), _owned: owned }))
    }
}

/// The events, `*length` of them one after the other. They, and all they point to, live as long as the batch. NULL and 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_events_items(events: *const Events, length: *mut usize) -> *const Event {
    // SAFETY: NULL is told apart; that it is alive is the caller's part of the contract.
    items(unsafe { events.as_ref() }.map(|events| &*events.items), length)
}

/// Frees a batch of events. NULL is nothing.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_events_free(events: *mut Events) {
    free(events);
}

/// The event as C sees it, and what it points into: bytes, texts and boxes, which stay where they are when their owner is moved.
fn described(event: CoreEvent) -> (Event, Owned) {
    let mut item = Event {
        kind: EventKind::Delivery,
        change: MemberChange::None,
        name: Bytes::NONE,
        payload: Bytes::NONE,
        publisher: 0,
        sequence: 0,
        envelope_id: Bytes::NONE,
        count: 0,
        names: std::ptr::null(),
        names_length: 0,
        member: std::ptr::null(),
        error: std::ptr::null(),
        resumed: false,
    };
    match &event {
        CoreEvent::Delivery(_) => {}
        CoreEvent::Connected { daemon, resumed } => {
            item.kind = EventKind::Connected;
            item.name = Bytes::of(daemon);
            item.resumed = *resumed;
        }
        CoreEvent::Disconnected { reason } => {
            item.kind = EventKind::Disconnected;
            item.payload = Bytes::of(reason.as_bytes());
        }
        CoreEvent::Dropped { event_type, count } => {
            item.kind = EventKind::Dropped;
            item.name = event_type.as_ref().map_or(Bytes::NONE, |event_type| Bytes::of(event_type));
            item.count = *count;
        }
        CoreEvent::Paused { event_type } => {
            item.kind = EventKind::Paused;
            item.name = Bytes::of(event_type);
        }
        CoreEvent::Resumed { event_type } => {
            item.kind = EventKind::Resumed;
            item.name = Bytes::of(event_type);
        }
        CoreEvent::Subscribed { .. } => item.kind = EventKind::Subscribed,
        CoreEvent::Unsubscribed { .. } => item.kind = EventKind::Unsubscribed,
        CoreEvent::Member(changed) => {
            item.kind = EventKind::Member;
            item.change = change(changed.change);
        }
        CoreEvent::Failed(_) => item.kind = EventKind::Failed,
    }
    let owned = match event {
        CoreEvent::Delivery(delivery) => {
            item.name = Bytes::of(delivery.event_type());
            item.payload = Bytes::of(delivery.payload());
            match delivery.id() {
                MessageId::Numbered { publisher, sequence } => {
                    (item.publisher, item.sequence) = (publisher, sequence);
                }
                _ => item.envelope_id = delivery.envelope_id().map_or(Bytes::NONE, Bytes::of),
            }
            Owned::Delivery { _delivery: delivery }
        }
        CoreEvent::Subscribed { event_types } | CoreEvent::Unsubscribed { event_types } => {
            let names = Box::new(Names::of(event_types));
            (item.names, item.names_length) = (names.items().as_ptr(), names.items().len());
            Owned::Names { _names: names }
        }
        CoreEvent::Member(changed) => {
            let members = Box::new(Members::of(vec![changed.member]));
            item.member = members.items().as_ptr();
            Owned::Member { _member: members }
        }
        CoreEvent::Failed(error) => {
            let error = Box::new(Error(error));
            item.error = &raw const *error;
            Owned::Error { _error: error }
        }
        event => Owned::Event { _event: event },
    };
    (item, owned)
}

fn change(change: CoreChange) -> MemberChange {
    match change {
        CoreChange::In => MemberChange::In,
        CoreChange::Quarantine => MemberChange::Quarantine,
        CoreChange::Unreachable => MemberChange::Unreachable,
        CoreChange::Drop => MemberChange::Drop,
        CoreChange::Out => MemberChange::Out,
        CoreChange::Rejoin => MemberChange::Rejoin,
        _ => MemberChange::None,
    }
}
