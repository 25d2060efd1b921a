//! An overlay whose keys are changed while messages flow.

use gossiperl_idl::{
    generated::SlowPolicy,
    sealed::{Header, KeyId, OverlayKey},
};
use gossiperl_overlay::{KeyAnswer, KeyCommand, KeyOutcome, State};
use zeroize::Zeroizing;

use crate::common::network::{Network, SECOND};

/// The second key of the tests.
pub const NEW: &[u8] = b"the next key of this overlay";

pub fn id(key: &[u8]) -> KeyId {
    OverlayKey::new(key).id()
}

pub fn add(key: &[u8]) -> KeyCommand {
    KeyCommand::Add(Zeroizing::new(key.to_vec()))
}

pub fn use_key(key: &[u8]) -> KeyCommand {
    KeyCommand::Use { id: id(key), forced: false }
}

pub fn retire(key: &[u8]) -> KeyCommand {
    KeyCommand::Retire { id: id(key), forced: false }
}

pub const DONE: KeyAnswer = KeyAnswer::Done { cut_off: 0 };

/// Daemons, a publisher at the first, a reader at each, and numbers on their way.
pub struct World {
    pub network: Network,
    pub published: u32,
    /// Messages for which the publisher's queue had no room.
    pub refused: u32,
}

impl World {
    /// All know each other, and every reader has subscribed. Clients have both keys.
    pub fn new(count: usize, loss: f64, seed: u64) -> Self {
        let mut network = Network::new(count, loss, seed);
        for machine in 0..count {
            let client = network.connect(machine, &format!("client-{machine}"));
            network.client(machine, client).add_key(NEW);
        }
        network.run_patiently(10 * SECOND);
        for machine in 0..count {
            network.client(machine, 0).subscribe("numbers", SlowPolicy::WAIT);
        }
        network.run_patiently(10 * SECOND);
        World { network, published: 0, refused: 0 }
    }

    /// A number every 2 ms for so many milliseconds, from the first machine's client; the others read.
    pub fn load(&mut self, milliseconds: u32) {
        for _ in 0..milliseconds / 2 {
            let taken = self.network.client(0, 0).publish("numbers", &self.published.to_be_bytes());
            self.published += u32::from(taken);
            self.refused += u32::from(!taken);
            self.network.run(SECOND / 500);
        }
        self.network.check();
    }

    /// Asks one daemon, and keeps the messages flowing until the outcome is there.
    pub fn command(&mut self, machine: usize, command: KeyCommand) -> KeyOutcome {
        let now = self.network.now;
        let ticket = self.network.machines[machine].overlay.change_keys(now, command);
        for _ in 0..11_000 / 10 {
            self.load(10);
            if let Some(outcome) = self.network.machines[machine].overlay.poll_key_outcome() {
                assert_eq!(outcome.ticket, ticket);
                return outcome;
            }
        }
        panic!("no outcome within 11 s");
    }

    /// The same; every daemon has done it, and has this ring now.
    pub fn done(&mut self, machine: usize, command: KeyCommand, ring: &[&[u8]]) {
        let outcome = self.command(machine, command);
        assert_eq!(outcome.refused, None);
        assert_eq!(outcome.daemons.len(), self.network.machines.len());
        assert_eq!(outcome.daemons[0].name, format!("daemon-{machine}"), "ourselves first");
        for daemon in outcome.daemons {
            assert_eq!((daemon.answer, daemon.state), (DONE, State::Reachable), "{}", daemon.name);
            let ids: Vec<KeyId> = daemon.keys.iter().map(|key| key.id).collect();
            assert_eq!(ids, ring.iter().map(|key| id(key)).collect::<Vec<_>>(), "{}", daemon.name);
        }
    }

    /// The daemons' answers by number of the daemon.
    pub fn answers(outcome: &KeyOutcome) -> Vec<KeyAnswer> {
        let mut named: Vec<_> = outcome.daemons.iter().map(|daemon| (&daemon.name, daemon.answer)).collect();
        named.sort_by_key(|(name, _)| (*name).clone());
        named.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Everything that was published arrived at these machines once and in order, and nothing was refused.
    pub fn is_whole(&mut self, machines: impl IntoIterator<Item = usize>) {
        self.network.run(30 * SECOND);
        assert_eq!(self.refused, 0, "seed {}", self.network.seed);
        let expected: Vec<u32> = (0..self.published).collect();
        for machine in machines {
            let seed = self.network.seed;
            assert!(self.network.numbers(machine, 0) == expected, "machine {machine}, seed {seed}");
        }
        for machine in self.network.machines.iter().filter(|machine| machine.up) {
            assert_eq!(machine.overlay.stats().refused, 0, "seed {}", self.network.seed);
        }
    }

    /// The keys that datagrams between hosts are sealed with for so many milliseconds.
    pub fn keys_between_hosts(&mut self, milliseconds: u32) -> Vec<KeyId> {
        self.network.recorded = Some(Vec::new());
        self.load(milliseconds);
        let recorded = self.network.recorded.take().unwrap();
        assert!(recorded.len() > 50, "nothing was recorded");
        let keys = recorded.iter().map(|(_, _, datagram)| Header::parse(datagram).unwrap().key_id);
        let mut keys: Vec<KeyId> = keys.collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

impl World {
    /// Everywhere it is so now, on some daemons since before.
    pub fn done_or_already(&mut self, machine: usize, command: KeyCommand) {
        let outcome = self.command(machine, command);
        let is_so = |answer: &KeyAnswer| matches!(answer, KeyAnswer::Done { .. } | KeyAnswer::Already);
        assert!(World::answers(&outcome).iter().all(is_so) && outcome.refused.is_none(), "{outcome:?}");
    }
}
