/**
 * How long a change takes to another host: `node bench/lag.js [changes] [way…] [--program=BIN…]`. A mirror follows a tree of 1,000 files; one small file at a time is
 * changed, and seen at the target before the next one is. Ways: `local`, `pipe` (a remote shell that is a shell here), `ssh` (ssh with a server of its own at
 * the end of a pipe; root). Several programs (bin/twintree.js of other checkouts) take turns in one run. Tells the time from a change to its being visible without
 * the quiet time, CPU of both ends for each change, and then CPU and memory at rest. `npm run build` first.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { realSsh } from './remote.js';

const QUIET = 20;
const REST_MS = 5000;
const OWN = fileURLToPath(new URL('../bin/twintree.js', import.meta.url));

const words = process.argv.slice(2);
const programs = words.filter((word) => word.startsWith('--program=')).map((word) => word.slice('--program='.length));
const extra = words.filter((word) => word.startsWith('--') && !word.startsWith('--program='));
const [changes = '20', ...ways] = words.filter((word) => !word.startsWith('--'));
for (const way of ways.length > 0 ? ways : ['local', 'pipe', 'ssh']) {
  for (const program of programs.length > 0 ? programs : [OWN]) process.stdout.write(await one(way, program, Number(changes)));
}

async function one(way, program, count) {
  const folder = mkdtempSync(join(tmpdir(), 'twintree-lag-'));
  let mirror;
  try {
    const [source, target] = [join(folder, 's'), join(folder, 't')];
    for (let i = 0; i < 1000; i++) {
      if (i % 50 === 0) mkdirSync(join(source, `d${i / 50}`), { recursive: true });
      writeFileSync(join(source, `d${Math.floor(i / 50)}`, `f${i}`), `content ${i}`);
    }
    const remote = way === 'local' ? [] : ['-e', shell(way, folder), `--rsync-path=${process.execPath} ${program}`, '--no-bootstrap'];
    mirror = spawn(process.execPath, [program, 'mirror', '-q', '--delete', '--capture=inotify', `--quiet-time=${QUIET}ms`, ...extra, ...remote, `${source}/`, way === 'local' ? target : `host:${target}`], {
      stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, TWINTREE_STATE_DIR: join(folder, 'state') },
    });
    await until(() => existsSync(join(target, 'd19/f999')) && readFileSync(join(target, 'd19/f999'), 'latin1') === 'content 999');
    await change(source, target, -1); // the first copy is over, and all that is loaded once is
    const before = cpu(mirror.pid);
    const lags = [];
    for (let k = 0; k < count; k++) lags.push(await change(source, target, k) - QUIET);
    const spent = cpu(mirror.pid);
    lags.sort((a, b) => a - b);
    const at = (share) => lags[Math.min(lags.length - 1, Math.floor(share * lags.length))].toFixed(0);
    await wait(1000);
    const rest = cpu(mirror.pid);
    await wait(REST_MS);
    const resting = cpu(mirror.pid) - rest;
    return `${way.padEnd(6)} ${program === OWN ? '' : `${program} `}${count} changes: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; ${((1000 * (spent - before)) / count).toFixed(0)} ms CPU each; at rest ${((100 * 1000 * resting) / REST_MS).toFixed(2)} % CPU, ${memory(mirror.pid)} MB\n`;
  } finally {
    if (mirror !== undefined) {
      const gone = new Promise((resolve) => { mirror.once('exit', resolve); });
      mirror.kill('SIGTERM');
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

function shell(way, folder) {
  if (way === 'ssh') return realSsh({ folder }).words.join(' ');
  const path = join(folder, 'rsh');
  writeFileSync(path, '#!/bin/sh\nshift\nexec sh -c "$*"\n');
  chmodSync(path, 0o755);
  return path;
}

/** Changes one file and waits until the target has it. Resolves with the milliseconds in between. */
async function change(source, target, k) {
  const name = `d${((k % 20) + 20) % 20}/live`;
  const text = `change ${k} of ${name}`;
  const began = performance.now();
  writeFileSync(join(source, name), text);
  await until(() => existsSync(join(target, name)) && readFileSync(join(target, name), 'latin1') === text, 1);
  return performance.now() - began;
}

async function until(holds, every = 20) {
  const end = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('it did not come within a minute');
    await wait(every);
  }
}

/** A process, those it started, and the CPU of those that have ended, seconds. The other host is among them. */
function cpu(pid) {
  return [pid, ...below(pid)].reduce((sum, each) => sum + cpuOf(each), 0);
}

function cpuOf(pid) {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return 0;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 15).map(Number); // own user and system time, that of children that have ended
  return fields.reduce((sum, ticks) => sum + ticks, 0) / 100;
}

/** Resident memory of all of them, MB; what they share counts for each. */
function memory(pid) {
  const kib = [pid, ...below(pid)].reduce((sum, each) => sum + Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${each}/status`) ?? '')?.[1] ?? 0), 0);
  return Math.round(kib / 1024);
}

function below(pid) {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((each) => {
    const stat = read(`/proc/${each}/stat`);
    return stat !== undefined && stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === String(pid);
  });
  return children.map(Number).concat(children.flatMap((each) => below(Number(each))));
}

function read(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined; // it has ended
  }
}
