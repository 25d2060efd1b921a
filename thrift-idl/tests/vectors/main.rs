//! The test vectors in `vectors/*.json` against the code: what is encoded has these bytes, what is decoded these fields.
//!
//! `GOSSIPERL_WRITE_VECTORS=1 cargo test -p gossiperl-idl --test vectors` writes anew the files that the code makes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of tests may fail the test"
)]

mod captured;
mod fields;
mod frames;
mod made;
mod protocol_1;
mod samples;
mod sealed;
mod spelled;

/// The vectors of one file.
fn read(name: &str) -> serde_json::Value {
    let path = format!("{}/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text<'a>(object: &'a serde_json::Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_else(|| panic!("{key} in {object}"))
}

/// The bytes that `key` gives in hexadecimal.
fn bytes(object: &serde_json::Value, key: &str) -> Vec<u8> {
    fields::from_hex(text(object, key))
}
