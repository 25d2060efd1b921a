'use strict';

// gossiperld as a process, with one overlay on a free port of loopback.

const { spawn } = require('node:child_process');
const dgram = require('node:dgram');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { connect } = require('gossiperl');

const KEY = 'a key for tests only';

class Daemon {
  #process;
  #clients = [];

  constructor(process, folder, port) {
    this.#process = process;
    this.folder = folder;
    this.port = port;
  }

  /** Starts one, and waits until it serves. It ends with the test, or with the process. */
  static async start(test, options = {}) {
    const folder = options.folder ?? fs.mkdtempSync(path.join(os.tmpdir(), 'gossiperl-'));
    const port = options.port ?? (await freePort());
    const config = path.join(folder, 'gossiperl.toml');
    const overlay = `[overlays.main]\nip = "127.0.0.1"\nport = ${port}\nmember_name = "host-1"\nsymmetric_key = "${KEY}"\nracks = { default = [] }\n`;
    fs.writeFileSync(config, `data_dir = ${JSON.stringify(path.join(folder, 'data'))}\nrest = false\n${overlay}`, { mode: 0o600 });
    const child = spawn(process.env.GOSSIPERLD, ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    const end = () => child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.removeListener('exit', end));
    await started(child);
    const daemon = new Daemon(child, folder, port);
    test.after(async () => {
      await Promise.all(daemon.#clients.map((client) => client.close()));
      await daemon.crash();
      fs.rmSync(folder, { recursive: true, force: true });
    });
    return daemon;
  }

  /** What kill -9 does. */
  async crash() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }

  /** Starts it again where it was. */
  again(test) {
    return Daemon.start(test, { folder: this.folder, port: this.port });
  }

  options(name, more = {}) {
    return { port: this.port, name, key: KEY, ...more };
  }

  /** A client that is closed before the daemon ends. */
  async client(name, more) {
    const client = await connect(this.options(name, more));
    this.#clients.push(client);
    return client;
  }
}

function started(child) {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text) => {
      log = (log + text).slice(-100_000);
      if (log.includes('started')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`gossiperld ended with ${code}: ${log}`)));
  });
}

/** A UDP port that nobody has. */
function freePort() {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

/** Waits until it is true. */
async function until(what, condition) {
  const end = Date.now() + 180_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not after three minutes`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

module.exports = { Daemon, KEY, freePort, until };
