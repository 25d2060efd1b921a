//! Typed digests: the core reads and writes them, JavaScript holds their fields.

use gossiperl_bindings::{CustomDigest, Error, Kind, Value, text};
use napi::bindgen_prelude::{BigInt, Either4, Utf16String};
use napi_derive::napi;

use crate::value::Js;

/// The fields that these bytes begin with, `[id, kind, value, …]`: an i64 as a BigInt, a double as a number, or as a BigInt of its bits where it is not a number, a string as bytes. Or null: they are no digest.
#[napi]
pub fn read_digest(payload: &[u8]) -> Js {
    let Ok(digest) = CustomDigest::read(payload) else { return Js::Null };
    let fields = digest.fields().flat_map(|(id, value)| {
        let kind = value.type_name();
        let value = match value {
            Value::Bool(value) => Js::Bool(*value),
            Value::Byte(value) => Js::Number(f64::from(*value)),
            Value::I16(value) => Js::Number(f64::from(*value)),
            Value::I32(value) => Js::Number(f64::from(*value)),
            Value::I64(value) => Js::I64(*value),
            Value::Double(value) if value.is_nan() => Js::U64(value.to_bits()),
            Value::Double(value) => Js::Number(*value),
            Value::String(value) => Js::Bytes(value.clone()),
        };
        [Js::Number(f64::from(id)), Js::from(kind), value]
    });
    Js::List(fields.collect())
}

/// One field of a digest to be written.
#[napi(object, object_to_js = false)]
pub struct NativeField {
    /// 16 bits, signed.
    pub id: i32,
    /// Its name in Thrift.
    pub kind: String,
    /// As [`read_digest`] gives it.
    pub value: Either4<bool, f64, BigInt, napi::bindgen_prelude::Uint8Array>,
}

/// The bytes of the digest with these fields; JavaScript has checked their ranges.
#[napi]
pub fn write_digest(fields: Vec<NativeField>) -> Js {
    let mut digest = CustomDigest::new();
    for field in fields {
        // Integers have been checked to be such, and in their range.
        let value = match (field.kind.as_str(), field.value) {
            ("bool", Either4::A(value)) => Value::Bool(value),
            ("byte", Either4::B(value)) => Value::Byte(value as i8),
            ("i16", Either4::B(value)) => Value::I16(value as i16),
            ("i32", Either4::B(value)) => Value::I32(value as i32),
            ("i64", Either4::C(value)) => Value::I64(value.get_i64().0),
            ("double", Either4::B(value)) => Value::Double(value),
            ("double", Either4::C(bits)) => Value::Double(f64::from_bits(bits.get_u64().1)),
            ("string", Either4::D(value)) => Value::String(value.to_vec()),
            (kind, _) => {
                return Js::error(Error::new(
                    Kind::Argument,
                    format!("a field of kind {kind} with a value of another"),
                ));
            }
        };
        digest.set(field.id as i16, value);
    }
    let mut payload = Vec::with_capacity(digest.encoded_len());
    digest.write(&mut payload);
    Js::Bytes(payload)
}

/// The text that stands for these bytes, by the rule of names.
#[napi]
pub fn text_of_bytes(bytes: &[u8]) -> Js {
    Js::name(bytes)
}

/// The bytes that this text stands for, by the rule of names; or an error.
#[napi]
pub fn bytes_of_text(text: Utf16String) -> Js {
    text::from_utf16(&text).map_or_else(Js::error, Js::Bytes)
}
