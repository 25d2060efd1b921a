//! What a handle asks of an overlay's task.

use std::{net::SocketAddr, time::Duration};

use gossiperl_overlay::{KeyCommand, KeyId, KeyOutcome, NotSent, SubscriptionView, View};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::Statistics;
use crate::config::OverlaySettings;

/// One question or order, with the way back for the answer where there is one.
pub(super) enum Command {
    Members(oneshot::Sender<Vec<View>>),
    Subscriptions(oneshot::Sender<Vec<SubscriptionView>>),
    Statistics(oneshot::Sender<Box<Statistics>>),
    Reconfigure(Box<OverlaySettings>, oneshot::Sender<()>),
    Publish(Box<Message>, oneshot::Sender<Result<(), NotSent>>),
    Keys(KeyCommand, oneshot::Sender<KeyOutcome>),
    /// The configuration has these keys from now on.
    Configured(Vec<KeyId>, oneshot::Sender<()>),
    RingKeys(oneshot::Sender<Vec<Zeroizing<Vec<u8>>>>),
    Drain(oneshot::Sender<()>),
    EndDraining(oneshot::Sender<()>),
    Leave(Duration),
}

/// A message of the operator's.
pub(super) struct Message {
    /// One address of this host that it goes to, rather than to subscribers.
    pub(super) to: Option<SocketAddr>,
    pub(super) event_type: Vec<u8>,
    pub(super) payload: Vec<u8>,
}
