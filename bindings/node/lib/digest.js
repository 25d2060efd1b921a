'use strict';

// Typed digests: fields with ids, as applications in every language publish them.

const native = require('./native.js');
const { ArgumentError, errorOf, shown } = require('./errors.js');

/** The value of a field together with its kind. */
class Field {
  constructor(kind, value) {
    this.kind = kind;
    this.value = value;
    Object.freeze(this);
  }
}

function wrong(kind, value, remedy) {
  return new ArgumentError(`a field of kind ${kind} cannot be ${shown(value)}: give ${remedy}`);
}

function integer(kind, bits) {
  const least = -(2 ** (bits - 1));
  const most = -least - 1;
  return (value) => {
    const given = typeof value === 'bigint' && BigInt.asIntN(bits, value) === value ? Number(value) : value;
    if (!Number.isInteger(given) || given < least || given > most) throw wrong(kind, value, `an integer, ${least} to ${most}`);
    // Without the sign of a negative zero, which integers have not.
    return new Field(kind, given + 0);
  };
}

/** A boolean. */
function bool(value) {
  if (typeof value !== 'boolean') throw wrong('bool', value, 'true or false');
  return new Field('bool', value);
}

/** 8, 16 and 32 bits, signed. */
const byte = integer('byte', 8);
const i16 = integer('i16', 16);
const i32 = integer('i32', 32);

/** 64 bits, signed: read as a BigInt. */
function i64(value) {
  const given = Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof given !== 'bigint' || BigInt.asIntN(64, given) !== given) {
    throw wrong('i64', value, 'a BigInt of 64 bits, signed, or a safe integer');
  }
  return new Field('i64', given);
}

/** An IEEE 754 double. */
function double(value) {
  if (typeof value !== 'number') throw wrong('double', value, 'a number');
  return new Field('double', value);
}

/** The double with these 64 bits, for values that are not a number and carry more than that. */
function doubleOfBits(bits) {
  if (typeof bits !== 'bigint' || BigInt.asUintN(64, bits) !== bits) throw wrong('double', bits, 'a BigInt of 64 bits, unsigned');
  view.setBigUint64(0, bits);
  const value = view.getFloat64(0);
  return Number.isNaN(value) ? new Field('double', new Bits(bits)) : new Field('double', value);
}

/** Bytes, mostly text: a string goes as UTF-8. */
function string(value) {
  if (typeof value === 'string') {
    const bytes = native.bytesOfText(value);
    if (Array.isArray(bytes)) throw errorOf(bytes);
    return new Field('string', bytes);
  }
  if (!(value instanceof Uint8Array)) throw wrong('string', value, 'a string or a Uint8Array');
  return new Field('string', Buffer.from(value));
}

/** The bits of a double that is not a number, which numbers of JavaScript need not keep. */
class Bits {
  constructor(bits) {
    this.bits = bits;
  }
}

const view = new DataView(new ArrayBuffer(8));

/** What kind a plain value of JavaScript is. */
function fieldOf(value) {
  if (value instanceof Field) return value;
  switch (typeof value) {
    case 'boolean':
      return bool(value);
    case 'number':
      return double(value);
    case 'bigint':
      return i64(value);
    case 'string':
      return string(value);
    default:
      if (value instanceof Uint8Array) return string(value);
      throw new ArgumentError(`a field cannot be ${shown(value)}: give a boolean, a number, a BigInt, a string, a Uint8Array, or what bool, byte, i16, i32, i64, double, string make`);
  }
}

function idOf(id) {
  const number = typeof id === 'string' && /^-?\d{1,5}$/.test(id) ? Number(id) : id;
  if (!Number.isInteger(number) || number < -32_768 || number > 32_767) {
    throw new ArgumentError(`the field id ${shown(id)} is none: give an integer, -32768 to 32767`);
  }
  return number + 0;
}

/** Typed fields by id, each id once. */
class Digest {
  #fields = new Map();

