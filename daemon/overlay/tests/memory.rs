//! What a remote member costs one overlay in memory, counted by the allocator: among 10,000 others that came and answer in sealed datagrams.
//!
//! Counted is what is asked of the allocator; its own 8 to 16 bytes for each piece come on top. One test in one binary: nobody else
//! allocates meanwhile.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::{
    alloc::System,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use cap::Cap;
use gossiperl_idl::{
    Salt,
    codec::{decode_compact, encode_compact},
    frame::{self, Frames},
    generated::{Introduction, Liveness, MemberUpdate, Ping, PingAck},
    sealed::{Header, KeyRing, OverlayKey, OverlaySecret, Role, Sealer, SenderKey},
};
use gossiperl_overlay::{Config, Identities, Overlay, Time};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const KEY: &[u8] = b"v3JElaRswYgxOt4b";
const SECRET: &[u8] = b"default-overlay-secret";
const OTHERS: usize = 10_000;
const FEW: usize = 10;
/// Keys kept prepared: few, so that those of the members that were probed meanwhile do not count.
const PREPARED: usize = 16;

/// One overlay, and any number of other daemons that answer every probe at once.
struct Crowd {
    now: Time,
    overlay: Overlay,
    salt: Salt,
    /// Made at first use: only who speaks needs one.
    sealers: Vec<Option<Sealer>>,
    out: Vec<u8>,
}

fn run(number: usize) -> Salt {
    Salt::new(1_000_000 + number as u64, 1_000_000 + number as u64)
}

fn address(number: usize) -> SocketAddr {
    (Ipv4Addr::new(10, 1, (number >> 8) as u8, number as u8), 6666).into()
}

fn update(number: usize) -> MemberUpdate {
    let SocketAddr::V4(at) = address(number) else { unreachable!() };
    MemberUpdate {
        name: format!("member-{number:05}.rack-7.example"),
        generation: run(number).0.to_vec(),
        incarnation: 0,
        liveness: Liveness::ALIVE,
        ip: at.ip().octets().to_vec(),
        port: 6666,
        rack: "default".to_owned(),
        accuser: None,
    }
}

impl Crowd {
    fn new(number: usize, others: usize, identities: Option<Identities>) -> Self {
        let mut config =
            Config::new("memory", &format!("daemon-{number}"), (Ipv4Addr::LOCALHOST.into(), 6666), KEY);
        // News are told less often, so that the test ends sooner.
        config.detector.retransmit_mult = 1;
        config.identities = identities;
        config.limits.prepared_keys = PREPARED;
        let salt = Salt::new(number as u64 + 1, 99);
        let overlay = Overlay::new(config, salt, Time::ZERO, 1_000).unwrap();
        let mut crowd = Crowd { now: Time::ZERO, overlay, salt, sealers: Vec::new(), out: Vec::new() };
        crowd.sealers.resize_with(others, || None);
        let introduction = Introduction::new(update(0), false);
        crowd.say(0, frame::INTRODUCTION, |out| encode_compact(&introduction, out));
        for first in (1..others).step_by(16) {
            let updates: Vec<MemberUpdate> = (first..others.min(first + 16)).map(update).collect();
            crowd.say_all(0, frame::MEMBER_UPDATE, &updates, encode_compact);
        }
        crowd.settle();
        crowd
    }

    /// Lets time pass until nothing is left to be told: then there are no timers for gossip between those of probes.
    fn settle(&mut self) {
        let mut quiet = 0;
        for round in 0.. {
            assert!(round < 100_000, "there is always something to tell");
            if quiet == 20 {
                break;
            }
            let next = self.overlay.poll_timeout().unwrap().max(self.now);
            let gossiping = next.since(self.now) < Duration::from_millis(201);
            quiet = if gossiping { 0 } else { quiet + 1 };
            self.now = next;
            self.overlay.handle_timeout(next);
            while self.overlay.poll_event().is_some() {}
            self.listen();
        }
        assert_eq!(self.overlay.members().len(), self.sealers.len() + 1);
    }

