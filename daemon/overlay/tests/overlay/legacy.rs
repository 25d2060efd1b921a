//! Clients of protocol 1 at a whole overlay: datagram in, datagram out.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::common::{
    Client, Heard, KEY,
    network::{Network, SECOND, seed},
};
use gossiperl_idl::{
    Salt, code,
    codec::{decode_binary, encode_binary},
    envelope::{self, Envelope},
    generated::{
        Digest, DigestAck, DigestError, DigestExit, DigestForwardedAck, DigestSubscribe, DigestUnsubscribe,
        SlowPolicy,
    },
    legacy::LegacyKey,
};
use gossiperl_overlay::{Change, Config, Event, Overlay, Time};

/// What a client of protocol 1 got: payload type, id, payload.
type Got = (String, Vec<u8>, Vec<u8>);

struct Host {
    now: Time,
    overlay: Overlay,
    key: LegacyKey,
}

impl Host {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new("test", "daemon", (Ipv4Addr::LOCALHOST.into(), 6666), KEY);
        change(&mut config);
        let overlay = Overlay::new(config, Salt::new(1, 99), Time::ZERO, 1_000).unwrap();
        Host { now: Time::ZERO, overlay, key: LegacyKey::new(KEY) }
    }

    fn send(&mut self, port: u16, payload_type: &str, payload: &[u8], id: &str) {
        let (mut sealed, mut bytes) = (Vec::new(), Vec::new());
        envelope::put(payload_type.as_bytes(), payload, id.as_bytes(), &mut bytes);
        self.key.seal([7; 16], &bytes, &mut sealed);
        self.overlay.handle_datagram(self.now, local(port), &mut sealed);
    }

    fn digest(&mut self, name: &str, port: u16) {
        let digest =
            Digest::new(name.to_owned(), i32::from(port), 1_000, "d-1".to_owned(), format!("{name}-secret"));
        self.send(port, "digest", &binary(&digest), "e-1");
    }

    fn subscribe(&mut self, name: &str, port: u16, event_type: &str) {
        let types = vec![event_type.to_owned()];
        let subscribe =
            DigestSubscribe::new(name.to_owned(), 1_000, "s-1".to_owned(), types, format!("{name}-secret"));
        self.send(port, "digestSubscribe", &binary(&subscribe), "e-2");
    }

    /// What is sent to this port now.
    fn got(&mut self, port: u16) -> Vec<Got> {
        let (mut out, mut got) = (Vec::new(), Vec::new());
        while let Some(transmit) = self.overlay.poll_transmit(self.now, &mut out) {
            if transmit.destination != local(port) {
                continue;
            }
            let opened = self.key.open(&mut out).unwrap();
            let envelope = Envelope::read(opened).unwrap();
            let mut payload = Vec::new();
            envelope.decode_payload(&mut payload).unwrap();
            let payload_type = String::from_utf8(envelope.payload_type.to_vec()).unwrap();
            got.push((payload_type, envelope.id.to_vec(), payload));
        }
        got
    }

    fn wait(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.overlay.handle_timeout(self.now);
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn binary<T: thrift::protocol::TSerializable>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode_binary(value, &mut out);
    out
}

#[test]
fn a_digest_registers_the_client_and_is_acknowledged_with_the_members() {
    let mut host = Host::new(|_| {});
    host.digest("old", 30_001);
    let got = host.got(30_001);
    assert_eq!(got.len(), 1);
    let ack: DigestAck = decode_binary(&got[0].2).unwrap();
    let names: Vec<_> = ack.membership.iter().map(|member| member.member_name.as_str()).collect();
    assert_eq!((ack.name.as_str(), ack.reply_id.as_str(), names), ("daemon", "d-1", vec!["daemon", "old"]));
    assert_eq!(host.overlay.members()[1].name, "old");
}

