//! The other side of an exchange, and what both do with owners they are told of. It keeps nothing from frame to frame.

use std::{cmp::Ordering, collections::BTreeSet};

use gossiperl_idl::{
    Salt,
    generated::{Liveness, MemberUpdate, OwnerSummary, TreeDigest, TreeDigestAckAck},
};

use super::{
    Find, View,
    fetch::{Fetches, PAGES},
    outbox::{Answer, Outbox},
    walk::{NODES, node},
};
use crate::state::{owners::Owners, size, tree::Place};

/// Chunks that one frame is answered with, at most: 40 kB. What remains is asked for again.
const CHUNKS: u64 = 32;

/// A subtree that the asker lacks is listed at once, where it has no more owners than this; otherwise its children are.
const LISTED: usize = 64;

/// Owners told in return for one frame, at most.
const RETURNED: usize = 256;

/// The longest name or rack that is passed on, in bytes.
const MAX_NAME: usize = 255;

/// Answers the first step: for each node that differs its children, or the owners below.
pub(super) fn digest(from: Salt, digest: &TreeDigest, view: &View<'_>, outbox: &mut Outbox) {
    let mut answer = Answer::new(from, digest.exchange);
    let begun = outbox.begun();
    for theirs in digest.nodes.iter().take(NODES) {
        let Some(place) = Place::new(theirs.depth, theirs.index) else { continue };
        let hash = theirs.hash.cast_unsigned();
        if hash == view.tree().hash(place) {
            continue;
        }
        let lacking = hash == 0 && view.tree().count(place) <= LISTED;
        if !place.is_leaf() && !lacking {
            place.children().for_each(|child| answer.node(outbox, node(child, view.tree())));
        } else if outbox.begun() - begun >= CHUNKS {
            answer.node(outbox, node(place, view.tree()));
        } else {
            let whole = list(place, digest.exchange, begun + CHUNKS, view, &mut answer, outbox);
            if !whole {
                answer.node(outbox, node(place, view.tree()));
            }
            if place.is_leaf() && hash != 0 {
                answer.leaf(outbox, place);
            }
        }
    }
    answer.finish(outbox);
}

/// Lists the owners below a node, until so many chunks are begun. False where that was not all.
fn list(
    place: Place,
    exchange: i64,
    until: u64,
    view: &View<'_>,
    answer: &mut Answer,
    outbox: &mut Outbox,
) -> bool {
    let owners: Vec<OwnerSummary> =
        view.tree().below(place).filter_map(|owner| view.summary(&owner)).collect();
    answer.keep_together(outbox, owners.iter().map(size::summary).sum::<usize>() + size::LEAF);
    // Where not all can be listed, another exchange lists others.
    let count = owners.len();
    let first = usize::try_from(exchange.unsigned_abs()).unwrap_or(0).checked_rem(count).unwrap_or(0);
    for owner in owners.into_iter().cycle().skip(first).take(count) {
        if outbox.begun() >= until {
            return false;
        }
        answer.owner(outbox, owner);
    }
    true
}

/// What to do about owners that a peer lists: `learned` is for the members, `returned` for the peer, and what it has
/// newer entries of is wanted from it. True where anything of that was to be done.
pub(super) fn compare(
    from: Salt,
    owners: &[OwnerSummary],
    leaves: &[i32],
    view: &View<'_>,
    fetches: &mut Fetches,
    learned: &mut Vec<MemberUpdate>,
) -> (Vec<OwnerSummary>, bool) {
    let mut returned = Vec::new();
    let mut taught = false;
    for theirs in owners {
        taught |= weigh(from, theirs, view, fetches, learned, &mut returned);
    }
    let named: BTreeSet<&str> = owners.iter().map(|owner| owner.member.name.as_str()).collect();
    let leaves: BTreeSet<Place> = leaves.iter().filter_map(|leaf| Place::leaf(*leaf)).collect();
    let unnamed = leaves
        .iter()
        .flat_map(|leaf| view.tree().below(*leaf))
        .filter_map(|owner| view.summary(&owner).filter(|owner| !named.contains(owner.member.name.as_str())));
    returned.extend(unnamed.take(RETURNED));
    taught |= !returned.is_empty();
    (returned, taught)
}

