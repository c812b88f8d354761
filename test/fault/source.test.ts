/** Sources and targets that misbehave: vanishing, always changing, unreadable, with I/O errors. One path's failure stays its own. */
import assert from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { sync } from '../../src/index.js';
import {
  assertSameTree, describeIf, dir, file, makeTree, plainFolder, PLAIN_UID, runCommand, twintree, useTempFolder, whyNoInjection, whyNoOtherUser, type Tree,
} from '../support/index.js';
import { assertNoLeftovers, LATER, THEN } from '../e2e/replace-support.js';

const MB = 1 << 20;

describe('sources that change meanwhile', () => {
  const temp = useTempFolder('changing');

  for (const args of [['-a'], ['-a', '--inplace'], ['-a', '--delay-updates'], ['-a', '--no-whole-file'], ['-aH']]) {
    it(`what vanishes after the scan is a warning and exit code 24, its target is left, the rest is done (${args.join(' ')})`, async () => {
      makeTree(temp.at('src'), { gone: file('new', { mtime: LATER }), other: file('other', { mtime: LATER }), d: dir({ a: file('a'), b: file('b') }) });
      makeTree(temp.at('dst'), { gone: file('old', { mtime: THEN }), extra: file('extra') });
      const outcome = await sync({
        source: `${temp.at('src')}/`, target: temp.at('dst'), args: [...args, '--delete'],
        listener: { plan: () => { unlinkSync(temp.at('src/gone')); rmSync(temp.at('src/d'), { recursive: true }); } },
      });
      assert.strictEqual(outcome.exitCode, 24, JSON.stringify(outcome.problems));
      assert.ok(outcome.problems.every((p) => p.code === 'vanished' && p.severity === 'warning'), JSON.stringify(outcome.problems));
      assert.strictEqual(readFileSync(temp.at('dst/gone'), 'utf8'), 'old');
      assert.strictEqual(readFileSync(temp.at('dst/other'), 'utf8'), 'other');
      assert.ok(!existsSync(temp.at('dst/extra')));
      assert.ok(!existsSync(temp.at('dst/d/a')), 'nothing half is left of what vanished');
      assertNoLeftovers(temp.path);
    });
  }

  it('what became something else after the scan is left for the next run', async () => {
    makeTree(temp.at('src'), { f: file('f', { mtime: LATER }), d: dir({ x: file('x') }, { mtime: LATER }) });
    makeTree(temp.at('dst'), { f: file('old', { mtime: THEN }) });
    const what = { source: `${temp.at('src')}/`, target: temp.at('dst'), args: ['-a', '--delete'] };
    const outcome = await sync({
      ...what,
      listener: { plan: () => {
        rmSync(temp.at('src'), { recursive: true });
        makeTree(temp.at('src'), { f: dir({ y: file('y') }), d: file('now a file') });
      } },
    });
    assert.ok(outcome.exitCode === 23 || outcome.exitCode === 24);
    assert.strictEqual(readFileSync(temp.at('dst/f'), 'utf8'), 'old');
    assert.strictEqual((await sync(what)).exitCode, 0);
    assertSameTree(temp.at('src'), temp.at('dst'));
  });

  describe('a file that a writer never stops appending to', () => {
    let writer: ChildProcess | undefined;
    afterEach(async () => {
      if (writer === undefined) return;
      const ended = once(writer, 'exit');
      writer.kill('SIGKILL');
      await ended;
      writer = undefined;
    });

    for (const args of [['-a'], ['-a', '--inplace'], ['-a', '--no-whole-file'], ['-a', '--append'], ['-a', '--delay-updates']]) {
      it(`arrives as a true beginning of it, also where the run meets the writer (${args.join(' ')})`, async () => {
        mkdirSync(temp.at('src'));
        mkdirSync(temp.at('dst'));
        // Numbered records: any consistent state is a prefix.
        const record = (k: number): string => `${k}`.padStart(15, '0') + '\n';
        const start = Array.from({ length: 200_000 }, (_, k) => record(k)).join('');
        writeFileSync(temp.at('src/log'), start);
        writeFileSync(temp.at('src/calm'), 'calm');
        writer = spawn(process.execPath, ['-e', `
          const fs = require('node:fs'); const fd = fs.openSync(process.argv[1], 'a'); let k = 200000; const parent = process.ppid;
          const go = () => { for (let i = 0; i < 50; i++) fs.writeSync(fd, String(k++).padStart(15, '0') + '\\n'); if (process.ppid === parent) setImmediate(go); };
          go(); process.stdout.write('on');`, temp.at('src/log')], { stdio: ['ignore', 'pipe', 'inherit'] });
        await once(writer.stdout as NonNullable<ChildProcess['stdout']>, 'data');
        for (let k = 0; k < 4; k++) {
          const outcome = await sync({ source: `${temp.at('src')}/`, target: temp.at('dst'), args });
          assert.ok([0, 24].includes(outcome.exitCode), JSON.stringify(outcome.problems));
          assert.ok(outcome.problems.every((p) => p.code === 'changed' && p.path === 'log'), JSON.stringify(outcome.problems));
          const got = readFileSync(temp.at('dst/log'), 'latin1');
          assert.ok(got.length >= start.length);
          const whole = got.length - (got.length % 16);
          assert.strictEqual(got.slice(whole - 16, whole), record(whole / 16 - 1), 'its last record is where it belongs');
          assert.strictEqual(got.slice(0, start.length), start);
        }
        const ended = once(writer, 'exit');
        writer.kill('SIGKILL');
        await ended;
        writer = undefined;
        const last = await sync({ source: `${temp.at('src')}/`, target: temp.at('dst'), args });
        assert.strictEqual(last.exitCode, 0);
        assertSameTree(temp.at('src'), temp.at('dst'));
        assertNoLeftovers(temp.path);
      });
    }
  });
});

