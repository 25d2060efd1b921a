//! The digests of protocol 1, borrowed from the bytes they came in (PROTOCOL.md section 1).
//!
//! The same structs as in [`crate::generated`], byte for byte, but a string is any bytes. Reading takes fields in any
//! order, skips unknown ones, takes the last of several with one id, and refuses a struct that lacks a field or has one
//! of another type. What follows the struct is ignored.

mod field;

use crate::binary::{self, Reader};
use crate::compact::BodyError;
use crate::envelope::Envelope;
use field::Field;

/// Defines structs of protocol 1: fields, reading, writing and length from one table.
macro_rules! structs {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $id:literal $field:ident: $kind:ty),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name<'a> {
            $($(#[$field_doc])* pub $field: $kind,)+
        }

        impl<'a> $name<'a> {
            /// Reads the struct that `bytes` begin with.
            pub fn read(bytes: &'a [u8]) -> Result<Self, BodyError> {
                Self::read_value(&mut Reader::new(bytes), stringify!($name))
            }

            /// Appends the struct, bare.
            pub fn write(&self, out: &mut Vec<u8>) {
                out.reserve(self.encoded_len());
                self.write_value(out);
            }

            /// How many bytes [`write`](Self::write) appends.
            pub fn encoded_len(&self) -> usize {
                self.value_len()
            }
        }

        impl<'a> Field<'a> for $name<'a> {
            const KIND: u8 = binary::STRUCT;

            fn read_value(reader: &mut Reader<'a>, _: &'static str) -> Result<Self, BodyError> {
                $(let mut $field: Option<$kind> = None;)+
                reader.structure(|reader, id, kind| match id {
                    $($id => field::read(reader, kind, stringify!($field)).map(|value| $field = Some(value)),)+
                    _ => reader.skip(kind),
                })?;
                Ok($name { $($field: $field.ok_or(BodyError::Missing(stringify!($field)))?,)+ })
            }

            fn write_value(&self, out: &mut Vec<u8>) {
                $(field::write($id, &self.$field, out);)+
                out.push(binary::STOP);
            }

            fn value_len(&self) -> usize {
                0 $(+ field::HEADER_LEN + self.$field.value_len())+ + 1
            }
        }
    )+};
}

structs! {
    /// A client says that it lives, and where it listens.
    Digest {
        /// The client's name.
        1 name: &'a [u8],
        /// The UDP port it listens on. Any number may stand here; a port is 1 to 65,535.
        2 port: i32,
        /// The client's clock: Unix time in seconds.
        3 heartbeat: i64,
        /// What the answer repeats as `reply_id`.
        4 id: &'a [u8],
        /// The client's own secret.
        5 secret: &'a [u8],
    }

    /// The answer to a [`Digest`].
    DigestAck {
        /// The daemon's member name.
        1 name: &'a [u8],
        /// The daemon's clock: Unix time in seconds.
        2 heartbeat: i64,
        /// The digest's id.
        3 reply_id: &'a [u8],
        /// The daemon itself and the local members it knows, as many as fit.
        4 membership: Vec<DigestMember<'a>>,
    }

    /// A member as [`DigestAck`] lists it.
    DigestMember {
        /// Its name.
        1 member_name: &'a [u8],
        /// Its address as text.
        2 member_ip: &'a [u8],
        /// Its port.
        3 member_port: i32,
        /// When it was last heard of: Unix time in seconds.
        4 member_heartbeat: i64,
    }

    /// A client subscribes.
    DigestSubscribe {
        /// The client's name.
        1 name: &'a [u8],
        /// The client's clock: Unix time in seconds.
        2 heartbeat: i64,
        /// What the answer repeats as `reply_id`.
        3 id: &'a [u8],
        /// What it subscribes to.
        4 event_types: Vec<&'a [u8]>,
        /// The client's own secret.
        5 secret: &'a [u8],
    }

    /// A client unsubscribes.
    DigestUnsubscribe {
        /// The client's name.
        1 name: &'a [u8],
        /// The client's clock: Unix time in seconds.
        2 heartbeat: i64,
        /// What the answer repeats as `reply_id`.
        3 id: &'a [u8],
        /// What it unsubscribes from.
        4 event_types: Vec<&'a [u8]>,
        /// The client's own secret.
        5 secret: &'a [u8],
    }

    /// The answer to a [`DigestSubscribe`] that was granted.
    DigestSubscribeAck {
        /// The daemon's clock: Unix time in seconds.
        1 heartbeat: i64,
        /// The request's id.
        2 reply_id: &'a [u8],
        /// The request's event types.
        3 event_types: Vec<&'a [u8]>,
    }

    /// The answer to a [`DigestUnsubscribe`] that was granted.
    DigestUnsubscribeAck {
        /// The daemon's clock: Unix time in seconds.
        1 heartbeat: i64,
        /// The request's id.
        2 reply_id: &'a [u8],
        /// The request's event types.
        3 event_types: Vec<&'a [u8]>,
    }

    /// How daemons of protocol 1 told each other their subscriptions. We neither send nor heed it.
    DigestSubscriptions {
        /// The daemon's member name.
        1 name: &'a [u8],
        /// The daemon's clock: Unix time in seconds.
        2 heartbeat: i64,
        /// Id of the digest that asked.
        3 reply_id: &'a [u8],
        /// Its subscriptions.
        4 subscriptions: Vec<DigestSubscription<'a>>,
    }

    /// A subscription as [`DigestSubscriptions`] lists it.
    DigestSubscription {
        /// What is subscribed to.
        1 event_type: &'a [u8],
        /// By whom.
        2 member_name: &'a [u8],
        /// Through which daemon.
        3 origin: &'a [u8],
        /// When it was last heard of: Unix time in seconds.
        4 heartbeat: i64,
    }

    /// A published message has been taken over: by the daemon, or by a subscriber.
    DigestForwardedAck {
        /// Who took it over.
        1 name: &'a [u8],
        /// Id of the message's envelope.
        2 reply_id: &'a [u8],
        /// The client's own secret; from the daemon empty.
        3 secret: &'a [u8],
    }

    /// Something happened to a member; to those who subscribed to a reserved type.
    DigestEvent {
        /// `member_in`, `member_quarantine`, …
        1 event_type: &'a [u8],
        /// The member's name.
        2 event_object: &'a [u8],
        /// The daemon's clock: Unix time in seconds.
        3 heartbeat: i64,
    }

    /// A client leaves.
    DigestExit {
        /// The client's name.
        1 name: &'a [u8],
        /// The client's clock: Unix time in seconds.
        2 heartbeat: i64,
        /// The client's own secret.
        3 secret: &'a [u8],
    }

    /// A request was refused.
    DigestError {
        /// The daemon's member name.
        1 name: &'a [u8],
        /// The daemon's clock: Unix time in seconds.
        2 heartbeat: i64,
        /// One of [`crate::code`].
        3 error_code: i32,
        /// What kind of thing was refused.
        4 error_entity: &'a [u8],
        /// Which one.
        5 error_entity_name: &'a [u8],
        /// Why, for a person.
        6 error_message: &'a [u8],
        /// The request's id.
        7 reply_id: &'a [u8],
    }
}

