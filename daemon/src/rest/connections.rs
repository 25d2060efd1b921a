//! Which connections there are. Beyond the bound the one that has been silent for longest gives way, rather than newcomers waiting.
//!
//! A connection is *proven* once a request over it had the right credentials. Those that are not give way first, oldest first: a thousand connections that say nothing
//! keep nobody out.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

/// Connections at a time. Few enough to leave descriptors for the overlays under the usual limit of 1,024.
const MOST: usize = 256;

/// The connections.
#[derive(Default)]
pub(super) struct Connections {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    next: u64,
    open: BTreeMap<u64, Arc<Standing>>,
}

/// What is known of a connection.
#[derive(Default)]
pub(super) struct Standing {
    proven: AtomicBool,
    /// Told when it is to give way.
    gives_way: Notify,
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    connections: Arc<Connections>,
    number: u64,
    standing: Arc<Standing>,
}

impl Standing {
    /// A request over it had the right credentials.
    pub(super) fn prove(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }
}

impl Connections {
    /// Takes a place for a new connection.
    pub(super) fn admit(self: &Arc<Self>) -> Place {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.open.len() >= MOST {
            let unproven = |standing: &Standing| !standing.proven.load(Ordering::Relaxed);
            let silent = held.open.iter().find(|(_, standing)| unproven(standing)).map(|(number, _)| *number);
            let first = silent.or_else(|| held.open.keys().next().copied());
            if let Some(standing) = first.and_then(|number| held.open.remove(&number)) {
                standing.gives_way.notify_one();
            }
        }
        let number = held.next;
        held.next += 1;
        let standing = Arc::new(Standing::default());
        held.open.insert(number, standing.clone());
        Place { connections: self.clone(), number, standing }
    }
}

impl Place {
    /// What is known of the connection.
    pub(super) fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Waits until the connection is to give way.
    pub(super) async fn given_up(&self) {
        self.standing.gives_way.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.connections.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_given_up(place: &Place) -> bool {
        let waits = std::pin::pin!(place.given_up());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        waits.poll(&mut context).is_ready()
    }

    #[test]
    fn the_oldest_that_proved_nothing_gives_way() {
        let connections = Arc::new(Connections::default());
        let mut places: Vec<Place> = (0..MOST).map(|_| connections.admit()).collect();
        places[0].standing().prove();
        let more = connections.admit();
        assert!(is_given_up(&places[1]));
        assert!(!is_given_up(&places[0]) && !is_given_up(&places[2]) && !is_given_up(&more));
        drop(places.remove(5));
        let _last = connections.admit();
        assert!(!is_given_up(&places[2]), "there was room");
        for place in &places {
            place.standing().prove();
        }
        more.standing().prove();
        _last.standing().prove();
        let _beyond = connections.admit();
        assert!(is_given_up(&places[0]), "where all are proven, the oldest");
    }
}
