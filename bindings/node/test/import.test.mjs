// The package as modules and as CommonJS, and what is in it.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import * as imported from 'gossiperl';

const require = createRequire(import.meta.url);

test('both ways of loading it give the same', () => {
  const required = require('gossiperl');
  const names = Object.keys(required).sort();
  assert.deepEqual(Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports').sort(), names);
  for (const name of names) assert.equal(imported[name], required[name]);
});

test('its types name everything that it has', () => {
  const types = readFileSync(path.join(path.dirname(require.resolve('gossiperl')), 'index.d.ts'), 'utf8');
  for (const name of Object.keys(imported)) {
    if (name === 'default' || name === 'module.exports') continue;
    assert.match(types, new RegExp(`export (class|function) ${name}\\b`), name);
  }
});

test('it brings the native module, compiles nothing, and needs no other package', () => {
  const manifest = require('gossiperl/package.json');
  assert.deepEqual([manifest.scripts, manifest.dependencies], [undefined, undefined]);
  assert.match(manifest.version, /^\d+\.\d+\.\d+/);
  const files = readdirSync(path.dirname(require.resolve('gossiperl/package.json')));
  assert.ok(files.some((file) => file.endsWith('.node')), files.join());
  for (const file of ['README.md', 'LICENSE-MIT', 'LICENSE-APACHE']) assert.ok(files.includes(file), file);
});

test('a platform without a native module is told', async () => {
  const { spawnSync } = await import('node:child_process');
  const program = `Object.defineProperty(process, 'arch', { value: 'sparc' }); require('gossiperl');`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /the package gossiperl has no native module for \w+-sparc/);
});
