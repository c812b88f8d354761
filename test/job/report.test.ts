/** Reports: what they count, that they are bounded, and that nothing in them comes alive in a page. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { sinceTime } from '../../src/cli/commands/report.js';
import { failingSince, makeReport, newTotals, reportHtml, reportJson, reportText, type JobRun, type JobSummary, type Report } from '../../src/job/index.js';
import { bytesText, durationText } from '../../src/job/report/format.js';
import { bucketsOf } from '../../src/job/report/model.js';
import { barPlot, ceiling, escapeHtml, linePlot } from '../../src/job/report/plot.js';
import { twintree, useTempFolder, wellFormed } from '../support/index.js';
import { endedRun, historyIn, someRun, someTarget, START } from './some-runs.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function summary(runs: JobRun[], job = 'nightly'): JobSummary {
  return { job, runs, totals: newTotals(), lastSuccess: runs.findLast(({ result }) => result === 'success'), lastFailure: runs.findLast(({ result }) => result === 'failed' || result === 'partial'), failingSince: failingSince(runs) };
}

const RUNS: JobRun[] = [
  endedRun({ run: 1, done: [someTarget()] }, 20 * 60_000),
  endedRun({ run: 2, start: START + DAY, done: [someTarget({ literalBytes: 0, matchedBytes: 5_000_000 })], lag: [{ at: START + DAY, ms: 90_000, bytes: 5 }] }, 10 * 60_000),
  endedRun({ run: 3, start: START + 2 * DAY, result: 'skipped', skips: 4, exitCode: 79 }, 0),
  endedRun({ run: 4, start: START + 3 * DAY, result: 'partial', exitCode: 23, done: [someTarget({ problems: 7, literalBytes: 0, matchedBytes: 0, files: 0, transferredBytes: 0 })], problems: [{ target: 0, side: 'source', severity: 'error', code: 'unreadable', path: '<b>a&"\'\u001b[1m', message: '</td><script>alert(1)</script>' }] }, 30 * 60_000),
];
const ABOUT = { at: START + 4 * DAY, since: START - DAY, until: START + 4 * DAY, host: 'web<1>' };
const report = (jobs: JobSummary[] = [summary(RUNS)], known: string[] = []): Report => makeReport(jobs, ABOUT, known);

describe('a report', () => {
  it('as text says how often, how long, how much, and what went wrong', () => {
    assert.equal(reportText(report()), `Jobs on web<1> from 2026-01-01 03:04:05Z to 2026-01-06 03:04:05Z

nightly
  runs           2 succeeded, 1 could not do everything, 4 left out
  last success   2026-01-03 03:04:05Z (3 d ago)
  last failure   2026-01-05 03:04:05Z (24 h ago): job nightly could not do everything (exit code 23); 7 problems, the first: <b>a&"'\\u001b[1m: </td><script>alert(1)</script>; 0 files, 0 B, 2 deletions; 30 min
  failing since  2026-01-05 03:04:05Z
  duration       median 20 min, longest 30 min
  carried        20 files, 10 MB; deltas saved 9 MB of it (90 %); 6 deletions
  connection     6 kB sent, 3.3 MB received
  problems       7 paths
  worst lag      1 min 30 s
`);
    assert.match(reportText(report([], ['never'])), /\nnever\n  runs           no run\n  last success   none is known\n/);
    assert.match(reportText(report([])), /\n\nno job has run\n$/);
  });

  it('as JSON holds all of it, and comes back', () => {
    const read = JSON.parse(reportJson(report())) as { type: string; version: number; jobs: { counts: { skipped: number }; runs: JobRun[]; medianMs: number; lastFailure: JobRun; sums: { matchedBytes: number } }[] };
    const [job] = read.jobs;
    assert.deepEqual([read.type, read.version, job?.counts.skipped, job?.runs.length, job?.medianMs, job?.lastFailure.run, job?.sums.matchedBytes], ['report', 1, 4, 4, 1_200_000, 4, 9_000_000]);
  });

  it('as a page is well-formed and needs nothing: no script, no address, and what names say is text', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('<', '>', '&', '"', '\'', '</svg>', '<script>', 'javascript:', '\u0000', '\u202e', '\ud800', 'ä', 'url(http://x)', ' onload=x ', ']]>', '<!--'), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('')), (evil) => {
      const hooks: JobRun['hooks'] = [{ when: 'after', command: evil, start: START, durationMs: 1, ok: false, exitCode: 1, trouble: evil, output: evil }];
      const runs = [...RUNS, endedRun({ run: 5, start: START + 3.5 * DAY, result: 'failed', exitCode: 12, error: { code: evil, message: evil }, hooks, problems: [{ target: 0, side: 'source', severity: 'error', code: evil, path: evil, message: evil }] })];
      const page = reportHtml(makeReport([summary(runs, evil)], { ...ABOUT, host: evil }));
      wellFormed(page);
    }), { seed: 3, numRuns: 60 });
    const page = reportHtml(report());
    wellFormed(page);
    for (const part of ['<svg', 'aria-label="Runs of nightly"', 'aria-label="Lag of nightly"', 'failing since', 'What went wrong in run 4', '&#60;script&#62;alert(1)', 'left out, since another run was at work (4 times)']) assert.ok(page.includes(part), part);
  });

  it('as a page is bounded, however many runs there are', () => {
    const runs = Array.from({ length: 5000 }, (_, k) => endedRun({ run: k + 1, start: ABOUT.since + k * 60_000, done: [someTarget()] }));
    assert.ok(reportHtml(report([summary(runs)])).length < 150_000);
  });

  it('puts runs together in stretches of time and loses none', () => {
    fc.assert(fc.property(fc.array(fc.record({ at: fc.integer({ min: -5, max: 1005 }), ms: fc.nat(500), good: fc.boolean() }), { maxLength: 50 }), fc.integer({ min: 1, max: 40 }), (list, most) => {
      const buckets = bucketsOf(list.map(({ at, ms, good }) => endedRun({ start: at, result: good ? 'success' : 'failed', done: [someTarget({ matchedBytes: 3 })] }, ms)), 0, 1000, most);
      const sum = (of: (bucket: (typeof buckets)[number]) => number): number => buckets.reduce((all, bucket) => all + of(bucket), 0);
      assert.deepEqual([buckets.length, sum((b) => b.good), sum((b) => b.bad), sum((b) => b.matchedBytes)], [most, list.filter(({ good }) => good).length, list.filter(({ good }) => !good).length, 3 * list.length]);
      assert.equal(Math.max(0, ...buckets.map((b) => b.longestMs)), Math.max(0, ...list.map(({ ms }) => ms)));
      for (const { at } of list.filter((each) => each.at >= 0 && each.at < 1000)) assert.ok(buckets.some(({ from, to, runs }) => runs > 0 && at >= from - 1e-6 && at < to + 1e-6));
    }), { seed: 9, numRuns: 100 });
  });

  it('draws within its frame, whatever the numbers are', () => {
    fc.assert(fc.property(fc.array(fc.record({ at: fc.double({ min: -1e13, max: 1e13, noNaN: true }), value: fc.double({ min: 0, max: 1e18, noNaN: true }) }), { maxLength: 30 }), fc.constantFrom('decimal' as const, 'time' as const, 'count' as const), (points, scale) => {
      const about = { title: 't', since: 0, until: 8e12, unit: String, scale };
      const drawn = barPlot(points.map(({ at, value }) => ({ from: at, to: at + 1e9, says: 's', parts: [{ kind: 'good', value }, { kind: 'bad', value: value / 3 }] })), about) + linePlot(points, 1e9, about);
      for (const [, name, text] of drawn.matchAll(/ (x|y|width|height|x1|y1|x2|y2)="([^"]*)"/g)) {
        const value = Number(text);
        assert.ok(Number.isFinite(value) && value >= -1 && value <= 722 && (name !== 'height' || value >= 0), `${name}=${text}`);
      }
      for (const [, x, y] of drawn.matchAll(/[ML]([\d.e+-]+) ([\d.e+-]+)/g)) assert.ok(Number(x) >= 64 && Number(x) <= 712 && Number(y) >= 7.9 && Number(y) <= 128.1, `${x} ${y}`);
    }), { seed: 4, numRuns: 60 });
    fc.assert(fc.property(fc.double({ min: 1e-6, max: 1e18, noNaN: true }), fc.constantFrom('decimal' as const, 'time' as const, 'count' as const), (value, scale) => {
      const top = ceiling(value, scale);
      assert.ok(top >= value * (1 - 1e-9) && (top <= 10 * value || top <= 1), `${value} ${top}`);
    }), { seed: 6, numRuns: 300 });
  });

  it('writes numbers as people read them', () => {
    assert.deepEqual([0, 999, 1000, 12_345, 999_499, 999_500, 5e9, 2.5e15].map(bytesText), ['0 B', '999 B', '1 kB', '12.3 kB', '999 kB', '1 MB', '5 GB', '2.5 PB']);
    assert.deepEqual([0, 999, 1000, 59_949, 59_950, 3_599_499, 3_600_000, 47.9 * HOUR, 100 * HOUR].map(durationText), ['0 ms', '999 ms', '1 s', '59.9 s', '1 min', '59 min 59 s', '1 h', '47 h 54 min', '4 d 4 h']);
    assert.equal(escapeHtml('<&>"\'\u0007\ud83d\ude00\ud83d'), '&#60;&#38;&#62;&#34;&#39;\ufffd\ud83d\ude00\ufffd');
    assert.deepEqual([sinceTime('7d', 10 * DAY), sinceTime('90m', HOUR * 2), sinceTime('2026-01-02T03:04:05Z', 0), sinceTime('2026-01-02 04:04+01:00', 0)], [3 * DAY, HOUR / 2, START, START - 5000]);
    for (const text of ['', '7', 'd', '-1d', '7y', '2026', '2026-13-01', 'yesterday', '1e3d']) assert.equal(sinceTime(text, DAY), undefined, text);
  });
});

describe('twintree report and job history', () => {
  const temp = useTempFolder('report');

  it('tell of a history that is there, and that there is none', async () => {
    const env = { TWINTREE_STATE_DIR: temp.at('state') };
    const none = twintree(['report'], { env });
    assert.deepEqual([none.code, none.stdout.split('\n').at(-2)], [23, 'no job has run']);
    const history = historyIn(temp.at('state'));
    for (const [k, run] of RUNS.entries()) {
      const recent = { ...run, start: Date.now() - (RUNS.length - k) * DAY };
      await history.begin(recent);
      await history.finish({ ...recent, end: recent.start + 60_000 });
    }
    const text = twintree(['report', '--since=1w'], { env });
    assert.deepEqual([text.code, text.stderr], [0, '']);
    assert.match(text.stdout, /nightly\n  runs           2 succeeded, 1 could not do everything, 4 left out/);
    const page = twintree(['report', 'nightly', '--since', '60h', '--format=html'], { env });
    writeFileSync(temp.at('page.html'), page.stdout);
    wellFormed(page.stdout);
    assert.ok(page.stdout.includes('What went wrong'));
    const lines = twintree(['job', 'history', '--json', '--count=2', 'nightly'], { env }).stdout.trim().split('\n').map((line) => JSON.parse(line) as { type: string; run: number; result: string });
    assert.deepEqual(lines.map(({ type, run, result }) => `${type} ${run} ${result}`), ['run 3 skipped', 'run 4 partial']);
    const shown = twintree(['job', 'history', 'nightly'], { env });
    assert.match(shown.stdout, /^    1  .*Z  succeeded; 10 files, 5 MB, 2 deletions; 1 min\n[^]*\n    4  .*could not do everything \(exit code 23\); 7 problems[^]*\n {7}<b>a&"'\\u001b\[1m: .* \(unreadable\)\n$/);
    const unknown = twintree(['job', 'history', 'nightly2'], { env });
    assert.deepEqual([unknown.code, unknown.stderr], [23, 'no run of nightly2 is known\n']);
    for (const words of [['report', '--since=tomorrow'], ['report', '--format=pdf'], ['report', 'a', 'b'], ['job', 'history'], ['job', 'history', '--count=0', 'a']]) assert.equal(twintree(words, { env }).code, 1, words.join(' '));
  });
});

describe('twintree report --config', () => {
  const temp = useTempFolder('report-config');

  it('tells of the jobs of a configuration, also of those that never ran, and of no others', async () => {
    const env = { TWINTREE_STATE_DIR: temp.at('state') };
    const history = historyIn(temp.at('state'));
    for (const job of ['nightly', 'foreign']) {
      const run = someRun({ job, start: Date.now() - HOUR });
      await history.begin(run);
      await history.finish({ ...endedRun({ job, start: run.start }), run: run.run });
    }
    writeFileSync(temp.at('twintree.yaml'), `jobs:\n  nightly: { source: ${temp.path}/, targets: [/nowhere] }\n  never: { source: ${temp.path}/, targets: [/nowhere] }\n`);
    const words = ['report', `--config=${temp.at('twintree.yaml')}`];
    const all = twintree(words, { env });
    assert.deepEqual([all.code, all.stderr, [...all.stdout.matchAll(/^([a-z]+)$/gm)].map(([, job]) => job)], [0, '', ['never', 'nightly']], all.stdout);
    assert.deepEqual([twintree([...words, 'foreign'], { env }).code, twintree([...words, 'never'], { env }).code], [1, 0]);
    writeFileSync(temp.at('twintree.yaml'), 'jobs: [\n');
    assert.equal(twintree(words, { env }).code, 1);
    assert.match(twintree(['job', 'histori'], { env }).stderr, /Did you mean history\?/);
  });
});
