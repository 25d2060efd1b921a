//! The hand-written bodies: their bytes, and what is refused.

use gossiperl_idl::acknowledgement::{Acknowledgement, MAX_ACKNOWLEDGEMENT, MAX_RANGES, SmallRanges};
use gossiperl_idl::fragment::Fragment;
use gossiperl_idl::message::{MAX_PAYLOAD, Message};
use gossiperl_idl::run::{MAX_RUN, read_run, write_run};
use gossiperl_idl::{BodyError, frame};

const MESSAGE: Message<'static> = Message {
    event_type: b"ev",
    payload: b"\xff\x00\x01",
    publisher: 1,
    sequence: -2,
    envelope_id: None,
    verbatim: false,
};

fn written(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.write(&mut bytes);
    bytes
}

#[test]
fn a_message_has_these_bytes() {
    let bytes = written(&MESSAGE);
    assert_eq!(bytes, b"\x18\x02ev\x18\x03\xff\x00\x01\x16\x02\x16\x03\x00");
    assert_eq!(Message::read(&bytes), Ok(MESSAGE));
}

#[test]
fn optional_fields_of_a_message_are_written_where_they_are_set() {
    let tail = |message: Message<'_>| {
        let bytes = written(&message);
        assert_eq!(Message::read(&bytes), Ok(message));
        assert_eq!(bytes.len(), message.encoded_len());
        bytes[13..].to_vec()
    };
    assert_eq!(tail(Message { verbatim: true, ..MESSAGE }), b"\x21\x00");
    assert_eq!(tail(Message { envelope_id: Some(b"id"), ..MESSAGE }), b"\x18\x02id\x00");
    assert_eq!(tail(Message { envelope_id: Some(b""), verbatim: true, ..MESSAGE }), b"\x18\x00\x11\x00");
}

#[test]
fn a_message_as_frame_is_its_body_in_a_frame() {
    let payload = vec![3; 1_000];
    let message = Message { payload: &payload, ..MESSAGE };
    let (mut put, mut expected) = (Vec::new(), Vec::new());
    message.put(&mut put);
    frame::put(frame::MESSAGE, &written(&message), &mut expected);
    assert_eq!(put, expected);
}

