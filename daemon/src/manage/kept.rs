//! Overlays made over REST, on disk: `data_dir/overlays/NAME/overlay.toml`, a configuration of that one overlay.

use std::{collections::BTreeMap, fs, io, path::Path};

use gossiperl_overlay::KeyId;
use zeroize::Zeroizing;

use super::{Host, Owner, token};
use crate::{
    config::Written,
    store::{Store, StoreError, on_disk},
};

const FILE: &str = "overlay.toml";

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

impl Host {
    /// Starts what REST has made and the file does not have.
    pub(super) fn start_kept(&self) {
        for (name, written) in find(&self.shared.data_dir) {
            let Some(written) = written else {
                tracing::error!(overlay = %name, "what was kept of an overlay made over REST cannot be read; it is not served, and stays where it is");
                continue;
            };
            if self.get(&name).is_some() {
                tracing::warn!(
                    overlay = %name,
                    "an overlay of this name was made over REST, too; the configuration file's is served. Remove data_dir/overlays/{name}/overlay.toml to end this, or rename one of the two"
                );
                continue;
            }
            let settings = match written.settings() {
                Ok(settings) => settings,
                Err(wrong) => {
                    let wrong: Vec<String> =
                        wrong.iter().map(|wrong| format!("{}: {}", wrong.property, wrong.text)).collect();
                    tracing::error!(overlay = %name, problems = wrong.join("; "), "an overlay made over REST is not valid any more; it is not served");
                    continue;
                }
            };
            if let Err(error) = self.start_now(settings, Owner::Rest(written), token::load_or_make) {
                tracing::error!(overlay = %name, %error, "an overlay made over REST cannot start; tried again at the next start");
            }
        }
    }
}

/// How many overlays REST has made and the next start will find.
pub fn count(data_dir: &Path) -> usize {
    let folders = fs::read_dir(data_dir.join("overlays")).into_iter().flatten().filter_map(Result::ok);
    folders.filter(|folder| folder.path().join(FILE).exists()).count()
}

/// Every overlay kept, by name; `None` where it cannot be read.
fn find(data_dir: &Path) -> BTreeMap<String, Option<Written>> {
    let folders = match fs::read_dir(data_dir.join("overlays")) {
        Ok(folders) => folders,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => {
            tracing::error!(%error, "overlays made over REST cannot be looked for in data_dir; none of them is served");
            return BTreeMap::new();
        }
    };
    let mut found = BTreeMap::new();
    for folder in folders.filter_map(Result::ok) {
        let Ok(name) = folder.file_name().into_string() else { continue };
        if !folder.path().join(FILE).exists() {
            continue;
        }
        let text = Store::open(data_dir, &name).ok().and_then(|store| store.read(FILE)).map(Zeroizing::new);
        let text = text
            .and_then(|bytes| std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned())));
        found.insert(name.clone(), text.and_then(|text| Written::from_kept(&name, text)));
    }
    found
}
