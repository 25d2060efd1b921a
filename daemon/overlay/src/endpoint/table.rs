//! All endpoints: who is found by what, who wants to send, and whose runs have ended.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gossiperl_idl::{
    Salt,
    sealed::{ReplayWindow, Role},
};
use gossiperl_link::Time;

use super::Endpoint;
use crate::index::{Index, make_room};

/// Runs that ended, remembered so that recordings of them stay dead. Beyond it the oldest is forgotten.
const ENDED_RUNS: usize = 8_192;

/// Who seals under a salt, and which: a client's run is another than a daemon's, whatever salt it has picked.
pub(crate) type Run = (Role, Salt);

/// Names an endpoint; never reused for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EndpointId {
    index: u32,
    epoch: u32,
}

/// All endpoints, by id and by run; those with something to send; and their timers.
pub(crate) struct Endpoints {
    slots: Vec<Option<Endpoint>>,
    free: Vec<u32>,
    epochs: Vec<u32>,
    by_run: Index,
    dirty: VecDeque<EndpointId>,
    timers: BTreeSet<(Time, EndpointId)>,
    /// Windows of runs that ended, so that recordings of them stay dead.
    ended: BTreeMap<Run, ReplayWindow>,
    ended_order: VecDeque<Run>,
}

impl Endpoints {
    /// None yet. Who picks salts must not be able to predict the seed.
    pub(crate) fn new(seed: u64) -> Self {
        Endpoints {
            slots: Vec::new(),
            free: Vec::new(),
            epochs: Vec::new(),
            by_run: Index::new(seed),
            dirty: VecDeque::new(),
            timers: BTreeSet::new(),
            ended: BTreeMap::new(),
            ended_order: VecDeque::new(),
        }
    }

    /// Adds one; replaces none: the caller has looked the run up.
    pub(crate) fn insert(&mut self, mut endpoint: Endpoint) -> EndpointId {
        let index = self.free.pop().unwrap_or_else(|| {
            make_room(&mut self.slots);
            make_room(&mut self.epochs);
            self.slots.push(None);
            self.epochs.push(0);
            (self.slots.len() - 1) as u32
        });
        let epoch = self.epochs.get(index as usize).copied().unwrap_or_default();
        endpoint.epoch = epoch;
        let run = endpoint.run();
        if let Some(window) = self.ended.remove(&run) {
            endpoint.window = window;
            self.ended_order.retain(|ended| *ended != run);
        }
        if let Some(slot) = self.slots.get_mut(index as usize) {
            *slot = Some(endpoint);
        }
        let slots = &self.slots;
        self.by_run.insert(index, |place| run_at(slots, place));
        EndpointId { index, epoch }
    }

    /// Takes one out and remembers that its run has ended.
    pub(crate) fn remove(&mut self, id: EndpointId) -> Option<Endpoint> {
        self.get(id)?;
        let endpoint = self.slots.get_mut(id.index as usize)?.take()?;
        if let Some(epoch) = self.epochs.get_mut(id.index as usize) {
            *epoch = epoch.wrapping_add(1);
        }
        self.free.push(id.index);
        if let Some(at) = endpoint.timer() {
            self.timers.remove(&(at, id));
        }
        self.end_run(id, &endpoint);
        Some(endpoint)
    }

    /// The endpoint stays, but its run has ended: datagrams under its salt are not its any more.
    pub(crate) fn disown(&mut self, id: EndpointId) {
        let Some(slot) = self.slots.get_mut(id.index as usize) else { return };
        if let Some(endpoint) = slot.take_if(|endpoint| endpoint.epoch == id.epoch) {
            self.end_run(id, &endpoint);
            if let Some(slot) = self.slots.get_mut(id.index as usize) {
                *slot = Some(endpoint);
            }
        }
    }

