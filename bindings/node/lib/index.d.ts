/// <reference types="node" />

import { EventEmitter } from 'node:events';

/** Options of {@link connect} and {@link start}. One that is wrong or unknown is an {@link OptionError} that names it. */
export interface Options {
  /** What the application calls the overlay. It is not sent; it tells clients of several overlays apart. */
  overlay?: string | undefined;
  /** The port that the daemon's overlay is bound to, 1 to 65535. */
  port: number;
  /** The client's name, 1 to 255 bytes, unique in the overlay. */
  name: string;
  /** The client's own secret, 0 to 255 bytes; the daemon binds it to the name at first use. Default empty. */
  secret?: string | Uint8Array | undefined;
  /** The overlay's symmetric key, at least 1 byte. */
  key: string | Uint8Array;
  /** Further keys of the overlay's ring to open with, 7 at most. */
  additionalKeys?: ReadonlyArray<string | Uint8Array> | undefined;
  /** 2, the default, or 1 for the daemons of 2014. */
  protocol?: 1 | 2 | undefined;
  /** The loopback address that the overlay is bound to. Default 127.0.0.1. */
  address?: string | undefined;
  /** How long {@link connect} waits for the first session, milliseconds. Default 10,000. */
  connectTimeout?: number | undefined;
  /** How long closing waits for what was published to be acknowledged, milliseconds. Default 2,000. */
  closeTimeout?: number | undefined;
  /** Published messages that may wait for acknowledgement. Default 16,384. */
  publishWindow?: number | undefined;
  /** Their bytes. Default 8 MiB. */
  publishWindowBytes?: number | undefined;
  /** Deliveries that may wait to be read. Default 16,384. */
  deliveryBuffer?: number | undefined;
  /** Their bytes. Default 8 MiB. */
  deliveryBufferBytes?: number | undefined;
  /** `wait`, the default, holds publishers back when deliveries are read too slowly; `drop_oldest` drops and counts. */
  slowPolicy?: 'wait' | 'drop_oldest' | undefined;
}

/** What is published: bytes as they are, a string as UTF-8, or typed fields. At most 60,000 bytes. */
export type Payload = Uint8Array | string | Digest;

/** Where a client stands. */
export type State = 'connecting' | 'connected' | 'closed';

/** A daemon, or a client of one. */
export interface Member {
  /** Its name, unique in the overlay. */
  name: string;
  /** `unknown` in protocol 1, which does not tell. */
  kind: 'daemon' | 'client' | 'unknown';
  state: 'reachable' | 'quarantine' | 'unreachable' | 'left';
  /** Where its datagrams come from. Not told in events of protocol 1. */
  address: string | undefined;
  port: number | undefined;
  /** The rack it stands in. Not told in protocol 1. */
  rack: string | undefined;
  /** Unix time in seconds at which it was last heard of. */
  heartbeat: bigint;
}

/** There is a session with the daemon. */
export interface ConnectedEvent {
  kind: 'connected';
  /** The daemon's member name. */
  daemon: string;
  /** True where the daemon still had the session. */
  resumed: boolean;
}

/** There is no session any more. The client goes on trying; publishing waits, subscriptions come back. */
export interface DisconnectedEvent {
  kind: 'disconnected';
  /** Why, as a sentence. */
  reason: string;
}

/** The daemon serves these event types: asked for, or brought back after a reconnection. */
export interface SubscribedEvent {
  kind: 'subscribed';
  types: string[];
}

/** The daemon serves these no longer. */
export interface UnsubscribedEvent {
  kind: 'unsubscribed';
  types: string[];
}

/** A member changed; only after {@link Client.watchMembers}. */
export interface MemberEvent {
  kind: 'member';
  change: 'in' | 'quarantine' | 'unreachable' | 'drop' | 'out' | 'rejoin';
  /** As it is now. */
  member: Member;
}

/** The daemon refused the session or a request. A refused session is asked for again, ever more rarely. */
export interface FailedEvent {
  kind: 'failed';
  error: GossiperlError;
}

