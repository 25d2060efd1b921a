//! Publishing: what is handed to the overlay, and what the publisher hears.

use super::*;

fn forwarded_ack(sent: &Sent) -> DigestForwardedAck<'_> {
    match sent.digest() {
        AnyDigest::ForwardedAck(ack) => ack,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_handed_over_decoded_with_type_and_id() {
    let mut daemon = Daemon::new(&config());
    let payload = [0, 0xff, 0x80, b'x'];
    let publication = daemon.publish(50_000, "t", &payload, "id").unwrap();
    let expected = Message {
        event_type: b"t",
        payload: &payload,
        publisher: 3,
        sequence: 4,
        envelope_id: Some(b"id"),
        verbatim: false,
    };
    assert_eq!((publication.client, publication.message(3, 4)), (None, expected));
}

/// Defect 1: any publisher learnt the overlay's secret from its acknowledgement.
#[test]
fn the_acknowledgement_goes_to_the_datagrams_source_and_holds_no_secret() {
    let mut daemon = Daemon::new(&config());
    let publication = daemon.publish(50_000, "t", b"p", "id").unwrap();
    assert!(daemon.sent().is_empty(), "not before somebody has taken responsibility");
    daemon.legacy.accept(daemon.now, &publication);
    let sent = only(daemon.sent());
    let expected = DigestForwardedAck { name: b"daemon", reply_id: b"id", secret: b"" };
    assert_eq!((sent.port, forwarded_ack(&sent)), (50_000, expected));
}

#[test]
fn a_message_that_nobody_took_is_not_acknowledged_and_may_come_again() {
    let mut daemon = Daemon::new(&config());
    drop(daemon.publish(50_000, "t", b"p", "id"));
    assert!(daemon.sent().is_empty());
    assert!(daemon.publish(50_000, "t", b"p", "id").is_some());
}

#[test]
fn a_message_that_comes_again_is_acknowledged_again_and_not_published_again() {
    let mut daemon = Daemon::new(&config());
    let publication = daemon.publish(50_000, "t", b"p", "id").unwrap();
    daemon.legacy.accept(daemon.now, &publication);
    daemon.sent();
    assert!(daemon.publish(50_000, "t", b"p", "id").is_none());
    assert_eq!(forwarded_ack(&only(daemon.sent())).reply_id, b"id");
    assert_eq!(daemon.legacy.stats().duplicates, 1);
    for (port, event_type, payload, id) in [
        (50_001, "t", "p", "id"),
        (50_000, "u", "p", "id"),
        (50_000, "t", "q", "id"),
        (50_000, "t", "p", "other"),
    ] {
        let published = daemon.publish(port, event_type, payload.as_bytes(), id);
        assert!(published.is_some(), "{port} {event_type} {payload} {id} is another message");
    }
    daemon.pass(60);
    assert!(daemon.publish(50_000, "t", b"p", "id").is_some(), "after a minute it is forgotten");
}

#[test]
fn the_publisher_is_the_client_registered_with_that_address() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &[]);
    assert_eq!(daemon.publish(40_000, "t", b"p", "1").unwrap().client, Some(client));
    assert_eq!(daemon.publish(40_001, "t", b"p", "2").unwrap().client, None);
    daemon.registry.register(daemon.now, b"sealed", b"s", Protocol::Sealed, local(40_002)).unwrap();
    assert_eq!(daemon.publish(40_002, "t", b"p", "3").unwrap().client, None, "not in protocol 1");
}

#[test]
fn what_is_not_canonical_base64_is_taken_over_as_it_is_and_delivered_as_it_was() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    for bin_payload in [&b"QQ"[..], b"QUI", b"QR==", b"Q Q==", b"QQ==\n", b"\xff\x00", b"not base64!"] {
        let envelope = Envelope { payload_type: b"t", bin_payload, id: bin_payload };
        let publication = daemon.hear_envelope(local(50_000), &envelope).unwrap();
        assert_eq!((&*publication.payload, publication.verbatim), (bin_payload, true));
        daemon.deliver_message(client, &publication.message(1, 1));
        let sent = only(daemon.sent());
        assert_eq!((&*sent.bin_payload, &*sent.id), (bin_payload, bin_payload));
    }
}

#[test]
fn an_empty_payload_and_an_empty_id_are_messages_too() {
    let mut daemon = Daemon::new(&config());
    for _ in 0..2 {
        let publication = daemon.publish(50_000, "t", b"", "").unwrap();
        assert_eq!(publication.message(1, 1).envelope_id, None);
        daemon.legacy.accept(daemon.now, &publication);
        assert_eq!(forwarded_ack(&only(daemon.sent())).reply_id, b"", "and never taken for the same");
    }
}

#[test]
fn types_that_cannot_be_published_are_refused_once() {
    let long = "t".repeat(256);
    let cases = [("", code::BAD_TYPE), (&*long, code::BAD_TYPE), ("member_in", code::RESERVED_TYPE)];
    for (event_type, expected) in cases {
        let mut daemon = Daemon::new(&config());
        assert!(daemon.publish(50_000, event_type, b"p", "id").is_none());
        assert!(daemon.publish(50_000, event_type, b"p", "id").is_none());
        let sent = only(daemon.sent());
        assert_eq!((sent.port, sent.error()), (50_000, (expected, &b"id"[..])));
    }
}

#[test]
fn a_payload_of_more_than_60000_bytes_is_refused() {
    let mut daemon = Daemon::new(&config());
    let bin_payload = vec![b'!'; 60_001];
    let envelope = Envelope { payload_type: b"t", bin_payload: &bin_payload, id: b"id" };
    assert!(daemon.hear_envelope(local(50_000), &envelope).is_none());
    assert_eq!(only(daemon.sent()).error(), (code::TOO_LARGE, &b"id"[..]));
    let envelope = Envelope { bin_payload: &bin_payload[1..], ..envelope };
    assert!(daemon.hear_envelope(local(50_000), &envelope).is_some());
}

#[test]
fn an_id_of_255_bytes_is_acknowledged_and_a_longer_one_is_nothing() {
    let mut config = config();
    config.member_name = "d".repeat(255);
    let mut daemon = Daemon::new(&config);
    let id = "i".repeat(256);
    assert!(daemon.publish(50_000, "t", b"p", &id).is_none());
    assert!(daemon.sent().is_empty());
    let publication = daemon.publish(50_000, "t", b"p", &id[1..]).unwrap();
    daemon.legacy.accept(daemon.now, &publication);
    assert_eq!(forwarded_ack(&only(daemon.sent())).reply_id, &id.as_bytes()[1..]);
}

#[test]
fn the_overlay_may_refuse_a_message_for_good() {
    let mut daemon = Daemon::new(&config());
    let publication = daemon.publish(50_000, "t", b"p", "id").unwrap();
    daemon.legacy.refuse(daemon.now, &publication, code::STOPPING);
    assert_eq!(only(daemon.sent()).error(), (code::STOPPING, &b"id"[..]));
}

#[test]
fn a_client_is_answered_under_the_key_it_uses() {
    let mut daemon = Daemon::new(&config());
    let other = Peer { address: local(50_000), key: KeyId([2; 4]), erlang: false };
    let envelope = Envelope { payload_type: b"t", bin_payload: b"QQ==", id: b"id" };
    let publication = daemon.legacy.handle(daemon.now, &mut daemon.registry, other, &envelope).unwrap();
    daemon.legacy.accept(daemon.now, &publication);
    assert_eq!(daemon.legacy.poll_outgoing(daemon.now, &mut Vec::new()), Some(other));
}
