//! Before an overlay is left for a while: nothing new is taken, and what was taken gets to its subscribers.

use gossiperl_link::Time;

use super::{Overlay, daemons::subscription_of};

impl Overlay {
    /// Takes no messages from local publishers any more, and has the other daemons send none: for them our clients' subscriptions have ended. What was taken
    /// goes on to its subscribers; [`Gauges`](crate::Gauges) say how much still waits. Publishers keep what is not acknowledged. There is no way back but to
    /// [leave](Overlay::leave) and begin anew.
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

    /// Whether messages of local publishers are taken.
    pub(super) fn takes_messages(&self) -> bool {
        !self.leaving && !self.draining
    }
}
