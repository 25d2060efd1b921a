'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { connect, start, nameOfBytes, bytesOfName, ...gossiperl } = require('gossiperl');
const { Daemon, freePort } = require('./support/daemon.js');

/** The next `count` of a reader. */
async function take(reader, count) {
  const taken = [];
  while (taken.length < count) taken.push((await reader.next()).value);
  return taken;
}

test('everything comes in one stream and in order', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told', { overlay: 'ours' });
  const publisher = await daemon.client('publisher');
  assert.deepEqual([client.name, client.overlay, client.state, client.daemon], ['told', 'ours', 'connected', 'host-1']);
  await client.subscribe(['a', 'b']);
  await client.subscribe('c');
  assert.deepEqual(await client.subscriptions(), ['a', 'b', 'c']);
  const events = client.events();
  assert.deepEqual(await take(events, 3), [
    { kind: 'connected', daemon: 'host-1', resumed: false },
    { kind: 'subscribed', types: ['a', 'b'] },
    { kind: 'subscribed', types: ['c'] },
  ]);
  await publisher.publish('c', 'text');
  const [delivery] = await take(events, 1);
  assert.equal(delivery.kind, 'delivery');
  assert.equal(delivery.type, 'c');
  assert.equal(delivery.payload.toString(), 'text');
  assert.equal(delivery.id, `${delivery.publisher}:${delivery.sequence}`);
  assert.equal(typeof delivery.publisher, 'bigint');
  assert.equal(delivery.envelopeId, undefined);
  await client.unsubscribe(['c', 'never']);
  assert.deepEqual(await take(events, 1), [{ kind: 'unsubscribed', types: ['c'] }]);
  await publisher.publish('c', 'unheard');
  for (const payload of ['1', '2', '']) publisher.send('a', payload);
  await publisher.flush();
  assert.deepEqual((await take(events, 3)).map(({ payload }) => payload.toString()), ['1', '2', '']);

  // What was delivered before closing is still read.
  await publisher.publish('b', 'last');
  await client.close();
  assert.equal(client.state, 'closed');
  const left = [];
  for await (const event of events) left.push(event.payload.toString());
  assert.deepEqual(left, ['last']);
});

test('payloads pass unharmed', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told');
  await client.subscribe('bytes');
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const large = Buffer.alloc(60_000, all);
  const part = large.subarray(7, 19);
  const other = await daemon.client('other');
  const payloads = [Buffer.alloc(0), all, large, part, Buffer.from([0xff, 0xfe, 0])];
  for (const payload of payloads) await other.publish('bytes', payload);
  const taken = await take(client.deliveries(), payloads.length);
  for (const [place, payload] of payloads.entries()) assert.deepEqual(taken[place].payload, Buffer.from(payload));
  await assert.rejects(other.publish('bytes', Buffer.alloc(60_001)), gossiperl.ArgumentError);
  assert.throws(() => other.send('bytes', Buffer.alloc(60_001)), gossiperl.ArgumentError);
});

test('names that are no text pass unharmed', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('größe 🙂');
  const bytes = Buffer.from([0xff, 0xfe, 0, 0x2e, 0xf0, 0x9f]);
  const name = nameOfBytes(bytes);
  assert.deepEqual(bytesOfName(name), bytes);
  await client.subscribe([name, 'größe']);
  assert.deepEqual((await client.subscriptions()).sort(), ['größe', name].sort());
  const other = await daemon.client('other');
  await other.publish(name, '');
  await other.publish('größe', '');
  assert.deepEqual((await take(client.deliveries(), 2)).map(({ type }) => type), [name, 'größe']);
  assert.ok((await other.members()).some((member) => member.name === 'größe 🙂' && member.kind === 'client'));
  await assert.rejects(client.subscribe('\ud800'), gossiperl.ArgumentError);
});

test('many sends keep their order, with or without room', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told', { deliveryBuffer: 64 });
  const publisher = await daemon.client('publisher', { publishWindow: 64 });
  await client.subscribe('count');
  const count = 2_000;
  let waited = 0;
  const sending = (async () => {
    for (let number = 0; number < count; number += 1) {
      const room = publisher.send('count', String(number));
      if (room === undefined) continue;
      waited += 1;
      await room;
    }
    await publisher.flush();
  })();
  const taken = await take(client.deliveries(), count);
  assert.deepEqual(taken.map(({ payload }) => Number(payload)), Array.from({ length: count }, (_, number) => number));
  await sending;
  assert.ok(waited > 0);
  assert.equal(new Set(taken.map(({ id }) => id)).size, count);
});

