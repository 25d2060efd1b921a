//! Overlays made over REST, on disk: `data_dir/rest/overlays/NAME/overlay.toml`, a configuration of that one overlay. Beside it stands what the overlay keeps
//! between runs; the file's overlays have folders of their own, so that neither owner's are touched by the other's of the same name.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use gossiperl_overlay::KeyId;
use zeroize::Zeroizing;

use super::{ChangeError, Host, Owner, failed::Wanted, token};
use crate::{
    config::{Written, check_name},
    store::{self, Store, StoreError, on_disk},
};

const FILE: &str = "overlay.toml";

/// Under which folder of `data_dir` all is kept that REST has made.
pub(super) const ROOT: &str = "rest";

/// A version of an overlay on the disk, beside what is kept of it: not there for a start until it is committed.
pub(super) struct Staged(Store);

impl Staged {
    /// Writes it, so that what can fail for want of room has.
    pub(super) async fn new(store: &Store, written: &Written) -> Result<Self, StoreError> {
        let (store, written) = (store.clone(), written.clone());
        on_disk(move || {
            store.stage(FILE, written.text().as_bytes())?;
            Ok(Staged(store))
        })
        .await
    }

    /// Keeps it in place of what was kept; the commit of adding and changing. A ring of other keys than its own goes.
    pub(super) async fn commit(self, keys: Vec<KeyId>) -> Result<(), StoreError> {
        on_disk(move || {
            self.0.commit(FILE)?;
            self.0.drop_former_ring(&keys);
            Ok(())
        })
        .await
    }

    /// Gives it up.
    pub(super) async fn give_up(self) {
        on_disk(move || self.0.unstage(FILE)).await;
    }
}

/// Forgets an overlay, first of all that it is to come back; the commit of removing. What else stands in its folder is removed as far as it can be.
pub(super) async fn forget(store: &Store) -> Result<(), StoreError> {
    let store = store.clone();
    on_disk(move || store.forget(FILE)).await
}

/// What is kept of an overlay.
enum Kept {
    /// Nothing that a start would find.
    Nothing,
    /// Its properties.
    Written(Written),
    /// Something that cannot be read, for this reason.
    Unreadable(String),
}

impl Host {
    /// The folder of what is kept of an overlay made over REST.
    pub(super) fn root_of_rest(&self) -> PathBuf {
        self.shared.data_dir.join(ROOT)
    }

    /// Starts what REST has made and does not run, or says why it cannot be. Waits for the disk.
    pub(super) fn start_kept(&self) {
        let mut names = find(&self.root_of_rest());
        names.extend(
            self.failed()
                .iter()
                .filter(|failed| matches!(failed.wanted, Wanted::Rest(_)))
                .map(|failed| failed.name.clone()),
        );
        for name in names {
            match self.get(&name).map(|running| running.owner.clone()) {
                Some(Owner::Rest(_)) => {}
                Some(Owner::File) => tracing::warn!(
                    overlay = %name,
                    "an overlay of this name was made over REST, too; the configuration file's is served, the other once the file has none of this name"
                ),
                None => self.try_kept(&name),
            }
        }
    }

    /// Starts an overlay of REST's as it is kept now, or says why it cannot be. Waits for the disk.
    pub(super) fn try_kept(&self, name: &str) {
        let root = self.root_of_rest();
        let (written, started) = match read(&root, name) {
            Kept::Nothing => {
                let mut gone = None;
                self.change(|table| gone = table.failed.remove(name));
                if gone.is_some() {
                    tracing::info!(overlay = %name, "what was kept of the overlay is gone, and the overlay with it");
                }
                return;
            }
            Kept::Unreadable(why) => (None, Err(why)),
            Kept::Written(written) => {
                let started = self.start_written(&written).map_err(|error| error.to_string());
                (Some(written), started)
            }
        };
        match started {
            Ok(was_failed) => {
                if was_failed {
                    tracing::info!(overlay = %name, "the overlay runs now");
                }
            }
            Err(why) => {
                let token = Store::open(&root, name).and_then(|store| token::load_or_make(&store)).ok();
                self.fail(name, Wanted::Rest(written), token, why);
            }
        }
    }

