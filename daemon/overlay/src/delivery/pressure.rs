//! Back-pressure by event type: which types are paused, because of whom, and who has been told.
//!
//! A queue that is half full pauses the types that fill it; its emptying to a quarter resumes them. The half above absorbs what
//! publishers have in flight before they hear of it. Everything here is bounded by sessions times types in use.

use std::collections::{BTreeMap, BTreeSet};

use super::TypeId;
use crate::{clients::ClientId, endpoint::EndpointId};

/// Why a type is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// Our queue towards this endpoint is filling.
    Queue(EndpointId),
    /// Our queue towards this client of protocol 1 is filling.
    Legacy(ClientId),
    /// The daemon there asked for it.
    Remote(EndpointId),
}

#[derive(Default)]
struct Paused {
    causes: BTreeSet<Cause>,
    told: BTreeSet<EndpointId>,
}

/// Paused types.
#[derive(Default)]
pub(crate) struct Pressure {
    paused: BTreeMap<TypeId, Paused>,
    causes: BTreeMap<Cause, BTreeSet<TypeId>>,
}

/// A type that is open again, and the publishers to tell.
pub(crate) type Resumed = (TypeId, BTreeSet<EndpointId>);

impl Pressure {
    /// Pauses the type because of `cause`.
    pub(crate) fn pause(&mut self, event_type: TypeId, cause: Cause) {
        self.paused.entry(event_type).or_default().causes.insert(cause);
        self.causes.entry(cause).or_default().insert(event_type);
    }

    /// Whether the type is paused.
    pub(crate) fn is_paused(&self, event_type: TypeId) -> bool {
        !self.paused.is_empty() && self.paused.contains_key(&event_type)
    }

    /// How many types are paused.
    pub(crate) fn paused_types(&self) -> usize {
        self.paused.len()
    }

    /// Whether anything is paused.
    pub(crate) fn has_causes(&self) -> bool {
        !self.causes.is_empty()
    }

    /// Whether `cause` pauses anything.
    pub(crate) fn is_cause(&self, cause: Cause) -> bool {
        !self.causes.is_empty() && self.causes.contains_key(&cause)
    }

    /// Notes that a publisher of a paused type is being told; false where it knows or the type is open.
    pub(crate) fn tell(&mut self, event_type: TypeId, publisher: EndpointId) -> bool {
        self.paused.get_mut(&event_type).is_some_and(|paused| paused.told.insert(publisher))
    }

    /// `cause` is over, for all types.
    pub(crate) fn relieve(&mut self, cause: Cause) -> Vec<Resumed> {
        let types = self.causes.remove(&cause).unwrap_or_default();
        types.into_iter().filter_map(|event_type| self.lift(event_type, cause)).collect()
    }

    /// `cause` is over, for one type.
    pub(crate) fn relieve_type(&mut self, event_type: TypeId, cause: Cause) -> Option<Resumed> {
        if let Some(types) = self.causes.get_mut(&cause) {
            types.remove(&event_type);
            if types.is_empty() {
                self.causes.remove(&cause);
            }
        }
        self.lift(event_type, cause)
    }

    fn lift(&mut self, event_type: TypeId, cause: Cause) -> Option<Resumed> {
        let paused = self.paused.get_mut(&event_type)?;
        paused.causes.remove(&cause);
        if !paused.causes.is_empty() {
            return None;
        }
        self.paused.remove(&event_type).map(|paused| (event_type, paused.told))
    }

    /// The type has no subscribers any more.
    pub(crate) fn close(&mut self, event_type: TypeId) -> Option<Resumed> {
        let paused = self.paused.remove(&event_type)?;
        for cause in &paused.causes {
            if let Some(types) = self.causes.get_mut(cause) {
                types.remove(&event_type);
                if types.is_empty() {
                    self.causes.remove(cause);
                }
            }
        }
        Some((event_type, paused.told))
    }

    /// Endpoints whose queues pause something.
    pub(crate) fn causing_endpoints(&self) -> Vec<EndpointId> {
        let queues = self.causes.keys().filter_map(|cause| match cause {
            Cause::Queue(endpoint) => Some(*endpoint),
            Cause::Legacy(_) | Cause::Remote(_) => None,
        });
        queues.collect()
    }

    /// Clients of protocol 1 whose queues pause something.
    pub(crate) fn causing_clients(&self) -> Vec<ClientId> {
        let queues = self.causes.keys().filter_map(|cause| match cause {
            Cause::Legacy(client) => Some(*client),
            _ => None,
        });
        queues.collect()
    }

    /// The endpoint is gone, as publisher and as cause.
    pub(crate) fn forget(&mut self, endpoint: EndpointId) -> Vec<Resumed> {
        for paused in self.paused.values_mut() {
            paused.told.remove(&endpoint);
        }
        let mut resumed = self.relieve(Cause::Queue(endpoint));
        resumed.extend(self.relieve(Cause::Remote(endpoint)));
        resumed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Identity,
        endpoint::{Endpoint, Endpoints},
    };
    use gossiperl_idl::Salt;

    fn endpoints() -> (EndpointId, EndpointId) {
        let mut table = Endpoints::new(1);
        let mut daemon = |number| {
            let identity = Identity::new("daemon", Salt::new(1, number), ([127, 0, 0, 1], 1).into(), "");
            table.insert(Endpoint::of_daemon(identity.into()))
        };
        (daemon(1), daemon(2))
    }

    #[test]
    fn a_type_opens_when_its_last_cause_is_over_and_names_who_was_told() {
        let (slow, publisher) = endpoints();
        let (one, other) = (Cause::Queue(slow), Cause::Queue(publisher));
        let mut pressure = Pressure::default();
        let event_type = TypeId(7);
        pressure.pause(event_type, one);
        pressure.pause(event_type, other);
        assert!(pressure.tell(event_type, publisher));
        assert!(!pressure.tell(event_type, publisher), "told once");
        assert!(pressure.relieve(one).is_empty());
        assert!(pressure.is_paused(event_type));
        assert_eq!(pressure.relieve(other), vec![(event_type, BTreeSet::from([publisher]))]);
        assert!(!pressure.is_paused(event_type));
        assert!(!pressure.is_cause(other));
    }

    #[test]
    fn an_endpoint_that_goes_pauses_nothing_and_is_told_nothing() {
        let (slow, publisher) = endpoints();
        let mut pressure = Pressure::default();
        pressure.pause(TypeId(1), Cause::Queue(slow));
        pressure.tell(TypeId(1), publisher);
        assert!(pressure.forget(publisher).is_empty());
        let resumed = pressure.forget(slow);
        assert_eq!(resumed, vec![(TypeId(1), BTreeSet::new())]);
    }
}
