//! The borrowed digests of protocol 1 against the generated ones, and what they refuse.

use gossiperl_idl::BodyError;
use gossiperl_idl::codec::{decode_binary, encode_binary};
use gossiperl_idl::digest::{self, AnyDigest, Digest, DigestExit, DigestSubscribe, DigestSubscribeAck};
use gossiperl_idl::generated;

/// Builds the borrowed and the generated struct of this name from the same values, and compares their bytes.
macro_rules! same {
    ($name:ident { $($field:ident: $value:expr),+ $(,)? }) => {{
        let borrowed = digest::$name { $($field: Same::borrowed(&$value)),+ };
        let generated = generated::$name { $($field: Same::generated(&$value)),+ };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        borrowed.write(&mut ours);
        encode_binary(&generated, &mut theirs);
        assert_eq!(ours, theirs);
        assert_eq!(borrowed.encoded_len(), ours.len());
        assert_eq!(decode_binary::<generated::$name>(&ours).unwrap(), generated);
        assert_eq!(digest::$name::read(&theirs).as_ref(), Ok(&borrowed));
        for end in 0..ours.len() {
            assert!(digest::$name::read(&ours[..end]).is_err(), "cut at {end}");
        }
        let mut payload_type = stringify!($name).to_owned();
        payload_type[..1].make_ascii_lowercase();
        let any = AnyDigest::read(payload_type.as_bytes(), &ours).unwrap().unwrap();
        assert_eq!(any.payload_type(), payload_type);
        let mut again = Vec::new();
        any.write(&mut again);
        assert_eq!(again, ours);
    }};
}

/// A value in the shape the borrowed struct wants, and in the generated one's.
trait Same<Borrowed, Generated> {
    fn borrowed(&self) -> Borrowed;
    fn generated(&self) -> Generated;
}

impl Same<&'static [u8], String> for &'static str {
    fn borrowed(&self) -> &'static [u8] {
        self.as_bytes()
    }
    fn generated(&self) -> String {
        (*self).into()
    }
}

impl Same<i32, i32> for i32 {
    fn borrowed(&self) -> i32 {
        *self
    }
    fn generated(&self) -> i32 {
        *self
    }
}

impl Same<i64, i64> for i64 {
    fn borrowed(&self) -> i64 {
        *self
    }
    fn generated(&self) -> i64 {
        *self
    }
}

impl<B, G, T: Same<B, G>> Same<Vec<B>, Vec<G>> for Vec<T> {
    fn borrowed(&self) -> Vec<B> {
        self.iter().map(Same::borrowed).collect()
    }
    fn generated(&self) -> Vec<G> {
        self.iter().map(Same::generated).collect()
    }
}

/// A member for `DigestAck`: name, ip, port, heartbeat.
struct Member(&'static str, &'static str, i32, i64);

impl Same<digest::DigestMember<'static>, generated::DigestMember> for Member {
    fn borrowed(&self) -> digest::DigestMember<'static> {
        digest::DigestMember {
            member_name: self.0.as_bytes(),
            member_ip: self.1.as_bytes(),
            member_port: self.2,
            member_heartbeat: self.3,
        }
    }
    fn generated(&self) -> generated::DigestMember {
        generated::DigestMember::new(self.0.into(), self.1.into(), self.2, self.3)
    }
}

/// A subscription for `DigestSubscriptions`: event type, member, origin, heartbeat.
struct Subscription(&'static str, &'static str, &'static str, i64);

impl Same<digest::DigestSubscription<'static>, generated::DigestSubscription> for Subscription {
    fn borrowed(&self) -> digest::DigestSubscription<'static> {
        digest::DigestSubscription {
            event_type: self.0.as_bytes(),
            member_name: self.1.as_bytes(),
            origin: self.2.as_bytes(),
            heartbeat: self.3,
        }
    }
    fn generated(&self) -> generated::DigestSubscription {
        generated::DigestSubscription::new(self.0.into(), self.1.into(), self.2.into(), self.3)
    }
}

#[test]
fn digests_are_those_of_the_generated_code() {
    same!(Digest { name: "n", port: 54321, heartbeat: 1_795_444_781_i64, id: "i", secret: "s" });
    same!(Digest { name: "", port: -5, heartbeat: i64::MIN, id: "", secret: "" });
    let members = vec![Member("a", "127.0.0.1", 1, 2), Member("b", "::1", i32::MAX, i64::MAX)];
    same!(DigestAck { name: "n", heartbeat: 1_i64, reply_id: "r", membership: members });
    same!(DigestAck { name: "n", heartbeat: 1_i64, reply_id: "r", membership: Vec::<Member>::new() });
    same!(DigestMember { member_name: "n", member_ip: "10.0.0.1", member_port: 3, member_heartbeat: 4_i64 });
    same!(DigestSubscribe { name: "n", heartbeat: 1_i64, id: "i", event_types: vec!["a", ""], secret: "s" });
    same!(DigestUnsubscribe {
        name: "n",
        heartbeat: 1_i64,
        id: "i",
        event_types: vec!["a", ""],
        secret: "s"
    });
    same!(DigestSubscribeAck { heartbeat: 1_i64, reply_id: "r", event_types: vec!["a", "b"] });
    same!(DigestUnsubscribeAck { heartbeat: 1_i64, reply_id: "r", event_types: vec!["a", "b"] });
    let subscriptions = vec![Subscription("e", "m", "o", 5)];
    same!(DigestSubscriptions { name: "n", heartbeat: 1_i64, reply_id: "r", subscriptions: subscriptions });
    same!(DigestSubscription { event_type: "e", member_name: "m", origin: "o", heartbeat: 5_i64 });
    same!(DigestForwardedAck { name: "n", reply_id: "r", secret: "s" });
    same!(DigestEvent { event_type: "member_in", event_object: "o", heartbeat: 6_i64 });
    same!(DigestExit { name: "n", heartbeat: 7_i64, secret: "s" });
    same!(DigestError {
        name: "n",
        heartbeat: 8_i64,
        error_code: -9,
        error_entity: "e",
        error_entity_name: "en",
        error_message: "m",
        reply_id: "r",
    });
}

