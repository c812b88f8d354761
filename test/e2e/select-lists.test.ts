/** What is chosen, beside rsync: --files-from in all its forms, and file systems inside the source (-x). */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { describeIf, dir, file, symlink, undoAtExit, useTempFolder, whyNoMount, whyNoRsync, makeTree, type Tree } from '../support/index.js';
import { asRsync, differences, make, OLD, old, ours, theirs, type RsyncCase } from './select-support.js';

describeIf('--files-from, beside rsync', whyNoRsync(), () => {
  const folder = useTempFolder('list');
  const source = (): Tree => ({ f1: '1\n', l: symlink('f1'), a: dir({ f2: '22\n', q: 'q', b: dir({ f3: '333\n' }) }, { mode: 0o700 }), e: dir(), k: symlink('a') });
  const full = (): Tree => ({ d: dir({ a: dir({ b: dir(), o: 'o' }), old: dir() }) });

  /** One test: the list in a file `list`. */
  function like(title: string, list: string, args: string, more: () => Tree = () => ({}), by: Partial<RsyncCase> = {}): void {
    it(`${title}: ${JSON.stringify(list)} ${args}`, async () => {
      await asRsync(folder, { given: { s: dir(source()), d: dir(), list: file(list), ...more() }, args: args.split(' '), ...by });
    });
  }

  like('files and a folder', 'f1\na/f2\na/b\n', '-ai --files-from=list s d');
  like('a folder without its content', 'a\n', '-ai --files-from=list s d');
  like('a folder with its entries', 'a/\n', '-ai --files-from=list s d');
  like('a folder with all that is below', 'a\n', '-air --files-from=list s d');
  like('the same with a slash', 'a/\n', '-air --files-from=list s/ d');
  like('the source itself', '.\n', '-ai --files-from=list s d');
  like('the source itself with a slash', './\n', '-ai --files-from=list s d');
  like('the source itself with all', '.\n', '-air --files-from=list s d');
  like('comments and empty lines', '# x\n;y\n\nf1\n', '-ai --files-from=list s d');
  like('lines ended as elsewhere', 'f1\r\na/f2\r\n', '-ai --files-from=list s d');
  like('no newline at the end', 'f1\na/f2', '-ai --files-from=list s d');
  like('ended by NUL', 'f1\0a/f2\0', '-ai -0 --files-from=list s d');
  like('twice the same', 'f1\nf1\na/f2\n./f1\n', '-ai --files-from=list s d');
  like('with a leading slash', '/f1\n/a/f2\n', '-ai --files-from=list s d');
  like('from /./ on', 'a/./b/f3\n', '-ai --files-from=list s d');
  like('with .. inside', 'a/../f1\n', '-ai --files-from=list s d');
  like('never out of the source', '../d/x\nf1\n', '-ai --files-from=list s d', () => ({ d: dir({ x: 'x' }) }));
  like('what is not there', 'f1\nnope\na/nope\nzz/nope\n', '-ai --files-from=list s d');
  like('what is not there, ignored', 'f1\nnope\na/nope\nzz/nope\n', '-ai --ignore-missing-args --files-from=list s d');
  like('what is not there, deleted', 'f1\nold\na/o\n', '-ai --delete-missing-args --files-from=list s d', full);
  like('what is not there, deleted where the source lacks its folder too', 'f1\nold\na/o\nzz/nope\n', '-ai --delete-missing-args --files-from=list s d', full);
  like('what is not there, beside --delete', 'f1\nold\na/o\n', '-ai --delete --delete-missing-args --files-from=list s d', full);
  like('deleting below a folder', 'a/\n', '-air --delete --files-from=list s d', full);
  like('deleting among its entries', 'a/\n', '-ai --delete --files-from=list s d', full);
  like('deleting nothing in a folder alone', 'a\n', '-ai --delete --files-from=list s d', full);
  like('without -R', 'a/f2\na/b/f3\nf1\n', '-ai --no-R --files-from=list s d');
  like('without -R, folders', 'a/b\na\n', '-ai --no-R --files-from=list s d');
  like('without -R, a folder with all', 'a/b\n', '-air --no-R --files-from=list s d');
  like('without -R, the content of a folder', 'a/b/\n', '-ai --no-R --files-from=list s d');
  like('without the folders on the way', 'a/f2\n', '-ai --no-implied-dirs --files-from=list s d');
  like('without folders', 'a\nf1\n', '-ai --no-dirs --files-from=list s d', () => ({}), { again: false });
  like('through a symlink', 'k/f2\n', '-ai --files-from=list s d');
  like('a symlink with a slash', 'k/\n', '-ai --files-from=list s d');
  like('a symlink', 'k\n', '-air --files-from=list s d');
  like('with filters', 'f1\na/f2\na/q\n', '-ai --exclude=q --files-from=list s d');
  like('with a filter for the folder on the way', 'f1\na/f2\na/q\n', '-ai --exclude=a --files-from=list s d');
  like('with a filter below', 'a\n', '-air --exclude=b --files-from=list s d');
  like('one file alone gets the name of the target', 'f1\n', '-ai --files-from=list s x');
  like('one file alone, without -R', 'a/f2\n', '-ai --no-R --files-from=list s x');
  like('into a new folder', 'a/f2\nf1\n', '-ai --files-from=list s x');

  it('a NUL byte without -0 is refused (rsync takes what stands before it)', async () => {
    const work = make(folder, 'w', { s: dir(source()), d: dir(), list: file('f1\0a/f2\0') });
    const told = await ours(['-ai', '--files-from=list', 's', 'd'], work);
    assert.strictEqual(told.code, 1);
    assert.match(told.stderr, /-0/);
  });
});