#[test]
fn every_truncation_of_a_message_is_refused() {
    let bytes = written(&Message { envelope_id: Some(b"id"), verbatim: true, ..MESSAGE });
    for end in 0..bytes.len() {
        assert!(Message::read(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_message_without_a_required_field_is_refused() {
    for (bytes, field) in [
        (&b"\x28\x01p\x16\x02\x16\x02\x00"[..], "event_type"),
        (b"\x18\x02ev\x26\x02\x16\x02\x00", "payload"),
        (b"\x18\x02ev\x18\x01p\x26\x02\x00", "publisher"),
        (b"\x18\x02ev\x18\x01p\x16\x02\x00", "sequence"),
    ] {
        assert_eq!(Message::read(bytes), Err(BodyError::Missing(field)));
    }
}

#[test]
fn limits_of_a_message_hold() {
    let check = |message: Message<'_>| {
        let result = Message::read(&written(&message)).map(drop);
        assert_eq!(result, message.check());
        result
    };
    let payload = vec![0; MAX_PAYLOAD + 1];
    assert_eq!(check(Message { event_type: b"", ..MESSAGE }), Err(BodyError::OutOfRange("event_type")));
    assert_eq!(check(Message { event_type: &[65; 255], ..MESSAGE }), Ok(()));
    assert_eq!(
        check(Message { event_type: &[65; 256], ..MESSAGE }),
        Err(BodyError::OutOfRange("event_type"))
    );
    assert_eq!(check(Message { payload: b"", ..MESSAGE }), Ok(()));
    assert_eq!(check(Message { payload: &payload[1..], ..MESSAGE }), Ok(()));
    assert_eq!(check(Message { payload: &payload, ..MESSAGE }), Err(BodyError::OutOfRange("payload")));
}

/// Reads the message with these bytes of a field before its stop.
fn with_field(field: &[u8]) -> Result<(), BodyError> {
    let mut bytes = written(&MESSAGE);
    bytes.pop();
    bytes.extend_from_slice(field);
    bytes.push(0);
    let message = Message::read(&bytes)?;
    assert_eq!(message, MESSAGE);
    Ok(())
}

#[test]
fn unknown_fields_are_skipped() {
    for (name, field) in [
        ("bool", &b"\x31"[..]),
        ("i8", b"\x33\xff"),
        ("i16", b"\x34\xff\x01"),
        ("i32", b"\x35\xff\xff\xff\xff\x0f"),
        ("i64", b"\x36\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ("double", b"\x3712345678"),
        ("binary", b"\x38\x02xy"),
        ("list of bool", b"\x39\x31\x01\x02\x01"),
        ("list of 16 i8", b"\x39\xf3\x100123456789abcdef"),
        ("set of i64", b"\x3a\x26\x02\x04"),
        ("empty map", b"\x3b\x00"),
        ("map", b"\x3b\x02\x83\x01a\x00\x01b\x01"),
        ("struct", b"\x3c\x18\x01x\x06\xfe\x03\x02\x11\x00"),
        ("list of structs", b"\x39\x2c\x15\x02\x00\x00"),
        ("uuid", b"\x3d0123456789abcdef"),
        ("long field id", b"\x08\xfe\xff\x03\x01x"),
    ] {
        assert_eq!(with_field(field), Ok(()), "{name}");
    }
}

#[test]
fn malformed_fields_are_refused() {
    for (name, field, error) in [
        ("unknown type", &b"\x3e"[..], BodyError::Header),
        ("field id beyond i16", b"\x08\x80\x80\x04\x00", BodyError::Header),
        ("field id that overflows", b"\x08\xfe\xff\x03\x00\x18\x00", BodyError::Header),
        ("stop with a delta", b"\x10", BodyError::Header),
        ("list of unknown type", b"\x39\x1f\x00", BodyError::Header),
        ("more elements than bytes", b"\x39\xf3\xff\x1f", BodyError::Elements),
        ("endless map", b"\x3b\xff\xff\xff\xff\x0f\x33", BodyError::Elements),
        ("endless varint", b"\x36\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", BodyError::Varint),
        ("varint beyond 64 bits", b"\x36\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", BodyError::Varint),
        ("binary beyond the end", b"\x38\x09xy", BodyError::Truncated),
        ("binary beyond memory", b"\x38\xff\xff\xff\xff\x0f", BodyError::Truncated),
        ("binary beyond 32 bits", b"\x38\xff\xff\xff\xff\x1f", BodyError::Varint),
        ("length of six bytes", b"\x38\x80\x80\x80\x80\x80\x00", BodyError::Varint),
        ("i16 of six bytes", b"\x34\x80\x80\x80\x80\x80\x00", BodyError::Varint),
        ("bool that is none", b"\x39\x11\x03", BodyError::Header),
        ("list of nothing", b"\x39\x00", BodyError::Header),
        ("known field of another type", b"\x06\x0c\x02", BodyError::WrongType("verbatim")),
    ] {
        assert_eq!(with_field(field), Err(error), "{name}");
    }
}

#[test]
fn depth_of_what_is_skipped_is_bounded() {
    let nested = |depth: usize| {
        let mut field = vec![0x3c];
        field.extend(vec![0x1c; depth - 1]);
        field.extend(vec![0; depth]);
        with_field(&field)
    };
    assert_eq!(nested(7), Ok(()));
    assert_eq!(nested(8), Err(BodyError::Depth));
    assert_eq!(nested(30_000), Err(BodyError::Depth));
    assert_eq!(with_field(&[&[0x39][..], &[0x19; 30_000]].concat()), Err(BodyError::Depth));
}

#[test]
fn bytes_behind_a_body_are_refused() {
    let mut bytes = written(&MESSAGE);
    bytes.push(0);
    assert_eq!(Message::read(&bytes), Err(BodyError::Trailing));
    assert_eq!(read_run(b"\x16\x02\x00\x00"), Err(BodyError::Trailing));
}

#[test]
fn a_run_comes_back() {
    for first in [1, 2, 63, 64, u64::from(u32::MAX), i64::MAX as u64] {
        let mut bytes = Vec::new();
        write_run(first, &mut bytes);
        assert!(bytes.len() <= MAX_RUN);
        assert_eq!(read_run(&bytes), Ok(first));
    }
}

#[test]
fn a_run_begins_at_one_or_later() {
    assert_eq!(read_run(b"\x16\x00\x00"), Err(BodyError::OutOfRange("first")));
    assert_eq!(read_run(b"\x16\x01\x00"), Err(BodyError::OutOfRange("first")));
    assert_eq!(read_run(b"\x00"), Err(BodyError::Missing("first")));
    assert_eq!(read_run(b"\x15\x02\x00"), Err(BodyError::WrongType("first")));
}

fn acknowledgement(ranges: &[std::ops::Range<u64>]) -> Acknowledgement {
    let mut small = SmallRanges::new();
    for range in ranges {
        assert!(small.push(range.clone()));
    }
    Acknowledgement { cumulative: 5, window: 65_536, delay_us: 100, ranges: small, rewind: false }
}

#[test]
fn an_acknowledgement_has_these_bytes() {
    let mut bytes = Vec::new();
    Acknowledgement { rewind: true, ..acknowledgement(&[7..9, 12..13]) }.write(&mut bytes);
    // Frames 7 and 8 after a gap of one, 12 after a gap of three.
    assert_eq!(bytes, b"\x16\x0a\x15\x80\x80\x08\x15\xc8\x01\x19\x46\x02\x04\x06\x02\x11\x00");
}

#[test]
fn an_acknowledgement_comes_back() {
    let many: Vec<_> = (0..MAX_RANGES as u64).map(|n| 10 + 3 * n..11 + 3 * n).collect();
    let far = i64::MAX as u64;
    for sent in [
        Acknowledgement::default(),
        acknowledgement(&[]),
        acknowledgement(&many),
        acknowledgement(&many[..7]),
        acknowledgement(&many[..8]),
        Acknowledgement { rewind: true, ..acknowledgement(&[]) },
        Acknowledgement { window: 0, delay_us: i32::MAX as u32, ..acknowledgement(&[7..9, 20..far]) },
        Acknowledgement { cumulative: far, ..acknowledgement(&[]) },
    ] {
        let mut bytes = Vec::new();
        sent.write(&mut bytes);
        assert!(bytes.len() <= MAX_ACKNOWLEDGEMENT);
        assert_eq!(Acknowledgement::read(&bytes), Ok(sent));
    }
}

#[test]
fn windows_beyond_the_field_are_written_as_its_most() {
    let mut bytes = Vec::new();
    Acknowledgement { window: u32::MAX, delay_us: u32::MAX, ..acknowledgement(&[]) }.write(&mut bytes);
    let read = Acknowledgement::read(&bytes).unwrap();
    assert_eq!((read.window, read.delay_us), (i32::MAX as u32, i32::MAX as u32));
}

#[test]
fn ranges_that_do_not_rise_are_not_taken() {
    let mut ranges = SmallRanges::new();
    assert!(ranges.push(10..12));
    for wrong in [3..4, 11..13, 12..14, 13..13, 20..u64::MAX] {
        assert!(!ranges.push(wrong));
    }
    assert_eq!(ranges.as_slice(), std::slice::from_ref(&(10..12)));
}

#[test]
fn ranges_beyond_the_bound_are_left_out() {
    let mut bytes = b"\x16\x0a\x15\x02\x15\x02\x19\xf6\x50".to_vec();
    bytes.extend([2; 80]);
    bytes.push(0);
    let read = Acknowledgement::read(&bytes).unwrap();
    let expected: Vec<_> = (0..MAX_RANGES as u64).map(|n| 7 + 2 * n..8 + 2 * n).collect();
    assert_eq!(read.ranges.as_slice(), expected);
}

#[test]
fn malformed_acknowledgements_are_refused() {
    let ranges = Err(BodyError::OutOfRange("ranges"));
    for (name, bytes, expected) in [
        ("negative number", &b"\x16\x01\x15\x02\x15\x02\x00"[..], Err(BodyError::OutOfRange("cumulative"))),
        ("negative window", b"\x16\x02\x15\x01\x15\x02\x00", Err(BodyError::OutOfRange("window"))),
        ("negative delay", b"\x16\x02\x15\x02\x15\x01\x00", Err(BodyError::OutOfRange("delay_us"))),
        ("no delay", b"\x16\x02\x15\x02\x00", Err(BodyError::Missing("delay_us"))),
        ("window beyond 32 bits", b"\x16\x02\x15\xff\xff\xff\xff\x1f\x15\x02\x00", Err(BodyError::Varint)),
        ("gap without length", b"\x16\x02\x15\x02\x15\x02\x19\x16\x02\x00", ranges),
        ("gap of nothing", b"\x16\x02\x15\x02\x15\x02\x19\x26\x00\x02\x00", ranges),
        ("empty range", b"\x16\x02\x15\x02\x15\x02\x19\x26\x02\x00\x00", ranges),
        ("negative gap", b"\x16\x02\x15\x02\x15\x02\x19\x26\x01\x02\x00", ranges),
        (
            "range beyond all numbers",
            b"\x16\x02\x15\x02\x15\x02\x19\x26\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00",
            ranges,
        ),
        (
            "ranges of another type",
            b"\x16\x02\x15\x02\x15\x02\x19\x25\x02\x02\x00",
            Err(BodyError::WrongType("ranges")),
        ),
        (
            "ranges that are no list",
            b"\x16\x02\x15\x02\x15\x02\x18\x00\x00",
            Err(BodyError::WrongType("ranges")),
        ),
    ] {
        assert_eq!(Acknowledgement::read(bytes).map(drop), expected, "{name}");
    }
}

#[test]
fn ranges_before_the_number_they_count_from_are_read() {
    let read = Acknowledgement::read(b"\x49\x26\x02\x04\x06\x02\x0a\x05\x04\x02\x05\x06\x02\x00").unwrap();
    assert_eq!(read.cumulative, 5);
    assert_eq!(read.ranges.as_slice(), std::slice::from_ref(&(7..9)));
}

#[test]
fn a_fragment_comes_back() {
    let part = vec![9; 1_300];
    let sent = Fragment { kind: frame::MESSAGE, total: 65_536, offset: 64_236, part: &part };
    let mut bytes = Vec::new();
    sent.write(&mut bytes);
    assert_eq!(Fragment::read(&bytes), Ok(sent));
}

#[test]
fn a_fragment_that_does_not_hold_together_is_refused() {
    let whole = Fragment { kind: frame::MESSAGE, total: 100, offset: 98, part: b"xy" };
    for (fragment, field) in [
        (Fragment { kind: frame::RUN, ..whole }, "kind"),
        (Fragment { kind: frame::FRAGMENT, ..whole }, "kind"),
        (Fragment { kind: 200, ..whole }, "kind"),
        (Fragment { total: 65_537, ..whole }, "total"),
        (Fragment { offset: 99, ..whole }, "part"),
        (Fragment { offset: i32::MAX as u32, ..whole }, "part"),
        (Fragment { part: b"", ..whole }, "part"),
    ] {
        let mut bytes = Vec::new();
        fragment.write(&mut bytes);
        assert_eq!(Fragment::read(&bytes), Err(BodyError::OutOfRange(field)), "{fragment:?}");
    }
}
