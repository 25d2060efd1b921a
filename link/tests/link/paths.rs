//! How well a path is used: bandwidth-delay products, loss, reordering. Times here are virtual and follow from the seed.

use std::time::Duration;

use gossiperl_link::LinkConfig;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::pair::{MS, PERFECT, Pair, Path, bodies, config, with_seeds};

/// Two million bytes over the path: how long that took.
fn transfer(seed: u64, config: LinkConfig, path: Path) -> (Pair, Duration) {
    let frames = bodies(&mut ChaCha8Rng::seed_from_u64(seed), 10_000, 200..=200);
    let mut pair = Pair::new(seed, [config; 2], path);
    let start = pair.now;
    pair.transfer(0, &frames);
    let took = pair.now.since(start);
    (pair, took)
}

#[test]
fn a_path_that_loses_nothing_carries_nothing_twice() {
    for delay in [MS / 100, MS, 100 * MS] {
        let (pair, _) = transfer(1, config(), Path { delay, ..PERFECT });
        let stats = pair.ends[0].link.stats();
        assert_eq!((stats.resent, stats.expiries, stats.reductions), (0, 0, 0), "{delay:?}");
    }
}

#[test]
fn a_window_of_the_bandwidth_delay_product_fills_the_path() {
    // 100 Mbit/s and 10 Mbit/s, up to 100 ms round trip, queues of routers about as long as the product.
    for (rate, delay, queue) in
        [(12_500_000, MS / 10, 200_000), (12_500_000, 5 * MS, 200_000), (1_250_000, 50 * MS, 200_000)]
    {
        let path = Path { delay, rate: Some((rate, queue)), ..PERFECT };
        let (_, took) = transfer(1, config(), path);
        let least = Duration::from_secs_f64(2_000_000.0 / rate as f64);
        assert!(took < least * 3 / 2, "{rate} bytes/s, {delay:?}: {took:?} instead of {least:?}");
    }
}

#[test]
fn a_bottleneck_makes_the_window_fall_until_it_fits() {
    let path = Path { delay: 5 * MS, rate: Some((1_250_000, 50_000)), ..PERFECT };
    let (pair, took) = transfer(1, config(), path);
    let stats = pair.ends[0].link.stats();
    assert!(stats.reductions > 0 && stats.expiries == 0, "{stats:?}");
    assert!(stats.resent < 1_000, "{stats:?}");
    assert!(took < Duration::from_millis(2_000), "{took:?}");
}

#[test]
fn heavy_loss_is_repaired_without_waiting_for_timeouts() {
    for (loss, slowest) in [(0.01, 1_500), (0.1, 1_500), (0.3, 3_000)] {
        with_seeds(10, |seed| {
            // Jitter, because a burst that arrives as one is acknowledged once, and that can get lost. It reorders as well.
            let path = Path { delay: 5 * MS, jitter: MS, loss, ..PERFECT };
            let (pair, took) = transfer(seed, config(), path);
            let stats = pair.ends[0].link.stats();
            assert!(took < MS * slowest && stats.expiries < 15, "{loss}: {took:?}, {stats:?}");
        });
    }
}

#[test]
fn reordering_costs_bandwidth_and_nothing_else() {
    let (pair, took) = transfer(1, config(), Path { delay: 5 * MS, jitter: 5 * MS, ..PERFECT });
    assert_eq!(pair.ends[0].link.stats().expiries, 0);
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn on_loopback_the_first_burst_is_as_large_as_the_peers_window() {
    let config = LinkConfig { datagram: 59_944, loopback: true, ..config() };
    let mut pair = Pair::new(1, [config; 2], PERFECT);
    while pair.ends[0].link.send(64, 0, vec![0; 200].into()).is_ok() {}
    pair.transmit();
    assert_eq!(pair.ends[0].link.stats().sent, 256 * 1024 / 264);
    assert_eq!(pair.ends[0].datagrams, 4);
}

#[test]
fn between_hosts_the_first_burst_is_small() {
    let mut pair = Pair::new(1, [config(); 2], PERFECT);
    while pair.ends[0].link.send(64, 0, vec![0; 200].into()).is_ok() {}
    pair.transmit();
    assert!(pair.ends[0].bytes < 2 * 17 * 1_400, "{} bytes", pair.ends[0].bytes);
}
