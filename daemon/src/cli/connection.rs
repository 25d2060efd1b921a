//! How a command reaches the host's daemon: options common to all that talk to it.

use std::{
    fs::File,
    io::Read,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use zeroize::Zeroizing;

use crate::{
    config::{OverlaySettings, Settings},
    random,
};

/// Where the key comes from when no file is named.
const KEY_VARIABLE: &str = "GOSSIPERL_KEY";
/// Where the secret comes from when no file is named.
const SECRET_VARIABLE: &str = "GOSSIPERL_SECRET";

/// The longest key of a configuration, and a line end.
const LONGEST_SECRET_FILE: usize = 4_098;

/// Either --config (and --overlay), from which port and key are read, or --port and the key from a file or the environment.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// The daemon's configuration; port, address and key are taken from it
    #[arg(long, env = "GOSSIPERL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The overlay in that configuration; needed when it has several
    #[arg(long, value_name = "NAME", requires = "config")]
    pub overlay: Option<String>,
    /// The daemon's address on this host [default: the configuration's, else 127.0.0.1]
    #[arg(long, value_name = "IP")]
    pub address: Option<IpAddr>,
    /// The overlay's UDP port, with a multicast group its local_port [default: the configuration's]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// File with the overlay's symmetric key [default: the configuration's, else the variable GOSSIPERL_KEY]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// This client's name in the overlay, 1 to 255 bytes [default: a name of its own]
    #[arg(long)]
    pub name: Option<String>,
    /// File with this client's secret, which binds its name [default: the configuration's for that name, else the
    /// variable GOSSIPERL_SECRET; without, none for a name given and a random one for its own]
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Speak protocol 1, as clients of 2014 do
    #[arg(long)]
    pub legacy: bool,
}

/// What the options, files and variables come to.
pub struct Resolved {
    /// The daemon's address.
    pub address: IpAddr,
    /// The overlay's port.
    pub port: u16,
    /// The overlay's keys: the first seals.
    pub keys: Vec<Zeroizing<Vec<u8>>>,
    /// The client's name.
    pub name: String,
    /// The client's secret.
    pub secret: Zeroizing<Vec<u8>>,
    /// Whether to speak protocol 1.
    pub legacy: bool,
}

impl Connection {
    /// Reads files and variables. Nothing is sent.
    pub fn resolve(&self) -> anyhow::Result<Resolved> {
        let settings = self.config.as_deref().map(Settings::load).transpose()?;
        let overlay = settings.as_ref().map(|settings| self.choose(settings)).transpose()?;
        let Some(port) = self.port.or(overlay.map(|overlay| overlay.client_address().port())) else {
            bail!(
                "which overlay? Give --config FILE (gossiperld's), or --port PORT with the key in --key-file FILE or {KEY_VARIABLE}"
            );
        };
        let keys = match (&self.key_file, std::env::var_os(KEY_VARIABLE), overlay) {
            (Some(file), _, _) => vec![read_secret(file)?],
            (None, _, Some(overlay)) => overlay.symmetric_keys.clone(),
            (None, Some(key), None) if !key.is_empty() => vec![Zeroizing::new(key.into_encoded_bytes())],
            (None, _, None) => bail!(
                "the overlay's symmetric key is missing: give --key-file FILE, or set {KEY_VARIABLE}, or --config FILE"
            ),
        };
        let name = match &self.name {
            Some(name) => name.clone(),
            None => format!("gossiperl-{}-{:08x}", std::process::id(), random::number()? as u32),
        };
        let listed = overlay.and_then(|overlay| {
            overlay
                .client_secrets
                .iter()
                .find(|(listed, _)| *listed == name)
                .map(|(_, secret)| secret.clone())
        });
        let secret = match (&self.secret_file, std::env::var_os(SECRET_VARIABLE), listed) {
            (Some(file), _, _) => read_secret(file)?,
            (None, _, Some(secret)) => secret,
            (None, Some(secret), None) if !secret.is_empty() => Zeroizing::new(secret.into_encoded_bytes()),
            // Empty, so that the same name can be used again at once should this run end without a goodbye.
            (None, _, None) if self.name.is_some() => Zeroizing::default(),
            (None, _, None) => Zeroizing::new(random::key()?.into_bytes()),
        };
        let address = self.address.unwrap_or_else(|| {
            overlay.map_or(Ipv4Addr::LOCALHOST.into(), |overlay| overlay.client_address().ip())
        });
        Ok(Resolved { address, port, keys, name, secret, legacy: self.legacy })
    }

    /// An overlay that is named and stands in no table of the configuration: it may have been made over the management interface.
    pub(super) fn beyond_configuration(&self) -> Option<Beyond<'_>> {
        let (config, overlay) = (self.config.as_deref()?, self.overlay.as_deref()?);
        let settings = Settings::load(config).ok()?;
        let missing = self.port.is_none() && settings.overlay(overlay).is_none();
        missing.then(|| Beyond { config, overlay, others: names(&settings) })
    }

    fn choose<'a>(&self, settings: &'a Settings) -> anyhow::Result<&'a OverlaySettings> {
        match (&self.overlay, settings.overlays.as_slice()) {
            (Some(name), _) => settings.overlay(name).with_context(|| {
                format!("no overlay {name:?} in the configuration; it has: {}", names(settings))
            }),
            (None, [only]) => Ok(only),
            (None, []) => bail!("the configuration has no overlay: add a table [overlays.NAME]"),
            (None, _) => bail!("which overlay? Give --overlay NAME, one of: {}", names(settings)),
        }
    }
}

/// An overlay that the configuration does not have.
pub(super) struct Beyond<'a> {
    pub(super) config: &'a Path,
    pub(super) overlay: &'a str,
    /// Those that it has.
    pub(super) others: String,
}

fn names(settings: &Settings) -> String {
    settings.overlays.iter().map(|overlay| overlay.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// A file's bytes without the line end that editors add.
fn read_secret(file: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_SECRET_FILE + 1));
    let read =
        File::open(file).and_then(|file| file.take(LONGEST_SECRET_FILE as u64 + 1).read_to_end(&mut bytes));
    read.with_context(|| format!("cannot read {}", file.display()))?;
    if bytes.len() > LONGEST_SECRET_FILE {
        bail!("{} has more than {LONGEST_SECRET_FILE} bytes; a key has 1 to 4096", file.display());
    }
    while bytes.last().is_some_and(|byte| b"\r\n".contains(byte)) {
        bytes.pop();
    }
    if bytes.is_empty() {
        bail!("{} is empty; `gossiperl keygen` makes a key", file.display());
    }
    Ok(bytes)
}