/// Defines the enum of all structs that an envelope can name, from one table.
macro_rules! any {
    ($($(#[$doc:meta])* $variant:ident($name:ident) = $payload_type:literal),+ $(,)?) => {
        /// What an envelope can hold besides a published message.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum AnyDigest<'a> {
            $($(#[$doc])* $variant($name<'a>),)+
        }

        impl<'a> AnyDigest<'a> {
            /// The payload types of protocol 1's own structs: no message can be published under these.
            pub const PAYLOAD_TYPES: &'static [&'static str] = &[$($payload_type),+];

            /// Reads the struct that `payload_type` names from the beginning of `bytes`; `None` where it names none of
            /// ours, so that the envelope is a published message.
            pub fn read(payload_type: &[u8], bytes: &'a [u8]) -> Result<Option<Self>, BodyError> {
                Ok(Some(match payload_type {
                    $(name if name == $payload_type.as_bytes() => AnyDigest::$variant($name::read(bytes)?),)+
                    _ => return Ok(None),
                }))
            }

            /// The envelope's payload type for this struct.
            pub fn payload_type(&self) -> &'static str {
                match self {
                    $(AnyDigest::$variant(_) => $payload_type,)+
                }
            }

            /// Appends the struct, bare.
            pub fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(AnyDigest::$variant(digest) => digest.write(out),)+
                }
            }
        }
    };
}

any! {
    /// From a client; answered with `Ack`.
    Digest(Digest) = "digest",
    /// To a client, and from one that was sent a digest.
    Ack(DigestAck) = "digestAck",
    /// Part of `Ack` only; on its own it says nothing.
    Member(DigestMember) = "digestMember",
    /// From a client.
    Subscribe(DigestSubscribe) = "digestSubscribe",
    /// From a client.
    Unsubscribe(DigestUnsubscribe) = "digestUnsubscribe",
    /// To a client.
    SubscribeAck(DigestSubscribeAck) = "digestSubscribeAck",
    /// To a client.
    UnsubscribeAck(DigestUnsubscribeAck) = "digestUnsubscribeAck",
    /// Between daemons of protocol 1, which we don't speak.
    Subscriptions(DigestSubscriptions) = "digestSubscriptions",
    /// Part of `Subscriptions` only; on its own it says nothing.
    Subscription(DigestSubscription) = "digestSubscription",
    /// Both ways.
    ForwardedAck(DigestForwardedAck) = "digestForwardedAck",
    /// To a client.
    Event(DigestEvent) = "digestEvent",
    /// From a client.
    Exit(DigestExit) = "digestExit",
    /// To a client.
    Error(DigestError) = "digestError",
    /// An envelope in an envelope says nothing.
    Envelope(Envelope) = "digestEnvelope",
}

/// Whether `payload_type` names a struct of protocol 1 itself, so that no message can be published under it.
pub fn is_reserved(payload_type: &[u8]) -> bool {
    AnyDigest::PAYLOAD_TYPES.iter().any(|name| name.as_bytes() == payload_type)
}
