//! The borrowed envelope against the generated struct, and its base64 against itself.
#![no_main]

use gossiperl_idl::envelope::{self, Envelope};
use gossiperl_idl::{codec, generated};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    payload(bytes);
    let Ok(envelope) = Envelope::read(bytes) else {
        // What the generated code itself would write is read.
        if let Ok(reference) = codec::decode_binary::<generated::DigestEnvelope>(bytes) {
            let mut written = Vec::new();
            codec::encode_binary(&reference, &mut written);
            assert!(!bytes.starts_with(&written), "{reference:?}");
        }
        return;
    };
    let mut written = Vec::new();
    envelope.write(&mut written);
    assert_eq!(written.len(), envelope.encoded_len());
    assert_eq!(Envelope::read(&written), Ok(envelope));
    let strings = [envelope.payload_type, envelope.bin_payload, envelope.id];
    if strings.iter().all(|string| std::str::from_utf8(string).is_ok()) {
        let reference: generated::DigestEnvelope = codec::decode_binary(&written).expect("the same struct");
        assert_eq!(
            [reference.payload_type, reference.bin_payload, reference.id].map(String::into_bytes),
            strings
        );
    }
    payload(envelope.bin_payload);
});

fn payload(bin_payload: &[u8]) {
    let envelope = Envelope { payload_type: b"t", bin_payload, id: b"i" };
    let (mut lenient, mut canonical) = (Vec::new(), Vec::new());
    let decoded = envelope.decode_payload(&mut lenient).is_ok();
    let is_canonical = envelope.decode_canonical(&mut canonical);
    assert!(decoded || !is_canonical && lenient.is_empty());
    let mut again = Vec::new();
    envelope::put(b"t", &lenient, b"i", &mut again);
    assert_eq!(again.len(), envelope::put_len(1, lenient.len(), 1));
    let again = Envelope::read(&again).expect("an envelope");
    assert_eq!(is_canonical, decoded && again.bin_payload == bin_payload);
    if is_canonical {
        assert_eq!(lenient, canonical);
    }
    let mut twice = Vec::new();
    assert!(again.decode_canonical(&mut twice));
    assert_eq!(twice, lenient);
}
