//! One or more of each frame of protocol 2, for the test vectors.

use gossiperl_idl::codec::{decode_compact, encode_compact};
use gossiperl_idl::frame;
use gossiperl_idl::generated::*;
use serde_json::Value;
use thrift::protocol::TSerializable;

use super::made;

/// A frame's body with what is in it.
pub(crate) struct Sample {
    pub(crate) kind: u8,
    pub(crate) case: &'static str,
    pub(crate) fields: Value,
    pub(crate) body: Vec<u8>,
}

fn sample<T: TSerializable + PartialEq + std::fmt::Debug>(kind: u8, case: &'static str, value: &T) -> Sample {
    let mut body = Vec::new();
    encode_compact(value, &mut body);
    assert_eq!(&decode_compact::<T>(&body).unwrap(), value, "{kind} {case}");
    let name = std::any::type_name::<T>().rsplit("::").next();
    assert_eq!(frame::name(kind), name);
    Sample { kind, case, fields: made::fields(value), body }
}

pub(crate) fn all() -> Vec<Sample> {
    let mut samples = session();
    samples.extend(link());
    samples.extend(numbered());
    samples.extend(members_and_state());
    samples.extend(keys());
    samples
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// Every byte once: no text in any encoding.
fn every_byte() -> Vec<u8> {
    (0..=255).collect()
}

fn session() -> Vec<Sample> {
    vec![
        sample(
            frame::CLIENT_HELLO,
            "usual",
            &ClientHello::new(
                text("client-1"),
                0x0123_4567_89ab_cdef,
                b"client secret".to_vec(),
                1 << 20,
                42,
            ),
        ),
        sample(
            frame::CLIENT_HELLO,
            "extremes",
            &ClientHello::new("n".repeat(255), i64::MAX, every_byte()[..255].to_vec(), i32::MAX, i64::MIN),
        ),
        sample(frame::CHALLENGE, "no fields", &Challenge::new()),
        sample(
            frame::WELCOME,
            "new session",
            &Welcome::new(text("daemon-1"), 42, 1 << 20, 1_000, 5_000, true),
        ),
        sample(frame::WELCOME, "same session", &Welcome::new(text("daemön"), -42, 0, 1, 1, false)),
        sample(
            frame::REFUSAL,
            "wrong secret",
            &Refusal::new(42, gossiperl_idl::code::WRONG_SECRET, text("client-1"), text("another secret")),
        ),
        sample(frame::KEEPALIVE, "question", &Keepalive::new(7, false)),
        sample(frame::KEEPALIVE, "answer", &Keepalive::new(7, true)),
        sample(frame::GOODBYE, "no fields", &Goodbye::new()),
    ]
}

fn link() -> Vec<Sample> {
    let acknowledgement = |ranges: Option<Vec<i64>>, rewind: Option<bool>| {
        Acknowledgement::new(1_000, 1 << 20, 1_500, ranges, rewind)
    };
    vec![
        sample(frame::RUN, "first", &Run::new(1)),
        sample(frame::RUN, "last", &Run::new(i64::MAX)),
        sample(frame::ACKNOWLEDGEMENT, "cumulative alone", &acknowledgement(None, None)),
        sample(
            frame::ACKNOWLEDGEMENT,
            "frames 1003 to 1005 and 1007",
            &acknowledgement(Some(vec![2, 3, 1, 1]), None),
        ),
        sample(frame::ACKNOWLEDGEMENT, "16 numbers", &acknowledgement(Some(vec![1; 16]), None)),
        sample(frame::ACKNOWLEDGEMENT, "held back", &Acknowledgement::new(0, 0, 0, None, None)),
        sample(frame::ACKNOWLEDGEMENT, "rewind", &acknowledgement(None, Some(true))),
    ]
}

fn numbered() -> Vec<Sample> {
    let view = |name: &[u8], kind, state, ip: &[u8]| {
        MemberView::new(name.to_vec(), kind, state, ip.to_vec(), 6_666, text("rack-1"), 1_700_000_000)
    };
    let members = vec![
        view(b"daemon-1", MemberKind::DAEMON, MemberState::REACHABLE, &[192, 0, 2, 1]),
        view(b"client-1", MemberKind::CLIENT, MemberState::QUARANTINE, &[127, 0, 0, 1]),
        view(
            b"daemon-2",
            MemberKind::DAEMON,
            MemberState::UNREACHABLE,
            &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
        view(b"daemon-3", MemberKind::DAEMON, MemberState::LEFT, &[192, 0, 2, 3]),
        view(b"no text \xff", MemberKind::CLIENT, MemberState::REACHABLE, &[127, 0, 0, 1]),
    ];
    let message = |payload: Vec<u8>, envelope_id: Option<String>, verbatim: Option<bool>| {
        Message::new(text("event"), payload, 0x0123_4567_89ab_cdef, 1, envelope_id, verbatim)
    };
    let types = || vec![bytes("event"), bytes("événement"), b"no text \xff".to_vec()];
    let subscriptions = vec![
        Subscription::new(bytes("event"), SlowPolicy::WAIT),
        Subscription::new(bytes("événement"), SlowPolicy::DROP_OLDEST),
        Subscription::new(b"no text \xff".to_vec(), SlowPolicy::WAIT),
    ];
    vec![
        sample(frame::MESSAGE, "usual", &message(b"payload".to_vec(), None, None)),
        sample(frame::MESSAGE, "empty payload", &message(vec![], None, None)),
        sample(frame::MESSAGE, "payload that is no text", &message(every_byte(), None, None)),
        sample(frame::MESSAGE, "from protocol 1", &message(b"\xff\x00".to_vec(), Some(text("42")), None)),
        sample(
            frame::MESSAGE,
            "from protocol 1, verbatim",
            &message(b"no base64".to_vec(), Some(text("42")), Some(true)),
        ),
        sample(
            frame::MESSAGE,
            "verbatim without envelope id",
            &message(b"no base64".to_vec(), None, Some(true)),
        ),
        sample(
            frame::MESSAGE,
            "extremes",
            &Message::new("e".repeat(255), vec![0x5a; 1_000], i64::MIN, i64::MAX, text(""), None),
        ),
        sample(
            frame::FRAGMENT,
            "of a message",
            &Fragment::new(frame::MESSAGE as i8, 60_300, 1_312, every_byte()),
        ),
        sample(frame::SUBSCRIBE, "both policies", &Subscribe::new(1, subscriptions)),
        sample(frame::SUBSCRIBE, "nothing", &Subscribe::new(1, vec![])),
        sample(frame::UNSUBSCRIBE, "three types", &Unsubscribe::new(2, types())),
        sample(frame::UNSUBSCRIBE, "16 types", &Unsubscribe::new(2, vec![bytes("e"); 16])),
        sample(frame::REPLY, "done", &Reply::new(1, gossiperl_idl::code::DONE, text(""), text(""))),
        sample(
            frame::REPLY,
            "refused",
            &Reply::new(2, gossiperl_idl::code::RESERVED_TYPE, text("member_in"), text("a reserved type")),
        ),
        sample(frame::PAUSE, "usual", &Pause::new(bytes("event"))),
        sample(frame::PAUSE, "a type that is no text", &Pause::new(b"\xff\x00".to_vec())),
        sample(frame::RESUME, "usual", &Resume::new(bytes("event"))),
        sample(frame::MEMBERS_REQUEST, "once", &MembersRequest::new(3, false)),
        sample(frame::MEMBERS_REQUEST, "watch", &MembersRequest::new(3, true)),
        sample(frame::MEMBER_EVENT, "usual", &MemberEvent::new(text("member_in"), members[0].clone())),
        sample(frame::MEMBERS_PAGE, "every kind and state", &MembersPage::new(3, members, true)),
        sample(frame::DROPPED, "usual", &Dropped::new(bytes("event"), 12)),
    ]
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn members_and_state() -> Vec<Sample> {
    let generation = |random: u64| gossiperl_idl::Salt::new(1_700_000_000_000_000, random).0.to_vec();
    let member = |liveness, accuser: Option<&str>| {
        let ip = vec![192, 0, 2, 1];
        MemberUpdate::new(
            text("daemon-1"),
            generation(1),
            3,
            liveness,
            ip,
            6_666,
            text("rack-1"),
            accuser.map(text),
        )
    };
    let alive = || member(Liveness::ALIVE, None);
    let entry =
        |key: &[u8], version, deleted| Entry::new(key.to_vec(), every_byte(), version, deleted, None, None);
    let part = Entry::new(b"large".to_vec(), vec![1; 20], 9, false, 40, 100);
    let nodes = || vec![TreeNode::new(0, 0, i64::MIN), TreeNode::new(4, 15, 1)];
    let owners = || vec![OwnerSummary::new(alive(), 12)];
    vec![
        sample(frame::MEMBER_UPDATE, "alive", &alive()),
        sample(frame::MEMBER_UPDATE, "suspect", &member(Liveness::SUSPECT, Some("daemon-2"))),
        sample(frame::MEMBER_UPDATE, "failed", &member(Liveness::FAILED, Some("daemon-2"))),
        sample(frame::MEMBER_UPDATE, "left", &member(Liveness::LEFT, None)),
        sample(frame::INTRODUCTION, "usual", &Introduction::new(alive(), true)),
        sample(frame::PING, "usual", &Ping::new(9, -1)),
        sample(frame::PING_REQUEST, "usual", &PingRequest::new(9, generation(2), vec![192, 0, 2, 2], 6_666)),
        sample(frame::PING_ACK, "usual", &PingAck::new(9, i64::MAX)),
        sample(frame::PING_NACK, "usual", &PingNack::new(9)),
        sample(
            frame::STATE_UPDATE,
            "a live and a deleted entry",
            &StateUpdate::new(
                generation(1),
                3,
                5,
                vec![entry(b"a", 4, false), entry(b"", 5, true)],
                None,
                None,
            ),
        ),
        sample(
            frame::STATE_UPDATE,
            "part of a value",
            &StateUpdate::new(generation(1), 0, 9, vec![part], 7, 12),
        ),
        sample(frame::TREE_DIGEST, "usual", &TreeDigest::new(1, nodes())),
        sample(frame::TREE_DIGEST_ACK, "usual", &TreeDigestAck::new(1, nodes(), owners(), vec![0, 255])),
        sample(
            frame::TREE_DIGEST_ACK_ACK,
            "usual",
            &TreeDigestAckAck::new(1, owners(), vec![OwnerVersion::new(generation(2), 0)]),
        ),
    ]
}

fn keys() -> Vec<Sample> {
    let request = |step, key_id: Option<&[u8]>, key: Option<&[u8]>| {
        KeyRequest::new(7, step, key_id.map(<[u8]>::to_vec), key.map(<[u8]>::to_vec))
    };
    let key = |id: &[u8], clients| RingKey::new(id.to_vec(), clients);
    let ring = vec![key(&[0xde, 0xad, 0, 1], 0), key(b"\xff\xff\xff\xff", 4_096)];
    vec![
        sample(frame::KEY_REQUEST, "look", &request(KeyStep::LOOK, None, None)),
        sample(frame::KEY_REQUEST, "hold", &request(KeyStep::HOLD, None, None)),
        sample(frame::KEY_REQUEST, "release", &request(KeyStep::RELEASE, None, None)),
        sample(frame::KEY_REQUEST, "add", &request(KeyStep::ADD, None, Some(b"the next key of the overlay"))),
        sample(frame::KEY_REQUEST, "use", &request(KeyStep::USE, Some(&[0xde, 0xad, 0, 1]), None)),
        sample(frame::KEY_REQUEST, "retire", &request(KeyStep::RETIRE, Some(b"\xff\xff\xff\xff"), None)),
        sample(
            frame::KEY_REPORT,
            "done",
            &KeyReport::new(7, KeyStep::USE, gossiperl_idl::code::DONE, true, ring.clone(), None),
        ),
        sample(
            frame::KEY_REPORT,
            "refused",
            &KeyReport::new(
                7,
                KeyStep::RETIRE,
                gossiperl_idl::code::KEY_SEALING,
                false,
                vec![ring[0].clone()],
                None,
            ),
        ),
        sample(
            frame::KEY_REPORT,
            "clients are cut off",
            &KeyReport::new(-1, KeyStep::RETIRE, gossiperl_idl::code::DONE, true, ring, 3),
        ),
    ]
}
