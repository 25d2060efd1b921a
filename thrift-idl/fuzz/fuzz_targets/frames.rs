//! Frames of any opened bytes: they are cut without a panic, and put together again they are the same frames.
#![no_main]

use gossiperl_idl::frame::{self, FrameError, Frames};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|opened: &[u8]| {
    let mut again = Vec::new();
    let mut read = Vec::new();
    let mut frames = Frames::new(opened);
    let mut error: Option<FrameError> = None;
    for frame in &mut frames {
        match frame {
            Ok((kind, body)) => {
                assert!(error.is_none(), "a frame behind an error");
                let before = again.len();
                frame::put(kind, body, &mut again);
                assert_eq!(again.len() - before, body.len() + frame::overhead(body.len()));
                let mut with = Vec::new();
                frame::put_with(kind, &mut with, |out| out.extend_from_slice(body));
                assert_eq!(again[before..], with);
                read.push((kind, body));
            }
            Err(wrong) => error = Some(wrong),
        }
    }
    assert!(frames.next().is_none());
    // A length may be written longer than it needs to be, so the bytes may differ, but never be more.
    assert!(again.len() <= opened.len());
    let second: Vec<_> = Frames::new(&again).map(|frame| frame.expect("frames that were put")).collect();
    assert_eq!(second, read);
});
