'use strict';

/**
 * Everything that goes wrong in gossiperl is one of these classes. `kind` is the same in every language, `code` is Node's convention.
 */
class GossiperlError extends Error {
  constructor(message, kind, details) {
    super(message);
    this.kind = kind;
    this.code = `ERR_GOSSIPERL_${kind.toUpperCase()}`;
    Object.assign(this, details);
  }
}

/** The classes by kind. */
const classes = {};

function define(name, kind) {
  const subclass = class extends GossiperlError {
    constructor(message, details) {
      super(message, kind, details);
    }
  };
  Object.defineProperty(subclass, 'name', { value: name });
  Object.defineProperty(subclass.prototype, 'name', { value: name, configurable: true, writable: true });
  classes[kind] = subclass;
  return subclass;
}

const OptionError = define('OptionError', 'option');
const ArgumentError = define('ArgumentError', 'argument');
const UnreachableError = define('UnreachableError', 'unreachable');
const TimeoutError = define('TimeoutError', 'timeout');
const RefusedError = define('RefusedError', 'refused');
const BusyError = define('BusyError', 'busy');
const NotAcknowledgedError = define('NotAcknowledgedError', 'not_acknowledged');
const ClosedError = define('ClosedError', 'closed');
const ForkedError = define('ForkedError', 'forked');
const SystemError = define('SystemError', 'system');

/** A name of the core, `close_timeout`, as JavaScript has it. */
function camel(name) {
  return name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}

/** The error that the native module gives as `[kind, message, option, code]`. */
function errorOf([kind, message, option, code]) {
  const details = {};
  if (option !== null) {
    details.option = camel(option);
    message = message.replaceAll(option, details.option);
  }
  if (code !== null) details.daemonCode = code;
  return new classes[kind](message, details);
}

/** An option that is wrong in JavaScript's own way. */
function wrongOption(option, message) {
  return new OptionError(`wrong option ${option}: ${message}`, { option });
}

/** What somebody gave, short enough for a message. */
function shown(value) {
  if (typeof value === 'string') return value.length <= 40 ? JSON.stringify(value) : 'a long string';
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return String(value);
  return Array.isArray(value) ? 'an array' : typeof value === 'function' ? 'a function' : 'an object';
}

module.exports = {
  GossiperlError,
  OptionError,
  ArgumentError,
  UnreachableError,
  TimeoutError,
  RefusedError,
  BusyError,
  NotAcknowledgedError,
  ClosedError,
  ForkedError,
  SystemError,
  errorOf,
  wrongOption,
  shown,
};
