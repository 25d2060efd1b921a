//! New settings for an overlay that runs, without disturbing anybody in it.

use gossiperl_link::Time;

use super::Overlay;
use crate::{Config, members::Settings};

impl Overlay {
    /// Takes these settings over from now on; sessions, queues and what is known of others stay.
    ///
    /// Who we are and how we speak stays as it was, whatever `config` says: the names, addresses and ports, the rack, the group, the keys (which have a
    /// ring of their own) and whether that is kept, the overlay's secret, and `keepalive_every`, which sessions were told when they began. A time that runs already runs to
    /// its end as it began: the present probe period, the wait before the next redelivery. A client's silence so far counts by the new times. A bound that has become smaller
    /// than what is there drops nothing; it is only refused to add. `receive_window` is that of sessions that begin later, and
    /// `prepared_keys` stays.
    pub fn reconfigure(&mut self, now: Time, config: Config) {
        self.now = now;
        self.members.reconfigure(Settings::of(&config));
        self.clients.reconfigure(now, &config);
        self.legacy.reconfigure(&config);
        let kept = &mut self.config;
        self.config = Config {
            overlay: std::mem::take(&mut kept.overlay),
            member_name: std::mem::take(&mut kept.member_name),
            advertised: kept.advertised,
            client_port: kept.client_port,
            group: kept.group,
            rack_name: std::mem::take(&mut kept.rack_name),
            symmetric_keys: std::mem::take(&mut kept.symmetric_keys),
            secret: std::mem::take(&mut kept.secret),
            keepalive_every: kept.keepalive_every,
            keeps_ring: kept.keeps_ring,
            identities: kept.identities.take(),
            ..config
        };
    }
}
