//! Writes what is counted to an InfluxDB of version 1.x: its line protocol, over HTTP.
//!
//! Each `every` a batch of points is made of all overlays and put into a queue; a task of its own sends the oldest batch until the server has it,
//! then the next. So the order is kept, and a server that is away, slow or out of its mind delays the queue and nothing else. Beyond `queue`
//! batches the oldest is dropped and counted. A point that is sent twice, since its answer was lost, is the same point: same series, same time.
//!
//! What a server refuses as wrong (400, 413, 422) will not become right: it is counted as refused and not tried again. Everything else, a
//! missing database and wrong credentials among it, an operator can repair: it is tried again, after 1 s, 2 s, … up to 30 s. Where credentials were refused
//! the files that the settings name are read again before that.
//!
//! Other settings are taken over in place ([`Writer::follow`]): the queue and the counters go on, and what waits goes where the new settings say, whatever of them
//! is new. It waits since no server has it; mostly what is repaired is a password, an address or a database's name, and a point says itself when it was counted.

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
use crate::{config::InfluxSettings, printable::Printable, store::on_disk};
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
    settings: InfluxSettings,
    server: watch::Sender<Arc<Server>>,
    every: watch::Sender<Duration>,
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
        let (server, servers) = watch::channel(Arc::new(Server::new(settings)?));
        let (every, distance) = watch::channel(settings.every);
        let queue = Arc::new(Queue::new(settings.queue, counts));
        let (stop, stopped) = watch::channel(false);
        let filling = tokio::spawn(fill(collector.clone(), Arc::clone(&queue), distance, stopped.clone()));
        let sending = tokio::spawn(send_all(servers, Arc::clone(&queue), stopped));
        tell(settings);
        Ok(Writer { collector, queue, settings: settings.clone(), server, every, stop, filling, sending })
    }

    /// Goes on with these settings, what waits included, and tries at once; files that they name are read again even where the settings are the same. Beyond a
    /// smaller `queue` the oldest batches are dropped. Says whether anything is new. After an error it goes on with what it had.
    pub async fn follow(&mut self, settings: &InfluxSettings) -> anyhow::Result<bool> {
        let wanted = settings.clone();
        let server = on_disk(move || Server::new(&wanted)).await?;
        let same = *settings == self.settings;
        let changed = !same || !server.has_credentials_of(&self.server.borrow());
        self.queue.hold(settings.queue);
        self.every.send_if_modified(|every| std::mem::replace(every, settings.every) != settings.every);
        // The same settings too: the server's credentials were perhaps read again since, or its certificates are others.
        self.server.send_replace(Arc::new(server));
        self.settings = settings.clone();
        if !same {
            tell(settings);
        }
        Ok(changed)
    }

    /// Makes a last batch and sends what waits, each batch once, within this time. To be called while the overlays still run.
    pub async fn finish(self, within: Duration) {
        let Writer { collector, queue, stop, filling, mut sending, .. } = self;
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

fn tell(settings: &InfluxSettings) {
    tracing::info!(server = %settings.url, database = %Printable(&settings.database), "writing statistics to InfluxDB");
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
    mut every: watch::Receiver<Duration>,
    mut stopped: watch::Receiver<bool>,
) -> PointClock {
    let mut clock = PointClock::default();
    loop {
        let mut ticks = interval(*every.borrow_and_update());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // An error means that the writer is gone.
                _ = stopped.changed() => return clock,
                Ok(()) = every.changed() => break,
                _ = ticks.tick() => put_batch(&collector, &queue, &mut clock).await,
            }
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

async fn send_all(
    mut servers: watch::Receiver<Arc<Server>>,
    queue: Arc<Queue>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut server = servers.borrow_and_update().clone();
    let mut pause = FIRST_PAUSE;
    let mut failing = false;
    while let Some(batch) = queue.oldest().await {
        let outcome = tokio::select! {
            outcome = server.write(&batch.lines) => outcome,
            // Where it goes from now on; that the one before may have it too does no harm.
            Ok(()) = servers.changed() => {
                server = servers.borrow_and_update().clone();
                pause = FIRST_PAUSE;
                continue;
            }
        };
        match outcome {
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
            Outcome::Failed { why, denied } => {
                queue.counts().failed.fetch_add(1, Relaxed);
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!("statistics cannot be written to InfluxDB; kept, and tried again: {why}");
                }
                if *stopped.borrow() {
                    // The last attempt: there is no time for another.
                    return;
                }
                tokio::select! {
                    () = sleep(pause) => {
                        if denied {
                            server = again(server).await;
                        }
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    Ok(()) = servers.changed() => {
                        server = servers.borrow_and_update().clone();
                        pause = FIRST_PAUSE;
                    }
                    changed = stopped.changed() => match changed {
                        // Once more, at once.
                        Ok(()) => {}
                        // The writer is gone.
                        Err(_) => return,
                    },
                }
            }
        }
    }
}

/// The same server with what its files say now; as it was where they cannot be read.
async fn again(server: Arc<Server>) -> Arc<Server> {
    on_disk(move || Server::new(server.settings()).map(Arc::new).unwrap_or(server)).await
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
