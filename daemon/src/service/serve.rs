//! Serves every overlay of a configuration, and the management interface, until told to stop.

use std::path::Path;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Manager, Service, watchdog};
use crate::{
    config::Settings,
    manage::{Host, Reloaded},
};

/// Signals of the system, listened to from here on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
enum Asked {
    Stop(&'static str),
    Reload,
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

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits for a signal to stop; meanwhile the configuration is read again whenever one asks for that.
    async fn stop(&mut self, host: &Host, manager: &Manager) -> &'static str {
        loop {
            match self.next().await {
                Asked::Stop(signal) => return signal,
                Asked::Reload => {
                    manager.reloading().await;
                    reload(host).await;
                    manager.ready(&status(host)).await;
                }
            }
        }
    }
}

/// What the host does, in one line for the service manager's status.
fn status(host: &Host) -> String {
    let failed = host.failed();
    let serving = match host.all().as_slice() {
        [] if failed.is_empty() => "serving no overlay: there is none".to_owned(),
        [] => "serving no overlay".to_owned(),
        [only] => format!("serving overlay {}", only.settings().name),
        several => format!("serving {} overlays", several.len()),
    };
    match failed.as_slice() {
        [] => serving,
        [only] => format!("{serving}; overlay {} does not run", only.name()),
        several => format!("{serving}; {} overlays do not run", several.len()),
    }
}

async fn reload(host: &Host) {
    match host.reload().await {
        Ok(Reloaded::Done(_)) => tracing::info!(by = "SIGHUP", "configuration read again"),
        Ok(Reloaded::NoFile) => tracing::warn!("there is no configuration file to read again"),
        Err(error) => tracing::error!(%error, "SIGHUP: the configuration was not taken over as it should be"),
    }
}

/// Serves until a signal to stop, then ends everything in order; a second signal ends at once. The service manager is told. `config` is the file that a
/// reload reads.
pub async fn serve(settings: &Settings, config: Option<&Path>) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("cannot listen to signals")?;
    let manager = Manager::from_environment();
    let mut service = Service::start(settings, config).await?;
    let host = service.host().clone();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        overlays = host.all().len(),
        failed = host.failed().len(),
        "started"
    );
    manager.ready(&status(&host)).await;
    let overlays = || host.all().iter().map(|running| running.handle().clone()).collect();
    let signal = tokio::select! {
        signal = signals.stop(&host, &manager) => signal,
        never = watchdog::watch(&manager, overlays) => match never {},
        error = service.failure() => {
            service.leave().await;
            return Err(error);
        }
    };
    tracing::info!(signal, "leaving");
    manager.stopping().await;
    tokio::select! {
        () = service.leave() => tracing::info!("stopped"),
        Asked::Stop(signal) = signals.next() => tracing::warn!(signal, "stopped without leaving all overlays"),
    }
    Ok(())
}
