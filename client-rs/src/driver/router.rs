//! From a delivered message to the inboxes of those who subscribed to its type.
//!
//! Deliveries are gathered while datagrams are read: bytes in chunks that several deliveries share, then one lock and at most one wake-up for
//! each inbox.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use gossiperl_link::Verdict;

use super::requests::Typed;
use crate::{
    Delivery, Name, SlowPolicy,
    delivery::{Incoming, Staged},
    shared::{Inbox, Level},
};

/// The subscriptions of one client, by type.
#[derive(Debug, Default)]
pub(super) struct Router {
    subscriptions: BTreeMap<u64, Slot>,
    /// Type to its place in `routes`; never iterated.
    index: HashMap<Name, usize>,
    routes: Vec<Route>,
    free: Vec<usize>,
    /// The route of the last message: most come in runs of a type.
    last: usize,
    chunk: Vec<u8>,
    staged: Vec<(usize, Staged)>,
    /// Subscriptions with deliveries gathered since the last flush.
    touched: Vec<u64>,
    /// The daemon is held back because an inbox is full.
    holding: bool,
    /// Somebody waits for an answer that stands behind the deliveries: bounds are relaxed.
    urgent: bool,
}

#[derive(Debug)]
struct Slot {
    inbox: Arc<Inbox>,
    types: BTreeSet<Name>,
    gathered: Vec<Delivery>,
    /// As of the last flush, and what was gathered since. The reader only makes it less.
    level: Level,
}

#[derive(Debug, Default)]
struct Route {
    event_type: Name,
    subscribers: Vec<u64>,
}

/// Deliveries that an inbox dropped by its policy.
pub(super) type Drops = Vec<(Name, u64)>;

impl Router {
    /// Adds a subscription, or more types to one that there is; returns the types that it did not have, with the policies that the daemon is to have for them.
    pub(super) fn add(&mut self, id: u64, types: &[Name], inbox: Arc<Inbox>) -> Vec<Typed> {
        // What came before is for those who had the type then.
        self.seal_chunk();
        let mut new = Vec::new();
        for event_type in types {
            let place = self.place(event_type);
            let subscribers = &mut self.routes[place].subscribers;
            if !subscribers.contains(&id) {
                subscribers.push(id);
                new.push(event_type.clone());
            }
        }
        let slot = self.subscriptions.entry(id).or_insert_with(|| Slot {
            inbox,
            types: BTreeSet::new(),
            gathered: Vec::new(),
            level: Level::default(),
        });
        slot.types.extend(new.iter().cloned());
        self.with_policy(&new)
    }

    /// Ends a subscription; returns the types that nobody has any more, and those whose policy may have changed.
    pub(super) fn remove(&mut self, id: u64) -> Option<(Vec<Name>, Vec<Typed>)> {
        let types: Vec<Name> = self.subscriptions.get(&id)?.types.iter().cloned().collect();
        let removed = self.remove_types(id, &types);
        let slot = self.subscriptions.remove(&id)?;
        self.touched.retain(|other| *other != id);
        slot.inbox.end();
        removed
    }

    /// Takes types from a subscription; returns what [`remove`](Self::remove) does.
    pub(super) fn remove_types(&mut self, id: u64, types: &[Name]) -> Option<(Vec<Name>, Vec<Typed>)> {
        self.seal_chunk();
        let slot = self.subscriptions.get_mut(&id)?;
        let (mut gone, mut left) = (Vec::new(), Vec::new());
        for event_type in types {
            if !slot.types.remove(event_type) {
                continue;
            }
            let Some(&place) = self.index.get(event_type) else { continue };
            let subscribers = &mut self.routes[place].subscribers;
            subscribers.retain(|other| *other != id);
            if subscribers.is_empty() {
                self.index.remove(event_type);
                self.routes[place] = Route::default();
                self.free.push(place);
                gone.push(event_type.clone());
            } else if slot.inbox.policy == SlowPolicy::Wait {
                left.push(event_type.clone());
            }
        }
        let changed = self.with_policy(&left);
        let changed = changed.into_iter().filter(|(_, policy)| *policy == SlowPolicy::DropOldest).collect();
        Some((gone, changed))
    }

    /// A message for whoever has subscribed to its type.
    #[inline]
    pub(super) fn deliver(&mut self, message: &Incoming<'_>) -> Verdict {
        let Some(place) = self.find(message.event_type) else { return Verdict::Taken };
        let len = message.len();
        if !self.has_room(place, len) {
            return Verdict::Hold;
        }
        let start = self.chunk.len();
        message.write(&mut self.chunk);
        self.staged.push((place, message.staged(start)));
        for id in &self.routes[place].subscribers {
            if let Some(slot) = self.subscriptions.get_mut(id) {
                slot.level.messages += 1;
                slot.level.bytes += len;
            }
        }
        if self.chunk.len() >= CHUNK {
            self.seal_chunk();
        }
        Verdict::Taken
    }

