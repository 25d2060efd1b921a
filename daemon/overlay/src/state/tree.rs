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

use std::collections::BTreeMap;

use gossiperl_idl::Salt;
use ring::digest::{Context, SHA256};

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

    /// The name hashes below it: the first and the last.
    fn name_hashes(self) -> (u64, u64) {
        let bits = FAN_OUT_BITS * u32::from(self.depth);
        let below = u64::MAX.checked_shr(bits).unwrap_or(0);
        let first = u64::from(self.index).checked_shl(64 - bits).unwrap_or(0);
        (first, first | below)
    }
}

/// The hash tree. Its memory is 70 kB and about 50 bytes an item; its caller bounds the items.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Level by level from the root.
    levels: [Vec<Node>; DEPTH as usize + 1],
    items: BTreeMap<(u64, Salt), u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Node {
    hash: u64,
    items: u32,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The tree of no owners; its root is 0.
    pub fn new() -> Self {
        let level = |depth| vec![Node::default(); width(depth)];
        Tree { levels: [level(0), level(1), level(2), level(3)], items: BTreeMap::new() }
    }

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

    /// Sets the item of this owner, or takes it out. Touches one node a level. Says whether anything changed.
    pub fn set(&mut self, name_hash: u64, owner: Salt, item: Option<u64>) -> bool {
        let before = match item {
            Some(item) => self.items.insert((name_hash, owner), item),
            None => self.items.remove(&(name_hash, owner)),
        };
        if before == item {
            return false;
        }
        for (depth, level) in (0..=DEPTH).zip(&mut self.levels) {
            let Some(node) = level.get_mut(usize::from(at_depth(name_hash, depth))) else { continue };
            node.hash = node.hash.wrapping_sub(before.unwrap_or(0)).wrapping_add(item.unwrap_or(0));
            node.items = node.items.wrapping_sub(before.is_some().into()).wrapping_add(item.is_some().into());
        }
        true
    }

    /// The owners below a node, ordered by name hash.
    pub fn owners(&self, place: Place) -> impl Iterator<Item = Salt> {
        let (first, last) = place.name_hashes();
        let range = (first, Salt([0; 16]))..=(last, Salt([0xff; 16]));
        self.items.range(range).map(|((_, owner), _)| *owner)
    }

    fn node(&self, place: Place) -> Node {
        let level = self.levels.get(usize::from(place.depth));
        level.and_then(|level| level.get(usize::from(place.index))).copied().unwrap_or_default()
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

/// Index of the node at this depth that a name hash is below.
fn at_depth(name_hash: u64, depth: u8) -> u16 {
    let index = name_hash.checked_shr(64 - FAN_OUT_BITS * u32::from(depth)).unwrap_or(0);
    // At most 12 bits are left.
    index as u16
}
