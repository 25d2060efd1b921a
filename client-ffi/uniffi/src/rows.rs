//! Batches as they cross: many events, members or messages in one byte array.
//!
//! A batch is the number of its rows (4 bytes), then of each row four numbers of 4 bytes, its kind and the lengths of its three parts, and then the parts of all rows one after the other. Numbers
//! are big-endian. A language reads all numbers at once and then only cuts.
//!
//! | kind | first part | second | third |
//! |---|---|---|---|
//! | 1 connected | daemon's name | | 1 byte where resumed |
//! | 2 disconnected | reason, text | | |
//! | 3 subscribed, 4 unsubscribed | names, each its length (4 bytes) and its bytes | | |
//! | 5 delivery | event type; nothing where it is that of the delivery before in this batch | id, text | payload |
//! | 6 member | name | change, kind, state (1 byte each), 1 where a rack is told (1 byte), heartbeat (8), address (text, empty where not told) | rack |
//! | 7 failed | message, text | kind of error, text | the daemon's code (4 bytes), where there is one |
//! | 8 dropped | event type, empty for other events | how many (8) | |
//! | 9 paused, 10 resumed | event type | | |
//! | 11 delivery | as of 5 | id, its publisher (8) and sequence (8); as text both are in hexadecimal, with a hyphen between them | payload |
//!
//! A member's change is 0 (none: the member as it is) or 1 to 6 for in, quarantine, unreachable, drop, out and rejoin; its kind is 1 for a daemon, 2 for a client, 0 where not told; its state
//! is 1 to 4 for reachable, quarantine, unreachable and left. 0 stands for what a later client may tell.
//!
//! Messages to be handed over come the other way: rows of kind 0 with event type, nothing, and payload.

use gossiperl_bindings::{
    Error, Event, Kind, Member, MemberChange, MemberKind, MemberState, MessageId, Name,
};

/// A message to be handed over: its event type and its payload.
pub(crate) type Message<'a> = (&'a [u8], &'a [u8]);

/// A batch being written.
#[derive(Default)]
struct Batch {
    table: Vec<u8>,
    parts: Vec<u8>,
    rows: u32,
}

impl Batch {
    fn row(&mut self, kind: u32, parts: [&[u8]; 3]) {
        self.rows += 1;
        self.table.extend_from_slice(&kind.to_be_bytes());
        for part in parts {
            // Names, messages and their lists: what came in one datagram, or was gathered from few.
            self.table.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            self.parts.extend_from_slice(part);
        }
    }

    fn finish(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + self.table.len() + self.parts.len());
        bytes.extend_from_slice(&self.rows.to_be_bytes());
        bytes.extend_from_slice(&self.table);
        bytes.extend_from_slice(&self.parts);
        bytes
    }
}

/// These events as a batch.
pub(crate) fn of_events(events: &[Event]) -> Vec<u8> {
    let mut batch = Batch::default();
    // No event type is empty.
    let mut last_type: &[u8] = &[];
    for event in events {
        match event {
            Event::Connected { daemon, resumed } => {
                let resumed: &[u8] = if *resumed { &[1] } else { &[] };
                batch.row(1, [daemon.as_bytes(), &[], resumed]);
            }
            Event::Disconnected { reason } => batch.row(2, [reason.as_bytes(), &[], &[]]),
            Event::Subscribed { event_types } => batch.row(3, [&of_names(event_types), &[], &[]]),
            Event::Unsubscribed { event_types } => batch.row(4, [&of_names(event_types), &[], &[]]),
            Event::Delivery(delivery) => {
                let event_type = delivery.event_type();
                let first = if event_type == last_type { &[] } else { event_type };
                last_type = event_type;
                match delivery.id() {
                    MessageId::Numbered { publisher, sequence } => {
                        let id = [publisher.to_be_bytes(), sequence.to_be_bytes()].concat();
                        batch.row(11, [first, &id, delivery.payload()]);
                    }
                    MessageId::Envelope(id) => batch.row(5, [first, &id, delivery.payload()]),
                    _ => batch.row(5, [first, &[], delivery.payload()]),
                }
            }
            Event::Member(event) => member(&mut batch, change(event.change), &event.member),
            Event::Failed(error) => {
                let code = error.code.map(i32::to_be_bytes);
                let code = code.as_ref().map_or(&[][..], |code| code);
                batch.row(7, [error.message.as_bytes(), error.kind.as_str().as_bytes(), code]);
            }
            Event::Dropped { event_type, count } => {
                let event_type = event_type.as_ref().map_or(&[][..], Name::as_bytes);
                batch.row(8, [event_type, &count.to_be_bytes(), &[]]);
            }
            Event::Paused { event_type } => batch.row(9, [event_type.as_bytes(), &[], &[]]),
            Event::Resumed { event_type } => batch.row(10, [event_type.as_bytes(), &[], &[]]),
        }
    }
    batch.finish()
}

