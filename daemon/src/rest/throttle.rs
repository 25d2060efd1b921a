//! Failed logins make the next answer to the same address slower, and what is hashed for an address is bounded.
//!
//! A login that is not known to be right at once takes one of its address's few *places* before anything of it is looked at; without one it is turned away, unhashed. Of
//! the places of one address one is hashed at a time, and of all addresses one, each in its turn: who guesses delays others by one hash, not by his guesses.
//!
//! A failure keeps its place for as long as its answer waits, whether or not somebody still waits for that: to hang up saves no time. The first waits 0.1 s, each
//! further one twice as long, up to 5 s; a minute without one forgives all. Only failures wait. Who is turned away is told when a place is free again.
//!
//! So who guesses without end from an address keeps others of the same address, on loopback every user of the host, from having a password looked at that is not known at once: one
//! configured as an argon2 hash, until it was right once since the start. Places for each user of the host would take finding out whose a port is; a queue would be filled as places are. Who
//! needs to come in beside such a neighbour has the password made, or configures it in plain, or asks from another address. A network of IPv6 addresses (/64) counts as one, as it is handed out as one.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// Forgiven after so long without a failure.
const FORGIVEN: Duration = Duration::from_secs(60);
/// Addresses remembered; beyond it the one whose last login is longest ago is forgiven.
const MOST: usize = 1_024;
/// Places of one address; further logins are turned away at once.
const PLACES: usize = 16;

/// What is remembered of failures. A clone is the same.
#[derive(Clone)]
pub(super) struct Throttle {
    addresses: Arc<Mutex<BTreeMap<IpAddr, Logins>>>,
    /// Passwords hashed at a time: each takes 7 MiB meanwhile. First come, first served; and each address comes with one at a time.
    hashing: Arc<Semaphore>,
}

/// Those of one address.
struct Logins {
    last: Instant,
    pause: Duration,
    /// Logins that are being looked at.
    open: usize,
    /// When the places of failures are free again.
    waiting: Vec<Instant>,
    hashing: Arc<Semaphore>,
}

/// A login's place, until it is dropped: or longer, where it [failed](Attempt::fail).
pub(super) struct Attempt {
    throttle: Throttle,
    address: IpAddr,
    hashing: Arc<Semaphore>,
}

