//! Custom digests: built, written, read, and what is refused.

use gossiperl_idl::BodyError;
use gossiperl_idl::custom::{CustomDigest, FieldError, Value};

fn written(digest: &CustomDigest) -> Vec<u8> {
    let mut bytes = Vec::new();
    digest.write(&mut bytes);
    assert_eq!(bytes.len(), digest.encoded_len());
    bytes
}

fn every_type() -> CustomDigest {
    CustomDigest::new()
        .with(0, true)
        .with(1, -1_i8)
        .with(2, i16::MIN)
        .with(3, i32::MAX)
        .with(4, i64::MIN)
        .with(5, -0.0)
        .with(6, "text")
        .with(i16::MAX, &b"\xff\x00"[..])
        .with(-1, false)
}

#[test]
fn every_type_comes_back() {
    let read = CustomDigest::read(&written(&every_type())).unwrap();
    assert_eq!(read, every_type());
    assert_eq!(read.len(), 9);
    assert_eq!(read.get(0), Ok(true));
    assert_eq!(read.get(-1), Ok(false));
    assert_eq!(read.get(1), Ok(-1_i8));
    assert_eq!(read.get(2), Ok(i16::MIN));
    assert_eq!(read.get(3), Ok(i32::MAX));
    assert_eq!(read.get(4), Ok(i64::MIN));
    assert_eq!(read.get::<f64>(5).map(f64::to_bits), Ok((-0.0_f64).to_bits()));
    assert_eq!(read.get(6), Ok("text"));
    assert_eq!(read.get(i16::MAX), Ok(&b"\xff\x00"[..]));
}

#[test]
fn a_digest_has_these_bytes() {
    let digest = CustomDigest::new().with(2, "hi").with(1, 258_i16);
    assert_eq!(written(&digest), b"\x06\x00\x01\x01\x02\x0b\x00\x02\x00\x00\x00\x02hi\x00");
    assert_eq!(written(&CustomDigest::new()), b"\x00");
}

#[test]
fn a_field_is_read_as_what_it_is() {
    let digest = every_type();
    let error = digest.get::<i64>(3).unwrap_err();
    assert_eq!(error, FieldError::WrongType { id: 3, found: "i32", wanted: "i64" });
    assert!(error.to_string().starts_with("field 3 of the digest is of type i32, not i64"), "{error}");
    assert_eq!(digest.get::<bool>(9), Err(FieldError::Missing(9)));
    assert!(matches!(digest.get::<&str>(i16::MAX), Err(FieldError::WrongType { .. })));
}

#[test]
fn a_field_set_again_is_replaced() {
    let mut digest = CustomDigest::new().with(1, 2_i32);
    assert_eq!(digest.set(1, "x"), Some(Value::I32(2)));
    assert_eq!(digest.fields().collect::<Vec<_>>(), [(1, &Value::String(b"x".to_vec()))]);
}

#[test]
fn other_types_are_left_out() {
    // A list of bytes, a struct, a set, then a bool written as 7.
    let bytes = b"\x0f\x00\x01\x03\x00\x00\x00\x02ab\x0c\x00\x02\x0b\x00\x01\x00\x00\x00\x00\x00\x0e\x00\x03\x03\x00\x00\x00\x00\
        \x02\x00\x04\x07\x00trailing";
    assert_eq!(CustomDigest::read(bytes), Ok(CustomDigest::new().with(4, true)));
}

#[test]
fn malformed_digests_are_refused() {
    let bytes = written(&every_type());
    for end in 0..bytes.len() {
        assert_eq!(CustomDigest::read(&bytes[..end]), Err(BodyError::Truncated), "cut at {end}");
    }
    assert_eq!(CustomDigest::read(b"\x01\x00\x01\x00"), Err(BodyError::Header));
    assert_eq!(CustomDigest::read(b"\x0b\x00\x01\xff\xff\xff\xff"), Err(BodyError::Truncated));
    assert_eq!(CustomDigest::read(&b"\x0c\x00\x01".repeat(100)), Err(BodyError::Depth));
}
