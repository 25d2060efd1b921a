//! Section 2 of PROTOCOL.md spelled out once more, straight from the page and without the crate's own code, to hold it against.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};

/// RFC 5869 with SHA-256, for at most 32 bytes of output.
fn hkdf(salt: &[u8], key: &[u8], info: &[u8]) -> [u8; 32] {
    let extracted = sign(&Key::new(HMAC_SHA256, salt), key);
    let first = [info, &[1]].concat();
    sign(&Key::new(HMAC_SHA256, extracted.as_ref()), &first).as_ref().try_into().unwrap()
}

pub(crate) fn key_id(symmetric_key: &[u8]) -> [u8; 4] {
    hkdf(b"gossiperl key id", symmetric_key, b"")[..4].try_into().unwrap()
}

pub(crate) fn secret_hash(secret: &[u8]) -> Vec<u8> {
    digest(&SHA256, secret).as_ref().to_vec()
}

pub(crate) fn sender_key(symmetric_key: &[u8], role: u8, salt: &[u8; 16], secret: &[u8]) -> [u8; 32] {
    let mut info = b"gossiperl 2".to_vec();
    info.push(role);
    if role == 3 {
        info.extend(secret_hash(secret));
    }
    hkdf(salt, symmetric_key, &info)
}

/// Who seals, and with what.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) symmetric_key: &'a [u8],
    pub(crate) secret: &'a [u8],
    pub(crate) role: u8,
    pub(crate) salt: [u8; 16],
}

pub(crate) fn seal(sender: &Sender<'_>, receiver: u64, counter: u64, frames: &[u8]) -> Vec<u8> {
    let mut header = vec![0x47, 0x50, 0x02, sender.role];
    header.extend(key_id(sender.symmetric_key));
    header.extend(sender.salt);
    header.extend(receiver.to_be_bytes());
    header.extend(counter.to_be_bytes());
    let key = sender_key(sender.symmetric_key, sender.role, &sender.salt, sender.secret);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    let mut sealed = frames.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(&header), &mut sealed).unwrap();
    [header, sealed].concat()
}
