//! `gossiperl hash-password`: what stands in the configuration in place of a password.

use std::io::{self, BufRead};

use anyhow::{Context, bail};
use zeroize::Zeroizing;

use super::output;
use crate::rest;

/// Bytes of a password.
const ALLOWED: std::ops::RangeInclusive<usize> = 8..=1_024;

/// Reads one line, so that no password stands in a command line, which every user of the host can see.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line).context("cannot read a password from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if !ALLOWED.contains(&password.len()) {
        bail!("a password has {} to {} bytes, this one {}", ALLOWED.start(), ALLOWED.end(), password.len());
    }
    let hash = rest::hash_password(password.as_bytes()).context("the password cannot be hashed")?;
    Ok(output::line(hash)?)
}
