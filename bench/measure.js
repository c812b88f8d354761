/**
 * Runs commands for the benchmark and keeps the conditions equal: an environment of its own, written-back
 * disks before each run, nothing of the benchmark's own work inside the measured time.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Something that a workload needs could not be had here; it is left out with this sentence. */
export class Missing extends Error {}

const WRAPPER = fileURLToPath(new URL('./measure.py', import.meta.url));

/** What the measured programs see of the environment: the same on every machine, nothing that changes how they start. */
export function environment(folder) {
  return { PATH: process.env.PATH, HOME: join(folder, 'home'), TMPDIR: folder, LC_ALL: 'C.UTF-8', TWINTREE_STATE_DIR: join(folder, 'state') };
}

/** Runs `command` (an array) and returns { wall, user, sys } in seconds and { rss } in bytes. Throws where it fails. */
export function measure(command, folder) {
  const log = join(folder, 'last-output');
  const done = spawnSync('python3', ['-IS', WRAPPER, '--out', log, ...command], { encoding: 'utf8', env: environment(folder) });
  if (done.status !== 0) throw new Error(done.stderr || String(done.error));
  const sample = JSON.parse(done.stdout);
  if (sample.code !== 0) throw new Error(`${command.join(' ')} ended with ${sample.code}:\n${readFileSync(log, 'utf8').slice(-2000)}`);
  return sample;
}

/** Runs a command of the preparation; its output is kept for the error only. */
export function run(command, ...args) {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr || String(done.error)}`);
  return done.stdout;
}

/** Most memory that is touched before a run: what the largest workload writes, and some. */
const TOUCHED = 6 * 2 ** 30;
const TOUCH = 'import mmap, sys; mmap.mmap(-1, int(sys.argv[1]), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)';

/**
 * Writes all dirty pages back, so that a run does not pay for the one before; then touches free memory and frees it again:
 * a virtual machine may have given freed pages back to its host, and the first to use them next would pay for all (with
 * a copy of 4 GiB, two times the copy itself).
 */
export function settle() {
  run('sync');
  run('python3', '-IS', '-c', TOUCH, String(Math.max(4096, Math.min(TOUCHED, Math.floor(freemem() / 2)))));
}

/** The middle value; of an even number the mean of the two middle ones. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
