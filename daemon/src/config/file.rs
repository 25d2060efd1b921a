//! Reads a configuration's file, whatever it turns out to be, in bounded memory.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::problem::{ConfigError, Problem};

/// A configuration is a few kilobytes; anything this large is another file.
const LONGEST_FILE: u64 = 4 << 20;

/// Why a configuration could not be had.
#[derive(Debug)]
pub enum LoadError {
    /// The file could not be read.
    Unreadable(PathBuf, io::Error),
    /// It was read and refused.
    Refused(ConfigError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, error) = match self {
            LoadError::Unreadable(file, error) => (file.display(), error),
            LoadError::Refused(error) => return error.fmt(formatter),
        };
        write!(formatter, "cannot read the configuration {file}: {error}")?;
        match error.kind() {
            // Only where there is nothing that the advice would overwrite.
            io::ErrorKind::NotFound => {
                write!(formatter, ". `gossiperld --print-config > {file}` makes one")
            }
            io::ErrorKind::PermissionDenied => write!(
                formatter,
                ". Run this as its owner (`ls -l {file}` says who); commands do without it, given --port and --key-file"
            ),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for LoadError {}

/// The file's text.
pub(super) fn read(file: &Path) -> Result<Zeroizing<String>, LoadError> {
    let unreadable = |error| LoadError::Unreadable(file.to_owned(), error);
    let opened = File::open(file).map_err(unreadable)?;
    // One allocation, so that growing leaves no copies of secrets behind. What has no length (a pipe) may.
    let length = opened.metadata().map_err(unreadable)?.len().min(LONGEST_FILE);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    opened.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST_FILE {
        let text = format!("more than {LONGEST_FILE} bytes are no configuration; is it the right file?");
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, text)));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            let text = "this is no UTF-8 text, as TOML must be; save the file as UTF-8".to_owned();
            let problems = vec![Problem { line, property: String::new(), text }];
            Err(LoadError::Refused(ConfigError { file: file.to_owned(), problems }))
        }
    }
}

/// A note where users other than the owner can read the file's secrets.
pub(super) fn readable_by_others(file: &Path) -> Option<Problem> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).ok()?.permissions().mode();
    let text = format!("everyone on this host can read its keys and secrets; `chmod 600 {}`", file.display());
    (mode & 0o004 != 0).then(|| Problem { line: 1, property: String::new(), text })
}
