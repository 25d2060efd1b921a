//! One table `[overlays.NAME]`: the properties of protocol 1 under their old names, and ours.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::Range,
    time::Duration,
};

use gossiperl_idl::sealed::OverlayKey;
use gossiperl_overlay::{Config, KeyId, Limits};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use zeroize::Zeroizing;

use super::{
    multicast::{self, Multicast},
    preset::{Preset, paced},
    problem::Report,
    reader::{
        self, Table, boolean, choice, integer, ip, needed, qualified, seconds, secret, text, visible_name,
    },
    seed::Seed,
};

/// Protocol 1's default of `drop_stale_subscriptions_after`.
const STALE: Duration = Duration::from_secs(20);
/// Shortest duration of any timer.
const SHORTEST: f64 = 0.01;
/// Below this many bytes a key can be guessed.
const GOOD_KEY_LENGTH: usize = 16;
/// Keys of a ring (contract of the overlay's key ring).
const MOST_KEYS: usize = 8;
/// Bytes of a client's secret.
const LONGEST_CLIENT_SECRET: usize = 255;
/// Seeds of one rack.
const MOST_SEEDS: usize = 256;

/// Of the secret that protocol 1 has where none is written.
pub(crate) const KNOWN_SECRET: &str = "is the default, which everybody knows: whoever has the key can pose as a daemon. Write one of the overlay's own, the same on every host; `gossiperl keygen` makes one";

/// How a problem begins that is a lack of seeds for the overlay's own rack.
pub(super) const NO_SEEDS: &str = "no seeds for our rack";

/// Which address an overlay binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// This one; `0.0.0.0` or `::` for all of the host's.
    Ip(IpAddr),
    /// The first address of this interface.
    Interface(String),
}

impl Bind {
    /// Whether only this host's programs reach it.
    fn is_loopback(&self) -> bool {
        match self {
            Bind::Ip(ip) => ip.is_loopback(),
            Bind::Interface(name) => name == "lo",
        }
    }
}

/// The validated settings of one overlay. Holds secrets: has no `Debug`.
#[derive(Clone)]
pub struct OverlaySettings {
    /// Name of the overlay, also of its folder under `data_dir`.
    pub name: String,
    /// Address to bind.
    pub bind: Bind,
    /// UDP port of the overlay.
    pub port: u16,
    /// Address others see us under; `None`: the bound one.
    pub ip_hint: Option<IpAddr>,
    /// Our rack, a key of `racks`.
    pub rack_name: String,
    /// Group in which daemons find each other, beside the seeds.
    pub multicast: Option<Multicast>,
    /// Each rack's seeds.
    pub racks: BTreeMap<String, Vec<Seed>>,
    /// Our name; `None`: made once and kept under `data_dir`.
    pub member_name: Option<String>,
    /// Key ring: the first seals, all open.
    pub symmetric_keys: Vec<Zeroizing<Vec<u8>>>,
    /// Secret that other daemons must show.
    pub secret: Zeroizing<Vec<u8>>,
    /// Clients whose secrets are fixed.
    pub client_secrets: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// Whether protocol 1 is spoken on loopback.
    pub legacy_clients: bool,
    /// The failure detector's timings.
    pub preset: Preset,
    /// Period of the failure detector; `None`: the preset's.
    pub gossip_round_every: Option<Duration>,
    /// Silence after which a client is in quarantine.
    pub quarantine_after: Duration,
    /// Quarantine after which a client is unreachable.
    pub max_quarantined: Duration,
    /// Silence after which an unreachable member is dropped; zero: never.
    pub drop_unreachable_after: Duration,
    /// Protocol 1: time between deliveries of the same message.
    pub redelivery_retry_every: Duration,
    /// Protocol 1: redeliveries of a message; 0: no limit.
    pub redelivery_retry_max: u32,
    /// Protocol 1's age of a subscription that counts as stale: shown, and without effect.
    pub drop_stale_subscriptions_after: Duration,
    /// Size asked for the socket's receive buffer, bytes.
    pub incoming_data_buffer_size: usize,
    /// Size asked for the socket's send buffer, bytes.
    pub outgoing_data_buffer_size: usize,
    /// Buffers filled by one read; each takes a datagram, or a train of equal ones.
    pub read_packet_count: usize,
    /// Bounds of queues and tables.
    pub limits: Limits,
}

