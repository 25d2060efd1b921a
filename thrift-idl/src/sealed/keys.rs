//! The overlay's keys and secret, as the configuration gives them. All are wiped when dropped; none shows itself in `Debug`.

use std::{fmt, str::FromStr};

use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt as HkdfSalt};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

/// How many keys a ring holds at most.
pub const MAX_KEYS: usize = 8;

/// Names a key in headers without showing anything of it: 32 bits of a one-way function that no other derivation shares. Of a random key that
/// tells nothing; who can guess a key can confirm the guess with it, as with any datagram.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl FromStr for KeyId {
    type Err = NoKeyId;

    /// 8 hexadecimal digits, as [`Display`](fmt::Display) writes them.
    fn from_str(text: &str) -> Result<Self, NoKeyId> {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| digits).ok_or(NoKeyId)?;
        Ok(KeyId(number.to_be_bytes()))
    }
}

/// The text is no key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a key id has 8 hexadecimal digits, as the list of keys shows it")]
pub struct NoKeyId;

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyId({self})")
    }
}

/// An overlay's `symmetric_key`, from which every sender's key is derived.
#[derive(Clone)]
pub struct OverlayKey {
    bytes: Zeroizing<Box<[u8]>>,
    id: KeyId,
}

impl OverlayKey {
    /// The key whose bytes the configuration gives. Any length works; a key is as strong as its bytes are unpredictable.
    pub fn new(bytes: &[u8]) -> Self {
        let mut id = [0; 4];
        let filled = derive(b"gossiperl key id", bytes, &[], IdLength, |okm| okm.fill(&mut id));
        debug_assert!(filled.is_ok(), "fails only where the lengths differ");
        OverlayKey { bytes: Zeroizing::new(bytes.into()), id: KeyId(id) }
    }

    /// How headers name this key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key itself, to be kept or passed on to who may have it; never to be shown.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn is_same(&self, other: &OverlayKey) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl fmt::Debug for OverlayKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OverlayKey({})", self.id)
    }
}

/// SHA-256 of an overlay's `secret`, which only daemons know: it is part of the keys between them.
#[derive(Clone)]
pub struct OverlaySecret(Zeroizing<[u8; 32]>);

impl OverlaySecret {
    /// Of the secret that the configuration gives.
    pub fn new(secret: &[u8]) -> Self {
        let mut hash = Zeroizing::new([0; 32]);
        hash.copy_from_slice(digest(&SHA256, secret).as_ref());
        OverlaySecret(hash)
    }

    /// What a client has instead: it knows no overlay secret and derives no keys between daemons.
    pub fn none() -> Self {
        OverlaySecret(Zeroizing::new([0; 32]))
    }

    pub(super) fn hash(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for OverlaySecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OverlaySecret")
    }
}

/// The keys of an overlay, at most [`MAX_KEYS`]: one seals, all open.
///
/// A key is changed without losing a datagram by adding the new one everywhere, then promoting it everywhere, then retiring
/// the old one everywhere.
#[derive(Clone, Debug)]
pub struct KeyRing {
    /// The sealing key first; never empty.
    keys: Vec<OverlayKey>,
}

impl KeyRing {
    /// A ring of this one key.
    pub fn new(key: OverlayKey) -> Self {
        KeyRing { keys: vec![key] }
    }

    /// Adds a key that opens but does not seal. A key that is there already changes nothing.
    pub fn add(&mut self, key: OverlayKey) -> Result<(), KeyRingError> {
        if let Some(present) = self.find(key.id()) {
            return if present.is_same(&key) { Ok(()) } else { Err(KeyRingError::SameId(key.id())) };
        }
        if self.keys.len() >= MAX_KEYS {
            return Err(KeyRingError::Full);
        }
        self.keys.push(key);
        Ok(())
    }

    /// Makes this key the one that seals; [`Sealer::rekey`](super::Sealer::rekey) then takes it over.
    pub fn promote(&mut self, id: KeyId) -> Result<(), KeyRingError> {
        let index = self.position(id)?;
        self.keys[..=index].rotate_right(1);
        Ok(())
    }

    /// Removes a key that does not seal: what it sealed opens no more. Sender keys derived from it are the caller's to drop.
    pub fn retire(&mut self, id: KeyId) -> Result<(), KeyRingError> {
        match self.position(id)? {
            0 => Err(KeyRingError::Sealing(id)),
            index => {
                self.keys.remove(index);
                Ok(())
            }
        }
    }

    /// The key that seals.
    pub fn sealing(&self) -> &OverlayKey {
        // Never empty: `new` puts one in, and `retire` leaves the first.
        &self.keys[0]
    }

    /// The key of this id.
    pub fn find(&self, id: KeyId) -> Option<&OverlayKey> {
        self.keys.iter().find(|key| key.id() == id)
    }

    /// All keys, the sealing one first.
    pub fn keys(&self) -> &[OverlayKey] {
        &self.keys
    }

    /// The ids of all keys, that of the sealing one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.keys.iter().map(OverlayKey::id)
    }

    fn position(&self, id: KeyId) -> Result<usize, KeyRingError> {
        self.keys.iter().position(|key| key.id() == id).ok_or(KeyRingError::Unknown(id))
    }
}

/// Why a ring was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyRingError {
    /// There are [`MAX_KEYS`] already.
    #[error("the key ring holds {MAX_KEYS} keys already; retire one first")]
    Full,
    /// Another key has by chance the same id: the new one can't be used in this overlay beside it.
    #[error("another key has the id {0} too; generate a new one")]
    SameId(KeyId),
    /// The ring has no such key.
    #[error("the key ring has no key {0}")]
    Unknown(KeyId),
    /// The key seals: promote another one first.
    #[error("key {0} is the one that seals; promote another one first")]
    Sealing(KeyId),
}

/// HKDF-SHA256 (RFC 5869): `take` gets an output that is as long as `length` says.
pub(super) fn derive<L: KeyType, T>(
    salt: &[u8],
    key: &[u8],
    info: &[&[u8]],
    length: L,
    take: impl FnOnce(ring::hkdf::Okm<'_, L>) -> T,
) -> T {
    let extracted = HkdfSalt::new(HKDF_SHA256, salt).extract(key);
    #[expect(clippy::expect_used, reason = "fails only beyond 255 times 32 bytes; ids have 4, keys 32")]
    let okm = extracted.expand(info, length).expect("a short output");
    take(okm)
}

struct IdLength;

impl KeyType for IdLength {
    fn len(&self) -> usize {
        4
    }
}
