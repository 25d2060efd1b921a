'use strict';

// Events as applications see them, made of the batches that the native module hands over (`src/batch.rs` has their layout).

const { markAsUntransferable } = require('node:worker_threads');
const native = require('./native.js');
const { Digest } = require('./digest.js');
const { errorOf } = require('./errors.js');

const HEADER = 32;
const NUMBERED = 1;
const ENVELOPE = 2;

/** What the deliveries of a batch share. */
class Batch {
  constructor(bytes, types) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.types = types;
  }
}

/** A message. It is read from its batch when it is looked at. */
class Delivery {
  #batch;
  #at;

  constructor(batch, index) {
    this.#batch = batch;
    this.#at = index * HEADER;
  }

  get kind() {
    return 'delivery';
  }

  /** The event type. */
  get type() {
    return this.#batch.types[this.#batch.view.getUint16(this.#at, true)];
  }

  /** What was published, without copying: up to a batch of neighbours stays in memory with it. */
  get payload() {
    const { bytes, view } = this.#batch;
    const start = view.getUint32(this.#at + 4, true) + view.getUint32(this.#at + 12, true);
    return bytes.subarray(start, start + view.getUint32(this.#at + 8, true));
  }

  /** What makes the message the same one: no delivery of a client has the id of another. */
  get id() {
    return this.publisher === undefined ? this.envelopeId : `${this.publisher}:${this.sequence}`;
  }

  /** Protocol 2: the publisher's number, made at random once in its life. */
  get publisher() {
    return this.#flag(NUMBERED) ? this.#batch.view.getBigInt64(this.#at + 16, true) : undefined;
  }

  /** Protocol 2: rising from one message of the publisher to the next. */
  get sequence() {
    return this.#flag(NUMBERED) ? this.#batch.view.getBigInt64(this.#at + 24, true) : undefined;
  }

  /** The envelope's id where the message was published in protocol 1. */
  get envelopeId() {
    if (!this.#flag(ENVELOPE)) return undefined;
    const { bytes, view } = this.#batch;
    const start = view.getUint32(this.#at + 4, true);
    return native.textOfBytes(bytes.subarray(start, start + view.getUint32(this.#at + 12, true)));
  }

  /** The payload as typed fields; throws an ArgumentError where it is none. */
  digest() {
    return Digest.read(this.payload);
  }

  toJSON() {
    return { kind: this.kind, type: this.type, id: this.id, payload: this.payload };
  }

  [Symbol.for('nodejs.util.inspect.custom')](_depth, options, inspect) {
    const { type, id, payload } = this;
    return `Delivery ${inspect({ type, id, payload }, options)}`;
  }

  #flag(flag) {
    return (this.#batch.view.getUint16(this.#at + 2, true) & flag) !== 0;
  }
}

/** A member, of `[name, kind, state, address, port, rack, heartbeat]`. */
function memberOf([name, kind, state, address, port, rack, heartbeat]) {
  return { name, kind, state, address: address ?? undefined, port: port ?? undefined, rack: rack ?? undefined, heartbeat };
}

/** Every kind of event but deliveries, from what follows its name. */
const shapes = {
  connected: ([daemon, resumed]) => ({ kind: 'connected', daemon, resumed }),
  disconnected: ([reason]) => ({ kind: 'disconnected', reason }),
  subscribed: ([types]) => ({ kind: 'subscribed', types }),
  unsubscribed: ([types]) => ({ kind: 'unsubscribed', types }),
  member: ([change, member]) => ({ kind: 'member', change: change.slice('member_'.length), member: memberOf(member) }),
  failed: ([error]) => ({ kind: 'failed', error: errorOf(error) }),
  dropped: ([type, count]) => ({ kind: 'dropped', type: type ?? undefined, count }),
  paused: ([type]) => ({ kind: 'paused', type }),
  resumed: ([type]) => ({ kind: 'resumed', type }),
};

/** The events of a batch, in order. */
function eventsOf([bytes, count, types, others]) {
  const events = new Array(count + others.length);
  let at = 0;
  let delivered = 0;
  let batch;
  if (count > 0) {
    // All payloads are views of it: who transferred one would take the others away.
    markAsUntransferable(bytes.buffer);
    batch = new Batch(bytes, types);
  }
  for (const [position, name, ...rest] of others) {
    while (delivered < position) events[at++] = new Delivery(batch, delivered++);
    events[at++] = shapes[name](rest);
  }
  while (delivered < count) events[at++] = new Delivery(batch, delivered++);
  return events;
}

/** The names of all events. */
const KINDS = Object.freeze(['delivery', ...Object.keys(shapes)]);

module.exports = { Delivery, KINDS, eventsOf, memberOf };
