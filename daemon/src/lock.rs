//! One daemon a `data_dir`. Two on one folder would have one name among the members, and write over each other's files.
//!
//! The lock is the system's (flock), so that it ends with the process however that ends; the file `lock` stays and means nothing by itself.

use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::store::make_folder;

const FILE: &str = "lock";

/// A folder that is ours for as long as this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Another daemon has the folder.
#[derive(Debug)]
pub(crate) struct Taken {
    data_dir: PathBuf,
}

impl fmt::Display for Taken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.data_dir.display();
        write!(
            formatter,
            "another gossiperld runs on data_dir {folder}: stop it (`fuser {folder}/{FILE}` shows which), or set data_dir to another folder"
        )
    }
}

impl std::error::Error for Taken {}

impl Lock {
    /// Takes the folder, making it where needed; an error that has [`Taken`] in it where another daemon has it. On a file system without locks it is only warned.
    pub(crate) fn take(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        let open = |path: &Path| {
            make_folder(data_dir)?;
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
        };
        let file = open(&path).with_context(|| {
            format!("cannot write {}; give the user who runs gossiperld write access there, or set data_dir to another folder", path.display())
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Taken { data_dir: data_dir.to_owned() }.into());
            }
            Err(TryLockError::Error(error)) => tracing::warn!(
                file = %path.display(), %error,
                "cannot be locked: nothing keeps a second gossiperld from this data_dir"
            ),
        }
        Ok(Lock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_daemons_until_that_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = folder.path().join("data");
        let first = Lock::take(&data_dir).expect("free");
        let error = Lock::take(&data_dir).expect_err("taken");
        let told = error.downcast::<Taken>().expect("why").to_string();
        assert!(
            told.contains(&data_dir.display().to_string()) && told.contains("data_dir to another"),
            "{told}"
        );
        Lock::take(&folder.path().join("other")).expect("another folder is free");
        drop(first);
        Lock::take(&data_dir).expect("free again");
    }
}
