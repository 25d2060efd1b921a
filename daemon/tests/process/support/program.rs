//! The two programs, and how they end.

use std::process::{Child, Command, Output};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

pub(crate) const GOSSIPERL: &str = env!("CARGO_BIN_EXE_gossiperl");
pub(crate) const GOSSIPERLD: &str = env!("CARGO_BIN_EXE_gossiperld");

/// Runs a program that knows nothing from its environment to its end: exit code, standard output, standard error.
pub(crate) fn run(program: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(program);
    for variable in ["GOSSIPERL_KEY", "GOSSIPERL_SECRET", "GOSSIPERL_CONFIG"] {
        command.env_remove(variable);
    }
    ended(command.args(arguments).output().expect("started"))
}

/// Exit code, standard output, standard error.
pub(crate) fn ended(Output { status, stdout, stderr }: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("no signal"), text(stdout), text(stderr))
}

/// Sends a process a signal.
pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    kill(pid, signal).expect("sent");
}
