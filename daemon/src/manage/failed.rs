//! Overlays that are to run and do not: their address is not there yet, their port is held, or what is kept of them cannot be read.
//!
//! Such an overlay stays known: its name is taken, its token opens what can be done without it running, and it is told of by whoever is asked whether the host is ready.
//! It is tried again after 1 s, 2 s, 4 s, … up to a minute, and at each reload; one of REST's is read from the disk anew each time, so that what is mended or removed there by
//! hand is seen.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{Host, Owner, Running, Token, token};
use crate::{
    config::{OverlaySettings, Written},
    store::{Store, on_disk},
};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// An overlay that is to run and does not. What it says stays so for its life: another try makes another.
pub struct Failed {
    pub(super) name: String,
    pub(super) wanted: Wanted,
    /// `None`: its folder cannot be read.
    pub(super) token: Option<Token>,
    pub(super) why: String,
    pause: Duration,
    next: Instant,
}

/// What is to run.
#[derive(Clone)]
pub(super) enum Wanted {
    /// An overlay of the file.
    File(Box<OverlaySettings>),
    /// One of REST's, as it was read last; `None`: that cannot be read.
    Rest(Option<Written>),
}

/// An overlay of this host, whether it runs or not.
#[derive(Clone)]
pub enum Known {
    /// It runs.
    Running(Arc<Running>),
    /// It does not.
    Failed(Arc<Failed>),
}

impl Failed {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who changes it: `file` or `rest`.
    pub fn owner(&self) -> &'static str {
        match self.wanted {
            Wanted::File(_) => "file",
            Wanted::Rest(_) => "rest",
        }
    }

    /// Its UDP port, where that can be read.
    pub fn port(&self) -> Option<u16> {
        match &self.wanted {
            Wanted::File(settings) => Some(settings.port),
            Wanted::Rest(written) => written.as_ref()?.settings().ok().map(|settings| settings.port),
        }
    }

    /// Why it does not run, and what to do. Holds no secret.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl Known {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Known::Running(running) => &running.settings.name,
            Known::Failed(failed) => &failed.name,
        }
    }

    /// What opens its routes; `None`: that cannot be read.
    pub fn token(&self) -> Option<&Token> {
        match self {
            Known::Running(running) => Some(&running.token),
            Known::Failed(failed) => failed.token.as_ref(),
        }
    }
}

impl Host {
    /// The overlays that are to run and do not, in the order of their names.
    pub fn failed(&self) -> Vec<Arc<Failed>> {
        self.table(|table| table.failed.values().cloned().collect())
    }

    /// The overlay of this name, whether it runs or not.
    pub fn known(&self, name: &str) -> Option<Known> {
        self.table(|table| table.known(name))
    }

    /// All overlays, whether they run or not, in the order of their names.
    pub fn all_known(&self) -> Vec<Known> {
        self.names().iter().filter_map(|name| self.known(name)).collect()
    }

    /// The overlay does not run; it is tried again later.
    pub(super) fn fail(&self, name: &str, wanted: Wanted, token: Option<Token>, why: String) {
        self.change(|table| {
            let before = table.failed.get(name);
            let pause = before.map_or(FIRST_PAUSE, |before| (before.pause * 2).min(LONGEST_PAUSE));
            if before.is_none_or(|before| before.why != why) {
                tracing::error!(overlay = name, why, "the overlay does not run; tried again");
            } else {
                tracing::warn!(overlay = name, why, ?pause, "the overlay does still not run; tried again");
            }
            let next = Instant::now() + pause;
            let failed = Failed { name: name.to_owned(), wanted, token, why, pause, next };
            table.running.remove(name);
            table.failed.insert(name.to_owned(), Arc::new(failed));
        });
        self.shared.collector.forget(name);
        self.shared.failing.notify_one();
    }

    /// Tries what failed, each when its time has come, until the host is left.
    pub(super) async fn keep_trying(self) {
        while !self.is_left() {
            let next = self.table(|table| table.failed.values().map(|failed| failed.next).min());
            tokio::select! {
                () = self.shared.failing.notified() => {}
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => self.try_due().await,
            }
        }
    }

    async fn try_due(&self) {
        let Some(_turn) = self.turn().await else {
            // Nothing starts while the host is drained.
            tokio::time::sleep(FIRST_PAUSE).await;
            return;
        };
        let now = Instant::now();
        for failed in self.failed().into_iter().filter(|failed| failed.next <= now) {
            let host = self.clone();
            on_disk(move || match &failed.wanted {
                Wanted::File(settings) => host.try_settings((**settings).clone(), &failed),
                Wanted::Rest(_) => host.try_kept(&failed.name),
            })
            .await;
        }
    }

    fn try_settings(&self, settings: OverlaySettings, failed: &Failed) {
        match self.start_now(settings, Owner::File, token::load_or_make) {
            Ok(_) => tracing::info!(overlay = %failed.name, "the overlay runs now"),
            Err(error) => {
                self.fail(&failed.name, failed.wanted.clone(), failed.token.clone(), error.to_string());
            }
        }
    }

    /// The overlay of the file does not start.
    pub(super) async fn fail_of_file(&self, settings: OverlaySettings, why: String) {
        let (host, name) = (self.clone(), settings.name.clone());
        let token = on_disk(move || {
            let store = Store::open(&host.root(&Owner::File), &name).ok()?;
            token::load_or_make(&store).ok()
        });
        let token = token.await;
        self.fail(&settings.name.clone(), Wanted::File(Box::new(settings)), token, why);
    }
}
