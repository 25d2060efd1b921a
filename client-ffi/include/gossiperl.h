/*
 * gossiperl: publish, subscribe and membership through the host's daemon. The client as a C library, libgossiperl.
 *
 * This file is made by cbindgen out of client-ffi/src: change it there.
 *
 * What holds for every function, where it does not say otherwise:
 *
 * Handles. A function that makes something gives a handle, which is freed by its own function, once. Functions that free take NULL, and do nothing then. A handle must not be used
 * after it was freed, nor freed while another thread is in a call with it. Any thread may use it.
 *
 * Bytes. Everything of variable length is a pointer and a length, never ended by a 0 byte. What is given is copied before the function returns. Where a length is 0, the pointer may be
 * anything. Names, of members and event types, are bytes, UTF-8 nearly always. What the library gives is read only, and lives as long as what it came from.
 *
 * Errors. The result is GOSSIPERL_RESULT_OK, or the class of the error. `error` is where to put the error itself: it is overwritten, by NULL where there is none. The caller frees it. It may be NULL.
 * NULL in place of a handle or a result, and a length that cannot be, are an error of class ARGUMENT, and nothing was done. A result's place is set to NULL or 0 first.
 * A defect of the library is an error of class SYSTEM, and never unwinds into the caller.
 *
 * Time. `timeout_ms` is in milliseconds: 0 does not wait, and a negative one is no limit. Functions without one do not wait, but for gossiperl_connect and gossiperl_close, whose limits
 * are options.
 *
 * Threads. The library has one thread of its own, for all clients of a process. It never calls into the application. It is left alone by fork: in a child process, what came
 * from the parent answers FORKED, and new clients have a thread of the child's.
 *
 * Operations without waiting. A function whose name ends in _async starts what the one without does, and returns at once. Its end comes as a completion of its token, once, from the queue that
 * was given (gossiperl_completions_next). The token is of the caller's choice, and must not be under way already. Where such a function returns an error, nothing was started and no completion comes.
 * 65,536 operations may be under way in a queue, or at their end and not taken; more are BUSY.
 */

#ifndef GOSSIPERL_H
#define GOSSIPERL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a function came to: 0, or the class of its error. Numbers are never reused.
enum gossiperl_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Good.
  GOSSIPERL_RESULT_OK = 0,
  // An option is out of its range; `gossiperl_error_option` names it.
  GOSSIPERL_RESULT_OPTION = 1,
  // An argument is wrong: NULL, a length, an event type, a payload. Nothing was sent.
  GOSSIPERL_RESULT_ARGUMENT = 2,
  // Nobody listens on the daemon's port.
  GOSSIPERL_RESULT_UNREACHABLE = 3,
  // Not in time: the daemon did not answer, or the timeout of the call is over.
  GOSSIPERL_RESULT_TIMEOUT = 4,
  // The daemon refused; `gossiperl_error_code` has its code.
  GOSSIPERL_RESULT_REFUSED = 5,
  // Not now: the window is full, the daemon holds publishers of the type back, or too many operations are under way. Nothing was sent.
  GOSSIPERL_RESULT_BUSY = 6,
  // Protocol 1 only: sent several times and never acknowledged. It may have been delivered.
  GOSSIPERL_RESULT_NOT_ACKNOWLEDGED = 7,
  // The client or the queue is closed.
  GOSSIPERL_RESULT_CLOSED = 8,
  // The client belongs to the parent process.
  GOSSIPERL_RESULT_FORKED = 9,
  // The system gave no socket or thread, or the library has a defect.
  GOSSIPERL_RESULT_SYSTEM = 10,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum gossiperl_result gossiperl_result;
#else
typedef int32_t gossiperl_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where a client stands.
enum gossiperl_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // No session yet, or none any more; the client goes on trying.
  GOSSIPERL_STATE_CONNECTING = 1,
  // A session with the daemon.
  GOSSIPERL_STATE_CONNECTED = 2,
  // Closed, or closing.
  GOSSIPERL_STATE_CLOSED = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum gossiperl_state gossiperl_state;
#else
typedef int32_t gossiperl_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The type of a field.
enum gossiperl_field_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // A boolean.
  GOSSIPERL_FIELD_KIND_BOOL = 1,
  // 8 bits, signed.
  GOSSIPERL_FIELD_KIND_BYTE = 2,
  // 16 bits, signed.
  GOSSIPERL_FIELD_KIND_I16 = 3,
  // 32 bits, signed.
  GOSSIPERL_FIELD_KIND_I32 = 4,
  // 64 bits, signed.
  GOSSIPERL_FIELD_KIND_I64 = 5,
  // An IEEE 754 double; the bits of a NaN are kept.
  GOSSIPERL_FIELD_KIND_DOUBLE = 6,
  // Any bytes; UTF-8 mostly.
  GOSSIPERL_FIELD_KIND_STRING = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum gossiperl_field_kind gossiperl_field_kind;
#else
typedef int32_t gossiperl_field_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happened.
enum gossiperl_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // There is a session with the daemon.
  GOSSIPERL_EVENT_KIND_CONNECTED = 1,
  // There is no session any more. The client goes on trying; publishing waits, subscriptions come back.
  GOSSIPERL_EVENT_KIND_DISCONNECTED = 2,
  // The daemon serves these event types: asked for, or brought back after a reconnection.
  GOSSIPERL_EVENT_KIND_SUBSCRIBED = 3,
  // The daemon serves these no longer.
  GOSSIPERL_EVENT_KIND_UNSUBSCRIBED = 4,
  // A message.
  GOSSIPERL_EVENT_KIND_DELIVERY = 5,
  // A member changed; only after `gossiperl_watch_members`.
  GOSSIPERL_EVENT_KIND_MEMBER = 6,
  // The daemon refused the session or a request. A refused session is asked for again, ever more rarely.
  GOSSIPERL_EVENT_KIND_FAILED = 7,
  // Something was lost because this side was too slow.
  GOSSIPERL_EVENT_KIND_DROPPED = 8,
  // The daemon takes no messages of this type for now: a subscriber is too slow.
  GOSSIPERL_EVENT_KIND_PAUSED = 9,
  // The daemon takes messages of this type again.
  GOSSIPERL_EVENT_KIND_RESUMED = 10,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum gossiperl_event_kind gossiperl_event_kind;
#else
typedef int32_t gossiperl_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happened to a member.
enum gossiperl_member_change
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Nothing, or nothing that this version of the library knows.
  GOSSIPERL_MEMBER_CHANGE_NONE = 0,
  // First heard of.
  GOSSIPERL_MEMBER_CHANGE_IN = 1,
  // Silent for a while.
  GOSSIPERL_MEMBER_CHANGE_QUARANTINE = 2,
  // Silent for longer.
  GOSSIPERL_MEMBER_CHANGE_UNREACHABLE = 3,
  // Given up.
  GOSSIPERL_MEMBER_CHANGE_DROP = 4,
  // Gone: left, or forgotten after being given up.
  GOSSIPERL_MEMBER_CHANGE_OUT = 5,
  // Heard of again after quarantine or unreachable.
  GOSSIPERL_MEMBER_CHANGE_REJOIN = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum gossiperl_member_change gossiperl_member_change;
