//! Every generated struct, in compact and in binary protocol: nothing panics, little memory is taken, what is read is written.
//!
//! Input: the first byte picks the struct.
#![no_main]

use gossiperl_idl::codec::{decode_binary, decode_compact, encode_binary, encode_compact};
use gossiperl_idl::generated::*;
use libfuzzer_sys::fuzz_target;

macro_rules! pick {
    ($number:expr, $bytes:ident, $($name:ident),+ $(,)?) => {{
        const CHECKS: &[fn(&[u8])] = &[$(check::<$name>),+];
        CHECKS[usize::from($number) % CHECKS.len()]($bytes)
    }};
}

fuzz_target!(|input: &[u8]| {
    let Some((&number, bytes)) = input.split_first() else { return };
    pick!(
        number,
        bytes,
        ClientHello,
        Challenge,
        Welcome,
        Refusal,
        Keepalive,
        Goodbye,
        Run,
        Acknowledgement,
        Message,
        Fragment,
        Subscription,
        Subscribe,
        Unsubscribe,
        Reply,
        Pause,
        Resume,
        MembersRequest,
        MemberView,
        MembersPage,
        MemberEvent,
        Dropped,
        MemberUpdate,
        Introduction,
        Ping,
        PingRequest,
        PingAck,
        PingNack,
        Entry,
        StateUpdate,
        TreeNode,
        OwnerSummary,
        OwnerVersion,
        TreeDigest,
        TreeDigestAck,
        TreeDigestAckAck,
        KeyRequest,
        RingKey,
        KeyReport,
        DigestEnvelope,
        Digest,
        DigestAck,
        DigestSubscribe,
        DigestSubscriptions,
        DigestError,
    );
});

fn check<T: thrift::protocol::TSerializable + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let mut written = Vec::new();
    if let Ok(value) = decode_compact::<T>(bytes) {
        encode_compact(&value, &mut written);
        assert_eq!(decode_compact::<T>(&written).expect("what was written"), value);
    }
    written.clear();
    if let Ok(value) = decode_binary::<T>(bytes) {
        encode_binary(&value, &mut written);
        assert_eq!(decode_binary::<T>(&written).expect("what was written"), value);
    }
}
