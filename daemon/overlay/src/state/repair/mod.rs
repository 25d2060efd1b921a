//! Repair: the three-way exchange digest, digestAck, digestAckAck over the hash tree (DESIGN.md section 5).
//!
//! Roots ride on probes. Where they differ, the one who notices drives an exchange:
//!
//! 1. TreeDigest: the hashes of the children of nodes that differ, at first those of the root. A subtree the sender has
//!    nothing of is named by its node alone, with hash 0.
//! 2. TreeDigestAck, in one or several frames of the digest's number, the first of which is always sent: for each node
//!    that differs its children's hashes (which lead to further digests), or, of a leaf, its owners; and that leaf's
//!    index, to have the asker's owners in return. A node whose answer would be too long comes back itself: ask again.
//! 3. TreeDigestAckAck: the owners that the peer lacks or has older, and what is wanted of those it has newer: entries,
//!    which come as StateUpdate pages. The peer asks for what it wants with the same frame.
//!
//! The answering side keeps nothing. The driving side has at most 4 digests under way, sends again what is not
//! answered, and compares roots again when something was exchanged, until they agree; so what was lost on the way is
//! found as what still differs.
//!
//! Bounds: see the constants below and in the submodules. What a bound cuts off is found by a later exchange.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use gossiperl_idl::{
    Salt,
    generated::{MemberUpdate, StateUpdate, TreeDigest, TreeDigestAck, TreeDigestAckAck},
};
use gossiperl_link::Time;

use self::{budget::Budget, fetch::Fetches, outbox::Outbox, patience::Patience, walk::Walk};
use super::{
    store::{Applied, Refused, Store},
    tree::Place,
};

mod answer;
mod budget;
mod fetch;
mod outbox;
mod patience;
mod walk;

pub(super) use answer::is_present;

/// Exchanges that we drive at a time, each with another peer.
const EXCHANGES: usize = 4;

/// Time between starts of exchanges because roots differ.
const BETWEEN: Duration = Duration::from_secs(1);

/// Roots differ while changes spread: while ours changed within so long, no exchange starts …
const SETTLE: Duration = Duration::from_secs(1);

/// … except where roots have been differing for so long. Under constant change each daemon starts one exchange a period.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who has asked us within so long drives an exchange: we don't start another with it.
const DRIVEN: Duration = Duration::from_secs(2);

/// Peers of which that is remembered.
const DRIVERS: usize = 16;

/// What repair sees of the rest.
pub struct View<'a> {
    /// The owners, the hash tree over them, and the entries.
    pub store: &'a Store,
    /// What the members module knows of a daemon, in any liveness, ourselves included.
    pub find: &'a dyn Fn(Find<'_>) -> Option<MemberUpdate>,
}

/// Which member is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find<'a> {
    /// The one of this generation.
    Generation(Salt),
    /// The one of this name: the newest generation known.
    Name(&'a str),
}

/// Counters of repair since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairStats {
    /// Exchanges we have started.
    pub exchanges: u64,
    /// Frames not answered because too many had been.
    pub unanswered: u64,
    /// Chunks dropped because too many were waiting.
    pub dropped: u64,
    /// Owners whose entries are being fetched.
    pub fetching: usize,
}

/// Exchanges with other daemons.
#[derive(Clone, Debug)]
pub struct Repair {
    walks: BTreeMap<Salt, Walk>,
    fetches: Fetches,
    outbox: Outbox,
    budget: Budget,
    /// The next digest's number.
    next: i64,
    /// Since when probes have shown roots other than ours.
    differing: Option<Time>,
    started: Option<Time>,
    drivers: VecDeque<(Salt, Time)>,
    /// With whom an exchange last began: where it goes on as that one's, we still have to fetch.
    last: Option<(Salt, Patience)>,
    exchanges: u64,
    unanswered: u64,
}

impl Default for Repair {
    fn default() -> Self {
        Self::new()
    }
}

impl Repair {
    /// No exchange under way.
    pub fn new() -> Self {
        Repair {
            walks: BTreeMap::new(),
            fetches: Fetches::default(),
            outbox: Outbox::default(),
            budget: Budget::new(),
            next: 1,
            differing: None,
            started: None,
            drivers: VecDeque::new(),
            last: None,
            exchanges: 0,
            unanswered: 0,
        }
    }

    /// A probe, or its answer, carried the peer's root. Starts an exchange where it is time. `changed` is when our own
    /// root last changed.
    pub fn handle_root(&mut self, now: Time, peer: Salt, root: u64, ours: u64, changed: Time) {
        if root == ours {
            self.differing = None;
            return;
        }
        let differing = *self.differing.get_or_insert(now);
        let settled = now.since(changed) >= SETTLE || now.since(differing) >= PATIENCE;
        let rested = self.started.is_none_or(|started| now.since(started) >= BETWEEN);
        let driven = self.drivers.iter().any(|(driver, at)| *driver == peer && now.since(*at) < DRIVEN);
        if settled && rested && !driven && self.start(now, peer, None) {
            self.started = Some(now);
            self.differing = None;
        }
    }

    /// Starts an exchange at once: with whom we have joined through, say. `round_trip` is what one to it takes, where that is known. False where
    /// one with this peer, or as many as there may be, are under way.
    pub fn start(&mut self, now: Time, peer: Salt, round_trip: Option<Duration>) -> bool {
        if self.walks.len() >= EXCHANGES || self.walks.contains_key(&peer) {
            return false;
        }
        self.exchanges += 1;
        let patience = Patience::new(round_trip);
        self.last = Some((peer, patience));
        self.walks.insert(peer, Walk::new(now, self.next, patience));
        true
    }

