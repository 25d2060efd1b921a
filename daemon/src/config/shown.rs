//! Settings as GET /configuration shows them: the old names, no secret.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    Bind, Multicast, OverlaySettings,
    written::{OFF, PROTECTED, SECRETS, UNDEFINED},
};

impl OverlaySettings {
    /// Every property with its value in force. Secrets read "protected", an unset `ip_hint` or `iface` "undefined", no multicast "off".
    pub fn shown(&self, member_name: &str) -> Map<String, Value> {
        let (ip, iface) = match &self.bind {
            Bind::Ip(ip) => (json!(ip), json!(UNDEFINED)),
            Bind::Interface(name) => (json!(UNDEFINED), json!(name)),
        };
        let racks: Map<String, Value> = self
            .racks
            .iter()
            .map(|(rack, seeds)| (rack.clone(), seeds.iter().map(ToString::to_string).collect()))
            .collect();
        let detector = self.preset.detector();
        let round = self.gossip_round_every.unwrap_or(detector.probe_every);
        let limits = &self.limits;
        let preset = super::Preset::ALL.iter().find(|(_, preset)| *preset == self.preset);
        let mut shown = json!({
            "ip": ip,
            "iface": iface,
            "port": self.port,
            "ip_hint": self.ip_hint.map_or(json!(UNDEFINED), |ip| json!(ip)),
            "rack_name": self.rack_name,
            "racks": racks,
            "multicast": self.multicast.map_or(json!(OFF), shown_group),
            "member_name": member_name,
            "legacy_clients": self.legacy_clients,
            "preset": preset.map(|(name, _)| *name),
            "gossip_round_every": seconds(round),
            "quarantine_after": seconds(self.quarantine_after),
            "max_quarantined": seconds(self.max_quarantined),
            "drop_unreachable_after": seconds(self.drop_unreachable_after),
            "redelivery_retry_every": seconds(self.redelivery_retry_every),
            "redelivery_retry_max": self.redelivery_retry_max,
            "drop_stale_subscriptions_after": seconds(self.drop_stale_subscriptions_after),
            "incoming_data_buffer_size": self.incoming_data_buffer_size,
            "outgoing_data_buffer_size": self.outgoing_data_buffer_size,
            "read_packet_count": self.read_packet_count,
            "limits": {
                "members": limits.members,
                "clients": limits.clients,
                "subscriptions_per_client": limits.subscriptions_per_client,
                "queue_cost": limits.queue_cost,
                "queue_frames": limits.queue_frames,
                "receive_window": limits.receive_window,
                "prepared_keys": limits.prepared_keys,
            },
        });
        let shown = shown.as_object_mut().map(std::mem::take).unwrap_or_default();
        let protected = SECRETS.map(|secret| (secret.to_owned(), json!(PROTECTED)));
        shown.into_iter().chain(protected).collect()
    }
}

fn shown_group(multicast: Multicast) -> Value {
    let mut shown = json!({
        "ip": multicast.ip,
        "ttl": multicast.ttl,
        "local_port": multicast.local_port,
    });
    if let Some(address) = multicast.local_iface_address {
        shown["local_iface_address"] = json!(address);
    }
    shown
}

/// Whole seconds as a whole number, as old scripts expect.
fn seconds(duration: Duration) -> Value {
    match duration.subsec_nanos() {
        0 => json!(duration.as_secs()),
        _ => json!(duration.as_secs_f64()),
    }
}
