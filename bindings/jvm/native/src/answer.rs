//! What Java gets back, written.

use gossiperl_bindings::{
    Completion, CustomDigest, Error, Event, Member, MemberChange, MemberEvent, MemberKind, MemberState,
    MessageId, Name, State, Value,
};

use crate::wire::Writer;

/// What came of an operation.
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// The number of the client that was made.
    Client(i64),
    /// Names of event types.
    Names(Vec<Name>),
    /// Members.
    Members(Vec<Member>),
}

/// What came of a call: 0 and what `write` writes, or 1 and the error.
pub(crate) fn outcome<T>(outcome: Result<T, Error>, write: impl FnOnce(&mut Writer, T)) -> Vec<u8> {
    let mut writer = Writer::default();
    put_outcome(&mut writer, outcome, write);
    writer.into_bytes()
}

/// A batch of completions: each its token and what came of it.
pub(crate) fn completions(batch: Vec<Completion<Answer>>) -> Vec<u8> {
    let mut writer = Writer::with_capacity(16 * batch.len());
    writer.length(batch.len());
    for completion in batch {
        writer.i64(completion.token);
        put_outcome(&mut writer, completion.outcome, |writer, answer| match answer {
            Answer::Done => {}
            Answer::Client(handle) => writer.i64(handle),
            Answer::Names(names) => put_names(writer, &names),
            Answer::Members(members) => {
                writer.length(members.len());
                members.iter().for_each(|member| put_member(writer, member));
            }
        });
    }
    writer.into_bytes()
}

/// A batch of events.
pub(crate) fn events(writer: &mut Writer, batch: &[Event]) {
    writer.length(batch.len());
    batch.iter().for_each(|event| put_event(writer, event));
}

/// How many bytes a batch takes, nearly.
pub(crate) fn size(batch: &[Event]) -> usize {
    let size = |event: &Event| match event {
        Event::Delivery(delivery) => 32 + delivery.event_type().len() + delivery.payload().len(),
        _ => 64,
    };
    batch.iter().map(size).sum::<usize>() + 8
}

/// Where a client stands: its number, and the daemon's name.
pub(crate) fn state(writer: &mut Writer, state: &State) {
    match state {
        State::Connecting => writer.u8(0),
        State::Connected(daemon) => {
            writer.u8(1);
            writer.text(daemon.as_bytes());
        }
        State::Closed => writer.u8(2),
    }
}

/// The fields of a digest, as [`arguments::digest`](crate::arguments::digest) reads them.
pub(crate) fn digest(writer: &mut Writer, digest: &CustomDigest) {
    writer.length(digest.len());
    for (id, value) in digest.fields() {
        writer.i16(id);
        match value {
            Value::Bool(value) => {
                writer.u8(0);
                writer.bool(*value);
            }
            Value::Byte(value) => {
                writer.u8(1);
                writer.u8(value.cast_unsigned());
            }
            Value::I16(value) => {
                writer.u8(2);
                writer.i16(*value);
            }
            Value::I32(value) => {
                writer.u8(3);
                writer.i32(*value);
            }
            Value::I64(value) => {
                writer.u8(4);
                writer.i64(*value);
            }
            Value::Double(value) => {
                writer.u8(5);
                writer.f64(*value);
            }
            Value::String(value) => {
                writer.u8(6);
                writer.bytes(value);
            }
        }
    }
}

pub(crate) fn put_outcome<T>(
    writer: &mut Writer,
    outcome: Result<T, Error>,
    write: impl FnOnce(&mut Writer, T),
) {
    match outcome {
        Ok(value) => {
            writer.u8(0);
            write(writer, value);
        }
        Err(error) => {
            writer.u8(1);
            put_error(writer, &error);
        }
    }
}

fn put_error(writer: &mut Writer, error: &Error) {
    writer.i32(error.kind.number());
    writer.text(error.message.as_bytes());
    writer.option(error.option, |writer, option| writer.text(option.as_bytes()));
    writer.option(error.code, Writer::i32);
}

fn put_event(writer: &mut Writer, event: &Event) {
    match event {
        Event::Connected { daemon, resumed } => {
            writer.u8(1);
            writer.text(daemon.as_bytes());
            writer.bool(*resumed);
        }
        Event::Disconnected { reason } => {
            writer.u8(2);
            writer.text(reason.as_bytes());
        }
        Event::Subscribed { event_types } => {
            writer.u8(3);
            put_names(writer, event_types);
        }
        Event::Unsubscribed { event_types } => {
            writer.u8(4);
            put_names(writer, event_types);
        }
        Event::Delivery(delivery) => {
            writer.u8(5);
            writer.text(delivery.event_type());
            match delivery.id() {
                MessageId::Numbered { publisher, sequence } => {
                    writer.u8(0);
                    writer.i64(publisher);
                    writer.i64(sequence);
                }
                MessageId::Envelope(id) => {
                    writer.u8(1);
                    writer.bytes(&id);
                }
                _ => {
                    writer.u8(1);
                    writer.bytes(&[]);
                }
            }
            writer.bytes(delivery.payload());
        }
        Event::Member(MemberEvent { change, member, .. }) => {
            writer.u8(6);
            writer.u8(match change {
                MemberChange::In => 0,
                MemberChange::Quarantine => 1,
                MemberChange::Unreachable => 2,
                MemberChange::Drop => 3,
                MemberChange::Out => 4,
                // Rejoin.
                _ => 5,
            });
            put_member(writer, member);
        }
        Event::Failed(error) => {
            writer.u8(7);
            put_error(writer, error);
        }
        Event::Dropped { event_type, count } => {
            writer.u8(8);
            writer.option(event_type.as_ref(), |writer, event_type| writer.text(event_type.as_bytes()));
            writer.i64(i64::try_from(*count).unwrap_or(i64::MAX));
        }
        Event::Paused { event_type } => {
            writer.u8(9);
            writer.text(event_type.as_bytes());
        }
        Event::Resumed { event_type } => {
            writer.u8(10);
            writer.text(event_type.as_bytes());
        }
    }
}

fn put_member(writer: &mut Writer, member: &Member) {
    writer.text(member.name.as_bytes());
    writer.u8(match member.kind {
        MemberKind::Daemon => 0,
        MemberKind::Client => 1,
        _ => 2,
    });
    writer.u8(match member.state {
        MemberState::Reachable => 0,
        MemberState::Quarantine => 1,
        MemberState::Unreachable => 2,
        // Left.
        _ => 3,
    });
    let address = member.address.map(|address| address.to_string());
    writer.option(address, |writer, address| writer.text(address.as_bytes()));
    writer.option(member.rack.as_ref(), |writer, rack| writer.text(rack.as_bytes()));
    writer.i64(member.heartbeat);
}

fn put_names(writer: &mut Writer, names: &[Name]) {
    writer.length(names.len());
    names.iter().for_each(|name| writer.text(name.as_bytes()));
}
