//! What is to be sent: the bounds of the queue, and cutting frames that no datagram holds.

use std::collections::VecDeque;

use bytes::Bytes;
use gossiperl_idl::{fragment::FRAGMENT_OVERHEAD, frame};

use crate::{
    FRAME_COST, Full, MAX_FRAME,
    flight::{Piece, Sent},
    pack::RUN_ROOM,
    queue::{Queue, Unsent},
};

/// Room of control frames beyond the bound of the queue.
const RESERVE_COST: usize = 256 * 1024;
const RESERVE_FRAMES: usize = 256;
/// The rest of a datagram is not worth a piece smaller than this.
const LEAST_PART: usize = 256;

/// A frame some pieces of which are sent.
#[derive(Debug)]
struct Cutting {
    kind: u8,
    control: bool,
    body: Bytes,
    offset: usize,
}

/// Frames until their first transmission, and the count of those not taken over.
#[derive(Debug)]
pub(crate) struct Outgoing {
    queue: Queue,
    cutting: Option<Cutting>,
    /// Whole bodies of the frames that were cut and are not taken over, oldest first. They share memory with their pieces.
    cut: VecDeque<Bytes>,
    most_cost: usize,
    most_frames: usize,
    /// Everything not taken over by the peer, sent or not.
    cost: usize,
    frames: usize,
}

impl Outgoing {
    pub(crate) fn new(most_cost: usize, most_frames: usize) -> Self {
        Outgoing {
            queue: Queue::default(),
            cutting: None,
            cut: VecDeque::new(),
            most_cost,
            most_frames,
            cost: 0,
            frames: 0,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, kind: u8, tag: Option<u32>, body: Bytes) -> Result<(), Full> {
        debug_assert!((64..128).contains(&kind) && kind != frame::FRAGMENT, "frame kind {kind}");
        let reserve = if tag.is_none() { (RESERVE_COST, RESERVE_FRAMES) } else { (0, 0) };
        let cost = self.cost + body.len() + FRAME_COST as usize;
        // One frame is always taken, so that a bound below its cost does not shut it out for ever.
        let full = self.frames > 0
            && (cost > self.most_cost.saturating_add(reserve.0)
                || self.frames >= self.most_frames.saturating_add(reserve.1));
        if full || body.len() > MAX_FRAME {
            return Err(Full(body));
        }
        self.cost = cost;
        self.frames += 1;
        self.queue.push(Unsent { kind, tag, body });
        Ok(())
    }

    pub(crate) fn room(&self) -> usize {
        if self.frames >= self.most_frames { 0 } else { self.most_cost.saturating_sub(self.cost) }
    }

    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    pub(crate) fn frames(&self) -> usize {
        self.frames
    }

    pub(crate) fn drop_oldest(&mut self, tag: u32) -> Option<Bytes> {
        let body = self.queue.drop_oldest(tag)?;
        self.forget(1, body.len());
        Some(body)
    }

    pub(crate) fn clear(&mut self, tag: Option<u32>) -> usize {
        let (frames, bytes) = self.queue.clear(tag);
        self.forget(frames, bytes);
        frames
    }

    /// So many frames, with bodies of so many bytes together, are no longer ours to deliver.
    pub(crate) fn forget(&mut self, frames: usize, bytes: usize) {
        self.frames -= frames;
        self.cost -= bytes + frames * FRAME_COST as usize;
    }

    /// The oldest frames that were cut, so many of them, are taken over.
    pub(crate) fn forget_cut(&mut self, frames: u64) {
        self.cut.drain(..(frames as usize).min(self.cut.len()));
    }

    /// Bodies of the messages that are not taken over, oldest first; `sent` is what went out of them and of control frames.
    pub(crate) fn into_untaken(self, sent: impl Iterator<Item = Sent>) -> Vec<Bytes> {
        let mut cut = self.cut.into_iter();
        let mut untaken = Vec::with_capacity(self.frames);
        for frame in sent {
            let whole = match frame.piece {
                None => Some(frame.body),
                Some(_) if frame.completes().is_some() => cut.next(),
                Some(_) => None,
            };
            untaken.extend(whole.filter(|_| !frame.control));
        }
        untaken.extend(self.cutting.filter(|cutting| !cutting.control).map(|cutting| cutting.body));
        untaken.extend(self.queue.into_messages());
        untaken
    }

    pub(crate) fn trim(&mut self) {
        self.queue.trim();
    }

    /// Cost of the next frame or piece, if it goes into an empty datagram.
    pub(crate) fn next_cost(&self, datagram: usize) -> Option<u64> {
        let length = self.next_length()?;
        if self.cutting.is_none() && length + frame::overhead(length) + RUN_ROOM <= datagram {
            return Some(length as u64 + FRAME_COST);
        }
        let part = length.min(part_room(datagram - RUN_ROOM));
        Some((part + FRAGMENT_OVERHEAD) as u64 + FRAME_COST)
    }

    /// The next frame, or a piece of it, if `room` bytes of a datagram hold it. `sent` is the sum of costs so far, which
    /// must not go above `most_end`.
    #[inline]
    pub(crate) fn next(&mut self, room: usize, datagram: usize, sent: u64, most_end: u64) -> Option<Sent> {
        let length = self.next_length()?;
        if self.cutting.is_none() {
            let whole = length + frame::overhead(length);
            let end = sent + length as u64 + FRAME_COST;
            if whole <= room {
                let Unsent { kind, tag, body } = (end <= most_end).then(|| self.queue.pop())??;
                return Some(Sent::new(kind, tag.is_none(), None, body, end));
            }
            if whole + RUN_ROOM <= datagram {
                return None;
            }
        }
        let part = part_room(room.min(datagram - RUN_ROOM)).min(length);
        let end = sent + (part + FRAGMENT_OVERHEAD) as u64 + FRAME_COST;
        if part < length.min(LEAST_PART.min(datagram / 4)) || end > most_end {
            return None;
        }
        self.cut(part, end)
    }

    fn cut(&mut self, part: usize, end: u64) -> Option<Sent> {
        let mut cutting = match self.cutting.take() {
            Some(cutting) => cutting,
            None => {
                let Unsent { kind, tag, body } = self.queue.pop()?;
                self.cut.push_back(body.clone());
                Cutting { kind, control: tag.is_none(), body, offset: 0 }
            }
        };
        let piece = Piece { total: cutting.body.len() as u32, offset: cutting.offset as u32 };
        let body = cutting.body.slice(cutting.offset..cutting.offset + part);
        let frame = Sent::new(cutting.kind, cutting.control, Some(piece), body, end);
        cutting.offset += part;
        if cutting.offset < cutting.body.len() {
            self.cutting = Some(cutting);
        }
        Some(frame)
    }

    /// Length of what is left to send of the next frame's body.
    #[inline]
    fn next_length(&self) -> Option<usize> {
        match &self.cutting {
            Some(cutting) => Some(cutting.body.len() - cutting.offset),
            None => self.queue.front().map(|frame| frame.body.len()),
        }
    }
}

/// How much of a cut frame's body `room` bytes of a datagram hold.
fn part_room(room: usize) -> usize {
    room.saturating_sub(FRAGMENT_OVERHEAD + frame::overhead(room))
}
