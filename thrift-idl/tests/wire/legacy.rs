//! Envelopes and datagrams of protocol 1: what is read, what is refused, and their bytes.

use gossiperl_idl::BodyError;
use gossiperl_idl::codec::{decode_binary, encode_binary};
use gossiperl_idl::envelope::{self, Envelope, NotBase64};
use gossiperl_idl::generated::DigestEnvelope;
use gossiperl_idl::legacy::{LegacyKey, MAX_ENVELOPE, NotBlocks, datagram_len};

const ENVELOPE: Envelope<'static> = Envelope { payload_type: b"someType", bin_payload: b"AAEC", id: b"id" };
const IV: [u8; 16] = [9; 16];

fn written(envelope: &Envelope<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    envelope.write(&mut bytes);
    bytes
}

fn decoded(bin_payload: &[u8]) -> Result<Vec<u8>, NotBase64> {
    let mut payload = b"before".to_vec();
    Envelope { bin_payload, ..ENVELOPE }.decode_payload(&mut payload).map(|()| payload)
}

#[test]
fn an_envelope_is_that_of_the_generated_code() {
    let mut generated = Vec::new();
    encode_binary(&DigestEnvelope::new("someType".into(), "AAEC".into(), "id".into()), &mut generated);
    assert_eq!(written(&ENVELOPE), generated);
    assert_eq!(Envelope::read(&generated), Ok(ENVELOPE));
    assert_eq!(ENVELOPE.encoded_len(), generated.len());
    assert_eq!(decode_binary::<DigestEnvelope>(&written(&ENVELOPE)).unwrap().payload_type, "someType");
}

#[test]
fn an_envelope_is_any_bytes() {
    let envelope = Envelope { payload_type: b"\xff\xfe", bin_payload: b"\x80", id: b"" };
    assert_eq!(Envelope::read(&written(&envelope)), Ok(envelope));
}

#[test]
fn an_envelope_is_made_from_its_payload() {
    for payload in [&b""[..], b"\x00", b"\x00\x01", b"\x00\x01\x02", &[0xff; 1_000]] {
        let mut bytes = b"before".to_vec();
        envelope::put(b"someType", payload, b"id", &mut bytes);
        let bytes = bytes.strip_prefix(b"before").unwrap();
        assert_eq!(bytes.len(), envelope::put_len(8, payload.len(), 2));
        let envelope = Envelope::read(bytes).unwrap();
        assert_eq!((envelope.payload_type, envelope.id), (&b"someType"[..], &b"id"[..]));
        let mut decoded = Vec::new();
        assert!(envelope.decode_canonical(&mut decoded));
        assert_eq!(decoded, payload);
    }
}

#[test]
fn what_stands_behind_an_envelope_is_ignored() {
    for padding in [&b""[..], &[0; 32], &[16; 16], b"\x0b\x00\x01\x7f\xff\xff\xff"] {
        let bytes = [&*written(&ENVELOPE), padding].concat();
        assert_eq!(Envelope::read(&bytes), Ok(ENVELOPE));
    }
}

#[test]
fn fields_are_read_in_any_order_and_unknown_ones_skipped() {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"\x0b\x00\x03\x00\x00\x00\x02id");
    // A list of two structs with an i16 each, and a map from byte to double.
    bytes.extend_from_slice(
        b"\x0f\x00\x09\x0c\x00\x00\x00\x02\x06\x00\x01\x12\x34\x00\x06\x00\x01\x12\x34\x00",
    );
    bytes.extend_from_slice(b"\x0d\xff\xff\x03\x04\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00");
    bytes.extend_from_slice(b"\x0b\x00\x02\x00\x00\x00\x04AAEC\x0b\x00\x01\x00\x00\x00\x08someType\x00");
    assert_eq!(Envelope::read(&bytes), Ok(ENVELOPE));
}

