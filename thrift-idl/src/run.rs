//! Frame 8, where the numbers of the numbered frames behind it begin.

use crate::compact::{BodyError, I64, Reader, STOP, header, put_varint, zigzag};

/// The longest body of a run, in bytes.
pub const MAX_RUN: usize = 12;

/// Appends the body of a run whose first numbered frame is `first`.
pub fn write_run(first: u64, out: &mut Vec<u8>) {
    out.push(header(1, I64));
    put_varint(zigzag(first as i64), out);
    out.push(STOP);
}

/// The number of the first frame behind the run that is the whole of `body`; at least 1.
pub fn read_run(body: &[u8]) -> Result<u64, BodyError> {
    let mut reader = Reader::new(body);
    let mut first = None;
    while let Some(field) = reader.field()? {
        match field {
            (1, I64) => first = Some(reader.i64()?),
            (1, _) => return Err(BodyError::WrongType("first")),
            (_, kind) => reader.skip(kind)?,
        }
    }
    reader.finish()?;
    match u64::try_from(first.ok_or(BodyError::Missing("first"))?) {
        Ok(first) if first > 0 => Ok(first),
        _ => Err(BodyError::OutOfRange("first")),
    }
}