#else
typedef int32_t gossiperl_member_change;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a member is.
enum gossiperl_member_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Not told: protocol 1 does not distinguish.
  GOSSIPERL_MEMBER_KIND_UNKNOWN = 0,
  // A daemon.
  GOSSIPERL_MEMBER_KIND_DAEMON = 1,
  // A client of a daemon.
  GOSSIPERL_MEMBER_KIND_CLIENT = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum gossiperl_member_kind gossiperl_member_kind;
#else
typedef int32_t gossiperl_member_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How a member is.
enum gossiperl_member_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Not known to this version of the library.
  GOSSIPERL_MEMBER_STATE_UNKNOWN = 0,
  // Heard of lately.
  GOSSIPERL_MEMBER_STATE_REACHABLE = 1,
  // Silent; it may still come back.
  GOSSIPERL_MEMBER_STATE_QUARANTINE = 2,
  // Silent for so long that it counts as gone, though not forgotten.
  GOSSIPERL_MEMBER_STATE_UNREACHABLE = 3,
  // It said goodbye.
  GOSSIPERL_MEMBER_STATE_LEFT = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum gossiperl_member_state gossiperl_member_state;
#else
typedef int32_t gossiperl_member_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A client of one overlay. Any thread may use it, several at once.
typedef struct gossiperl_client gossiperl_client;

// A batch of completions. One thread at a time.
typedef struct gossiperl_completions gossiperl_completions;

// A digest: fields of any id of 16 bits, each once. One thread at a time; even reading its bytes or its fields.
typedef struct gossiperl_digest gossiperl_digest;

// Why something failed. It does not change: any thread may read it, several at once.
typedef struct gossiperl_error gossiperl_error;

// A batch of events. It does not change: any thread may read it, several at once.
typedef struct gossiperl_events gossiperl_events;

// A list of members. It does not change: any thread may read it, several at once.
typedef struct gossiperl_member_list gossiperl_member_list;

// A list of names. It does not change: any thread may read it, several at once.
typedef struct gossiperl_name_list gossiperl_name_list;

// Options of a client. One thread at a time. They are checked where a client is made, which copies them: one may be used for several clients, and freed at once.
typedef struct gossiperl_options gossiperl_options;

// A queue of operations that have come to their end. Any thread may use it, several at once. One for a whole program is enough.
typedef struct gossiperl_queue gossiperl_queue;

// Some bytes. Where `length` is 0, `data` may be anything; where `data` is NULL in something the library gives, there is none at all.
typedef struct {
  // The first.
  const uint8_t *data;
  // How many there are.
  size_t length;
} gossiperl_bytes;

// A field of a digest.
typedef struct {
  // The value of a BOOL (0 or 1), BYTE, I16, I32 or I64.
  int64_t integer;
  // The value of a DOUBLE.
  double number;
  // The value of a STRING, any bytes.
  gossiperl_bytes string;
  // What it was sent as.
  gossiperl_field_kind kind;
  // The application's id.
  int16_t id;
} gossiperl_field;

// A member of the overlay: a daemon, or a client of one.
typedef struct {
  // Its name, unique in the overlay.
  gossiperl_bytes name;
  // Where its datagrams come from, as text such as "192.0.2.7:6666". None (`data` is NULL) in events of protocol 1, which do not tell.
  gossiperl_bytes address;
  // The rack it stands in. None (`data` is NULL) in protocol 1, which does not tell.
  gossiperl_bytes rack;
  // Unix time in seconds at which it was last heard of.
  int64_t heartbeat;
  // What it is.
  gossiperl_member_kind kind;
  // How it is.
  gossiperl_member_state state;
} gossiperl_member;

// One thing that happened. What is not said of its kind is 0, NULL or none.
typedef struct {
  // What.
  gossiperl_event_kind kind;
  // MEMBER: what happened to it; otherwise 0.
  gossiperl_member_change change;
  // DELIVERY, PAUSED, RESUMED: the event type. DROPPED: the event type whose deliveries were dropped; none: events other than deliveries. CONNECTED: the daemon's name.
  gossiperl_bytes name;
  // DELIVERY: the payload, 0 to 60,000 bytes. DISCONNECTED: why, as a sentence in UTF-8.
  gossiperl_bytes payload;
  // DELIVERY in protocol 2: made at random, once in the life of the client that published it.
  int64_t publisher;
  // DELIVERY in protocol 2: rising from one message of the publisher to the next, not necessarily by one. Publisher and sequence make the message's id.
  int64_t sequence;
  // DELIVERY in protocol 1: the envelope's id, which is the message's id; none in protocol 2.
  gossiperl_bytes envelope_id;
  // DROPPED: how many since the last such event.
  uint64_t count;
  // SUBSCRIBED, UNSUBSCRIBED: the event types.
  const gossiperl_bytes *names;
  // How many `names` there are.
  size_t names_length;
  // MEMBER: the member as it is now.
  const gossiperl_member *member;
  // FAILED: what the daemon refused.
  const gossiperl_error *error;
  // CONNECTED: whether the daemon still had the session, and nothing had to be sent again.
  bool resumed;
} gossiperl_event;

// One operation that has come to its end.
typedef struct {
  // What it was started with.
  int64_t token;
  // What went wrong; NULL where nothing did. It belongs to the batch.
  const gossiperl_error *error;
  // What a connect made; to be taken.
  gossiperl_client *client;
  // What subscriptions gave; to be taken.
  gossiperl_name_list *names;
  // What members or watch members gave; to be taken.
  gossiperl_member_list *members;
  // What next events gave; to be taken. NULL with a good result: the client is closed and everything has been read.
  gossiperl_events *events;
  // What it came to.
  gossiperl_result result;
} gossiperl_completion;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The library's version, such as "2.0.0". It lives as long as the library.
gossiperl_bytes gossiperl_version(void);

// Makes a client and waits for its first session, `connect_timeout` at most. `*client` is to be freed; it is NULL after an error.
//
// Errors: OPTION, SYSTEM and REFUSED at once; UNREACHABLE or TIMEOUT after `connect_timeout`.
gossiperl_result gossiperl_connect(const gossiperl_options *options,
                                   gossiperl_client **client,
                                   gossiperl_error **error);

// Makes a client without waiting: the daemon may come later. What is published waits until then. `*client` is to be freed; it is NULL after an error.
//
// Errors: OPTION, SYSTEM.
gossiperl_result gossiperl_start(const gossiperl_options *options,
                                 gossiperl_client **client,
                                 gossiperl_error **error);

