//! What a client does, without waiting: each operation has a token, and its end comes from a queue.

use std::sync::Arc;

use gossiperl_bindings::{
    Completions as CoreCompletions, Connection, Error as CoreError, Event, Member, Name,
};

use crate::{
    bytes::{Bytes, Out, free, handle, handle_mut, names, slice},
    client::Client,
    error::{Error, Result, run},
    events::Events,
    list::{Members, Names, items},
    operations::{connection, limit},
    options::Options,
};

/// A queue of operations that have come to their end. Any thread may use it, several at once. One for a whole program is enough.
pub struct Queue(Arc<CoreCompletions<Answer>>);

/// What an operation gives.
enum Answer {
    Nothing,
    Client(Arc<Connection>),
    Names(Vec<Name>),
    Members(Vec<Member>),
    Events(Option<Vec<Event>>),
}

/// One operation that has come to its end.
#[repr(C)]
pub struct Completion {
    /// What it was started with.
    pub token: i64,
    /// What went wrong; NULL where nothing did. It belongs to the batch.
    pub error: *const Error,
    /// What a connect made; to be taken.
    pub client: *mut Client,
    /// What subscriptions gave; to be taken.
    pub names: *mut Names,
    /// What members or watch members gave; to be taken.
    pub members: *mut Members,
    /// What next events gave; to be taken. NULL with a good result: the client is closed and everything has been read.
    pub events: *mut Events,
    /// What it came to.
    pub result: Result,
}

/// A batch of completions. One thread at a time.
pub struct Completions(Vec<Completion>);

/// An empty queue, to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_queue_new() -> *mut Queue {
    Box::into_raw(Box::new(Queue(Arc::default())))
}

/// Lets threads that wait for completions go once there are none left, and takes no more operations. Those under way are cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_queue_close(queue: *const Queue) {
    if let Ok(queue) = handle("queue", queue) {
        queue.0.end();
        queue.0.cancel_all();
    }
}

/// Frees a queue, and cancels what is under way. No other thread may be in a call with it. NULL is nothing.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_queue_free(queue: *mut Queue) {
    gossiperl_queue_close(queue);
    free(queue);
}

/// Breaks off an operation wherever it is: what was published may still be delivered. True: its completion will not come. False: it has come, or waits to be taken.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_cancel(queue: *const Queue, token: i64) -> bool {
    handle("queue", queue).is_ok_and(|queue| queue.0.cancel(token))
}

/// Waits for completions and takes at most `max` (at least 1) of them. Several threads at once share them.
///
/// `*completions` is to be freed. It is empty when the timeout is over; it is NULL, with a good result, when the queue is closed and everything has been taken; and NULL after an
/// error.
///
/// Errors: ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_completions_next(
    queue: *const Queue,
    max: usize,
    timeout_ms: i64,
    completions: *mut *mut Completions,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let completions = Out::new("completions", completions, std::ptr::null_mut())?;
        let Some(taken) = handle("queue", queue)?.0.wait(max, limit(timeout_ms)) else { return Ok(()) };
        let items = taken.into_iter().map(|done| described(done.token, done.outcome)).collect();
        completions.put(Box::into_raw(Box::new(Completions(items))));
        Ok(())
    })
}

/// The completions, `*length` of them one after the other. They live as long as the batch. NULL and 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_completions_items(
    completions: *const Completions,
    length: *mut usize,
) -> *const Completion {
    // SAFETY: NULL is told apart; that it is alive is the caller's part of the contract.
    items(unsafe { completions.as_ref() }.map(|completions| completions.0.as_slice()), length)
}

/// Takes the client out of the completion at `index`: it is the caller's to free. NULL where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_completions_take_client(
    completions: *mut Completions,
    index: usize,
) -> *mut Client {
    take(completions, index, |completion| &mut completion.client)
}

/// Takes the names out of the completion at `index`: they are the caller's to free. NULL where there are none.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_completions_take_names(
    completions: *mut Completions,
    index: usize,
) -> *mut Names {
    take(completions, index, |completion| &mut completion.names)
}

/// Takes the members out of the completion at `index`: they are the caller's to free. NULL where there are none.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_completions_take_members(
    completions: *mut Completions,
    index: usize,
) -> *mut Members {
    take(completions, index, |completion| &mut completion.members)
}

/// Takes the events out of the completion at `index`: they are the caller's to free. NULL where there are none.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_completions_take_events(
    completions: *mut Completions,
    index: usize,
) -> *mut Events {
    take(completions, index, |completion| &mut completion.events)
}

/// Frees a batch of completions, and what was not taken out of it. NULL is nothing.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_completions_free(completions: *mut Completions) {
    free(completions);
}

/// As `gossiperl_connect`; the completion has the client.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_connect_async(
    queue: *const Queue,
    token: i64,
    options: *const Options,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let settings = handle("options", options)?.0.clone();
        let connect =
            async move { Connection::connect(&settings).await.map(|made| Answer::Client(Arc::new(made))) };
        handle("queue", queue)?.0.try_start(token, connect)
    })
}

