//! Logs on standard error: text for people, JSON for machines.
//!
//! Lines are written by a thread of their own. Who reads them may be slow, or stopped; the overlays go on, and the lines
//! that found no room are counted.
//!
//! Where systemd's journal reads them, each line begins with its priority, as sd-daemon(3) says (`journalctl -p warning`
//! then finds it), and leaves out the time, which the journal has.

use std::{
    fmt,
    fs::File,
    io::{self, IsTerminal},
    os::{fd::AsFd, unix::fs::MetadataExt},
    sync::OnceLock,
};

use anyhow::Context;
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

use crate::config::{LogFormat, LogSettings};

/// Lines that wait for their reader at most; beyond it new ones are left out.
const LINES_WAITING: usize = 4_096;

/// Changes what the process's log shows.
static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Counts the lines of the process's log that were left out.
static LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// Lines left out of the process's log so far because nobody read those before them.
pub fn lost() -> u64 {
    LOST.get().map_or(0, |lost| lost.dropped_lines() as u64)
}

/// Keeps the log going. Dropping it writes what waits, within a second.
pub struct Log {
    _writer: WorkerGuard,
}

impl Log {
    /// Starts logging for the whole process. Later calls change nothing.
    pub fn start(settings: &LogSettings) -> Self {
        let (writer, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_WAITING)
            .thread_name("log")
            .finish(io::stderr());
        let _ = LOST.set(writer.error_counter());
        start(settings, writer);
        Log { _writer: guard }
    }
}

/// Shows from now on what the settings' level says, in the process's log. How lines look stays: that takes a start.
pub fn set_level(settings: &LogSettings) -> anyhow::Result<()> {
    let Some(handle) = FILTER.get() else { return Ok(()) };
    handle.reload(filter(settings)).context("the log goes on as it was")
}

fn filter(settings: &LogSettings) -> Targets {
    // The configuration's reading has checked the level.
    settings.level.parse().unwrap_or_default()
}

fn start(settings: &LogSettings, writer: NonBlocking) {
    let (filter, handle) = reload::Layer::new(filter(settings));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
    let journal = std::env::var("JOURNAL_STREAM").is_ok_and(|stream| is_stderr(&stream));
    let layer = match (settings.format, journal) {
        (LogFormat::Text, false) => lines.with_ansi(io::stderr().is_terminal()).with_filter(filter).boxed(),
        (LogFormat::Text, true) => {
            let lines = lines.with_ansi(false).without_time().map_event_format(Prioritised);
            lines.with_filter(filter).boxed()
        }
        (LogFormat::Json, false) => lines.json().flatten_event(true).with_filter(filter).boxed(),
        (LogFormat::Json, true) => {
            lines.json().flatten_event(true).map_event_format(Prioritised).with_filter(filter).boxed()
        }
    };
    if tracing_subscriber::registry().with(layer).try_init().is_ok() {
        let _ = FILTER.set(handle);
    }
}

/// Whether this is our standard error, as systemd names streams in `JOURNAL_STREAM`: `device:inode`. Children inherit the
/// variable, but may have been given another standard error.
fn is_stderr(stream: &str) -> bool {
    let stderr = io::stderr().as_fd().try_clone_to_owned().and_then(|stderr| File::from(stderr).metadata());
    stderr.is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}

/// Lines that begin with `<N>`, N being the priority of syslog(3).
struct Prioritised<F>(F);

impl<S, N, F> FormatEvent<S, N> for Prioritised<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(line, "<{priority}>")?;
        self.0.format_event(context, line, event)
    }
}
