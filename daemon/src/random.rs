//! Randomness from the system, for keys, names and generations.

use ring::rand::{SecureRandom, SystemRandom};

/// The system has no randomness to give; nothing can be sealed without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

impl std::fmt::Display for NoRandomness {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the system gives no randomness (getrandom failed)")
    }
}

impl std::error::Error for NoRandomness {}

/// `N` random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A number that is not zero.
pub fn number() -> Result<u64, NoRandomness> {
    Ok(u64::from_be_bytes(bytes()?).max(1))
}

/// A fresh symmetric key, 256 bits as 64 hexadecimal digits.
pub fn key() -> Result<String, NoRandomness> {
    Ok(hex(&bytes::<32>()?))
}

/// A random UUID (RFC 9562, version 4).
pub fn uuid() -> Result<String, NoRandomness> {
    let mut bytes = bytes::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    Ok([&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fresh_and_long() {
        let (one, other) = (key().expect("randomness"), key().expect("randomness"));
        assert_eq!((one.len(), other.len()), (64, 64));
        assert_ne!(one, other);
    }

    #[test]
    fn uuids_have_version_and_variant() {
        let uuid = uuid().expect("randomness");
        let parts: Vec<&str> = uuid.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(
            parts[2].starts_with('4')
                && ["8", "9", "a", "b"].iter().any(|variant| parts[3].starts_with(variant))
        );
    }
}
