//! What does not change about a member during its run at an address, held once and shared by all that speak of it.
//!
//! Within one overlay the table of members, the shared state and the endpoints share it. Several overlays of one process can share it too
//! ([`Identities`]): the simulator's thousands all hold the same members. A daemon's overlays have none in common.

use std::{
    hash::BuildHasher,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use gossiperl_idl::Salt;
use hashbrown::HashTable;
use ring::digest::{SHA256, digest};

use crate::index::Seeded;

/// A pool is pruned when it has doubled, but not below so many.
const PRUNED_FROM: usize = 64;

/// Who a member is, which run of it this is, and where that is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub(crate) name: Arc<str>,
    pub(crate) rack: Arc<str>,
    pub(crate) generation: Salt,
    pub(crate) address: SocketAddr,
    /// See [`name_hash`].
    pub(crate) name_hash: u64,
}

impl Identity {
    /// The run `generation` of the daemon `name`, of this rack and at this address.
    pub fn new(
        name: impl Into<Arc<str>>,
        generation: Salt,
        address: SocketAddr,
        rack: impl Into<Arc<str>>,
    ) -> Self {
        let name = name.into();
        Identity { name_hash: name_hash(&name), name, rack: rack.into(), generation, address }
    }

    /// Its name, unique in the overlay.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its rack.
    pub fn rack(&self) -> &str {
        &self.rack
    }

    /// Its run.
    pub fn generation(&self) -> &Salt {
        &self.generation
    }

    /// Where it is reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The hash of its name, which picks its leaf of the hash tree.
    pub fn name_hash(&self) -> u64 {
        self.name_hash
    }
}

/// The hash of a member's name: the first 8 bytes, big endian, of its SHA-256.
pub fn name_hash(name: &str) -> u64 {
    first_eight(digest(&SHA256, name.as_bytes()).as_ref())
}

/// The first 8 bytes of a digest as a number.
pub(crate) fn first_eight(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// Equal identities of several overlays in one process, each held once. A clone is the same pool.
///
/// For the simulator, whose overlays know the same members. Bound: whenever it has doubled it drops what nobody else holds, so it is never larger
/// than twice what the overlays held then, or 64. Which overlay makes an identity first changes nothing but who pays for it.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    pool: Arc<Mutex<Pool>>,
}

#[derive(Debug, Default)]
struct Pool {
    held: HashTable<Arc<Identity>>,
    prune_at: usize,
}

impl Identities {
    /// An empty pool.
    pub fn new() -> Self {
        Identities::default()
    }

    /// How many it holds.
    pub fn len(&self) -> usize {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).held.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The one of this run that all share and that `is` the wanted one; the one made, where it is the first of its kind.
    pub(crate) fn share(
        &self,
        generation: &Salt,
        is: impl Fn(&Identity) -> bool,
        make: impl FnOnce() -> Identity,
    ) -> Arc<Identity> {
        // Whatever has panicked while it was locked, a pool is as sound as before.
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let Pool { held, prune_at } = &mut *pool;
        let hash = hash_of(generation);
        if let Some(shared) = held.find(hash, |shared| is(shared)) {
            return shared.clone();
        }
        if held.len() >= (*prune_at).max(PRUNED_FROM) {
            // The order in which they go is nobody's business.
            held.retain(|shared| Arc::strong_count(shared) > 1);
            *prune_at = held.len() * 2;
        }
        let shared = Arc::new(make());
        held.insert_unique(hash, shared.clone(), |shared| hash_of(&shared.generation));
        shared
    }
}

/// A run has one name and rarely moves, so its salt tells nearly all apart.
fn hash_of(generation: &Salt) -> u64 {
    Seeded::new(0).hash_one(generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(number: u64) -> Identity {
        let address = ([10, 0, 0, 1], 6_666).into();
        Identity::new(format!("member-{number}"), Salt::new(number, number), address, "default")
    }

    fn share(pool: &Identities, identity: &Identity) -> Arc<Identity> {
        pool.share(&identity.generation, |held| held == identity, || identity.clone())
    }

    #[test]
    fn equal_identities_are_one_and_others_are_not() {
        let pool = Identities::new();
        let (one, same) = (share(&pool, &identity(1)), share(&pool.clone(), &identity(1)));
        assert!(Arc::ptr_eq(&one, &same));
        let moved = Identity { address: ([10, 0, 0, 2], 6_666).into(), ..identity(1) };
        for other in [moved, identity(2)] {
            assert!(!Arc::ptr_eq(&one, &share(&pool, &other)), "{other:?}");
        }
        assert_eq!(pool.len(), 3);
    }

    #[test]
    fn what_nobody_holds_goes_when_the_pool_has_doubled() {
        let pool = Identities::new();
        let kept: Vec<_> = (0..100).map(|number| share(&pool, &identity(number))).collect();
        for number in 1_000..20_000 {
            share(&pool, &identity(number));
            assert!(pool.len() <= 2 * kept.len(), "{}", pool.len());
        }
        assert!(kept.iter().all(|held| Arc::ptr_eq(held, &share(&pool, held))));
    }
}
