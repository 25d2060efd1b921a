//! The overlay put together: what comes in goes to the part it concerns, what they bring about goes out.

mod daemons;
mod drain;
mod figures;
mod group;
mod keys;
mod legacy;
mod load;
mod members_of;
mod operator;
mod publish;
mod receive;
mod reconfigure;
mod requests;
mod runs;
mod sealing;
mod sessions;
mod subscribed;
mod succession;
mod transmit;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use gossiperl_idl::{
    Salt, frame,
    sealed::{Header, KeyId, KeyRingError, OverlayKey, Role},
};
use gossiperl_link::Time;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;
use ring::digest;

use crate::{
    Config, Latencies, Stats, Traffic,
    clients::{ClientId, Legacy, Registry},
    datagram::Datagrams,
    delivery::{Bodies, Cause, Pressure, Routes},
    endpoint::{Endpoint, EndpointId, Endpoints},
    event::{Event, View},
    members::{Me, Members, Settings},
    rhythm::Rhythm,
    state::{State, store::Bounds},
};

use group::Askers;
use keys::KeyTalk;
pub use load::Load;
pub use receive::NewestRefused;
use sealing::{Sealing, Under};
pub use subscribed::SubscriptionView;
pub use transmit::Transmit;

/// How often stalled subscribers are looked for while somebody is held back.
const LOOK_FOR_STALLED: Duration = Duration::from_secs(1);

/// Challenges sent in a second at most; further ones are counted and not sent.
const CHALLENGES_A_SECOND: u32 = 1_000;

/// Events kept for a driver that does not ask for them; beyond it the oldest go.
const EVENTS_KEPT: usize = 4_096;

/// Datagrams to addresses without an endpoint that wait at most; beyond it new ones are not queued. Their receivers ask again.
const SINGLES_WAITING: usize = 1_024;

/// Why an overlay cannot be made of its configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No key, or more than a key ring holds.
    #[error("symmetric_key: 1 to 8 different keys are needed")]
    Keys,
    /// The member name is empty or longer than 255 bytes.
    #[error("member_name: {0} bytes, but it must have 1 to 255")]
    MemberName(usize),
}

/// One overlay of one daemon.
///
/// Input: [`Overlay::handle_datagram`], [`Overlay::handle_unreachable`], [`Overlay::handle_timeout`]. After each, output:
/// [`Overlay::poll_transmit`] until `None`, [`Overlay::poll_event`] until `None`, then [`Overlay::poll_timeout`].
pub struct Overlay {
    config: Config,
    datagrams: Datagrams,
    /// Who is not known to have the key that seals.
    sealing: Sealing,
    /// Changes of keys, ours and others'.
    key_talk: KeyTalk,
    endpoints: Endpoints,
    session_of: BTreeMap<ClientId, EndpointId>,
    clients: Registry,
    /// Sessions of protocol 1.
    legacy: Legacy,
    /// Under which publisher, and up to which sequence, we published for clients of protocol 1.
    legacy_publisher: i64,
    legacy_sequence: i64,
    envelope: Vec<u8>,
    rng: ChaCha12Rng,
    routes: Routes,
    bodies: Bodies,
    pressure: Pressure,
    /// Whose links are held until this queue has room.
    held: BTreeMap<Cause, BTreeSet<EndpointId>>,
    singles: VecDeque<Single>,
    members: Members,
    state: State,
    /// Subscriptions of other daemons' clients that are in the routes.
    remote_subscriptions: BTreeSet<(Salt, Box<[u8]>)>,
    /// When changes of state go out.
    rhythm: Rhythm,
    events: VecDeque<Event>,
    stats: Stats,
    newest_refused: NewestRefused,
    traffic: Traffic,
    latencies: Latencies,
    unix_seconds: i64,
    /// When we were last called.
    now: Time,
    leaving: bool,
    draining: bool,
    challenges: RateLimit,
    /// Who has asked our multicast group.
    askers: Askers,
    stalled_at: Option<Time>,
    /// When sessions have to have claimed what their predecessors left.
    reclaims: BTreeSet<(Time, EndpointId)>,
}

