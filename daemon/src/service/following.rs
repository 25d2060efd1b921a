//! What follows the configuration beside overlays and management: the log's level, and who writes statistics.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::{
    config::{LogSettings, Settings, StatisticsSettings},
    logging,
    manage::{Reload, TakenOver},
    statistics::{Collector, Counts, Writer},
    store::on_disk,
};

/// Longest time for writing the last statistics.
pub(super) const WRITING: Duration = Duration::from_secs(2);

/// Who follows.
pub(super) struct Following {
    collector: Collector,
    log: LogSettings,
    writer: Option<Writer>,
    /// Whether the management interface is on, and follows by itself.
    managed: bool,
}

impl Following {
    /// Begins with these settings: the log has its own already, statistics are written from now on. Needs a tokio runtime.
    pub(super) fn start(settings: &Settings, collector: Collector) -> anyhow::Result<Self> {
        let writer = start_writer(&settings.statistics, &collector)?;
        Ok(Following { collector, log: settings.log.clone(), writer, managed: settings.rest.is_some() })
    }

    /// Follows each reload until the service ends; then who writes statistics is to be finished.
    pub(super) async fn run(
        mut self,
        mut reloads: mpsc::Receiver<Reload>,
        mut ended: oneshot::Receiver<()>,
    ) -> Option<Writer> {
        loop {
            let reload = tokio::select! {
                _ = &mut ended => return self.writer,
                reload = reloads.recv() => reload,
            };
            let Some(reload) = reload else { return self.writer };
            let mut taken = TakenOver::default();
            if !self.managed && reload.settings.rest.is_some() {
                taken.restart.push("whether the management interface listens".to_owned());
            }
            self.follow_log(&reload.settings.log, &mut taken);
            self.follow_statistics(&reload.settings.statistics, &mut taken).await;
            reload.answer(taken);
        }
    }

    fn follow_log(&mut self, now: &LogSettings, taken: &mut TakenOver) {
        if now.format != self.log.format {
            taken.restart.push("log.format".to_owned());
        }
        if now.level == self.log.level {
            return;
        }
        match logging::set_level(now) {
            Ok(()) => {
                tracing::info!(before = %self.log.level, now = %now.level, "the log's level changed with the configuration");
                self.log.level.clone_from(&now.level);
            }
            Err(error) => taken.failed.push(format!("log.level: {error:#}")),
        }
    }

    /// Who writes goes on, with what waits; as before where what is new cannot be used.
    async fn follow_statistics(&mut self, now: &StatisticsSettings, taken: &mut TakenOver) {
        let followed = match (&mut self.writer, &now.influxdb) {
            (None, None) => return,
            (Some(writer), Some(influxdb)) => writer.follow(influxdb).await.map(|changed| {
                if changed {
                    tracing::info!(
                        "statistics are written as the configuration, or its password's file, says now"
                    );
                }
            }),
            (None, Some(_)) => {
                let (wanted, collector) = (now.clone(), self.collector.clone());
                let started = on_disk(move || start_writer(&wanted, &collector)).await;
                started.map(|writer| self.writer = writer)
            }
            (Some(_), None) => {
                self.collector.set_writer(None);
                if let Some(before) = self.writer.take() {
                    before.finish(WRITING).await;
                }
                tracing::info!("statistics are written nowhere any more");
                Ok(())
            }
        };
        if let Err(error) = followed {
            taken.failed.push(format!("statistics: {error:#}"));
        }
    }
}

/// Starts who writes what the collector's overlays count, where the settings say so, and has the collector show what it counts.
fn start_writer(settings: &StatisticsSettings, collector: &Collector) -> anyhow::Result<Option<Writer>> {
    let Some(influxdb) = &settings.influxdb else { return Ok(None) };
    let counts = Counts::new();
    let writer = Writer::start(influxdb, collector.clone(), counts.clone())?;
    collector.set_writer(Some(counts));
    Ok(Some(writer))
}
