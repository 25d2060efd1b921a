//! Delivering, and delivering again until it is acknowledged.

use super::*;

fn ids(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(|sent| String::from_utf8_lossy(&sent.id).into_owned()).collect()
}

fn small() -> Config {
    let mut config = config();
    config.limits.queue_frames = 4;
    config
}

#[test]
fn a_subscriber_gets_the_envelope_as_it_was_published() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    let bytes: Vec<u8> = (0..=255).collect();
    let publication = daemon.publish(50_000, "t", &bytes, "the id").unwrap();
    daemon.deliver_message(client, &publication.message(1, 1));
    let sent = only(daemon.sent());
    assert_eq!((sent.port, &*sent.payload_type, &*sent.id), (40_000, "t", &b"the id"[..]));
    assert_eq!(sent.inner, bytes);
}

#[test]
fn a_message_without_an_envelope_id_gets_one_and_keeps_it() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    for sequence in 1..=3 {
        let (event_type, payload) = (&b"t"[..], &b"p"[..]);
        let message =
            Message { event_type, payload, publisher: 9, sequence, envelope_id: None, verbatim: false };
        daemon.deliver_message(client, &message);
    }
    let first = ids(&daemon.sent());
    assert!(first.iter().all(|id| id.len() == 36));
    assert!(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
    assert_eq!(ids(&daemon.pass_alive(6, &[(40_000, "a")])), first);
    daemon.acknowledge(40_000, "a", "s", &first[1]);
    assert_eq!(daemon.legacy.queued(client).1, 2);
}

#[test]
fn it_comes_again_every_five_seconds_until_it_is_acknowledged() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.deliver(client, "t", "1", b"p");
    assert_eq!(daemon.sent().len(), 1);
    assert!(daemon.pass(4).is_empty());
    assert_eq!(ids(&daemon.pass(1)), ["1"]);
    let again = daemon.pass_alive(100, &[(40_000, "a")]);
    assert_eq!(again.len(), 20, "there is no limit");
    daemon.acknowledge(40_000, "a", "s", "1");
    assert!(daemon.pass_alive(20, &[(40_000, "a")]).is_empty());
    assert_eq!((daemon.legacy.stats().delivered, daemon.legacy.stats().redelivered), (1, 21));
    daemon.acknowledge(40_000, "a", "s", "1");
    assert_eq!(daemon.legacy.stats().acknowledged_again, 1);
}

#[test]
fn it_comes_again_at_most_redelivery_retry_max_times() {
    let mut config = config();
    config.redelivery_retry_max = 2;
    let mut daemon = Daemon::new(&config);
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.deliver(client, "t", "1", b"p");
    let sent = daemon.pass_alive(60, &[(40_000, "a")]);
    assert_eq!(sent.len(), 3, "once and twice again");
    assert_eq!((daemon.legacy.stats().expired, daemon.legacy.queued(client)), (1, (0, 0)));
    assert!(daemon.effects().contains(&Effect::Shrank { client }));
}

#[test]
fn only_the_subscribers_own_acknowledgement_ends_it() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.subscriber(40_001, "b", &["t"]);
    daemon.deliver(client, "t", "1", b"p");
    daemon.acknowledge(40_000, "a", "s", "1");
    assert_eq!(daemon.legacy.queued(client).1, 1, "it has not been sent yet");
    daemon.sent();
    daemon.acknowledge(40_000, "a", "wrong", "1");
    daemon.acknowledge(40_001, "b", "s", "1");
    daemon.acknowledge(40_000, "a", "s", "2");
    assert_eq!(daemon.legacy.queued(client).1, 1);
    daemon.acknowledge(59_999, "a", "s", "1");
    assert_eq!(daemon.legacy.queued(client).1, 0, "from whatever port, with the right secret");
}

/// Defect 6: redelivery to a client that is gone or unsubscribed went on for ever.
#[test]
fn unsubscribing_leaving_and_being_dropped_end_redelivery() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t", "u"]);
    daemon.deliver(client, "t", "1", b"p");
    daemon.deliver(client, "u", "2", b"p");
    daemon.sent();
    daemon.unsubscribe(40_000, "a", &["t"]);
    daemon.sent();
    assert_eq!(ids(&daemon.pass(5)), ["2"]);
    daemon.exit(40_000, "a", "s");
    assert!(daemon.pass(20).is_empty());
    assert_eq!(daemon.legacy.poll_timeout(), None);

    let client = daemon.subscriber(40_000, "b", &["t"]);
    daemon.deliver(client, "t", "3", b"p");
    let sent = daemon.pass(1_000);
    assert_eq!(sent.len(), 6, "at 0, 5, … 25 s: at 30 s it is unreachable");
    assert!(!daemon.legacy.is_client(client));
    assert_eq!(daemon.legacy.poll_timeout(), None);
}

