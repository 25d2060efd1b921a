//! The messages one protocol-1 subscriber has not acknowledged: those that wait, and those that are repeated until it does.
//!
//! The Scala library acknowledges no message, ever. Once a client shows that it is of this kind ([`Queue::sign_of_life`]), what is out
//! gives way to what waits, a window's worth with each sign of life: so it gets every message, and the latest of them again and again.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use gossiperl_idl::message::Message;
use gossiperl_link::Time;

use super::uuid;
use crate::Config;

/// What a message costs beside its body, as in the links of protocol 2.
const MESSAGE_COST: usize = 64;

/// Messages sent and not acknowledged. Clients have the system's default socket buffer: what exceeds it is lost and comes only
/// with the next redelivery.
const MAX_IN_FLIGHT: usize = 256;

/// Bytes of them; Linux gives a socket 212,992 bytes by default and counts its own overhead for each datagram.
const MAX_BYTES_IN_FLIGHT: usize = 128 << 10;

/// That overhead, roughly.
const DATAGRAM_OVERHEAD: usize = 640;

/// Digests of a client that acknowledged none of the messages out meanwhile, nor any before, by which it is known for one that
/// never will. They come every one or two seconds; who takes its time over its first message has five to ten.
const SIGNS_OF_LIFE: u32 = 5;

/// How a queue repeats and what it holds.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Time between two deliveries of a message.
    pub(super) every: Duration,
    /// At most so many redeliveries; 0 for no limit.
    pub(super) max: u32,
    /// Bound of [`Queue::cost`].
    pub(super) limit_cost: usize,
    /// Bound of [`Queue::len`].
    pub(super) limit_len: usize,
}

impl Rules {
    /// Those of a configuration.
    pub(super) fn of(config: &Config) -> Self {
        Rules {
            every: config.redelivery_retry_every,
            max: config.redelivery_retry_max,
            limit_cost: config.limits.queue_cost,
            limit_len: config.limits.queue_frames,
        }
    }
}

/// Messages for one subscriber, the oldest first. Bodies are shared with all other queues that hold the same message.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Bytes>,
    /// In order of `due`, since all are repeated after the same time; where that has just been made shorter, a few wait as long as before.
    in_flight: VecDeque<InFlight>,
    cost: usize,
    bytes_in_flight: usize,
    acknowledges: bool,
    /// Signs of life while something was out and nothing had ever been acknowledged.
    signs_of_life: u32,
    /// Bytes in flight that may still give way before the next sign of life.
    may_give_way: usize,
}

struct InFlight {
    id: Bytes,
    body: Bytes,
    due: Time,
    redeliveries: u32,
}

/// What is to be sent now.
pub(super) struct Delivery {
    pub(super) id: Bytes,
    pub(super) body: Bytes,
    pub(super) again: bool,
}

impl Queue {
    /// Whether a body of this length may be pushed. An empty queue takes anything.
    pub(super) fn has_room(&self, length: usize, rules: &Rules) -> bool {
        let len = self.len();
        len == 0 || (len < rules.limit_len && self.cost + length + MESSAGE_COST <= rules.limit_cost)
    }

    /// Appends a whole [`Message`]; the caller has asked [`Queue::has_room`].
    pub(super) fn push(&mut self, body: Bytes) {
        self.cost += cost(&body);
        self.waiting.push_back(body);
    }

