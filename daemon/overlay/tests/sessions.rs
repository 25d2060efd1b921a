//! Sessions of protocol 2 with one daemon, in virtual time.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{net::Ipv4Addr, time::Duration};

use common::{Client, Heard, KEY};
use gossiperl_idl::Salt;
use gossiperl_idl::{
    code,
    codec::encode_compact,
    frame,
    generated::{Keepalive, MembersRequest, SlowPolicy, Unsubscribe},
    message::Message,
};
use gossiperl_overlay::{Change, Config, Event, Overlay, Time};

/// One overlay and its clients, without loss, in virtual time.
struct Host {
    now: Time,
    overlay: Overlay,
    clients: Vec<Client>,
}

impl Host {
    fn new(config: Config, names: &[&str]) -> Self {
        let overlay = Overlay::new(config, Salt::new(1, 99), Time::ZERO, 1_000).unwrap();
        let clients =
            names.iter().enumerate().map(|(index, name)| Client::new(name, index as u64 + 1)).collect();
        Host { now: Time::ZERO, overlay, clients }
    }

    /// All clients connected.
    fn connected(config: Config, names: &[&str]) -> Self {
        let mut host = Host::new(config, names);
        host.clients.iter_mut().for_each(Client::hello);
        host.settle();
        for client in &mut host.clients {
            assert_eq!(client.heard, [Heard::Welcome { fresh: true }]);
            client.heard.clear();
        }
        host
    }

    /// Passes datagrams until nobody has any, without letting time pass.
    fn settle(&mut self) {
        let mut out = Vec::new();
        for round in 0.. {
            assert!(round < 10_000, "datagrams go to and fro without an end");
            let mut quiet = true;
            for index in 0..self.clients.len() {
                while let Some(mut datagram) = self.clients[index].transmit(self.now) {
                    quiet = false;
                    let from = self.clients[index].address;
                    self.overlay.handle_datagram(self.now, from, &mut datagram);
                }
            }
            while let Some(transmit) = self.overlay.poll_transmit(self.now, &mut out) {
                quiet = false;
                let to = self.clients.iter_mut().find(|client| client.address == transmit.destination);
                if let Some(client) = to {
                    client.handle(self.now, &mut out[..transmit.len]);
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Lets time pass, from timer to timer.
    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let timers = self.clients.iter().filter_map(|client| client.link.poll_timeout());
            let next = timers.chain(self.overlay.poll_timeout()).min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = next.max(self.now + Duration::from_micros(1));
            self.overlay.handle_timeout(self.now);
            for client in &mut self.clients {
                client.link.handle_timeout(self.now);
            }
        }
        self.now = self.now.max(end);
    }
}

/// The configuration the tests start from.
fn config() -> Config {
    Config::new("test", "daemon", (Ipv4Addr::LOCALHOST.into(), 6666), KEY)
}

const SECOND: Duration = Duration::from_secs(1);

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
    host.clients[1].request(frame::UNSUBSCRIBE, &Unsubscribe::new(9, vec!["n".to_owned()]));
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
