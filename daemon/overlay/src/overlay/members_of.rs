//! Members and clients as clients see them.

use std::net::{IpAddr, SocketAddr};

use gossiperl_idl::{
    frame,
    generated::{MemberEvent, MemberKind, MemberState, MemberView},
};
use gossiperl_link::Time;

use super::{Overlay, publish::encode_control};
use crate::{
    Config,
    event::{Change, State, View},
};

/// How we see ourselves.
pub(super) fn own_view(config: &Config, unix_seconds: i64) -> View {
    View {
        name: config.member_name.clone(),
        client: false,
        state: State::Reachable,
        address: SocketAddr::new(config.advertised.0, config.advertised.1),
        rack: config.rack_name.clone(),
        heartbeat: unix_seconds,
    }
}

/// The same on the wire, under its name as the member wrote it: the view's is fit for people.
pub(super) fn member_view(name: &[u8], view: &View) -> MemberView {
    let kind = if view.client { MemberKind::CLIENT } else { MemberKind::DAEMON };
    let state = match view.state {
        State::Reachable => MemberState::REACHABLE,
        State::Quarantine => MemberState::QUARANTINE,
        State::Unreachable => MemberState::UNREACHABLE,
        State::Left => MemberState::LEFT,
    };
    let ip = match view.address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let port = i32::from(view.address.port());
    MemberView::new(name.to_vec(), kind, state, ip, port, view.rack.clone(), view.heartbeat)
}

impl Overlay {
    /// Tells every client that watches.
    pub(super) fn tell_watchers(&mut self, now: Time, change: Change, name: &[u8], view: &View) {
        let mut body = None;
        for id in self.session_of.values() {
            let Some(endpoint) = self.endpoints.get_mut(*id) else { continue };
            if !endpoint.session.as_deref().is_some_and(|session| session.watches) {
                continue;
            }
            let encode =
                || encode_control(&MemberEvent::new(change.event_type().to_owned(), member_view(name, view)));
            endpoint.push_reply(frame::MEMBER_EVENT, body.get_or_insert_with(encode).clone());
            endpoint.flush_replies();
            self.endpoints.settle(now, *id);
        }
    }
}
