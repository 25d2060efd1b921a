//! What can go wrong on a link, and what is left then.

use bytes::Bytes;
use gossiperl_idl::BodyError;
use thiserror::Error;

/// The queue has no room for the frame, or the frame is longer than [`MAX_FRAME`](crate::MAX_FRAME).
/// Nothing has changed; the body comes back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the link's queue has no room for a frame of {} bytes", .0.len())]
pub struct Full(
    /// The body that was not taken.
    pub Bytes,
);

/// A peer does not keep to section 4 of PROTOCOL.md. The link goes on; each variant says what became of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    /// A numbered frame came before any Run said its number. It was dropped; nothing has changed.
    #[error("a numbered frame came before a run")]
    NoRun,
    /// The kind is none of a numbered frame. It was dropped; nothing has changed.
    #[error("frames of kind {0} are not numbered")]
    NotNumbered(u8),
    /// A fragment's body is not a Fragment. It was taken over and dropped with the pieces before it.
    #[error("a fragment is malformed: {0}")]
    Fragment(#[from] BodyError),
    /// A fragment does not continue the pieces before it. It was taken over and dropped with them.
    #[error("a fragment does not continue the one before it")]
    FragmentMismatch,
    /// A whole frame came where a fragment's continuation was due. The frame was taken over, the pieces were dropped.
    #[error("the pieces of a frame stop before its end")]
    FragmentUnfinished,
    /// An acknowledgement is for a frame that was never sent. It was ignored whole.
    #[error("an acknowledgement for frame {acknowledged}, where {sent} were sent")]
    AcknowledgedUnsent {
        /// The highest number it names.
        acknowledged: u64,
        /// The highest number sent so far.
        sent: u64,
    },
}