/// Answers what is wanted with pages.
pub(super) fn wanted(from: Salt, ack_ack: &TreeDigestAckAck, view: &View<'_>, outbox: &mut Outbox) {
    let begun = outbox.begun();
    for wanted in &ack_ack.wanted {
        let Some(owner) = Salt::from_slice(&wanted.owner_generation) else { continue };
        if outbox.begun() - begun >= CHUNKS {
            return;
        }
        for page in view.store.pages(&owner, wanted.version, PAGES) {
            outbox.page(from, &page);
        }
    }
}

/// One owner of a peer's list against what we know of it.
fn weigh(
    from: Salt,
    theirs: &OwnerSummary,
    view: &View<'_>,
    fetches: &mut Fetches,
    learned: &mut Vec<MemberUpdate>,
    returned: &mut Vec<OwnerSummary>,
) -> bool {
    let Some(owner) = sound(&theirs.member) else { return false };
    let order = match (view.find)(Find::Name(&theirs.member.name)) {
        None if !is_present(theirs.member.liveness) => return false,
        None => Ordering::Greater,
        Some(ours) => match rank(&theirs.member).cmp(&rank(&ours)) {
            Ordering::Less => {
                returned.extend(view.told(ours));
                return true;
            }
            order => order,
        },
    };
    if order == Ordering::Greater {
        learned.push(theirs.member.clone());
    }
    let held = view.store.complete_to(&owner).unwrap_or(0);
    if is_present(theirs.member.liveness) {
        match theirs.version.cmp(&held) {
            Ordering::Less => returned.push(OwnerSummary { member: theirs.member.clone(), version: held }),
            Ordering::Greater if owner != view.store.own() => fetches.want(from, owner, theirs.version),
            _ => return order == Ordering::Greater,
        }
        return true;
    }
    order == Ordering::Greater
}

impl View<'_> {
    pub(super) fn tree(&self) -> &Owners {
        self.store.owners()
    }

    /// What we tell of the owner of a generation.
    fn summary(&self, owner: &Salt) -> Option<OwnerSummary> {
        self.told((self.find)(Find::Generation(*owner))?)
    }

    fn told(&self, member: MemberUpdate) -> Option<OwnerSummary> {
        let owner = sound(&member)?;
        let version =
            if is_present(member.liveness) { self.store.complete_to(&owner).unwrap_or(0) } else { 0 };
        Some(OwnerSummary { member, version })
    }
}

/// Whether a member has an item in the tree and entries that count.
pub(in crate::state) fn is_present(liveness: Liveness) -> bool {
    matches!(liveness, Liveness::ALIVE | Liveness::SUSPECT)
}

/// Which of two claims about a name counts, as the members module has it: the later run's; leaving is final; then the
/// higher incarnation's; then failure.
fn rank(member: &MemberUpdate) -> (&[u8], bool, i32, bool) {
    let left = member.liveness == Liveness::LEFT;
    (&member.generation, left, member.incarnation, member.liveness == Liveness::FAILED)
}

/// The generation of a member that can be passed on in a frame.
fn sound(member: &MemberUpdate) -> Option<Salt> {
    let accuser = member.accuser.as_ref().map_or(0, String::len);
    let fits = (1..=MAX_NAME).contains(&member.name.len())
        && member.rack.len() <= MAX_NAME
        && accuser <= MAX_NAME
        && matches!(member.ip.len(), 4 | 16)
        && Liveness::ENUM_VALUES.contains(&member.liveness);
    Salt::from_slice(&member.generation).filter(|_| fits)
}
