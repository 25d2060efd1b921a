//! What a holder of the key can send: no panic, no growth beyond the bounds, no harm to who answers.

use std::{net::SocketAddr, time::Duration};

use gossiperl_idl::{
    Salt, code,
    generated::{self, MemberUpdate, PingRequest},
};
use gossiperl_link::Time;
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    super::*,
    network::{address, seconds, seed, settings},
};

fn members(limit: usize) -> Members {
    let me = Me {
        name: "me".to_owned(),
        generation: salt(1_000),
        address: address(0),
        rack: "default".to_owned(),
    };
    Members::new(Settings { members: limit, ..settings() }, me, 1, Time::ZERO)
}

fn salt(micros: u64) -> Salt {
    Salt::new(micros, micros | 1)
}

fn update(number: usize) -> MemberUpdate {
    Claim {
        name: &format!("m{number}"),
        generation: salt(10_000 + number as u64),
        incarnation: 0,
        liveness: Liveness::Alive,
        address: address(number),
        rack: "default",
        accuser: None,
    }
    .to_update()
}

fn drain(members: &mut Members) -> (Vec<Outgoing>, Vec<MemberEvent>) {
    while members.poll_changed().is_some() {}
    while members.poll_met().is_some() {}
    (
        std::iter::from_fn(|| members.poll_outgoing()).collect(),
        std::iter::from_fn(|| members.poll_event()).collect(),
    )
}

#[test]
fn absurd_updates_are_counted_and_change_nothing() {
    let mut members = members(100);
    let good = update(1);
    let absurd = [
        MemberUpdate { name: String::new(), ..good.clone() },
        MemberUpdate { name: "x".repeat(256), ..good.clone() },
        MemberUpdate { generation: vec![1; 15], ..good.clone() },
        MemberUpdate { generation: vec![1; 17], ..good.clone() },
        MemberUpdate { generation: vec![0xff; 16], ..good.clone() },
        MemberUpdate { generation: vec![0; 16], ..good.clone() },
        MemberUpdate { incarnation: -1, ..good.clone() },
        MemberUpdate { liveness: generated::Liveness(4), ..good.clone() },
        MemberUpdate { port: 0, ..good.clone() },
        MemberUpdate { port: 65_536, ..good.clone() },
        MemberUpdate { port: -5, ..good.clone() },
        MemberUpdate { ip: vec![], ..good.clone() },
        MemberUpdate { ip: vec![1, 2, 3], ..good.clone() },
        MemberUpdate { ip: vec![0, 0, 0, 0], ..good.clone() },
        MemberUpdate { ip: vec![224, 0, 0, 1], ..good.clone() },
        MemberUpdate { ip: vec![255; 4], ..good.clone() },
        MemberUpdate { rack: "x".repeat(256), ..good.clone() },
        MemberUpdate { accuser: Some(String::new()), ..good.clone() },
    ];
    for update in &absurd {
        members.handle_update(Time::ZERO, update);
        members.handle_repair(Time::ZERO, update);
        members.handle_introduction(Time::ZERO, address(1), &salt(10_001), update, true);
    }
    assert_eq!(members.counters().malformed, 3 * absurd.len() as u64);
    assert_eq!(members.iter().count(), 1);
    // An introduction speaks for who sealed it, and of a living one.
    members.handle_introduction(Time::ZERO, address(1), &salt(5), &good, true);
    let left = MemberUpdate { liveness: generated::Liveness::LEFT, ..good.clone() };
    members.handle_introduction(Time::ZERO, address(1), &salt(10_001), &left, true);
    assert_eq!(members.iter().count(), 1);
    assert!(drain(&mut members).0.is_empty());
    members.handle_update(Time::ZERO, &good);
    assert_eq!(members.iter().count(), 2);
}

#[test]
fn a_flood_of_names_ends_at_the_bound_and_the_known_stay() {
    let mut members = members(50);
    for number in 1..=40 {
        members.handle_update(Time::ZERO, &update(number));
    }
    for number in 1_000..20_000 {
        members.handle_update(Time::ZERO, &update(number));
        drain(&mut members);
    }
    assert_eq!(members.iter().count(), 51);
    assert!((1..=40).all(|number| members.by_name(&format!("m{number}")).is_some()));
    assert!(members.counters().no_room > 18_000);
    members.handle_introduction(Time::ZERO, address(777), &salt(10_777), &update(777), true);
    let (outgoing, _) = drain(&mut members);
    assert!(matches!(&outgoing[..], [Outgoing { frame: MembersFrame::Refusal(refusal), .. }]
        if refusal.code == code::TOO_MANY_MEMBERS));
    members.check();
}

#[test]
fn tombstones_make_room_and_a_flood_of_them_stays_within_the_bound() {
    let mut members = members(50);
    members.handle_update(Time::ZERO, &update(1));
    for number in 1_000..5_000 {
        let dead = MemberUpdate { liveness: generated::Liveness::FAILED, ..update(number) };
        members.handle_update(Time::ZERO, &dead);
    }
    let (_, events) = drain(&mut members);
    assert_eq!(events.len(), 1, "the dead that nobody knew are not reported");
    assert_eq!(members.iter().count(), 51);
    members.handle_introduction(Time::ZERO, address(2), &salt(10_002), &update(2), true);
    assert!(members.by_name("m2").is_some() && members.by_name("m1").is_some());
    members.check();
}

#[test]
fn a_generation_has_one_name() {
    let mut members = members(50);
    members.handle_update(Time::ZERO, &update(1));
    let thief = MemberUpdate { name: "thief".to_owned(), ..update(1) };
    members.handle_update(Time::ZERO, &thief);
    let ours = MemberUpdate { generation: salt(1_000).0.to_vec(), ..update(2) };
    members.handle_update(Time::ZERO, &ours);
    assert_eq!(members.iter().count(), 2);
    members.check();
}

