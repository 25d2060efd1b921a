//! Entries we want from others: asked for owner by owner, a bounded number at a time, and again when pages get lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gossiperl_idl::{
    Salt,
    generated::{OwnerVersion, StateUpdate},
};
use gossiperl_link::Time;

use super::{outbox::Outbox, patience::Patience};
use crate::state::store::{Applied, Refused, Store};

/// Pages that one request is answered with, at most; who gets so many asks for more.
pub(super) const PAGES: usize = 8;

/// Owners wanted at a time; what is wanted beyond is found again by a later exchange.
const WANTED: usize = 32_768;

/// Owners asked for and not complete yet, at most. A guess: with the usual one small page each, two datagrams' worth of
/// requests and some 10 kB of pages are under way.
const WINDOW: usize = 96;

/// Once pages have come behind one that is missing, the request is made again after so long without another.
const REORDERING: Duration = Duration::from_millis(100);

/// Pages of one owner that wait for those before them, at most.
const WAITING: usize = 2 * PAGES;

/// Requests without success, at most; the last waits for no longer than this.
const TRIES: u8 = 5;
const LONGEST: Duration = Duration::from_millis(500);

/// What is missing is asked for when it does not come by itself for so long: two rounds of gossip.
const GAP: Duration = Duration::from_millis(400);

/// The owners wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetches {
    fetches: BTreeMap<Salt, Fetch>,
    queued: BTreeSet<Salt>,
    due: BTreeSet<(Time, Salt)>,
    asked: usize,
    by_peer: BTreeMap<Salt, usize>,
    /// Pages of owners asked for that came before their turn: their entries are held, but complete nothing yet.
    waiting: BTreeMap<Salt, Vec<StateUpdate>>,
}

#[derive(Clone, Copy, Debug)]
struct Fetch {
    peer: Salt,
    /// The version the peer has.
    target: i64,
    tries: u8,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// To be asked for when the window allows.
    Queued,
    /// There is a gap; to be asked for then, if there still is.
    Gap(Time),
    /// Asked for, above `from`; so many pages have come.
    Asked { due: Time, from: i64, pages: usize, patience: Duration },
}

impl Fetches {
    /// The peer has this owner's entries up to `target`, and we don't.
    pub(super) fn want(&mut self, peer: Salt, owner: Salt, target: i64) {
        match self.fetches.get(&owner).map(|fetch| fetch.stage) {
            Some(Stage::Gap(_)) => self.remove(&owner),
            Some(_) => return,
            None if self.fetches.len() >= WANTED => return,
            None => {}
        }
        self.insert(owner, Fetch { peer, target, tries: 0, stage: Stage::Queued });
    }

    /// Something was missing before what the peer told: it can tell that too, if no one else does before.
    pub(super) fn gap(&mut self, now: Time, peer: Salt, owner: Salt) {
        if self.fetches.len() < WANTED && !self.fetches.contains_key(&owner) {
            self.insert(owner, Fetch { peer, target: 0, tries: 0, stage: Stage::Gap(now + GAP) });
        }
    }

    /// Whether this update belongs to what was asked of the peer, rather than being spread.
    pub(super) fn expects(&self, peer: &Salt, update: &StateUpdate) -> bool {
        let owner = Salt::from_slice(&update.owner_generation);
        let fetch = owner.and_then(|owner| self.fetches.get(&owner));
        fetch.is_some_and(|fetch| fetch.peer == *peer && !matches!(fetch.stage, Stage::Gap(_)))
    }

    /// An expected page has been applied to the store.
    pub(super) fn page(
        &mut self,
        now: Time,
        update: &StateUpdate,
        applied: Result<Applied, Refused>,
        store: &mut Store,
    ) {
        let Some(owner) = Salt::from_slice(&update.owner_generation) else { return };
        let Some(fetch) = self.fetches.get(&owner).copied() else { return };
        let Stage::Asked { due, from, pages, patience } = fetch.stage else { return };
        let Ok(applied) = applied else { return self.remove(&owner) };
        let mut newest = update.newest.unwrap_or(update.upto);
        if applied.advanced {
            newest = newest.max(self.join(now, &owner, store));
        } else if Some(update.after) > store.ask_from(&owner) {
            let waiting = self.waiting.entry(owner).or_default();
            if waiting.len() < WAITING {
                waiting.push(update.clone());
            }
        }
        if store.complete_to(&owner) >= Some(newest) || applied.refused > 0 {
            return self.remove(&owner);
        }
        let tries = if applied.advanced { 0 } else { fetch.tries };
        let pages = pages + 1;
        let in_order = !self.waiting.contains_key(&owner);
        // A sweep has begun, or the answer is at its end and there is more.
        let again = store.ask_from(&owner) < Some(from) || pages >= PAGES && applied.advanced && in_order;
        let later = now + if in_order { patience } else { REORDERING };
        // Only what is of use gives more time.
        let due = if applied.advanced { later } else { due.min(later) };
        let stage = if again { Stage::Queued } else { Stage::Asked { due, from, pages, patience } };
        self.replace(owner, Fetch { tries, stage, ..fetch });
    }

