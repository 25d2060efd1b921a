//! The key ring as it was changed at run time, in `keys.json`.
//!
//! It stands for the configuration's keys as long as those are the ones it was derived from, which it names by their ids. Once they are others the
//! configuration counts and the kept ring is dropped: whoever edits the file means it. It is dropped only once that configuration is the one to stay: a
//! change that is tried and taken back finds its ring again.
//!
//! The file holds keys as the configuration does, for the owner's eyes only. Its bytes are wiped from memory behind each use.

use std::{collections::BTreeSet, fs, io};

use base64::{Engine, engine::general_purpose::STANDARD};
use gossiperl_idl::sealed::{MAX_KEYS, OverlayKey};
use gossiperl_overlay::KeyId;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{Store, VERSION};

const KEYS: &str = "keys.json";

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// Ids of the configuration's keys, in order.
    configured: Vec<String>,
    /// The ring in base64, the key that seals first.
    keys: Vec<String>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

impl Store {
    /// The ring that was derived from just these keys of the configuration; `None` where there is none. One that cannot be understood is moved aside, and told in the log.
    pub fn ring(&self, configured: &[KeyId]) -> Option<Vec<Zeroizing<Vec<u8>>>> {
        let bytes = Zeroizing::new(self.read(KEYS)?);
        let kept = serde_json::from_slice::<Kept>(&bytes).ok();
        let read = kept.as_ref().and_then(|kept| Some((kept, ring_of(kept)?)));
        let Some((kept, ring)) = read else {
            tracing::error!(
                file = %self.folder.join(KEYS).display(),
                "the kept key ring cannot be read; starting with the configuration's keys. Where those are retired meanwhile, put the present key into the configuration"
            );
            self.move_aside(KEYS);
            return None;
        };
        kept.configured.iter().eq(&names(configured)).then_some(ring)
    }

    /// Drops a ring that was derived from other keys than these, which are the configuration's from now on, and tells so in the log.
    pub fn drop_former_ring(&self, configured: &[KeyId]) {
        let Some(bytes) = self.read(KEYS).map(Zeroizing::new) else { return };
        let Ok(kept) = serde_json::from_slice::<Kept>(&bytes) else { return };
        if kept.configured.iter().eq(&names(configured)) {
            return;
        }
        let file = self.folder.join(KEYS);
        let ring = ring_of(&kept).unwrap_or_default();
        let ids: Vec<KeyId> = ring.iter().map(|key| OverlayKey::new(key).id()).collect();
        match is_same_ring(&ids, configured) {
            true => tracing::info!(
                file = %file.display(),
                "the configuration has the keys of the kept ring now: the kept ring is dropped"
            ),
            false => tracing::warn!(
                file = %file.display(),
                "the configuration's keys have changed since the key ring was kept: the configuration counts, the kept ring is dropped"
            ),
        }
        if let Err(error) = fs::remove_file(&file) {
            tracing::warn!(file = %file.display(), %error, "the dropped key ring cannot be removed; remove it");
        }
    }

    /// Keeps the ring that these keys of the configuration have become. On an error the file is as it was. Blocks until the disk has it.
    pub fn save_ring(&self, configured: &[KeyId], ring: &[Zeroizing<Vec<u8>>]) -> io::Result<()> {
        let keys = ring.iter().map(|key| STANDARD.encode(key.as_slice())).collect();
        let kept = Kept { version: VERSION, configured: names(configured), keys };
        let room = 256 + kept.keys.iter().chain(&kept.configured).map(|text| text.len() + 16).sum::<usize>();
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer_pretty(&mut *text, &kept)?;
        text.push(b'\n');
        self.replace(KEYS, &text)
    }
}

/// Whether two rings have the same keys, and the same that seals; in which order the others stand is nobody's affair.
pub(crate) fn is_same_ring<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.len() == other.len() && one.first() == other.first() && one.iter().all(|key| other.contains(key))
}

/// `None`: not a ring.
fn ring_of(kept: &Kept) -> Option<Vec<Zeroizing<Vec<u8>>>> {
    let decode = |key: &String| STANDARD.decode(key).ok().filter(|key| !key.is_empty()).map(Zeroizing::new);
    let ring: Vec<Zeroizing<Vec<u8>>> = kept.keys.iter().map(decode).collect::<Option<_>>()?;
    let different = ring.iter().map(|key| key.as_slice()).collect::<BTreeSet<_>>().len() == ring.len();
    (kept.version == VERSION && different && (1..=MAX_KEYS).contains(&ring.len())).then_some(ring)
}

fn names(ids: &[KeyId]) -> Vec<String> {
    ids.iter().map(KeyId::to_string).collect()
}
