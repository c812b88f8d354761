/** The walk that the supplier sends ahead: the folders that a session on one host opens, in its order, with all they hold. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { sync } from '../../../src/index.js';
import { compareWalk } from '../../../src/endpoint/supply/index.js';
import { loadPosix } from '../../../src/fs/index.js';
import type { ByteString } from '../../../src/tree/index.js';
import { Dice, dir, file, makeTree, randomTree, symlink, useTempFolder, type Tree } from '../../support/index.js';
import { bytes, folded, setupFor, statOf, TestSession } from './support.js';
import { hashOf } from '../../hash/support.js';

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 15);

/** The folders of `root` that a session on this host lists, in its order. */
async function listedLocally(root: string, args: readonly string[], sources: readonly string[], target: string): Promise<string[]> {
  const posix = loadPosix();
  const seen: string[] = [];
  const list = posix.list;
  posix.list = function (fd, into) {
    const path = fs.readlinkSync(`/proc/self/fd/${fd}`, 'latin1');
    if (path === root || path.startsWith(`${root}/`)) seen.push(path);
    return list.call(posix, fd, into);
  };
  try {
    await sync({ source: sources as string[], target, args: [...args, '-n', '--threads=1'] });
  } finally {
    posix.list = list;
  }
  return seen;
}

/** The folders that a walk tells with all their names, as paths on the disk. */
async function toldAhead(args: readonly string[], sources: readonly string[]): Promise<string[]> {
  const session = new TestSession(setupFor(args, sources));
  try {
    const told = folded(await session.walk());
    return told.filter(({ first }) => first.openErrno === 0 && first.listErrno === 0)
      .map(({ first }) => `${session.setup.mounts[first.mount]?.path.replace(/\/$/, '')}${first.path === '' ? '' : `/${first.path}`}`);
  } finally {
    await session.close();
  }
}