test('many handed over at once keep their order, and do not overtake those that wait', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told', { deliveryBuffer: 64 });
  const publisher = await daemon.client('publisher', { publishWindow: 64 });
  await client.subscribe('count');
  const count = 3_000;
  const reading = take(client.deliveries(), count);
  for (let number = 0; number < 500; number += 1) publisher.send('count', String(number));
  await publisher.sendAll('count', Array.from({ length: count - 500 }, (_, number) => String(number + 500)));
  await publisher.sendAll('count', []);
  await publisher.flush();
  assert.deepEqual((await reading).map(({ payload }) => Number(payload)), Array.from({ length: count }, (_, number) => number));
  await assert.rejects(publisher.sendAll('other', ['', Buffer.alloc(60_001)]), gossiperl.ArgumentError);
  await assert.rejects(publisher.sendAll('other', ['', 7]), gossiperl.ArgumentError);
  await publisher.close();
  await assert.rejects(publisher.sendAll('other', ['']), gossiperl.ClosedError);
});

test('who sends on without waiting is told so, and what was taken arrives in order', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told');
  await client.subscribe('count');
  const publisher = start(daemon.options('publisher', { publishWindow: 64 }));
  t.after(() => publisher.close());
  const rooms = [];
  assert.throws(
    () => {
      for (;;) rooms.push(publisher.send('count', String(rooms.length)));
    },
    (error) => error instanceof gossiperl.BusyError && error.kind === 'busy' && error.code === 'ERR_GOSSIPERL_BUSY',
  );
  assert.equal(publisher.trySend('count', 'not this one'), false);
  const taken = take(client.deliveries(), rooms.length);
  await Promise.all(rooms);
  await publisher.flush();
  assert.deepEqual((await taken).map(({ payload }) => Number(payload)), Array.from(rooms, (_, number) => number));
});

test('members come and go', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told');
  const events = client.events();
  await take(events, 1);
  const now = await client.watchMembers();
  assert.deepEqual(now.map(({ name, kind }) => [name, kind]).sort(), [['host-1', 'daemon'], ['told', 'client']]);
  assert.equal(typeof now[0].heartbeat, 'bigint');
  const other = await daemon.client('other');
  const [come] = await take(events, 1);
  assert.deepEqual([come.kind, come.change, come.member.name, come.member.state], ['member', 'in', 'other', 'reachable']);
  await other.close();
  const [gone] = await take(events, 1);
  assert.deepEqual([gone.kind, gone.change, gone.member.name], ['member', 'out', 'other']);
});

test('a daemon that goes and comes back is two events and no lost subscription', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told');
  await client.subscribe('news');
  const events = client.events();
  assert.deepEqual((await take(events, 2)).map(({ kind }) => kind), ['connected', 'subscribed']);
  await daemon.crash();
  assert.deepEqual((await take(events, 1)).map(({ kind }) => kind), ['disconnected']);
  assert.deepEqual([client.state, client.daemon], ['connecting', undefined]);
  const again = await daemon.again(t);
  assert.deepEqual((await take(events, 2)).map(({ kind }) => kind), ['connected', 'subscribed']);
  const other = await again.client('other');
  await other.publish('news', 'still');
  assert.equal((await take(events, 1))[0].payload.toString(), 'still');
});

test('the daemon may come later', async (t) => {
  const port = await freePort();
  const options = { port, name: 'early', key: 'a key for tests only' };
  const client = start(options);
  t.after(() => client.close());
  assert.equal(client.state, 'connecting');
  const subscribed = client.subscribe('news');
  const published = client.publish('other', 'waits');
  await Daemon.start(t, { port });
  await subscribed;
  await published;
  assert.equal(client.state, 'connected');
});

test('draining ends subscriptions and waits for acknowledgements', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told');
  const publisher = await daemon.client('publisher');
  await client.subscribe('news');
  for (let number = 0; number < 500; number += 1) publisher.send('news', String(number));
  await publisher.drain();
  await publisher.close();
  assert.equal((await take(client.deliveries(), 500)).at(-1).payload.toString(), '499');
  await client.drain();
  assert.deepEqual(await client.subscriptions(), []);
});

