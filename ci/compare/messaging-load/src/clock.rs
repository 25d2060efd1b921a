//! The clock that all processes of a host share, and a timer finer than the runtime's millisecond.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    time::Duration,
};

use nix::{
    sys::timerfd::{ClockId as TimerClock, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    time::{ClockId, clock_gettime},
};
use tokio::io::unix::AsyncFd;

/// Nanoseconds of CLOCK_MONOTONIC: comparable between processes of one host.
pub(crate) fn now() -> u64 {
    // The clock is always there on Linux; zero would show as absurd latencies.
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// Wakes at a time of [`now`]'s clock, tens of microseconds late rather than a millisecond.
pub(crate) struct Timer {
    timer: AsyncFd<Source>,
}

struct Source(TimerFd);

impl AsRawFd for Source {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Timer {
    /// Must be called within a runtime.
    #[expect(
        deprecated,
        reason = "its successor is unsafe; our source keeps its one descriptor, which is what that asks for"
    )]
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(TimerClock::CLOCK_MONOTONIC, flags)?;
        Ok(Timer { timer: AsyncFd::new(Source(timer))? })
    }

    /// Waits until `nanos`; a time that is past returns at once.
    pub(crate) async fn wait_until(&self, nanos: u64) -> io::Result<()> {
        if nanos <= now() {
            return Ok(());
        }
        let at = Expiration::OneShot(Duration::from_nanos(nanos).into());
        self.timer.get_ref().0.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        loop {
            let mut guard = self.timer.readable().await?;
            match guard.try_io(|source| Ok(source.get_ref().0.wait()?)) {
                Ok(expired) => return expired,
                Err(_would_block) => {}
            }
        }
    }
}
