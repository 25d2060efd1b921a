//! Names and event types that are no text: bytes decide, everywhere.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::{Ipv4Addr, SocketAddr};

use crate::common::{
    Heard, KEY,
    host::{Host, SECOND, config},
    network::{Network, seed},
};
use gossiperl_idl::{
    digest::Digest,
    envelope, frame,
    generated::{MembersRequest, SlowPolicy, Unsubscribe},
    legacy::LegacyKey,
};

const TYPE: &[u8] = b"type \xff";
/// As text with replacement characters, the same.
const OTHER: &[u8] = b"type \xfe";

fn digest(host: &mut Host, name: &[u8], port: u16) {
    let (mut inner, mut bytes, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
    Digest { name, port: port.into(), heartbeat: 1, id: b"d", secret: b"s" }.write(&mut inner);
    envelope::put(b"digest", &inner, b"e", &mut bytes);
    LegacyKey::new(KEY).seal([7; 16], &bytes, &mut sealed);
    let from: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    host.overlay.handle_datagram(host.now, from, &mut sealed);
}

#[test]
fn a_type_that_is_no_text_reaches_its_own_subscribers_and_is_paused_by_its_own_name() {
    let mut config = config();
    config.limits.queue_frames = 100;
    let mut host = Host::connected(config, &["publisher", "slow", "other"]);
    host.clients[1].subscribe(TYPE, SlowPolicy::WAIT);
    host.clients[2].subscribe(OTHER, SlowPolicy::WAIT);
    host.run(SECOND);
    host.clients[1].holds = true;
    for number in 0..80u32 {
        assert!(host.clients[0].publish(TYPE, &number.to_be_bytes()));
    }
    host.run(SECOND);
    assert_eq!(host.clients[0].heard, [Heard::Pause("type \\xff".to_owned())]);
    assert!(host.clients[0].publish(OTHER, &7u32.to_be_bytes()));
    host.run(SECOND);
    assert_eq!(host.clients[2].numbers(), [7]);
    host.clients[1].holds = false;
    let now = host.now;
    host.clients[1].link.release(now);
    host.run(SECOND);
    assert_eq!(host.clients[1].numbers(), (0..80).collect::<Vec<_>>());
    assert_eq!(host.clients[0].heard.last(), Some(&Heard::Resume("type \\xff".to_owned())));
    host.clients[1].request(frame::UNSUBSCRIBE, &Unsubscribe::new(9, vec![TYPE.to_vec()]));
    host.run(SECOND);
    host.clients[0].publish(TYPE, b"");
    host.run(SECOND);
    assert_eq!(host.overlay.stats().unheard, 1);
}

#[test]
fn a_slow_subscriber_elsewhere_pauses_a_type_that_is_no_text() {
    let mut network = Network::new(2, 0.0, seed());
    let (publisher, subscriber) = (network.connect(0, "publisher"), network.connect(1, "subscriber"));
    network.run(5 * SECOND);
    network.client(1, subscriber).subscribe(TYPE, SlowPolicy::WAIT);
    network.run(5 * SECOND);
    network.client(1, subscriber).holds = true;
    let mut sent = 0u32;
    for _ in 0..1_500 {
        while network.client(0, publisher).publish(TYPE, &sent.to_be_bytes()) {
            sent += 1;
        }
        network.run(SECOND / 1_000);
        if !network.client(0, publisher).heard.iter().all(|heard| matches!(heard, Heard::Welcome { .. })) {
            break;
        }
    }
    let name = "type \\xff".to_owned();
    assert_eq!(network.client(0, publisher).heard.last(), Some(&Heard::Pause(name.clone())));
    network.client(1, subscriber).holds = false;
    let now = network.now;
    network.client(1, subscriber).link.release(now);
    network.run(30 * SECOND);
    assert_eq!(network.client(0, publisher).heard.last(), Some(&Heard::Resume(name)));
    assert_eq!(network.numbers(1, subscriber), (0..sent).collect::<Vec<_>>());
}

#[test]
fn clients_whose_names_differ_only_in_bytes_that_are_no_text_are_two_to_who_watches() {
    let mut host = Host::connected(config(), &["watcher"]);
    digest(&mut host, b"old \xff", 30_001);
    host.clients[0].request(frame::MEMBERS_REQUEST, &MembersRequest::new(1, true));
    host.run(SECOND);
    digest(&mut host, b"old \xfe", 30_002);
    host.run(SECOND);
    let names = ["daemon", "watcher", "old \\xff"].map(str::to_owned).to_vec();
    let expected = [Heard::Members(names), Heard::Member("member_in".to_owned(), "old \\xfe".to_owned())];
    assert_eq!(host.clients[0].heard, expected);
}
