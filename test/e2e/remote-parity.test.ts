/**
 * All options over a connection, in both directions, do what they do between local trees: the same result, the same lines, the same exit
 * code. Every case runs the sync three times on equal trees.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { remoteShell, syncBy, type Way } from './remote-support.js';
import { assertSameTree, changedTree, dir, file, makeTree, randomTree, runCommand, sparse, symlink, time, treePaths, useTempFolder, type Tree } from '../support/index.js';

const T = time(1_600_000_000, 123_456_789);
const OLD = time(1_500_000_000);

/** One of most things. */
function source(): Tree {
  const linked = file('linked', { mtime: T });
  return {
    same: file('same', { mtime: T }), changed: file('new content', { mtime: T }), grown: file({ size: 300_000, seed: 1 }, { mtime: T }), mode: file('m', { mtime: T, mode: 0o600 }),
    empty: file('', { mtime: T }), 'odd\n\xff name': file('odd', { mtime: T }), one: linked, two: linked, link: symlink('same', { mtime: T }), out: symlink('/etc/hostname', { mtime: T }),
    dangling: symlink('nowhere', { mtime: T }), 'a.o': file('object', { mtime: T }), '.gitignore': file('*.tmp\n', { mtime: T }), 'x.tmp': file('t', { mtime: T }),
    '.rsync-filter': file('- *.bak\n', { mtime: T }), 'x.bak': file('b', { mtime: T }), large: file({ size: 2_000_000, seed: 2 }, { mtime: T }), holes: sparse(3_000_000, [[1_000_000, 'data']], { mtime: T }),
    xattr: file('x', { mtime: T, xattrs: { 'user.a': 'b' }, acl: 'u:1000:r--,m::r--' }),
    d: dir({ inner: file('inner', { mtime: T }), deeper: dir({ leaf: file('leaf', { mtime: T }), 'y.o': file('o', { mtime: T }) }, { mtime: T }), none: dir({}, { mtime: T }) }, { mtime: T, mode: 0o750 }),
    empties: dir({ a: dir({ b: dir({}, { mtime: T }) }, { mtime: T }) }, { mtime: T }),
  };
}

function target(): Tree {
  return {
    same: file('same', { mtime: T }), changed: file('old content', { mtime: OLD }), grown: file({ size: 200_000, seed: 1 }, { mtime: OLD }), mode: file('m', { mtime: T, mode: 0o644 }),
    extra: file('extra', { mtime: OLD }), 'extra.o': file('o', { mtime: OLD }), 'e.bak': file('b', { mtime: OLD }), link: symlink('elsewhere', { mtime: OLD }), d: dir({ gone: file('gone', { mtime: OLD }), inner: dir({ x: file('x', { mtime: OLD }) }, { mtime: OLD }) }, { mtime: OLD }),
    large: file({ size: 2_000_000, seed: 2 }, { mtime: OLD }), olddir: dir({ f: file('f', { mtime: OLD }) }, { mtime: OLD }), newer: file('n', { mtime: time(1_700_000_000) }),
  };
}

