//! The generated structs: both protocols there and back, and what hostile bytes cost.

use gossiperl_idl::codec::{DecodeError, decode_binary, decode_compact, encode_binary, encode_compact};
use gossiperl_idl::generated::{
    DigestMember, DigestSubscribe, Liveness, MemberUpdate, StateUpdate, TreeDigest,
};

fn member() -> MemberUpdate {
    MemberUpdate::new(
        "a".into(),
        vec![7; 16],
        3,
        Liveness::SUSPECT,
        vec![127, 0, 0, 1],
        6666,
        "r".into(),
        None,
    )
}

fn compact(value: &impl thrift::protocol::TSerializable) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_compact(value, &mut bytes);
    bytes
}

#[test]
fn a_struct_survives_both_protocols() {
    let mut binary = b"before".to_vec();
    encode_binary(&member(), &mut binary);
    assert_eq!(decode_binary::<MemberUpdate>(&binary[6..]).unwrap(), member());
    assert_eq!(decode_compact::<MemberUpdate>(&compact(&member())).unwrap(), member());
}

#[test]
fn bytes_behind_the_struct_are_refused_in_compact_and_ignored_in_binary() {
    let mut bytes = compact(&member());
    bytes.extend_from_slice(&[0, 0]);
    assert!(matches!(decode_compact::<MemberUpdate>(&bytes), Err(DecodeError::Trailing(2))));
    let mut bytes = Vec::new();
    encode_binary(&member(), &mut bytes);
    bytes.extend_from_slice(&[0; 32]);
    assert_eq!(decode_binary::<MemberUpdate>(&bytes).unwrap(), member());
}

#[test]
fn every_truncation_is_refused() {
    let bytes = compact(&member());
    for end in 0..bytes.len() {
        assert!(decode_compact::<MemberUpdate>(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_list_that_claims_more_than_the_bytes_hold_is_refused_before_memory_is_taken() {
    // Field 1 (exchange) = 0, field 2: a list of 2^31 - 1 structs.
    let compact = [0x16, 0x00, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07];
    assert!(matches!(decode_compact::<TreeDigest>(&compact), Err(DecodeError::Limit(_))));
    let negative = [0x16, 0x00, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert!(matches!(decode_compact::<TreeDigest>(&negative), Err(DecodeError::Limit(_))));
    // Field 4 of DigestSubscribe: a list of 2^31 - 1 strings.
    let binary = [15, 0, 4, 11, 0x7f, 0xff, 0xff, 0xff];
    assert!(matches!(decode_binary::<DigestSubscribe>(&binary), Err(DecodeError::Limit(_))));
}

#[test]
fn a_string_longer_than_the_bytes_is_refused() {
    let binary = [11, 0, 1, 0x7f, 0xff, 0xff, 0xff, b'a'];
    assert!(matches!(decode_binary::<DigestMember>(&binary), Err(DecodeError::Limit(_))));
}

#[test]
fn lists_hold_4096_elements_and_no_more() {
    let names = |count: usize| {
        DigestSubscribe::new("n".into(), 1, "i".into(), vec![String::new(); count], "s".into())
    };
    assert_eq!(decode_compact::<DigestSubscribe>(&compact(&names(4096))).unwrap().event_types.len(), 4096);
    assert!(matches!(decode_compact::<DigestSubscribe>(&compact(&names(4097))), Err(DecodeError::Limit(_))));
}

#[test]
fn nesting_in_an_unknown_field_ends_at_a_limit() {
    // Field 15: a struct in a struct in a struct …
    let mut bytes = vec![0xfc];
    bytes.extend_from_slice(&[0x1c; 1_000]);
    assert!(matches!(decode_compact::<StateUpdate>(&bytes), Err(DecodeError::Limit(_))));
}

#[test]
fn a_missing_field_is_named() {
    let error = decode_compact::<TreeDigest>(&[0]).unwrap_err();
    assert!(error.to_string().contains("exchange"), "{error}");
}
