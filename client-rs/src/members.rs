//! Who is in the overlay, kept up to date.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::broadcast;

use crate::{Member, MemberChange, MemberEvent, MemberState, Name, client::Handle};

/// The members and their changes, from [`Client::watch_members`](crate::Client::watch_members).
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/mod.rs"));
/// # fn main() { run(async {
/// # let daemon = Daemon::start().await;
/// # let client = daemon.client("lookout").await;
/// let mut members = client.watch_members().await?;
/// assert!(members.current().iter().any(|member| member.name == "lookout"));
/// # let other = daemon.client("newcomer").await;
/// if let Some(event) = members.next().await {
///     println!("{}: {}", event.change, event.member.name);
/// }
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct MemberWatch {
    /// The client lives as long as somebody watches.
    _handle: Arc<Handle>,
    roster: Arc<Roster>,
    changes: broadcast::Receiver<MemberEvent>,
    /// What the reader knows, while it catches up after having been too slow.
    known: BTreeMap<Name, MemberState>,
    catching_up: Vec<MemberEvent>,
}

impl MemberWatch {
    pub(crate) fn new(handle: Arc<Handle>, roster: Arc<Roster>) -> Self {
        let changes = roster.subscribe();
        let known = roster.lock().iter().map(|(name, member)| (name.clone(), member.state)).collect();
        MemberWatch { _handle: handle, roster, changes, known, catching_up: Vec::new() }
    }

    /// The members as they are now, by name; those that left are not among them. While there is no session, as they were last.
    pub fn current(&self) -> Vec<Member> {
        self.roster.lock().values().cloned().collect()
    }