impl OverlaySettings {
    /// The ids of its symmetric keys, in order.
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.symmetric_keys.iter().map(|key| OverlayKey::new(key).id()).collect()
    }

    /// Whether other hosts reach it and its secret is the one that everybody knows.
    pub(crate) fn has_known_secret(&self) -> bool {
        let known = Config::new("", "", (Ipv4Addr::UNSPECIFIED.into(), 0), &[]).secret;
        self.secret == known && !self.bind.is_loopback()
    }

    /// What the overlay's state machine is told.
    pub fn overlay_config(&self, member_name: &str, advertised: SocketAddr) -> Config {
        let defaults = Config::new(&self.name, member_name, (advertised.ip(), advertised.port()), &[]);
        let detector = self.preset.detector();
        Config {
            client_port: self.multicast.map(|multicast| multicast.local_port),
            group: self.multicast.map(|multicast| SocketAddr::new(multicast.ip, self.port)),
            rack_name: self.rack_name.clone(),
            symmetric_keys: self.symmetric_keys.clone(),
            secret: self.secret.clone(),
            client_secrets: self.client_secrets.clone(),
            legacy_clients: self.legacy_clients,
            detector: self.gossip_round_every.map_or(detector, |round| paced(detector, round)),
            quarantine_after: self.quarantine_after,
            max_quarantined: self.max_quarantined,
            drop_unreachable_after: self.drop_unreachable_after,
            redelivery_retry_every: self.redelivery_retry_every,
            redelivery_retry_max: self.redelivery_retry_max,
            limits: self.limits,
            ..defaults
        }
    }

    /// Where clients of this host find the overlay: see [`crate::socket`].
    pub fn client_address(&self) -> SocketAddr {
        match (self.multicast, &self.bind) {
            (Some(multicast), _) => multicast.client_address(),
            (None, Bind::Ip(ip)) if ip.is_ipv4() && ip.is_loopback() => (*ip, self.port).into(),
            (None, _) => (Ipv4Addr::LOCALHOST, self.port).into(),
        }
    }

    /// Every seed, those of our own rack first.
    pub fn seeds(&self) -> impl Iterator<Item = &Seed> {
        let own = self.racks.get(&self.rack_name);
        let others = self.racks.iter().filter(|(rack, _)| **rack != self.rack_name).map(|(_, seeds)| seeds);
        own.into_iter().chain(others).flatten()
    }
}

/// Reads one overlay's table. `None` when something is wrong; it is in the report.
pub(super) fn read(
    report: &mut Report,
    name: &str,
    table: &DeTable<'_>,
    at: Range<usize>,
) -> Option<OverlaySettings> {
    let path = qualified("overlays", name);
    let defaults = Config::new(name, "", (Ipv4Addr::UNSPECIFIED.into(), 0), &[]);
    let mut table = Table::new(report, table, path, at);
    let port =
        table.required("port", "write the overlay's UDP port, the same on every host", integer(1, 65_535));
    let multicast = multicast::read(&mut table, port);
    let bind = read_bind(&mut table, multicast);
    let ip_hint = table.optional("ip_hint", ip);
    if ip_hint.is_some_and(|ip| ip.is_unspecified() || ip.is_multicast()) {
        table.wrong("ip_hint", "must be an address that other hosts can send to");
    }
    let rack_name = table.optional("rack_name", visible_name).unwrap_or(defaults.rack_name);
    let racks = read_racks(&mut table, &rack_name);
    let member_name = table.optional("member_name", visible_name);
    let symmetric_keys = read_keys(&mut table);
    let secret = table.optional("secret", secret).unwrap_or_else(|| defaults.secret.clone());
    if secret == defaults.secret && !bind.as_ref().is_none_or(Bind::is_loopback) {
        table.note("secret", KNOWN_SECRET);
    }
    let client_secrets = read_client_secrets(&mut table);
    let legacy_clients = table.optional("legacy_clients", boolean).unwrap_or(defaults.legacy_clients);
    let preset = table.optional("preset", choice(&Preset::ALL)).unwrap_or_default();
    let gossip_round_every = table.optional("gossip_round_every", seconds(SHORTEST, None));
    let mut time = |key, least, zero, default| table.optional(key, seconds(least, zero)).unwrap_or(default);
    let quarantine_after = time("quarantine_after", SHORTEST, None, defaults.quarantine_after);
    let max_quarantined = time("max_quarantined", SHORTEST, None, defaults.max_quarantined);
    let never = Some("never");
    let drop_unreachable_after =
        time("drop_unreachable_after", SHORTEST, never, defaults.drop_unreachable_after);
    let redelivery_retry_every =
        time("redelivery_retry_every", SHORTEST, None, defaults.redelivery_retry_every);
    let redelivery_retry_max = table.optional("redelivery_retry_max", integer(0, u32::MAX.into()));
    let drop_stale = table.optional("drop_stale_subscriptions_after", seconds(SHORTEST, None));
    if drop_stale.is_some() {
        let text =
            "has no effect: a subscription is its daemon's and goes when that daemon does, never by age";
        table.note("drop_stale_subscriptions_after", text);
    }
    let mut buffer = |key| {
        let read = table.optional(key, integer(65_536, 1 << 30));
        read.and_then(|size| usize::try_from(size).ok()).unwrap_or(16 << 20)
    };
    let incoming_data_buffer_size = buffer("incoming_data_buffer_size");
    let outgoing_data_buffer_size = buffer("outgoing_data_buffer_size");
    let most_packets = quinn_udp::BATCH_SIZE as u64;
    let read_packet_count = table.optional("read_packet_count", integer(1, most_packets)).unwrap_or(5);
    let limits = read_limits(&mut table, defaults.limits);
    table.finish();
    Some(OverlaySettings {
        name: name.to_owned(),
        bind: bind?,
        port: u16::try_from(port?).ok()?,
        ip_hint,
        rack_name,
        multicast,
        racks: racks?,
        member_name,
        symmetric_keys: symmetric_keys?,
        secret,
        client_secrets,
        legacy_clients,
        preset,
        gossip_round_every,
        quarantine_after,
        max_quarantined,
        drop_unreachable_after,
        redelivery_retry_every,
        redelivery_retry_max: redelivery_retry_max.and_then(|max| u32::try_from(max).ok()).unwrap_or(0),
        drop_stale_subscriptions_after: drop_stale.unwrap_or(STALE),
        incoming_data_buffer_size,
        outgoing_data_buffer_size,
        read_packet_count: usize::try_from(read_packet_count).unwrap_or(1),
        limits,
    })
}

