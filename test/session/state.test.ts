/**
 * --state: what was not touched is not read again; what was touched is found whatever its size and time say; and deleting the state, or putting
 * back another moment's, costs time, never correctness.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sync, verify, OpKind, reasonId, TwintreeError, type Operation, type Outcome, type SessionListener } from '../../src/index.js';
import { loadPosix } from '../../src/fs/index.js';
import { pairFolder, PairState } from '../../src/state/index.js';
import { fromText } from '../../src/tree/index.js';
import { assertSameTree, Dice, useTempFolder } from '../support/index.js';
import { remoteShell, syncBy, wayArgs } from '../e2e/remote-support.js';

/** Bytes that this process, with its threads, has read by read(2) so far. */
function bytesRead(): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'latin1'))?.[1]);
}

/** Waits until files that were made before this call are old enough to be believed: for the clock that stamps them. */
async function settle(): Promise<void> {
  const until = Date.now() + 60;
  while (Date.now() <= until) await pause(until - Date.now() + 1);
}

interface Seen { outcome: Outcome; lines: string[]; told: string[] }

async function seen(run: typeof sync, source: string, target: string, args: string[]): Promise<Seen> {
  const lines: string[] = [];
  const told: string[] = [];
  const listener: SessionListener = {
    wantsOperations: 'changes',
    notice: (code) => { told.push(code); },
    operation: (op: Operation, path) => { lines.push(`${OpKind[op.kind]} ${op.item} ${reasonId(op.reason)} ${path}`); },
  };
  const outcome = await run({ source: `${source}/`, target, args, listener });
  return { outcome, lines, told };
}

const BIG = 24 << 20;
const NONE = 12 << 20; // what a run reads beside content: its threads' program, lists, the state

