/** What goes into an archive comes out of it: by twintree, by GNU tar and bsdtar, and from theirs by twintree. */
import assert from 'node:assert';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { seedExport } from '../../src/index.js';
import { assertSameTree, describeIf, makeTree, randomTree, readTree, twintree, useTempFolder, type Tree } from '../support/index.js';
import { everything, exported, imported, root, rootAttributes, told, tool, untar, whyNo } from './support.js';

const why = root ? whyNo('tar') : 'needs root';

function without(tree: Tree, names: string[]): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([name]) => !names.includes(name)));
}

/** Paths of sockets, which no archive holds. */
function readSockets(tree: string): string[] {
  return [...readTree(tree).values()].filter(({ type }) => type === 'socket').map(({ path }) => path);
}

describeIf('a seed archive', why, () => {
  const temp = useTempFolder('archive');
  const made = (tree: Tree = everything()): string => {
    makeTree(temp.at('src'), tree, rootAttributes);
    return temp.at('src');
  };

  it('is restored as it was, and a sync afterwards finds nothing', async () => {
    const source = made();
    const { archive } = await exported(source, temp.at('a.tar'));
    const outcome = await imported(temp.at('a.tar'), temp.at('dst'));
    assert.deepEqual(told(outcome), []);
    assert.equal(outcome.archive.checked, true);
    assert.equal(outcome.archive.members, archive.members);
    assertSameTree(source, temp.at('dst'), { sparse: true });
    const sync = twintree(['sync', '-aHAXni', '--delete', `${source}/`, temp.at('dst')]);
    assert.equal(sync.stdout + sync.stderr, '');
  });

  it('is restored by GNU tar as it was, without a word', async () => {
    const source = made(without(everything(), ['char'])); // a minor number that GNU tar has no digits for
    await exported(source, temp.at('a.tar'));
    mkdirSync(temp.at('dst'));
    assert.equal(untar(temp.at('a.tar'), temp.at('dst')), '');
    assertSameTree(source, temp.at('dst'), { sparse: true });
  });

  it('in parts, compressed and encrypted, is what cat, age, gunzip and GNU tar make a tree of', async function () {
    if (whyNo('age') !== undefined) this.skip();
    const source = made();
    tool('age-keygen', ['-o', temp.at('key')]);
    const recipient = /age1\w+/.exec(readFileSync(temp.at('key'), 'utf8'))?.[0] ?? '';
    const { archive } = await exported(source, temp.at('a'), '--split=1M', '-z', `--recipient=${recipient}`);
    assert.ok(archive.parts.length >= 3);
    assert.ok(archive.parts.slice(0, -1).every(({ size }) => size === 1 << 20));
    mkdirSync(temp.at('dst'));
    tool('sh', ['-c', 'cat a.[0-9]* | age -d -i key | tar -xzpf - -C dst --xattrs --xattrs-include="*" --acls --numeric-owner --exclude=char'], temp.path);
    assertSameTree(source, temp.at('dst'), { except: ['char'], ignore: ['dir-mtime'] });
    const outcome = await imported(temp.at('a'), temp.at('ours'), `--age-identity=${temp.at('key')}`);
    assert.deepEqual(told(outcome), []);
    assertSameTree(source, temp.at('ours'), { sparse: true });
  });

  for (const format of ['gnu', 'pax', 'ustar', 'oldgnu', 'v7']) {
    it(`of GNU tar in its format ${format} is restored as it was`, async () => {
      // What a format has no place for is not in the tree.
      const whole = without(everything(), format === 'pax' ? [] : ['future', 'before1970', 'caps', 'attributed', 'listed', 'char', 'holes', 'hollow', 'spread', 'small', 'far', 'd'.repeat(60), 'n'.repeat(255), 'folder']);
      const tree = format === 'v7' ? without(whole, ['block', 'fifo']) : whole;
      const source = made(format === 'pax' ? without(tree, ['char']) : { ...tree, ...(format === 'gnu' ? { long: everything()['d'.repeat(60)] ?? '', holes: everything()['holes'] ?? '', far: everything()['far'] ?? '' } : {}) });
      tool('tar', [`--format=${format}`, ...(format === 'pax' ? ['--xattrs', '--xattrs-include=*', '--acls', '--sparse'] : format === 'gnu' ? ['--sparse'] : []), '-cf', temp.at('a.tar'), '-C', source, '.']);
      const outcome = await imported(temp.at('a.tar'), temp.at('dst'), '--numeric-ids');
      assert.deepEqual(told(outcome), []);
      assertSameTree(source, temp.at('dst'), format === 'pax' ? { sparse: true } : { mtimeGranularity: 1_000_000_000 });
    });
  }

  it('of GNU tar with sparse files in each of its versions is restored as it was', async () => {
    const source = made({ holes: everything()['holes'] ?? '', hollow: everything()['hollow'] ?? '', small: everything()['small'] ?? '', spread: everything()['spread'] ?? '' });
    for (const version of ['0.0', '0.1', '1.0']) {
      tool('tar', ['--format=pax', '--sparse', `--sparse-version=${version}`, '-czf', temp.at('a.tgz'), '-C', source, '.']);
      const outcome = await imported(temp.at('a.tgz'), temp.at(`dst${version}`));
      assert.deepEqual(told(outcome), []);
      assertSameTree(source, temp.at(`dst${version}`), { sparse: true });
    }
  });

  it('is what bsdtar makes the same tree of, and bsdtar\'s is restored', async function () {
    if (whyNo('bsdtar') !== undefined) this.skip();
    const source = made(without(everything(), ['half\xc3\xff', 'new\nline', 'n'.repeat(255), 'caps', 'before1970'])); // names that are not UTF-8 it refuses, fractions before 1970 it reads otherwise
    await exported(source, temp.at('a.tar'));
    mkdirSync(temp.at('dst'));
    tool('bsdtar', ['--numeric-owner', '--acls', '--xattrs', '-xpf', temp.at('a.tar'), '-C', temp.at('dst')]);
    assertSameTree(source, temp.at('dst'), { ignore: ['xattr'], root: false });
    tool('bsdtar', ['--format=pax', '--acls', '--xattrs', '-cf', temp.at('b.tar'), '-C', source, '.']);
    const outcome = await imported(temp.at('b.tar'), temp.at('back'), '--numeric-ids');
    assert.deepEqual(told(outcome), []);
    assertSameTree(source, temp.at('back'), {});
  });

  it('of any tree comes back equal, through twintree and through GNU tar', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const source = temp.at(`src${seed}`);
      makeTree(source, randomTree(seed * 7919, { acls: true, entries: 60 }), rootAttributes);
      const sockets = readSockets(source);
      const outcome = await seedExport({ source: `${source}/`, output: temp.at('a.tar'), args: seed % 2 === 0 ? ['-z'] : [] });
      assert.deepEqual(outcome.problems.filter(({ code }) => code !== 'special-skipped'), []);
      assert.equal(outcome.problems.length, sockets.length, `seed ${seed}`);
      const back = await imported(temp.at('a.tar'), temp.at(`dst${seed}`));
      assert.deepEqual(told(back), [], `seed ${seed}`);
      assertSameTree(source, temp.at(`dst${seed}`), { sparse: true, except: sockets });
      mkdirSync(temp.at(`tar${seed}`));
      untar(temp.at('a.tar'), temp.at(`tar${seed}`));
      assertSameTree(source, temp.at(`tar${seed}`), { except: sockets });
      tool('tar', ['--format=pax', '--xattrs', '--xattrs-include=*', '--acls', '--sparse', '-cf', temp.at('b.tar'), '-C', source, '.']);
      assert.deepEqual(told(await imported(temp.at('b.tar'), temp.at(`theirs${seed}`), '--numeric-ids')), [], `seed ${seed}`);
      assertSameTree(source, temp.at(`theirs${seed}`), { sparse: true, except: sockets, ignore: ['hardlink'] }); // GNU tar knows no further names of devices
    }
  });

  it('takes what its filters choose, on either side', async () => {
    const source = made({ keep: 'k', 'drop.o': 'd', sub: everything()['folder'] ?? '' });
    await exported(source, temp.at('a.tar'), '--exclude=*.o');
    await imported(temp.at('a.tar'), temp.at('dst'), '--exclude=/sub/sub');
    assert.deepEqual(readdirSync(temp.at('dst')).sort(), ['keep', 'sub']);
    assert.deepEqual(readdirSync(temp.at('dst', 'sub')), ['inner']);
  });

  it('is imported again without writing what is in its place, and puts right what is not', async () => {
    const source = made();
    await exported(source, temp.at('a.tar'));
    await imported(temp.at('a.tar'), temp.at('dst'));
    const before = statSync(temp.at('dst', 'large')).ino;
    writeFileSync(temp.at('dst', 'plain'), 'other content');
    writeFileSync(temp.at('dst', '.~twintree-0123456789ab00-1'), 'left by a killed run');
    const again = await imported(temp.at('a.tar'), temp.at('dst'));
    assert.deepEqual(told(again), []);
    assert.equal(again.transferredFiles, 1);
    assert.equal(statSync(temp.at('dst', 'large')).ino, before);
    assertSameTree(source, temp.at('dst'), { sparse: true });
  });

  it('of a plain user restores what he may have', async () => {
    const source = made({ f: everything()['plain'] ?? '', d: everything()['folder'] ?? '' });
    await exported(source, temp.at('a.tar'));
    mkdirSync(temp.at('dst'), { mode: 0o777 });
    tool('chmod', ['777', temp.at('dst')]);
    tool('chmod', ['644', temp.at('a.tar')]);
    const run = twintree(['seed', 'import', temp.at('a.tar'), temp.at('dst', 'mine')], { uid: 65534 });
    assert.equal(run.code, 0, run.stderr);
    assertSameTree(source, temp.at('dst', 'mine'), { ignore: ['uid', 'gid'] });
  });

});
