/**
 * The delta engine beside rdiff: `node bench/delta.js [MEBIBYTES] [--runs N]` after a build (default 256, 3 runs).
 *
 * For each kind of change, signature and delta as whole processes on warm files, taking turns, and the CPU (user + system)
 * and wall time of each, with the ratio twintree / rdiff; also the size of the delta. Then the kernel alone, in GB/s. Files are made in
 * $TWINTREE_BENCH_DIR or the system's folder for temporary files and removed at the end.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { randomFillSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measure, median } from './measure.js';
import { createKernel } from '../dist/hash/index.js';
import { encodeAligned, encodeRound, exchange, firstAligned, leafLengthFor, LeafSummer, Signature, SignatureBuilder, SumCollector } from '../dist/delta/index.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { runs: { type: 'string', default: '3' } } });
const SIZE = Number(positionals[0] ?? 256) << 20;
const RUNS = Number(values.runs);
const parent = process.env.TWINTREE_BENCH_DIR ?? tmpdir();
mkdirSync(parent, { recursive: true });
const folder = mkdtempSync(join(parent, 'twintree-delta-'));
mkdirSync(join(folder, 'home'));
const at = (name) => join(folder, name);
const SHIM = fileURLToPath(new URL('../bin/twintree.js', import.meta.url));

function main() {
  const basis = randomFillSync(Buffer.allocUnsafe(SIZE));
  put('basis', [basis]);
  const rdiff = spawnSync('rdiff', ['--version']).status === 0;
  if (!rdiff) process.stderr.write('rdiff is not here: twintree alone\n');
  for (const [name, make] of Object.entries(CASES)) {
    put('source', make(basis));
    pair(name, rdiff);
    rounds(name, basis);
  }
  kernelSpeed();
}

/** What the source is, as pieces. */
const CASES = {
  'identical': (basis) => [basis],
  '250 bytes changed': (basis) => [basis.subarray(0, SIZE / 2), Buffer.alloc(250, 'x'), basis.subarray(SIZE / 2 + 250)],
  '1 % scattered 4 KiB edits': (basis) => {
    const copy = Buffer.from(basis);
    for (let i = 0; i < SIZE / 4096 / 100; i++) randomFillSync(copy, Math.floor((i + 0.37) * 409_600) % (SIZE - 4096), 4096);
    return [copy];
  },
  '1,000 bytes inserted near the front': (basis) => [basis.subarray(0, 5000), Buffer.alloc(1000, 'x'), basis.subarray(5000)],
  'nothing in common': () => [randomFillSync(Buffer.allocUnsafe(SIZE))],
};

function put(name, pieces) {
  const fd = openSync(at(name), 'w');
  for (const piece of pieces) for (let done = 0; done < piece.length;) done += writeSync(fd, piece, done);
  closeSync(fd);
}

function pair(name, rdiff) {
  const tools = {
    twintree: [[process.execPath, SHIM, 'delta', 'signature', at('basis'), at('t.sig')], [process.execPath, SHIM, 'delta', 'diff', at('t.sig'), at('source'), at('t.delta')]],
    ...(rdiff ? { rdiff: [['rdiff', '-f', 'signature', at('basis'), at('r.sig')], ['rdiff', '-f', 'delta', at('r.sig'), at('source'), at('r.delta')]] } : {}),
  };
  const sums = Object.fromEntries(Object.keys(tools).map((tool) => [tool, { cpu: [], wall: [] }]));
  for (let run = 0; run < RUNS; run++) {
    for (const [tool, commands] of Object.entries(tools)) {
      const samples = commands.map((command) => measure(command, folder));
      sums[tool].cpu.push(samples.reduce((sum, s) => sum + s.user + s.sys, 0));
      sums[tool].wall.push(samples.reduce((sum, s) => sum + s.wall, 0));
    }
  }
  const show = (tool, file) => `${tool} cpu ${median(sums[tool].cpu).toFixed(2)} s, wall ${median(sums[tool].wall).toFixed(2)} s, delta ${statSync(at(file)).size}`;
  process.stdout.write(`${name}\n  ${show('twintree', 't.delta')}\n`);
  if (!rdiff) return;
  const ratio = (what) => (median(sums.twintree[what]) / median(sums.rdiff[what])).toFixed(3);
  process.stdout.write(`  ${show('rdiff', 'r.delta')}\n  ratio: cpu ${ratio('cpu')}, wall ${ratio('wall')}\n`);
}

/** Bytes that a delta in rounds would put on a wire: signatures one way, literals and copies the other. */
function rounds(name, basis) {
  const source = readFileSync(at('source'));
  const seed = { low: 1, high: 2 };
  const leavesOf = (data, leafLength) => {
    const summer = new LeafSummer(createKernel(), leafLength, data.length, seed);
    for (let done = 0; done < data.length;) {
      const n = data.copy(summer.input(), 0, done);
      summer.advance(n);
      done += n;
    }
    return summer.finish();
  };
  const leaves = leavesOf(basis, leafLengthFor(basis.length));
  const sizes = [];
  const answer = ({ aligned, blockLength, stretches }) => {
    let round;
    if (aligned) round = encodeAligned(createKernel(), leaves, seed, blockLength, stretches);
    else {
      const sums = new SumCollector();
      const builder = new SignatureBuilder(createKernel(), blockLength, seed, sums.add);
      for (const { start, length } of stretches) {
        builder.update(basis.subarray(start, start + length));
        builder.endStretch();
      }
      round = encodeRound(new Signature(blockLength, basis.length, seed, stretches, sums.columns()));
    }
    sizes.push(round.length);
    return { basisSize: basis.length, blockLength, stretches, round };
  };
  const opening = answer({ aligned: true, blockLength: firstAligned(basis.length, leaves.leafLength), stretches: [{ start: 0, length: basis.length }] });
  const read = (offset, into) => source.copy(into, 0, offset);
  const talk = exchange(createKernel(), { size: source.length, holes: [], leaves: leavesOf(source, leaves.leafLength), read }, opening, seed);
  let step = talk.next();
  while (step.done !== true) step = talk.next(answer(step.value));
  process.stdout.write(`  in rounds: signatures ${sizes.join(' + ')}, literals ${step.value.open}, ${step.value.copies().length} copies\n`);
}

function kernelSpeed() {
  for (const kind of ['simd', 'plain', 'twin']) {
    const kernel = createKernel({ kind });
    const size = kind === 'twin' ? 4 << 20 : 64 << 20;
    const at0 = kernel.reserve(size);
    randomFillSync(kernel.bytes, at0, size);
    const out = kernel.reserve(16);
    const [MB, n] = [1 << 20, size >> 20];
    const time = (run) => {
      for (let i = 0; i < n; i++) run(at0 + i * MB);
      const started = process.hrtime.bigint();
      for (let i = 0; i < n; i++) run(at0 + i * MB);
      return (size / Number(process.hrtime.bigint() - started)).toFixed(2);
    };
    process.stdout.write(`kernel ${kind}: weak ${time((p) => kernel.call.weak(p, MB, 0x4ffd, 0))}, XXH3-64 ${time((p) => kernel.call.strong(p, MB, 1, 2, out))}, `
      + `XXH3-128 ${time((p) => kernel.call.strong128(p, MB, 0, 0, out))}, gear ${time((p) => kernel.call.nextAnchor(p + 32, p + MB, 0))} GB/s\n`);
  }
}

try {
  main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
