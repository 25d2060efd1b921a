//! What it takes to go from one overlay's settings to others.

use super::{Bind, OverlaySettings};

/// How new settings take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing differs.
    Nothing,
    /// While the overlay runs, unnoticed by members and clients.
    Running,
    /// The overlay is left and started again: the others see it restart, its clients come back by themselves. For this property.
    Restart(&'static str),
    /// It would be another overlay: an address, a port or a name differs, in this property.
    Identity(&'static str),
}

impl OverlaySettings {
    /// What it takes to go from `old` to these settings.
    ///
    /// While it runs: the detector's and the clients' times, seeds, limits, `client_secrets`, `legacy_clients`. By a restart: what the wire or the sockets are made
    /// of, keys (`gossiperl key` changes those on all daemons without one), secret, rack, `ip_hint`, group and buffers.
    pub fn change_from(&self, old: &OverlaySettings) -> Change {
        let [identity, restart, running] = self.differences(old);
        match (identity.first(), restart.first()) {
            (Some(property), _) => Change::Identity(property),
            (None, Some(property)) => Change::Restart(property),
            (None, None) if !running.is_empty() => Change::Running,
            (None, None) => Change::Nothing,
        }
    }

    /// The names of the properties that differ from those of `old`.
    pub fn changed_from(&self, old: &OverlaySettings) -> Vec<&'static str> {
        self.differences(old).concat()
    }

    /// The same, by what they take: another overlay, a restart, nothing.
    fn differences(&self, old: &OverlaySettings) -> [Vec<&'static str>; 3] {
        // Named one by one, so that a new property has to say what it takes.
        let OverlaySettings {
            name,
            bind,
            port,
            ip_hint,
            rack_name,
            multicast,
            racks,
            member_name,
            symmetric_keys,
            secret,
            client_secrets,
            legacy_clients,
            preset,
            gossip_round_every,
            quarantine_after,
            max_quarantined,
            drop_unreachable_after,
            redelivery_retry_every,
            redelivery_retry_max,
            drop_stale_subscriptions_after,
            incoming_data_buffer_size,
            outgoing_data_buffer_size,
            read_packet_count,
            limits,
        } = self;
        let address = if matches!(bind, Bind::Interface(_)) { "iface" } else { "ip" };
        let identity = [
            ("name", *name != old.name),
            (address, *bind != old.bind),
            ("port", *port != old.port),
            ("member_name", *member_name != old.member_name),
        ];
        let restart = [
            ("symmetric_key", symmetric_keys.first() != old.symmetric_keys.first()),
            ("symmetric_keys", *symmetric_keys != old.symmetric_keys),
            ("secret", *secret != old.secret),
            ("rack_name", *rack_name != old.rack_name),
            ("ip_hint", *ip_hint != old.ip_hint),
            ("multicast", *multicast != old.multicast),
            ("incoming_data_buffer_size", *incoming_data_buffer_size != old.incoming_data_buffer_size),
            ("outgoing_data_buffer_size", *outgoing_data_buffer_size != old.outgoing_data_buffer_size),
            ("read_packet_count", *read_packet_count != old.read_packet_count),
            ("limits.receive_window", limits.receive_window != old.limits.receive_window),
            ("limits.prepared_keys", limits.prepared_keys != old.limits.prepared_keys),
        ];
        let running = [
            ("racks", *racks != old.racks),
            ("client_secrets", *client_secrets != old.client_secrets),
            ("legacy_clients", *legacy_clients != old.legacy_clients),
            ("preset", *preset != old.preset),
            ("gossip_round_every", *gossip_round_every != old.gossip_round_every),
            ("quarantine_after", *quarantine_after != old.quarantine_after),
            ("max_quarantined", *max_quarantined != old.max_quarantined),
            ("drop_unreachable_after", *drop_unreachable_after != old.drop_unreachable_after),
            ("redelivery_retry_every", *redelivery_retry_every != old.redelivery_retry_every),
            ("redelivery_retry_max", *redelivery_retry_max != old.redelivery_retry_max),
            (
                "drop_stale_subscriptions_after",
                *drop_stale_subscriptions_after != old.drop_stale_subscriptions_after,
            ),
            ("limits", *limits != old.limits),
        ];
        let differing = |of: &[(&'static str, bool)]| {
            of.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
        };
        [differing(&identity), differing(&restart), differing(&running)]
    }
}
