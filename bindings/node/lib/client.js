'use strict';

const { EventEmitter } = require('node:events');
const native = require('./native.js');
const { batchesOf } = require('./batches.js');
const { Calls } = require('./calls.js');
const { Digest } = require('./digest.js');
const { ArgumentError, ClosedError, errorOf, shown } = require('./errors.js');
const { KINDS, eventsOf, memberOf } = require('./events.js');
const { Inbox, isDelivery } = require('./inbox.js');
const { readOptions, secret } = require('./options.js');
const { Sends } = require('./sends.js');

/** Only `connect` and `start` make clients. */
const INSIDE = Symbol('gossiperl');
const LISTENERS = Symbol('listeners changed');
let connect;
let start;

/** A client of one overlay. */
class Client extends EventEmitter {
  #native;
  #calls = new Calls();
  #inbox;
  #sends;
  #name;
  #overlay;
  #pending = 0;
  #referenced = true;
  #timer;
  #closing;

  constructor(inside, settings) {
    if (inside !== INSIDE) throw new TypeError('clients are made by connect and start');
    super();
    this.#native = new native.Native(this.#calls.listener);
    this.#name = settings.name;
    this.#overlay = settings.overlay;
    this.#inbox = new Inbox({
      fetch: () => this.#fetch(),
      emit: (event) => this.#tell(event),
      listens: (kind) => (kind === undefined ? KINDS.some((any) => this.listenerCount(any) > 0) : this.listenerCount(kind) > 0),
      changed: () => this.#hold(),
      ended: () => this.#tell({ kind: 'close' }),
    });
    this.#sends = new Sends(
      (type, payload) => this.#call((number) => this.#native.send(number, type, payload)),
      (type, payload) => this.#handOver(type, payload),
    );
  }

  static {
    connect = async (options) => {
      const settings = readOptions(options);
      const client = new Client(INSIDE, settings);
      try {
        await client.#call((number) => client.#native.connect(number, settings));
      } catch (error) {
        client.#native.release();
        throw error;
      }
      return client;
    };
    start = (options) => {
      const settings = readOptions(options);
      const client = new Client(INSIDE, settings);
      const wrong = client.#native.start(settings);
      if (wrong !== null) {
        client.#native.release();
        throw errorOf(wrong);
      }
      return client;
    };
  }

  /** The client's name. */
  get name() {
    return this.#name;
  }

  /** What the application calls the overlay. */
  get overlay() {
    return this.#overlay;
  }

  /** `connecting`, `connected` or `closed`. */
  get state() {
    return this.#closing === undefined ? this.#native.state()[0] : 'closed';
  }

  /** The name of the daemon while there is a session. */
  get daemon() {
    return this.#closing === undefined ? (this.#native.state()[1] ?? undefined) : undefined;
  }

  /** Subscribes to one event type or several, and waits until the daemon serves them. */
  async subscribe(types) {
    const names = typesOf(types);
    await this.#call((number) => this.#native.subscribe(number, names));
  }

  /** Ends subscriptions, and waits until the daemon knows. */
  async unsubscribe(types) {
    const names = typesOf(types);
    await this.#call((number) => this.#native.unsubscribe(number, names));
  }

  /** The event types subscribed to. */
  subscriptions() {
    return this.#call((number) => this.#native.subscriptions(number));
  }

  /** Publishes a message, and waits until the daemon has taken responsibility for it. */
  async publish(type, payload) {
    const bytes = bytesOf(payload);
    const name = typeOf(type);
    if (this.#sends.has(name)) await this.#sends.settled(name);
    await this.#call((number) => this.#native.publish(number, name, bytes));
  }

  /** Hands over a message. Where there is room that is done at once, and there is nothing to await. */
  send(type, payload) {
    const bytes = bytesOf(payload);
    if (!this.#sends.has(type) && this.#handOver(type, bytes)) return undefined;
    return this.#sends.add(type, bytes);
  }

  /** As `send` for many messages of one type, in order: they cross by the thousand, and cost much less each. */
  async sendAll(type, payloads) {
    const name = typeOf(type);
    for (const { bytes, lengths } of batchesOf(map(payloads, bytesOf))) {
      // They must not overtake those that wait.
      while (this.#sends.has(name)) await this.#sends.settled(name);
      await this.#call((number) => this.#native.sendAll(number, name, bytes, lengths));
    }
  }

  /** As `send`, now or not at all: false where there is no room. */
  trySend(type, payload) {
    const bytes = bytesOf(payload);
    // It must not overtake those that wait.
    return !this.#sends.has(type) && this.#handOver(type, bytes);
  }

  /** Waits until the daemon has taken responsibility for everything handed over; throws the first failure since the last flush. */
  async flush() {
    await this.#sends.settled();
    await this.#call((number) => this.#native.flush(number));
  }

  /** The members as the daemon knows them now. */
  async members() {
    const members = await this.#call((number) => this.#native.members(number));
    return members.map(memberOf);
  }

  /** The members as they are now; every change from now on is an event `member`. */
  async watchMembers() {
    const members = await this.#call((number) => this.#native.watchMembers(number));
    return members.map(memberOf);
  }

  /** Everything that happens, from now on, as an async iterator. */
  events() {
    return this.#inbox.reader(undefined);
  }

  /** The messages that come from now on, as an async iterator. */
  deliveries() {
    return this.#inbox.reader(isDelivery);
  }

  /** Adds a key of the overlay's ring to those the client opens with. */
  addKey(key) {
    const wrong = this.#open().addKey(secret('key', key));
    if (wrong !== null) throw errorOf(wrong);
  }

  /** Ends all subscriptions, and waits for all acknowledgements. */
  async drain() {
    await this.#sends.settled();
    await this.#call((number) => this.#native.drain(number));
  }

  /** Closes the client, and says goodbye to the daemon. What was delivered can still be read. Closing again waits for the same. */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    return this.close();
  }

  /** Keeps the process while somebody listens, as from the start. */
  ref() {
    this.#referenced = true;
    this.#timer?.ref();
    return this;
  }

  /** Lets the process end though somebody listens. */
  unref() {
    this.#referenced = false;
    this.#timer?.unref();
    return this;
  }

  [Symbol.for('nodejs.util.inspect.custom')](_depth, options, inspect) {
    const { name, overlay, state } = this;
    return `Client ${inspect({ name, overlay, state }, options)}`;
  }

  [LISTENERS]() {
    this.#hold();
    this.#inbox.wake();
  }

  #open() {
    if (this.#closing !== undefined) throw new ClosedError('the client is closed: make a new one');
    return this.#native;
  }

  #handOver(type, bytes) {
    const wrong = this.#open().trySend(typeOf(type), bytes);
    if (wrong === null) return true;
    if (wrong[0] === 'busy') return false;
    throw errorOf(wrong);
  }

  /** Asks the native module; what is not answered yet keeps client and process. */
  #call(ask) {
    return new Promise((resolve, reject) => {
      this.#open();
      this.#ask(ask, resolve, reject);
    });
  }

  #ask(ask, resolve, reject) {
    this.#pending += 1;
    this.#hold();
    ask(this.#calls.open((error, value) => {
      this.#pending -= 1;
      this.#hold();
      if (error === undefined) resolve(value);
      else reject(error);
    }));
  }

  /** Asks for the next batch. That keeps nobody: who listens does. */
  #fetch() {
    const inbox = new WeakRef(this.#inbox);
    const number = this.#calls.open((error, batch) => {
      inbox.deref()?.fetched(error, error === undefined && batch !== null ? eventsOf(batch) : null);
    });
    this.#native.nextEvents(number, MOST_EVENTS);
  }

  /** Calls the listeners. What one of them throws is an uncaught exception, and the next event comes all the same. */
  #tell(event) {
    try {
      this.emit(event.kind, event);
    } catch (thrown) {
      process.nextTick(() => {
        throw thrown;
      });
    }
  }

  /** A timer that never rings keeps the process, and the client, while somebody waits for something. */
  #hold() {
    const needed = this.#pending > 0 || this.#inbox?.heard === true;
    if (needed === (this.#timer !== undefined)) return;
    if (needed) {
      this.#timer = setInterval(() => {}, LONGEST_TIMER, this);
      if (!this.#referenced) this.#timer.unref();
    } else {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  async #close() {
    // Reading to the end is not for somebody who listens, and yet to be waited for.
    this.#pending += 1;
    await new Promise((resolve, reject) => {
      this.#ask((number) => this.#native.close(number), resolve, reject);
    });
    await this.#inbox.drain();
    this.#pending -= 1;
    this.#hold();
    this.#native.release();
  }
}

// Who comes to hear starts the stream, and who goes may let the process end.
for (const method of ['on', 'addListener', 'prependListener']) {
  Client.prototype[method] = function (kind, listener) {
    EventEmitter.prototype[method].call(this, kind, listener);
    this[LISTENERS]();
    return this;
  };
}
for (const method of ['off', 'removeListener', 'removeAllListeners']) {
  Client.prototype[method] = function (...which) {
    EventEmitter.prototype[method].apply(this, which);
    this[LISTENERS]();
    return this;
  };
}

function* map(values, change) {
  for (const value of values) yield change(value);
}

function typeOf(type) {
  if (typeof type !== 'string') throw new ArgumentError(`the event type is ${shown(type)}: give a string`);
  return type;
}

function typesOf(types) {
  return (Array.isArray(types) ? types : [types]).map(typeOf);
}

/** The bytes that are published. */
function bytesOf(payload) {
  if (payload instanceof Uint8Array) return payload;
  if (typeof payload === 'string') return Buffer.from(payload, 'utf8');
  if (payload instanceof Digest) return payload.encode();
  throw new ArgumentError(`the payload is ${shown(payload)}: give a Uint8Array, a string or a Digest`);
}

/** Most events of a batch. */
const MOST_EVENTS = 1_024;
/** The longest interval of a timer, milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

module.exports = { Client, connect, start };
