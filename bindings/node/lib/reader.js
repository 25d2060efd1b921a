'use strict';

/**
 * One reader's place in the stream of events: an async iterator over what has come since it was made.
 *
 * `next` answers at once where something waits, so that a loop costs no more than its promises; `batches` gives all that waits at once.
 */
class Reader {
  #wanted;
  #inbox;
  #batches = [];
  #batch = [];
  #at = 0;
  #waiting = [];
  #ended = false;

  constructor(wanted, inbox) {
    this.#wanted = wanted;
    this.#inbox = inbox;
  }

  /** Batches that wait to be taken. */
  get behind() {
    return this.#batches.length;
  }

  /** The inbox has events. */
  give(events) {
    const wanted = this.#wanted === undefined ? events : events.filter(this.#wanted);
    if (wanted.length === 0) return;
    this.#batches.push(wanted);
    while (this.#waiting.length > 0 && this.#more()) {
      const { resolve, take } = this.#waiting.shift();
      resolve({ value: take(), done: false });
    }
  }

  /** No more comes; with an error where that is why. What waits is still taken. */
  end(error) {
    this.#ended = true;
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve({ value: undefined, done: true });
      else reject(error);
    }
  }

  next() {
    return this.#more() ? Promise.resolve({ value: this.#batch[this.#at++], done: false }) : this.#wait(this.#one);
  }

  /** Leaves the stream: what a `break` out of a loop calls. */
  return() {
    this.#batches = [];
    this.#batch = [];
    this.#at = 0;
    this.end();
    this.#inbox.leave(this);
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** The same events, as arrays of all that wait: for whoever takes very many. */
  batches() {
    return {
      next: () => (this.#more() ? Promise.resolve({ value: this.#all(), done: false }) : this.#wait(this.#all)),
      return: () => this.return(),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #one = () => this.#batch[this.#at++];

  #all = () => {
    const rest = this.#at === 0 ? this.#batch : this.#batch.slice(this.#at);
    this.#batch = [];
    this.#at = 0;
    return rest;
  };

  #wait(take) {
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject, take });
      this.#inbox.wake();
    });
  }

  /** Whether there is one to take. */
  #more() {
    if (this.#at < this.#batch.length) return true;
    if (this.#batches.length === 0) return false;
    this.#batch = this.#batches.shift();
    this.#at = 0;
    this.#inbox.wake();
    return true;
  }
}

module.exports = { Reader };
