//! What other hosts may send a daemon: changed, cut, recorded, forged and random datagrams, and the malformed frames of one that holds key
//! and secret. All of it is counted and harms nobody (PROTOCOL.md sections 2, 3 and 7).

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::SocketAddr;

use crate::common::{
    Client, KEY,
    network::{Network, SECOND, overlay, salt, seed, seeds},
    rogue::{Rogue, SECRET},
};
use gossiperl_idl::{frame, run::write_run};
use gossiperl_overlay::{Limits, Overlay, Stats};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// Three daemons with a publisher on the second and a subscriber on the first, whom all the hostility is for.
struct Target {
    network: Network,
    publisher: usize,
    subscriber: usize,
    published: u32,
}

impl Target {
    fn new(seed: u64) -> Self {
        let mut network = Network::new(3, 0.0, seed);
        let publisher = network.connect(1, "publisher");
        let subscriber = network.connect(0, "subscriber");
        network.run(5 * SECOND);
        network.client(0, subscriber).subscribe("n", gossiperl_idl::generated::SlowPolicy::WAIT);
        network.run(5 * SECOND);
        let mut target = Target { network, publisher, subscriber, published: 0 };
        target.is_unharmed();
        target
    }

    fn receiver(&self) -> u64 {
        salt(0, 1, self.network.seed).receiver_id()
    }

    fn overlay(&mut self) -> &mut Overlay {
        &mut self.network.machines[0].overlay
    }

    fn stats(&self) -> Stats {
        self.network.machines[0].overlay.stats()
    }

    /// Hands a datagram over and says how many go out because of it.
    fn provoke(&mut self, from: SocketAddr, datagram: &[u8]) -> usize {
        let now = self.network.now;
        self.overlay().handle_datagram(now, from, &mut datagram.to_vec());
        let mut out = Vec::new();
        std::iter::from_fn(|| self.network.machines[0].overlay.poll_transmit(now, &mut out)).count()
    }

    fn publish(&mut self) {
        let (number, publisher) = (self.published.to_be_bytes(), self.publisher);
        assert!(self.network.client(1, publisher).publish("n", &number));
        self.published += 1;
    }

    /// The three are members still, and a message gets through as ever.
    fn is_unharmed(&mut self) {
        self.publish();
        self.network.run(SECOND);
        self.network.check();
        let got = self.network.numbers(0, self.subscriber);
        assert_eq!(got, (0..self.published).collect::<Vec<_>>());
        let of_ours = |name: &str| name.starts_with("daemon-");
        let views = self.network.machines[0].overlay.members();
        let reachable = views.iter().filter(|view| {
            !view.client && of_ours(&view.name) && view.state == gossiperl_overlay::State::Reachable
        });
        assert_eq!(reachable.count(), 3);
    }

    /// What the daemons send the first while messages are published. Nothing of it arrives.
    fn record(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        self.network.recorded = Some(Vec::new());
        self.network.deaf.extend([(1, 0), (2, 0)]);
        self.publish();
        self.network.run(SECOND * 3 / 2);
        self.network.deaf.clear();
        let to = self.network.machines[0].address;
        let recorded = self.network.recorded.take().unwrap().into_iter();
        recorded
            .filter(|(_, destination, _)| *destination == to)
            .map(|(from, _, bytes)| (from, bytes))
            .collect()
    }
}

#[test]
fn every_changed_byte_and_every_cut_of_another_daemons_datagram_is_refused_unanswered() {
    let mut target = Target::new(seed());
    let recorded = target.record();
    assert!(recorded.len() > 5, "{}", recorded.len());
    let now = target.network.now;
    target.network.settle();
    let before = target.stats();
    for (from, datagram) in recorded.iter().take(12) {
        for at in 0..datagram.len() {
            for change in [1, 0x80] {
                let mut altered = datagram.clone();
                altered[at] ^= change;
                assert_eq!(target.provoke(*from, &altered), 0, "byte {at} changed by {change}");
            }
            assert_eq!(target.provoke(*from, &datagram[..at]), 0, "cut to {at}");
        }
    }
    let after = target.stats();
    // A changed counter may be one that was seen.
    let refused = |stats: &Stats| stats.foreign + stats.unknown_key + stats.forged + stats.replayed;
    assert_eq!(refused(&after) - refused(&before), after.datagrams_received - before.datagrams_received);
    assert_eq!(after.relayed, before.relayed);
    for (from, datagram) in &recorded {
        target.overlay().handle_datagram(now, *from, &mut datagram.clone());
    }
    assert_eq!(target.stats().relayed, before.relayed + 1, "the genuine ones count");
    target.is_unharmed();
}

