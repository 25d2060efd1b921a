/**
 * The structs of gossiperl, protocols 1 and 2.
 *
 * PROTOCOL.md beside this file says how they become datagrams, who may send which, and what the fields mean.
 * Field ids and types never change; a new field is `optional` and takes the next free id.
 *
 * Protocol 1 (2014): TBinaryProtocol, inside a DigestEnvelope, inside an AES-256-CBC datagram.
 * Protocol 2: TCompactProtocol, as frames of a sealed (AES-256-GCM) datagram.
 */

namespace java gossiperl.client.thrift
namespace kotlin gossiperl.client.thrift
namespace py gossiperl.client.thrift
namespace rb Gossiperl.Client.Thrift
namespace cpp gossiperl.client.thrift
namespace netstd Gossiperl.Client.Thrift
namespace js Gossiperl.Client.Thrift
namespace rs gossiperl

// ---------------------------------------------------------------------------------------------- protocol 1

struct DigestEnvelope {
  1: required string payload_type,
  2: required string bin_payload,
  3: required string id
}

struct Digest {
  1: required string name,
  2: required i32 port,
  3: required i64 heartbeat,
  4: required string id,
  5: required string secret
}

struct DigestMember {
  1: required string member_name,
  2: required string member_ip,
  3: required i32 member_port,
  4: required i64 member_heartbeat
}

struct DigestAck {
  1: required string name,
  2: required i64 heartbeat,
  3: required string reply_id,
  4: required list<DigestMember> membership
}

struct DigestSubscription {
  1: required string event_type,
  2: required string member_name,
  3: required string origin,
  4: required i64 heartbeat
}

struct DigestSubscriptions {
  1: required string name,
  2: required i64 heartbeat,
  3: required string reply_id,
  4: required list<DigestSubscription> subscriptions
}

struct DigestExit {
  1: required string name,
  2: required i64 heartbeat,
  3: required string secret
}

struct DigestSubscribe {
  1: required string name,
  2: required i64 heartbeat,
  3: required string id,
  4: required list<string> event_types,
  5: required string secret
}

struct DigestUnsubscribe {
  1: required string name,
  2: required i64 heartbeat,
  3: required string id,
  4: required list<string> event_types,
  5: required string secret
}

struct DigestSubscribeAck {
  1: required i64 heartbeat,
  2: required string reply_id,
  3: required list<string> event_types
}

struct DigestUnsubscribeAck {
  1: required i64 heartbeat,
  2: required string reply_id,
  3: required list<string> event_types
}

struct DigestForwardedAck {
  1: required string name,
  2: required string reply_id,
  3: required string secret
}

struct DigestEvent {
  1: required string event_type,
  2: required string event_object,
  3: required i64 heartbeat
}

struct DigestError {
  1: required string name,
  2: required i64 heartbeat,
  3: required i32 error_code,
  4: required string error_entity,
  5: required string error_entity_name,
  6: required string error_message,
  7: required string reply_id
}

// ------------------------------------------------------------------- protocol 2: sessions of clients, datagram frames

/** Frame 1, client to daemon: asks for a session. */
struct ClientHello {
  /** Name of the client in the overlay, 1 to 255 bytes. */
  1: required string name,
  /** Random, made once per client object: the publisher id of its messages. Positive. */
  2: required i64 instance,
  /** The client's own secret, 0 to 255 bytes. Bound to the name at first use. */
  3: required binary secret,
  /** Bytes of numbered frames the client is ready to have in flight towards it. */
  4: required i32 receive_window,
  /** Chosen by the client; the answer repeats it. */
  5: required i64 nonce
}

/** Frame 2: "address me by the receiver id that this datagram's salt shows". No fields. */
struct Challenge {
}

/** Frame 3, daemon to client: the session stands. */
struct Welcome {
  /** Member name of the daemon. */
  1: required string name,
  2: required i64 nonce,
  /** Bytes of numbered frames the daemon is ready to have in flight towards it. */
  3: required i32 receive_window,
  /** The client sends something at least this often, in milliseconds. */
  4: required i32 keepalive_ms,
  /** A client silent for longer than this, in milliseconds, is put into quarantine. */
  5: required i32 silence_ms,
  /** False where the daemon already had this session (same salt and instance): numbering goes on. */
  6: required bool fresh
}

/** Frame 4: the request that carries this nonce, or this numbered request, was refused. */
struct Refusal {
  1: required i64 nonce,
  /** One of the codes of PROTOCOL.md. */
  2: required i32 code,
  /** What was refused: a name, an event type. */
  3: required string entity,
  4: required string message
}

/** Frame 5: "are you there" (answer = false), "yes" (answer = true, same nonce). */
struct Keepalive {
  1: required i64 nonce,
  2: required bool answer
}

