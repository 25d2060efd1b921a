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
    /// Where several overlays of this process hold the identities of members, each once: for simulations, whose overlays have the same
    /// members. Default: none.
    pub identities: Option<Identities>,
    /// Bounds of queues and tables.
    pub limits: Limits,
}

/// The failure detector's constants (SWIM with Lifeguard). The numbers beside the fields are those of
/// [`Detector::lan`], the default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detector {
    /// One member is probed in each period. 1 s.
    pub probe_every: Duration,
    /// A probe not answered directly for so long is tried through others; a probe's whole time is
    /// `min(probe_every, 3 * probe_timeout)`. 180 ms.
    pub probe_timeout: Duration,
    /// Members asked to probe for us. 3.
    pub indirect_probes: usize,
    /// Gossip goes out in this rhythm while there is any. 200 ms.
    pub gossip_every: Duration,
    /// Members gossiped to each time. 3.
    pub gossip_nodes: usize,
    /// A confirmed suspicion lasts
    /// `suspicion_mult * min(probe_every, 3 * probe_timeout) + gossip_every * log(members) / log(1 + gossip_nodes)`. 2.
    pub suspicion_mult: u32,
    /// Upper bound of a suspicion, without confirmation, as a multiple of the lower one (Lifeguard). 6.
    pub suspicion_max_mult: u32,
    /// A change is sent `retransmit_mult * ceil(log10(members + 1))` times. 4.
    pub retransmit_mult: u32,
    /// Upper bound of the local health score (Lifeguard). 8.
    pub awareness_max: u32,
}

impl Detector {
    /// Hosts of one network.
    ///
    /// memberlist's `DefaultLANConfig` but for two numbers: a probe timeout of 180 ms (500 ms there) and a shorter
    /// suspicion (there `4 * log10(members)` seconds). In virtual time, 31 crashes each, 3 to 100 members know of one
    /// after a median of 2.4 to 2.9 s (5.5 to 9.1 s with memberlist's numbers), without a false alarm in 10 minutes at
    /// 30 % loss. The price: a daemon that stands still for two seconds may be taken for failed.
    pub const fn lan() -> Self {
        Detector {
            probe_every: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(180),
            indirect_probes: 3,
            gossip_every: Duration::from_millis(200),
            gossip_nodes: 3,
            suspicion_mult: 2,
            suspicion_max_mult: 6,
            retransmit_mult: 4,
            awareness_max: 8,
        }
    }

    /// Hosts far from each other: memberlist's `DefaultWANConfig`, whose suspicion grows with the members in another way.
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

    /// Daemons of one host: memberlist's `DefaultLocalConfig`, with the same difference.
    pub const fn local() -> Self {
        Detector {
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
            identities: None,
            limits: Limits::default(),
        }
    }
}
