//! Eager spread: our own changes, and those of others that taught us something, ride on gossip a bounded number of times.
//!
//! As SWIM spreads membership (Das, Gupta, Motivala, 2002, section 4.1): what was sent least often goes first, and after
//! λ·log N times it goes no more. Among equals the older goes first, so that receivers see few gaps.
//!
//! Bound: [`PIECES`] pieces wait, each fit for a datagram. Beyond, the one sent most often gives way, and repair does its
//! work.

use std::collections::BTreeMap;

use gossiperl_idl::{Salt, codec::encode_compact, frame, generated::StateUpdate};

use super::{size, store::split};

/// Pieces that wait at most.
pub const PIECES: usize = 2_048;

/// Pieces passed over in one call of [`Eager::fill`], because they do not fit the rest of the datagram.
const PASSED_OVER: usize = 8;

/// What is on its way round.
#[derive(Clone, Debug, Default)]
pub struct Eager {
    /// By how often they were sent, then age.
    pieces: BTreeMap<(u32, u64), Piece>,
    next: u64,
    /// Each owner's newest piece, as long as it was not sent: further changes join it.
    open: BTreeMap<Salt, u64>,
    dropped: u64,
    /// Something came since [`Eager::settle`].
    fresh: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Unsent(StateUpdate),
    Frame(Salt, Vec<u8>),
}

impl Eager {
    /// Spreads this update, of which something is new to us.
    pub fn push(&mut self, update: StateUpdate) {
        let Some(owner) = Salt::from_slice(&update.owner_generation) else { return };
        self.fresh = true;
        for update in split(update) {
            let open = self.open.get(&owner).copied();
            let piece = open.and_then(|id| self.pieces.get_mut(&(0, id)));
            if let Some(Piece::Unsent(before)) = piece
                && joins(before, &update)
            {
                before.upto = update.upto;
                before.entries.retain(|old| update.entries.iter().all(|new| old.key != new.key));
                before.entries.extend(update.entries);
                continue;
            }
            self.insert(owner, update);
        }
    }

    /// Appends StateUpdate frames, as many as fit, until `out` is `limit` bytes long. A piece is forgotten once it was
    /// sent `transmits` times. Returns the number of frames.
    pub fn fill(&mut self, out: &mut Vec<u8>, limit: usize, transmits: u32) -> usize {
        let mut sent = Vec::new();
        let mut passed_over = 0;
        for (key, piece) in &mut self.pieces {
            let frame = piece.frame();
            if frame.len() <= limit.saturating_sub(out.len()) {
                out.extend_from_slice(frame);
                sent.push(*key);
            } else {
                passed_over += 1;
                if passed_over == PASSED_OVER {
                    break;
                }
            }
        }
        for key in &sent {
            let Some(piece) = self.pieces.remove(key) else { continue };
            self.close(piece.owner(), key.1);
            if key.0.saturating_add(1) < transmits {
                self.pieces.insert((key.0 + 1, key.1), piece);
            }
        }
        sent.len()
    }

    /// Whether nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether something came since [`Eager::settle`].
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// What waits counts as fresh no longer.
    pub fn settle(&mut self) {
        self.fresh = false;
    }

    /// Pieces waiting.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Pieces that gave way before they were sent often enough.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The owner is gone: nothing of it needs to be spread.
    pub fn forget(&mut self, owner: &Salt) {
        self.open.remove(owner);
        self.pieces.retain(|_, piece| piece.owner() != Some(*owner));
    }

    fn insert(&mut self, owner: Salt, update: StateUpdate) {
        if self.pieces.len() >= PIECES
            && let Some((key, piece)) = self.pieces.pop_last()
        {
            self.close(piece.owner(), key.1);
            self.dropped += 1;
        }
        let id = self.next;
        self.next += 1;
        self.pieces.insert((0, id), Piece::Unsent(update));
        self.open.insert(owner, id);
    }

    /// This piece takes no further changes.
    fn close(&mut self, owner: Option<Salt>, id: u64) {
        if let Some(owner) = owner
            && self.open.get(&owner) == Some(&id)
        {
            self.open.remove(&owner);
        }
    }
}

impl Piece {
    /// Its frame, encoded when it is first wanted.
    fn frame(&mut self) -> &[u8] {
        if let (Some(owner), Piece::Unsent(update)) = (self.owner(), &*self) {
            let mut bytes = Vec::with_capacity(size::STATE_UPDATE + size::entries(update));
            frame::put_with(frame::STATE_UPDATE, &mut bytes, |out| encode_compact(update, out));
            *self = Piece::Frame(owner, bytes);
        }
        match self {
            Piece::Frame(_, bytes) => bytes,
            Piece::Unsent(_) => &[],
        }
    }

    fn owner(&self) -> Option<Salt> {
        match self {
            Piece::Unsent(update) => Salt::from_slice(&update.owner_generation),
            Piece::Frame(owner, _) => Some(*owner),
        }
    }
}

/// Whether the two say one thing, and a datagram has room for it.
fn joins(before: &StateUpdate, update: &StateUpdate) -> bool {
    let parts = before.entries.iter().chain(&update.entries).any(|entry| entry.offset.is_some());
    !parts
        && before.upto == update.after
        && before.floor.is_none()
        && update.floor.is_none()
        && size::STATE_UPDATE + size::entries(before) + size::entries(update) <= size::BODY
}
