/** How content gets its place: every option for it beside the real rsync. */
import assert from 'node:assert';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeIf, dir, file, sparse, symlink, useTempFolder, whyNoRsync, type Tree } from '../support/index.js';
import { check, LATER, runHere, sideBySide, THEN, type Scene } from './replace-support.js';

const KB = 1024;
const MB = 1024 * KB;

/** A source with files of sizes around the limits of buffers. */
function source(): Tree {
  return {
    empty: file('', { mtime: LATER }),
    small: file('new content', { mtime: LATER, mode: 0o640 }),
    same: file('same', { mtime: THEN }),
    fresh: file('fresh', { mtime: LATER }),
    large: file({ size: 700 * KB + 17, seed: 1 }, { mtime: LATER }),
    grown: file({ size: 400 * KB, seed: 2 }, { mtime: LATER }),
    shrunk: file({ size: 300 * KB + 1, seed: 3 }, { mtime: LATER }),
    sub: dir({ a: file('a new', { mtime: LATER }), link: symlink('../small', { mtime: LATER }) }, { mtime: LATER }),
  };
}

function old(): Tree {
  return {
    empty: file('was not', { mtime: THEN }),
    small: file('old', { mtime: THEN, mode: 0o600 }),
    same: file('same', { mtime: THEN }),
    large: file({ size: 700 * KB + 17, seed: 9 }, { mtime: THEN }),
    grown: file({ size: 150 * KB, seed: 2 }, { mtime: THEN }),
    shrunk: file({ size: 900 * KB, seed: 3 }, { mtime: THEN }),
    extra: file('extra', { mtime: THEN }),
    sub: dir({ a: file('a old', { mtime: THEN }), link: symlink('nowhere', { mtime: THEN }), gone: file('gone', { mtime: THEN }) }, { mtime: THEN }),
  };
}

const scene = (args: string[], more: Partial<Scene> = {}): Scene => ({ folders: { src: source(), dst: old() }, args: [...args, '@/src/', '@/dst/'], ...more });

/** rsync says of --append-verify's second round what ours does at once. */
function oneRound(lines: string[]): string[] {
  const sized = new Set(lines.filter((line) => line.startsWith('>f.s')).map((line) => line.slice(12)));
  return lines.filter((line) => !line.startsWith('WARNING') && !(line.startsWith('>f..t') && sized.has(line.slice(12))));
}

describeIf('replacing content, beside rsync', whyNoRsync(), () => {
  const temp = useTempFolder('replace');
  for (const args of [
    ['-a'], ['-a', '--inplace'], ['-a', '-W'], ['-a', '--no-whole-file'], ['-a', '--inplace', '--no-whole-file'], ['-a', '-S'], ['-a', '-S', '--inplace'], ['-a', '--preallocate'],
    ['-a', '-S', '--preallocate'], ['-a', '--fsync'], ['-a', '--partial'], ['-a', '--partial-dir=.part'], ['-a', '--partial-dir=@/part'], ['-a', '--delay-updates'],
    ['-a', '--delay-updates', '--delete'], ['-a', '--delete'], ['-a', '--inplace', '--delete'], ['-a', '--no-whole-file', '--delay-updates'], ['-a', '--bwlimit=50M'],
    ['-rlt', '--inplace'], ['-r', '--size-only'], ['-aH', '--inplace'], ['-aH', '--delay-updates'],
  ]) {
    it(args.join(' '), () => check(scene(args, args.includes('-r') ? { ignore: ['mtime', 'dir-mtime', 'link-mtime'], restless: true } : {})));
  }

  for (const append of ['--append', '--append-verify']) {
    it(`${append}: only shorter files are touched`, () => check(scene(['-a', append], { told: oneRound })));
    it(`${append}: a prefix that differs`, () => check({
      folders: {
        src: { f: file('0123456789abcdef', { mtime: LATER }), g: file({ size: 500 * KB, seed: 4 }, { mtime: LATER }) },
        dst: { f: file('0123x', { mtime: THEN }), g: file({ size: 300 * KB, seed: 5 }, { mtime: THEN }) },
      },
      args: ['-a', append, '@/src/', '@/dst/'], told: oneRound, restless: true,
    }));
  }

  for (const [where, inside] of [['beside the target', false], ['inside the target', true]] as const) {
    it(`--temp-dir ${where}`, () => check(scene(['-a', `--temp-dir=${inside ? 'tmp' : '@/tmp'}`], {
      prepare: (at) => { mkdirSync(join(at, inside ? 'dst/tmp' : 'tmp')); }, ignore: ['dir-mtime'],
    })));
  }
  it('--temp-dir that does not exist is an error', async () => {
    const here = temp.path;
    await assert.rejects(runHere(['-a', '--temp-dir=/nonexistent/x', here, here]), /--temp-dir/);
  });

  for (const args of [['-a', '-O', '--delay-updates'], ['-rl', '--delay-updates'], ['-a', '-O', '--delay-updates', '--delete']]) {
    it(`${args.join(' ')}: updates get into place also where folders keep no times`, () => check(scene(args, { restless: args[0] === '-rl', ignore: args[0] === '-rl' ? ['mtime', 'dir-mtime', 'link-mtime'] : ['dir-mtime'] })));
  }

  it('--remove-source-files removes what is in place, and nothing else', () => check(scene(['-a', '--remove-source-files'], { ignore: ['dir-mtime'], restless: true })));
  it('--remove-source-files with --delay-updates', () => check(scene(['-a', '--remove-source-files', '--delay-updates'], { ignore: ['dir-mtime'], restless: true })));
  it('--remove-source-files with --inplace', () => check(scene(['-a', '--remove-source-files', '--inplace'], { ignore: ['dir-mtime'], restless: true })));
  it('-n --remove-source-files removes nothing', () => check(scene(['-an', '--remove-source-files'], { restless: true })));

  it('a sparse file stays sparse, with and without -S', async () => {
    for (const args of [['-a'], ['-aS'], ['-aS', '--inplace']]) {
      const result = await sideBySide({ folders: { src: { s: sparse(64 * MB, [[MB, { size: 4096, seed: 1 }]], { mtime: LATER }) }, dst: {} }, args: [...args, '@/src/', '@/dst/'] });
      assert.ok(statSync(join(result.mine, 'dst/s')).blocks * 512 < 256 * KB, `${args.join(' ')} leaves holes`);
      result.remove();
    }
  });
});
