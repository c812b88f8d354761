/** The settler against a naive model, with random histories. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Settler, type DirtyBatch, type Hint, type HintScope } from '../../src/mirror/index.js';
import type { ByteString, RelPath } from '../../src/tree/index.js';

const QUIET = 10;
const GATHER = 3;
const LONGEST = 25;
const b = (text: string): ByteString => text as ByteString;

interface Step { wait: number; path: RelPath; scope: HintScope; gone: boolean; complete?: boolean; from?: RelPath; to?: RelPath }

const hintOf = (step: Step, at: number): Hint => ({
  path: step.path, scope: step.scope, gone: step.gone, reason: 'modified', at, complete: step.complete ?? false, ...(step.from === undefined ? {} : { from: step.from }), ...(step.to === undefined ? {} : { to: step.to }),
});

/** Whether `by` means all that `hint` means. */
function covers(by: Hint, hint: { path: RelPath; scope: HintScope }): boolean {
  const below = by.path === '' ? hint.path !== '' : hint.path.startsWith(`${by.path}/`);
  const parent = hint.path.slice(0, Math.max(hint.path.lastIndexOf('/'), 0));
  if (by.scope === 'subtree') return below || by.path === hint.path;
  if (by.path === hint.path) return by.scope === 'listing' ? hint.scope !== 'subtree' : hint.scope === 'entry';
  return by.scope === 'listing' && hint.scope === 'entry' && hint.path !== '' && parent === by.path;
}

/** Plays a history, asking exactly when told to; all batches with their times. */
function play(steps: readonly Step[], options: { most?: number; folderStorm?: number } = {}, check?: (settler: Settler) => void): { at: number; batch: DirtyBatch }[] {
  const settler = new Settler({ quietMs: QUIET, gatherMs: GATHER, longestMs: LONGEST, ...options });
  const out: { at: number; batch: DirtyBatch }[] = [];
  let now = 0;
  const runTo = (until: number): void => {
    for (let at = settler.nextAt(); at !== undefined && at <= until; at = settler.nextAt()) {
      const batch = settler.take(at);
      assert.ok(batch !== undefined, 'nothing was due when it said so');
      out.push({ at, batch });
    }
  };
  for (const step of steps) {
    runTo(now + step.wait);
    now += step.wait;
    settler.add(hintOf(step, now), now);
    check?.(settler);
  }
  runTo(Infinity);
  assert.equal(settler.size, 0);
  assert.equal(settler.nextAt(), undefined);
  return out;
}

const name = fc.constantFrom('a', 'b', 'c', 'dd', '\xff');
const path = fc.array(name, { minLength: 0, maxLength: 4 }).map((parts) => b(parts.join('/')));
const scope = fc.constantFrom<HintScope>('entry', 'entry', 'entry', 'listing', 'subtree');
const step: fc.Arbitrary<Step> = fc.record({ wait: fc.nat(8), path, scope, gone: fc.boolean(), complete: fc.boolean() });
const moved: fc.Arbitrary<Step> = fc.record({ wait: fc.nat(8), path, scope, gone: fc.constant(false), complete: fc.boolean(), from: path });
const left: fc.Arbitrary<Step> = fc.record({ wait: fc.nat(8), path, scope: fc.constant<HintScope>('entry'), gone: fc.constant(true), complete: fc.boolean(), to: path });
const history = fc.array(fc.oneof(step, moved, left), { maxLength: 60 });

