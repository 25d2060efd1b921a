//! Writing numbered frames behind one another into a datagram, with a Run wherever the numbers do not go on.

use gossiperl_idl::{
    fragment::{FRAGMENT_OVERHEAD, Fragment},
    frame,
    run::{MAX_RUN, write_run},
};

use crate::flight::Sent;

/// The most a Run takes, with its frame.
pub(crate) const RUN_ROOM: usize = MAX_RUN + 2;

pub(crate) struct Packer<'a> {
    out: &'a mut Vec<u8>,
    limit: usize,
    /// Room for frames in an empty datagram.
    datagram: usize,
    /// Number the next frame has without a Run.
    next: u64,
    count: usize,
}

impl<'a> Packer<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, limit: usize, datagram: usize) -> Self {
        Packer { out, limit, datagram, next: 0, count: 0 }
    }

    /// How many frames were written.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Bytes left for frame `number`.
    #[inline]
    pub(crate) fn room(&self, number: u64) -> usize {
        let run = if number == self.next { 0 } else { RUN_ROOM };
        self.limit.saturating_sub(self.out.len() + run)
    }

    /// Appends the frame, if it fits.
    #[inline]
    pub(crate) fn put(&mut self, number: u64, sent: &Sent) -> bool {
        let fragment = if sent.piece.is_some() { FRAGMENT_OVERHEAD } else { 0 };
        let length = sent.body.len() + fragment;
        let length = length + frame::overhead(length);
        let room = self.room(number);
        // Sent when datagrams were larger, it can't be cut again: it goes alone, over the limit, and IP cuts it.
        let alone = self.count == 0 && length + RUN_ROOM > self.datagram && room + RUN_ROOM >= self.datagram;
        if length > room && !alone {
            return false;
        }
        if number != self.next {
            frame::put_with(frame::RUN, self.out, |out| write_run(number, out));
        }
        self.next = number + 1;
        self.count += 1;
        match sent.piece {
            None => frame::put(sent.kind, &sent.body, self.out),
            Some(piece) => {
                let fragment =
                    Fragment { kind: sent.kind, total: piece.total, offset: piece.offset, part: &sent.body };
                frame::put_with(frame::FRAGMENT, self.out, |out| fragment.write(out));
            }
        }
        true
    }
}
