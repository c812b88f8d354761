/**
 * The workloads of cutting over: for how long clients have no service while nginx and PostgreSQL move to another host under load, beside two runs of rsync around a
 * stop. Three hosts in network namespaces; a run is one whole move by one tool, judged by the clients' own clock (test/e2e/migrate/measured-move.ts, which the
 * tests' build makes). After it, everything that a client was told has to be on the new host.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import { median, settle } from './measure.js';

const MOVE = fileURLToPath(new URL('../build/test/e2e/migrate/measured-move.js', import.meta.url));
const NEEDED = { nginx: 'nginx', psql: 'postgresql', rsync: 'rsync', ssh: 'openssh-client', curl: 'curl', arping: 'iputils-arping', ip: 'iproute2' };

const GIB = 2 ** 30;
/** `order`: as measured-move takes it. Ratios are of the downtimes. */
export const CUTOVER_WORKLOADS = {
  cutover: { title: 'nginx and PostgreSQL with 2 GiB move to another host under load', goal: 0.2, floor: 0.5, mostRuns: 3, order: { scale: 100, transactions: 200, web: { files: 5000, bytes: GIB / 2 } } },
  'cutover-office': { title: 'the same over 1 Gbit/s', goal: 0.2, floor: 0.5, mostRuns: 3, order: { scale: 100, transactions: 200, web: { files: 5000, bytes: GIB / 2 }, rate: '1gbit' } },
};

function whyNot() {
  if (userInfo().uid !== 0) return 'this is not root';
  if (!existsSync(MOVE)) return 'the tests are not built: npx tsc -p test/tsconfig.json && node test/support/bundled-threads.js';
  const missing = Object.entries(NEEDED).filter(([command]) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0);
  return missing.length === 0 ? undefined : `not installed: ${missing.map(([, name]) => name).join(', ')}`;
}

/** Runs one workload and returns its samples and medians; undefined: something that it needs is not there. */
export function runCutover(name, runs, folder, note) {
  const plan = CUTOVER_WORKLOADS[name];
  note(`${name}: ${plan.title}\n`);
  const hindrance = whyNot();
  if (hindrance !== undefined) {
    note(`  left out: ${hindrance}\n`);
    return undefined;
  }
  const samples = { twintree: [], rsync: [] };
  for (let i = 0; i < Math.min(runs, plan.mostRuns); i++) {
    for (const tool of Object.keys(samples)) {
      settle();
      const done = spawnSync(process.execPath, [MOVE, JSON.stringify({ ...plan.order, tool, folder })], { encoding: 'utf8', maxBuffer: 1 << 28 });
      if (done.status !== 0) throw new Error(`${name} with ${tool}: ${done.stderr.slice(-4000)}`);
      const sample = JSON.parse(done.stdout);
      samples[tool].push(sample);
      note(`  ${tool.padEnd(9)}downtime ${sample.downtime.toFixed(1)} s (nginx ${sample.web.toFixed(1)}, PostgreSQL ${sample.database.toFixed(1)}), the whole move ${sample.whole.toFixed(0)} s${partsOf(sample)}\n`);
    }
  }
  const tools = Object.fromEntries(Object.entries(samples).map(([tool, list]) => [tool, { downtime: median(list.map((each) => each.downtime)), whole: median(list.map((each) => each.whole)), samples: list }]));
  const ratio = tools.twintree.downtime / tools.rsync.downtime;
  return { name, title: plan.title, ratio, goal: plan.goal, floor: plan.floor, missed: ratio > plan.floor, tools };
}

function partsOf({ parts }) {
  return parts?.parts === undefined ? '' : `: ${parts.parts.map(({ part, ms }) => `${part} ${(ms / 1000).toFixed(2)}`).join(', ')}`;
}

export function printCutover(results) {
  for (const { name, ratio, goal, floor, missed, tools } of results) {
    process.stdout.write(`${name.padEnd(22)}downtime ${tools.twintree.downtime.toFixed(1)} s, rsync ${tools.rsync.downtime.toFixed(1)} s: ratio ${ratio.toFixed(2)}, goal ${goal}, floor ${floor}${missed ? ' missed' : ''}\n`);
  }
}
