//! One message as a subscriber gets it.

use std::fmt;

use bytes::Bytes;
use gossiperl_idl::{BodyError, custom::CustomDigest};

use crate::Name;

/// A delivered message.
///
/// Cheap to clone: up to 16 KiB of neighbouring deliveries share one allocation, which lives as long as any of them. Copy the
/// payload if you keep a few of many for long.
#[derive(Clone)]
pub struct Delivery {
    /// Event type, envelope id and payload, one after the other.
    pub(crate) bytes: Bytes,
    pub(crate) type_len: u32,
    pub(crate) envelope_len: u32,
    pub(crate) publisher: i64,
    pub(crate) sequence: i64,
    pub(crate) flags: u8,
}

/// What makes a message the same one: each subscription sees each id once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum MessageId {
    /// Protocol 2: the publisher's instance and its own count of messages.
    Numbered {
        /// Made at random, once in a publishing client's life.
        publisher: i64,
        /// Rising from one message of the publisher to the next, not necessarily by one.
        sequence: i64,
    },
    /// Protocol 1: the envelope's id.
    Envelope(Bytes),
}

impl Delivery {
    /// The message's event type: one of those the subscription names.
    pub fn event_type(&self) -> &[u8] {
        &self.bytes[..self.type_len as usize]
    }

    /// The message's event type as a name that outlives the delivery.
    pub fn event_type_name(&self) -> Name {
        Name::from(self.event_type())
    }

    /// What was published, 0 to 60,000 bytes.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.payload_start()..]
    }

    /// The payload without copying; it keeps up to 16 KiB of neighbours alive.
    pub fn into_payload(mut self) -> Bytes {
        let start = self.payload_start();
        self.bytes.split_off(start)
    }

    /// The payload read as a custom digest: typed fields with ids, which is what clients in other languages publish by convention.
    ///
    /// # Errors
    ///
    /// The payload is no such struct.
    pub fn digest(&self) -> Result<CustomDigest, BodyError> {
        CustomDigest::read(self.payload())
    }

    /// The message's id.
    pub fn id(&self) -> MessageId {
        if self.flags & NUMBERED != 0 {
            MessageId::Numbered { publisher: self.publisher, sequence: self.sequence }
        } else {
            MessageId::Envelope(self.bytes.slice(self.type_len as usize..self.payload_start()))
        }
    }

    /// The envelope's id where the message was published in protocol 1.
    pub fn envelope_id(&self) -> Option<&[u8]> {
        (self.flags & ENVELOPE != 0).then(|| &self.bytes[self.type_len as usize..self.payload_start()])
    }

    /// True where a protocol-1 publisher sent something else than canonical base64: the payload is then its `bin_payload` as it was.
    pub fn is_verbatim(&self) -> bool {
        self.flags & VERBATIM != 0
    }

    fn payload_start(&self) -> usize {
        (self.type_len + self.envelope_len) as usize
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Delivery")
            .field("event_type", &self.event_type_name())
            .field("id", &self.id())
            .field("payload", &format_args!("{} bytes", self.payload().len()))
            .finish()
    }
}

/// A delivery as a session hands it over: borrowed from the datagram it came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) event_type: &'a [u8],
    pub(crate) payload: &'a [u8],
    /// Publisher and sequence, in protocol 2.
    pub(crate) number: Option<(i64, i64)>,
    pub(crate) envelope_id: Option<&'a [u8]>,
    pub(crate) verbatim: bool,
}

impl Incoming<'_> {
    /// Bytes it takes in a [`Delivery`].
    pub(crate) fn len(&self) -> usize {
        self.event_type.len() + self.envelope_id.map_or(0, <[u8]>::len) + self.payload.len()
    }

    /// Appends what [`Delivery::bytes`] holds.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.event_type);
        out.extend_from_slice(self.envelope_id.unwrap_or_default());
        out.extend_from_slice(self.payload);
    }

    /// The delivery whose bytes are at `start..start + self.len()` of a chunk still to come.
    pub(crate) fn staged(&self, start: usize) -> Staged {
        let (publisher, sequence) = self.number.unwrap_or_default();
        let flags = if self.number.is_some() { NUMBERED } else { 0 }
            | if self.envelope_id.is_some() { ENVELOPE } else { 0 }
            | if self.verbatim { VERBATIM } else { 0 };
        Staged {
            start: start as u32,
            len: self.len() as u32,
            type_len: self.event_type.len() as u32,
            envelope_len: self.envelope_id.map_or(0, <[u8]>::len) as u32,
            publisher,
            sequence,
            flags,
        }
    }
}

/// A [`Delivery`] whose chunk is still being filled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staged {
    start: u32,
    pub(crate) len: u32,
    type_len: u32,
    envelope_len: u32,
    publisher: i64,
    sequence: i64,
    flags: u8,
}

impl Staged {
    /// The delivery, now that its chunk is complete.
    pub(crate) fn finish(&self, chunk: &Bytes) -> Delivery {
        let start = self.start as usize;
        Delivery {
            bytes: chunk.slice(start..start + self.len as usize),
            type_len: self.type_len,
            envelope_len: self.envelope_len,
            publisher: self.publisher,
            sequence: self.sequence,
            flags: self.flags,
        }
    }
}

const NUMBERED: u8 = 1;
const ENVELOPE: u8 = 2;
const VERBATIM: u8 = 4;