/** Something was lost because this side was too slow. */
export interface DroppedEvent {
  kind: 'dropped';
  /** Deliveries of this type; where it is undefined, events other than deliveries. */
  type: string | undefined;
  /** How many since the last such event. */
  count: number;
}

/** The daemon takes no messages of this type for now: a subscriber is too slow. */
export interface PausedEvent {
  kind: 'paused';
  type: string;
}

/** The daemon takes messages of this type again. */
export interface ResumedEvent {
  kind: 'resumed';
  type: string;
}

/** A message. */
export class Delivery {
  private constructor();
  readonly kind: 'delivery';
  /** The event type. */
  readonly type: string;
  /** What was published, without copying: its neighbours stay in memory with it. Copy it (`Buffer.from`) where you keep a few of many. */
  readonly payload: Buffer;
  /** What makes the message the same one: no other delivery to a client has it. */
  readonly id: string;
  /** Protocol 2: the publisher's number, made at random once in its life. */
  readonly publisher: bigint | undefined;
  /** Protocol 2: rising from one message of the publisher to the next, not necessarily by one. */
  readonly sequence: bigint | undefined;
  /** The envelope's id where the message was published in protocol 1. */
  readonly envelopeId: string | undefined;
  /** The payload as typed fields. @throws {ArgumentError} where it is no digest. */
  digest(): Digest;
}

/** One thing that happened, told apart by `kind`. */
export type Event =
  | ConnectedEvent
  | DisconnectedEvent
  | SubscribedEvent
  | UnsubscribedEvent
  | Delivery
  | MemberEvent
  | FailedEvent
  | DroppedEvent
  | PausedEvent
  | ResumedEvent;

/** What listeners get, by the event's name. */
export interface ClientEvents {
  connected: [event: ConnectedEvent];
  disconnected: [event: DisconnectedEvent];
  subscribed: [event: SubscribedEvent];
  unsubscribed: [event: UnsubscribedEvent];
  delivery: [delivery: Delivery];
  member: [event: MemberEvent];
  failed: [event: FailedEvent];
  dropped: [event: DroppedEvent];
  paused: [event: PausedEvent];
  resumed: [event: ResumedEvent];
  /** The client is closed, and nothing more comes. */
  close: [];
}

/** What has come since it was made, in order. Where it is read slowly, publishers are held back. */
export interface Reader<T> extends AsyncIterableIterator<T> {
  next(): Promise<IteratorResult<T, undefined>>;
  /** Leaves the stream: what a `break` out of a loop calls. */
  return(): Promise<IteratorResult<T, undefined>>;
  [Symbol.asyncIterator](): Reader<T>;
  /** The same, as arrays of all that wait: for whoever takes very many. */
  batches(): AsyncIterableIterator<T[]>;
}

/** A client of one overlay. From {@link connect} and {@link start}. */
export class Client extends EventEmitter {
  private constructor();

  /** The client's name. */
  readonly name: string;
  /** What the application calls the overlay. */
  readonly overlay: string | undefined;
  readonly state: State;
  /** The name of the daemon, while there is a session. */
  readonly daemon: string | undefined;

  /**
   * Subscribes to one event type or several, and waits until the daemon serves them; while there is no session, until there is one.
   * @throws {ArgumentError | RefusedError | ClosedError} None of the types is subscribed to then.
   */
  subscribe(types: string | readonly string[]): Promise<void>;
  /** Ends subscriptions, and waits until the daemon knows. What was delivered before is still read. Types not subscribed to are left out. */
  unsubscribe(types: string | readonly string[]): Promise<void>;
  /** The event types subscribed to, by name. */
  subscriptions(): Promise<string[]>;

