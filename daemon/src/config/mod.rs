//! `gossiperld`'s configuration: a TOML file read into validated settings, or refused with every problem at once.
//!
//! `gossiperl check`, `gossiperld --check` and the start of the daemon share this reading, so what the check accepts
//! the daemon accepts. What can only be known on the host (does the address exist, is the port free) is found at start.

mod change;
mod file;
mod log;
mod multicast;
mod overlay;
mod preset;
mod problem;
mod reader;
mod rest;
mod seed;
mod shown;
mod statistics;
mod template;
mod written;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

pub use change::Change;
pub use file::LoadError;
pub use log::{LogFormat, LogSettings};
pub use multicast::Multicast;
pub(crate) use overlay::KNOWN_SECRET;
pub use overlay::{Bind, OverlaySettings};
pub use preset::Preset;
pub use problem::{ConfigError, Problem};
pub use rest::{Account, RestSettings, Ssl, User, UserPassword};
pub use seed::Seed;
pub use statistics::{InfluxSettings, Password, StatisticsSettings};
pub use template::template;
pub(crate) use written::{SECRETS, is_unset};
pub use written::{Written, WrongProperty};

use problem::Report;
pub(crate) use reader::nearest;
use reader::{Table, needed, qualified, text};

/// Where state is kept unless the configuration says otherwise.
const DEFAULT_DATA_DIR: &str = "/var/lib/gossiperl";
/// Longest name of an overlay: it is also a folder's name.
const LONGEST_NAME: usize = 64;

/// Everything `gossiperld` is told.
#[derive(Clone)]
pub struct Settings {
    /// Folder of what is kept between runs.
    pub data_dir: PathBuf,
    /// How to log.
    pub log: LogSettings,
    /// The management interface; `None`: switched off.
    pub rest: Option<RestSettings>,
    /// Where statistics go.
    pub statistics: StatisticsSettings,
    /// The overlays, by name. May be empty.
    pub overlays: Vec<OverlaySettings>,
    /// What a person should know although nothing is wrong.
    pub notes: Vec<Problem>,
}

impl Settings {
    /// Reads and validates a file.
    pub fn load(file: &Path) -> Result<Settings, LoadError> {
        let text = file::read(file)?;
        let mut settings = Settings::parse(&text, file).map_err(LoadError::Refused)?;
        settings.notes.extend(file::readable_by_others(file));
        Ok(settings)
    }

    /// Where a file says that state is kept, also where it is refused; why it is, then.
    pub(crate) fn data_dir(file: &Path) -> Result<(PathBuf, Option<ConfigError>), LoadError> {
        let error = match Settings::load(file) {
            Ok(settings) => return Ok((settings.data_dir, None)),
            Err(LoadError::Refused(error)) => error,
            Err(unreadable) => return Err(unreadable),
        };
        // What is no text is no TOML either.
        let text = file::read(file).unwrap_or_default();
        let (document, _) = DeTable::parse_recoverable(&text);
        let written = document.get_ref().get("data_dir").and_then(|value| value.get_ref().as_str());
        Ok((written.unwrap_or(DEFAULT_DATA_DIR).into(), Some(error)))
    }

    /// Validates `text`; `file` is for the error only.
    pub fn parse(text: &str, file: &Path) -> Result<Settings, ConfigError> {
        let mut report = Report::new(text);
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            // Only the message and the line: the error's own display quotes the line, which may hold a secret.
            report.problem(
                &error.span().unwrap_or(0..0),
                "",
                format!("this is no TOML: {}", error.message()),
            );
        }
        let settings = match errors.is_empty() {
            true => read(&mut report, document.get_ref()),
            false => None,
        };
        let Report { mut problems, mut notes, .. } = report;
        problems.sort_by_key(|problem| problem.line);
        notes.sort_by_key(|note| note.line);
        match settings {
            Some(settings) if problems.is_empty() => Ok(Settings { notes, ..settings }),
            _ => Err(ConfigError { file: file.to_owned(), problems }),
        }
    }

    /// Tells the notes in the log.
    pub(crate) fn log_notes(&self) {
        for note in &self.notes {
            tracing::warn!(line = note.line, property = note.property, "configuration: {}", note.text);
        }
    }

    /// The overlay of this name.
    pub fn overlay(&self, name: &str) -> Option<&OverlaySettings> {
        self.overlays.iter().find(|overlay| overlay.name == name)
    }
}

