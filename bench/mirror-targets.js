/**
 * What a further target of a mirror costs: `node bench/mirror-targets.js [local|shell…]`. One source (3,000 files of 20 KB, one of 64 MB) is mirrored to one, two and
 * four targets on this machine, as folders or over a remote shell that stands in for ssh. For the first copy, for five batches of 100 rewritten files, and for five
 * small changes of the large one: CPU seconds of all processes, bytes read by the mirror's own, and the time until the last target has it. `npm run build` first.
 */
import { spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../bin/twintree.js', import.meta.url));
const FILES = 3000;
const LARGE = 64 << 20;
const BATCHES = 5;
const BATCH = 100;
const CHANGES = 5;
const TICKS = 100; // of /proc/PID/stat in a second

const ways = process.argv.length > 2 ? process.argv.slice(2) : ['local', 'shell'];
const root = mkdtempSync(join(tmpdir(), 'twintree-targets-'));
async function main() {
  const shell = join(root, 'rsh');
  writeFileSync(shell, '#!/bin/sh\nwhile [ "$1" = -l ] || [ "$1" = -p ]; do shift 2; done\nshift\nexec sh -c "exec $*"\n');
  chmodSync(shell, 0o755);
  process.stdout.write('way     targets   first copy: CPU s, MB read, s      batches: CPU s, MB read, ms each      large file: CPU s, MB read, ms each\n');
  for (const way of ways) for (const count of [1, 2, 4]) await measure(way, count, shell);
}

async function measure(way, count, shell) {
  const source = join(root, 's');
  const targets = Array.from({ length: count }, (_, k) => join(root, `t${k}`));
  mkdirSync(source);
  for (let k = 0; k < FILES; k++) {
    if (k % BATCH === 0) mkdirSync(join(source, `d${k / BATCH}`));
    writeFileSync(fileAt(source, k), content(20_000));
  }
  const large = openSync(join(source, 'large'), 'w');
  for (let at = 0; at < LARGE; at += 1 << 20) writeSync(large, content(1 << 20));
  const args = way === 'local' ? [] : ['-e', shell, `--rsync-path=${process.execPath} ${PROGRAM}`, '--no-bootstrap'];
  const mirror = new Watched(['mirror', '--json', '--quiet-time=100ms', ...args, `${source}/`, ...targets.map((target) => (way === 'local' ? target : `host:${target}`))], count);
  const parts = [await mirror.until(() => mirror.files.every((n) => n >= FILES + 1))];
  const batches = [];
  for (let round = 0; round < BATCHES; round++) {
    const goal = mirror.files.map((n) => n + BATCH);
    for (let k = 0; k < BATCH; k++) writeFileSync(fileAt(source, round * BATCH + k), content(20_000));
    batches.push(await mirror.until(() => mirror.files.every((n, k) => n >= goal[k])));
  }
  parts.push(sum(batches));
  const changes = [];
  for (let k = 0; k < CHANGES; k++) {
    const goal = mirror.files.map((n) => n + 1);
    writeSync(large, content(4096), 0, 4096, k * 12_000_000);
    changes.push(await mirror.until(() => mirror.files.every((n, i) => n >= goal[i])));
  }
  parts.push(sum(changes));
  closeSync(large);
  await mirror.end();
  const each = [1000, BATCHES, CHANGES];
  process.stdout.write(`${way.padEnd(8)}${String(count).padEnd(10)}${parts.map(({ cpu, read, ms }, k) => `${cpu.toFixed(2).padStart(8)} ${(read / 1e6).toFixed(0).padStart(8)} ${(ms / each[k]).toFixed(k === 0 ? 1 : 0).padStart(8)}`).join('   |  ')}\n`);
  for (const tree of [source, ...targets]) rmSync(tree, { recursive: true, force: true });
}

function fileAt(source, k) {
  return join(source, `d${Math.floor(k / BATCH)}`, `f${k}`);
}

let seed = 1;
/** Bytes that do not compress, and are others each time. */
function content(length) {
  const out = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    out.writeInt32LE(seed ^ (seed >>> 13), Math.min(at, length - 4));
  }
  return out;
}

function sum(parts) {
  return parts.reduce((a, b) => ({ cpu: a.cpu + b.cpu, read: a.read + b.read, ms: a.ms + b.ms }));
}

/** A mirror as a process, with its children; `files`: carried to each target so far. */
class Watched {
  constructor(args, count) {
    this.files = Array.from({ length: count }, () => 0);
    this.names = new Map();
    this.last = { cpu: 0, read: 0 };
    this.wake = () => undefined;
    this.child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TWINTREE_STATE_DIR: join(root, 'state') } });
    this.at = performance.now();
    let rest = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) this.heard(JSON.parse(line));
      this.wake();
    });
    this.child.on('exit', () => { this.gone = true; this.wake(); });
  }

  heard({ type, target, transferredFiles }) {
    if (type !== 'session') return;
    if (!this.names.has(target)) this.names.set(target, this.names.size);
    this.files[this.names.get(target)] += transferredFiles;
  }

  /** Waits, and tells what was spent since the last time. */
  async until(done) {
    while (!done()) {
      if (this.gone) throw new Error('the mirror has ended');
      await new Promise((resolve) => { this.wake = resolve; });
    }
    const now = { cpu: this.cpu(), read: Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${this.child.pid}/io`, 'utf8'))[1]) };
    const spent = { cpu: now.cpu - this.last.cpu, read: now.read - this.last.read, ms: performance.now() - this.at };
    this.last = now;
    this.at = performance.now();
    return spent;
  }

  /** Of the process and of those of its children that have ended, s. */
  cpu() {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return fields.slice(11, 15).reduce((total, ticks) => total + Number(ticks), 0) / TICKS;
  }

  async end() {
    if (this.gone) return;
    this.child.kill('SIGTERM');
    await new Promise((resolve) => { this.child.once('exit', resolve); });
  }
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { // the mirror ends with its pipe
  rmSync(root, { recursive: true, force: true });
  process.exit(1);
});
try {
  await main();
} finally {
  rmSync(root, { recursive: true, force: true });
}
