// A chat: publishes each line that is typed, and prints the lines of others and who comes and goes.
//
//   GOSSIPERL_KEY=… node chat.mjs PORT NAME

import { createInterface } from 'node:readline';
import { Digest, connect } from 'gossiperl';

const [port, name] = process.argv.slice(2);
const client = await connect({ port: Number(port), name, key: process.env.GOSSIPERL_KEY });

client.on('delivery', (delivery) => {
  const said = delivery.digest();
  console.log(`<${said.get(1)}> ${said.get(2)}`);
});
client.on('member', ({ change, member }) => {
  if (member.kind !== 'client' || member.name === name) return;
  if (change === 'in' || change === 'rejoin') console.log(`* ${member.name} is here`);
  if (change === 'out' || change === 'unreachable') console.log(`* ${member.name} is gone`);
});
client.on('disconnected', ({ reason }) => console.log(`* disconnected: ${reason}`));

const members = await client.watchMembers();
await client.subscribe('chat');
const others = members.filter((member) => member.kind === 'client' && member.name !== name);
console.log(`* here: ${others.map((member) => member.name).join(', ') || 'nobody else'}`);

for await (const line of createInterface({ input: process.stdin })) {
  await client.publish('chat', new Digest([[1, name], [2, line]]));
}
await client.close();
