//! A daemon that holds key and secret, and sends absurdities.

use std::time::Duration;

use gossiperl_idl::{
    Salt,
    codec::encode_compact,
    frame,
    generated::{
        Entry, Liveness, MemberUpdate, OwnerSummary, OwnerVersion, StateUpdate, TreeDigest, TreeDigestAck,
        TreeDigestAckAck, TreeNode,
    },
};
use gossiperl_overlay::{
    Time,
    state::{State, size::CHUNK, store::Bounds},
};
use proptest::prelude::*;
use rand::Rng;

use crate::support::{Random, member, salt, set_member, with_seeds};

const HOSTILE: u64 = 3;

fn victim() -> State {
    let bounds = Bounds { owners: 8, entries_per_owner: 50, bytes_per_owner: 20_000, ..Bounds::default() };
    let mut state = State::new(salt(0), bounds);
    (0..5).for_each(|number| assert!(set_member(&mut state, Time::ZERO, &member(number))));
    state.put(Time::ZERO, b"own", b"1").unwrap();
    state
}

fn number(random: &mut Random) -> i64 {
    let edges = [i64::MIN, -1, 0, 1, 2, 3, 40, 1_000, i64::MAX - 1, i64::MAX];
    match random.random_range(0..3) {
        0 => edges[random.random_range(0..edges.len())],
        1 => random.random_range(0..60),
        _ => random.random(),
    }
}

fn bytes(random: &mut Random, most: usize) -> Vec<u8> {
    let length = if random.random_bool(0.9) {
        random.random_range(0..most.min(8))
    } else {
        random.random_range(0..most)
    };
    (0..length).map(|_| random.random()).collect()
}

fn generation(random: &mut Random) -> Vec<u8> {
    match random.random_range(0..10) {
        0 => bytes(random, 40),
        1 => Salt(random.random()).0.to_vec(),
        _ => salt(random.random_range(0..6)).0.to_vec(),
    }
}

fn list<T>(random: &mut Random, most: usize, make: impl Fn(&mut Random) -> T) -> Vec<T> {
    (0..random.random_range(0..most)).map(|_| make(random)).collect()
}

fn optional(random: &mut Random) -> Option<i64> {
    random.random_bool(0.4).then(|| number(random))
}

fn entry(random: &mut Random) -> Entry {
    let part = random.random_bool(0.2);
    Entry {
        key: bytes(random, 700),
        value: if part { vec![0; 600] } else { bytes(random, 1_000) },
        version: number(random),
        deleted: random.random_bool(0.3),
        offset: part.then(|| random.random_range(-1..8) * 600),
        total: part.then(|| number(random) as i32),
    }
}

fn summary(random: &mut Random) -> OwnerSummary {
    let mut name = member(random.random_range(0..8)).name;
    if random.random_bool(0.1) {
        name = "x".repeat(random.random_range(0..400));
    }
    let member = MemberUpdate {
        name,
        generation: generation(random),
        incarnation: number(random) as i32,
        liveness: Liveness(random.random_range(-1..6)),
        ip: bytes(random, 20),
        port: number(random) as i32,
        rack: "r".repeat(random.random_range(0..300)),
        accuser: random.random_bool(0.2).then(|| "a".repeat(random.random_range(0..300))),
    };
    OwnerSummary { member, version: number(random) }
}

fn node(random: &mut Random) -> TreeNode {
    let hash = if random.random_bool(0.3) { 0 } else { random.random() };
    TreeNode { depth: random.random_range(-2..6), index: number(random) as i32, hash }
}

fn wanted(random: &mut Random) -> OwnerVersion {
    OwnerVersion { owner_generation: generation(random), version: number(random) }
}

