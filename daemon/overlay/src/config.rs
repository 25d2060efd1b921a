//! The settings of one overlay: plain data, with the names and defaults of protocol 1 where it has them.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use zeroize::Zeroizing;

use crate::Identities;

/// Everything an overlay is told from outside. [`Config::new`] gives the defaults.
#[derive(Clone)]
pub struct Config {
    /// Name of the overlay, for logs only; not on the wire.
    pub overlay: String,
    /// Our name among the members, 1 to 255 bytes.
    pub member_name: String,
    /// Address others reach us at, as members are told.
    pub advertised: (IpAddr, u16),
    /// Port at which clients of this host find us, where it is not the advertised one. Default: none.
    pub client_port: Option<u16>,
    /// Multicast group, with its port, that is asked who is there; the driver hands what comes to it to
    /// [`Overlay::handle_group_datagram`](crate::Overlay::handle_group_datagram). Default: none.
    pub group: Option<SocketAddr>,
    /// Our rack.
    pub rack_name: String,
    /// Key ring: the first seals, all open. 1 to 8 keys.
    pub symmetric_keys: Vec<Zeroizing<Vec<u8>>>,
    /// Secret that other daemons must show.
    pub secret: Zeroizing<Vec<u8>>,
    /// Client names whose secrets are fixed, rather than bound at first use.
    pub client_secrets: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// Whether protocol 1 is spoken with clients on loopback.
    pub legacy_clients: bool,
    /// Timing of the failure detector.
    pub detector: Detector,
    /// A client silent for so long is put into quarantine. Default 20 s.
    pub quarantine_after: Duration,
    /// A client so long in quarantine is unreachable. Default 10 s.
    pub max_quarantined: Duration,
    /// A member unreachable and silent for so long is dropped. Zero: never. Default 180 s.
    pub drop_unreachable_after: Duration,
    /// Protocol 1: seconds between deliveries of the same message. Default 5 s.
    pub redelivery_retry_every: Duration,
    /// Protocol 1: at most so many redeliveries; 0 for no limit. Default 0.
    pub redelivery_retry_max: u32,
    /// How often a protocol-2 client is to be heard of. Default 2 s.
    pub keepalive_every: Duration,
    /// Whether changes of the key ring count as done only once the driver says that they are kept. Default: no.
    pub keeps_ring: bool,
    /// Where several overlays of this process hold the identities of members, each once: for simulations, whose overlays have the same
    /// members. Default: none.
    pub identities: Option<Identities>,
    /// Bounds of queues and tables.
    pub limits: Limits,
}

/// The failure detector's constants (SWIM with Lifeguard). The numbers beside the fields are those of
/// [`Detector::lan`], the default. Sweeps are of the simulator's scenarios, 20 seeds unless it is said; `docs/membership.md` has the figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detector {
    /// One member is probed in each period (SWIM section 3.1, `T'`). 800 ms; memberlist: 1 s.
    ///
    /// Sweep `idle.toml`: a period costs 200 bytes, so 250 B/s at 800 ms, of the 300 we allow ourselves, and 200 B/s at 1 s. It buys 0.14 s of the wait
    /// for somebody's first probe, and unlike a shorter suspicion makes no shorter stop look like a failure.
    pub probe_every: Duration,
    /// A probe not answered directly for so long is tried through others; a probe's whole time is
    /// `min(probe_every, 3 * probe_timeout)`. 160 ms; memberlist: 500 ms.
    ///
    /// Sweep `crash.toml`, median of the seeds' medians until all know (least to most), with a period of 1 s: 3.06 s (2.78 to 3.31) at 180 ms, 2.74 s
    /// (2.51 to 3.03) at 150 ms, 2.50 s (2.27 to 2.86) at 120 ms. `stop.toml` with stops of 2 s, 4 seeds, pairs of stop and daemon that declares it:
    /// 0.2 % at 180 ms, 6 % at 150 ms, 17 % at 140 ms; with a period of 800 ms 0.6 % at 160 ms.
    pub probe_timeout: Duration,
    /// Members asked to probe for us (SWIM section 3.1, `k`; memberlist). 3.
    pub indirect_probes: usize,
    /// Gossip goes out in this rhythm while there is any (memberlist). 200 ms.
    ///
    /// Sweep `crash.toml`, with the probe's earlier numbers: 150 ms would have everybody know 0.12 s sooner and 100 ms 0.34 s, most of it by a shorter
    /// suspicion.
    pub gossip_every: Duration,
    /// Members gossiped to each time (memberlist). 3. Sweep `crash.toml`: 4 would have everybody know of a crash 0.24 s sooner.
    pub gossip_nodes: usize,
    /// A confirmed suspicion lasts
    /// `suspicion_mult * min(probe_every, 3 * probe_timeout) + gossip_every * log(members) / log(1 + gossip_nodes)`, but no longer than
    /// [`Config::max_quarantined`]. 2: one probe's time for the second opinions, one to tell the suspect. memberlist: 4, of
    /// `max(1, log10(members)) * probe_every`.
    pub suspicion_mult: u32,
    /// Upper bound of a suspicion, without confirmation, as a multiple of the lower one (Lifeguard section IV.B, `β`; memberlist). 6.
    pub suspicion_max_mult: u32,
    /// A change is sent `retransmit_mult * ceil(log10(members + 1))` times (SWIM section 4.1, `λ log n`; memberlist). 4.
    pub retransmit_mult: u32,
    /// Upper bound of the local health score (Lifeguard section IV.A, `S`; memberlist). 8.
    pub awareness_max: u32,
}

