//! Overlays from the outside, in virtual time. One program for all of these, since each would be compiled and linked, optimised, with all of `common` in it.

mod bytes;
mod common;
mod faults;
mod figures;
mod hostile;
mod keys;
mod legacy;
mod operator;
mod overlays;
mod runs;
mod sessions;
mod stalled;
mod succession;
