//! The hand-written bodies against the generated structs: the same bytes, and the same reading of any bytes.

use gossiperl_idl::acknowledgement::{Acknowledgement, MAX_RANGES, SmallRanges};
use gossiperl_idl::codec::{decode_compact, encode_compact};
use gossiperl_idl::fragment::Fragment;
use gossiperl_idl::frame::{self, Frames};
use gossiperl_idl::generated;
use gossiperl_idl::message::Message;
use gossiperl_idl::run::{read_run, write_run};
use gossiperl_idl::sealed::{Header, KeyRing, OverlayKey, OverlaySecret, Role, Sealer, SenderKey};
use gossiperl_idl::{BodyError, Salt};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use thrift::protocol::TSerializable;

use crate::support;

fn bytes_of(value: &impl TSerializable) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_compact(value, &mut bytes);
    bytes
}

/// Numbers of every length as a varint, not just long ones.
fn number() -> impl Strategy<Value = i64> {
    (any::<i64>(), 0..64u32).prop_map(|(number, shift)| number >> shift)
}

fn generated_message() -> impl Strategy<Value = generated::Message> {
    let payload = prop_oneof![9 => vec(any::<u8>(), 0..300), 1 => vec(any::<u8>(), 0..60_000)];
    let fields =
        ("\\PC{1,60}", payload, number(), number(), option::of("\\PC{0,40}"), option::of(Just(true)));
    fields.prop_map(|(event_type, payload, publisher, sequence, envelope_id, verbatim)| {
        generated::Message::new(event_type, payload, publisher, sequence, envelope_id, verbatim)
    })
}

fn borrowed(message: &generated::Message) -> Message<'_> {
    Message {
        event_type: message.event_type.as_bytes(),
        payload: &message.payload,
        publisher: message.publisher,
        sequence: message.sequence,
        envelope_id: message.envelope_id.as_deref().map(str::as_bytes),
        verbatim: message.verbatim.unwrap_or(false),
    }
}

/// A cumulative number and, beyond it, gaps and lengths.
fn generated_acknowledgement() -> impl Strategy<Value = generated::Acknowledgement> {
    let pairs = vec((1..1_000i64, 1..1_000i64), 1..=MAX_RANGES);
    let ranges = pairs.prop_map(|pairs| pairs.into_iter().flat_map(|(gap, length)| [gap, length]).collect());
    let cumulative = number().prop_map(|number| number & (i64::MAX >> 1));
    let fields = (cumulative, 0..=i32::MAX, 0..=i32::MAX, option::of(ranges), option::of(Just(true)));
    fields.prop_map(|(cumulative, window, delay_us, ranges, rewind)| {
        generated::Acknowledgement::new(cumulative, window, delay_us, ranges, rewind)
    })
}

fn borrowed_acknowledgement(acknowledgement: &generated::Acknowledgement) -> Acknowledgement {
    let mut ranges = SmallRanges::new();
    let mut last = acknowledgement.cumulative as u64 + 1;
    for pair in acknowledgement.ranges.as_deref().unwrap_or_default().chunks_exact(2) {
        let start = last + pair[0] as u64;
        last = start + pair[1] as u64;
        assert!(ranges.push(start..last));
    }
    Acknowledgement {
        cumulative: acknowledgement.cumulative as u64,
        window: acknowledgement.window as u32,
        delay_us: acknowledgement.delay_us as u32,
        ranges,
        rewind: acknowledgement.rewind.unwrap_or(false),
    }
}

/// What a hostile sender does to bytes: changes some, cuts some off, adds some.
fn damage() -> impl Strategy<Value = (Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>, Vec<u8>)> {
    (
        vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        option::of(any::<prop::sample::Index>()),
        vec(any::<u8>(), 0..4),
    )
}

