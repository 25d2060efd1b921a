//! The table `[rest]`: the management interface.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use toml::{Spanned, de::DeValue};
use zeroize::Zeroizing;

use super::reader::{Table, integer, ip, needed, qualified, secret, text, visible_name};

const DEFAULT_PORT: u16 = 8_080;
/// Shortest password: below it one can be guessed in spite of all slowing down.
const SHORTEST_PASSWORD: usize = 8;
const LONGEST_PASSWORD: usize = 1_024;

/// The management interface, `[rest]`. Holds secrets: has no `Debug`.
#[derive(Clone, PartialEq)]
pub struct RestSettings {
    /// Where it listens; port 0: one of the system's choice.
    pub address: SocketAddr,
    /// Who may list and add overlays.
    pub rest_user: Account,
    /// Who may see tokens and reload.
    pub superuser: Account,
    /// How it is encrypted.
    pub ssl: Ssl,
}

/// Where a user comes from.
#[derive(Clone, Default, PartialEq)]
pub enum Account {
    /// Made on first start, its password in a file.
    #[default]
    Made,
    /// Written in the configuration.
    Given(User),
    /// There is none: what it may do, nobody may.
    Off,
}

/// A name and what proves it.
#[derive(Clone, PartialEq)]
pub struct User {
    /// The name.
    pub username: String,
    /// The password.
    pub password: UserPassword,
}

/// A password as it is written.
#[derive(Clone, PartialEq)]
pub enum UserPassword {
    /// Itself.
    Plain(Zeroizing<Vec<u8>>),
    /// Its argon2 hash in the PHC string format.
    Hash(String),
}

/// Encryption of the management interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ssl {
    /// With a certificate made on first start.
    Made,
    /// With the operator's own, PEM files read again when they change.
    Files {
        /// The certificate, and any that lead to its issuer.
        certfile: PathBuf,
        /// Its private key.
        keyfile: PathBuf,
        /// Further certificates that lead to the issuer.
        cacertfile: Option<PathBuf>,
    },
    /// None, on loopback alone.
    Off,
}

impl Default for RestSettings {
    fn default() -> Self {
        let address = (Ipv4Addr::LOCALHOST, DEFAULT_PORT).into();
        RestSettings { address, rest_user: Account::Made, superuser: Account::Made, ssl: Ssl::Made }
    }
}

/// What stands in `rest`; the default where it is absent, or wrong and reported. `None`: `rest = false`.
pub(super) fn read(top: &mut Table<'_, '_>) -> Option<RestSettings> {
    let defaults = RestSettings::default();
    let Some(value) = top.raw("rest") else { return Some(defaults) };
    if value.get_ref().as_bool() == Some(false) {
        return None;
    }
    let Some(written) = value.get_ref().as_table() else {
        top.wrong(
            "rest",
            needed(value.get_ref(), "a table { ip, port, rest_user, superuser, ssl }, or false for none"),
        );
        return Some(defaults);
    };
    let mut table = Table::new(top.report, written, "rest", value.span());
    let ip = table.optional("ip", ip).unwrap_or(IpAddr::from(Ipv4Addr::LOCALHOST));
    let port = table.optional("port", integer(0, 65_535));
    let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(DEFAULT_PORT);
    let rest_user = read_account(&mut table, "rest_user");
    let superuser = read_account(&mut table, "superuser");
    let ssl = read_ssl(&mut table, ip);
    if let (Account::Given(one), Account::Given(other)) = (&rest_user, &superuser)
        && one.username == other.username
    {
        table.wrong("superuser", "has the same username as rest_user; give the two different ones");
    }
    table.finish();
    Some(RestSettings { address: (ip, port).into(), rest_user, superuser, ssl })
}

fn read_account(table: &mut Table<'_, '_>, key: &'static str) -> Account {
    let Some(value) = table.raw(key) else { return Account::Made };
    if value.get_ref().as_bool() == Some(false) {
        return Account::Off;
    }
    let Some(written) = value.get_ref().as_table() else {
        let what = "a table { username = \"…\", password = \"…\" }, or false for nobody";
        table.wrong(key, needed(value.get_ref(), what));
        return Account::Off;
    };
    let path = qualified(table.path(), key);
    let mut table = Table::new(table.report, written, path, value.span());
    let username = table.required("username", "write the user's name", |value| {
        let name = visible_name(value)?;
        match name.contains(':') {
            true => Err("has a colon, which HTTP's Basic authentication does not allow in a name".to_owned()),
            false => Ok(name),
        }
    });
    let password = table.required(
        "password",
        "write the password, or its argon2 hash as `gossiperl hash-password` prints it",
        read_password,
    );
    table.finish();
    match (username, password) {
        (Some(username), Some(password)) => Account::Given(User { username, password }),
        _ => Account::Off,
    }
}

fn read_password(value: &DeValue<'_>) -> Result<UserPassword, String> {
    let bytes = secret(value)?;
    if bytes.starts_with(b"$argon2") {
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        return match crate::rest::is_password_hash(text) {
            true => Ok(UserPassword::Hash(text.to_owned())),
            false => {
                Err("begins like an argon2 hash and is none; `gossiperl hash-password` prints good ones"
                    .to_owned())
            }
        };
    }
    match bytes.len() {
        length if length < SHORTEST_PASSWORD => {
            Err(format!("has {length} bytes; {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} are allowed"))
        }
        length if length > LONGEST_PASSWORD => {
            Err(format!("has {length} bytes; {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} are allowed"))
        }
        _ => Ok(UserPassword::Plain(bytes)),
    }
}

fn read_ssl(table: &mut Table<'_, '_>, ip: IpAddr) -> Ssl {
    let Some(value) = table.raw("ssl") else { return Ssl::Made };
    match value.get_ref() {
        DeValue::Boolean(false) if ip.is_loopback() => Ssl::Off,
        DeValue::Boolean(false) => {
            let text = format!("false is allowed on loopback only, where nobody else listens; ip is {ip}");
            table.wrong("ssl", text);
            Ssl::Off
        }
        DeValue::Table(_) => read_files(table, value),
        other => {
            let what = "a table { certfile = \"…\", keyfile = \"…\" }, or false for plain HTTP on loopback";
            table.wrong("ssl", needed(other, what));
            Ssl::Made
        }
    }
}

fn read_files(table: &mut Table<'_, '_>, value: &Spanned<DeValue<'_>>) -> Ssl {
    let Some(written) = value.get_ref().as_table() else { return Ssl::Made };
    let path = qualified(table.path(), "ssl");
    let mut table = Table::new(table.report, written, path, value.span());
    let certfile = table.required("certfile", "write the PEM file with the certificate", text(4_096));
    let keyfile =
        table.required("keyfile", "write the PEM file with the certificate's private key", text(4_096));
    let cacertfile = table.optional("cacertfile", text(4_096)).map(PathBuf::from);
    table.finish();
    match (certfile, keyfile) {
        (Some(certfile), Some(keyfile)) => {
            Ssl::Files { certfile: certfile.into(), keyfile: keyfile.into(), cacertfile }
        }
        _ => Ssl::Made,
    }
}
