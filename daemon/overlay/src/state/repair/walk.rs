//! The initiator's side of an exchange: which nodes of the tree are still to be compared with a peer.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gossiperl_idl::{Salt, generated::TreeNode};
use gossiperl_link::Time;

use super::{outbox::Outbox, patience::Patience};
use crate::state::{
    owners::Owners,
    tree::{FAN_OUT, Place},
};

/// Digests under way in one exchange.
const WINDOW: usize = 4;

/// Nodes in one digest.
pub(super) const NODES: usize = 64;

/// When a digest has had no answer for so long, whatever was sent again, the peer is taken for gone, and the exchange ends.
const GIVEN_UP: Duration = Duration::from_secs(7);

/// An exchange rests when there is nothing to ask: for our patience with the peer, longer each round, but not longer than this. Then it ends or,
/// when something was exchanged, compares the roots again: the peer may need the time to fetch its part.
const REST: Duration = Duration::from_millis(500);

/// How often an exchange starts again because the roots still differ; then it waits for the next probe to say so.
const ROUNDS: u8 = 8;

/// Digests of one exchange, at most, and its longest time: a peer can't keep us busy for ever.
const DIGESTS: u32 = 4_096;
const LIFE: Duration = Duration::from_secs(60);

/// An exchange that we drive.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// Nodes that differ: their children are to be compared, or their owners listed.
    pending: BTreeSet<Place>,
    asked: BTreeMap<i64, Asked>,
    /// The first number of a digest.
    first: i64,
    digests_left: u32,
    end: Time,
    /// Something was exchanged in this round.
    pub(super) taught: bool,
    rounds: u8,
    rest: Option<Time>,
    patience: Patience,
}

#[derive(Clone, Debug)]
struct Asked {
    /// The nodes to be looked into; none where only the roots are compared.
    places: Vec<Place>,
    sent: Time,
    due: Time,
    tries: u8,
}

impl Walk {
    pub(super) fn new(now: Time, next: i64, patience: Patience) -> Self {
        Walk {
            pending: BTreeSet::from([Place::ROOT]),
            asked: BTreeMap::new(),
            first: next,
            digests_left: DIGESTS,
            end: now + LIFE,
            taught: false,
            rounds: 0,
            rest: None,
            patience,
        }
    }

    /// Whether an answer to this number is awaited, or can be a further piece of one.
    pub(super) fn answered(&mut self, now: Time, number: i64, next: i64) -> bool {
        if let Some(asked) = self.asked.remove(&number) {
            self.patience.answered(now.since(asked.sent), asked.tries);
            return true;
        }
        (self.first..next).contains(&number)
    }

    /// How long an answer of this peer is waited for.
    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    pub(super) fn differs(&mut self, place: Place) {
        self.pending.insert(place);
    }

    /// Sends digests as the window allows. False where the exchange is at its end.
    pub(super) fn ask(
        &mut self,
        now: Time,
        to: Salt,
        next: &mut i64,
        tree: &Owners,
        fetching: bool,
        out: &mut Outbox,
    ) -> bool {
        if self.end <= now {
            return false;
        }
        while self.asked.len() < WINDOW && !self.pending.is_empty() {
            let places = self.choose();
            if !self.send(now, to, places, next, tree, out) {
                return false;
            }
        }
        if !self.asked.is_empty() || fetching {
            self.rest = None;
            return true;
        }
        // Further frames of the last answer may be on the way.
        let rest = self.patience.times(self.rounds).min(REST);
        let rest = *self.rest.get_or_insert(now + rest);
        if now < rest {
            return true;
        }
        self.rest = None;
        if !self.taught || self.rounds >= ROUNDS {
            return false;
        }
        self.taught = false;
        self.rounds += 1;
        self.send(now, to, Vec::new(), next, tree, out)
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.asked.values().map(|asked| asked.due).chain(self.rest).min()
    }

    /// Sends again what was not answered. False where that was in vain too often.
    pub(super) fn handle_timeout(&mut self, now: Time, to: Salt, tree: &Owners, out: &mut Outbox) -> bool {
        for (number, asked) in self.asked.iter_mut().filter(|(_, asked)| asked.due <= now) {
            if now.since(asked.sent) >= GIVEN_UP {
                return false;
            }
            asked.due = now + self.patience.times(asked.tries);
            asked.tries = asked.tries.saturating_add(1);
            out.digest(to, *number, nodes(&asked.places, tree));
        }
        true
    }

    fn send(
        &mut self,
        now: Time,
        to: Salt,
        places: Vec<Place>,
        next: &mut i64,
        tree: &Owners,
        out: &mut Outbox,
    ) -> bool {
        let Some(left) = self.digests_left.checked_sub(1) else { return false };
        self.digests_left = left;
        let number = *next;
        *next = next.saturating_add(1);
        out.digest(to, number, nodes(&places, tree));
        self.asked.insert(number, Asked { places, sent: now, due: now + self.patience.times(0), tries: 1 });
        true
    }

    /// The next nodes that one digest has room for. A subtree that we lack counts as much as one to be compared: its
    /// owners will be listed.
    fn choose(&mut self) -> Vec<Place> {
        let mut places = Vec::new();
        let mut room = NODES;
        while let Some(place) = self.pending.first().copied() {
            let weight = if place.is_leaf() { 1 } else { FAN_OUT };
            if weight > room {
                break;
            }
            self.pending.remove(&place);
            room -= weight;
            places.push(place);
        }
        places
    }
}

/// Our hashes to be compared: the children of a node that differs; the node itself where it is a leaf, or we have nothing
/// below; the root where nothing is known to differ.
fn nodes(places: &[Place], tree: &Owners) -> Vec<TreeNode> {
    let mut nodes = Vec::new();
    for place in places {
        if place.is_leaf() || tree.count(*place) == 0 {
            nodes.push(node(*place, tree));
        } else {
            nodes.extend(place.children().map(|child| node(child, tree)));
        }
    }
    if places.is_empty() {
        nodes.push(node(Place::ROOT, tree));
    }
    nodes
}

/// A node as it goes over the wire.
pub(super) fn node(place: Place, tree: &Owners) -> TreeNode {
    TreeNode { depth: place.depth(), index: place.index(), hash: tree.hash(place).cast_signed() }
}
