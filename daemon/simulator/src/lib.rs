//! Whole overlays in virtual time: thousands of daemons' state machines, the real ones, over a network that delays, loses, repeats,
//! reorders and splits, while members crash, stall, restart and lie.
//!
//! How it goes. A [`scenario`] file says what happens. A [`world`] makes it happen: every datagram is one that an
//! [`Overlay`](gossiperl_overlay::Overlay) has sealed, every timer one that it has asked for, and one thing happens after the other in the order of a
//! virtual clock. All chance comes from one seed, so that a run can be repeated exactly: its report carries a fingerprint of all datagrams.
//! After every step [`check`] looks whether what must hold does; [`measure`] keeps the figures, and [`report`] tells both.
//!
//! What it does not do: sockets, threads, and the daemon around the overlay. CPU costs nothing here unless a scenario says that a member is slow.

pub mod check;
pub mod measure;
pub mod report;
pub mod scenario;
pub mod sweep;
pub mod world;