/// Defect 6: a second registration of the same message orphaned the first.
#[test]
fn two_messages_of_one_id_are_delivered_one_after_the_other() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.deliver(client, "t", "same", b"one");
    daemon.deliver(client, "t", "same", b"two");
    assert_eq!(only(daemon.sent()).inner, b"one");
    daemon.acknowledge(40_000, "a", "s", "same");
    assert_eq!(only(daemon.sent()).inner, b"two");
    daemon.acknowledge(40_000, "a", "s", "same");
    assert_eq!(daemon.legacy.queued(client), (0, 0));
}

#[test]
fn a_message_that_waits_for_one_of_its_id_goes_once_that_ends_by_unsubscribing() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t", "u"]);
    daemon.deliver(client, "t", "same", b"one");
    daemon.deliver(client, "u", "same", b"two");
    assert_eq!(daemon.sent().len(), 1);
    daemon.unsubscribe(40_000, "a", &["t"]);
    let sent = daemon.sent();
    assert_eq!(ids(&sent)[1..], ["same"]);
    assert_eq!(sent[1].inner, b"two");
}

#[test]
fn no_more_is_out_than_a_clients_socket_buffer_holds() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    for number in 0..1_000 {
        assert!(daemon.deliver(client, "t", &number.to_string(), b""));
    }
    let out = daemon.sent().len();
    assert!((64..=256).contains(&out), "{out}");
    for number in 0..10 {
        daemon.acknowledge(40_000, "a", "s", &number.to_string());
    }
    assert_eq!(daemon.sent().len(), 10, "one goes out for each that is acknowledged");
    let large = daemon.subscriber(40_001, "b", &["t"]);
    for number in 0..10 {
        daemon.deliver(large, "t", &number.to_string(), &[0; 45_000]);
    }
    let out = daemon.sent().len();
    assert!((1..=4).contains(&out), "{out}");
}

#[test]
fn a_full_queue_refuses_and_opens_again() {
    let mut daemon = Daemon::new(&small());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    for number in 0..4 {
        assert!(daemon.deliver(client, "t", &number.to_string(), b"p"));
    }
    assert!(!daemon.legacy.has_room(client, 1));
    assert!(!daemon.deliver(client, "t", "4", b"p"));
    assert_eq!(daemon.legacy.queued(client).1, 4);
    daemon.sent();
    daemon.effects();
    daemon.acknowledge(40_000, "a", "s", "0");
    assert_eq!(daemon.effects(), [Effect::Shrank { client }]);
    assert!(daemon.legacy.has_room(client, 1));
}

#[test]
fn the_bound_in_bytes_holds_but_for_a_single_message() {
    let mut config = config();
    config.limits.queue_cost = 1_000;
    let mut daemon = Daemon::new(&config);
    let client = daemon.subscriber(40_000, "a", &["t"]);
    assert!(daemon.deliver(client, "t", "0", &[0; 40_000]), "an empty queue takes anything");
    assert!(!daemon.deliver(client, "t", "1", b"p"));
    daemon.sent();
    daemon.acknowledge(40_000, "a", "s", "0");
    let taken =
        (0..).take_while(|number: &u32| daemon.deliver(client, "t", &number.to_string(), b"p")).count();
    assert!(daemon.legacy.queued(client).0 <= 1_000);
    assert!(taken > 5, "{taken}");
}

#[test]
fn a_stalled_subscriber_loses_its_oldest_unsent_messages_until_it_takes_something() {
    let mut daemon = Daemon::new(&small());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.deliver(client, "t", "0", b"p");
    daemon.sent();
    for number in 1..4 {
        daemon.deliver(client, "t", &number.to_string(), b"p");
    }
    assert_eq!(daemon.legacy.progress(client), Some(daemon.now));
    assert!(daemon.legacy.set_stalled(client));
    assert!(!daemon.legacy.set_stalled(client), "it held nobody back any more");
    assert!(daemon.deliver(client, "t", "4", b"p"));
    assert_eq!((daemon.legacy.queued(client).1, daemon.legacy.stats().dropped), (4, 1));
    assert_eq!(ids(&daemon.sent()), ["2", "3", "4"]);
    assert!(daemon.deliver(client, "t", "5", b"p"), "all are out: the new one goes");
    assert_eq!((daemon.legacy.queued(client).1, daemon.legacy.stats().dropped), (4, 2));
    daemon.acknowledge(40_000, "a", "s", "0");
    daemon.deliver(client, "t", "6", b"p");
    assert!(!daemon.deliver(client, "t", "7", b"p"), "it holds publishers back again");
}

#[test]
fn while_a_client_is_unreachable_nothing_is_sent_and_all_is_kept() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.deliver(client, "t", "1", b"p");
    daemon.sent();
    daemon.registry.handle_unreachable(daemon.now, local(40_000));
    daemon.follow();
    daemon.deliver(client, "t", "2", b"p");
    assert!(daemon.pass(60).is_empty());
    daemon.alive(40_000, "a");
    assert_eq!(daemon.sent_ids().into_iter().skip(1).map(|(_, _, id)| id).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(daemon.changes(), [Change::In, Change::Unreachable, Change::Rejoin]);
}

