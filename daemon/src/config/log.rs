//! The table `[log]`.

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::reader::{Table, choice, nearest, needed, text};

/// Logging, `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A level, or tracing's filter directives (`info,gossiperl_daemon::driver=debug`).
    pub level: String,
    /// Text for people, JSON for machines.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text an event.
    #[default]
    Text,
    /// One JSON object an event.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings { level: "info".to_owned(), format: LogFormat::Text }
    }
}

/// What stands in `log`; where that is nothing, or wrong and reported, the default.
pub(super) fn read(top: &mut Table<'_, '_>) -> LogSettings {
    let mut log = LogSettings::default();
    let Some(value) = top.raw("log") else { return log };
    let Some(written) = value.get_ref().as_table() else {
        top.wrong("log", needed(value.get_ref(), "a table { level, format }"));
        return log;
    };
    let mut table = Table::new(top.report, written, "log", value.span());
    let level = table.optional("level", |value| {
        let level = text(1_024)(value)?;
        check_level(&level).map(|()| level)
    });
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    log.format = table.optional("format", choice(&formats)).unwrap_or_default();
    log.level = level.unwrap_or(log.level);
    table.finish();
    log
}

/// tracing takes a word that is no level for a module whose everything is to be shown, and then nothing else is: a
/// mistyped level would silence the log.
fn check_level(level: &str) -> Result<(), String> {
    let allowed =
        format!("allowed are {}, or a list such as \"info,gossiperl_daemon=debug\"", LEVELS.join(", "));
    for word in level.split(',').filter(|directive| !directive.contains('=')) {
        if word.trim().is_empty() || word.parse::<LevelFilter>().is_err() {
            let near =
                nearest(word, &LEVELS).map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
            return Err(format!("{word:?} is no level; {near}{allowed}"));
        }
    }
    match level.parse::<Targets>() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{level:?} is not allowed ({error}); {allowed}")),
    }
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
