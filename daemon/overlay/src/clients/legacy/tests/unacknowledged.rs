//! Clients that acknowledge no message, as those of the Scala library.

use std::collections::BTreeSet;

use super::*;

/// More than are out to one client at once.
const MANY: usize = 1_000;

fn deliver_many(daemon: &mut Daemon, client: ClientId) {
    for number in 0..MANY {
        assert!(daemon.deliver(client, "t", &format!("id {number}"), b"p"));
    }
}

fn ids(sent: &[Sent]) -> BTreeSet<Vec<u8>> {
    sent.iter().filter(|sent| sent.payload_type == "t").map(|sent| sent.id.clone()).collect()
}

#[test]
fn a_client_that_lives_and_never_acknowledges_gets_every_message() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "scala", &["t"]);
    deliver_many(&mut daemon, client);
    let (mut got, mut at_once) = (BTreeSet::new(), 0);
    for _ in 0..12 {
        let new = &ids(&daemon.pass_alive(2, &[(40_000, "scala")])) - &got;
        at_once = at_once.max(new.len());
        got.extend(new);
    }
    assert_eq!(got.len(), MANY);
    assert!(at_once <= 256, "no more than its socket holds: {at_once}");
    // The latest come again, as the protocol has it, and a new one comes at once.
    let again = daemon.pass_alive(6, &[(40_000, "scala")]);
    assert!(ids(&again).contains(format!("id {}", MANY - 1).as_bytes()));
    daemon.deliver(client, "t", "new", b"p");
    assert_eq!(ids(&daemon.sent()), BTreeSet::from([b"new".to_vec()]));
    let stats = daemon.legacy.stats();
    assert_eq!(stats.expired as usize + daemon.legacy.queued(client).1, MANY + 1);
    assert_eq!((stats.dropped, stats.delivered), (0, 0));
}

#[test]
fn a_message_of_the_same_id_takes_the_place_of_the_one_it_never_acknowledges() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "scala", &["t"]);
    daemon.deliver(client, "t", "id", b"first");
    daemon.pass_alive(12, &[(40_000, "scala")]);
    daemon.deliver(client, "t", "id", b"second");
    assert_eq!(only(daemon.sent()).inner, b"second");
    assert_eq!(daemon.legacy.queued(client).1, 1);
}

#[test]
fn nothing_gives_way_at_a_client_that_has_ever_acknowledged() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.deliver(client, "t", "first", b"p");
    daemon.pass_alive(12, &[(40_000, "a")]);
    daemon.acknowledge(40_000, "a", "s", "first");
    deliver_many(&mut daemon, client);
    let sent = daemon.pass_alive(12, &[(40_000, "a")]);
    assert!(ids(&sent).len() < MANY / 2, "as many as its socket holds");
    assert_eq!((daemon.legacy.stats().expired, daemon.legacy.queued(client).1), (0, MANY));
}

#[test]
fn nothing_gives_way_at_a_client_that_is_silent() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "frozen", &["t"]);
    deliver_many(&mut daemon, client);
    daemon.pass(60);
    assert_eq!((daemon.legacy.stats().expired, daemon.legacy.queued(client).1), (0, MANY));
}
