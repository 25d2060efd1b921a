//! Tokens: what opens an overlay's routes.
//!
//! 256 random bits, made when the overlay is, kept beside it in a file that its owner alone reads. It is not hashed: GET /tokens is to tell it.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    random,
    store::{Store, StoreError},
};

const FILE: &str = "token";
/// Hexadecimal digits of a token.
const LENGTH: usize = 64;

/// A token. Has no `Debug`.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Whether this is it; takes the same time whatever is wrong.
    pub fn is(&self, claimed: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(claimed).into()
    }

    /// Whether both open the same: an overlay has one token from its addition to its removal, and one that REST adds afterwards another.
    pub fn is_same(&self, other: &Token) -> bool {
        self.is(other.0.as_bytes())
    }

    /// Its text, to be told to who may know.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The token kept, or a new one, kept from now on.
pub(super) fn load_or_make(store: &Store) -> Result<Token, StoreError> {
    let kept = store.read(FILE).map(Zeroizing::new).and_then(|bytes| {
        let text = std::str::from_utf8(&bytes).ok()?.trim_end();
        let good = text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then(|| Token(Zeroizing::new(text.to_owned())))
    });
    kept.map_or_else(|| make(store), Ok)
}

/// A new token, kept in place of any earlier one.
pub(super) fn make(store: &Store) -> Result<Token, StoreError> {
    let text =
        Zeroizing::new(random::key().map_err(|error| store.error(FILE, std::io::Error::other(error)))?);
    store.keep(FILE, format!("{}\n", *text).as_bytes())?;
    Ok(Token(text))
}
