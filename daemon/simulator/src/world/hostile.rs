//! Senders of what nobody should send: one without the key, which has noise and recordings, and one that holds the overlay's key and secret,
//! which seals what it likes as a daemon of its own.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use gossiperl_idl::{
    Salt,
    codec::encode_compact,
    frame,
    generated::{
        Entry, Introduction, Liveness, MemberUpdate, Ping, PingRequest, StateUpdate, TreeDigestAckAck,
    },
    sealed::{KeyRing, OverlayKey, OverlaySecret, Role, Sealer},
};
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;

use super::KEY;
use crate::scenario::Holds;

/// Datagrams recorded at a time.
const RECORDED: usize = 256;

/// The secret that a configuration has by default.
const SECRET: &[u8] = b"default-overlay-secret";

/// A hostile sender.
pub(super) struct Hostile {
    pub(super) pace: Duration,
    ip: Ipv4Addr,
    holds: Holds,
    salt: Salt,
    sealer: Sealer,
    recorded: Vec<(SocketAddr, Vec<u8>)>,
    stopped: bool,
    made_up: u32,
}

impl Hostile {
    pub(super) fn new(number: usize, holds: Holds, pace: Duration, random: u64) -> Self {
        let salt = Salt::new(1_767_225_600_000_000, random);
        let ring = KeyRing::new(OverlayKey::new(KEY));
        let ip = Ipv4Addr::new(10, 200, (number / 250) as u8, (number % 250) as u8 + 1);
        Hostile {
            pace,
            ip,
            holds,
            salt,
            sealer: Sealer::new(&ring, Role::DaemonToDaemon, salt, &OverlaySecret::new(SECRET)),
            recorded: Vec::new(),
            stopped: false,
            made_up: 0,
        }
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// It listens on the wire.
    pub(super) fn record(&mut self, rng: &mut ChaCha8Rng, from: SocketAddr, datagram: &[u8]) {
        if self.stopped || self.holds == Holds::Key {
            return;
        }
        if self.recorded.len() < RECORDED {
            self.recorded.push((from, datagram.to_vec()));
        } else {
            let place = rng.random_range(0..RECORDED);
            self.recorded[place] = (from, datagram.to_vec());
        }
    }

    /// Its next datagram to the daemon of this salt, and where it claims to be. `victim` is what another daemon says of itself.
    pub(super) fn next(
        &mut self,
        rng: &mut ChaCha8Rng,
        to: Salt,
        victim: &MemberUpdate,
    ) -> Option<(SocketAddr, Vec<u8>)> {
        match self.holds {
            Holds::Nothing => Some(self.noise(rng)),
            Holds::Key => self.sealed(rng, to, victim),
        }
    }

    fn noise(&mut self, rng: &mut ChaCha8Rng) -> (SocketAddr, Vec<u8>) {
        let recorded = (!self.recorded.is_empty()).then(|| rng.random_range(0..self.recorded.len()));
        let recorded = recorded.and_then(|place| self.recorded.get(place));
        match (rng.random_range(0..4), recorded) {
            (0, Some((from, datagram))) => (*from, datagram.clone()),
            (1, Some((from, datagram))) => {
                let mut cut = datagram.clone();
                cut.truncate(rng.random_range(0..=cut.len()));
                (*from, cut)
            }
            (2, Some((from, datagram))) => {
                let mut altered = datagram.clone();
                let place = rng.random_range(0..altered.len().max(1));
                if let Some(byte) = altered.get_mut(place) {
                    *byte ^= 1 << rng.random_range(0..8);
                }
                (*from, altered)
            }
            _ => {
                let mut noise = vec![0; rng.random_range(0..1_500)];
                rng.fill_bytes(&mut noise);
                (self.address(), noise)
            }
        }
    }

    fn sealed(
        &mut self,
        rng: &mut ChaCha8Rng,
        to: Salt,
        victim: &MemberUpdate,
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let mut out = Vec::new();
        let offset = self.sealer.start(&mut out);
        let own = self.own();
        let introduction = Introduction { member: own, answer: false };
        frame::put_with(frame::INTRODUCTION, &mut out, |out| encode_compact(&introduction, out));
        for _ in 0..rng.random_range(1..6) {
            self.put_lie(rng, victim, &mut out);
        }
        self.sealer.finish(to.receiver_id(), &mut out, offset).ok()?;
        Some((self.address(), out))
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.ip), 6666)
    }

    fn own(&self) -> MemberUpdate {
        MemberUpdate {
            name: format!("hostile-{}", self.ip),
            generation: self.salt.0.to_vec(),
            incarnation: 0,
            liveness: Liveness::ALIVE,
            ip: self.ip.octets().to_vec(),
            port: 6666,
            rack: String::new(),
            accuser: None,
        }
    }

    fn put_lie(&mut self, rng: &mut ChaCha8Rng, victim: &MemberUpdate, out: &mut Vec<u8>) {
        match rng.random_range(0..7) {
            0 => {
                // The victim has failed, or left, or is suspected, in this incarnation or a later one.
                let liveness = [Liveness::SUSPECT, Liveness::FAILED][rng.random_range(0..2)];
                let incarnation = victim.incarnation.saturating_add(rng.random_range(0..3));
                let accuser = Some(format!("accuser-{}", rng.random_range(0..1_000)));
                let lie = MemberUpdate { liveness, incarnation, accuser, ..victim.clone() };
                frame::put_with(frame::MEMBER_UPDATE, out, |out| encode_compact(&lie, out));
            }
            1 => {
                // A member that is not there.
                self.made_up += 1;
                let mut generation = vec![0; 16];
                rng.fill_bytes(&mut generation[8..]);
                let lie = MemberUpdate {
                    name: format!("nobody-{}", self.made_up),
                    generation,
                    ip: vec![10, 201, rng.random(), rng.random()],
                    port: i32::from(rng.random_range(1..u16::MAX)),
                    ..self.own()
                };
                frame::put_with(frame::MEMBER_UPDATE, out, |out| encode_compact(&lie, out));
            }
            2 => {
                // Numbers at the ends of their scales.
                let lie = MemberUpdate {
                    incarnation: [i32::MIN, -1, i32::MAX][rng.random_range(0..3)],
                    port: rng.random(),
                    ..victim.clone()
                };
                frame::put_with(frame::MEMBER_UPDATE, out, |out| encode_compact(&lie, out));
            }
            3 => {
                let request = PingRequest {
                    sequence: rng.random(),
                    target_generation: victim.generation.clone(),
                    ip: victim.ip.clone(),
                    port: victim.port,
                };
                frame::put_with(frame::PING_REQUEST, out, |out| encode_compact(&request, out));
            }
            4 => {
                let ping = Ping { sequence: rng.random(), root: rng.random() };
                frame::put_with(frame::PING, out, |out| encode_compact(&ping, out));
            }
            5 => {
                // Entries in another's name, with versions to come.
                let version = rng.random_range(1..i64::MAX);
                let entry = Entry {
                    key: b"slie".to_vec(),
                    value: vec![7; 16],
                    version,
                    deleted: false,
                    offset: None,
                    total: None,
                };
                let update = StateUpdate {
                    owner_generation: self.salt.0.to_vec(),
                    after: version - 1,
                    upto: version,
                    entries: vec![entry],
                    floor: None,
                    newest: None,
                };
                frame::put_with(frame::STATE_UPDATE, out, |out| encode_compact(&update, out));
            }
            _ => {
                let asks =
                    TreeDigestAckAck { exchange: rng.random(), owners: Vec::new(), wanted: Vec::new() };
                frame::put_with(frame::TREE_DIGEST_ACK_ACK, out, |out| encode_compact(&asks, out));
            }
        }
    }
}
