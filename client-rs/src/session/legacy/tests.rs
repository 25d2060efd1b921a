//! The session against datagrams spelled out from the wire's crate, in virtual time.

use gossiperl_idl::{
    digest::{
        Digest, DigestAck, DigestError, DigestEvent, DigestForwardedAck, DigestMember, DigestSubscribe,
        DigestSubscribeAck,
    },
    envelope::Envelope,
    message::Message,
};
use gossiperl_link::Verdict;

use super::*;
use crate::{DisconnectReason, MemberChange, PublishError, Refusal};

const KEY: &[u8] = b"v3JElaRswYgxOt4b";

/// A session and the daemon's end of its datagrams.
struct Pair {
    session: Legacy,
    now: Time,
    key: legacy::LegacyKey,
    delivered: Vec<(Vec<u8>, Vec<u8>, bool)>,
    verdict: Verdict,
}

/// An envelope as the daemon reads it.
struct Heard {
    payload_type: String,
    payload: Vec<u8>,
    id: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        let config = Config {
            name: Name::from("a"),
            secret: Zeroizing::new(b"its own".to_vec()),
            keys: vec![Zeroizing::new(KEY.to_vec())],
            port: 4_000,
            unix_seconds: 1_000,
            seed: [7; 32],
        };
        Pair {
            session: Legacy::new(config, Time::ZERO),
            now: Time::ZERO,
            key: legacy::LegacyKey::new(KEY),
            delivered: Vec::new(),
            verdict: Verdict::Taken,
        }
    }

    fn connected() -> Self {
        let mut pair = Pair::new();
        let digest = pair.heard().remove(0);
        pair.ack(&digest.id);
        assert!(matches!(pair.notices()[..], [Notice::Connected { .. }]));
        pair
    }

    /// What the session sends now.
    fn heard(&mut self) -> Vec<Heard> {
        let (mut out, mut heard) = (Vec::new(), Vec::new());
        self.session.handle_timeout(self.now);
        while self.session.poll_transmit(self.now, &mut out) {
            let envelope = Envelope::read(self.key.open(&mut out).unwrap()).unwrap();
            let mut payload = Vec::new();
            envelope.decode_payload(&mut payload).unwrap();
            let payload_type = String::from_utf8(envelope.payload_type.to_vec()).unwrap();
            heard.push(Heard { payload_type, payload, id: envelope.id.to_vec() });
        }
        heard
    }

    fn wait(&mut self, time: Duration) -> Vec<Heard> {
        let until = self.now + time;
        let mut heard = Vec::new();
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            heard.extend(self.heard());
        }
        self.now = until;
        heard
    }

    fn say(&mut self, payload_type: &[u8], payload: &[u8], id: &[u8]) {
        let (mut plain, mut datagram) = (Vec::new(), Vec::new());
        envelope::put(payload_type, payload, id, &mut plain);
        self.key.seal([9; 16], &plain, &mut datagram);
        let (delivered, verdict) = (&mut self.delivered, self.verdict);
        self.session.handle_datagram(self.now, &mut datagram, &mut |message| {
            if verdict == Verdict::Taken {
                delivered.push((message.event_type.to_vec(), message.payload.to_vec(), message.verbatim));
            }
            verdict
        });
    }

    fn say_digest(&mut self, digest: &AnyDigest<'_>) {
        let mut body = Vec::new();
        digest.write(&mut body);
        self.say(digest.payload_type().as_bytes(), &body, b"any");
    }

    fn ack(&mut self, reply_id: &[u8]) {
        let member = DigestMember {
            member_name: b"daemon",
            member_ip: b"127.0.0.1",
            member_port: 6_666,
            member_heartbeat: 999,
        };
        let ack = DigestAck { name: b"daemon", heartbeat: 1_000, reply_id, membership: vec![member] };
        self.say_digest(&AnyDigest::Ack(ack));
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::iter::from_fn(|| self.session.poll_notice()).collect()
    }

    fn publish(&mut self, event_type: &[u8], payload: &[u8]) {
        let mut body = Vec::new();
        let (publisher, sequence, envelope_id, verbatim) = (1, 1, None, false);
        Message { event_type, payload, publisher, sequence, envelope_id, verbatim }.write(&mut body);
        self.session.publish(self.now, body.into());
    }

    fn taken(&mut self, id: &[u8]) {
        let ack = DigestForwardedAck { name: b"daemon", reply_id: id, secret: b"" };
        self.say_digest(&AnyDigest::ForwardedAck(ack));
    }
}

