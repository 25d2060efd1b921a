//! What the packages for Python, JavaScript, Java, Kotlin, Ruby and C# share, so that each of them is thin and all behave the same.
//!
//! A [`Connection`] is a `gossiperl-client` client with one stream of events: sessions that come and go, subscriptions, deliveries, members, failures. A language waits
//! for a batch of them ([`Connection::next_events`]) and dispatches it in its own way; nothing here ever calls into a language, so no listener of theirs can block,
//! poison or kill a client.
//!
//! - **Operations** that a language does not await itself are started under a token, and their completions are waited for in batches as well ([`Completions`]).
//! - **Threads.** All connections of a process run on one thread of ours, [`runtime`]. It starts with the first connection, and ends with the process.
//! - **Options** come by name and in the widest type a language may hand over ([`Settings`]); one out of its range is an [`Error`] that names it.
//! - **Errors** are of one type with a [`Kind`], which each language makes an exception class of.
//! - **Forks.** A child process has no threads of its parent: in it, a parent's connection answers [`Kind::Forked`].

mod completion;
mod connection;
mod error;
mod event;
mod runtime;
mod settings;
mod stream;
pub mod text;

pub use completion::{Completion, Completions};
pub use connection::{Connection, State};
pub use error::{Error, Kind};
pub use event::Event;
pub use gossiperl_client::{
    CustomDigest, Delivery, MAX_PAYLOAD, Member, MemberChange, MemberEvent, MemberKind, MemberState,
    MessageId, Name, Value,
};
pub use runtime::runtime;
pub use settings::Settings;
