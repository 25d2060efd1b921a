//! What several test files need.

use std::time::{SystemTime, UNIX_EPOCH};

use proptest::test_runner::{Config, RngSeed};

/// Configuration of a randomised test: prints its seed, and takes it from `GOSSIPERL_SEED` where that is set.
pub(crate) fn randomised(cases: u32) -> Config {
    let given = std::env::var("GOSSIPERL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
    });
    // Shown by the test harness where the test fails.
    println!("replay with GOSSIPERL_SEED={seed}");
    Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() }
}
