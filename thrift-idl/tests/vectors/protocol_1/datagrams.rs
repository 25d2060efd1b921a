//! Datagrams in every padding that is met. Made from PROTOCOL.md section 1 spelled out: CBC block by block, base64 apart.

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use gossiperl_idl::custom::CustomDigest;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{binary, custom};
use crate::fields::{string, to_hex};

pub(super) const KEY: &str = "v3JElaRswYgxOt4b";
const IV: [u8; 16] = *b"\x00\x01\x02\x03\x04\x05\x06\x07\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff";
const ID: &[u8] = b"2f1d7d8e-1c1b-4e0a-9d5e-0a5b8f7c6d4e";

/// How a sender fills the last block.
enum Padding {
    /// Ruby, JVM, JavaScript, .NET, and our daemon.
    Pkcs7,
    /// Erlang: zero bytes, and the IV as first block of the plaintext instead of in front of the datagram.
    Zeros,
    /// These bytes, and what zeros the blocks still need.
    Other(&'static [u8]),
}

pub(super) fn key() -> [u8; 32] {
    digest(&SHA256, KEY.as_bytes()).as_ref().try_into().unwrap()
}

pub(super) fn vectors() -> Vec<Value> {
    let mut vectors = paddings();
    vectors.extend(payloads());
    vectors
}

fn paddings() -> Vec<Value> {
    // An envelope takes 22 bytes besides its strings: these make it end 1, 9 and 0 bytes short of a block.
    let envelope = |length: usize| {
        let payload = STANDARD.encode(written(&custom::every_type()));
        let id = vec![b'i'; length];
        envelope(b"customEv", payload.as_bytes(), &id)
    };
    let short = |missing: usize| {
        (1..=16).map(envelope).find(|fields| binary(fields).len() % 16 == (16 - missing) % 16).unwrap()
    };
    vec![
        vector("PKCS#7, 1 byte", Padding::Pkcs7, &short(1)),
        vector("PKCS#7, 9 bytes", Padding::Pkcs7, &short(9)),
        vector("PKCS#7, a whole block", Padding::Pkcs7, &short(0)),
        vector("zero bytes behind an IV block, 1 byte", Padding::Zeros, &short(1)),
        vector("zero bytes behind an IV block, 12 bytes", Padding::Zeros, &short(12)),
        vector("zero bytes behind an IV block, two blocks", Padding::Zeros, &short(0)),
        vector("PKCS#7 and then zero bytes, as the old daemon forwarded", Padding::Other(&[9; 9]), &short(9)),
        vector("none", Padding::Other(b""), &short(0)),
        vector(
            "whatever, as long as it is whole blocks",
            Padding::Other(b"\x0b\x00\x04\x7f\xff\xff\xff"),
            &short(7),
        ),
    ]
}

fn payloads() -> Vec<Value> {
    let every_byte: Vec<u8> = (0..=255).collect();
    let encoded = |payload: &[u8]| STANDARD.encode(payload).into_bytes();
    let lines = encoded(&every_byte).chunks(60).flat_map(|line| [line, b"\n"].concat()).collect::<Vec<_>>();
    let case = |case: &str, payload_type: &[u8], bin_payload: &[u8], id: &[u8]| {
        vector(case, Padding::Pkcs7, &envelope(payload_type, bin_payload, id))
    };
    vec![
        case("custom digest of every type", b"customEv", &encoded(&written(&custom::every_type())), ID),
        case("custom digest without text", b"customEv", &encoded(&written(&custom::no_text())), ID),
        case("a payload that is no struct", b"customEv", &encoded(&every_byte), ID),
        case("an empty payload", b"customEv", b"", ID),
        case("an id that is no UUID", b"customEv", &encoded(b"\x00"), b"fwd-1"),
        case("type and id that are no text", b"\xff\xfe", &encoded(b"\x00"), b"\x80\x00"),
        case("base64 in lines", b"customEv", &lines, ID),
        case("base64 without padding", b"customEv", STANDARD_NO_PAD.encode(b"\x00").as_bytes(), ID),
        case("base64 with stray bits", b"customEv", b"AB==", ID),
        case("no base64", b"customEv", b"not base64!", ID),
        case("no base64 and no text", b"customEv", b"\xff\x00\x80", ID),
    ]
}

pub(super) fn refused() -> Vec<Value> {
    let plain = binary(&envelope(b"customEv", b"AA==", ID));
    let good = [&IV[..], &cbc(&key(), IV, &pkcs7(&plain))].concat();
    let other_key: [u8; 32] = digest(&SHA256, b"another key").as_ref().try_into().unwrap();
    let vector = |case: &str, why: &str, datagram: &[u8]| json!({ "case": case, "why": why, "datagram": to_hex(datagram) });
    vec![
        vector("nothing", "not blocks", b""),
        vector("an IV alone", "not blocks", &good[..16]),
        vector("without its last byte", "not blocks", &good[..good.len() - 1]),
        vector("without its last block", "no envelope", &good[..good.len() - 16]),
        vector("another key", "no envelope", &[&IV[..], &cbc(&other_key, IV, &pkcs7(&plain))].concat()),
        vector("in clear", "no envelope", &[&IV[..], &pkcs7(&plain)].concat()),
    ]
}

fn vector(case: &str, padding: Padding, envelope: &Value) -> Value {
    let plain = binary(envelope);
    let seal = matches!(padding, Padding::Pkcs7);
    let zeros = |length: usize| vec![0; length.next_multiple_of(16) - length];
    let padded = match padding {
        Padding::Pkcs7 => pkcs7(&plain),
        Padding::Zeros => match zeros(plain.len()) {
            none if none.is_empty() => [&plain[..], &[0; 32]].concat(),
            some => [plain.clone(), some].concat(),
        },
        Padding::Other(bytes) => [&plain, bytes, &zeros(plain.len() + bytes.len())].concat(),
    };
    let datagram = match padding {
        // The first block of ciphertext stands where the others have the IV, and serves as it.
        Padding::Zeros => cbc(&key(), IV, &[&IV[..], &padded].concat()),
        _ => [&IV[..], &cbc(&key(), IV, &padded)].concat(),
    };
    // What a receiver makes of careless base64, without the code that is tested.
    let bin_payload = bin_payload(&plain);
    let strict = STANDARD.decode(&bin_payload).ok();
    let spaceless: Vec<u8> = bin_payload.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let payload = strict.clone().or_else(|| match spaceless.as_slice() {
        b"AB==" => Some(vec![0]),
        other => STANDARD.decode(other).or_else(|_| STANDARD_NO_PAD.decode(other)).ok(),
    });
    json!({
        "case": case,
        "iv": to_hex(&IV),
        "envelope": envelope,
        "padding": to_hex(&padded[plain.len()..]),
        "payload": payload.as_deref().map(to_hex),
        "canonical": strict.is_some(),
        "seal": seal,
        "datagram": to_hex(&datagram),
    })
}

fn envelope(payload_type: &[u8], bin_payload: &[u8], id: &[u8]) -> Value {
    let field = |id: i16, name: &str, bytes: &[u8]| {
        let mut field = json!({ "id": id, "name": name });
        field.as_object_mut().unwrap().extend(string(bytes));
        field
    };
    json!([field(1, "payload_type", payload_type), field(2, "bin_payload", bin_payload), field(3, "id", id)])
}

/// Field 2 of an envelope whose field 1 stands before it.
fn bin_payload(envelope: &[u8]) -> Vec<u8> {
    let string = |at: usize| {
        let length = u32::from_be_bytes(envelope[at..at + 4].try_into().unwrap()) as usize;
        envelope[at + 4..at + 4 + length].to_vec()
    };
    string(3 + 4 + string(3).len() + 3)
}

fn written(digest: &CustomDigest) -> Vec<u8> {
    let mut bytes = Vec::new();
    digest.write(&mut bytes);
    bytes
}

fn pkcs7(plain: &[u8]) -> Vec<u8> {
    let missing = 16 - plain.len() % 16;
    [plain, &vec![missing as u8; missing]].concat()
}

/// AES-256-CBC, one block after the other.
fn cbc(key: &[u8; 32], iv: [u8; 16], plain: &[u8]) -> Vec<u8> {
    let cipher = Aes256::new(key.into());
    let mut last = iv;
    plain
        .chunks_exact(16)
        .flat_map(|block| {
            last.iter_mut().zip(block).for_each(|(last, byte)| *last ^= byte);
            let mut block = last.into();
            cipher.encrypt_block(&mut block);
            last = block.into();
            last
        })
        .collect()
}
