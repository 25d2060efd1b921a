//! Subscriptions and the events of reserved types.

use gossiperl_idl::digest::{DigestEvent, DigestSubscribeAck};

use super::*;

fn boxed(event_type: &str) -> Box<[u8]> {
    event_type.as_bytes().into()
}

fn subscribe_ack(sent: &Sent) -> DigestSubscribeAck<'_> {
    match sent.digest() {
        AnyDigest::SubscribeAck(ack) => ack,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_registered_client_subscribes_and_is_answered_at_its_registered_address() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.sent();
    daemon.subscribe(50_000, "a", &["t", "u"]);
    let sent = only(daemon.sent());
    assert_eq!(sent.port, 40_000);
    let expected =
        DigestSubscribeAck { heartbeat: UNIX, reply_id: b"subscribe", event_types: vec![b"t", b"u"] };
    assert_eq!(subscribe_ack(&sent), expected);
    let client = daemon.registry.authenticate(b"a", b"s").unwrap();
    let effects = daemon.effects();
    let [Effect::Subscribe(subscribing)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((subscribing.client, subscribing.added.as_slice()), (client, &["t", "u"].map(boxed)[..]));
    daemon.subscribe(40_000, "a", &["t"]);
    assert_eq!(daemon.sent().len(), 1, "again acknowledged");
    assert_eq!(daemon.effects(), [], "and nothing new");
}

#[test]
fn the_jvm_client_may_subscribe_before_its_first_digest_is_answered() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.subscribe(40_000, "a", &["t"]);
    let types: Vec<_> = daemon.sent().into_iter().map(|sent| sent.payload_type).collect();
    assert_eq!(types, ["digestAck", "digestSubscribeAck"]);
}

#[test]
fn who_is_not_registered_is_refused_once_for_each_request() {
    let mut daemon = Daemon::new(&config());
    daemon.subscribe(40_000, "a", &["t"]);
    daemon.subscribe(40_000, "a", &["t"]);
    let sent = only(daemon.sent());
    assert_eq!((sent.port, sent.error()), (40_000, (code::NOT_REGISTERED, &b"subscribe"[..])));
    daemon.subscribe_with(40_000, "a", &["t"], "s", "another request");
    assert_eq!(only(daemon.sent()).error().1, b"another request");
    daemon.unsubscribe(40_000, "a", &["t"]);
    assert_eq!(only(daemon.sent()).error(), (code::NOT_REGISTERED, &b"unsubscribe"[..]));
    assert_eq!(daemon.effects(), []);
}

/// Their library has no case for a digestError: its processes end, and start again without the subscriptions.
#[test]
fn erlang_clients_are_refused_without_a_word() {
    let mut daemon = Daemon::new(&config());
    daemon.erlang = true;
    daemon.subscribe(40_000, "a", &["t"]);
    daemon.alive_with(40_000, "a", 99_999, "s");
    assert!(daemon.publish(40_000, "member_in", b"", "id").is_none());
    assert!(daemon.sent().is_empty());
    assert_eq!(daemon.legacy.stats().refused, 3);
    let client = daemon.subscriber(40_000, "a", &["t"]);
    assert!(daemon.deliver(client, "t", "id", &[0; 50_000]), "too large");
    assert!(daemon.sent().is_empty());
    daemon.erlang = false;
    daemon.subscribe_with(40_001, "b", &["t"], "s", "another's");
    assert_eq!(only(daemon.sent()).error().0, code::NOT_REGISTERED);
}

/// Defect 4: any holder of the key added subscriptions of others.
#[test]
fn a_wrong_secret_is_refused_where_the_request_came_from() {
    let mut daemon = Daemon::new(&config());
    daemon.subscriber(40_000, "a", &["t"]);
    daemon.effects();
    daemon.subscribe_with(50_000, "a", &["u"], "wrong", "id");
    daemon.subscribe_with(50_000, "a", &["u"], "wrong", "id");
    let sent = only(daemon.sent());
    assert_eq!((sent.port, sent.error()), (50_000, (code::WRONG_SECRET, &b"id"[..])));
    assert_eq!(daemon.effects(), []);
}

#[test]
fn more_types_than_one_may_have_are_refused_and_none_is_added() {
    let mut config = config();
    config.limits.subscriptions_per_client = 2;
    let mut daemon = Daemon::new(&config);
    daemon.subscriber(40_000, "a", &["t"]);
    daemon.effects();
    daemon.subscribe(40_000, "a", &["u", "v"]);
    assert_eq!(only(daemon.sent()).error().0, code::TOO_MANY_SUBSCRIPTIONS);
    daemon.subscribe_with(40_000, "a", &[""], "s", "empty");
    assert_eq!(only(daemon.sent()).error(), (code::BAD_TYPE, &b"empty"[..]));
    assert_eq!(daemon.effects(), []);
}