/// A datagram to an address that has no endpoint.
struct Single {
    destination: SocketAddr,
    role: Role,
    receiver: u64,
    /// Under which key of the ring.
    under: Under,
    /// A member: what room is left takes gossip.
    gossip_to: Option<Salt>,
    frames: Vec<u8>,
    /// Goes out without a frame, to show that we have the key.
    offer: bool,
}

impl Overlay {
    /// A daemon's part in an overlay, whose run is `salt`, at the wall clock's `unix_seconds`. The salt and the key decide every random choice.
    pub fn new(config: Config, salt: Salt, now: Time, unix_seconds: i64) -> Result<Self, ConfigError> {
        let name_len = config.member_name.len();
        if name_len == 0 || name_len > sessions::NAME_LEN {
            return Err(ConfigError::MemberName(name_len));
        }
        let datagrams = Datagrams::new(&config, salt).ok_or(ConfigError::Keys)?;
        let mut clients = Registry::new(&config);
        clients.set_unix_time(unix_seconds);
        let settings = Settings::of(&config);
        let me = Me {
            name: config.member_name.clone(),
            generation: salt,
            address: SocketAddr::new(config.advertised.0, config.advertised.1),
            rack: config.rack_name.clone(),
        };
        let mut rng = secret_random(&config, &salt);
        let look_ups = aside(&rng);
        let mut legacy = Legacy::new(&config, rng.next_u64());
        legacy.set_unix_time(unix_seconds);
        let mut members = Members::new(settings, me, rng.next_u64(), now);
        if let Some(group) = config.group {
            members.ask_group(now, group);
        }
        if let Some(identities) = &config.identities {
            members.share_identities(identities.clone());
        }
        let bounds = Bounds { owners: config.limits.members, ..Bounds::default() };
        Ok(Overlay {
            datagrams,
            sealing: Sealing::default(),
            key_talk: KeyTalk::default(),
            endpoints: Endpoints::new(look_ups),
            session_of: BTreeMap::new(),
            clients,
            legacy,
            legacy_publisher: (rng.next_u64() >> 1).max(1).cast_signed(),
            legacy_sequence: 0,
            envelope: Vec::new(),
            routes: Routes::default(),
            bodies: Bodies::default(),
            pressure: Pressure::default(),
            held: BTreeMap::new(),
            singles: VecDeque::new(),
            members,
            state: State::new(salt, bounds),
            remote_subscriptions: BTreeSet::new(),
            rhythm: Rhythm::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
            newest_refused: NewestRefused::default(),
            traffic: Traffic::default(),
            latencies: Latencies::default(),
            unix_seconds,
            now,
            leaving: false,
            draining: false,
            challenges: RateLimit::new(now, CHALLENGES_A_SECOND),
            askers: Askers::new(now),
            stalled_at: None,
            reclaims: BTreeSet::new(),
            rng,
            config,
        })
    }

    /// The wall clock's second has changed. Used for heartbeats only.
    pub fn set_unix_time(&mut self, unix_seconds: i64) {
        self.unix_seconds = unix_seconds;
        self.clients.set_unix_time(unix_seconds);
        self.legacy.set_unix_time(unix_seconds);
    }

    /// Addresses to join the overlay at; tried again, with backoff, until a daemon there is a member. A driver that looks names up calls this
    /// again with what it finds.
    pub fn join(&mut self, now: Time, addresses: &[SocketAddr]) {
        self.members.join(now, addresses);
    }

    /// The system reported that nobody listens at this address: a client there is unreachable, a daemon is probed through others at once.
    pub fn handle_unreachable(&mut self, now: Time, address: SocketAddr) {
        self.members.handle_unreachable(now, address);
        if self.clients.handle_unreachable(now, address).is_some() {
            self.follow_clients(now);
        }
    }

