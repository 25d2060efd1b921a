//! What an overlay keeps between runs: our made-up name, where members last were, and a key ring that was changed at run time. An overlay of the file does so under
//! `data_dir/overlays/NAME/`, one made over REST under `data_dir/rest/overlays/NAME/`.
//!
//! Losing any of it is survivable, so a file that cannot be understood is moved aside (`….damaged`) and the daemon starts
//! without. Files are replaced whole: written beside, flushed to the disk, renamed. Only the owner can read them.

mod ring;

pub(crate) use ring::is_same_ring;

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// Addresses kept; any one of them is enough to rejoin.
pub const MOST_ADDRESSES: usize = 1_024;
/// Larger files are not ours, and would not be read again.
pub(crate) const LONGEST_FILE: u64 = 1 << 20;
/// Version of the files' form.
const VERSION: u32 = 1;

/// The folder of overlays' folders.
pub(crate) const OVERLAYS: &str = "overlays";
const MEMBERS: &str = "members.json";
const MEMBER_NAME: &str = "member_name";

/// One overlay's folder.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// Why nothing can be kept.
#[derive(Debug)]
pub struct StoreError {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "cannot keep state in {}: {}. Give the user who runs gossiperld write access there, or set data_dir to another folder",
            self.path.display(),
            self.error
        )
    }
}

impl std::error::Error for StoreError {}

#[derive(Serialize, Deserialize)]
struct Members {
    version: u32,
    addresses: Vec<SocketAddr>,
}

impl Store {
    /// Opens the overlay's folder below this one, `overlays/OVERLAY`, making it where needed (mode 0700, as is `root` when it is made here).
    pub fn open(root: &Path, overlay: &str) -> Result<Self, StoreError> {
        let overlays = root.join(OVERLAYS);
        let folder = Store::folder(root, overlay);
        for path in [root, &overlays, &folder] {
            make_folder(path).map_err(|error| StoreError { path: path.to_owned(), error })?;
        }
        for path in [&overlays, &folder] {
            let private = fs::Permissions::from_mode(0o700);
            fs::set_permissions(path, private).map_err(|error| StoreError { path: path.clone(), error })?;
        }
        Ok(Store { folder })
    }

    /// The name kept, or the one that `make` makes, kept from now on.
    pub fn member_name(&self, make: impl FnOnce() -> String) -> Result<String, StoreError> {
        match self.kept_member_name() {
            Some(name) => Ok(name),
            None => {
                let name = make();
                let kept = self.replace(MEMBER_NAME, format!("{name}\n").as_bytes());
                kept.map_err(|error| self.error(MEMBER_NAME, error))?;
                Ok(name)
            }
        }
    }

    /// The name kept, where there is one.
    pub(crate) fn kept_member_name(&self) -> Option<String> {
        self.read(MEMBER_NAME).and_then(|bytes| {
            let name = String::from_utf8(bytes).ok()?.trim_end_matches('\n').to_owned();
            let good = (1..=255).contains(&name.len()) && !name.contains(char::is_control);
            if !good {
                self.move_aside(MEMBER_NAME);
            }
            good.then_some(name)
        })
    }

