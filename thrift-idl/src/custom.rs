//! Custom digests: what applications publish as a struct of their own, field by field.
//!
//! The struct is Thrift's binary protocol in both of our protocols, so a message published in one is read in the other;
//! only protocol 1 wraps it in base64. Daemons never look into it.
//!
//! ```
//! use gossiperl_idl::custom::CustomDigest;
//!
//! let mut payload = Vec::new();
//! CustomDigest::new().with(1, "door 7").with(2, true).with(3, 21.5).write(&mut payload);
//!
//! let read = CustomDigest::read(&payload)?;
//! assert_eq!(read.get::<&str>(1)?, "door 7");
//! assert_eq!(read.get::<bool>(2)?, true);
//! assert_eq!(read.get::<f64>(3)?, 21.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;

use thiserror::Error;

use crate::binary::{BOOL, BYTE, DOUBLE, I16, I32, I64, Reader, STOP, STRING, put_field, put_string};
use crate::compact::BodyError;

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A boolean.
    Bool(bool),
    /// 8 bits, signed.
    Byte(i8),
    /// 16 bits, signed.
    I16(i16),
    /// 32 bits, signed.
    I32(i32),
    /// 64 bits, signed.
    I64(i64),
    /// An IEEE 754 double.
    Double(f64),
    /// Any bytes; UTF-8 mostly.
    String(Vec<u8>),
}

impl Value {
    /// The type's name in Thrift.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Bool(_) => "bool",
            Value::Byte(_) => "byte",
            Value::I16(_) => "i16",
            Value::I32(_) => "i32",
            Value::I64(_) => "i64",
            Value::Double(_) => "double",
            Value::String(_) => "string",
        }
    }

    fn len(&self) -> usize {
        match self {
            Value::Bool(_) | Value::Byte(_) => 1,
            Value::I16(_) => 2,
            Value::I32(_) => 4,
            Value::I64(_) | Value::Double(_) => 8,
            Value::String(bytes) => 4 + bytes.len(),
        }
    }
}

/// A struct whose fields the application picks: any id of 16 bits, each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomDigest {
    fields: BTreeMap<i16, Value>,
}

impl CustomDigest {
    /// One without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this field added, or replaced.
    #[must_use]
    pub fn with(mut self, id: i16, value: impl Into<Value>) -> Self {
        self.set(id, value);
        self
    }

    /// Sets a field, and gives back what it was before.
    pub fn set(&mut self, id: i16, value: impl Into<Value>) -> Option<Value> {
        self.fields.insert(id, value.into())
    }

    /// The field's value as a `bool`, `i8`, `i16`, `i32`, `i64`, `f64`, `&str` or `&[u8]`, whichever it was sent as.
    pub fn get<'a, T: FieldType<'a>>(&'a self, id: i16) -> Result<T, FieldError> {
        let value = self.fields.get(&id).ok_or(FieldError::Missing(id))?;
        T::of(value).ok_or(FieldError::WrongType { id, found: value.type_name(), wanted: T::NAME })
    }

    /// The fields by rising id.
    pub fn fields(&self) -> impl Iterator<Item = (i16, &Value)> {
        self.fields.iter().map(|(&id, value)| (id, value))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Reads the struct that `bytes` begin with; what follows is ignored, as protocol 1 has it.
    ///
    /// Of several fields with one id the last counts. Fields of other types (lists, structs …) are left out.
    pub fn read(bytes: &[u8]) -> Result<Self, BodyError> {
        let mut fields = BTreeMap::new();
        Reader::new(bytes).structure(|reader, id, kind| {
            let value = match kind {
                BOOL => Value::Bool(reader.byte()? != 0),
                BYTE => Value::Byte(i8::from_be_bytes(reader.array()?)),
                I16 => Value::I16(i16::from_be_bytes(reader.array()?)),
                I32 => Value::I32(reader.i32()?),
                I64 => Value::I64(reader.i64()?),
                DOUBLE => Value::Double(f64::from_be_bytes(reader.array()?)),
                STRING => Value::String(reader.string()?.into()),
                _ => return reader.skip(kind),
            };
            fields.insert(id, value);
            Ok(())
        })?;
        Ok(CustomDigest { fields })
    }

    /// Appends the struct, its fields by rising id.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        for (&id, value) in &self.fields {
            match value {
                Value::Bool(value) => put(BOOL, id, &[u8::from(*value)], out),
                Value::Byte(value) => put(BYTE, id, &value.to_be_bytes(), out),
                Value::I16(value) => put(I16, id, &value.to_be_bytes(), out),
                Value::I32(value) => put(I32, id, &value.to_be_bytes(), out),
                Value::I64(value) => put(I64, id, &value.to_be_bytes(), out),
                Value::Double(value) => put(DOUBLE, id, &value.to_be_bytes(), out),
                Value::String(value) => {
                    put_field(STRING, id, out);
                    put_string(value, out);
                }
            }
        }
        out.push(STOP);
    }

    /// How many bytes [`write`](Self::write) appends; a message carries at most
    /// [`MAX_PAYLOAD`](crate::message::MAX_PAYLOAD).
    pub fn encoded_len(&self) -> usize {
        self.fields.values().map(|value| 3 + value.len()).sum::<usize>() + 1
    }
}

/// Why a field's value is not there as wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FieldError {
    /// There is no field of this id.
    #[error("the digest has no field {0}")]
    Missing(i16),
    /// The field is of another type.
    #[error("field {id} of the digest is of type {found}, not {wanted}: read it as what its publisher sends")]
    WrongType {
        /// The field.
        id: i16,
        /// Its type.
        found: &'static str,
        /// The type asked for.
        wanted: &'static str,
    },
}

/// A type that [`CustomDigest::get`] gives.
pub trait FieldType<'a>: Sized + sealed::Sealed {
    #[doc(hidden)]
    const NAME: &'static str;
    #[doc(hidden)]
    fn of(value: &'a Value) -> Option<Self>;
}

mod sealed {
    /// Keeps [`super::FieldType`] to the types of [`super::Value`].
    pub trait Sealed {}
}

/// Both ways between a Rust type and a variant of [`Value`].
macro_rules! value_types {
    ($($kind:ty = $variant:ident $name:literal),+ $(,)?) => {$(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Value::$variant(value)
            }
        }

        impl sealed::Sealed for $kind {}

        impl<'a> FieldType<'a> for $kind {
            const NAME: &'static str = $name;

            fn of(value: &'a Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(*value),
                    _ => None,
                }
            }
        }
    )+};
}

value_types! { bool = Bool "bool", i8 = Byte "byte", i16 = I16 "i16", i32 = I32 "i32", i64 = I64 "i64", f64 = Double "double" }

impl sealed::Sealed for &[u8] {}

impl<'a> FieldType<'a> for &'a [u8] {
    const NAME: &'static str = "string";

    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::String(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl sealed::Sealed for &str {}

impl<'a> FieldType<'a> for &'a str {
    const NAME: &'static str = "string of UTF-8";

    fn of(value: &'a Value) -> Option<Self> {
        <&[u8]>::of(value).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::String(value.into())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Value::String(value.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Value::String(value)
    }
}

fn put(kind: u8, id: i16, value: &[u8], out: &mut Vec<u8>) {
    put_field(kind, id, out);
    out.extend_from_slice(value);
}
