//! Writes what is counted to an InfluxDB of version 1.x: its line protocol, over HTTP.
//!
//! Each `every` a batch of points is made of all overlays and put into a queue; a task of its own sends the oldest batch until the server has it,
//! then the next. So the order is kept, and a server that is away, slow or out of its mind delays the queue and nothing else. Beyond `queue`
//! batches the oldest is dropped and counted. A point that is sent twice, since its answer was lost, is the same point: same series, same time.
//!
//! What a server refuses as wrong (400, 413, 422) will not become right: it is counted as refused and not tried again. Everything else, a
//! missing database and wrong credentials among it, an operator can repair: it is tried again, after 1 s, 2 s, … up to 30 s.

mod line;
mod queue;
mod send;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::Collector;
use crate::{config::InfluxSettings, printable::Printable};
use queue::Queue;
use send::{Outcome, Server};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a writer has done so far. A point is one line: one measurement of one overlay at one moment.
#[derive(Debug, Default)]
pub struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    waiting: AtomicU64,
}

/// [`Counts`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Points that the server has acknowledged.
    pub written: u64,
    /// Points dropped because too many batches waited.
    pub dropped: u64,
    /// Points that the server refused as wrong.
    pub refused: u64,
    /// Attempts to write that failed, to be repeated.
    pub failed: u64,
    /// Batches that wait.
    pub waiting: u64,
}

impl Counts {
    /// None of anything.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What they are now.
    pub fn read(&self) -> Written {
        Written {
            written: self.written.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            refused: self.refused.load(Relaxed),
            failed: self.failed.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
        }
    }
}

/// A writer that runs.
pub struct Writer {
    collector: Collector,
    queue: Arc<Queue>,
    stop: watch::Sender<bool>,
    filling: JoinHandle<PointClock>,
    sending: JoinHandle<()>,
}

impl Writer {
    /// Writes what the collector's overlays count, from now on; `counts` are its counters. Needs a tokio runtime. An error is one of the settings:
    /// a file that cannot be read.
    pub fn start(
        settings: &InfluxSettings,
        collector: Collector,
        counts: Arc<Counts>,
    ) -> anyhow::Result<Writer> {
        let server = Server::new(settings)?;
        let queue = Arc::new(Queue::new(settings.queue, counts));
        let (stop, stopped) = watch::channel(false);
        let filling =
            tokio::spawn(fill(collector.clone(), Arc::clone(&queue), settings.every, stopped.clone()));
        let sending = tokio::spawn(send_all(server, Arc::clone(&queue), stopped));
        tracing::info!(server = %settings.url, database = %Printable(&settings.database), "writing statistics to InfluxDB");
        Ok(Writer { collector, queue, stop, filling, sending })
    }

    /// Makes a last batch and sends what waits, each batch once, within this time. To be called while the overlays still run.
    pub async fn finish(self, within: Duration) {
        let Writer { collector, queue, stop, filling, mut sending } = self;
        let ended = async {
            // The task that fills the queue looks between batches, so that none is cut.
            let _ = stop.send(true);
            let mut clock = filling.await.unwrap_or_default();
            put_batch(&collector, &queue, &mut clock).await;
            queue.close();
            let _ = (&mut sending).await;
        };
        if timeout(within, ended).await.is_err() {
            sending.abort();
        }
        let left = queue.counts().read().waiting;
        if left > 0 {
            tracing::warn!(batches = left, "InfluxDB did not take all statistics before the end");
        }
    }
}

/// Times of points: those of the wall clock, but never the same twice nor going back, whatever the clock does.
#[derive(Default)]
struct PointClock {
    last: u64,
}

impl PointClock {
    /// Unix time in milliseconds.
    fn next(&mut self, wall: u64) -> u64 {
        self.last = wall.max(self.last + 1);
        self.last
    }
}

async fn fill(
    collector: Collector,
    queue: Arc<Queue>,
    every: Duration,
    mut stopped: watch::Receiver<bool>,
) -> PointClock {
    let mut clock = PointClock::default();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // An error means that the writer is gone.
            _ = stopped.changed() => return clock,
            _ = ticks.tick() => put_batch(&collector, &queue, &mut clock).await,
        }
    }
}

async fn put_batch(collector: &Collector, queue: &Queue, clock: &mut PointClock) {
    let sampled = collector.sample().await;
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let batch = line::batch(&sampled, clock.next(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX - 1)));
    if batch.points > 0 {
        queue.push(batch);
    }
}

async fn send_all(server: Server, queue: Arc<Queue>, mut stopped: watch::Receiver<bool>) {
    let mut pause = FIRST_PAUSE;
    let mut failing = false;
    while let Some(batch) = queue.oldest().await {
        match server.write(&batch.lines).await {
            Outcome::Written => {
                queue.written(&batch);
                pause = FIRST_PAUSE;
                if std::mem::take(&mut failing) {
                    tracing::info!("InfluxDB takes statistics again");
                }
            }
            Outcome::Refused(why) => {
                queue.refused(&batch);
                pause = FIRST_PAUSE;
                tracing::warn!(points = batch.points, "InfluxDB refuses statistics, which are lost: {why}");
            }
            Outcome::Failed(why) => {
                queue.counts().failed.fetch_add(1, Relaxed);
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!("statistics cannot be written to InfluxDB; kept, and tried again: {why}");
                }
                if *stopped.borrow() {
                    // The last attempt: there is no time for another.
                    return;
                }
                tokio::select! {
                    () = sleep(pause) => {}
                    changed = stopped.changed() => match changed {
                        // Once more, at once.
                        Ok(()) => {}
                        // The writer is gone.
                        Err(_) => return,
                    },
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_points_have_one_time_whatever_the_clock_does() {
        let mut clock = PointClock::default();
        assert_eq!([5, 5, 9, 3, 10, 0].map(|wall| clock.next(wall)), [5, 6, 9, 10, 11, 12]);
    }
}