fn read_bind(table: &mut Table<'_, '_>, multicast: Option<Multicast>) -> Option<Bind> {
    let interface = table.optional("iface", text(15)).map(Bind::Interface);
    if !table.has("iface") {
        if multicast.is_none() && table.has("multicast") {
            // What is wrong with the group is reported; without it nothing can be said here.
            return table.optional("ip", ip).map(Bind::Ip);
        }
        if let Some(group) = multicast.map(|multicast| multicast.ip) {
            let all = multicast::unspecified(group);
            let bind = table.optional("ip", ip);
            return Some(multicast::check_bind(table, Bind::Ip(bind.unwrap_or(all)), group));
        }
        let write = "write the address to bind, or \"0.0.0.0\" for all of the host's, or iface = \"eth0\"";
        let ip = table.required("ip", write, ip)?;
        if ip.is_multicast() {
            table.wrong("ip", format!("{ip} is a multicast address; an address of this host is needed"));
        }
        return Some(Bind::Ip(ip));
    }
    if table.raw("ip").is_some() {
        table.wrong("iface", "ip is written too; only one of the two is allowed");
    }
    interface
}

fn read_racks(table: &mut Table<'_, '_>, rack_name: &str) -> Option<BTreeMap<String, Vec<Seed>>> {
    let write = format!(
        "write racks = {{ {rack_name} = [\"SEED\"] }}, a seed being the address or name of a host in the overlay; \
         an empty list for a daemon that only others join"
    );
    let what = "a table of racks, each a list of seeds: { default = [\"192.0.2.10\"] }";
    if !table.has("racks") {
        table.raw("racks");
        // Without seeds a daemon can still be joined, but leaving them out is nearly always a mistake.
        if table.has("multicast") {
            return Some(BTreeMap::new());
        }
        table.wrong("racks", format!("missing: {NO_SEEDS} {rack_name:?}; {write}"));
        return None;
    }
    let value = table.raw("racks")?;
    let Some(written) = value.get_ref().as_table() else {
        table.wrong("racks", needed(value.get_ref(), what));
        return None;
    };
    let mut racks = BTreeMap::new();
    for (rack, seeds) in written {
        let seeds = read_seeds(table, rack.get_ref(), seeds);
        racks.insert(rack.get_ref().to_string(), seeds);
    }
    match racks.get(rack_name) {
        _ if table.has("multicast") => {}
        None => {
            let names = racks.keys().map(String::as_str).collect::<Vec<_>>();
            let near = reader::nearest(rack_name, &names);
            let near = near.map(|near| format!(" (did you mean {near:?}?)")).unwrap_or_default();
            let named = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let text = format!("{NO_SEEDS} {rack_name:?}{near}; racks has {named}");
            table.wrong(if table.has("rack_name") { "rack_name" } else { "racks" }, text);
        }
        Some(_) if racks.values().all(Vec::is_empty) => {
            table.note("racks", "no seeds: this daemon waits for others to join it");
        }
        Some(_) => {}
    }
    Some(racks)
}

