//! The demonstration tells its story and ends well.

use std::process::Command;

use crate::support::GOSSIPERL;

#[test]
fn the_demo_exchanges_messages_finds_out_a_killed_daemon_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().expect("a folder");
    let ended =
        Command::new(GOSSIPERL).arg("demo").env("TMPDIR", temporary.path()).output().expect("started");
    let told = String::from_utf8(ended.stdout).expect("text");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{told}\n{errors}");
    for words in [
        "1000 messages of type demo.orders published on host-1, all acknowledged",
        "host-2       1000      0      0",
        "host-3       1000      0      0",
        "latency from host-1 to host-3: median",
        "Killing host-3",
        "member_unreachable",
        "host-3  unreachable",
        "host-2 has left in order.",
    ] {
        assert!(told.contains(words), "{words:?} is missing in:\n{told}");
    }
    let left = std::fs::read_dir(temporary.path()).expect("readable").count();
    assert_eq!(left, 0, "files are left behind");
}
