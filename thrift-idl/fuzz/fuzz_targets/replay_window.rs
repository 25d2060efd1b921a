//! The replay window against a plain set of what was seen.
//!
//! Input: steps of 2 bytes from the newest counter, signed; 0x7f in the first byte is a leap of the second byte squared thrice.
#![no_main]

use std::collections::BTreeSet;

use gossiperl_idl::sealed::{REPLAY_WINDOW, ReplayWindow};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut window = ReplayWindow::new();
    let mut seen = BTreeSet::new();
    for step in input.chunks_exact(2).take(4_096) {
        let newest = window.newest();
        let counter = match step {
            [0x7f, leap] => newest.saturating_add(u64::from(*leap).pow(6)),
            _ => newest.saturating_add_signed(i16::from_be_bytes([step[0], step[1]]).into()),
        };
        let expected =
            counter.saturating_add(REPLAY_WINDOW) > newest && !seen.contains(&counter) || counter > newest;
        assert_eq!(window.contains(counter), !expected, "{counter} after {newest}");
        assert_eq!(window.accept(counter), expected, "{counter} after {newest}");
        if expected {
            seen.insert(counter);
        }
        assert!(window.contains(counter));
        assert_eq!(window.newest(), newest.max(counter));
    }
});
