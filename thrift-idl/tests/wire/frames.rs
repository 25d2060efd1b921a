//! Frames: what is put comes back, and what does not add up is refused.

use gossiperl_idl::frame::{self, FrameError, Frames};
use gossiperl_idl::sealed::Role;

fn read(bytes: &[u8]) -> Vec<Result<(u8, Vec<u8>), FrameError>> {
    Frames::new(bytes).map(|frame| frame.map(|(kind, body)| (kind, body.to_vec()))).collect()
}

#[test]
fn frames_of_every_length_come_back() {
    for length in [0, 1, 126, 127, 128, 129, 16_383, 16_384, 60_000, frame::MAX_BODY] {
        let body = vec![7; length];
        let (mut put, mut put_with) = (vec![1], vec![1]);
        frame::put(frame::MESSAGE, &body, &mut put);
        frame::put_with(frame::MESSAGE, &mut put_with, |out| out.extend_from_slice(&body));
        assert_eq!(put, put_with, "length {length}");
        assert_eq!(put.len(), 1 + length + frame::overhead(length), "length {length}");
        assert_eq!(read(&put[1..]), [Ok((frame::MESSAGE, body))], "length {length}");
    }
}

#[test]
fn frames_follow_one_another() {
    let mut bytes = Vec::new();
    frame::put(frame::RUN, b"one", &mut bytes);
    frame::put(200, b"", &mut bytes);
    frame::put(frame::MESSAGE, b"three", &mut bytes);
    assert_eq!(
        read(&bytes),
        [Ok((frame::RUN, b"one".to_vec())), Ok((200, vec![])), Ok((frame::MESSAGE, b"three".to_vec()))]
    );
}

#[test]
fn the_frames_before_a_truncated_one_are_read() {
    let mut bytes = Vec::new();
    frame::put(frame::PING, b"whole", &mut bytes);
    let whole = bytes.len();
    frame::put(frame::PING, &[0; 200], &mut bytes);
    for end in whole + 1..bytes.len() {
        assert_eq!(
            read(&bytes[..end]),
            [Ok((frame::PING, b"whole".to_vec())), Err(FrameError::Truncated)],
            "cut at {end}"
        );
    }
}

#[test]
fn a_length_of_four_bytes_is_refused() {
    assert_eq!(read(&[64, 0x80, 0x80, 0x80, 0x00]), [Err(FrameError::Length)]);
    assert_eq!(read(&[64, 0x80, 0x80, 0x00]), [Ok((64, vec![]))]);
}

#[test]
fn nothing_is_read_behind_an_error() {
    let mut frames = Frames::new(&[64, 5, 0, 64, 0]);
    assert_eq!(frames.next(), Some(Err(FrameError::Truncated)));
    assert_eq!(frames.next(), None);
    assert_eq!(frames.next(), None);
}

#[test]
fn known_kinds_have_a_name_and_a_role() {
    for kind in 0..=255 {
        let belongs = [Role::ClientToDaemon, Role::DaemonToClient, Role::DaemonToDaemon]
            .into_iter()
            .any(|role| frame::belongs(kind, role));
        assert_eq!(frame::name(kind).is_some(), belongs, "kind {kind}");
    }
}