/// A frame of structs that are what they should be, and mean nothing sensible.
fn absurd(random: &mut Random) -> (u8, Vec<u8>) {
    let mut body = Vec::new();
    let exchange = if random.random_bool(0.5) { random.random_range(0..20) } else { number(random) };
    let kind = match random.random_range(0..4) {
        0 => {
            let update = StateUpdate {
                owner_generation: generation(random),
                after: number(random),
                upto: number(random),
                entries: list(random, 6, entry),
                floor: optional(random),
                newest: optional(random),
            };
            encode_compact(&update, &mut body);
            frame::STATE_UPDATE
        }
        1 => {
            encode_compact(&TreeDigest { exchange, nodes: list(random, 100, node) }, &mut body);
            frame::TREE_DIGEST
        }
        2 => {
            let ack = TreeDigestAck {
                exchange,
                nodes: list(random, 40, node),
                owners: list(random, 6, summary),
                leaves: list(random, 40, |random| number(random) as i32),
            };
            encode_compact(&ack, &mut body);
            frame::TREE_DIGEST_ACK
        }
        _ => {
            let ack_ack = TreeDigestAckAck {
                exchange,
                owners: list(random, 6, summary),
                wanted: list(random, 40, wanted),
            };
            encode_compact(&ack_ack, &mut body);
            frame::TREE_DIGEST_ACK_ACK
        }
    };
    (kind, body)
}

fn drain(state: &mut State, now: Time) -> usize {
    while state.poll_change().is_some() {}
    let mut bytes = 0;
    while let Some((_, chunk)) = state.poll_transmit(now) {
        assert!(chunk.len() <= CHUNK);
        bytes += chunk.len();
    }
    bytes
}

#[test]
fn absurd_frames_neither_panic_nor_fill_memory_nor_change_what_is_ours() {
    with_seeds(10, |random| {
        let mut state = victim();
        let mut now = Time::from_micros(1);
        for _ in 0..2_000 {
            let (kind, body) = absurd(random);
            let from = salt(random.random_range(1..5));
            if random.random_bool(0.02) {
                state.repair_with(now, from, None);
            }
            let mut learned = Vec::new();
            let find = |find: gossiperl_overlay::state::repair::Find<'_>| {
                (0..5).map(member).find(|member| match find {
                    gossiperl_overlay::state::repair::Find::Name(name) => member.name == name,
                    gossiperl_overlay::state::repair::Find::Generation(salt) => member.generation == salt.0,
                })
            };
            assert!(state.handle_frame(now, from, kind, &body, &find, &mut learned).unwrap());
            assert!(learned.len() <= 6);
            drain(&mut state, now);
            let mut gossip = Vec::new();
            state.fill_gossip(&mut gossip, 1_300, 3);
            now = now + Duration::from_micros(random.random_range(0..100_000));
            if state.poll_timeout().is_some_and(|due| due <= now) {
                state.handle_timeout(now);
            }
            assert!(state.store().len() <= 5 * 50);
            assert!(state.store().bytes() <= 5 * 20_000);
            assert_eq!(state.store().get(&salt(0), b"own"), Some(&b"1"[..]));
            assert_eq!(state.store().complete_to(&salt(0)), Some(1));
        }
        // It ends by itself.
        for _ in 0..10_000 {
            drain(&mut state, now);
            let Some(due) = state.poll_timeout() else { break };
            now = now.max(due);
            state.handle_timeout(now);
        }
        drain(&mut state, now);
        assert!(state.is_repaired());
    });
}

#[test]
fn a_flood_of_requests_is_answered_at_a_bounded_rate() {
    let mut state = State::new(salt(0), Bounds::default());
    for number in 0..5_000 {
        set_member(&mut state, Time::ZERO, &member(number));
    }
    let find = |_: gossiperl_overlay::state::repair::Find<'_>| Some(member(7));
    let mut body = Vec::new();
    // Everything, please.
    let nodes = (0..64).map(|index| TreeNode { depth: 3, index, hash: 0 }).collect();
    encode_compact(&TreeDigest { exchange: 1, nodes }, &mut body);
    let mut answered = 0;
    for turn in 0..20_000_u64 {
        let now = Time::from_micros(turn * 500);
        state.handle_frame(now, salt(HOSTILE), frame::TREE_DIGEST, &body, &find, &mut Vec::new()).unwrap();
        answered += drain(&mut state, now);
    }
    // 10 seconds of the rate, and what may go at once.
    assert!(answered < 11_600 * CHUNK, "{answered}");
    assert!(state.stats().repair.unanswered > 0);
}

proptest! {
    #[test]
    fn bodies_of_random_bytes_change_nothing(kind in 24_u8..28, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut state = victim();
        let root = state.root();
        let mut learned = Vec::new();
        if state.handle_frame(Time::ZERO, salt(1), kind, &body, &|_| None, &mut learned).is_err() {
            prop_assert_eq!(state.root(), root);
            prop_assert!(learned.is_empty());
        }
    }
}