// Frees a client, and closes it in the background where it is not closed. No other thread may be in a call with it; operations under way by a token go on. NULL is
// nothing. What was taken from it (events, names, members) stays.
void gossiperl_client_free(gossiperl_client *client);

// The client's name. It lives as long as the client.
gossiperl_bytes gossiperl_client_name(const gossiperl_client *client);

// What the application calls the overlay; none (`data` is NULL) where it did not say. It lives as long as the client.
gossiperl_bytes gossiperl_client_overlay(const gossiperl_client *client);

// Where the client stands; CLOSED for NULL.
//
// With a session, the daemon's name, 255 bytes at most, is copied to `daemon` as far as `capacity` goes, and its length is put into `*daemon_length`; otherwise
// that is 0. Both may be NULL (with a `capacity` of 0).
gossiperl_state gossiperl_client_state(const gossiperl_client *client,
                                       uint8_t *daemon,
                                       size_t capacity,
                                       size_t *daemon_length);

// Adds a key of the overlay's ring to those the client opens with, at least 1 byte.
//
// Errors: OPTION for an empty one.
gossiperl_result gossiperl_add_key(const gossiperl_client *client,
                                   const uint8_t *key,
                                   size_t key_length,
                                   gossiperl_error **error);

// A digest without fields, to be freed.
gossiperl_digest *gossiperl_digest_new(void);

// Reads a delivery's payload as a digest. `*digest` is to be freed; it is NULL after an error. Fields of other types than the seven are left out.
//
// Errors: ARGUMENT: it is none.
gossiperl_result gossiperl_digest_read(const uint8_t *payload,
                                       size_t payload_length,
                                       gossiperl_digest **digest,
                                       gossiperl_error **error);

// Frees a digest. NULL is nothing.
void gossiperl_digest_free(gossiperl_digest *digest);

// Sets a boolean.
gossiperl_result gossiperl_digest_set_bool(gossiperl_digest *digest, int16_t id, bool value);

// Sets 8 bits.
gossiperl_result gossiperl_digest_set_byte(gossiperl_digest *digest, int16_t id, int8_t value);

// Sets 16 bits.
gossiperl_result gossiperl_digest_set_i16(gossiperl_digest *digest, int16_t id, int16_t value);

// Sets 32 bits.
gossiperl_result gossiperl_digest_set_i32(gossiperl_digest *digest, int16_t id, int32_t value);

// Sets 64 bits.
gossiperl_result gossiperl_digest_set_i64(gossiperl_digest *digest, int16_t id, int64_t value);

// Sets a double.
gossiperl_result gossiperl_digest_set_double(gossiperl_digest *digest, int16_t id, double value);

// Sets a string; its bytes, 60,000 at most, are copied.
gossiperl_result gossiperl_digest_set_string(gossiperl_digest *digest,
                                             int16_t id,
                                             const uint8_t *value,
                                             size_t value_length);

// The digest as a payload to publish. The bytes live until the next call with the digest.
gossiperl_bytes gossiperl_digest_bytes(gossiperl_digest *digest);

// The fields by rising id, `*length` of them one after the other. They live until the next call with the digest. NULL and 0 for NULL.
const gossiperl_field *gossiperl_digest_fields(gossiperl_digest *digest,
                                               size_t *length);

// The class of an error; `GOSSIPERL_RESULT_OK` for NULL.
gossiperl_result gossiperl_error_result(const gossiperl_error *error);

// A sentence in UTF-8 that names the input and the remedy. It lives as long as the error.
gossiperl_bytes gossiperl_error_message(const gossiperl_error *error);

// The name of the option that is wrong; none (`data` is NULL) for other errors. It lives as long as the error.
gossiperl_bytes gossiperl_error_option(const gossiperl_error *error);

// The daemon's code; 0 for errors that have none.
int32_t gossiperl_error_code(const gossiperl_error *error);

// Whether the error has a code of the daemon's.
bool gossiperl_error_has_code(const gossiperl_error *error);

// Frees an error that a function put into its `error`. NULL is nothing. Those in events and completions belong to their batch and are not freed.
void gossiperl_error_free(gossiperl_error *error);

// The events, `*length` of them one after the other. They, and all they point to, live as long as the batch. NULL and 0 for NULL.
const gossiperl_event *gossiperl_events_items(const gossiperl_events *events,
                                              size_t *length);

// Frees a batch of events. NULL is nothing.
void gossiperl_events_free(gossiperl_events *events);

// The names, `*length` of them one after the other. They live as long as the list. NULL and 0 for NULL.
const gossiperl_bytes *gossiperl_names_items(const gossiperl_name_list *names, size_t *length);

// Frees a list of names. NULL is nothing.
void gossiperl_names_free(gossiperl_name_list *names);

// The members, `*length` of them one after the other. They live as long as the list. NULL and 0 for NULL.
const gossiperl_member *gossiperl_members_items(const gossiperl_member_list *members, size_t *length);

// Frees a list of members. NULL is nothing.
void gossiperl_members_free(gossiperl_member_list *members);

// Subscribes to `count` event types, and waits until the daemon serves them; while there is no session, until there is one. Those subscribed to already are left as they
// are.
//
// Errors: ARGUMENT, REFUSED, CLOSED, FORKED: none of the types is subscribed to then. TIMEOUT: they may be.
gossiperl_result gossiperl_subscribe(const gossiperl_client *client,
                                     const gossiperl_bytes *event_types,
                                     size_t count,
                                     int64_t timeout_ms,
                                     gossiperl_error **error);

// Ends subscriptions, and waits until the daemon knows. What was delivered before is still read. Types not subscribed to are left out.
//
// Errors: ARGUMENT, CLOSED, FORKED, TIMEOUT.
gossiperl_result gossiperl_unsubscribe(const gossiperl_client *client,
                                       const gossiperl_bytes *event_types,
                                       size_t count,
                                       int64_t timeout_ms,
                                       gossiperl_error **error);

// The event types subscribed to, by name. Waits for changes under way. `*names` is to be freed; it is NULL after an error.
//
// Errors: ARGUMENT, TIMEOUT.
gossiperl_result gossiperl_subscriptions(const gossiperl_client *client,
                                         int64_t timeout_ms,
                                         gossiperl_name_list **names,
                                         gossiperl_error **error);

// Publishes one message of 0 to 60,000 bytes, and waits until the daemon has taken responsibility for it. The payload is copied. For typed fields give the bytes of a digest
// (`gossiperl_digest_bytes`).
//
// Errors: ARGUMENT, REFUSED, NOT_ACKNOWLEDGED, CLOSED, FORKED. TIMEOUT: it may still be delivered.
gossiperl_result gossiperl_publish(const gossiperl_client *client,
                                   const uint8_t *event_type,
                                   size_t event_type_length,
                                   const uint8_t *payload,
                                   size_t payload_length,
                                   int64_t timeout_ms,
                                   gossiperl_error **error);