    /// Whether it had failed before.
    fn start_written(&self, written: &Written) -> Result<bool, ChangeError> {
        let settings = written.settings().map_err(ChangeError::Wrong)?;
        self.check_beside_others(&settings)?;
        let was_failed = self.table(|table| table.failed.contains_key(&settings.name));
        self.start_now(settings, Owner::Rest(written.clone()), token::load_or_make)?;
        Ok(was_failed)
    }

    /// Makes room for an overlay that is to be added: what a removal that was cut short has left of an earlier one of its name goes. Refused where a start would find one.
    pub(super) async fn make_room(&self, name: &str) -> Result<(), ChangeError> {
        let (root, name) = (self.root_of_rest(), name.to_owned());
        on_disk(move || match read(&root, &name) {
            Kept::Nothing => Ok(Store::remove(&root, &name)?),
            _ => Err(ChangeError::Kept(file(&root, &name))),
        })
        .await
    }
}

/// How many overlays REST has made and the next start will find.
pub fn count(data_dir: &Path) -> usize {
    find(&data_dir.join(ROOT)).len()
}

/// Brings what earlier versions kept of overlays made over REST, in one folder with the file's, to where it is now.
pub(super) fn migrate(data_dir: &Path) {
    let root = data_dir.join(ROOT);
    for name in find(data_dir) {
        let (from, to) = (Store::folder(data_dir, &name), Store::folder(&root, &name));
        let moved = match to.exists() {
            true => Err(io::Error::from(io::ErrorKind::AlreadyExists)),
            false => store::move_folder(&from, &to),
        };
        match moved {
            Ok(()) => {
                tracing::info!(from = %from.display(), to = %to.display(), "moved what is kept of an overlay made over REST")
            }
            Err(error) => tracing::error!(
                from = %from.display(), to = %to.display(), %error,
                "what is kept of an overlay made over REST cannot be moved; it is not served until it is"
            ),
        }
    }
}

/// The names of all overlays kept.
fn find(root: &Path) -> BTreeSet<String> {
    let folders = match fs::read_dir(root.join(store::OVERLAYS)) {
        Ok(folders) => folders,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeSet::new(),
        Err(error) => {
            tracing::error!(folder = %root.display(), %error, "overlays made over REST cannot be looked for; none of them is served");
            return BTreeSet::new();
        }
    };
    let names = folders.filter_map(Result::ok).filter_map(|folder| folder.file_name().into_string().ok());
    names.filter(|name| check_name(name).is_ok() && is_there(&file(root, name))).collect()
}

fn read(root: &Path, name: &str) -> Kept {
    let path = file(root, name);
    if !is_there(&path) {
        return Kept::Nothing;
    }
    let text = store::read_file(&path).map(Zeroizing::new).map_err(|error| error.to_string());
    let text = text.and_then(|bytes| {
        let text = std::str::from_utf8(&bytes).map_err(|error| error.to_string())?;
        Ok(Zeroizing::new(text.to_owned()))
    });
    let written = text.and_then(|text| {
        Written::from_kept(name, text).ok_or_else(|| "it is no table of this one overlay".to_owned())
    });
    written.map_or_else(
        |error| {
            Kept::Unreadable(format!(
                "{} cannot be read: {error}. Mend it, or remove it, which removes the overlay; then reload",
                path.display()
            ))
        },
        Kept::Written,
    )
}

/// Also where it cannot be looked at: something that is there is not to be taken for nothing.
fn is_there(path: &Path) -> bool {
    let missing = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    !matches!(path.symlink_metadata(), Err(error) if missing.contains(&error.kind()))
}

fn file(root: &Path, name: &str) -> PathBuf {
    Store::folder(root, name).join(FILE)
}
