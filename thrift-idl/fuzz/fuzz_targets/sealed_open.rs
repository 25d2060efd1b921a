//! Any bytes as a sealed datagram: nothing opens that was not sealed.
#![no_main]

use std::sync::LazyLock;

use gossiperl_idl::Salt;
use gossiperl_idl::sealed::{HEADER_LEN, Header, OpenError, OverlayKey, OverlaySecret, Role, SenderKey};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<OverlayKey> = LazyLock::new(|| OverlayKey::new(b"fuzzed"));
static SECRET: LazyLock<OverlaySecret> = LazyLock::new(|| OverlaySecret::new(b"secret"));
static OPENER: LazyLock<SenderKey> =
    LazyLock::new(|| SenderKey::derive(&KEY, Role::DaemonToDaemon, &Salt([1; 16]), &SECRET));

fuzz_target!(|datagram: &[u8]| {
    assert!(OPENER.open(&mut datagram.to_vec()).is_err());
    let Some(header) = Header::parse(datagram) else {
        // Behind a header of this sender only the tag is in the way.
        let salt = Salt([1; 16]);
        let header = Header { role: Role::DaemonToDaemon, key_id: KEY.id(), salt, receiver: 0, counter: 1 };
        let mut forged = [&header.to_bytes(), datagram].concat();
        let expected = if datagram.len() < 16 { OpenError::OtherSender } else { OpenError::Forged };
        assert_eq!(OPENER.open(&mut forged), Err(expected));
        return;
    };
    assert_eq!(header.to_bytes(), datagram[..HEADER_LEN]);
    let opener = SenderKey::derive(&KEY, header.role, &header.salt, &SECRET);
    assert!(opener.open(&mut datagram.to_vec()).is_err());
});
