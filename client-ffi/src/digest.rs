//! Digests: messages of typed fields, whose ids the application picks.

use gossiperl_bindings::{CustomDigest, Error as CoreError, Kind, MAX_PAYLOAD, Value};

use crate::{
    bytes::{Bytes, Out, free, handle_mut, slice},
    error::{Error, Result, run},
    list::items,
};

/// A digest: fields of any id of 16 bits, each once. One thread at a time; even reading its bytes or its fields.
pub struct Digest {
    digest: CustomDigest,
    /// The bytes last asked for.
    bytes: Vec<u8>,
    /// The fields last asked for.
    fields: Vec<Field>,
}

/// A field of a digest.
#[repr(C)]
pub struct Field {
    /// The value of a BOOL (0 or 1), BYTE, I16, I32 or I64.
    pub integer: i64,
    /// The value of a DOUBLE.
    pub number: f64,
    /// The value of a STRING, any bytes.
    pub string: Bytes,
    /// What it was sent as.
    pub kind: FieldKind,
    /// The application's id.
    pub id: i16,
}

/// The type of a field.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum FieldKind {
    /// A boolean.
    Bool = 1,
    /// 8 bits, signed.
    Byte = 2,
    /// 16 bits, signed.
    I16 = 3,
    /// 32 bits, signed.
    I32 = 4,
    /// 64 bits, signed.
    I64 = 5,
    /// An IEEE 754 double; the bits of a NaN are kept.
    Double = 6,
    /// Any bytes; UTF-8 mostly.
    String = 7,
}

/// A digest without fields, to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_new() -> *mut Digest {
    Digest::made(CustomDigest::new())
}

/// Reads a delivery's payload as a digest. `*digest` is to be freed; it is NULL after an error. Fields of other types than the seven are left out.
///
/// Errors: ARGUMENT: it is none.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_read(
    payload: *const u8,
    payload_length: usize,
    digest: *mut *mut Digest,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let digest = Out::new("digest", digest, std::ptr::null_mut())?;
        let read = CustomDigest::read(slice("payload", payload, payload_length)?);
        let message = |error| format!("the payload is no digest of typed fields: {error}");
        digest.put(Digest::made(read.map_err(|error| CoreError::new(Kind::Argument, message(error)))?));
        Ok(())
    })
}

/// Frees a digest. NULL is nothing.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_free(digest: *mut Digest) {
    free(digest);
}

/// Sets a boolean.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_set_bool(digest: *mut Digest, id: i16, value: bool) -> Result {
    set(digest, id, Value::Bool(value))
}

/// Sets 8 bits.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_set_byte(digest: *mut Digest, id: i16, value: i8) -> Result {
    set(digest, id, Value::Byte(value))
}

/// Sets 16 bits.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_set_i16(digest: *mut Digest, id: i16, value: i16) -> Result {
    set(digest, id, Value::I16(value))
}

/// Sets 32 bits.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_set_i32(digest: *mut Digest, id: i16, value: i32) -> Result {
    set(digest, id, Value::I32(value))
}

/// Sets 64 bits.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_set_i64(digest: *mut Digest, id: i16, value: i64) -> Result {
    set(digest, id, Value::I64(value))
}

/// Sets a double.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_set_double(digest: *mut Digest, id: i16, value: f64) -> Result {
    set(digest, id, Value::Double(value))
}

/// Sets a string; its bytes, 60,000 at most, are copied.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_set_string(
    digest: *mut Digest,
    id: i16,
    value: *const u8,
    value_length: usize,
) -> Result {
    run(std::ptr::null_mut(), || {
        let value = slice("value", value, value_length)?;
        if value.len() > MAX_PAYLOAD {
            return Err(CoreError::new(Kind::Argument, "value is longer than a payload"));
        }
        handle_mut("digest", digest)?.digest.set(id, value);
        Ok(())
    })
}

/// The digest as a payload to publish. The bytes live until the next call with the digest.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_bytes(digest: *mut Digest) -> Bytes {
    let Ok(digest) = handle_mut("digest", digest) else { return Bytes::NONE };
    digest.bytes.clear();
    digest.digest.write(&mut digest.bytes);
    Bytes::of(&digest.bytes)
}

/// The fields by rising id, `*length` of them one after the other. They live until the next call with the digest. NULL and 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_digest_fields(digest: *mut Digest, length: *mut usize) -> *const Field {
    let fields = handle_mut("digest", digest).ok().map(|digest| {
        digest.fields.clear();
        digest.fields.extend(digest.digest.fields().map(|(id, value)| described(id, value)));
        digest.fields.as_slice()
    });
    items(fields, length)
}

impl Digest {
    fn made(digest: CustomDigest) -> *mut Digest {
        Box::into_raw(Box::new(Digest { digest, bytes: Vec::new(), fields: Vec::new() }))
    }
}

fn set(digest: *mut Digest, id: i16, value: Value) -> Result {
    run(std::ptr::null_mut(), || {
        handle_mut("digest", digest)?.digest.set(id, value);
        Ok(())
    })
}

fn described(id: i16, value: &Value) -> Field {
    let (kind, integer, number, string) = match value {
        Value::Bool(value) => (FieldKind::Bool, i64::from(*value), 0.0, Bytes::NONE),
        Value::Byte(value) => (FieldKind::Byte, i64::from(*value), 0.0, Bytes::NONE),
        Value::I16(value) => (FieldKind::I16, i64::from(*value), 0.0, Bytes::NONE),
        Value::I32(value) => (FieldKind::I32, i64::from(*value), 0.0, Bytes::NONE),
        Value::I64(value) => (FieldKind::I64, *value, 0.0, Bytes::NONE),
        Value::Double(value) => (FieldKind::Double, 0, *value, Bytes::NONE),
        Value::String(value) => (FieldKind::String, 0, 0.0, Bytes::of(value)),
    };
    Field { integer, number, string, kind, id }
}
