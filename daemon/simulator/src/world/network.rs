//! The network: which datagrams arrive, and when.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::scenario::{Direction, Link};

/// The port of every daemon.
const PORT: u16 = 6666;

/// Where the first machine is; the others follow.
const FIRST: u32 = 0x0a00_0001;

/// Where a machine's daemon is reached.
pub fn address_of(machine: usize) -> SocketAddr {
    let ip = Ipv4Addr::from_bits(FIRST.wrapping_add(u32::try_from(machine).unwrap_or(u32::MAX)));
    SocketAddr::new(IpAddr::V4(ip), PORT)
}

/// The machine at an address; also of those that do not exist.
pub fn machine_at(address: &SocketAddr) -> Option<usize> {
    match address.ip() {
        IpAddr::V4(ip) if address.port() == PORT => {
            ip.to_bits().checked_sub(FIRST).map(|machine| machine as usize)
        }
        _ => None,
    }
}

/// Something wrong with the network of some machines.
struct Trouble {
    /// By machine: whether it is one of those.
    concerned: Vec<bool>,
    direction: Direction,
    kind: Kind,
    over: bool,
}

enum Kind {
    /// Nothing passes between those and the others.
    Cut,
    /// So large a share of all they send or are sent gets lost.
    Loss(f64),
}

/// The network between hosts.
pub(super) struct Network {
    near: Link,
    far: Link,
    troubles: Vec<Trouble>,
}

impl Network {
    pub(super) fn new(near: Link, far: Option<Link>) -> Self {
        Network { far: far.unwrap_or_else(|| near.clone()), near, troubles: Vec::new() }
    }

    /// Cuts these off; the number is for [`Network::end`].
    pub(super) fn cut(&mut self, concerned: Vec<bool>, direction: Direction) -> usize {
        self.begin(Trouble { concerned, direction, kind: Kind::Cut, over: false })
    }

    /// Spoils the links of these.
    pub(super) fn spoil(&mut self, concerned: Vec<bool>, direction: Direction, loss: f64) -> usize {
        self.begin(Trouble { concerned, direction, kind: Kind::Loss(loss), over: false })
    }

    /// It is over. True where it was a cut.
    pub(super) fn end(&mut self, trouble: usize) -> bool {
        let Some(trouble) = self.troubles.get_mut(trouble) else { return false };
        trouble.over = true;
        matches!(trouble.kind, Kind::Cut)
    }

    /// After which times a datagram arrives: at none where it gets lost, at two where it is doubled.
    pub(super) fn carry(
        &self,
        rng: &mut ChaCha8Rng,
        from: usize,
        to: usize,
        same_rack: bool,
    ) -> [Option<Duration>; 2] {
        let link = if same_rack { &self.near } else { &self.far };
        if self.is_lost(rng, from, to) || (link.loss > 0.0 && rng.random_bool(link.loss)) {
            return [None, None];
        }
        let first = Some(time(rng, link));
        let second = link.duplication > 0.0 && rng.random_bool(link.duplication);
        [first, second.then(|| time(rng, link))]
    }

    fn is_lost(&self, rng: &mut ChaCha8Rng, from: usize, to: usize) -> bool {
        self.troubles.iter().filter(|trouble| !trouble.over && trouble.concerns(from, to)).any(|trouble| {
            match trouble.kind {
                Kind::Cut => true,
                Kind::Loss(loss) => rng.random_bool(loss),
            }
        })
    }

    fn begin(&mut self, trouble: Trouble) -> usize {
        self.troubles.push(trouble);
        self.troubles.len() - 1
    }
}

impl Trouble {
    fn concerns(&self, from: usize, to: usize) -> bool {
        let is = |machine: usize| self.concerned.get(machine).copied().unwrap_or(false);
        let (from, to) = (is(from), is(to));
        // A cut is between those and the others; bad links are theirs, whoever is at the other end.
        let out = from && (!to || matches!(self.kind, Kind::Loss(_)));
        let into = to && (!from || matches!(self.kind, Kind::Loss(_)));
        match self.direction {
            Direction::Both => out || into,
            Direction::Out => out,
            Direction::In => into,
        }
    }
}

fn time(rng: &mut ChaCha8Rng, link: &Link) -> Duration {
    let time = link.latency.pick(rng);
    if link.reordering > 0.0 && rng.random_bool(link.reordering) {
        return time + link.reordered_by.0;
    }
    time
}