// Hands over one message as soon as there is room, and does not wait for its acknowledgement: `gossiperl_flush` does, and tells what failed. The payload is copied. With a
// timeout of 0: now or not at all, which is BUSY.
//
// Errors: ARGUMENT, BUSY, CLOSED, FORKED; TIMEOUT: nothing was sent.
gossiperl_result gossiperl_send(const gossiperl_client *client,
                                const uint8_t *event_type,
                                size_t event_type_length,
                                const uint8_t *payload,
                                size_t payload_length,
                                int64_t timeout_ms,
                                gossiperl_error **error);

// Waits until the daemon has taken responsibility for everything published so far.
//
// Errors: the first failure since the last flush; CLOSED, FORKED, TIMEOUT.
gossiperl_result gossiperl_flush(const gossiperl_client *client, int64_t timeout_ms, gossiperl_error **error);

// The members as the daemon knows them now. `*members` is to be freed; it is NULL after an error.
//
// Errors: SYSTEM beyond 65,536 members; REFUSED, CLOSED, FORKED, TIMEOUT.
gossiperl_result gossiperl_members(const gossiperl_client *client,
                                   int64_t timeout_ms,
                                   gossiperl_member_list **members,
                                   gossiperl_error **error);

// As `gossiperl_members`; and every change from now on is an event.
gossiperl_result gossiperl_watch_members(const gossiperl_client *client,
                                         int64_t timeout_ms,
                                         gossiperl_member_list **members,
                                         gossiperl_error **error);

// Waits for events and takes at most `max` (at least 1) of them: in the order they came, as many as there are. Several threads at once share them.
//
// `*events` is to be freed. It is empty when the timeout is over; it is NULL, with a good result, when the client is closed and everything has been read; and NULL after an
// error.
//
// Errors: ARGUMENT, FORKED.
gossiperl_result gossiperl_next_events(const gossiperl_client *client,
                                       size_t max,
                                       int64_t timeout_ms,
                                       gossiperl_events **events,
                                       gossiperl_error **error);

// Lets the work under way come to its end before closing: ends all subscriptions, and waits until everything published is acknowledged. What was delivered is still read.
//
// Errors: the first failure since the last flush; CLOSED, FORKED, TIMEOUT.
gossiperl_result gossiperl_drain(const gossiperl_client *client,
                                 int64_t timeout_ms,
                                 gossiperl_error **error);

// Closes: waits until what was published is acknowledged, but no longer than `close_timeout`, and says goodbye to the daemon. What was delivered can still be read; threads that
// wait for events come to the end of them. Closing again does nothing. The client still has to be freed.
//
// Errors: ARGUMENT, FORKED.
gossiperl_result gossiperl_close(const gossiperl_client *client,
                                 gossiperl_error **error);

// Options with their defaults; `port`, `name` and `key` have none and must be set. To be freed.
gossiperl_options *gossiperl_options_new(void);

// Frees options, and overwrites the secret and the keys in memory. NULL is nothing.
void gossiperl_options_free(gossiperl_options *options);

// `overlay`: what the application calls the overlay, in UTF-8. It is not sent.
gossiperl_result gossiperl_options_set_overlay(gossiperl_options *options,
                                               const uint8_t *overlay,
                                               size_t overlay_length,
                                               gossiperl_error **error);

// `port`: the port that the daemon's overlay is bound to, 1 to 65535.
gossiperl_result gossiperl_options_set_port(gossiperl_options *options, int64_t port, gossiperl_error **error);

// `name`: the client's name, 1 to 255 bytes of UTF-8, unique in the overlay.
gossiperl_result gossiperl_options_set_name(gossiperl_options *options,
                                            const uint8_t *name,
                                            size_t name_length,
                                            gossiperl_error **error);

// `secret`: the client's own, 0 to 255 bytes; the daemon binds it to the name at first use.
gossiperl_result gossiperl_options_set_secret(gossiperl_options *options,
                                              const uint8_t *secret,
                                              size_t secret_length,
                                              gossiperl_error **error);

// `key`: the overlay's symmetric key, at least 1 byte.
gossiperl_result gossiperl_options_set_key(gossiperl_options *options,
                                           const uint8_t *key,
                                           size_t key_length,
                                           gossiperl_error **error);

// `additional_keys`: adds a further key of the overlay's ring to open with; 7 at most.
gossiperl_result gossiperl_options_add_additional_key(gossiperl_options *options,
                                                      const uint8_t *key,
                                                      size_t key_length,
                                                      gossiperl_error **error);

// `protocol`: 2, the default, or 1 for the daemons of 2014.
gossiperl_result gossiperl_options_set_protocol(gossiperl_options *options, int64_t protocol, gossiperl_error **error);

// `address`: the loopback address that the overlay is bound to, as text. Default 127.0.0.1.
gossiperl_result gossiperl_options_set_address(gossiperl_options *options,
                                               const uint8_t *address,
                                               size_t address_length,
                                               gossiperl_error **error);

// `connect_timeout`: seconds that connecting waits for the first session, above 0. Default 10.
gossiperl_result gossiperl_options_set_connect_timeout(gossiperl_options *options,
                                                       double seconds,
                                                       gossiperl_error **error);

// `close_timeout`: seconds that closing waits for what was published to be acknowledged. Default 2.
gossiperl_result gossiperl_options_set_close_timeout(gossiperl_options *options,
                                                     double seconds,
                                                     gossiperl_error **error);

// `publish_window`: published messages that may wait for acknowledgement, at least 1. Default 16,384.
gossiperl_result gossiperl_options_set_publish_window(gossiperl_options *options,
                                                      int64_t messages,
                                                      gossiperl_error **error);

// `publish_window_bytes`: their bytes, at least 1. Default 8 MiB.
gossiperl_result gossiperl_options_set_publish_window_bytes(gossiperl_options *options,
                                                            int64_t bytes,
                                                            gossiperl_error **error);

// `delivery_buffer`: deliveries that may wait to be read, at least 1. Default 16,384.
gossiperl_result gossiperl_options_set_delivery_buffer(gossiperl_options *options,
                                                       int64_t messages,
                                                       gossiperl_error **error);

// `delivery_buffer_bytes`: their bytes, at least 1. Default 8 MiB.
gossiperl_result gossiperl_options_set_delivery_buffer_bytes(gossiperl_options *options,
                                                             int64_t bytes,
                                                             gossiperl_error **error);

// `slow_policy`: "wait", the default, holds publishers back when deliveries are read too slowly; "drop_oldest" drops and counts.
gossiperl_result gossiperl_options_set_slow_policy(gossiperl_options *options,
                                                   const uint8_t *policy,
                                                   size_t policy_length,
                                                   gossiperl_error **error);

