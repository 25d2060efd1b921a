//! What a client does, with the calling thread waiting for it.

use std::{sync::Arc, time::Duration};

use gossiperl_bindings::{Connection, Error as CoreError, Kind, runtime};

use crate::{
    bytes::{Bytes, Out, handle, names, slice},
    client::Client,
    error::{Error, Result, run},
    events::Events,
    list::{Members, Names},
};

/// Subscribes to `count` event types, and waits until the daemon serves them; while there is no session, until there is one. Those subscribed to already are left as they
/// are.
///
/// Errors: ARGUMENT, REFUSED, CLOSED, FORKED: none of the types is subscribed to then. TIMEOUT: they may be.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_subscribe(
    client: *const Client,
    event_types: *const Bytes,
    count: usize,
    timeout_ms: i64,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let event_types = names("event_types", event_types, count)?;
        wait(timeout_ms, connection(client)?.subscribe(event_types))
    })
}

/// Ends subscriptions, and waits until the daemon knows. What was delivered before is still read. Types not subscribed to are left out.
///
/// Errors: ARGUMENT, CLOSED, FORKED, TIMEOUT.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_unsubscribe(
    client: *const Client,
    event_types: *const Bytes,
    count: usize,
    timeout_ms: i64,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let event_types = names("event_types", event_types, count)?;
        wait(timeout_ms, connection(client)?.unsubscribe(event_types))
    })
}

/// The event types subscribed to, by name. Waits for changes under way. `*names` is to be freed; it is NULL after an error.
///
/// Errors: ARGUMENT, TIMEOUT.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_subscriptions(
    client: *const Client,
    timeout_ms: i64,
    names: *mut *mut Names,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let names = Out::new("names", names, std::ptr::null_mut())?;
        let connection = connection(client)?;
        names.put(Names::made(wait(timeout_ms, async { Ok(connection.subscriptions().await) })?));
        Ok(())
    })
}

/// Publishes one message of 0 to 60,000 bytes, and waits until the daemon has taken responsibility for it. The payload is copied. For typed fields give the bytes of a digest
/// (`gossiperl_digest_bytes`).
///
/// Errors: ARGUMENT, REFUSED, NOT_ACKNOWLEDGED, CLOSED, FORKED. TIMEOUT: it may still be delivered.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_publish(
    client: *const Client,
    event_type: *const u8,
    event_type_length: usize,
    payload: *const u8,
    payload_length: usize,
    timeout_ms: i64,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let event_type = slice("event_type", event_type, event_type_length)?;
        let payload = slice("payload", payload, payload_length)?;
        wait(timeout_ms, connection(client)?.publish(event_type.into(), payload))
    })
}

/// Hands over one message as soon as there is room, and does not wait for its acknowledgement: `gossiperl_flush` does, and tells what failed. The payload is copied. With a
/// timeout of 0: now or not at all, which is BUSY.
///
/// Errors: ARGUMENT, BUSY, CLOSED, FORKED; TIMEOUT: nothing was sent.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_send(
    client: *const Client,
    event_type: *const u8,
    event_type_length: usize,
    payload: *const u8,
    payload_length: usize,
    timeout_ms: i64,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let event_type = slice("event_type", event_type, event_type_length)?;
        let payload = slice("payload", payload, payload_length)?;
        let connection = connection(client)?;
        // There is room nearly always, and then nothing has to be woken.
        match connection.try_send(event_type.into(), payload) {
            Err(busy) if busy.kind == Kind::Busy && timeout_ms != 0 => {
                wait(timeout_ms, connection.send(event_type.into(), payload))
            }
            sent => sent,
        }
    })
}

/// Waits until the daemon has taken responsibility for everything published so far.
///
/// Errors: the first failure since the last flush; CLOSED, FORKED, TIMEOUT.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_flush(client: *const Client, timeout_ms: i64, error: *mut *mut Error) -> Result {
    run(error, || wait(timeout_ms, connection(client)?.flush()))
}

/// The members as the daemon knows them now. `*members` is to be freed; it is NULL after an error.
///
/// Errors: SYSTEM beyond 65,536 members; REFUSED, CLOSED, FORKED, TIMEOUT.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_members(
    client: *const Client,
    timeout_ms: i64,
    members: *mut *mut Members,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let members = Out::new("members", members, std::ptr::null_mut())?;
        members.put(Members::made(wait(timeout_ms, connection(client)?.members())?));
        Ok(())
    })
}

/// As `gossiperl_members`; and every change from now on is an event.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_watch_members(
    client: *const Client,
    timeout_ms: i64,
    members: *mut *mut Members,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let members = Out::new("members", members, std::ptr::null_mut())?;
        members.put(Members::made(wait(timeout_ms, connection(client)?.watch_members())?));
        Ok(())
    })
}

/// Waits for events and takes at most `max` (at least 1) of them: in the order they came, as many as there are. Several threads at once share them.
///
/// `*events` is to be freed. It is empty when the timeout is over; it is NULL, with a good result, when the client is closed and everything has been read; and NULL after an
/// error.
///
/// Errors: ARGUMENT, FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_next_events(
    client: *const Client,
    max: usize,
    timeout_ms: i64,
    events: *mut *mut Events,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let events = Out::new("events", events, std::ptr::null_mut())?;
        let connection = connection(client)?;
        events.put(Events::made(wait(-1, connection.next_events(max, limit(timeout_ms)))?));
        Ok(())
    })
}

/// Lets the work under way come to its end before closing: ends all subscriptions, and waits until everything published is acknowledged. What was delivered is still read.
///
/// Errors: the first failure since the last flush; CLOSED, FORKED, TIMEOUT.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_drain(client: *const Client, timeout_ms: i64, error: *mut *mut Error) -> Result {
    run(error, || wait(timeout_ms, connection(client)?.drain()))
}

/// Closes: waits until what was published is acknowledged, but no longer than `close_timeout`, and says goodbye to the daemon. What was delivered can still be read; threads that
/// wait for events come to the end of them. Closing again does nothing. The client still has to be freed.
///
/// Errors: ARGUMENT, FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_close(client: *const Client, error: *mut *mut Error) -> Result {
    run(error, || wait(-1, connection(client)?.close()))
}

/// The connection behind a client's handle.
pub(crate) fn connection<'a>(client: *const Client) -> std::result::Result<&'a Arc<Connection>, CoreError> {
    Ok(&handle("client", client)?.0)
}

/// Waits for `work` on the calling thread, for ever where `timeout_ms` is negative.
pub(crate) fn wait<T>(
    timeout_ms: i64,
    work: impl Future<Output = std::result::Result<T, CoreError>>,
) -> std::result::Result<T, CoreError> {
    let runtime = runtime()?;
    let Some(limit) = limit(timeout_ms) else { return runtime.block_on(work) };
    let limited = {
        let _inside = runtime.enter();
        tokio::time::timeout(limit, work)
    };
    let late = || CoreError::new(Kind::Timeout, format!("the call took longer than its {timeout_ms} ms"));
    runtime.block_on(limited).unwrap_or_else(|_| Err(late()))
}

/// The timeout that so many milliseconds stand for.
pub(crate) fn limit(timeout_ms: i64) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}
