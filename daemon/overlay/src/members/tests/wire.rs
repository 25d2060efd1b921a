//! The network's inside: what happens next, datagrams on their way, and what a node does with one.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use gossiperl_idl::{
    Salt,
    frame::Frames,
    generated::{MemberUpdate, Ping, PingAck},
};
use gossiperl_link::Time;
use rand::Rng;

use super::{super::*, network::Network};

/// Room of a datagram between hosts, without header and tag.
const DATAGRAM: usize = 1_344;
/// No node ever sends so many datagrams in a second.
const MOST_IN_A_SECOND: u64 = 1_500;
/// The stand-in for repair begins at most once in this time on each node.
const REPAIR_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) enum Happening {
    Timer(usize),
    Arrival { to: SocketAddr, datagram: Datagram },
    Unreachable { node: usize, address: SocketAddr },
}

#[derive(Clone, Debug)]
pub(super) struct Datagram {
    from: SocketAddr,
    salt: Salt,
    receiver: u64,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Challenge,
    Frames(Vec<u8>),
    Repair { updates: Vec<MemberUpdate>, answer: bool },
}

impl Network {
    pub(super) fn step(&mut self, end: Time) -> bool {
        let Some((&(time, number), _)) = self.queue.first_key_value() else { return false };
        if time > end {
            return false;
        }
        let Some(happening) = self.queue.remove(&(time, number)) else { return false };
        self.now = self.now.max(time);
        self.happen(happening);
        true
    }

    fn happen(&mut self, happening: Happening) {
        if let Happening::Timer(node) = &happening
            && self.nodes[*node].timer != Some(self.now)
            && self.nodes[*node].stalled_until != self.now
        {
            // An earlier one has replaced it.
            return;
        }
        let (to, node) = match &happening {
            Happening::Timer(node) => (self.nodes[*node].address, Some(*node)),
            Happening::Unreachable { node, .. } => (self.nodes[*node].address, Some(*node)),
            Happening::Arrival { to, .. } => (*to, self.at(*to)),
        };
        let Some(node) = node.filter(|&node| self.nodes[node].up) else {
            if let Happening::Arrival { datagram, .. } = happening
                && self.icmp
                && let Some(sender) = self.at(datagram.from)
            {
                let delay = self.draw_delay();
                self.schedule(self.now + delay, Happening::Unreachable { node: sender, address: to });
            }
            return;
        };
        let until = self.nodes[node].stalled_until;
        if until > self.now {
            // What arrives waits in the socket; the first of it, or a timer, finds the process running again.
            if self.nodes[node].inbox.is_empty() {
                self.schedule(until, Happening::Timer(node));
            }
            let inbox = &mut self.nodes[node].inbox;
            if inbox.len() < 2_000 {
                inbox.push_back(happening);
            }
            return;
        }
        while let Some(waiting) = self.nodes[node].inbox.pop_front() {
            self.take(node, waiting);
        }
        self.take(node, happening);
    }

    fn take(&mut self, node: usize, happening: Happening) {
        let now = self.now;
        match happening {
            Happening::Timer(_) => {
                self.nodes[node].timer = None;
                let members = &mut self.nodes[node].members;
                if members.poll_timeout().is_some_and(|time| time <= now) {
                    members.handle_timeout(now);
                }
            }
            Happening::Unreachable { address, .. } => {
                self.nodes[node].members.handle_unreachable(now, address);
            }
            Happening::Arrival { datagram, .. } => self.receive(node, datagram),
        }
        self.flush(node);
    }

    fn receive(&mut self, index: usize, datagram: Datagram) {
        let now = self.now;
        let node = &mut self.nodes[index];
        let Datagram { from, salt, receiver, content } = datagram;
        let addressed = receiver == node.salt.receiver_id();
        match content {
            Content::Challenge if addressed => node.members.handle_challenge(now, from, &salt),
            Content::Challenge => {}
            _ if !addressed => self.challenge(index, from, salt),
            Content::Frames(bytes) => {
                let mut challenge = false;
                for frame in Frames::new(&bytes) {
                    let (kind, body) = frame.expect("our own frames");
                    let frame =
                        MembersFrame::read(kind, body).expect("our own frames").expect("a member's frame");
                    let node = &mut self.nodes[index];
                    let known = node.members.by_generation(&salt).is_some();
                    let first = matches!(frame, MembersFrame::Introduction(_) | MembersFrame::Refusal(_));
                    if !known && !first {
                        challenge = true;
                        continue;
                    }
                    node.members.handle_frame(now, &salt, from, &frame);
                    let (MembersFrame::Ping(Ping { root, .. }) | MembersFrame::PingAck(PingAck { root, .. })) =
                        frame
                    else {
                        continue;
                    };
                    if root != node.root && now >= node.next_repair {
                        node.next_repair = now + REPAIR_EVERY;
                        self.repair(index, from, salt, true);
                    }
                }
                if challenge {
                    self.challenge(index, from, salt);
                }
            }
            Content::Repair { updates, answer } => {
                if node.members.by_generation(&salt).is_none() {
                    self.challenge(index, from, salt);
                    return;
                }
                updates.iter().for_each(|update| node.members.handle_repair(now, update));
                if answer {
                    self.repair(index, from, salt, false);
                }
            }
        }
    }

    fn challenge(&mut self, node: usize, to: SocketAddr, salt: Salt) {
        let receiver = salt.receiver_id();
        self.send(node, to, receiver, Content::Challenge, 56);
    }

