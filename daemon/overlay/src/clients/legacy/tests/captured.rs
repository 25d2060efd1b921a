//! The client libraries, as they were recorded, served by ours.

use gossiperl_idl::legacy::LegacyKey;
use serde_json::Value;

use super::*;

const CAPTURED: &str = include_str!("../../../../../../thrift-idl/vectors/captured-protocol-1.json");

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn recorded_clients_register_subscribe_acknowledge_publish_and_leave() {
    let captured: Value = serde_json::from_str(CAPTURED).unwrap();
    let key = LegacyKey::new(captured["symmetric_key"].as_str().unwrap().as_bytes());
    let mut daemon = Daemon::new(&config());
    let mut published = 0;
    for one in captured["datagrams"].as_array().unwrap() {
        let mut datagram = bytes(one["datagram"].as_str().unwrap());
        let envelope = Envelope::read(key.open(&mut datagram).unwrap()).unwrap();
        let to_us = one["direction"] == "to the daemon";
        let payload_type = one["payload_type"].as_str().unwrap();
        if !to_us && !gossiperl_idl::digest::is_reserved(envelope.payload_type) {
            // A delivery: we make the same, and it is the same to the last byte of its payload.
            let mut payload = Vec::new();
            assert!(envelope.decode_canonical(&mut payload));
            let message = Message {
                event_type: envelope.payload_type,
                payload: &payload,
                publisher: 1,
                sequence: 1,
                envelope_id: Some(envelope.id),
                verbatim: false,
            };
            let client = subscriber_without(&daemon, envelope.payload_type, envelope.id);
            daemon.deliver_message(client, &message);
            let sent = only(daemon.sent());
            assert_eq!((&*sent.bin_payload, &*sent.id), (envelope.bin_payload, envelope.id));
        } else if to_us {
            let publication = daemon.hear_envelope(local(50_000), &envelope);
            let answers = daemon.sent();
            let answer = answers.first().map(|sent| sent.payload_type.as_str());
            match payload_type {
                "digest" => assert_eq!(answer, Some("digestAck")),
                "digestSubscribe" => assert_eq!(answer, Some("digestSubscribeAck")),
                "digestUnsubscribe" => assert_eq!(answer, Some("digestUnsubscribeAck")),
                "digestForwardedAck" | "digestExit" => assert_eq!(answer, None),
                _ => {
                    daemon.legacy.accept(daemon.now, &publication.unwrap());
                    assert_eq!(only(daemon.sent()).payload_type, "digestForwardedAck");
                    published += 1;
                }
            }
        }
    }
    let stats = daemon.legacy.stats();
    // Three with the old daemon, then the JVM's, Ruby's and .NET's; Scala's library acknowledges nothing.
    assert_eq!((published, stats.delivered), (5, 6));
    assert_eq!((stats.malformed, stats.unauthenticated, stats.refused), (0, 0, 0));
    assert_eq!(daemon.registry.iter().count(), 0, "all left");
}

/// A client that subscribes to the type and was not sent the message of this id yet.
fn subscriber_without(daemon: &Daemon, event_type: &[u8], id: &[u8]) -> ClientId {
    let clients = daemon.legacy.subscribers.iter();
    let mut wanting = clients.filter(|(client, held)| {
        let subscribed = daemon.legacy.subscriptions(**client).any(|held| held == event_type);
        subscribed && !held.queue.ids_in_flight().any(|held| held == id)
    });
    *wanting.next().unwrap().0
}
