//! An overlay that runs, and how one is started and ended.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{Failure, Host, LEAVING, Token};
use crate::{
    config::{KNOWN_SECRET, OverlaySettings, Written},
    driver::{self, Handle, StartError},
    lookup::Lookup,
    store::{Store, StoreError, on_disk},
};

/// An overlay that runs. What it says stays so for its life: a change makes another.
pub struct Running {
    pub(super) settings: OverlaySettings,
    pub(super) owner: Owner,
    pub(super) token: Token,
    pub(super) handle: Handle,
    /// True once its task has ended.
    ended: watch::Receiver<bool>,
}

/// Whose an overlay is.
#[derive(Clone)]
pub enum Owner {
    /// The configuration file's.
    File,
    /// REST's, with the properties as they were written.
    Rest(Written),
}

impl Owner {
    /// `file` or `rest`.
    pub fn name(&self) -> &'static str {
        match self {
            Owner::File => "file",
            Owner::Rest(_) => "rest",
        }
    }
}

impl Running {
    /// Its settings.
    pub fn settings(&self) -> &OverlaySettings {
        &self.settings
    }

    /// Whose it is.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// What opens its routes.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Its task.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The same overlay after a change that it took while running.
    pub(super) fn changed(&self, settings: OverlaySettings, owner: Owner) -> Arc<Running> {
        Arc::new(Running {
            settings,
            owner,
            token: self.token.clone(),
            handle: self.handle.clone(),
            ended: self.ended.clone(),
        })
    }

    /// Tells its task to leave the overlay within this time.
    pub(super) async fn tell_to_leave(&self, within: Duration) {
        // One that ended is left already.
        let _ = self.handle.leave(within).await;
    }

    /// Leaves the overlay in order, in bounded time, and waits until its sockets are closed.
    pub(super) async fn close(&self) {
        self.tell_to_leave(LEAVING).await;
        self.ended().await;
    }

    /// Waits until its task has ended, and with it its sockets.
    pub(super) async fn ended(&self) {
        // Who would say so is gone: the runtime is ending.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

impl Host {
    /// Starts an overlay and puts it into the table; `token` finds or makes its token. Nobody else waits for the disk meanwhile.
    pub(super) async fn start_one(
        &self,
        settings: OverlaySettings,
        owner: Owner,
        token: impl FnOnce(&Store) -> Result<Token, StoreError> + Send + 'static,
    ) -> Result<Arc<Running>, StartError> {
        let host = self.clone();
        on_disk(move || host.start_now(settings, owner, token)).await
    }

    /// The same, for a time at which nothing else runs.
    pub(super) fn start_now(
        &self,
        settings: OverlaySettings,
        owner: Owner,
        token: impl FnOnce(&Store) -> Result<Token, StoreError>,
    ) -> Result<Arc<Running>, StartError> {
        let root = self.root(&owner);
        let store = Store::open(&root, &settings.name).map_err(StartError::Store)?;
        let token = token(&store).map_err(StartError::Store)?;
        let _entered = self.shared.runtime.enter();
        let (handle, task) = driver::start(&settings, &root, Lookup::default())?;
        if matches!(owner, Owner::File) {
            // Who changed it there means it; a change over REST is to be kept first.
            store.drop_former_ring(&settings.key_ids());
        } else if settings.has_known_secret() {
            // Of the file's overlays it was told when the file was read.
            tracing::warn!(overlay = %settings.name, "its secret {KNOWN_SECRET}");
        }
        self.shared.collector.watch(handle.clone());
        let (end, ended) = watch::channel(false);
        let (failures, overlay) = (self.shared.failures.clone(), settings.name.clone());
        tokio::spawn(async move {
            if let Err(error) = task.await {
                // Nobody listens when the process ends already.
                let _ = failures.send(Failure { overlay, error });
            }
            let _ = end.send(true);
        });
        let running = Arc::new(Running { settings, owner, token, handle, ended });
        self.change(|table| {
            table.failed.remove(&running.settings.name);
            table.running.insert(running.settings.name.clone(), running.clone());
        });
        Ok(running)
    }
}