#[test]
fn requests_to_relay_are_bounded_and_end() {
    let mut members = members(50);
    members.handle_update(Time::ZERO, &update(1));
    drain(&mut members);
    for number in 0..10_000 {
        let request = PingRequest {
            sequence: number,
            target_generation: salt(99).0.to_vec(),
            ip: vec![10, 0, 0, 9],
            port: 9,
        };
        members.handle_ping_request(Time::ZERO, &salt(10_001), address(1), &request);
    }
    assert!(drain(&mut members).0.len() <= 1_024);
    let (mut now, mut nacks) = (Time::ZERO, 0);
    while let Some(next) = members.poll_timeout().filter(|&next| next < Time::ZERO + seconds(5)) {
        now = now.max(next);
        members.handle_timeout(now);
        nacks +=
            drain(&mut members).0.iter().filter(|out| matches!(out.frame, MembersFrame::PingNack(_))).count();
    }
    assert_eq!(nacks, 1_024);
}

#[test]
fn challenges_from_anywhere_are_answered_only_where_we_had_written() {
    let mut members = members(50);
    for number in 0..1_000 {
        members.handle_challenge(Time::ZERO, address(number), &salt(number as u64 + 7));
    }
    assert!(drain(&mut members).0.is_empty());
}

#[test]
fn two_that_never_accept_each_other_do_not_talk_without_end() {
    let mut members = members(50);
    members.handle_update(Time::ZERO, &update(1));
    members.handle_update(
        Time::ZERO,
        &MemberUpdate { liveness: generated::Liveness::LEFT, incarnation: 9, ..update(1) },
    );
    drain(&mut members);
    let mut answers = 0;
    for step in 0..10_000 {
        let now = Time::ZERO + Duration::from_micros(100 * step);
        members.handle_introduction(now, address(1), &salt(10_001), &update(1), true);
        answers += drain(&mut members).0.len();
    }
    assert!(answers <= 2 * 3, "{answers} answers in a second");
}

/// Random frames, timers and commands, mostly near what is valid: invariants hold, bounds hold, nothing panics.
#[test]
fn random_input_breaks_no_invariant() {
    for round in 0..40 {
        let seed = seed(round);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut members = members(20);
        let mut now = Time::ZERO;
        println!("GOSSIPERL_SEED={seed}");
        for _ in 0..600 {
            now = now + Duration::from_millis(rng.random_range(0..400));
            step(&mut rng, &mut members, now);
            let mut out = Vec::new();
            members.fill_gossip(
                now,
                &salt(10_000 + rng.random_range(0..40)),
                &mut out,
                rng.random_range(0..1_400),
            );
            assert!(out.len() <= 1_400);
            members.check();
            drain(&mut members);
        }
    }
}

fn step(rng: &mut ChaCha8Rng, members: &mut Members, now: Time) {
    let number = rng.random_range(0..40);
    let generation = salt(10_000 + number + 100 * rng.random_range(0..3));
    let from: SocketAddr = address(rng.random_range(0..40));
    let mut update = update(number as usize);
    update.generation = generation.0.to_vec();
    update.liveness = generated::Liveness(rng.random_range(0..4));
    update.incarnation = *[0, 1, 2, i32::MAX].get(rng.random_range(0..4usize)).expect("in range");
    if rng.random_bool(0.2) {
        update.ip = vec![10, 0, 0, rng.random_range(0..40)];
    }
    if rng.random_bool(0.2) {
        update.rack = "other".to_owned();
    }
    if rng.random_bool(0.1) {
        update.name = "me".to_owned();
        update.generation = members.me().generation().0.to_vec();
    }
    if rng.random_bool(0.5) {
        update.accuser = Some(format!("m{}", rng.random_range(0..10)));
    }
    match rng.random_range(0..14) {
        0 | 1 => members.handle_update(now, &update),
        2 => members.handle_repair(now, &update),
        3 => {
            update.liveness = generated::Liveness::ALIVE;
            members.handle_introduction(now, from, &generation, &update, rng.random());
        }
        4 => members.handle_ping(now, &generation, from, rng.random()),
        5 => {
            let request = PingRequest {
                sequence: rng.random(),
                target_generation: generation.0.to_vec(),
                ip: vec![10, 0, 0, number as u8],
                port: 7_000,
            };
            members.handle_ping_request(now, &generation, from, &request);
        }
        6 => members.handle_ping_ack(now, &generation, from, rng.random_range(0..200), 0),
        7 => members.handle_ping_nack(now, &generation, from, rng.random_range(0..200)),
        8 => members.handle_challenge(now, from, &generation),
        9 => members.handle_unreachable(now, from),
        10 => members.join(now, &[from, address(0), address(41)]),
        11 if rng.random_bool(0.02) => members.set_generation(now, salt(2_000 + now.as_micros())),
        12 if rng.random_bool(0.005) => members.leave(),
        _ => {
            while let Some((_, receiver)) = members.poll_gossip_target() {
                members.fill_gossip(now, &receiver, &mut Vec::new(), 1_400);
            }
            members.handle_timeout(now);
        }
    }
}

proptest! {
    /// Any bytes for a frame: an error, or a frame that membership takes without a panic.
    #[test]
    fn any_bytes_for_a_frame(kind in 0u8..32, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut members = members(4);
        if let Ok(Some(frame)) = MembersFrame::read(kind, &body) {
            members.handle_frame(Time::ZERO, &salt(10_001), address(1), &frame);
        }
    }
}