    /// The next change; `None` when the client is closed. Cancel safe.
    ///
    /// What changed while there was no session, or while the reader was too slow (1,024 changes wait for it), comes as the differences: one event a member.
    pub async fn next(&mut self) -> Option<MemberEvent> {
        loop {
            if let Some(event) = self.catching_up.pop() {
                return Some(event);
            }
            match self.changes.recv().await {
                Ok(event) => {
                    if self.note(&event) {
                        return Some(event);
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => self.catch_up(),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// The next change if one waits.
    pub fn try_next(&mut self) -> Option<MemberEvent> {
        loop {
            if let Some(event) = self.catching_up.pop() {
                return Some(event);
            }
            match self.changes.try_recv() {
                Ok(event) => {
                    if self.note(&event) {
                        return Some(event);
                    }
                }
                Err(broadcast::error::TryRecvError::Lagged(_)) => self.catch_up(),
                Err(_) => return None,
            }
        }
    }

    /// Follows one change; false where the reader has it already.
    fn note(&mut self, event: &MemberEvent) -> bool {
        if event.change == MemberChange::Out {
            return self.known.remove(&event.member.name).is_some();
        }
        let before = self.known.insert(event.member.name.clone(), event.member.state);
        before != Some(event.member.state) || event.change == MemberChange::Drop
    }

    fn catch_up(&mut self) {
        self.changes = self.changes.resubscribe();
        let now = self.roster.lock().clone();
        let known = now.iter().map(|(name, member)| (name.clone(), member.state)).collect();
        let before = std::mem::replace(&mut self.known, known);
        self.catching_up = differences(&before, &now);
        self.catching_up.reverse();
    }
}

/// The members as the driver keeps them, and the readers of their changes.
#[derive(Debug)]
pub(crate) struct Roster {
    members: Mutex<BTreeMap<Name, Member>>,
    /// `None` once the client is closed.
    changes: Mutex<Option<broadcast::Sender<MemberEvent>>>,
}

impl Roster {
    pub(crate) fn new() -> Self {
        Roster { members: Mutex::default(), changes: Mutex::new(Some(broadcast::Sender::new(CHANGES_KEPT))) }
    }

    /// Follows one change.
    pub(crate) fn apply(&self, event: &MemberEvent) {
        let mut members = self.lock();
        if event.change == MemberChange::Out {
            members.remove(&event.member.name);
        } else if members.len() < MEMBERS_KEPT || members.contains_key(&event.member.name) {
            members.insert(event.member.name.clone(), event.member.clone());
        }
        drop(members);
        self.tell(event);
    }

    /// Takes a new snapshot over; returns what has changed since the last, which readers are told too.
    pub(crate) fn replace(&self, snapshot: Vec<Member>) -> Vec<MemberEvent> {
        let mut members = self.lock();
        let before = members.iter().map(|(name, member)| (name.clone(), member.state)).collect();
        *members = snapshot
            .into_iter()
            .filter(|member| member.state != MemberState::Left)
            .map(|member| (member.name.clone(), member))
            .collect();
        let events = differences(&before, &members);
        drop(members);
        events.iter().for_each(|event| self.tell(event));
        events
    }

    /// Nothing follows.
    pub(crate) fn close(&self) {
        *self.changes() = None;
    }

    fn tell(&self, event: &MemberEvent) {
        if let Some(changes) = &*self.changes() {
            let _ = changes.send(event.clone());
        }
    }

    /// A reader of the changes from now on; one that sees the end where the client is closed.
    fn subscribe(&self) -> broadcast::Receiver<MemberEvent> {
        match &*self.changes() {
            Some(changes) => changes.subscribe(),
            None => broadcast::Sender::new(1).subscribe(),
        }
    }

    fn changes(&self) -> MutexGuard<'_, Option<broadcast::Sender<MemberEvent>>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Member>> {
        // Nothing panics between two consistent states.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One event for each member that came, went or changed its state.
fn differences(before: &BTreeMap<Name, MemberState>, now: &BTreeMap<Name, Member>) -> Vec<MemberEvent> {
    let gone = before.iter().filter(|(name, _)| !now.contains_key(*name)).map(|(name, _)| MemberEvent {
        change: MemberChange::Out,
        member: Member::named(name.clone(), MemberState::Left),
    });
    let changed = now.values().filter_map(|member| {
        let change = match (before.get(&member.name), member.state) {
            (Some(before), now) if *before == now => return None,
            (_, MemberState::Left) => return None,
            (None, MemberState::Reachable) => MemberChange::In,
            (Some(_), MemberState::Reachable) => MemberChange::Rejoin,
            (_, MemberState::Quarantine) => MemberChange::Quarantine,
            (_, MemberState::Unreachable) => MemberChange::Unreachable,
        };
        Some(MemberEvent { change, member: member.clone() })
    });
    gone.chain(changed).collect()
}

/// Members a client keeps; more are an error in a snapshot, and are left out of the roster.
pub(crate) const MEMBERS_KEPT: usize = 65_536;
/// Changes that wait for a slow reader.
const CHANGES_KEPT: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, state: MemberState) -> Member {
        Member::named(Name::from(name), state)
    }

    #[test]
    fn a_new_snapshot_tells_exactly_what_changed() {
        let roster = Roster::new();
        assert_eq!(
            roster
                .replace(vec![member("a", MemberState::Reachable), member("b", MemberState::Reachable)])
                .len(),
            2
        );
        let events = roster.replace(vec![
            member("b", MemberState::Quarantine),
            member("c", MemberState::Reachable),
            member("d", MemberState::Left),
        ]);
        let told: Vec<_> = events.iter().map(|event| (event.change, event.member.name.to_string())).collect();
        assert_eq!(
            told,
            [
                (MemberChange::Out, "a".to_owned()),
                (MemberChange::Quarantine, "b".to_owned()),
                (MemberChange::In, "c".to_owned()),
            ]
        );
    }

    #[test]
    fn a_member_that_is_out_is_no_longer_current() {
        let roster = Roster::new();
        roster.replace(vec![member("a", MemberState::Reachable)]);
        roster.apply(&MemberEvent { change: MemberChange::Out, member: member("a", MemberState::Left) });
        assert!(roster.lock().is_empty());
    }
}
