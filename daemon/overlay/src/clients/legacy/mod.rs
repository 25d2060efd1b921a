//! Sessions of protocol 1: what existing clients of the old daemon get from ours.
//!
//! In go envelopes of local clients ([`Legacy::handle`]), messages for subscribers ([`Legacy::deliver`]) and time. Out come
//! envelopes to seal ([`Legacy::poll_outgoing`]), published messages (for whose acknowledgement somebody must first take
//! responsibility: [`Legacy::accept`]) and [`Effect`]s on the rest of the overlay. Who the clients are is the [`Registry`]'s
//! business; it is handed in.
//!
//! A subscriber's messages wait in a queue of its own, are sent at once as far as a client's socket buffer holds them, and again
//! every `redelivery_retry_every`, at most `redelivery_retry_max` times, until the client acknowledges, unsubscribes or goes. While
//! it is unreachable nothing is sent and everything is kept; once it is heard of again, all that was out goes out at once. So a
//! client that restarts on its port within a second loses nothing, though the system reported the port closed meanwhile.
//!
//! Bounds: one queue a client, each as [`Limits`](crate::Limits) says; a full one refuses ([`Legacy::has_room`]), except that a
//! subscriber which holds nobody back (away, or stalled) loses its oldest unsent message instead. Replies and memories have bounds
//! of their own. Event types and ids longer than 255 bytes are not taken.

mod deliver;
mod queue;
mod recent;
mod replies;
mod requests;
mod uuid;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
};

use gossiperl_idl::{envelope, legacy::MAX_ENVELOPE, message::Message, sealed::KeyId};
use gossiperl_link::Time;

use self::{
    deliver::Subscriber,
    queue::Rules,
    recent::Recent,
    replies::{Fault, Replies},
};
use super::{ClientId, Subscriptions};
use crate::{
    Config,
    event::{Change, State},
};

/// The other end of a datagram of protocol 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Which of the overlay's keys it uses, since it knows only one.
    pub(crate) key: KeyId,
    /// Whether it is an Erlang client.
    pub(crate) erlang: bool,
}

/// A message that somebody published. To be answered with [`Legacy::accept`] or [`Legacy::refuse`], or dropped: then it is not
/// acknowledged, and the publisher knows that it was not taken.
#[derive(Debug)]
pub(crate) struct Publication {
    /// The publishing client, where it is registered with the datagram's address.
    pub(crate) client: Option<ClientId>,
    pub(crate) event_type: Box<[u8]>,
    /// Decoded, or as it came where `verbatim`.
    pub(crate) payload: Vec<u8>,
    /// Whether the payload was not canonical base64.
    pub(crate) verbatim: bool,
    /// The envelope's id; empty where it had none.
    pub(crate) id: Box<[u8]>,
    from: Peer,
    fingerprint: Option<u64>,
}

impl Publication {
    /// The message, under the publisher and sequence that the daemon gives it.
    pub(crate) fn message(&self, publisher: i64, sequence: i64) -> Message<'_> {
        Message {
            event_type: &self.event_type,
            payload: &self.payload,
            publisher,
            sequence,
            envelope_id: Some(&*self.id).filter(|id| !id.is_empty()),
            verbatim: self.verbatim,
        }
    }
}

/// What the sessions bring about elsewhere in the overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The client wants types that it had not. To be answered with [`Legacy::grant`] or [`Legacy::refuse_subscribing`].
    Subscribe(Subscribing),
    /// The client does not subscribe to the type any more.
    Unsubscribed { client: ClientId, event_type: Box<[u8]> },
    /// The client's queue shrank: who waits for room in it may try again.
    Shrank { client: ClientId },
    /// A message of so many bytes of payload does not fit into a datagram of protocol 1; the subscriber was told.
    Undeliverable { client: ClientId, bytes: usize },
}

/// Why a message of the operator's was not taken. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The overlay serves no clients of protocol 1.
    #[error("this overlay does not speak protocol 1 (legacy_clients = false)")]
    Switched,
    /// Protocol 1 does not leave the host.
    #[error(
        "protocol 1 is spoken with addresses of this host alone, 127.0.0.0/8 or ::1, at a port other than 0"
    )]
    Elsewhere,
    /// The type is none that may be published.
    #[error("the type must have 1 to 255 bytes and be none of the protocol's own")]
    Type,
    /// It is larger than a message may be.
    #[error("the message is too large: 60000 bytes are allowed, less where it goes to one address")]
    TooLarge,
    /// A queue it belongs to is full.
    #[error("subscribers have not taken enough of what was published before; try again")]
    Busy,
    /// The overlay takes nothing new.
    #[error("the overlay is being left")]
    Leaving,
}

/// A request to subscribe that is sound as far as it is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscribing {
    pub(crate) client: ClientId,
    /// What is new and not reserved.
    pub(crate) added: Vec<Box<[u8]>>,
    event_types: Vec<Box<[u8]>>,
    to: Peer,
    id: Box<[u8]>,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LegacyStats {
    /// Envelopes from other hosts.
    pub(crate) foreign: u64,
    /// Structs that could not be read, or with ids or secrets that are too long.
    pub(crate) malformed: u64,
    /// Known structs that nobody may send to a daemon, or that mean nothing.
    pub(crate) unexpected: u64,
    /// Digests, exits and acknowledgements with a wrong secret or of an unknown client.
    pub(crate) unauthenticated: u64,
    /// Requests and messages refused.
    pub(crate) refused: u64,
    /// Messages published again while remembered.
    pub(crate) duplicates: u64,
    /// Messages acknowledged by subscribers.
    pub(crate) delivered: u64,
    /// Acknowledgements of messages that were not out: of a redelivery, mostly.
    pub(crate) acknowledged_again: u64,
    /// Messages sent again.
    pub(crate) redelivered: u64,
    /// Messages given up after `redelivery_retry_max` times, or out to a client that acknowledges none when others waited.
    pub(crate) expired: u64,
    /// Messages too large for a datagram of protocol 1.
    pub(crate) undeliverable: u64,
    /// Messages dropped since their subscriber took nothing, unsubscribed or went.
    pub(crate) dropped: u64,
    /// Replies not made since too many waited.
    pub(crate) withheld: u64,
}

