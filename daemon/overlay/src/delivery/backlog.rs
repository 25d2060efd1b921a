//! What a client's earlier session left behind: the types it had subscribed to, and the messages that were acknowledged to their publishers
//! and not to us (PROTOCOL.md section 5, point 8).
//!
//! Until the new session *claims* a type by subscribing to it again, or the time to do so is over, the type's messages are collected here, new
//! ones behind old ones. A full backlog holds nobody back on account of a type that nobody has claimed: the type's oldest message gives way. What
//! is claimed goes to the session's link in the order of arrival, as the link takes it. Does not know routes and sessions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use gossiperl_link::FRAME_COST;

use super::TypeId;
use crate::Limits;

/// Messages of several types, each in its order of arrival, and all of them together too. Bounded by an overlay's limits of one queue.
#[derive(Default)]
pub(crate) struct Backlog {
    types: BTreeMap<TypeId, Waiting>,
    /// Counts arrivals.
    arrivals: u64,
    cost: usize,
    messages: usize,
}

#[derive(Default)]
struct Waiting {
    /// Subscribed to by the session that there is now.
    claimed: bool,
    /// With the count of arrivals.
    messages: VecDeque<(u64, Bytes)>,
}

impl Backlog {
    /// Nothing waits for this type yet, and nobody has claimed it.
    pub(crate) fn add_type(&mut self, event_type: TypeId) {
        self.types.entry(event_type).or_default().claimed = false;
    }

    /// Whether messages of the type have to queue here, not at the link.
    pub(crate) fn takes(&self, event_type: TypeId) -> bool {
        self.types.contains_key(&event_type)
    }

    /// Whether the type is waited for without the present session having asked for it.
    pub(crate) fn is_unclaimed(&self, event_type: TypeId) -> bool {
        self.types.get(&event_type).is_some_and(|waiting| !waiting.claimed)
    }

    /// Types that the present session has not asked for.
    pub(crate) fn unclaimed(&self) -> Vec<TypeId> {
        self.types.iter().filter(|(_, waiting)| !waiting.claimed).map(|(event_type, _)| *event_type).collect()
    }

    /// The present session subscribes to the type. False: nothing is known of it here.
    pub(crate) fn claim(&mut self, event_type: TypeId) -> bool {
        let Some(waiting) = self.types.get_mut(&event_type) else { return false };
        waiting.claimed = true;
        if waiting.messages.is_empty() {
            self.types.remove(&event_type);
        }
        true
    }

    /// Nobody wants the type any more; says how many of its messages were dropped.
    pub(crate) fn remove_type(&mut self, event_type: TypeId) -> usize {
        let Some(waiting) = self.types.remove(&event_type) else { return 0 };
        self.messages -= waiting.messages.len();
        self.cost -= waiting.messages.iter().map(|(_, body)| cost(body)).sum::<usize>();
        waiting.messages.len()
    }

    /// Whether a message of this length may be pushed. An empty backlog takes anything.
    pub(crate) fn has_room(&self, length: usize, limits: &Limits) -> bool {
        let fits = self.cost + length + FRAME_COST as usize <= limits.queue_cost;
        self.messages == 0 || (fits && self.messages < limits.queue_frames)
    }

    /// Appends a message of a type that is [taken](Self::takes) here. False: there is no room.
    pub(crate) fn push(&mut self, event_type: TypeId, body: Bytes, limits: &Limits) -> bool {
        if !self.has_room(body.len(), limits) {
            return false;
        }
        let Some(waiting) = self.types.get_mut(&event_type) else { return false };
        self.arrivals += 1;
        self.messages += 1;
        self.cost += cost(&body);
        waiting.messages.push_back((self.arrivals, body));
        true
    }

    /// Drops the type's oldest message. False: there is none.
    pub(crate) fn drop_oldest(&mut self, event_type: TypeId) -> bool {
        let oldest = self.types.get_mut(&event_type).and_then(|waiting| waiting.messages.pop_front());
        let Some((_, body)) = oldest else { return false };
        self.messages -= 1;
        self.cost -= cost(&body);
        true
    }

