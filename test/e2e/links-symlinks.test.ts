/** What is done with symlinks beside rsync: -l, -L, --copy-unsafe-links, --safe-links, -k, -K, --munge-links, dangling and looping ones. */
import assert from 'node:assert';
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { likeRsync, type Comparison } from './attributes-support.js';
import { describeIf, dir, file, symlink, time, whyNoRsync, type Tree } from '../support/index.js';

const T = time(1_600_000_000, 77);
const why = whyNoRsync();

function links(): Tree {
  return {
    file: file('file', { mtime: T, mode: 0o640 }),
    folder: dir({ inner: file('inner', { mtime: T }), up: symlink('../file', { mtime: T }), out: symlink('../../outside/x', { mtime: T }), own: symlink('inner', { mtime: T }) }, { mtime: T }),
    'to-file': symlink('file', { mtime: T }),
    'to-folder': symlink('folder', { mtime: T }),
    'to-inner': symlink('folder/inner', { mtime: T }),
    'to-link': symlink('to-file', { mtime: T }),
    'out-relative': symlink('../outside/x', { mtime: T }),
    'out-folder': symlink('../outside/sub', { mtime: T }),
    'out-and-in': symlink('../source/file', { mtime: T }),
    absolute: symlink('/etc/hostname', { mtime: T }),
    winding: symlink('folder/../file', { mtime: T }),
    dots: symlink('./file', { mtime: T }),
  };
}

/** What leads nowhere, or in circles. */
function broken(): Tree {
  return {
    file: file('file', { mtime: T }),
    dangling: symlink('nothing', { mtime: T }),
    'dangling-out': symlink('../nothing', { mtime: T }),
    'loop-a': symlink('loop-b', { mtime: T }), 'loop-b': symlink('loop-a', { mtime: T }),
    self: symlink('self', { mtime: T }),
    'through-file': symlink('file/x', { mtime: T }),
  };
}

/** The tree the links point to outside of the source. */
function outside(path: string, which: 'source' | 'target'): void {
  if (which === 'target') return;
  const folder = join(path, '../outside');
  mkdirSync(join(folder, 'sub'), { recursive: true });
  writeFileSync(join(folder, 'x'), 'outside');
  writeFileSync(join(folder, 'sub/y'), 'below outside');
}

const base: Partial<Comparison> = { root: { mtime: T }, targetRoot: { mtime: T }, prepare: outside };

