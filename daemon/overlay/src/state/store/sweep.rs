//! Taking over an owner from 0, where deletions that happened behind what we have are forgotten already.
//!
//! A page whose `floor` is above our `complete_to` may lack deletions that we need: it can't simply be joined. A sweep goes
//! through all versions from 1: what we hold of the versions that a page covers and does not list has been replaced or
//! deleted since. The sweep is through once it has passed the floor, what we had complete, and what the sender has;
//! then what no page listed vanishes, unless newer versions of it have come, and everything is complete to there.
//!
//! Pages of several senders go together, because what one says of versions replaced stays true for ever. Only a deletion
//! can escape: of an entry that one page listed, at a version beyond what its sender had, and forgotten already by the
//! sender of a later page. So no page may have a floor beyond what the senders of all pages before it had complete;
//! one that does starts the sweep again.

use gossiperl_idl::Salt;

use super::Store;

/// What is known of one owner's entries beside themselves.
#[derive(Clone, Debug, Default)]
pub(in crate::state) struct Owner {
    /// Nothing is missing up to here; our own newest version where the owner is ourselves.
    pub(in crate::state) complete_to: i64,
    /// The highest version of a dropped tombstone.
    pub(super) floor: i64,
    pub(super) entries: usize,
    pub(super) bytes: usize,
    sweep: Option<Box<Sweep>>,
}

impl Owner {
    pub(in crate::state) const WITHOUT_ENTRIES: Owner =
        Owner { complete_to: 0, floor: 0, entries: 0, bytes: 0, sweep: None };
}

/// A sweep under way.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    /// The highest floor of its pages, which it has to pass.
    floor: i64,
    /// The least that a sender of its pages had complete.
    reach: i64,
    /// The versions up to here have been gone through.
    progress: i64,
    /// The highest version of a tombstone dropped among them.
    dropped: i64,
    /// What we hold of them that no page listed. As many as we hold entries of the owner.
    unlisted: Vec<i64>,
}

/// What a page says of its owner, beside entries.
pub(super) struct Page<'a> {
    pub(super) owner: Salt,
    pub(super) after: i64,
    pub(super) upto: i64,
    pub(super) floor: i64,
    pub(super) newest: i64,
    /// Versions of its entries, rising.
    pub(super) versions: &'a [i64],
}

impl Owner {
    /// Up to here all that counts has been told: what is not held of it has been replaced.
    pub(super) fn settled(&self) -> i64 {
        self.sweep.as_ref().map_or(self.complete_to, |sweep| sweep.progress.max(self.complete_to))
    }

    /// A tombstone is dropped: it may be missing in pages of ours from now on. One beyond all that is settled does not
    /// count, as it will be told again.
    pub(super) fn drop_tombstone(&mut self, version: i64) {
        if version <= self.complete_to {
            self.floor = self.floor.max(version);
        } else if let Some(sweep) = self.sweep.as_mut().filter(|sweep| version <= sweep.progress) {
            sweep.dropped = sweep.dropped.max(version);
        }
    }
}

impl Store {
    /// From which version on to ask for this owner's entries; `None` where it is unknown.
    pub fn ask_from(&self, owner: &Salt) -> Option<i64> {
        let known = self.owners.get(owner)?;
        Some(known.sweep.as_ref().map_or(known.complete_to, |sweep| sweep.progress))
    }

    /// Gives up a sweep under way: the next request starts from what is complete.
    pub fn abandon_sweep(&mut self, owner: &Salt) {
        if let Some(known) = self.owners.find_mut(owner) {
            known.sweep = None;
        }
    }

    /// Takes over what a page says about completeness. True where that made progress.
    pub(super) fn advance(&mut self, page: &Page<'_>) -> bool {
        let Some(known) = self.owners.get(&page.owner) else { return false };
        // A sweep that is beyond what is complete has left out entries that such a page brings: then it has to finish.
        let ahead = known.settled() > known.complete_to;
        let joins = page.floor <= known.complete_to && page.after <= known.complete_to && !ahead;
        if !joins && (page.floor > known.complete_to || known.sweep.is_some()) {
            return self.sweep(page);
        }
        if !joins || page.upto <= known.complete_to {
            return false;
        }
        let Some(known) = self.owners.get_mut(&page.owner) else { return false };
        known.complete_to = page.upto;
        if known.sweep.as_ref().is_some_and(|sweep| sweep.floor <= page.upto) {
            known.sweep = None;
        }
        true
    }

    fn sweep(&mut self, page: &Page<'_>) -> bool {
        let Some(known) = self.owners.get_mut(&page.owner) else { return false };
        let fresh =
            Sweep { floor: page.floor, reach: i64::MAX, progress: 0, dropped: 0, unlisted: Vec::new() };
        let sweep = match &mut known.sweep {
            Some(sweep) if page.floor <= sweep.reach => sweep,
            stale => stale.insert(Box::new(fresh)),
        };
        if page.after > sweep.progress || page.upto <= sweep.progress {
            return false;
        }
        let covered = (page.owner, sweep.progress.saturating_add(1))..=(page.owner, page.upto);
        let held = self.by_version.range(covered).map(|((_, version), _)| *version);
        sweep.unlisted.extend(held.filter(|version| page.versions.binary_search(version).is_err()));
        sweep.progress = page.upto;
        sweep.floor = sweep.floor.max(page.floor);
        sweep.reach = sweep.reach.min(page.newest);
        if sweep.progress < sweep.floor.max(known.complete_to).max(page.newest) {
            return true;
        }
        known.complete_to = sweep.progress;
        known.floor = known.floor.max(sweep.floor).max(sweep.dropped);
        let unlisted = known.sweep.take().map(|sweep| sweep.unlisted).unwrap_or_default();
        for version in unlisted {
            self.remove(&page.owner, version);
        }
        true
    }
}
