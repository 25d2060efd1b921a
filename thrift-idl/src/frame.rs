//! Frames, the parts of an opened datagram (PROTOCOL.md section 3): kind, length, body.

use thiserror::Error;

use crate::sealed::Role;

/// Frame 1, client to daemon: asks for a session.
pub const CLIENT_HELLO: u8 = 1;
/// Frame 2: names the receiver id to use.
pub const CHALLENGE: u8 = 2;
/// Frame 3, daemon to client: the session stands.
pub const WELCOME: u8 = 3;
/// Frame 4: a request was refused.
pub const REFUSAL: u8 = 4;
/// Frame 5: "are you there", and "yes".
pub const KEEPALIVE: u8 = 5;
/// Frame 6: the end of a session.
pub const GOODBYE: u8 = 6;
/// Frame 8: the number of the first numbered frame behind it.
pub const RUN: u8 = 8;
/// Frame 9: what has arrived.
pub const ACKNOWLEDGEMENT: u8 = 9;
/// Frame 16: what is claimed about a daemon.
pub const MEMBER_UPDATE: u8 = 16;
/// Frame 17: first contact between daemons.
pub const INTRODUCTION: u8 = 17;
/// Frame 18: a probe.
pub const PING: u8 = 18;
/// Frame 19: asks for an indirect probe.
pub const PING_REQUEST: u8 = 19;
/// Frame 20: a probe's answer.
pub const PING_ACK: u8 = 20;
/// Frame 21: an indirect probe without success so far.
pub const PING_NACK: u8 = 21;
/// Frame 24: entries of one owner.
pub const STATE_UPDATE: u8 = 24;
/// Frame 25: first step of repair.
pub const TREE_DIGEST: u8 = 25;
/// Frame 26: second step of repair.
pub const TREE_DIGEST_ACK: u8 = 26;
/// Frame 27: third step of repair.
pub const TREE_DIGEST_ACK_ACK: u8 = 27;
/// Frame 64: a published message.
pub const MESSAGE: u8 = 64;
/// Frame 65: a piece of a larger frame.
pub const FRAGMENT: u8 = 65;
/// Frame 66, client to daemon.
pub const SUBSCRIBE: u8 = 66;
/// Frame 67, client to daemon.
pub const UNSUBSCRIBE: u8 = 67;
/// Frame 68, daemon to client: what became of a request.
pub const REPLY: u8 = 68;
/// Frame 69: messages of a type are not taken for now.
pub const PAUSE: u8 = 69;
/// Frame 70: messages of a type are taken again.
pub const RESUME: u8 = 70;
/// Frame 71, client to daemon.
pub const MEMBERS_REQUEST: u8 = 71;
/// Frame 72, daemon to client: some of the members.
pub const MEMBERS_PAGE: u8 = 72;
/// Frame 73, daemon to client: a change among the members.
pub const MEMBER_EVENT: u8 = 73;
/// Frame 74, daemon to client: so many messages were dropped.
pub const DROPPED: u8 = 74;
/// Frame 75, between daemons: what is wanted of a key ring.
pub const KEY_REQUEST: u8 = 75;
/// Frame 76, between daemons: what became of that.
pub const KEY_REPORT: u8 = 76;

/// Kinds from this one on are numbered frames; those below may get lost.
pub const FIRST_NUMBERED: u8 = 64;

/// The longest body: what a length of three bytes can say.
pub const MAX_BODY: usize = (1 << 21) - 1;

/// Whether the link delivers frames of this kind reliably and in order.
pub const fn is_numbered(kind: u8) -> bool {
    kind >= FIRST_NUMBERED
}

/// Whether frames of this kind have a place in datagrams of this role; others are ignored. False for unknown kinds.
pub const fn belongs(kind: u8, role: Role) -> bool {
    use Role::{ClientToDaemon, DaemonToClient, DaemonToDaemon};
    match kind {
        RUN | ACKNOWLEDGEMENT | MESSAGE | FRAGMENT => true,
        CLIENT_HELLO | SUBSCRIBE | UNSUBSCRIBE | MEMBERS_REQUEST => matches!(role, ClientToDaemon),
        KEEPALIVE | GOODBYE => matches!(role, ClientToDaemon | DaemonToClient),
        WELCOME | REPLY | MEMBERS_PAGE | MEMBER_EVENT | DROPPED => matches!(role, DaemonToClient),
        CHALLENGE | REFUSAL | PAUSE | RESUME => matches!(role, DaemonToClient | DaemonToDaemon),
        MEMBER_UPDATE..=PING_NACK | STATE_UPDATE..=TREE_DIGEST_ACK_ACK | KEY_REQUEST | KEY_REPORT => {
            matches!(role, DaemonToDaemon)
        }
        _ => false,
    }
}

