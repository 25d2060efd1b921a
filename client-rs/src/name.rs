//! Names on the wire: bytes, nearly always text.

use std::{borrow::Borrow, fmt, ops::Deref};

use bytes::Bytes;

/// A name of a member, of a rack or of an event type: bytes on the wire, nearly always UTF-8.
///
/// Cheap to clone. Where the daemon is given one it must have 1 to 255 bytes; that is checked by whoever takes it.
///
/// ```
/// use gossiperl_client::Name;
///
/// let name = Name::from("orders");
/// assert_eq!(name, "orders");
/// assert_eq!(Name::from(&[0xff, 0x00][..]).as_str(), None);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Bytes);

impl Name {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text; `None` where the bytes are not UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether the daemon takes it: 1 to [`Name::MAX`] bytes.
    pub fn is_valid(&self) -> bool {
        (1..=Self::MAX).contains(&self.0.len())
    }

    /// Most bytes of a name or event type on the wire.
    pub const MAX: usize = 255;
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Name(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Self {
        Name(Bytes::copy_from_slice(bytes))
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Name(Bytes::from(text))
    }
}

impl From<Vec<u8>> for Name {
    fn from(bytes: Vec<u8>) -> Self {
        Name(Bytes::from(bytes))
    }
}

impl From<Bytes> for Name {
    fn from(bytes: Bytes) -> Self {
        Name(bytes)
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Name {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(formatter)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), formatter)
    }
}
