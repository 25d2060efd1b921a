//! Who subscribes to what, on this host and at the other daemons.

use super::{Overlay, daemons::subscription_of};

/// A client's subscription to a type of message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionView {
    /// The type.
    pub event_type: Vec<u8>,
    /// The client, as it wrote its name.
    pub client: Vec<u8>,
    /// The daemon that the client is with.
    pub daemon: String,
    /// Unix time in seconds at which that daemon was last heard of; of ourselves, now.
    pub heartbeat: i64,
}

impl Overlay {
    /// All subscriptions known here, our own clients' first. Those to the reserved types concern one daemon alone and are not among them.
    pub fn subscriptions(&self) -> Vec<SubscriptionView> {
        let mut views = Vec::new();
        self.subscriptions_of(
            &self.datagrams.salt(),
            &self.config.member_name,
            self.unix_seconds,
            &mut views,
        );
        for (_, member) in self.members.iter().filter(|(_, member)| !member.is_forgotten()) {
            if *member.generation() != self.datagrams.salt() {
                let seen = self.daemon_view(self.now, member);
                self.subscriptions_of(member.generation(), &seen.name, seen.heartbeat, &mut views);
            }
        }
        views
    }

    fn subscriptions_of(
        &self,
        owner: &gossiperl_idl::Salt,
        daemon: &str,
        heartbeat: i64,
        views: &mut Vec<SubscriptionView>,
    ) {
        for (key, _) in self.state.store().entries(owner) {
            let Some((event_type, client)) = subscription_of(key) else { continue };
            views.push(SubscriptionView {
                event_type: event_type.to_vec(),
                client: client.to_vec(),
                daemon: daemon.to_owned(),
                heartbeat,
            });
        }
    }
}
