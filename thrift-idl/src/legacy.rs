//! The datagram of protocol 1 (PROTOCOL.md section 1): `iv(16) || AES-256-CBC(envelope || padding)`.
//!
//! Nothing in it is authenticated: whoever has no key can still change bits of a datagram unnoticed, and what opens may be
//! garbage. It is spoken on loopback only.

use std::fmt;

use aes::Aes256;
use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use ring::digest::{SHA256, digest};
use thiserror::Error;
use zeroize::Zeroizing;

/// Length of the IV that a datagram begins with.
pub const IV_LEN: usize = 16;
/// The longest envelope that a UDP datagram over IPv4 (65,507 bytes) takes with IV and padding.
pub const MAX_ENVELOPE: usize = (65_507 - IV_LEN) / BLOCK * BLOCK - 1;
/// The longest datagram that every client reads: the JVM client takes no more.
pub const MAX_FOR_EVERY_CLIENT: usize = 1_024;

const BLOCK: usize = 16;

/// Bytes that cannot be a datagram of protocol 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a datagram of protocol 1: an IV and one or more blocks of 16 bytes expected")]
pub struct NotBlocks;

/// An overlay's key as protocol 1 uses it, prepared; wiped when dropped.
#[derive(Clone)]
pub struct LegacyKey(Aes256);

impl LegacyKey {
    /// The key made of the overlay's `symmetric_key`.
    pub fn new(symmetric_key: &[u8]) -> Self {
        let mut hash = Zeroizing::new([0; 32]);
        hash.copy_from_slice(digest(&SHA256, symmetric_key).as_ref());
        LegacyKey(Aes256::new((&*hash).into()))
    }

    /// Decrypts `datagram` in place: the envelope, and behind it padding of whatever kind. Under another key, garbage.
    pub fn open<'a>(&self, datagram: &'a mut [u8]) -> Result<&'a [u8], NotBlocks> {
        let (iv, blocks) = datagram.split_first_chunk_mut::<IV_LEN>().ok_or(NotBlocks)?;
        if blocks.is_empty() {
            return Err(NotBlocks);
        }
        let cipher = cbc::Decryptor::inner_iv_init(&self.0, (&*iv).into());
        cipher.decrypt_padded::<NoPadding>(blocks).map_err(|_| NotBlocks)
    }

    /// Whether an Erlang client sealed the datagram. It encrypts its IV under that same IV and sends the result in the IV's place: under one key
    /// the same block each time, which no other client's random IV is.
    pub fn is_from_erlang(&self, datagram: &[u8]) -> bool {
        let mut block = [0; IV_LEN];
        self.0.encrypt_block((&mut block).into());
        datagram.starts_with(&block)
    }

    /// Appends the datagram of `envelope` under this IV, which must be fresh and random, padded as PKCS#7 has it.
    pub fn seal(&self, iv: [u8; IV_LEN], envelope: &[u8], out: &mut Vec<u8>) {
        let padded = padded_len(envelope.len());
        out.reserve(IV_LEN + padded);
        out.extend_from_slice(&iv);
        let start = out.len();
        out.extend_from_slice(envelope);
        out.resize(start + padded, 0);
        let cipher = cbc::Encryptor::inner_iv_init(&self.0, (&iv).into());
        let sealed = cipher.encrypt_padded::<Pkcs7>(&mut out[start..], envelope.len());
        debug_assert!(sealed.is_ok(), "the room is that of the padding");
    }
}

impl fmt::Debug for LegacyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LegacyKey")
    }
}

/// Length of the datagram of an envelope of this length.
pub const fn datagram_len(envelope: usize) -> usize {
    IV_LEN + padded_len(envelope)
}

/// PKCS#7 appends at least one byte.
const fn padded_len(length: usize) -> usize {
    (length / BLOCK + 1) * BLOCK
}
