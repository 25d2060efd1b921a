//! Digests, exits and silence: a client's membership.

use gossiperl_idl::digest::{
    DigestAck, DigestError, DigestEvent, DigestSubscribeAck, DigestSubscriptions, DigestUnsubscribeAck,
};

use super::*;

fn digest_ack(sent: &Sent) -> DigestAck<'_> {
    match sent.digest() {
        AnyDigest::Ack(ack) => ack,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_digest_registers_and_is_answered_at_the_port_it_names() {
    let mut daemon = Daemon::new(&config());
    daemon.alive_with(40_001, "a", 40_000, "s");
    let sent = only(daemon.sent());
    assert_eq!(sent.port, 40_000);
    let ack = digest_ack(&sent);
    assert_eq!((ack.name, ack.heartbeat, ack.reply_id), (&b"daemon"[..], UNIX, &b"digest"[..]));
    let members: Vec<_> = ack
        .membership
        .iter()
        .map(|member| (member.member_name, member.member_ip, member.member_port, member.member_heartbeat))
        .collect();
    let ip = &b"127.0.0.1"[..];
    assert_eq!(members, [(&b"daemon"[..], ip, i32::from(OWN_PORT), UNIX), (&b"a"[..], ip, 40_000, UNIX)]);
    assert_eq!(daemon.changes(), [Change::In]);
}

#[test]
fn only_reachable_clients_are_listed() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.pass(25);
    daemon.alive(40_001, "b");
    let sent = only(daemon.sent());
    let names: Vec<_> = digest_ack(&sent).membership.iter().map(|member| member.member_name).collect();
    assert_eq!(names, [b"daemon", &b"b"[..]]);
}

#[test]
fn an_acknowledgement_lists_as_many_as_fit_into_1023_bytes_and_the_daemon_first() {
    let mut daemon = Daemon::new(&config());
    for client in 0..60u16 {
        daemon.alive(40_000 + client, &format!("client-{client}-{}", "x".repeat(usize::from(client))));
    }
    let all = daemon.sent();
    let longest = all.iter().map(|sent| digest_ack(sent).membership.len()).max();
    assert!(longest > Some(8), "{longest:?}");
    assert!(all.iter().all(|sent| digest_ack(sent).membership[0].member_name == b"daemon"));
}

#[test]
fn the_longest_names_and_ids_fit_too() {
    let mut config = config();
    config.member_name = "d".repeat(255);
    let mut daemon = Daemon::new(&config);
    let (name, id) = ([b'n'; 255], [b'i'; 255]);
    let digest = |port| AnyDigest::Digest(Digest { name: &name, port, heartbeat: 0, id: &id, secret: b"s" });
    daemon.hear(1, &digest(1));
    daemon.hear(1, &digest(0));
    let sent = daemon.sent();
    assert_eq!(digest_ack(&sent[0]).reply_id, id);
    assert_eq!(sent[1].error(), (code::BAD_PORT, &id[..]));
}

#[test]
fn a_port_that_is_none_is_refused_once_for_each_request_and_registers_nobody() {
    for port in [99_999, -5, 0, 65_536, i32::MIN, i32::MAX] {
        let mut daemon = Daemon::new(&config());
        daemon.alive_with(40_000, "a", port, "s");
        daemon.alive_with(40_000, "a", port, "s");
        let sent = only(daemon.sent());
        assert_eq!((sent.port, sent.error()), (40_000, (code::BAD_PORT, &b"digest"[..])), "{port}");
        assert_eq!(daemon.changes(), []);
    }
}

#[test]
fn the_daemons_own_port_is_refused_so_that_it_never_talks_to_itself() {
    let mut daemon = Daemon::new(&config());
    daemon.alive_with(40_000, "a", i32::from(OWN_PORT), "s");
    assert_eq!(only(daemon.sent()).error().0, code::BAD_PORT);
}

#[test]
fn a_digest_with_another_secret_is_ignored() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.sent();
    daemon.alive_with(40_001, "a", 40_001, "other");
    daemon.alive_with(40_001, "a", 99_999, "other");
    assert!(daemon.sent().is_empty());
    assert_eq!(daemon.legacy.stats().unauthenticated, 2);
    assert!(daemon.registry.at(&local(40_000)).is_some());
    assert!(daemon.registry.at(&local(40_001)).is_none());
}

