'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Digest, ArgumentError, bool, byte, i16, i32, i64, double, doubleOfBits, string } = require('gossiperl');
const { Daemon } = require('./support/daemon.js');

test('every kind of field passes with its value at its ends', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told');
  await client.subscribe('fields');
  const values = [
    [bool(true), true],
    [bool(false), false],
    [byte(-128), -128],
    [byte(127n), 127],
    [i16(-32_768), -32_768],
    [i16(32_767), 32_767],
    [i32(-(2 ** 31)), -(2 ** 31)],
    [i32(2 ** 31 - 1), 2 ** 31 - 1],
    [i64(-(2n ** 63n)), -(2n ** 63n)],
    [i64(2n ** 63n - 1n), 2n ** 63n - 1n],
    [i64(7), 7n],
    [double(5), 5],
    [double(-0), -0],
    [double(Number.MIN_VALUE), Number.MIN_VALUE],
    [double(-Infinity), -Infinity],
    [double(NaN), NaN],
    [doubleOfBits(0x7ff8000000000123n), NaN],
    [string(''), ''],
    [string('größe 🙂'), 'größe 🙂'],
    [string(Buffer.from([0, 0xff, 0x80])), '\0\udcff\udc80'],
  ];
  const digest = new Digest(values.map(([field], id) => [id, field])).set(-32_768, 'least').set(32_767, 'most');
  const other = await daemon.client('other');
  await other.publish('fields', digest);
  const { value: delivery } = await client.deliveries().next();
  const read = delivery.digest();
  assert.equal(read.size, values.length + 2);
  for (const [id, [field, value]] of values.entries()) {
    assert.ok(Object.is(read.get(id), value), `${id}: ${String(read.get(id))}`);
    assert.equal(read.kind(id), field.kind);
  }
  assert.deepEqual([read.get(-32_768), read.get(32_767), read.get(99)], ['least', 'most', undefined]);
  assert.equal(read.bits(16), 0x7ff8000000000123n);
  assert.equal(read.bits(11), 0x4014000000000000n);
  assert.deepEqual(read.bytes(19), Buffer.from([0, 0xff, 0x80]));
  assert.deepEqual(read.encode(), Buffer.from(delivery.payload));
});

test('plain values have a kind', () => {
  const digest = new Digest({ 1: true, 2: 1, 3: 1n, 4: 'text', 5: Buffer.from('bytes') });
  assert.deepEqual(digest.ids().map((id) => digest.kind(id)), ['bool', 'double', 'i64', 'string', 'string']);
  assert.deepEqual([...digest], [[1, true], [2, 1], [3, 1n], [4, 'text'], [5, 'bytes']]);
  assert.equal(new Digest([[1, 'a']]).set(1, 'b').get(1), 'b');
  assert.equal(digest.has(5) && !digest.has(6), true);
});

test('values out of their range are refused', () => {
  const wrong = [
    () => bool(1),
    () => byte(128),
    () => byte(-129n),
    () => i16(1.5),
    () => i32(2 ** 31),
    () => i32('5'),
    () => i64(2n ** 63n),
    () => i64(2 ** 53),
    () => double(5n),
    () => doubleOfBits(-1n),
    () => string(5),
    () => string('\ud800'),
    () => new Digest({ 1: undefined }),
    () => new Digest({ 1: Symbol('s') }),
    () => new Digest({ x: 1 }),
    () => new Digest().set(32_768, 1),
    () => new Digest().set(0.5, 1),
    () => new Digest({ 1: 'a' }).bits(1),
    () => new Digest({ 1: 1 }).bytes(1),
    () => new Digest().bytes(1),
    () => Digest.read('text'),
  ];
  for (const attempt of wrong) assert.throws(attempt, ArgumentError, attempt.toString());
});

test('bytes that are no digest are refused, whatever they are', () => {
  const seed = Number(process.env.GOSSIPERL_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`GOSSIPERL_SEED=${seed}`);
  let state = seed;
  const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  assert.throws(() => Digest.read(Buffer.from([15, 0, 1])), ArgumentError);
  for (let round = 0; round < 5_000; round += 1) {
    const bytes = Uint8Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * (round % 2 ? 256 : 16)));
    try {
      Digest.read(bytes);
    } catch (error) {
      assert.ok(error instanceof ArgumentError, String(error));
    }
  }
});
