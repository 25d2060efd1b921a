//! A sealed datagram, changed somewhere: it opens exactly where nothing was changed.
//!
//! Input: role, receiver (8), then pairs (position as 2 bytes, change) of which the first byte says how many, then the frames.
#![no_main]

use gossiperl_idl::Salt;
use gossiperl_idl::sealed::{Header, KeyRing, OverlayKey, OverlaySecret, Role, Sealer, SenderKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&[role, changes, a, b, c, d, e, f, g, h], rest)) = input.split_first_chunk::<10>() else {
        return;
    };
    let Some(role) = Role::from_byte(role) else { return };
    let Some((changes, frames)) = rest.split_at_checked(usize::from(changes % 8) * 3) else { return };
    let (key, secret, salt) = (OverlayKey::new(b"fuzzed"), OverlaySecret::new(b"secret"), Salt::new(1, 2));
    let mut sealer = Sealer::new(&KeyRing::new(key.clone()), role, salt, &secret);
    let mut sealed = Vec::new();
    let offset = sealer.start(&mut sealed);
    sealed.extend_from_slice(frames);
    let receiver = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    sealer.finish(receiver, &mut sealed, offset).expect("room for a header");

    let mut datagram = sealed.clone();
    for change in changes.chunks_exact(3) {
        let position = usize::from(u16::from_be_bytes([change[0], change[1]])) % datagram.len();
        datagram[position] ^= change[2];
    }
    let changed = datagram != sealed;
    let Some(header) = Header::parse(&datagram) else {
        assert!(changed);
        return;
    };
    if header.key_id != key.id() {
        assert!(changed);
        return;
    }
    let opener = SenderKey::derive(&key, header.role, &header.salt, &secret);
    match opener.open(&mut datagram) {
        Ok(opened) => assert!(!changed && opened == frames && header.receiver == receiver),
        Err(_) => assert!(changed),
    }
});
