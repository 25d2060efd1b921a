//! The overlays of this host: which run, whose they are, and how that changes while the others go on.
//!
//! Every overlay has one owner. The *file* owns those that stand in it: they change when the file is read again (SIGHUP, POST /reconfigure), and REST only looks at
//! them. *REST* owns those made over it: they are kept in `data_dir/rest/overlays/NAME/overlay.toml`, come back at each start, and the file does not
//! touch them. Where both have a name, whoever has it while the daemon runs keeps it, and the other is told; at start the file comes first, and what REST had
//! made stays on disk, untouched and unserved, until the file gives the name up: then the next reload, or start, serves it again.
//!
//! One change is made at a time. It is *kept* before it is answered, by one rename or one unlink: what was answered is there after a crash at any
//! instant, what was not may or may not be, and nothing is ever there by half. A change is on the disk before it is tried, and in its place only once the overlay runs
//! with it: what cannot start is never what a start would find. Looking takes no part in all that: it reads the present table.
//! Neither do the threads that drive overlays or answer REST wait for the disk meanwhile.
//!
//! What fails leaves the host as it was, with one exception that is told: where an overlay has to be started anew and its socket is gone meanwhile. That one, and whatever
//! of REST's does not start with the daemon, stays known as [`Failed`], and is tried again.

mod change;
mod drain;
mod error;
mod failed;
mod follow;
mod kept;
mod life;
mod reload;
mod running;
#[cfg(test)]
mod tests;
mod token;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::Context;
use tokio::sync::{Mutex, MutexGuard, Notify, mpsc, watch};

pub use drain::{DrainEnd, Drained};
pub use error::{ChangeError, ReloadError};
pub use failed::{Failed, Known};
pub use follow::{Reload, TakenOver};
pub use kept::count as kept_overlays;
pub use life::{Life, Turn};
pub use reload::Reloaded;
pub use running::{Owner, Running};
pub use token::Token;

use crate::{config::Settings, statistics::Collector};

/// Overlays of one host at most: each has sockets of its own and up to two times 16 MB of their buffers.
pub const MOST_OVERLAYS: usize = 64;
/// Longest time for leaving an overlay in order.
const LEAVING: Duration = Duration::from_secs(3);

/// The overlays of this host. A clone is the same host.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

struct Shared {
    data_dir: PathBuf,
    /// The file that is read again.
    config: Option<PathBuf>,
    collector: Collector,
    table: watch::Sender<Table>,
    /// Held by who changes something.
    changing: Mutex<()>,
    /// The host is being left: nothing starts any more, nor changes.
    ending: AtomicBool,
    /// It is being drained: nothing starts nor changes until that ends.
    draining: AtomicBool,
    /// Who takes over what else a reload brings: a few, for as long as the process runs.
    followers: std::sync::Mutex<Vec<mpsc::Sender<Reload>>>,
    /// Where the overlays' tasks run, whoever starts them.
    runtime: tokio::runtime::Handle,
    /// Whether the configuration was taken over as a whole when it was last read, and when.
    reloaded: std::sync::Mutex<(bool, SystemTime)>,
    failures: mpsc::UnboundedSender<Failure>,
    /// Told when an overlay does not run, and when the host is left.
    failing: Notify,
}

/// The overlays by name, each in one of both.
#[derive(Default)]
struct Table {
    running: BTreeMap<String, Arc<Running>>,
    failed: BTreeMap<String, Arc<Failed>>,
}

impl Table {
    /// The overlay of this name, whether it runs or not.
    fn known(&self, name: &str) -> Option<Known> {
        let running = self.running.get(name).cloned().map(Known::Running);
        running.or_else(|| self.failed.get(name).cloned().map(Known::Failed))
    }
}

/// An overlay's task ended by a defect.
pub struct Failure {
    overlay: String,
    error: tokio::task::JoinError,
}

