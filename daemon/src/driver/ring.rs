//! Keeps the key ring on disk whenever it was changed at run time, never waiting for the disk.
//!
//! The overlay answers who asked for a change only once it is told that the ring is kept, so each version is written at once; versions that come
//! during a write are written together behind it.

use gossiperl_overlay::{KeyId, Ring};
use tokio::task::JoinHandle;

use crate::store::Store;

/// The keeping of one overlay's ring.
pub(super) struct RingKeeping {
    overlay: String,
    store: Store,
    /// The configuration's keys, from which the ring was derived.
    configured: Vec<KeyId>,
    /// The newest ring that is not being written yet.
    waiting: Option<Ring>,
    writing: Option<JoinHandle<Written>>,
    /// What is being written is of an overlay that is no more.
    stale: bool,
}

/// A write that has ended.
pub(super) struct Written {
    /// Version of the ring.
    pub(super) version: u64,
    /// Whether the disk has it.
    pub(super) kept: bool,
}

impl RingKeeping {
    pub(super) fn new(overlay: String, store: Store, configured: Vec<KeyId>) -> Self {
        RingKeeping { overlay, store, configured, waiting: None, writing: None, stale: false }
    }

    /// The ring has changed.
    pub(super) fn keep(&mut self, ring: Ring) {
        self.waiting = Some(ring);
        self.write();
    }

    /// The overlay begins anew, and counts its versions anew.
    pub(super) fn begin_anew(&mut self) {
        self.stale = self.writing.is_some();
    }

    /// Waits for a write to end; for ever where there is none. Nothing is lost when it is not waited for to the end.
    pub(super) async fn written(&mut self) -> Written {
        let Some(writing) = &mut self.writing else { return std::future::pending().await };
        let written = writing.await;
        self.writing = None;
        let stale = std::mem::take(&mut self.stale);
        self.write();
        // One that did not end: the runtime is ending.
        written.ok().filter(|_| !stale).unwrap_or(Written { version: 0, kept: false })
    }

    /// Waits for the disk, at the end.
    pub(super) async fn finish(&mut self) {
        while self.writing.is_some() {
            self.written().await;
        }
    }

    fn write(&mut self) {
        if self.writing.is_some() {
            return;
        }
        let Some(ring) = self.waiting.take() else { return };
        let (overlay, store, configured) =
            (self.overlay.clone(), self.store.clone(), self.configured.clone());
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let saved = store.save_ring(&configured, &ring.keys);
            if let Err(error) = &saved {
                tracing::error!(%overlay, %error, "the changed key ring cannot be kept on disk: after a restart the former one counts");
            }
            Written { version: ring.version, kept: saved.is_ok() }
        }));
    }
}
