//! A network of one overlay and some sessions, in virtual time.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use gossiperl_idl::{Salt, message::Message};
use gossiperl_link::{Time, Verdict};
use gossiperl_overlay::Overlay;
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{RngCore, SeedableRng},
};
use zeroize::Zeroizing;

use crate::{
    Name, PublishError, SlowPolicy,
    options::Bound,
    session::{
        Notice,
        sealed::{Config, Sealed},
    },
};

pub(super) const KEY: &[u8] = b"v3JElaRswYgxOt4b";

/// Runs a test with several seeds, or with the one in GOSSIPERL_SEED; a failure names its seed.
pub(super) fn each_seed(count: u64, test: impl Fn(u64)) {
    struct Named(u64);
    impl Drop for Named {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failed with GOSSIPERL_SEED={}", self.0);
            }
        }
    }
    let seeds = match std::env::var("GOSSIPERL_SEED") {
        Ok(seed) => {
            let seed = seed.parse().unwrap();
            seed..seed + 1
        }
        Err(_) => 0..count,
    };
    for seed in seeds {
        let _named = Named(seed);
        test(seed);
    }
}

pub(super) struct Network {
    pub(super) now: Time,
    pub(super) overlay: Overlay,
    pub(super) clients: Vec<Client>,
    /// Shares of datagrams lost, and of datagrams that come twice.
    pub(super) loss: f64,
    pub(super) repeats: f64,
    /// Datagrams take up to so long, each its own time.
    pub(super) delay: Duration,
    /// Datagrams handed to clients, if they are wanted.
    pub(super) recorded: Option<Vec<(usize, Vec<u8>)>>,
    way: BTreeMap<(Time, u64), Packet>,
    packets: u64,
    starts: u64,
    random: ChaCha12Rng,
}

pub(super) struct Client {
    pub(super) session: Sealed,
    pub(super) notices: Vec<Notice>,
    /// Publisher and number of each delivery.
    pub(super) delivered: Vec<(usize, u32)>,
    pub(super) acknowledged: u64,
    /// Index and error of each message that failed.
    pub(super) failures: Vec<(u64, PublishError)>,
    pub(super) done: usize,
    /// Nothing reaches it, and nothing of its gets through.
    pub(super) cut_off: bool,
    instance: i64,
    sent: i64,
}

enum Packet {
    ToDaemon(usize, Vec<u8>),
    ToClient(usize, Vec<u8>),
}

impl Network {
    pub(super) fn new(seed: u64, clients: usize) -> Self {
        let mut network = Network {
            now: Time::ZERO,
            overlay: overlay(1, Time::ZERO),
            clients: Vec::new(),
            loss: 0.0,
            repeats: 0.0,
            delay: Duration::from_micros(100),
            recorded: None,
            way: BTreeMap::new(),
            packets: 0,
            starts: 1,
            random: ChaCha12Rng::seed_from_u64(seed),
        };
        network.clients =
            (0..clients).map(|index| client(index, &format!("client-{index}"), Time::ZERO)).collect();
        network
    }

    /// Another run of the daemon; what is on its way to or from the old one arrives at this one.
    pub(super) fn restart_daemon(&mut self) {
        self.starts += 1;
        self.overlay = overlay(self.starts, self.now);
    }

    /// Another client in the place of this one, under this name and with another secret.
    pub(super) fn rename(&mut self, index: usize, name: &str) {
        self.clients[index] = client(index + 100, name, self.now);
    }

    pub(super) fn all_connected(&self) -> bool {
        self.clients.iter().all(|client| client.session.phase.is_connected())
    }

    pub(super) fn subscribe(&mut self, client: usize, types: &[&str]) {
        let types = types.iter().map(|name| (Name::from(*name), SlowPolicy::Wait)).collect();
        self.clients[client].session.subscribe(self.now, types);
    }

    pub(super) fn publish(&mut self, client: usize, event_type: &str, number: u32) {
        let client = &mut self.clients[client];
        client.sent += 1;
        let mut body = Vec::new();
        let message = Message {
            event_type: event_type.as_bytes(),
            payload: &number.to_be_bytes(),
            publisher: client.instance,
            sequence: client.sent,
            envelope_id: None,
            verbatim: false,
        };
        message.write(&mut body);
        client.session.publish(self.now, body.into());
    }