  /**
   * Publishes a message, and waits until the daemon has taken responsibility for it.
   * @throws {ArgumentError | RefusedError | NotAcknowledgedError | ClosedError}
   */
  publish(type: string, payload: Payload): Promise<void>;
  /**
   * Hands over a message without waiting for the acknowledgement: {@link flush} does, and tells what failed. Where there is room that is done at once and answers undefined; otherwise a promise of
   * when it is. At most 1,024 messages may wait so.
   * @throws {ArgumentError | BusyError | ClosedError}
   */
  send(type: string, payload: Payload): Promise<void> | undefined;
  /**
   * As {@link send} for many messages of one type, in order: it costs much less a message. Resolves when all are handed over; await it before {@link flush}, or before what is to come after them. They cross by the thousand; where one cannot be handed over, those before
   * it may have been.
   * @throws {ArgumentError | ClosedError}
   */
  sendAll(type: string, payloads: Iterable<Payload>): Promise<void>;
  /** As {@link send}, now or not at all: false where there is no room. */
  trySend(type: string, payload: Payload): boolean;
  /** Waits until the daemon has taken responsibility for everything handed over. Throws the first failure since the last flush. */
  flush(): Promise<void>;

  /** The members as the daemon knows them now. */
  members(): Promise<Member[]>;
  /** The members as they are now; every change from now on is an event `member`. */
  watchMembers(): Promise<Member[]>;

  /** Everything that happens: `for await (const event of client.events())`. Ends when the client is closed. */
  events(): Reader<Event>;
  /** The messages alone. */
  deliveries(): Reader<Delivery>;

  /** Adds a key of the overlay's ring to those the client opens with. */
  addKey(key: string | Uint8Array): void;

  /** Ends all subscriptions, and waits for all acknowledgements. What was delivered is still read. */
  drain(): Promise<void>;
  /** Closes the client: waits until what was published is acknowledged, but no longer than `closeTimeout`, and says goodbye to the daemon. Closing again waits for the same. */
  close(): Promise<void>;
  /** What `await using` calls. It is `Symbol.asyncDispose`. */
  [Symbol.asyncDispose](): Promise<void>;

  /** Keeps the process while somebody listens, as from the start. */
  ref(): this;
  /** Lets the process end though somebody listens. */
  unref(): this;

  on<K extends keyof ClientEvents>(kind: K, listener: (...event: ClientEvents[K]) => void): this;
  on(kind: string | symbol, listener: (...args: any[]) => void): this;
  once<K extends keyof ClientEvents>(kind: K, listener: (...event: ClientEvents[K]) => void): this;
  once(kind: string | symbol, listener: (...args: any[]) => void): this;
  addListener<K extends keyof ClientEvents>(kind: K, listener: (...event: ClientEvents[K]) => void): this;
  addListener(kind: string | symbol, listener: (...args: any[]) => void): this;
  prependListener<K extends keyof ClientEvents>(kind: K, listener: (...event: ClientEvents[K]) => void): this;
  prependListener(kind: string | symbol, listener: (...args: any[]) => void): this;
  off<K extends keyof ClientEvents>(kind: K, listener: (...event: ClientEvents[K]) => void): this;
  off(kind: string | symbol, listener: (...args: any[]) => void): this;
  removeListener<K extends keyof ClientEvents>(kind: K, listener: (...event: ClientEvents[K]) => void): this;
  removeListener(kind: string | symbol, listener: (...args: any[]) => void): this;
}

/**
 * Connects to the daemon, and waits for the first session.
 * @throws {OptionError | UnreachableError | TimeoutError | RefusedError | SystemError}
 */
export function connect(options: Options): Promise<Client>;

/**
 * As {@link connect}, without waiting: the daemon may come later. What is published waits until then.
 * @throws {OptionError | SystemError}
 */
export function start(options: Options): Client;

/** The kinds of fields. */
export type FieldKind = 'bool' | 'byte' | 'i16' | 'i32' | 'i64' | 'double' | 'string';

/** The value of a field together with its kind: what {@link bool}, {@link byte}, {@link i16}, {@link i32}, {@link i64}, {@link double}, {@link string} make. */
export class Field {
  private constructor();
  readonly kind: FieldKind;
}

/** What a field is set to. Plain values have a kind: a boolean is a bool, a number a double, a BigInt an i64, a string or bytes a string. */
export type FieldInput = Field | boolean | number | bigint | string | Uint8Array;

/** What a field is read as: an i64 is a BigInt. */
export type FieldValue = boolean | number | bigint | string;

