/**
 * The dirty set: beside a naive model over random histories; killed at any moment it has all that it acknowledged; damaged or full it says that
 * everything is dirty.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { DirtyReason, DirtySet, openDirtySet, type DirtyMark } from '../../src/state/index.js';
import { EMPTY, type RelPath } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';
import { openPair, paths, withStore } from './support.js';

const mark = (path: string, subtree = false, reasons: number = DirtyReason.Event): DirtyMark => ({ path: path as RelPath, subtree, reasons });
const names = (set: DirtySet): string[] => set.list().map(({ path }) => path);
const CHILD = fileURLToPath(new URL('./dirty-child.js', import.meta.url));

describe('state: the dirty set', () => {
  const tmp = useTempFolder('dirty');

  it('is new as everything, and clean when that was cleared', async () => {
    await withStore(tmp.at('store'), (store) => {
      const set = new DirtySet(store, { clock: () => 5000 });
      assert.equal(set.check(), true);
      assert.deepEqual(set.whole, { path: EMPTY, subtree: true, reasons: DirtyReason.New, since: 5000, sequence: 5_000_001 });
      assert.equal(set.clearTree(set.sequence), 1);
      assert.equal(set.whole, undefined);
      assert.equal(set.check(), true);
      assert.equal(set.size, 0, 'clean stays clean');
    }, true);
  });

  it('keeps a path that was marked again while it was worked on', async () => {
    await withStore(tmp.at('store'), (store) => {
      let now = 1000;
      const set = new DirtySet(store, { clock: () => now });
      set.check();
      set.clearTree(set.sequence);
      const upTo = set.add([mark('a'), mark('d/x'), mark('d', true)]);
      now = 2000;
      set.add([mark('a', false, DirtyReason.Failed)]);
      assert.equal(set.clear(upTo, ['a', 'd/x', 'absent'] as RelPath[]), 1);
      assert.deepEqual(names(set), ['a', 'd']);
      assert.deepEqual(set.get('a' as RelPath), { path: 'a', subtree: false, reasons: DirtyReason.Event | DirtyReason.Failed, since: 1000, sequence: upTo + 1 });
      set.add([mark('d/y')]);
      assert.equal(set.clearTree(upTo, 'd' as RelPath), 1);
      assert.deepEqual(names(set), ['a', 'd/y']);
    }, true);
  });

  it('is as a plain map over random histories, also through the batched calls', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), marks: fc.array(fc.tuple(paths, fc.boolean(), fc.constantFrom(1, 2, 64)), { maxLength: 5 }) }),
      fc.record({ kind: fc.constant('clear' as const), paths: fc.array(paths, { maxLength: 5 }), back: fc.nat({ max: 6 }) }),
      fc.record({ kind: fc.constant('clearTree' as const), paths: fc.array(paths, { minLength: 1, maxLength: 1 }), back: fc.nat({ max: 6 }) }),
    );
    await withStore(tmp.at('store'), async (store) => {
      await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const set = new DirtySet(store);
        set.everything(DirtyReason.Again);
        set.clearTree(set.sequence);
        const model = new Map<RelPath, { subtree: boolean; reasons: number; sequence: number }>();
        let sequence = set.sequence;
        for (const [k, what] of steps.entries()) {
          if (what.kind === 'add') {
            const marks = what.marks.map(([path, subtree, reasons]) => ({ path, subtree, reasons }));
            for (const one of marks) {
              const before = model.get(one.path);
              model.set(one.path, { subtree: one.subtree || before?.subtree === true, reasons: one.reasons | (before?.reasons ?? 0), sequence: ++sequence });
            }
            if (k % 2 === 0) assert.equal(set.add(marks), sequence);
            else {
              set.addMany(marks.slice(0, 2));
              const first = set.durable();
              set.addMany(marks.slice(2));
              await first;
              assert.equal(await set.durable(), sequence);
            }
            continue;
          }
          const upTo = sequence - what.back;
          const [folder] = what.paths;
          const goes = (path: RelPath): boolean => (what.kind === 'clear' ? what.paths.includes(path) : folder === EMPTY || path === folder || path.startsWith(`${folder as string}/`));
          for (const [path, one] of model) if (goes(path) && one.sequence <= upTo) model.delete(path);
          if (what.kind === 'clear') set.clear(upTo, what.paths);
          else set.clearTree(upTo, folder);
        }
        assert.deepEqual(new Map(set.list().map(({ path, subtree, reasons, sequence: number }) => [path, { subtree, reasons, sequence: number }])), model);
        assert.equal(set.size > 0, model.size > 0);
      }), { numRuns: 25 });
    });
  });

  it('clears later in its turn what was marked before a horizon, not what was marked behind it', async () => {
    await withStore(tmp.at('store'), async (store) => {
      const set = new DirtySet(store);
      set.check();
      set.clearTree(set.sequence);
      set.addMany([mark('a'), mark('b'), mark('d', true), mark('d/x')]);
      const horizon = set.horizon();
      set.addMany([mark('b')]);
      set.clearLater(horizon, () => ['a', 'b', 'absent', ...set.list({ folder: 'd' as RelPath }).map(({ path }) => path)] as RelPath[]);
      set.addMany([mark('a')]);
      assert.deepEqual([set.size, set.waiting], [0, 8], 'nothing is written yet');
      const [last] = await Promise.all([set.soon(1), set.soon(1)]);
      assert.deepEqual([names(set), set.waiting, last], [['a', 'b'], 0, set.sequence]);
      assert.ok(horizon.upTo !== undefined && horizon.upTo === last - 2);
      set.clearLater({ upTo: undefined }, () => ['a'] as RelPath[]);
      set.addMany([mark('c')]);
      await set.close();
      assert.deepEqual(names(set), ['a', 'b', 'c'], 'closing writes what waits; a horizon that was never written clears nothing');
    }, true);
  });

  it('becomes everything where it would hold too many paths', async () => {
    await withStore(tmp.at('store'), (store) => {
      let now = 1000;
      const set = new DirtySet(store, { limit: 3, clock: () => now });
      set.check();
      set.clearTree(set.sequence);
      set.add([mark('a'), mark('b')]);
      now = 9000;
      const last = set.add([mark('c'), mark('a'), mark('d'), mark('e')]);
      assert.deepEqual(set.list(), [{ path: EMPTY, subtree: true, reasons: DirtyReason.Full | DirtyReason.Event, since: 1000, sequence: last }]);
      assert.equal(set.check(), true);
    }, true);
  });

  it('is everything where a record or its counter is damaged', async () => {
    for (const harm of ['record', 'counter', 'lost'] as const) {
      await withStore(tmp.at(harm), (store) => {
        const set = new DirtySet(store, { clock: () => 7000 });
        set.check();
        const upTo = set.add([mark('a'), mark('b')]);
        set.clear(upTo, [EMPTY]);
        store.write(() => {
          if (harm === 'record') store.table('dirty').put(Buffer.from('/a'), Buffer.from([0, 1, 2, 3, 4, 5, 6]));
          else if (harm === 'counter') store.table('numbers').put(Buffer.from('sequence'), Buffer.alloc(8));
          else store.table('numbers').remove(Buffer.from('sequence'));
        });
        assert.equal(new DirtySet(store, { clock: () => 7001 }).check(), false, harm);
        const whole = new DirtySet(store).whole;
        assert.ok(whole !== undefined && (whole.reasons & DirtyReason.Damaged) !== 0);
        assert.ok(whole.sequence > upTo, 'who was at work before clears nothing of it');
      }, true);
    }
  });

  it('has all that it acknowledged, killed at any moment', async () => {
    const made = openPair(tmp.at('state'));
    made.dirty.clearTree(made.dirty.sequence);
    await made.close();
    const promised = new Set<string>();
    for (let round = 0; round < 21; round++) {
      const child = spawn(process.execPath, [CHILD, made.folder, String(round), 'set'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'close');
      let heard = 0;
      // Killed while it is writing what comes after the k-th acknowledgement.
      for await (const line of createInterface(child.stdout)) {
        for (const path of line.split(' ')) promised.add(path);
        if (++heard === 1 + (round * 7) % 12) child.kill('SIGKILL');
      }
      const [, signal] = await ended as [number | null, string | null];
      assert.equal(signal, 'SIGKILL');
    }
    const state = openPair(tmp.at('state'));
    try {
      assert.equal(state.dirty.whole, undefined, 'nothing was taken for damaged');
      const kept = new Set<string>(names(state.dirty));
      const lost = [...promised].filter((path) => !kept.has(path));
      assert.deepEqual(lost, []);
      assert.ok(promised.size > 100);
    } finally {
      await state.close();
    }
  });

  it('is written by one thread or process while another clears', async () => {
    const state = openPair(tmp.at('state'));
    const upTo = state.dirty.sequence;
    const other = openDirtySet(state.folder);
    other.set.add([mark('from the other')]);
    assert.equal(state.dirty.clearTree(upTo), 1);
    assert.deepEqual(names(other.set), ['from the other']);
    await other.close();
    await state.close();
  });
});