fn damaged(
    mut bytes: Vec<u8>,
    (changes, cut, added): (Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>, Vec<u8>),
) -> Vec<u8> {
    for (at, byte) in changes {
        let at = at.index(bytes.len());
        bytes[at] = byte;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes.extend(added);
    bytes
}

fn check_message(body: &[u8]) -> Result<(), TestCaseError> {
    let reference = decode_compact::<generated::Message>(body);
    match (Message::read(body), reference) {
        (Ok(message), Ok(reference)) => prop_assert_eq!(message, borrowed(&reference)),
        (Ok(message), Err(error)) => {
            let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
            let is_text = is_text(message.event_type) && message.envelope_id.is_none_or(is_text);
            prop_assert!(!is_text, "{} refused by the generated code alone", error);
        }
        (Err(BodyError::OutOfRange(_)), Ok(reference)) => {
            prop_assert!(borrowed(&reference).check().is_err());
        }
        // The generated code reads some of what nobody writes: fields of the wrong type, varints beyond their type.
        (Err(error), Ok(reference)) => prop_assert_ne!(bytes_of(&reference), body, "{}", error),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(support::randomised(500))]

    #[test]
    fn messages_are_the_same_bytes(message in generated_message()) {
        let bytes = bytes_of(&message);
        let mut written = Vec::new();
        borrowed(&message).write(&mut written);
        prop_assert_eq!(&written, &bytes);
        prop_assert_eq!(borrowed(&message).encoded_len(), bytes.len());
        prop_assert_eq!(Message::read(&bytes), Ok(borrowed(&message)));
    }

    #[test]
    fn acknowledgements_are_the_same_bytes(acknowledgement in generated_acknowledgement()) {
        let bytes = bytes_of(&acknowledgement);
        let ours = borrowed_acknowledgement(&acknowledgement);
        let mut written = Vec::new();
        ours.write(&mut written);
        prop_assert_eq!(&written, &bytes);
        prop_assert_eq!(Acknowledgement::read(&bytes), Ok(ours));
    }

    #[test]
    fn runs_are_the_same_bytes(first in number()) {
        let bytes = bytes_of(&generated::Run::new(first));
        if first > 0 {
            let mut written = Vec::new();
            write_run(first as u64, &mut written);
            prop_assert_eq!(&written, &bytes);
            prop_assert_eq!(read_run(&bytes), Ok(first as u64));
        } else {
            prop_assert_eq!(read_run(&bytes), Err(BodyError::OutOfRange("first")));
        }
    }

    #[test]
    fn fragments_are_the_same_bytes(
        kind in 66..128u8,
        offset in 0..60_000u32,
        part in vec(any::<u8>(), 1..1_400),
        more in 0..4_000u32,
    ) {
        let total = offset + part.len() as u32 + more;
        let ours = Fragment { kind, total, offset, part: &part };
        let theirs = generated::Fragment::new(kind as i8, total as i32, offset as i32, part.clone());
        let mut written = Vec::new();
        ours.write(&mut written);
        prop_assert_eq!(&written, &bytes_of(&theirs));
        prop_assert_eq!(Fragment::read(&written), Ok(ours));
    }

    #[test]
    fn damaged_messages_are_read_alike(message in generated_message(), damage in damage()) {
        check_message(&damaged(bytes_of(&message), damage))?;
    }

    #[test]
    fn any_bytes_are_read_alike(body in vec(any::<u8>(), 0..60)) {
        check_message(&body)?;
    }

    #[test]
    fn damaged_acknowledgements_are_read_alike(sent in generated_acknowledgement(), damage in damage()) {
        let body = damaged(bytes_of(&sent), damage);
        if let Ok(read) = Acknowledgement::read(&body) {
            let reference = decode_compact::<generated::Acknowledgement>(&body);
            let reference = reference.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(reference.cumulative, read.cumulative as i64);
            prop_assert_eq!(reference.window, read.window as i32);
            prop_assert_eq!(reference.delay_us, read.delay_us as i32);
            prop_assert_eq!(reference.rewind.unwrap_or(false), read.rewind);
            prop_assert_eq!(reference.ranges.map_or(0, |ranges| ranges.len() / 2).min(MAX_RANGES), read.ranges.len());
            let mut written = Vec::new();
            read.write(&mut written);
            prop_assert_eq!(Acknowledgement::read(&written), Ok(read));
        }
    }

    #[test]
    fn any_bytes_are_runs_and_fragments_only_where_the_generated_code_agrees(body in vec(any::<u8>(), 0..20)) {
        if let Ok(first) = read_run(&body) {
            prop_assert_eq!(decode_compact::<generated::Run>(&body).ok().map(|run| run.first), Some(first as i64));
        }
        if let Ok(fragment) = Fragment::read(&body) {
            let reference = decode_compact::<generated::Fragment>(&body).ok();
            prop_assert_eq!(reference.map(|reference| reference.part), Some(fragment.part.to_vec()));
        }
    }

    #[test]
    fn any_frames_come_back_from_a_sealed_datagram(
        frames in vec((any::<u8>(), vec(any::<u8>(), 0..300)), 0..12),
        receiver in any::<u64>(),
        role in prop::sample::select(vec![Role::ClientToDaemon, Role::DaemonToClient, Role::DaemonToDaemon]),
        before in 0..100usize,
        change in option::of((any::<prop::sample::Index>(), 1..=255u8)),
    ) {
        let (key, secret, salt) = (OverlayKey::new(b"key"), OverlaySecret::new(b"secret"), Salt::new(1, 2));
        let mut sealer = Sealer::new(&KeyRing::new(key.clone()), role, salt, &secret);
        let mut out = vec![0xee; before];
        let offset = sealer.start(&mut out);
        for (kind, body) in &frames {
            frame::put(*kind, body, &mut out);
        }
        prop_assert_eq!(sealer.finish(receiver, &mut out, offset), Ok(()));
        prop_assert!(out[..before].iter().all(|&byte| byte == 0xee));
        let datagram = &mut out[offset..];
        let header = Header::parse(datagram);
        prop_assert_eq!(header.map(|header| (header.receiver, header.counter)), Some((receiver, 1)));
        if let Some((at, change)) = &change {
            datagram[at.index(datagram.len())] ^= change;
        }
        let opened = SenderKey::derive(&key, role, &salt, &secret).open(datagram);
        prop_assert_eq!(opened.is_err(), change.is_some());
        if let Ok(opened) = opened {
            let read: Result<Vec<_>, _> = Frames::new(opened).map(|frame| frame.map(|(kind, body)| (kind, body.to_vec()))).collect();
            prop_assert_eq!(read, Ok(frames));
        }
    }
}