test('a closed client says so', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told');
  await Promise.all([client.close(), client.close()]);
  await client.close();
  const closed = { name: 'ClosedError', kind: 'closed', code: 'ERR_GOSSIPERL_CLOSED' };
  await assert.rejects(client.subscribe('a'), closed);
  await assert.rejects(client.unsubscribe('a'), closed);
  await assert.rejects(client.subscriptions(), closed);
  await assert.rejects(client.publish('a', ''), closed);
  assert.throws(() => client.send('a', ''), closed);
  assert.throws(() => client.trySend('a', ''), closed);
  await assert.rejects(client.flush(), closed);
  await assert.rejects(client.members(), closed);
  await assert.rejects(client.watchMembers(), closed);
  await assert.rejects(client.drain(), closed);
  assert.throws(() => client.addKey('key'), closed);
  assert.deepEqual([client.state, client.daemon], ['closed', undefined]);
  const left = [];
  for await (const { kind } of client.events()) left.push(kind);
  assert.deepEqual(left, ['connected']);
  assert.deepEqual(await client.events().next(), { value: undefined, done: true });
});

test('what waits for the daemon ends when the client is closed', async () => {
  const client = start({ port: await freePort(), name: 'alone', key: 'key', closeTimeout: 50 });
  const waiting = Promise.allSettled([client.subscribe('a'), client.publish('a', ''), client.members()]);
  await client.close();
  assert.deepEqual((await waiting).map(({ reason }) => reason?.kind), Array(3).fill('closed'));
});

test('wrong arguments are told apart', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told');
  const argument = { name: 'ArgumentError', kind: 'argument' };
  for (const type of ['', 'member_in', 'x'.repeat(256), undefined, 5, {}]) await assert.rejects(client.publish(type, ''), argument);
  for (const payload of [undefined, null, 5, {}, [1]]) await assert.rejects(client.publish('a', payload), argument);
  for (const types of [[], '', undefined, ['a', 5]]) await assert.rejects(client.subscribe(types), argument);
  await assert.rejects(connect(daemon.options('told', { secret: 'another' })), (error) => {
    return error instanceof gossiperl.RefusedError && error instanceof gossiperl.GossiperlError && Number.isInteger(error.daemonCode);
  });
});

test('a wrong option is named', async () => {
  const good = { port: 6_666, name: 'name', key: 'key' };
  const wrong = {
    port: [0, 65_536, -1, 1.5, NaN, '6666', 10n, undefined, null],
    name: ['', 'x'.repeat(256), 5, undefined, '\ud800', nameOfBytes(Buffer.from([0xff]))],
    secret: [Buffer.alloc(256), 5, null, '\ud800'],
    key: ['', Buffer.alloc(0), undefined, 7],
    additionalKeys: ['more', [''], Array(8).fill('more'), [5]],
    protocol: [3, '2', 0],
    address: ['localhost', '192.0.2.1', 5],
    connectTimeout: [0, -1, NaN, 86_400_001, '5'],
    closeTimeout: [-1, NaN, Infinity],
    publishWindow: [0, -1, 2 ** 53],
    publishWindowBytes: [0, 0.5],
    deliveryBuffer: [0, 2 ** 33],
    deliveryBufferBytes: [-1],
    slowPolicy: ['never', 1],
    overlay: [5],
    conectTimeout: [5],
    __proto__: null,
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const named = (error) => {
        assert.deepEqual([error.name, error.kind, error.option], ['OptionError', 'option', option], `${option}: ${String(value)}`);
        assert.ok(error.message.includes(option), error.message);
        return true;
      };
      assert.throws(() => start({ ...good, [option]: value }), named);
      await assert.rejects(connect({ ...good, [option]: value }), named);
    }
  }
  for (const options of [undefined, null, 5]) assert.throws(() => start(options), gossiperl.OptionError);
  assert.throws(() => start({ ...good, key: Symbol('a secret of mine') }), (error) => !error.message.includes('mine'));
});

test('nobody there is told apart from no answer', async () => {
  const dgram = require('node:dgram');
  const silent = dgram.createSocket('udp4');
  await new Promise((resolve) => silent.bind(0, '127.0.0.1', resolve));
  const options = { port: silent.address().port, name: 'name', key: 'key', connectTimeout: 2_000 };
  await assert.rejects(connect(options), gossiperl.TimeoutError);
  await new Promise((resolve) => silent.close(resolve));
  await assert.rejects(connect(options), gossiperl.UnreachableError);
});

test('another key of the ring is added', async (t) => {
  const daemon = await Daemon.start(t);
  const client = await daemon.client('told', { additionalKeys: ['one more', Buffer.from('and another')] });
  client.addKey('a third');
  assert.throws(() => client.addKey(''), { kind: 'option', option: 'key' });
});

test('clients are made by connect and start alone', () => {
  assert.throws(() => new gossiperl.Client(), TypeError);
});
