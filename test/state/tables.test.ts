/** The tables of the state over a real store, beside naive models. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { levelsOf, PAGE_SUMS, sumsOfPage, type TreeChange } from '../../src/delta/index.js';
import { EntryIndex, fingerprintOf, isSettled, RunHistory, SumTable, type IndexRecord, type RunRecord, type SumHead } from '../../src/state/index.js';
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

  it('trees of sums are kept for each side and path, whole, and page by page as they change', async () => {
    const pagesOf = (sums: number, mark: number): Map<number, Buffer>[] => levelsOf({ size: sums * 4096, leafLength: 4096 }).map((count, level) => new Map(
      Array.from({ length: Math.max(1, Math.ceil(count / PAGE_SUMS)) }, (_, n) => [n, Buffer.alloc(sumsOfPage(count, n) * 16, mark + level)])));
    const change = (sums: number, mark: number, over?: number, pages = pagesOf(sums, mark)): TreeChange => (
      { size: sums * 4096, leafLength: 4096, root: Buffer.alloc(16, mark), over: over === undefined ? undefined : Buffer.alloc(16, over), pages });
    const head = (n: number): Omit<SumHead, 'root' | 'size' | 'leafLength'> => ({ fingerprint: fingerprint(n), moment: 5, tag: Buffer.alloc(8, n), clone: n % 2 === 0 ? fingerprint(n + 1) : undefined });
    await withStore(tmp.at('store'), (store) => {
      const table = new SumTable(store.table('heads'), store.table('pages'));
      const [far, near] = [long(12), 'near' as RelPath];
      store.write(() => {
        for (const [side, path, mark] of [['source', far, 1], ['target', far, 2], ['source', near, 3]] as const) assert.ok(table.put(side, path, head(mark), change(950, mark)));
      });
      assert.deepEqual(table.get('target', far), { ...head(2), size: 950 * 4096, leafLength: 4096, root: Buffer.alloc(16, 2) });
      assert.deepEqual(table.page('target', far, Buffer.alloc(16, 2), 0, 3), Buffer.alloc(200 * 16, 2));
      assert.equal(table.page('target', far, Buffer.alloc(16, 1), 0, 3), undefined, 'pages of another version');
      assert.deepEqual([table.list('source', undefined, 9), table.list('target', undefined, 9)].map((list) => list.map(({ path }) => path)), [[near, far], [far]].map((list) => list.toSorted()));
      // One page differs, and the file is shorter: the others stay, and what is beyond goes.
      const fewer = [new Map([[1, Buffer.alloc(100 * 16, 7)]]), new Map([[0, Buffer.alloc(2 * 16, 7)]])];
      store.write(() => assert.ok(table.put('target', far, head(4), change(350, 4, 2, fewer))));
      assert.deepEqual([0, 1, 2, 3].map((n) => table.page('target', far, Buffer.alloc(16, 4), 0, n)?.[0]), [2, 7, undefined, undefined]);
      // Laid over another version than is kept: nothing of it may stay.
      store.write(() => assert.ok(!table.put('target', far, head(5), change(350, 5, 2, fewer))));
      assert.equal(table.get('target', far), undefined);
      store.write(() => {
        table.put('source', near, head(6), change(10, 6));
        table.remove('source', far);
        table.remove('source', near);
        table.remove('source', near);
      });
      assert.equal(store.table('pages').count, 1, 'nothing but the counter is left');
      assert.equal(store.table('heads').count, 0);
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
