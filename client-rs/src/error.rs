//! What can go wrong, and what to do then. Each error says what state it left behind.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use gossiperl_idl::code;
use thiserror::Error;

use crate::Name;

/// The daemon's refusal of a session or a request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{entity}: {message} (code {code})")]
#[non_exhaustive]
pub struct Refusal {
    /// One of the codes of PROTOCOL.md ([`gossiperl_idl::code`]).
    pub code: i32,
    /// What was refused: a name, an event type.
    pub entity: Name,
    /// The daemon's words.
    pub message: String,
}

impl Refusal {
    /// A refusal with the registry's own sentence where the daemon gave none.
    pub(crate) fn new(code: i32, entity: Name, message: String) -> Self {
        let message = if message.is_empty() { code::text(code).to_owned() } else { message };
        Refusal { code, entity, message }
    }
}

/// An option out of its range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// Port 0.
    #[error("port is 0: give the port of the overlay, 1 to 65535")]
    Port,
    /// An address of another host.
    #[error(
        "address {address} is not this host's loopback: the daemon takes clients of its own host alone, at 127.0.0.1 or the loopback address it is bound to"
    )]
    Address {
        /// The address.
        address: IpAddr,
    },
    /// A name of no or too many bytes.
    #[error("name has {len} bytes: a client's name has 1 to 255")]
    Name {
        /// Its length.
        len: usize,
    },
    /// A name that is not UTF-8, in protocol 2.
    #[error("name is not UTF-8: protocol 2 wants text, protocol 1 takes any bytes")]
    NameNotText,
    /// A secret of too many bytes.
    #[error("secret has {len} bytes: a client's secret has 0 to 255")]
    Secret {
        /// Its length.
        len: usize,
    },
    /// An empty key.
    #[error("symmetric_key is empty: give the overlay's symmetric_key")]
    Key,
    /// Too many keys.
    #[error("{count} symmetric keys: an overlay has 8 at most")]
    Keys {
        /// How many.
        count: usize,
    },
}

/// Why there is no client.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// An option is out of its range.
    #[error("wrong option: {0}")]
    Options(#[from] OptionsError),
    /// Not called within a tokio runtime.
    #[error("no tokio runtime here: call it inside one, for example under #[tokio::main]")]
    NoRuntime,
    /// The system gave no socket.
    #[error("cannot open a UDP socket towards {address}: {source}")]
    Socket {
        /// The daemon's address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Nobody listens at the daemon's address.
    #[error("nobody listens on {address}: is gossiperld running, and is this the overlay's port?")]
    Unreachable {
        /// The daemon's address.
        address: SocketAddr,
    },
    /// Nothing came back.
    #[error(
        "no answer from {address} within {waited:?}: is it gossiperld's port of this overlay, and the overlay's symmetric_key?"
    )]
    NoAnswer {
        /// The daemon's address.
        address: SocketAddr,
        /// How long it was tried.
        waited: Duration,
    },
    /// The daemon refused the session.
    #[error("the daemon refused the session: {0}")]
    Refused(Refusal),
}

/// Why a message was not published, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The event type has no or too many bytes. Nothing was sent.
    #[error("an event type of {len} bytes: it must have 1 to 255")]
    BadType {
        /// Its length.
        len: usize,
    },
    /// The event type is one of the daemon's own (`member_in`, …). Nothing was sent.
    #[error("{event_type} is one of the daemon's own event types: choose another")]
    ReservedType {
        /// The type.
        event_type: Name,
    },
    /// The payload is too large. Nothing was sent.
    #[error("a payload of {len} bytes: {limit} is the most a message carries; split it, or pass a reference")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The daemon takes no messages of this type for now, or the window is full. Nothing was sent: try again later, or use the
    /// waiting form.
    #[error("{event_type}: {reason}; nothing was sent, try again later or use the waiting form")]
    Busy {
        /// The type.
        event_type: Name,
        /// What is in the way.
        reason: BusyReason,
    },
    /// The daemon refused the message. It was not delivered to anybody.
    #[error("the daemon refused the message: {0}")]
    Refused(Refusal),
    /// Protocol 1 only: sent so many times and never acknowledged. It may have been delivered all the same.
    #[error("sent {tries} times and never acknowledged: it may or may not have been delivered")]
    NotAcknowledged {
        /// How many times.
        tries: u32,
    },
    /// The client is closed. What was not yet acknowledged may or may not have been delivered.
    #[error("the client is closed: make a new one")]
    Closed,
}

/// What is in the way of publishing at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BusyReason {
    /// A subscriber is too slow, and the daemon holds publishers of the type back.
    #[error("the daemon holds publishers of this type back, a subscriber is too slow")]
    Paused,
    /// As many messages wait for acknowledgement as may.
    #[error("the window of unacknowledged messages is full")]
    Window,
}

/// Why there is no subscription. None is left behind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// No event type was given.
    #[error("no event type given: name at least one")]
    NoTypes,
    /// An event type has no or too many bytes.
    #[error("an event type of {len} bytes: it must have 1 to 255")]
    BadType {
        /// Its length.
        len: usize,
    },
    /// The event type is one of the daemon's own.
    #[error("{event_type} is one of the daemon's own event types: use watch_members")]
    ReservedType {
        /// The type.
        event_type: Name,
    },
    /// Too many subscriptions in this client.
    #[error("{limit} subscriptions are the most one client has: drop some, or use one for several types")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The daemon refused.
    #[error("the daemon refused the subscription: {0}")]
    Refused(Refusal),
    /// The subscription whose types were to change was dropped or ended.
    #[error("the subscription has ended: make a new one")]
    Ended,
    /// The client is closed.
    #[error("the client is closed: make a new one")]
    Closed,
}

/// Why the members are not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MembersError {
    /// More members than a client keeps.
    #[error("more than {limit} members: the client keeps no more")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The daemon refused.
    #[error("the daemon refused: {0}")]
    Refused(Refusal),
    /// The client is closed.
    #[error("the client is closed: make a new one")]
    Closed,
}