#[test]
fn it_says_that_it_lives_and_notices_when_the_daemon_does_not() {
    let mut pair = Pair::new();
    let first = pair.heard();
    let digest = Digest::read(&first[0].payload).unwrap();
    assert_eq!((digest.name, digest.port, digest.heartbeat), (&b"a"[..], 4_000, 1_000));
    assert_eq!((digest.secret, digest.id), (&b"its own"[..], &first[0].id[..]));
    pair.ack(&first[0].id);
    let daemon = Name::from("daemon");
    assert_eq!(pair.notices(), [Notice::Connected { daemon, resumed: false }]);
    let digests = pair.wait(Duration::from_millis(4_900));
    assert_eq!(digests.iter().filter(|one| one.payload_type == "digest").count(), 2);
    assert_eq!(pair.notices(), []);
    pair.wait(Duration::from_millis(200));
    assert_eq!(pair.notices(), [Notice::Disconnected(DisconnectReason::Silent)]);
}

#[test]
fn a_message_is_sent_again_with_its_id_until_it_is_taken() {
    let mut pair = Pair::connected();
    pair.publish(b"news", b"\xff\x00hello");
    let sent = pair.heard().remove(0);
    assert_eq!((&*sent.payload_type, &*sent.payload), ("news", &b"\xff\x00hello"[..]));
    let again =
        pair.wait(Duration::from_millis(600)).into_iter().find(|one| one.payload_type == "news").unwrap();
    assert_eq!(again.id, sent.id);
    pair.taken(&sent.id);
    assert_eq!(pair.session.take_progress().messages, 1);
    assert!(pair.session.is_flushed());
    assert!(pair.wait(Duration::from_secs(4)).iter().all(|one| one.payload_type == "digest"));
}

#[test]
fn a_message_never_taken_is_given_up_after_some_tries() {
    let mut pair = Pair::connected();
    pair.publish(b"news", b"lost");
    let mut tries = 0;
    for _ in 0..40 {
        for heard in pair.wait(Duration::from_secs(1)) {
            match &*heard.payload_type {
                "digest" => pair.ack(&heard.id),
                _ => tries += 1,
            }
        }
    }
    assert_eq!(tries, outgoing::MOST_TRIES);
    let progress = pair.session.take_progress();
    assert_eq!(progress.failures, [(0, PublishError::NotAcknowledged { tries })]);
}

#[test]
fn messages_are_done_in_order_and_bounded_in_flight() {
    let mut pair = Pair::connected();
    for _ in 0..1_000 {
        pair.publish(b"n", b"x");
    }
    let sent = pair.heard();
    assert!(sent.len() < 1_000);
    pair.taken(&sent[1].id);
    assert_eq!(pair.session.take_progress().messages, 0);
    pair.taken(&sent[0].id);
    assert_eq!(pair.session.take_progress().messages, 2);
    assert_eq!(pair.heard().len(), 2);
}

#[test]
fn a_delivery_comes_once_and_is_acknowledged_each_time() {
    let mut pair = Pair::connected();
    for _ in 0..2 {
        pair.say(b"news", b"hello", b"id-1");
        let heard = pair.heard().remove(0);
        let ack = DigestForwardedAck::read(&heard.payload).unwrap();
        assert_eq!((ack.name, ack.reply_id, ack.secret), (&b"a"[..], &b"id-1"[..], &b"its own"[..]));
    }
    assert_eq!(pair.delivered, [(b"news".to_vec(), b"hello".to_vec(), false)]);
}

#[test]
fn a_delivery_put_off_is_not_acknowledged_and_comes_again() {
    let mut pair = Pair::connected();
    pair.verdict = Verdict::Hold;
    pair.say(b"news", b"hello", b"id-1");
    assert!(pair.heard().is_empty());
    pair.verdict = Verdict::Taken;
    pair.say(b"news", b"hello", b"id-1");
    assert_eq!((pair.heard().len(), pair.delivered.len()), (1, 1));
}

