/** The table of places beside a naive model: a tree of inodes that are renamed, linked, replaced and removed. */
import assert from 'node:assert/strict';
import { inodeKey, PlaceTable, samePlace, type InodeKey, type Place } from '../../src/state/index.js';
import { fromText, joinPath, type ByteString, type RelPath } from '../../src/tree/index.js';
import { Dice, useTempFolder } from '../support/index.js';
import { withStore } from './support.js';

const home = { major: 8, minor: 1 };
const inode = (n: number): InodeKey => inodeKey(8, 1, 0, n, home);
const ROOT = inode(1);
const NAMES = ['a', 'b', '\xff\xff', '\x01', 'n'.repeat(255)] as ByteString[];
const PLAIN = { links: 1, bornSec: 0, bornNsec: 0 };

describe('state: places of inodes', () => {
  const tmp = useTempFolder('places');
  const file = { ...PLAIN, folder: false };
  const folder = { ...PLAIN, folder: true };
  const at = (parent: InodeKey, name: string): Place => ({ parent, name: fromText(name) });

  it('tells a path through folders that were renamed since', async () => {
    await withStore(tmp.at('paths'), (store) => {
      const places = new PlaceTable(store.table('places'));
      store.write(() => {
        places.put(inode(2), at(ROOT, 'a'), folder);
        places.put(inode(3), at(inode(2), 'deep'), folder);
        places.put(inode(4), at(inode(3), 'f'), file);
      });
      assert.deepEqual(places.pathsOf(inode(4), ROOT), ['a/deep/f']);
      store.write(() => { places.put(inode(2), at(ROOT, 'b'), folder); });
      assert.deepEqual(places.pathsOf(inode(4), ROOT), ['b/deep/f']);
      assert.deepEqual([places.inodeOf('b/deep' as RelPath, ROOT)?.inode, places.inodeOf('a/deep' as RelPath, ROOT)], [inode(3), undefined]);
      store.write(() => { places.put(inode(2), at(inode(3), 'round'), folder); }); // what a lie can make of it
      assert.deepEqual(places.pathsOf(inode(4), ROOT), []);
      assert.deepEqual(places.pathsOf(inode(4), inode(9)), []);
    });
  });

  it('knows an inode that was used again by its birth, as far as that is known', async () => {
    await withStore(tmp.at('births'), (store) => {
      const places = new PlaceTable(store.table('places'));
      const born = (sec: number) => ({ folder: false, links: 2, bornSec: sec, bornNsec: 5 });
      const names = (): string[] => places.get(inode(2))?.places.map(({ name }) => name) ?? [];
      store.write(() => {
        places.put(inode(2), at(ROOT, 'a'), born(7));
        places.put(inode(2), at(ROOT, 'b'), { ...born(7), bornSec: 0, bornNsec: 0 });
      });
      assert.deepEqual(names(), ['b', 'a']);
      store.write(() => { places.put(inode(2), at(ROOT, 'c'), born(7)); });
      store.write(() => { places.put(inode(2), at(ROOT, 'd'), born(8)); });
      assert.deepEqual(names(), ['d']);
    });
  });

  it('keeps to a bound for an inode of very many names, and says so', async () => {
    await withStore(tmp.at('many'), (store) => {
      const places = new PlaceTable(store.table('places'));
      store.write(() => { for (let n = 0; n < 100; n++) places.put(inode(2), at(ROOT, `n${n}`), { ...file, links: 100 }); });
      assert.deepEqual([places.get(inode(2))?.places.length, places.get(inode(2))?.more, [...places.namesIn(ROOT)].length], [64, true, 100]);
    });
  });

  it('takes bytes that it did not write for nothing', async () => {
    await withStore(tmp.at('bytes'), (store) => {
      const table = store.table('places');
      const places = new PlaceTable(table);
      const dice = new Dice(3);
      store.write(() => { places.put(inode(2), at(ROOT, 'a'), folder); });
      const [key] = [...table.range(Buffer.from([1]), Buffer.from([2]))].map((row) => row.key);
      const value = table.get(key as Buffer) as Buffer;
      for (let n = 0; n < 300; n++) {
        const spoilt = Buffer.from(value.subarray(0, 1 + dice.below(value.length)));
        spoilt[dice.below(spoilt.length)] = dice.below(256);
        store.write(() => { table.put(key as Buffer, spoilt); });
        for (const place of places.get(inode(2))?.places ?? []) assert.ok(place.name.length > 0 && !place.name.includes('/'));
      }
    });
  });

  it('is as a plain map of inodes (200 histories)', async () => {
    await withStore(tmp.at('model'), (store) => {
      for (let seed = 1; seed <= 200; seed++) {
        const dice = new Dice(seed);
        const places = new PlaceTable(store.table('places'));
        const model = new Map<InodeKey, { folder: boolean; places: Place[] }>();
        store.write(() => {
          places.clear();
          for (let n = 0; n < 40; n++) {
            const number = 2 + dice.below(8);
            const one = inode(number);
            const place = { parent: dice.below(2) === 0 ? ROOT : inode(2 + dice.below(3)), name: NAMES[dice.below(NAMES.length)] as ByteString };
            const known = model.get(one);
            if (dice.below(4) === 0) {
              places.remove(one, place);
              const rest = known?.places.filter((each) => !samePlace(each, place)) ?? [];
              if (rest.length > 0) model.set(one, { folder: known?.folder === true, places: rest });
              else model.delete(one);
              continue;
            }
            const what = { ...PLAIN, folder: number < 5, links: number >= 7 ? 9 : 1 };
            places.put(one, place, what);
            model.set(one, { folder: what.folder, places: [place, ...(what.links > 1 ? (known?.places.filter((each) => !samePlace(each, place)) ?? []) : [])] });
          }
        });
        for (let number = 2; number < 10; number++) {
          const found = places.get(inode(number));
          assert.deepEqual(found?.places, model.get(inode(number))?.places, `seed ${seed}: inode ${number}`);
          // What is found by name is one of the inode's places.
          for (const { name, inode: child, folder: isFolder } of places.namesIn(inode(number))) assert.equal(isFolder, model.get(child)?.folder ?? isFolder, joinPath('' as RelPath, name));
        }
        for (const [one, { folder: isFolder, places: list }] of model) {
          const last = list[0] as Place;
          const named = places.inodeAt(last.parent, last.name);
          if (isFolder && named?.inode === one) assert.equal(named.folder, true);
        }
      }
    });
  });
});
