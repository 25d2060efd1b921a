//! `vectors/protocol-1.json`: every struct of protocol 1, custom digests, and datagrams in each padding.

mod custom;
mod datagrams;
mod structs;

use gossiperl_idl::custom::CustomDigest;
use gossiperl_idl::digest::AnyDigest;
use gossiperl_idl::envelope::Envelope;
use gossiperl_idl::legacy::{LegacyKey, NotBlocks};
use serde_json::{Value, json};
use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol};

use super::fields::{from_hex, read_struct, to_hex, without_names, write_struct};
use super::{bytes, made, text};

const ABOUT: &str = "Protocol 1 (PROTOCOL.md section 1). Binary is hexadecimal; i64 are decimal text; a string that is not UTF-8 \
    has `hex` for `value`. `structs`: `fields` in binary protocol are `bytes`. `custom`: the same for structs that \
    applications make, with their base64. `datagrams`: `datagram` opens under `symmetric_key` to `envelope` and `padding`; \
    where `seal` is true, the envelope under this `iv` is sealed to that datagram. `payload` is what the envelope's bin_payload \
    decodes to, null where it is not base64; `canonical` says whether encoding that again gives the bin_payload. `refused`: \
    no datagrams of this overlay, by `why`.";

#[test]
fn vectors_of_protocol_1_hold() {
    let vectors = made::checked(
        "protocol-1.json",
        &json!({
            "about": ABOUT,
            "symmetric_key": datagrams::KEY,
            "key": to_hex(&datagrams::key()),
            "structs": structs::vectors(),
            "custom": custom::vectors(),
            "datagrams": datagrams::vectors(),
            "refused": datagrams::refused(),
        }),
    );
    let each = |section: &str, check: &dyn Fn(&Value)| {
        let vectors = vectors[section].as_array().unwrap();
        assert!(!vectors.is_empty(), "{section}");
        vectors.iter().for_each(check);
    };
    let key = LegacyKey::new(text(&vectors, "symmetric_key").as_bytes());
    each("structs", &check_struct);
    each("custom", &check_custom);
    each("datagrams", &|vector| check_datagram(&key, vector));
    each("refused", &|vector| check_refused(&key, vector));

    for name in AnyDigest::PAYLOAD_TYPES {
        let mut structs = vectors["structs"].as_array().unwrap().iter();
        assert!(structs.any(|vector| vector["payload_type"] == *name), "no vector of {name}");
    }
}

fn check_struct(vector: &Value) {
    let bytes = bytes(vector, "bytes");
    assert_eq!(binary(&vector["fields"]), bytes, "{vector}");
    let read = read_struct(&mut TBinaryInputProtocol::new(&*bytes, true)).unwrap();
    assert_eq!(read, without_names(&vector["fields"]), "{vector}");
    let digest = AnyDigest::read(text(vector, "payload_type").as_bytes(), &bytes).unwrap().unwrap();
    let mut written = Vec::new();
    digest.write(&mut written);
    assert_eq!(written, bytes, "{vector}");
}

fn check_custom(vector: &Value) {
    let bytes = bytes(vector, "bytes");
    assert_eq!(binary(&vector["fields"]), bytes, "{vector}");
    let digest = CustomDigest::read(&bytes).unwrap();
    let mut written = Vec::new();
    digest.write(&mut written);
    assert_eq!(written, bytes, "{vector}");
    let mut decoded = Vec::new();
    let envelope =
        Envelope { payload_type: b"", bin_payload: text(vector, "bin_payload").as_bytes(), id: b"" };
    assert!(envelope.decode_canonical(&mut decoded));
    assert_eq!(decoded, bytes, "{vector}");
}

fn check_datagram(key: &LegacyKey, vector: &Value) {
    let mut datagram = bytes(vector, "datagram");
    let plain = key.open(&mut datagram).unwrap();
    let envelope = Envelope::read(plain).unwrap();
    let mut written = Vec::new();
    envelope.write(&mut written);
    assert_eq!(written, binary(&vector["envelope"]), "{vector}");
    assert_eq!(plain[written.len()..], bytes(vector, "padding"), "{vector}");

    let mut payload = Vec::new();
    let decoded = envelope.decode_payload(&mut payload).is_ok();
    assert_eq!(decoded.then_some(&payload), vector["payload"].as_str().map(from_hex).as_ref(), "{vector}");
    let canonical = envelope.decode_canonical(&mut Vec::new());
    assert_eq!(vector["canonical"], canonical, "{vector}");
    if canonical {
        let mut put = Vec::new();
        gossiperl_idl::envelope::put(envelope.payload_type, &payload, envelope.id, &mut put);
        assert_eq!(put, written, "{vector}");
    }
    if vector["seal"] == true {
        let mut sealed = Vec::new();
        key.seal(bytes(vector, "iv").try_into().unwrap(), &written, &mut sealed);
        assert_eq!(sealed, bytes(vector, "datagram"), "{vector}");
    }
}

fn check_refused(key: &LegacyKey, vector: &Value) {
    let mut datagram = bytes(vector, "datagram");
    let why = match key.open(&mut datagram) {
        Err(NotBlocks) => "not blocks",
        Ok(plain) => match Envelope::read(plain) {
            Err(_) => "no envelope",
            Ok(_) => "an envelope",
        },
    };
    assert_eq!(vector["why"], why, "{vector}");
}

/// The struct with these fields in binary protocol.
fn binary(fields: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_struct(&mut TBinaryOutputProtocol::new(&mut bytes, true), fields).unwrap();
    bytes
}
