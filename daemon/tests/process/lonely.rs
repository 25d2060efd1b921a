//! A daemon that nobody lets in, and the one that does not: what their logs say.

use std::{fs, net::IpAddr};

use crate::support::{Daemon, KEY, Table, free_port, write_config};

#[test]
fn a_wrong_key_or_secret_is_told_on_both_sides() {
    let inside: IpAddr = "127.0.0.71".parse().expect("an address");
    let outside: IpAddr = "127.0.0.72".parse().expect("an address");
    for (key, secret, refused) in [
        ("other, and wrong", "", "unknown_key, the sender has another symmetric_key"),
        (KEY, "secret = \"other, and wrong\"", "forged, another secret"),
    ] {
        let port = free_port(&[inside, outside]);
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let table = Table { name: "main", ip: inside, port, seeds: &[], more: "" };
        let member = Daemon::start(&write_config(folders[0].path(), "", &[table]));
        member.wait_for("started");
        let seeds = [inside.to_string()];
        let table = Table { name: "main", ip: outside, port, seeds: &seeds, more: secret };
        let config = write_config(folders[1].path(), "", &[table]);
        let text = fs::read_to_string(&config).expect("read");
        fs::write(&config, text.replace(KEY, key)).expect("written");
        let stranger = Daemon::start(&config);
        let log = member.wait_for(refused);
        assert_eq!(log.contains("unknown_key=0"), key == KEY, "{log}");
        let newest = if key == KEY { "newest_forged" } else { "newest_unknown_key" };
        assert!(log.contains(&format!("{newest}={outside}:{port}")), "{log}");
        let log = stranger.wait_for("nobody lets us in");
        let tried = format!("tried=[{inside}:{port}]");
        assert!(log.contains(&tried) && log.contains("symmetric_key and secret"), "{log}");
        assert!(!log.contains("other, and wrong"), "{log}");
    }
}
