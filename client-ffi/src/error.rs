//! How a function fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gossiperl_bindings as core;

use crate::bytes::{Bytes, free};

/// What a function came to: 0, or the class of its error. Numbers are never reused.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Result {
    /// Good.
    Ok = 0,
    /// An option is out of its range; `gossiperl_error_option` names it.
    Option = 1,
    /// An argument is wrong: NULL, a length, an event type, a payload. Nothing was sent.
    Argument = 2,
    /// Nobody listens on the daemon's port.
    Unreachable = 3,
    /// Not in time: the daemon did not answer, or the timeout of the call is over.
    Timeout = 4,
    /// The daemon refused; `gossiperl_error_code` has its code.
    Refused = 5,
    /// Not now: the window is full, the daemon holds publishers of the type back, or too many operations are under way. Nothing was sent.
    Busy = 6,
    /// Protocol 1 only: sent several times and never acknowledged. It may have been delivered.
    NotAcknowledged = 7,
    /// The client or the queue is closed.
    Closed = 8,
    /// The client belongs to the parent process.
    Forked = 9,
    /// The system gave no socket or thread, or the library has a defect.
    System = 10,
}

impl From<core::Kind> for Result {
    fn from(kind: core::Kind) -> Self {
        match kind {
            core::Kind::Option => Result::Option,
            core::Kind::Argument => Result::Argument,
            core::Kind::Unreachable => Result::Unreachable,
            core::Kind::Timeout => Result::Timeout,
            core::Kind::Refused => Result::Refused,
            core::Kind::Busy => Result::Busy,
            core::Kind::NotAcknowledged => Result::NotAcknowledged,
            core::Kind::Closed => Result::Closed,
            core::Kind::Forked => Result::Forked,
            core::Kind::System => Result::System,
        }
    }
}

/// Why something failed. It does not change: any thread may read it, several at once.
pub struct Error(pub(crate) core::Error);

/// The class of an error; `GOSSIPERL_RESULT_OK` for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_error_result(error: *const Error) -> Result {
    look(error).map_or(Result::Ok, |error| error.kind.into())
}

/// A sentence in UTF-8 that names the input and the remedy. It lives as long as the error.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_error_message(error: *const Error) -> Bytes {
    look(error).map_or(Bytes::NONE, |error| Bytes::of(error.message.as_bytes()))
}

/// The name of the option that is wrong; none (`data` is NULL) for other errors. It lives as long as the error.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_error_option(error: *const Error) -> Bytes {
    let option = look(error).and_then(|error| error.option);
    option.map_or(Bytes::NONE, |option| Bytes::of(option.as_bytes()))
}

/// The daemon's code; 0 for errors that have none.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_error_code(error: *const Error) -> i32 {
    look(error).and_then(|error| error.code).unwrap_or(0)
}

/// Whether the error has a code of the daemon's.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_error_has_code(error: *const Error) -> bool {
    look(error).is_some_and(|error| error.code.is_some())
}

/// Frees an error that a function put into its `error`. NULL is nothing. Those in events and completions belong to their batch and are not freed.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_error_free(error: *mut Error) {
    free(error);
}

fn look<'a>(error: *const Error) -> Option<&'a core::Error> {
    // SAFETY: NULL is told apart; that it is alive is the caller's part of the contract.
    unsafe { error.as_ref() }.map(|error| &error.0)
}

/// Runs a function of the library: what it came to, and the error at `place` (where there is one), or NULL there.
pub(crate) fn run(
    place: *mut *mut Error,
    function: impl FnOnce() -> std::result::Result<(), core::Error>,
) -> Result {
    let outcome = catch_unwind(AssertUnwindSafe(function)).unwrap_or_else(|_| {
        let message = "a defect of gossiperl: report it with what was called";
        Err(core::Error::new(core::Kind::System, message))
    });
    let result = outcome.as_ref().err().map_or(Result::Ok, |error| error.kind.into());
    if !place.is_null() {
        let error = outcome.err().map_or(std::ptr::null_mut(), |error| Box::into_raw(Box::new(Error(error))));
        // SAFETY: not NULL; that it can be written is the caller's part of the contract.
        unsafe { place.write(error) };
    }
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]

    use std::ptr::null_mut;

    use super::*;

    #[test]
    fn results_have_the_numbers_of_all_languages() {
        for kind in core::Kind::ALL {
            assert_eq!(Result::from(kind) as i32, kind.number());
        }
    }

    #[test]
    fn a_panic_is_an_error_and_does_not_cross() {
        let mut error = null_mut();
        assert_eq!(run(&raw mut error, || panic!("on purpose")), Result::System);
        assert_eq!(gossiperl_error_result(error), Result::System);
        gossiperl_error_free(error);
        assert_eq!(run(null_mut(), || panic!("on purpose")), Result::System);
    }
}
