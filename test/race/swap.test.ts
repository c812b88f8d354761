/**
 * A folder is exchanged for a symlink to a folder outside, again and again, while sessions run: nothing outside is ever read
 * into the target, written, changed or deleted.
 */
import assert from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sync } from '../../src/index.js';
import { dir, file, makeTree, readTree, undoAtExit, useTempFolder, type Tree } from '../support/index.js';
import { remoteShell, wayArgs, type Way } from '../e2e/remote-support.js';
import { LATER, THEN } from '../e2e/replace-support.js';

const SECRET = 'never to be copied';

function folder(version: string, mtime: bigint): Tree {
  const names: Tree = {};
  for (let k = 0; k < 60; k++) names[`f${k}`] = file(`${version} ${k}`.repeat(30), { mtime });
  names['in'] = dir({ deep: file(version, { mtime }), victim: file(version, { mtime }) }, { mtime });
  return names;
}

describe('folders exchanged for symlinks in mid-run', () => {
  let swapper: ChildProcess | undefined;
  afterEach(still); // before the folder is removed
  const temp = useTempFolder('swap');

  /** Exchanges `path` for a symlink to `outside` and back as fast as it can. */
  async function swap(path: string, outside: string): Promise<void> {
    swapper = spawn('python3', ['-c', `
import os, sys, ctypes
libc = ctypes.CDLL(None)
libc.prctl(1, 9)  # PR_SET_PDEATHSIG: not without the test
path, outside = sys.argv[1].encode(), sys.argv[2].encode()
os.symlink(outside, path + b'.link')
print('on', flush=True)
while True:
    libc.renameat2(-100, path, -100, path + b'.link', 2)  # RENAME_EXCHANGE
`, path, outside], { stdio: ['ignore', 'pipe', 'inherit'] });
    undoAtExit(() => swapper?.kill('SIGKILL'));
    await once(swapper.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  }
  async function still(): Promise<void> {
    if (swapper === undefined) return;
    const ended = once(swapper, 'exit');
    swapper.kill('SIGKILL');
    await ended;
    swapper = undefined;
  }

  const facts = (root: string): string => JSON.stringify([...readTree(root)].map(([path, f]) => [path, f.type, f.mode, f.uid, f.size, String(f.mtime), f.ino, f.nlink]));
  /** Contents of all files below, following no symlink. */
  function contents(root: string): string[] {
    return [...readTree(root)].filter(([, f]) => f.type === 'file').map(([path]) => readFileSync(join(root, path), 'latin1'));
  }

  const modes = [
    ['-aH', '--delete'], ['-a', '--delete', '--inplace'], ['-a', '--delete-before', '--delay-updates'], ['-ab', '--delete', '--threads=1'],
    ['-a', '--delete', '--chmod=F600,D700'], ['-a', '--delete', '--partial-dir=.p', '--no-whole-file'],
  ];
  /** Between hosts the steps are the same code (the target applies, the source side supplies), reached by other ways: one round. */
  const scenes: readonly (readonly [Way, readonly string[], number])[] = [
    ...modes.map((args) => ['local', args, 6] as const),
    ...(['push', 'pull'] as const).flatMap((way) => [[way, ['-aH', '--delete'], 1] as const, [way, ['-a', '--delete', '--inplace', '--no-whole-file'], 1] as const]),
  ];
  /** A source and a target that way, and the options that make it so. */
  function ends(way: Way): { source: string; target: string; words: string[] } {
    return { source: `${way === 'pull' ? 'host:' : ''}${temp.at('src')}/`, target: `${way === 'push' ? 'host:' : ''}${temp.at('dst')}`, words: wayArgs(way, remoteShell(temp)) };
  }
  for (const [way, args, rounds] of scenes) {
    const title = `${args.join(' ')}${way === 'local' ? '' : `, ${way}`}`;
    it(`of the target: nothing outside is touched (${title})`, async () => {
      const { source, target, words } = ends(way);
      makeTree(temp.at('src'), { a: dir({ b: dir(folder('new', LATER), { mtime: LATER }) }, { mtime: LATER }), z: file('z', { mtime: LATER }) });
      makeTree(temp.at('dst'), { a: dir({ b: dir({ ...folder('old', THEN), gone: file('gone'), old: dir({ x: file('x') }) }, { mtime: THEN }) }, { mtime: THEN }) });
      // Outside has the same names, so that a slip would find something to hit.
      makeTree(temp.at('outside'), { ...folder('outside', THEN), gone: file('stays'), old: dir({ x: file('stays') }) });
      const before = facts(temp.at('outside'));
      await swap(temp.at('dst/a/b'), temp.at('outside'));
      for (let k = 0; k < rounds; k++) {
        const outcome = await sync({ source, target, args: [...words, ...args, '--exclude=b.link', '-I'] });
        assert.ok([0, 23, 24].includes(outcome.exitCode), JSON.stringify(outcome.problems));
        assert.strictEqual(facts(temp.at('outside')), before);
      }
      await still();
      assert.deepStrictEqual(contents(temp.at('outside')).filter((text) => text.startsWith('new')), []);
    });

    it(`of the source: nothing outside is read into the target (${title})`, async () => {
      const { source, target, words } = ends(way);
      makeTree(temp.at('src'), { a: dir({ b: dir(folder('new', LATER), { mtime: LATER }) }, { mtime: LATER }), z: file('z', { mtime: LATER }) });
      makeTree(temp.at('dst'), {});
      const outside = folder(SECRET, LATER);
      outside['more'] = file(SECRET, { mtime: LATER });
      makeTree(temp.at('outside'), outside);
      const before = facts(temp.at('outside'));
      await swap(temp.at('src/a/b'), temp.at('outside'));
      for (let k = 0; k < rounds; k++) {
        const outcome = await sync({ source, target, args: [...words, ...args, '--exclude=b.link'] });
        assert.ok([0, 23, 24].includes(outcome.exitCode), JSON.stringify(outcome.problems));
        assert.deepStrictEqual(contents(temp.at('dst')).filter((text) => text.includes(SECRET)), []);
      }
      assert.strictEqual(facts(temp.at('outside')), before);
    });
  }
});
