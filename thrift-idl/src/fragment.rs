//! Frame 65, a piece of a numbered frame too large for one datagram, borrowed from the bytes it came in.

use crate::compact::{BINARY, BodyError, I8, I32, Reader, STOP, header, put_binary, put_varint, zigzag};
use crate::frame;

/// The longest frame that is cut into fragments, in bytes of its body (PROTOCOL.md section 4).
pub const MAX_FRAGMENTED: u32 = 65_536;

/// The most bytes a fragment's body has beyond its part.
pub const FRAGMENT_OVERHEAD: usize = 2 + 4 + 4 + 4 + 1;

/// A piece of a numbered frame. Pieces follow one another without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Kind of the whole frame, 64 to 127 and not a fragment itself.
    pub kind: u8,
    /// Length of the whole frame's body in bytes, at most [`MAX_FRAGMENTED`].
    pub total: u32,
    /// Where in the whole body the part belongs; `offset + part.len()` is at most `total`.
    pub offset: u32,
    /// The piece, at least a byte.
    pub part: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Reads a fragment that is the whole of `body`; what it says of itself holds together.
    pub fn read(body: &'a [u8]) -> Result<Self, BodyError> {
        let mut reader = Reader::new(body);
        let (mut kind, mut total, mut offset, mut part) = (None, None, None, None);
        while let Some(field) = reader.field()? {
            match field {
                (1, I8) => kind = Some(reader.byte()?),
                (2, I32) => total = Some(reader.i32()?),
                (3, I32) => offset = Some(reader.i32()?),
                (4, BINARY) => part = Some(reader.binary()?),
                (1, _) => return Err(BodyError::WrongType("kind")),
                (2, _) => return Err(BodyError::WrongType("total")),
                (3, _) => return Err(BodyError::WrongType("offset")),
                (4, _) => return Err(BodyError::WrongType("part")),
                (_, kind) => reader.skip(kind)?,
            }
        }
        reader.finish()?;
        let kind = kind.ok_or(BodyError::Missing("kind"))?;
        let total = total.ok_or(BodyError::Missing("total"))?;
        let offset = offset.ok_or(BodyError::Missing("offset"))?;
        let part = part.ok_or(BodyError::Missing("part"))?;
        if !(frame::FIRST_NUMBERED..128).contains(&kind) || kind == frame::FRAGMENT {
            return Err(BodyError::OutOfRange("kind"));
        }
        let total = u32::try_from(total).ok().filter(|&total| total <= MAX_FRAGMENTED);
        let total = total.ok_or(BodyError::OutOfRange("total"))?;
        let offset = u32::try_from(offset).map_err(|_| BodyError::OutOfRange("offset"))?;
        if part.is_empty() || u64::from(offset) + part.len() as u64 > u64::from(total) {
            return Err(BodyError::OutOfRange("part"));
        }
        Ok(Fragment { kind, total, offset, part })
    }

    /// Appends the fragment, bare.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.part.len() + FRAGMENT_OVERHEAD);
        out.extend_from_slice(&[header(1, I8), self.kind, header(1, I32)]);
        put_varint(zigzag(self.total.into()), out);
        out.push(header(1, I32));
        put_varint(zigzag(self.offset.into()), out);
        out.push(header(1, BINARY));
        put_binary(self.part, out);
        out.push(STOP);
    }
}
