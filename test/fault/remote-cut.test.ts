/**
 * The connection is cut at random points, several times a run, in both directions of the sync and of the bytes: the result is always the
 * source, nothing of ours is left, and no two sessions write at once. The points follow from a seed, which a failure names. `TWINTREE_CUTS` is how many cuts are made
 * (default 12; `npm run test:hosts` makes 100), `TWINTREE_CUT_SEED` the seed of the first run (default 1).
 */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AGENT, gone, left, runOver, type Cut, type Direction } from '../e2e/remote-cut-support.js';
import { assertSameTree, changedTree, Dice, file, makeTree, randomTree, startTwintree, time, useTempFolder, type Tree } from '../support/index.js';

const T = time(1_600_000_000, 123_456_789);
const OLD = time(1_500_000_000);
const CUTS = Number(process.env['TWINTREE_CUTS'] ?? 12);
const MODES = [['-aHAX', '--delete'], ['-aHAX', '--delete', '--inplace'], ['-aHAX', '--delete-before', '--delay-updates', '--threads=2'], ['-aHAX', '--delete-during', '--partial'], ['-aHAX', '--delete', '-W', '--threads=1']] as const;

describe('a connection that is cut at random points', function () {
  const tmp = useTempFolder('remote-cut');
  this.timeout(Math.max(300_000, CUTS * 60_000));

  function trees(seed: number): { from: Tree; to: Tree } {
    const old = randomTree(seed, { entries: 40 });
    const linked = file({ size: 1_300_000, seed: 3 }, { mtime: T });
    return {
      from: { ...changedTree(old, seed, { changes: 20 }), big1: file({ size: 2_500_000, seed: 1 }, { mtime: T }), big2: file({ size: 1_700_000, seed }, { mtime: T, xattrs: { 'user.a': 'b' }, acl: 'u:1000:r--,m::r--' }), name1: linked, name2: linked },
      to: { ...old, big1: file({ size: 2_400_000, seed: 2 }, { mtime: OLD }), gone: file({ size: 1_700_000, seed: 9 }, { mtime: OLD }) },
    };
  }

  /** Where the attempts of one run are cut. The handshake of the first one stands: without it nothing is tried again. */
  function cuts(dice: Dice, direction: Direction): Cut[] {
    return Array.from({ length: 4 }, (_, k) => {
      const content = dice.below(4) > 0;
      const way = (direction === 'pull') === content ? 'in' : 'out';
      const least = k === 0 ? 800 : 1;
      const most = content ? 3_000_000 : 4000;
      return { way, after: Math.round(least * (most / least) ** (dice.below(1_000_000) / 1_000_000)) };
    });
  }

  it('ends equal, with nothing left behind', async () => {
    let made = 0;
    for (let seed = Number(process.env['TWINTREE_CUT_SEED'] ?? 1); made < CUTS; seed++) {
      const dice = new Dice(seed);
      const direction = seed % 2 === 0 ? 'push' : 'pull';
      const args = MODES[seed % MODES.length] as readonly string[];
      const at = cuts(dice, direction);
      const { from, to } = trees(seed);
      makeTree(tmp.at('s'), from, { mtime: T });
      makeTree(tmp.at('t'), to, { mtime: OLD });
      const done = await runOver(tmp, direction, args, `${tmp.at('s')}/`, tmp.at('t'), { cuts: at, retries: 5 });
      const about = `seed ${seed}: ${direction} ${args.join(' ')} ${JSON.stringify(at)}\n${done.notices.join('\n')}\n${done.problems.join('\n')}`;
      assert.equal(done.error, undefined, `${about}\n${done.error?.stack}`);
      assert.equal(done.outcome?.exitCode, 0, about);
      await gone(done.agents);
      try {
        assertSameTree(tmp.at('s'), tmp.at('t'));
      } catch (error) {
        throw new Error(`${about}\n${(error as Error).message}`, { cause: error });
      }
      assert.deepEqual(left(tmp.at('t')), [], about);
      made += done.notices.filter((line) => line.startsWith('reconnect')).length;
      for (const name of ['s', 't']) rmSync(tmp.at(name), { recursive: true });
    }
  });

  it('ends with exit code 12 where it may not be made again; the next run finishes', async () => {
    const { from, to } = trees(77);
    for (const direction of ['push', 'pull'] as const) {
      makeTree(tmp.at('s'), from, { mtime: T });
      makeTree(tmp.at('t'), to, { mtime: OLD });
      const plan = { log: tmp.at(`log-${direction}`), cuts: [{ way: direction === 'pull' ? 'in' : 'out', after: 1_500_000 }] };
      const relay = fileURLToPath(new URL('../e2e/remote-relay.js', import.meta.url));
      writeFileSync(tmp.at('rsh'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${relay}' '${JSON.stringify(plan)}' sh -c "$*"\n`);
      chmodSync(tmp.at('rsh'), 0o755);
      const words = ['sync', '-aHAX', '--delete', '-e', tmp.at('rsh'), `--rsync-path=${AGENT.slice(0, 2).join(' ')}`, '--retries=0'];
      const [source, target] = direction === 'pull' ? [`h:${tmp.at('s')}/`, tmp.at('t')] : [`${tmp.at('s')}/`, `h:${tmp.at('t')}`];
      const broken = await startTwintree([...words, source, target]).finished;
      assert.equal(broken.code, 12, broken.stderr);
      const { pid } = JSON.parse(readFileSync(plan.log, 'utf8').split('\n')[0] ?? '') as { pid: number };
      await gone([pid]);
      const again = await startTwintree([...words, source, target]).finished;
      assert.equal(again.code, 0, again.stderr);
      assertSameTree(tmp.at('s'), tmp.at('t'));
      assert.deepEqual(left(tmp.at('t')), []);
      for (const name of ['s', 't']) rmSync(tmp.at(name), { recursive: true });
    }
  });
});
