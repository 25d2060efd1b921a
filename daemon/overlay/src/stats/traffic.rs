//! How much went in and out, by kind: frames of protocol 2, structs of protocol 1.

use gossiperl_idl::{
    digest::AnyDigest,
    frame::{self, Frames as Parts},
};

/// How many, and bytes of them together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Tally {
    #[inline]
    fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
    }
}

/// Frames of protocol 2 by kind, kinds that we do not know together. Bytes are those of the frames with their headers, before sealing.
///
/// A frame that no datagram holds travels, and counts, as several of the kind `Fragment`; one that is sent again counts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames([Tally; FRAME_SLOTS]);

impl Default for Frames {
    fn default() -> Self {
        Frames([Tally::default(); FRAME_SLOTS])
    }
}

impl Frames {
    /// Those of this kind.
    pub fn of(&self, kind: u8) -> Tally {
        self.0.get(usize::from(FRAME_SLOT[usize::from(kind)])).copied().unwrap_or_default()
    }

    /// Each kind's name (`Message`, `Ping`, …) and how many there were.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Tally)> {
        FRAME_NAMES.into_iter().zip(self.0)
    }

    /// Counts one frame whose body has this length.
    #[inline]
    pub(crate) fn count(&mut self, kind: u8, body_len: usize) {
        if let Some(tally) = self.0.get_mut(usize::from(FRAME_SLOT[usize::from(kind)])) {
            tally.add(body_len + frame::overhead(body_len));
        }
    }

    /// Counts all of these, which are written one behind the other.
    #[inline]
    pub(crate) fn count_all(&mut self, frames: &[u8]) {
        for (kind, body) in Parts::new(frames).map_while(Result::ok) {
            self.count(kind, body.len());
        }
    }
}

/// Structs of protocol 1 by payload type, published messages of all types together. Bytes are those of the datagrams, one for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests([Tally; DIGEST_NAMES.len()]);

impl Digests {
    /// Those of this payload type; published messages for any that is not one of protocol 1's own.
    pub fn of(&self, payload_type: &[u8]) -> Tally {
        self.0.get(digest_slot(payload_type)).copied().unwrap_or_default()
    }

    /// Each payload type's name (`digest`, `digestAck`, …, and `message`) and how many there were.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Tally)> {
        DIGEST_NAMES.into_iter().zip(self.0)
    }

    pub(crate) fn count(&mut self, payload_type: &[u8], datagram_len: usize) {
        if let Some(tally) = self.0.get_mut(digest_slot(payload_type)) {
            tally.add(datagram_len);
        }
    }
}

/// What went in and out, by kind. What did not open, or could not be read, is among the failures instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames that came in with datagrams that opened.
    pub frames_received: Frames,
    /// Frames that went out.
    pub frames_sent: Frames,
    /// Structs of protocol 1 that came in.
    pub digests_received: Digests,
    /// Structs of protocol 1 that went out.
    pub digests_sent: Digests,
}

impl Traffic {
    pub(crate) fn values(&self) -> impl Iterator<Item = u64> + use<> {
        let frames = self.frames_received.0.into_iter().chain(self.frames_sent.0);
        let digests = self.digests_received.0.into_iter().chain(self.digests_sent.0);
        frames.chain(digests).flat_map(|tally| [tally.count, tally.bytes])
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let frames = self.frames_received.0.iter_mut().chain(&mut self.frames_sent.0);
        let digests = self.digests_received.0.iter_mut().chain(&mut self.digests_sent.0);
        frames.chain(digests).flat_map(|tally| [&mut tally.count, &mut tally.bytes])
    }
}

/// Kinds that have a name, and one place for all others.
const FRAME_SLOTS: usize = {
    let (mut slots, mut kind) = (1, 0);
    while kind <= u8::MAX as usize {
        if frame::name(kind as u8).is_some() {
            slots += 1;
        }
        kind += 1;
    }
    slots
};

/// The place of each kind.
const FRAME_SLOT: [u8; 256] = {
    let (mut places, mut next, mut kind) = ([0; 256], 1, 0);
    while kind < places.len() {
        if frame::name(kind as u8).is_some() {
            places[kind] = next;
            next += 1;
        }
        kind += 1;
    }
    places
};

/// What is at each place.
const FRAME_NAMES: [&str; FRAME_SLOTS] = {
    let (mut names, mut kind) = (["Unknown"; FRAME_SLOTS], 0);
    while kind < FRAME_SLOT.len() {
        if let Some(name) = frame::name(kind as u8) {
            names[FRAME_SLOT[kind] as usize] = name;
        }
        kind += 1;
    }
    names
};

/// Protocol 1's own structs, and whatever else is published.
const DIGEST_NAMES: [&str; AnyDigest::PAYLOAD_TYPES.len() + 1] = {
    let (mut names, mut at) = (["message"; AnyDigest::PAYLOAD_TYPES.len() + 1], 0);
    while at < AnyDigest::PAYLOAD_TYPES.len() {
        names[at] = AnyDigest::PAYLOAD_TYPES[at];
        at += 1;
    }
    names
};

fn digest_slot(payload_type: &[u8]) -> usize {
    let own = AnyDigest::PAYLOAD_TYPES.iter().position(|name| name.as_bytes() == payload_type);
    own.unwrap_or(AnyDigest::PAYLOAD_TYPES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_place_and_unknown_ones_share_another() {
        let mut frames = Frames::default();
        for kind in 0..=u8::MAX {
            frames.count(kind, usize::from(kind));
        }
        for kind in 0..=u8::MAX {
            let len = usize::from(kind);
            if frame::name(kind).is_some() {
                assert_eq!(frames.of(kind), Tally { count: 1, bytes: (len + frame::overhead(len)) as u64 });
            }
        }
        let known = (0..=u8::MAX).filter(|kind| frame::name(*kind).is_some()).count();
        assert_eq!(frames.of(255).count, 256 - known as u64);
        let names: Vec<_> = frames.iter().map(|(name, _)| name).collect();
        assert_eq!((names.len(), names[0]), (known + 1, "Unknown"));
        assert!(names.contains(&"Message") && names.contains(&"Dropped"));
    }

    #[test]
    fn frames_written_one_behind_the_other_are_counted_one_by_one() {
        let mut bytes = Vec::new();
        frame::put(frame::PING, b"12", &mut bytes);
        frame::put(frame::MESSAGE, &[0; 300], &mut bytes);
        frame::put(frame::PING, b"", &mut bytes);
        let mut frames = Frames::default();
        frames.count_all(&bytes);
        assert_eq!(frames.of(frame::PING), Tally { count: 2, bytes: 6 });
        assert_eq!(frames.of(frame::MESSAGE), Tally { count: 1, bytes: 303 });
        assert_eq!(frames.iter().map(|(_, tally)| tally.bytes).sum::<u64>(), bytes.len() as u64);
    }

    #[test]
    fn digests_go_by_their_payload_type_and_all_else_is_a_message() {
        let mut digests = Digests::default();
        digests.count(b"digestAck", 100);
        digests.count(b"somebody's type", 200);
        digests.count(b"", 50);
        assert_eq!(digests.of(b"digestAck"), Tally { count: 1, bytes: 100 });
        assert_eq!(digests.of(b"another type"), Tally { count: 2, bytes: 250 });
        assert!(digests.iter().any(|named| named == ("message", Tally { count: 2, bytes: 250 })));
    }
}
