//! gossiperl's wire: Thrift structs, envelopes and datagrams of protocols 1 and 2.
//!
//! `PROTOCOL.md` in this crate's folder is the specification. No sockets and no clock here.

pub mod acknowledgement;
mod binary;
pub mod code;
pub mod codec;
mod compact;
pub mod custom;
pub mod digest;
pub mod envelope;
pub mod fragment;
pub mod frame;
/// The structs of `gossiperl.thrift`, written by the Thrift compiler; `ci/generate` makes the file anew.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::expect_used)]
pub mod generated;
pub mod legacy;
pub mod message;
pub mod run;
mod salt;
pub mod sealed;

pub use compact::{BodyError, MAX_DEPTH, MAX_ELEMENTS};
pub use salt::{SALT_LEN, Salt};