// An empty queue, to be freed.
gossiperl_queue *gossiperl_queue_new(void);

// Lets threads that wait for completions go once there are none left, and takes no more operations. Those under way are cancelled.
void gossiperl_queue_close(const gossiperl_queue *queue);

// Frees a queue, and cancels what is under way. No other thread may be in a call with it. NULL is nothing.
void gossiperl_queue_free(gossiperl_queue *queue);

// Breaks off an operation wherever it is: what was published may still be delivered. True: its completion will not come. False: it has come, or waits to be taken.
bool gossiperl_cancel(const gossiperl_queue *queue,
                      int64_t token);

// Waits for completions and takes at most `max` (at least 1) of them. Several threads at once share them.
//
// `*completions` is to be freed. It is empty when the timeout is over; it is NULL, with a good result, when the queue is closed and everything has been taken; and NULL after an
// error.
//
// Errors: ARGUMENT.
gossiperl_result gossiperl_completions_next(const gossiperl_queue *queue,
                                            size_t max,
                                            int64_t timeout_ms,
                                            gossiperl_completions **completions,
                                            gossiperl_error **error);

// The completions, `*length` of them one after the other. They live as long as the batch. NULL and 0 for NULL.
const gossiperl_completion *gossiperl_completions_items(const gossiperl_completions *completions, size_t *length);

// Takes the client out of the completion at `index`: it is the caller's to free. NULL where there is none.
gossiperl_client *gossiperl_completions_take_client(gossiperl_completions *completions, size_t index);

// Takes the names out of the completion at `index`: they are the caller's to free. NULL where there are none.
gossiperl_name_list *gossiperl_completions_take_names(gossiperl_completions *completions, size_t index);

// Takes the members out of the completion at `index`: they are the caller's to free. NULL where there are none.
gossiperl_member_list *gossiperl_completions_take_members(gossiperl_completions *completions, size_t index);

// Takes the events out of the completion at `index`: they are the caller's to free. NULL where there are none.
gossiperl_events *gossiperl_completions_take_events(gossiperl_completions *completions, size_t index);

// Frees a batch of completions, and what was not taken out of it. NULL is nothing.
void gossiperl_completions_free(gossiperl_completions *completions);

// As `gossiperl_connect`; the completion has the client.
gossiperl_result gossiperl_connect_async(const gossiperl_queue *queue,
                                         int64_t token,
                                         const gossiperl_options *options,
                                         gossiperl_error **error);

// As `gossiperl_subscribe`.
gossiperl_result gossiperl_subscribe_async(const gossiperl_queue *queue,
                                           int64_t token,
                                           const gossiperl_client *client,
                                           const gossiperl_bytes *event_types,
                                           size_t count,
                                           gossiperl_error **error);

// As `gossiperl_unsubscribe`.
gossiperl_result gossiperl_unsubscribe_async(const gossiperl_queue *queue,
                                             int64_t token,
                                             const gossiperl_client *client,
                                             const gossiperl_bytes *event_types,
                                             size_t count,
                                             gossiperl_error **error);

// As `gossiperl_subscriptions`; the completion has the names.
gossiperl_result gossiperl_subscriptions_async(const gossiperl_queue *queue,
                                               int64_t token,
                                               const gossiperl_client *client,
                                               gossiperl_error **error);

// As `gossiperl_publish`. Messages are sent in the order of these calls.
gossiperl_result gossiperl_publish_async(const gossiperl_queue *queue,
                                         int64_t token,
                                         const gossiperl_client *client,
                                         const uint8_t *event_type,
                                         size_t event_type_length,
                                         const uint8_t *payload,
                                         size_t payload_length,
                                         gossiperl_error **error);

// As `gossiperl_send` without a timeout. Messages are sent in the order of these calls.
gossiperl_result gossiperl_send_async(const gossiperl_queue *queue,
                                      int64_t token,
                                      const gossiperl_client *client,
                                      const uint8_t *event_type,
                                      size_t event_type_length,
                                      const uint8_t *payload,
                                      size_t payload_length,
                                      gossiperl_error **error);

// As `gossiperl_flush`.
gossiperl_result gossiperl_flush_async(const gossiperl_queue *queue,
                                       int64_t token,
                                       const gossiperl_client *client,
                                       gossiperl_error **error);

// As `gossiperl_members`; the completion has the members.
gossiperl_result gossiperl_members_async(const gossiperl_queue *queue,
                                         int64_t token,
                                         const gossiperl_client *client,
                                         gossiperl_error **error);

// As `gossiperl_watch_members`; the completion has the members.
gossiperl_result gossiperl_watch_members_async(const gossiperl_queue *queue,
                                               int64_t token,
                                               const gossiperl_client *client,
                                               gossiperl_error **error);

// As `gossiperl_next_events`; the completion has the events. Where it is cancelled, no event is lost.
gossiperl_result gossiperl_next_events_async(const gossiperl_queue *queue,
                                             int64_t token,
                                             const gossiperl_client *client,
                                             size_t max,
                                             int64_t timeout_ms,
                                             gossiperl_error **error);

// As `gossiperl_drain`.
gossiperl_result gossiperl_drain_async(const gossiperl_queue *queue,
                                       int64_t token,
                                       const gossiperl_client *client,
                                       gossiperl_error **error);

// As `gossiperl_close`.
gossiperl_result gossiperl_close_async(const gossiperl_queue *queue,
                                       int64_t token,
                                       const gossiperl_client *client,
                                       gossiperl_error **error);

// A name as UTF-16, lossless: a byte that is not part of UTF-8 becomes the lone surrogate U+DC00 plus the byte. It is written to `text`, which has room for `capacity` units;
// as many as there are bytes always do. How many were written is put into `*text_length`.
//
// Errors: ARGUMENT.
gossiperl_result gossiperl_name_to_utf16(const uint8_t *name,
                                         size_t name_length,
                                         uint16_t *text,
                                         size_t capacity,
                                         size_t *text_length,
                                         gossiperl_error **error);

// The name that this UTF-16 stands for, the other way round. It is written to `name`, which has room for `capacity` bytes; three times as many as there are units always do. How
// many were written is put into `*name_length`.
//
// Errors: ARGUMENT: a surrogate that stands alone and for no byte.
gossiperl_result gossiperl_name_from_utf16(const uint16_t *text,
                                           size_t text_length,
                                           uint8_t *name,
                                           size_t capacity,
                                           size_t *name_length,
                                           gossiperl_error **error);

// A digest without fields, to be freed.
gossiperl_digest *gossiperl_digest_new(void);

// Reads a delivery's payload as a digest. `*digest` is to be freed; it is NULL after an error. Fields of other types than the seven are left out.
//
// Errors: ARGUMENT: it is none.
gossiperl_result gossiperl_digest_read(const uint8_t *payload,
                                       size_t payload_length,
                                       gossiperl_digest **digest,
                                       gossiperl_error **error);

