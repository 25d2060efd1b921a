//! Keeps the key ring on disk whenever it was changed at run time, never waiting for the disk.
//!
//! The overlay answers who asked for a change only once it is told that the ring is kept, so each version is written at once; versions that come
//! during a write are written together behind it.
//!
//! A configuration that is changed to the very keys of the ring changes nothing else: there is nothing any more that it does not say, so the kept ring is dropped.

use gossiperl_idl::sealed::OverlayKey;
use gossiperl_overlay::{KeyId, Ring};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::store::{Store, is_same_ring};

/// The keeping of one overlay's ring.
pub(super) struct RingKeeping {
    overlay: String,
    store: Store,
    /// The configuration's keys, from which the ring was derived.
    configured: Vec<KeyId>,
    /// What is to be on the disk, and is not being written yet.
    waiting: Option<Wanted>,
    /// Version of the newest ring.
    version: u64,
    writing: Option<JoinHandle<Written>>,
    /// What is being written is of an overlay that is no more.
    stale: bool,
}

/// What is to be on the disk.
struct Wanted {
    /// Version of the ring.
    version: u64,
    /// Its keys, the one that seals first; `None`: they are the configuration's, and no ring is kept.
    keys: Option<Vec<Zeroizing<Vec<u8>>>>,
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
        RingKeeping { overlay, store, configured, waiting: None, version: 0, writing: None, stale: false }
    }

    /// The ring has changed.
    pub(super) fn keep(&mut self, ring: Ring) {
        self.version = ring.version;
        self.waiting = Some(Wanted { version: ring.version, keys: Some(ring.keys) });
        self.write();
    }

    /// The configuration has the keys of these ids now, and the ring, which stays as it is, these.
    pub(super) fn set_configured(&mut self, configured: Vec<KeyId>, ring: &[Zeroizing<Vec<u8>>]) {
        if configured == self.configured {
            return;
        }
        let ids: Vec<KeyId> = ring.iter().map(|key| OverlayKey::new(key).id()).collect();
        let keys = (!is_same_ring(&ids, &configured)).then(|| ring.to_vec());
        self.configured = configured;
        self.waiting = Some(Wanted { version: self.version, keys });
        self.write();
    }

    /// The overlay begins anew, and counts its versions anew.
    pub(super) fn begin_anew(&mut self) {
        self.stale = self.writing.is_some();
        self.version = 0;
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
        let Some(Wanted { version, keys }) = self.waiting.take() else { return };
        let (overlay, store, configured) =
            (self.overlay.clone(), self.store.clone(), self.configured.clone());
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let Some(keys) = keys else {
                store.drop_former_ring(&configured);
                return Written { version, kept: true };
            };
            let saved = store.save_ring(&configured, &keys);
            if let Err(error) = &saved {
                tracing::error!(%overlay, %error, "the changed key ring cannot be kept on disk: after a restart the former one counts");
            }
            Written { version, kept: saved.is_ok() }
        }));
    }
}
