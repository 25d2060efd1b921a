//! Frame 64, a published message, borrowed from the bytes it came in.
//!
//! The same struct as [`crate::generated::Message`], byte for byte, without copying. Two things differ: an event type is
//! any bytes, as protocol 1 has it, where the generated struct wants UTF-8; and the limits of PROTOCOL.md section 3 hold.

use crate::compact::{BINARY, BodyError, FALSE, I64, Reader, STOP, TRUE};
use crate::compact::{header, put_binary, put_varint, varint_len, zigzag};
use crate::frame;

/// The longest payload of a message, in bytes.
pub const MAX_PAYLOAD: usize = 60_000;
/// The longest event type, in bytes; the shortest has one.
pub const MAX_EVENT_TYPE: usize = 255;

/// A published message; the same bytes from the publisher to every subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who subscribed to it gets the message; 1 to [`MAX_EVENT_TYPE`] bytes.
    pub event_type: &'a [u8],
    /// What is published, at most [`MAX_PAYLOAD`] bytes.
    pub payload: &'a [u8],
    /// The publisher's instance.
    pub publisher: i64,
    /// The publisher's own count of messages: with `publisher` the message's id.
    pub sequence: i64,
    /// The envelope id of a message published in protocol 1.
    pub envelope_id: Option<&'a [u8]>,
    /// True where `payload` is a protocol-1 bin_payload that is not canonical base64, taken over as it was.
    pub verbatim: bool,
}

impl<'a> Message<'a> {
    /// Reads a message that is the whole of `body`, and checks its limits. Costs no copy.
    pub fn read(body: &'a [u8]) -> Result<Self, BodyError> {
        let mut reader = Reader::new(body);
        let (mut event_type, mut payload, mut publisher, mut sequence) = (None, None, None, None);
        let (mut envelope_id, mut verbatim) = (None, false);
        while let Some(field) = reader.field()? {
            match field {
                (1, BINARY) => event_type = Some(reader.binary()?),
                (2, BINARY) => payload = Some(reader.binary()?),
                (3, I64) => publisher = Some(reader.i64()?),
                (4, I64) => sequence = Some(reader.i64()?),
                (5, BINARY) => envelope_id = Some(reader.binary()?),
                (6, TRUE) => verbatim = true,
                (6, FALSE) => verbatim = false,
                (1, _) => return Err(BodyError::WrongType("event_type")),
                (2, _) => return Err(BodyError::WrongType("payload")),
                (3, _) => return Err(BodyError::WrongType("publisher")),
                (4, _) => return Err(BodyError::WrongType("sequence")),
                (5, _) => return Err(BodyError::WrongType("envelope_id")),
                (6, _) => return Err(BodyError::WrongType("verbatim")),
                (_, kind) => reader.skip(kind)?,
            }
        }
        reader.finish()?;
        let message = Message {
            event_type: event_type.ok_or(BodyError::Missing("event_type"))?,
            payload: payload.ok_or(BodyError::Missing("payload"))?,
            publisher: publisher.ok_or(BodyError::Missing("publisher"))?,
            sequence: sequence.ok_or(BodyError::Missing("sequence"))?,
            envelope_id,
            verbatim,
        };
        message.check()?;
        Ok(message)
    }

    /// Whether event type and payload keep within their limits; to be asked before a message is published.
    pub fn check(&self) -> Result<(), BodyError> {
        if self.event_type.is_empty() || self.event_type.len() > MAX_EVENT_TYPE {
            return Err(BodyError::OutOfRange("event_type"));
        }
        if self.payload.len() > MAX_PAYLOAD {
            return Err(BodyError::OutOfRange("payload"));
        }
        Ok(())
    }

    /// Appends the message, bare. Limits are not checked here.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        self.write_reserved(out);
    }

    /// Appends the message as a whole frame.
    ///
    /// # Panics
    ///
    /// If the message is longer than [`frame::MAX_BODY`]; [`check`](Self::check) keeps well below.
    pub fn put(&self, out: &mut Vec<u8>) {
        let length = self.encoded_len();
        out.reserve(length + frame::overhead(length));
        frame::put_header(frame::MESSAGE, length, out);
        self.write_reserved(out);
    }

    /// How many bytes [`write`](Self::write) appends.
    pub fn encoded_len(&self) -> usize {
        let binary_len = |bytes: &[u8]| 1 + varint_len(bytes.len() as u64) + bytes.len();
        binary_len(self.event_type)
            + binary_len(self.payload)
            + 1
            + varint_len(zigzag(self.publisher))
            + 1
            + varint_len(zigzag(self.sequence))
            + self.envelope_id.map_or(0, binary_len)
            + usize::from(self.verbatim)
            + 1
    }

    #[inline]
    fn write_reserved(&self, out: &mut Vec<u8>) {
        out.push(header(1, BINARY));
        put_binary(self.event_type, out);
        out.push(header(1, BINARY));
        put_binary(self.payload, out);
        out.push(header(1, I64));
        put_varint(zigzag(self.publisher), out);
        out.push(header(1, I64));
        put_varint(zigzag(self.sequence), out);
        if let Some(envelope_id) = self.envelope_id {
            out.push(header(1, BINARY));
            put_binary(envelope_id, out);
        }
        if self.verbatim {
            out.push(header(if self.envelope_id.is_some() { 1 } else { 2 }, TRUE));
        }
        out.push(STOP);
    }
}
