//! Clients know the keys of their own configuration: they are spoken with under a key that they have.

use std::{net::Ipv4Addr, time::Duration};

use gossiperl_idl::{
    codec::encode_binary,
    envelope::{self, Envelope},
    generated::{Digest, DigestForwardedAck, DigestSubscribe, SlowPolicy},
    legacy::LegacyKey,
    sealed::KeyId,
};
use gossiperl_overlay::{KeyAnswer, KeyCommand, State};

use crate::{
    common::{
        Client, KEY,
        host::{Host, SECOND, config},
    },
    keys::world::{DONE, NEW, add, id, retire, use_key},
};

fn ask(host: &mut Host, command: KeyCommand) -> KeyAnswer {
    host.overlay.change_keys(host.now, command);
    let outcome = host.overlay.poll_key_outcome().expect("alone there is nobody to wait for");
    assert_eq!(outcome.refused, None);
    outcome.daemons[0].answer
}

/// The ring: each key's id with the number of clients that use it.
fn listed(host: &mut Host) -> Vec<(KeyId, u32)> {
    host.overlay.change_keys(host.now, KeyCommand::List);
    let outcome = host.overlay.poll_key_outcome().unwrap();
    outcome.daemons[0].keys.iter().map(|key| (key.id, key.clients)).collect()
}

/// `old` has the old key alone, `both` has both.
fn two_clients() -> Host {
    let mut host = Host::connected(config(), &["old", "both"]);
    for client in &mut host.clients {
        client.subscribe("news", SlowPolicy::WAIT);
    }
    host.run(SECOND);
    host.clients[1].add_key(NEW);
    assert_eq!(ask(&mut host, add(NEW)), DONE);
    host
}

/// Each publishes a number that the other gets.
fn exchange(host: &mut Host, number: u32) {
    for client in &mut host.clients {
        client.publish("news", &number.to_be_bytes());
    }
    host.run(SECOND / 10);
}

#[test]
fn a_client_of_protocol_2_with_the_old_key_alone_is_served_until_that_is_retired() {
    let mut host = two_clients();
    assert_eq!(listed(&mut host), [(id(KEY), 2), (id(NEW), 0)]);
    assert_eq!(ask(&mut host, use_key(NEW)), DONE);
    for number in 0..100 {
        exchange(&mut host, number);
    }
    let every: Vec<u32> = (0..100).collect();
    for client in &host.clients {
        assert_eq!(client.numbers(), every);
    }
    assert_eq!([&host.clients[0], &host.clients[1]].map(Client::sealing), [id(KEY), id(NEW)]);
    // 10 s of offers, one a second at most.
    assert!((1..=11).contains(&host.clients[0].unopened), "{}", host.clients[0].unopened);
    assert_eq!(host.clients[1].unopened, 0);
    assert_eq!(listed(&mut host), [(id(NEW), 1), (id(KEY), 1)]);
    assert_eq!(host.overlay.load().behind, 1);

    assert_eq!(ask(&mut host, retire(KEY)), KeyAnswer::Done { cut_off: 1 });
    let unknown = host.overlay.stats().unknown_key;
    exchange(&mut host, 100);
    assert_eq!(host.overlay.stats().cut_off, 1);
    assert!(host.overlay.stats().unknown_key > unknown, "what it says is counted");
    assert_eq!((host.clients[0].numbers(), host.clients[1].numbers()), (every.clone(), every));
    assert_eq!(listed(&mut host)[0].0, id(NEW));
    // It is silent now, and goes the way of silent clients.
    for _ in 0..31 {
        host.clients[1].publish("else", b"");
        host.run(SECOND);
    }
    let views = host.overlay.members();
    let state = |name: &str| views.iter().find(|view| view.name == name).unwrap().state;
    assert_eq!((state("old"), state("both")), (State::Unreachable, State::Reachable));
}

#[test]
fn a_client_that_learns_the_key_later_goes_along_within_a_second() {
    let mut host = two_clients();
    ask(&mut host, use_key(NEW));
    exchange(&mut host, 0);
    assert_eq!(host.clients[0].sealing(), id(KEY));
    host.clients[0].add_key(NEW);
    for number in 1..=15 {
        exchange(&mut host, number);
    }
    assert_eq!(host.clients[0].sealing(), id(NEW));
    assert_eq!((listed(&mut host), host.overlay.load().behind), (vec![(id(NEW), 2), (id(KEY), 0)], 0));
    assert_eq!(ask(&mut host, retire(KEY)), DONE);
    exchange(&mut host, 16);
    assert_eq!(host.clients[0].numbers(), (0..17).collect::<Vec<_>>());
}

#[test]
fn a_client_that_connects_with_the_old_key_after_use_is_served() {
    let mut host = Host::new(config(), &["late"]);
    ask(&mut host, add(NEW));
    ask(&mut host, use_key(NEW));
    host.clients[0].hello();
    host.settle();
    assert!(host.clients[0].is_connected());
    assert_eq!(listed(&mut host), [(id(NEW), 0), (id(KEY), 1)]);
    ask(&mut host, retire(KEY));
    // One more who never heard of the new key: neither let in nor answered.
    let mut late = Client::new("too late", 9);
    late.hello();
    host.clients.push(late);
    host.settle();
    assert!(!host.clients[1].is_connected() && host.clients[1].heard.is_empty());
}

