//! Losing every seed harms nobody: restarted daemons rejoin from where members last were.

use std::{fs, net::IpAddr, path::Path};

use crate::support::{Daemon, Table, free_port, write_config};

/// host-N of the network in `folder`, at 127.0.1.N.
fn start(folder: &Path, port: u16, number: u8, seed: Option<u8>) -> Daemon {
    let folder = folder.join(format!("host-{number}"));
    fs::create_dir_all(&folder).expect("made");
    let seeds: Vec<String> = seed.map(|seed| format!("127.0.1.{seed}")).into_iter().collect();
    let more = format!("member_name = \"host-{number}\"\npreset = \"local\"");
    let ip = IpAddr::from([127, 0, 1, number]);
    let table = Table { name: "main", ip, port, seeds: &seeds, more: &more };
    Daemon::start(&write_config(&folder, "", &[table]))
}

#[test]
fn a_killed_daemon_finds_back_without_any_seed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let port = free_port(&[1, 2, 3].map(|number| IpAddr::from([127, 0, 1, number])));
    let seed = start(folder, port, 1, None);
    seed.wait_for("started");
    let second = start(folder, port, 2, Some(1));
    let third = start(folder, port, 3, Some(1));
    second.log().wait_for(&["member_in", "member=host-3"]);
    third.log().wait_for(&["member_in", "member=host-2"]);
    // On disk within seconds of being known; a kill before that would be a daemon that never knew.
    let kept = folder.join("host-3/data/overlays/main/members.json");
    let second_address = format!("127.0.1.2:{port}");
    while !fs::read_to_string(&kept).is_ok_and(|text| text.contains(&second_address)) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    seed.crash();
    third.crash();
    second.log().wait_for(&["member_unreachable", "member=host-3"]);
    let third = start(folder, port, 3, Some(1));
    third.log().wait_for(&["member_in", "member=host-2"]);
    second.log().wait_for(&["member_rejoin", "member=host-3"]);
}
