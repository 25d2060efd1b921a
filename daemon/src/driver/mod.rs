//! One task drives one overlay: datagrams and time in, datagrams and events out.
//!
//! The overlay itself is a pure state machine; everything that touches the system is here and in the modules beside:
//! sockets ([`crate::socket`]), the clocks, randomness, names ([`crate::lookup`]), files ([`crate::store`]). Nothing in the
//! task waits for a name server or a disk: both are asked from tasks of their own, and answer when they answer.

mod clock;
mod command;
mod group;
mod joining;
mod keeping;
mod report;
mod ring;
mod run;
mod standing;
mod train;

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::Path, time::Duration};

use gossiperl_idl::Salt;
use gossiperl_overlay::{
    ConfigError, Event, KeyCommand, KeyId, NotSent, Overlay, Snapshot, SubscriptionView, View,
};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    task::JoinHandle,
};
use zeroize::Zeroizing;

use crate::{
    config::{OverlaySettings, bound_addresses},
    keys::{self, KeyError, KeysReport},
    lookup::Lookup,
    random::{self, NoRandomness},
    socket::{self, AddressError, BufferSizes, Buffers, Counts, Sockets},
    store::{Store, StoreError},
};

use clock::Clock;
use command::{Command, Message};
use group::GroupWatch;
use joining::Joining;
use keeping::Keeping;
use report::Report;
use ring::RingKeeping;
use run::Driver;
use standing::Refusal;
pub use standing::Standing;
use train::Train;

/// Commands waiting for the task; beyond it those who ask wait.
const COMMANDS: usize = 64;
/// Events kept for a slow reader; beyond it that reader misses the oldest and is told how many.
const EVENTS: usize = 1_024;

/// An overlay that runs. Cloning gives another handle; dropping the last one makes the daemon leave.
#[derive(Clone, Debug)]
pub struct Handle {
    overlay: String,
    member_name: String,
    bound: SocketAddr,
    commands: mpsc::Sender<Command>,
    events: broadcast::Sender<Event>,
}

/// The overlay's task has ended: the overlay was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the overlay is left already")
    }
}

impl std::error::Error for Ended {}

/// What was counted since the start, and what is there now. Some 3 kB of plain numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The overlay's.
    pub overlay: Snapshot,
    /// The sockets'.
    pub sockets: Counts,
    /// The sockets' buffers.
    pub buffers: BufferSizes,
    /// What the configuration asks for.
    pub buffers_wanted: BufferSizes,
    /// How long the overlay has been running.
    pub running: Duration,
    /// How it stands with other daemons.
    pub standing: Standing,
}

impl Statistics {
    /// Every counter, in an order that stays the same while the program runs. Not what is there now, nor what stands behind the sockets'.
    pub fn values(&self) -> impl Iterator<Item = u64> {
        self.overlay.values().chain([self.sockets.unsent, self.sockets.receive_errors])
    }

    /// The same, to be written.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let Counts { unsent, receive_errors } = &mut self.sockets;
        self.overlay.values_mut().chain([unsent, receive_errors])
    }
}

impl Handle {
    /// The overlay's name in the configuration.
    pub fn overlay(&self) -> &str {
        &self.overlay
    }

    /// Our name among the members.
    pub fn member_name(&self) -> &str {
        &self.member_name
    }

    /// The address bound.
    pub fn local_address(&self) -> SocketAddr {
        self.bound
    }

    /// The members and local clients as they are now, ourselves first.
    pub async fn members(&self) -> Result<Vec<View>, Ended> {
        self.ask(Command::Members).await
    }

    /// The counters as they are now. Asking costs the overlay a look at each member and client.
    pub async fn statistics(&self) -> Result<Box<Statistics>, Ended> {
        self.ask(Command::Statistics).await
    }

    /// All subscriptions known here: our clients' and those of other daemons' clients.
    pub async fn subscriptions(&self) -> Result<Vec<SubscriptionView>, Ended> {
        self.ask(Command::Subscriptions).await
    }

