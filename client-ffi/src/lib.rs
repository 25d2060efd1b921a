//! The client as a C library, `libgossiperl`; `include/gossiperl.h` is made from this crate's public items and comments, and is its reference.
//!
//! Everything is `gossiperl-bindings` underneath. What is added is the border: pointers and lengths become slices, results become a number and an error handle, panics
//! are caught. Nothing here calls into C.
//!
//! - [`error`] how a function fails; [`bytes`] what comes in
//! - [`options`], [`client`] connecting; [`operations`] what a client does, waiting; [`queue`] the same, by tokens
//! - [`events`], [`list`] what comes out; [`digest`], [`text`] what applications put in

pub mod bytes;
pub mod client;
pub mod digest;
pub mod error;
pub mod events;
pub mod list;
pub mod operations;
pub mod options;
pub mod queue;
pub mod text;
