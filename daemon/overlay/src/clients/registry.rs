//! Who the local clients are: name, secret, address, and how long each has been silent (section 4 of protocol 1's rules).
//!
//! A name is bound to the secret of its first registration until the client leaves or is dropped, or for good where the configuration lists it.
//! Knows nothing of sessions, subscriptions and datagrams.
//!
//! A closed port makes its client unreachable at once, and costs one that restarts within a moment nothing: name, secret, subscriptions and
//! queue are kept until it is dropped, and its first datagram makes it reachable again.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use gossiperl_idl::code;
use gossiperl_link::Time;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    Config,
    event::{Change, State, View},
};

/// Longest name of a client, in bytes; the shortest has one.
const MAX_NAME: usize = 255;

/// Names a registered client; never reused for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientId(u64);

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Protocol 1.
    Legacy,
    /// Protocol 2.
    Sealed,
}

/// A registered client.
pub(crate) struct Client {
    /// Bytes, since protocol 1 does not ask for UTF-8.
    pub(crate) name: Box<[u8]>,
    pub(crate) protocol: Protocol,
    pub(crate) address: SocketAddr,
    pub(crate) state: State,
    /// Unix time in seconds at which it was last heard of.
    pub(crate) heartbeat: i64,
    secret: Zeroizing<Box<[u8]>>,
    last_heard: Time,
    /// When silence next changes its state.
    deadline: Option<Time>,
}

/// A change of a client's standing.
pub(crate) struct Notice {
    pub(crate) change: Change,
    pub(crate) client: ClientId,
    /// As the client wrote it; the view's is fit for people.
    pub(crate) name: Box<[u8]>,
    pub(crate) view: View,
}

/// All registered clients.
pub(crate) struct Registry {
    clients: BTreeMap<ClientId, Client>,
    by_name: BTreeMap<Box<[u8]>, ClientId>,
    by_address: BTreeMap<SocketAddr, ClientId>,
    deadlines: BTreeSet<(Time, ClientId)>,
    notices: VecDeque<Notice>,
    fixed: Vec<(String, Zeroizing<Vec<u8>>)>,
    own_name: String,
    limit: usize,
    quarantine_after: Duration,
    max_quarantined: Duration,
    drop_after: Duration,
    next: u64,
    unix_seconds: i64,
}

impl Registry {
    /// An empty registry with the bounds and times of `config`.
    pub(crate) fn new(config: &Config) -> Self {
        Registry {
            clients: BTreeMap::new(),
            by_name: BTreeMap::new(),
            by_address: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            notices: VecDeque::new(),
            fixed: config.client_secrets.clone(),
            own_name: config.member_name.clone(),
            limit: config.limits.clients,
            quarantine_after: config.quarantine_after,
            max_quarantined: config.max_quarantined,
            drop_after: config.drop_unreachable_after,
            next: 0,
            unix_seconds: 0,
        }
    }

    /// Other bounds, times and fixed secrets from now on. Who is registered stays; the silence of each so far counts by the new times.
    pub(crate) fn reconfigure(&mut self, now: Time, config: &Config) {
        self.fixed.clone_from(&config.client_secrets);
        self.limit = config.limits.clients;
        self.quarantine_after = config.quarantine_after;
        self.max_quarantined = config.max_quarantined;
        self.drop_after = config.drop_unreachable_after;
        let registered: Vec<ClientId> = self.clients.keys().copied().collect();
        for id in registered {
            self.schedule(now, id);
        }
    }

    /// The wall clock, for heartbeats.
    pub(crate) fn set_unix_time(&mut self, unix_seconds: i64) {
        self.unix_seconds = unix_seconds;
    }

    /// Registers a client, or finds the one that has the name and this secret; either way it has been heard of, at `address`.
    /// Otherwise a code of [`gossiperl_idl::code`], and nothing has changed. A name that comes back in the other protocol is a new client; the
    /// old one leaves.
    pub(crate) fn register(
        &mut self,
        now: Time,
        name: &[u8],
        secret: &[u8],
        protocol: Protocol,
        address: SocketAddr,
    ) -> Result<ClientId, i32> {
        if name.is_empty() || name.len() > MAX_NAME || name == self.own_name.as_bytes() {
            return Err(code::BAD_NAME);
        }
        if let Some(id) = self.by_name.get(name).copied() {
            let held = self.clients.get(&id).filter(|client| is_equal(&client.secret, secret));
            if held.ok_or(code::WRONG_SECRET)?.protocol == protocol {
                self.move_to(id, address);
                self.heard_from(now, id);
                return Ok(id);
            }
            self.leave(id);
        }
        let fixed = self.fixed.iter().find(|(held, _)| held.as_bytes() == name);
        if fixed.is_some_and(|(_, expected)| !is_equal(expected, secret)) {
            return Err(code::WRONG_SECRET);
        }
        if self.clients.len() >= self.limit {
            return Err(code::TOO_MANY_CLIENTS);
        }
        self.next += 1;
        let id = ClientId(self.next);
        let client = Client {
            name: name.into(),
            protocol,
            address,
            state: State::Reachable,
            heartbeat: self.unix_seconds,
            secret: Zeroizing::new(secret.into()),
            last_heard: now,
            deadline: None,
        };
        self.clients.insert(id, client);
        self.by_name.insert(name.into(), id);
        self.by_address.insert(address, id);
        self.schedule(now, id);
        self.notice(Change::In, id);
        Ok(id)
    }