    /// When [`Overlay::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Time> {
        let ours = [
            self.endpoints.next_timer(),
            self.clients.poll_timeout(),
            self.stalled_at,
            self.gossip_timeout(),
            self.keys_timeout(),
        ];
        let reclaim = self.reclaims.first().map(|(at, _)| *at);
        ours.into_iter()
            .chain([reclaim])
            .chain([self.members.poll_timeout(), self.state.poll_timeout(), self.legacy.poll_timeout()])
            .flatten()
            .min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        for id in self.endpoints.take_due(now) {
            if let Some(link) = self.endpoints.get_mut(id).and_then(|endpoint| endpoint.link.as_deref_mut()) {
                let before = link.stats().expiries;
                link.handle_timeout(now);
                self.stats.timeouts += link.stats().expiries - before;
            }
            self.endpoints.settle(now, id);
        }
        self.members.handle_timeout(now);
        self.state.handle_timeout(now);
        self.gossip_state(now);
        self.legacy.handle_timeout(now);
        self.follow_legacy(now, None);
        self.clients.handle_timeout(now);
        self.follow_clients(now);
        self.end_overdue_claims(now);
        self.advance_asking(now);
        self.follow_keys(now);
        if self.stalled_at.is_some_and(|at| at <= now) {
            self.stalled_at = None;
            self.find_stalled(now);
            self.find_stalled_legacy(now);
            self.watch_stalled(now);
        }
    }

    /// The next thing a person may want to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Ourselves first, then the other daemons, then the local clients.
    pub fn members(&self) -> Vec<View> {
        self.named_views().map(|(_, view)| view).collect()
    }

    /// The same with their names as bytes, which those of protocol 1's clients may be.
    fn named_views(&self) -> impl Iterator<Item = (Box<[u8]>, View)> {
        let own = members_of::own_view(&self.config, self.unix_seconds);
        let others = self.members.iter().filter(|(_, member)| *member.generation() != self.datagrams.salt());
        let others = others.filter(|(_, member)| !member.is_forgotten());
        let daemons =
            std::iter::once(own).chain(others.map(|(_, member)| self.daemon_view(self.now, member)));
        let daemons = daemons.map(|view| (view.name.as_bytes().into(), view));
        daemons.chain(self.clients.iter().map(|(_, client)| (client.name.clone(), Registry::view(client))))
    }

    /// Adds a key that opens to our ring alone, and returns its id; to those of all daemons: [`Overlay::change_keys`].
    pub fn add_key(&mut self, symmetric_key: &[u8]) -> Result<KeyId, KeyRingError> {
        let key = OverlayKey::new(symmetric_key);
        let id = key.id();
        self.datagrams.add_key(key).map(|_| id)
    }

    /// Seals with this key of our ring from now on, except for those who have not shown that they have it. Returns whether another one did.
    pub fn promote_key(&mut self, id: KeyId) -> Result<bool, KeyRingError> {
        let before = self.datagrams.sealing();
        let changed = self.datagrams.promote_key(id)?;
        if changed {
            self.sealing_changed(before);
        }
        Ok(changed)
    }

    /// Takes a key that does not seal out of our ring. What is sealed under it opens no more.
    pub fn retire_key(&mut self, id: KeyId) -> Result<(), KeyRingError> {
        self.datagrams.retire_key(id)?;
        self.key_retired(id);
        Ok(())
    }

    /// Ends every session in order: the clients are told, nothing new is taken.
    pub fn leave(&mut self, now: Time) {
        self.leaving = true;
        self.members.leave();
        for id in self.endpoints.ids() {
            if let Some(endpoint) = self.endpoints.get_mut(id) {
                endpoint.push_frame(frame::GOODBYE, &[0]);
            }
            self.endpoints.settle(now, id);
        }
    }

    /// Whether our leaving has been told widely enough to stop, and the other daemons have what we had taken for their clients. One of them
    /// may take its time: who waits for this needs a bound.
    pub fn is_left(&self) -> bool {
        let waits = |endpoint: &Endpoint| {
            let queued = endpoint.link.as_deref().is_some_and(|link| link.queued_frames() > 0);
            endpoint.session.is_none() && endpoint.reachable && queued
        };
        self.leaving && self.members.is_left() && !self.endpoints.iter().any(waits)
    }

    /// Where the other daemons are, to join through when we start again.
    pub fn known_addresses(&self) -> Vec<SocketAddr> {
        let others = self.members.iter().filter(|(_, member)| *member.generation() != self.datagrams.salt());
        others.filter(|(_, member)| member.liveness().is_live()).map(|(_, member)| member.address()).collect()
    }

    /// Turns the registry's notices into events, for the driver and for the clients that watch.
    fn follow_clients(&mut self, now: Time) {
        while let Some(notice) = self.clients.poll_notice() {
            let gone = self.clients.get(notice.client).is_none();
            if let Some(id) = self.session_of.get(&notice.client).copied()
                && let Some(endpoint) = self.endpoints.get_mut(id)
            {
                endpoint.reachable = notice.view.state == crate::State::Reachable;
                if !endpoint.reachable {
                    // Nobody waits for one that is away: what its queue has no room for goes from now on.
                    self.relieve(now, Cause::Queue(id), publish::Level::Empty);
                }
            }
            self.legacy.client_changed(now, notice.client, notice.view.state);
            if notice.view.state != crate::State::Reachable {
                self.relieve(now, Cause::Legacy(notice.client), publish::Level::Empty);
            }
            if gone {
                self.legacy.forget(notice.client);
                self.follow_legacy(now, Some(&notice.name));
                self.forget_client(now, notice.client);
            }
            self.legacy.announce(notice.change, &notice.name);
            self.tell_watchers(now, notice.change, &notice.name, &notice.view);
            self.push_event(Event::Member(notice.change, notice.view));
        }
    }

    fn push_event(&mut self, event: Event) {
        if self.events.len() >= EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// "Address me by the id in this datagram's salt."
    fn challenge(&mut self, now: Time, to: SocketAddr, header: &Header) {
        if !self.challenges.take(now) {
            self.stats.challenges_withheld += 1;
            return;
        }
        let role = match header.role {
            Role::ClientToDaemon => Role::DaemonToClient,
            _ => Role::DaemonToDaemon,
        };
        let mut frames = Vec::with_capacity(4);
        frame::put(frame::CHALLENGE, &[0], &mut frames);
        self.answer_single(to, role, header, frames);
    }

    /// Answers a datagram whose sender has no endpoint, under the key that it came under.
    fn answer_single(&mut self, to: SocketAddr, role: Role, header: &Header, frames: Vec<u8>) {
        let (receiver, under) = (header.salt.receiver_id(), Under::Key(header.key_id));
        self.push_single(Single {
            destination: to,
            role,
            receiver,
            under,
            gossip_to: None,
            frames,
            offer: false,
        });
    }

    fn push_single(&mut self, single: Single) {
        if self.singles.len() < SINGLES_WAITING {
            self.singles.push_back(single);
        }
    }
}

/// Randomness that whoever lacks the overlay's key cannot predict, and that the same inputs repeat: initialisation vectors come from it.
fn secret_random(config: &Config, salt: &Salt) -> ChaCha12Rng {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"gossiperl overlay randomness");
    context.update(&salt.0);
    context.update(config.symmetric_keys.first().map_or(&[], |key| key.as_slice()));
    let mut seed = [0; 32];
    seed.copy_from_slice(context.finish().as_ref());
    ChaCha12Rng::from_seed(seed)
}

/// A number that leaves those that follow as they are.
fn aside(rng: &ChaCha12Rng) -> u64 {
    let mut aside = rng.clone();
    aside.set_stream(1);
    aside.next_u64()
}

/// At most so many a second, counted in whole seconds.
struct RateLimit {
    begins: Time,
    left: u32,
    a_second: u32,
}

impl RateLimit {
    fn new(now: Time, a_second: u32) -> Self {
        RateLimit { begins: now, left: a_second, a_second }
    }

    fn take(&mut self, now: Time) -> bool {
        if now.since(self.begins) >= Duration::from_secs(1) {
            *self = RateLimit::new(now, self.a_second);
        }
        self.left.checked_sub(1).map(|left| self.left = left).is_some()
    }
}