describe('the walk ahead of a session', () => {
  const temp = useTempFolder('supply-walk');

  it('orders folders as a walk does: what is in a folder before its later neighbours', () => {
    const order = ['', 'a', 'a/b', 'a/b/c', 'a.x', 'a.x/y', 'b'] as ByteString[];
    assert.deepEqual(order.toReversed().sort(compareWalk), order);
  });

  for (let run = 0; run < RUNS; run++) {
    it(`lists what a session on this host lists, in the same order (seed ${run})`, async () => {
      const dice = new Dice(7000 + run);
      const root = temp.at('tree');
      fs.mkdirSync(root);
      const several = dice.chance(0.4);
      const sources: string[] = [];
      for (const name of several ? ['one', 'two', 'three'] : ['one']) {
        makeTree(`${root}/${name}`, withRules(randomTree(dice.below(1e9), { entries: 80, specials: false, symlinks: false }), dice));
        sources.push(`${root}/${name}${several && dice.chance(0.3) ? '' : '/'}`);
      }
      const args = ['-a', ...pickArgs(dice)];
      const local = await listedLocally(root, args, sources, temp.at('target'));
      const told = (await toldAhead(args, sources)).map((path) => fs.realpathSync.native(Buffer.from(path, 'latin1'), 'latin1')); // a handle tells where a link led
      assert.deepEqual(told, local, args.join(' '));
    });
  }

  it('goes on behind a folder', async () => {
    makeTree(temp.at('s'), randomTree(99, { entries: 120, specials: false }));
    const session = new TestSession(setupFor(['-a'], [`${temp.at('s')}/`]));
    try {
      const all = folded(await session.walk()).map(({ first }) => first.path);
      assert.ok(all.length > 8);
      for (const k of [0, 1, 3, all.length - 2, all.length - 1]) {
        assert.deepEqual(folded(await session.walk(1, all[k])).map(({ first }) => first.path), all.slice(k + 1), all[k]);
      }
    } finally {
      await session.close();
    }
  });

  it('tells names that the filters hide, but not what is in folders that they hide', async () => {
    makeTree(temp.at('s'), { 'a.o': 'x', 'a.c': 'x', cache: dir({ deep: dir({ f: 'x' }) }), src: dir({ 'b.o': 'x' }) });
    const session = new TestSession(setupFor(['-a', '--exclude=*.o', '--exclude=cache/'], [`${temp.at('s')}/`]));
    try {
      const [root, src, ...rest] = folded(await session.walk());
      assert.deepEqual(root?.names, ['a.c', 'a.o', 'cache', 'src']);
      assert.equal(src?.first.path, 'src');
      assert.deepEqual(src?.names, ['b.o']);
      assert.deepEqual(rest, []);
    } finally {
      await session.close();
    }
  });

  it('sends rule files along, and says which are not there', async () => {
    makeTree(temp.at('s'), { '.rsync-filter': '- *.o\n', sub: dir({ 'x.o': 'x' }) });
    const session = new TestSession(setupFor(['-aF'], [`${temp.at('s')}/`]));
    try {
      const [root, sub] = folded(await session.walk());
      assert.equal(root?.first.ruleFiles.get('.rsync-filter' as ByteString)?.toString(), '- *.o\n');
      assert.ok(sub?.first.ruleFiles.has('.rsync-filter' as ByteString));
      assert.equal(sub?.first.ruleFiles.get('.rsync-filter' as ByteString), undefined);
    } finally {
      await session.close();
    }
  });

  it('tells of a source without a trailing slash only what was named', async () => {
    makeTree(temp.at('s'), { wanted: dir({ f: 'x' }), 'one-file': 'x', secret: 'x', other: dir({ g: 'x' }) });
    const session = new TestSession(setupFor(['-a'], [temp.at('s', 'wanted'), temp.at('s', 'one-file')]));
    try {
      const [root, wanted, ...rest] = folded(await session.walk());
      assert.deepEqual(root?.names, ['one-file', 'wanted']);
      assert.notEqual(root?.first.listErrno, 0, 'it must not look as if that were all');
      assert.deepEqual(wanted?.names, ['f']);
      assert.deepEqual(rest, []);
    } finally {
      await session.close();
    }
  });

  it('tells what followed symlinks lead to, and why they lead nowhere', async () => {
    makeTree(temp.at('s'), { real: file('12345'), toFile: symlink('real'), toFolder: symlink('sub'), nowhere: symlink('gone'), sub: dir({ f: 'x' }) });
    const session = new TestSession(setupFor(['-aL'], [`${temp.at('s')}/`]));
    try {
      const told = folded(await session.walk());
      assert.deepEqual(told.map(({ first }) => first.path), ['', 'sub', 'toFolder']);
      const root = told[0];
      const leads = (name: string): Buffer | number | undefined => {
        const { item, index } = (root as NonNullable<typeof root>).at(name);
        return item.followed?.get(index);
      };
      const toFile = leads('toFile');
      assert.ok(Buffer.isBuffer(toFile));
      assert.equal(statOf(toFile).size(0), 5);
      assert.equal(leads('nowhere'), 2);
      const { item, index } = (root as NonNullable<typeof root>).at('nowhere');
      assert.equal(item.links.get(index), 'gone');
    } finally {
      await session.close();
    }
  });

  it('cuts a large folder into items of a bounded size', async () => {
    const names = Array.from({ length: 3000 }, (_, i) => `${'n'.repeat(150)}${i}`);
    fs.mkdirSync(temp.at('s'));
    for (const name of names) fs.writeFileSync(temp.at('s', name), '');
    const session = new TestSession(setupFor(['-a'], [`${temp.at('s')}/`]));
    try {
      const items = await session.walk();
      assert.ok(items.length >= 3);
      const [root] = folded(items);
      assert.deepEqual(root?.names, names.sort());
    } finally {
      await session.close();
    }
  });

  it('with -c tells hashes of files that are not hidden', async () => {
    makeTree(temp.at('s'), { a: 'content', 'b.o': 'hidden', empty: '' });
    const session = new TestSession(setupFor(['-ac', '--exclude=*.o'], [`${temp.at('s')}/`]));
    try {
      const [root] = await session.walk();
      assert.deepEqual([...(root?.hashes ?? [])].map(([index, hash]) => [root?.names[index], hash.toString('hex')]), [
        ['a', hashOf(Buffer.from('content')).toString('hex')], ['empty', hashOf(Buffer.alloc(0)).toString('hex')],
      ]);
    } finally {
      await session.close();
    }
  });

  it('tells extended attributes with -X, of folders too, and none without', async () => {
    makeTree(temp.at('s'), { a: file('x', { xattrs: { 'user.a': 'value' } }), sub: dir({}, { xattrs: { 'user.b': '' } }) });
    for (const [args, expected] of [[['-aX'], 'value'], [['-a'], undefined]] as const) {
      const session = new TestSession(setupFor(args, [`${temp.at('s')}/`]));
      try {
        const [root, sub] = await session.walk();
        assert.equal(root?.xattrs?.get(0)?.[0]?.value.toString(), expected);
        assert.equal(sub?.xattrs?.get(-1)?.[0]?.name, expected === undefined ? undefined : 'user.b');
      } finally {
        await session.close();
      }
    }
  });

  it('tells each owner\'s name once on a channel', async () => {
    makeTree(temp.at('s'), { a: 'x', sub: dir({ b: 'x' }) });
    const session = new TestSession(setupFor(['-a'], [`${temp.at('s')}/`]));
    try {
      const items = await session.walk();
      const told = items.flatMap((item) => item.users.map(({ id }) => id));
      assert.deepEqual(told, [...new Set(told)]);
      assert.ok(told.includes(process.getuid?.() ?? -1));
      assert.deepEqual((await session.walk()).flatMap((item) => item.users), []);
    } finally {
      await session.close();
    }
  });
});

/** Sprinkles rule files and links to folders. */
function withRules(tree: Tree, dice: Dice): Tree {
  const visit = (at: Tree, depth: number): void => {
    if (dice.chance(0.3)) at['.rsync-filter'] = dice.pick(['- *.o\n', '- a*\n+ b*\n', '- /src\n', ': extra\n']);
    if (dice.chance(0.2)) at['extra'] = dice.pick(['- x*\n', '- lib*\n']);
    if (dice.chance(0.2)) at['.gitignore'] = dice.pick(['*.txt\n', 'data*/\n', '/b*\n!b1\n']);
    if (dice.chance(0.15)) at['to-folder'] = symlink(dice.pick(['lib', 'src', 'gone', '../a']) /* no loops: they would be walked forty levels deep */);
    for (const node of Object.values(at)) if (typeof node !== 'string' && node.shape.type === 'dir' && depth < 8) visit(node.shape.children, depth + 1);
  };
  visit(tree, 0);
  return tree;
}

function pickArgs(dice: Dice): string[] {
  const args: string[] = [];
  if (dice.chance(0.4)) args.push('-F');
  if (dice.chance(0.3)) args.push('--gitignore');
  if (dice.chance(0.3)) args.push(`--exclude=${dice.pick(['a*', '*.o', '/src', 'b*/', '*'])}`);
  if (dice.chance(0.2)) args.push('--include=*/', '--exclude=*.txt');
  if (dice.chance(0.3)) args.push(dice.pick(['-L', '-k', '--copy-unsafe-links', '-x']));
  if (dice.chance(0.1)) args.push('--no-r', '-d');
  return args.map((arg) => bytes(arg));
}