    fn repair(&mut self, node: usize, to: SocketAddr, salt: Salt, answer: bool) {
        let members = &self.nodes[node].members;
        let ids: Vec<MemberId> = members.iter().map(|(id, _)| id).collect();
        let updates: Vec<MemberUpdate> = ids
            .into_iter()
            .filter(|&id| members.summary(id).is_some())
            .filter_map(|id| members.update_of(id))
            .collect();
        for (index, page) in updates.chunks(16).enumerate() {
            let content = Content::Repair { updates: page.to_vec(), answer: answer && index == 0 };
            self.send(node, to, salt.receiver_id(), content, 1_400);
        }
    }

    /// Takes everything out of a node: frames, gossip, events, changes; and sets its timer.
    pub(super) fn flush(&mut self, index: usize) {
        let now = self.now;
        let mut batches: Vec<(SocketAddr, Option<Salt>, Vec<u8>)> = Vec::new();
        let node = &mut self.nodes[index];
        while let Some(Outgoing { to, receiver, frame }) = node.members.poll_outgoing() {
            match batches.last_mut() {
                Some((last, salt, bytes))
                    if *last == to && *salt == receiver && bytes.len() < DATAGRAM / 2 =>
                {
                    frame.put(bytes);
                }
                _ => {
                    let mut bytes = Vec::new();
                    frame.put(&mut bytes);
                    batches.push((to, receiver, bytes));
                }
            }
        }
        for (_, receiver, bytes) in &mut batches {
            if let Some(receiver) = receiver {
                node.members.fill_gossip(now, receiver, bytes, DATAGRAM);
            }
        }
        while let Some((to, receiver)) = node.members.poll_gossip_target() {
            let mut bytes = Vec::new();
            if node.members.fill_gossip(now, &receiver, &mut bytes, DATAGRAM) > 0 {
                batches.push((to, Some(receiver), bytes));
            }
        }
        while let Some(Changed { name, .. }) = node.members.poll_changed() {
            let id = node.members.by_name(&name);
            match id.and_then(|id| node.members.summary(id)) {
                Some(summary) => node.summaries.insert(name, summary),
                None => node.summaries.remove(&name),
            };
            node.root = root(&node.summaries);
            node.members.set_root(node.root);
        }
        while let Some(event) = node.members.poll_event() {
            check_order(&mut node.standing, &event);
            node.events.push((now, event));
        }
        let met: Vec<_> = std::iter::from_fn(|| node.members.poll_met()).collect();
        let timeout = node.members.poll_timeout();
        for (to, receiver, bytes) in batches {
            let length = bytes.len();
            let receiver = receiver.map_or(0, |salt| salt.receiver_id());
            self.send(index, to, receiver, Content::Frames(bytes), length + 56);
        }
        for (to, salt) in met {
            self.repair(index, to, salt, true);
        }
        if let Some(time) = timeout.map(|time| time.max(now)) {
            let timer = &mut self.nodes[index].timer;
            if timer.is_none_or(|set| set > time) {
                *timer = Some(time);
                self.schedule(time, Happening::Timer(index));
            }
        }
    }

    fn send(&mut self, node: usize, to: SocketAddr, receiver: u64, content: Content, length: usize) {
        assert!(length <= 1_400, "a datagram of {length} bytes");
        let from = self.nodes[node].address;
        let second = self.now.as_micros() / 1_000_000;
        let burst = &mut self.nodes[node].burst;
        *burst = if burst.0 == second { (second, burst.1 + 1) } else { (second, 1) };
        assert!(burst.1 < MOST_IN_A_SECOND, "{node} floods {to} with {content:?}");
        self.nodes[node].sent += 1;
        self.nodes[node].bytes += length as u64;
        if self.at(to).is_some_and(|other| self.cut.contains(&(node, other))) {
            return;
        }
        let datagram = Datagram { from, salt: self.nodes[node].salt, receiver, content };
        let copies = 1 + usize::from(self.rng.random_bool(self.duplicates));
        for _ in 0..copies {
            if self.rng.random_bool(self.loss) {
                continue;
            }
            let delay = self.draw_delay();
            self.schedule(self.now + delay, Happening::Arrival { to, datagram: datagram.clone() });
        }
    }

    fn draw_delay(&mut self) -> Duration {
        let (least, most) = self.delay;
        self.rng.random_range(least..=most)
    }

    fn schedule(&mut self, time: Time, happening: Happening) {
        self.happened += 1;
        self.queue.insert((time, self.happened), happening);
    }

    /// Who is at an address: one that is up before one that is not.
    fn at(&self, address: SocketAddr) -> Option<usize> {
        let there = |up| self.nodes.iter().position(|node| node.address == address && node.up == up);
        there(true).or_else(|| there(false))
    }
}

fn root(summaries: &BTreeMap<Arc<str>, Summary>) -> i64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    summaries.hash(&mut hasher);
    hasher.finish() as i64
}

/// `In (Quarantine | Unreachable | Rejoin)* (Drop? Out)`, and again.
fn check_order(standing: &mut BTreeMap<Arc<str>, MemberEventKind>, event: &MemberEvent) {
    use MemberEventKind::*;
    let MemberEvent::Changed { kind, name, .. } = event else { return };
    let before = standing.insert(name.clone(), *kind);
    let fits = match (before, kind) {
        (None | Some(Out), In) => true,
        (None | Some(Out), _) | (Some(_), In) => false,
        (Some(before), Quarantine) => matches!(before, In | Rejoin),
        (Some(before), Unreachable) => matches!(before, In | Rejoin | Quarantine),
        (Some(before), Drop) => before == Unreachable,
        (Some(_), Rejoin) => true,
        (Some(_), Out) => true,
    };
    assert!(fits, "{kind:?} of {name} after {before:?}");
}
