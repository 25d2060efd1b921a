//! Names as UTF-16, for a language whose own conversion is not lossless; it is asked only for names that are not plain UTF-8.

use gossiperl_bindings::text;

use crate::Failure;

/// The UTF-16 of a name, two bytes a unit, most significant first.
#[uniffi::export]
pub fn name_to_utf16(name: Vec<u8>) -> Vec<u8> {
    text::to_utf16(&name).into_iter().flat_map(u16::to_be_bytes).collect()
}

/// The name that this UTF-16 stands for.
#[uniffi::export]
pub fn name_from_utf16(text: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let units: Vec<u16> = text.as_chunks().0.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
    Ok(text::from_utf16(&units)?)
}