    /// Takes over what of these settings can change while the overlay runs, without disturbing its members and clients: see
    /// [`OverlaySettings::change_from`]. The rest is ignored.
    pub async fn reconfigure(&self, settings: OverlaySettings) -> Result<(), Ended> {
        self.ask(|answer| Command::Reconfigure(Box::new(settings), answer)).await
    }

    /// Publishes a message of the operator's to every subscriber; or sends it to one address of this host in protocol 1, once, where nothing tells whether
    /// it arrived.
    pub async fn publish(
        &self,
        to: Option<SocketAddr>,
        event_type: Vec<u8>,
        payload: Vec<u8>,
    ) -> Result<Result<(), NotSent>, Ended> {
        let message = Box::new(Message { to, event_type, payload });
        self.ask(|answer| Command::Publish(message, answer)).await
    }

    /// The keys of every daemon of the overlay, by their ids. Within 10 s; who has not answered by then is reported as silent.
    pub async fn keys(&self) -> Result<KeysReport, KeyError> {
        self.change_key(KeyCommand::List).await
    }

    /// Adds, uses or retires a key on every daemon of the overlay, and reports what each of them says. Within 15 s.
    ///
    /// An error says that nothing was changed anywhere. A report that is not complete says who has yet to be reached: the same command again does no harm
    /// to the others.
    pub async fn change_key(&self, command: KeyCommand) -> Result<KeysReport, KeyError> {
        let operation = keys::operation(&command);
        let outcome = self.ask(|answer| Command::Keys(command, answer)).await;
        keys::report(&self.overlay, operation, outcome.map_err(|Ended| KeyError::Ended)?)
    }

    /// What happens from now on. A reader more than 1,024 events behind misses the oldest.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Tells that the configuration has the keys of these ids from now on, where that is no change of the ring: what is kept of it is kept as derived from them, or dropped
    /// where it is just them.
    pub(crate) async fn configured(&self, keys: Vec<KeyId>) -> Result<(), Ended> {
        self.ask(|answer| Command::Configured(keys, answer)).await
    }

    /// The keys of the ring as they are now, the one that seals first: for clients of our own.
    pub(crate) async fn ring_keys(&self) -> Result<Vec<Zeroizing<Vec<u8>>>, Ended> {
        self.ask(Command::RingKeys).await
    }

    /// Takes nothing new from now on, so that what waits gets to its subscribers before the overlay is left.
    pub async fn drain(&self) -> Result<(), Ended> {
        self.ask(Command::Drain).await
    }

    /// Takes messages again after [`Handle::drain`].
    pub async fn end_draining(&self) -> Result<(), Ended> {
        self.ask(Command::EndDraining).await
    }

    /// Leaves the overlay in order: the others and the clients are told. The task ends when that is done, or after `within`.
    pub async fn leave(&self, within: Duration) -> Result<(), Ended> {
        self.commands.send(Command::Leave(within)).await.map_err(|_| Ended)
    }

    /// Whether both are of one run of an overlay.
    pub(crate) fn is_same(&self, other: &Handle) -> bool {
        self.commands.same_channel(&other.commands)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Ended> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| Ended)?;
        answered.await.map_err(|_| Ended)
    }
}

