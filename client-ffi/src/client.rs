//! Clients: how one is made, what it is, how it ends.

use std::sync::Arc;

use gossiperl_bindings::{Connection, State as CoreState};

use crate::{
    bytes::{Bytes, Out, free, handle, slice},
    error::{Error, Result, run},
    operations::{connection, wait},
    options::Options,
};

/// A client of one overlay. Any thread may use it, several at once.
pub struct Client(pub(crate) Arc<Connection>);

/// Where a client stands.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum State {
    /// No session yet, or none any more; the client goes on trying.
    Connecting = 1,
    /// A session with the daemon.
    Connected = 2,
    /// Closed, or closing.
    Closed = 3,
}

/// The library's version, such as "2.0.0". It lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_version() -> Bytes {
    Bytes::of(env!("CARGO_PKG_VERSION").as_bytes())
}

/// Makes a client and waits for its first session, `connect_timeout` at most. `*client` is to be freed; it is NULL after an error.
///
/// Errors: OPTION, SYSTEM and REFUSED at once; UNREACHABLE or TIMEOUT after `connect_timeout`.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_connect(
    options: *const Options,
    client: *mut *mut Client,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let client = Out::new("client", client, std::ptr::null_mut())?;
        let settings = &handle("options", options)?.0;
        client.put(Client::made(Arc::new(wait(-1, Connection::connect(settings))?)));
        Ok(())
    })
}

/// Makes a client without waiting: the daemon may come later. What is published waits until then. `*client` is to be freed; it is NULL after an error.
///
/// Errors: OPTION, SYSTEM.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_start(
    options: *const Options,
    client: *mut *mut Client,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let client = Out::new("client", client, std::ptr::null_mut())?;
        client.put(Client::made(Arc::new(Connection::start(&handle("options", options)?.0)?)));
        Ok(())
    })
}

/// Frees a client, and closes it in the background where it is not closed. No other thread may be in a call with it; operations under way by a token go on. NULL is
/// nothing. What was taken from it (events, names, members) stays.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_client_free(client: *mut Client) {
    free(client);
}

/// The client's name. It lives as long as the client.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_client_name(client: *const Client) -> Bytes {
    connection(client).map_or(Bytes::NONE, |connection| Bytes::of(connection.name()))
}

/// What the application calls the overlay; none (`data` is NULL) where it did not say. It lives as long as the client.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_client_overlay(client: *const Client) -> Bytes {
    let overlay = connection(client).ok().and_then(|connection| connection.overlay());
    overlay.map_or(Bytes::NONE, |overlay| Bytes::of(overlay.as_bytes()))
}

/// Where the client stands; CLOSED for NULL.
///
/// With a session, the daemon's name, 255 bytes at most, is copied to `daemon` as far as `capacity` goes, and its length is put into `*daemon_length`; otherwise
/// that is 0. Both may be NULL (with a `capacity` of 0).
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_client_state(
    client: *const Client,
    daemon: *mut u8,
    capacity: usize,
    daemon_length: *mut usize,
) -> State {
    let state = connection(client).map_or(CoreState::Closed, |connection| connection.state());
    let name = match &state {
        CoreState::Connected(name) => name.as_bytes(),
        _ => &[],
    };
    if !daemon.is_null() {
        // SAFETY: not NULL, and at most as many bytes as the caller says there is room for.
        unsafe { daemon.copy_from_nonoverlapping(name.as_ptr(), name.len().min(capacity)) };
    }
    if !daemon_length.is_null() {
        // SAFETY: not NULL; that it can be written is the caller's part of the contract.
        unsafe { daemon_length.write(name.len()) };
    }
    match state {
        CoreState::Connecting => State::Connecting,
        CoreState::Connected(_) => State::Connected,
        CoreState::Closed => State::Closed,
    }
}

/// Adds a key of the overlay's ring to those the client opens with, at least 1 byte.
///
/// Errors: OPTION for an empty one.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_add_key(
    client: *const Client,
    key: *const u8,
    key_length: usize,
    error: *mut *mut Error,
) -> Result {
    run(error, || connection(client)?.add_key(slice("key", key, key_length)?))
}

impl Client {
    pub(crate) fn made(connection: Arc<Connection>) -> *mut Client {
        Box::into_raw(Box::new(Client(connection)))
    }
}
