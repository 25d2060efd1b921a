//! The native half of the package for Java and Scala: the methods of `com.gossiperl.client.Native`.
//!
//! - **Nothing here calls into Java.** Java's threads come here and wait: one of each client for its events, one of the process for completions of operations. Both leave with many at
//!   once, as one array of bytes ([`wire`]), so a crossing costs little for each. No thread of ours is ever attached to the virtual machine.
//! - **Handles** are numbers that are never used again, and looked up ([`handles`]): one that is freed already is an error or nothing, never memory of somebody else.
//! - **Errors** of the client come back as bytes, and Java makes its exceptions of them. A panic is caught at the border and becomes a `RuntimeException`.
//! - **References.** A method makes one local reference at most, the array it returns; the virtual machine's own frame of the call bounds it.

mod answer;
mod arguments;
mod handles;
pub mod methods;
mod wire;
