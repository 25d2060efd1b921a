'use strict';

// Who hears what: one stream of events from the native module, handed to listeners and to any number of readers.

const { Reader } = require('./reader.js');

/** The stream of one client. */
class Inbox {
  #source;
  #readers = new Set();
  #held = [];
  #fetching = false;
  #scheduled = false;
  #draining = false;
  #ended = false;
  #drained;
  #done = new Promise((resolve) => {
    this.#drained = resolve;
  });

  /**
   * `source.fetch()` asks for the next batch, which comes by `fetched`; `source.emit(event)` calls listeners; `source.listens(kind)` says whether there are any, of any kind
   * where it is undefined; `source.changed()` hears that `heard` may have changed; `source.ended()` that nothing more comes.
   */
  constructor(source) {
    this.#source = source;
  }

  /** Whether somebody waits for what comes. */
  get heard() {
    return !this.#ended && (this.#readers.size > 0 || this.#source.listens(undefined));
  }

  /** A reader of the events for which `wanted` is true; of all where it is undefined. */
  reader(wanted) {
    const reader = new Reader(wanted, { wake: () => this.#fetch(), leave: (left) => this.#leave(left) });
    this.#readers.add(reader);
    this.#source.changed();
    this.wake();
    return reader;
  }

  /** Reads everything to its end, whoever hears, for the client is closed; resolves then. */
  drain() {
    this.#draining = true;
    this.#fetch();
    return this.#done;
  }

  /** Somebody has come to hear. What is held goes out later, never from within the call by which they came. */
  wake() {
    if (!this.#scheduled && (this.#held.length > 0 || this.#ended)) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#dispatch();
      });
    }
    this.#fetch();
  }

  /** The batch asked for; null at the end. */
  fetched(error, events) {
    this.#fetching = false;
    if (error !== undefined || events === null) {
      this.#ended = true;
      this.#drained();
    } else {
      this.#held = this.#held.length === 0 ? events : this.#held.concat(events);
    }
    // The next batch is made while this one is looked at.
    this.#fetch();
    this.#dispatch(error);
    if (this.#ended) this.#source.ended();
  }

  #fetch() {
    if (this.#fetching || this.#ended || !(this.#draining || (this.heard && this.#room()))) return;
    this.#fetching = true;
    this.#source.fetch();
  }

  /** Whether the slowest has room for more. */
  #room() {
    if (this.#held.length >= MOST_HELD) return false;
    for (const reader of this.#readers) if (reader.behind >= MOST_BEHIND) return false;
    return true;
  }

  #dispatch(error) {
    const events = this.#take();
    if (events.length > 0) {
      for (const reader of this.#readers) reader.give(events);
      for (const event of events) this.#source.emit(event);
    }
    if (this.#ended && this.#held.length === 0) {
      for (const reader of this.#readers) reader.end(error);
      this.#readers.clear();
    }
    this.#source.changed();
    this.#fetch();
  }

  /** What can go out now: deliveries wait for somebody who takes deliveries, and everything for somebody at all. */
  #take() {
    const events = this.#held;
    if (this.#readers.size > 0 || this.#source.listens('delivery')) {
      this.#held = [];
      return events;
    }
    if (!this.#source.listens(undefined)) return [];
    this.#held = events.filter(isDelivery);
    return this.#held.length === 0 ? events : events.filter((event) => !isDelivery(event));
  }

  #leave(reader) {
    this.#readers.delete(reader);
    this.#source.changed();
    this.#fetch();
  }
}

function isDelivery(event) {
  return event.kind === 'delivery';
}

/** Batches that a reader may be behind before no more is fetched. */
const MOST_BEHIND = 2;
/** Events that wait for somebody to take them before no more is fetched. */
const MOST_HELD = 1_024;

module.exports = { Inbox, isDelivery };