fn read_seeds(table: &mut Table<'_, '_>, rack: &str, value: &Spanned<DeValue<'_>>) -> Vec<Seed> {
    let property = qualified(&qualified(table.path(), "racks"), rack);
    if !(1..=255).contains(&rack.len()) {
        table.report.problem(&value.span(), property.as_str(), "a rack's name has 1 to 255 bytes");
    }
    let what = "a list of seeds, [\"192.0.2.10\", \"seed.example.com:6666\"]";
    let Some(list) = value.get_ref().as_array() else {
        table.report.problem(&value.span(), property, needed(value.get_ref(), what));
        return Vec::new();
    };
    if list.len() > MOST_SEEDS {
        let text = format!("has {} seeds; at most {MOST_SEEDS} are allowed, a few are enough", list.len());
        table.report.problem(&value.span(), property.as_str(), text);
    }
    let mut seeds = Vec::new();
    for seed in list.iter() {
        let text = seed.get_ref().as_str().ok_or_else(|| needed(seed.get_ref(), "a string"));
        match text.and_then(str::parse::<Seed>) {
            Ok(seed) => seeds.push(seed),
            Err(text) => table.report.problem(&seed.span(), property.as_str(), text),
        }
    }
    seeds
}

fn read_keys(table: &mut Table<'_, '_>) -> Option<Vec<Zeroizing<Vec<u8>>>> {
    let write = "write the key that every host of the overlay has; `gossiperl keygen` makes one";
    let first = table.required("symmetric_key", write, secret);
    if first.as_ref().is_some_and(|key| key.len() < GOOD_KEY_LENGTH) {
        let text = format!(
            "is short: under {GOOD_KEY_LENGTH} bytes a key can be guessed; `gossiperl keygen` makes a good one"
        );
        table.note("symmetric_key", text);
    }
    let further = table.optional("symmetric_keys", |value| {
        let list = value.as_array().ok_or_else(|| needed(value, "a list of further keys that open"))?;
        if list.len() >= MOST_KEYS {
            return Err(format!(
                "has {} keys; at most {} beside symmetric_key are allowed",
                list.len(),
                MOST_KEYS - 1
            ));
        }
        let key = |(at, key): (usize, &Spanned<DeValue<'_>>)| {
            secret(key.get_ref()).map_err(|text| format!("key {} {text}", at + 1))
        };
        list.iter().enumerate().map(key).collect::<Result<Vec<_>, _>>()
    });
    let mut keys = vec![first?];
    for key in further.unwrap_or_default() {
        if keys.contains(&key) {
            table.wrong("symmetric_keys", "holds a key twice, or symmetric_key itself; write each once");
        }
        keys.push(key);
    }
    Some(keys)
}

fn read_client_secrets(table: &mut Table<'_, '_>) -> Vec<(String, Zeroizing<Vec<u8>>)> {
    let read = table.optional("client_secrets", |value| {
        let clients = value.as_table().ok_or_else(|| needed(value, "a table { CLIENT = \"SECRET\" }"))?;
        let mut secrets = Vec::new();
        for (name, value) in clients {
            let name = name.get_ref().to_string();
            if !(1..=255).contains(&name.len()) {
                return Err(format!("{name:?} is not allowed; a client's name has 1 to 255 bytes"));
            }
            let secret = secret(value.get_ref()).map_err(|text| format!("the secret of {name:?} {text}"))?;
            if secret.len() > LONGEST_CLIENT_SECRET {
                return Err(format!("the secret of {name:?} has more than {LONGEST_CLIENT_SECRET} bytes"));
            }
            secrets.push((name, secret));
        }
        Ok(secrets)
    });
    read.unwrap_or_default()
}

fn read_limits(table: &mut Table<'_, '_>, defaults: Limits) -> Limits {
    let Some(value) = table.raw("limits") else { return defaults };
    let Some(written) = value.get_ref().as_table() else {
        table.wrong("limits", needed(value.get_ref(), "a table"));
        return defaults;
    };
    let path = qualified(table.path(), "limits");
    let mut limits = Table::new(table.report, written, path, value.span());
    let mut limit = |key, least, most, default: usize| {
        let read = limits.optional(key, integer(least, most));
        read.and_then(|read| usize::try_from(read).ok()).unwrap_or(default)
    };
    let window = defaults.receive_window as usize;
    let read = Limits {
        members: limit("members", 1, 1_000_000, defaults.members),
        clients: limit("clients", 1, 65_535, defaults.clients),
        subscriptions_per_client: limit(
            "subscriptions_per_client",
            1,
            65_536,
            defaults.subscriptions_per_client,
        ),
        queue_cost: limit("queue_cost", 131_072, 1 << 40, defaults.queue_cost),
        queue_frames: limit("queue_frames", 16, 1 << 24, defaults.queue_frames),
        receive_window: u32::try_from(limit("receive_window", 131_072, 1 << 30, window))
            .unwrap_or(defaults.receive_window),
        prepared_keys: limit("prepared_keys", 1, 65_536, defaults.prepared_keys),
    };
    limits.finish();
    read
}
