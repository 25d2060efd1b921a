//! The one error of all languages.

use std::fmt;

use gossiperl_client::{ConnectError, MembersError, OptionsError, PublishError, Refusal, SubscribeError};

/// What went wrong, in words and as a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The class.
    pub kind: Kind,
    /// A sentence that names the input and the remedy.
    pub message: String,
    /// The option that is wrong, for [`Kind::Option`].
    pub option: Option<&'static str>,
    /// The daemon's code, for [`Kind::Refused`].
    pub code: Option<i32>,
}

/// The classes of errors; each is an exception class of its own where a language has such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An option is out of its range.
    Option,
    /// An argument is wrong: an event type or a payload. Nothing was sent.
    Argument,
    /// Nobody listens on the daemon's port.
    Unreachable,
    /// The daemon did not answer in time.
    Timeout,
    /// The daemon refused.
    Refused,
    /// Not now: the window is full, or the daemon holds publishers of the type back. Nothing was sent.
    Busy,
    /// Protocol 1 only: sent several times and never acknowledged. It may have been delivered.
    NotAcknowledged,
    /// The client is closed.
    Closed,
    /// The client belongs to the parent process.
    Forked,
    /// The system gave no socket or thread.
    System,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 10] = [
        Kind::Option,
        Kind::Argument,
        Kind::Unreachable,
        Kind::Timeout,
        Kind::Refused,
        Kind::Busy,
        Kind::NotAcknowledged,
        Kind::Closed,
        Kind::Forked,
        Kind::System,
    ];

    /// Its name, the same in every language.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Option => "option",
            Kind::Argument => "argument",
            Kind::Unreachable => "unreachable",
            Kind::Timeout => "timeout",
            Kind::Refused => "refused",
            Kind::Busy => "busy",
            Kind::NotAcknowledged => "not_acknowledged",
            Kind::Closed => "closed",
            Kind::Forked => "forked",
            Kind::System => "system",
        }
    }

    /// Its number in the C interface; 0 stands for success there, and numbers are never reused.
    pub const fn number(self) -> i32 {
        match self {
            Kind::Option => 1,
            Kind::Argument => 2,
            Kind::Unreachable => 3,
            Kind::Timeout => 4,
            Kind::Refused => 5,
            Kind::Busy => 6,
            Kind::NotAcknowledged => 7,
            Kind::Closed => 8,
            Kind::Forked => 9,
            Kind::System => 10,
        }
    }
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), option: None, code: None }
    }

    /// This option is wrong.
    pub fn option(option: &'static str, message: impl fmt::Display) -> Self {
        let message = format!("wrong option {option}: {message}");
        Error { option: Some(option), ..Error::new(Kind::Option, message) }
    }

    pub(crate) fn closed() -> Self {
        Error::new(Kind::Closed, "the client is closed: make a new one")
    }

    fn refused(message: String, refusal: &Refusal) -> Self {
        Error { code: Some(refusal.code), ..Error::new(Kind::Refused, message) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<OptionsError> for Error {
    fn from(error: OptionsError) -> Self {
        let option = match error {
            OptionsError::Port => "port",
            OptionsError::Address { .. } => "address",
            OptionsError::Name { .. } | OptionsError::NameNotText => "name",
            OptionsError::Secret { .. } => "secret",
            OptionsError::Key => "key",
            OptionsError::Keys { .. } => "additional_keys",
            _ => "options",
        };
        Error::option(option, error.to_string())
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        let message = error.to_string();
        match error {
            ConnectError::Options(error) => error.into(),
            ConnectError::Unreachable { .. } => Error::new(Kind::Unreachable, message),
            ConnectError::NoAnswer { .. } => Error::new(Kind::Timeout, message),
            ConnectError::Refused(refusal) => Error::refused(message, &refusal),
            _ => Error::new(Kind::System, message),
        }
    }
}

impl From<PublishError> for Error {
    fn from(error: PublishError) -> Self {
        let message = error.to_string();
        match error {
            PublishError::Busy { .. } => Error::new(Kind::Busy, message),
            PublishError::Refused(refusal) => Error::refused(message, &refusal),
            PublishError::NotAcknowledged { .. } => Error::new(Kind::NotAcknowledged, message),
            PublishError::Closed => Error::closed(),
            _ => Error::new(Kind::Argument, message),
        }
    }
}

impl From<SubscribeError> for Error {
    fn from(error: SubscribeError) -> Self {
        let message = error.to_string();
        match error {
            SubscribeError::Refused(refusal) => Error::refused(message, &refusal),
            SubscribeError::Closed | SubscribeError::Ended => Error::closed(),
            _ => Error::new(Kind::Argument, message),
        }
    }
}

impl From<MembersError> for Error {
    fn from(error: MembersError) -> Self {
        let message = error.to_string();
        match error {
            MembersError::Refused(refusal) => Error::refused(message, &refusal),
            MembersError::Closed => Error::closed(),
            _ => Error::new(Kind::System, message),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::refused(format!("the daemon refused: {refusal}"), &refusal)
    }
}