/// These members as a batch.
pub(crate) fn of_members(members: &[Member]) -> Vec<u8> {
    let mut batch = Batch::default();
    for one in members {
        member(&mut batch, 0, one);
    }
    batch.finish()
}

/// These names as one part.
pub(crate) fn of_names(names: &[Name]) -> Vec<u8> {
    let mut part = Vec::new();
    for name in names {
        part.extend_from_slice(&u32::try_from(name.as_bytes().len()).unwrap_or(u32::MAX).to_be_bytes());
        part.extend_from_slice(name.as_bytes());
    }
    part
}

/// The messages of a batch.
pub(crate) fn messages(batch: &[u8]) -> Result<Vec<Message<'_>>, Error> {
    read(batch).ok_or_else(|| Error::new(Kind::Argument, "the messages that crossed are cut short"))
}

fn read(batch: &[u8]) -> Option<Vec<Message<'_>>> {
    let (rows, batch) = batch.split_first_chunk()?;
    let rows = usize::try_from(u32::from_be_bytes(*rows)).ok()?;
    let (table, mut parts) = batch.split_at_checked(rows.checked_mul(16)?)?;
    let mut cut = |length: &[u8; 4]| {
        let (part, rest) = parts.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        parts = rest;
        Some(part)
    };
    let rows = table.as_chunks::<16>().0.iter().map(|row| {
        let [_, event_type, between, payload] = row.as_chunks().0 else { return None };
        let event_type = cut(event_type)?;
        cut(between)?;
        Some((event_type, cut(payload)?))
    });
    let messages = rows.collect::<Option<Vec<_>>>()?;
    parts.is_empty().then_some(messages)
}

fn member(batch: &mut Batch, change: u8, member: &Member) {
    let kind = match member.kind {
        MemberKind::Daemon => 1,
        MemberKind::Client => 2,
        _ => 0,
    };
    let state = match member.state {
        MemberState::Reachable => 1,
        MemberState::Quarantine => 2,
        MemberState::Unreachable => 3,
        MemberState::Left => 4,
        _ => 0,
    };
    let mut second = vec![change, kind, state, u8::from(member.rack.is_some())];
    second.extend_from_slice(&member.heartbeat.to_be_bytes());
    if let Some(address) = member.address {
        second.extend_from_slice(address.to_string().as_bytes());
    }
    let rack = member.rack.as_ref().map_or(&[][..], Name::as_bytes);
    batch.row(6, [member.name.as_bytes(), &second, rack]);
}

fn change(change: MemberChange) -> u8 {
    match change {
        MemberChange::In => 1,
        MemberChange::Quarantine => 2,
        MemberChange::Unreachable => 3,
        MemberChange::Drop => 4,
        MemberChange::Out => 5,
        MemberChange::Rejoin => 6,
        _ => 0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_laid_out_as_said() {
        let events = [
            Event::Connected { daemon: "d".into(), resumed: true },
            Event::Subscribed { event_types: vec!["a".into(), "bc".into()] },
            Event::Dropped { event_type: None, count: 258 },
            Event::Failed(Error { code: Some(-2), ..Error::new(Kind::Refused, "no") }),
        ];
        let number = |value: u32| value.to_be_bytes();
        let table = [4, 1, 1, 0, 1, 3, 11, 0, 0, 8, 0, 8, 0, 7, 2, 7, 4];
        let mut batch: Vec<u8> = table.into_iter().flat_map(number).collect();
        batch.extend_from_slice(b"d\x01\0\0\0\x01a\0\0\0\x02bc\0\0\0\0\0\0\x01\x02norefused\xff\xff\xff\xfe");
        assert_eq!(of_events(&events), batch);
        assert_eq!(of_events(&[]), number(0));
    }

    #[test]
    fn messages_come_as_they_were_written() {
        let mut batch = Batch::default();
        let sent: [(&[u8], &[u8]); 3] = [(b"a", b""), (b"\xff", b"payload"), (b"", b"\0")];
        for (event_type, payload) in sent {
            batch.row(0, [event_type, b"", payload]);
        }
        let batch = batch.finish();
        assert_eq!(messages(&batch).unwrap(), sent);
        for end in 0..batch.len() {
            assert!(messages(&batch[..end]).is_err(), "{end}");
        }
        assert!(messages(&[&batch[..], b"more"].concat()).is_err());
        assert!(messages(&[0xff; 64]).is_err());
    }
}
