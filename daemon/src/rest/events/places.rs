//! Places for streams. They are bounded for the host, and for each overlay, so that who holds the token of one leaves room for the others.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Streams of an overlay.
const OF_OVERLAY: usize = 16;
/// Streams of the host, beside the first of each overlay.
const OF_HOST: usize = 64;

/// The host's places beside the first of each overlay.
#[derive(Clone)]
pub(super) struct HostPlaces(Arc<Semaphore>);

/// An overlay's places.
pub(super) struct Places {
    /// For which there is always room.
    first: Arc<Semaphore>,
    others: Arc<Semaphore>,
    host: HostPlaces,
}

/// A stream's place; free again when dropped.
pub(in crate::rest) struct Place {
    _held: [Option<OwnedSemaphorePermit>; 2],
}

/// There is no place, and why.
#[derive(Debug, thiserror::Error)]
pub(in crate::rest) enum Full {
    #[error("{OF_OVERLAY} streams of this overlay are open, which is the most; end one and try again")]
    Overlay,
    #[error("{OF_HOST} streams of several overlays are open, which is the most; end one and try again")]
    Host,
}

impl Default for HostPlaces {
    fn default() -> Self {
        HostPlaces(Arc::new(Semaphore::new(OF_HOST)))
    }
}

impl Places {
    /// Those of a further overlay.
    pub(super) fn new(host: HostPlaces) -> Self {
        let of = |count| Arc::new(Semaphore::new(count));
        Places { first: of(1), others: of(OF_OVERLAY - 1), host }
    }

    /// Takes one.
    pub(super) fn take(&self) -> Result<Place, Full> {
        let take = |from: &Arc<Semaphore>| from.clone().try_acquire_owned();
        if let Ok(first) = take(&self.first) {
            return Ok(Place { _held: [Some(first), None] });
        }
        let other = take(&self.others).map_err(|_| Full::Overlay)?;
        let of_host = take(&self.host.0).map_err(|_| Full::Host)?;
        Ok(Place { _held: [Some(other), Some(of_host)] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_overlay_has_a_place_however_many_others_take() {
        let host = HostPlaces::default();
        let mut held = Vec::new();
        for _ in 0..10 {
            let places = Places::new(host.clone());
            held.extend(std::iter::from_fn(|| places.take().ok()).take(1_000));
            assert!(places.take().is_err());
        }
        assert_eq!(held.len(), 10 + OF_HOST, "the first of each, and the host's");
        let one = Places::new(host.clone());
        let first = one.take();
        assert!(first.is_ok() && matches!(one.take(), Err(Full::Host)));
        drop(first);
        assert!(one.take().is_ok());
        drop(held);
        let alone: Vec<Place> = std::iter::from_fn(|| one.take().ok()).take(1_000).collect();
        assert_eq!(alone.len(), OF_OVERLAY);
        assert!(matches!(one.take(), Err(Full::Overlay)));
    }
}