// Frees a digest. NULL is nothing.
void gossiperl_digest_free(gossiperl_digest *digest);

// Sets a boolean.
gossiperl_result gossiperl_digest_set_bool(gossiperl_digest *digest, int16_t id, bool value);

// Sets 8 bits.
gossiperl_result gossiperl_digest_set_byte(gossiperl_digest *digest, int16_t id, int8_t value);

// Sets 16 bits.
gossiperl_result gossiperl_digest_set_i16(gossiperl_digest *digest, int16_t id, int16_t value);

// Sets 32 bits.
gossiperl_result gossiperl_digest_set_i32(gossiperl_digest *digest, int16_t id, int32_t value);

// Sets 64 bits.
gossiperl_result gossiperl_digest_set_i64(gossiperl_digest *digest, int16_t id, int64_t value);

// Sets a double.
gossiperl_result gossiperl_digest_set_double(gossiperl_digest *digest, int16_t id, double value);

// Sets a string; its bytes, 60,000 at most, are copied.
gossiperl_result gossiperl_digest_set_string(gossiperl_digest *digest,
                                             int16_t id,
                                             const uint8_t *value,
                                             size_t value_length);

// The digest as a payload to publish. The bytes live until the next call with the digest.
gossiperl_bytes gossiperl_digest_bytes(gossiperl_digest *digest);

// The fields by rising id, `*length` of them one after the other. They live until the next call with the digest. NULL and 0 for NULL.
const gossiperl_field *gossiperl_digest_fields(gossiperl_digest *digest,
                                               size_t *length);

// A name as UTF-16, lossless: a byte that is not part of UTF-8 becomes the lone surrogate U+DC00 plus the byte. It is written to `text`, which has room for `capacity` units;
// as many as there are bytes always do. How many were written is put into `*text_length`.
//
// Errors: ARGUMENT.
gossiperl_result gossiperl_name_to_utf16(const uint8_t *name,
                                         size_t name_length,
                                         uint16_t *text,
                                         size_t capacity,
                                         size_t *text_length,
                                         gossiperl_error **error);

// The name that this UTF-16 stands for, the other way round. It is written to `name`, which has room for `capacity` bytes; three times as many as there are units always do. How
// many were written is put into `*name_length`.
//
// Errors: ARGUMENT: a surrogate that stands alone and for no byte.
gossiperl_result gossiperl_name_from_utf16(const uint16_t *text,
                                           size_t text_length,
                                           uint8_t *name,
                                           size_t capacity,
                                           size_t *name_length,
                                           gossiperl_error **error);

// An empty queue, to be freed.
gossiperl_queue *gossiperl_queue_new(void);

// Lets threads that wait for completions go once there are none left, and takes no more operations. Those under way are cancelled.
void gossiperl_queue_close(const gossiperl_queue *queue);

// Frees a queue, and cancels what is under way. No other thread may be in a call with it. NULL is nothing.
void gossiperl_queue_free(gossiperl_queue *queue);

// Breaks off an operation wherever it is: what was published may still be delivered. True: its completion will not come. False: it has come, or waits to be taken.
bool gossiperl_cancel(const gossiperl_queue *queue,
                      int64_t token);

// Waits for completions and takes at most `max` (at least 1) of them. Several threads at once share them.
//
// `*completions` is to be freed. It is empty when the timeout is over; it is NULL, with a good result, when the queue is closed and everything has been taken; and NULL after an
// error.
//
// Errors: ARGUMENT.
gossiperl_result gossiperl_completions_next(const gossiperl_queue *queue,
                                            size_t max,
                                            int64_t timeout_ms,
                                            gossiperl_completions **completions,
                                            gossiperl_error **error);

// The completions, `*length` of them one after the other. They live as long as the batch. NULL and 0 for NULL.
const gossiperl_completion *gossiperl_completions_items(const gossiperl_completions *completions, size_t *length);

// Takes the client out of the completion at `index`: it is the caller's to free. NULL where there is none.
gossiperl_client *gossiperl_completions_take_client(gossiperl_completions *completions, size_t index);

// Takes the names out of the completion at `index`: they are the caller's to free. NULL where there are none.
gossiperl_name_list *gossiperl_completions_take_names(gossiperl_completions *completions, size_t index);

// Takes the members out of the completion at `index`: they are the caller's to free. NULL where there are none.
gossiperl_member_list *gossiperl_completions_take_members(gossiperl_completions *completions, size_t index);

// Takes the events out of the completion at `index`: they are the caller's to free. NULL where there are none.
gossiperl_events *gossiperl_completions_take_events(gossiperl_completions *completions, size_t index);

// Frees a batch of completions, and what was not taken out of it. NULL is nothing.
void gossiperl_completions_free(gossiperl_completions *completions);

// As `gossiperl_connect`; the completion has the client.
gossiperl_result gossiperl_connect_async(const gossiperl_queue *queue,
                                         int64_t token,
                                         const gossiperl_options *options,
                                         gossiperl_error **error);

// As `gossiperl_subscribe`.
gossiperl_result gossiperl_subscribe_async(const gossiperl_queue *queue,
                                           int64_t token,
                                           const gossiperl_client *client,
                                           const gossiperl_bytes *event_types,
                                           size_t count,
                                           gossiperl_error **error);

// As `gossiperl_unsubscribe`.
gossiperl_result gossiperl_unsubscribe_async(const gossiperl_queue *queue,
                                             int64_t token,
                                             const gossiperl_client *client,
                                             const gossiperl_bytes *event_types,
                                             size_t count,
                                             gossiperl_error **error);

// As `gossiperl_subscriptions`; the completion has the names.
gossiperl_result gossiperl_subscriptions_async(const gossiperl_queue *queue,
                                               int64_t token,
                                               const gossiperl_client *client,
                                               gossiperl_error **error);

// As `gossiperl_publish`. Messages are sent in the order of these calls.
gossiperl_result gossiperl_publish_async(const gossiperl_queue *queue,
                                         int64_t token,
                                         const gossiperl_client *client,
                                         const uint8_t *event_type,
                                         size_t event_type_length,
                                         const uint8_t *payload,
                                         size_t payload_length,
                                         gossiperl_error **error);

// As `gossiperl_send` without a timeout. Messages are sent in the order of these calls.
gossiperl_result gossiperl_send_async(const gossiperl_queue *queue,
                                      int64_t token,
                                      const gossiperl_client *client,
                                      const uint8_t *event_type,
                                      size_t event_type_length,
                                      const uint8_t *payload,
                                      size_t payload_length,
                                      gossiperl_error **error);

// As `gossiperl_flush`.
gossiperl_result gossiperl_flush_async(const gossiperl_queue *queue,
                                       int64_t token,
                                       const gossiperl_client *client,
                                       gossiperl_error **error);

