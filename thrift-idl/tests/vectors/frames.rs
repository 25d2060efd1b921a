//! `vectors/frames.json`: every frame of protocol 2, and how frames stand in an opened datagram.

use gossiperl_idl::acknowledgement::Acknowledgement;
use gossiperl_idl::fragment::Fragment;
use gossiperl_idl::frame::{self, FrameError, Frames};
use gossiperl_idl::message::Message;
use gossiperl_idl::run::read_run;
use serde_json::{Value, json};
use thrift::protocol::TCompactOutputProtocol;

use super::fields::{to_hex, write_struct};
use super::{bytes, made, samples};

const ABOUT: &str = "Frames of protocol 2 (PROTOCOL.md section 3). `frames`: `fields` in compact protocol are `body`, and \
    with kind and length in front they are `frame`. i64 are decimal text, bytes hexadecimal. \
    `streams`: reading `bytes` gives `frames`, then ends or fails as `error` says.";

fn stream(case: &str, bytes: &[u8]) -> Value {
    let mut frames = Vec::new();
    let mut error = Value::Null;
    for frame in Frames::new(bytes) {
        match frame {
            Ok((kind, body)) => frames.push(json!({ "kind": kind, "body": to_hex(body) })),
            Err(FrameError::Truncated) => error = "truncated".into(),
            Err(FrameError::Length) => error = "length".into(),
        }
    }
    json!({ "case": case, "bytes": to_hex(bytes), "frames": frames, "error": error })
}

fn streams() -> Vec<Value> {
    let framed = |length: usize| {
        let mut bytes = Vec::new();
        frame::put(frame::MESSAGE, &vec![0x5a; length], &mut bytes);
        bytes
    };
    let two = [framed(1), framed(2)].concat();
    vec![
        stream("nothing", b""),
        stream("empty body", &framed(0)),
        stream("longest body with a length of one byte", &framed(127)),
        stream("shortest body with a length of two bytes", &framed(128)),
        stream("length of three bytes, longer than it needs to be", b"\x40\x81\x80\x00\x5a"),
        stream("two frames", &two),
        stream("unknown kind between known ones", b"\x06\x01\x00\x3f\x02ab\x06\x01\x00"),
        stream("second frame without its last byte", &two[..two.len() - 1]),
        stream("kind without length", b"\x06\x01\x00\x40"),
        stream("length without its second byte", b"\x06\x01\x00\x40\x80"),
        stream("length of four bytes", b"\x06\x01\x00\x40\x80\x80\x80\x00"),
    ]
}

#[test]
fn vectors_of_frames_hold() {
    let mut frames = Vec::new();
    for sample in samples::all() {
        let mut bytes = Vec::new();
        frame::put(sample.kind, &sample.body, &mut bytes);
        frames.push(json!({
            "kind": sample.kind,
            "name": frame::name(sample.kind),
            "case": sample.case,
            "fields": sample.fields,
            "body": to_hex(&sample.body),
            "frame": to_hex(&bytes),
        }));
    }
    let vectors =
        made::checked("frames.json", &json!({ "about": ABOUT, "frames": frames, "streams": streams() }));

    for vector in vectors["frames"].as_array().unwrap() {
        let (kind, body, bytes) =
            (vector["kind"].as_u64().unwrap(), bytes(vector, "body"), bytes(vector, "frame"));
        let read: Vec<_> = Frames::new(&bytes).collect();
        assert_eq!(read, [Ok((kind as u8, &body[..]))], "{vector}");
        let mut by_fields = Vec::new();
        write_struct(&mut TCompactOutputProtocol::new(&mut by_fields), &vector["fields"]).unwrap();
        assert_eq!(by_fields, body, "{vector}");
        check_borrowed(kind as u8, &body);
    }
    for kind in 0..=255 {
        let has = vectors["frames"].as_array().unwrap().iter().any(|vector| vector["kind"] == kind);
        assert_eq!(has, frame::name(kind).is_some(), "kind {kind}");
    }
}

/// The hand-written readers take the vectors and write the same bytes.
fn check_borrowed(kind: u8, body: &[u8]) {
    let mut written = Vec::new();
    match kind {
        frame::RUN => gossiperl_idl::run::write_run(read_run(body).unwrap(), &mut written),
        frame::ACKNOWLEDGEMENT => Acknowledgement::read(body).unwrap().write(&mut written),
        frame::MESSAGE => Message::read(body).unwrap().write(&mut written),
        frame::FRAGMENT => Fragment::read(body).unwrap().write(&mut written),
        _ => return,
    }
    assert_eq!(written, body, "kind {kind}");
}
