//! What happens in an overlay, as server-sent events: members' and clients' comings and goings, and the messages of the types that were asked for.
//!
//! Each overlay that somebody watches has a [`hub`]: a task that writes what happens into a bounded [`history`]. A stream reads the history from
//! where it is, so that a slow reader costs no memory of its own: it is told of a gap. A reader that comes back says which event it had last, and
//! goes on behind it. Messages come by an [`observer`], a client of the overlay like any other, whose subscriptions drop their oldest rather than
//! hold a publisher back.

mod history;
mod hub;
mod observer;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

pub(super) use history::{Cursor, Taken};
pub(super) use hub::{Filter, Hub, Watching};

use crate::manage::{Host, Running};

/// The hubs of all overlays that somebody has watched.
#[derive(Default)]
pub(super) struct Hubs {
    hubs: Mutex<BTreeMap<String, Arc<Hub>>>,
}

impl Hubs {
    /// The overlay's hub, which begins to listen where there was none. It ends when the overlay does. Needs a tokio runtime.
    pub(super) fn of(&self, host: &Host, running: &Arc<Running>) -> Arc<Hub> {
        let mut hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        let name = &running.settings().name;
        hubs.retain(|_, hub| !hub.is_over());
        let hub = hubs.entry(name.clone()).or_insert_with(|| Hub::start(host.clone(), running));
        hub.clone()
    }
}
