//! Keeps the members' addresses on disk: when they changed, at most every few seconds, never waiting for the disk.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{task::JoinHandle, time::Instant};

use crate::store::Store;

/// Shortest time between two writes.
const PAUSE: Duration = Duration::from_secs(3);

/// The keeping of one overlay's addresses.
pub(super) struct Keeping {
    store: Store,
    /// What the disk has, or will have when the write ends well.
    kept: Vec<SocketAddr>,
    changed: bool,
    next: Instant,
    writing: Option<JoinHandle<io::Result<()>>>,
    failing: bool,
}

impl Keeping {
    pub(super) fn new(store: Store) -> Self {
        let kept = sorted(store.addresses());
        Keeping { store, kept, changed: false, next: Instant::now(), writing: None, failing: false }
    }

    /// The members may have changed.
    pub(super) fn changed(&mut self) {
        self.changed = true;
    }

    /// When [`Keeping::handle_timeout`] wants to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.changed || self.writing.is_some()).then_some(self.next)
    }

    /// Writes what `addresses` gives, if it is time and something changed.
    pub(super) async fn handle_timeout(&mut self, now: Instant, addresses: impl FnOnce() -> Vec<SocketAddr>) {
        if self.deadline().is_none_or(|next| next > now) {
            return;
        }
        self.next = now + PAUSE;
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        self.written().await;
        if self.changed {
            self.changed = false;
            self.write(addresses());
        }
    }

    /// Writes what is not written yet, and waits for the disk.
    pub(super) async fn finish(&mut self, addresses: Vec<SocketAddr>) {
        self.written().await;
        self.write(addresses);
        self.written().await;
    }

    fn write(&mut self, addresses: Vec<SocketAddr>) {
        let addresses = sorted(addresses);
        // Alone, the members of better days are the best there is.
        if addresses.is_empty() || addresses == self.kept {
            return;
        }
        self.kept.clone_from(&addresses);
        let store = self.store.clone();
        self.writing = Some(tokio::task::spawn_blocking(move || store.save_addresses(&addresses)));
    }

    async fn written(&mut self) {
        let Some(writing) = self.writing.take() else { return };
        match writing.await {
            Ok(Ok(())) => self.failing = false,
            Ok(Err(error)) => {
                if !self.failing {
                    tracing::warn!(%error, "the members cannot be kept on disk; tried again at their next change");
                }
                self.failing = true;
                self.kept.clear();
            }
            // The runtime is ending.
            Err(_) => {}
        }
    }
}

fn sorted(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    addresses.sort();
    addresses.dedup();
    addresses
}