#[test]
fn a_name_the_configuration_lists_registers_with_that_secret_only() {
    let mut config = config();
    config.client_secrets.push(("a".to_owned(), zeroize::Zeroizing::new(b"listed".to_vec())));
    let mut daemon = Daemon::new(&config);
    daemon.alive(40_000, "a");
    assert!(daemon.sent().is_empty());
    daemon.alive_with(40_000, "a", 40_000, "listed");
    assert_eq!(daemon.sent().len(), 1);
}

/// Defect 11: the same name and secret from a new port was accepted while deliveries still went to the old port.
#[test]
fn deliveries_go_to_the_latest_valid_digests_port() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.deliver(client, "t", "1", b"one");
    assert_eq!(daemon.sent()[0].port, 40_000);
    daemon.alive(40_001, "a");
    daemon.alive_with(40_002, "a", 99_999, "s");
    let ports: Vec<_> = daemon.sent().into_iter().map(|sent| (sent.port, sent.payload_type)).collect();
    let to = |port, payload_type: &str| (port, payload_type.to_owned());
    assert_eq!(ports, [to(40_001, "digestAck"), to(40_002, "digestError"), to(40_001, "t")]);
    daemon.deliver(client, "t", "2", b"two");
    assert_eq!(daemon.sent()[0].port, 40_001);
}

#[test]
fn a_silent_client_is_quarantined_unreachable_and_dropped_and_one_that_returns_rejoins() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.pass(25);
    daemon.alive(40_000, "a");
    daemon.pass(179);
    assert_eq!(
        daemon.changes(),
        [Change::In, Change::Quarantine, Change::Rejoin, Change::Quarantine, Change::Unreachable]
    );
    daemon.alive(40_000, "a");
    daemon.pass(180);
    let expected = [Change::Rejoin, Change::Quarantine, Change::Unreachable, Change::Drop, Change::Out];
    assert_eq!(daemon.changes(), expected);
    daemon.alive_with(40_000, "a", 40_000, "another secret");
    assert_eq!(daemon.changes(), [Change::In], "the name is free again");
}

#[test]
fn an_exit_ends_the_membership_and_frees_the_name() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.exit(40_000, "a", "wrong");
    daemon.exit(40_000, "nobody", "s");
    assert_eq!((daemon.changes(), daemon.legacy.stats().unauthenticated), (vec![Change::In], 2));
    daemon.exit(40_000, "a", "s");
    assert_eq!(daemon.changes(), [Change::Out]);
    daemon.alive_with(40_001, "a", 40_001, "other");
    assert_eq!(daemon.changes(), [Change::In]);
}

/// Defect 3: eleven clean exits in two seconds killed the daemon.
#[test]
fn many_clean_exits_in_a_moment_harm_nobody() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(39_999, "stays");
    for client in 0..100u16 {
        daemon.alive(40_000 + client, &client.to_string());
    }
    daemon.sent();
    for client in 0..100u16 {
        daemon.exit(40_000 + client, &client.to_string(), "s");
    }
    daemon.alive(39_999, "stays");
    let sent = only(daemon.sent());
    assert_eq!(digest_ack(&sent).membership.len(), 2);
    assert_eq!(daemon.registry.iter().count(), 1);
}

/// Defect 2: one datagram of a known but unexpected type killed everything.
#[test]
fn known_structs_that_nobody_may_send_are_counted_and_not_answered() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.sent();
    let (name, reply_id, heartbeat) = (&b"a"[..], &b"r"[..], UNIX);
    let (event_types, subscriptions) = (vec![&b"t"[..]], Vec::new());
    let error = DigestError {
        name,
        heartbeat,
        error_code: 1,
        error_entity: b"",
        error_entity_name: b"",
        error_message: b"",
        reply_id,
    };
    let unexpected = [
        AnyDigest::Ack(DigestAck { name, heartbeat, reply_id, membership: Vec::new() }),
        AnyDigest::Event(DigestEvent { event_type: b"member_in", event_object: b"x", heartbeat }),
        AnyDigest::Error(error),
        AnyDigest::SubscribeAck(DigestSubscribeAck { heartbeat, reply_id, event_types: event_types.clone() }),
        AnyDigest::UnsubscribeAck(DigestUnsubscribeAck { heartbeat, reply_id, event_types }),
        AnyDigest::Subscriptions(DigestSubscriptions { name, heartbeat, reply_id, subscriptions }),
    ];
    for digest in &unexpected {
        daemon.hear(40_000, digest);
        daemon.hear(50_000, digest);
    }
    daemon.acknowledge(50_000, "stranger", "s", "r");
    assert!(daemon.sent().is_empty());
    let stats = daemon.legacy.stats();
    assert_eq!((stats.unexpected, stats.unauthenticated), (2 * unexpected.len() as u64, 1));
    daemon.alive(40_000, "a");
    assert_eq!(daemon.sent().len(), 1, "and the daemon serves on");
}