describeIf('one file system (-x), beside rsync', whyNoRsync() ?? whyNoMount('tmpfs'), () => {
  const mounted: (() => void)[] = [];
  afterEach('unmount', () => { // before the temporary folder is removed: hooks run in this order
    for (const unmount of mounted.splice(0).toReversed()) unmount();
  });
  const folder = useTempFolder('mounts');

  function mountIn(work: string): void {
    for (const at of ['s/m', 's/n/k']) {
      const path = `${work}/${at}`;
      const done = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=755', 'none', path], { encoding: 'utf8' });
      assert.strictEqual(done.status, 0, done.stderr);
      mounted.push(undoAtExit(() => { spawnSync('umount', [path]); }));
      makeTree(path, old({ in: 'in', sub: dir({ q: 'q' }) }), { mtime: OLD });
    }
  }

  const lines = ['-ai s/ d', '-ai s d', '-ai s/m s/ d', '-ai s/m/ d', '-ai s/m d', '-aiR s/./m/sub s/./n d', '-dlti s/ d', '-avv s/ d'];
  for (const x of ['-x', '-xx']) {
    for (const line of lines) {
      for (const more of ['', '--delete']) {
        it([x, more, line].filter((part) => part !== '').join(' '), async () => {
          // Given a source with two file systems in it, and a target that has something in their places
          const given = (): Tree => ({
            s: dir({ f: '1', m: dir(), n: dir({ k: dir(), g: '2' }), o: dir(), ml: symlink('m') }),
            d: dir(more === '' ? {} : { m: dir({ sub: dir(), old: 'o' }), n: dir({ k: dir({ old: 'o' }) }), zz: 'z' }),
          });
          const peer = make(folder, 'peer', given());
          const work = make(folder, 'work', given());
          mountIn(peer);
          mountIn(work);
          const args = [x, ...(more === '' ? [] : [more]), ...line.split(' ')];
          const rsyncs = theirs(args, peer);
          const planned = await ours(['-n', '--no-detect-moves', ...args], work);
          const told = await ours(['--no-detect-moves', ...args], work);
          // Then both have told and done the same
          assert.deepStrictEqual({ code: told.code, lines: told.lines.sort() }, { code: rsyncs.code, lines: rsyncs.lines.sort() });
          assert.deepStrictEqual(planned.lines.sort(), told.lines);
          assert.deepStrictEqual(differences(`${peer}/d`, `${work}/d`), []);
        });
      }
    }
  }
});
