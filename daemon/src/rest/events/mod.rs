//! What happens in an overlay, as server-sent events: members' and clients' comings and goings, and the messages of the types that were asked for.
//!
//! Each overlay that somebody watches has a [`hub`]: a task that writes what happens into a bounded [`history`]. A stream reads the history from
//! where it is, so that a slow reader costs no memory of its own: it is told of a gap. A reader that comes back says which event it had last, and
//! goes on behind it. Messages come by an [`observer`], a client of the overlay like any other, whose subscriptions drop their oldest rather than
//! hold a publisher back.

mod entry;
mod filter;
mod history;
mod hub;
mod observer;
mod places;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::watch;

pub(super) use entry::gap;
pub(super) use filter::Filter;
pub(crate) use filter::event_names;
pub(super) use history::{Cursor, Taken};
pub(super) use hub::{Hub, Watching};

use crate::manage::{Host, Running};
use places::HostPlaces;

/// The hubs of all overlays that somebody has watched.
#[derive(Default)]
pub(super) struct Hubs {
    /// Each kept by its task, for as long as its overlay is there, and by its readers.
    hubs: Mutex<Vec<Weak<Hub>>>,
    places: HostPlaces,
    stopping: watch::Sender<bool>,
}

impl Hubs {
    /// The overlay's hub, which begins to listen where there was none. Needs a tokio runtime.
    pub(super) fn of(&self, host: &Host, running: &Arc<Running>) -> Arc<Hub> {
        let mut hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        hubs.retain(|hub| hub.strong_count() > 0);
        let found = hubs.iter().filter_map(Weak::upgrade).find(|hub| hub.is_of(running));
        found.unwrap_or_else(|| {
            let hub = Hub::start(host.clone(), running, self.places.clone(), self.stopping.subscribe());
            hubs.push(Arc::downgrade(&hub));
            hub
        })
    }

    /// Ends all streams: the daemon stops.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }
}
