//! Commands that are interrupted: how they end, and that they leave nobody behind.

use std::{
    io::Write,
    process::{Child, Stdio},
};

use nix::{
    fcntl::{FcntlArg, fcntl},
    sys::signal::Signal,
};

use crate::support::{Daemon, Running, signal, within_patience};

#[test]
fn commands_that_run_until_interrupted_end_with_0_and_say_goodbye() {
    let daemon = Daemon::alone("127.0.0.61");
    for what in [Signal::SIGINT, Signal::SIGTERM] {
        for arguments in [&["subscribe", "news"][..], &["reach", "--answer"], &["members", "--watch"]] {
            let running = Running::spawn(daemon.command(&[arguments, &["--name", "leaver"]].concat()));
            daemon.log().wait_for(&["member_in", "client=leaver"]);
            running.signal(what);
            assert_eq!(running.ended().0, 0, "{arguments:?}");
            daemon.log().wait_for(&["member_out", "client=leaver"]);
        }
    }
}

#[test]
fn what_is_unfinished_when_interrupted_ends_with_1_and_says_so() {
    let daemon = Daemon::alone("127.0.0.62");
    for arguments in [
        &["publish", "news", "--lines"][..],
        &["subscribe", "news", "--count", "1"],
        &["bench", "sub", "news"],
        &["reach", "--count", "1000"],
    ] {
        let mut command = daemon.command(&[arguments, &["--name", "leaver"]].concat());
        command.stdin(Stdio::piped());
        let running = Running::spawn(command);
        daemon.log().wait_for(&["member_in", "client=leaver"]);
        running.signal(Signal::SIGINT);
        let (code, _, errors) = running.ended();
        assert_eq!(code, 1, "{arguments:?}");
        assert!(errors.contains("gossiperl: interrupted: "), "{arguments:?}: {errors}");
        daemon.log().wait_for(&["member_out", "client=leaver"]);
    }
}

#[test]
fn a_publish_that_waits_for_the_end_of_its_input_can_be_interrupted() {
    let daemon = Daemon::alone("127.0.0.63");
    let mut publish: Child =
        daemon.command(&["publish", "news"]).stdin(Stdio::piped()).spawn().expect("started");
    let mut input = publish.stdin.take().expect("piped");
    // More than the pipe holds: once it is written, some has been read.
    let held = fcntl(&input, FcntlArg::F_SETPIPE_SZ(4_096)).expect("set");
    input.write_all(&vec![b'.'; 2 * usize::try_from(held).expect("a size")]).expect("written");
    // Nothing handles signals yet, and who is started from a shell's background job ignores SIGINT.
    signal(&publish, Signal::SIGTERM);
    let ended = within_patience("the end of publish", || publish.try_wait().expect("a child"));
    assert!(!ended.success());
    drop(input);
}