describeIf('I/O errors', whyNoInjection(), () => {
  const temp = useTempFolder('io');
  const tree = (): Tree => ({ bad: file({ size: MB, seed: 1 }, { mtime: LATER }), small: file('small one', { mtime: LATER }), z: file('z', { mtime: LATER }) });
  beforeEach(() => {
    makeTree(temp.at('src'), tree());
    makeTree(temp.at('dst'), { bad: file('old', { mtime: THEN }), small: file('old', { mtime: THEN }), extra: file('x') });
  });
  const bad = (name: string, rules: string[], args: string[] = ['-a']): ReturnType<typeof twintree> =>
    twintree(['sync', ...args, `${temp.at('src')}/`, temp.at('dst')], { inject: rules, injectPaths: [temp.at(name)] });

  for (const [what, name, rules] of [
    ['reading a large file', 'src/bad', ['copy_file_range,pread64,read:error=EIO']],
    ['reading a small file', 'src/small', ['pread64,read:error=EIO']],
  ] as const) {
    it(`${what}: that file's Problem and exit code 23, the old one stays, the rest is done`, () => {
      const ran = bad(name, [...rules]);
      const short = name.slice(4);
      assert.strictEqual(ran.code, 23, ran.stderr);
      assert.match(ran.stderr, new RegExp(`${short}: .*EIO`));
      assert.strictEqual(readFileSync(temp.at('dst', short), 'utf8'), 'old');
      assert.strictEqual(readFileSync(temp.at('dst/z'), 'utf8'), 'z');
      assertNoLeftovers(temp.at('dst'));
      assert.strictEqual(twintree(['sync', '-a', '--delete', `${temp.at('src')}/`, temp.at('dst')]).code, 0);
      assertSameTree(temp.at('src'), temp.at('dst'), { root: false });
    });
  }

  it('listing a folder of the source: nothing is deleted, exit code 23', () => {
    const ran = bad('src', ['getdents64:error=EIO'], ['-a', '--delete']);
    assert.strictEqual(ran.code, 23, ran.stderr);
    assert.ok(existsSync(temp.at('dst/extra')));
    assert.ok(readFileSync(temp.at('dst/bad')).equals(Buffer.from('old')), 'the old file stays');
  });

  it('listing a folder of the target: nothing is done in it, exit code 23', () => {
    const ran = bad('dst', ['getdents64:error=EIO'], ['-a', '--delete']);
    assert.strictEqual(ran.code, 23, ran.stderr);
    assert.ok(existsSync(temp.at('dst/extra')));
    assert.ok(readFileSync(temp.at('dst/bad')).equals(Buffer.from('old')), 'the old file stays');
  });

  for (const [what, rule] of [['renaming', 'rename,renameat,renameat2:error=EIO'], ['syncing', 'fsync:error=EIO:when=1']] as const) {
    it(`${what} on the target: old files stay, nothing temporary is left`, () => {
      const ran = twintree(['sync', '-a', '--fsync', `${temp.at('src')}/`, temp.at('dst')], { inject: [rule] });
      assert.strictEqual(ran.code, 23, ran.stderr);
      assert.ok(readFileSync(temp.at('dst/bad')).equals(Buffer.from('old')), 'the old file stays');
      assertNoLeftovers(temp.at('dst'));
    });
  }
});

