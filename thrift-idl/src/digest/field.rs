//! What a field of a protocol-1 struct can be: how its value is read, written and how long it is.

use crate::binary::{self, Reader, put_string};
use crate::compact::BodyError;

/// Length of a field's header: its type and its id.
pub(super) const HEADER_LEN: usize = 3;

/// A type that a field can have.
pub(super) trait Field<'a>: Sized {
    /// The type's number on the wire.
    const KIND: u8;

    /// Reads a value of the field called `name`.
    fn read_value(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, BodyError>;
    /// Appends the value without the field's header.
    fn write_value(&self, out: &mut Vec<u8>);
    /// How many bytes [`write_value`](Self::write_value) appends.
    fn value_len(&self) -> usize;
}

/// Reads the value of the field called `name` whose header says that it is of type `kind`.
pub(super) fn read<'a, T: Field<'a>>(
    reader: &mut Reader<'a>,
    kind: u8,
    name: &'static str,
) -> Result<T, BodyError> {
    if kind == T::KIND { T::read_value(reader, name) } else { Err(BodyError::WrongType(name)) }
}

/// Appends a field.
pub(super) fn write<'a, T: Field<'a>>(id: i16, value: &T, out: &mut Vec<u8>) {
    binary::put_field(T::KIND, id, out);
    value.write_value(out);
}

impl<'a> Field<'a> for &'a [u8] {
    const KIND: u8 = binary::STRING;

    fn read_value(reader: &mut Reader<'a>, _: &'static str) -> Result<Self, BodyError> {
        reader.string()
    }

    fn write_value(&self, out: &mut Vec<u8>) {
        put_string(self, out);
    }

    fn value_len(&self) -> usize {
        4 + self.len()
    }
}

impl<'a> Field<'a> for i32 {
    const KIND: u8 = binary::I32;

    fn read_value(reader: &mut Reader<'a>, _: &'static str) -> Result<Self, BodyError> {
        reader.i32()
    }

    fn write_value(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn value_len(&self) -> usize {
        4
    }
}

impl<'a> Field<'a> for i64 {
    const KIND: u8 = binary::I64;

    fn read_value(reader: &mut Reader<'a>, _: &'static str) -> Result<Self, BodyError> {
        reader.i64()
    }

    fn write_value(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn value_len(&self) -> usize {
        8
    }
}

impl<'a, T: Field<'a>> Field<'a> for Vec<T> {
    const KIND: u8 = binary::LIST;

    fn read_value(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, BodyError> {
        let (element, count) = reader.list()?;
        // Some writers give an empty list no element type.
        if element != T::KIND && count > 0 {
            return Err(BodyError::WrongType(name));
        }
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(T::read_value(reader, name)?);
        }
        Ok(values)
    }

    fn write_value(&self, out: &mut Vec<u8>) {
        out.push(T::KIND);
        out.extend_from_slice(&(self.len() as u32).to_be_bytes());
        self.iter().for_each(|value| value.write_value(out));
    }

    fn value_len(&self) -> usize {
        5 + self.iter().map(Field::value_len).sum::<usize>()
    }
}
