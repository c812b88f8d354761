/** The tables of the state over a real store, beside naive models. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EntryIndex, fingerprintOf, isSettled, RunHistory, SignatureTable, type IndexRecord, type RunRecord } from '../../src/state/index.js';
import { PathMap, type Codec } from '../../src/state/store/path-map.js';
import { EMPTY, StatTable, type RelPath } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';
import { fingerprint, fingerprints, indexRecords, paths, withStore } from './support.js';

const number: Codec<number> = { write: (w, n) => w.varint(n), read: (r) => r.varint(1e9, 'a number') };
/** Every long path collides with every other of the same beginning. */
const collide = (): Buffer => Buffer.alloc(32);
const below = (folder: RelPath) => (path: RelPath): boolean => folder === EMPTY || path === folder || path.startsWith(`${folder}/`);
const long = (n: number): RelPath => Array.from({ length: n }, () => 'x'.repeat(200)).join('/') as RelPath;

describe('state: tables', () => {
  const tmp = useTempFolder('tables');

  for (const [name, hash] of [['', undefined], [', where hashes collide', collide]] as const) {
    it(`a map of paths is as a plain one${name}`, async () => {
      let n = 0;
      await withStore(tmp.at('store'), (store) => {
        fc.assert(fc.property(fc.array(fc.tuple(paths, fc.nat({ max: 4 })), { maxLength: 40 }), paths, (steps, folder) => {
          const map = new PathMap(store.table('t'), number, 3, hash);
          const scope = String(n++ % 500).padStart(3, '0');
          const model = new Map<RelPath, number>();
          store.write(() => {
            store.table('t').clear();
            for (const [path, value] of steps) {
              if (value === 0) map.remove(path, scope);
              else map.put(path, value, scope);
              if (value === 0) model.delete(path);
              else model.set(path, value);
            }
          });
          for (const [path] of steps) assert.equal(map.get(path, scope), model.get(path));
          const listed = map.list({ folder, scope });
          assert.deepEqual(new Map(listed.map(({ path, record }) => [path, record])), new Map([...model].filter(([path]) => below(folder)(path))));
          assert.equal(new Set(listed.map(({ path }) => path)).size, listed.length);
          assert.deepEqual(map.list({ folder, scope: 'zzz' }), []);
          const short = listed.filter(({ path }) => path.length < 1800 && path !== folder);
          assert.deepEqual(short.map(({ path }) => path), short.map(({ path }) => path).toSorted());
          // Page by page it is the same.
          const paged: RelPath[] = [];
          for (let page = map.list({ folder, scope, limit: 3 }); page.length > 0; page = map.list({ folder, scope, limit: 3, after: paged.at(-1) as RelPath })) paged.push(...page.map(({ path }) => path));
          assert.deepEqual(paged, listed.map(({ path }) => path));
        }), { numRuns: 150 });
      });
    });
  }

  it('comes to an end page by page where the root alone is there', async () => {
    await withStore(tmp.at('store'), (store) => {
      const map = new PathMap(store.table('t'), number);
      store.write(() => { map.put(EMPTY, 7); });
      assert.deepEqual(map.list({ limit: 3 }), [{ path: EMPTY, record: 7 }]);
      assert.deepEqual(map.list({ limit: 3, after: EMPTY }), []);
    });
  });

  it('the index knows the paths of each inode', async () => {
    const inode = fc.nat({ max: 3 }).map(fingerprint);
    await withStore(tmp.at('store'), (store) => {
      fc.assert(fc.property(fc.array(fc.tuple(paths, indexRecords, inode, fc.boolean()), { maxLength: 20 }), (steps) => {
        const index = new EntryIndex(store.table('entries'), store.table('inodes'));
        const model = new Map<RelPath, IndexRecord>();
        store.write(() => {
          store.table('entries').clear();
          store.table('inodes').clear();
          for (const [path, random, at, removes] of steps) {
            const record = { ...random, source: random.source === undefined ? undefined : { ...random.source, fingerprint: at } };
            if (removes) index.remove(path);
            else index.put(path, record);
            if (removes) model.delete(path);
            else model.set(path, record);
          }
        });
        for (const [path, record] of model) assert.deepEqual(index.get(path), record);
        for (let n = 0; n <= 3; n++) {
          const known = [...model].filter(([, record]) => record.source?.fingerprint.inoLow === n && record.source.fingerprint.devMajor === 8).map(([path]) => path);
          assert.deepEqual(index.pathsOf('source', fingerprint(n)).toSorted(), known.toSorted());
        }
      }), { numRuns: 60 });
    });
  });

  it('a signature is given for the file it was made of, whole, and for no other', async () => {
    await withStore(tmp.at('store'), (store) => {
      const table = new SignatureTable(store.table('heads'), store.table('pieces'));
      const bytes = Buffer.from(Array.from({ length: 10_001 }, (_, k) => k % 251));
      store.write(() => {
        table.put(long(12), fingerprint(1), bytes);
        table.put('other' as RelPath, fingerprint(2), bytes.subarray(0, 8000));
        table.put('empty' as RelPath, fingerprint(3), bytes.subarray(0, 0));
      });
      assert.deepEqual(table.get(long(12), fingerprint(1)), bytes);
      assert.deepEqual(table.get('other' as RelPath, fingerprint(2)), bytes.subarray(0, 8000));
      assert.equal(table.get('empty' as RelPath, fingerprint(3))?.length, 0);
      assert.equal(table.get('other' as RelPath, { ...fingerprint(2), ctimeNsec: 3 }), undefined);
      const pieces = store.table('pieces');
      store.write(() => {
        const [row] = [...pieces.range(Buffer.from([0, 0]), undefined)];
        const value = Buffer.from(row?.value as Buffer);
        value[17] = (value[17] as number) ^ 1;
        pieces.put(row?.key as Buffer, value);
      });
      assert.equal(table.get(long(12), fingerprint(1)), undefined, 'damaged');
      store.write(() => { for (const path of [long(12), 'other' as RelPath, 'empty' as RelPath]) table.remove(path); });
      assert.equal(pieces.count, 1, 'nothing but the counter is left');
    });
  });

  it('the history keeps the latest runs', async () => {
    const run = (end: number): RunRecord => ({ start: end - 1, end, exitCode: 0, entries: 1, created: 0, deleted: 0, moved: 0, transferredFiles: 0, transferredBytes: 0, literalBytes: 0, matchedBytes: 0, problems: 0, warnings: 0 });
    await withStore(tmp.at('store'), (store) => {
      const runs = new RunHistory(store.table('runs'));
      const day = 86_400_000;
      for (let k = 1; k <= 10; k++) store.write(() => runs.add(run(k * day), { runs: 5, days: 100 }));
      assert.deepEqual(runs.list().map(({ end }) => end / day), [6, 7, 8, 9, 10]);
      assert.deepEqual(runs.list(2).map(({ end }) => end / day), [9, 10]);
      store.write(() => runs.add(run(12.5 * day), { runs: 5, days: 4 }));
      assert.deepEqual(runs.list().map(({ end }) => end / day), [9, 10, 12.5]);
    });
  });

  it('believes a reading only where the file is clearly older', () => {
    fc.assert(fc.property(fingerprints, (f) => {
      const newest = Math.max(f.ctimeSec * 1000 + f.ctimeNsec / 1e6, f.mtimeSec * 1000 + f.mtimeNsec / 1e6);
      assert.equal(isSettled(f, newest), false);
      assert.equal(isSettled(f, newest + 1000), true);
    }));
    assert.equal(fingerprintOf(new StatTable(1), 0).size, 0);
  });
});