fn read(report: &mut Report, document: &DeTable<'_>) -> Option<Settings> {
    let mut top = Table::new(report, document, "", 0..0);
    let data_dir = top.optional("data_dir", text(4_096)).unwrap_or_else(|| DEFAULT_DATA_DIR.to_owned());
    let log = log::read(&mut top);
    let rest = rest::read(&mut top);
    let statistics = statistics::read(&mut top);
    let mut overlays = Vec::new();
    match top.raw("overlays").map(|value| (value, value.get_ref().as_table())) {
        None => top.note("overlays", "no overlay: write a table [overlays.NAME] for each"),
        Some((value, None)) => top.wrong("overlays", needed(value.get_ref(), "tables [overlays.NAME]")),
        Some((_, Some(tables))) => {
            for (name, value) in tables {
                let property = qualified("overlays", name.get_ref());
                if let Err(text) = check_name(name.get_ref()) {
                    top.report.problem(&name.span(), property.as_str(), text);
                }
                let DeValue::Table(table) = value.get_ref() else {
                    top.report.problem(&value.span(), property, needed(value.get_ref(), "a table"));
                    continue;
                };
                let overlay = overlay::read(top.report, name.get_ref(), table, name.span());
                overlays.extend(overlay.map(|overlay| (name.span(), overlay)));
            }
        }
    }
    top.finish();
    for (index, (at, overlay)) in overlays.iter().enumerate() {
        let earlier = overlays.iter().take(index);
        for (_, other) in earlier.filter(|(_, other)| bind_conflicts(overlay, other)) {
            let clients = match overlay.multicast {
                Some(multicast) => format!(" (local_port {})", multicast.local_port),
                None => String::new(),
            };
            let text = format!(
                "port {}{clients} is taken by overlay {:?} already; choose another",
                overlay.port, other.name
            );
            report.problem(at, qualified(&qualified("overlays", &overlay.name), "port"), text);
        }
    }
    let overlays = overlays.into_iter().map(|(_, overlay)| overlay).collect();
    Some(Settings { data_dir: data_dir.into(), log, rest, statistics, overlays, notes: Vec::new() })
}

/// An overlay's name names a folder too.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('.') {
        true => Ok(()),
        false => Err(format!(
            "an overlay's name has 1 to {LONGEST_NAME} letters, digits, '-', '_' or '.', and starts with no '.'"
        )),
    }
}

/// Whether both cannot be bound at once. Interfaces are not looked up here.
pub(crate) fn bind_conflicts(one: &OverlaySettings, other: &OverlaySettings) -> bool {
    let addresses = |overlay: &OverlaySettings| match overlay.bind {
        Bind::Ip(ip) => bound_addresses(SocketAddr::new(ip, overlay.port), overlay.multicast),
        Bind::Interface(_) => vec![overlay.client_address()],
    };
    let overlap = |one: SocketAddr, other: SocketAddr| {
        one.port() == other.port()
            && one.is_ipv4() == other.is_ipv4()
            && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
    };
    let others = addresses(other);
    addresses(one).iter().any(|one| others.iter().any(|other| overlap(*one, *other)))
}

/// The addresses an overlay at `address` binds: itself and, where local clients could not reach that,
/// 127.0.0.1 at the same port, or, with a group, at the clients' own. See [`crate::socket`] for why.
pub(crate) fn bound_addresses(address: SocketAddr, multicast: Option<Multicast>) -> Vec<SocketAddr> {
    if let Some(multicast) = multicast {
        return vec![address, multicast.client_address()];
    }
    let reaches_clients = match address.ip() {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_loopback(),
        IpAddr::V6(_) => false,
    };
    match reaches_clients {
        true => vec![address],
        false => vec![address, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())],
    }
}
