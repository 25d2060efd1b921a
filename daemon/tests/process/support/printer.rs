//! `gossiperl subscribe` as a subscriber of the numbers, which prints what it gets.

use std::fmt::Write;

use nix::sys::signal::Signal;

use super::{
    Daemon, Running,
    traffic::{TYPE, message},
};

/// Numbers from here on are no text: they are printed in hexadecimal digits.
pub(crate) const FIRST: u64 = 1 << 63;

/// A subscribing process; killed when dropped.
pub(crate) struct Printer {
    running: Running,
}

impl Printer {
    /// Starts one with these further arguments, and waits until it is subscribed.
    pub(crate) fn start(daemon: &Daemon, arguments: &[&str]) -> Self {
        let command = daemon.command(&[&["subscribe", TYPE], arguments].concat());
        Printer { running: Running::start(command, "subscribed to") }
    }

    pub(crate) fn signal(&self, what: Signal) {
        self.running.signal(what);
    }

    /// Waits until it has printed a number that it has not been waited for.
    pub(crate) fn wait_for_any(&self) {
        self.running.out.wait_for(&[&format!("{TYPE}  0x8")]);
    }

    /// Waits until it has printed a message with this number, of 8 bytes or more.
    pub(crate) fn wait_for(&self, number: u64) {
        let mut line = format!("{TYPE}  0x");
        for byte in message(number, 8) {
            let _ = write!(line, "{byte:02x}");
        }
        self.running.out.wait_for(&[&line]);
    }

    /// The numbers printed so far, marks left out.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let numbers = self.running.out.lines().into_iter().filter_map(|line| {
            let digits = line.strip_prefix(TYPE)?.trim_start().strip_prefix("0x")?.get(..16)?.to_owned();
            u64::from_str_radix(&digits, 16).ok()
        });
        numbers.filter(|number| *number != u64::MAX).collect()
    }

    /// How many it has said to have lost so far.
    pub(crate) fn lost(&self) -> u64 {
        let errors = self.running.errors.lines();
        let counts = errors
            .iter()
            .filter_map(|line| line.strip_prefix("lost ")?.split(' ').next()?.parse::<u64>().ok());
        counts.sum()
    }
}