    /// Ends the run, where that is still the endpoint's.
    fn end_run(&mut self, id: EndpointId, endpoint: &Endpoint) {
        let run = endpoint.run();
        if !self.by_run.remove(&run, id.index) {
            return;
        }
        if self.ended.insert(run, endpoint.window.clone()).is_none() {
            self.ended_order.push_back(run);
        }
        if self.ended_order.len() > ENDED_RUNS
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    /// The endpoint, unless it is gone.
    pub(crate) fn get(&self, id: EndpointId) -> Option<&Endpoint> {
        self.slots.get(id.index as usize)?.as_ref().filter(|endpoint| endpoint.epoch == id.epoch)
    }

    /// The endpoint, unless it is gone.
    pub(crate) fn get_mut(&mut self, id: EndpointId) -> Option<&mut Endpoint> {
        self.slots.get_mut(id.index as usize)?.as_mut().filter(|endpoint| endpoint.epoch == id.epoch)
    }

    /// Whose datagrams carry this salt, sealed in this role.
    pub(crate) fn find(&self, role: Role, salt: &Salt) -> Option<EndpointId> {
        let run = (role, *salt);
        let index = self.by_run.find(&run, |place| run_at(&self.slots, place) == Some(run))?;
        let epoch = self.epochs.get(index as usize).copied()?;
        Some(EndpointId { index, epoch })
    }

    /// The endpoint of a daemon's run.
    pub(crate) fn find_daemon(&self, salt: &Salt) -> Option<EndpointId> {
        self.find(Role::DaemonToDaemon, salt)
    }

    /// Whether a datagram of this run with this counter was opened before, or is too old to tell.
    pub(crate) fn has_seen(&self, role: Role, salt: &Salt, counter: u64) -> bool {
        let live = self.find(role, salt).and_then(|id| self.get(id)).map(|endpoint| &endpoint.window);
        live.or_else(|| self.ended.get(&(role, *salt))).is_some_and(|window| window.contains(counter))
    }

    /// Notes that the endpoint's datagram with this counter was opened.
    pub(crate) fn saw(&mut self, id: EndpointId, counter: u64) {
        if let Some(endpoint) = self.get_mut(id) {
            endpoint.window.accept(counter);
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Endpoint> {
        self.slots.iter().flatten()
    }

    /// Runs that ended and are remembered.
    pub(crate) fn ended_runs(&self) -> usize {
        self.ended.len()
    }

    /// The ids of all of them, by slot.
    pub(crate) fn ids(&self) -> Vec<EndpointId> {
        let with_index = self.slots.iter().enumerate();
        with_index
            .filter_map(|(index, slot)| {
                slot.as_ref().map(|held| EndpointId { index: index as u32, epoch: held.epoch })
            })
            .collect()
    }

    /// To be called after anything was done to the endpoint: puts it in line for sending and sets its timer.
    pub(crate) fn settle(&mut self, now: Time, id: EndpointId) {
        let Some(endpoint) = self.slots.get_mut(id.index as usize).and_then(Option::as_mut) else { return };
        if endpoint.epoch != id.epoch {
            return;
        }
        // One in line is settled again when its datagram is filled, and no timer of it is due before that.
        if endpoint.queued || endpoint.parked {
            return;
        }
        if endpoint.wants_transmit(now) {
            endpoint.queued = true;
            self.dirty.push_back(id);
            return;
        }
        let wanted = endpoint.link.as_ref().and_then(|link| link.poll_timeout());
        // A timer that fires early finds nothing due and sets the next one: cheaper than moving it at each acknowledgement.
        let stands = match (endpoint.timer(), wanted) {
            (Some(set), Some(wanted)) => set <= wanted,
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if stands {
            return;
        }
        if let Some(old) = endpoint.set_timer(wanted) {
            self.timers.remove(&(old, id));
        }
        if let Some(at) = wanted {
            self.timers.insert((at, id));
        }
    }

    /// How many are in line to send, at most.
    pub(crate) fn in_line(&self) -> usize {
        self.dirty.len()
    }

    /// The next endpoint with something to send; it leaves the line.
    pub(crate) fn next_dirty(&mut self) -> Option<EndpointId> {
        loop {
            let id = self.dirty.pop_front()?;
            if let Some(endpoint) = self.get_mut(id) {
                endpoint.queued = false;
                return Some(id);
            }
        }
    }

    /// The earliest timer.
    pub(crate) fn next_timer(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The endpoints whose timers are due; those are cleared.
    pub(crate) fn take_due(&mut self, now: Time) -> Vec<EndpointId> {
        let mut due = Vec::new();
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            if let Some(endpoint) = self.get_mut(id) {
                endpoint.set_timer(None);
                due.push(id);
            }
        }
        due
    }
}

fn run_at(slots: &[Option<Endpoint>], place: u32) -> Option<Run> {
    slots.get(place as usize)?.as_ref().map(Endpoint::run)
}
