//! Asking all daemons for a change of their rings, and deciding by what they report.
//!
//! `List` and `Add` are one step. `Use` and `Retire` are two: HOLD, to see whether it may be, then the change or RELEASE. A step is over when every
//! daemon that was asked and still lives in the same run has answered, or after [`ANSWER_WITHIN`].

use std::collections::BTreeMap;

use gossiperl_idl::{
    Salt, code,
    generated::{KeyReport, KeyRequest, KeyStep},
    sealed::{KeyId, MAX_KEYS, OverlayKey},
};
use gossiperl_link::Time;

use super::{ANSWER_WITHIN, ASKING, Talk};
use crate::{
    event::State,
    keys::{DaemonKeys, KeyAnswer, KeyCommand, KeyOutcome, KeyRefusal, LONGEST_KEY, RingKey, SHORTEST_KEY},
    members::{Liveness, Member},
    overlay::Overlay,
};

/// A command under way.
pub(super) struct Asking {
    command: KeyCommand,
    id: Option<KeyId>,
    step: KeyStep,
    deadline: Time,
    /// Those asked, ourselves among them, and what they have answered in this step; at most as many as there are members.
    asked: BTreeMap<Salt, Asked>,
}

struct Asked {
    name: String,
    /// The answer in the step before: who gave none is not asked again.
    before: Option<Report>,
    report: Option<Report>,
}

struct Report {
    code: i32,
    changed: bool,
    keys: Vec<RingKey>,
    cut_off: u32,
}

impl Asking {
    pub(super) fn deadline(&self) -> Time {
        self.deadline
    }

    /// The names of those whose report is so.
    fn names(&self, is_so: impl Fn(Option<&Report>) -> bool) -> Vec<String> {
        let so = self.asked.values().filter(|asked| is_so(asked.report.as_ref()));
        let mut names: Vec<String> = so.map(|asked| asked.name.clone()).collect();
        names.sort();
        names
    }

    /// Why the change is not to be, after the look. Who does not answer counts as alive where it is in `live`.
    fn refusal(&self, own: &Salt, live: impl Fn(&Salt) -> bool) -> Option<KeyRefusal> {
        let (id, forced, uses) = match self.command {
            KeyCommand::Use { id, forced } => (id, forced, true),
            KeyCommand::Retire { id, forced } => (id, forced, false),
            KeyCommand::List | KeyCommand::Add(_) => return None,
        };
        let some = |names: Vec<String>| Some(names).filter(|names| !names.is_empty());
        if let Some(busy) = some(self.names(|report| report.is_some_and(|it| it.code == code::KEYS_BUSY))) {
            return Some(KeyRefusal::Busy(busy));
        }
        let reports = || self.asked.values().filter_map(|asked| asked.report.as_ref());
        if uses && !reports().any(|report| report.has(id)) {
            return Some(KeyRefusal::Unknown(id));
        }
        let ours = self.asked.get(own).and_then(|asked| asked.report.as_ref());
        if !uses && ours.is_some_and(|ours| ours.seals_with(id)) {
            // Nobody would be left to say so: not even by force.
            return Some(KeyRefusal::Sealing(self.names(|it| it.is_some_and(|it| it.seals_with(id)))));
        }
        if forced {
            return None;
        }
        let silent = self.asked.iter().filter(|(salt, asked)| asked.report.is_none() && live(salt));
        if let Some(silent) = some(silent.map(|(_, asked)| asked.name.clone()).collect()) {
            return Some(KeyRefusal::Silent(silent));
        }
        if uses {
            return some(self.names(|report| report.is_some_and(|it| !it.has(id)))).map(KeyRefusal::Missing);
        }
        let sealing = self.names(|report| report.is_some_and(|it| it.seals_with(id)));
        let everywhere = |key: KeyId| reports().all(|report| report.has(key));
        let diverged =
            self.names(|it| it.and_then(Report::sealing).is_some_and(|sealing| !everywhere(sealing)));
        some(sealing).map(KeyRefusal::Sealing).or_else(|| some(diverged).map(KeyRefusal::Diverged))
    }
}

