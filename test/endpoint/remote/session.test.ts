/** A session whose source is on another host plans and does what the same session does on one host, whatever the options. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { parseSync, processContext } from '../../../src/cli/index.js';
import { OpKind, reasonId, type Operation } from '../../../src/plan/index.js';
import type { Outcome, SessionListener } from '../../../src/session/index.js';
import { runSync } from '../../../src/session/run.js';
import { openSources } from '../../../src/session/sources.js';
import { TwintreeError } from '../../../src/tree/index.js';
import { assertSameTree, changedTree, dir, file, makeTree, randomTree, useTempFolder, type Tree } from '../../support/index.js';
import { bytes, SEED } from '../supply/support.js';
import { name, otherHost, posix } from './support.js';

interface Run { outcome: Outcome; lines: string[]; problems: string[] }

function request(sources: string[], target: string, args: string[]): { sources: ReturnType<typeof bytes>[]; target: ReturnType<typeof bytes>; options: Parameters<typeof runSync>[0]['options'] } {
  const parsed = parseSync([...args.map(bytes), bytes('--'), ...sources.map((s) => name(s)), name(target)], processContext());
  assert.ok(parsed.kind === 'run');
  return { sources: sources.map((s) => name(s)), target: name(target), options: parsed.options };
}

function recorder(): { lines: string[]; problems: string[]; listener: SessionListener } {
  const lines: string[] = [];
  const problems: string[] = [];
  return {
    lines, problems,
    listener: {
      wantsOperations: 'changes',
      operation: (op: Operation, path, result) => { lines.push(`${result} ${OpKind[op.kind]} ${op.item.toString(2)} ${reasonId(op.reason)} ${path} ${op.kind === OpKind.File ? '' : op.link}`); },
      problem: (problem) => { problems.push(`${problem.code} ${problem.path} ${problem.message}`); },
    },
  };
}

async function here(sources: string[], target: string, args: string[]): Promise<Run> {
  const { lines, problems, listener } = recorder();
  return { outcome: await runSync(request(sources, target, args), listener), lines, problems };
}

/** The same with the sources on another host. `frames`: it dies after so many. */
async function there(sources: string[], target: string, args: string[], frames?: number, signal?: AbortSignal): Promise<Run> {
  const { lines, problems, listener } = recorder();
  const asked = request(sources, target, args);
  const opened = openSources(posix, asked.sources, asked.options);
  const host = await otherHost(sources, args, frames);
  try {
    const from = { link: host.link, seed: SEED, sources: { ...opened, mounts: opened.mounts.map((mount, fd) => ({ ...mount, fd })) } };
    return { outcome: await runSync({ ...asked, from }, listener, signal), lines, problems };
  } finally {
    await host.close();
    for (const mount of opened.mounts) posix.close(mount.fd);
  }
}

