//! The crate's interface, one subject a file. One program, since each would be compiled, optimised and linked by itself.

mod bodies;
mod borrowed;
mod codec;
mod custom;
mod digests;
mod frames;
mod legacy;
mod sealed;
mod support;