/// As `gossiperl_subscribe`.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_subscribe_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    event_types: *const Bytes,
    count: usize,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let event_types = names("event_types", event_types, count)?;
        start(queue, token, client, |connection| async move {
            connection.subscribe(event_types).await.map(|()| Answer::Nothing)
        })
    })
}

/// As `gossiperl_unsubscribe`.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_unsubscribe_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    event_types: *const Bytes,
    count: usize,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let event_types = names("event_types", event_types, count)?;
        start(queue, token, client, |connection| async move {
            connection.unsubscribe(event_types).await.map(|()| Answer::Nothing)
        })
    })
}

/// As `gossiperl_subscriptions`; the completion has the names.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_subscriptions_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        start(queue, token, client, |connection| async move {
            Ok(Answer::Names(connection.subscriptions().await))
        })
    })
}

/// As `gossiperl_publish`. Messages are sent in the order of these calls.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_publish_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    event_type: *const u8,
    event_type_length: usize,
    payload: *const u8,
    payload_length: usize,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let event_type = slice("event_type", event_type, event_type_length)?.into();
        let payload = slice("payload", payload, payload_length)?.to_vec();
        start(queue, token, client, |connection| async move {
            connection.publish(event_type, &payload).await.map(|()| Answer::Nothing)
        })
    })
}

/// As `gossiperl_send` without a timeout. Messages are sent in the order of these calls.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_send_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    event_type: *const u8,
    event_type_length: usize,
    payload: *const u8,
    payload_length: usize,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let event_type = slice("event_type", event_type, event_type_length)?.into();
        let payload = slice("payload", payload, payload_length)?.to_vec();
        start(queue, token, client, |connection| async move {
            connection.send(event_type, &payload).await.map(|()| Answer::Nothing)
        })
    })
}

/// As `gossiperl_flush`.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_flush_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        start(
            queue,
            token,
            client,
            |connection| async move { connection.flush().await.map(|()| Answer::Nothing) },
        )
    })
}

/// As `gossiperl_members`; the completion has the members.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_members_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        start(
            queue,
            token,
            client,
            |connection| async move { connection.members().await.map(Answer::Members) },
        )
    })
}

/// As `gossiperl_watch_members`; the completion has the members.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_watch_members_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        start(queue, token, client, |connection| async move {
            connection.watch_members().await.map(Answer::Members)
        })
    })
}

/// As `gossiperl_next_events`; the completion has the events. Where it is cancelled, no event is lost.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_next_events_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    max: usize,
    timeout_ms: i64,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let limit = limit(timeout_ms);
        start(queue, token, client, move |connection| async move {
            connection.next_events(max, limit).await.map(Answer::Events)
        })
    })
}

/// As `gossiperl_drain`.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_drain_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        start(
            queue,
            token,
            client,
            |connection| async move { connection.drain().await.map(|()| Answer::Nothing) },
        )
    })
}

/// As `gossiperl_close`.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_close_async(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        start(
            queue,
            token,
            client,
            |connection| async move { connection.close().await.map(|()| Answer::Nothing) },
        )
    })
}

impl Drop for Completions {
    fn drop(&mut self) {
        for completion in &mut self.0 {
            free(completion.error.cast_mut());
            free(completion.client);
            free(completion.names);
            free(completion.members);
            free(completion.events);
        }
    }
}

fn start<W: Future<Output = std::result::Result<Answer, CoreError>> + Send + 'static>(
    queue: *const Queue,
    token: i64,
    client: *const Client,
    operation: impl FnOnce(Arc<Connection>) -> W,
) -> std::result::Result<(), CoreError> {
    let connection = Arc::clone(connection(client)?);
    handle("queue", queue)?.0.try_start(token, operation(connection))
}

fn take<T>(
    completions: *mut Completions,
    index: usize,
    place: impl FnOnce(&mut Completion) -> &mut *mut T,
) -> *mut T {
    let completions = handle_mut("completions", completions).ok();
    let completion = completions.and_then(|completions| completions.0.get_mut(index));
    completion
        .map_or(std::ptr::null_mut(), |completion| std::mem::replace(place(completion), std::ptr::null_mut()))
}

fn described(token: i64, outcome: std::result::Result<Answer, CoreError>) -> Completion {
    let mut completion = Completion {
        token,
        error: std::ptr::null(),
        client: std::ptr::null_mut(),
        names: std::ptr::null_mut(),
        members: std::ptr::null_mut(),
        events: std::ptr::null_mut(),
        result: Result::Ok,
    };
    match outcome {
        Ok(Answer::Nothing) => {}
        Ok(Answer::Client(connection)) => completion.client = Client::made(connection),
        Ok(Answer::Names(names)) => completion.names = Names::made(names),
        Ok(Answer::Members(members)) => completion.members = Members::made(members),
        Ok(Answer::Events(events)) => completion.events = Events::made(events),
        Err(error) => {
            completion.result = error.kind.into();
            completion.error = Box::into_raw(Box::new(Error(error)));
        }
    }
    completion
}
