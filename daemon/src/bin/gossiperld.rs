//! The binary `gossiperld`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gossiperl_daemon::service::main()
}