describe('a session with its source on another host', () => {
  const temp = useTempFolder('remote-session');
  let count = 0;
  const fresh = (tree?: Tree): string => {
    const path = temp.at(`d${count++}`);
    mkdirSync(path);
    if (tree !== undefined) makeTree(path, tree);
    return path;
  };

  /** Runs both ways into equal targets and compares all that can be seen. */
  async function same(sources: string[], before: Tree, args: string[], again = false): Promise<Run> {
    const [a, b] = [fresh(before), fresh(before)];
    for (const target of [a, b]) utimesSync(target, 1, 1); // else one of them may be as old as the source by chance
    const done = [await here(sources, a, args), await there(sources, b, args)] as const;
    assert.deepEqual(done[1].problems, done[0].problems);
    assert.deepEqual(done[1].lines, done[0].lines);
    const { totals, exitCode, created, deleted, moved, linked } = done[0].outcome;
    assert.deepEqual({ ...done[1].outcome.totals, rootFolders: undefined }, { ...totals, rootFolders: undefined });
    const { outcome } = done[1];
    assert.deepEqual([outcome.exitCode, outcome.created, outcome.deleted, outcome.moved, outcome.linked], [exitCode, created, deleted, moved, linked]);
    // What the source has no say in keeps the time at which the test made it.
    assertSameTree(a, b, { ignore: ['dir-mtime', 'mtime'], root: false });
    if (args.includes('-aHAX')) assertSameTree(sources[0] as string, b);
    if (again) assert.deepEqual((await there(sources, b, args)).lines, []);
    return done[1];
  }

  for (const seed of [501, 502]) {
    it(`given random trees, then -aHAX --delete does the same (seed ${seed})`, async () => {
      const old = randomTree(seed, { entries: 90, acls: true });
      const source = fresh(changedTree(old, seed, { changes: 30 }));
      const dry = fresh(old);
      assert.deepEqual((await there([`${source}/`], dry, ['-aHAX', '--delete', '-n'])).lines, (await here([`${source}/`], dry, ['-aHAX', '--delete', '-n'])).lines);
      await same([`${source}/`], old, ['-aHAX', '--delete'], true);
    });
  }

  it('given a random tree, then checksums, filters, pruning, hard limits and several threads do the same', async () => {
    const old = randomTree(600, { entries: 100, specials: false });
    const source = fresh(changedTree(old, 600, { changes: 20 }));
    await same([`${source}/`], old, ['-ac', '--delete', '--exclude=*.o', '--exclude=README*']);
    await same([`${source}/`], old, ['-a', '-m', '--include=*/', '--include=*.txt', '--exclude=*', '--delete-excluded', '--delete']);
    await same([`${source}/`], old, ['-rlt', '--max-size=3000', '--threads=3', '--delete-before', '--force']);
  });

  it('given rule files in folders, then both ends read them alike', async () => {
    const source = fresh({ '.rules': file('- *.o\n'), 'a.o': file('x'), a: dir({ '.rules': file('+ keep.o\n- *.txt\n'), 'keep.o': file('1'), 'b.txt': file('2'), '.gitignore': file('*.log\n'), 'c.log': file('3') }), b: file('y') });
    await same([`${source}/`], { 'a.o': file('old'), z: file('extra') }, ['-a', '-f', ': .rules', '--delete']);
    await same([`${source}/`], { a: dir({ 'c.log': file('old') }) }, ['-a', '--gitignore', '--delete']);
  });

  it('given symlinks, then -L, -k, --copy-unsafe-links and --safe-links do the same', async () => {
    const outside = fresh({ file: file('outside'), dir: dir({ inner: file('inner') }) });
    const source = fresh({ a: dir({ x: file('x') }), y: file('y') });
    symlinkSync('a', `${source}/to-a`);
    symlinkSync('y', `${source}/to-y`);
    symlinkSync(`${outside}/file`, `${source}/unsafe`);
    symlinkSync(`${outside}/dir`, `${source}/unsafe-dir`);
    for (const args of [['-aLc'], ['-ak'], ['-a', '--copy-unsafe-links'], ['-a', '--safe-links']]) await same([`${source}/`], {}, args);
  });

  it('given several sources, names on their way and single files, then the selection is the same', async () => {
    const one = fresh({ a: dir({ x: file('1'), sub: dir({ deep: file('2') }) }), b: file('3') });
    const two = fresh({ a: dir({ x: file('4'), y: file('5') }), c: file('6') });
    await same([`${one}/`, `${two}/`], {}, ['-a']);
    await same([`${one}/a`, `${two}/c`], {}, ['-a']);
    await same([`${one}/./a/sub`, `${two}/./c`], {}, ['-aR']);
    await same([`${one}/./a/sub`], {}, ['-aR', '--no-implied-dirs']);
    await same([`${one}/`], {}, ['-d']);
  });

  it('given a renamed file and a changed one, then the move is found by hashes and the rest by deltas', async () => {
    const content = { size: 200_000, seed: 5 };
    const source = fresh({ 'new name': file(content, { mtime: 1_000_000_000_000_000_000n }), big: file({ size: 3_000_000, seed: 9 }) });
    const run = await same([`${source}/`], { 'old name': file(content, { mtime: 1_000_000_000_000_000_000n }), big: file({ size: 3_000_000, seed: 8 }) }, ['-a', '--delete', '--no-whole-file']);
    assert.equal(run.outcome.moved, 1);
  });

  it('given many small files and few threads, then they all come', async () => {
    const tree: Record<string, ReturnType<typeof dir>> = {};
    for (let d = 0; d < 12; d++) {
      const inner: Tree = {};
      for (let f = 0; f < 60; f++) inner[`f${f}`] = file(`${d}/${f} `.repeat(f * 20));
      tree[`d${d}`] = dir(inner);
    }
    const source = fresh(tree);
    const target = fresh();
    const { outcome } = await there([`${source}/`], target, ['-a', '--threads=3']);
    assert.equal(outcome.transferredFiles, 720);
    assertSameTree(source, target);
  });

  it('given --remove-source-files, then what was copied goes at the source', async () => {
    const source = fresh({ a: file('1'), d: dir({ b: file('2') }) });
    const target = fresh();
    const kept = fresh();
    copyFileSync(`${source}/a`, `${kept}/a`);
    await there([`${source}/`], target, ['-a', '--remove-source-files']);
    assertSameTree(target, fresh({ a: file('1'), d: dir({ b: file('2') }) }), { ignore: ['mtime', 'dir-mtime', 'mode', 'uid', 'gid'], root: false });
    assertSameTree(source, fresh({ d: dir({}) }), { ignore: ['dir-mtime', 'mode'], root: false });
  });

  it('given the other host dies at any time, then the session says so, and the next one finishes what it began', async () => {
    const tree: Record<string, ReturnType<typeof file>> = {};
    for (let k = 0; k < 30; k++) tree[`f${k}`] = file({ size: 120_000, seed: k });
    const source = fresh(tree);
    const target = fresh();
    for (const frames of [0, 1, 3, 7]) {
      await assert.rejects(there([`${source}/`], target, ['-a', '--threads=2'], frames), (error) => error instanceof TwintreeError && error.code === 'CONNECTION_LOST', String(frames));
    }
    assert.equal((await there([`${source}/`], target, ['-a'])).outcome.exitCode, 0);
    assertSameTree(source, target);
  });

  it('given an abort in the middle, then the session ends as one on one host does', async () => {
    const source = fresh();
    for (let k = 0; k < 40; k++) writeFileSync(`${source}/f${k}`, Buffer.alloc(1 << 20, String(k)));
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 900);
    const { outcome } = await there([`${source}/`], fresh(), ['-a', '--bwlimit=2000'], undefined, abort.signal);
    assert.ok(outcome.aborted || outcome.exitCode === 0);
  });
});
