//! Serves every overlay of a configuration until told to stop.

use std::time::Duration;

use anyhow::Context;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::{JoinError, JoinHandle, JoinSet},
};

use crate::{
    config::Settings,
    driver::{self, Handle},
    lookup::Lookup,
    statistics::{Collector, Counts, Writer},
};

use super::{Manager, watchdog};

/// Longest time for leaving all overlays in order.
const LEAVING: Duration = Duration::from_secs(3);
/// Longest time for writing the last statistics, before that.
const WRITING: Duration = Duration::from_secs(2);

/// Overlays that run.
pub struct Service {
    handles: Vec<Handle>,
    tasks: JoinSet<Result<(), JoinError>>,
    collector: Collector,
    writer: Option<Writer>,
    sampling: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts every overlay, or none: where one cannot start, those before it are left again. Needs a tokio runtime.
    pub async fn start(settings: &Settings) -> anyhow::Result<Service> {
        let counts = settings.statistics.influxdb.as_ref().map(|_| Counts::new());
        let collector = Collector::new(counts.clone());
        let mut service =
            Service { handles: Vec::new(), tasks: JoinSet::new(), collector, writer: None, sampling: None };
        for overlay in &settings.overlays {
            let started = driver::start(overlay, &settings.data_dir, Lookup::default())
                .with_context(|| format!("overlay {:?} cannot start", overlay.name));
            match started {
                Ok((handle, task)) => {
                    service.collector.watch(handle.clone());
                    service.handles.push(handle);
                    service.tasks.spawn(task);
                }
                Err(error) => {
                    service.leave().await;
                    return Err(error);
                }
            }
        }
        if let (Some(influxdb), Some(counts)) = (&settings.statistics.influxdb, counts) {
            match Writer::start(influxdb, service.collector.clone(), counts) {
                Ok(writer) => service.writer = Some(writer),
                Err(error) => {
                    service.leave().await;
                    return Err(error);
                }
            }
        }
        service.sampling = Some(tokio::spawn(service.collector.clone().run()));
        Ok(service)
    }

    /// The statistics of the overlays.
    pub fn collector(&self) -> &Collector {
        &self.collector
    }

    /// The overlays.
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// What it does, in one line for the service manager's status.
    pub fn status(&self) -> String {
        match self.handles.as_slice() {
            [] => "serving no overlay: the configuration has none".to_owned(),
            [only] => format!("serving overlay {}", only.overlay()),
            several => format!("serving {} overlays", several.len()),
        }
    }

    /// Leaves all overlays in order, at the same time, in bounded time.
    pub async fn leave(mut self) {
        if let Some(writer) = self.writer.take() {
            writer.finish(WRITING).await;
        }
        if let Some(sampling) = self.sampling.take() {
            sampling.abort();
        }
        for handle in &self.handles {
            // One that ended is left already.
            let _ = handle.leave(LEAVING).await;
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Waits for an overlay's task to fail, which only a defect brings about; for ever without overlays.
    async fn failure(&mut self) -> anyhow::Error {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error)) | Err(error)) => return anyhow::Error::new(error),
                None => std::future::pending().await,
            }
        }
    }
}

/// Signals of the system, listened to from here on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Listens. Needs a tokio runtime.
    fn new() -> std::io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal to stop.
    async fn stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => {
                    tracing::warn!("SIGHUP: reloading is not supported yet; restart gossiperld to apply a new configuration");
                }
            }
        }
    }
}

/// Serves until a signal to stop, then leaves all overlays; a second signal ends at once. The service manager is told.
pub async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("cannot listen to signals")?;
    let manager = Manager::from_environment();
    let mut service = Service::start(settings).await?;
    tracing::info!(overlays = settings.overlays.len(), "started");
    manager.ready(&service.status()).await;
    let handles = service.handles.clone();
    let signal = tokio::select! {
        signal = signals.stop() => signal,
        never = watchdog::watch(&manager, || handles.clone()) => match never {},
        error = service.failure() => {
            service.leave().await;
            return Err(error.context("an overlay failed; this is a defect of gossiperld, please report it"));
        }
    };
    tracing::info!(signal, "leaving");
    manager.stopping().await;
    tokio::select! {
        () = service.leave() => tracing::info!("stopped"),
        signal = signals.stop() => tracing::warn!(signal, "stopped without leaving all overlays"),
    }
    Ok(())
}
