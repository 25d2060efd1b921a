//! What an operator does to an overlay that runs: new settings, messages of its own, draining, and looking at who subscribes.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;

use crate::common::{
    Heard,
    host::{Host, SECOND, config},
    network::{self, Network},
};
use gossiperl_idl::{code, generated::SlowPolicy, legacy::LegacyKey};
use gossiperl_overlay::{NotSent, SubscriptionView};

/// A subscriber on each machine, its first client, of this type.
fn subscribers(network: &mut Network, types: &[&str]) {
    for machine in 0..types.len() {
        network.connect(machine, "subscriber");
    }
    network.run(SECOND);
    for (machine, event_type) in types.iter().enumerate() {
        network.client(machine, 0).subscribe(event_type, SlowPolicy::WAIT);
    }
}

fn connected(host: &Host) -> bool {
    host.clients.iter().all(|client| !client.heard.contains(&Heard::Goodbye))
}

#[test]
fn new_settings_hold_from_now_on_and_sessions_stay() {
    let mut host = Host::connected(config(), &["publisher", "subscriber"]);
    host.clients[1].subscribe("news", SlowPolicy::WAIT);
    host.settle();
    let mut settings = config();
    settings.limits.clients = 2;
    settings.limits.subscriptions_per_client = 1;
    settings.member_name = "another".to_owned();
    settings.rack_name = "elsewhere".to_owned();
    let before = host.overlay.members();
    host.overlay.reconfigure(host.now, settings);
    assert_eq!(host.overlay.members(), before, "who we are stays");

    assert!(host.clients[0].publish("news", b"after the change"));
    host.run(SECOND);
    assert_eq!(host.clients[1].messages().collect::<Vec<_>>(), [b"after the change"]);
    assert!(connected(&host));
    // The bounds are the new ones: the subscription there is stays, a second is refused.
    host.clients[1].subscribe("more", SlowPolicy::WAIT);
    host.settle();
    let refused =
        |heard: &Heard| matches!(heard, Heard::Reply { code, .. } if *code == code::TOO_MANY_SUBSCRIPTIONS);
    assert!(host.clients[1].heard.iter().any(refused), "{:?}", host.clients[1].heard);
    let mut third = crate::common::Client::new("third", 77);
    third.hello();
    host.clients.push(third);
    host.settle();
    let refused =
        |heard: &Heard| matches!(heard, Heard::Refusal { code, .. } if *code == code::TOO_MANY_CLIENTS);
    assert!(host.clients[2].heard.iter().any(refused), "{:?}", host.clients[2].heard);
}

#[test]
fn a_shorter_silence_counts_for_clients_that_are_there() {
    let mut host = Host::connected(config(), &["silent"]);
    let mut settings = config();
    settings.quarantine_after = 3 * SECOND;
    settings.max_quarantined = SECOND;
    host.overlay.reconfigure(host.now, settings);
    // Heard of once more, it is measured by the new times.
    host.clients[0].frame(gossiperl_idl::frame::KEEPALIVE, &[]);
    host.clients[0].subscribe("news", SlowPolicy::WAIT);
    host.run(6 * SECOND);
    let client = host.overlay.members().into_iter().find(|view| view.client).unwrap();
    assert_eq!(client.state, gossiperl_overlay::State::Unreachable);
}

#[test]
fn an_operators_message_reaches_every_subscriber() {
    let seed = network::seed();
    let mut network = Network::new(2, 0.0, seed);
    network.run(5 * SECOND);
    subscribers(&mut network, &["news", "news"]);
    network.run(2 * SECOND);
    let now = network.now;
    for payload in [b"one", b"two"] {
        assert_eq!(network.machines[0].overlay.publish_own(now, b"news", payload), Ok(()));
    }
    network.run(2 * SECOND);
    for machine in &network.machines {
        assert_eq!(
            machine.clients[0].messages().collect::<Vec<_>>(),
            [b"one", b"two"],
            "each once, in order"
        );
    }
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let mut host = Host::connected(config(), &[]);
    let (now, here): (_, SocketAddr) = (host.now, ([127, 0, 0, 1], 7_000).into());
    for (event_type, payload, expected) in [
        (&b""[..], 1, NotSent::Type),
        (&[b'x'; 256][..], 1, NotSent::Type),
        (b"member_in", 1, NotSent::Type),
        (b"digestExit", 1, NotSent::Type),
        (b"news", 60_001, NotSent::TooLarge),
    ] {
        let payload = vec![7; payload];
        assert_eq!(host.overlay.publish_own(now, event_type, &payload), Err(expected));
        assert_eq!(host.overlay.send_once(now, here, event_type, &payload), Err(expected));
    }
    for elsewhere in [([192, 0, 2, 1], 7_000), ([127, 0, 0, 1], 0)] {
        assert_eq!(host.overlay.send_once(now, elsewhere.into(), b"news", b"x"), Err(NotSent::Elsewhere));
    }
    assert_eq!(host.overlay.send_once(now, here, b"news", &[7; 60_000]), Err(NotSent::TooLarge), "in base64");
    let mut settings = config();
    settings.legacy_clients = false;
    host.overlay.reconfigure(now, settings);
    assert_eq!(host.overlay.send_once(now, here, b"news", b"x"), Err(NotSent::Switched));
    host.overlay.leave(now);
    assert_eq!(host.overlay.publish_own(now, b"news", b"x"), Err(NotSent::Leaving));
}

