//! The hash tree over the owners: two daemons that hold the same compare one number.
//!
//! - An *item* stands for one present member (alive or suspect) and what is held of its entries:
//!   the first 8 bytes, big endian, of SHA-256(name hash || generation || incarnation || version), where the name hash
//!   is the first 8 bytes of SHA-256(name) (8 bytes), the generation is its salt (16), the incarnation is a big-endian
//!   i32 (4), and the version up to which its entries are held completely a big-endian i64 (8).
//! - Suspicion is not in it: it comes and goes within seconds and spreads by itself. Members that failed or left have
//!   no item: daemons drop them at different moments, and must not teach them to each other again for that.
//! - A leaf is picked by the first 12 bits of the name hash: 16 children a node, 3 levels, 4,096 leaves, the same for
//!   every overlay. With 10,000 owners a leaf holds 2 or 3, which fit a datagram many times over, and one difference
//!   is found by comparing 3 times 16 nodes.
//! - A node's hash is the sum, modulo 2^64, of all the items below it. So setting an item touches one node a level,
//!   the order of changes does not matter, and taking out is the inverse of putting in. SHA-256 makes honest sums
//!   collide with a chance of 2^-64 a comparison, and is the same everywhere for ever. Sums do not withstand someone
//!   who looks for collisions, but only a daemon holding the overlay's key and secret could, and all it would win is
//!   a repair that does not happen.

use std::ops::Range;

use gossiperl_idl::Salt;
use ring::digest::{Context, SHA256};

use super::owners::{END, Owners, Record};

use crate::identity::first_eight;
pub use crate::identity::name_hash;

/// Children of a node.
pub const FAN_OUT: usize = 1 << FAN_OUT_BITS;

/// Levels below the root; nodes of this depth are the leaves.
pub const DEPTH: u8 = 3;

const FAN_OUT_BITS: u32 = 4;

/// Where a node stands: levels below the root, and its index from the left in its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    depth: u8,
    index: u16,
}

impl Place {
    /// The root.
    pub const ROOT: Place = Place { depth: 0, index: 0 };

    /// The place with these numbers from outside; `None` where the tree has none.
    pub fn new(depth: i8, index: i32) -> Option<Place> {
        let depth = u8::try_from(depth).ok().filter(|depth| *depth <= DEPTH)?;
        let index = u16::try_from(index).ok().filter(|index| usize::from(*index) < width(depth))?;
        Some(Place { depth, index })
    }

    /// The leaf of this index; `None` where there is none.
    pub fn leaf(index: i32) -> Option<Place> {
        let index = u16::try_from(index).ok().filter(|index| usize::from(*index) < width(DEPTH))?;
        Some(Place { depth: DEPTH, index })
    }

    /// The leaf that holds a name of this hash.
    pub fn of(name_hash: u64) -> Place {
        Place { depth: DEPTH, index: at_depth(name_hash, DEPTH) }
    }

    /// Levels below the root.
    pub fn depth(self) -> i8 {
        self.depth.cast_signed()
    }

    /// Index from the left in its level.
    pub fn index(self) -> i32 {
        i32::from(self.index)
    }

    /// Whether it is a leaf.
    pub fn is_leaf(self) -> bool {
        self.depth == DEPTH
    }

    /// Its children from the left; none of a leaf.
    pub fn children(self) -> impl Iterator<Item = Place> + Clone {
        let count = if self.is_leaf() { 0 } else { FAN_OUT as u16 };
        (0..count)
            .map(move |child| Place { depth: self.depth + 1, index: (self.index << FAN_OUT_BITS) | child })
    }

    /// The leaves below it, from the left; itself where it is one.
    fn leaves(self) -> Range<u16> {
        let bits = FAN_OUT_BITS * u32::from(DEPTH - self.depth);
        self.index << bits..(self.index + 1) << bits
    }
}

/// Where the chain of each leaf's owners begins. Made for 16 leaves at a time, when the first of their owners comes: 2 kB without any, 18 kB with
/// all.
#[derive(Clone, Debug)]
pub(super) struct Leaves {
    heads: Vec<Option<Box<[u32; FAN_OUT]>>>,
}

impl Default for Leaves {
    fn default() -> Self {
        Leaves { heads: vec![None; width(DEPTH - 1)] }
    }
}

impl Leaves {
    fn head(&self, leaf: u16) -> u32 {
        let heads = self.heads.get(usize::from(leaf) / FAN_OUT).and_then(Option::as_deref);
        heads.and_then(|heads| heads.get(usize::from(leaf) % FAN_OUT)).copied().unwrap_or(END)
    }

    fn set_head(&mut self, leaf: u16, head: u32) {
        let Some(heads) = self.heads.get_mut(usize::from(leaf) / FAN_OUT) else { return };
        let heads = heads.get_or_insert_with(|| Box::new([END; FAN_OUT]));
        if let Some(held) = heads.get_mut(usize::from(leaf) % FAN_OUT) {
            *held = head;
        }
    }
}