    /// Hands claimed messages to `send`, the oldest first, until it refuses one.
    pub(crate) fn move_claimed(&mut self, mut send: impl FnMut(TypeId, Bytes) -> Result<(), Bytes>) {
        let claimed = self.types.iter().filter(|(_, waiting)| waiting.claimed);
        let fronts =
            claimed.filter_map(|(event_type, waiting)| Some((waiting.messages.front()?.0, *event_type)));
        let mut fronts: BTreeSet<(u64, TypeId)> = fronts.collect();
        while let Some((_, event_type)) = fronts.pop_first() {
            let Some(waiting) = self.types.get_mut(&event_type) else { continue };
            let Some((arrival, body)) = waiting.messages.pop_front() else { continue };
            let cost = cost(&body);
            if let Err(body) = send(event_type, body) {
                waiting.messages.push_front((arrival, body));
                return;
            }
            self.messages -= 1;
            self.cost -= cost;
            match waiting.messages.front() {
                Some((next, _)) => {
                    fronts.insert((*next, event_type));
                }
                None => {
                    self.types.remove(&event_type);
                }
            }
        }
    }

    /// All messages, in the order of arrival.
    pub(crate) fn into_messages(self) -> Vec<(TypeId, Bytes)> {
        let of_type = |(event_type, waiting): (TypeId, Waiting)| {
            waiting.messages.into_iter().map(move |(arrival, body)| (arrival, event_type, body))
        };
        let mut messages: Vec<_> = self.types.into_iter().flat_map(of_type).collect();
        messages.sort_unstable_by_key(|(arrival, ..)| *arrival);
        messages.into_iter().map(|(_, event_type, body)| (event_type, body)).collect()
    }

    /// Whether nothing waits, and nobody is waited for.
    pub(crate) fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Messages held.
    pub(crate) fn len(&self) -> usize {
        self.messages
    }

    /// Their cost.
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }
}

fn cost(body: &Bytes) -> usize {
    body.len() + FRAME_COST as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TypeId = TypeId(1);
    const B: TypeId = TypeId(2);

    fn backlog(limits: &Limits, arrivals: &[(TypeId, &'static str)]) -> Backlog {
        let mut backlog = Backlog::default();
        for (event_type, body) in arrivals {
            if !backlog.takes(*event_type) {
                backlog.add_type(*event_type);
            }
            assert!(backlog.push(*event_type, Bytes::from_static(body.as_bytes()), limits));
        }
        backlog
    }

    #[test]
    fn what_is_claimed_leaves_in_the_order_of_arrival_as_far_as_it_is_taken() {
        let mut backlog = backlog(&Limits::default(), &[(A, "1"), (B, "2"), (A, "3"), (B, "4")]);
        backlog.add_type(TypeId(3));
        assert!(backlog.claim(A) && backlog.claim(B) && !backlog.claim(TypeId(9)));
        let mut sent = Vec::new();
        backlog.move_claimed(|_, body| {
            if sent.len() == 3 {
                return Err(body);
            }
            sent.push(body);
            Ok(())
        });
        assert_eq!(sent, ["1", "2", "3"]);
        assert!(!backlog.takes(A) && backlog.takes(B), "new ones of a type stand behind old ones of it");
        backlog.move_claimed(|_, body| {
            sent.push(body);
            Ok(())
        });
        assert_eq!((sent.len(), backlog.len(), backlog.cost), (4, 0, 0));
        assert_eq!(backlog.unclaimed(), [TypeId(3)]);
    }

    #[test]
    fn bounds_hold_and_every_way_out_gives_room_back() {
        let limits = Limits { queue_frames: 3, queue_cost: 1_000, ..Limits::default() };
        let mut backlog = backlog(&limits, &[(A, "1"), (B, "2"), (B, "3")]);
        assert!(!backlog.push(A, Bytes::from_static(b"4"), &limits), "as many as may be");
        assert!(backlog.drop_oldest(B) && backlog.push(A, Bytes::from_static(b"4"), &limits));
        assert!(!backlog.has_room(1, &limits));
        assert_eq!(backlog.remove_type(A), 2);
        assert!(backlog.has_room(800, &limits) && !backlog.has_room(900, &limits));
        assert_eq!(backlog.remove_type(B), 1);
        assert!(backlog.is_empty() && !backlog.drop_oldest(B));
        assert_eq!((backlog.len(), backlog.cost), (0, 0));
    }
}
