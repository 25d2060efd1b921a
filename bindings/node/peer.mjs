// The program that every language has, for ci/interop and ci/bench-bindings: bindings/interop/README.md says what it does.

import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Digest, bool, byte, bytesOfName, connect, doubleOfBits, i16, i32, i64, nameOfBytes, string } from 'gossiperl';

/** A field of this kind from its text. */
const readers = {
  bool: (text) => bool(text === 'true'),
  byte: (text) => byte(Number(text)),
  i16: (text) => i16(Number(text)),
  i32: (text) => i32(Number(text)),
  i64: (text) => i64(BigInt(text)),
  double: (text) => doubleOfBits(BigInt(`0x${text}`)),
  string: (text) => string(bytesOf(text)),
};

function bytesOf(text) {
  return text === '-' ? Buffer.alloc(0) : Buffer.from(text, 'hex');
}

function hexOf(bytes) {
  return bytes.length === 0 ? '-' : bytes.toString('hex');
}

function nameOf(text) {
  return nameOfBytes(bytesOf(text));
}

function hexOfName(name) {
  return hexOf(bytesOfName(name));
}

function digestOf(text) {
  const fields = text === '-' ? [] : text.split(',').map((field) => field.split(':'));
  return new Digest(fields.map(([id, kind, value]) => [Number(id), readers[kind](value)]));
}

function textOf(digest) {
  const fields = digest.ids().map((id) => {
    const kind = digest.kind(id);
    let value = digest.get(id);
    if (kind === 'double') value = digest.bits(id).toString(16).padStart(16, '0');
    if (kind === 'string') value = hexOf(digest.bytes(id));
    return `${id}:${kind}:${value}`;
  });
  return fields.length === 0 ? '-' : fields.join(',');
}

/** Writes a line at once, whatever standard output is. */
function say(line) {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

async function publish(client, lines) {
  let count = 0;
  for await (const line of lines) {
    const [form, type, content] = line.split(' ');
    await client.publish(nameOf(type), form === 'digest' ? digestOf(content) : bytesOf(content));
    count += 1;
  }
  say(`done ${count}`);
}

async function receive(client, lines) {
  client.on('delivery', (delivery) => {
    const digest = delivery.type.startsWith('digest.');
    const content = digest ? textOf(delivery.digest()) : hexOf(delivery.payload);
    say(`${digest ? 'digest' : 'bytes'} ${hexOfName(delivery.type)} ${content}`);
  });
  const input = lines[Symbol.asyncIterator]();
  const types = await input.next();
  await client.subscribe(types.value.split(',').map(nameOf));
  say('ready');
  while (!(await input.next()).done);
}

async function benchPublish(client, count, size) {
  const payload = Buffer.alloc(size, 'x');
  const start = process.hrtime.bigint();
  await client.sendAll('bench', repeat(payload, count));
  await client.flush();
  sayTime(count, start, process.hrtime.bigint());
}

async function benchReceive(client, count) {
  await client.subscribe('bench');
  const batches = client.deliveries().batches();
  say('ready');
  let taken = 0;
  let bytes = 0;
  let start;
  for await (const batch of batches) {
    start ??= process.hrtime.bigint();
    for (const delivery of batch) bytes += delivery.payload.length;
    taken += batch.length;
    if (taken >= count) break;
  }
  sayTime(count, start, process.hrtime.bigint());
}

function* repeat(value, count) {
  for (let turn = 0; turn < count; turn += 1) yield value;
}

function sayTime(messages, start, end) {
  say(JSON.stringify({ messages, seconds: Number(end - start) / 1e9 }));
}

async function main([command, port, name, count, size]) {
  const client = await connect({ port: Number(port), name, key: process.env.GOSSIPERL_KEY ?? '' });
  const lines = () => createInterface({ input: process.stdin, crlfDelay: Infinity });
  if (command === 'publish') await publish(client, lines());
  else if (command === 'receive') await receive(client, lines());
  else if (command === 'bench-publish') await benchPublish(client, Number(count), Number(size));
  else if (command === 'bench-receive') await benchReceive(client, Number(count));
  else throw new Error(`there is no ${command}: give publish, receive, bench-publish or bench-receive`);
  await client.close();
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`peer: ${error.message}\n`);
  process.exit(1);
});
