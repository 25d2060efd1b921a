//! Sealing and opening in place, with keys prepared once.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use thiserror::Error;

use super::keys::derive;
use super::{HEADER_LEN, KeyId, KeyRing, OVERHEAD, OverlayKey, OverlaySecret};
use super::{RECEIVER_AT, Role, TAG_LEN, sender_bytes};
use crate::salt::Salt;

/// The last counter of a salt: a sender that has used it starts again with a new salt.
pub const MAX_COUNTER: u64 = 1 << 48;

/// The prepared key of one sender in one role, under one of the overlay's keys. About half a kilobyte.
///
/// Deriving it costs several times as much as opening a small datagram: keep it. The cipher's own schedule inside is not wiped
/// when dropped (ring offers no way); the overlay key that it came from is.
pub struct SenderKey {
    key: LessSafeKey,
    /// What every header of this sender begins with.
    sender: [u8; RECEIVER_AT],
    role: Role,
    key_id: KeyId,
    salt: Salt,
}

impl SenderKey {
    /// Derives the key. `secret` matters between daemons alone.
    pub fn derive(overlay_key: &OverlayKey, role: Role, salt: &Salt, secret: &OverlaySecret) -> Self {
        let secret: &[u8] = if role == Role::DaemonToDaemon { secret.hash() } else { &[] };
        let info: [&[u8]; 3] = [b"gossiperl 2", &[role as u8], secret];
        let key = derive(&salt.0, overlay_key.bytes(), &info, &AES_256_GCM, |okm| {
            LessSafeKey::new(UnboundKey::from(okm))
        });
        let key_id = overlay_key.id();
        SenderKey { key, sender: sender_bytes(role, key_id, salt), role, key_id, salt: *salt }
    }

    /// Opens a datagram in place and returns its frames.
    ///
    /// After an error the datagram's bytes are of no use, except after [`OpenError::OtherSender`], which changes nothing.
    #[inline]
    pub fn open<'a>(&self, datagram: &'a mut [u8]) -> Result<&'a mut [u8], OpenError> {
        if datagram.len() < OVERHEAD || !datagram.starts_with(&self.sender) {
            return Err(OpenError::OtherSender);
        }
        let (header, sealed) =
            datagram.split_first_chunk_mut::<HEADER_LEN>().ok_or(OpenError::OtherSender)?;
        let nonce = nonce_of(header);
        self.key.open_in_place(nonce, Aad::from(&*header), sealed).map_err(|_| OpenError::Forged)
    }

    /// The role whose datagrams the key opens.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The overlay's key that it came from.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The sender whose datagrams the key opens.
    pub fn salt(&self) -> Salt {
        self.salt
    }
}

impl fmt::Debug for SenderKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SenderKey({:?}, {}, {:?})", self.role, self.key_id, self.salt)
    }
}

/// Why a datagram was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The header is not one of this key's sender, role and overlay key. The datagram is unchanged.
    #[error("the datagram is not of this sender")]
    OtherSender,
    /// Header, frames or tag are not as they were sealed, or were sealed with another key.
    #[error("the datagram is not authentic")]
    Forged,
}

/// Seals the datagrams of this side in one role, with counters rising from 1.
pub struct Sealer {
    key: SenderKey,
    secret: OverlaySecret,
    counter: u64,
}

impl Sealer {
    /// A sealer under the ring's sealing key. A salt is for one sealer of a role: two would use the same nonces.
    pub fn new(ring: &KeyRing, role: Role, salt: Salt, secret: &OverlaySecret) -> Self {
        let key = SenderKey::derive(ring.sealing(), role, &salt, secret);
        Sealer { key, secret: secret.clone(), counter: 0 }
    }

    /// Begins a datagram at the end of `out`: makes room for its header and says where it begins. The caller appends frames,
    /// then calls [`finish`](Self::finish), or truncates `out` to what this returned to give the datagram up.
    #[inline]
    pub fn start(&self, out: &mut Vec<u8>) -> usize {
        let offset = out.len();
        out.extend_from_slice(&[0; HEADER_LEN]);
        offset
    }

    /// Seals what stands in `out` from `offset`, as [`start`](Self::start) returned it, to the end, and appends the tag.
    ///
    /// Allocates only where `out` lacks room for the tag. After an error `out` and the counter are unchanged.
    #[inline]
    pub fn finish(&mut self, receiver: u64, out: &mut Vec<u8>, offset: usize) -> Result<(), SealError> {
        seal(&self.key, &mut self.counter, receiver, out, offset)
    }

    /// The same under another key of the ring, for a receiver that does not have the sealing one. The counter is common to all keys.
    pub fn finish_under(
        &mut self,
        key: &SenderKey,
        receiver: u64,
        out: &mut Vec<u8>,
        offset: usize,
    ) -> Result<(), SealError> {
        if (key.role, key.salt) != (self.key.role, self.key.salt) {
            return Err(SealError::OtherSender);
        }
        seal(key, &mut self.counter, receiver, out, offset)
    }

    /// Takes over the ring's sealing key, if it is another one. Counters go on.
    pub fn rekey(&mut self, ring: &KeyRing) {
        if ring.sealing().id() != self.key.key_id {
            self.key = SenderKey::derive(ring.sealing(), self.key.role, &self.key.salt, &self.secret);
        }
    }

    /// The overlay's key it seals with.
    pub fn key_id(&self) -> KeyId {
        self.key.key_id
    }

