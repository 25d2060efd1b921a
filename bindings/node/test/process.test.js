'use strict';

// How the process, its worker threads and clients live and end.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { Daemon, until } = require('./support/daemon.js');

/** Runs a program that has `client`, and waits for its end. What it says comes to `said`. */
async function run(daemon, body, said = () => {}) {
  const program = `
    const gossiperl = require('gossiperl');
    (async () => {
      const client = await gossiperl.connect(${JSON.stringify(daemon.options('child'))});
      ${body}
    })();`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    said(output, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const [code, signal] = await new Promise((resolve) => child.once('close', (...how) => resolve(how)));
  return { code, signal, output, errors };
}

test('the process ends when its client is closed', async (t) => {
  const daemon = await Daemon.start(t);
  const ended = await run(daemon, `client.on('delivery', () => {}); await client.subscribe('a'); await client.close(); console.log('closed');`);
  assert.deepEqual(ended, { code: 0, signal: null, output: 'closed\n', errors: '' });
});

test('an open client that nobody listens to keeps no process', async (t) => {
  const daemon = await Daemon.start(t);
  const ended = await run(daemon, `
    await client.subscribe('a');
    const listener = () => {};
    client.on('delivery', listener).off('delivery', listener);
    for await (const event of client.events()) break;
    console.log('done');`);
  assert.deepEqual(ended, { code: 0, signal: null, output: 'done\n', errors: '' });
});

test('who listens keeps the process, until it says otherwise', async (t) => {
  const daemon = await Daemon.start(t);
  const publisher = await daemon.client('publisher');
  const body = (more) => `
    client.on('delivery', ({ payload }) => { console.log(payload.toString()); ${more} });
    await client.subscribe('a');
    console.log('ready');`;
  let published = false;
  const ended = await run(daemon, body('client.unref();'), (output) => {
    if (published || !output.includes('ready')) return;
    published = true;
    // Long enough for a process that nobody keeps to end.
    setTimeout(() => publisher.publish('a', 'still here'), 500);
  });
  assert.deepEqual(ended, { code: 0, signal: null, output: 'ready\nstill here\n', errors: '' });
});

test('what is not answered keeps the process', async (t) => {
  const daemon = await Daemon.start(t);
  const ended = await run(daemon, `await client.publish('a', 'x'); client.send('a', 'y'); await client.flush(); console.log((await client.members()).length);`);
  assert.deepEqual(ended, { code: 0, signal: null, output: '2\n', errors: '' });
});

test('the process may end with clients open and work under way', async (t) => {
  const daemon = await Daemon.start(t);
  const publisher = await daemon.client('publisher');
  const flood = setInterval(() => {
    for (let message = 0; message < 100; message += 1) publisher.trySend('a', 'x'.repeat(1_000));
  }, 1);
  const results = [];
  for (let round = 0; round < 10; round += 1) {
    const ended = await run(daemon, `
      let heard = 0;
      client.on('delivery', () => { if (++heard > 500) process.exit(3); });
      await client.subscribe('a');
      client.subscribe('b');
      for (;;) await client.publish('c', 'x');`);
    results.push(ended);
  }
  clearInterval(flood);
  for (const ended of results) assert.deepEqual(ended, { code: 3, signal: null, output: '', errors: '' });
});

test('what a listener throws is an uncaught exception', async (t) => {
  const daemon = await Daemon.start(t);
  const ended = await run(daemon, `client.on('connected', () => { throw new Error('on purpose'); });`);
  assert.equal(ended.code, 1);
  assert.match(ended.errors, /on purpose/);
});

test('where uncaught exceptions are survived, the client goes on', async (t) => {
  const daemon = await Daemon.start(t);
  const ended = await run(daemon, `
    let caught = 0;
    process.on('uncaughtException', () => { caught += 1; });
    let heard = 0;
    const all = new Promise((resolve) => client.on('delivery', () => { if (++heard === 100) resolve(); throw new Error('on purpose'); }));
    client.on('subscribed', () => { throw new Error('on purpose'); });
    await client.subscribe('a');
    const other = await gossiperl.connect({ ...${JSON.stringify(daemon.options('other'))} });
    for (let message = 0; message < 100; message += 1) await other.send('a', 'x');
    await all;
    await client.close();
    await other.close();
    await new Promise((resolve) => setImmediate(resolve));
    console.log(heard, caught);`);
  assert.deepEqual(ended, { code: 0, signal: null, output: '100 101\n', errors: '' });
});

/** A worker that has `client`; it says `ready` and waits. */
function worker(daemon, name, body) {
  const program = `
    const { parentPort } = require('node:worker_threads');
    const gossiperl = require('gossiperl');
    (async () => {
      const client = await gossiperl.connect(${JSON.stringify(daemon.options(name))});
      ${body}
    })();`;
  const started = new Worker(program, { eval: true });
  const said = [];
  started.on('message', (message) => said.push(message));
  const ended = new Promise((resolve, reject) => started.once('exit', resolve).once('error', reject));
  return { started, said, ended };
}

test('each worker has clients of its own', async (t) => {
  const daemon = await Daemon.start(t);
  const main = await daemon.client('main');
  const workers = [1, 2, 3].map((number) => worker(daemon, `worker ${number}`, `
    await client.subscribe('work');
    parentPort.postMessage('ready');
    let sum = 0;
    for await (const { payload } of client.deliveries()) {
      if (payload.length === 0) break;
      sum += Number(payload);
    }
    await client.close();
    parentPort.postMessage(sum);`));
  await until('ready', () => workers.every(({ said }) => said.includes('ready')));
  for (let number = 1; number <= 1_000; number += 1) await main.send('work', String(number));
  await main.publish('work', '');
  for (const { ended } of workers) assert.equal(await ended, 0);
  assert.deepEqual(workers.map(({ said }) => said), Array(3).fill(['ready', 500_500]));
});

test('a worker that is terminated takes its clients with it, whatever they do', async (t) => {
  const daemon = await Daemon.start(t);
  const main = await daemon.client('main');
  await main.watchMembers();
  const gone = new Set();
  main.on('member', ({ change, member }) => change === 'out' && gone.add(member.name));
  const flood = setInterval(() => {
    for (let message = 0; message < 50; message += 1) main.trySend('work', 'x'.repeat(500));
  }, 1);
  const missing = [];
  for (let round = 0; round < 20; round += 1) {
    const { started, said } = worker(daemon, `worker ${round}`, `
      await client.subscribe('work');
      const reader = client.deliveries();
      client.on('delivery', () => {});
      parentPort.postMessage('ready');
      for await (const delivery of reader) client.send('result', delivery.payload);`);
    await until('ready', () => said.includes('ready'));
    await started.terminate();
    // Nobody has closed it: it says goodbye all the same.
    await until(`worker ${round} is out`, () => gone.has(`worker ${round}`)).catch((error) => missing.push(error));
  }
  clearInterval(flood);
  assert.deepEqual(missing, []);
  assert.equal(main.state, 'connected');
});
