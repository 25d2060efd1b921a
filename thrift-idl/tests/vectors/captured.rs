//! Datagrams as the client libraries sent them, with the old daemon and with ours.

use gossiperl_idl::digest::AnyDigest;
use gossiperl_idl::envelope::Envelope;
use gossiperl_idl::legacy::LegacyKey;
use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol};

use crate::fields::{read_struct, without_names, write_struct};
use crate::{bytes, read, text};

/// What the clients published: everything else is a struct of protocol 1 itself.
const MESSAGES: [&str; 7] = [
    "digestForwardableTest",
    "customEv",
    "customFromJs",
    "news-for-ruby",
    "news-for-jvm",
    "news-for-scala",
    "news-for-dotnet",
];

/// So many were recorded with the old daemon, the others with ours.
const OLD: usize = 26;

#[test]
fn captured_datagrams_are_read() {
    let file = read("captured-protocol-1.json");
    let key = LegacyKey::new(text(&file, "symmetric_key").as_bytes());
    let captured = file["datagrams"].as_array().unwrap();
    assert_eq!(captured.len(), 53);
    for (at, expected) in captured.iter().enumerate() {
        let what = format!("{} of {}", text(expected, "payload_type"), text(expected, "client"));
        let mut datagram = bytes(expected, "datagram");
        // The old daemon was Erlang too.
        let old_daemon = at < OLD && text(expected, "direction") == "from the daemon";
        let erlang = text(expected, "client") == "erlang" || old_daemon;
        assert_eq!(key.is_from_erlang(&datagram), erlang, "{what}");
        let plain = key.open(&mut datagram).unwrap();
        let envelope = Envelope::read(plain).unwrap();
        assert_eq!(envelope.payload_type, text(expected, "payload_type").as_bytes(), "{what}");
        assert_eq!(envelope.id, text(expected, "id").as_bytes(), "{what}");
        // Each library writes the fields in order, so that our writing gives its bytes back.
        let mut written = Vec::new();
        envelope.write(&mut written);
        assert_eq!(plain.strip_prefix(&*written), Some(&*bytes(expected, "padding")), "{what}");

        let mut payload = Vec::new();
        assert!(envelope.decode_canonical(&mut payload), "{what}");
        let fields = read_struct(&mut TBinaryInputProtocol::new(&*payload, true)).unwrap();
        assert_eq!(fields, without_names(&expected["payload"]), "{what}");
        let mut written = Vec::new();
        write_struct(&mut TBinaryOutputProtocol::new(&mut written, true), &expected["payload"]).unwrap();
        assert_eq!(written, payload, "{what}");
        match AnyDigest::read(envelope.payload_type, &payload).unwrap() {
            Some(digest) => {
                assert_eq!(digest.payload_type(), text(expected, "payload_type"));
                let mut written = Vec::new();
                digest.write(&mut written);
                assert_eq!(written, payload, "{what}");
            }
            None => assert!(MESSAGES.contains(&text(expected, "payload_type")), "{what}"),
        }
    }
}
