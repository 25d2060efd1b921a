//! The table `[statistics]`: where statistics go beside this daemon's own memory.

use std::{path::PathBuf, time::Duration};

use reqwest::Url;
use zeroize::Zeroizing;

use super::reader::{Table, integer, needed, qualified, seconds, secret, text, visible_name};

/// Statistics, `[statistics]`. Holds secrets: has no `Debug`.
#[derive(Clone, Default, PartialEq)]
pub struct StatisticsSettings {
    /// Where they are written; `None`: nowhere.
    pub influxdb: Option<InfluxSettings>,
}

/// An InfluxDB server of version 1.x, `[statistics.influxdb]`. Holds a secret: has no `Debug`.
#[derive(Clone, PartialEq)]
pub struct InfluxSettings {
    /// Where it is; `/write` is added.
    pub url: Url,
    /// The database, which must be there.
    pub database: String,
    /// Whom we are, where the server asks.
    pub username: Option<String>,
    /// The password that goes with it.
    pub password: Option<Password>,
    /// Certificates of authorities, PEM, to trust in place of the system's.
    pub certificates: Option<PathBuf>,
    /// Time between two batches.
    pub every: Duration,
    /// Batches kept while the server is away.
    pub queue: usize,
}

/// A password, or where it is.
#[derive(Clone, PartialEq)]
pub enum Password {
    /// This one.
    Plain(Zeroizing<Vec<u8>>),
    /// The first line of this file.
    File(PathBuf),
}

const DEFAULT_EVERY: Duration = Duration::from_secs(10);
const DEFAULT_QUEUE: u64 = 360;
/// Shortest time between two batches, seconds.
const SHORTEST: f64 = 0.1;
/// Batches kept at most. One takes some 4 kB for each overlay.
const LONGEST_QUEUE: u64 = 100_000;

/// What stands in `statistics`; where that is nothing, or wrong and reported, the default.
pub(super) fn read(top: &mut Table<'_, '_>) -> StatisticsSettings {
    let Some(value) = top.raw("statistics") else { return StatisticsSettings::default() };
    let Some(written) = value.get_ref().as_table() else {
        top.wrong("statistics", needed(value.get_ref(), "a table { influxdb }"));
        return StatisticsSettings::default();
    };
    let mut table = Table::new(top.report, written, "statistics", value.span());
    let influxdb = read_influxdb(&mut table);
    table.finish();
    StatisticsSettings { influxdb }
}

fn read_influxdb(statistics: &mut Table<'_, '_>) -> Option<InfluxSettings> {
    let value = statistics.raw("influxdb")?;
    let Some(written) = value.get_ref().as_table() else {
        statistics.wrong("influxdb", needed(value.get_ref(), "a table { url, database, … }"));
        return None;
    };
    let path = qualified(statistics.path(), "influxdb");
    let mut table = Table::new(statistics.report, written, path, value.span());
    let where_it_is = "write where the server is, such as \"http://127.0.0.1:8086\"";
    let url = table.required("url", where_it_is, |value| address(&text(1_024)(value)?));
    let database = table.required("database", "write the name of a database that is there", visible_name);
    let username = table.optional("username", text(255));
    let password = read_password(&mut table);
    if username.is_none() && password.is_some() {
        table.wrong("username", "missing; a password is given, so write whose it is");
    }
    let certificates = table.optional("certificates", text(4_096)).map(PathBuf::from);
    let every = table.optional("every", seconds(SHORTEST, None)).unwrap_or(DEFAULT_EVERY);
    let queue = table.optional("queue", integer(1, LONGEST_QUEUE)).unwrap_or(DEFAULT_QUEUE);
    if let Some(url) = url.as_ref().filter(|_| password.is_some()).filter(|url| is_overheard(url)) {
        let host = url.host_str().unwrap_or_default();
        table.note("url", format!("the password goes to {host} in the clear; https would hide it"));
    }
    if certificates.is_some() && url.as_ref().is_some_and(|url| url.scheme() != "https") {
        table.note("certificates", "of no use without https in url");
    }
    table.finish();
    let queue = usize::try_from(queue).unwrap_or(usize::MAX);
    Some(InfluxSettings { url: url?, database: database?, username, password, certificates, every, queue })
}

fn read_password(table: &mut Table<'_, '_>) -> Option<Password> {
    let plain = table.optional("password", secret);
    let file = table.optional("password_file", text(4_096));
    if table.has("password") && table.has("password_file") {
        table.wrong("password_file", "there is a password too; write one of the two");
        return None;
    }
    plain.map(Password::Plain).or(file.map(|file| Password::File(file.into())))
}

/// An address to which `/write` can be added. What is wrong is never shown with the address, which may hold a password.
fn address(text: &str) -> Result<Url, String> {
    let allowed = "allowed is http://HOST:PORT or https://HOST:PORT, a path may follow";
    let url = Url::parse(text).map_err(|error| format!("is no address ({error}); {allowed}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{}: is not spoken here; {allowed}", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user or password in it; write them as username and password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("goes on after the path; {allowed}. The database has a property of its own"));
    }
    Ok(url)
}

/// Whether what is sent there can be read on the way.
fn is_overheard(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme() == "http" && !is_loopback && host != "localhost"
}