/// Defect 4: any holder of the key added members, even with an address that is none.
#[test]
fn other_hosts_are_not_heard() {
    let mut daemon = Daemon::new(&config());
    let digest = Digest { name: b"a", port: 40_000, heartbeat: UNIX, id: b"i", secret: b"s" };
    daemon.hear_from(([192, 0, 2, 1], 40_000).into(), &AnyDigest::Digest(digest));
    let (payload_type, bin_payload, id) = (&b"t"[..], &b"AAAA"[..], &b"i"[..]);
    let message = Envelope { payload_type, bin_payload, id };
    assert!(daemon.hear_envelope(([192, 0, 2, 1], 40_000).into(), &message).is_none());
    assert!(daemon.sent().is_empty());
    assert_eq!((daemon.changes(), daemon.legacy.stats().foreign), (Vec::new(), 2));
}

#[test]
fn a_name_that_is_the_daemons_own_or_none_and_clients_beyond_the_limit_are_refused() {
    let mut config = config();
    config.limits.clients = 1;
    let mut daemon = Daemon::new(&config);
    daemon.alive(40_000, "daemon");
    assert_eq!(only(daemon.sent()).error().0, code::BAD_NAME);
    daemon.alive(40_001, &"n".repeat(256));
    assert_eq!(only(daemon.sent()).error().0, code::BAD_NAME);
    daemon.alive(40_002, "");
    assert_eq!(only(daemon.sent()).error().0, code::BAD_NAME);
    daemon.alive(40_003, "a");
    daemon.sent();
    daemon.alive(40_004, "b");
    assert_eq!(only(daemon.sent()).error().0, code::TOO_MANY_CLIENTS);
}

#[test]
fn names_need_not_be_utf_8() {
    let mut daemon = Daemon::new(&config());
    let name = [0xff, 0xfe, 0];
    let digest = Digest { name: &name, port: 40_000, heartbeat: UNIX, id: b"i", secret: &[0x80] };
    daemon.hear(40_000, &AnyDigest::Digest(digest));
    let sent = only(daemon.sent());
    assert_eq!(digest_ack(&sent).membership[1].member_name, name);
}

#[test]
fn a_name_that_comes_back_in_protocol_2_ends_the_session_of_protocol_1() {
    let mut daemon = Daemon::new(&config());
    let client = daemon.subscriber(40_000, "a", &["t"]);
    daemon.effects();
    daemon.registry.register(daemon.now, b"a", b"s", Protocol::Sealed, local(40_001)).unwrap();
    daemon.follow();
    assert!(!daemon.legacy.is_client(client));
    let event_type = Box::from(&b"t"[..]);
    assert_eq!(daemon.effects(), [Effect::Unsubscribed { client, event_type }, Effect::Shrank { client }]);
    daemon.subscribe(40_000, "a", &["t"]);
    assert_eq!(only(daemon.sent()).error().0, code::NOT_REGISTERED);
}

#[test]
fn requests_and_acknowledgements_are_signs_of_life_too() {
    let mut daemon = Daemon::new(&config());
    daemon.alive(40_000, "a");
    daemon.pass(15);
    daemon.subscribe(40_000, "a", &["t"]);
    daemon.pass(15);
    daemon.acknowledge(40_000, "a", "s", "whatever");
    daemon.pass(15);
    daemon.unsubscribe(40_000, "a", &["t"]);
    daemon.pass(15);
    assert_eq!(daemon.changes(), [Change::In]);
}