#[test]
fn recorded_traffic_is_refused_by_the_daemon_it_was_for_by_its_next_run_and_by_others() {
    let mut target = Target::new(seed());
    target.network.recorded = Some(Vec::new());
    for _ in 0..30 {
        target.publish();
        target.network.run(SECOND / 5);
    }
    let recorded = target.network.recorded.take().unwrap();
    let addresses: Vec<SocketAddr> = target.network.machines.iter().map(|machine| machine.address).collect();
    let to_first: Vec<_> = recorded.iter().filter(|(_, to, _)| *to == addresses[0]).collect();
    let before = target.stats();
    for (from, _, datagram) in to_first.iter().chain(&to_first) {
        assert_eq!(target.provoke(*from, datagram), 0);
    }
    let after = target.stats();
    assert_eq!(after.replayed - before.replayed, 2 * to_first.len() as u64);
    assert_eq!((after.relayed, after.malformed), (before.relayed, before.malformed));
    target.is_unharmed();

    // To another daemon: addressed to somebody else.
    let (relayed, now) = (target.network.machines[2].overlay.stats().relayed, target.network.now);
    for (from, to, datagram) in &recorded {
        if *to == addresses[0] && *from == addresses[1] {
            target.network.machines[2].overlay.handle_datagram(now, *from, &mut datagram.clone());
        }
    }
    let other = target.network.machines[2].overlay.stats();
    assert!(other.misdirected > 0 && other.relayed == relayed);

    // To the next run: it says who it is, and nothing else comes of it.
    target.network.restart(0, 2);
    target.network.machines[0].overlay = overlay(0, 2, target.network.seed, now, 180).1;
    let mut answers = 0;
    for (from, _, datagram) in &to_first {
        answers += target.provoke(*from, datagram);
    }
    let stats = target.stats();
    assert_eq!(stats.misdirected, to_first.len() as u64);
    assert!(answers <= to_first.len() && answers <= 1_000);
    assert_eq!(
        (stats.relayed, target.overlay().members().len()),
        (0, 1),
        "nobody is a member by a recording"
    );
}

#[test]
fn recordings_played_to_another_member_start_no_repair_and_count_as_no_news() {
    let mut target = Target::new(seed());
    target.network.recorded = Some(Vec::new());
    target.publish();
    target.network.run(2 * SECOND);
    let recorded = target.network.recorded.take().unwrap();
    let addresses: Vec<SocketAddr> = target.network.machines.iter().map(|machine| machine.address).collect();
    let seen = |network: &Network| -> Vec<(u64, u64)> {
        let overlays = network.machines.iter().map(|machine| &machine.overlay);
        overlays.map(|it| (it.state_stats().repair.exchanges, it.member_counters().known)).collect()
    };
    let before = seen(&target.network);
    let now = target.network.now;
    for (from, to, datagram) in &recorded {
        if *to == addresses[0] && *from == addresses[1] {
            target.network.machines[2].overlay.handle_datagram(now, *from, &mut datagram.clone());
        }
    }
    assert!(target.network.machines[2].overlay.stats().misdirected > 0);
    target.network.run(SECOND / 5);
    assert_eq!(seen(&target.network), before);
}

#[test]
fn other_keys_other_secrets_and_clients_roles_from_afar_are_counted_and_never_answered() {
    let mut target = Target::new(seed());
    let receiver = target.receiver();
    let before = target.stats();
    let mut ping = Vec::new();
    frame::put(frame::PING, &[0x15, 2, 0x16, 2, 0], &mut ping);
    let cases = [(&b"another key"[..], SECRET), (KEY, b"guess"), (b"another key", b"guess")];
    for (number, (key, secret)) in (0..).zip(cases) {
        for receiver in [receiver, 0, 7] {
            let mut rogue = Rogue::new(number, key, secret, receiver);
            let (from, introduction) = (rogue.address, rogue.introduction());
            assert_eq!(target.provoke(from, &introduction), 0);
            let datagram = rogue.seal(&ping);
            assert_eq!(target.provoke(from, &datagram), 0);
        }
    }
    let after = target.stats();
    assert_eq!((after.unknown_key - before.unknown_key, after.forged - before.forged), (12, 6));
    let newest = target.network.machines[0].overlay.newest_refused();
    let rogues = [2, 1].map(|number| Some(Rogue::new(number, KEY, SECRET, 0).address));
    assert_eq!([newest.unknown_key, newest.forged], rogues);
    let mut client = Client::new("far", 77);
    client.hello();
    let hello = client.transmit(target.network.now).unwrap();
    assert_eq!(target.provoke(([10, 9, 9, 9], 6666).into(), &hello), 0);
    let own = target.network.machines[1].address;
    assert_eq!(target.provoke(own, &hello), 0);
    assert_eq!(target.stats().foreign - after.foreign, 2);
    target.is_unharmed();
}

