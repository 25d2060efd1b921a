//! The sealed datagram of protocol 2 (PROTOCOL.md section 2).
//!
//! `header(40) || AES-256-GCM(frames) || tag(16)`, sealed and opened in place. Here are the header, the keys, and the window
//! against replays. Who may send what, which salt counts and what a wrong receiver id means is the caller's part:
//!
//! 1. [`Header::parse`] tells a sealed datagram from protocol 1, and shows role, key id, salt, receiver and counter. None of
//!    it is true before the datagram has been opened.
//! 2. A [`ReplayWindow`] of the salt says by [`contains`](ReplayWindow::contains) whether opening is worth it.
//! 3. The [`SenderKey`] of (key id, role, salt), kept or [derived](SenderKey::derive), opens the datagram.
//! 4. Only then [`accept`](ReplayWindow::accept) moves the window, so that nobody without the key can.

mod keys;
mod replay;
mod seal;

pub use keys::{KeyId, KeyRing, KeyRingError, MAX_KEYS, NoKeyId, OverlayKey, OverlaySecret};
pub use replay::{REPLAY_WINDOW, ReplayWindow};
pub use seal::{MAX_COUNTER, OpenError, SealError, Sealer, SenderKey};

use crate::salt::Salt;

/// Length of a sealed datagram's header in bytes.
pub const HEADER_LEN: usize = 40;
/// Length of the authentication tag behind the frames in bytes.
pub const TAG_LEN: usize = 16;
/// What a sealed datagram takes beyond its frames in bytes.
pub const OVERHEAD: usize = HEADER_LEN + TAG_LEN;

/// "GP" and the version of the protocol.
const MAGIC: [u8; 3] = [0x47, 0x50, 0x02];
/// Where the receiver id begins; what stands before it belongs to the sender's key.
const RECEIVER_AT: usize = 24;

/// Who seals for whom. Each role has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// From a client to its daemon.
    ClientToDaemon = 1,
    /// From a daemon to one of its clients.
    DaemonToClient = 2,
    /// From a daemon to another.
    DaemonToDaemon = 3,
}

impl Role {
    /// The role that this byte of a header stands for.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Role::ClientToDaemon),
            2 => Some(Role::DaemonToClient),
            3 => Some(Role::DaemonToDaemon),
            _ => None,
        }
    }
}

/// What stands in clear before the sealed frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who seals for whom.
    pub role: Role,
    /// Which key of the overlay's ring seals.
    pub key_id: KeyId,
    /// The sender's generation.
    pub salt: Salt,
    /// [`Salt::receiver_id`] of the receiver's salt; zero where the sender does not know it yet.
    pub receiver: u64,
    /// Rises with every datagram that the sender seals in this role.
    pub counter: u64,
}

impl Header {
    /// The header of a sealed datagram; `None` where this is none, because it is too short or begins otherwise.
    ///
    /// The caller may then try protocol 1. One in 1.4 billion datagrams of protocol 1 begins by chance like a sealed one; it
    /// fails to open, and its sender repeats it under another IV.
    #[inline]
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_LEN] = datagram.first_chunk()?;
        if datagram.len() < OVERHEAD || !header.starts_with(&MAGIC) {
            return None;
        }
        Some(Header {
            role: Role::from_byte(header[3])?,
            key_id: KeyId(array_at(header, 4)),
            salt: Salt(array_at(header, 8)),
            receiver: u64::from_be_bytes(array_at(header, RECEIVER_AT)),
            counter: u64::from_be_bytes(array_at(header, 32)),
        })
    }

    /// The header as it stands before the frames.
    #[inline]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..RECEIVER_AT].copy_from_slice(&sender_bytes(self.role, self.key_id, &self.salt));
        bytes[RECEIVER_AT..32].copy_from_slice(&self.receiver.to_be_bytes());
        bytes[32..].copy_from_slice(&self.counter.to_be_bytes());
        bytes
    }
}

/// The part of the header that is the same in all datagrams sealed with one sender key.
fn sender_bytes(role: Role, key_id: KeyId, salt: &Salt) -> [u8; RECEIVER_AT] {
    let mut bytes = [0; RECEIVER_AT];
    bytes[..3].copy_from_slice(&MAGIC);
    bytes[3] = role as u8;
    bytes[4..8].copy_from_slice(&key_id.0);
    bytes[8..].copy_from_slice(&salt.0);
    bytes
}

/// `N` bytes of a header from `start`; all callers stay within it.
fn array_at<const N: usize>(header: &[u8; HEADER_LEN], start: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&header[start..start + N]);
    array
}