#[test]
fn a_message_to_one_address_is_a_datagram_of_protocol_1() {
    let mut host = Host::connected(config(), &[]);
    let here: SocketAddr = ([127, 0, 0, 1], 7_000).into();
    host.overlay.send_once(host.now, here, b"news", b"hello").unwrap();
    let mut out = Vec::new();
    let transmit = host.overlay.poll_transmit(host.now, &mut out).unwrap();
    assert_eq!(transmit.destination, here);
    let mut datagram = out[..transmit.len].to_vec();
    let opened = LegacyKey::new(crate::common::KEY).open(&mut datagram).unwrap();
    let envelope = gossiperl_idl::envelope::Envelope::read(opened).unwrap();
    let mut payload = Vec::new();
    envelope.decode_payload(&mut payload).unwrap();
    assert_eq!((envelope.payload_type, payload.as_slice()), (&b"news"[..], &b"hello"[..]));
}

#[test]
fn draining_takes_nothing_new_and_hands_over_what_there_is() {
    let seed = network::seed();
    let mut network = Network::new(2, 0.0, seed);
    network.run(5 * SECOND);
    subscribers(&mut network, &["news", "news"]);
    for machine in 0..2 {
        network.connect(machine, "publisher");
    }
    network.run(2 * SECOND);
    network.machines[0].clients[0].holds = true;
    assert!(network.machines[1].clients[1].publish("news", b"before"));
    network.run(SECOND);
    let now = network.now;
    network.machines[0].overlay.drain(now);
    let waiting = |network: &Network| network.machines[0].overlay.snapshot().gauges.to_clients.messages;
    assert!(network.machines[0].clients[1].publish("news", b"not taken"));
    network.run(2 * SECOND);
    assert!(waiting(&network) > 0);
    assert_eq!(network.machines[1].overlay.remote_subscriptions(), 0, "for others nobody here subscribes");
    assert!(network.machines[1].clients[1].publish("news", b"elsewhere"));
    network.run(2 * SECOND);
    let now = network.now;
    let subscriber = network.client(0, 0);
    subscriber.holds = false;
    subscriber.link.release(now);
    network.run(10 * SECOND);
    assert_eq!(waiting(&network), 0);
    assert_eq!(network.machines[0].clients[0].messages().collect::<Vec<_>>(), [b"before"]);
    assert_eq!(network.machines[1].clients[0].messages().collect::<Vec<_>>(), [&b"before"[..], b"elsewhere"]);
}

#[test]
fn draining_ends_and_messages_are_taken_and_sent_again() {
    let seed = network::seed();
    let mut network = Network::new(2, 0.0, seed);
    network.run(5 * SECOND);
    subscribers(&mut network, &["news", "news"]);
    for machine in 0..2 {
        network.connect(machine, "publisher");
    }
    network.run(2 * SECOND);
    let now = network.now;
    network.machines[0].overlay.drain(now);
    assert!(network.machines[0].clients[1].publish("news", b"held"));
    network.run(2 * SECOND);
    assert_eq!(network.machines[1].overlay.remote_subscriptions(), 0, "for others nobody here subscribes");
    assert!(network.machines[1].clients[1].publish("news", b"elsewhere"));
    network.run(2 * SECOND);
    assert_eq!(network.machines[0].clients[0].messages().count(), 0);

    let now = network.now;
    network.machines[0].overlay.end_draining(now);
    network.run(2 * SECOND);
    assert_eq!(network.machines[1].overlay.remote_subscriptions(), 1);
    assert!(network.machines[1].clients[1].publish("news", b"again"));
    network.run(2 * SECOND);
    assert_eq!(network.machines[0].clients[0].messages().collect::<Vec<_>>(), [&b"held"[..], b"again"]);
    let far: Vec<_> = network.machines[1].clients[0].messages().collect();
    assert_eq!(far, [&b"elsewhere"[..], b"held", b"again"]);
}

#[test]
fn subscriptions_of_all_daemons_are_listed() {
    let seed = network::seed();
    let mut network = Network::new(2, 0.0, seed);
    network.run(5 * SECOND);
    subscribers(&mut network, &["near", "far"]);
    network.run(2 * SECOND);
    let listed = network.machines[0].overlay.subscriptions();
    let listed: Vec<_> = listed
        .iter()
        .map(|SubscriptionView { event_type, client, daemon, .. }| {
            (&event_type[..], &client[..], &daemon[..])
        })
        .collect();
    assert_eq!(
        listed,
        [(&b"near"[..], &b"subscriber"[..], "daemon-0"), (b"far", b"subscriber", "daemon-1")],
        "ours first"
    );
    assert!(network.machines[0].overlay.subscriptions()[1].heartbeat > 0);
}
