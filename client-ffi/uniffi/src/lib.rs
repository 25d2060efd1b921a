//! The client as uniffi objects, for Kotlin and Ruby.
//!
//! What uniffi generates from this is internal: above it stands a face written for each language (`bindings/kotlin`, `bindings/ruby`), which alone is public. So this is laid out for few and cheap
//! crossings rather than for readers of the generated code:
//!
//! - **No callbacks.** Events are pulled: [`Connection::wait`], then [`Connection::take`]. The two are apart so that a caller who is cancelled between them loses nothing.
//! - **Whole batches are one byte array** ([`rows`]), since a crossing costs up to 20 µs and a list of records one for each field.
//! - **What waits is async.** In Ruby a blocking function would stop every thread.
//! - **Names and payloads are bytes**; numbers are signed, since Kotlin's unsigned ones are mangled.
//! - `close` and `send` are methods that every object of Kotlin or Ruby has; they are `shut` and `hand_over` here.

mod connection;
mod digest;
mod failure;
mod names;
mod options;
mod rows;

pub use connection::{Connection, Standing, Waited};
pub use digest::{digest_fields, digest_payload};
pub use failure::Failure;
pub use names::{name_from_utf16, name_to_utf16};
pub use options::ConnectOptions;

uniffi::setup_scaffolding!("gossiperl_uniffi");