    pub(super) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        self.pump();
        while let Some(next) = self.next_event().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.arrive();
            self.pump();
        }
        self.now = until;
    }

    /// Runs until it is so, at most for this time.
    #[track_caller]
    pub(super) fn run_until(&mut self, time: Duration, is_so: impl Fn(&Network) -> bool) {
        let until = self.now + time;
        while !is_so(self) {
            assert!(self.now < until, "not so within {time:?}");
            self.run(Duration::from_millis(10));
        }
    }

    /// Hands a client a datagram as if it came from the daemon.
    pub(super) fn hand(&mut self, client: usize, datagram: &mut [u8]) {
        let now = self.now;
        let client = &mut self.clients[client];
        let delivered = &mut client.delivered;
        client.session.handle_datagram(now, datagram, &mut |message| {
            let publisher = message.number.unwrap().0 as usize - 1_000;
            delivered.push((publisher, u32::from_be_bytes(message.payload.try_into().unwrap())));
            Verdict::Taken
        });
    }

    pub(super) fn random_bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    fn next_event(&self) -> Option<Time> {
        let way = self.way.first_key_value().map(|((at, _), _)| *at);
        let clients = self.clients.iter().filter_map(|client| client.session.poll_timeout());
        clients.chain(way).chain(self.overlay.poll_timeout()).min()
    }

    fn arrive(&mut self) {
        while let Some(entry) = self.way.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Packet::ToDaemon(index, _) | Packet::ToClient(index, _) if self.clients[index].cut_off => {}
                Packet::ToDaemon(index, mut datagram) => {
                    self.overlay.handle_datagram(self.now, address(index), &mut datagram);
                }
                Packet::ToClient(index, mut datagram) => {
                    if let Some(recorded) = &mut self.recorded {
                        recorded.push((index, datagram.clone()));
                    }
                    self.hand(index, &mut datagram);
                }
            }
        }
    }

    fn pump(&mut self) {
        let mut out = Vec::new();
        self.overlay.handle_timeout(self.now);
        while let Some(transmit) = self.overlay.poll_transmit(self.now, &mut out) {
            let index = usize::from(transmit.destination.port()) - FIRST_PORT;
            self.send(Packet::ToClient(index, out[..transmit.len].to_vec()));
        }
        for index in 0..self.clients.len() {
            self.clients[index].session.handle_timeout(self.now);
            while self.clients[index].session.poll_transmit(self.now, &mut out) {
                self.send(Packet::ToDaemon(index, out.clone()));
            }
            let client = &mut self.clients[index];
            let progress = client.session.take_progress();
            let first = client.acknowledged;
            client
                .failures
                .extend(progress.failures.into_iter().map(|(offset, error)| (first + offset, error)));
            client.acknowledged += progress.messages;
            while let Some(notice) = client.session.poll_notice() {
                client.done += usize::from(matches!(notice, Notice::Done { result: Ok(()), .. }));
                client.notices.push(notice);
            }
        }
    }

    fn send(&mut self, packet: Packet) {
        if self.chance(self.loss) {
            return;
        }
        let copies = 1 + usize::from(self.chance(self.repeats));
        for _ in 0..copies {
            let delay = Duration::from_micros(self.random.next_u64() % (self.delay.as_micros() as u64 + 1));
            self.packets += 1;
            let copy = match &packet {
                Packet::ToDaemon(index, datagram) => Packet::ToDaemon(*index, datagram.clone()),
                Packet::ToClient(index, datagram) => Packet::ToClient(*index, datagram.clone()),
            };
            self.way.insert((self.now + delay, self.packets), copy);
        }
    }

    fn chance(&mut self, share: f64) -> bool {
        (self.random.next_u32() as f64) < share * f64::from(u32::MAX)
    }
}

fn overlay(run: u64, now: Time) -> Overlay {
    let mut config = gossiperl_overlay::Config::new("test", "daemon", ([127, 0, 0, 1].into(), 1), KEY);
    config.keepalive_every = Duration::from_secs(2);
    Overlay::new(config, Salt::new(1_000 * run, run), now, 1_000).unwrap()
}

fn client(index: usize, name: &str, now: Time) -> Client {
    let instance = 1_000 + index as i64;
    let config = Config {
        name: Name::from(name),
        secret: Zeroizing::new(index.to_string().into_bytes()),
        keys: vec![Zeroizing::new(KEY.to_vec())],
        salt: Salt::new(500, 7_000 + index as u64),
        instance,
        receive_window: 1 << 20,
        window: Bound { messages: 16_384, bytes: 8 << 20 },
    };
    Client {
        session: Sealed::new(config, now),
        notices: Vec::new(),
        delivered: Vec::new(),
        acknowledged: 0,
        failures: Vec::new(),
        done: 0,
        cut_off: false,
        instance,
        sent: 0,
    }
}

fn address(index: usize) -> SocketAddr {
    ([127, 0, 0, 1], (FIRST_PORT + index) as u16).into()
}

const FIRST_PORT: usize = 10_000;