    /// Where members last were; empty where that is not known.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let Some(bytes) = self.read(MEMBERS) else { return Vec::new() };
        match serde_json::from_slice::<Members>(&bytes) {
            Ok(members) if members.version == VERSION => members
                .addresses
                .into_iter()
                .filter(|address| address.port() != 0)
                .take(MOST_ADDRESSES)
                .collect(),
            Ok(members) => {
                let version = members.version;
                tracing::warn!(
                    version,
                    "the last known members were written by another version; starting without"
                );
                self.move_aside(MEMBERS);
                Vec::new()
            }
            Err(error) => {
                tracing::warn!(%error, "the last known members cannot be read; starting without");
                self.move_aside(MEMBERS);
                Vec::new()
            }
        }
    }

    /// Keeps the first [`MOST_ADDRESSES`] of these. On an error the file is as it was. Blocks until the disk has it.
    pub fn save_addresses(&self, addresses: &[SocketAddr]) -> io::Result<()> {
        let addresses = addresses.iter().take(MOST_ADDRESSES).copied().collect();
        let mut text = serde_json::to_vec_pretty(&Members { version: VERSION, addresses })?;
        text.push(b'\n');
        self.replace(MEMBERS, &text)
    }

    /// Keeps these bytes in a file, in place of what it had; on an error that is still there. Blocks until the disk has it.
    pub(crate) fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.replace(name, bytes).map_err(|error| self.error(name, error))
    }

    /// Writes these bytes beside a file, which stays as it is until they are [committed](Store::commit). Blocks until the disk has them.
    pub(crate) fn stage(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        stage(&self.folder, name, bytes).map_err(|error| self.error(name, error))
    }

    /// Puts what was [staged](Store::stage) in the file's place. On an error it may or may not be there. Blocks until the disk has it.
    pub(crate) fn commit(&self, name: &str) -> Result<(), StoreError> {
        commit(&self.folder, name).map_err(|error| self.error(name, error))
    }

    /// Gives up what was [staged](Store::stage). Where it cannot be removed it is written over the next time.
    pub(crate) fn unstage(&self, name: &str) {
        let _ = fs::remove_file(self.folder.join(staged(name)));
    }

    /// Forgets a file; on an error it is still there. Blocks until the disk has forgotten.
    pub(crate) fn forget(&self, name: &str) -> Result<(), StoreError> {
        let forgotten = match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            forgotten => forgotten,
        };
        forgotten.and_then(|()| flush(&self.folder)).map_err(|error| self.error(name, error))
    }

    /// Where an overlay's folder is below this one.
    pub(crate) fn folder(root: &Path, overlay: &str) -> PathBuf {
        root.join(OVERLAYS).join(overlay)
    }

    /// Removes an overlay's folder, where there is one. Blocks until the disk has forgotten.
    pub(crate) fn remove(root: &Path, overlay: &str) -> Result<(), StoreError> {
        let folder = Store::folder(root, overlay);
        let removed = match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed.and_then(|()| flush(parent(&folder))),
        };
        removed.map_err(|error| StoreError { path: folder, error })
    }

    /// This error, about this file.
    pub(crate) fn error(&self, name: &str, error: io::Error) -> StoreError {
        StoreError { path: self.folder.join(name), error }
    }

    /// A file's bytes; `None`, told in the log, where there are none to be had.
    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.folder.join(name);
        match read_file(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                tracing::warn!(file = %path.display(), "the file is too large to be ours; starting without");
                self.move_aside(name);
                None
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot read what was kept; starting without");
                None
            }
        }
    }

    fn move_aside(&self, name: &str) {
        let (path, aside) = (self.folder.join(name), self.folder.join(format!("{name}.damaged")));
        match fs::rename(&path, &aside) {
            Ok(()) => tracing::warn!(file = %aside.display(), "moved aside"),
            Err(error) => tracing::warn!(file = %path.display(), %error, "cannot be moved aside"),
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace(&self.folder, name, bytes)
    }
}

/// A file's bytes; an error where there are more than are ours.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    // At once: what grows leaves copies behind, and some of this is secret.
    let len = file.metadata()?.len().min(LONGEST_FILE);
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default() + 1);
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= LONGEST_FILE {
        true => Ok(bytes),
        false => Err(io::ErrorKind::FileTooLarge.into()),
    }
}

/// Moves a folder, making what the new place is in. Blocks until the disk has it.
pub(crate) fn move_folder(from: &Path, to: &Path) -> io::Result<()> {
    make_folder(parent(to))?;
    fs::rename(from, to)?;
    flush(parent(to))?;
    flush(parent(from))
}

/// Replaces a file as a whole: written beside, flushed to the disk, renamed. Only the owner can read it.
pub(crate) fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    stage(folder, name, bytes)?;
    commit(folder, name)
}

/// The file beside, where another version waits.
fn staged(name: &str) -> String {
    format!("{name}.new")
}

fn stage(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let beside = folder.join(staged(name));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn commit(folder: &Path, name: &str) -> io::Result<()> {
    fs::rename(folder.join(staged(name)), folder.join(name))?;
    flush(folder)
}

/// Runs what waits for a disk where nothing else waits for it.
pub(crate) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is ending, and who waits here with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Makes a folder that only its owner reads, and those it is in, where they are not there. They are on the disk when this returns.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent(path);
    make_folder(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    flush(parent)
}

/// The folder that this is in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What was made, renamed or removed in a folder lasts only once the folder is on the disk.
fn flush(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
