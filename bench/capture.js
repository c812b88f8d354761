/**
 * What following a tree costs: `node bench/capture.js [files] [backend…]`. A tree of files in folders of ten is followed by each
 * backend in a process of its own: time until all is watched, memory, CPU at rest for 5 seconds, then 100 changes a second for
 * 10 seconds, with the time from a change to its hint. Needs root for fanotify; `npm run build` first.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const REST_MS = 5000;
const RATE = 100;
const CHANGES = 1000;

const [first, ...rest] = process.argv.slice(2);
if (first === '--one') await one(rest[0], rest[1], Number(rest[2]));
else all(Number(first ?? 100_000), rest.length > 0 ? rest : ['fanotify', 'inotify', 'chokidar']);

function all(files, backends) {
  const root = mkdtempSync(join(tmpdir(), 'twintree-capture-'));
  try {
    for (let i = 0; i < files; i++) {
      if (i % 10 === 0) mkdirSync(join(root, folderOf(i)), { recursive: true });
      writeFileSync(join(root, folderOf(i), `f${i}`), 'content');
    }
    for (const backend of backends) {
      const done = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--one', backend, root, String(files)], { encoding: 'utf8' });
      process.stdout.write(done.status === 0 ? done.stdout : `${backend}: ${done.stderr.trim().split('\n').at(-1)}\n`);
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Ten files share a folder. */
function folderOf(i) {
  const ten = i - (i % 10);
  return join(`d${ten % 100}`, `e${ten / 10}`);
}

async function one(backend, root, files) {
  const { Capture } = await import('../dist/mirror/index.js');
  const before = process.memoryUsage().rss;
  const sent = new Map();
  const lags = [];
  const started = performance.now();
  const capture = await Capture.start({ root, backend }, {
    hints: (hints) => {
      const now = performance.now();
      for (const { path } of hints) {
        const at = sent.get(path);
        if (at === undefined) continue;
        lags.push(now - at);
        sent.delete(path);
      }
    },
    condition: (condition) => process.stderr.write(`${condition.kind}: ${condition.message}\n`),
    failed: (error) => { throw error; },
  });
  const ready = performance.now() - started;
  const memory = (process.memoryUsage().rss - before) / 1e6;
  const cpuBefore = process.cpuUsage();
  await wait(REST_MS);
  const cpu = process.cpuUsage(cpuBefore);
  const next = performance.now();
  for (let i = 0; i < CHANGES; i++) {
    const k = (i * 97) % files;
    const path = join(folderOf(k), `f${k}`);
    sent.set(path, performance.now());
    appendFileSync(join(root, path), 'x');
    await wait(Math.max(next + (i + 1) * (1000 / RATE) - performance.now(), 0));
  }
  await capture.flush();
  await wait(500);
  lags.sort((a, b) => a - b);
  const quantile = (q) => (lags[Math.min(Math.floor(lags.length * q), lags.length - 1)] ?? NaN).toFixed(2);
  const { watches } = capture.status();
  await capture.stop();
  process.stdout.write(`${backend}: ${watches} watches, ready ${ready.toFixed(0)} ms, memory +${memory.toFixed(0)} MB, at rest ${((cpu.user + cpu.system) / 10 / REST_MS).toFixed(2)} % CPU, `
    + `change to hint p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, ${sent.size} of ${CHANGES} not told\n`);
}
