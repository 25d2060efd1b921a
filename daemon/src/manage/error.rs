//! Why a change was not made.

use std::path::PathBuf;

use crate::{
    config::{LoadError, WrongProperty},
    driver::StartError,
    store::StoreError,
};

/// Why an overlay was not added, changed or removed. Unless it is said otherwise, everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such overlay.
    #[error("there is no overlay {0:?}")]
    Unknown(String),
    /// The overlay that was meant is gone; another has its name, and another token.
    #[error("overlay {0:?} was removed meanwhile, and there is another of this name")]
    Removed(String),
    /// The name is taken.
    #[error("there is an overlay {0:?} already")]
    Taken(String),
    /// The name is that of an overlay that is to run, and does not.
    #[error(
        "there is an overlay {name:?} already, which does not run: {why}. Change or remove it with its token"
    )]
    TakenAndFailed {
        /// The name.
        name: String,
        /// Why it does not run.
        why: String,
    },
    /// An overlay of the name is on the disk, though it is not known.
    #[error("there is an overlay of this name on the disk, {}: reload to serve it, or remove the file", .0.display())]
    Kept(PathBuf),
    /// The overlay does not run, and what is kept of it cannot be read: it cannot be changed by half.
    #[error("the overlay does not run: {0}")]
    Failed(String),
    /// The configuration file's overlays change with the file alone.
    #[error(
        "overlay {0:?} stands in the configuration file: change it there, then reload (SIGHUP or POST /reconfigure)"
    )]
    File(String),
    /// At least one property is not as it must be.
    #[error("{}", told(.0))]
    Wrong(Vec<WrongProperty>),
    /// It would be another overlay.
    #[error("{0} cannot change while the overlay exists: remove it and add it anew")]
    Identity(&'static str),
    /// It does not start: its address or port, mostly.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It could not be started as it should be, nor again as it was; it is tried again.
    #[error("{wanted}; and as it was it does not start any more either, and is tried again: {before}")]
    Lost {
        /// Why not as wanted.
        wanted: Box<StartError>,
        /// Why not as before.
        before: Box<StartError>,
    },
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host has as many as it may.
    #[error("this host has {0} overlays, which is the most")]
    TooMany(usize),
    /// The overlay ended meanwhile.
    #[error("the overlay is being left")]
    Ended,
    /// The daemon is ending, or drained.
    #[error("the daemon is drained, or stopping")]
    Stopping,
}

/// Why a reload was refused, or what of it failed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file cannot be read, or is refused; nothing has changed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The file has an overlay that cannot stand beside one made over REST; nothing has changed.
    #[error("{0}")]
    Conflict(String),
    /// Some things could not be brought to what the file says; the others were.
    #[error("{}", .0.join("; "))]
    Partly(Vec<String>),
    /// The daemon is ending, or drained.
    #[error("the daemon is drained, or stopping")]
    Stopping,
}

fn told(wrong: &[WrongProperty]) -> String {
    let one = |wrong: &WrongProperty| match wrong.property.is_empty() {
        true => wrong.text.clone(),
        false => format!("{}: {}", wrong.property, wrong.text),
    };
    wrong.iter().map(one).collect::<Vec<_>>().join("; ")
}