impl Report {
    /// `None`: not a report, whatever it is.
    fn read(report: &KeyReport) -> Option<Report> {
        let id = |id: &[u8]| <[u8; 4]>::try_from(id).ok().map(KeyId);
        let read = |key: &gossiperl_idl::generated::RingKey| {
            Some(RingKey { id: id(&key.id)?, clients: u32::try_from(key.clients).ok()? })
        };
        let keys: Vec<RingKey> = report.keys.iter().take(MAX_KEYS).map(read).collect::<Option<_>>()?;
        let cut_off = u32::try_from(report.cut_off.unwrap_or_default()).ok()?;
        (!keys.is_empty()).then_some(Report { code: report.code, changed: report.changed, keys, cut_off })
    }

    fn sealing(&self) -> Option<KeyId> {
        self.keys.first().map(|key| key.id)
    }

    fn seals_with(&self, id: KeyId) -> bool {
        self.sealing() == Some(id)
    }

    fn has(&self, id: KeyId) -> bool {
        self.keys.iter().any(|key| key.id == id)
    }
}

impl Overlay {
    /// Wants something of the key rings of all daemons; what becomes of it is said by [`Overlay::poll_key_outcome`] with the ticket returned, within
    /// 10 s. Of changes at the same time, here or through other daemons, one at most is done; the others are refused as busy.
    pub fn change_keys(&mut self, now: Time, command: KeyCommand) -> i64 {
        self.now = now;
        self.key_talk.last += 1;
        let ticket = self.key_talk.last;
        let id = match &command {
            KeyCommand::List => None,
            KeyCommand::Add(key) => Some(OverlayKey::new(key).id()),
            KeyCommand::Use { id, .. } | KeyCommand::Retire { id, .. } => Some(*id),
        };
        if let Some(refused) = self.refuse_at_once(&command) {
            let outcome = KeyOutcome { ticket, id, refused: Some(refused), daemons: Vec::new() };
            self.key_talk.outcomes.push_back(outcome);
            return ticket;
        }
        let step = match &command {
            KeyCommand::List => KeyStep::LOOK,
            KeyCommand::Add(_) => KeyStep::ADD,
            KeyCommand::Use { .. } | KeyCommand::Retire { .. } => KeyStep::HOLD,
        };
        let mut asked = BTreeMap::new();
        for (_, member) in self.members.iter().filter(|(_, member)| member.liveness().is_live()) {
            let name = member.name().to_string();
            asked.insert(*member.generation(), Asked { name, before: None, report: None });
        }
        let asking = Asking { command, id, step, deadline: now + ANSWER_WITHIN, asked };
        self.key_talk.asking.insert(ticket, asking);
        self.send_step(now, ticket);
        self.follow_keys(now);
        ticket
    }

    fn refuse_at_once(&self, command: &KeyCommand) -> Option<KeyRefusal> {
        if self.leaving {
            return Some(KeyRefusal::Leaving);
        }
        if self.key_talk.asking.len() >= ASKING {
            return Some(KeyRefusal::Busy(vec![self.config.member_name.clone()]));
        }
        match command {
            KeyCommand::Add(key) if !(SHORTEST_KEY..=LONGEST_KEY).contains(&key.len()) => {
                Some(KeyRefusal::Length(key.len()))
            }
            _ => None,
        }
    }

    /// Tells those who are in it the step of a command.
    fn send_step(&mut self, now: Time, ticket: i64) {
        let Some(asking) = self.key_talk.asking.get(&ticket) else { return };
        let step = asking.step;
        let key = match &asking.command {
            KeyCommand::Add(key) => Some(key.clone()),
            _ => None,
        };
        let id = asking.id.filter(|_| matches!(step, KeyStep::USE | KeyStep::RETIRE));
        let asked: Vec<(Salt, bool)> =
            asking.asked.iter().map(|(salt, asked)| (*salt, asked.report.is_some())).collect();
        for (salt, is_answered) in asked {
            let step = if is_answered { KeyStep::RELEASE } else { step };
            let (key_id, key) = (id.map(|id| id.0.to_vec()), key.as_ref().map(|key| key.to_vec()));
            self.say_to(now, &salt, Talk::Request(KeyRequest::new(ticket, step, key_id, key)));
        }
    }

