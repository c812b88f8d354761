/** The journal and the states: what is on the disk is what a restart knows, and every way from state to state is one that leads back. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { canGo, Journal, readEvent, readJournal, standOf, STATES, type MigrationEvent, type MigrationFact, type MigrationState } from '../../src/migrate/index.js';
import { fromText, type ByteString } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

const PLANNED: MigrationFact = { event: 'planned', name: 'x', source: '/s/', target: '/t', host: null, entries: 3, bytes: 10, lost: [] };

describe('the journal of a migration', () => {
  const tmp = useTempFolder('journal');
  let folder: ByteString;
  let file: string;
  beforeEach('a folder', () => {
    folder = fromText(tmp.path);
    file = tmp.at('journal.jsonl');
  });

  it('keeps what was added, in order, for the next one', () => {
    let now = 1000;
    const journal = Journal.open(folder, () => now++);
    journal.add(PLANNED);
    journal.add({ event: 'state', state: 'seeding', reason: null });
    assert.deepEqual(Journal.open(folder).events, journal.events);
    assert.deepEqual(journal.events.map(({ at }) => at), [1000, 1001]);
  });

  it('cuts off a line that a crash has torn, wherever it was torn, and goes on behind the whole ones', () => {
    Journal.open(folder).add(PLANNED);
    const whole = readFileSync(file).length;
    Journal.open(folder).add({ event: 'state', state: 'seeding', reason: 'é' });
    const both = readFileSync(file);
    for (let length = whole; length < both.length; length++) {
      writeFileSync(file, both);
      truncateSync(file, length);
      const journal = Journal.open(folder);
      assert.equal(journal.events.length, 1, `torn at ${length}`);
      journal.add({ event: 'state', state: 'seeding', reason: null });
      assert.deepEqual(readJournal(folder).events.map(({ event }) => event), ['planned', 'state']);
    }
  });

  it('passes over lines that are none of its own', () => {
    Journal.open(folder).add(PLANNED);
    appendFileSync(file, '{"at":1,"event":"state","state":"nowhere","reason":null}\nnothing\n{"at":-1,"event":"thawed","ok":true,"reason":""}\n[]\n');
    Journal.open(folder).add({ event: 'thawed', ok: true, reason: 'x' });
    assert.deepEqual(Journal.open(folder).events.map(({ event }) => event), ['planned', 'thawed']);
  });

  it('takes up what another process has added meanwhile, in the order of the file', () => {
    const mine = Journal.open(folder);
    mine.add(PLANNED);
    const told: string[] = [];
    mine.follow(({ event }) => { told.push(event); });
    Journal.open(folder).add({ event: 'thawed', ok: true, reason: 'by the guard' });
    mine.add({ event: 'problem', code: 'X', message: 'y', path: null });
    assert.deepEqual(mine.stand, standOf(mine.events));
    mine.refresh(folder);
    assert.deepEqual(mine.stand, standOf(mine.events), 'also where events came in between');
    assert.deepEqual(mine.events.map(({ event }) => event), ['planned', 'thawed', 'problem']);
    assert.deepEqual(told, ['problem', 'thawed'], 'each is told once');
  });

  it('believes no field that is not what it should be', () => {
    const good: Record<string, unknown> = { at: 5, event: 'hook', part: 'freeze', command: 'x', side: 'source', ms: 1, ok: true, trouble: null, output: '', rehearsal: false };
    assert.ok(readEvent(JSON.stringify(good)) !== undefined);
    fc.assert(fc.property(fc.constantFrom(...Object.keys(good)), fc.oneof(fc.object(), fc.constant(undefined), fc.constant('nonsense'.repeat(20_000)), fc.constant(Number.MIN_SAFE_INTEGER)), (key, value) => {
      assert.equal(readEvent(JSON.stringify({ ...good, [key]: value })), undefined, `${key} = ${String(JSON.stringify(value)).slice(0, 60)}`);
    }), { seed: 7, numRuns: 200 });
  });
});

describe('the states of a migration', () => {
  it('leave none without a way to an end at which somebody serves', () => {
    const ends: MigrationState[] = ['finished', 'rolled-back', 'aborted'];
    for (const from of STATES) {
      const seen = new Set<MigrationState>([from]);
      for (const state of seen) for (const to of STATES) if (canGo(state, to)) seen.add(to);
      assert.ok(ends.some((end) => seen.has(end)), `${from} leads nowhere`);
    }
  });

  it('let the switch be reached by a verified freeze alone, and be left by the way back or the end alone', () => {
    assert.deepEqual(STATES.filter((state) => canGo(state, 'switching')), ['verifying']);
    assert.deepEqual(STATES.filter((state) => canGo('switched', state)).sort(), ['finished', 'rolling-back']);
    assert.deepEqual(STATES.filter((state) => canGo('switching', state)).sort(), ['rolling-back', 'switched']);
  });

  it('are the last one that the journal tells, whatever else is in it', () => {
    const events: MigrationEvent[] = [
      { at: 1, ...PLANNED }, { at: 2, event: 'state', state: 'seeding', reason: null }, { at: 3, event: 'operation', what: 'cutover', phase: 'began', ok: true, message: '' }, { at: 4, event: 'state', state: 'live', reason: 'r' },
      { at: 5, event: 'thawed', ok: false, reason: 'x' },
    ];
    assert.deepEqual(standOf(events), { state: 'live', since: 4, reason: 'r', thawFailed: true, seeded: true, operation: 'cutover' });
    assert.equal(standOf([...events, { at: 6, event: 'thawed', ok: true, reason: 'x' }])?.thawFailed, false);
    assert.equal(standOf(events.slice(1)), undefined, 'without a plan there is nothing');
  });
});