impl Host {
    /// Starts every overlay of the file, or none: where one cannot start, those before it are left again. Then what REST has made: of those, one that cannot
    /// start is told of in the log and tried again. `config` is the file that [`Host::reload`] reads; `collector` watches the overlays. Needs a tokio runtime.
    pub async fn start(
        settings: &Settings,
        config: Option<&Path>,
        collector: Collector,
    ) -> anyhow::Result<(Host, mpsc::UnboundedReceiver<Failure>)> {
        let (failures, failed) = mpsc::unbounded_channel();
        let host = Host {
            shared: Arc::new(Shared {
                data_dir: settings.data_dir.clone(),
                config: config.map(Path::to_owned),
                collector,
                table: watch::Sender::default(),
                changing: Mutex::default(),
                ending: AtomicBool::new(false),
                draining: AtomicBool::new(false),
                followers: std::sync::Mutex::default(),
                runtime: tokio::runtime::Handle::current(),
                reloaded: std::sync::Mutex::new((true, SystemTime::now())),
                failures,
                failing: Notify::new(),
            }),
        };
        kept::migrate(&settings.data_dir);
        for overlay in &settings.overlays {
            let started = host.start_now(overlay.clone(), Owner::File, token::load_or_make);
            if let Err(error) = started.with_context(|| format!("overlay {:?} cannot start", overlay.name)) {
                host.leave().await;
                return Err(error);
            }
        }
        host.start_kept();
        tokio::spawn(host.clone().keep_trying());
        Ok((host, failed))
    }

    /// Runs a change to its end, whether or not somebody still waits for its outcome.
    pub async fn to_the_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        self.shared.runtime.spawn(change).await
    }

    /// The names of all overlays, in order: of those that run, and of those that are to and do not.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.table(|table| table.running.keys().chain(table.failed.keys()).cloned().collect());
        names.sort();
        names
    }

    /// The overlay of this name, where it runs.
    pub fn get(&self, name: &str) -> Option<Arc<Running>> {
        self.table(|table| table.running.get(name).cloned())
    }

    /// All overlays that run, in the order of their names.
    pub fn all(&self) -> Vec<Arc<Running>> {
        self.table(|table| table.running.values().cloned().collect())
    }

    /// The overlays' statistics.
    pub fn collector(&self) -> &Collector {
        &self.shared.collector
    }

    /// Where things are kept.
    pub fn data_dir(&self) -> &Path {
        &self.shared.data_dir
    }

    /// Leaves all overlays in order, at the same time, in bounded time. Nothing starts afterwards.
    pub async fn leave(&self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        self.shared.failing.notify_one();
        let _turn = self.shared.changing.lock().await;
        let before = self.shared.table.send_replace(Table::default());
        let all: Vec<Arc<Running>> = before.running.into_values().collect();
        for running in &all {
            running.tell_to_leave(LEAVING).await;
        }
        for running in &all {
            running.ended().await;
        }
    }

    /// Whether the host is, or is being, drained or left.
    pub fn is_ending(&self) -> bool {
        self.shared.ending.load(Ordering::Relaxed) || self.shared.draining.load(Ordering::Relaxed)
    }

    /// Waits for one's turn to change something; `None`: nothing changes any more.
    async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let turn = self.shared.changing.lock().await;
        (!self.is_ending()).then_some(turn)
    }

    /// Whether the host is being left, or is: nothing is served any more, for good.
    pub fn is_left(&self) -> bool {
        self.shared.ending.load(Ordering::Relaxed)
    }

    /// Where an owner's overlays keep what they keep.
    fn root(&self, owner: &Owner) -> PathBuf {
        match owner {
            Owner::File => self.shared.data_dir.clone(),
            Owner::Rest(_) => self.root_of_rest(),
        }
    }

    fn table<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.shared.table.borrow())
    }

    /// Changes the table, which those who follow an overlay's life are told of.
    fn change(&self, change: impl FnOnce(&mut Table)) {
        self.shared.table.send_modify(change);
    }
}

impl Failure {
    /// What to end the process with.
    pub fn into_error(self) -> anyhow::Error {
        anyhow::Error::new(self.error).context(format!(
            "overlay {:?} failed; this is a defect of gossiperld, please report it",
            self.overlay
        ))
    }
}
