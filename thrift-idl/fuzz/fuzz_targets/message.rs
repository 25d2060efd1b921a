//! The borrowed message against the generated struct.
#![no_main]

use gossiperl_idl::message::Message;
use gossiperl_idl::{codec, generated};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let reference = codec::decode_compact::<generated::Message>(body);
    match Message::read(body) {
        Ok(message) => {
            let mut written = Vec::new();
            message.write(&mut written);
            assert_eq!(written.len(), message.encoded_len());
            assert_eq!(Message::read(&written), Ok(message));
            let text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
            if text(message.event_type) && message.envelope_id.is_none_or(text) {
                let reference = reference.expect("what the borrowed reader takes, the generated one takes");
                assert_eq!(reference.event_type.as_bytes(), message.event_type);
                assert_eq!(reference.payload, message.payload);
                assert_eq!(reference.publisher, message.publisher);
                assert_eq!(reference.sequence, message.sequence);
                assert_eq!(reference.envelope_id.as_deref().map(str::as_bytes), message.envelope_id);
                assert_eq!(reference.verbatim.unwrap_or(false), message.verbatim);
            }
        }
        Err(error) => {
            let Ok(reference) = reference else { return };
            // What the generated code itself would write is refused for its limits alone.
            let mut written = Vec::new();
            codec::encode_compact(&reference, &mut written);
            if written == body {
                let limits =
                    matches!(reference.event_type.len(), 1..=255) && reference.payload.len() <= 60_000;
                assert!(!limits, "{error} for {reference:?}");
            }
        }
    }
});
