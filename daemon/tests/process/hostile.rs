//! Floods of what no daemon should take: counted, not answered, nobody harmed, memory as before.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, UdpSocket},
    time::Instant,
};

use gossiperl_client::{Client, Event};
use gossiperl_idl::{
    Salt, envelope, frame,
    legacy::LegacyKey,
    sealed::{HEADER_LEN, Header, KeyRing, OverlayKey, OverlaySecret, Role, Sealer},
};
use nix::sys::signal::Signal;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::support::{
    Hosts, KEY, Log, heavy, on_loopback, seed, soon,
    traffic::{self, Stream},
};

/// Secret of overlays whose configuration names none.
const SECRET: &[u8] = b"default-overlay-secret";
/// Memory that may come on top while tens of thousands of datagrams are refused, bytes: nothing of a refused datagram is kept, but
/// pages are taken from the system in larger pieces.
const FLAT: u64 = 1 << 20;

/// Sends datagrams from a socket of its own, never more than the daemon's socket buffer holds.
struct Flooder<'a> {
    socket: UdpSocket,
    to: SocketAddr,
    /// Its daemon's answer says that everything before was taken out of the socket.
    client: &'a Client,
    sent: u64,
}

impl<'a> Flooder<'a> {
    fn new(to: SocketAddr, client: &'a Client) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        socket.set_nonblocking(true).expect("set");
        Flooder { socket, to, client, sent: 0 }
    }

    async fn send(&mut self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.to).expect("sent");
        self.sent += 1;
        if self.sent.is_multiple_of(200) {
            self.settle().await;
        }
    }

    /// Waits until the daemon has read everything.
    async fn settle(&self) {
        soon("the daemon answers its client", self.client.members()).await.expect("a session");
    }

    /// Lengths of the datagrams that came back.
    async fn answers(&self) -> Vec<usize> {
        self.settle().await;
        let mut buffer = [0; 65_536];
        std::iter::from_fn(|| self.socket.recv(&mut buffer).ok()).collect()
    }
}

/// What is made here, rather than recorded.
struct Maker {
    random: ChaCha8Rng,
    /// Of this overlay's daemons, another overlay's, and those that have the key but not the secret.
    own: Sealer,
    foreign: Sealer,
    secretless: Sealer,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let sealer = |key: &[u8], secret: &[u8]| {
            let ring = KeyRing::new(OverlayKey::new(key));
            Sealer::new(&ring, Role::DaemonToDaemon, Salt::new(1, seed | 1), &OverlaySecret::new(secret))
        };
        Maker {
            random: ChaCha8Rng::seed_from_u64(seed),
            own: sealer(KEY.as_bytes(), SECRET),
            foreign: sealer(b"another key", SECRET),
            secretless: sealer(KEY.as_bytes(), b"another secret"),
        }
    }

    fn bytes(&mut self, least: usize, most: usize) -> Vec<u8> {
        let len = self.random.random_range(least..=most);
        (0..len).map(|_| self.random.random()).collect()
    }

    /// A challenge, which a daemon answers to nobody, soundly sealed.
    fn sealed(sealer: &mut Sealer) -> Vec<u8> {
        let mut datagram = Vec::new();
        let offset = sealer.start(&mut datagram);
        frame::put(frame::CHALLENGE, &[0], &mut datagram);
        sealer.finish(7, &mut datagram, offset).expect("sealed");
        datagram
    }

    /// One bit of it is another.
    fn altered(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut altered = datagram.to_vec();
        let at = self.random.random_range(0..altered.len());
        altered[at] ^= 1 << self.random.random_range(0..8);
        altered
    }

    /// Some of its end is missing.
    fn truncated(&mut self, datagram: &[u8]) -> Vec<u8> {
        datagram[..self.random.random_range(1..datagram.len())].to_vec()
    }

    /// Under the right key, an envelope that is none, or a struct of protocol 1 whose payload is none.
    fn protocol_1(&mut self) -> Vec<u8> {
        let payload = self.bytes(1, 200);
        let mut inside = payload.clone();
        if self.random.random() {
            inside.clear();
            let name =
                ["digest", "digestExit", "digestSubscribe", "digestForwardedAck"].choose(&mut self.random);
            envelope::put(name.expect("some").as_bytes(), &payload, b"an id", &mut inside);
        }
        let mut datagram = Vec::new();
        LegacyKey::new(KEY.as_bytes()).seal(self.random.random(), &inside, &mut datagram);
        datagram
    }
}

/// So many datagrams of each kind, and of those that were `recorded` on their way to the same daemon.
async fn flood(flooder: &mut Flooder<'_>, maker: &mut Maker, recorded: &[Vec<u8>], count: usize) {
    for index in 0..count {
        let random = maker.bytes(1, 1_500);
        let unknown = [&b"\x47\x50\x02\x03"[..], &maker.bytes(52, 1_400)].concat();
        let foreign = Maker::sealed(&mut maker.foreign);
        let secretless = Maker::sealed(&mut maker.secretless);
        let own = Maker::sealed(&mut maker.own);
        let real = &recorded[index % recorded.len()];
        let kinds = [
            random,
            unknown,
            foreign,
            secretless,
            maker.altered(&own),
            maker.truncated(&own),
            maker.altered(real),
            maker.truncated(real),
            real.clone(),
            maker.protocol_1(),
        ];
        for datagram in &kinds {
            flooder.send(datagram).await;
        }
    }
}

