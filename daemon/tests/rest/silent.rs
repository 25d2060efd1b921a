//! A thousand connections that say nothing, and somebody who has something to say.

use std::net::TcpStream;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use reqwest::Method;

use crate::support::{As, Daemon, Setup, until};

/// Connections.
const MANY: usize = 1_000;
/// The usual limit of a process.
const DESCRIPTORS: u32 = 1_024;

async fn silence(rest: &str) {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("as many as are allowed");
    let setup = Setup { rest: rest.to_owned(), descriptors: Some(DESCRIPTORS), ..Setup::default() };
    let daemon = Daemon::start_with(setup).await;
    // Over a connection that stays, and has proven itself.
    let client = daemon.client_trusting(&daemon.certificate());
    let token = daemon.token("main").await;
    let ask = async |who: &As| daemon.ask_over(&client, Method::GET, "/membership/main", who, "").await;
    ask(&token).await.expect("an answer").expect(200);
    let (memory, descriptors) = (daemon.resident(), daemon.descriptors());

    let address = daemon.address();
    let connect =
        move || (0..MANY).map(|_| TcpStream::connect(address).expect("connected")).collect::<Vec<_>>();
    let silent = tokio::task::spawn_blocking(connect).await.expect("connected");
    until("the connections that are too many have been ended", async || {
        (daemon.descriptors() < descriptors + 300).then_some(())
    })
    .await;
    ask(&token).await.expect("the old connection").expect(200);
    // And over new ones.
    for _ in 0..20 {
        let client = daemon.client_trusting(&daemon.certificate());
        let answer = daemon.ask_over(&client, Method::GET, "/membership/main", &token, "").await;
        answer.expect("a new connection").expect(200);
    }
    let properties = daemon.properties();
    let added = daemon.add("fresh", &properties).await;
    daemon.ask(Method::DELETE, "/overlays/fresh", &added, "").await.expect(202);
    let grown = daemon.resident().saturating_sub(memory);
    assert!(grown < 64 << 20, "it has grown by {grown} bytes");
    assert_eq!(daemon.log().count("cannot be accepted"), 0);

    drop(silent);
    until("their descriptors are free again", async || {
        (daemon.descriptors() < descriptors + 30).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_thousand_silent_connections_keep_nobody_out() {
    silence("").await;
}

#[tokio::test]
async fn nor_do_they_where_connections_are_plain() {
    silence("ssl = false").await;
}
