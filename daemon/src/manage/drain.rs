//! The host drained: before maintenance, so that nothing acknowledged is lost with it.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;

use super::Host;

/// How often it is looked at what still waits.
const LOOK: Duration = Duration::from_millis(50);

/// What became of one overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    /// The overlay.
    pub overlay: String,
    /// Messages that its subscribers here, or other daemons, have not acknowledged.
    pub waiting: u64,
}

impl Host {
    /// Has every overlay take nothing new, waits within this time until all that was taken is acknowledged by its subscribers, and then leaves them all, for
    /// good: nothing starts any more until the daemon does. Where something still waits in the end nothing is left, unless `forced`; then the same may be asked
    /// for again. Tells what waited of each.
    pub async fn drain(&self, within: Duration, forced: bool) -> Vec<Drained> {
        self.shared.ending.store(true, Ordering::Relaxed);
        let turn = self.shared.changing.lock().await;
        let by = Instant::now() + within;
        for running in self.all() {
            // One that ended has nothing to hand over.
            let _ = running.handle.drain().await;
        }
        let drained = loop {
            let waiting = self.waiting().await;
            if waiting.iter().all(|overlay| overlay.waiting == 0) || Instant::now() >= by {
                break waiting;
            }
            tokio::time::sleep(LOOK).await;
        };
        drop(turn);
        if forced || drained.iter().all(|overlay| overlay.waiting == 0) {
            self.leave().await;
        }
        drained
    }

    async fn waiting(&self) -> Vec<Drained> {
        let mut all = Vec::new();
        for running in self.all() {
            let Ok(statistics) = running.handle.statistics().await else { continue };
            let gauges = &statistics.overlay.gauges;
            let waiting = gauges.to_clients.messages + gauges.to_daemons.messages;
            all.push(Drained { overlay: running.settings.name.clone(), waiting });
        }
        all
    }
}
