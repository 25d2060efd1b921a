//! The operator's own certificate: replaced while the interface runs, a bad one refused.

use std::{fs, net::Ipv4Addr, time::Duration};

use gossiperl_daemon::http;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use reqwest::Method;

use crate::support::{As, Daemon, Setup, until};

fn made() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("made")
}

#[tokio::test]
async fn a_certificate_is_replaced_while_it_runs_and_a_bad_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| fs::write(file(name), text).expect("written");
    let (first, second) = (made(), made());
    write("cert.pem", &first.cert.pem());
    write("key.pem", &first.signing_key.serialize_pem());
    write("first.pem", &first.cert.pem());
    write("second.pem", &second.cert.pem());
    let rest = format!("ssl = {{ certfile = {:?}, keyfile = {:?} }}", file("cert.pem"), file("key.pem"));
    let daemon = Daemon::start_trusting(Setup { rest, ..Setup::default() }, &file("first.pem")).await;
    assert!(!daemon.certificate().exists(), "none is made where one is given");
    // What is written for commands on the host is what is shown, whatever made before lies there.
    let served = daemon.rest_file("served.pem");
    let client = || http::client_of(&served, Some(Duration::from_secs(60))).expect("a client");
    daemon.ask_over(&client(), Method::GET, "/healthz", &As::Nobody, "").await.expect("known");
    // A new connection each time: a client of its own.
    let trusts = async |name: &str| {
        let client = daemon.client_trusting(&file(name));
        daemon.ask_over(&client, Method::GET, "/healthz", &As::Nobody, "").await.is_ok()
    };
    assert!(trusts("first.pem").await && !trusts("second.pem").await);

    // Nonsense; a certificate without a key of its own; nothing at all.
    let kept = "keeps the certificate it has";
    for (turn, text) in ["nonsense".to_owned(), second.cert.pem(), String::new()].iter().enumerate() {
        write("cert.pem", text);
        until("it is told", async || (daemon.log().count(kept) > turn).then_some(())).await;
        assert!(trusts("first.pem").await && !trusts("second.pem").await, "{text}");
    }
    fs::remove_file(file("cert.pem")).expect("removed");
    until("it is told", async || (daemon.log().count(kept) > 3).then_some(())).await;
    assert!(trusts("first.pem").await);

    write("key.pem", &second.signing_key.serialize_pem());
    write("cert.pem", &second.cert.pem());
    until("the new one is shown", async || trusts("second.pem").await.then_some(())).await;
    assert!(!trusts("first.pem").await);
    daemon.ask_over(&client(), Method::GET, "/healthz", &As::Nobody, "").await.expect("known, too");
    let other = http::client_of(&file("first.pem"), Some(Duration::from_secs(60))).expect("a client");
    assert!(daemon.ask_over(&other, Method::GET, "/healthz", &As::Nobody, "").await.is_err());
}

#[tokio::test]
async fn who_listens_everywhere_is_found_on_loopback() {
    for (ip, here) in [("0.0.0.0", "https://127.0.0.1:"), ("::", "https://[::1]:")] {
        let daemon = Daemon::start_with(Setup { rest: format!("ip = \"{ip}\""), ..Setup::default() }).await;
        let address = fs::read_to_string(daemon.rest_file("address")).expect("a file");
        assert!(address.starts_with(here), "{address}");
    }
}

#[tokio::test]
async fn the_certificate_that_was_made_stays_over_a_restart() {
    let mut daemon = Daemon::start().await;
    let before = fs::read(daemon.certificate()).expect("a certificate");
    let users = (daemon.rest_user(), daemon.superuser());
    daemon.crash();
    daemon.run().await;
    assert_eq!(before, fs::read(daemon.certificate()).expect("a certificate"));
    daemon.get("/overlays", &users.0).await.expect(200);
    daemon.get("/tokens", &users.1).await.expect(200);
    // Its address serves whoever trusts the file, under each of its names.
    let client = daemon.client_trusting(&daemon.certificate());
    let port = daemon.address().1;
    let answer = client.get(format!("https://localhost:{port}/healthz")).send().await.expect("trusted");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn the_address_file_says_how_the_interface_is_asked_after_a_reload() {
    let mut daemon = Daemon::start_with(Setup { rest: "ssl = false".to_owned(), ..Setup::default() }).await;
    let (root, address) = (daemon.superuser(), daemon.rest_file("address"));
    assert!(fs::read_to_string(&address).expect("a file").starts_with("http://"));
    daemon.change_config(|setup| setup.rest = String::new());
    daemon.ask(Method::POST, "/reconfigure", &root, "").await.expect(202);
    assert!(fs::read_to_string(&address).expect("a file").starts_with("https://"), "it is answered after");
    let client = daemon.client_from(Ipv4Addr::LOCALHOST);
    let url = fs::read_to_string(&address).expect("a file");
    let answer = client.get(format!("{}/healthz", url.trim_end())).send().await.expect("encrypted");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn certificates_that_cannot_be_used_end_the_start_with_a_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (made(), made());
    let file = |name: &str| folder.path().join(name);
    fs::write(file("cert.pem"), one.cert.pem()).expect("written");
    fs::write(file("key.pem"), other.signing_key.serialize_pem()).expect("written");
    fs::write(file("empty.pem"), "").expect("written");
    for (certificate, key, words) in [
        ("cert.pem", "key.pem", "do not go together"),
        ("missing.pem", "key.pem", "missing.pem"),
        ("empty.pem", "key.pem", "empty.pem"),
        ("cert.pem", "empty.pem", "empty.pem"),
        ("cert.pem", "missing.pem", "missing.pem"),
    ] {
        let rest = format!("ssl = {{ certfile = {:?}, keyfile = {:?} }}", file(certificate), file(key));
        let (code, log) = Daemon::fails(Setup { rest, ..Setup::default() });
        assert_eq!(code, 1, "{log}");
        assert!(log.contains(words), "{words} in {log}");
    }
}
