//! The routing table: event type to local subscribers and to the daemons that have some.

use std::collections::HashMap;

use gossiperl_idl::{Salt, generated::SlowPolicy};

use crate::{clients::ClientId, endpoint::EndpointId};

/// An interned event type. Ids are reused only after the type has no subscriber anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TypeId(pub(crate) u32);

/// A subscription of a local client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) client: ClientId,
    /// Its session; `None` for a client of protocol 1.
    pub(crate) endpoint: Option<EndpointId>,
    pub(crate) policy: SlowPolicy,
}

/// Another daemon with at least one subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) owner: Salt,
    /// Its subscribers of the type.
    subscribers: u32,
}

/// Where messages of one type go.
#[derive(Default)]
pub(crate) struct Route {
    name: Box<[u8]>,
    pub(crate) local: Vec<Local>,
    pub(crate) remote: Vec<Remote>,
}

impl Route {
    fn is_empty(&self) -> bool {
        self.local.is_empty() && self.remote.is_empty()
    }
}

/// All types somebody subscribes to.
#[derive(Default)]
pub(crate) struct Routes {
    ids: HashMap<Box<[u8]>, TypeId>,
    routes: Vec<Route>,
    free: Vec<TypeId>,
    /// Subscriptions of local clients, of all types.
    local: usize,
    /// The type asked for last: most messages come in rows of one.
    last: Option<TypeId>,
}

impl Routes {
    /// The type, where it has subscribers.
    pub(crate) fn find(&self, event_type: &[u8]) -> Option<TypeId> {
        self.ids.get(event_type).copied()
    }

    /// As [`Routes::find`], for types that come in rows.
    #[inline]
    pub(crate) fn find_again(&mut self, event_type: &[u8]) -> Option<TypeId> {
        let is_same =
            |id: &TypeId| self.get(*id).is_some_and(|route| *route.name == *event_type && !route.is_empty());
        let last = self.last.filter(is_same);
        self.last = last.or_else(|| self.find(event_type));
        self.last
    }

    /// Where messages of the type go.
    pub(crate) fn get(&self, id: TypeId) -> Option<&Route> {
        self.routes.get(id.0 as usize)
    }

    /// The type's name; still there when its last subscriber has just gone.
    pub(crate) fn name(&self, id: TypeId) -> &[u8] {
        self.get(id).map_or(&[], |route| &route.name)
    }

    /// Every subscription of a local client: its type, and whose it is.
    pub(crate) fn local(&self) -> impl Iterator<Item = (&[u8], ClientId)> {
        self.routes.iter().flat_map(|route| route.local.iter().map(|local| (&*route.name, local.client)))
    }

    /// Adds or replaces a local client's subscription.
    pub(crate) fn subscribe(&mut self, event_type: &[u8], local: Local) -> TypeId {
        let id = self.intern(event_type);
        if let Some(route) = self.routes.get_mut(id.0 as usize) {
            match route.local.iter_mut().find(|held| held.client == local.client) {
                Some(held) => *held = local,
                None => {
                    route.local.push(local);
                    self.local += 1;
                }
            }
        }
        id
    }

    /// A local client's subscription goes on in another session.
    pub(crate) fn move_local(&mut self, id: TypeId, client: ClientId, endpoint: EndpointId) {
        let Some(route) = self.routes.get_mut(id.0 as usize) else { return };
        if let Some(held) = route.local.iter_mut().find(|held| held.client == client) {
            held.endpoint = Some(endpoint);
        }
    }

    /// Removes a local client's subscription; the type it was for, where there was one.
    pub(crate) fn unsubscribe(&mut self, event_type: &[u8], client: ClientId) -> Option<TypeId> {
        let id = self.find(event_type)?;
        let route = self.routes.get_mut(id.0 as usize)?;
        let at = route.local.iter().position(|held| held.client == client)?;
        route.local.remove(at);
        self.local -= 1;
        self.release(id);
        Some(id)
    }

    /// Whether the type has no subscriber any more.
    pub(crate) fn is_unused(&self, id: TypeId) -> bool {
        self.get(id).is_none_or(Route::is_empty)
    }

    /// One more subscriber at the daemon `owner`.
    pub(crate) fn add_remote(&mut self, event_type: &[u8], owner: Salt) {
        let id = self.intern(event_type);
        let Some(route) = self.routes.get_mut(id.0 as usize) else { return };
        match route.remote.iter_mut().find(|held| held.owner == owner) {
            Some(held) => held.subscribers = held.subscribers.saturating_add(1),
            None => route.remote.push(Remote { owner, subscribers: 1 }),
        }
    }

    /// One subscriber less at the daemon `owner`; the type, where it has nobody any more.
    pub(crate) fn remove_remote(&mut self, event_type: &[u8], owner: Salt) -> Option<TypeId> {
        let id = self.find(event_type)?;
        let route = self.routes.get_mut(id.0 as usize)?;
        let at = route.remote.iter().position(|held| held.owner == owner)?;
        match route.remote.get_mut(at) {
            Some(held) if held.subscribers > 1 => held.subscribers -= 1,
            _ => {
                route.remote.remove(at);
            }
        }
        self.release(id);
        self.is_unused(id).then_some(id)
    }

    /// Types with subscribers, and subscriptions of local clients.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.ids.len(), self.local)
    }

    fn intern(&mut self, event_type: &[u8]) -> TypeId {
        if let Some(id) = self.ids.get(event_type) {
            return *id;
        }
        let route = Route { name: event_type.into(), ..Route::default() };
        let id = match self.free.pop() {
            Some(id) => {
                if let Some(slot) = self.routes.get_mut(id.0 as usize) {
                    *slot = route;
                }
                id
            }
            None => {
                self.routes.push(route);
                TypeId((self.routes.len() - 1) as u32)
            }
        };
        self.ids.insert(event_type.into(), id);
        id
    }

    fn release(&mut self, id: TypeId) {
        if let Some(route) = self.routes.get_mut(id.0 as usize)
            && route.is_empty()
        {
            self.ids.remove(&route.name);
            self.free.push(id);
        }
    }
}
