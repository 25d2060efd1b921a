//! Taking over an owner from 0, where deletions that happened behind what we have are forgotten already.
//!
//! A page whose `floor` is above our `complete_to` may lack deletions that we need: it can't simply be joined. A sweep goes
//! through all versions from 1: what we hold of the versions that a page covers and does not list has been replaced or
//! deleted since. The sweep is through once it has passed the floor, what we had complete, and what the sender has;
//! then what no page listed vanishes, unless newer versions of it have come, and everything is complete to there.
//!
//! Pages of several senders go together, because what one says stays true for ever, as long as none has a higher floor
//! than the sweep began with: such a page starts it again. (An entry listed as live by a sender with floor f has no
//! deletion at or below f; a page of another sender with no higher floor still has those above.)

use gossiperl_idl::Salt;

use super::Store;

/// A sweep under way.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    /// The floor it has to pass.
    floor: i64,
    /// The versions up to here have been gone through.
    progress: i64,
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

impl Store {
    /// From which version on to ask for this owner's entries; `None` where it is unknown.
    pub fn ask_from(&self, owner: &Salt) -> Option<i64> {
        let known = self.owners.get(owner)?;
        Some(known.sweep.as_ref().map_or(known.complete_to, |sweep| sweep.progress))
    }

    /// Gives up a sweep under way: the next request starts from what is complete.
    pub fn abandon_sweep(&mut self, owner: &Salt) {
        if let Some(known) = self.owners.get_mut(owner) {
            known.sweep = None;
        }
    }

    /// Takes over what a page says about completeness. True where that made progress.
    pub(super) fn advance(&mut self, page: &Page<'_>) -> bool {
        let Some(known) = self.owners.get_mut(&page.owner) else { return false };
        if page.floor > known.complete_to {
            return self.sweep(page);
        }
        if page.after > known.complete_to || page.upto <= known.complete_to {
            return false;
        }
        known.complete_to = page.upto;
        if known.sweep.as_ref().is_some_and(|sweep| sweep.floor <= page.upto) {
            known.sweep = None;
        }
        true
    }

    fn sweep(&mut self, page: &Page<'_>) -> bool {
        let Some(known) = self.owners.get_mut(&page.owner) else { return false };
        let fresh = || Box::new(Sweep { floor: page.floor, progress: 0, unlisted: Vec::new() });
        let sweep = match &mut known.sweep {
            Some(sweep) if sweep.floor >= page.floor => sweep,
            stale => stale.insert(fresh()),
        };
        if page.after > sweep.progress || page.upto <= sweep.progress {
            return false;
        }
        let covered = (page.owner, sweep.progress.saturating_add(1))..=(page.owner, page.upto);
        let held = self.by_version.range(covered).map(|((_, version), _)| *version);
        sweep.unlisted.extend(held.filter(|version| page.versions.binary_search(version).is_err()));
        sweep.progress = page.upto;
        if sweep.progress < sweep.floor.max(known.complete_to).max(page.newest) {
            return true;
        }
        known.complete_to = sweep.progress;
        known.floor = known.floor.max(sweep.floor);
        let unlisted = known.sweep.take().map(|sweep| sweep.unlisted).unwrap_or_default();
        for version in unlisted {
            self.remove(&page.owner, version);
        }
        true
    }
}
