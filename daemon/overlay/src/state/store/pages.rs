//! Pages of an owner's entries for who lacks them, each fit for a datagram.

use gossiperl_idl::{
    Salt,
    generated::{Entry, StateUpdate},
};

use super::{Store, entry::Held, parts};
use crate::state::size;

const ROOM: usize = size::BODY - size::STATE_UPDATE;

impl Store {
    /// What is held of an owner above `from`, oldest version first, in `most` pages; the parts of a long value are told
    /// to the end, so there may be 6 more. The last page says whether something is left for another request.
    ///
    /// Empty where the owner is unknown. One page without entries where nothing above is held completely: "that is all
    /// I have".
    pub fn pages(&self, owner: &Salt, from: i64, most: usize) -> Vec<StateUpdate> {
        let mut pages = Vec::new();
        let Some(known) = self.owners.get(owner) else { return pages };
        let page = |after, upto, entries| StateUpdate {
            owner_generation: owner.0.to_vec(),
            after,
            upto,
            entries,
            floor: (known.floor > 0).then_some(known.floor),
            newest: (known.complete_to > upto).then_some(known.complete_to),
        };
        if from < 0 || from >= known.complete_to {
            pages.push(page(known.complete_to, known.complete_to, Vec::new()));
            return pages;
        }
        let (mut after, mut upto, mut entries, mut room) = (from, from, Vec::new(), ROOM);
        for (&(_, version), held) in self.by_version.range((*owner, from + 1)..=(*owner, known.complete_to)) {
            if pages.len() >= most {
                return pages;
            }
            let entry = held.entry(version);
            let needed = size::entry(&entry);
            if needed > room && !entries.is_empty() {
                pages.push(page(after, upto, std::mem::take(&mut entries)));
                (after, room) = (upto, ROOM);
            }
            upto = version;
            if needed > room {
                pages.extend(parts::cut(entry).map(|part| page(after, upto, vec![part])));
                after = upto;
            } else {
                room -= needed;
                entries.push(entry);
            }
        }
        if pages.len() < most {
            pages.push(page(after, known.complete_to, entries));
        }
        pages
    }
}

/// An update about one entry as the updates to send: in parts, where no datagram has room for it whole.
pub(in crate::state) fn split(update: StateUpdate) -> Vec<StateUpdate> {
    if size::entries(&update) <= ROOM {
        return vec![update];
    }
    let StateUpdate { owner_generation, after, upto, entries, floor, newest } = update;
    let parts = entries.into_iter().flat_map(parts::cut);
    parts
        .map(|part| StateUpdate {
            owner_generation: owner_generation.clone(),
            after,
            upto,
            entries: vec![part],
            floor,
            newest,
        })
        .collect()
}

impl Held {
    fn entry(&self, version: i64) -> Entry {
        Entry {
            key: self.key.to_vec(),
            value: self.live().map(|value| value.to_vec()).unwrap_or_default(),
            version,
            deleted: self.live().is_none(),
            offset: None,
            total: None,
        }
    }
}
