//! Looks after the membership in the multicast group, and says once when it is lost and when it is back.

use std::time::Duration;

use tokio::time::Instant;

use crate::socket::{Kept, Sockets};

/// How often. An interface that comes back is asked on again after so long.
const PAUSE: Duration = Duration::from_secs(10);

/// The looking after of one overlay's membership.
pub(super) struct GroupWatch {
    overlay: String,
    next: Option<Instant>,
    lost: bool,
}

impl GroupWatch {
    /// Of an overlay whose sockets are these.
    pub(super) fn new(overlay: String, sockets: &Sockets) -> Self {
        GroupWatch { overlay, next: sockets.group().map(|_| Instant::now() + PAUSE), lost: false }
    }

    /// When [`GroupWatch::handle_timeout`] wants to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Looks, if it is time.
    pub(super) fn handle_timeout(&mut self, now: Instant, sockets: &mut Sockets) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let kept = sockets.keep_group();
        self.next = kept.as_ref().map(|_| now + PAUSE);
        let lost = match kept {
            Some(Kept::Lost(error)) => {
                if !self.lost {
                    tracing::warn!(overlay = %self.overlay, %error, "the multicast group is lost; tried again every 10 s, members known are kept");
                }
                true
            }
            Some(Kept::Again) => {
                tracing::info!(overlay = %self.overlay, "the multicast group is joined again");
                false
            }
            Some(Kept::Still) if self.lost => {
                tracing::info!(overlay = %self.overlay, "the multicast group is reached again");
                false
            }
            Some(Kept::Still) | None => false,
        };
        self.lost = lost;
    }
}
