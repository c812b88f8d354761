/**
 * A connection that breaks within a large file: what came of it is kept, whatever the options, and the next session goes on from there. Shown by
 * the bytes that a relay between the ends counted.
 */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { gone, left, runLocal, runOver, type CutRun, type Direction } from './remote-cut-support.js';
import { assertSameTree, file, makeTree, runCommand, time, useTempFolder, type Tree } from '../support/index.js';

const MB = 1 << 20;
const SIZE = 20 * MB;
const T = time(1_600_000_000);
const OLD = time(1_500_000_000);

describe('a connection that breaks within a file', () => {
  const tmp = useTempFolder('resume');
  const source = (): string => tmp.at('s');
  const target = (): string => tmp.at('t');

  function trees(from: Tree, to?: Tree): void {
    for (const root of [source(), target()]) rmSync(root, { recursive: true, force: true });
    makeTree(source(), from, { mtime: T });
    if (to !== undefined) makeTree(target(), to, { mtime: OLD });
  }
  const big = (seed = 1): Tree => ({ big: file({ size: SIZE, seed }, { mtime: T }) });
  /** The way in which content travels. */
  const content = (direction: Direction): 'in' | 'out' => (direction === 'pull' ? 'in' : 'out');
  const kept = (): string[] => left(target()).filter((name) => /^\.~twintree-[0-9a-f]{16}-part$/.test(name));

  function run(direction: Direction, args: readonly string[], after: readonly number[], retries = after.length): Promise<CutRun> {
    return runOver(tmp, direction, args, `${source()}/`, target(), { cuts: after.map((n) => ({ way: content(direction), after: n })), retries });
  }

  for (const direction of ['pull', 'push'] as const) {
    const way = content(direction);
    describe(direction, () => {
      for (const args of direction === 'pull' ? [['-a'], ['-a', '--inplace'], ['-aS']] : [['-aW', '--delete-before'], ['-a', '--delay-updates'], ['-a', '--preallocate']]) {
        it(`carries a new file once, cut twice: ${args.join(' ')}`, async () => {
          trees(big(), {});
          const done = await run(direction, args, [8 * MB, 7 * MB]);
          assert.equal(done.error, undefined);
          assert.equal(done.outcome?.exitCode, 0, done.problems.join());
          assertSameTree(source(), target());
          await gone(done.agents);
          assert.deepEqual(left(target()), []);
          const carried = done.attempts.reduce((sum, attempt) => sum + attempt[way], 0);
          assert.ok(carried < SIZE + 1.5 * MB, `${carried} bytes carried`);
        });
      }

      it('carries what differs from the old file once: what was new and the rest of the old serve together', async () => {
        trees(big(), {});
        // The first half is another, the second the same.
        writeFileSync(tmp.at('t', 'big'), Buffer.concat([Buffer.alloc(SIZE / 2, 7), readFileSync(tmp.at('s', 'big')).subarray(SIZE / 2)]));
        const done = await run(direction, ['-a'], [5 * MB]);
        assert.equal(done.outcome?.exitCode, 0, String(done.error));
        assertSameTree(source(), target());
        const carried = done.attempts.reduce((sum, attempt) => sum + attempt[way], 0);
        assert.ok(carried < SIZE / 2 + 1.5 * MB, `${carried} bytes carried`);
        await gone(done.agents);
        assert.deepEqual(left(target()), []);
      });

      it('leaves the old file as it is, and the part beside it for the next run', async () => {
        trees(big(), { big: file('old', { mtime: OLD }) });
        const lost = await run(direction, ['-a'], [8 * MB], 0);
        assert.match(String(lost.error), /connection/);
        await gone(lost.agents);
        assert.equal(readFileSync(tmp.at('t', 'big'), 'utf8'), 'old');
        assert.equal(kept().length, 1);
        const again = await run(direction, ['-a'], []);
        assert.ok((again.attempts[0]?.[way] ?? Infinity) < 13.5 * MB, JSON.stringify(again.attempts));
        assertSameTree(source(), target());
        assert.deepEqual(left(target()), []);
      });
    });
  }

  /** A target with a part of 7 MB and more. */
  async function interrupted(): Promise<void> {
    trees(big(), {});
    await run('pull', ['-a'], [8 * MB], 0);
    assert.equal(kept().length, 1);
  }

  it('a local session goes on from the part as well', async () => {
    await interrupted();
    const outcome = await runLocal(['-a'], `${source()}/`, target());
    assert.ok(outcome.matchedBytes > 6 * MB, `${outcome.matchedBytes} taken over`);
    assertSameTree(source(), target());
    assert.deepEqual(left(target()), []);
  });

  it('a part that is not the source’s serves nothing and does no harm', async () => {
    await interrupted();
    const [name = ''] = kept();
    writeFileSync(tmp.at('t', name), Buffer.alloc(9 * MB, 1));
    copyFileSync(tmp.at('t', name), tmp.at('copy'));
    assert.equal((await run('pull', ['-a'], [])).outcome?.exitCode, 0);
    assertSameTree(source(), target());
    assert.deepEqual(left(target()), []);
    writeFileSync(tmp.at('t', name), readFileSync(tmp.at('copy')));
    truncateSync(tmp.at('t', 'big'), 5);
    assert.equal((await runLocal(['-a'], `${source()}/`, target())).exitCode, 0);
    assertSameTree(source(), target());
    assert.deepEqual(left(target()), []);
  });

  it('a part goes when its file is not wanted any more: gone, complete already, or excluded; with and without --delete', async () => {
    for (const args of [['-a'], ['-a', '--delete'], ['-a', '--delete-before'], ['-a', '--exclude=big'], ['-a', '--no-lock']]) {
      await interrupted();
      if (args.includes('--no-lock')) runCommand('cp', ['-p', tmp.at('s', 'big'), tmp.at('t', 'big')]);
      else if (!args.includes('--exclude=big')) rmSync(tmp.at('s', 'big'));
      assert.equal((await runLocal(args, `${source()}/`, target())).exitCode, 0);
      assert.deepEqual(kept(), [], args.join(' '));
      assert.equal(existsSync(tmp.at('t', 'big')), args.includes('--no-lock'));
    }
  });

  it('nothing is kept of a small file, where the user ended the run, or without the lock', async () => {
    trees({ small: file({ size: 900_000, seed: 3 }, { mtime: T }) }, {});
    await run('pull', ['-a'], [500_000], 0);
    assert.deepEqual(left(target()), []);
    trees(big(), {});
    await run('pull', ['-a', '--no-lock'], [8 * MB], 0);
    assert.deepEqual(left(target()), []);
    const end = new AbortController();
    const done = await runOver(tmp, 'pull', ['-a', '--bwlimit=8M'], `${source()}/`, target(), { signal: end.signal, listener: { progress: (p) => { if (p.doneBytes > 2 * MB) end.abort(); } } });
    assert.equal(done.outcome?.aborted, true);
    assert.ok(!existsSync(tmp.at('t', 'big')));
    assert.deepEqual(left(target()), []);
  });
});
