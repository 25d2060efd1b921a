//! What comes in: pointers with lengths.

use gossiperl_bindings::{Error, Kind, Name};

/// Some bytes. Where `length` is 0, `data` may be anything; where `data` is NULL in something the library gives, there is none at all.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    /// The first.
    pub data: *const u8,
    /// How many there are.
    pub length: usize,
}

impl Bytes {
    /// None at all.
    pub(crate) const NONE: Bytes = Bytes { data: std::ptr::null(), length: 0 };

    /// Those of `bytes`, for as long as they live where they are.
    pub(crate) const fn of(bytes: &[u8]) -> Bytes {
        Bytes { data: bytes.as_ptr(), length: bytes.len() }
    }
}

/// The argument `what`: `length` items at `data`.
pub(crate) fn slice<'a, T>(what: &str, data: *const T, length: usize) -> Result<&'a [T], Error> {
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(null(what));
    }
    if !data.is_aligned() || length.checked_mul(size_of::<T>()).is_none_or(|size| size > isize::MAX as usize)
    {
        return Err(Error::new(Kind::Argument, format!("{what} cannot have a length of {length}")));
    }
    // SAFETY: not NULL, aligned, of a size that can be; that it can be read is the caller's part of the contract.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// The names in the argument `what`.
pub(crate) fn names(what: &str, data: *const Bytes, length: usize) -> Result<Vec<Name>, Error> {
    slice(what, data, length)?.iter().map(|name| Ok(slice(what, name.data, name.length)?.into())).collect()
}

/// The handle `what`.
pub(crate) fn handle<'a, T>(what: &str, handle: *const T) -> Result<&'a T, Error> {
    // SAFETY: NULL is told apart; that it is alive is the caller's part of the contract.
    unsafe { handle.as_ref() }.ok_or_else(|| null(what))
}

/// The handle `what`, which nobody else uses meanwhile.
pub(crate) fn handle_mut<'a, T>(what: &str, handle: *mut T) -> Result<&'a mut T, Error> {
    // SAFETY: as above; that nobody else uses it meanwhile is the caller's part of the contract as well.
    unsafe { handle.as_mut() }.ok_or_else(|| null(what))
}

/// Where to put a result.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// The place `what`, set to `empty` at once.
    pub(crate) fn new(what: &str, place: *mut T, empty: T) -> Result<Self, Error> {
        let out = if place.is_null() { Err(null(what)) } else { Ok(Out(place)) }?;
        out.put(empty);
        Ok(out)
    }

    pub(crate) fn put(&self, value: T) {
        // SAFETY: not NULL; that it can be written is the caller's part of the contract. What was there is plain data.
        unsafe { self.0.write(value) }
    }
}

/// Gives up what this handle stands for; NULL is nothing.
pub(crate) fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // A destructor that panics must not cross the border either.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // SAFETY: the library made it by `Box::into_raw`; that it is freed once is the caller's part of the contract.
            drop(unsafe { Box::from_raw(handle) });
        }));
    }
}

pub(crate) fn null(what: &str) -> Error {
    Error::new(Kind::Argument, format!("{what} is NULL"))
}
