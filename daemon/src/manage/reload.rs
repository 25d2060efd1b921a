//! The file read again.

use std::collections::BTreeSet;

use super::{Host, Owner, ReloadError, token};
use crate::config::{Change, OverlaySettings, Settings, bind_conflicts};

/// What a reload has brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The host is what the file says.
    Done,
    /// The daemon was started without a file.
    NoFile,
}

impl Host {
    /// Reads the configuration file again and brings the file's overlays, and the users and certificates of the management interface, to what it says. A
    /// file that is refused changes nothing. Overlays made over REST are not touched.
    ///
    /// `data_dir`, `[log]` and where the management interface listens take effect at the next start only.
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let _turn = self.turn().await.ok_or(ReloadError::Stopping)?;
        let Some(config) = self.shared.config.clone() else { return Ok(Reloaded::NoFile) };
        let loaded = tokio::task::spawn_blocking(move || Settings::load(&config)).await;
        let settings = loaded.map_err(|_| ReloadError::Stopping)??;
        self.check_beside_rest(&settings.overlays)?;
        if settings.data_dir != self.shared.data_dir {
            tracing::warn!("data_dir has changed in the configuration; that takes effect at the next start");
        }
        self.shared.rest.send_if_modified(|rest| {
            let changed = *rest != settings.rest;
            rest.clone_from(&settings.rest);
            changed
        });
        let failed = self.bring_to_file(settings.overlays).await;
        match failed.is_empty() {
            true => Ok(Reloaded::Done),
            false => Err(ReloadError::Partly(failed)),
        }
    }

    /// Leaves first what the file no longer has, so that its addresses are free for what is new.
    async fn bring_to_file(&self, wanted: Vec<OverlaySettings>) -> Vec<String> {
        let names: BTreeSet<&str> = wanted.iter().map(|overlay| overlay.name.as_str()).collect();
        for running in self.all() {
            if matches!(running.owner, Owner::File) && !names.contains(running.settings.name.as_str()) {
                self.end(&running).await;
            }
        }
        // So are the places of those that move, which may take each other's.
        for overlay in &wanted {
            if let Some(running) = self.get(&overlay.name)
                && matches!(overlay.change_from(&self.as_running(&running, overlay)), Change::Identity(_))
            {
                running.close().await;
            }
        }
        let mut failed = Vec::new();
        for overlay in wanted {
            let name = overlay.name.clone();
            let brought = match self.get(&name) {
                None => {
                    self.start_one(overlay, Owner::File, token::load_or_make).map(|_| ()).map_err(Into::into)
                }
                Some(running) => match overlay.change_from(&self.as_running(&running, &overlay)) {
                    Change::Nothing => Ok(()),
                    change => self.bring_to(&running, overlay, Owner::File, change).await,
                },
            };
            if let Err(error) = brought {
                failed.push(format!("overlay {name:?}: {error}"));
            }
        }
        failed
    }

    fn check_beside_rest(&self, wanted: &[OverlaySettings]) -> Result<(), ReloadError> {
        for running in self.all().iter().filter(|running| matches!(running.owner, Owner::Rest(_))) {
            let made = &running.settings;
            let Some(overlay) =
                wanted.iter().find(|overlay| overlay.name == made.name || bind_conflicts(overlay, made))
            else {
                continue;
            };
            return Err(ReloadError::Conflict(match overlay.name == made.name {
                true => format!(
                    "overlay {:?} was made over REST: remove it there first, or name the file's differently",
                    made.name
                ),
                false => format!(
                    "overlay {:?} wants port {}, which overlay {:?}, made over REST, has; choose another",
                    overlay.name, overlay.port, made.name
                ),
            }));
        }
        Ok(())
    }
}
