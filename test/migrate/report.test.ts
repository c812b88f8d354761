/** The report of a migration: what it tells, that it is bounded, and that nothing in it comes alive. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { historyOf, migrationReport, migrationReportText } from '../../src/migrate/report/index.js';
import type { MigrationEvent, MigrationFact, Part } from '../../src/migrate/journal/events.js';
import { wellFormed } from '../support/index.js';

const T0 = Date.UTC(2026, 10, 28, 9);
const MINUTE = 60_000;

/** A migration as it goes: a rehearsal, a cutover that fails and is thawed, one that succeeds. `name` and `text` come from outside. */
function story(name = 'files', text = 'plain'): MigrationEvent[] {
  const events: MigrationEvent[] = [];
  let at = T0;
  const tell = (ms: number, fact: MigrationFact): void => {
    at += ms;
    events.push({ at, ...fact });
  };
  const parts = (freeze: number, verify: number): { part: Part; ms: number }[] => [{ part: 'freeze', ms: freeze }, { part: 'final', ms: 2000 }, { part: 'verify', ms: verify }];
  const hook = (ok: boolean, rehearsal = false): MigrationFact => ({ event: 'hook', part: 'freeze', command: `systemctl stop ${text}`, side: 'source', ms: 1500, ok, trouble: ok ? null : `${text} failed`, output: ok ? '' : `line one\n${text}\n`, rehearsal });
  tell(0, { event: 'planned', name, source: `/srv/${text}/`, target: `new:/srv/${text}`, host: text, entries: 12_000, bytes: 5e9, lost: [] });
  tell(MINUTE, { event: 'state', state: 'seeding', reason: null });
  tell(20 * MINUTE, { event: 'session', kind: 'full', ms: 1_200_000, entries: 12_000, files: 11_000, bytes: 5e9, sent: 2e9 });
  tell(0, { event: 'state', state: 'live', reason: null });
  for (let k = 0; k < 60; k++) tell(MINUTE, { event: 'lag', lagMs: k === 30 ? 90_000 : 500, backlogFiles: 3, backlogBytes: k === 30 ? 7e6 : 1000, changedFiles: 10, changedBytes: 1e6 });
  tell(1000, hook(true, true));
  tell(0, { event: 'part', part: 'final', ms: 2000, files: 5, bytes: 5, rehearsal: true });
  tell(0, { event: 'session', kind: 'full', ms: 2000, entries: 12_000, files: 5, bytes: 5, sent: 5 });
  tell(1000, { event: 'downtime', ms: 12_000, parts: parts(1500, 8500), rehearsal: true, ok: true });
  tell(MINUTE, { event: 'forecast', ms: 15_000, plusMinusMs: 3000, parts: parts(3000, 10_000) });
  tell(0, { event: 'state', state: 'converging', reason: null });
  tell(5000, { event: 'state', state: 'freezing', reason: null });
  tell(1500, hook(false));
  tell(0, { event: 'writer', pid: 4711, command: text, path: text });
  tell(0, { event: 'problem', code: 'HOOK', message: text, path: text });
  tell(500, { event: 'downtime', ms: 2000, parts: [{ part: 'freeze', ms: 2000 }], rehearsal: false, ok: false });
  tell(0, { event: 'state', state: 'live', reason: text });
  tell(MINUTE, { event: 'forecast', ms: 15_000, plusMinusMs: 3000, parts: parts(3000, 10_000) });
  for (const state of ['converging', 'freezing', 'final', 'verifying'] as const) tell(3000, { event: 'state', state, reason: null });
  tell(9000, { event: 'evidence', file: `/var/lib/${text}.ev`, root: 'b3:0123456789abcdef', key: `SHA256:${text}`, mode: 'index', sample: 0.02, entries: 12_000, bytes: 5e9, differences: 0, extras: 0, missing: 0, losses: 2, ok: true });
  tell(0, { event: 'state', state: 'switching', reason: null });
  tell(2000, { event: 'downtime', ms: 16_500, parts: parts(3000, 11_500), rehearsal: false, ok: true });
  tell(0, { event: 'state', state: 'switched', reason: null });
  tell(MINUTE, { event: 'session', kind: 'back', ms: 300, entries: 5, files: 4, bytes: 1234, sent: 99 });
  return events;
}
const NOW = T0 + 3 * 60 * MINUTE;

