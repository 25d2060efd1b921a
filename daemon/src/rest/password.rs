//! Passwords, hashed with argon2id (RFC 9106): 7 MiB, 5 passes, which OWASP's cheat sheet on password storage holds equal to 19 MiB and 2 passes. The allocator
//! keeps what was used, and a daemon at rest has some 10 MB.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash,
};

/// KiB, passes, lanes.
const COST: (u32, u32, u32) = (7 << 10, 5, 1);

/// Hashes a password with a fresh salt: the PHC string format. `None`: no randomness, or the password is too long.
pub fn hash(password: &[u8]) -> Option<String> {
    let params = Params::new(COST.0, COST.1, COST.2, None).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password(password).ok().map(|hash| hash.to_string())
}

/// Whether this is a hash of a kind that [`matches`] understands.
pub fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| hash.hash.is_some() && hash.salt.is_some())
}

/// Whether the password has this hash. Takes some 20 ms of CPU and 7 MiB, or what the hash asks for.
pub(super) fn matches(password: &[u8], hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_alone() {
        let hash = hash(b"correct horse").expect("hashed");
        assert!(is_hash(&hash) && hash.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{hash}");
        assert!(matches(b"correct horse", &hash));
        assert!(!matches(b"correct horsf", &hash));
        assert!(!matches(b"", &hash));
        assert!(!is_hash("$argon2id$nonsense") && !is_hash("") && !matches(b"", "$argon2id$nonsense"));
    }
}
