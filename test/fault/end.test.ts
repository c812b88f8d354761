/**
 * Ended before its time: by a signal (the command) or an AbortSignal (the library). Nothing temporary stays, every name is
 * old or new, the next run finishes; and a process that ran many sessions holds no more handles or threads than before.
 */
import assert from 'node:assert';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { sync, TwintreeError, type SyncOptions } from '../../src/index.js';
import { assertSameTree, dir, file, makeTree, startTwintree, tempFolder, useTempFolder, type TempFolder, type Tree } from '../support/index.js';
import { copyTree, LATER, leftovers, THEN } from '../e2e/replace-support.js';

const MB = 1 << 20;

function many(folders: number, files: number, version: string, mtime: bigint): Tree {
  return Object.fromEntries(Array.from({ length: folders }, (_, d) => [`d${d}`, dir(
    Object.fromEntries(Array.from({ length: files }, (_none, k) => [`f${k}`, file(`${version} ${d} ${k}`.repeat(1 + (k % 7)), { mtime })])), { mtime },
  )]));
}

describe('ended before its time', () => {
  let home: TempFolder;
  before(() => {
    home = tempFolder('end');
    makeTree(home.at('source'), { ...many(12, 50, 'new', LATER), big: file({ size: 12 * MB, seed: 1 }, { mtime: LATER }) }, { mtime: LATER });
    makeTree(home.at('target'), { ...many(11, 55, 'old', THEN), big: file('old', { mtime: THEN }) }, { mtime: THEN });
  });
  after(() => home.remove());
  const target = (): string => home.at('work');
  beforeEach(() => copyTree(home.at('target'), target()));
  afterEach(() => rmSync(target(), { recursive: true }));

  function assertUsable(): void {
    assert.deepStrictEqual(leftovers(home.path), []);
    for (const [folder, name] of [['d0', 'f0'], ['d10', 'f49']]) {
      const now = readFileSync(`${target()}/${folder}/${name}`);
      assert.ok(['source', 'target'].some((side) => now.equals(readFileSync(home.at(side, folder as string, name as string)))), 'old or new');
    }
    const big = readFileSync(`${target()}/big`);
    assert.ok(big.length === 3 || big.equals(readFileSync(home.at('source/big'))), 'the large file is old or new');
  }
  async function assertFinishes(args: string[]): Promise<void> {
    const outcome = await sync({ source: `${home.at('source')}/`, target: target(), args });
    assert.strictEqual(outcome.exitCode, 0, JSON.stringify(outcome.problems));
    assertSameTree(home.at('source'), target());
    assert.deepStrictEqual(leftovers(home.path), []);
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`${signal}: exit code 20, nothing temporary, the next run finishes`, async () => {
      const running = startTwintree(['sync', '-ai', '--delete', '--bwlimit=20M', `${home.at('source')}/`, target()]);
      assert.ok(await running.output(/d0\/f/), 'it is at work');
      const ran = await running.kill(signal);
      assert.strictEqual(ran.code, 20, ran.stderr);
      assertUsable();
      await assertFinishes(['-a', '--delete']);
    });
  }

  for (const args of [['-a', '--delete'], ['-a', '--delete', '--threads=1'], ['-a', '--delete', '--delay-updates'], ['-ab'], ['-a', '--delete-before'], ['-aH', '--no-whole-file']]) {
    it(`AbortSignal at many moments (${args.join(' ')})`, async () => {
      let ended = 0;
      for (const moment of [0, 1, 10, 100, 500]) {
        const controller = new AbortController();
        let seen = 0;
        const outcome = await sync({
          source: `${home.at('source')}/`, target: target(), args, signal: controller.signal,
          listener: {
            wantsOperations: 'changes',
            plan: () => { if (moment === 0) controller.abort(); },
            operation: () => { if (++seen === moment) controller.abort(); },
          },
        });
        if (outcome.aborted) {
          ended++;
          assert.strictEqual(outcome.exitCode, 20);
        }
        assertUsable();
      }
      assert.ok(ended >= 3, 'runs were really ended');
      if (!args.includes('-ab')) await assertFinishes([...args.filter((arg) => arg !== '--delay-updates'), '--delete']);
    });
  }

  it('--partial keeps what was transferred of a new file, and the next run takes it up', async () => {
    rmSync(`${target()}/big`);
    const what: SyncOptions = { source: home.at('source/big'), target: `${target()}/`, args: ['-a', '--partial', '--bwlimit=40M'] };
    const controller = new AbortController();
    const outcome = await sync({ ...what, signal: controller.signal, listener: { progress: (p) => { if (p.doneBytes > 4 * MB) controller.abort(); } } });
    assert.strictEqual(outcome.exitCode, 20);
    const kept = readFileSync(`${target()}/big`);
    assert.ok(kept.length >= MB && kept.equals(readFileSync(home.at('source/big')).subarray(0, kept.length)), 'a true beginning');
    const again = await sync({ ...what, args: ['-a', '--partial'] });
    assert.strictEqual(again.exitCode, 0);
    assert.ok(again.matchedBytes >= kept.length - 128 * 1024, `it was taken up: ${again.matchedBytes} of ${kept.length}`);
    assert.deepStrictEqual(readFileSync(`${target()}/big`), readFileSync(home.at('source/big')));
  });

  it('a signal that is aborted before the start ends the run before anything is done', async () => {
    const before = readdirSync(target());
    const outcome = await sync({ source: `${home.at('source')}/`, target: target(), args: ['-a', '--delete'], signal: AbortSignal.abort() });
    assert.deepStrictEqual([outcome.exitCode, outcome.aborted], [20, true]);
    assert.deepStrictEqual(readdirSync(target()), before);
  });
});

