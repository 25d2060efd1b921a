//! What all tests use: seeds, names, members.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use gossiperl_idl::{
    Salt,
    generated::{Entry, Liveness, MemberUpdate, StateUpdate},
};
use gossiperl_overlay::{Identity, Time, state::State};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub(crate) type Random = ChaCha8Rng;

/// Runs a test with each seed; a failing one is printed. `GOSSIPERL_SEED` replays a single one, `GOSSIPERL_SEEDS` says how
/// many to try.
pub(crate) fn with_seeds(count: u64, test: impl Fn(&mut Random)) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("GOSSIPERL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("GOSSIPERL_SEEDS").unwrap_or(count),
    };
    for seed in seeds {
        let run = || test(&mut ChaCha8Rng::seed_from_u64(seed));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            eprintln!("failed with GOSSIPERL_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

/// The generation of the daemon with this number.
pub(crate) fn salt(number: u64) -> Salt {
    Salt::new(1_700_000_000_000_000 + number, number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
}

/// The daemon with this number, alive.
pub(crate) fn member(number: u64) -> MemberUpdate {
    MemberUpdate {
        name: format!("daemon-{number}.example"),
        generation: salt(number).0.to_vec(),
        incarnation: 0,
        liveness: Liveness::ALIVE,
        ip: vec![10, (number >> 16) as u8, (number >> 8) as u8, number as u8],
        port: 6_666,
        rack: "default".to_owned(),
        accuser: None,
    }
}

/// Who the daemon with this number is.
pub(crate) fn identity(number: u64) -> Arc<Identity> {
    identity_of(&member(number))
}

fn identity_of(update: &MemberUpdate) -> Arc<Identity> {
    let generation = Salt::from_slice(&update.generation).unwrap();
    let ip = <[u8; 4]>::try_from(&*update.ip).unwrap();
    let port = u16::try_from(update.port).unwrap();
    Arc::new(Identity::new(&*update.name, generation, (ip, port).into(), &*update.rack))
}

/// What membership tells the state of a member that it knows like this.
pub(crate) fn set_member(state: &mut State, now: Time, update: &MemberUpdate) -> bool {
    state.set_member(now, &identity_of(update), update.incarnation, update.liveness)
}

pub(crate) fn entry(key: &[u8], value: &[u8], version: i64) -> Entry {
    Entry { key: key.to_vec(), value: value.to_vec(), version, deleted: false, offset: None, total: None }
}

pub(crate) fn deletion(key: &[u8], version: i64) -> Entry {
    Entry { deleted: true, ..entry(key, b"", version) }
}

pub(crate) fn update(owner: u64, after: i64, upto: i64, entries: Vec<Entry>) -> StateUpdate {
    let owner_generation = salt(owner).0.to_vec();
    StateUpdate { owner_generation, after, upto, entries, floor: None, newest: None }
}
