//! Values too long for one datagram: cut into parts, and put together again.
//!
//! All parts but the last have [`size::PART`] bytes. At most [`WAITING`] values wait for their parts; a further one
//! takes the place of the one begun first, which repair asks for again.

use std::collections::VecDeque;

use gossiperl_idl::{Salt, generated::Entry};

use super::MAX_VALUE;
use crate::state::size::PART;

/// Values that may wait for parts.
const WAITING: usize = 64;

/// The values of which some parts have arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    waiting: VecDeque<Partial>,
}

#[derive(Clone, Debug)]
struct Partial {
    owner: Salt,
    version: i64,
    key: Vec<u8>,
    value: Vec<u8>,
    /// A bit for each part that is there.
    present: u32,
}

/// What a part was.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    /// Not what a part can be.
    Malformed,
    /// There already.
    Known,
    /// New, and others are missing.
    New,
    /// The last one missing.
    Whole(Entry),
}

impl Parts {
    pub(super) fn take(&mut self, owner: &Salt, part: &Entry) -> Part {
        let Some((index, total)) = position(part) else { return Part::Malformed };
        let found =
            self.waiting.iter().position(|known| known.owner == *owner && known.version == part.version);
        let at = found.unwrap_or_else(|| {
            if self.waiting.len() >= WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(Partial {
                owner: *owner,
                version: part.version,
                key: part.key.clone(),
                value: vec![0; total],
                present: 0,
            });
            self.waiting.len() - 1
        });
        let Some(partial) = self.waiting.get_mut(at) else { return Part::Malformed };
        if partial.key != part.key || partial.value.len() != total {
            return Part::Malformed;
        }
        if partial.present & (1 << index) != 0 {
            return Part::Known;
        }
        if let Some(room) = partial.value.get_mut(index * PART..index * PART + part.value.len()) {
            room.copy_from_slice(&part.value);
        }
        partial.present |= 1 << index;
        if partial.present.count_ones() as usize != total.div_ceil(PART) {
            return Part::New;
        }
        match self.waiting.remove(at) {
            Some(whole) => {
                Part::Whole(Entry { value: whole.value, offset: None, total: None, ..part.clone() })
            }
            None => Part::Malformed,
        }
    }

    /// The owner is gone, or has this version and all before it complete.
    pub(super) fn forget(&mut self, owner: &Salt, to: i64) {
        self.waiting.retain(|partial| partial.owner != *owner || partial.version > to);
    }
}

/// The parts of an entry whose value is too long for one datagram.
pub(super) fn cut(entry: Entry) -> impl Iterator<Item = Entry> {
    let Entry { key, value, version, deleted, .. } = entry;
    let total = i32::try_from(value.len()).ok();
    (0..value.len().div_ceil(PART)).map(move |index| {
        let start = index * PART;
        let end = value.len().min(start + PART);
        Entry {
            key: key.clone(),
            value: value.get(start..end).unwrap_or_default().to_vec(),
            version,
            deleted,
            offset: i32::try_from(start).ok(),
            total,
        }
    })
}

/// Which part it is, counted from 0, and the length of the whole; `None` where there can't be such a part.
fn position(part: &Entry) -> Option<(usize, usize)> {
    let offset = usize::try_from(part.offset?).ok()?;
    let total = usize::try_from(part.total?).ok()?;
    let proper = !part.deleted
        && total <= MAX_VALUE
        && offset < total
        && offset.is_multiple_of(PART)
        && part.value.len() == PART.min(total - offset);
    proper.then_some((offset / PART, total))
}
