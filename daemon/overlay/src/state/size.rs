//! How long things are on the wire, at most: what pages are filled by.
//!
//! Bounds rather than exact lengths: an integer counts with what it takes, a length with its longest form.

use gossiperl_idl::generated::{Entry, MemberUpdate, OwnerSummary, StateUpdate};

/// The longest chunk of frames made here: what a datagram between hosts (1,400 bytes) has room for beside header and
/// tag (56), an acknowledgement and a probe.
pub const CHUNK: usize = 1_250;

/// The longest body of a frame made here: a chunk can hold it.
pub(super) const BODY: usize = CHUNK - 3;

/// Value bytes of each part but the last of a value too long for one datagram: with the longest key it fits a body.
pub(super) const PART: usize = 600;

/// A StateUpdate without entries: owner (18), after, upto, floor and newest (11 each), list (4), end.
pub(super) const STATE_UPDATE: usize = 18 + 4 * 11 + 4 + 1;

/// A tree frame without elements: exchange (11), three lists (4 each), end.
pub(super) const TREE_FRAME: usize = 11 + 3 * 4 + 1;

/// A TreeNode: depth (2), index (4), hash (11), end.
pub(super) const TREE_NODE: usize = 18;

/// An OwnerVersion: owner (18), version (11), end.
pub(super) const OWNER_VERSION: usize = 30;

/// An element of a list of leaves.
pub(super) const LEAF: usize = 3;

/// Key and value (4 each beside their bytes), version, deleted (1), offset and total (4 each), end.
pub(super) fn entry(entry: &Entry) -> usize {
    entry.key.len() + entry.value.len() + integer(entry.version) + 18
}

/// The entries of an update.
pub(super) fn entries(update: &StateUpdate) -> usize {
    update.entries.iter().map(entry).sum()
}

/// Generation (18), incarnation (6), liveness (6), port (6), end, and what varies with 4 for each length.
fn member(member: &MemberUpdate) -> usize {
    let accuser = member.accuser.as_ref().map_or(0, |accuser| accuser.len() + 4);
    member.name.len() + member.ip.len() + member.rack.len() + 12 + accuser + 37
}

/// An OwnerSummary.
pub(super) fn summary(summary: &OwnerSummary) -> usize {
    member(&summary.member) + 1 + integer(summary.version) + 1
}

/// A field of this 64-bit integer: its header and the zigzag varint.
fn integer(value: i64) -> usize {
    let zigzag = (value << 1) ^ (value >> 63);
    1 + (64 - (zigzag.cast_unsigned() | 1).leading_zeros() as usize).div_ceil(7)
}
