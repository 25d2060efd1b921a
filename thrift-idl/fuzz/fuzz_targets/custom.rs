//! Any bytes as a custom digest: what is read is written, and read again as the same.
#![no_main]

use gossiperl_idl::custom::{CustomDigest, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(digest) = CustomDigest::read(bytes) else { return };
    let mut written = Vec::new();
    digest.write(&mut written);
    assert_eq!(written.len(), digest.encoded_len());
    assert!(written.len() <= bytes.len());
    let again = CustomDigest::read(&written).expect("what was written");
    // Not `==`: a double may be a NaN.
    let mut twice = Vec::new();
    again.write(&mut twice);
    assert_eq!(written, twice);
    for (id, value) in again.fields() {
        let found = match value {
            Value::Bool(_) => digest.get::<bool>(id).is_ok(),
            Value::Byte(_) => digest.get::<i8>(id).is_ok(),
            Value::I16(_) => digest.get::<i16>(id).is_ok(),
            Value::I32(_) => digest.get::<i32>(id).is_ok(),
            Value::I64(_) => digest.get::<i64>(id).is_ok(),
            Value::Double(_) => digest.get::<f64>(id).is_ok(),
            Value::String(bytes) => {
                digest.get::<&str>(id).is_ok() == std::str::from_utf8(bytes).is_ok()
                    && digest.get::<&[u8]>(id) == Ok(bytes)
            }
        };
        assert!(found, "field {id}");
    }
});
