//! Everything arrives in order, once, over any path.

use std::time::Duration;

use gossiperl_link::{LinkConfig, Verdict};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::pair::{MS, PERFECT, Pair, Path, assert_taken, bodies, config, with_seeds};

fn random_config(random: &mut ChaCha8Rng) -> LinkConfig {
    let loopback = random.random_bool(0.3);
    LinkConfig {
        receive_window: 1 << random.random_range(8..21),
        ack_delay: MS * random.random_range(0..3),
        queue_cost: 1 << random.random_range(10..21),
        queue_frames: random.random_range(1..3_000),
        datagram: if loopback { 59_944 } else { random.random_range(256..1_400) },
        loopback,
    }
}

fn random_path(random: &mut ChaCha8Rng) -> Path {
    let delay = Duration::from_micros(10u64.pow(random.random_range(1..6)));
    Path {
        delay,
        jitter: if random.random_bool(0.5) { delay * random.random_range(0..3) } else { Duration::ZERO },
        loss: [0.0, 0.01, 0.1, 0.3][random.random_range(0..4)],
        duplicates: [0.0, 0.1][random.random_range(0..2)],
        ..PERFECT
    }
}

#[test]
fn frames_arrive_in_order_and_once_whatever_the_path_does() {
    with_seeds(300, |seed| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let configs = [random_config(&mut random), random_config(&mut random)];
        let mut pair = Pair::new(seed, configs, PERFECT);
        pair.ends[0].path = random_path(&mut random);
        pair.ends[1].path = random_path(&mut random);
        let largest = [20, 300, 3_000, 60_000][random.random_range(0..4)];
        let count = (400_000 / largest).min(1_000);
        let frames = bodies(&mut random, count, 0..=largest);
        pair.transfer(0, &frames);
        assert_taken(&pair.ends[1], &frames);
        assert!(pair.ends[0].errors.is_empty() && pair.ends[1].errors.is_empty());
        pair.run_until("idle", |pair| pair.ends.iter().all(|end| end.link.is_idle()));
    });
}

#[test]
fn both_directions_at_once_do_not_disturb_each_other() {
    with_seeds(60, |seed| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut pair = Pair::new(seed, [random_config(&mut random), random_config(&mut random)], PERFECT);
        pair.ends[0].path = random_path(&mut random);
        pair.ends[1].path = random_path(&mut random);
        let frames = [bodies(&mut random, 300, 0..=900), bodies(&mut random, 300, 0..=2_000)];
        let mut next = [0, 0];
        pair.run_until("both ways acknowledged", |pair| {
            for from in 0..2 {
                while let Some(body) = frames[from].get(next[from]) {
                    if pair.ends[from].link.send(64, 0, body.clone()).is_err() {
                        break;
                    }
                    next[from] += 1;
                }
            }
            pair.ends.iter().all(|end| end.acked.items == 300)
        });
        assert_taken(&pair.ends[1], &frames[0]);
        assert_taken(&pair.ends[0], &frames[1]);
    });
}

#[test]
fn a_receiver_that_holds_and_releases_loses_nothing() {
    with_seeds(200, |seed| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut pair = Pair::new(seed, [random_config(&mut random), random_config(&mut random)], PERFECT);
        pair.ends[0].path = random_path(&mut random);
        pair.ends[1].path = random_path(&mut random);
        let mut holds = ChaCha8Rng::seed_from_u64(seed + 1);
        pair.ends[1].verdict =
            Box::new(move |_| if holds.random_bool(0.02) { Verdict::Hold } else { Verdict::Taken });
        let largest = [200, 5_000][random.random_range(0..2)];
        let frames = bodies(&mut random, 300, 0..=largest);
        let mut next = 0;
        let mut releases = ChaCha8Rng::seed_from_u64(seed + 2);
        pair.run_until("everything acknowledged", |pair| {
            while let Some(body) = frames.get(next) {
                if pair.ends[0].link.send(64, 0, body.clone()).is_err() {
                    break;
                }
                next += 1;
            }
            let now = pair.now;
            if pair.ends[1].link.is_holding() && releases.random_bool(0.2) {
                pair.ends[1].link.release(now);
            }
            pair.ends[0].acked.items == 300
        });
        assert_taken(&pair.ends[1], &frames);
    });
}

