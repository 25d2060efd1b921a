// What applications write; it is only compiled.

import { connect, start, Digest, i16, i64, double, Client, Delivery, RefusedError, OptionError, nameOfBytes, type Event, type Member, type State } from 'gossiperl';

const client: Client = await connect({ port: 6666, name: 'meter', key: new Uint8Array(3), overlay: undefined, slowPolicy: 'drop_oldest' });

client.on('delivery', (delivery) => {
  const payload: Buffer = delivery.payload;
  const type: string = delivery.type;
  const publisher: bigint | undefined = delivery.publisher;
  console.log(payload, type, publisher);
});
client.once('member', ({ change, member }) => console.log(change satisfies 'in' | 'quarantine' | 'unreachable' | 'drop' | 'out' | 'rejoin', member.heartbeat satisfies bigint));
client.on('close', () => {}).ref().unref();

function told(event: Event): string {
  switch (event.kind) {
    case 'connected':
      return event.daemon;
    case 'disconnected':
      return event.reason;
    case 'subscribed':
    case 'unsubscribed':
      return event.types.join();
    case 'delivery':
      return event.digest().ids().join();
    case 'member':
      return event.member.name;
    case 'failed':
      return event.error instanceof RefusedError ? `${event.error.daemonCode}` : event.error.kind;
    case 'dropped':
      return `${event.type ?? ''}${event.count}`;
    case 'paused':
    case 'resumed':
      return event.type;
    default:
      return event satisfies never;
  }
}

for await (const event of client.events()) console.log(told(event));
for await (const delivery of client.deliveries()) console.log(delivery.id);
for await (const batch of client.deliveries().batches()) console.log(batch satisfies Delivery[]);

await client.subscribe('news');
await client.subscribe(['news', nameOfBytes(new Uint8Array([0xff]))]);
const room: Promise<void> | undefined = client.send('news', 'hello');
if (room) await room;
await client.sendAll('news', new Set(['hello', new Uint8Array(1), new Digest({ 1: true })]));
const sent: boolean = client.trySend('news', new Uint8Array(1));
await client.publish('reading', new Digest({ 1: 'boiler', 2: 71.5, 3: true, 4: i16(3) }).set(5, i64(1n)).set(6, 2n).set(7, double(1)));
// @ts-expect-error: it is no payload.
await client.publish('reading', 5);
// @ts-expect-error: there is no such option.
start({ port: 6666, name: 'meter', key: 'key', color: 'red' });
// @ts-expect-error: clients are made by connect and start.
new Client();

const digest = Digest.read(new Uint8Array(1));
const value: boolean | number | bigint | string | undefined = digest.get(1);
const bits: bigint = digest.bits(1);
const members: Member[] = await client.watchMembers();
const state: State = client.state;
console.log(sent, value, bits, members, state);
try {
  await client.flush();
} catch (error) {
  if (error instanceof OptionError) console.log(error.option satisfies string, error.code);
}
await using another = start({ port: 6666, name: 'meter', key: 'key', additionalKeys: ['a', new Uint8Array(1)] });
await another.drain();
await client.close();
