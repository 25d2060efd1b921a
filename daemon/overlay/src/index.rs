//! Look-ups over slabs that hold 4 bytes for an entry instead of its key once more, and slabs that do not double.
//!
//! With 10,000 members a hash table of 16-byte salts costs 50 bytes a member, one of places in a slab 8. The slab's user says which key stands
//! at a place. Nothing here is ever iterated: what the overlay does must not depend on a hash's order.

use std::hash::{BuildHasher, DefaultHasher, Hash};

use hashbrown::{HashTable, hash_table::Entry};

/// Places in a slab by key. As large as the slab is full, which is bounded by its user.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    places: HashTable<u32>,
    hasher: Seeded,
}

impl Index {
    /// An empty one. Who picks keys must not be able to predict the seed.
    pub(crate) fn new(seed: u64) -> Self {
        Index { places: HashTable::new(), hasher: Seeded::new(seed) }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Makes room for so many more; `key_of` as for [`Index::insert`].
    pub(crate) fn reserve<K: Hash>(&mut self, more: usize, key_of: impl Fn(u32) -> Option<K>) {
        let Index { places, hasher } = self;
        places.reserve(more, |held| key_of(*held).map_or(0, |key| hasher.hash_one(&key)));
    }

    /// The place of a key; `is` says whether a place holds it.
    pub(crate) fn find<K: Hash + ?Sized>(&self, key: &K, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.places.find(self.hasher.hash_one(key), |place| is(*place)).copied()
    }

    /// Leads the key of `place`, as `key_of` has it, there and nowhere else. `key_of` holds of all places in the index.
    pub(crate) fn insert<K: Hash + Eq>(&mut self, place: u32, key_of: impl Fn(u32) -> Option<K>) {
        let Some(key) = key_of(place) else { return };
        let Index { places, hasher } = self;
        let is = |held: &u32| key_of(*held).as_ref() == Some(&key);
        match places
            .entry(hasher.hash_one(&key), is, |held| key_of(*held).map_or(0, |key| hasher.hash_one(&key)))
        {
            Entry::Occupied(mut held) => *held.get_mut() = place,
            Entry::Vacant(free) => {
                free.insert(place);
            }
        }
    }

    /// Forgets the key where it leads to this place. False where it does not.
    pub(crate) fn remove<K: Hash + ?Sized>(&mut self, key: &K, place: u32) -> bool {
        let found = self.places.find_entry(self.hasher.hash_one(key), |held| *held == place);
        found.map(|held| held.remove()).is_ok()
    }
}

/// Makes room for one more by an eighth, rather than by as much again as there is.
pub(crate) fn make_room<T>(slab: &mut Vec<T>) {
    if slab.len() == slab.capacity() {
        slab.reserve_exact((slab.len() / 8).max(4));
    }
}

/// SipHash that starts from a seed: the same everywhere in one run, unknown to who picks keys.
///
/// It has taken the seed in already, so that a look-up starts with its key.
#[derive(Clone, Debug)]
pub(crate) struct Seeded(DefaultHasher);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        Seeded(hasher)
    }
}

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_to_the_place_that_claimed_it_last() {
        let keys = ["a", "b", "a"];
        let key_of = |place: u32| keys.get(place as usize).copied();
        let find = |index: &Index, key: &str| index.find(key, |place| key_of(place) == Some(key));
        let mut index = Index::new(7);
        (0..3).for_each(|place| index.insert(place, key_of));
        assert_eq!((find(&index, "a"), find(&index, "b"), find(&index, "c")), (Some(2), Some(1), None));
        assert!(!index.remove("a", 0), "the first has lost it already");
        assert_eq!(find(&index, "a"), Some(2));
        assert!(index.remove("a", 2));
        assert_eq!((find(&index, "a"), index.len()), (None, 1));
    }

    #[test]
    fn many_keys_are_found_again_as_the_index_grows() {
        let mut index = Index::new(3);
        let key_of = |place: u32| Some(u64::from(place) * 7);
        (0..10_000).for_each(|place| index.insert(place, key_of));
        for place in 0..10_000 {
            let key = u64::from(place) * 7;
            assert_eq!(index.find(&key, |held| key_of(held) == Some(key)), Some(place));
        }
    }
}