#[test]
fn a_subscription_is_repeated_until_answered_and_brought_back() {
    let mut pair = Pair::connected();
    let request = pair.session.subscribe(pair.now, vec![(Name::from("x"), SlowPolicy::Wait)]);
    let asked = pair.heard().remove(0);
    assert_eq!(asked.payload_type, "digestSubscribe");
    assert_eq!(DigestSubscribe::read(&asked.payload).unwrap().event_types, [b"x"]);
    let again = pair.wait(Duration::from_millis(600)).remove(0);
    assert_eq!(again.id, asked.id);
    let ack = DigestSubscribeAck { heartbeat: 1, reply_id: &asked.id, event_types: vec![b"x"] };
    pair.say_digest(&AnyDigest::SubscribeAck(ack));
    assert_eq!(pair.notices(), [Notice::Done { request, result: Ok(()) }]);
    pair.session.handle_unreachable(pair.now);
    assert_eq!(pair.notices(), [Notice::Disconnected(DisconnectReason::Unreachable)]);
    let digest = pair.wait(Duration::from_secs(1)).remove(0);
    pair.ack(&digest.id);
    assert_eq!(pair.heard().remove(0).payload_type, "digestSubscribe");
}

#[test]
fn a_refusal_reaches_whom_it_concerns() {
    let mut pair = Pair::connected();
    let request = pair.session.subscribe(pair.now, vec![(Name::from("x"), SlowPolicy::Wait)]);
    pair.publish(b"y", b"");
    let heard = pair.heard();
    for asked in &heard {
        let error = DigestError {
            name: b"daemon",
            heartbeat: 1,
            error_code: 6,
            error_entity: b"digestSubscribe",
            error_entity_name: b"x",
            error_message: b"no",
            reply_id: &asked.id,
        };
        pair.say_digest(&AnyDigest::Error(error));
    }
    let refusal = Refusal::new(6, Name::from("x"), "no".to_owned());
    assert_eq!(pair.notices(), [Notice::Done { request, result: Err(refusal.clone()) }]);
    assert_eq!(pair.session.take_progress().failures, [(0, PublishError::Refused(refusal))]);
}

#[test]
fn members_come_from_the_digests_answer_and_their_changes_as_events() {
    let mut pair = Pair::connected();
    let request = pair.session.request_members(pair.now, false);
    let [Notice::Members { request: answered, page, last: true }] = &pair.notices()[..] else { panic!() };
    assert_eq!((*answered, &page[0].name), (request, &Name::from("daemon")));
    pair.session.request_members(pair.now, true);
    assert_eq!(pair.heard().remove(0).payload_type, "digestSubscribe");
    let event = DigestEvent { event_type: b"member_in", event_object: b"b", heartbeat: 1_001 };
    pair.say_digest(&AnyDigest::Event(event));
    let [Notice::Member(event)] = &pair.notices()[..] else { panic!() };
    assert_eq!((event.change, &event.member.name), (MemberChange::In, &Name::from("b")));
}

#[test]
fn the_largest_payload_fits_a_datagram_and_no_larger_one_does() {
    for type_len in [1, 2, 3, 255] {
        let largest = max_payload(type_len);
        let len = |payload| envelope::put_len(type_len, payload, ids::UUID_LEN);
        assert!(len(largest) <= legacy::MAX_ENVELOPE && len(largest + 1) > legacy::MAX_ENVELOPE);
    }
}

#[test]
fn leaving_is_said_once() {
    let mut pair = Pair::connected();
    pair.session.close();
    assert_eq!(pair.heard().iter().map(|one| &*one.payload_type).collect::<Vec<_>>(), ["digestExit"]);
    assert!(pair.wait(Duration::from_secs(60)).is_empty());
}

#[test]
fn random_bytes_are_counted_and_nothing_else() {
    let mut pair = Pair::connected();
    let mut ids = Ids::new([3; 32]);
    for length in 0..200 {
        let mut bytes: Vec<u8> = (0..length).map(|_| ids.iv()[0]).collect();
        pair.session.handle_datagram(pair.now, &mut bytes, &mut |_| panic!("delivered"));
    }
    assert_eq!((pair.session.faults, pair.notices().len()), (200, 0));
}

#[test]
fn keys_are_bounded_and_the_one_that_seals_stays() {
    let mut pair = Pair::connected();
    for number in 0..3 * MAX_KEYS {
        pair.session.add_key(format!("key number {number}").as_bytes());
    }
    assert_eq!(pair.session.keys.len(), MAX_KEYS);
    pair.publish(b"n", b"still under the first");
    assert!(!pair.heard().is_empty());
    // As though the daemon had been found under the last.
    pair.session.sealing = MAX_KEYS - 1;
    pair.session.add_key(b"one more");
    assert_eq!(pair.session.sealing, MAX_KEYS - 2);
}