/// Salts are no secret: a client of the other daemon reads its salt from every datagram.
#[test]
fn a_client_under_another_daemons_salt_is_not_taken_for_that_daemon() {
    let mut target = Target::new(seed());
    let network = &mut target.network;
    let other = salt(1, 1, network.seed);
    let mut client = Client::under("imposter", 90, other);
    client.hello();
    network.machines[0].clients.push(client);
    network.run(SECOND);
    assert!(network.machines[0].clients.last().unwrap().is_connected());
    target.is_unharmed();
    // Nor is its end that daemon's.
    let imposter = target.network.machines[0].clients.last_mut().unwrap();
    imposter.frame(frame::GOODBYE, &[0]);
    target.network.run(SECOND);
    target.is_unharmed();
}

#[test]
fn floods_of_random_and_oversized_datagrams_leave_everything_as_it_was() {
    let mut target = Target::new(seed());
    let genuine = target.record().swap_remove(0).1;
    let mut rng = ChaCha8Rng::seed_from_u64(target.network.seed);
    target.network.settle();
    let (before, load) = (target.stats(), target.overlay().load());
    for round in 0..20_000usize {
        let most = if round % 50 == 0 { 70_000 } else { 1_500 };
        let mut noise = vec![0; rng.random_range(0..most)];
        rng.fill_bytes(&mut noise);
        // Some with a header that is believed as far as its key, or further: a known run.
        let believed = [0, 0, 8, 24, 40][round % 5].min(noise.len());
        noise[..believed].copy_from_slice(&genuine[..believed]);
        assert_eq!(target.provoke(([10, 9, 9, rng.random_range(0..9)], 7).into(), &noise), 0);
    }
    let after = target.stats();
    let refused = |stats: &Stats| stats.foreign + stats.unknown_key + stats.forged + stats.replayed;
    assert_eq!(refused(&after) - refused(&before), 20_000);
    assert_eq!((after.relayed, after.malformed), (before.relayed, before.malformed));
    assert_eq!(target.overlay().load(), load);
    target.is_unharmed();
}

/// Kind and body of every frame of the wire's vectors.
fn vectors() -> Vec<(u8, Vec<u8>)> {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../thrift-idl/vectors/frames.json")).unwrap();
    let hex = |text: &str| -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    };
    let frames = vectors["frames"].as_array().unwrap().iter();
    frames.map(|one| (one["kind"].as_u64().unwrap() as u8, hex(one["body"].as_str().unwrap()))).collect()
}

/// The kinds that a daemon reads from another: malformed ones are counted.
const READ: [u8; 18] = [4, 8, 16, 17, 18, 19, 20, 21, 24, 25, 26, 27, 64, 65, 69, 70, 75, 76];

#[test]
fn cut_and_lengthened_frames_of_a_holder_of_the_secret_are_counted_and_change_nothing() {
    let mut target = Target::new(seed());
    let (receiver, views) = (target.receiver(), target.overlay().members().len());
    let mut members = 0;
    for (number, (kind, body)) in (0..).zip(vectors().into_iter().filter(|(kind, _)| READ.contains(kind))) {
        let mut rogue = Rogue::new(number, KEY, SECRET, receiver);
        let introduction = rogue.introduction();
        target.provoke(rogue.address, &introduction);
        members += 1;
        assert_eq!(target.overlay().members().len(), views + members);
        let before = target.stats();
        let mut malformed: Vec<Vec<u8>> = (0..body.len().min(300)).map(|at| body[..at].to_vec()).collect();
        malformed.push([&body[..], &[0]].concat());
        let count = malformed.len() as u64;
        let mut next = 1;
        for body in malformed {
            let mut frames = Vec::new();
            if kind >= 64 {
                frame::put_with(frame::RUN, &mut frames, |out| write_run(next, out));
                next += 1;
            }
            frame::put(kind, &body, &mut frames);
            let datagram = rogue.seal(&frames);
            let answers = target.provoke(rogue.address, &datagram);
            assert!(answers == 0 || kind >= 64, "kind {kind} answered");
        }
        let after = target.stats();
        assert_eq!(after.malformed - before.malformed, count, "kind {kind}");
        assert_eq!((after.relayed, after.fanned_out), (before.relayed, before.fanned_out), "kind {kind}");
        assert_eq!(target.overlay().members().len(), views + members);
    }
    target.is_unharmed();
}

