//! The control frames of a session between our types and the generated structs. Messages have a faster way of their own.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use gossiperl_idl::{codec::decode_compact, codec::encode_compact, frame, generated};

use crate::{
    Member, MemberChange, MemberEvent, MemberKind, MemberState, Name, Refusal, SlowPolicy, session::Notice,
};

/// What we read of a Welcome.
#[derive(Debug)]
pub(super) struct Welcome {
    pub(super) name: Name,
    pub(super) nonce: i64,
    pub(super) receive_window: u32,
    pub(super) keepalive: Duration,
    pub(super) fresh: bool,
}

pub(super) fn put_hello(
    name: &Name,
    instance: i64,
    secret: &[u8],
    receive_window: u32,
    nonce: i64,
    out: &mut Vec<u8>,
) {
    let window = i32::try_from(receive_window).unwrap_or(i32::MAX);
    let hello = generated::ClientHello::new(text(name), instance, secret.to_vec(), window, nonce);
    frame::put_with(frame::CLIENT_HELLO, out, |out| encode_compact(&hello, out));
    zeroize::Zeroize::zeroize(&mut { hello.secret });
}

pub(super) fn put_keepalive(nonce: i64, answer: bool, out: &mut Vec<u8>) {
    let keepalive = generated::Keepalive::new(nonce, answer);
    frame::put_with(frame::KEEPALIVE, out, |out| encode_compact(&keepalive, out));
}

pub(super) fn put_goodbye(out: &mut Vec<u8>) {
    frame::put_with(frame::GOODBYE, out, |out| encode_compact(&generated::Goodbye::new(), out));
}

pub(super) fn subscribe(request: u64, types: &[(Name, SlowPolicy)]) -> (u8, Bytes) {
    let subscriptions = types
        .iter()
        .map(|(event_type, policy)| {
            let policy = match policy {
                SlowPolicy::Wait => generated::SlowPolicy::WAIT,
                SlowPolicy::DropOldest => generated::SlowPolicy::DROP_OLDEST,
            };
            generated::Subscription::new(event_type.as_bytes().to_vec(), policy)
        })
        .collect();
    let subscribe = generated::Subscribe::new(request as i64, subscriptions);
    (frame::SUBSCRIBE, body(|out| encode_compact(&subscribe, out)))
}

pub(super) fn unsubscribe(request: u64, types: &[Name]) -> (u8, Bytes) {
    let unsubscribe = generated::Unsubscribe::new(
        request as i64,
        types.iter().map(|name| name.as_bytes().to_vec()).collect(),
    );
    (frame::UNSUBSCRIBE, body(|out| encode_compact(&unsubscribe, out)))
}

pub(super) fn members_request(request: u64, watch: bool) -> (u8, Bytes) {
    let members = generated::MembersRequest::new(request as i64, watch);
    (frame::MEMBERS_REQUEST, body(|out| encode_compact(&members, out)))
}

pub(super) fn welcome(body: &[u8]) -> Option<Welcome> {
    let welcome: generated::Welcome = decode_compact(body).ok()?;
    Some(Welcome {
        name: welcome.name.into(),
        nonce: welcome.nonce,
        receive_window: u32::try_from(welcome.receive_window).ok()?,
        keepalive: Duration::from_millis(u64::try_from(welcome.keepalive_ms).ok()?),
        fresh: welcome.fresh,
    })
}

pub(super) fn refusal(body: &[u8]) -> Option<(i64, Refusal)> {
    let refusal: generated::Refusal = decode_compact(body).ok()?;
    Some((refusal.nonce, Refusal::new(refusal.code, refusal.entity.into(), refusal.message)))
}

/// Nonce, and whether it is an answer.
pub(super) fn read_keepalive(body: &[u8]) -> Option<(i64, bool)> {
    let keepalive: generated::Keepalive = decode_compact(body).ok()?;
    Some((keepalive.nonce, keepalive.answer))
}

/// The request and what became of it.
pub(super) fn reply(body: &[u8]) -> Option<(u64, Result<(), Refusal>)> {
    let reply: generated::Reply = decode_compact(body).ok()?;
    let result = match reply.code {
        gossiperl_idl::code::DONE => Ok(()),
        code => Err(Refusal::new(code, reply.entity.into(), reply.message)),
    };
    Some((reply.request as u64, result))
}

pub(super) fn pause(body: &[u8]) -> Option<Notice> {
    let pause: generated::Pause = decode_compact(body).ok()?;
    Some(Notice::Paused(pause.event_type.into()))
}

pub(super) fn resume(body: &[u8]) -> Option<Notice> {
    let resume: generated::Resume = decode_compact(body).ok()?;
    Some(Notice::Resumed(resume.event_type.into()))
}

pub(super) fn dropped(body: &[u8]) -> Option<Notice> {
    let dropped: generated::Dropped = decode_compact(body).ok()?;
    let count = u64::try_from(dropped.count).ok()?;
    Some(Notice::Dropped { event_type: dropped.event_type.into(), count })
}

pub(super) fn members_page(body: &[u8]) -> Option<(u64, Vec<Member>, bool)> {
    let page: generated::MembersPage = decode_compact(body).ok()?;
    let members = page.members.into_iter().filter_map(member).collect();
    Some((page.request as u64, members, page.last))
}

pub(super) fn member_event(body: &[u8]) -> Option<Notice> {
    let event: generated::MemberEvent = decode_compact(body).ok()?;
    let change = MemberChange::from_event_type(event.event.as_bytes())?;
    Some(Notice::Member(MemberEvent { change, member: member(event.member)? }))
}

fn member(view: generated::MemberView) -> Option<Member> {
    let kind = match view.kind {
        generated::MemberKind::DAEMON => MemberKind::Daemon,
        generated::MemberKind::CLIENT => MemberKind::Client,
        _ => MemberKind::Unknown,
    };
    let state = match view.state {
        generated::MemberState::REACHABLE => MemberState::Reachable,
        generated::MemberState::QUARANTINE => MemberState::Quarantine,
        generated::MemberState::UNREACHABLE => MemberState::Unreachable,
        generated::MemberState::LEFT => MemberState::Left,
        _ => return None,
    };
    let ip: Option<IpAddr> = match view.ip.len() {
        4 => <[u8; 4]>::try_from(view.ip).ok().map(Into::into),
        _ => <[u8; 16]>::try_from(view.ip).ok().map(Into::into),
    };
    let address = ip.and_then(|ip| Some(SocketAddr::new(ip, u16::try_from(view.port).ok()?)));
    Some(Member {
        name: view.name.into(),
        kind,
        state,
        address,
        rack: Some(view.rack.into()),
        heartbeat: view.heartbeat,
    })
}

fn body(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = Vec::new();
    write(&mut out);
    out.into()
}

/// The options are checked to be text before they come here.
fn text(name: &Name) -> String {
    String::from_utf8_lossy(name).into_owned()
}