  constructor(fields) {
    if (fields === undefined || fields === null) return;
    const entries = typeof fields[Symbol.iterator] === 'function' ? fields : Object.entries(fields);
    for (const [id, value] of entries) this.set(id, value);
  }

  /** The digest that these bytes are; throws where they are none. */
  static read(payload) {
    if (!(payload instanceof Uint8Array)) throw new ArgumentError(`${shown(payload)} is no payload: give a Uint8Array`);
    const flat = native.readDigest(payload);
    if (flat === null) throw new ArgumentError('the payload is no digest: read it as bytes');
    const digest = new Digest();
    for (let at = 0; at < flat.length; at += 3) {
      const [id, kind, value] = flat.slice(at, at + 3);
      digest.#fields.set(id, new Field(kind, kind === 'double' && typeof value === 'bigint' ? new Bits(value) : value));
    }
    return digest;
  }

  /** Sets a field: a number is a double and a BigInt an i64 unless made by `byte`, `i16`, `i32` and the like. */
  set(id, value) {
    this.#fields.set(idOf(id), fieldOf(value));
    return this;
  }

  /** The value: boolean, number, BigInt (i64) or string; `undefined` where there is no such field. */
  get(id) {
    const field = this.#fields.get(idOf(id));
    if (field === undefined) return undefined;
    if (field.kind === 'string') return native.textOfBytes(field.value);
    return field.value instanceof Bits ? NaN : field.value;
  }

  /** The bytes of a string. */
  bytes(id) {
    return Buffer.from(this.#field(id, 'string').value);
  }

  /** The 64 bits of a double. */
  bits(id) {
    const { value } = this.#field(id, 'double');
    if (value instanceof Bits) return value.bits;
    view.setFloat64(0, value);
    return view.getBigUint64(0);
  }

  /** The kind of a field: `bool`, `byte`, `i16`, `i32`, `i64`, `double` or `string`; `undefined` where there is no such field. */
  kind(id) {
    return this.#fields.get(idOf(id))?.kind;
  }

  has(id) {
    return this.#fields.has(idOf(id));
  }

  get size() {
    return this.#fields.size;
  }

  /** The ids, rising. */
  ids() {
    return [...this.#fields.keys()].sort((one, other) => one - other);
  }

  /** `[id, value]` by rising id. */
  *[Symbol.iterator]() {
    for (const id of this.ids()) yield [id, this.get(id)];
  }

  /** The bytes that are published. */
  encode() {
    const fields = Array.from(this.#fields, ([id, { kind, value }]) => ({ id, kind, value: value instanceof Bits ? value.bits : value }));
    const payload = native.writeDigest(fields);
    if (Array.isArray(payload)) throw errorOf(payload);
    return payload;
  }

  [Symbol.for('nodejs.util.inspect.custom')](_depth, options, inspect) {
    return `Digest ${inspect(Object.fromEntries(this), options)}`;
  }

  #field(id, kind) {
    const field = this.#fields.get(idOf(id));
    if (field === undefined) throw new ArgumentError(`the digest has no field ${id}`);
    if (field.kind !== kind) {
      throw new ArgumentError(`field ${id} of the digest is of kind ${field.kind}, not ${kind}: read it as what its publisher sends`);
    }
    return field;
  }
}

/** The name that these bytes are: a byte that is no UTF-8 is the lone surrogate U+DC00 plus the byte. */
function nameOfBytes(bytes) {
  if (!(bytes instanceof Uint8Array)) throw new ArgumentError(`${shown(bytes)} are no bytes: give a Uint8Array`);
  return native.textOfBytes(bytes);
}

/** The bytes of a name. */
function bytesOfName(name) {
  return string(String(name)).value;
}

module.exports = { nameOfBytes, bytesOfName, Digest, Field, bool, byte, i16, i32, i64, double, doubleOfBits, string };
