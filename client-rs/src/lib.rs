//! Async client of gossiperl: publish, subscribe and membership through the host's daemon.

mod client;
mod delivery;
mod driver;
pub mod error;
mod event;
mod member;
mod members;
mod name;
mod options;
mod publisher;
mod session;
mod shared;
mod subscription;

pub use client::Client;
pub use delivery::{Delivery, MessageId};
pub use error::{
    BusyReason, ConnectError, MembersError, OptionsError, PublishError, Refusal, SubscribeError,
};
pub use event::{DisconnectReason, Event, Events};
pub use member::{Member, MemberChange, MemberEvent, MemberKind, MemberState};
pub use members::MemberWatch;
pub use name::Name;
pub use options::{Options, Protocol};
pub use publisher::{Publisher, Receipt};
pub use subscription::{SlowPolicy, Subscription};

/// The largest payload of protocol 2, in bytes.
pub const MAX_PAYLOAD: usize = gossiperl_idl::message::MAX_PAYLOAD;