/** Frame 6: the sender ends the session (client) or leaves the overlay (daemon to its clients). No fields. */
struct Goodbye {
}

// -------------------------------------------------------------------------- protocol 2: the link, datagram frames

/** Frame 8: the numbered frames that follow in this datagram are `first`, `first + 1`, … */
struct Run {
  1: required i64 first
}

/** Frame 9: what has arrived. */
struct Acknowledgement {
  /** All numbered frames up to and with this one have been taken over. */
  1: required i64 cumulative,
  /** Bytes the receiver is ready to have in flight beyond `cumulative`; 0 holds the sender back. */
  2: required i32 window,
  /** Microseconds from the arrival of the newest numbered frame to the sending of this. */
  3: required i32 delay_us,
  /** Frames beyond `cumulative` that arrived out of order: pairs (gap, length), each counted from the end of the last. */
  4: optional list<i64> ranges,
  /** The receiver dropped what came after `cumulative`: send it again from there. */
  5: optional bool rewind
}

// -------------------------------------------------------------------------- protocol 2: the link, numbered frames

/** Frame 64: a published message; the same bytes from the publisher to every subscriber. */
struct Message {
  1: required string event_type,
  2: required binary payload,
  /** The publisher's instance, and its own count of messages: together the message's id. */
  3: required i64 publisher,
  4: required i64 sequence,
  /** The envelope id of a message published in protocol 1. */
  5: optional string envelope_id,
  /** True where `payload` is a protocol-1 bin_payload that is not canonical base64, taken over as it was. */
  6: optional bool verbatim
}

/** Frame 65: a piece of a numbered frame too large for one datagram. Pieces follow one another without a gap. */
struct Fragment {
  /** Kind of the whole frame. */
  1: required i8 kind,
  /** Length of the whole frame's body in bytes. */
  2: required i32 total,
  3: required i32 offset,
  4: required binary part
}

/** What a full queue does. */
enum SlowPolicy {
  /** Publishers of the type are held back. */
  WAIT = 0,
  /** The oldest undelivered message is dropped and counted. */
  DROP_OLDEST = 1
}

struct Subscription {
  1: required binary event_type,
  2: required SlowPolicy policy
}

/** Frame 66, client to daemon. */
struct Subscribe {
  1: required i64 request,
  2: required list<Subscription> subscriptions
}

/** Frame 67, client to daemon. */
struct Unsubscribe {
  1: required i64 request,
  2: required list<binary> event_types
}

/** Frame 68, daemon to client: the request is done (code 0) or refused. */
struct Reply {
  1: required i64 request,
  2: required i32 code,
  3: required string entity,
  4: required string message
}

/** Frame 69: messages of this type are not taken for now. */
struct Pause {
  1: required binary event_type
}

/** Frame 70: messages of this type are taken again. */
struct Resume {
  1: required binary event_type
}

/** Frame 71, client to daemon: send the members now, and (watch = true) every change from now on. */
struct MembersRequest {
  1: required i64 request,
  2: required bool watch
}

enum MemberKind {
  DAEMON = 0,
  CLIENT = 1
}

enum MemberState {
  REACHABLE = 0,
  QUARANTINE = 1,
  UNREACHABLE = 2,
  LEFT = 3
}

/** A member as clients see it. */
struct MemberView {
  /** Any bytes for a client of protocol 1, otherwise text. */
  1: required binary name,
  2: required MemberKind kind,
  3: required MemberState state,
  /** 4 or 16 bytes, network order. */
  4: required binary ip,
  5: required i32 port,
  6: required string rack,
  /** Unix time in seconds at which it was last heard of. */
  7: required i64 heartbeat
}

/** Frame 72, daemon to client: a page of the members; `last` on the final one. */
struct MembersPage {
  1: required i64 request,
  2: required list<MemberView> members,
  3: required bool last
}

/** Frame 73, daemon to client: `event` is one of the reserved types (`member_in`, …). */
struct MemberEvent {
  1: required string event,
  2: required MemberView member
}

/** Frame 74, daemon to client: so many messages of the type were dropped by the subscription's policy since the last such frame. */
struct Dropped {
  1: required binary event_type,
  2: required i64 count
}

// --------------------------------------------------------------------- protocol 2: between daemons, datagram frames

enum Liveness {
  ALIVE = 0,
  SUSPECT = 1,
  FAILED = 2,
  LEFT = 3
}

