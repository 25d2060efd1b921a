//! What is held of an entry, and what changes are told with.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use gossiperl_idl::{SALT_LEN, Salt};
use gossiperl_link::Time;

use super::ENTRY_COST;

/// A change of what is held; deletions, expired owners and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who owns the entry.
    pub owner: Salt,
    /// Its key.
    pub key: Key,
    /// Its new value; `None` where it is gone.
    pub value: Option<Arc<[u8]>>,
}

/// The key of an entry; dereferences to its bytes. A clone shares them.
///
/// Compared together with the owner: keys of the same bytes that different owners have are different.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(
    /// The owner's salt, then the key: one look-up, and no copy of the owner beside it.
    Arc<[u8]>,
);

#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) key: Key,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Live(Arc<[u8]>),
    /// A tombstone, to be dropped then.
    Deleted(Time),
}

impl Held {
    pub(super) fn live(&self) -> Option<&Arc<[u8]>> {
        match &self.value {
            Value::Live(value) => Some(value),
            Value::Deleted(_) => None,
        }
    }

    pub(super) fn cost(&self) -> usize {
        self.key.len() + self.live().map_or(0, |value| value.len()) + ENTRY_COST
    }
}

impl Key {
    pub(super) fn new(owner: &Salt, key: &[u8]) -> Key {
        Key([&owner.0, key].concat().into())
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.get(SALT_LEN..).unwrap_or_default()
    }
}

/// For look-ups by owner and key without making a `Key`: borrows both, joined.
impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.escape_ascii())
    }
}
