//! Any bytes as a datagram of protocol 1, and any envelope sealed and opened.
#![no_main]

use std::sync::LazyLock;

use gossiperl_idl::digest::AnyDigest;
use gossiperl_idl::envelope::Envelope;
use gossiperl_idl::legacy::{LegacyKey, NotBlocks, datagram_len};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<LegacyKey> = LazyLock::new(|| LegacyKey::new(b"fuzzed"));

fuzz_target!(|bytes: &[u8]| {
    let mut datagram = bytes.to_vec();
    match KEY.open(&mut datagram) {
        Ok(plain) => {
            assert_eq!(plain.len() + 16, bytes.len());
            read(plain);
        }
        Err(NotBlocks) => assert!(bytes.len() < 32 || bytes.len() % 16 != 0),
    }

    // The same bytes as what stands in the datagram, so that the fuzzer sees through the cipher.
    let mut sealed = Vec::new();
    KEY.seal([7; 16], bytes, &mut sealed);
    assert_eq!(sealed.len(), datagram_len(bytes.len()));
    let plain = KEY.open(&mut sealed).expect("whole blocks");
    let padding = plain.strip_prefix(bytes).expect("what was sealed");
    assert!(padding.iter().all(|byte| usize::from(*byte) == padding.len()));
    read(plain);
});

/// The whole way of a datagram: envelope, base64, struct.
fn read(plain: &[u8]) {
    let Ok(envelope) = Envelope::read(plain) else { return };
    let mut payload = Vec::new();
    if envelope.decode_payload(&mut payload).is_ok() {
        let _ = AnyDigest::read(envelope.payload_type, &payload);
    }
}
