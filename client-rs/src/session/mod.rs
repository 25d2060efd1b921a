//! The client's side of a session with the daemon, as pure state machines: protocol 2 in [`sealed`], protocol 1 in [`legacy`].
//!
//! Datagrams and time go in, datagrams, deliveries and notices come out; sockets, tasks and locks are the driver's.

pub(crate) mod legacy;
pub(crate) mod sealed;
mod seen;

use bytes::Bytes;
use gossiperl_link::{Time, Verdict};

use crate::{
    DisconnectReason, Member, MemberEvent, Name, PublishError, Refusal, SlowPolicy, delivery::Incoming,
};

/// A session of either protocol.
#[derive(Debug)]
pub(crate) enum Session {
    Sealed(Box<sealed::Sealed>),
    Legacy(Box<legacy::Legacy>),
}

/// Something the session tells its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Connected {
        daemon: Name,
        resumed: bool,
    },
    Disconnected(DisconnectReason),
    /// While there is no session: nobody listens there.
    Unreachable,
    /// The session, or something without a request of ours, was refused.
    Refused(Refusal),
    /// A request is done or refused.
    Done {
        request: u64,
        result: Result<(), Refusal>,
    },
    /// Subscriptions that were brought back after a reconnection.
    Restored(Vec<Name>),
    /// Some of the members asked for.
    Members {
        request: u64,
        page: Vec<Member>,
        last: bool,
    },
    Member(MemberEvent),
    Paused(Name),
    Resumed(Name),
    Dropped {
        event_type: Name,
        count: u64,
    },
}

/// What has become of published messages since the last question.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Messages done, in the order of publishing.
    pub(crate) messages: u64,
    /// Bytes of their bodies.
    pub(crate) bytes: usize,
    /// Those among them that failed, counted from the first of them.
    pub(crate) failures: Vec<(u64, PublishError)>,
}

macro_rules! either {
    ($session:expr, $inner:ident => $call:expr) => {
        match $session {
            Session::Sealed($inner) => $call,
            Session::Legacy($inner) => $call,
        }
    };
}

impl Session {
    /// A datagram from the daemon's address. What it delivers goes to `deliver`, which may put it off.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Time,
        datagram: &mut [u8],
        deliver: &mut impl FnMut(&Incoming<'_>) -> Verdict,
    ) {
        either!(self, session => session.handle_datagram(now, datagram, deliver));
    }

    /// The system says that nobody listens on the daemon's port.
    pub(crate) fn handle_unreachable(&mut self, now: Time) {
        either!(self, session => session.handle_unreachable(now));
    }

    /// Time has passed; calling it too early changes nothing.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        either!(self, session => session.handle_timeout(now));
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        either!(self, session => session.poll_timeout())
    }

    /// Puts the next datagram to be sent into `out`, which is cleared first. False: there is none.
    pub(crate) fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> bool {
        either!(self, session => session.poll_transmit(now, out))
    }

    /// The next notice.
    pub(crate) fn poll_notice(&mut self) -> Option<Notice> {
        either!(self, session => session.poll_notice())
    }

    /// Publishes a message: the body of a Message frame. The caller bounds how many are not done.
    pub(crate) fn publish(&mut self, now: Time, body: Bytes) {
        either!(self, session => session.publish(now, body));
    }

    /// What has become of published messages since the last call.
    pub(crate) fn take_progress(&mut self) -> Progress {
        either!(self, session => session.take_progress())
    }

    /// Whether everything published is done.
    pub(crate) fn is_flushed(&self) -> bool {
        either!(self, session => session.is_flushed())
    }

    /// Subscribes, or changes the policy; [`Notice::Done`] answers with the number returned. From now on it is part of every session.
    pub(crate) fn subscribe(&mut self, now: Time, types: Vec<(Name, SlowPolicy)>) -> u64 {
        either!(self, session => session.subscribe(now, types))
    }

    /// Ends subscriptions; answered likewise.
    pub(crate) fn unsubscribe(&mut self, now: Time, types: Vec<Name>) -> u64 {
        either!(self, session => session.unsubscribe(now, types))
    }

    /// Asks for the members; [`Notice::Members`] answers with the number returned. Where `watch` is set, every session asks anew and
    /// changes come as [`Notice::Member`].
    pub(crate) fn request_members(&mut self, now: Time, watch: bool) -> u64 {
        either!(self, session => session.request_members(now, watch))
    }

    /// Deliveries that were put off can be taken now.
    pub(crate) fn release(&mut self, now: Time) {
        either!(self, session => session.release(now));
    }

    /// Adds a key of the overlay's ring.
    pub(crate) fn add_key(&mut self, key: &[u8]) {
        either!(self, session => session.add_key(key));
    }

    /// Says goodbye with the next datagram; nothing is sent after it.
    pub(crate) fn close(&mut self) {
        either!(self, session => session.close());
    }
}
