// Service presence: instances of services say where they serve, and everybody knows which of them are there.
//
//   GOSSIPERL_KEY=… node presence.mjs PORT SERVICE INSTANCE ADDRESS
//
// An instance's name in the overlay is SERVICE/INSTANCE: that it comes, fails and goes is told by membership, within seconds and from any host. Where it serves is a digest of type
// `presence`, published when it starts, and again for each instance that comes later. It ends with its input, or by SIGTERM.

import { Digest, connect, i32 } from 'gossiperl';

const [port, service, instance, address] = process.argv.slice(2);
const name = `${service}/${instance}`;
const client = await connect({ port: Number(port), name, key: process.env.GOSSIPERL_KEY });

/** The instances that are there, and where they serve once they have said so. */
const instances = new Map();

/** Field ids of the digest, for programs in every language. */
const NAME = 1;
const HOST = 2;
const PORT = 3;

async function announce() {
  const at = address.lastIndexOf(':');
  const digest = new Digest({ [NAME]: name, [HOST]: address.slice(0, at), [PORT]: i32(Number(address.slice(at + 1))) });
  await client.publish('presence', digest);
}

function come(member) {
  if (member.kind === 'client' && member.name.includes('/') && member.name !== name && !instances.has(member.name)) {
    instances.set(member.name, undefined);
  }
}

function go(member) {
  if (instances.delete(member)) console.log(`- ${member}`);
}

client.on('member', ({ change, member }) => {
  if (change === 'in' || change === 'rejoin') {
    come(member);
  } else if (change === 'out' || change === 'unreachable' || change === 'drop') {
    go(member.name);
  }
});

client.on('delivery', (delivery) => {
  const digest = delivery.digest();
  const where = `${digest.get(HOST)}:${digest.get(PORT)}`;
  if (instances.get(digest.get(NAME)) === where) return;
  instances.set(digest.get(NAME), where);
  console.log(`+ ${digest.get(NAME)} at ${where}`);
  // It may not know of us yet, and listens since before it said so.
  announce().catch((error) => console.error(error.message));
});

await client.subscribe('presence');
for (const member of await client.watchMembers()) come(member);
await announce();
console.log(`serving as ${name}`);

async function leave() {
  await client.close();
  process.exit();
}
process.stdin.on('end', leave).resume();
process.on('SIGTERM', leave);
