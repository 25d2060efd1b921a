//! What is kept between runs, and what happens when it is damaged.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use gossiperl_daemon::store::{MOST_ADDRESSES, Store};
use gossiperl_idl::sealed::OverlayKey;
use gossiperl_overlay::KeyId;
use tempfile::TempDir;

fn store() -> (TempDir, Store, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let store = Store::open(&data_dir, "main").expect("opened");
    let own = data_dir.join("overlays/main");
    (folder, store, own)
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn addresses_come_back() {
    let (folder, store, _) = store();
    assert_eq!(store.addresses(), []);
    let addresses = [address(1), "[2001:db8::1]:7".parse().expect("an address")];
    store.save_addresses(&[address(9)]).expect("saved");
    store.save_addresses(&addresses).expect("saved");
    let again = Store::open(&folder.path().join("data"), "main").expect("opened");
    assert_eq!(again.addresses(), addresses);
    assert_eq!(Store::open(&folder.path().join("data"), "other").expect("opened").addresses(), []);
}

#[test]
fn only_the_owner_reads_it() {
    let (folder, store, own) = store();
    store.save_addresses(&[address(1)]).expect("saved");
    store.member_name(|| "me".to_owned()).expect("kept");
    assert_eq!(mode(&folder.path().join("data")), 0o700);
    assert_eq!((mode(&own), mode(own.parent().expect("a parent"))), (0o700, 0o700));
    assert_eq!((mode(&own.join("members.json")), mode(&own.join("member_name"))), (0o600, 0o600));
}

#[test]
fn damaged_files_are_moved_aside() {
    for damage in [
        "",
        "{",
        "{\"version\":1}",
        "{\"version\":2,\"addresses\":[]}",
        "[\u{0}]",
        "{\"version\":1,\"addresses\":[\"x\"]}",
    ] {
        let (_folder, store, own) = store();
        fs::write(own.join("members.json"), damage).expect("written");
        assert_eq!(store.addresses(), [], "{damage:?}");
        assert_eq!(fs::read_to_string(own.join("members.json.damaged")).expect("moved"), damage);
        store.save_addresses(&[address(1)]).expect("saved");
        assert_eq!(store.addresses(), [address(1)]);
    }
}

#[test]
fn a_write_cut_short_leaves_the_last_one() {
    let (_folder, store, own) = store();
    store.save_addresses(&[address(1)]).expect("saved");
    fs::write(own.join("members.json.new"), "{\"vers").expect("written");
    assert_eq!(store.addresses(), [address(1)]);
    store.save_addresses(&[address(2)]).expect("saved");
    assert_eq!(store.addresses(), [address(2)]);
}

#[test]
fn the_number_kept_is_bounded() {
    let (_folder, store, own) = store();
    let many: Vec<SocketAddr> = (1..=2_000).map(address).collect();
    store.save_addresses(&many).expect("saved");
    assert_eq!(store.addresses(), &many[..MOST_ADDRESSES]);
    fs::write(own.join("members.json"), vec![b' '; 2 << 20]).expect("written");
    assert_eq!(store.addresses(), []);
    assert!(own.join("members.json.damaged").exists());
}

#[test]
fn a_made_name_is_kept_and_a_damaged_one_made_anew() {
    let (_folder, store, own) = store();
    assert_eq!(store.member_name(|| "first".to_owned()).expect("kept"), "first");
    assert_eq!(store.member_name(|| "second".to_owned()).expect("kept"), "first");
    fs::write(own.join("member_name"), [0xff, 0xfe]).expect("written");
    assert_eq!(store.member_name(|| "third".to_owned()).expect("kept"), "third");
    fs::write(own.join("member_name"), "").expect("written");
    assert_eq!(store.member_name(|| "fourth".to_owned()).expect("kept"), "fourth");
    assert_eq!(store.member_name(|| "fifth".to_owned()).expect("kept"), "fourth");
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    let told = Store::open(&file, "main").expect_err("an error").to_string();
    assert!(told.contains(&file.display().to_string()) && told.contains("data_dir"), "{told}");
}

fn ring(keys: &[&str]) -> Vec<zeroize::Zeroizing<Vec<u8>>> {
    keys.iter().map(|key| key.as_bytes().to_vec().into()).collect()
}

fn ids(keys: &[&str]) -> Vec<KeyId> {
    keys.iter().map(|key| OverlayKey::new(key.as_bytes()).id()).collect()
}

#[test]
fn a_ring_comes_back_for_the_keys_it_was_derived_from_and_no_others() {
    let (_folder, store, own) = store();
    assert!(store.ring(&ids(&["old"])).is_none());
    store.save_ring(&ids(&["old"]), &ring(&["first", "old"])).expect("saved");
    store.save_ring(&ids(&["old"]), &ring(&["new", "old"])).expect("saved");
    assert_eq!(mode(&own.join("keys.json")), 0o600);
    assert!(store.ring(&ids(&["old"])) == Some(ring(&["new", "old"])));
    assert!(store.ring(&ids(&["old"])) == Some(ring(&["new", "old"])), "as often as it is wanted");
    let text = fs::read_to_string(own.join("keys.json")).expect("there");
    assert!(text.contains(&ids(&["old"])[0].to_string()), "{text}");
    for others in [&["other"][..], &["old", "other"], &["new", "old"], &["new"]] {
        store.save_ring(&ids(&["old"]), &ring(&["new", "old"])).expect("saved");
        assert!(store.ring(&ids(others)).is_none(), "the configuration counts");
        assert!(store.ring(&ids(&["old"])).is_some(), "until it is the one to stay, it can be taken back");
        store.drop_former_ring(&ids(&["old"]));
        assert!(store.ring(&ids(&["old"])).is_some(), "its own");
        store.drop_former_ring(&ids(others));
        assert!(!own.join("keys.json").exists(), "and keys that nobody wants are not left lying about");
    }
}

#[test]
fn a_damaged_ring_is_moved_aside() {
    let (_folder, store, own) = store();
    let configured = ids(&["old"]);
    let ids = configured[0];
    let nine: Vec<String> = (b'A'..b'J').map(|letter| format!("{}AAA", char::from(letter))).collect();
    let of =
        |version: u32, keys: &str| format!(r#"{{"version":{version},"configured":["{ids}"],"keys":{keys}}}"#);
    let damaged = [
        String::new(),
        "{".to_owned(),
        "\0".repeat(200),
        of(2, r#"["AAAA"]"#),
        of(1, "[]"),
        of(1, r#"[""]"#),
        of(1, r#"["no base64!"]"#),
        of(1, r#"["AAAA","AAAA"]"#),
        of(1, &format!("{nine:?}")),
        " ".repeat(2 << 20),
    ];
    for text in damaged {
        fs::write(own.join("keys.json"), &text).expect("written");
        assert!(store.ring(&configured).is_none(), "{text:.80}");
        assert!(!own.join("keys.json").exists(), "{text:.80}");
        assert_eq!(fs::read_to_string(own.join("keys.json.damaged")).expect("kept"), text);
    }
    fs::write(own.join("keys.json"), of(1, r#"["AAAA"]"#)).expect("written");
    assert_eq!(store.ring(&configured).expect("a ring")[0].as_slice(), [0, 0, 0]);
}
