//! Reading and writing the parts of Thrift's binary protocol that protocol 1 needs.
//!
//! Borrowed, without allocation, and strings are any bytes; the generated code, which wants UTF-8, is the reference for
//! everything else. Reading is strict about lengths and bounded in depth and count. As protocol 1 has it, what follows a
//! struct's end is nobody's business: padding stands there.

use crate::compact::{BodyError, MAX_DEPTH, MAX_ELEMENTS};

pub(crate) const STOP: u8 = 0;
pub(crate) const BOOL: u8 = 2;
pub(crate) const BYTE: u8 = 3;
pub(crate) const DOUBLE: u8 = 4;
pub(crate) const I16: u8 = 6;
pub(crate) const I32: u8 = 8;
pub(crate) const I64: u8 = 10;
pub(crate) const STRING: u8 = 11;
pub(crate) const STRUCT: u8 = 12;
pub(crate) const LIST: u8 = 15;
const MAP: u8 = 13;
const SET: u8 = 14;
const UUID: u8 = 16;

/// Reads one struct from the beginning of a slice.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// How deep structs may still be nested; lists count in what is skipped.
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, depth: MAX_DEPTH }
    }

    /// Reads a struct: `field` is called with the id and type of each field and reads or skips its value.
    pub(crate) fn structure(
        &mut self,
        mut field: impl FnMut(&mut Self, i16, u8) -> Result<(), BodyError>,
    ) -> Result<(), BodyError> {
        self.depth = self.depth.checked_sub(1).ok_or(BodyError::Depth)?;
        loop {
            match self.byte()? {
                STOP => break,
                kind => {
                    let id = i16::from_be_bytes(self.array()?);
                    field(self, id, kind)?;
                }
            }
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, BodyError> {
        self.array().map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn i32(&mut self) -> Result<i32, BodyError> {
        self.array().map(i32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64, BodyError> {
        self.array().map(i64::from_be_bytes)
    }

    #[inline]
    pub(crate) fn string(&mut self) -> Result<&'a [u8], BodyError> {
        let length = usize::try_from(self.i32()?).map_err(|_| BodyError::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(BodyError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A list's element type and count; the count is within [`MAX_ELEMENTS`] and the bytes that are left.
    pub(crate) fn list(&mut self) -> Result<(u8, usize), BodyError> {
        Ok((self.byte()?, self.count()?))
    }

    /// Skips a value of this type.
    pub(crate) fn skip(&mut self, kind: u8) -> Result<(), BodyError> {
        match kind {
            BOOL | BYTE => self.array::<1>().map(drop),
            I16 => self.array::<2>().map(drop),
            I32 => self.array::<4>().map(drop),
            I64 | DOUBLE => self.array::<8>().map(drop),
            UUID => self.array::<16>().map(drop),
            STRING => self.string().map(drop),
            STRUCT => self.structure(|reader, _, kind| reader.skip(kind)),
            LIST | SET => {
                let (element, count) = self.list()?;
                self.nested(|reader| (0..count).try_for_each(|_| reader.skip(element)))
            }
            MAP => {
                let (key, value) = (self.byte()?, self.byte()?);
                let count = self.count()?;
                self.nested(|reader| {
                    (0..count).try_for_each(|_| {
                        reader.skip(key)?;
                        reader.skip(value)
                    })
                })
            }
            _ => Err(BodyError::Header),
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], BodyError> {
        let (&array, rest) = self.rest.split_first_chunk().ok_or(BodyError::Truncated)?;
        self.rest = rest;
        Ok(array)
    }

    /// Each element takes at least a byte, so a count beyond the bytes that are left is a lie.
    fn count(&mut self) -> Result<usize, BodyError> {
        let count = usize::try_from(self.i32()?).map_err(|_| BodyError::Elements)?;
        if count > MAX_ELEMENTS.min(self.rest.len()) { Err(BodyError::Elements) } else { Ok(count) }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<(), BodyError>) -> Result<(), BodyError> {
        self.depth = self.depth.checked_sub(1).ok_or(BodyError::Depth)?;
        read(self)?;
        self.depth += 1;
        Ok(())
    }
}

/// Appends a field's header.
#[inline]
pub(crate) fn put_field(kind: u8, id: i16, out: &mut Vec<u8>) {
    let [high, low] = id.to_be_bytes();
    out.extend_from_slice(&[kind, high, low]);
}

/// Appends a string or binary: its length, then its bytes.
#[inline]
pub(crate) fn put_string(bytes: &[u8], out: &mut Vec<u8>) {
    debug_assert!(bytes.len() <= i32::MAX as usize, "no datagram holds such a string");
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}