/** Frame 16 (a change on its way round) and part of others: what is claimed about one daemon. */
struct MemberUpdate {
  1: required string name,
  /** The sender salt of the daemon's present run, 16 bytes: boot time, then randomness. */
  2: required binary generation,
  3: required i32 incarnation,
  4: required Liveness liveness,
  5: required binary ip,
  6: required i32 port,
  7: required string rack,
  /** Who says so, where liveness is SUSPECT or FAILED. */
  8: optional string accuser
}

/** Frame 17: first contact, an address is all the sender knows, a seed's or a multicast group's; also the answer to one. */
struct Introduction {
  1: required MemberUpdate member,
  /** True where the sender wants one back. */
  2: required bool answer
}

/** Frame 18. */
struct Ping {
  1: required i32 sequence,
  /** Root of the sender's hash tree. */
  2: required i64 root
}

/** Frame 19: asks the receiver to probe `target` for the sender. */
struct PingRequest {
  1: required i32 sequence,
  2: required binary target_generation,
  3: required binary ip,
  4: required i32 port
}

/** Frame 20, to Ping and, passed on, to PingRequest. */
struct PingAck {
  1: required i32 sequence,
  2: required i64 root
}

/** Frame 21: the probe asked for by PingRequest has not succeeded in time, but the asked one lives. */
struct PingNack {
  1: required i32 sequence
}

/** An entry of the shared state; only its owner writes it. */
struct Entry {
  1: required binary key,
  2: required binary value,
  3: required i64 version,
  4: required bool deleted,
  /** Present where `value` is only a part of a value too long for one datagram: where in the value it starts … */
  5: optional i32 offset,
  /** … and the length of the whole. Such an entry stands alone in its StateUpdate. */
  6: optional i32 total
}

/** Frame 24: entries of one owner. Complete from `after` to `upto`: every live version between is in `entries` or has been replaced by a later one. */
struct StateUpdate {
  1: required binary owner_generation,
  2: required i64 after,
  3: required i64 upto,
  4: required list<Entry> entries,
  /** Deletions up to this version may be missing: a receiver complete to less has to ask from 0. */
  5: optional i64 floor,
  /** The sender holds the owner completely up to this version, where that is beyond `upto`: more pages follow on request. */
  6: optional i64 newest
}

/** A node of the hash tree: `depth` levels down, at `index` from the left. */
struct TreeNode {
  1: required i8 depth,
  2: required i32 index,
  3: required i64 hash
}

/** An owner as the hash tree's leaves hold it. */
struct OwnerSummary {
  1: required MemberUpdate member,
  2: required i64 version
}

/** "Send me this owner's entries above `version`." */
struct OwnerVersion {
  1: required binary owner_generation,
  2: required i64 version
}

/** Frame 25: first step of repair, the nodes the sender wants compared. */
struct TreeDigest {
  1: required i64 exchange,
  2: required list<TreeNode> nodes
}

/** Frame 26: second step, deeper nodes, or the owners below a leaf, that differ. */
struct TreeDigestAck {
  1: required i64 exchange,
  2: required list<TreeNode> nodes,
  3: required list<OwnerSummary> owners,
  /** Leaf indices whose owners are wanted in return. */
  4: required list<i32> leaves
}

/** Frame 27: third step, owners the other side lacks or has older, and what is wanted from it. */
struct TreeDigestAckAck {
  1: required i64 exchange,
  2: required list<OwnerSummary> owners,
  3: required list<OwnerVersion> wanted
}

// --------------------------------------------------------------------- protocol 2: between daemons, numbered frames

enum KeyStep {
  /** Only report. */
  LOOK = 0,
  /** Report, and let nobody else change which key seals, or take one out, until this request is through or given up. */
  HOLD = 1,
  /** The request is given up; not answered. */
  RELEASE = 2,
  ADD = 3,
  USE = 4,
  RETIRE = 5
}

/** Frame 75: what is wanted of the receiver's key ring. */
struct KeyRequest {
  /** The asking daemon's number; the same in all steps of one change. */
  1: required i64 request,
  2: required KeyStep step,
  /** USE and RETIRE: which key, 4 bytes. */
  3: optional binary key_id,
  /** ADD: the key. */
  4: optional binary key
}

/** A key of a ring, by its id alone. */
struct RingKey {
  /** 4 bytes. */
  1: required binary id,
  /** The daemon's own clients that were last heard under it. */
  2: required i32 clients
}

/** Frame 76: the answer to KeyRequest. */
struct KeyReport {
  1: required i64 request,
  2: required KeyStep step,
  /** One of the codes of PROTOCOL.md; 0: it is so now. */
  3: required i32 code,
  /** False where it was so before. */
  4: required bool changed,
  /** The ring after the step, 1 to 8 keys; the first seals. */
  5: required list<RingKey> keys,
  /** RETIRE: the daemon's own clients that were last heard under the key. */
  6: optional i32 cut_off
}
