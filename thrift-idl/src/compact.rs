//! Reading and writing the few parts of Thrift's compact protocol that the hand-written structs need.
//!
//! Borrowed and without allocation. The generated code stays the reference: every struct read and written with this
//! module is tested against it, and everything that is not on a hot path uses it. Reading is strict: lengths never reach
//! beyond the bytes there are, varints never beyond their type, and what is skipped is bounded in depth and in count.

use thiserror::Error;

/// Why the bytes of a frame's body are not the struct that its kind says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// The bytes end within a field.
    #[error("the body ends too early")]
    Truncated,
    /// A varint is longer than its type allows, or larger.
    #[error("a varint is out of range")]
    Varint,
    /// A field has a type the compact protocol does not know, or a field id that does not exist.
    #[error("a field's header is malformed")]
    Header,
    /// A known field has another type than the struct's.
    #[error("field {0} has the wrong type")]
    WrongType(&'static str),
    /// A list, set or map that is skipped has more elements than [`MAX_ELEMENTS`] or than there are bytes.
    #[error("a container has too many elements")]
    Elements,
    /// What is skipped is nested deeper than [`MAX_DEPTH`].
    #[error("the body is nested too deeply")]
    Depth,
    /// A required field is missing.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// A field's value is outside the limits of PROTOCOL.md section 3.
    #[error("field {0} is out of range")]
    OutOfRange(&'static str),
    /// Bytes follow the end of the struct.
    #[error("bytes follow the struct")]
    Trailing,
}

/// How deep structs and containers may be nested, counting the struct that is read.
pub const MAX_DEPTH: usize = 8;
/// How many elements a container may have.
pub const MAX_ELEMENTS: usize = 4_096;

pub(crate) const STOP: u8 = 0;
pub(crate) const TRUE: u8 = 1;
pub(crate) const FALSE: u8 = 2;
pub(crate) const I8: u8 = 3;
pub(crate) const I32: u8 = 5;
pub(crate) const I64: u8 = 6;
pub(crate) const BINARY: u8 = 8;
pub(crate) const LIST: u8 = 9;
const I16: u8 = 4;
const DOUBLE: u8 = 7;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// Reads one struct from a slice, front to back.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    last_id: i16,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Reader { rest: body, last_id: 0 }
    }

    /// The next field's id and type, or `None` at the struct's end.
    #[inline]
    pub(crate) fn field(&mut self) -> Result<Option<(i16, u8)>, BodyError> {
        let header = self.byte()?;
        let kind = header & 0x0f;
        if kind == STOP {
            // The generated code reads a stop with any delta; nobody writes one.
            return if header == STOP { Ok(None) } else { Err(BodyError::Header) };
        }
        let delta = i16::from(header >> 4);
        self.last_id = if delta == 0 {
            i16::try_from(self.i32()?).map_err(|_| BodyError::Header)?
        } else {
            self.last_id.checked_add(delta).ok_or(BodyError::Header)?
        };
        Ok(Some((self.last_id, kind)))
    }

    /// To be called behind the struct's end: nothing may follow.
    pub(crate) fn finish(&self) -> Result<(), BodyError> {
        if self.rest.is_empty() { Ok(()) } else { Err(BodyError::Trailing) }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, BodyError> {
        let (&first, rest) = self.rest.split_first().ok_or(BodyError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64, BodyError> {
        let value = self.varint::<10>()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    #[inline]
    pub(crate) fn i32(&mut self) -> Result<i32, BodyError> {
        let value = self.u32()?;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    #[inline]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], BodyError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    /// A list's or set's element type and count; the count is within [`MAX_ELEMENTS`] and the bytes that are left.
    pub(crate) fn list(&mut self) -> Result<(u8, usize), BodyError> {
        let header = self.byte()?;
        let count = match header >> 4 {
            15 => self.u32()?,
            count => u32::from(count),
        };
        let element = header & 0x0f;
        if !(TRUE..=UUID).contains(&element) {
            return Err(BodyError::Header);
        }
        Ok((element, self.elements(count)?))
    }

    /// Skips the value of a field of this type.
    pub(crate) fn skip(&mut self, kind: u8) -> Result<(), BodyError> {
        match kind {
            // A field's boolean is in its header; an element's is a byte of its own.
            TRUE | FALSE => Ok(()),
            _ => self.skip_value(kind, MAX_DEPTH - 1),
        }
    }

    fn skip_value(&mut self, kind: u8, depth: usize) -> Result<(), BodyError> {
        match kind {
            TRUE | FALSE if self.byte()? > FALSE => Err(BodyError::Header),
            TRUE | FALSE => Ok(()),
            I8 => self.byte().map(drop),
            I16 | I32 => self.u32().map(drop),
            I64 => self.varint::<10>().map(drop),
            DOUBLE => self.take(8).map(drop),
            UUID => self.take(16).map(drop),
            BINARY => self.binary().map(drop),
            LIST | SET => {
                let depth = depth.checked_sub(1).ok_or(BodyError::Depth)?;
                let (element, count) = self.list()?;
                (0..count).try_for_each(|_| self.skip_value(element, depth))
            }
            MAP => {
                let depth = depth.checked_sub(1).ok_or(BodyError::Depth)?;
                let count = self.u32()?;
                let count = self.elements(count)?;
                if count == 0 {
                    return Ok(());
                }
                let types = self.byte()?;
                (0..count).try_for_each(|_| {
                    self.skip_value(types >> 4, depth)?;
                    self.skip_value(types & 0x0f, depth)
                })
            }
            STRUCT => self.skip_struct(depth.checked_sub(1).ok_or(BodyError::Depth)?),
            _ => Err(BodyError::Header),
        }
    }

    fn skip_struct(&mut self, depth: usize) -> Result<(), BodyError> {
        let outer = std::mem::replace(&mut self.last_id, 0);
        while let Some((_, kind)) = self.field()? {
            if kind != TRUE && kind != FALSE {
                self.skip_value(kind, depth)?;
            }
        }
        self.last_id = outer;
        Ok(())
    }

    /// Each element takes at least a byte, so a count beyond the bytes that are left is a lie.
    fn elements(&self, count: u32) -> Result<usize, BodyError> {
        let count = count as usize;
        if count > MAX_ELEMENTS.min(self.rest.len()) { Err(BodyError::Elements) } else { Ok(count) }
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], BodyError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(BodyError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn u32(&mut self) -> Result<u32, BodyError> {
        u32::try_from(self.varint::<5>()?).map_err(|_| BodyError::Varint)
    }

    /// A varint of at most `LONGEST` bytes, 10 at most.
    #[inline]
    fn varint<const LONGEST: usize>(&mut self) -> Result<u64, BodyError> {
        let mut value = 0u64;
        for (index, &byte) in self.rest.iter().enumerate().take(LONGEST) {
            // The tenth byte holds the 64th bit alone.
            if index == 9 && byte > 1 {
                return Err(BodyError::Varint);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(if self.rest.len() < LONGEST { BodyError::Truncated } else { BodyError::Varint })
    }
}

/// Length of `value` as a varint.
#[inline]
pub(crate) const fn varint_len(value: u64) -> usize {
    // 7 bits a byte, and at least one byte.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Appends `value` as a varint.
#[inline]
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a binary or string: its length, then its bytes.
#[inline]
pub(crate) fn put_binary(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// How signed numbers become varints: small ones stay small.
#[inline]
pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Header of a field whose id is `delta` (1 to 15) above the last one's.
#[inline]
pub(crate) const fn header(delta: u8, kind: u8) -> u8 {
    delta << 4 | kind
}
