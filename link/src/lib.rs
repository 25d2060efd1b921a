//! gossiperl's link: reliable, ordered, bounded delivery of frames between two endpoints, as a pure state machine.

mod time;

pub use time::Time;
