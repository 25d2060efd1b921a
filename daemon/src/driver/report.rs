//! What of an overlay goes to the log: events as they happen, refused datagrams at a bounded rate.

use std::{net::SocketAddr, time::Duration};

use gossiperl_overlay::{Change, Event, NewestRefused, RingChange, Stats};
use tokio::time::Instant;

use crate::printable::Printable;

/// Refused datagrams are told of at most this often, all that came since together.
const PAUSE: Duration = Duration::from_secs(60);
/// How soon the first ones are told of.
const SOON: Duration = Duration::from_secs(1);

/// The log of one overlay.
pub(super) struct Report {
    overlay: String,
    told: Stats,
    next: Instant,
}

impl Report {
    pub(super) fn new(overlay: String) -> Self {
        Report { overlay, told: Stats::default(), next: Instant::now() + SOON }
    }

    /// The overlay's name.
    pub(super) fn overlay(&self) -> &str {
        &self.overlay
    }

    /// When [`Report::handle_timeout`] wants to be called, given the counters now.
    pub(super) fn deadline(&self, stats: &Stats) -> Option<Instant> {
        (refused(stats) != refused(&self.told)).then_some(self.next)
    }

    /// Tells what was refused since the last time.
    pub(super) fn handle_timeout(&mut self, now: Instant, stats: &Stats, newest: NewestRefused) {
        if self.deadline(stats).is_some_and(|next| next <= now) {
            self.tell(stats, newest);
            self.next = now + PAUSE;
        }
    }

    /// Tells what was refused since the last time, at the end.
    pub(super) fn finish(&mut self, stats: &Stats, newest: NewestRefused) {
        if refused(stats) != refused(&self.told) {
            self.tell(stats, newest);
        }
    }

    fn tell(&mut self, stats: &Stats, newest: NewestRefused) {
        // Of an earlier time where none came since.
        let from = |now: u64, told: u64, from: Option<SocketAddr>| {
            from.filter(|_| now > told).map(tracing::field::display)
        };
        let since = |read: fn(&Stats) -> u64| read(stats).saturating_sub(read(&self.told));
        tracing::warn!(
            overlay = %self.overlay,
            unknown_key = since(|stats| stats.unknown_key),
            forged = since(|stats| stats.forged),
            replayed = since(|stats| stats.replayed),
            foreign = since(|stats| stats.foreign),
            malformed = since(|stats| stats.malformed),
            newest_unknown_key = from(stats.unknown_key, self.told.unknown_key, newest.unknown_key),
            newest_forged = from(stats.forged, self.told.forged, newest.forged),
            "datagrams refused: unknown_key, the sender has another symmetric_key; forged, another secret, or the bytes were changed; newest_…, where the last of them came from"
        );
        self.told = *stats;
    }

    /// One event, for people.
    pub(super) fn event(&self, event: &Event) {
        let overlay = &self.overlay;
        match event {
            Event::Member(change, view) => {
                let (event, name, address) = (change.event_type(), Printable(&view.name), view.address);
                match (change, view.client) {
                    (Change::Quarantine | Change::Unreachable | Change::Drop, false) => {
                        tracing::warn!(%overlay, member = %name, %address, rack = %Printable(&view.rack), "{event}");
                    }
                    (_, false) => {
                        tracing::info!(%overlay, member = %name, %address, rack = %Printable(&view.rack), "{event}")
                    }
                    (_, true) => tracing::info!(%overlay, client = %name, %address, "{event}"),
                }
            }
            Event::NameConflict { name, address } => tracing::error!(
                %overlay, name = %Printable(name), %address,
                "a daemon at this address comes under the name of a member that lives elsewhere, and is refused: give one of the two another member_name"
            ),
            Event::Refused { by, code } => tracing::error!(
                %overlay, %by, code,
                "a daemon refuses us: {}", gossiperl_idl::code::text(*code)
            ),
            Event::NewGenerationNeeded { .. } => tracing::warn!(
                %overlay, "this host's clock has gone back since our last run; starting anew as if it had not"
            ),
            Event::Undeliverable { client, bytes } => tracing::warn!(
                %overlay, client = %Printable(client), bytes,
                "a message is too large for this client of protocol 1"
            ),
            Event::KeyRing { change, id, by, cut_off } => {
                let by = Printable(by);
                match change {
                    RingChange::Added => tracing::info!(%overlay, key = %id, %by, "key added: it opens"),
                    RingChange::Used => tracing::info!(%overlay, key = %id, %by, "key in use: it seals"),
                    RingChange::Retired => {
                        tracing::info!(%overlay, key = %id, %by, clients_cut_off = cut_off, "key retired");
                    }
                }
            }
            Event::Stalled { client } => tracing::warn!(
                %overlay, client = %Printable(client),
                "the subscriber takes nothing: publishers no longer wait for it, its oldest messages are dropped"
            ),
        }
    }
}

/// Datagrams refused for any reason that a person may look into.
fn refused(stats: &Stats) -> u64 {
    [stats.unknown_key, stats.forged, stats.replayed, stats.foreign, stats.malformed]
        .into_iter()
        .fold(0, u64::saturating_add)
}
