//! Failed logins make the next answer to the same address slower.
//!
//! The first costs 0.1 s, each further one twice as much, up to 5 s; a minute without one forgives all. Only failures wait: who has the right
//! credentials is not slowed by who guesses from the same address. A network of IPv6 addresses (/64) counts as one, as it is handed out as one.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// Forgiven after so long without a failure.
const FORGIVEN: Duration = Duration::from_secs(60);
/// Addresses remembered; beyond it the one whose last failure is longest ago is forgiven.
const MOST: usize = 1_024;
/// Failures of one address that wait for their answer at a time; further ones are turned away at once.
const MOST_WAITING: u32 = 16;

/// What is remembered of failures.
#[derive(Default)]
pub(super) struct Throttle {
    addresses: Mutex<BTreeMap<IpAddr, Failures>>,
}

struct Failures {
    last: Instant,
    pause: Duration,
    waiting: u32,
}

impl Throttle {
    /// A failure of this address: how long its answer is to wait. `None`: too many wait already. [`Throttle::waited`] is to follow the wait.
    pub(super) fn failed(&self, now: Instant, address: IpAddr) -> Option<Duration> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        if addresses.len() >= MOST && !addresses.contains_key(&address) {
            let oldest =
                addresses.iter().filter(|(_, held)| held.waiting == 0).min_by_key(|(_, held)| held.last);
            let oldest = oldest.map(|(address, _)| *address)?;
            addresses.remove(&oldest);
        }
        let held =
            addresses.entry(address).or_insert(Failures { last: now, pause: Duration::ZERO, waiting: 0 });
        if held.waiting >= MOST_WAITING {
            return None;
        }
        if now.duration_since(held.last) >= FORGIVEN {
            held.pause = Duration::ZERO;
        }
        held.pause = (held.pause * 2).clamp(FIRST, LONGEST);
        held.last = now;
        held.waiting += 1;
        Some(held.pause)
    }

    /// The wait is over, or who waited has gone.
    pub(super) fn waited(&self, address: IpAddr) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = addresses.get_mut(&network(address)) {
            held.waiting = held.waiting.saturating_sub(1);
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_wait_longer_and_longer_and_are_forgiven() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let address = IpAddr::from([192, 0, 2, 1]);
        let fail = |at: Duration| {
            let pause = throttle.failed(start + at, address).expect("few wait");
            throttle.waited(address);
            pause.as_millis()
        };
        let pauses: Vec<u128> = (0..8).map(|_| fail(Duration::ZERO)).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(fail(Duration::from_secs(59)), 5_000);
        assert_eq!(fail(Duration::from_secs(119)), 100);
        let other = throttle.failed(start, IpAddr::from([192, 0, 2, 2]));
        assert_eq!(other, Some(FIRST), "another address is not to blame");
    }

    #[test]
    fn few_wait_and_few_are_remembered() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let one: IpAddr = "2001:db8::1".parse().expect("an address");
        let same: IpAddr = "2001:db8::ffff:1".parse().expect("an address");
        for _ in 0..MOST_WAITING {
            assert!(throttle.failed(now, one).is_some());
        }
        assert_eq!(throttle.failed(now, same), None, "one network");
        throttle.waited(same);
        assert!(throttle.failed(now, one).is_some());
        for number in 0..5_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            throttle.failed(now, address);
            throttle.waited(address);
        }
        assert_eq!(throttle.addresses.lock().expect("sound").len(), MOST);
        assert_eq!(throttle.failed(now, one), None, "who waits is not forgotten");
    }
}