    /// Drops the oldest message that was not sent yet. False: there is none.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let Some(body) = self.waiting.pop_front() else { return false };
        self.cost -= cost(&body);
        true
    }

    /// The next message to send, if one is due; its redelivery is set. `expired` counts those given up.
    pub(super) fn next(&mut self, now: Time, rules: &Rules, expired: &mut u64) -> Option<Delivery> {
        while self.in_flight.front().is_some_and(|first| first.due <= now) {
            let mut first = self.in_flight.pop_front()?;
            if rules.max > 0 && first.redeliveries >= rules.max {
                self.settled(&first.body);
                *expired += 1;
                continue;
            }
            first.redeliveries = first.redeliveries.saturating_add(1);
            first.due = now + rules.every;
            let delivery = Delivery { id: first.id.clone(), body: first.body.clone(), again: true };
            self.in_flight.push_back(first);
            return Some(delivery);
        }
        let body = self.waiting.front()?.clone();
        let message = Message::read(&body).ok()?;
        let id = id_of(&message, &body);
        // An acknowledgement names only the id, so two of one id are never out together: the first must not be taken for the second.
        while self.is_window_full() || self.in_flight.iter().any(|held| held.id == id) {
            if !self.never_acknowledges() || self.may_give_way == 0 {
                return None;
            }
            let first = self.in_flight.pop_front()?;
            self.may_give_way = self.may_give_way.saturating_sub(first.body.len() + DATAGRAM_OVERHEAD);
            self.settled(&first.body);
            *expired += 1;
        }
        self.waiting.pop_front();
        self.bytes_in_flight += body.len() + DATAGRAM_OVERHEAD;
        let sent = InFlight { id: id.clone(), body: body.clone(), due: now + rules.every, redeliveries: 0 };
        self.in_flight.push_back(sent);
        Some(Delivery { id, body, again: false })
    }

    /// The client says that it lives.
    pub(super) fn sign_of_life(&mut self) {
        let unanswered = !self.in_flight.is_empty() && !self.acknowledges;
        self.signs_of_life = if unanswered { self.signs_of_life.saturating_add(1) } else { 0 };
        self.may_give_way = MAX_BYTES_IN_FLIGHT;
    }

    /// Whether the client lives and does not acknowledge messages.
    pub(super) fn never_acknowledges(&self) -> bool {
        !self.acknowledges && self.signs_of_life >= SIGNS_OF_LIFE
    }

    /// The subscriber has the message of this id. False: none is out.
    pub(super) fn acknowledge(&mut self, id: &[u8]) -> bool {
        let Some(at) = self.in_flight.iter().position(|held| held.id == id) else { return false };
        self.acknowledges = true;
        if let Some(held) = self.in_flight.remove(at) {
            self.settled(&held.body);
        }
        true
    }

    /// Drops all messages of a type; says how many.
    pub(super) fn clear_type(&mut self, event_type: &[u8]) -> usize {
        let before = self.len();
        let other = |body: &Bytes| Message::read(body).is_ok_and(|message| message.event_type != event_type);
        self.waiting.retain(other);
        self.in_flight.retain(|held| other(&held.body));
        self.cost = self.bodies().map(cost).sum();
        self.bytes_in_flight = self.in_flight.iter().map(|held| held.body.len() + DATAGRAM_OVERHEAD).sum();
        before - self.len()
    }

    /// Everything that is out is to be sent again now.
    pub(super) fn hurry(&mut self, now: Time) {
        for held in &mut self.in_flight {
            held.due = held.due.min(now);
        }
    }

    /// When the next redelivery is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.in_flight.front().map(|held| held.due)
    }

    /// Messages held, out or not.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.in_flight.len()
    }

    /// Their cost: bodies and 64 bytes each.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Ids of what is out.
    #[cfg(test)]
    pub(super) fn ids_in_flight(&self) -> impl Iterator<Item = &[u8]> {
        self.in_flight.iter().map(|held| &*held.id)
    }

    fn is_window_full(&self) -> bool {
        self.in_flight.len() >= MAX_IN_FLIGHT || self.bytes_in_flight >= MAX_BYTES_IN_FLIGHT
    }

    fn bodies(&self) -> impl Iterator<Item = &Bytes> {
        self.waiting.iter().chain(self.in_flight.iter().map(|held| &held.body))
    }

    fn settled(&mut self, body: &Bytes) {
        self.cost -= cost(body);
        self.bytes_in_flight -= body.len() + DATAGRAM_OVERHEAD;
    }
}

fn cost(body: &Bytes) -> usize {
    body.len() + MESSAGE_COST
}

/// The envelope's id under which the message goes to protocol-1 subscribers.
fn id_of(message: &Message<'_>, body: &Bytes) -> Bytes {
    match message.envelope_id.filter(|id| !id.is_empty()) {
        Some(id) => body.slice_ref(id),
        None => Bytes::copy_from_slice(uuid::of_message(message.publisher, message.sequence).as_bytes()),
    }
}
