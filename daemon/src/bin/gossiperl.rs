//! The binary `gossiperl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gossiperl_daemon::cli::main()
}
