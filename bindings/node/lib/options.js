'use strict';

// Options as JavaScript gives them: their types and their spelling. Ranges are the core's to know.

const { wrongOption, shown } = require('./errors.js');

/** What each option is read by. */
const readers = {
  overlay: text,
  port: integer,
  name: text,
  secret: secret,
  key: secret,
  additionalKeys: secrets,
  protocol: integer,
  address: text,
  connectTimeout: seconds,
  closeTimeout: seconds,
  publishWindow: integer,
  publishWindowBytes: integer,
  deliveryBuffer: integer,
  deliveryBufferBytes: integer,
  slowPolicy: text,
};

const required = ['port', 'name', 'key'];

/** The longest time, milliseconds: a day. */
const LONGEST = 86_400_000;

/** The options as the native module takes them. */
function readOptions(options) {
  if (options === null || typeof options !== 'object') {
    throw wrongOption('options', `the options are ${shown(options)}: give an object with ${required.join(', ')}`);
  }
  const settings = {};
  for (const [option, value] of Object.entries(options)) {
    const read = Object.hasOwn(readers, option) ? readers[option] : undefined;
    if (read === undefined) {
      throw wrongOption(option, `there is no option ${option}: the options are ${Object.keys(readers).join(', ')}`);
    }
    if (value !== undefined) settings[option] = read(option, value);
  }
  for (const option of required) {
    if (settings[option] === undefined) throw wrongOption(option, `${option} is missing: give it`);
  }
  return settings;
}

function text(option, value) {
  if (typeof value !== 'string') throw wrongOption(option, `${option} is ${shown(value)}: give a string`);
  return value;
}

function integer(option, value) {
  if (!Number.isSafeInteger(value)) throw wrongOption(option, `${option} is ${shown(value)}: give an integer`);
  return value;
}

function seconds(option, value) {
  const least = option === 'connectTimeout' ? 1 : 0;
  if (typeof value !== 'number' || !(value >= least && value <= LONGEST)) {
    throw wrongOption(option, `${option} is ${shown(value)}: give milliseconds, ${least} to ${LONGEST}`);
  }
  return value / 1_000;
}

/** Never shows what it was given. */
function secret(option, value) {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string' || !value.isWellFormed()) {
    throw wrongOption(option, `${option} is neither text nor bytes: give a string or a Uint8Array`);
  }
  return Buffer.from(value, 'utf8');
}

function secrets(option, value) {
  if (!Array.isArray(value)) throw wrongOption(option, `${option} is no array: give an array of strings or Uint8Arrays`);
  return value.map((key) => secret(option, key));
}

module.exports = { readOptions, secret };
