//! Names as the text of languages whose strings are UTF-16: lossless, after PEP 383.
//!
//! A name is bytes on the wire, and UTF-8 nearly always. A byte that is not part of UTF-8 becomes the lone surrogate U+DC00 plus the byte, U+DC80 to U+DCFF, which no UTF-8 has, and
//! is that byte again on the way back.

use crate::{Error, Kind};

/// The name as UTF-16.
pub fn to_utf16(name: &[u8]) -> Vec<u16> {
    let mut text = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.extend(chunk.valid().encode_utf16());
        text.extend(chunk.invalid().iter().map(|byte| ESCAPE + u16::from(*byte)));
    }
    text
}

/// The name that this text stands for.
///
/// # Errors
///
/// [`Kind::Argument`]: a surrogate that stands alone and for no byte.
pub fn from_utf16(text: &[u16]) -> Result<Vec<u8>, Error> {
    let mut name = Vec::with_capacity(text.len());
    for unit in char::decode_utf16(text.iter().copied()) {
        match unit {
            Ok(character) => {
                name.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            // Bytes below 128 are UTF-8 by themselves.
            Err(lone) => match lone.unpaired_surrogate().checked_sub(ESCAPE).map(u8::try_from) {
                Some(Ok(byte @ 0x80..)) => name.push(byte),
                _ => {
                    let message = format!(
                        "a name with the lone surrogate U+{:04X}, which stands for no byte",
                        lone.unpaired_surrogate()
                    );
                    return Err(Error::new(Kind::Argument, message));
                }
            },
        }
    }
    Ok(name)
}

/// A byte that is not UTF-8 is this plus the byte.
const ESCAPE: u16 = 0xdc00;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back_as_it_was() {
        let names: [&[u8]; 7] = [
            b"",
            b"orders",
            "größe 🙂".as_bytes(),
            b"\xff\x80a\xfe",
            b"\xed\xb2\x80",
            b"\xf0\x9f",
            b"\xc0\xaf",
        ];
        for name in names {
            assert_eq!(from_utf16(&to_utf16(name)).expect("ours"), name);
        }
        for pair in 0..=u16::MAX {
            let name = pair.to_be_bytes();
            assert_eq!(from_utf16(&to_utf16(&name)).expect("ours"), name);
        }
        assert_eq!(to_utf16(b"a\xff"), [u16::from(b'a'), 0xdcff]);
    }

    #[test]
    fn a_surrogate_that_is_no_byte_is_refused() {
        for text in [&[0xd800][..], &[0xdc7f], &[0xdd00], &[0xdfff], &[0xd83d, 0x61]] {
            assert_eq!(from_utf16(text).expect_err("no byte").kind, Kind::Argument);
        }
    }
}
