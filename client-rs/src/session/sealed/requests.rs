//! Subscriptions and questions: sent, answered, and brought back with every session that was not resumed.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use gossiperl_idl::frame;

use super::wire;
use crate::{Name, SlowPolicy, session::Notice};

/// What the application has asked of the daemon.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last: u64,
    /// What every session has.
    subscriptions: BTreeMap<Name, SlowPolicy>,
    /// Requests without an answer yet. The driver bounds their number.
    open: BTreeMap<u64, Open>,
    /// The request that watches the members; it stands as long as the client.
    watch: Option<u64>,
    /// The question for the members that is under way, and those behind it: the daemon answers one at a time, and refuses others.
    asking: Option<u64>,
    to_ask: VecDeque<u64>,
    /// Frames to be sent.
    queue: VecDeque<(u8, Bytes)>,
    /// Notices that no frame has brought.
    notices: Vec<Notice>,
}

#[derive(Debug)]
enum Open {
    Subscribe(Vec<(Name, SlowPolicy)>),
    Unsubscribe(Vec<Name>),
    Members,
    /// A Subscribe of our own, after a reconnection.
    Restore(Vec<Name>),
}

impl Requests {
    pub(super) fn subscribe(&mut self, types: Vec<(Name, SlowPolicy)>) -> u64 {
        self.subscriptions.extend(types.iter().cloned());
        self.open(Open::Subscribe(types))
    }

    pub(super) fn unsubscribe(&mut self, types: Vec<Name>) -> u64 {
        for event_type in &types {
            self.subscriptions.remove(event_type);
        }
        self.open(Open::Unsubscribe(types))
    }

    pub(super) fn members(&mut self, watch: bool) -> u64 {
        let request = self.number();
        if watch {
            self.watch = Some(request);
        } else {
            self.open.insert(request, Open::Members);
        }
        self.to_ask.push_back(request);
        self.ask_next();
        request
    }

    /// Asks for the members, where no question for them is under way.
    fn ask_next(&mut self) {
        if self.asking.is_none()
            && let Some(request) = self.to_ask.pop_front()
        {
            self.asking = Some(request);
            // To the daemon the last request says whether changes are wanted.
            self.queue.push_back(wire::members_request(request, self.watch.is_some()));
        }
    }

    /// The daemon's answer to this request is complete.
    fn answered(&mut self, request: u64) {
        if self.asking.take_if(|asking| *asking == request).is_some() {
            self.ask_next();
        }
    }

    /// The next frame to be sent.
    pub(super) fn next(&mut self) -> Option<(u8, Bytes)> {
        self.queue.pop_front()
    }

    /// The frame could not be sent now.
    pub(super) fn put_back(&mut self, kind: u8, body: Bytes) {
        self.queue.push_front((kind, body));
    }

    /// The daemon knows nothing of us: subscribes to everything again and repeats what has no answer.
    pub(super) fn restore(&mut self) {
        self.queue.clear();
        self.open.retain(|_, open| !matches!(open, Open::Restore(_)));
        // Nothing is left there that could be unsubscribed.
        for (request, _) in self.open.extract_if(.., |_, open| matches!(open, Open::Unsubscribe(_))) {
            self.notices.push(Notice::Done { request, result: Ok(()) });
        }
        let all: Vec<_> = self.subscriptions.iter().map(|(name, policy)| (name.clone(), *policy)).collect();
        for types in all.chunks(TYPES_A_FRAME) {
            self.open(Open::Restore(types.iter().map(|(name, _)| name.clone()).collect()));
        }
        for (request, open) in self.open.iter().filter(|(_, open)| !matches!(open, Open::Restore(_))) {
            self.queue.extend(self.encode(*request, open));
        }
        let members = self.open.iter().filter(|(_, open)| matches!(open, Open::Members));
        self.to_ask = self.watch.into_iter().chain(members.map(|(request, _)| *request)).collect();
        self.asking = None;
        self.ask_next();
    }

    /// Notices that no frame has brought.
    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// A numbered control frame. `None`: it is not what it should be. `Some(None)`: nothing comes of it.
    pub(super) fn handle(&mut self, kind: u8, body: &[u8]) -> Option<Option<Notice>> {
        let notice = match kind {
            frame::REPLY => self.handle_reply(body)?,
            frame::MEMBERS_PAGE => self.handle_page(body)?,
            frame::MEMBER_EVENT => wire::member_event(body)?,
            frame::PAUSE => wire::pause(body)?,
            frame::RESUME => wire::resume(body)?,
            frame::DROPPED => wire::dropped(body)?,
            _ => return Some(None),
        };
        Some(Some(notice))
    }

    fn handle_reply(&mut self, body: &[u8]) -> Option<Notice> {
        let (request, result) = wire::reply(body)?;
        self.answered(request);
        Some(match (self.open.remove(&request), result) {
            (Some(Open::Restore(types)), Ok(())) => Notice::Restored(types),
            (Some(Open::Restore(_)), Err(refusal)) => Notice::Refused(refusal),
            (None, Err(refusal)) if self.watch != Some(request) => Notice::Refused(refusal),
            (_, result) => Notice::Done { request, result },
        })
    }

    fn handle_page(&mut self, body: &[u8]) -> Option<Notice> {
        let (request, page, last) = wire::members_page(body)?;
        if last {
            self.open.remove(&request);
            self.answered(request);
        }
        Some(Notice::Members { request, page, last })
    }

    fn open(&mut self, open: Open) -> u64 {
        let request = self.number();
        self.queue.extend(self.encode(request, &open));
        self.open.insert(request, open);
        request
    }

    /// The request's frame; `None` for questions for the members, which have their turn.
    fn encode(&self, request: u64, open: &Open) -> Option<(u8, Bytes)> {
        Some(match open {
            Open::Subscribe(types) => wire::subscribe(request, types),
            Open::Unsubscribe(types) => wire::unsubscribe(request, types),
            Open::Members => return None,
            Open::Restore(types) => {
                let with_policy = |name: &Name| Some((name.clone(), *self.subscriptions.get(name)?));
                wire::subscribe(request, &types.iter().filter_map(with_policy).collect::<Vec<_>>())
            }
        })
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

/// Types in one Subscribe frame, so that it stays below the longest frame (64 KiB).
pub(crate) const TYPES_A_FRAME: usize = 128;