/// Datagrams refused as the log tells, by reason.
fn refused(log: &Log) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in log.lines().iter().filter(|line| line.contains("datagrams refused")) {
        for (reason, count) in line.split(' ').filter_map(|word| word.split_once('=')) {
            if let Ok(count) = count.parse::<u64>() {
                *sums.entry(reason.to_owned()).or_default() += count;
            }
        }
    }
    sums
}

#[test]
fn floods_are_counted_not_answered_and_harm_nobody() {
    let _heavy = heavy();
    on_loopback(41, async |place| {
        let seed = seed(1);
        let (hosts, relay) = Hosts::behind_relay(place, 2, 0, seed);
        let mut all = hosts.start_all().await;
        let publisher = hosts.client(1, "publisher").await;
        let clients = [hosts.client(1, "near").await, hosts.client(2, "far").await];
        let mut readers = traffic::subscribers(&publisher, &clients).await;
        let mut events = publisher.events();
        let stream = Stream::start(&publisher, 0);
        let enough = async {
            while relay.recorded(1, 0).len() < 300 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        soon("some datagrams to record", enough).await;
        // First contact, which names no receiver, is answered with a challenge whoever sends it: it has a test of its own.
        let mut recorded = relay.recorded(1, 0);
        recorded.retain(|datagram| Header::parse(datagram).is_some_and(|header| header.receiver != 0));

        let mut flooder = Flooder::new(hosts.bound(1), &publisher);
        let mut maker = Maker::new(seed);
        flood(&mut flooder, &mut maker, &recorded, 500).await;
        let before = all[0].resident();
        flood(&mut flooder, &mut maker, &recorded, 4_000).await;
        let grown = all[0].resident().saturating_sub(before);
        println!("{} datagrams, {grown} bytes more than before", flooder.sent);
        assert!(grown < FLAT, "{grown} bytes more after 40,000 refused datagrams");
        assert_eq!(flooder.answers().await, [0; 0], "refused datagrams were answered");

        let end = stream.end().await;
        for reader in &mut readers {
            traffic::receive(reader, 0..end).await;
        }
        let happened: Vec<Event> = std::iter::from_fn(|| events.try_next()).collect();
        assert_eq!(happened, [], "the publisher noticed");
        let sent = flooder.sent;
        let first = all.remove(0);
        for daemon in [&first, &all[0]] {
            assert_eq!(daemon.log().count(&["member_quarantine"]), 0);
            assert_eq!(daemon.log().count(&["member_in", "member="]), 1, "members are as before");
        }
        first.signal(Signal::SIGTERM);
        let log = first.log().clone();
        assert_eq!(first.code(), 0);
        log.all();
        let refused = refused(&log);
        println!("{refused:?}");
        assert_eq!(refused.values().sum::<u64>(), sent, "each is counted once: {refused:?}");
        for reason in ["unknown_key", "forged", "replayed", "malformed"] {
            assert!(refused[reason] > 1_000, "{refused:?}");
        }
    });
}

#[test]
fn recorded_first_contact_brings_its_sender_a_bounded_number_of_short_challenges_and_nothing_else() {
    let _heavy = heavy();
    on_loopback(42, async |place| {
        let (hosts, relay) = Hosts::behind_relay(place, 2, 0, seed(1));
        let all = hosts.start_all().await;
        let client = hosts.client(1, "client").await;
        // host-2 has knocked at host-1, the seed.
        let mut knocks = relay.recorded(1, 0);
        knocks.retain(|datagram| Header::parse(datagram).is_some_and(|header| header.receiver == 0));
        let knock = knocks.first().expect("first contact");
        let began = Instant::now();
        let mut flooder = Flooder::new(hosts.bound(1), &client);
        let mut answers = Vec::new();
        for _ in 0..50 {
            for _ in 0..200 {
                flooder.send(knock).await;
            }
            answers.extend(flooder.answers().await);
        }
        println!("{} answers to {} datagrams", answers.len(), flooder.sent);
        // 1,000 a second, counted in whole seconds.
        let most = 1_000 * (began.elapsed().as_secs() + 2);
        assert!(!answers.is_empty() && answers.len() as u64 <= most, "{} answers", answers.len());
        assert!(
            answers.iter().all(|len| (HEADER_LEN..=knock.len()).contains(len)),
            "larger than what was sent"
        );
        for daemon in &all {
            assert_eq!(daemon.log().count(&["member_in", "member="]), 1, "members are as before");
            assert_eq!(daemon.log().count(&["member_quarantine"]), 0);
        }
        // What comes late makes place for what is real.
        hosts.wait_for_members(&client, 2).await;
    });
}
