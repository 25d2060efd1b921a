//! Everything that runs: the overlays, the management interface, statistics.

use std::path::Path;

use anyhow::Context;
use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    task::JoinHandle,
};

use super::following::{Following, WRITING};
use crate::{
    config::Settings,
    lock::Lock,
    manage::{Failure, Host},
    rest::{self, Management},
    statistics::{Collector, Writer},
};

/// What runs. To be left before it is dropped.
pub struct Service {
    host: Host,
    failures: UnboundedReceiver<Failure>,
    management: Option<Management>,
    /// Ends following, which then gives who writes statistics.
    following: Option<(oneshot::Sender<()>, JoinHandle<Option<Writer>>)>,
    sampling: Option<JoinHandle<()>>,
    /// Given up last of all.
    _lock: Lock,
}

impl Service {
    /// Starts everything, or nothing; not where another daemon runs on the same `data_dir`. `config` is the file that a reload reads. Needs a tokio runtime.
    pub async fn start(settings: &Settings, config: Option<&Path>) -> anyhow::Result<Service> {
        let lock = Lock::take(&settings.data_dir)?;
        let collector = Collector::new(None);
        let (host, failures) = Host::start(settings, config, collector.clone()).await?;
        let mut service =
            Service { host, failures, management: None, following: None, sampling: None, _lock: lock };
        if let Err(error) = service.add(settings, collector).await {
            service.leave().await;
            return Err(error);
        }
        Ok(service)
    }

    async fn add(&mut self, settings: &Settings, collector: Collector) -> anyhow::Result<()> {
        let following = Following::start(settings, collector.clone())?;
        let (end, ended) = oneshot::channel();
        self.following = Some((end, tokio::spawn(following.run(self.host.follow(), ended))));
        self.sampling = Some(tokio::spawn(collector.run()));
        if let Some(rest) = &settings.rest {
            let started = rest::start(&self.host, rest).await;
            self.management = Some(started.context("the management interface cannot start")?);
        }
        Ok(())
    }

    /// The overlays.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The management interface, where there is one.
    pub fn management(&self) -> Option<&Management> {
        self.management.as_ref()
    }

    /// Waits for an overlay's task to fail, which only a defect brings about.
    pub async fn failure(&mut self) -> anyhow::Error {
        match self.failures.recv().await {
            Some(failure) => failure.into_error(),
            // The host itself holds the other end.
            None => std::future::pending().await,
        }
    }

    /// Ends everything in order and in bounded time: first who might want changes, then the last statistics, then the overlays.
    pub async fn leave(mut self) {
        if let Some(management) = self.management.take() {
            management.stop().await;
        }
        if let Some((end, following)) = self.following.take() {
            let _ = end.send(());
            if let Ok(Some(writer)) = following.await {
                writer.finish(WRITING).await;
            }
        }
        if let Some(sampling) = self.sampling.take() {
            sampling.abort();
        }
        self.host.leave().await;
    }
}