describe('the settler', () => {
  it('is the naive model where nothing covers anything and nothing is renamed', () => {
    const flat = fc.array(fc.record({ wait: fc.nat(15), path: fc.constantFrom('a/x', 'a/y', 'b/x', 'c').map(b), scope: fc.constant<HintScope>('entry'), gone: fc.boolean(), complete: fc.boolean() }), { maxLength: 80 });
    fc.assert(fc.property(flat, (steps) => {
      // The model: each path by itself, with when it was first heard of, and since when it is as it is; time goes on by ones.
      const waiting = new Map<RelPath, { first: number; since: number; complete: boolean; gone: boolean }>();
      const seen = new Map<RelPath, number>();
      const expected: string[] = [];
      let now = 0;
      const runTo = (until: number): void => {
        for (let at = now; at <= until; at++) {
          for (const [each, record] of waiting) {
            if (Math.min(record.since + (record.complete ? GATHER : QUIET), record.first + LONGEST) > at) continue;
            expected.push(`${at} ${each} ${record.first} ${record.gone}`);
            seen.set(each, at);
            waiting.delete(each);
          }
        }
        now = until;
      };
      for (const each of steps) {
        runTo(now + each.wait);
        const record = waiting.get(each.path);
        const complete = each.complete && (seen.get(each.path) ?? -Infinity) + QUIET <= now;
        if (each.complete && !complete) seen.set(each.path, now);
        if (record === undefined) waiting.set(each.path, { first: now, since: now, complete, gone: each.gone });
        else Object.assign(record, { since: record.complete && complete ? record.since : now, complete, gone: each.gone });
      }
      runTo(now + LONGEST);
      const got = play(steps).flatMap(({ at, batch }) => batch.hints.map((hint) => `${at} ${hint.path} ${hint.at} ${hint.gone}`));
      assert.deepEqual(got.toSorted(), expected.toSorted());
    }));
  });

  for (const [title, options] of [['with room', {}], ['in storms', { folderStorm: 1 }], ['with hardly any room', { most: 8, folderStorm: 2 }]] as const) {
    it(`loses nothing and is never later than the longest delay, ${title}`, () => {
      fc.assert(fc.property(history, (steps) => {
        const batches = play(steps, options, (settler) => { if ('most' in options) assert.ok(settler.size <= options.most); });
        let now = 0;
        for (const each of steps) {
          now += each.wait;
          const wanted = [{ path: each.path, scope: each.scope }, ...[each.from, each.to].flatMap((end) => (end === undefined ? [] : [{ path: end, scope: 'entry' as const }]))];
          for (const hint of wanted) {
            assert.ok(batches.some(({ at, batch }) => at >= now && at <= now + LONGEST && batch.hints.some((by) => covers(by, hint))), `${now}: ${hint.path} (${hint.scope}) is not covered in time`);
          }
        }
      }));
    });
  }

  it('tells nothing that may go on before its quiet time, but for the longest delay', () => {
    fc.assert(fc.property(history, (steps) => {
      const times: { at: number; hint: Hint }[] = [];
      let now = 0;
      for (const each of steps) {
        now += each.wait;
        times.push({ at: now, hint: hintOf(each, now) });
      }
      for (const { at, batch } of play(steps)) {
        if (at - batch.first >= LONGEST) continue;
        for (const { hint, at: heard } of times) {
          const open = hint.complete !== true && !times.some((other) => other.hint.complete === true && other.at >= heard && other.at <= at && [other.hint.path, other.hint.from, other.hint.to].includes(hint.path));
          if (open && heard > at - QUIET && heard < at) assert.ok(!batch.hints.some((by) => by.at <= heard && covers(by, hint)), `${hint.path} was heard of at ${heard} and told at ${at}`);
        }
      }
    }));
  });

  it('tells what is complete after a moment, and does not wait for more of the kind', () => {
    const saves = (at: string): Step[] => Array.from({ length: 5 }, (_, i): Step => ({ wait: i === 0 ? 0 : 1, path: b(`${at}f${i}`), scope: 'entry', gone: false, complete: true }));
    assert.deepEqual(play(saves('')).map(({ at, batch }) => [at, batch.hints.map((hint) => hint.path)]), [[3, ['f0']], [4, ['f1']], [5, ['f2']], [6, ['f3']], [7, ['f4']]]);
    const folder = play(saves('d/'), { folderStorm: 1 });
    assert.deepEqual(folder.map(({ at, batch }) => [at, batch.hints.map(({ path: each, scope: how }) => `${how} ${each}`)]), [[4, ['listing d']], [7, ['entry d/f4']]]);
    const written = play([{ wait: 0, path: b('w'), scope: 'entry', gone: false }, { wait: 7, path: b('w'), scope: 'entry', gone: false, complete: true }]);
    assert.deepEqual(written.map(({ at }) => at), [7 + GATHER], 'closed after it was written');
  });

  it('does not send a file again each time it is saved', () => {
    const saves = Array.from({ length: 12 }, (): Step => ({ wait: 5, path: b('f'), scope: 'entry', gone: false, complete: true }));
    assert.deepEqual(play(saves).map(({ at }) => at), [5 + GATHER, 35, 60, 60 + QUIET]);
  });

  it('tells both ends of a rename in one batch, also along a chain', () => {
    fc.assert(fc.property(history, (steps) => {
      const batches = play(steps);
      for (const each of steps) {
        for (const end of [each.from, each.to]) {
          if (end === undefined) continue;
          const other = { path: end, scope: 'entry' as const };
          assert.ok(batches.some(({ batch }) => batch.hints.some((by) => covers(by, each)) && batch.hints.some((by) => covers(by, other))));
        }
      }
    }));
    const chain = play([
      { wait: 0, path: b('log.2'), scope: 'entry', gone: false, from: b('log.1') },
      { wait: 5, path: b('log.1'), scope: 'entry', gone: false, from: b('log') },
    ]);
    assert.deepEqual(chain.map(({ at, batch }) => [at, batch.hints.map((hint) => hint.path)]), [[15, ['log.1', 'log.2', 'log']]]);
  });

  it('keeps both ends together where one is covered by a coarser hint', () => {
    const both = play([
      { wait: 0, path: b('old'), scope: 'entry', gone: true, to: b('dir/new') },
      { wait: 0, path: b('dir'), scope: 'subtree', gone: false },
      { wait: 5, path: b('dir/x'), scope: 'entry', gone: false },
    ]);
    assert.deepEqual(both.map(({ at, batch }) => [at, batch.hints.map((hint) => hint.path)]), [[15, ['dir', 'old']]]);
  });

  it('puts what is there before what is gone, folders first on the way in and last on the way out', () => {
    const settler = new Settler({ quietMs: 0, longestMs: 0 });
    for (const [each, gone] of [['old/x', true], ['old', true], ['new/x', false], ['new', false]] as const) {
      settler.add({ path: b(each), scope: 'entry', gone, reason: 'modified', at: 1 }, 1);
    }
    assert.deepEqual(settler.take(1)?.hints.map((hint) => hint.path), ['new', 'new/x', 'old/x', 'old']);
  });

  it('keeps bounded memory through a storm and says that it grew coarse', () => {
    const settler = new Settler({ quietMs: QUIET, longestMs: LONGEST, most: 1000 });
    for (let i = 0; i < 50_000; i++) {
      settler.add({ path: b(`f${i % 97}/g${i % 301}/h${i}`), scope: 'entry', gone: false, reason: 'created', at: i }, i);
      assert.ok(settler.size <= 1000);
    }
    assert.ok(settler.coarsened > 0);
    const hints = settler.takeAll()?.hints ?? [];
    for (let i = 0; i < 50_000; i += 1013) assert.ok(hints.some((by) => covers(by, { path: b(`f${i % 97}/g${i % 301}/h${i}`), scope: 'entry' })));
    assert.equal(settler.size, 0);
  });

  it('makes a folder of which many names are dirty one hint, and not its neighbours', () => {
    const settler = new Settler({ quietMs: 0, longestMs: 0, folderStorm: 3 });
    for (const each of ['f/1', 'g/1', 'f/2', 'f/3', 'f/4', 'f/sub/1']) settler.add({ path: b(each), scope: 'entry', gone: false, reason: 'created', at: 0 }, 0);
    assert.deepEqual(settler.take(0)?.hints.map((hint) => [hint.path, hint.scope, hint.reason]), [['f', 'listing', 'storm'], ['f/sub/1', 'entry', 'created'], ['g/1', 'entry', 'created']]);
  });

  it('takes back what could not be sent, with its age', () => {
    const settler = new Settler({ quietMs: QUIET, longestMs: LONGEST });
    settler.add({ path: b('x'), scope: 'entry', gone: false, reason: 'modified', at: 0 }, 0);
    const batch = settler.take(10);
    for (const hint of batch?.hints ?? []) settler.add(hint, 100);
    assert.equal(settler.oldest(), 0);
    assert.equal(settler.nextAt(), LONGEST, 'it is overdue');
  });
});
