/**
 * The workloads of following: how soon a change is on the target, what it costs to begin and at rest, beside lsyncd. Each run of a tool is one
 * process that is started, left alone, given changes at a rate, and ended (follow.py); so several numbers come out of one run, and they are
 * compared with absolute goals.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { emptyFiles, followFiles, largeFile } from './data.js';
import { environment, median, Missing, run, settle } from './measure.js';
import { realSsh } from './remote.js';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const SHIM = join(REPOSITORY, 'bin', 'twintree.js');
const HARNESS = fileURLToPath(new URL('./follow.py', import.meta.url));

/** Files of the tree that is followed. */
const FILES = 100_000;

/** What is measured: how it is printed, and what is better. */
const SHOWN = {
  setup: ['begun', 's'], rest: ['at rest', '% CPU'], memory: ['memory', 'MB'], p50: ['p50', 'ms'], p99: ['p99', 'ms'], worst: ['worst', 'ms'], cpu: ['CPU', 's'], read: ['read', 'MB'], written: ['written', 'MB'], missing: ['missing', ''],
};
const SCALE = { rest: 100, memory: 1e-6, read: 1e-6, written: 1e-6 };

/** `count` files of the tree, such that neighbours in time are far apart in it. */
function spread(count) {
  return Array.from({ length: count }, (_, i) => {
    const k = (i * 9973) % FILES;
    return `area${Math.floor(k / 100) % 40}/folder${Math.floor(k / 100)}/file${k % 100}`;
  });
}

/** A tree and an equal copy, and how each tool follows it. */
function follow(context, source, { spec, remote = false, mirrorArgs = [], lsyncdArgs = '' }) {
  const target = join(context.folder, 'target');
  run('rm', '-rf', '--one-file-system', '--', target);
  mkdirSync(target);
  run('rsync', '-a', '--delete', `${source}/`, `${target}/`);
  if (spawnSync('lsyncd', ['--version']).status !== 0) throw new Missing('lsyncd is not installed (package lsyncd)');
  const shell = remote ? realSsh(context).words.join(' ') : undefined;
  const config = join(context.folder, 'lsyncd.conf');
  const far = remote ? `host:${target}/` : `${target}/`;
  writeFileSync(config, `settings { nodaemon = true, statusFile = "${context.folder}/lsyncd.status", logfile = "${context.folder}/lsyncd.log" }\n`
    + `sync { default.rsync, source = "${source}/", target = "${far}", delay = ${context.lsyncdDelay}, rsync = { archive = true${remote ? `, rsh = "${shell}"` : ''}${lsyncdArgs} } }\n`);
  const reach = remote ? ['-e', shell, '--no-bootstrap', `--rsync-path=${process.execPath} ${SHIM}`] : [];
  return {
    source, target, spec,
    tools: {
      twintree: [process.execPath, SHIM, 'mirror', '-q', '--delete', ...mirrorArgs, ...reach, `${source}/`, remote ? `host:${target}` : target],
      lsyncd: ['lsyncd', config],
    },
  };
}

const at = (rate, changes) => ({ spec: { rate, changes, paths: spread(changes), rest: 5, patience: 300 } });

/** A large file of which 250 bytes change every second, on the disk of the data sets. TWINTREE_BENCH_GIB: its size. */
function hugeFile(context) {
  const source = largeFile(context.folder, Number(process.env.TWINTREE_BENCH_GIB ?? 10));
  return follow(context, source, { spec: { rate: 1, changes: 20, paths: ['large.bin'], edit: 250, rest: 5, patience: 900, settle: 5 }, mirrorArgs: ['--state', '--inplace', '--no-whole-file'], lsyncdArgs: ', _extra = { "--inplace", "--no-whole-file" }' });
}