describeIf('as a plain user', whyNoOtherUser(), () => {
  const temp = useTempFolder('plain');
  const run = (args: string[]): ReturnType<typeof twintree> => twintree(['sync', ...args], { uid: PLAIN_UID });
  const own = (path: string): void => { runCommand('chown', ['-R', `${PLAIN_UID}:${PLAIN_UID}`, path]); };

  it('what may not be read or written is each a Problem; nothing is deleted where the source could not be read whole', () => {
    chmodSync(temp.path, 0o755);
    makeTree(temp.at('src'), { secret: file('s', { mode: 0o600, uid: 0 }), ok: file('ok'), closed: dir({ x: file('x') }, { mode: 0o700, uid: 0 }) });
    plainFolder(temp.path, 'dst');
    writeFileSync(temp.at('dst/extra'), 'extra');
    const ran = run(['-rlt', '--delete', `${temp.at('src')}/`, temp.at('dst')]);
    assert.strictEqual(ran.code, 23);
    assert.match(ran.stderr, /secret: .*EACCES/);
    assert.match(ran.stderr, /closed: .*EACCES/);
    assert.deepStrictEqual(readdirSync(temp.at('dst')).sort(), ['closed', 'extra', 'ok']);
  });

  it('a folder that may not be written is a Problem for what is to come there, not for the rest', () => {
    chmodSync(temp.path, 0o755);
    makeTree(temp.at('src'), { a: dir({ x: file('x') }), b: dir({ y: file('y') }) });
    plainFolder(temp.path, 'dst');
    mkdirSync(temp.at('dst/a'), { mode: 0o755 }); // root's
    const ran = run(['-r', `${temp.at('src')}/`, temp.at('dst')]);
    assert.strictEqual(ran.code, 23);
    assert.ok(existsSync(temp.at('dst/b/y')));
    assertNoLeftovers(temp.at('dst'));
  });

  for (const args of [['-a', '--delete'], ['-a', '--delete', '-O'], ['-r', '--delete'], ['-a', '--delete', '--delay-updates'], ['-a', '--delete-during']]) {
    it(`folders without the right to write get their permissions back, whatever is done in or below them (${args.join(' ')})`, () => {
      chmodSync(temp.path, 0o755);
      const readOnly = (children: Tree): ReturnType<typeof dir> => dir(children, { mode: 0o555, mtime: THEN });
      makeTree(temp.at('src'), { p: readOnly({ x: dir({ f: file('1') }, { mtime: LATER }) }), q: readOnly({ new: file('n') }), kept: readOnly({}) });
      makeTree(temp.at('dst'), {
        p: readOnly({ x: dir({ f: file('22') }, { mtime: THEN }) }), q: readOnly({ old: file('o') }), kept: readOnly({ 'keep.me': file('k'), go: file('g') }),
        gone: readOnly({ a: file('a'), in: readOnly({ b: file('b') }) }), held: readOnly({ 'keep.me': file('k'), go: file('g') }),
      });
      for (const side of ['src', 'dst']) own(temp.at(side));
      const ran = run([...args, '--exclude=keep.me', `${temp.at('src')}/`, temp.at('dst')]);
      assert.strictEqual(ran.code, 0, ran.stderr);
      const mode = (path: string): number => statSync(temp.at('dst', path)).mode & 0o7777;
      for (const path of ['p', 'q', 'kept', 'held']) assert.strictEqual(mode(path), 0o555, path);
      assert.deepStrictEqual(readdirSync(temp.at('dst/held')), ['keep.me']);
      assert.deepStrictEqual(readdirSync(temp.at('dst/kept')), ['keep.me']);
      assert.deepStrictEqual(readdirSync(temp.at('dst/q')), ['new']);
      assert.ok(!existsSync(temp.at('dst/gone')));
    });
  }
});
