//! Every borrowed struct of protocol 1 against the generated one.
#![no_main]

use gossiperl_idl::digest::{self, AnyDigest};
use gossiperl_idl::{codec, generated};
use libfuzzer_sys::fuzz_target;

/// Reads as both, and compares what they write.
macro_rules! compare {
    ($bytes:ident, $($name:ident),+) => {$({
        let reference = codec::decode_binary::<generated::$name>($bytes);
        match digest::$name::read($bytes) {
            Ok(digest) => {
                let mut written = Vec::new();
                digest.write(&mut written);
                assert_eq!(written.len(), digest.encoded_len());
                assert_eq!(digest::$name::read(&written).as_ref(), Ok(&digest));
                if let Ok(reference) = reference {
                    let mut by_reference = Vec::new();
                    codec::encode_binary(&reference, &mut by_reference);
                    assert_eq!(written, by_reference);
                }
            }
            // The generated code does not look at a field's type: only what it would write itself must be read by us.
            Err(error) => if let Ok(reference) = reference {
                let mut by_reference = Vec::new();
                codec::encode_binary(&reference, &mut by_reference);
                assert!(!$bytes.starts_with(&by_reference), "{error} for {reference:?}");
            },
        }
    })+};
}

fuzz_target!(|bytes: &[u8]| {
    compare!(
        bytes,
        Digest,
        DigestAck,
        DigestMember,
        DigestSubscribe,
        DigestUnsubscribe,
        DigestSubscribeAck,
        DigestUnsubscribeAck,
        DigestSubscriptions,
        DigestSubscription,
        DigestForwardedAck,
        DigestEvent,
        DigestExit,
        DigestError
    );
    for name in AnyDigest::PAYLOAD_TYPES {
        if let Ok(digest) = AnyDigest::read(name.as_bytes(), bytes) {
            let digest = digest.expect("a reserved type");
            assert_eq!(digest.payload_type(), *name);
            let mut written = Vec::new();
            digest.write(&mut written);
            assert_eq!(AnyDigest::read(name.as_bytes(), &written), Ok(Some(digest)));
        }
    }
});