    fn listen(&mut self) {
        let mut out = std::mem::take(&mut self.out);
        while let Some(transmit) = self.overlay.poll_transmit(self.now, &mut out) {
            let SocketAddr::V4(to) = transmit.destination else { continue };
            let [_, _, high, low] = to.ip().octets();
            let datagram = &mut out[..transmit.len];
            let header = Header::parse(datagram).unwrap();
            let secret = OverlaySecret::new(SECRET);
            let key = SenderKey::derive(&OverlayKey::new(KEY), header.role, &header.salt, &secret);
            for (kind, body) in Frames::new(key.open(datagram).unwrap()).flatten() {
                if kind == frame::PING {
                    let sequence = decode_compact::<Ping>(body).unwrap().sequence;
                    let ack = PingAck { sequence, root: 0 };
                    let number = usize::from(high) << 8 | usize::from(low);
                    self.say(number, frame::PING_ACK, |out| encode_compact(&ack, out));
                }
            }
        }
        self.out = out;
    }

    fn say(&mut self, number: usize, kind: u8, body: impl Fn(&mut Vec<u8>)) {
        self.say_all(number, kind, &[()], |(), out| body(out));
    }

    fn say_all<T>(&mut self, number: usize, kind: u8, bodies: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
        let sealer = self.sealers[number].get_or_insert_with(|| {
            let ring = KeyRing::new(OverlayKey::new(KEY));
            Sealer::new(&ring, Role::DaemonToDaemon, run(number), &OverlaySecret::new(SECRET))
        });
        let mut datagram = Vec::new();
        let offset = sealer.start(&mut datagram);
        for body in bodies {
            frame::put_with(kind, &mut datagram, |out| write(body, out));
        }
        sealer.finish(self.salt.receiver_id(), &mut datagram, offset).unwrap();
        self.overlay.handle_datagram(self.now, address(number), &mut datagram);
        while self.overlay.poll_event().is_some() {}
    }

    /// Everybody says something that wants no answer.
    fn all_speak(&mut self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.say(number, frame::PING_ACK, |out| encode_compact(&PingAck { sequence: 0, root: 0 }, out));
        }
        self.settle();
    }

    /// Bytes that the overlay alone holds.
    fn held(mut self) -> usize {
        (self.sealers, self.out) = (Vec::new(), Vec::new());
        let before = ALLOCATOR.allocated();
        drop(self);
        before - ALLOCATOR.allocated()
    }
}

fn each(many: usize, few: usize, count: usize) -> f64 {
    many.saturating_sub(few) as f64 / count as f64
}

#[test]
fn a_remote_member_costs_what_it_is_said_to() {
    let alone = Crowd::new(0, FEW, None).held();
    let silent = Crowd::new(1, OTHERS, None).held();
    let heard_of = |speakers| {
        let mut crowd = Crowd::new(2, OTHERS, None);
        crowd.all_speak(0..speakers);
        crowd.held()
    };
    let (some, all) = (heard_of(PREPARED), heard_of(OTHERS));
    let member = each(silent, alone, OTHERS - FEW);
    let endpoint = each(all, some, OTHERS - PREPARED);

    // As in a simulation, where this overlay is one of many with the same members.
    let identities = Identities::new();
    let first = Crowd::new(3, OTHERS, Some(identities.clone()));
    assert_eq!(identities.len(), OTHERS);
    let shared = each(Crowd::new(4, OTHERS, Some(identities)).held(), alone, OTHERS - FEW);
    drop(first);

    println!(
        "an overlay of {FEW} others: {alone} B; a member more: {member:.0} B, {shared:.0} B where identities are shared; \
         one that has been heard {endpoint:.0} B more"
    );
    assert!(member + endpoint <= 400.0, "{member} {endpoint}");
    assert!(shared <= 115.0 && endpoint <= 120.0, "{shared} {endpoint}");
}