impl Detector {
    /// Hosts of one network.
    ///
    /// memberlist's `DefaultLANConfig` but for three numbers: a probe each 800 ms (1 s there), a probe timeout of 160 ms (500 ms there), and a shorter
    /// suspicion (there `4 * log10(members)` seconds). Sweep `crash.toml`: a crash among 100 members is known by all after a median of
    /// 2.66 s (2.41 to 2.90; 10 seeds after gossip became quicker: 2.63 s, 2.36 to 3.08), where it was 3.06 s (2.78 to 3.31) at 1 s and 180 ms.
    /// The price: 50 B/s more of idle traffic, and a daemon that stands still for more than two seconds may be taken for failed.
    pub const fn lan() -> Self {
        Detector {
            probe_every: Duration::from_millis(800),
            probe_timeout: Duration::from_millis(160),
            indirect_probes: 3,
            gossip_every: Duration::from_millis(200),
            gossip_nodes: 3,
            suspicion_mult: 2,
            suspicion_max_mult: 6,
            retransmit_mult: 4,
            awareness_max: 8,
        }
    }

    /// Hosts far from each other: memberlist's `DefaultWANConfig`. With the default [`Config::max_quarantined`] of 10 s a suspicion lasts just that, with confirmations
    /// or without (60 s at 100 members in memberlist).
    ///
    /// Sweeps, 3 seeds: `wan-crash.toml`, a crash known by all of 100 after 18 s (17 to 21); `wan-stall.toml` and, 2 seeds, `wan-quiet.toml`: no false alarm in
    /// 150 and 400 member-hours.
    pub const fn wan() -> Self {
        Detector {
            probe_every: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(3),
            gossip_every: Duration::from_millis(500),
            gossip_nodes: 4,
            suspicion_mult: 6,
            ..Detector::lan()
        }
    }

    /// Daemons of one host: memberlist's `DefaultLocalConfig`, whose suspicion grows with the members in another way.
    ///
    /// Sweeps, 6 seeds: `local-crash.toml`, a crash known by all of 20 after 3.4 s (3.0 to 3.8); `local-starved.toml`: nobody declared in
    /// 60 member-hours, though half of them lack CPU and a fifth stands still for up to a second again and again.
    pub const fn local() -> Self {
        Detector {
            probe_every: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(200),
            indirect_probes: 1,
            gossip_every: Duration::from_millis(100),
            suspicion_mult: 3,
            retransmit_mult: 2,
            ..Detector::lan()
        }
    }
}

impl Default for Detector {
    fn default() -> Self {
        Detector::lan()
    }
}

/// Bounds of an overlay's memory. What happens at each is said with the field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Daemons known. Beyond it newcomers are refused. 20,000.
    pub members: usize,
    /// Local clients. Beyond it registration is refused. 4,096.
    pub clients: usize,
    /// Subscriptions of one client. Beyond it subscribing is refused. 4,096.
    pub subscriptions_per_client: usize,
    /// Cost (body + 64 bytes each) of messages waiting for one subscriber or one daemon; at half of it publishers of
    /// what fills it are paused, at the whole they are refused. 32 MiB.
    pub queue_cost: usize,
    /// Messages waiting for one subscriber or one daemon, likewise. 65,536.
    pub queue_frames: usize,
    /// Bytes in flight from one sender to us. 1 MiB.
    pub receive_window: u32,
    /// Senders' keys kept prepared, about 650 bytes each. Beyond it the least recently used goes, and costs 2 µs to prepare again. 512.
    pub prepared_keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            members: 20_000,
            clients: 4_096,
            subscriptions_per_client: 4_096,
            queue_cost: 32 << 20,
            queue_frames: 65_536,
            receive_window: 1 << 20,
            prepared_keys: 512,
        }
    }
}

impl Config {
    /// The defaults for an overlay of this name, member and key.
    pub fn new(overlay: &str, member_name: &str, advertised: (IpAddr, u16), symmetric_key: &[u8]) -> Self {
        Config {
            overlay: overlay.to_owned(),
            member_name: member_name.to_owned(),
            advertised,
            client_port: None,
            group: None,
            rack_name: "default".to_owned(),
            symmetric_keys: vec![Zeroizing::new(symmetric_key.to_vec())],
            secret: Zeroizing::new(b"default-overlay-secret".to_vec()),
            client_secrets: Vec::new(),
            legacy_clients: true,
            detector: Detector::default(),
            quarantine_after: Duration::from_secs(20),
            max_quarantined: Duration::from_secs(10),
            drop_unreachable_after: Duration::from_secs(180),
            redelivery_retry_every: Duration::from_secs(5),
            redelivery_retry_max: 0,
            keepalive_every: Duration::from_secs(2),
            keeps_ring: false,
            identities: None,
            limits: Limits::default(),
        }
    }
}
