//! The frames between daemons that belong to membership, written and read.

use gossiperl_idl::{
    codec::{DecodeError, decode_compact, encode_compact},
    frame,
    generated::{Introduction, MemberUpdate, Ping, PingAck, PingNack, PingRequest, Refusal},
};

/// One frame of membership, kinds 4 and 16 to 21 of PROTOCOL.md section 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembersFrame {
    /// A claim about a member.
    Update(MemberUpdate),
    /// First contact.
    Introduction(Introduction),
    /// A probe.
    Ping(Ping),
    /// Asks for an indirect probe.
    PingRequest(PingRequest),
    /// A probe's answer.
    PingAck(PingAck),
    /// An indirect probe without success so far.
    PingNack(PingNack),
    /// An introduction was refused.
    Refusal(Refusal),
}

impl MembersFrame {
    /// The frame in this body; `None` where the kind is not one of membership's.
    pub fn read(kind: u8, body: &[u8]) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match kind {
            frame::MEMBER_UPDATE => MembersFrame::Update(decode_compact(body)?),
            frame::INTRODUCTION => MembersFrame::Introduction(decode_compact(body)?),
            frame::PING => MembersFrame::Ping(decode_compact(body)?),
            frame::PING_REQUEST => MembersFrame::PingRequest(decode_compact(body)?),
            frame::PING_ACK => MembersFrame::PingAck(decode_compact(body)?),
            frame::PING_NACK => MembersFrame::PingNack(decode_compact(body)?),
            frame::REFUSAL => MembersFrame::Refusal(decode_compact(body)?),
            _ => return Ok(None),
        }))
    }

    /// Appends the frame: kind, length, body.
    pub fn put(&self, out: &mut Vec<u8>) {
        frame::put_with(self.kind(), out, |out| match self {
            MembersFrame::Update(body) => encode_compact(body, out),
            MembersFrame::Introduction(body) => encode_compact(body, out),
            MembersFrame::Ping(body) => encode_compact(body, out),
            MembersFrame::PingRequest(body) => encode_compact(body, out),
            MembersFrame::PingAck(body) => encode_compact(body, out),
            MembersFrame::PingNack(body) => encode_compact(body, out),
            MembersFrame::Refusal(body) => encode_compact(body, out),
        });
    }

    /// The frame's kind on the wire.
    pub fn kind(&self) -> u8 {
        match self {
            MembersFrame::Update(_) => frame::MEMBER_UPDATE,
            MembersFrame::Introduction(_) => frame::INTRODUCTION,
            MembersFrame::Ping(_) => frame::PING,
            MembersFrame::PingRequest(_) => frame::PING_REQUEST,
            MembersFrame::PingAck(_) => frame::PING_ACK,
            MembersFrame::PingNack(_) => frame::PING_NACK,
            MembersFrame::Refusal(_) => frame::REFUSAL,
        }
    }
}
