//! The overlay's part with other daemons: their frames in, what membership and state want to send out, and what both bring about.

use std::net::SocketAddr;

use gossiperl_idl::{
    Salt,
    codec::decode_compact,
    frame::{self, Frames},
    generated::{Pause, Resume},
    message::Message,
    run::read_run,
    sealed::{Header, Role},
};
use gossiperl_link::{Link, Time, Verdict};

use super::{Overlay, Single, publish::Source, sealing::Under};
use crate::{
    delivery::Cause,
    endpoint::EndpointId,
    event::{Change, Event, State, View},
    members::{Changed, Liveness, Member, MemberEvent, MemberEventKind, MembersFrame, wire_incarnation},
    overlay::publish::Level,
    state::repair::Find,
};

/// Datagrams of repair prepared ahead at most.
const REPAIR_AHEAD: usize = 64;

impl Overlay {
    /// Frames of another daemon. From one whose run no member has, only first contact counts.
    pub(super) fn handle_daemon_frames(
        &mut self,
        now: Time,
        from: SocketAddr,
        header: &Header,
        frames: &[u8],
    ) {
        let salt = header.salt;
        self.members.set_root(self.state.root());
        if self.members.by_generation(&salt).is_none() {
            self.handle_daemon_stranger(now, from, header, frames);
            if let Some(id) = self.daemon_endpoint(&salt) {
                self.saw(id, header);
            }
            return;
        }
        self.members.heard_from(now, &salt, from);
        let Some(id) = self.daemon_endpoint(&salt) else { return };
        self.saw(id, header);
        let mut link = self.endpoints.get_mut(id).and_then(|endpoint| endpoint.link.take());
        for item in Frames::new(frames) {
            let sound = match item {
                Ok((kind, body)) => {
                    self.traffic.frames_received.count(kind, body.len());
                    self.handle_daemon_frame(now, from, id, &salt, &mut link, kind, body)
                }
                Err(_) => false,
            };
            if !sound {
                self.stats.malformed += 1;
                break;
            }
        }
        self.put_back(now, id, link);
        self.follow_keys(now);
    }

