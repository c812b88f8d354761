/**
 * Moves with --state: what the source's inodes say is followed on the target, folders as a whole, edited files from their old version, also between
 * hosts; and the state may be missing, old or wrong at any time. MOVED_RUNS=N lengthens the random histories.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, linkSync, lstatSync, mkdirSync, renameSync, rmSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sync, OpKind, type Outcome, type SessionListener } from '../../src/index.js';
import { assertSameTree, Dice, useTempFolder } from '../support/index.js';
import { remoteShell, wayArgs, type Way } from '../e2e/remote-support.js';
import { somewhere } from './renames-support.js';

const RUNS = Number(process.env['MOVED_RUNS'] ?? 20);

describe('moves with --state', () => {
  const tmp = useTempFolder('moved');
  const source = (name = ''): string => join(tmp.at('s'), name);
  const target = (name = ''): string => join(tmp.at('t'), name);
  let before: string | undefined;

  beforeEach(() => {
    before = process.env['TWINTREE_STATE_DIR'];
    process.env['TWINTREE_STATE_DIR'] = tmp.at('kept');
    for (const at of [source(), target(), tmp.at('kept')]) rmSync(at, { recursive: true, force: true });
    mkdirSync(source());
  });
  afterEach(() => {
    if (before === undefined) delete process.env['TWINTREE_STATE_DIR'];
    else process.env['TWINTREE_STATE_DIR'] = before;
  });

  async function run(args: string[] = [], way: Way = 'local'): Promise<Outcome & { lines: string[] }> {
    const lines: string[] = [];
    const listener: SessionListener = { wantsOperations: 'changes', operation: (op, path) => { lines.push(`${OpKind[op.kind]} ${path}`); } };
    const [from, to] = [`${way === 'pull' ? 'host:' : ''}${source()}/`, `${way === 'push' ? 'host:' : ''}${target()}`];
    const outcome = await sync({ source: from, target: to, args: [...(way === 'local' ? [] : wayArgs(way, remoteShell(tmp))), '-a', '--delete', '--state', ...args], listener });
    assert.deepEqual(outcome.problems, []);
    return { ...outcome, lines };
  }

  /** A folder with files, one of them large, and its time. */
  function fill(folder: string, files = 20): void {
    mkdirSync(source(`${folder}/sub`), { recursive: true });
    for (let k = 0; k < files; k++) writeFileSync(source(`${folder}/${k % 2 === 0 ? '' : 'sub/'}f${k}`), `${folder} ${k} `.repeat(100 + k));
    writeFileSync(source(`${folder}/big`), Buffer.alloc(300_000, folder));
  }
  const edit = (name: string): void => {
    const content = Buffer.alloc(300_000, 'a');
    content.write('changed', 150_000);
    writeFileSync(source(name), content);
  };

  for (const way of ['local', 'push', 'pull'] as const) {
    it(`a renamed folder is one rename, with what was edited in it (${way})`, async () => {
      fill('a');
      fill('other');
      await run([], way);
      const kept = lstatSync(target('a/sub/f3')).ino;
      renameSync(source('a'), source('b'));
      edit('b/big');
      rmSync(source('b/f4'));
      const outcome = await run([], way);
      assert.deepEqual([outcome.lines[0], outcome.moved, outcome.transferredFiles, outcome.deleted.files], ['Move b', 1, 1, 1]);
      if (way !== 'local') assert.ok(outcome.literalBytes < 20_000, `${outcome.literalBytes} bytes were sent`);
      assert.equal(lstatSync(target('b/sub/f3')).ino, kept);
      assertSameTree(source(), target());
      const again = await run([], way);
      assert.equal(again.totals.operations, 0);
    });
  }

  it('knows files that were moved by themselves without reading them, and edited ones from their old version', async () => {
    fill('a');
    await run();
    mkdirSync(source('n'));
    renameSync(source('a/f2'), source('n/g'));
    renameSync(source('a/big'), source('n/large'));
    edit('n/large');
    const kept = lstatSync(target('a/f2')).ino;
    const outcome = await run(['--inplace', '--no-whole-file']);
    assert.deepEqual([outcome.moved, outcome.transferredFiles, lstatSync(target('n/g')).ino], [2, 1, kept]);
    assert.ok(outcome.literalBytes < 20_000, `${outcome.literalBytes} bytes were written`);
    assertSameTree(source(), target());
  });

  it('is found again after a run that was only looked at, one that failed, and one without --delete', async () => {
    fill('a');
    await run();
    renameSync(source('a'), source('b'));
    assert.equal((await run(['-n'])).totals.moves, 1);
    assert.equal((await run()).moved, 1);
    renameSync(source('b'), source('c'));
    await assert.rejects(run(['--delete-limit=0', '--exclude=/c']));
    const outcome = await sync({ source: `${source()}/`, target: target(), args: ['-a', '--state'] });
    assert.equal(outcome.moved, 0);
    await run();
    assertSameTree(source(), target());
  });

  it('takes an inode that was used again for no move', async () => {
    fill('a');
    await run();
    rmSync(source('a'), { recursive: true });
    fill('z'); // on common file systems with the inodes of what has gone
    const outcome = await run();
    assert.equal(outcome.lines.filter((line) => line === 'Move z').length, 0);
    assertSameTree(source(), target());
  });

  it(`whatever is kept, and of whatever moment, trees become equal (${RUNS} histories)`, async () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const dice = new Dice(seed);
      for (const at of [source(), target(), tmp.at('kept'), tmp.at('old')]) rmSync(at, { recursive: true, force: true });
      mkdirSync(source());
      const args = dice.below(2) === 0 ? [] : ['-H'];
      try {
        for (let round = 0; round < 4; round++) {
          for (let n = 0; n < 9; n++) change(dice, source(), args.length > 0);
          await run(args);
          assertSameTree(source(), target());
          switch (dice.below(5)) {
            case 0: rmSync(tmp.at('kept'), { recursive: true, force: true }); break;
            case 1: if (!existsSync(tmp.at('old'))) cpSync(tmp.at('kept'), tmp.at('old'), { recursive: true }); break;
            case 2:
              if (existsSync(tmp.at('old'))) {
                rmSync(tmp.at('kept'), { recursive: true, force: true });
                cpSync(tmp.at('old'), tmp.at('kept'), { recursive: true });
              }
              break;
            case 3: for (let n = 0; n < 3; n++) change(dice, target(), false); break; // drift
          }
        }
        await run(args);
        assertSameTree(source(), target());
        assert.equal((await run(args)).totals.operations, 0);
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : ''}`, { cause: error });
      }
    }
  });
});

let stamp = 1_000_000;

function change(dice: Dice, root: string, links: boolean): void {
  const { all, name, at, there } = somewhere(dice, root);
  switch (dice.below(links ? 8 : 6)) {
    case 0: case 1:
      if (there && !lstatSync(at).isFile()) return;
      writeFileSync(at, String(dice.below(1e9)).repeat(1 + dice.below(500)));
      utimesSync(at, stamp, stamp++);
      break;
    case 2: if (!there) mkdirSync(at); break;
    case 3: if (there) rmSync(at, { recursive: true }); break;
    case 6: case 7: {
      const old = all[dice.below(all.length)];
      if (old !== undefined && lstatSync(`${root}/${old}`).isFile() && !(there && lstatSync(at).isDirectory()) && old !== name) {
        if (there) unlinkSync(at);
        linkSync(`${root}/${old}`, at);
      }
      break;
    }
    default: {
      const old = all[dice.below(all.length)];
      if (old === undefined || there || name.startsWith(`${old}/`)) return;
      renameSync(`${root}/${old}`, at);
    }
  }
}
