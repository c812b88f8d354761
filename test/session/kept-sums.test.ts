/**
 * Deltas from kept sums, over real connections: what is kept on either side may be there, gone, damaged or of another moment: the trees become equal, and only
 * the cost differs. On btrfs and xfs a small change in a large file is read, sent and written as what it is.
 */
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, existsSync, mkdirSync, openSync, closeSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sync, TwintreeError, type Outcome } from '../../src/index.js';
import { openEnvironment } from '../../src/state/store/lmdb.js';
import { fromText } from '../../src/tree/index.js';
import { assertSameTree, describeOn, Dice, useTempFolder } from '../support/index.js';
import { noise } from '../hash/support.js';
import { REMOTE_PATH, remoteShell } from '../e2e/remote-support.js';

const KB = 1024;
const MB = KB * KB;

/** Bytes that this process and those of its children that have ended have read and written by system calls so far. */
function moved(): { read: number; written: number } {
  const io = readFileSync('/proc/self/io', 'latin1');
  return { read: Number(/^rchar: (\d+)$/m.exec(io)?.[1]), written: Number(/^wchar: (\d+)$/m.exec(io)?.[1]) };
}

/** Processes that this one has started and that are not gone, on any of its threads. */
function children(): string[] {
  return readdirSync('/proc/self/task').flatMap((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/children`, 'latin1').split(' ').filter((pid) => pid !== '');
    } catch {
      return []; // the thread has ended
    }
  });
}

/** Waits until files that were made before this call are old enough to be believed: for the clock that stamps them. */
async function settle(): Promise<void> {
  const until = Date.now() + 60;
  while (Date.now() <= until) await pause(until - Date.now() + 1);
}

describe('deltas from kept sums', () => {
  const tmp = useTempFolder('sums');
  let before: string | undefined;
  let shell: string;

  beforeEach(() => {
    before = process.env['TWINTREE_STATE_DIR'];
    process.env['TWINTREE_STATE_DIR'] = tmp.at('here');
    shell = remoteShell(tmp, `export TWINTREE_STATE_DIR='${tmp.at('there')}'`);
  });
  afterEach(() => {
    if (before === undefined) delete process.env['TWINTREE_STATE_DIR'];
    else process.env['TWINTREE_STATE_DIR'] = before;
  });

  async function run(way: 'push' | 'pull', from: string, to: string, ...args: string[]): Promise<Outcome> {
    const [source, target] = way === 'push' ? [`${from}/`, `host:${to}`] : [`host:${from}/`, to];
    const there = children();
    // `exec`: the agent is our own child. A shell between would be told to end as soon as all is said, and what an agent without parent has read counts nowhere.
    const outcome = await sync({ source, target, args: ['-e', shell, `--rsync-path=exec ${REMOTE_PATH}`, '--no-bootstrap', '--retries=0', '--threads=1', ...args] });
    // What a child has read counts when it is gone. A list of children that is read while threads end may lack one.
    for (let none = 0; none < 20; none++) {
      if (children().some((pid) => !there.includes(pid))) none = -1;
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    return outcome;
  }

  /** Damages pages of sums, wherever they are kept below a state folder. */
  async function damage(folder: string, dice: Dice): Promise<void> {
    for (const pair of existsSync(join(folder, 'pairs')) ? readdirSync(join(folder, 'pairs')) : []) {
      if (!existsSync(join(folder, 'pairs', pair, 'store'))) continue;
      const store = openEnvironment(fromText(join(folder, 'pairs', pair, 'store')), false);
      const pages = store.table('sum-pages');
      store.write(() => {
        const all = [...pages.range(Buffer.from([0]), undefined)];
        for (const { key, value } of all) {
          if (key.length === 1 || dice.chance(0.5) || value.length === 0) continue;
          const at = dice.below(value.length);
          value[at] = (value[at] as number) ^ 1;
          pages.put(key, value);
        }
      });
      await store.close();
    }
  }

  for (let seed = 1; seed <= Number(process.env['PROPERTY_RUNS'] ?? 1); seed++) {
    it(`make the trees equal, whatever becomes of files and of what is kept on either side (seed ${seed})`, async () => {
      const dice = new Dice(seed);
      const [source, target] = [tmp.at('s'), tmp.at('t')];
      for (const root of [source, target]) mkdirSync(root);
      const names = ['a', 'b', 'c'];
      for (const [k, name] of names.entries()) writeFileSync(join(source, name), noise(700 * KB + k * 5000, k + 1));
      const edit = (path: string, step: number): void => {
        if (!existsSync(path)) return writeFileSync(path, noise(400 * KB, step));
        const size = statSync(path).size;
        const fd = openSync(path, 'r+');
        switch (dice.pick(['over', 'over', 'append', 'cut', 'rewrite', 'insert'])) {
          case 'over': for (let k = 1 + dice.below(3); k > 0; k--) writeSync(fd, noise(1 + dice.below(300), step + k), 0, undefined, dice.below(size)); break;
          case 'append': writeSync(fd, noise(1 + dice.below(9000), step), 0, undefined, size); break;
          case 'cut': truncateSync(path, Math.max(300 * KB, size - dice.below(20_000))); break;
          case 'insert': writeFileSync(path, Buffer.concat([noise(100, step), readFileSync(path)])); break;
          default: // another file under the name
            writeFileSync(`${path}.new`, noise(300 * KB + dice.below(300 * KB), step));
            renameSync(`${path}.new`, path);
        }
        closeSync(fd);
      };
      let synced = 0;
      for (let step = 0; synced < 7; step++) {
        const side = dice.pick(['here', 'there']);
        switch (dice.pick(['edit', 'edit', 'edit', 'drift', 'same', 'sync', 'sync', 'sync', 'drop', 'save', 'restore', 'damage', 'settle'])) {
          case 'edit': edit(join(source, dice.pick(names)), step); break;
          case 'drift': { // the target is changed behind our back, also under an old time
            const path = join(target, dice.pick(names));
            if (!existsSync(path)) break;
            const { atimeMs, mtimeMs } = statSync(path);
            edit(path, step);
            if (dice.chance(0.5)) utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
            break;
          }
          case 'same': { // the same content in another file
            const path = join(source, dice.pick(names));
            if (!existsSync(path)) break;
            copyFileSync(path, `${path}.new`);
            renameSync(`${path}.new`, path);
            break;
          }
          case 'drop': rmSync(tmp.at(side), { recursive: true, force: true }); break;
          case 'save':
            rmSync(tmp.at(`${side}-old`), { recursive: true, force: true });
            if (existsSync(tmp.at(side))) cpSync(tmp.at(side), tmp.at(`${side}-old`), { recursive: true });
            break;
          case 'restore':
            if (!existsSync(tmp.at(`${side}-old`))) break;
            rmSync(tmp.at(side), { recursive: true, force: true });
            cpSync(tmp.at(`${side}-old`), tmp.at(side), { recursive: true });
            break;
          case 'damage': await damage(tmp.at(side), dice); break;
          case 'settle': await settle(); break;
          default: {
            const way = dice.pick(['push', 'push', 'pull'] as const);
            const how = dice.pick([[], [], ['--inplace'], ['-S']]);
            const outcome = await run(way, source, target, '-a', '-I', '--state', ...how); // -I: also what looks equal by size and time
            assert.deepEqual([outcome.exitCode, outcome.problems], [0, []], `step ${step}, ${way} ${how.join(' ')}`);
            assertSameTree(source, target);
            synced++;
          }
        }
      }
    });
  }

  it('of 250 bytes ask for what is inside of one block; without what is kept at the source for little more, and at the target for what they would without', async () => {
    const [source, target] = [tmp.at('s'), tmp.at('t')];
    mkdirSync(source);
    writeFileSync(join(source, 'f'), noise(5 * MB, 1));
    await settle();
    await run('push', source, target, '-a', '--state');
    let step = 0;
    const change = async (): Promise<Outcome> => {
      const fd = openSync(join(source, 'f'), 'r+');
      writeSync(fd, noise(250, ++step), 0, 250, 3 * MB + step * 20_000);
      closeSync(fd);
      await settle();
      const outcome = await run('push', source, target, '-a', '--state');
      assertSameTree(source, target);
      return outcome;
    };
    for (const lost of [undefined, 'here', 'there']) {
      if (lost !== undefined) rmSync(tmp.at(lost, 'pairs'), { recursive: true });
      const { literalBytes, matchedBytes } = await change();
      assert.ok(literalBytes <= 512 && matchedBytes === 5 * MB - literalBytes, `${String(lost)}: ${literalBytes}`);
    }
  });

  it('are keyed with a secret that stays on its host and its peer, in files of the user alone', async () => {
    const [source, target] = [tmp.at('s'), tmp.at('t')];
    mkdirSync(source);
    writeFileSync(join(source, 'f'), noise(MB, 1));
    await run('push', source, target, '-a', '--state');
    assert.deepEqual([statSync(tmp.at('here/key')).mode & 0o777, statSync(tmp.at('here/key')).size, existsSync(tmp.at('there/key'))], [0o600, 32, false]);
    // Another secret: nothing that is kept on either side is of use, and nothing is wrong.
    rmSync(tmp.at('here/key'));
    const fd = openSync(join(source, 'f'), 'r+');
    writeSync(fd, noise(250, 2), 0, 250, 500_000);
    closeSync(fd);
    const { literalBytes } = await run('push', source, target, '-a', '--state');
    assert.ok(literalBytes <= 512);
    assertSameTree(source, target);
  });

  it('--clone-dir is refused where it cannot serve', async () => {
    const [source, target] = [tmp.at('s'), tmp.at('t')];
    mkdirSync(source);
    for (const [args, code] of [[['--state', `--clone-dir=${join(source, 'c')}`], 'STATE'], [['--clone-dir=/x'], 'USAGE'], [['--state', '--clone-dir=/proc/self'], 'UNSUPPORTED']] as const) {
      for (const way of code === 'UNSUPPORTED' ? (['push', 'pull'] as const) : (['push'] as const)) {
        await assert.rejects(run(way, source, target, '-a', ...args), (error) => error instanceof TwintreeError ? error.code === code : (error as { code?: string }).code === code, `${way} ${args.join(' ')}`);
      }
    }
    await assert.rejects(sync({ source: `${source}/`, target, args: ['-a', '--state', '--clone-dir=/x'] }), /between hosts/);
  });

  describeOn(['btrfs', 'xfs'], { sizeMiB: 400 }, (fs) => {
    for (const way of [fs.kind === 'xfs' ? ('push' as const) : ('pull' as const)]) {
      it(`of 250 bytes in a large file read, send and write little more than those (${way})`, async () => {
        const [source, target] = [fs.at('s'), fs.at('t')];
        for (const root of [source, target]) {
          rmSync(root, { recursive: true, force: true });
          mkdirSync(root);
        }
        const size = 24 * MB;
        const block = noise(MB, 1);
        const fd = openSync(join(source, 'f'), 'w');
        for (let at = 0; at < size; at += MB) {
          block.writeUInt32LE(at, 0);
          writeSync(fd, block, 0, MB, at);
        }
        closeSync(fd);
        await settle();
        const args = ['-a', '--state', '--threads=1', `--clone-dir=${fs.at('clones')}`]; // each thread reads the program
        const change = (step: number, at: number): void => {
          const open = openSync(join(source, 'f'), 'r+');
          writeSync(open, noise(250, step), 0, 250, at);
          closeSync(open);
        };
        await run(way, source, target, ...args);
        const nothing = moved();
        await run(way, source, target, ...args); // what both ends read and write beside content: their programs, lists, the state
        const [idle, costs] = [moved(), [] as { read: number; written: number }[]];
        for (const [step, how] of [['--inplace'], []].entries()) {
          change(step + 5, 20 * MB + step * 100_000 + 17);
          await settle();
          const start = moved();
          const { literalBytes } = await run(way, source, target, ...args, ...how);
          const end = moved();
          costs.push({ read: end.read - start.read - (idle.read - nothing.read), written: end.written - start.written - (idle.written - nothing.written) });
          assert.ok(literalBytes <= 300, `${literalBytes} bytes`);
        }
        assert.ok(costs.every(({ read, written }) => read > 0 && read < MB && written > 0 && written < MB), JSON.stringify(costs));
        assertSameTree(source, target);
        assert.equal(readdirSync(fs.at('clones')).length, 1);
        // A clone that somebody has changed, or that is gone, is not believed.
        const [clone] = readdirSync(fs.at('clones'));
        const open = openSync(join(fs.at('clones'), String(clone)), 'r+');
        change(20, 7 * MB);
        writeSync(open, readFileSync(join(source, 'f')).subarray(7 * MB, 7 * MB + 4 * KB), 0, 4 * KB, 7 * MB);
        closeSync(open);
        await run(way, source, target, ...args);
        assertSameTree(source, target);
        rmSync(fs.at('clones', readdirSync(fs.at('clones'))[0] as string));
        change(21, 9 * MB);
        await run(way, source, target, ...args);
        assertSameTree(source, target);
        // With its file it goes.
        rmSync(join(source, 'f'));
        await run(way, source, target, ...args, '--delete');
        assert.deepEqual(readdirSync(fs.at('clones')), []);
        rmSync(fs.at('clones'), { recursive: true });
      });
    }
  });
});
