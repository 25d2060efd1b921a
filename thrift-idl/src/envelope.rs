//! The envelope of protocol 1: what a datagram holds, borrowed from the bytes it came in (PROTOCOL.md section 1).

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::engine::{DecodePaddingMode, Engine as _};
use thiserror::Error;

use crate::binary::{self, Reader, put_field, put_string};
use crate::compact::BodyError;

/// Reads what any client might write: padded or not, with whatever in the bits that count for nothing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A `bin_payload` that is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("bin_payload is not base64")]
pub struct NotBase64;

/// A `DigestEnvelope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// A struct's name with a lower-case first letter, or else the type of a published message.
    pub payload_type: &'a [u8],
    /// Base64 of the struct or of the message.
    pub bin_payload: &'a [u8],
    /// Chosen by the sender: a UUID mostly, but any bytes.
    pub id: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Reads the envelope that `bytes` begin with; padding may follow it.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BodyError> {
        let (mut payload_type, mut bin_payload, mut id) = (None, None, None);
        Reader::new(bytes).structure(|reader, field, kind| {
            let (target, name) = match field {
                1 => (&mut payload_type, "payload_type"),
                2 => (&mut bin_payload, "bin_payload"),
                3 => (&mut id, "id"),
                _ => return reader.skip(kind),
            };
            if kind != binary::STRING {
                return Err(BodyError::WrongType(name));
            }
            *target = Some(reader.string()?);
            Ok(())
        })?;
        Ok(Envelope {
            payload_type: payload_type.ok_or(BodyError::Missing("payload_type"))?,
            bin_payload: bin_payload.ok_or(BodyError::Missing("bin_payload"))?,
            id: id.ok_or(BodyError::Missing("id"))?,
        })
    }

    /// Appends the envelope, bare.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        for (id, value) in (1..).zip([self.payload_type, self.bin_payload, self.id]) {
            put_field(binary::STRING, id, out);
            put_string(value, out);
        }
        out.push(binary::STOP);
    }

    /// How many bytes [`write`](Self::write) appends.
    pub fn encoded_len(&self) -> usize {
        FIXED_LEN + self.payload_type.len() + self.bin_payload.len() + self.id.len()
    }

    /// Puts what `bin_payload` encodes into `out`, which is cleared first; what a client wrote carelessly (line breaks,
    /// no padding) is read too. After an error `out` is empty.
    pub fn decode_payload(&self, out: &mut Vec<u8>) -> Result<(), NotBase64> {
        out.clear();
        if LENIENT.decode_vec(self.bin_payload, out).is_ok() {
            return Ok(());
        }
        out.clear();
        let spaceless: Vec<u8> =
            self.bin_payload.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        LENIENT.decode_vec(spaceless, out).map_err(|_| {
            out.clear();
            NotBase64
        })
    }

    /// Puts what `bin_payload` encodes into `out`, which is cleared first, and says true, if encoding that again gives
    /// the same `bin_payload`. Otherwise `out` is empty.
    pub fn decode_canonical(&self, out: &mut Vec<u8>) -> bool {
        out.clear();
        // The standard engine takes no other padding, no stray bits and no spaces: what it reads, it would write.
        let canonical = STANDARD.decode_vec(self.bin_payload, out).is_ok();
        if !canonical {
            out.clear();
        }
        canonical
    }
}

/// Appends the envelope of `payload`, which is encoded as base64 on the way.
pub fn put(payload_type: &[u8], payload: &[u8], id: &[u8], out: &mut Vec<u8>) {
    let encoded = base64_len(payload.len());
    out.reserve(FIXED_LEN + payload_type.len() + encoded + id.len());
    put_field(binary::STRING, 1, out);
    put_string(payload_type, out);
    put_field(binary::STRING, 2, out);
    out.extend_from_slice(&(encoded as u32).to_be_bytes());
    let start = out.len();
    out.resize(start + encoded, 0);
    let written = STANDARD.encode_slice(payload, &mut out[start..]);
    debug_assert_eq!(written, Ok(encoded), "base64_len is the length of what is written");
    put_field(binary::STRING, 3, out);
    put_string(id, out);
    out.push(binary::STOP);
}

/// How many bytes [`put`] appends for a payload type, payload and id of these lengths.
pub fn put_len(payload_type: usize, payload: usize, id: usize) -> usize {
    FIXED_LEN + payload_type + base64_len(payload) + id
}

/// Three fields' headers and lengths, and the stop.
const FIXED_LEN: usize = 3 * (3 + 4) + 1;

fn base64_len(length: usize) -> usize {
    length.div_ceil(3) * 4
}