export function bool(value: boolean): Field;
/** 8 bits, signed. */
export function byte(value: number | bigint): Field;
/** 16 bits, signed. */
export function i16(value: number | bigint): Field;
/** 32 bits, signed. */
export function i32(value: number | bigint): Field;
/** 64 bits, signed; a number must be a safe integer. */
export function i64(value: number | bigint): Field;
/** An IEEE 754 double. */
export function double(value: number): Field;
/** The double with these 64 bits: for values that are not a number and carry more than that. */
export function doubleOfBits(bits: bigint): Field;
/** Bytes, mostly text: a string goes as UTF-8. */
export function string(value: string | Uint8Array): Field;

/** Typed fields with ids of 16 bits, signed, each once: what applications publish as a struct of their own. */
export class Digest implements Iterable<[number, FieldValue]> {
  /** Of an object with ids as keys, or of pairs of id and value. */
  constructor(fields?: Record<number, FieldInput> | Iterable<readonly [number, FieldInput]>);
  /** The digest that these bytes are. @throws {ArgumentError} where they are none. */
  static read(payload: Uint8Array): Digest;
  /** Sets a field. */
  set(id: number, value: FieldInput): this;
  /** The value; undefined where there is no such field. A string's bytes that are no UTF-8 are lone surrogates, U+DC80 to U+DCFF; {@link bytes} has them as they are. */
  get(id: number): FieldValue | undefined;
  /** The bytes of a string. @throws {ArgumentError} where it is none. */
  bytes(id: number): Buffer;
  /** The 64 bits of a double. @throws {ArgumentError} where it is none. */
  bits(id: number): bigint;
  /** The kind; undefined where there is no such field. */
  kind(id: number): FieldKind | undefined;
  has(id: number): boolean;
  readonly size: number;
  /** The ids, rising. */
  ids(): number[];
  /** `[id, value]` by rising id. */
  [Symbol.iterator](): IterableIterator<[number, FieldValue]>;
  /** The bytes that are published. */
  encode(): Buffer;
}

/** The name that these bytes are. A byte that is no part of UTF-8 is the lone surrogate U+DC00 plus the byte, U+DC80 to U+DCFF. */
export function nameOfBytes(bytes: Uint8Array): string;
/** The bytes of a name. @throws {ArgumentError} for a lone surrogate that stands for no byte. */
export function bytesOfName(name: string): Buffer;

/** The classes of errors, the same in every language. */
export type ErrorKind =
  | 'option'
  | 'argument'
  | 'unreachable'
  | 'timeout'
  | 'refused'
  | 'busy'
  | 'not_acknowledged'
  | 'closed'
  | 'forked'
  | 'system';

/** Everything that goes wrong in gossiperl. */
export class GossiperlError extends Error {
  readonly kind: ErrorKind;
  /** `ERR_GOSSIPERL_` and the kind in capitals. */
  readonly code: string;
}
/** An option is wrong, or unknown. */
export class OptionError extends GossiperlError {
  readonly kind: 'option';
  /** Its name. */
  readonly option: string;
}
/** An argument is wrong: an event type or a payload. Nothing was sent. */
export class ArgumentError extends GossiperlError {
  readonly kind: 'argument';
}
/** Nobody listens on the daemon's port. */
export class UnreachableError extends GossiperlError {
  readonly kind: 'unreachable';
}
/** The daemon did not answer in time. */
export class TimeoutError extends GossiperlError {
  readonly kind: 'timeout';
}
/** The daemon refused. */
export class RefusedError extends GossiperlError {
  readonly kind: 'refused';
  /** The daemon's code. */
  readonly daemonCode: number;
}
/** Not now: too many messages wait. Nothing was sent. */
export class BusyError extends GossiperlError {
  readonly kind: 'busy';
}
/** Protocol 1 only: sent several times and never acknowledged. It may have been delivered. */
export class NotAcknowledgedError extends GossiperlError {
  readonly kind: 'not_acknowledged';
}
/** The client is closed. */
export class ClosedError extends GossiperlError {
  readonly kind: 'closed';
}
/** The client belongs to the parent process. */
export class ForkedError extends GossiperlError {
  readonly kind: 'forked';
}
/** The system gave no socket or thread, or the daemon has more members than fit. */
export class SystemError extends GossiperlError {
  readonly kind: 'system';
}