    /// A daemon, perhaps ourselves, has answered.
    pub(super) fn handle_key_report(&mut self, from: &Salt, report: &KeyReport) {
        let Some(asking) = self.key_talk.asking.get_mut(&report.request) else { return };
        if asking.step != report.step {
            return;
        }
        let Some(asked) = asking.asked.get_mut(from).filter(|asked| asked.report.is_none()) else { return };
        match Report::read(report) {
            Some(read) => asked.report = Some(read),
            None => self.stats.malformed += 1,
        }
    }

    /// Goes on with commands whose step is over.
    pub(in crate::overlay) fn advance_asking(&mut self, now: Time) {
        let over = |(ticket, asking): (&i64, &Asking)| {
            let waits = |(salt, asked): (&Salt, &Asked)| asked.report.is_none() && self.is_live(salt);
            (asking.deadline <= now || !asking.asked.iter().any(waits)).then_some(*ticket)
        };
        let over: Vec<i64> = self.key_talk.asking.iter().filter_map(over).collect();
        for ticket in over {
            self.end_step(now, ticket);
        }
    }

    fn is_live(&self, salt: &Salt) -> bool {
        if *salt == self.datagrams.salt() {
            return true;
        }
        let member = self.members.by_generation(salt).and_then(|id| self.members.member(id));
        member.is_some_and(|member| member.liveness().is_live())
    }

    fn end_step(&mut self, now: Time, ticket: i64) {
        let own = self.datagrams.salt();
        let Some(asking) = self.key_talk.asking.get(&ticket) else { return };
        if asking.step != KeyStep::HOLD {
            return self.finish_asking(ticket, None);
        }
        let refused = asking.refusal(&own, |salt| self.is_live(salt));
        let Some(asking) = self.key_talk.asking.get_mut(&ticket) else { return };
        asking.step = match asking.command {
            _ if refused.is_some() => KeyStep::RELEASE,
            KeyCommand::Use { .. } => KeyStep::USE,
            _ => KeyStep::RETIRE,
        };
        if refused.is_some() {
            self.send_step(now, ticket);
            return self.finish_asking(ticket, refused);
        }
        asking.deadline = now + ANSWER_WITHIN;
        let retires = asking.step == KeyStep::RETIRE;
        for asked in asking.asked.values_mut() {
            asked.before = asked.report.take();
            let seals = asked.before.as_ref().is_some_and(|it| asking.id.is_some_and(|id| it.seals_with(id)));
            if retires && seals {
                // It would say so, but sealed with the key that we are about to retire.
                let before = asked.before.take();
                asked.report = before.map(|before| Report { code: code::KEY_SEALING, ..before });
            }
        }
        self.send_step(now, ticket);
    }

    fn finish_asking(&mut self, ticket: i64, refused: Option<KeyRefusal>) {
        let Some(mut asking) = self.key_talk.asking.remove(&ticket) else { return };
        let mut daemons = Vec::new();
        for (_, member) in self.members.iter() {
            // One that has left is none any more; one that came while we asked was not asked.
            let asked = asking.asked.remove(member.generation());
            if member.is_forgotten() || member.liveness() == Liveness::Left {
                continue;
            }
            daemons.push(daemon_keys(member, asked, &asking.command, refused.is_some()));
        }
        let own = &self.config.member_name;
        daemons.sort_by(|one, other| (one.name != *own, &one.name).cmp(&(other.name != *own, &other.name)));
        self.key_talk.outcomes.push_back(KeyOutcome { ticket, id: asking.id, refused, daemons });
    }
}

fn daemon_keys(member: &Member, asked: Option<Asked>, command: &KeyCommand, refused: bool) -> DaemonKeys {
    let state = match member.liveness() {
        Liveness::Alive => State::Reachable,
        Liveness::Suspect => State::Quarantine,
        Liveness::Failed => State::Unreachable,
        Liveness::Left => State::Left,
    };
    let (report, before) = asked.map_or((None, None), |asked| (asked.report, asked.before));
    let answer = match &report {
        None => KeyAnswer::Silent,
        Some(report) if report.code != code::DONE => KeyAnswer::Refused(report.code),
        Some(_) if refused || *command == KeyCommand::List => KeyAnswer::Listed,
        Some(report) if report.changed => KeyAnswer::Done { cut_off: report.cut_off },
        Some(_) => KeyAnswer::Already,
    };
    let keys = report.or(before).map(|report| report.keys).unwrap_or_default();
    DaemonKeys { name: member.name().to_string(), address: member.address(), state, answer, keys }
}
