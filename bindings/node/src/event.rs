//! Events other than deliveries, and members, as lists that JavaScript gives their shape.

use gossiperl_bindings::{Event, Member, MemberKind, MemberState};

use crate::value::Js;

/// `[position, name, …]`.
pub(crate) fn encode(event: Event, position: usize) -> Js {
    let mut list = vec![Js::Number(position as f64), Js::from(event.name())];
    match event {
        Event::Connected { daemon, resumed } => list.extend([Js::name(&daemon), Js::Bool(resumed)]),
        Event::Disconnected { reason } => list.push(Js::Text(reason)),
        Event::Subscribed { event_types } | Event::Unsubscribed { event_types } => {
            list.push(Js::names(event_types))
        }
        // Deliveries go another way.
        Event::Delivery(_) => {}
        Event::Member(event) => list.extend([Js::from(event.change.as_str()), member(&event.member)]),
        Event::Failed(error) => list.push(Js::error(error)),
        Event::Dropped { event_type, count } => {
            let event_type = event_type.map_or(Js::Null, |name| Js::name(&name));
            list.extend([event_type, Js::Number(count as f64)]);
        }
        Event::Paused { event_type } | Event::Resumed { event_type } => list.push(Js::name(&event_type)),
    }
    Js::List(list)
}

/// `[name, kind, state, address, port, rack, heartbeat]`.
pub(crate) fn member(member: &Member) -> Js {
    let kind = match member.kind {
        MemberKind::Daemon => "daemon",
        MemberKind::Client => "client",
        _ => "unknown",
    };
    let state = match member.state {
        MemberState::Reachable => "reachable",
        MemberState::Quarantine => "quarantine",
        MemberState::Unreachable => "unreachable",
        _ => "left",
    };
    Js::List(vec![
        Js::name(&member.name),
        Js::from(kind),
        Js::from(state),
        member.address.map_or(Js::Null, |address| Js::Text(address.ip().to_string())),
        member.address.map_or(Js::Null, |address| Js::Number(f64::from(address.port()))),
        member.rack.as_ref().map_or(Js::Null, |rack| Js::name(rack)),
        Js::I64(member.heartbeat),
    ])
}

/// Members as a list of such.
pub(crate) fn members(members: Vec<Member>) -> Js {
    Js::List(members.iter().map(member).collect())
}