    /// Hands everything gathered over to the readers. Returns what their policies dropped.
    pub(super) fn flush(&mut self) -> Drops {
        self.seal_chunk();
        let mut drops = Drops::new();
        for id in std::mem::take(&mut self.touched) {
            let Some(slot) = self.subscriptions.get_mut(&id) else { continue };
            let event_type = slot.gathered.last().map(Delivery::event_type_name);
            let (level, dropped) = slot.inbox.append(&mut slot.gathered);
            slot.level = level;
            drops.extend(event_type.filter(|_| dropped > 0).map(|name| (name, dropped)));
        }
        drops
    }

    /// Relaxes the bounds, or makes them strict again. True: the daemon is to be released.
    pub(super) fn set_urgent(&mut self, urgent: bool) -> bool {
        let newly = urgent && !std::mem::replace(&mut self.urgent, urgent);
        self.urgent = urgent;
        newly && std::mem::take(&mut self.holding)
    }

    /// A reader has made room, or a subscription is gone. True: the daemon is to be released.
    pub(super) fn release(&mut self) -> bool {
        std::mem::take(&mut self.holding)
    }

    /// Ends every subscription: the client is closed.
    pub(super) fn end(&mut self) {
        self.flush();
        self.subscriptions.values().for_each(|slot| slot.inbox.end());
    }

    #[inline]
    fn find(&mut self, event_type: &[u8]) -> Option<usize> {
        if self.routes.get(self.last).is_none_or(|route| *route.event_type != *event_type) {
            self.last = *self.index.get(event_type)?;
        }
        Some(self.last)
    }

    #[inline]
    fn has_room(&mut self, place: usize, len: usize) -> bool {
        let factor = if self.urgent { URGENT_FACTOR } else { 1 };
        let full = |slot: &Slot, level: Level| {
            slot.inbox.policy == SlowPolicy::Wait && !level.has_room(len, slot.inbox.bound, factor)
        };
        let seems_full = |router: &Router| {
            let slots = router.routes[place].subscribers.iter().filter_map(|id| router.subscriptions.get(id));
            slots.into_iter().any(|slot| full(slot, slot.level))
        };
        if !seems_full(self) {
            return true;
        }
        // The readers may have read since. Policies do not drop here: only Wait inboxes can be full.
        let drops = self.flush();
        debug_assert!(drops.is_empty() || self.subscriptions.len() > 1);
        for id in &self.routes[place].subscribers {
            let Some(slot) = self.subscriptions.get_mut(id) else { continue };
            slot.level = slot.inbox.level();
            if full(slot, slot.level) {
                // Between the two looks the reader may have come.
                slot.level = slot.inbox.hold();
                if full(slot, slot.level) {
                    self.holding = true;
                    return false;
                }
            }
        }
        true
    }

    fn seal_chunk(&mut self) {
        if self.staged.is_empty() {
            return;
        }
        let chunk = Bytes::from(std::mem::take(&mut self.chunk));
        for (place, staged) in self.staged.drain(..) {
            for id in &self.routes[place].subscribers {
                let Some(slot) = self.subscriptions.get_mut(id) else { continue };
                if slot.gathered.is_empty() {
                    self.touched.push(*id);
                }
                slot.gathered.push(staged.finish(&chunk));
            }
        }
    }

    fn place(&mut self, event_type: &Name) -> usize {
        if let Some(place) = self.index.get(event_type) {
            return *place;
        }
        let route = Route { event_type: event_type.clone(), subscribers: Vec::new() };
        let place = match self.free.pop() {
            Some(place) => {
                self.routes[place] = route;
                place
            }
            None => {
                self.routes.push(route);
                self.routes.len() - 1
            }
        };
        self.index.insert(event_type.clone(), place);
        place
    }

    /// The stricter policy of those who have subscribed to each type.
    fn with_policy(&self, types: &[Name]) -> Vec<Typed> {
        let policy = |event_type: &Name| {
            let place = self.index.get(event_type)?;
            let mut slots =
                self.routes[*place].subscribers.iter().filter_map(|id| self.subscriptions.get(id));
            let wait = slots.any(|slot| slot.inbox.policy == SlowPolicy::Wait);
            Some(if wait { SlowPolicy::Wait } else { SlowPolicy::DropOldest })
        };
        types.iter().filter_map(|event_type| Some((event_type.clone(), policy(event_type)?))).collect()
    }
}

/// Bytes after which a chunk is complete; deliveries of one chunk live and die together.
const CHUNK: usize = 16 << 10;
/// By how much bounds are relaxed while somebody waits for an answer that stands behind the deliveries.
const URGENT_FACTOR: usize = 4;