/// A daemon that holds the secret may claim what it likes; it cannot make another panic, grow without a bound, or fail its own clients.
#[test]
fn whatever_frames_a_holder_of_the_secret_makes_up_bounds_hold_and_local_clients_are_served() {
    let vectors = vectors();
    for seed in seeds(7_000, 100) {
        eprintln!("GOSSIPERL_SEED={seed}");
        let mut target = Target::new(seed);
        let local = target.network.connect(0, "local");
        target.network.run(SECOND);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut rogues: Vec<Rogue> =
            (0..4).map(|number| Rogue::new(number, KEY, SECRET, target.receiver())).collect();
        let mut answered = 0;
        for round in 0..4_000 {
            let place = rng.random_range(0..rogues.len());
            let rogue = &mut rogues[place];
            let introduces = round < 4 || rng.random_bool(0.01);
            let datagram =
                if introduces { rogue.introduction() } else { rogue.seal(&made_up(&mut rng, &vectors)) };
            let from = rogue.address;
            answered += target.provoke(from, &datagram);
            if round % 200 == 0 {
                target.network.run(SECOND / 10);
                target.network.settle();
            }
            if round % 20 == 0 {
                let (load, limits) = (target.overlay().load(), Limits::default());
                assert!(load.costliest_kept <= limits.receive_window as usize, "{load:?}");
                assert!(load.longest_queue <= limits.queue_frames + 256, "{load:?}");
                assert!(load.members <= limits.members && load.endpoints <= 64, "{load:?}");
                assert!(load.waiting_datagrams <= 1_024 && load.ended_runs <= 8_192, "{load:?}");
                assert!(load.waiting_replies <= 4_096 && load.waiting_bytes <= 8 << 10, "{load:?}");
            }
        }
        assert!(target.stats().malformed > 100, "{:?}", target.stats());
        assert!(answered < 20_000, "{answered} datagrams for 4,000");
        let had = target.network.client(0, target.subscriber).messages().count();
        for number in 0..50u32 {
            assert!(target.network.client(0, local).publish("n", &number.to_be_bytes()));
        }
        target.network.run(5 * SECOND);
        let subscriber = target.network.client(0, target.subscriber);
        assert_eq!(subscriber.messages().count() - had, 50);
        assert_eq!(target.network.client(0, local).link.queued_frames(), 0);
    }
}

/// Some frames: of the vectors, changed here and there, or nothing but noise.
fn made_up(rng: &mut ChaCha8Rng, vectors: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut frames = Vec::new();
    if rng.random_bool(0.5) {
        let first = if rng.random_bool(0.9) { rng.random_range(1..300) } else { rng.next_u64() >> 1 };
        frame::put_with(frame::RUN, &mut frames, |out| write_run(first.max(1), out));
    }
    for _ in 0..rng.random_range(1..6) {
        let (mut kind, mut body) = vectors.choose(rng).unwrap().clone();
        if rng.random_bool(0.1) {
            kind = rng.random_range(0..=u8::MAX);
        }
        for _ in 0..rng.random_range(0..4) {
            match rng.random_range(0..3) {
                0 if !body.is_empty() => {
                    let at = rng.random_range(0..body.len());
                    body[at] = rng.random_range(0..=u8::MAX);
                }
                1 => body.truncate(rng.random_range(0..=body.len())),
                _ => body.push(rng.random_range(0..=u8::MAX)),
            }
        }
        if frames.len() + body.len() < 60_000 {
            frame::put(kind, &body, &mut frames);
        }
    }
    if rng.random_bool(0.1) {
        frames.truncate(rng.random_range(0..=frames.len()));
    }
    frames
}