/** Options of one run; `-i` shows what it did. */
const CASES: readonly string[][] = [
  ['-a'], ['-aHAXS', '--delete'], ['-rlptgoD', '--delete-before'], ['-a', '--delete-during'], ['-a', '--delete-excluded', '--exclude=*.o'], ['-a', '-c'], ['-aI'], ['-a', '--size-only'], ['-au'],
  ['-a', '--existing'], ['-a', '--ignore-existing'], ['-a', '--delete', '--force'], ['-aL'], ['-a', '--safe-links'], ['-a', '--copy-unsafe-links'], ['-ak'], ['-aK'], ['-a', '--munge-links'],
  ['-a', '--inplace'], ['-a', '--inplace', '--no-whole-file'], ['-a', '--no-whole-file'], ['-aW'], ['-a', '--append'], ['-a', '--append-verify'], ['-ab', '--suffix=.old'], ['-ab', '--backup-dir=kept'],
  ['-a', '--delay-updates'], ['-a', '--partial-dir=.p'], ['-a', '-F', '--delete'], ['-aC'], ['-a', '--gitignore', '--delete'], ['-a', '--include=*/', '--include=*.o', '--exclude=*'], ['-am', '--exclude=*.o', '--exclude=leaf'],
  ['-a', '--max-size=100K'], ['-a', '--min-size=100'], ['-a', '--max-delete=2', '--delete'], ['-an', '--delete'], ['-d'], ['-r'], ['-rt', '--chmod=D700,F600'], ['-a', '--chown=1000:1001'], ['-a', '--usermap=0:7'],
  ['-a', '--numeric-ids'], ['-aO'], ['-aJ'], ['-a', '--fsync'], ['-a', '--preallocate'], ['-aS'], ['-a', '--stats'], ['-aii'], ['-a', '-z'], ['-a', '--no-compress'], ['-aE', '--no-p'], ['-a', '--no-t'], ['-aU', '--open-noatime'],
  ['-a', '--remove-source-files'], ['-a', '--delete', '--filter=P extra', '--filter=H d'], ['-ax'], ['-a', '--list-only'], ['-a', '--bwlimit=100M'], ['-a', '--temp-dir=/tmp'], ['-a', '--omit-dir-times', '--delete-delay'],
];

