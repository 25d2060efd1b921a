//! One or more of each struct of protocol 1.

use gossiperl_idl::codec::{decode_binary, encode_binary};
use gossiperl_idl::digest;
use gossiperl_idl::generated::*;
use serde_json::{Value, json};
use thrift::protocol::{TBinaryInputProtocol, TSerializable};

use crate::fields::{read_struct, to_hex};
use crate::made;

const NOW: i64 = 1_700_000_000;
const ID: &str = "2f1d7d8e-1c1b-4e0a-9d5e-0a5b8f7c6d4e";

pub(super) fn vectors() -> Vec<Value> {
    let mut vectors = requests();
    vectors.extend(answers());
    vectors.extend(without_text());
    vectors
}

/// What clients send.
fn requests() -> Vec<Value> {
    let types = || vec![text("customEv"), text("événement")];
    vec![
        vector(
            "digest",
            "usual",
            &Digest::new(text("client-1"), 54_321, NOW, text(ID), text("client secret")),
        ),
        vector(
            "digest",
            "empty strings, least numbers",
            &Digest::new(text(""), i32::MIN, i64::MIN, text(""), text("")),
        ),
        vector(
            "digest",
            "a port that is none",
            &Digest::new(text("client-1"), 99_999, NOW, text(ID), text("s")),
        ),
        vector(
            "digestSubscribe",
            "two types",
            &DigestSubscribe::new(text("client-1"), NOW, text(ID), types(), text("client secret")),
        ),
        vector(
            "digestSubscribe",
            "no types",
            &DigestSubscribe::new(text("client-1"), NOW, text(ID), vec![], text("client secret")),
        ),
        vector(
            "digestUnsubscribe",
            "two types",
            &DigestUnsubscribe::new(text("client-1"), NOW, text(ID), types(), text("client secret")),
        ),
        vector("digestExit", "usual", &DigestExit::new(text("client-1"), NOW, text("client secret"))),
        vector(
            "digestForwardedAck",
            "of a subscriber",
            &DigestForwardedAck::new(text("client-1"), text(ID), text("client secret")),
        ),
    ]
}

/// What the daemon sends, and the parts of it.
fn answers() -> Vec<Value> {
    let member = |name: &str, port| DigestMember::new(text(name), text("127.0.0.1"), port, NOW);
    let subscription = || DigestSubscription::new(text("customEv"), text("client-1"), text("daemon-1"), NOW);
    vec![
        vector(
            "digestAck",
            "two members",
            &DigestAck::new(
                text("daemon-1"),
                NOW,
                text(ID),
                vec![member("daemon-1", 6_666), member("client-1", 54_321)],
            ),
        ),
        vector("digestAck", "no members", &DigestAck::new(text("client-1"), NOW, text(ID), vec![])),
        vector("digestMember", "usual", &member("client-1", 54_321)),
        vector(
            "digestSubscribeAck",
            "one type",
            &DigestSubscribeAck::new(NOW, text(ID), vec![text("customEv")]),
        ),
        vector(
            "digestUnsubscribeAck",
            "one type",
            &DigestUnsubscribeAck::new(NOW, text(ID), vec![text("customEv")]),
        ),
        vector(
            "digestSubscriptions",
            "two of them",
            &DigestSubscriptions::new(text("daemon-1"), NOW, text(ID), vec![subscription(), subscription()]),
        ),
        vector("digestSubscription", "usual", &subscription()),
        vector(
            "digestForwardedAck",
            "of the daemon: no secret",
            &DigestForwardedAck::new(text("daemon-1"), text(ID), text("")),
        ),
        vector("digestEvent", "a member came", &DigestEvent::new(text("member_in"), text("client-2"), NOW)),
        vector(
            "digestError",
            "another secret",
            &DigestError::new(
                text("daemon-1"),
                NOW,
                gossiperl_idl::code::WRONG_SECRET,
                text("name"),
                text("client-1"),
                text("the name is in use with another secret"),
                text(ID),
            ),
        ),
        vector("digestEnvelope", "usual", &DigestEnvelope::new(text("customEv"), text("AA=="), text(ID))),
    ]
}

/// Strings of bytes that are not UTF-8, and of zero bytes.
fn without_text() -> Vec<Value> {
    let mut exit = Vec::new();
    digest::DigestExit { name: b"\xff\xfe", heartbeat: NOW, secret: b"\x00\x80" }.write(&mut exit);
    let mut subscribe = Vec::new();
    let event_types = vec![&b"\xc3\x28"[..], b"\x00", b"text"];
    digest::DigestSubscribe { name: b"\xff", heartbeat: NOW, id: b"\x80", event_types, secret: b"" }
        .write(&mut subscribe);
    [("digestExit", exit), ("digestSubscribe", subscribe)]
        .map(|(payload_type, bytes)| {
            let fields = read_struct(&mut TBinaryInputProtocol::new(&*bytes, true)).unwrap();
            json!({ "payload_type": payload_type, "case": "strings that are no text", "fields": fields, "bytes": to_hex(&bytes) })
        })
        .into()
}

fn vector<T: TSerializable + PartialEq + std::fmt::Debug>(
    payload_type: &str,
    case: &str,
    value: &T,
) -> Value {
    let mut bytes = Vec::new();
    encode_binary(value, &mut bytes);
    assert_eq!(&decode_binary::<T>(&bytes).unwrap(), value, "{payload_type}, {case}");
    json!({ "payload_type": payload_type, "case": case, "fields": made::fields(value), "bytes": to_hex(&bytes) })
}

fn text(text: &str) -> String {
    text.to_owned()
}
