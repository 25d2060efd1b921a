//! Passwords, hashed with argon2id (RFC 9106): 7 MiB, 5 passes, which OWASP's cheat sheet on password storage holds equal to 19 MiB and 2 passes.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};

use crate::random;

/// KiB, passes, lanes.
const COST: (u32, u32, u32) = (7 << 10, 5, 1);
/// Bytes that are asked for at the least to hash in, though nothing is written behind what the hash takes. Of glibc, which gives every thread a heap of its own, a heap keeps what was freed for the next
/// who asks; only beyond 32 MiB does memory always go back to the system (mallopt(3), M_MMAP_THRESHOLD). So every thread that had ever hashed would hold 7 MiB, in a daemon that has 10.
const ROOM: usize = 33 << 20;

/// Hashes a password with a fresh salt: the PHC string format. `None`: no randomness or memory, or the password is too long.
pub fn hash(password: &[u8]) -> Option<String> {
    let salt = Salt::new(&random::bytes::<16>().ok()?).ok()?;
    let params = Params::new(COST.0, COST.1, COST.2, Some(32)).ok()?;
    compute(password, salt, Algorithm::Argon2id, Version::V0x13, params).map(|hash| hash.to_string())
}

/// Whether this is a hash of a kind that [`matches`] understands.
pub fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| asked(&hash).is_some())
}

/// Whether the password has this hash. Takes some 20 ms of CPU and 7 MiB, or what the hash asks for. `false` as well: there is not so much memory.
pub(super) fn matches(password: &[u8], hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    let Some((salt, algorithm, version, params)) = asked(&hash) else { return false };
    // Compared in constant time.
    compute(password, salt, algorithm, version, params).is_some_and(|computed| computed.hash == hash.hash)
}

/// What a hash was computed with. `None`: it is not argon2, not of a version or with parameters that there are, or not whole.
fn asked(hash: &PasswordHash) -> Option<(Salt, Algorithm, Version, Params)> {
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    hash.hash.as_ref()?;
    Some((hash.salt?, algorithm, version, Params::try_from(hash).ok()?))
}

fn compute(
    password: &[u8],
    salt: Salt,
    algorithm: Algorithm,
    version: Version,
    params: Params,
) -> Option<PasswordHash> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(params.block_count().max(ROOM / Block::SIZE)).ok()?;
    memory.resize(params.block_count(), Block::new());
    let mut output = vec![0; params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
    let argon2 = Argon2::new(algorithm, version, params.clone());
    argon2.hash_password_into_with_memory(password, &salt, &mut output, memory).ok()?;
    Some(PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(params).ok()?,
        salt: Some(salt),
        hash: Some(Output::new(&output).ok()?),
    })
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
