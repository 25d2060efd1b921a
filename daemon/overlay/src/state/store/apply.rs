//! Taking over what others say about an owner's entries.

use gossiperl_idl::{
    Salt,
    generated::{Entry, StateUpdate},
};
use gossiperl_link::Time;
use thiserror::Error;

use super::{Key, MAX_KEY, MAX_VALUE, Store, parts::Part, sweep::Page};

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// It taught us something, so it may teach others: an entry, a part of one, or that nothing is missing.
    pub news: bool,
    /// More is complete than before, or more of a sweep done.
    pub advanced: bool,
    /// Entries left out because a bound is reached.
    pub refused: usize,
}

/// Why an update was not taken; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The owner is not admitted: not a member yet, or not any more.
    #[error("the owner is not a member")]
    Unknown,
    /// It is about ourselves, who know best.
    #[error("the entries are our own")]
    Own,
    /// It contradicts itself, or what is held.
    #[error("the update contradicts itself or its bounds")]
    Malformed,
}

impl Store {
    /// Takes over what an update teaches.
    ///
    /// Each entry newer than what is held of its key is held and told by [`Store::poll_change`] at once.
    pub fn apply(&mut self, now: Time, update: &StateUpdate) -> Result<Applied, Refused> {
        let owner = Salt::from_slice(&update.owner_generation).ok_or(Refused::Malformed)?;
        check(update)?;
        if owner == self.own {
            return Err(Refused::Own);
        }
        let known = self.owners.get(&owner).ok_or(Refused::Unknown)?;
        let floor = update.floor.unwrap_or(0);
        let settled = known.settled();
        let mut applied = Applied::default();
        let mut upto = update.upto;
        let mut versions = Vec::with_capacity(update.entries.len());
        for entry in &update.entries {
            versions.push(entry.version);
            let taken = if self.is_older(&owner, entry, settled) {
                Taken::Known
            } else if entry.offset.is_some() {
                match self.parts.take(&owner, entry) {
                    Part::Malformed => return Err(Refused::Malformed),
                    // Nothing is complete with this version, as long as it is not whole.
                    Part::Known => return Ok(applied),
                    Part::New => return Ok(Applied { news: true, ..applied }),
                    Part::Whole(whole) => self.take_entry(now, &owner, &whole),
                }
            } else {
                self.take_entry(now, &owner, entry)
            };
            match taken {
                Taken::Known => {}
                Taken::New => applied.news = true,
                Taken::Refused => {
                    upto = upto.min(entry.version - 1);
                    applied.refused += 1;
                }
            }
        }
        let newest = update.newest.unwrap_or(0).max(upto);
        let page = Page { owner, after: update.after, upto, floor, newest, versions: &versions };
        applied.advanced = self.advance(&page);
        applied.news |= applied.advanced;
        if applied.advanced {
            self.parts.forget(&owner, self.complete_to(&owner).unwrap_or(0));
        }
        Ok(applied)
    }

    /// Whether an entry is no newer than what is known of its key. Up to `settled` what counts was told already: what is
    /// not held of that has been replaced.
    fn is_older(&self, owner: &Salt, entry: &Entry, settled: i64) -> bool {
        entry.version <= settled || self.version_of(owner, &entry.key) >= Some(entry.version)
    }

    fn take_entry(&mut self, now: Time, owner: &Salt, entry: &Entry) -> Taken {
        // Two keys of one version: the owner never does that. What came first stays.
        if self.by_version.contains_key(&(*owner, entry.version)) {
            return Taken::Refused;
        }
        let key = Key::new(owner, &entry.key);
        let value = (!entry.deleted).then_some(&*entry.value);
        if self.make_room(owner, &key, value.map_or(0, <[u8]>::len)).is_err() {
            return Taken::Refused;
        }
        self.set(owner, key, entry.version, value.map(Into::into), now);
        Taken::New
    }
}

enum Taken {
    Known,
    New,
    Refused,
}

/// What holds of every honest update.
fn check(update: &StateUpdate) -> Result<(), Refused> {
    let StateUpdate { after, upto, entries, floor, newest, .. } = update;
    let mut last = *after;
    let entries_fit = entries.iter().all(|entry| {
        let rises = entry.version > last;
        last = entry.version;
        let whole = entry.offset.is_none() && entry.total.is_none();
        rises
            && (1..=MAX_KEY).contains(&entry.key.len())
            && entry.value.len() <= MAX_VALUE
            && (whole || entries.len() == 1)
    });
    let known_to = newest.unwrap_or(*upto).max(*upto);
    let honest = *after >= 0
        && after <= upto
        && last <= *upto
        && entries_fit
        && floor.is_none_or(|floor| (0..=known_to).contains(&floor));
    if honest { Ok(()) } else { Err(Refused::Malformed) }
}
