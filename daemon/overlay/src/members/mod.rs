//! Members: who is in the overlay, and who has gone. SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips,
//! Currey 2017), as a state machine that neither seals datagrams nor knows sockets.
//!
//! How it goes. In each period one member is pinged, in a random round-robin order (`lists`, `probe`). One that does not
//! answer is pinged again, then through others (`relay`), then suspected (`suspicion`). Suspicions get around with the
//! gossip (`gossip`); the suspect refutes by raising its incarnation; one that does not is declared failed. A failed or
//! left member stays as a tombstone for a while (`tombstone`), so that old claims about it revive nobody (`merge`).
//! Newcomers introduce themselves to a seed or ask a multicast group (`group`), and lost members are tried at a low rate, so that halves of an overlay
//! merge by themselves (`join`).
//!
//! What it does beyond the papers, and why:
//! - Identity is (name, generation). A restart is a newer generation and replaces the old one at once; nothing revives
//!   an older one. A live name at another address is a conflict: the known one stays until it has failed.
//! - A direct ping is repeated within the probe's time, so that single losses cost no suspicion.
//! - Some of those who hear of a suspicion probe the suspect at once (`second opinion`): independent confirmations come
//!   within a probe's time instead of a round, whatever the overlay's size.
//! - A failure is believed once we have suspected the member ourselves for a while. Of one we hold alive it begins a
//!   suspicion (gossip) or has it probed (repair), so that merging halves do not declare healthy members failed.
//! - When our own timers run late we were stalled, and every open suspicion moves by the stall.
//!
//! Load: each daemon sends one ping a period, and gossip only while there is something to say, to a fixed number of
//! members each time; neither grows with the overlay.
//!
//! The caller authenticates datagrams, drops replays, answers unknown generations with Challenge, and passes on what is
//! from a daemon whose generation is known (an Introduction: from any). It drains `poll_*` after every input.

mod awareness;
#[cfg(test)]
mod check;
mod claim;
mod event;
mod frame;
mod gossip;
mod group;
mod input;
mod join;
mod lists;
mod merge;
mod own;
mod probe;
mod quiet;
mod relay;
mod round_trip;
mod spread;
mod suspicion;
mod table;
mod timers;
mod tombstone;
mod transition;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use gossiperl_idl::{Salt, generated::MemberUpdate};
use gossiperl_link::Time;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub(crate) use self::claim::wire_incarnation;
use self::{
    awareness::Awareness, event::count, gossip::GossipQueue, group::Group, join::Seeds, lists::Lists,
    own::Own, probe::Probes, quiet::Quiet, relay::Relays, round_trip::RoundTrips, suspicion::Suspicions,
    table::Table, tombstone::Tombstones,
};
pub use self::{
    claim::{Claim, ClaimError, Liveness, MAX_INCARNATION, MAX_NAME},
    event::{MemberCounters, MemberEvent, MemberEventKind},
    frame::MembersFrame,
    table::{Member, MemberId},
};
use crate::{Config, Detector, Identities, Identity, rhythm::Rhythm};

/// Frames waiting to be taken; beyond it the oldest is dropped and counted. A frame lost is a datagram lost.
const MAX_OUTGOING: usize = 16_384;
/// Events waiting to be taken; beyond it the oldest is dropped and counted.
const MAX_EVENTS: usize = 65_536;
/// Introductions waiting to be taken by repair; beyond it the oldest is dropped: repair happens anyway.
const MAX_MET: usize = 1_024;

/// What membership is told of the overlay's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The failure detector's constants.
    pub detector: Detector,
    /// Members held beside ourselves, tombstones included. Beyond it the oldest tombstone makes room, and where there is
    /// none newcomers are refused.
    pub members: usize,
    /// No suspicion lasts longer. Zero: no bound.
    pub max_quarantined: Duration,
    /// A failed member is reported dropped and out after so long. Zero: never.
    pub drop_unreachable_after: Duration,
}