/// One's turn to hash, over when dropped.
pub(super) struct Turn {
    _of_address: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Throttle {
    fn default() -> Self {
        Throttle { addresses: Arc::default(), hashing: Arc::new(Semaphore::new(1)) }
    }
}

impl Throttle {
    /// A login from this address. An error: too many of its failures wait already, or too many addresses have some that do; so long until it is worth trying again.
    pub(super) fn admit(&self, now: Instant, address: IpAddr) -> Result<Attempt, Duration> {
        let mut addresses = self.lock();
        let address = network(address);
        if addresses.len() >= MOST && !addresses.contains_key(&address) {
            let idle = addresses.iter_mut().filter_map(|(address, held)| {
                held.free(now);
                held.is_idle().then_some((*address, held.last))
            });
            let oldest = idle.min_by_key(|(_, last)| *last).map(|(address, _)| address);
            let oldest = oldest.ok_or(LONGEST)?;
            addresses.remove(&oldest);
        }
        let held = addresses.entry(address).or_insert_with(|| Logins {
            last: now,
            pause: Duration::ZERO,
            open: 0,
            waiting: Vec::new(),
            hashing: Arc::new(Semaphore::new(1)),
        });
        held.free(now);
        if held.open + held.waiting.len() >= PLACES {
            // Of those that are looked at nobody knows how long they take.
            let free = held.waiting.iter().min().map(|until| until.saturating_duration_since(now));
            return Err(free.unwrap_or(FIRST));
        }
        held.open += 1;
        let hashing = held.hashing.clone();
        Ok(Attempt { throttle: self.clone(), address, hashing })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Logins>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logins {
    /// Frees the places of failures that have waited.
    fn free(&mut self, now: Instant) {
        self.waiting.retain(|until| *until > now);
    }

    fn is_idle(&self) -> bool {
        self.open == 0 && self.waiting.is_empty()
    }
}

impl Attempt {
    /// Waits for its turn to hash. `None`: the interface is ending.
    pub(super) async fn turn(&self) -> Option<Turn> {
        let of_address = self.hashing.clone().acquire_owned().await.ok()?;
        let of_all = self.throttle.hashing.clone().acquire_owned().await.ok()?;
        Some(Turn { _of_address: of_address, _of_all: of_all })
    }

    /// The login failed: how long its answer is to wait, and its place is kept.
    pub(super) fn fail(self, now: Instant) -> Duration {
        let mut addresses = self.throttle.lock();
        // It is there for as long as one of its places is taken.
        let Some(held) = addresses.get_mut(&self.address) else { return LONGEST };
        if now.saturating_duration_since(held.last) >= FORGIVEN {
            held.pause = Duration::ZERO;
        }
        held.pause = (held.pause * 2).clamp(FIRST, LONGEST);
        held.last = now;
        held.waiting.push(now + held.pause);
        held.pause
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(held) = self.throttle.lock().get_mut(&self.address) {
            held.open = held.open.saturating_sub(1);
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

    fn failed(throttle: &Throttle, now: Instant, address: IpAddr) -> Option<Duration> {
        throttle.admit(now, address).ok().map(|attempt| attempt.fail(now))
    }

    #[test]
    fn failures_wait_longer_and_longer_and_are_forgiven() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let address = IpAddr::from([192, 0, 2, 1]);
        let fail = |at: u64| failed(&throttle, start + Duration::from_secs(at), address).expect("few wait");
        let pauses = [0, 1, 2, 3, 4, 5, 6, 7].map(|at| fail(at).as_millis());
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(fail(66).as_millis(), 5_000);
        assert_eq!(fail(126).as_millis(), 100);
        let other = failed(&throttle, start, IpAddr::from([192, 0, 2, 2]));
        assert_eq!(other, Some(FIRST), "another address is not to blame");
    }

    #[test]
    fn few_wait_and_few_are_remembered() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let one: IpAddr = "2001:db8::1".parse().expect("an address");
        let same: IpAddr = "2001:db8::ffff:1".parse().expect("an address");
        for _ in 0..PLACES {
            assert!(failed(&throttle, now, one).is_some());
        }
        assert_eq!(failed(&throttle, now, same), None, "one network");
        assert_eq!(throttle.admit(now, one).err(), Some(FIRST), "the first of them is answered then");
        // The first has waited.
        assert!(failed(&throttle, now + FIRST, one).is_some());
        assert_eq!(failed(&throttle, now + FIRST, one), None);
        for number in 0..5_000_u32 {
            drop(throttle.admit(now, IpAddr::from(number.to_be_bytes())));
        }
        assert_eq!(throttle.lock().len(), MOST);
        assert_eq!(failed(&throttle, now + FIRST, one), None, "who waits is not forgotten");
    }

    #[test]
    fn a_login_that_is_looked_at_has_its_place_and_who_is_right_gives_it_back() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let address = IpAddr::from([192, 0, 2, 1]);
        let mut open: Vec<Attempt> = (0..PLACES).filter_map(|_| throttle.admit(now, address).ok()).collect();
        assert_eq!(open.len(), PLACES);
        assert!(throttle.admit(now, address).is_err());
        drop(open.pop());
        assert!(throttle.admit(now, address).is_ok());
    }

    #[tokio::test]
    async fn each_address_hashes_in_its_turn_and_one_of_them_at_a_time() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let (told, mut turns) = tokio::sync::mpsc::unbounded_channel();
        let hashing = throttle.hashing.clone().acquire_owned().await.expect("open");
        // Eight guesses of the first are there before the others come.
        for last in [1, 1, 1, 1, 1, 1, 1, 1, 2, 3] {
            let attempt = throttle.admit(now, IpAddr::from([192, 0, 2, last])).expect("a place");
            let (all, told) = (throttle.hashing.clone(), told.clone());
            tokio::spawn(async move {
                let _turn = attempt.turn().await.expect("open");
                assert_eq!(all.available_permits(), 0);
                tokio::task::yield_now().await;
                told.send(last).expect("heard");
            });
            tokio::task::yield_now().await;
        }
        drop((hashing, told));
        let mut order = Vec::new();
        while let Some(last) = turns.recv().await {
            order.push(last);
        }
        assert_eq!(order, [1, 2, 3, 1, 1, 1, 1, 1, 1, 1]);
    }
}
