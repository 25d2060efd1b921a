//! Logs on standard error: text for people, JSON for machines.
//!
//! Lines are written by a thread of their own. Who reads them may be slow, or stopped; the overlays go on, and the lines
//! that found no room are counted.

use std::io::IsTerminal;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, LogSettings};

/// Lines that wait for their reader at most; beyond it new ones are left out.
const LINES_WAITING: usize = 4_096;

/// Keeps the log going. Dropping it writes what waits, within a second.
pub struct Log {
    lost: tracing_appender::non_blocking::ErrorCounter,
    _writer: WorkerGuard,
}

impl Log {
    /// Starts logging for the whole process. Later calls change nothing.
    pub fn start(settings: &LogSettings) -> Self {
        let (writer, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_WAITING)
            .thread_name("log")
            .finish(std::io::stderr());
        let lost = writer.error_counter();
        start(settings, writer);
        Log { lost, _writer: guard }
    }

    /// Lines left out so far because nobody read those before them.
    pub fn lost(&self) -> usize {
        self.lost.dropped_lines()
    }
}

fn start(settings: &LogSettings, writer: NonBlocking) {
    // The configuration's reading has checked the level.
    let filter: Targets = settings.level.parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
    let layer = match settings.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let _ = tracing_subscriber::registry().with(layer).try_init();
}