#[test]
fn strings_are_any_bytes() {
    let exit = DigestExit { name: b"\xff\x00", heartbeat: 1, secret: b"\x80" };
    let mut bytes = Vec::new();
    exit.write(&mut bytes);
    assert_eq!(DigestExit::read(&bytes), Ok(exit));
}

#[test]
fn a_port_is_whatever_the_digest_says() {
    for port in [0, -5, 99_999, i32::MIN] {
        let digest = Digest { name: b"n", port, heartbeat: 0, id: b"i", secret: b"" };
        let mut bytes = Vec::new();
        digest.write(&mut bytes);
        assert_eq!(Digest::read(&bytes).map(|digest| digest.port), Ok(port));
    }
}

#[test]
fn fields_are_read_in_any_order_and_the_last_of_several_counts() {
    let bytes = b"\x0b\x00\x03\x00\x00\x00\x01s\x02\x00\x63\x01\x0b\x00\x01\x00\x00\x00\x01x\x0a\x00\x02\0\0\0\0\0\0\0\x07\
        \x0b\x00\x01\x00\x00\x00\x01n\x00\xff\xff";
    assert_eq!(DigestExit::read(bytes), Ok(DigestExit { name: b"n", heartbeat: 7, secret: b"s" }));
}

#[test]
fn malformed_digests_are_refused() {
    assert_eq!(DigestExit::read(b""), Err(BodyError::Truncated));
    assert_eq!(DigestExit::read(b"\x00"), Err(BodyError::Missing("name")));
    assert_eq!(DigestExit::read(b"\x08\x00\x02\x00\x00\x00\x01\x00"), Err(BodyError::WrongType("heartbeat")));
    // A list of i32 where strings belong; of more strings than there are bytes; of more than 4,096.
    let list = |element: u8, count: u32, rest: &[u8]| {
        [&[15, 0, 3, element], &count.to_be_bytes()[..], rest].concat()
    };
    let ack = |bytes: &[u8]| DigestSubscribeAck::read(bytes).unwrap_err();
    assert_eq!(ack(&list(8, 1, b"\0\0\0\0\0")), BodyError::WrongType("event_types"));
    assert_eq!(ack(&list(11, i32::MAX as u32, b"")), BodyError::Elements);
    assert_eq!(ack(&list(11, u32::MAX, b"")), BodyError::Elements);
    assert_eq!(ack(&list(11, 4_097, &[0; 20_000])), BodyError::Elements);
    assert_eq!(ack(&list(11, 4_096, &[0; 4 * 4_096 + 1])), BodyError::Missing("heartbeat"));
}

#[test]
fn an_empty_list_may_have_any_element_type() {
    let bytes =
        b"\x0a\x00\x01\0\0\0\0\0\0\0\x01\x0b\x00\x02\x00\x00\x00\x01r\x0f\x00\x03\x00\x00\x00\x00\x00\x00";
    let ack = DigestSubscribeAck { heartbeat: 1, reply_id: b"r", event_types: vec![] };
    assert_eq!(DigestSubscribeAck::read(bytes), Ok(ack));
}

#[test]
fn other_payload_types_are_messages() {
    for name in [&b"customEv"[..], b"Digest", b"digestForwardable", b"", b"\xff"] {
        assert_eq!(AnyDigest::read(name, b"not even a struct"), Ok(None));
        assert!(!digest::is_reserved(name));
    }
    for name in AnyDigest::PAYLOAD_TYPES {
        assert!(digest::is_reserved(name.as_bytes()));
        assert!(AnyDigest::read(name.as_bytes(), b"not even a struct").is_err());
    }
    assert_eq!(AnyDigest::PAYLOAD_TYPES.len(), 14);
}

#[test]
fn a_reserved_type_holds_its_own_struct_only() {
    let subscribe = DigestSubscribe { name: b"n", heartbeat: 1, id: b"i", event_types: vec![], secret: b"s" };
    let mut bytes = Vec::new();
    subscribe.write(&mut bytes);
    assert_eq!(AnyDigest::read(b"digest", &bytes), Err(BodyError::WrongType("port")));
    assert_eq!(AnyDigest::read(b"digestSubscribe", &bytes), Ok(Some(AnyDigest::Subscribe(subscribe))));
}