/// The nodes above the leaves, level by level from the root: 4 kB. A leaf's own sums are made of its few owners when they are asked for.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    nodes: Vec<Node>,
}

impl Default for Sums {
    fn default() -> Self {
        Sums { nodes: vec![Node::default(); (0..DEPTH).map(width).sum()] }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Node {
    hash: u64,
    items: u32,
}

impl Node {
    fn change(&mut self, before: Option<u64>, after: Option<u64>) {
        self.hash = self.hash.wrapping_sub(before.unwrap_or(0)).wrapping_add(after.unwrap_or(0));
        self.items = self.items.wrapping_sub(before.is_some().into()).wrapping_add(after.is_some().into());
    }
}

/// The hash tree.
impl Owners {
    /// The root's hash: equal on two daemons that hold the same.
    pub fn root(&self) -> u64 {
        self.hash(Place::ROOT)
    }

    /// A node's hash; 0 where nothing is below it.
    pub fn hash(&self, place: Place) -> u64 {
        self.node(place).hash
    }

    /// Items below a node.
    pub fn count(&self, place: Place) -> usize {
        self.node(place).items as usize
    }

    /// The owners below a node that have an item, ordered by name hash.
    pub fn below(&self, place: Place) -> impl Iterator<Item = Salt> {
        place.leaves().flat_map(|leaf| {
            let owners =
                self.chain(leaf).map(|record| (record.identity.name_hash, record.identity.generation));
            let mut owners: Vec<(u64, Salt)> = owners.collect();
            owners.sort_unstable();
            owners.into_iter().map(|(_, owner)| owner)
        })
    }

    /// Sets the item of the owner in this place of the slab, or takes it out. Touches one node a level. Says whether anything changed.
    pub(super) fn set(&mut self, place: u32, item: Option<u64>) -> bool {
        let Some(record) = self.record(place) else { return false };
        let before = record.is_present().then_some(record.item);
        if before == item {
            return false;
        }
        let name_hash = record.identity.name_hash;
        let leaf = at_depth(name_hash, DEPTH);
        match (before, item) {
            (None, Some(_)) => self.link(leaf, place),
            (Some(_), None) => self.unlink(leaf, place),
            _ => {}
        }
        if let Some(record) = self.record_mut(place) {
            record.item = item.unwrap_or(0);
        }
        for depth in 0..DEPTH {
            if let Some(node) =
                self.sums.nodes.get_mut(first(depth) + usize::from(at_depth(name_hash, depth)))
            {
                node.change(before, item);
            }
        }
        true
    }

    fn node(&self, place: Place) -> Node {
        if !place.is_leaf() {
            let node = self.sums.nodes.get(first(place.depth) + usize::from(place.index));
            return node.copied().unwrap_or_default();
        }
        let mut node = Node::default();
        self.chain(place.index).for_each(|record| node.change(None, Some(record.item)));
        node
    }

    /// The owners of a leaf, in no order that means anything.
    fn chain(&self, leaf: u16) -> impl Iterator<Item = &Record> {
        std::iter::successors(self.record(self.leaves.head(leaf)), |record| self.record(record.next))
    }

    fn link(&mut self, leaf: u16, place: u32) {
        let head = self.leaves.head(leaf);
        if let Some(record) = self.record_mut(place) {
            record.link(head);
            self.leaves.set_head(leaf, place);
        }
    }

    fn unlink(&mut self, leaf: u16, place: u32) {
        let Some(next) = self.record_mut(place).map(Record::unlink) else { return };
        let mut at = self.leaves.head(leaf);
        if at == place {
            self.leaves.set_head(leaf, next);
            return;
        }
        while let Some(record) = self.record_mut(at) {
            if record.next == place {
                record.link(next);
                return;
            }
            at = record.next;
        }
    }
}

/// The item of a member with this name hash whose entries are held completely up to `version`.
pub fn item(name_hash: u64, generation: &Salt, incarnation: i32, version: i64) -> u64 {
    let mut context = Context::new(&SHA256);
    context.update(&name_hash.to_be_bytes());
    context.update(&generation.0);
    context.update(&incarnation.to_be_bytes());
    context.update(&version.to_be_bytes());
    first_eight(context.finish().as_ref())
}

const fn width(depth: u8) -> usize {
    1 << (FAN_OUT_BITS * depth as u32)
}

/// Where a level begins among the nodes above the leaves.
fn first(depth: u8) -> usize {
    (0..depth).map(width).sum()
}

/// Index of the node at this depth that a name hash is below.
fn at_depth(name_hash: u64, depth: u8) -> u16 {
    let index = name_hash.checked_shr(64 - FAN_OUT_BITS * u32::from(depth)).unwrap_or(0);
    // At most 12 bits are left.
    index as u16
}
