//! The registry of refusal codes: one number, one meaning, in `Refusal.code`, `Reply.code` and `DigestError.error_code`.

/// Done; in `Reply` only.
pub const DONE: i32 = 0;
/// The name is bound to another secret.
pub const WRONG_SECRET: i32 = 1;
/// The name is empty, too long, or the daemon's own.
pub const BAD_NAME: i32 = 2;
/// The daemon has as many clients as it takes.
pub const TOO_MANY_CLIENTS: i32 = 3;
/// The client has as many subscriptions as one may have.
pub const TOO_MANY_SUBSCRIPTIONS: i32 = 4;
/// The event type is one of the reserved ones (`member_in`, …) and cannot be used for this.
pub const RESERVED_TYPE: i32 = 5;
/// The event type is empty or longer than 255 bytes.
pub const BAD_TYPE: i32 = 6;
/// The name is not a registered client.
pub const NOT_REGISTERED: i32 = 7;
/// The message is larger than the protocol carries.
pub const TOO_LARGE: i32 = 8;
/// The message names another publisher than the session's.
pub const WRONG_PUBLISHER: i32 = 9;
/// Another live member has this name.
pub const NAME_CONFLICT: i32 = 10;
/// The daemon is leaving the overlay.
pub const STOPPING: i32 = 11;
/// The bytes are not what they should be.
pub const MALFORMED: i32 = 12;
/// The port is not 1 to 65,535.
pub const BAD_PORT: i32 = 13;
/// The overlay has as many members as it takes.
pub const TOO_MANY_MEMBERS: i32 = 14;
/// The answer to an earlier request of the kind is still on its way.
pub const ANSWERING: i32 = 15;
/// The overlay's shared state has no room for one more subscription of this daemon's clients.
pub const STATE_FULL: i32 = 16;
/// The key ring has no key of this id.
pub const KEY_UNKNOWN: i32 = 17;
/// The key ring holds as many keys as it takes.
pub const KEYS_FULL: i32 = 18;
/// The key is the one that seals.
pub const KEY_SEALING: i32 = 19;
/// Another key has the same id.
pub const KEY_SAME_ID: i32 = 20;
/// The keys are being changed by another request, or this one has taken too long.
pub const KEYS_BUSY: i32 = 21;
/// The key ring is changed, but not kept on disk.
pub const KEYS_NOT_KEPT: i32 = 22;

/// A short sentence for a person.
pub fn text(code: i32) -> &'static str {
    match code {
        DONE => "done",
        WRONG_SECRET => "the name is in use with another secret: use that secret, or another name",
        BAD_NAME => "the name must have 1 to 255 bytes and not be the daemon's own",
        TOO_MANY_CLIENTS => "the daemon has as many clients as it takes: close some, or raise limits.clients",
        TOO_MANY_SUBSCRIPTIONS => {
            "too many subscriptions of one client: unsubscribe some, or raise limits.subscriptions_per_client"
        }
        RESERVED_TYPE => "the event type is reserved for the daemon: choose another",
        BAD_TYPE => "an event type has 1 to 255 bytes",
        NOT_REGISTERED => "no client of this name is registered: send a digest first",
        TOO_LARGE => "the message is larger than the protocol carries",
        WRONG_PUBLISHER => "the message names another publisher than the session's instance",
        NAME_CONFLICT => "another live member has this name: choose another member_name",
        STOPPING => "the daemon is leaving the overlay: connect again later",
        MALFORMED => "the bytes are not what they should be",
        BAD_PORT => "the port must be 1 to 65535",
        TOO_MANY_MEMBERS => "the overlay has as many members as it takes: raise limits.members",
        ANSWERING => "the answer to an earlier request is still on its way: ask again once it is complete",
        STATE_FULL => "the daemon's share of the overlay's state is full: unsubscribe somewhere on this host",
        KEY_UNKNOWN => "the key ring has no such key: add it first",
        KEYS_FULL => "the key ring holds as many keys as it takes: retire one first",
        KEY_SEALING => "the key is the one that seals: use another one first",
        KEY_SAME_ID => "another key has the same id by chance: make another key",
        KEYS_BUSY => "the keys are being changed by another request: try again in some seconds",
        KEYS_NOT_KEPT => {
            "the change counts until the daemon ends, since it cannot be written to its disk: mend that and ask again"
        }
        _ => "unknown code",
    }
}