#[test]
fn a_message_of_protocol_1_reaches_subscribers_of_both_and_never_shows_the_overlays_secret() {
    let mut host = Host::new(|_| {});
    host.digest("old", 30_001);
    host.digest("publisher", 30_002);
    host.subscribe("old", 30_001, "news");
    let mut new = Client::new("new", 1);
    new.hello();
    for _ in 0..6 {
        while let Some(mut datagram) = new.transmit(host.now) {
            host.overlay.handle_datagram(host.now, new.address, &mut datagram);
        }
        let mut out = Vec::new();
        while let Some(transmit) = host.overlay.poll_transmit(host.now, &mut out) {
            if transmit.destination == new.address {
                new.handle(host.now, &mut out);
                if new.heard == [Heard::Welcome { fresh: true }] {
                    new.subscribe("news", SlowPolicy::WAIT);
                    new.heard.clear();
                }
            }
        }
    }
    host.send(30_002, "news", b"\xff payload", "id-7");
    let mut out = Vec::new();
    let (mut to_old, mut to_publisher) = (Vec::new(), Vec::new());
    while let Some(transmit) = host.overlay.poll_transmit(host.now, &mut out) {
        match transmit.destination.port() {
            30_001 => to_old.push(out.clone()),
            30_002 => to_publisher.push(out.clone()),
            _ => new.handle(host.now, &mut out),
        }
    }
    let opened = host.key.open(&mut to_old[0]).unwrap();
    let delivered = Envelope::read(opened).unwrap();
    let mut payload = Vec::new();
    delivered.decode_payload(&mut payload).unwrap();
    assert_eq!(
        (delivered.payload_type, delivered.id, payload.as_slice()),
        (&b"news"[..], &b"id-7"[..], &b"\xff payload"[..])
    );
    assert_eq!(new.messages().collect::<Vec<_>>(), [b"\xff payload"]);
    let opened = host.key.open(&mut to_publisher[0]).unwrap();
    let mut payload = Vec::new();
    Envelope::read(opened).unwrap().decode_payload(&mut payload).unwrap();
    let ack: DigestForwardedAck = decode_binary(&payload).unwrap();
    assert_eq!((ack.name.as_str(), ack.reply_id.as_str(), ack.secret.as_str()), ("daemon", "id-7", ""));
}

#[test]
fn an_unacknowledged_message_is_sent_again_until_it_is_acknowledged() {
    let mut host = Host::new(|_| {});
    host.digest("old", 30_001);
    host.subscribe("old", 30_001, "news");
    host.got(30_001);
    host.send(30_002, "news", b"x", "id-1");
    assert_eq!(host.got(30_001).len(), 1);
    host.wait(Duration::from_secs(5));
    assert_eq!(host.got(30_001).len(), 1, "again after redelivery_retry_every");
    let ack = DigestForwardedAck::new("old".to_owned(), "id-1".to_owned(), "old-secret".to_owned());
    host.send(30_001, "digestForwardedAck", &binary(&ack), "e-3");
    host.wait(Duration::from_secs(5));
    assert!(host.got(30_001).is_empty());
    assert_eq!(host.overlay.stats().delivered, 1);
}

/// Erlang's library ends, and loses its subscriptions, on a digestError; so its early subscription, which it repeats once it is
/// connected, must not bring it one.
#[test]
fn an_erlang_client_that_subscribes_too_early_is_not_told_but_any_other_is() {
    let mut host = Host::new(|_| {});
    let subscribe = |name: &str| {
        let types = vec!["news".to_owned()];
        binary(&DigestSubscribe::new(name.to_owned(), 1, "s-1".to_owned(), types, "secret".to_owned()))
    };
    // Its datagram: the IV in front of the plaintext, encrypted under itself.
    let (iv, mut bytes) = ([7; 16], vec![7; 16]);
    envelope::put(b"digestSubscribe", &subscribe("erl"), b"e-1", &mut bytes);
    let mut sealed = Vec::new();
    host.key.seal(iv, &bytes, &mut sealed);
    host.overlay.handle_datagram(host.now, local(30_001), &mut sealed[16..]);
    assert_eq!((host.overlay.stats().refused, host.got(30_001)), (1, vec![]));
    host.send(30_002, "digestSubscribe", &subscribe("other"), "e-2");
    assert_eq!(host.got(30_002)[0].0, "digestError");
}