// As `gossiperl_members`; the completion has the members.
gossiperl_result gossiperl_members_async(const gossiperl_queue *queue,
                                         int64_t token,
                                         const gossiperl_client *client,
                                         gossiperl_error **error);

// As `gossiperl_watch_members`; the completion has the members.
gossiperl_result gossiperl_watch_members_async(const gossiperl_queue *queue,
                                               int64_t token,
                                               const gossiperl_client *client,
                                               gossiperl_error **error);

// As `gossiperl_next_events`; the completion has the events. Where it is cancelled, no event is lost.
gossiperl_result gossiperl_next_events_async(const gossiperl_queue *queue,
                                             int64_t token,
                                             const gossiperl_client *client,
                                             size_t max,
                                             int64_t timeout_ms,
                                             gossiperl_error **error);

// As `gossiperl_drain`.
gossiperl_result gossiperl_drain_async(const gossiperl_queue *queue,
                                       int64_t token,
                                       const gossiperl_client *client,
                                       gossiperl_error **error);

// As `gossiperl_close`.
gossiperl_result gossiperl_close_async(const gossiperl_queue *queue,
                                       int64_t token,
                                       const gossiperl_client *client,
                                       gossiperl_error **error);

// The library's version, such as "2.0.0". It lives as long as the library.
gossiperl_bytes gossiperl_version(void);

// Makes a client and waits for its first session, `connect_timeout` at most. `*client` is to be freed; it is NULL after an error.
//
// Errors: OPTION, SYSTEM and REFUSED at once; UNREACHABLE or TIMEOUT after `connect_timeout`.
gossiperl_result gossiperl_connect(const gossiperl_options *options,
                                   gossiperl_client **client,
                                   gossiperl_error **error);

// Makes a client without waiting: the daemon may come later. What is published waits until then. `*client` is to be freed; it is NULL after an error.
//
// Errors: OPTION, SYSTEM.
gossiperl_result gossiperl_start(const gossiperl_options *options,
                                 gossiperl_client **client,
                                 gossiperl_error **error);

// Frees a client, and closes it in the background where it is not closed. No other thread may be in a call with it; operations under way by a token go on. NULL is
// nothing. What was taken from it (events, names, members) stays.
void gossiperl_client_free(gossiperl_client *client);

// The client's name. It lives as long as the client.
gossiperl_bytes gossiperl_client_name(const gossiperl_client *client);

// What the application calls the overlay; none (`data` is NULL) where it did not say. It lives as long as the client.
gossiperl_bytes gossiperl_client_overlay(const gossiperl_client *client);

// Where the client stands; CLOSED for NULL.
//
// With a session, the daemon's name, 255 bytes at most, is copied to `daemon` as far as `capacity` goes, and its length is put into `*daemon_length`; otherwise
// that is 0. Both may be NULL (with a `capacity` of 0).
gossiperl_state gossiperl_client_state(const gossiperl_client *client,
                                       uint8_t *daemon,
                                       size_t capacity,
                                       size_t *daemon_length);

// Adds a key of the overlay's ring to those the client opens with, at least 1 byte.
//
// Errors: OPTION for an empty one.
gossiperl_result gossiperl_add_key(const gossiperl_client *client,
                                   const uint8_t *key,
                                   size_t key_length,
                                   gossiperl_error **error);

// The events, `*length` of them one after the other. They, and all they point to, live as long as the batch. NULL and 0 for NULL.
const gossiperl_event *gossiperl_events_items(const gossiperl_events *events,
                                              size_t *length);

// Frees a batch of events. NULL is nothing.
void gossiperl_events_free(gossiperl_events *events);

// Subscribes to `count` event types, and waits until the daemon serves them; while there is no session, until there is one. Those subscribed to already are left as they
// are.
//
// Errors: ARGUMENT, REFUSED, CLOSED, FORKED: none of the types is subscribed to then. TIMEOUT: they may be.
gossiperl_result gossiperl_subscribe(const gossiperl_client *client,
                                     const gossiperl_bytes *event_types,
                                     size_t count,
                                     int64_t timeout_ms,
                                     gossiperl_error **error);

// Ends subscriptions, and waits until the daemon knows. What was delivered before is still read. Types not subscribed to are left out.
//
// Errors: ARGUMENT, CLOSED, FORKED, TIMEOUT.
gossiperl_result gossiperl_unsubscribe(const gossiperl_client *client,
                                       const gossiperl_bytes *event_types,
                                       size_t count,
                                       int64_t timeout_ms,
                                       gossiperl_error **error);

// The event types subscribed to, by name. Waits for changes under way. `*names` is to be freed; it is NULL after an error.
//
// Errors: ARGUMENT, TIMEOUT.
gossiperl_result gossiperl_subscriptions(const gossiperl_client *client,
                                         int64_t timeout_ms,
                                         gossiperl_name_list **names,
                                         gossiperl_error **error);

// Publishes one message of 0 to 60,000 bytes, and waits until the daemon has taken responsibility for it. The payload is copied. For typed fields give the bytes of a digest
// (`gossiperl_digest_bytes`).
//
// Errors: ARGUMENT, REFUSED, NOT_ACKNOWLEDGED, CLOSED, FORKED. TIMEOUT: it may still be delivered.
gossiperl_result gossiperl_publish(const gossiperl_client *client,
                                   const uint8_t *event_type,
                                   size_t event_type_length,
                                   const uint8_t *payload,
                                   size_t payload_length,
                                   int64_t timeout_ms,
                                   gossiperl_error **error);

// Hands over one message as soon as there is room, and does not wait for its acknowledgement: `gossiperl_flush` does, and tells what failed. The payload is copied. With a
// timeout of 0: now or not at all, which is BUSY.
//
// Errors: ARGUMENT, BUSY, CLOSED, FORKED; TIMEOUT: nothing was sent.
gossiperl_result gossiperl_send(const gossiperl_client *client,
                                const uint8_t *event_type,
                                size_t event_type_length,
                                const uint8_t *payload,
                                size_t payload_length,
                                int64_t timeout_ms,
                                gossiperl_error **error);

// Waits until the daemon has taken responsibility for everything published so far.
//
// Errors: the first failure since the last flush; CLOSED, FORKED, TIMEOUT.
gossiperl_result gossiperl_flush(const gossiperl_client *client, int64_t timeout_ms, gossiperl_error **error);

// The members as the daemon knows them now. `*members` is to be freed; it is NULL after an error.
//
// Errors: SYSTEM beyond 65,536 members; REFUSED, CLOSED, FORKED, TIMEOUT.
gossiperl_result gossiperl_members(const gossiperl_client *client,
                                   int64_t timeout_ms,
                                   gossiperl_member_list **members,
                                   gossiperl_error **error);