#[test]
fn a_client_that_restarts_on_its_port_within_a_second_loses_nothing() {
    let mut daemon = Daemon::new(&small());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.deliver(client, "t", "1", b"p");
    daemon.sent();
    daemon.registry.handle_unreachable(daemon.now, local(40_000));
    daemon.follow();
    daemon.deliver(client, "t", "2", b"p");
    daemon.now = daemon.now + Duration::from_millis(800);
    daemon.alive(40_000, "a");
    assert_eq!(daemon.legacy.subscriptions(client).collect::<Vec<_>>(), [b"t"]);
    let sent = daemon.sent();
    assert_eq!(ids(&sent)[1..], ["1", "2"], "at once, not at the next redelivery");
}

#[test]
fn an_unreachable_client_holds_nobody_back_and_its_queue_stays_bounded() {
    let mut daemon = Daemon::new(&small());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.registry.handle_unreachable(daemon.now, local(40_000));
    daemon.follow();
    for number in 0..100 {
        assert!(daemon.legacy.has_room(client, 1));
        assert!(daemon.deliver(client, "t", &number.to_string(), b"p"));
    }
    assert_eq!((daemon.legacy.queued(client).1, daemon.legacy.stats().dropped), (4, 96));
    daemon.alive(40_000, "a");
    assert_eq!(ids(&daemon.sent())[1..], ["96", "97", "98", "99"]);
}

#[test]
fn one_slow_subscriber_delays_no_other() {
    let mut daemon = Daemon::new(&config());
    let slow = daemon.subscriber(40_000, "slow", &["t"]);
    let quick = daemon.subscriber(40_001, "quick", &["t"]);
    for number in 0..1_000 {
        daemon.deliver(slow, "t", &number.to_string(), b"p");
    }
    for number in 0..20 {
        daemon.deliver(quick, "t", &number.to_string(), b"p");
    }
    let sent = daemon.sent();
    let last = sent.iter().rposition(|sent| sent.port == 40_001).unwrap();
    assert_eq!(sent.iter().filter(|sent| sent.port == 40_001).count(), 20);
    assert!(last < 20 + 2 * deliver::TURN as usize, "{last}: they take turns");
}

#[test]
fn what_does_not_fit_into_a_datagram_of_protocol_1_is_reported_and_counted() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.effects();
    assert!(daemon.deliver(client, "t", "id", &[0; 50_000]), "nobody waits for it");
    let sent = only(daemon.sent());
    assert_eq!((sent.port, sent.error()), (40_000, (code::TOO_LARGE, &b"id"[..])));
    assert_eq!(daemon.effects(), [Effect::Undeliverable { client, bytes: 50_000 }]);
    assert_eq!((daemon.legacy.stats().undeliverable, daemon.legacy.queued(client)), (1, (0, 0)));
    // The largest that fits: 65,487 bytes of envelope, 22 of them fixed, 1 and 2 for type and id; base64 comes in fours.
    assert!(daemon.deliver(client, "t", "id", &[0; 49_095]));
    assert_eq!(only(daemon.sent()).inner.len(), 49_095);
    daemon.deliver(client, "t", "ie", &[0; 49_096]);
    assert_eq!(daemon.sent()[0].payload_type, "digestError");
}

#[test]
fn fifty_subscribers_share_one_body() {
    let mut daemon = Daemon::new(&config());
    let (event_type, payload) = (&b"t"[..], &[7; 1_000][..]);
    let message =
        Message { event_type, payload, publisher: 1, sequence: 1, envelope_id: Some(b"id"), verbatim: false };
    let mut body = Vec::new();
    message.write(&mut body);
    let body = Bytes::from(body);
    let clients: Vec<_> =
        (0..50).map(|number| daemon.subscriber(40_000 + number, &number.to_string(), &["t"])).collect();
    for client in &clients {
        daemon.legacy.deliver(daemon.now, *client, &message, &body);
    }
    assert_eq!(daemon.sent().len(), 50);
    assert!(!body.is_unique());
    for number in 0..50 {
        daemon.acknowledge(40_000 + number, &number.to_string(), "s", "id");
    }
    assert!(body.is_unique(), "and let go of it");
}

#[test]
fn a_client_that_nobody_knows_is_served_by_definition() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.exit(40_000, "a", "s");
    assert!(daemon.legacy.has_room(client, 100));
    assert!(daemon.deliver(client, "t", "1", b"p"));
    assert!(daemon.sent().is_empty());
    assert_eq!((daemon.legacy.queued(client), daemon.legacy.progress(client)), ((0, 0), None));
}