describe('many sessions in one process', () => {
  const temp = useTempFolder('leak');
  /** What the handles of this process lead to, as far as it is ours. */
  const handles = (): string[] => readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // the handle of this very listing
    }
  }).filter((to) => to.startsWith(temp.path));
  const threads = (): number => readdirSync('/proc/self/task').length;

  const title = 'leave no handle and no thread behind, well or badly ended';
  (existsSync('/proc/self/fd') ? it : it.skip)(existsSync('/proc/self/fd') ? title : `${title} (skipped: needs /proc)`, async () => {
    makeTree(temp.at('source'), { ...many(8, 30, 'x', THEN), big: file({ size: 9 * MB, seed: 1 }, { mtime: THEN }) });
    mkdirSync(temp.at('alt'));
    mkdirSync(temp.at('tmp'));
    writeFileSync(temp.at('file'), '');
    const source = `${temp.at('source')}/`;
    const once = async (k: number): Promise<void> => {
      const target = temp.at('target');
      const controller = new AbortController();
      switch (k % 9) {
        case 0: await sync({ source, target, args: ['-aHX', '--delete', '--backup-dir=../bak'] }); break;
        case 1: await sync({ source, target, args: ['-a', '-n'] }); break;
        case 2: await sync({ source, target, args: ['-aI', '--temp-dir=../tmp'] }); break;
        case 3: await assert.rejects(sync({ source: temp.at('nothing'), target: temp.at('file/x') }), TwintreeError); break;
        case 4: await assert.rejects(sync({ source, target, args: ['-a', '--delete', '--temp-dir=/nonexistent'] }), TwintreeError); break;
        case 5: await sync({ source, target, args: ['-ac', '--link-dest=../alt', `--partial-dir=${temp.at('tmp')}`] }); break;
        case 6: {
          rmSync(target, { recursive: true });
          const outcome = await sync({ source, target, args: ['-a', '--delay-updates'], signal: controller.signal, listener: { wantsOperations: 'changes', operation: () => controller.abort() } });
          assert.ok(outcome.aborted);
          break;
        }
        case 7: await sync({ source: [source, temp.at('nothing')], target, args: ['-a', '--fsync'] }); break;
        default: {
          chmodSync(temp.at('source/d1'), 0o700);
          await assert.rejects(sync({ source, target, args: ['-a', '--delete', '--delete-limit=0', '--exclude=d0', '--delete-excluded'] }), TwintreeError);
        }
      }
    };
    for (let k = 0; k < 9; k++) {
      await once(k);
      assert.deepStrictEqual(handles(), [], `after session ${k}`);
    }
    const threadsBefore = threads();
    const open = readdirSync('/proc/self/fd').length;
    for (let k = 0; k < 18; k++) await once(k);
    assert.ok(readdirSync('/proc/self/fd').length <= open + 2, `${readdirSync('/proc/self/fd').length} handles, ${open} before`);
    assert.ok(threads() <= threadsBefore + 1, `${threads()} threads, ${threadsBefore} before`);
  });
});
