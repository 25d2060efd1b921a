//! Passwords, hashed with argon2id (RFC 9106): 19 MiB, 2 passes, OWASP's parameters and the crate's defaults.

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};

/// Hashes a password with a fresh salt: the PHC string format. `None`: no randomness, or the password is too long.
pub fn hash(password: &[u8]) -> Option<String> {
    Argon2::default().hash_password(password).ok().map(|hash| hash.to_string())
}

/// Whether this is a hash of a kind that [`matches`] understands.
pub fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| hash.hash.is_some() && hash.salt.is_some())
}

/// Whether the password has this hash. Takes some 20 ms of CPU and 19 MiB, or what the hash asks for.
pub(super) fn matches(password: &[u8], hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_alone() {
        let hash = hash(b"correct horse").expect("hashed");
        assert!(is_hash(&hash) && hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(matches(b"correct horse", &hash));
        assert!(!matches(b"correct horsf", &hash));
        assert!(!matches(b"", &hash));
        assert!(!is_hash("$argon2id$nonsense") && !is_hash("") && !matches(b"", "$argon2id$nonsense"));
    }
}