/** By name; `goals`: [goal, floor] for what is measured of twintree, in the unit that is printed. */
export const FOLLOW_WORKLOADS = {
  'mirror-10': { title: '100,000 files followed, 10 changes a second', goals: { p50: [20, 100], p99: [100, 500], rest: [0.1, 1], memory: [150, 300] }, prepare: (c) => follow(c, followFiles(c.folder), { spec: { ...at(10, 100).spec, rest: 20, settle: 10 } }) },
  'mirror-100': { title: '100,000 files followed, 100 changes a second', goals: { p50: [20, 100], p99: [100, 500] }, prepare: (c) => follow(c, followFiles(c.folder), at(100, 1000)) },
  'mirror-1000': { title: '100,000 files followed, 1,000 changes a second', goals: {}, prepare: (c) => follow(c, followFiles(c.folder), at(1000, 10_000)) },
  'mirror-10000': { title: '100,000 files followed, 10,000 changes a second', goals: {}, mostRuns: 3, prepare: (c) => follow(c, followFiles(c.folder), at(10_000, 50_000)) },
  'mirror-ssh-10': { title: 'the same over ssh, 10 changes a second', goals: {}, prepare: (c) => follow(c, followFiles(c.folder), { ...at(10, 100), remote: true }) },
  'mirror-ssh-100': { title: 'the same over ssh, 100 changes a second', goals: {}, prepare: (c) => follow(c, followFiles(c.folder), { ...at(100, 1000), remote: true }) },
  'mirror-rest': { title: '1,000,000 files followed, nothing happens', goals: { rest: [0.1, 1], memory: [150, 300] }, mostRuns: 3, prepare: (c) => follow(c, emptyFiles(c.folder), { spec: { rate: 1, changes: 0, paths: [], rest: 20, patience: 600, settle: 10 } }) },
  'mirror-huge': { title: 'a file of 10 GiB, 250 bytes changed every second', goals: {}, mostRuns: 1, prepare: hugeFile },
};

/** Runs one workload and returns its samples and medians; undefined: something that it needs is not there. */
export function runFollow(name, runs, folder, note) {
  const plan = FOLLOW_WORKLOADS[name];
  const context = { folder, lsyncdDelay: Number(process.env.LSYNCD_DELAY ?? 0) };
  note(`${name}: ${plan.title}\n`);
  let job;
  try {
    job = plan.prepare(context);
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    note(`  left out: ${error.message}\n`);
    return undefined;
  }
  const samples = { twintree: [], lsyncd: [] };
  for (let i = 0; i < Math.min(runs, plan.mostRuns ?? Infinity); i++) {
    for (const [tool, command] of Object.entries(job.tools)) {
      rmSync(join(folder, 'state'), { recursive: true, force: true });
      settle();
      const sample = measured({ ...job.spec, command, source: job.source, target: job.target, out: join(folder, 'last-output') }, folder);
      samples[tool].push(sample);
      note(`  ${tool.padEnd(9)}${cells(sample).map(([label, value, unit]) => `${label} ${value}${unit === '' ? '' : ` ${unit}`}`).join(', ')}\n`);
    }
  }
  for (const path of ['target', 'ssh', 'state', 'lsyncd.conf', 'lsyncd.status', 'lsyncd.log']) run('rm', '-rf', '--one-file-system', '--', join(folder, path));
  const tools = Object.fromEntries(Object.entries(samples).map(([tool, list]) => [tool, { ...medians(list), samples: list }]));
  const missed = Object.entries(plan.goals).some(([what, [, floor]]) => (tools.twintree[what] ?? 0) * (SCALE[what] ?? 1) > floor);
  return { name, title: plan.title, goals: plan.goals, missed, tools };
}

function measured(spec, folder) {
  const done = spawnSync('python3', ['-IS', HARNESS], { input: JSON.stringify(spec), encoding: 'utf8', env: environment(folder) });
  if (done.status !== 0) throw new Error(`${done.stderr}${existsSync(spec.out) ? readFileSync(spec.out, 'utf8').slice(-2000) : ''}`);
  return JSON.parse(done.stdout);
}

function medians(list) {
  const keys = Object.keys(list[0] ?? {}).filter((key) => list.every((sample) => typeof sample[key] === 'number'));
  return Object.fromEntries(keys.map((key) => [key, median(list.map((sample) => sample[key]))]));
}

function cells(sample) {
  return Object.entries(SHOWN).filter(([key]) => typeof sample[key] === 'number').map(([key, [label, unit]]) => [label, number(sample[key] * (SCALE[key] ?? 1)), unit]);
}

function number(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** A table of what came out, with the goals that are missed. */
export function printFollow(results) {
  if (results.length === 0) return;
  const keys = Object.keys(SHOWN);
  const line = (...row) => process.stdout.write(`${row[0].padEnd(16)}${row[1].padEnd(10)}${row.slice(2).map((cell) => cell.padStart(12)).join('')}\n`);
  line('workload', 'tool', ...keys.map((key) => [SHOWN[key][0], SHOWN[key][1]].filter(Boolean).join(' ')));
  for (const { name, goals, tools } of results) {
    for (const [tool, medianOf] of Object.entries(tools)) line(tool === 'twintree' ? name : '', tool, ...keys.map((key) => (medianOf[key] === undefined ? '' : number(medianOf[key] * (SCALE[key] ?? 1)))));
    if (Object.keys(goals).length > 0) line('', '(goal)', ...keys.map((key) => (goals[key] === undefined ? '' : `${goals[key][0]} (${goals[key][1]})`)));
  }
}
