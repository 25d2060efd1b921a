//! Sessions of protocol 2 with one daemon, in virtual time.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use crate::common::{
    Client, Heard,
    host::{Host, SECOND, config},
};
use gossiperl_idl::{
    code,
    codec::encode_compact,
    frame,
    generated::{Keepalive, MembersRequest, SlowPolicy, Subscribe, Subscription, Unsubscribe},
    message::Message,
};
use gossiperl_overlay::{Change, Event};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn member_changes(host: &mut Host) -> Vec<(Change, String)> {
    std::iter::from_fn(|| host.overlay.poll_event())
        .filter_map(|event| match event {
            Event::Member(change, view) => Some((change, view.name)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_message_reaches_every_subscriber_but_its_publisher_and_is_acknowledged() {
    let mut host = Host::connected(config(), &["a", "b", "c"]);
    for client in &mut host.clients {
        client.subscribe("news", SlowPolicy::WAIT);
    }
    host.settle();
    assert!(host.clients[0].publish("news", b"\xff\x00hello"));
    assert!(host.clients[0].publish("other", b"unheard"));
    host.run(SECOND);
    assert_eq!(host.clients[0].messages().count(), 0, "not to the publisher");
    for client in &host.clients[1..] {
        assert_eq!(client.messages().collect::<Vec<_>>(), [b"\xff\x00hello"]);
    }
    assert_eq!(host.clients[0].link.queued_frames(), 0, "everything acknowledged");
    let stats = host.overlay.stats();
    assert_eq!((stats.published, stats.fanned_out, stats.delivered, stats.unheard), (2, 2, 2, 1));
}

#[test]
fn messages_of_sixty_thousand_bytes_pass_and_larger_ones_do_not() {
    let mut host = Host::connected(config(), &["a", "b"]);
    host.clients[1].subscribe("big", SlowPolicy::WAIT);
    host.settle();
    let largest = vec![7; 60_000];
    host.clients[0].publish("big", &largest);
    host.clients[0].publish("big", &[7; 60_001]);
    host.run(SECOND);
    assert_eq!(host.clients[1].messages().collect::<Vec<_>>(), [largest.as_slice()]);
    assert_eq!(host.overlay.stats().malformed, 1, "not a message at all");
    assert_eq!(host.clients[0].link.queued_frames(), 0, "and not to be repeated");
}

#[test]
fn order_is_kept_and_nothing_is_lost_or_doubled_over_thousands() {
    let mut host = Host::connected(config(), &["a", "b"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.settle();
    let mut sent = 0u32;
    while sent < 20_000 {
        while sent < 20_000 && host.clients[0].publish("n", &sent.to_be_bytes()) {
            sent += 1;
        }
        host.run(Duration::from_millis(2));
    }
    host.run(SECOND);
    let got: Vec<u32> =
        host.clients[1].messages().map(|payload| u32::from_be_bytes(payload.try_into().unwrap())).collect();
    assert_eq!(got, (0..20_000).collect::<Vec<_>>());
}

#[test]
fn a_wrong_secret_and_the_daemons_own_name_are_refused() {
    let mut host = Host::connected(config(), &["a"]);
    let mut imposter = Client::new("a", 2);
    imposter.secret = b"other".to_vec();
    imposter.hello();
    let mut namesake = Client::new("daemon", 3);
    namesake.hello();
    host.clients.extend([imposter, namesake]);
    host.settle();
    assert_eq!(host.clients[1].heard, [Heard::Refusal { code: code::WRONG_SECRET, entity: "a".to_owned() }]);
    assert_eq!(host.clients[2].heard, [Heard::Refusal { code: code::BAD_NAME, entity: "daemon".to_owned() }]);
}

#[test]
fn the_same_run_resumes_its_session_and_a_newer_one_replaces_it() {
    let mut host = Host::connected(config(), &["a", "b"]);
    host.clients[0].hello();
    host.settle();
    assert_eq!(host.clients[0].heard, [Heard::Welcome { fresh: false }]);
    let mut newer = Client::new("a", 5);
    newer.hello();
    host.clients.push(newer);
    host.settle();
    assert_eq!(host.clients[2].heard, [Heard::Welcome { fresh: true }]);
    host.clients[2].subscribe("n", SlowPolicy::WAIT);
    host.settle();
    host.clients[1].publish("n", b"x");
    host.run(SECOND);
    assert_eq!(host.clients[2].messages().count(), 1);
}

#[test]
fn a_reconnected_publisher_repeats_what_was_unacknowledged_without_a_second_delivery() {
    let mut host = Host::connected(config(), &["a", "b"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.settle();
    host.clients[0].publish("n", b"once");
    host.run(SECOND);
    let mut again = Client::new("a", 9);
    again.instance = host.clients[0].instance;
    again.hello();
    host.clients[0] = again;
    host.settle();
    let repeated = Message {
        event_type: b"n",
        payload: b"once",
        publisher: 1,
        sequence: 1,
        envelope_id: None,
        verbatim: false,
    };
    host.clients[0].publish_raw(&repeated);
    host.run(SECOND);
    assert_eq!(host.clients[1].messages().count(), 1);
    assert_eq!(host.clients[0].link.queued_frames(), 0, "acknowledged all the same");
}

#[test]
fn publishing_under_another_instance_or_a_reserved_type_is_refused() {
    let mut host = Host::connected(config(), &["a", "b"]);
    let foreign = Message {
        event_type: b"n",
        payload: b"",
        publisher: 77,
        sequence: 1,
        envelope_id: None,
        verbatim: false,
    };
    host.clients[0].publish_raw(&foreign);
    host.clients[0].publish("member_in", b"");
    host.run(SECOND);
    let codes = [(code::WRONG_PUBLISHER, "n"), (code::RESERVED_TYPE, "member_in")];
    let refusals = codes.map(|(code, entity)| Heard::Refusal { code, entity: entity.to_owned() });
    assert_eq!(host.clients[0].heard, refusals);
    assert_eq!(host.overlay.stats().refused, 2);
}

#[test]
fn unsubscribing_ends_deliveries_and_a_bad_type_is_refused() {
    let mut host = Host::connected(config(), &["a", "b"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.clients[1].subscribe("", SlowPolicy::WAIT);
    host.clients[1].request(frame::UNSUBSCRIBE, &Unsubscribe::new(9, vec![b"n".to_vec()]));
    host.run(SECOND);
    host.clients[0].publish("n", b"x");
    host.run(SECOND);
    let replies = [(1, code::DONE), (2, code::BAD_TYPE), (9, code::DONE)];
    assert_eq!(host.clients[1].heard, replies.map(|(request, code)| Heard::Reply { request, code }));
}

#[test]
fn a_slow_subscriber_pauses_its_type_alone_and_its_publishers_resume() {
    let mut config = config();
    config.limits.queue_frames = 100;
    let mut host = Host::connected(config, &["publisher", "slow", "other"]);
    host.clients[1].subscribe("slow", SlowPolicy::WAIT);
    host.clients[2].subscribe("fast", SlowPolicy::WAIT);
    host.settle();
    host.clients[1].holds = true;
    for number in 0..80u8 {
        host.clients[0].publish("slow", &[number]);
    }
    host.clients[0].publish("fast", b"x");
    host.run(SECOND);
    assert!(host.clients[0].heard.contains(&Heard::Pause("slow".to_owned())));
    assert_eq!(host.clients[2].messages().count(), 1, "another type is not held up");
    host.clients[1].holds = false;
    host.clients[1].link.release(host.now);
    host.run(SECOND);
    assert_eq!(host.clients[1].messages().count(), 80);
    assert_eq!(host.clients[0].heard.last(), Some(&Heard::Resume("slow".to_owned())));
}

#[test]
fn a_full_queue_holds_the_publisher_back_and_loses_nothing() {
    let mut config = config();
    config.limits.queue_frames = 100;
    let mut host = Host::connected(config, &["publisher", "slow"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.settle();
    host.clients[1].holds = true;
    for number in 0..1_000u32 {
        assert!(host.clients[0].publish("n", &number.to_be_bytes()));
    }
    host.run(SECOND);
    assert!(host.clients[0].link.queued_frames() >= 890, "not acknowledged");
    assert!(host.overlay.stats().held_back > 0);
    host.clients[1].holds = false;
    host.clients[1].link.release(host.now);
    host.run(10 * SECOND);
    let got: Vec<u32> =
        host.clients[1].messages().map(|payload| u32::from_be_bytes(payload.try_into().unwrap())).collect();
    assert_eq!(got, (0..1_000).collect::<Vec<_>>());
    assert_eq!(host.clients[0].link.queued_frames(), 0);
}

#[test]
fn a_subscriber_that_takes_nothing_for_long_stops_holding_others_back_and_learns_what_it_lost() {
    let mut config = config();
    config.limits.queue_frames = 100;
    let mut host = Host::connected(config, &["publisher", "dead", "live"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.clients[2].subscribe("n", SlowPolicy::WAIT);
    host.settle();
    host.clients[1].holds = true;
    for number in 0..500u32 {
        assert!(host.clients[0].publish("n", &number.to_be_bytes()));
    }
    host.run(15 * SECOND);
    assert_eq!(host.clients[2].messages().count(), 500, "the live one has everything");
    let stalled = std::iter::from_fn(|| host.overlay.poll_event())
        .any(|event| event == Event::Stalled { client: "dead".to_owned() });
    assert!(stalled);
    host.clients[1].holds = false;
    host.clients[1].link.release(host.now);
    host.run(5 * SECOND);
    let dropped: i64 = host.clients[1]
        .heard
        .iter()
        .map(|heard| if let Heard::Dropped(count) = heard { *count } else { 0 })
        .sum();
    assert_eq!(host.clients[1].messages().count() as i64 + dropped, 500, "lost ones are counted and told");
    assert_eq!(host.overlay.stats().dropped as i64, dropped);
}

#[test]
fn drop_oldest_never_holds_anybody_back() {
    let mut config = config();
    config.limits.queue_frames = 100;
    let mut host = Host::connected(config, &["publisher", "slow"]);
    host.clients[1].subscribe("n", SlowPolicy::DROP_OLDEST);
    host.settle();
    host.clients[1].holds = true;
    for number in 0..1_000u32 {
        assert!(host.clients[0].publish("n", &number.to_be_bytes()));
    }
    host.run(SECOND);
    assert_eq!(host.clients[0].link.queued_frames(), 0, "all acknowledged");
    host.clients[1].holds = false;
    host.clients[1].link.release(host.now);
    host.run(SECOND);
    let last = host.clients[1].messages().last().map(<[u8]>::to_vec);
    assert_eq!(last, Some(999u32.to_be_bytes().to_vec()), "the newest is there");
}

#[test]
fn keepalive_is_answered_and_members_are_told_now_and_as_they_change() {
    let mut host = Host::connected(config(), &["a"]);
    let mut body = Vec::new();
    encode_compact(&Keepalive::new(5, false), &mut body);
    host.clients[0].frame(frame::KEEPALIVE, &body);
    host.clients[0].request(frame::MEMBERS_REQUEST, &MembersRequest::new(1, true));
    host.run(SECOND);
    host.clients.push(Client::new("b", 2));
    host.clients[1].hello();
    host.run(SECOND);
    host.clients[1].frame(frame::GOODBYE, &[0]);
    host.run(SECOND);
    let expected = [
        Heard::Keepalive(5),
        Heard::Members(vec!["daemon".to_owned(), "a".to_owned()]),
        Heard::Member("member_in".to_owned(), "b".to_owned()),
        Heard::Member("member_out".to_owned(), "b".to_owned()),
    ];
    assert_eq!(host.clients[0].heard, expected);
    let changes = [(Change::In, "a"), (Change::In, "b"), (Change::Out, "b")];
    assert_eq!(member_changes(&mut host), changes.map(|(change, name)| (change, name.to_owned())));
}

#[test]
fn answers_and_events_that_a_leaving_client_did_not_take_are_no_lost_messages() {
    let mut host = Host::connected(config(), &["a", "b"]);
    let (now, a) = (host.now, host.clients[0].address);
    host.clients[0].request(frame::MEMBERS_REQUEST, &MembersRequest::new(1, true));
    let mut request = host.clients[0].transmit(now).unwrap();
    host.overlay.handle_datagram(now, a, &mut request);
    // The answer is on its way, and will not be acknowledged.
    let mut out = Vec::new();
    assert!(std::iter::from_fn(|| host.overlay.poll_transmit(now, &mut out)).count() > 0);
    host.clients[0].frame(frame::GOODBYE, &[0]);
    host.run(SECOND);
    let changes = member_changes(&mut host);
    assert!(changes.contains(&(Change::Out, "a".to_owned())), "{changes:?}");
    assert_eq!(host.overlay.stats().dropped, 0);
}

#[test]
fn a_silent_client_is_given_up_and_may_come_back() {
    let mut host = Host::connected(config(), &["a"]);
    host.run(200 * SECOND);
    let expected = [Change::In, Change::Quarantine, Change::Unreachable, Change::Drop, Change::Out];
    assert_eq!(member_changes(&mut host), expected.map(|change| (change, "a".to_owned())));
    host.clients[0].hello();
    host.run(SECOND);
    assert_eq!(host.clients[0].heard, [Heard::Welcome { fresh: true }]);
}

#[test]
fn leaving_says_goodbye_and_refuses_newcomers() {
    let mut host = Host::connected(config(), &["a"]);
    host.overlay.leave(host.now);
    host.clients.push(Client::new("b", 2));
    host.clients[1].hello();
    host.run(SECOND);
    assert_eq!(host.clients[0].heard, [Heard::Goodbye]);
    assert_eq!(host.clients[1].heard, [Heard::Refusal { code: code::STOPPING, entity: "b".to_owned() }]);
}

#[test]
fn who_leaves_acknowledges_nothing_more() {
    let mut host = Host::connected(config(), &["a", "b"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.settle();
    host.overlay.leave(host.now);
    host.clients[0].publish("n", b"on its way when goodbye was said");
    host.run(SECOND);
    assert_eq!(host.clients[0].link.queued_frames(), 1, "the publisher keeps it for the next run");
    assert_eq!(host.clients[1].messages().count(), 0);
}

/// A datagram with a message, and a host whose subscriber waits for it.
fn message_in_flight() -> (Host, Vec<u8>) {
    let mut host = Host::connected(config(), &["a", "b"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(SECOND);
    host.clients[0].publish("n", b"genuine");
    let now = host.now;
    let datagram = host.clients[0].transmit(now).unwrap();
    (host, datagram)
}

#[test]
fn every_changed_byte_and_every_cut_of_a_sealed_datagram_is_refused_unanswered() {
    let (mut host, datagram) = message_in_flight();
    let from = host.clients[0].address;
    let mut out = Vec::new();
    let answers = |host: &mut Host, out: &mut Vec<u8>| host.overlay.poll_transmit(host.now, out).is_some();
    for at in 0..datagram.len() {
        for change in [1, 0x80] {
            let mut altered = datagram.clone();
            altered[at] ^= change;
            host.overlay.handle_datagram(host.now, from, &mut altered);
            assert!(!answers(&mut host, &mut out), "byte {at} changed by {change}");
        }
        host.overlay.handle_datagram(host.now, from, &mut datagram[..at].to_vec());
        assert!(!answers(&mut host, &mut out), "cut to {at}");
    }
    assert_eq!(host.overlay.stats().published, 0);
    host.overlay.handle_datagram(host.now, from, &mut datagram.clone());
    host.run(SECOND);
    assert_eq!(host.clients[1].messages().collect::<Vec<_>>(), [b"genuine"], "the genuine one still counts");
}

#[test]
fn a_replayed_datagram_is_counted_and_does_nothing_even_when_its_session_has_ended() {
    let (mut host, datagram) = message_in_flight();
    let from = host.clients[0].address;
    for _ in 0..10 {
        host.overlay.handle_datagram(host.now, from, &mut datagram.clone());
    }
    host.run(SECOND);
    assert_eq!((host.overlay.stats().replayed, host.clients[1].messages().count()), (9, 1));
    host.clients[0].frame(frame::GOODBYE, &[0]);
    host.run(SECOND);
    host.overlay.handle_datagram(host.now, from, &mut datagram.clone());
    assert_eq!((host.overlay.stats().replayed, host.overlay.stats().published), (10, 1));
}

#[test]
fn a_flood_of_random_bytes_is_counted_unanswered_and_harms_nobody() {
    let (mut host, datagram) = message_in_flight();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let addresses = [host.clients[0].address, ([10, 9, 9, 9], 7).into()];
    for round in 0..20_000usize {
        let mut noise = vec![0; rng.random_range(0..2_000)];
        rng.fill_bytes(&mut noise);
        // Half of them with a header that is believed as far as its key.
        if round % 2 == 0 && noise.len() > 40 {
            noise[..8].copy_from_slice(&datagram[..8]);
        }
        host.overlay.handle_datagram(host.now, addresses[round / 2 % 2], &mut noise);
    }
    assert!(host.overlay.poll_transmit(host.now, &mut Vec::new()).is_none());
    let stats = host.overlay.stats();
    assert!(stats.forged > 5_000 && stats.foreign > 5_000, "{stats:?}");
    assert_eq!(host.overlay.members().len(), 3);
    host.overlay.handle_datagram(host.now, addresses[0], &mut datagram.clone());
    host.run(SECOND);
    assert_eq!(host.clients[1].messages().count(), 1);
}

#[test]
fn a_client_gets_one_table_of_members_at_a_time() {
    let mut host = Host::connected(config(), &["a"]);
    for request in 1..=2_000 {
        host.clients[0].request(frame::MEMBERS_REQUEST, &MembersRequest::new(request, false));
        if request % 200 == 0 {
            host.run(SECOND / 100);
        }
    }
    host.run(SECOND);
    let refused = Heard::Reply { request: 2, code: code::ANSWERING };
    assert!(host.clients[0].heard.contains(&refused), "asked while the first waited");
    assert!(host.clients[0].heard.iter().any(|heard| matches!(heard, Heard::Members(_))));
}

#[test]
fn a_subscriber_whose_port_is_closed_lets_go_at_once_whom_it_held_back() {
    let mut config = config();
    config.limits.queue_frames = 100;
    let mut host = Host::connected(config, &["publisher", "dead"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.settle();
    host.clients[1].holds = true;
    for number in 0..300u32 {
        assert!(host.clients[0].publish("n", &number.to_be_bytes()));
    }
    host.run(SECOND / 10);
    assert!(host.clients[0].link.queued_frames() > 100, "held back");
    let dead = host.clients.remove(1);
    host.overlay.handle_unreachable(host.now, dead.address);
    host.run(SECOND);
    assert_eq!(host.clients[0].link.queued_frames(), 0);
}

#[test]
fn a_client_that_asks_and_never_reads_loses_its_session_rather_than_an_answer() {
    let mut host = Host::connected(config(), &["a"]);
    for request in 0..6_000 {
        host.clients[0].request(frame::UNSUBSCRIBE, &Unsubscribe::new(request, Vec::new()));
    }
    while let Some(mut datagram) = host.clients[0].transmit(host.now) {
        host.overlay.handle_datagram(host.now, host.clients[0].address, &mut datagram);
    }
    let mut unread = Vec::new();
    while host.overlay.poll_transmit(host.now, &mut unread).is_some() {}
    host.clients[0].hello();
    host.settle();
    assert_eq!(host.clients[0].heard.first(), Some(&Heard::Welcome { fresh: true }));
}

#[test]
fn a_subscription_that_other_daemons_could_not_learn_of_is_refused() {
    let names: Vec<String> = (0..17).map(|number| format!("client-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut host = Host::connected(config(), &names);
    for client in &mut host.clients {
        for list in 0..4 {
            let types = (0..1_024).map(|number| format!("type-{list}-{number}"));
            let subscriptions =
                types.map(|name| Subscription::new(name.into_bytes(), SlowPolicy::WAIT)).collect();
            client.request(frame::SUBSCRIBE, &Subscribe::new(list, subscriptions));
        }
    }
    host.run(SECOND);
    let answers = |client: &Client, wanted: i32| {
        let is = |heard: &&Heard| matches!(heard, Heard::Reply { code, .. } if *code == wanted);
        client.heard.iter().filter(is).count()
    };
    let done: usize = host.clients.iter().map(|client| answers(client, code::DONE)).sum();
    let refused: usize = host.clients.iter().map(|client| answers(client, code::STATE_FULL)).sum();
    assert_eq!((done + refused, refused), (17 * 4, 4));
}

/// Going through what a session leaves behind takes its time: a datagram of a thousand hellos must not buy that a thousand times.
#[test]
fn one_datagram_opens_one_session_at_most() {
    let mut host = Host::connected(config(), &["a"]);
    for instance in [71, 72, 73] {
        host.clients[0].instance = instance;
        host.clients[0].hello();
    }
    host.settle();
    let from_first =
        host.clients[0].heard.iter().filter(|heard| matches!(heard, Heard::Welcome { .. })).count();
    assert_eq!(from_first, 1);
    host.clients[0].instance = 71;
    host.clients[0].hello();
    host.settle();
    assert_eq!(
        host.clients[0].heard.last(),
        Some(&Heard::Welcome { fresh: false }),
        "the first of them counted"
    );
}
