'use strict';

// The README's quick start, the examples and the program of all languages, as they are.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Daemon, KEY, until } = require('./support/daemon.js');

/** Starts a program of this project. */
function program(t, file, ...more) {
  const child = spawn(process.execPath, [file, ...more.map(String)], { env: { ...process.env, GOSSIPERL_KEY: KEY } });
  const started = { child, output: '', errors: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (started.output += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (started.errors += text));
  started.ended = new Promise((resolve) => child.once('close', resolve));
  t.after(() => child.kill('SIGKILL'));
  started.says = (text) => until(`${file} says ${text}: ${started.errors}`, () => started.output.includes(text) || child.exitCode > 0);
  return started;
}

test("the README's programs run as they are", async (t) => {
  const daemon = await Daemon.start(t);
  const readme = fs.readFileSync(require.resolve('gossiperl/package.json').replace('package.json', 'README.md'), 'utf8');
  const programs = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, text]) => text);
  assert.ok(programs.length > 0);
  for (const [number, text] of programs.entries()) {
    const file = path.resolve(`readme-${number}.mjs`);
    fs.writeFileSync(file, text.replaceAll('6666', String(daemon.port)));
    const started = program(t, file);
    assert.equal(await started.ended, 0, started.errors);
    const expected = [...text.matchAll(/\/\/ prints: (.*)/g)].map(([, line]) => line);
    assert.deepEqual(started.output.trimEnd().split('\n').filter((line) => line !== ''), expected);
  }
});

test('people chat', async (t) => {
  const daemon = await Daemon.start(t);
  const ada = program(t, 'chat.mjs', daemon.port, 'ada');
  await ada.says('* here: nobody else');
  const bob = program(t, 'chat.mjs', daemon.port, 'bob');
  await bob.says('* here: ada');
  await ada.says('* bob is here');
  bob.child.stdin.write('hello\n');
  await ada.says('<bob> hello');
  ada.child.stdin.write('grüße\n');
  await bob.says('<ada> grüße');
  bob.child.stdin.end();
  assert.equal(await bob.ended, 0, bob.errors);
  await ada.says('* bob is gone');
  ada.child.stdin.end();
  assert.equal(await ada.ended, 0, ada.errors);
});

test('services find each other, and notice who leaves', async (t) => {
  const daemon = await Daemon.start(t);
  const first = program(t, 'presence.mjs', daemon.port, 'web', 'one', '10.0.0.1:80');
  await first.says('serving as web/one');
  const second = program(t, 'presence.mjs', daemon.port, 'db', 'two', '10.0.0.2:5432');
  await first.says('+ db/two at 10.0.0.2:5432');
  await second.says('+ web/one at 10.0.0.1:80');
  second.child.kill('SIGTERM');
  assert.equal(await second.ended, 0, second.errors);
  await first.says('- db/two');
  first.child.stdin.end();
  assert.equal(await first.ended, 0, first.errors);
});

test('the program of all languages understands itself', async (t) => {
  const daemon = await Daemon.start(t);
  const lines = ['bytes 61ff -', 'bytes 61ff 00ff', 'digest 6469676573742e -', 'digest 6469676573742e -5:bool:true,1:i64:-9223372036854775808,2:double:7ff8000000000123,3:double:8000000000000000,4:string:ff'];
  const receiver = program(t, 'peer.mjs', 'receive', daemon.port, 'receiver');
  receiver.child.stdin.write('61ff,6469676573742e\n');
  await receiver.says('ready\n');
  const publisher = program(t, 'peer.mjs', 'publish', daemon.port, 'publisher');
  publisher.child.stdin.end(lines.join('\n'));
  assert.equal(await publisher.ended, 0, publisher.errors);
  assert.equal(publisher.output, `done ${lines.length}\n`);
  await receiver.says(lines.at(-1));
  receiver.child.stdin.end();
  assert.equal(await receiver.ended, 0, receiver.errors);
  assert.deepEqual(receiver.output.trimEnd().split('\n').sort(), ['ready', ...lines].sort());

  const counting = program(t, 'peer.mjs', 'bench-receive', daemon.port, 'receiver', 500);
  await counting.says('ready');
  const sending = program(t, 'peer.mjs', 'bench-publish', daemon.port, 'publisher', 500, 200);
  for (const { ended, errors } of [sending, counting]) assert.equal(await ended, 0, errors);
  for (const { output } of [sending, counting]) assert.equal(JSON.parse(output.trim().split('\n').at(-1)).messages, 500);
  const wrong = program(t, 'peer.mjs', 'bench-receive', 1, 'receiver', 500);
  assert.equal(await wrong.ended, 1);
  assert.match(wrong.errors, /^peer: .*\n$/);
});