describe('a session with --state', () => {
  const tmp = useTempFolder('state');
  let before: string | undefined;

  beforeEach(() => {
    before = process.env['TWINTREE_STATE_DIR'];
    process.env['TWINTREE_STATE_DIR'] = tmp.at('kept');
  });
  afterEach(() => {
    if (before === undefined) delete process.env['TWINTREE_STATE_DIR'];
    else process.env['TWINTREE_STATE_DIR'] = before;
  });

  /** Two equal trees with one large file and some small ones. */
  function trees(): [string, string] {
    const [source, target] = [tmp.at('s'), tmp.at('t')];
    for (const root of [source, target]) {
      mkdirSync(join(root, 'd'), { recursive: true });
      writeFileSync(join(root, 'd/big'), Buffer.alloc(BIG, 'abc'));
      for (let k = 0; k < 20; k++) writeFileSync(join(root, `f${k}`), `content ${k}`);
      for (const name of ['d/big', ...Array.from({ length: 20 }, (_, k) => `f${k}`), 'd', '.']) utimesSync(join(root, name), 1e9, 1e9);
    }
    return [source, target];
  }

  /** Bytes that a run reads. */
  async function reads(run: typeof sync, source: string, target: string, args: string[]): Promise<number> {
    const start = bytesRead();
    const { outcome, lines } = await seen(run, source, target, args);
    assert.equal(outcome.exitCode, 0);
    assert.deepEqual(lines.filter((line) => !line.startsWith('Folder')), []);
    return bytesRead() - start;
  }

  it('does not read again what was not touched, on either side, by verify and by --checksum', async () => {
    const [source, target] = trees();
    await settle();
    assert.ok(await reads(verify, source, target, ['--state']) > 2 * BIG);
    assert.ok(await reads(verify, source, target, ['--state']) < NONE);
    assert.ok(await reads(sync, source, target, ['-rtc', '--state']) < NONE);
    assert.ok(await reads(verify, source, target, []) > 2 * BIG, 'without the option everything is read');
    assert.ok(await reads(verify, source, target, ['--state', '--no-state']) > 2 * BIG);
    // One side was touched: it is read, and the other is not.
    utimesSync(join(source, 'd/big'), 1e9, 1e9);
    await settle();
    const once = await reads(verify, source, target, ['--state']);
    assert.ok(once > BIG && once < BIG + NONE, String(once));
    assert.ok(await reads(verify, source, target, ['--state']) < NONE);
  });

  it('finds what was changed under the same size and time', async () => {
    const [source, target] = trees();
    await settle();
    await seen(verify, source, target, ['--state']);
    for (const root of [source, target]) {
      writeFileSync(join(root, 'f3'), 'CONTENT 3');
      utimesSync(join(root, 'f3'), 1e9, 1e9);
      const found = await seen(verify, source, target, ['--state']);
      assert.equal(found.outcome.exitCode, root === source ? 23 : 0);
      assert.deepEqual(found.lines.map((line) => line.split(' ').at(-1)).filter((name) => name === 'f3'), root === source ? ['f3'] : []);
    }
  });

  it('believes nothing of a file that was read in the moment in which it was made', async () => {
    const [source, target] = [tmp.at('s'), tmp.at('t')];
    for (const root of [source, target]) mkdirSync(root);
    for (let round = 0; round < 5; round++) {
      for (const root of [source, target]) writeFileSync(join(root, 'f'), `round ${round % 10}`);
      await seen(verify, source, target, ['--no-t', '--state']);
      writeFileSync(join(source, 'f'), `ROUND ${round % 10}`);
      const found = await seen(verify, source, target, ['--no-t', '--state']);
      assert.equal(found.outcome.exitCode, 23, `round ${round}`);
    }
  });

  it('keeps a history of its runs, below the state folder alone', async () => {
    const [source, target] = trees();
    await seen(sync, source, target, ['-rt', '--state']);
    writeFileSync(join(source, 'new'), 'new');
    await seen(sync, source, target, ['-rt', '--state']);
    await seen(sync, source, target, ['-rt', '-n', '--state']);
    const [pair] = readdirSync(tmp.at('kept/pairs'));
    assert.equal(pair, pairFolder(fromText(''), { source: fromText(`${source}/`), target: fromText(target) }).split('/').at(-1));
    const state = PairState.open({ posix: loadPosix(), folder: fromText(tmp.at('kept')), pair: { source: fromText(`${source}/`), target: fromText(target) }, roots: [], notice: assert.fail });
    assert.deepEqual(state.runs.list().map((run) => [run.exitCode, run.created, run.entries]), [[0, 0, 23], [0, 1, 24]]);
    // Held by us now: a run that changes nothing goes on without, one that does is refused.
    const without = await seen(verify, source, target, ['--state']);
    assert.deepEqual([without.told, without.outcome.exitCode], [['state-busy'], 0]);
    await assert.rejects(seen(sync, source, target, ['-rt', '--state']), (error) => error instanceof TwintreeError && error.code === 'LOCKED' && error.message.includes(`process ${process.pid}`));
    await state.close();
  });

  it('is refused where the state would lie in a tree, and makes nothing there', async () => {
    const [source, target] = trees();
    process.env['TWINTREE_STATE_DIR'] = join(target, 'd/state');
    await assert.rejects(seen(sync, source, target, ['-rt', '--state']), (error) => error instanceof TwintreeError && error.code === 'STATE');
    assert.ok(!existsSync(join(target, 'd/state')));
  });

  it('over a connection keeps what the host of the target knows of its own side', async () => {
    const [source, target] = trees();
    const shell = remoteShell(tmp);
    await settle();
    for (const way of ['pull', 'push'] as const) {
      for (const round of [1, 2]) {
        const done = syncBy(way, shell, ['-rtc', '-i', '--state'], `${source}/`, target, { env: { TWINTREE_STATE_DIR: tmp.at('kept') } });
        assert.deepEqual([done.code, String(done.stdout), String(done.stderr)], [0, '', ''], `${way} ${round}`);
      }
    }
    writeFileSync(join(target, 'f3'), 'CONTENT 3');
    utimesSync(join(target, 'f3'), 1e9, 1e9);
    assert.match(String(syncBy('pull', shell, ['-rtc', '-i', '--state'], `${source}/`, target, { env: { TWINTREE_STATE_DIR: tmp.at('kept') } }).stdout), /f3/);
    assert.equal(readFileSync(join(target, 'f3'), 'latin1'), 'content 3');
  });

  it('knows what it has just received, and reads nothing of it in the next run', async () => {
    const [source, target] = [trees()[0], tmp.at('new')];
    const pull = (...args: string[]): Promise<Outcome> => sync({ source: `host:${source}/`, target, args: [...wayArgs('pull', remoteShell(tmp)), '-rt', ...args] });
    mkdirSync(target);
    assert.equal((await pull('--state')).transferredFiles, 21);
    // What the other end reads counts here too, when it has ended: it is the same in both.
    const [start, stateful] = [bytesRead(), await pull('-c', '--state')];
    const [middle, plain] = [bytesRead(), await pull('-c')];
    assert.deepEqual([stateful.exitCode, stateful.totals.operations, plain.totals.operations], [0, 0, 0]);
    const saved = bytesRead() - middle - (middle - start);
    assert.ok(saved > BIG * 0.6 && saved < BIG * 1.5, String(saved)); // the other end loads its store as well
    writeFileSync(join(target, 'f3'), 'CONTENT 3');
    utimesSync(join(target, 'f3'), 1e9, 1e9);
    assert.equal((await pull('-c', '--state')).transferredFiles, 1);
    assert.equal(readFileSync(join(target, 'f3'), 'latin1'), 'content 3');
  });

  for (let seed = 1; seed <= Number(process.env['PROPERTY_RUNS'] ?? 1); seed++) {
    it(`tells and does the same as one without, whatever becomes of the state (seed ${seed})`, async () => {
      const dice = new Dice(seed);
      const [source, target, kept, old] = [tmp.at('s'), tmp.at('t'), tmp.at('kept'), tmp.at('old')];
      for (const root of [source, target]) mkdirSync(join(root, 'd'), { recursive: true });
      const name = (): string => `${dice.pick(['', 'd/'])}${dice.pick(['a', 'b', 'c', 'e'])}`;
      for (let step = 0; step < 25; step++) {
        const path = join(dice.pick([source, source, target]), name());
        switch (dice.pick(['write', 'write', 'write', 'rename', 'remove', 'settle', 'sync', 'drop', 'save', 'restore'])) {
          case 'write':
            // Few contents, one size, one time: what differs is told by nothing but content and ctime.
            writeFileSync(path, dice.pick(['one', 'two', 'six']));
            utimesSync(path, 1e9, 1e9);
            break;
          case 'rename': if (existsSync(path)) renameSync(path, join(path, '..', dice.pick(['a', 'b', 'c']))); break;
          case 'remove': rmSync(path, { force: true }); break;
          case 'settle': await settle(); break;
          case 'drop': rmSync(kept, { recursive: true, force: true }); break;
          case 'save':
            rmSync(old, { recursive: true, force: true });
            if (existsSync(kept)) cpSync(kept, old, { recursive: true });
            break;
          case 'restore':
            rmSync(kept, { recursive: true, force: true });
            if (existsSync(old)) cpSync(old, kept, { recursive: true });
            break;
          default: {
            const args = ['-rtc', '--delete'];
            const planned = await seen(sync, source, target, [...args, '-n']);
            const done = await seen(sync, source, target, [...args, '--state']);
            assert.deepEqual(done.lines, planned.lines, `step ${step}`);
            assertSameTree(source, target);
          }
        }
        if (dice.chance(0.3)) continue;
        const [plain, stateful] = [await seen(verify, source, target, []), await seen(verify, source, target, ['--state'])];
        assert.deepEqual([stateful.lines, stateful.outcome.exitCode, stateful.told], [plain.lines, plain.outcome.exitCode, []], `step ${step}`);
      }
    });
  }
});
