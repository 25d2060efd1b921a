//! Frame 9, what has arrived of the numbered frames.

use std::fmt;
use std::ops::Range;

use crate::compact::{BodyError, FALSE, I32, I64, LIST, Reader, STOP, TRUE};
use crate::compact::{header, put_varint, zigzag};

/// How many ranges an acknowledgement keeps. Of one that has more, those farthest ahead are left out:
/// what they hold is then acknowledged later, or sent again.
pub const MAX_RANGES: usize = 32;

/// The longest body that [`Acknowledgement::write`] appends, in bytes.
pub const MAX_ACKNOWLEDGEMENT: usize = 11 + 6 + 6 + 3 + MAX_RANGES * 20 + 1 + 1;

/// What has arrived of the numbered frames of one direction of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledgement {
    /// All numbered frames up to and with this one have been taken over. At most `i64::MAX`.
    pub cumulative: u64,
    /// Cost of the frames the receiver is ready to have in flight beyond `cumulative`; 0 holds the sender back.
    /// At most `i32::MAX`, and written as that where it is more.
    pub window: u32,
    /// Microseconds from the arrival of the newest numbered frame to the sending of this. At most as `window`.
    pub delay_us: u32,
    /// Frames beyond `cumulative` that arrived out of order.
    pub ranges: SmallRanges,
    /// The receiver dropped what came after `cumulative`: send it again from there.
    pub rewind: bool,
}

impl Acknowledgement {
    /// Reads an acknowledgement that is the whole of `body`.
    ///
    /// The ranges are within `cumulative + 2..=i64::MAX`, rise, and don't touch each other.
    pub fn read(body: &[u8]) -> Result<Self, BodyError> {
        let mut reader = Reader::new(body);
        let (mut cumulative, mut window, mut delay_us, mut ranges, mut rewind) =
            (None, None, None, None, false);
        while let Some(field) = reader.field()? {
            match field {
                (1, I64) => cumulative = Some(reader.i64()?),
                (2, I32) => window = Some(reader.i32()?),
                (3, I32) => delay_us = Some(reader.i32()?),
                // `cumulative` stands before the ranges in what everybody writes, but need not: they are read behind it.
                (4, LIST) => {
                    ranges = Some(reader.clone());
                    reader.skip(LIST)?;
                }
                (5, TRUE) => rewind = true,
                (5, FALSE) => rewind = false,
                (1, _) => return Err(BodyError::WrongType("cumulative")),
                (2, _) => return Err(BodyError::WrongType("window")),
                (3, _) => return Err(BodyError::WrongType("delay_us")),
                (4, _) => return Err(BodyError::WrongType("ranges")),
                (5, _) => return Err(BodyError::WrongType("rewind")),
                (_, kind) => reader.skip(kind)?,
            }
        }
        reader.finish()?;
        let mut acknowledgement = Acknowledgement {
            cumulative: not_negative(cumulative.map(u64::try_from), "cumulative")?,
            window: not_negative(window.map(u32::try_from), "window")?,
            delay_us: not_negative(delay_us.map(u32::try_from), "delay_us")?,
            ranges: SmallRanges::new(),
            rewind,
        };
        if let Some(reader) = ranges {
            acknowledgement.ranges.read(acknowledgement.cumulative, reader)?;
        }
        Ok(acknowledgement)
    }

    /// Appends the acknowledgement, bare. Ranges must lie beyond `cumulative`: one that does not ends them.
    pub fn write(&self, out: &mut Vec<u8>) {
        let most = i32::MAX as u32;
        out.push(header(1, I64));
        put_varint(zigzag(self.cumulative as i64), out);
        out.push(header(1, I32));
        put_varint(zigzag(self.window.min(most).into()), out);
        out.push(header(1, I32));
        put_varint(zigzag(self.delay_us.min(most).into()), out);
        let ranges = self.ranges.beyond(self.cumulative);
        if !ranges.is_empty() {
            out.push(header(1, LIST));
            match ranges.len() as u8 * 2 {
                count @ 0..15 => out.push(header(count, I64)),
                count => out.extend_from_slice(&[header(15, I64), count]),
            }
            let mut last = self.cumulative + 1;
            for range in ranges {
                put_varint(zigzag((range.start - last) as i64), out);
                put_varint(zigzag((range.end - range.start) as i64), out);
                last = range.end;
            }
        }
        if self.rewind {
            out.push(header(if ranges.is_empty() { 2 } else { 1 }, TRUE));
        }
        out.push(STOP);
    }
}

/// At most [`MAX_RANGES`] ranges of frame numbers, rising and apart.
#[derive(Clone, PartialEq, Eq)]
pub struct SmallRanges {
    ranges: [Range<u64>; MAX_RANGES],
    length: usize,
}

impl SmallRanges {
    /// No ranges.
    pub const fn new() -> Self {
        SmallRanges { ranges: [const { 0..0 }; MAX_RANGES], length: 0 }
    }

    /// Appends a range. Says false, and has changed nothing, where the range is empty, does not lie beyond the last one
    /// with a gap between, goes beyond `i64::MAX`, or [`MAX_RANGES`] are there.
    pub fn push(&mut self, range: Range<u64>) -> bool {
        let apart = self.as_slice().last().is_none_or(|last| range.start > last.end);
        if !apart || range.is_empty() || range.end > i64::MAX as u64 {
            return false;
        }
        match self.ranges.get_mut(self.length) {
            Some(free) => *free = range,
            None => return false,
        }
        self.length += 1;
        true
    }

    /// The ranges, rising.
    pub fn as_slice(&self) -> &[Range<u64>] {
        self.ranges.get(..self.length).unwrap_or_default()
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The ranges, if the first of them leaves a gap behind `cumulative`; they rise, so all do.
    fn beyond(&self, cumulative: u64) -> &[Range<u64>] {
        match self.as_slice() {
            ranges @ [first, ..] if cumulative < i64::MAX as u64 && first.start > cumulative + 1 => ranges,
            _ => &[],
        }
    }

    /// Reads gaps and lengths behind `cumulative`.
    fn read(&mut self, cumulative: u64, mut reader: Reader<'_>) -> Result<(), BodyError> {
        let error = BodyError::OutOfRange("ranges");
        let (element, count) = reader.list()?;
        if element != I64 && count > 0 {
            return Err(BodyError::WrongType("ranges"));
        }
        if count % 2 != 0 {
            return Err(error);
        }
        let mut last = cumulative.checked_add(1).ok_or(error)?;
        for _ in 0..count / 2 {
            let (gap, length) = (reader.i64()?, reader.i64()?);
            // Without a gap a range would belong to the one before it, or to `cumulative`.
            let (Ok(gap @ 1..), Ok(length @ 1..)) = (u64::try_from(gap), u64::try_from(length)) else {
                return Err(error);
            };
            let start = last.checked_add(gap).ok_or(error)?;
            let end = start.checked_add(length).filter(|&end| end <= i64::MAX as u64).ok_or(error)?;
            self.push(start..end);
            last = end;
        }
        Ok(())
    }
}

impl Default for SmallRanges {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SmallRanges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.as_slice()).finish()
    }
}

fn not_negative<T, E>(value: Option<Result<T, E>>, name: &'static str) -> Result<T, BodyError> {
    value.ok_or(BodyError::Missing(name))?.map_err(|_| BodyError::OutOfRange(name))
}
