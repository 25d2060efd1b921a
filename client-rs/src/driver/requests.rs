//! The application's requests, and what the session says to them.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Event, Member, MemberChange, MemberEvent, Name, Refusal, SlowPolicy,
    error::{MembersError, SubscribeError},
    members::{MEMBERS_KEPT, Roster},
    shared::Answer,
};

/// Requests under way, by the session's number.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: BTreeMap<u64, Open>,
    groups: BTreeMap<u64, Group>,
    last_group: u64,
    watch: Option<Watch>,
}

#[derive(Debug)]
enum Open {
    /// A part of a group.
    Part(u64),
    Members {
        done: Answer<Result<Vec<Member>, MembersError>>,
        members: Vec<Member>,
    },
}

/// Several requests of the session that make one of the application.
#[derive(Debug)]
struct Group {
    left: usize,
    refusal: Option<Refusal>,
    purpose: Purpose,
}

/// What a group of requests is for.
#[derive(Debug)]
pub(super) enum Purpose {
    Subscribe {
        id: u64,
        types: Vec<Name>,
        done: Answer<Result<(), SubscribeError>>,
    },
    Unsubscribe {
        types: Vec<Name>,
        done: Option<Answer<()>>,
    },
    /// Something nobody waits for.
    Silent,
}

#[derive(Debug)]
struct Watch {
    request: u64,
    roster: Arc<Roster>,
    /// The snapshot that is coming in.
    snapshot: BTreeMap<Name, Member>,
    complete: bool,
    waiting: Vec<Answer<Result<Arc<Roster>, MembersError>>>,
}

impl Requests {
    /// The requests with these numbers are for one purpose.
    pub(super) fn group(&mut self, requests: &[u64], purpose: Purpose) {
        self.last_group += 1;
        self.open.extend(requests.iter().map(|request| (*request, Open::Part(self.last_group))));
        self.groups.insert(self.last_group, Group { left: requests.len(), refusal: None, purpose });
    }

    /// The request with this number asks for the members.
    pub(super) fn members(&mut self, request: u64, done: Answer<Result<Vec<Member>, MembersError>>) {
        self.open.insert(request, Open::Members { done, members: Vec::new() });
    }

    /// Somebody wants to watch the members. True: the session is to be asked, and
    /// [`watching`](Self::watching) told the number.
    pub(super) fn watch(&mut self, done: Answer<Result<Arc<Roster>, MembersError>>) -> bool {
        let first = self.watch.is_none();
        let watch = self.watch.get_or_insert_with(|| Watch {
            request: 0,
            roster: Arc::new(Roster::new()),
            snapshot: BTreeMap::new(),
            complete: false,
            waiting: Vec::new(),
        });
        if watch.complete {
            done.give(Ok(Arc::clone(&watch.roster)));
        } else {
            watch.waiting.push(done);
        }
        first
    }

    pub(super) fn watching(&mut self, request: u64) {
        if let Some(watch) = &mut self.watch {
            watch.request = request;
        }
    }

    /// Whether somebody waits for an answer of the daemon.
    pub(super) fn is_waiting(&self) -> bool {
        !self.open.is_empty() || self.watch.as_ref().is_some_and(|watch| !watch.waiting.is_empty())
    }

    /// A session begins that knows nothing of the last: answers come again from the beginning.
    pub(super) fn renewed(&mut self) {
        for open in self.open.values_mut() {
            if let Open::Members { members, .. } = open {
                members.clear();
            }
        }
        if let Some(watch) = &mut self.watch {
            watch.snapshot.clear();
        }
    }

