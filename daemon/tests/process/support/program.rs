//! The two programs, and how they end.

use std::{
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Log, log::PATIENCE};

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

/// A command that runs; killed when dropped.
pub(crate) struct Running {
    child: Child,
    /// Its standard output.
    pub(crate) out: Log,
    /// Its standard error.
    pub(crate) errors: Log,
}

impl Running {
    /// Starts it, and waits for a line on its standard error that has these words.
    pub(crate) fn start(command: Command, words: &str) -> Self {
        let running = Running::spawn(command);
        running.errors.wait_for(&[words]);
        running
    }

    /// Starts it.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        let out = Log::of(child.stdout.take().expect("piped"));
        let errors = Log::of(child.stderr.take().expect("piped"));
        Running { child, out, errors }
    }

    pub(crate) fn signal(&self, what: Signal) {
        signal(&self.child, what);
    }

    /// Waits for its end: exit code, standard output, standard error.
    pub(crate) fn ended(mut self) -> (i32, String, String) {
        let status = within_patience("a command's end", || self.child.try_wait().expect("a child"));
        (status.code().expect("no signal"), self.out.all(), self.errors.all())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a process a signal.
pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    kill(pid, signal).expect("sent");
}

/// Waits until `look` finds something.
pub(crate) fn within_patience<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} has not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
