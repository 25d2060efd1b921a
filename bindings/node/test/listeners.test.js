'use strict';

const assert = require('node:assert/strict');
const events = require('node:events');
const { test } = require('node:test');
const { Daemon, until } = require('./support/daemon.js');

async function pair(t, more) {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told', more);
  const publisher = await daemon.client('publisher');
  await client.subscribe('news');
  return { client, publisher };
}

test('listeners hear, once or until they leave', async (t) => {
  const { client, publisher } = await pair(t);
  const heard = [];
  const listener = ({ payload }) => heard.push(payload.toString());
  const connected = events.once(client, 'connected');
  client.on('delivery', listener).once('delivery', () => heard.push('once'));
  assert.equal((await connected)[0].daemon, 'host-1');
  await publisher.publish('news', '1');
  await publisher.publish('news', '2');
  await until('both', () => heard.length === 3);
  assert.deepEqual(heard, ['1', 'once', '2']);
  client.off('delivery', listener);
  await publisher.publish('news', '3');
  // It waits for whoever takes deliveries next.
  client.on('delivery', ({ payload }) => heard.push(`again ${payload}`));
  await until('the third', () => heard.length === 4);
  assert.equal(heard[3], 'again 3');
  client.removeAllListeners();
  assert.equal(client.listenerCount('delivery'), 0);
});

test('deliveries wait for somebody who takes deliveries, and other events do not wait for them', async (t) => {
  const { client, publisher } = await pair(t);
  const subscribed = [];
  client.on('subscribed', ({ types }) => subscribed.push(...types));
  await publisher.publish('news', 'early');
  await client.subscribe('more');
  await until('more', () => subscribed.includes('more'));
  const { value } = await client.deliveries().next();
  assert.equal(value.payload.toString(), 'early');
});

test('a reader that is left does not hold the others back', async (t) => {
  const { client, publisher } = await pair(t, { deliveryBuffer: 64 });
  const slow = client.events();
  const count = 2_000;
  let heard = 0;
  client.on('delivery', () => (heard += 1));
  const sending = (async () => {
    for (let number = 0; number < count; number += 1) await publisher.send('news', 'x'.repeat(100));
    await publisher.flush();
  })();
  let taken = 0;
  for await (const event of slow) {
    if (event.kind === 'delivery' && (taken += 1) === 10) break;
  }
  await sending;
  await until('all', () => heard === count);
});

test('a reader that takes nothing holds publishers back, and what it loses for that is told', async (t) => {
  const { client, publisher } = await pair(t, { deliveryBuffer: 16 });
  let paused = false;
  publisher.on('paused', () => (paused = true));
  const reader = client.events();
  let sent = 0;
  while (!paused) {
    // Large ones, so that few of them fill the daemon's queue.
    if (publisher.trySend('news', String(sent).padEnd(30_000))) sent += 1;
    else await new Promise((resolve) => setImmediate(resolve));
  }
  let last = -1;
  for (let known = 0; known < sent; ) {
    const { value } = await reader.next();
    // After some seconds of taking nothing the daemon drops the oldest.
    if (value.kind === 'dropped') known += value.count;
    if (value.kind !== 'delivery') continue;
    assert.ok(Number(value.payload) > last);
    last = Number(value.payload);
    known += 1;
  }
  assert.equal(last, sent - 1);
  await publisher.flush();
});

test('batches have all that waits, and end with the client', async (t) => {
  const { client, publisher } = await pair(t);
  const batches = client.deliveries().batches();
  for (let number = 0; number < 3_000; number += 1) await publisher.send('news', String(number));
  await publisher.flush();
  await client.close();
  const taken = [];
  let count = 0;
  for await (const batch of batches) {
    assert.ok(batch.length > 0);
    count += 1;
    taken.push(...batch.map(({ payload }) => Number(payload)));
  }
  assert.deepEqual(taken, Array.from({ length: 3_000 }, (_, number) => number));
  assert.ok(count < 3_000);
});

test('several readers and listeners get every delivery each', async (t) => {
  const { client, publisher } = await pair(t);
  const heard = [];
  client.on('delivery', ({ payload }) => heard.push(Number(payload)));
  const readers = [client.deliveries(), client.deliveries()];
  for (let number = 0; number < 3_000; number += 1) await publisher.send('news', String(number));
  await publisher.flush();
  const all = Array.from({ length: 3_000 }, (_, number) => number);
  // Beside each other: one that is not read holds the others back.
  await Promise.all(readers.map(async (reader) => {
    const taken = [];
    for (const _ of all) taken.push(Number((await reader.next()).value.payload));
    assert.deepEqual(taken, all);
  }));
  await until('the listener', () => heard.length === all.length);
  assert.deepEqual(heard, all);
});

test('several that wait at one reader are answered in order', async (t) => {
  const { client, publisher } = await pair(t);
  const reader = client.deliveries();
  const waiting = [reader.next(), reader.next(), reader.next()];
  for (const payload of ['1', '2']) await publisher.publish('news', payload);
  assert.deepEqual((await Promise.all(waiting.slice(0, 2))).map(({ value }) => value.payload.toString()), ['1', '2']);
  await reader.return();
  assert.deepEqual(await waiting[2], { value: undefined, done: true });
  assert.deepEqual(await reader.next(), { value: undefined, done: true });
});

test('a listener may do anything with the client', async (t) => {
  const { client, publisher } = await pair(t);
  const done = new Promise((resolve, reject) => {
    client.on('delivery', async ({ payload }) => {
      try {
        if (payload.toString() === 'start') {
          // Blocks the thread for a while, and then calls back.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
          await client.subscribe('more');
          await client.members();
          client.on('delivery', () => {});
          await client.publish('nobody', 'x');
          client.send('nobody', 'x');
          await client.flush();
          await publisher.publish('more', 'end');
        } else {
          await client.close();
          resolve();
        }
      } catch (error) {
        reject(error);
      }
    });
  });
  const closed = events.once(client, 'close');
  await publisher.publish('news', 'start');
  await done;
  await closed;
  assert.equal(client.state, 'closed');
});

test('payloads of a batch cannot be transferred away from each other', async (t) => {
  const { client, publisher } = await pair(t);
  await publisher.publish('news', 'kept');
  const { value } = await client.deliveries().next();
  const { port1, port2 } = new MessageChannel();
  try {
    port1.postMessage('take it', [value.payload.buffer]);
  } catch (error) {
    // Newer versions of Node say what older ones leave out.
    assert.equal(error.name, 'DataCloneError');
  }
  port1.close();
  port2.close();
  assert.equal(value.payload.toString(), 'kept');
});