// As `gossiperl_members`; and every change from now on is an event.
gossiperl_result gossiperl_watch_members(const gossiperl_client *client,
                                         int64_t timeout_ms,
                                         gossiperl_member_list **members,
                                         gossiperl_error **error);

// Waits for events and takes at most `max` (at least 1) of them: in the order they came, as many as there are. Several threads at once share them.
//
// `*events` is to be freed. It is empty when the timeout is over; it is NULL, with a good result, when the client is closed and everything has been read; and NULL after an
// error.
//
// Errors: ARGUMENT, FORKED.
gossiperl_result gossiperl_next_events(const gossiperl_client *client,
                                       size_t max,
                                       int64_t timeout_ms,
                                       gossiperl_events **events,
                                       gossiperl_error **error);

// Lets the work under way come to its end before closing: ends all subscriptions, and waits until everything published is acknowledged. What was delivered is still read.
//
// Errors: the first failure since the last flush; CLOSED, FORKED, TIMEOUT.
gossiperl_result gossiperl_drain(const gossiperl_client *client,
                                 int64_t timeout_ms,
                                 gossiperl_error **error);

// Closes: waits until what was published is acknowledged, but no longer than `close_timeout`, and says goodbye to the daemon. What was delivered can still be read; threads that
// wait for events come to the end of them. Closing again does nothing. The client still has to be freed.
//
// Errors: ARGUMENT, FORKED.
gossiperl_result gossiperl_close(const gossiperl_client *client,
                                 gossiperl_error **error);

// The names, `*length` of them one after the other. They live as long as the list. NULL and 0 for NULL.
const gossiperl_bytes *gossiperl_names_items(const gossiperl_name_list *names, size_t *length);

// Frees a list of names. NULL is nothing.
void gossiperl_names_free(gossiperl_name_list *names);

// The members, `*length` of them one after the other. They live as long as the list. NULL and 0 for NULL.
const gossiperl_member *gossiperl_members_items(const gossiperl_member_list *members, size_t *length);

// Frees a list of members. NULL is nothing.
void gossiperl_members_free(gossiperl_member_list *members);

// Options with their defaults; `port`, `name` and `key` have none and must be set. To be freed.
gossiperl_options *gossiperl_options_new(void);

// Frees options, and overwrites the secret and the keys in memory. NULL is nothing.
void gossiperl_options_free(gossiperl_options *options);

// `overlay`: what the application calls the overlay, in UTF-8. It is not sent.
gossiperl_result gossiperl_options_set_overlay(gossiperl_options *options,
                                               const uint8_t *overlay,
                                               size_t overlay_length,
                                               gossiperl_error **error);

// `port`: the port that the daemon's overlay is bound to, 1 to 65535.
gossiperl_result gossiperl_options_set_port(gossiperl_options *options, int64_t port, gossiperl_error **error);

// `name`: the client's name, 1 to 255 bytes of UTF-8, unique in the overlay.
gossiperl_result gossiperl_options_set_name(gossiperl_options *options,
                                            const uint8_t *name,
                                            size_t name_length,
                                            gossiperl_error **error);

// `secret`: the client's own, 0 to 255 bytes; the daemon binds it to the name at first use.
gossiperl_result gossiperl_options_set_secret(gossiperl_options *options,
                                              const uint8_t *secret,
                                              size_t secret_length,
                                              gossiperl_error **error);

// `key`: the overlay's symmetric key, at least 1 byte.
gossiperl_result gossiperl_options_set_key(gossiperl_options *options,
                                           const uint8_t *key,
                                           size_t key_length,
                                           gossiperl_error **error);

// `additional_keys`: adds a further key of the overlay's ring to open with; 7 at most.
gossiperl_result gossiperl_options_add_additional_key(gossiperl_options *options,
                                                      const uint8_t *key,
                                                      size_t key_length,
                                                      gossiperl_error **error);

// `protocol`: 2, the default, or 1 for the daemons of 2014.
gossiperl_result gossiperl_options_set_protocol(gossiperl_options *options, int64_t protocol, gossiperl_error **error);

// `address`: the loopback address that the overlay is bound to, as text. Default 127.0.0.1.
gossiperl_result gossiperl_options_set_address(gossiperl_options *options,
                                               const uint8_t *address,
                                               size_t address_length,
                                               gossiperl_error **error);

// `connect_timeout`: seconds that connecting waits for the first session, above 0. Default 10.
gossiperl_result gossiperl_options_set_connect_timeout(gossiperl_options *options,
                                                       double seconds,
                                                       gossiperl_error **error);

// `close_timeout`: seconds that closing waits for what was published to be acknowledged. Default 2.
gossiperl_result gossiperl_options_set_close_timeout(gossiperl_options *options,
                                                     double seconds,
                                                     gossiperl_error **error);

// `publish_window`: published messages that may wait for acknowledgement, at least 1. Default 16,384.
gossiperl_result gossiperl_options_set_publish_window(gossiperl_options *options,
                                                      int64_t messages,
                                                      gossiperl_error **error);

// `publish_window_bytes`: their bytes, at least 1. Default 8 MiB.
gossiperl_result gossiperl_options_set_publish_window_bytes(gossiperl_options *options,
                                                            int64_t bytes,
                                                            gossiperl_error **error);

// `delivery_buffer`: deliveries that may wait to be read, at least 1. Default 16,384.
gossiperl_result gossiperl_options_set_delivery_buffer(gossiperl_options *options,
                                                       int64_t messages,
                                                       gossiperl_error **error);

// `delivery_buffer_bytes`: their bytes, at least 1. Default 8 MiB.
gossiperl_result gossiperl_options_set_delivery_buffer_bytes(gossiperl_options *options,
                                                             int64_t bytes,
                                                             gossiperl_error **error);

// `slow_policy`: "wait", the default, holds publishers back when deliveries are read too slowly; "drop_oldest" drops and counts.
gossiperl_result gossiperl_options_set_slow_policy(gossiperl_options *options,
                                                   const uint8_t *policy,
                                                   size_t policy_length,
                                                   gossiperl_error **error);

// The class of an error; `GOSSIPERL_RESULT_OK` for NULL.
gossiperl_result gossiperl_error_result(const gossiperl_error *error);

// A sentence in UTF-8 that names the input and the remedy. It lives as long as the error.
gossiperl_bytes gossiperl_error_message(const gossiperl_error *error);

// The name of the option that is wrong; none (`data` is NULL) for other errors. It lives as long as the error.
gossiperl_bytes gossiperl_error_option(const gossiperl_error *error);

// The daemon's code; 0 for errors that have none.
int32_t gossiperl_error_code(const gossiperl_error *error);

// Whether the error has a code of the daemon's.
bool gossiperl_error_has_code(const gossiperl_error *error);

// Frees an error that a function put into its `error`. NULL is nothing. Those in events and completions belong to their batch and are not freed.
void gossiperl_error_free(gossiperl_error *error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* GOSSIPERL_H */
