//! Before an overlay is left for a while: nothing new is taken, and what was taken gets to its subscribers.

use gossiperl_link::Time;

use super::{
    Overlay,
    daemons::{subscription_key, subscription_of},
};

impl Overlay {
    /// Takes no messages from local publishers any more, and has the other daemons send none: for them our clients' subscriptions have ended. What was taken
    /// goes on to its subscribers; [`Gauges`](crate::Gauges) say how much still waits. Publishers keep what is not acknowledged. Until the overlay is
    /// [left](Overlay::leave), [`Overlay::end_draining`] is the way back.
    pub fn drain(&mut self, now: Time) {
        self.now = now;
        self.draining = true;
        let own = self.datagrams.salt();
        let keys = self.state.store().entries(&own).map(|(key, _)| key);
        let subscriptions: Vec<_> = keys.filter(|key| subscription_of(key).is_some()).cloned().collect();
        for key in subscriptions {
            self.state.delete(now, &key);
        }
    }

    /// Takes messages again: the other daemons are told anew of our clients' subscriptions, those that came or went meanwhile as they are now, and publishers that were held
    /// go on. What other daemons' clients published meanwhile passed our clients by. Does nothing where there is no draining.
    pub fn end_draining(&mut self, now: Time) {
        self.now = now;
        if !std::mem::take(&mut self.draining) || self.leaving {
            return;
        }
        for (event_type, client) in self.routes.local() {
            let Some(client) = self.clients.name(client) else { continue };
            let key = subscription_key(event_type, client);
            if self.state.put(now, &key, &self.unix_seconds.to_be_bytes()).is_err() {
                self.stats.unannounced += 1;
            }
        }
        for id in self.endpoints.ids() {
            let link = self.endpoints.get_mut(id).and_then(|endpoint| endpoint.link.as_deref_mut());
            if let Some(link) = link.filter(|link| link.is_holding()) {
                // One that is held for another reason is so again at once.
                link.release(now);
                self.endpoints.settle(now, id);
            }
        }
    }

    /// Whether messages of local publishers are taken.
    pub(super) fn takes_messages(&self) -> bool {
        !self.leaving && !self.draining
    }
}
