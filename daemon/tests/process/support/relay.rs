//! A relay between the daemons of a test, which loses some of what they say to each other.
//!
//! Every daemon advertises an address of the relay (`ip_hint`), its *face*, at its own port. What comes to a face from another daemon goes
//! on to the daemon behind it, sent from the sender's own face: nobody notices that there is a relay. Which datagrams are
//! lost is drawn from the seed for each pair of daemons apart, so that the nth from one to another always meets the same fate;
//! which datagram is the nth is up to the daemons' clocks, as it is with real networks.

use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Datagrams of each direction that are kept as recordings.
const RECORDED: usize = 2_000;

/// Joins daemons; ends when dropped.
pub(crate) struct Relay {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    seed: u64,
    /// Real address of each daemon, and the socket that is its face.
    daemons: Vec<(SocketAddr, UdpSocket)>,
    /// Datagrams lost in a hundred.
    loss: u32,
    dropped: AtomicU64,
    forwarded: AtomicU64,
    recordings: Mutex<Recordings>,
    ended: AtomicBool,
}

/// Datagrams from one daemon to another.
type Recordings = HashMap<(usize, usize), Vec<Vec<u8>>>;

impl Relay {
    /// Stands between daemons with these real addresses and faces. Loses `loss` datagrams in a hundred.
    pub(crate) fn start(daemons: &[(SocketAddr, SocketAddr)], loss: u32, seed: u64) -> Relay {
        eprintln!("GOSSIPERL_SEED={seed}, {loss} % of the datagrams between hosts are lost");
        let shared = Arc::new(Shared {
            seed,
            daemons: daemons.iter().map(|(real, face)| (*real, bind(*face))).collect(),
            loss,
            dropped: AtomicU64::new(0),
            forwarded: AtomicU64::new(0),
            recordings: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let threads = (0..daemons.len()).map(|to| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.relay(to))
        });
        Relay { threads: threads.collect(), shared }
    }

    /// Datagrams lost, and datagrams passed on.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.shared.dropped.load(Relaxed), self.shared.forwarded.load(Relaxed))
    }

    /// What one daemon has sent to another and was passed on, the first 2,000 datagrams.
    pub(crate) fn recorded(&self, from: usize, to: usize) -> Vec<Vec<u8>> {
        let recordings = self.shared.recordings.lock().unwrap_or_else(PoisonError::into_inner);
        recordings.get(&(from, to)).cloned().unwrap_or_default()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Takes what comes to the face of one daemon.
    fn relay(&self, to: usize) {
        let mut fates = HashMap::new();
        let mut buffer = vec![0; 65_536];
        let (real, face) = &self.daemons[to];
        while !self.ended.load(Relaxed) {
            // A timeout, to look whether it is over.
            let Ok((len, from)) = face.recv_from(&mut buffer) else { continue };
            let Some(sender) = self.daemons.iter().position(|(real, _)| *real == from) else { continue };
            let fate = fates.entry(sender).or_insert_with(|| {
                ChaCha8Rng::seed_from_u64(self.seed.wrapping_mul(100) + (10 * sender + to) as u64)
            });
            if fate.random_range(0..100) < self.loss {
                self.dropped.fetch_add(1, Relaxed);
                continue;
            }
            let mut recordings = self.recordings.lock().unwrap_or_else(PoisonError::into_inner);
            let recording = recordings.entry((sender, to)).or_default();
            if recording.len() < RECORDED {
                recording.push(buffer[..len].to_vec());
            }
            drop(recordings);
            self.forwarded.fetch_add(1, Relaxed);
            // Nobody there is nobody there: hosts that are apart do not hear of it either.
            let _ = self.daemons[sender].1.send_to(&buffer[..len], real);
        }
    }
}

fn bind(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(address).expect("a free address");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
    // What the relay cannot take in time is lost too, though not counted: it is to be little.
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &(16 << 20));
    socket
}