#[test]
fn a_frame_of_60_000_bytes_passes_datagrams_of_1_400_and_every_window() {
    for receive_window in [1, 500, 4_000, 60_000, 65_536, 1 << 20] {
        let config = LinkConfig { receive_window, ..config() };
        let path = Path { loss: 0.05, ..PERFECT };
        let mut pair = Pair::new(receive_window.into(), [config; 2], path);
        let frames = bodies(&mut ChaCha8Rng::seed_from_u64(1), 3, 60_000..=60_000);
        pair.transfer(0, &frames);
        assert_taken(&pair.ends[1], &frames);
    }
}

#[test]
fn one_way_partitions_heal() {
    with_seeds(40, |seed| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut pair = Pair::new(seed, [config(); 2], Path { loss: 0.1, ..PERFECT });
        let frames = bodies(&mut random, 2_000, 100..=300);
        let mut next = 0;
        let mut change_at = pair.now;
        pair.run_until("everything acknowledged", |pair| {
            while let Some(body) = frames.get(next) {
                if pair.ends[0].link.send(64, 0, body.clone()).is_err() {
                    break;
                }
                next += 1;
            }
            if pair.now >= change_at {
                change_at = pair.now + MS * random.random_range(20..2_000);
                for end in &mut pair.ends {
                    end.path.cut = random.random_bool(0.5);
                }
            }
            pair.ends[0].acked.items == 2_000
        });
        assert_taken(&pair.ends[1], &frames);
    });
}

#[test]
fn a_dead_peer_gets_a_trickle() {
    let mut pair = Pair::new(1, [config(); 2], Path { cut: true, ..PERFECT });
    while pair.ends[0].link.send(64, 0, vec![0; 1_000].into()).is_ok() {}
    pair.run_for(Duration::from_secs(5));
    let before = pair.ends[0].datagrams;
    pair.run_for(Duration::from_secs(60));
    // Two datagrams at each expiry, which are two seconds apart by then.
    assert!(pair.ends[0].datagrams - before <= 62, "{} datagrams", pair.ends[0].datagrams - before);
    for end in &mut pair.ends {
        end.path.cut = false;
    }
    pair.run_until("everything acknowledged", |pair| pair.ends[0].link.queued_frames() == 0);
}

#[test]
fn what_an_ended_link_gives_back_is_all_the_peer_may_lack_whole_and_in_order() {
    with_seeds(200, |seed| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut pair = Pair::new(seed, [random_config(&mut random), random_config(&mut random)], PERFECT);
        pair.ends[0].path = random_path(&mut random);
        pair.ends[1].path = random_path(&mut random);
        let largest = [20, 3_000, 60_000][random.random_range(0..3)];
        let frames = bodies(&mut random, 200, 0..=largest);
        let (mut accepted, mut controls) = (Vec::new(), 0);
        let stop = random.random_range(0..200);
        for body in &frames {
            if random.random_bool(0.1) {
                controls += u64::from(pair.ends[0].link.send_control(68, body.clone()).is_ok());
            } else if pair.ends[0].link.send(64, 0, body.clone()).is_ok() {
                accepted.push(body.clone());
            }
            for _ in 0..random.random_range(0..4) {
                let end = pair.now + MS * 1_000;
                pair.step(end);
            }
            if accepted.len() == stop {
                break;
            }
        }
        pair.transmit();
        let [sender, receiver] = pair.ends;
        assert!(sender.acked.items - sender.acked.messages <= controls);
        let taken = receiver.taken.iter().filter(|(kind, _)| *kind == 64).count();
        let untaken = sender.link.into_untaken();
        assert_eq!(untaken, accepted[sender.acked.messages as usize..]);
        assert!(taken >= sender.acked.messages as usize && taken + untaken.len() >= accepted.len());
    });
}