describe('the report of a migration', () => {
  it('as text says where it stands, how long what lasted, and how right the forecast was', () => {
    const text = migrationReportText(story(), NOW);
    assert.match(text, /^migration files: \/srv\/plain\/ to new:\/srv\/plain\nThe new side is in use; the services stood still for 16\.5 s; the way back is open\.\n/);
    for (const line of [
      '  2026-11-28 09:01:00Z  first copy      20 min', 'worst lag: 1 min 30 s', 'carried: 11,000 files, 5 GB of content, 2 GB sent, in 2 sessions', 'carried back: 4 files, 1.23 kB', '  It took 16.5 s, forecast 15 s ± 3 s: as was said.', '  It failed after 2 s; the forecast was 15 s ± 3 s.',
      'hook of freeze on the source\'s host: systemctl stop plain: plain failed', '  | line one', 'still wrote: plain (4711): plain', 'problem: plain: plain (HOOK)', '  twintree evidence check --fingerprint=SHA256:plain /var/lib/plain.ev',
    ]) assert.ok(text.includes(`${line}\n`), `${line} in\n${text}`);
    assert.match(text, /on the new side +1 h 3\d min so far\n/);
    assert.match(text, /rehearsal, succeeded, 12 s: stopping 1\.5 s, last pass 2 s, verifying 8\.5 s\n/);
    assert.equal(migrationReportText([], NOW), 'migration\nNothing has happened yet.\n\ncarried: 0 files, 0 B of content, 0 B sent, in 0 sessions\n');
    // oxlint-disable-next-line no-control-regex -- none of them may come through
    assert.doesNotMatch(migrationReportText(story('a\u001b[2J', 'b\r\u009b\u202e'), NOW), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  it('as a page has each section, says by words what its pictures show, and needs nothing else', () => {
    const page = migrationReport(story(), { now: NOW, host: 'old' });
    wellFormed(page);
    assert.deepEqual([...page.matchAll(/<h2 id="([a-z]+)">/g)].map(([, id]) => id), ['time', 'downtime', 'evidence', 'lag', 'rehearsals', 'hooks', 'problems']);
    assert.match(page, /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">/);
    assert.match(page, /prefers-color-scheme:dark/);
    assert.match(page, /<p class="stand new">The new side is in use; the services stood still for 16\.5 s; the way back is open\.<\/p>/);
    assert.match(page, /The target was at most 1 min 30 s and 7 MB behind\./);
    assert.match(page, /<td>verifying<\/td><td class="num">11\.5 s<\/td><td class="num">10 s<\/td>/);
    assert.match(page, /<code>b3:0123456789abcdef<\/code>/);
    assert.equal([...page.matchAll(/<svg /g)].length, [...page.matchAll(/<svg [^>]*role="img" aria-label="[^"]+"/g)].length);
    assert.match(page, /<details open=""><summary>what it said<\/summary><pre>line one\nplain\n<\/pre>/);
    // The second time line is of the cutover alone, which the first one shows as a hair.
    assert.match(page, /<h3>The last cutover<\/h3><svg [^>]*>(?:(?!<\/svg>).)*freezing(?:(?!<\/svg>).)*switching/);
    wellFormed(migrationReport([], { now: NOW }));
  });

  it('lets nothing of what hooks, names and programs say become markup', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('<', '>', '&', '"', '\'', '</svg>', '<script>', 'javascript:', '\u0000', '\u202e', '\ud800', 'ä', ' onload=x ', ']]>', '<!--', '\u001b[2J'), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('')), (evil) => {
      wellFormed(migrationReport(story(evil, evil), { now: NOW, host: evil }));
    }), { seed: 5, numRuns: 60 });
  });

  it('stays small however long the journal is', () => {
    const events = [...story(), ...Array.from({ length: 100_000 }, (_, k): MigrationEvent => ({ at: NOW + k * MINUTE, event: 'lag', lagMs: k, backlogFiles: 0, backlogBytes: k, changedFiles: 1, changedBytes: 1 })), ...Array.from({ length: 5000 }, (_, k): MigrationEvent => ({ at: NOW, event: 'problem', code: 'x', message: `m${k}`, path: 'p'.repeat(100) }))];
    const history = historyOf(events, NOW);
    assert.deepEqual([history.lag.length <= 1440, history.worstLagMs, history.problems.count, history.problems.last.length, history.problems.last.at(-1)?.message], [true, 99_999, 5001, 200, 'm4999']);
    assert.equal(history.lag.reduce((sum, { changedBytes }) => sum + changedBytes, 0), 60 * 1e6 + 100_000);
    const page = migrationReport(events, { now: NOW });
    wellFormed(page);
    assert.ok(page.length < 600_000, String(page.length));
    assert.match(page, /The last 200 of 5,001 problems, the last first/);
  });
});
