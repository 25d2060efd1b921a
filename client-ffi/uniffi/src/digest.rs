//! Typed fields as they cross: both ways the fields one after the other, each its id (2 bytes), its kind (1), the length of its value (4), and the value. Numbers are big-endian.
//!
//! | kind | value |
//! |---|---|
//! | 1 bool | 1 byte, 0 or 1 |
//! | 2 byte, 3 i16, 4 i32, 5 i64 | 1, 2, 4, 8 bytes |
//! | 6 double | its 8 bytes of IEEE 754, a NaN's too |
//! | 7 string | the bytes |
//!
//! What is published is the client's own encoding; this one never leaves the process.

use gossiperl_bindings::{CustomDigest, Error, Kind, Value};

use crate::Failure;

/// The payload that carries these fields.
#[uniffi::export]
pub fn digest_payload(fields: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let mut digest = CustomDigest::new();
    let mut rest = fields.as_slice();
    while !rest.is_empty() {
        let (id, value, after) = field(rest).ok_or_else(unknown)?;
        digest.set(id, value);
        rest = after;
    }
    let mut payload = Vec::with_capacity(digest.encoded_len());
    digest.write(&mut payload);
    Ok(payload)
}

/// The fields that a payload carries, by rising id.
#[uniffi::export]
pub fn digest_fields(payload: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let digest = CustomDigest::read(&payload).map_err(|error| {
        let message = format!("the payload is no digest of typed fields, read it as bytes: {error}");
        Error::new(Kind::Argument, message)
    })?;
    let mut fields = Vec::with_capacity(payload.len() + 8 * digest.len());
    for (id, value) in digest.fields() {
        match value {
            Value::Bool(value) => put(id, 1, &[u8::from(*value)], &mut fields),
            Value::Byte(value) => put(id, 2, &value.to_be_bytes(), &mut fields),
            Value::I16(value) => put(id, 3, &value.to_be_bytes(), &mut fields),
            Value::I32(value) => put(id, 4, &value.to_be_bytes(), &mut fields),
            Value::I64(value) => put(id, 5, &value.to_be_bytes(), &mut fields),
            Value::Double(value) => put(id, 6, &value.to_be_bytes(), &mut fields),
            Value::String(value) => put(id, 7, value, &mut fields),
        }
    }
    Ok(fields)
}

fn put(id: i16, kind: u8, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&id.to_be_bytes());
    out.push(kind);
    // A payload, which is not longer, came in one datagram or from one.
    out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(value);
}

/// The first field, and what follows it.
fn field(bytes: &[u8]) -> Option<(i16, Value, &[u8])> {
    let (id, bytes) = bytes.split_first_chunk()?;
    let (kind, bytes) = bytes.split_first()?;
    let (len, bytes) = bytes.split_first_chunk()?;
    let (value, rest) = bytes.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
    let value = match kind {
        1 => Value::Bool(value != [0]),
        2 => Value::Byte(i8::from_be_bytes(value.try_into().ok()?)),
        3 => Value::I16(i16::from_be_bytes(value.try_into().ok()?)),
        4 => Value::I32(i32::from_be_bytes(value.try_into().ok()?)),
        5 => Value::I64(i64::from_be_bytes(value.try_into().ok()?)),
        6 => Value::Double(f64::from_be_bytes(value.try_into().ok()?)),
        7 => Value::String(value.to_vec()),
        _ => return None,
    };
    Some((i16::from_be_bytes(*id), value, rest))
}

fn unknown() -> Error {
    Error::new(Kind::Argument, "the fields of a digest that crossed are cut short or of no known kind")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_goes_out_and_comes_back_the_same() {
        let nan = f64::from_bits(0x7ff8_0000_dead_beef);
        let values = [
            Value::Bool(true),
            Value::Bool(false),
            Value::Byte(i8::MIN),
            Value::I16(i16::MAX),
            Value::I32(i32::MIN),
            Value::I64(i64::MIN),
            Value::I64(i64::MAX),
            Value::Double(-0.0),
            Value::Double(nan),
            Value::String(b"\xff\0".to_vec()),
            Value::String(Vec::new()),
        ];
        let mut digest = CustomDigest::new();
        for (id, value) in (-3..).zip(values) {
            digest.set(id, value);
        }
        let mut payload = Vec::new();
        digest.write(&mut payload);
        let fields = digest_fields(payload.clone()).unwrap();
        assert_eq!(digest_payload(fields).unwrap(), payload);
        assert_eq!(digest_payload(Vec::new()).unwrap(), [0]);
    }

    #[test]
    fn a_field_is_laid_out_as_said() {
        let payload = digest_payload(b"\xff\xfe\x07\0\0\0\x02hi".to_vec()).unwrap();
        assert_eq!(CustomDigest::read(&payload).unwrap().get::<&str>(-2), Ok("hi"));
    }

    #[test]
    fn what_is_cut_short_or_unknown_is_refused() {
        let whole = b"\0\x01\x05\0\0\0\x0812345678";
        for end in 1..whole.len() {
            assert!(digest_payload(whole[..end].to_vec()).is_err(), "{end}");
        }
        assert!(digest_payload(b"\0\x01\x08\0\0\0\0".to_vec()).is_err());
        assert!(digest_payload(b"\0\x01\x05\0\0\0\x011".to_vec()).is_err());
        assert!(digest_fields(b"no digest".to_vec()).is_err());
    }
}
