//! Frames on their way out, packed into chunks that each fit a datagram.

use std::collections::VecDeque;

use gossiperl_idl::{
    Salt,
    codec::encode_compact,
    frame,
    generated::{
        OwnerSummary, OwnerVersion, StateUpdate, TreeDigest, TreeDigestAck, TreeDigestAckAck, TreeNode,
    },
};

use crate::state::{size, tree::Place};

/// Chunks that wait at most (1.3 MB); further ones are dropped, and asked for again by who misses them.
const WAITING: usize = 1_024;

/// Frames for other daemons, in the order made.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    chunks: VecDeque<(Salt, Vec<u8>)>,
    /// Chunks begun since the beginning.
    begun: u64,
    dropped: u64,
}

impl Outbox {
    pub(super) fn pop(&mut self) -> Option<(Salt, Vec<u8>)> {
        self.chunks.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn digest(&mut self, to: Salt, exchange: i64, nodes: Vec<TreeNode>) {
        let digest = TreeDigest { exchange, nodes };
        self.frame(to, frame::TREE_DIGEST, |out| encode_compact(&digest, out));
    }

    pub(super) fn ack(&mut self, to: Salt, ack: &TreeDigestAck) {
        self.frame(to, frame::TREE_DIGEST_ACK, |out| encode_compact(ack, out));
    }

    pub(super) fn page(&mut self, to: Salt, page: &StateUpdate) {
        self.frame(to, frame::STATE_UPDATE, |out| encode_compact(page, out));
    }

    /// Third steps that tell these owners and ask for those entries, in as many frames as it takes.
    pub(super) fn ack_ack(
        &mut self,
        to: Salt,
        exchange: i64,
        owners: Vec<OwnerSummary>,
        wanted: Vec<OwnerVersion>,
    ) {
        let empty = || TreeDigestAckAck { exchange, owners: Vec::new(), wanted: Vec::new() };
        let (mut frame, mut length) = (empty(), size::TREE_FRAME);
        for owner in owners {
            let needed = size::summary(&owner);
            if length + needed > size::BODY {
                self.send_ack_ack(to, &std::mem::replace(&mut frame, empty()));
                length = size::TREE_FRAME;
            }
            length += needed;
            frame.owners.push(owner);
        }
        for owner in wanted {
            if length + size::OWNER_VERSION > size::BODY {
                self.send_ack_ack(to, &std::mem::replace(&mut frame, empty()));
                length = size::TREE_FRAME;
            }
            length += size::OWNER_VERSION;
            frame.wanted.push(owner);
        }
        self.send_ack_ack(to, &frame);
    }

    /// Not frames without anything in them.
    fn send_ack_ack(&mut self, to: Salt, ack_ack: &TreeDigestAckAck) {
        if !ack_ack.owners.is_empty() || !ack_ack.wanted.is_empty() {
            self.frame(to, frame::TREE_DIGEST_ACK_ACK, |out| encode_compact(ack_ack, out));
        }
    }

    fn frame(&mut self, to: Salt, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::with_capacity(size::CHUNK);
        frame::put_with(kind, &mut bytes, write);
        debug_assert!(bytes.len() <= size::CHUNK, "a frame of {} bytes", bytes.len());
        if let Some((last, chunk)) = self.chunks.back_mut()
            && *last == to
            && chunk.len() + bytes.len() <= size::CHUNK
        {
            chunk.extend_from_slice(&bytes);
            return;
        }
        if self.chunks.len() >= WAITING {
            self.dropped += 1;
            return;
        }
        self.begun += 1;
        self.chunks.push_back((to, bytes));
    }
}

/// The second step of repair as it grows, frame by frame.
pub(super) struct Answer {
    to: Salt,
    ack: TreeDigestAck,
    length: usize,
    sent: bool,
}

impl Answer {
    pub(super) fn new(to: Salt, exchange: i64) -> Self {
        Answer { to, ack: empty(exchange), length: size::TREE_FRAME, sent: false }
    }

    pub(super) fn node(&mut self, outbox: &mut Outbox, node: TreeNode) {
        self.make_room(outbox, size::TREE_NODE);
        self.ack.nodes.push(node);
    }

    pub(super) fn owner(&mut self, outbox: &mut Outbox, owner: OwnerSummary) {
        self.make_room(outbox, size::summary(&owner));
        self.ack.owners.push(owner);
    }

    /// In the frame of its owners, where there was room for them.
    pub(super) fn leaf(&mut self, outbox: &mut Outbox, leaf: Place) {
        self.make_room(outbox, size::LEAF);
        self.ack.leaves.push(leaf.index());
    }

    /// Where the rest of the frame has less room than this, begins the next.
    pub(super) fn keep_together(&mut self, outbox: &mut Outbox, length: usize) {
        if self.length + length > size::BODY && self.length > size::TREE_FRAME {
            self.flush(outbox);
        }
    }

    /// There is an answer even when nothing differs: the asker counts on it.
    pub(super) fn finish(mut self, outbox: &mut Outbox) {
        if !self.sent || self.length > size::TREE_FRAME {
            self.flush(outbox);
        }
    }

    fn make_room(&mut self, outbox: &mut Outbox, length: usize) {
        self.keep_together(outbox, length);
        self.length += length;
    }

    fn flush(&mut self, outbox: &mut Outbox) {
        let next = empty(self.ack.exchange);
        let full = std::mem::replace(&mut self.ack, next);
        outbox.ack(self.to, &full);
        self.length = size::TREE_FRAME;
        self.sent = true;
    }
}

fn empty(exchange: i64) -> TreeDigestAck {
    TreeDigestAck { exchange, nodes: Vec::new(), owners: Vec::new(), leaves: Vec::new() }
}
