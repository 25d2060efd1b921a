// What applications write that are CommonJS; it is only compiled.

import gossiperl = require('gossiperl');

async function main(): Promise<void> {
  const client: gossiperl.Client = await gossiperl.connect({ port: 6666, name: 'meter', key: 'key' });
  const names: string[] = (await client.members()).map(({ name }) => name);
  console.log(names);
}

void main();