#[test]
fn what_a_delayed_datagram_was_sealed_with_counts_for_nothing() {
    let mut host = two_clients();
    // Sealed under the old key and held back on its way, until the client has gone along with the new one.
    host.clients[1].publish("else", b"");
    let mut late = host.clients[1].transmit(host.now).unwrap();
    ask(&mut host, use_key(NEW));
    exchange(&mut host, 0);
    exchange(&mut host, 1);
    assert_eq!(host.clients[1].sealing(), id(NEW));
    let (now, from) = (host.now, host.clients[1].address);
    host.overlay.handle_datagram(now, from, &mut late);
    host.settle();
    assert_eq!(listed(&mut host), [(id(NEW), 1), (id(KEY), 1)]);
}

/// A client of protocol 1: one key, on a port of its own.
struct Old {
    key: LegacyKey,
    port: u16,
}

impl Old {
    fn say<T: thrift::protocol::TSerializable>(&self, host: &mut Host, payload_type: &str, digest: &T) {
        let (mut payload, mut bytes, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
        encode_binary(digest, &mut payload);
        envelope::put(payload_type.as_bytes(), &payload, b"envelope", &mut bytes);
        self.key.seal([7; 16], &bytes, &mut sealed);
        host.overlay.handle_datagram(host.now, (Ipv4Addr::LOCALHOST, self.port).into(), &mut sealed);
    }

    fn alive(&self, host: &mut Host) {
        let digest = Digest::new("old".to_owned(), i32::from(self.port), 1, "d".to_owned(), "s".to_owned());
        self.say(host, "digest", &digest);
    }

    /// The payload types of what is sent to it now; messages are acknowledged.
    fn hears(&self, host: &mut Host) -> Vec<String> {
        let (mut out, mut heard) = (Vec::new(), Vec::new());
        while let Some(transmit) = host.overlay.poll_transmit(host.now, &mut out) {
            if transmit.destination != (Ipv4Addr::LOCALHOST, self.port).into() {
                continue;
            }
            let Ok(opened) = self.key.open(&mut out) else { panic!("not under its key") };
            let envelope = Envelope::read(opened).expect("under its key");
            let payload_type = String::from_utf8(envelope.payload_type.to_vec()).unwrap();
            let reply_id = String::from_utf8(envelope.id.to_vec()).unwrap();
            if payload_type == "news" {
                let ack = DigestForwardedAck::new("old".to_owned(), reply_id, "s".to_owned());
                self.say(host, "digestForwardedAck", &ack);
            }
            heard.push(payload_type);
        }
        heard
    }
}

#[test]
fn a_client_of_protocol_1_is_served_under_its_key_until_that_is_retired() {
    let mut host = Host::connected(config(), &["publisher"]);
    host.clients[0].add_key(NEW);
    let old = Old { key: LegacyKey::new(KEY), port: 30_001 };
    old.alive(&mut host);
    let types = vec!["news".to_owned()];
    old.say(
        &mut host,
        "digestSubscribe",
        &DigestSubscribe::new("old".to_owned(), 1, "s".to_owned(), types, "s".to_owned()),
    );
    assert_eq!(old.hears(&mut host), ["digestAck", "digestSubscribeAck"]);
    let publish = |host: &mut Host| {
        host.clients[0].publish("news", b"news");
        while let Some(mut datagram) = host.clients[0].transmit(host.now) {
            let from = host.clients[0].address;
            host.overlay.handle_datagram(host.now, from, &mut datagram);
        }
    };
    publish(&mut host);
    assert_eq!(old.hears(&mut host), ["news"]);
    ask(&mut host, add(NEW));
    ask(&mut host, use_key(NEW));
    for _ in 0..10 {
        host.now = host.now + Duration::from_secs(2);
        host.overlay.handle_timeout(host.now);
        old.alive(&mut host);
        publish(&mut host);
        let mut heard = old.hears(&mut host);
        heard.sort();
        assert_eq!(heard, ["digestAck", "news"]);
    }
    assert!(listed(&mut host).contains(&(id(KEY), 2)), "itself, and the publisher that hears nothing here");
    assert_eq!(ask(&mut host, retire(KEY)), KeyAnswer::Done { cut_off: 2 });
    let forged = host.overlay.stats().forged;
    old.alive(&mut host);
    publish(&mut host);
    assert_eq!(old.hears(&mut host), [""; 0]);
    assert!(host.overlay.stats().forged > forged, "what it says is counted");
    // The same client with the new key is the same client, and gets what it missed.
    let new = Old { key: LegacyKey::new(NEW), port: 30_001 };
    new.alive(&mut host);
    assert_eq!(new.hears(&mut host), ["digestAck"]);
}