#[test]
fn an_exit_ends_the_membership_and_its_subscriptions() {
    let mut host = Host::new(|_| {});
    host.digest("old", 30_001);
    host.subscribe("old", 30_001, "news");
    let exit = DigestExit::new("old".to_owned(), 1_000, "old-secret".to_owned());
    host.send(30_001, "digestExit", &binary(&exit), "e-3");
    host.got(30_001);
    host.send(30_002, "news", b"x", "id-1");
    assert!(host.got(30_001).is_empty());
    assert_eq!(host.overlay.stats().unheard, 1);
    let changes: Vec<_> = std::iter::from_fn(|| host.overlay.poll_event())
        .filter_map(|event| if let Event::Member(change, _) = event { Some(change) } else { None })
        .collect();
    assert_eq!(changes, [Change::In, Change::Out]);
}

/// The old daemon's defect: what a client had subscribed to stayed for ever, and messages crossed the network for nobody.
#[test]
fn an_exit_ends_its_subscriptions_at_other_daemons_too() {
    let mut network = Network::new(2, 0.0, seed());
    network.run(5 * SECOND);
    let mut host = Host::new(|_| {});
    std::mem::swap(&mut host.overlay, &mut network.machines[1].overlay);
    host.now = network.now;
    host.digest("old", 30_001);
    host.subscribe("old", 30_001, "news");
    std::mem::swap(&mut host.overlay, &mut network.machines[1].overlay);
    network.run(5 * SECOND);
    assert_eq!(network.machines[0].overlay.load().remote_subscriptions, 1);
    std::mem::swap(&mut host.overlay, &mut network.machines[1].overlay);
    host.now = network.now;
    let exit = DigestExit::new("old".to_owned(), 1_000, "old-secret".to_owned());
    host.send(30_001, "digestExit", &binary(&exit), "e-3");
    std::mem::swap(&mut host.overlay, &mut network.machines[1].overlay);
    network.run(5 * SECOND);
    assert_eq!(network.machines[0].overlay.load().remote_subscriptions, 0);
}

/// One that is away is served from its queue; nobody is told to wait for it.
#[test]
fn a_subscriber_that_is_away_pauses_nobody() {
    let mut host = Host::new(|config| config.limits.queue_frames = 100);
    host.digest("old", 30_001);
    host.subscribe("old", 30_001, "news");
    host.overlay.handle_unreachable(host.now, local(30_001));
    let mut new = Client::new("new", 1);
    new.hello();
    for number in 0..300u32 {
        if number >= 10 {
            assert!(new.publish("news", &number.to_be_bytes()));
        }
        while let Some(mut datagram) = new.transmit(host.now) {
            host.overlay.handle_datagram(host.now, new.address, &mut datagram);
        }
        let mut out = Vec::new();
        while let Some(transmit) = host.overlay.poll_transmit(host.now, &mut out) {
            if transmit.destination == new.address {
                new.handle(host.now, &mut out);
            }
        }
    }
    assert_eq!(new.heard, [Heard::Welcome { fresh: true }]);
    assert_eq!(host.overlay.stats().published, 290);
}

#[test]
fn protocol_1_is_not_spoken_where_it_is_switched_off_nor_with_other_hosts_nor_with_garbage() {
    let mut off = Host::new(|config| config.legacy_clients = false);
    off.digest("old", 30_001);
    assert!(off.got(30_001).is_empty());
    assert_eq!(off.overlay.stats().foreign, 1);

    let mut host = Host::new(|_| {});
    let mut garbage = [9; 208];
    host.overlay.handle_datagram(host.now, local(30_001), &mut garbage);
    assert_eq!(host.overlay.stats().forged, 1);
    host.overlay.handle_datagram(host.now, ([10, 0, 0, 9], 30_001).into(), &mut [9; 208]);
    assert_eq!(host.overlay.stats().foreign, 1);
    assert!(host.got(30_001).is_empty());
}