    /// The first step, from a peer that drives an exchange.
    pub fn handle_digest(&mut self, now: Time, from: Salt, digest: &TreeDigest, view: &View<'_>) {
        self.drivers.retain(|(driver, _)| *driver != from);
        if self.drivers.len() >= DRIVERS {
            self.drivers.pop_front();
        }
        self.drivers.push_back((from, now));
        // Where both have started at once, the exchange of the older daemon goes on.
        if from < view.store.own() && self.walks.get(&from).is_some_and(|walk| !walk.taught) {
            self.walks.remove(&from);
        }
        self.answer(now, |repair| answer::digest(from, digest, view, &mut repair.outbox));
    }

    /// The second step, from the peer of an exchange we drive. What it tells of members is appended to `learned`.
    pub fn handle_ack(
        &mut self,
        now: Time,
        from: Salt,
        ack: &TreeDigestAck,
        view: &View<'_>,
        learned: &mut Vec<MemberUpdate>,
    ) {
        let Some(walk) = self.walks.get_mut(&from) else { return };
        if !walk.answered(now, ack.exchange, self.next) {
            return;
        }
        for theirs in &ack.nodes {
            match Place::new(theirs.depth, theirs.index) {
                Some(place) if view.tree().hash(place) != theirs.hash.cast_unsigned() => walk.differs(place),
                _ => {}
            }
        }
        self.answer(now, |repair| {
            let fetches = &mut repair.fetches;
            let (returned, taught) = answer::compare(from, &ack.owners, &ack.leaves, view, fetches, learned);
            repair.outbox.ack_ack(from, ack.exchange, returned, Vec::new());
            if let Some(walk) = repair.walks.get_mut(&from) {
                walk.taught |= taught;
            }
        });
    }

    /// The third step, or what someone wants. What it tells of members is appended to `learned`.
    pub fn handle_ack_ack(
        &mut self,
        now: Time,
        from: Salt,
        ack_ack: &TreeDigestAckAck,
        view: &View<'_>,
        learned: &mut Vec<MemberUpdate>,
    ) {
        self.answer(now, |repair| {
            let (returned, _) =
                answer::compare(from, &ack_ack.owners, &[], view, &mut repair.fetches, learned);
            repair.outbox.ack_ack(from, ack_ack.exchange, returned, Vec::new());
            answer::wanted(from, ack_ack, view, &mut repair.outbox);
        });
    }

    /// Whether this update is a page we have asked this peer for, rather than something to be spread.
    pub fn expects(&self, peer: &Salt, update: &StateUpdate) -> bool {
        self.fetches.expects(peer, update)
    }

    /// An expected page has been applied, with this result.
    pub fn handle_page(
        &mut self,
        now: Time,
        page: &StateUpdate,
        applied: Result<Applied, Refused>,
        store: &mut Store,
    ) {
        self.fetches.page(now, page, applied, store);
    }

    /// An update that this peer spread left a gap behind it.
    pub fn handle_gap(&mut self, now: Time, peer: Salt, owner: Salt) {
        self.fetches.gap(now, peer, owner);
    }

    /// The next chunk of frames to send, and to whom; each fits a datagram ([`super::size::CHUNK`] bytes).
    pub fn poll_transmit(&mut self, now: Time, store: &Store) -> Option<(Salt, Vec<u8>)> {
        if self.outbox.is_empty() {
            let Repair { walks, fetches, outbox, next, last, .. } = self;
            let patience = |peer: &Salt| {
                let walk = walks.get(peer).map(Walk::patience);
                let last = || last.filter(|(of, _)| of == peer).map(|(_, patience)| patience);
                walk.or_else(last).unwrap_or_default()
            };
            fetches.ask(now, store, &patience, outbox);
            let tree = store.owners();
            walks.retain(|peer, walk| walk.ask(now, *peer, next, tree, fetches.is_busy_with(peer), outbox));
        }
        self.outbox.pop()
    }

    /// When [`Repair::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        let walks = self.walks.values().filter_map(Walk::poll_timeout);
        walks.chain(self.fetches.poll_timeout()).min()
    }

    /// Asks again for what did not come.
    pub fn handle_timeout(&mut self, now: Time, store: &mut Store) {
        self.fetches.handle_timeout(now, store);
        let Repair { walks, outbox, .. } = self;
        let tree = store.owners();
        walks.retain(|peer, walk| walk.handle_timeout(now, *peer, tree, outbox));
    }

    /// The daemon is gone.
    pub fn forget(&mut self, daemon: &Salt) {
        self.walks.remove(daemon);
        self.fetches.forget(daemon);
    }

    /// Whether nothing is under way that we drive.
    pub fn is_idle(&self) -> bool {
        self.walks.is_empty() && self.fetches.len() == 0 && self.outbox.is_empty()
    }

    /// Counters.
    pub fn stats(&self) -> RepairStats {
        RepairStats {
            exchanges: self.exchanges,
            unanswered: self.unanswered,
            dropped: self.outbox.dropped(),
            fetching: self.fetches.len(),
        }
    }

    /// Does what makes chunks for others, as far as the budget allows.
    fn answer(&mut self, now: Time, make: impl FnOnce(&mut Self)) {
        if !self.budget.allows(now) {
            self.unanswered += 1;
            return;
        }
        let begun = self.outbox.begun();
        make(self);
        self.budget.spend(self.outbox.begun() - begun);
    }
}