    /// The salt it seals under.
    pub fn salt(&self) -> Salt {
        self.key.salt
    }

    /// How many datagrams have been sealed: the last one's counter.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    #[cfg(test)]
    fn with_counter(mut self, counter: u64) -> Self {
        self.counter = counter;
        self
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sealer").field("key", &self.key).field("counter", &self.counter).finish()
    }
}

/// Seals under the next counter, which is then used, whatever the key.
#[inline]
fn seal(
    key: &SenderKey,
    last: &mut u64,
    receiver: u64,
    out: &mut Vec<u8>,
    offset: usize,
) -> Result<(), SealError> {
    if *last >= MAX_COUNTER {
        return Err(SealError::Exhausted);
    }
    let datagram = out.get_mut(offset..).ok_or(SealError::NotStarted)?;
    let (header, frames) = datagram.split_first_chunk_mut::<HEADER_LEN>().ok_or(SealError::NotStarted)?;
    let counter = *last + 1;
    header[..RECEIVER_AT].copy_from_slice(&key.sender);
    header[RECEIVER_AT..32].copy_from_slice(&receiver.to_be_bytes());
    header[32..].copy_from_slice(&counter.to_be_bytes());
    let tag = key.key.seal_in_place_separate_tag(nonce_of(header), Aad::from(&*header), frames);
    let tag = tag.map_err(|_| SealError::TooLong)?;
    debug_assert_eq!(tag.as_ref().len(), TAG_LEN);
    out.extend_from_slice(tag.as_ref());
    *last = counter;
    Ok(())
}

/// Why a datagram was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// [`MAX_COUNTER`] datagrams have been sealed under this salt: start again with a new one.
    #[error("all counters of this salt are used")]
    Exhausted,
    /// There is no room for a header at the offset: it is not what `start` returned, or the buffer was truncated.
    #[error("no datagram was started at this offset")]
    NotStarted,
    /// The key is another sender's, or of another role.
    #[error("the key is another sender's")]
    OtherSender,
    /// The frames are longer than AES-GCM can seal, 64 GiB.
    #[error("the datagram is too long to be sealed")]
    TooLong,
}

/// Four zero bytes, then the counter, which are the header's last eight.
#[inline]
fn nonce_of(header: &[u8; HEADER_LEN]) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[4..].copy_from_slice(&header[32..]);
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::super::Header;
    use super::*;

    #[test]
    fn the_header_in_front_is_the_one_that_parses() {
        let salt = Salt::new(1, 2);
        let ring = KeyRing::new(OverlayKey::new(b"key"));
        let mut sealer = Sealer::new(&ring, Role::ClientToDaemon, salt, &OverlaySecret::none());
        let mut out = Vec::new();
        let offset = sealer.start(&mut out);
        sealer.finish(7, &mut out, offset).unwrap();
        let expected =
            Header { role: Role::ClientToDaemon, key_id: ring.sealing().id(), salt, receiver: 7, counter: 1 };
        assert_eq!(Header::parse(&out), Some(expected));
        assert_eq!(expected.to_bytes(), out[..HEADER_LEN]);
        assert_eq!(out.len(), OVERHEAD);
    }

    #[test]
    fn keys_share_the_counter_and_only_the_senders_own_seal() {
        let (salt, none) = (Salt::new(1, 2), OverlaySecret::none());
        let other = OverlayKey::new(b"another key");
        let mut sealer =
            Sealer::new(&KeyRing::new(OverlayKey::new(b"key")), Role::DaemonToClient, salt, &none);
        let key = SenderKey::derive(&other, Role::DaemonToClient, &salt, &none);
        let mut counters = Vec::new();
        for under in [None, Some(&key), Some(&key), None] {
            let mut out = Vec::new();
            let offset = sealer.start(&mut out);
            out.extend_from_slice(b"frames");
            match under {
                Some(key) => sealer.finish_under(key, 7, &mut out, offset).unwrap(),
                None => sealer.finish(7, &mut out, offset).unwrap(),
            }
            let header = Header::parse(&out).unwrap();
            counters.push(header.counter);
            assert_eq!(header.key_id == other.id(), under.is_some());
            assert_eq!(key.open(&mut out).is_ok(), under.is_some());
        }
        assert_eq!(counters, [1, 2, 3, 4]);
        for (role, salt) in [(Role::DaemonToDaemon, salt), (Role::DaemonToClient, Salt::new(1, 3))] {
            let foreign = SenderKey::derive(&other, role, &salt, &none);
            let mut out = Vec::new();
            let offset = sealer.start(&mut out);
            assert_eq!(sealer.finish_under(&foreign, 7, &mut out, offset), Err(SealError::OtherSender));
            assert_eq!((out.len(), sealer.counter()), (HEADER_LEN, 4));
        }
    }

    #[test]
    fn counters_end() {
        let ring = KeyRing::new(OverlayKey::new(b"key"));
        let sealer = Sealer::new(&ring, Role::ClientToDaemon, Salt::new(1, 2), &OverlaySecret::none());
        let mut sealer = sealer.with_counter(MAX_COUNTER - 1);
        let mut out = Vec::new();
        let offset = sealer.start(&mut out);
        assert_eq!(sealer.finish(0, &mut out, offset), Ok(()));
        let before = out.clone();
        let offset = sealer.start(&mut out);
        assert_eq!(sealer.finish(0, &mut out, offset), Err(SealError::Exhausted));
        out.truncate(offset);
        assert_eq!(out, before);
    }
}