    /// First contact, or a daemon that we do not know (any more): it is to introduce itself.
    fn handle_daemon_stranger(&mut self, now: Time, from: SocketAddr, header: &Header, frames: &[u8]) {
        let Some(Ok((kind, body))) = Frames::new(frames).next() else { return };
        self.traffic.frames_received.count(kind, body.len());
        match kind {
            frame::CHALLENGE => self.members.handle_challenge(now, from, &header.salt),
            frame::INTRODUCTION | frame::REFUSAL => match MembersFrame::read(kind, body) {
                Ok(Some(first)) => self.members.handle_frame(now, &header.salt, from, &first),
                _ => self.stats.malformed += 1,
            },
            _ => {
                self.stats.strangers += 1;
                self.challenge(now, from, header);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the datagram's context, taken apart once")]
    fn handle_daemon_frame(
        &mut self,
        now: Time,
        from: SocketAddr,
        id: EndpointId,
        salt: &Salt,
        link: &mut Option<Box<Link>>,
        kind: u8,
        body: &[u8],
    ) -> bool {
        match kind {
            frame::CHALLENGE => self.members.handle_challenge(now, from, salt),
            frame::STATE_UPDATE
            | frame::TREE_DIGEST
            | frame::TREE_DIGEST_ACK
            | frame::TREE_DIGEST_ACK_ACK => {
                return self.handle_state_frame(now, salt, kind, body);
            }
            frame::RUN => {
                let Ok(first) = read_run(body) else { return false };
                // What we send goes to the endpoint's address, whichever of its own the daemon used this time.
                let address = self.endpoints.get(id).map_or(from, |endpoint| endpoint.address());
                link.get_or_insert_with(|| self.daemon_link(salt, &address)).handle_run(first);
            }
            frame::ACKNOWLEDGEMENT => {
                return link
                    .as_deref_mut()
                    .is_none_or(|link| self.handle_acknowledgement(now, id, link, body));
            }
            frame::FIRST_NUMBERED.. => {
                let Some(link) = link.as_deref_mut() else { return true };
                let mut sink = |kind: u8, body: &[u8]| self.take_from_daemon(now, id, kind, body);
                return link.handle_numbered(now, kind, body, &mut sink).is_ok();
            }
            _ => match MembersFrame::read(kind, body) {
                Ok(Some(members_frame)) => {
                    if let MembersFrame::Ping(ping) = &members_frame {
                        self.state.handle_root(now, *salt, ping.root);
                    }
                    self.members.handle_frame(now, salt, from, &members_frame);
                }
                Ok(None) => {}
                Err(_) => return false,
            },
        }
        true
    }

    fn handle_state_frame(&mut self, now: Time, salt: &Salt, kind: u8, body: &[u8]) -> bool {
        let mut learned = Vec::new();
        let Overlay { members, state, .. } = self;
        let find = |wanted: Find<'_>| {
            let id = match wanted {
                Find::Name(name) => members.by_name(name),
                Find::Generation(generation) => members.by_generation(&generation),
            }?;
            members.update_of(id)
        };
        let sound = state.handle_frame(now, *salt, kind, body, &find, &mut learned).is_ok();
        for update in learned {
            self.members.handle_repair(now, &update);
        }
        self.follow_members(now);
        sound
    }

    /// A numbered frame of a daemon, in its turn. Its messages are for our clients alone.
    fn take_from_daemon(&mut self, now: Time, id: EndpointId, kind: u8, body: &[u8]) -> Verdict {
        match kind {
            frame::MESSAGE => match Message::read(body) {
                Ok(message) => return self.publish(now, Source::Daemon(id), &message, body),
                Err(_) => self.stats.malformed += 1,
            },
            frame::KEY_REQUEST | frame::KEY_REPORT => {
                self.stats.malformed += u64::from(!self.take_key_frame(id, kind, body));
            }
            frame::PAUSE => match decode_compact::<Pause>(body) {
                Ok(pause) => self.remote_pause(now, id, &pause.event_type, true),
                Err(_) => self.stats.malformed += 1,
            },
            frame::RESUME => match decode_compact::<Resume>(body) {
                Ok(resume) => self.remote_pause(now, id, &resume.event_type, false),
                Err(_) => self.stats.malformed += 1,
            },
            _ => {}
        }
        Verdict::Taken
    }

    /// Carries what membership and state have found out to each other, to the routes, and to whoever watches.
    pub(super) fn follow_members(&mut self, now: Time) {
        while let Some(Changed { name, before }) = self.members.poll_changed() {
            // One that was dropped is still in the table, as a tombstone: for the shared state it is gone.
            let known = self.members.by_name(&name);
            let member = known.and_then(|id| self.members.member(id)).filter(|member| !member.is_forgotten());
            let salt = member.map(|member| *member.generation());
            let now_known = member.map(|member| {
                (member.identity().clone(), wire_incarnation(member.incarnation()), member.liveness())
            });
            // That the run before had been forgotten already, or had no endpoint, makes no difference.
            if let Some(before) = before.filter(|before| Some(*before) != salt) {
                self.state.forget_member(now, &before);
            }
            self.follow_run(now, before, known);
            if let Some((identity, incarnation, liveness)) = now_known {
                self.state.set_member(now, &identity, incarnation, liveness.to_wire());
            }
        }
        while let Some((_, met)) = self.members.poll_met() {
            let id = self.members.by_generation(&met);
            let round_trip = id.and_then(|id| self.members.round_trip(id));
            self.state.repair_with(now, met, round_trip);
        }
        while let Some(event) = self.members.poll_event() {
            self.report_member(now, event);
        }
        self.follow_state(now);
        self.members.set_root(self.state.root());
    }

    fn report_member(&mut self, now: Time, event: MemberEvent) {
        match event {
            MemberEvent::Changed { kind, id, .. } => {
                let Some(member) = self.members.member(id) else { return };
                let (view, salt) = (self.daemon_view(now, member), *member.generation());
                let reachable = member.liveness().is_live();
                if let Some(id) = self.endpoints.find_daemon(&salt) {
                    if let Some(endpoint) = self.endpoints.get_mut(id) {
                        endpoint.reachable = reachable;
                        endpoint.parked &= !reachable;
                    }
                    self.endpoints.settle(now, id);
                    if !reachable {
                        // What it was accepted for stays queued for its return; nobody waits for it.
                        self.relieve(now, Cause::Queue(id), Level::Empty);
                        let resumed = self.pressure.relieve(Cause::Remote(id));
                        self.resume(now, resumed);
                    }
                }
                let change = change_of(kind);
                self.legacy.announce(change, view.name.as_bytes());
                self.tell_watchers(now, change, view.name.as_bytes(), &view);
                self.push_event(Event::Member(change, view));
            }
            MemberEvent::Conflict { name, refused, .. } => {
                self.push_event(Event::NameConflict { name: name.to_string(), address: refused });
            }
            MemberEvent::Refused { by, code } => self.push_event(Event::Refused { by, code }),
            MemberEvent::NewGenerationNeeded { above } => {
                self.push_event(Event::NewGenerationNeeded { above })
            }
        }
    }

    /// Subscriptions of other daemons' clients, as the shared state has them, into the routes.
    fn follow_state(&mut self, now: Time) {
        while let Some(change) = self.state.poll_change() {
            if change.owner == self.datagrams.salt() {
                continue;
            }
            let Some((event_type, _)) = subscription_of(&change.key) else { continue };
            let here = (change.owner, Box::from(&*change.key));
            match change.value {
                Some(_) => {
                    if self.remote_subscriptions.insert(here) {
                        self.routes.add_remote(event_type, change.owner);
                    }
                }
                None => {
                    if self.remote_subscriptions.remove(&here)
                        && let Some(unused) = self.routes.remove_remote(event_type, change.owner)
                    {
                        let resumed = self.pressure.close(unused);
                        self.resume(now, resumed.into_iter().collect());
                    }
                }
            }
        }
    }

    /// What the public sees of another daemon.
    pub(super) fn daemon_view(&self, now: Time, member: &Member) -> View {
        let state = match member.liveness() {
            Liveness::Alive => State::Reachable,
            Liveness::Suspect => State::Quarantine,
            Liveness::Failed => State::Unreachable,
            Liveness::Left => State::Left,
        };
        let silent = i64::try_from(now.since(member.last_heard()).as_secs()).unwrap_or(i64::MAX);
        View {
            name: member.name().to_string(),
            client: false,
            state,
            address: member.address(),
            rack: member.rack().to_owned(),
            heartbeat: self.unix_seconds.saturating_sub(silent),
        }
    }

    /// Puts what membership and state want to say into datagrams.
    pub(super) fn queue_members_datagrams(&mut self, now: Time) {
        self.follow_members(now);
        while let Some(outgoing) = self.members.poll_outgoing() {
            let receiver = outgoing.receiver;
            let id = receiver.map_or(0, |salt| salt.receiver_id());
            match self.singles.back_mut() {
                Some(last)
                    if last.destination == outgoing.to
                        && last.receiver == id
                        && last.role == Role::DaemonToDaemon
                        && last.frames.len() < 512 =>
                {
                    outgoing.frame.put(&mut last.frames);
                }
                _ => {
                    let mut frames = Vec::with_capacity(64);
                    outgoing.frame.put(&mut frames);
                    let single = Single {
                        destination: outgoing.to,
                        role: Role::DaemonToDaemon,
                        receiver: id,
                        under: receiver.map_or(Under::Anybody, Under::Run),
                        gossip_to: receiver,
                        frames,
                        offer: false,
                    };
                    self.push_single(single);
                }
            }
        }
        while let Some((to, salt)) = self.members.poll_gossip_target() {
            self.push_gossip(to, salt);
        }
        while self.singles.len() < REPAIR_AHEAD
            && let Some((salt, frames)) = self.state.poll_transmit(now)
        {
            let Some(member) = self.members.by_generation(&salt).and_then(|id| self.members.member(id))
            else {
                continue;
            };
            let single = Single {
                destination: member.address(),
                role: Role::DaemonToDaemon,
                receiver: salt.receiver_id(),
                under: Under::Run(salt),
                gossip_to: None,
                frames,
                offer: false,
            };
            self.push_single(single);
        }
    }

    /// Changes of state go round in gossip's own rhythm, where membership has nothing to say itself.
    pub(super) fn gossip_state(&mut self, now: Time) {
        if self.gossip_timeout().is_none_or(|at| at > now) {
            return;
        }
        if self.rhythm.tick(now, self.config.detector.gossip_every, self.state.has_fresh_gossip()) {
            self.state.settle_gossip();
        }
        for _ in 0..self.config.detector.gossip_nodes {
            if let Some((to, salt)) = self.members.repair_target() {
                self.push_gossip(to, salt);
            }
        }
    }

    /// When changes of state are to go out.
    pub(super) fn gossip_timeout(&self) -> Option<Time> {
        let every = self.config.detector.gossip_every;
        let waits = self.state.has_gossip() && self.members.live() > 0;
        waits.then(|| self.rhythm.next(every, self.state.has_fresh_gossip()))
    }

    fn push_gossip(&mut self, destination: SocketAddr, salt: Salt) {
        self.push_single(Single {
            destination,
            role: Role::DaemonToDaemon,
            receiver: salt.receiver_id(),
            under: Under::Run(salt),
            gossip_to: Some(salt),
            frames: Vec::new(),
            offer: false,
        });
    }

    /// Fills the rest of a datagram to another daemon with gossip: members first, half of the room kept for state.
    pub(super) fn fill_gossip(&mut self, now: Time, to: &Salt, out: &mut Vec<u8>, limit: usize) {
        let half =
            if self.state.has_gossip() { out.len() + limit.saturating_sub(out.len()) / 2 } else { limit };
        self.members.fill_gossip(now, to, out, half);
        let digits = (self.members.live() + 1).checked_ilog10().unwrap_or_default() + 1;
        self.state.fill_gossip(out, limit, self.config.detector.retransmit_mult * digits);
    }
}

fn change_of(kind: MemberEventKind) -> Change {
    match kind {
        MemberEventKind::In => Change::In,
        MemberEventKind::Quarantine => Change::Quarantine,
        MemberEventKind::Unreachable => Change::Unreachable,
        MemberEventKind::Drop => Change::Drop,
        MemberEventKind::Out => Change::Out,
        MemberEventKind::Rejoin => Change::Rejoin,
    }
}

/// First byte of the keys of subscriptions.
const SUBSCRIPTION: u8 = b's';

/// The key under which a daemon says that its client subscribes to a type: `s`, length of the type (1 byte), type, client.
pub(super) fn subscription_key(event_type: &[u8], client: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(2 + event_type.len() + client.len());
    key.push(SUBSCRIPTION);
    key.push(u8::try_from(event_type.len()).unwrap_or(u8::MAX));
    key.extend_from_slice(event_type);
    key.extend_from_slice(client);
    key
}

/// The type and the client in such a key; `None` for keys of another kind.
pub(super) fn subscription_of(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (kind, rest) = key.split_first()?;
    let (len, rest) = rest.split_first()?;
    (*kind == SUBSCRIPTION).then(|| rest.split_at_checked(usize::from(*len))).flatten()
}
