//! The generated structs to bytes and back, within limits.
//!
//! For all that is not on a hot path; what is has a borrowed codec of its own ([`crate::message`], [`crate::digest`] …),
//! tested against this one. Crate thrift reads any input without a panic, but only with limits set does it refuse to
//! allocate for a length that the bytes cannot hold. Its structs want UTF-8 in every `string`.

use thiserror::Error;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TSerializable,
};
use thrift::{ProtocolErrorKind, TConfiguration};

use crate::{MAX_DEPTH, MAX_ELEMENTS};

/// Why bytes are not the struct they should be.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The bytes end within a field.
    #[error("the bytes end within the struct")]
    Truncated,
    /// A length, a count or the nesting is beyond the limits.
    #[error("beyond a limit: {0}")]
    Limit(String),
    /// A required field is missing, a string is not UTF-8, or a type is unknown.
    #[error("not the struct expected: {0}")]
    Malformed(String),
    /// So many bytes follow the end of the struct.
    #[error("{0} bytes follow the struct")]
    Trailing(usize),
}

/// Appends `value` in the compact protocol, bare.
pub fn encode_compact<T: TSerializable>(value: &T, out: &mut Vec<u8>) {
    written(value.write_to_out_protocol(&mut TCompactOutputProtocol::new(out)));
}

/// Reads a `T` in the compact protocol that is the whole of `bytes`.
///
/// Takes at most the memory of the struct's strings and of `bytes.len()` list elements, [`MAX_ELEMENTS`] at most.
pub fn decode_compact<T: TSerializable>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut rest = bytes;
    let mut protocol = TCompactInputProtocol::with_config(&mut rest, limits(bytes.len())?);
    let value = T::read_from_in_protocol(&mut protocol)?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::Trailing(rest.len())) }
}

/// Appends `value` in the binary protocol, bare.
pub fn encode_binary<T: TSerializable>(value: &T, out: &mut Vec<u8>) {
    written(value.write_to_out_protocol(&mut TBinaryOutputProtocol::new(out, true)));
}

/// Reads a `T` in the binary protocol from the beginning of `bytes`; as protocol 1 has it, anything may follow.
pub fn decode_binary<T: TSerializable>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut rest = bytes;
    let mut protocol = TBinaryInputProtocol::with_config(&mut rest, true, limits(bytes.len())?);
    Ok(T::read_from_in_protocol(&mut protocol)?)
}

/// No string and no list can have more than there are bytes: each element takes one at least.
fn limits(length: usize) -> thrift::Result<TConfiguration> {
    TConfiguration::builder()
        .max_frame_size(Some(length))
        .max_message_size(Some(length))
        .max_string_size(Some(length))
        .max_container_size(Some(length.min(MAX_ELEMENTS)))
        .max_recursion_depth(Some(MAX_DEPTH))
        .build()
}

#[expect(
    clippy::expect_used,
    reason = "writing to a Vec cannot fail, and the generated code writes in order"
)]
fn written(result: thrift::Result<()>) {
    result.expect("a Vec takes every byte");
}

impl From<thrift::Error> for DecodeError {
    fn from(error: thrift::Error) -> Self {
        match error {
            thrift::Error::Transport(_) => DecodeError::Truncated,
            thrift::Error::Protocol(error) => match error.kind {
                ProtocolErrorKind::SizeLimit
                | ProtocolErrorKind::NegativeSize
                | ProtocolErrorKind::DepthLimit => DecodeError::Limit(error.message),
                _ => DecodeError::Malformed(error.message),
            },
            other => DecodeError::Malformed(other.to_string()),
        }
    }
}