#[test]
fn a_long_list_is_acknowledged_in_pieces_that_every_client_can_read() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.sent();
    let names: Vec<String> =
        (0..200).map(|number| format!("{number}-{}", "t".repeat(number % 250))).collect();
    let types: Vec<&str> = names.iter().map(String::as_str).collect();
    daemon.subscribe(40_000, "a", &types);
    let sent = daemon.sent();
    let acknowledged: Vec<&[u8]> = sent.iter().flat_map(|sent| subscribe_ack(sent).event_types).collect();
    assert!(acknowledged.iter().eq(types.iter().map(|name| name.as_bytes()).collect::<Vec<_>>().iter()));
    assert!(sent.iter().all(|sent| subscribe_ack(sent).reply_id == b"subscribe"));
    daemon.unsubscribe(40_000, "a", &types);
    assert_eq!(daemon.sent().len(), sent.len());
    assert_eq!(daemon.effects().len(), 1 + types.len());
}

#[test]
fn an_empty_list_is_acknowledged() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.sent();
    daemon.subscribe(40_000, "a", &[]);
    assert!(subscribe_ack(&only(daemon.sent())).event_types.is_empty());
}

#[test]
fn unsubscribing_ends_it_and_is_acknowledged_even_where_there_was_none() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.effects();
    daemon.unsubscribe(40_000, "a", &["t", "u"]);
    let sent = only(daemon.sent());
    let AnyDigest::UnsubscribeAck(ack) = sent.digest() else { panic!("{sent:?}") };
    assert_eq!((ack.reply_id, ack.event_types), (&b"unsubscribe"[..], vec![&b"t"[..], b"u"]));
    assert_eq!(daemon.effects(), [Effect::Unsubscribed { client, event_type: boxed("t") }]);
    assert_eq!(daemon.legacy.subscriptions(client).count(), 0);
}

/// Defect 7: subscriptions of clients that exited stayed for ever.
#[test]
fn subscriptions_end_with_their_client() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t", "member_in"]);
    daemon.effects();
    daemon.exit(40_000, "a", "s");
    let ended = Effect::Unsubscribed { client, event_type: boxed("t") };
    assert_eq!(daemon.effects(), [ended, Effect::Shrank { client }]);
    let dropped = daemon.subscriber(40_000, "a", &["u"]);
    daemon.effects();
    daemon.pass(180);
    let ended = Effect::Unsubscribed { client: dropped, event_type: boxed("u") };
    assert!(daemon.effects().contains(&ended));
    daemon.alive(40_001, "b");
    assert!(daemon.sent().iter().all(|sent| sent.payload_type == "digestAck"), "nor events for the gone");
}

#[test]
fn reserved_types_bring_events_and_concern_nobody_else() {
    let mut daemon = Daemon::new(&config());
    daemon.subscriber(40_000, "a", &["member_in", "member_out", "member_drop"]);
    assert_eq!(daemon.effects(), [], "not shared with other daemons");
    daemon.alive(40_001, "b");
    daemon.legacy.announce(Change::Drop, b"another daemon");
    daemon.legacy.announce(Change::Quarantine, b"not asked for");
    daemon.exit(40_001, "b", "s");
    let sent = daemon.sent();
    let events: Vec<_> = sent
        .iter()
        .filter(|sent| sent.payload_type == "digestEvent")
        .map(|sent| match sent.digest() {
            AnyDigest::Event(DigestEvent { event_type, event_object, heartbeat: UNIX }) => {
                (sent.port, event_type.to_vec(), event_object.to_vec())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let event = |name: &str, object: &str| (40_000, name.into(), object.into());
    assert_eq!(
        events,
        [event("member_in", "b"), event("member_drop", "another daemon"), event("member_out", "b")]
    );
    let redelivered = daemon.pass_alive(20, &[(40_000, "a")]);
    assert!(redelivered.is_empty(), "events are not acknowledged: {redelivered:?}");
}

#[test]
fn event_types_need_not_be_utf_8() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.sent();
    let name = &[0xff, 0x80, 0][..];
    let event_types = vec![name];
    let request = DigestSubscribe { name: b"a", heartbeat: UNIX, id: &[0xc0], event_types, secret: b"s" };
    daemon.hear(40_000, &AnyDigest::Subscribe(request));
    let sent = only(daemon.sent());
    let ack = subscribe_ack(&sent);
    assert_eq!((ack.reply_id, ack.event_types), (&[0xc0][..], vec![name]));
}

#[test]
fn events_are_not_sent_to_clients_that_are_unreachable() {
    let mut daemon = Daemon::new(&config());
    daemon.subscriber(40_000, "a", &["member_drop"]);
    daemon.registry.handle_unreachable(daemon.now, local(40_000));
    daemon.follow();
    daemon.legacy.announce(Change::Drop, b"x");
    assert!(daemon.sent().is_empty());
}

#[test]
fn types_too_long_to_be_subscribed_to_are_left_out_of_an_acknowledgement() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.sent();
    daemon.unsubscribe(40_000, "a", &[&"x".repeat(2_000), "t"]);
    let sent = only(daemon.sent());
    let AnyDigest::UnsubscribeAck(ack) = sent.digest() else { panic!("{sent:?}") };
    assert_eq!(ack.event_types, [b"t"]);
}
