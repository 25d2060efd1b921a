'use strict';

const { errorOf } = require('./errors.js');

/**
 * What has been asked of the native module and not been answered. Its listener knows this object and nothing else, so that a client that nobody holds can be collected.
 */
class Calls {
  #open = new Map();
  #last = 0;

  /** What the native module calls with `[number, error, value, …]`. */
  get listener() {
    const open = this.#open;
    return (answers) => {
      for (let at = 0; at < answers.length; at += 3) {
        const answered = open.get(answers[at]);
        open.delete(answers[at]);
        const error = answers[at + 1];
        answered(error === null ? undefined : errorOf(error), answers[at + 2]);
      }
    };
  }

  /** The number under which `answered(error, value)` is called. */
  open(answered) {
    do this.#last = (this.#last + 1) >>> 0;
    while (this.#open.has(this.#last));
    this.#open.set(this.#last, answered);
    return this.#last;
  }
}

module.exports = { Calls };
