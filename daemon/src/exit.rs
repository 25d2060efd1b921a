//! How the programs end: one meaning a number, and an error that says what to do next.

use std::process::ExitCode;

use crate::cli;

/// All went well.
pub const DONE: u8 = 0;
/// Something failed; standard error says what and what to do.
pub const FAILED: u8 = 1;
/// The command line was wrong.
pub const USAGE: u8 = 2;
/// The configuration was refused, or its `data_dir` is another daemon's (`EX_CONFIG` of sysexits.h; systemd knows it by that name).
pub const CONFIG: u8 = 78;

/// Prints an error with all its causes, and picks the exit code.
pub fn report(program: &str, result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return DONE.into() };
    if error.chain().any(is_broken_pipe) {
        return DONE.into();
    }
    cli::note(format_args!("{program}: {}", told(&error)));
    let refused = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<crate::config::LoadError>() || cause.is::<crate::lock::Taken>()
    };
    let config = error.chain().any(refused);
    if config { CONFIG.into() } else { FAILED.into() }
}

/// The error and its causes, none twice: some tell their cause themselves.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Who read our output has read enough.
fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = std::io::Error::other("no room");
        let error = anyhow::Error::new(cause).context("no log: no room").context("cannot start");
        assert_eq!(told(&error), "cannot start: no log: no room");
        assert_eq!(told(&anyhow!("alone")), "alone");
    }
}
