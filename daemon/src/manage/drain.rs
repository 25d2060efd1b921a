//! The host drained: before maintenance, so that nothing acknowledged is lost with it.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;

use super::{ChangeError, Host};

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

/// How a drain has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainEnd {
    /// The overlays are left.
    Left,
    /// Something waits still; the overlays go on draining.
    Draining,
    /// It was called off: the overlays take messages again.
    CalledOff,
}

impl Host {
    /// Has every overlay take nothing new, waits within this time until all that was taken is acknowledged by its subscribers, and then leaves them all, for
    /// good: nothing starts any more until the daemon does. Where something still waits in the end nothing is left, unless `forced`: the overlays go on draining, and
    /// the same may be asked for again, or [an end](Host::end_draining) of it. Tells what waited of each.
    ///
    /// `continued`: a drain that did not complete is waited for once more. One that was called off meanwhile stays so.
    pub async fn drain(&self, within: Duration, forced: bool, continued: bool) -> (Vec<Drained>, DrainEnd) {
        let turn = self.shared.changing.lock().await;
        if !continued {
            self.shared.draining.store(true, Ordering::Relaxed);
        } else if !self.is_draining() {
            return (self.waiting().await, DrainEnd::CalledOff);
        }
        let by = Instant::now() + within;
        for running in self.all() {
            // One that ended has nothing to hand over.
            let _ = running.handle.drain().await;
        }
        let drained = loop {
            let waiting = self.waiting().await;
            let is_over = waiting.iter().all(|overlay| overlay.waiting == 0) || Instant::now() >= by;
            if is_over || !self.is_draining() {
                break waiting;
            }
            tokio::time::sleep(LOOK).await;
        };
        let end = match self.is_draining() {
            false => DrainEnd::CalledOff,
            true if forced || drained.iter().all(|overlay| overlay.waiting == 0) => DrainEnd::Left,
            true => DrainEnd::Draining,
        };
        if end == DrainEnd::Left {
            // With the turn held, so that nothing comes in between.
            self.shared.ending.store(true, Ordering::Relaxed);
        }
        drop(turn);
        if end == DrainEnd::Left {
            self.leave().await;
        }
        (drained, end)
    }

    /// Has every overlay take messages again after a drain that has not left them; one that still waits ends with that. An error: they are left.
    pub async fn end_draining(&self) -> Result<(), ChangeError> {
        self.shared.draining.store(false, Ordering::Relaxed);
        let _turn = self.shared.changing.lock().await;
        if self.shared.ending.load(Ordering::Relaxed) {
            return Err(ChangeError::Stopping);
        }
        // Another drain may have had its turn in between.
        self.shared.draining.store(false, Ordering::Relaxed);
        for running in self.all() {
            // One that ended has nothing to take.
            let _ = running.handle.end_draining().await;
        }
        Ok(())
    }

    fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
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