/// Name of the struct that is the body of frames of this kind; `None` for unknown kinds.
pub const fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        CLIENT_HELLO => "ClientHello",
        CHALLENGE => "Challenge",
        WELCOME => "Welcome",
        REFUSAL => "Refusal",
        KEEPALIVE => "Keepalive",
        GOODBYE => "Goodbye",
        RUN => "Run",
        ACKNOWLEDGEMENT => "Acknowledgement",
        MEMBER_UPDATE => "MemberUpdate",
        INTRODUCTION => "Introduction",
        PING => "Ping",
        PING_REQUEST => "PingRequest",
        PING_ACK => "PingAck",
        PING_NACK => "PingNack",
        STATE_UPDATE => "StateUpdate",
        TREE_DIGEST => "TreeDigest",
        TREE_DIGEST_ACK => "TreeDigestAck",
        TREE_DIGEST_ACK_ACK => "TreeDigestAckAck",
        MESSAGE => "Message",
        FRAGMENT => "Fragment",
        SUBSCRIBE => "Subscribe",
        UNSUBSCRIBE => "Unsubscribe",
        REPLY => "Reply",
        PAUSE => "Pause",
        RESUME => "Resume",
        MEMBERS_REQUEST => "MembersRequest",
        MEMBERS_PAGE => "MembersPage",
        MEMBER_EVENT => "MemberEvent",
        DROPPED => "Dropped",
        KEY_REQUEST => "KeyRequest",
        KEY_REPORT => "KeyReport",
        _ => return None,
    })
}

/// What a frame costs beyond a body of this length.
pub const fn overhead(body_len: usize) -> usize {
    match body_len {
        0..0x80 => 2,
        0x80..0x4000 => 3,
        _ => 4,
    }
}

/// Appends a frame.
///
/// # Panics
///
/// If the body is longer than [`MAX_BODY`], which no datagram can hold anyway.
#[inline]
pub fn put(kind: u8, body: &[u8], out: &mut Vec<u8>) {
    out.reserve(body.len() + 4);
    put_header(kind, body.len(), out);
    out.extend_from_slice(body);
}

/// Appends a frame whose body `write` appends to the buffer it is given.
///
/// # Panics
///
/// If the body is longer than [`MAX_BODY`], or `write` has shortened the buffer.
#[inline]
pub fn put_with(kind: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&[kind, 0]);
    let start = out.len();
    write(out);
    let length = out.len() - start;
    if length < 0x80 {
        out[start - 1] = length as u8;
        return;
    }
    // The length takes two or three bytes, and one is there: the body makes room.
    let extra = overhead(length) - 2;
    out.extend_from_slice(&[0; 2][..extra]);
    out.copy_within(start..start + length, start + extra);
    let (bytes, used) = length_bytes(length);
    out[start - 1..start + extra].copy_from_slice(&bytes[..used]);
}

/// Appends a frame's kind and length; the caller appends a body of this length.
///
/// # Panics
///
/// If the length is more than [`MAX_BODY`].
#[inline]
pub fn put_header(kind: u8, body_len: usize, out: &mut Vec<u8>) {
    let (bytes, used) = length_bytes(body_len);
    out.push(kind);
    out.extend_from_slice(&bytes[..used]);
}

/// The frames of an opened datagram, front to back: kind and body.
///
/// Ends at the end of the bytes or behind the first error, which says that the rest can't be read.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    /// Reads the frames of these opened bytes.
    pub fn new(opened: &'a [u8]) -> Self {
        Frames { rest: opened }
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(u8, &'a [u8]), FrameError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (frame, rest) = match read_frame(self.rest) {
            Ok((kind, body, rest)) => (Ok((kind, body)), rest),
            Err(error) => (Err(error), Default::default()),
        };
        self.rest = rest;
        Some(frame)
    }
}

impl std::iter::FusedIterator for Frames<'_> {}

/// Why the rest of a datagram can't be read as frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A frame runs past the datagram's end.
    #[error("a frame runs past the end of its datagram")]
    Truncated,
    /// A length takes more than three bytes.
    #[error("a frame's length takes more than three bytes")]
    Length,
}

#[inline]
fn read_frame(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), FrameError> {
    let (kind, length, rest) = match *bytes {
        [kind, a @ 0..0x80, ref rest @ ..] => (kind, usize::from(a), rest),
        [kind, a, b @ 0..0x80, ref rest @ ..] => (kind, low(a) | usize::from(b) << 7, rest),
        [kind, a, b, c @ 0..0x80, ref rest @ ..] => (kind, low(a) | low(b) << 7 | usize::from(c) << 14, rest),
        [_, _, _, _, ..] => return Err(FrameError::Length),
        _ => return Err(FrameError::Truncated),
    };
    let (body, rest) = rest.split_at_checked(length).ok_or(FrameError::Truncated)?;
    Ok((kind, body, rest))
}

fn low(byte: u8) -> usize {
    usize::from(byte & 0x7f)
}

#[inline]
fn length_bytes(length: usize) -> ([u8; 3], usize) {
    assert!(length <= MAX_BODY, "a frame's body of {length} bytes");
    let (a, b, c) = (length as u8, (length >> 7) as u8, (length >> 14) as u8);
    match length {
        0..0x80 => ([a, 0, 0], 1),
        0x80..0x4000 => ([a | 0x80, b, 0], 2),
        _ => ([a | 0x80, b | 0x80, c], 3),
    }
}
