/** No space left: refused before the first byte where the plan shows it, else one file's Problem and nothing lost. */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { sync, TwintreeError } from '../../src/index.js';
import { assertSameTree, describeOn, tempFolder, twintree, type TempFolder } from '../support/index.js';
import { assertNoLeftovers } from '../e2e/replace-support.js';

const MB = 1 << 20;

describe('space on the target', () => {
  // Not btrfs: what it calls free on a small disk is a guess.
  describeOn(['tmpfs', 'ext4', 'xfs'], { sizeMiB: 32 }, (fs) => {
    let source: TempFolder;
    beforeEach(() => {
      source = tempFolder('space');
      mkdirSync(fs.at('dst'), { recursive: true });
    });
    afterEach(() => {
      rmSync(fs.at('dst'), { recursive: true });
      rmSync(fs.at('filler'), { force: true });
      spawnSync('sync', ['-f', fs.path]); // xfs gives space back only then
      source.remove();
    });

    /** Leaves about `left` MiB free. */
    function fill(left: number): void {
      spawnSync('sync', ['-f', fs.path]);
      const { bavail, bsize } = statfsSync(fs.path);
      writeFileSync(fs.at('filler'), Buffer.alloc(Math.max(0, bavail * bsize - left * MB), 1));
    }

    it('given a plan that does not fit, refuses before the first byte with exit code 11', () => {
      fill(6);
      for (let k = 0; k < 4; k++) writeFileSync(source.at(`f${k}`), Buffer.alloc(3 * MB, k));
      writeFileSync(fs.at('dst/old'), 'old');
      const ran = twintree(['sync', '-a', '--delete', `${source.path}/`, fs.at('dst')]);
      assert.strictEqual(ran.code, 11, ran.stderr);
      assert.match(ran.stderr, /nothing was changed/);
      assert.deepStrictEqual(readdirSync(fs.at('dst')), ['old']);
    });

    it('given a target that is yet to be made, refuses without making it', async () => {
      fill(2);
      writeFileSync(source.at('f'), Buffer.alloc(8 * MB, 1));
      await assert.rejects(sync({ source: `${source.path}/`, target: fs.at('dst/new/er'), args: ['-a', '--mkpath'] }), (e: unknown) => e instanceof TwintreeError && e.code === 'NO_SPACE');
      assert.ok(!existsSync(fs.at('dst/new')));
    });

    it('keeps --reserve free', async () => {
      fill(8);
      writeFileSync(source.at('f'), Buffer.alloc(4 * MB, 1));
      const what = { source: `${source.path}/`, target: fs.at('dst') };
      await assert.rejects(sync({ ...what, args: ['-a', '--reserve=6M'] }), (e: unknown) => e instanceof TwintreeError && e.code === 'NO_SPACE');
      assert.strictEqual((await sync({ ...what, args: ['-a', '--reserve=1M'] })).exitCode, 0);
    });

    it('given hard links, counts their content once with -H, and as often as it is copied without', async () => {
      fill(10);
      writeFileSync(source.at('a'), Buffer.alloc(4 * MB, 1));
      for (const name of ['b', 'c', 'd']) linkSync(source.at('a'), source.at(name));
      const what = { source: `${source.path}/`, target: fs.at('dst') };
      await assert.rejects(sync({ ...what, args: ['-a'] }), (e: unknown) => e instanceof TwintreeError && e.code === 'NO_SPACE');
      const outcome = await sync({ ...what, args: ['-aH'] });
      assert.strictEqual(outcome.exitCode, 0);
      assert.strictEqual(outcome.totals.transferBytes, 4 * MB, 'progress has the true total');
      assertSameTree(source.path, fs.at('dst'));
    });

    it('given replaced files, counts what they give back, but not where they are kept as backups', async () => {
      writeFileSync(source.at('a'), Buffer.alloc(3 * MB, 1));
      writeFileSync(source.at('b'), Buffer.alloc(3 * MB, 1));
      for (const name of ['a', 'b']) writeFileSync(fs.at('dst', name), Buffer.alloc(3 * MB - 1, 2));
      fill(5);
      const what = { source: `${source.path}/`, target: fs.at('dst') };
      await assert.rejects(sync({ ...what, args: ['-ab'] }), (e: unknown) => e instanceof TwintreeError && e.code === 'NO_SPACE');
      await assert.rejects(sync({ ...what, args: ['-a', '--delay-updates'] }), (e: unknown) => e instanceof TwintreeError && e.code === 'NO_SPACE');
      assert.strictEqual((await sync({ ...what, args: ['-a'] })).exitCode, 0);
    });

    for (const args of [['-a'], ['-a', '--no-whole-file'], ['-a', '--inplace'], ['-ab'], ['-a', '--delay-updates'], ['-a', '--partial-dir=.p'], ['-a', '-S'], ['-a', '--preallocate']]) {
      it(`given a disk that fills up during the run (${args.join(' ')}): a Problem, the old file whole, the rest done`, async () => {
        writeFileSync(source.at('big'), Buffer.alloc(7 * MB, 3));
        writeFileSync(source.at('small'), 'small');
        writeFileSync(source.at('zlast'), 'last');
        const inplace = args.includes('--inplace');
        if (!inplace) writeFileSync(fs.at('dst/big'), 'the old one');
        writeFileSync(fs.at('dst/gone'), 'gone');
        const outcome = await sync({
          source: `${source.path}/`, target: fs.at('dst'), args: [...args, '--delete'],
          listener: { plan: () => fill(3) }, // after the guards
        });
        assert.strictEqual(outcome.exitCode, 23);
        assert.deepStrictEqual(outcome.problems.filter((p) => p.path === 'big').map((p) => p.code), ['no-space']);
        if (inplace) assert.ok(!existsSync(fs.at('dst/big')), 'what was begun under its own name is gone');
        else assert.strictEqual(readFileSync(fs.at('dst/big'), 'utf8'), 'the old one');
        assert.ok(!existsSync(fs.at('dst/gone')), 'what is extraneous is deleted all the same: the source was read whole');
        assertNoLeftovers(fs.at('dst'));
        rmSync(fs.at('filler'));
        spawnSync('sync', ['-f', fs.path]);
        const again = await sync({ source: `${source.path}/`, target: fs.at('dst'), args });
        assert.strictEqual(again.exitCode, 0, JSON.stringify(again.problems));
        assert.deepStrictEqual(readFileSync(fs.at('dst/big')), readFileSync(source.at('big')));
      });
    }
  });

  describeOn(['ext4'], { sizeMiB: 16, mkfs: ['-N', '64'] }, (fs) => {
    it('given too few inodes, refuses before the first byte; hard links need none', async () => {
      const source = tempFolder('inodes');
      try {
        mkdirSync(fs.at('dst'));
        writeFileSync(source.at('a'), 'a');
        for (let k = 0; k < 100; k++) linkSync(source.at('a'), source.at(`l${k}`));
        const what = { source: `${source.path}/`, target: fs.at('dst') };
        await assert.rejects(sync({ ...what, args: ['-a'] }), (e: unknown) => e instanceof TwintreeError && e.code === 'NO_SPACE');
        assert.deepStrictEqual(readdirSync(fs.at('dst')), []);
        assert.strictEqual((await sync({ ...what, args: ['-aH'] })).exitCode, 0);
        assertSameTree(source.path, fs.at('dst'));
      } finally {
        source.remove();
      }
    });
  });
});
