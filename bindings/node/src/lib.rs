//! The native module of the npm package `gossiperl`: the bindings' core as the package's JavaScript calls it. It is no public interface; `lib/` is.
//!
//! - **Completions.** No promise is made here, and none crosses threads. JavaScript numbers what it asks for; an answer goes into the client's list ([`Answers`](answers::Answers)), and one wakeup of
//!   Node's loop takes all that wait. So a thousand acknowledgements that come together cost one crossing.
//! - **Batches.** Deliveries cross as one piece of memory with a header each ([`batch`]); JavaScript makes an object when it looks at one.
//! - **Errors** are values ([`Js`](value::Js)), which JavaScript makes exceptions of: napi's own carry no more than a code and a message.
//! - **The end of a worker** drops its clients ([`native::Native`]); whatever they still wait for is dropped with them.

mod answers;
mod batch;
mod digest;
mod event;
mod native;
mod settings;
mod value;
