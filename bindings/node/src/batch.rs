//! A batch of events: deliveries as one piece of memory, all else as lists.
//!
//! `[bytes, count, types, others]`. `bytes` begins with a header of 32 bytes for each of `count` deliveries, little-endian:
//!
//! | at | what |
//! |---|---|
//! | 0 | u16: the event type's place in `types` |
//! | 2 | u16: 1 where the delivery is numbered, plus 2 where it has an envelope's id |
//! | 4 | u32: where its bytes begin, the envelope's id first and the payload after it |
//! | 8 | u32: length of the payload |
//! | 12 | u32: length of the envelope's id |
//! | 16 | i64: the publisher's number |
//! | 24 | i64: the message's number |
//!
//! `others` has `[position, name, …]` for each other event, `position` being the number of deliveries before it.

use std::collections::HashMap;

use gossiperl_bindings::{Delivery, Event, MessageId};

use crate::{event, value::Js};

/// Most events of a batch: what the place of a type can count.
pub(crate) const MAX_EVENTS: u32 = 1 << 15;

/// The batch as JavaScript reads it.
pub(crate) fn encode(events: Vec<Event>) -> Js {
    let mut others = Vec::new();
    let mut deliveries = Vec::with_capacity(events.len());
    for event in events {
        match event {
            Event::Delivery(delivery) => deliveries.push(delivery),
            other => others.push(event::encode(other, deliveries.len())),
        }
    }
    let (bytes, types) = pack(&deliveries);
    let types = Js::names(types);
    Js::List(vec![Js::Bytes(bytes), Js::Number(deliveries.len() as f64), types, Js::List(others)])
}

/// The deliveries' bytes, and the types they are of.
fn pack(deliveries: &[Delivery]) -> (Vec<u8>, Vec<&[u8]>) {
    let mut types = Types::default();
    let bodies: usize =
        deliveries.iter().map(|delivery| body(delivery).iter().map(|part| part.len()).sum::<usize>()).sum();
    let mut bytes = Vec::with_capacity(HEADER * deliveries.len() + bodies);
    let mut start = HEADER * deliveries.len();
    for delivery in deliveries {
        let [envelope, payload] = body(delivery);
        let (publisher, sequence, numbered) = match delivery.id() {
            MessageId::Numbered { publisher, sequence } => (publisher, sequence, NUMBERED),
            _ => (0, 0, 0),
        };
        let flags = numbered | delivery.envelope_id().map_or(0, |_| ENVELOPE);
        bytes.extend_from_slice(&types.place(delivery.event_type()).to_le_bytes());
        bytes.extend_from_slice(&flags.to_le_bytes());
        // A buffer of deliveries is bounded far below 4 GiB, and so is what is taken of it.
        bytes.extend_from_slice(&(start as u32).to_le_bytes());
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(envelope.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&publisher.to_le_bytes());
        bytes.extend_from_slice(&sequence.to_le_bytes());
        start += envelope.len() + payload.len();
    }
    for part in deliveries.iter().flat_map(body) {
        bytes.extend_from_slice(part);
    }
    (bytes, types.names)
}

fn body(delivery: &Delivery) -> [&[u8]; 2] {
    [delivery.envelope_id().unwrap_or_default(), delivery.payload()]
}

/// The event types of a batch, each once.
#[derive(Default)]
struct Types<'a> {
    names: Vec<&'a [u8]>,
    places: HashMap<&'a [u8], u16>,
    last: u16,
}

impl<'a> Types<'a> {
    /// Neighbours are of one type mostly.
    fn place(&mut self, name: &'a [u8]) -> u16 {
        if self.names.get(usize::from(self.last)).is_none_or(|last| *last != name) {
            self.last = *self.places.entry(name).or_insert_with(|| {
                self.names.push(name);
                (self.names.len() - 1) as u16
            });
        }
        self.last
    }
}

const HEADER: usize = 32;
const NUMBERED: u16 = 1;
const ENVELOPE: u16 = 2;
