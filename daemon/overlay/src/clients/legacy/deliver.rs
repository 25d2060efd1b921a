//! Delivering to subscribers of protocol 1: a queue for each, sent by turns and again until it is acknowledged.

use bytes::Bytes;
use gossiperl_idl::{
    code,
    envelope::{self, Envelope},
    legacy::MAX_ENVELOPE,
    message::Message,
};
use gossiperl_link::Time;

use super::{Effect, Legacy, Peer, queue::Queue, replies::Fault, requests, uuid};
use crate::{clients::ClientId, event::State};

/// Messages sent to one subscriber before it is another one's turn.
pub(super) const TURN: u32 = 16;

/// One client that speaks protocol 1.
pub(super) struct Subscriber {
    pub(super) to: Peer,
    pub(super) queue: Queue,
    pub(super) state: State,
    /// Holds nobody back any more, until it takes something.
    pub(super) stalled: bool,
    /// When the queue last shrank or was empty.
    pub(super) progress: Time,
    pub(super) dirty: bool,
    pub(super) turn: u32,
    pub(super) timer: Option<Time>,
}

impl Legacy {
    /// Whether a message whose body has this length is taken for the client. One that holds nobody back always takes it.
    pub(crate) fn has_room(&self, client: ClientId, length: usize) -> bool {
        self.subscribers
            .get(&client)
            .is_none_or(|held| !held.holds_back() || held.queue.has_room(length, &self.rules))
    }

    /// Whether publishers wait for the client where its queue fills: not while it is away, or takes nothing.
    pub(crate) fn holds_back(&self, client: ClientId) -> bool {
        self.subscribers.get(&client).is_some_and(Subscriber::holds_back)
    }

    /// Queues a message, whose bytes are the whole of `body`, for a subscriber. False: it was full, nothing has changed. A client
    /// that is not here, or for which the message is too large, counts as served.
    pub(crate) fn deliver(
        &mut self,
        now: Time,
        client: ClientId,
        message: &Message<'_>,
        body: &Bytes,
    ) -> bool {
        let Some(held) = self.subscribers.get_mut(&client) else { return true };
        if envelope_len(message) > MAX_ENVELOPE {
            self.stats.undeliverable += 1;
            let fault = Fault { code: code::TOO_LARGE, entity: "message", entity_name: message.event_type };
            let id = message.envelope_id.unwrap_or_default();
            self.replies.error(held.to, &fault, id.get(..requests::MAX_ID).unwrap_or(id));
            self.effects.push_back(Effect::Undeliverable { client, bytes: message.payload.len() });
            return true;
        }
        while !held.queue.has_room(body.len(), &self.rules) {
            if held.holds_back() {
                return false;
            }
            self.stats.dropped += 1;
            if !held.queue.drop_oldest() {
                return true;
            }
        }
        if held.queue.len() == 0 {
            held.progress = now;
        }
        held.queue.push(body.clone());
        self.wake(client);
        true
    }

    /// Cost (bodies and 64 bytes each) and number of the messages that the client has not acknowledged.
    pub(crate) fn queued(&self, client: ClientId) -> (usize, usize) {
        self.subscribers.get(&client).map_or((0, 0), |held| (held.queue.cost(), held.queue.len()))
    }

    /// When the client's queue last shrank or was empty; `None` where it is no client here.
    pub(crate) fn progress(&self, client: ClientId) -> Option<Time> {
        self.subscribers.get(&client).map(|held| held.progress)
    }

    /// From now on it loses its oldest unsent messages rather than hold publishers back, until it takes something. False: it
    /// held nobody back anyway.
    pub(crate) fn set_stalled(&mut self, client: ClientId) -> bool {
        let Some(held) = self.subscribers.get_mut(&client) else { return false };
        let held_back = held.holds_back();
        held.stalled = true;
        held_back
    }

    /// The next envelope to send, written into `out`, which is cleared. `None`: nothing is to be sent now.
    pub(crate) fn poll_outgoing(&mut self, now: Time, out: &mut Vec<u8>) -> Option<Peer> {
        out.clear();
        if let Some(reply) = self.replies.pop() {
            out.extend_from_slice(&reply.envelope);
            return Some(reply.to);
        }
        while let Some(client) = self.dirty.front().copied() {
            if let Some(to) = self.send_next(now, client, out) {
                return Some(to);
            }
            self.dirty.pop_front();
            self.set_timer(client);
        }
        None
    }

    /// When [`Legacy::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Time has passed: redeliveries are due.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        while let Some((at, client)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, client));
            if let Some(held) = self.subscribers.get_mut(&client) {
                held.timer = None;
            }
            self.wake(client);
        }
    }

    pub(super) fn wake(&mut self, client: ClientId) {
        if let Some(held) = self.subscribers.get_mut(&client)
            && held.state != State::Unreachable
            && !held.dirty
        {
            held.dirty = true;
            held.turn = 0;
            self.dirty.push_back(client);
        }
    }

    /// Writes the client's next message; `None` where it has none to send now, and then it is dirty no more.
    fn send_next(&mut self, now: Time, client: ClientId, out: &mut Vec<u8>) -> Option<Peer> {
        let held = self.subscribers.get_mut(&client)?;
        let (before, expired) = (held.queue.len(), self.stats.expired);
        let next = match held.state {
            State::Unreachable => None,
            _ => held.queue.next(now, &self.rules, &mut self.stats.expired),
        };
        if self.stats.expired > expired {
            held.progress = now;
            debug_assert!(held.queue.len() < before, "what expired is gone");
            self.effects.push_back(Effect::Shrank { client });
        }
        let Some(delivery) = next else {
            held.dirty = false;
            return None;
        };
        let to = held.to;
        held.turn += 1;
        if held.turn >= TURN {
            held.turn = 0;
            self.dirty.rotate_left(1);
        }
        self.stats.redelivered += u64::from(delivery.again);
        let message = Message::read(&delivery.body).ok()?;
        if message.verbatim {
            let payload_type = message.event_type;
            Envelope { payload_type, bin_payload: message.payload, id: &delivery.id }.write(out);
        } else {
            envelope::put(message.event_type, message.payload, &delivery.id, out);
        }
        Some(to)
    }

    /// A timer that is set already stands: what is due first comes later and later, so that it fires early at worst.
    fn set_timer(&mut self, client: ClientId) {
        let Some(held) = self.subscribers.get_mut(&client) else { return };
        let wanted =
            held.queue.next_due().filter(|_| held.state != State::Unreachable && held.timer.is_none());
        if let Some(at) = wanted {
            held.timer = Some(at);
            self.timers.insert((at, client));
        }
    }
}

impl Subscriber {
    fn holds_back(&self) -> bool {
        self.state == State::Reachable && !self.stalled
    }
}

/// Length of the envelope in which a protocol-1 subscriber gets the message.
fn envelope_len(message: &Message<'_>) -> usize {
    let id = message.envelope_id.filter(|id| !id.is_empty()).map_or(uuid::LEN, <[u8]>::len);
    let payload = message.payload.len();
    if message.verbatim {
        envelope::put_len(message.event_type.len(), 0, id) + payload
    } else {
        envelope::put_len(message.event_type.len(), payload, id)
    }
}