/// All sessions of protocol 1.
pub(crate) struct Legacy {
    subscribers: BTreeMap<ClientId, Subscriber>,
    subscriptions: Subscriptions,
    replies: Replies,
    rules: Rules,
    /// Those with something to send.
    dirty: VecDeque<ClientId>,
    /// When redeliveries are due; a timer may fire early and then is set anew.
    timers: BTreeSet<(Time, ClientId)>,
    effects: VecDeque<Effect>,
    published: Recent,
    refusals: Recent,
    own_address: SocketAddr,
    stats: LegacyStats,
    scratch: Vec<u8>,
}

impl Legacy {
    /// No sessions yet. `seed` is secret and makes ids.
    pub(crate) fn new(config: &Config, seed: u64) -> Self {
        Legacy {
            subscribers: BTreeMap::new(),
            subscriptions: Subscriptions::new(config.limits.subscriptions_per_client),
            replies: Replies::new(&config.member_name, config.advertised, seed),
            rules: Rules::of(config),
            dirty: VecDeque::new(),
            timers: BTreeSet::new(),
            effects: VecDeque::new(),
            published: Recent::new(seed),
            refusals: Recent::new(seed.rotate_left(32)),
            own_address: (config.advertised.0, config.client_port.unwrap_or(config.advertised.1)).into(),
            stats: LegacyStats::default(),
            scratch: Vec::new(),
        }
    }

    /// Other bounds and times from now on. What is out already is repeated when it would have been.
    pub(crate) fn reconfigure(&mut self, config: &Config) {
        self.rules = Rules::of(config);
        self.subscriptions.set_limit(config.limits.subscriptions_per_client);
    }

    /// The wall clock's second has changed.
    pub(crate) fn set_unix_time(&mut self, unix_seconds: i64) {
        self.replies.unix_seconds = unix_seconds;
    }

    /// The daemon has taken responsibility for the message: it is acknowledged, and the same again will be without being published.
    pub(crate) fn accept(&mut self, now: Time, publication: &Publication) {
        if let Some(fingerprint) = publication.fingerprint {
            self.published.insert(now, fingerprint);
        }
        self.replies.forwarded_ack(publication.from, &publication.id);
    }

    /// The message will never be taken, for this reason. (For "not now" just drop it.)
    pub(crate) fn refuse(&mut self, now: Time, publication: &Publication, code: i32) {
        let fault = Fault { code, entity: "message", entity_name: &publication.event_type };
        self.refuse_once(now, publication.from, &fault, &publication.id);
    }

    /// The next effect. To be asked for until `None` after each call of a method that takes `&mut self`.
    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether this is a client with a session here.
    pub(crate) fn is_client(&self, client: ClientId) -> bool {
        self.subscribers.contains_key(&client)
    }

    /// How many clients use this key.
    pub(crate) fn clients_under(&self, key: KeyId) -> usize {
        self.subscribers.values().filter(|held| held.to.key == key).count()
    }

    /// What the client subscribes to, the reserved types aside.
    #[cfg(test)]
    pub(crate) fn subscriptions(&self, client: ClientId) -> impl Iterator<Item = &[u8]> {
        self.subscriptions.of(client)
    }

    /// Sends a message of this type to somebody in particular, once and unacknowledged.
    pub(crate) fn send_once(&mut self, to: Peer, event_type: &[u8], payload: &[u8]) -> Result<(), NotSent> {
        if envelope::put_len(event_type.len(), payload.len(), uuid::LEN) > MAX_ENVELOPE {
            return Err(NotSent::TooLarge);
        }
        self.replies.message(to, event_type, payload).then_some(()).ok_or(NotSent::Busy)
    }

    /// A member or client changed its standing: tells those who subscribed to that, unacknowledged.
    pub(crate) fn announce(&mut self, change: Change, name: &[u8]) {
        let name = name.get(..requests::MAX_NAME).unwrap_or(name);
        for client in self.subscriptions.watchers(change) {
            if let Some(held) = self.subscribers.get(&client).filter(|held| held.state != State::Unreachable)
            {
                self.replies.event(held.to, change.event_type(), name);
            }
        }
    }

    /// The registry's notice about a client: deliveries pause while it is unreachable and go on once it is heard of.
    pub(crate) fn client_changed(&mut self, now: Time, client: ClientId, state: State) {
        let Some(held) = self.subscribers.get_mut(&client) else { return };
        let was = std::mem::replace(&mut held.state, state);
        if was == State::Unreachable && state == State::Reachable {
            held.queue.hurry(now);
            self.wake(client);
        }
    }

    /// The client is gone: its queue and subscriptions end.
    pub(crate) fn forget(&mut self, client: ClientId) {
        let Some(held) = self.subscribers.remove(&client) else { return };
        self.stats.dropped += held.queue.len() as u64;
        if let Some(at) = held.timer {
            self.timers.remove(&(at, client));
        }
        for event_type in self.subscriptions.forget(client) {
            self.effects.push_back(Effect::Unsubscribed { client, event_type });
        }
        self.effects.push_back(Effect::Shrank { client });
    }

    /// What has happened so far.
    pub(crate) fn stats(&self) -> LegacyStats {
        LegacyStats { withheld: self.replies.withheld, ..self.stats }
    }
}

#[cfg(test)]
mod tests;