describeIf('links: symlinks as rsync treats them', why, () => {
  for (const options of [
    ['-a'], ['-aL'], ['-a', '--copy-unsafe-links'], ['-a', '--safe-links'], ['-ak'], ['-aK'], ['-a', '--munge-links'], ['-ak', '--safe-links'], ['-a', '--copy-unsafe-links', '--safe-links'],
    ['-aL', '--safe-links'], ['-ak', '--copy-unsafe-links'], ['-aLH'], ['-r', '-L'], ['-rt', '-k'], ['-rt', '--copy-unsafe-links'], ['-aLAX'], ['-aL', '-c'], ['-a', '--copy-unsafe-links', '-c'], ['-ac', '-k'], ['-aLE', '--no-p'],
    ['-aL', '--exclude=/absolute', '--delete'],
  ]) {
    it(`${options.join(' ')}: into nothing`, () => likeRsync(options, { ...base, source: links(), ...(options.includes('--delete') ? { verifies: false } : {}) }));
    it(`${options.join(' ')}: over a tree of plain links`, () => likeRsync(options, { ...base, source: links(), target: links, ...(options.includes('--delete') ? { verifies: false } : {}) }));
  }

  for (const options of [['-a'], ['-a', '--munge-links'], ['-a', '--safe-links'], ['-ak']]) {
    it(`${options.join(' ')}: dangling and looping links are kept as they are`, () => likeRsync(options, { ...base, source: broken() }));
  }
  for (const options of [['-aL'], ['-aL', '--delete'], ['-a', '--copy-unsafe-links']]) {
    it(`${options.join(' ')}: what leads nowhere is told, and nothing is deleted`, () => likeRsync(options, {
      ...base, source: broken(), target: () => ({ file: file('old', { mtime: time(5) }), extra: file('extra', { mtime: T }), dangling: file('kept', { mtime: T }) }), code: 23, settles: false, verifies: false, lines: true,
    }));
  }

  // The time of that folder is set here; rsync means to, and sets the symlink's.
  it('-K: a symlink to a folder on the target is kept as that folder', () => likeRsync(['-aK'], {
    ...base, ignore: ['dir-mtime', 'link-mtime'], source: { sub: dir({ new: file('new', { mtime: T }) }, { mtime: T }) }, target: () => ({ real: dir({}, { mtime: T }), sub: symlink('real', { mtime: T }) }),
    check: (target) => assert.ok(lstatSync(join(target, 'sub')).isSymbolicLink()),
  }));
  it('without -K it is replaced by a folder', () => likeRsync(['-a'], {
    ...base, source: { sub: dir({ new: file('new', { mtime: T }) }, { mtime: T }) }, target: () => ({ real: dir({}, { mtime: T }), sub: symlink('real', { mtime: T }) }),
    check: (target) => assert.ok(lstatSync(join(target, 'sub')).isDirectory()),
  }));
  it('-K: a symlink to a file, and one that leads nowhere, are replaced by the folder', () => likeRsync(['-aK'], {
    ...base, source: { one: dir({ x: file('x', { mtime: T }) }, { mtime: T }), two: dir({ y: file('y', { mtime: T }) }, { mtime: T }) },
    target: () => ({ real: file('a file', { mtime: T }), one: symlink('real', { mtime: T }), two: symlink('nowhere', { mtime: T }) }),
  }));
  for (const options of [['-a', '--munge-links'], ['-a', '-M--munge-links'], ['-a', '--munge-links', '-M--munge-links'], ['-aK', '-M--munge-links'], ['-a', '--munge-links', '--safe-links']]) {
    it(`${options.join(' ')}: --munge-links unmunges what is read, -M--munge-links munges what is written`, () => likeRsync(options, {
      ...base, verifies: false, lines: !options.includes('-M--munge-links'), // its lines show the text before it is munged
      source: { plain: symlink('file', { mtime: T }), munged: symlink('/rsyncd-munged/file', { mtime: T }), twice: symlink('/rsyncd-munged//rsyncd-munged/x', { mtime: T }), file: file('f', { mtime: T }) },
      target: () => ({ plain: symlink('file', { mtime: T }), twice: symlink('/rsyncd-munged/x', { mtime: T }) }),
    }));
  }
  it('a symlink on the target in place of a file, a file in place of a symlink, texts that differ', () => likeRsync(['-a'], {
    ...base, source: { a: file('a', { mtime: T }), b: symlink('a', { mtime: T }), c: symlink('new', { mtime: T }), d: symlink('x', { mtime: T }), e: dir({}, { mtime: T }) },
    target: () => ({ a: symlink('victim', { mtime: T }), victim: file('victim', { mtime: T }), b: file('was', { mtime: T }), c: symlink('old', { mtime: T }), d: dir({}, { mtime: T }), e: symlink('victim', { mtime: T }) }),
    check: (target) => assert.strictEqual(readFileSync(join(target, 'victim'), 'utf8'), 'victim'),
  }));
  it('a text of the greatest length', () => likeRsync(['-a'], { ...base, lines: false, source: { long: symlink('x'.repeat(4095), { mtime: T }) } }));
  it('texts of any bytes and of the greatest length', () => likeRsync(['-a'], {
    ...base, source: { long: symlink('x'.repeat(1000), { mtime: T }), bytes: symlink('\xff\xfe\n /..//.', { mtime: T }), dashes: symlink('--delete', { mtime: T }) },
  }));
});
