//! The shapes of answers that are built field by field, for OpenAPI alone: nothing is made of these types. That answers have these shapes is what `ci/rest` and the tests of the interface find out.
#![expect(dead_code, reason = "described, never made")]

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// Who changes an overlay: the configuration file, or this interface.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Owner {
    File,
    Rest,
}

/// How a member fares.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum MemberState {
    Reachable,
    Quarantine,
    Unreachable,
    Left,
}

/// A daemon, or a client of this host.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum MemberKind {
    Daemon,
    Client,
}

/// How far back figures reach: from the overlay's start, or so long.
#[derive(ToSchema)]
pub(super) enum Span {
    #[schema(rename = "total")]
    Total,
    #[schema(rename = "1d")]
    Day,
    #[schema(rename = "12h")]
    TwelveHours,
    #[schema(rename = "6h")]
    SixHours,
    #[schema(rename = "3h")]
    ThreeHours,
    #[schema(rename = "1h")]
    Hour,
    #[schema(rename = "30m")]
    ThirtyMinutes,
    #[schema(rename = "10m")]
    TenMinutes,
    #[schema(rename = "1m")]
    Minute,
}

/// An overlay's properties as they are in force. Times are seconds; `gossiperl.toml(5)` explains each.
#[derive(ToSchema)]
pub(super) struct Properties {
    /// The address that is bound, or `undefined`.
    #[schema(example = "127.0.0.1")]
    ip: String,
    /// The interface whose first address is bound, or `undefined`.
    #[schema(example = "undefined")]
    iface: String,
    /// UDP port.
    #[schema(example = 6666)]
    port: u16,
    /// The address that others see us under, or `undefined`.
    #[schema(example = "undefined")]
    ip_hint: String,
    /// Our rack, a key of `racks`.
    rack_name: String,
    /// Each rack's seeds: addresses, `address:port`, or names.
    racks: BTreeMap<String, Vec<String>>,
    /// The group in which daemons find each other, or `off`.
    multicast: Group,
    /// Our name.
    member_name: String,
    /// Whether protocol 1 is spoken on loopback.
    legacy_clients: bool,
    /// The failure detector's timings.
    #[schema(example = "lan")]
    preset: String,
    /// Period of the failure detector.
    gossip_round_every: f64,
    /// Silence after which a client is in quarantine.
    quarantine_after: f64,
    /// Quarantine after which a client is unreachable.
    max_quarantined: f64,
    /// Silence after which an unreachable member is dropped; 0: never.
    drop_unreachable_after: f64,
    /// Protocol 1: time between deliveries of the same message.
    redelivery_retry_every: f64,
    /// Protocol 1: redeliveries of a message; 0: no limit.
    redelivery_retry_max: u32,
    /// Shown, and without effect.
    drop_stale_subscriptions_after: f64,
    /// The socket's receive buffer, bytes.
    incoming_data_buffer_size: u64,
    /// The socket's send buffer, bytes.
    outgoing_data_buffer_size: u64,
    /// Buffers filled by one read.
    read_packet_count: u64,
    /// Bounds of queues and tables.
    limits: BTreeMap<String, u64>,
    /// `protected`.
    #[schema(example = "protected")]
    symmetric_key: String,
    /// `protected`.
    #[schema(example = "protected")]
    symmetric_keys: String,
    /// `protected`.
    #[schema(example = "protected")]
    secret: String,
    /// `protected`.
    #[schema(example = "protected")]
    client_secrets: String,
}

/// A multicast group, or `off`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Group {
    /// There is none.
    Off(String),
    /// This one.
    On {
        /// The group's address.
        ip: String,
        /// Hops that datagrams to the group may take.
        ttl: u8,
        /// The port of this host's clients.
        local_port: u16,
        /// Whose interface joins the group; without it the system's choice.
        local_iface_address: Option<String>,
    },
}

/// What was counted, by group. docs/statistics.md explains each.
#[derive(ToSchema)]
pub(super) struct Figures {
    /// Unix time, seconds, from which on.
    from: i64,
    /// Time that the figures really cover, seconds.
    seconds: f64,
    /// Of both protocols.
    datagrams: Traffic,
    /// Over the multicast group.
    multicast: Asked,
    /// Structs of protocol 1, by payload type.
    digests: Digests,
    /// Frames of protocol 2, by kind.
    frames: Frames,
    /// Messages published, relayed, forwarded, fanned out, delivered.
    deliveries: BTreeMap<String, u64>,
    /// Messages that were lost, by cause.
    losses: BTreeMap<String, u64>,
    /// What was sent again, and publishes held back.
    retries: BTreeMap<String, u64>,
    /// What was refused, withheld or went wrong, by cause.
    failures: BTreeMap<String, u64>,
    /// How membership was agreed on.
    membership: Agreement,
    /// How many there are now, by state.
    members: Members,
    /// How many there are now.
    subscriptions: Subscribed,
    /// What waits now.
    queues: Queues,
    /// What holds publishers back now.
    pressure: Pressure,
    /// Round trips, by whom with.
    latency: BTreeMap<String, Latency>,
}

/// Both directions.
#[derive(ToSchema)]
struct Traffic {
    r#in: Messages,
    out: Messages,
}

#[derive(ToSchema)]
struct Messages {
    messages: u64,
    bytes: u64,
}

#[derive(ToSchema)]
struct Asked {
    questions: u64,
    answers: u64,
}

/// Both directions; types of which there were none are left out.
#[derive(ToSchema)]
struct Digests {
    r#in: BTreeMap<String, Messages>,
    out: BTreeMap<String, Messages>,
}

/// Both directions; kinds of which there were none are left out.
#[derive(ToSchema)]
struct Frames {
    r#in: BTreeMap<String, FramesOfKind>,
    out: BTreeMap<String, FramesOfKind>,
}

#[derive(ToSchema)]
struct FramesOfKind {
    frames: u64,
    bytes: u64,
}

#[derive(ToSchema)]
struct Agreement {
    /// Claims of others by what became of them.
    claims: BTreeMap<String, u64>,
    /// Probes, accusations, refutations.
    detection: BTreeMap<String, u64>,
    /// 0: healthy; it rises where this daemon is late itself (Lifeguard).
    health_score: u64,
}

#[derive(ToSchema)]
struct Members {
    /// Ourselves among them.
    daemons: BTreeMap<String, u64>,
    /// This host's.
    clients: BTreeMap<String, u64>,
}

#[derive(ToSchema)]
struct Subscribed {
    /// Of this host's clients.
    local: u64,
    /// At other daemons.
    remote: u64,
    /// Types that somebody subscribes to.
    event_types: u64,
}

#[derive(ToSchema)]
struct Queues {
    clients: Queued,
    daemons: Queued,
}

#[derive(ToSchema)]
struct Queued {
    messages: u64,
    bytes: u64,
    /// In the longest of the queues.
    longest_messages: u64,
    /// In the largest of the queues.
    largest_bytes: u64,
}

#[derive(ToSchema)]
struct Pressure {
    held_publishers: u64,
    paused_types: u64,
}

/// Seconds. Quantiles are bounds: the true value is up to a factor of two below. Null: of nothing, or above every bound.
#[derive(ToSchema)]
struct Latency {
    count: u64,
    mean: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
    /// Those that took longer than the bound before and no longer than their own; bounds of nothing are left out.
    buckets: Vec<Bucket>,
}

#[derive(ToSchema)]
struct Bucket {
    /// Seconds; null: longer than every bound.
    le: Option<f64>,
    count: u64,
}
