//! `data_dir/rest/`: what the management interface keeps, readable by its owner only.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context;
use zeroize::Zeroizing;

use crate::store::replace;

/// Where the interface listens, for those who ask on this host.
const ADDRESS: &str = "address";
/// Larger files are not ours.
const LONGEST: u64 = 1 << 20;

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    /// Opens it, making it where needed.
    pub(super) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let folder = data_dir.join("rest");
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&folder)
            .and_then(|()| fs::set_permissions(&folder, Permissions::from_mode(0o700)))
            .with_context(|| {
                format!("cannot keep state in {}; give the user who runs gossiperld write access there, or set data_dir to another folder", folder.display())
            })?;
        Ok(Files { folder })
    }

    /// Where a file is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file's text; `None` where there is none.
    pub(super) fn read(&self, name: &str) -> anyhow::Result<Option<Zeroizing<String>>> {
        let path = self.path(name);
        let mut text = Zeroizing::new(String::new());
        match File::open(&path).and_then(|file| file.take(LONGEST).read_to_string(&mut text)) {
            Ok(_) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Replaces a file as a whole, flushed to the disk.
    pub(super) fn keep(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        replace(&self.folder, name, bytes)
            .with_context(|| format!("cannot write {}", self.path(name).display()))
    }

    /// Says that the interface is nowhere any more.
    pub(super) fn forget_address(&self) {
        let path = self.path(ADDRESS);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(file = %path.display(), %error, "cannot be removed, and names an interface that is gone");
            }
            _ => {}
        }
    }

    /// Says where the interface is, and how it is asked.
    pub(super) fn tell_address(&self, encrypted: bool, address: SocketAddr) -> anyhow::Result<()> {
        let scheme = if encrypted { "https" } else { "http" };
        self.keep(ADDRESS, format!("{scheme}://{address}\n").as_bytes())
    }
}