    /// A request is done or refused. Returns the purpose that this completes, and how.
    pub(super) fn done(
        &mut self,
        request: u64,
        result: Result<(), Refusal>,
    ) -> Option<(Purpose, Result<(), Refusal>)> {
        if let Some(watch) = self.watch.take_if(|watch| watch.request == request && result.is_err()) {
            let refusal = result.err()?;
            watch.roster.close();
            for waiting in watch.waiting {
                waiting.give(Err(MembersError::Refused(refusal.clone())));
            }
            return None;
        }
        match self.open.get(&request)? {
            Open::Members { .. } => {
                // The pages are the answer; this is one only where it is a refusal.
                let refusal = result.err()?;
                if let Some(Open::Members { done, .. }) = self.open.remove(&request) {
                    done.give(Err(MembersError::Refused(refusal)));
                }
                None
            }
            Open::Part(number) => {
                let number = *number;
                self.open.remove(&request);
                let group = self.groups.get_mut(&number)?;
                group.left -= 1;
                group.refusal = group.refusal.take().or(result.err());
                if group.left > 0 {
                    return None;
                }
                let group = self.groups.remove(&number)?;
                Some((group.purpose, group.refusal.map_or(Ok(()), Err)))
            }
        }
    }

    /// Some of the members. Returns what has changed for those who watch.
    pub(super) fn page(&mut self, request: u64, page: Vec<Member>, last: bool) -> Vec<MemberEvent> {
        if let Some(watch) = self.watch.as_mut().filter(|watch| watch.request == request) {
            return watch.page(page, last);
        }
        if let Some(Open::Members { members, .. }) = self.open.get_mut(&request) {
            members.extend(page);
            let too_many = members.len() > MEMBERS_KEPT;
            if (last || too_many)
                && let Some(Open::Members { done, members }) = self.open.remove(&request)
            {
                done.give(if too_many {
                    Err(MembersError::TooMany { limit: MEMBERS_KEPT })
                } else {
                    Ok(members)
                });
            }
        }
        Vec::new()
    }

    /// A member has changed.
    pub(super) fn member(&mut self, event: &MemberEvent) {
        let Some(watch) = &mut self.watch else { return };
        if watch.complete {
            watch.roster.apply(event);
        }
        // A snapshot coming in may have been taken before.
        if !watch.snapshot.is_empty() {
            if event.change == MemberChange::Out {
                watch.snapshot.remove(&event.member.name);
            } else {
                watch.snapshot.insert(event.member.name.clone(), event.member.clone());
            }
        }
    }

    /// Nobody gets an answer any more.
    pub(super) fn end(&mut self) {
        if let Some(watch) = &self.watch {
            watch.roster.close();
        }
        *self = Requests::default();
    }
}

impl Watch {
    fn page(&mut self, page: Vec<Member>, last: bool) -> Vec<MemberEvent> {
        self.snapshot.extend(page.into_iter().map(|member| (member.name.clone(), member)));
        while self.snapshot.len() > MEMBERS_KEPT {
            self.snapshot.pop_last();
        }
        if !last {
            return Vec::new();
        }
        let snapshot = std::mem::take(&mut self.snapshot).into_values().collect();
        let events = self.roster.replace(snapshot);
        let first = !std::mem::replace(&mut self.complete, true);
        for waiting in self.waiting.drain(..) {
            waiting.give(Ok(Arc::clone(&self.roster)));
        }
        // To the first snapshot nothing has changed.
        if first { Vec::new() } else { events }
    }
}

/// The event that a completed purpose is worth.
pub(super) fn event_of(purpose: &Purpose) -> Option<Event> {
    match purpose {
        Purpose::Subscribe { types, .. } => Some(Event::Subscribed(types.clone())),
        Purpose::Unsubscribe { types, .. } => Some(Event::Unsubscribed(types.clone())),
        Purpose::Silent => None,
    }
}

/// Types in parts that one request of the session carries.
pub(super) fn parts<T: Clone>(types: &[T]) -> impl Iterator<Item = Vec<T>> + '_ {
    types.chunks(TYPES_A_REQUEST).map(<[T]>::to_vec)
}

/// A type with its policy.
pub(super) type Typed = (Name, SlowPolicy);

/// So that a request stays well below the longest frame (64 KiB).
const TYPES_A_REQUEST: usize = 128;
