//! What must hold after every step. Each checker has a file, and a test in which it fails.

mod agreement;
mod alarms;
mod bounds;
mod delivery;
mod entries;
mod work;

use gossiperl_overlay::Time;

pub use agreement::Agreement;
pub use alarms::Alarms;
pub use bounds::Bounds;
pub use delivery::Delivery;
pub use entries::Entries;
pub use work::Work;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When, in virtual time.
    pub at: Time,
    /// Which checker found it.
    pub checker: &'static str,
    /// What it is.
    pub text: String,
}
