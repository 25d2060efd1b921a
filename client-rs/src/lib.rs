//! Async client of gossiperl: publish, subscribe and membership through the host's daemon.
//!
//! A [`Client`] speaks with the daemon on this host, over loopback UDP; the daemon knows the other hosts. It connects, connects again,
//! and brings subscriptions back by itself. What it does in between is told as [`Event`]s.
//!
//! | | |
//! |---|---|
//! | start | [`Client::connect`] waits for the daemon, [`Client::start`] does not; [`Options`] |
//! | publish | [`Client::publish`] waits until the daemon has taken responsibility; [`Publisher`] for many messages of a type |
//! | subscribe | [`Client::subscribe`] gives a [`Subscription`], each message once; [`SlowPolicy`]; [`Selection`] changes its types |
//! | typed fields | [`Publisher::publish_digest`] and [`Delivery::digest`], a [`CustomDigest`] |
//! | members | [`Client::members`] now, [`Client::watch_members`] from now on |
//! | end | [`Client::close`], or drop the last handle |
//!
//! # What is promised
//!
//! - A message acknowledged to its publisher is in the queue of every subscriber of its type in the overlay, the publisher itself
//!   excepted. It gets lost only with the daemon that holds it, with a subscriber that is gone, or by a [`SlowPolicy`] and with a count. A subscriber that takes
//!   nothing for five seconds while others wait for it is treated as gone, until it takes something again.
//! - A message that was not acknowledged, because the daemon went away, is published again with the same id. Subscribers see each id
//!   once: of each publisher and type the newest 4,096 ids are remembered, older ones count as seen.
//! - Messages of one publisher and one type come in the order they were published.
//! - Memory is bounded: what waits to be acknowledged by [`Options::publish_window`], what waits to be read by
//!   [`Options::subscription_buffer`], everything else by constants named where they matter.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/mod.rs"));
//! # fn main() { run(async {
//! # let daemon = Daemon::start().await;
//! # let (port, key) = (daemon.port(), Daemon::KEY);
//! use gossiperl_client::{Client, Options, SlowPolicy};
//!
//! let billing = Client::connect(Options::new(port, "billing", key)).await?;
//! let mut orders = billing.subscribe(["orders"], SlowPolicy::Wait).await?;
//!
//! let shop = Client::connect(Options::new(port, "shop", key)).await?;
//! shop.publish("orders", "three apples").await?;
//!
//! let order = orders.next().await.expect("open");
//! assert_eq!(order.payload(), b"three apples");
//! # Ok(()) }) }
//! ```

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
mod selection;
mod session;
mod shared;
mod subscription;

pub use client::Client;
pub use delivery::{Delivery, MessageId};
pub use error::{
    BusyReason, ConnectError, MembersError, OptionsError, PublishError, Refusal, SubscribeError,
};
pub use event::{DisconnectReason, Event, Events};
pub use gossiperl_idl::custom::{CustomDigest, FieldError, FieldType, Value};
pub use member::{Member, MemberChange, MemberEvent, MemberKind, MemberState};
pub use members::MemberWatch;
pub use name::Name;
pub use options::{Options, Protocol};
pub use publisher::{Publisher, Receipt};
pub use selection::Selection;
pub use subscription::{SlowPolicy, Subscription};

/// The largest payload of protocol 2, in bytes.
pub const MAX_PAYLOAD: usize = gossiperl_idl::message::MAX_PAYLOAD;
