//! Structs that applications make, as messages carry them in both protocols.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gossiperl_idl::custom::CustomDigest;
use serde_json::{Value, json};
use thrift::protocol::TBinaryInputProtocol;

use crate::fields::{read_struct, to_hex};

pub(super) fn vectors() -> Vec<Value> {
    let smallest = CustomDigest::new().with(1, i8::MIN).with(2, i16::MIN).with(3, i32::MIN).with(4, i64::MIN);
    let largest = CustomDigest::new().with(1, i8::MAX).with(2, i16::MAX).with(3, i32::MAX).with(4, i64::MAX);
    vec![
        vector("no fields", &CustomDigest::new()),
        vector("every type", &every_type()),
        vector("smallest integers", &smallest),
        vector("largest integers", &largest),
        vector(
            "doubles",
            &CustomDigest::new().with(1, 0.1).with(2, -0.0).with(3, f64::MAX).with(4, f64::MIN_POSITIVE),
        ),
        vector(
            "strings",
            &CustomDigest::new().with(1, "").with(2, "äöü €").with(3, "\0").with(4, "x".repeat(300)),
        ),
        vector("strings that are no text", &no_text()),
        vector(
            "ids",
            &CustomDigest::new().with(-1, true).with(0, true).with(255, true).with(i16::MAX, false),
        ),
    ]
}

pub(super) fn every_type() -> CustomDigest {
    CustomDigest::new()
        .with(1, true)
        .with(2, -2_i8)
        .with(3, 300_i16)
        .with(4, -70_000_i32)
        .with(5, 1_i64 << 40)
        .with(6, 1.5)
        .with(7, "text")
}

pub(super) fn no_text() -> CustomDigest {
    CustomDigest::new().with(1, &b"\xff\xfe\xfd"[..]).with(2, (0..=255).collect::<Vec<u8>>())
}

fn vector(case: &str, digest: &CustomDigest) -> Value {
    let mut bytes = Vec::new();
    digest.write(&mut bytes);
    assert_eq!(&CustomDigest::read(&bytes).unwrap(), digest, "{case}");
    let fields = read_struct(&mut TBinaryInputProtocol::new(&*bytes, true)).unwrap();
    json!({ "case": case, "fields": fields, "bytes": to_hex(&bytes), "bin_payload": STANDARD.encode(&bytes) })
}
