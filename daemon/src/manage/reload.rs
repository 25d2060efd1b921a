//! The file read again.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
    time::SystemTime,
};

use super::{Failed, Host, Owner, ReloadError, TakenOver, failed::Wanted, token};
use crate::{
    config::{Change, OverlaySettings, Settings, bind_conflicts},
    store::on_disk,
};

/// What a reload has brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The host is what the file says, but for what takes effect at the next start only: that.
    Done(Vec<String>),
    /// The daemon was started without a file.
    NoFile,
}

impl Host {
    /// Reads the configuration file again and brings the file's overlays, and those who [follow](Host::follow), to what it says: all of them have taken it over, or
    /// said why they could not, when this returns. A file that is refused changes nothing. Overlays made over REST are not touched, but for
    /// those that do not run, which are tried again.
    ///
    /// What changes, by names alone, and what takes effect at the next start only, is told in the log, too.
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let reloaded = self.read_again().await;
        if !matches!(reloaded, Ok(Reloaded::NoFile) | Err(ReloadError::Stopping)) {
            *self.shared.reloaded.lock().unwrap_or_else(PoisonError::into_inner) =
                (reloaded.is_ok(), SystemTime::now());
        }
        reloaded
    }

    /// Whether the configuration was taken over as a whole when it was last read, at the start or since, and when that was.
    pub fn last_reload(&self) -> (bool, SystemTime) {
        *self.shared.reloaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_again(&self) -> Result<Reloaded, ReloadError> {
        let _turn = self.turn().await.ok_or(ReloadError::Stopping)?;
        let Some(config) = self.shared.config.clone() else { return Ok(Reloaded::NoFile) };
        let settings = Arc::new(on_disk(move || Settings::load(&config)).await?);
        self.check_beside_rest(&settings.overlays)?;
        settings.log_notes();
        let TakenOver { mut failed, mut restart } = self.hand_to_followers(&settings).await;
        if settings.data_dir != self.shared.data_dir {
            restart.push("data_dir".to_owned());
        }
        for what in &restart {
            tracing::warn!("{what}: has changed in the configuration, and takes effect at the next start");
        }
        failed.extend(self.bring_to_file(settings.overlays.clone()).await);
        // What failed may start now, and a name that the file has given up is REST's again.
        let host = self.clone();
        on_disk(move || host.start_kept()).await;
        match failed.is_empty() {
            true => Ok(Reloaded::Done(restart)),
            false => Err(ReloadError::Partly(failed)),
        }
    }

    /// Leaves first what the file no longer has, so that its addresses are free for what is new.
    async fn bring_to_file(&self, wanted: Vec<OverlaySettings>) -> Vec<String> {
        let names: BTreeSet<&str> = wanted.iter().map(|overlay| overlay.name.as_str()).collect();
        for running in self.all() {
            if matches!(running.owner, Owner::File) && !names.contains(running.settings.name.as_str()) {
                self.end(&running).await;
                tracing::info!(overlay = %running.settings.name, "the configuration has the overlay no longer: it was left");
            }
        }
        self.change(|table| {
            let is_wanted = |failed: &Failed| names.contains(failed.name.as_str());
            table.failed.retain(|_, failed| matches!(failed.wanted, Wanted::Rest(_)) || is_wanted(failed));
        });
        // So are the places of those that move, which may take each other's.
        for overlay in &wanted {
            if let Some(running) = self.get(&overlay.name)
                && matches!(
                    overlay.change_from(&self.as_running(&running, overlay).await),
                    Change::Identity(_)
                )
            {
                running.close().await;
            }
        }
        let mut failed = Vec::new();
        for overlay in wanted {
            let name = overlay.name.clone();
            let brought = match self.get(&name) {
                None => match self.start_one(overlay.clone(), Owner::File, token::load_or_make).await {
                    Ok(_) => {
                        tracing::info!(overlay = %name, "the configuration has a new overlay: it was added");
                        Ok(())
                    }
                    Err(error) => {
                        self.fail_of_file(overlay, error.to_string()).await;
                        Err(error.into())
                    }
                },
                Some(running) => {
                    let before = self.as_running(&running, &overlay).await;
                    let (change, properties) =
                        (overlay.change_from(&before), overlay.changed_from(&before).join(" "));
                    let brought = self.bring_to(&running, overlay, Owner::File, change).await;
                    if brought.is_ok() {
                        self.tell_keys(&running).await;
                        if change != Change::Nothing {
                            tracing::info!(overlay = %name, properties, "changed with the configuration");
                        }
                    }
                    brought
                }
            };
            if let Err(error) = brought {
                failed.push(format!("overlay {name:?}: {error}"));
            }
        }
        failed
    }

    fn check_beside_rest(&self, wanted: &[OverlaySettings]) -> Result<(), ReloadError> {
        for failed in self.failed().iter().filter(|failed| matches!(failed.wanted, Wanted::Rest(_))) {
            if wanted.iter().any(|overlay| overlay.name == failed.name) {
                return Err(made_over_rest(&failed.name));
            }
        }
        for running in self.all().iter().filter(|running| matches!(running.owner, Owner::Rest(_))) {
            let made = &running.settings;
            let Some(overlay) =
                wanted.iter().find(|overlay| overlay.name == made.name || bind_conflicts(overlay, made))
            else {
                continue;
            };
            return Err(match overlay.name == made.name {
                true => made_over_rest(&made.name),
                false => ReloadError::Conflict(format!(
                    "overlay {:?} wants port {}, which overlay {:?}, made over REST, has; choose another",
                    overlay.name, overlay.port, made.name
                )),
            });
        }
        Ok(())
    }
}

fn made_over_rest(name: &str) -> ReloadError {
    ReloadError::Conflict(format!(
        "overlay {name:?} was made over REST: remove it there first, or name the file's differently"
    ))
}
