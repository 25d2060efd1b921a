//! Who asks the overlays, now and then and when somebody wants to know.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{
    Window, answer,
    influx::Counts,
    metrics,
    series::{SAMPLE_EVERY, Series},
};
use crate::driver::{Handle, Statistics};

/// An overlay that takes longer to answer is left out this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// The statistics of all overlays that run. Clones are the same collector.
#[derive(Clone)]
pub struct Collector {
    shared: Arc<Shared>,
}

struct Shared {
    /// Monotonic times count from here.
    origin: Instant,
    overlays: Mutex<BTreeMap<String, Watched>>,
    /// What the present InfluxDB writer counts, where there is one.
    influx: Mutex<Option<Arc<Counts>>>,
}

struct Watched {
    handle: Handle,
    /// Made with the first sample.
    series: Option<Series>,
    last: Statistics,
}

/// What was counted in one window, as `GET /statistics/:overlay/:window` answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The window asked for.
    pub window: Window,
    /// Unix time in seconds at which the span begins.
    pub from: i64,
    /// How many seconds it is long: less than the window where the overlay is younger, otherwise the window to within half the distance of
    /// samples that far back (1 s for a minute, 5 s for ten, 30 s for an hour, 5 min for more).
    pub seconds: f64,
    /// The statistics: `from` and `seconds` once more, then by group.
    pub statistics: serde_json::Value,
}

/// One overlay's figures at one moment.
#[derive(Clone, Debug)]
pub(super) struct Sampled {
    /// The overlay's name.
    pub(super) overlay: String,
    /// Our name in it.
    pub(super) member: String,
    /// What it has counted, and what is there.
    pub(super) statistics: Box<Statistics>,
}

impl Collector {
    /// Watches no overlay yet. `influx` is what the writer counts, to be shown among the metrics.
    pub fn new(influx: Option<Arc<Counts>>) -> Self {
        let shared =
            Shared { origin: Instant::now(), overlays: Mutex::default(), influx: Mutex::new(influx) };
        Collector { shared: Arc::new(shared) }
    }

    /// Another writer counts from now on, or none.
    pub fn set_writer(&self, counts: Option<Arc<Counts>>) {
        *self.shared.influx.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    /// Watches an overlay from now on, in place of one of the same name. What it counted before is in the window `total` only. The handle is kept
    /// until the overlay is left or [forgotten](Collector::forget).
    pub fn watch(&self, handle: Handle) {
        let watched = Watched { series: None, last: Statistics::default(), handle };
        self.overlays().insert(watched.handle.overlay().to_owned(), watched);
    }

    /// The overlay is gone, and its statistics with it.
    pub fn forget(&self, overlay: &str) {
        self.overlays().remove(overlay);
    }

    /// Takes samples until the task is ended: to be spawned once.
    pub async fn run(self) {
        let mut ticks = interval(SAMPLE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.sample().await;
        }
    }

    /// What the overlay has counted in this window; `None`: no such overlay.
    pub async fn window(&self, overlay: &str, window: Window) -> Option<Answer> {
        let handle = self.overlays().get(overlay)?.handle.clone();
        let fresh = match ask(&handle).await {
            Asked::Answered(statistics) => Some(statistics),
            Asked::Silent => None,
            Asked::Ended => {
                self.forget_run(&handle);
                return None;
            }
        };
        let now = self.now();
        let mut overlays = self.overlays();
        let watched = overlays.get_mut(overlay)?;
        if let Some(statistics) = fresh.filter(|_| watched.handle.is_same(&handle)) {
            watched.last = *statistics;
        }
        let last = watched.last;
        let series = watched.series.get_or_insert_with(|| Series::new(now.saturating_sub(last.running)));
        let counted = series.window(now, &last, window);
        drop(overlays);
        let seconds = counted.span.as_secs_f64();
        let from = unix_seconds() - counted.span.as_secs().cast_signed();
        let statistics = answer::render(from, seconds, &counted.statistics);
        Some(Answer { window, from, seconds, statistics })
    }

    /// The metrics of all overlays and of this process, as Prometheus reads them: see [`metrics::CONTENT_TYPE`]. So many overlays `failed`: they do not run.
    pub async fn metrics(&self, failed: usize) -> String {
        self.metrics_with(failed, None).await
    }

    /// The same, and what the daemon as a whole has to say.
    pub async fn metrics_with(&self, failed: usize, daemon: Option<metrics::Daemon>) -> String {
        let overlays: Vec<(String, Statistics)> =
            self.sample().await.into_iter().map(|sampled| (sampled.overlay, *sampled.statistics)).collect();
        let influx = self.shared.influx.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let written = influx.as_deref().map(Counts::read);
        metrics::render(overlays, failed, metrics::Process::look(), written, daemon)
    }

    /// Takes a sample of every overlay, all at a time; those that do not answer are left out, and those that ended forgotten.
    pub(super) async fn sample(&self) -> Vec<Sampled> {
        let handles: Vec<Handle> = self.overlays().values().map(|watched| watched.handle.clone()).collect();
        let mut asked = JoinSet::new();
        for handle in handles {
            asked.spawn(async move { (ask(&handle).await, handle) });
        }
        let mut sampled = Vec::with_capacity(asked.len());
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok((Asked::Answered(statistics), handle)) => sampled.extend(self.keep(&handle, statistics)),
                Ok((Asked::Ended, handle)) => self.forget_run(&handle),
                Ok((Asked::Silent, _)) | Err(_) => {}
            }
        }
        sampled.sort_by(|one, other| one.overlay.cmp(&other.overlay));
        sampled
    }

    fn keep(&self, handle: &Handle, statistics: Box<Statistics>) -> Option<Sampled> {
        let now = self.now();
        let mut overlays = self.overlays();
        let watched = overlays.get_mut(handle.overlay()).filter(|held| held.handle.is_same(handle))?;
        watched.last = *statistics;
        let start = || Series::new(now.saturating_sub(statistics.running));
        watched.series.get_or_insert_with(start).push(now, &statistics);
        let (overlay, member) = (handle.overlay().to_owned(), handle.member_name().to_owned());
        Some(Sampled { overlay, member, statistics })
    }

    /// Forgets this run of an overlay; one of the same name that has started since stays.
    fn forget_run(&self, handle: &Handle) {
        self.overlays().retain(|_, held| !held.handle.is_same(handle));
    }

    fn overlays(&self) -> MutexGuard<'_, BTreeMap<String, Watched>> {
        // Nothing that holds it panics half-way through a change.
        self.shared.overlays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        // Above zero, so that an overlay that started before us has its start within the scale.
        self.shared.origin.elapsed() + BEFORE
    }
}

/// How long before the collector overlays may have started.
const BEFORE: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

enum Asked {
    Answered(Box<Statistics>),
    /// Too busy to answer.
    Silent,
    Ended,
}

async fn ask(handle: &Handle) -> Asked {
    match timeout(PATIENCE, handle.statistics()).await {
        Ok(Ok(statistics)) => Asked::Answered(statistics),
        Ok(Err(_)) => Asked::Ended,
        Err(_) => Asked::Silent,
    }
}

/// For labels alone: nothing is reckoned with the wall clock.
fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