/// Why an overlay does not run. Nothing of it is left behind but its folder.
#[derive(Debug)]
pub enum StartError {
    /// No address, or it cannot be bound.
    Address(AddressError),
    /// Nothing can be kept.
    Store(StoreError),
    /// The settings do not make an overlay.
    Config(ConfigError),
    /// No randomness.
    Randomness(NoRandomness),
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Address(error) => error.fmt(formatter),
            StartError::Store(error) => error.fmt(formatter),
            StartError::Config(error) => error.fmt(formatter),
            StartError::Randomness(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for StartError {}

/// Starts an overlay: binds its sockets, remembers what was kept below `root`, and drives it in a task of its own until it is left.
/// Needs a tokio runtime.
pub fn start(
    settings: &OverlaySettings,
    root: &Path,
    lookup: Lookup,
) -> Result<(Handle, JoinHandle<()>), StartError> {
    let address = socket::resolve(&settings.bind, settings.port).map_err(StartError::Address)?;
    let wanted =
        BufferSizes { receive: settings.incoming_data_buffer_size, send: settings.outgoing_data_buffer_size };
    let bound = match settings.multicast {
        Some(multicast) => Sockets::bind_with_group(address, multicast, wanted),
        None => Sockets::bind(address, wanted),
    };
    let (sockets, given) = bound.map_err(StartError::Address)?;
    let bound = sockets.local_address();
    let (advertised, others) = socket::advertised(bound, settings.ip_hint);
    let store = Store::open(root, &settings.name).map_err(StartError::Store)?;
    let member_name = member_name(settings, &store, advertised)?;
    let clock = Clock::new();
    let random = || random::number().map_err(StartError::Randomness);
    let salt = Salt::new(clock.unix_micros(), random()?);
    let mut config = settings.overlay_config(&member_name, advertised);
    config.keeps_ring = true;
    let configured = settings.key_ids();
    if let Some(ring) = store.ring(&configured) {
        tracing::info!(overlay = %settings.name, keys = ring.len(), "with the key ring that was kept");
        config.symmetric_keys = ring;
    }
    let overlay =
        Overlay::new(config.clone(), salt, clock.now(), clock.unix_seconds()).map_err(StartError::Config)?;

    let name = settings.name.clone();
    tracing::info!(overlay = %name, member = %member_name, %bound, %advertised, "serving");
    if let (Some(group), Some(multicast)) = (sockets.group(), settings.multicast) {
        let clients = multicast.client_address();
        tracing::info!(overlay = %name, %group, ttl = multicast.ttl, %clients, "asking the multicast group");
    }
    if !others.is_empty() {
        tracing::warn!(overlay = %name, %advertised, ?others, "several addresses to advertise; ip_hint chooses another");
    }
    if given.receive < wanted.receive || given.send < wanted.send {
        tracing::warn!(
            overlay = %name, ?wanted, ?given,
            "the system gives smaller socket buffers; raise net.core.rmem_max and net.core.wmem_max"
        );
    }
    let group = GroupWatch::new(name.clone(), &sockets);
    let mut own = bound_addresses(bound, settings.multicast);
    own.push(advertised);
    let (commands, asked) = mpsc::channel(COMMANDS);
    let (events, _) = broadcast::channel(EVENTS);
    let handle = Handle { overlay: name.clone(), member_name, bound, commands, events: events.clone() };
    let driver = Driver {
        overlay,
        member_name: handle.member_name.clone(),
        advertised,
        config,
        sockets,
        buffer_sizes: (given, wanted),
        buffers: Buffers::new(settings.read_packet_count),
        out: Vec::new(),
        waiting: None,
        train: Train::default(),
        sent_all: true,
        clock,
        group,
        joining: Joining::new(settings, lookup, own, store.addresses()),
        rings: RingKeeping::new(name.clone(), store.clone(), configured),
        keys_asked: BTreeMap::new(),
        keeping: Keeping::new(store),
        report: Report::new(name),
        refusal: Refusal::default(),
        counted_before: None,
        commands: asked,
        events,
        leave_by: None,
        last_known: Vec::new(),
    };
    Ok((handle, tokio::spawn(driver.run())))
}

/// The configured name, or one made of overlay, address, port and a UUID, and kept.
fn member_name(
    settings: &OverlaySettings,
    store: &Store,
    advertised: SocketAddr,
) -> Result<String, StartError> {
    if let Some(name) = &settings.member_name {
        return Ok(name.clone());
    }
    let uuid = random::uuid().map_err(StartError::Randomness)?;
    let make = || format!("{}-{}-{}-{uuid}", settings.name, advertised.ip(), advertised.port());
    store.member_name(make).map_err(StartError::Store)
}
