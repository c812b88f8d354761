/**
 * The benchmark: `npm run bench [-- NAME…] [--runs N] [--command TEMPLATE] [--no-check] [--list] [--clean]`.
 *
 * Runs twintree beside its peers, taking turns (A B A B), each run from the same reset state and after a write-back of
 * the disk; prints medians and ratios and keeps every sample in bench/results/. Exit code 1 where a floor is missed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CUTOVER_WORKLOADS, printCutover, runCutover } from './cutover.js';
import { FOLLOW_WORKLOADS, printFollow, runFollow } from './follow.js';
import { Missing, measure, median, run, settle } from './measure.js';
import { WORKLOADS, cleanUp } from './workloads.js';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));

/** The quantities that ratios are made of; a workload's own goal and floor are those of `wall`. */
const QUANTITIES = { wall: (s) => s.wall, cpu: (s) => s.user + s.sys, bytes: (s) => s.bytes };

const ALL = { ...WORKLOADS, ...FOLLOW_WORKLOADS, ...CUTOVER_WORKLOADS };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '5' },
    command: { type: 'string' },
    'no-check': { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    clean: { type: 'boolean', default: false },
  },
});
const folder = process.env.TWINTREE_BENCH_DIR ?? join(tmpdir(), 'twintree-bench');
process.exitCode = main();

function main() {
  if (values.list) {
    for (const [name, { title }] of Object.entries(ALL)) process.stdout.write(`${name.padEnd(22)}${title}\n`);
    return 0;
  }
  if (values.clean) {
    rmSync(folder, { recursive: true, force: true });
    return 0;
  }
  const names = positionals.length > 0 ? positionals : Object.keys(ALL);
  const runs = Number(values.runs);
  const unknown = names.filter((name) => !(name in ALL));
  if (unknown.length > 0 || !Number.isInteger(runs) || runs < 1) {
    process.stderr.write(unknown.length > 0 ? `unknown workload: ${unknown.join(', ')} (see --list)\n` : '--runs takes a whole number from 1\n');
    return 2;
  }
  mkdirSync(join(folder, 'data'), { recursive: true });
  mkdirSync(join(folder, 'home'), { recursive: true });
  const unlock = lock(join(folder, 'lock'));
  if (unlock === undefined) {
    process.stderr.write(`another benchmark is at work in ${folder}\n`);
    return 2;
  }
  const results = [];
  const followed = [];
  const cutOver = [];
  const note = (text) => process.stderr.write(text);
  const keepIn = (list, result) => { if (result !== undefined) list.push(result); };
  for (const name of names) {
    if (name in FOLLOW_WORKLOADS) keepIn(followed, runFollow(name, runs, folder, note));
    else if (name in CUTOVER_WORKLOADS) keepIn(cutOver, runCutover(name, runs, folder, note));
    else keepIn(results, workload(name, runs));
  }
  unlock();
  if (results.length > 0) printTable(results);
  printFollow(followed);
  printCutover(cutOver);
  const all = [...results, ...followed, ...cutOver];
  if (all.length > 0) keep(all);
  return all.some((result) => result.missed) ? 1 : 0;
}

/** Two at once would work on the same target. Undefined where another process that is alive holds the lock; one that was killed leaves it, and that counts for nothing. */
function lock(path) {
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(readFileSync(path, 'utf8'));
    if (existsSync(`/proc/${holder}`)) return undefined;
    rmSync(path, { force: true });
  }
}

/** The command under test: a template in which {args}, {src} and {dst} are replaced, or twintree itself. */
function context() {
  const shim = join(REPOSITORY, 'bin', 'twintree.js');
  const template = values.command?.split(' ').filter(Boolean);
  const build = (args, src, dst) => {
    if (template === undefined) return [process.execPath, shim, 'sync', ...args, src, dst];
    return template.flatMap((part) => (part === '{args}' ? args : [part.replaceAll('{src}', src).replaceAll('{dst}', dst)]));
  };
  // Between hosts both ends are this twintree.
  const remote = (args, src, dst) => [process.execPath, shim, 'sync', '--no-bootstrap', '--retries=0', `--rsync-path=${process.execPath} ${shim}`, ...args, src, dst];
  const command = (...words) => [process.execPath, shim, ...words];
  return { folder, twintree: build, remote, command, version: template === undefined ? [process.execPath, shim, '--version'] : [template[0], '--version'] };
}