#[test]
fn a_subscription_that_other_daemons_could_not_learn_of_is_refused_with_the_reason() {
    let mut host = Host::new(|_| {});
    let list = |part: u32| -> Vec<String> { (0..1_024).map(|number| format!("t-{part}-{number}")).collect() };
    let mut refused = Vec::new();
    for client in 0..17u16 {
        let (name, port) = (format!("old-{client}"), 30_000 + client);
        host.digest(&name, port);
        host.got(port);
        for part in 0..4 {
            let secret = format!("{name}-secret");
            let subscribe =
                DigestSubscribe::new(name.clone(), 1_000, format!("s-{part}"), list(part), secret);
            host.send(port, "digestSubscribe", &binary(&subscribe), "e-2");
            let got = host.got(port);
            refused.extend(got.into_iter().filter(|(payload_type, ..)| payload_type == "digestError"));
        }
    }
    let errors: Vec<DigestError> =
        refused.iter().map(|(.., payload)| decode_binary(payload).unwrap()).collect();
    let named: Vec<_> = errors.iter().map(|error| (error.error_code, error.reply_id.as_str())).collect();
    assert_eq!(
        named,
        ["s-0", "s-1", "s-2", "s-3"].map(|id| (code::STATE_FULL, id)),
        "those of the last client"
    );
    assert_eq!(
        (errors[0].error_entity.as_str(), errors[0].error_entity_name.as_str()),
        ("digestSubscribe", "t-0-0")
    );
    host.send(30_999, "t-0-0", b"x", "id-1");
    assert!(host.got(30_016).is_empty(), "not even for local publishers");

    let unsubscribe = DigestUnsubscribe::new(
        "old-3".to_owned(),
        1_000,
        "u-1".to_owned(),
        list(0),
        "old-3-secret".to_owned(),
    );
    host.send(30_003, "digestUnsubscribe", &binary(&unsubscribe), "e-3");
    host.subscribe("old-16", 30_016, "t-0-0");
    assert_eq!(host.got(30_016)[0].0, "digestSubscribeAck", "there is room again");
}

#[test]
fn digests_are_counted_by_payload_type_and_direction() {
    let mut host = Host::new(|_| {});
    host.digest("old", 30_001);
    host.digest("publisher", 30_002);
    host.subscribe("old", 30_001, "news");
    host.got(30_001);
    host.send(30_002, "news", b"x", "id-1");
    host.send(30_002, "news", b"x", "id-1");
    host.send(30_002, "weather", b"x", "id-2");
    host.got(30_001);
    host.wait(Duration::from_secs(5));
    assert_eq!(host.got(30_001).len(), 1, "a redelivery");
    let waiting = host.overlay.snapshot().gauges.to_clients;
    assert_eq!((waiting.messages, waiting.longest), (1, 1));
    let ack = DigestForwardedAck::new("old".to_owned(), "id-1".to_owned(), "old-secret".to_owned());
    host.send(30_001, "digestForwardedAck", &binary(&ack), "e-3");
    // Nobody may send these to a daemon.
    host.send(30_001, "digestEvent", b"", "e-4");
    host.send(30_001, "digestMember", b"", "e-5");
    let snapshot = host.overlay.snapshot();
    let (received, sent) = (snapshot.traffic.digests_received, snapshot.traffic.digests_sent);
    let received = ["digest", "digestSubscribe", "news", "digestForwardedAck", "digestEvent", "digestMember"]
        .map(|payload_type| received.of(payload_type.as_bytes()).count);
    assert_eq!(received, [2, 1, 3, 1, 1, 1]);
    let counts = ["digestAck", "digestSubscribeAck", "digestForwardedAck", "any message"]
        .map(|payload_type| sent.of(payload_type.as_bytes()).count);
    assert_eq!(counts, [2, 1, 3, 2]);
    let bytes: u64 = sent.iter().map(|(_, tally)| tally.bytes).sum();
    assert_eq!(
        (bytes, sent.iter().map(|(_, tally)| tally.count).sum::<u64>()),
        (snapshot.stats.bytes_sent, 8)
    );
    let stats = snapshot.stats;
    assert_eq!((stats.published, stats.republished, stats.unheard), (2, 1, 1));
    assert_eq!((stats.fanned_out, stats.delivered, stats.redelivered), (1, 1, 1));
    assert_eq!(stats.malformed + stats.unexpected, 2, "{stats:?}");
}
