/** Metrics of jobs: the text that Prometheus reads, and that the rules and the dashboard that ship ask for nothing else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { JOB_METRICS, JOB_PREFIX, jobMetricsText, newTotals, type JobNow, type JobRun } from '../../src/job/index.js';
import { metricsText } from '../../src/mirror/index.js';
import { someStatus } from '../mirror/some-status.js';
import { parseExposition, REPOSITORY } from '../support/index.js';
import { endedRun, someRun, someTarget, START } from './some-runs.js';

function now(runs: JobRun[], more: Partial<JobNow> = {}, job = 'nightly'): JobNow {
  const totals = { ...newTotals(), success: 5, skipped: 2, matchedBytes: 77, notices: 1, runMs: 1500, lastSuccess: START + 90_000, lastFailure: START + 1e6 };
  return { standing: { job, totals, last: runs.at(-1), ended: runs.findLast(({ end }) => end !== null) }, live: [], next: null, paused: false, waiting: 0, ...more };
}

const HELD = { id: 'a', message: 'm', at: 1, deletions: 3, names: [] };
const LIVE = [
  someStatus({ target: 'a', lagMs: 1500, failingBy: { 'write-failed': 1 }, lastSuccess: START, backlog: { paths: 2, failed: 1, whole: false, bytes: 100, exact: true } }),
  someStatus({ target: 'b', lagMs: 9000, lastSuccess: START + 100_000, held: HELD, backlog: { paths: 3, failed: 0, whole: false, bytes: 11, exact: true } }),
];

describe('metrics of jobs', () => {
  const value = (text: string, name: string, labels: Record<string, string> = {}): number | undefined => parseExposition(text).get(`twintree_job_${name}`)?.samples.find((sample) => JSON.stringify(sample.labels) === JSON.stringify({ name: 'nightly', ...labels }))?.value;

  it('tell of the last run that ended, of the one at work, and of all that ever were', () => {
    const runs = [endedRun({ done: [someTarget({ problems: 3 })] }, 90_000), endedRun({ run: 2, start: START + 1e6, result: 'failed', exitCode: 12, done: [someTarget()] }, 30_000), someRun({ run: 4, start: START + 3e6 })];
    const text = jobMetricsText([now(runs, { next: START + 9e6, waiting: 1 })]);
    const of = (name: string, labels?: Record<string, string>): number | undefined => value(text, name, labels);
    assert.deepEqual(['running', 'paused', 'waiting_runs', 'last_run_ok', 'last_run_exit_code', 'last_run_seconds', 'last_run_bytes', 'last_run_saved_bytes', 'last_run_problems'].map((name) => of(name)), [1, 0, 1, 0, 12, 30, 5_000_000, 4_000_000, 0]);
    assert.deepEqual(['last_run_time_seconds', 'last_success_time_seconds', 'last_failure_time_seconds', 'next_run_time_seconds'].map((name) => of(name)), [(START + 3e6) / 1000, (START + 90_000) / 1000, (START + 1e6) / 1000, (START + 9e6) / 1000]);
    assert.deepEqual([of('runs_total', { result: 'success' }), of('runs_total', { result: 'skipped' }), of('runs_total', { result: 'failed' }), of('saved_bytes_total'), of('notice_failures_total'), of('run_seconds_total')], [5, 2, 0, 77, 1, 1.5]);
    assert.deepEqual(['lag_seconds', 'backlog_bytes', 'held'].map((name) => of(name)), [undefined, undefined, undefined], 'of a job that is not live');
  });

  it('tell of a live job the worst of its targets, and each mirror by itself', () => {
    const text = jobMetricsText([now([someRun({ cause: 'live' })], { live: LIVE })]);
    assert.deepEqual(['lag_seconds', 'backlog_bytes', 'backlog_paths', 'failing_paths', 'held', 'last_success_time_seconds'].map((name) => value(text, name)), [9, 111, 5, 1, 1, (START + 100_000) / 1000]);
    assert.deepEqual(parseExposition(text).get('twintree_mirror_lag_seconds')?.samples.map((sample) => sample.value), [1.5, 9]);
    assert.equal(value(jobMetricsText([now([])]), 'last_run_ok'), undefined, 'one that never ran has no last run');
    assert.equal(jobMetricsText([]), '');
  });

  it('are read back whatever a job is called', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('"', '\\', 'n', '}', ',', 'ä'), minLength: 1 }), (name) => {
      assert.deepEqual(parseExposition(jobMetricsText([now([], {}, name), now([], {}, `${name}2`)])).get('twintree_job_running')?.samples.map(({ labels }) => labels), [{ name }, { name: `${name}2` }]);
    }), { seed: 8, numRuns: 20 });
  });

  for (const file of ['twintree-alerts.yml', 'twintree-dashboard.json']) {
    it(`${file} asks for metrics and labels that there are`, () => {
      const text = readFileSync(join(REPOSITORY, 'docs/monitoring', file), 'utf8');
      const runs = [endedRun({ done: [someTarget()] }), endedRun({ run: 2, result: 'failed', exitCode: 1 })];
      const families = parseExposition(jobMetricsText([now(runs, { live: LIVE, next: START })]) + metricsText([]));
      const known = new Set([...families.keys(), ...JOB_METRICS.map(({ name }) => JOB_PREFIX + name)]);
      const asked = new Set([...text.matchAll(/\btwintree_(?:job|mirror)_[a-z_]+\b/g)].map(([name]) => name));
      assert.ok(asked.size >= 10, [...asked].join(' '));
      assert.deepEqual([...asked].filter((name) => !known.has(name)), []);
      const labels = new Set([...families.values()].flatMap(({ samples }) => samples.flatMap((sample) => Object.keys(sample.labels))).concat('instance'));
      const named = [...text.matchAll(/\$labels\.([a-z_]+)/g), ...text.matchAll(/\{\{([a-z_]+)\}\}/g), ...text.matchAll(/[{,]([a-z_]+)=~?\\?"/g)].map(([, label]) => label as string);
      assert.ok(named.length > 5);
      assert.deepEqual(named.filter((label) => !labels.has(label)), []);
      for (const [, metric, label, wanted] of text.matchAll(/(twintree_[a-z_]+)\{([a-z]+)="([^"]+)"\}/g)) assert.ok(families.get(metric as string)?.samples.some((sample) => sample.labels[label as string] === wanted), `${metric} has ${label}=${wanted}`);
    });
  }

  it('the dashboard is one that Grafana takes: each panel has a place of its own, and its queries', () => {
    const { panels } = JSON.parse(readFileSync(join(REPOSITORY, 'docs/monitoring/twintree-dashboard.json'), 'utf8')) as { panels: { id: number; gridPos: { x: number; y: number; w: number; h: number }; targets: { expr: string; refId: string }[] }[] };
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => Array.from({ length: w * h }, (_, k) => `${x + k % w},${y + Math.floor(k / w)}`));
    assert.equal(new Set(cells).size, cells.length, 'none covers another');
    assert.ok(panels.every(({ gridPos: { x, w }, targets }) => x + w <= 24 && targets.length > 0 && new Set(targets.map(({ refId }) => refId)).size === targets.length));
  });
});