#[test]
fn every_truncation_of_an_envelope_is_refused() {
    let bytes = written(&ENVELOPE);
    for end in 0..bytes.len() {
        assert!(Envelope::read(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn malformed_envelopes_are_refused() {
    assert_eq!(Envelope::read(b"\x00"), Err(BodyError::Missing("payload_type")));
    assert_eq!(
        Envelope::read(b"\x08\x00\x01\x00\x00\x00\x01\x00"),
        Err(BodyError::WrongType("payload_type"))
    );
    assert_eq!(Envelope::read(b"\x0b\x00\x01\xff\xff\xff\xff"), Err(BodyError::Truncated));
    assert_eq!(Envelope::read(b"\x0b\x00\x01\x7f\xff\xff\xff"), Err(BodyError::Truncated));
    assert_eq!(Envelope::read(b"\x0f\x00\x09\x02\x7f\xff\xff\xff\x00"), Err(BodyError::Elements));
    assert_eq!(Envelope::read(b"\x0f\x00\x09\x02\xff\xff\xff\xff\x00"), Err(BodyError::Elements));
    assert_eq!(Envelope::read(b"\x63\x00\x09"), Err(BodyError::Header));
    assert_eq!(Envelope::read(&b"\x0c\x00\x09".repeat(1_000)), Err(BodyError::Depth));
    let lists = [&b"\x0f\x00\x09"[..], &b"\x0f\x00\x00\x00\x01".repeat(1_000)].concat();
    assert_eq!(Envelope::read(&lists), Err(BodyError::Depth));
}

#[test]
fn base64_is_read_as_carelessly_as_it_was_written() {
    assert_eq!(decoded(b"AAECAw==").unwrap(), [0, 1, 2, 3]);
    assert_eq!(decoded(b"AAECAw").unwrap(), [0, 1, 2, 3]);
    assert_eq!(decoded(b"AAE\r\nC\nAw==\n").unwrap(), [0, 1, 2, 3]);
    assert_eq!(decoded(b"AAECAx==").unwrap(), [0, 1, 2, 3]);
    assert_eq!(decoded(b"").unwrap(), []);
    for bad in [&b"AAECA"[..], b"A*EC", b"\xff\xff\xff\xff", b"AA_-"] {
        assert_eq!(decoded(bad), Err(NotBase64));
    }
}

#[test]
fn only_canonical_base64_is_canonical() {
    let canonical = |bin_payload| Envelope { bin_payload, ..ENVELOPE }.decode_canonical(&mut Vec::new());
    assert!(canonical(b"") && canonical(b"AAECAw=="));
    for bad in [&b"AAECAw"[..], b"AAECAx==", b"AAEC\n", b"AAECAw=", b"nonsense!"] {
        assert!(!canonical(bad), "{bad:?}");
    }
}

#[test]
fn a_datagram_opens_to_its_envelope_and_padding() {
    let key = LegacyKey::new(b"v3JElaRswYgxOt4b");
    for length in 0..100 {
        let plain = vec![0xa5; length];
        let mut sealed = b"before".to_vec();
        key.seal(IV, &plain, &mut sealed);
        let mut datagram = sealed.split_off(6);
        assert_eq!(sealed, b"before");
        assert_eq!(datagram.len(), datagram_len(length));
        assert_eq!(datagram[..16], IV);
        let opened = key.open(&mut datagram).unwrap();
        let padding = 16 - length % 16;
        assert_eq!(opened, [&*plain, &vec![padding as u8; padding]].concat());
    }
}

#[test]
fn the_longest_envelope_fits_a_datagram() {
    assert!(datagram_len(MAX_ENVELOPE) <= 65_507);
    assert!(datagram_len(MAX_ENVELOPE + 1) > 65_507);
}

#[test]
fn what_is_not_whole_blocks_is_refused() {
    let key = LegacyKey::new(b"key");
    for length in (0..=16).chain([17, 31, 33, 47]) {
        assert_eq!(key.open(&mut vec![0; length]), Err(NotBlocks), "{length} bytes");
    }
}

#[test]
fn another_key_opens_to_no_envelope() {
    let mut datagram = Vec::new();
    LegacyKey::new(b"key").seal(IV, &written(&ENVELOPE), &mut datagram);
    assert!(Envelope::read(LegacyKey::new(b"other").open(&mut datagram).unwrap()).is_err());
}

#[test]
fn a_key_does_not_show_itself() {
    assert_eq!(format!("{:?}", LegacyKey::new(b"key")), "LegacyKey");
}