function workload(name, runs) {
  const plan = WORKLOADS[name];
  const here = context();
  process.stderr.write(`${name}: ${plan.title}\n`);
  let job;
  try {
    job = plan.prepare(here);
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    process.stderr.write(`  left out: ${error.message}\n`);
    return undefined;
  }
  try {
    const tools = Object.keys(job.tools);
    const samples = Object.fromEntries(tools.map((tool) => [tool, []]));
    if (job.warmUp) {
      for (const tool of tools) {
        const sample = measure(job.tools[tool], folder);
        job.account?.(sample);
      }
    }
    for (let i = 0; i < Math.min(Math.max(runs, job.runs ?? 0), plan.mostRuns ?? Infinity); i++) {
      for (const tool of tools) {
        job.reset();
        settle();
        const measured = measure(job.tools[tool], folder);
        const sample = job.account === undefined ? measured : job.account(measured);
        samples[tool].push(sample);
        process.stderr.write(`  ${tool.padEnd(9)}${seconds(sample.wall)}  cpu ${seconds(sample.user + sample.sys)}  ${megabytes(sample.rss)}${sample.bytes === undefined ? '' : `  ${sample.up} + ${sample.down} bytes`}\n`);
        if (tool === 'twintree' && i === 0 && job.check !== false && !values['no-check']) check(name, job);
      }
    }
    return summary(name, plan, samples);
  } finally {
    job.finish?.();
    cleanUp(here);
  }
}

/** That the fast run did its work: source and target are compared by a program that shares nothing with it. */
function check(name, job) {
  const done = spawnSync('python3', ['-IS', join(REPOSITORY, 'test/support/compare-trees.py')], {
    input: JSON.stringify({ a: job.source, b: job.target }), encoding: 'utf8', maxBuffer: 1 << 28,
  });
  if (done.status !== 0) throw new Error(done.stderr);
  const { differences } = JSON.parse(done.stdout);
  if (differences.length > 0) throw new Error(`${name}: the target is not equal after the run: ${JSON.stringify(differences.slice(0, 5))}`);
}

function summary(name, plan, samples) {
  const tools = Object.fromEntries(Object.entries(samples).map(([tool, list]) => {
    const medians = Object.fromEntries(Object.entries(QUANTITIES).filter(([, of]) => list.every((s) => of(s) !== undefined)).map(([quantity, of]) => [quantity, median(list.map(of))]));
    return [tool, { ...medians, rss: median(list.map((s) => s.rss)), samples: list }];
  }));
  const [mine, peer] = [tools.twintree, tools[plan.peer]];
  const limits = { wall: { goal: plan.goal, floor: plan.floor }, cpu: { ...plan.cpu }, bytes: { ...plan.bytes } };
  const ratios = {};
  for (const [quantity, limit] of Object.entries(limits)) {
    if (mine[quantity] === undefined) continue;
    const ratio = mine[quantity] / peer[quantity];
    ratios[quantity] = { ratio, ...limit, missed: limit.floor !== undefined && ratio > limit.floor };
  }
  const missed = Object.values(ratios).some((each) => each.missed) || (plan.memory !== undefined && mine.rss > plan.memory.floor * 1e6);
  return { name, title: plan.title, peer: plan.peer, ratios, memory: plan.memory, missed, tools };
}

function seconds(value) {
  return `${value < 10 ? value.toFixed(3) : value.toFixed(2)} s`.padStart(9);
}
function megabytes(value) {
  return `${Math.round(value / 1e6)} MB`.padStart(7);
}

function printTable(results) {
  const line = (...cells) => process.stdout.write(`${cells[0].padEnd(22)}${cells[1].padEnd(10)}${cells.slice(2).map((cell) => cell.padStart(13)).join('')}\n`);
  line('workload', 'tool', 'wall', 'cpu', 'memory', 'bytes', 'ratio', 'goal', 'floor');
  for (const r of results) {
    for (const [tool, t] of Object.entries(r.tools)) {
      const mine = tool === 'twintree';
      const ratio = mine ? ratioCells(r.ratios.wall) : [tool === r.peer ? '1' : ''];
      line(mine ? r.name : '', tool, seconds(t.wall), seconds(t.cpu), megabytes(t.rss), t.bytes === undefined ? '' : String(t.bytes), ...ratio);
    }
    for (const quantity of ['cpu', 'bytes']) {
      if (r.ratios[quantity] !== undefined) line('', `(${quantity})`, '', '', '', '', ...ratioCells(r.ratios[quantity]));
    }
    if (r.memory !== undefined) line('', '(memory)', '', '', megabytes(r.tools.twintree.rss), '', '', `${r.memory.goal} MB`, `${r.memory.floor} MB`);
  }
}

function ratioCells({ ratio, goal, floor, missed }) {
  return [ratio < 0.1 ? ratio.toPrecision(2) : ratio.toFixed(2), goal === undefined ? '' : String(goal), floor === undefined ? '' : `${floor}${missed ? ' missed' : ''}`];
}

/** Every sample with what it was measured on, as JSON. */
function keep(results) {
  const at = join(REPOSITORY, 'bench', 'results');
  mkdirSync(at, { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model, cores: cpus().length, memory: totalmem(), system: `${process.platform} ${release()}`, node: process.version,
    rsync: run('rsync', '--version').split('\n')[0], fileSystem: `0x${statfsSync(folder).type.toString(16)}`,
  };
  const path = join(at, `${new Date().toISOString().replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(path, `${JSON.stringify({ version: 2, date: new Date().toISOString(), command: values.command, machine, results }, undefined, 1)}\n`);
  process.stdout.write(`\nall samples: ${path}\n`);
}
