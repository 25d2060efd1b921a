'use strict';

const { BusyError } = require('./errors.js');

/**
 * Messages that `send` found no room for, in order, by event type: a type that is held back does not stop the others.
 *
 * At most `MOST` of them; whoever sends on without waiting is told so.
 */
class Sends {
  #send;
  #trySend;
  #queues = new Map();
  #waiting = 0;

  /** `send(type, payload)` is a promise, `trySend(type, payload)` true where there was room. */
  constructor(send, trySend) {
    this.#send = send;
    this.#trySend = trySend;
  }

  /** Whether messages of this type wait. */
  has(type) {
    return this.#queues.has(type);
  }

  /** Resolves when the message has been handed over. */
  add(type, payload) {
    if (this.#waiting >= MOST) {
      throw new BusyError(`${MOST} messages wait for room already: await what send returns before sending more`);
    }
    this.#waiting += 1;
    return new Promise((resolve, reject) => {
      // A copy: the application may use its own again.
      const message = { payload: Buffer.from(payload), resolve, reject };
      const queue = this.#queues.get(type);
      if (queue !== undefined) {
        queue.push(message);
        return;
      }
      this.#queues.set(type, [message]);
      void this.#work(type);
    });
  }

  /** Resolves when those of this type, or of all where it is undefined, have been handed over. */
  async settled(type) {
    const queues = type === undefined ? [...this.#queues.values()] : [this.#queues.get(type) ?? []];
    await Promise.all(queues.map((queue) => new Promise((resolve) => {
      const last = queue.at(-1);
      if (last === undefined) resolve();
      else last.settled = [...(last.settled ?? []), resolve];
    })));
  }

  async #work(type) {
    const queue = this.#queues.get(type);
    while (queue.length > 0) {
      const message = queue[0];
      try {
        if (!this.#trySend(type, message.payload)) await this.#send(type, message.payload);
        message.resolve();
      } catch (error) {
        message.reject(error);
      }
      queue.shift();
      this.#waiting -= 1;
      for (const resolve of message.settled ?? []) resolve();
    }
    this.#queues.delete(type);
  }
}

/** Messages that may wait for room. */
const MOST = 1_024;

module.exports = { Sends };
