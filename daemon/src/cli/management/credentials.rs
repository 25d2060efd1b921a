//! Where the management interface is, and what proves who we are: files or the environment, never the command line, which every user of the host can see.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use zeroize::Zeroizing;

use crate::config::Settings;

const DEFAULT_CONFIG: &str = "/etc/gossiperl/gossiperl.toml";
/// The variable with an overlay's token.
const TOKEN: &str = "GOSSIPERL_TOKEN";
/// Longest file with credentials, bytes.
const LONGEST: u64 = 4_096;

/// On the daemon's host, its configuration says where everything is. From elsewhere: --url, --cacert, and credentials in GOSSIPERL_REST_USER or GOSSIPERL_SUPERUSER
/// (user:password), GOSSIPERL_TOKEN (an overlay's token), or a file of one such line.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Management")]
pub(crate) struct Management {
    /// The daemon's configuration, which says where it keeps its certificate, users and tokens [default: /etc/gossiperl/gossiperl.toml]
    #[arg(long, env = "GOSSIPERL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The management interface [default: what data_dir/rest/address says]
    #[arg(long, env = "GOSSIPERL_URL")]
    url: Option<String>,
    /// PEM file with the certificate to trust [default: data_dir/rest/certificate.pem; with --url, the system's authorities]
    #[arg(long, env = "GOSSIPERL_CACERT", value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// File with one line of credentials, user:password or an overlay's token [default: the variable, else data_dir]
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
}

/// Whom a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    RestUser,
    Superuser,
}

impl Role {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Role::RestUser => ("rest_user", "GOSSIPERL_REST_USER"),
            Role::Superuser => ("superuser", "GOSSIPERL_SUPERUSER"),
        }
    }
}

/// What proves who we are. Has no `Debug`.
pub(super) enum Proof {
    /// A user and a password.
    Basic(String, Zeroizing<String>),
    /// An overlay's token.
    Token(Zeroizing<String>),
}

impl Management {
    /// Whether the interface's address is what the daemon of this host has said.
    pub(super) fn is_own(&self) -> bool {
        self.url.is_none()
    }

    /// The interface's address, and the file with the certificate to trust.
    pub(super) fn server(&self) -> anyhow::Result<(String, Option<PathBuf>)> {
        if let Some(url) = &self.url {
            return Ok((url.clone(), self.cacert.clone()));
        }
        let rest = self.data_dir()?.join("rest");
        let url = read(&rest.join("address")).with_context(|| {
            "gossiperld is not running, or its [rest] is off: it has not said where its management interface is. Start it, or give --url"
        })?;
        let certificate = rest.join("certificate.pem");
        let cacert = self.cacert.clone().or_else(|| certificate.exists().then_some(certificate));
        Ok((url.to_string(), cacert))
    }

    /// A user's credentials.
    pub(super) fn role(&self, role: Role) -> anyhow::Result<Proof> {
        let (file, variable) = role.names();
        let line = match (&self.credentials, env::var(variable)) {
            (Some(file), _) => read(file)?,
            (None, Ok(line)) if !line.is_empty() => Zeroizing::new(line),
            (None, _) => read(&self.data_dir()?.join("rest").join(file)).with_context(|| {
                format!("the credentials of {file} are missing: set {variable} to user:password, or give --credentials FILE")
            })?,
        };
        match line.split_once(':') {
            Some((user, password)) => Ok(Proof::Basic(user.to_owned(), Zeroizing::new(password.to_owned()))),
            None => bail!("the credentials of {file} must be one line user:password"),
        }
    }

    /// An overlay's token.
    pub(super) fn token(&self, overlay: &str) -> anyhow::Result<Proof> {
        let line = match (&self.credentials, env::var(TOKEN)) {
            (Some(file), _) => read(file)?,
            (None, Ok(token)) if !token.is_empty() => Zeroizing::new(token),
            (None, _) => {
                let file = self.data_dir()?.join("overlays").join(overlay).join("token");
                read(&file).with_context(|| {
                    format!("the token of overlay {overlay:?} is missing: set {TOKEN}, or give --credentials FILE; `gossiperl tokens` tells them")
                })?
            }
        };
        Ok(Proof::Token(line))
    }

    fn data_dir(&self) -> anyhow::Result<PathBuf> {
        let file = self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
        let settings = Settings::load(file).context(
            "without --url and credentials of one's own the daemon's configuration must say where they are",
        )?;
        Ok(settings.data_dir)
    }
}

/// A file's first line.
fn read(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let length = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
    anyhow::ensure!(length <= LONGEST, "{} has more than {LONGEST} bytes", file.display());
    let text =
        Zeroizing::new(fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?);
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        _ => bail!("{} is empty", file.display()),
    }
}
