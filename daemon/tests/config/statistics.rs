//! The table `[statistics.influxdb]`.

use std::{path::Path, time::Duration};

use gossiperl_daemon::config::{Password, Settings};

use super::{accepted, overlay, parse, refused};

/// A configuration with these lines in the table, from line 7 on.
fn influxdb(lines: &str) -> String {
    overlay(&format!("[statistics.influxdb]\n{lines}"))
}

/// What is said about it without refusing it.
fn notes(settings: &Settings) -> Vec<String> {
    let ours = settings.notes.iter().filter(|note| note.property.starts_with("statistics"));
    ours.map(|note| note.text.clone()).collect()
}

const SERVER: &str = "url = \"http://127.0.0.1:8086\"\ndatabase = \"gossiperl\"\n";

#[test]
fn without_it_statistics_go_nowhere() {
    assert!(accepted(&overlay("")).statistics.influxdb.is_none());
    assert!(accepted(&overlay("[statistics]")).statistics.influxdb.is_none());
}

#[test]
fn the_least_of_it_has_defaults() {
    let settings = accepted(&influxdb(SERVER));
    let influxdb = settings.statistics.influxdb.as_ref().expect("a server");
    assert_eq!(influxdb.url.as_str(), "http://127.0.0.1:8086/");
    assert_eq!(influxdb.database, "gossiperl");
    assert_eq!((influxdb.every, influxdb.queue), (Duration::from_secs(10), 360));
    assert!(influxdb.username.is_none() && influxdb.password.is_none() && influxdb.certificates.is_none());
    assert!(notes(&settings).is_empty());
}

#[test]
fn every_property_is_read() {
    let settings = accepted(&influxdb(
        "url = \"https://influx.example.com/through/a/proxy\"\ndatabase = \"a b\"\nusername = \"me\"\npassword_file = \"/run/p\"\n\
         certificates = \"/etc/ca.pem\"\nevery = 0.5\nqueue = 7",
    ));
    assert!(notes(&settings).is_empty());
    let influxdb = settings.statistics.influxdb.expect("a server");
    assert_eq!(influxdb.url.as_str(), "https://influx.example.com/through/a/proxy");
    assert_eq!((influxdb.database.as_str(), influxdb.username.as_deref()), ("a b", Some("me")));
    assert!(matches!(influxdb.password, Some(Password::File(file)) if file == Path::new("/run/p")));
    assert_eq!(influxdb.certificates.as_deref(), Some(Path::new("/etc/ca.pem")));
    assert_eq!((influxdb.every, influxdb.queue), (Duration::from_millis(500), 7));
}

#[test]
fn what_is_missing_or_wrong_is_named_with_what_is_allowed() {
    refused(
        &influxdb("database = \"x\""),
        6,
        "statistics.influxdb.url",
        &["missing", "http://127.0.0.1:8086"],
    );
    refused(&influxdb("url = \"http://x\""), 6, "statistics.influxdb.database", &["missing", "database"]);
    for (url, words) in [
        ("127.0.0.1:8086", &["is no address"][..]),
        ("localhost:8086", &["localhost: is not spoken here", "http://HOST:PORT"]),
        ("http://", &["is no address", "http://HOST:PORT"]),
        ("udp://127.0.0.1:8089", &["udp: is not spoken here"]),
        ("http://h/?db=x", &["goes on after the path"]),
        ("http://h/#x", &["goes on after the path"]),
        ("", &["empty"]),
    ] {
        refused(&influxdb(&format!("url = {url:?}\ndatabase = \"x\"")), 7, "statistics.influxdb.url", words);
    }
    let wrong = |line: &str, property: &str, words: &[&str]| {
        refused(&influxdb(&format!("{SERVER}{line}")), 9, &format!("statistics.influxdb.{property}"), words);
    };
    wrong("every = 0", "every", &["0 is not allowed", "0.1"]);
    wrong("queue = 0", "queue", &["a whole number from 1 to 100000"]);
    wrong("databse = \"x\"", "databse", &["did you mean `database`?"]);
    wrong("username = \"\"", "username", &["empty"]);
    let both = "username = \"me\"\npassword = \"x\"\npassword_file = \"y\"";
    refused(
        &influxdb(&format!("{SERVER}{both}")),
        11,
        "statistics.influxdb.password_file",
        &["one of the two"],
    );
    refused(
        &influxdb("url = \"http://h\"\ndatabase = \"a\\u0007\""),
        8,
        "statistics.influxdb.database",
        &["control"],
    );
    refused(&overlay("[statistics]\ninfluxdb = 1"), 7, "statistics.influxdb", &["a table"]);
    refused(&overlay("[statistics]\ninfluxd = {}"), 7, "statistics.influxd", &["did you mean `influxdb`?"]);
    refused("statistics = 1", 1, "statistics", &["a table"]);
}

#[test]
fn no_refusal_shows_a_password() {
    let secret = "the secret of this test";
    for lines in [
        format!("{SERVER}password = {secret:?}"),
        format!("url = \"http://me:{secret}@127.0.0.1\"\ndatabase = \"x\""),
        format!("url = \"http://me:{secret}@:99999\"\ndatabase = \"x\""),
        format!("{SERVER}username = \"me\"\npassword = [{secret:?}]"),
    ] {
        let problems = parse(&influxdb(&lines)).err().expect("refused");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(!format!("{problems:?}").contains("secret of"), "{problems:?}");
    }
}

#[test]
fn a_password_in_the_clear_between_hosts_is_pointed_out() {
    let told = |url: &str| {
        let lines = format!("url = {url:?}\ndatabase = \"x\"\nusername = \"me\"\npassword = \"secret\"");
        notes(&accepted(&influxdb(&lines)))
    };
    for safe in ["https://influx", "http://localhost:8086", "http://127.0.0.9:8086", "http://[::1]:8086"] {
        assert!(told(safe).is_empty(), "{safe}");
    }
    for overheard in ["http://influx:8086", "http://192.0.2.7", "http://[2001:db8::1]"] {
        let notes = told(overheard);
        assert!(notes.len() == 1 && notes[0].contains("in the clear"), "{overheard}: {notes:?}");
    }
}

#[test]
fn certificates_without_tls_are_pointed_out() {
    let notes = notes(&accepted(&influxdb(&format!("{SERVER}certificates = \"/etc/ca.pem\""))));
    assert!(notes.len() == 1 && notes[0].contains("https"), "{notes:?}");
}