    /// Applies pages whose turn has come. Returns the newest version their sender has.
    fn join(&mut self, now: Time, owner: &Salt, store: &mut Store) -> i64 {
        let Some(mut waiting) = self.waiting.remove(owner) else { return 0 };
        let mut newest = 0;
        let turn = |waiting: &[StateUpdate], store: &Store| {
            waiting.iter().position(|page| Some(page.after) <= store.ask_from(owner))
        };
        while let Some(at) = turn(&waiting, store) {
            let page = waiting.swap_remove(at);
            newest = newest.max(page.newest.unwrap_or(page.upto));
            // Its entries were taken already; what it completes may still be refused, and is then asked for again.
            let _ = store.apply(now, &page);
        }
        if !waiting.is_empty() {
            self.waiting.insert(*owner, waiting);
        }
        newest
    }

    /// Asks for as much as the window allows.
    pub(super) fn ask(
        &mut self,
        now: Time,
        store: &Store,
        patience: &dyn Fn(&Salt) -> Patience,
        outbox: &mut Outbox,
    ) {
        let mut requests: BTreeMap<Salt, Vec<OwnerVersion>> = BTreeMap::new();
        while self.asked < WINDOW
            && let Some(owner) = self.queued.first().copied()
        {
            let (Some(fetch), Some(from)) = (self.fetches.get(&owner).copied(), store.ask_from(&owner))
            else {
                // Not a member, or not any more.
                self.remove(&owner);
                continue;
            };
            if store.complete_to(&owner) >= Some(fetch.target) && !store.has_gap(&owner) {
                self.remove(&owner);
                continue;
            }
            let wanted = OwnerVersion { owner_generation: owner.0.to_vec(), version: from };
            requests.entry(fetch.peer).or_default().push(wanted);
            let patience = patience(&fetch.peer).times(fetch.tries).min(LONGEST);
            let stage = Stage::Asked { due: now + patience, from, pages: 0, patience };
            self.replace(owner, Fetch { stage, ..fetch });
        }
        for (peer, wanted) in requests {
            outbox.ack_ack(peer, 0, Vec::new(), wanted);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Queues again what did not come, and gives up what did not come often enough.
    pub(super) fn handle_timeout(&mut self, now: Time, store: &mut Store) {
        while let Some((due, owner)) = self.due.first().copied()
            && due <= now
        {
            let fetch = self.fetches.get(&owner).copied();
            match fetch.filter(|fetch| fetch.tries < TRIES) {
                Some(fetch) => {
                    let tries = fetch.tries + 1;
                    self.replace(owner, Fetch { tries, stage: Stage::Queued, ..fetch });
                }
                None => {
                    store.abandon_sweep(&owner);
                    self.remove(&owner);
                }
            }
        }
    }

    /// Whether anything is wanted of this peer.
    pub(super) fn is_busy_with(&self, peer: &Salt) -> bool {
        self.by_peer.contains_key(peer)
    }

    /// Owners wanted.
    pub(super) fn len(&self) -> usize {
        self.fetches.len()
    }

    /// The daemon is gone: nothing of it is wanted, nor from it.
    pub(super) fn forget(&mut self, daemon: &Salt) {
        self.remove(daemon);
        if self.is_busy_with(daemon) {
            let of_peer = self.fetches.iter().filter(|(_, fetch)| fetch.peer == *daemon);
            let owners: Vec<Salt> = of_peer.map(|(owner, _)| *owner).collect();
            owners.iter().for_each(|owner| self.remove(owner));
        }
    }

    fn insert(&mut self, owner: Salt, fetch: Fetch) {
        match fetch.stage {
            Stage::Queued => drop(self.queued.insert(owner)),
            Stage::Gap(due) => drop(self.due.insert((due, owner))),
            Stage::Asked { due, .. } => {
                self.due.insert((due, owner));
                self.asked += 1;
            }
        }
        *self.by_peer.entry(fetch.peer).or_default() += 1;
        self.fetches.insert(owner, fetch);
    }

    /// Puts a fetch in the place of what was there.
    fn replace(&mut self, owner: Salt, fetch: Fetch) {
        self.take_out(&owner);
        self.insert(owner, fetch);
    }

    /// The owner is not wanted any more.
    fn remove(&mut self, owner: &Salt) {
        self.take_out(owner);
        self.waiting.remove(owner);
    }

    fn take_out(&mut self, owner: &Salt) {
        let Some(fetch) = self.fetches.remove(owner) else { return };
        match fetch.stage {
            Stage::Queued => drop(self.queued.remove(owner)),
            Stage::Gap(due) => drop(self.due.remove(&(due, *owner))),
            Stage::Asked { due, .. } => {
                self.due.remove(&(due, *owner));
                self.asked -= 1;
            }
        }
        if let Some(count) = self.by_peer.get_mut(&fetch.peer) {
            *count -= 1;
            if *count == 0 {
                self.by_peer.remove(&fetch.peer);
            }
        }
    }
}