describe('sync over a connection does what a local sync does', () => {
  const tmp = useTempFolder('parity');
  const root = process.getuid?.() === 0;

  /** Runs one way on trees of its own. */
  function run(way: Way, options: readonly string[], from: Tree, to: Tree | undefined): { code: number | null; lines: string; errors: string; s: string; t: string } {
    const s = tmp.at(`${way}-s`);
    const t = tmp.at(`${way}-t`);
    makeTree(s, from, { mtime: T });
    if (to !== undefined) makeTree(t, to, { mtime: OLD });
    const done = syncBy(way, remoteShell(tmp), ['-i', ...options], `${s}/`, t);
    return { code: done.code, lines: plain(done.stdout), errors: done.stderr.replaceAll(`${way}-`, ''), s, t };
  }

  /** What may differ: rates and times, and the letter that says that content came over a wire. */
  function plain(stdout: string): string {
    return stdout.split('\n').filter((line) => !/bytes\/sec|^(?:File list|Total bytes|Literal data|Matched data|sent |Elapsed|total size is)/.test(line)).map((line) => line.replace(/^<f/, '>f')).join('\n');
  }

  for (const options of CASES) {
    const needsRoot = options.some((option) => /chown|usermap/.test(option));
    it(options.join(' '), function () {
      if (needsRoot && !root) return this.skip();
      const [local, push, pull] = (['local', 'push', 'pull'] as const).map((way) => run(way, options, source(), target()));
      for (const [way, remote] of [['push', push], ['pull', pull]] as const) {
        assert.deepEqual([way, remote?.code, remote?.errors, remote?.lines], [way, local?.code, local?.errors, local?.lines]);
        const ignore = options.includes('--usermap=0:7') ? [] : [];
        assertSameTree(local?.t as string, remote?.t as string, { ignore: [...ignore, ...(options.some((o) => /^--no-t|^-r$|^-d$/.test(o)) ? ['mtime', 'dir-mtime', 'link-mtime'] as const : []), ...(/O|omit-dir|-ab/.test(options.join(' ')) ? ['dir-mtime'] as const : []), ...(/J/.test(options.join(' ')) ? ['link-mtime'] as const : [])] });
        if (options.includes('--remove-source-files')) assert.deepEqual(treePaths(remote?.s as string), treePaths(local?.s as string));
      }
    });
  }

  for (let seed = 1; seed <= 6; seed++) {
    it(`random trees, -aHAX --delete (seed ${seed})`, () => {
      const old = randomTree(seed, { entries: 60 });
      const fresh = changedTree(old, seed, { changes: 25 });
      const [local, push, pull] = (['local', 'push', 'pull'] as const).map((way) => run(way, ['-aHAX', '--delete'], fresh, old));
      for (const [way, remote] of [['push', push], ['pull', pull]] as const) {
        assert.deepEqual([way, remote?.code, remote?.errors, remote?.lines], [way, 0, '', local?.lines]);
        assertSameTree(fresh === undefined ? '' : (remote?.s as string), remote?.t as string);
      }
    });
  }

  it('several sources, files, -R, --files-from and a single file under another name', () => {
    const shell = remoteShell(tmp);
    makeTree(tmp.at('a'), { f: file('f', { mtime: T }), d: dir({ g: file('g', { mtime: T }) }, { mtime: T }) }, { mtime: T });
    makeTree(tmp.at('b'), { f: file('other', { mtime: T }), h: file('h', { mtime: T }) }, { mtime: T });
    const cases: [string[], string[], string][] = [
      [['-a'], [tmp.at('a'), `${tmp.at('b')}/`], 'many'], [['-a'], [tmp.at('a', 'f')], 'renamed'], [['-aR'], [`${tmp.path}/./a/d/g`, `${tmp.path}/./b/h`], 'relative'],
      [['-a', `--files-from=${tmp.at('list')}`], [tmp.path], 'listed'], [['-a', '--mkpath'], [`${tmp.at('a')}/`], 'deep/er/path'], [['-a'], [tmp.at('absent'), tmp.at('b')], 'missing'],
    ];
    runCommand('sh', ['-c', `printf 'a/d/g\\nb/h\\n' > '${tmp.at('list')}'`]);
    for (const [options, sources, name] of cases) {
      const results = (['local', 'push', 'pull'] as const).map((way) => {
        mkdirSync(tmp.at(way), { recursive: true });
        const done = syncBy(way, shell, ['-i', ...options], sources, tmp.at(way, name));
        return { code: done.code, lines: plain(done.stdout), errors: done.stderr };
      });
      assert.deepEqual(results[1], results[0], `push ${name}`);
      assert.deepEqual(results[2], results[0], `pull ${name}`);
      assertSameTree(tmp.at('local', name), tmp.at('push', name));
      assertSameTree(tmp.at('local', name), tmp.at('pull', name));
    }
  });

  it('--link-dest and --compare-dest are folders of the target’s host', () => {
    for (const way of ['local', 'push', 'pull'] as const) {
      makeTree(tmp.at(`${way}-s`), { same: file('same', { mtime: T }), other: file('new', { mtime: T }) }, { mtime: T });
      cpSync(tmp.at(`${way}-s`), tmp.at(`${way}-base`), { recursive: true, preserveTimestamps: true });
      runCommand('rsync', ['-a', `${tmp.at(`${way}-s`)}/`, `${tmp.at(`${way}-base`)}/`]);
      makeTree(tmp.at(`${way}-s`), { same: file('same', { mtime: T }), other: file('newer', { mtime: T }) }, { mtime: T });
      const done = syncBy(way, remoteShell(tmp), ['-ai', `--link-dest=../${way}-base`], `${tmp.at(`${way}-s`)}/`, tmp.at(`${way}-t`));
      assert.equal(done.code, 0, done.stderr);
      assert.ok(existsSync(tmp.at(`${way}-t`, 'other')));
      assert.equal(runCommand('stat', ['-c', '%h', tmp.at(`${way}-t`, 'same')]).stdout.trim(), '2', way);
    }
  });

  it('verify tells the same differences', () => {
    makeTree(tmp.at('s'), source(), { mtime: T });
    makeTree(tmp.at('t'), target(), { mtime: OLD });
    const shell = remoteShell(tmp);
    const local = runCommand(process.execPath, ['-e', '0']);
    assert.equal(local.code, 0);
    const told = (['local', 'push', 'pull'] as const).map((way) => syncBy(way, shell, ['-aHAXcni', '--delete'], `${tmp.at('s')}/`, tmp.at('t')));
    assert.deepEqual(told.map((t) => [t.code, plain(t.stdout)]), told.map(() => [told[0]?.code, plain(told[0]?.stdout ?? '')]));
  });
});
