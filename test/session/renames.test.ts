/**
 * Renames that somebody has seen at the source: the target follows them as far as both trees bear them out, folders as a whole, and compares
 * everything afterwards. What is claimed wrongly, by mistake or by malice, changes nothing of the result. RENAME_RUNS=N lengthens the random histories.
 */
import assert from 'node:assert/strict';
import { existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { archive } from '../endpoint/apply-bench.js';
import { sync } from '../cli/support.js';
import { runSync, type Outcome, type SessionListener } from '../../src/session/index.js';
import { OpKind, type Rename, type SessionOptions } from '../../src/plan/index.js';
import { displayName, fromText, type RelPath } from '../../src/tree/index.js';
import { assertSameTree, Dice, useTempFolder } from '../support/index.js';
import { posixEndingAfter, posixRefusing, somewhere } from './renames-support.js';

const RUNS = Number(process.env['RENAME_RUNS'] ?? 25);
const path = (text: string): RelPath => fromText(text) as string as RelPath;

describe('renames at the source', () => {
  const temp = useTempFolder('renames');
  const source = (name = ''): string => `${temp.at('s')}${name === '' ? '' : `/${name}`}`;
  const target = (name = ''): string => `${temp.at('t')}${name === '' ? '' : `/${name}`}`;
  const inode = (name: string): number => lstatSync(target(name)).ino;

  beforeEach(() => {
    for (const at of [source(), target()]) rmSync(at, { recursive: true, force: true });
    mkdirSync(source());
  });

  const options = (change: (o: SessionOptions) => void = () => undefined): SessionOptions => archive((o) => {
    o.delete.when = 'after';
    change(o);
  });
  const claims = (...pairs: [from: string, to: string][]): Rename[] => pairs.map(([from, to]) => ({ from: path(from), to: path(to) }));

  async function pass(moved: readonly Rename[] = [], change?: (o: SessionOptions) => void): Promise<Outcome & { lines: string[] }> {
    const lines: string[] = [];
    const listener: SessionListener = { wantsOperations: 'changes', operation: (op, at, result) => { lines.push(`${result} ${OpKind[op.kind]} ${displayName(at)}${op.kind === OpKind.Move ? ` <= ${displayName(op.link)}` : ''}`); } };
    const outcome = await runSync({ sources: [fromText(`${source()}/`)], target: fromText(target()), options: options(change), moved }, listener);
    assert.deepEqual(outcome.problems, []);
    return { ...outcome, lines };
  }

  /** Files by path with a content of their own; a path with a slash at its end is a folder. */
  function fill(root: string, ...names: string[]): void {
    for (const name of names) {
      mkdirSync(dirname(`${root}/${name}`), { recursive: true });
      if (name.endsWith('/')) mkdirSync(`${root}/${name}`, { recursive: true });
      else writeFileSync(`${root}/${name}`, `${name} `.repeat(500));
    }
  }
  const move = (from: string, to: string): void => renameSync(source(from), source(to));

  it('moves a folder as one, with what was edited, added and removed in it', async () => {
    fill(source(), 'a/deep/f', 'a/edited', 'a/gone', 'other');
    await pass();
    const [folder, file] = [inode('a'), inode('a/deep/f')];
    move('a', 'b');
    writeFileSync(source('b/edited'), 'edited');
    fill(source(), 'b/new');
    rmSync(source('b/gone'));
    const planned = await pass(claims(['a', 'b']), (o) => { o.dryRun = true; });
    const outcome = await pass(claims(['a', 'b']));
    assert.deepEqual([outcome.moved, outcome.transferredFiles, outcome.deleted.files, outcome.deleted.dirs], [1, 2, 1, 0]);
    assert.deepEqual([inode('b'), inode('b/deep/f')], [folder, file]);
    assert.deepEqual(planned.lines.map((line) => line.replace('planned', 'done')), outcome.lines);
    assert.equal(outcome.lines[0], 'done Move b <= a');
    assert.deepEqual([planned.totals.moves, planned.totals.operations], [1, outcome.totals.operations]);
    assertSameTree(source(), target());
    assert.equal((await pass()).totals.operations, 0, 'times of the folders are as they were');
  });

  it('brings an edited file up to date from its old version', async () => {
    writeFileSync(source('f'), 'x'.repeat(400_000));
    await pass();
    const old = inode('f');
    mkdirSync(source('d'));
    move('f', 'd/g');
    const touched = statSync(source('d/g'));
    const change = (o: SessionOptions): void => { o.replace.inplace = true; o.replace.wholeFile = false; };
    const bytes = readFileSync(source('d/g'));
    bytes[700] = 0;
    writeFileSync(source('d/g'), bytes);
    utimesSync(source('d/g'), touched.atime, new Date(touched.mtimeMs + 5000));
    const outcome = await pass(claims(['f', 'd/g']), change);
    assert.deepEqual([outcome.moved, outcome.transferredFiles, inode('d/g')], [1, 1, old]);
    assert.ok(outcome.matchedBytes > 0);
    assertSameTree(source(), target());
  });

  const shapes: [title: string, from: string[], moves: [string, string][], seen: [string, string][], moved: number][] = [
    ['names that are exchanged', ['a/x', 'b/y', 'f', 'g'], [['a', 't'], ['b', 'a'], ['t', 'b'], ['f', 't'], ['g', 'f'], ['t', 'g']], [['a', 'b'], ['b', 'a'], ['f', 'g'], ['g', 'f']], 4],
    ['a chain', ['log', 'log.1', 'log.2'], [['log.2', 'log.3'], ['log.1', 'log.2'], ['log', 'log.1']], [['log', 'log.1'], ['log.1', 'log.2'], ['log.2', 'log.3']], 3],
    ['a folder into a new folder of its name', ['a/x', 'a/y'], [['a', 't'], ['n/', ''], ['n', 'a'], ['t', 'a/a']], [['a', 'a/a']], 1],
    ['out of a moved folder, and into one', ['a/x', 'a/sub/y', 'f'], [['a', 'b'], ['b/sub', 'q'], ['f', 'b/f']], [['a', 'b'], ['a/sub', 'q'], ['f', 'b/f']], 3],
    ['into new folders, deep', ['a/x', 'f'], [['n/m/o/', ''], ['a', 'n/m/o/a'], ['f', 'n/m/f']], [['a', 'n/m/o/a'], ['f', 'n/m/f']], 2],
    ['over a file that stood there', ['f', 'g'], [['f', 'g']], [['f', 'g']], 1],
    ['a name that is taken by something new', ['a/x', 'f'], [['a', 'b'], ['a/z/', ''], ['f', 'g'], ['f/', '']], [['a', 'b'], ['f', 'g']], 2],
    ['what came along with its folder is no move of its own', ['a/x', 'a/y'], [['a', 'b']], [['a', 'b'], ['a/x', 'b/x'], ['a/y', 'b/y']], 1],
    ['to a folder that is not empty', ['a/x', 'b/y'], [['b', 'c'], ['a', 'b']], [['a', 'b']], 0],
  ];
  for (const [title, names, moves, seen, moved] of shapes) {
    it(`follows: ${title}`, async () => {
      fill(source(), ...names);
      await pass();
      const kept = new Set(readdirSync(target(), { recursive: true }).map((name) => inode(String(name))));
      for (const [from, to] of moves) if (to === '') fill(source(), from); else move(from, to);
      const outcome = await pass(claims(...seen));
      assertSameTree(source(), target());
      const isMove = (line: string): boolean => line.startsWith('done Move');
      assert.ok(outcome.lines.slice(0, moved).every(isMove), outcome.lines.join(', '));
      assert.ok(moved === 0 || !outcome.lines.slice(moved).some(isMove), outcome.lines.join(', '));
      assert.ok(moved === 0 || outcome.transferredFiles === 0, 'nothing is sent');
      assert.ok(readdirSync(target(), { recursive: true }).some((name) => kept.has(inode(String(name)))));
      assert.deepEqual(readdirSync(target()).filter((name) => name.startsWith('.~twintree')), []);
    });
  }

  it('goes by the filters: what is protected on the target is not carried away, and what is left out not renamed', async () => {
    const { options: { filters } } = sync(['--exclude=own', '--exclude=*.bak', '-a', 'a/', 'b']);
    const rules = (o: SessionOptions): void => { o.filters = filters; };
    fill(source(), 'a/x', 'f', 'c/x');
    await pass([], rules);
    fill(target(), 'a/deep/own');
    move('a', 'b');
    move('f', 'f.bak');
    move('c', 'd');
    const outcome = await pass(claims(['a', 'b'], ['f', 'f.bak'], ['c', 'd']), rules).catch((error: unknown) => error);
    assert.ok(existsSync(target('a/deep/own')), String(outcome));
    assert.deepEqual([existsSync(target('b/x')), existsSync(target('a/x')), existsSync(target('f.bak')), existsSync(target('f')), existsSync(target('d/x')), existsSync(target('c'))], [true, false, false, false, true, false]);
  });

  it('tells two files that look alike by their content', async () => {
    for (const name of ['f', 'g', 'a/sub/x', 'b/sub/x']) {
      mkdirSync(dirname(source(name)), { recursive: true });
      writeFileSync(source(name), (name[0] ?? '').repeat(1000));
      utimesSync(source(name), 1e9, 1e9);
    }
    await pass();
    for (const [one, other] of [['f', 'g'], ['a', 'b']] as const) {
      move(one, 't');
      move(other, one);
      move('t', other);
    }
    const seen = claims(['f', 'g'], ['g', 'f'], ['a', 'b'], ['b', 'a']);
    assert.equal((await pass(seen)).moved, 4);
    assertSameTree(source(), target());
    assert.equal((await pass(seen)).moved, 0, 'what comes twice is not done twice');
    assertSameTree(source(), target());
  });

  it('needs deletions', async () => {
    fill(source(), 'a/x');
    await pass();
    move('a', 'b');
    const outcome = await pass(claims(['a', 'b']), (o) => { o.delete.when = undefined; });
    assert.deepEqual([outcome.moved, existsSync(target('a/x')), existsSync(target('b/x'))], [0, true, true]);
  });

  it('compares what it has renamed: a claim that is wrong costs time only', async () => {
    fill(source(), 'a/x', 'a/y', 'b/x', 'f', 'g');
    await pass();
    rmSync(source('a'), { recursive: true });
    rmSync(source('f'));
    fill(source(), 'c/x', 'c/z', 'h'); // nothing of a or f
    symlinkSync('/etc', source('link'));
    const lies = claims(['a', 'c'], ['f', 'h'], ['b', 'c'], ['g', 'link'], ['..', 'x'], ['', 'c'], ['none', 'c'], ['a', 'c/z'], ['a', 'no/where'], ['link', 'h'], ['c', 'c/x'], ['b/x', 'b']);
    await pass(lies);
    assertSameTree(source(), target());
  });

  it('keeps hard links', async () => {
    fill(source(), 'a/x');
    linkSync(source('a/x'), source('y'));
    linkSync(source('a/x'), source('z'));
    const change = (o: SessionOptions): void => { o.attributes.hardLinks = true; };
    await pass([], change);
    move('a', 'b');
    move('y', 'b/y');
    const outcome = await pass(claims(['a', 'b'], ['y', 'b/y']), change);
    assert.equal(outcome.transferredFiles, 0);
    assert.equal(new Set(['b/x', 'b/y', 'z'].map(inode)).size, 1);
    assertSameTree(source(), target());
  });

  it('plans anew where a rename is refused', async () => {
    fill(source(), 'a/x', 'b/y');
    await pass();
    move('a', 'c');
    move('b', 'd');
    const warnings: string[] = [];
    const outcome = await runSync(
      { sources: [fromText(`${source()}/`)], target: fromText(target()), options: options((o) => { o.threads = 1; }), moved: claims(['a', 'c'], ['b', 'd']), posix: posixRefusing('b') },
      { problem: (problem) => { warnings.push(`${problem.severity} ${problem.path}`); } },
    );
    assert.deepEqual([outcome.exitCode, warnings], [0, ['warning d']]);
    assertSameTree(source(), target());
  });

  it('that were broken off in the middle of an exchange lose nothing: the next run finds what waits under its name', async () => {
    fill(source(), 'a/x', 'b/y', 'f', 'g');
    await pass();
    for (const [one, other] of [['a', 'b'], ['f', 'g']] as const) {
      move(one, 't');
      move(other, one);
      move('t', other);
    }
    for (let steps = 1; steps <= 6; steps++) {
      const ended = posixEndingAfter(steps);
      await runSync({ sources: [fromText(`${source()}/`)], target: fromText(target()), options: options((o) => { o.threads = 1; }), moved: claims(['a', 'b'], ['b', 'a'], ['f', 'g'], ['g', 'f']), posix: ended.posix }, {}, ended.signal);
    }
    const outcome = await pass();
    assertSameTree(source(), target());
    assert.equal(outcome.transferredFiles, 0);
  });

  it(`makes what a session without claims makes, true ones and lies (${RUNS} histories)`, async () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const dice = new Dice(seed);
      for (const at of [source(), target()]) rmSync(at, { recursive: true, force: true });
      mkdirSync(source());
      for (let n = 0; n < 8; n++) shuffle(dice, source());
      await pass();
      const before = inodes(source());
      for (let n = 0; n < 10; n++) shuffle(dice, source());
      const after = inodes(source());
      const seen: Rename[] = [];
      for (const [ino, to] of after) {
        const from = before.get(ino);
        if (from !== undefined && from !== to) seen.push(...claims([from, to]));
      }
      const all = [...before.values(), ...after.values()];
      for (let lie = dice.below(3); lie > 0; lie--) seen.splice(dice.below(seen.length + 1), 0, ...claims([all[dice.below(all.length)] ?? 'x', all[dice.below(all.length)] ?? 'y']));
      try {
        await pass(seen);
        assertSameTree(source(), target());
        assert.equal((await pass()).totals.operations, 0);
      } catch (error) {
        throw new Error(`seed ${seed}: ${seen.map(({ from, to }) => `${from} → ${to}`).join(', ')}`, { cause: error });
      }
    }
  });
});

/** Paths by inode. */
function inodes(root: string): Map<number, string> {
  return new Map((readdirSync(root, { recursive: true }) as string[]).map((name) => [lstatSync(`${root}/${name}`).ino, name]));
}

let stamp = 1;

/** One random change: mostly moves. */
function shuffle(dice: Dice, root: string): void {
  const { all, name, at, there } = somewhere(dice, root);
  switch (dice.below(6)) {
    case 0:
      if (there && !lstatSync(at).isFile()) return;
      writeFileSync(at, String(dice.below(1e9)).repeat(1 + dice.below(500)));
      utimesSync(at, stamp, stamp++);
      break;
    case 1:
      if (!there) mkdirSync(at);
      break;
    case 2:
      if (there && dice.below(2) === 0) rmSync(at, { recursive: true });
      break;
    default: {
      const old = all[dice.below(all.length)];
      if (old === undefined || there || name === old || name.startsWith(`${old}/`)) return;
      renameSync(`${root}/${old}`, at);
    }
  }
}
