//! Names as UTF-16, for languages whose strings are that.

use gossiperl_bindings::{Error as CoreError, Kind, text};

use crate::{
    bytes::{Out, slice},
    error::{Error, Result, run},
};

/// A name as UTF-16, lossless: a byte that is not part of UTF-8 becomes the lone surrogate U+DC00 plus the byte. It is written to `text`, which has room for `capacity` units;
/// as many as there are bytes always do. How many were written is put into `*text_length`.
///
/// Errors: ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_name_to_utf16(
    name: *const u8,
    name_length: usize,
    text: *mut u16,
    capacity: usize,
    text_length: *mut usize,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let length = Out::new("text_length", text_length, 0)?;
        copied("text", &text::to_utf16(slice("name", name, name_length)?), text, capacity, &length)
    })
}

/// The name that this UTF-16 stands for, the other way round. It is written to `name`, which has room for `capacity` bytes; three times as many as there are units always do. How
/// many were written is put into `*name_length`.
///
/// Errors: ARGUMENT: a surrogate that stands alone and for no byte.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_name_from_utf16(
    text: *const u16,
    text_length: usize,
    name: *mut u8,
    capacity: usize,
    name_length: *mut usize,
    error: *mut *mut Error,
) -> Result {
    run(error, || {
        let length = Out::new("name_length", name_length, 0)?;
        copied("name", &text::from_utf16(slice("text", text, text_length)?)?, name, capacity, &length)
    })
}

fn copied<T: Copy>(
    what: &str,
    from: &[T],
    to: *mut T,
    capacity: usize,
    length: &Out<usize>,
) -> std::result::Result<(), CoreError> {
    if from.len() > capacity || (to.is_null() && !from.is_empty()) {
        let message = format!("{what} has no room: give {}", from.len());
        return Err(CoreError::new(Kind::Argument, message));
    }
    if !from.is_empty() {
        // SAFETY: not NULL, and at most as many as the caller says there is room for.
        unsafe { to.copy_from_nonoverlapping(from.as_ptr(), from.len()) };
    }
    length.put(from.len());
    Ok(())
}
