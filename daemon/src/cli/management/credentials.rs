//! Where the management interface is, and what proves who we are: files or the environment, never the command line, which every user of the host can see.

use std::{
    env,
    fs::File,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::{Context, bail};
use clap::Args;
use zeroize::Zeroizing;

use crate::{cli::output, config::Settings};

const DEFAULT_CONFIG: &str = "/etc/gossiperl/gossiperl.toml";
/// The variable with an overlay's token.
const TOKEN: &str = "GOSSIPERL_TOKEN";
/// Longest file with credentials, bytes.
const LONGEST: u64 = 4_096;

/// The variables that these commands read, and what for.
pub(in crate::cli) const ENVIRONMENT: [(&str, &str); 6] = [
    ("GOSSIPERL_CONFIG", "The daemon's configuration, in place of --config."),
    ("GOSSIPERL_URL", "The management interface, in place of --url."),
    ("GOSSIPERL_CACERT", "The file with the certificates to trust, in place of --cacert."),
    ("GOSSIPERL_REST_USER", "Credentials of the rest_user, user:password, in place of those in data_dir."),
    ("GOSSIPERL_SUPERUSER", "Credentials of the superuser, likewise."),
    ("GOSSIPERL_TOKEN", "The overlay's token, in place of the one in data_dir."),
];

/// The same at the end of a command's help.
const HELP: &str = "\
On the daemon's host its configuration says where everything is. From elsewhere: --url, --cacert, and credentials in a file or the environment.

Environment:
  GOSSIPERL_CONFIG, GOSSIPERL_URL, GOSSIPERL_CACERT  in place of --config, --url, --cacert
  GOSSIPERL_REST_USER, GOSSIPERL_SUPERUSER           credentials, user:password
  GOSSIPERL_TOKEN                                    an overlay's token";

/// Where the management interface is, and what proves who we are.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Management", after_help = HELP)]
pub(crate) struct Management {
    /// The daemon's configuration, which says where it keeps its certificate, users and tokens [default: /etc/gossiperl/gossiperl.toml]
    #[arg(long, env = "GOSSIPERL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The management interface [default: what data_dir/rest/address says]
    #[arg(long, env = "GOSSIPERL_URL")]
    url: Option<String>,
    /// PEM file with certificates to trust [default: the very one the daemon says it shows, data_dir/rest/served.pem; with --url, the system's authorities]
    #[arg(long, env = "GOSSIPERL_CACERT", value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// File with one line of credentials, user:password or an overlay's token [default: the variable, else data_dir]
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// Where the daemon keeps everything, once it was looked up.
    #[arg(skip)]
    data_dir: OnceLock<PathBuf>,
}

/// Which certificates of the interface are good.
pub(super) enum Trust {
    /// Those of the system's authorities.
    System,
    /// Those of the authorities in this file.
    Authorities(PathBuf),
    /// The one in this file, whatever its names.
    This(PathBuf),
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
    /// Of the daemon with this configuration, and as the environment says.
    pub(in crate::cli) fn of_host(config: PathBuf) -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Management {
            config: Some(config),
            url: variable("GOSSIPERL_URL"),
            cacert: variable("GOSSIPERL_CACERT").map(PathBuf::from),
            ..Management::default()
        }
    }

    /// Whether the interface's address is what the daemon of this host has said.
    pub(super) fn is_own(&self) -> bool {
        self.url.is_none()
    }

    /// The interface's address, and what to trust there.
    pub(super) fn server(&self) -> anyhow::Result<(String, Trust)> {
        let given = self.cacert.clone().map(Trust::Authorities);
        if let Some(url) = &self.url {
            return Ok((url.clone(), given.unwrap_or(Trust::System)));
        }
        let rest = self.data_dir()?.join("rest");
        let url = read(&rest.join("address")).with_context(|| {
            "gossiperld is not running, or its [rest] is off: it has not said where its management interface is. Start it, or give --url"
        })?;
        let own = match url.starts_with("https:") {
            true => Trust::This(rest.join("served.pem")),
            false => Trust::System,
        };
        Ok((url.to_string(), given.unwrap_or(own)))
    }

    /// A user's credentials.
    pub(super) fn role(&self, role: Role) -> anyhow::Result<Proof> {
        let (file, variable) = role.names();
        let line = match (&self.credentials, env::var(variable)) {
            (Some(file), _) => read_own(file)?,
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
            (Some(file), _) => read_own(file)?,
            (None, Ok(token)) if !token.is_empty() => Zeroizing::new(token),
            (None, _) => {
                let file = self.folder(overlay)?.join("token");
                read(&file).with_context(|| {
                    format!("the token of overlay {overlay:?} is missing: set {TOKEN}, or give --credentials FILE; `gossiperl tokens` tells them")
                })?
            }
        };
        Ok(Proof::Token(line))
    }

    /// Where the daemon keeps what it keeps of an overlay: the file's have folders of their own. Of two of one name the file's is served.
    fn folder(&self, overlay: &str) -> anyhow::Result<PathBuf> {
        let data_dir = self.data_dir()?;
        let [of_file, of_rest] =
            [data_dir.to_owned(), data_dir.join("rest")].map(|root| root.join("overlays").join(overlay));
        let is_of_file = match Settings::load(self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG))) {
            Ok(settings) => settings.overlays.iter().any(|of_file| of_file.name == overlay),
            Err(_) => !of_rest.join("overlay.toml").exists(),
        };
        Ok(if is_of_file { of_file } else { of_rest })
    }

    /// Where the daemon keeps everything. A configuration that is refused, as it may be while it is being edited, is told of and says it all the same.
    fn data_dir(&self) -> anyhow::Result<&Path> {
        if let Some(found) = self.data_dir.get() {
            return Ok(found);
        }
        let file = self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
        let (data_dir, refused) = Settings::data_dir(file).context(
            "without --url and credentials of one's own the daemon's configuration must say where they are",
        )?;
        if refused.is_some() {
            let file = file.display();
            output::note(format_args!(
                "warning: {file} is refused as it is, `gossiperl check {file}` says why; going on with data_dir {}",
                data_dir.display()
            ));
        }
        Ok(self.data_dir.get_or_init(|| data_dir))
    }
}

/// The first line of a file that is named on the command line; a warning where others than its owner can read or write it.
fn read_own(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mode = file.metadata().map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        let shown = file.display();
        output::note(format_args!(
            "warning: others can read or write the credentials in {shown} (mode {:04o}): `chmod 600 {shown}`",
            mode & 0o7777
        ));
    }
    read(file)
}

/// A file's first line.
fn read(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    // At once: what grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize + 1));
    let read = File::open(file).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
    read.with_context(|| format!("cannot read {}", file.display()))?;
    anyhow::ensure!(text.len() as u64 <= LONGEST, "{} has more than {LONGEST} bytes", file.display());
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        _ => bail!("{} is empty", file.display()),
    }
}
