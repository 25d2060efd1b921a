//! gossiperl's wire: Thrift structs, envelopes and datagrams of protocols 1 and 2.
//!
//! `PROTOCOL.md` in this crate's folder is the specification. No sockets and no clock here.

pub mod code;
mod salt;

pub use salt::{SALT_LEN, Salt};