    /// The client of this name, if `secret` is its.
    pub(crate) fn authenticate(&self, name: &[u8], secret: &[u8]) -> Result<ClientId, i32> {
        let id = *self.by_name.get(name).ok_or(code::NOT_REGISTERED)?;
        let client = self.clients.get(&id).ok_or(code::NOT_REGISTERED)?;
        if is_equal(&client.secret, secret) { Ok(id) } else { Err(code::WRONG_SECRET) }
    }

    /// Anything authentic has come from it.
    pub(crate) fn heard_from(&mut self, now: Time, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.last_heard = now;
        client.heartbeat = self.unix_seconds;
        if client.state != State::Reachable {
            client.state = State::Reachable;
            self.schedule(now, id);
            self.notice(Change::Rejoin, id);
        }
    }

    /// The system reported that nobody listens at `address`: its client is unreachable at once.
    pub(crate) fn handle_unreachable(&mut self, now: Time, address: SocketAddr) -> Option<ClientId> {
        let id = *self.by_address.get(&address)?;
        let client = self.clients.get_mut(&id)?;
        if client.state != State::Unreachable {
            client.state = State::Unreachable;
            self.schedule(now, id);
            self.notice(Change::Unreachable, id);
        }
        Some(id)
    }

    /// The client ends its membership.
    pub(crate) fn leave(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.state = State::Left;
        }
        self.notice(Change::Out, id);
        self.forget(id);
    }

    /// When [`Registry::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Silence grows: clients go into quarantine, become unreachable, are dropped. Quarantine lasts from its beginning, not from the last sign of
    /// life: where it was us who stood still, clients get that long to be heard.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        while let Some((at, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, id));
            let Some(client) = self.clients.get_mut(&id) else { continue };
            client.deadline = None;
            let silent = now.since(client.last_heard);
            let (state, change) = match client.state {
                State::Reachable if silent < self.quarantine_after => {
                    self.schedule(now, id);
                    continue;
                }
                State::Reachable => (State::Quarantine, Change::Quarantine),
                State::Quarantine => (State::Unreachable, Change::Unreachable),
                State::Unreachable | State::Left => {
                    self.notice(Change::Drop, id);
                    self.notice(Change::Out, id);
                    self.forget(id);
                    continue;
                }
            };
            client.state = state;
            self.schedule(now, id);
            self.notice(change, id);
        }
    }

    /// The next change of standing, oldest first.
    pub(crate) fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// The client, while it is registered.
    pub(crate) fn get(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(&id)
    }

    /// Its name, while it is registered.
    pub(crate) fn name(&self, id: ClientId) -> Option<&[u8]> {
        self.get(id).map(|client| &*client.name)
    }

    /// The client that last registered from this address.
    pub(crate) fn at(&self, address: &SocketAddr) -> Option<ClientId> {
        self.by_address.get(address).copied()
    }

    /// All of them, the oldest registration first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ClientId, &Client)> {
        self.clients.iter().map(|(id, client)| (*id, client))
    }

    /// What the public sees of a client.
    pub(crate) fn view(client: &Client) -> View {
        View {
            name: String::from_utf8_lossy(&client.name).into_owned(),
            client: true,
            state: client.state,
            address: client.address,
            rack: String::new(),
            heartbeat: client.heartbeat,
        }
    }

    fn move_to(&mut self, id: ClientId, address: SocketAddr) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.address != address {
            if self.by_address.get(&client.address) == Some(&id) {
                self.by_address.remove(&client.address);
            }
            client.address = address;
        }
        self.by_address.insert(address, id);
    }

    fn schedule(&mut self, now: Time, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if let Some(old) = client.deadline.take() {
            self.deadlines.remove(&(old, id));
        }
        let deadline = match client.state {
            State::Reachable => client.last_heard + self.quarantine_after,
            State::Quarantine => now + self.max_quarantined,
            State::Unreachable if !self.drop_after.is_zero() => client.last_heard + self.drop_after,
            State::Unreachable | State::Left => return,
        };
        client.deadline = Some(deadline);
        self.deadlines.insert((deadline, id));
    }

    fn notice(&mut self, change: Change, id: ClientId) {
        if let Some(client) = self.clients.get(&id) {
            let (name, view) = (client.name.clone(), Registry::view(client));
            self.notices.push_back(Notice { change, client: id, name, view });
        }
    }

    fn forget(&mut self, id: ClientId) {
        let Some(client) = self.clients.remove(&id) else { return };
        self.by_name.remove(&client.name);
        if self.by_address.get(&client.address) == Some(&id) {
            self.by_address.remove(&client.address);
        }
        if let Some(deadline) = client.deadline {
            self.deadlines.remove(&(deadline, id));
        }
    }
}

/// Compares secrets in a time that tells their lengths only.
fn is_equal(held: &[u8], shown: &[u8]) -> bool {
    held.ct_eq(shown).into()
}

#[cfg(test)]
mod tests;