impl Settings {
    /// What concerns membership of these.
    pub fn of(config: &Config) -> Self {
        Settings {
            detector: config.detector,
            members: config.limits.members,
            max_quarantined: config.max_quarantined,
            drop_unreachable_after: config.drop_unreachable_after,
        }
    }
}

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// Our name, 1 to 255 bytes.
    pub name: String,
    /// Our run.
    pub generation: Salt,
    /// Where others reach us.
    pub address: SocketAddr,
    /// Our rack.
    pub rack: String,
}

/// A frame to be sent. Consecutive ones with the same `to` and `receiver` belong into one datagram, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub to: SocketAddr,
    /// To which run; `None`: first contact, receiver zero.
    pub receiver: Option<Salt>,
    /// What.
    pub frame: MembersFrame,
}

/// A member as repair compares it. A change of it is told by [`Members::poll_changed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Summary {
    /// Its newest run.
    pub generation: Salt,
    /// That run's incarnation.
    pub incarnation: u32,
    /// Alive, failed or left; a suspicion is passing and counts as alive.
    pub liveness: Liveness,
}

/// Whose [`Summary`] is not what it was when it was last polled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The member's name.
    pub name: Arc<str>,
    /// The run that the table had under this name then, be it as a tombstone; `None`: none.
    pub before: Option<Salt>,
}

/// The members of one overlay as one daemon sees them.
pub struct Members {
    settings: Settings,
    rng: ChaCha8Rng,
    table: Table,
    lists: Lists,
    own: Own,
    awareness: Awareness,
    probes: Probes,
    relays: Relays,
    round_trips: RoundTrips,
    suspicions: Suspicions,
    tombstones: Tombstones,
    gossip: GossipQueue,
    gossip_targets: Vec<MemberId>,
    /// To whom gossip was sent just now.
    gossiped: Quiet,
    /// Who was told just now that we think it dead.
    noticed: Quiet,
    /// When gossip goes out.
    rhythm: Rhythm,
    seeds: Seeds,
    group: Option<Group>,
    next_lost: Time,
    root: i64,
    outgoing: VecDeque<Outgoing>,
    events: VecDeque<MemberEvent>,
    /// The run that each had when it was last polled. At most one a name in the table since then.
    changed: BTreeMap<Arc<str>, Option<Salt>>,
    identities: Option<Identities>,
    met: VecDeque<(SocketAddr, Salt)>,
    reported: VecDeque<(Time, String)>,
    counters: MemberCounters,
}

impl Members {
    /// An overlay of ourselves alone. `seed` decides every random choice.
    pub fn new(settings: Settings, me: Me, seed: u64, now: Time) -> Self {
        let address = claim::canonical(me.address);
        let claim = Claim {
            name: &me.name,
            generation: me.generation,
            incarnation: 0,
            liveness: Liveness::Alive,
            address,
            rack: &me.rack,
            accuser: None,
        };
        let identity = Identity::new(&*me.name, me.generation, address, &*me.rack);
        let mut member = Member::new(now, &claim, Arc::new(identity));
        member.announced = true;
        Members {
            awareness: Awareness::new(settings.detector.awareness_max),
            rng: ChaCha8Rng::seed_from_u64(seed),
            changed: BTreeMap::from([(member.name().clone(), None)]),
            identities: None,
            table: Table::new(seed, member),
            settings,
            lists: Lists::default(),
            own: Own::default(),
            probes: Probes::default(),
            relays: Relays::default(),
            round_trips: RoundTrips::default(),
            suspicions: Suspicions::default(),
            tombstones: Tombstones::default(),
            gossip: GossipQueue::default(),
            gossip_targets: Vec::new(),
            gossiped: Quiet::default(),
            noticed: Quiet::default(),
            rhythm: Rhythm::new(),
            seeds: Seeds::default(),
            group: None,
            next_lost: now + join::LOST_EVERY,
            root: 0,
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            met: VecDeque::new(),
            reported: VecDeque::new(),
            counters: MemberCounters::default(),
        }
    }

    /// Shares the identities of members with other overlays of this process from now on.
    pub fn share_identities(&mut self, identities: Identities) {
        self.identities = Some(identities);
    }

