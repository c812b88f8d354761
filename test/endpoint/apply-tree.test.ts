/** Whole trees: whatever the source holds stands on the target afterwards, attribute by attribute. */
import assert from 'node:assert';
import { mkdirSync, readdirSync } from 'node:fs';
import { assertSameTree, changedTree, describeOn, file, makeTree, randomTree, symlink, dir, time, treePaths, useTempFolder } from '../support/index.js';
import { archive, Bench, leftovers, withBench } from './apply-bench.js';

const all = (): ReturnType<typeof archive> => archive((o) => {
  o.attributes.hardLinks = true;
  o.attributes.acls = true;
  o.attributes.xattrs = true;
  o.delete.when = 'during';
});

const openHandles = (): number => readdirSync('/proc/self/fd').length;

describe('apply: whole trees', () => {
  const temp = useTempFolder('apply');

  for (const marksIncomplete of [true, false]) {
    it(`given a random tree, makes its equal, and then its equal's later version (${marksIncomplete ? 'marking incomplete files' : 'by temporary files'})`, () => {
      for (let seed = 1; seed <= 6; seed++) {
        const source = temp.at(`s${seed}`);
        const later = temp.at(`l${seed}`);
        const target = temp.at(`t${seed}`);
        mkdirSync(target);
        const tree = randomTree(seed, { acls: true, entries: 60 });
        makeTree(source, tree);
        makeTree(later, changedTree(tree, seed + 100, { acls: true }));
        for (const from of [source, later]) {
          withBench(from, target, { options: all(), marksIncomplete }, (bench) => {
            bench.sync();
            assert.deepStrictEqual(bench.told, []);
          });
          assertSameTree(from, target);
          assert.deepStrictEqual(leftovers(treePaths(target)), []);
        }
      }
    });
  }

  it('counts what it has made', () => {
    makeTree(temp.at('s'), { a: 'one', b: file({ size: 300000, seed: 1 }), d: dir({ l: symlink('x') }) });
    mkdirSync(temp.at('t'));
    withBench(temp.at('s'), temp.at('t'), {}, (bench) => {
      bench.sync();
      const c = bench.ctx.counters;
      assert.deepStrictEqual({ ...c.created }, { files: 2, dirs: 1, links: 1, devices: 0, specials: 0 });
      assert.strictEqual(c.transferredFiles, 2);
      assert.strictEqual(c.literalBytes + c.matchedBytes, 300003);
      assert.strictEqual(bench.bytes, 300003);
    });
  });

  it('opens nothing that it does not close', () => {
    makeTree(temp.at('s'), randomTree(7));
    mkdirSync(temp.at('t'));
    const before = openHandles();
    withBench(temp.at('s'), temp.at('t'), { options: all() }, (bench) => bench.sync());
    assert.strictEqual(openHandles(), before);
  });

  it('keeps times to the nanosecond, before 1970 and after 2038, of folders too', () => {
    makeTree(temp.at('s'), {
      old: file('x', { mtime: time(-1, 1) }), young: file('y', { mtime: time(5_000_000_000, 999_999_999) }),
      d: dir({ f: 'z' }, { mtime: time(7, 7) }), l: symlink('q', { mtime: time(8, 8) }),
    });
    mkdirSync(temp.at('t'));
    withBench(temp.at('s'), temp.at('t'), {}, (bench) => bench.sync());
    assertSameTree(temp.at('s'), temp.at('t'));
  });

  it('has nothing left to do in a second session', () => {
    makeTree(temp.at('s'), randomTree(3));
    mkdirSync(temp.at('t'));
    withBench(temp.at('s'), temp.at('t'), {}, (bench) => bench.sync());
    withBench(temp.at('s'), temp.at('t'), {}, (bench: Bench) => {
      bench.sync();
      assert.strictEqual(bench.ctx.counters.transferredFiles, 0);
      assert.strictEqual(bench.bytes, 0);
    });
  });

  describeOn(['ext4', 'xfs', 'btrfs', 'tmpfs'], { sizeMiB: 64 }, (fs) => {
    it('makes the equal of a random tree, with ACLs, attributes, links, holes and devices', () => {
      for (const seed of [11, 12, 13]) {
        makeTree(fs.at(`s${seed}`), randomTree(seed, { acls: true, entries: 50, maxSize: 700000 }));
        mkdirSync(fs.at(`t${seed}`));
        withBench(fs.at(`s${seed}`), fs.at(`t${seed}`), { options: all() }, (bench) => {
          bench.sync();
          assert.deepStrictEqual(bench.told, []);
        });
        assertSameTree(fs.at(`s${seed}`), fs.at(`t${seed}`), { sparse: true });
      }
    });
  });
});