    /// Other constants and bounds from now on. A timer that runs ends when it would have.
    pub fn reconfigure(&mut self, settings: Settings) {
        self.awareness.set_max(settings.detector.awareness_max);
        self.settings = settings;
    }

    /// Makes room for so many more members at once.
    pub fn reserve(&mut self, more: usize) {
        self.table.reserve(more);
    }

    /// Ourselves.
    pub fn me(&self) -> &Member {
        // Nothing ever removes us from the table.
        #[allow(clippy::expect_used)]
        self.table.get(MemberId::ME).expect("we are always a member")
    }

    /// A member by its place.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.table.get(id)
    }

    /// A member by name, ourselves included.
    pub fn by_name(&self, name: &str) -> Option<MemberId> {
        self.table.by_name(name)
    }

    /// The member whose present run this is, in any liveness; `None` for our own, an older or an unknown one.
    pub fn by_generation(&self, generation: &Salt) -> Option<MemberId> {
        self.table.by_generation(generation)
    }

    /// The member last accepted at this address.
    pub fn by_address(&self, address: SocketAddr) -> Option<MemberId> {
        self.table.by_address(&claim::canonical(address))
    }

    /// All members, tombstones and ourselves included, in an order that depends on the history alone.
    pub fn iter(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.table.iter()
    }

    /// Live members other than ourselves.
    pub fn live(&self) -> usize {
        self.lists.live()
    }

    /// What repair compares of a member; `None` for one that is forgotten.
    pub fn summary(&self, id: MemberId) -> Option<Summary> {
        let member = self.table.get(id).filter(|member| !member.dropped)?;
        let liveness = if member.liveness.is_live() { Liveness::Alive } else { member.liveness };
        Some(Summary { generation: *member.generation(), incarnation: member.incarnation, liveness })
    }

    /// What we claim about a member, as repair and gossip send it.
    pub fn update_of(&self, id: MemberId) -> Option<MemberUpdate> {
        let member = self.table.get(id)?;
        Some(spread::update_in_turn(member, self.suspicions.get(id), 0))
    }

    /// A random live member to repair with, mostly of our rack.
    pub fn repair_target(&mut self) -> Option<(SocketAddr, Salt)> {
        let id = self.lists.pick_any(&mut self.rng, 1, None).pop()?;
        self.table.get(id).map(|member| (member.address(), *member.generation()))
    }

    /// A member whose [`Summary`] has changed, come or gone; each once until it changes again, by name.
    pub fn poll_changed(&mut self) -> Option<Changed> {
        self.changed.pop_first().map(|(name, before)| Changed { name, before })
    }

    /// A daemon with which introductions were exchanged just now: repair with it brings a newcomer the whole table.
    pub fn poll_met(&mut self) -> Option<(SocketAddr, Salt)> {
        self.met.pop_front()
    }

    /// The next frame to be sent.
    pub fn poll_outgoing(&mut self) -> Option<Outgoing> {
        self.outgoing.pop_front()
    }

    /// The next thing to report.
    pub fn poll_event(&mut self) -> Option<MemberEvent> {
        self.events.pop_front()
    }

    /// The local health score: 0 is healthy (Lifeguard).
    pub fn health_score(&self) -> u32 {
        self.awareness.score()
    }

    /// What has been counted.
    pub fn counters(&self) -> &MemberCounters {
        &self.counters
    }

    /// The root of our hash tree, as pings and their acknowledgements carry it.
    pub fn set_root(&mut self, root: i64) {
        self.root = root;
    }

    fn send(&mut self, to: SocketAddr, receiver: Option<Salt>, frame: MembersFrame) {
        if self.outgoing.len() >= MAX_OUTGOING {
            self.outgoing.pop_front();
            count(&mut self.counters.overflows);
        }
        self.outgoing.push_back(Outgoing { to, receiver, frame });
    }

    fn report(&mut self, event: MemberEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
            count(&mut self.counters.overflows);
        }
        self.events.push_back(event);
    }
}
